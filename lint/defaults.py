"""What the API server fills in when a Job or CronJob is created.

The tables say what Kubernetes says in defaults.go and zz_generated.defaults.go of pkg/apis/batch/v1 and
pkg/apis/core/v1; they name fields as JSON does.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from lint.defaulting import Always, AsIs, Computed, Each, Fill, Inside, Map, Only, Struct, empty, unset
from lint.edit import same
from lint.memo import remembered
from lint.view import MISSING, View


def defaulted(tree: dict[str, Any], minor: int) -> dict[str, Any]:
    """Return a Job or CronJob as a mutating webhook of Kubernetes 1.`minor` sees it; `tree` stays as it is.

    The result shares every untouched part with `tree`, or is `tree`: treat both as read-only.

    Some things stay as they were written, though the server tidies them up: nulls, empty lists and maps, and
    the spelling of quantities, which a reader takes for the same, and fields that it drops because their
    feature is off. Selector and labels that carry the uid are generated after the webhooks.
    """
    filled: dict[str, Any] = _table(tree, minor).fill(tree)
    return filled


def undefaulted(tree: dict[str, Any], minor: int, written: Any = None) -> dict[str, Any]:
    """Return the least from which `defaulted` makes a tree that it has made.

    What `written` has in the same place stays, too; its items are those of the same index. The result shares
    every untouched part with `tree`: treat both as read-only.
    """
    bare: dict[str, Any] = _table(tree, minor).bare(tree, written)
    return bare


def _table(tree: Any, minor: int) -> Fill:
    """Choose what fills an object."""
    job, cronjob = _objects(minor)
    if not isinstance(tree, dict):
        return job
    spec = tree.get("spec")
    has_template = isinstance(spec, dict) and isinstance(spec.get("jobTemplate"), dict)
    return cronjob if has_template or tree.get("kind") == "CronJob" else job


class _PullPolicy:
    """Pulls always what is named `latest`, or has no tag and no digest."""

    def __init__(self, image: str, policy: str) -> None:
        self._image, self._policy = image, policy

    def fill(self, value: Map, changed: Map) -> None:
        if value.get(self._policy) in (None, ""):
            changed[self._policy] = self._default(value)

    def bare(self, value: Map, changed: Map, written: Map) -> None:
        given = value.get(self._policy)
        if given is not None and written.get(self._policy) is None and given == self._default(value):
            changed[self._policy] = MISSING

    def _default(self, value: Map) -> str:
        reference = value.get(self._image)
        return "Always" if isinstance(reference, str) and _is_latest(reference) else "IfNotPresent"


@remembered(1024)  # a repository runs the same few again and again
def _is_latest(reference: str) -> bool:
    match = re.match(_REFERENCE, reference)
    return match is not None and (match["tag"] == "latest" or not (match["tag"] or match["digest"]))


_NAME = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_REFERENCE = (  # regexp.go of github.com/distribution/reference; whatever else there is has no tag
    rf"(?:(?:{_NAME}(?:\.{_NAME})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?/)?"
    r"[a-z0-9]+(?:(?:[./_]|__|-+)[a-z0-9]+)*"
    r"(?::(?P<tag>[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}))?\Z"
)


def _job_spec(spec: Map, changed: Map) -> Iterator[tuple[str, Any]]:
    """Tell what depends on other fields of a Job."""
    if spec.get("parallelism") is None or spec.get("completions") is not None:
        yield "parallelism", 1
        if "parallelism" in changed:
            yield "completions", 1
    yield "backoffLimit", 6 if spec.get("backoffLimitPerIndex") is None else 2147483647
    yield "podReplacementPolicy", "TerminatingOrFailed" if spec.get("podFailurePolicy") is None else "Failed"


def _source(volume: Map, _: Map) -> Iterator[tuple[str, Any]]:
    """Make an empty directory of a volume without a source."""
    for key, source in volume.items():
        if source is not None and key not in ("name", "emptyDir"):
            return
    yield "emptyDir", {}


class _Labels:
    """Gives a Job without labels those of its template."""

    def fill(self, value: Map, changed: Map) -> None:
        metadata = changed.get("metadata", value.get("metadata"))
        if not isinstance(metadata, dict) or metadata.get("labels") not in (None, {}):
            return
        if labels := self._of_template(value):
            changed["metadata"] = {**metadata, "labels": labels}

    def bare(self, value: Map, changed: Map, written: Map) -> None:
        labels, metadata = self._of_template(value), value.get("metadata")
        if not labels or not isinstance(metadata, dict) or not same(metadata.get("labels"), labels):
            return
        if View(written).at("metadata", "labels").unset:
            rest = {key: one for key, one in metadata.items() if key != "labels"}
            changed["metadata"] = rest or MISSING

    def _of_template(self, job: Map) -> Map:
        return View(job).at("spec", "template", "metadata", "labels").entries


class _Account:
    """Gives the service account its other, older name too; the newer name wins."""

    def fill(self, value: Map, changed: Map) -> None:
        name, old = value.get("serviceAccountName"), value.get("serviceAccount")
        if (name or old) and name != old and isinstance(name, str | None) and isinstance(old, str | None):
            changed["serviceAccountName"] = changed["serviceAccount"] = name or old

    def bare(self, value: Map, changed: Map, written: Map) -> None:
        name = value.get("serviceAccountName")
        if not name or name != value.get("serviceAccount"):
            return
        for key in ("serviceAccount", "serviceAccountName"):
            if written.get(key) is None:
                changed[key] = MISSING
                return


_HTTP_GET = Struct(empty(path="/", scheme="HTTP"))
_HANDLER = Only("httpGet", _HTTP_GET)
_PROBE = Struct(
    empty(timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3),
    Inside(httpGet=_HTTP_GET, grpc=Struct(unset(service=""))),
)
_FIELDS = {"fieldRef": Struct(empty(apiVersion="v1")), "resourceFieldRef": Struct(unset(divisor="0"))}
_VALUE_FROM = Struct(Inside(**_FIELDS, fileKeyRef=Struct(unset(optional=False))))
_CONTAINERS = Each(
    Struct(
        empty(terminationMessagePath="/dev/termination-log", terminationMessagePolicy="File"),
        _PullPolicy("image", "imagePullPolicy"),
        Always(resources=AsIs()),
        Inside(
            env=Each(Only("valueFrom", _VALUE_FROM), having="valueFrom"),
            ports=Each(Struct(empty(protocol="TCP"))),
            livenessProbe=_PROBE,
            readinessProbe=_PROBE,
            startupProbe=_PROBE,
            lifecycle=Struct(Inside(postStart=_HANDLER, preStop=_HANDLER)),
        ),
    )
)
_MODE = unset(defaultMode=420)
_DOWNWARD = Inside(items=Each(Struct(Inside(**_FIELDS))))
_PROJECTED = Inside(downwardAPI=Struct(_DOWNWARD), serviceAccountToken=Struct(unset(expirationSeconds=3600)))
_CLAIM = Always(metadata=AsIs(), spec=Struct(unset(volumeMode="Filesystem"), Always(resources=AsIs())))
_SOURCES = Inside(
    configMap=Struct(_MODE),
    secret=Struct(_MODE),
    projected=Struct(_MODE, Inside(sources=Each(Struct(_PROJECTED)))),
    downwardAPI=Struct(_MODE, _DOWNWARD),
    hostPath=Struct(unset(type="")),
    ephemeral=Only("volumeClaimTemplate", Struct(_CLAIM)),
    iscsi=Struct(empty(iscsiInterface="default")),
    rbd=Struct(empty(pool="rbd", user="admin", keyring="/etc/ceph/keyring")),
    scaleIO=Struct(empty(storageMode="ThinProvisioned", fsType="xfs")),
    azureDisk=Struct(unset(cachingMode="ReadWrite", fsType="ext4", readOnly=False, kind="Shared")),
)
_IMAGE = Inside(image=Struct(_PullPolicy("reference", "pullPolicy")))
_FAILURE_RULE = Only("onPodConditions", Each(Struct(empty(status="True"))))
FAILURE_POLICY: Final = Only("rules", Each(_FAILURE_RULE))
"""Fills a `podFailurePolicy`."""

_FAILURE_POLICY = Inside(podFailurePolicy=FAILURE_POLICY)


DEPENDED_ON = frozenset(
    "backoffLimitPerIndex completions image labels parallelism podFailurePolicy reference serviceAccount"
    " serviceAccountName volumes".split()
)
"""Fields by which defaults of other fields are chosen."""


@cache
def _objects(minor: int) -> tuple[Fill, Fill]:
    """Return what fills a Job and what fills a CronJob."""
    sources = (_SOURCES, Computed(_source))
    volume = (*sources, _IMAGE) if minor >= 35 else sources  # image volumes are on
    pod = Struct(
        unset(terminationGracePeriodSeconds=30),
        empty(dnsPolicy="ClusterFirst", restartPolicy="Always", schedulerName="default-scheduler"),
        Always(securityContext=AsIs()),
        _Account(),
        Inside(volumes=Each(Struct(*volume)), initContainers=_CONTAINERS, containers=_CONTAINERS),
    )
    template = Always(template=Struct(Always(metadata=AsIs(), spec=pod)))
    job_spec = Struct(
        unset(completionMode="NonIndexed", suspend=False, manualSelector=False),
        Computed(_job_spec),
        _FAILURE_POLICY,
        template,
    )
    template_spec = Struct(_FAILURE_POLICY, template) if minor >= 34 else Struct(template)
    cronjob_spec = Struct(
        empty(concurrencyPolicy="Allow"),
        unset(suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1),
        Always(jobTemplate=Struct(Always(metadata=AsIs(), spec=template_spec))),
    )
    job = Struct(Always(metadata=AsIs(), spec=job_spec), _Labels())
    return job, Struct(Always(metadata=AsIs(), spec=cronjob_spec))
