"""A Job selects the batch nodes.

Without a node selector the Pods of a Job run between those of the services and slow these down, while the
nodes that are paid for batch work stand empty.

Asked for only where the policy says `assign: require`: in a cluster without such nodes the Pods would stay
Pending. Left alone is a Job that is placed already: by a label of the pool with whatever value, the label of
other nodes, required node affinity, the name of a node, a runtime class, a GPU or another device, or a queue
that adds the selector.
"""

from collections.abc import Iterator

from lint.edit import Set
from lint.families import Placement
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity
from lint.view import View


def check(job: Job, params: Placement) -> Iterator[Finding]:
    if params.assign != "require" or is_placed(job, params) or job.guards.partial:
        return
    selector = job.pod.at("nodeSelector")
    missing = {key: value for key, value in params.selector.items() if selector.at(key).missing}
    labels = ", ".join(f"{key}: {value}" for key, value in missing.items())
    edits = [Set(selector.path, missing)]
    if len(selector):
        edits = [Set((*selector.path, key), value) for key, value in missing.items()]
    fix = None if selector.value is None else Fix(f"set nodeSelector {labels}", tuple(edits))
    yield Finding(selector.path, f"the Pods may run on any node, nothing selects {labels}", fix)


def selects(job: Job, params: Placement) -> bool:
    """Tell whether the Pods can run on the batch nodes only."""
    selector = job.pod.at("nodeSelector")
    if not params.selector or (selector.unset and job.pod.at("affinity").unset):
        return False
    return all(
        selector.at(key).value == value or _affine(job.pod, key, value)
        for key, value in params.selector.items()
    )


def _affine(pod: View, key: str, value: str) -> bool:
    """Tell whether required node affinity leaves no other value of a label."""
    terms = list(_required(pod).at("nodeSelectorTerms").items())
    wanted = {"key": key, "operator": "In", "values": [value]}
    return bool(terms) and all(
        any(expression.value == wanted for expression in term.at("matchExpressions").items())
        for term in terms
    )


def _required(pod: View) -> View:
    return pod.at("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")


def is_placed(job: Job, params: Placement) -> bool:
    """Tell whether something says already where the Pods run, or may say it."""
    pod = job.pod
    selector = pod.at("nodeSelector")
    pool = params.selector.items()
    return (
        all(selector.at(key).value == value for key, value in pool)
        or any(not selector.at(key).missing and selector.at(key).value != value for key, value in pool)
        or any(not selector.at(key).missing for key in params.equivalent_keys)
        or any(
            pod.at(key).value
            for key in ("nodeName", "runtimeClassName", "resourceClaims")
            if pod.at(key).given
        )
        or _required(pod).given
        or not all(view.unset or isinstance(view.value, dict) for view in (selector, pod.at("affinity")))
        or job.guards.queue
        or any(_asks_for_devices(container) for container in job.all_containers())
    )


def _asks_for_devices(container: View) -> bool:
    """Tell whether a container can run only where its devices are (`nvidia.com/gpu`)."""
    limits = container.at("resources", "limits")
    return any("/" in key and "kubernetes.io/" not in key for key, _ in limits.fields())


_REQUIRE = Placement(assign="require")
_TWO = Placement(assign="require", selector={"workload-type": "batch", "tier": "spot"})

RULE = Rule(
    id="batch-placement",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=Placement(),
    family="placement",
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
                  containers:
                    - name: report
                      image: report:1.4
            """,
            params=_REQUIRE,
        ),
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
                  containers:
                    - name: report
                      image: report:1.4
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: CronJob
            metadata:
              name: report
            spec:
              schedule: 0 3 * * *
              jobTemplate:
                metadata:
                  labels:
                    kueue.x-k8s.io/queue-name: nightly  # Kueue adds the selector
                spec:
                  template:
                    spec:
                      restartPolicy: Never
                      containers:
                        - name: report
                          image: report:1.4
            """,
            params=_REQUIRE,
        ),
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
                  nodeSelector: {workload-type: gpu}
                  containers:
                    - name: report
                      image: report:1.4
            """,
            params=_REQUIRE,
        ),
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
                  nodeSelector: {karpenter.sh/nodepool: spot}
                  containers:
                    - name: report
                      image: report:1.4
            """,
            params=_REQUIRE,
        ),
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
                  affinity:
                    nodeAffinity:
                      requiredDuringSchedulingIgnoredDuringExecution:
                        nodeSelectorTerms:
                          - matchExpressions: [{key: pool, operator: In, values: [night]}]
                  containers:
                    - name: report
                      image: report:1.4
            """,
            params=_REQUIRE,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: train
            spec:
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: train
                      image: train:1.4
                      resources: {limits: {nvidia.com/gpu: 1}}
            """,
            params=_REQUIRE,
        ),
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
                  runtimeClassName: gvisor  # its nodes are set in the RuntimeClass
                  containers:
                    - name: report
                      image: report:1.4
            """,
            params=_REQUIRE,
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
                  containers:
                    - name: report
                      image: report:1.4  # built every week
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
                  containers:
                    - name: report
                      image: report:1.4  # built every week
                  nodeSelector:
                    workload-type: batch
            """,
            params=_REQUIRE,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: CronJob
            metadata:
              name: report
            spec:
              schedule: 0 3 * * *
              jobTemplate:
                spec:
                  template:
                    spec:
                      restartPolicy: Never
                      nodeSelector:
                        kubernetes.io/arch: amd64  # no build for arm64
                      nodeName: ""
                      containers:
                        - name: report
                          image: report:1.4
            """,
            fixed="""\
            apiVersion: batch/v1
            kind: CronJob
            metadata:
              name: report
            spec:
              schedule: 0 3 * * *
              jobTemplate:
                spec:
                  template:
                    spec:
                      restartPolicy: Never
                      nodeSelector:
                        kubernetes.io/arch: amd64  # no build for arm64
                        workload-type: batch
                        tier: spot
                      nodeName: ""
                      containers:
                        - name: report
                          image: report:1.4
            """,
            params=_TWO,
        ),
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
                  nodeSelector: null  # written, hence left alone
                  containers:
                    - name: report
                      image: report:1.4
            """,
            params=_REQUIRE,
        ),
    ),
)
