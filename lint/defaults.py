"""What the API server fills in when a Job or CronJob is created.

The tables say what Kubernetes says in defaults.go and zz_generated.defaults.go of pkg/apis/batch/v1 and
pkg/apis/core/v1; they name fields as JSON does.
"""

import re
from collections.abc import Callable, Iterable
from functools import cache
from operator import is_
from typing import Any, TypeAlias

from lint.view import View

Fill: TypeAlias = Callable[[Any], Any]
"""Returns a value with all that it lacks; the value itself if it lacks nothing or has a wrong type."""

Step: TypeAlias = Callable[[dict[str, Any], dict[str, Any]], None]
"""Puts some of what the first map lacks into the second."""


def defaulted(tree: dict[str, Any], minor: int) -> dict[str, Any]:
    """Return a Job or CronJob as a mutating webhook of Kubernetes 1.`minor` sees it; `tree` stays as it is.

    The result shares every untouched part with `tree`, or is `tree`: treat both as read-only.

    Some things stay as they were written, though the server tidies them up: nulls, empty lists and maps, and
    the spelling of quantities, which a reader takes for the same, and fields that it drops because their
    feature is off. Selector and labels that carry the uid are generated after the webhooks.
    """
    job, cronjob = _objects(minor)
    view = View(tree)
    if view.at("kind").value == "CronJob" or isinstance(view.at("spec", "jobTemplate").value, dict):
        filled: dict[str, Any] = cronjob(tree)
    else:
        filled = job(tree)
    return filled


def _map(*steps: Step) -> Fill:
    """Fill a map."""

    def fill(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        lacking: dict[str, Any] = {}
        for step in steps:
            step(value, lacking)
        return {**value, **lacking} if lacking else value

    return fill


def _each(item: Fill) -> Fill:
    """Fill the items of a list."""

    def fill(value: Any) -> Any:
        if not isinstance(value, list):
            return value
        filled = [item(old) for old in value]
        return value if all(map(is_, filled, value)) else filled

    return fill


def _only(key: str, fill: Fill) -> Fill:
    """Fill one field of a map, if it is there: what `_map(_inside(...))` does, at a third of the price."""

    def fill_only(value: Any) -> Any:
        found = value.get(key) if isinstance(value, dict) else None
        if found is None or (filled := fill(found)) is found:
            return value
        return {**value, key: filled}

    return fill_only


def _unset(**defaults: Any) -> Step:
    """Set what is missing or null: pointers, in Go."""
    return _fields((key, default, None) for key, default in defaults.items())


def _empty(**defaults: str | int) -> Step:
    """Set what is missing, null, "" or 0, which are the same in Go without a pointer."""
    return _fields((key, default, type(default)()) for key, default in defaults.items())


def _fields(defaults: Iterable[tuple[str, Any, Any]]) -> Step:
    """Set fields, each given with its default and with the value, besides null, that counts as unset."""
    fields = tuple(defaults)

    def step(value: dict[str, Any], lacking: dict[str, Any]) -> None:
        for key, default, zero in fields:
            found = value.get(key)
            if found is None or (found == zero and type(found) is type(zero)):
                lacking[key] = default

    return step


def _inside(**parts: Fill) -> Step:
    """Fill what is there."""
    fields = tuple(parts.items())

    def step(value: dict[str, Any], lacking: dict[str, Any]) -> None:
        for key, fill in fields:
            found = value.get(key)
            if found is not None and (filled := fill(found)) is not found:
                lacking[key] = filled

    return step


def _always(**parts: Fill) -> Step:
    """Fill what is there, and make and fill the map that is missing or null: structs, in Go."""
    fields = tuple(parts.items())

    def step(value: dict[str, Any], lacking: dict[str, Any]) -> None:
        for key, fill in fields:
            found = value.get(key)
            filled = fill({} if found is None else found)
            if filled is not found:
                lacking[key] = filled

    return step


def _pull_policy(image: str, policy: str) -> Step:
    """Pull always what is named `latest`, or has no tag and no digest."""

    def step(value: dict[str, Any], lacking: dict[str, Any]) -> None:
        if value.get(policy) not in (None, ""):
            return
        reference = value.get(image)
        match = re.match(_REFERENCE, reference) if isinstance(reference, str) else None
        latest = match is not None and (match["tag"] == "latest" or not (match["tag"] or match["digest"]))
        lacking[policy] = "Always" if latest else "IfNotPresent"

    return step


_NAME = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_REFERENCE = (  # regexp.go of github.com/distribution/reference; whatever else there is has no tag
    rf"(?:(?:{_NAME}(?:\.{_NAME})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?/)?"
    r"[a-z0-9]+(?:(?:[./_]|__|-+)[a-z0-9]+)*"
    r"(?::(?P<tag>[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}))?\Z"
)


def _job_spec(spec: dict[str, Any], lacking: dict[str, Any]) -> None:
    """Set what depends on other fields of a Job."""
    if spec.get("parallelism") is None:
        lacking["parallelism"] = 1
        if spec.get("completions") is None:
            lacking["completions"] = 1
    if spec.get("backoffLimit") is None:
        lacking["backoffLimit"] = 6 if spec.get("backoffLimitPerIndex") is None else 2147483647
    if spec.get("podReplacementPolicy") is None:
        failed_only = spec.get("podFailurePolicy") is not None
        lacking["podReplacementPolicy"] = "Failed" if failed_only else "TerminatingOrFailed"


def _labels(job: dict[str, Any], lacking: dict[str, Any]) -> None:
    """Give a Job without labels those of its template."""
    labels = View(job).at("spec", "template", "metadata", "labels").value
    metadata = lacking.get("metadata", job.get("metadata"))
    if not labels or not isinstance(labels, dict) or not isinstance(metadata, dict):
        return
    if metadata.get("labels") in (None, {}):
        lacking["metadata"] = {**metadata, "labels": labels}


def _service_account(pod: dict[str, Any], lacking: dict[str, Any]) -> None:
    """Give the service account its other, older name too; the newer name wins."""
    name, old = pod.get("serviceAccountName"), pod.get("serviceAccount")
    if (name or old) and name != old and isinstance(name, str | None) and isinstance(old, str | None):
        lacking["serviceAccountName"] = lacking["serviceAccount"] = name or old


def _source(volume: dict[str, Any], lacking: dict[str, Any]) -> None:
    """Make an empty directory of a volume without a source."""
    if all(source is None for key, source in volume.items() if key != "name"):
        lacking["emptyDir"] = {}


def _as_is(value: Any) -> Any:
    return value


_HTTP_GET = _map(_empty(path="/", scheme="HTTP"))
_HANDLER = _only("httpGet", _HTTP_GET)
_PROBE = _map(
    _empty(timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3),
    _inside(httpGet=_HTTP_GET, grpc=_map(_unset(service=""))),
)
_FIELD = _inside(fieldRef=_map(_empty(apiVersion="v1")), resourceFieldRef=_map(_unset(divisor="0")))
_VALUE_FROM = _map(_FIELD, _inside(fileKeyRef=_map(_unset(optional=False))))
_CONTAINERS = _each(
    _map(
        _empty(terminationMessagePath="/dev/termination-log", terminationMessagePolicy="File"),
        _pull_policy("image", "imagePullPolicy"),
        _always(resources=_as_is),
        _inside(
            env=_each(_only("valueFrom", _VALUE_FROM)),
            ports=_each(_map(_empty(protocol="TCP"))),
            livenessProbe=_PROBE,
            readinessProbe=_PROBE,
            startupProbe=_PROBE,
            lifecycle=_map(_inside(postStart=_HANDLER, preStop=_HANDLER)),
        ),
    )
)
_MODE = _unset(defaultMode=420)
_DOWNWARD = _inside(items=_each(_map(_FIELD)))
_PROJECTED = _inside(downwardAPI=_map(_DOWNWARD), serviceAccountToken=_map(_unset(expirationSeconds=3600)))
_CLAIM = _always(metadata=_as_is, spec=_map(_unset(volumeMode="Filesystem"), _always(resources=_as_is)))
_SOURCES = _inside(
    configMap=_map(_MODE),
    secret=_map(_MODE),
    projected=_map(_MODE, _inside(sources=_each(_map(_PROJECTED)))),
    downwardAPI=_map(_MODE, _DOWNWARD),
    hostPath=_map(_unset(type="")),
    ephemeral=_only("volumeClaimTemplate", _map(_CLAIM)),
    iscsi=_map(_empty(iscsiInterface="default")),
    rbd=_map(_empty(pool="rbd", user="admin", keyring="/etc/ceph/keyring")),
    scaleIO=_map(_empty(storageMode="ThinProvisioned", fsType="xfs")),
    azureDisk=_map(_unset(cachingMode="ReadWrite", fsType="ext4", readOnly=False, kind="Shared")),
)
_IMAGE = _inside(image=_map(_pull_policy("reference", "pullPolicy")))
_FAILURE_RULE = _only("onPodConditions", _each(_map(_empty(status="True"))))
_FAILURE_POLICY = _inside(podFailurePolicy=_only("rules", _each(_FAILURE_RULE)))


@cache
def _objects(minor: int) -> tuple[Fill, Fill]:
    """Return what fills a Job and what fills a CronJob."""
    volume = (_SOURCES, _source, _IMAGE) if minor >= 35 else (_SOURCES, _source)  # image volumes are on
    pod = _map(
        _unset(terminationGracePeriodSeconds=30),
        _empty(dnsPolicy="ClusterFirst", restartPolicy="Always", schedulerName="default-scheduler"),
        _always(securityContext=_as_is),
        _service_account,
        _inside(volumes=_each(_map(*volume)), initContainers=_CONTAINERS, containers=_CONTAINERS),
    )
    template = _always(template=_map(_always(metadata=_as_is, spec=pod)))
    job_spec = _map(
        _unset(completionMode="NonIndexed", suspend=False, manualSelector=False),
        _job_spec,
        _FAILURE_POLICY,
        template,
    )
    template_spec = _map(_FAILURE_POLICY, template) if minor >= 34 else _map(template)
    cronjob_spec = _map(
        _empty(concurrencyPolicy="Allow"),
        _unset(suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1),
        _always(jobTemplate=_map(_always(metadata=_as_is, spec=template_spec))),
    )
    job = _map(_always(metadata=_as_is, spec=job_spec), _labels)
    return job, _map(_always(metadata=_as_is, spec=cronjob_spec))
