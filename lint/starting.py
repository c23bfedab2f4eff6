"""The beginning: a policy file for a repository, with every default in a comment, and what to do next."""

import json
import os
from collections.abc import Iterator
from contextlib import closing
from textwrap import wrap
from typing import Any, NamedTuple

from lint.families import Placement
from lint.file import Fixing, Task
from lint.job import DEFAULT_MINOR
from lint.policy import Policy
from lint.policy_file import load
from lint.reference import attribute_docs, camel
from lint.rule import Severity
from lint.rules import RULES
from lint.survey import Survey, survey
from lint.walk import Unreadable, files
from lint.work import Order, work

_BASELINE = "baseline.json"
_WIDTH = 110


class StartError(Exception):
    """There is a policy file already, or none can be written."""


class _Numbers(NamedTuple):
    """What a run finds, and what its fixes mend."""

    errors: int
    warnings: int
    mended: int
    files: int
    """Those that fixes change."""

    left: int


def start(folder: str, name: str) -> str:
    """Write a policy file into a folder, and return what to tell.

    Raises:
        StartError: there is one already, or none can be written.
    """
    path = name if folder == os.curdir else os.path.join(folder, name)
    paths = list(files([folder])) if os.path.isdir(folder) else None
    if paths is None:
        raise StartError(f"{folder}: it is no folder: name the root of the repository")
    if os.path.lexists(path):
        raise StartError(f"{path}: there is one already, and it stays as it is")
    seen = survey(paths)
    text = written(seen)
    policy = load(text, path)
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise StartError(f"{path}: cannot be written: {(error.strerror or str(error)).lower()}") from error
    told = f"{path}: written; what it does not set is a comment with the default\n{_summary(seen)}\n\n"
    return told + "\n".join(_steps(_numbers(paths, policy), seen, folder))


def written(seen: Survey) -> str:
    """Write the policy file for what was seen."""
    blocks = [
        [
            "# The policy of Jobwarden, for `jobwarden lint` and for the webhook.",
            *_comment(f"Seen by `jobwarden init`: {_summary(seen)}."),
            *_comment("What is commented out is the default. All rules: `jobwarden rules`."),
        ],
        _version(seen),
        ["# How much is asked for: default, or strict.", "# profile: default"],
        [
            *_comment("How far the webhook goes where a namespace has no label: off, audit, warn, enforce."),
            "# mode: enforce",
        ],
        *(_section(name, params, seen) for name, params in _families().items()),
        _rules(seen),
    ]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in wrap(text, _WIDTH - 2)]


def _version(seen: Survey) -> list[str]:
    """Write which Kubernetes the Jobs are for."""
    note = "The minor of Kubernetes that the Jobs are for, in quotes."
    if seen.minor is None:
        return [f"# {note}", f'# kubernetesVersion: "1.{DEFAULT_MINOR}"']
    others = f"; the default is 1.{DEFAULT_MINOR}."
    return [
        *_comment(f"{note} Seen in the configuration of a cluster{others}"),
        f'kubernetesVersion: "1.{seen.minor}"',
    ]


def _families() -> dict[str, Any]:
    """Return the sections that several rules share, with their defaults."""
    return {rule.family: rule.params for rule in RULES if rule.family}


def _section(name: str, params: Any, seen: Survey) -> list[str]:
    """Write a section: what was seen as it is, everything else as comments."""
    about = (type(params).__doc__ or "").partition("`: ")[2].partition("\n")[0]
    lines = _comment(about[:1].upper() + about[1:])
    values = seen.pool if isinstance(params, Placement) else None
    if not values:
        entries = [line for key in params._fields for line in _entry(key, params)]
        return [*lines, f"# {name}:", *(f"#   {line}" for line in entries)]
    lines += _comment("Selector and toleration are those of the Jobs that are here.")
    lines.append(f"{name}:")
    for key in params._fields:
        entry = _entry(key, params)
        lines += [f"  {line}" if line[0] == "#" else f"  # {line}" for line in entry]
        if key in values:
            lines.append(f"  {camel(key)}: {json.dumps(values[key])}")
    return lines


def _entry(key: str, params: Any) -> list[str]:
    """Write a parameter with its default, and what it is for in a comment."""
    notes = wrap(attribute_docs(type(params)).get(key, ""), _WIDTH - 8)
    value = f"{camel(key)}: {json.dumps(getattr(params, key))}"
    lines = wrap(value, _WIDTH - 8, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return [*(f"# {line}" for line in notes), *lines]


def _rules(seen: Survey) -> list[str]:
    """Write how one rule is set, with those that matter for what was seen."""
    lines = [
        *_comment("One rule at a time: severity off, info, warning or error, and its own parameters."),
        "# rules:",
        "#   image-tag: {severity: warning}",
    ]
    if seen.gitops_files or seen.gitops:
        lines += [
            *_comment(
                "Argo CD or Flux applies what is here. A Job that deletes itself is made by it again, and "
                "runs again: if it manages Jobs that do not show its marks, take this in."
            ),
            "#   ttl-missing: {severity: off}",
        ]
    if seen.queued:
        lines += _comment(
            f"Kueue decides when and where {_some(seen.queued, 'Job')} of these run: that is seen."
        )
    return lines


def _summary(seen: Survey) -> str:
    """Say on one line what was seen."""
    kinds = " and ".join(_some(seen.kinds[kind], kind) for kind in ("Job", "CronJob"))
    told = [f"{kinds} in {_some(seen.files, 'file')}"]
    others = {
        "template": seen.templates,
        "Helm chart": seen.charts,
        "kustomization": seen.kustomizations,
        "file for Argo CD or Flux": seen.gitops_files,
        "Job in a Kueue queue": seen.queued,
        "part that cannot be read": seen.unreadable,
    }
    told += [_some(number, noun) for noun, number in others.items() if number]
    return ", ".join(told)


def _some(number: int, noun: str) -> str:
    head, blank, rest = noun.partition(" ") if noun[:4] in ("file", "part", "Job ") else (noun, "", "")
    return f"{number} {head}{'' if number == 1 else 's'}{blank}{rest}"


def _numbers(paths: list[str | Unreadable], policy: Policy) -> _Numbers:
    """Count what is found, and what is left after the safe fixes, which are made in memory."""
    now, _, _ = _counted(paths, policy, None)
    after, mended, changed = _counted(paths, policy, Fixing(unsafe=False))
    left = sum(severity >= Severity.WARNING for severity in after)
    errors, warnings = now.count(Severity.ERROR), now.count(Severity.WARNING)
    return _Numbers(errors, warnings, mended, changed, left)


def _counted(paths: list[str | Unreadable], policy: Policy, task: Task) -> tuple[list[Severity], int, int]:
    """Return the severities of findings, the number of those mended, and that of the files changed for it."""
    severities: list[Severity] = []
    mended = changed = 0
    with closing(work(paths, Order(policy, task, diff=True))) as results:
        for done in results:
            if not isinstance(done, int) and done.inspected is not None:
                severities += [one.violation.severity for one in done.inspected.findings]
                mended += done.inspected.fixed
                changed += bool(done.inspected.changes)
    return severities, mended, changed


def _steps(numbers: _Numbers, seen: Survey, folder: str) -> Iterator[str]:
    """Say what to do next, with the numbers of now."""
    where = "" if folder == os.curdir else f" {folder}"
    found = numbers.errors + numbers.warnings
    told = f"{_some(numbers.errors, 'error')}, {_some(numbers.warnings, 'warning')}"
    fixes = f"mends {_some(numbers.mended, 'finding')} in {_some(numbers.files, 'file')}"
    rest = f"puts the {numbers.left} that are left away: with --baseline only what is new is told"
    steps = (
        (f"jobwarden lint{where}", told if found else "nothing is found"),
        (
            f"jobwarden lint{where} --fix",
            f"{fixes}; --diff shows them first" if numbers.mended else "has nothing to mend",
        ),
        (
            f"jobwarden lint{where} --write-baseline {_BASELINE}",
            rest if numbers.left else "is not needed: nothing is left; put `jobwarden lint` into CI",
        ),
    )
    width = max(len(command) for command, _ in steps)
    yield "Next:"
    for number, (command, meaning) in enumerate(steps, 1):
        yield f"  {number}. {command:{width}}  # {meaning}"
    if seen.charts or seen.kustomizations:
        yield "With --render, what Helm and Kustomize make is linted as well."
