"""What a repository holds, for who begins with Jobwarden: kinds, templates, tools, queues and pools."""

import os
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from lint.compose import DocumentError
from lint.document import parse
from lint.families import Placement
from lint.job import Job
from lint.linter import jobs
from lint.policy import Policy
from lint.source import Broken, looks_like_a_template, may_hold_a_job, pieces
from lint.view import View
from lint.walk import Unreadable
from lint.work import read

_GITOPS = (
    rb"(?m)^apiVersion:\s*['\"]?(argoproj\.io/v1alpha1['\"]?\s*\nkind:\s*['\"]?App|\w+\.toolkit\.fluxcd\.io/)"
)
"""An Application of Argo CD, or anything of Flux."""

_KUBEADM = rb"(?m)^kubernetesVersion:\s*['\"]?v?1\.([0-9]{2})\b"
_EKSCTL = rb"(?m)^[ ]+version:[ ]*['\"]?1\.([0-9]{2})['\"]?\s*$"
_ORDINARY = ("kubernetes.io/os", "kubernetes.io/arch", "beta.kubernetes.io/os", "beta.kubernetes.io/arch")
"""Node labels that say what runs there, not for whom it is kept."""

_TOLERATION = ("key", "operator", "value", "effect")
_QUEUE = "kueue.x-k8s.io/queue-name"

_Pool = tuple[tuple[str, str], tuple[tuple[str, str], ...]]


class Survey:
    """What was seen."""

    def __init__(self) -> None:
        self.files = 0
        self.kinds = Counter[str]()
        self.templates = 0
        self.unreadable = 0
        self.charts = 0
        self.kustomizations = 0
        self.gitops_files = 0
        """Files that tell Argo CD or Flux what to apply."""
        self.gitops = 0
        """Jobs and CronJobs with the mark of such a tool."""
        self.queued = 0
        """Those with a Kueue queue."""
        self.minors = Counter[int]()
        """Kubernetes minors of clusters that are described."""
        self.pools = Counter[_Pool]()
        """A node label that a Job selects, and a toleration that it has."""

    @property
    def pool(self) -> dict[str, dict[str, str]]:
        """The selector and the toleration of the pool that most Jobs select; empty if none does."""
        if not self.pools:
            return {}
        (label, known), _ = min(self.pools.items(), key=lambda one: (-one[1], one[0]))
        toleration = {key: dict(known)[key] for key in _TOLERATION if key in dict(known)}
        return {"selector": dict([label]), "toleration": toleration}

    @property
    def minor(self) -> int | None:
        """The oldest Kubernetes minor of a cluster: what it knows, the others know as well."""
        return min(self.minors, default=None)


def survey(paths: Iterable[str | Unreadable]) -> Survey:
    """Look at files."""
    seen = Survey()
    for path in paths:
        data = None if isinstance(path, Unreadable) else _read(path)
        if data is None or isinstance(path, Unreadable):
            seen.unreadable += 1
            continue
        seen.files += 1
        _tools(os.path.basename(path), data, seen)
        if may_hold_a_job(data):
            _documents(data, seen)
    return seen


def _read(path: str) -> bytes | None:
    """Read a file, if that can be done."""
    try:
        return read(path)
    except OSError:
        return None


def _tools(name: str, data: bytes, seen: Survey) -> None:
    """Look for what tells of tools and clusters."""
    seen.charts += name in ("Chart.yaml", "Chart.yml")
    seen.kustomizations += name in ("kustomization.yaml", "kustomization.yml")
    seen.gitops_files += re.search(_GITOPS, data) is not None
    for pattern, word in ((_KUBEADM, b"ClusterConfiguration"), (_EKSCTL, b"eksctl.io/")):
        if word in data:
            seen.minors.update(int(match[1]) for match in re.finditer(pattern, data))


def _documents(data: bytes, seen: Survey) -> None:
    """Look at the Jobs of a file; of a template nothing is certain."""
    found: list[Job] = []
    for piece in pieces(data):
        if isinstance(piece, Broken):
            seen.unreadable += 1
            continue
        try:
            found += [job for _, job in jobs(parse(piece.text, json=piece.json), Policy())]
        except DocumentError:
            if looks_like_a_template(piece.text):
                seen.templates += 1
                return
            seen.unreadable += 1
    for job in found:
        _job(job, seen)


def _job(job: Job, seen: Survey) -> None:
    """Count what a Job says of tools, queues and nodes."""
    seen.kinds[job.kind] += 1
    seen.gitops += job.guards.gitops
    seen.queued += any(_QUEUE in one.at("labels").entries for one in (job.metadata, job.job_metadata))
    known = {*Placement().equivalent_keys, *_ORDINARY}
    labels = [one for one in _texts(job.pod.at("nodeSelector")) if one[0] not in known]
    tolerations = [tuple(_texts(one)) for one in job.pod.at("tolerations").items() if _is_plain(one.entries)]
    seen.pools.update((label, one) for label in labels for one in tolerations)


def _texts(view: View) -> list[tuple[str, str]]:
    """Return the entries of a map that are texts, in order of their keys."""
    entries: dict[str, Any] = view.entries
    return sorted((key, value) for key, value in entries.items() if isinstance(value, str))


def _is_plain(toleration: dict[str, Any]) -> bool:
    """Tell whether a toleration can be that of a pool in a policy."""
    if not all(isinstance(value, str) for value in toleration.values()):
        return False
    try:
        Placement(toleration=toleration).validate()
    except ValueError:
        return False
    return "key" in toleration
