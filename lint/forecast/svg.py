"""Forecasts as one SVG file, for people in light and in dark."""

import re
from collections.abc import Iterable, Iterator
from html import escape
from textwrap import wrap
from typing import NamedTuple

from lint.forecast.drawn import Bar, Drawing, drawings, marks, wrapped
from lint.forecast.forecast import Forecast
from lint.forecast.words import duration

_WIDTH, _MARGIN, _LINE, _LETTER = 400, 8, 14, 6
"""Of the picture, at its sides, of a line and of a letter, in units that are pixels on a narrow screen."""
_LETTERS = 64
"""So many letters fit into a line."""
_SIGNS = {"succeeded": "✓", "failed": "✗", "killed": "■", "skipped": "○", "runs": ""}
_MEANINGS = {
    "succeeded": "has succeeded",
    "failed": "has failed",
    "killed": "is ended",
    "skipped": "does not start",
    "runs": "runs",
}
_ILLEGAL = re.compile(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML cannot hold."""

_STYLE = """\
svg { color-scheme: light dark; --paper: #ffffff; --ink: #1f2328; --pale: #59636e; --line: #d1d9e0;
  --good: #1a7f37; --bad: #cf222e; --cut: #9a6700; --run: #0969da; }
@media (prefers-color-scheme: dark) { svg { --paper: #0d1117; --ink: #f0f6fc; --pale: #9198a1;
  --line: #3d444d;
  --good: #3fb950; --bad: #ff7b72; --cut: #d29922; --run: #4493f8; } }
text { font: 10px system-ui, sans-serif; fill: var(--ink); }
.name { font-size: 13px; font-weight: 600; }
.title { font-weight: 600; }
.pale { fill: var(--pale); }
.paper { fill: var(--paper); }
.grid { stroke: var(--line); }
.wait { stroke: var(--pale); stroke-dasharray: 1 2; }
.succeeded { fill: var(--good); } .failed { fill: var(--bad); }
.killed, .skipped { fill: var(--cut); } .runs { fill: var(--run); }
"""


class _Part(NamedTuple):
    """A part of the picture, and how high it is."""

    height: int
    elements: tuple[str, ...]


def svg(forecasts: Iterable[tuple[Forecast, str]]) -> str:
    """Draw forecasts, each with its file and line, one below the other."""
    parts, told = [], []
    for forecast, where in forecasts:
        drawn = list(drawings(forecast))
        name = f"{forecast.kind} {forecast.namespace and forecast.namespace + '/'}{forecast.name}"
        told.append(". ".join((name, *(drawing.title for drawing in drawn))))
        parts += [_text(name, "name", 18), _text(where, "pale"), *map(_drawn, drawn), *_facts(forecast)]
    signs = ", ".join(f"{sign} {_MEANINGS[name]}" for name, sign in _SIGNS.items() if sign)
    parts.append(_text(signs, "pale"))
    height = sum(part.height for part in parts) + 2 * _MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'height="{height}" style="width:100%;max-width:640px;height:auto" role="img" '
        'aria-labelledby="title desc">'
    )
    about = f'<title id="title">Forecast</title>\n<desc id="desc">{_safe(". ".join(told))}</desc>'
    paper = '<rect class="paper" width="100%" height="100%"/>'
    return "\n".join((head, about, f"<style>\n{_STYLE}</style>", paper, *_stacked(parts), "</svg>\n"))


def _stacked(parts: Iterable[_Part]) -> Iterator[str]:
    top = _MARGIN
    for part in parts:
        yield f'<g transform="translate({_MARGIN} {top})">'
        yield from part.elements
        yield "</g>"
        top += part.height


def _safe(text: str) -> str:
    return escape(_ILLEGAL.sub("\ufffd", text))


def _text(text: str, kind: str, height: int = _LINE) -> _Part:
    return _Part(height, (_words(0, height - 4, text, kind),))


def _words(left: float, base: int, text: str, kind: str = "") -> str:
    classes = f' class="{kind}"' if kind else ""
    return f'<text x="{left:g}" y="{base}"{classes}>{_safe(text)}</text>'


def _drawn(drawing: Drawing) -> _Part:
    """Draw a course: a row for each bar, and the scale below them."""
    left = max((len(bar.label) for bar in drawing.bars), default=0) * _LETTER + 8
    width = _WIDTH - 2 * _MARGIN - left - 14
    titles = wrap(drawing.title, _LETTERS - 6)
    elements = [_words(0, 20 + _LINE * number, line, "title") for number, line in enumerate(titles)]
    first = top = 12 + _LINE * len(titles)
    rows: list[str] = []
    for number, bar in enumerate(drawing.bars):
        if drawing.left_out and number == len(drawing.bars) - 1:
            rows.append(_words(0, top + 10, f"... {drawing.left_out:,} more ...", "pale"))
            top += _LINE
        rows += _bar(bar, drawing.total, left, width, top)
        top += _LINE
    if drawing.bars:
        for time in marks(drawing.total, 5):
            at = left + time * width / drawing.total
            elements.append(f'<path class="grid" d="M{at:.1f} {first}V{top}"/>')
            words = duration(time)
            within = min(at, _WIDTH - 2 * _MARGIN - _LETTER * len(words))
            rows.append(_words(within, top + 10, words, "pale"))
        top += _LINE
    if drawing.left_out is None and drawing.bars:
        rows.append(_words(0, top + 10, "... and so on, without an end", "pale"))
        top += _LINE
    return _Part(top + 4, (*elements, *rows))


def _bar(bar: Bar, total: int, left: float, width: float, top: int) -> list[str]:
    wait, start, end = (left + time * width / total for time in (bar.wait, bar.start, bar.end))
    waits = f", after {duration(bar.start - bar.wait)} of waiting" if bar.start > bar.wait else ""
    about = f"{bar.label}: {duration(bar.start)} to {duration(bar.end)}{waits}, {_MEANINGS[bar.outcome]}"
    line = f'<path class="wait" d="M{wait:.1f} {top + 7}H{start:.1f}"/>' if start > wait else ""
    place = f'x="{start:.1f}" y="{top + 3}" width="{max(end - start, 1):.1f}" height="8" rx="1"'
    body = f'<rect class="{bar.outcome}" {place}/>'
    sign = _words(max(end, start + 1) + 2, top + 11, _SIGNS[bar.outcome], bar.outcome)
    label = _words(0, top + 11, bar.label)
    return ["<g>", f"<title>{_safe(about)}</title>", label, line, body, sign, "</g>"]


def _facts(forecast: Forecast) -> Iterator[_Part]:
    yield _Part(6, ())
    for fact in forecast.facts:
        first, *others = wrapped(fact, _LETTERS - 12)
        yield _Part(_LINE, (_words(0, 10, fact.topic, "pale"), _words(12 * _LETTER, 10, first)))
        yield from (_Part(_LINE, (_words(12 * _LETTER, 10, line),)) for line in others)
    yield _Part(12, ())
