"""The command `jobwarden forecast`: files in, forecasts out."""

import argparse
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from lint.arguments import UserError
from lint.chosen import find_policy, minor_of, read_policy
from lint.compose import DocumentError
from lint.document import parse
from lint.forecast.courses import Assumptions
from lint.forecast.dates import Window
from lint.forecast.forecast import Forecast, forecast
from lint.forecast.plan import UnclearError
from lint.job import DEFAULT_MINOR
from lint.linter import jobs
from lint.policy import Policy
from lint.source import Broken, Piece, looks_like_a_template, pieces
from lint.validation.golang import GoError, duration
from lint.walk import STDIN, Unreadable, files
from lint.work import SHOWN_STDIN, read

_LONGEST_RUN = 10 * 365 * 86400
_LAST_YEAR = 9000
"""Leaves room for what is due later."""
_WIDTH, _WIDEST = 90, 120
"""Columns where nobody knows how many there are, and the most that a line of text is comfortable with."""


class Told(NamedTuple):
    """What becomes of one object, or of what cannot be read."""

    file: str
    line: int
    forecast: Forecast | None
    unclear: str = ""
    """Why there is no forecast."""

    @property
    def where(self) -> str:
        """The file and the line."""
        return f"{self.file}:{self.line}" if self.line else self.file


def run(options: argparse.Namespace) -> int:
    """Print forecasts, and return the exit status: 1 if something that was named has none.

    Raises:
        UserError: an option is wrong, or there is nothing to forecast.
    """
    window = Window(_time(options.start), options.runs)
    given = Assumptions(_seconds(options.run_time), _code(options.exit_code))
    if not 1 <= options.runs <= 1000:
        raise UserError("--runs takes a number from 1 to 1000")
    minor = _minor(options)
    told = [one for path in files(options.paths) for one in _file(path, given, window, minor)]
    unclear = [one for one in told if one.forecast is None]
    sys.stderr.writelines(f"{one.where}: {one.unclear}\n" for one in unclear)
    if len(unclear) == len(told):
        raise UserError("there is no Job and no CronJob to forecast")
    sys.stdout.write(_written(told, window.start, options.format))
    return 1 if unclear else 0


def _minor(options: argparse.Namespace) -> int:
    """Return the Kubernetes minor that the Jobs are for."""
    if options.kubernetes_version:
        return minor_of(options.kubernetes_version)
    path = find_policy(options.paths)
    return read_policy(path).minor if path else DEFAULT_MINOR


def _time(text: str | None) -> datetime:
    """Read a time; one without a zone is in UTC."""
    if text is None:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        when = None
    if when is None or not 1970 <= when.year <= _LAST_YEAR:
        raise UserError(f"--from takes a time such as 2026-03-28T12:00Z, not {text!r}")
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)


def _seconds(text: str | None) -> int | None:
    """Read a time such as `90s`, rounded up to whole seconds."""
    if text is None:
        return None
    try:
        seconds = -(-duration(text) // 10**9)
    except GoError:
        seconds = -1
    if not 0 <= seconds <= _LONGEST_RUN:
        raise UserError(f"--run-time takes how long a Pod runs, such as 90s, 10m or 1h30m, not {text!r}")
    return seconds


def _code(code: int) -> int:
    if not 1 <= code <= 255:
        raise UserError("--exit-code takes what containers fail with: a number from 1 to 255")
    return code


def _file(path: str | Unreadable, given: Assumptions, window: Window, minor: int) -> Iterator[Told]:
    """Forecast what is in a file."""
    if isinstance(path, Unreadable):
        yield Told(path.path, path.line, None, path.reason)
        return
    name = SHOWN_STDIN if path == STDIN else path
    try:
        data = read(path)
    except OSError as error:
        yield Told(name, 0, None, (error.strerror or str(error)).lower())
        return
    for piece in pieces(data):
        if isinstance(piece, Broken):
            yield Told(name, piece.line, None, piece.message)
        else:
            yield from _piece(name, piece, given, window, minor)


def _piece(name: str, piece: Piece, given: Assumptions, window: Window, minor: int) -> Iterator[Told]:
    """Forecast what is in a document."""
    try:
        document = parse(piece.text, json=piece.json)
    except DocumentError as error:
        line = piece.line + piece.text.count("\n", 0, error.index) + 1
        yield Told(name, line, None, _TEMPLATE if looks_like_a_template(piece.text) else error.message)
        return
    for base, job in jobs(document, Policy(minor=minor)):
        line = piece.line + piece.text.count("\n", 0, document.locate(base)[0]) + 1
        try:
            yield Told(name, line, forecast(job, given, window))
        except UnclearError as reason:
            label = f"{job.kind} {job.metadata.at('name').as_str() or ''}".rstrip()
            yield Told(name, line, None, f"{label}: no forecast: {reason}")


_TEMPLATE = "this is a template: forecast what it renders, as of `helm template`"


def _written(told: list[Told], start: datetime, how: str) -> str:
    if how == "json":
        return _json(told, start)
    forecasts = [(one.forecast, one.where) for one in told if one.forecast]
    if how == "svg":
        from lint.forecast.svg import svg

        return svg(forecasts)
    return _text(forecasts)


def _json(told: list[Told], start: datetime) -> str:
    import json

    from lint.forecast.data import data

    value = {
        "version": 1,
        "from": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "forecasts": [data(one.forecast, one.file, one.line) for one in told if one.forecast],
        "unclear": [
            {"file": one.file, "line": one.line, "message": one.unclear} for one in told if not one.forecast
        ],
    }
    return json.dumps(value, indent=2) + "\n"


def _text(forecasts: list[tuple[Forecast, str]]) -> str:
    from lint.forecast.text import Style, legend, lines

    terminal = sys.stdout.isatty()
    colour = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    style = Style(min(_columns() if terminal else _WIDTH, _WIDEST), _unicode(), colour)
    parts = ["\n".join(lines(forecast, where, style)) for forecast, where in forecasts]
    return "\n\n\n".join(parts) + f"\n\n{legend(style)}\n"


def _columns() -> int:
    try:
        return max(os.get_terminal_size().columns, 60)
    except OSError:
        return _WIDTH


def _unicode() -> bool:
    """Tell whether the standard output can show the signs."""
    try:
        "█·✓✗■○".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
