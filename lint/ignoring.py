"""Suppressions written into a document: a comment at each finding, or the annotation of its object.

A suppression is written only when it is proven, as fixes are: the new text is read and checked again, it says
what it said before, what was to be ignored is no longer found, and nothing else is.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import NamedTuple, TypeAlias

from lint.compose import DocumentError
from lint.document import Document, line_start, parse
from lint.edit import Set, same
from lint.layout import newline_at
from lint.linter import DIRECTIVE, Located, check
from lint.path import Path
from lint.place import Refused
from lint.policy import IGNORE, UNUSED, Policy
from lint.rule import Severity
from lint.splice import splice
from lint.view import View

IGNORE_REASON = f"{IGNORE}-reason"
"""The annotation that says why."""

_ANNOTATIONS = (IGNORE, IGNORE_REASON)
_GAP = "  "
"""What stands between a value and a comment."""

_Key: TypeAlias = tuple[str, Path]
_Insertion: TypeAlias = tuple[int, str]
_Write: TypeAlias = Callable[[Document, list[Located], str], Document]


class Ignored(NamedTuple):
    """A document with its suppressions, and what is still found in it."""

    document: Document
    made: int
    """Findings that are ignored now."""

    left: list[Located]


def ignore(document: Document, policy: Policy, reason: str, least: Severity) -> Ignored:
    """Ignore every finding that is at least so grave: on its line, or above it, or for its object."""
    found = before = check(document, policy)
    never = policy.never_ignored | {UNUSED}
    refused: dict[_Key, str] = {}
    for write in (_annotated,) if document.json else (_beside, _above, _annotated):
        wanted = (one for one in found if one.violation.severity >= least)
        keys = [key for key in dict.fromkeys(map(_key, wanted)) if key[0] not in never]
        if not keys:
            break
        refused.clear()
        document, found = _Attempt(policy, reason, write, refused).make(document, found, keys)
    left = [one._replace(unignored=_why_not(one, policy, refused)) for one in found]
    ignored = len([one for one in before if one.violation.severity >= least])
    return Ignored(document, ignored - len([one for one in found if one.violation.severity >= least]), left)


def commented(document: Document, policy: Policy, found: list[Located], one: Located) -> Document | None:
    """Return the document with a comment that ignores one of its findings; None if none is proven to."""
    for write in () if document.json else (_beside, _above):
        changed, _ = _Attempt(policy, "", write, {}).make(document, found, [_key(one)])
        if changed is not document:
            return changed
    return None


def _key(one: Located) -> _Key:
    """Return what a finding goes by, wherever its line moves."""
    return one.violation.rule, one.path


def _why_not(one: Located, policy: Policy, refused: dict[_Key, str]) -> str:
    """Say why a finding is still there."""
    if one.violation.rule == UNUSED:
        return "take the suppression away instead"
    if one.violation.rule in policy.never_ignored:
        return "the policy does not allow it (neverIgnore)"
    return refused.get(_key(one), "")


class _Attempt(NamedTuple):
    """One way to write suppressions."""

    policy: Policy
    reason: str
    write: _Write
    refused: dict[_Key, str]

    def make(
        self, document: Document, found: list[Located], keys: list[_Key]
    ) -> tuple[Document, list[Located]]:
        """Write all suppressions at once; where that cannot be proven, half of them, down to each alone.

        Args:
            document: the document.
            found: what is found in it.
            keys: what is to be ignored of it.

        Returns:
            the document with its suppressions, and what is found in that.
        """
        wanted = {*keys}
        located = [one for one in found if _key(one) in wanted]
        if not located:  # what was written for others ignores them as well
            return document, found
        try:
            changed = self.write(document, located, self.reason)
            return changed, self._proven(changed, found, wanted)
        except Refused as why:
            if len(keys) == 1:
                self.refused[keys[0]] = str(why)
                return document, found
        middle = len(keys) // 2
        document, found = self.make(document, found, keys[:middle])
        return self.make(document, found, keys[middle:])

    def _proven(self, changed: Document, before: list[Located], wanted: set[_Key]) -> list[Located]:
        """Return what is found now: less than before, and nothing of what was to be ignored."""
        found = check(changed, self.policy)
        if Counter(map(_key, found)) - Counter(map(_key, before)):
            raise Refused("the suppression would make a finding of its own")
        if any(_key(one) in wanted for one in found):
            raise Refused("the suppression would not be heeded there")
        return found


def _beside(document: Document, located: list[Located], reason: str) -> Document:
    """Ignore findings at the ends of their lines, or by the suppressions that are there for them already."""
    insertions = []
    for start, rules in _lines(document, located):
        end = _line_end(document.text, start)
        if known := _known(document, start, rules):
            insertions.append(known)
        elif start in document.comments:
            raise Refused("another comment stands on its line")
        else:
            insertions.append((end, f"{_GAP}{_comment(rules, reason)}"))
    return _inserted(document, insertions)


def _above(document: Document, located: list[Located], reason: str) -> Document:
    """Ignore findings on lines of their own above them."""
    insertions = []
    for start, rules in _lines(document, located):
        text = document.text
        line = text[start : _line_end(text, start)]
        indent = line[: len(line) - len(line.lstrip(" "))]
        insertions.append((start, f"{indent}{_comment(rules, reason)}{newline_at(text, start)}"))
    return _inserted(document, insertions)


def _lines(document: Document, located: Iterable[Located]) -> Iterator[tuple[int, list[str]]]:
    """Iterate over the lines of findings, by the index of the first character, with the rules to ignore."""
    ordered = sorted(located, key=lambda one: one.start)
    for start, some in groupby(ordered, lambda one: line_start(document.text, one.start)):
        yield start, sorted({one.violation.rule for one in some})


def _line_end(text: str, start: int) -> int:
    """Return the index of the line break, or of the end of the text."""
    end = text.find("\n", start)
    end = len(text) if end < 0 else end
    return end - 1 if text[start:end].endswith("\r") else end


def _comment(rules: list[str], reason: str) -> str:
    return f"# jobwarden: ignore[{','.join(rules)}] {reason}".rstrip()


def _known(document: Document, start: int, rules: list[str]) -> _Insertion | None:
    """Add rules to the last suppression that speaks of a line; None if there is none."""
    for line in reversed(document.comment_lines(start)):
        index, comment = document.comments[line]
        for match in reversed([*re.finditer(DIRECTIVE, comment)]):
            if match[1] is not None:
                comma = "" if not match[1].strip() else ", " if ", " in match[1] else ","
                return index + match.end(1), comma + (comma or ",").join(rules)
    return None


def _inserted(document: Document, insertions: list[_Insertion]) -> Document:
    """Insert comments; what the document says stays."""
    parts, position = [], 0
    for index, new in sorted(insertions):
        parts += [document.text[position:index], new]
        position = index
    try:
        changed = parse("".join((*parts, document.text[position:])), json=document.json)
    except DocumentError as error:
        raise Refused("no comment can stand there") from error
    if not same(changed.value, document.value):
        raise Refused("no comment can stand there")
    return changed


def _annotated(document: Document, located: list[Located], reason: str) -> Document:
    """Ignore the rules of findings in their whole objects, by annotations."""
    edits = []
    for base, some in groupby(sorted(located, key=lambda one: _order(one.base)), lambda one: one.base):
        annotations = View(document.value).at(*base, "metadata", "annotations")
        if any(annotations.at(key).given and annotations.at(key).as_str() is None for key in _ANNOTATIONS):
            raise Refused("no comment can stand there, and its annotation to ignore rules is no text")
        known = annotations.at(IGNORE).as_str() or ""
        names = sorted({one.violation.rule for one in some} - {*known.replace(",", " ").split()})
        path = (*base, "metadata", "annotations")
        edits.append(Set((*path, IGNORE), ",".join(([known.rstrip(", ")] if known else []) + names)))
        if annotations.at(IGNORE_REASON).as_str() is None:
            edits.append(Set((*path, IGNORE_REASON), reason))
    return splice(document, tuple(edits))


def _order(path: Path) -> tuple[str, ...]:
    """Return a key to sort paths by; steps of one depth have one type in practice, but need not."""
    return tuple(f"{step:09}" if isinstance(step, int) else step for step in path)
