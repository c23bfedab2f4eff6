"""A Job starts Pods, and runs no fewer at a time than it says.

With `parallelism: 0` no Pod is ever made: the Job gets a start time, and is active until somebody raises the
number, or its deadline fails it. `suspend: true` is the way to have a Job wait: its clock does not run, and
it says so in its conditions.

Never more Pods run than are still to complete, so a `parallelism` greater than `completions` changes nothing:
with `completions: 1` there is one Pod, however many workers were meant. That is a note only.

Spared are Jobs that have nothing to do (`completions: 0`), and patches, which may hold a Job back on purpose.
Of the two numbers nothing is said where a queue starts the Job: it may change one of them to fit its room.
"""

from collections.abc import Iterator

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity


def check(job: Job, _params: None) -> Iterator[Finding]:
    parallelism, completions = job.spec.at("parallelism"), job.spec.at("completions").as_int()
    at_a_time = parallelism.as_int()
    if at_a_time is None or completions == 0 or job.guards.partial:
        return
    if at_a_time == 0:
        message = (
            "no Pod is made as long as this is 0: write 1 or more, or suspend: true to start the Job later"
        )
        yield Finding(parallelism.path, message)
    elif completions is not None and 0 < completions < at_a_time and not job.guards.queue:
        pods = "Pod runs" if completions == 1 else "Pods run"
        message = (
            f"no more than {completions} {pods} at a time, since completions is {completions}: write that, "
            f"or completions: {at_a_time} if there is work for so many"
        )
        yield Finding(parallelism.path, message, severity=Severity.INFO)


def _job(*fields: str, metadata: str = "name: resize") -> str:
    lines = "\n  ".join(fields)
    return f"""\
apiVersion: batch/v1
kind: Job
metadata:
  {metadata}
spec:
  {lines}
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: resize
          image: resize:2.0
"""


RULE = Rule(
    id="parallelism-sanity",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=None,
    check=check,
    about=frozenset(("parallelism", "completions")),
    good=(
        Good(_job("completions: 12", "parallelism: 3")),
        Good(_job("completions: 3", "parallelism: 3")),
        Good(_job("parallelism: 1")),
        Good(_job("parallelism: 5")),  # a work queue
        Good(_job("completions: 5")),
        Good(_job("completions: 0", "parallelism: 0")),  # nothing to do
        Good(_job("completions: 2", "parallelism: 4", metadata="labels: {kueue.x-k8s.io/queue-name: batch}")),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: resize
            spec:
              parallelism: 0  # not in this cluster
            """,
        ),
    ),
    bad=(
        Bad(_job("completions: 12", "parallelism: 0")),
        Bad(_job("parallelism: 0")),
        Bad(_job("completions: 3", "parallelism: 4")),
        Bad(_job("completions: 1", "parallelism: 10")),
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
                  parallelism: 0
                  template:
                    spec:
                      restartPolicy: Never
                      containers:
                        - name: resize
                          image: resize:2.0
            """,
        ),
    ),
)
