"""What Go's package encoding/json says of a text that is no JSON."""

import re
from typing import Final

from lint.validation.golang import quoted

_SPACE: Final = " \t\r\n"
_END: Final = "unexpected end of JSON input"
_DEEPEST: Final = 10_000
_LITERALS: Final = {"t": "true", "f": "false", "n": "null"}
_NUMBER: Final = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"
_STRING: Final = r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"'
_PARTS: Final = (  # how far a number or string may be read, and why not further
    (r"-", "in numeric literal"),
    (r"-?(?:0|[1-9][0-9]*)\.", "after decimal point in numeric literal"),
    (r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?[eE][-+]?", "in exponent of numeric literal"),
    (rf"{_STRING[:-1]}", "in string literal"),
    (rf"{_STRING[:-1]}\\", "in string escape code"),
    (rf"{_STRING[:-1]}\\u[0-9a-fA-F]{{0,3}}", "in \\u hexadecimal character escape"),
)


class _FaultError(Exception):
    """What is wrong."""


def json_fault(text: str) -> str:
    """Say what is wrong with the syntax of a text; nothing if it is JSON."""
    data = text.encode("utf-8", "surrogatepass").decode("latin-1")  # Go looks at bytes
    try:
        _document(f"{data} ")  # Go has a look at a space when it is at the end
    except _FaultError as error:
        return str(error)
    return ""


def _document(text: str) -> None:
    """Read a text to its end."""
    closers = list[str]()
    wanted, at = "value", 0
    while True:
        at = _behind(text, _SPACE, at)
        if at == len(text):
            if closers or wanted != "end":
                raise _FaultError(_END)
            return
        wanted, at = _step(text, at, wanted, closers)


def _step(text: str, at: int, wanted: str, closers: list[str]) -> tuple[str, int]:
    """Read what comes next; return what is wanted behind it, and where that is."""
    one = text[at]
    if wanted == "end":
        return _after_value(one, at, closers)
    if wanted.endswith("or empty") and one == closers[-1]:
        closers.pop()
        return "end", at + 1
    if wanted == "colon":
        if one != ":":
            raise _unexpected(one, "after object key")
        return "value", at + 1
    if wanted.startswith("key"):
        if one != '"':
            raise _unexpected(one, "looking for beginning of object key string")
        return "colon", _scalar(text, at)
    return _value(text, at, closers)


def _value(text: str, at: int, closers: list[str]) -> tuple[str, int]:
    """Read a value, or the beginning of one with parts."""
    one = text[at]
    if one not in "{[":
        return "end", _scalar(text, at)
    closers.append("}" if one == "{" else "]")
    if len(closers) > _DEEPEST:
        raise _unexpected(one, "exceeded max depth")
    return "key or empty" if one == "{" else "value or empty", at + 1


def _after_value(one: str, at: int, closers: list[str]) -> tuple[str, int]:
    """Read what comes after a value."""
    if not closers:
        raise _unexpected(one, "after top-level value")
    if one == closers[-1]:
        closers.pop()
        return "end", at + 1
    if one == ",":
        return ("key" if closers[-1] == "}" else "value"), at + 1
    raise _unexpected(one, "after object key:value pair" if closers[-1] == "}" else "after array element")


def _scalar(text: str, at: int) -> int:
    """Read a value without parts; return where it ends."""
    if literal := _LITERALS.get(text[at]):
        for index, letter in enumerate(literal):
            if text[at + index] != letter:
                raise _unexpected(text[at + index], f"in literal {literal} (expecting {_shown(letter)})")
        return at + len(literal)
    if text[at] not in '"-0123456789':
        raise _unexpected(text[at], "looking for beginning of value")
    ends = {why: match.end() for part, why in _PARTS if (match := re.compile(part).match(text, at))}
    whole = re.compile(_STRING if text[at] == '"' else _NUMBER).match(text, at)
    furthest = max(ends, key=lambda why: ends[why], default="")
    if whole and whole.end() >= ends.get(furthest, 0):
        return whole.end()
    if ends[furthest] == len(text):
        raise _FaultError(_END)
    raise _unexpected(text[ends[furthest]], furthest)


def _behind(text: str, characters: str, at: int) -> int:
    """Return the place behind some characters."""
    while at < len(text) and text[at] in characters:
        at += 1
    return at


def _unexpected(character: str, why: str) -> _FaultError:
    return _FaultError(f"invalid character {_shown(character)} {why}")


def _shown(character: str) -> str:
    return {"'": r"'\''", '"': "'\"'"}.get(character) or f"'{quoted(character)[1:-1]}'"
