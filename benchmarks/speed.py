"""How fast the linter is, as ratios within one run: `python benchmarks/speed.py`.

Prints the start-up against that of the bare interpreter, a large repository against the floor (an interpreter
that starts and reads the same bytes), how time grows with the number of Jobs, and what it costs to foretell
whether the API server rejects one.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from latency import CHOSEN, MINOR, best, job

from lint.document import parse
from lint.validation import server

ROUNDS = 7
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""Without compiled modules, every start-up would be one after an installation."""

LINT = (sys.executable, "-c", "from lint.cli import main; main()")
READ = """\
import os
def walk(folder):
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                walk(entry.path)
            else:
                descriptor = os.open(entry.path, os.O_RDONLY)
                while os.read(descriptor, 1 << 20):
                    pass
                os.close(descriptor)
walk(".")
os._exit(0)
"""
JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: report-{number}
  labels: {{app.kubernetes.io/name: report, team: "team-{number}"}}
spec:
  backoffLimit: 3  # the far end sleeps at night
  completions: {number}
  template:
    metadata:
      labels:
        app.kubernetes.io/name: report
    spec:
      restartPolicy: Never
      containers:
        - name: report
          image: registry.example.com/report:{number}
          command: ["/bin/report", "--day", "{number}"]
          env:
            - name: DATABASE
              valueFrom:
                secretKeyRef: {{name: database, key: url}}
            - name: VERBOSE
              value: "yes"
          resources:
            requests:
              cpu: 250m
              memory: 512Mi
          volumeMounts:
            - name: scratch
              mountPath: /scratch
      volumes:
        - name: scratch
          emptyDir: {{sizeLimit: 1Gi}}
"""
DENSE = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: report-{number}
  namespace: reports
  labels: {{app.kubernetes.io/name: report, app.kubernetes.io/part-of: reports, team: team-{number}}}
spec:
  backoffLimit: 2
  activeDeadlineSeconds: 3600
  ttlSecondsAfterFinished: 3600
  template:
    metadata:
      labels: {{app.kubernetes.io/name: report, app.kubernetes.io/part-of: reports, team: team-{number}}}
      annotations: {{example.com/owner: team-{number}}}
    spec:
      restartPolicy: Never
      serviceAccountName: report-{number}
      automountServiceAccountToken: false
      nodeSelector: {{kubernetes.io/arch: amd64}}
      tolerations:
        - {{key: batch, operator: Exists, effect: NoSchedule}}
      securityContext: {{runAsNonRoot: true, fsGroup: 1000}}
      volumes:
        - name: scratch-{number}
          emptyDir: {{sizeLimit: 1Gi}}
        - name: settings
          configMap: {{name: report-{number}}}
        - name: data
          persistentVolumeClaim: {{claimName: report}}
      containers:
"""
CONTAINER = """\
        - name: {name}-{number}
          image: registry.example.com/reports/{name}:1.4.{number}
          imagePullPolicy: IfNotPresent
          command: [/bin/{name}, --month, 2026-11]
          ports:
            - {{name: http, containerPort: 8080, protocol: TCP}}
          env:
            - {{name: LOG_LEVEL, value: info}}
            - {{name: POD_NAME, valueFrom: {{fieldRef: {{fieldPath: metadata.name}}}}}}
            - {{name: TOKEN, valueFrom: {{secretKeyRef: {{name: {name}-{number}, key: token-{number}}}}}}}
          envFrom:
            - configMapRef: {{name: {name}-settings}}
          resources:
            requests: {{cpu: 250m, memory: 5{number}Mi, ephemeral-storage: 1Gi}}
            limits: {{cpu: "1", memory: 9{number}Mi}}
          livenessProbe:
            httpGet: {{path: /healthz, port: http}}
            initialDelaySeconds: 10
            periodSeconds: 20
          readinessProbe: {{exec: {{command: [/bin/ready]}}, timeoutSeconds: 5}}
          lifecycle: {{preStop: {{exec: {{command: [/bin/stop]}}}}}}
          volumeMounts:
            - {{name: scratch-{number}, mountPath: /scratch}}
            - {{name: settings, mountPath: /etc/report, readOnly: true}}
            - {{name: data, mountPath: /data, subPath: {name}}}
          securityContext:
            runAsUser: 1000
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {{drop: [ALL]}}
            seccompProfile: {{type: RuntimeDefault}}
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: service-{number}
spec:
  selector: {{app.kubernetes.io/name: service-{number}}}
  ports:
    - {{name: http, port: 80, targetPort: 8080}}
"""


def repository(folder: Path, files: int, share: float) -> int:
    """Write a repository in which a share of the files holds Jobs; return its bytes."""
    chance, size = random.Random(1), 0
    for number in range(files):
        path = folder / f"team-{number % 100}" / f"{number}.yaml"
        path.parent.mkdir(exist_ok=True)
        kind = JOB if number % 1000 < share * 1000 else SERVICE
        documents = [SERVICE.format(number=chance.randint(1, 999)) for _ in range(chance.randint(5, 30))]
        documents[0] = kind.format(number=number + 1)
        size += path.write_text("---\n".join(documents))
    return size


def seconds(command: tuple[str, ...], folder: Path) -> float:
    """Time one run."""
    start = time.perf_counter()
    subprocess.run(
        command,
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return time.perf_counter() - start


def medians(folder: Path, *commands: tuple[str, ...]) -> list[float]:
    """Time commands in turn, so that a slow spell of the machine meets all of them."""
    rounds = [[seconds(command, folder) for command in commands] for _ in range(ROUNDS + 1)][1:]
    return [sorted(times)[ROUNDS // 2] for times in zip(*rounds, strict=True)]


def in_folder(measure: Callable[[Path], None]) -> None:
    """Run a measurement in a folder that is deleted afterwards."""
    with tempfile.TemporaryDirectory() as name:
        measure(Path(name))


def start_up(folder: Path) -> None:
    """Compare `jobwarden --version` with an interpreter that does nothing."""
    bare, version = medians(folder, (sys.executable, "-c", "pass"), (*LINT, "--version"))
    print(
        f"start-up: {version / bare:.1f} times `python -c pass`"
        f" ({version * 1000:.0f} ms, {bare * 1000:.0f} ms)"
    )


def large_repository(folder: Path) -> None:
    """Compare a run over 10,000 files with reading them."""
    size = repository(folder, 10_000, 0.02)
    floor, lint = medians(folder, (sys.executable, "-c", READ), (*LINT, "lint", "--format", "concise"))
    print(
        f"10,000 files, 2 % with Jobs, {size / 1e6:.0f} MB: {lint / floor:.1f} times the floor of starting "
        f"and reading ({lint * 1000:.0f} ms, {floor * 1000:.0f} ms)"
    )


def many_jobs(folder: Path) -> None:
    """Time growing numbers of Jobs, and fixing them."""
    for number in (1, 1000, 2000, 4000):
        text = "---\n".join(JOB.format(number=index + 1) for index in range(number))
        (folder / f"{number}.yaml").write_text(text)
    command = (*LINT, "lint", "--format", "concise")
    one, *times = medians(folder, *((*command, f"{number}.yaml") for number in (1, 1000, 2000, 4000)))
    (fixing,) = medians(folder, (*command, "--diff", "1000.yaml"))
    print(
        f"1,000 Jobs of 1 KB: {times[0]:.2f} s ({one:.2f} s of it for the first),"
        f" {fixing:.2f} s with their fixes"
    )
    print(
        f"growth: 2,000 Jobs {(times[1] - one) / (times[0] - one):.1f} times,"
        f" 4,000 {(times[2] - one) / (times[0] - one):.1f} times"
    )


def dense(number: int) -> Any:
    """Make a Job of 6 KB whose three containers have all that people write."""
    containers = (CONTAINER.format(number=number, name=name) for name in ("fetch", "render", "ship"))
    return yaml.safe_load(DENSE.format(number=number) + "".join(containers))


def what_the_server_says(_: Path) -> None:
    """Compare the checks of the API server with reading the same Job."""
    tree = dense(100)
    doubtful = {**tree, "metadata": {**tree["metadata"], "uid": "a"}}
    others = iter([dense(number) for number in range(1000)])
    jobs = {"37 variables": job("report", "x", **CHOSEN), "three full containers": tree}
    for content, one in {**jobs, "the same and a field that few have": doubtful}.items():
        text = yaml.safe_dump(one)
        checks = best(partial(_checked, one))
        reading = best(partial(parse, text), calls=10, rounds=20)
        print(
            f"what the API server rejects, a Job of {len(text) / 1000:.1f} KB with {content}:"
            f" {checks * 1e6:.0f} us, {checks / reading:.3f} times reading it ({reading * 1e6:.0f} us)"
        )
    unlike = best(lambda: _checked(next(others)), calls=50, rounds=20)
    print(f"the same of Jobs that differ in all their names: {unlike * 1e6:.0f} us")
    print(f"beside it, `sum(range(10000))` takes {best(partial(sum, range(10000))) * 1e6:.0f} us")


def _checked(tree: Any) -> None:
    for rule, cause in server.all_found(tree, MINOR):
        sys.exit(f"{rule}: {cause}")


if __name__ == "__main__":
    for measurement in (start_up, large_repository, many_jobs, what_the_server_says):
        in_folder(measurement)
