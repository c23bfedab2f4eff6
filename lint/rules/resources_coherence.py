"""Requests and limits fit each other.

The API server refuses a request above its limit, and what cannot be shared (GPUs, huge pages) unless request
and limit are equal. What the containers ask for has to fit into `resources` of the Pod as a whole (Kubernetes
1.34 and later): the server looks at some of that when the Job is made, and at the rest when its Pods are.
Then the Job exists, each of its Pods is refused, and none of that counts as a failure.

Other values are legal and hardly meant. `512m` of memory is half a byte. With a memory limit below 6Mi, runc,
which most nodes use, starts no container. A limit far above its request promises what the node may not have;
how far is too far, the policy says.

Spared are fractions of a byte that vanish in a large number, such as `0.1Gi`.
"""

import re
from collections.abc import Iterator
from decimal import Decimal

from lint.amounts import MI, amounts_of, side_by_side, thousandths
from lint.edit import Set
from lint.families import Resources
from lint.job import Job
from lint.path import Path
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity, refusal
from lint.view import View

_HUGE = "hugepages-"
_POD_LEVEL = 34
"""The first minor that keeps resources of a Pod as a whole."""


def check(job: Job, params: Resources) -> Iterator[Finding]:
    causes = job.causes("resources-coherence")
    for cause in causes:
        missing = cause.detail.startswith("Limit must be set")
        yield refusal(cause, fix=_limit(job, cause.path) if missing else None)
    for container in job.all_containers():
        resources = container.at("resources")
        if len(resources):
            yield from _doubts(resources, params)
    resources = job.pod.at("resources")
    if job.minor >= _POD_LEVEL and len(resources):
        yield from _doubts(resources, params)
        if not causes:
            yield from _refused_pods(job, resources)


def _limit(job: Job, path: Path) -> Fix | None:
    """Set the limit of what cannot be shared: it is known, since it equals the request."""
    *resources, _, key = path
    limits, request = job.object.at(*resources, "limits"), job.object.at(*path).value
    if limits.missing or isinstance(limits.value, dict):
        return Fix(f"set limits {key}: {request}", (Set((*limits.path, key), request),))
    return None


def _doubts(resources: View, params: Resources) -> Iterator[Finding]:
    """Doubt amounts of a container, or of the Pod as a whole, that the server takes."""
    requests, limits = amounts_of(resources, "requests"), amounts_of(resources, "limits")
    for part, amounts in (("limits", limits), ("requests", requests)):
        for key, number in amounts.items():
            if 0 <= number < 6 * MI and key in ("memory", "ephemeral-storage"):
                yield from _bytes(resources.at(part, key), number, limits.get(key))
    for key, limit in limits.items():
        request = requests.get(key)
        if params.max_ratio and request and limit > request * Decimal(repr(params.max_ratio)):
            asked, written = (resources.at(part, key) for part in ("requests", "limits"))
            most = f"{params.max_ratio:g} times the request of {asked.value}"
            message = f"{key} limit of {written.value} is more than {most}"
            yield Finding(written.path, message, None, Severity.WARNING, Class.PRACTICE)


def _bytes(view: View, number: int, limit: int | None) -> Iterator[Finding]:
    """Doubt amounts of memory and storage that no container can do with."""
    part, key = view.path[-2:]
    if number % 1000 and number < MI:
        message, fix = f"{view.value} of {key} is {number / 1000:.9g} bytes", None
        if re.fullmatch("[1-9][0-9]*m", str(view.value)):
            meant = f"{view.value[:-1]}Mi"
            message += f": m stands for thousandths, {meant} is meant"
            if limit is None or limit % 1000 or (thousandths(meant) or 0) <= limit:
                fix = Fix(f"set {key}: {meant}", (Set(view.path, meant),), safe=False)
        yield Finding(view.path, message, fix, Severity.WARNING, Class.PRACTICE)
    elif number and (part, key) == ("limits", "memory"):
        message = f"memory limit of {view.value} is below 6Mi, the least that runc starts a container with"
        yield Finding(view.path, message, None, Severity.WARNING, Class.PRACTICE)


def _refused_pods(job: Job, resources: View) -> Iterator[Finding]:
    """Compare as the server does when Pods are made: limits are then the requests that were missing."""
    requests, bounds = amounts_of(resources, "requests"), amounts_of(resources, "limits", "requests")
    for key, total in side_by_side(job, "limits", "requests").items():
        if total > bounds.get(key, total) and not key.startswith(_HUGE):
            part = "requests" if key in requests else "limits"
            view = resources.at(part, key)
            message = (
                f"{key} {part[:-1]} of {view.value} is less than the {_text(key, total)} of all containers "
                "(a limit alone is a request too): every Pod is refused"
            )
            yield Finding(view.path, message, class_=Class.HOLE)


def _text(key: str, total: int) -> str:
    """Write a sum: 1200m of cpu, 1200Mi of anything else."""
    return f"{total}m" if key == "cpu" else f"{total / MI:.9g}Mi"


def _job(resources: str, *pod: str) -> str:
    """Write a Job with one container, and more in the spec of its Pods."""
    container = f"{{name: train, image: train:1.4, resources: {resources}}}"
    lines = "\n      ".join((*pod, f"containers: [{container}]"))
    return f"""\
apiVersion: batch/v1
kind: Job
spec:
  template:
    spec:
      restartPolicy: Never
      {lines}
"""


_SHARE = "resources: {requests: {memory: 600Mi}, limits: {memory: 1Gi}}"
_FETCH = f"initContainers: [{{name: fetch, image: fetch:2.0, {_SHARE}}}]"
_PROXY = f"initContainers: [{{name: proxy, image: proxy:2.14, restartPolicy: Always, {_SHARE}}}]"

RULE = Rule(
    id="resources-coherence",
    doc=__doc__,
    severity=Severity.ERROR,
    class_=Class.SERVER,
    params=Resources(),
    family="resources",
    check=check,
    good=(
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
                      resources:
                        requests: {cpu: 500m, memory: 1024Mi, nvidia.com/gpu: 1}
                        limits: {memory: 1Gi, nvidia.com/gpu: "1"}
            """,
        ),
        Good(
            _job("{requests: {cpu: 1, memory: 0.1Gi}, limits: {cpu: 1200m, memory: 120Mi}}"),
            params=Resources(max_ratio=1.2),
        ),
        Good(_job("{requests: {cpu: 0}, limits: {cpu: 1, memory: 6Mi}}"), params=Resources(max_ratio=1.2)),
        Good(_job("{limits: {cpu: 0.1, hugepages-2Mi: 4Mi, ephemeral-storage: 1Gi, example.com/fpga: 2}}")),
        Good(_job("{requests: {memory: 600Mi}}", "resources: {requests: {memory: 600Mi}}", _FETCH)),
        Good(
            _job(
                "{requests: {memory: 600Mi}, limits: {memory: 1200Mi}}",
                "resources: {requests: {memory: 1200Mi}, limits: {memory: 1200Mi}}",
                _PROXY,
            )
        ),
        Good(_job("{requests: {cpu: 2}}", "resources: {requests: {cpu: 1}}"), minor=33),
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
                      image: report:1.4
                      resources:
                        requests: {cpu: 500m, memory: 2Gi}
                        limits: {memory: 1Gi}
            """,
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
                      containers:
                        - name: train
                          image: train:1.4
                          resources:
                            requests:
                              nvidia.com/gpu: 1  # an A100
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
                      containers:
                        - name: train
                          image: train:1.4
                          resources:
                            requests:
                              nvidia.com/gpu: 1  # an A100
                            limits:
                              nvidia.com/gpu: 1
            """,
        ),
        Bad(_job("{requests: {nvidia.com/gpu: 1}, limits: null}")),
        Bad(
            _job("{requests: {memory: 256m}, limits: {memory: 512m}}"),  # M, surely
            fixed=_job("{requests: {memory: 256Mi}, limits: {memory: 512Mi}}"),
        ),
        Bad(_job("{requests: {memory: 512m}, limits: {memory: 256Mi}}")),  # 512Mi would not fit
        Bad(_job("{requests: {ephemeral-storage: 1.5}}")),
        Bad(_job("{limits: {memory: 6143Ki}}")),
        Bad(_job("{requests: {cpu: 1}, limits: {cpu: 1201m}}"), params=Resources(max_ratio=1.2)),
        Bad(_job("{requests: {gpu: 1}}")),
        Bad(_job("{limits: {requests.nvidia.com/gpu: 1}}")),
        Bad(_job("{requests: {cpu: -1}}")),
        Bad(_job("{limits: {nvidia.com/gpu: 500m}}")),
        Bad(_job("{requests: {nvidia.com/gpu: 1}, limits: {nvidia.com/gpu: 2}}")),
        Bad(_job("{limits: {cpu: 1, hugepages-2Mi: 3Mi}}")),
        Bad(_job("{limits: {hugepages-2Mi: 2Mi}}")),  # without cpu or memory
        Bad(_job("{}", "resources: {requests: {ephemeral-storage: 1Gi}}")),
        Bad(_job("{}", "resources: {requests: {cpu: 1}}", "os: {name: windows}")),
        Bad(_job("{requests: {memory: 600Mi}}", "resources: {requests: {memory: 1Gi}}", _PROXY), minor=34),
        Bad(_job("{}", "resources: {requests: {memory: 599Mi}}", _FETCH)),
        Bad(_job("{limits: {hugepages-2Mi: 4Mi}}", "resources: {limits: {cpu: 1, hugepages-2Mi: 2Mi}}")),
        Bad(_job("{limits: {cpu: 1500m}}", "resources: {limits: {cpu: 1}}")),
        # The Job is made, and its Pods are refused.
        Bad(_job("{limits: {memory: 600Mi}}", "resources: {requests: {memory: 1Gi}}", _PROXY)),
        Bad(_job("{requests: {memory: 600Mi}}", "resources: {limits: {memory: 1Gi}}", _PROXY)),
    ),
)
