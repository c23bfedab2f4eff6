"""Jobs wait in the queue of their namespace, and have a priority that exists and is meant for them.

Kueue lets a Job wait until there is quota; it knows a Job by a label that is there when the Job is made. One
without it starts at once, beside the queue, and takes what the waiting ones were promised. The policy says
where a queue is required, and which priority classes Jobs may have; without it, only this is looked for:

- The label on a CronJob itself. Kueue looks at the Jobs that it makes: they need it in
  `jobTemplate.metadata`.
- A priority class with a reserved name (`system-...`) that is none of the two which Kubernetes has. Nobody
  can make it, so every Pod is refused, and the Job waits for ever without a single failure.
- One of these two outside of kube-system, as a note: to make room for such a Pod, the scheduler ends those
  of services, and some providers refuse it there.

Spared are Jobs in a queue, those that a controller owns, since that is what waits, and where the manifest
leaves the namespace to the client.
"""

from collections.abc import Iterator
from typing import NamedTuple

from lint.edit import Set
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity

_QUEUE = "kueue.x-k8s.io/queue-name"
_CRITICAL = ("system-cluster-critical", "system-node-critical")


class Params(NamedTuple):
    """Who waits where, and how important Jobs may be."""

    required_namespaces: tuple[str, ...] = ()
    """Namespaces whose Jobs need a queue; `*` means all."""

    queue: str = ""
    """The queue that the fix names; empty: it is left to whoever writes the Job."""

    priority_classes: tuple[str, ...] = ()
    """Priority classes of which Jobs need one; none: any, or none at all."""


def check(job: Job, params: Params) -> Iterator[Finding]:
    name = job.pod.at("priorityClassName")
    if name.given or params.priority_classes:
        yield from _priority(job, params)
    if job.cronjob and _QUEUE in job.metadata.at("labels").entries:
        yield from _misplaced(job)
    elif params.required_namespaces:
        yield from _unqueued(job, params)


def _priority(job: Job, params: Params) -> Iterator[Finding]:
    """Find a priority class that does not exist, or is not for Jobs."""
    view = job.pod.at("priorityClassName")
    name = view.as_str() or ""
    if view.placeholder or (view.given and view.as_str() is None):
        return
    if name.startswith("system-") and name not in _CRITICAL:
        message = f"no priority class {name} can exist, so every Pod is refused: system-... is reserved"
        yield Finding(view.path, message, severity=Severity.ERROR, class_=Class.HOLE)
    elif params.priority_classes and name not in params.priority_classes:
        wanted = ", ".join(params.priority_classes[:4])
        said = f"{name} is none that Jobs may have" if name else "no priority class, and Jobs need one"
        yield Finding(view.path, f"{said}: use {wanted}")
    elif (
        name in _CRITICAL
        and not params.priority_classes
        and job.metadata.at("namespace").value != "kube-system"
    ):
        message = f"{name} ends Pods of services to make room for this one: use a class for batch work"
        yield Finding(view.path, message, severity=Severity.INFO)


def _misplaced(job: Job) -> Iterator[Finding]:
    """Find the label of a queue where Kueue does not look."""
    here, there = job.metadata.at("labels", _QUEUE), job.job_metadata.at("labels", _QUEUE)
    if there.given or not here.as_str() or job.template.at("metadata", "labels", _QUEUE).given:
        return
    fix = Fix(f"set {_QUEUE} in jobTemplate", (Set(there.path, here.value),), safe=False)
    yield Finding(
        here.path, "nothing queues by this label of a CronJob: Kueue reads that of jobTemplate.metadata", fix
    )


def _unqueued(job: Job, params: Params) -> Iterator[Finding]:
    """Find a Job without the queue that its namespace requires."""
    namespace, guards = job.metadata.at("namespace").as_str(), job.guards
    required = params.required_namespaces
    if (namespace not in required and "*" not in required) or guards.queue or guards.partial:
        return
    if guards.owned or guards.from_cronjob:
        return
    path = job.job_metadata.at("labels", _QUEUE).path
    wanted = f"set it to {params.queue}" if params.queue else "name a LocalQueue of the namespace"
    fix = (
        Fix(f"set {_QUEUE}: {params.queue}", (Set(path, params.queue),), safe=False) if params.queue else None
    )
    place = f"namespace {namespace}" if namespace else "cluster"
    yield Finding(path, f"no queue, and the {place} requires one: {wanted}", fix)


_EMPTY = " {}"


def _job(*fields: str, labels: str = _EMPTY, namespace: str = "batch") -> str:
    lines = "\n      ".join(("restartPolicy: Never", *fields))
    return f"""\
apiVersion: batch/v1
kind: Job
metadata:
  name: train
  namespace: {namespace}
  labels:{labels}
spec:
  template:
    spec:
      {lines}
      containers:
        - name: train
          image: train:3.2
"""


def _cronjob(labels: str, inner: str) -> str:
    return f"""\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: train
  namespace: batch
  labels:{labels}
spec:
  schedule: "7 3 * * *"
  jobTemplate:
    metadata:
      labels:{inner}
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
            - name: train
              image: train:3.2
"""


_LABEL = "kueue.x-k8s.io/queue-name: gpu"
_HERE = f" {{{_LABEL}}}"
_REQUIRED = Params(required_namespaces=("batch",))
_QUEUED = Params(required_namespaces=("*",), queue="gpu")
_CLASSES = Params(priority_classes=("batch-low", "batch-high"))
_OWNER = "{apiVersion: jobset.x-k8s.io/v1alpha2, kind: JobSet, name: train, uid: 5a0f3a1e, controller: true}"
_OWNED = _job().replace("  labels: {}\n", f"  ownerReferences: [{_OWNER}]\n")

RULE = Rule(
    id="priority-or-queue",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=Params(),
    check=check,
    graver=True,
    good=(
        Good(_job()),
        Good(_job("priorityClassName: batch-low")),
        Good(_job("priorityClassName: system-cluster-critical", namespace="kube-system")),
        Good(_job('priorityClassName: "system-{{ class }}"')),
        Good(_job("priorityClassName: batch-low"), params=_CLASSES),
        Good("apiVersion: batch/v1\nkind: Job\nspec: {template: {spec: {}}}\n", params=_CLASSES),  # a patch
        Good(_job(), params=Params(required_namespaces=("gpu",))),
        Good(_job().replace("  namespace: batch\n", ""), params=_REQUIRED),
        Good(_job(labels=_HERE), params=_REQUIRED),
        Good(_job("schedulingGates: [{name: acme.io/queue}]"), params=_REQUIRED),
        Good(_OWNED, params=_REQUIRED),
        Good(_cronjob(_EMPTY, _HERE), params=_REQUIRED),
        Good(_cronjob(_HERE, _HERE)),
    ),
    bad=(
        Bad(_job("priorityClassName: system-batch")),
        Bad(_job("priorityClassName: system-node-critical")),
        Bad(_job("priorityClassName: web"), params=_CLASSES),
        Bad(_job(), params=_CLASSES),
        Bad(_job(), params=_REQUIRED),
        Bad(_job(), _job(labels=f"\n    {_LABEL}"), params=_QUEUED),
        Bad(_cronjob(_EMPTY, _EMPTY), _cronjob(_EMPTY, f"\n        {_LABEL}"), params=_QUEUED),
        Bad(_cronjob(_HERE, _EMPTY), _cronjob(_HERE, f"\n        {_LABEL}")),
    ),
)
