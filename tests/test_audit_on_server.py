"""What an audit says of the objects in a real API server, what it writes there, and what it deletes."""

import argparse
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote

import pytest
from batch import folders, manifests
from reviews import JOB
from test_memory import never

from lint.job import Job
from lint.policy import Policy
from webhook.audit.command import add_arguments, run_audit
from webhook.audit.judging import violations
from webhook.audit.live import Live, live
from webhook.audit.reports import RESULTS, TRUNCATED
from webhook.cluster import MODE_LABEL, Cluster, ClusterError
from webhook.settings import UserError

if TYPE_CHECKING:
    from apiserver import ApiServer

pytest_plugins = ["apiserver"]

SPEC = {key: value for key, value in JOB["spec"].items() if key != "ttlSecondsAfterFinished"}
"""In which only the missing TTL is found."""

POD = JOB["spec"]["template"]
CRON_JOB = {"schedule": "7 3 * * *", "jobTemplate": {"spec": JOB["spec"]}}
LOW = "backoffLimit: {maximum: 2, default: 2}\n"
GRAVE = "rules: {backoff-limit: {severity: error}}\n"
APPLY = "application/apply-patch+yaml"
NOW = datetime.now(UTC)
ROOT = Path(__file__).parents[1]

Audit: TypeAlias = Callable[..., tuple[int, str, str]]
"""Runs an audit with flags, and returns its exit status, output and error output."""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be where no policy file is found."""
    monkeypatch.chdir(tmp_path)


def audited(server: "ApiServer", *flags: str) -> int:
    """Run an audit, and return its exit status."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run_audit(parser.parse_args(["--kubeconfig", str(server.kubeconfig), *flags]))


@pytest.fixture
def audit(apiserver: "ApiServer", capsys: pytest.CaptureFixture[str]) -> Audit:
    """Run an audit."""

    def run(*flags: str) -> tuple[int, str, str]:
        return audited(apiserver, *flags), *capsys.readouterr()

    return run


@pytest.fixture
def refused(audit: Audit) -> Callable[..., str]:
    """Run an audit that cannot be."""

    def run(*flags: str) -> str:
        with pytest.raises(UserError) as raised:
            audit(*flags)
        return str(raised.value)

    return run


def path_of(namespace: str, name: str = "", resource: str = "jobs", *, api: str = "/apis/batch/v1") -> str:
    """Return the path of objects, or of one."""
    return f"{api}/namespaces/{namespace}/{resource}" + (f"/{name}" if name else "")


def create(server: "ApiServer", namespace: str, name: str, spec: Any = SPEC, **metadata: Any) -> Any:
    """Make a Job, or a CronJob if the spec has a schedule, and return it."""
    resource = "cronjobs" if "schedule" in spec else "jobs"
    body = {"metadata": {"name": name, **metadata}, "spec": spec}
    answer = server.request("POST", path_of(namespace, resource=resource), body)
    assert answer.status == 201, answer
    return answer.body


def finish(server: "ApiServer", job: Any, ago: timedelta, kind: str = "Complete") -> Any:
    """Write what the controller writes when a Job has finished."""
    ended = (NOW - ago).strftime("%Y-%m-%dT%H:%M:%SZ")
    criterion = "SuccessCriteriaMet" if kind == "Complete" else "FailureTarget"
    conditions = [{"type": one, "status": "True", "lastTransitionTime": ended} for one in (criterion, kind)]
    status: dict[str, Any] = {"startTime": ended, "conditions": conditions}
    status |= {"succeeded": 1, "completionTime": ended} if kind == "Complete" else {"failed": 1}
    metadata = job["metadata"]
    path = path_of(metadata["namespace"], metadata["name"]) + "/status"
    answer = server.request("PATCH", path, {"status": status})
    assert answer.status == 200, answer
    return answer.body


def names(server: "ApiServer", namespace: str) -> list[str]:
    """Return the names of the Jobs that are there and not being deleted."""
    listed = server.request("GET", path_of(namespace)).body["items"]
    return [one["metadata"]["name"] for one in listed if "deletionTimestamp" not in one["metadata"]]


def test_findings_are_told_by_object_then_by_rule_and_namespace(apiserver: "ApiServer", audit: Audit) -> None:
    one, other = sorted((apiserver.namespace(), apiserver.namespace()))
    create(apiserver, one, "report")
    create(apiserver, one, "tidy", JOB["spec"])
    create(apiserver, other, "report")
    create(apiserver, other, "nightly", CRON_JOB)
    message = "the Job and its Pods stay in the cluster for ever after they finish"
    told = f"warning[ttl-missing] spec.ttlSecondsAfterFinished: {message}"

    text, concise, summary = (
        audit("-n", one, "-n", other, "--format", name) for name in ("text", "concise", "summary")
    )

    numbers = (
        f"rule         warnings\nttl-missing         2\n\nnamespace   warnings\n{one}         1\n{other}"
    )
    found = [f"{each}/Job/report: {told}" for each in (one, other)]
    fix = "  fix: set ttlSecondsAfterFinished: 86400"
    assert text[0] == 1
    assert text[1].startswith(f"{found[0]}\n{fix}\n{found[1]}\n{fix}\n\n{numbers}         1\n\n2 warnings")
    assert concise[1].splitlines()[:2] == found
    assert summary[1] == f"{numbers}         1\n\n2 warnings; read 3 Jobs, 1 CronJob\n"
    assert [each[2] for each in (text, concise, summary)] == ["", "", ""]


def test_json_has_what_the_linter_has_but_for_lines(apiserver: "ApiServer", audit: Audit) -> None:
    name = apiserver.namespace()
    create(apiserver, name, "report")

    status, out, _ = audit("-n", name, "--format", "json")

    document = json.loads(out)
    assert status == 1
    assert {key: value for key, value in document.items() if key != "findings"} == {
        "version": 1,
        "counts": [{"namespace": name, "rule": "ttl-missing", "errors": 0, "warnings": 1, "infos": 0}],
        "summary": {"jobs": 1, "cronjobs": 0, "children": 0, "errors": 0, "warnings": 1, "infos": 0},
        "complete": True,
        "problems": [],
    }
    [finding] = document["findings"]
    assert finding["object"] == {"kind": "Job", "namespace": name, "name": "report"}
    assert finding["fix"]["edits"] == [{"op": "set", "path": "spec.ttlSecondsAfterFinished", "value": 86400}]
    assert not {"file", "line"} & finding.keys()


def test_nothing_found_is_json_as_well(apiserver: "ApiServer", audit: Audit) -> None:
    status, out, _ = audit("-n", apiserver.namespace(), "--format", "json")

    assert (status, json.loads(out)["findings"]) == (0, [])


def test_the_status_says_whether_something_is_found(apiserver: "ApiServer", audit: Audit) -> None:
    name = apiserver.namespace()
    create(apiserver, name, "report")

    assert audit("-n", name)[0] == 1
    assert audit("-n", name, "--fail-on", "error")[0] == 0
    assert audit("-n", name, "--ignore", "ttl-missing")[0] == 0
    assert audit("-n", name, "--select", "image-tag")[1] == "no findings; read 1 Job, 0 CronJobs\n"
    assert audit("-n", name, "--show", "error", "--format", "concise")[:2] == (
        1, "no findings; read 1 Job, 0 CronJobs\n"
    )  # fmt: skip


def test_a_rule_that_fails_is_a_bug_and_told_once(
    apiserver: "ApiServer", audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_job: object, _policy: object, failed: Callable[[str, Exception], None]) -> list[object]:
        failed("image-tag", ValueError("of ours"))
        return []

    name = apiserver.namespace()
    for each in ("one", "two"):
        create(apiserver, name, each)
    monkeypatch.setattr("webhook.audit.findings.violations", fail)

    status, out, err = audit("-n", name)

    assert (status, out) == (3, "no findings; read 2 Jobs, 0 CronJobs\n")
    assert err.count("the rule image-tag failed\njobwarden: a bug of Jobwarden") == 1


def test_jobs_of_cronjobs_are_told_at_their_cronjob(apiserver: "ApiServer", audit: Audit) -> None:
    name = apiserver.namespace()
    spec = {**CRON_JOB, "jobTemplate": {"spec": {**SPEC, "backoffLimit": 50}}}
    parent = create(apiserver, name, "nightly", spec)
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": parent["metadata"]["uid"]}
    child = {**SPEC, "backoffLimit": 50}
    for number in range(3):
        create(apiserver, name, f"nightly-{number}", child, ownerReferences=[{**owner, "controller": True}])

    _, out, _ = audit("-n", name, "--format", "concise")

    [finding, closing] = out.splitlines()
    assert finding.startswith(f"{name}/CronJob/nightly: warning[backoff-limit]")
    assert closing == "1 warning; read 0 Jobs, 1 CronJob, 3 Jobs of CronJobs"


def test_what_was_applied_tells_what_was_written(apiserver: "ApiServer", audit: Audit) -> None:
    name = apiserver.namespace()
    spec = {key: value for key, value in JOB["spec"].items() if key != "backoffLimit"}
    for each, chosen in (("left-out", {}), ("chosen", {"backoffLimit": 6})):
        tree = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": each}, "spec": spec | chosen}
        done = apiserver.kubectl("apply", "-n", name, "-f", "-", stdin=json.dumps(tree))
        assert done.returncode == 0, done.stderr

    _, out, _ = audit("-n", name, "--format", "concise")

    assert [line.partition(" ")[0] for line in out.splitlines()[:-1]] == [f"{name}/Job/left-out:"]


def test_of_what_was_applied_the_linter_says_the_same(apiserver: "ApiServer", tmp_path: Path) -> None:
    namespace, compared = apiserver.namespace(), 0
    examples, *_, room = folders(tmp_path)
    for manifest in manifests([examples, room]):
        name, kind = (manifest.tree.get("metadata") or {}).get("name"), manifest.tree["kind"]
        if name is None or "null" in json.dumps(manifest.tree):
            continue  # of a null that was applied, nothing is left
        tree = {**manifest.tree, "metadata": {**manifest.tree["metadata"], "namespace": namespace}}
        job = Job(tree, apiserver.minor)
        if job.rejected or job.lost:
            continue  # the API server has none of it, or not all
        path = path_of(namespace, quote(name, ""), f"{kind.lower()}s")
        answer = apiserver.request("PATCH", path, tree, content=APPLY, fieldManager="somebody")
        if answer.status != 201:
            continue  # it has placeholders
        apiserver.request("DELETE", path, {"propagationPolicy": "Background"})

        said = found(Live(kind, answer.body, apiserver.minor, 0).job)

        assert said == found(job), manifest.file
        compared += 1
    assert compared > 500


def found(job: Job) -> list[tuple[str, str]]:
    """Return the rules and places of what is found, but for what is of use only before a Job is made."""
    every = violations(job, Policy(minor=job.minor), never)
    return [(one.rule, one.place) for one in every if one.rule != "recurring-as-cronjob"]


def test_annotations_silence_rules(apiserver: "ApiServer", audit: Audit) -> None:
    name = apiserver.namespace()
    create(apiserver, name, "report", annotations={"jobwarden.io/ignore": "ttl-missing"})

    assert audit("-n", name)[1] == "no findings; read 1 Job, 0 CronJobs\n"


@pytest.fixture
def forgetful(tmp_path: Path) -> Iterator["ApiServer"]:
    """Run an API server that reads lists from etcd, which forgets them when it is told to."""
    from apiserver import WITHOUT_ACCOUNTS, needed, serving

    assets = needed(Path(os.environ.get("KUBEBUILDER_ASSETS", "")))
    with serving(assets, tmp_path / "server", WITHOUT_ACCOUNTS, "--watch-cache=false") as server:
        yield server


def compact(server: "ApiServer") -> None:
    """Have etcd forget all but what is there now."""
    flags: Any = server.processes["etcd"].args
    url = next(flag.partition("=")[2] for flag in flags if flag.startswith("--listen-client-urls="))
    revision = server.request("GET", "/api/v1/namespaces").body["metadata"]["resourceVersion"]
    body = json.dumps({"revision": revision, "physical": True}).encode()
    with closing(http.client.HTTPConnection(url.removeprefix("http://"))) as connection:
        connection.request("POST", "/v3/kv/compaction", body)
        assert connection.getresponse().status == 200


def test_a_list_that_expires_is_read_to_its_end(
    forgetful: "ApiServer", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhook.audit.live.PAGE", 5)
    expected = [f"report-{number:02}" for number in range(12)]
    for name in expected:
        create(forgetful, "default", name)
    cluster = Cluster.connect(str(forgetful.kubeconfig))
    statuses, errors, found = list[int](), list[ClusterError](), list[str]()
    meanwhile = {"report-02": ("report-00-new", "report-06-new"), "report-07": ("report-10-new",)}
    get = cluster.get

    def watched(path: str, **query: str) -> Any:
        try:
            return get(path, **query)
        except ClusterError as error:
            statuses.append(error.status)
            raise

    monkeypatch.setattr(cluster, "get", watched)
    for one in live(cluster, ("Job",), (), lambda _, error: errors.append(error)):
        found.append(one.name)
        for new in meanwhile.get(one.name, ()):
            create(forgetful, "default", new)
            compact(forgetful)

    assert found == sorted([*expected, "report-06-new", "report-10-new"])
    assert errors == []
    assert statuses == [410, 410]


def test_six_hundred_jobs_are_each_read_once(
    apiserver: "ApiServer", audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhook.audit.live.PAGE", 50)
    name = apiserver.namespace()
    for number in range(600):
        create(apiserver, name, f"report-{number:03}")

    status, out, _ = audit("-n", name, "--format", "json")

    document = json.loads(out)
    assert status == 1
    assert document["summary"]["jobs"] == 600
    assert [one["object"]["name"] for one in document["findings"]] == [f"report-{n:03}" for n in range(600)]


def permit(server: "ApiServer", namespace: str, user: str = "alice") -> None:
    """Let a user read the Jobs and CronJobs of a namespace."""
    verbs = ("--verb=list", "--resource=jobs.batch,cronjobs.batch")
    for arguments in (
        ("role", "audit", *verbs),
        ("rolebinding", "audit", "--role=audit", f"--user={user}"),
    ):
        done = server.kubectl("create", "-n", namespace, *arguments)
        assert done.returncode == 0, done.stderr


def test_who_may_not_read_all_is_told_what_it_takes(audit: Audit) -> None:
    status, out, err = audit("--context", "alice")

    assert status == 2
    assert 'User "alice" cannot list resource "jobs" in API group "batch" at the cluster scope' in err
    assert "takes a ClusterRole that may list jobs and cronjobs of the group batch" in err
    assert err.count("ClusterRole") == 1
    assert out == "no findings; read 0 Jobs, 0 CronJobs\n"


def test_who_may_read_one_namespace_names_it(apiserver: "ApiServer", audit: Audit) -> None:
    mine, other = apiserver.namespace(), apiserver.namespace()
    permit(apiserver, mine)
    create(apiserver, mine, "report")

    assert audit("--context", "alice", "-n", mine)[0] == 1
    status, out, err = audit("--context", "alice", "-n", mine, "-n", other, "--format", "json")

    document = json.loads(out)
    assert (status, document["complete"], len(document["findings"])) == (2, False, 1)
    assert [f'in the namespace "{other}"' in problem for problem in document["problems"]] == [True, True]
    assert other in err


def test_a_namespace_that_is_not_there_is_told(refused: Callable[..., str]) -> None:
    assert refused("-n", "nowhere") == "there is no namespace 'nowhere': `kubectl get namespaces` lists them"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--yes",), "--older-than and --yes say what --clean does"),
        (("--clean",), "--clean takes an --older-than"),
        (
            ("--clean", "--older-than", "1d", "--policy", "a", "--fail-on", "error"),
            "out --policy and --fail-on",
        ),
        (("--clean", "--older-than", "1d", "--format", "json"), "--clean has a table"),
        (("--reports", "--against", "a"), "leave one of them out"),
        (("--policy", "nowhere.yaml"), "nowhere.yaml: no such file"),
        (("--select", "ttl-mising"), "did you mean ttl-missing?"),
        (("--kubeconfig", "nowhere"), "kubeconfig nowhere: Invalid kube-config file"),
    ],
)
def test_what_does_not_go_together_is_told(
    refused: Callable[..., str], flags: tuple[str, ...], message: str
) -> None:
    assert message in refused(*flags)


def test_a_reader_that_goes_away_is_no_bug(apiserver: "ApiServer") -> None:
    name = apiserver.namespace()
    create(apiserver, name, "report")
    command = [sys.executable, "-m", "webhook", "audit", "-n", name, "--format", "json"]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command, stdout=writer, stderr=subprocess.PIPE, env=environment(apiserver), check=False
    )
    os.close(writer)

    assert (done.returncode, done.stderr) == (141, b"")


def environment(server: "ApiServer") -> dict[str, str]:
    """Return what a command needs to find the server by itself, and the code."""
    return {"PATH": os.environ["PATH"], "KUBECONFIG": str(server.kubeconfig), "PYTHONPATH": str(ROOT)}


def policies(folder: Path, new: str, old: str) -> tuple[str, ...]:
    """Write two policies, and return the flags to compare them."""
    for name, text in (("new", new), ("old", old)):
        (folder / f"{name}.yaml").write_text(text)
    return "--policy", str(folder / "new.yaml"), "--against", str(folder / "old.yaml")


def test_another_policy_tells_what_it_changes(apiserver: "ApiServer", audit: Audit, tmp_path: Path) -> None:
    name = apiserver.namespace()
    create(apiserver, name, "report", JOB["spec"])
    create(apiserver, name, "tidy", {**JOB["spec"], "backoffLimit": 1})
    message = "spec.backoffLimit: 3 retries are more than the 2 that the policy allows"

    status, out, err = audit("-n", name, *policies(tmp_path, LOW + GRAVE, LOW))

    assert (status, err) == (1, "")
    assert out.splitlines() == [
        f"{name}/Job/report: newly denied: backoff-limit: {message}",
        f"{name}/Job/report: no longer warned: backoff-limit: {message}",
        "",
        "rule           newly denied  no longer warned",
        "backoff-limit             1                 1",
        "",
        "namespace   newly denied  no longer warned",
        f"{name}             1                 1",
        "",
        "1 newly denied, 1 no longer warned; read 2 Jobs, 0 CronJobs",
    ]


def test_only_what_is_newly_denied_fails_unless_warnings_shall(
    apiserver: "ApiServer", audit: Audit, tmp_path: Path
) -> None:
    name = apiserver.namespace()
    create(apiserver, name, "report", JOB["spec"])
    flags = ("-n", name, *policies(tmp_path, LOW, ""), "--format", "concise")
    closing = "1 newly warned; read 1 Job, 0 CronJobs"

    assert [audit(*flags, *more)[0] for more in ((), ("--fail-on", "warning"))] == [0, 1]
    assert audit(*flags)[1].splitlines()[-1] == closing
    assert audit("-n", name, *policies(tmp_path, "", ""))[1] == "nothing changes; read 1 Job, 0 CronJobs\n"


def test_labels_of_namespaces_say_how_far_policies_go(
    apiserver: "ApiServer", audit: Audit, tmp_path: Path
) -> None:
    spaces = {mode: apiserver.namespace(**{MODE_LABEL: mode}) for mode in ("warn", "audit", "odd")}
    for space in spaces.values():
        create(apiserver, space, "report", JOB["spec"])
    named = [flag for space in spaces.values() for flag in ("-n", space)]

    _, out, _ = audit(*named, *policies(tmp_path, LOW + GRAVE, ""), "--format", "json")

    told = {one["object"]["namespace"]: one["change"] for one in json.loads(out)["changes"]}
    assert told == {spaces["warn"]: "newly warned", spaces["odd"]: "newly denied"}


def test_who_may_not_read_labels_is_told(apiserver: "ApiServer", audit: Audit, tmp_path: Path) -> None:
    name = apiserver.namespace(**{MODE_LABEL: "off"})
    permit(apiserver, name)
    create(apiserver, name, "report", JOB["spec"])

    status, _, err = audit("--context", "alice", "-n", name, *policies(tmp_path, LOW + GRAVE, ""))

    assert status == 1
    assert f"all namespaces are taken for ones without the label {MODE_LABEL}: the API server refuses" in err


REPORTS = {"openreports.io": ("v1alpha1", "Report"), "wgpolicyk8s.io": ("v1alpha2", "PolicyReport")}


def schema() -> dict[str, Any]:
    """Return what a report is made of, by the types of openreports.io; what is not in it is refused."""
    text: dict[str, Any] = {"type": "string"}
    counts = {name: {"type": "integer"} for name in ("pass", "fail", "warn", "error", "skip")}
    reference = dict.fromkeys(("apiVersion", "kind", "namespace", "name", "uid"), text)
    result = {
        **dict.fromkeys(("source", "policy", "rule", "category", "message"), text),
        "result": {**text, "enum": [*counts]},
        "severity": {**text, "enum": ["critical", "high", "low", "medium", "info"]},
        "resources": {"type": "array", "items": {"type": "object", "properties": reference}},
        "properties": {"type": "object", "additionalProperties": text},
    }
    results = {"type": "object", "required": ["policy"], "properties": result}
    properties = {
        "summary": {"type": "object", "properties": counts},
        "results": {"type": "array", "items": results},
    }
    return {"type": "object", "properties": properties}


@contextmanager
def defined(server: "ApiServer", group: str) -> Iterator[None]:
    """Define a kind of report until the block ends."""
    version, kind = REPORTS[group]
    plural = f"{kind.lower()}s"
    names = {"kind": kind, "plural": plural, "singular": kind.lower()}
    served = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema()}}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [served]}
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    answer = server.request("POST", path, {"metadata": {"name": f"{plural}.{group}"}, "spec": spec})
    assert answer.status == 201, answer
    known = f"/apis/{group}/{version}"
    server.wait("a kind", lambda: server.request("GET", f"{known}/{plural}").status == 200)
    server.wait("its discovery", lambda: server.request("GET", known).status == 200)
    try:
        yield
    finally:
        server.request("DELETE", f"{path}/{plural}.{group}")
        server.wait("its end", lambda: server.request("GET", known).status == 404)


def reports(server: "ApiServer", group: str) -> dict[str, Any]:
    """Return all reports by namespace."""
    version, kind = REPORTS[group]
    listed = server.request("GET", f"/apis/{group}/{version}/{kind.lower()}s").body["items"]
    return {one["metadata"]["namespace"]: one for one in listed}


def test_without_their_definition_no_reports_are_written(refused: Callable[..., str]) -> None:
    message = refused("--reports")

    assert "install the CustomResourceDefinition of Report (openreports.io/v1alpha1)" in message


@pytest.mark.parametrize("group", REPORTS)
def test_a_report_for_each_namespace_is_kept_up_to_date(
    apiserver: "ApiServer", audit: Audit, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhook.audit.reports.RESULTS", 3)
    large, small, empty = (apiserver.namespace() for _ in range(3))
    for number in range(4):
        create(apiserver, large, f"report-{number}")
    uid = create(apiserver, large, "worst", {**SPEC, "backoffLimit": 50})["metadata"]["uid"]
    create(apiserver, small, "tidy", JOB["spec"])
    with defined(apiserver, group):
        flags = [flag for one in (large, small, empty) for flag in ("-n", one)]
        status, _, err = audit(*flags, "--reports", "--policy", policy(GRAVE))
        first = reports(apiserver, group)
        audit(*flags, "--reports", "--policy", policy(GRAVE))
        again = reports(apiserver, group)
        apiserver.request("DELETE", path_of(small, "tidy"), {"propagationPolicy": "Background"})
        audit(*flags, "--reports")
        last = reports(apiserver, group)

    assert (status, err, {*first}, {*last}) == (1, "", {large, small}, {large})
    assert first[small]["summary"] == {"pass": 1, "fail": 0, "warn": 0, "error": 0, "skip": 0}
    report = first[large]
    assert report["summary"] == {"pass": 0, "fail": 1, "warn": 5, "error": 0, "skip": 0}
    assert report["metadata"]["annotations"] == {TRUNCATED: "3"}
    assert [one["rule"] for one in report["results"]] == ["backoff-limit", "ttl-missing", "ttl-missing"]
    assert report["results"][0] == {
        "source": "jobwarden",
        "policy": "jobwarden",
        "rule": "backoff-limit",
        "category": "practice",
        "result": "fail",
        "severity": "high",
        "message": "spec.backoffLimit: 50 retries are more than the 10 that the policy allows",
        "resources": [
            {"apiVersion": "batch/v1", "kind": "Job", "namespace": large, "name": "worst", "uid": uid}
        ],
    }
    versions = [{one["metadata"]["resourceVersion"] for one in each.values()} for each in (first, again)]
    assert versions[0] == versions[1]
    assert last[large]["metadata"]["resourceVersion"] not in versions[0]


def policy(text: str) -> str:
    """Write a policy where the test runs, and return its path."""
    Path("policy.yaml").write_text(text)
    return "policy.yaml"


def test_reports_fit_into_an_object(apiserver: "ApiServer", audit: Audit) -> None:
    name = apiserver.namespace()
    containers = [{"name": f"{'x' * 60}-{n}", "image": f"{'r' * 200}/{'r' * 900}:1"} for n in range(9)]
    spec = {**SPEC, "template": {"spec": {"restartPolicy": "Never", "containers": containers}}}
    for number in range(8):
        create(apiserver, name, f"{'report' * 9}-{number}", spec)
    with defined(apiserver, "openreports.io"):
        audit("-n", name, "--reports")
        report = reports(apiserver, "openreports.io")[name]

    largest = max(len(json.dumps(one)) for one in report["results"])
    assert RESULTS * largest < 1_000_000
    assert len(report["results"]) > 50


def test_nothing_is_reported_once_something_could_not_be_read(
    apiserver: "ApiServer", audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = apiserver.namespace()
    create(apiserver, name, "report")
    with defined(apiserver, "openreports.io"):
        audit("-n", name, "--reports")
        before = reports(apiserver, "openreports.io")
        create(apiserver, name, "report-2")
        monkeypatch.setattr("webhook.audit.live._TRIES", 1)
        monkeypatch.setattr("webhook.audit.live._RESOURCES", {"Job": "jobs", "CronJob": "nothing"})
        status, _, _ = audit("-n", name, "--reports")

        assert status == 2
        assert reports(apiserver, "openreports.io") == before


DAY = timedelta(days=1)


def test_clean_lists_what_is_old_and_deletes_it_when_told_to(apiserver: "ApiServer", audit: Audit) -> None:
    name = apiserver.namespace()
    finish(apiserver, create(apiserver, name, "old"), 30 * DAY)
    finish(apiserver, create(apiserver, name, "old-failed"), 8 * DAY, "Failed")
    finish(apiserver, create(apiserver, name, "young"), 6 * DAY)
    finish(apiserver, create(apiserver, name, "with-ttl", JOB["spec"]), 30 * DAY)
    create(apiserver, name, "running")
    create(apiserver, name, "waiting", {**SPEC, "suspend": True})
    flags = ("-n", name, "--clean", "--older-than", "7d")

    status, out, err = audit(*flags)

    rest = "left alone: 1 not finished, 1 suspended, 1 with a TTL, 1 finished too recently"
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "  AGE  RESULT      PODS  OUTCOME           JOB",
        f"  30d  Complete       1  would be deleted  {name}/old",
        f"   8d  Failed         1  would be deleted  {name}/old-failed",
        "6 Jobs: 2 would be deleted",
        rest,
        "nothing was deleted: --yes does it",
    ]
    assert len(names(apiserver, name)) == 6

    status, out, _ = audit(*flags, "--yes")

    assert status == 0
    assert f"  30d  Complete       1  deleted           {name}/old" in out.splitlines()
    assert "6 Jobs: 2 deleted" in out.splitlines()
    assert names(apiserver, name) == ["running", "waiting", "with-ttl", "young"]
    assert audit(*flags, "--yes")[1].startswith("4 Jobs: nothing to delete\n")


def test_the_age_is_by_the_clock_of_the_server(
    apiserver: "ApiServer", audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = apiserver.namespace()
    finish(apiserver, create(apiserver, name, "report"), 6 * DAY)
    now = Cluster.connect(str(apiserver.kubeconfig)).now()

    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)
    monkeypatch.setattr("webhook.cluster.Cluster.now", lambda _: now + 2 * DAY)
    assert "1 would be deleted" in audit("-n", name, "--clean", "--older-than", "7d")[1]


def test_a_job_that_is_another_one_by_now_stays(
    apiserver: "ApiServer", audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = apiserver.namespace()
    jobs = {each: finish(apiserver, create(apiserver, name, each), 9 * DAY) for each in ("a", "b", "c")}
    send = Cluster.delete
    options = list[Any]()

    def meanwhile(self: Cluster, path: str, body: Any) -> None:
        """Change one Job, make one anew, and have one gone, each between reading and deleting it."""
        options.append(body)
        each = path.rpartition("/")[2]
        if each == "a":
            apiserver.request("PATCH", path, {"metadata": {"labels": {"keep": "me"}}})
        if each in ("b", "c"):
            apiserver.request("DELETE", path, {"propagationPolicy": "Background"})
        if each == "b":
            create(apiserver, name, each)
        send(self, path, body)

    monkeypatch.setattr(Cluster, "delete", meanwhile)
    status, out, err = audit("-n", name, "--clean", "--older-than", "7d", "--yes")

    assert (status, err) == (0, "")
    assert [line.split()[3:-1] for line in out.splitlines()[1:4]] == [
        ["changed", "since"], ["changed", "since"], ["gone", "already"]
    ]  # fmt: skip
    assert names(apiserver, name) == ["a", "b"]
    known = [{key: job["metadata"][key] for key in ("uid", "resourceVersion")} for job in jobs.values()]
    assert options == [{"preconditions": one, "propagationPolicy": "Background"} for one in known]


def test_who_may_not_delete_is_told(apiserver: "ApiServer", audit: Audit) -> None:
    name = apiserver.namespace()
    permit(apiserver, name)
    finish(apiserver, create(apiserver, name, "report"), 9 * DAY)

    status, out, err = audit("--context", "alice", "-n", name, "--clean", "--older-than", "7d", "--yes")

    assert status == 2
    assert "1 Job: 1 refused" in out
    assert f'{name}/report: the API server refuses (403): jobs.batch "report" is forbidden' in err


def test_an_interrupted_clean_can_be_repeated(apiserver: "ApiServer") -> None:
    name = apiserver.namespace()
    for number in range(300):
        job = create(apiserver, name, f"report-{number:03}")
        if number % 10:
            finish(apiserver, job, 9 * DAY)
    command = [sys.executable, "-m", "webhook", "audit", "-n", name, "--clean", "--older-than", "7d", "--yes"]
    start = partial(subprocess.Popen[str], command, stdout=subprocess.PIPE, text=True)

    with start(env={**environment(apiserver), "PYTHONUNBUFFERED": "1"}) as interrupted:
        output = interrupted.stdout
        assert output
        told = [output.readline() for _ in range(5)]
        interrupted.send_signal(signal.SIGINT)
        told += output.readlines()
    left = names(apiserver, name)
    with start(env=environment(apiserver)) as again:
        rest = again.communicate()[0].splitlines()

    deleted = [line for line in told if "  deleted  " in line]
    assert (interrupted.returncode, again.returncode) == (130, 0)
    assert 4 <= len(deleted) < 270
    assert any(line.endswith(f" Jobs: {len(deleted)} deleted\n") for line in told)
    assert len(left) in (300 - len(deleted), 299 - len(deleted))  # one may have been on its way
    assert rest[-2:] == [f"{len(left)} Jobs: {len(left) - 30} deleted", "left alone: 30 not finished"]
    assert names(apiserver, name) == [f"report-{number:03}" for number in range(0, 300, 10)]


def end_pods(server: "ApiServer", namespace: str, job: str) -> list[str]:
    """Have the Pods of a Job succeed, once there are some, and return their names."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    ask = partial(server.request, "GET", path, labelSelector=f"batch.kubernetes.io/job-name={job}")
    found = server.wait("its Pods", lambda: ask().body["items"])
    for pod in found:
        answer = server.request(
            "PATCH", f"{path}/{pod['metadata']['name']}/status", {"status": {"phase": "Succeeded"}}
        )
        assert answer.status == 200, answer
    return [pod["metadata"]["name"] for pod in found]


def test_what_the_controllers_have_finished_goes_with_its_pods(
    forgetful: "ApiServer", capsys: pytest.CaptureFixture[str]
) -> None:
    apiserver = forgetful  # where the controllers find no Jobs but these
    name = apiserver.namespace()
    every = {**CRON_JOB, "suspend": True, "jobTemplate": {"spec": SPEC}}
    with apiserver.controllers():
        for each in ("done", "running"):
            create(apiserver, name, each)
        create(apiserver, name, "nightly", every)
        done = apiserver.kubectl("create", "job", "-n", name, "by-hand", "--from=cronjob/nightly")
        assert done.returncode == 0, done.stderr
        ended = [end_pods(apiserver, name, each) for each in ("done", "by-hand")]
        both = f"jobs.batch -n {name} done by-hand --for=condition=Complete --timeout=60s"
        done = apiserver.kubectl("wait", *both.split())
        assert done.returncode == 0, done.stderr

        audited(apiserver, "-n", name, "--clean", "--older-than", "0s", "--yes")
        out = capsys.readouterr().out

        assert out.splitlines()[-2:] == ["3 Jobs: 1 deleted", "left alone: 1 owned, 1 not finished"]
        pod = f"/api/v1/namespaces/{name}/pods/{ended[0][0]}"
        apiserver.wait("the end of its Pod", lambda: apiserver.request("GET", pod).status == 404)
    assert names(apiserver, name) == ["by-hand", "running"]
