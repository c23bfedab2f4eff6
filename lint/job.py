"""One look at a Job, whether it stands alone or as the template of a CronJob."""

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lint.defaults import defaulted
from lint.guards import Guards, guards_of
from lint.path import Path
from lint.view import View

if TYPE_CHECKING:
    from lint.validation.cause import Cause

DEFAULT_MINOR = 35
"""The Kubernetes 1.x minor that is assumed when nobody says: the oldest that is supported upstream."""


_MANAGED_BY = 32
"""The first minor that knows `managedBy`: others drop it, and run the Job themselves."""


class Job:
    """A Job or CronJob as it was written; `effective` is the same object with the server's defaults.

    Paths are the same in both: defaulting moves nothing. A fragment is a legal Job, and so is a tree of
    wrong types; what is not there is a missing View.
    """

    def __init__(
        self,
        tree: Any,
        minor: int = DEFAULT_MINOR,
        comment: Callable[[Path], str] = lambda _: "",
        repeated: tuple[Path, ...] = (),
        seen: Any = None,
    ) -> None:
        self.object = View(tree)
        self.minor = minor
        """The Kubernetes minor that the object is for: 35 means 1.35."""
        self.comment = comment
        """The comments on the line of a path and directly above it; empty where nobody sees any."""
        self.repeated = repeated
        """The keys that were written more than once in their map; known of a text only."""
        self._seen = seen
        """The object with the server's own defaults, where it has set them already."""
        self.misspelt = ""
        """How its kind is written, where that is no kind that there is."""
        self.by_person = False
        """No controller made it, so that a controller it names as its owner does not count: else everybody
        could name one, and get by."""
        self.stored: Any = None
        """The object as it is in the cluster already, where this is an update of it and somebody knows."""
        self.beside: Callable[[str], list[Any]] = lambda _: []
        """What speaks of a kind in the same file, a List as a whole; nothing where nobody knows the file."""
        self.left_to_server = False
        """An API server looks at it next: what that rejects, nobody needs to say beforehand."""
        self.is_effective = False
        """The server's defaults are in it; it is its own `effective`, without a reference to itself: trees
        are freed without a garbage collector."""
        self._effective: Job | None = None
        self.cronjob = (
            self.object.at("kind").as_str() == "CronJob" or self.object.at("spec", "jobTemplate").given
        )
        base: Path = ("spec", "jobTemplate") if self.cronjob else ()
        self.metadata = self.object.at("metadata")
        self.job_metadata = self.object.at(*base, "metadata")
        """Metadata of the Jobs that are made: for a CronJob, that of its template."""
        self.spec = self.object.at(*base, "spec")
        """The Job's spec."""
        self.template = self.object.at(*base, "spec", "template")
        self.pod = self.object.at(*base, "spec", "template", "spec")
        """The Pod's spec."""

    @property
    def kind(self) -> str:
        """`Job` or `CronJob`."""
        return "CronJob" if self.cronjob else "Job"

    @cached_property
    def fields(self) -> AbstractSet[str]:
        """The fields in the spec of the Pod, of the Job and, if it is one, of the CronJob."""
        of_job = self.spec.entries.keys() | self.pod.entries
        return of_job | self.object.at("spec").entries.keys() if self.cronjob else of_job

    @cached_property
    def containers(self) -> tuple[View, ...]:
        """The regular containers."""
        return tuple(self.pod.at("containers").items())

    @cached_property
    def init_containers(self) -> tuple[View, ...]:
        """The init containers, native sidecars among them."""
        return tuple(self.pod.at("initContainers").items())

    def all_containers(self) -> Iterator[View]:
        """Iterate over init containers, then regular ones: the order in which they start."""
        yield from self.init_containers
        yield from self.containers

    @cached_property
    def guards(self) -> Guards:
        """Who else has a say about this object."""
        guards = guards_of(self.metadata, self.spec, self.job_metadata, self.pod)
        if self.by_person:
            guards = guards._replace(owned=False, cron_child=False)
        if self.minor < _MANAGED_BY:
            guards = guards._replace(foreign=False)
        return guards

    @property
    def effective(self) -> "Job":
        """The Job after the API server's defaulting.

        A partial object is left as it is: what it does not say, the object that it patches may say.
        """
        if self.is_effective or self.guards.partial or not isinstance(self.object.value, dict):
            return self
        if self._effective is None:
            tree = defaulted(self.object.value, self.minor) if self._seen is None else self._seen
            self._effective = Job(tree, self.minor, self.comment, self.repeated)
            self._effective.by_person = self.by_person
            self._effective.is_effective = True
        return self._effective

    def causes(self, rule: str) -> "list[Cause]":
        """Return the causes for which the API server rejects the object that a rule is about.

        Of a partial object nobody knows more than what cannot be read, nor what a placeholder stands for, and
        what depends on it.
        """
        return self.rejected.get(rule, [])

    @cached_property
    def rejected(self) -> "dict[str, list[Cause]]":
        """All these causes, by the rule that each is about."""
        found: dict[str, list[Cause]] = {}
        if self.left_to_server or not isinstance(self.object.value, dict):
            return found
        from lint.validation.plain import is_plain  # a run without Jobs needs none of it

        if self.stored is None and is_plain(self.object.value, self.minor):
            return found
        from lint.validation import server  # most Jobs need none of it

        if self.guards.partial:
            causes = server.unread(self.object.value, self.minor)
        elif self.stored is None:
            kept = self._kept if self._seen is None else None
            causes = server.all_found(self.object.value, self.minor, kept)
        else:
            causes = server.all_found_of_update(self.stored, self.object.value, self.minor)
        for rule, cause in causes:
            if not self._unknown(cause):
                found.setdefault(rule, []).append(cause)
        return found

    @cached_property
    def lost(self) -> list[Path]:
        """The fields that the API server drops without a word, since their features are off."""
        from lint.validation.dropping import dropped  # a run without Jobs needs none of it

        tree = self.effective.object.value
        return list(dropped(tree, self.minor)) if isinstance(tree, dict) else []

    @property
    def _kept(self) -> Any:
        """The object with its defaults, and without what the server drops."""
        tree = self.effective.object.value
        if not self.lost:
            return tree
        from lint.validation.dropping import without

        return without(tree, self.lost)

    def _unknown(self, cause: "Cause") -> bool:
        """Tell whether there are placeholders where a cause is, beside its steps, or in what it misses."""
        view = self.object
        if str(cause.path[-1])[:1] == "$":  # what Kustomize is to do
            return True
        for step in cause.path:
            if any(below.placeholder for _, below in view.fields()):
                return True
            view = view.at(step)
        missed = self.pod.at("volumes").all() if cause.type == "Not found" else ()
        return any(below.placeholder for below in (*view.all(), *missed))

    def changed(self, tree: Any) -> "Job":
        """Return the Job as a change leaves it: made by whoever made it, its text no longer known."""
        job = Job(tree, self.minor)
        job.by_person, job.left_to_server, job.stored = self.by_person, self.left_to_server, self.stored
        return job

    def misplaced(self, key: str, *places: View) -> bool:
        """Tell whether a key that is missing stands at a wrong place: to be moved, not to be written anew.

        It is looked for from the object down to the Pod's spec, `places` left out: there it is right.
        """
        right = [place.path for place in places]
        value, path = self.object.value, self.pod.path
        for depth in range(len(path) + 1):
            if not isinstance(value, dict):
                return False
            if value.get(key) is not None and path[:depth] not in right:
                return True
            value = value.get(path[depth]) if depth < len(path) else None
        return False

    @property
    def indexed(self) -> bool:
        """The completion mode is Indexed."""
        return self.spec.at("completionMode").as_str() == "Indexed"

    @property
    def restart_policy(self) -> str | None:
        """The Pod's restart policy as written, or None."""
        return self.pod.at("restartPolicy").as_str()


def is_sidecar(init_container: View) -> bool:
    """Tell whether an init container is a native sidecar (`restartPolicy: Always`)."""
    return init_container.at("restartPolicy").as_str() == "Always"
