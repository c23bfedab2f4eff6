"""Reports of an audit that are written at its end, and files that reports go to."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema  # type: ignore[import-untyped]  # nothing but a test needs its types
import pytest
from reviews import JOB
from test_audit import Lists, stored
from test_formats import schema

from webhook.audit.command import add_arguments, run_audit
from webhook.cluster import ClusterError
from webhook.settings import UserError

Audit = Callable[..., tuple[int, str, str]]

PATH = "a/Job/retries"
MESSAGE = "spec.backoffLimit: 50 retries are more than the 10 that the policy allows"
REFUSED = ClusterError("cronjobs is forbidden", 403)


def job(name: str, **spec: Any) -> dict[str, Any]:
    """Return a Job of the namespace `a` as a list has it."""
    metadata = {"name": name, "namespace": "a"}
    return stored({**JOB, "metadata": metadata, "spec": {**JOB["spec"], **spec}})


def listed(*items: Any) -> dict[str, Any]:
    """Return a list of one page."""
    return {"metadata": {}, "items": [*items]}


RETRIES = job("retries", backoffLimit=50)
BARE = {
    key: value
    for key, value in JOB["spec"]["template"]["spec"]["containers"][0].items()
    if key != "resources"
}


def of(*names: str) -> dict[str, Any]:
    """Return a Job with containers that ask for nothing."""
    pod = {**JOB["spec"]["template"]["spec"], "containers": [{**BARE, "name": name} for name in names]}
    return job("bare", template={"spec": pod})


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Audit:
    """Run an audit of some Jobs; CronJobs may be refused."""
    monkeypatch.chdir(tmp_path)

    def run(*flags: str, jobs: tuple[Any, ...] = (RETRIES,), cronjobs: Any = None) -> tuple[int, str, str]:
        lists = Lists(jobs=[listed(*jobs)], cronjobs=[cronjobs or listed()], namespaces=[listed()])
        monkeypatch.setattr("webhook.audit.command.Cluster.connect", lambda *_: lists)
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        return run_audit(parser.parse_args([*flags])), *capsys.readouterr()

    return run


def results(out: str) -> list[dict[str, Any]]:
    """Return the results of a SARIF report."""
    found: list[dict[str, Any]] = json.loads(out)["runs"][0]["results"]
    return found


def test_sarif_is_what_its_schema_says_and_names_objects(audit: Audit) -> None:
    status, out, err = audit("--format", "sarif")

    document = json.loads(out)
    jsonschema.Draft4Validator(schema()).validate(document)
    assert (status, err) == (1, "1 warning; read 1 Job, 0 CronJobs\n")
    (result,) = results(out)
    (location,) = result["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == PATH
    assert location["physicalLocation"]["region"]["startLine"] == 1
    assert [one["fullyQualifiedName"] for one in location["logicalLocations"]] == [
        "Job/a/retries",
        "spec.backoffLimit",
    ]
    (run,) = document["runs"]
    assert run["invocations"] == [{"executionSuccessful": True, "toolExecutionNotifications": []}]
    numbers = run["properties"]["summary"]
    assert {name: numbers[name] for name in ("jobs", "cronjobs", "warnings")} == {
        "jobs": 1, "cronjobs": 0, "warnings": 1
    }  # fmt: skip


def test_github_tells_sarif_results_of_one_object_apart(audit: Audit) -> None:
    _, out, _ = audit("--format", "sarif", jobs=(of("one", "two"),))

    marks = [result["partialFingerprints"] for result in results(out)]
    assert len(marks) == len({mark["primaryLocationLineHash"] for mark in marks}) >= 2
    assert all(mark["primaryLocationLineHash"] == mark["jobwarden/v1"] for mark in marks)


def test_fingerprints_stay_while_the_objects_do(audit: Audit) -> None:
    def prints(*jobs: Any) -> set[str]:
        entries = json.loads(audit("--format", "gitlab", jobs=jobs)[1])
        return {entry["fingerprint"] for entry in entries}

    turned = of("two", "one")
    turned["metadata"] = {**turned["metadata"], "uid": "another", "resourceVersion": "8"}
    assert len(prints(of("one", "two"))) >= 2
    assert prints(of("one", "two")) == prints(turned)
    assert prints(of("one", "two")) < prints(of("one", "two"), RETRIES)


def test_gitlab_gets_the_first_line_of_an_object(audit: Audit) -> None:
    (entry,) = json.loads(audit("--format", "gitlab")[1])

    assert entry["location"] == {"path": PATH, "lines": {"begin": 1, "end": 1}}
    assert (entry["check_name"], entry["severity"]) == ("backoff-limit", "minor")
    assert json.loads(audit("--format", "gitlab", jobs=())[1]) == []


def test_github_gets_annotations_without_files(audit: Audit) -> None:
    _, out, err = audit("--format", "github", cronjobs=REFUSED)

    assert out.splitlines() == [
        f"::warning title=backoff-limit::Job/a/retries: {MESSAGE}",
        "::error title=CronJob cannot be read::cronjobs is forbidden",
        "1 warning; read 1 Job, 0 CronJobs",
    ]
    assert "cronjobs is forbidden" in err


def test_a_note_is_one_for_github_as_well(audit: Audit) -> None:
    Path("policy.yaml").write_text("rules: {backoff-limit: {severity: info}}")
    flags = ("--format", "github", "--policy", "policy.yaml")

    assert audit(*flags)[:2] == (0, "no findings; read 1 Job, 0 CronJobs\n")
    assert audit(*flags, "--show", "info")[1].startswith("::notice title=backoff-limit::")


def test_junit_has_a_case_for_each_finding_and_each_object_without_one(audit: Audit) -> None:
    _, out, _ = audit("--format", "junit", jobs=(job("good"), RETRIES), cronjobs=REFUSED)

    (suite,) = ET.fromstring(out)  # noqa: S314 - our own
    cases = [(case.get("classname"), case.get("name"), [one.tag for one in case]) for case in suite]
    assert cases == [
        (PATH, "backoff-limit: Job/a/retries spec.backoffLimit", ["failure"]),
        ("a/Job/good", "no findings", []),
        ("CronJob", "can be read", ["error"]),
    ]
    assert [case.get("line") for case in suite] == [None] * 3
    assert (suite[0][0].text or "") == f"warning[backoff-limit] {MESSAGE}"


def test_in_junit_fails_what_fails_the_audit(audit: Audit) -> None:
    status, out, _ = audit("--format", "junit", "--fail-on", "error")

    assert (status, "<failure" in out, "<system-out>warning[backoff-limit]" in out) == (0, False, True)


def test_what_could_not_be_read_is_in_every_report(audit: Audit) -> None:
    status, sarif, _ = audit("--format", "sarif", cronjobs=REFUSED)
    entries = json.loads(audit("--format", "gitlab", cronjobs=REFUSED)[1])

    (invocation,) = json.loads(sarif)["runs"][0]["invocations"]
    jsonschema.Draft4Validator(schema()).validate(json.loads(sarif))
    assert (status, invocation["executionSuccessful"]) == (2, False)
    assert [one["message"]["text"] for one in invocation["toolExecutionNotifications"]] == [str(REFUSED)]
    assert entries[-1]["description"] == "cannot be read: cronjobs is forbidden"
    assert entries[-1]["location"] == {"path": "CronJob", "lines": {"begin": 1}}


def test_several_reports_are_those_of_runs_of_their_own(audit: Audit) -> None:
    names = ("concise", "summary", "json", "sarif", "github", "gitlab", "junit")
    pairs = (flag for name in names for flag in ("--format", name, "--output", name))

    together = audit("--format", "text", *pairs)

    assert together == audit()
    assert {name: Path(name).read_text() for name in names} == {
        name: audit("--format", name)[1] for name in names
    }


def test_an_audit_with_files_alone_says_what_it_has_looked_at(audit: Audit) -> None:
    flags = ("--format", "sarif", "--output", "a.sarif")

    assert audit(*flags) == (1, "1 warning; read 1 Job, 0 CronJobs\n", "")


def test_a_file_that_cannot_be_written_is_told_and_the_others_are_written(audit: Audit) -> None:
    status, _, err = audit("--format", "sarif", "--output", "no/a", "--format", "json", "--output", "b")

    assert (status, err) == (2, "jobwarden-webhook: no/a: cannot be written: no such file or directory\n")
    assert json.loads(Path("b").read_text())["summary"]["warnings"] == 1


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--format sarif --against a.yaml", "--format sarif has no changes: with --against take text or"),
        ("--format json --format sarif", "--format json and --format sarif both go to the standard output"),
        ("--output a", "--output a has no --format before it"),
        ("--clean --older-than 1d --format sarif", "--clean has a table for people alone"),
    ],
)
def test_what_does_not_go_together_is_told_before_anything_is_read(
    audit: Audit, flags: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        audit(*flags.split())


def test_changes_go_to_files_as_well(audit: Audit) -> None:
    Path("old.yaml").write_text("backoffLimit: {maximum: 60}")
    flags = ("--against", "old.yaml", "--format", "text", "--format", "json", "--output", "a.json")

    status, out, _ = audit(*flags)

    assert (status, "newly warned" in out) == (0, True)
    assert [one["change"] for one in json.loads(Path("a.json").read_text())["changes"]] == ["newly warned"]
