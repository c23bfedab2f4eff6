"""A Job that begins suspended shows who resumes it.

A suspended Job makes no Pods, and neither its deadline nor a time to live runs: it waits until somebody sets
`suspend: false`. A queue does that, and so does whoever owns the Job; of anybody else the manifest says
nothing, and a Job that was left so by mistake fails no alert.

In a CronJob's template it holds for every Job that is made. They pile up, or with `concurrencyPolicy: Forbid`
the first keeps all others from being made, since it counts as running. (To hold back the CronJob itself, set
`suspend` in its own spec.)

A note only: programs that resume Jobs by their own marks are not known here.
"""

from collections.abc import Iterator

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity


def check(job: Job, _params: None) -> Iterator[Finding]:
    suspend, guards = job.spec.at("suspend"), job.guards
    if suspend.as_bool() is not True or guards.partial:
        return
    if guards.queue or guards.owned or guards.from_cronjob:
        return
    yield Finding(suspend.path, f"{_consequence(job)}: name the queue that does, or leave this out")


def _consequence(job: Job) -> str:
    if not job.cronjob:
        return "no Pod is made until somebody sets suspend: false"
    if job.object.at("spec", "concurrencyPolicy").as_str() == "Forbid":
        return "the first Job waits until somebody sets suspend: false, and none is made after it"
    return "each Job waits until somebody sets suspend: false"


def _job(metadata: str, *fields: str) -> str:
    lines = "\n  ".join(("backoffLimit: 2", *fields))
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
        - name: train
          image: train:3.2
"""


def _cronjob(concurrency: str, *fields: str, own: str = "false") -> str:
    lines = "\n      ".join(("backoffLimit: 2", *fields))
    return f"""\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: train
spec:
  schedule: "7 3 * * *"
  concurrencyPolicy: {concurrency}
  suspend: {own}
  jobTemplate:
    spec:
      {lines}
      template:
        spec:
          restartPolicy: Never
          containers:
            - name: train
              image: train:3.2
"""


_SUSPENDED = "suspend: true"
_OWNED = "ownerReferences: [{{apiVersion: {}, kind: {}, name: train, uid: 5a0f3a1e, controller: true}}]"

RULE = Rule(
    id="suspended-orphan",
    doc=__doc__,
    severity=Severity.INFO,
    class_=Class.PRACTICE,
    params=None,
    check=check,
    about=frozenset(("suspend",)),
    good=(
        Good(_job("name: train")),
        Good(_job("name: train", "suspend: false")),
        Good(_job("labels: {kueue.x-k8s.io/queue-name: gpu}", _SUSPENDED)),
        Good(_job(_OWNED.format("jobset.x-k8s.io/v1alpha2", "JobSet"), _SUSPENDED)),
        Good(_job(_OWNED.format("batch/v1", "CronJob"), _SUSPENDED)),
        Good(_job("name: train", _SUSPENDED, "managedBy: acme.io/queue")),
        Good(_cronjob("Forbid", own="true")),  # the CronJob itself waits
    ),
    bad=(
        Bad(_job("name: train", _SUSPENDED)),
        Bad(_cronjob("Allow", _SUSPENDED)),
        Bad(_cronjob("Forbid", _SUSPENDED)),
    ),
)
