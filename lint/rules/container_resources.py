"""Every container requests CPU and memory.

The scheduler counts a container without requests as nothing: it packs the Pods of a Job onto nodes that are
full, where they are the first to be evicted, and every eviction uses up a try of `backoffLimit`. A namespace
with a quota on requests refuses such Pods: the Job waits for ever without a single failure.

Not asked for is the request of what has a limit, since the Pod gets it from there, nor anything that
`resources` of the Pod as a whole names (Kubernetes 1.34 and later). Limits are asked for only where the
policy names them: a guessed memory limit kills Jobs. A fix adds what is missing, with no limit below its
request, and leaves alone what is written, null included.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from lint.edit import Set
from lint.families import Resources
from lint.job import Job
from lint.quantity import parse
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity
from lint.view import View


def check(job: Job, params: Resources) -> Iterator[Finding]:
    shared = job.pod.at("resources").entries if job.minor >= 34 else {}
    of_pod = (_named(shared, "requests") or set()) | (_named(shared, "limits") or set())
    for container in job.all_containers():
        resources = container.at("resources")
        requests, limits = _named(resources.entries, "requests"), _named(resources.entries, "limits")
        if requests is None or limits is None or not (resources.unset or isinstance(resources.value, dict)):
            continue
        limits |= of_pod
        requests |= limits
        lacks = {
            "requests": [key for key in params.requests if key not in requests],
            "limits": [key for key in params.limits if key not in limits],
        }
        if any(lacks.values()) and not job.guards.partial:
            yield _finding(container, lacks, params)


def _named(resources: dict[str, Any], part: str) -> set[str] | None:
    """Return what requests or limits name; None when they are no map."""
    amounts = resources.get(part)
    if amounts is None:
        return set()
    return {key for key in amounts if amounts[key] is not None} if isinstance(amounts, dict) else None


def _finding(container: View, lacks: dict[str, list[str]], params: Resources) -> Finding:
    """Say what the container lacks, and set it where nothing is written."""
    resources = container.at("resources")
    place = resources if resources.unset else resources.at("requests" if lacks["requests"] else "limits")
    kind = "init container" if "initContainers" in container.path else "container"
    problems = [f"{part} {' and '.join(f'no {key}' for key in keys)}" for part, keys in lacks.items() if keys]
    message = f"{kind} {container.at('name').as_str() or container.path[-1]} {', and '.join(problems)}"
    edits, titles = [], []
    for part, keys in lacks.items():
        values = {key: _value(resources, part, key, params) for key in keys}
        if values := {key: value for key, value in values.items() if value is not None}:
            edits += [Set((*resources.path, part, key), value) for key, value in values.items()]
            titles.append(f"set {part} {', '.join(f'{key}: {value}' for key, value in values.items())}")
    return Finding(place.path, message, Fix(", and ".join(titles), tuple(edits)) if edits else None)


def _value(resources: View, part: str, key: str, params: Resources) -> Any:
    """Return what to set: the policy's value, for a limit the request if that is larger; None for nothing."""
    if None in (resources.value, resources.at(part).value, resources.at(part, key).value):
        return None
    if part == "requests":
        return params.requests[key]
    written = resources.at("requests", key)
    request = written.value if written.given else params.requests.get(key)
    limit = params.limits[key]
    if request is None:
        return limit
    least, most = parse(request), parse(limit)
    if least is None or most is None:
        return None
    if most <= least:
        return request
    ratio = params.max_ratio
    return limit if ratio is None or not least or most <= least * Decimal(repr(ratio)) else None


_LIMITS = Resources(limits={"memory": "1Gi"})

RULE = Rule(
    id="container-resources",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=Resources(),
    family="resources",
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
                  containers:
                    - name: report
                      image: report:1.4
                      resources:
                        requests:
                          cpu: 500m
                          memory: 1Gi
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
                      initContainers:
                        - name: fetch
                          image: fetch:2.0
                          resources: {limits: {cpu: 1, memory: 64Mi}}  # requests are the same
                      containers:
                        - name: report
                          image: report:1.4
                          resources: {requests: {cpu: "0"}, limits: {memory: 2Gi}}
            """,
            params=_LIMITS,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              template:
                spec:
                  restartPolicy: Never
                  resources: {requests: {cpu: 500m}, limits: {memory: 1Gi}}  # all containers share it
                  containers: [{name: report, image: report:1.4}]
            """,
            params=_LIMITS,
            minor=34,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              template:
                spec:
                  containers:
                    - name: report  # a patch: the image stands elsewhere, and the requests may as well
                      resources: {requests: {cpu: 500m}}
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
                  containers: [{name: report, image: report:1.4, resources: "{{ resources }}"}]
            """,
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
                      resources:
                        requests:
                          cpu: 100m
                          memory: 128Mi
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
                      initContainers:
                        - name: fetch
                          image: fetch:2.0
                          resources: {}
                        - {name: unpack, image: unpack:2, resources: {requests: null}}
                      containers:
                        - name: report
                          image: report:1.4
                          resources:
                            requests:
                              memory: 2Gi  # measured
                            limits:
                              cpu: 1
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
                      initContainers:
                        - name: fetch
                          image: fetch:2.0
                          resources:
                            requests:
                              cpu: 100m
                              memory: 128Mi
                            limits:
                              memory: 1Gi
                        - {name: unpack, image: unpack:2, resources: {requests: null, limits: {memory: 1Gi}}}
                      containers:
                        - name: report
                          image: report:1.4
                          resources:
                            requests:
                              memory: 2Gi  # measured
                            limits:
                              cpu: 1
                              memory: 2Gi
            """,
            params=_LIMITS,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: report
                      image: report:1.4
                      resources: {requests: {cpu: null, memory: 256Mi}}  # 1Gi would be more than twice that
            """,
            params=Resources(limits={"memory": "1Gi"}, max_ratio=2),
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            spec:
              template:
                spec:
                  restartPolicy: Never
                  resources: {requests: {cpu: 500m, memory: 1Gi}}  # alpha before 1.34, and dropped
                  containers: [{name: report, image: report:1.4, resources: null}]
            """,
            minor=33,
        ),
    ),
)
