"""The command `check`: says what is wrong with an installation, from outside of it."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any

import orjson

from webhook.cluster import FORBIDDEN, MODE_LABEL, NOT_FOUND, UNAUTHORIZED, Cluster, ClusterError
from webhook.installation import (
    Line,
    Webhook,
    look_at_ca_bundle,
    look_at_configuration,
    look_at_endpoints,
    look_at_secret,
    look_at_server,
    look_at_servers,
    webhooks,
)
from webhook.rotation import MUTATING, VALIDATING

_UNASKED = (
    "asked directly, the webhook has something to say. Why the API server does not ask may be told above; if "
    "not, look at namespaceSelector and matchConditions, and for 'failed calling webhook' in its log"
)
_POD = {"restartPolicy": "Never", "containers": [{"name": "check", "image": "check:1"}]}
_JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"generateName": "jobwarden-check-"},
    "spec": {"template": {"spec": _POD}},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the flags."""
    parser.description = (
        "Says what is wrong with an installed webhook, as far as you may look. Nothing is changed: the Job "
        "is a dry run. Exit status: 0 nothing is wrong, 1 something is, 2 there is nothing to be seen."
    )
    add = parser.add_argument
    add("--kubeconfig", metavar="FILE", help="default: $KUBECONFIG, else ~/.kube/config")
    add("--context", metavar="NAME", help="of the kubeconfig; default: its current one")
    for flag, default, about in (
        ("--namespace", "default", "where to try a Job"),
        ("--service-namespace", "jobwarden", "where the webhook runs"),
        ("--secret", "jobwarden-tls", "where its certificate is"),
        ("--mutating-configuration", "jobwarden", "what has API servers call it"),
        ("--validating-configuration", "jobwarden", "the same"),
    ):
        add(flag, metavar="NAME", default=default, help=f"{about}; default: {default}")


def check(options: argparse.Namespace) -> int:
    """Print what is seen, and return the exit status."""
    kubeconfig = options.kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    try:
        cluster = Cluster.connect(kubeconfig, options.context)
    except ClusterError as error:
        print(f"jobwarden-webhook: {error}", file=sys.stderr)
        return 2
    statuses = []
    for line in _look(cluster, options, datetime.now(UTC)):
        text, *more = [*line.text.splitlines(), *line.advice.splitlines()]
        print(f"{line.status:4}  {text}", *more, sep="\n      ")
        statuses.append(line.status)
    if "FAIL" in statuses:
        return 1
    return 0 if statuses.count("ok") > 1 else 2  # who sees no more than that there is a cluster, sees nothing


def _look(cluster: Cluster, options: argparse.Namespace, now: datetime) -> Iterator[Line]:
    """Look at one thing after the other, on the way from the API server to the webhook."""
    yield Line("ok", f"Kubernetes 1.{cluster.minor} at {cluster.url}")
    found: list[Webhook] = []
    for kind, name in (
        (MUTATING, options.mutating_configuration),
        (VALIDATING, options.validating_configuration),
    ):
        yield from _permitted(_configuration(cluster, kind, name, found))
    yield from look_at_servers(found)
    for webhook in found:
        yield from look_at_ca_bundle(webhook, now)
    services = {(each.service["namespace"], each.service["name"]): None for each in found if each.service}
    for service in services:
        yield from _permitted(look_at_endpoints(cluster, *service))
    if services:
        place = options.service_namespace, options.secret
        yield from _permitted(look_at_secret(cluster, *place, found, now))
    for webhook in found:
        if not webhook.service:
            yield from look_at_server(webhook)
    yield from _permitted(_job(cluster, options.namespace, found))


def _permitted(lines: Iterator[Line]) -> Iterator[Line]:
    """Look at something as far as the API server permits it."""
    try:
        yield from lines
    except ClusterError as error:
        yield Line("skip" if error.status in (UNAUTHORIZED, FORBIDDEN) else "FAIL", str(error))


def _configuration(cluster: Cluster, kind: str, name: str, found: list[Webhook]) -> Iterator[Line]:
    """Look at a configuration, and collect its webhooks."""
    of_kind = webhooks(cluster, kind, name)
    found += of_kind or ()
    yield from look_at_configuration(kind, name, of_kind)


def _job(cluster: Cluster, namespace: str, found: list[Webhook]) -> Iterator[Line]:
    """Have the API server make a Job, but not keep it."""
    text = f"a Job in namespace {namespace}"
    try:
        job, warnings = cluster.post(f"/apis/batch/v1/namespaces/{namespace}/jobs", _JOB, dryRun="All")
    except ClusterError as error:
        yield _refusal(text, error, found)
        return
    ours = "".join(f"\n{warning}" for warning in warnings if "jobwarden" in warning)
    label = _label(cluster, namespace)
    if "jobwarden failed" in ours:
        yield Line("FAIL", f"{text} is answered:{ours}", "please report the bug that the log shows")
    elif ours:
        yield Line("ok", f"{text} is answered:{ours}")
    elif label in ("off", "audit"):
        advice = "give another --namespace"
        yield Line("skip", f"{text}: not a word, as the namespace has the label {MODE_LABEL}={label}", advice)
    else:
        yield _silence(f"{text} comes back as it was sent", cluster, _review(namespace, job), found)


def _label(cluster: Cluster, namespace: str) -> str:
    try:
        metadata = cluster.get(f"/api/v1/namespaces/{namespace}")["metadata"]
    except ClusterError:  # who may not look has one explanation less
        return ""
    return str((metadata.get("labels") or {}).get(MODE_LABEL, ""))


def _refusal(text: str, error: ClusterError, found: list[Webhook]) -> Line:
    """Say who refuses a Job: it may be us, which is a good sign."""
    told = f"{text}: {error}"
    if any(f'admission webhook "{webhook.name}" denied' in told for webhook in found):
        return Line("ok", told)
    if any(f'failed calling webhook "{webhook.name}"' in told for webhook in found):
        return Line("FAIL", told, "failurePolicy Fail lets no Job through that nobody has looked at")
    if error.status == NOT_FOUND:
        return Line("FAIL", told, "give another --namespace")
    return Line("skip", told, "give a --namespace in which you may make Jobs")


def _silence(text: str, cluster: Cluster, review: Any, found: list[Webhook]) -> Line:
    """Say why a Job is left alone: ask the webhook what it would have said."""
    mutating = [webhook for webhook in found if webhook.kind == MUTATING]
    if not mutating:
        return Line("FAIL", text, "there is no mutating webhook, or you may not look at it")
    try:
        response = _ask(cluster, mutating[0], review)
    except (ClusterError, OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        advice = f"failurePolicy Ignore lets Jobs through when nobody answers; asked directly: {error}"
        return Line("FAIL", text, advice)
    if response.get("patch") or response.get("warnings"):
        return Line("FAIL", text, _UNASKED)
    return Line("skip", f"{text}, and the webhook, asked directly, agrees: the policy leaves nothing to set")


def _ask(cluster: Cluster, webhook: Webhook, review: Any) -> Any:
    """Return the response of a webhook; to a Service, the API server lets us through if we are permitted."""
    if service := webhook.service:
        base = f"/api/v1/namespaces/{service['namespace']}/services/https:{service['name']}"
        return cluster.post(f"{base}:{webhook.url.port}/proxy{webhook.url.path}", review).body["response"]
    with closing(webhook.connection()) as connection:
        body = orjson.dumps(review)
        connection.request("POST", webhook.url.path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise HTTPException(f"{answer.status} {answer.reason}")
        return orjson.loads(answer.read())["response"]


def _review(namespace: str, job: Any) -> Any:
    """Return what an API server asks about a Job."""
    resource = {"group": "batch", "version": "v1"}
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "jobwarden-check",
            "kind": {**resource, "kind": "Job"},
            "resource": {**resource, "resource": "jobs"},
            "operation": "CREATE",
            "namespace": namespace,
            "userInfo": {"username": "jobwarden-check"},
            "object": job,
            "dryRun": True,
        },
    }
