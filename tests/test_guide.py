"""The examples of a guide to Kubernetes Jobs, right and wrong."""

from pathlib import Path

import pytest

from lint.document import parse
from lint.linter import check
from lint.policy import Policy
from lint.rule import Class, Severity
from lint.rules import RULES

GUIDE = sorted((Path(__file__).parent / "cases/guide").glob("*.yaml"))


def findings(path: Path, least: Severity = Severity.WARNING) -> set[str]:
    """Return the rules that find something in an example."""
    found = check(parse(path.read_text()), Policy())
    return {one.violation.rule for one in found if one.violation.severity >= least}


def test_all_of_the_guide_is_here() -> None:
    assert [path.stem[:2] for path in GUIDE] == [f"{number:02}" for number in range(1, 16)]


@pytest.mark.parametrize("path", GUIDE, ids=lambda path: path.stem)
def test_the_server_rejects_the_work_queue_and_nothing_else(path: Path) -> None:
    rejected = [
        (one.violation.rule, one.path)
        for one in check(parse(path.read_text()), Policy())
        if one.violation.class_ == Class.SERVER
    ]

    wanted = [("indexed-constraints", ("spec", "completions"))] if path.stem == "04-work-queue" else []
    assert rejected == wanted


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("01-process-data", "ttl-missing"),
        ("01-process-data", "container-resources"),
        ("08-smart-retry", "failure-policy-semantics"),
        ("09-migrate-database", "active-deadline-missing"),
    ],
)
def test_an_example_gets_its_finding(name: str, rule: str) -> None:
    (path,) = (path for path in GUIDE if path.stem == name)

    assert rule in findings(path)


@pytest.mark.parametrize("name", ["02-single-task", "15-job-with-init"])
def test_an_image_without_a_tag_is_noted(name: str) -> None:
    (path,) = (path for path in GUIDE if path.stem == name)

    assert "image-tag" in findings(path, Severity.INFO)


@pytest.mark.parametrize("name", ["13-auto-cleanup", "14-resource-intensive"])
def test_an_example_that_does_everything_right_gets_none(name: str) -> None:
    (path,) = (path for path in GUIDE if path.stem == name)

    assert findings(path) == set()


def test_every_practice_has_rules_and_every_rule_of_a_practice_is_one() -> None:
    page = (Path(__file__).parents[1] / "docs/practices.md").read_text()
    rows = [line.split("|")[2].split(", ") for line in page.splitlines() if line.startswith("| ")][1:]

    assert len(rows) == 16
    assert {name.strip(" `") for row in rows for name in row} <= {rule.id for rule in RULES}
