"""Images come from the registries that the policy allows and, where it asks for it, by digest.

An image runs with the secrets and the network of its Job. One from a registry that nobody checks was built
by anybody, and a tag can be pushed again after somebody looked at what it names: only a digest is the image
that was tested, in every retry and in next month's run.

Both are looked for only where the policy says so. Noted without it is a tag that each of many Pods asks the
registry for (`imagePullPolicy: Always`): a push in between gives some Pods other code than the rest, and the
limit on pulls of a registry, or an hour without it, fails Pods that would have found the image on their node.

Spared are images that are never pulled (`imagePullPolicy: Never`), and what something else replaces: names
that no registry can serve, such as `IMAGE` or `$(IMAGE)`. A tag that is missing or `latest` is told by
image-tag.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, NamedTuple

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity
from lint.view import View

if TYPE_CHECKING:
    from annotated_types import Ge

_REFERENCE = (
    r"(?P<name>(?:(?:\[[0-9a-fA-F:]+\]|[a-zA-Z0-9.-]+)(?::[0-9]+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"
    r"(?::(?P<tag>[\w.-]+))?(?P<digest>@\w+:[0-9a-f]{32,})?"
)
"""An image that can be pulled."""
_STAND_IN = r"[^/]*(?:replace|placeholder|change-?me|kustomize)[^/]*"
"""A name that is to be replaced. With a slash in it, it may be one that somebody pushed."""
_HUB = "docker.io"


class Params(NamedTuple):
    """Which images may run."""

    allow: tuple[str, ...] = ()
    """Registries that images come from, or parts of them: `registry.local:5000/tools`, `docker.io/library`.
    None: any."""

    require_digest: bool = False
    """Images are named with a digest."""

    fan_out: "Annotated[int, Ge(1)]" = 100
    """The most Pods that may each ask the registry what a tag names."""


def check(job: Job, params: Params) -> Iterator[Finding]:
    pods = _pods(job)
    if pods <= params.fan_out and not params.allow and not params.require_digest:
        return
    told = set()
    for image, policy in _images(job):
        text = image.as_str() or ""
        match = re.fullmatch(_REFERENCE, text)
        if match is None or text in told or re.fullmatch(_STAND_IN, match["name"]):
            continue
        if policy.as_str() == "Never":
            continue
        told.add(text)  # one finding for an image, however many containers run it
        if params.allow and not _allowed(name := _full(match["name"]), params):
            yield Finding(image.path, f"{name} is not from {_listed(params.allow)}, which the policy allows")
        if match["digest"]:
            continue
        if params.require_digest:
            yield Finding(
                image.path,
                f"{text} has no digest, and what it names may change: add @sha256:... of what was tested",
            )
        elif pods > params.fan_out and match["tag"] not in (None, "latest"):
            yield from _asked_often(policy, text, pods)


def _pods(job: Job) -> int:
    """Return how many Pods a Job has when none fails."""
    spec, pods = job.spec.entries, 1
    for key in ("completions", "parallelism"):
        if isinstance(number := spec.get(key), int) and number > pods:
            pods = number
    return pods


def _images(job: Job) -> Iterator[tuple[View, View]]:
    """Iterate over the images that run or are mounted, each with its pull policy."""
    for container in job.all_containers():
        yield container.at("image"), container.at("imagePullPolicy")
    for volume in job.pod.at("volumes").items():
        yield volume.at("image", "reference"), volume.at("image", "pullPolicy")


def _asked_often(policy: View, image: str, pods: int) -> Iterator[Finding]:
    """Find a tag that every Pod asks the registry for."""
    if policy.as_str() == "Always":
        message = f"{pods} Pods each ask the registry for {image}: name a digest, or write IfNotPresent"
        yield Finding(policy.path, message, severity=Severity.INFO)


def _full(name: str) -> str:
    """Write out the registry that a name leaves out: `busybox` is `docker.io/library/busybox`."""
    first, slash, _ = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return name
    return f"{_HUB}/{name}" if slash else f"{_HUB}/library/{name}"


def _allowed(name: str, params: Params) -> bool:
    """Tell whether the policy lets the image come from where it comes from."""
    return any(f"{name}/".startswith(f"{allowed.rstrip('/')}/") for allowed in params.allow)


def _listed(names: tuple[str, ...]) -> str:
    """List the first few names."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _job(image: str, *fields: str, policy: str = "IfNotPresent") -> str:
    lines = "\n  ".join(("backoffLimit: 2", *fields))
    return f"""\
apiVersion: batch/v1
kind: Job
metadata:
  name: resize
spec:
  {lines}
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: resize
          image: {image}
          imagePullPolicy: {policy}
"""


def _cronjob(image: str) -> str:
    return f"""\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: resize
spec:
  schedule: "7 3 * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          initContainers:
            - name: fetch
              image: {image}
          containers:
            - name: resize
              image: {image}
"""


_DIGEST = "@sha256:0d4b5c2c3a1d7f0e8f5a9f8b9b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c"
_VOLUME = "      volumes: [{name: model, image: {reference: anybody/model:1.0, pullPolicy: IfNotPresent}}]\n"
_OURS = Params(allow=("registry.local:5000/tools/", "docker.io/library"))
_PINNED = Params(require_digest=True)

RULE = Rule(
    id="image-provenance",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=Params(),
    check=check,
    good=(
        Good(_job("anybody/resize:2.0", policy="Always")),
        Good(_job("resize:2.0", "completions: 100", "parallelism: 100", policy="Always")),
        Good(_job("resize:2.0", "completions: 101", "parallelism: 10")),
        Good(_job(f"resize:2.0{_DIGEST}", "completions: 500", policy="Always")),
        Good(_job("resize:latest", "completions: 500", policy="Always")),  # see image-tag
        Good(_job("registry.local:5000/tools/resize:2.0"), params=_OURS),
        Good(_job("busybox:1.37"), params=_OURS),
        Good(_job("docker.io/library/busybox"), params=_OURS),
        Good(_job("anybody/resize:2.0", policy="Never"), params=_OURS),  # it is on the node
        Good(_job("$(IMAGE)"), params=_OURS),
        Good(_job('"{{ image }}"'), params=_OURS),
        Good(_job("registry.local/PROJECT/resize:2.0"), params=_OURS),
        Good(_job("replaced-by-kustomize:2.0"), params=_PINNED),
        Good(_job(f"resize{_DIGEST}"), params=_PINNED),
        Good(_cronjob(f"resize:2.0{_DIGEST}"), params=_PINNED),
    ),
    bad=(
        Bad(_job("resize:2.0", "completions: 101", "parallelism: 10", policy="Always")),
        Bad(_job("resize:2.0", "parallelism: 3", policy="Always"), params=Params(fan_out=2)),
        Bad(_job("anybody/resize:2.0"), params=_OURS),
        Bad(_job("registry.local:5000/toolshed/resize:2.0"), params=_OURS),
        Bad(_job(f"localhost/resize{_DIGEST}"), params=_OURS),
        Bad(_job("anybody/kustomize:5.4"), params=_OURS),  # a name that can be pushed
        Bad(_job("busybox:1.37") + _VOLUME, params=_OURS),
        Bad(_job("'[fd00::5]:5000/resize:2.0'"), params=_OURS),
        Bad(_job("resize:2.0"), params=_PINNED),
        Bad(_cronjob("resize"), params=_PINNED),
    ),
)
