"""What must not run twice at a time does not.

The annotation `jobwarden.io/single-writer: "true"` says so of a Job. Three things break that: `parallelism`,
a CronJob that starts a run beside another (under `Replace`, too: the new Pod starts while the old one has its
grace period), and the replacement of a Pod. Kubernetes starts that as soon as a Pod is being deleted, when a
node is drained for example, and not when it has ended: `podReplacementPolicy: Failed` waits (1.29 and later).
On a node that is lost, it waits until somebody deletes the Pod by force.

Migrations of databases are taken for such Jobs as well, by their tools and by names of containers. Most tools
lock the database, so there all is only noted but several Pods at once that run such a tool.

Spared is a migration that is Indexed, which has one Pod for each of several databases, one that only tells
what it would do, replacement where there is none (`backoffLimit: 0`), and Jobs that another controller runs.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from lint.edit import Set
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity
from lint.view import View

_SINGLE_WRITER = "jobwarden.io/single-writer"
_REPLACEMENT = 29
"""The first minor that has `podReplacementPolicy` without being asked for it."""

_COMMANDS = (
    r"\b(?:flyway|liquibase|alembic|dbmate|goose|sqitch|knex|prisma|sequelize|typeorm|atlas|artisan)\b"
    r"[^\n;&|]{0,200}?\b(?:migrate|migration:run|update|upgrade|up|deploy)\b"
    r"|\b(?:rake|rails|manage\.py|doctrine)[ \n][^\n;&|]{0,200}?\bmigrate\b|\bef[ \n]database[ \n]update\b"
)
_READS = r"[\s:](?:status|diff|validate|info|current|history|--check|--plan|--sql|--dry-run|--help)(?:\s|\Z)"
"""What has a tool tell what it would do."""


class Params(NamedTuple):
    """What migrates databases."""

    images: tuple[str, ...] = ("flyway", "liquibase", "dbmate", "sqitch", "atlas", "goose")
    """Images without registry, folders and tag; `migrate/migrate` is known besides."""

    names: tuple[str, ...] = (
        "migrate",
        "migrations",
        "db-migrate",
        "db-migration",
        "db-migrations",
        "schema-migration",
    )
    """Names of containers."""


def check(job: Job, params: Params) -> Iterator[Finding]:
    declared = _declared(job)
    tool = named = False
    if declared is None:
        for container in job.containers:
            entries = container.entries
            tool = tool or _migrates(entries, params)
            named = named or entries.get("name") in params.names
        if not tool and not named:
            return
    guards = job.guards
    if declared is False or guards.partial or guards.owned or guards.foreign:
        return
    severity = Severity.WARNING if declared else None
    if declared or not job.indexed:
        yield from _many(job, Severity.WARNING if tool else severity)
    yield from _replaced(job, severity)
    if job.cronjob:
        yield from _overlapping(job, severity)


def _declared(job: Job) -> bool | None:
    """Tell what the annotation says; None when there is none."""
    own = (job.metadata, job.job_metadata) if job.cronjob else (job.metadata,)
    for metadata in (*own, job.template.at("metadata")):
        if "annotations" in metadata.entries:
            note = metadata.at("annotations", _SINGLE_WRITER)
            if note.given:
                return bool(note.value == "true")
    return None


def _migrates(entries: dict[str, Any], params: Params) -> bool:
    """Tell whether a container runs a tool that migrates databases."""
    image, known = entries.get("image"), False
    if isinstance(image, str):
        folder, _, name = image.rpartition("/")
        name = name.partition(":")[0].partition("@")[0]
        known = name in params.images or (name == "migrate" and folder.endswith("migrate"))
    parts = (entries.get("command"), entries.get("args"))
    text = " ".join([str(word) for part in parts if type(part) is list for word in part])
    if not known and not (("migrat" in text or " up" in text) and re.search(_COMMANDS, text)):
        return False
    return not re.search(_READS, f" {text}")


def _many(job: Job, severity: Severity | None) -> Iterator[Finding]:
    """Find several Pods at a time."""
    parallelism, completions = job.spec.at("parallelism"), job.spec.at("completions").as_int()
    pods = parallelism.as_int() or 0
    if min(pods, pods if completions is None else completions) > 1:
        message = f"{pods} Pods write at the same time where one may: set parallelism: 1"
        yield Finding(parallelism.path, message, severity=severity)


def _replaced(job: Job, severity: Severity | None) -> Iterator[Finding]:
    """Find a Pod that is replaced before it has ended."""
    spec = job.effective.spec
    replacement = spec.at("podReplacementPolicy")
    if job.minor < _REPLACEMENT or replacement.value != "TerminatingOrFailed" or _never_replaced(spec):
        return
    if severity is None and job.spec.at("podReplacementPolicy").given:  # somebody chose it
        return
    message = "a new Pod starts while the one before still ends: set podReplacementPolicy: Failed"
    fix = Fix("set podReplacementPolicy: Failed", (Set(replacement.path, "Failed"),), safe=False)
    yield Finding(replacement.path, message, fix, severity)


def _never_replaced(spec: View) -> bool:
    limits = [spec.at(key).as_int() for key in ("backoffLimit", "backoffLimitPerIndex")]
    return 0 in limits


def _overlapping(job: Job, severity: Severity | None) -> Iterator[Finding]:
    """Find runs of a CronJob that meet."""
    policy = job.effective.object.at("spec", "concurrencyPolicy")
    if policy.value not in ("Allow", "Replace"):
        return
    what = (
        "a run starts beside the one before"
        if policy.value == "Allow"
        else "a run starts while the other still ends"
    )
    fix = Fix("set concurrencyPolicy: Forbid", (Set(policy.path, "Forbid"),), safe=False)
    message = f"under {policy.value} {what}: set concurrencyPolicy: Forbid"
    yield Finding(policy.path, message, fix, severity)


def _job(*fields: str, container: str = "image: shop:1.4", note: str = "") -> str:
    lines = "\n  ".join((*fields, "template:"))
    return f"""\
apiVersion: batch/v1
kind: Job
metadata:
  name: shop
  annotations: {{{note}}}
spec:
  {lines}
    spec:
      restartPolicy: Never
      containers:
        - name: shop
          {container}
"""


def _cronjob(concurrency: str) -> str:
    return f"""\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: shop
  annotations:
    jobwarden.io/single-writer: "true"
spec:
  schedule: "7 3 * * *"
  concurrencyPolicy: {concurrency}
  jobTemplate:
    spec:
      podReplacementPolicy: Failed
      template:
        spec:
          restartPolicy: Never
          containers:
            - name: shop
              image: shop:1.4
"""


_NOTE = 'jobwarden.io/single-writer: "true"'
_NOT = 'jobwarden.io/single-writer: "false"'
_FAILED = "podReplacementPolicy: Failed"
_MIGRATE = "image: shop:1.4\n          command: [python, manage.py, migrate]"
_FLYWAY = "image: docker.io/flyway/flyway:11.0"
_FAIL = "podFailurePolicy: {rules: [{action: FailJob, onExitCodes: {operator: In, values: [3]}}]}"
_OWNED = "ownerReferences: [{apiVersion: a.io/v1, kind: Flow, name: shop, uid: 5a0f3a1e, controller: true}]"
_TEN = ("completions: 10", "parallelism: 10")

RULE = Rule(
    id="single-writer",
    doc=__doc__,
    severity=Severity.INFO,
    class_=Class.PRACTICE,
    params=Params(),
    check=check,
    strict=Severity.WARNING,
    graver=True,
    good=(
        Good(_job(*_TEN)),
        Good(_job(_FAILED, note=_NOTE)),
        Good(_job(_FAIL, note=_NOTE)),  # which waits, too
        Good(_job("backoffLimit: 0", note=_NOTE)),
        Good(_job("parallelism: 1", note=_NOTE), minor=28),
        Good(_job("completions: 1", "parallelism: 2", _FAILED, note=_NOTE)),
        Good(_job(*_TEN, note=_NOTE).replace("image: ", "env: # ")),  # a patch
        Good(_job(*_TEN, container=_MIGRATE, note=_NOT)),
        Good(_job(*_TEN, "completionMode: Indexed", _FAILED, container=_MIGRATE)),
        Good(_job(container="image: migrate:1.4\n          command: [cp, -r, up, /goose]")),
        Good(
            _job(container='image: shop:1.4\n          command: [sh, -c, "apt-get upgrade; alembic current"]')
        ),
        Good(_job(*_TEN, container=_MIGRATE.replace("migrate]", "migrate, --check]"))),
        Good(_job(*_TEN, container=f"{_FLYWAY}\n          args: [info]")),
        Good(_job("podReplacementPolicy: TerminatingOrFailed", container=_MIGRATE)),
        Good(_job(*_TEN, "managedBy: acme.io/queue", note=_NOTE)),
        Good(_job(*_TEN, note=_NOTE).replace("  name: shop", f"  name: shop\n  {_OWNED}", 1)),
        Good(_cronjob("Forbid")),
    ),
    bad=(
        Bad(_job(note=_NOTE), _job(_FAILED, note=_NOTE)),
        Bad(_job("parallelism: 2", _FAILED, note=_NOTE)),
        Bad(_job(*_TEN, "completionMode: Indexed", _FAILED, note=_NOTE)),
        Bad(_job(*_TEN, _FAILED, container=_MIGRATE)),
        Bad(
            _job("backoffLimit: 1", container=_MIGRATE), _job("backoffLimit: 1", _FAILED, container=_MIGRATE)
        ),
        Bad(_job(*_TEN, _FAILED, container=_FLYWAY)),
        Bad(_job(*_TEN, _FAILED, container="image: migrate/migrate:v4.18.1")),
        Bad(
            _job(
                *_TEN,
                _FAILED,
                container="image: shop:1.4\n          args: [alembic, -c, a.ini, upgrade, head]",
            )
        ),
        Bad(_job(*_TEN, _FAILED, container='image: shop:1.4\n          command: [sh, -c, "goose up"]')),
        Bad(_job(*_TEN, _FAILED).replace("- name: shop", "- name: db-migrate")),  # noted
        Bad(_job(*_TEN, _FAILED), params=Params(names=("shop",))),
        Bad(_cronjob("Allow"), _cronjob("Forbid")),
        Bad(_cronjob("Replace"), _cronjob("Forbid")),
    ),
)
