"""What the rules say of their examples is what real API servers do."""

import pkgutil
import re
from collections.abc import Iterator
from http.client import RemoteDisconnected
from importlib import import_module
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

import lint.rules
from lint.document import parse
from lint.job import DEFAULT_MINOR, Job
from lint.linter import jobs
from lint.policy import Policy, Setting
from lint.rule import Bad, Class, Good, Rule
from lint.view import View

if TYPE_CHECKING:
    from apiserver import ApiServer

pytest_plugins = ["apiserver"]

UNNAMED = ""
"""Stands for the field where the server names none."""

GUIDE = Path(__file__).parent / "cases" / "guide"

EVERY: list[Rule[Any]] = [
    import_module(f"lint.rules.{module.name}").RULE for module in pkgutil.iter_modules(lint.rules.__path__)
]


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: rule.id)
def test_the_server_agrees_with_a_rule(every_apiserver: "ApiServer", rule: Rule[Any]) -> None:
    minor = every_apiserver.minor
    told = [
        f"{name} on 1.{minor}: {fault}"
        for name, text, example in texts(rule)
        if example.minor in (minor, DEFAULT_MINOR) and not example.stored  # tests/truth asks about updates
        for fault in faults(every_apiserver, rule, text, example)
    ]

    assert not told, "\n".join(["the server disagrees", *told])


def test_only_the_work_queue_of_the_guide_is_rejected(every_apiserver: "ApiServer") -> None:
    rejected = {}
    for path in sorted(GUIDE.glob("*.yaml")):
        answer = every_apiserver.dry_run(parse(path.read_text()).value)
        if answer.status != 201:
            rejected[path.stem] = [cause["field"] for cause in answer.body["details"]["causes"]]

    assert rejected == {"04-work-queue": ["spec.completions"]}


def texts(rule: Rule[Any]) -> Iterator[tuple[str, str, Good | Bad]]:
    """Name all texts of the examples of a rule."""
    for index, good in enumerate(rule.good):
        yield f"good {index}", good.text, good
    for index, bad in enumerate(rule.bad):
        yield f"bad {index}", bad.text, bad
        if bad.fixed is not None:
            yield f"bad {index}, fixed", bad.fixed, bad


def faults(server: "ApiServer", rule: Rule[Any], text: str, example: Good | Bad) -> Iterator[str]:
    """Say where the server and the linter disagree about an example.

    A bad example may break other rules as well; a good or fixed one has nothing else wrong with it.
    """
    params = rule.params if example.params is None else example.params
    policy = Policy({rule.id: Setting(params)}, server.minor)
    others = text == example.text and isinstance(example, Bad)
    for _, job in jobs(parse(dedent(text)), policy):
        if job.guards.partial or job.misspelt or job.object.at("apiVersion").missing:
            continue  # kubectl sends it nowhere: see tests/truth/test_kubectl.py
        if placeholders(job.object):
            continue
        tree = sent(job)
        said = {
            plain(violation.place)
            for violation in policy.check(Job(tree, job.minor, job.comment, job.repeated))
            if violation.class_ == Class.SERVER and (others or violation.rule == rule.id)
        }
        answered = rejections(server, tree, said if server.minor < example.minor else None)
        if bool(said) != bool(answered) or not (said <= answered.keys() or UNNAMED in answered):
            yield f"the linter rejects {sorted(said) or 'nothing'}, the server {answered or 'nothing'}"


def sent(job: Job) -> dict[str, Any]:
    """Return an object as the test server can take it: with a name, in the namespace `default`."""
    metadata = {key: view.value for key, view in job.metadata.fields() if key != "namespace"}
    if not metadata.keys() & {"name", "generateName"}:
        metadata["name"] = "example"
    return {**job.object.value, "metadata": metadata}


def placeholders(view: View) -> bool:
    """Tell whether a template engine has yet to fill something in."""
    below = [*(field for _, field in view.fields()), *view.items()]
    return view.placeholder or any(placeholders(one) for one in below)


def rejections(server: "ApiServer", tree: dict[str, Any], known: set[str] | None) -> dict[str, str]:
    """Return the fields that the server rejects, and why; `known` are the only ones that it has to know.

    Strict decoding comes before the validation and hides it: a second, lenient request has the rest.
    """
    try:
        answer = server.dry_run(tree)
    except RemoteDisconnected:
        return {UNNAMED: "it panics"}
    found = {}
    if "strict decoding error" in str(answer.body.get("message")):
        names = map(plain, re.findall(r'(?:unknown|duplicate) field "([^"]+)"', answer.body["message"]))
        found = {name: "strict decoding" for name in names if known is None or name in known}
        answer = server.dry_run(tree, fieldValidation="Ignore")
    if answer.status != 201:
        causes = (answer.body.get("details") or {}).get("causes")
        found |= {plain(cause.get("field", UNNAMED)): cause["message"] for cause in causes or [answer.body]}
    return found


def plain(field: str) -> str:
    """Write a map key with a dot throughout: the server has brackets around some, `requests[cpu]`."""
    return re.sub(r"\[([^]]*)\]", r".\1", field)
