"""What a rule looks for, in CEL: the language of the API server's own admission policies.

Expressions are texts. They know the variables of `lint.export.variables`, written `variables.name`, and in a
check of a list its item, `it`.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias

from lint.rule import Class, Severity


class NotExported(Exception):
    """CEL cannot say what the rule does under this policy; the message says why."""


class Check(NamedTuple):
    """One thing that a rule finds, at one place or at each item of a list."""

    when: str
    """Is true where there is something to find."""

    place: str
    """The path, as text."""

    message: str
    """What the linter says, as text."""

    each: str = ""
    """The list whose items are looked at, one by one."""

    severity: Severity | None = None
    """None: the rule's own."""

    class_: Class | None = None
    """None: the rule's own."""

    field: str = ""
    """The field of the Job's spec that the finding is about as a whole."""


Form: TypeAlias = Callable[[Any, int], Iterable[Check]]
"""Says what a rule looks for, by its parameters and the Kubernetes minor.

Raises:
    NotExported: CEL cannot say it.
"""

INFO, WARNING, ERROR = Severity.INFO, Severity.WARNING, Severity.ERROR


def text(value: str) -> str:
    """Write a text in CEL."""
    for character, escape in (("\\", "\\\\"), ("'", "\\'"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        value = value.replace(character, escape)
    return f"'{value}'"


def pattern(expression: str) -> str:
    """Write a regular expression in CEL, which takes those of RE2."""
    return f"r'{expression}'" if "'" not in expression else text(expression)


def texts(values: Iterable[str]) -> str:
    """Write a list of texts in CEL."""
    return f"[{', '.join(map(text, values))}]"


def said(words: str, *values: str) -> str:
    """Write a text with values in the places of `{}`; without values it has none."""
    if not values:
        return text(words)
    first, *others = words.split("{}")
    parts = [text(first)] if first else []
    for value, part in zip(values, others, strict=True):
        parts += [value, text(part)] if part else [value]
    return " + ".join(parts)


def number(value: str) -> str:
    """Write a number as text."""
    return f"string({value})"


def spec(field: str) -> str:
    """Return the path of a field of the Job's spec."""
    return f"variables.path + '.{field}'"


def pod(field: str) -> str:
    """Return the path of a field of the Pod's spec."""
    return f"variables.podPath + '.{field}'"


def of_job(
    field: str, when: str, message: str, *, severity: Severity | None = None, class_: Class | None = None
) -> Check:
    """Look at a field of the Job's spec."""
    return Check(when, spec(field), message, severity=severity, class_=class_, field=field)


def every(*conditions: str) -> str:
    """Join conditions that all have to hold."""
    return "\n&& ".join(conditions)


def chosen(field: str, default: str, *, where: str = "job", steps: tuple[str, ...] = ()) -> str:
    """Tell whether somebody chose the value of a field, which the API server sets where it is missing.

    A value that is not the default is chosen, and one that the annotation of `kubectl apply` or a server-side
    apply knows. It is known there by its name alone: CEL reads no JSON.
    """
    view = f"variables.{where}"
    applied = "".join(f"[?'f:{step}']" for step in (*steps, field))
    return (
        f"has({view}.{field}) && ({view}.{field} != {default}\n"
        f"  || variables.lastApplied.matches(r'\"{field}\":[^n]')\n"
        f"  || variables.applied.exists(f, f{applied}.hasValue()))"
    )
