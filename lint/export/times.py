"""How long a Job may run, and how long it stays: `lint.rules`, in CEL."""

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from lint.export.check import INFO, WARNING, Check, every, number, of_job, pod, said
from lint.families import TTL, Deadline

_JOB, _POD = "variables.job", "variables.pod"
_DEADLINE, _TTL = f"{_JOB}.activeDeadlineSeconds", f"{_JOB}.ttlSecondsAfterFinished"
_TRIES = f"{_POD}.activeDeadlineSeconds"
HELD = f"(variables.queue || {_JOB}.?suspend.orValue(false))"
RESTARTS_CLOCK = 36
"""The first minor that clears `status.startTime` when a Job is suspended: see the rules."""

_FIRST, _LONGEST = 10, 600
"""Seconds that the Job controller waits: see lint.rules.deadline_vs_backoff."""


def active_deadline_missing(_params: Deadline, minor: int) -> Iterator[Check]:
    one_try = said(
        "the Pod's own {} seconds end one try only, and none that never starts (quota, node)", number(_TRIES)
    )
    unbounded = (
        f"(has({_TRIES})\n  ? {one_try}\n"
        "  : 'nothing ends a Pod that hangs or never starts (image, quota, node);"
        " backoffLimit counts neither')"
    )
    missing = f"!has({_DEADLINE})"
    if minor >= RESTARTS_CLOCK:
        yield of_job("activeDeadlineSeconds", missing, unbounded)
        return
    yield of_job("activeDeadlineSeconds", every(missing, f"!{HELD}"), unbounded)
    yield of_job(
        "activeDeadlineSeconds",
        every(missing, HELD),
        said("{}; mind that before 1.36 a Job resumed after its deadline fails at once", unbounded),
        severity=INFO,
    )


def active_deadline_too_long(params: Deadline, _minor: int) -> Iterator[Check]:
    if params.maximum is not None:
        yield of_job(
            "activeDeadlineSeconds",
            every(f"has({_DEADLINE})", f"{_DEADLINE} > {params.maximum}"),
            said(
                f"{{}} seconds are more than the {params.maximum} that the policy allows", number(_DEADLINE)
            ),
        )


def pod_level_deadline(_params: None, minor: int) -> Iterator[Check]:
    yield Check(
        every(f"has({_TRIES}) && has({_DEADLINE})", f"{_TRIES} >= {_DEADLINE}"),
        pod("activeDeadlineSeconds"),
        said(
            "{} seconds are never reached: the Job's own deadline is {}, and starts earlier",
            number(_TRIES),
            number(_DEADLINE),
        ),
        severity=INFO,
    )
    once = f"{_JOB}.?backoffLimit.orValue(1) == 0 || {_JOB}.?backoffLimitPerIndex.orValue(1) == 0"
    held = [f"!{HELD}"] if minor < RESTARTS_CLOCK else []
    yield Check(
        every(f"has({_TRIES}) && !has({_DEADLINE})", f"!({once})", *held),
        pod("activeDeadlineSeconds"),
        said(
            "{} seconds are for each Pod, and the Job makes the next: move this to the Job's spec, or set a "
            "deadline for all tries there",
            number(_TRIES),
        ),
    )


def _waits(params: Any) -> list[int]:
    """Return the seconds before each retry begins, and before none."""
    steps = (min(_FIRST << retry, _LONGEST) + params.try_seconds for retry in range(params.maximum))
    return [0, *accumulate(steps)]


def deadline_vs_backoff(params: Any, _minor: int) -> Iterator[Check]:
    waits = _waits(params)
    each, retries = f"{_JOB}.backoffLimitPerIndex", "variables.retries"
    cut = (
        f"{waits}.exists(total, total >= {_DEADLINE}\n"
        f"  && {retries} > 0 && {retries} <= {params.maximum} && total == {waits}[int({retries})])"
    )
    name = f"(has({each}) ? 'backoffLimitPerIndex' : 'backoffLimit')"
    fit = number(f"{waits}.filter(wait, wait < {_DEADLINE}).size() - 1")
    total = number(f"{waits}[int({retries})]")
    message = said(
        "{} of {} retries begin within {} seconds, since they wait for {}: "
        "write {}: {}, or a deadline over {}",
        fit, number(retries), number(_DEADLINE), total, name, fit, total,
    )  # fmt: skip
    written = f"(has({each}) || variables.backoffLimitChosen)"
    given = f"has({_DEADLINE}) && {_DEADLINE} > 0"
    yield of_job("activeDeadlineSeconds", every(given, cut, written), message)
    yield of_job("activeDeadlineSeconds", every(given, cut, f"!{written}"), message, severity=INFO)
    grace = f"{_POD}.terminationGracePeriodSeconds"
    yield Check(
        every(given, "variables.graceChosen", f"{grace} >= {_DEADLINE}"),
        pod("terminationGracePeriodSeconds"),
        said(
            "after the deadline of {} seconds a Pod may take {} more to end: write fewer here",
            number(_DEADLINE),
            number(grace),
        ),
        severity=INFO,
    )


def ttl_missing(_params: TTL, _minor: int) -> Iterator[Check]:
    missing = every(
        f"!variables.cronjob && !has({_TTL})", "!variables.hook && !variables.owned && !variables.fromCronjob"
    )
    yield of_job(
        "ttlSecondsAfterFinished",
        every(missing, "!variables.gitops"),
        said("the Job and its Pods stay in the cluster for ever after they finish"),
    )
    yield of_job(
        "ttlSecondsAfterFinished",
        every(missing, "variables.gitops"),
        said("the finished Job stays until the GitOps tool prunes it"),
        severity=INFO,
    )


def ttl_too_short(params: TTL, _minor: int) -> Iterator[Check]:
    own = every(f"!variables.cronjob && has({_TTL})", "!variables.owned && !variables.fromCronjob")
    yield of_job(
        "ttlSecondsAfterFinished",
        every(own, "variables.gitops && !variables.hook"),
        said(
            "{} seconds after its end it is gone, and the GitOps tool runs it again: leave it out",
            number(_TTL),
        ),
        severity=WARNING,
    )
    short = every(own, "(!variables.gitops || variables.hook)", f"{_TTL} < {params.minimum}")
    least = f"; at least {params.minimum}"
    yield of_job(
        "ttlSecondsAfterFinished",
        every(short, "variables.hook"),
        said(f"{{}} seconds: the tool that waits for this hook may never see it finish{least}", number(_TTL)),
        severity=WARNING,
    )
    yield of_job(
        "ttlSecondsAfterFinished",
        every(short, "!variables.hook", f"{_TTL} == 0"),
        said(f"0 deletes logs and result as soon as the Job ends: who waits for it finds nothing{least}"),
        severity=WARNING,
    )
    yield of_job(
        "ttlSecondsAfterFinished",
        every(short, "!variables.hook", f"{_TTL} != 0"),
        said(f"{{}} seconds: logs and result are gone before anybody looks{least}", number(_TTL)),
    )


def ttl_too_long(params: TTL, _minor: int) -> Iterator[Check]:
    yield of_job(
        "ttlSecondsAfterFinished",
        every(
            f"!variables.cronjob && has({_TTL})",
            f"{_TTL} > {params.maximum}",
            "!variables.hook && !variables.gitops && !variables.owned && !variables.fromCronjob",
        ),
        said(
            f"{{}} seconds keep the finished Job longer than the {params.maximum} that the policy allows",
            number(_TTL),
        ),
    )


def ttl_on_cron_template(params: TTL, _minor: int) -> Iterator[Check]:
    written = f"variables.cronjob && has({_TTL})"
    yield of_job(
        "ttlSecondsAfterFinished",
        every(written, f"{_TTL} >= {params.minimum}"),
        said(
            "{} seconds after its end a Job is deleted, also one that the history limits would keep",
            number(_TTL),
        ),
        severity=INFO,
    )
    yield of_job(
        "ttlSecondsAfterFinished",
        every(written, f"{_TTL} < {params.minimum}"),
        said(
            "{} seconds: the logs of a run are gone before anybody looks; "
            f"at least {params.minimum}, or leave it to the history limits",
            number(_TTL),
        ),
    )
