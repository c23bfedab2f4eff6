"""A helper that never ends is no regular container.

A Job is complete only when all regular containers of its Pods have ended. A proxy or a log shipper beside the
work does not know when the work is done: the Pod runs on, the Job never completes, and a CronJob with
`concurrencyPolicy: Forbid` never starts another. An init container with `restartPolicy: Always` (Kubernetes
1.29 and later) starts first, stays, and is ended by the kubelet when the regular containers have ended.

Known helpers are told by the name of the container or of its image. Spared are those that something ends: an
option of their own, a call of `/quitquitquit`, a `kill`, a shared process namespace, which is there to kill
in, or a script around them that waits for a file. What is injected into the Pod later is not seen.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity
from lint.view import View

_ENDED = r"(?i)quit|kill|shutdown|linkerd-await|scuttle|kubexit"
"""What ends a helper from another container."""

_ENDS = r"(?i)exit(?!-zero)|terminat|(?:^|\s)timeout\s|\[ |\[\[|validate|dry-run|--version"
"""What ends a helper from within."""


class Params(NamedTuple):
    """What never ends."""

    names: tuple[str, ...] = (
        *("istio-proxy", "proxyv2", "linkerd-proxy", "envoy", "consul-dataplane", "kuma-dp", "daprd"),
        *("cloud-sql-proxy", "cloudsql-proxy", "gce-proxy", "alloydb-auth-proxy", "pgbouncer"),
        *("oauth2-proxy", "vault-agent", "tailscale", "dind"),
        *("fluent-bit", "aws-for-fluent-bit", "fluentd", "filebeat", "promtail"),
        *("otel-collector", "opentelemetry-collector", "opentelemetry-collector-contrib", "jaeger-agent"),
        *("datadog-agent", "statsd-exporter", "aws-xray-daemon", "gcs-fuse-csi-driver-sidecar-mounter"),
    )
    """Names of containers, and of images without registry, folders and tag."""


def check(job: Job, params: Params) -> Iterator[Finding]:
    containers = job.containers
    if len(containers) < 2:
        return
    helpers = [container for container in containers if _is_helper(container, params)]
    if not 0 < len(helpers) < len(containers) or job.guards.partial:
        return
    if job.pod.at("shareProcessNamespace").as_bool():
        return
    texts = {container.path: _text(container) for container in containers}
    if any(re.search(_ENDED, text) for text in texts.values()):
        return
    remedy = "end it when the work is done"
    if job.minor >= 29:
        remedy = "move it to initContainers, with restartPolicy: Always"
    for helper in helpers:
        if not re.search(_ENDS, texts[helper.path]):
            name = helper.at("name").as_str() or helper.at("image").as_str()
            message = f"the Job never completes, since {name} does not end by itself: {remedy}"
            yield Finding(helper.path, message)


def _is_helper(container: View, params: Params) -> bool:
    """Tell whether a container is known never to end."""
    image = (container.at("image").as_str() or "").partition("@")[0].rpartition("/")[2]
    repository, _, tag = image.partition(":")
    return container.at("name").value in params.names or repository in params.names or "dind" in tag


def _text(container: View) -> str:
    """Return everything in a container that may say how something ends."""
    words = [word for part in ("command", "args") for word in container.at(part).items()]
    words += [variable.at(part) for variable in container.at("env").items() for part in ("name", "value")]
    return " ".join(word.as_str() or "" for word in words)


RULE = Rule(
    id="sidecar-blocks-completion",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=Params(),
    check=check,
    good=(
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: migrate
            spec:
              template:
                spec:
                  restartPolicy: Never
                  initContainers:
                    - name: cloud-sql-proxy
                      image: gcr.io/cloud-sql-connectors/cloud-sql-proxy:2.14.0
                      args: [project:region:database]
                      restartPolicy: Always
                  containers:
                    - name: migrate
                      image: migrate:1.4
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
                      containers:
                        - {name: istio-proxy, image: "istio/proxyv2:1.24.0"}
                        - name: report
                          image: report:1.4
                          command: [sh, -c, "report; curl -fsX POST localhost:15020/quitquitquit"]
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
                  containers:
                    - {name: istio-proxy, image: "istio/proxyv2:1.24.0"}
                    - {name: report, image: report:1.4, env: [{name: ISTIO_QUIT_API, value: "http://[::1]:15020"}]}
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
                  containers:
                    - name: logs
                      image: fluent/fluent-bit:3.2.0
                      command: [sh, -c, "fluent-bit -c /c & until [ -f /shared/done ]; do sleep 1; done"]
                    - {name: report, image: report:1.4}
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
                  shareProcessNamespace: true
                  containers:
                    - {name: envoy, image: envoyproxy/envoy:v1.32.0}
                    - {name: report, image: report:1.4}  # has a script that ends envoy
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
                  containers: [{name: envoy, image: envoyproxy/envoy:v1.32.0}]  # the work itself
            """,
        ),
    ),
    bad=(
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: migrate
            spec:
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: migrate
                      image: migrate:1.4
                    - name: cloud-sql-proxy
                      image: gcr.io/cloud-sql-connectors/cloud-sql-proxy:2.14.0
                      args: [--exit-zero-on-sigterm, project:region:database]
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
                      restartPolicy: OnFailure
                      containers:
                        - {name: build, image: build:1.4}
                        - {name: docker, image: docker:27.3.1-dind}
            """,
            minor=28,
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
                    - {name: report, image: report:1.4}
                    - {name: istio-proxy, image: auto}
            """,
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
                    - {name: report, image: report:1.4}
                    - {name: queue, image: "registry.local:5000/tools/nats:2.10"}
            """,
            params=Params(names=("nats",)),
        ),
    ),
)
