"""What real API servers say of hand-made objects we say too: verdict, fields, and the words of 1.37."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lint.job import Job
from lint.policy import Policy, Violation
from lint.rule import Class
from lint.validation.metadata import RANDOM
from lint.validation.server import Rejection, rejection

if not os.environ.get("JOBWARDEN_VECTORS"):
    pytest.skip("JOBWARDEN_VECTORS names no folder: see CONTRIBUTING.md", allow_module_level=True)

ACCEPTED = (200, 201)
OUTSIDE = {
    "1.1-0/ns": "the namespace is another than that of the request",
    "7-12/kind": "no Job",
    "7-12/apiv": "of another version of the API",
    "7-12/cron-apiv": "of another version of the API",
    "7-12/overflow64": "kubectl sends another number",
    "7-12/two": "kubectl sorts the fields",
    "7-12/two/cron": "kubectl sorts the fields",
    "7-12/neg-zero": "kubectl makes 2 of 2.0 before it asks",
}
"""Rows that are outside of the model, with the reason."""

INDEXED_WARNING = ("indexed-constraints", "might not be able to track completedIndexes")
DOT_WARNING = ("name-budget", "must not contain dots")


@dataclass(frozen=True)
class Row:
    """An object, what a server says of it, and what we say."""

    id: str
    job: Job
    verdict: dict[str, Any]
    rejection: Rejection | None
    found: list[Violation]

    @property
    def causes(self) -> set[tuple[str, str]]:
        """The fields that the server rejects, each with the beginning of the reason."""
        return {(one["field"], one["message"].partition(":")[0]) for one in self.verdict.get("causes", [])}

    @property
    def ours(self) -> set[tuple[str, str]]:
        """The same of our causes."""
        causes = self.rejection.causes if self.rejection else ()
        return {(cause.field, cause.type) for cause in causes}


@cache
def rows(minor: int) -> tuple[Row, ...]:
    """Read all rows, and check their objects with every rule."""
    lines = (Path(os.environ["JOBWARDEN_VECTORS"]) / "validation.jsonl").read_text("utf-8").splitlines()
    policy = Policy(minor=minor)
    return tuple(row for line in lines if (row := _row(json.loads(line), policy)).id not in OUTSIDE)


def _row(line: dict[str, Any], policy: Policy) -> Row:
    job, verdict = Job(line["object"], policy.minor), line["verdicts"][f"1.{policy.minor}"]
    rejected = rejection(line["object"], policy.minor)
    return Row(line["id"], job, verdict, rejected, list(policy.check(job)))


def agree(disagreements: Iterable[tuple[Row, object, object]]) -> None:
    """Fail with a list of the rows in which we do not say what the server says."""
    lines = [
        f"{row.id} in 1.{row.job.minor}: expected {expected}, got {got}"
        for row, expected, got in disagreements
    ]
    if lines:
        pytest.fail("\n".join((f"{len(lines)} disagreements", *lines)), pytrace=False)


@pytest.fixture(params=[31, 34, 37], ids=lambda minor: f"1.{minor}")
def answered(request: pytest.FixtureRequest) -> tuple[Row, ...]:
    return rows(request.param)


def test_the_verdict_is_the_same(answered: tuple[Row, ...]) -> None:
    def ours(row: Row) -> int:
        return row.rejection.code if row.rejection else 201

    agree((row, row.verdict["code"], ours(row)) for row in answered if row.verdict["code"] != ours(row))


def test_the_fields_are_the_same(answered: tuple[Row, ...]) -> None:
    invalid = [row for row in answered if row.causes]

    assert len(invalid) > 500
    agree((row, row.causes, row.ours) for row in invalid if row.causes != row.ours)


def test_what_cannot_be_read_is_told_in_the_same_words(answered: tuple[Row, ...]) -> None:
    unread = [row for row in answered if row.verdict["code"] == 400 and row.rejection]

    assert len(unread) > 60
    agree(
        (row, row.verdict["message"], row.rejection.message)
        for row in unread
        if row.rejection and row.verdict["message"] != row.rejection.message
    )


def test_the_words_are_those_of_the_newest_server() -> None:
    invalid = [row for row in rows(37) if row.causes and row.rejection]

    agree((row, theirs(row), words(row)) for row in invalid if theirs(row) != words(row))


def theirs(row: Row) -> set[tuple[str, str]]:
    """Return what the server says."""
    return {(one["field"], one["message"].replace("<rand>", RANDOM)) for one in row.verdict["causes"]}


def words(row: Row) -> set[tuple[str, str]]:
    """Return what we say, without the value where the vectors leave it out because it is a whole struct."""
    expected = theirs(row)
    said = set()
    for cause in row.rejection.causes if row.rejection else ():
        bare = (cause.field, f"{cause.type}: <object>: {cause.detail}")
        said.add(bare if isinstance(cause.value, dict) and bare in expected else (cause.field, cause.message))
    return said


def test_findings_name_the_fields_of_the_server(answered: tuple[Row, ...]) -> None:
    whole = [row for row in answered if not row.job.guards.partial and row.rejection]

    assert len(whole) > 600
    agree(
        (row, {field for field, _ in row.causes}, fields)
        for row in whole
        if row.causes
        and (fields := {one.place for one in row.found if one.class_ == Class.SERVER})
        != {field for field, _ in row.causes}
    )


def test_there_is_a_finding_if_and_only_if_the_server_rejects(answered: tuple[Row, ...]) -> None:
    def found(row: Row) -> bool:
        return any(one.class_ == Class.SERVER for one in row.found)

    whole = [row for row in answered if not row.job.guards.partial]
    agree(
        (row, row.rejection is not None, found(row))
        for row in whole
        if found(row) != (row.rejection is not None)
    )


@pytest.mark.parametrize(("rule", "text"), [INDEXED_WARNING, DOT_WARNING])
def test_what_the_server_warns_of_is_found(answered: tuple[Row, ...], rule: str, text: str) -> None:
    warned = [row for row in answered if any(text in warning for warning in row.verdict.get("warnings", ()))]

    assert warned
    agree((row, {rule}, rules(row.found)) for row in warned if rule not in rules(row.found))


def test_names_with_which_no_run_of_a_cronjob_starts_are_found(answered: tuple[Row, ...]) -> None:
    holes = [row for row in answered if "name-budget" in rules(row.found, Class.HOLE)]

    assert [row.id.partition("/")[2] for row in holes] == ["dot-indexed", "52-indexed11"]


def rules(found: Iterable[Violation], class_: Class | None = None) -> set[str]:
    """Return the rules that found something, or something of one class."""
    return {one.rule for one in found if class_ in (None, one.class_)}
