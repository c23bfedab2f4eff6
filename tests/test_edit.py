"""Edits of a tree, and the patches that say the same."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lint.edit import Edit, EditError, Remove, Set, apply, nested, same
from lint.patch import PatchError, difference, patched
from manifests import KEYS, OBJECTS, TREES, edits

TREE: dict[str, Any] = {"a": {"b": 1}, "list": [1, {"c": None}], "null": None, "empty": {}, "none": []}


@pytest.mark.parametrize(
    ("edit", "operation"),
    [
        (Set(("a", "b"), 2), {"op": "replace", "path": "/a/b", "value": 2}),
        (Set(("a", "c"), 2), {"op": "add", "path": "/a/c", "value": 2}),
        (Set(("x",), {"y": [1]}), {"op": "add", "path": "/x", "value": {"y": [1]}}),
        (Set(("x", "y", 0, "z"), 1), {"op": "add", "path": "/x", "value": {"y": [{"z": 1}]}}),
        (Set(("null", "y"), 1), {"op": "replace", "path": "/null", "value": {"y": 1}}),
        (Set(("null", 0), 1), {"op": "replace", "path": "/null", "value": [1]}),
        (Set(("list", 1, "c", "d"), 1), {"op": "replace", "path": "/list/1/c", "value": {"d": 1}}),
        (Set(("list", 0), 2), {"op": "replace", "path": "/list/0", "value": 2}),
        (Set(("list", 2), 2), {"op": "add", "path": "/list/2", "value": 2}),
        (Set(("none", 0, "x"), 2), {"op": "add", "path": "/none/0", "value": {"x": 2}}),
        (Set((), 1), {"op": "replace", "path": "", "value": 1}),
        (Remove(("a", "b")), {"op": "remove", "path": "/a/b"}),
        (Remove(("list", 0)), {"op": "replace", "path": "/list", "value": [{"c": None}]}),
    ],
)
def test_an_edit_is_one_operation(edit: Edit, operation: dict[str, Any]) -> None:
    assert difference(TREE, apply(TREE, (edit,))) == [operation]


@pytest.mark.parametrize(
    "edit",
    [
        Set(("a", "b"), 1),
        Set(("list", 1), {"c": None}),
        Remove(("x", "y")),
        Remove(("null", "y")),
        Remove(("list", 2)),
        Remove(("list", 1, "c", "d")),
    ],
)
def test_an_edit_that_changes_nothing_is_no_operation(edit: Edit) -> None:
    tree = apply(TREE, (edit,))

    assert same(tree, TREE)
    assert difference(TREE, tree) == []


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (Set(("a", "b", "c"), 1), "a.b has no place for 'c'"),
        (Set(("a", 0), 1), "a has no place for 0"),
        (Set(("list", "c"), 1), "list has no place for 'c'"),
        (Set(("list", 3), 1), "list has no place for 3"),
        (Set(("list", -1), 1), "list has no place for -1"),
        (Set(("null", 1), 1), "null has no place for 1"),
        (Set((0,), 1), "the object has no place for 0"),
        (Set(("x", 1), 1), "an empty list has no place for 1"),
        (Remove(("a", "b", "c")), "a.b has no place for 'c'"),
        (Remove(()), "the whole object cannot be removed"),
    ],
)
def test_an_edit_without_a_place_is_an_error(edit: Edit, message: str) -> None:
    with pytest.raises(EditError) as raised:
        apply(TREE, (edit,))

    assert str(raised.value) == message


def test_true_is_not_the_number_one() -> None:
    assert difference({"a": True}, apply({"a": True}, (Set(("a",), 1),))) == [
        {"op": "replace", "path": "/a", "value": 1}
    ]


def test_edits_build_on_each_other() -> None:
    tree = apply({}, (Set(("a", "b"), 1), Set(("a", "c"), [2]), Set(("a", "c", 1), 3), Remove(("a", "b"))))

    assert tree == {"a": {"c": [2, 3]}}
    assert difference({}, tree) == [{"op": "add", "path": "/a", "value": {"c": [2, 3]}}]


def test_the_value_of_an_edit_stays_as_it_is() -> None:
    value: dict[str, Any] = {"limits": {}}
    edits_ = (Set(("a",), value), Set(("a", "limits", "cpu"), 1), Set(("b",), value))

    tree = apply({}, edits_)

    assert value == {"limits": {}}
    assert tree == {"a": {"limits": {"cpu": 1}}, "b": {"limits": {}}}


def test_the_result_shares_what_no_edit_touches() -> None:
    tree = apply(TREE, (Set(("a", "b"), 2),))

    assert tree["list"] is TREE["list"]
    assert tree["a"] is not TREE["a"]


@given(st.data(), OBJECTS)
@settings(max_examples=60, deadline=None)
def test_the_patch_makes_the_tree_that_the_edits_make(data: st.DataObject, tree: dict[str, Any]) -> None:
    before, current, made = deepcopy(tree), tree, list[Edit]()
    for _ in range(data.draw(st.integers(1, 4))):
        if current:
            made.append(data.draw(edits(current)))
            current = apply(current, (made[-1],))

    result = apply(tree, tuple(made))

    assert same(tree, before)
    assert same(result, current)
    assert same(patched(tree, difference(tree, result)), result)


@given(TREES, TREES)
@settings(deadline=None)
def test_the_difference_turns_one_tree_into_the_other(before: Any, after: Any) -> None:
    copies = deepcopy((before, after))

    assert same(patched(before, difference(before, after)), after)
    assert same([before, after], list(copies))


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "add", "path": "/x/y", "value": 1},
        {"op": "add", "path": "/list/3", "value": 1},
        {"op": "replace", "path": "/x", "value": 1},
        {"op": "remove", "path": "/x"},
        {"op": "remove", "path": "/list/2"},
        {"op": "add", "path": "/a/b/c", "value": 1},
        {"op": "add", "path": "/list/-1", "value": 1},
    ],
)
def test_a_patch_that_does_not_fit_is_an_error(operation: dict[str, Any]) -> None:
    with pytest.raises(PatchError):
        patched(TREE, [operation])


@given(TREES, st.lists(KEYS | st.just(0)))
def test_nested_puts_a_value_where_the_path_says(value: Any, path: list[str | int]) -> None:
    found = nested(tuple(path), value)
    for step in path:
        assert len(found) == 1
        found = found[step]

    assert found is value


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 1.0), (1, True), (0, False), ("1", 1), (None, False), ({}, []), ([1], [1, 1]), ({"a": 1}, {"b": 1})],
)
def test_values_of_other_types_or_sizes_differ(one: Any, other: Any) -> None:
    assert not same(one, other)
    assert not same([{"x": one}], [{"x": other}])


@given(TREES)
def test_a_copy_is_the_same(tree: Any) -> None:
    assert same(tree, deepcopy(tree))
    assert not same(tree, [tree])
