"""Shows what the webhook makes of manifests/examples.

With KUBEBUILDER_ASSETS, a real API server asks it, and kubectl applies the examples. Without, the examples
are sent to it as an API server would send them.
"""

import base64
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import Request, urlopen

from lint.defaults import defaulted
from lint.document import parse
from lint.linter import jobs
from lint.patch import patched
from lint.policy import Policy
from lint.validation.applying import LAST_APPLIED
from webhook import certs

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "manifests" / "examples"
MINOR = 37


def main() -> None:
    """Show it in the best way that this machine allows."""
    with TemporaryDirectory() as name, webhook(Path(name)) as (url, bundle):
        assets = Path(os.environ.get("KUBEBUILDER_ASSETS", ""))
        if (assets / "kube-apiserver").exists():
            apply_all(assets, Path(name), url, bundle)
        else:
            print("KUBEBUILDER_ASSETS names no API server: the examples are sent as one would send them.\n")
            review_all(url, bundle)


@contextmanager
def webhook(folder: Path) -> Iterator[tuple[str, certs.Bundle]]:
    """Run the webhook with a certificate of its own."""
    bundle = certs.issue(["127.0.0.1"], datetime.now(UTC))
    for key, data in certs.to_secret(bundle).items():
        (folder / key).write_bytes(data)
    command = [sys.executable, "-m", "webhook", "serve", "--no-cluster", "--host=127.0.0.1", "--port=0"]
    command += ["--probe-port=0", f"--tls-cert={folder}/tls.crt", f"--tls-key={folder}/tls.key"]
    command += ["--shutdown-delay=0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        try:
            first = json.loads(process.stdout.readline() if process.stdout else "")
            yield f"https://127.0.0.1:{first['port']}", bundle
        finally:
            process.terminate()


def documents() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Iterate over the objects of the examples."""
    for path in sorted(EXAMPLES.glob("*.yaml")):
        for text in path.read_text().split("\n---\n"):
            for _, job in jobs(parse(text), Policy()):
                yield path, job.object.value


def review_all(url: str, bundle: certs.Bundle) -> None:
    """Send the examples to the webhook, first for mutation, then for validation."""
    context = ssl.create_default_context(cadata=bundle.ca.decode())
    for path, tree in documents():
        applied = {LAST_APPLIED: json.dumps(tree, separators=(",", ":"))}
        metadata = {**tree["metadata"], "annotations": {**tree["metadata"].get("annotations", {}), **applied}}
        before = defaulted({**tree, "metadata": metadata}, MINOR)
        answer = ask(f"{url}/mutate", before, context)
        patch = json.loads(base64.b64decode(answer.get("patch", "W10=")))
        verdict = ask(f"{url}/validate", patched(before, patch), context)
        told(path, tree, [*answer.get("warnings", []), *verdict.get("warnings", [])])
        for operation in patch:
            print(f"  {operation['op']} {operation['path']}: {json.dumps(operation['value'])}")
        print(
            "  allowed by the webhook" if verdict["allowed"] else f"  denied: {verdict['status']['message']}"
        )


def ask(url: str, tree: dict[str, Any], context: ssl.SSLContext) -> dict[str, Any]:
    """Send an AdmissionReview, and return the response."""
    kind = {"group": "batch", "version": "v1", "resource": f"{tree['kind'].lower()}s"}
    request = {"uid": "demo", "operation": "CREATE", "resource": kind, "namespace": "default", "object": tree}
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    headers = {"Content-Type": "application/json"}
    with urlopen(Request(url, json.dumps(review).encode(), headers), context=context) as reply:  # noqa: S310 - our own
        response: dict[str, Any] = json.load(reply)["response"]
    return response


def told(path: Path, tree: dict[str, Any], warnings: list[str]) -> None:
    """Print what a user sees first."""
    print(f"{path.relative_to(ROOT)}: {tree['kind']} {tree['metadata'].get('name', '')}")
    print(*(f"  Warning: {warning}" for warning in warnings), sep="\n", end="\n" if warnings else "")


def apply_all(assets: Path, folder: Path, url: str, bundle: certs.Bundle) -> None:
    """Apply the examples to a real API server that asks the webhook."""
    sys.path.insert(0, str(ROOT / "tests"))
    from apiserver import WITHOUT_ACCOUNTS, serving

    with serving(assets, folder / "apiserver", WITHOUT_ACCOUNTS) as server:
        print(f"Kubernetes 1.{server.minor} asks the webhook at {url}.\n")
        rendered = server.kubectl("kustomize", str(ROOT / "manifests" / "base")).stdout
        for text in rendered.split("\n---\n"):
            tree = parse(text).value
            if str(tree["kind"]).endswith("WebhookConfiguration"):
                for one in tree["webhooks"]:
                    path = one["clientConfig"]["service"]["path"]
                    ca = base64.b64encode(bundle.ca).decode()
                    one["clientConfig"] = {"url": url + path, "caBundle": ca}
                kind = f"{tree['kind'].lower()}s"
                server.request("POST", f"/apis/admissionregistration.k8s.io/v1/{kind}", tree)
        server.wait("seeing the webhook", lambda: "jobwarden" in str(server.dry_run(next(documents())[1])))
        for path in sorted(EXAMPLES.glob("*.yaml")):
            name = str(path.relative_to(ROOT))
            print(f"$ kubectl apply -f {name}")
            done = server.kubectl("apply", "-f", str(path))
            print(done.stdout + done.stderr.replace(str(path), name))


if __name__ == "__main__":
    main()
