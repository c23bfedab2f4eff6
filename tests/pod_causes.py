"""What is said of the spec of Pods: by us, and by API servers."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml

from lint.defaults import defaulted
from lint.validation.cause import Cause
from lint.validation.dropping import dropped, without
from lint.validation.pod import pod
from lint.validation.scheduling import annotated_tolerations

if TYPE_CHECKING:
    from apiserver import ApiServer

MINORS = (31, 34, 37)
NEWEST = 37
AT = "spec.template.spec"
_OURS = r"spec\.(jobTemplate\.spec\.)?template\.spec(\.(?!containers|initContainers|restartPolicy).*)?"
"""Fields of Pods, but for those of their containers."""

_BAD_REQUEST = 400


class Said(NamedTuple):
    """A cause, as a server writes it."""

    field: str
    message: str

    @property
    def type(self) -> str:
        """The beginning of the message."""
        return self.message.partition(":")[0]


def job(spec: dict[str, Any]) -> dict[str, Any]:
    """Make a Job with one container and with what is given."""
    given = {"restartPolicy": "Never", "containers": [{"name": "a", "image": "i"}], **spec}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "x"},
        "spec": {"template": {"spec": given}},
    }


def cases(name: str) -> list[tuple[dict[str, Any], str]]:
    """Read a file of cases: a map in one line, and below it what Kubernetes 1.37 finds in it."""
    text = (Path(__file__).parent / "validation" / name).read_text("utf-8")
    blocks = (block.splitlines() for block in text.rstrip().split("\n\n"))
    return [(yaml.safe_load(first), "\n".join(map(str.strip, rest))) for first, *rest in blocks]


def disagreements(server: "ApiServer", trees: Iterable[dict[str, Any]]) -> list[Any]:
    """Return what a server says in another way than we do: other fields or types, or words of the newest."""
    wrong: list[Any] = []
    for tree in trees:
        theirs, ours = said(server, tree), found(tree, server.minor)
        if theirs is None:
            continue
        if in_short(theirs, AT) != in_short(ours, AT):
            wrong.append((tree, in_short(theirs, AT), in_short(ours, AT)))
        elif server.minor == NEWEST and {one.message for one in theirs} != {one.message for one in ours}:
            wrong.append((tree, theirs, ours))
    return wrong


def found(tree: dict[str, Any], minor: int = NEWEST) -> list[Cause]:
    """Say what is wrong with the Pods of a Job or CronJob, but for their containers."""
    filled = defaulted(tree, minor)
    filled = without(filled, dropped(filled, minor))
    at = ("spec", "jobTemplate", "spec") if tree["kind"] == "CronJob" else ("spec",)
    template = filled
    for key in (*at, "template"):
        template = template[key]
    here = (*at, "template")
    return [*pod(template["spec"], (*here, "spec"), minor), *annotated_tolerations(template, here, minor)]


def in_short(causes: Sequence[Cause | Said], at: str) -> str:
    """Write fields below a place, and types."""
    lines = {
        f"{one.field.removeprefix(at).lstrip('.')} {one.type.removesuffix(' value')}".strip()
        for one in causes
    }
    return "\n".join(sorted(lines))


def said(server: "ApiServer", tree: dict[str, Any]) -> list[Said] | None:
    """Ask a server; None: it does not know a field, or cannot read it."""
    answer = server.dry_run(tree)
    if answer.status == _BAD_REQUEST:
        return None
    return _ours(answer.body.get("details", {}).get("causes", ()))


def _ours(causes: Sequence[dict[str, str]]) -> list[Said]:
    every = [Said(cause["field"], cause["message"]) for cause in causes]
    return [
        one for one in every if re.fullmatch(_OURS, one.field) and "ephemeralContainers[" not in one.field
    ]


@cache
def _rows() -> list[dict[str, Any]]:
    if not os.environ.get("JOBWARDEN_VECTORS"):
        pytest.skip("JOBWARDEN_VECTORS names no folder: see CONTRIBUTING.md")
    text = (Path(os.environ["JOBWARDEN_VECTORS"]) / "validation.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def answered(minor: int) -> Iterator[tuple[dict[str, Any], list[Said]]]:
    """Return the objects that a server has read, with what it said of their Pods."""
    for row in _rows():
        verdict = row["verdicts"][f"1.{minor}"]
        if verdict["code"] in (200, 201, 422):
            yield row["object"], _ours(verdict.get("causes", ()))
