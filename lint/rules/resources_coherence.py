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

from lint.amounts import MI, Amounts, amounts_of, side_by_side, thousandths
from lint.edit import Set
from lint.families import Resources
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity
from lint.view import View

_HUGE = "hugepages-"


def check(job: Job, params: Resources) -> Iterator[Finding]:
    for container in job.all_containers():
        resources = container.at("resources")
        if len(resources):
            yield from _requirements(resources, params, of_pod=False)
    resources = job.pod.at("resources")
    if job.minor >= 34 and len(resources):
        if job.pod.at("os", "name").value == "windows":
            yield Finding(resources.path, "resources may not be set for a windows pod")
            return
        yield from _requirements(resources, params, of_pod=True)
        unfit = list(_unfit(job, resources))
        yield from unfit or _refused_pods(job, resources)


def _requirements(resources: View, params: Resources, *, of_pod: bool) -> Iterator[Finding]:
    """Check requests and limits of a container, or of the Pod as a whole."""
    requests, limits = amounts_of(resources, "requests"), amounts_of(resources, "limits")
    for part, amounts in (("limits", limits), ("requests", requests)):
        for key, number in amounts.items():
            if problem := _name(key, of_pod=of_pod):
                yield Finding((*resources.path, part, key), f"{key} {problem}")
            elif problem := _number(key, number):
                view = resources.at(part, key)
                yield Finding(view.path, f"{key} of {view.value} {problem}")
            elif number < 6 * MI and key in ("memory", "ephemeral-storage"):
                yield from _bytes(resources.at(part, key), number, limits.get(key))
    yield from _pairs(resources, requests, limits, params)
    if whole := [key for key in (*limits, *requests) if _indivisible(key)]:
        yield from _missing_limits(resources, [key for key in whole if key in requests])
        named = {*resources.at("requests").entries, *resources.at("limits").entries}
        if any(key.startswith(_HUGE) for key in whole) and named.isdisjoint(("cpu", "memory")):
            yield Finding(resources.path, "neither is named: HugePages require cpu or memory")


def _name(key: str, *, of_pod: bool) -> str:
    """Say what is wrong with the name of a resource."""
    if key in ("cpu", "memory") or key.startswith(_HUGE):
        return ""
    if of_pod:
        return 'is not supported here, supported values: "cpu", "hugepages-", "memory"'
    if key.startswith("requests.") and _indivisible(key):
        return "doesn't follow extended resource name standard"
    if key == "ephemeral-storage" or "/" in key:
        return ""
    return "must be a standard resource for containers: cpu, memory, ephemeral-storage"


def _number(key: str, number: int) -> str:
    """Say what is wrong with a number, in the server's words."""
    if number < 0:
        return "must be greater than or equal to 0"
    if key.startswith(_HUGE):
        page = thousandths(key.removeprefix(_HUGE))
        if not page or page < 0 or page % 1000 or -(-number // 1000) * 1000 % page:
            return f"is not positive integer multiple of {key}"
    elif number % 1000 and _indivisible(key):
        return "must be an integer"
    return ""


def _indivisible(key: str) -> bool:
    """Tell whether a resource cannot be promised to more than one container."""
    return key.startswith(_HUGE) or ("/" in key and "kubernetes.io/" not in key)


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


def _pairs(resources: View, requests: Amounts, limits: Amounts, params: Resources) -> Iterator[Finding]:
    """Compare requests with their limits."""
    for key, limit in limits.items():
        request = requests.get(key, limit)
        if limit == request:
            continue
        asked, written = (resources.at(part, key) for part in ("requests", "limits"))
        if limit < request or _indivisible(key):
            bound = "equal to" if _indivisible(key) else "less than or equal to"
            message = f"{key} request of {asked.value} must be {bound} {key} limit of {written.value}"
            yield Finding(resources.at("requests").path, message)
        elif params.max_ratio and request and limit > request * Decimal(repr(params.max_ratio)):
            most = f"{params.max_ratio:g} times the request of {asked.value}"
            message = f"{key} limit of {written.value} is more than {most}"
            yield Finding(written.path, message, None, Severity.WARNING, Class.PRACTICE)


def _missing_limits(resources: View, requests: list[str]) -> Iterator[Finding]:
    """Ask for the limits of what cannot be shared: they are known, since they equal the requests."""
    limits = resources.at("limits")
    lacking = {key: resources.at("requests", key).value for key in requests if key not in limits.entries}
    if lacking and (limits.unset or isinstance(limits.value, dict)):
        title = "set limits " + ", ".join(f"{key}: {value}" for key, value in lacking.items())
        edits = tuple(Set((*limits.path, key), value) for key, value in lacking.items())
        message = f"limit must be set for non overcommitable resources: {', '.join(lacking)}"
        yield Finding(limits.path, message, None if limits.value is None else Fix(title, edits))


def _unfit(job: Job, resources: View) -> Iterator[Finding]:
    """Compare containers with the Pod as a whole as the server does when the Job is made."""
    for part in ("requests", "limits"):
        amounts = amounts_of(resources, part)
        for key, total in side_by_side(job, part).items():
            if total > amounts.get(key, total) and (part == "requests" or key.startswith(_HUGE)):
                view = resources.at(part, key)
                detail = f"must be greater than or equal to aggregate container {part} of {_text(key, total)}"
                yield Finding(view.path, f"{key} {part[:-1]} of {view.value} {detail}")
    limits = amounts_of(resources, "limits")
    for index, container in enumerate(job.containers):
        own = container.at("resources")
        for key, number in amounts_of(own, "limits").items():
            if number > limits.get(key, number):
                path = (*resources.path, "containers", index, key, "limits")  # the server's own invention
                written, most = (one.at("limits", key).value for one in (own, resources))
                detail = f"must be less than or equal to pod limits of {most}"
                yield Finding(path, f"{key} limit of {written} {detail}")


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
