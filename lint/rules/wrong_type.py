"""Every value has the type of its field: the API server cannot read the object otherwise.

A number is no text, nor the other way round: `value: 8080` among environment variables and `release: 1.10`
among labels need quotes, and `backoffLimit: "3"` has too many. A quantity is a number with a unit that
Kubernetes knows, such as 500m, 1.5 or 2Gi. The server names the first mistake alone; here are all of them.
"""

from collections.abc import Iterator

from lint.edit import Set
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity, refusal

_MENDS = (
    (" of type string", "put it in quotes"),
    (" of type int32", "write a whole number, without quotes"),
    (" of type int64", "write a whole number, without quotes"),
    (" of type bool", "write true or false, without quotes"),
    ("quantities must", "write a number with a unit such as m, Ki, Mi or Gi"),
    (" of type []", "write a list"),
)


def check(job: Job, _params: None) -> Iterator[Finding]:
    for cause in job.causes("wrong-type"):
        message, value = cause.message, job.object.at(*cause.path).value
        mend = next((f"; {mend}" for text, mend in _MENDS if text in message), "")
        fix = None
        if mend.endswith("in quotes") and type(value) is int:  # 010 and 0x8 are 8 by now: look at it
            fix = Fix(f'write "{value}"', (Set(cause.path, str(value)),), safe=False)
        yield refusal(cause, mend, fix)


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
    ),
)
