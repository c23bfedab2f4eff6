"""What must not be done twice, or by two at a time: `lint.rules`, in CEL."""

import re
from collections.abc import Iterator
from typing import Any

from lint.export.check import WARNING, Check, every, number, of_job, pattern, pod, said, text, texts

_JOB = "variables.job"
_NOTE = "jobwarden.io/idempotent"
_VALUE, _WRITER = "variables.idempotent", "variables.singleWriter"
_CONCURRENCY = "dyn(object).spec.?concurrencyPolicy.orValue('Allow')"

_PLACE = (
    f"(variables.annotations[?'{_NOTE}'].hasValue() ? 'metadata'\n"
    f"  : variables.jobMetadata.?annotations[?'{_NOTE}'].hasValue() ? 'spec.jobTemplate.metadata'\n"
    f"  : variables.path + '.template.metadata') + '.annotations[{_NOTE}]'"
)


def idempotency_declared(params: Any, _minor: int) -> Iterator[Check]:
    if params.required:
        yield Check(
            every(f"{_VALUE}.size() == 0", f"{_WRITER}.size() == 0"),
            text(f"metadata.annotations[{_NOTE}]"),
            said('nothing says whether the work can be done twice: write "true" or "false"'),
        )
    yield Check(
        every(
            f"{_VALUE}.size() > 0 && !({_VALUE}[0] in ['true', 'false'])",
            f"!{_VALUE}[0].contains('{{{{') && !{_VALUE}[0].contains('${{')",
        ),
        _PLACE,
        said('"{}" says nothing: write "true" or "false"', f"{_VALUE}[0]"),
    )
    once = every(f"{_VALUE}.size() > 0 && {_VALUE}[0] == 'false'", "!variables.owned && !variables.foreign")
    yield from _again(once)
    yield Check(
        every(once, "variables.cronjob", f"{_CONCURRENCY} in ['Allow', 'Replace']"),
        "'spec.concurrencyPolicy'",
        said(
            'idempotent: "false", but under {} {}: write Forbid',
            _CONCURRENCY,
            f"({_CONCURRENCY} == 'Allow' ? 'runs may overlap' : 'a run is broken off and begun again')",
        ),
    )


def _again(once: str) -> Iterator[Check]:
    rules = "variables.failureRules"
    fails = f"{rules}.exists(r, r.action in ['FailJob', 'FailIndex'])"
    ignores = f"{rules}.filter(r, r.action == 'Ignore')"
    yield Check(
        every(once, f"!{fails}", f"{ignores}.size() > 0"),
        f"{ignores}[0].at + '.action'",
        said('idempotent: "false", but Ignore starts another Pod: write FailJob'),
    )
    key = f"(has({_JOB}.backoffLimitPerIndex) ? 'backoffLimitPerIndex' : 'backoffLimit')"
    limit = f"{_JOB}.?backoffLimitPerIndex.orValue({_JOB}.?backoffLimit.orValue(0))"
    rest = every(once, f"!{fails}", f"{ignores}.size() == 0")
    times = (
        f"(!has({_JOB}.backoffLimitPerIndex) && !variables.backoffLimitChosen"
        f" ? 'by default 6' : {number(limit)})"
    )
    yield Check(
        every(rest, f"{limit} > 0"),
        f"variables.path + '.' + {key}",
        said('idempotent: "false", but a failure is tried again {} times: set {}: 0', times, key),
    )
    yield Check(
        every(rest, f"{limit} == 0", "variables.pod.restartPolicy == 'OnFailure'"),
        pod("restartPolicy"),
        said('idempotent: "false", but OnFailure restarts it once before the Job fails: write Never'),
    )


_COMMANDS = (
    r"\b(?:flyway|liquibase|alembic|dbmate|goose|sqitch|knex|prisma|sequelize|typeorm|atlas|artisan)\b"
    r"[^\n;&|]{0,200}?\b(?:migrate|migration:run|update|upgrade|up|deploy)\b"
    r"|\b(?:rake|rails|manage\.py|doctrine)[ \n][^\n;&|]{0,200}?\bmigrate\b|\bef[ \n]database[ \n]update\b"
)
_READS = r"[\s:](?:status|diff|validate|info|current|history|--check|--plan|--sql|--dry-run|--help)(?:\s|$)"
_WORDS = "(it.of.?command.orValue([]) + it.of.?args.orValue([])).join(' ')"


def single_writer(params: Any, _minor: int) -> Iterator[Check]:
    declared = f"({_WRITER}.size() > 0 && {_WRITER}[0] == 'true')"
    silent = f"{_WRITER}.size() == 0"
    images = "|".join(map(re.escape, params.images)) or "/"
    known = pattern(rf"^(?:.*/)?(?:{images})(?:[:@][^/]*)?$|migrate/migrate(?:[:@][^/]*)?$")
    tool = (
        "variables.containers.exists(it,\n"
        f"  (it.of.image.matches({known})\n"
        f"    || (({_WORDS}.contains('migrat') || {_WORDS}.contains(' up'))\n"
        f"      && {_WORDS}.matches({pattern(_COMMANDS)})))\n"
        f"  && !(' ' + {_WORDS}).matches({pattern(_READS)}))"
    )
    named = f"variables.containers.exists(it, it.of.name in {texts(params.names)})"
    ours = "!variables.owned && !variables.foreign"
    grave = every(ours, f"({declared} || ({silent} && {tool}))")
    noted = every(ours, f"{silent} && !{tool} && {named}")
    guessed = every(ours, f"{silent} && ({tool} || {named})")
    yield from _many(every(grave, f"({declared} || !variables.indexed)"), WARNING)
    yield from _many(every(noted, "!variables.indexed"), None)
    yield from _replaced(every(ours, declared), WARNING)
    chosen = (
        '!variables.cronjob && !variables.lastApplied.contains(\'"podReplacementPolicy":"\')\n'
        "&& !variables.applied.exists(f, 'f:podReplacementPolicy' in f)"
    )
    yield from _replaced(every(guessed, chosen), None)
    yield from _overlapping(every(ours, declared), WARNING)
    yield from _overlapping(guessed, None)


def _many(when: str, severity: Any) -> Iterator[Check]:
    yield of_job(
        "parallelism",
        every(f"{_JOB}.?parallelism.orValue(0) > 1 && {_JOB}.?completions.orValue(2) > 1", when),
        said(
            "{} Pods write at the same time where one may: set parallelism: 1",
            number(f"{_JOB}.parallelism"),
        ),
        severity=severity,
    )


def _replaced(when: str, severity: Any) -> Iterator[Check]:
    never = f"{_JOB}.?backoffLimit.orValue(1) == 0 || {_JOB}.?backoffLimitPerIndex.orValue(1) == 0"
    yield of_job(
        "podReplacementPolicy",
        every(f"{_JOB}.?podReplacementPolicy.orValue('') == 'TerminatingOrFailed' && !({never})", when),
        said("a new Pod starts while the one before still ends: set podReplacementPolicy: Failed"),
        severity=severity,
    )


def _overlapping(when: str, severity: Any) -> Iterator[Check]:
    what = (
        f"({_CONCURRENCY} == 'Allow' ? 'a run starts beside the one before'"
        " : 'a run starts while the other still ends')"
    )
    yield Check(
        every(f"variables.cronjob && {_CONCURRENCY} in ['Allow', 'Replace']", when),
        "'spec.concurrencyPolicy'",
        said("under {} {}: set concurrencyPolicy: Forbid", _CONCURRENCY, what),
        severity=severity,
    )
