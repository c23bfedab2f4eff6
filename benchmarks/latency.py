"""How fast the webhook is, as ratios within one run: `python benchmarks/latency.py`.

Prints microseconds of a decision in the process; requests a second over TLS against those of a Starlette
application that echoes the same bytes (where `wrk` is installed); and what the pair of webhooks adds to a
create on a real API server, beside a ValidatingAdmissionPolicy of similar checks (with KUBEBUILDER_ASSETS).

The webhook remembers answers to objects that are alike, so three kinds of traffic are told apart: one
manifest again and again, Jobs of one template under names of their own, and Jobs whose specs all differ.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from lint.defaults import defaulted
from lint.policy import Mode, Policy
from lint.validation.applying import LAST_APPLIED
from webhook import certs, envelope, review

ROOT = Path(__file__).parents[1]
MINOR = 37
ROUNDS = 5
CONNECTIONS = (1, 8)
ECHO = """\
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from webhook.tls import Certificates, read_pair
async def echo(request):
    return Response(await request.body(), media_type="application/json")
certificates = Certificates(*read_pair("tls.crt", "tls.key"))
app = Starlette(routes=[Route("/echo", echo, methods=["POST"])])
uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="warning", timeout_keep_alive=120,
            ssl_context_factory=lambda _config, _default: certificates.context)
"""
POST = """\
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local body, number = [==[{}]==], 0
function request()
  number = number + 1
  return wrk.format(nil, nil, nil, (body:gsub("NUMBER", tostring(number))))
end
"""
CHOSEN = {
    "backoffLimit": 2,
    "activeDeadlineSeconds": 3600,
    "ttlSecondsAfterFinished": 3600,
}
CHECKS = (  # what the webhooks look at in the same Job, as far as a few lines of CEL say it
    "object.spec.?backoffLimit.orValue(6) <= 10",
    "has(object.spec.activeDeadlineSeconds)",
    "object.spec.?ttlSecondsAfterFinished.orValue(0) >= 300",
    "object.spec.template.spec.containers.all(c, has(c.resources.requests) && 'cpu' in c.resources.requests)",
    "object.spec.template.spec.containers.all(c, !c.image.endsWith(':latest'))",
    "object.spec.template.spec.restartPolicy in ['Never', 'OnFailure']",
)


def job(name: str, setting: str, **spec: Any) -> dict[str, Any]:
    """Return a Job that makes an AdmissionReview of 4 to 6 KB."""
    container = {
        "name": "report",
        "image": "registry.example.com/reports/monthly:1.4",
        "command": ["/bin/report", "--month", "2026-11"],
        "env": [{"name": f"SETTING_{n}", "value": f"some value, number {n}"} for n in range(36)]
        + [{"name": "SETTING", "value": setting}],
        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}} if spec else {},
    }
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    metadata = {"name": name, "namespace": "default"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {"template": template, **spec},
    }


def body(tree: dict[str, Any], *, applied: bool = True) -> bytes:
    """Write the AdmissionReview that `kubectl apply` of a Job leads to, or that of another client."""
    annotations = {LAST_APPLIED: json.dumps(tree, separators=(",", ":"))} if applied else {}
    filled = defaulted({**tree, "metadata": {**tree["metadata"], "annotations": annotations}}, MINOR)
    kind = {"group": "batch", "version": "v1", "kind": "Job"}
    resource = {"group": "batch", "version": "v1", "resource": "jobs"}
    request = {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002", "kind": kind, "resource": resource,
        "requestKind": kind, "requestResource": resource, "name": tree["metadata"]["name"],
        "namespace": "default",
        "operation": "CREATE", "userInfo": {"username": "alice", "groups": ["system:authenticated"]},
        "object": filled, "oldObject": None, "dryRun": False, "options": {"kind": "CreateOptions"},
    }  # fmt: skip
    review_ = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    return json.dumps(review_, separators=(",", ":")).encode()


BODIES = {
    "one manifest": body(job("report", "x", **CHOSEN)),
    "one manifest, patched": body(job("report", "x")),
    "one template": body(job("report-NUMBER", "x", **CHOSEN), applied=False),
    "all different": body(job("report", "NUMBER", **CHOSEN)),
    "all different, patched": body(job("report", "NUMBER")),
}


def in_process() -> None:
    """Time decisions without any network."""
    policy = Policy(minor=MINOR)
    for name in ("one manifest", "one manifest, patched"):
        data, parts = BODIES[name], []
        for answer in (review.mutate, review.validate):
            seconds = best(partial(_decide, answer, data, policy))
            parts.append(f"{answer.__name__} {seconds * 1e6:.0f} us")
        print(f"in the process and without a memory, {len(data) / 1000:.1f} KB, {name}: {', '.join(parts)}")


def _decide(answer: Callable[..., envelope.Outcome], data: bytes, policy: Policy) -> bytes:
    request = envelope.read(data)
    return envelope.write(request.uid, answer(request, policy, Mode.ENFORCE, _raise))


def _raise(_rule: str, error: Exception) -> None:
    raise error


def best(work: Callable[[], object], calls: int = 100, rounds: int = 50) -> float:
    """Return the seconds of a call, of the fastest round: in others the machine has more to do."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(calls):
            work()
        times.append((time.perf_counter() - start) / calls)
    return min(times)


def over_tls(folder: Path) -> None:
    """Compare requests a second with an echo, both on one processor, with wrk on another."""
    if not shutil.which("wrk") or not shutil.which("taskset"):
        print("requests a second: skipped, for wrk is not installed (apt install wrk)")
        return
    with serving(folder) as (port, process), echoing(folder) as echo:
        for name, data in BODIES.items():
            script = folder / "post.lua"
            script.write_text(POST.replace("{}", data.decode()))
            for connections in CONNECTIONS:
                compare(script, connections, name, port, echo)
        status = Path(f"/proc/{process.pid}/status").read_text()
        kilobytes = int(re.findall(r"VmRSS:\s+(\d+)", status)[0])
        print(f"memory of the process after that: {kilobytes / 1024:.0f} MB")


def compare(script: Path, connections: int, name: str, port: int, echo: int) -> None:
    """Alternate between the echo and both webhooks, and print medians."""
    urls = {path: f"https://127.0.0.1:{port}/{path}" for path in ("mutate", "validate")}
    results: dict[str, list[tuple[float, float, float]]] = {}
    for _ in range(ROUNDS):
        for path, url in {"echo": f"https://127.0.0.1:{echo}/echo", **urls}.items():
            results.setdefault(path, []).append(wrk(script, connections, url))
    floor = statistics.median(one[0] for one in results["echo"])
    for path, rounds in results.items():
        rate, half, most = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratio = "" if path == "echo" else f", {rate / floor:.2f} of the echo"
        print(
            f"{connections} connections, {name}: {path} {rate:.0f} a second, "
            f"p50 {half:.2f} ms, p99 {most:.2f} ms{ratio}"
        )


def wrk(script: Path, connections: int, url: str) -> tuple[float, float, float]:
    """Return requests a second, and milliseconds of the median and of the slowest hundredth."""
    command = [
        "taskset",
        "-c",
        "1",
        "wrk",
        "-t1",
        f"-c{connections}",
        "-d2",
        "--latency",
        "-s",
        str(script),
        url,
    ]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in text:
        raise RuntimeError(text)
    scale = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    half, most = (
        float(number) * scale[unit]
        for percent in ("50", "99")
        for number, unit in re.findall(rf"{percent}%\s+([\d.]+)(us|ms|s)\b", text)
    )
    return float(re.findall(r"Requests/sec:\s+([\d.]+)", text)[0]), half, most


@contextmanager
def serving(folder: Path) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Run the webhook on the first processor; its log goes into a file."""
    command = [sys.executable, "-m", "webhook", "serve", "--no-cluster", "--host=127.0.0.1", "--port=0"]
    command += ["--probe-port=0", "--tls-cert=tls.crt", "--tls-key=tls.key", "--shutdown-delay=0"]
    log = folder / "log"
    with log.open("w") as out, started(command, folder, out) as process:
        while "\n" not in log.read_text():
            time.sleep(0.05)
        yield int(json.loads(log.read_text().splitlines()[0])["port"]), process


@contextmanager
def echoing(folder: Path) -> Iterator[int]:
    """Run the echo on the same processor."""
    (folder / "echo.py").write_text(ECHO)
    port = 18443
    with started([sys.executable, "echo.py", str(port)], folder, None):
        time.sleep(2)
        yield port


@contextmanager
def started(command: list[str], folder: Path, out: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a process on the first processor until the block ends."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pinned = ["taskset", "-c", "0", *command] if shutil.which("taskset") else command
    with subprocess.Popen(pinned, cwd=folder, stdout=out, env=environment, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def on_a_server(folder: Path, bundle: certs.Bundle) -> None:
    """Time dry-run creates on a real API server: alone, with the webhooks, and with a policy in CEL."""
    assets = Path(os.environ.get("KUBEBUILDER_ASSETS", ""))
    if not (assets / "kube-apiserver").exists():
        print("latency of a create: skipped, for KUBEBUILDER_ASSETS names no API server")
        return
    sys.path.insert(0, str(ROOT / "tests"))
    from apiserver import WITHOUT_ACCOUNTS, serving as api_serving  # noqa: I001 - found on the path above

    with ExitStack() as running:
        server = running.enter_context(api_serving(assets, folder / "apiserver", WITHOUT_ACCOUNTS))
        port, _ = running.enter_context(serving(folder))
        tree = job("report", "x", **CHOSEN)
        alone = creates(server, tree)
        paths = install(server, port, b64encode(bundle.ca).decode())
        time.sleep(3)
        paired = creates(server, tree)
        for path in paths:
            server.request("DELETE", path)
        cel(server)
        time.sleep(3)
        in_cel = creates(server, tree)
        for name, times in (("with the pair of webhooks", paired), ("with a policy in CEL", in_cel)):
            more = [
                statistics.quantiles(times, n=100)[p] - statistics.quantiles(alone, n=100)[p]
                for p in (49, 98)
            ]
            print(f"a create {name}: p50 {more[0] * 1e3:+.2f} ms, p99 {more[1] * 1e3:+.2f} ms")
        print(f"a create without either: p50 {statistics.median(alone) * 1e3:.2f} ms")


def creates(server: Any, tree: dict[str, Any]) -> list[float]:
    """Time creates."""
    times = []
    for _ in range(400):
        start = time.perf_counter()
        answer = server.dry_run(tree)
        times.append(time.perf_counter() - start)
        if answer.status != 201:
            raise RuntimeError(answer)
    return times[100:]


def install(server: Any, port: int, ca: str) -> list[str]:
    """Make the webhook configurations, and return their paths."""
    rule = {"apiGroups": ["batch"], "apiVersions": ["v1"], "resources": ["jobs"], "operations": ["CREATE"]}
    made = []
    for kind, path in (("Mutating", "mutate"), ("Validating", "validate")):
        webhook = {
            "name": f"{path}.jobwarden.io", "rules": [rule], "sideEffects": "None",
            "clientConfig": {"url": f"https://127.0.0.1:{port}/{path}", "caBundle": ca},
            "admissionReviewVersions": ["v1"], "failurePolicy": "Fail",
        }  # fmt: skip
        base = f"/apis/admissionregistration.k8s.io/v1/{kind.lower()}webhookconfigurations"
        server.request("POST", base, {"metadata": {"name": "jobwarden"}, "webhooks": [webhook]})
        made.append(f"{base}/jobwarden")
    return made


def cel(server: Any) -> None:
    """Make a ValidatingAdmissionPolicy and its binding."""
    base = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic"
    rule = {"apiGroups": ["batch"], "apiVersions": ["v1"], "resources": ["jobs"], "operations": ["CREATE"]}
    spec = {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": check} for check in CHECKS],
    }
    server.request("POST", f"{base}ies", {"metadata": {"name": "jobs"}, "spec": spec})
    binding = {"policyName": "jobs", "validationActions": ["Deny"]}
    server.request("POST", f"{base}ybindings", {"metadata": {"name": "jobs"}, "spec": binding})


def main() -> None:
    """Measure everything that this machine can."""
    bundle = certs.issue(["127.0.0.1"], datetime.now(UTC))
    with tempfile.TemporaryDirectory() as name:
        for key, data in certs.to_secret(bundle).items():
            (Path(name) / key).write_bytes(data)
        in_process()
        over_tls(Path(name))
        on_a_server(Path(name), bundle)


if __name__ == "__main__":
    main()
