"""What the rules say that the API server rejects, real API servers reject, and the other way round."""

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lint.job import Job
from lint.path import dotted
from lint.policy import Policy, Violation
from lint.rule import Class

if not os.environ.get("JOBWARDEN_VECTORS"):
    pytest.skip("JOBWARDEN_VECTORS names no folder: see CONTRIBUTING.md", allow_module_level=True)

ACCEPTED = (200, 201)
NO_ANSWER = 0
"""The server crashed on the object: there are no causes."""
NOT_DECODED = 400
"""The server could not read the object and checked nothing in it: there are no causes."""


@dataclass(frozen=True)
class Promise:
    """Causes of rejections that a rule reports, all of them, told by field and message."""

    rule: str
    field: str
    """A pattern for the field, in which CronJobs have `spec` where they mean the spec of their Jobs."""
    message: str = ""
    """A pattern for a part of the message; `NAME` stands for the object's name."""

    def holds(self, name: str, cause: dict[str, str]) -> bool:
        """Tell whether the rule has to report a cause."""
        field = cause["field"].replace("spec.jobTemplate.spec", "spec")
        message = self.message.replace("NAME", re.escape(name))
        return bool(re.fullmatch(self.field, field) and re.search(message, cause["message"]))


JOB_NAME_LABEL = Promise("name-budget", r"spec\.template\.labels", '"NAME": must be no more than 63 ')
INDEXED_HOSTNAME = Promise(
    "name-budget", r"metadata\.name", "will not able to create pod with invalid DNS label"
)
CRONJOB_NAME = Promise("name-budget", r"metadata\.name", "must be no more than 52 characters")
COMPLETION_MODE = Promise("indexed-constraints", r"spec\.completionMode")
COMPLETIONS = Promise("indexed-constraints", r"spec\.completions", "Required")
BOUNDS_OF_INDEXED = Promise(
    "indexed-constraints",
    r"spec\.(parallelism|maxFailedIndexes|backoffLimitPerIndex)",
    "Required|less than or equal|requires indexed",
)
SUCCESS_POLICY = Promise("success-policy-invalid", r"spec\.successPolicy(\..+)?")
FAILURE_POLICY = Promise("failure-policy-invalid", r"spec\.podFailurePolicy(\..+)?")
REPLACEMENT_POLICY = Promise("failure-policy-invalid", r"spec\.podReplacementPolicy")
NEVER_BESIDE_FAILURE_POLICY = Promise(
    "failure-policy-invalid", r"spec\.template\.spec\.restartPolicy", "when podFailurePolicy is specified"
)
RESTART_POLICY = Promise(
    "restart-policy-required", r"spec\.template\.spec\.restartPolicy", 'values: .*"OnFailure", "Never"'
)
REQUESTS = Promise(
    "resources-coherence",
    r"spec\.template\.spec\.(initC|c)ontainers\[\d+\]\.resources\.requests",
    "must be less than or equal to",
)
PROMISES = (
    *(JOB_NAME_LABEL, INDEXED_HOSTNAME, CRONJOB_NAME),
    *(COMPLETION_MODE, COMPLETIONS, BOUNDS_OF_INDEXED),
    *(SUCCESS_POLICY, FAILURE_POLICY, REPLACEMENT_POLICY, NEVER_BESIDE_FAILURE_POLICY),
    *(RESTART_POLICY, REQUESTS),
)
INDEXED_WARNING = ("indexed-constraints", "might not be able to track completedIndexes")
DOT_WARNING = ("name-budget", "must not contain dots")
CRASH = "success-policy-invalid"
NO_PATH = "1.1-40/pres-clim"
"""The server writes `containers[0][memory].limits` below the resources of the Pod: that is in no object."""


@dataclass(frozen=True)
class Row:
    """An object, what a server says of it, and what we say."""

    id: str
    job: Job
    verdict: dict[str, Any]
    found: list[Violation]

    @property
    def rejected_by_us(self) -> set[str]:
        """The fields that we say the server rejects."""
        return {dotted(one.path) for one in self.found if one.class_ == Class.SERVER}

    @property
    def rejected(self) -> set[str]:
        """The fields that the server rejects."""
        return {cause["field"] for cause in self.causes}

    @property
    def causes(self) -> list[dict[str, str]]:
        """What the server rejects."""
        found: list[dict[str, str]] = self.verdict.get("causes", [])
        return found


@cache
def rows(minor: int) -> tuple[Row, ...]:
    """Read all rows, and check their objects with every rule."""
    lines = (Path(os.environ["JOBWARDEN_VECTORS"]) / "validation.jsonl").read_text("utf-8").splitlines()
    policy = Policy(minor=minor)
    return tuple(_row(json.loads(line), policy) for line in lines)


def _row(line: dict[str, Any], policy: Policy) -> Row:
    job = Job(line["object"], policy.minor)
    return Row(line["id"], job, line["verdicts"][f"1.{policy.minor}"], list(policy.check(job)))


def agree(disagreements: Iterable[tuple[Row, Iterable[str], Iterable[str]]]) -> None:
    """Fail with a list of the rows in which we do not say what the server says."""
    lines = [
        f"{row.id} in 1.{row.job.minor}: expected {', '.join(sorted(expected)) or 'nothing'}, "
        f"got {', '.join(sorted(got)) or 'nothing'}"
        for row, expected, got in disagreements
    ]
    if lines:
        pytest.fail("\n".join((f"{len(lines)} disagreements", *lines)), pytrace=False)


@pytest.fixture(params=[31, 34, 37], ids=lambda minor: f"1.{minor}")
def answered(request: pytest.FixtureRequest) -> tuple[Row, ...]:
    return rows(request.param)


def test_nothing_is_rejected_that_the_server_accepts(answered: tuple[Row, ...]) -> None:
    accepted = [row for row in answered if row.verdict["code"] in ACCEPTED]

    agree((row, (), row.rejected_by_us) for row in accepted if row.rejected_by_us)


def test_what_is_rejected_is_what_the_server_rejects(answered: tuple[Row, ...]) -> None:
    checked = [row for row in answered if row.causes and row.id != NO_PATH]

    assert {row.verdict["code"] for row in answered if not row.causes} <= {*ACCEPTED, NO_ANSWER, NOT_DECODED}
    agree((row, row.rejected, row.rejected_by_us) for row in checked if row.rejected_by_us - row.rejected)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.rule)
def test_what_a_rule_covers_is_always_reported(answered: tuple[Row, ...], promise: Promise) -> None:
    promised = [(row, expected) for row in answered if (expected := _promised(row, promise))]

    assert promised, "no row is about this"
    agree((row, fields, row.rejected_by_us) for row, fields in promised if fields - row.rejected_by_us)


def _promised(row: Row, promise: Promise) -> set[str]:
    """Return the fields that must be reported: of a fragment none, since its other half may mend it."""
    name = row.job.metadata.at("name").as_str() or ""
    if row.job.guards.partial:
        return set()
    return {cause["field"] for cause in row.causes if promise.holds(name, cause)}


def test_what_crashes_the_server_is_rejected(answered: tuple[Row, ...]) -> None:
    crashing = [row for row in answered if row.verdict["code"] == NO_ANSWER and row.job.indexed]

    assert crashing
    agree((row, {CRASH}, rules(row.found)) for row in crashing if CRASH not in rules(row.found))


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
