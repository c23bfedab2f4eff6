"""The API server is asked in a way that survives its moods, and modes follow the labels of namespaces."""

import asyncio
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes.config import incluster_config

from lint.policy import Mode
from webhook.cluster import MODE_LABEL, Cluster, ClusterError, pause
from webhook.namespaces import Namespaces

if TYPE_CHECKING:
    from apiserver import ApiServer

pytest_plugins = ["apiserver"]

NAMESPACES = "/api/v1/namespaces"
VERSION = {"major": "1", "minor": "37"}
MODES = {MODE_LABEL: "audit"}


def wait_for(probe: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something is so."""
    limit = time.monotonic() + seconds
    while not probe():
        assert time.monotonic() < limit
        time.sleep(0.01)


def kubeconfig(folder: Path, url: str, ca_file: Path | None = None, token: str = "") -> str:
    """Write a kubeconfig, and return its path."""
    authority = {"certificate-authority": str(ca_file)} if ca_file else {}
    content = {
        "clusters": [{"name": "test", "cluster": {"server": url, **authority}}],
        "users": [{"name": "test", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(content))
    return str(path)


class Wire:
    """A way to an API server that can be cut, and mended."""

    def __init__(self, server: "ApiServer", folder: Path) -> None:
        self._target = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self._intact = True
        url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self.kubeconfig = kubeconfig(folder, url, server.ca_file, server.tokens["admin"])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break all connections, and each new one."""
        self._intact = False
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Let new connections through."""
        self._intact = True

    def close(self) -> None:
        """Cut it for good."""
        self.cut()
        for end in (self._listener, *self._ends):
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if not self._intact:
                    near.close()
                    continue
                far = socket.create_connection(self._target)
                self._ends += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=_pump, args=pair, daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_RDWR)


Play = Callable[[BaseHTTPRequestHandler], object]
"""Answers a request: returns a JSON value, or text, or a list of the events of a watch."""


@contextmanager
def stage(folder: Path, play: Play) -> Iterator[str]:
    """Run a server that answers as it is told, and return a kubeconfig for it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            value = VERSION if self.path == "/version" else play(self)
            self.send_response(200)
            if isinstance(value, list):
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for one in [*(json.dumps(event).encode() + b"\n" for event in value), b""]:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(one), one))
                return
            body = value.encode() if isinstance(value, str) else json.dumps(value).encode()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815 - as the base class has them

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield kubeconfig(folder, f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()


def labelled(name: str, **labels: str) -> dict[str, Any]:
    """Return a namespace."""
    return {"metadata": {"name": name, "resourceVersion": "1", "labels": labels}}


def page(*items: dict[str, Any], more: str = "") -> dict[str, Any]:
    """Return a list of namespaces."""
    return {"metadata": {"resourceVersion": "7", "continue": more}, "items": [*items]}


@contextmanager
def following(cluster: Cluster) -> Iterator[Namespaces]:
    """Follow the namespaces until the block ends."""
    namespaces = Namespaces(cluster)
    namespaces.start()
    try:
        wait_for(lambda: namespaces.synced)
        yield namespaces
    finally:
        namespaces.stop()
        wait_for(lambda: not any(thread.name == "namespaces" for thread in threading.enumerate()))


def mode(namespaces: Namespaces, name: str) -> Mode | None:
    """Return the mode of a namespace."""
    return asyncio.run(namespaces.mode(name))


@pytest.fixture
def cluster(apiserver: "ApiServer") -> Cluster:
    """Return the API server as the administrator meets it."""
    return Cluster.connect(str(apiserver.kubeconfig))


def relabel(server: "ApiServer", name: str, value: str | None) -> None:
    """Change the mode of a namespace."""
    answer = server.request("PATCH", f"{NAMESPACES}/{name}", {"metadata": {"labels": {MODE_LABEL: value}}})
    assert answer.status == 200


def delete(server: "ApiServer", name: str) -> None:
    """Delete a namespace; its finalizer is the work of a controller that does not run."""
    server.request("DELETE", f"{NAMESPACES}/{name}")
    tree = {"metadata": {"name": name}, "spec": {"finalizers": []}}
    assert server.request("PUT", f"{NAMESPACES}/{name}/finalize", tree).status == 200


def test_the_minor_is_that_of_the_server(every_apiserver: "ApiServer") -> None:
    assert Cluster.connect(str(every_apiserver.kubeconfig)).minor == every_apiserver.minor


def test_a_minor_with_a_plus_is_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VERSION, "minor", "35+")
    with stage(tmp_path, lambda _: {}) as path:
        assert Cluster.connect(path).minor == 35


def test_who_says_no_version_is_no_api_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(VERSION, "minor")
    with stage(tmp_path, lambda _: {}) as path, pytest.raises(ClusterError, match="is no Kubernetes API"):
        Cluster.connect(path)


def test_a_context_says_who_asks(apiserver: "ApiServer") -> None:
    alice = Cluster.connect(str(apiserver.kubeconfig), "alice")

    with pytest.raises(ClusterError, match=r'\(403\).*User "alice" cannot list') as raised:
        alice.get(NAMESPACES)
    assert raised.value.status == 403


@pytest.mark.parametrize(
    "content", ["", "{", "- a", "clusters: 1", "current-context: nowhere", "\x00", "clusters: [{}]"]
)
def test_what_is_no_kubeconfig_is_told(tmp_path: Path, content: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(content)

    with pytest.raises(ClusterError, match=f"^kubeconfig {path}: "):
        Cluster.connect(str(path))


def test_a_missing_kubeconfig_is_told(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"nowhere: Invalid kube-config file. No configuration found$"):
        Cluster.connect(str(tmp_path / "nowhere"))


def test_outside_of_a_pod_a_kubeconfig_is_asked_for() -> None:
    with pytest.raises(
        ClusterError, match=r"this is no Pod, and there is no --kubeconfig: Service host/port is not set$"
    ):
        Cluster.connect(None)


def test_a_server_that_does_not_answer_is_told(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"at http://127.0.0.1:1 does not answer: .* refused"):
        Cluster.connect(kubeconfig(tmp_path, "http://127.0.0.1:1"))


def test_a_server_of_another_ca_is_told(apiserver: "ApiServer", tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="CERTIFICATE_VERIFY_FAILED"):
        Cluster.connect(kubeconfig(tmp_path, apiserver.url))


def test_a_wrong_token_is_told(apiserver: "ApiServer", tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, apiserver.url, apiserver.ca_file, "of nobody")

    with pytest.raises(ClusterError, match=r"refuses \(401\): Unauthorized"):
        Cluster.connect(path)


def test_an_answer_that_is_no_json_is_told(tmp_path: Path) -> None:
    with stage(tmp_path, lambda _: "<html>") as path, pytest.raises(ClusterError, match="cannot be read"):
        Cluster.connect(path).get("/api")


def test_what_is_not_there_is_nothing(cluster: Cluster) -> None:
    assert cluster.find(f"{NAMESPACES}/nowhere") is None


def test_warnings_are_told(cluster: Cluster) -> None:
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "main:1"}]}
    job = {"metadata": {"name": "example"}, "spec": {"template": {"spec": pod}, "tries": 3}}

    answer = cluster.post("/apis/batch/v1/namespaces/default/jobs", job, dryRun="All")

    assert answer.warnings == ['unknown field "spec.tries"']


def test_nothing_is_created_twice_because_the_answer_is_lost(tmp_path: Path) -> None:
    seen = []

    def play(request: BaseHTTPRequestHandler) -> object:
        seen.append(request.command)
        request.connection.shutdown(socket.SHUT_RDWR)
        request.close_connection = True
        raise ConnectionAbortedError

    with stage(tmp_path, play) as path, pytest.raises(ClusterError, match="does not answer"):
        Cluster.connect(path).post(NAMESPACES, {})

    assert seen == ["POST"]


def test_a_pod_reads_its_token_again(
    apiserver: "ApiServer", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, clock = tmp_path / "token", [datetime(2026, 1, 1)]  # noqa: DTZ001 - the client counts without zones

    token.write_text(apiserver.tokens["alice"])
    host, port = apiserver.url.removeprefix("https://").split(":")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(apiserver.ca_file))
    clocks = SimpleNamespace(datetime=SimpleNamespace(now=lambda: clock[0]), timedelta=timedelta)
    monkeypatch.setattr(incluster_config, "datetime", clocks)
    pod = Cluster.connect(None)
    with pytest.raises(ClusterError, match="alice"):
        pod.get(NAMESPACES)

    token.write_text(apiserver.tokens["admin"])
    clock[0] += timedelta(minutes=1)

    assert pod.get(NAMESPACES)["items"]
    token.unlink()
    clock[0] += timedelta(minutes=1)
    with pytest.raises(ClusterError, match=r"the credentials cannot be read again: .*No such file"):
        pod.get(NAMESPACES)


def test_the_log_has_no_secrets(
    apiserver: "ApiServer", cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    for logger in ("", "urllib3", "kubernetes"):
        caplog.set_level(logging.DEBUG, logger)
    namespace = apiserver.namespace()

    cluster.post(f"{NAMESPACES}/{namespace}/secrets", {"metadata": {"name": "a"}, "data": {"a": "c2VjcmV0"}})
    cluster.get(f"{NAMESPACES}/{namespace}/secrets/a")

    assert "/secrets" in caplog.text
    assert "c2VjcmV0" not in caplog.text
    assert apiserver.tokens["admin"] not in caplog.text


@pytest.mark.parametrize("label", ["off", "audit", "warn", "enforce"])
def test_the_mode_is_what_the_label_says(apiserver: "ApiServer", cluster: Cluster, label: str) -> None:
    name = apiserver.namespace(**{MODE_LABEL: label})

    with following(cluster) as namespaces:
        assert mode(namespaces, name) == Mode[label.upper()]


def test_without_a_label_there_is_no_mode(apiserver: "ApiServer", cluster: Cluster) -> None:
    name = apiserver.namespace()

    with following(cluster) as namespaces:
        assert mode(namespaces, name) is None


def test_a_label_that_is_no_mode_enforces_and_is_told_once(
    apiserver: "ApiServer", cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    name = apiserver.namespace(**{MODE_LABEL: "Audit"})

    with following(cluster) as namespaces:
        assert mode(namespaces, name) == Mode.ENFORCE
        for step in ("one", "two"):
            answer = apiserver.request("PATCH", f"{NAMESPACES}/{name}", {"metadata": {"labels": {step: ""}}})
            assert answer.status == 200
        relabel(apiserver, name, "warn")
        wait_for(lambda: mode(namespaces, name) == Mode.WARN)

    told = [message for message in caplog.messages if name in message]
    assert told == [f"namespace {name}: {MODE_LABEL}=Audit is none of off, audit, warn, enforce: enforcing"]


def test_a_changed_label_is_seen(apiserver: "ApiServer", cluster: Cluster) -> None:
    name = apiserver.namespace(**MODES)

    with following(cluster) as namespaces:
        relabel(apiserver, name, "warn")
        wait_for(lambda: mode(namespaces, name) == Mode.WARN)
        relabel(apiserver, name, None)
        wait_for(lambda: mode(namespaces, name) is None)


def test_a_new_namespace_is_waited_for(
    apiserver: "ApiServer", cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhook.namespaces._GRACE", 60)

    async def ask(namespaces: Namespaces) -> Mode | None:
        asked = asyncio.create_task(namespaces.mode("brand-new"))
        await asyncio.sleep(0.1)
        tree = {"metadata": {"name": "brand-new", "labels": MODES}}
        assert (await asyncio.to_thread(apiserver.request, "POST", NAMESPACES, tree)).status == 201
        return await asked

    with following(cluster) as namespaces:
        assert asyncio.run(ask(namespaces)) == Mode.AUDIT


def test_a_namespace_that_does_not_show_up_has_no_mode(cluster: Cluster) -> None:
    with following(cluster) as namespaces:
        assert mode(namespaces, "nowhere") is None


def test_a_deleted_namespace_is_forgotten(apiserver: "ApiServer", cluster: Cluster) -> None:
    name = apiserver.namespace(**MODES)

    with following(cluster) as namespaces:
        assert mode(namespaces, name) == Mode.AUDIT
        delete(apiserver, name)
        wait_for(lambda: mode(namespaces, name) is None)


def test_all_pages_are_read(tmp_path: Path) -> None:
    pages = {"": page(labelled("a", **MODES), more="x"), "x": page(labelled("b", **MODES))}

    def play(request: BaseHTTPRequestHandler) -> object:
        if "watch=true" in request.path:
            return []
        assert "limit=500" in request.path
        return pages[request.path.partition("continue=")[2]]

    with stage(tmp_path, play) as path, following(Cluster.connect(path)) as namespaces:
        assert [mode(namespaces, name) for name in "ab"] == [Mode.AUDIT, Mode.AUDIT]


def test_what_changes_while_the_connection_is_broken_is_seen(apiserver: "ApiServer", tmp_path: Path) -> None:
    gone, changed = (apiserver.namespace(**MODES) for _ in "12")
    with (
        closing(Wire(apiserver, tmp_path)) as wire,
        following(Cluster.connect(wire.kubeconfig)) as namespaces,
    ):
        assert mode(namespaces, gone) == Mode.AUDIT

        wire.cut()
        delete(apiserver, gone)
        relabel(apiserver, changed, "off")
        assert mode(namespaces, changed) == Mode.AUDIT
        wire.mend()

        wait_for(lambda: mode(namespaces, changed) == Mode.OFF)
        assert mode(namespaces, gone) is None
        relabel(apiserver, changed, "warn")
        wait_for(lambda: mode(namespaces, changed) == Mode.WARN)


def test_a_watch_that_the_server_ends_goes_on_where_it_was(
    apiserver: "ApiServer",
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("webhook.cluster._WATCHED", (2, 2))
    name = apiserver.namespace(**MODES)
    watches = []

    class Counting(Cluster):
        def watch(self, path: str, version: str) -> Any:
            watches.append(version)
            return super().watch(path, version)

    with following(Counting(cluster._configuration)) as namespaces:  # noqa: SLF001 - its own kind
        wait_for(lambda: len(watches) > 1)
        relabel(apiserver, name, "warn")
        wait_for(lambda: mode(namespaces, name) == Mode.WARN)

    assert caplog.messages == []


def test_what_is_too_old_to_be_watched_is_listed_again(tmp_path: Path) -> None:
    gone = {"type": "ERROR", "object": {"code": 410, "message": "too old resource version: 7 (9)"}}
    lists = []

    def play(request: BaseHTTPRequestHandler) -> object:
        if "watch=true" in request.path:
            return [{"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "8"}}}, gone]
        lists.append(request.path)
        return page(labelled("a", **{MODE_LABEL: "warn"} if len(lists) > 1 else MODES))

    with stage(tmp_path, play) as path, following(Cluster.connect(path)) as namespaces:
        wait_for(lambda: mode(namespaces, "a") == Mode.WARN)


@pytest.mark.parametrize(
    "answer", [[], ["?"], [{}], [{"type": "ADDED", "object": None}], "<html>", {}, [{"type": "ERROR"}]]
)
def test_nonsense_is_not_the_end_and_is_not_asked_for_all_the_time(
    tmp_path: Path, answer: object, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists: list[float] = []
    failed, waited = [], []

    def hurried(failures: int, usual: float, longest: float) -> float:
        failed.append(failures)
        waited.append(pause(failures, usual, longest) / 20)
        return waited[-1]

    def play(request: BaseHTTPRequestHandler) -> object:
        if "watch=true" in request.path:
            return answer
        lists.append(time.monotonic())
        return page(labelled("a", **{MODE_LABEL: "warn"} if len(lists) > 3 else MODES))

    monkeypatch.setattr("webhook.namespaces.pause", hurried)
    with stage(tmp_path, play) as path, following(Cluster.connect(path)) as namespaces:
        wait_for(lambda: mode(namespaces, "a") == Mode.WARN)

    assert failed[:3] == [1, 2, 3]
    assert all(
        after - before >= least for before, after, least in zip(lists, lists[1:], waited, strict=False)
    )
    assert "have to be listed again" in caplog.messages[0]


def test_who_is_stopped_while_asking_for_a_watch_stops(cluster: Cluster) -> None:
    class Stopping(Cluster):
        def watch(self, path: str, version: str) -> Any:
            namespaces.stop()
            return super().watch(path, version)

    namespaces = Namespaces(Stopping(cluster._configuration))  # noqa: SLF001 - its own kind
    namespaces.start()

    wait_for(lambda: namespaces.synced)
    wait_for(lambda: not any(thread.name == "namespaces" for thread in threading.enumerate()))


def test_failures_are_further_and_further_apart() -> None:
    assert [
        round(pause(failures, 60, 10) / 1.25, 9) <= limit
        for failures, limit in enumerate((60, 0.5, 1, 2, 4, 8))
    ]
    assert 7.5 <= pause(9999, 60, 10) <= 12.5
    assert 45 <= pause(0, 60, 10) <= 75
