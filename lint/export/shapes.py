"""How many Pods a Job has, what it is called, and what it says of itself: `lint.rules`, in CEL."""

from collections.abc import Iterator
from typing import Any

from lint.export.check import (
    INFO,
    WARNING,
    Check,
    every,
    number,
    of_job,
    pattern,
    said,
    text,
    texts,
)
from lint.rule import Class

_JOB = "variables.job"
_TOTAL, _AT_A_TIME = f"{_JOB}.completions", f"{_JOB}.parallelism"
_HOLE, _PRACTICE = Class.HOLE, Class.PRACTICE
_LABELS = (
    *("controller-uid", "job-name"),
    *("batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"),
)
_NAME = "variables.metadata.name"


def name_budget(_params: None, _minor: int) -> Iterator[Check]:
    last = f"('-' + string({_TOTAL} - 1))"
    indexed = f"variables.cronjob && variables.indexed && has({_TOTAL}) && {_TOTAL} > 0"
    over = f"(size({_NAME}) + 9 + size({last}) - 63)"
    yield Check(
        every(indexed, f"{over} > 0"),
        "'metadata.name'",
        said(
            "{} too long, since the last Pod's hostname ends in a hyphen, 8 digits and {}: no run can make "
            "its Job",
            f"{number(over)} + ({over} == 1 ? ' character' : ' characters')",
            last,
        ),
        class_=_HOLE,
    )
    dotted = f"{_NAME}.contains('.')"
    yield Check(
        every(indexed, dotted),
        "'metadata.name'",
        said("has a dot, but begins the Pods' hostnames, which must be DNS labels: no run can make its Job"),
        class_=_HOLE,
    )
    yield Check(
        every(f"!({indexed})", dotted),
        "'metadata.name'",
        said("has a dot, which can result in surprising behavior where it is used as hostname of the Pods"),
        severity=INFO,
        class_=_PRACTICE,
    )


def numeric_bounds(_params: None, _minor: int) -> Iterator[Check]:
    yield of_job(
        "activeDeadlineSeconds",
        f"{_JOB}.?activeDeadlineSeconds.orValue(1) == 0",
        said("0 seconds: the Job fails before it has made a Pod"),
        class_=_HOLE,
    )
    yield of_job(
        "completions",
        f"{_JOB}.?completions.orValue(1) == 0",
        said("0 completions: the Job is complete at once, and makes no Pod"),
        severity=WARNING,
        class_=_PRACTICE,
    )
    late, path = "dyn(object).spec.?startingDeadlineSeconds.orValue(10)", "'spec.startingDeadlineSeconds'"
    yield Check(
        every("variables.cronjob", f"{late} == 0"),
        path,
        said("0 seconds: it is always too late, and no Job is made"),
        class_=_HOLE,
    )
    yield Check(
        every("variables.cronjob", f"{late} > 0 && {late} < 10"),
        path,
        said("{} seconds: the controller looks every 10, and may miss a run", number(late)),
        severity=INFO,
        class_=_PRACTICE,
    )


def parallelism_sanity(_params: None, _minor: int) -> Iterator[Check]:
    busy = f"has({_AT_A_TIME}) && {_JOB}.?completions.orValue(1) != 0"
    yield of_job(
        "parallelism",
        every(busy, f"{_AT_A_TIME} == 0"),
        said("no Pod is made as long as this is 0: write 1 or more, or suspend: true to start the Job later"),
    )
    yield of_job(
        "parallelism",
        every(busy, f"has({_TOTAL})", f"{_TOTAL} < {_AT_A_TIME}", "!variables.queue"),
        said(
            "no more than {} {} at a time, since completions is {}: write that, or completions: {} if there "
            "is work for so many",
            number(_TOTAL),
            f"({_TOTAL} == 1 ? 'Pod runs' : 'Pods run')",
            number(_TOTAL),
            number(_AT_A_TIME),
        ),
        severity=INFO,
    )


_DRAINS = pattern(r"--(?:until|(?:stop|exit|quit)-(?:when|on|if))-empty\b")


def work_queue_shape(_params: None, _minor: int) -> Iterator[Check]:
    yield of_job(
        "completions",
        every(
            f"!has({_TOTAL})",
            f"{_JOB}.?parallelism.orValue(1) > 1 && !variables.indexed",
            "!variables.lastApplied.contains('\"completions\":null')",
            "!variables.applied.exists(f, 'f:completions' in f)",
        ),
        said(
            "one success of {} Pods is enough, and no Pod is replaced after it: right for workers that drain "
            "a queue, else set completions: {}",
            number(_AT_A_TIME),
            number(_AT_A_TIME),
        ),
    )
    yield of_job(
        "completions",
        every(
            f"has({_TOTAL}) && {_TOTAL} > {_JOB}.?parallelism.orValue(1) && !variables.indexed",
            "variables.containers.exists(it, (it.of.?command.orValue([]) + it.of.?args.orValue([]))\n"
            f"  .exists(word, word.contains('-empty') && word.matches({_DRAINS})))",
        ),
        said(
            "{} Pods must succeed, {} at a time, but the first ones leave an empty queue to the others: "
            "leave completions out",
            number(_TOTAL),
            number(f"{_JOB}.?parallelism.orValue(1)"),
        ),
    )


def suspended_orphan(_params: None, _minor: int) -> Iterator[Check]:
    forbids = "dyn(object).spec.?concurrencyPolicy.orValue('') == 'Forbid'"
    consequence = (
        "(!variables.cronjob ? 'no Pod is made until somebody sets suspend: false'\n"
        f"  : {forbids}\n"
        "  ? 'the first Job waits until somebody sets suspend: false, and none is made after it'\n"
        "  : 'each Job waits until somebody sets suspend: false')"
    )
    yield of_job(
        "suspend",
        every(
            f"{_JOB}.?suspend.orValue(false)",
            "!variables.queue && !variables.owned && !variables.fromCronjob",
        ),
        said("{}: name the queue that does, or leave this out", consequence),
    )


def history_limits(params: Any, _minor: int) -> Iterator[Check]:
    view = "dyn(object).spec.?{}HistoryLimit.orValue({})"
    failed, kept = view.format("failedJobs", 1), view.format("successfulJobs", 3)
    path = "'spec.failedJobsHistoryLimit'"
    none = every("variables.cronjob", f"{failed} == 0")
    yield Check(
        every(none, f"{kept} > 0"),
        path,
        said(
            "0: a run that fails leaves no Job, Pod or log, while {} that succeeded stay; keep 1",
            number(kept),
        ),
    )
    yield Check(
        every(none, f"{kept} == 0"),
        path,
        said("0: a run that fails leaves no Job, Pod or log to look at; keep 1"),
        severity=INFO,
    )
    for limit, name in ((failed, "failed"), (kept, "successful")):
        yield Check(
            every("variables.cronjob", f"{limit} > {params.maximum}"),
            text(f"spec.{name}JobsHistoryLimit"),
            said(
                f"{{}} old Jobs stay with their Pods: {params.maximum} are enough for the policy",
                number(limit),
            ),
            severity=INFO,
        )


def selector_misuse(_params: None, _minor: int) -> Iterator[Check]:
    yield Check(
        every("variables.cronjob", "it in variables.podMetadata.?labels.orValue({})"),
        "variables.path + '.template.metadata.labels[' + it + ']'",
        said("the label {} is for the server to set: no run can make its Job", "it"),
        each=texts(_LABELS),
        class_=_HOLE,
    )
    manual = f"!variables.cronjob && {_JOB}.?manualSelector.orValue(false) && has({_JOB}.selector)"
    empty = (
        f"({_JOB}.selector.?matchLabels.orValue({{}}).size() == 0"
        f" && {_JOB}.selector.?matchExpressions.orValue([]).size() == 0)"
    )
    yield of_job(
        "selector",
        every(manual, empty),
        said("empty: the Job adopts every Pod of the namespace that has no owner, and deletes most of them"),
        class_=_HOLE,
    )
    yield of_job(
        "manualSelector",
        every(manual, f"!{empty}"),
        said("true: the Job takes every Pod that its selector fits; leave it out unless it has to"),
        severity=WARNING,
        class_=_PRACTICE,
    )


def recurring_as_cronjob(_params: Any, _minor: int) -> Iterator[Check]:
    """Look at the label only: at admission a Job is made already, and not asked for its name."""
    yield Check(
        every(
            "!variables.cronjob && !has(variables.metadata.generateName)",
            "variables.labels[?'jobwarden.io/trigger'].orValue('') == 'api'",
            "!variables.hook && !variables.gitops && !variables.queue",
            "!variables.owned && !variables.fromCronjob",
        ),
        "'metadata.name'",
        said("the API server refuses a second Job of this name: write generateName instead"),
        severity=WARNING,
    )
