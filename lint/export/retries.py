"""How often the Pods of a Job are tried again: `lint.rules`, in CEL."""

from collections.abc import Iterator
from typing import Any

from lint.export.check import INFO, Check, NotExported, every, number, of_job, pod, said, spec
from lint.families import BackoffLimit

_JOB = "variables.job"
_LIMIT, _EACH = f"{_JOB}.backoffLimit", f"{_JOB}.backoffLimitPerIndex"
_SHARED = f"!has({_EACH})"
_ON_FAILURE = "variables.pod.restartPolicy == 'OnFailure'"
_NEVER = "variables.pod.restartPolicy == 'Never'"
_SERVERS = 6
_CONTAINER_RULES = 35
"""The first minor that has them: see lint.rules.container_restart_unbounded."""


def backoff_limit(params: BackoffLimit, _minor: int) -> Iterator[Check]:
    most = str(params.maximum)
    nobody = "!variables.backoffLimitChosen"
    if params.default == _SERVERS:  # a Job has what the fix would set
        nobody = f"(variables.cronjob || variables.backoffLimitNull) && {nobody}"
    yield of_job(
        "backoffLimit",
        every(_SHARED, nobody),
        said(
            f"{{}}: the API server takes {_SERVERS}, the policy {params.default}",
            "(variables.backoffLimitNull ? 'null is no number of retries' : 'nobody says how many retries')",
        ),
    )
    yield of_job(
        "backoffLimit",
        every(_SHARED, "variables.backoffLimitChosen", f"{_LIMIT} > {most}"),
        said(f"{{}} retries are more than the {most} that the policy allows", number(_LIMIT)),
    )
    yield of_job(
        "backoffLimit",
        every(_SHARED, "variables.backoffLimitChosen", f"{_LIMIT} == 0", _ON_FAILURE),
        said("0 with OnFailure: a failed container starts once more, and is killed for it; Never tries once"),
        severity=INFO,
    )
    yield _used_up()


def _used_up() -> Check:
    """Note a number that is used up before the limits of the indexes are."""
    total = f"{_JOB}.completions"
    allowed = f"{total} * {_EACH} + {_JOB}.?maxFailedIndexes.orValue({total})"
    return of_job(
        "backoffLimit",
        every(
            f"has({_EACH}) && has({_LIMIT}) && has({total})", f"{_LIMIT} < {total}", f"{_LIMIT} < {allowed}"
        ),
        said(
            "failure {} ends all {} indexes, whatever their own limits: leave this out",
            number(f"{_LIMIT} + 1"),
            number(total),
        ),
        severity=INFO,
    )


def onfailure_restart_budget(params: BackoffLimit, _minor: int) -> Iterator[Check]:
    limit = f"{_JOB}.?backoffLimit.orValue({_SERVERS})"
    yield of_job(
        "backoffLimit",
        every(_ON_FAILURE, _SHARED, f"{limit} == 1"),
        said("the first restart of a container fails the Job, as with 0: write 2 to allow one"),
        severity=INFO,
    )
    fewer = "'run fewer, or use backoffLimitPerIndex with Indexed and Never'"
    more = f"'allow at least ' + {number('variables.width + 1')}"
    yield of_job(
        "backoffLimit",
        every(_ON_FAILURE, _SHARED, f"{limit} > 1", f"{limit} <= variables.width"),
        said(
            "one restart in each of {} Pods fails the Job, and {} run at a time: {}",
            number(limit),
            number("variables.width"),
            f"(variables.width < {params.maximum} ? {more} : {fewer})",
        ),
    )
    yield Check(
        every(_ON_FAILURE, _SHARED, f"{limit} > 0", "it.of.?restartPolicy.orValue('') == 'Always'"),
        "it.at + '.restartPolicy'",
        said("restarts of this sidecar use up backoffLimit, too; under restartPolicy: Never they do not"),
        each="variables.initContainers",
        severity=INFO,
    )


def onfailure_loses_logs(params: Any, _minor: int) -> Iterator[Check]:
    if params.shipped:
        return
    emptied = (
        "has(v.emptyDir) && (v.emptyDir != {} || variables.lastApplied.contains('\"emptyDir\":{')\n"
        "  || variables.applied.exists(f, f[?'f:template'][?'f:spec'][?'f:volumes']"
        "[?'k:{\"name\":\"' + v.name + '\"}'][?'f:emptyDir'].hasValue()))"
    )
    yield Check(
        every(
            _ON_FAILURE,
            "!variables.owned",
            _SHARED,
            f"{_JOB}.?backoffLimit.orValue({_SERVERS}) != 0",
            f"(has({_JOB}.completions) || {_JOB}.?parallelism.orValue(1) <= 1)",
            f"!variables.pod.?volumes.orValue([]).exists(v, {emptied})",
            "!variables.containers.exists(it, it.of.?env.orValue([]).exists(e,\n"
            "  e.name.contains('QUEUE') || e.name.contains('BROKER')))",
        ),
        pod("restartPolicy"),
        said(
            "the Pod of a Job that fails is deleted with its logs: write Never, under which failed Pods stay"
        ),
    )


def per_index_onfailure(_params: None, _minor: int) -> Iterator[Check]:
    limit = f"{_JOB}.?backoffLimit.orValue(2147483647)"
    end = (
        f"({limit} == 2147483647 ? 'an index that fails is tried for ever'\n"
        f"  : {limit} == 0 ? 'the first one ends the whole Job'\n"
        f"  : 'only restart ' + {number(limit)} + ' of all indexes together ends it')"
    )
    yield Check(
        every(_ON_FAILURE, "variables.indexed", f"has({_EACH})"),
        pod("restartPolicy"),
        said(
            "restarts in the same Pod do not count for backoffLimitPerIndex: {}, {}: write Never",
            number(_EACH),
            end,
        ),
    )


def per_index_backoff(params: Any, _minor: int) -> Iterator[Check]:
    limit, total = f"{_JOB}.?backoffLimit.orValue({_SERVERS})", f"{_JOB}.completions"
    count = f"({limit} == 0 ? '1 failure' : {number(f'{limit} + 1')} + ' failures')"
    yield Check(
        every(
            f"variables.indexed && has({total}) && {total} >= {params.min_completions}",
            f"{_NEVER} && {_SHARED}",
            f"{limit} < {total}",
            f"{_JOB}.?parallelism.orValue(1) < {total}",
            f"!variables.owned && !has(variables.pod.subdomain) && !has({_JOB}.successPolicy)",
        ),
        spec("backoffLimitPerIndex"),
        said(
            "{} of any of the {} indexes end the whole Job: set backoffLimitPerIndex and maxFailedIndexes",
            count,
            number(total),
        ),
    )


def container_restart_unbounded(_params: None, minor: int) -> Iterator[Check]:
    if minor < _CONTAINER_RULES:
        raise NotExported("this minor drops the restart policies of containers")
    own = "it.of.?restartPolicy.orValue('')"
    rules = "it.of.?restartPolicyRules.orValue([]).size() > 0"
    yield Check(
        every(f"!variables.owned && {own} == 'Always'"),
        "it.at + '.restartPolicy'",
        said(
            "it is started again also when it succeeds, so the Job never completes: leave this out, or move "
            "a sidecar to initContainers"
        ),
        each="variables.containers",
    )
    bounded = f"has({_JOB}.activeDeadlineSeconds) || has(variables.pod.activeDeadlineSeconds)"
    yield Check(
        every(
            f"!variables.owned && {_NEVER} && !({bounded})",
            f"{own} != 'Always' && ({rules} || {own} == 'OnFailure')",
        ),
        f"it.at + ({rules} ? '.restartPolicyRules' : '.restartPolicy')",
        said(
            "restarts of a container in its Pod are counted by neither backoffLimit nor podFailurePolicy: "
            "set activeDeadlineSeconds in the Job's spec"
        ),
        each="variables.allContainers",
    )
