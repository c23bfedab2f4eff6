"""What is found in a file, and where: values that reports, baselines and other processes take."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from lint.linter import Located
from lint.path import Path
from lint.policy import Violation
from lint.source import origin

if TYPE_CHECKING:
    from lint.admission import Foretold


class Replacement(NamedTuple):
    """A stretch of a file, and what comes in its place; lines and columns count from 1."""

    line: int
    column: int
    end_line: int
    end_column: int
    text: str


class Found(NamedTuple):
    """A violation in a file; lines and columns count from 1, columns in characters."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    source: str
    """The line of the file."""

    violation: Violation
    kind: str
    namespace: str
    name: str
    note: str
    """Why its fix was not made, if it was tried."""

    anchor: tuple[str, ...] = ()
    """The object and the place in it, by names that stay when something else moves."""

    replacement: Replacement | None = None
    """What its fix would change in the text, if that was asked for."""

    origin: str = ""
    """The template that the document was rendered from, if it says so."""

    unignored: str = ""
    """Why no suppression was written for it, if that was tried."""


class Admission(NamedTuple):
    """What an API server will do with an object of a file."""

    file: str
    line: int
    kind: str
    namespace: str
    name: str
    foretold: "Foretold"
    origin: str = ""
    """The template that the document was rendered from, if it says so."""


class Places:
    """The lines of a text, to turn indexes into lines and columns."""

    def __init__(self, file: str, text: str, above: int) -> None:
        self._file = file
        self._text = text
        self._above = above
        self._counted = 0, 0
        self.origin = origin(text)

    def found(self, one: Located) -> Found:
        """Give a finding its place in the file; in the order of the text, each line is counted once."""
        line, start = self._line(one.start)
        end_line, end_start = self._line(one.end)
        end = self._text.find("\n", start)
        metadata = one.job.metadata.entries
        namespace, name, base = (_text(metadata, key) for key in ("namespace", "name", "generateName"))
        return Found(
            self._file,
            line,
            one.start - start + 1,
            end_line,
            one.end - end_start + 1,
            self._text[start : end if end >= 0 else None].rstrip("\r"),
            one.violation,
            one.job.kind,
            namespace,
            name,
            one.note,
            (one.job.kind, namespace, name or f"{base}*", *_steps(one.job.object.value, one.violation.path)),
            origin=self.origin,
            unignored=one.unignored,
        )

    def replacement(self, start: int, end: int, text: str) -> Replacement:
        """Give a change of the text its place in the file."""
        (line, begin), (end_line, end_begin) = self._line(start), self._line(end)
        return Replacement(line, start - begin + 1, end_line, end - end_begin + 1, text)

    def line(self, index: int) -> int:
        """Return the line of an index in the file."""
        return self._line(index)[0]

    def _line(self, index: int) -> tuple[int, int]:
        """Return the line of an index in the file, and the index of its first character."""
        start = self._text.rfind("\n", 0, index) + 1
        known, line = self._counted
        known, line = (0, 0) if start < known else (known, line)
        line += self._text.count("\n", known, start)
        self._counted = start, line
        return self._above + line + 1, start


def _text(fields: dict[str, Any], key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""


def _steps(value: Any, path: Path) -> Iterator[str]:
    """Name the way to a place; an item of a list goes by its name, where it has one."""
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
            yield f".{step}"
        else:
            value = value[step] if isinstance(value, list) and step < len(value) else None
            name = _text(value, "name") if isinstance(value, dict) else ""
            yield f"={name}" if name else f"#{step}"
