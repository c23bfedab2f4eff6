"""What a container reports of its progress can be read at once.

Python keeps what a program prints until there are some thousand bytes of it, unless it writes to a terminal.
A Job that prints a line a minute shows nothing for hours, and a container that is killed, for its memory or
at its deadline, loses all that was not written: `kubectl logs` is empty where it would say how far the work
was. Set `PYTHONUNBUFFERED` in `env`, or run `python -u`.

It is a note: the image may set the variable, and the program may flush or log, which does not wait. Looked at
are commands that start with python. Spared are containers without a command, whose image decides what runs,
and with `envFrom`, which may have the variable; programs in the manifest that do not print in a loop; and
init containers, which are short.

With `terminationMessage: true` in the policy, containers also say
`terminationMessagePolicy: FallbackToLogsOnError`, which a safe fix sets: the last lines of the log of a
container that failed then stand in its status, and `kubectl describe pod` shows them, unless it wrote a
message to its file. Who may read Pods can read them, though not their logs, so it is for a policy to ask for.
A written `File` is somebody's choice.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from lint.edit import Set
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity
from lint.view import View

_VARIABLE = "PYTHONUNBUFFERED"
_PYTHON = r"(?:.*/)?python[0-9.]*"
_LOOP = r"\b(?:for|while)\b"


class Params(NamedTuple):
    """The entry `progress-logging`: what containers have to say."""

    termination_message: bool = False
    """What a failed container logged last is to stand in the status of its Pod."""


def check(job: Job, params: Params) -> Iterator[Finding]:
    buffering = [container for container in job.containers if _buffers(container)]
    if buffering and not job.guards.partial:
        edits = tuple(
            Set((*env.path, len(env)), {"name": _VARIABLE, "value": "1"})
            for container in buffering
            if (env := container.at("env")).value is not None
        )
        fix = Fix(f"set {_VARIABLE}: 1", edits, safe=False) if len(edits) == len(buffering) else None
        message = f"python holds back what it prints, and loses it when it is killed: set {_VARIABLE} in env"
        yield Finding(buffering[0].at("command", 0).path, message, fix)
    if params.termination_message and not job.guards.partial:
        yield from _silent(job)


def _silent(job: Job) -> Iterator[Finding]:
    """Find containers whose last lines nobody keeps."""
    policies = [container.at("terminationMessagePolicy") for container in job.all_containers()]
    missing = [policy.path for policy in policies if policy.missing]
    if missing:
        wanted = "FallbackToLogsOnError"
        edits = tuple(Set(path, wanted) for path in missing)
        message = f"the status of a Pod that failed does not say why: set {wanted} for its last log lines"
        yield Finding(missing[0], message, Fix(f"set terminationMessagePolicy: {wanted}", edits))


def _buffers(container: View) -> bool:
    """Tell whether a container runs Python, and nothing lets its output pass at once."""
    command = container.at("command")
    name = command.at(0).as_str()
    if not name or "python" not in name or not re.fullmatch(_PYTHON, name):
        return False
    env = container.at("env")
    if len(container.at("envFrom")) or not (env.unset or isinstance(env.value, list)):
        return False
    if any(entry.at("name").value == _VARIABLE for entry in env.items()):
        return False
    words = [word.as_str() or "" for part in (command, container.at("args")) for word in part.items()]
    return _prints(words[1:])


def _prints(words: list[str]) -> bool:
    """Tell whether Python is told to run a program that may print for long, without the option `-u`."""
    rest = iter(words)
    for word in rest:
        if word[:1] != "-":
            return bool(word)
        for place, letter in enumerate(word[1:], 2):
            if letter == "m":
                return True
            if letter == "c":
                return _loops(word[place:] or next(rest, ""))
            if letter in "WX":
                if not word[place:]:
                    next(rest, "")
                break
            if letter not in "bBdEiIOPqRsSvx":  # `-u`, or one that only says something
                return False
    return False


def _loops(program: str) -> bool:
    """Tell whether a program prints in a loop, and does not flush."""
    return "print(" in program and "flush" not in program and re.search(_LOOP, program) is not None


def _job(*fields: str, init: str = "") -> str:
    lines = "\n          ".join(("image: train:3.2", *fields))
    first = f"      initContainers:\n        - {init}\n" if init else ""
    return f"""\
apiVersion: batch/v1
kind: Job
metadata:
  name: train
spec:
  template:
    spec:
      restartPolicy: Never
{first}      containers:
        - name: train
          {lines}
"""


_UNBUFFERED = 'env:\n            - name: PYTHONUNBUFFERED\n              value: "1"'
_LOOPS = 'command: [python, -c, "for n in range(1000): print(work(n))"]'
_FALLBACK = "terminationMessagePolicy: FallbackToLogsOnError"
_INIT = "{name: fetch, image: fetch:2.0}"
_ASKED = Params(termination_message=True)

RULE = Rule(
    id="progress-logging",
    doc=__doc__,
    severity=Severity.INFO,
    class_=Class.PRACTICE,
    params=Params(),
    check=check,
    good=(
        Good(_job("command: [python, -u, train.py]")),
        Good(_job("command: [/usr/bin/python3.12, -Bu, -m, train]")),
        Good(_job("command: [python, train.py]", _UNBUFFERED)),
        Good(_job("command: [python, train.py]", "envFrom: [{configMapRef: {name: train}}]")),
        Good(_job("args: [python, train.py]")),  # of whatever the image starts
        Good(_job("command: [python-exporter, train.py]")),
        Good(_job("command: [python, --version]")),
        Good(_job("command: [python, -c, 'print(1)']")),
        Good(_job(_LOOPS.replace("))", "), flush=True)"))),
        Good(_job("command: [train]", init="{name: fetch, image: fetch:2.0, command: [python, fetch.py]}")),
        Good(_job("command: [train]", _FALLBACK), params=_ASKED),
        Good(_job("command: [train]", "terminationMessagePolicy: File"), params=_ASKED),
    ),
    bad=(
        Bad(
            _job("command: [python, train.py]"),
            fixed=_job("command: [python, train.py]", _UNBUFFERED),
        ),
        Bad(
            _job("command: [/usr/bin/python3.12]", "args: [-W, ignore, -Om, train]", "env: null"),
        ),
        Bad(_job(_LOOPS), fixed=_job(_LOOPS, _UNBUFFERED)),
        Bad(
            _job("command: [train]", init=_INIT),
            fixed=_job(_FALLBACK, "command: [train]", init=_INIT.replace("}", f", {_FALLBACK}}}")),
            params=_ASKED,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: CronJob
            metadata:
              name: train
            spec:
              schedule: "7 3 * * *"
              jobTemplate:
                spec:
                  template:
                    spec:
                      restartPolicy: OnFailure
                      containers:
                        - name: train
                          image: train:3.2
                          command: ["python3", "manage.py", "train"]
                          env:
                            - {name: EPOCHS, value: "90"}
            """,
            fixed="""\
            apiVersion: batch/v1
            kind: CronJob
            metadata:
              name: train
            spec:
              schedule: "7 3 * * *"
              jobTemplate:
                spec:
                  template:
                    spec:
                      restartPolicy: OnFailure
                      containers:
                        - name: train
                          image: train:3.2
                          command: ["python3", "manage.py", "train"]
                          env:
                            - {name: EPOCHS, value: "90"}
                            - name: PYTHONUNBUFFERED
                              value: "1"
            """,
        ),
    ),
)
