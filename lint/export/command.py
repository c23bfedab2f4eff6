"""The whole output of `jobwarden export`, and what to say of it beside the output."""

from typing import Literal

from lint.export import mutating, validating
from lint.export.check import NotExported
from lint.export.manifest import head, manifest
from lint.export.settings import exported
from lint.policy import Policy

What = Literal["vap", "map"]

_OLDEST = 34
"""Older API servers crash (`concurrent map read and map write`) when policies with variables change while
requests are under way: kubernetes/kubernetes#135757. 1.31.3 does so within seconds; 1.34.4 did not in 49
changes and 683 requests, though only 1.36 has the fix."""


def export(what: What, policy: Policy, source: str, hash_: str) -> tuple[str, str]:
    """Return the policies as YAML, and a summary.

    Args:
        what: kind of the policies, by its short name.
        policy: for the Kubernetes minor that it names.
        source: the policy's file, for the head of the output.
        hash_: the policy's hash, as the webhook tells it.

    Raises:
        NotExported: this minor is better off without.
    """
    if policy.minor < _OLDEST:
        raise NotExported(
            f"API servers of Kubernetes 1.{policy.minor} can crash while such policies change "
            f"(kubernetes/kubernetes#135757): take the webhook, or 1.{_OLDEST} and newer"
        )
    if what == "map":
        result, patches = mutating.fixes(policy)
        objects, thing = list(mutating.policies(patches, policy, hash_)), "fixes"
    else:
        result = exported(policy)
        objects, thing = list(validating.policies(result.looked, policy, hash_)), "rules"
    title = f"Made by `jobwarden export {what}` from {source} for Kubernetes 1.{policy.minor}: do not edit."
    summary = (
        f"{len(result.rules)} {thing} exported, {len(result.reasons)} not: the head of the output says why"
    )
    return manifest(objects, head(title, thing, result)), summary
