"""Lines of JSON, which nobody has to wait for."""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, TypeAlias

import pytest

from webhook.log import Lines, configure, event, line, stack

Pipe: TypeAlias = tuple[int, Lines]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """Return the end of a pipe, and what writes lines into the other end."""
    reader, writer = os.pipe()
    yield reader, Lines(writer)
    os.close(writer)


def say(lines: Lines, message: str, *arguments: object) -> None:
    """Log something."""
    lines.handle(logging.LogRecord("test", logging.INFO, "", 0, message, arguments, None))


def read(reader: int) -> list[dict[str, Any]]:
    """Return what is in a pipe."""
    os.set_blocking(reader, False)
    data = b""
    while True:
        try:
            data += os.read(reader, 1_000_000)
        except BlockingIOError:
            assert data.endswith(b"\n")
            return [json.loads(each) for each in data.splitlines() if each]


def written(record: logging.LogRecord) -> dict[str, Any]:
    """Return a record as it is written, read again."""
    value: dict[str, Any] = json.loads(line(record))
    return value


def test_a_record_is_a_line_of_json() -> None:
    record = logging.LogRecord("test", logging.WARNING, "", 0, "%s is late", ("Jane",), None)
    record.fields = {"minutes": 3}
    value = written(record)

    assert value.pop("time").endswith("Z")
    assert value == {"level": "warning", "logger": "test", "message": "Jane is late", "minutes": 3}


@pytest.mark.usefixtures("loggers")
def test_events_are_written_like_records(pipe: Pipe) -> None:
    reader, lines = pipe
    logging.root.handlers = [lines]
    event(logging.getLogger("test"), "admitted", {"uid": "abc"})
    (value,) = read(reader)

    assert value.pop("time").startswith("20")
    assert value == {"level": "info", "logger": "test", "message": "admitted", "uid": "abc"}


def test_whoever_else_listens_is_told_of_events(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    event(logging.getLogger("test"), "admitted", {"uid": "abc"})

    assert caplog.messages == ["admitted"]
    assert caplog.records[0].__dict__["fields"] == {"uid": "abc"}


@pytest.mark.parametrize("text", ["two\nlines", "\x00\x1b[31m", "\udc80", '"}'])
def test_nothing_breaks_a_line(text: str) -> None:
    record = logging.LogRecord("test", logging.INFO, "", 0, text, (), None)
    record.fields = {"name": text}
    value = written(record)

    assert (value["message"], value["name"]) == (text, text)


def raised(message: str) -> ValueError:
    """Raise an error, and return it."""
    try:
        raise ValueError(message)  # noqa: TRY301 - it has to have a traceback
    except ValueError as error:
        return error


def test_an_error_is_written_with_its_traceback() -> None:
    error = raised("no")
    record = logging.LogRecord("", 0, "", 0, "", (), (ValueError, error, error.__traceback__))

    assert written(record)["error"].startswith("Traceback")
    assert written(record)["error"].endswith("ValueError: no\n")


def test_a_stack_has_places_but_no_messages() -> None:
    text = stack(raised("a secret"))

    assert "raise ValueError(message)" in text
    assert text.endswith("ValueError")
    assert "a secret" not in text


def test_nobody_waits_for_a_reader_that_does_not_read(pipe: Pipe) -> None:
    reader, lines = pipe
    began = time.monotonic()
    for number in range(10_000):
        say(lines, "line %d", number)
    took = time.monotonic() - began
    read(reader)
    say(lines, "after")
    values = read(reader)

    assert took < 30
    assert values[0]["message"].endswith(" lines of the log were lost: nobody read them")
    assert values[-1]["message"] == "after"


def test_a_line_that_was_torn_does_not_spoil_the_next(pipe: Pipe) -> None:
    reader, lines = pipe
    say(lines, "x" * 1_000_000)
    os.set_blocking(reader, False)
    while True:
        try:
            os.read(reader, 1_000_000)
        except BlockingIOError:
            break
    say(lines, "after")

    assert [value["message"] for value in read(reader)][-1] == "after"


def test_long_lines_are_written_in_whole(pipe: Pipe) -> None:
    reader, lines = pipe
    say(lines, "x" * 50_000)

    assert [len(value["message"]) for value in read(reader)] == [50_000]


def test_nobody_fails_when_the_reader_is_gone(pipe: Pipe) -> None:
    reader, lines = pipe
    os.close(reader)

    say(lines, "unheard")


def test_a_wrong_record_fails_nobody(pipe: Pipe, capsys: pytest.CaptureFixture[str]) -> None:
    reader, lines = pipe
    say(lines, "%d", "three")
    say(lines, "after")

    assert [value["message"] for value in read(reader)] == ["after"]
    assert "Logging error" in capsys.readouterr().err


@pytest.mark.parametrize("redirection", [">&-", ">/dev/full", "| true"])
def test_a_process_without_an_output_lives(redirection: str) -> None:
    script = "import logging, time; from webhook.log import configure; configure('info'); time.sleep(0.2); "
    script += "logging.error('unheard'); import sys; sys.stderr.write('alive')"
    done = subprocess.run(
        ["sh", "-c", f'"$0" -c "$1" {redirection}', sys.executable, script],
        capture_output=True,
        check=False,
        text=True,
    )

    assert done.stderr == "alive"


@pytest.fixture
def loggers() -> Iterator[None]:
    """Leave the loggers as they were."""
    names = ["", "uvicorn", "kubernetes", "urllib3"]
    before = [(logging.getLogger(name), logging.getLogger(name).level) for name in names]
    handlers = logging.getLogger().handlers
    yield
    logging.getLogger().handlers = handlers
    for logger, level in before:
        logger.setLevel(level)


@pytest.mark.usefixtures("loggers")
def test_what_the_client_of_the_cluster_reads_is_never_logged(capfd: pytest.CaptureFixture[str]) -> None:
    with capfd.disabled():
        configure("debug")

    assert logging.getLogger("webhook").isEnabledFor(logging.DEBUG)
    assert not logging.getLogger("kubernetes.client.rest").isEnabledFor(logging.DEBUG)
    assert not logging.getLogger("urllib3.connectionpool").isEnabledFor(logging.DEBUG)
