"""Documents checked and fixed as wholes: suppressions, Lists, guards, and fixes that meet."""

from textwrap import dedent

import pytest

from lint.document import parse
from lint.file import inspect
from lint.linter import check, fix, jobs
from lint.policy import Policy, Setting
from lint.rule import Class, Severity
from lint.rules import restart_policy_required

JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: report
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: report
          image: report:1.4
"""


def only(*rules: str) -> Policy:
    """Make a policy of some rules."""
    return Policy().narrowed(frozenset(rules), frozenset(), 35)


TTL = only("ttl-missing", "unused-suppression")


def found(text: str, policy: Policy = TTL) -> list[str]:
    """Return the rules that find something, each with its line."""
    return [
        f"{one.violation.rule}:{text.count(chr(10), 0, one.start) + 1}" for one in check(parse(text), policy)
    ]


def test_a_comment_on_the_line_or_above_it_suppresses() -> None:
    ignore = "# jobwarden: ignore[ttl-missing] the pipeline deletes it\n"

    assert found(JOB) == ["ttl-missing:5"]
    assert found(JOB.replace("spec:\n  t", f"spec: {ignore}  t")) == []
    assert found(JOB.replace("spec:\n  t", f"{ignore}spec:\n  t")) == []
    assert found(JOB.replace("spec:\n  t", f"{ignore}# and more\nspec:\n  t")) == []


@pytest.mark.parametrize(
    "comment",
    [
        "#jobwarden:ignore[ttl-missing]",
        "# we must: jobwarden: ignore[ttl-missing]",
        "# jobwarden: ignore[backoff-limit, ttl-missing]",
        "# jobwarden: ignore [ ttl-missing ]",
    ],
)
def test_a_comment_may_be_written_in_several_ways(comment: str) -> None:
    assert "ttl-missing:5" not in found(JOB.replace("spec:\n  t", f"spec:  {comment}\n  t"))


def test_a_comment_that_suppresses_nothing_is_reported_where_it_stands() -> None:
    text = JOB.replace("      containers", "      # jobwarden: ignore[ttl-missing]\n      containers")

    assert found(text) == ["ttl-missing:5", "unused-suppression:9"]
    assert [one.violation.message for one in check(parse(text), TTL)][
        1
    ] == "ttl-missing finds nothing here to ignore"


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        ("# jobwarden: ignore[ttl]", "there is no rule 'ttl' to ignore"),
        ("# jobwarden: ignore", "name the rules to ignore: ignore[backoff-limit]"),
        ("# jobwarden: ignore[]", "name the rules to ignore: ignore[backoff-limit]"),
    ],
)
def test_a_comment_that_names_no_rule_is_reported(comment: str, message: str) -> None:
    assert message in [one.violation.message for one in check(parse(f"{comment}\n{JOB}"), TTL)]


def test_a_suppression_of_a_rule_that_is_off_is_right() -> None:
    assert found(f"# jobwarden: ignore[image-tag]\n{JOB}") == ["ttl-missing:6"]


def test_a_string_is_no_comment() -> None:
    text = JOB.replace("report:1.4\n", 'report:1.4\n          args: ["# jobwarden: ignore[ttl-missing]"]\n')

    assert found(text) == ["ttl-missing:5"]


@pytest.mark.parametrize("where", ["metadata", "template"])
def test_an_annotation_on_the_object_or_its_template_suppresses(where: str) -> None:
    note = "annotations: {jobwarden.io/ignore: 'ttl-missing'}"
    text = (
        JOB.replace("  name: report\n", f"  name: report\n  {note}\n", 1)
        if where == "metadata"
        else JOB.replace("  template:\n", f"  template:\n    metadata:\n      {note}\n")
    )

    assert found(text) == []


def test_an_annotation_that_suppresses_nothing_is_reported() -> None:
    text = JOB.replace(
        "  name: report\n", "  name: report\n  annotations: {jobwarden.io/ignore: 'a,ttl-missing'}\n", 1
    )

    assert found(text) == ["unused-suppression:5"]


def test_items_of_lists_are_checked_with_their_places() -> None:
    items = "".join(f"- {dedent(JOB).replace(chr(10), chr(10) + '  ').rstrip()}\n" for _ in range(2))
    text = f"apiVersion: v1\nkind: List\nitems:\n{items}"

    assert found(text) == ["ttl-missing:8", "ttl-missing:19"]
    assert [one.path[:2] for one in check(parse(text), TTL)] == [("items", 0), ("items", 1)]


def test_a_list_is_fixed_item_by_item() -> None:
    text = f"kind: List\nitems:\n- {JOB.replace(chr(10), chr(10) + '  ').rstrip()}\n"

    fixed = fix(parse(text), TTL, unsafe=False)

    assert fixed.document.text == text.replace(
        "  spec:\n    template", "  spec:\n    ttlSecondsAfterFinished: 86400\n    template"
    )
    assert fixed.refused == {}


@pytest.mark.parametrize(
    ("kind", "version", "number"),
    [
        ("Job", "batch/v1", 1),
        ("CronJob", "batch/v1beta1", 1),
        ("Job", "batch.volcano.sh/v1alpha1", 0),
        ("Job", "v1", 0),
        ("JobSet", "jobset.x-k8s.io/v1alpha2", 0),
    ],
)
def test_only_jobs_of_kubernetes_are_jobs(kind: str, version: str, number: int) -> None:
    document = parse(f"apiVersion: {version}\nkind: {kind}\n")

    assert len(list(jobs(document, TTL))) == number


def test_a_partial_object_lacks_nothing() -> None:
    assert found(JOB.replace("          image: report:1.4\n", "")) == []
    assert found("apiVersion: batch/v1\nkind: Job\nspec:\n  $patch: delete\n") == []
    assert found("apiVersion: batch/v1\nkind: Job\nspec: {parallelism: 2}\n") == []


def test_a_partial_object_is_never_rejected() -> None:
    text = JOB.replace("          image: report:1.4\n", "").replace(
        "spec:\n  t", "spec:\n  completionMode: Indexed\n  parallelism: 2\n  t"
    )

    assert found(text, Policy()) == []


def test_of_a_partial_object_is_told_what_no_server_can_read() -> None:
    text = (
        'apiVersion: batch/v1\nkind: Job\nspec: {backoffLimit: "3", zoo: 1, $patch: merge, parallelism: -1}\n'
    )

    assert {one.violation.rule for one in check(parse(text), Policy())} == {"wrong-type", "misplaced-field"}


@pytest.mark.parametrize("kind", ["JobSet", "CronJob"])
def test_what_a_controller_owns_is_warned_of_and_never_changed(kind: str) -> None:
    owner = f"  name: report\n  ownerReferences: [{{kind: {kind}, name: a, controller: true}}]\n"
    text = JOB.replace("Never", "Always")

    free = check(parse(text), Policy())
    owned = check(parse(text.replace("  name: report\n", owner, 1)), Policy())

    assert max(one.violation.severity for one in free) == Severity.ERROR
    ours = [one.violation.severity for one in owned if one.violation.class_ != Class.SERVER]
    assert max(ours) == Severity.WARNING
    assert [one.violation.fix for one in owned if one.violation.fix] == []


def test_a_job_that_another_controller_manages_is_judged_by_the_server_alone() -> None:
    text = JOB.replace("Never", "Always").replace("spec:\n  t", "spec:\n  managedBy: acme.io/runner\n  t")

    assert {one.violation.class_ for one in check(parse(text), Policy())} == {Class.SERVER}


def test_a_job_that_is_being_deleted_is_left_alone() -> None:
    assert (
        found(
            JOB.replace("  name: report\n", "  name: report\n  deletionTimestamp: 2026-01-01T00:00:00Z\n", 1)
        )
        == []
    )


def test_a_severity_of_the_policy_caps_that_of_a_finding() -> None:
    text, rule = JOB.replace("Never", "Always"), restart_policy_required.RULE

    severities = [
        [one.violation.severity
         for one in check(parse(text), Policy({rule.id: Setting(rule.params, severity)}))
         if one.violation.rule == rule.id]
        for severity in (Severity.ERROR, Severity.WARNING, Severity.OFF)
    ]  # fmt: skip

    assert severities == [[Severity.ERROR], [Severity.WARNING], []]


def test_fixes_are_made_once_and_for_all() -> None:
    first = fix(parse(JOB), Policy(), unsafe=True)
    second = fix(first.document, Policy(), unsafe=True)

    assert len(first.made) > 2
    assert (second.document.text, second.made) == (first.document.text, ())


def test_unsafe_fixes_are_made_on_demand() -> None:
    document = parse(JOB.replace("Never", "Always"))
    policy = only("restart-policy-required")

    assert fix(document, policy, unsafe=False).made == ()
    assert fix(document, policy, unsafe=True).document.text == JOB


def test_a_fix_that_cannot_be_made_is_refused_with_the_reason_and_the_others_are_made() -> None:
    text = JOB.replace("spec:\n  t", "spec: &spec\n  t") + "status: {x: *spec}\n"

    fixed = fix(parse(text), only("ttl-missing", "container-resources"), unsafe=False)

    assert fixed.refused == {
        ("ttl-missing", ("spec", "ttlSecondsAfterFinished")): "spec is an anchor that aliases repeat",
        ("container-resources", ("spec", "template", "spec", "containers", 0, "resources")): (
            "spec is an anchor that aliases repeat"
        ),
    }
    assert fixed.document.text == text


def test_a_rule_sees_what_stands_beside_a_job_in_its_file() -> None:
    claim = (
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: results}\n"
        "spec: {accessModes: [ReadWriteOnce]}\n"
    )
    volumes = "      volumes: [{name: results, persistentVolumeClaim: {claimName: results}}]\n"
    job = JOB.replace("spec:\n  t", "spec:\n  parallelism: 3\n  t", 1) + volumes

    def rules(text: str) -> set[str]:
        return {one.violation.rule for one in inspect("a.yaml", text.encode(), Policy(), None).findings}

    assert "shared-volume" in rules(f"{job}---\n{claim}")
    assert "shared-volume" in rules(f"{claim}---\nbroken: ]\n---\n{job}")
    assert "shared-volume" not in rules(f"{job}---\n{claim.replace('results', 'others')}")
    assert "shared-volume" not in rules(job)
