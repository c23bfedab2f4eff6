"""Single values as the API server reads them from JSON, and what it says of those that it cannot read.

Numbers are those of a YAML or JSON file that kubectl has read: whole ones lose their point and exponent.
"""

import re
from decimal import Decimal
from typing import Any

from lint.quantity import parse

_WORDS = {str: "string", bool: "bool", list: "array", dict: "object"}

_QUANTITY = r"[+-]?([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)"
"""What passes the first look of the server; the rest of the grammar is that of lint.quantity."""

_SUFFIX = r"[numkMGTPE]?|[KMGTPE]i|[eE][-+]?[0-9]+"

_LAYOUT = "2006-01-02T15:04:05Z07:00"
_NUMBERS = (  # what stands before a number in a time, its name in the layout and in messages, its bounds
    ("", "2006", "year", 0, 9999),
    ("-", "01", "month", 1, 12),
    ("-", "02", "day", 0, 99),
    ("T", "15", "hour", 0, 23),
    (":", "04", "minute", 0, 59),
    (":", "05", "second", 0, 59),
)


def mended(value: Any) -> Any:
    """Return a number as kubectl sends it: a whole one without a point, a large one as the float it reads."""
    if type(value) is int and not -(2**63) <= value < 2**63 and abs(value) < 10**308:
        value = float(value)
    whole = isinstance(value, float) and abs(value) < 1e21 and value.is_integer()
    return int(Decimal(repr(value))) if whole else value


def word(value: Any) -> str:
    """Name the type of a JSON value as Go does."""
    return _WORDS.get(type(value), "number")


def number(value: float) -> str:
    """Write a number as kubectl sends it."""
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return str(value)
    if abs(value) >= 10**308:
        return "inf"
    value = float(value)  # as kubectl reads it
    if 1e-6 <= abs(value) < 1e21:
        return f"{Decimal(repr(value)):f}"
    return repr(value).replace("e-0", "e-")


def quantity_fault(value: Any) -> str:
    """Return what the server says of a quantity that it cannot read, or else nothing."""
    if parse(value) is not None:
        return ""
    text = value.strip(" ") if isinstance(value, str) else ""
    match = re.fullmatch(_QUANTITY, text) if text else None
    if match is None:
        return "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    if re.fullmatch(_SUFFIX, match[3]) and not match[1] and not match[2]:
        return "unable to parse numeric part of quantity"
    return "unable to parse quantity's suffix"


def time_fault(text: str) -> str:
    """Return what the server says of a time that it cannot read, or else nothing."""
    rest, numbers = text, list[int]()
    for before, layout, name, least, most in _NUMBERS:
        if not rest.startswith(before):
            return _unlike(text, rest, before)
        rest = rest.removeprefix(before)
        digits = re.match("[0-9]{1,2}" if name == "hour" else f"[0-9]{{{len(layout)}}}", rest)
        if not digits:
            return _unlike(text, rest, layout)
        rest = rest[digits.end() :]
        numbers.append(int(digits[0]))
        if not least <= numbers[-1] <= most:
            return f"parsing time {_quoted(text)}: {name} out of range"
    return _zone_fault(text, re.sub(r"\A[.,][0-9]+", "", rest)) or _day_fault(text, *numbers[:3])


def _zone_fault(text: str, rest: str) -> str:
    """Say what is wrong with a time zone, or with what comes after it."""
    match = re.match("Z|(?s:.)([0-9]{2}):([0-9]{2})", rest)
    if match and match[1]:
        if int(match[2]) > 60:
            return f"parsing time {_quoted(text)}: time zone offset minute out of range"
        if int(match[1]) > 24:
            return f"parsing time {_quoted(text)}: time zone offset hour out of range"
    if not match or rest[0] not in "Z+-":
        return _unlike(text, rest, "Z07:00")
    extra = rest[match.end() :]
    return f"parsing time {_quoted(text)}: extra text: {_quoted(extra)}" if extra else ""


def _day_fault(text: str, year: int, month: int, day: int) -> str:
    """Say that a month has no such day."""
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = 28 + leap if month == 2 else 30 + (month + (month > 7)) % 2
    return "" if 1 <= day <= days else f"parsing time {_quoted(text)}: day out of range"


def _unlike(text: str, rest: str, layout: str) -> str:
    return (
        f"parsing time {_quoted(text)} as {_quoted(_LAYOUT)}:"
        f" cannot parse {_quoted(rest)} as {_quoted(layout)}"
    )


def _quoted(text: str) -> str:
    """Quote a text as Go's `time` does: by bytes."""
    data = text.encode("utf-8", "replace")
    return '"' + "".join(_byte(byte) for byte in data) + '"'


def _byte(byte: int) -> str:
    if not 0x20 <= byte < 0x80:
        return f"\\x{byte:02x}"
    return f"\\{chr(byte)}" if byte in b'"\\' else chr(byte)
