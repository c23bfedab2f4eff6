"""Pods that run at the same time do not share a volume that one node can have, or one Pod.

A volume whose claim is `ReadWriteOnce` is attached to one node: Pods that land on another stay in
ContainerCreating until the first ones are done, and a Job that counts on its parallelism takes many times as
long. With `ReadWriteOncePod` a second Pod stays Pending wherever it lands. On one node alone all goes well:
it shows only in production. Runs of a CronJob that may overlap are only noted: they seldom do.

The claim is looked for in the file of the Job; one that stands elsewhere is not known, and at admission none
is. A claim may name several modes: if one of them lets many nodes in, nothing is found.
"""

from collections.abc import Iterator
from typing import Any

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity
from lint.view import View

_CLAIM = "PersistentVolumeClaim"
_SHARED = ("ReadWriteMany", "ReadOnlyMany")
_ALONE = "ReadWriteOncePod"


def check(job: Job, _params: None) -> Iterator[Finding]:
    pods = _at_a_time(job)
    overlapping = job.cronjob and job.effective.object.at("spec", "concurrencyPolicy").value == "Allow"
    if pods < 2 and not overlapping:
        return
    for volume in job.pod.at("volumes").items():
        name = volume.at("persistentVolumeClaim", "claimName")
        modes = _modes(job, name.as_str() or "")
        if not modes or not modes.isdisjoint(_SHARED):
            continue
        where = "one Pod at a time" if _ALONE in modes else "the Pods of one node"
        who = f"{pods} Pods" if pods > 1 else "runs that overlap"
        message = f"the claim {name.value} is for {where}, and {who} want it: ReadWriteMany lets all in"
        yield Finding(name.path, message, severity=None if pods > 1 else Severity.INFO)


def _at_a_time(job: Job) -> int:
    """Return how many Pods of a Job run at the same time."""
    parallelism, completions = job.spec.at("parallelism").as_int() or 1, job.spec.at("completions").as_int()
    return parallelism if completions is None else min(parallelism, completions)


def _modes(job: Job, name: str) -> set[Any]:
    """Return the access modes of a claim that stands beside the Job; none where it is not known."""
    namespace = job.metadata.at("namespace").value
    for value in job.beside(_CLAIM) if name else ():
        root = View(value)
        for tree in (root, *root.at("items").items()):
            metadata = tree.at("metadata")
            known = (tree.at("kind").value, metadata.at("name").value, metadata.at("namespace").value)
            if known == (_CLAIM, name, namespace):
                return {mode.as_str() for mode in tree.at("spec", "accessModes").items()}
    return set()


def _file(job: str, mode: str, claim: str = "results") -> str:
    return f"""\
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: PersistentVolumeClaim
    metadata: {{name: {claim}}}
    spec: {{accessModes: [{mode}], resources: {{requests: {{storage: 1Gi}}}}}}
  - apiVersion: batch/v1
{job}
"""


_TEMPLATE = """\
{margin}template:
{margin}  spec:
{margin}    restartPolicy: Never
{margin}    containers: [{{name: render, image: render:2.1}}]
{margin}    volumes: [{{name: results, persistentVolumeClaim: {{claimName: results}}}}]"""


def _job(fields: str) -> str:
    return f"""\
    kind: Job
    metadata: {{name: render}}
    spec:
      {fields}
{_TEMPLATE.format(margin="      ")}"""


def _cronjob(policy: str) -> str:
    return f"""\
    kind: CronJob
    metadata: {{name: render}}
    spec:
      schedule: "7 3 * * *"
      concurrencyPolicy: {policy}
      jobTemplate:
        spec:
{_TEMPLATE.format(margin="          ")}"""


RULE = Rule(
    id="shared-volume",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=None,
    check=check,
    about=frozenset(("volumes",)),
    good=(
        Good(_file(_job("parallelism: 4"), "ReadWriteMany")),
        Good(_file(_job("parallelism: 4"), "ReadWriteOnce, ReadWriteMany")),
        Good(_file(_job("parallelism: 1"), "ReadWriteOnce")),
        Good(_file(_job("completions: 1\n      parallelism: 4"), "ReadWriteOnce")),
        Good(_file(_job("parallelism: 4"), "ReadWriteOnce", claim="others")),  # not the one that is mounted
        Good(_file(_cronjob("Forbid"), "ReadWriteOnce")),
    ),
    bad=(
        Bad(_file(_job("parallelism: 4"), "ReadWriteOnce"), text_only=True),
        Bad(_file(_job("parallelism: 2"), "ReadWriteOncePod"), text_only=True),
        Bad(_file(_cronjob("Allow"), "ReadWriteOnce"), text_only=True),  # only noted
    ),
)
