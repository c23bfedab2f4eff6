"""Answers that are known already: most Jobs that a cluster sees were made from the same few templates.

A CronJob's runs differ in their names, identities and times alone. Rules that look at those find nothing in
ordinary ones, so the answer to one run is the answer to the next.
"""

import re
from typing import Any, Generic, TypeVar

import orjson

_Answer = TypeVar("_Answer")

_MANY = 512
_LARGE = 32 * 1024
"""Bytes of an object of which no answer is kept."""

_OWN = frozenset("creationTimestamp generation managedFields name resourceVersion selfLink uid".split())
"""What metadata have for each object alone: of managedFields the times, of names the ordinary ones."""

_GENERATED = frozenset(
    "batch.kubernetes.io/controller-uid batch.kubernetes.io/job-name controller-uid job-name"
    " batch.kubernetes.io/cronjob-scheduled-timestamp".split()
)
"""Labels and annotations whose values are as unique."""

_KINDS = ("labels", "annotations", "matchLabels")
"""Where they stand."""

_ORDINARY = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")
"""Names that leave room for everything, and that no rule has anything to say of."""


class Memory(Generic[_Answer]):
    """Answers by what they depend on, for one policy at a time; the oldest are forgotten first."""

    def __init__(self) -> None:
        self._policy: object = None
        self._answers: dict[bytes, _Answer] = {}

    def get(self, policy: object, key: bytes) -> _Answer | None:
        """Return the answer to what `key` stands for, if it is known."""
        if policy is not self._policy:
            self._policy, self._answers = policy, {}
        answer = self._answers.pop(key, None)
        if answer is not None:
            self._answers[key] = answer  # the youngest again
        return answer

    def keep(self, key: bytes, answer: _Answer) -> None:
        """Remember an answer under the policy of the last `get`."""
        if 0 < len(key) <= _LARGE:
            self._answers[key] = answer
        if len(self._answers) > _MANY:
            del self._answers[next(iter(self._answers))]


def key_of(tree: dict[str, Any], *more: str | bool) -> bytes:
    """Return what answers about an object depend on: all of it but what is its own; `more` besides it.

    What no API server sends has no key: it is empty, and nothing is remembered.
    """
    metadata = tree.get("metadata")
    if not isinstance(metadata, dict):
        return b""
    name, managed = metadata.get("name"), metadata.get("managedFields")
    if isinstance(name, str) and _ORDINARY.fullmatch(name):
        name = True
    applied = [
        entry.get("fieldsV1")
        for entry in (managed if isinstance(managed, list) else ())
        if isinstance(entry, dict) and entry.get("operation") == "Apply"
    ]
    own = {key: value for key, value in metadata.items() if key not in _OWN}
    alike = {**tree, "metadata": _alike(own), "spec": _alike_spec(tree.get("spec"))}
    try:
        return orjson.dumps([alike, name, applied, more])
    except TypeError:  # it is nested too deep
        return b""


def _alike_spec(spec: Any) -> Any:
    """Leave out what the API server generates for a Job: in its selector, and in the labels of its Pods."""
    if not isinstance(spec, dict):
        return spec
    template, selector = spec.get("template"), spec.get("selector")
    if isinstance(selector, dict):
        spec = {**spec, "selector": _alike(selector)}
    if isinstance(template, dict) and isinstance(template.get("metadata"), dict):
        spec = {**spec, "template": {**template, "metadata": _alike(template["metadata"])}}
    return spec


def _alike(maps: dict[str, Any]) -> dict[str, Any]:
    """Leave out generated values; that they are there counts."""
    for kind in _KINDS:
        values = maps.get(kind)
        if isinstance(values, dict) and not _GENERATED.isdisjoint(values):
            shown = {key: key not in _GENERATED and value for key, value in values.items()}
            maps = {**maps, kind: shown}
    return maps
