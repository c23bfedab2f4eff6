"""The rules of Jobs and CronJobs that an API server has, and how often random objects met each."""

import re
from typing import TYPE_CHECKING, NamedTuple

from comparing import PANIC, Verdict

if TYPE_CHECKING:
    from schema import Tree

_BOTH = r"spec\.(?:jobTemplate\.spec\.)?"


class Row(NamedTuple):
    """A rule: the causes that it gives."""

    name: str
    field: str
    """A pattern for the field; `SPEC.` stands for the specification of a Job, also in a CronJob."""
    message: str = ""
    """A pattern for a part of the message; `NAME` stands for the object's name."""
    kinds: str = "Job CronJob"
    first: int = 0
    """The minor that has it first."""
    last: int = 99


_POLICY, _SUCCESS = r"SPEC.podFailurePolicy\.rules\[\d+\]", r"SPEC.successPolicy\.rules\[\d+\]"
_LABELS = r"spec\.template\.metadata\.labels"
_GENERATED = rf"{_LABELS}(?:\[(?:batch\.kubernetes\.io/)?(?:job-name|controller-uid)\])?"
_NUMBERS = (
    "parallelism completions activeDeadlineSeconds backoffLimit ttlSecondsAfterFinished backoffLimitPerIndex"
    " maxFailedIndexes"
)
ROWS: tuple[Row, ...] = (
    Row("1 name", r"metadata\.name", "RFC 1123 subdomain", "Job"),
    Row("1 name or generateName", r"metadata\.name", "name or generateName is required"),
    Row("1 generateName", r"metadata\.generateName", "RFC 1123"),
    Row("2 name as label", r"spec\.template\.labels", '"NAME": (?:must be no more|a valid label)', "Job"),
    Row("2 name as label, at the Job", r"metadata\.labels", '"NAME": must be no more', "Job"),
    Row("3 name of an Indexed Job", r"metadata\.name", "will not able to create pod", "Job"),
    *(Row(f"4 {each} < 0", rf"SPEC.{each}", "greater than or equal to 0") for each in _NUMBERS.split()),
    Row("5 per-index limit wanted", r"SPEC.backoffLimitPerIndex", "when maxFailedIndexes is specified"),
    Row("6 backoffLimitPerIndex", r"SPEC.backoffLimitPerIndex", "requires indexed"),
    Row("6 maxFailedIndexes", r"SPEC.maxFailedIndexes", "requires indexed"),
    Row("7 completionMode", r"SPEC.completionMode", "Unsupported"),
    Row("8 completions", r"SPEC.completions", "when completion mode is Indexed"),
    Row("9 parallelism > 100000", r"SPEC.parallelism", "equal to 100000 when completion mode is Indexed"),
    Row("10 maxFailedIndexes > completions", r"SPEC.maxFailedIndexes", "equal to completions"),
    Row("11 maxFailedIndexes > 100000", r"SPEC.maxFailedIndexes", "equal to 100000$"),
    Row("12 maxFailedIndexes wanted", r"SPEC.maxFailedIndexes", "must be specified when completions"),
    Row("13 parallelism > 10000", r"SPEC.parallelism", "equal to 10000 when"),
    Row("14 maxFailedIndexes > 10000", r"SPEC.maxFailedIndexes", "equal to 10000 when"),
    Row("15 managedBy empty", r"SPEC.managedBy", "Required"),
    Row("15 managedBy without a slash", r"SPEC.managedBy", "domain-prefixed path"),
    Row("15 managedBy domain", r"SPEC.managedBy", "RFC 1123 subdomain"),
    Row("15 managedBy path", r"SPEC.managedBy", "Invalid path"),
    Row("15 managedBy length", r"SPEC.managedBy", "Too long"),
    Row("16 podReplacementPolicy", r"SPEC.podReplacementPolicy", r'values: "Failed", "Terminating'),
    Row("16 with a failure policy", r"SPEC.podReplacementPolicy", r'values: "Failed"$'),
    Row("17 rules > 20", r"SPEC.podFailurePolicy\.rules", "Too many"),
    Row("18 action empty", rf"{_POLICY}\.action", "Required"),
    Row("18 action unknown", rf"{_POLICY}\.action", "Unsupported"),
    Row("19 FailIndex", rf"{_POLICY}\.action", "requires the backoffLimitPerIndex"),
    Row("20 both", _POLICY, "specifying both"),
    Row("21 neither", _POLICY, "specifying one"),
    Row("22 operator empty", rf"{_POLICY}\.onExitCodes\.operator", "Required"),
    Row("22 operator unknown", rf"{_POLICY}\.onExitCodes\.operator", "Unsupported"),
    Row("23 containerName", rf"{_POLICY}\.onExitCodes\.containerName", "must be one of the container"),
    Row("24 no values", rf"{_POLICY}\.onExitCodes\.values", "at least one value"),
    Row("24 values > 255", rf"{_POLICY}\.onExitCodes\.values", "Too many"),
    Row("24 values ordered", rf"{_POLICY}\.onExitCodes\.values", "must be ordered"),
    Row("24 values twice", rf"{_POLICY}\.onExitCodes\.values\[\d+\]", "Duplicate"),
    Row("24 value 0", rf"{_POLICY}\.onExitCodes\.values\[\d+\]", "must not be 0"),
    Row("25 conditions > 20", rf"{_POLICY}\.onPodConditions", "Too many"),
    Row(
        "26 condition type",
        rf"{_POLICY}\.onPodConditions\[\d+\]\.type",
        "name part|prefix part|qualified name|label key",
    ),
    Row("27 condition status unknown", rf"{_POLICY}\.onPodConditions\[\d+\]\.status", "Unsupported"),
    Row(
        "27 condition status empty",
        rf"{_POLICY}\.onPodConditions\[\d+\]\.status",
        "Required",
        "CronJob",
        last=33,
    ),
    Row("28 successPolicy", r"SPEC.successPolicy", "requires indexed"),
    Row("28 successPolicy, no completions", "panic", "^(?!.*TZ=[^ ]*$)"),
    Row("29 no rules", r"SPEC.successPolicy\.rules", "at least one rules"),
    Row("29 rules > 20", r"SPEC.successPolicy\.rules", "Too many"),
    Row("30 neither", _SUCCESS, "at least one of succeededCount"),
    Row("31 indexes too long", rf"{_SUCCESS}\.succeededIndexes", "Too long"),
    Row("31 indexes no number", rf"{_SUCCESS}\.succeededIndexes", "cannot convert string to integer"),
    Row("31 indexes too large", rf"{_SUCCESS}\.succeededIndexes", "too large index"),
    Row("31 indexes not ordered", rf"{_SUCCESS}\.succeededIndexes", "non-increasing order"),
    Row("31 indexes of three parts", rf"{_SUCCESS}\.succeededIndexes", "at most two parts"),
    Row("32 count < 0", rf"{_SUCCESS}\.succeededCount", "greater than or equal to 0"),
    Row("32 count > completions", rf"{_SUCCESS}\.succeededCount", "number of specified completions"),
    Row("32 count > indexes", rf"{_SUCCESS}\.succeededCount", "number of indexes"),
    Row(
        "33 restartPolicy", r"SPEC.template\.spec\.restartPolicy", 'Required value: valid values: "OnFailure"'
    ),
    Row("34 restartPolicy of pods", r"SPEC.template\.spec\.restartPolicy", 'supported values: "Always"'),
    Row("34 restartPolicy of Jobs", r"SPEC.template\.spec\.restartPolicy", 'supported values: "OnFailure"'),
    Row("35 with a failure policy", r"SPEC.template\.spec\.restartPolicy", 'only "Never"'),
    Row("36 selector wanted", r"spec\.selector", "Required", "Job"),
    Row("37 selector does not match", r"spec\.template\.metadata\.labels", "does not match template", "Job"),
    Row("38 generated labels", _GENERATED, "must be '", "Job"),
    Row("39 selector not generated", r"spec\.selector", "not auto-generated", "Job"),
    Row("40 template labels", r"SPEC.template\.labels"),
    Row("40 template annotations", r"SPEC.template\.annotations.*"),
    Row("40 pod", r"SPEC.template\.spec\.(?!restartPolicy).+"),
    Row("cron name > 52", r"metadata\.name", "no more than 52", "CronJob"),
    Row("cron name", r"metadata\.name", "RFC 1123 subdomain", "CronJob"),
    Row("cron schedule wanted", r"spec\.schedule", "Required"),
    Row("cron schedule", r"spec\.schedule", "Invalid value: (?!.*cannot use TZ)"),
    Row("cron schedule with TZ", r"spec\.schedule", "cannot use TZ or CRON_TZ"),
    Row("cron schedule, TZ alone", "panic", "TZ=[^ ]*$", "CronJob", last=34),
    Row("cron schedule, TZ alone", r"spec\.schedule", "slice bounds out of range", first=35),
    Row("cron timeZone empty", r"spec\.timeZone", "must be nil or non-empty"),
    Row("cron timeZone unknown", r"spec\.timeZone", "unknown time zone"),
    Row("cron timeZone Local", r"spec\.timeZone", "explicit time zone"),
    *(
        Row(f"cron {each} < 0", rf"spec\.{each}", "greater than or equal to 0", "CronJob")
        for each in ("startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit")
    ),
    Row("cron concurrencyPolicy", r"spec\.concurrencyPolicy", "Unsupported"),
    Row("cron selector", r"spec\.jobTemplate\.spec\.selector", "will be auto-generated"),
    Row("cron manualSelector", r"spec\.jobTemplate\.spec\.manualSelector", "Unsupported"),
)
"""By number of the rules on creation."""


def hits(verdict: Verdict, tree: "Tree", minor: int) -> set[str]:
    """Return the names of the rules that reject an object."""
    return {row.name for row in ROWS if row.first <= minor <= row.last and _hit(row, verdict, tree)}


def _hit(row: Row, verdict: Verdict, tree: "Tree") -> bool:
    if tree["kind"] not in row.kinds:
        return False
    if row.field == "panic":
        return verdict.code == PANIC and bool(re.search(row.message, _schedule(tree)))
    field = row.field.replace("SPEC.", _BOTH)
    metadata = tree.get("metadata")
    name = str(metadata.get("name")) if isinstance(metadata, dict) else ""
    message = row.message.replace("NAME", re.escape(name))
    return any(re.fullmatch(field, one.field) and re.search(message, one.message) for one in verdict.causes)


def _schedule(tree: "Tree") -> str:
    spec = tree.get("spec")
    return str(spec.get("schedule", "")) if isinstance(spec, dict) else ""


def names(minor: int) -> list[str]:
    """Name the rules that a minor has."""
    return list(dict.fromkeys(row.name for row in ROWS if row.first <= minor <= row.last))
