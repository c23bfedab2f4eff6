"""The schema for editors takes what `jobwarden lint` takes, and refuses what is wrong by shape."""

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # nothing but a test needs its types
import pytest
import test_overrides
import test_policy_file
from conftest import Command

from lint.document import parse
from lint.policy_file import PolicyError, load
from lint.policy_schema import schema
from lint.rules import RULES

BASE = Path(__file__).parents[1] / "manifests" / "base" / "jobwarden.yaml"

WHOLE = """\
kubernetesVersion: "1.34"
profile: strict
mode: off
exempt: {users: ["system:serviceaccount:ci:deployer"], groups: []}
extendWritten: true
denyInvalid: false
neverIgnore: [image-tag, restart-policy-required]
backoffLimit: {default: 3, maximum: 10}
ttl: {default: 86400, minimum: 300, maximum: 604800}
deadline: {default: 86400, maximum: null}
resources: {requests: {cpu: 100m}, limits: {memory: 1Gi}, maxRatio: 4}
placement:
  assign: require
  selector: {workload-type: batch}
rules:
  active-deadline-missing: {severity: info, mutate: false}
  image-tag: {severity: off, allow: [busybox]}
  ttl-missing: {severity: null}
  ttl-too-long:
overrides:
  - match: {kind: [Job, CronJob], namespace: team-*, name: [a, b*], path: jobs/**}
    ttl: {maximum: 1209600}
    placement:
    rules:
      image-tag: {severity: warning}
  - match: {kind: Job}
"""

NOT_BY_SHAPE = (
    "a: [\n",  # no YAML
    "ttl: {default: 100}\n",  # two numbers that do not go together
    "ttl: {minimum: 600}\noverrides:\n- match: {name: a}\n  ttl: {default: 500}\n",
)


def table(test: Any) -> list[str]:
    """Return the first column of a test's table."""
    (mark,) = test.pytestmark
    return [row[0] for row in mark.args[1]]


WRONG = [
    *table(test_policy_file.test_a_mistake_is_told_with_its_line),
    *table(test_overrides.test_a_mistake_is_told_with_its_line),
    "exempt: {users: robot}\n",
    "exempt: {user: []}\n",
    "deadline: {default: 0}\n",
    "resources: {maxRatio: 0.5}\n",
    "placement: {assign: all}\n",
    "mode: true\n",
    "rules: {ttl-missing: {severity: true}}\n",
    "rules: {image-tag: {allow: [1]}}\n",
    "rules: {image-tag: {allow: null}}\n",
    "extendWritten: 'yes'\n",
    "profile: null\n",
]
RIGHT = ["rules:\nttl:\noverrides:\nneverIgnore:\nexempt:\nplacement:\n", WHOLE, BASE.read_text(), "{}"]


@pytest.fixture(scope="module")
def validator() -> Any:
    """Return what validates policies."""
    made = schema()
    kind = jsonschema.validators.validator_for(made)
    kind.check_schema(made)
    return kind(made)


def test_the_schema_is_of_a_draft_that_editors_know() -> None:
    assert jsonschema.validators.validator_for(schema(), default=None) is jsonschema.Draft7Validator


@pytest.mark.parametrize("text", RIGHT)
def test_what_is_right_is_right_by_the_schema(validator: Any, text: str) -> None:
    load(text, "p.yaml")

    validator.validate(parse(text).value)


def test_what_is_suggested_is_right_by_the_schema(validator: Any) -> None:
    lines = BASE.read_text().splitlines()
    text = "\n".join(line.replace("#", "", 1) if line.lstrip()[:2].strip() != "#" else "" for line in lines)

    assert text.count("rules:") == 1
    load(text, "p.yaml")
    validator.validate(parse(text).value)


@pytest.mark.parametrize("text", [one for one in WRONG if one not in NOT_BY_SHAPE])
def test_what_is_wrong_by_shape_is_wrong_by_the_schema(validator: Any, text: str) -> None:
    with pytest.raises(PolicyError):
        load(text, "p.yaml")

    assert not validator.is_valid(parse(text).value)


def test_everything_says_what_it_is_for() -> None:
    made = schema()
    properties = {
        (name, key): field
        for name, part in [("", made), *made["definitions"].items()]
        for key, field in part["properties"].items()
    }

    assert [where for where, field in properties.items() if not field.get("description")] == []
    assert (
        properties["TTL", "minimum"]["description"]
        == "The shortest that passes: logs and watchers need time."
    )
    assert {rule.id for rule in RULES} == {key for name, key in properties if name == "rules"}
    assert all(part["additionalProperties"] is False for part in (made, *made["definitions"].values()))


def test_the_command_prints_it(jobwarden: Command) -> None:
    done = jobwarden("schema")

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == schema()
