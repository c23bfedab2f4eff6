"""What a policy says differently of some objects, and what nobody may ignore."""

import time
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from conftest import CLEAN, WITHOUT_TTL, Command, put
from reviews import JOB
from reviews import request as request_of

from lint.document import parse
from lint.job import Job
from lint.linter import Located, check, fix
from lint.overrides import glob
from lint.policy import Mode, Policy
from lint.policy_file import PolicyError, load
from lint.rule import Severity
from webhook import review
from webhook.envelope import Outcome, Request
from webhook.memory import Memory
from webhook.metrics import Metrics
from webhook.policies import Policies

ERROR = "rules: {ttl-missing: {severity: error}}"


def read(text: str) -> Policy:
    """Read a policy."""
    return load(dedent(text), "p.yaml")


def overriding(match: str, more: str = ERROR) -> Policy:
    """Return a policy with one override."""
    return read(f"overrides:\n- match: {match}\n  {more}\n")


def of(policy: Policy, kind: str = "Job", **metadata: str) -> Policy:
    """Return the policy for an object with a name and the like."""
    spec: dict[str, Any] = {"jobTemplate": {}} if kind == "CronJob" else {}
    return policy.of(Job({"kind": kind, "metadata": metadata, "spec": spec}))


def severity(policy: Policy) -> Severity | None:
    """Return the severity that a policy gives ttl-missing."""
    return policy.settings["ttl-missing"].severity


def found(text: str, policy: Policy) -> list[Located]:
    """Return what is found in a text by the two rules that these tests speak of."""
    rules = frozenset(["ttl-missing", "unused-suppression"])
    return check(parse(text), policy.narrowed(rules, frozenset(), 35))


def wrong(text: str) -> str:
    """Return what is said of a policy that cannot be used."""
    with pytest.raises(PolicyError) as error:
        read(text)
    return str(error.value)


@pytest.mark.parametrize(
    ("match", "metadata", "expected"),
    [
        ("{kind: Job}", {}, Severity.ERROR),
        ("{kind: CronJob}", {}, None),
        ("{kind: CronJob}", {"kind": "CronJob"}, Severity.ERROR),
        ("{kind: [Job, CronJob]}", {"kind": "CronJob"}, Severity.ERROR),
        ("{name: a}", {"name": "a"}, Severity.ERROR),
        ("{name: a}", {"name": "ab"}, None),
        ("{name: a}", {"name": "ba"}, None),
        ("{name: a}", {"name": "A"}, None),
        ("{name: 'a*'}", {"name": "ab"}, Severity.ERROR),
        ("{name: [b, 'a?']}", {"name": "ab"}, Severity.ERROR),
        ("{name: '[a-c]b'}", {"name": "bb"}, Severity.ERROR),
        ("{name: '[!a-c]b'}", {"name": "bb"}, None),
        ("{name: 'a-*'}", {"generateName": "a-"}, Severity.ERROR),
        ("{name: b}", {"name": "b", "generateName": "a-"}, Severity.ERROR),
        ("{name: 'a-*'}", {"name": "b", "generateName": "a-"}, None),
        ("{namespace: 'team-*'}", {"namespace": "team-a"}, Severity.ERROR),
        ("{namespace: 'team-*'}", {}, None),
        ("{namespace: '?*'}", {}, None),
        ("{namespace: '*'}", {}, Severity.ERROR),
        ("{namespace: a, name: b}", {"namespace": "a", "name": "b"}, Severity.ERROR),
        ("{namespace: a, name: b}", {"namespace": "a", "name": "c"}, None),
        ("{namespace: a, name: b}", {"namespace": "c", "name": "b"}, None),
        ("{path: '**'}", {"name": "a"}, None),
    ],
)
def test_all_that_is_given_has_to_match(
    match: str, metadata: dict[str, str], expected: Severity | None
) -> None:
    assert severity(of(overriding(match), **metadata)) == expected


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("a.yaml", "a.yaml", Severity.ERROR),
        ("a.yaml", "jobs/a.yaml", None),
        ("*.yaml", "jobs/a.yaml", None),
        ("**/*.yaml", "a.yaml", Severity.ERROR),
        ("**/*.yaml", "jobs/b/a.yaml", Severity.ERROR),
        ("jobs/**", "jobs/b/a.yaml", Severity.ERROR),
        ("jobs/", "jobs/b/a.yaml", Severity.ERROR),
        ("jobs/**", "jobs-2/a.yaml", None),
        ("jobs/**/a.yaml", "jobs/a.yaml", Severity.ERROR),
        ("jobs/**/a.yaml", "jobs/b/c/a.yaml", Severity.ERROR),
        ("jobs/**/c/*.yaml", "jobs/b/c/d/c/a.yaml", Severity.ERROR),
        ("jobs/**/c/*.yaml", "jobs/b/c/d/a.yaml", None),
        ("./jobs//a.yaml", "jobs/a.yaml", Severity.ERROR),
        ("/jobs/a.yaml", "jobs/a.yaml", Severity.ERROR),
        ("**/**", "a.yaml", Severity.ERROR),
        ("../other/*", "../other/a.yaml", Severity.ERROR),
        ("jobs/a.y[a]ml", "jobs/a.yaml", Severity.ERROR),
    ],
)
def test_a_path_is_matched_as_shells_do(pattern: str, path: str, expected: Severity | None) -> None:
    policy = overriding(f"{{path: '{pattern}', name: a}}")
    assert policy.overrides

    in_file = policy.overrides.in_file(policy, path)

    assert severity(of(in_file, name="a")) == expected
    assert severity(of(in_file, name="b")) is None


def test_a_name_is_matched_in_no_time_whatever_it_is() -> None:
    begun = time.process_time()

    assert not glob("*a*a*a*a*a*a*b").matches("a" * 100_000)
    assert not glob("**/a/**/a/**/b").matches("a/" * 20_000)
    assert time.process_time() - begun < 5


def test_only_the_parameters_that_are_given_change() -> None:
    policy = read("""\
        ttl: {default: 7200, minimum: 600}
        rules: {ttl-missing: {severity: warning, mutate: false}}
        overrides:
        - match: {name: a}
          ttl: {minimum: 60}
          rules: {ttl-missing: {severity: error}, image-tag: {allow: [busybox]}}
        - match: {name: b}
          rules: {ttl-missing: {severity: null, mutate: true}}
        """)

    setting = of(policy, name="a").settings["ttl-missing"]
    assert (setting.params.default, setting.params.minimum, setting.params.maximum) == (7200, 60, 604800)
    assert (setting.severity, setting.mutate) == (Severity.ERROR, False)
    assert of(policy, name="a").settings["ttl-too-short"].params.minimum == 60
    assert of(policy, name="a").settings["image-tag"].params.allow == ("busybox",)
    setting = of(policy, name="b").settings["ttl-missing"]
    assert (setting.params.minimum, setting.severity, setting.mutate) == (600, None, True)
    assert of(policy, name="c").settings == policy.settings


def test_later_overrides_win() -> None:
    policy = read("""\
        overrides:
        - {match: {name: "*"}, ttl: {default: 600, minimum: 100}, rules: {ttl-missing: {severity: error}}}
        - {match: {name: a}, ttl: {default: 900}, rules: {ttl-missing: {severity: off}}}
        """)

    assert [
        one.settings["ttl-missing"].params[:2] for one in (of(policy, name="a"), of(policy, name="b"))
    ] == [
        (900, 100),
        (600, 100),
    ]
    assert [severity(of(policy, name=name)) for name in "ab"] == [Severity.OFF, Severity.ERROR]


def test_the_profile_is_kept() -> None:
    policy = read("profile: strict\noverrides: [{match: {name: a}, ttl: {default: 600}}]\n")

    assert of(policy, name="a").settings["ttl-missing"].strict


def test_the_same_overrides_make_the_same_policy() -> None:
    policy = read("overrides: [{match: {name: 'a*'}}, {match: {name: '*b'}}]")

    assert of(policy, name="a1") is of(policy, name="a2")
    assert of(policy, name="a1") is not of(policy, name="ab")
    assert of(policy, name="x") is of(policy, name="y")
    assert policy.overrides
    assert policy.overrides.in_file(policy, "a") is policy.overrides.in_file(policy, "b")


def test_not_every_policy_is_kept() -> None:
    policy = read("overrides:\n" + "".join(f"- match: {{name: '*{letter}*'}}\n" for letter in "abcdefghij"))
    for number in range(1024):
        of(policy, name="x" + "".join(one for bit, one in enumerate("abcdefghij") if number >> bit & 1))

    assert len(policy.made) <= 256


def test_without_overrides_there_is_one_policy() -> None:
    policy = read("ttl: {default: 600}\noverrides: []\n")

    assert policy.overrides is None
    assert of(policy, name="a") is policy


def test_the_command_line_stands_above_overrides() -> None:
    policy = overriding("{name: a}", "rules: {ttl-missing: {severity: error}, image-tag: {severity: error}}")

    ignored = of(policy.narrowed(frozenset(), frozenset(["ttl-missing"]), 35), name="a").settings
    selected = of(policy.narrowed(frozenset(["ttl-missing"]), frozenset(), 35), name="a").settings

    assert [ignored[rule].severity for rule in ("ttl-missing", "image-tag")] == [Severity.OFF, Severity.ERROR]
    assert [selected[rule].severity for rule in ("ttl-missing", "image-tag")] == [
        Severity.ERROR,
        Severity.OFF,
    ]


def test_a_rule_that_is_off_can_be_on_for_some() -> None:
    policy = read(
        f"rules: {{ttl-missing: {{severity: off}}}}\noverrides: [{{match: {{name: report}}, {ERROR}}}]"
    )

    assert [one.violation.rule for one in found(WITHOUT_TTL, policy)] == ["ttl-missing"]
    assert found(WITHOUT_TTL.replace("report", "other"), policy) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("overrides:\n- match: {}\n", "p.yaml:2: overrides[0].match: name a kind, namespace, name or path"),
        ("overrides:\n- rules: {}\n", "p.yaml:2: overrides[0].match: field required"),
        ("overrides:\n- match:\n", "p.yaml:2: overrides[0].match: input should be a map, not null"),
        ("overrides: {}\n", "p.yaml:1: overrides: input should be a valid array"),
        ("overrides: [null]\n", "p.yaml:1: overrides[0]: input should be a map, not null"),
        (
            "overrides:\n- match: {nam: a}\n",
            "overrides[0].match.nam: there is no such setting: did you mean name?",
        ),
        (
            "overrides:\n- match: {kind: Pod}\n",
            "overrides[0].match.kind[0]: input should be 'Job' or 'CronJob'",
        ),
        ("overrides:\n- match: {name: []}\n", "p.yaml:2: overrides[0].match.name: must not be empty"),
        ("overrides:\n- match: {name: ''}\n", "name[0]: string should have at least 1 character"),
        ("overrides:\n- match: {name: 1}\n", 'p.yaml:2: overrides[0].match.name[0]: must be text: write "1"'),
        ("overrides:\n- match: {name: a}\n  mode: warn\n", "p.yaml:3: overrides[0].mode: there is no such"),
        (
            "overrides:\n- match: {name: a}\n  rules:\n    ttl-mising: {}\n",
            "p.yaml:4: overrides[0].rules.ttl-mising: there is no such setting: did you mean ttl-missing?",
        ),
        (
            "overrides:\n- match: {name: a}\n  rules: {image-tag: {alow: []}}\n",
            "p.yaml:3: overrides[0].rules.image-tag.alow: there is no such setting: did you mean allow?",
        ),
        (
            "overrides:\n- match: {name: a}\n  ttl:\n    minimun: 1\n",
            "p.yaml:4: overrides[0].ttl.minimun: there is no such setting: did you mean minimum?",
        ),
        (
            "overrides:\n- match: {name: a}\n  ttl: {default: soon}\n",
            'p.yaml:3: overrides[0].ttl.default: input should be a valid integer, not "soon"',
        ),
        (
            "ttl: {minimum: 600}\noverrides:\n- match: {name: a}\n  ttl: {default: 500}\n",
            "p.yaml:4: overrides[0].ttl: default is 500, but only 600 to 604800 passes",
        ),
        (
            "neverIgnore: [image-tag, ttl-mising]",
            'neverIgnore[1]: there is no rule "ttl-mising": did you mean',
        ),
        ("neverIgnore: image-tag", "p.yaml:1: neverIgnore: input should be a valid array"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, message: str) -> None:
    assert message in wrong(text)


@pytest.mark.parametrize(
    "text", ["overrides:", "neverIgnore:", "overrides: [{match: {name: a}, ttl: , rules: }]"]
)
def test_what_is_empty_may_be_left_out(text: str) -> None:
    assert of(read(text), name="a").settings == read("").settings


LOW, HIGH = "ttl: {default: 400, maximum: 500}", "ttl: {default: 700}"


@pytest.mark.parametrize(
    ("first", "second", "meet"),
    [
        ("{name: 'a*'}", "{name: 'b*'}", False),
        ("{name: 'a*'}", "{name: '*b'}", True),
        ("{name: '*a'}", "{name: '*b'}", False),
        ("{name: 'a*'}", "{name: 'ab*'}", True),
        ("{name: 'a[bc]'}", "{name: 'a[cd]'}", True),
        ("{name: 'a[bc]x'}", "{name: 'a[cd]y'}", False),
        ("{name: a}", "{name: b}", False),
        ("{name: a}", "{name: '?'}", True),
        ("{name: [a, b]}", "{name: [c, b]}", True),
        ("{name: a}", "{namespace: b}", True),
        ("{name: a, namespace: c}", "{name: a, namespace: d}", False),
        ("{kind: Job}", "{kind: CronJob}", False),
        ("{kind: Job}", "{kind: [CronJob, Job]}", True),
        ("{path: 'a/**'}", "{path: 'b/**'}", False),
        ("{path: 'a/**'}", "{path: 'a/b/*.yaml'}", True),
        ("{path: 'a/**'}", "{name: b}", True),
    ],
)
def test_overrides_that_may_meet_go_together(first: str, second: str, meet: bool) -> None:  # noqa: FBT001 - a column
    text = f"overrides:\n- match: {first}\n  {LOW}\n- match: {second}\n  {HIGH}\n"

    if meet:
        assert (
            "p.yaml:5: overrides[1].ttl: default is 700, but only 300 to 500 passes, with overrides[0]"
            in wrong(text)
        )
    else:
        assert len(read(text).overrides.every) == 2  # type: ignore[union-attr]


def test_comments_are_judged_by_the_policy_of_their_object() -> None:
    item = (
        "- "
        + WITHOUT_TTL.replace("spec:\n  b", "spec:  # jobwarden: ignore[ttl-missing]\n  b")
        .replace("\n", "\n  ")
        .rstrip()
    )
    other = item.replace("name: report\n", "name: other\n", 1).replace(
        "  backoff", "  ttlSecondsAfterFinished: 3600\n    backoff"
    )
    text = f"kind: List\nitems:\n{item}\n{other}\n"
    policy = overriding("{name: other}", "rules: {ttl-missing: {severity: off}}")

    assert found(text, policy) == []
    (one,) = found(text, Policy())
    assert (one.violation.rule, one.base) == ("unused-suppression", ("items", 1))


def test_fixes_are_those_of_the_policy_of_the_object() -> None:
    document = parse(WITHOUT_TTL)
    policy = overriding("{name: report}", "ttl: {default: 900}")

    assert "ttlSecondsAfterFinished: 900\n" in fix(document, policy, unsafe=False).document.text


@pytest.mark.parametrize("policy", ["jobwarden.yaml", "elsewhere/p.yaml"])
def test_paths_begin_at_the_folder_of_the_policy(jobwarden: Command, folder: Path, policy: str) -> None:
    base = "" if policy == "jobwarden.yaml" else "../"
    put(
        policy,
        f"overrides:\n- match: {{path: '{base}batch/**'}}\n  rules: {{ttl-missing: {{severity: off}}}}\n",
    )
    put("batch/deep/a.yaml", WITHOUT_TTL)
    put("b.yaml", WITHOUT_TTL)
    (folder / "link").symlink_to("batch")

    def files(*arguments: str, **more: Any) -> list[str]:
        done = jobwarden("lint", "--policy", policy, "--format", "concise", *arguments, **more)
        return [line.split(":")[0] for line in done.stdout.splitlines() if "ttl-missing" in line]

    assert files(".") == ["b.yaml"]
    assert files("batch") == []
    assert files("link/deep/a.yaml") == []
    assert files(str(folder / "batch" / "deep" / "a.yaml")) == []
    assert files("-", stdin=WITHOUT_TTL.encode()) == ["<stdin>"]


@pytest.mark.usefixtures("folder")
def test_a_path_is_unknown_at_admission(jobwarden: Command) -> None:
    put(
        "jobwarden.yaml",
        f"overrides:\n- match: {{path: a.yaml}}\n  {HIGH}\n- match: {{name: other}}\n  {HIGH}\n",
    )
    put("a.yaml", f"{WITHOUT_TTL}---\n{WITHOUT_TTL.replace('report', 'other')}")

    assert "ttlSecondsAfterFinished: 700" in jobwarden("lint", "--diff", "a.yaml").stdout
    lines = jobwarden("lint", "--as-admission", "a.yaml").stdout
    assert lines.count("ttlSecondsAfterFinished: 86400") == 1
    assert lines.count("ttlSecondsAfterFinished: 700") == 1


def ask(name: str, policy: Policy, memory: Memory[Outcome] | None, answer: Any, **changes: Any) -> Outcome:
    """Ask about the creation of a Job without a time to live."""
    spec = {key: value for key, value in JOB["spec"].items() if key != "ttlSecondsAfterFinished"}
    tree = {**JOB, "metadata": {"name": name, "namespace": "batch"}, "spec": spec}
    asked = Request.model_validate(request_of(object=tree, name=name, **changes))
    outcome: Outcome = answer(asked, policy, Mode.ENFORCE, lambda *_: None, memory)
    return outcome


@pytest.mark.parametrize("answer", [review.mutate, review.validate])
def test_what_is_remembered_is_what_the_overrides_make_of_it(answer: Any) -> None:
    memory = Memory[Outcome]()
    policy = overriding("{name: special-*}", f"ttl: {{default: 700}}\n  {ERROR}")

    for name in ("plain", "special-1", "plain", "special-2"):
        assert ask(name, policy, memory, answer) == ask(name, policy, None, answer)
    assert ask("plain", policy, memory, answer) is ask("plain-2", policy, memory, answer)
    assert ask("special-1", policy, memory, answer) is ask("special-2", policy, memory, answer)
    assert ask("special-1", policy, memory, answer) != ask("plain", policy, memory, answer)


def test_a_name_decides_whether_a_job_is_denied() -> None:
    memory, policy = Memory[Outcome](), overriding("{name: special-*, namespace: batch}")

    verdicts = [
        ask(name, policy, memory, review.validate).verdict
        for name in ("plain", "special-1", "plain-2", "special-2")
    ]

    assert verdicts == ["allowed", "denied", "allowed", "denied"]
    assert ask("special-1", policy, memory, review.validate, namespace="other").verdict == "allowed"


def test_a_name_that_is_yet_to_be_generated_counts_by_its_beginning() -> None:
    tree = {**JOB, "metadata": {"generateName": "special-"}, "spec": {"template": JOB["spec"]["template"]}}
    asked = Request.model_validate(request_of(object=tree, name=""))
    policy = overriding("{name: special-*}", "rules: {ttl-missing: {mutate: false}}")

    rules = [
        dict(review.mutate(asked, one, Mode.ENFORCE, lambda *_: None).rules) for one in (policy, Policy())
    ]

    assert ["ttl-missing" in one for one in rules] == [False, True]


def test_an_update_is_judged_by_the_overrides_as_well() -> None:
    old = {**JOB, "spec": {**JOB["spec"], "backoffLimit": 3}}
    new = {**JOB, "spec": {**JOB["spec"], "backoffLimit": 8}}
    asked = Request.model_validate(request_of(operation="UPDATE", object=new, oldObject=old))
    policy = overriding(
        "{name: report}", "backoffLimit: {maximum: 5}\n  rules: {backoff-limit: {severity: error}}"
    )

    verdicts = [
        review.validate(asked, one, Mode.ENFORCE, lambda *_: None).verdict for one in (policy, Policy())
    ]

    assert verdicts == ["denied", "allowed"]


def test_the_webhook_keeps_all_that_the_file_says(tmp_path: Path) -> None:
    file = tmp_path / "jobwarden.yaml"
    file.write_text(f"neverIgnore: [image-tag]\noverrides:\n- match: {{name: a}}\n  {ERROR}\n")

    policy = Policies(str(file), 36, Metrics(), Mode.WARN).policy

    assert policy.never_ignored == {"image-tag"}
    assert severity(of(policy, name="a")) == Severity.ERROR
    assert (of(policy, name="a").minor, of(policy, name="a").webhook.mode) == (36, Mode.WARN)


NEVER = "neverIgnore: [ttl-missing]\n"
TOLD = "the policy does not allow to ignore ttl-missing (neverIgnore)"


@pytest.mark.parametrize(
    "text",
    [
        WITHOUT_TTL.replace("spec:\n  b", "spec:  # jobwarden: ignore[ttl-missing] why\n  b"),
        WITHOUT_TTL.replace(
            "  name: report\n", "  name: report\n  annotations: {jobwarden.io/ignore: ttl-missing}\n", 1
        ),
        WITHOUT_TTL.replace(
            "  template:\n",
            "  template:\n    metadata: {annotations: {jobwarden.io/ignore: ttl-missing}}\n",
        ),
    ],
)
def test_what_is_never_ignored_is_found_and_who_tries_is_told(text: str) -> None:
    assert found(text, read("")) == []
    told = {one.violation.rule: one.violation.message for one in found(text, read(NEVER))}

    assert told.keys() == {"ttl-missing", "unused-suppression"}
    assert told["unused-suppression"] == TOLD


def test_to_ignore_is_not_allowed_either_where_nothing_is_found() -> None:
    text = CLEAN.replace("spec:\n  b", "spec:  # jobwarden: ignore[ttl-missing] why\n  b")

    assert [one.violation.message for one in found(text, read(NEVER))] == [TOLD]


def test_other_rules_can_still_be_ignored() -> None:
    text = WITHOUT_TTL.replace("spec:\n  b", "spec:  # jobwarden: ignore[ttl-missing] why\n  b")

    assert found(text, read("neverIgnore: [image-tag]")) == []


def test_a_rule_that_is_off_may_be_ignored() -> None:
    text = WITHOUT_TTL.replace("spec:\n  b", "spec:  # jobwarden: ignore[ttl-missing] why\n  b")

    assert found(text, read(NEVER + "rules: {ttl-missing: {severity: off}}")) == []


@pytest.mark.usefixtures("folder")
def test_the_command_line_keeps_what_is_never_ignored(jobwarden: Command) -> None:
    put("jobwarden.yaml", NEVER)
    put("a.yaml", WITHOUT_TTL.replace("spec:\n  b", "spec:  # jobwarden: ignore[ttl-missing] why\n  b"))

    done = jobwarden("lint")

    assert done.returncode == 1
    assert TOLD in done.stdout


def annotated(value: str) -> dict[str, Any]:
    """Return a Job that asks for a rule not to look at it, as the API server has filled it."""
    metadata = {"name": "report", "namespace": "batch", "annotations": {"jobwarden.io/ignore": value}}
    return {**JOB, "metadata": metadata, "spec": {**JOB["spec"], "backoffLimit": 6}}


def test_at_admission_an_annotation_keeps_nothing_that_is_never_ignored() -> None:
    asked = Request.model_validate(request_of(object=annotated("backoff-limit")))
    free, never = (
        review.mutate(asked, read(text), Mode.ENFORCE, lambda *_: None)
        for text in ("", "neverIgnore: [backoff-limit]")
    )

    assert free.verdict == "allowed"
    assert dict(never.rules) == {"backoff-limit": "patched"}
    assert not any("to keep 6" in line for line in never.response["warnings"])


def test_at_admission_who_tries_to_ignore_is_warned() -> None:
    tree = annotated("ttl-missing")
    del tree["spec"]["ttlSecondsAfterFinished"]
    asked = Request.model_validate(request_of(object=tree))

    outcome = review.validate(asked, read(NEVER + ERROR), Mode.ENFORCE, lambda *_: None)

    assert outcome.verdict == "denied"
    assert TOLD in " ".join(" ".join(outcome.response["warnings"]).split())
