"""What a container runs is in its image, not fetched when it starts.

Each run, each retry and each index gets what is there at that time: other code than the one tested, or none,
when the registry of packages limits requests or is away. A Job of 100 Pods asks 100 times.

A script that is piped from the network into a shell fails without a trace: when the download fails, the shell
gets nothing to run and ends with 0. Where that is the last thing a container does, the Job is complete, and
nothing was done. (`set -o pipefail` makes a failure of it. `sh -c "$(curl ...)"` hides it as well.)

Everything else is only noted, since a Job that sets something up may have no image of its own yet: packages
that are installed at the start, and a script from the network that other commands follow, which fail without
it. Spared are packages from files (`--no-index`). What rights a container has is not seen here.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity
from lint.view import View

_BEFORE = (
    r"(?:^|[;&|({!]|\b(?:then|do|else|sudo|uv|exec)[ \t]|[ \t]-m\s)[ \t]*"
    r"(?:\w+=[^\s;&|]*[ \t]+)*(?:/[\w./-]*/)?"
)
_FETCHES = r"\s*(?:.*\s|.*[({])?(?:curl|wget)\s"
_RUNS = (
    r"\s*(?:sudo\s+(?:-\w+\s+)*|env\s+)?(?:\w+=\S*\s+)*(?:/\S*/)?"
    r"(?:(?:ba|da|k|z|a)?sh(?!\s+-c)|(?:python3?|perl|node|ruby)(?:\s+-(?=\s|\Z)|\s*\Z))(?=[\s)\"']|\Z)"
)
_SUBSTITUTED = (
    r"(?:\b(?:ba|da|z|a)?sh\s+-\w*c\s+[\"']?\$|\beval\s+[\"']?\$|\b(?:bash|source)\s+<|(?:^|\s)\.\s+<)"
    r"\(\s*(?:curl|wget)\s"
)
_SEPARATORS = r"&&|\|\||[;\n]"


class Params(NamedTuple):
    """What is not to run at the start."""

    installs: tuple[str, ...] = (
        *("pip install", "pip3 install", "apt-get install", "apt install", "apk add", "yum install"),
        *("dnf install", "microdnf install", "npm install", "gem install", "conda install", "go install"),
    )
    """Commands that get packages: a program and what it is told first; options may stand between them."""


def check(job: Job, params: Params) -> Iterator[Finding]:
    for container in job.all_containers():
        parts = (container.entries.get("command"), container.entries.get("args"))
        if parts == (None, None):
            continue
        text = "\n".join([str(word) for part in parts if isinstance(part, list) for word in part])
        if "curl" in text or "wget" in text:
            yield from _piped(container, text)
        install = _installed(text, params)
        if install:
            where = next(word for word in _words(container) if install[0] in str(word.value))
            message = (
                f"{' '.join(install)} gets other packages another time, or none: build them into the image"
            )
            yield Finding(where.path, message)


def _words(container: View) -> Iterator[View]:
    for part in ("command", "args"):
        yield from container.at(part).items()


def _piped(container: View, text: str) -> Iterator[Finding]:
    """Find scripts from the network that a shell runs, one in each word."""
    if "|" not in text and "(" not in text:
        return
    for word in _words(container):
        script = re.sub(r"(?m)^[ \t]*#.*", "", (word.as_str() or "").replace("\\\n", " "))
        yield from _in_script(word, script, pipefail="pipefail" in text)


def _in_script(word: View, script: str, *, pipefail: bool) -> Iterator[Finding]:
    """Find the first script from the network that a script runs."""
    pieces = [piece for piece in re.split(_SEPARATORS, script) if piece.strip()]
    for index, piece in enumerate(pieces):
        if "curl" not in piece and "wget" not in piece:
            continue
        first, *following = piece.split("|")
        piped = following and re.match(_FETCHES, first) and any(re.match(_RUNS, one) for one in following)
        if not piped and not re.search(_SUBSTITUTED, piece):
            continue
        last = index + 1 == len(pieces) and not (piped and pipefail)
        message = "runs a script from the network, which may be another one next time: put it into the image"
        if last:
            message = (
                "a download that fails ends with 0 here, as if all were done: put the script into the image"
            )
        yield Finding(word.path, message, severity=Severity.WARNING if last else None)
        return


def _installed(text: str, params: Params) -> list[str]:
    """Return the first words of the command that gets packages; nothing when there is none."""
    for install in params.installs:
        if install[-3:] not in text:  # the cheapest test that nearly all pass
            continue
        program, _, order = install.partition(" ")
        if order not in text or program not in text:
            continue
        names = rf"({re.escape(program)})\s+(?:-[^\s;&|]+\s+)*({re.escape(order.strip())})\b"
        pattern = rf"(?m){_BEFORE}{names}(?P<rest>.*)"
        for match in re.finditer(pattern, text):
            if "--no-index" not in match["rest"]:
                return [match[1], match[2]]
    return []


_JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: setup
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: setup
          image: setup:1.4
          command: [bash, -c]
          args:
            - |
              {}
"""


def _job(*lines: str) -> str:
    return _JOB.format("\n              ".join(lines))


_LAST = "curl -fsSL https://example.com/setup.sh | bash"

RULE = Rule(
    id="remote-exec",
    doc=__doc__,
    severity=Severity.INFO,
    class_=Class.PRACTICE,
    params=Params(),
    check=check,
    strict=Severity.WARNING,
    graver=True,
    good=(
        Good(_job("curl -fsS https://example.com/data | gunzip | load", "wget -q https://example.com/x.csv")),
        Good(_job("curl -s https://example.com/a | python3 -m json.tool", "curl -s $URL | sh -c 'cat >x'")),
        Good(_job("curl -s https://example.com/a | python3 -c 'import sys'", "curl -f $URL && report | sh")),
        Good(_job("# curl https://example.com/a | sh", "report")),
        Good(_job("pip install --no-index --find-links /wheels report", "# apt-get install curl", "npm ci")),
        Good(_job("echo to mend it, run pip install report", "pip list", "apkadd install")),
        Good(_job("brew install report", "pip install report"), params=Params(installs=("npm install",))),
    ),
    bad=(
        Bad(_job(_LAST)),
        Bad(_job("set -e", "wget -qO- http://example.com/setup.sh \\", "  | sudo -E sh -s -- --yes")),
        Bad(_job("set -o pipefail", _LAST)),  # these are noted
        Bad(_job(_LAST, "helm install report ./report")),
        Bad(_job('sh -c "$(curl -fsSL https://example.com/setup.sh)"')),
        Bad(_job("apt-get -q update && apt-get -y install curl")),
        Bad(_job("if true; then PIP_X=1 python3 -m pip install report; fi")),
        Bad(_job("brew install report"), params=Params(installs=("brew install",))),
        Bad(
            """\
            apiVersion: batch/v1
            kind: CronJob
            metadata:
              name: report
            spec:
              schedule: "7 3 * * *"
              jobTemplate:
                spec:
                  template:
                    spec:
                      restartPolicy: Never
                      initContainers:
                        - {name: setup, image: alpine:3.22, command: [apk, add, --no-cache, curl]}
                      containers:
                        - {name: report, image: report:1.4}
            """,
        ),
    ),
)
