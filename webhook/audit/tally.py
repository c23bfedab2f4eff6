"""How much was found, by rule and by namespace: what is left of an audit when its objects are forgotten."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

_ROWS = 20
"""Rows of a table for people; JSON has all of them."""


class Tally:
    """Numbers of an audit; they take memory for each rule in each namespace, not for each object."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        """What is counted: severities, or what becomes of an object."""
        self._numbers = Counter[tuple[str, str, str]]()
        """By namespace, rule and column."""

    def count(self, namespace: str, rule: str, column: str) -> None:
        """Add something that was found."""
        self._numbers[namespace, rule, column] += 1

    def totals(self) -> dict[str, int]:
        """Return how much was found, by column."""
        totals = dict.fromkeys(self._columns, 0)
        for (_, _, column), number in self._numbers.items():
            totals[column] += number
        return totals

    def entries(self) -> list[dict[str, Any]]:
        """Return all numbers as JSON."""
        rows: dict[tuple[str, str], dict[str, int]] = {}
        for (namespace, rule, column), number in sorted(self._numbers.items()):
            rows.setdefault((namespace, rule), dict.fromkeys(self._columns, 0))[column] = number
        return [{"namespace": namespace, "rule": rule, **row} for (namespace, rule), row in rows.items()]

    def tables(self) -> Iterator[str]:
        """Write a table of rules and one of namespaces, the most frequent first."""
        columns = [column for column, number in self.totals().items() if number]
        for title, place in (("rule", 1), ("namespace", 0)):
            rows: dict[str, Counter[str]] = {}
            for key, number in self._numbers.items():
                rows.setdefault(key[place], Counter())[key[2]] += number
            ordered = sorted(rows.items(), key=lambda row: (-row[1].total(), row[0]))
            yield from _table(title, columns, ordered[:_ROWS])
            if len(ordered) > _ROWS:
                yield f"and {len(ordered) - _ROWS:,} more; --format json has all of them"
            yield ""


def _table(title: str, columns: Sequence[str], rows: Iterable[tuple[str, Counter[str]]]) -> Iterator[str]:
    """Write a table, as wide as it has to be."""
    cells = [(name, *(f"{row[column]:,}" for column in columns)) for name, row in rows]
    lines = [(title, *columns), *cells]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for name, *numbers in lines:
        told = (f"{number:>{width}}" for number, width in zip(numbers, widths[1:], strict=True))
        yield "  ".join((f"{name:{widths[0]}}", *told))
