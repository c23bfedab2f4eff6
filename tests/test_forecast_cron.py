"""When CronJobs run, and what becomes of runs that meet."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from lint.clock import Odd, due, odd
from lint.forecast.runs import runs
from lint.validation.cron import Schedule, parse

BERLIN, LORD_HOWE = ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe")


def times(text: str, after: str, zone: ZoneInfo, number: int) -> list[str]:
    start = datetime.fromisoformat(after).replace(tzinfo=zone).astimezone(UTC)
    return [
        f"{when.astimezone(zone):%m-%d %H:%M%z}" for when in islice(due(parse(text), start, zone), number)
    ]


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("30 2 * * *", "2026-03-27 12:00", ["03-28 02:30+0100", "03-30 02:30+0200"]),
        ("30 2 * * *", "2026-10-24 12:00", ["10-25 02:30+0200", "10-25 02:30+0100", "10-26 02:30+0100"]),
        ("*/30 1-3 * * *", "2026-03-29 01:10", ["03-29 01:30+0100", "03-29 03:00+0200", "03-29 03:30+0200"]),
        ("0 3 * * *", "2026-03-28 12:00", ["03-29 03:00+0200"]),
        ("0 0 29 2 *", "2026-01-01 00:00", ["02-29 00:00+0100", "02-29 00:00+0100"]),
        ("@every 36h", "2026-10-24 12:00", ["10-25 23:00+0100", "10-27 11:00+0100"]),
        ("@every 20s", "2026-06-01 12:00", ["06-01 12:00+0200", "06-01 12:01+0200", "06-01 12:02+0200"]),
        ("0 0 31 2 *", "2026-06-01 12:00", []),
        (", * * * *", "2026-06-01 12:00", []),
    ],
)
def test_schedules_follow_the_clock(text: str, after: str, expected: list[str]) -> None:
    assert times(text, after, BERLIN, len(expected) or 3) == expected


def test_no_minute_of_a_changing_clock_is_left_out() -> None:
    for zone, start in (
        (BERLIN, datetime(2026, 10, 24, tzinfo=UTC)),
        (LORD_HOWE, datetime(2026, 4, 4, tzinfo=UTC)),
    ):
        for text in ("*/7 1,2 * * *", "15 1-3 * * 0", "45 * * * *"):
            minutes = (start + timedelta(minutes=number) for number in range(1, 3 * 24 * 60))
            schedule = parse(text)
            fit = [when for when in minutes if _fits(schedule, when.astimezone(zone))]

            assert list(islice(due(schedule, start, zone), len(fit))) == fit


def _fits(schedule: Schedule, clock: datetime) -> bool:
    day = schedule.weekdays >> clock.isoweekday() % 7 & 1
    return bool(day and schedule.hours >> clock.hour & 1 and schedule.minutes >> clock.minute & 1)


def test_runs_that_the_clock_takes_or_doubles() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    end = start + timedelta(days=365)

    assert list(odd(parse("30 2 * * *"), BERLIN, start, end)) == [
        Odd(datetime(2026, 3, 29, 2, 30), doubled=False),  # noqa: DTZ001 - what a clock shows
        Odd(datetime(2026, 10, 25, 2, 30), doubled=True),  # noqa: DTZ001
    ]
    assert not list(odd(parse("30 * * * *"), BERLIN, start, end))
    assert not list(odd(parse("30 3 * * *"), BERLIN, start, end))


def test_the_calendar_ends() -> None:
    start = datetime(8999, 1, 1, tzinfo=UTC)

    assert len(list(due(parse("@every 876000h"), start, BERLIN))) == 10
    assert len(list(due(parse("59 23 31 12 *"), start, ZoneInfo("Pacific/Honolulu")))) == 1001
    assert [one.end for one in runs([start, start + timedelta(days=1)], "Allow", 10**12, None)] == [None]


HOUR = [datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in range(6)]


@pytest.mark.parametrize(
    ("policy_", "minutes", "starting", "expected"),
    [
        ("Allow", 90, None, "0-90 60-150 120-210 180-270 240-330"),
        ("Replace", 90, None, "0-60! 60-120! 120-180! 180-240! 240-300!"),
        ("Replace", 60, None, "0-60 60-120 120-180 180-240 240-300"),
        ("Forbid", 60, None, "0-60 60-120 120-180 180-240 240-300"),
        ("Forbid", 90, None, "0-90 90-180 - 180-270 270-360"),
        ("Forbid", 90, 1799, "0-90 - 120-210 - 240-330"),
        ("Forbid", 90, 1800, "0-90 90-180 - 180-270 270-360"),
        ("Forbid", 150, None, "0-150 - 150-300 - -"),
        ("Forbid", None, None, "0- - - - -"),
        ("Allow", None, None, "0- 60- 120- 180- 240-"),
    ],
)
def test_runs_that_meet(policy_: str, minutes: int | None, starting: int | None, expected: str) -> None:
    def since(when: datetime | None) -> str:
        return "" if when is None else str((when - HOUR[0]) // timedelta(minutes=1))

    found = runs(HOUR, policy_, None if minutes is None else minutes * 60, starting)

    assert (
        " ".join(f"{since(one.start)}-{since(one.end)}{'!' * (one.outcome == 'replaced')}" for one in found)
        == expected
    )
