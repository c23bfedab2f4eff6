"""Findings that were there before: a file remembers them, so that only new ones are told.

Findings are known by their fingerprints, of which no line is a part; files are named from the folder of the
baseline, so that it does not matter where a run is started.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from lint.fingerprint import fingerprint
from lint.found import Found
from lint.output import save
from lint.policy import Policy
from lint.report import Totals, visible
from lint.rule import Severity
from lint.rules import HEADS
from lint.walk import STDIN, Entry
from lint.work import SHOWN_STDIN

VERSION = 1
_TEXTS = ("fingerprint", "rule", "file", "object", "path")


class BaselineError(Exception):
    """The file is no baseline, or cannot be read; the message says how to mend it."""


class Line(NamedTuple):
    """Findings that are equal in all that stays when lines move; in the order in which a file has them."""

    file: str
    object: str
    rule: str
    path: str
    """For people: the fingerprint has it as well."""

    fingerprint: str


class Namer:
    """Names files from the folder of a baseline."""

    def __init__(self, baseline: str) -> None:
        self.folder = os.path.realpath(os.path.dirname(baseline))
        self._own = baseline
        self._known = {SHOWN_STDIN: SHOWN_STDIN, STDIN: SHOWN_STDIN}

    def others(self, paths: Iterable[Entry]) -> list[Entry]:
        """Leave the baseline itself out of the files to read: it may stand among them, and be large."""
        name, own = os.path.basename(self._own), self.name(self._own)
        return [
            path
            for path in paths
            if not (isinstance(path, str) and path.endswith(name) and self.name(path) == own)
        ]

    def name(self, file: str) -> str:
        """Return the name of a file, with slashes; a link is not followed, the folders above it are."""
        if file not in self._known:
            folder, name = os.path.split(file)
            inner = os.path.relpath(os.path.join(os.path.realpath(folder), name), self.folder)
            self._known[file] = inner.replace(os.sep, "/")
        return self._known[file]

    def entry(self, found: Found) -> Line:
        """Return what a baseline has of a finding."""
        named = found._replace(file=self.name(found.file))
        kind, namespace, name, *steps = found.anchor
        whole = "/".join(part for part in (kind, namespace, name) if part)
        path = "".join(f"[{step[1:]}]" if step[0] in "=#" else step for step in steps)
        return Line(named.file, whole, found.violation.rule, path.removeprefix("."), fingerprint(named))


class Known:
    """A baseline that was read: what it has is not told again."""

    def __init__(self, path: str, entries: dict[Line, int]) -> None:
        self.path = path
        self.number = 0
        """Findings of this run that it has."""
        self.namer = Namer(path)
        self._entries = entries
        self._left = Counter[str]()
        for entry, count in entries.items():
            self._left[entry.fingerprint] += count

    def sift(self, findings: Iterable[Found]) -> list[Found]:
        """Return the findings that it does not have; of equal ones, those that are more than it has."""
        new = []
        for found in findings:
            key = self.namer.entry(found).fingerprint
            if self._left[key] > 0:
                self._left[key] -= 1
                self.number += 1
            else:
                new.append(found)
        return new

    def gone(self, paths: Iterable[Entry], totals: Totals, policy: Policy) -> int:
        """Count what it has, and nobody finds any more.

        Nothing is known of files that are there and were not read or understood, nor of rules that did not
        run.
        """
        if not any(self._left.values()):
            return 0
        idle = {rule.id for rule in HEADS} - {rule.id for rule, _ in policy.active}
        names = (path if isinstance(path, str) else path.path for path in paths)
        unknown = (*totals.templates, *(one.path for one in totals.unreadable))
        read = {*map(self.namer.name, names)} - {*map(self.namer.name, unknown)}
        return sum(
            min(count, self._left[entry.fingerprint])
            for entry, count in self._entries.items()
            if entry.rule not in idle and (entry.file in read or self._is_away(entry.file))
        )

    def _is_away(self, file: str) -> bool:
        if file == SHOWN_STDIN:
            return False
        folder = file.removesuffix(" (rendered)")  # stands for what comes out of a chart
        return not os.path.lexists(os.path.join(self.namer.folder, folder))


class Recorded:
    """A baseline in the making: what would be told is put into it."""

    def __init__(self, path: str, least: Severity) -> None:
        self.path = path
        self.number = 0
        self._least = least
        self.namer = Namer(path)
        self._entries = Counter[Line]()

    def sift(self, findings: Iterable[Found]) -> list[Found]:
        """Put findings into it, and return those that are neither shown nor fail a run."""
        milder = []
        for found in findings:
            if found.violation.severity < self._least:
                milder.append(found)
            else:
                self._entries[self.namer.entry(found)] += 1
                self.number += 1
        return milder

    def text(self) -> str:
        """Write it as JSON, one line for each entry: so changes of it are small, and can be read."""
        lines = [json.dumps(_line(*one), ensure_ascii=False) for one in sorted(self._entries.items())]
        inner = "".join(f"\n    {line}," for line in lines).removesuffix(",") + ("\n  " if lines else "")
        return f'{{\n  "version": {VERSION},\n  "findings": [{inner}]\n}}\n'


def _line(entry: Line, count: int) -> dict[str, Any]:
    return {
        "rule": entry.rule,
        "file": entry.file,
        "object": entry.object,
        "path": entry.path,
        "count": count,
        "fingerprint": entry.fingerprint,
    }


def finish(
    baseline: Known | Recorded | None,
    status: int,
    read: tuple[Iterable[Entry], Totals, Policy],
    words: Iterable[str],
) -> tuple[str, int]:
    """Write a baseline that was made, or say what another one has in vain.

    Args:
        baseline: the one of this run.
        status: the exit status of the run.
        read: what was to be read, what was seen of it, and the policy.
        words: what the user asked for, to ask for it again.

    Returns:
        a line to tell, empty for none, and the exit status.
    """
    if isinstance(baseline, Recorded):
        return _save(baseline, status)
    number = baseline.gone(*read) if baseline and status < 2 else 0
    if not baseline or not number:
        return "", status
    import shlex  # seldom there is something to say

    told = "1 of its findings is" if number == 1 else f"{number} of its findings are"
    again = shlex.join(("jobwarden", "lint", "--write-baseline", baseline.path, *words))
    return f"{visible(baseline.path)}: {told} no longer there; to write it again: {again}", status


def begin(path: str, least: Severity) -> Recorded:
    """Begin a baseline.

    Raises:
        BaselineError: something else stands in the file, which would be lost.
    """
    try:
        with open(path, "rb") as file:
            known = file.read()
    except OSError:  # that it cannot be written, if so, is told when it is
        known = b""
    if known.strip() and b'"findings"' not in known:
        raise BaselineError(f"{path}: it is there, and is no baseline: delete it, or give another name")
    return Recorded(path, least)


def _save(baseline: Recorded, status: int) -> tuple[str, int]:
    """Write a baseline; that of a run that went wrong would lack something."""
    name = visible(baseline.path)
    if status > 1:
        return f"{name}: not written, since the run did not go well", status
    try:
        save(baseline.path, baseline.text())
    except OSError as error:
        return f"{name}: cannot be written: {(error.strerror or str(error)).lower()}", 2
    return f"{name}: written; give it with --baseline, and only what is new is told", status


def load(path: str) -> Known:
    """Read a baseline.

    Raises:
        BaselineError: there is none, or it cannot be understood.
    """
    again = f"make it with --write-baseline {path}"
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
    except OSError as error:
        raise BaselineError(f"{path}: {(error.strerror or str(error)).lower()}; {again}") from error
    except UnicodeDecodeError as error:
        raise BaselineError(f"{path}: it is not UTF-8; {again}") from error
    except (json.JSONDecodeError, RecursionError) as error:
        line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise BaselineError(f"{path}{line}: it is not JSON; {again}") from error
    if not isinstance(document, dict) or not isinstance(document.get("findings"), list):
        raise BaselineError(f"{path}: it is no baseline; {again}")
    if document.get("version") != VERSION:
        raise BaselineError(f"{path}: its version is {document.get('version')!r}, not {VERSION}; {again}")
    return Known(path, dict(_entries(path, again, document["findings"])))


def _entries(path: str, again: str, lines: Sequence[Any]) -> Iterable[tuple[Line, int]]:
    """Read the entries; of an entry that stands there twice, as after a merge, both count."""
    found = Counter[Line]()
    for number, line in enumerate(lines, 1):
        given = line if isinstance(line, dict) else {}
        texts = {key: given.get(key) for key in _TEXTS}
        count = given.get("count")
        if not all(isinstance(text, str) for text in texts.values()):
            missing = next(key for key, text in texts.items() if not isinstance(text, str))
            raise BaselineError(f"{path}: entry {number} has no text {missing!r}; {again}")
        if type(count) is not int or count < 1:
            raise BaselineError(f"{path}: entry {number} has no 'count' of 1 or more; {again}")
        found[Line(**{key: str(text) for key, text in texts.items()})] += count
    return found.items()
