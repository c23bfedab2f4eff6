"""Exported objects as YAML to read: expressions of several lines stand in blocks."""

from collections.abc import Iterable, Mapping
from textwrap import wrap
from typing import Any

import yaml

from lint.export.forms import PARTS
from lint.export.settings import Exported

_WIDTH = 110


class _Dumper(yaml.SafeDumper):
    """Writes lists under their key, and no anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _block(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else ">" if len(value) > 80 else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _block)


def manifest(objects: Iterable[dict[str, Any]], head: str) -> str:
    """Write objects under a comment."""
    return head + yaml.dump_all(
        objects, Dumper=_Dumper, sort_keys=False, width=_WIDTH, explicit_start=True, allow_unicode=True
    )


def head(title: str, thing: str, result: Exported) -> str:
    """Say which rules or fixes are exported, and why the rest is not."""
    lines = [title, "", f"{len(result.rules)} {thing} are exported:", *_listed(result.rules)]
    if parts := _reasons({rule: PARTS[rule][1] for rule in result.rules if rule in PARTS}):
        lines += ["", "of these in part:", *parts]
    if result.reasons:
        lines += ["", f"{len(result.reasons)} {thing} are not exported:", *_reasons(result.reasons)]
    if result.off:
        lines += ["", f"{len(result.off)} {thing} do nothing under this policy:", *_listed(result.off)]
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)


def _reasons(reasons: Mapping[str, str]) -> list[str]:
    """Write each reason below the rules that it is the reason for."""
    by_reason: dict[str, list[str]] = {}
    for rule, reason in reasons.items():
        by_reason.setdefault(reason, []).append(rule)
    return [
        line for reason, rules in by_reason.items() for line in (*_listed(rules), *_listed([reason], " " * 6))
    ]


def _listed(words: Iterable[str], indent: str = "  ") -> list[str]:
    width = _WIDTH - len("# ")
    text = ", ".join(words)
    return wrap(text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
