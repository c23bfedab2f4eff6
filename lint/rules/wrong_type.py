"""Every value has the type of its field: the API server cannot read the object otherwise.

A number is no text, nor the other way round: `value: 8080` among environment variables and `release: 1.10`
among labels need quotes, and `backoffLimit: "3"` has too many. A quantity is a number with a unit that
Kubernetes knows, such as 500m, 1.5 or 2Gi. The server names the first mistake alone; here are all of them.
"""

import re
from collections.abc import Iterator

from lint.edit import Set
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity, refusal

_MENDS = (
    (" of type string", "put it in quotes"),
    (" of type int32", "write a whole number"),
    (" of type int64", "write a whole number"),
    (" of type bool", "write true or false"),
    ("quantities must", "write a number with a unit such as m, Ki, Mi or Gi"),
    (" of type []", "write a list"),
)
_QUOTED = {"number": r"[+-]?[0-9]+", "false": r"(?i:true|false|yes|no|on|off)"}
"""What is text in quotes only, by the end of the mend."""

_DURATION = r"(?:([0-9]{1,6})d)?(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6})s)?"


def check(job: Job, _params: None) -> Iterator[Finding]:
    for cause in job.causes("wrong-type"):
        value = job.object.at(*cause.path).value
        mend = next((f"; {mend}" for text, mend in _MENDS if text in cause.message), "")
        fix = None
        if mend.endswith("in quotes") and type(value) is int:  # 010 and 0x8 are 8 by now: look at it
            fix = Fix(f'write "{value}"', (Set(cause.path, str(value)),), safe=False)
        if isinstance(value, str):
            mend += _of_text(mend.rpartition(" ")[2], str(cause.path[-1]), value)
        yield refusal(cause, mend, fix)


def _of_text(wanted: str, key: str, text: str) -> str:
    """Say more of what is to stand where a text does: `, without quotes` or ` of seconds: 3600`."""
    if wanted in _QUOTED and re.fullmatch(_QUOTED[wanted], text):
        return ", without quotes"
    duration = re.fullmatch(_DURATION, text)
    if wanted != "number" or not key.endswith("Seconds") or not text or duration is None:
        return ""
    days, hours, minutes, seconds = (int(part or 0) for part in duration.groups())
    return f" of seconds: {((days * 24 + hours) * 60 + minutes) * 60 + seconds}"


RULE = Rule(
    id="wrong-type",
    doc=__doc__,
    severity=Severity.ERROR,
    class_=Class.SERVER,
    params=None,
    check=check,
    about=frozenset(),
    good=(
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
              labels: {release: "1.10"}
            spec:
              backoffLimit: 2.0  # kubectl makes 2 of it
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: report
                      image: report:1.4
                      env: [{name: PORT, value: "8080"}, {name: EMPTY, value: null}]
                      resources: {requests: {cpu: 0.5, memory: 1Gi}}
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              backoffLimit: "${RETRIES}"
              template:
                spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}
            """,
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
                      image: report:1.4
                      env:
                        - name: PORT
                          value: 8080  # of the database
            """,
            fixed="""\
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
                      image: report:1.4
                      env:
                        - name: PORT
                          value: "8080"  # of the database
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: CronJob
            metadata:
              name: report
            spec:
              schedule: "17 5 * * *"
              suspend: "yes"
              jobTemplate:
                spec:
                  backoffLimit: "3"
                  template:
                    spec:
                      restartPolicy: Never
                      containers:
                        - name: report
                          image: report:1.4
                          command: run-report
                          resources: {requests: {memory: 1 GB}}
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              activeDeadlineSeconds: 1h30m
              backoffLimit: 1d
              template: {spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}}
            """,
        ),
    ),
)
