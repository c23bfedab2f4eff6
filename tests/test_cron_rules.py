"""What the rules about schedules and time zones say and mend, beyond their examples."""

from inspect import unwrap
from typing import Any

import pytest

from lint.edit import apply
from lint.job import Job
from lint.rule import Class, Finding, Severity
from lint.rules import cron_never_fires, cron_syntax
from lint.validation import cron, zones
from lint.validation.cron import parse, schedule


def cronjob(**fields: Any) -> dict[str, Any]:
    """Make a CronJob with these fields."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "report", "image": "report:1.4"}]}
    spec = {**fields, "jobTemplate": {"spec": {"template": {"spec": pod}}}}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "report"}, "spec": spec}


def syntax(minor: int = 35, **fields: Any) -> list[Finding]:
    """Return what cron-syntax finds in a CronJob with these fields."""
    return list(cron_syntax.RULE.check(Job(cronjob(**fields), minor), None))


def mended(**fields: Any) -> dict[str, Any] | None:
    """Return the fields after the one fix that there is."""
    fixes = [one.fix for one in syntax(**fields) if one.fix]
    if not fixes:
        return None
    assert len(fixes) == 1
    assert fixes[0].safe
    fixed = apply(cronjob(**fields), fixes[0].edits)
    assert list(cron_syntax.RULE.check(Job(fixed), None)) == []
    return {key: value for key, value in fixed["spec"].items() if key != "jobTemplate"}


@pytest.mark.parametrize(
    ("weekdays", "expected"),
    [
        ("7", "0"),
        ("07", "0"),
        ("1,7", "1,0"),
        ("0-7", "0-6"),
        ("sun-7", "sun-6"),
        ("1-7", "1-6,0"),
        ("Fri-7", "Fri-6,0"),
        ("7-7", "0"),
        ("6-7", "6-6,0"),
        ("0-7/2", "0-6/2"),
        ("1-7/2", "1-6/2,0"),
        ("1-7/3", "1-6/3,0"),
        ("1-7/4", "1-6/4"),
        ("1-7/99", "1-6/99"),
        ("5-7,1-7/5,,7", "5-6,0,1-6/5,,0"),
        ("*/7,7", "*/7,0"),
    ],
)
def test_sunday_is_written_as_0(weekdays: str, expected: str) -> None:
    assert mended(schedule=f" 0 7,17\t7-17/7 7 {weekdays} ") == {"schedule": f" 0 7,17\t7-17/7 7 {expected} "}


def weekdays_of(text: str) -> set[int]:
    """Return the weekdays of a field in which Sunday is 0 and 7, as in the cron of Vixie."""
    days = set[int]()
    for item in text.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        days |= {day % 7 for day in range(int(first), int(last or first) + 1, int(step or 1))}
    return days


@pytest.mark.parametrize("step", ["", *(f"/{number}" for number in range(1, 10))])
@pytest.mark.parametrize("first", range(8))
def test_the_days_are_those_that_other_crons_read(first: int, step: str) -> None:
    fields = mended(schedule=f"0 3 * * {first}-7{step}")

    assert fields is not None
    bits = parse(fields["schedule"]).weekdays
    assert {day for day in range(7) if bits >> day & 1} == weekdays_of(f"{first}-7{step}")


@pytest.mark.parametrize(
    "text",
    ["0 3 ? * 7", "0 3 * * 7/2", "0 3 * * 8", "0 3 * * 7-8", "7 3 * 13 7", "0 3 * * 7 *", "0 3 * * 1-7/0"],
)
def test_what_may_mean_something_else_is_left_alone(text: str) -> None:
    assert syntax(schedule=text)
    assert mended(schedule=text) is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"schedule": "TZ=Asia/Tokyo   0 3 * * *\n"},
            {"schedule": "0 3 * * *", "timeZone": "Asia/Tokyo"},
        ),
        ({"schedule": "CRON_TZ=UTC @daily", "timeZone": None}, {"schedule": "@daily", "timeZone": "UTC"}),
        ({"schedule": "CRON_TZ=UTC @daily", "timeZone": "UTC"}, {"schedule": "@daily", "timeZone": "UTC"}),
        ({"schedule": "CRON_TZ=UTC @daily", "timeZone": "Etc/UTC"}, None),
        ({"schedule": "CRON_TZ=Local @daily"}, None),
        ({"schedule": "CRON_TZ= @daily"}, None),
        ({"schedule": "CRON_TZ=UTC "}, None),
        ({"schedule": "CRON_TZ=UTC 0 3 * * 7"}, None),
        ({"schedule": "CRON_TZ=UTC TZ=UTC 0 3 * * *"}, None),
        ({"schedule": "0 3 * * * TZ=UTC"}, None),
    ],
)
def test_a_zone_moves_out_of_the_schedule(fields: dict[str, Any], expected: dict[str, Any] | None) -> None:
    assert syntax(**fields)
    assert mended(**fields) == expected


@pytest.mark.parametrize("text", ["@DAILY", " @daily", "@daily\n"])
def test_a_descriptor_is_written_in_small_letters_without_space(text: str) -> None:
    assert mended(schedule=text) == {"schedule": "@daily"}


@pytest.mark.parametrize("fields", [{}, {"schedule": None}, {"schedule": ""}])
def test_a_cronjob_has_a_schedule(fields: dict[str, Any]) -> None:
    (found,) = syntax(**fields)

    assert found.path == ("spec", "schedule")
    assert found.message.startswith("Required value")


@pytest.mark.parametrize("value", [5, True, ["0 3 * * *"], {"cron": "0 3 * * *"}, "{{ .x }} 3 * * 7", "${X}"])
def test_what_is_no_schedule_or_not_filled_in_is_passed_over(value: Any) -> None:
    assert syntax(schedule=value) == []
    assert (
        syntax(schedule="0 3 * * *", timeZone=value if value != "{{ .x }} 3 * * 7" else "{{ .zone }}") == []
    )


def test_a_job_has_no_schedule() -> None:
    tree = {**cronjob(), "kind": "Job"}

    assert list(cron_syntax.RULE.check(Job(tree), None)) == []


def test_a_zone_that_is_not_known_here_is_only_warned_of() -> None:
    (found,) = syntax(schedule="0 3 * * *", timeZone="Mars/Base")

    assert found.severity == Severity.WARNING
    assert found.message.startswith('Invalid value: "Mars/Base": unknown time zone Mars/Base; ')
    assert found.fix is None


@pytest.mark.parametrize("name", ["/UTC", "", "Local", "local", "europe/berlin"])
def test_a_zone_that_is_known_nowhere_is_an_error(name: str) -> None:
    found = syntax(schedule="0 3 * * *", timeZone=name)

    assert None in {one.severity for one in found}


def test_no_zone_is_looked_up_where_none_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zones, "_folders", lambda: pytest.fail("looked for zone files"))
    monkeypatch.setattr(cron, "load_fault", unwrap(zones.load_fault))

    assert syntax(schedule="0 3 * * *") == []


def test_the_crash_of_older_servers_has_words_of_ours() -> None:
    (found,) = syntax(34, schedule="TZ=UTC")

    assert found.message.startswith('Invalid value: "TZ=UTC": crashes the API server')
    later = [f'Invalid value: "TZ=UTC": {detail}' for detail in schedule("TZ=UTC", 35)]
    assert [one.message.partition(";")[0] for one in syntax(35, schedule="TZ=UTC")] == later


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 0 31 2 *", [(None, None)]),
        ("@every 59s", [(Severity.WARNING, Class.PRACTICE)]),
        ("@every 1ns", [(Severity.WARNING, Class.PRACTICE)]),
        ("@every 60s", [(Severity.INFO, Class.PRACTICE)]),
        ("* * * * *", []),
        ("0 0 * * 7", []),  # what cannot be read is for cron-syntax
        ("TZ=UTC 0 0 31 2 *", []),
        ("0 0 31 2 {{ .x }}", []),
        ("", []),
        (None, []),
    ],
)
def test_how_much_it_matters_when_a_cronjob_runs(text: Any, expected: list[Any]) -> None:
    found = list(cron_never_fires.RULE.check(Job(cronjob(schedule=text)), None))

    assert [(one.severity, one.class_) for one in found] == expected
