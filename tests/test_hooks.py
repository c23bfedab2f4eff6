"""The hooks of pre-commit and the action of GitHub, run by the real pre-commit and by bash."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import CLEAN, WITHOUT_TTL, put

ROOT = Path(__file__).parents[1]
GIT = ("git", "-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
FORCE = {
    "PRE_COMMIT_COLOR": "never",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "PIP_NO_COMPILE": "1",  # most of it is never imported
}

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")


def run(*command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command, whatever it returns."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return subprocess.run(
        command, cwd=folder, check=False, capture_output=True, text=True, env={**env, **FORCE, **environment}
    )


def committed(folder: Path) -> None:
    """Make a repository of a folder."""
    for arguments in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "all"]):
        done = run(*GIT, *arguments, folder=folder)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with what the working tree has, committed or not."""
    folder = tmp_path_factory.mktemp("jobwarden")
    for name in ("lint", "webhook"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml", "action.yml"):
        shutil.copy(ROOT / name, folder / name)
    committed(folder)
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where pre-commit keeps what it installs: it is installed once."""
    return tmp_path_factory.mktemp("pre-commit")


@pytest.fixture
def user(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Enter a repository that uses both hooks."""
    monkeypatch.chdir(tmp_path)
    head = run(*GIT, "rev-parse", "HEAD", folder=source).stdout.strip()
    hooks = [{"id": "jobwarden"}, {"id": "jobwarden-fix"}]
    put(
        ".pre-commit-config.yaml", json.dumps({"repos": [{"repo": str(source), "rev": head, "hooks": hooks}]})
    )
    put("README.md", "kind: Job\n")
    put("job.yaml", WITHOUT_TTL)
    put("clean.yml", CLEAN)
    put("clean.json", json.dumps(yaml.safe_load(CLEAN)))
    committed(tmp_path)
    return tmp_path


def hook(name: str, user: Path, home: Path, *files: str) -> subprocess.CompletedProcess[str]:
    """Run one hook over files, or over all."""
    chosen = ("--files", *files) if files else ("--all-files",)
    command = (sys.executable, "-m", "pre_commit", "run", name, "--verbose", *chosen)
    return run(*command, folder=user, PRE_COMMIT_HOME=str(home))


def test_the_hook_lints_yaml_and_json_and_nothing_else(user: Path, home: Path) -> None:
    done = hook("jobwarden", user, home)
    clean = hook("jobwarden", user, home, "clean.yml", "clean.json")
    other = hook("jobwarden", user, home, "README.md")

    assert done.returncode == 1, done.stdout
    assert "job.yaml:5:1: warning[ttl-missing]" in done.stdout
    assert (clean.returncode, "read 2 files: 2 Jobs" in clean.stdout) == (0, True)
    assert (other.returncode, "no files to check" in other.stdout) == (0, True)


def test_the_hook_takes_options(user: Path, home: Path) -> None:
    config = json.loads(Path(".pre-commit-config.yaml").read_text())
    config["repos"][0]["hooks"][0]["args"] = ["--fail-on", "error"]
    put(".pre-commit-config.yaml", json.dumps(config))

    assert hook("jobwarden", user, home).returncode == 0


def test_the_other_hook_mends(user: Path, home: Path) -> None:
    done = hook("jobwarden-fix", user, home)

    assert done.returncode == 1
    assert "files were modified by this hook" in done.stdout
    assert "ttlSecondsAfterFinished: 86400" in Path("job.yaml").read_text()
    assert hook("jobwarden", user, home).returncode == 0


def test_a_commit_is_stopped(user: Path, home: Path) -> None:
    run(sys.executable, "-m", "pre_commit", "install", folder=user)
    put("new.yaml", WITHOUT_TTL)
    run(*GIT, "add", "new.yaml", folder=user)

    done = run(*GIT, "commit", "--message", "new", folder=user, PRE_COMMIT_HOME=str(home))

    assert done.returncode == 1
    assert "new.yaml:5:1: warning[ttl-missing]" in done.stdout + done.stderr


def test_the_hooks_are_as_pre_commit_wants_them() -> None:
    done = run(sys.executable, "-m", "pre_commit", "validate-manifest", ".pre-commit-hooks.yaml", folder=ROOT)

    assert (done.returncode, done.stdout) == (0, "")


# The action.


def steps() -> list[dict[str, Any]]:
    """Return the steps of the action."""
    steps: list[dict[str, Any]] = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
    return steps


def step(number: int, folder: Path, source: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script of a step as a runner does."""
    script = folder / f".step-{number}.sh"
    script.write_text(steps()[number]["run"])
    environment = {"GITHUB_ACTION_PATH": str(source), **environment}
    return run("bash", "--noprofile", "--norc", "-eo", "pipefail", str(script), folder=folder, **environment)


@pytest.fixture(scope="module")
def temporary(source: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Run the step that installs, and return where it did."""
    folder = tmp_path_factory.mktemp("runner")
    done = step(0, folder, source, RUNNER_TEMP=str(folder))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    return str(folder)


def lint(
    folder: Path, temporary: str, paths: str = ".", args: str = "", sarif: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the step that lints."""
    inputs = {"JOBWARDEN_PATHS": paths, "JOBWARDEN_ARGS": args, "JOBWARDEN_SARIF": sarif}
    return step(1, folder, ROOT, RUNNER_TEMP=temporary, **inputs)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Enter a folder with a finding."""
    monkeypatch.chdir(tmp_path)
    put("some jobs/job.yaml", WITHOUT_TTL)
    put("clean.yaml", CLEAN)
    return tmp_path


def test_the_action_annotates_and_fails(folder: Path, temporary: str) -> None:
    done = lint(folder, temporary)

    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("::warning file=some jobs/job.yaml,line=5,")


def test_paths_of_the_action_stand_on_lines_and_options_between_blanks(folder: Path, temporary: str) -> None:
    put("third.yaml", CLEAN)

    done = lint(folder, temporary, "some jobs\nclean.yaml\n", " --fail-on\nerror  --ignore image-tag ")

    assert (done.returncode, done.stderr) == (0, "")
    assert "read 2 files: 2 Jobs" in done.stdout


def test_the_action_writes_a_report(folder: Path, temporary: str) -> None:
    done = lint(folder, temporary, sarif="my report.sarif")

    assert (done.returncode, done.stderr) == (1, "")
    (result,) = json.loads(Path("my report.sarif").read_text())["runs"][0]["results"]
    assert result["ruleId"] == "ttl-missing"


@pytest.mark.parametrize("evil", ["$(touch evil)", "`touch evil`", "; touch evil", '"; touch evil; "', "*"])
def test_no_input_of_the_action_is_run(folder: Path, temporary: str, evil: str) -> None:
    for inputs in ((evil, "", ""), (".", evil, ""), (".", "", evil)):
        lint(folder, temporary, *inputs)

    assert not Path("evil").exists()


def test_no_script_of_the_action_has_an_input_in_it() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())

    assert len(steps()) == 2
    assert not any("${{" in one["run"] for one in steps())
    assert {*steps()[1]["env"].values()} == {f"${{{{ inputs.{name} }}}}" for name in action["inputs"]}


def test_an_old_python_is_told(tmp_path: Path, source: Path) -> None:
    for name in ("python3", "python"):
        put(str(tmp_path / "bin" / name), "#!/bin/sh\nexit 1\n").chmod(0o755)

    done = step(
        0, tmp_path, source, RUNNER_TEMP=str(tmp_path), PATH=f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}"
    )

    assert done.returncode == 1
    assert done.stdout == (
        "::error title=Jobwarden::it needs Python 3.11 or newer: put actions/setup-python before it\n"
    )
