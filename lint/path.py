"""Addresses in a JSON tree: one type for findings, edits, positions, pointers and Kubernetes field paths."""

import re
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""Map keys and list indexes from the root of one object, for example `("spec", "template")`."""

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_MAPS = frozenset(("requests", "limits", "labels", "annotations", "nodeSelector", "matchLabels"))
"""Fields whose keys are names that somebody chose, not fields: Kubernetes writes those in brackets."""


def pointer(path: Path) -> str:
    """Write a path as a JSON pointer (RFC 6901): `/spec/template`."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


def dotted(path: Path) -> str:
    """Write a path as Kubernetes does in its errors: `spec.containers[0].resources.requests[cpu]`."""
    text, above = "", None
    for step in path:
        if isinstance(step, int) or above in _MAPS or not _WORD.match(step):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
        above = step
    return text
