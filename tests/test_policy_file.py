"""What a policy file says, and what is said of a wrong one."""

import pytest

from lint.document import parse
from lint.job import Job
from lint.policy import Setting, Webhook
from lint.policy_file import PolicyError, load
from lint.rule import Severity


def wrong(text: str) -> str:
    """Return what is said of a policy that cannot be used."""
    with pytest.raises(PolicyError) as error:
        load(text, "p.yaml")
    return str(error.value)


def setting(text: str, rule: str) -> Setting:
    """Return what a policy says of a rule."""
    return load(text, "p.yaml").settings[rule]


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "rules: {}\n"])
def test_what_is_left_out_keeps_its_default(text: str) -> None:
    assert setting(text, "ttl-missing") == setting("ttl: {default: 86400}", "ttl-missing")
    assert setting(text, "ttl-missing").severity is None
    assert setting(text, "ttl-missing").mutate


def test_a_section_speaks_to_all_rules_of_its_family() -> None:
    text = "ttl: {default: 7200, minimum: 3600}\n"

    assert [setting(text, rule).params.default for rule in ("ttl-missing", "ttl-too-short")] == [7200, 7200]


def test_a_rule_is_told_its_severity_and_whether_it_mutates() -> None:
    found = setting("rules: {ttl-missing: {severity: error, mutate: false}}", "ttl-missing")

    assert (found.severity, found.mutate) == (Severity.ERROR, False)


@pytest.mark.parametrize("word", ["off", "'off'", "OFF"])
def test_off_switches_off_whatever_yaml_makes_of_it(word: str) -> None:
    assert setting(f"rules: {{ttl-missing: {{severity: {word}}}}}", "ttl-missing").severity == Severity.OFF


def test_strict_makes_errors_of_what_the_families_miss() -> None:
    policy = load("profile: strict\nrules: {backoff-limit: {severity: info}}\n", "p.yaml")
    job = Job(parse("kind: Job\nspec: {template: {spec: {containers: [{name: a, image: a}]}}}").value)

    severities = {one.rule: one.severity for one in policy.check(job)}

    assert severities["ttl-missing"] == Severity.ERROR
    assert severities["backoff-limit"] == Severity.INFO
    assert severities["image-tag"] == Severity.WARNING


def test_the_version_is_that_of_the_cluster() -> None:
    assert load('kubernetesVersion: "1.31"', "p.yaml").minor == 31


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [\n", "p.yaml:2: "),
        ("- a\n", "p.yaml:1: the policy: input should be a map"),
        ("\nprofil: strict\n", "p.yaml:2: profil: there is no such setting: did you mean profile?"),
        ("ttl:\n  minimun: 1\n", "p.yaml:2: ttl.minimun: there is no such setting: did you mean minimum?"),
        (
            "rules:\n  ttl-mising: {}\n",
            "p.yaml:2: rules.ttl-mising: there is no such setting: did you mean ttl-missing?",
        ),
        ("rules:\n  ttl-missing: {sevrity: off}\n", "did you mean severity?"),
        ("kubernetesVersion: 1.30\n", 'p.yaml:1: kubernetesVersion: must be text: write "1.3"'),
        ("kubernetesVersion: '2.0'\n", "p.yaml:1: kubernetesVersion: string should match"),
        ("ttl: {default: soon}\n", 'p.yaml:1: ttl.default: input should be a valid integer, not "soon"'),
        (
            "ttl:\n  minimum: -1\n",
            "p.yaml:2: ttl.minimum: input should be greater than or equal to 0, not -1",
        ),
        ("ttl: {default: 100}\n", "p.yaml:1: ttl: default is 100, but only 300 to 604800 passes"),
        ("rules: {ttl-missing: {severity: fatal}}\n", "input should be 'off', 'info', 'warning' or 'error'"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, message: str) -> None:
    assert message in wrong(text)


def test_all_mistakes_are_told_at_once() -> None:
    assert len(wrong("a: 1\nb: 2\nttl: 3\n").splitlines()) == 3


@pytest.mark.parametrize("text", ["", "rules:", "placement:", "rules: {image-tag: }", "exempt:"])
def test_a_section_may_be_empty(text: str) -> None:
    assert load(text, "jobwarden.yaml").webhook == Webhook()


def test_lists_are_read() -> None:
    text = "exempt: {users: [robot], groups: [a, b]}\nrules: {image-tag: {allow: [busybox]}}"
    policy = load(text, "jobwarden.yaml")

    assert policy.webhook.users == frozenset(["robot"])
    assert policy.webhook.groups == frozenset(["a", "b"])
    assert policy.settings["image-tag"].params.allow == ("busybox",)
