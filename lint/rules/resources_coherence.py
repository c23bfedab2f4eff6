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
from collections.abc import Callable, Iterator
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache
from typing import TypeAlias

from lint.edit import Set
from lint.families import Resources
from lint.job import Job, is_sidecar
from lint.quantity import parse
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity
from lint.view import View

Amounts: TypeAlias = dict[str, tuple[View, Decimal]]
"""By resource: what is written, and its number."""

_COMMON = ("cpu", "memory")
_HUGE = "hugepages-"
_THOUSANDTHS = re.compile(r"[1-9][0-9]*m\Z")
_MOST = Decimal(1 << 63)
"""The server does not count that far."""


def check(job: Job, params: Resources) -> Iterator[Finding]:
    for container in job.all_containers():
        resources = container.at("resources")
        if len(resources):
            yield from _requirements(resources, _container_name, params)
    resources = job.pod.at("resources")
    if job.minor >= 34 and len(resources):
        if job.pod.at("os", "name").as_str() == "windows":
            yield Finding(resources.path, "resources may not be set for a windows pod")
            return
        yield from _requirements(resources, _pod_name, params)
        unfit = list(_consistency(job, resources))
        yield from unfit or _refused_pods(job, resources)


def _amounts(resources: View, *parts: str) -> Amounts:
    """Read parts of resources, each over those before it; what is no quantity is left out."""
    amounts = {}
    for part in parts:
        for key, view in resources.at(part).fields():
            if isinstance(view.value, str | int | float) and (number := _read(view.value)) is not None:
                amounts[key] = (view, number)
    return amounts


@lru_cache(maxsize=1024, typed=True)
def _read(value: str | float) -> Decimal | None:
    """Read a quantity, rounded up to thousandths as the server does with all that it reads of resources."""
    number = parse(value)
    return None if number is None else _thousandths(max(number, -_MOST))


def _thousandths(number: Decimal) -> Decimal:
    return number if number >= _MOST else _ceiling(number * 1000) / 1000


def _container_name(key: str) -> str:
    """Say what is wrong with the name of a resource in a container."""
    if key in _COMMON or key == "ephemeral-storage":
        return ""
    if _indivisible(key):
        return "doesn't follow extended resource name standard" if key.startswith("requests.") else ""
    return "" if "/" in key else "must be a standard resource for containers: cpu, memory, ephemeral-storage"


def _pod_name(key: str) -> str:
    """Say what is wrong with the name of a resource of the Pod as a whole."""
    if key in _COMMON or key.startswith(_HUGE):
        return ""
    return 'is not supported here, supported values: "cpu", "hugepages-", "memory"'


def _requirements(resources: View, name: Callable[[str], str], params: Resources) -> Iterator[Finding]:
    """Check requests and limits of a container, or of the Pod as a whole."""
    requests, limits = _amounts(resources, "requests"), _amounts(resources, "limits")
    for amounts in (limits, requests):
        for key, (view, number) in amounts.items():
            if problem := name(key):
                yield Finding(view.path, f"{key} {problem}")
            elif problem := _number(key, number):
                yield Finding(view.path, f"{key} of {view.value} {problem}")
            elif key in ("memory", "ephemeral-storage"):
                yield from _bytes(key, view, number, limits)
    yield from _pairs(resources, requests, limits, params)
    whole = [key for key in {**limits, **requests} if _indivisible(key)]
    if whole:
        yield from _missing_limits(resources, {key: requests[key] for key in whole if key in requests})
    if any(key.startswith(_HUGE) for key in whole) and not any(
        not resources.at(part, key).missing for part in ("requests", "limits") for key in _COMMON
    ):
        yield Finding(resources.path, "neither is named: HugePages require cpu or memory")


def _number(key: str, number: Decimal) -> str:
    """Say what is wrong with a number, in the server's words."""
    if number < 0:
        return "must be greater than or equal to 0"
    if key.startswith(_HUGE):
        page = parse(key.removeprefix(_HUGE))
        if (
            page is None
            or not 0 < page < _MOST
            or _thousandths(page) % 1
            or (number < _MOST and _ceiling(number) % page)
        ):
            return f"is not positive integer multiple of {key}"
    elif _indivisible(key) and number < _MOST and number % 1:
        return "must be an integer"
    return ""


def _ceiling(number: Decimal) -> Decimal:
    return number.to_integral_value(ROUND_CEILING)


def _indivisible(key: str) -> bool:
    """Tell whether a resource cannot be promised to more than one container."""
    return key.startswith(_HUGE) or ("/" in key and "kubernetes.io/" not in key)


def _bytes(key: str, view: View, number: Decimal, limits: Amounts) -> Iterator[Finding]:
    """Doubt amounts of memory and storage that no container can do with."""
    if 0 < number < 1 << 20 and number % 1:
        message, fix = f"{view.value} of {key} is {number.normalize():f} bytes", None
        if isinstance(view.value, str) and _THOUSANDTHS.match(view.value):
            meant = f"{view.value[:-1]}Mi"
            message += f": m stands for thousandths, {meant} is meant"
            limit = limits.get(key, (view, _MOST))[1]
            if limit >= _MOST or limit % 1 or (parse(meant) or _MOST) <= limit:
                fix = Fix(f"set {key}: {meant}", (Set(view.path, meant),), safe=False)
        yield Finding(view.path, message, fix, Severity.WARNING, Class.PRACTICE)
    elif key == "memory" and view.path[-2] == "limits" and 0 < number < 6 << 20:
        message = f"memory limit of {view.value} is below 6Mi, the least that runc starts a container with"
        yield Finding(view.path, message, None, Severity.WARNING, Class.PRACTICE)


def _pairs(resources: View, requests: Amounts, limits: Amounts, params: Resources) -> Iterator[Finding]:
    """Compare requests with their limits."""
    ratio = params.max_ratio
    for key, (view, request) in requests.items():
        if key not in limits:
            continue
        written, limit = limits[key]
        if request != limit and _indivisible(key):
            detail = f"must be equal to {key} limit of {written.value}"
            yield Finding(resources.at("requests").path, f"{key} request of {view.value} {detail}")
        elif request > limit:
            detail = f"must be less than or equal to {key} limit of {written.value}"
            yield Finding(resources.at("requests").path, f"{key} request of {view.value} {detail}")
        elif ratio is not None and request and limit > request * Decimal(repr(ratio)):
            message = (
                f"{key} limit of {written.value} is more than {ratio:g} times the request of {view.value}"
            )
            yield Finding(written.path, message, None, Severity.WARNING, Class.PRACTICE)


def _missing_limits(resources: View, requests: Amounts) -> Iterator[Finding]:
    """Ask for the limits of what cannot be shared: they are known, since they equal the requests."""
    limits = resources.at("limits")
    lacking = {key: view.value for key, (view, _) in requests.items() if limits.at(key).missing}
    if not lacking or not (limits.unset or isinstance(limits.value, dict)):
        return
    edits = tuple(Set((*limits.path, key), value) for key, value in lacking.items())
    edits = edits if len(limits) else (Set(limits.path, lacking),)
    title = "set limits " + ", ".join(f"{key}: {value}" for key, value in lacking.items())
    message = f"limit must be set for non overcommitable resources: {', '.join(lacking)}"
    yield Finding(limits.path, message, None if limits.value is None else Fix(title, edits))


def _consistency(job: Job, resources: View) -> Iterator[Finding]:
    """Compare containers with the Pod as a whole as the server does when the Job is made."""
    requests, limits = _amounts(resources, "requests"), _amounts(resources, "limits")
    for key, total in _total(job, "requests").items():
        view, number = requests.get(key, (resources, total))
        if total > number:
            detail = f"must be greater than or equal to aggregate container requests of {_text(key, total)}"
            yield Finding(view.path, f"{key} request of {view.value} {detail}")
    for key, total in _total(job, "limits").items():
        view, number = limits.get(key, (resources, total))
        if key.startswith(_HUGE) and total > number:
            detail = f"must be greater than or equal to aggregate container limits of {_text(key, total)}"
            yield Finding(view.path, f"{key} limit of {view.value} {detail}")
    for index, container in enumerate(job.containers):
        for key, (view, number) in _amounts(container.at("resources"), "limits").items():
            whole, most = limits.get(key, (view, number))
            if number > most:
                path = (*resources.path, "containers", index, key, "limits")  # the server's own invention
                detail = f"must be less than or equal to pod limits of {whole.value}"
                yield Finding(path, f"{key} limit of {view.value} {detail}")


def _refused_pods(job: Job, resources: View) -> Iterator[Finding]:
    """Compare as the server does when Pods are made: limits are then the requests that were missing."""
    bounds = _amounts(resources, "limits", "requests")
    for key, total in _total(job, "limits", "requests").items():
        view, number = bounds.get(key, (resources, total))
        if total > number and not key.startswith(_HUGE):
            part = str(view.path[-2]).removesuffix("s")
            message = (
                f"{key} {part} of {view.value} is less than the {_text(key, total)} of all containers "
                "(a limit alone is a request too): every Pod is refused"
            )
            yield Finding(view.path, message, class_=Class.HOLE)


def _total(job: Job, *parts: str) -> dict[str, Decimal]:
    """Add up the containers, or what the start needs where an init container asks for more."""
    total: dict[str, Decimal] = {}
    sidecars: dict[str, Decimal] = {}
    peaks: list[dict[str, Decimal]] = []
    for container in (*job.containers, *job.init_containers):
        amounts = {key: number for key, (_, number) in _amounts(container.at("resources"), *parts).items()}
        init = "initContainers" in container.path
        if init:
            peaks.append(_plus(sidecars, amounts))
        if init and is_sidecar(container):
            sidecars = peaks[-1]
        if not init or is_sidecar(container):
            total = _plus(total, amounts)
    return {
        key: max(one[key] for one in (total, *peaks) if key in one) for one in (total, *peaks) for key in one
    }


def _plus(one: dict[str, Decimal], other: dict[str, Decimal]) -> dict[str, Decimal]:
    return {key: one.get(key, Decimal(0)) + other.get(key, Decimal(0)) for key in {**one, **other}}


def _text(key: str, total: Decimal) -> str:
    """Write a sum: 1200Mi, 1500m."""
    if total >= _MOST or total <= 0:
        return str(total)
    if total % 1:
        return f"{total * 1000:.0f}m"
    for power, unit in () if key == "cpu" else enumerate("EPTGMK"):
        if not total % (1 << 10 * (6 - power)):
            return f"{total / (1 << 10 * (6 - power)):f}{unit}i"
    return f"{total:f}"


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
                      resources: {requests: {memory: 1200Mi}, limits: {memory: 2Gi}}
                      initContainers:
                        - name: fetch  # has ended when the others start
                          image: fetch:2.0
                          resources: {requests: {memory: 1200Mi}}
                      containers:
                        - name: report
                          image: report:1.4
                          resources: {requests: {memory: 600Mi}, limits: {memory: 2Gi}}
                        - name: upload
                          image: upload:1.1
                          resources: {limits: {memory: 600Mi}}
            """,
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
                      resources: {requests: {cpu: 1, memory: 0.1Gi}, limits: {cpu: 1200m, memory: 120Mi}}
            """,
            params=Resources(max_ratio=1.2),
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
                      image: report:1.4
                      resources:
                        requests: {cpu: 500m, memory: 2Gi}
                        limits: {memory: 1Gi}
            """,
        ),
        Bad(
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
                        requests:
                          nvidia.com/gpu: 1  # an A100
            """,
            fixed="""\
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
                        requests:
                          nvidia.com/gpu: 1  # an A100
                        limits:
                          nvidia.com/gpu: 1
            """,
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
                      initContainers:
                        - name: fetch
                          image: fetch:2.0
                          resources: {requests: {memory: 256m}, limits: {memory: 512m}}  # M, surely
                      containers:
                        - name: report
                          image: report:1.4
                          resources: {requests: {ephemeral-storage: 1.5}, limits: {memory: 6143Ki}}
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
                      initContainers:
                        - name: fetch
                          image: fetch:2.0
                          resources: {requests: {memory: 256Mi}, limits: {memory: 512Mi}}  # M, surely
                      containers:
                        - name: report
                          image: report:1.4
                          resources: {requests: {ephemeral-storage: 1.5}, limits: {memory: 6143Ki}}
            """,
        ),
        Bad(
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
                      resources: {requests: {gpu: 1, cpu: -1}, limits: {nvidia.com/gpu: 500m}}
                    - name: upload
                      image: upload:1.1
                      resources: {requests: {hugepages-2Mi: 2Mi}, limits: {hugepages-2Mi: 3Mi}}
            """,
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
                  resources: {requests: {memory: 1Gi, ephemeral-storage: 1Gi}, limits: {cpu: 1}}
                  containers:
                    - name: report
                      image: report:1.4
                      resources: {requests: {memory: 600Mi}, limits: {cpu: 1500m}}
                    - name: upload
                      image: upload:1.1
                      resources: {requests: {memory: 600Mi}}
            """,
            minor=34,
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
                  resources: {limits: {cpu: 1}}  # the Job is made, its Pods are refused
                  containers:
                    - name: report
                      image: report:1.4
                      resources: {requests: {cpu: 600m}}
                    - name: upload
                      image: upload:1.1
                      resources: {limits: {cpu: 600m}}
            """,
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
                  containers:
                    - name: report
                      image: report:1.4
                      resources: {requests: {cpu: 1}, limits: {cpu: 1201m}}
            """,
            params=Resources(max_ratio=1.2),
        ),
    ),
)
