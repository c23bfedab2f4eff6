"""What a policy says differently of some objects: imported only when a policy file does."""

import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from fnmatch import translate
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:  # who makes settings has imported it
    from lint.policy import Policy, Setting
    from lint.view import View

_WILD = "*?["
_MANY = 256
"""Policies that are kept: more than anybody needs, unless all names match other overrides."""


class Glob(NamedTuple):
    """A pattern of shells: `*` stands for anything but a slash, `**` between slashes for any folders.

    Each piece is matched by an expression without backtracking: whoever names a Job must not slow us down.
    """

    text: str
    pieces: "tuple[re.Pattern[str] | None, ...]"
    """Between slashes; None for `**`."""

    def matches(self, text: str) -> bool:
        """Tell whether a whole text is meant."""
        if len(self.pieces) == 1 and "/" not in text:  # as names always are
            piece = self.pieces[0]
            return piece is None or piece.match(text) is not None
        places = self._passing({0})
        for part in text.split("/"):
            places = self._passing({after for place in places for after in self._after(place, part)})
        return len(self.pieces) in places

    def _after(self, place: int, part: str) -> Iterable[int]:
        """Return where one may be after a part of the text."""
        if place == len(self.pieces):
            return ()
        piece = self.pieces[place]
        if piece is None:
            return (place,)
        return (place + 1,) if piece.match(part) else ()

    def _passing(self, places: set[int]) -> set[int]:
        """Add the places behind `**`, which may stand for nothing."""
        for place, piece in enumerate(self.pieces):
            if piece is None and place in places:
                places.add(place + 1)
        return places

    def may_meet(self, other: "Glob") -> bool:
        """Tell whether there may be a text that both match; in doubt there is."""
        first, second = self.text, other.text
        if not any(sign in first for sign in _WILD):
            return other.matches(first)
        if not any(sign in second for sign in _WILD):
            return self.matches(second)
        starts = [re.split(r"[*?[]", text)[0] for text in (first, second)]
        ends = [re.split(r"[*?\]]", text)[-1][::-1] for text in (first, second)]
        return all(len({one[: min(map(len, pair))] for one in pair}) == 1 for pair in (starts, ends))


def glob(text: str) -> Glob:
    """Read a glob; one that ends in a slash means all that is in the folder."""
    pieces = [piece for piece in f"{text}**".split("/") if piece not in ("", ".")]
    if not text.endswith("/"):
        pieces = [piece for piece in text.split("/") if piece not in ("", ".")]
    compiled = (None if piece == "**" else re.compile(translate(piece)) for piece in pieces)
    return Glob("/".join(pieces), tuple(compiled))


class Match(NamedTuple):
    """Which objects an override is for; of what it does not ask, all."""

    kinds: tuple[str, ...] = ()
    namespaces: tuple[Glob, ...] = ()
    names: tuple[Glob, ...] = ()
    paths: tuple[Glob, ...] = ()

    def holds(self, kind: str, namespace: str, name: str) -> bool:
        """Tell whether an object is meant, wherever it stands."""
        return (
            (not self.kinds or kind in self.kinds)
            and _any(self.namespaces, namespace)
            and _any(self.names, name)
        )

    def may_meet(self, other: "Match") -> bool:
        """Tell whether there may be an object that both mean; in doubt there is."""
        if self.kinds and other.kinds and set(self.kinds).isdisjoint(other.kinds):
            return False
        globs = ((self.namespaces, other.namespaces), (self.names, other.names), (self.paths, other.paths))
        return all(
            not ours or not theirs or any(one.may_meet(another) for one in ours for another in theirs)
            for ours, theirs in globs
        )


def _any(globs: tuple[Glob, ...], text: str) -> bool:
    return not globs or any(one.matches(text) for one in globs)


class Change(NamedTuple):
    """What is said of a rule; what is not stays as it is."""

    params: Mapping[str, Any]
    rest: Mapping[str, Any]
    """Severity, and whether the webhook makes the fixes."""

    def made(self, setting: "Setting") -> "Setting":
        """Return a setting with the change."""
        params = setting.params._replace(**self.params) if self.params else setting.params
        return setting._replace(params=params, **self.rest)


class Override(NamedTuple):
    """Changes for some objects."""

    match: Match
    changes: Mapping[str, Change]
    """By rule id."""


class Overrides(NamedTuple):
    """The overrides of a policy; of those that match, the last one wins."""

    folder: str
    """What paths begin at: the folder of the policy file."""

    every: tuple[Override, ...]

    @property
    def by_path(self) -> bool:
        """Some ask for the path of a file."""
        return any(one.match.paths for one in self.every)

    def matching(self, kind: str, metadata: "View", namespace: str = "") -> tuple[int, ...]:
        """Return the numbers of the overrides for an object, none of which asks for a path.

        A name that is yet to be generated counts by its beginning.
        """
        name = metadata.at("name").as_str() or metadata.at("generateName").as_str() or ""
        namespace = namespace or metadata.at("namespace").as_str() or ""
        return tuple(
            number
            for number, one in enumerate(self.every)
            if not one.match.paths and one.match.holds(kind, namespace, name)
        )

    def policy(self, policy: "Policy", numbers: tuple[int, ...]) -> "Policy":
        """Return a policy, whose overrides these are, with some of them; the same one for the same ones."""
        known = policy.made.get(numbers)
        if known is None:
            settings = self.made(policy.settings, numbers)
            known = _kept(policy, numbers, policy.replaced(settings=settings, overrides=None))
        return known

    def in_file(self, policy: "Policy", path: str) -> "Policy":
        """Return a policy, whose overrides these are, for a file; its path is that from `folder`."""
        numbers = tuple(number for number, one in enumerate(self.every) if _any(one.match.paths, path))
        known = policy.made.get(("file", *numbers))
        if known is None:
            some = (self.every[number] for number in numbers)
            every = tuple(one._replace(match=one.match._replace(paths=())) for one in some)
            overrides = self._replace(every=every)
            known = _kept(policy, ("file", *numbers), policy.replaced(overrides=overrides))
        return known

    def without(self, rules: AbstractSet[str]) -> "Overrides":
        """Return the overrides with nothing to say of some rules."""
        return self._replace(
            every=tuple(
                one._replace(changes={rule: one.changes[rule] for rule in one.changes.keys() - rules})
                for one in self.every
            )
        )

    def made(self, settings: "Mapping[str, Setting]", numbers: tuple[int, ...]) -> "dict[str, Setting]":
        """Return settings with the changes of some overrides."""
        changed = dict(settings)
        for number in numbers:
            for rule, change in self.every[number].changes.items():
                changed[rule] = change.made(changed[rule])
        return changed

    def meeting(self) -> Iterable[tuple[int, ...]]:
        """Iterate over the overrides, then over the pairs of them that may be for the same object.

        What speaks against parameters speaks against one or two of them (a default and a maximum). Each comes
        from one override, so that what is wrong among many is wrong among two of them.
        """
        yield from ((number,) for number in range(len(self.every)))
        for pair in combinations(range(len(self.every)), 2):
            first, second = (self.every[number].match for number in pair)
            if first.may_meet(second):
                yield pair


def _kept(policy: "Policy", key: tuple[object, ...], made: "Policy") -> "Policy":
    """Keep what was made of a policy."""
    if len(policy.made) >= _MANY:
        policy.made.clear()
    policy.made[key] = made
    return made
