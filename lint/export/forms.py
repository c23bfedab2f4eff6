"""Which rules are exported, and why the others are not."""

from lint.export import (
    affinity,
    containers,
    failures,
    indexes,
    nodes,
    pod_security,
    resources,
    retries,
    shapes,
    times,
    writers,
)
from lint.export.check import Form
from lint.rule import Severity

FORMS: dict[str, Form] = {
    "active-deadline-missing": times.active_deadline_missing,
    "active-deadline-too-long": times.active_deadline_too_long,
    "backoff-limit": retries.backoff_limit,
    "batch-placement": nodes.batch_placement,
    "batch-toleration": nodes.batch_toleration,
    "container-resources": resources.container_resources,
    "container-restart-unbounded": retries.container_restart_unbounded,
    "deadline-vs-backoff": times.deadline_vs_backoff,
    "eviction-protection": nodes.eviction_protection,
    "failure-policy-disruptions": failures.failure_policy_disruptions,
    "failure-policy-invalid": failures.failure_policy_invalid,
    "failure-policy-semantics": failures.failure_policy_semantics,
    "history-limits": shapes.history_limits,
    "idempotency-declared": writers.idempotency_declared,
    "image-provenance": containers.image_provenance,
    "image-tag": containers.image_tag,
    "index-without-indexed": indexes.index_without_indexed,
    "indexed-constraints": indexes.indexed_constraints,
    "metrics-labels": containers.metrics_labels,
    "name-budget": shapes.name_budget,
    "numeric-bounds": shapes.numeric_bounds,
    "onfailure-loses-logs": retries.onfailure_loses_logs,
    "onfailure-restart-budget": retries.onfailure_restart_budget,
    "parallelism-sanity": shapes.parallelism_sanity,
    "per-index-backoff": retries.per_index_backoff,
    "per-index-onfailure": retries.per_index_onfailure,
    "placement-coherence": affinity.placement_coherence,
    "pod-security": pod_security.pod_security,
    "pod-level-deadline": times.pod_level_deadline,
    "priority-or-queue": nodes.priority_or_queue,
    "recurring-as-cronjob": shapes.recurring_as_cronjob,
    "resources-coherence": resources.resources_coherence,
    "sa-token": containers.sa_token,
    "selector-misuse": shapes.selector_misuse,
    "sidecar-blocks-completion": containers.sidecar_blocks_completion,
    "single-writer": writers.single_writer,
    "spot-resilience": nodes.spot_resilience,
    "suspended-orphan": shapes.suspended_orphan,
    "ttl-missing": times.ttl_missing,
    "ttl-on-cron-template": times.ttl_on_cron_template,
    "ttl-too-long": times.ttl_too_long,
    "ttl-too-short": times.ttl_too_short,
    "work-queue-shape": shapes.work_queue_shape,
}
"""By rule id."""

_SERVER = "the API server itself rejects what it finds"
_GONE = "nothing of it is left by the time that policies are asked"
_SCHEDULE = "it reckons with schedules, which CEL does not"
_SCRIPT = "it reads commands and values with more than CEL's regular expressions can say"

REASONS = {
    "concurrency-explicit": _SCHEDULE,
    "concurrency-policy-invalid": _SERVER,
    "cron-never-fires": _SCHEDULE,
    "cron-syntax": _SERVER,
    "duplicate-key": _GONE,
    "exit-status-hidden": _SCRIPT,
    "immutable-update": _SERVER,
    "init-container-hygiene": _SCRIPT,
    "managed-by-invalid": _SERVER,
    "metadata-invalid": "what the API server rejects it says itself; the rest is its own grammar of labels",
    "misplaced-field": _GONE,
    "partition-needs-indexed": _SCRIPT,
    "progress-logging": _SCRIPT,
    "remote-exec": _SCRIPT,
    "kind-misspelt": _SERVER,
    "removed-api-version": _SERVER,
    "restart-policy-required": _SERVER,
    "schedule-pitfalls": _SCHEDULE,
    "secret-literal": _SCRIPT,
    "shared-volume": "no admission sees the claims beside a Job",
    "starting-deadline": _SCHEDULE,
    "success-policy-invalid": "it compares lists of indexes, which CEL cannot read into numbers",
    "template-invalid": _SERVER,
    "timezone-explicit": _SCHEDULE,
    "unused-suppression": "it asks what all other rules find, and not all of them are here",
    "variable-not-expanded": _SCRIPT,
    "version-gated-field": "the API server has dropped the fields by then",
    "wrong-type": _SERVER,
}
"""Why a rule is not exported, by its id."""

PARTS = {
    "index-without-indexed": (
        frozenset((Severity.ERROR,)),
        "only what can never work: what scripts read in vain, CEL's regular expressions cannot tell",
    ),
    "resources-coherence": (
        frozenset((Severity.WARNING,)),
        "but for the sums that resources of the Pod as a whole have to hold: CEL adds up no quantities",
    ),
}
"""Rules that are exported in part: with these severities of its findings, by default, and why not others."""
