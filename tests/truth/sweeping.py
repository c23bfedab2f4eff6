"""Every field once with everything that is odd there, in objects that have nothing else wrong with them.

And every field of stored objects once with everything that may be as good as nothing there.
"""

import copy
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import Any, NamedTuple

import leaves
from breaking import ODD
from growing import Grower, innermost
from jobs import Source, grown
from schema import Kind, Place, Schema, Tree, places

_TRIES = 8
_LEFT_ALONE = ("apiVersion", "kind", "namespace", "resourceVersion", "selfLink", "managedFields", "status")
_NOT_BELOW = ("ephemeralContainers",)
"""What is always refused, and has the fields of other containers."""

_NOTHING: tuple[Any, ...] = (None, "", "0", 0, False, [], {}, [None], [{}])

_MANY = (16, 20, 21, 32, 33, 64, 65)
"""Numbers of items about the limits that lists have."""


def swept(source: Source) -> Iterator[Tree]:
    """Make the objects; the same ones each time."""
    for chain in _chains(source.schema):
        for attempt in range(_TRIES):
            grow = source.grower(Random(f"{chain} {attempt}"))
            grow.focus, grow.density = [kind.label for kind in chain], 0.01
            tree = grown(grow)
            if found := _places(grow, tree, *chain[-2:]):
                yield from _with_each(grow, tree, found[0])
                break


class Candidate(NamedTuple):
    """An object to store, which may be refused, and how to change one of its fields."""

    tree: Tree
    changed: Callable[[Tree], Iterator[Tree]]
    """Makes new versions of what was stored."""


def swept_changes(source: Source) -> Iterator[Iterator[Candidate]]:
    """Make objects in which to change each field, until one is stored; the same ones each time."""
    for chain in _chains(source.schema):
        for is_set in (True, False):
            yield _candidates(source, chain, is_set=is_set)


def _candidates(source: Source, chain: list[Kind], *, is_set: bool) -> Iterator[Candidate]:
    """Make some objects with or without a field."""
    for attempt in range(_TRIES):
        grow = source.grower(Random(f"{chain} {attempt}"))
        grow.focus, grow.density = [kind.label for kind in chain], 0.01
        tree = grown(grow)
        found = _places(grow, tree, *chain[-2:])
        if tree["kind"] == chain[0].type and found:
            place = found[0]
            if not is_set:
                place.holder.pop(place.key, None)
            yield Candidate(tree, partial(_emptied, grow, chain))


def _emptied(grow: Grower, chain: list[Kind], live: Tree) -> Iterator[Tree]:
    """Set a field to all that may be nothing, and leave it out."""
    for value in (*_NOTHING, _NOTHING):
        tree = copy.deepcopy(live)
        for place in _places(grow, tree, *chain[-2:])[:1]:
            place.holder.pop(place.key, None)
            place.holder.update({} if value is _NOTHING else {place.key: value})
            yield tree


def _chains(schema: Schema) -> list[list[Kind]]:
    """Find a way to each field, by each field that leads to its type."""
    chains, seen = [], set()
    waiting: list[list[Kind]] = [[Kind("object", type=name)] for name in ("Job", "CronJob")]
    while waiting:
        chain = waiting.pop(0)
        for field, kind in schema.get(innermost(chain[-1]).type, {}).items():
            step = (chain[-1].label, kind.label)
            if field not in _LEFT_ALONE and step not in seen:
                seen.add(step)
                chains.append([*chain, kind])
                waiting += [[*chain, kind]] if field not in _NOT_BELOW else []
    return chains


def _places(grow: Grower, tree: Tree, above: Kind, kind: Kind) -> list[Place]:
    """Find a field, or else an object that has none of it."""
    owner, _, field = kind.label.partition(".")
    everywhere = places(grow.schema, tree)
    there = [one for one in everywhere if one.kind == kind and one.within == above.label]
    holders = [one.value for one in everywhere if one.kind.type == owner and one.kind.label == above.label]
    if tree["kind"] == owner:
        holders.append(tree)
    return there or [Place(one, field, kind, 0, in_pod=False) for one in holders if isinstance(one, dict)]


def _with_each(grow: Grower, tree: Tree, place: Place) -> Iterator[Tree]:
    """Set all that is odd in a place, and leave it out."""
    kept = place.holder.get(place.key, place)
    for value in _values(grow, place):
        place.holder[place.key] = value
        yield copy.deepcopy(tree)
    place.holder.pop(place.key)
    yield copy.deepcopy(tree)
    if kept is not place:
        place.holder[place.key] = kept


def _values(grow: Grower, place: Place) -> Iterator[Any]:
    kind = place.kind
    yield from (None, {}, [], grow.random.choice(ODD))
    if kind.base == "list" and kind.item:
        item = grow.value(kind.item)
        yield from ([item] * times for times in (2, grow.random.choice(_MANY), grow.random.choice(_MANY)))
        yield from ([grow.value(kind.item) for _ in range(5)], [None], [item, grow.random.choice(ODD)])
    elif kind.base == "map" and kind.item:
        for key in (key for keys in leaves.keys(kind) for key in keys):
            yield {key: grow.value(kind.item)}
            yield {key: grow.random.choice(leaves.bad(kind.item))}
    elif kind.base == "object":
        yield grow.value(kind)
    leaf = innermost(kind)
    if leaf.base not in ("object", "list", "map"):
        for one in (*leaves.good(leaf), *leaves.bad(leaf)):
            yield (
                [one]
                if kind.base == "list"
                else {leaves.keys(kind)[0][0]: one}
                if kind.base == "map"
                else one
            )
