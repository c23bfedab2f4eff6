"""Reports in the cluster: one object for each namespace, for dashboards that read such objects.

There are two kinds, of one shape: Report (openreports.io) and its forerunner PolicyReport (wgpolicyk8s.io).
An object in etcd has room for about a megabyte, so that a report has the gravest results only; its summary
counts all of them. Nothing in it is of the time of the audit: one that says the same again changes nothing.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from lint.policy import Violation
from lint.rule import Severity
from webhook.audit.live import Live, items
from webhook.audit.run import Run
from webhook.cluster import CONFLICT, NOT_FOUND, Cluster, ClusterError

RESULTS = 500
"""Results of one report at most: about 300 KB."""

TRUNCATED = "jobwarden.io/results-left-out"
"""The annotation that says how many there were no room for."""

_NAME = "jobwarden"
_MANAGER = "jobwarden-audit"
_MARK = "app.kubernetes.io/managed-by"
_LONGEST = 500
"""Characters of a message."""

_APIS = (
    ("openreports.io/v1alpha1", "Report", "reports"),
    ("wgpolicyk8s.io/v1alpha2", "PolicyReport", "policyreports"),
)
_RESULTS = {
    Severity.ERROR: ("fail", "high"),
    Severity.WARNING: ("warn", "medium"),
    Severity.INFO: ("warn", "info"),
}
"""What findings are called there: a result, and a severity."""


class Reports:
    """Writes reports while an audit goes from namespace to namespace.

    Nothing is written once something could not be read: half of the truth would look like all of it.
    """

    def __init__(self, run: Run, api: tuple[str, str, str]) -> None:
        self._run = run
        self._version, self._kind, self._resource = api
        self._written: set[str] = set()
        self._namespace = ""
        self._summary = Counter[str]()
        self._results: dict[Severity, list[Any]] = {}

    def add(self, one: Live, found: Sequence[Violation]) -> None:
        """Take over what was found in an object; those of a namespace come together."""
        if one.namespace != self._namespace:
            self._write()
            self._namespace, self._summary, self._results = one.namespace, Counter(), {}
        self._summary["pass"] += not found
        for violation in found:
            self._summary[_RESULTS[violation.severity][0]] += 1
            some = self._results.setdefault(violation.severity, [])
            if len(some) < RESULTS:
                some.append(_result(one, violation))

    def end(self) -> None:
        """Write the last report, and remove those of namespaces in which there is nothing to report on."""
        self._write()
        if self._run.incomplete:
            return
        for namespace in self._run.namespaces or [""]:
            path = self._path(namespace)
            try:
                for item, _ in items(self._run.cluster, path, labelSelector=f"{_MARK}={_NAME}"):
                    self._remove(item["metadata"])
            except ClusterError as error:
                self._run.failed_to(str(error))

    def _path(self, namespace: str) -> str:
        below = f"namespaces/{namespace}/" if namespace else ""
        return f"/apis/{self._version}/{below}{self._resource}"

    def _write(self) -> None:
        if not self._namespace or self._run.incomplete:
            return
        results = [one for severity in sorted(self._results, reverse=True) for one in self._results[severity]]
        left_out = self._summary.total() - self._summary["pass"] - len(results[:RESULTS])
        report = {
            "apiVersion": self._version,
            "kind": self._kind,
            "metadata": {
                "name": _NAME,
                "labels": {_MARK: _NAME},
                **({"annotations": {TRUNCATED: str(left_out)}} if left_out else {}),
            },
            "summary": {key: self._summary[key] for key in ("pass", "fail", "warn", "error", "skip")},
            "results": results[:RESULTS],
        }
        try:
            self._run.cluster.apply(f"{self._path(self._namespace)}/{_NAME}", report, _MANAGER)
        except ClusterError as error:
            if "being terminated" not in str(error):  # the namespace: that is nobody's fault
                self._run.failed_to(f"{self._namespace}: {error}")
        self._written.add(self._namespace)

    def _remove(self, metadata: Any) -> None:
        """Remove a report that was not written now, unless it is another one already."""
        if metadata["name"] != _NAME or metadata["namespace"] in self._written:
            return
        path = f"{self._path(metadata['namespace'])}/{metadata['name']}"
        try:
            self._run.cluster.delete(path, {"preconditions": {"uid": metadata["uid"]}})
        except ClusterError as error:
            if error.status not in (NOT_FOUND, CONFLICT):
                raise


def api_of(cluster: Cluster) -> tuple[str, str, str] | None:
    """Return the version, kind and resource of the reports that a cluster knows; None if it knows none."""
    for version, kind, resource in _APIS:
        known = cluster.find(f"/apis/{version}") or {}
        if any(one["name"] == resource for one in known.get("resources", ())):
            return version, kind, resource
    return None


def _result(one: Live, violation: Violation) -> dict[str, Any]:
    result, severity = _RESULTS[violation.severity]
    place = f"{violation.place}: " if violation.place else ""
    return {
        "source": _NAME,
        "policy": _NAME,
        "rule": violation.rule,
        "category": str(violation.class_),
        "result": result,
        "severity": severity,
        "message": f"{place}{violation.message}"[:_LONGEST],
        "resources": [
            {
                "apiVersion": "batch/v1",
                "kind": one.kind,
                "namespace": one.namespace,
                "name": one.name,
                "uid": one.tree["metadata"]["uid"],
            }
        ],
        **({"properties": {"fix": violation.fix.title[:_LONGEST]}} if violation.fix else {}),
    }
