"""The registry: every rule, in the order in which they look and their fixes are made."""

from typing import Any

from lint.rule import Rule
from lint.rules import (
    active_deadline_missing,
    active_deadline_too_long,
    backoff_limit,
    batch_placement,
    batch_toleration,
    container_resources,
    duplicate_key,
    failure_policy_invalid,
    failure_policy_semantics,
    image_tag,
    index_without_indexed,
    indexed_constraints,
    name_budget,
    resources_coherence,
    restart_policy_required,
    sidecar_blocks_completion,
    success_policy_invalid,
    ttl_missing,
    ttl_on_cron_template,
    ttl_too_long,
    ttl_too_short,
    unused_suppression,
    work_queue_shape,
)

RULES: tuple[Rule[Any], ...] = (
    # The API server rejects it, or it can never work.
    duplicate_key.RULE,
    name_budget.RULE,
    restart_policy_required.RULE,
    indexed_constraints.RULE,
    success_policy_invalid.RULE,
    failure_policy_invalid.RULE,
    index_without_indexed.RULE,
    # How often, how long, and for how long it stays.
    backoff_limit.RULE,
    active_deadline_missing.RULE,
    active_deadline_too_long.RULE,
    ttl_missing.RULE,
    ttl_too_short.RULE,
    ttl_too_long.RULE,
    ttl_on_cron_template.RULE,
    failure_policy_semantics.RULE,
    work_queue_shape.RULE,
    # What its Pods need, and where they run.
    container_resources.RULE,
    resources_coherence.RULE,
    batch_placement.RULE,
    batch_toleration.RULE,
    image_tag.RULE,
    sidecar_blocks_completion.RULE,
    # Last: it speaks of what the others found.
    unused_suppression.RULE,
)
