"""What the API server says of a changed Job or CronJob, besides what it says of any Pod.

The conditions are those of ValidateJobUpdate and ValidateCronJobUpdate of pkg/apis/batch/validation and of
strategy.go of pkg/registry/batch/job.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from lint.path import Path
from lint.validation import cronjob, job
from lint.validation import metadata as meta
from lint.validation.cause import Cause, forbidden, invalid
from lint.validation.equality import same
from lint.validation.failure_policy import failure_policy
from lint.validation.golang import quoted
from lint.validation.selectors import label_selector
from lint.validation.success_policy import panics, success_policy
from lint.validation.tree import Struct, number, struct, structs, text, text_if_any, texts

IMMUTABLE: Final = "field is immutable"
_NO_MORE = "no new finalizers can be added if the object is being deleted"
_IN_TANDEM = "can only be modified in tandem with spec.parallelism"
_TEMPLATE = "v1.PodTemplateSpec"
_OF_DELETION = ("deletionTimestamp", "deletionGracePeriodSeconds")
_FIXED = {
    "selector": "v1.LabelSelector",
    "completionMode": "string",
    "podFailurePolicy": "v1.PodFailurePolicy",
    "backoffLimitPerIndex": "int32",
    "managedBy": "string",
    "successPolicy": "v1.SuccessPolicy",
}
"""The fields of a Job that never change, with their Go types."""

_RESOURCES_CHANGE = 36
"""The first minor in which a suspended Job may change resources, and all that may change once it is down."""

_PROCESS_MOUNTS = 33
"""The first minor that keeps how /proc is mounted; before it, that becomes `Default`."""

_CHECKED_ONCE = 37
"""The first minor that does not check names and generated labels again."""


def update(old: Struct, new: Struct, minor: int) -> Iterator[Cause]:
    """Check a change of a Job or CronJob from what is stored to what is sent, both with all defaults.

    Nothing is said of the spec of Pods but that it may not change.
    """
    yield from meta.object_meta(new, minor)
    yield from _deletion(struct(old, "metadata"), struct(new, "metadata"))
    if old.get("kind") == "CronJob":
        yield from _cronjob(struct(old, "spec"), struct(new, "spec"), minor)
    else:
        yield from _job(old, new, minor)


def _deletion(before: Struct, now: Struct) -> Iterator[Cause]:
    """Check that nothing is deleted by a change, and that what is being deleted gets no more finalizers."""
    is_deleted = before.get("deletionTimestamp") is not None
    for key in ("deletionGracePeriodSeconds",) if is_deleted else _OF_DELETION:
        if now.get(key) not in (None, before.get(key)):
            yield invalid(("metadata", key), _in_utc(now[key]), IMMUTABLE)
    if is_deleted:
        added = sorted(set(texts(now, "finalizers")) - set(texts(before, "finalizers")))
        if added:
            found = f"[]string{{{', '.join(map(quoted, added))}}}"
            yield forbidden(("metadata", "finalizers"), f"{_NO_MORE}, found new finalizers {found}")


def _in_utc(value: Any) -> Any:
    """Return a time as the server writes it: the zero of Go as null, and what is none as it is."""
    try:
        time = datetime.fromisoformat(value).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return value
    time = time.replace(microsecond=0, tzinfo=None)
    return None if time == datetime.min else f"{time.isoformat()}Z"  # noqa: DTZ901 - naive as well


def _cronjob(was: Struct, spec: Struct, minor: int) -> Iterator[Cause]:
    """Check a CronJob, all of which may change; its name is not looked at again."""
    yield from cronjob.numbers(spec)
    yield from cronjob.concurrency_policy(spec)
    yield from cronjob.selector(spec)
    yield from cronjob.schedule(spec, minor, was)
    if text_if_any(spec, "timeZone") != text_if_any(was, "timeZone"):
        yield from cronjob.time_zone(spec, minor)
    yield from _spec(struct(struct(spec, "jobTemplate"), "spec"), ("spec", "jobTemplate", "spec"))


def _spec(spec: Struct, at: Path) -> Iterator[Cause]:
    """Check what is checked of every Job."""
    yield from job.numbers(spec, at)
    yield from job.indexed(spec, at)
    yield from job.managed_by(spec, at)
    yield from failure_policy(spec, at)
    yield from success_policy(spec, at)
    yield from panics(spec, at)
    yield from job.restart_policy(spec, at)
    yield from meta.template_meta(struct(spec, "template"), (*at, "template"))


def _job(old: Struct, new: Struct, minor: int) -> Iterator[Cause]:
    """Check a Job, of which little may change."""
    was, spec = struct(old, "spec"), struct(new, "spec")
    labels = struct(struct(spec, "template"), "metadata").get("labels")
    if minor < _CHECKED_ONCE:
        yield from meta.names(struct(new, "metadata"))
        if spec.get("manualSelector") is not True:
            yield from _ownership(old, spec.get("selector"), labels)
    yield from job.selection(spec.get("selector"), labels)
    yield from job.host_names(new)
    yield from _spec(spec, ("spec",))
    yield from _completions(was, spec)
    for key, type_ in _FIXED.items():
        unset = (was.get(key) is None, spec.get(key) is None)
        if unset != (True, True) and (any(unset) or not same(was[key], spec[key], type_)):
            yield invalid(("spec", key), spec.get(key), IMMUTABLE)
    yield from _template(old, was, spec, minor)


def _ownership(old: Struct, chosen: Any, labels: Any) -> Iterator[Cause]:
    """Check that selector and labels are still those that were generated."""
    if not isinstance(chosen, dict):
        return
    metadata = struct(old, "metadata")
    expected = job.expected_labels(text(metadata, "name"), text(metadata, "uid"))
    had = struct(struct(struct(struct(old, "spec"), "template"), "metadata"), "labels")
    if any(key not in had for key in (job.UID_LABELS[1], job.NAME_LABELS[1])):
        expected = {key: expected[key] for key in (job.UID_LABELS[0], job.NAME_LABELS[0])}
    malformed = any(True for _ in label_selector({"selector": chosen}, "selector", ("spec",)))
    yield from job.ownership(None if malformed else chosen, labels, expected)


def _completions(was: Struct, spec: Struct) -> Iterator[Cause]:
    """Check that completions change in Indexed Jobs alone, and together with parallelism."""
    before, now = number(was, "completions"), number(spec, "completions")
    if before == now:
        return
    if spec.get("completionMode") != "Indexed":
        yield invalid(("spec", "completions"), now, IMMUTABLE)
    elif now is not None and now != number(spec, "parallelism"):
        yield invalid(("spec", "completions"), now, _IN_TANDEM)


def _template(old: Struct, was: Struct, spec: Struct, minor: int) -> Iterator[Cause]:
    """Check the Pod template, some of which may change while the Job is suspended."""
    before, now = struct(was, "template"), struct(spec, "template")
    if minor < _PROCESS_MOUNTS:
        now = {**now, "spec": _with_usual_mounts(struct(now, "spec"))}
    at: Path = ("spec", "template")
    if not _is_open(old, was, minor):
        if not same(before, now, _TEMPLATE):
            yield invalid(at, now, IMMUTABLE)
        return
    before = _with_directives(before, now)
    if minor < _RESOURCES_CHANGE:
        if not same(before, now, _TEMPLATE):
            yield invalid(at, now, IMMUTABLE)
    elif not same(_with_resources(struct(before, "spec"), now), now.get("spec"), "v1.PodSpec"):
        yield invalid((*at, "spec"), now.get("spec"), IMMUTABLE)


def _with_usual_mounts(pod: Struct) -> Struct:
    """Return a Pod with /proc mounted as always, whatever is said of it."""
    changed = dict(pod)
    for key in ("containers", "initContainers"):
        if key in pod:
            changed[key] = [_with_usual_mount(container) for _, container in structs(pod, key)]
    return changed


def _with_usual_mount(container: Struct) -> Struct:
    context = struct(container, "securityContext")
    if context.get("procMount") is None:
        return container
    return {**container, "securityContext": {**context, "procMount": "Default"}}


def _is_open(old: Struct, was: Struct, minor: int) -> bool:
    """Tell whether a Job is suspended, and has not started or, in newer minors, is down again."""
    status = struct(old, "status")
    new = status.get("startTime") is None
    if was.get("suspend") is not True:
        return False
    if minor < _RESOURCES_CHANGE:
        return new
    conditions = structs(status, "conditions")
    down = any((one.get("type"), one.get("status")) == ("Suspended", "True") for _, one in conditions)
    return (new or down) and not number(status, "active")


def _with_directives(before: Struct, now: Struct) -> Struct:
    """Return a template with what may change as it is now: labels, annotations and where Pods may run."""
    metadata, pod = struct(now, "metadata"), struct(now, "spec")
    noted = {key: metadata.get(key) for key in ("labels", "annotations")}
    placed = {key: pod.get(key) for key in ("nodeSelector", "tolerations", "schedulingGates")}
    old_pod = struct(before, "spec")
    affinity = {**struct(old_pod, "affinity"), "nodeAffinity": struct(pod, "affinity").get("nodeAffinity")}
    is_empty = all(value is None for value in affinity.values())
    placed["affinity"] = None if pod.get("affinity") is None and is_empty else affinity
    return {
        **before,
        "metadata": {**struct(before, "metadata"), **noted},
        "spec": {**old_pod, **placed},
    }


def _with_resources(before: Struct, now: Struct) -> Struct:
    """Return a Pod with the resources that its containers have now."""
    pod, changed = struct(now, "spec"), dict(before)
    for key in ("containers", "initContainers"):
        old, new = list(structs(before, key)), list(structs(pod, key))
        if len(old) == len(new):
            changed[key] = [_with_those_of(one, other) for (_, one), (_, other) in zip(old, new, strict=True)]
    return changed


def _with_those_of(before: Struct, now: Struct) -> Struct:
    """Return a container with its resources now, if it is still the same one."""
    if text(before, "name") != text(now, "name"):
        return before
    return {**before, "resources": now.get("resources")}
