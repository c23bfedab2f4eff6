"""A forecast for a terminal: bars over time, and what there is to say."""

from collections.abc import Iterator
from dataclasses import dataclass

from lint.forecast.drawn import Bar, Drawing, drawings, marks, wrapped
from lint.forecast.facts import Fact
from lint.forecast.forecast import Forecast
from lint.forecast.words import duration

_UNICODE = {"runs": "█", "waits": "·", "succeeded": "✓", "failed": "✗", "killed": "■", "skipped": "○"}
_ASCII = {"runs": "=", "waits": ".", "succeeded": "+", "failed": "x", "killed": "!", "skipped": "o"}
_LEGEND = {
    "runs": "runs",
    "waits": "waits",
    "succeeded": "has succeeded",
    "failed": "has failed",
    "killed": "is ended",
    "skipped": "does not start",
}
_COLOURS = {"succeeded": "32", "failed": "31", "killed": "33", "skipped": "33", "waits": "2"}
_INDENT = "  "
_TOPIC = 11


@dataclass(frozen=True)
class Style:
    """What a terminal can show."""

    width: int
    """In columns."""
    unicode: bool
    colour: bool

    def sign(self, name: str, number: int = 1) -> str:
        """Return signs for what a Pod does or has done."""
        signs = (_UNICODE if self.unicode else _ASCII)[name] * number
        return f"\x1b[{_COLOURS[name]}m{signs}\x1b[0m" if self.colour and name in _COLOURS else signs

    def bold(self, text: str) -> str:
        """Make a heading of a text."""
        return f"\x1b[1m{text}\x1b[0m" if self.colour else text


def lines(told: Forecast, where: str, style: Style) -> Iterator[str]:
    """Write a forecast; `where` is its file and line."""
    name = f"{told.namespace}/{told.name}" if told.namespace else told.name
    yield style.bold(f"{told.kind} {name}") + f" ({where})"
    for drawing in drawings(told):
        yield ""
        yield from _drawn(drawing, style)
    yield ""
    for fact in told.facts:
        yield from _fact(fact, style)


def legend(style: Style) -> str:
    """Explain the signs."""
    return "   ".join(f"{style.sign(name)} {meaning}" for name, meaning in _LEGEND.items())


def _fact(fact: Fact, style: Style) -> Iterator[str]:
    head = f"{_INDENT}{fact.topic:{_TOPIC}}"
    for line in wrapped(fact, style.width - len(head)):
        yield head + line
        head = " " * len(head)


def _drawn(drawing: Drawing, style: Style) -> Iterator[str]:
    yield _INDENT + drawing.title
    label = max((len(bar.label) for bar in drawing.bars), default=0) + 2
    columns = style.width - len(_INDENT) - label
    for number, bar in enumerate(drawing.bars):
        if drawing.left_out and number == len(drawing.bars) - 1:
            yield f"{_INDENT}... {drawing.left_out:,} more ..."
        yield f"{_INDENT}{bar.label:{label}}{_signs(bar, drawing.total, columns, style)}"
    if drawing.bars:
        if drawing.left_out is None:
            yield f"{_INDENT}... and so on, without an end"
        yield f"{_INDENT}{'':{label}}{_scale(drawing.total, columns)}"


def _signs(bar: Bar, total: int, columns: int, style: Style) -> str:
    """Draw a bar: the sign of its outcome stands where it ends."""
    wait, start, end = (time * (columns - 1) // total for time in (bar.wait, bar.start, bar.end))
    waits = style.sign("waits", start - wait) if start > wait else ""
    return " " * wait + waits + style.sign("runs", end - start) + style.sign(bar.outcome)


def _scale(total: int, columns: int) -> str:
    """Write times below where they are."""
    line = ""
    for time in marks(total, columns // 10):
        words = duration(time)
        at = min(time * (columns - 1) // total, columns - len(words))
        if at >= len(line) + bool(line):
            line = f"{line:{at}}{words}"
    return line
