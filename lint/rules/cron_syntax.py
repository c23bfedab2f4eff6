"""A CronJob's schedule and time zone are such as the API server can read.

It knows five fields (minute, hour, day of month, month, day of week) and a few words like `@daily`, nothing
of the extensions of other crons: Sunday is 0 and not 7, a range does not go past its end, there are no
seconds, no years, and no `L`, `W`, `#` or `H`. The zone has a field of its own, `timeZone`, and a `TZ=` in
the schedule is rejected; with no space behind it, it crashes the request in servers before Kubernetes 1.35.

A zone is a name of https://www.iana.org/time-zones, in its exact case. One that is unknown here is only
warned of: the cluster may have newer zone files.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lint.edit import Set
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity, quoted, refusal
from lint.view import View

if TYPE_CHECKING:
    from lint.validation.cause import Cause

# What reads schedules is imported where something is wrong: most runs see no CronJob.

_WEEKDAYS = "sun mon tue wed thu fri sat".split()
_TO_SUNDAY = r"(?:(?P<first>[^-/]+)-)?\+?0*7(?:/(?P<step>[0-9]{1,2}))?"
"""An item of the last field that ends on day 7."""

_HINTS = (
    ("^failed to parse duration", "write hours, minutes and seconds, such as @every 1h30m"),
    ("^unrecognized descriptor", "known are @yearly, @monthly, @weekly, @daily, @hourly and @every 1h30m"),
    (
        "^expected exactly",
        "the fields are minute, hour, day of month, month and day of week; no seconds, years or commands",
    ),
    (
        "^failed to parse int",
        "a field has numbers, *, lists, ranges, steps, and three-letter names of months and weekdays",
    ),
    (r"above maximum \(6\)", "days are 0 (Sunday) to 6 (Saturday), or sun to sat"),
    ("^invalid schedule format", "write a schedule in its place"),
    ("beyond end of range [^/]*$", "a range does not go past the end of its field: write two"),
)
"""What to say of which detail."""


def check(job: Job, _params: None) -> Iterator[Finding]:
    for cause in job.causes("cron-syntax"):
        if cause.path[-1] == "timeZone":
            yield _zone(job, cause)
        elif cause.type == "Required value":
            yield refusal(cause, ': say when to run, such as schedule: "17 3 * * *"')
        else:
            yield _schedule(job, cause)


def _schedule(job: Job, cause: "Cause") -> Finding:
    """Say how to mend a schedule."""
    from lint.validation.cron import TZ_WITHIN

    written, named = job.object.at("spec", "schedule"), job.object.at("spec", "timeZone")
    if cause.detail.startswith(TZ_WITHIN):
        fix = _zone_moved(job, written, named)
    elif better := _with_sunday(written.value) or _descriptor(written.value):
        fix = Fix(f"set schedule: {quoted(better)}", (Set(written.path, better),))
    else:
        fix = None
    mend = fix.title if fix else _hint(cause.detail)
    return refusal(cause, f"; {mend}" if mend else "", fix)


def _zone_moved(job: Job, written: View, named: View) -> Fix | None:
    """Take the zone out of a schedule; the controller puts `timeZone` before it in just this way."""
    from lint.validation.cron import SPACES, schedule
    from lint.validation.zones import zone

    prefix, _, rest = written.value.partition(" ")
    key, _, name = prefix.partition("=")
    rest = rest.strip(SPACES)
    if key not in ("TZ", "CRON_TZ") or schedule(rest or "?", job.minor) or zone(name, job.minor):
        return None
    if named.given and named.value != name:
        return None  # which of the two is meant?
    edits = (Set(written.path, rest), *(() if named.given else (Set(named.path, name),)))
    return Fix(f"set schedule: {quoted(rest)} and timeZone: {name}", edits)


def _with_sunday(text: str) -> str:
    """Write Sunday as 0 instead of 7; empty if that does not mend a schedule, or may mean another day.

    A `?` comes from Quartz, which counts from 1: its 7 is Saturday.
    """
    from lint.validation.cron import schedule

    words = text.split()
    if len(words) != 5 or "7" not in words[-1] or "?" in text:
        return ""
    before, weekdays, after = text.rpartition(words[-1])
    better = before + ",".join(map(_item_with_sunday, weekdays.split(","))) + after
    return "" if schedule(better, 0) else better


def _item_with_sunday(item: str) -> str:
    """Write an item that ends on day 7 with 0: `5-7` is `5-6,0`."""
    match = re.fullmatch(_TO_SUNDAY, item)
    if match is None or (match["step"] and not match["first"]):
        return item
    first = (match["first"] or "7").lower()
    start = (
        _WEEKDAYS.index(first) if first in _WEEKDAYS else int(first) if re.fullmatch("[0-7]", first) else -1
    )
    step = int(match["step"] or 1)
    if start < 0 or step == 0:
        return item
    if start == 7:
        return "0"
    days = f"{match['first']}-6" + (f"/{match['step']}" if match["step"] else "")
    return f"{days},0" if start > 0 and (7 - start) % step == 0 else days


def _descriptor(text: str) -> str:
    """Return the descriptor that a text is but for its case and the space around it; empty if it is none."""
    from lint.validation.cron import DESCRIPTORS

    better = text.strip().lower()
    return better if better in DESCRIPTORS else ""


def _hint(detail: str) -> str:
    """Say how to mend a schedule, as far as that is known."""
    return next((hint for pattern, hint in _HINTS if re.search(pattern, detail)), "")


def _zone(job: Job, cause: "Cause") -> Finding:
    """Say how to mend a time zone."""
    from lint.validation.zones import LOCAL, meant, well_formed

    name: str = job.object.at("spec", "timeZone").value
    if not name or cause.detail == LOCAL:
        return refusal(cause, "; name a zone such as Europe/Berlin, or leave timeZone out")
    if better := meant(name):
        fix = Fix(f"set timeZone: {better}", (Set(cause.path, better),))
        return refusal(cause, f"; {fix.title}", fix)
    finding = refusal(cause, "; take a name of https://www.iana.org/time-zones such as Europe/Berlin")
    return finding._replace(severity=Severity.WARNING) if well_formed(name) else finding


def _cronjob(*fields: str) -> str:
    """Write a CronJob with these fields."""
    return _CRONJOB.replace("FIELDS", "\n  ".join(fields))


_CRONJOB = """\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: report
spec:
  FIELDS
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
            - name: report
              image: report:1.4
"""

_DAILY = 'schedule: "17 3 * * *"'

RULE = Rule(
    id="cron-syntax",
    doc=__doc__,
    severity=Severity.ERROR,
    class_=Class.SERVER,
    params=None,
    check=check,
    about=frozenset(),
    good=(
        Good(_cronjob('schedule: "17 3 * * 1-5"  # on working days', "timeZone: Europe/Berlin")),
        Good(_cronjob('schedule: "*/15 8-18 1,15 jan-mar MON"')),
        Good(_cronjob('schedule: "@daily"', "timeZone: null")),
        Good(_cronjob('schedule: "@every 1h30m"')),
        Good(_cronjob('schedule: "0 3 * * 0-6/2"')),
        Good(_cronjob('schedule: "{{ .Values.schedule }}"', "timeZone: ${ZONE}")),
    ),
    bad=(
        Bad(
            _cronjob('schedule: "17 3 * * 7"  # on Sundays'),
            fixed=_cronjob('schedule: "17 3 * * 0"  # on Sundays'),
        ),
        Bad(_cronjob("schedule: 0 3 * * 1,5-7"), fixed=_cronjob('schedule: "0 3 * * 1,5-6,0"')),
        Bad(_cronjob("schedule: 0 3 * * mon-7/2"), fixed=_cronjob('schedule: "0 3 * * mon-6/2,0"')),
        Bad(_cronjob("schedule: 0 3 ? * 7")),  # Quartz means Saturday
        Bad(_cronjob("schedule: 0 3 * * 7/2")),
        Bad(
            _cronjob('schedule: "TZ=Europe/Berlin 17 3 * * *"'),
            fixed=_cronjob(_DAILY, "timeZone: Europe/Berlin"),
        ),
        Bad(
            _cronjob('schedule: "CRON_TZ=Asia/Tokyo 17 3 * * *"', "timeZone: Asia/Tokyo"),
            fixed=_cronjob(_DAILY, "timeZone: Asia/Tokyo"),
        ),
        Bad(_cronjob('schedule: "CRON_TZ=Asia/Tokyo 17 3 * * *"', "timeZone: Europe/Berlin")),
        Bad(_cronjob("schedule: CRON_TZ=Asia/Tokyo")),
        Bad(_cronjob("schedule: CRON_TZ=Asia/Tokyo"), minor=34),
        Bad(_cronjob("schedule: '@Daily '"), fixed=_cronjob("schedule: '@daily'")),
        Bad(_cronjob('schedule: "@reboot"')),
        Bad(_cronjob('schedule: "@every 1d"')),
        Bad(_cronjob('schedule: "0 17 3 * * ?"')),
        Bad(_cronjob('schedule: "0 22-2 * * *"')),
        Bad(_cronjob('schedule: "H 3 * * *"')),
        Bad(_cronjob('schedule: "0 24 * * *"')),
        Bad(_cronjob("suspend: true")),
        Bad(_cronjob('schedule: ""')),
        Bad(
            _cronjob(_DAILY, "timeZone: europe/berlin"),
            fixed=_cronjob(_DAILY, "timeZone: Europe/Berlin"),
        ),
        Bad(
            _cronjob(_DAILY, "timeZone: America/New York"),
            fixed=_cronjob(_DAILY, "timeZone: America/New_York"),
        ),
        Bad(_cronjob(_DAILY, "timeZone: Local")),
        Bad(_cronjob(_DAILY, 'timeZone: ""')),
        Bad(_cronjob(_DAILY, "timeZone: UTC+1")),
        Bad(_cronjob(_DAILY, "timeZone: /Europe/Berlin")),
    ),
)
