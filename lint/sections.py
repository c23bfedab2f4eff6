"""What the sections of a policy file come to, once they are read: settings of rules, and overrides."""

from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from typing import Any

from lint.overrides import Change, Match, Override, Overrides, glob
from lint.path import Path
from lint.policy import Setting
from lint.rule import Rule, Severity
from lint.rules import RULES


def field_of(rule: Rule[Any]) -> str:
    """Return the name of a rule's entry as an attribute."""
    return rule.id.replace("-", "_")


def _section(rule: Rule[Any]) -> Path:
    """Return where the file has the parameters of a rule."""
    return (rule.family,) if rule.family else ("rules", rule.id)


def settings_of(file: Any) -> dict[str, Setting]:
    """Return what the file says of all rules."""
    strict = file.profile == "strict"
    settings = {rule.id: Setting(rule.params, strict=strict) for rule in RULES}
    return settings | {rule: change.made(settings[rule]) for rule, change in _changes(file).items()}


def overrides_of(file: Any) -> tuple[Override, ...]:
    """Return what it says differently of some objects."""
    return tuple(
        Override(
            Match(
                part.match.kind,
                tuple(map(glob, part.match.namespace)),
                tuple(map(glob, part.match.name)),
                tuple(map(glob, part.match.path)),
            ),
            _changes(part),
        )
        for part in file.overrides
    )


def _changes(part: Any) -> dict[str, Change]:
    """Return what the file, or an override in it, says of each rule of which it says something."""
    changes = {}
    for rule in RULES:
        entry = getattr(part.rules, field_of(rule))
        source = getattr(part, rule.family) if rule.family else entry
        names = source.model_fields_set.intersection(getattr(rule.params, "_fields", ()))
        rest = {name: getattr(entry, name) for name in entry.model_fields_set & {"severity", "mutate"}}
        if word := rest.get("severity"):
            rest["severity"] = Severity[word.upper()]
        if names or rest:
            changes[rule.id] = Change({name: getattr(source, name) for name in names}, rest)
    return changes


def misfits(settings: Mapping[str, Setting], overrides: Overrides) -> Iterator[tuple[Path, str]]:
    """Iterate over what does not go together, with its place in the file."""
    for number, one in enumerate(overrides.every):
        if one.match == Match():
            yield ("overrides", number, "match"), "name a kind, namespace, name or path to match"
    meeting = tuple(overrides.meeting())
    for rule in RULES:
        if hasattr(rule.params, "validate"):
            yield from _misfits(rule, settings[rule.id], overrides, meeting)


def _misfits(
    rule: Rule[Any], setting: Setting, overrides: Overrides, meeting: Iterable[tuple[int, ...]]
) -> Iterator[tuple[Path, str]]:
    """Iterate over the places where the parameters of a rule do not go together."""
    if message := _misfit(setting):
        yield _section(rule), message
        return
    wrong = set[int]()
    for numbers in meeting:
        changes = [overrides.every[number].changes.get(rule.id) for number in numbers]
        if not all(changes) or not wrong.isdisjoint(numbers):
            continue
        made = reduce(lambda known, change: change.made(known), filter(None, changes), setting)
        if not (message := _misfit(made)):
            continue
        *first, last = numbers
        if first:
            message += f", with overrides[{first[0]}], which may be for the same object"
        else:
            wrong.add(last)
        yield ("overrides", last, *_section(rule)), message


def _misfit(setting: Setting) -> str:
    """Say what speaks against parameters."""
    try:
        setting.params.validate()
    except ValueError as error:
        return str(error)
    return ""
