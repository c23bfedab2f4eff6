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
    missing = {key: value for key, value in params.selector.items() if key not in selector.entries}
    labels = ", ".join(f"{key}: {value}" for key, value in missing.items())
    edits = tuple(Set((*selector.path, key), value) for key, value in missing.items())
    fix = None if selector.value is None else Fix(f"set nodeSelector {labels}", edits)
    yield Finding(selector.path, f"the Pods may run on any node, nothing selects {labels}", fix)


def is_placed(job: Job, params: Placement) -> bool:
    """Tell whether something says already where the Pods run, or may say it."""
    pod = job.pod
    selector, affinity = pod.at("nodeSelector"), pod.at("affinity")
    if any(view.given and not isinstance(view.value, dict) for view in (selector, affinity)):
        return True
    labels = selector.entries
    pool = params.selector.items()
    return (
        all(labels.get(key) == value for key, value in pool)
        or any(labels.get(key, value) != value for key, value in pool)
        or any(key in labels for key in params.equivalent_keys)
        or required_affinity(pod).given
        or any(pod.entries.get(key) for key in ("nodeName", "runtimeClassName", "resourceClaims"))
        or job.guards.queue
        or any(_asks_for_devices(container) for container in job.all_containers())
    )


def required_affinity(pod: View) -> View:
    """Return what the labels of a node must be, apart from the node selector."""
    return pod.at("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")


def _asks_for_devices(container: View) -> bool:
    """Tell whether a container can run only where its devices are (`nvidia.com/gpu`)."""
    limits = container.at("resources", "limits").entries
    return any("/" in key and "kubernetes.io/" not in key for key in limits)


_REQUIRE = Placement(assign="require")

RULE = Rule(
    id="batch-placement",
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
            spec:
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: CronJob
            spec:
              schedule: 0 3 * * *
              jobTemplate:
                metadata: {labels: {kueue.x-k8s.io/queue-name: nightly}}  # Kueue adds the selector
                spec:
                  template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
            params=_REQUIRE,
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
                  containers: [{name: report, image: report:1.4}]
            """,
            params=_REQUIRE,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              template:
                spec:
                  restartPolicy: Never
                  nodeSelector: {karpenter.sh/nodepool: spot}
                  containers: [{name: report, image: report:1.4}]
            """,
            params=_REQUIRE,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              template:
                spec:
                  restartPolicy: Never
                  affinity:
                    nodeAffinity:
                      requiredDuringSchedulingIgnoredDuringExecution:
                        nodeSelectorTerms: [{matchExpressions: [{key: pool, operator: In, values: [night]}]}]
                  containers: [{name: report, image: report:1.4}]
            """,
            params=_REQUIRE,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              template:
                spec:
                  restartPolicy: Never
                  runtimeClassName: gvisor  # its nodes are set in the RuntimeClass
                  containers: [{name: report, image: report:1.4}]
            """,
            params=_REQUIRE,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - {name: train, image: train:1.4, resources: {limits: {nvidia.com/gpu: 1}}}
                    - {name: upload, image: upload:1.1}
            """,
            params=_REQUIRE,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              template:
                spec:
                  nodeSelector: {kubernetes.io/arch: amd64}
                  containers: [{name: report}]  # a patch: what it patches may select the nodes
            """,
            params=_REQUIRE,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              template:
                spec:
                  restartPolicy: Never
                  nodeSelector: "{{ nodes }}"
                  containers: [{name: report, image: report:1.4}]
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
            spec:
              schedule: 0 3 * * *
              jobTemplate:
                spec:
                  template:
                    spec:
                      restartPolicy: Never
                      nodeSelector:
                        kubernetes.io/arch: amd64  # no build for arm64
                        tier: spot
                      nodeName: ""
                      containers: [{name: report, image: report:1.4}]
            """,
            fixed="""\
            apiVersion: batch/v1
            kind: CronJob
            spec:
              schedule: 0 3 * * *
              jobTemplate:
                spec:
                  template:
                    spec:
                      restartPolicy: Never
                      nodeSelector:
                        kubernetes.io/arch: amd64  # no build for arm64
                        tier: spot
                        workload-type: batch
                      nodeName: ""
                      containers: [{name: report, image: report:1.4}]
            """,
            params=Placement(assign="require", selector={"workload-type": "batch", "tier": "spot"}),
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              template:
                spec:
                  restartPolicy: Never
                  nodeSelector: null  # written, hence left alone
                  containers: [{name: report, image: report:1.4}]
            """,
            params=_REQUIRE,
        ),
    ),
)
