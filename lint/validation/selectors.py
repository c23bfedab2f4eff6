"""Labels, and what selects by them: label selectors and the terms of node selectors."""

from collections.abc import Iterator

from lint.path import Path, dotted
from lint.validation import names
from lint.validation.cause import Cause, Typed, forbidden, invalid, required
from lint.validation.tree import Struct, entries, size, struct, structs, text, texts

_IN = ("In", "NotIn")
_EXISTS = ("Exists", "DoesNotExist")
_COMPARED = ("Gt", "Lt")
_UNKNOWN = "not a valid selector operator"
_NEEDS_VALUES = "must be specified when `operator` is 'In' or 'NotIn'"
_NO_VALUES = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
_ONE_VALUE = "must be specified single value when `operator` is 'Lt' or 'Gt'"
_ONE_NAME = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"


def labels(parent: Struct, key: str, at: Path, field: str = "") -> Iterator[Cause]:
    """Check a map of labels below `at`."""
    for name, value in entries(parent, key).items():
        for wrong in names.qualified_name(name):
            yield invalid((*at, key, name), name, wrong, field or dotted((*at, key)))
        for wrong in names.label_value(value):
            yield invalid((*at, key, name), value, wrong, field or dotted((*at, key)))


def label_key(name: str, at: Path) -> Iterator[Cause]:
    """Check the key of a label."""
    for wrong in names.qualified_name(name):
        yield invalid(at, name, wrong)


def label_selector(parent: Struct, key: str, at: Path) -> Iterator[Cause]:
    """Check a label selector below `at`."""
    selector = struct(parent, key)
    if not selector:
        return
    yield from labels(selector, "matchLabels", (*at, key))
    for index, requirement in structs(selector, "matchExpressions"):
        here = (*at, key, "matchExpressions", index)
        yield from _values_of_operator(requirement, here)
        yield from label_key(text(requirement, "key"), (*here, "key"))
        yield from _label_values(requirement, here)


def node_selector_term(term: Struct, at: Path, *, values: bool) -> Iterator[Cause]:
    """Check a term that selects nodes; its values as well, where they have to be those of labels."""
    for index, requirement in structs(term, "matchExpressions"):
        here = (*at, "matchExpressions", index)
        if text(requirement, "operator") not in _COMPARED:
            yield from _values_of_operator(requirement, here)
        elif size(requirement, "values") != 1:
            yield required((*here, "values"), _ONE_VALUE)
        yield from label_key(text(requirement, "key"), (*here, "key"))
        if values:
            yield from _label_values(requirement, here)
    for index, requirement in structs(term, "matchFields"):
        yield from _node_field(requirement, (*at, "matchFields", index))


def _values_of_operator(requirement: Struct, at: Path) -> Iterator[Cause]:
    """Check that there are values where an operator wants some."""
    operator = text(requirement, "operator")
    if operator in _IN:
        if not size(requirement, "values"):
            yield required((*at, "values"), _NEEDS_VALUES)
    elif operator in _EXISTS:
        if size(requirement, "values"):
            yield forbidden((*at, "values"), _NO_VALUES)
    else:
        yield invalid((*at, "operator"), Typed(operator), _UNKNOWN)


def _label_values(requirement: Struct, at: Path) -> Iterator[Cause]:
    """Check values that are compared with those of labels."""
    for index, value in enumerate(texts(requirement, "values")):
        for wrong in names.label_value(value):
            yield invalid((*at, "values", index), value, wrong)


def _node_field(requirement: Struct, at: Path) -> Iterator[Cause]:
    """Check what is asked of a field of nodes, which can be the name alone."""
    operator, key = text(requirement, "operator"), text(requirement, "key")
    if operator not in _IN:
        yield invalid((*at, "operator"), Typed(operator), _UNKNOWN)
    elif size(requirement, "values") != 1:
        yield required((*at, "values"), _ONE_NAME)
    if key != "metadata.name":
        yield invalid((*at, "key"), key, "not a valid field selector key")
        return
    for index, value in enumerate(texts(requirement, "values")):
        for wrong in names.dns_subdomain(value):
            yield invalid((*at, "values", index), value, wrong)
