"""The modes of a cluster's namespaces, followed as they change."""

import asyncio
import logging
import threading
import time
from contextlib import closing, suppress
from typing import Any

from lint.policy import MODES, Mode
from webhook.cluster import MODE_LABEL, Cluster, ClusterError, Stream, events, pause

_LOG = logging.getLogger(__name__)
_NAMESPACES = "/api/v1/namespaces"
_PAGE = 500
_GRACE, _LOOKS = 0.25, 25  # seconds for a namespace to show up when it is as new as its first Job
_STABLE, _LONGEST = 10, 10  # seconds after which a failure is the first one, and between failures


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
        self._stream: Stream | None = None

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
