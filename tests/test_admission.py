"""What is set at admission, what is left as it is, what denies an object, and what its user is told."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from lint.admission import Judgement, Mutation, denial, foretell, judge, mutate, told, warnings
from lint.edit import Edit, Remove, Set
from lint.job import Job
from lint.path import Path
from lint.policy import Mode, Policy, Setting, Violation, Webhook
from lint.policy_file import load
from lint.rule import Class, Finding, Fix, Rule, Severity
from lint.rules import indexed_constraints, resources_coherence

DEFAULT = Policy()
OURS = {"key": "batch", "operator": "Equal", "value": "true", "effect": "NoSchedule"}
OTHER = {"key": "spot", "operator": "Exists"}
REQUESTS = {"cpu": "100m", "memory": "128Mi"}
POOL = {"workload-type": "batch"}
TEMPLATE: Path = ("spec", "template", "spec")


def job(spec: Any = None, pod: Any = None, container: Any = None, **metadata: Any) -> dict[str, Any]:
    """Make a Job."""
    container = {"name": "main", "image": "main:1", **(container or {})}
    quiet = {"automountServiceAccountToken": False}
    pod = {"restartPolicy": "Never", **quiet, "containers": [container], **(pod or {})}
    spec = {"template": {"spec": pod}, **(spec or {})}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "main", **metadata}, "spec": spec}


def cronjob(spec: Any = None, pod: Any = None, container: Any = None, **metadata: Any) -> dict[str, Any]:
    """Make a CronJob of such a Job."""
    tree = job(spec, pod, container, **metadata)
    quiet = {"timeZone": "Etc/UTC", "concurrencyPolicy": "Forbid", "startingDeadlineSeconds": 600}
    template = {"schedule": "7 3 * * *", **quiet, "jobTemplate": {"spec": tree["spec"]}}
    return {**tree, "kind": "CronJob", "spec": template}


def inner(tree: dict[str, Any]) -> Any:
    """Return the spec of a Job, or of the Jobs that a CronJob makes."""
    return tree["spec"]["jobTemplate"]["spec"] if tree["kind"] == "CronJob" else tree["spec"]


def pod_of(tree: dict[str, Any]) -> Any:
    """Return the Pod's spec."""
    return inner(tree)["template"]["spec"]


@cache
def policy(text: str, *rules: str, minor: int = 35) -> Policy:
    """Make a policy of a file, of some rules only when they are named."""
    return load(text, "p.yaml").narrowed(frozenset(rules), frozenset(), minor)


def mutated(tree: dict[str, Any], of: Policy = DEFAULT) -> Mutation:
    """Make the fixes of a policy."""
    return mutate(Job(tree, of.minor), of)


def titles(mutation: Mutation) -> list[str]:
    """Return what was mended."""
    return [one.fix.title for one in mutation.made if one.fix]


def left(tree: dict[str, Any], of: Policy = DEFAULT) -> list[str]:
    """Return the rules that still find something."""
    return [one.rule for one in of.check(Job(mutated(tree, of).tree, of.minor))]


def rule(
    name: str,
    *edits: Edit,
    path: Path = ("spec",),
    safe: bool = True,
    when: Callable[[Job], bool] = lambda _: True,
) -> Rule[Any]:
    """Make a rule that wants an edit."""

    def check(found: Job, _: None) -> Iterator[Finding]:
        if when(found):
            yield Finding(path, "is to be mended", Fix(f"mend {name}", edits, safe=safe))

    return Rule(name, "Made up.", Severity.WARNING, Class.PRACTICE, None, check, (), ())


def of_rules(*rules: Rule[Any], extends: bool = False) -> Policy:
    """Make a policy of rules that are made up, and perhaps of real ones."""
    made = Policy(webhook=Webhook(extend_written=extends))
    made.active = tuple((one, Setting(one.params)) for one in rules)
    return made


# What the default policy sets.


def test_a_bare_job_gets_what_its_manifest_leaves_out() -> None:
    expected = job(
        {"backoffLimit": 3, "activeDeadlineSeconds": 86400, "ttlSecondsAfterFinished": 86400},
        container={"resources": {"requests": REQUESTS}},
    )

    assert mutated(job()).tree == expected
    assert left(job()) == []


def test_a_bare_cronjob_gets_no_time_to_live() -> None:
    expected = cronjob(
        {"backoffLimit": 3, "activeDeadlineSeconds": 86400}, container={"resources": {"requests": REQUESTS}}
    )

    assert mutated(cronjob()).tree == expected
    assert left(cronjob()) == []


def test_every_container_gets_requests_for_what_it_lacks() -> None:
    first = {"name": "first", "image": "first:1", "resources": {"limits": {"memory": "1Gi"}}}
    tree = job(pod={"initContainers": [first]}, container={"resources": {"requests": {"cpu": "2"}}})

    pod = pod_of(mutated(tree).tree)

    assert pod["initContainers"][0]["resources"] == {
        "limits": {"memory": "1Gi"},
        "requests": {"cpu": "100m"},
    }
    assert pod["containers"][0]["resources"] == {"requests": {"cpu": "2", "memory": "128Mi"}}


def test_the_tree_that_was_given_stays_as_it_is() -> None:
    tree = job()
    mutated(tree)

    assert tree == job()


@pytest.mark.parametrize(
    ("rule_id", "title"),
    [
        ("backoff-limit", "set backoffLimit: 3"),
        ("active-deadline-missing", "set activeDeadlineSeconds: 86400"),
        ("ttl-missing", "set ttlSecondsAfterFinished: 86400"),
        ("container-resources", "set requests cpu: 100m, memory: 128Mi"),
        ("batch-toleration", "tolerate batch=true:NoSchedule"),
    ],
)
def test_a_rule_that_must_not_mutate_sets_nothing(rule_id: str, title: str) -> None:
    tree = job(pod={"nodeSelector": POOL})
    everything = titles(mutated(tree))

    found = mutated(tree, policy(f"rules: {{{rule_id}: {{mutate: false}}}}"))

    assert title in everything
    assert titles(found) == [one for one in everything if one != title]
    assert left(tree, policy(f"rules: {{{rule_id}: {{mutate: false}}}}")) == [rule_id]


@pytest.mark.parametrize("rule_id", ["backoff-limit", "ttl-missing", "container-resources"])
def test_a_rule_that_is_off_sets_nothing(rule_id: str) -> None:
    found = mutated(job(), policy(f"rules: {{{rule_id}: {{severity: off}}}}"))

    assert rule_id not in [one.rule for one in found.made]


def test_a_rule_that_is_only_noted_sets_its_value() -> None:
    found = mutated(job(), policy("rules: {backoff-limit: {severity: info}}"))

    assert inner(found.tree)["backoffLimit"] == 3


def test_an_ignored_rule_sets_nothing() -> None:
    tree = job(annotations={"jobwarden.io/ignore": "ttl-missing, container-resources"})

    assert [one.rule for one in mutated(tree).made] == ["backoff-limit", "active-deadline-missing"]


@pytest.mark.parametrize("kind", [job, cronjob])
@pytest.mark.parametrize(
    "spec",
    [
        {"backoffLimit": 0},
        {"backoffLimit": 50},
        {"ttlSecondsAfterFinished": 0},
        {"ttlSecondsAfterFinished": 9999999},
        {"activeDeadlineSeconds": 1},
    ],
)
def test_what_the_manifest_says_stays(kind: Callable[..., dict[str, Any]], spec: dict[str, Any]) -> None:
    ((key, value),) = spec.items()

    assert inner(mutated(kind(spec)).tree)[key] == value


@pytest.mark.parametrize("resources", [{"requests": {"cpu": "9", "memory": "1Ki"}}, {"limits": REQUESTS}])
def test_resources_that_the_manifest_names_stay(resources: dict[str, Any]) -> None:
    tree = mutated(job(container={"resources": resources})).tree

    assert pod_of(tree)["containers"][0]["resources"] == resources


def test_limits_are_set_where_the_policy_names_them() -> None:
    of = policy("resources: {limits: {memory: 1Gi}}")
    small = {"resources": {"requests": REQUESTS}}
    large = {"resources": {"requests": {"cpu": "1", "memory": "4Gi"}}}

    limits = [
        pod_of(mutated(job(container=one), of).tree)["containers"][0]["resources"]["limits"]
        for one in (small, large)
    ]

    assert limits == [{"memory": "1Gi"}, {"memory": "4Gi"}]


def test_a_policy_default_that_is_the_servers_changes_nothing_in_a_job() -> None:
    of = policy("backoffLimit: {default: 6}", "backoff-limit")

    assert mutated(job(), of).made == ()
    assert foretell(Job(job()), of) == ("allowed", "", (), job())


def test_a_policy_default_that_is_the_servers_is_set_in_a_cronjob() -> None:
    found = mutated(cronjob(), policy("backoffLimit: {default: 6}", "backoff-limit"))

    assert titles(found) == ["set backoffLimit: 6"]
    assert inner(found.tree)["backoffLimit"] == 6


def test_a_job_with_a_limit_for_each_index_gets_no_backoff_limit() -> None:
    spec = {"completionMode": "Indexed", "completions": 3, "backoffLimitPerIndex": 1}

    assert "backoffLimit" not in inner(mutated(job(spec)).tree)


# What a manifest writes is never extended in a Job, whose template is immutable.

PLACEMENT = ("batch-toleration", "batch-placement")


@pytest.mark.parametrize(
    ("kind", "extends", "written", "admitted"),
    [
        (job, False, {}, [OURS]),
        (job, False, {"tolerations": []}, []),
        (job, False, {"tolerations": None}, None),
        (job, False, {"tolerations": [OTHER]}, [OTHER]),
        (job, True, {}, [OURS]),
        (job, True, {"tolerations": []}, []),
        (job, True, {"tolerations": None}, None),
        (job, True, {"tolerations": [OTHER]}, [OTHER, OURS]),
        (cronjob, False, {}, [OURS]),
        (cronjob, False, {"tolerations": []}, []),
        (cronjob, False, {"tolerations": None}, None),
        (cronjob, False, {"tolerations": [OTHER]}, [OTHER, OURS]),
    ],
)
def test_tolerations_are_set_or_extended(
    *, kind: Callable[..., dict[str, Any]], extends: bool, written: dict[str, Any], admitted: Any
) -> None:
    of = policy(f"extendWritten: {str(extends).lower()}", *PLACEMENT)
    tree = kind(pod={"nodeSelector": POOL, **written})

    assert pod_of(mutated(tree, of).tree)["tolerations"] == admitted
    assert left(tree, of) == ([] if admitted and OURS in admitted else ["batch-toleration"])


@pytest.mark.parametrize(
    ("kind", "extends", "written", "admitted"),
    [
        (job, False, {}, POOL),
        (job, False, {"nodeSelector": {}}, {}),
        (job, False, {"nodeSelector": None}, None),
        (job, False, {"nodeSelector": {"disk": "ssd"}}, {"disk": "ssd"}),
        (job, True, {"nodeSelector": {}}, {}),
        (job, True, {"nodeSelector": None}, None),
        (job, True, {"nodeSelector": {"disk": "ssd"}}, {"disk": "ssd", **POOL}),
        (cronjob, False, {}, POOL),
        (cronjob, False, {"nodeSelector": {}}, {}),
        (cronjob, False, {"nodeSelector": None}, None),
        (cronjob, False, {"nodeSelector": {"disk": "ssd"}}, {"disk": "ssd", **POOL}),
    ],
)
def test_a_node_selector_is_set_or_extended(
    *, kind: Callable[..., dict[str, Any]], extends: bool, written: dict[str, Any], admitted: Any
) -> None:
    text = f"{{extendWritten: {str(extends).lower()}, placement: {{assign: require}}}}"
    of = policy(text, "batch-placement")
    tree = kind(pod=written)

    assert pod_of(mutated(tree, of).tree)["nodeSelector"] == admitted
    assert left(tree, of) == ([] if admitted and POOL.items() <= admitted.items() else ["batch-placement"])


@pytest.mark.parametrize(
    ("kind", "extends", "grows"),
    [(job, False, False), (job, True, True), (cronjob, False, True)],
)
def test_rules_of_a_failure_policy_are_extended_where_that_is_allowed(
    *, kind: Callable[..., dict[str, Any]], extends: bool, grows: bool
) -> None:
    ignore = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}
    base: Path = ("spec", "jobTemplate") if kind is cronjob else ()
    path: Path = (*base, "spec", "podFailurePolicy", "rules", 1)
    lacks = rule(
        "more", Set(path, ignore), when=lambda one: len(one.spec.at("podFailurePolicy", "rules")) < 2
    )
    tree = kind({"podFailurePolicy": {"rules": [ignore]}})

    found = inner(mutated(tree, of_rules(lacks, extends=extends)).tree)

    assert len(found["podFailurePolicy"]["rules"]) == (2 if grows else 1)


def test_a_missing_status_is_set_in_the_failure_policy_of_a_cronjob() -> None:
    ignore = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}
    spec = {"podReplacementPolicy": "Failed", "podFailurePolicy": {"rules": [ignore]}}
    of = policy("", "failure-policy-invalid", minor=33)

    found = inner(mutated(cronjob(spec), of).tree)

    assert found["podFailurePolicy"]["rules"][0]["onPodConditions"] == [
        {"type": "DisruptionTarget", "status": "True"}
    ]


@pytest.mark.parametrize(
    ("key", "rule_id"),
    [
        ("backoffLimit", "backoff-limit"),
        ("activeDeadlineSeconds", "active-deadline-missing"),
        ("ttlSecondsAfterFinished", "ttl-missing"),
    ],
)
def test_a_written_null_is_left_alone_with_a_warning(key: str, rule_id: str) -> None:
    tree = job({key: None})

    assert inner(mutated(tree).tree)[key] is None
    assert left(tree) == [rule_id]


@pytest.mark.parametrize("resources", [None, {"requests": None}, {"requests": None, "limits": {}}])
def test_resources_that_are_written_as_null_are_left_alone_with_a_warning(resources: Any) -> None:
    tree = job(container={"resources": resources})

    assert pod_of(mutated(tree).tree)["containers"][0]["resources"] == resources
    assert left(tree) == ["container-resources"]


@pytest.mark.parametrize("resources", [{}, {"requests": {}}])
def test_empty_resources_are_filled_for_no_apply_empties_them_again(resources: Any) -> None:
    tree = job(container={"resources": resources})

    assert pod_of(mutated(tree).tree)["containers"][0]["resources"] == {"requests": REQUESTS}


# Which fixes are made.


@pytest.mark.parametrize(
    "edit",
    [
        Set((*TEMPLATE, "restartPolicy"), "OnFailure"),
        Set((*TEMPLATE, "containers", 0, "image"), "main:2"),
        Set((*TEMPLATE, "containers", 0, "args", 1), "-v"),
        Set((*TEMPLATE, "containers", 0, "env", 0, "value"), "1"),
        Set((*TEMPLATE, "restartPolicy", "x"), 1),
        Set(("spec", 0), 1),
        Set(("spec",), {}),
        Remove((*TEMPLATE, "restartPolicy")),
        Remove(("spec", "suspend")),
    ],
)
def test_a_fix_that_changes_what_is_written_is_not_made(edit: Edit) -> None:
    tree = job(container={"args": ["-q"], "env": [{"name": "A"}]})

    found = mutated(tree, of_rules(rule("changes", edit)))

    assert found == (tree, (), "")


def test_an_edit_that_does_not_only_add_keeps_its_whole_fix_from_being_made() -> None:
    edits = (Set(("spec", "suspend"), value=True), Set((*TEMPLATE, "restartPolicy"), "OnFailure"))

    assert mutated(job(), of_rules(rule("both", *edits))).made == ()


def test_an_unsafe_fix_is_not_made() -> None:
    assert (
        mutated(job(), of_rules(rule("unsafe", Set(("spec", "suspend"), value=True), safe=False))).made == ()
    )
    assert mutated(job(pod={"restartPolicy": "Always"})).tree["spec"]["template"]["spec"][
        "restartPolicy"
    ] == ("Always")


def test_a_container_may_be_added() -> None:
    helper = {"name": "helper", "image": "helper:1", "restartPolicy": "Always"}
    adds = rule(
        "adds", Set((*TEMPLATE, "initContainers", 0), helper), when=lambda one: not one.init_containers
    )

    assert pod_of(mutated(job(), of_rules(adds)).tree)["initContainers"] == [helper]


def test_a_fix_that_fits_nowhere_is_left_out() -> None:
    misses = rule("misses", Set((*TEMPLATE, "containers", 7, "image"), "x:1"))
    sets = rule("sets", Set(("spec", "suspend"), value=True), when=lambda one: one.spec.at("suspend").missing)

    found = mutated(job(), of_rules(misses, sets))

    assert titles(found) == ["mend sets"]


def test_of_two_fixes_of_one_place_the_first_is_made() -> None:
    def sets(value: int) -> Rule[Any]:
        return rule(
            f"sets-{value}",
            Set(("spec", "parallelism"), value),
            when=lambda one: one.spec.at("parallelism").missing,
        )

    found = mutated(job(), of_rules(sets(2), sets(3)))

    assert titles(found) == ["mend sets-2"]
    assert inner(found.tree)["parallelism"] == 2


def test_of_two_fixes_of_which_one_lies_in_the_other_the_second_waits_for_the_next_pass() -> None:
    whole = rule(
        "whole",
        Set((*TEMPLATE, "securityContext"), {"runAsNonRoot": True}),
        when=lambda one: one.pod.at("securityContext").missing,
    )
    part = rule(
        "part",
        Set((*TEMPLATE, "securityContext", "fsGroup"), 1),
        when=lambda one: one.pod.at("securityContext", "fsGroup").missing,
    )

    found = mutated(job(), of_rules(whole, part))

    assert titles(found) == ["mend whole", "mend part"]
    assert pod_of(found.tree)["securityContext"] == {"runAsNonRoot": True, "fsGroup": 1}


def test_a_fix_that_makes_room_for_another_is_followed_by_it() -> None:
    first = rule(
        "first", Set(("spec", "suspend"), value=True), when=lambda one: one.spec.at("suspend").missing
    )
    second = rule(
        "second",
        Set(("spec", "parallelism"), 2),
        when=lambda one: one.spec.at("suspend").given and one.spec.at("parallelism").missing,
    )

    assert titles(mutated(job(), of_rules(second, first))) == ["mend first", "mend second"]


def test_a_rule_that_is_never_content_comes_to_an_end() -> None:
    def check(found: Job, _: None) -> Iterator[Finding]:
        path: Path = (*found.pod.at("tolerations").path, len(found.pod.at("tolerations")))
        yield Finding(path, "is to be mended", Fix("mend", (Set(path, OTHER),)))

    more = Rule("more", "Made up.", Severity.WARNING, Class.PRACTICE, None, check, (), ())

    assert len(mutated(cronjob(), of_rules(more)).made) == 20


@pytest.mark.parametrize("kind", [job, cronjob])
def test_fixes_that_lead_to_a_rejection_are_all_dropped(kind: Callable[..., dict[str, Any]]) -> None:
    base: Path = ("spec", "jobTemplate") if kind is cronjob else ()
    works = rule("works", Set((*base, "spec", "suspend"), value=True))
    fails = rule("fails", Set((*base, "spec", "maxFailedIndexes"), 1))
    tree = kind()

    found = mutated(tree, of_rules(works, fails, indexed_constraints.RULE))

    assert found.tree is tree
    assert found.made == ()
    assert found.refused.startswith("indexed-constraints: ")


def test_fixes_that_lead_to_an_object_that_can_never_work_are_dropped() -> None:
    def check(found: Job, _: None) -> Iterator[Finding]:
        if found.spec.at("suspend").given:
            yield Finding(("spec", "suspend"), "never starts", class_=Class.HOLE)

    hole = Rule("hole", "Made up.", Severity.ERROR, Class.PRACTICE, None, check, (), ())

    found = mutated(job(), of_rules(rule("fails", Set(("spec", "suspend"), value=True)), hole))

    assert found == (job(), (), "hole: never starts")


def test_what_is_rejected_anyway_is_mended_all_the_same() -> None:
    tree = job({"maxFailedIndexes": 1})

    found = mutated(tree)

    assert inner(found.tree)["backoffLimit"] == 3
    assert found.refused == ""


def test_a_missing_limit_of_what_cannot_be_shared_is_set() -> None:
    tree = job(container={"resources": {"requests": {"nvidia.com/gpu": 1, **REQUESTS}}})

    found = mutated(tree, of_rules(resources_coherence.RULE))

    assert pod_of(found.tree)["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": 1}


def broken(_job: Job, _: None) -> Iterator[Finding]:
    """Raise, after a finding."""
    yield Finding(("spec",), "is to be mended", Fix("mend", (Set(("spec", "suspend"), value=True),)))
    raise RuntimeError("a bug")


BROKEN: Rule[Any] = Rule("broken", "Made up.", Severity.WARNING, Class.PRACTICE, None, broken, (), ())


def test_a_rule_that_raises_costs_only_itself() -> None:
    failures = set()
    sets = rule("sets", Set(("spec", "parallelism"), 2), when=lambda one: one.spec.at("parallelism").missing)

    found = mutate(Job(job()), of_rules(BROKEN, sets), lambda name, error: failures.add((name, str(error))))

    assert titles(found) == ["mend sets"]
    assert "suspend" not in inner(found.tree)
    assert failures == {("broken", "a bug")}


def test_without_anybody_to_tell_a_bug_is_passed_on() -> None:
    with pytest.raises(RuntimeError):
        mutated(job(), of_rules(BROKEN))


# Who else has a say.

CONTROLLER = {"apiVersion": "x/v1", "name": "x", "uid": "u", "controller": True}
CRONJOB = {**CONTROLLER, "kind": "CronJob"}
MANUAL = {"cronjob.kubernetes.io/instantiate": "manual"}
FAMILIES = {
    "set backoffLimit: 3",
    "set activeDeadlineSeconds: 86400",
    "set ttlSecondsAfterFinished: 86400",
    "set requests cpu: 100m, memory: 128Mi",
    "set nodeSelector workload-type: batch",
    "tolerate batch=true:NoSchedule",
}
TTL = {"set ttlSecondsAfterFinished: 86400"}
DEADLINE = {"set activeDeadlineSeconds: 86400"}
NODES = {"set nodeSelector workload-type: batch", "tolerate batch=true:NoSchedule"}


@pytest.mark.parametrize(
    ("tree", "spared"),
    [
        (job(), set()),
        (cronjob(), TTL),
        (job(ownerReferences=[{**CONTROLLER, "kind": "JobSet"}]), FAMILIES),
        (job(ownerReferences=[{**CONTROLLER, "kind": "JobSet", "controller": False}]), set()),
        (job(ownerReferences=[CRONJOB]), FAMILIES),
        (job(ownerReferences=[CRONJOB], annotations=MANUAL), TTL),
        (job(annotations={"helm.sh/hook": "pre-install"}), TTL),
        (job(annotations={"argocd.argoproj.io/hook": "Sync"}), TTL),
        (job(annotations={"argocd.argoproj.io/tracking-id": "a"}), TTL),
        (job(labels={"kustomize.toolkit.fluxcd.io/name": "a"}), TTL),
        (
            job(
                labels={"app.kubernetes.io/managed-by": "Helm"},
                annotations={"meta.helm.sh/release-name": "a"},
            ),
            TTL,
        ),
        (job(labels={"kueue.x-k8s.io/queue-name": "q"}), NODES | DEADLINE),
        (job({"managedBy": "kueue.x-k8s.io/multikueue"}), FAMILIES),
        (job({"managedBy": "example.com/mine"}), FAMILIES),
        (job({"managedBy": "kubernetes.io/job-controller"}), set()),
        (job({"suspend": True}), DEADLINE),
        (job(pod={"schedulingGates": [{"name": "a"}]}), NODES | DEADLINE),
        (job(deletionTimestamp="2026-01-01T00:00:00Z"), FAMILIES),
        (job(pod={"containers": []}), {"set requests cpu: 100m, memory: 128Mi"}),
        (job(pod={"containers": [{"name": "main"}]}), FAMILIES),
    ],
)
def test_the_guards_decide_what_is_set(tree: dict[str, Any], spared: set[str]) -> None:
    of = policy("placement: {assign: require}")

    assert set(titles(mutated(tree, of))) == FAMILIES - spared


def test_a_queued_job_gets_a_deadline_from_kubernetes_1_36_on() -> None:
    tree = job(labels={"kueue.x-k8s.io/queue-name": "q"})

    assert titles(mutated(tree, policy("", "active-deadline-missing", minor=36))) == [
        "set activeDeadlineSeconds: 86400"
    ]


STRICT = "{profile: strict, rules: {backoff-limit: {mutate: false}}}"


@pytest.mark.parametrize(
    ("metadata", "verdict"),
    [
        ({}, "denied"),
        ({"ownerReferences": [CRONJOB], "annotations": MANUAL}, "denied"),
        ({"ownerReferences": [{**CONTROLLER, "kind": "JobSet"}]}, "allowed"),
        ({"ownerReferences": [CRONJOB]}, "allowed"),
    ],
)
def test_a_controller_never_meets_a_denial(metadata: dict[str, Any], verdict: str) -> None:
    of = policy(STRICT, "backoff-limit")

    assert foretell(Job(job({"backoffLimit": 50}, **metadata)), of).verdict == verdict


# What becomes of findings.


def violation(
    severity: Severity = Severity.WARNING,
    class_: Class = Class.PRACTICE,
    message: str = "is odd",
    path: Path = ("spec", "backoffLimit"),
    fix: Fix | None = None,
) -> Violation:
    """Make a finding."""
    return Violation("some-rule", severity, class_, path, message, fix)


ERROR, WARNING, INFO = (violation(severity) for severity in (Severity.ERROR, Severity.WARNING, Severity.INFO))


@pytest.mark.parametrize(
    ("mode", "judgement"),
    [
        (Mode.ENFORCE, ([ERROR], [WARNING], [INFO])),
        (Mode.WARN, ([], [ERROR, WARNING], [INFO])),
        (Mode.AUDIT, ([], [], [ERROR, WARNING, INFO])),
        (Mode.OFF, ([], [], [])),
    ],
)
def test_the_mode_of_a_namespace_caps_the_consequence(
    mode: Mode, judgement: tuple[list[Violation], ...]
) -> None:
    found: Judgement = judge([ERROR, WARNING, INFO], mode)

    assert tuple(map(list, found)) == judgement


def test_what_the_server_rejects_it_says_itself() -> None:
    rejected = violation(Severity.ERROR, Class.SERVER)

    assert [*map(list, judge([rejected], Mode.ENFORCE))] == [[], [], []]


def test_a_denial_names_rule_and_path_and_what_was_found_and_is_wanted() -> None:
    foretold = foretell(Job(job({"backoffLimit": 50})), policy("profile: strict", "backoff-limit"))

    assert foretold.message == (
        "the policy does not allow this Job:\n"
        "- backoff-limit: spec.backoffLimit: 50 retries are more than the 10 that the policy allows"
        " (jobwarden explain backoff-limit)"
    )


def test_a_denial_says_how_to_mend_it() -> None:
    foretold = foretell(Job(cronjob()), policy(STRICT, "backoff-limit"))

    assert foretold.message == (
        "the policy does not allow this CronJob:\n"
        "- backoff-limit: spec.jobTemplate.spec.backoffLimit: nobody says how many retries: the API server"
        " takes 6, the policy 3 (set backoffLimit: 3; jobwarden explain backoff-limit)"
    )


def test_a_denial_has_a_line_for_each_finding() -> None:
    assert denial("Job", [ERROR, violation(message="is worse")]).splitlines() == [
        "the policy does not allow this Job:",
        "- some-rule: spec.backoffLimit: is odd (jobwarden explain some-rule)",
        "- some-rule: spec.backoffLimit: is worse (jobwarden explain some-rule)",
    ]


def test_a_warning_names_rule_and_path() -> None:
    assert warnings([WARNING]) == ["some-rule: spec.backoffLimit: is odd"]


LONG = violation(message="is odd " * 300)
MANY = [violation(path=("spec", f"a{index}")) for index in range(100)]


def keep_within_what_the_server_passes_on(lines: list[str]) -> bool:
    """Tell whether warnings are neither cut nor dropped, and leave room for those of other webhooks."""
    assert [line for line in lines if len(line) > 120] == []
    assert [line for line in lines if not line.isprintable()] == []
    assert len(lines) <= 17
    return sum(len(line.encode()) for line in lines) <= 4096


@pytest.mark.parametrize(
    "violations",
    [
        [LONG],
        MANY,
        [violation(path=tuple("abcdefgh" * 40))],
        [LONG] * 40,
        [*MANY[:15], LONG],
        [violation(message="x" * 5000)] * 2,
        [violation(message="日本" * 1200)],
        [violation(message="one\ntwo\rthree\x1b[2Jfour\x00\u2028five\u202esix")],
        [violation(path=("spec", "a\nb\x07"))],
    ],
)
def test_warnings_keep_within_what_the_server_passes_on(violations: list[Violation]) -> None:
    assert keep_within_what_the_server_passes_on(warnings(violations))


def test_what_is_too_much_to_tell_is_counted() -> None:
    assert warnings(MANY)[-1] == "jobwarden: 84 more findings: run jobwarden lint on the manifest"


def test_what_was_set_is_told_in_few_lines() -> None:
    first, second = told(mutated(job()), Mode.ENFORCE)

    times = "set activeDeadlineSeconds: 86400; set ttlSecondsAfterFinished: 86400;"
    assert first == f"jobwarden: set backoffLimit: 3; {times}"
    assert second == "  set requests cpu: 100m, memory: 128Mi"


def test_what_would_be_set_is_told_as_such() -> None:
    assert told(mutated(job(), policy("", "ttl-missing")), Mode.WARN) == [
        "jobwarden would: set ttlSecondsAfterFinished: 86400"
    ]


def test_nothing_set_is_nothing_told() -> None:
    assert told(Mutation({}, ()), Mode.ENFORCE) == []


@pytest.mark.parametrize(
    "title",
    [
        "set x: 1",
        "x" * 5000,
        "日本" * 100,
        "one\ntwo\x1b[2J\u2028three",
    ],
)
def test_what_was_set_keeps_within_what_the_server_passes_on(title: str) -> None:
    made = [violation(fix=Fix(f"{title} {index}", ())) for index in range(300)]

    assert keep_within_what_the_server_passes_on(told(Mutation({}, tuple(made)), Mode.ENFORCE))


# What an API server with the webhook will do with a manifest.


def test_a_manifest_that_gets_values_is_foretold_to_be_patched() -> None:
    of = policy("", "ttl-missing")

    assert foretell(Job(job()), of) == (
        "patched",
        "",
        ("jobwarden: set ttlSecondsAfterFinished: 86400",),
        job({"ttlSecondsAfterFinished": 86400}),
    )


def test_a_manifest_without_findings_is_foretold_to_be_allowed() -> None:
    tree = mutated(job()).tree

    assert foretell(Job(tree), DEFAULT) == ("allowed", "", (), tree)


def test_a_finding_that_stays_is_foretold_as_a_warning() -> None:
    assert foretell(Job(job({"backoffLimit": 50})), policy("", "backoff-limit")).warnings == (TOO_MANY,)


def test_what_is_set_is_no_reason_to_deny() -> None:
    foretold = foretell(Job(job()), policy("profile: strict"))

    assert (foretold.verdict, foretold.message) == ("patched", "")


TOO_MANY = "backoff-limit: spec.backoffLimit: 50 retries are more than the 10 that the policy allows"
FOR_EVER = (
    "ttl-missing: spec.ttlSecondsAfterFinished: "
    "the Job and its Pods stay in the cluster for ever after they finish"
)
WOULD = "jobwarden would: set ttlSecondsAfterFinished: 86400"


@pytest.mark.parametrize(
    ("mode", "verdict", "warned"),
    [
        ("enforce", "denied", ["jobwarden: set ttlSecondsAfterFinished: 86400"]),
        ("warn", "allowed", [WOULD, TOO_MANY, FOR_EVER]),
        ("audit", "allowed", []),
        ("off", "allowed", []),
    ],
)
def test_the_mode_of_the_policy_is_foretold(mode: str, verdict: str, warned: list[str]) -> None:
    of = policy(f"{{mode: {mode}, profile: strict}}", "ttl-missing", "backoff-limit")

    foretold = foretell(Job(job({"backoffLimit": 50})), of)

    assert foretold.verdict == verdict
    assert list(foretold.warnings) == warned


REJECTED = job(pod={"restartPolicy": "Always"})


def test_what_the_server_rejects_is_foretold_with_its_words() -> None:
    foretold = foretell(Job(REJECTED), DEFAULT)

    assert foretold.verdict == "rejected"
    assert foretold.message == (
        'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"; '
        '"Always" is for Pods that must not end'
    )


def test_it_is_foretold_why_nothing_is_set() -> None:
    fails = rule("fails", Set(("spec", "suspend"), value=True))
    hole = rule("hole", when=lambda one: one.spec.at("suspend").value is True)._replace(class_=Class.HOLE)

    assert foretell(Job(job()), of_rules(fails, hole)).warnings[0] == (
        "jobwarden: nothing was set, for it would not work: hole: is to be mended"
    )


@pytest.mark.parametrize("mode", ["warn", "audit", "off"])
def test_what_the_server_rejects_it_rejects_in_every_mode(mode: str) -> None:
    assert foretell(Job(REJECTED), policy(f"mode: {mode}")).verdict == "rejected"


def test_what_the_server_rejects_it_rejects_whoever_owns_it() -> None:
    metadata = {**REJECTED["metadata"], "ownerReferences": [{**CONTROLLER, "kind": "JobSet"}]}

    assert foretell(Job({**REJECTED, "metadata": metadata}), DEFAULT).verdict == "rejected"


def test_what_the_server_rejects_it_rejects_whatever_the_policy_thinks_of_it() -> None:
    of = policy("rules: {restart-policy-required: {severity: warning}}")

    assert foretell(Job(REJECTED), of).verdict == "rejected"
