"""Two answers to one question: what the server says of an object, what we say, and where they differ."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from http.client import RemoteDisconnected
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from apiserver import Answer, ApiServer
    from schema import Tree

    from lint.validation.server import Rejection

_UID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_RANDOM = "[bcdfghjklmnpqrstvwxz2456789]{5}"
_GO_STRUCT = r"(?:&?(?:\[\])?(?:\*?[a-z0-9]+\.[A-Z]\w*|map\[)|&?\{|\[\{)"
_DETAILS = (
    r"field is immutable|may not|must|specifying|requires|can only|only |supported values|at least|cannot|no "
    r"|not |`|Only|is |should|unsupported|label|when|found|invalid"
)
PANIC = 0
ACCEPTED = 201
INVALID = 422


class Said(NamedTuple):
    """A cause: where, the beginning of the message, and all of it."""

    field: str
    type: str
    message: str


class Verdict(NamedTuple):
    """What is said of an object; the code is that of HTTP, and 0 for a server that panics."""

    code: int
    causes: tuple[Said, ...] = ()
    message: str = ""
    """All that is said of an object that cannot be decoded."""


class Disagreement(NamedTuple):
    """One thing that the server and we do not say alike."""

    about: str
    """`verdict`, `field` or `wording`."""
    server: str
    ours: str

    @property
    def group(self) -> str:
        """What disagreements have in common that are about the same thing."""
        return f"{self.about}: the server {_pattern(self.server)}, we {_pattern(self.ours)}"


def as_kubectl_sends(value: Any) -> Any:
    """Write JSON as kubectl does: keys in order, whole numbers without a point."""
    if isinstance(value, dict):
        return {key: as_kubectl_sends(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [as_kubectl_sends(item) for item in value]
    if type(value) is int and not -(2**63) <= value < 2**63:
        return as_kubectl_sends(float(value))
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return int(Decimal(repr(value)))
    return value


def asked(server: "ApiServer", tree: "Tree") -> Verdict:
    """Ask the server what it says of a new object."""
    try:
        return of_server(server.dry_run(as_kubectl_sends(tree)), tree)
    except RemoteDisconnected:
        return Verdict(PANIC)


def asked_to_update(server: "ApiServer", old: "Tree", new: "Tree") -> Verdict:
    """Ask the server what it says of a new version of an object."""
    path = f"/apis/batch/v1/namespaces/default/{old['kind'].lower()}s/{old['metadata']['name']}"
    try:
        answer = server.request("PUT", path, as_kubectl_sends(new), dryRun="All", fieldValidation="Strict")
    except RemoteDisconnected:
        return Verdict(PANIC)
    return of_server(answer, new)


def of_server(answer: "Answer", tree: "Tree") -> Verdict:
    """Read the answer of a server."""
    if answer.status in (200, ACCEPTED):
        return Verdict(ACCEPTED)
    body: Tree = answer.body if isinstance(answer.body, dict) else {"message": str(answer.body)}
    causes = (body.get("details") or {}).get("causes") or []
    return Verdict(
        answer.status,
        tuple(sorted({_said(one.get("field", ""), one.get("message", ""), tree) for one in causes})),
        "" if causes else without_chance(body.get("message", ""), tree),
    )


def of_ours(rejection: "Rejection | None", tree: "Tree") -> Verdict:
    """Read our answer."""
    if rejection is None:
        return Verdict(ACCEPTED)
    if rejection.code != INVALID:
        return Verdict(rejection.code, message=without_chance(rejection.message, tree))
    return Verdict(INVALID, tuple(sorted({_said(one.field, one.message, tree) for one in rejection.causes})))


def _said(field: str, message: str, tree: "Tree") -> Said:
    message = without_struct(without_chance(message, tree))
    return Said(without_chance(field, tree), message.partition(":")[0], message)


def without_chance(text: str, tree: "Tree") -> str:
    """Replace what nobody can foretell."""
    text = re.sub(r"0x[0-9a-f]{9,}", "0x<ptr>", re.sub(_UID, "<uid>", text))
    metadata = tree.get("metadata")
    names = metadata if isinstance(metadata, dict) else {}
    base = names.get("generateName")
    if isinstance(base, str) and base and not names.get("name"):
        start = base[:58]
        return re.sub(rf"{re.escape(start)}(?:{_RANDOM}|<rand>)(?![a-z0-9])", f"{start}<rand>", text)
    return text


def without_struct(message: str) -> str:
    """Replace a whole struct as the value of a cause: JSON, or since 1.31 Go's own writing."""
    start, colon, rest = message.partition(": ")
    if not colon or start not in ("Invalid value", "Unsupported value", "Duplicate value"):
        return message
    try:
        value, end = json.JSONDecoder().raw_decode(rest)
    except ValueError:
        return re.sub(
            rf"^{_GO_STRUCT}.*?(?=$|: (?:{_DETAILS}))", "<object>", rest, count=1, flags=re.DOTALL
        ).join([f"{start}: ", ""])
    if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(one, dict) for one in value)):
        return f"{start}: <object>{rest[end:]}"
    return message


def compared(server: Verdict, ours: Verdict, *, words: bool) -> Iterator[Disagreement]:
    """Tell where two verdicts differ; words count only where they are promised."""
    if server.code != ours.code:
        yield Disagreement("verdict", _outline(server), _outline(ours))
    elif server.code == INVALID:
        yield from _compared_causes(server, ours, words=words)
    elif server.code not in (PANIC, ACCEPTED):
        yield from _compared_messages(server.message, ours.message, words=words)


def _compared_causes(server: Verdict, ours: Verdict, *, words: bool) -> Iterator[Disagreement]:
    theirs, mine = ({(one.field, one.type) for one in verdict.causes} for verdict in (server, ours))
    for field, kind in sorted(theirs - mine):
        yield Disagreement("field", f"says {field}: {_first(server, field, kind)}", "say nothing there")
    for field, kind in sorted(mine - theirs):
        yield Disagreement("field", "says nothing there", f"say {field}: {_first(ours, field, kind)}")
    for key in sorted(theirs & mine) if words else ():
        said = [
            sorted(one.message for one in verdict.causes if (one.field, one.type) == key)
            for verdict in (server, ours)
        ]
        if said[0] != said[1]:
            yield Disagreement("wording", f"says {key[0]}: {'; '.join(said[0])}", f"say {'; '.join(said[1])}")


def _first(verdict: Verdict, field: str, kind: str) -> str:
    return next(one.message for one in verdict.causes if (one.field, one.type) == (field, kind))


def _compared_messages(server: str, ours: str, *, words: bool) -> Iterator[Disagreement]:
    """Compare what is said of objects that cannot be decoded: the unknown fields, and all if words count."""
    if _unknown(server) != _unknown(ours):
        yield Disagreement("field", f"says {server}", f"say {ours}")
    elif words and server != ours:
        yield Disagreement("wording", f"says {server}", f"say {ours}")


def _unknown(message: str) -> list[str]:
    return sorted(set(re.findall(r'(?:unknown|duplicate) field "[^"]*"', message)))


def _outline(verdict: Verdict) -> str:
    said = "; ".join(f"{one.field}: {one.message}" for one in verdict.causes) or verdict.message
    return f"{verdict.code} {said}".strip()


def _pattern(text: str) -> str:
    """Leave out quoted words, and numbers but the code of a verdict."""
    code, space, rest = text.partition(" ")
    rest = re.sub(r'"(?:[^"\\]|\\.)*"', '"…"', rest.replace("spec.jobTemplate.spec", "spec"))
    return f"{code}{space}{re.sub(r'[0-9]+', '0', rest)[:400]}"
