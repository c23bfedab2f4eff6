"""Labels, annotations, owners and finalizers are such as the API server takes.

Keys are names with an optional domain in front; values of labels have up to 63 characters out of letters,
digits, `-`, `_` and `.`, and annotations have 256 KiB together. Nobody checks those that a CronJob has for
its Jobs: they are accepted, and then no run gets its Job.
"""

from collections.abc import Iterator

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity, rejected
from lint.view import View


def check(job: Job, _params: None) -> Iterator[Finding]:
    yield from rejected(job, "metadata-invalid")
    metadata = job.job_metadata
    if not job.cronjob or job.guards.partial or not len(metadata):
        return
    from lint.validation.metadata import annotations  # a run without Jobs needs none of it
    from lint.validation.selectors import labels

    written = metadata.entries
    causes = [*labels(written, "labels", metadata.path)]
    if isinstance(written.get("annotations"), dict):
        causes += annotations(written, metadata.path, "")
    for cause in causes:
        if not _unknown(job.object.at(*cause.path)):
            yield Finding(cause.path, f"no run can make its Job: {cause.message}", class_=Class.HOLE)


def _unknown(place: View) -> bool:
    return any(view.placeholder for view in place.all())


_JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: report
  FIELD
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}
"""

_CRONJOB = """\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: report
spec:
  schedule: "17 5 * * *"
  jobTemplate:
    metadata:
      FIELD
    spec:
      template:
        spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}
"""

RULE = Rule(
    id="metadata-invalid",
    doc=__doc__,
    severity=Severity.ERROR,
    class_=Class.SERVER,
    params=None,
    check=check,
    about=frozenset(("jobTemplate",)),
    good=(
        Good(_JOB.replace("FIELD", 'labels: {app.kubernetes.io/name: report, empty: ""}')),
        Good(_JOB.replace("FIELD", 'annotations: {example.com/note: "anything at all: 100 %"}')),
        Good(_JOB.replace("FIELD", 'labels: {release: "{{ .Release.Name }}"}')),
        Good(_CRONJOB.replace("FIELD", "labels: {app: report}")),
        Good(_CRONJOB.replace("FIELD", 'labels: {app: "${APP}"}')),
    ),
    bad=(
        Bad(_JOB.replace("FIELD", "labels: {app: the report}")),
        Bad(_JOB.replace("FIELD", "annotations: {example.com/a/note: one slash at most}")),
        Bad(_JOB.replace("FIELD", "finalizers: [report]")),
        Bad(_CRONJOB.replace("FIELD", "labels: {app: the report}")),
        Bad(_CRONJOB.replace("FIELD", 'annotations: {"a b": c}')),
    ),
)
