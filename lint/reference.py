"""What a rule is, as a page: for `jobwarden explain`, and all together; and the index of the rules."""

import json
from inspect import cleandoc, getsource
from textwrap import dedent
from typing import Any

from lint.rule import Bad, Class, Good, Rule, Severity
from lint.rules import RULES

_CLASSES = {
    Class.SERVER: "the API server rejects it",
    Class.HOLE: "accepted, and can never work",
    Class.PRACTICE: "practice",
}

_INDEX = '''\
"""What decides whether a rule is asked; see Head. Made by `make reference`, and a test keeps it fresh."""
# fmt: off
# ruff: noqa: E501

from collections.abc import Set as AbstractSet

from lint.rule import Severity

INDEX: dict[str, tuple[Severity, Severity | None, bool, AbstractSet[str] | None]] = {'''


def table() -> str:
    """List all rules in columns."""
    rows = [(rule.id, rule.severity.label, _fix(rule), rule.summary) for rule in RULES]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        "  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]))
        for row in rows
    )


def _fix(rule: Rule[Any]) -> str:
    """Tell from the examples whether a rule has fixes: so it cannot lie."""
    return "fix" if any(example.fixed is not None for example in rule.bad) else "-"


def page() -> str:
    """Write the reference of all rules."""
    made = "<!-- Made by `make reference` from the rules themselves; a test keeps it fresh. -->\n# Rules"
    sections = (section(rule) for rule in sorted(RULES, key=lambda rule: rule.id))
    return "\n\n".join((made, contents("#{}"), *sections)) + "\n"


def contents(link: str) -> str:
    """List all rules in Markdown, with links that have `{}` for the id."""
    lines = ["| rule | | severity | about | fix |", "|---|---|---|---|---|"]
    lines += [
        f"| [{rule.id}]({link.format(rule.id)}) | {rule.summary} | {rule.severity.label} "
        f"| {_CLASSES[rule.class_]} | {_fix(rule)} |"
        for rule in sorted(RULES, key=lambda rule: rule.id)
    ]
    return "\n".join(lines)


def index() -> str:
    """Write lint/rule_index.py, which has what decides whether a rule is asked."""
    rows = (
        f'    "{rule.id}": ({_level(rule.severity)}, {_level(rule.strict)}, {rule.graver}, {_fields(rule)}),'
        for rule in RULES
    )
    return "\n".join((_INDEX, *rows, "}", ""))


def _level(severity: Severity | None) -> str:
    return "None" if severity is None else f"Severity.{severity.name}"


def _fields(rule: Rule[Any]) -> str:
    if rule.about is None:
        return "None"
    return json.dumps(sorted(rule.about)).replace("[", "{").replace("]", "}") if rule.about else "frozenset()"


def section(rule: Rule[Any]) -> str:
    """Write the page of one rule in Markdown."""
    parts = [
        f"## {rule.id}",
        f"Severity: {rule.severity.label} ({_CLASSES[rule.class_]}){_strict(rule)}.",
        cleandoc(rule.doc),
    ]
    if rule.params is not None:
        parts += [_parameters(rule)]
    parts += _example("Found:", rule.bad[0])
    if rule.bad[0].fixed is not None:
        parts += ["Fixed:", _yaml(rule.bad[0].fixed)]
    parts += _example("Passed over:", rule.good[0])
    return "\n\n".join(parts)


def _strict(rule: Rule[Any]) -> str:
    """Add what the profile `strict` makes of it."""
    return "" if rule.strict is None else f", {rule.strict.label} under the profile `strict`"


def _example(title: str, example: Good | Bad) -> list[str]:
    """Write an example with the policy that it needs."""
    settings = [] if example.params is None else [f"(with {example.params!r})"]
    stored = ["In the cluster:", _yaml(example.stored)] if example.stored else []
    return [*stored, " ".join((title, *settings)), _yaml(example.text)]


def _yaml(text: str) -> str:
    return f"```yaml\n{dedent(text).rstrip()}\n```"


def _parameters(rule: Rule[Any]) -> str:
    """List the parameters, with what their docstrings say."""
    where = f"section `{rule.family}`" if rule.family else f"`rules.{rule.id}`"
    notes = attribute_docs(type(rule.params))
    rows = [
        f"- `{camel(name)}`: {json.dumps(default)}. {notes[name]}"
        for name, default in rule.params._asdict().items()
    ]
    return "\n".join((f"Parameters ({where} of the policy file):", "", *rows))


def camel(name: str) -> str:
    """Write a name as the policy file does."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def attribute_docs(owner: type) -> dict[str, str]:
    """Read the string below each field of a class."""
    import ast

    body = ast.parse(dedent(getsource(owner))).body[0]
    notes, name = {}, ""
    for statement in getattr(body, "body", ()):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name = statement.target.id
        elif name and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            notes[name] = " ".join(cleandoc(str(statement.value.value)).split())
            name = ""
    return notes
