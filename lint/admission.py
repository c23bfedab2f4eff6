"""What becomes of a Job at admission: what is set, what denies it, and what its user is told.

One text for both: the webhook answers with it, and `jobwarden lint --as-admission` foretells it.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from lint.edit import Edit, EditError, Remove, Set, Taken, apply, same
from lint.job import Job
from lint.policy import Failed, Mode, Policy, Violation
from lint.rule import Class, Severity
from lint.validation.dropping import dropped, without
from lint.view import MISSING

_MAX_PASSES = 20
"""Fixes that make room for more fixes: more passes than this would mean that two rules undo each other."""

_KEYED = frozenset(("containers", "initContainers"))
"""Lists that every apply merges by name; it replaces all others as a whole."""

_ATOMIC = frozenset(("nodeSelector",))
"""Maps that a server-side apply replaces as a whole."""

_UNREAD = frozenset(("kind-misspelt", "removed-api-version", "wrong-type", "misplaced-field"))
"""Rules about what an API server cannot read, so that it asks nobody."""

WARNING_LENGTH = 120
"""Characters of one warning, as the API server's documentation recommends."""

_LINES, _BYTES = 16, 3072
"""What the warnings of a review take at most; a denial has as many reasons."""


class Mutation(NamedTuple):
    """A Job with the fixes of the policy."""

    tree: Any
    """The object as it was written, with what the policy sets."""

    made: tuple[Violation, ...]
    """What was mended."""

    refused: str = ""
    """Why nothing was mended."""


class Judgement(NamedTuple):
    """What speaks against an object, by its consequence."""

    denied: list[Violation]
    warned: list[Violation]
    noted: list[Violation]


class Foretold(NamedTuple):
    """What an API server with the webhook will do with an object."""

    verdict: Literal["allowed", "patched", "denied", "rejected"]
    """`denied` by the policy, `rejected` by the API server itself."""

    message: str
    """Why it does not pass."""

    warnings: tuple[str, ...]

    tree: Any
    """The object as it is admitted."""


def foretell(job: Job, policy: Policy) -> Foretold:
    """Say what becomes of an object that is applied as it is written."""
    if unread := [one for one in policy.check(job) if one.rule in _UNREAD]:
        return Foretold("rejected", _reasons(unread), (), job.object.value)
    mode = policy.webhook.mode
    mutation = mutate(job, policy)
    lines = told(mutation, mode)
    made = mutation.made if mode == Mode.ENFORCE else ()
    after = job.changed(mutation.tree) if made else job
    found = list(policy.check(_kept(after)))
    rejected = [one for one in found if one.class_ == Class.SERVER]
    denied, warned, _ = judge((one for one in found if not is_settled(after, one)), mode)
    lines += [] if rejected else warnings(warned)
    verdict: Literal["allowed", "patched", "denied", "rejected"] = "patched" if made else "allowed"
    message = ""
    if rejected and policy.webhook.deny_invalid and mode == Mode.ENFORCE:
        verdict, message = "denied", denial(job.kind, rejected)
    elif rejected:
        verdict, message = "rejected", _reasons(rejected)
    elif denied:
        verdict, message = "denied", denial(job.kind, denied)
    return Foretold(verdict, message, tuple(dict.fromkeys(lines)), after.object.value)


def _reasons(rejected: Iterable[Violation]) -> str:
    return "\n".join(f"{one.place}: {one.message}" for one in rejected)


def _kept(job: Job) -> Job:
    """Return what validating webhooks see: without the fields that the API server has dropped by then."""
    tree = job.object.value
    lost = list(dropped(tree, job.minor)) if isinstance(tree, dict) else []
    return job.changed(without(tree, lost)) if lost else job


def mutate(job: Job, policy: Policy, failed: Failed | None = None) -> Mutation:
    """Make the safe fixes, as far as they only add what nobody wrote.

    What a manifest says stays: applying it again would undo the change, or fail because Jobs are immutable.
    """
    tree, violations = job.object.value, list(policy.check(job, failed))
    first, made = violations, list[Violation]()
    for _ in range(_MAX_PASSES):
        before, taken = tree, Taken()
        for violation in violations:
            edits = _edits(job, policy, violation)
            if not edits or not taken.take(edits):
                continue
            try:
                tree = apply(tree, edits)
            except EditError:
                continue  # it does not fit what is there: the finding stays
            made.append(violation)
        if tree is before:
            break
        violations = list(policy.check(job.changed(tree), failed))
    known = {(one.rule, one.path, one.message) for one in first}
    worse = [
        one
        for one in violations
        if one.class_ != Class.PRACTICE and (one.rule, one.path, one.message) not in known
    ]
    if worse:
        return Mutation(job.object.value, (), f"{worse[0].rule}: {worse[0].message}")
    return Mutation(tree, tuple(one for one in made if not is_settled(job, one)))


def _edits(job: Job, policy: Policy, violation: Violation) -> tuple[Edit, ...]:
    """Return the edits that the policy makes at admission."""
    fix = violation.fix
    if fix is None or not fix.safe or not policy.mutates(violation.rule):
        return ()
    extends = job.cronjob or policy.webhook.extend_written
    return fix.edits if all(_adds(job.object.value, edit, extends=extends) for edit in fix.edits) else ()


def _adds(tree: Any, edit: Edit, *, extends: bool) -> bool:
    """Tell whether an edit only adds what nobody wrote; `extends` allows more items for a list with some."""
    if isinstance(edit, Remove):
        return False
    above: str | int = ""
    for step in edit.path:
        if isinstance(tree, dict):
            if step not in tree:
                return above not in _ATOMIC or (extends and bool(tree))
            tree = tree[step]
        elif isinstance(tree, list) and isinstance(step, int):
            if above not in _KEYED and not (extends and tree):
                return False
            if step >= len(tree):
                return True
            tree = tree[step]
        else:
            return False
        above = step
    return False


def is_settled(job: Job, violation: Violation) -> bool:
    """Tell whether the API server's defaults are what the fix would set."""
    if violation.fix is None:
        return False
    tree = job.effective.object
    return all(
        same(tree.at(*edit.path).value, edit.value if isinstance(edit, Set) else MISSING)
        for edit in violation.fix.edits
    )


def judge(violations: Iterable[Violation], mode: Mode) -> Judgement:
    """Sort findings by what a namespace's mode makes of them; what the API server rejects, it says itself."""
    judgement = Judgement([], [], [])
    for violation in violations:
        severity = min(violation.severity, mode)
        if violation.class_ != Class.SERVER and severity:
            judgement[Severity.ERROR - severity].append(violation)
    return judgement


def denial(kind: str, denied: Sequence[Violation]) -> str:
    """Say why an object is denied, and how to mend it."""
    lines = [f"the policy does not allow this {kind}:"]
    for one in denied[:_LINES]:
        mend = f"{one.fix.title}; " if one.fix else ""
        lines.append(f"- {one.rule}: {one.place}: {one.message} ({mend}jobwarden explain {one.rule})")
    if len(denied) > _LINES:
        lines.append(f"- and {len(denied) - _LINES} more: run jobwarden lint on the manifest")
    return "\n".join(lines)


def warnings(violations: Sequence[Violation]) -> list[str]:
    """Write what a user is to know of findings, as far as there is room for it."""
    lines: list[str] = []
    for number, one in enumerate(violations):
        more = wrapped(f"{one.rule}: {one.place}: {one.message}")
        if not _fits([*lines, *more]):
            rest = len(violations) - number
            lines.append(
                f"jobwarden: {rest} more finding{'s' * (rest > 1)}: run jobwarden lint on the manifest"
            )
            break
        lines += more
    return lines


def told(mutation: Mutation, mode: Mode) -> list[str]:
    """Say what was set, what would be if the mode went so far, or why nothing is."""
    if mode < Mode.WARN:
        return []
    if mutation.refused:
        return wrapped(f"jobwarden: nothing was set, for it would not work: {mutation.refused}")
    if not mutation.made:
        return []
    who = "jobwarden" if mode == Mode.ENFORCE else "jobwarden would"
    return wrapped(f"{who}: {titles(mutation.made)}", "; ")


def titles(made: Iterable[Violation]) -> str:
    """Name what fixes do, each thing once."""
    return "; ".join(dict.fromkeys(one.fix.title for one in made if one.fix))[:_BYTES]


def _fits(lines: list[str]) -> bool:
    """Tell whether there is room for lines: all webhooks share 4096 bytes, after which all lines are cut."""
    return len(lines) <= _LINES and sum(len(line.encode()) for line in lines) <= _BYTES


def wrapped(text: str, separator: str = " ") -> list[str]:
    """Break a text at separators into lines that are not too long; those that go on are indented."""
    if not text.isprintable():  # the API server drops such a line
        text = "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in text)
    lines: list[str] = []
    while text:
        end = len(text)
        if end > WARNING_LENGTH:
            cut = text.rfind(separator, 4, WARNING_LENGTH)
            end = WARNING_LENGTH if cut < 0 else cut + len(separator.rstrip())
        if not _fits([*lines, text[:end]]):
            return [*lines[:-1], f"{lines[-1][: WARNING_LENGTH - 4]} ..."]
        lines.append(text[:end])
        text = f"  {text[end:].lstrip()}".rstrip()
    return lines
