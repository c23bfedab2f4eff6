"""JSON values as new YAML or JSON text, in a given style."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from lint.scalar import ScalarError, resolve

_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./@+-]*(:[A-Za-z0-9_./@+-]+)*\Z")
"""Strings that need no quotes anywhere, flow style included, if they do not look like another type."""

_NOT_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


class Style(NamedTuple):
    """How a part of a document is laid out."""

    newline: str = "\n"
    step: int = 2
    """Columns that a map in a map is indented by."""

    dash: int = 2
    """Columns that the dashes of a list are indented by, against the key above."""

    gap: int = 1
    """Columns between a dash and its item."""

    quote: str = ""
    """The mark around every string; empty: quotes where they are needed."""

    quoted_keys: bool = False
    """Every key has double quotes, as in JSON."""

    colon: str = ": "
    comma: str = ", "


def is_full(value: Any) -> bool:
    """Tell whether a value is a collection with something in it."""
    return isinstance(value, dict | list) and bool(value)


def key_text(key: str, style: Style) -> str:
    """Write a key."""
    return scalar(key, '"' if style.quoted_keys else "")


def scalar(value: Any, quote: str) -> str:
    """Write a value other than a collection; a string in `quote`, which may be empty, or in what it needs."""
    if not isinstance(value, str):
        return json.dumps(value)
    if quote == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    if not quote and _PLAIN.match(value) and _is_text(value):
        return value
    return _NOT_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))


def _is_text(value: str) -> bool:
    """Tell whether Kubernetes reads the plain scalar as a string."""
    try:
        return isinstance(resolve(value), str)
    except ScalarError:
        return False


def flow(value: Any, style: Style) -> str:
    """Write a value on one line."""
    if isinstance(value, dict):
        parts = [f"{key_text(key, style)}{style.colon}{flow(item, style)}" for key, item in value.items()]
        return "{" + style.comma.join(parts) + "}"
    if isinstance(value, list):
        return "[" + style.comma.join(flow(item, style) for item in value) + "]"
    return scalar(value, style.quote)


def spread(value: Any, indent: str, unit: str, style: Style) -> str:
    """Write a value as JSON is printed, each entry on a line; its last line begins with `indent`."""
    if not is_full(value):
        return flow(value, style)
    inner = indent + unit
    if isinstance(value, dict):
        parts = [
            f"{key_text(key, style)}{style.colon}{spread(item, inner, unit, style)}"
            for key, item in value.items()
        ]
    else:
        parts = [spread(item, inner, unit, style) for item in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    separator = style.newline + inner
    return f"{opening}{separator}{f',{separator}'.join(parts)}{style.newline}{indent}{closing}"


def block(value: Any, column: int, style: Style) -> Iterator[str]:
    """Write a collection that is not empty as lines, each indented to `column` or beyond."""
    indent = " " * column
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _block_entry(f"{indent}{key_text(key, style)}:", item, column, style)
        return
    dash = f"{indent}-{' ' * style.gap}"
    for item in value:
        if is_full(item):
            first, *rest = block(item, len(dash), style)
            yield dash + first.lstrip(" ")
            yield from rest
        else:
            yield dash + flow(item, style)


def _block_entry(head: str, value: Any, column: int, style: Style) -> Iterator[str]:
    """Write one entry of a map, on one line or with its block below."""
    if is_full(value):
        yield head
        yield from block(value, column + (style.step if isinstance(value, dict) else style.dash), style)
    else:
        yield f"{head} {flow(value, style)}"
