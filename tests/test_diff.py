"""A diff makes of the old text the new one."""

import subprocess
from pathlib import Path
from random import Random

from lint.diff import unified

LINES = ("a: 1", "b:", "- c", "", "once: 1", "once: 2", "once: 3", "once: 4")


def test_git_applies_it(tmp_path: Path) -> None:
    chance, diffs, new = Random(1), [], {}
    for name in map(str, range(300)):
        old = text(chance)
        (tmp_path / name).write_text(old)
        new[name] = changed(old, chance)
        if new[name] != old:
            diffs.append(unified(name, old.encode(), [(0, old, new[name])]))

    subprocess.run(
        ("git", "apply", "-p0", "--unidiff-zero", "-"),
        cwd=tmp_path,
        input="".join(diffs),
        text=True,
        check=True,
    )

    assert {name: (tmp_path / name).read_text() for name in new} == new


def text(chance: Random) -> str:
    """Write some lines, a few of them only once; the last may be without its end."""
    lines = chance.choices(LINES, k=chance.randint(1, 15))
    return "\n".join(lines) + chance.choice(("", "\n"))


def changed(old: str, chance: Random) -> str:
    """Take lines away, and put new ones in."""
    lines = old.split("\n")
    for _ in range(chance.randint(0, 3)):
        place = chance.randint(0, len(lines))
        lines[place : place + chance.randint(0, 2)] = chance.choices(LINES, k=chance.randint(0, 2))
    return "\n".join(lines) or "a: 1\n"
