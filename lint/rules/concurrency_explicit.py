"""A CronJob says what happens when a run is due while another is still there.

Left out, `concurrencyPolicy` is Allow: both run. Once a database is slow, each run meets those before it,
which makes all of them slower, and two that write to the same place may leave something wrong. `Forbid`
leaves the new run out. `Replace` ends the old one, whose Pods may still be there for their grace period when
the new ones start.

A written `Allow` is a choice. It is noted where the deadline lets Jobs pile up by the dozen before it ends
the first one. Spared is a CronJob whose deadline is no longer than its period: its runs meet for the grace
period at most. That `Forbid` without any deadline can end all runs for ever, active-deadline-missing says.

The policy that is set where none is written is the parameter `default`. There is none to begin with: to leave
runs out may be as wrong as to let them overlap.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

from lint.edit import Set
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity
from lint.schedule import period_of
from lint.view import View

if TYPE_CHECKING:
    from typing import Annotated

    from annotated_types import Ge  # who validates a policy file imports it


class Params(NamedTuple):
    """The entry `concurrency-explicit`."""

    default: Literal["Allow", "Forbid", "Replace"] | None = None
    """What is set where the manifest leaves it out; null: nothing. At admission a written Allow counts as
    left out, unless its manifest is known."""

    overlap: "Annotated[int, Ge(1)]" = 10
    """How many Jobs may run at the same time, by deadline and schedule, where Allow is written."""


def check(job: Job, params: Params) -> Iterator[Finding]:
    policy = job.object.at("spec", "concurrencyPolicy")
    deadline = job.spec.at("activeDeadlineSeconds")
    if not job.cronjob or policy.value in ("Forbid", "Replace"):
        return
    if policy.unset:
        if deadline.unset or 0 < period_of(job) < (deadline.as_int() or 0):
            yield Finding(
                policy.path,
                "unset means Allow: a run that takes too long meets the next; write Forbid, Replace or Allow",
                _set(job, policy, params),
            )
    elif policy.value == "Allow" and deadline.given:
        yield from _piling_up(job, policy, deadline.as_int() or 0, params)


def _set(job: Job, policy: View, params: Params) -> Fix | None:
    """Set the policy's word, unless something is written already."""
    if params.default is None or policy.given or policy.value is None:
        return None
    if job.misplaced("concurrencyPolicy", job.object.at("spec")):
        return None
    return Fix(f"set concurrencyPolicy: {params.default}", (Set(policy.path, params.default),))


def _piling_up(job: Job, policy: View, seconds: int, params: Params) -> Iterator[Finding]:
    """Find a deadline that is far behind the next runs."""
    period = period_of(job)
    if period and (jobs := -(-seconds // period)) > params.overlap:
        message = (
            f"up to {jobs} Jobs at a time, one every {period} s, each for {seconds} s at most: "
            "write Forbid, or a shorter deadline"
        )
        yield Finding(policy.path, message, severity=Severity.INFO)


def _cronjob(*fields: str, schedule: str = "*/5 * * * *", deadline: str = "") -> str:
    lines = "\n  ".join((f'schedule: "{schedule}"', *fields))
    seconds = f"      activeDeadlineSeconds: {deadline}\n" if deadline else ""
    return f"""\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: collect
spec:
  {lines}
  jobTemplate:
    spec:
{seconds}      template:
        spec:
          restartPolicy: Never
          containers:
            - name: collect
              image: collect:1.4
"""


_FORBID = Params(default="Forbid")

RULE = Rule(
    id="concurrency-explicit",
    doc=__doc__,
    severity=Severity.INFO,
    class_=Class.PRACTICE,
    params=Params(),
    strict=Severity.WARNING,
    check=check,
    about=frozenset(("schedule",)),
    good=(
        Good(_cronjob("concurrencyPolicy: Forbid")),
        Good(_cronjob("concurrencyPolicy: Replace", deadline="86400")),
        Good(_cronjob("concurrencyPolicy: Allow")),
        Good(_cronjob('concurrencyPolicy: ""')),  # written, and Allow to the API server
        Good(_cronjob("concurrencyPolicy: Allow", deadline="3000")),  # ten at a time
        Good(_cronjob(deadline="300")),
        Good(_cronjob(schedule="@daily", deadline="86400")),
        Good(_cronjob(schedule="${SCHEDULE}", deadline="86400")),
        Good(_cronjob(schedule="0 0 31 2 *", deadline="86400")),  # there is no run
        Good(_cronjob('concurrencyPolicy: "{{ policy }}"')),
        Good(_cronjob().replace("image: collect:1.4", "args: [--all]")),  # a patch
    ),
    bad=(
        Bad(_cronjob()),
        Bad(_cronjob(schedule="${SCHEDULE}")),
        Bad(_cronjob(schedule="TZ=UTC * * * * *")),
        Bad(_cronjob("concurrencyPolicy: null"), params=_FORBID),
        Bad(_cronjob(deadline="301")),
        Bad(_cronjob(schedule="@every 1h", deadline="3601")),
        Bad(_cronjob("concurrencyPolicy: Allow", deadline="3001")),
        Bad(_cronjob("concurrencyPolicy: Allow", deadline="900"), params=Params(overlap=2)),
        Bad(
            """\
            apiVersion: batch/v1
            kind: CronJob
            metadata:
              name: collect
            spec:
              schedule: "*/5 * * * *"
              jobTemplate:
                spec:
                  template: {spec: {restartPolicy: Never, containers: [{name: a, image: a:1}]}}
            """,
            fixed="""\
            apiVersion: batch/v1
            kind: CronJob
            metadata:
              name: collect
            spec:
              schedule: "*/5 * * * *"
              concurrencyPolicy: Forbid
              jobTemplate:
                spec:
                  template: {spec: {restartPolicy: Never, containers: [{name: a, image: a:1}]}}
            """,
            params=_FORBID,
        ),
    ),
)
