"""A Job without `completions` is a work queue, whose workers end only when all the work is done.

With `parallelism` alone, one success is enough: after the first Pod that ends with 0, no Pod that fails is
replaced, and the Job is Complete when the others have ended, also when all of them have failed. That is right
for workers that drain a queue, and loses work where each Pod has a share of its own. A written
`completions: null` says that it is meant.

Workers that go on until the queue is empty need no more completions than run side by side: the Pods after
those find nothing to do. Where a Pod takes one item of the queue, `completions` is the number of items.
"""

import re
from collections.abc import Iterator

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity

_DRAINS = r"--(?:until|(?:stop|exit|quit)-(?:when|on|if))-empty\b"


def check(job: Job, _params: None) -> Iterator[Finding]:
    completions, parallelism = job.spec.at("completions"), job.spec.at("parallelism").as_int() or 1
    if completions.missing:
        mode = job.spec.at("completionMode")
        if parallelism > 1 and (mode.unset or mode.value == "NonIndexed"):
            yield Finding(
                completions.path,
                f"one success of {parallelism} Pods is enough, and no Pod is replaced after it: right for "
                f"workers that drain a queue, else set completions: {parallelism}",
            )
    elif (completions.as_int() or 0) > parallelism and not job.indexed and _drains(job):
        yield Finding(
            completions.path,
            f"{completions.value} Pods must succeed, {parallelism} at a time, but the first ones leave an "
            "empty queue to the others: leave completions out",
        )


def _drains(job: Job) -> bool:
    """Tell whether a container is told to go on until its queue is empty."""
    return any(
        re.search(_DRAINS, text)
        for container in job.containers
        for key in ("command", "args")
        for item in container.at(key).items()
        if "-empty" in (text := item.as_str() or "")
    )


RULE = Rule(
    id="work-queue-shape",
    doc=__doc__,
    severity=Severity.INFO,
    class_=Class.PRACTICE,
    params=None,
    check=check,
    about=frozenset(("completions", "parallelism")),
    good=(
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: resize
            spec:
              parallelism: 5
              completions: 5
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: worker
                      image: worker:2.1
                      args: ["--until-empty"]
            """,
        ),
        Good(  # meant
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: resize
            spec:
              parallelism: 5
              completions: null  # the queue says when the work is done
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: worker
                      image: worker:2.1
            """,
        ),
        Good(  # one work item for each Pod
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: resize
            spec:
              parallelism: 2
              completions: 8
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: queue-worker
                      image: worker:2.1
                      env:
                        - name: QUEUE_URL
                          value: amqp://queue:5672
            """,
        ),
        Good(  # one Pod
            """\
            apiVersion: batch/v1
            kind: CronJob
            metadata:
              name: resize
            spec:
              schedule: "7 3 * * *"
              jobTemplate:
                spec:
                  parallelism: 1
                  template:
                    spec:
                      restartPolicy: Never
                      containers:
                        - name: worker
                          image: worker:2.1
            """,
        ),
    ),
    bad=(
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: resize
            spec:
              parallelism: 5
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: worker
                      image: worker:2.1
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: CronJob
            metadata:
              name: resize
            spec:
              schedule: "7 3 * * *"
              jobTemplate:
                spec:
                  parallelism: 2
                  completionMode: NonIndexed
                  template:
                    spec:
                      restartPolicy: Never
                      containers:
                        - name: worker
                          image: worker:2.1
            """,
        ),
        Bad(  # six Pods, and the last three find an empty queue
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: resize
            spec:
              parallelism: 3
              completions: 6
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: worker
                      image: worker:2.1
                      command: ["sh", "-c", "php artisan queue:work --stop-when-empty"]
            """,
        ),
    ),
)
