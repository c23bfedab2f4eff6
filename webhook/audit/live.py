"""The Jobs and CronJobs of a cluster, page by page, in the order of their namespaces and names.

No more than a page of each kind is in memory. An API server forgets a list some minutes after it has begun to
tell it, and then tells how to go on: behind what was told, with the objects as they are by then. So nothing
comes twice, and what changes meanwhile comes as it was or as it is.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from heapq import merge
from typing import Any, TypeAlias

from lint.job import Job
from webhook.cluster import Cluster, ClusterError, pause
from webhook.written import written

PAGE = 200
"""Objects that are asked for at once: a few megabytes if they are large."""

_RESOURCES = {"Job": "jobs", "CronJob": "cronjobs"}
_TRIES, _LONGEST = 4, 8
"""How often a page is asked for, and the most seconds in between."""

Unread: TypeAlias = Callable[[str, ClusterError], None]
"""Takes what could not be read, `NAMESPACE/KIND` or `KIND` in all of them, and why."""

_BUSY = 429
"""The API server has too much to do; from 500 on, something is wrong with it."""


class Live:
    """An object as it is in the cluster."""

    def __init__(self, kind: str, tree: dict[str, Any], minor: int, left: int) -> None:
        self.kind = kind
        self.namespace = str(tree["metadata"]["namespace"])
        self.name = str(tree["metadata"]["name"])
        self.key = f"{self.namespace}/{self.name}"
        """What API servers sort by."""
        self.place = f"{self.namespace}/{kind}/{self.name}"
        """What reports call it: it stands where a file would."""
        self.path = f"{_path_of(kind, self.namespace)}/{self.name}"
        self.tree = {"apiVersion": "batch/v1", "kind": kind, **tree}  # items of a list have neither
        self.left = left
        """How many of its list the API server has yet to tell, as far as it says so."""
        self._minor = minor

    @property
    def child(self) -> bool:
        """It is one of the Jobs that a CronJob makes: in most clusters nearly all are."""
        return Job(self.tree, self._minor).guards.cron_child

    @cached_property
    def job(self) -> Job:
        """The object as the webhook would see it if it were created now, as far as it tells what was written.

        An owner counts: nobody knows who made it. What the server has generated is not looked at.
        """
        job = Job(written(self.tree, self._minor).tree, self._minor, seen=self.tree)
        job.left_to_server = True
        return job


def _path_of(kind: str, namespace: str = "") -> str:
    """Return the path of all objects of a kind, in one namespace if it is named."""
    below = f"namespaces/{namespace}/" if namespace else ""
    return f"/apis/batch/v1/{below}{_RESOURCES[kind]}"


def live(cluster: Cluster, kinds: Sequence[str], namespaces: Sequence[str], failed: Unread) -> Iterator[Live]:
    """Iterate over the objects of some kinds; without namespaces over those of all of them.

    A list that is refused or breaks off is told to `failed`, and the others go on.
    """
    places = sorted({*namespaces}, key=lambda name: f"{name}/") or [""]
    return merge(*(_listed(cluster, kind, places, failed) for kind in kinds), key=lambda one: one.key)


def _listed(cluster: Cluster, kind: str, namespaces: Sequence[str], failed: Unread) -> Iterator[Live]:
    for namespace in namespaces:
        try:
            for item, left in items(cluster, _path_of(kind, namespace)):
                yield Live(kind, item, cluster.minor, left)
        except ClusterError as error:
            failed(f"{namespace}/{kind}" if namespace else kind, error)


def items(cluster: Cluster, path: str, **options: str) -> Iterator[tuple[Any, int]]:
    """Iterate over the items of a list, each with how many the API server has yet to tell, if it says so."""
    query = {"limit": str(PAGE), **options}
    while True:
        page = _page(cluster, path, query)
        rest, more = (page["metadata"].get(key) for key in ("remainingItemCount", "continue"))
        waiting = page["items"][::-1]
        del page  # so that an item is gone when the next one is asked for
        while waiting:
            yield waiting.pop(), (rest or 0) + len(waiting)
        if not more:
            return
        query["continue"] = more


def _page(cluster: Cluster, path: str, query: dict[str, str]) -> Any:
    """Ask for a page, again if it is too late for it or the API server has a bad moment."""
    failures = 0
    while True:
        try:
            return cluster.get(path, **query)
        except ClusterError as error:
            failures += 1
            bad = error.status in (0, _BUSY) or error.status >= 500
            if failures == _TRIES or not (error.more or bad):
                raise
            if error.more:
                query["continue"] = error.more
        time.sleep(pause(failures - 1, 0, _LONGEST))
