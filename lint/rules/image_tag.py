"""An image is named with the tag of a version, or with a digest.

Without a tag, `latest` is pulled, and that moves: when somebody pushes an image while a Job runs, a retry or
a later index runs other code than the Pods before it, and next week's run of a CronJob other code than was
tested. Which code made a result, nobody can tell afterwards.

It is a warning where a Job is meant to have several Pods, which may differ. Elsewhere it is noted: only a
retry or the next run could differ, and linters of all kinds of workloads speak of it as well.

Spared are images that are never pulled (`imagePullPolicy: Never`), those that the policy allows, and what
something else replaces: names that no registry can serve, such as `IMAGE` or `<change-me>`, and ones that say
so. A name that can be pulled is not spared, even if Kustomize sets its tag: it does so to a tagged name, too.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity

_REFERENCE = re.compile(
    r"(?P<name>(?:[a-z0-9.-]+(?::[0-9]+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::(?P<tag>latest))?\Z"
)
"""A name that can be pulled, without digest."""
_STAND_IN = r"replace|placeholder|change-?me|kustomize"


class Params(NamedTuple):
    """What may move."""

    allow: tuple[str, ...] = ()
    """Images that may move (`busybox`), and registries or parts of them (`registry.local:5000/tools`)."""


def check(job: Job, params: Params) -> Iterator[Finding]:
    told = set()
    for container in job.all_containers():
        image = container.at("image")
        text = image.as_str() or ""
        _, colon, tag = text.rpartition(":")
        if colon and tag != "latest" and "/" not in tag:
            continue  # by far most images, of which those with a digest
        match = _REFERENCE.match(text)
        if match is None or re.search(_STAND_IN, match["name"]):
            continue
        if container.at("imagePullPolicy").as_str() == "Never" or _allowed(match["name"], params):
            continue
        if text in told:
            continue  # one finding for an image, however many containers run it
        told.add(text)
        found = f"the tag of {text} moves" if match["tag"] else f"{text} has no tag"
        message = f"{found}: a retry or a later run may run other code; name a version or a digest"
        yield Finding(image.path, message, severity=Severity.WARNING if _repeated(job) else None)


def _repeated(job: Job) -> bool:
    """Tell whether more than one Pod of a Job is meant to run the image."""
    return any((job.spec.at(key).as_int() or 1) > 1 for key in ("completions", "parallelism"))


def _allowed(name: str, params: Params) -> bool:
    """Tell whether the policy lets the image move."""
    return any(f"{name}/".startswith(f"{allowed.rstrip('/')}/") for allowed in params.allow)


RULE = Rule(
    id="image-tag",
    doc=__doc__,
    severity=Severity.INFO,
    class_=Class.PRACTICE,
    params=Params(),
    strict=Severity.WARNING,
    graver=True,
    check=check,
    good=(
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: report
                      image: registry.local:5000/report:1.4
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              template:
                spec:
                  restartPolicy: Never
                  initContainers:
                    - name: fetch
                      image: fetch@sha256:0d4b5c2c3a1d7f0e8f5a9f8b9b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c
                    - name: copy
                      image: cp:latest@sha256:0d4b5c2c3a1d7f0e8f5a9f8b9b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c
                  containers:
                    - name: report
                      image: report:latest-slim  # a tag of its own
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              template:
                spec:
                  restartPolicy: Never
                  initContainers:
                    - name: fetch
                      image: registry.local/PROJECT/fetch
                    - name: unpack
                      image: $(UNPACK_IMAGE)
                    - name: convert
                      image: "{{ registry }}/convert:latest"
                  containers:
                    - name: report
                      image: replaced-by-kustomize
                    - name: upload
                      image: upload:latest
                      imagePullPolicy: Never  # built on the node
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              template:
                spec:
                  restartPolicy: Never
                  initContainers:
                    - name: wait
                      image: busybox
                  containers:
                    - name: report
                      image: registry.local:5000/tools/report
            """,
            params=Params(allow=("busybox", "registry.local:5000/tools/")),
        ),
    ),
    bad=(
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: report
                      image: registry.local:5000/report
            """,
        ),
        Bad(  # only noted
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:latest}]}}
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: CronJob
            metadata:
              name: report
            spec:
              schedule: 0 3 * * *
              jobTemplate:
                spec:
                  template:
                    spec:
                      restartPolicy: Never
                      initContainers:
                        - name: wait
                          image: busybox
                      containers:
                        - name: report
                          image: report:latest
            """,
            params=Params(allow=("busy", "rep")),
        ),
    ),
)
