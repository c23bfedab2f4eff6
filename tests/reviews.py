"""AdmissionReviews, as an API server writes them."""

import json
from typing import Any

JOB: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "report", "namespace": "batch", "annotations": {"note": "a secret"}},
    "spec": {
        "backoffLimit": 3,
        "activeDeadlineSeconds": 3600,
        "ttlSecondsAfterFinished": 3600,
        "template": {
            "spec": {
                "restartPolicy": "Never",
                "automountServiceAccountToken": False,
                "containers": [
                    {
                        "name": "report",
                        "image": "report:1.4",
                        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
                    }
                ],
            }
        },
    },
}


def request(**changes: Any) -> dict[str, Any]:
    """Return the request to create a Job in which there is nothing to find, with changes."""
    return {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": "batch", "version": "v1", "kind": "Job"},
        "resource": {"group": "batch", "version": "v1", "resource": "jobs"},
        "operation": "CREATE",
        "name": "report",
        "namespace": "batch",
        "userInfo": {"username": "jane", "groups": ["system:authenticated"]},
        "object": JOB,
        "oldObject": None,
        "dryRun": False,
        "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
        **changes,
    }


def review(**changes: Any) -> bytes:
    """Return the body that asks for it."""
    body = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request(**changes)}
    return json.dumps(body).encode()
