"""What is said of suppressions that suppress nothing: imported only where something is ignored."""

from collections.abc import Container, Iterable, Iterator

from lint.defaults import undefaulted
from lint.job import Job
from lint.path import Path
from lint.policy import UNUSED, Policy, Violation, severity_of
from lint.rule import Class
from lint.rules import HEADS


def in_vain(
    policy: Policy, job: Job, ignores: Iterable[tuple[str, Path]], used: Container[str]
) -> Iterator[Violation]:
    """Report the annotations that ignored nothing."""
    for name, path in ignores:
        if name not in used and (one := unused(policy, name, path)) and not _keeps(policy, job, name):
            yield one


def _keeps(policy: Policy, job: Job, name: str) -> bool:
    """Tell whether a rule would find a default that is written here.

    Admission cannot always tell it from one that is not, and then the annotation keeps it.
    """
    for rule, setting in policy.active:
        if rule.id == name and name not in policy.never_ignored:
            bare = Job(undefaulted(job.object.entries, job.minor), job.minor)
            return any(True for _ in rule.check(bare, setting.params or rule.params))
    return False


def unused(policy: Policy, name: str, path: Path) -> Violation | None:
    """Report a suppression that suppressed nothing; that is right as long as its rule is switched off."""
    severity = next(
        (severity_of(rule, setting) for rule, setting in policy.active if rule.id == UNUSED), None
    )
    if severity is None:
        return None
    if not name:
        message = "name the rules to ignore: ignore[backoff-limit]"
    elif all(rule.id != name for rule in HEADS):
        message = f"there is no rule {name!r} to ignore"
    elif all(rule.id != name for rule, _ in policy.active):
        return None
    elif name in policy.never_ignored:
        message = f"the policy does not allow to ignore {name} (neverIgnore)"
    else:
        message = f"{name} finds nothing here to ignore"
    return Violation(UNUSED, severity, Class.PRACTICE, path, message, None)
