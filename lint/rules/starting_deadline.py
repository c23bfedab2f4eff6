"""A CronJob that runs seldom says how late a run may still start.

A run can be missed: while the control plane is down or the CronJob suspended, or, under
`concurrencyPolicy: Forbid`, while the run before goes on. Without `startingDeadlineSeconds` it starts as soon
as it can, however late, unless the next is due by then: the nightly report at noon, beside the users; and who
resumes a suspended CronJob starts a run at the same moment.

Of a CronJob that runs often nothing is asked: a missed run is late by no more than its period, since the next
one takes its place. A note only, for a backup may be welcome at any hour, and a deadline drops what it cuts
off. So nobody but `--unsafe-fixes` sets one; what `startingDeadlineSeconds: 0` does, numeric-bounds says.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from lint.edit import Set
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity
from lint.schedule import period_of, schedule_of

if TYPE_CHECKING:
    from typing import Annotated

    from annotated_types import Ge, Le  # who validates a policy file imports it


class Params(NamedTuple):
    """The entry `starting-deadline`."""

    default: "Annotated[int, Ge(60), Le(86400)]" = 3600
    """Seconds that are set where the manifest leaves it out. A CronJob that runs as often needs none."""


def check(job: Job, params: Params) -> Iterator[Finding]:
    late = job.object.at("spec", "startingDeadlineSeconds")
    if late.given or not job.cronjob or not _seldom(job, params.default):
        return
    if job.object.at("spec", "suspend").value is True:
        what = "whoever resumes this CronJob starts a run at once, if it missed one"
    else:
        what = "a run that is missed starts whenever it can, hours late"
    message = f"{what}: say how late it may be, such as {params.default} seconds"
    yield Finding(late.path, message, _set(job, params.default))


def _seldom(job: Job, seconds: int) -> bool:
    """Tell whether a run can be late by more than these seconds."""
    schedule = schedule_of(job)
    if schedule is None:
        return False
    if schedule.minutes.bit_count() == schedule.hours.bit_count() == 1:  # once a day, or less often
        return True
    return period_of(job) > seconds


def _set(job: Job, seconds: int) -> Fix | None:
    """Set the policy's number, unless something is written already."""
    late = job.object.at("spec", "startingDeadlineSeconds")
    if late.value is None or job.misplaced("startingDeadlineSeconds", job.object.at("spec")):
        return None
    return Fix(f"set startingDeadlineSeconds: {seconds}", (Set(late.path, seconds),), safe=False)


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
_SET = "startingDeadlineSeconds: {}"

RULE = Rule(
    id="starting-deadline",
    doc=__doc__,
    severity=Severity.INFO,
    class_=Class.PRACTICE,
    params=Params(),
    strict=Severity.WARNING,
    check=check,
    about=frozenset(("schedule",)),
    good=(
        Good(_cronjob(_DAILY, _SET.format(600))),
        Good(_cronjob(_DAILY, _SET.format(0))),  # numeric-bounds has something to say
        Good(_cronjob(_DAILY, _SET.format("${DEADLINE}"))),
        Good(_cronjob("@hourly")),
        Good(_cronjob("*/5 9-17 * * 1-5", "suspend: true")),
        Good(_cronjob("@every 1h")),
        Good(_cronjob("0 */6 * * *"), params=Params(default=21600)),
        Good(_cronjob("{{ schedule }}")),
        Good(_cronjob(_DAILY, image="args: [--all]")),  # a patch
    ),
    bad=(
        Bad(_cronjob(_DAILY), fixed=_cronjob(_DAILY, _SET.format(3600))),
        Bad(
            _cronjob("@weekly", "suspend: true"),
            fixed=_cronjob("@weekly", "suspend: true", _SET.format(600)),
            params=Params(default=600),
        ),
        Bad(_cronjob("17 */2 * * *"), fixed=_cronjob("17 */2 * * *", _SET.format(3600))),
        Bad(_cronjob("@every 61m"), fixed=_cronjob("@every 61m", _SET.format(3600))),
        Bad(_cronjob(_DAILY, _SET.format("null"))),
    ),
)
