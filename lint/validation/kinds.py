"""How Go reads JSON into the types that a Job or CronJob is made of.

Of every type there is a `Kind` with two functions. `fits` is fast and tells whether a value is read as it
stands, which most are; only what does not fit is looked at again by `read`, which says why, and mends it.

How values are read, and the texts of errors, is told in internal/golang/encoding/json/decode.go of
sigs.k8s.io/json, and in the methods UnmarshalJSON of k8s.io/apimachinery.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from lint.memo import remembered
from lint.path import Path
from lint.quantity import parse
from lint.validation.cause import Cause
from lint.validation.fields import Field, known, table
from lint.validation.golang import quoted
from lint.validation.values import mended, number, quantity_fault, time_fault, word

_NAMES_EMBEDDED = 35
"""The first minor that names embedded structs: `livenessProbe.ProbeHandler.httpGet`."""

_SIZES = {"int32": 1 << 31, "int64": 1 << 63}
_ZEROS: dict[str, Any] = {"string": "", "bool": False, "int32": 0, "int64": 0}


class Place(NamedTuple):
    """A place in the object."""

    path: Path
    struct: str = ""
    """The Go struct that has the last field of the path."""

    fields: str = ""
    """The fields of the path, as type errors write them: `.spec.template`."""

    def at(self, step: int | str) -> "Place":
        """Return the place of an item, or of the value at a key that is no field."""
        return self._replace(path=(*self.path, step))


class Found:
    """What is found while an object is read."""

    def __init__(self) -> None:
        self.fatal: list[Cause] = []
        """What has its own way to read JSON: the server stops at once, and forgets what it found before."""

        self.wrong: list[Cause] = []
        self.unknown: list[Cause] = []

    def mistyped(self, value: Any, place: Place, go: str, *, fatal: bool = False) -> None:
        """Note that a value has a wrong type."""
        shown = word(value)
        if shown == "number" and go in _SIZES:
            shown = f"number {number(value)}"
        text = (
            f"json: cannot unmarshal {shown} into Go struct field {place.struct}{place.fields} of type {go}"
        )
        (self.fatal if fatal else self.wrong).append(Cause(place.path, text))


class Kind(NamedTuple):
    """A type."""

    zero: Any
    """What null is in a list or map."""

    fits: Callable[[Any], bool]
    """Tell whether a value, but null, is read as it stands."""

    read: Callable[[Any, Place, Found], Any]
    """Return what the server reads, and note what it cannot."""


@cache
def kind_of(go: str, minor: int) -> Kind:
    """Return the kind of a Go type."""
    if go in table().structs:
        return _struct(go, minor)
    if go in table().named:
        return _renamed(kind_of(table().named[go], minor), go)
    if go.startswith("[]"):
        return _list(go, minor)
    if go.startswith("map["):
        return _map(go, minor)
    return _SCALARS[go]


def _scalar(go: str, fits: Callable[[Any], bool]) -> Kind:
    """Make the kind of a value without parts."""

    def read(value: Any, place: Place, found: Found) -> Any:
        value = mended(value)
        if not fits(value):
            found.mistyped(value, place, go)
        return value

    return Kind(_ZEROS[go], fits, read)


def _integer(go: str) -> Kind:
    limit = _SIZES[go]
    return _scalar(go, lambda value: type(value) is int and -limit <= value < limit)


def _renamed(kind: Kind, go: str) -> Kind:
    """Make the kind of a type that is another by a name of its own."""

    def read(value: Any, place: Place, found: Found) -> Any:
        if isinstance(value, dict) and isinstance(kind.zero, dict):
            return kind.read(value, place, found)
        found.mistyped(value, place, go)
        return value

    return kind._replace(read=read)


def _read_quantity(value: Any, place: Place, found: Found) -> Any:
    value = mended(value)
    if fault := quantity_fault(value):
        found.fatal.append(Cause(place.path, fault))
    return value


def _read_time(value: Any, place: Place, found: Found) -> Any:
    if not isinstance(value, str):
        found.mistyped(value, place, "string", fatal=True)
    elif fault := time_fault(value):
        found.fatal.append(Cause(place.path, fault))
    return value


def _read_int_or_string(value: Any, place: Place, found: Found) -> Any:
    value = mended(value)
    if not _SCALARS["intstr.IntOrString"].fits(value):
        found.mistyped(value, place, "int32", fatal=True)
    return value


@remembered(1024)  # the same few come again and again
def _is_quantity(text: str) -> bool:
    return parse(text) is not None


_SCALARS = {
    "string": _scalar("string", lambda value: type(value) is str),
    "bool": _scalar("bool", lambda value: type(value) is bool),
    "int32": _integer("int32"),
    "int64": _integer("int64"),
    "resource.Quantity": Kind(
        "0",
        lambda value: (
            _is_quantity(value)
            if type(value) is str
            else type(value) is int and -(1 << 63) <= value < 1 << 63
        ),
        _read_quantity,
    ),
    "v1.Time": Kind(None, lambda value: type(value) is str and not time_fault(value), _read_time),
    "intstr.IntOrString": Kind(
        0,
        lambda value: type(value) is str or (type(value) is int and -(1 << 31) <= value < 1 << 31),
        _read_int_or_string,
    ),
    "v1.FieldsV1": Kind({}, lambda value: value is not None, lambda value, _place, _found: value),
}

_PYTHON: dict[str, type] = {"string": str, "bool": bool}


def _list(go: str, minor: int) -> Kind:
    """Make the kind of a list."""
    zero, fits_item, read_item = kind_of(go.removeprefix("[]"), minor)
    exact = _exact(go.removeprefix("[]"))

    def fits(value: Any) -> bool:
        if type(value) is not list:
            return False
        for one in value:  # noqa: SIM110 - `all` costs thrice as much
            if type(one) is not exact and (exact or not fits_item(one)):
                return False
        return True

    def read(value: Any, place: Place, found: Found) -> Any:
        if type(value) is not list:
            found.mistyped(value, place, go)
            return value
        return [
            zero if one is None else one if fits_item(one) else read_item(one, place.at(index), found)
            for index, one in enumerate(value)
        ]

    return Kind([], fits, read)


def _map(go: str, minor: int) -> Kind:
    """Make the kind of a map with any keys."""
    zero, fits_item, read_item = kind_of(go.partition("]")[2], minor)
    exact = _exact(go.partition("]")[2])

    def fits(value: Any) -> bool:
        if type(value) is not dict:
            return False
        for one in value.values():  # noqa: SIM110 - `all` costs thrice as much
            if type(one) is not exact and (exact or not fits_item(one)):
                return False
        return True

    def read(value: Any, place: Place, found: Found) -> Any:
        if type(value) is not dict:
            found.mistyped(value, place, go)
            return value
        return {
            key: zero if one is None else one if fits_item(one) else read_item(one, place.at(key), found)
            for key, one in value.items()
        }

    return Kind({}, fits, read)


def _struct(go: str, minor: int) -> Kind:
    """Make the kind of a struct."""
    name, expected = go.rpartition(".")[2], _Expected(go, minor)

    def fits(value: Any) -> bool:
        if type(value) is not dict:
            return False
        for key, one in value.items():
            check = expected[key]
            if type(one) is not check and (type(check) is type or not check(one)):
                return False
        return True

    def read(value: Any, place: Place, found: Found) -> Any:
        if type(value) is not dict:
            found.mistyped(value, place, go)
            return value
        result, fields = {}, known(go, minor)
        for key, one in value.items():
            path = (*place.path, key)
            if key not in fields:
                found.unknown.append(Cause(path, f"unknown field {quoted(_joined(path))}"))
            elif one is not None:
                kind = kind_of(fields[key].type, minor)
                inner = Place(path, name, f"{place.fields}{_written(key, fields[key], minor)}")
                result[key] = one if kind.fits(one) else kind.read(one, inner, found)
        return result

    return Kind({}, fits, read)


def _written(key: str, field: Field, minor: int) -> str:
    """Write a field as type errors do."""
    return f".{field.inside}.{key}" if field.inside and minor >= _NAMES_EMBEDDED else f".{key}"


def _joined(path: Path) -> str:
    """Write a path as the decoder does: the keys of maps are written like fields."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)[1:]


class _Expected(dict[str, Callable[[Any], bool]]):
    """What the fields of a struct may be, each found out when it is first seen: few objects have many.

    A value is a Python type where nothing else matters, or tells whether a value fits.
    """

    def __init__(self, go: str, minor: int) -> None:
        super().__init__()
        self._go, self._minor = go, minor

    def __missing__(self, key: str) -> Callable[[Any], bool]:
        field = table().structs[self._go].get(key)
        if field is None or not field.known(self._minor):
            return _never
        self[key] = _exact(field.type) or kind_of(field.type, self._minor).fits
        return self[key]


def _never(_: Any) -> bool:
    """Refuse any value: nobody knows the field."""
    return False


def _exact(go: str) -> type | None:
    """Return the Python type that all values of a Go type have, if that is all there is to them."""
    return _PYTHON.get(table().named.get(go, go))
