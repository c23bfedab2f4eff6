"""`--against` says what the API server would say of manifests as updates of what is stored."""

from typing import TYPE_CHECKING

import pytest
from conftest import CLEAN, Command, put

if TYPE_CHECKING:
    from apiserver import ApiServer

pytest_plugins = ["apiserver"]
pytestmark = pytest.mark.usefixtures("folder")

NEWER = CLEAN.replace("report:1.4", "report:1.5")
SAYS = (
    "job.yaml:6:3: error[immutable-update] spec.template: Invalid value: field is immutable; "
    "delete the Job and make it again, or under another name\n"
)


def against(jobwarden: Command, old: str, new: str, *more: str) -> str:
    """Return what is said of a change."""
    put("old.yaml", old)
    put("job.yaml", new)
    done = jobwarden("lint", "--format", "concise", "--against", "old.yaml", *more, "job.yaml")
    return done.stdout.rpartition("read 1 file")[0].rpartition("\n")[0]


def immutable(said: str) -> bool:
    return "error[immutable-update]" in said


def test_a_changed_template_is_told(jobwarden: Command) -> None:
    said = against(jobwarden, CLEAN, NEWER)

    assert "error[immutable-update] spec.template: Invalid value: field is immutable; delete the Job" in said
    assert said.count("error") == 1


@pytest.mark.parametrize(
    "new",
    [
        CLEAN,
        CLEAN.replace("spec:\n", "spec:\n  parallelism: 3\n", 1),
        NEWER.replace("name: report\n", "name: other\n", 1),
        NEWER.replace("  name: report\n", "  generateName: report-\n", 1),
    ],
)
def test_what_may_change_is_passed_over(jobwarden: Command, new: str) -> None:
    assert not immutable(against(jobwarden, CLEAN, new))


@pytest.mark.parametrize(
    ("namespaces", "same"),
    [(("", ""), True), (("batch", ""), True), (("", "batch"), True), (("a", "a"), True), (("a", "b"), False)],
)
def test_objects_are_known_by_kind_namespace_and_name(
    jobwarden: Command, namespaces: tuple[str, str], *, same: bool
) -> None:
    old, new = (
        text.replace("  name: report\n", f"  name: report\n  namespace: {name}\n", 1) if name else text
        for text, name in zip((CLEAN, NEWER), namespaces, strict=True)
    )

    assert immutable(against(jobwarden, old, new)) == same


def test_a_suspended_job_may_get_a_place_to_run(jobwarden: Command) -> None:
    old = CLEAN.replace("spec:\n", "spec:\n  suspend: true\n", 1)
    new = old.replace(
        "      restartPolicy: Never\n", "      restartPolicy: Never\n      nodeSelector: {a: b}\n"
    )

    assert not immutable(against(jobwarden, old, new))
    assert immutable(against(jobwarden, old.replace("suspend: true", "suspend: false"), new))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "--against old.yaml: "),
        ("kind: ConfigMap\n", "--against old.yaml: there is no Job and no CronJob in it"),
        (None, "--against old.yaml: no such file or directory"),
    ],
)
def test_what_cannot_be_compared_with_is_wrong_usage(jobwarden: Command, text: str | None, said: str) -> None:
    put("job.yaml", CLEAN)
    if text is not None:
        put("old.yaml", f"# Job\n{text}")
    done = jobwarden("lint", "--against", "old.yaml", "job.yaml")

    assert done.returncode == 2
    assert said in done.stderr


NEVER = "      restartPolicy: Never\n"
CONTAINER = "        - name: report\n"
WRITTEN = CLEAN.replace(
    NEVER, f"{NEVER}      volumes: [{{name: data}}]\n      tolerations: [{{operator: Exists}}]\n"
).replace(CONTAINER, f"{CONTAINER}          env: [{{name: A, value: x}}, {{name: B, value: x}}]\n")
CHANGES = {
    "nothing": ("", ""),
    "an image": ("report:1.4", "report:1.5"),
    "a deadline": ("activeDeadlineSeconds: 3600", "activeDeadlineSeconds: 60"),
    "no deadline": ("  activeDeadlineSeconds: 3600\n", ""),
    "parallelism": ("spec:\n", "spec:\n  parallelism: 3\n"),
    "completions": ("spec:\n", "spec:\n  completions: 3\n"),
    "a mode": ("spec:\n", "spec:\n  completionMode: Indexed\n"),
    "an annotation": ("  name: report\n", "  name: report\n  annotations: {a: b}\n"),
    "a label of the template": ("  template:\n", "  template:\n    metadata: {labels: {a: b}}\n"),
    "fewer variables": (", {name: B, value: x}", ""),
    "variables in another order": (
        "[{name: A, value: x}, {name: B, value: x}]",
        "[{name: B, value: x}, {name: A, value: x}]",
    ),
    "no tolerations": ("      tolerations: [{operator: Exists}]\n", ""),
    "a default that is written": (NEVER, f"{NEVER}      dnsPolicy: ClusterFirst\n"),
    "a null": (NEVER, f"{NEVER}      hostNetwork: null\n"),
    "a bad number": ("activeDeadlineSeconds: 3600", "activeDeadlineSeconds: -1"),
    "an unknown field": ("spec:\n", "spec:\n  retries: 3\n"),
}


def test_a_second_apply_goes_as_foretold(jobwarden: Command, every_apiserver: "ApiServer") -> None:
    server, wrong = every_apiserver, []
    apply = ("apply", f"--namespace={server.namespace()}", "--filename=-")
    assert server.kubectl(*apply, stdin=WRITTEN).returncode == 0
    stored = server.kubectl("get", "job", "report", "--output=yaml", apply[1]).stdout
    for name, (before, after) in CHANGES.items():
        new = WRITTEN.replace(before, after, 1)
        refused = server.kubectl(*apply, "--dry-run=server", stdin=new)
        said = against(jobwarden, stored, new, f"--kubernetes-version=1.{server.minor}")
        if ("error[" in said) != (refused.returncode != 0):
            wrong.append(f"{name}: {said or 'nothing'}; the server: {refused.stderr or 'nothing'}")

    assert wrong == []
