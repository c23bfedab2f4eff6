"""A map has each of its keys once.

kubectl keeps the last one and drops the others without a word: of two `env` lists in a container, the first
never reaches the Pod, and nothing in the cluster shows that it was ever there. Kustomize refuses the file.

Seen in the text only: what kubectl sends has every key once.
"""

from collections.abc import Iterator

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity


def check(job: Job, _params: None) -> Iterator[Finding]:
    for path in job.repeated:
        yield Finding(
            path, f"`{path[-1]}` stands more than once in this map: the last one counts, the earlier is lost"
        )


RULE = Rule(
    id="duplicate-key",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=None,
    check=check,
    good=(
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              backoffLimit: 3
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: report
                      image: report:1.4
                      env:
                        - name: REGION
                          value: eu
                        - name: CURRENCY
                          value: EUR
            """,
        ),
        Good(  # one key in two maps, and a key that overrides what a merge brings
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
                        - &base
                          name: fetch
                          image: report:1.4
                      containers:
                        - <<: *base
                          name: report
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
                      env:  # lost: REGION never reaches the container
                        - name: REGION
                          value: eu
                      args: ["--monthly"]
                      env:
                        - name: CURRENCY
                          value: EUR
            """,
            text_only=True,
        ),
        Bad(  # the same value, quoted or not
            """\
            apiVersion: batch/v1
            kind: CronJob
            metadata:
              name: report
              labels: {team: data, "team": data}
            spec:
              schedule: "7 3 * * *"
              jobTemplate:
                spec:
                  backoffLimit: 3
                  backoffLimit: 0
                  template:
                    spec:
                      restartPolicy: Never
                      containers:
                        - name: report
                          image: report:1.4
            """,
            text_only=True,
        ),
    ),
)
