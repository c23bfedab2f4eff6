"""What the rules say of a document, with its place in the text; and the document with their fixes made."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from lint.document import Document
from lint.edit import Edit, Taken
from lint.job import Job
from lint.path import Path
from lint.policy import UNUSED, Identity, Policy, Violation
from lint.view import View

if TYPE_CHECKING:
    from lint.admission import Foretold

DIRECTIVE = r"jobwarden:\s*ignore\b(?:\s*\[([^\]]*)\])?"
"""What a comment ignores, with the names of the rules in its only group."""

_KINDS = {"job": "Job", "jobs": "Job", "cronjob": "CronJob", "cronjobs": "CronJob"}
_MAX_PASSES = 20
"""Fixes that make room for more fixes: more passes than this would mean that two rules undo each other."""


class Located(NamedTuple):
    """A violation and where it stands in the text of its document."""

    violation: Violation
    job: Job
    base: Path
    """Where the object stands in the document: not empty for an item of a List."""

    start: int
    """Index of the first character."""

    end: int
    note: str = ""
    """Why its fix was not made."""

    unignored: str = ""
    """Why no suppression was written for it."""

    @property
    def path(self) -> Path:
        """The path from the root of the document."""
        return self.base + self.violation.path


class Fixed(NamedTuple):
    """A document after its fixes."""

    document: Document
    made: tuple[Violation, ...]
    refused: dict[tuple[str, Path], str]
    """Why the fixes of these were not made, by rule and path from the root of the document."""
    left: list[Located]
    """What is found after them, with the reason where a fix was not made."""


def jobs(document: Document, policy: Policy) -> Iterator[tuple[Path, Job]]:
    """Find the Jobs and CronJobs of a document, and where they stand in it."""
    stack: list[Path] = [()]
    repeated = document.repeated()
    root = View(document.value)
    while stack:
        base = stack.pop()
        tree = root.at(*base)
        kind = tree.at("kind").as_str() or ""
        if kind.endswith("List"):
            stack += [item.path for item in tree.at("items").items()][::-1]
        elif meant := _meant(tree, kind):
            below = tuple(path[len(base) :] for path in repeated if path[: len(base)] == base)
            comment = document.comment if not base else partial(_comment_below, document, base)
            value = tree.value if kind == meant else {**tree.value, "kind": meant}
            job = Job(value, policy.minor, comment, below)
            job.misspelt = "" if kind == meant else kind
            job.beside = partial(_beside, document)
            job.stored = _stored(identity(tree), policy) if policy.stored else None
            yield base, job


def _meant(tree: View, kind: str) -> str:
    """Return `Job` or `CronJob` if that is what an object is meant to be, though kind or version be wrong.

    Other groups have Jobs of their own (`batch.volcano.sh`), but none without a dot in its name.
    """
    version = tree.at("apiVersion").as_str() or ""
    if version.startswith("batch/"):
        return _KINDS.get(kind.lower(), "")
    is_shaped = tree.at("spec", "template", "spec").given or tree.at("spec", "jobTemplate").given
    return kind if kind in _KINDS.values() and is_shaped and "." not in version.partition("/")[0] else ""


def identity(tree: View) -> Identity:
    """Return what an object goes by."""
    metadata = tree.at("metadata")
    texts = (tree.at("kind"), metadata.at("namespace"), metadata.at("name"))
    kind, namespace, name = (view.as_str() or "" for view in texts)
    return kind, namespace, name


def _stored(one: Identity, policy: Policy) -> Any:
    """Find what an object is an update of; a namespace that is left out is that of the other."""
    kind, namespace, name = one
    for (kind_, namespace_, name_), tree in policy.stored.items():
        if (kind, name) == (kind_, name_) and namespace in (namespace_, "", namespace_ or namespace):
            return tree
    return None


def _beside(document: Document, kind: str) -> list[Any]:
    return [document.value, *document.beside(kind)]


def _comment_below(document: Document, base: Path, path: Path) -> str:
    return document.comment(base + path)


def check(document: Document, policy: Policy, kinds: Counter[str] | None = None) -> list[Located]:
    """Run the rules on the Jobs of a document, in the order of its text; what comments ignore is left out.

    `kinds` counts the Jobs and CronJobs, where somebody wants to know.
    """
    found, commented = [], "jobwarden:" in document.text
    for base, job in jobs(document, policy):
        if kinds is not None:
            kinds[job.kind] += 1
        for violation in policy.of(job).check(job, every=commented):
            start, end = document.locate(base + violation.path)
            found.append(Located(violation, job, base, start, end))
    if commented:
        found = list(_heeded(document, policy, found))
    return sorted(found, key=lambda one: (one.start, one.violation.rule))


def _heeded(document: Document, policy: Policy, found: list[Located]) -> Iterator[Located]:
    """Leave out what comments ignore, and report the comments that ignore nothing."""
    ignores = {
        (line, name): index
        for line, (index, comment) in document.comments.items()
        for directive in re.finditer(DIRECTIVE, comment)
        for name in (directive[1] or "").replace(",", " ").split() or [""]
    }
    used = set()
    for one in found:
        matching = {(line, one.violation.rule) for line in document.comment_lines(one.start)} & ignores.keys()
        if one.violation.rule in policy.never_ignored:
            matching = set()
        used |= matching
        if not matching or one.violation.rule == UNUSED:
            yield one
    yield from _in_vain(document, policy, {key: index for key, index in ignores.items() if key not in used})


def _in_vain(document: Document, policy: Policy, ignores: dict[tuple[int, str], int]) -> Iterator[Located]:
    """Report comments that ignore nothing, for the object in which they stand; above all, for the first."""
    if not ignores:
        return
    from lint.suppression import unused  # of no use where each suppresses something

    places = [(document.locate(base)[0], base, job) for base, job in jobs(document, policy)]
    for (line, name), index in ignores.items():
        for _, base, job in ([one for one in places if one[0] <= index] or places[:1])[-1:]:
            if violation := unused(policy.of(job), name, ()):
                yield Located(violation, job, base, index, index + len(document.comments[line][1]))


def foretell(document: Document, policy: Policy) -> Iterator[tuple[Path, Job, "Foretold"]]:
    """Say what an API server with the webhook will do with each Job of a document.

    It sees neither comments nor keys that were written twice; patches and fragments are not for it.
    """
    from lint import admission  # of no use to other runs

    for base, job in jobs(document, policy):
        if not job.guards.partial:
            plain = Job(job.object.value, job.minor)
            plain.by_person, plain.misspelt = True, job.misspelt
            yield base, plain, admission.foretell(plain, policy.of(plain))


def fix(document: Document, policy: Policy, *, unsafe: bool, kinds: Counter[str] | None = None) -> Fixed:
    """Make the fixes of a document, again and again until none is left to make.

    `kinds` counts the Jobs and CronJobs, where somebody wants to know.
    """
    made: list[Violation] = []
    refused: dict[tuple[str, Path], str] = {}
    found = check(document, policy, kinds)
    for _ in range(_MAX_PASSES):
        batch, taken = [], Taken()
        for one in found:
            fix_ = one.violation.fix
            if fix_ is None or not (fix_.safe or unsafe) or (one.violation.rule, one.path) in refused:
                continue
            if taken.take(_edits(one)):
                batch.append(one)
        if not batch:
            break
        document = _make(document, batch, made, refused)
        found = check(document, policy)
    left = [one._replace(note=refused.get((one.violation.rule, one.path), "")) for one in found]
    return Fixed(document, tuple(made), refused, left)


def _make(
    document: Document, batch: list[Located], made: list[Violation], refused: dict[tuple[str, Path], str]
) -> Document:
    """Make all fixes of a batch at once; where that cannot be proven, half of them, down to each alone."""
    from lint.splice import Refused, splice  # of no use to a run that only looks

    edits = tuple(edit for one in batch for edit in _edits(one))
    try:
        spliced = splice(document, edits)
        spliced.beside = document.beside
        document = spliced
    except Refused as reason:
        if len(batch) == 1:
            refused[batch[0].violation.rule, batch[0].path] = str(reason)
            return document
        middle = len(batch) // 2
        document = _make(document, batch[:middle], made, refused)
        return _make(document, batch[middle:], made, refused)
    made += [one.violation for one in batch]
    return document


def _edits(one: Located) -> list[Edit]:
    """Return the edits of a fix with paths from the root of the document."""
    fix_ = one.violation.fix
    return [edit._replace(path=one.base + edit.path) for edit in fix_.edits] if fix_ else []
