"""Which rules run, with which parameters, and how much their findings matter."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import IntEnum
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from lint.defaults import undefaulted
from lint.job import DEFAULT_MINOR, Job
from lint.path import Path, dotted
from lint.rule import Class, Finding, Fix, Rule, Severity
from lint.rules import RULES
from lint.view import View

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

    params: Any
    severity: Severity | None = None
    """None: as the rule has it."""

    mutate: bool = True
    """The webhook makes the rule's safe fixes."""

    strict: bool = False
    """The rule has the severity of the profile `strict`."""


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


class Policy:
    """Rules and their settings; without arguments the default policy."""

    def __init__(
        self,
        settings: Mapping[str, Setting] = MappingProxyType({}),
        minor: int = DEFAULT_MINOR,
        webhook: Webhook = _WEBHOOK,
        stored: Mapping[Identity, Any] = MappingProxyType({}),
    ) -> None:
        self.settings = settings
        """By rule id; a rule that is not named has its own defaults."""
        self.minor = minor
        """The Kubernetes minor that Jobs are checked for."""
        self.webhook = webhook
        self.stored = stored
        """The objects that Jobs and CronJobs with the same names are updates of."""

    @cached_property
    def active(self) -> tuple[tuple[Rule[Any], Setting], ...]:
        """The rules that run, in order."""
        settings = ((rule, self.settings.get(rule.id) or Setting(rule.params)) for rule in RULES)
        return tuple(
            (rule, setting) for rule, setting in settings if _severity(rule, setting) != Severity.OFF
        )

    def narrowed(
        self,
        selected: frozenset[str],
        ignored: frozenset[str],
        minor: int,
        stored: Mapping[Identity, Any] = MappingProxyType({}),
    ) -> "Policy":
        """Return the policy with only some rules (none: all), without others, for updates in a minor."""
        settings = dict(self.settings)
        for rule in RULES:
            if rule.id in ignored or (selected and rule.id not in selected):
                settings[rule.id] = Setting(rule.params, Severity.OFF)
        return Policy(settings, minor, self.webhook, stored)

    def mutates(self, rule: str) -> bool:
        """Tell whether the webhook makes the safe fixes of a rule."""
        setting = self.settings.get(rule)
        return setting is None or setting.mutate

    def check(self, job: Job, failed: Failed | None = None) -> Iterator[Violation]:
        """Run every rule on a Job, in order; what its annotations ignore is left out.

        A rule that raises is a bug of ours: it is passed on, or told to `failed`, and the other rules run.
        """
        if job.guards.deleting:
            return
        ignores = list(ignored(job))
        names = {name for name, _ in ignores}
        used = set()
        for rule, setting in self.active:
            for finding in _findings(rule, job, setting.params, failed):
                violation = _judge(job, rule, setting, finding)
                if violation is None or violation.severity == Severity.OFF:
                    continue
                if rule.id in names and rule.id != UNUSED:
                    used.add(rule.id)
                else:
                    yield violation
        for name, path in ignores:
            if name not in used and (unused := self.unused(name, path)) and not self._keeps(job, name):
                yield unused

    def _keeps(self, job: Job, name: str) -> bool:
        """Tell whether a rule would find a default that is written here.

        Admission cannot always tell it from one that is not, and then the annotation keeps it.
        """
        for rule, setting in self.active:
            if rule.id == name:
                bare = Job(undefaulted(job.object.entries, job.minor), job.minor)
                return any(True for _ in rule.check(bare, setting.params))
        return False

    def unused(self, name: str, path: Path) -> Violation | None:
        """Report a suppression that suppressed nothing; that is right as long as its rule is switched off."""
        severity = next(
            (_severity(rule, setting) for rule, setting in self.active if rule.id == UNUSED), None
        )
        if severity is None:
            return None
        if not name:
            message = "name the rules to ignore: ignore[backoff-limit]"
        elif all(rule.id != name for rule in RULES):
            message = f"there is no rule {name!r} to ignore"
        elif any(rule.id == name for rule, _ in self.active):
            message = f"{name} finds nothing here to ignore"
        else:
            return None
        return Violation(UNUSED, severity, Class.PRACTICE, path, message, None)


def _findings(rule: Rule[Any], job: Job, params: Any, failed: Failed | None) -> Iterable[Finding]:
    """Run a rule."""
    if failed is None:
        return rule.check(job, params)
    try:
        return list(rule.check(job, params))
    except Exception as error:  # noqa: BLE001 - a bug in one rule must not keep Jobs out of a cluster
        failed(rule.id, error)
        return ()


def _severity(rule: Rule[Any], setting: Setting) -> Severity:
    """Return how much the rule's ordinary findings matter."""
    if setting.severity is not None:
        return setting.severity
    return rule.strict if setting.strict and rule.strict is not None else rule.severity


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
    severity = _severity(rule, setting)
    if finding.severity is not None:
        severity = finding.severity if setting.severity is None else min(finding.severity, severity)
    fix = finding.fix
    if guards.owned or guards.cron_child:  # a controller would meet the denial, and the edit, not a person
        severity, fix = severity if class_ == Class.SERVER else min(severity, Severity.WARNING), None
    return Violation(rule.id, severity, class_, finding.path, finding.message, fix, finding.field)
