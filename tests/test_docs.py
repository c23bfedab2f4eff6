"""What docs/ says is what happens: every block of its pages is run or read, and the site is built of them.

A page is run from top to bottom, by one shell, in a folder of its own.

- `console` has commands behind `$ `, and below each all that it prints; a line `...` stands for any lines.
  `pytest --rewrite tests/test_docs.py` writes it again.
- `sh` is run, and has to succeed.
- With the title "in a cluster", these two are run where there is an API server only.
- Any other title is the name of the file that the block is.
- `yaml`, `json` and `toml` have to be that; YAML without a title is a policy, or a Job or a part of one, in
  which there is no error. What other tools are told to run is run.
- `text`, `lua` and `lisp` are for people.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from blocks import BLOCK, IN_A_CLUSTER, PAGES, ROOT, Block, Shell, blocks, shell
from conftest import put

from lint.document import parse
from lint.linter import check
from lint.policy import Policy
from lint.policy_file import load
from lint.policy_schema import schema
from lint.rule import Severity
from lint.rules import RULES

if TYPE_CHECKING:
    from apiserver import ApiServer

pytest_plugins = ["apiserver"]

POLICY = frozenset(schema()["properties"])


@pytest.fixture(params=PAGES, ids=lambda page: page.name)
def page(request: pytest.FixtureRequest) -> Path:
    """Return one page after the other."""
    return Path(request.param)


def test_what_a_page_shows_happens(page: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with shell(tmp_path) as run:
        shown(page, run, [one for one in blocks(page) if one.title != IN_A_CLUSTER], request)


IN_CLUSTERS = [page for page in PAGES if any(one.title == IN_A_CLUSTER for one in blocks(page))]


@pytest.mark.parametrize("page", IN_CLUSTERS, ids=lambda page: page.name)
def test_what_a_page_shows_happens_in_a_cluster(
    page: Path, tmp_path: Path, request: pytest.FixtureRequest, apiserver: "ApiServer"
) -> None:
    path = f"{tmp_path}/bin:{Path(sys.executable).parent}:{apiserver.assets}:/usr/bin:/bin"
    with shell(tmp_path, KUBECONFIG=str(apiserver.kubeconfig), PATH=path) as run:
        shown(page, run, blocks(page), request)
    apiserver.kubectl("delete", "jobs,cronjobs", "--all", "--all-namespaces", "--wait=false")
    attempt = ("create", "job", "canary", "--image=canary:1", "--dry-run=server")
    apiserver.wait("the end of its policies", lambda: "Policy" not in apiserver.kubectl(*attempt).stderr)


def shown(page: Path, run: Shell, chosen: list[Block], request: pytest.FixtureRequest) -> None:
    """Run or read blocks of a page."""
    for block in chosen:
        if block.file:
            put(str(run.folder / block.file), block.text)
        try:
            told = LANGUAGES[block.language](block, run)
        except Exception as error:
            error.add_note(f"docs/{page.name}:{block.line}")
            raise
        if told != block.text and request.config.getoption("--rewrite"):
            page.write_text(page.read_text().replace(f"\n{block.text}```\n", f"\n{told}```\n"))
        else:
            assert told == block.text, f"docs/{page.name}:{block.line}"


def console(block: Block, run: Shell) -> str:
    """Run commands; return the block as it is in truth."""
    told = []
    for part in re.split(r"^(?=\$ )", block.text, flags=re.MULTILINE)[1:]:
        command = re.match(r"\$ ((?:[^\n]*\\\n)*[^\n]*\n)", part)
        assert command
        _, output = run.run(command[1])
        output += "\n" if output and not output.endswith("\n") else ""
        wanted = part[command.end() :]
        pattern = "".join(
            r"(.*\n)*" if line == "...\n" else re.escape(line) for line in wanted.splitlines(keepends=True)
        )
        told += [command[0], wanted if re.fullmatch(pattern, output) else output]
    return "".join(told)


def sh(block: Block, run: Shell) -> str:
    """Run a script."""
    status, output = run.run(f"set -e\n{block.text}\nset +e")
    assert status == 0, output
    return block.text


def data(read: Callable[[str], Any]) -> Callable[[Block, Shell], str]:
    """Read a block of some format."""

    def read_block(block: Block, _run: Shell) -> str:
        read(block.text)
        return block.text

    return read_block


def yaml_(block: Block, run: Shell) -> str:
    """Read YAML; it is the file of another tool, a policy, or of a Job."""
    trees = list(yaml.safe_load_all(block.text))
    keys = {key for tree in trees for key in tree}
    tool = next((TOOLS[name] for name in TOOLS if block.file.startswith(name)), None)
    if tool is not None:
        tool(trees[0], block.file, run)
        (run.folder / block.file).unlink()
    elif block.file.endswith("jobwarden.yaml") or (not block.file and keys <= POLICY):
        load(block.text, block.file or "jobwarden.yaml")
    elif not block.file:
        assert keys <= {"apiVersion", "kind", "metadata", "spec"}, "what is this?"
        found = check(parse(block.text), Policy())
        assert [one for one in found if one.violation.severity == Severity.ERROR] == []
    return block.text


def pre_commit(tree: Any, file: str, run: Shell) -> None:
    """Check the configuration of pre-commit, and run its hooks as it would."""
    checked("pre_commit", "validate-config", str(run.folder / file))
    hooks = {one["id"]: one for one in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
    for hook in tree["repos"][0]["hooks"]:
        script(" ".join((hooks[hook["id"]]["entry"], *hook.get("args", ()), "*/*.yaml")), run)


def github(tree: Any, file: str, run: Shell) -> None:
    """Check a workflow, run its scripts, and what our action would run."""
    checked("check_jsonschema", "--builtin-schema=vendor.github-workflows", str(run.folder / file))
    inputs = yaml.safe_load((ROOT / "action.yml").read_text())["inputs"]
    for step in (step for job in tree["jobs"].values() for step in job["steps"]):
        if "run" in step:
            script(step["run"], run)
        elif step["uses"].startswith("OWNER/jobwarden@"):
            assert step["with"].keys() <= inputs.keys()
            script(f"jobwarden lint {step['with']['args']}", run)


def gitlab(tree: Any, file: str, run: Shell) -> None:
    """Check a pipeline, run its scripts, and look for what they have to leave."""
    checked("check_jsonschema", "--builtin-schema=vendor.gitlab-ci", str(run.folder / file))
    for job in tree.values():
        for line in [job["script"]] if isinstance(job["script"], str) else job["script"]:
            script(line, run)
        for report in job["artifacts"]["reports"].values():
            assert (run.folder / report).exists()


def checked(*command: str) -> None:
    """Run another tool, which has to be content."""
    done = subprocess.run((sys.executable, "-m", *command), check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def script(text: str, run: Shell) -> None:
    """Run what another tool would; it may have found something."""
    status, output = run.run(f"bash -eo pipefail <<'END'\n{text}\nEND")
    assert status in (0, 1), output


TOOLS = {".pre-commit-config.yaml": pre_commit, ".github/workflows/": github, ".gitlab-ci.yml": gitlab}
FOR_PEOPLE = data(str)
LANGUAGES: dict[str, Callable[[Block, Shell], str]] = {
    "console": console,
    "sh": sh,
    "yaml": yaml_,
    "json": data(json.loads),
    "toml": data(tomllib.loads),
    **dict.fromkeys(("text", "lua", "lisp"), FOR_PEOPLE),
}


def test_all_code_of_a_page_is_in_blocks(page: Path) -> None:
    rest = BLOCK.sub("", page.read_text())

    assert re.findall(r"^.*```.*$|^ {4}(?! *(?:-|\d+\.) ).*$", rest, re.MULTILINE) == []


def test_the_page_of_the_policy_has_every_key() -> None:
    text = (ROOT / "docs/policy.md").read_text()

    assert [key for key in sorted(POLICY) if f"\n| `{key}` |" not in text] == []


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site; mkdocs fails for links that lead nowhere and pages that are in no list."""
    folder = tmp_path_factory.mktemp("site")
    put(str(folder / "mkdocs.yml"), f"INHERIT: {ROOT}/mkdocs.yml\ndocs_dir: pages\nsite_dir: html\n")
    for command in (
        ("tools/pages.py", str(folder / "pages")),
        ("-m", "mkdocs", "build", "--strict", "--config-file", str(folder / "mkdocs.yml")),
    ):
        done = subprocess.run(
            (sys.executable, *command), cwd=ROOT, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return folder / "html"


def test_the_site_has_a_page_for_each_rule_and_each_file(site: Path) -> None:
    wanted = {f"rules/{rule.id}" for rule in RULES} | {page.stem for page in PAGES} - {"index"}

    assert [one for one in wanted if not (site / one / "index.html").exists()] == []


def test_rules_that_are_named_are_links(site: Path) -> None:
    assert (
        '<a href="../rules/ttl-missing/"><code>ttl-missing</code></a>'
        in (site / "practices/index.html").read_text()
    )


def test_lists_are_lists_and_nobody_else_is_asked(site: Path) -> None:
    for path in site.rglob("*.html"):
        text = re.sub(r"<pre.*?</pre>", "", path.read_text(), flags=re.DOTALL)
        assert not re.search(r"^(- |\d+\. |\| )", text, re.MULTILINE), path
        assert not re.search(
            r'<(?:script|img|iframe)[^>]* src="?(?:https?:)?//|<link[^>]* href="?https?:', text
        )
