"""The rows of a drawing: what text and SVG show alike."""

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import wrap

from lint.forecast.courses import Course
from lint.forecast.dates import Calendar
from lint.forecast.facts import Fact
from lint.forecast.forecast import Forecast
from lint.forecast.tries import ENDLESS, Round
from lint.forecast.words import duration, moment, some

_STEPS = (
    *(1, 2, 5, 10, 15, 30),
    *(number * 60 for number in (1, 2, 5, 10, 15, 30)),
    *(number * 3600 for number in (1, 2, 3, 6, 12)),
    *(number * 86400 for number in (1, 2, 7, 14, 30, 90, 180)),
)
"""Seconds that are round to people."""
_YEAR = 365 * 86400
_TIED = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Bar:
    """A row with Pods that start and end together; times are in seconds."""

    label: str
    wait: int
    """Where the wait before it starts; where there is none, its start."""
    start: int
    end: int
    outcome: str


@dataclass(frozen=True)
class Drawing:
    """A course as rows."""

    title: str
    bars: tuple[Bar, ...]
    left_out: int | None
    """The rows before the last one that are not shown, or where there is no end None."""
    total: int
    """What the scale ends with."""


def drawings(told: Forecast) -> Iterator[Drawing]:
    """Draw the courses that differ."""
    run = told.given.run_time
    after = "" if run is None else f" after {duration(run)}"
    if told.success is not None and told.plan.together:
        yield _drawing(told, f"If every Pod succeeds{after}", told.success)
    if told.plan.together:
        yield _drawing(told, f"If every Pod fails{after or ' at once'}", told.failure)
    if told.longest.rounds != told.failure.rounds or told.longest.tries != told.failure.tries:
        hangs = run is None and told.plan.pod_deadline is None
        yield _drawing(told, "If every Pod hangs" if hangs else "At the longest", told.longest)
    if told.calendar is not None and told.calendar.runs:
        yield _runs(told, told.calendar)


def _runs(told: Forecast, dates: Calendar) -> Drawing:
    """Draw the next runs of a CronJob."""
    first = dates.runs[0].scheduled
    course = told.longest if told.success is None else told.success
    outcome = {"skipped": "skipped", "replaced": "killed"}
    bars = []
    for run in dates.runs:
        scheduled, start, end = (
            int(((time or run.scheduled) - first).total_seconds())
            for time in (run.scheduled, run.start, run.end)
        )
        ended = outcome.get(run.outcome, "failed" if course.condition == "Failed" else "succeeded")
        if run.end is None:
            ended = outcome.get(run.outcome, "runs")
        bars.append(
            Bar(moment(run.scheduled.astimezone(dates.zone)), scheduled, start, max(start, end), ended)
        )
    zone = dates.zone_name if dates.zone_known else "the controller manager's time zone, here UTC"
    each = "" if dates.length is None else f", if each takes {duration(dates.length)}"
    total = max(bars[-1].wait, *(bar.end for bar in bars), 1)
    return Drawing(f"The next {some(len(bars), 'run')} in {zone}{each}", tuple(bars), 0, total)


def wrapped(fact: Fact, width: int) -> list[str]:
    """Write a fact in lines, with its causes in brackets, of which none is torn apart."""
    causes = ", ".join(str(cause).replace(" ", _TIED) for cause in fact.causes)
    text = f"{fact.text} [{causes}]" if causes else fact.text
    lines = wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return [line.replace(_TIED, " ") for line in lines]


def marks(total: int, most: int) -> list[int]:
    """Return the round times from 0 to a total, in seconds: not more than so many."""
    step = next((step for step in _STEPS if total // step < most), _YEAR)
    while total // step >= most:
        step *= 10
    return list(range(0, total + 1, step))


def _drawing(told: Forecast, title: str, course: Course) -> Drawing:
    rounds = [one for one in (*course.rounds, *filter(None, [course.last])) if one.end < ENDLESS]
    bars = tuple(
        Bar(_label(told, one), max(one.start - one.wait, 0), one.start, one.end, one.outcome)
        for one in rounds
    )
    left_out = None if course.tries is None else course.tries - len(bars)
    total = max(bars[-1].end if course.end is None and bars else course.end or 1, 1)
    return Drawing(f"{title}: {_ending(course)}", bars, left_out, total)


def _label(told: Forecast, one: Round) -> str:
    plan = told.plan
    word, first = ("index", one.first) if plan.indexed else ("Pod", one.first + 1)
    several = "indexes" if plan.indexed else "Pods"
    pods = f"{word} {first}" if one.pods == 1 else f"{several} {first}-{first + one.pods - 1}"
    if one.number == 1:
        return pods
    if plan.in_place:
        return f"{pods}, run {one.number}"
    if plan.per_index is not None:
        return f"{pods}, try {one.number}"
    return f"retry {one.number - 1}" + (f", {some(one.pods, 'Pod')}" if one.pods > 1 else "")


def _ending(course: Course) -> str:
    """Say how a course ends."""
    if course.end is None or course.target is None:
        return "there is no end to it"
    later = f", or up to {duration(course.end - course.target)} later" if course.end > course.target else ""
    return f"{course.condition} after {duration(course.target)}{later} ({course.reason})"
