"""What an init container fetches is what was asked for, and what it leaves for the others has a size.

`curl` without `--fail` ends with 0 when the server answers with an error, and writes the error page into the
file: the init container has done its work, and the others read nonsense. With `--fail` the Pod fails where
the mistake is.

An `emptyDir` that init containers fill has all of the node's disk without a `sizeLimit`; a node without disk
evicts Pods, and not this one first. In memory (`medium: Memory`) it is as large as the node's memory where no
container that has it mounted has a memory limit, and it takes that from all others on the node.

These are notes. Spared are downloads that are checked by a sum, and ones that nobody keeps; disks where a
container limits `ephemeral-storage`, which counts for the Pod, and native sidecars. A limit that is too small
ends the Pod, so only a policy that names one (`sizeLimit`) has an unsafe fix.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from lint.edit import Set
from lint.job import Job, is_sidecar
from lint.quantity import parse
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity
from lint.view import View

_CHECKED = ("sha256", "sha512", "sha1sum", "md5", "b2sum", "gpg", "cosign", "minisign", "_code}")
_CURL = (
    r"(?:^|[({!]|\b(?:if|then|do|else|until|while|time|sudo|exec)[ \t])[ \t]*"
    r"(?:\w+=\S*[ \t]+)*(?:/[\w./-]*/)?curl(?=\s)(.*)"
)
_QUOTED = r"\"[^\"]*\"|'[^']*'"
_SAVES = r"\s(?:-[a-zA-Z]*[oO]\b|--output\b|--remote-name\b|>(?!\s*\Z))(?![\s=]*(?:/dev/|-(?:\s|\Z)))"
_OTHER = r"\s(?:-[a-zA-Z]*[wK]\b|--write-out\b|--config\b)|\b(?:s?ftp|file)://"
"""Whoever asks what came looks at it, and what is not HTTP has no error page."""

_FAILS = r"\s(?:-[a-zA-Z]*f|--fail(?:-with-body)?(?:\s|\Z))"


class Params(NamedTuple):
    """What is set where an emptyDir has no size."""

    size_limit: str = ""
    """The `sizeLimit` that an unsafe fix sets; empty: none."""

    def validate(self) -> None:
        """Refuse what the API server would refuse."""
        if self.size_limit and (parse(self.size_limit) or 0) <= 0:
            raise ValueError(f"{self.size_limit!r} is no size: write it like 10Gi")


def check(job: Job, params: Params) -> Iterator[Finding]:
    fetching = [container for container in job.init_containers if not is_sidecar(container)]
    if not fetching:
        return
    for container in fetching:
        if "command" in container.entries or "args" in container.entries:
            yield from _unchecked(container)
    if len(job.pod.at("volumes")) and not job.guards.partial:
        yield from _unsized(job, fetching, params)


def _unchecked(container: View) -> Iterator[Finding]:
    """Find the first download that takes an error page for the file."""
    words = [word for part in ("command", "args") for word in container.at(part).items()]
    texts = [word.as_str() or "" for word in words]
    whole = " ".join(texts)
    if "curl" not in whole or any(sign in whole for sign in _CHECKED):
        return
    program = texts[0].rpartition("/")[2]
    scripts = [(words[0], whole)] if program == "curl" else list(zip(words, texts, strict=True))
    for word, text in scripts:
        if "curl" not in text:
            continue
        script = re.sub(_QUOTED, lambda quoted: re.sub(r"[;&|]", "_", quoted[0]), text.replace("\\\n", " "))
        for command in re.split(r"[;&|\n]+", script):
            found = re.search(_CURL, command)
            if found and re.search(_SAVES, found[1]) and not re.search(f"{_FAILS}|{_OTHER}", found[1]):
                message = (
                    "an error page of the server is taken for the file, with exit code 0: add --fail to curl"
                )
                yield Finding(word.path, message)
                return


def _unsized(job: Job, fetching: list[View], params: Params) -> Iterator[Finding]:
    """Find the emptyDirs that init containers hand on and that have no size."""
    handed = _mounted(fetching) & _mounted(job.containers)
    for volume in job.pod.at("volumes").items():
        empty = volume.at("emptyDir")
        if volume.at("name").as_str() not in handed or not isinstance(empty.value, dict):
            continue
        if empty.at("sizeLimit").given or _limited(job, volume):
            continue
        of = "memory" if empty.value.get("medium") == "Memory" else "disk"
        message = f"what the init container leaves here may take all {of} of the node: set sizeLimit"
        limit = params.size_limit
        fix = (
            Fix(f"set sizeLimit: {limit}", (Set((*empty.path, "sizeLimit"), limit),), safe=False)
            if limit
            else None
        )
        severity = None if of == "memory" else Severity.INFO
        yield Finding((*empty.path, "sizeLimit"), message, fix, severity)


def _mounted(containers: "list[View] | tuple[View, ...]") -> set[object]:
    """Return the names of the volumes that containers can write to."""
    mounts = (mount for container in containers for mount in container.at("volumeMounts").items())
    return {name for mount in mounts if isinstance(name := mount.entries.get("name"), str)}


def _limited(job: Job, volume: View) -> bool:
    """Tell whether limits of the containers limit the volume."""
    if volume.at("emptyDir", "medium").value == "Memory":
        name = volume.at("name").as_str()
        users = [container for container in job.all_containers() if name in _mounted([container])]
        limits = [job.pod, *users]
        return any(one.at("resources", "limits", "memory").given for one in limits)
    return any(one.at("resources", "limits", "ephemeral-storage").given for one in job.all_containers())


def _job(script: str = "fetch /data/in", volume: str = "emptyDir: {sizeLimit: 1Gi}", **limits: str) -> str:
    init, main = (f"limits: {{{limits[key]}}}" if key in limits else "" for key in ("init", "main"))
    return f"""\
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
          image: fetch:1.4
          command: [sh, -c, "{script}"]
          resources: {{{init}}}
          volumeMounts: [{{name: data, mountPath: /data}}]
      containers:
        - name: report
          image: report:1.4
          resources: {{{main}}}
          volumeMounts: [{{name: data, mountPath: /data}}]
      volumes:
        - name: data
          {volume}
"""


_URL = "https://example.com/in.csv"
_MAIN = """\
image: report:1.4
          resources: {}
          volumeMounts: [{name: data, mountPath: /data}]"""
_DISK, _MEMORY = "emptyDir: {}", "emptyDir: {medium: Memory}"

RULE = Rule(
    id="init-container-hygiene",
    doc=__doc__,
    severity=Severity.INFO,
    class_=Class.PRACTICE,
    params=Params(),
    check=check,
    strict=Severity.WARNING,
    about=frozenset(["initContainers"]),
    good=(
        Good(_job()),
        Good(_job(f"curl -fsSL -o /data/in {_URL}; curl --fail {_URL} > /data/in2; wget {_URL}")),
        Good(
            _job(f"until curl -s {_URL}; do sleep 1; done; curl -s -o /dev/null {_URL}; curl {_URL} | tar x")
        ),
        Good(_job(f"curl -sSLo /data/in {_URL}; sha256sum -c /data/sums")),
        Good(_job("apk add curl > /data/log; curl -o /data/in 'https://example.com/in?a=1&b=2' -f")),
        Good(_job(f"curl -s {_URL} >&2; curl -o /data/in ftp://example.com/in; curl -o /data/in -K /data/c")),
        Good(
            _job(f"curl -o /in {_URL}").replace(
                "image: fetch", "restartPolicy: Always\n          image: fetch"
            )
        ),
        Good(_job(volume=_DISK, main="ephemeral-storage: 2Gi")),
        Good(_job(volume=_MEMORY, main="memory: 1Gi")),
        Good(_job(volume=_MEMORY, init="memory: 1Gi")),
        Good(_job(volume="persistentVolumeClaim: {claimName: data}")),
        Good(_job(volume=_DISK).replace("image: report", "env: # ")),  # a patch
        Good(_job(volume=_DISK).replace(_MAIN, "image: report:1.4")),
    ),
    bad=(
        Bad(_job(f"curl -sSL -o /data/in {_URL}")),
        Bad(_job(f"mkdir /data/x && curl -O {_URL}")),
        Bad(_job(f"curl --silent {_URL} > /data/in")),
        Bad(_job().replace('sh, -c, "fetch /data/in"', f"curl, -Lo, /data/in, {_URL}")),
        Bad(_job(volume=_DISK)),
        Bad(_job(volume=_MEMORY, main="cpu: 2")),
        Bad(
            _job(volume=_DISK),
            _job(volume="emptyDir:\n            sizeLimit: 5Gi"),
            params=Params(size_limit="5Gi"),
        ),
    ),
)
