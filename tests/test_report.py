"""How a finding looks."""

from typing import Any

import pytest

from lint import report
from lint.document import parse
from lint.edit import Set
from lint.found import Found, Places
from lint.job import Job
from lint.linter import Located
from lint.policy import Violation
from lint.rule import Class, Fix, Severity


def found(text: str, start: int, end: int, **changes: Any) -> Found:
    """Make a finding at a place of a text."""
    values = {
        "rule": "image-tag", "severity": Severity.WARNING, "class_": Class.PRACTICE,
        "path": ("spec",), "message": "it is wrong", "fix": None, **changes,
    }  # fmt: skip
    return Places("a.yaml", text, 0).found(Located(Violation(**values), Job({}), (), start, end))


def shown(text: str, start: int, end: int) -> list[str]:
    """Return the source line and the line of carets."""
    return report.text(found(text, start, end), colour=False).splitlines()[2:4]


def test_carets_stand_below_what_is_marked() -> None:
    assert shown("a: 1\nkey: value\n", 5, 8) == [" 2 | key: value", "   | ^^^"]


def test_a_mark_ends_with_its_line() -> None:
    assert shown("a: b\nc: d\n", 3, 9) == [" 1 | a: b", "   |    ^"]


def test_an_empty_mark_is_shown() -> None:
    assert shown("", 0, 0) == [" 1 |", "   | ^"]


def test_wide_characters_take_two_columns_and_combining_ones_none() -> None:
    assert shown("名前: x\n", 4, 5) == [" 1 | 名前: x", "   |       ^"]
    assert shown("e\u0301: x\n", 4, 5) == [" 1 | e\u0301: x", "   |    ^"]


def test_tabs_become_spaces() -> None:
    assert shown("a:\tb\n", 3, 4) == [" 1 | a:    b", "   |       ^"]


def test_characters_that_move_the_cursor_are_escaped() -> None:
    message = report.concise(found("a: b\n", 0, 1, message="\x1b[31m\u202e\n"))

    assert message == r"a.yaml:1:1: warning[image-tag] spec: \x1b[31m\u202e\x0a"


def test_long_lines_are_cut_around_the_mark() -> None:
    line, carets = shown("x" * 1000 + "KEY" + "y" * 1000, 1000, 1003)

    assert len(line) < 140
    assert line[carets.index("^") :].startswith("KEYyy")
    assert carets.count("^") == 3


@pytest.mark.parametrize(
    ("fix", "line"),
    [
        (Fix("set a: 1", (Set(("a",), 1),)), "   = fix: set a: 1"),
        (Fix("set a: 1", (Set(("a",), 1),), safe=False), "   = unsafe fix: set a: 1"),
        (None, "   | ^"),
    ],
)
def test_a_fix_is_offered(fix: Fix | None, line: str) -> None:
    assert report.text(found("a: b\n", 0, 1, fix=fix), colour=False).splitlines()[-1] == line


@pytest.mark.parametrize(
    ("counted", "line"),
    [
        ([], "no findings; read 2 files: 1 Job, 0 CronJobs"),
        ([Severity.INFO], "no findings; read 2 files: 1 Job, 0 CronJobs"),
        ([Severity.ERROR], "1 finding (1 error); read 2 files: 1 Job, 0 CronJobs"),
        (
            [Severity.ERROR, Severity.WARNING, Severity.WARNING],
            "3 findings (1 error, 2 warnings); read 2 files: 1 Job, 0 CronJobs",
        ),
    ],
)
def test_the_summary_tells_what_was_looked_at(counted: list[Severity], line: str) -> None:
    totals = report.Totals(files=2, jobs=1)
    for severity in counted:
        totals.count(found("a: b\n", 0, 1, severity=severity).violation)

    assert report.summary(totals) == line


def test_positions_count_from_one_in_characters() -> None:
    text = "a: 😀\r\nb: x\r\n"
    place = found(text, text.index("x"), text.index("x") + 1)

    assert (place.line, place.column, place.end_line, place.end_column, place.source) == (2, 4, 2, 5, "b: x")
    assert parse(text).locate(("b",)) == (text.index("b"), text.index("b") + 1)
