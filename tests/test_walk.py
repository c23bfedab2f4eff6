"""The walk finds what git would show, and whatever was named."""

import inspect
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lint.walk import Unreadable, files

PATTERNS = (
    "a b ab foo x.yaml a.yaml *.yaml * ** ? a* *b *a*b* f*o* *.y?ml a**b *** [ab] [!a] [^]] []a] [a-c]* [a-]"
    r" [b-a] [[:alpha:]]* [[:lower:][:digit:]]* [[:bad:]] [[:a:b:]] [[::]] [[:alpha:] [] [!] [a [\]]* [!-~]"
    r" [&&~|] \a a\* \!a \#a a\ #a !a a[/]b"
).split()
FOLDERS = ("a", "b", "ab", "a b", "foo", "fXoo", "A", " a", "#a", "!a", "a*", "a-", "]", "d1")
FILES = (
    "x.yaml",
    "a.yaml",
    "b.yaml",
    "foo.yaml",
    "ab.yml",
    "A.yaml",
    "#a.yaml",
    "!a.yaml",
    "a .yaml",
    "].yaml",
)


def write(folder: Path, *names: str) -> None:
    """Make files that say nothing."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Enter an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_gives_yaml_json_and_templates_in_the_order_of_their_paths(tree: Path) -> None:
    write(tree, "b.yml", "a/z.json", "a/b/c.yaml", "a-b.tpl", "a.yaml", "README.md", "script.py")

    assert list(files(["."])) == ["a-b.tpl", "a.yaml", "a/b/c.yaml", "a/z.json", "b.yml"]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("jobs", "jobs/a.yaml"),
        ("jobs/", "jobs/a.yaml"),
        ("./jobs", "./jobs/a.yaml"),
        ("jobs/a.yaml", "jobs/a.yaml"),
    ],
)
def test_paths_are_shown_as_they_were_given(tree: Path, given: str, found: str) -> None:
    write(tree, "jobs/a.yaml")

    assert list(files([given])) == [found]


def test_an_absolute_folder_gives_absolute_paths(tree: Path) -> None:
    write(tree, "jobs/a.yaml")

    assert list(files([str(tree)])) == [str(tree / "jobs/a.yaml")]


def test_a_named_file_is_taken_whatever_its_name_and_whoever_ignores_it(tree: Path) -> None:
    write(tree, "job.txt", "secret.yaml")
    (tree / ".gitignore").write_text("secret.yaml\n")

    assert list(files(["job.txt", "secret.yaml"])) == ["job.txt", "secret.yaml"]


def test_a_named_folder_is_searched_even_when_it_is_ignored(tree: Path) -> None:
    write(tree, "build/a.yaml", ".git/HEAD")
    (tree / ".gitignore").write_text("build/\n")

    assert list(files(["."])) == []
    assert list(files(["build"])) == ["build/a.yaml"]


def test_what_was_named_twice_is_found_once(tree: Path) -> None:
    write(tree, "jobs/a.yaml")

    assert list(files(["jobs", "./jobs/a.yaml", "jobs/"])) == ["jobs/a.yaml"]


def test_the_standard_input_is_handed_on(tree: Path) -> None:
    assert list(files(["-"])) == ["-"]
    assert not list(tree.iterdir())


@pytest.mark.parametrize("name", [".git", ".hg", ".venv", "node_modules", ".tox", ".terraform"])
def test_folders_of_tools_are_passed_over(tree: Path, name: str) -> None:
    write(tree, f"{name}/a.yaml", f"sub/{name}/a.yaml")

    assert list(files(["."])) == []


def test_what_is_not_there_is_told(tree: Path) -> None:
    assert list(files([str(tree / "nothing.yaml")])) == [
        Unreadable(str(tree / "nothing.yaml"), "no such file or directory")
    ]


def test_a_folder_that_vanishes_is_told(tree: Path) -> None:
    write(tree, "a.yaml", "sub/b.yaml", "z.yaml")
    found = files(["."])
    first = next(found)
    shutil.rmtree("sub")

    assert [first, *found] == ["a.yaml", Unreadable("sub", "no such file or directory"), "z.yaml"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_is_told_and_never_opened(tree: Path) -> None:
    os.mkfifo("pipe.yaml")
    os.mkfifo(".gitignore")
    write(tree, "a.yaml")

    assert list(files(["."])) == ["a.yaml", Unreadable("pipe.yaml", "a pipe, not a file")]
    assert list(files(["pipe.yaml"])) == [Unreadable("pipe.yaml", "a pipe, not a file")]
    assert list(files([os.devnull])) == [Unreadable(os.devnull, "a device, not a file")]


def test_links_to_files_are_read_and_links_to_folders_are_not_followed(tree: Path) -> None:
    write(tree, "real/a.yaml")
    (tree / "file.yaml").symlink_to("real/a.yaml")
    (tree / "folder").symlink_to("real")
    (tree / "folder.yaml").symlink_to("real")
    (tree / "real/circle").symlink_to("..")

    assert list(files(["."])) == ["file.yaml", "real/a.yaml"]
    assert list(files(["folder"])) == ["folder/a.yaml"]


def test_links_that_lead_nowhere_are_told(tree: Path) -> None:
    (tree / "gone.yaml").symlink_to("nothing")
    (tree / "self.yaml").symlink_to("self.yaml")

    gone, circle = files(["."])

    assert gone == Unreadable("gone.yaml", "no such file or directory")
    assert isinstance(circle, Unreadable)


def test_names_that_are_not_utf_8_are_found(tree: Path) -> None:
    try:
        (tree / os.fsdecode(b"\xff.yaml")).touch()
    except OSError:
        pytest.skip("the file system takes UTF-8 names only")
    (tree / ".gitignore").write_bytes(b"\xfe.yaml\n")

    assert list(files(["."])) == ["\udcff.yaml"]


def test_deep_trees_need_no_recursion(tree: Path) -> None:
    deep = "d/" * 200
    write(tree, deep + "a.yaml")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 100)
    try:
        found = list(files(["."]))
    finally:
        sys.setrecursionlimit(limit)

    assert found == [deep + "a.yaml"]


def test_gitignore_files_hold_without_a_repository(tree: Path) -> None:
    write(tree, "a.yaml", "b.yaml", "sub/a.yaml", "sub/c.yaml")
    (tree / ".gitignore").write_text("a.yaml\n")
    (tree / "sub/.gitignore").write_text("!a.yaml\n/c.yaml\n")

    assert list(files(["."])) == ["b.yaml", "sub/a.yaml"]


def test_gitignore_files_above_the_folder_hold_up_to_the_root_of_the_repository(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tree, "repo/.git", "repo/sub/deep/a.yaml", "repo/sub/deep/b.yaml", "repo/sub/deep/c.yaml")
    (tree / ".gitignore").write_text("*\n")
    (tree / "repo/.gitignore").write_text("/sub/deep/a.yaml\n")
    (tree / "repo/sub/.gitignore").write_text("deep/b.yaml\n")

    assert list(files(["repo/sub/deep"])) == ["repo/sub/deep/c.yaml"]

    monkeypatch.chdir(tree / "repo/sub/deep")

    assert list(files(["."])) == ["c.yaml"]
    assert list(files([".."])) == ["../deep/c.yaml"]


def test_a_repository_inside_another_has_its_own_rules(tree: Path) -> None:
    write(tree, ".git/HEAD", "a.yaml", "module/.git", "module/a.yaml", "module/b.yaml")
    (tree / ".gitignore").write_text("a.yaml\n")
    (tree / "module/.gitignore").write_text("/b.yaml\n")

    assert list(files(["."])) == ["module/a.yaml"]


def test_gitignore_may_have_a_byte_order_mark_and_windows_lines(tree: Path) -> None:
    write(tree, "a.yaml", "b.yaml", "c.yaml")
    (tree / ".gitignore").write_bytes(b"\xef\xbb\xbfa.yaml\r\nb.yaml  \r\n")

    assert list(files(["."])) == ["c.yaml"]


def grow(chance: random.Random, folder: Path, depth: int) -> None:
    """Make a random tree with `.gitignore` files in it."""
    folder.mkdir(exist_ok=True)
    write(folder, *chance.sample(FILES, chance.randint(1, 4)))
    if depth == 3 or chance.random() < 0.3:
        lines = "".join(pattern(chance) + "\n" for _ in range(chance.randint(1, 7)))
        (folder / ".gitignore").write_text(lines, newline="")
    for name in chance.sample(FOLDERS, chance.randint(1, 4) if depth else 0):
        grow(chance, folder / name, depth - 1)


def pattern(chance: random.Random) -> str:
    """Make a random line."""
    steps = "/".join(chance.choices(PATTERNS, k=chance.choice((1, 1, 1, 2, 2, 3))))
    end = chance.choice(("", "", "", "/", "/**", "/*", " ", "\t", "\r"))
    return chance.choice(("", "", "", "!")) + chance.choice(("", "", "/", "**/")) + steps + end


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("seed", range(100))
def test_random_trees_are_seen_as_git_sees_them(tree: Path, seed: int) -> None:
    grow(random.Random(seed), tree, 3)
    mine = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "init", "--quiet"], check=True, env=mine)
    listing = ["git", "ls-files", "-coz", "--exclude-standard", "*.yaml", "*.yml"]
    shown = subprocess.run(listing, check=True, env=mine, capture_output=True).stdout

    assert list(files(["."])) == sorted(os.fsdecode(shown).split("\0")[:-1])
