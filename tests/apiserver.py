"""A real API server for tests, as a plugin: `pytest_plugins = ["apiserver"]`.

KUBEBUILDER_ASSETS names a folder with `etcd`, `kube-apiserver`, `kubectl`, perhaps `kube-controller-manager`;
JOBWARDEN_MORE_ASSETS names more of them, for other minors, with colons in between.
"""

import http.client
import json
import os
import re
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

ADMIN = "admin"
SERVICE_ACCOUNT = "system:serviceaccount:jobwarden:jobwarden"
USERS = {
    ADMIN: "system:masters",
    "alice": "",
    SERVICE_ACCOUNT: "system:serviceaccounts,system:serviceaccounts:jobwarden",
}
"""Who may log in, and the groups they are in besides system:authenticated."""

WITHOUT_ACCOUNTS = "--disable-admission-plugins=ServiceAccount"
"""Pods need no service account, which only a controller makes in each namespace."""

_MISSING = "KUBEBUILDER_ASSETS names no folder with a kube-apiserver: `setup-envtest use -p path` prints one"
_HANGS_UP = ConnectionError, ssl.SSLEOFError
"""What one meets at a server that was left idle for long."""

_T = TypeVar("_T")
Done: TypeAlias = subprocess.CompletedProcess[str]

_ETCD = """
--data-dir={folder}/etcd --listen-client-urls={storage} --advertise-client-urls={storage} --unsafe-no-fsync
--listen-peer-urls={peers} --initial-advertise-peer-urls={peers} --initial-cluster=default={peers}
--log-level=error
"""
_SERVER = """
--etcd-servers={storage} --cert-dir={folder} --bind-address=127.0.0.1 --secure-port={port} --allow-privileged
--service-cluster-ip-range=10.0.0.0/24 --service-account-issuer=https://kubernetes.default.svc
--service-account-key-file={folder}/key.pem --service-account-signing-key-file={folder}/key.pem
--authorization-mode=RBAC --token-auth-file={folder}/tokens.csv
"""
_CONTROLLER_MANAGER = """
--kubeconfig={folder}/kubeconfig --service-account-private-key-file={folder}/key.pem --leader-elect=false
--controllers=job-controller,cronjob-controller,ttl-after-finished-controller,garbage-collector-controller
--controllers=namespace-controller,serviceaccount-controller --secure-port=0
"""

# On Linux a server dies with the thread that started it, whatever ends that one. The new process itself asks
# for it: a preexec_fn can hang where there are threads.
_LEASH = """
import ctypes, os, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
    if os.getppid() != int(sys.argv[1]):
        sys.exit("its parent is dead already")
os.execv(sys.argv[2], sys.argv[2:])
"""


class Answer(NamedTuple):
    """What a server says; the body is a JSON value, or else text."""

    status: int
    body: Any
    warnings: list[str]


def _answer(response: http.client.HTTPResponse) -> Answer:
    text = response.read().decode()
    value = json.loads(text) if response.headers.get_content_type() == "application/json" else text
    quoted = [one.partition('"')[2][:-1] for one in response.headers.get_all("Warning", [])]  # 299 - "text"
    return Answer(response.status, value, [re.sub(r"\\(.)", r"\1", text) for text in quoted])


class ApiServer:
    """An API server; `serving` runs one."""

    def __init__(self, assets: Path, folder: Path) -> None:
        self.assets, self.folder = assets, folder
        self.ca_file = folder / "apiserver.crt"
        self.kubeconfig = folder / "kubeconfig"
        """Has a context for each of USERS, under the same name; the administrator's is the current one."""
        self.tokens = {user: secrets.token_hex(16) for user in USERS}
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "KUBECONFIG": str(self.kubeconfig),
        }
        """Of all processes: nothing else is inherited, proxies for example."""
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.minor: int
        """35 means 1.35."""
        self.url: str
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._connection: http.client.HTTPSConnection

    def request(
        self, method: str, path: str, body: Any = None, *, token: str = "", content: str = "", **query: Any
    ) -> Answer:
        """Send a request, the administrator's unless a token is given; `content` is the type of the body.

        There is one connection, for one thread; a body of text or bytes is sent as it is.
        """
        usual = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {token or self.tokens[ADMIN]}", "Content-Type": content or usual}
        text = body if isinstance(body, str | bytes | None) else json.dumps(body)
        data = text.encode() if isinstance(text, str) else text
        target = f"{path}?{urlencode(query, doseq=True)}" if query else path
        for kept in (self._connection.sock is not None, False):
            try:
                self._connection.request(method, target, data, headers)
                return _answer(self._connection.getresponse())
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()  # else it would wait for this answer for ever
                if not kept or not isinstance(error, _HANGS_UP):
                    raise
        raise AssertionError

    def dry_run(self, tree: Mapping[str, Any], namespace: str = "default", **options: Any) -> Answer:
        """Ask what would become of a new Job or CronJob."""
        path = f"/apis/batch/v1/namespaces/{namespace}/{tree['kind'].lower()}s"
        return self.request("POST", path, tree, **{"dryRun": "All", "fieldValidation": "Strict", **options})

    def namespace(self, **labels: str) -> str:
        """Make a new namespace, and return its name."""
        metadata = {"generateName": "test-", "labels": labels}
        answer = self.request("POST", "/api/v1/namespaces", {"metadata": metadata})
        assert answer.status == 201, answer
        return str(answer.body["metadata"]["name"])

    def kubectl(self, *arguments: str, stdin: str = "", user: str = ADMIN) -> Done:
        """Run kubectl as a user."""
        command = [str(self.assets / "kubectl"), f"--context={user}", *arguments]
        return subprocess.run(
            command, input=stdin, capture_output=True, text=True, check=False, env=self.environment
        )

    @contextmanager
    def controllers(self, *flags: str) -> Iterator[None]:
        """Run the controllers of Jobs, namespaces and garbage until the block ends."""
        if not (self.assets / "kube-controller-manager").exists():
            pytest.skip("KUBEBUILDER_ASSETS has no kube-controller-manager, as setup-envtest has none")
        with self._program("kube-controller-manager", *self._flags(_CONTROLLER_MANAGER), *flags):
            yield

    def _program(self, name: str, *flags: str) -> AbstractContextManager[None]:
        """Run a program of the assets until the block ends."""
        return self.process(name, str(self.assets / name), *flags)

    @contextmanager
    def process(self, name: str, *command: str) -> Iterator[None]:
        """Run a command until the block ends; its log is called after it."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("a server dies with the thread that started it: start it from the main thread")
        leashed = [sys.executable, "-ISc", _LEASH, str(os.getpid()), *command]
        with open(os.devnull, "rb") as nothing, (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                leashed, stdin=nothing, stdout=log, stderr=log, env=self.environment, process_group=0
            )
        self.processes[name] = process
        try:
            yield
        finally:
            del self.processes[name]
            _end(process)

    def wait(self, what: str, probe: Callable[[], _T], seconds: float = 60) -> _T:
        """Wait until `probe` returns something true, and return it; a failure shows the logs."""
        limit = time.monotonic() + seconds
        while not (found := probe()):
            dead = [name for name, process in self.processes.items() if process.poll() is not None]
            if dead or time.monotonic() > limit:
                reason = f"{dead[0]} has ended" if dead else f"waited for {seconds:g} s"
                raise TimeoutError(f"{what}: {reason}\n{self.logs()}")
            time.sleep(0.05)
        return found

    def logs(self) -> str:
        """Return the last lines of all logs."""
        tails = {log.name: log.read_text(errors="replace").splitlines() for log in self.folder.glob("*.log")}
        return "\n".join(line for name, lines in tails.items() for line in [f"--- {name}", *lines[-12:]])

    def start(self, running: ExitStack, *flags: str) -> None:
        """Start etcd and the API server, and wait until it serves; the stack ends them in reverse order."""
        port, *others = free_ports(3)
        storage, peers = (f"http://127.0.0.1:{other}" for other in others)
        self.url = f"https://127.0.0.1:{port}"
        self._connection = http.client.HTTPSConnection(self.url[8:], context=self._context, timeout=60)
        running.callback(self._connection.close)
        self._write_files()
        running.callback(shutil.rmtree, self.folder / "etcd", ignore_errors=True)
        running.enter_context(self._program("etcd", *self._flags(_ETCD, storage=storage, peers=peers)))
        flags = (*self._flags(_SERVER, storage=storage, port=port), *flags)
        running.enter_context(self._program("kube-apiserver", *flags))
        self.wait("starting kube-apiserver", self._serves)
        self.minor = int(re.sub(r"\D", "", self.request("GET", "/version").body["minor"]))

    def _write_files(self) -> None:
        """Write what the processes read: the key of service accounts, who may log in, and how."""
        self.folder.mkdir(parents=True)
        key = generate_private_key(65537, 2048)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        (self.folder / "key.pem").write_bytes(pem)
        users = [f'{self.tokens[user]},{user},{user},"{groups}"\n' for user, groups in USERS.items()]
        (self.folder / "tokens.csv").write_text("".join(users))
        cluster = {"server": self.url, "certificate-authority": str(self.ca_file)}
        config = {
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": user, "user": {"token": token}} for user, token in self.tokens.items()],
            "contexts": [{"name": user, "context": {"cluster": "test", "user": user}} for user in USERS],
            "current-context": ADMIN,
        }
        self.kubeconfig.write_text(json.dumps(config))

    def _flags(self, flags: str, **values: Any) -> list[str]:
        return [flag.format(folder=self.folder, **values) for flag in flags.split()]

    def _serves(self) -> bool:
        """Tell whether the server is ready, and has made its first namespace."""
        paths = ("/readyz", "/api/v1/namespaces/default")
        with suppress(OSError, http.client.HTTPException):
            self._context.load_verify_locations(self.ca_file)  # the server makes it
            return all(self.request("GET", path).status == 200 for path in paths)
        return False


@contextmanager
def serving(assets: Path, folder: Path, *flags: str) -> Iterator[ApiServer]:
    """Run an API server until the block ends; when this process is killed, it ends as well."""
    for attempt in "123":
        server = ApiServer(assets, folder / attempt)
        with ExitStack() as running:
            try:
                server.start(running, *flags)
            except TimeoutError:
                if attempt == "3" or "address already in use" not in server.logs():
                    raise
                continue  # somebody was faster to take a port
            yield server
            return


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, number)
            process.wait(10)


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens to."""
    with ExitStack() as opened:
        sockets = [opened.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


def minors() -> dict[str, Path]:
    """Return the folders of assets by version, KUBEBUILDER_ASSETS first."""
    more = filter(None, os.environ.get("JOBWARDEN_MORE_ASSETS", "").split(":"))
    folders = [Path(os.environ.get("KUBEBUILDER_ASSETS", "")), *map(Path, more)]
    return {".".join(folder.name.partition("-")[0].split(".")[:2]): folder for folder in folders}


def needed(folder: Path) -> Path:
    """Return a folder of assets; without an API server in it, skip, or fail where one is required."""
    if not (folder / "kube-apiserver").exists():
        required = os.environ.get("JOBWARDEN_REQUIRE_APISERVER") == "1"
        (pytest.fail if required else pytest.skip)(_MISSING)
    return folder


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests that want every API server with one after the other."""
    if "every_apiserver" in metafunc.fixturenames:
        names, folders = zip(*minors().items(), strict=True)
        metafunc.parametrize("every_apiserver", folders, ids=names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Run the API server of KUBEBUILDER_ASSETS."""
    folder = needed(Path(os.environ.get("KUBEBUILDER_ASSETS", "")))
    with serving(folder, tmp_path_factory.mktemp("apiserver"), WITHOUT_ACCOUNTS) as server:
        yield server


@pytest.fixture(scope="session")
def every_apiserver(
    request: pytest.FixtureRequest, apiserver: ApiServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiServer]:
    """Run an API server of each minor; `apiserver` is one of them."""
    if request.param == apiserver.assets:
        yield apiserver
    else:
        with serving(request.param, tmp_path_factory.mktemp("apiserver"), WITHOUT_ACCOUNTS) as server:
            yield server
