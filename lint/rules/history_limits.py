"""A CronJob keeps its last failed Job, and not more old ones than anybody looks at.

With `failedJobsHistoryLimit: 0` a failed Job is deleted with its Pods and their logs as soon as the CronJob
controller sees it: nothing is left to look at, and an alert on failed Jobs never fires, or is gone before it
does. That is warned of where Jobs that succeeded do stay. Where none stay, somebody wants it so: it is noted.

At the other end each Job that is kept is an object in etcd, and so is each of its Pods: they count against
quotas (`count/jobs.batch`, `count/pods`), and make lists long. What is over the maximum is noted. To lower it
deletes Jobs, which may have to be kept: only `--unsafe-fixes` does.

Left out, the limits are 1 failed and 3 successful ones, which is fine.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from lint.edit import Set
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity
from lint.view import View

if TYPE_CHECKING:
    from typing import Annotated

    from annotated_types import Ge  # who validates a policy file imports it

_SERVERS = 3
"""What the API server takes for `successfulJobsHistoryLimit`."""


class Params(NamedTuple):
    """The entry `history-limits`."""

    maximum: "Annotated[int, Ge(1)]" = 10
    """How many Jobs may be kept: of those that failed, and of those that succeeded."""


def check(job: Job, params: Params) -> Iterator[Finding]:
    spec = job.object.at("spec")
    failed, successful = spec.at("failedJobsHistoryLimit"), spec.at("successfulJobsHistoryLimit")
    if not job.cronjob:
        return
    if failed.as_int() == 0:
        yield from _nothing_left(job, failed, successful)
    for limit in (failed, successful):
        if (kept := limit.as_int() or 0) > params.maximum:
            title = f"set {limit.path[-1]}: {params.maximum}"
            fix = Fix(title, (Set(limit.path, params.maximum),), safe=False)
            message = f"{kept} old Jobs stay with their Pods: {params.maximum} are enough for the policy"
            yield Finding(limit.path, message, fix, severity=Severity.INFO)


def _nothing_left(job: Job, failed: View, successful: View) -> Iterator[Finding]:
    """Find failures of which nothing is left, and say whether successes stay."""
    kept = _SERVERS if successful.unset and not job.guards.partial else successful.as_int()
    if kept:
        message = f"0: a run that fails leaves no Job, Pod or log, while {kept} that succeeded stay; keep 1"
        fix = Fix(f"set {failed.path[-1]}: 1", (Set(failed.path, 1),), safe=False)
        yield Finding(failed.path, message, fix)
    elif kept == 0:
        message = "0: a run that fails leaves no Job, Pod or log to look at; keep 1"
        yield Finding(failed.path, message, severity=Severity.INFO)


def _cronjob(*fields: str, image: str = "image: report:1.4") -> str:
    lines = "\n  ".join(('schedule: "17 3 * * *"', *fields))
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


_FAILED, _SUCCESSFUL = "failedJobsHistoryLimit: {}", "successfulJobsHistoryLimit: {}"

RULE = Rule(
    id="history-limits",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=Params(),
    check=check,
    about=frozenset(("failedJobsHistoryLimit", "successfulJobsHistoryLimit")),
    good=(
        Good(_cronjob()),
        Good(_cronjob(_FAILED.format(1), _SUCCESSFUL.format(0))),
        Good(_cronjob(_FAILED.format(10), _SUCCESSFUL.format(10))),
        Good(_cronjob(_FAILED.format("null"), _SUCCESSFUL.format("${KEPT}"))),
        Good(_cronjob(_FAILED.format(0), _SUCCESSFUL.format("${KEPT}"))),
        Good(_cronjob(_SUCCESSFUL.format(50)), params=Params(maximum=50)),
        Good(_cronjob(_FAILED.format(0), image="args: [--all]")),  # a patch: do successes stay?
    ),
    bad=(
        Bad(_cronjob(_FAILED.format(0)), fixed=_cronjob(_FAILED.format(1))),
        Bad(
            _cronjob(_FAILED.format(0), _SUCCESSFUL.format(1)),
            fixed=_cronjob(_FAILED.format(1), _SUCCESSFUL.format(1)),
        ),
        Bad(_cronjob(_FAILED.format(0), _SUCCESSFUL.format(0))),  # only noted
        Bad(
            _cronjob(_FAILED.format(11), _SUCCESSFUL.format(100)),
            fixed=_cronjob(_FAILED.format(10), _SUCCESSFUL.format(10)),
        ),
        Bad(
            _cronjob(_SUCCESSFUL.format(5), image="args: [--all]"),
            fixed=_cronjob(_SUCCESSFUL.format(4), image="args: [--all]"),
            params=Params(maximum=4),
        ),
    ),
)
