"""The cluster: its API server, asked in JSON, and the modes of its namespaces.

From the client come the configuration, the credentials and their renewal, and the connections. The requests
are spelled out here: its functions and models take 15 MB and most of a second to load, and know only the
fields of their day; its Watch hurries back without a pause when the server hangs up, and to what is gone.
"""

import asyncio
import logging
import random
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from typing import Any, NamedTuple
from urllib.parse import urlencode

import orjson
from kubernetes.client import ApiClient, Configuration
from kubernetes.config import ConfigException, load_incluster_config, load_kube_config
from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import HTTPError
from yaml import YAMLError

from lint.policy import MODES, Mode
from lint.version import VERSION

MODE_LABEL = "jobwarden.io/mode"
UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT = 401, 403, 404, 409

_LOG = logging.getLogger(__name__)
_AGENT = f"jobwarden-webhook/{VERSION}"  # up to the slash, it is the manager in managedFields
_MERGE = "application/strategic-merge-patch+json"
_TIMEOUT = Timeout(connect=5, read=10)
_WATCHED = 200, 300  # seconds after which the API server ends a watch
_SILENCE = Timeout(connect=5, read=330)  # of a watch: no server at the other end, else it would have ended
_NAMESPACES = "/api/v1/namespaces"
_PAGE = 500
_GRACE, _LOOKS = 0.25, 25  # seconds for a namespace to show up when it is as new as its first Job
_STABLE, _LONGEST = 10, 10  # seconds after which a failure is the first one, and between failures
_UNREADABLE = (  # what the client makes of files that are no kubeconfig and no token
    ConfigException, OSError, YAMLError, AttributeError, KeyError, TypeError, ValueError,
)  # fmt: skip


class ClusterError(Exception):
    """The API server cannot be asked, or refuses; the message says why."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status
        """Of the answer; 0 if there was none."""


class Answer(NamedTuple):
    """What the API server says: a JSON value, and warnings."""

    body: Any
    warnings: list[str]


class Cluster:
    """An API server, for any number of threads; whatever fails is a ClusterError."""

    def __init__(self, configuration: Configuration) -> None:
        configuration.retries = False  # who asks knows better what can be asked again
        configuration.keep_alive = True  # for watches: else what forgets idle connections goes unnoticed
        self._configuration = configuration
        self._connections = ApiClient(configuration).rest_client.pool_manager
        self.url = configuration.host
        minor = re.match(r"\d+", str(self.get("/version").get("minor")))  # some say 35+
        if not minor:
            raise ClusterError(f"{self.url} is no Kubernetes API server")
        self.minor = int(minor[0])
        """35 means 1.35."""

    @classmethod
    def connect(cls, kubeconfig: str | None, context: str | None = None) -> "Cluster":
        """Log in with a kubeconfig (or several, with colons in between); without, as the Pod that this is."""
        configuration = Configuration()
        try:
            if kubeconfig is None:
                load_incluster_config(client_configuration=configuration)
            else:
                load_kube_config(kubeconfig, context, configuration, persist_config=False)
        except _UNREADABLE as error:
            reason = (
                f"kubeconfig {kubeconfig}" if kubeconfig else "this is no Pod, and there is no --kubeconfig"
            )
            raise ClusterError(f"{reason}: {str(error).rstrip('.')}") from error
        return cls(configuration)

    def get(self, path: str, **query: str) -> Any:
        """Read an object or a list."""
        return _answer(self._send("GET", path, query)).body

    def find(self, path: str) -> Any:
        """Read an object; return None if there is none."""
        try:
            return self.get(path)
        except ClusterError as error:
            if error.status != NOT_FOUND:
                raise
            return None

    def post(self, path: str, body: Any, **query: str) -> Answer:
        """Create an object."""
        return _answer(self._send("POST", path, query, body))

    def put(self, path: str, body: Any) -> Any:
        """Write an object as it was read, but for changes; it is a conflict if it is another one by now."""
        return _answer(self._send("PUT", path, {}, body)).body

    def merge(self, path: str, body: Any) -> Any:
        """Write some fields of an object, and return all of it; items of lists are told by their names."""
        return _answer(self._send("PATCH", path, {}, body)).body

    def watch(self, path: str, version: str) -> BaseHTTPResponse:
        """Ask for what changes in a list after a version; `events` reads it."""
        seconds = random.randint(*_WATCHED)  # noqa: S311 - not all replicas shall come back at once
        options = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(seconds)}
        return self._send("GET", path, {**options, "resourceVersion": version}, timeout=_SILENCE)

    def _send(
        self, method: str, path: str, query: Mapping[str, str], body: Any = None, timeout: Timeout = _TIMEOUT
    ) -> BaseHTTPResponse:
        """Return an answer whose body has yet to be read."""
        content = _MERGE if method == "PATCH" else "application/json"
        headers = {"Accept": "application/json", "Content-Type": content, "User-Agent": _AGENT}
        headers |= self._credentials()
        url = f"{self.url}{path}?{urlencode(query)}" if query else f"{self.url}{path}"
        data = None if body is None else orjson.dumps(body)
        try:
            response = self._connections.request(
                method, url, body=data, headers=headers, timeout=timeout, preload_content=False
            )
            if not 200 <= response.status < 300:
                raise ClusterError(_refusal(response), response.status)
        except HTTPError as error:
            raise ClusterError(f"the API server at {self.url} does not answer: {error}") from error
        return response

    def _credentials(self) -> dict[str, str]:
        """Return the header that says who asks. For it, the client reads a token file again every minute."""
        try:
            token = self._configuration.auth_settings().get("BearerToken")
        except _UNREADABLE as error:
            raise ClusterError(f"the credentials cannot be read again: {error}") from error
        return {"Authorization": token["value"]} if token and token["value"] else {}


class Namespaces:
    """The modes of all namespaces, which a thread keeps up to date."""

    def __init__(self, cluster: Cluster) -> None:
        self.synced = False
        """Whether all namespaces were listed once."""
        self._cluster = cluster
        self._modes: dict[str, Mode | None] = {}
        self._odd: dict[str, str] = {}
        """Labels that are no mode, which are told once."""
        self._stopping = threading.Event()
        self._stream: BaseHTTPResponse | None = None

    def start(self) -> None:
        """Start the thread; it ends with the process if not before."""
        threading.Thread(target=self._run, name="namespaces", daemon=True).start()

    def stop(self) -> None:
        """Have the thread end soon."""
        self._stopping.set()
        if self._stream is not None:
            with suppress(ValueError, RuntimeError, OSError):  # it has ended by itself
                self._stream.shutdown()

    async def mode(self, namespace: str) -> Mode | None:
        """Return the mode that a namespace is labelled with; for one that does not show up soon, none."""
        for _ in range(_LOOKS):
            if namespace in self._modes:
                break
            await asyncio.sleep(_GRACE / _LOOKS)
        return self._modes.get(namespace)

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._follow(self._list())
            except ClusterError as error:
                if not self._stopping.is_set():
                    _LOG.warning("all namespaces have to be listed again: %s", error)
            except Exception:  # noqa: BLE001 - without this thread, every mode would stay what it was
                _LOG.exception("all namespaces have to be listed again, because of a bug")
            failures = 0 if time.monotonic() - began > _STABLE else failures + 1
            self._stopping.wait(pause(failures, 0, _LONGEST))

    def _list(self) -> str:
        """Read all namespaces, page by page, and return the version that they are of."""
        modes: dict[str, Mode | None] = {}
        query = {"limit": str(_PAGE)}
        while True:
            page = self._cluster.get(_NAMESPACES, **query)
            modes.update((one["metadata"]["name"], self._labelled(one["metadata"])) for one in page["items"])
            if not (more := page["metadata"].get("continue")):
                break
            query["continue"] = more
        self._odd = {name: label for name, label in self._odd.items() if name in modes}
        self._modes = modes
        self.synced = True
        return str(page["metadata"]["resourceVersion"])

    def _follow(self, version: str) -> None:
        """Take over changes, in one watch after the other, until one fails."""
        while not self._stopping.is_set():
            began = time.monotonic()
            self._stream = self._cluster.watch(_NAMESPACES, version)
            with closing(self._stream):
                if self._stopping.is_set():  # there was no stream yet to shut down
                    return
                for event in events(self._stream):
                    metadata = event["object"]["metadata"]
                    version = metadata["resourceVersion"]
                    self._take_over(event["type"], metadata)
            if time.monotonic() - began < 1:
                raise ClusterError("the API server ends the watch at once")

    def _take_over(self, change: str, metadata: Any) -> None:
        if change == "DELETED":
            self._modes.pop(metadata["name"], None)
            self._odd.pop(metadata["name"], None)
        elif change in ("ADDED", "MODIFIED"):
            self._modes[metadata["name"]] = self._labelled(metadata)

    def _labelled(self, metadata: Any) -> Mode | None:
        """Return the mode of a label; who mistypes one wants to be on the safe side, and hears of it."""
        name, label = metadata["name"], (metadata.get("labels") or {}).get(MODE_LABEL)
        if label is None or label in MODES:
            self._odd.pop(name, None)
            return None if label is None else MODES[label]
        if self._odd.get(name) != label:
            self._odd[name] = label
            known = ", ".join(MODES)
            _LOG.warning("namespace %s: %s=%s is none of %s: enforcing", name, MODE_LABEL, label, known)
        return Mode.ENFORCE


def events(response: BaseHTTPResponse) -> Iterator[Any]:
    """Iterate over the changes that a watch tells, until the API server ends it."""
    rest = b""
    try:
        for chunk in response.stream():
            *lines, rest = (rest + chunk).split(b"\n")
            for event in map(orjson.loads, filter(None, lines)):
                if event["type"] == "ERROR":
                    raise ClusterError(str(event["object"].get("message")), event["object"].get("code", 0))
                yield event
    except (HTTPError, orjson.JSONDecodeError) as error:
        raise ClusterError(f"the API server broke off: {error}") from error


def pause(failures: int, usual: float, longest: float) -> float:
    """Return how many seconds to wait: about the usual ones; after failures few at first, then more.

    No two replicas wait equally long.
    """
    seconds = min(2.0 ** min(failures - 2, 9), longest) if failures else usual
    return seconds * random.uniform(0.75, 1.25)  # noqa: S311 - that is no secret


def _answer(response: BaseHTTPResponse) -> Answer:
    """Read the body of an answer."""
    told = response.headers.getlist("Warning")
    try:
        return Answer(orjson.loads(response.data), [_unquoted(one) for one in told])
    except (HTTPError, orjson.JSONDecodeError) as error:
        raise ClusterError(f"the answer of the API server cannot be read: {error}") from error


def _refusal(response: BaseHTTPResponse) -> str:
    """Say why the API server refuses."""
    with suppress(orjson.JSONDecodeError, AttributeError):
        if message := orjson.loads(response.data).get("message"):
            return f"the API server refuses ({response.status}): {message}"
    return f"the API server refuses ({response.status} {response.reason})"


def _unquoted(warning: str) -> str:
    """Return the text of a warning header: 299 - "text"."""
    return re.sub(r"\\(.)", r"\1", warning.partition('"')[2].rpartition('"')[0])
