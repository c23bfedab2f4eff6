"""A Job on spot nodes outlives the loss of some.

The provider takes such a node away when it likes. Each Pod on it counts as a failure against `backoffLimit`,
though nothing is wrong with the Job: with 0 the first node that is taken fails it. Ignored are these Pods
where `podFailurePolicy` has a rule on the condition DisruptionTarget, which needs restartPolicy: Never. Else
there have to be enough tries, as many as there are Pods at a time.

From the notice until a Pod is gone there are seconds, at some providers fewer than Kubernetes gives it to end
elsewhere: what a longer `terminationGracePeriodSeconds` is meant for is cut off. (GKE can give more than
the 15 that are usual there: if your nodes do, set `notice`.)

All of it is noted only, since to lose a Job now and then may be worth the price; the profile strict warns of
one that must run there and has no try to spare. Nodes are told by the well-known labels that the Job must
select or, where it selects nothing, by the taints that it tolerates.

Spared are Jobs with any rule on DisruptionTarget, those that a controller owns, which makes them again, and a
grace period no longer than the usual 30 seconds.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, NamedTuple

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity
from lint.rules.batch_placement import required_affinity
from lint.view import View

if TYPE_CHECKING:
    from annotated_types import Ge

_SERVERS = 6
"""What the API server takes for `backoffLimit`."""

_USUAL = 30
"""What the API server takes for `terminationGracePeriodSeconds`: nobody means something by it."""

_NOTICE = {
    "cloud.google.com/gke-spot=true": 15,
    "cloud.google.com/gke-preemptible=true": 15,
    "cloud.google.com/gke-provisioning=spot": 15,
    "cloud.google.com/gke-provisioning=preemptible": 15,
    "kubernetes.azure.com/scalesetpriority=spot": 30,
    "eks.amazonaws.com/capacityType=SPOT": 120,
    "karpenter.sh/capacity-type=spot": 120,
}


class Params(NamedTuple):
    """Which nodes may be taken away, and what a Job needs there."""

    notice: "dict[str, Annotated[int, Ge(0)]]" = _NOTICE
    """Labels of spot nodes (`key=value`), and the seconds that a Pod has to end on them. A taint of the same
    name counts likewise."""

    backoff_limit: "Annotated[int, Ge(1)]" = 3
    """The least `backoffLimit` that passes without a rule on DisruptionTarget."""


def check(job: Job, params: Params) -> Iterator[Finding]:
    pod = job.pod
    if pod.entries.keys().isdisjoint(("nodeSelector", "affinity", "tolerations")):
        return
    chosen = _selected(pod, params)
    notice = chosen if chosen is not None else _tolerated(pod, params)
    if notice is None or job.guards.partial or job.guards.owned:
        return
    yield from _tries(job, params, surely=chosen is not None)
    grace = pod.at("terminationGracePeriodSeconds")
    seconds = grace.as_int()
    if chosen is not None and seconds is not None and seconds > max(chosen, _USUAL):
        message = f"{seconds} s to end, but a spot node gives it {chosen} s: end in less"
        yield Finding(grace.path, message, severity=Severity.INFO)


def _selected(pod: View, params: Params) -> int | None:
    """Return the notice of the spot nodes that the Pods must run on; None where they need not."""
    selected = {f"{key}={value}" for key, value in pod.at("nodeSelector").entries.items()}
    if "affinity" in pod.entries:
        terms = [_labels(term) for term in required_affinity(pod).at("nodeSelectorTerms").items()]
        selected |= set.intersection(*terms) if terms else set()
    return min((params.notice[label] for label in selected & params.notice.keys()), default=None)


def _labels(term: View) -> set[str]:
    """Return the labels, as `key=value`, that a node must have for a term."""
    found = set()
    for one in term.at("matchExpressions").items():
        values = one.at("values")
        if one.at("operator").value == "In" and len(values) == 1:
            found.add(f"{one.at('key').value}={values.at(0).value}")
    return found


def _tolerated(pod: View, params: Params) -> int | None:
    """Return the notice of the spot nodes that the Pods may run on."""
    if len(pod.at("nodeSelector")) or required_affinity(pod).given:
        return None  # these may rule the nodes out
    found = (_of_taint(one, params) for one in pod.at("tolerations").items())
    return min((seconds for seconds in found if seconds is not None), default=None)


def _of_taint(toleration: View, params: Params) -> int | None:
    """Return the notice of the spot nodes whose taint is tolerated; None for others."""
    key, value = toleration.at("key").as_str() or "", toleration.at("value").as_str() or ""
    if key and toleration.at("operator").as_str() == "Exists":
        every = [seconds for label, seconds in params.notice.items() if label.startswith(f"{key}=")]
        return min(every, default=None)
    return params.notice.get(f"{key}={value}")


def _tries(job: Job, params: Params, *, surely: bool) -> Iterator[Finding]:
    """Find a Job that fails when a few nodes are taken."""
    per_index = job.spec.at("backoffLimitPerIndex")
    view = per_index if per_index.given else job.spec.at("backoffLimit")
    limit = _SERVERS if view.unset else view.as_int()
    pods = 1 if per_index.given else _at_a_time(job)
    if limit is None or (limit >= params.backoff_limit and limit >= pods) or _decided(job):
        return
    lost = "the first Pod that is" if limit == 0 else f"{limit + 1} Pods that are"
    wanted = "ignore DisruptionTarget in podFailurePolicy"
    if job.restart_policy == "OnFailure":
        wanted = f"raise this to {max(params.backoff_limit, pods)}"
    fails = f"{'fails' if limit == 0 else 'fail'} {'its index' if per_index.given else 'the Job'}"
    message = f"{lost} lost with a spot node {fails}: {wanted}"
    yield Finding(view.path, message, severity=None if surely and limit == 0 else Severity.INFO)


def _at_a_time(job: Job) -> int:
    """Return how many Pods run at the same time; 0 where that is not known."""
    parallelism, completions = job.spec.at("parallelism"), job.spec.at("completions")
    pods = 1 if parallelism.unset else parallelism.as_int() or 0
    total = completions.as_int()
    return pods if total is None else min(pods, total)


def _decided(job: Job) -> bool:
    """Tell whether the failure policy says what becomes of disrupted Pods."""
    return any(
        one.at("type").as_str() == "DisruptionTarget"
        for rule in job.spec.at("podFailurePolicy", "rules").items()
        for one in rule.at("onPodConditions").items()
    )


def _job(*fields: str, pod: str = "", policy: str = "Never") -> str:
    lines = "\n  ".join(("completions: 4", *fields))
    return f"""\
apiVersion: batch/v1
kind: Job
metadata:
  name: train
spec:
  {lines}
  template:
    spec:
      restartPolicy: {policy}
      {pod}
      containers:
        - name: train
          image: train:3.2
"""


_GKE = 'nodeSelector: {cloud.google.com/gke-spot: "true"}'
_EKS = "nodeSelector: {eks.amazonaws.com/capacityType: SPOT}"
_AZURE = "tolerations: [{key: kubernetes.azure.com/scalesetpriority, value: spot, effect: NoSchedule}]"
_KARPENTER = """\
affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms:
              - matchExpressions: [{key: karpenter.sh/capacity-type, operator: In, values: [spot]}]"""
_EITHER = _KARPENTER.replace("[spot]", "[spot, on-demand]")
_IGNORED = "podFailurePolicy: {rules: [{action: Ignore, onPodConditions: [{type: DisruptionTarget}]}]}"
_GRACE = "\n      terminationGracePeriodSeconds: "
_OWNER = "{apiVersion: jobset.x-k8s.io/v1alpha2, kind: JobSet, name: train, uid: 5a0f3a1e, controller: true}"
_NONE = "backoffLimit: 0"

RULE = Rule(
    id="spot-resilience",
    doc=__doc__,
    severity=Severity.INFO,
    class_=Class.PRACTICE,
    params=Params(),
    strict=Severity.WARNING,
    about=frozenset(("nodeSelector", "affinity", "tolerations")),
    check=check,
    good=(
        Good(_job(pod=_GKE)),
        Good(_job("backoffLimit: 3", pod=_GKE)),
        Good(_job("backoffLimit: 3", "parallelism: 3", pod=_GKE)),
        Good(_job(_NONE, _IGNORED, pod=_GKE)),
        Good(_job(_NONE, _IGNORED.replace("Ignore", "FailJob"), pod=_GKE)),  # somebody chose it
        Good(_job(_NONE, pod=_EITHER)),
        Good(_job(_NONE, pod="tolerations: [{operator: Exists}]")),
        Good(_job(_NONE, pod="nodeSelector: {disk: ssd}")),
        Good(_job(_NONE, pod=_GKE).replace("name: train", f"ownerReferences: [{_OWNER}]", 1)),
        Good(_job("completionMode: Indexed", "backoffLimitPerIndex: 3", "parallelism: 4", pod=_GKE)),
        Good(_job(pod=f"{_GKE}{_GRACE}30")),
        Good(_job(pod=f"{_EKS}{_GRACE}120")),
        Good(_job(pod="nodeSelector: {pool: cheap}"), params=Params({"tier=cheap": 60})),
    ),
    bad=(
        Bad(_job(_NONE, pod=_GKE)),
        Bad(_job(_NONE, pod=_KARPENTER, policy="OnFailure")),
        Bad(_job(_NONE, pod=_AZURE)),
        Bad(_job(_NONE, pod=_AZURE.replace("value: spot", "operator: Exists"))),
        Bad(_job("backoffLimit: 2", pod=_EKS)),
        Bad(_job("backoffLimit: 3", "parallelism: 4", pod=_EKS)),
        Bad(_job("completionMode: Indexed", "backoffLimitPerIndex: 2", pod=_GKE)),
        Bad(_job(pod=f"{_GKE}{_GRACE}31")),
        Bad(_job(pod=f"{_EKS}{_GRACE}121")),
        Bad(_job(_NONE, pod="nodeSelector: {tier: cheap}"), params=Params({"tier=cheap": 60})),
        Bad(
            """\
            apiVersion: batch/v1
            kind: CronJob
            metadata:
              name: train
            spec:
              schedule: "7 3 * * *"
              jobTemplate:
                spec:
                  backoffLimit: 0
                  template:
                    spec:
                      restartPolicy: Never
                      nodeSelector: {karpenter.sh/capacity-type: spot}
                      containers: [{name: train, image: "train:3.2"}]
            """,
        ),
    ),
)
