"""The bytes of a file as documents, split as Kubernetes splits them, and which of them can hold a Job."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

_ESCAPED = rb"\\(?:x(?:4[aA]|6[fF2])|u00(?:4[aA]|6[fF2])|U000000(?:4[aA]|6[fF2])|\r?\n)"
"""An escape that may spell a letter of `Job`, or hide a line break in it."""

_UTF_16_JOB = b"J\0o\0b"
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_BOM = b"\xef\xbb\xbf"
_SEPARATOR = re.compile(rb"^---[^\n]*\n?", re.MULTILINE)
_BLANK = re.compile(r"\s*")
_TEMPLATE = r"\{[{%]"
_SOURCE = "# Source: "
"""What Helm writes above each document, with the template that it comes from."""


class Piece(NamedTuple):
    """One document of a file, without separator lines and byte order mark."""

    start: int
    """Index of its first byte in the file."""

    end: int
    line: int
    """Lines above it in the file."""

    text: str

    json: bool
    """It is JSON: its characters mean what JSON says."""

    whole: bytes = b""
    """The file that it stands in."""


class Broken(NamedTuple):
    """A part of a file that cannot be read."""

    line: int
    """From 1."""

    message: str


def may_hold_a_job(data: bytes) -> bool:
    """Tell whether a Job or CronJob can be in there: by far most files of a repository are done with this.

    A single byte is found ten times as fast as a word.
    """
    return (
        (b"J" in data and (b"Job" in data or _UTF_16_JOB in data))
        or (b"j" in data and (b"onjob" in data or b"kind: job" in data))  # misspelt
        or (b"!" in data and b"!!binary" in data)
        or (b"\\" in data and re.search(_ESCAPED, data) is not None)
    )


def pieces(data: bytes, wanted: Callable[[bytes], bool] = may_hold_a_job) -> Iterator[Piece | Broken]:
    """Split a file at every line that starts with `---`, as apimachinery's YAMLReader does, and decode it.

    Documents that are not wanted are left out: those that cannot hold a Job.
    """
    if data.startswith(_UTF_16_MARKS) or _UTF_16_JOB in data:
        yield Broken(1, "this is UTF-16: Kubernetes reads UTF-8 only; save it as UTF-8")
        return
    start, line, counted = len(_BOM) if data.startswith(_BOM) else 0, 0, 0
    for end, following in _ends(data):
        if wanted(data[start:end]):
            line += data.count(b"\n", counted, start)
            counted = start
            yield from _decode(data, start, end, line)
        if following - end > len(b"---\n"):
            rest = data[end + 3 : following].strip()
            if rest and not rest.startswith(b"#"):
                at = data.count(b"\n", 0, end) + 1
                yield Broken(at, "only a comment may follow `---` on its line: put the document below it")
        start = following


def _ends(data: bytes) -> Iterator[tuple[int, int]]:
    """Iterate over where documents end and the next ones start."""
    for match in _SEPARATOR.finditer(data):
        yield match.span()
    yield len(data), len(data)


def _decode(whole: bytes, start: int, end: int, line: int) -> Iterator[Piece | Broken]:
    """Decode one document of a file, or the JSON values that stand in it one after the other."""
    data = whole[start:end]
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        at = line + data.count(b"\n", 0, error.start) + 1
        yield Broken(at, f"byte 0x{data[error.start]:02x} is not UTF-8: save the file as UTF-8")
        return
    ends = _json_ends(text)
    if len(ends) < 2:
        yield Piece(start, end, line, text, json=bool(ends), whole=whole)
        return
    above = 0
    for below in ends:
        part = text[above:below]
        size = len(part.encode())
        yield Piece(start, start + size, line, part, json=True, whole=whole)
        start, line, above = start + size, line + part.count("\n"), below


def _json_ends(text: str) -> list[int]:
    """Return where each JSON value of a stream ends, blanks included; empty if it is not JSON."""
    position = _end_of_blank(text, 0)
    if not text.startswith("{", position):
        return []
    import json  # most documents are not

    ends, decoder = [], json.JSONDecoder()
    while position < len(text):
        try:
            position = _end_of_blank(text, decoder.raw_decode(text, position)[1])
        except (ValueError, RecursionError):
            return []
        ends.append(position)
    return ends


def _end_of_blank(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    return match.end() if match else position


def looks_like_a_template(text: str) -> bool:
    """Tell whether a text that is no YAML is a template: it has the braces of Go templates or Jinja."""
    return re.search(_TEMPLATE, text) is not None


def origin(text: str) -> str:
    """Return the template that Helm says a document was rendered from; empty for all other documents.

    Others write such a comment as well, with the address that they had a manifest from: that is no template.
    """
    if not text.startswith(_SOURCE):
        return ""
    told = text[len(_SOURCE) :].partition("\n")[0].rstrip()
    return told if "/templates/" in told and "://" not in told else ""
