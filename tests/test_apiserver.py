"""The API server for tests is a real one, and nothing of it is left behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from apiserver import ApiServer

pytest_plugins = ["apiserver"]


def job(**spec: Any) -> dict[str, Any]:
    """Make a Job."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "main:1"}]}
    metadata = {"name": "example"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {"template": {"spec": pod}, **spec},
    }


def test_a_dry_run_shows_the_object_with_its_defaults(every_apiserver: "ApiServer") -> None:
    namespace = every_apiserver.namespace()
    answer = every_apiserver.dry_run(job(), namespace)

    assert answer.status == 201, answer
    assert answer.body["spec"]["backoffLimit"] == 6
    assert every_apiserver.request("GET", f"/apis/batch/v1/namespaces/{namespace}/jobs").body["items"] == []


def test_an_invalid_job_is_rejected_with_every_cause(every_apiserver: "ApiServer") -> None:
    answer = every_apiserver.dry_run(job(backoffLimit=-1, parallelism=-1))

    assert answer.status == 422
    causes = answer.body["details"]["causes"]
    assert {cause["field"] for cause in causes} == {"spec.backoffLimit", "spec.parallelism"}


def test_warnings_are_told(apiserver: "ApiServer") -> None:
    answer = apiserver.dry_run(job(retries=3, tries=3), fieldValidation="Warn")

    assert answer.status == 201
    assert answer.warnings == ['unknown field "spec.retries"', 'unknown field "spec.tries"']


def test_a_user_without_rights_is_turned_away(apiserver: "ApiServer") -> None:
    assert apiserver.dry_run(job(), token=apiserver.tokens["alice"]).status == 403
    assert apiserver.dry_run(job(), token="of nobody").status == 401  # noqa: S106 - that is no secret


def test_an_answer_that_is_no_json_is_text(apiserver: "ApiServer") -> None:
    assert "apiserver_request_total" in apiserver.request("GET", "/metrics").body


def test_a_connection_that_the_server_has_closed_is_opened_again(apiserver: "ApiServer") -> None:
    apiserver.request("GET", "/version")
    apiserver._connection.sock.shutdown(socket.SHUT_RDWR)  # noqa: SLF001 - what the server does to who is idle

    assert apiserver.request("GET", "/version").status == 200


def test_kubectl_logs_in_as_who_it_is_told(apiserver: "ApiServer") -> None:
    name = "system:serviceaccount:jobwarden:jobwarden"

    done = apiserver.kubectl("auth", "whoami", "--output=json", user=name)

    user = json.loads(done.stdout)["status"]["userInfo"]
    assert user["username"] == name
    assert "system:serviceaccounts:jobwarden" in user["groups"]
    created = apiserver.kubectl("create", "--dry-run=server", "--filename=-", stdin=json.dumps(job()))
    assert created.stdout == "job.batch/example created (server dry run)\n"
    assert created.stderr == ""


def test_controllers_run_a_job_to_its_end(apiserver: "ApiServer") -> None:
    namespace = apiserver.namespace(purpose="test")
    jobs, pods = f"/apis/batch/v1/namespaces/{namespace}/jobs", f"/api/v1/namespaces/{namespace}/pods"

    with apiserver.controllers():
        assert apiserver.request("POST", jobs, job()).status == 201
        pod = apiserver.wait("a Pod", lambda: apiserver.request("GET", pods).body["items"])[0]
        status = {"status": {"phase": "Succeeded"}}
        done = apiserver.request("PATCH", f"{pods}/{pod['metadata']['name']}/status", status)
        assert done.status == 200, done
        path = f"{jobs}/example"
        apiserver.wait("its end", lambda: apiserver.request("GET", path).body["status"].get("completionTime"))

    apiserver.request("DELETE", f"/api/v1/namespaces/{namespace}")


def test_a_server_that_does_not_start_shows_why(apiserver: "ApiServer", tmp_path: Path) -> None:
    from apiserver import serving

    with (
        pytest.raises(TimeoutError, match=r"kube-apiserver has ended[\s\S]*unknown flag: --no-such-flag"),
        serving(apiserver.assets, tmp_path, "--no-such-flag"),
    ):
        pass


def test_another_port_is_tried_when_somebody_takes_one(
    apiserver: "ApiServer", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apiserver import free_ports, serving

    with socket.create_server(("127.0.0.1", 0)) as taken:
        first = [*free_ports(2), taken.getsockname()[1]]
        answers = iter([first, free_ports(3)])
        monkeypatch.setattr("apiserver.free_ports", lambda _: next(answers))

        with serving(apiserver.assets, tmp_path) as server:
            assert server.request("GET", "/readyz").status == 200

    assert next(answers, None) is None
    assert server.processes == {}


RUN = """
import sys, time
from pathlib import Path
from apiserver import serving
with serving(Path(sys.argv[1]), Path(sys.argv[2])) as server:
    print(*(process.pid for process in server.processes.values()), flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends processes with their parent")
def test_nothing_is_left_behind_when_the_run_is_killed(apiserver: "ApiServer", tmp_path: Path) -> None:
    command = [sys.executable, "-c", RUN, str(apiserver.assets), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as run:
        assert run.stdout
        pids = run.stdout.readline().split()
        assert all(map(alive, pids))
        run.send_signal(signal.SIGKILL)

    limit = time.monotonic() + 10
    while any(map(alive, pids)) and time.monotonic() < limit:
        time.sleep(0.05)
    assert len(pids) == 2
    assert not [pid for pid in pids if alive(pid)]


def alive(pid: str) -> bool:
    """Tell whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False
