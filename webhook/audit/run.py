"""One audit: what it has read, what it tells, and how it went."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence

from lint import crash
from lint.walk import Unreadable
from webhook.audit.live import Live, live
from webhook.audit.progress import Progress
from webhook.cluster import FORBIDDEN, Cluster, ClusterError

_ROLE = (
    "to read all namespaces takes a ClusterRole that may list jobs and cronjobs of the group batch; "
    "who may read some names them with --namespace"
)


class Run:
    """The state of an audit."""

    def __init__(self, cluster: Cluster, namespaces: Sequence[str]) -> None:
        self.cluster = cluster
        self.namespaces = namespaces
        """Those that are read; none: all."""
        self.progress = Progress()
        self.seen = Counter[str]()
        """Objects that were looked at, by kind."""
        self.children = 0
        """Jobs of CronJobs, which are not looked at: their CronJobs are."""
        self.problems: list[str] = []
        """Why something was not done."""
        self.unreadable: list[Unreadable] = []
        """What could not be read: `NAMESPACE/KIND`, or `KIND` in all namespaces."""
        self.bugs: list[str] = []
        """Rules that raised."""

    def objects(self, kinds: Sequence[str]) -> Iterator[Live]:
        """Iterate over the objects of some kinds, and show how far that is."""
        return self.progress.along(live(self.cluster, kinds, self.namespaces, self.unread))

    def judged(self) -> Iterator[Live]:
        """Iterate over the objects that the policy is for."""
        for one in self.objects(("CronJob", "Job")):
            if one.child:
                self.children += 1
            else:
                self.seen[one.kind] += 1
                yield one

    def say(self, *lines: str) -> None:
        """Print lines for the user."""
        self.progress.clear()
        print(*lines, sep="\n")

    def remark(self, line: str) -> None:
        """Print a line for the user where the standard output is a program's."""
        self.progress.clear()
        print(line, file=sys.stderr)

    def unread(self, place: str, error: ClusterError) -> None:
        """Take note that something could not be read."""
        hint = f"\n{_ROLE}" if error.status == FORBIDDEN and not (self.incomplete or self.namespaces) else ""
        self.unreadable.append(Unreadable(place, str(error)))
        self.failed_to(f"{error}{hint}")

    def failed_to(self, message: str) -> None:
        """Take note that something was asked for and not done."""
        self.problems.append(message)
        self.complain(message)

    def failed(self, rule: str, error: Exception) -> None:
        """Tell of a rule that raised, once: that is a bug of ours."""
        if rule not in self.bugs:
            self.bugs.append(rule)
            self.complain(f"the rule {rule} failed\n{crash.text(error, ' '.join(sys.argv))}")

    def complain(self, message: str) -> None:
        """Tell what went wrong."""
        sys.stdout.flush()
        self.remark(f"jobwarden-webhook: {message}")

    @property
    def incomplete(self) -> bool:
        """Something could not be read."""
        return bool(self.unreadable)

    @property
    def looked_at(self) -> str:
        """What was looked at, in words."""
        told = [numbered(self.seen[kind], kind) for kind in ("Job", "CronJob")]
        told += [f"{numbered(self.children, 'Job')} of CronJobs"] if self.children else []
        return f"read {', '.join(told)}"


def numbered(number: int, noun: str) -> str:
    """Write a number of things."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
