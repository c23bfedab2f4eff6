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
from threading import Lock
from time import time
from typing import Any

import orjson

_SLICE = 4096
"""What a pipe that takes anything takes in whole, on every system."""
_PATIENCE = 100
"""How long a line waits for a reader, in milliseconds."""


class Lines(logging.Handler):
    """Writes lines, and loses them rather than wait for a reader that does not read."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._lock = Lock()
        self._lost = 0
        self._torn = b""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            self.put(line(record))
        except Exception:  # noqa: BLE001 - as every handler does: nobody fails because of what he logs
            self.handleError(record)

    def put(self, data: bytes) -> None:
        """Write a line."""
        with self._lock:
            if self._lost and self._write(self._torn + _lost(self._lost)):
                self._lost, self._torn = 0, b""
            if self._lost or not self._write(data):
                self._lost += 1

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


def event(logger: logging.Logger, message: str, fields: dict[str, Any]) -> None:
    """Log at INFO; where nothing but `Lines` listens, without a record, which takes most of the time."""
    listeners = logging.getLogger().handlers
    if len(listeners) == 1 and isinstance(listeners[0], Lines):
        listeners[0].put(_line(time(), "info", logger.name, message, fields))
    else:
        logger.info(message, extra={"fields": fields})


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
    fields = getattr(record, "fields", {})
    if record.exc_info and record.exc_info[1]:
        fields = {**fields, "error": "".join(traceback.format_exception(record.exc_info[1]))}
    return _line(record.created, record.levelname.lower(), record.name, record.getMessage(), fields)


def _line(when: float, level: str, logger: str, message: str, fields: dict[str, Any]) -> bytes:
    entry = {
        "time": datetime.fromtimestamp(when, UTC),
        "level": level,
        "logger": logger,
        "message": message,
        **fields,
    }
    try:
        return orjson.dumps(entry, default=str, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)
    except TypeError:  # half of a surrogate pair, as in the name of a file that is not UTF-8
        return json.dumps(entry, default=str).encode() + b"\n"


def stack(error: BaseException) -> str:
    """Tell where something was raised, but not its message, which may quote a secret of the object."""
    return "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__


def _lost(number: int) -> bytes:
    message = f"{number} lines of the log were lost: nobody read them"
    return _line(time(), "warning", __name__, message, {})
