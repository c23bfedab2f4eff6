"""What an audit of a large cluster takes: `python benchmarks/audit.py` with KUBEBUILDER_ASSETS.

Fills an API server with Jobs, without controllers, and prints for each number of them the seconds and the
most memory (RSS) that `jobwarden-webhook audit`, a comparison of two policies and a clean-up take; at last
those of deleting half of the Jobs. It takes some minutes; `python benchmarks/audit.py 2000` makes fewer Jobs.
"""

import http.client
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from multiprocessing.pool import ThreadPool
from pathlib import Path
from threading import local
from typing import Any

ROOT = Path(__file__).parents[1]
COUNTS = (2_000, 20_000)
SPACES = 40
THREADS = 4
ENDED = "2026-01-01T00:00:00Z"
CONDITIONS = [
    {"type": kind, "status": "True", "lastTransitionTime": ENDED}
    for kind in ("SuccessCriteriaMet", "Complete")
]
STATUS = {"startTime": ENDED, "completionTime": ENDED, "succeeded": 1, "conditions": CONDITIONS}
SETTINGS = [{"name": f"SETTING_{number}", "value": f"some value, number {number}"} for number in range(36)]
"""Environment variables, so that a Job takes about 4 KB."""


class Filler:
    """Fills an API server with Jobs, the even ones finished."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._context = ssl.create_default_context(cafile=server.ca_file)
        self._own = local()

    def fill(self, numbers: Iterable[int]) -> None:
        """Make Jobs with these numbers."""
        with ThreadPool(THREADS) as pool:
            pool.map(self._make, numbers, chunksize=50)

    def _make(self, number: int) -> None:
        container = {"name": "report", "image": "registry.example.com/report:1.4", "env": SETTINGS}
        spec = {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}
        path = f"/apis/batch/v1/namespaces/team-{number % SPACES}/jobs"
        job = self._send("POST", path, {"metadata": {"name": f"report-{number}"}, "spec": spec})
        if number % 2 == 0:
            self._send("PUT", f"{path}/report-{number}/status", {**job, "status": STATUS})

    def _send(self, method: str, path: str, body: Any) -> Any:
        """Send a request on the connection of this thread."""
        if not hasattr(self._own, "connection"):
            host = self._server.url.removeprefix("https://")
            self._own.connection = http.client.HTTPSConnection(host, context=self._context)
        token = self._server.tokens["admin"]
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._own.connection.request(method, path, json.dumps(body), headers)
        response = self._own.connection.getresponse()
        answer = json.loads(response.read())
        if response.status >= 300:
            sys.exit(f"{method} {path}: {answer}")
        return answer


def measure(server: Any, *flags: str) -> str:
    """Run an audit, and return its last line, its seconds and its memory."""
    command = [sys.executable, "-m", "webhook", "audit", "--kubeconfig", str(server.kubeconfig), *flags]
    began = time.monotonic()
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        last = ""
        for line in run.stdout or ():
            last = line.strip() or last
        _, _, usage = os.wait4(run.pid, 0)
        run.returncode = 0
    seconds, megabytes = time.monotonic() - began, usage.ru_maxrss / 1024
    return f"{seconds:6.1f} s  {megabytes:5.0f} MB  {' '.join(flags):60}  {last}"


def main() -> None:
    """Fill a server step by step, and measure after each."""
    assets = Path(os.environ.get("KUBEBUILDER_ASSETS", ""))
    if not (assets / "kube-apiserver").exists():
        sys.exit("KUBEBUILDER_ASSETS names no folder with a kube-apiserver")
    sys.path.insert(0, str(ROOT / "tests"))
    from apiserver import WITHOUT_ACCOUNTS, serving

    with (
        tempfile.TemporaryDirectory() as name,
        serving(assets, Path(name) / "server", WITHOUT_ACCOUNTS) as server,
    ):
        other = Path(name) / "other.yaml"
        other.write_text("backoffLimit: {default: 2}\n")
        for number in range(SPACES):
            metadata = {"name": f"team-{number}"}
            server.request("POST", "/api/v1/namespaces", {"metadata": metadata})
        filler, made = Filler(server), 0
        for count in map(int, sys.argv[1:] or COUNTS):
            filler.fill(range(made, count))
            made = count
            print(f"{count:,} Jobs:")
            print(measure(server, "--format", "concise"))
            print(measure(server, "--format", "json"))
            print(measure(server, "--policy", str(other), "--against", os.devnull))
            print(measure(server, "--clean", "--older-than", "1d"))
        print(measure(server, "--clean", "--older-than", "1d", "--yes"))


if __name__ == "__main__":
    main()
