"""What the fix of a finding would change in the text, for reports that offer it."""

from typing import NamedTuple

from lint.document import Document
from lint.linter import Located
from lint.splice import Refused, splice

_LARGEST = 1 << 18
"""Characters of a document for whose fixes the text is worked out: each reads the document again."""


class Proposal(NamedTuple):
    """One stretch of a text, and what comes in its place."""

    start: int
    end: int
    text: str


def propose(document: Document, one: Located) -> Proposal | None:
    """Return what the fix of a finding would change; None if there is none, or it cannot be made."""
    old, fix = document.text, one.violation.fix
    if fix is None or len(old) > _LARGEST:
        return None
    try:
        new = splice(document, tuple(edit._replace(path=one.base + edit.path) for edit in fix.edits)).text
    except Refused:
        return None
    return between(old, new) if new != old else None


def between(old: str, new: str) -> Proposal:
    """Find the one stretch in which two texts differ; what is only added begins a line, if it can."""
    head = _alike(old, new)
    tail = min(_alike(old[::-1], new[::-1]), len(old) - head, len(new) - head)
    start, end = head, len(old) - tail
    text = new[head : len(new) - tail]
    while start == end > 0 and text[-1] == old[start - 1] and (old[start - 1] != "\n" or start == len(old)):
        start, end, text = start - 1, end - 1, text[-1] + text[:-1]
    return Proposal(start, end, text)


def _alike(one: str, other: str) -> int:
    """Count the characters that two texts begin with; comparing halves is quicker than one by one."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
