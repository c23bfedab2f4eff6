"""The built wheel lints, alone in a new virtual environment."""

import subprocess
import sys
import venv
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        check=True, capture_output=True,
    )  # fmt: skip
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_two_packages_and_no_more(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name.split("/")[0] for name in archive.namelist()}

    assert sorted(name for name in names if not name.endswith(".dist-info")) == ["lint", "webhook"]


def test_the_dependencies_are_few_and_light(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("METADATA"))
        required = message_from_bytes(archive.read(metadata)).get_all("Requires-Dist", [])

    assert sorted(line.split(">")[0] for line in required if "extra ==" not in line) == [
        "annotated-types",
        "pydantic",
        "pyyaml",
        "shtab",
    ]


def test_the_wheel_lints_alone(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", str(tmp_path / "venv/bin/python")]
    subprocess.run([*pip, "install", "--quiet", "--no-compile", wheel], check=True, capture_output=True)

    done = subprocess.run(
        [tmp_path / "venv/bin/jobwarden", "lint", "--format", "concise", ROOT / "tests/cases/guide"],
        check=False, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr == ""
    assert "15 Jobs" in done.stdout
