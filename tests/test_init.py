"""`jobwarden init`: a policy file that loads, and numbers that are true."""

import json
import re
from pathlib import Path

import pytest
from conftest import CLEAN, JOB, WITHOUT_TTL, Command, put

from lint.families import Placement
from lint.policy import Policy
from lint.policy_file import load
from lint.rules import RULES
from lint.starting import written
from lint.survey import Survey, survey

pytestmark = pytest.mark.usefixtures("folder")

POOL = JOB.replace(
    "      restartPolicy: Never\n",
    "      restartPolicy: Never\n"
    "      nodeSelector: {pool: nightly, kubernetes.io/arch: amd64}\n"
    "      tolerations:\n"
    "        - {effect: NoSchedule, key: pool, value: nightly, operator: Equal}\n"
    "        - {key: slow, operator: Exists, effect: NoExecute, tolerationSeconds: 60}\n",
)


def test_everything_that_is_not_seen_is_a_comment() -> None:
    text = written(Survey())

    assert {line[:1] for line in text.splitlines()} <= {"#", ""}
    assert max(map(len, text.splitlines())) <= 110


def test_the_comments_are_the_defaults() -> None:
    text = written(Survey())

    lines = [re.sub(r"^# (?=  |[a-zA-Z]+:( |$))", "", line) for line in text.splitlines()]
    policy = load("\n".join(line for line in lines if "image-tag" not in line), "jobwarden.yaml")

    assert sum(line[:1] != "#" for line in lines) > 20
    default = load("", "jobwarden.yaml")
    assert [policy.settings[rule.id] for rule in RULES] == [default.settings[rule.id] for rule in RULES]
    assert (policy.minor, policy.webhook) == (default.minor, default.webhook)
    for rule in RULES:
        if rule.family:
            assert f"# {rule.family}:\n" in text


def test_what_is_seen_is_set() -> None:
    put("pool.yaml", POOL)
    put("cluster.yaml", "apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\nmetadata:\n  version: '1.33'\n")
    put("kubeadm.yaml", "apiVersion: x\nkind: ClusterConfiguration\nkubernetesVersion: v1.34.2\n")

    text = written(survey(["pool.yaml", "cluster.yaml", "kubeadm.yaml"]))

    policy = load(text, "jobwarden.yaml")
    assert policy.minor == 33
    placement = policy.settings["batch-placement"].params
    assert placement == Placement(
        selector={"pool": "nightly"},
        toleration={"key": "pool", "operator": "Equal", "value": "nightly", "effect": "NoSchedule"},
    )
    assert '  # selector: {"workload-type": "batch"}\n  selector: {"pool": "nightly"}\n' in text


def test_the_repository_is_counted(jobwarden: Command) -> None:
    put("a.yaml", f"{WITHOUT_TTL}---\n{CLEAN}")
    put("cron.yaml", "apiVersion: batch/v1\nkind: CronJob\nmetadata:\n  name: a\nspec: {}\n")
    put(
        "kueue.yaml",
        JOB.replace("  name: report\n", "  name: r\n  labels: {kueue.x-k8s.io/queue-name: q}\n", 1),
    )
    put("chart/Chart.yaml", "name: chart\n")
    put("chart/templates/job.yaml", "{{- if .Values.job }}\n" + JOB + "{{- end }}\n")
    put("kustomization.yaml", "resources: [a.yaml]\n")
    put("argo.yaml", "apiVersion: argoproj.io/v1alpha1\nkind: Application\n")
    put("flux.yaml", "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n")
    put("broken.yaml", "kind: Job\na: ]\n")

    done = jobwarden("init")

    seen = (
        "3 Jobs and 1 CronJob in 9 files, 1 template, 1 Helm chart, 1 kustomization, "
        "2 files for Argo CD or Flux, 1 Job in a Kueue queue, 1 part that cannot be read"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1] == seen
    assert done.stdout.splitlines()[-1] == "With --render, what Helm and Kustomize make is linted as well."
    text = Path("jobwarden.yaml").read_text()
    assert seen in re.sub(r"\n# ", " ", text)
    assert "#   ttl-missing: {severity: off}\n" in text


def test_the_next_steps_have_the_numbers_of_now(jobwarden: Command) -> None:
    put("jobs/job.yaml", JOB)
    put("jobs/bad.yaml", CLEAN.replace("backoffLimit: 3", "backoffLimit: -3"))

    done = jobwarden("init")

    commands = re.findall(r"^  \d\. jobwarden (.*?) +# (.*)$", done.stdout, re.MULTILINE)
    assert [command for command, _ in commands] == [
        "lint",
        "lint --fix",
        "lint --write-baseline baseline.json",
    ]
    report = json.loads(jobwarden("lint", "--format", "json").stdout)["summary"]
    errors, warnings = (report[key] for key in ("errors", "warnings"))
    assert errors
    assert commands[0][1] == f"{errors} error{'s' * (errors > 1)}, {warnings} warnings"
    fixed = jobwarden("lint", "--fix").stdout
    mended = re.match(r"fixed (\d+ findings?) in (\d+ files?)", fixed.splitlines()[-1])
    assert mended
    assert commands[1][1] == f"mends {mended[1]} in {mended[2]}; --diff shows them first"
    baseline = jobwarden("lint", "--write-baseline", "baseline.json").stdout
    left = re.search(r"(\d+) in the baseline", baseline)
    assert left
    assert commands[2][1].startswith(f"puts the {left[1]} that are left away")


def test_where_nothing_is_found_nothing_is_to_be_done(jobwarden: Command) -> None:
    put("job.yaml", CLEAN)

    done = jobwarden("init")

    meanings = re.findall(r"# (.*)$", done.stdout, re.MULTILINE)
    assert [one.partition(";")[0] for one in meanings] == [
        "nothing is found",
        "has nothing to mend",
        "is not needed: nothing is left",
    ]


def test_a_policy_that_is_there_stays(jobwarden: Command) -> None:
    put("jobwarden.yaml", "profile: strict\n")

    done = jobwarden("init")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "jobwarden: jobwarden.yaml: there is one already, and it stays as it is\n"
    assert Path("jobwarden.yaml").read_text() == "profile: strict\n"


def test_another_folder_can_be_named(jobwarden: Command) -> None:
    put("repo/job.yaml", WITHOUT_TTL)

    done = jobwarden("init", "repo")

    assert done.returncode == 0
    assert "  1. jobwarden lint repo " in done.stdout
    assert Path("repo/jobwarden.yaml").exists()
    assert jobwarden("init", "repo/job.yaml").returncode == 2
    assert "it is no folder" in jobwarden("init", "nothing").stderr


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("kind: ClusterConfiguration\nkubernetesVersion: 1.36.0\n", 36),
        ("apiVersion: eksctl.io/v1alpha5\naddons:\n  - name: a\n    version: 1.11.3\n", None),
        ("apiVersion: eksctl.io/v1alpha5\nmetadata:\n  version: 1.32\n", 32),
        ("kubernetesVersion: v1.36.0\n", None),
    ],
    ids=["kubeadm", "addon", "eksctl", "other"],
)
def test_the_minor_of_a_cluster_is_seen(text: str, minor: int | None) -> None:
    put("cluster.yaml", text)

    assert survey(["cluster.yaml"]).minor == minor


def test_a_pool_of_wrong_types_is_none() -> None:
    put("job.yaml", POOL.replace("operator: Equal", "operator: Odd").replace("value: nightly", "value: 1"))

    seen = survey(["job.yaml"])

    assert (seen.kinds["Job"], seen.pool) == (1, {})
    assert isinstance(load(written(seen), "jobwarden.yaml"), Policy)
