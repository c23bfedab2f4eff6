"""The controllers of Kubernetes do what a forecast says; this test plays the kubelet for them."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from batch import Tree, cronjob, job, path_of

from lint.clock import changes, due
from lint.forecast.courses import Assumptions, Course, failure, success
from lint.forecast.plan import Plan, read
from lint.forecast.runs import runs
from lint.forecast.tries import Series
from lint.job import Job
from lint.validation.cron import parse

if TYPE_CHECKING:
    from apiserver import ApiServer

pytest_plugins = ["apiserver"]


@pytest.fixture(scope="module", name="apiserver")
def _own_apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator["ApiServer"]:
    """Run an API server whose controllers find the Jobs of this module alone: others keep them busy."""
    from apiserver import WITHOUT_ACCOUNTS, needed, serving

    assets = needed(Path(os.environ.get("KUBEBUILDER_ASSETS", "")))
    with serving(assets, tmp_path_factory.mktemp("apiserver"), WITHOUT_ACCOUNTS) as server:
        yield server


_CLOSE = 1.5
"""Seconds that the controllers and this test may take to notice."""

_BERLIN = ZoneInfo("Europe/Berlin")


def rules(*some: Tree) -> Tree:
    return {"podFailurePolicy": {"rules": list(some)}}


def on_code(action: str, *codes: int) -> Tree:
    return {"action": action, "onExitCodes": {"operator": "In", "values": list(codes)}}


INDEXED = {"completionMode": "Indexed"}
FAILING: dict[str, Tree] = {
    "backoff-limit": {"backoffLimit": 2},
    "longer": {"backoffLimit": 1, "run": 3},
    "backoff-limit-0": {"backoffLimit": 0},
    "side-by-side": {"backoffLimit": 3, "completions": 2, "parallelism": 2},
    "deadline": {"backoffLimit": 3, "activeDeadlineSeconds": 5},
    "deadline-0": {"activeDeadlineSeconds": 0},
    "no-completions": {"completions": 0},
    "no-parallelism": {"completions": 3, "parallelism": 0, "activeDeadlineSeconds": 3},
    "work-queue": {"parallelism": 3, "backoffLimit": 2},
    "per-index": {**INDEXED, "completions": 2, "parallelism": 1, "backoffLimitPerIndex": 1},
    "per-index-side-by-side": {**INDEXED, "completions": 3, "parallelism": 2, "backoffLimitPerIndex": 1},
    "max-failed-indexes": {
        **INDEXED,
        "completions": 3,
        "parallelism": 1,
        "backoffLimitPerIndex": 1,
        "maxFailedIndexes": 0,
    },
    "per-index-and-backoff-limit": {
        **INDEXED,
        "completions": 3,
        "parallelism": 1,
        "backoffLimitPerIndex": 3,
        "backoffLimit": 1,
    },
    "fail-job": rules(on_code("Ignore", 7), on_code("FailJob", 1)),
    "fail-index": {
        **INDEXED,
        "completions": 3,
        "parallelism": 3,
        "backoffLimitPerIndex": 5,
        **rules(on_code("FailIndex", 1)),
    },
    "ignore": {"backoffLimit": 0, "activeDeadlineSeconds": 14, **rules(on_code("Ignore", 1))},
    "count": {"backoffLimit": 0, **rules(on_code("Count", 1), on_code("FailJob", 1))},
    "on-failure": {"backoffLimit": 2, "pod": {"restartPolicy": "OnFailure"}},
    "on-failure-0": {"backoffLimit": 0, "pod": {"restartPolicy": "OnFailure"}},
    "on-failure-side-by-side": {
        "backoffLimit": 2,
        "completions": 2,
        "parallelism": 2,
        "pod": {"restartPolicy": "OnFailure"},
    },
}
"""Jobs of which every Pod fails, as soon as it is there or after it has run for `run` seconds."""

SUCCEEDING: dict[str, Tree] = {
    "completions": {"completions": 5, "parallelism": 2},
    "queue": {"parallelism": 2},
    "success-policy": {
        **INDEXED,
        "completions": 4,
        "parallelism": 1,
        "successPolicy": {"rules": [{"succeededIndexes": "1,3", "succeededCount": 1}]},
    },
    "success-count": {
        **INDEXED,
        "completions": 6,
        "parallelism": 2,
        "successPolicy": {"rules": [{"succeededCount": 3}]},
    },
    "too-late": {"activeDeadlineSeconds": 2, "run": 5},
    "deleted": {"ttlSecondsAfterFinished": 2},
}
"""Jobs of which every Pod succeeds, after a second or as long as `run` says."""


@dataclass
class Played:
    """A Job that runs, and what is seen of it; times are in seconds since it was made."""

    plan: Plan
    course: Course
    run: int
    outcome: str
    born: float
    starts: dict[str, float] = field(default_factory=dict)
    """By the name of the Pod."""
    restarts: dict[str, int] = field(default_factory=dict)
    conditions: dict[str, tuple[float, str]] = field(default_factory=dict)
    """When a condition was seen, and its reason."""
    gone: float | None = None

    @property
    def over(self) -> bool:
        """Nothing more is to come."""
        ended = bool(self.conditions.keys() & {"Complete", "Failed"})
        return self.gone is not None or (ended and self.plan.ttl is None)


def start(server: "ApiServer", namespace: str, name: str, spec: Tree, outcome: str) -> Played:
    run = spec.get("run", 0 if outcome == "Failed" else 1)
    tree = job(name, **{key: value for key, value in spec.items() if key != "run"})
    plan = read(Job(tree, server.minor))
    course = failure(plan, Assumptions(run)) if outcome == "Failed" else success(plan, Assumptions(run))
    assert course is not None
    answer = server.request("POST", path_of(tree, namespace), tree)
    assert answer.status == 201, answer
    return Played(plan, course, run, outcome, time.monotonic())


def play(server: "ApiServer", namespace: str, played: dict[str, Played]) -> bool:
    """Do what the kubelet would do now, and write down what is seen; tell whether all Jobs are over."""
    for pod in server.request("GET", f"/api/v1/namespaces/{namespace}/pods").body["items"]:
        one = played[pod["metadata"]["labels"]["job-name"]]
        name, now = pod["metadata"]["name"], time.monotonic()
        one.starts.setdefault(name, now - one.born)
        over = pod["status"]["phase"] in ("Succeeded", "Failed") or "deletionTimestamp" in pod["metadata"]
        if status := {} if over else _status(one, name, now - one.born - one.starts[name]):
            path = f"/api/v1/namespaces/{namespace}/pods/{name}/status"
            assert server.request("PATCH", path, {"status": status}).status in (200, 404)
    jobs = server.request("GET", path_of(job(), namespace)).body["items"]
    trees = {tree["metadata"]["name"]: tree for tree in jobs}
    for name, one in played.items():
        now = time.monotonic() - one.born
        if name not in trees:
            one.gone = one.gone or now
        for condition in trees.get(name, {}).get("status", {}).get("conditions", []):
            one.conditions.setdefault(condition["type"], (now, condition["reason"]))
    return all(one.over for one in played.values())


def _status(one: Played, name: str, age: float) -> Tree:
    """Return what is to be said of a Pod of an age, if there is news."""
    finished = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    code = 1 if one.outcome == "Failed" else 0
    state = {"terminated": {"exitCode": code, "finishedAt": finished, "startedAt": finished}}
    container: dict[str, Any] = {"name": "main", "image": "main:1", "imageID": "", "ready": False}
    if one.plan.in_place and one.outcome == "Failed":
        restarts = one.restarts.get(name, 0)
        if age < Series(one.run, in_place=True).start(restarts + 1):
            return {}
        one.restarts[name] = restarts + 1
        statuses = [
            {**container, "restartCount": restarts + 1, "state": {"running": {"startedAt": finished}}}
        ]
        return {"phase": "Running", "containerStatuses": statuses}
    if age < one.run:
        return {}
    return {"phase": one.outcome, "containerStatuses": [{**container, "restartCount": 0, "state": state}]}


def test_jobs_take_the_course_that_is_forecast(apiserver: "ApiServer") -> None:
    with apiserver.controllers("--kube-api-qps=200", "--kube-api-burst=400"):
        namespace = apiserver.namespace()
        played = {
            name: start(apiserver, namespace, name, spec, outcome)
            for some, outcome in ((FAILING, "Failed"), (SUCCEEDING, "Succeeded"))
            for name, spec in some.items()
        }
        apiserver.wait("the end of all Jobs", lambda: play(apiserver, namespace, played))

    differences = {name: found for name, one in played.items() if (found := list(_differences(one)))}
    assert differences == {}


def _differences(one: Played) -> Iterator[str]:
    """Say where a Job left its course."""
    course, starts = one.course, sorted(one.starts.values())
    wanted = [
        (round_.start, number) for number, round_ in enumerate(course.rounds) for _ in range(round_.pods)
    ]
    if one.plan.in_place:
        wanted = wanted[: course.pods]
    if len(starts) != course.pods or not all(map(_close, starts, *zip(*wanted, strict=True))):
        yield f"Pods at {starts}, not at {wanted}"
    decided = one.conditions.get("FailureTarget" if course.condition == "Failed" else "SuccessCriteriaMet")
    ended = one.conditions.get(course.condition)
    assert course.target is not None
    assert course.end is not None
    if not decided or not ended or {decided[1], ended[1]} != {course.reason}:
        yield f"{one.conditions}, not {course.condition} for {course.reason}"
    elif not _close(decided[0], course.target, len(course.rounds)):
        yield f"{one.conditions}, not decided at {course.target}"
    elif ended[0] - decided[0] > course.end - course.target + _CLOSE:
        yield f"{one.conditions}, not over until {course.end}"
    elif one.plan.ttl is not None and not _close((one.gone or 0) - ended[0], one.plan.ttl, 0):
        yield f"gone at {one.gone}, not {one.plan.ttl} after {ended}"


def _close(seen: float, planned: float, before: int) -> bool:
    """Tell whether something comes on time; the controller notices each end a second later."""
    return planned - _CLOSE < seen < planned + _CLOSE + before


def last_due(text: str, zone: str, after: datetime) -> datetime:
    """Return the last run that was due after a time, up to now."""
    now = datetime.now(UTC)
    times = due(parse(text), after, ZoneInfo(zone))
    found = after
    for when in times:
        if when > now:
            break
        found = when
    return found


def cases() -> Iterator[tuple[str, str, datetime]]:
    """Make schedules that were due lately: for each its zone, and when it has run before."""
    now = datetime.now(UTC)
    found = list(changes(_BERLIN, now - timedelta(days=400), now))
    forward = next(one for one in found[::-1] if one.after > one.before).at
    back = next(one for one in found[::-1] if one.after < one.before).at
    day, month = forward.day, forward.month
    yield f"30 2 {day - 1},{day} {month} *", "Europe/Berlin", forward - timedelta(days=9)
    yield f"30 2 {back.day} {back.month} *", "Europe/Berlin", back - timedelta(minutes=30)
    recent = (now - timedelta(minutes=3)).astimezone(ZoneInfo("Pacific/Chatham"))
    yield f"{recent.minute} {recent.hour} * * *", "Pacific/Chatham", now - timedelta(minutes=9)


def test_cronjobs_run_when_it_is_forecast(apiserver: "ApiServer") -> None:
    with apiserver.controllers():
        namespace, wanted = apiserver.namespace(), set()
        for number, (text, zone, after) in enumerate(cases()):
            minutes = int(last_due(text, zone, after).timestamp()) // 60
            wanted.add(f"case-{number}-{minutes}")
            make(apiserver, cronjob(f"case-{number}", schedule=text, timeZone=zone), namespace, after)

        apiserver.wait("the Jobs", lambda: wanted <= names(apiserver, namespace))
        assert names(apiserver, namespace) == wanted


@pytest.mark.parametrize("policy", ["Allow", "Forbid", "Replace"])
def test_runs_that_meet_do_what_is_forecast(apiserver: "ApiServer", policy: str) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    first, second = now - timedelta(minutes=4), now - timedelta(minutes=2)
    one, other = runs([first, second, now + timedelta(hours=1)], policy, 150, None)
    with apiserver.controllers():
        namespace = apiserver.namespace()
        tree = cronjob("case", schedule=f"{first.minute} * * * *", concurrencyPolicy=policy)
        made = make(apiserver, tree, namespace, first - timedelta(minutes=1))
        earlier, later = (f"case-{int(when.timestamp()) // 60}" for when in (first, second))
        apiserver.wait("the first Job", lambda: names(apiserver, namespace) == {earlier})
        spec = {"spec": {"schedule": f"{second.minute} * * * *"}}
        assert apiserver.request("PATCH", path_of(made), spec).status == 200
        run_after(apiserver, made, first + timedelta(minutes=1))

        if other.outcome == "late":
            events = f"/api/v1/namespaces/{namespace}/events"
            apiserver.wait(
                "a run that waits", lambda: "JobAlreadyActive" in str(apiserver.request("GET", events))
            )
            assert names(apiserver, namespace) == {earlier}
            finish(apiserver, namespace)
        there = {later} if one.outcome == "replaced" else {earlier, later}
        apiserver.wait("the second Job", lambda: names(apiserver, namespace) == there)


def finish(server: "ApiServer", namespace: str) -> None:
    """Have the Pods of a namespace succeed."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    pods = server.wait("a Pod", lambda: server.request("GET", path).body["items"])
    for pod in pods:
        status = {"status": {"phase": "Succeeded"}}
        assert server.request("PATCH", f"{path}/{pod['metadata']['name']}/status", status).status == 200


def make(server: "ApiServer", tree: Tree, namespace: str, after: datetime) -> Tree:
    """Create a CronJob that has run at a time before."""
    answer = server.request("POST", path_of(tree, namespace), tree)
    assert answer.status == 201, answer
    made: Tree = {**tree, "metadata": answer.body["metadata"]}
    run_after(server, made, after)
    return made


def run_after(server: "ApiServer", tree: Tree, after: datetime) -> None:
    """Have the controller believe that the last run was then."""
    status = {"lastScheduleTime": after.strftime("%Y-%m-%dT%H:%M:%SZ")}
    answer = server.request("PATCH", f"{path_of(tree)}/status", {"status": status})
    assert answer.status == 200, answer


def names(server: "ApiServer", namespace: str) -> set[str]:
    """Return the names of the Jobs of a namespace."""
    items = server.request("GET", path_of(job(), namespace)).body["items"]
    return {one["metadata"]["name"] for one in items if "deletionTimestamp" not in one["metadata"]}
