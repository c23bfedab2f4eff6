"""What an editor is offered to change: the fix of a finding, all safe ones, a comment that ignores it."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

from lint.document import line_start
from lint.ignoring import commented
from lint.linter import Located, fix
from lint.lsp.reading import Part, Reading
from lint.lsp.text import Change
from lint.proposal import between, propose

_LARGEST = 1 << 18
"""Characters of a document in which comments are tried: each reads the document again."""

_MANY_LINES = 2000
"""More are not compared one by one: that takes the square of their number."""

_LINE = r"[^\n]*\n|[^\n]+"


def fixing(reading: Reading, part: Part, one: Located) -> Change | None:
    """Return the fix of a finding; None if it has none, or it cannot be made."""
    proposal = propose(part.document, one)
    if proposal is None:
        return None
    return reading.lines.whole(Change(part.start + proposal.start, part.start + proposal.end, proposal.text))


def fixing_all(reading: Reading) -> list[Change]:
    """Return what `jobwarden lint --fix` changes: all safe fixes, until none is left to make."""
    changes = []
    for part in reading.parts:
        if any(one.violation.fix and one.violation.fix.safe for one in part.found):
            new = fix(part.document, reading.policy, unsafe=False).document.text
            changes += [
                reading.lines.whole(Change(part.start + start, part.start + end, text))
                for start, end, text in _differences(part.document.text, new)
            ]
    return changes


def ignoring(reading: Reading, part: Part, one: Located) -> Change | None:
    """Return a comment that makes a finding go, and changes nothing else; None if none is proven to."""
    document = part.document
    if len(document.text) > _LARGEST:
        return None
    changed = commented(document, reading.policy, part.found, one)
    if changed is None:
        return None
    start, end, text = between(document.text, changed.text)
    return reading.lines.whole(Change(part.start + start, part.start + end, text))


def _differences(old: str, new: str) -> Iterator[Change]:
    """Find the lines that differ: an edit of all that lies between would take the cursor along."""
    start, end, text = between(old, new) if old != new else Change(0, 0, "")
    first = line_start(old, start)
    last = old.find("\n", end) + 1 or len(old)
    lines = re.findall(_LINE, old[first:last])
    new_lines = re.findall(_LINE, old[first:start] + text + old[end:last])
    if len(lines) + len(new_lines) > _MANY_LINES:
        yield Change(start, end, text)
        return
    places = [first]
    for line in lines:
        places.append(places[-1] + len(line))
    matcher = SequenceMatcher[str](None, lines, new_lines, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            yield Change(places[i1], places[i2], "".join(new_lines[j1:j2]))
