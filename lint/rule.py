"""What a rule is made of, and what it says.

Values, parameters of rules among them, are named tuples wherever a plain run comes along: a frozen dataclass
takes five times as long to make, and to import `dataclasses` as long as to import a dozen rules.
"""

from collections.abc import Callable, Iterator
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from lint.edit import Edit
from lint.job import DEFAULT_MINOR, Job
from lint.path import Path

if TYPE_CHECKING:
    from lint.validation.cause import Cause


class Severity(IntEnum):
    """How much a finding matters; comparable."""

    OFF = 0
    """Not looked for."""

    INFO = 1
    """Told on demand, never fails anything."""

    WARNING = 2
    """Fails a lint run (unless `--fail-on error`), warns at admission."""

    ERROR = 3
    """Fails a lint run, denies at admission."""

    @property
    def label(self) -> str:
        """The word for it: `warning`."""
        return self.name.lower()


class Class(StrEnum):
    """What a finding rests on."""

    SERVER = "server"
    """The API server rejects the object."""

    HOLE = "hole"
    """The API server accepts the object, and it can never work."""

    PRACTICE = "practice"
    """The policy's opinion."""


class Fix(NamedTuple):
    """Edits that mend a finding, all or none; paths are relative to the object."""

    title: str
    """What it does, as an order: `set backoffLimit: 3`."""

    edits: tuple[Edit, ...]

    safe: bool = True
    """Made by `--fix` and by the webhook; else only by `--fix --unsafe-fixes`."""


class Finding(NamedTuple):
    """What a rule has to say about one place."""

    path: Path
    """The offending key, also when it is the missing one."""

    message: str
    """Lower case, no full stop; names the value found and the value wanted, never the path."""

    fix: Fix | None = None

    severity: Severity | None = None
    """None: the rule's own."""

    class_: Class | None = None
    """None: the rule's own."""

    field: str = ""
    """What the API server calls the place, where it is not the path."""


def quoted(value: Any) -> str:
    """Write a value of a manifest as messages show it: text in double quotes."""
    import json  # of no use to a run that finds nothing

    return json.dumps(value)


def refusal(cause: "Cause", mend: str = "", fix: Fix | None = None) -> Finding:
    """Say in its own words what the API server rejects, and then how to mend it."""
    return Finding(cause.path, cause.brief + mend, fix, field=cause.renamed)


def rejected(job: Job, rule: str) -> Iterator[Finding]:
    """Say what the API server rejects of what a rule is about."""
    yield from map(refusal, job.causes(rule))


P = TypeVar("P")


class Good(NamedTuple):
    """A manifest in which the rule finds nothing; `params` and `minor` where they are not the defaults."""

    text: str
    params: Any = None
    minor: int = DEFAULT_MINOR
    stored: str = ""
    """What it is an update of, if it is one."""


class Bad(NamedTuple):
    """A manifest in which the rule finds something; `fixed` is the text after all of this rule's fixes.

    A manifest that the rule only notes (severity info) is a bad one as well.
    """

    text: str
    fixed: str | None = None
    params: Any = None
    minor: int = DEFAULT_MINOR
    text_only: bool = False
    """Comments, or a key given twice, show it: admission never sees them."""
    stored: str = ""
    """What it is an update of, if it is one."""


class Rule(NamedTuple, Generic[P]):
    """One rule: the module that it stands in, as a value."""

    id: str
    """Kebab-case, names what is wrong; reads well as `ignore ID`."""

    doc: str
    """The module's docstring: a line that states the policy, then the reason."""

    severity: Severity
    class_: Class
    params: P
    """The defaults: a named tuple, or None for a rule without parameters. Its method `validate`, if there is
    one, raises ValueError for values that do not go together."""

    check: Callable[[Job, P], Iterator[Finding]]
    good: tuple[Good, ...]
    bad: tuple[Bad, ...]
    family: str = ""
    """The policy file's section for the parameters of rules that share them; empty: the rule's own entry."""

    strict: Severity | None = None
    """Its severity under the profile `strict`; None: that of the default profile."""

    graver: bool = False
    """It has findings that are graver than `severity`: of a rule that notes only, who wants no notes need not
    ask."""

    about: frozenset[str] | None = None
    """Fields of the CronJob's, the Job's and the Pod's spec, without any of which it has nothing to say but
    what the API server rejects, and is not asked. None: it is asked about every object."""

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return self.doc.partition("\n")[0]

    def load(self) -> "Rule[P]":
        """Return the rule itself: the registry also has what stands for rules that are not imported yet."""
        return self
