"""A CronJob that runs at an hour of the day says in which time zone.

Without `timeZone` a schedule is read in the zone of the kube-controller-manager. Most often that is UTC, but
no manifest shows it: the report of 9 o'clock comes at 10 in Berlin, and at 11 in summer, and the same
manifest runs at other times in a cluster whose control plane has a zone of its own.

Spared are schedules that are the same in every zone but for the offset: evenly over the whole day, each day
(`*/15 * * * *`, `7 */6 * * *`), and `@every`. Before Kubernetes 1.25 there is no `timeZone`.

A note only. A fix is made where the policy names the zone: it has to be the one that the
kube-controller-manager runs in, or all schedules shift.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from lint.edit import Set
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity, quoted
from lint.schedule import schedule_of

if TYPE_CHECKING:
    from lint.validation.cron import Schedule

_SINCE = 25
"""The first minor that has `timeZone` without being asked for it."""

_HOURS = (1 << 24) - 1
"""All of them; `*` has one more bit."""


class Params(NamedTuple):
    """The entry `timezone-explicit`."""

    default: str | None = None
    """The zone of the kube-controller-manager, such as `Etc/UTC`, which is set where the manifest leaves it
    out; null: nothing is set."""

    def validate(self) -> None:
        """Refuse a zone that the API server would refuse: it is written into manifests."""
        from lint.validation.zones import zone

        if self.default is not None and (faults := zone(self.default, 0)):
            raise ValueError(f"{self.default!r} is no time zone: {faults[0]}")


def check(job: Job, params: Params) -> Iterator[Finding]:
    named = job.object.at("spec", "timeZone")
    if named.given or not job.cronjob or job.minor < _SINCE:
        return
    schedule = schedule_of(job)
    if schedule is None or schedule.every or _alike_everywhere(schedule):
        return
    written = quoted(job.object.at("spec", "schedule").value)
    message = f"{written} is read in the kube-controller-manager's zone, often UTC: name the one you mean"
    yield Finding(named.path, message, _set(job, params))


def _alike_everywhere(schedule: "Schedule") -> bool:
    """Tell whether runs come evenly over each day."""
    from lint.validation.cron import STAR

    hours = schedule.hours & _HOURS
    count = hours.bit_count()
    if count < 2 or 24 % count or not schedule.days & schedule.weekdays & schedule.months & STAR:
        return False
    first = hours & -hours
    return hours == sum(first << number for number in range(0, 24, 24 // count))


def _set(job: Job, params: Params) -> Fix | None:
    """Set the policy's zone, unless something is written already."""
    named = job.object.at("spec", "timeZone")
    if params.default is None or named.value is None or job.misplaced("timeZone", job.object.at("spec")):
        return None
    return Fix(f"set timeZone: {params.default}", (Set(named.path, params.default),))


def _cronjob(schedule: str, *fields: str, image: str = "image: report:1.4") -> str:
    lines = "\n  ".join((f'schedule: "{schedule}"', *fields))
    return f"""\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: report
spec:
  {lines}
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
            - name: report
              {image}
"""


_DAILY = "17 3 * * *"
_UTC = Params(default="Etc/UTC")

RULE = Rule(
    id="timezone-explicit",
    doc=__doc__,
    severity=Severity.INFO,
    class_=Class.PRACTICE,
    params=Params(),
    strict=Severity.WARNING,
    check=check,
    about=frozenset(("schedule",)),
    good=(
        Good(_cronjob(_DAILY, "timeZone: Europe/Berlin")),
        Good(_cronjob(_DAILY, "timeZone: ${ZONE}")),
        Good(_cronjob("*/15 * * * *")),
        Good(_cronjob("@hourly")),
        Good(_cronjob("7 */6 * * *")),
        Good(_cronjob("7 5,17 * * *")),
        Good(_cronjob("@every 24h")),
        Good(_cronjob("{{ schedule }}"), params=_UTC),
        Good(_cronjob(_DAILY), minor=24),
        Good(_cronjob(_DAILY, image="args: [--all]")),  # a patch
    ),
    bad=(
        Bad(_cronjob(_DAILY)),
        Bad(_cronjob(_DAILY), minor=25),
        Bad(_cronjob("@daily"), fixed=_cronjob("@daily", "timeZone: Etc/UTC"), params=_UTC),
        Bad(_cronjob(_DAILY, "timeZone: null"), params=_UTC),
        Bad(_cronjob("*/15 9-17 * * *")),
        Bad(_cronjob("7 */5 * * *")),
        Bad(_cronjob("7 5,16 * * *")),
        Bad(_cronjob("* * * * 1-5")),
        Bad(_cronjob("0 * 1 * *")),
        Bad(_cronjob("0 * * jan *")),
    ),
)
