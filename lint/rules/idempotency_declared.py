"""A Job that says its work cannot be done twice is not tried again.

The annotation `jobwarden.io/idempotent: "false"` says so of a program that sends mails or charges cards. A
retry, or a run that starts while the one before still runs, does it a second time: that contradicts what the
manifest says. (`"true"` is for a program that may be run again at any time.)

Set `backoffLimit: 0` and `restartPolicy: Never`: under OnFailure the kubelet starts the program again before
the Job can fail. Spared are Jobs that another controller owns or runs, which decides about retries, and one
whose Pod failure policy fails it on some exit codes: somebody thought of each case. Kubernetes itself may,
rarely, start a program twice in spite of all that.

A Job that says nothing is found only where the policy asks everybody to (`required`); there the annotation
`jobwarden.io/single-writer` is an answer, too.
"""

from collections.abc import Iterator
from typing import NamedTuple

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity, quoted
from lint.view import View

_IDEMPOTENT = "jobwarden.io/idempotent"
_SINGLE_WRITER = "jobwarden.io/single-writer"


class Params(NamedTuple):
    """Who has to say."""

    required: bool = False
    """Every Job says whether its work can be done twice."""


def check(job: Job, params: Params) -> Iterator[Finding]:
    said = _annotation(job, _IDEMPOTENT)
    if said is None:
        if params.required and not job.guards.partial and _annotation(job, _SINGLE_WRITER) is None:
            path = (*job.metadata.path, "annotations", _IDEMPOTENT)
            yield Finding(path, 'nothing says whether the work can be done twice: write "true" or "false"')
    elif said.value == "false":
        guards = job.guards
        if not (guards.partial or guards.owned or guards.foreign):
            yield from _again(job)
            yield from _beside(job)
    elif said.value != "true" and not said.placeholder:
        yield Finding(said.path, f'{quoted(said.value)} says nothing: write "true" or "false"')


def _annotation(job: Job, name: str) -> View | None:
    """Find an annotation on the object, on the Jobs that it makes, or on their Pods."""
    for metadata in (job.metadata, job.job_metadata, job.template.at("metadata")):
        if "annotations" in metadata.entries:
            note = metadata.at("annotations", name)
            if note.given:
                return note
    return None


def _again(job: Job) -> Iterator[Finding]:
    """Find what starts a Pod or a program again."""
    spec = job.effective.spec
    rules = list(spec.at("podFailurePolicy", "rules").items())
    if any(rule.at("action").as_str() in ("FailJob", "FailIndex") for rule in rules):
        return
    for rule in rules:
        if rule.at("action").as_str() == "Ignore":
            message = 'idempotent: "false", but Ignore starts another Pod: write FailJob'
            yield Finding(rule.at("action").path, message)
            return
    key = "backoffLimitPerIndex" if spec.at("backoffLimitPerIndex").given else "backoffLimit"
    limit = spec.at(key)
    if (limit.as_int() or 0) > 0:
        times = "by default 6" if job.spec.at(key).unset else limit.value
        message = f'idempotent: "false", but a failure is tried again {times} times: set {key}: 0'
        yield Finding(limit.path, message)
    elif job.restart_policy == "OnFailure":
        message = 'idempotent: "false", but OnFailure restarts it once before the Job fails: write Never'
        yield Finding(job.pod.at("restartPolicy").path, message)


def _beside(job: Job) -> Iterator[Finding]:
    """Find a CronJob whose runs meet."""
    policy = job.effective.object.at("spec", "concurrencyPolicy")
    if not job.cronjob or policy.value not in ("Allow", "Replace"):
        return
    what = "runs may overlap" if policy.value == "Allow" else "a run is broken off and begun again"
    yield Finding(policy.path, f'idempotent: "false", but under {policy.value} {what}: write Forbid')


def _job(said: str, *fields: str, policy: str = "Never") -> str:
    lines = "\n  ".join((*fields, "template:"))
    return f"""\
apiVersion: batch/v1
kind: Job
metadata:
  name: invoices
  annotations: {{{said}}}
spec:
  {lines}
    spec:
      restartPolicy: {policy}
      containers:
        - name: invoices
          image: invoices:1.4
"""


def _cronjob(*fields: str) -> str:
    lines = "\n  ".join(('schedule: "7 3 * * *"', *fields))
    return f"""\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: invoices
spec:
  {lines}
  jobTemplate:
    metadata:
      annotations:
        jobwarden.io/idempotent: "false"
    spec:
      backoffLimit: 0
      template:
        spec:
          restartPolicy: Never
          containers:
            - name: invoices
              image: invoices:1.4
"""


_TRUE, _FALSE = 'jobwarden.io/idempotent: "true"', 'jobwarden.io/idempotent: "false"'
_FAIL = "podFailurePolicy: {rules: [{action: FailJob, onExitCodes: {operator: NotIn, values: [75]}}]}"
_IGNORE = "podFailurePolicy: {rules: [{action: Ignore, onPodConditions: [{type: DisruptionTarget}]}]}"
_OWNED = "ownerReferences: [{apiVersion: a.io/v1, kind: Flow, name: a, uid: 5a0f3a1e, controller: true}]"
_INDEXED = ("completionMode: Indexed", "completions: 4")

RULE = Rule(
    id="idempotency-declared",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=Params(),
    check=check,
    good=(
        Good(_job("")),
        Good(_job(_TRUE, "backoffLimit: 6", policy="OnFailure")),
        Good(_job(_FALSE, "backoffLimit: 0")),
        Good(_job(_FALSE, "backoffLimit: 6", _FAIL)),
        Good(_job(_FALSE, *_INDEXED, "backoffLimitPerIndex: 0")),
        Good(_job('jobwarden.io/idempotent: "{{ again }}"')),
        Good(_job(_FALSE).replace("image: ", "env: # ")),  # a patch
        Good(_job(_FALSE, "managedBy: acme.io/queue")),
        Good(_job(_FALSE).replace("  name: invoices", f"  name: invoices\n  {_OWNED}", 1)),
        Good(_cronjob("concurrencyPolicy: Forbid")),
        Good(_job(_TRUE), params=Params(required=True)),
        Good(_job('jobwarden.io/single-writer: "true"'), params=Params(required=True)),
        Good(_job("").replace("image: ", "env: # "), params=Params(required=True)),
    ),
    bad=(
        Bad(_job(_FALSE)),
        Bad(_job(_FALSE, "backoffLimit: 1")),
        Bad(_job(_FALSE, "backoffLimit: 0", policy="OnFailure")),
        Bad(_job(_FALSE, "backoffLimit: 0", _IGNORE)),
        Bad(_job(_FALSE, *_INDEXED, "backoffLimitPerIndex: 1")),
        Bad(_job('jobwarden.io/idempotent: "no"', "backoffLimit: 0")),
        Bad(_cronjob()),
        Bad(_cronjob("concurrencyPolicy: Allow")),
        Bad(_cronjob("concurrencyPolicy: Replace")),
        Bad(_job(""), params=Params(required=True)),
    ),
)
