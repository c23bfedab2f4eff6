"""Reading `jobwarden.yaml`: the one module that knows pydantic, imported only when there is such a file."""

import json
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, Literal, get_type_hints

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
from lint.path import Path, dotted
from lint.policy import MODES, Policy, Setting, Webhook
from lint.rule import Rule, Severity
from lint.rules import RULES


def _unless_off(value: Any) -> Any:
    """Take back what Kubernetes' YAML makes of `off`."""
    return "off" if value is False else value


class _Strict(BaseModel):
    """Keys in camelCase; unknown ones, and values of another type, are mistakes."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


class _Entry(_Strict):
    """What every rule can be told."""

    severity: Annotated[Literal["off", "info", "warning", "error"], BeforeValidator(_unless_off)] | None = (
        None
    )
    """How much its findings matter: `off`, `info`, `warning` or `error`."""

    mutate: bool = True
    """The webhook makes its safe fixes."""


class _Exempt(_Strict):
    """Whose requests the webhook does not look at."""

    users: tuple[str, ...] = ()
    """User names, for example `system:serviceaccount:batch:operator`."""

    groups: tuple[str, ...] = ()
    """Groups, for example `system:masters`."""


class _File(_Strict):
    """The policy file without its sections and rules."""

    kubernetes_version: Annotated[str, Field(pattern=r"^1\.[1-9][0-9]$")] = f"1.{DEFAULT_MINOR}"
    """The minor that Jobs are checked for, in quotes: without them `1.30` is `1.3`."""

    profile: Literal["default", "strict"] = "default"
    """`strict` has more to say: what is an opinion, and not told otherwise, is a warning, and what the five
    families miss is an error."""

    mode: Annotated[Literal["off", "audit", "warn", "enforce"], BeforeValidator(_unless_off)] = "enforce"
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
        file: Any = _model().model_validate_json(json.dumps(_filled(document.value)))
    except ValidationError as error:
        raise PolicyError("\n".join(_problems(error, document, name))) from error
    settings, problems = {}, []
    for rule in RULES:
        try:
            settings[rule.id] = _setting(file, rule)
        except ValueError as error:
            line = _line(text, document.locate(_section(rule))[0])
            problems.append(f"{name}:{line}: {dotted(_section(rule))}: {error}")
    if problems:
        raise PolicyError("\n".join(dict.fromkeys(problems)))
    exempt = file.exempt
    webhook = Webhook(
        MODES[file.mode],
        frozenset(exempt.users),
        frozenset(exempt.groups),
        file.extend_written,
        file.deny_invalid,
    )
    return Policy(settings, int(file.kubernetes_version.removeprefix("1.")), webhook)


def _filled(value: Any) -> Any:
    """Take sections with nothing in them for empty ones: their last lines may be commented out."""
    if not isinstance(value, dict):
        return {} if value is None else value
    sections = {field.alias for field in _model().model_fields.values() if field.default_factory}
    value = {key: {} if one is None and key in sections else one for key, one in value.items()}
    if isinstance(value.get("rules"), dict):
        value["rules"] = {key: {} if one is None else one for key, one in value["rules"].items()}
    return value


@cache
def _model() -> type[BaseModel]:
    """Make the model of the whole file from the parameters of the rules."""
    families = {rule.family: _section_model(rule.params) for rule in RULES if rule.family}
    entries = {_field(rule): create_model(rule.id, __base__=_Entry, **_own(rule)) for rule in RULES}
    aliases = {_field(rule): rule.id for rule in RULES}
    rules = create_model(
        "rules",
        __base__=_Strict,
        **{
            name: (model, Field(default_factory=model, alias=aliases[name]))
            for name, model in entries.items()
        },
    )  # type: ignore[call-overload]  # fields by name are beyond its overloads
    sections = {name: (model, Field(default_factory=model, alias=name)) for name, model in families.items()}
    return create_model("policy", __base__=_File, **sections, rules=(rules, Field(default_factory=rules)))  # type: ignore[call-overload, no-any-return, unused-ignore]


def _field(rule: Rule[Any]) -> str:
    return rule.id.replace("-", "_")


def _section(rule: Rule[Any]) -> Path:
    """Return where the file has the parameters of a rule."""
    return (rule.family,) if rule.family else ("rules", rule.id)


def _section_model(params: Any) -> type[BaseModel]:
    return create_model(type(params).__name__, __base__=_Strict, **_columns(params))  # type: ignore[call-overload, no-any-return, unused-ignore]


def _own(rule: Rule[Any]) -> dict[str, Any]:
    """Return the fields of the parameters that a rule has for itself."""
    return {} if rule.family or rule.params is None else _columns(rule.params)


def _columns(params: Any) -> dict[str, Any]:
    hints = get_type_hints(type(params), localns=vars(annotated_types), include_extras=True)
    return {name: (hints[name], default) for name, default in params._asdict().items()}


def _setting(file: Any, rule: Rule[Any]) -> Setting:
    """Put together what the file says of one rule."""
    entry = getattr(file.rules, _field(rule))
    severity = Severity[entry.severity.upper()] if entry.severity else None
    params = rule.params
    if params is not None:
        source = getattr(file, rule.family) if rule.family else entry
        params = params._replace(**{name: getattr(source, name) for name in params._fields})
        if hasattr(params, "validate"):
            params.validate()
    return Setting(params, severity, entry.mutate, file.profile == "strict")


def _line(text: str, index: int) -> int:
    return text.count("\n", 0, index) + 1


def _problems(error: ValidationError, document: Document, name: str) -> Iterator[str]:
    """Write each mistake with its place."""
    for problem in error.errors(include_url=False):
        path: Path = tuple(step for step in problem["loc"] if not str(step).startswith("function-"))
        line = _line(document.text, document.locate(path)[0])
        message = (problem["msg"][0].lower() + problem["msg"][1:]).replace("be an object", "be a map")
        if problem["type"] == "extra_forbidden":
            message = _unknown(path)
        elif problem["type"] == "string_type":
            message = f"must be text: write {json.dumps(str(problem['input']))}"
        elif not isinstance(problem["input"], dict):
            message += f", not {json.dumps(problem['input'])}"
        yield f"{name}:{line}: {dotted(path) or 'the policy'}: {message}"


def _unknown(path: Path) -> str:
    """Say that there is no such key, and which one may be meant."""
    model: Any = _model()
    for step in path[:-1]:
        model = next(
            (field.annotation for field in model.model_fields.values() if field.alias == step), _Entry
        )
    close = get_close_matches(str(path[-1]), [str(field.alias) for field in model.model_fields.values()], 1)
    return "there is no such setting" + (f": did you mean {close[0]}?" if close else "")
