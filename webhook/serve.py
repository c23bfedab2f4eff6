"""The command `serve`: puts everything together, and sees it to its end."""

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from lint.policy import MODES
from lint.policy_file import PolicyError
from webhook import log
from webhook.app import create_app, create_probes, unlabelled
from webhook.certs import expires
from webhook.identity import Identity, Task, identify
from webhook.metrics import Metrics
from webhook.policies import Policies
from webhook.server import Server, listen, loop_factory
from webhook.settings import Settings, UserError

if TYPE_CHECKING:
    from webhook.cluster import Cluster
    from webhook.namespaces import Namespaces

_LOG = logging.getLogger(__name__)
_SECONDS = 10.0
"""Between two looks at the policy file."""
_BUG = 3


def serve(settings: Settings) -> int:
    """Run the servers until a signal comes; return the exit status.

    Raises:
        UserError: something that the settings name cannot be used.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the first process of a container has no default
    log.configure(settings.log_level)
    sockets = [listen(settings.host, port) for port in (settings.port, settings.probe_port)]
    port, probe_port = (each.getsockname()[1] for each in sockets)
    fields = {"port": port, "probePort": probe_port}
    _LOG.info("listening on port %d (HTTPS) and port %d (HTTP)", port, probe_port, extra={"fields": fields})
    metrics, cluster, stopping = Metrics(), _connect(settings), asyncio.Event()
    policies = _load_policy(settings, cluster, metrics)
    identity = identify(settings, cluster)
    _show(identity, metrics)
    namespaces = _follow_namespaces(cluster)
    application = create_app(policies, namespaces.mode if namespaces else unlabelled, metrics)
    probes = create_probes(metrics, partial(obstacles, stopping, identity, namespaces))
    servers = [Server(application, sockets[0], identity.certificates), Server(probes, sockets[1])]
    tasks: list[Task] = [*identity.tasks, partial(policies.watch, _SECONDS)]
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        status = runner.run(run(servers, tasks, stopping, settings.shutdown_delay))
    if namespaces:
        namespaces.stop()
    return status


async def run(servers: list[Server], tasks: list[Task], stopping: asyncio.Event, delay: float) -> int:
    """Serve until somebody stops it: a signal, or the end of a task, which is a bug, for they are endless.

    Then it goes on for a while, because it takes as long until all API servers have learnt of it.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _heed, number, stopping)
    for server in servers:
        await server.startup()
    gc.collect()
    gc.freeze()  # what is there is there to stay: looking for garbage in it takes 20 ms each time
    running = [asyncio.create_task(_endless(task, stopping)) for task in tasks]
    await stopping.wait()
    ended = [task for task in running if task.done()]
    for task in ended:
        _LOG.error("stopping, because of a bug of Jobwarden", exc_info=task.exception())
    _LOG.info("not ready any more, and shutting down in %g s", delay)
    for server in servers:
        server.see_off()
    await asyncio.sleep(delay)
    for server in servers:
        await server.shutdown()
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    _LOG.info("shut down")
    return _BUG if ended else 0


def obstacles(stopping: asyncio.Event, identity: Identity, namespaces: "Namespaces | None") -> Iterator[str]:
    """Iterate over the reasons why no API server should ask here."""
    if stopping.is_set():
        yield "shutting down"
    if namespaces and not namespaces.synced:
        yield "the labels of namespaces are not known yet"
    if identity.problem and (problem := identity.problem()):
        yield problem


async def _endless(task: Task, stopping: asyncio.Event) -> None:
    try:
        await task()
    finally:
        stopping.set()


def _heed(number: int, stopping: asyncio.Event) -> None:
    """Stop because of a signal: at once if it is not the first."""
    if stopping.is_set():
        os._exit(128 + number)
    stopping.set()


def _connect(settings: Settings) -> "Cluster | None":
    if settings.no_cluster:
        return None
    from webhook.cluster import Cluster, ClusterError

    try:
        return Cluster.connect(settings.kubeconfig or None)
    except ClusterError as error:
        raise UserError(f"{error}; without a cluster, give --no-cluster") from error


def _load_policy(settings: Settings, cluster: "Cluster | None", metrics: Metrics) -> Policies:
    try:
        mode = MODES.get(settings.default_mode)
        return Policies(settings.policy, cluster.minor if cluster else None, metrics, mode)
    except PolicyError as error:
        raise UserError(f"the policy cannot be used\n{error}") from error
    except OSError as error:
        raise UserError(f"{settings.policy}: {(error.strerror or str(error)).lower()}") from error


def _follow_namespaces(cluster: "Cluster | None") -> "Namespaces | None":
    if cluster is None:
        return None
    from webhook.namespaces import Namespaces

    namespaces = Namespaces(cluster)
    namespaces.start()
    return namespaces


def _show(identity: Identity, metrics: Metrics) -> None:
    """Have the metrics tell of the certificate."""
    metrics.certificate("leaf", lambda: expires(identity.certificates.pair[0]).timestamp())
    if ca := identity.ca:
        metrics.certificate("ca", lambda: expires(ca()).timestamp())
    if problem := identity.problem:
        metrics.ca_bundle(lambda: not problem())
