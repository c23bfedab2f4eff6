"""The answer to one AdmissionReview, as a pure function of the request and the policy.

Patches are made from the JSON as it came: a model of the Kubernetes API would lose the fields that it does
not know.
"""

from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import orjson

from lint import admission
from lint.defaults import DEPENDED_ON, defaulted
from lint.edit import Edit, Remove, apply, same
from lint.job import Job
from lint.patch import PatchError, difference, patched
from lint.path import Path
from lint.policy import IGNORE, Failed, Mode, Policy, Violation
from lint.rule import Class, quoted
from lint.view import View
from webhook.envelope import Outcome, Request
from webhook.memory import Memory, key_of
from webhook.written import written

_CHANGED_BY_PEOPLE = frozenset(
    "activeDeadlineSeconds backoffLimit maxFailedIndexes podReplacementPolicy ttlSecondsAfterFinished".split()
)
"""Fields of a Job whose change may be denied. The others are immutable, or what schedulers and queues write:
`suspend`, `parallelism`, and the template of a suspended Job."""

_TEMPLATE = ("spec", "template")


class _Failures:
    """Tells of each rule that fails at a request, once."""

    def __init__(self, failed: Failed) -> None:
        self._failed = failed
        self.rules: list[str] = []

    def __call__(self, rule: str, error: Exception) -> None:
        if rule not in self.rules:
            self.rules.append(rule)
            self._failed(rule, error)


_Decide: TypeAlias = Callable[[Request, Policy, Mode, Failed], Outcome]


def mutate(
    request: Request, policy: Policy, mode: Mode, failed: Failed, memory: Memory[Outcome] | None = None
) -> Outcome:
    """Answer a request of the mutating webhook; below ENFORCE nothing is changed, and only told."""
    skipped = _skipped(request, policy, mode)
    if not skipped and request.operation == "UPDATE" and request.kind == "Job":
        skipped = "" if policy.webhook.extend_written and mode == Mode.ENFORCE else "operation"
    if skipped:
        return Outcome({"allowed": True}, "skipped", skipped)
    return _remembered(request, policy, mode, failed, memory, _mutate)


def validate(
    request: Request, policy: Policy, mode: Mode, failed: Failed, memory: Memory[Outcome] | None = None
) -> Outcome:
    """Answer a request of the validating webhook."""
    if skipped := _skipped(request, policy, mode):
        return Outcome({"allowed": True}, "skipped", skipped)
    return _remembered(request, policy, mode, failed, memory, _validate)


def _remembered(  # noqa: PLR0913, PLR0917 - it goes between two functions that have these parameters
    request: Request,
    policy: Policy,
    mode: Mode,
    failed: Failed,
    memory: Memory[Outcome] | None,
    decide: _Decide,
) -> Outcome:
    """Decide no more than once about the creation of objects that are alike."""
    failures = _Failures(failed)
    if memory is None or request.operation != "CREATE":
        return decide(request, policy, mode, failures)
    key = key_of(request.object, request.namespace, mode.name, request.by_person)
    outcome = memory.get(policy, key)
    if outcome is None:
        outcome = decide(request, policy, mode, failures)
        if not failures.rules:
            memory.keep(key, outcome)
    return outcome


def _mutate(request: Request, policy: Policy, mode: Mode, failed: Failed) -> Outcome:
    job, known = _job(request, request.object, policy)
    mutation = admission.mutate(job, policy, failed)
    if request.kind == "Job" and request.operation == "UPDATE":
        return _restored(request, mutation.made)
    if policy.webhook.deny_invalid and request.operation == "CREATE" and mode == Mode.ENFORCE:
        rejected = _rejected(job.changed(mutation.tree), policy, failed)
        if rejected:
            return _denied(request, rejected)
    warnings = admission.told(mutation, mode)
    if not mutation.made:
        return _allowed(warnings)
    if mode < Mode.ENFORCE:
        return _allowed(warnings, {"would-patch": admission.titles(mutation.made)})
    if not known:
        warnings += _keeping(request.object, mutation.made)
    target = _settled(apply(request.object, _edits(mutation.made)), mutation, policy.minor)
    return _patched(request, target, mutation.made, warnings)


def _validate(request: Request, policy: Policy, mode: Mode, failed: Failed) -> Outcome:
    found = _violations(request, request.object, policy, failed)
    denied, warned, noted = admission.judge(found, mode)
    tolerated: list[Violation] = []
    if denied and request.operation == "UPDATE":
        old = _violations(request, request.old, policy, failed)
        denied, tolerated = _ratcheted(request, denied, old)
    by_verdict = {"denied": denied, "tolerated": tolerated, "warned": warned, "noted": noted}
    response: dict[str, Any] = {"allowed": not denied}
    if denied:
        response["status"] = _status(request, denied)
    if tolerated or warned:
        response["warnings"] = admission.warnings(tolerated + warned)
    annotations = {
        verdict: ",".join(dict.fromkeys(one.rule for one in ones))
        for verdict, ones in by_verdict.items()
        if ones
    }
    if annotations:
        response["auditAnnotations"] = annotations
    rules = tuple((one.rule, verdict) for verdict, ones in by_verdict.items() for one in ones)
    return Outcome(response, "denied" if denied else "allowed", rules=rules)


def _rejected(job: Job, policy: Policy, failed: Failed) -> list[Violation]:
    """Return what the API server will reject an object for: validating webhooks do not see it any more."""
    return [one for one in policy.check(job, failed) if one.class_ == Class.SERVER]


def _denied(request: Request, denied: Sequence[Violation]) -> Outcome:
    rules = tuple((one.rule, "denied") for one in denied)
    return Outcome({"allowed": False, "status": _status(request, denied)}, "denied", rules=rules)


def _status(request: Request, denied: Sequence[Violation]) -> dict[str, Any]:
    """Return the status of a denial."""
    invalid = all(one.class_ != Class.PRACTICE for one in denied)
    code, reason = (422, "Invalid") if invalid else (403, "Forbidden")
    return {"code": code, "reason": reason, "message": admission.denial(request.kind, denied)}


def _skipped(request: Request, policy: Policy, mode: Mode) -> str:
    """Return the reason not to look at a request, if there is one; the dear ones come last."""
    who = policy.webhook
    if not request.kind:
        reason = "other"
    elif request.subresource:
        reason = "subresource"
    elif request.operation not in ("CREATE", "UPDATE"):
        reason = "operation"
    elif request.username in who.users or not who.groups.isdisjoint(request.user.get("groups", ())):
        reason = "exempt"
    elif mode == Mode.OFF:
        reason = "off"
    elif View(request.object.get("metadata")).entries.get("deletionTimestamp") is not None:
        reason = "deleting"
    elif request.operation == "UPDATE" and same(request.object.get("spec"), request.old.get("spec")):
        reason = "unchanged"
    else:
        reason = ""
    return reason


def _allowed(warnings: Sequence[str] = (), annotations: dict[str, str] | None = None) -> Outcome:
    response: dict[str, Any] = {"allowed": True}
    if warnings:
        response["warnings"] = warnings
    if annotations:
        response["auditAnnotations"] = annotations
    return Outcome(response, "allowed")


def _edits(made: Iterable[Violation]) -> list[Edit]:
    return [edit for one in made if one.fix for edit in one.fix.edits]


def _settled(target: Any, mutation: admission.Mutation, minor: int) -> Any:
    """Remove defaults that no longer fit the object: the API server sets them again after each patch."""
    steps = {step for edit in _edits(mutation.made) for step in edit.path}
    if steps.isdisjoint(DEPENDED_ON):
        return target
    return apply(target, list(_stale(target, mutation.tree, defaulted(mutation.tree, minor), ())))


def _stale(target: Any, wrote: Any, filled: Any, path: Path) -> Iterator[Remove]:
    """Iterate over defaults that the API server would not fill in now, or with another value."""
    below = target if isinstance(target, dict) else range(len(View(target)))
    for step in below:
        value, known, default = (View(one).at(step) for one in (target, wrote, filled))
        if known.given:
            yield from _stale(value.value, known.value, default.value, (*path, step))
        elif not same(value.value, default.value):
            yield Remove((*path, step))


def _patched(request: Request, target: Any, made: Sequence[Violation], warnings: list[str]) -> Outcome:
    """Patch the object; a patch that does not apply would be an error of the API server for the user."""
    patch = difference(request.object, target)
    if not same(patched(request.object, patch), target):
        raise PatchError(f"the patch {patch} does not make what it should")
    response = {
        "allowed": True,
        "patchType": "JSONPatch",
        "patch": b64encode(orjson.dumps(patch)).decode(),
        "warnings": warnings,
        "auditAnnotations": {"patched": admission.titles(made)},
    }
    return Outcome(response, "patched", rules=tuple((one.rule, "patched") for one in made))


def _keeping(tree: Any, made: Iterable[Violation]) -> list[str]:
    """Say how to keep a default that somebody may have chosen."""
    return [
        f"{one.rule}: to keep {quoted(old.value)}, which is the default, annotate {IGNORE}: {one.rule}"
        for one in made
        for edit in _edits([one])
        if (old := View(tree).at(*edit.path)).given
    ]


def _restored(request: Request, made: Sequence[Violation]) -> Outcome:
    """Put back what was added to a Job's template at its creation, if it is the stored template then."""
    old, tree = request.old, request.object
    template = View(old).at("spec", "template").value
    ours = [one for one in made if all(edit.path[:2] == _TEMPLATE for edit in _edits([one]))]
    target = apply(tree, _edits(ours))
    if not ours or not same(View(target).at("spec", "template").value, template):
        return _allowed()
    return _patched(request, target, ours, [])


def _job(request: Request, tree: Any, policy: Policy) -> tuple[Job, bool]:
    """Return an object as a Job, and whether it tells what was written."""
    bare, known = written(tree, policy.minor)
    job = Job(bare, policy.minor, seen=tree)
    job.by_person = request.by_person
    return job, known


def _violations(request: Request, tree: Any, policy: Policy, failed: Failed) -> list[Violation]:
    """Check an object that the API server has filled; what its defaults mend is no finding."""
    job, _ = _job(request, tree, policy)
    job.left_to_server = True  # which has checked it by now
    return [one for one in policy.check(job, failed) if not admission.is_settled(job, one)]


def _ratcheted(
    request: Request, denied: Iterable[Violation], old: Iterable[Violation]
) -> tuple[list[Violation], list[Violation]]:
    """Return the violations that an update is denied for, since it brings them, and the others."""
    known = Counter(_identity(one, request.old) for one in old)
    fresh, tolerated = list[Violation](), list[Violation]()
    for one in denied:
        identity = _identity(one, request.object)
        before = known[identity] > 0
        known[identity] -= before
        may = request.kind == "CronJob" or _changes(request, one.path[:2])
        (fresh if may and not before else tolerated).append(one)
    return fresh, tolerated


def _identity(violation: Violation, tree: Any) -> tuple[Any, ...]:
    """Return what stays the same when the items of a list are put in another order."""
    view, steps = View(tree), []
    for step in violation.path:
        view = view.at(step)
        steps.append(repr(view.at("name").as_str() or view.value) if isinstance(step, int) else step)
    return violation.rule, violation.message, *steps


def _changes(request: Request, path: Path) -> bool:
    """Tell whether an update of a Job changes a field that people change."""
    before, after = (View(one).at(*path).value for one in (request.old, request.object))
    return path[-1] in _CHANGED_BY_PEOPLE and not same(before, after)
