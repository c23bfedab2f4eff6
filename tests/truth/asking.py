"""Many questions to one server: what it says of random objects, and what we say."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from breaking import broken
from comparing import ACCEPTED, Disagreement, Verdict, asked, asked_to_update, compared, of_ours
from covering import hits
from jobs import Source, grown
from schema import Tree, read
from shrinking import shrunk
from sweeping import swept, swept_changes
from updating import changed, old, same_object, stored

from lint.validation.server import rejected_update, rejection

if TYPE_CHECKING:
    from apiserver import ApiServer

WORDS_FROM = 37
"""The minor whose words ours are."""

_UPDATES = 6
"""How many changes of one stored object are tried."""


class Finding(NamedTuple):
    """Something that the server and we do not say alike, and of what."""

    disagreement: Disagreement
    tree: Tree
    before: Tree | None = None
    """The stored object, of an update."""


class Asker:
    """Asks one server."""

    def __init__(self, server: "ApiServer") -> None:
        self.server = server
        self.source = Source(read(server), {})
        self.codes: Counter[int] = Counter()
        self.met: Counter[str] = Counter()
        """How often each rule rejected an object."""

    def about_new(self, seeds: Iterable[str]) -> Iterator[Finding]:
        """Ask about new objects."""
        for seed in seeds:
            grow = self.source.grower(random := Random(seed))
            tree = broken(grow, grown(grow), random.choice((0, 1, 1, 2, 3)))
            yield from self.about(tree)

    def about_each_field(self) -> Iterator[Finding]:
        """Ask about objects with one odd field."""
        for tree in swept(self.source):
            yield from self.about(tree)

    def about(self, tree: Tree) -> Iterator[Finding]:
        """Ask about a new object."""
        said = asked(self.server, tree)
        self._count(said, tree)
        for one in self._compared(said, self._ours(tree)):
            yield Finding(one, tree)

    def about_updates(self, seeds: Iterable[str]) -> Iterator[Finding]:
        """Ask about changes of stored objects."""
        for seed in seeds:
            grow = self.source.grower(Random(seed))
            tree, status = old(grow)
            with stored(self.server, tree, status) as live:
                for _ in range(_UPDATES if live else 0):
                    yield from self.about_update(live or {}, changed(grow, live or {}, tree))

    def about_each_change(self) -> Iterator[Finding]:
        """Ask about stored objects in which one field becomes nothing."""
        for candidates in swept_changes(self.source):
            for candidate in candidates:
                with stored(self.server, candidate.tree, {}) as live:
                    if live:
                        for new in candidate.changed(live):
                            yield from self.about_update(live, same_object(new, live))
                        break

    def about_update(self, live: Tree, new: Tree) -> Iterator[Finding]:
        """Ask about a change of a stored object."""
        said = asked_to_update(self.server, live, new)
        self._count(said, None)
        for one in self._compared(said, self._ours(new, live)):
            yield Finding(one, new, live)

    def smallest(self, finding: Finding) -> Finding:
        """Look for a smaller object with a disagreement of the same group."""
        if finding.before is not None:
            return finding
        found = {}

        def shows(tree: Tree) -> bool:
            same = (one for one in self.about(tree) if one.disagreement.group == finding.disagreement.group)
            found[str(tree)] = next(same, None)
            return found[str(tree)] is not None

        with suppress(KeyError):
            return found[str(shrunk(finding.tree, shows))] or finding
        return finding

    def _ours(self, tree: Tree, before: Tree | None = None) -> Verdict:
        minor = self.server.minor
        try:
            ours = rejection(tree, minor) if before is None else rejected_update(before, tree, minor)
        except Exception as error:  # noqa: BLE001 - that is a disagreement as well, and more are to come
            return Verdict(-1, message=repr(error))
        return of_ours(ours, tree)

    def _compared(self, said: Verdict, ours: Verdict) -> Iterator[Disagreement]:
        return compared(said, ours, words=self.server.minor >= WORDS_FROM)

    def _count(self, said: Verdict, tree: Tree | None) -> None:
        self.codes[said.code] += 1
        self.met.update(hits(said, tree, self.server.minor) if tree else ())

    @property
    def rejected(self) -> float:
        """The share of objects that the server rejects."""
        return 1 - self.codes[ACCEPTED] / max(1, self.codes.total())
