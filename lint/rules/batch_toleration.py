"""A Job that runs on the batch nodes tolerates their taint.

A taint keeps everything else off these nodes. A Job that selects them without tolerating it fits nowhere: its
Pods stay Pending, which is no failure, so `backoffLimit` never ends it.

With `assign: tolerate` in the policy, every Job without tolerations gets this one, which alone moves nothing.
With `assign: require`, so does a Job with others, unless it is placed elsewhere. A Job in a queue is left to
the queue then, which adds the toleration itself. Any toleration that covers the taint will do: of every
effect, of every value, or of all taints.
"""

from collections.abc import Iterator

from lint.edit import Set
from lint.families import Placement
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity
from lint.rules.batch_placement import is_placed, required_affinity
from lint.view import View


def check(job: Job, params: Placement) -> Iterator[Finding]:
    tolerations = job.pod.at("tolerations")
    if job.guards.partial or not (tolerations.unset or isinstance(tolerations.value, list)):
        return
    selected = _selects(job.pod, params)
    if not selected and not _assigned(job, params, len(tolerations)):
        return
    if any(_covers(one, params.toleration) for one in tolerations.items()):
        return
    taint = _taint(params.toleration)
    message = f"the Pods cannot run on the batch nodes: nothing tolerates the taint {taint}"
    if selected:
        message = f"the Pods select the batch nodes, which have the taint {taint} by the policy: tolerate it"
    edit = Set((*tolerations.path, len(tolerations)), dict(params.toleration))
    fix = None if tolerations.value is None else Fix(f"tolerate {taint}", (edit,))
    yield Finding(tolerations.path, message, fix)


def _selects(pod: View, params: Placement) -> bool:
    """Tell whether the Pods can run on the batch nodes only."""
    if not params.selector or pod.entries.keys().isdisjoint(("nodeSelector", "affinity")):
        return False
    labels = pod.at("nodeSelector").entries
    return all(labels.get(key) == value or _affine(pod, key, value) for key, value in params.selector.items())


def _affine(pod: View, key: str, value: str) -> bool:
    """Tell whether required node affinity leaves no other value of a label."""
    terms = list(required_affinity(pod).at("nodeSelectorTerms").items())
    wanted = {"key": key, "operator": "In", "values": [value]}
    return bool(terms) and all(
        any(expression.value == wanted for expression in term.at("matchExpressions").items())
        for term in terms
    )


def _assigned(job: Job, params: Placement, tolerations: int) -> bool:
    """Tell whether the policy gives the toleration to a Job that does not select the batch nodes."""
    if params.assign == "selected" or job.guards.queue:
        return False
    return not tolerations or (params.assign == "require" and not is_placed(job, params))


def _covers(written: View, ours: dict[str, str]) -> bool:
    """Tell whether a toleration covers what ours does; what cannot be read may well do."""
    fields = [written.at(name) for name in ("key", "operator", "value", "effect")]
    if not isinstance(written.value, dict) or any(
        field.placeholder or (field.given and field.as_str() is None) for field in fields
    ):
        return True
    key, operator, value, effect = (field.as_str() or "" for field in fields)
    if effect and ours.get("effect") and effect != ours["effect"]:
        return False
    if operator == "Exists":
        return key in ("", ours.get("key", ""))
    if operator not in ("", "Equal") or key != ours.get("key", ""):
        return False
    return ours.get("operator") == "Exists" or value == ours.get("value", "")


def _taint(toleration: dict[str, str]) -> str:
    """Write a taint as `kubectl taint` takes it: `batch=true:NoSchedule`."""
    value, effect = toleration.get("value"), toleration.get("effect")
    return toleration.get("key", "*") + (f"={value}" if value else "") + (f":{effect}" if effect else "")


_EXISTS = {"key": "batch", "operator": "Exists"}

RULE = Rule(
    id="batch-toleration",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=Placement(),
    family="placement",
    strict=Severity.ERROR,
    check=check,
    good=(
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              template:
                spec:
                  restartPolicy: Never
                  nodeSelector:
                    workload-type: batch
                  tolerations:
                    - key: batch
                      operator: Equal
                      value: "true"
                      effect: NoSchedule
                  containers:
                    - name: report
                      image: report:1.4
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              template:
                spec:
                  restartPolicy: Never
                  nodeSelector: {workload-type: batch}
                  tolerations: [{operator: Exists}]  # every taint
                  containers: [{name: report, image: report:1.4}]
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: CronJob
            spec:
              schedule: 0 3 * * *
              jobTemplate:
                spec:
                  template:
                    spec:
                      restartPolicy: Never
                      nodeSelector: {workload-type: batch}
                      tolerations: [{key: batch, value: "true"}]  # every effect
                      containers: [{name: report, image: report:1.4}]
            """,
            params=Placement(toleration=_EXISTS),
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              template:
                spec:
                  restartPolicy: Never  # runs anywhere but on the batch nodes
                  affinity:
                    nodeAffinity:
                      requiredDuringSchedulingIgnoredDuringExecution:
                        nodeSelectorTerms:
                          - matchExpressions: [{key: workload-type, operator: NotIn, values: [batch]}]
                  containers: [{name: report, image: report:1.4}]
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata: {labels: {kueue.x-k8s.io/queue-name: nightly}}
            spec:
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
            params=Placement(assign="tolerate"),
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              template:
                spec:
                  restartPolicy: Never
                  nodeSelector: {workload-type: gpu}
                  tolerations: [{key: nvidia.com/gpu, operator: Exists}]
                  containers: [{name: train, image: train:1.4}]
            """,
            params=Placement(assign="require"),
        ),
    ),
    bad=(
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              template:
                spec:
                  restartPolicy: Never
                  nodeSelector:
                    workload-type: batch  # cheap nodes
                  containers:
                    - name: report
                      image: report:1.4
            """,
            fixed="""\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              template:
                spec:
                  restartPolicy: Never
                  nodeSelector:
                    workload-type: batch  # cheap nodes
                  containers:
                    - name: report
                      image: report:1.4
                  tolerations:
                    - key: batch
                      operator: Equal
                      value: "true"
                      effect: NoSchedule
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              template:
                spec:
                  restartPolicy: Never
                  tolerations: null  # written, hence left alone
                  affinity:
                    nodeAffinity:
                      requiredDuringSchedulingIgnoredDuringExecution:
                        nodeSelectorTerms:
                          - matchExpressions: [{key: workload-type, operator: In, values: [batch]}]
                  containers: [{name: report, image: report:1.4}]
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              template:
                spec:
                  restartPolicy: Never
                  tolerations: []
                  containers: [{name: report, image: report:1.4}]
            """,
            fixed="""\
            apiVersion: batch/v1
            kind: Job
            spec:
              template:
                spec:
                  restartPolicy: Never
                  tolerations:
                    - key: batch
                      operator: Exists
                  containers: [{name: report, image: report:1.4}]
            """,
            params=Placement(assign="tolerate", toleration=_EXISTS),
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              template:
                spec:
                  restartPolicy: Never
                  tolerations: [{key: ci, effect: NoExecute}]
                  containers: [{name: report, image: report:1.4}]
            """,
            fixed="""\
            apiVersion: batch/v1
            kind: Job
            spec:
              template:
                spec:
                  restartPolicy: Never
                  tolerations: [{key: ci, effect: NoExecute}, {key: ci, operator: Exists, effect: NoSchedule}]
                  containers: [{name: report, image: report:1.4}]
            """,
            params=Placement(
                assign="require", toleration={"key": "ci", "operator": "Exists", "effect": "NoSchedule"}
            ),
        ),
    ),
)
