"""What docs/webhook.md shows is what happens where the webhook is installed.

Its commands are blocks of `text`, since they need more than those of other pages: the folder manifests/, and
a webhook that answers.
"""

import json
import sys
from base64 import b64encode
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import create_server
from typing import TYPE_CHECKING

import pytest
import yaml
from blocks import ROOT, blocks, shell
from conftest import put
from reviews import JOB
from test_check import Server
from test_docs import console
from test_manifests import MANIFESTS, render

from webhook.certs import issue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apiserver import ApiServer

pytest_plugins = ["webhooks"]

PAGE = ROOT / "docs" / "webhook.md"
APPLY = "kubectl apply -k manifests/"
SERVE = (sys.executable, "-m", "webhook", "serve", "--host=127.0.0.1", "--shutdown-delay=0")


@pytest.fixture(scope="module")
def server(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> "Iterator[ApiServer]":
    """Run an API server, which has no webhook yet."""
    from apiserver import WITHOUT_ACCOUNTS, serving

    with serving(assets, tmp_path_factory.mktemp("pages"), WITHOUT_ACCOUNTS) as server:
        yield server


def test_what_the_page_of_the_webhook_shows_happens(server: "ApiServer", tmp_path: Path) -> None:
    from webhooks import Webhook

    webhook = Webhook(server, tmp_path, "")
    path = f"{Path(sys.executable).parent}:{server.assets}:/usr/bin:/bin"
    with (
        ExitStack() as running,
        shell(tmp_path / "shell", KUBECONFIG=str(server.kubeconfig), PATH=path) as run,
    ):
        (run.folder / "manifests").symlink_to(ROOT / "manifests")
        for block in blocks(PAGE):
            if block.file:
                put(str(run.folder / block.file), block.text)
            if block.language == "text":
                assert console(block, run) == block.text, f"{PAGE.name}:{block.line}"
            if APPLY in block.text:  # no Pod runs here: a process does, at another address
                webhook.install()
                running.enter_context(server.process(webhook.log.stem, *SERVE, *webhook.flags()))
                webhook.wait()


@pytest.mark.parametrize(("page", "alerts"), [("webhook.md", 2), ("monitoring.md", 1)])
def test_kustomizations_of_the_pages_can_be_rendered(
    assets: Path, tmp_path: Path, page: str, alerts: int
) -> None:
    (tmp_path / "manifests").symlink_to(ROOT / "manifests")
    files = [block for block in blocks(ROOT / "docs" / page) if block.file]
    for block in files:
        put(str(tmp_path / block.file), block.text)
    (folder,) = (tmp_path / one.file for one in files if one.file.endswith("kustomization.yaml"))

    objects = render(assets / "kubectl", folder.parent)

    assert len([one for one in objects if one["kind"] == "PrometheusRule"]) == alerts


def test_messages_of_the_page_are_those_of_the_server(server: "ApiServer") -> None:
    page = PAGE.read_text()
    (path,) = MANIFESTS.glob("base/webhooks.yaml")
    configuration = next(
        one for one in yaml.safe_load_all(path.read_text()) if one["kind"].startswith("Valid")
    )
    (webhook,) = configuration["webhooks"]
    webhook |= {"failurePolicy": "Fail", "timeoutSeconds": 1}
    for message, client in failing():
        webhook["clientConfig"] = client
        done = server.kubectl("apply", "--filename=-", stdin=json.dumps(configuration))
        assert done.returncode == 0, done.stderr

        def told(message: str = message) -> bool:
            text = str(server.dry_run({**JOB, "metadata": {"name": "probe"}}).body)
            return 'failed calling webhook "validate.jobwarden.io"' in text and message in text

        server.wait(message, told)
        assert f"`{message}`" in page


def failing() -> "Iterator[tuple[str, dict[str, str]]]":
    """Iterate over what API servers say, and whom they have to call for it."""
    with closing(Server("127.0.0.1")) as server, create_server(("127.0.0.1", 0)) as silent:
        expired = issue(["127.0.0.1"], datetime.now(UTC) - timedelta(days=100))
        yield "connection refused", client(9, expired.ca)
        yield "x509: certificate signed by unknown authority", client(server.port, expired.ca)
        server.certificates.swap(expired.certificate, expired.key)
        yield "x509: certificate has expired", client(server.port, expired.ca)
        yield "context deadline exceeded", client(silent.getsockname()[1], expired.ca)


def client(port: int, ca: bytes) -> dict[str, str]:
    """Return how an API server calls a port."""
    return {"url": f"https://127.0.0.1:{port}/validate", "caBundle": b64encode(ca).decode()}


def test_messages_of_the_page_are_those_of_the_webhook() -> None:
    page = PAGE.read_text()
    sources = "".join(path.read_text() for path in (ROOT / "webhook").glob("*.py"))
    for message in (
        "jobwarden failed on this object; see its log",
        "the policy cannot be used",
        "the certificates have to be looked at again: ",
        "not ready any more, and shutting down in ",
        " endpoints are ready",
    ):
        assert message in page
        assert message in sources
