"""Pods that may run for days are not moved to save a node.

The Cluster Autoscaler and Karpenter empty nodes that are little used. To them the Pod of a Job is like that
of a service: they evict it, and the work of hours begins anew on another node. Again and again, where the
node is the last with room: then the Job reaches its deadline without an error in its log.

An annotation on the Pods keeps their node until they have ended. It costs what the node costs, and does not
help against a spot node that is taken away.

Told is only a deadline that is written and longer than the policy says, where each Pod may use it up: not
where one after the other does a part. Spared are Pods with one of the annotations, whatever its value, with
a deadline of their own, and Jobs whose failure policy ignores disruptions: there somebody counts on them.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, NamedTuple

from lint.edit import Set
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity

if TYPE_CHECKING:
    from annotated_types import Ge

_ALIKE = ("karpenter.sh/do-not-evict", "autoscaling.cast.ai/removal-disabled")
"""Other annotations, and labels, with the same meaning."""


_KEEP = {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false", "karpenter.sh/do-not-disrupt": "true"}


class Params(NamedTuple):
    """Which Pods are not moved, and how that is said."""

    longer_than: "Annotated[int, Ge(0)]" = 86400
    """Seconds that a Job may be active without being called long."""

    annotations: dict[str, str] = _KEEP
    """What the Pods are given: one of these keys is enough to pass."""


def check(job: Job, params: Params) -> Iterator[Finding]:
    deadline = job.spec.at("activeDeadlineSeconds").as_int()
    if deadline is None or deadline <= params.longer_than or not params.annotations or job.guards.partial:
        return
    own = job.pod.at("activeDeadlineSeconds").as_int()
    if (own is not None and own <= params.longer_than) or _in_parts(job) or _expects_disruptions(job):
        return
    metadata = job.template.at("metadata")
    written = metadata.at("annotations").entries.keys() | metadata.at("labels").entries.keys()
    if not written.isdisjoint((*params.annotations, *_ALIKE)):
        return
    path = (*metadata.path, "annotations")
    edits = tuple(Set((*path, key), value) for key, value in params.annotations.items())
    wanted = ", ".join(f"{key}: {value}" for key, value in params.annotations.items())
    fix = Fix(f"annotate the Pods with {wanted}", edits, safe=False)
    kept = next(iter(params.annotations))
    yield Finding(path, f"a Pod that may run {deadline} s is moved off a little used node: set {kept}", fix)


def _in_parts(job: Job) -> bool:
    """Tell whether Pods run one after the other, so that each is shorter than the whole."""
    completions, parallelism = job.spec.at("completions"), job.spec.at("parallelism")
    if completions.unset:
        return False
    total, width = completions.as_int(), 1 if parallelism.unset else parallelism.as_int()
    return total is None or width is None or total > width


def _expects_disruptions(job: Job) -> bool:
    """Tell whether the failure policy ignores disruptions."""
    return any(
        rule.at("action").as_str() == "Ignore"
        and any(one.at("type").as_str() == "DisruptionTarget" for one in rule.at("onPodConditions").items())
        for rule in job.spec.at("podFailurePolicy", "rules").items()
    )


def _job(*fields: str, metadata: str = "labels: {team: ml}", pod: str = "restartPolicy: Never") -> str:
    lines = "\n  ".join(("backoffLimit: 2", *fields))
    return f"""\
apiVersion: batch/v1
kind: Job
metadata:
  name: train
spec:
  {lines}
  template:
    metadata:
      {metadata}
    spec:
      {pod}
      containers: [{{name: train, image: "train:3.2"}}]
"""


_CRONJOB = """\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: train
spec:
  schedule: "7 3 * * 6"
  jobTemplate:
    spec:
      activeDeadlineSeconds: 200000
      template:
        spec:
          restartPolicy: Never
          containers: [{name: train, image: "train:3.2"}]
"""
_MADE = """\
{0}annotations:
{0}  cluster-autoscaler.kubernetes.io/safe-to-evict: "false"
{0}  karpenter.sh/do-not-disrupt: "true"
"""
_BOTH = f"labels: {{team: ml}}\n{_MADE.format(' ' * 6)}".rstrip()
_LONG = "activeDeadlineSeconds: 86401"
_IGNORED = "podFailurePolicy: {rules: [{action: Ignore, onPodConditions: [{type: DisruptionTarget}]}]}"

RULE = Rule(
    id="eviction-protection",
    doc=__doc__,
    severity=Severity.INFO,
    class_=Class.PRACTICE,
    params=Params(),
    strict=Severity.WARNING,
    about=frozenset(("activeDeadlineSeconds",)),
    check=check,
    good=(
        Good(_job("activeDeadlineSeconds: 86400")),
        Good(_job()),
        Good(_job(_LONG, metadata='annotations: {karpenter.sh/do-not-disrupt: "true"}')),
        Good(_job(_LONG, metadata='annotations: {cluster-autoscaler.kubernetes.io/safe-to-evict: "true"}')),
        Good(_job(_LONG, metadata='labels: {autoscaling.cast.ai/removal-disabled: "true"}')),
        Good(_job(_LONG, "completions: 9", "parallelism: 8")),
        Good(_job(_LONG, pod="restartPolicy: Never\n      activeDeadlineSeconds: 600")),
        Good(_job(_LONG, _IGNORED)),
        Good(_job(_LONG), params=Params(annotations={})),
        Good(f"apiVersion: batch/v1\nkind: Job\nspec:\n  {_LONG}\n  template: {{spec: {{}}}}\n"),  # a patch
    ),
    bad=(
        Bad(_job(_LONG), _job(_LONG, metadata=_BOTH)),
        Bad(
            _job(_LONG, "completions: 8", "parallelism: 8"),
            _job(_LONG, "completions: 8", "parallelism: 8", metadata=_BOTH),
        ),
        Bad(
            _job("activeDeadlineSeconds: 3601", metadata="annotations: {team: ml}"),
            _job("activeDeadlineSeconds: 3601", metadata='annotations: {team: ml, acme.io/keep: "yes"}'),
            params=Params(3600, {"acme.io/keep": "yes"}),
        ),
        Bad(_CRONJOB, f"{_CRONJOB}        metadata:\n{_MADE.format(' ' * 10)}"),
    ),
)
