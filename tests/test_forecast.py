"""The course of a Job, by hand, and what is said of it."""

import time
from datetime import UTC, datetime

import pytest
from batch import Tree, container, cronjob, job

from lint.forecast.cost import requests_of
from lint.forecast.courses import Assumptions, Course, failure, longest, most_pod_seconds, most_pods, success
from lint.forecast.dates import Window
from lint.forecast.forecast import Forecast, forecast
from lint.forecast.plan import Plan, UnclearError, read
from lint.job import Job

NEVER: Tree = {}
ON_FAILURE: Tree = {"pod": {"restartPolicy": "OnFailure"}}
INDEXED: Tree = {"completionMode": "Indexed"}
EXCEEDED, DEADLINE = "BackoffLimitExceeded", "DeadlineExceeded"


def on_code(action: str, *codes: int, operator: str = "In", of: str | None = None) -> Tree:
    codes_: Tree = {"operator": operator, "values": list(codes)}
    return {"action": action, "onExitCodes": codes_ | ({"containerName": of} if of else {})}


def policy(*rules: Tree) -> Tree:
    return {"podFailurePolicy": {"rules": list(rules)}}


DISRUPTED: Tree = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}

FAILURES: list[tuple[Tree, int, list[int], str, int | None]] = [
    # what is set, how long a Pod runs, when the first tries start, why the Job ends, and when that is decided
    (NEVER, 0, [0, 10, 30, 70, 150, 310, 630], EXCEEDED, 630),
    ({"backoffLimit": 3}, 0, [0, 10, 30, 70], EXCEEDED, 70),
    ({"backoffLimit": 3}, 60, [0, 70, 150, 250], EXCEEDED, 310),
    ({"backoffLimit": 0}, 5, [0], EXCEEDED, 5),
    ({"backoffLimit": 8}, 0, [0, 10, 30, 70, 150, 310, 630, 1230], EXCEEDED, 1830),  # never more than 600
    ({"backoffLimit": 3, "completions": 2, "parallelism": 2}, 0, [0, 20], EXCEEDED, 20),
    ({"backoffLimit": 6, "completions": 4, "parallelism": 4}, 0, [0, 80], EXCEEDED, 80),
    ({"backoffLimit": 2, "parallelism": 3}, 0, [0], EXCEEDED, 0),
    ({"backoffLimit": 3, "activeDeadlineSeconds": 5}, 0, [0], DEADLINE, 5),
    ({"backoffLimit": 3, "activeDeadlineSeconds": 15}, 10, [0], DEADLINE, 15),
    ({"backoffLimit": 3, "activeDeadlineSeconds": 70}, 0, [0, 10, 30], DEADLINE, 70),
    ({"activeDeadlineSeconds": 0}, 9, [], DEADLINE, 0),
    ({"parallelism": 0, "activeDeadlineSeconds": 9}, 9, [], DEADLINE, 9),
    ({"parallelism": 0}, 9, [], "", None),
    ({"completions": 0}, 9, [], "CompletionsReached", 0),
    (ON_FAILURE, 0, [0, 0, 10, 30, 70, 150], EXCEEDED, 310),
    ({**ON_FAILURE, "backoffLimit": 2}, 5, [0, 5], EXCEEDED, 20),
    ({**ON_FAILURE, "backoffLimit": 0}, 5, [0], EXCEEDED, 5),
    ({**ON_FAILURE, "backoffLimit": 1}, 5, [0], EXCEEDED, 5),
    ({**ON_FAILURE, "backoffLimit": 8}, 0, [0, 0, 10, 30, 70, 150, 310, 610], EXCEEDED, 910),  # nor than 300
    ({**ON_FAILURE, "backoffLimit": 3}, 600, [0, 600, 1210], EXCEEDED, 1830),
    ({**ON_FAILURE, "backoffLimit": 3}, 601, [0, 601, 1202], EXCEEDED, 1803),  # ran long enough: no waits
    ({**ON_FAILURE, "backoffLimit": 3, "completions": 2, "parallelism": 2}, 1, [0, 1], EXCEEDED, 12),
    ({**ON_FAILURE, "backoffLimit": 3, "activeDeadlineSeconds": 14}, 3, [0, 3], DEADLINE, 14),
    (
        {**INDEXED, "completions": 2, "parallelism": 2, "backoffLimitPerIndex": 1},
        0, [0, 10], "FailedIndexes", 10,
    ),
    (
        {**INDEXED, "completions": 3, "parallelism": 2, "backoffLimitPerIndex": 1},
        5, [0, 15, 20, 35], "FailedIndexes", 40,
    ),
    (
        {**INDEXED, "completions": 3, "parallelism": 1, "backoffLimitPerIndex": 1, "maxFailedIndexes": 1},
        5, [0, 15, 20, 35], "MaxFailedIndexesExceeded", 40,
    ),
    (
        {**INDEXED, "completions": 3, "parallelism": 1, "backoffLimitPerIndex": 1, "maxFailedIndexes": 3},
        0, [0, 10, 10, 20, 20, 30], "FailedIndexes", 30,
    ),
    (
        {**INDEXED, "completions": 3, "parallelism": 3, "backoffLimitPerIndex": 1, "backoffLimit": 2},
        0, [0], EXCEEDED, 0,
    ),
    ({**INDEXED, "completions": 3, "parallelism": 3, "backoffLimit": 2}, 0, [0], EXCEEDED, 0),
    (policy(on_code("FailJob", 1)), 7, [0], "PodFailurePolicy", 7),
    (policy(on_code("FailJob", 42), DISRUPTED) | {"backoffLimit": 1}, 0, [0, 10], EXCEEDED, 10),
    (policy(on_code("FailJob", 42, operator="NotIn")), 7, [0], "PodFailurePolicy", 7),
    (policy(on_code("FailJob", 1, of="main")), 7, [0], "PodFailurePolicy", 7),
    (policy(on_code("Count", 1), on_code("FailJob", 1)) | {"backoffLimit": 0}, 7, [0], EXCEEDED, 7),
    (policy(on_code("Ignore", 1)) | {"backoffLimit": 0}, 0, [0, 10, 30, 70, 150, 310, 630, 1230], "", None),
    (policy(on_code("Ignore", 1)) | {"activeDeadlineSeconds": 25}, 0, [0, 10], DEADLINE, 25),
    (
        {
            **INDEXED, "completions": 3, "parallelism": 3, "backoffLimitPerIndex": 5,
            **policy(on_code("FailIndex", 1)),
        },
        3, [0], "FailedIndexes", 3,
    ),
    ({"backoffLimit": 1, "pod": {"activeDeadlineSeconds": 30}}, 60, [0, 40], EXCEEDED, 70),
    (
        {"backoffLimit": 1, "pod": {"restartPolicy": "OnFailure", "activeDeadlineSeconds": 30}},
        9, [0], EXCEEDED, 9,
    ),
    (
        {"backoffLimit": 9, "pod": {"restartPolicy": "OnFailure", "activeDeadlineSeconds": 30}},
        9, [0, 40, 90, 160, 270, 460, 810, 1440], EXCEEDED, 10 * 30 + 630 + 3 * 600,
    ),  # the kubelet restarts until the Pod has failed
]  # fmt: skip


def plan_of(spec: Tree) -> Plan:
    return read(Job(job(**spec)))


def starts(course: Course) -> list[int]:
    return [one.start for one in course.rounds]


@pytest.mark.parametrize(("spec", "run", "tries", "reason", "decided"), FAILURES)
def test_pods_that_fail(spec: Tree, run: int, tries: list[int], reason: str, decided: int | None) -> None:
    course = failure(plan_of(spec), Assumptions(run))

    assert (starts(course), course.reason, course.target) == (tries, reason, decided)


SUCCESSES: list[tuple[Tree, int, list[int], str, int]] = [
    (NEVER, 60, [1], "CompletionsReached", 60),
    ({"completions": 10, "parallelism": 4}, 60, [4, 4, 2], "CompletionsReached", 180),
    ({"parallelism": 4}, 60, [4], "CompletionsReached", 60),
    ({"completions": 2, "parallelism": 9}, 60, [2], "CompletionsReached", 60),
    ({"activeDeadlineSeconds": 60}, 60, [1], DEADLINE, 60),
    ({"activeDeadlineSeconds": 61}, 60, [1], "CompletionsReached", 60),
    ({**INDEXED, "completions": 9, "parallelism": 2, "successPolicy": {"rules": [{"succeededCount": 3}]}},
     10, [2, 2], "SuccessPolicy", 20),
    ({**INDEXED, "completions": 9, "parallelism": 2,
      "successPolicy": {"rules": [{"succeededIndexes": "1,4-6"}]}},
     10, [2, 2, 2, 2], "SuccessPolicy", 40),
    ({**INDEXED, "completions": 9, "parallelism": 1, "successPolicy": {"rules": [
        {"succeededIndexes": "8"}, {"succeededIndexes": "1,4-6", "succeededCount": 2}]}},
     10, [1, 1, 1, 1, 1], "SuccessPolicy", 50),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "run", "pods", "reason", "decided"), SUCCESSES)
def test_pods_that_succeed(spec: Tree, run: int, pods: list[int], reason: str, decided: int) -> None:
    course = success(plan_of(spec), Assumptions(run))

    assert course is not None
    assert ([one.pods for one in course.rounds], course.reason, course.target) == (pods, reason, decided)


def test_nobody_knows_when_pods_succeed() -> None:
    assert success(plan_of(NEVER), Assumptions(None)) is None
    assert success(plan_of({"pod": {"activeDeadlineSeconds": 59}}), Assumptions(60)) is None


@pytest.mark.parametrize(
    ("spec", "run", "reason", "end", "pods"),
    [
        (NEVER, None, "", None, 7),
        ({"activeDeadlineSeconds": 3600}, None, DEADLINE, 3630, 7),
        (
            {"activeDeadlineSeconds": 3600, "pod": {"terminationGracePeriodSeconds": 90}},
            None,
            DEADLINE,
            3690,
            7,
        ),
        ({"pod": {"activeDeadlineSeconds": 60}, "backoffLimit": 1}, None, EXCEEDED, 190, 2),
        ({"completions": 3, "backoffLimit": 2}, 60, EXCEEDED, 330, 5),
        ({"completions": 5, "parallelism": 2, "backoffLimit": 2}, 60, EXCEEDED, 330, 7),
        ({"completions": 3, **ON_FAILURE, "backoffLimit": 2}, 60, EXCEEDED, 400, 3),
        ({"completions": 3, **INDEXED, "backoffLimitPerIndex": 1}, 60, "CompletionsReached", 390, 6),
        (policy(on_code("Ignore", 9)), 60, "", None, None),
        (policy(DISRUPTED), 60, EXCEEDED, 1050, 7),
        (policy(on_code("Ignore", 9)) | {"activeDeadlineSeconds": 99}, 60, DEADLINE, 129, None),
        ({**INDEXED, "completions": 2, **ON_FAILURE, "backoffLimitPerIndex": 1}, 60, "", None, 2),
        ({"parallelism": 0}, 60, "", None, 0),
    ],
)
def test_the_longest(spec: Tree, run: int | None, reason: str, end: int | None, pods: int | None) -> None:
    plan = plan_of(spec)
    course = longest(plan, Assumptions(run))

    assert (course.reason, course.end, most_pods(plan)) == (reason, end, pods)


def test_large_numbers_take_no_time() -> None:
    most = (1 << 31) - 1
    specs: list[Tree] = [
        {"backoffLimit": most - 1},
        {"backoffLimit": most - 1, "activeDeadlineSeconds": most},
        {**ON_FAILURE, "backoffLimit": most - 1, "activeDeadlineSeconds": most},
        {"completions": most, "parallelism": 7, "backoffLimit": most - 1},
        {**INDEXED, "completions": 100_000, "parallelism": 3, "backoffLimitPerIndex": most - 1},
        {**INDEXED, "completions": 100_000, "successPolicy": {"rules": [{"succeededIndexes": "5-99999"}]}},
    ]
    begin = time.process_time()
    for spec in specs:
        plan = plan_of(spec)
        for run in (None, 0, 1, 3600):
            given = Assumptions(run)
            for course in (success(plan, given), failure(plan, given), longest(plan, given)):
                assert course is None or len(course.rounds) <= 8
            most_pod_seconds(plan, given)
    assert time.process_time() - begin < 1


def test_a_billion_retries_end_when_they_should() -> None:
    course = failure(plan_of({"backoffLimit": 10**9}), Assumptions(60))

    assert course.target == 60 * (10**9 + 1) + 630 + 600 * (10**9 - 6)
    assert course.pods == 10**9 + 1


def test_requests_are_those_that_the_scheduler_counts() -> None:
    pod = {
        "containers": [
            container("a", resources={"requests": {"cpu": "500m", "memory": "1Gi"}}),
            container("b", resources={"limits": {"cpu": "250m"}}),
        ],
        "initContainers": [
            container("big", resources={"requests": {"memory": "4Gi"}}),
            container("side", restartPolicy="Always", resources={"requests": {"cpu": "100m"}}),
        ],
        "overhead": {"cpu": "50m"},
    }

    assert requests_of(plan_of({"pod": pod})) == {"cpu": 900, "memory": 4000 << 30}
    assert requests_of(plan_of({"pod": {**pod, "resources": {"requests": {"cpu": "2"}}}}))["cpu"] == 2050


def told(tree: Tree) -> Forecast:
    return forecast(Job(tree), Assumptions(None), Window(datetime(2026, 3, 27, 12, tzinfo=UTC), 5))


def texts(found: Forecast) -> str:
    return "\n".join(f"{one.topic}: {one.text} {[str(cause) for cause in one.causes]}" for one in found.facts)


@pytest.mark.parametrize(
    ("tree", "fact"),
    [
        (job(), "a Pod that hangs, or never starts, is never ended ['activeDeadlineSeconds: not set']"),
        (job(backoffLimit=6), "retries: failure number 7 of all Pods fails the Job ['backoffLimit: 6']"),
        (job(), "fails the Job ['backoffLimit: 6 (default)']"),
        (job(ttlSecondsAfterFinished=0), "deleted: at once when it ends, with its Pods and their logs"),
        (job(ttlSecondsAfterFinished=90), "deleted: 1m30s after its end"),
        (job(), "deleted: never"),
        (job(**ON_FAILURE), "the 6th restart, of all Pods together, fails the Job"),
        (job(**ON_FAILURE), "gone when the Job fails, since that deletes the Pod"),
        (job(suspend=True), "suspended: nothing runs until somebody resumes it"),
        (job(parallelism=0), "Pods: none"),
        (job(completions=4, backoffLimit=2), "Pods: 1 at a time, 4 if none fails; at most 6"),
        (job(**policy(DISRUPTED)), "failures: condition DisruptionTarget: not counted"),
        (job(**policy(on_code("FailJob", 42))), "failures: exit code 42: the Job fails at once ["),
        (
            job(pod={"containers": [container(resources={"requests": {"cpu": "${CPU}"}})]}),
            "requests: what is a placeholder is not counted",
        ),
        (cronjob(of=job(activeDeadlineSeconds=60)), "overlap: none: a run takes 1m30s at most"),
        (cronjob(), "overlap: a run that hangs stays, and each next one starts beside it"),
        (cronjob(concurrencyPolicy="Forbid"), "overlap: a run that hangs holds up all others, for ever"),
        (
            cronjob(schedule="*/10 * * * *", of=job(activeDeadlineSeconds=1500)),
            "overlap: up to 3 Jobs side by side: one can take 25m30s, the next starts after 10m",
        ),
        (
            cronjob(schedule="30 2 * * *", timeZone="Europe/Berlin", of=job(activeDeadlineSeconds=3600)),
            "overlap: up to 2 Jobs side by side: one can take 1h30s, the next starts after 1h",  # in October
        ),
        (cronjob(schedule="30 2 * * *", timeZone="Europe/Berlin"), "clocks: 2026-03-29 02:30: no run"),
        (cronjob(schedule="30 2 * * *", timeZone="Europe/Berlin"), "clocks: 2026-10-25 02:30: two runs"),
        (cronjob(), "time zone: that of the controller manager"),
        (cronjob(startingDeadlineSeconds=0), "missed: none: each run is too late from the beginning"),
        (cronjob(suspend=True), "runs: none until somebody resumes it"),
        (cronjob(schedule="0 0 31 2 *"), "runs: none: no time fits the schedule"),
        (cronjob(failedJobsHistoryLimit=0), "deleted: a run that fails is deleted at once, with its logs"),
        (cronjob(), "deleted: a run that succeeds stays, with its logs, until 3 more did so"),
    ],
)  # fmt: skip
def test_facts(tree: Tree, fact: str) -> None:
    assert fact in texts(told(tree))


def test_a_cronjob_names_the_fields_of_its_template() -> None:
    found = told(cronjob(of=job(backoffLimit=2)))

    paths = {cause.path for fact in found.facts for cause in fact.causes if "backoffLimit" in cause.path}
    assert paths == {("spec", "jobTemplate", "spec", "backoffLimit")}


@pytest.mark.parametrize(
    "tree", [cronjob(suspend=True), cronjob(startingDeadlineSeconds=0), cronjob(schedule="0 0 31 2 *")]
)
def test_a_cronjob_that_never_runs(tree: Tree) -> None:
    found = told(tree).calendar

    assert found is not None
    assert not found.runs


@pytest.mark.parametrize(
    ("tree", "reason"),
    [
        (job(backoffLimit=-1), "the API server rejects it: spec.backoffLimit: Invalid value: -1"),
        (job(backoffLimit="${N}"), "spec.backoffLimit is a placeholder: ${N}"),
        (job(pod={"containers": None}), "it is a patch or a part of a Job"),
        (job(managedBy="kueue.x-k8s.io/multikueue"), "spec.managedBy: kueue.x-k8s.io/multikueue runs it"),
        (job(suspend="${SUSPEND}"), "spec.suspend is a placeholder: ${SUSPEND}"),
        (cronjob(failedJobsHistoryLimit="${KEPT}"), "spec.failedJobsHistoryLimit is a placeholder"),
        (cronjob(timeZone="Europe/Berln"), "the API server rejects it: spec.timeZone: Invalid value"),
        (cronjob(schedule="${SCHEDULE}"), "spec.schedule is a placeholder"),
        (cronjob(timeZone="{{ zone }}"), "spec.timeZone is a placeholder"),
    ],
)
def test_what_nobody_can_forecast(tree: Tree, reason: str) -> None:
    with pytest.raises(UnclearError, match="^" + reason.replace("$", r"\$").replace("{", r"\{")):
        told(tree)
