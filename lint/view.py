"""A read-only look at one place of a JSON tree that knows its own path."""

from collections.abc import Iterator
from typing import Any, Final

from lint.path import Path


class _Missing:
    """The type of MISSING."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
"""What stands where the tree has nothing (null is something: somebody wrote it)."""


class View:
    """A value and its path. Every method is total: a wrong type is an empty answer, never an exception."""

    __slots__ = ("path", "value")

    def __init__(self, value: Any, path: Path = ()) -> None:
        self.value = value
        self.path = path

    def __repr__(self) -> str:
        return f"View({self.value!r}, {self.path!r})"

    @property
    def missing(self) -> bool:
        """Nothing is written here."""
        return self.value is MISSING

    @property
    def unset(self) -> bool:
        """Nothing or null is written here: Kubernetes reads both as unset."""
        return self.value is MISSING or self.value is None

    @property
    def given(self) -> bool:
        """Something other than null is written here."""
        return self.value is not MISSING and self.value is not None

    def at(self, *steps: str | int) -> "View":
        """Go down by map keys and list indexes."""
        value = self.value
        for step in steps:
            if type(value) is dict:  # in a tree from JSON nothing else is one
                value = value.get(step, MISSING)
            elif isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value):
                value = value[step]
            else:
                value = MISSING
        return View(value, self.path + steps)

    def items(self) -> Iterator["View"]:
        """Iterate over the items of a list."""
        if isinstance(self.value, list):
            for index, value in enumerate(self.value):
                yield View(value, (*self.path, index))

    def fields(self) -> Iterator[tuple[str, "View"]]:
        """Iterate over the keys and values of a map."""
        if isinstance(self.value, dict):
            for key, value in self.value.items():
                yield key, View(value, (*self.path, key))

    def all(self) -> Iterator["View"]:
        """Iterate over everything here, itself included."""
        stack = [self]
        while stack:
            view = stack.pop()
            yield view
            stack += [below for _, below in view.fields()]
            stack += view.items()

    @property
    def entries(self) -> dict[str, Any]:
        """The keys and plain values of a map; anything else has none. For where no path is needed."""
        return self.value if isinstance(self.value, dict) else {}

    def as_int(self) -> int | None:
        """Return a whole number, or None."""
        if isinstance(self.value, int) and not isinstance(self.value, bool):
            return self.value
        return None

    def as_str(self) -> str | None:
        """Return a string, or None."""
        return self.value if isinstance(self.value, str) else None

    @property
    def placeholder(self) -> bool:
        """A string that a template engine or envsubst has yet to fill in: what it will be is unknown."""
        return isinstance(self.value, str) and ("{{" in self.value or "${" in self.value)

    def as_bool(self) -> bool | None:
        """Return a boolean, or None."""
        return self.value if isinstance(self.value, bool) else None

    def __len__(self) -> int:
        """Count the entries of a map or the items of a list; anything else has none."""
        return len(self.value) if isinstance(self.value, dict | list) else 0

    def __bool__(self) -> bool:
        """Refuse the ambiguous question: ask `given`, `missing` or `len`."""
        raise TypeError("a View is neither true nor false: ask given, unset, missing or len()")
