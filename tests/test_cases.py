"""What a user sees, whole: `pytest --rewrite` writes it again, and a reviewer reads the difference."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CASES = ROOT / "tests/cases/lint"


def run(folder: Path, *options: str) -> str:
    """Run the linter on a case, as it would be run in its folder."""
    done = subprocess.run(
        [sys.executable, "-m", "lint", "lint", *options, "in.yaml"],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1)
    return done.stdout + done.stderr


def expect(path: Path, seen: str, *, rewrite: bool) -> None:
    """Compare with what is stored, or store it."""
    if rewrite:
        path.write_text(seen)
    assert path.read_text() == seen


@pytest.mark.parametrize("case", sorted(os.listdir(CASES)))
def test_a_case_looks_as_it_looked(case: str, pytestconfig: pytest.Config) -> None:
    folder, rewrite = CASES / case, pytestconfig.getoption("rewrite")

    expect(folder / "out.txt", run(folder, "--show", "info", "--stats"), rewrite=rewrite)
    expect(folder / "fixes.diff", run(folder, "--diff"), rewrite=rewrite)
