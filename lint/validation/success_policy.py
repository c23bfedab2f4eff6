"""When an Indexed Job has succeeded before all of its indexes have.

The conditions are those of pkg/apis/batch/validation/validation.go.
"""

from collections.abc import Iterator

from lint.path import Path
from lint.validation import names as form
from lint.validation.cause import OMITTED, Cause, invalid, required, too_long, too_many
from lint.validation.golang import GoError, integer, quoted
from lint.validation.tree import Struct, number, struct, structs, text_if_any

_RULES_LIMIT = 20
_INDEXES_LIMIT = 65536
_ENDS = 2


class _MalformedError(ValueError):
    """The server cannot read a list of indexes; in its own words."""


def success_policy(spec: Struct, at: Path) -> Iterator[Cause]:
    """Check `successPolicy`; see `panics` for what is left out here."""
    if spec.get("successPolicy") is None:
        return
    here, policy = (*at, "successPolicy"), struct(spec, "successPolicy")
    if spec.get("completionMode") != "Indexed":
        yield invalid(here, policy, "requires indexed completion mode")
        return
    rules = list(structs(policy, "rules"))
    if not rules:
        wrong = "at least one rules must be specified when the successPolicy is specified"
        yield required((*here, "rules"), wrong)
    if len(rules) > _RULES_LIMIT:
        yield too_many((*here, "rules"), len(rules), _RULES_LIMIT)
    completions = number(spec, "completions")
    for index, rule in rules:
        if _is_empty(rule):
            wrong = "at least one of succeededCount or succeededIndexes must be specified"
            yield required((*here, "rules", index), wrong)
        elif completions is not None:
            yield from _rule(rule, (*here, "rules", index), completions)


def panics(spec: Struct, at: Path) -> Iterator[Cause]:
    """Find what makes the API server panic, after which the client gets no answer at all."""
    if spec.get("completionMode") != "Indexed" or spec.get("completions") is not None:
        return
    for index, rule in structs(struct(spec, "successPolicy"), "rules"):
        if not _is_empty(rule):
            wrong = "crashes the API server, as the Job is Indexed without completions: set spec.completions"
            yield invalid((*at, "successPolicy", "rules", index), OMITTED, wrong)
            return


def _is_empty(rule: Struct) -> bool:
    return rule.get("succeededCount") is None and rule.get("succeededIndexes") is None


def _rule(rule: Struct, at: Path, completions: int) -> Iterator[Cause]:
    """Check one rule."""
    indexes, count = text_if_any(rule, "succeededIndexes"), number(rule, "succeededCount")
    limits = [(completions, "number of specified completions")]
    if indexes is not None:
        here, listed = (*at, "succeededIndexes"), 0
        if form.size(indexes) > _INDEXES_LIMIT:
            yield too_long(here, _INDEXES_LIMIT)
        try:
            listed = _count(indexes, completions)
        except _MalformedError as error:
            yield invalid(here, indexes, f"error parsing succeededIndexes: {error}")
        limits.append((listed, "number of indexes in the specified succeededIndexes field"))
    if count is None:
        return
    if count < 0:
        yield invalid((*at, "succeededCount"), count, "must be greater than or equal to 0")
    for limit, what in limits:
        if count > limit:
            yield invalid(
                (*at, "succeededCount"), count, f"must be less than or equal to {limit} (the {what})"
            )


def _count(indexes: str, completions: int) -> int:
    """Count the indexes of a list like `1,3-5`.

    Raises:
        _MalformedError: it is none.
    """
    total, last = 0, None
    for interval in indexes.split(",") if indexes else ():
        first, end = _interval(interval, completions)
        if last is not None and last >= first:
            raise _MalformedError(f"non-increasing order, previous: {last}, current: {first}")
        total += end - first + 1
        last = end
    return total


def _interval(interval: str, completions: int) -> tuple[int, int]:
    """Read an index, or a first and a last one.

    Raises:
        _MalformedError: it is none.
    """
    parts = interval.split("-")
    if len(parts) > _ENDS:
        rule = "violates the requirement that an index interval can have at most two parts separated by '-'"
        raise _MalformedError(f"the fragment {quoted(interval)} {rule}")
    first, end = _index(parts[0], completions), _index(parts[-1], completions)
    if len(parts) == _ENDS and first >= end:
        raise _MalformedError(f"non-increasing order, previous: {first}, current: {end}")
    return first, end


def _index(word: str, completions: int) -> int:
    """Read an index.

    Raises:
        _MalformedError: it is none.
    """
    try:
        index = integer(word)
    except GoError:
        raise _MalformedError(f"cannot convert string to integer for index: {quoted(word)}") from None
    if index >= completions:
        raise _MalformedError(f"too large index: {quoted(word)}")
    return index
