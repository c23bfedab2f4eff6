"""A Job that is run again and again has a schedule, or a new name for each run.

A Job runs once. One that is called `nightly-report` needs somebody who deletes it and makes it again each
night: a CronJob does that, keeps a history, and says when it last went well. It is a note only, since a
pipeline may be that somebody. A name that ends with a date or a number is one run of many, made by something
that knows when.

The label `jobwarden.io/trigger: api` says that a program makes the Job whenever it is needed. Under a fixed
name the API server refuses the second one (409 AlreadyExists) as long as the first is there: with
`generateName` each has a name of its own. (`kubectl apply` cannot make such a Job; `kubectl create` can.)

Spared are hooks and what GitOps tools manage, which need the same name each time, queued and owned Jobs, and
Jobs of CronJobs. A Job that a cluster has already is not asked for its name.
"""

from collections.abc import Iterator
from typing import NamedTuple

from lint.edit import Remove, Set
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity

_TRIGGER = "jobwarden.io/trigger"


class Params(NamedTuple):
    """What names say."""

    words: tuple[str, ...] = (
        "hourly",
        "daily",
        "nightly",
        "weekly",
        "biweekly",
        "monthly",
        "quarterly",
        "yearly",
    )
    """Words in the name of a Job that is run again and again."""


def check(job: Job, params: Params) -> Iterator[Finding]:
    if job.cronjob:
        return
    metadata, entries = job.metadata, job.metadata.entries
    name = entries.get("name")
    if not isinstance(name, str) or entries.get("generateName") is not None:
        return
    triggered = "labels" in entries and metadata.at("labels", _TRIGGER).value == "api"
    word = None if "uid" in entries else _word(name, params)  # with a uid it is made already
    if (not triggered and word is None) or _spared(job):
        return
    path = metadata.at("name").path
    if triggered:
        message = "the API server refuses a second Job of this name: write generateName instead"
        edits = (Remove(path), Set((*metadata.path, "generateName"), f"{name}-"))
        fix = Fix(f"set generateName: {name}- instead of name", edits, safe=False)
        placeholder = metadata.at("name").placeholder
        yield Finding(path, message, None if placeholder else fix, severity=Severity.WARNING)
    elif word is not None:
        yield Finding(path, f"a Job runs once, and this one is called {word}: a CronJob runs on a schedule")


def _word(name: str, params: Params) -> str | None:
    """Return the word in the name that tells how often the Job is run."""
    parts = name.replace(".", "-").split("-")
    if parts[-1].isdigit() or "{{" in name or "${" in name:
        return None
    return next((part for part in parts if part in params.words), None)


def _spared(job: Job) -> bool:
    guards = job.guards
    managed = guards.hook or guards.gitops or guards.queue or guards.owned
    return guards.partial or managed or guards.from_cronjob


def _job(name: str, *metadata: str, kind: str = "Job") -> str:
    lines = "\n  ".join((f"name: {name}", *metadata))
    return f"""\
apiVersion: batch/v1
kind: {kind}
metadata:
  {lines}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: report
          image: report:1.4
"""


_API = "labels: {jobwarden.io/trigger: api}"
_OWNED = "ownerReferences: [{{apiVersion: {}, kind: {}, name: nightly, uid: 5a0f3a1e, controller: true}}]"
_CRONJOB = """\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: nightly-report
spec:
  schedule: "7 3 * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
            - name: report
              image: report:1.4
"""

RULE = Rule(
    id="recurring-as-cronjob",
    doc=__doc__,
    severity=Severity.INFO,
    class_=Class.PRACTICE,
    params=Params(),
    check=check,
    graver=True,
    good=(
        Good(_job("report")),
        Good(_job("dailymail")),
        Good(_job("nightly-report-20261125")),
        Good(_job('"{{ name }}-nightly"')),
        Good(_CRONJOB),
        Good(_job("nightly-report", 'annotations: {helm.sh/hook: "post-install"}')),
        Good(
            _job("nightly-report", 'annotations: {argocd.argoproj.io/tracking-id: "a:batch/Job:b/c"}', _API)
        ),
        Good(_job("nightly-report", "labels: {kueue.x-k8s.io/queue-name: gpu}")),
        Good(_job("nightly-report", _OWNED.format("argoproj.io/v1alpha1", "Workflow"))),
        Good(_job("nightly-report", _OWNED.format("batch/v1", "CronJob"))),
        Good(_job("nightly-report", "uid: 5a0f3a1e")),
        Good(_job("nightly-report").replace("image:", "command: []  #")),  # a patch
        Good(_job("report", _API).replace("name: report", "generateName: report-", 1)),
        Good(_job("nightly-report"), params=Params(words=("daily",))),
    ),
    bad=(
        Bad(_job("nightly-report")),
        Bad(_job("report.weekly")),
        Bad(_job("report-fortnightly"), params=Params(words=("fortnightly",))),
        Bad(
            _job("report", _API),
            _job("report", _API).replace("name: report", "generateName: report-", 1),
        ),
    ),
)
