"""Real manifests of other people: nothing crashes, fixes touch their own lines, and little is left to say."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path

import pytest
from conftest import Command, folder_of

from lint.file import Fixing, Inspected, inspect
from lint.policy import Policy
from lint.rule import Class, Severity
from lint.walk import files


@pytest.fixture
def visible() -> Path:
    """Return the folder of manifests that are whole."""
    return folder_of("JOBWARDEN_CORPUS") / "visible"


@cache
def checked(folder: Path) -> dict[str, tuple[bytes, Inspected, Inspected]]:
    """Check all files of a folder, as they are and with their safe fixes."""
    data = {path: Path(path).read_bytes() for path in files([str(folder)]) if isinstance(path, str)}
    return {
        path: (old, inspect(path, old, Policy(), None), inspect(path, old, Policy(), Fixing(unsafe=False)))
        for path, old in data.items()
    }


def found(inspected: Inspected) -> Counter[tuple[str, ...]]:
    """Count the findings of a file by rule and path."""
    return Counter(
        (one.violation.rule, one.kind, one.name, str(one.violation.path)) for one in inspected.findings
    )


def test_most_files_can_be_read(visible: Path) -> None:
    results = checked(visible).values()

    assert sum(sum(before.kinds.values()) for _, before, _ in results) > 300
    assert sum(len(before.broken) for _, before, _ in results) == 2


def test_fixes_only_add_lines_or_change_their_own(visible: Path) -> None:
    for path, (old, _, after) in checked(visible).items():
        lines, mended = (data.splitlines(keepends=True) for data in (old, after.data(old)))
        gone = [
            (tag, lines[i1:i2], mended[j1:j2])
            for tag, i1, i2, j1, j2 in SequenceMatcher(None, lines, mended, autojunk=False).get_opcodes()
            if tag not in ("equal", "insert")
        ]
        for _, before, now in gone:
            if now == [b"apiVersion: batch/v1\n"]:
                continue
            kept = re.sub(
                rb"(: *)(\{\}|\[\])(?=\s*$)", rb"\1", b"".join(before)
            ).rstrip()  # what was empty is filled
            added = iter(b"".join(now))
            assert all(byte in added for byte in kept), (path, before, now)


def test_fixes_are_idempotent_and_mend_what_they_say(visible: Path) -> None:
    for path, (old, before, after) in checked(visible).items():
        mended = after.data(old)
        again = inspect(path, mended, Policy(), Fixing(unsafe=False))

        assert again.changes == [], path
        fixable = [
            one for one in after.findings if one.violation.fix and one.violation.fix.safe and not one.note
        ]
        assert fixable == [], path
        gone = found(before) - found(after)
        besides = sum(number for key, number in gone.items() if key[0] == "concurrency-explicit")
        assert after.fixed >= gone.total() - besides, path  # which a deadline answers as well


def test_little_is_left_to_say(visible: Path) -> None:
    results = list(checked(visible).values())
    left = Counter(
        one.violation.rule
        for _, _, after in results
        for one in after.findings
        if one.violation.severity >= Severity.WARNING and one.violation.class_ != Class.SERVER
    )
    documents = sum(sum(after.kinds.values()) for _, _, after in results)

    assert left.total() / documents < 0.5, left.most_common()


def test_the_output_is_the_same_byte_for_byte_also_in_parallel(visible: Path, jobwarden: Command) -> None:
    def run(_: int) -> str:
        return jobwarden("lint", "--format", "json", "--show", "info", str(visible)).stdout

    with ThreadPoolExecutor(4) as pool:
        outputs = set(pool.map(run, range(6)))

    assert len(outputs) == 1


def test_fixing_files_says_the_same_as_fixing_bytes(visible: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(visible, copy)
    subprocess.run(
        [sys.executable, "-m", "lint", "lint", "--fix", str(copy)],
        check=False, capture_output=True, cwd=Path(__file__).parents[1],
    )  # fmt: skip

    for path, (old, _, after) in checked(visible).items():
        assert (copy / Path(path).relative_to(visible)).read_bytes() == after.data(old), path


def test_templates_are_counted_and_fail_only_a_strict_run(jobwarden: Command) -> None:
    templates = folder_of("JOBWARDEN_CORPUS") / "templates"
    number = sum(1 for path in files([str(templates)]))

    done = jobwarden("lint", str(templates))

    assert done.stdout.endswith(f"no findings; read {number} files: 0 Jobs, 0 CronJobs, {number} templates\n")
    assert done.returncode == 0
    assert jobwarden("lint", "--strict", str(templates)).returncode == 1
