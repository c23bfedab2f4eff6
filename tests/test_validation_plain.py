"""What is plain is accepted: the short look never says so of what the long one finds something in."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle
from random import Random
from typing import Any

import pytest
import yaml
from conftest import folder_of

from lint.compose import DocumentError
from lint.document import parse
from lint.edit import Remove, Set, apply
from lint.path import Path
from lint.source import Piece, pieces
from lint.validation import server
from lint.validation.fields import table
from lint.validation.plain import is_plain

Tree = dict[str, Any]

MINORS = range(31, 38)
JOB: Tree = yaml.safe_load("""
apiVersion: batch/v1
kind: Job
metadata:
  {name: report, namespace: reports, labels: {app.kubernetes.io/name: report, team: ""},
  annotations: {example.com/Owner: a}, creationTimestamp: null}
spec: &spec
  parallelism: 2
  completions: 3
  backoffLimit: 2
  activeDeadlineSeconds: 60
  ttlSecondsAfterFinished: 60
  completionMode: Indexed
  backoffLimitPerIndex: 1
  maxFailedIndexes: 2
  suspend: false
  podReplacementPolicy: Failed
  podFailurePolicy:
    rules:
      - {action: Ignore, onPodConditions: [{type: DisruptionTarget}]}
      - {action: FailIndex, onExitCodes: {containerName: main, operator: In, values: [1, 42]}}
  successPolicy: {rules: [{succeededIndexes: 0-1, succeededCount: 1}]}
  template:
    metadata:
      labels: {app: report}
      annotations:
        controller.kubernetes.io/pod-deletion-cost: "-1"
        container.apparmor.security.beta.kubernetes.io/main: runtime/default
      creationTimestamp: null
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 30
      activeDeadlineSeconds: 60
      dnsPolicy: ClusterFirst
      dnsConfig: {nameservers: [10.0.0.1], searches: [a.b], options: [{name: ndots, value: "2"}]}
      nodeSelector: {kubernetes.io/arch: amd64}
      serviceAccountName: report
      automountServiceAccountToken: false
      enableServiceLinks: false
      hostNetwork: true
      hostPID: true
      shareProcessNamespace: false
      imagePullSecrets: [{name: registry}]
      priorityClassName: low
      runtimeClassName: kata
      schedulerName: default-scheduler
      preemptionPolicy: Never
      hostname: a
      subdomain: b
      hostAliases: [{ip: 10.0.0.2, hostnames: [c]}]
      tolerations: [{key: batch, operator: Exists, effect: NoSchedule}]
      topologySpreadConstraints:
        - {maxSkew: 1, topologyKey: a, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {a: b}}}
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            - {topologyKey: zone, labelSelector: {matchExpressions: [{key: a, operator: Exists}]}}
      securityContext:
        {runAsUser: 1000, runAsNonRoot: true, fsGroup: 1000, fsGroupChangePolicy: Always, runAsGroup: 1,
        supplementalGroups: [1], seccompProfile: {type: RuntimeDefault}, seLinuxOptions: {level: s0},
        appArmorProfile: {type: RuntimeDefault}}
      initContainers:
        - {name: proxy, image: proxy:1, restartPolicy: Always, startupProbe: {grpc: {port: 1, service: a}}}
        - {name: init, image: init:1}
      containers:
        - name: main
          image: report:1.4
          imagePullPolicy: Always
          command: [report]
          args: [--fast]
          workingDir: /
          tty: true
          terminationMessagePath: /dev/termination-log
          terminationMessagePolicy: File
          env:
            - {name: A, value: b}
            - {name: B}
            - {name: C, valueFrom: {fieldRef: {fieldPath: metadata.name, apiVersion: v1}}}
            - {name: D, valueFrom: {fieldRef: {fieldPath: "metadata.labels['app']"}}}
            - {name: E, valueFrom: {secretKeyRef: {name: a, key: b, optional: true}}}
            - {name: F, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 1m}}}
          envFrom: [{configMapRef: {name: a}}, {secretRef: {name: b, optional: true}}]
          ports: [{name: http, containerPort: 80, protocol: TCP}, {name: x, containerPort: 81}]
          resources: {requests: {cpu: 0.5, memory: 1Gi}, limits: {cpu: 1, memory: 1Gi, ephemeral-storage: 9}}
          livenessProbe: {httpGet: {path: /, port: http, scheme: HTTP, httpHeaders: [{name: a, value: b}]}}
          readinessProbe: {exec: {command: [a]}, periodSeconds: 2, successThreshold: 1, timeoutSeconds: 1}
          lifecycle: {preStop: {exec: {command: [a]}}, postStart: {httpGet: {port: 80}}}
          volumeMounts:
            - {name: scratch, mountPath: /a}
            - {name: secret, mountPath: /b, readOnly: true, subPath: c, mountPropagation: None}
          securityContext:
            {runAsUser: 1, privileged: false, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true,
            capabilities: {drop: [ALL], add: [CHOWN]}, seccompProfile: {type: RuntimeDefault}}
        - {name: gpu, image: "gpu:1", resources: {limits: {nvidia.com/gpu: 1, hugepages-2Mi: 4Mi, cpu: 1}}}
      volumes:
        - {name: scratch, emptyDir: {medium: Memory, sizeLimit: 1Gi}}
        - {name: secret, secret: {secretName: a, items: [{key: a, path: b, mode: 256}], defaultMode: 256}}
        - {name: map, configMap: {name: a, optional: true}}
        - {name: claim, persistentVolumeClaim: {claimName: a, readOnly: true}}
        - {name: host, hostPath: {path: /var, type: Directory}}
        - {name: csi, csi: {driver: a.b, volumeAttributes: {a: b}}}
        - {name: nfs, nfs: {server: a, path: /b}}
        - {name: down, downwardAPI: {items: [{path: a, fieldRef: {fieldPath: metadata.name}}]}}
        - {name: token, projected: {sources: [{configMap: {name: a, items: [{key: a, path: b}]}}]}}
        - name: own
          ephemeral:
            volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}
status: {}
""")
CRONJOB: Tree = {
    "apiVersion": "batch/v1",
    "kind": "CronJob",
    "metadata": {"name": "report"},
    "spec": {
        "schedule": "0 3 * * *",
        "timeZone": "Etc/UTC",
        "suspend": False,
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 60,
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 1,
        "jobTemplate": {
            "metadata": {"labels": {"a": "b"}},
            "spec": apply(
                JOB["spec"],
                [Set(("podFailurePolicy", "rules", 0, "onPodConditions", 0, "status"), "True")],
            ),
        },
    },
}
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 3, 70000, 2**31, 2**63, 0.5, 1e30, [], {}, [1], ["a"], [None], [{}]),
    *(
        "",
        "a",
        "A",
        "-a",
        "a.b",
        "a/b",
        "/a",
        "../a",
        "é",
        "a" * 53,
        "a" * 64,
        "a" * 254,
        "1Gi",
        "-1",
        "main",
    ),
    *("Always", "Never", "OnFailure", "Indexed", "None", "Localhost", "CAP_SYS_ADMIN", "metadata.namespace"),
    *("spec.restartPolicy", "@daily", "TZ=UTC * * * * *", "Local", "NoExecute", {"a": "b"}, {"cpu": "2"}),
    {"scheduler.alpha.kubernetes.io/tolerations": "x"},
    {"job-name": "other"},
)
KEYS = (
    "batch.kubernetes.io/job-name",
    "seccomp.security.alpha.kubernetes.io/pod",
    "a/b/c",
    "pods",
    "cpu",
    "",
)


def places(value: Any, go: str, path: Path = ()) -> Iterator[tuple[Path, str, Any]]:
    """Iterate over all that is in an object, with its Go type."""
    go = table().named.get(go, go)
    yield path, go, value
    if isinstance(value, list):
        for index, one in enumerate(value):
            yield from places(one, go.removeprefix("[]"), (*path, index))
    elif isinstance(value, dict):
        fields = table().structs.get(go)
        for key, one in value.items():
            yield from places(one, fields[key].type if fields else go.partition("]")[2], (*path, key))


def edits(tree: Tree) -> Iterator[Set | Remove]:
    """Iterate over changes in every place: other values, less, more of the same, and all fields."""
    for path, go, value in places(tree, f"v1.{tree['kind']}"):
        if path:
            yield Remove(path)
            yield from (Set(path, other) for other in VALUES)
        if isinstance(value, list) and value:
            yield Set((*path, len(value)), value[0])
        fields = table().structs.get(go, {})
        more = fields.keys() - value.keys() if fields else KEYS if go.startswith("map[") else ()
        yield from (Set((*path, key), other) for key in sorted(more) for other in VALUES)


def sample(tree: Tree) -> list[Set | Remove]:
    """Return some of the changes, and all of those that take something away."""
    every = list(edits(tree))
    return [
        *(edit for edit in every if isinstance(edit, Remove)),
        *Random(1).sample([edit for edit in every if isinstance(edit, Set)], 1500),
    ]


def refused(tree: Tree, minor: int, monkeypatch: pytest.MonkeyPatch) -> object:
    """Say what is found without the short look."""
    with monkeypatch.context() as patched:
        patched.setattr(server, "is_plain", lambda *_: False)
        return server.rejection(tree, minor)


@pytest.mark.parametrize("tree", [JOB, CRONJOB], ids=["job", "cronjob"])
def test_a_change_that_stays_plain_is_accepted(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = 0
    for edit, minor in zip(sample(tree), cycle(MINORS), strict=False):
        changed = apply(tree, [edit])
        if is_plain(changed, minor):
            plain += 1
            assert refused(changed, minor, monkeypatch) is None, edit

    assert plain > 150


def test_two_changes_that_stay_plain_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = Random(1)
    some = [edit for edit in sample(JOB) if is_plain(apply(JOB, [edit]), 37)]
    for minor in [*MINORS] * 25:
        one, other = chance.sample(some, 2)
        if one.path == other.path[: len(one.path)] or other.path == one.path[: len(other.path)]:
            continue
        changed = apply(JOB, [one, other])
        if is_plain(changed, minor):
            assert refused(changed, minor, monkeypatch) is None, (one, other)


@pytest.mark.parametrize("tree", [JOB, CRONJOB], ids=["job", "cronjob"])
@pytest.mark.parametrize("minor", MINORS)
def test_usual_objects_are_plain_in_every_minor(tree: Tree, minor: int) -> None:
    assert is_plain(tree, minor)


def test_a_beginning_of_a_name_is_plain() -> None:
    assert is_plain(apply(JOB, [Remove(("metadata", "name")), Set(("metadata", "generateName"), "a-")]), 37)


def test_most_objects_of_other_people_are_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted = [tree for tree in corpus() if refused(tree, 37, monkeypatch) is None]

    assert len(accepted) > 100
    assert sum(is_plain(tree, 37) for tree in accepted) > 0.95 * len(accepted)


def corpus() -> Iterator[Tree]:
    """Iterate over Jobs and CronJobs of other people, those that can be read."""
    for path in sorted((folder_of("JOBWARDEN_CORPUS") / "visible").rglob("*.yaml")):
        for piece in pieces(path.read_bytes()):
            with suppress(DocumentError):  # templates, too
                tree = parse(piece.text).value if isinstance(piece, Piece) else None
                if isinstance(tree, dict) and tree.get("kind") in {"Job", "CronJob"}:
                    yield tree
