"""What `jobwarden forecast` prints: text, JSON and SVG."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from batch import Tree, cronjob, job
from conftest import JOB, Command, put

from lint.forecast.courses import Assumptions
from lint.forecast.dates import Window
from lint.forecast.drawn import marks
from lint.forecast.forecast import forecast
from lint.forecast.text import Style, lines
from lint.forecast.words import amount, duration
from lint.job import Job

pytestmark = pytest.mark.usefixtures("folder")

INDEXED: Tree = {"completionMode": "Indexed"}


def drawn(tree: Tree, run: int | None, *, unicode: bool = True, colour: bool = False) -> list[str]:
    found = forecast(Job(tree), Assumptions(run), Window(datetime(2026, 3, 27, 12, tzinfo=UTC), 5))
    return list(lines(found, "job.yaml:1", Style(60, unicode=unicode, colour=colour)))


def test_a_timeline() -> None:
    assert drawn(job(backoffLimit=2), 60)[5:10] == [
        "",
        "  If every Pod fails after 1m: Failed after 3m30s (BackoffLimitExceeded)",
        "  Pod 1    █████████████✗",
        "  retry 1               ···█████████████✗",
        "  retry 2                               ·····██████████████✗",
    ]


def test_a_timeline_in_ascii() -> None:
    assert drawn(job(backoffLimit=2), 60, unicode=False)[7:11] == [
        "  Pod 1    =============x",
        "  retry 1               ...=============x",
        "  retry 2                               .....==============x",
        "           0s           1m            2m            3m",
    ]
    assert all(line.isascii() for line in drawn(cronjob(), None, unicode=False))


def test_nothing_is_wider_than_the_terminal() -> None:
    trees = [job(), job(completions=99999, parallelism=99, **INDEXED, backoffLimitPerIndex=3), cronjob()]
    for tree in trees:
        for run in (None, 0, 1, 3600):
            titles = ("  If every Pod", "  At the longest", "  The next")
            rows = [row for row in drawn(tree, run) if not row.startswith(titles)]
            assert max(map(len, rows)) <= 60, rows


def test_colours_are_for_those_who_want_them() -> None:
    plain, coloured = (drawn(job(), 60, colour=colour) for colour in (False, True))

    assert "\x1b[31m✗\x1b[0m" in "".join(coloured)
    assert "\x1b" not in "".join(plain)


def test_rows_that_are_left_out_are_counted() -> None:
    rows = drawn(job(completions=100, parallelism=2), 60)

    assert "  ... 41 more ..." in rows
    assert any(row.startswith("  Pods 99-100") for row in rows)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (59, "59s"), (630, "10m30s"), (3600, "1h"), (90061, "1d1h1m1s")]
)
def test_durations(seconds: int, text: str) -> None:
    assert duration(seconds) == text


def test_amounts() -> None:
    assert [amount(number) for number in (0, 0.0123, 0.5, 12, 1234.567)] == [
        "0",
        "0.012",
        "0.5",
        "12",
        "1,234.57",
    ]


@pytest.mark.parametrize("total", [1, 2, 59, 630, 3630, 86400, 10**7, 10**9, 10**14])
def test_a_scale_has_round_marks(total: int) -> None:
    found = marks(total, 6)

    assert 1 <= len(found) <= 6
    assert found[0] == 0
    assert found[-1] <= total


CRON = """\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: nightly
spec:
  schedule: "30 2 * * *"
  timeZone: Europe/Berlin
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: main, image: "main:1"}]
"""


def test_every_object_of_a_file_is_told_and_the_rest_goes_on(jobwarden: Command) -> None:
    put("jobs.yaml", f"{JOB}---\n{JOB.replace('spec:', 'spec: {{', 1)}---\n{CRON}---\nkind: Job\n\tx\n")

    done = jobwarden("forecast", "jobs.yaml", "missing.yaml", "--from", "2026-03-27T12:00Z")

    assert done.returncode == 1
    assert "Job report (jobs.yaml:1)" in done.stdout
    assert "CronJob nightly (jobs.yaml:29)" in done.stdout
    assert "  2026-03-30 02:30+02:00" in done.stdout
    first, second, third = done.stderr.splitlines()
    assert first == "jobs.yaml:21: this is a template: forecast what it renders, as of `helm template`"
    assert second.startswith("jobs.yaml:44: ")
    assert third == "missing.yaml: no such file or directory"


def test_the_standard_input(jobwarden: Command) -> None:
    done = jobwarden("forecast", "-", stdin=JOB.encode())

    assert done.returncode == 0
    assert done.stdout.startswith("Job report (<stdin>:1)\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--run-time", "soon"),
            "--run-time takes how long a Pod runs, such as 90s, 10m or 1h30m, not 'soon'",
        ),
        (("--run-time=-5s",), "--run-time takes how long a Pod runs, such as 90s, 10m or 1h30m, not '-5s'"),
        (("--from", "dawn"), "--from takes a time such as 2026-03-28T12:00Z, not 'dawn'"),
        (("--from", "9999-12-31"), "--from takes a time such as 2026-03-28T12:00Z, not '9999-12-31'"),
        (("--runs", "0"), "--runs takes a number from 1 to 1000"),
        (("--exit-code", "256"), "--exit-code takes what containers fail with: a number from 1 to 255"),
    ],
)
def test_wrong_options(jobwarden: Command, arguments: tuple[str, ...], message: str) -> None:
    done = jobwarden("forecast", "-", *arguments, stdin=JOB.encode())

    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"jobwarden: {message}\n")


def test_a_file_without_jobs(jobwarden: Command) -> None:
    put("other.yaml", "kind: ConfigMap\n")

    done = jobwarden("forecast", "other.yaml")

    assert (done.returncode, done.stderr) == (2, "jobwarden: there is no Job and no CronJob to forecast\n")


def test_signs_that_an_output_cannot_show(jobwarden: Command) -> None:
    done = jobwarden("forecast", "-", "--run-time", "1m", stdin=JOB.encode(), PYTHONIOENCODING="ascii")

    assert done.stdout.isascii()
    assert "====x" in done.stdout


def test_json(jobwarden: Command) -> None:
    put("jobs.yaml", f"{JOB}---\n{CRON}---\n{JOB.replace('spec:', 'spec: {backoffLimit: -1,', 1)}")

    done = jobwarden(
        "forecast", "jobs.yaml", "--format", "json", "--from", "2026-03-27T13:00+01:00", "--run-time", "1h"
    )

    value = json.loads(done.stdout)
    assert (value["version"], value["from"]) == (1, "2026-03-27T12:00:00Z")
    first, second = value["forecasts"]
    assert first["object"] == {"kind": "Job", "namespace": "", "name": "report"}
    assert first["courses"]["failure"]["decidedSeconds"] == 7 * 3600 + 630
    assert first["requests"]["cpu"] == {
        "perPod": 0.1,
        "unit": "core-hours",
        "ifNoneFails": 0.1,
        "atMost": 0.7,
    }
    assert second["calendar"]["runs"][1] == {
        "scheduled": "2026-03-30T00:30:00Z",
        "clock": "2026-03-30T02:30:00+02:00",
        "starts": "2026-03-30T00:30:00Z",
        "ends": "2026-03-30T01:30:00Z",
        "outcome": "runs",
    }
    assert second["calendar"]["clocks"][0] == {"clock": "2026-03-29T02:30:00", "runs": 0}
    assert [one["line"] for one in value["unclear"]] == [value["unclear"][0]["line"]]
    assert list(_keys(value["forecasts"], "path"))


def _keys(value: Any, key: str) -> Iterator[Any]:
    """Find all values of a key."""
    if isinstance(value, dict):
        yield from ([value[key]] if key in value else [])
        value = list(value.values())
    for below in value if isinstance(value, list) else ():
        yield from _keys(below, key)


def test_a_picture(jobwarden: Command) -> None:
    put("<a>&b.yaml", f"{JOB}---\n{CRON}")

    done = jobwarden("forecast", "<a>&b.yaml", "--format", "svg", "--from", "2026-03-27", "--run-time", "10m")

    root = ET.fromstring(done.stdout)  # noqa: S314 - our own
    space = "{http://www.w3.org/2000/svg}"
    assert root.findtext(f"{space}title") == "Forecast"
    about = root.findtext(f"{space}desc") or ""
    assert "If every Pod fails after 10m: Failed after 1h20m30s (BackoffLimitExceeded)" in about
    assert "<a>&b.yaml:1" in {one.text for one in root.iter(f"{space}text")}
    assert "prefers-color-scheme: dark" in (root.findtext(f"{space}style") or "")
    assert "http" not in done.stdout.replace("http://www.w3.org/2000/svg", "")
    width = float(root.get("width", "0"))
    assert all(
        float(one.get("x", "0")) + float(one.get("width", "0")) <= width
        for one in root.iter(f"{space}rect")
        if one.get("x")
    )


def test_a_lint_run_does_not_import_it(jobwarden: Command) -> None:
    done = jobwarden("lint", "-", stdin=CRON.encode(), PYTHONPROFILEIMPORTTIME="1")

    assert "lint.linter" in done.stderr
    assert "lint.forecast" not in done.stderr
