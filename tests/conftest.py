"""What several tests need."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the flag that writes expected output again."""
    parser.addoption("--rewrite", action="store_true", help="write the expected output of tests/cases again")


LONG = {
    "test_agreement", "test_image", "test_controllers_on_server", "test_rollout", "test_truth", "test_hooks",
    "test_memory", "test_cli", "test_baseline", "test_lsp", "test_serve", "test_protocol", "test_docs",
    "test_package",
}  # fmt: skip
"""Files with few tests, but long ones."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: each is the work of one process, and the end is waited for."""
    sizes = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.path.stem not in LONG, -sizes[item.path], item.path))


@pytest.fixture
def jobwarden() -> Command:
    """Run the command line as a user does."""

    def run(*arguments: str, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "lint", *arguments],
            input=stdin,
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), **environment},
        )
        return subprocess.CompletedProcess(
            arguments, done.returncode, done.stdout.decode("utf-8", "surrogateescape"), done.stderr.decode()
        )

    return run


def folder_of(variable: str) -> Path:
    """Return the folder that an environment variable names; without it, skip."""
    if not os.environ.get(variable):
        pytest.skip(f"{variable} names no folder: see CONTRIBUTING.md")
    return Path(os.environ[variable])


JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: report
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: report
          image: report:1.4
          resources:
            requests: {cpu: 100m, memory: 128Mi}
"""
CLEAN = JOB.replace(
    "spec:\n  template",
    "spec:\n  backoffLimit: 3\n  activeDeadlineSeconds: 3600\n  ttlSecondsAfterFinished: 3600\n  template",
).replace("restartPolicy: Never", "restartPolicy: Never\n      automountServiceAccountToken: false")
"""A manifest in which there is nothing to find."""

WITHOUT_TTL = CLEAN.replace("  ttlSecondsAfterFinished: 3600\n", "")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Enter an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(name: str, text: str | bytes) -> Path:
    """Write a file, and the folders above it."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path
