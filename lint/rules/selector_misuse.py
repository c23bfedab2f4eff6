"""The selector of a Job, and the labels that it selects, are left to the API server.

Both carry a uid that the server makes; a manifest that was exported from a cluster still has those of the
Job that it was, and is rejected. With `manualSelector: true` a Job takes a selector of its own, and with it
every Pod in the namespace that the selector fits and nobody owns. An empty one fits all of them: the Job
adopts them, and deletes those that are more than its parallelism.

CronJobs take no selector. Labels of that kind in their templates are accepted, and then no run gets its
Job.
"""

from collections.abc import Iterator

from lint.edit import Edit, Remove
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity, refusal

_LABELS = (
    *("controller-uid", "job-name"),
    *("batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"),
)


def check(job: Job, _params: None) -> Iterator[Finding]:
    selector, manual = job.spec.at("selector"), job.spec.at("manualSelector")
    labels = job.template.at("metadata", "labels")
    for number, cause in enumerate(job.causes("selector-misuse")):
        made_once = number == 0 and (manual.value is not True or job.cronjob)  # it mends all
        yield refusal(cause, fix=_generated(job) if made_once else None)
    if job.cronjob:
        for key in _LABELS:
            if key in labels.entries:
                label = labels.at(key)
                message = f"the label {key} is for the server to set: no run can make its Job"
                yield Finding(label.path, message, _removed((Remove(label.path),)), class_=Class.HOLE)
    elif manual.value is True:
        if isinstance(selector.value, dict) and not any(selector.value.values()):
            message = (
                "empty: the Job adopts every Pod of the namespace that has no owner, and deletes most of them"
            )
            yield Finding(selector.path, message, class_=Class.HOLE)
        else:
            message = "true: the Job takes every Pod that its selector fits; leave it out unless it has to"
            yield Finding(manual.path, message, severity=Severity.WARNING, class_=Class.PRACTICE)


def _generated(job: Job) -> Fix | None:
    """Take away what the server generates."""
    labels, selector = job.template.at("metadata", "labels"), job.spec.at("selector")
    edits = [Remove(labels.at(key).path) for key in _LABELS if key in labels.entries]
    if not selector.missing:
        edits.append(Remove(selector.path))
    return _removed(tuple(edits)) if edits else None


def _removed(edits: tuple[Edit, ...]) -> Fix:
    """Remove them; who wrote a selector of his own may have meant another thing."""
    return Fix("remove the selector and labels that the server sets", edits, safe=False)


_JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: report
spec:
  FIELDS
  template:
    metadata:
      labels: LABELS
    spec: {restartPolicy: Never, containers: [{name: report, image: report:1.4}]}
"""


def _job(fields: str, labels: str = "{app: report}") -> str:
    """Write an example."""
    return _JOB.replace("FIELDS", fields).replace("LABELS", labels)


RULE = Rule(
    id="selector-misuse",
    doc=__doc__,
    severity=Severity.ERROR,
    class_=Class.SERVER,
    params=None,
    check=check,
    good=(Good(_job("backoffLimit: 2", "{job-name: report}")),),
    bad=(
        Bad(
            """\
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: report
            spec:
              selector:
                matchLabels:
                  batch.kubernetes.io/controller-uid: 5a0f3a1e-1111-2222-3333-444455556666
              template:
                metadata:
                  labels:
                    app: report
                    batch.kubernetes.io/controller-uid: 5a0f3a1e-1111-2222-3333-444455556666
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
              template:
                metadata:
                  labels:
                    app: report
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
            kind: CronJob
            metadata:
              name: report
            spec:
              schedule: "17 5 * * *"
              jobTemplate:
                spec:
                  template:
                    metadata:
                      labels:
                        app: report
                        controller-uid: 5a0f3a1e-1111-2222-3333-444455556666
                    spec:
                      restartPolicy: Never
                      containers:
                        - name: report
                          image: report:1.4
            """,
            fixed="""\
            apiVersion: batch/v1
            kind: CronJob
            metadata:
              name: report
            spec:
              schedule: "17 5 * * *"
              jobTemplate:
                spec:
                  template:
                    metadata:
                      labels:
                        app: report
                    spec:
                      restartPolicy: Never
                      containers:
                        - name: report
                          image: report:1.4
            """,
        ),
        Bad(_job("manualSelector: true")),
        Bad(_job("manualSelector: true\n  selector: {matchLabels: {app: report}}")),
        Bad(_job("manualSelector: true\n  selector: {}")),
        Bad(_job("manualSelector: true\n  selector: {matchLabels: {app: other}}")),
    ),
)
