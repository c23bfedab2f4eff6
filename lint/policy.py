"""Which rules run, with which parameters, and how much their findings matter."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from lint.job import DEFAULT_MINOR, Job
from lint.path import Path, dotted
from lint.rule import Class, Finding, Fix, Rule, Severity
from lint.rules import HEADS, Head
from lint.view import View

if TYPE_CHECKING:
    from lint.overrides import Overrides

IGNORE = "jobwarden.io/ignore"
"""The annotation that names rules, separated by commas, that are not to look at the object."""

UNUSED = "unused-suppression"
"""The rule that speaks of suppressions that suppress nothing; the engine applies it after all the others."""


Failed: TypeAlias = Callable[[str, Exception], None]
"""Is told the id of a rule that raised, and what it raised."""


Identity: TypeAlias = tuple[str, str, str]
"""Kind, namespace (empty where the manifest leaves it to the client) and name of an object."""


class Setting(NamedTuple):
    """What a policy says of one rule."""

    params: Any = None
    """None: as the rule has them."""

    severity: Severity | None = None
    """None: as the rule has it."""

    mutate: bool = True
    """The webhook makes the rule's safe fixes."""

    strict: bool = False
    """The rule has the severity of the profile `strict`."""


_AS_IT_IS = Setting()


class Violation(NamedTuple):
    """A finding that the policy stands by; the fix is there only when it may be made."""

    rule: str
    severity: Severity
    class_: Class
    path: Path
    message: str
    fix: Fix | None
    field: str = ""
    """The API server's name of the place, where it has one of its own."""

    @property
    def place(self) -> str:
        """The place in words."""
        return self.field or dotted(self.path)


class Mode(IntEnum):
    """How far the policy goes in a namespace: the label `jobwarden.io/mode`.

    Each is the gravest Severity that is left.
    """

    OFF = 0
    """Nothing is looked at."""

    AUDIT = 1
    """Findings are written to the audit log."""

    WARN = 2
    """The user is warned, nothing is denied and nothing changed."""

    ENFORCE = 3
    """As the policy says."""


MODES = {mode.name.lower(): mode for mode in Mode}
"""By the words for them."""


class Webhook(NamedTuple):
    """What a policy says of admission alone."""

    mode: Mode = Mode.ENFORCE
    """How far it goes in a namespace without the label `jobwarden.io/mode`."""

    users: frozenset[str] = frozenset()
    """Whose requests are not looked at."""

    groups: frozenset[str] = frozenset()

    extend_written: bool = False
    """Add to the tolerations and node selectors that a Job's manifest has."""

    deny_invalid: bool = False
    """Deny what the API server would reject in any case, to say how to mend it."""


_WEBHOOK = Webhook()
_PARTS = ("settings", "minor", "webhook", "stored", "least", "never_ignored", "overrides")


class Policy:
    """Rules and their settings; without arguments the default policy."""

    def __init__(  # noqa: PLR0913, PLR0917 - all have defaults, and `replaced` has them by name
        self,
        settings: Mapping[str, Setting] = MappingProxyType({}),
        minor: int = DEFAULT_MINOR,
        webhook: Webhook = _WEBHOOK,
        stored: Mapping[Identity, Any] = MappingProxyType({}),
        least: Severity = Severity.OFF,
        never_ignored: frozenset[str] = frozenset(),
        overrides: "Overrides | None" = None,
    ) -> None:
        self.settings = settings
        """By rule id; a rule that is not named has its own defaults."""
        self.minor = minor
        """The Kubernetes minor that Jobs are checked for."""
        self.webhook = webhook
        self.stored = stored
        """The objects that Jobs and CronJobs with the same names are updates of."""
        self.least = least
        """What is less grave, nobody wants to know."""
        self.never_ignored = never_ignored
        """The rules that comments and annotations cannot silence."""
        self.overrides = overrides
        """What is different for some objects, which have a policy of their own: see `of`."""
        self.made: dict[tuple[object, ...], Policy] = {}
        """The policies that were made of this one for some objects."""

    def replaced(self, **parts: Any) -> "Policy":
        """Return the policy with other parts, which are named as the arguments."""
        return Policy(**{name: parts.get(name, getattr(self, name)) for name in _PARTS})

    def of(self, job: Job) -> "Policy":
        """Return the policy for an object, with the overrides that match it."""
        overrides = self.overrides
        return overrides.policy(self, overrides.matching(job.kind, job.metadata)) if overrides else self

    @cached_property
    def active(self) -> tuple[tuple[Rule[Any], Setting], ...]:
        """The rules that run, in order."""
        return tuple((head.load(), setting) for head, setting in self._running)

    @cached_property
    def _running(self) -> list[tuple[Head | Rule[Any], Setting]]:
        """The same, which need not be imported yet."""
        settings = ((head, self.settings.get(head.id, _AS_IT_IS)) for head in HEADS)
        return [(head, setting) for head, setting in settings if severity_of(head, setting) != Severity.OFF]

    @cached_property
    def _wanted(self) -> Sequence[tuple[Head | Rule[Any], Setting]]:
        """The rules that run and can find what somebody wants to know, in order."""
        if self.least == Severity.OFF:
            return self.active
        return [
            (head, setting)
            for head, setting in self._running
            if severity_of(head, setting) >= self.least or (head.graver and setting.severity is None)
        ]

    def narrowed(
        self,
        selected: frozenset[str],
        ignored: frozenset[str],
        minor: int,
        stored: Mapping[Identity, Any] = MappingProxyType({}),
        least: Severity = Severity.OFF,
    ) -> "Policy":
        """Return the policy with only some rules (none: all), without others, for updates in a minor.

        What is less grave than `least` may be left out.
        """
        off = {rule.id for rule in HEADS if rule.id in ignored or (selected and rule.id not in selected)}
        settings = {**self.settings, **dict.fromkeys(off, Setting(severity=Severity.OFF))}
        overrides = self.overrides and self.overrides.without(off)
        return self.replaced(settings=settings, minor=minor, stored=stored, least=least, overrides=overrides)

    def mutates(self, rule: str) -> bool:
        """Tell whether the webhook makes the safe fixes of a rule."""
        setting = self.settings.get(rule)
        return setting is None or setting.mutate

    def check(self, job: Job, failed: Failed | None = None, *, every: bool = False) -> Iterator[Violation]:
        """Run the rules on a Job, in order; what its annotations ignore is left out.

        Those that only find what nobody wants to know run where something is ignored (that it is not in vain,
        they have to tell), and if `every` rule is to run. A rule that raises is a bug of ours: it is passed
        on, or told to `failed`, and the other rules run.
        """
        if job.guards.deleting:
            return
        ignores = list(ignored(job))
        names = {name for name, _ in ignores} - self.never_ignored - {UNUSED}
        used = set()
        fields, rejected = job.fields, _rejected(job, failed)
        for head, setting in self.active if ignores or every else self._wanted:
            if head.about is not None and head.id not in rejected and head.about.isdisjoint(fields):
                continue
            rule = head.load()
            for finding in _findings(rule, job, setting, failed):
                violation = _judge(job, rule, setting, finding)
                if violation is None or violation.severity == Severity.OFF:
                    continue
                if rule.id in names:
                    used.add(rule.id)
                else:
                    yield violation
        if ignores:
            from lint.suppression import in_vain  # of no use where nothing is ignored

            yield from in_vain(self, job, ignores, used)


def _rejected(job: Job, failed: Failed | None) -> Container[str]:
    """Return the rules that have to say what the API server rejects; all, if finding out is a bug of ours.

    They meet it then, one by one.
    """
    try:
        return job.rejected
    except Exception:
        if failed is None:
            raise
        return frozenset(head.id for head in HEADS)


def _findings(rule: Rule[Any], job: Job, setting: Setting, failed: Failed | None) -> Iterable[Finding]:
    """Run a rule."""
    params = rule.params if setting.params is None else setting.params
    if failed is None:
        return rule.check(job, params)
    try:
        return list(rule.check(job, params))
    except Exception as error:  # noqa: BLE001 - a bug in one rule must not keep Jobs out of a cluster
        failed(rule.id, error)
        return ()


def severity_of(rule: Head | Rule[Any], setting: Setting) -> Severity:
    """Return how much the rule's ordinary findings matter."""
    if setting.severity is not None:
        return setting.severity
    return rule.strict if setting.strict and rule.strict is not None else rule.severity


def weight(severity: Severity | None, rule: Rule[Any], setting: Setting) -> Severity:
    """Return how much a finding matters: one that is milder than its rule's others stays so."""
    own = severity_of(rule, setting)
    if severity is None or own == Severity.OFF:
        return own
    if severity <= rule.severity:
        return min(severity, own)
    return own if setting.severity is not None else max(severity, own)


def ignored(job: Job) -> Iterator[tuple[str, Path]]:
    """Iterate over the rule ids that annotations of the object or its templates ignore, with their place."""
    own = (job.metadata, job.job_metadata) if job.cronjob else (job.metadata,)
    for metadata in (*own, job.template.at("metadata")):
        if IGNORE in metadata.at("annotations").entries:
            note = metadata.at("annotations", IGNORE)
            for name in (note.as_str() or "").replace(",", " ").split():
                yield name, note.path


def _judge(job: Job, rule: Rule[Any], setting: Setting, finding: Finding) -> Violation | None:
    """Weigh a finding: its severity under this policy, and whether the guards let it and its fix stand."""
    guards = job.guards
    class_ = finding.class_ or rule.class_
    if guards.foreign and class_ == Class.PRACTICE:
        return None
    if guards.partial and (class_ == Class.HOLE or View(job.object.value).at(*finding.path).missing):
        return None  # the other half of the object may say what is missing, and what makes this fit
    severity = weight(finding.severity, rule, setting)
    fix = finding.fix
    if guards.owned or guards.cron_child:  # a controller would meet the denial, and the edit, not a person
        severity, fix = severity if class_ == Class.SERVER else min(severity, Severity.WARNING), None
    return Violation(rule.id, severity, class_, finding.path, finding.message, fix, finding.field)
