"""Numbers, durations and quoted texts as Go's standard library reads and writes them, errors included.

Many a message of the API server ends in one of those errors.
"""

import re

_UNITS = {"ns": 1, "us": 10**3, "\u00b5s": 10**3, "\u03bcs": 10**3, "ms": 10**6, "s": 10**9}
_UNITS |= {"m": 60 * 10**9, "h": 3600 * 10**9}
"""In nanoseconds; both letters for micro are in use."""

_ESCAPES = {"\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"}
_ESCAPES |= {'"': r"\"", "\\": r"\\"}


class GoError(ValueError):
    """Go cannot read a text; in its own words."""


def integer(text: str) -> int:
    """Read a whole number as `strconv.Atoi` does: in 64 bits, perhaps with a sign.

    Raises:
        GoError: it is none.
    """
    digits = text[1:] if text.startswith(("-", "+")) else text
    read = re.sub("[^0-9].*", "", digits, flags=re.DOTALL).lstrip("0")
    number = int(read or "0") if len(read) <= 20 else 1 << 64
    if number >= 1 << 64:  # found while reading: what comes behind it is not looked at
        raise _unread(text, "value out of range")
    if not digits.isascii() or not digits.isdigit():
        raise _unread(text, "invalid syntax")
    if number >= (1 << 63) + text.startswith("-"):
        raise _unread(text, "value out of range")
    return -number if text.startswith("-") else number


def _unread(text: str, why: str) -> GoError:
    return GoError(f"strconv.Atoi: parsing {quoted(text)}: {why}")


def quoted(text: str) -> str:
    """Quote a text as `strconv.Quote` and the verb %q do."""
    return f'"{"".join(map(_quoted_one, text))}"'


def _quoted_one(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def duration(text: str) -> int:
    """Read a duration as `time.ParseDuration` does, in nanoseconds.

    Raises:
        GoError: it is none.
    """
    try:
        return _nanoseconds(text)
    except GoError as error:
        raise GoError(f"time: {error} {_quoted_bytes(text)}") from None


def _nanoseconds(text: str) -> int:
    negative = text.startswith("-")
    terms = text[1:] if text.startswith(("-", "+")) else text
    if terms == "0":
        return 0
    if not terms:
        raise GoError("invalid duration")
    total = 0
    for term in re.finditer(r"([0-9]*)\.?([0-9]*)([^.0-9]*)", terms):
        if term[0]:  # not the nothing at the end
            total = (total + _term(*term.groups())) % (1 << 64)  # twice the half of it is nothing
        if total > 1 << 63:
            raise GoError("invalid duration")
    if total == 1 << 63 and not negative:
        raise GoError("invalid duration")
    return -total if negative else total


def _term(whole: str, fraction: str, unit: str) -> int:
    """Read a number with its unit."""
    digits = whole.lstrip("0")
    number = int(digits or "0") if len(digits) < 20 else 1 << 64
    if not whole + fraction or number > 1 << 63:
        raise GoError("invalid duration")
    if not unit:
        raise GoError("missing unit in duration")
    if unit not in _UNITS:
        raise GoError(f"unknown unit {_quoted_bytes(unit)} in duration")
    size = _UNITS[unit]
    value = number * size + _part(fraction, size)
    if number > (1 << 63) // size or value > 1 << 63:
        raise GoError("invalid duration")
    return value


def _part(fraction: str, unit: int) -> int:
    """Return a part of a unit, written in the digits behind the point: no more of them than 63 bits hold."""
    number, scale = 0, 1.0
    for digit in fraction:
        if number > ((1 << 63) - 1) // 10 or number * 10 + int(digit) > 1 << 63:
            break
        number = number * 10 + int(digit)
        scale *= 10
    return int(number * (unit / scale))


def _quoted_bytes(text: str) -> str:
    """Quote a text as the errors of Go's package `time` do: byte by byte where it is not ASCII."""
    written = ""
    for one in text:
        if one < " " or one >= "\x80":
            written += "".join(f"\\x{byte:02x}" for byte in one.encode("utf-8", "surrogatepass"))
        else:
            written += f"\\{one}" if one in '"\\' else one
    return f'"{written}"'
