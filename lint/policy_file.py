"""Reading `jobwarden.yaml`: the one module that knows pydantic, imported only when there is such a file."""

import json
import os
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_type_hints

import annotated_types
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
)
from pydantic.alias_generators import to_camel

from lint.compose import DocumentError
from lint.document import Document, parse
from lint.job import DEFAULT_MINOR
from lint.overrides import Overrides
from lint.path import Path, dotted
from lint.policy import MODES, Policy, Webhook
from lint.rule import Rule
from lint.rules import RULES
from lint.sections import field_of, misfits, overrides_of, settings_of

_LISTS = ("neverIgnore", "overrides")


def _unless_off(value: Any) -> Any:
    """Take back what Kubernetes' YAML makes of `off`."""
    return "off" if value is False else value


def _listed(value: Any) -> Any:
    """Take one for a list of one."""
    if isinstance(value, list):
        return tuple(value)
    return (value,) if isinstance(value, str | int | float) else value


_Severity = Annotated[
    Literal["off", "info", "warning", "error"],
    BeforeValidator(_unless_off, json_schema_input_type=Literal["off", "info", "warning", "error", False]),
]
_Mode = Annotated[
    Literal["off", "audit", "warn", "enforce"],
    BeforeValidator(_unless_off, json_schema_input_type=Literal["off", "audit", "warn", "enforce", False]),
]
_Kind = Literal["Job", "CronJob"]
_Kinds = Annotated[
    tuple[_Kind, ...],
    Field(min_length=1),
    BeforeValidator(_listed, json_schema_input_type=_Kind | Annotated[list[_Kind], Field(min_length=1)]),
]
_Glob = Annotated[str, Field(min_length=1)]
_Globs = Annotated[
    tuple[_Glob, ...],
    Field(min_length=1),
    BeforeValidator(_listed, json_schema_input_type=_Glob | Annotated[list[_Glob], Field(min_length=1)]),
]


class _Strict(BaseModel):
    """Keys in camelCase; unknown ones, and values of another type, are mistakes."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


class _Entry(_Strict):
    """What every rule can be told."""

    severity: _Severity | None = None
    """How much its findings matter: `off`, `info`, `warning` or `error`."""

    mutate: bool = True
    """The webhook makes its safe fixes."""


class _Exempt(_Strict):
    """Whose requests the webhook does not look at."""

    users: tuple[str, ...] = ()
    """User names, for example `system:serviceaccount:batch:operator`."""

    groups: tuple[str, ...] = ()
    """Groups, for example `system:masters`."""


class _Match(_Strict):
    """The objects that an override is for: each key is a glob or a list of globs, and all of them match."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    kind: _Kinds = ()
    """`Job`, `CronJob`, or a list of both."""

    namespace: _Globs = ()
    """Namespaces. One that a manifest leaves out is empty, and only `*` matches it."""

    name: _Globs = ()
    """Names; of an object without one, its `generateName`: write `report-*` to match both."""

    path: _Globs = ()
    """Paths of files from the folder of the policy file; `**` stands for any folders. At admission there are
    no files: an override with a path is for the linter alone."""


class _File(_Strict):
    """The policy file without its sections and rules."""

    kubernetes_version: Annotated[str, Field(pattern=r"^1\.[1-9][0-9]$")] = f"1.{DEFAULT_MINOR}"
    """The minor that Jobs are checked for, in quotes: without them `1.30` is `1.3`."""

    profile: Literal["default", "strict"] = "default"
    """`strict` has more to say: what is an opinion, and not told otherwise, is a warning, and what the five
    families miss is an error."""

    mode: _Mode = "enforce"
    """How far the webhook goes in a namespace without the label `jobwarden.io/mode`: `off`, `audit` (only
    the audit log is told), `warn` (nothing is denied or changed) or `enforce`."""

    exempt: _Exempt = Field(default_factory=_Exempt)
    """Whose requests the webhook does not look at."""

    extend_written: bool = False
    """The webhook adds to tolerations and node selectors that a Job's manifest has, and on every later apply
    it puts back what it added: it has to be sent the updates of Jobs for that."""

    deny_invalid: bool = False
    """The webhook denies what the API server would reject in any case, to tell its user how to mend it; else
    that is left to the server, which says it in the same words."""

    never_ignore: tuple[str, ...] = ()
    """Rules that no comment and no annotation can silence; who tries is told so."""

    overrides: tuple[Any, ...] = ()
    """What is different for some objects; of overrides that match the same one, the last wins."""


class PolicyError(Exception):
    """The policy cannot be used; each line of the message names a place and what is wrong there."""


def load(text: str, name: str) -> Policy:
    """Read a policy; `name` is what messages call the file.

    Raises:
        PolicyError: it is not YAML, or says something that no rule understands.
    """
    try:
        document = parse(text)
    except DocumentError as error:
        raise PolicyError(f"{name}:{_line(text, error.index)}: {error.message}") from error
    try:  # in JSON a list may stand for a tuple, and everything else is strict
        file: Any = model().model_validate_json(json.dumps(_filled(document.value)))
    except ValidationError as error:
        raise PolicyError("\n".join(_problems(error, document, name))) from error
    settings, overrides = settings_of(file), Overrides(os.path.dirname(name), overrides_of(file))
    if problems := list(misfits(settings, overrides)):
        lines = (
            f"{name}:{_line(text, document.locate(path)[0])}: {dotted(path)}: {message}"
            for path, message in problems
        )
        raise PolicyError("\n".join(dict.fromkeys(lines)))
    return Policy(
        settings,
        int(file.kubernetes_version.removeprefix("1.")),
        _webhook(file),
        never_ignored=frozenset(file.never_ignore),
        overrides=overrides if overrides.every else None,
    )


def _webhook(file: Any) -> Webhook:
    """Put together what the file says of admission alone."""
    exempt = file.exempt
    return Webhook(
        MODES[file.mode],
        frozenset(exempt.users),
        frozenset(exempt.groups),
        file.extend_written,
        file.deny_invalid,
    )


def _filled(value: Any, *, top: bool = True) -> Any:
    """Take sections with nothing in them for empty ones: their last lines may be commented out."""
    if not isinstance(value, dict):
        return {} if value is None and top else value
    empty: dict[str, Any] = {name: [] if name in _LISTS else {} for name in nullable()}
    value = {key: empty.get(key) if one is None else one for key, one in value.items()}
    if isinstance(value.get("rules"), dict):
        value["rules"] = {key: {} if one is None else one for key, one in value["rules"].items()}
    if isinstance(value.get("overrides"), list):
        value["overrides"] = [_filled(one, top=False) for one in value["overrides"]]
    return value


def nullable() -> frozenset[str]:
    """Return the keys, of the file and of an override, whose values may be left out: `rules:`."""
    fields = model().model_fields.values()
    return frozenset((*_LISTS, *(str(field.alias) for field in fields if field.default_factory)))


@cache
def model() -> type[BaseModel]:
    """Make the model of the whole file from the parameters of the rules."""
    families = {rule.family: _section_model(rule.params) for rule in RULES if rule.family}
    entries = {field_of(rule): create_model(rule.id, __base__=_Entry, **_own(rule)) for rule in RULES}
    aliases = {field_of(rule): rule.id for rule in RULES}
    rules = create_model(
        "rules",
        __base__=_Strict,
        **{
            name: (model, Field(default_factory=model, alias=aliases[name]))
            for name, model in entries.items()
        },
    )  # type: ignore[call-overload]  # fields by name are beyond its overloads
    sections = {name: (model, Field(default_factory=model, alias=name)) for name, model in families.items()}
    sections["rules"] = (rules, Field(default_factory=rules))
    override: Any = create_model("override", __base__=_Strict, match=(_Match, ...), **sections)  # type: ignore[call-overload]
    ids: Any = Literal[tuple(rule.id for rule in RULES)]
    return create_model(  # type: ignore[no-any-return, call-overload, unused-ignore]
        "policy",
        __base__=_File,
        never_ignore=(tuple[ids, ...], ()),
        overrides=(tuple[override, ...], ()),
        **sections,
    )


def _section_model(params: Any) -> type[BaseModel]:
    return create_model(type(params).__name__, __base__=_Strict, **_columns(params))  # type: ignore[call-overload, no-any-return, unused-ignore]


def _own(rule: Rule[Any]) -> dict[str, Any]:
    """Return the fields of the parameters that a rule has for itself."""
    return {} if rule.family or rule.params is None else _columns(rule.params)


def _columns(params: Any) -> dict[str, Any]:
    hints = get_type_hints(type(params), localns=vars(annotated_types), include_extras=True)
    return {name: (hints[name], default) for name, default in params._asdict().items()}


def _line(text: str, index: int) -> int:
    return text.count("\n", 0, index) + 1


def _problems(error: ValidationError, document: Document, name: str) -> Iterator[str]:
    """Write each mistake with its place."""
    for problem in error.errors(include_url=False):
        path: Path = tuple(step for step in problem["loc"] if not str(step).startswith("function-"))
        if problem["type"] == "too_short" and problem["input"]:
            continue  # only what is right counts, and what is not has been told
        line = _line(document.text, document.locate(path)[0])
        yield f"{name}:{line}: {dotted(path) or 'the policy'}: {_message(path, **problem)}"


def _message(path: Path, *, type: str, msg: str, input: Any, **_: Any) -> str:  # noqa: A002 - pydantic's names
    """Say what is wrong at a place, and how to mend it."""
    message = (msg[0].lower() + msg[1:]).replace("be an object", "be a map")
    if type == "extra_forbidden":
        return _unknown(path)
    if path[:1] == ("neverIgnore",) and len(path) > 1:
        return f"there is no rule {json.dumps(input)}" + _close(str(input), [rule.id for rule in RULES])
    if type == "string_type":
        return f"must be text: write {json.dumps(str(input))}"
    if type == "too_short":
        return "must not be empty"
    return message if isinstance(input, dict) else f"{message}, not {json.dumps(input)}"


def _unknown(path: Path) -> str:
    """Say that there is no such key, and which one may be meant."""
    owner: Any = model()
    for step in path[:-1]:
        if isinstance(step, str):
            fields = {field.alias: field.annotation for field in owner.model_fields.values()}
            owner = fields.get(step, _Entry)
            owner = (get_args(owner) or (owner,))[0]
    known = [str(field.alias) for field in owner.model_fields.values()]
    return "there is no such setting" + _close(str(path[-1]), known)


def _close(word: str, known: list[str]) -> str:
    """Ask whether a known word is meant."""
    close = get_close_matches(word, known, 1)
    return f": did you mean {close[0]}?" if close else ""
