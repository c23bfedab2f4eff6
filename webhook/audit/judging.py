"""What the policy says of an object, and what becomes of that under another policy. Pure."""

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from lint import admission
from lint.job import Job
from lint.path import Path
from lint.policy import Failed, Mode, Policy, Violation

DENIED, WARNED, PATCHED = "denied", "warned", "patched"
NEWLY, NO_LONGER = "newly", "no longer"
CHANGES = tuple(
    f"{change} {verdict}" for change in (NEWLY, NO_LONGER) for verdict in (DENIED, WARNED, PATCHED)
)
"""What can become of an object when the policy changes."""

_Key: TypeAlias = tuple[str, str, Path]
"""A verdict, a rule and a place."""


class Change(NamedTuple):
    """Something that one policy says of an object, and the other does not."""

    what: str
    """One of CHANGES."""

    violation: Violation

    @property
    def message(self) -> str:
        """What is wrong, or what is set."""
        fix = self.violation.fix
        return fix.title if fix and self.what.endswith(PATCHED) else self.violation.message


def violations(job: Job, policy: Policy, failed: Failed) -> list[Violation]:
    """Return what is found in an object that the API server has filled; what its defaults mend is nothing."""
    found = policy.of(job).check(job, failed)
    return [one for one in found if not admission.is_settled(job, one)]


def changes(job: Job, new: Policy, old: Policy, mode: Mode | None, failed: Failed) -> Iterator[Change]:
    """Compare what two policies make of an object; a namespace without a label has the mode of the policy.

    What both say of a place is no change, even if they do not want the same there; what they set is, if that
    differs.
    """
    before, after = (_said(job, policy, mode, failed) for policy in (old, new))
    for key, violation in after.items():
        other = before.get(key)
        if other is None or (key[0] == PATCHED and other.fix != violation.fix):
            yield Change(f"{NEWLY} {key[0]}", violation)
    for key, violation in before.items():
        if key not in after:
            yield Change(f"{NO_LONGER} {key[0]}", violation)


def _said(job: Job, policy: Policy, mode: Mode | None, failed: Failed) -> dict[_Key, Violation]:
    """Return what the webhook would say if an object were created."""
    mode, policy = policy.webhook.mode if mode is None else mode, policy.of(job)
    if mode == Mode.OFF:
        return {}
    mutation = admission.mutate(job, policy, failed)
    made = mutation.made if mode == Mode.ENFORCE else ()
    filled = job.changed(mutation.tree) if made else job
    found = (one for one in policy.check(filled, failed) if not admission.is_settled(filled, one))
    denied, warned, _ = admission.judge(found, mode)
    return {
        (verdict, one.rule, one.path): one
        for verdict, ones in ((DENIED, denied), (WARNED, warned), (PATCHED, made))
        for one in ones
    }
