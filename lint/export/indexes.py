"""What Indexed Jobs have, and others read in vain: `lint.rules`, in CEL."""

from collections.abc import Iterator

from lint.export.check import WARNING, Check, every, number, of_job, pattern, said, text
from lint.rule import Class

_TOTAL, _AT_A_TIME = "variables.job.completions", "variables.job.parallelism"
_MANY, _MAX_OF_MANY = 100_000, 10_000
_NAME, _KEY = "JOB_COMPLETION_INDEX", "batch.kubernetes.io/job-completion-index"
_REFERENCE = rf"(?:^|[^$])(?:\$\$)*\$\({_NAME}\)"


def indexed_constraints(_params: None, _minor: int) -> Iterator[Check]:
    yield of_job(
        "parallelism",
        every(
            f"variables.indexed && variables.job.?completions.orValue(0) > {_MANY}",
            f"variables.job.?parallelism.orValue(0) > {_MAX_OF_MANY}",
        ),
        said(
            "with {} completions and {} Pods at a time, Kubernetes might not be able to track "
            f"completedIndexes when a big number of indexes fail: set {_MAX_OF_MANY} or less",
            number(_TOTAL),
            number(_AT_A_TIME),
        ),
        severity=WARNING,
        class_=Class.PRACTICE,
    )


def _empty(path: str) -> str:
    """Tell whether a field reads the index, which no template has."""
    return " || ".join(
        f"({path} == {text(f'metadata.{where}[' + chr(39) + _KEY + chr(39) + ']')}\n"
        f"    && !('{_KEY}' in variables.podMetadata.?{where}.orValue({{}})))"
        for where in ("annotations", "labels")
    )


def _refers(value: str) -> str:
    return f"{value}.matches({pattern(_REFERENCE)}) && !{value}.contains('completionMode')"


_PLAIN = "!variables.indexed && !variables.foreign"
_CAUSE = said(
    ", since the Pods of a NonIndexed Job have no index: set completionMode: Indexed{}",
    f"(has({_TOTAL}) ? '' : ' and completions')",
)


def index_without_indexed(_params: None, _minor: int) -> Iterator[Check]:
    """Find what can never work; what scripts read in vain is left to the linter."""
    field = "e.?valueFrom.?fieldRef.?fieldPath.orValue('')"
    yield Check(
        every(_PLAIN, f"it.of.?env.orValue([]).exists(e, {_empty(field)})"),
        "it.at + '.env'",
        said("this field is always empty{}", _CAUSE),
        each="variables.allContainers",
    )
    item = "i.?fieldRef.?fieldPath.orValue('')"
    source = f"s.?downwardAPI.?items.orValue([]).exists(i, {_empty(item)})"
    yield Check(
        every(_PLAIN, f"([it] + it.?projected.?sources.orValue([])).exists(s, {source})"),
        "variables.podPath + '.volumes[' + it.name + ']'",
        said("this field is always empty{}", _CAUSE),
        each="variables.pod.?volumes.orValue([])",
    )
    yield _referred()


def _referred() -> Check:
    """Find a container where nothing replaces `$(NAME)`."""
    words = "it.of.?command.orValue([]) + it.of.?args.orValue([])"
    values = "it.of.?env.orValue([]).map(e, e.?value.orValue(''))"
    mounts = "it.of.?volumeMounts.orValue([]).map(m, m.?subPathExpr.orValue(''))"
    return Check(
        every(
            _PLAIN,
            f"!it.of.?env.orValue([]).exists(e, e.name == '{_NAME}')",
            "it.of.?envFrom.orValue([]).size() == 0",
            f"({words} + {values} + {mounts}).exists(word, {_refers('word')})",
        ),
        "it.at",
        said(f"$({_NAME}) has no value{{}}", _CAUSE),
        each="variables.allContainers",
    )
