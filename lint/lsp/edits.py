"""What an editor is offered to change: the fix of a finding, all safe ones, a comment that ignores it."""

import re
from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher

from lint.compose import DocumentError
from lint.document import line_start, parse
from lint.edit import same
from lint.linter import Located, check, fix
from lint.lsp.reading import Part, Reading
from lint.lsp.text import Change
from lint.policy import Policy
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
    if document.json or len(document.text) > _LARGEST:
        return None
    for start, _, comment in _comments(document.text, one):
        text = document.text[:start] + comment + document.text[start:]
        if _silences(text, part, one, reading.policy):
            return reading.lines.whole(Change(part.start + start, part.start + start, comment))
    return None


def _comments(text: str, one: Located) -> Iterator[Change]:
    """Write a comment behind the finding's line, or else above it."""
    comment = f"# jobwarden: ignore[{one.violation.rule}]"
    first = line_start(text, one.start)
    newline = text.find("\n", first)
    line = text[first : len(text) if newline < 0 else newline]
    end = first + len(line.rstrip())
    yield Change(end, end, f"  {comment}")
    indent = line[: len(line) - len(line.lstrip(" "))]
    yield Change(first, first, f"{indent}{comment}" + ("\r\n" if line.endswith("\r") else "\n"))


def _silences(text: str, part: Part, one: Located, policy: Policy) -> bool:
    """Tell whether a text says the same without the finding, and gives no finding that was not there."""
    try:
        document = parse(text)
    except DocumentError:
        return False
    if not same(document.value, part.document.value):
        return False
    before, after = _count(part.found), _count(check(document, policy))
    key = (one.violation.rule, one.path, one.violation.message)
    return after <= before and after[key] < before[key]


def _count(found: list[Located]) -> Counter[tuple[object, ...]]:
    return Counter((one.violation.rule, one.path, one.violation.message) for one in found)


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
