"""Every field is one that the API server knows in its place.

`kubectl` asks the server to reject unknown fields; other clients do not, and then the field is dropped
without a word. Most often it is misspelt, or stands a level too high or too low: `restartPolicy` belongs to
the spec of the Pods, `ttlSecondsAfterFinished` and `backoffLimit` to the spec of the Job, `timeZone` to
that of the CronJob.

Its fix moves or renames the field. It is an unsafe one: where the field was dropped so far, it begins to
count.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lint.edit import Remove, Set
from lint.job import Job
from lint.path import Path, dotted
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity, refusal

if TYPE_CHECKING:
    from lint.validation.cause import Cause


def check(job: Job, _params: None) -> Iterator[Finding]:
    for cause in job.causes("misplaced-field"):
        yield _finding(job, cause)


def _finding(job: Job, cause: "Cause") -> Finding:
    """Say what is meant, if that is known."""
    from lint.validation.decode import suggestion  # of no use to a run that finds nothing
    from lint.validation.fields import known

    *place, key = cause.path
    meant = suggestion(job.kind, tuple(place), str(key), job.minor)
    if meant.since > job.minor:
        return refusal(cause, f": Kubernetes knows it from 1.{meant.since} on")
    if meant.until:
        return refusal(cause, f": Kubernetes knew it until 1.{meant.until}")
    if job.kind == "Job" and place == ["spec"] and key in known("v1.CronJobSpec", job.minor):
        return refusal(cause, ": it belongs to the spec of a CronJob, a Job runs once")
    if place == [] and key in ("name", "generateName"):
        meant = meant._replace(place=("metadata", str(key)), spelling="")
    if meant.spelling:
        target: Path = (*place, meant.spelling)
        fix = _moved(job, cause.path, target, f"rename it to {meant.spelling}")
        return refusal(cause, f": did you mean {meant.spelling}?", fix)
    if meant.place:
        fix = _moved(job, cause.path, meant.place, f"move it to {dotted(meant.place)}")
        return refusal(cause, f": it belongs to {dotted(meant.place)}", fix)
    return refusal(cause)


def _moved(job: Job, path: Path, target: Path, title: str) -> Fix | None:
    """Move a field to where nothing is yet."""
    if job.object.at(*target).given or job.object.at(*target[:-1]).value is None:
        return None
    return Fix(title, (Remove(path), Set(target, job.object.at(*path).value)), safe=False)


RULE = Rule(
    id="misplaced-field",
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
            spec:
              backoffLimit: 2
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: report
                      image: report:1.4
            """,
        ),
        Good(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              template:
                spec: {workloadRef: null, restartPolicy: Never, containers: [{name: r, image: r:1.4}]}
            """,
            minor=35,
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
              backofLimit: 2
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: report
                      image: report:1.4
            """,
            fixed="""\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              backoffLimit: 2
              template:
                spec:
                  restartPolicy: Never
                  containers:
                    - name: report
                      image: report:1.4
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              restartPolicy: Never
              template:
                spec:
                  containers:
                    - name: report
                      image: report:1.4
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
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              flavour: large
              template:
                spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}
            """,
        ),
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            name: report
            spec:
              schedule: "17 5 * * *"
              template:
                spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}
            """,
            fixed="""\
            apiVersion: batch/v1
            kind: Job
            spec:
              schedule: "17 5 * * *"
              template:
                spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}
            metadata:
              name: report
            """,
        ),
    ),
)
