"""A success policy names indexes that the Job has, in rules that can be met.

The API server rejects a `successPolicy` outside Indexed Jobs, one without rules, and rules that ask for more
indexes than there are. One without `completions` makes it crash and close the connection: kubectl then says
nothing but INTERNAL_ERROR.

Accepted, but surely a mistake: a rule without any index is never met, a count of 0 is met by the first index
that succeeds, whichever it is, and a rule that asks for all that another asks for, or more, never matters.
"""

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from lint.job import Job
from lint.rule import Bad, Class, Finding, Good, Rule, Severity, refusal
from lint.view import View

_MAX_COMPARED = 1000
"""Intervals of all rules together, above which rules are not compared: that takes time."""

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
    causes = job.causes("success-policy-invalid")
    for cause in causes:
        not_indexed = cause.detail == "requires indexed completion mode"
        yield refusal(cause, ": set completionMode: Indexed" if not_indexed else "")
    completions = job.effective.spec.at("completions").as_int()
    if causes or not job.indexed or completions is None:
        return
    needs = []
    for rule in job.spec.at("successPolicy", "rules").items():
        listed, counted = rule.at("succeededIndexes"), rule.at("succeededCount")
        indexes = _intervals(listed, completions)
        if indexes is None or (counted.given and counted.as_int() is None):
            continue
        if not _size(indexes):
            yield _doubt(listed, "without any index, the rule is never met: list some, such as 0-2,5")
        elif counted.value == 0:
            yield _doubt(counted, "0 is met by the first index that succeeds, whichever it is: set 1 or more")
            needs.append((rule, _Need(((0, completions - 1),), 1)))
        else:
            needs.append((rule, _Need(indexes, counted.as_int() or _size(indexes))))
    yield from _idle(needs)


def _intervals(listed: View, completions: int) -> Intervals | None:
    """Read a list of indexes; None where it is not known, nor what it says."""
    text = listed.as_str()
    if listed.placeholder or (listed.given and text is None):
        return None
    if listed.unset or text is None:
        return ((0, completions - 1),)
    parts = [[int(number) for number in interval.split("-")] for interval in text.split(",") if text]
    return tuple((numbers[0], numbers[-1]) for numbers in parts)


def _doubt(view: View, message: str) -> Finding:
    """Make a finding about something that the API server accepts."""
    return Finding(view.path, message, severity=Severity.WARNING, class_=Class.PRACTICE)


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
    about=frozenset(("successPolicy",)),
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
