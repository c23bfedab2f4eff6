"""A success policy names indexes that the Job has, in rules that can be met.

The API server rejects a `successPolicy` outside Indexed Jobs, one without rules, and rules that ask for more
indexes than there are. One without `completions` makes it crash and close the connection: kubectl then says
nothing but INTERNAL_ERROR.

Accepted, but surely a mistake: a rule without any index is never met, a count of 0 is met by the first index
that succeeds, whichever it is, and a rule that asks for all that another asks for, or more, never matters.
"""

import re
from collections.abc import Generator, Iterator
from typing import NamedTuple, TypeAlias

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity, quoted
from lint.view import View

_MAX_RULES = 20
_MAX_LENGTH = 64 * 1024
_MAX_NUMBER = 2**63 - 1
_MAX_COMPARED = 1000
"""Intervals of all rules together, above which rules are not compared: that takes time."""

_NUMBER = re.compile(r"\+?0*([0-9]{1,19})\Z")

Intervals: TypeAlias = tuple[tuple[int, int], ...]
"""Indexes in order, the first and the last of each interval."""


class _Need(NamedTuple):
    """What meets a rule: success of `number` of these indexes."""

    indexes: Intervals
    number: int

    def includes(self, other: "_Need") -> bool:
        """Tell whether what meets this meets the other as well, whichever of the indexes succeed."""
        elsewhere = _size(self.indexes) - _common(self.indexes, other.indexes)
        return self.number - elsewhere >= other.number


def check(job: Job, _params: None) -> Iterator[Finding]:
    policy = job.spec.at("successPolicy")
    if not isinstance(policy.value, dict) or job.minor < 31:  # which drops it
        return
    if not job.indexed:
        mode = job.spec.at("completionMode")
        if mode.unset or (mode.as_str() is not None and not mode.placeholder):
            found = quoted("NonIndexed" if mode.unset else mode.value)
            message = f"requires indexed completion mode, not {found}: set completionMode: Indexed"
            yield Finding(policy.path, message)
        return
    listed, completions = policy.at("rules"), job.effective.spec.at("completions")
    if listed.unset or listed.value == []:
        yield Finding(listed.path, "empty: at least one rule must be specified")
    elif isinstance(listed.value, list) and len(listed) > _MAX_RULES:
        yield Finding(listed.path, f"too many: {len(listed)}; must have at most {_MAX_RULES} items")
    rules = [rule for rule in listed.items() if isinstance(rule.value, dict | None)][:_MAX_RULES]
    if completions.unset and any(key.given for rule in rules for key in _keys(rule)):
        yield Finding(
            policy.path,
            "without completions, the API server crashes on it and closes the connection: set completions to "
            "the number of indexes",
        )
        return
    needs = []
    for rule in rules:
        need = yield from _rule(rule, completions.as_int())
        if need:
            needs.append((rule, need))
    yield from _idle(needs)


def _keys(rule: View) -> tuple[View, View]:
    return rule.at("succeededIndexes"), rule.at("succeededCount")


def _rule(rule: View, completions: int | None) -> Generator[Finding, None, _Need | None]:
    """Check one rule; return what it needs, if that is known."""
    listed, counted = _keys(rule)
    if listed.unset and counted.unset:
        yield Finding(rule.path, "at least one of succeededCount or succeededIndexes must be specified")
        return None
    every = None if completions is None else ((0, completions - 1),)
    indexes = every if listed.unset else (yield from _indexes(listed, completions))
    count = counted.as_int()
    if count is None:
        return None if counted.given or not indexes else _Need(indexes, _size(indexes))
    if count < 0:
        yield Finding(counted.path, f"{count} must be greater than or equal to 0")
        return None
    if completions is not None and count > completions:
        yield Finding(
            counted.path, f"{count} must be less than or equal to {completions}, the number of completions"
        )
    elif indexes is not None and count > (number := _size(indexes)):
        message = f"{count} must be less than or equal to {number}, the number of indexes in succeededIndexes"
        yield Finding(counted.path, message)
    elif count > 0:
        return _Need(indexes, count) if indexes else None
    elif indexes is None or _size(indexes) > 0:
        yield _doubt(counted, "0 is met by the first index that succeeds, whichever it is: set 1 or more")
        return _Need(every, 1) if every else None
    return None


def _indexes(listed: View, completions: int | None) -> Generator[Finding, None, Intervals | None]:
    """Check a list of indexes; return them, if they are known."""
    text = listed.as_str()
    if text is None or listed.placeholder:
        return None
    intervals, fault = _read(text, completions)
    if len(text) > _MAX_LENGTH:
        yield Finding(listed.path, f"too long: may not be more than {_MAX_LENGTH} bytes, and has {len(text)}")
    elif fault:
        yield Finding(listed.path, f"{fault}; write indexes and intervals in order, such as 0-2,5")
    elif not text:
        yield _doubt(listed, "without any index, the rule is never met: list some, such as 0-2,5")
    return intervals


def _doubt(view: View, message: str) -> Finding:
    """Make a finding about something that the API server accepts."""
    return Finding(view.path, message, severity=Severity.WARNING, class_=Class.PRACTICE)


def _read(text: str, completions: int | None) -> tuple[Intervals, str]:
    """Read a list of indexes as the API server does; at the first fault there are none, but words for it."""
    intervals: list[tuple[int, int]] = []
    previous = -1
    for fragment in text.split(",") if text else ():
        limits = fragment.split("-")
        if len(limits) > 2:
            return (), f"{_shown(fragment)} has more than two parts separated by '-'"
        numbers = []
        for limit in limits:
            match = _NUMBER.match(limit)
            number = int(match[1]) if match else _MAX_NUMBER + 1
            if number > _MAX_NUMBER:
                return (), f"cannot convert string to integer for index: {_shown(limit)}"
            if completions is not None and number >= completions:
                return (), f"too large index: {_shown(limit)}, of {completions} that begin with 0"
            if number <= previous:
                return (), f"non-increasing order, previous: {previous}, current: {number}"
            previous = number
            numbers.append(number)
        intervals.append((numbers[0], numbers[-1]))
    return tuple(intervals), ""


def _shown(text: str) -> str:
    """Quote a text, shortened where it is long."""
    return quoted(text if len(text) <= 40 else text[:37] + "...")


def _size(indexes: Intervals) -> int:
    """Count indexes."""
    return sum(last - first + 1 for first, last in indexes)


def _common(one: Intervals, other: Intervals) -> int:
    """Count the indexes that both have."""
    count = at = to = 0
    while at < len(one) and to < len(other):
        (first, last), (start, end) = one[at], other[to]
        count += max(0, min(last, end) - max(first, start) + 1)
        if last <= end:
            at += 1
        if end <= last:
            to += 1
    return count


def _idle(needs: list[tuple[View, _Need]]) -> Iterator[Finding]:
    """Find the rules that need as much as another one, or more; of equal ones all but the first."""
    if sum(len(need.indexes) for _, need in needs) > _MAX_COMPARED:
        return
    for at, (rule, need) in enumerate(needs):
        for to, (other, less) in enumerate(needs):
            if at != to and need.includes(less) and (to < at or not less.includes(need)):
                yield _doubt(
                    rule, f"never matters: what meets it meets the rule at index {other.path[-1]} as well"
                )
                break


def _job(*rules: str, completions: str = "completions: 10") -> str:
    """Write an example with these rules."""
    return _JOB.replace("completions: 10", completions).replace("RULES", "\n      ".join(rules))


_JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: simulate
spec:
  completionMode: Indexed
  completions: 10
  successPolicy:
    rules:
      RULES
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: simulate
          image: simulate:1.8
"""

_CRONJOB = """\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: simulate
spec:
  schedule: "7 3 * * *"
  jobTemplate:
    spec:
      completionMode: Indexed
      completions: 10
      successPolicy: {rules: [{succeededIndexes: "0-4", succeededCount: 3}]}
      template:
        spec:
          restartPolicy: Never
          containers:
            - name: simulate
              image: simulate:1.8
"""

_RULES = [f'- succeededIndexes: "{index}"' for index in range(21)]
_LEADER = '- succeededIndexes: "0"  # the leader'

RULE = Rule(
    id="success-policy-invalid",
    doc=__doc__,
    severity=Severity.ERROR,
    class_=Class.SERVER,
    params=None,
    check=check,
    good=(
        Good(_job(_LEADER, '- succeededIndexes: "1-3,5,7-9"', "  succeededCount: 4")),
        Good(_CRONJOB),
        Good(_job("- succeededCount: 10")),
        Good(_job('- succeededIndexes: "+1,02"', "  succeededCount: 2")),
        Good(_job("- succeededCount: 1", completions="# one")),
        Good(_job(*_RULES[:20], completions="completions: 21")),
        Good(_job(*_RULES).replace("completionMode: Indexed", "completionMode: ${MODE}")),
        Good(_job('- succeededIndexes: "${LEADERS}"', "  succeededCount: 2")),
        Good(_job("- succeededCount: 12", completions='completions: "${COUNT}"')),
        Good(  # nine of the first ones may fail
            _job(
                '- {succeededIndexes: "0-8", succeededCount: 2}',
                '- {succeededIndexes: "7-9", succeededCount: 2}',
            )
        ),
        Good(_job("- succeededCount: 11").replace("Indexed", "NonIndexed"), minor=30),
    ),
    bad=(
        Bad(_job(_LEADER).replace("Indexed", "NonIndexed")),
        Bad(_job(_LEADER).replace("  completionMode: Indexed\n", "")),
        Bad(_CRONJOB.replace("completions: 10", "parallelism: 2")),
        Bad(_job("- succeededCount: 1", completions="parallelism: 2")),
        Bad(_job().replace("rules:", "rules: []  # none")),
        Bad(_job(*_RULES, completions="completions: 21")),
        Bad(_job("- {}")),
        Bad(_job("- {}", completions="parallelism: 2")),
        Bad(_job('- succeededIndexes: "0-10"')),
        Bad(_job('- succeededIndexes: "3,1-2"')),
        Bad(_job('- succeededIndexes: "1-1"')),
        Bad(_job('- succeededIndexes: "0, 1"')),
        Bad(_job('- succeededIndexes: "0-1-2"')),
        Bad(_job(f'- succeededIndexes: "{"1" * 65}"', completions='completions: "${COUNT}"')),
        Bad(_job("- succeededCount: 11")),
        Bad(_job("- succeededCount: -1")),
        Bad(_job('- succeededIndexes: "0-1"', "  succeededCount: 3")),
        Bad(_job('- succeededIndexes: ""')),  # accepted, and so are the ones below
        Bad(_job('- succeededIndexes: "0-1"', "  succeededCount: 0")),
        Bad(_job("- succeededCount: 1", _LEADER)),
        Bad(_job('- succeededIndexes: "0-3"', '- {succeededIndexes: "0-3,7", succeededCount: 3}')),
        Bad(_job(_LEADER, _LEADER)),
    ),
)
