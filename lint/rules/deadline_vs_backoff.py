"""A deadline leaves time for every retry that a Job may make.

Under `restartPolicy: Never` the Job controller waits before each retry: 10 seconds after the first failure,
twice as long after each further one, up to ten minutes. Six retries wait for 630 seconds, however short a try
is. With `activeDeadlineSeconds: 600` the sixth never begins: the Job fails for its deadline instead of its
failures, and only when that is reached.

The time in which Pods end after the deadline does not count. Where their grace period is written, and not
shorter than the deadline, the Job can last more than twice as long as it says, which is noted.

Spared are Jobs of several Pods, since a success makes the waits short again, and two that fail together wait
once; but not where each index has retries of its own. Spared are also numbers of retries so large that they
mean "until the deadline". Where nobody wrote a number, it is only noted. Under OnFailure the kubelet does the
waiting.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, NamedTuple

from lint.job import Job
from lint.path import Path
from lint.rule import Bad, Class, Finding, Good, Rule, Severity

if TYPE_CHECKING:  # who validates a policy file imports it
    from annotated_types import Ge, Le

_SERVERS = 6
"""What the API server takes for `backoffLimit`."""

_FIRST, _LONGEST = 10, 600
"""Seconds that the Job controller waits: after the first failure, and at most."""


class Params(NamedTuple):
    """The entry `deadline-vs-backoff`: which retries are counted on, and what a try takes."""

    try_seconds: "Annotated[int, Ge(0)]" = 0
    """What one try takes at least, beside the waiting."""

    maximum: "Annotated[int, Ge(0), Le(100)]" = 10
    """More retries than that mean: until the deadline."""


def check(job: Job, params: Params) -> Iterator[Finding]:
    deadline = job.spec.at("activeDeadlineSeconds")
    seconds = deadline.as_int()
    if not seconds or seconds < 0 or job.guards.partial:
        return
    if seconds <= params.maximum * (_LONGEST + params.try_seconds):  # with a longer one, all retries begin
        yield from _cut(job, deadline.path, seconds, params)
    grace = job.pod.at("terminationGracePeriodSeconds")
    if (ending := grace.as_int() or 0) >= seconds:
        message = (
            f"after the deadline of {seconds} seconds a Pod may take {ending} more to end: write fewer here"
        )
        yield Finding(grace.path, message, severity=Severity.INFO)


def _cut(job: Job, path: Path, seconds: int, params: Params) -> Iterator[Finding]:
    """Find a deadline that cuts off retries."""
    name, retries = _retries(job)
    total = _waits(retries, params) if 0 < retries <= params.maximum else 0
    if total >= seconds:
        fit = max(retry for retry in range(retries) if _waits(retry, params) < seconds)
        message = (
            f"{fit} of {retries} retries begin within {seconds} seconds, since they wait for {total}: write "
            f"{name}: {fit}, or a deadline over {total}"
        )
        chosen = job.spec.at(name).given
        yield Finding(path, message, severity=None if chosen else Severity.INFO)


def _retries(job: Job) -> tuple[str, int]:
    """Return which field limits the retries that wait for each other, and how many there are; 0: unknown."""
    each, limit = job.spec.at("backoffLimitPerIndex"), job.spec.at("backoffLimit")
    if job.restart_policy != "Never":
        return "", 0
    if each.given:
        own, shared = each.as_int() or 0, limit.as_int()
        return "backoffLimitPerIndex", own if shared is None else min(own, shared)
    for key in ("completions", "parallelism"):
        if (pods := job.spec.at(key)).given and pods.as_int() != 1:
            return "", 0
    return "backoffLimit", _SERVERS if limit.unset else limit.as_int() or 0


def _waits(retries: int, params: Params) -> int:
    """Return the seconds before the last retry begins."""
    waits = (min(_FIRST << retry, _LONGEST) for retry in range(retries))
    return sum(waits) + retries * params.try_seconds


def _job(*fields: str, pod: str = "restartPolicy: Never") -> str:
    lines = "\n  ".join(fields)
    return f"""\
apiVersion: batch/v1
kind: Job
metadata:
  name: report
spec:
  {lines}
  template:
    spec:
      {pod}
      containers:
        - name: report
          image: report:1.4
"""


_INDEXED = ("completionMode: Indexed", "completions: 9", "parallelism: 3")
_GRACE = "restartPolicy: {}\n      terminationGracePeriodSeconds: {}"

RULE = Rule(
    id="deadline-vs-backoff",
    doc=__doc__,
    severity=Severity.INFO,
    class_=Class.PRACTICE,
    params=Params(),
    strict=Severity.WARNING,
    check=check,
    good=(
        Good(_job("activeDeadlineSeconds: 631", "backoffLimit: 6")),
        Good(_job("activeDeadlineSeconds: 60", "backoffLimit: 0")),
        Good(_job("activeDeadlineSeconds: 3031", "backoffLimit: 10")),  # four of them wait for ten minutes
        Good(_job("activeDeadlineSeconds: 3600", "backoffLimit: 11")),  # until the deadline
        Good(_job("activeDeadlineSeconds: 71", "backoffLimit: 3")),
        Good(_job("activeDeadlineSeconds: 60", "backoffLimit: 3", pod="restartPolicy: OnFailure")),
        Good(_job("activeDeadlineSeconds: 60", "backoffLimit: 3", "completions: 5")),
        Good(_job("activeDeadlineSeconds: 60", "backoffLimit: 3", "parallelism: 2")),
        Good(_job("activeDeadlineSeconds: 31", "backoffLimitPerIndex: 2", *_INDEXED)),
        Good(_job("activeDeadlineSeconds: 30", "backoffLimitPerIndex: 2", "backoffLimit: 0", *_INDEXED)),
        Good(_job("activeDeadlineSeconds: 61", "backoffLimit: 0", pod=_GRACE.format("Never", 60))),
        Good(_job("activeDeadlineSeconds: 20", "backoffLimit: 0")),  # nobody wrote the grace period of 30
        Good(_job("backoffLimit: 6")),
    ),
    bad=(
        Bad(_job("activeDeadlineSeconds: 630", "backoffLimit: 6")),
        Bad(_job("activeDeadlineSeconds: 600")),  # nobody wrote a number: the server takes six
        Bad(_job("activeDeadlineSeconds: 3030", "backoffLimit: 10")),
        Bad(_job("activeDeadlineSeconds: 3600", "backoffLimit: 11"), params=Params(maximum=11)),
        Bad(_job("activeDeadlineSeconds: 5", "backoffLimit: 1", "completions: 1", "parallelism: 1")),
        Bad(_job("activeDeadlineSeconds: 71", "backoffLimit: 3"), params=Params(try_seconds=1)),
        Bad(_job("activeDeadlineSeconds: 30", "backoffLimitPerIndex: 2", *_INDEXED)),
        Bad(_job("activeDeadlineSeconds: 30", "backoffLimitPerIndex: 3", "backoffLimit: 2", *_INDEXED)),
        Bad(_job("activeDeadlineSeconds: 60", "backoffLimit: 0", pod=_GRACE.format("Never", 60))),
        Bad(_job("activeDeadlineSeconds: 60", pod=_GRACE.format("OnFailure", 90))),
        Bad(
            """\
            apiVersion: batch/v1
            kind: CronJob
            metadata:
              name: report
            spec:
              schedule: "7 3 * * *"
              jobTemplate:
                spec:
                  activeDeadlineSeconds: 300
                  backoffLimit: 5
                  template:
                    spec:
                      restartPolicy: Never
                      containers:
                        - name: report
                          image: report:1.4
            """,
        ),
    ),
)
