"""The courses of a forecast against a simulation of the controller, Pod by Pod, whatever Pods may do."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest
from batch import Tree, job

from lint.forecast.courses import Assumptions, failure, longest, most_pod_seconds, most_pods, success
from lint.forecast.plan import Plan, read
from lint.forecast.tries import Series
from lint.job import Job

Fate = Callable[[int, int], tuple[int, bool]]
"""How long a try runs, and whether it succeeds: by its index, and the tries before."""


class Result(NamedTuple):
    """How a Job ended."""

    end: int
    reason: str
    pods: int
    pod_seconds: int


@dataclass
class Pod:
    """A Pod that is there."""

    index: int
    born: int
    ends: int
    succeeds: bool
    restarts: int = 0
    wakes: int | None = None
    """When its container is restarted."""


@dataclass
class Controller:
    """The Job controller and the kubelet, as lifecycle tests on real servers have seen them."""

    plan: Plan
    fate: Fate
    now: int = 0
    active: list[Pod] = field(default_factory=list)
    pods: int = 0
    seconds: int = 0
    failures: int = 0
    streak: int = 0
    """Failures since the last success."""
    failed_at: int = 0
    succeeded: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)
    tries: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Of an index: its failures, and when the last one was."""

    def run(self) -> Result:
        """Let everything happen."""
        while not (reason := self._over()):
            wake = self._make()
            times = [
                min(self._limit(pod), pod.ends if pod.wakes is None else pod.wakes) for pod in self.active
            ]
            times += [time for time in (wake, self.plan.deadline) if time is not None and time > self.now]
            self.now = min(times)
            self._end()
        self.seconds += sum(self.now - pod.born for pod in self.active)
        return Result(self.now, reason, self.pods, self.seconds)

    def _over(self) -> str:
        plan = self.plan
        restarts = sum(pod.restarts for pod in self.active)
        if plan.deadline is not None and self.now >= plan.deadline:
            return "DeadlineExceeded"
        if self.failures > plan.backoff_limit or (restarts and restarts >= plan.backoff_limit):
            return "BackoffLimitExceeded"
        if plan.max_failed is not None and len(self.failed) > plan.max_failed:
            return "MaxFailedIndexesExceeded"
        if len(self.succeeded) >= plan.pods:
            return "CompletionsReached"
        return "FailedIndexes" if len(self.succeeded | self.failed) >= plan.pods else ""

    def _make(self) -> int | None:
        """Make the Pods that may be made, or return when to look again."""
        plan = self.plan
        done = self.succeeded | self.failed
        wanted = min(plan.parallelism, plan.pods - len(done)) - len(self.active)
        if plan.per_index is None and wanted > 0 and self.streak:
            ready = self.failed_at + Series(0).wait(self.streak)
            if ready > self.now:
                return ready
        taken = done | {pod.index for pod in self.active}
        pending = [index for index in range(plan.pods) if index not in taken][: max(wanted, 0)]
        later = []
        for index in pending:
            count, when = self.tries.get(index, (0, 0))
            if plan.per_index is not None and count and when + Series(0).wait(count) > self.now:
                later.append(when + Series(0).wait(count))
                continue
            run, succeeds = self.fate(index, count)
            self.active.append(Pod(index, self.now, self.now + run, succeeds))
            self.pods += 1
        return min(later, default=None)

    def _end(self) -> None:
        """Let Pods end, or restart their containers, at this time."""
        for pod in list(self.active):
            if pod.wakes is None and pod.ends == self.now:
                if not pod.succeeds and self.plan.in_place:
                    pod.wakes = self.now + Series(0, in_place=True).wait(pod.restarts + 1)
                else:
                    self.active.remove(pod)
                    self.seconds += self.now - pod.born
                    self._count(pod)
            if pod in self.active and self._limit(pod) == self.now:
                pod.succeeds = False
                self.active.remove(pod)
                self.seconds += self.now - pod.born
                self._count(pod)
            elif pod.wakes == self.now:
                pod.wakes, pod.restarts = None, pod.restarts + 1
                run, pod.succeeds = self.fate(pod.index, pod.restarts)
                pod.ends = self.now + run

    def _limit(self, pod: Pod) -> int:
        """Return when the deadline of the Pod itself ends it."""
        return 1 << 60 if self.plan.pod_deadline is None else pod.born + self.plan.pod_deadline

    def _count(self, pod: Pod) -> None:
        if pod.succeeds:
            self.succeeded.add(pod.index)
            self.streak = 0
            return
        self.failures, self.streak, self.failed_at = self.failures + 1, self.streak + 1, self.now
        count = self.tries.get(pod.index, (0, 0))[0] + 1
        self.tries[pod.index] = count, self.now
        if self.plan.per_index is not None and count > self.plan.per_index:
            self.failed.add(pod.index)


def made(make: random.Random) -> Plan:
    """Make a Job."""
    spec: Tree = {"completions": make.randint(1, 6), "parallelism": make.randint(1, 4)}
    pod: Tree = {
        "terminationGracePeriodSeconds": 0,
        "restartPolicy": make.choice(("Never", "Never", "OnFailure")),
    }
    if make.random() < 0.7:
        spec["backoffLimit"] = make.randint(0, 5)
    if make.random() < 0.2:
        pod["activeDeadlineSeconds"] = make.randint(1, 150)
    if make.random() < 0.3:
        spec["activeDeadlineSeconds"] = make.randint(1, 200)
    if pod["restartPolicy"] == "Never" and make.random() < 0.5:
        spec |= {"completionMode": "Indexed", "backoffLimitPerIndex": make.randint(0, 3)}
        if make.random() < 0.5:
            spec["maxFailedIndexes"] = make.randint(0, spec["completions"])
    return read(Job(job(**spec, pod=pod)))


def always(run: int, *, succeeds: bool) -> Fate:
    return lambda *_: (run, succeeds)


def any_of(run: int, chance: float, make: random.Random) -> Fate:
    return lambda *_: (make.randint(1, run), make.random() > chance)


@pytest.mark.parametrize("seed", range(8))
def test_closed_forms_are_what_the_controller_does(seed: int) -> None:
    make = random.Random(seed)
    for _ in range(100):
        plan, run = made(make), make.randint(1, 90)
        for course, succeeds in (
            (failure(plan, Assumptions(run)), False),
            (success(plan, Assumptions(run)), True),
        ):
            if course is None:
                assert plan.pod_deadline is not None
                continue
            found = Controller(plan, always(run, succeeds=succeeds)).run()
            assert found == (course.target, course.reason, course.pods, course.pod_seconds), plan


@pytest.mark.parametrize("seed", range(8))
def test_nothing_takes_longer_than_the_longest(seed: int) -> None:
    make = random.Random(seed)
    for _ in range(60):
        plan, run = made(make), make.randint(1, 90)
        worst, pods = longest(plan, Assumptions(run)), most_pods(plan)
        seconds = most_pod_seconds(plan, Assumptions(run))
        assert worst.end is not None
        assert pods is not None
        assert seconds is not None
        for chance in (0.2, 0.5, 0.8, 0.95):
            for _ in range(3):
                found = Controller(plan, any_of(run, chance, make)).run()
                assert found.end <= worst.end, plan
                assert found.pods <= pods, plan
                assert found.pod_seconds <= seconds, plan


def test_the_longest_does_happen() -> None:
    make = random.Random(5)
    met = set()
    for _ in range(300):
        plan, run = made(make), make.randint(1, 90)
        shared = plan.in_place and (plan.together > 1 or plan.pod_deadline is not None)
        if shared or (plan.per_index is not None and plan.backoff_limit < 99):
            continue  # they share their retries: the longest is more than there can be
        worst = longest(plan, Assumptions(run))
        found = Controller(plan, late(plan, min(run, plan.pod_deadline or run))).run()
        assert (found.end, found.reason, found.pods) == (worst.target, worst.reason, worst.pods), plan
        met.add((plan.in_place, plan.per_index is not None, found.reason))
    assert len(met) >= 6, met


def late(plan: Plan, run: int) -> Fate:
    """Let everything take as long as it can."""

    def fate(index: int, tries: int) -> tuple[int, bool]:
        if plan.per_index is not None:
            return run, tries == plan.per_index
        last = index == plan.pods - 1
        return run, not last and (not plan.in_place or tries == max(plan.backoff_limit, 1) - 1)

    return fate
