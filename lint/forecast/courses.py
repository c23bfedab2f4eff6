"""The courses that a Job can take: every Pod succeeds, every Pod fails, and the longest.

What ends a Job, and which of several limits, is what `syncJob` of pkg/controller/job/job_controller.go does.
All Pods of a course run for the same time, and start as soon as they may: no waiting for nodes or images, no
evictions. The second or so that the controllers take to notice is left out.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

from lint.forecast.plan import UNLIMITED, FailureRule, Plan
from lint.forecast.tries import ENDLESS, Block, Round, Series, Timeline

_GOOD, _BAD, _POLICY = "succeeded", "failed", "podFailurePolicy"

_SHOWN = 8
"""Rounds that are listed; a Job can have billions."""


class Assumptions(NamedTuple):
    """What nobody can read off a Job."""

    run_time: int | None
    """Seconds until a Pod, or a restarted container, ends by itself; None: unknown."""
    exit_code: int = 1
    """Of containers that fail."""


@dataclass(frozen=True)
class Course:
    """What happens, in seconds from the start of the Job."""

    rounds: tuple[Round, ...]
    """The first ones."""
    last: Round | None
    """The last one, where it is not among them and there is one."""
    tries: int | None
    """The number of all rounds; None: no end."""
    target: int | None
    """When it is decided how the Job ends: `FailureTarget` or `SuccessCriteriaMet`; None: never."""
    end: int | None
    """When the Job is `Complete` or `Failed` at the latest: Pods that are ended take their grace period."""
    condition: str
    """`Complete` or `Failed`; empty if it never ends."""
    reason: str
    field: str
    """The field that decides."""
    pods: int | None
    """Pods that are made in all; None: no end."""
    pod_seconds: int | None
    """The time that Pods are there, added up; None: no end."""


class _Ending(NamedTuple):
    """How a Job ends if no deadline comes first."""

    condition: str = ""
    reason: str = ""
    field: str = ""
    killed: bool = False
    """Pods are ended for it."""
    lag: int = 0
    """Seconds from the end of the last try to the end."""
    endless: bool = False


def success(plan: Plan, given: Assumptions) -> Course | None:
    """Return the course in which every Pod succeeds; None where nobody knows how long a Pod takes."""
    if not plan.together:
        return _idle(plan)
    run = given.run_time
    if run is None or (plan.pod_deadline is not None and run > plan.pod_deadline):
        return None
    block = Block(Series(run), plan.together, outcome=_GOOD, last=_GOOD)
    if not plan.successes:
        return _course(plan, _waves(plan, block), _completed(plan))
    needed = min(rule.last(plan.pods) for rule in plan.successes) + 1
    blocks = _waves(plan, block, -(-needed // plan.together))
    return _course(plan, blocks, _Ending("Complete", "SuccessPolicy", "successPolicy"))


def failure(plan: Plan, given: Assumptions) -> Course:
    """Return the course in which every Pod fails, at once where nobody knows how long it takes."""
    if not plan.together:
        return _idle(plan)
    run, together = given.run_time or 0, plan.together
    if block := _in_place(plan, run, -(-max(plan.backoff_limit, 1) // together)):
        return _course(plan, [block], _restarted(plan, block))
    if plan.pod_deadline is not None and (plan.in_place or run > plan.pod_deadline):
        run = plan.pod_deadline
    series = Series(run, together)
    rule = failing_rule(plan, given)
    action = "Count" if rule is None else rule.action
    if action == "FailJob":
        return _course(plan, [Block(series, together)], _Ending("Failed", "PodFailurePolicy", _POLICY))
    if action == "Ignore":
        return _course(plan, [Block(series, together, tries=ENDLESS, again=together)], _Ending(endless=True))
    if plan.per_index is not None:
        return _indexes(plan, series.run, 0 if action == "FailIndex" else plan.per_index)
    tries = -(-(plan.backoff_limit + 1) // together)
    return _course(plan, [Block(series, together, tries=tries, again=together)], _exceeded(plan))


def longest(plan: Plan, given: Assumptions) -> Course:
    """Return the longest course: no Job of this plan takes longer, whichever Pods fail.

    Where nobody knows how long a Pod takes, it is the one in which Pods hang. Otherwise all Pods but one
    succeed, and that one fails as often as it may: then nothing runs beside its retries, and they wait for
    each other. Where each index, or each Pod that is restarted in place, has retries of its own, each takes
    all of them. For several Pods under OnFailure that is more than they can take, since they share them.
    """
    if not plan.together:
        return _idle(plan)
    run, together = given.run_time, plan.together
    if plan.pod_deadline is not None and (run is None or plan.in_place or run > plan.pod_deadline):
        run = plan.pod_deadline + plan.grace
    if run is None:
        return _course(plan, [Block(Series(ENDLESS), together)], _Ending(endless=True))
    if _ignores(plan):
        block = Block(Series(run, together), together, tries=ENDLESS, again=together)
        return _course(plan, [block], _Ending(endless=True))
    if restarted := _in_place(plan, given.run_time, max(plan.backoff_limit, 1)):
        *others, last = _waves(plan, replace(restarted, last=_GOOD))
        return _course(plan, [*others, replace(last, last=_BAD)], _restarted(plan, restarted))
    late = _late(plan, run)
    if plan.per_index is not None:
        block = Block(Series(run), together, tries=plan.per_index + 1, again=together, last=_GOOD)
        waves = _waves(plan, block)
        if Timeline(tuple(waves)).length <= Timeline(tuple(late)).length:
            endless = plan.per_index >= UNLIMITED
            return _course(plan, waves, _completed(plan)._replace(endless=endless))
    return _course(plan, late, _exceeded(plan))


def _late(plan: Plan, run: int) -> list[Block]:
    """Let all Pods but one succeed, and that one fail as often as it may."""
    whole = Block(Series(run), plan.together, plan.waves - 1, outcome=_GOOD, last=_GOOD)
    before = whole.groups * plan.together
    last = Block(Series(run), plan.pods - before, tries=plan.backoff_limit + 1, again=1, first=before)
    return [whole, last]


def failing_rule(plan: Plan, given: Assumptions) -> FailureRule | None:
    """Return the rule of `podFailurePolicy` that is about the exit code, if there is one."""
    return next((rule for rule in plan.rules if rule.matches(given.exit_code, plan.container)), None)


def most_pods(plan: Plan) -> int | None:
    """Return how many Pods a Job can make, whichever of them fail; None: no limit."""
    if not plan.together:
        return 0
    if _ignores(plan):
        return None
    if plan.in_place and plan.pod_deadline is None:
        return plan.pods
    by_job = plan.pods + plan.backoff_limit if plan.backoff_limit < UNLIMITED else None
    if plan.per_index is None or plan.per_index >= UNLIMITED:
        return by_job
    by_index = plan.pods * (plan.per_index + 1)
    return by_index if by_job is None else min(by_index, by_job)


def most_pod_seconds(plan: Plan, given: Assumptions) -> int | None:
    """Return how long Pods can be there, added up; None: no limit."""
    course = longest(plan, given)
    limits = [] if course.end is None else [plan.together * course.end]
    pods, run = most_pods(plan), given.run_time
    if pods is not None and run is not None and not plan.in_place:
        limits.append(pods * run)
    return min(limits, default=None)


def _ignores(plan: Plan) -> bool:
    """Tell whether some exit codes are not counted."""
    return any(rule.action == "Ignore" and rule.operator for rule in plan.rules)


def _in_place(plan: Plan, run: int | None, tries: int) -> Block | None:
    """Return the tries of Pods that are restarted in place; None where Pods end before, and are replaced."""
    if not plan.in_place or run is None:
        return None
    block = Block(Series(run, in_place=True), plan.together, tries=tries, again=plan.together)
    there = block.group + block.series.wait(tries)
    return None if plan.pod_deadline is not None and there >= plan.pod_deadline else block


def _restarted(plan: Plan, block: Block) -> _Ending:
    """End with the restart that is one too many."""
    lag = block.series.wait(block.tries)
    return _exceeded(plan)._replace(killed=True, lag=lag)


def _completed(plan: Plan) -> _Ending:
    return _Ending("Complete", "CompletionsReached", "" if plan.completions is None else "completions")


def _exceeded(plan: Plan) -> _Ending:
    endless = plan.backoff_limit >= UNLIMITED
    return _Ending("Failed", "BackoffLimitExceeded", "backoffLimit", endless=endless)


def _waves(plan: Plan, block: Block, waves: int = 0) -> list[Block]:
    """Repeat what Pods side by side do until all have done it; the last time there may be fewer."""
    full, waves = block.pods, waves or plan.waves
    rest = min(plan.pods - (waves - 1) * full, full)
    last = replace(block, pods=rest, again=min(rest, block.again), first=(waves - 1) * full)
    return [replace(block, groups=waves - 1), last]


def _indexes(plan: Plan, run: int, retries: int) -> Course:
    """Return the course in which each index fails as often as it may."""
    together, pods, tries = plan.together, plan.pods, retries + 1
    ends = [(plan.waves * tries, _Ending("Failed", "FailedIndexes", "backoffLimitPerIndex"))]
    if plan.max_failed is not None and plan.max_failed < pods:
        limit = _Ending("Failed", "MaxFailedIndexesExceeded", "maxFailedIndexes")
        ends.insert(0, ((plan.max_failed // together + 1) * tries, limit))
    if plan.backoff_limit < pods * tries:
        groups = min(plan.backoff_limit // (together * tries), plan.waves - 1)
        left = plan.backoff_limit - groups * together * tries
        rounds = groups * tries + left // min(together, pods - groups * together) + 1
        ends.insert(0, (rounds, _exceeded(plan)))
    rounds, ending = min(ends, key=lambda one: one[0])  # of several at once the first
    groups, rest = divmod(rounds - 1, tries)
    block = Block(Series(run), together, groups, tries, together)
    there = min(together, pods - groups * together)
    last = replace(block, groups=1, tries=rest + 1, pods=there, again=there, first=groups * together)
    return _course(plan, [block, last], ending._replace(endless=ending.endless or retries >= UNLIMITED))


def _idle(plan: Plan) -> Course:
    """Return the course of a Job without Pods."""
    if plan.completions == 0:
        return _course(plan, [], _completed(plan))
    return _course(plan, [], _Ending(endless=True))


def _course(plan: Plan, blocks: list[Block], ending: _Ending) -> Course:
    """Let the deadline end what takes too long, or as long: the end of a Pod is noticed a second later."""
    line = Timeline(tuple(block for block in blocks if block.groups))
    target = None if ending.endless else line.length + ending.lag
    if plan.deadline is not None and (target is None or target >= plan.deadline):
        return _cut(plan, line, plan.deadline)
    if target is None:
        rounds = min(sum(block.rounds for block in line.blocks), _SHOWN)
        shown = tuple(line.round(number) for number in range(rounds))
        return Course(shown, None, None, None, None, "", "", ending.field, None, None)
    shown, last, tries = _listed(line, target + 1)
    end, seconds = target, line.pod_seconds(target + 1)
    if ending.killed:
        end += plan.grace
        seconds += line.blocks[-1].pods * (end - line.length)
    pods = line.made(target + 1)
    return Course(
        shown, last, tries, target, end, ending.condition, ending.reason, ending.field, pods, seconds
    )


def _cut(plan: Plan, line: Timeline, deadline: int) -> Course:
    """End a course at the deadline: Pods that are there get their grace period."""
    shown, last, rounds = _listed(line, deadline)
    final = line.round(rounds - 1) if rounds else None
    waits = plan.in_place and final is not None and final.outcome == _BAD
    end, seconds = deadline, line.pod_seconds(deadline)
    if final is not None and (final.end > deadline or waits):
        end += plan.grace
        seconds += final.pods * (plan.grace + max(deadline - line.length, 0))
        ended = replace(final, end=min(final.end, deadline), outcome="killed")
        shown, last = (shown, ended) if last else ((*shown[:-1], ended), None)
    pods = line.made(deadline)
    return Course(
        shown,
        last,
        rounds,
        deadline,
        end,
        "Failed",
        "DeadlineExceeded",
        "activeDeadlineSeconds",
        pods,
        seconds,
    )


def _listed(line: Timeline, until: int) -> tuple[tuple[Round, ...], Round | None, int]:
    """Return the first rounds before a time, the last one where it is not among them, and their number."""
    rounds = line.begun(until)
    shown = tuple(line.round(number) for number in range(min(rounds, _SHOWN)))
    return shown, line.round(rounds - 1) if rounds > _SHOWN else None, rounds
