"""Jobs and CronJobs for tests on a real API server, and the policies that they meet there."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple, TypeAlias

import pytest

from lint.compose import DocumentError
from lint.document import parse
from lint.linter import jobs
from lint.policy import Policy
from lint.rules import RULES
from lint.source import Broken, pieces
from lint.walk import files

Tree: TypeAlias = dict[str, Any]

EXAMPLES = Path(__file__).parents[1] / "manifests" / "examples"

OFF = {"jobwarden.io/mode": "off"}
"""Labels of a namespace that the webhook is not asked about."""


def policies(**texts: str) -> pytest.MarkDecorator:
    """Have a test run with some policies, one after the other."""
    return pytest.mark.parametrize("webhook", texts.values(), ids=texts.keys(), indirect=True)


SHIPPED = policies(shipped="")
"""The policy of manifests/."""

_STRICT = """\
profile: strict
placement: {assign: require, selector: {example.com/pool: batch}}
rules: {active-deadline-missing: {mutate: false}}  # else nothing would be wrong with what kubectl makes
"""

STRICT = policies(strict=_STRICT)

STRICTEST = policies(strictest=f"{_STRICT}extendWritten: true\n")
"""With it, the webhook is asked about updates of Jobs as well, to put back what it has set."""


def job(name: str = "example", /, **spec: Any) -> Tree:
    """Make a Job that says no more than it has to; `pod` has more for the Pod's spec."""
    pod = {"restartPolicy": "Never", "containers": [container()], **spec.pop("pod", {})}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"template": {"spec": pod}, **spec},
    }


def cronjob(name: str = "example", /, *, of: Tree | None = None, **spec: Any) -> Tree:
    """Make a CronJob that says no more than it has to, of the spec of a Job."""
    template = {"spec": (of or job())["spec"]}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name},
        "spec": {"schedule": "0 4 * * *", "jobTemplate": template, **spec},
    }


def container(name: str = "main", /, **fields: Any) -> Tree:
    """Make a container."""
    return {"name": name, "image": "main:1", **fields}


def path_of(tree: Tree, namespace: str = "") -> str:
    """Return the path of a stored object; with a namespace, that of all of its kind in there."""
    metadata = tree["metadata"]
    path = f"/apis/batch/v1/namespaces/{namespace or metadata['namespace']}/{tree['kind'].lower()}s"
    return path if namespace else f"{path}/{metadata['name']}"


class Manifest(NamedTuple):
    """A Job or CronJob that somebody wrote."""

    file: str
    line: int
    tree: Tree


def manifests(folders: list[str]) -> Iterator[Manifest]:
    """Iterate over what is in folders, but not over patches and fragments."""
    for file in map(str, files(folders)):
        for piece in pieces(Path(file).read_bytes()):
            if isinstance(piece, Broken):
                continue
            with suppress(DocumentError):
                document = parse(piece.text, json=piece.json)
                for base, found in jobs(document, Policy()):
                    if not found.guards.partial:
                        start = document.locate(base)[0]
                        line = piece.line + document.text.count("\n", 0, start) + 1
                        yield Manifest(file, line, found.object.value)


def folders(room: Path) -> list[str]:
    """Return manifests/examples, the corpus if there is one, and `room`, with the examples of all rules."""
    for rule in RULES:
        texts = [good.text for good in rule.good]
        texts += [text for bad in rule.bad for text in (bad.text, bad.fixed) if text]
        for number, text in enumerate(texts):
            tree = parse(dedent(text)).value
            if "items" not in tree and not (tree["kind"] in {"Job", "CronJob"} and "apiVersion" in tree):
                continue  # kubectl sends it nowhere
            metadata = tree.get("metadata") or {}
            if "items" not in tree and not metadata.keys() & {"name", "generateName"}:
                tree = {**tree, "metadata": {**metadata, "name": "example"}}
            (room / f"{rule.id}-{number}.json").write_text(json.dumps(tree))
    corpus = os.environ.get("JOBWARDEN_CORPUS")
    return [str(EXAMPLES), *([f"{corpus}/visible"] if corpus else []), str(room)]
