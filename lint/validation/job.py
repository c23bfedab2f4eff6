"""The spec of a Job, but its failure and success policies and its Pods, which have modules of their own.

The conditions are those of pkg/apis/batch/validation/validation.go and, for what is generated, of
pkg/registry/batch/job/strategy.go. What takes a `spec` and its place `at` is for the Jobs of CronJobs, too,
in which nothing is filled in: the mode and the numbers may be unset.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from lint.path import Path
from lint.validation import metadata as meta
from lint.validation import names as form
from lint.validation.cause import Cause, invalid, required, too_long, unsupported
from lint.validation.selectors import label_selector
from lint.validation.tree import Struct, entries, number, struct, structs, text, text_if_any, texts

UID: Final = "<uid>"
"""Stands for the uid that the server gives a new Job."""

UID_LABELS: Final = ("controller-uid", "batch.kubernetes.io/controller-uid")
NAME_LABELS: Final = ("job-name", "batch.kubernetes.io/job-name")

_NUMBERS = (
    *("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"),
    *("backoffLimitPerIndex", "maxFailedIndexes"),
)
_LIMIT = 100_000
"""Of parallelism and failed indexes of Indexed Jobs, and where there are many completions."""

_LIMIT_OF_MANY = 10_000
"""The same two, where there are many completions and each index may fail for itself."""

_MANAGER_LIMIT = 63
_PATH = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"


def names(job: Struct) -> Iterator[Cause]:
    """Check the name, the labels that are made of it, and the host names of the Pods of an Indexed Job."""
    metadata, spec = struct(job, "metadata"), struct(job, "spec")
    yield from meta.names(metadata)
    given = struct(struct(spec, "template"), "metadata").get("labels")
    if spec.get("manualSelector") is not True and not _has(given, NAME_LABELS):
        name, at = meta.name_of(metadata), meta.name_path(metadata)
        for wrong in form.label_value(name):
            yield invalid(at, name, wrong, "spec.template.labels")
            if at[-1] == "name" and meta.shares_labels(job):  # each try of a name has labels of its own
                yield invalid(at, name, wrong, "metadata.labels")
    yield from host_names(job)


def _has(labels: Any, keys: tuple[str, ...]) -> bool:
    """Tell whether there are all of some labels."""
    return isinstance(labels, dict) and all(key in labels for key in keys)


def host_names(job: Struct) -> Iterator[Cause]:
    """Check the host names of the Pods of an Indexed Job."""
    spec, metadata = struct(job, "spec"), struct(job, "metadata")
    completions = number(spec, "completions")
    if spec.get("completionMode") != "Indexed" or not completions or completions < 0:
        return
    name = meta.name_of(metadata)
    if form.dns_label(last := f"{name}-{completions - 1}"):
        wrong = f"will not able to create pod with invalid DNS label: {last}"
        yield invalid(meta.name_path(metadata), name, wrong, "metadata.name")


def numbers(spec: Struct, at: Path) -> Iterator[Cause]:
    """Find negative numbers."""
    for key in _NUMBERS:
        value = number(spec, key)
        if value is not None and value < 0:
            yield invalid((*at, key), value, "must be greater than or equal to 0")


def indexed(spec: Struct, at: Path) -> Iterator[Cause]:
    """Check the completion mode, and what it allows."""
    mode = text_if_any(spec, "completionMode")
    if spec.get("maxFailedIndexes") is not None and spec.get("backoffLimitPerIndex") is None:
        yield required((*at, "backoffLimitPerIndex"), "when maxFailedIndexes is specified")
    if mode == "Indexed":
        yield from _bounds(spec, at)
        yield from _bounds_of_many(spec, at)
    elif mode is None or mode == "NonIndexed":
        for key in ("backoffLimitPerIndex", "maxFailedIndexes"):
            if (value := number(spec, key)) is not None:
                yield invalid((*at, key), value, "requires indexed completion mode")
    else:
        yield unsupported((*at, "completionMode"), mode, ("NonIndexed", "Indexed"))


def _bounds(spec: Struct, at: Path) -> Iterator[Cause]:
    """Check the numbers of an Indexed Job."""
    completions, parallelism = number(spec, "completions"), number(spec, "parallelism")
    failed = number(spec, "maxFailedIndexes")
    if completions is None:
        yield required((*at, "completions"), "when completion mode is Indexed")
    if parallelism is not None and parallelism > _LIMIT:
        wrong = f"must be less than or equal to {_LIMIT} when completion mode is Indexed"
        yield invalid((*at, "parallelism"), parallelism, wrong)
    if failed is not None and completions is not None and failed > completions:
        yield invalid((*at, "maxFailedIndexes"), failed, "must be less than or equal to completions")
    if failed is not None and failed > _LIMIT:
        yield invalid((*at, "maxFailedIndexes"), failed, f"must be less than or equal to {_LIMIT}")


def _bounds_of_many(spec: Struct, at: Path) -> Iterator[Cause]:
    """Check an Indexed Job with many completions, each of which may fail for itself."""
    if (number(spec, "completions") or 0) <= _LIMIT or spec.get("backoffLimitPerIndex") is None:
        return
    if spec.get("maxFailedIndexes") is None:
        wrong = f"must be specified when completions is above {_LIMIT}"
        yield required((*at, "maxFailedIndexes"), wrong)
    for key in ("parallelism", "maxFailedIndexes"):
        if (value := number(spec, key)) is not None and value > _LIMIT_OF_MANY:
            wrong = (
                f"must be less than or equal to {_LIMIT_OF_MANY} when completions are above {_LIMIT}"
                " and used with backoff limit per index"
            )
            yield invalid((*at, key), value, wrong)


def managed_by(spec: Struct, at: Path) -> Iterator[Cause]:
    """Check the name of the controller."""
    name = text_if_any(spec, "managedBy")
    if name is None:
        return
    here = (*at, "managedBy")
    domain, _, path = name.partition("/")
    if not name:
        yield required(here)
    elif not domain or not path:
        yield invalid(here, name, 'must be a domain-prefixed path (such as "acme.io/foo")')
    else:
        for wrong in form.dns_subdomain(domain):
            yield invalid(here, domain, wrong)
        if not re.fullmatch(_PATH, path):
            yield invalid(here, path, f"Invalid path (regex used for validation is '{_PATH}')")
    if form.size(name) > _MANAGER_LIMIT:
        yield too_long(here, _MANAGER_LIMIT)


def restart_policy(spec: Struct, at: Path) -> Iterator[Cause]:
    """Check that containers are not restarted after a success, which would be for ever."""
    policy = text(struct(struct(spec, "template"), "spec"), "restartPolicy")
    here = (*at, "template", "spec", "restartPolicy")
    if policy in ("", "Always"):
        yield required(here, 'valid values: "OnFailure", "Never"')
    elif policy not in ("OnFailure", "Never"):
        yield unsupported(here, policy, ("Always", "OnFailure", "Never"))  # of any Pod, and then of these
        yield unsupported(here, policy, ("OnFailure", "Never"))


def selector(job: Struct) -> Iterator[Cause]:
    """Check the selector and the template's labels of a new Job, be they given or generated."""
    spec = struct(job, "spec")
    given = struct(struct(spec, "template"), "metadata").get("labels")
    if spec.get("manualSelector") is True:
        yield from selection(spec.get("selector"), given)
        return
    written, labels = struct(spec, "selector"), given if isinstance(given, dict) else {}
    if not written and not any(key in labels for key in (*UID_LABELS, *NAME_LABELS)):
        return
    expected = expected_labels(meta.name_of(struct(job, "metadata")), UID)
    labels = {**expected, **labels}
    chosen = {**written, "matchLabels": {UID_LABELS[1]: UID, **struct(written, "matchLabels")}}
    malformed = list(label_selector({"selector": written}, "selector", ("spec",)))
    yield from ownership(None if malformed else chosen, labels, expected)
    yield from malformed
    if not malformed:
        yield from _mismatch(chosen, labels)


def expected_labels(name: str, uid: str) -> dict[str, str]:
    """Return the labels that the server generates, in the order in which it checks them."""
    values = (uid, name, uid, name)
    return dict(zip((UID_LABELS[0], NAME_LABELS[0], UID_LABELS[1], NAME_LABELS[1]), values, strict=True))


def ownership(chosen: Struct | None, labels: Any, expected: dict[str, str]) -> Iterator[Cause]:
    """Check that labels, and a well-formed selector if there is one, are those of a Job's own Pods."""
    at: Path = ("spec", "template", "metadata", "labels")
    for key, value in expected.items():
        if not _has(labels, (key,)):
            yield required((*at, key), f"must be '{value}'")
        elif labels[key] != value:
            yield invalid((*at, key), labels, f"must be '{value}'")
    if chosen is not None and not _selects(chosen, expected):
        yield invalid(("spec", "selector"), chosen, "`selector` not auto-generated")


def selection(chosen: Any, labels: Any) -> Iterator[Cause]:
    """Check the form of a selector, and that it selects the labels of the template."""
    if not isinstance(chosen, dict):
        yield required(("spec", "selector"))
        yield from _mismatch(None, labels)
        return
    malformed = list(label_selector({"selector": chosen}, "selector", ("spec",)))
    yield from malformed
    if not malformed:
        yield from _mismatch(chosen, labels)


def _mismatch(chosen: Struct | None, labels: Any) -> Iterator[Cause]:
    if chosen is None or not _selects(chosen, entries({"labels": labels}, "labels")):
        wrong = "`selector` does not match template `labels`"
        yield invalid(("spec", "template", "metadata", "labels"), labels, wrong)


def _selects(chosen: Struct, labels: dict[str, str]) -> bool:
    """Tell whether a well-formed selector selects labels."""
    wanted = entries(chosen, "matchLabels").items()
    return all(labels.get(key) == value for key, value in wanted) and all(
        _meets(one, labels) for _, one in structs(chosen, "matchExpressions")
    )


def _meets(one: Struct, labels: dict[str, str]) -> bool:
    """Tell whether labels meet a well-formed requirement."""
    key = text(one, "key")
    listed = labels.get(key) in texts(one, "values")
    answers = {
        "In": listed,
        "NotIn": not listed,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }
    return answers[text(one, "operator")]
