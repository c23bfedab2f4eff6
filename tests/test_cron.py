"""Schedules and time zones, and what the API server says of them."""

import json
import os
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from http.client import RemoteDisconnected
from inspect import unwrap
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lint.validation import zones
from lint.validation.cause import invalid
from lint.validation.cron import (
    STAR,
    Schedule,
    ScheduleError,
    least_period,
    never_fires,
    next_after,
    panics,
    parse,
    schedule,
)
from lint.validation.zones import meant, well_formed, zone

if TYPE_CHECKING:
    from apiserver import ApiServer

pytest_plugins = ["apiserver"]

FOLDER = os.environ.get("JOBWARDEN_VECTORS", "")
NO_ANSWER = "the server closed the connection without an answer (a panic in the handler)"
ON_ITS_DISK = {"posix/UTC", "right/UTC", "posixrules", "Factory", "zone.tab", "tzdata.zi", "leapseconds"}
"""Names that are files beside the zones, on the machine of the server; here they may be none."""

TZ = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
ATOI = "failed to parse int from {0}: strconv.Atoi: parsing {1}: {2}"


@pytest.mark.parametrize(
    ("text", "details"),
    [
        ("0 3 * * 1-5", []),
        (" 0\u00a03\t*\u3000* *\n", []),
        ("0 3 * *", ["expected exactly 5 fields, found 4: [0 3 * *]"]),
        ("0\x1f3 * * *", ["expected exactly 5 fields, found 4: [0\x1f3 * * *]"]),
        ("60 3 * * *", ["end of range (60) above maximum (59): 60"]),
        ("0 3 0 * *", ["beginning of range (0) below minimum (1): 0"]),
        ("0 22-2 * * *", ["beginning of range (22) beyond end of range (2): 22-2"]),
        ("*/0 3 * * *", ["step of range should be a positive number: */0"]),
        ("*/-1 3 * * *", ["negative number (-1) not allowed: -1"]),
        ("1-2-3 3 * * *", ["too many hyphens: 1-2-3"]),
        ("1/2/3 3 * * *", ["too many slashes: 1/2/3"]),
        ("*-x,,+007/99 3 * * *", []),
        ("0 3 * DEC fr\u0130", []),
        ("0 3 * * fril", [ATOI.format("fril", '"fril"', "invalid syntax")]),
        ('0 3 * * "\u200b', [ATOI.format('"\u200b', r'"\"\u200b"', "invalid syntax")]),
        ("9223372036854775807 3 * * *", ["end of range (9223372036854775807) above maximum (59): {0}"]),
        ("9223372036854775808 3 * * *", [ATOI.format("{0}", '"{0}"', "value out of range")]),
        ("9223372036854775808x 3 * * *", [ATOI.format("{0}", '"{0}"', "invalid syntax")]),
        ("18446744073709551616x 3 * * *", [ATOI.format("{0}", '"{0}"', "value out of range")]),
        ("0" * 5000 + "1 3 * * *", []),
        ("1" * 5000 + " 3 * * *", [ATOI.format("{0}", '"{0}"', "value out of range")]),
        ("@weekly", []),
        ("@Weekly", ["unrecognized descriptor: @Weekly"]),
        ("TZ=UTC 0 3 * * *", [TZ]),
        ("CRON_TZ=../UTC 0 3 * * *", ["provided bad location ../UTC: time: invalid location name", TZ]),
        ("TZ=UTC 0 3 * *", ["expected exactly 5 fields, found 4: [0 3 * *]", TZ]),
        ("0 3 * * TZ", [ATOI.format("TZ", '"TZ"', "invalid syntax"), TZ]),
        ("TZ=UTC", ["invalid schedule format: runtime error: slice bounds out of range [:-1]", TZ]),
    ],
)
def test_the_words_are_those_of_the_server(text: str, details: list[str]) -> None:
    item = text.partition(" ")[0]

    assert schedule(text, 37) == [detail.replace("{0}", item) for detail in details]


@pytest.mark.parametrize(
    ("duration", "fault"),
    [
        ("1h30m", ""),
        ("-1.5h", ""),
        ("+.5s1\u00b5s1\u03bcs", ""),
        ("2562047h47m16.854775807s", ""),
        ("2562047h47m16.854775808s", "invalid duration"),
        ("-9223372036854775808ns", ""),
        ("-9223372036854775808ns9223372036854775808ns", ""),
        ("-9223372036854775808ns1ns", "invalid duration"),
        ("9223372036854775809ns", "invalid duration"),
        ("1" * 5000 + "ns", "invalid duration"),
        ("0." + "0" * 5000 + "1s", ""),
        ("0." + "9" * 5000 + "s", ""),
        ("", "invalid duration"),
        ("-", "invalid duration"),
        (".s", "invalid duration"),
        ("1..5s", "missing unit in duration"),
        ("1d", 'unknown unit "d" in duration'),
        ('1h "\u00e9', r'unknown unit "h \"\xc3\xa9" in duration'),
    ],
)
def test_a_duration_is_read_as_go_reads_it(duration: str, fault: str) -> None:
    found = schedule(f"@every {duration}", 37)

    assert [one.partition(": time: ")[2].partition(' "')[0] for one in found] == (
        [fault.partition(' "')[0]] if fault else []
    )
    assert all(fault in one for one in found)


@pytest.mark.parametrize(("minor", "expected"), [(34, True), (35, False), (37, False)])
def test_servers_before_35_panic_at_a_zone_without_a_schedule(minor: int, *, expected: bool) -> None:
    assert panics("CRON_TZ=UTC", minor) == expected
    assert not panics("CRON_TZ=UTC ", minor)


@pytest.mark.skipif(not FOLDER, reason="JOBWARDEN_VECTORS names no folder: see CONTRIBUTING.md")
@pytest.mark.parametrize("minor", [31, 34, 37])
def test_everything_is_said_as_real_servers_said_it(minor: int) -> None:
    head, *lines = (Path(FOLDER) / "cron.tsv").read_text("utf-8").splitlines()
    column = head.split("\t").index(f"1.{minor}")
    told = {}
    for line in lines:
        row = line.split("\t")
        kind, text, answer = row[0], json.loads(row[1]), row[column]
        expected = [] if answer == "ok" else json.loads(answer)
        got = list(said(kind, text, minor))
        agree = [one.endswith(two) for one, two in zip(expected, got, strict=False)]
        if text not in ON_ITS_DISK and not (len(expected) == len(got) and all(agree)):
            told[text] = expected, got

    assert told == {}


def said(kind: str, text: str, minor: int) -> Iterator[str]:
    """Say what is wrong with a text."""
    if kind == "timeZone":
        yield from (f": {detail}" for detail in zone(text, minor))
    elif not text:
        yield "Required value"
    elif panics(text, minor):
        yield NO_ANSWER
    else:
        yield from (f": {detail}" for detail in schedule(text, minor))


PARTS = (
    *"0 1 7 59 60 * ? - / , + . @ # L x \u00e9 \\ < & frI\u0307 fr\u0130 sun DEC jan-mar mon/2".split(),
    *"1-5 */2 */90 ,, 1h .5m 1.5s ns TZ= Europe/Berlin Local".split(),
    *"9223372036854775808 99999999999999999999x 00000000000000000000001".split(),
    *("@every ", "CRON_TZ=UTC ", " ", "\t", "\u00a0", "\u200b", "\x1f", "\x7f", "\u0085"),
)


def test_schedules_made_at_random_are_judged_as_by_the_server(every_apiserver: "ApiServer") -> None:
    make = random.Random(7)
    minor = every_apiserver.minor
    told = {}
    for _ in range(600):
        text = changed(make, make.choice(("0 3 * * 1-5", "*/5 1,2 1-9/3 jan sun", "@every 1h30m", "@daily")))
        tree = cronjob(text)
        try:
            answer = every_apiserver.dry_run(tree)
            causes = (answer.body.get("details") or {}).get("causes", [])
            expected = {cause["message"] for cause in causes}
        except RemoteDisconnected:
            expected = {NO_ANSWER}
        got = list(said("schedule", text, minor))
        if len(got) != len(expected) or not all(any(one.endswith(each) for one in expected) for each in got):
            told[text] = expected, got

    assert told == {}


def changed(make: random.Random, text: str) -> str:
    """Put something into a text, or take something out, a few times."""
    for _ in range(make.choice((1, 1, 2, 3, 6))):
        place = make.randint(0, len(text))
        text = text[:place] + make.choice((*PARTS, "")) + text[place + make.randint(0, 1) :]
    return text


def cronjob(text: str) -> dict[str, object]:
    """Make a CronJob with a schedule."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "report", "image": "report:1.4"}]}
    spec = {"schedule": text, "jobTemplate": {"spec": {"template": {"spec": pod}}}}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "report"}, "spec": spec}


def test_a_schedule_is_sets_of_numbers() -> None:
    minutes, hours, days, months, weekdays, every = parse("1,3-5 */6 * jan-MAR/2 FRI/1")

    assert minutes == sum(1 << one for one in (1, 3, 4, 5))
    assert hours == sum(1 << one for one in (0, 6, 12, 18))
    assert days == sum(1 << one for one in range(1, 32)) + STAR
    assert months == sum(1 << one for one in (1, 3))
    assert weekdays == sum(1 << one for one in (5, 6))
    assert every == 0


def test_a_step_takes_the_star_away() -> None:
    assert parse("0 0 */2 * */1").days < STAR < parse("0 0 */2 * */1").weekdays


@pytest.mark.parametrize(
    ("text", "seconds"), [("1h30m", 5400), ("1.9s", 1), ("0", 1), ("-1h", 1), ("1ns", 1), ("61s999ms", 61)]
)
def test_every_is_whole_seconds_and_at_least_one(text: str, seconds: int) -> None:
    assert parse(f"@every {text}") == Schedule(0, 0, 0, 0, 0, seconds)


def test_what_cannot_be_read_raises_in_the_words_of_the_server() -> None:
    with pytest.raises(ScheduleError, match=r"^unrecognized descriptor: @reboot$"):
        parse("@reboot")


NEXT = [
    ("2012-07-09 14:45", "0/15 * * * *", "2012-07-09 15:00"),
    ("2012-07-09 14:59:59", "0/15 * * * *", "2012-07-09 15:00"),
    ("2012-07-09 15:45", "20-35/15 * * * *", "2012-07-09 16:20"),
    ("2012-07-09 23:46", "*/15 * * * *", "2012-07-10 00:00"),
    ("2012-07-09 23:35", "0 0 9 Apr-Oct ?", "2012-08-09 00:00"),
    ("2012-07-09 23:35", "0 0 */5 Apr,Aug,Oct Mon", "2012-08-01 00:00"),
    ("2012-07-09 23:35", "0 0 */5 Oct Mon", "2012-10-01 00:00"),
    ("2012-07-09 23:35", "0 0 * Feb Mon", "2013-02-04 00:00"),
    ("2012-07-09 23:35", "0 0 * Feb Mon/2", "2013-02-01 00:00"),
    ("2012-12-31 23:59:45", "* * * * *", "2013-01-01 00:00"),
    ("2012-07-09 23:35", "0 0 29 Feb ?", "2016-02-29 00:00"),
    ("2012-07-09 23:35", "0 0 30 Feb ?", None),
    ("2012-07-09 23:35", "0 0 31 Apr ?", None),
    ("2012-07-09 23:35", ", * * * *", None),
    ("2097-12-31 23:59", "0 0 29 2 *", None),  # 2100 has no such day, and 2104 is too far
    ("2098-12-31 23:59:58", "0 0 29 2 *", None),
    ("2098-12-31 23:59:59", "0 0 29 2 *", "2104-02-29 00:00"),
    ("2012-07-14 23:59", "0 0 1,15 * Sun", "2012-07-15 00:00"),
    ("2012-07-07 23:59", "0 0 */2 * Sun", "2012-07-08 00:00"),
    ("2012-07-09 00:00", "* * 10 * Sun", "2012-07-10 00:00"),
    ("2012-07-09 00:00:00.5", "@every 90s", "2012-07-09 00:01:30"),
    ("9999-12-31 23:58", "* * * * *", "9999-12-31 23:59"),
    ("9990-01-01 00:00", "0 0 30 2 *", None),
]


@pytest.mark.parametrize(("when", "text", "expected"), NEXT)
def test_the_next_run_is_that_of_the_library(when: str, text: str, expected: str | None) -> None:
    run = next_after(parse(text), datetime.fromisoformat(when).replace(tzinfo=UTC))

    assert run == (expected and datetime.fromisoformat(expected).replace(tzinfo=UTC))


def made(make: random.Random) -> str:
    """Make a schedule."""
    bounds = (0, 59), (0, 23), (1, 28), (1, 12), (0, 6)
    return " ".join(field(make, *each) for each in bounds)


def field(make: random.Random, low: int, high: int) -> str:
    """Make a field."""
    if make.random() < 0.4:
        return make.choice(("*", "*", "*", "*/2", "*/5", "*/7"))
    return ",".join(str(make.randint(low, high)) for _ in range(make.randint(1, 3)))


def fits(one: Schedule, when: datetime) -> bool:
    """Tell whether a run is due at a minute."""
    of_month, of_week = one.days >> when.day & 1, one.weekdays >> when.isoweekday() % 7 & 1
    either = not (one.days & STAR or one.weekdays & STAR)
    day = of_month | of_week if either else of_month & of_week
    return bool(day & one.minutes >> when.minute & one.hours >> when.hour & one.months >> when.month & 1)


def test_no_run_is_left_out() -> None:
    make = random.Random(11)
    for _ in range(100):
        text = made(make)
        when = datetime(2023, 1, 1, tzinfo=UTC) + timedelta(seconds=make.randrange(10**8))
        run = next_after(parse(text), when)
        minute = when.replace(second=0) + timedelta(minutes=1)
        for _ in range(2000):
            if fits(parse(text), minute):
                break
            minute += timedelta(minutes=1)

        assert run is not None, text
        assert fits(parse(text), run), text
        assert run == minute or (run > minute and not fits(parse(text), minute)), (text, when)


NEVER = [
    "0 0 31 2 *",
    "0 0 30,31 feb ?",
    "0 0 31 4,6,9,11 *",
    ", * * * *",
    "* , * * *",
    "* * , * *",
    "* * * , *",
]
SOMETIMES = [
    "0 0 29 2 *",
    "0 0 31 2 1",
    "0 0 31 2,3 *",
    "* * , * 1",
    "* * 31 2 */2",
    "@every 1h",
    "@yearly",
    "* * 1 * ,",
]


@pytest.mark.parametrize("text", [*NEVER, "* * * * ,", "* * 31 2 ,", ", , , , ,"])
def test_what_no_time_fits_never_fires(text: str) -> None:
    assert never_fires(parse(text))
    assert next_after(parse(text), datetime(2024, 1, 1, tzinfo=UTC)) is None


def test_what_never_fires_has_no_period() -> None:
    make = random.Random(19)
    parts = ("*", "*/2", ",", "1", "4", "30", "31", "2,31")
    for _ in range(300):
        days, months, weekdays = (
            make.choice(parts),
            make.choice(("*", ",", "2", "4,6", "2,4")),
            make.choice(parts[:4]),
        )
        one = parse(f"0 {make.choice(('0', '0', ','))} {days} {months} {weekdays}")

        assert never_fires(one) == (least_period(one) is None), one


@pytest.mark.parametrize("text", SOMETIMES)
def test_what_some_time_fits_fires(text: str) -> None:
    assert not never_fires(parse(text))
    assert next_after(parse(text), datetime(2024, 1, 1, tzinfo=UTC)) is not None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("* * * * *", 60),
        ("0,59 * * * *", 60),
        ("0 0,23 * * *", 3600),
        ("0 0,23 * * 1,3", 23 * 3600),
        ("30 3 * * *", 86400),
        ("0 0 * * 5", 7 * 86400),
        ("0 0 1 * *", 28 * 86400),
        ("0 0 31 * *", 31 * 86400),
        ("0 0 30,31 1,3 *", 86400),
        ("0 0 29 2 *", 1461 * 86400),
        ("0 0 1 1 1", 86400),
        ("@every 90s", 90),
        (", * * * *", None),
    ],
)
def test_the_least_period_is_that_of_the_nearest_runs(text: str, seconds: int | None) -> None:
    assert least_period(parse(text)) == seconds


def test_the_least_period_is_found_in_28_years_of_days() -> None:
    make = random.Random(13)
    start = date(2024, 1, 1).toordinal()
    days = [datetime.fromordinal(start + number) for number in range(28 * 1461 // 4 + 1500)]
    for _ in range(25):
        text = "0 0 " + " ".join(field(make, *each) for each in ((1, 31), (1, 12), (0, 6)))
        runs = [day for day in days if fits(parse(text), day)]
        periods = [(later - earlier).total_seconds() for earlier, later in pairwise(runs)]

        assert least_period(parse(text)) == min(periods, default=None), text


def test_the_least_period_is_found_in_two_days_of_minutes() -> None:
    make = random.Random(17)
    minutes = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=number) for number in range(2 * 1440)]
    for _ in range(25):
        text = f"{field(make, 0, 59)} {field(make, 0, 23)} * * *"
        runs = [minute for minute in minutes if fits(parse(text), minute)]
        periods = [(later - earlier).total_seconds() for earlier, later in pairwise(runs)]

        assert least_period(parse(text)) == min(periods), text


UNKNOWN_FORMS = [
    "/Europe/Berlin",
    "Europe//Berlin",
    "Europe/../UTC",
    "./UTC",
    "Europe/-Berlin",
    "Europe/Berlin ",
]


@pytest.mark.parametrize("name", [*UNKNOWN_FORMS, "Europe/Z\u00fcrich", "UTC\n", "America/ThisPartIsLonger"])
def test_a_form_that_is_never_looked_up_is_unknown(name: str) -> None:
    assert not well_formed(name)
    assert zone(name, 37) == [f"unknown time zone {name}"]


@pytest.mark.parametrize(
    "name", ["UTC", "Europe/Berlin", "Etc/GMT+12", "America/Argentina/Buenos_Aires", "GMT0"]
)
def test_a_zone_is_known(name: str) -> None:
    assert zone(name, 37) == []


@pytest.mark.parametrize("name", ["Mars/Base", "utc", "europe/berlin", "UTC+1", "posix"])
def test_a_zone_that_is_not_there_is_no_zone(name: str) -> None:
    assert well_formed(name)
    assert zone(name, 37)


def test_local_and_nothing_are_no_zones() -> None:
    assert zone("", 37) == ["timeZone must be nil or non-empty string"]
    assert zone("Local", 37) == [zones.LOCAL]
    assert zone("LOCAL", 37) == [zones.LOCAL, "unknown time zone LOCAL"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("europe/berlin", "Europe/Berlin"),
        (" America/New York", "America/New_York"),
        ("utc", "UTC"),
        ("gmt+0", "GMT+0"),
        ("Mars/Base", ""),
        ("", ""),
    ],
)
def test_another_case_means_a_zone(name: str, expected: str) -> None:
    assert meant(name) == expected


def test_no_two_zones_are_alike() -> None:
    from zoneinfo import available_timezones

    assert {meant(name) for name in available_timezones()} == available_timezones()


def test_without_zone_files_every_zone_is_taken_for_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(zones, "_folders", lambda: [str(tmp_path)])

    assert unwrap(zones.load_fault)("Mars/Base") == ""


def test_a_file_system_that_takes_any_case_does_not_make_a_zone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("UTC", "utc", "eUROPE", "Europe"):
        (tmp_path / name).write_bytes(b"TZif")
    monkeypatch.setattr(zones, "_folders", lambda: [str(tmp_path)])

    assert unwrap(zones.load_fault)("Europe") == "unknown time zone Europe"


def test_files_are_no_zones_for_the_reasons_of_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "UTC").write_bytes(b"TZif")
    (tmp_path / "zone.tab").write_bytes(b"# tz")
    (tmp_path / "Europe").mkdir()
    monkeypatch.setattr(zones, "_folders", lambda: ["/nowhere", str(tmp_path)])
    faults = {name: unwrap(zones.load_fault)(name) for name in ("Europe", "UTC/x", "zone.tab", "x\0", "x")}

    assert faults == {
        "Europe": "is a directory",
        "UTC/x": "not a directory",
        "zone.tab": "malformed time zone information",
        "x\0": "invalid argument",
        "x": "unknown time zone x",
    }


def test_a_cause_is_written_as_the_server_writes_it() -> None:
    text = "0 3 * * 7"
    (detail,) = schedule(text, 37)

    message = invalid(("spec", "schedule"), text, detail).message

    assert message == 'Invalid value: "0 3 * * 7": end of range (7) above maximum (6): 7'
