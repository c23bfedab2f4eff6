"""Parts of a decoded tree as Go has them: null is the zero value, a wrong type is not there."""

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

Struct: TypeAlias = dict[str, Any]

_EMPTY: Final[Struct] = {}


def struct(parent: Struct, key: str) -> Struct:
    """Return a struct to look into; an empty one where there is none."""
    value = parent.get(key)
    return value if isinstance(value, dict) else _EMPTY


def structs(parent: Struct, key: str) -> Sequence[tuple[int, Struct]]:
    """Return the structs in a list, with their indexes; null is one without fields."""
    value = parent.get(key)
    if not isinstance(value, list):
        return ()
    return [
        (index, item or _EMPTY) for index, item in enumerate(value) if item is None or isinstance(item, dict)
    ]


def texts(parent: Struct, key: str) -> list[str]:
    """Return the texts in a list; null is an empty one."""
    value = parent.get(key)
    return [item if isinstance(item, str) else "" for item in value] if isinstance(value, list) else []


def entries(parent: Struct, key: str) -> dict[str, str]:
    """Return a map of texts; null is an empty one."""
    value = parent.get(key)
    if not isinstance(value, dict):
        return _EMPTY
    return {key: text if isinstance(text, str) else "" for key, text in value.items()}


def text(parent: Struct, key: str) -> str:
    """Return a text; an empty one where there is none."""
    value = parent.get(key)
    return value if isinstance(value, str) else ""


def text_if_any(parent: Struct, key: str) -> str | None:
    """Return a text that may be left out."""
    value = parent.get(key)
    return value if isinstance(value, str) else None


def number(parent: Struct, key: str) -> int | None:
    """Return an integer that may be left out."""
    value = parent.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def size(parent: Struct, key: str) -> int:
    """Return the number of items in a list."""
    value = parent.get(key)
    return len(value) if isinstance(value, list) else 0
