"""Scalars as Kubernetes reads them: YAML to JSON by sigs.k8s.io/yaml on go.yaml.in/yaml/v2 (resolve.go).

Neither YAML 1.1 nor 1.2: `y` and `on` are booleans, `010` is 8, `1e3` is a number, `1:30` is a string.
"""

import re
from binascii import a2b_base64
from functools import lru_cache
from typing import Any

_NAMED: dict[str, Any] = {
    **dict.fromkeys("y Y yes Yes YES true True TRUE on On ON".split(), True),
    **dict.fromkeys("n N no No NO false False FALSE off Off OFF".split(), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **{sign + word: float(f"{sign}inf") for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")},
}
_TYPED_START = frozenset("yYnNtTfFoO~.+-0123456789")
_NUMBER_END = frozenset("0123456789abcdefABCDEF._")
_INTEGER = r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[oO]([0-7]+)|0[bB]([01]+)|(0[0-7]*)|([1-9][0-9]*))\Z"
_FLOAT = r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z"
_POINT_FIRST = r"\.[0-9]+(_[0-9]+)*([eE][-+]?[0-9]+(_[0-9]+)*)?\Z"
_LONGEST_NUMBER = 400
"""More digits are infinite as a float and slow as an integer."""

TAG = "tag:yaml.org,2002:"
"""What `!!` stands for."""

_TYPES: dict[str, tuple[type, ...]] = {
    f"{TAG}int": (int,),
    f"{TAG}float": (int, float),
    f"{TAG}bool": (bool,),
    f"{TAG}null": (type(None),),
}
_BASE64 = r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\Z"
_UNDECODED = "[\udc80-\udcff]"


class ScalarError(ValueError):
    """JSON has no such value."""


def construct(value: str, *, plain: bool, tag: str | None) -> Any:
    """Return the JSON value of a scalar.

    Raises:
        ScalarError: infinity, not a number, broken base64, or not what the tag says.
    """
    if tag is None:
        return resolve(value) if plain else value
    if tag == f"{TAG}binary":
        return _decoded(value.replace("\r", "").replace("\n", ""))
    if tag not in _TYPES:
        return value
    resolved = resolve(value)
    if type(resolved) not in _TYPES[tag]:
        raise ScalarError(f"{value!r} is not what its tag !!{tag.removeprefix(TAG)} says")
    return resolved


def _decoded(base64: str) -> str:
    """Return the text of a !!binary scalar, with a replacement character for each byte that is not UTF-8."""
    if not re.match(_BASE64, base64):
        raise ScalarError("!!binary value contains invalid base64 data")
    return re.sub(_UNDECODED, "\ufffd", a2b_base64(base64).decode("utf-8", "surrogateescape"))


@lru_cache(4096)  # the same few hundred keys and values make up most of a repository
def resolve(text: str) -> Any:
    """Return what a plain scalar stands for: null, a boolean, a number or the text itself."""
    if text and text[0] not in _TYPED_START:
        return text
    if text in _NAMED:
        value = _NAMED[text]
        if isinstance(value, float):
            raise ScalarError(f"JSON has no {text}")
        return value
    if text[0] == ".":
        return _shortest(float(text)) if re.match(_POINT_FIRST, text) and _finite(text) else text
    if text[0] not in "+-0123456789" or text[-1] not in _NUMBER_END or len(text) > _LONGEST_NUMBER:
        return text
    digits = text.replace("_", "")
    if (integer := _integer(digits)) is not None:
        return integer
    return _shortest(float(digits)) if re.match(_FLOAT, digits) and _finite(digits) else text


def _integer(digits: str) -> int | None:
    """Read a whole number of at most 64 bits."""
    if digits.isdecimal() and digits.isascii() and digits[0] != "0":
        number = int(digits)
        return number if number < 1 << 64 else None
    match = re.match(_INTEGER, digits)
    if match is None:
        return None
    sign, hexadecimal, octal, binary, old_octal, decimal = match.groups()
    if hexadecimal:
        number = int(hexadecimal, 16)
    elif binary:
        number = int(binary, 2)
    elif decimal:
        number = int(decimal)
    else:
        number = int(octal or old_octal, 8)
    if sign == "-":
        return -number if number <= 1 << 63 else None
    return number if number < 1 << 63 or (not sign and number < 1 << 64) else None


def _finite(digits: str) -> bool:
    """Tell whether the number fits a float."""
    return abs(float(digits)) != float("inf")


def _shortest(number: float) -> float | int:
    """Return a whole float as the integer that kubectl sends: Go writes 2.0 as `2` and 1e3 as `1000`."""
    return int(number) if number.is_integer() and abs(number) < 1 << 63 else number


def key_text(value: Any) -> str | None:
    """Return a mapping key as the JSON key that it becomes; None where it cannot be one."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if value < 1 << 63 else None
    return f"{value:g}" if isinstance(value, float) else None
