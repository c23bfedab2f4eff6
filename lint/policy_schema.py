"""The JSON Schema of `jobwarden.yaml`, for editors.

It is of draft 7: not all editors of YAML know newer ones. What no schema can say (that a default lies between
its bounds, that a quantity is one) is left to `jobwarden lint`.
"""

from collections.abc import Iterator
from functools import cache
from inspect import cleandoc
from typing import Any, TypeAlias, get_args

from lint import policy_file
from lint.reference import attribute_docs, camel
from lint.rules import RULES

_DRAFT = "http://json-schema.org/draft-07/schema#"
_TEXTS = {
    "match": "The objects that it is for.",
    "rules": "One rule at a time: how much it matters, if the webhook makes its fixes, and its parameters.",
}

_Schema: TypeAlias = dict[str, Any]


def schema() -> _Schema:
    """Return the schema of a policy file."""
    owner: Any = policy_file.model()
    whole = owner.model_json_schema(by_alias=True, ref_template="#/definitions/{model}")
    parts = whole.pop("$defs")
    texts = _TEXTS | {rule.id: rule.summary for rule in RULES}
    texts |= {rule.family: cleandoc(type(rule.params).__doc__ or "") for rule in RULES if rule.family}
    by_model = {one.__name__: one for one in _models(owner)}
    for part in (whole, *parts.values()):
        known = by_model[part.pop("title")]
        notes = texts | _notes(known)
        for key, field in part["properties"].items():
            part["properties"][key] = _property(field, notes.get(key, ""), empty=_may_be_empty(known, key))
    return {"$schema": _DRAFT, "title": "The policy of Jobwarden", **whole, "definitions": parts}


def _models(owner: Any) -> Iterator[Any]:
    """Iterate over a model and those in it."""
    yield owner
    for field in owner.model_fields.values():
        for one in (field.annotation, *get_args(field.annotation)):
            if hasattr(one, "model_fields"):
                yield from _models(one)


def _notes(owner: Any) -> dict[str, str]:
    """Return what the fields of a model are for: strings below those of classes, also of the parameters."""
    classes = {one for one in owner.__mro__ if vars(policy_file).get(one.__name__) is one}
    for rule in RULES:
        params: type = type(rule.params)
        if rule.params is not None and owner.__name__ == (params.__name__ if rule.family else rule.id):
            classes.add(params)
    return {camel(name): text for one in classes for name, text in _docs(one).items()}


@cache
def _docs(owner: type) -> dict[str, str]:
    return attribute_docs(owner)


def _may_be_empty(owner: Any, key: str) -> bool:
    """Tell whether a section may have nothing in it: `rules:`."""
    return owner.__name__ == "rules" or (
        owner.__name__ in ("policy", "override") and key in policy_file.nullable()
    )


def _property(field: _Schema, text: str, *, empty: bool) -> _Schema:
    """Add to a property what it is for; draft 7 knows nothing beside `$ref`, so that it is wrapped."""
    field.pop("title", None)  # its name once more
    if empty:
        field = {"anyOf": [field, {"type": "null"}]}
    elif "$ref" in field:
        field = {"allOf": [field]}
    return {"description": text, **field} if text else field
