"""What a forecast says in sentences, each with the fields that are its cause."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from lint.forecast.cost import hours, requests_of, unit
from lint.forecast.courses import Assumptions, Course, failing_rule, most_pod_seconds, most_pods
from lint.forecast.plan import UNLIMITED, FailureRule, Plan
from lint.forecast.tries import Series
from lint.forecast.words import amount, duration, some
from lint.path import Path
from lint.view import View


class Cause(NamedTuple):
    """A field that something follows from."""

    path: Path
    value: Any
    """None: nothing is set."""
    written: bool
    """Somebody wrote it; otherwise it is the API server's default."""

    def __str__(self) -> str:
        """Write `backoffLimit: 6 (default)`."""
        value = "not set" if self.value is None else self.value
        return f"{self.path[-1]}: {value}{'' if self.written or self.value is None else ' (default)'}"


class Fact(NamedTuple):
    """A sentence."""

    topic: str
    text: str
    causes: tuple[Cause, ...] = ()


def cause(view: View, *, written: bool) -> Cause:
    """Name a field."""
    value = None if view.unset else "..." if isinstance(view.value, dict | list) else view.value
    return Cause(view.path, value, written)


def facts(plan: Plan, given: Assumptions, success: Course | None, longest: Course) -> Iterator[Fact]:
    """Say what there is to say of a Job."""
    if plan.suspended:
        yield _fact(
            plan, "suspended", "nothing runs until somebody resumes it; times count from then", "suspend"
        )
    yield _pods(plan)
    yield _end(plan, longest)
    if plan.together:
        yield from _retries(plan)
        yield from _rules(plan, given)
    yield from _deadline(plan)
    if plan.pod_deadline is not None:
        text = f"a Pod that runs for {duration(plan.pod_deadline)} is ended, and counts as failed"
        yield _fact(plan, "deadline", text, "pod.activeDeadlineSeconds")
    yield from _resources(plan, given, None if success is None else success.pod_seconds)


def logs(plan: Plan) -> Fact:
    """Say when the logs of Pods are gone, as long as the Job is there."""
    if plan.in_place:
        text = "of each container the last two runs; gone when the Job fails, since that deletes the Pod"
        return _fact(plan, "logs", text, "pod.restartPolicy")
    if plan.deadline is not None:
        text = "kept in each Pod until the Job is deleted; but of Pods that the deadline ends, gone at once"
        return _fact(plan, "logs", text, "pod.restartPolicy", "activeDeadlineSeconds")
    return _fact(plan, "logs", "kept in each Pod until the Job is deleted", "pod.restartPolicy")


def deleted(plan: Plan) -> Fact:
    """Say when the Job itself is gone."""
    if plan.ttl is None:
        return _fact(plan, "deleted", "never: Job, Pods and logs stay until somebody deletes them", _TTL)
    if not plan.ttl:
        return _fact(plan, "deleted", "at once when it ends, with its Pods and their logs", _TTL)
    text = f"{duration(plan.ttl)} after its end, with its Pods and their logs"
    return _fact(plan, "deleted", text, _TTL)


_TTL = "ttlSecondsAfterFinished"


def _fact(plan: Plan, topic: str, text: str, *names: str) -> Fact:
    causes = []
    for name in names:
        view = plan.view(name)
        at = plan.written.pod.at(name[4:]) if name.startswith("pod.") else plan.written.spec.at(name)
        found = cause(view, written=at.given)
        causes.append(found._replace(path=plan.base + found.path))
    return Fact(topic, text, tuple(causes))


def _pods(plan: Plan) -> Fact:
    if plan.completions == 0:
        return _fact(plan, "Pods", "none: the Job is Complete at once", "completions")
    if not plan.parallelism:
        return _fact(plan, "Pods", "none: the Job waits until somebody raises parallelism", "parallelism")
    most = most_pods(plan)
    text = f"{plan.together:,} at a time, {plan.pods:,} if none fails"
    if plan.completions is None:
        text = f"{plan.parallelism:,} at a time, which share a queue; none is replaced once one has succeeded"
    text += "; no limit to how many" if most is None else f"; at most {most:,}"
    return _fact(plan, "Pods", text, "completions", "parallelism", *([] if plan.in_place else [_limit(plan)]))


def _end(plan: Plan, longest: Course) -> Fact:
    """Say when the Job has ended at the latest."""
    if longest.end is None:
        return _fact(plan, "ends", "nothing ends it for sure", *filter(None, (_DEADLINE, longest.field)))
    text = f"after {duration(longest.end)} at the latest"
    fields = (
        (_DEADLINE,) if longest.reason == "DeadlineExceeded" else ("completions", "parallelism", _limit(plan))
    )
    return _fact(plan, "ends", text, *fields)


def _limit(plan: Plan) -> str:
    return "backoffLimit" if plan.per_index is None else "backoffLimitPerIndex"


def _retries(plan: Plan) -> Iterator[Fact]:
    """Say how often Pods are replaced, or restarted in place, and after which waits."""
    if plan.in_place:
        yield from _restarts(plan)
        return
    limit = plan.backoff_limit
    retries = limit if plan.per_index is None else plan.per_index
    waits = _waits(Series(0), retries)
    if plan.per_index is not None:
        each = "without a limit" if retries >= UNLIMITED else f"up to {some(retries, 'time')}"
        yield _fact(plan, "retries", f"each index is tried again {each}", "backoffLimitPerIndex")
    elif plan.pods > 1:
        waits += "; a success begins anew, and Pods that fail together count each, but wait once"
    if plan.max_failed is not None:
        text = f"failed index number {plan.max_failed + 1:,} fails the Job at once"
        yield _fact(plan, "retries", text, "maxFailedIndexes")
    if limit < UNLIMITED:
        yield _fact(
            plan, "retries", f"failure number {limit + 1:,} of all Pods fails the Job", "backoffLimit"
        )
    elif plan.per_index is None:
        yield _fact(plan, "retries", "without a limit", "backoffLimit")
    if retries:
        yield Fact("waits", waits)


def _restarts(plan: Plan) -> Iterator[Fact]:
    """Say how often the kubelet restarts containers."""
    limit = plan.backoff_limit
    end = "there is no limit to it"
    if limit < UNLIMITED:
        end = f"the {_nth(max(limit, 1))} restart, of all Pods together, fails the Job"
    text = f"containers are restarted in their Pod; {end}"
    yield _fact(plan, "retries", text, "backoffLimit", "pod.restartPolicy")
    if limit > 1:
        yield Fact("waits", f"{_waits(Series(0, in_place=True), limit)}, by the kubelet")


def _nth(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"


def _waits(series: Series, retries: int) -> str:
    """List the waits before retries, and add them up."""
    listed = [duration(series.wait(number)) for number in range(1, min(retries, 8) + 1)]
    text = ", ".join(listed)
    if retries > len(listed):
        text += f" and so on, never more than {listed[-1]}"
    if 1 < retries < UNLIMITED:
        text += f": {duration(series.waits(retries + 1))} in all"
    return f"{text} before the retries" if retries > 1 else f"{text} before the retry"


def _rules(plan: Plan, given: Assumptions) -> Iterator[Fact]:
    matching = failing_rule(plan, given)
    for number, rule in enumerate(plan.rules):
        here = f" (these Pods: exit code {given.exit_code})" if rule is matching else ""
        text = f"{_about(rule)}: {_ACTIONS[rule.action]}{here}"
        path: Path = (*plan.view("podFailurePolicy").path, "rules", number, "action")
        yield Fact("failures", text, (Cause(plan.base + path, rule.action, written=True),))
    if plan.successes:
        listed = sorted({rule.last(plan.pods) for rule in plan.successes})
        text = f"Complete as soon as a rule is met: in order, when index {listed[0]:,} has succeeded"
        yield _fact(plan, "success", text, "successPolicy")


_ACTIONS = {
    "FailJob": "the Job fails at once",
    "FailIndex": "its index fails at once",
    "Ignore": "not counted, but waited for; there is no limit to it",
    "Count": "counted as any other",
}


def _about(rule: FailureRule) -> str:
    if rule.operator:
        codes = ", ".join(map(str, rule.codes))
        of = f" of {rule.container}" if rule.container else ""
        return f"exit code {codes}{of}" if rule.operator == "In" else f"exit code other than {codes}{of}"
    return f"condition {', '.join(rule.conditions)}"


def _deadline(plan: Plan) -> Iterator[Fact]:
    if plan.deadline is None:
        if plan.pod_deadline is None:
            yield _fact(
                plan, "deadline", "none: a Pod that hangs, or never starts, is never ended", _DEADLINE
            )
        return
    if not plan.deadline:
        yield _fact(plan, "deadline", "the Job fails before its first Pod", _DEADLINE)
        return
    text = f"{duration(plan.deadline)} after its start the Job fails, whatever is left to do"
    yield _fact(plan, "deadline", text, _DEADLINE)
    if plan.together:
        text = f"Pods that are ended take up to {duration(plan.grace)}, and only then the Job is Failed"
        yield _fact(plan, "deadline", text, "pod.terminationGracePeriodSeconds")


_DEADLINE = "activeDeadlineSeconds"


def _resources(plan: Plan, given: Assumptions, usual: int | None) -> Iterator[Fact]:
    requests = requests_of(plan)
    if any(view.placeholder for one in plan.job.all_containers() for view in one.at("resources").all()):
        yield Fact("requests", "what is a placeholder is not counted")
    elif not requests and plan.together:
        yield Fact("requests", "none: nothing is set aside for the Pods")
    seconds = most_pod_seconds(plan, given)
    for key, number in requests.items() if plan.together else ():
        each = f"{amount(hours(number, key, 3600))} {unit(key)}".removesuffix("-hours")
        texts = [f"{each if unit(key).startswith(key) else f'{each} of {key}'} for each Pod"]
        if usual is not None:
            texts.append(f"{amount(hours(number, key, usual))} {unit(key)} if none fails")
        if seconds is not None:
            texts.append(f"at most {amount(hours(number, key, seconds))} {unit(key)}")
        else:
            texts.append("no limit to its hours")
        yield Fact("requests", ", ".join(texts))
