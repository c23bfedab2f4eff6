"""The log: a line of JSON for each event, on the standard output.

What is told before the server starts, such as wrong settings, is plain text on the standard error.
"""

import json
import logging
import os
import select
import sys
import traceback
from datetime import UTC, datetime
from time import time
from typing import Any

import orjson

_SLICE = 4096
"""What a pipe that takes anything takes in whole, on every system."""
_PATIENCE = 100
"""How long a line waits for a reader, in milliseconds."""
_EVENT = vars(logging.LogRecord("", logging.INFO, "", 0, "", (), None))


class Event(logging.LogRecord):
    """A record that is made in a quarter of the time, because it does not look for its place in the code."""

    def __init__(self, name: str, message: str, fields: dict[str, Any]) -> None:
        self.__dict__.update(_EVENT, name=name, msg=message, created=time(), fields=fields)


class Lines(logging.Handler):
    """Writes lines, and loses them rather than wait for a reader that does not read."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._lost = 0
        self._torn = b""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            if self._lost and self._write(self._torn + _lost(self._lost)):
                self._lost, self._torn = 0, b""
            if self._lost or not self._write(line(record)):
                self._lost += 1
        except Exception:  # noqa: BLE001 - as every handler does: nobody fails because of what he logs
            self.handleError(record)

    def _write(self, data: bytes) -> bool:
        """Write what a reader takes in time, and tell whether that was all."""
        patience = 0 if self._lost else _PATIENCE
        start = 0
        while start < len(data):
            if not self._poll.poll(patience):
                self._torn = b"\n" if start else self._torn
                return False
            try:
                start += os.write(self._descriptor, data[start : start + _SLICE])
            except OSError:  # nobody will ever read it
                return True
        return True


def configure(level: str) -> None:
    """Have everybody log lines of JSON from a level on."""
    root = logging.getLogger()
    root.setLevel(level.upper())
    root.handlers = [Lines(sys.stdout.fileno())] if sys.stdout else [logging.NullHandler()]
    # Who comes and goes is of no interest, and at DEBUG the client logs all it reads, such as our keys.
    for name, least in (
        ("uvicorn", logging.WARNING),
        ("kubernetes", logging.INFO),
        ("urllib3", logging.INFO),
    ):
        logging.getLogger(name).setLevel(max(least, root.level))


def line(record: logging.LogRecord) -> bytes:
    """Write a record as a line; `extra={"fields": {...}}` adds fields to it."""
    entry: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage(),
        **getattr(record, "fields", {}),
    }
    if record.exc_info and record.exc_info[1]:
        entry["error"] = "".join(traceback.format_exception(record.exc_info[1]))
    try:
        return orjson.dumps(entry, default=str, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)
    except TypeError:  # half of a surrogate pair, as in the name of a file that is not UTF-8
        return json.dumps(entry, default=str).encode() + b"\n"


def stack(error: BaseException) -> str:
    """Tell where something was raised, but not its message, which may quote a secret of the object."""
    return "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__


def _lost(number: int) -> bytes:
    record = logging.LogRecord(
        __name__, logging.WARNING, "", 0, "%d lines of the log were lost: nobody read them", (number,), None
    )
    return line(record)
