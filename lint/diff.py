"""The changes of a file as a unified diff; imported only when somebody asks for one."""

import re
from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import TypeAlias

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_Opcode: TypeAlias = tuple[str, int, int, int, int]


def unified(name: str, old: bytes, changes: list[tuple[int, str, str]]) -> str:
    """Write changes as `patch -p0` and `git apply -p0` take them.

    Args:
        name: the file, as both headers call it.
        old: the whole file before.
        changes: of each changed document the lines above it, its old text and its new text.
    """
    before = _LINE.findall(old.decode("utf-8", "surrogateescape"))
    after: list[str] = []
    opcodes: list[_Opcode] = []
    matcher = SequenceMatcher[str](None, "", "", autojunk=False)
    done = 0
    for above, old_text, new_text in (*changes, (None, "", "")):
        stay = before[done:above]
        _add(opcodes, ("equal", done, done + len(stay), len(after), len(after) + len(stay)))
        after += stay
        done += len(stay)
        lines, new_lines = _LINE.findall(old_text), _LINE.findall(new_text)
        for tag, i1, i2, j1, j2 in _compared(lines, new_lines, matcher):
            _add(opcodes, (tag, done + i1, done + i2, len(after) + j1, len(after) + j2))
        after += new_lines
        done += len(lines)
    matcher.set_seqs(before, after)
    vars(matcher)["opcodes"] = opcodes  # what get_opcodes() would work out, slowly
    hunks = "".join(line for group in matcher.get_grouped_opcodes(3) for line in _hunk(group, before, after))
    return f"--- {name}\n+++ {name}\n{hunks}"


def _compared(old: list[str], new: list[str], matcher: SequenceMatcher[str]) -> Iterator[_Opcode]:
    """Compare a document from one line that each text has once to the next.

    Fixes move no lines. To compare all at once takes minutes for a List of some hundred Jobs.
    """
    above, new_above = 0, 0
    for place, new_place in (*_anchors(old, new), (len(old), len(new))):
        between, new_between = old[above:place], new[new_above:new_place]
        if between == new_between:
            yield "equal", above, place, new_above, new_place
        else:
            matcher.set_seqs(between, new_between)
            for tag, i1, i2, j1, j2 in matcher.get_opcodes():
                yield tag, above + i1, above + i2, new_above + j1, new_above + j2
        above, new_above = place, new_place


def _anchors(old: list[str], new: list[str]) -> Iterator[tuple[int, int]]:
    """Find the lines that each text has once, in the order of both."""
    counts, new_counts = Counter(old), Counter(new)
    places = {line: place for place, line in enumerate(new)}
    last = -1
    for place, line in enumerate(old):
        if counts[line] == new_counts[line] == 1 and places[line] > last:
            last = places[line]
            yield place, last


def _add(opcodes: list[_Opcode], opcode: _Opcode) -> None:
    """Add a stretch of lines; two that stay and meet are one, as SequenceMatcher has it."""
    tag, start, end, new_start, new_end = opcode
    if start == end and new_start == new_end:
        return
    if opcodes and opcodes[-1][0] == tag == "equal":
        _, start, _, new_start, _ = opcodes.pop()
    opcodes.append((tag, start, end, new_start, new_end))


def _hunk(group: list[_Opcode], before: list[str], after: list[str]) -> Iterator[str]:
    """Write one group of changes with the lines around them."""
    first, last = group[0], group[-1]
    yield f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@\n"
    for tag, i1, i2, j1, j2 in group:
        if tag == "equal":
            yield from _marked(" ", before[i1:i2])
        else:
            yield from _marked("-", before[i1:i2])
            yield from _marked("+", after[j1:j2])


def _marked(mark: str, lines: list[str]) -> Iterator[str]:
    for line in lines:
        yield mark + (line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")


def _range(start: int, end: int) -> str:
    length = end - start
    return str(start + 1) if length == 1 else f"{start + 1 if length else start},{length}"
