"""What containers ask for: `lint.rules`, in CEL."""

from collections.abc import Iterable, Iterator

from lint.export.check import WARNING, Check, NotExported, every, number, said, texts
from lint.families import Resources
from lint.rule import Class

_ALL = "variables.allContainers"


def lacking(key_list: Iterable[str], part: str) -> str:
    """Return what a container names in neither requests nor limits, or not in its limits."""
    places = ["it.of.?resources.?limits.orValue({})"]
    if part == "requests":
        places.append("it.of.?resources.?requests.orValue({})")
    places += [f"variables.pod.?resources.?{part}.orValue({{}})" for part in ("requests", "limits")]
    named = "".join(f"\n    && !(key in {place})" for place in places)
    return f"{texts(key_list)}.filter(key, true{named})"


def container_resources(params: Resources, _minor: int) -> Iterator[Check]:
    requests, limits = lacking(params.requests, "requests"), lacking(params.limits, "limits")
    parts = []
    if params.requests:
        parts.append(_missing("requests", requests))
    if params.limits:
        parts.append(_missing("limits", limits))
    if not parts:
        return
    first = f"{requests}.size() > 0" if params.requests else "false"
    yield Check(
        " || ".join(
            f"{one}.size() > 0"
            for one, wanted in ((requests, params.requests), (limits, params.limits))
            if wanted
        ),
        "it.at + (it.of.?resources.orValue({}).size() == 0 ? '.resources'\n"
        f"  : {first} ? '.resources.requests' : '.resources.limits')",
        said("{} {} {}", "it.kind", "it.of.name", f"({' + '.join(parts)}).join(', and ')"),
        each=_ALL,
    )


def _missing(part: str, keys: str) -> str:
    """Say what is missing, as a list of one text or none."""
    return f"({keys}.size() == 0 ? [] : ['{part} ' + {keys}.map(key, 'no ' + key).join(' and ')])"


def resources_coherence(params: Resources, _minor: int) -> Iterator[Check]:
    """Doubt amounts one by one; the sums that the Pods' own resources have to hold are left to the linter."""
    if params.max_ratio is not None:
        raise NotExported(
            "it compares a limit with a multiple of its request, and CEL multiplies no quantities"
        )
    whole = "{'of': dyn(variables.pod), 'at': dyn(variables.podPath), 'id': dyn(variables.podPath)}"
    each = f"({_ALL} + [{whole}])"
    for part in ("limits", "requests"):
        for key in ("memory", "ephemeral-storage"):
            yield _fraction(part, key, each)
    yield _little_memory(each)


def _fraction(part: str, key: str, each: str) -> Check:
    """Find an amount that is hardly meant: a fraction of a byte."""
    amount = f"it.of.resources.{part}['{key}']"
    read = f"quantity(string({amount}))"
    return Check(
        every(
            f"it.of.?resources.?{part}[?'{key}'].hasValue() && !{read}.isInteger()",
            f"{read}.isLessThan(quantity('1Mi')) && !{read}.isLessThan(quantity('0'))",
        ),
        f"it.at + '.resources.{part}[{key}]'",
        said(
            f"{{}} of {key} is {{}} bytes{{}}",
            amount,
            number(f"{read}.asApproximateFloat()"),
            f"(string({amount}).endsWith('m')\n"
            f"  ? ': m stands for thousandths, ' + string({amount}).replace('m', 'Mi') + ' is meant' : '')",
        ),
        each=each,
        severity=WARNING,
        class_=Class.PRACTICE,
    )


def _little_memory(each: str) -> Check:
    """Find a limit with which no container starts; of one with a fraction, that is said."""
    amount = "it.of.resources.limits['memory']"
    read = f"quantity(string({amount}))"
    return Check(
        every(
            "it.of.?resources.?limits[?'memory'].hasValue()",
            f"({read}.isInteger() || !{read}.isLessThan(quantity('1Mi')))",
            f"{read}.isLessThan(quantity('6Mi')) && {read}.isGreaterThan(quantity('0'))",
        ),
        "it.at + '.resources.limits[memory]'",
        said("memory limit of {} is below 6Mi, the least that runc starts a container with", amount),
        each=each,
        severity=WARNING,
        class_=Class.PRACTICE,
    )
