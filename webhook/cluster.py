"""The cluster: its API server, asked in JSON.

From the client come the configuration, the credentials and their renewal, and the connections. The requests
are spelled out here: its functions and models take 15 MB and most of a second to load, and know only the
fields of their day; its Watch hurries back without a pause when the server hangs up, and to what is gone.
"""

import random
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

import orjson
from kubernetes.client import ApiClient, Configuration
from kubernetes.config import ConfigException, load_incluster_config, load_kube_config
from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import HTTPError
from yaml import YAMLError

from lint.version import VERSION

MODE_LABEL = "jobwarden.io/mode"
UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT = 401, 403, 404, 409
Stream = BaseHTTPResponse
"""What a watch is read from: see `events`."""

_AGENT = f"jobwarden-webhook/{VERSION}"  # up to the slash, it is the manager in managedFields
_MERGE = "application/strategic-merge-patch+json"
_APPLY = "application/apply-patch+yaml"  # JSON is YAML
_TIMEOUT = Timeout(connect=5, read=10)
_WATCHED = 200, 300  # seconds after which the API server ends a watch
_SILENCE = Timeout(connect=5, read=330)  # of a watch: no server at the other end, else it would have ended
_UNREADABLE = (  # what the client makes of files that are no kubeconfig and no token
    ConfigException, OSError, YAMLError, AttributeError, KeyError, TypeError, ValueError,
)  # fmt: skip


class ClusterError(Exception):
    """The API server cannot be asked, or refuses; the message says why."""

    def __init__(self, message: str, status: int = 0, more: str = "") -> None:
        super().__init__(message)
        self.status = status
        """Of the answer; 0 if there was none."""
        self.more = more
        """How to go on with a list whose next page was asked for too late: a `continue`."""


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
        return _answer(self._send("PATCH", path, {}, body, content=_MERGE)).body

    def apply(self, path: str, body: Any, manager: str) -> Any:
        """Have an object say what `body` says, by a server-side apply; make it if there is none."""
        query = {"fieldManager": manager, "force": "true"}
        return _answer(self._send("PATCH", path, query, body, content=_APPLY)).body

    def delete(self, path: str, options: Any) -> None:
        """Delete an object; `options` are DeleteOptions."""
        _answer(self._send("DELETE", path, {}, options))

    def now(self) -> datetime:
        """Return the time of the API server, to the second."""
        response = self._send("GET", "/version", {})
        response.drain_conn()
        try:
            return parsedate_to_datetime(response.headers["Date"])
        except (KeyError, ValueError) as error:
            raise ClusterError(f"the API server at {self.url} does not tell the time") from error

    def watch(self, path: str, version: str) -> Stream:
        """Ask for what changes in a list after a version; `events` reads it."""
        seconds = random.randint(*_WATCHED)  # noqa: S311 - not all replicas shall come back at once
        options = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(seconds)}
        return self._send("GET", path, {**options, "resourceVersion": version}, timeout=_SILENCE)

    def _send(  # noqa: PLR0913 - all but the first three have defaults
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Any = None,
        *,
        content: str = "application/json",
        timeout: Timeout = _TIMEOUT,
    ) -> BaseHTTPResponse:
        """Return an answer whose body has yet to be read."""
        headers = {"Accept": "application/json", "Content-Type": content, "User-Agent": _AGENT}
        headers |= self._credentials()
        url = f"{self.url}{path}?{urlencode(query)}" if query else f"{self.url}{path}"
        data = None if body is None else orjson.dumps(body)
        try:
            response = self._connections.request(
                method, url, body=data, headers=headers, timeout=timeout, preload_content=False
            )
            if not 200 <= response.status < 300:
                raise _refusal(response)
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


def events(response: Stream) -> Iterator[Any]:
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


def _refusal(response: BaseHTTPResponse) -> ClusterError:
    """Say why the API server refuses."""
    told = f"the API server refuses ({response.status}"
    with suppress(orjson.JSONDecodeError, AttributeError):
        status = orjson.loads(response.data)
        if message := status.get("message"):
            more = (status.get("metadata") or {}).get("continue") or ""
            return ClusterError(f"{told}): {message}", response.status, more)
    return ClusterError(f"{told} {response.reason})", response.status)


def _unquoted(warning: str) -> str:
    """Return the text of a warning header: 299 - "text"."""
    return re.sub(r"\\(.)", r"\1", warning.partition('"')[2].rpartition('"')[0])
