"""What Prometheus is told; clients cannot add to the values that a label has."""

from collections.abc import Callable
from typing import TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics import MetricWrapperBase

from lint.version import VERSION
from webhook.envelope import Outcome
from webhook.intake import REASONS

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_Metric = TypeVar("_Metric", bound=MetricWrapperBase)


class _Bound(dict[tuple[str, ...], _Metric]):
    """A metric by the values of its labels, each of which is looked up once: that is most of the cost."""

    def __init__(self, metric: _Metric) -> None:
        super().__init__()
        self.metric = metric

    def __missing__(self, values: tuple[str, ...]) -> _Metric:
        child = self[values] = self.metric.labels(*values)
        return child


class Metrics:
    """All metrics of a process."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # as many series again, which nobody reads
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._gauge("jobwarden_build_info", "The version.", "version").labels(VERSION).set(1)
        self._seconds = _Bound(
            Histogram(
                "jobwarden_admission_duration_seconds",
                "From the first byte of a request to the reply.",
                ("webhook",),
                buckets=_BUCKETS,
                registry=self._registry,
            )
        )
        self._reviews = self._counter(
            "admission_reviews", "Reviews that were answered.", "webhook", "kind", "operation", "verdict"
        )
        self._findings = self._counter(
            "findings", "What rules found, and what became of it.", "rule", "verdict"
        )
        self._patches = self._counter("patches", "Objects that were changed.", "kind")
        self._skipped = self._counter("skipped", "Objects that no rule looked at.", "webhook", "reason")
        self._rule_errors = self._counter("rule_errors", "Rules that failed because of a bug.", "rule")
        self._refused = self._counter("requests_refused", "Requests that got no decision.", "reason")
        for reason in REASONS:  # a series that begins with 1 does not look like an increase
            _ = self._refused[(reason,)]
        self._policy = self._gauge("jobwarden_policy_info", "The policy in use, by its hash.", "hash")
        self._reload_failed = self._gauge(
            "jobwarden_policy_reload_failed", "Whether the policy file holds a policy that cannot be used."
        )
        self._expiry = self._gauge(
            "jobwarden_certificate_expiry_timestamp_seconds", "When a certificate expires.", "certificate"
        )

    def decided(self, webhook: str, kind: str, operation: str, outcome: Outcome, seconds: float) -> None:
        """Count a decision."""
        self._seconds[(webhook,)].observe(seconds)
        self._reviews[webhook, kind, operation, outcome.verdict].inc()
        for found in outcome.rules:
            self._findings[found].inc()
        if outcome.verdict == "patched":
            self._patches[(kind,)].inc()
        if outcome.skipped:
            self._skipped[webhook, outcome.skipped].inc()

    def refused(self, reason: str) -> None:
        """Count a request that got no decision."""
        self._refused[(reason,)].inc()

    def rule_failed(self, rule: str) -> None:
        """Count a rule that raised."""
        self._rule_errors[(rule,)].inc()

    def policy_loaded(self, hash_: str) -> None:
        """Note the policy in use."""
        self._policy.clear()
        self._policy.labels(hash_).set(1)

    def policy_reload(self, *, failed: bool) -> None:
        """Note whether the policy file can be used."""
        self._reload_failed.set(failed)

    def certificate(self, name: str, expires: Callable[[], float]) -> None:
        """Show when a certificate expires, as it is whenever somebody asks."""
        self._expiry.labels(name).set_function(expires)

    def ca_bundle(self, verifies: Callable[[], bool]) -> None:
        """Show whether the installed CA bundles verify what is served; without a cluster nobody knows."""
        about = "Whether the CA bundles of the webhook configurations verify the certificate."
        self._gauge("jobwarden_ca_bundle_verifies", about).set_function(verifies)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Write all metrics in a format that is accepted; return it with its media type."""
        write, media_type = choose_encoder(accept)
        return write(self._registry), media_type

    def _counter(self, name: str, about: str, *labels: str) -> _Bound[Counter]:
        return _Bound(Counter(f"jobwarden_{name}", about, labels, registry=self._registry))

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(name, about, labels, registry=self._registry)
