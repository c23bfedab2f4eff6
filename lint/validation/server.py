"""The verdict of the API server on a whole object, and which lint rule speaks of each cause.

It goes the way of the server: decode, fill in the defaults, drop what is switched off, validate. Most objects
are spared it: see lint.validation.plain.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

from lint.defaults import defaulted
from lint.path import Path
from lint.validation import job, metadata
from lint.validation.cause import Cause
from lint.validation.containers import containers
from lint.validation.decode import Decoded, decode
from lint.validation.dropping import dropped, without
from lint.validation.failure_policy import failure_policy
from lint.validation.plain import is_plain
from lint.validation.pod import pod
from lint.validation.success_policy import panics, success_policy
from lint.validation.tree import Struct, struct

Found: TypeAlias = tuple[str, Cause]
"""The id of a lint rule, and a cause that it is about."""

_ANY_UID = "00000000-0000-0000-0000-000000000000"
_CRASH = "crashes the API server"
"""How our own words begin about what makes the server panic."""


class Rejection(NamedTuple):
    """Why the API server rejects an object."""

    code: int
    """422: it is not valid; 400: it cannot be read; 0: the server crashes on it, and gives no answer."""

    found: tuple[Found, ...]

    message: str = ""
    """The message of a 400."""

    @property
    def causes(self) -> tuple[Cause, ...]:
        """Why, without the rules."""
        return tuple(cause for _, cause in self.found)


def rejection(tree: Struct, minor: int) -> Rejection | None:
    """Say why `kubectl create -f` fails for a Job or CronJob; None: it does not."""
    if is_plain(tree, minor):
        return None
    decoded = decode(tree, minor)
    if decoded.causes:
        return Rejection(400, tuple(_unread(decoded)), decoded.status_message(tree["kind"]))
    return _refused(decoded.tree, minor)


def all_found(tree: Struct, minor: int, kept: Struct | None = None) -> Iterator[Found]:
    """Iterate over all causes, also those that the server would only give after the others are mended.

    `kept` is the object with its defaults, without what is dropped, where somebody has it already.
    """
    if is_plain(tree, minor):
        return
    decoded = decode(tree, minor)
    yield from _unread(decoded)
    if not decoded.wrong:
        refused = _refused(decoded.tree, minor, kept if decoded.tree is tree else None)
        yield from refused.found if refused else ()


def unread(tree: Struct, minor: int) -> Iterator[Found]:
    """Iterate over what the server cannot read."""
    yield from _unread(decode(tree, minor))


def rejected_update(old: Struct, new: Struct, minor: int) -> Rejection | None:
    """Say why the update of a stored object fails; None: it does not."""
    decoded = decode(new, minor)
    if decoded.causes:
        return Rejection(400, tuple(_unread(decoded)), decoded.status_message(new["kind"]))
    found = tuple(_changed(old, decoded.tree, minor))
    crash = tuple(one for one in found if one[1].detail.startswith(_CRASH))
    return Rejection(0 if crash else 422, crash or found) if found else None


def all_found_of_update(old: Struct, new: Struct, minor: int) -> Iterator[Found]:
    """Iterate over all causes for which an object that is stored cannot be applied with changes."""
    from lint.validation.applying import applied, last_applied  # few runs need it

    decoded = decode(new, minor)
    yield from _unread(decoded)
    if not decoded.wrong:
        stored = _stored(old, minor)
        yield from _changed(stored, applied(stored, last_applied(old), decoded.tree), minor)


def _stored(tree: Struct, minor: int) -> Struct:
    """Return an object as the server stores it, also where only its manifest is known."""
    tree = _filled(decode(tree, minor).tree, minor)
    spec = struct(tree, "spec")
    if tree.get("kind") != "Job" or spec.get("selector") is not None:
        return tree
    own = {**struct(tree, "metadata"), "uid": _ANY_UID}
    template = struct(spec, "template")
    meta, expected = struct(template, "metadata"), job.expected_labels(metadata.name_of(own), _ANY_UID)
    template = {**template, "metadata": {**meta, "labels": {**struct(meta, "labels"), **expected}}}
    selector = {"matchLabels": {job.UID_LABELS[1]: _ANY_UID}}
    return {**tree, "metadata": own, "spec": {**spec, "selector": selector, "template": template}}


def _changed(old: Struct, new: Struct, minor: int) -> Iterator[Found]:
    """Validate an update; what a new object would be rejected for as well keeps its rule."""
    from lint.validation.update import update  # few runs need it

    filled = _filled(new, minor, update=True)
    causes = list(update(old, filled, minor))
    spec, at = _spec_of(filled)
    known = {(cause.field, cause.message) for cause in causes}
    for rule, cause in (*(_cronjob if at[1:] else _job)(filled, minor), *_spec(spec, at)):
        if (cause.field, cause.message) in known:
            known.remove((cause.field, cause.message))
            yield rule, cause
    for cause in causes:
        if (cause.field, cause.message) in known:
            yield "immutable-update", cause
    yield from _pods(spec, at, minor)


def _unread(decoded: Decoded) -> Iterator[Found]:
    yield from (("wrong-type", cause) for cause in decoded.wrong)
    yield from (("misplaced-field", cause) for cause in decoded.unknown)


def _refused(tree: Struct, minor: int, kept: Struct | None = None) -> Rejection | None:
    """Validate an object that was decoded."""
    filled = _filled(tree, minor) if kept is None else kept
    spec, at = _spec_of(filled)
    if crash := tuple(_crashes(filled, spec, at, minor)):
        return Rejection(0, crash)
    of_kind = (_cronjob if at[1:] else _job)(filled, minor)
    found = (*of_kind, *_spec(spec, at), *_pods(spec, at, minor))
    return Rejection(422, found) if found else None


def _filled(tree: Struct, minor: int, *, update: bool = False) -> Struct:
    """Fill in the defaults, and drop what is switched off; `managedBy` only of new objects."""
    filled = defaulted(tree, minor)
    lost = [path for path in dropped(filled, minor) if not (update and path[-1] == "managedBy")]
    return without(filled, lost) if lost else filled


def _spec_of(tree: Struct) -> tuple[Struct, Path]:
    """Return the spec of the Job, and its place."""
    spec = struct(tree, "spec")
    if tree.get("kind") != "CronJob":
        return spec, ("spec",)
    return struct(struct(spec, "jobTemplate"), "spec"), ("spec", "jobTemplate", "spec")


def _crashes(tree: Struct, spec: Struct, at: Path, minor: int) -> Iterator[Found]:
    """Find what makes the server panic, after which the client gets no answer at all."""
    if "successPolicy" in spec:
        yield from (("success-policy-invalid", cause) for cause in panics(spec, at))
    if at[1:]:
        from lint.validation import cronjob  # many runs see none

        schedules = cronjob.schedule(struct(tree, "spec"), minor)
        yield from (("cron-syntax", cause) for cause in schedules if cause.detail.startswith(_CRASH))


def _each(*groups: tuple[str, Iterable[Cause]]) -> Iterator[Found]:
    """Give each cause its rule."""
    for rule, causes in groups:
        for cause in causes:
            yield rule, cause


def _job(tree: Struct, minor: int) -> Iterator[Found]:
    """Validate what only Jobs of their own have."""
    return _each(
        ("name-budget", job.names(tree)),
        ("metadata-invalid", metadata.object_meta(tree, minor)),
        ("selector-misuse", job.selector(tree)),
    )


def _cronjob(tree: Struct, minor: int) -> Iterator[Found]:
    """Validate what only CronJobs have."""
    from lint.validation import cronjob

    spec = struct(tree, "spec")
    return _each(
        ("name-budget", cronjob.names(tree)),
        ("metadata-invalid", metadata.object_meta(tree, minor)),
        ("cron-syntax", cronjob.schedule(spec, minor)),
        ("cron-syntax", cronjob.time_zone(spec, minor)),
        ("numeric-bounds", cronjob.numbers(spec)),
        ("concurrency-policy-invalid", cronjob.concurrency_policy(spec)),
        ("selector-misuse", cronjob.selector(spec)),
    )


def _spec(spec: Struct, at: Path) -> Iterator[Found]:
    """Validate the spec of a Job."""
    return _each(
        ("numeric-bounds", job.numbers(spec, at)),
        ("indexed-constraints", job.indexed(spec, at)),
        ("managed-by-invalid", job.managed_by(spec, at) if "managedBy" in spec else ()),
        ("failure-policy-invalid", failure_policy(spec, at)),
        ("success-policy-invalid", success_policy(spec, at) if "successPolicy" in spec else ()),
        ("restart-policy-required", job.restart_policy(spec, at)),
    )


def _pods(spec: Struct, at: Path, minor: int) -> Iterator[Found]:
    """Validate the Pods of a Job."""
    template, here = struct(spec, "template"), (*at, "template")
    yield from (("template-invalid", cause) for cause in metadata.template_meta(template, here))
    if "annotations" in struct(template, "metadata"):
        from lint.validation.scheduling import annotated_tolerations  # many runs need none of it

        yield from (("template-invalid", cause) for cause in annotated_tolerations(template, here, minor))
    inside, below = struct(template, "spec"), (*here, "spec")
    of_pod = list(pod(inside, below, minor))
    refused = _volumes(of_pod, below) if of_pod else set[int]()
    of_containers = list(containers(inside, below, minor, refused))
    if inside.get("ephemeralContainers"):  # which no template has that is accepted
        from lint.validation.ephemeral import ephemeral_containers  # few runs need it

        of_containers += ephemeral_containers(inside, below, minor, refused)
    for cause in of_containers + of_pod:
        yield "resources-coherence" if "resources" in cause.path else "template-invalid", cause


def _volumes(causes: list[Cause], at: Path) -> set[int]:
    """Return the indexes of refused volumes, which the server does not find when they are mounted."""
    start = (*at, "volumes")
    steps = (cause.path[len(start)] for cause in causes if cause.path[: len(start)] == start != cause.path)
    return {step for step in steps if isinstance(step, int)}
