"""What `jobwarden export` prints."""

import re
from pathlib import Path

import pytest
import yaml
from conftest import Command, put

from lint.export.command import export
from lint.export.fixes import FIXES, NO_FIXES
from lint.export.forms import FORMS, PARTS, REASONS
from lint.policy import Policy
from lint.policy_file import load
from lint.rule import Severity
from lint.rules import RULES

OVERRIDDEN = """\
kubernetesVersion: "1.36"
exempt: {users: [bob], groups: [operators]}
overrides:
  - match: {name: "nightly-*", kind: CronJob}
    backoffLimit: {maximum: 20}
  - match: {namespace: [lab]}
    backoffLimit: {maximum: 40}
"""


def test_each_rule_is_exported_or_has_a_reason() -> None:
    ids = {rule.id for rule in RULES}

    assert FORMS.keys() | REASONS.keys() == ids
    assert not FORMS.keys() & REASONS.keys()
    assert PARTS.keys() <= FORMS.keys()
    assert (FIXES.keys() | NO_FIXES.keys()) <= ids


def test_the_head_accounts_for_each_rule_and_no_other() -> None:
    text, summary = export("vap", Policy(), "the default policy", "default")
    head = text.partition("---")[0]
    listed = re.findall(r"^#   (\S.*)$", head, re.MULTILINE)
    of_parts = head.partition("of these in part:")[2].partition("rules are not")[0]
    named = [name for line in listed if line not in of_parts for name in line.rstrip(",").split(", ")]

    assert sorted(named) == sorted(rule.id for rule in RULES)
    assert summary == f"{len(FORMS) - 2} rules exported, {len(REASONS)} not: the head of the output says why"


@pytest.mark.parametrize("what", ["vap", "map"])
def test_the_same_policy_gives_the_same_text(what: str, jobwarden: Command, folder: Path) -> None:
    put("jobwarden.yaml", OVERRIDDEN)
    first, second = (jobwarden("export", what, PYTHONHASHSEED=seed) for seed in "12")
    objects = list(yaml.safe_load_all(first.stdout))

    assert (folder / "jobwarden.yaml").exists()
    assert (first.returncode, first.stdout) == (0, second.stdout)
    assert all(one["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "jobwarden" for one in objects)
    assert len({(one["kind"], one["metadata"]["name"]) for one in objects}) == len(objects)
    assert re.fullmatch("[0-9a-f]{12}", objects[0]["metadata"]["labels"]["jobwarden.io/policy"])


def test_variables_stand_before_those_that_need_them() -> None:
    text, _ = export("vap", load("profile: strict", "jobwarden.yaml"), "a file", "hash")
    for one in yaml.safe_load_all(text):
        known: set[str] = set()
        for variable in one["spec"].get("variables", ()):
            assert set(re.findall(r"variables\.(\w+)", variable["expression"])) <= known, variable["name"]
            known.add(variable["name"])


@pytest.mark.parametrize(
    ("what", "minor", "version"),
    [("vap", 34, "v1"), ("map", 34, "v1beta1"), ("map", 35, "v1beta1"), ("map", 36, "v1")],
)
def test_the_version_of_the_api_is_one_that_the_minor_serves(what: str, minor: int, version: str) -> None:
    text, _ = export(what, Policy(minor=minor), "a file", "hash")  # type: ignore[arg-type]
    versions = {one["apiVersion"] for one in yaml.safe_load_all(text)}

    assert versions == {f"admissionregistration.k8s.io/{version}"}


@pytest.mark.parametrize(("what", "minor"), [("vap", "1.33"), ("map", "1.31")])
def test_a_minor_that_crashes_on_such_policies_is_an_error(jobwarden: Command, what: str, minor: str) -> None:
    done = jobwarden("export", what, f"--kubernetes-version={minor}")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"jobwarden: API servers of Kubernetes {minor} can crash ")


def test_an_override_that_cel_cannot_match_keeps_its_rule_out() -> None:
    policy = load(
        "overrides: [{match: {name: 'a[bc]'}, rules: {sa-token: {severity: error}}}]", "jobwarden.yaml"
    )
    text, _ = export("vap", policy, "a file", "hash")

    assert "#   sa-token\n#       an override has the pattern a[bc]: write it without brackets\n" in text
    assert "sa_token" not in text


def test_what_the_policy_switches_off_is_not_exported() -> None:
    policy = load("rules: {ttl-missing: {mutate: false}, sa-token: {severity: 'off'}}", "jobwarden.yaml")
    found, _ = export("vap", policy, "a file", "hash")
    made, _ = export("map", policy, "a file", "hash")

    assert "variables.sa_token" not in found
    assert "variables.ttl_missing" in found
    assert "ttlSecondsAfterFinished" not in made
    assert "backoffLimit" in made


def test_texts_of_the_policy_cannot_leave_their_quotes() -> None:
    name = "it's \\ a\nclass"
    policy = Policy()
    rule = next(rule for rule in RULES if rule.id == "priority-or-queue")
    params = rule.params._replace(priority_classes=(name,))
    setting = next(setting for each, setting in policy.active if each is rule)._replace(
        params=params, severity=Severity.ERROR
    )
    text, _ = export("vap", policy.replaced(settings={rule.id: setting}), "a file", "hash")
    (variable,) = [
        variable["expression"]
        for one in yaml.safe_load_all(text)
        for variable in one["spec"].get("variables", ())
        if variable["name"] == "priority_or_queue_errors" and "jobwarden-error" in one["metadata"]["name"]
    ]

    assert r"in ['it\'s \\ a\nclass']" in variable
