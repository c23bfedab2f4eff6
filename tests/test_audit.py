"""What an audit says of objects as an API server has them, without one."""

import argparse
import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

import orjson
import pytest
from reviews import JOB
from test_memory import EVERY, never, request

from lint.defaults import defaulted
from lint.document import parse
from lint.job import Job
from lint.linter import jobs
from lint.patch import patched
from lint.policy import Mode, Policy, Setting
from lint.policy_file import load
from lint.rule import Bad, Class, Good, Rule
from lint.validation.applying import LAST_APPLIED
from webhook import review
from webhook.audit.cleaning import ended_at, why_kept
from webhook.audit.command import add_arguments, run_audit
from webhook.audit.judging import changes, violations
from webhook.audit.live import Live, items, live
from webhook.audit.progress import Progress
from webhook.audit.tally import Tally
from webhook.cluster import ClusterError
from webhook.settings import UserError

MINOR = 35
CONTROLLER = {"username": "system:serviceaccount:batch:nobody"}
"""Who asks: for one of these an owner counts, as it does for an audit."""

UID = "5a0f3a1e-1111-2222-3333-444455556666"
NOW = datetime(2026, 11, 27, tzinfo=UTC)
ENDED = "2026-11-01T00:00:00Z"
LOW, GRAVE = "backoffLimit: {maximum: 2, default: 2}", "rules: {backoff-limit: {severity: error}}"
COMPLETE = {"type": "Complete", "status": "True", "lastTransitionTime": ENDED}


def stored(tree: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a Job as an API server has it: with what it has generated, beside its defaults."""
    metadata = {"uid": UID, "resourceVersion": "7", "generation": 1, "creationTimestamp": ENDED}
    tree = {**tree, "metadata": {**metadata, **tree["metadata"], **more.pop("metadata", {})}, **more}
    spec = tree.get("spec")
    if (
        tree["kind"] == "Job"
        and isinstance(spec, dict)
        and isinstance(template := spec.get("template"), dict)
    ):
        labels = {"batch.kubernetes.io/controller-uid": UID, "batch.kubernetes.io/job-name": "report"}
        of_template = template.get("metadata") or {}
        labels |= of_template.get("labels") or {}
        template = {**template, "metadata": {**of_template, "labels": labels}}
        tree["spec"] = {
            **spec,
            "template": template,
            "selector": spec.get("selector", {"matchLabels": labels}),
        }
    return {"status": {"conditions": []}, **tree}


def said(tree: dict[str, Any], policy: Policy) -> set[tuple[str, str]]:
    """Return what the webhook says of a new object: verdicts and rules."""
    asked = request(tree, userInfo=CONTROLLER)
    mutation = review.mutate(asked, policy, policy.webhook.mode, never)
    if patch := mutation.response.get("patch"):
        asked = request(patched(tree, orjson.loads(base64.b64decode(patch))), userInfo=CONTROLLER)
    validation = review.validate(asked, policy, policy.webhook.mode, never)
    told = {(verdict, rule) for rule, verdict in (*mutation.rules, *validation.rules)}
    return {one for one in told if one[0] != "noted"}


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: rule.id)
def test_it_says_what_the_webhook_says(rule: Rule[Any]) -> None:
    examples: list[Good | Bad] = [*rule.good, *rule.bad]
    for example in examples:
        policy = Policy({rule.id: Setting(rule.params if example.params is None else example.params)}, MINOR)
        off = policy.replaced(webhook=policy.webhook._replace(mode=Mode.OFF))
        for _, job in jobs(parse(dedent(example.text)), policy):
            if any(one.class_ == Class.SERVER for one in policy.check(job)):
                continue  # no API server has it
            written = {"name": "report", "namespace": "batch", **job.metadata.entries, "uid": UID}
            notes = {
                LAST_APPLIED: orjson.dumps(job.object.value).decode(),
                **(written.get("annotations") or {}),
            }
            tree = defaulted({**job.object.value, "metadata": {**written, "annotations": notes}}, MINOR)
            known = Live(tree["kind"], stored(tree), MINOR, 0).job

            told = {
                (change.what.removeprefix("newly "), change.violation.rule)
                for change in changes(known, policy, off, None, never)
            }

            assert told == said(tree, policy)
            found = [one.rule for one in violations(known, policy, never)]
            asked = request(tree, userInfo=CONTROLLER)
            assert sorted(found) == sorted(
                rule for rule, _ in review.validate(asked, policy, Mode.ENFORCE, never).rules
            )


def test_what_the_server_has_generated_is_no_finding() -> None:
    job = Live("Job", stored(JOB, metadata={"managedFields": []}), MINOR, 0).job

    assert violations(job, Policy(), never) == []


def against(new: str, old: str, **metadata: Any) -> list[tuple[str, str, str]]:
    """Return what a policy changes for a Job in which the default policy finds nothing."""
    job = Live("Job", stored(JOB, metadata=metadata), MINOR, 0).job
    found = changes(job, load(new, ""), load(old, ""), None, never)
    return [(change.what, change.violation.rule, change.message) for change in found]


def test_a_policy_that_says_the_same_changes_nothing() -> None:
    assert against("backoffLimit: {maximum: 10}", "") == []


def test_another_maximum_newly_warns_and_the_other_way_round_no_longer() -> None:
    message = "3 retries are more than the 2 that the policy allows"

    assert against(LOW, "") == [("newly warned", "backoff-limit", message)]
    assert against("", LOW) == [("no longer warned", "backoff-limit", message)]


def test_a_warning_that_becomes_a_denial_is_both() -> None:
    assert [one[0] for one in against(f"{LOW}\n{GRAVE}", LOW)] == ["newly denied", "no longer warned"]


def test_another_default_newly_patches() -> None:
    tree = stored({**JOB, "spec": {**JOB["spec"], "backoffLimit": 6}})
    job = Live("Job", tree, MINOR, 0).job

    found = changes(job, load("backoffLimit: {default: 2}", ""), Policy(), None, never)

    assert [(one.what, one.message) for one in found] == [("newly patched", "set backoffLimit: 2")]


def test_the_mode_of_a_namespace_counts_for_both_policies() -> None:
    job = Live("Job", stored(JOB), MINOR, 0).job
    new, old = load(f"{LOW}\n{GRAVE}", ""), Policy()

    told = {
        mode: [one.what for one in changes(job, new, old, mode, never)]
        for mode in (Mode.ENFORCE, Mode.WARN, Mode.AUDIT, Mode.OFF)
    }

    assert told == {
        Mode.ENFORCE: ["newly denied"], Mode.WARN: ["newly warned"], Mode.AUDIT: [], Mode.OFF: []
    }  # fmt: skip


SPEC = {key: value for key, value in JOB["spec"].items() if key != "ttlSecondsAfterFinished"}
DONE = {**stored({**JOB, "spec": SPEC}), "status": {"conditions": [COMPLETE], "completionTime": ENDED}}


def changed(*path: str, to: Any) -> Job:
    """Return a finished Job with a change."""

    def at(tree: Any, steps: tuple[str, ...]) -> Any:
        return {**(tree or {}), steps[0]: at((tree or {}).get(steps[0]), steps[1:])} if steps else to

    return Job(at(DONE, path), MINOR)


def kept(job: Job) -> str:
    """Say why a Job stays that is old enough."""
    return why_kept(job, NOW, timedelta(days=7))


def test_a_finished_job_may_go() -> None:
    assert kept(Job(DONE, MINOR)) == ""
    assert kept(changed("status", "conditions", to=[{**COMPLETE, "type": "Failed"}])) == ""


@pytest.mark.parametrize(
    ("hours", "reason"), [(167, "finished too recently"), (168, ""), (-1, "finished too recently")]
)
def test_the_age_is_that_since_the_end(hours: int, reason: str) -> None:
    ended = datetime.fromisoformat(ENDED)

    assert why_kept(Job(DONE, MINOR), ended + timedelta(hours=hours), timedelta(days=7)) == reason


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("status.conditions", [], "not finished"),
        ("status.conditions", [{**COMPLETE, "status": "False"}], "not finished"),
        ("status.conditions", [{**COMPLETE, "type": "SuccessCriteriaMet"}], "not finished"),
        ("status.conditions", [{**COMPLETE, "type": "FailureTarget"}], "not finished"),
        ("status", {}, "not finished"),
        ("spec.suspend", True, "suspended"),
        ("metadata.deletionTimestamp", ENDED, "being deleted"),
        ("metadata.ownerReferences", [{"kind": "CronJob", "name": "a", "controller": True}], "owned"),
        ("metadata.ownerReferences", [{"kind": "ConfigMap", "name": "a"}], "owned"),
        ("metadata.annotations", {"helm.sh/hook": "pre-install"}, "hooks"),
        ("metadata.annotations", {"argocd.argoproj.io/hook": "PreSync"}, "hooks"),
        ("metadata.annotations", {"argocd.argoproj.io/tracking-id": "a"}, "of GitOps or Helm"),
        ("metadata.annotations", {"argocd.argoproj.io/sync-wave": "1"}, "of GitOps or Helm"),
        ("metadata.labels", {"app.kubernetes.io/instance": "reports"}, "of GitOps or Helm"),
        ("metadata.labels", {"app.kubernetes.io/managed-by": "Helm"}, "of GitOps or Helm"),
        ("metadata.labels", {"kustomize.toolkit.fluxcd.io/name": "apps"}, "of GitOps or Helm"),
        ("metadata.managedFields", [{"manager": "argocd-controller"}], "of GitOps or Helm"),
        ("metadata.managedFields", [{"manager": "kustomize-controller"}], "of GitOps or Helm"),
        ("metadata.labels", {"kueue.x-k8s.io/queue-name": "a"}, "of a queue or another controller"),
        ("spec.managedBy", "kueue.x-k8s.io/multikueue", "of a queue or another controller"),
        ("spec.managedBy", "example.com/runner", "of a queue or another controller"),
        ("spec.ttlSecondsAfterFinished", 0, "with a TTL"),
        ("status", {"conditions": [{"type": "Complete", "status": "True"}]}, "without a time of its end"),
        ("status.active", 1, "not finished"),
        ("metadata.annotations", {"jobwarden.io/ignore": "image-tag, ttl-missing"}, "meant to stay"),
    ],
)  # fmt: skip
def test_what_stays_however_old_it_is(path: str, value: Any, reason: str) -> None:
    assert kept(changed(*path.split("."), to=value)) == reason


def test_what_is_managed_by_the_job_controller_by_name_may_go() -> None:
    assert kept(changed("spec", "managedBy", to="kubernetes.io/job-controller")) == ""


def test_a_job_ended_at_the_later_time_that_says_so() -> None:
    later = "2026-11-02T00:00:00Z"

    assert ended_at(Job(DONE, MINOR)) == datetime(2026, 11, 1, tzinfo=UTC)
    assert ended_at(changed("status", "completionTime", to=later)) == datetime(2026, 11, 2, tzinfo=UTC)
    assert ended_at(changed("status", "completionTime", to=None)) == datetime(2026, 11, 1, tzinfo=UTC)
    assert ended_at(changed("status", "conditions", to=[])) == datetime(2026, 11, 1, tzinfo=UTC)
    assert ended_at(changed("status", to={})) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7d", 604800), ("12h", 43200), ("1d12h", 129600), ("90s", 90), ("0s", 0), ("1w", 604800)],
)
def test_an_age_is_read(text: str, seconds: int) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)

    assert parser.parse_args(["--older-than", text]).older_than.total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "7", "d", "7x", "-1d", "1.5d", "7d ", "\u0667d", "999999d"])
def test_what_is_no_age_is_told(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)

    with pytest.raises(SystemExit):
        parser.parse_args([f"--older-than={text}"])
    assert f"an age is such as 7d, 12h or 1d12h, not {text!r}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        (
            {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"},
            "there is no --kubeconfig: ",
        ),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBECONFIG": "here"}, "kubeconfig here: "),
        ({"KUBECONFIG": "here"}, "kubeconfig here: "),
        ({}, "/.kube/config: "),
    ],
)
def test_it_logs_in_as_kubectl_does(
    environment: dict[str, str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": str(tmp_path), **environment}.items():
        monkeypatch.setenv(name, value)
    parser = argparse.ArgumentParser()
    add_arguments(parser)

    with pytest.raises(UserError, match=message):
        run_audit(parser.parse_args([]))


class Lists:
    """Stands for a cluster that answers with what it is given: pages, or errors."""

    minor = MINOR

    def __init__(self, **answers: Any) -> None:
        self.answers = {path: [*some] for path, some in answers.items()}
        self.asked: list[dict[str, str]] = []

    def get(self, path: str, **query: str) -> Any:
        """Return the next answer for a path."""
        self.asked.append(query)
        answer = self.answers[path.rpartition("/")[2]].pop(0)
        if isinstance(answer, ClusterError):
            raise answer
        return answer


def page(*keys: str, more: str = "", left: int = 0) -> dict[str, Any]:
    """Return a page of a list."""
    metadata = {"continue": more, "remainingItemCount": left} if more else {}
    named = [dict(zip(("namespace", "name"), key.split("/"), strict=True)) for key in keys]
    return {"metadata": metadata, "items": [{"metadata": one} for one in named]}


def read(lists: Lists, *namespaces: str) -> tuple[list[str], list[str]]:
    """Return what is read, and what went wrong."""
    errors: list[str] = []
    cluster: Any = lists
    found = live(
        cluster, ("CronJob", "Job"), namespaces, lambda place, error: errors.append(f"{place}: {error}")
    )
    return [f"{one.kind} {one.key}" for one in found], errors


def test_both_kinds_come_in_the_order_of_namespaces() -> None:
    lists = Lists(
        jobs=[page("a-b/x", "a/x", more="1", left=1), page("c/x")], cronjobs=[page("a/w", "b/x", "c/x")]
    )

    assert read(lists)[0] == ["Job a-b/x", "CronJob a/w", "Job a/x", "CronJob b/x", "CronJob c/x", "Job c/x"]


def test_a_list_that_is_forgotten_goes_on_as_the_server_says() -> None:
    expired = ClusterError("too old", 410, more="2")
    lists = Lists(
        jobs=[page("a/1", more="1"), expired, page("a/2", more="3"), page("a/3")], cronjobs=[page()]
    )

    assert read(lists) == (["Job a/1", "Job a/2", "Job a/3"], [])
    assert [query.get("continue") for query in lists.asked] == [None, None, "1", "2", "3"]


def test_a_bad_moment_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhook.audit.live._LONGEST", 0)
    busy = [ClusterError("busy", status) for status in (429, 503, 0)]
    lists = Lists(jobs=[*busy, page("a/1")], cronjobs=[page()])

    assert read(lists) == (["Job a/1"], [])


def test_a_bad_time_is_told_and_the_other_list_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhook.audit.live._LONGEST", 0)
    lists = Lists(jobs=[page("a/1", more="1"), *[ClusterError("busy", 503)] * 9], cronjobs=[page("b/1")])

    assert read(lists) == (["Job a/1", "CronJob b/1"], ["Job: busy"])


def test_who_may_not_read_one_namespace_reads_the_others() -> None:
    refused = ClusterError("no", 403)
    lists = Lists(jobs=[refused, page("b/1")], cronjobs=[refused, page("b/2")])

    assert read(lists, "b", "a", "b") == (["Job b/1", "CronJob b/2"], ["a/CronJob: no", "a/Job: no"])


def test_a_page_is_forgotten_as_it_is_read() -> None:
    lists: Any = Lists(jobs=[page("a/1", "a/2", more="1", left=7)])

    each = items(lists, "/apis/batch/v1/jobs")

    assert [next(each)[1], next(each)[1]] == [8, 7]


def test_progress_is_shown_on_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    objects = [Live("Job", stored(JOB), MINOR, left) for left in (2, 1, 0)]
    clock = iter(range(100))
    monkeypatch.setattr("webhook.audit.progress.time.monotonic", lambda: next(clock))

    assert len([*Progress().along(objects)]) == 3
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert len([*Progress().along(objects)]) == 3
    assert capsys.readouterr().err.startswith("\r1 of 3 Jobs and CronJobs\x1b[K\r2 of 3")


def test_tables_show_the_most_frequent_first_and_twenty_at_most() -> None:
    tally = Tally(("errors", "warnings", "infos"))
    for number in range(1, 23):
        for _ in range(number):
            tally.count(f"team-{number:02}", "ttl-missing", "warnings")
    tally.count("team-01", "image-tag", "errors")

    lines = [*tally.tables()]

    assert lines[:5] == [
        "rule         errors  warnings",
        "ttl-missing       0       253",
        "image-tag         1         0",
        "",
        "namespace  errors  warnings",
    ]
    assert lines[5] == "team-22         0        22"
    assert lines[-2:] == ["and 2 more; --format json has all of them", ""]
    assert tally.totals() == {"errors": 1, "warnings": 253, "infos": 0}
