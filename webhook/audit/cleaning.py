"""Deletes finished Jobs that nobody else will: `--clean`.

A Job is deleted as it was read, or not at all (preconditions on uid and resourceVersion), and its Pods with
it. So a run can be interrupted and repeated, and several can run at once: what one has deleted, or somebody
has changed or made anew meanwhile, the others leave alone.
"""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from lint.job import Job
from lint.policy import ignored
from lint.view import View
from webhook.audit.live import Live
from webhook.audit.run import Run, numbered
from webhook.cluster import CONFLICT, NOT_FOUND, ClusterError

_MARKS = (
    *("argocd.argoproj.io/", "helm.sh/", "meta.helm.sh/"),
    *("kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/", "kapp.k14s.io/", "configsync.gke.io/"),
    "app.kubernetes.io/instance",  # by it, Argo CD knows its objects unless told otherwise, up to 2.x
)
"""How keys of labels and annotations begin that tools set on what they make again when it is gone."""

_MANAGERS = re.compile("argocd|helm|kustomize-controller|kapp|configsync|fleet")
"""What such tools call themselves in managedFields."""

_TTL = "ttl-missing"
"""The rule that whoever wants a Job to stay has it ignore."""

_GOES = {False: "would be deleted", True: "deleted"}


def clean(run: Run, age: timedelta, *, delete: bool) -> int:
    """Tell which Jobs go, delete them if they are to go now, and return the exit status."""
    now = run.cluster.now()  # the Jobs' times are of clocks beside it; ours may be anything
    done, stayed = Counter[str](), Counter[str]()
    try:
        for one in run.objects(("Job",)):
            job = Job(one.tree, run.cluster.minor)
            if reason := why_kept(job, now, age):
                stayed[reason] += 1
                continue
            outcome = _delete(run, one) if delete else _GOES[False]
            if not done:
                run.say(_row("AGE", "RESULT", "PODS", "OUTCOME", "JOB"))
            done[outcome] += 1
            run.say(_told(job, now, outcome))
    finally:  # what was done is told of an interrupted run as well
        run.say(*_closing(done, stayed, delete=delete))
    return 2 if run.problems else 0


def why_kept(job: Job, now: datetime, age: timedelta) -> str:
    """Say why a Job stays; empty if it may go."""
    guards, metadata, spec, status = job.guards, job.metadata, job.spec, job.object.at("status")
    ended = ended_at(job)
    reasons = {
        "being deleted": guards.deleting,
        "suspended": spec.at("suspend").value is True,
        "not finished": _condition(job).missing or (status.at("active").as_int() or 0) > 0,
        "owned": len(metadata.at("ownerReferences")) > 0,
        "hooks": guards.hook,
        "of GitOps or Helm": guards.gitops or _made_again(metadata),
        "of a queue or another controller": guards.queue or guards.foreign,
        "with a TTL": spec.at("ttlSecondsAfterFinished").given,
        "meant to stay": _TTL in {rule for rule, _ in ignored(job)},
        "without a time of its end": ended is None,
        "finished too recently": ended is not None and now - ended < age,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def ended_at(job: Job) -> datetime | None:
    """Return when a Job finished: the later one of the two times that say so."""
    told = _condition(job).at("lastTransitionTime"), job.object.at("status", "completionTime")
    return max((datetime.fromisoformat(time) for view in told if (time := view.as_str())), default=None)


def _condition(job: Job) -> View:
    """Return the condition by which a Job is finished: nothing else says that nothing of it runs."""
    for condition in job.object.at("status", "conditions").items():
        if condition.at("type").value in ("Complete", "Failed") and condition.at("status").value == "True":
            return condition
    return job.object.at("status", "conditions", -1)  # is missing


def _made_again(metadata: View) -> bool:
    """Tell whether a tool that makes the Job again, so that it would run again, has left a mark on it."""
    marks = (*metadata.at("labels").entries, *metadata.at("annotations").entries)
    managers = (entry.at("manager").as_str() or "" for entry in metadata.at("managedFields").items())
    return (
        metadata.at("labels", "app.kubernetes.io/managed-by").value == "Helm"
        or any(key.startswith(_MARKS) for key in marks)
        or any(_MANAGERS.match(manager) for manager in managers)
    )


def _delete(run: Run, one: Live) -> str:
    """Delete a Job if it still is as it was read, and return what became of it.

    Raises:
        ClusterError: the API server does not answer.
    """
    metadata = one.tree["metadata"]
    known = {key: metadata[key] for key in ("uid", "resourceVersion")}
    try:
        run.cluster.delete(one.path, {"preconditions": known, "propagationPolicy": "Background"})
    except ClusterError as error:
        if not error.status:
            raise
        outcomes = {NOT_FOUND: "gone already", CONFLICT: "changed since"}
        if error.status not in outcomes:
            run.failed_to(f"{one.key}: {error}")
        return outcomes.get(error.status, "refused")
    return _GOES[True]


def _row(*cells: object) -> str:
    return "{:>5}  {:8}  {:>6}  {:16}  {}".format(*cells)


def _told(job: Job, now: datetime, outcome: str) -> str:
    """Write the line of a Job."""
    status, metadata = job.object.at("status"), job.metadata.entries
    pods = sum(status.at(key).as_int() or 0 for key in ("succeeded", "failed"))
    seconds = int((now - (ended_at(job) or now)).total_seconds())
    units = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
    age = next((f"{seconds // length}{unit}" for length, unit in units if seconds >= length), "0s")
    name = f"{metadata['namespace']}/{metadata['name']}"
    return _row(age, _condition(job).at("type").value, pods, outcome, name)


def _closing(done: Counter[str], stayed: Counter[str], *, delete: bool) -> Iterator[str]:
    """Say how many Jobs went and stayed, and why."""
    told = [f"{number:,} {outcome}" for outcome, number in done.most_common()]
    yield f"{numbered(done.total() + stayed.total(), 'Job')}: {', '.join(told) or 'nothing to delete'}"
    if stayed:
        yield "left alone: " + ", ".join(f"{number:,} {reason}" for reason, number in stayed.most_common())
    if done and not delete:
        yield "nothing was deleted: --yes does it"
