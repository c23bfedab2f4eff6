"""One reason for which the API server rejects an object, in its own words.

The words are those of Kubernetes 1.37 (field.Error of k8s.io/apimachinery/pkg/util/validation/field); other
minors reject the same fields, and may write values and limits differently.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from lint.path import Path, dotted
from lint.validation.golang import quoted

_PLAIN = ("fieldPath", "resource", "keyType", "diskURI")
"""Fields of which a value that is not supported is a plain text; of others it has a type of its own."""


class _Omitted:
    """The type of OMITTED."""

    __slots__ = ()


OMITTED: Final = _Omitted()
"""The value of a cause whose words do not show one."""


class Typed(str):
    """A text that Go has in a type of its own, or behind a pointer: the server shows it as JSON."""

    __slots__ = ()


class Cause(NamedTuple):
    """One reason: an entry of the `causes` of a Status with the code 422."""

    path: Path
    """The offending key in the object, also where the server names another field."""

    type: str
    """The beginning of the message: `Invalid value`, `Required value`, and so on."""

    detail: str = ""
    value: Any = OMITTED
    """What is there; OMITTED where the message does not show it."""

    renamed: str = ""
    """The server's name of the field, where it is not that of the path."""

    @property
    def field(self) -> str:
        """The field as the server names it."""
        return self.renamed or dotted(self.path)

    @property
    def brief(self) -> str:
        """What the server says, without the value where it is a whole struct or list."""
        return self._replace(value=OMITTED).message if isinstance(self.value, dict | list) else self.message

    @property
    def message(self) -> str:
        """All that the server says but the field."""
        value = "" if self.value is OMITTED else f": {shown(self.value)}"
        return f"{self.type}{value}" + (f": {self.detail}" if self.detail else "")


def invalid(path: Path, value: Any, detail: str, field: str = "") -> Cause:
    """Say that a value is none that may be there."""
    return Cause(path, "Invalid value", detail, value, field)


def required(path: Path, detail: str = "", field: str = "") -> Cause:
    """Say that a value is missing."""
    return Cause(path, "Required value", detail, OMITTED, field)


def unsupported(path: Path, value: Any, supported: Sequence[str], field: str = "") -> Cause:
    """Say that a value is none of a few; they are shown in the order in which they come."""
    words = ", ".join(map(quoted, supported))
    is_typed = isinstance(value, str) and path[-1] not in _PLAIN
    detail = f"supported values: {words}" if words else ""
    return Cause(path, "Unsupported value", detail, Typed(value) if is_typed else value, field)


def duplicate(path: Path, value: Any, field: str = "") -> Cause:
    """Say that a value was there before."""
    return Cause(path, "Duplicate value", "", value, field)


def forbidden(path: Path, detail: str, field: str = "") -> Cause:
    """Say that nothing may be there."""
    return Cause(path, "Forbidden", detail, OMITTED, field)


def not_found(path: Path, value: Any, field: str = "") -> Cause:
    """Say that nothing has the name that is given."""
    return Cause(path, "Not found", "", value, field)


def too_long(path: Path, limit: int, field: str = "") -> Cause:
    """Say that a text is too long, in bytes."""
    return Cause(path, "Too long", f"may not be more than {limit} bytes", OMITTED, field)


def too_many(path: Path, number: int, limit: int, field: str = "") -> Cause:
    """Say that a list has too many items."""
    return Cause(path, "Too many", f"must have at most {limit} items", number, field)


def shown(value: Any) -> str:
    """Write a value as Go does: a plain text with its verb %q, and anything else as JSON."""
    if isinstance(value, str) and not isinstance(value, Typed):
        return quoted(value)
    import json  # of no use to a run that finds nothing

    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
