"""The fields of Jobs and CronJobs, as an API server publishes them, and the places of an object."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from apiserver import ApiServer

Tree: TypeAlias = dict[str, Any]


class Kind(NamedTuple):
    """What a value may be."""

    base: str
    """`object`, `list`, `map`, or a kind of leaf: `string`, `int32`, `boolean`, `quantity`, ..."""
    label: str = ""
    """The field that it is in, `Container.name`; items and values have the label of their list or map."""
    type: str = ""
    """The type of an object: `Container`."""
    item: "Kind | None" = None
    """The kind of the items of a list, or of the values of a map."""
    words: tuple[str, ...] = ()
    """The values of an enumeration."""
    required: bool = False


class Place(NamedTuple):
    """A key or an index of something, and what belongs there."""

    holder: Any
    key: Any
    kind: Kind
    depth: int
    in_pod: bool
    within: str = ""
    """The label of what it is a part of."""

    @property
    def value(self) -> Any:
        """What is there."""
        return self.holder[self.key]


Schema: TypeAlias = dict[str, dict[str, Kind]]
"""The fields of each type."""

_LEAVES = {
    "Quantity": "quantity",
    "IntOrString": "port",
    "Time": "time",
    "FieldsV1": "any",
    "RawExtension": "any",
}
_FORMATS = {("integer", "int32"): "int32", ("integer", "int64"): "int64"}


def read(server: "ApiServer") -> Schema:
    """Ask a server for the fields that it knows."""
    types = server.request("GET", "/openapi/v3/apis/batch/v1").body["components"]["schemas"]
    return {_short(name): _fields(_short(name), described) for name, described in types.items()}


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _fields(name: str, described: Tree) -> dict[str, Kind]:
    required = described.get("required", ())
    return {
        field: _kind(what, f"{name}.{field}")._replace(required=field in required)
        for field, what in described.get("properties", {}).items()
    }


def _kind(described: Tree, label: str) -> Kind:
    reference = described.get("$ref") or next((one.get("$ref") for one in described.get("allOf", ())), None)
    if reference:
        name = _short(reference)
        return Kind(_LEAVES.get(name, "object"), label, name)
    if described.get("type") == "array":
        return Kind("list", label, item=_kind(described["items"], label))
    if "additionalProperties" in described:
        return Kind("map", label, item=_kind(described["additionalProperties"], label))
    base: str = described.get("type", "any")
    return Kind(
        _FORMATS.get((base, described.get("format", "")), base), label, words=tuple(described.get("enum", ()))
    )


def places(schema: Schema, tree: Tree) -> list[Place]:
    """List all places in an object; what has the wrong type is not looked into."""
    return list(_below(schema, tree, Kind("object", type=tree["kind"]), 0, in_pod=False))


def _below(schema: Schema, value: Any, kind: Kind, depth: int, *, in_pod: bool) -> Iterator[Place]:
    """List the places within a value."""
    for key, each in _children(schema, value, kind):
        deeper = in_pod or kind.type == "PodSpec"
        yield Place(value, key, each, depth, deeper, kind.label)
        yield from _below(schema, value[key], each, depth + 1, in_pod=deeper)


def _children(schema: Schema, value: Any, kind: Kind) -> Iterator[tuple[Any, Kind]]:
    """Pair the keys or indexes of a value with what belongs there."""
    if kind.base == "object" and isinstance(value, dict):
        fields = schema.get(kind.type, {})
        yield from ((key, fields.get(key, Kind("any"))) for key in value)
    elif kind.item and kind.base == "map" and isinstance(value, dict):
        yield from ((key, kind.item) for key in value)
    elif kind.item and kind.base == "list" and isinstance(value, list):
        yield from ((index, kind.item) for index in range(len(value)))
