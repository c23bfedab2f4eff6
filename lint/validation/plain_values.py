"""Values that are surely fine, told at little cost: the words of which lint.validation.plain is made.

A check says `True` of what the API server can read and finds nothing wrong with, in any minor; `False` says
nothing.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final, TypeAlias

from lint.validation import names
from lint.validation.cause import Cause
from lint.validation.quantities import kept

Check: TypeAlias = Callable[[Any], bool]

_LONGEST: Final = 253
"""Characters of a name; what is longer is not worth remembering."""

_LARGEST: Final = (1 << 31) - 1
_SOME_ANNOTATIONS: Final = 1 << 16
"""Characters, of which none has more than four bytes: far from what is too much."""


def struct(fields: dict[str, type | Check], *needed: str) -> Check:
    """Make the check of a map with some of these fields, and all that are needed.

    A field has a Python type, where nothing else matters, or a check.
    """

    def is_fine(value: Any) -> bool:
        if type(value) is not dict:
            return False
        for key in needed:
            if key not in value:
                return False
        for key, one in value.items():
            check = fields.get(key)
            if type(one) is not check and (check is None or type(check) is type or not check(one)):
                return False
        return True

    return is_fine


def each(check: Check) -> Check:
    """Make the check of a list."""

    def is_fine(value: Any) -> bool:
        if type(value) is not list:
            return False
        for one in value:  # noqa: SIM110 - `all` costs thrice as much, here and below
            if not check(one):
                return False
        return True

    return is_fine


def word(*words: str) -> Check:
    """Make the check of a word of a few."""
    return words.__contains__


def between(lowest: int, highest: int) -> Check:
    """Make the check of a number."""
    return lambda value: type(value) is int and lowest <= value <= highest


def formed(fault: Callable[[str], list[str]]) -> Check:
    """Make the check of a text of some form; `fault` says what is wrong with one."""

    @lru_cache(1024)  # the same few come again and again
    def is_well_formed(text: str) -> bool:
        return not fault(text)

    return lambda value: type(value) is str and len(value) <= _LONGEST and is_well_formed(value)


def silent(causes: Iterator[Cause]) -> bool:
    """Tell whether a check of the server has nothing to say."""
    return next(causes, None) is None


def texts(value: Any) -> bool:
    """Check a list of texts."""
    if type(value) is not list:
        return False
    for one in value:  # noqa: SIM110
        if type(one) is not str:
            return False
    return True


def text(value: Any) -> bool:
    """Check a text that is not empty."""
    return type(value) is str and value != ""


def amount(value: Any) -> bool:
    """Check a quantity that is not negative."""
    if type(value) is not str:
        return type(value) in (int, float) and 0 <= value <= _LARGEST
    number = kept(value)
    return number is not None and number >= 0


def inside(value: Any) -> bool:
    """Check a path that does not leave the folder where it starts."""
    return type(value) is str and ".." not in value and value[:1] != "/"


def labels(value: Any) -> bool:
    """Check a map of labels."""
    if type(value) is not dict:
        return False
    for key, one in value.items():  # noqa: SIM110
        if not _is_key(key) or not _is_label(one):
            return False
    return True


def annotations(value: Any) -> bool:
    """Check a map of annotations."""
    if type(value) is not dict:
        return False
    size = 0
    for key, one in value.items():
        if type(one) is not str or not _is_key(key):
            return False
        size += len(key) + len(one)
    return size <= _SOME_ANNOTATIONS


natural: Final = between(0, _LARGEST)
port_number: Final = between(1, 65535)
dns_label: Final = formed(names.dns_label)
subdomain: Final = formed(names.dns_subdomain)
config_key: Final = formed(names.config_key)
port_name: Final = formed(names.port_name)
header: Final = formed(names.header_name)
_is_key: Final = formed(names.qualified_name)
_is_label: Final = formed(names.label_value)
