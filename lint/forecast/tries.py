"""Tries of Pods one after the other and the waits in between, in closed form: a billion is as cheap as one.

All times are whole seconds. The Job controller waits 10 seconds after the first failure, twice as long after
each further one, at most 10 minutes (`DefaultJobPodFailureBackOff`, `MaxJobPodFailureBackOff` of
pkg/controller/job/job_controller.go); Pods that fail together count each, and wait once. The kubelet restarts
a container at once after its first failure, then after 10 seconds and so on, at most 5 minutes, and begins
anew once the container has run for over 10 minutes (`MaxContainerBackOff` of pkg/kubelet/kubelet.go,
`hasExpired` of client-go/util/flowcontrol/backoff.go).
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

_FIRST, _LONGEST, _LONGEST_OF_KUBELET = 10, 600, 300
_SETTLED = 8
"""From so many failures on, the waits no longer grow."""

ENDLESS = 1 << 50
"""Stands for tries without a limit: more than there are seconds in a million years."""


@dataclass(frozen=True)
class Series:
    """How long each try runs, and the waits after it."""

    run: int
    together: int = 1
    """The failures that each try adds: Pods that run side by side."""
    in_place: bool = False
    """The kubelet restarts the container, instead of the Job controller making another Pod."""

    def wait(self, failed: int) -> int:
        """Return the wait after a try, counted from 1."""
        if not self.in_place:
            return min(_FIRST << min(failed * self.together - 1, 6), _LONGEST)
        if failed == 1 or self.run > 2 * _LONGEST_OF_KUBELET:
            return 0
        return min(_FIRST << min(failed - 2, 5), _LONGEST_OF_KUBELET)

    def waits(self, tries: int) -> int:
        """Return the sum of the waits between tries."""
        growing = min(tries - 1, _SETTLED)
        return sum(map(self.wait, range(1, growing + 1))) + (tries - 1 - growing) * self.wait(_SETTLED)

    def start(self, tries: int) -> int:
        """Return when a try starts that has so many before it."""
        return tries * self.run + self.waits(tries + 1)


@dataclass(frozen=True)
class Round:
    """Pods that start and end together."""

    start: int
    end: int
    pods: int
    wait: int
    """Seconds of back-off before the start."""
    outcome: str
    """`succeeded`, `failed` or `killed`."""
    number: int
    """Which try of its Pods it is, from 1."""
    first: int
    """The first of its Pods, counted from 0 over the whole Job; of Indexed Jobs its index."""


@dataclass(frozen=True)
class Block:
    """Groups of Pods one after the other; each group has the same tries."""

    series: Series
    pods: int
    """In the first try of a group."""
    groups: int = 1
    tries: int = 1
    again: int = 0
    """Pods in each further try."""
    outcome: str = "failed"
    last: str = "failed"
    """The outcome of the last try of a group."""
    first: int = 0
    """The Pods, or indexes, before the first group."""

    @property
    def group(self) -> int:
        """The length of a group."""
        return self.series.start(self.tries - 1) + self.series.run

    @property
    def length(self) -> int:
        """The length of all groups."""
        return self.groups * self.group

    @property
    def rounds(self) -> int:
        """The number of tries of all groups."""
        return self.groups * self.tries

    def round(self, number: int) -> Round:
        """Return one of the rounds, counted from 0."""
        group, before = divmod(number, self.tries)
        start = group * self.group + self.series.start(before)
        return Round(
            start=start,
            end=start + self.series.run,
            pods=self.again if before else self.pods,
            wait=self.series.wait(before) if before else 0,
            outcome=self.last if before == self.tries - 1 else self.outcome,
            number=before + 1,
            first=self.first + group * self.pods,
        )

    def begun(self, until: int) -> int:
        """Count the rounds that start before a time."""
        if until <= 0:
            return 0
        groups = min((until - 1) // self.group, self.groups) if self.group else self.groups
        if groups == self.groups:
            return self.rounds
        rest = until - groups * self.group
        return groups * self.tries + bisect_left(range(self.tries), rest, key=self.series.start)

    def made(self, rounds: int) -> int:
        """Count the Pods of the first rounds: those that are restarted in place once."""
        groups, rest = divmod(rounds, self.tries)
        again = 0 if self.series.in_place else self.again
        whole = groups * (self.pods + (self.tries - 1) * again)
        return whole + (self.pods + (rest - 1) * again if rest else 0)

    def pod_seconds(self, until: int) -> int:
        """Add up how long Pods have been there at a time: restarted in place, also while they wait."""
        rounds = self.begun(until)
        if not rounds:
            return 0
        if self.series.in_place:
            return self.pods * min(until, self.length)
        last = self.round(rounds - 1)
        return (self.made(rounds) - last.pods) * self.series.run + last.pods * min(
            until - last.start, self.series.run
        )


@dataclass(frozen=True)
class Timeline:
    """Blocks one after the other."""

    blocks: tuple[Block, ...]

    def parts(self) -> Iterator[tuple[int, Block]]:
        """Iterate over the blocks, each with its start."""
        start = 0
        for block in self.blocks:
            yield start, block
            start += block.length

    @property
    def length(self) -> int:
        """The length of all blocks."""
        return sum(block.length for block in self.blocks)

    def begun(self, until: int) -> int:
        """Count the rounds that start before a time."""
        return sum(block.begun(until - start) for start, block in self.parts())

    def made(self, until: int) -> int:
        """Count the Pods that start before a time."""
        return sum(block.made(block.begun(until - start)) for start, block in self.parts())

    def pod_seconds(self, until: int) -> int:
        """Add up how long Pods have been there at a time."""
        return sum(block.pod_seconds(until - start) for start, block in self.parts())

    def round(self, number: int) -> Round:
        """Return one of the rounds, counted from 0."""
        for start, block in self.parts():
            if number < block.rounds:
                one = block.round(number)
                return Round(
                    start + one.start, start + one.end, one.pods, one.wait, one.outcome, one.number, one.first
                )
            number -= block.rounds
        raise IndexError
