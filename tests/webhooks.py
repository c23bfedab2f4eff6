"""The webhook as it is shipped, behind a real API server, as a plugin: `pytest_plugins = ["webhooks"]`.

The fixture `webhook` takes a policy as its parameter; an empty one is that of the manifests. A test that
wants one API server of each minor uses the fixture `every_minor` as well.
"""

import json
import re
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
import yaml

if TYPE_CHECKING:
    from apiserver import ApiServer

pytest_plugins = ["apiserver"]

ROOT = Path(__file__).parents[1]
AUDITED = "alice"
"""A user who may do everything, and whose requests about Jobs are in the audit log."""

_COMMAND = (sys.executable, "-m", "webhook", "serve", "--host=127.0.0.1", "--shutdown-delay=0")
_CONFIGURATIONS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_PROBE = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "main:1"}]}
_AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "Request", "users": [AUDITED], "resources": [{"group": "batch"}]},
        {"level": "None"},
    ],
}
_FAILURES = re.compile(
    r"^apiserver_admission_webhook_(?:fail_open_count|rejection_count)(?!.*error_type=\"no_error\").*$",
    re.MULTILINE,
)

Tree: TypeAlias = dict[str, Any]


class Webhook:
    """A webhook that runs; `installed` runs one."""

    def __init__(self, server: "ApiServer", folder: Path, policy: str) -> None:
        from apiserver import free_ports

        self.server = server
        self.log = server.folder / "webhook.log"
        self.policy_file = folder / "jobwarden.yaml"
        self.audit_log = folder / "audit.json"
        self._overlay = "overlays/extend-written" if "extendWritten: true" in policy else "base"
        self._objects = self._rendered()
        self._port, self._probe_port = free_ports(2)
        self._read, self._probes = 0, 0
        self.policy_file.write_text(policy or self._shipped_policy())

    def decisions(self) -> list[Tree]:
        """Return what was decided since the last time, as it is in the log."""
        with self.log.open("rb") as log:
            log.seek(self._read)
            *lines, rest = log.read().split(b"\n")
            self._read = log.tell() - len(rest)
        values = [json.loads(line) for line in lines if line.startswith(b"{")]
        return [value for value in values if "verdict" in value]

    def complaints(self) -> list[str]:
        """Return what the log has of bugs, and of requests that got no decision."""
        lines = self.log.read_text().splitlines()
        values = [json.loads(line) if line.startswith("{") else {"level": line} for line in lines]
        return [str(one) for one in values if one["level"] not in ("info", "warning") or "reason" in one]

    @contextmanager
    def removed(self) -> Iterator[None]:
        """Take the webhook out of the cluster until the block ends.

        It would write its CA again, but only at its next look, up to a minute later.
        """
        for kind, webhook in self._webhooks():
            (stored,) = self.server.request("GET", _path(kind)).body["webhooks"]
            webhook["clientConfig"]["caBundle"] = stored["clientConfig"]["caBundle"]
        self.uninstall()
        yield
        self.install()
        self.wait()

    def page(self, name: str) -> str:
        """Return what it tells over HTTP, `metrics` for example."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{self._probe_port}/{name}", timeout=10) as response:
            return str(response.read().decode())

    def install(self) -> None:
        """Apply the manifests; nothing is changed but the address of the webhook."""
        for _, webhook in self._webhooks():
            if service := webhook["clientConfig"].pop("service", None):
                webhook["clientConfig"]["url"] = f"https://127.0.0.1:{self._port}{service['path']}"
        done = self.server.kubectl("apply", "--filename=-", stdin=yaml.safe_dump_all(self._objects))
        assert done.returncode == 0, done.stderr

    def uninstall(self) -> None:
        """Delete the webhook configurations, and wait until nobody asks."""
        for kind in _CONFIGURATIONS:
            assert self.server.request("DELETE", _path(kind)).status == 200
        self.server.wait("a webhook that is not asked any more", lambda: not self._asked())

    def wait(self) -> None:
        """Wait until the webhook is ready, and asked."""
        self.server.wait("a webhook that is ready", self._ready, 180)
        self.server.wait("a webhook that is asked", lambda: self._asked() == {"mutate", "validate"})

    def flags(self) -> list[str]:
        """Return what the process is told, besides what it always is: who it is, above all."""
        from apiserver import SERVICE_ACCOUNT

        kubeconfig = self.policy_file.with_name("webhook.kubeconfig")
        config = json.loads(self.server.kubeconfig.read_text())
        kubeconfig.write_text(json.dumps({**config, "current-context": SERVICE_ACCOUNT}))
        ports = [f"--port={self._port}", f"--probe-port={self._probe_port}"]
        return [*ports, f"--policy={self.policy_file}", f"--kubeconfig={kubeconfig}"]

    def _rendered(self) -> list[Tree]:
        done = self.server.kubectl("kustomize", str(ROOT / "manifests" / self._overlay))
        assert done.returncode == 0, done.stderr
        return list(yaml.safe_load_all(done.stdout))

    def _webhooks(self) -> Iterator[tuple[str, Tree]]:
        """Iterate over the two webhooks, with the kinds of their configurations."""
        for tree in self._objects:
            if tree["kind"] in _CONFIGURATIONS:
                yield from ((tree["kind"], webhook) for webhook in tree["webhooks"])

    def _shipped_policy(self) -> str:
        maps = {one["metadata"]["name"]: one["data"] for one in self._objects if one["kind"] == "ConfigMap"}
        return str(maps["jobwarden-policy"]["jobwarden.yaml"])

    def cover(self, namespace: str) -> None:
        """Have the Jobs of a namespace sent that were not."""
        metadata = {"labels": {"jobwarden.io/mode": None}}
        answer = self.server.request("PATCH", f"/api/v1/namespaces/{namespace}", {"metadata": metadata})
        assert answer.status == 200, answer
        self.server.wait("a namespace that is asked about", lambda: len(self._asked(namespace)) == 2)

    def _ready(self) -> bool:
        with suppress(OSError):
            return self.page("readyz") == "ok\n"
        return False

    def _asked(self, namespace: str = "default") -> set[str]:
        """Create a Job, though not for good, and return which webhooks were asked about it."""
        self._probes += 1
        name = f"probe-{self._probes}"
        tree = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}}
        answer = self.server.dry_run({**tree, "spec": {"template": {"spec": _PROBE}}}, namespace)
        assert answer.status < 500, answer
        return {str(one["webhook"]) for one in self.decisions() if one["name"] == name}


def _path(kind: str) -> str:
    """Return the path of a webhook configuration."""
    return f"/apis/admissionregistration.k8s.io/v1/{kind.lower()}s/jobwarden"


@contextmanager
def installed(server: "ApiServer", folder: Path, policy: str) -> Iterator[Webhook]:
    """Run a webhook with a policy until the block ends."""
    webhook = Webhook(server, folder, policy)
    webhook.install()
    with server.process(webhook.log.stem, *_COMMAND, *webhook.flags()):
        webhook.wait()
        yield webhook
        webhook.uninstall()


def failures(server: "ApiServer") -> list[str]:
    """Return what an API server has counted of calls that failed, and of answers that were of no use."""
    found: list[str] = _FAILURES.findall(server.request("GET", "/metrics").body)
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests that want every minor with one after the other."""
    if "assets" in metafunc.fixturenames:
        from apiserver import minors

        number = None if "every_minor" in metafunc.fixturenames else 1
        versions, folders = zip(*list(minors().items())[:number], strict=True)
        metafunc.parametrize("assets", folders, ids=versions, indirect=True, scope="session")


@pytest.fixture(scope="session")
def every_minor() -> None:
    """Ask for one API server after the other."""


@pytest.fixture(scope="session")
def assets(request: pytest.FixtureRequest) -> Path:
    """Return the folder of an API server."""
    from apiserver import needed

    return needed(request.param)


@pytest.fixture(scope="session")
def guarded(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator["ApiServer"]:
    """Run an API server for webhooks, with an audit log; other tests are not to meet them."""
    from apiserver import WITHOUT_ACCOUNTS, serving

    folder = tmp_path_factory.mktemp("guarded")
    policy = folder / "audit.yaml"
    policy.write_text(json.dumps(_AUDIT))
    flags = (f"--audit-policy-file={policy}", f"--audit-log-path={folder / 'audit.json'}")
    with serving(assets, folder, WITHOUT_ACCOUNTS, *flags) as server:
        role = ("--clusterrole=cluster-admin", f"--user={AUDITED}")
        done = server.kubectl("create", "clusterrolebinding", AUDITED, *role)
        assert done.returncode == 0, done.stderr
        yield server
        assert failures(server) == []


@pytest.fixture(scope="session")
def webhook(request: pytest.FixtureRequest, guarded: "ApiServer") -> Iterator[Webhook]:
    """Run a webhook."""
    with installed(guarded, guarded.folder.parent, request.param) as running:
        yield running
        assert running.complaints() == []
