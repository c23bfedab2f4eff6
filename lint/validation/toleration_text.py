"""Tolerations in the text of an annotation, as Go's package encoding/json reads them."""

import json
from collections.abc import Iterator
from typing import Any, Final

from lint.validation.json_text import json_fault
from lint.validation.tree import Struct

_FIELDS: Final = {
    "key": ("key", "Key", "string"),
    "operator": ("operator", "Operator", "core.TolerationOperator"),
    "value": ("value", "Value", "string"),
    "effect": ("effect", "Effect", "core.TaintEffect"),
    "tolerationseconds": ("tolerationSeconds", "TolerationSeconds", "int64"),
}
"""By their names in small letters, for JSON may have any capitals: names here and in Go, and Go's type."""


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


_WORDS: Final = {_Number: "number", str: "string", bool: "bool", list: "array", tuple: "object"}


def tolerations_in(content: str) -> tuple[list[Struct], str]:
    """Read tolerations; where they cannot be read, say why."""
    if fault := json_fault(content):
        return [], fault
    try:
        read = json.loads(content, parse_int=_Number, parse_float=_Number, object_pairs_hook=tuple)
    except RecursionError:  # the server reads them; there is nothing in so many lists
        read = [[]]
    tolerated: list[Struct] = []
    faults = list(_read(read, tolerated))
    return ([], f"json: cannot unmarshal {faults[0]}") if faults else (tolerated, "")


def _read(read: Any, tolerated: list[Struct]) -> Iterator[str]:
    """Add the tolerations to a list; say what is none."""
    if type(read) is not list:
        if read is not None:
            yield f"{_WORDS[type(read)]} into Go value of type []core.Toleration"
        return
    for item in read:
        toleration: Struct = {}
        if type(item) is tuple:
            yield from _fields(item, toleration)
        elif item is not None:
            yield f"{_WORDS[type(item)]} into Go value of type core.Toleration"
        tolerated.append(toleration)


def _fields(pairs: tuple[tuple[str, Any], ...], toleration: Struct) -> Iterator[str]:
    """Fill in a toleration; say which values have a wrong type."""
    for key, value in pairs:
        if value is None or (found := _FIELDS.get(key.lower())) is None:
            continue
        field, name, type_ = found
        if type_ == "int64" and _is_integer(value):
            toleration[field] = int(value)
        elif type_ != "int64" and type(value) is str:
            toleration[field] = value
        else:
            shown = f"number {value}" if type_ == "int64" and type(value) is _Number else _WORDS[type(value)]
            yield f"{shown} into Go struct field Toleration.{name} of type {type_}"


def _is_integer(value: Any) -> bool:
    """Tell whether Go reads a value as an integer of 64 bits."""
    if type(value) is not _Number or not value.removeprefix("-").isdigit() or len(value) > 20:
        return False
    return -(1 << 63) <= int(value) < 1 << 63
