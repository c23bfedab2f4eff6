"""The registry: every rule, in the order in which they look and their fixes are made.

A run that asks few of them imports those alone: what decides on that stands in lint/rule_index.py.
"""

from collections.abc import Set as AbstractSet
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

from lint.rule import Rule, Severity
from lint.rule_index import INDEX

_ORDER = (
    # The API server rejects it, or it can never work.
    "duplicate-key",
    "removed-api-version",
    "kind-misspelt",
    "wrong-type",
    "misplaced-field",
    "version-gated-field",
    "name-budget",
    "metadata-invalid",
    "numeric-bounds",
    "cron-syntax",
    "cron-never-fires",
    "concurrency-policy-invalid",
    "restart-policy-required",
    "indexed-constraints",
    "success-policy-invalid",
    "failure-policy-invalid",
    "managed-by-invalid",
    "selector-misuse",
    "template-invalid",
    "immutable-update",
    "index-without-indexed",
    # How often, how long, and for how long it stays.
    "backoff-limit",
    "onfailure-restart-budget",
    "onfailure-loses-logs",
    "per-index-onfailure",
    "per-index-backoff",
    "pod-level-deadline",
    "active-deadline-missing",
    "active-deadline-too-long",
    "deadline-vs-backoff",
    "container-restart-unbounded",
    "ttl-missing",
    "ttl-too-short",
    "ttl-too-long",
    "ttl-on-cron-template",
    "failure-policy-semantics",
    "failure-policy-disruptions",
    "work-queue-shape",
    "partition-needs-indexed",
    "parallelism-sanity",
    "suspended-orphan",
    "single-writer",
    "idempotency-declared",
    "recurring-as-cronjob",
    # When a CronJob runs, and what stays of it.
    "schedule-pitfalls",
    "timezone-explicit",
    "starting-deadline",
    "concurrency-explicit",
    "history-limits",
    # What its Pods need, and where they run.
    "container-resources",
    "resources-coherence",
    "batch-placement",
    "batch-toleration",
    "placement-coherence",
    "spot-resilience",
    "eviction-protection",
    "priority-or-queue",
    "image-tag",
    "image-provenance",
    "pod-security",
    "sa-token",
    "secret-literal",
    "remote-exec",
    "exit-status-hidden",
    "variable-not-expanded",
    "progress-logging",
    "metrics-labels",
    "sidecar-blocks-completion",
    "shared-volume",
    "init-container-hygiene",
    # Last: it speaks of what the others found.
    "unused-suppression",
)


class Head(NamedTuple):
    """A rule that is not imported yet: what decides whether it is asked, under the names that Rule has."""

    id: str
    severity: Severity
    strict: Severity | None
    graver: bool
    about: AbstractSet[str] | None

    def load(self) -> Rule[Any]:
        """Return the rule."""
        return _load(self.id)


@cache
def _load(id_: str) -> Rule[Any]:
    rule: Rule[Any] = import_module(f"lint.rules.{id_.replace('-', '_')}").RULE
    return rule


HEADS: tuple[Head | Rule[Any], ...] = tuple(
    Head(id_, *INDEX[id_]) if id_ in INDEX else _load(id_) for id_ in _ORDER
)
"""All rules; imported is only one that `make reference` has yet to put into the index."""

RULES: tuple[Rule[Any], ...]
"""All rules; whoever asks for them imports all."""


def __getattr__(name: str) -> tuple[Rule[Any], ...]:
    if name == "RULES":
        return tuple(map(_load, _ORDER))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
