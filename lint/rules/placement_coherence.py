"""What selects nodes and what tolerates them go together.

The node selector and required node affinity hold both. Where the one wants a label that the other rules out,
no node is left: the Pods stay Pending, which is no failure, so `backoffLimit` never ends it. Found only where
it can be proven: every term of the affinity, all of its placeholders filled in, contradicts the selector or
itself.

The rest is noted. A toleration lets a Pod run on tainted nodes and draws it to none: without a selector it
may as well land on the others. One of all taints (`operator: Exists` without a key) lets it start on nodes
that are drained, and stay on one that is dead, without being replaced. And some labels of nodes have new
names; new nodes may lack the old ones, of which the API server warns. (Not where the affinity has both.)

Spared are tolerations where anything places the Pods: a selector, affinity, the name of a node, a runtime
class, a device, a queue, which adds the selector, or a policy that gives every Job its toleration.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from lint.families import Placement
from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity
from lint.rules.batch_placement import is_placed, required_affinity
from lint.view import View

_RENAMED = {
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "node-role.kubernetes.io/master": "node-role.kubernetes.io/control-plane",
}
_STATES = (
    *("node.kubernetes.io/", "node-role.kubernetes.io/", "node.cloudprovider.kubernetes.io/"),
    *("CriticalAddonsOnly", "ToBeDeletedByClusterAutoscaler", "DeletionCandidateOfClusterAutoscaler"),
)
"""Taints for which there is nothing to select: states of nodes, and those of the system."""


class _Want(NamedTuple):
    """What a label of a node has to be; `said` is how it is written, in the affinity or the selector."""

    key: str
    operator: str
    values: list[Any]
    said: str
    affine: bool = True

    def excludes(self, other: "_Want") -> bool:
        """Tell whether a label that is as wanted here is never as the other wants it."""
        if self.key != other.key or self.operator not in ("In", "Exists"):
            return False
        if other.operator == "DoesNotExist":
            return True
        if self.operator != "In" or not self.values or not other.values:
            return False
        left = [value for value in self.values if value not in other.values]
        return (
            len(left) == len(self.values)
            if other.operator == "In"
            else other.operator == "NotIn" and not left
        )


def check(job: Job, params: Placement) -> Iterator[Finding]:
    pod = job.pod
    if pod.entries.keys().isdisjoint(("nodeSelector", "affinity", "tolerations")):
        return
    selector, terms = pod.at("nodeSelector"), []
    if "affinity" in pod.entries:
        terms = list(required_affinity(pod).at("nodeSelectorTerms").items())
    yield from _renamed(selector, terms)
    clashes = [_clash(selector, term) for term in terms]
    if clashes and all(clashes):
        more = " (other terms alike)" if len(terms) > 1 else ""
        message = f"no node fits: {clashes[0]}{more}; leave one out"
        yield Finding(terms[0].path, message, severity=Severity.ERROR, class_=Class.HOLE)
    if "tolerations" in pod.entries and params.assign != "require" and not _placed(job, params):
        yield from _tolerations(pod.at("tolerations"), params)


def _clash(selector: View, term: View) -> str:
    """Say why no node fits a term and the node selector; empty where one may."""
    if term.value == {}:
        return "the affinity has an empty term, true of none"
    if any(below.placeholder or not isinstance(below.value, str | list | dict) for below in term.all()):
        return ""
    wants = [
        _Want(key, "In", [view.value], f"{key}: {view.value}", affine=False)
        for key, view in selector.fields()
        if not view.placeholder and isinstance(view.value, str)
    ]
    wants += map(_wanted, term.at("matchExpressions").items())
    for index, one in enumerate(wants):
        for other in wants[index + 1 :]:
            if one.excludes(other) or other.excludes(one):
                between = " and" if one.affine else ", the affinity has"
                return (
                    f"{'the affinity' if one.affine else 'nodeSelector'} has {one.said}{between} {other.said}"
                )
    return ""


def _wanted(expression: View) -> _Want:
    """Read a requirement of node affinity."""
    key, operator = expression.at("key").as_str() or "", expression.at("operator").as_str() or ""
    values = [value.value for value in expression.at("values").items()]
    listed = ", ".join(str(value) for value in values[:3]) + (", ..." if len(values) > 3 else "")
    return _Want(key, operator, values, f"{key} {operator} {listed}".rstrip())


def _renamed(selector: View, terms: list[View]) -> Iterator[Finding]:
    """Find labels that have new names."""
    if not terms and selector.entries.keys().isdisjoint(_RENAMED):
        return
    keys = [(key, view.path) for key, view in selector.fields()]
    for term in terms:
        keys += [
            (str(one.at("key").value), one.at("key").path) for one in term.at("matchExpressions").items()
        ]
    written = {key for key, _ in keys}
    for key, path in keys:
        if key in _RENAMED and _RENAMED[key] not in written:  # some select the nodes by either
            yield Finding(path, f"the label {key} is deprecated, write {_RENAMED[key]}")


def _placed(job: Job, params: Placement) -> bool:
    """Tell whether something besides tolerations says where the Pods run, or cannot be read."""
    selector, affinity = job.pod.at("nodeSelector"), job.pod.at("affinity")
    return len(selector) > 0 or len(affinity) > 0 or job.guards.partial or is_placed(job, params)


def _tolerations(tolerations: View, params: Placement) -> Iterator[Finding]:
    """Find tolerations that do not do what they seem to; one of each kind is enough."""
    ours = params.toleration if params.assign == "tolerate" else None
    every, other = None, None
    for one in tolerations.items():
        key = one.at("key")
        if not key.value or key.missing:
            every = one if one.at("operator").as_str() == "Exists" else every
        elif one.value != ours and not key.placeholder and not str(key.value).startswith(_STATES):
            other = one
    if every is not None:
        message = "tolerates every taint, that of drained and dead nodes too: name the ones that are meant"
        yield Finding(every.path, message)
    if other is not None:
        name = other.at("key").value
        yield Finding(
            other.path,
            f"the taint {name} is tolerated, but no node with it is selected: select some, or leave this out",
            severity=Severity.INFO,
        )


def _job(*fields: str) -> str:
    lines = "\n      ".join(("restartPolicy: Never", *fields))
    return f"""\
apiVersion: batch/v1
kind: Job
metadata:
  name: train
spec:
  template:
    spec:
      {lines}
      containers:
        - name: train
          image: train:3.2
"""


def _affinity(*terms: str) -> str:
    listed = ", ".join(f"{{matchExpressions: [{term}]}}" for term in terms)
    required = f"requiredDuringSchedulingIgnoredDuringExecution: {{nodeSelectorTerms: [{listed}]}}"
    return f"affinity: {{nodeAffinity: {{{required}}}}}"


def _disk(operator: str, *values: str) -> str:
    listed = f", values: [{', '.join(values)}]" if values else ""
    return f"{{key: disk, operator: {operator}{listed}}}"


_SSD = "nodeSelector: {disk: ssd}"
_GPU = "tolerations: [{key: gpu, operator: Exists}]"
_ANY = "tolerations: [{operator: Exists}]"
_POOL = 'tolerations: [{key: batch, operator: Equal, value: "true", effect: NoSchedule}]'

RULE = Rule(
    id="placement-coherence",
    doc=__doc__,
    severity=Severity.INFO,
    class_=Class.PRACTICE,
    params=Placement(),
    family="placement",
    strict=Severity.WARNING,
    check=check,
    graver=True,
    about=frozenset(("nodeSelector", "affinity", "tolerations")),
    good=(
        Good(_job(_SSD, _affinity(_disk("In", "ssd", "hdd")))),
        Good(_job(_SSD, _affinity(_disk("In", "hdd"), _disk("Exists")))),  # one term fits
        Good(_job(_SSD, _affinity(_disk("NotIn", "hdd")))),
        Good(_job(_SSD, _affinity("{key: arch, operator: In, values: [arm64]}"))),
        Good(_job(_SSD, _affinity(_disk("In", '"{{ disk }}"')))),
        Good(_job('nodeSelector: {disk: "${DISK}"}', _affinity(_disk("In", "hdd")))),
        Good(_job(_affinity(_disk("NotIn", "hdd") + ", " + _disk("DoesNotExist")))),
        Good(
            _job(
                _affinity(
                    "{key: kubernetes.io/os, operator: Exists}",
                    "{key: beta.kubernetes.io/os, operator: Exists}",
                )
            )
        ),
        Good(_job(_SSD, _GPU)),
        Good(_job(_affinity(_disk("Exists")), _ANY)),
        Good(_job("nodeName: node-1", _ANY)),
        Good(_job("tolerations: [{key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute}]")),
        Good(_job('tolerations: [{key: "{{ taint }}", operator: Exists}]')),
        Good(_job("schedulingGates: [{name: acme.io/queue}]", _GPU)),
        Good(_job(_POOL), params=Placement(assign="tolerate")),
        Good(_job(_GPU) + "          resources: {limits: {acme.io/gpu: 1}}\n"),
        Good("apiVersion: batch/v1\nkind: Job\nspec: {template: {spec: {tolerations: [{key: gpu}]}}}\n"),
    ),
    bad=(
        Bad(_job(_SSD, _affinity(_disk("In", "hdd", "nvme")))),
        Bad(_job(_SSD, _affinity(_disk("In", "hdd"), _disk("NotIn", "ssd"), _disk("DoesNotExist")))),
        Bad(_job(_affinity(_disk("In", "hdd") + ", " + _disk("In", "ssd")))),
        Bad(_job(_affinity(_disk("Exists") + ", " + _disk("DoesNotExist")))),
        Bad(_job(_affinity("").replace("{matchExpressions: []}", "{}"))),
        Bad(_job("nodeSelector: {beta.kubernetes.io/os: linux}")),
        Bad(_job(_affinity("{key: failure-domain.beta.kubernetes.io/zone, operator: Exists}"))),
        Bad(_job(_GPU)),
        Bad(_job(_ANY)),
        Bad(_job(_POOL)),
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
                  template:
                    spec:
                      restartPolicy: Never
                      nodeSelector: {kubernetes.io/arch: arm64}
                      affinity:
                        nodeAffinity:
                          requiredDuringSchedulingIgnoredDuringExecution:
                            nodeSelectorTerms:
                              - matchExpressions: [{key: kubernetes.io/arch, operator: In, values: [amd64]}]
                      containers: [{name: train, image: "train:3.2"}]
            """,
        ),
    ),
)
