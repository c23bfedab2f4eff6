"""Every example of every rule, as text for the linter and as data for the webhook."""

import pkgutil
from importlib import import_module
from textwrap import dedent
from typing import Any

import pytest

import lint.rules
from lint.document import Document, parse
from lint.edit import apply, same
from lint.job import Job
from lint.linter import check, fix, identity
from lint.policy import Policy, Setting, Violation
from lint.rule import Bad, Class, Good, Rule, Severity
from lint.rules import RULES
from lint.view import View

MODULES = [import_module(f"lint.rules.{module.name}") for module in pkgutil.iter_modules(lint.rules.__path__)]
EVERY: list[Rule[Any]] = [module.RULE for module in MODULES]


WRONG: tuple[Any, ...] = (None, True, 0, -1, 2.5, "", "x", [], {}, [None], [[]], {"": None})


def examples(kind: type[Good | Bad]) -> list[Any]:
    """Name the examples of all rules of one kind."""
    return [
        pytest.param(rule, example, id=f"{rule.id}-{index}")
        for rule in EVERY
        for index, example in enumerate(rule.good if kind is Good else rule.bad)
    ]


def policy_of(rule: Rule[Any], example: Good | Bad) -> Policy:
    """Make the policy in which the example stands, everything else switched off."""
    off = {other.id: Setting(other.params, Severity.OFF) for other in RULES}
    params = rule.params if example.params is None else example.params
    stored = parse(dedent(example.stored)).value if example.stored else None
    known = {identity(View(stored)): stored} if stored else {}
    return Policy({**off, rule.id: Setting(params)}, example.minor, stored=known)


def document_of(example: Good | Bad) -> Document:
    """Parse the text of an example."""
    return parse(dedent(example.text))


def in_data(rule: Rule[Any], example: Good | Bad, tree: Any) -> list[Violation]:
    """Run one rule as the webhook does."""
    job = Job(tree, example.minor)
    job.stored = parse(dedent(example.stored)).value if example.stored else None
    return [one for one in policy_of(rule, example).check(job) if one.rule == rule.id]


def test_the_registry_lists_every_module_of_its_folder() -> None:
    assert sorted(rule.id for rule in RULES) == sorted(rule.id for rule in EVERY)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.RULE.id)
def test_a_rule_is_named_and_documented(module: Any) -> None:
    rule = module.RULE

    assert rule.id == module.__name__.rpartition(".")[2].replace("_", "-")
    assert rule.doc == module.__doc__
    assert rule.summary.endswith(".")
    assert rule.doc.count("\n\n"), "the reason follows the first line"
    assert rule.good
    assert rule.bad
    if rule.params is not None:
        assert rule.params._fields


@pytest.mark.parametrize(("rule", "example"), examples(Good))
def test_a_good_example_is_passed_over(rule: Rule[Any], example: Good) -> None:
    document = document_of(example)

    assert check(document, policy_of(rule, example)) == []
    assert in_data(rule, example, document.value) == []


@pytest.mark.parametrize(("rule", "example"), examples(Bad))
def test_a_bad_example_is_found(rule: Rule[Any], example: Bad) -> None:
    document = document_of(example)

    found = check(document, policy_of(rule, example))

    assert [one for one in found if one.violation.rule == rule.id]
    if not example.text_only:
        in_text = sorted((one.violation for one in found), key=lambda one: str(one.path))
        assert in_text == sorted(in_data(rule, example, document.value), key=lambda one: str(one.path))
    for one in found:
        if one.violation.class_ != Class.SERVER:
            assert not one.violation.message[0].isupper(), "a message of ours begins with a small letter"
        assert not one.violation.message.endswith(".")


@pytest.mark.parametrize(("rule", "example"), examples(Bad))
def test_a_bad_example_is_fixed_as_it_says(rule: Rule[Any], example: Bad) -> None:
    document = document_of(example)
    policy = policy_of(rule, example)

    fixed = fix(document, policy, unsafe=True)

    assert fixed.refused == {}
    if example.fixed is None:
        assert fixed.made == ()
        return
    assert fixed.document.text == dedent(example.fixed)
    assert [one.violation for one in check(fixed.document, policy) if one.violation.fix] == []


@pytest.mark.parametrize(("rule", "example"), examples(Bad))
def test_the_fixes_do_the_same_to_data(rule: Rule[Any], example: Bad) -> None:
    tree = document_of(example).value
    for _ in range(20):
        fixes = [one.fix for one in in_data(rule, example, tree) if one.fix]
        if not fixes:
            break
        before, tree = tree, apply(tree, fixes[0].edits)
        assert not same(tree, before), f"a fix that changes nothing: {fixes[0].title}"

    if not example.text_only:
        assert same(tree, parse(dedent(example.fixed or example.text)).value)


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: rule.id)
def test_only_what_can_never_work_is_an_error(rule: Rule[Any]) -> None:
    assert (rule.class_ == Class.PRACTICE) == (rule.severity < Severity.ERROR)


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: rule.id)
@pytest.mark.parametrize("kind", ["Job", "CronJob"])
def test_a_wrong_type_never_raises(rule: Rule[Any], kind: str) -> None:
    document = document_of(rule.bad[0])
    for path in paths(document.value):
        for wrong in WRONG:
            tree = replaced({**document.value, "kind": kind}, path, wrong)
            list(rule.check(Job(tree), rule.params))


def paths(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return every path in a tree."""
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path, *(found for step, value in entries for found in paths(value, (*path, step)))]


def replaced(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a copy of a tree with another value at a path."""
    if not path:
        return value
    copy = tree.copy()
    copy[path[0]] = replaced(tree[path[0]], path[1:], value)
    return copy


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: rule.id)
def test_a_rule_finds_only_what_it_is_asked_for(rule: Rule[Any]) -> None:
    examples: list[Good | Bad] = [*rule.good, *rule.bad]
    for example in examples:
        job = Job(document_of(example).value, example.minor)
        found = [one for one in rule.check(job, example.params or rule.params) if one.class_ != Class.SERVER]

        if rule.about is not None and rule.id not in job.rejected and rule.about.isdisjoint(job.fields):
            assert found == []
        if not rule.graver:
            assert [one for one in found if (one.severity or rule.severity) > rule.severity] == []
