"""What the webhook sets where nobody wrote anything, as JSON patches in CEL.

Only what is missing is set: what a manifest writes, a null and an empty list too, would be taken back by its
next apply, or make that fail, since the template of a Job cannot change. See webhook.written.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from lint.export.check import NotExported, every, text
from lint.export.nodes import SELECTOR, TOLERATIONS, placed, untolerated
from lint.export.resources import lacking
from lint.export.times import HELD, RESTARTS_CLOCK
from lint.families import TTL, BackoffLimit, Deadline, Placement, Resources

Fix: TypeAlias = Callable[[Any, int], str]
"""Says by the rule's parameters and the Kubernetes minor what its fix patches: a list of JSONPatch.

Raises:
    NotExported: CEL cannot say it.
"""

_POD = ("template", "spec")
_CONTAINER = "'/' + it.at.replace('.', '/').replace('[', '/').replace(']', '')"


def _patch(path: str, value: str) -> str:
    return f"JSONPatch{{op: 'add', path: {path}, value: {value}}}"


def _unwritten(field: str, *steps: str, nothings: tuple[str, ...] = ("null",)) -> str:
    """Tell whether no manifest has a field, with nothing in it: the object does not show that."""
    applied = "".join(f"[?'f:{step}']" for step in (*steps, field))
    lines = [f"!variables.lastApplied.contains('\"{field}\":{nothing}')" for nothing in nothings]
    return every(*lines, f"!variables.applied.exists(f, f{applied}.hasValue())")


def _set(field: str, value: int, *conditions: str) -> str:
    path = f"variables.pointer + '/{field}'"
    return f"{every(*conditions, _unwritten(field))}\n? [{_patch(path, str(value))}] : []"


def _backoff_limit(params: BackoffLimit, _minor: int) -> str:
    return _set(
        "backoffLimit",
        params.default,
        "!has(variables.job.backoffLimitPerIndex) && !variables.backoffLimitChosen",
    )


def _ttl(params: TTL, _minor: int) -> str:
    return _set(
        "ttlSecondsAfterFinished",
        params.default,
        "!variables.cronjob && !has(variables.job.ttlSecondsAfterFinished)",
        "!variables.hook && !variables.gitops && !variables.fromCronjob",
    )


def _deadline(params: Deadline, minor: int) -> str:
    held = [] if minor >= RESTARTS_CLOCK else [f"!{HELD}"]
    missing = "!has(variables.job.activeDeadlineSeconds)"
    return _set("activeDeadlineSeconds", params.default, missing, *held)


def _resources(params: Resources, _minor: int) -> str:
    """Set what each container lacks."""
    if params.limits and params.max_ratio is not None:
        raise NotExported(
            "a limit is set within a ratio of its request, and CEL does not multiply quantities"
        )
    patches = []
    for part, values in (("requests", params.requests), ("limits", params.limits)):
        if not values:
            continue
        keys = f"{lacking(values, part)}.filter(key, {_not_null(part)})"
        path = f"{_CONTAINER} + '/resources/{part}'"
        patches.append(
            f"variables.allContainers.filter(it, !has(it.of.resources.{part}) && {keys}.size() > 0)\n"
            f".map(it, {_patch(path, '{}')})"
        )
        for key, value in values.items():
            set_ = text(value) if part == "requests" else _limit(key, value, params)
            patch = _patch(f"{path} + '/{key}'", set_)
            patches.append(f"variables.allContainers.filter(it, {text(key)} in {keys})\n.map(it, {patch})")
    return "\n+ ".join(patches)


def _not_null(part: str) -> str:
    """Tell whether the manifest has no null where a container's amount is to be set.

    In the annotation of `kubectl apply`, whose keys are sorted, what follows a container's name, up to the
    next image, is the rest of the container.
    """
    null = f"""'"resources":null|"{part}":(?:null|[{{][^{{}}]*"' + key + '":null)'"""
    return (
        "!variables.lastApplied.contains('null')\n"
        "  || !variables.lastApplied.split('\"name\":\"' + it.of.name + '\"')\n"
        f"    .exists(rest, rest.split('\"image\":')[0].matches({null}))"
    )


def _limit(key: str, value: str, params: Resources) -> str:
    """Return the policy's limit, or the request where that is larger."""
    ours = params.requests.get(key, value)
    request = f"it.of.resources.?requests[?{text(key)}].orValue({text(ours)})"
    return (
        f"(quantity(string({request})).isGreaterThan(quantity({text(value)}))"
        f" ? string({request}) : {text(value)})"
    )


def _placement(params: Placement, _minor: int) -> str:
    """Select the batch nodes; a Job's selector that is written is left as it is."""
    if params.assign != "require":
        return ""
    path = "variables.pointer + '/template/spec/nodeSelector'"
    none = f"{SELECTOR}.size() == 0"
    labels = ", ".join(f"{text(key)}: {text(value)}" for key, value in params.selector.items())
    patches = [f"({none} ? [{_patch(path, f'{{{labels}}}')}] : [])"]
    for key, value in params.selector.items():
        step = text("/" + key.replace("~", "~0").replace("/", "~1"))
        patches.append(f"({none} ? [] : [{_patch(f'{path} + {step}', text(value))}])")
    unwritten = _unwritten("nodeSelector", *_POD, nothings=("null", "{}"))
    there = f"({none} ? {unwritten} : variables.cronjob)"
    return f"{every(f'!{placed(params)}', there)}\n? " + " + ".join(patches) + " : []"


def _toleration(params: Placement, _minor: int) -> str:
    """Tolerate the batch nodes; a Job's tolerations that are written are left as they are."""
    selecting, others = untolerated(params)
    path = "variables.pointer + '/template/spec/tolerations'"
    none = f"{TOLERATIONS}.size() == 0"
    ours = ", ".join(f"{text(key)}: {text(value)}" for key, value in params.toleration.items())
    value = f"({none} ? dyn([{{{ours}}}]) : dyn({{{ours}}}))"
    unwritten = _unwritten("tolerations", *_POD, nothings=("null", "[]"))
    there = f"({none} ? {unwritten} : variables.cronjob)"
    end = f"{path} + ({none} ? '' : '/-')"
    return f"{every(f'(({selecting}) || ({others}))', there)}\n? [{_patch(end, value)}] : []"


FIXES: dict[str, Fix] = {
    "backoff-limit": _backoff_limit,
    "active-deadline-missing": _deadline,
    "ttl-missing": _ttl,
    "container-resources": _resources,
    "batch-placement": _placement,
    "batch-toleration": _toleration,
}
"""By rule id, in the order in which the fixes are made: who selects the batch nodes tolerates them then."""

NO_FIXES = {
    "concurrency-explicit": "which CronJobs it is for, their schedules tell, with which CEL does not reckon",
    "progress-logging": "it is none of the five families that are set by default",
    "timezone-explicit": "which CronJobs it is for, their schedules tell, with which CEL does not reckon",
}
"""Why the webhook's other fixes are not exported."""
