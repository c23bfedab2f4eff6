"""Ways to break an object in one place."""

import copy
import json
from collections.abc import Callable
from typing import Any, TypeAlias

import leaves
from growing import Grower
from schema import Kind, Place, Tree, places
from texts import WORDS

ODD: tuple[Any, ...] = (
    "x",
    "",
    1,
    0,
    -1,
    1.5,
    2.0,
    3000000000,
    2**63,
    1e30,
    True,
    False,
    [],
    {},
    [1],
    ["x"],
    {"a": 1},
    {"a": "b"},
    None,
    [None],
    [{}],
)
_UNKNOWN = (
    *(
        "foo",
        "Spec",
        "retries",
        "podRestartPolicy",
        "workloadRef",
        "env",
        "replicas",
        "timeout",
        "scheduling",
        "resources",
    ),
    *(
        "hostnameOverride",
        "fileKeyRef",
        "podCertificate",
        "bindMountOptions",
        "restartPolicyRules",
        "stopSignal",
    ),
)
_FIXED = ("apiVersion", "kind", "namespace", "resourceVersion", "selfLink")
"""Keys that say where an object goes, not what it is."""

Way: TypeAlias = Callable[[Grower, Tree, Place], None]


def broken(grow: Grower, tree: Tree, times: int) -> Tree:
    """Return a copy that is broken in some places."""
    tree = copy.deepcopy(tree)
    for _ in range(times):
        _break(grow, tree)
    unshared: Tree = json.loads(json.dumps(tree))
    return unshared


def _break(grow: Grower, tree: Tree) -> None:
    """Break an object in one place."""
    everywhere = [place for place in places(grow.schema, tree) if place.key not in _FIXED]
    close = [place for place in everywhere if place.kind.label in grow.focus[-1:]]
    if close and grow.chance(0.4):
        _boundary(grow, tree, grow.random.choice(close))
    elif everywhere:
        way = grow.random.choices([way for way, _ in _WAYS], [weight for _, weight in _WAYS])[0]
        way(grow, tree, _somewhere(grow, everywhere))


def _somewhere(grow: Grower, everywhere: list[Place]) -> Place:
    """Choose a place: of the Job's own fields, near what is looked at closely, in the pod or outside."""
    types = {label.partition(".")[0] for label in grow.focus[-2:]}
    own = [place for place in everywhere if place.kind.label.startswith(("JobSpec.", "CronJobSpec."))]
    close = [place for place in everywhere if place.kind.label.partition(".")[0] in types]
    if own and grow.chance(0.2):
        return grow.random.choice(own)
    if close and grow.chance(0.6):
        return grow.random.choice(close)
    in_pod = grow.chance(0.65)
    among = [place for place in everywhere if place.in_pod == in_pod] or everywhere
    if grow.chance(0.5):
        depth = grow.random.choice(sorted({place.depth for place in among}))
        among = [place for place in among if place.depth == depth]
    return grow.random.choice(among)


def _leaf(grow: Grower, tree: Tree, place: Place) -> Place:
    """Go from a place to one of its leaves."""
    while (
        place.kind.base in ("object", "list", "map") and place.value and isinstance(place.value, dict | list)
    ):
        below = [one for one in places(grow.schema, tree) if one.holder is place.value]
        if not below:
            break
        place = grow.random.choice(below)
    return place


def _boundary(grow: Grower, tree: Tree, place: Place) -> None:
    """Set a leaf to what it may just not be, or just be; rename a key of a map so."""
    if place.kind.base == "map" and isinstance(place.value, dict) and grow.chance(0.5):
        key = grow.random.choice([*leaves.keys(place.kind)[1], *leaves.keys(place.kind)[0]])
        values = list(place.value.values())
        place.value[key] = values[0] if values else grow.value(place.kind.item) if place.kind.item else ""
        return
    leaf = _leaf(grow, tree, place)
    if leaf.key in _FIXED or leaf.kind.base in ("object", "list", "map"):
        return
    among = leaves.good(leaf.kind) if grow.chance(0.1) else leaves.bad(leaf.kind)
    leaf.holder[leaf.key] = grow.random.choice(among)


def _wrong_type(grow: Grower, _tree: Tree, place: Place) -> None:
    place.holder[place.key] = copy.deepcopy(grow.random.choice(ODD))


def _remove(_grow: Grower, _tree: Tree, place: Place) -> None:
    del place.holder[place.key]


def _repeat(grow: Grower, _tree: Tree, place: Place) -> None:
    """Repeat an item of a list, once or more often than any list may have items."""
    items = place.value if isinstance(place.value, list) else place.holder
    if isinstance(items, list) and items:
        item = grow.random.choice(items)
        times = grow.random.choice((20, 21, 33, 65)) if grow.chance(0.15) else 1
        items.extend(copy.deepcopy(item) for _ in range(times))


def _misspell(grow: Grower, _tree: Tree, place: Place) -> None:
    if isinstance(place.key, str):
        key = place.key
        choices = (
            key + "s",
            key[:-1],
            key.lower(),
            key.upper(),
            key[:1].upper() + key[1:],
            key + " ",
            "x" + key,
        )
        place.holder[grow.random.choice(choices)] = place.holder.pop(key)


def _move(grow: Grower, tree: Tree, place: Place) -> None:
    """Move a key to where it does not belong."""
    if isinstance(place.key, str):
        others = [one.value for one in places(grow.schema, tree) if isinstance(one.value, dict)]
        value = place.holder.pop(place.key)
        grow.random.choice(others or [place.holder]).setdefault(place.key, value)


def _null(_grow: Grower, _tree: Tree, place: Place) -> None:
    place.holder[place.key] = None


def _empty(_grow: Grower, _tree: Tree, place: Place) -> None:
    empty: dict[str, Any] = {"object": {}, "map": {}, "list": [], "string": "", "boolean": False}
    place.holder[place.key] = copy.copy(empty.get(place.kind.base, 0))


def _swap_words(grow: Grower, tree: Tree, place: Place) -> None:
    """Set a text to a word that belongs somewhere."""
    leaf = _leaf(grow, tree, place)
    if leaf.kind.base == "string" and leaf.key not in _FIXED:
        leaf.holder[leaf.key] = grow.random.choice(leaf.kind.words or WORDS)


def _unknown(grow: Grower, _tree: Tree, place: Place) -> None:
    if isinstance(place.value, dict):
        place.value[grow.random.choice(_UNKNOWN)] = copy.deepcopy(grow.random.choice(ODD))


def _add(grow: Grower, _tree: Tree, place: Place) -> None:
    """Set a field that was not set, or one more item."""
    if place.kind.base == "object" and isinstance(place.value, dict):
        absent = [
            (field, kind)
            for field, kind in grow.schema[place.kind.type].items()
            if field not in place.value and field not in _FIXED
        ]
        if absent:
            field, kind = grow.random.choice(absent)
            place.value[field] = _added(grow, kind)
    elif place.kind.base == "list" and isinstance(place.value, list) and place.kind.item:
        place.value.append(grow.value(place.kind.item))
    elif isinstance(place.holder, dict):
        _add_beside(grow, place)


def _add_beside(grow: Grower, place: Place) -> None:
    """Set a field beside one."""
    fields = grow.schema.get(place.kind.label.partition(".")[0], {})
    absent = [field for field in fields if field not in place.holder and field not in _FIXED]
    if absent:
        field = grow.random.choice(absent)
        place.holder[field] = _added(grow, fields[field])


def _added(grow: Grower, kind: Kind) -> Any:
    """Make a value, of a leaf now and then a bad one."""
    leaf = kind.base not in ("object", "list", "map")
    return grow.random.choice(leaves.bad(kind)) if leaf and grow.chance(0.5) else grow.value(kind)


def _copy(grow: Grower, tree: Tree, place: Place) -> None:
    """Set a value to one of the same kind from elsewhere."""
    leaf = _leaf(grow, tree, place)
    same = [
        one for one in places(grow.schema, tree) if one.kind.base == leaf.kind.base and one.key not in _FIXED
    ]
    near = [one for one in same if one.kind.label == leaf.kind.label and one.value != leaf.value]
    if (near or same) and leaf.key not in _FIXED:
        leaf.holder[leaf.key] = copy.deepcopy(grow.random.choice(near or same).value)


_WAYS: tuple[tuple[Way, int], ...] = (
    (_boundary, 30),
    (_add, 20),
    (_copy, 6),
    (_remove, 8),
    (_repeat, 6),
    (_null, 4),
    (_empty, 6),
    (_swap_words, 6),
    (_wrong_type, 5),
    (_misspell, 2),
    (_move, 2),
    (_unknown, 2),
)
