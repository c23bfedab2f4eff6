"""`jobwarden lint --as-admission` foretells what the webhook will say, as a user sees it."""

import json
from collections import Counter
from typing import Any

import pytest
from conftest import CLEAN, JOB, WITHOUT_TTL, Command, folder_of, put

pytestmark = pytest.mark.usefixtures("folder")

TOO_MANY = CLEAN.replace("backoffLimit: 3", "backoffLimit: 50")
REJECTED = CLEAN.replace("restartPolicy: Never", "restartPolicy: Always")
STRICT = "profile: strict\n"
TEMPLATE = "kind: Job\nmetadata:\n  name: {{ .Values.name }}\n"
PATCH = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: report\nspec:\n  backoffLimit: 50\n"


# What it says.


def test_an_object_that_gets_values_is_patched(jobwarden: Command) -> None:
    put("job.yaml", JOB)

    done = jobwarden("lint", "--as-admission")

    assert done.stdout == (
        "job.yaml:1: Job report: patched\n"
        "  Warning: jobwarden: set backoffLimit: 3; set activeDeadlineSeconds: 86400;"
        " set ttlSecondsAfterFinished: 86400\n"
        "1 patched; read 1 file: 1 Job, 0 CronJobs\n"
    )
    assert done.stderr == ""
    assert done.returncode == 0


def test_an_object_without_findings_is_allowed(jobwarden: Command) -> None:
    put("job.yaml", CLEAN)

    done = jobwarden("lint", "--as-admission")

    assert done.stdout == "job.yaml:1: Job report: allowed\n1 allowed; read 1 file: 1 Job, 0 CronJobs\n"
    assert done.returncode == 0


def test_a_warning_fails_no_run(jobwarden: Command) -> None:
    put("job.yaml", TOO_MANY)

    done = jobwarden("lint", "--as-admission", "--fail-on", "warning")

    assert done.stdout == (
        "job.yaml:1: Job report: allowed\n"
        "  Warning: backoff-limit: spec.backoffLimit: "
        "50 retries are more than the 10 that the policy allows\n"
        "1 allowed; read 1 file: 1 Job, 0 CronJobs\n"
    )
    assert done.returncode == 0


def test_a_denied_object_fails_the_run(jobwarden: Command) -> None:
    put("job.yaml", TOO_MANY)
    put("jobwarden.yaml", STRICT)

    done = jobwarden("lint", "--as-admission", "job.yaml")

    assert done.stdout == (
        "job.yaml:1: Job report: denied\n"
        "  the policy does not allow this Job:\n"
        "  - backoff-limit: spec.backoffLimit: 50 retries are more than the 10 that the policy allows"
        " (jobwarden explain backoff-limit)\n"
        "1 denied; read 1 file: 1 Job, 0 CronJobs\n"
    )
    assert done.returncode == 1


def test_an_object_that_the_server_rejects_fails_the_run(jobwarden: Command) -> None:
    put("job.yaml", REJECTED)

    done = jobwarden("lint", "--as-admission")

    assert done.stdout == (
        "job.yaml:1: Job report: rejected\n"
        '  spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never";'
        ' "Always" is for Pods that must not end\n'
        "1 rejected; read 1 file: 1 Job, 0 CronJobs\n"
    )
    assert done.returncode == 1


def test_one_denied_object_of_many_fails_the_run(jobwarden: Command) -> None:
    put("jobs.yaml", f"{CLEAN}---\n{TOO_MANY}---\n{JOB}")
    put("policy.yaml", STRICT)

    done = jobwarden("lint", "--as-admission", "--policy", "policy.yaml", "jobs.yaml")

    assert done.stdout.splitlines()[-1] == ("1 allowed, 1 denied, 1 patched; read 1 file: 3 Jobs, 0 CronJobs")
    assert done.returncode == 1


def test_each_object_is_named_with_its_line(jobwarden: Command) -> None:
    named = CLEAN.replace("  name: report", "  namespace: batch\n  generateName: report-", 1)
    items = "".join(f"  {line}\n" for line in named.splitlines())
    put("list.yaml", f"apiVersion: v1\nkind: List\nitems:\n-{items[1:]}-{items[1:]}")

    done = jobwarden("lint", "--as-admission")

    assert done.stdout == (
        "list.yaml:4: Job batch/report-: allowed\n"
        "list.yaml:22: Job batch/report-: allowed\n"
        "2 allowed; read 1 file: 2 Jobs, 0 CronJobs\n"
    )


def test_a_cronjob_is_counted_as_one(jobwarden: Command) -> None:
    spec = CLEAN.partition("spec:\n")[2].replace("  ttlSecondsAfterFinished: 3600\n", "")
    inner = "".join(f"    {line}\n" for line in spec.splitlines())
    put(
        "cronjob.yaml",
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: nightly}\n"
        f"spec:\n  schedule: 7 3 * * *\n  jobTemplate:\n    spec:\n{inner}",
    )

    assert jobwarden("lint", "--as-admission").stdout == (
        "cronjob.yaml:1: CronJob nightly: allowed\n1 allowed; read 1 file: 0 Jobs, 1 CronJob\n"
    )


def test_what_would_move_the_cursor_is_escaped(jobwarden: Command) -> None:
    put("job.yaml", CLEAN.replace("name: report", 'name: "a\\e[2Jb\\u202E"', 1))

    done = jobwarden("lint", "--as-admission")

    assert "Job a\\x1b[2Jb\\u202e: " in done.stdout
    assert "\x1b" not in done.stdout


# As JSON.


def test_json_has_everything(jobwarden: Command) -> None:
    put("job.yaml", WITHOUT_TTL)

    done = jobwarden("lint", "--as-admission", "--format", "json")

    container = {
        "name": "report",
        "image": "report:1.4",
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
    }
    pod = {"restartPolicy": "Never", "automountServiceAccountToken": False}
    template = {"spec": {**pod, "containers": [container]}}
    assert json.loads(done.stdout) == {
        "version": 1,
        "summary": dict.fromkeys(
            "files documents jobs cronjobs templates unreadable errors warnings infos fixable".split(), 0
        )
        | {"files": 1, "documents": 1, "jobs": 1},
        "admissions": [
            {
                "file": "job.yaml",
                "line": 1,
                "object": {"kind": "Job", "namespace": "", "name": "report"},
                "verdict": "patched",
                "message": "",
                "warnings": ["jobwarden: set ttlSecondsAfterFinished: 86400"],
                "admitted": {
                    "apiVersion": "batch/v1",
                    "kind": "Job",
                    "metadata": {"name": "report"},
                    "spec": {
                        "backoffLimit": 3,
                        "activeDeadlineSeconds": 3600,
                        "template": template,
                        "ttlSecondsAfterFinished": 86400,
                    },
                },
            }
        ],
        "unreadable": [],
        "templates": [],
    }
    assert done.returncode == 0


def admissions(jobwarden: Command, *arguments: str) -> list[dict[str, Any]]:
    """Return what becomes of the objects."""
    found: list[dict[str, Any]] = json.loads(
        jobwarden("lint", "--as-admission", "--format", "json", *arguments).stdout
    )["admissions"]
    return found


def test_json_has_the_denial(jobwarden: Command) -> None:
    put("job.yaml", TOO_MANY)
    put("policy.yaml", STRICT)

    done = jobwarden("lint", "--as-admission", "--format", "json", "--policy", "policy.yaml", "job.yaml")

    (entry,) = json.loads(done.stdout)["admissions"]
    assert entry["verdict"] == "denied"
    assert entry["message"].startswith("the policy does not allow this Job:\n- backoff-limit: ")
    assert done.returncode == 1


def test_json_names_templates_and_what_cannot_be_read(jobwarden: Command) -> None:
    put("broken.yaml", "kind: Job\nmetadata: {name: [}\n")
    put("job.yaml", CLEAN)
    put("template.yaml", TEMPLATE)

    found = json.loads(jobwarden("lint", "--as-admission", "--format", "json").stdout)

    assert found["templates"] == ["template.yaml"]
    assert [(one["file"], one["line"]) for one in found["unreadable"]] == [("broken.yaml", 2)]
    assert len(found["admissions"]) == 1


def test_a_manifest_of_many_levels_becomes_json(jobwarden: Command) -> None:
    put("job.yaml", f"{CLEAN}    deep: {'{a: ' * 400}1{'}' * 400}\n")

    (entry,) = admissions(jobwarden)

    assert entry["verdict"] == "rejected"
    assert entry["message"].startswith('spec.template.deep: unknown field "spec.template.deep"')


def test_the_manifest_in_json_is_as_it_was_written(jobwarden: Command) -> None:
    put(
        "job.yaml",
        CLEAN.replace("  name: report\n", "  name: report\n  annotations: {a: 2026-01-01, b: 1e3}\n"),
    )

    (entry,) = admissions(jobwarden)

    assert entry["admitted"]["metadata"]["annotations"] == {"a": "2026-01-01", "b": 1000.0}


# What it looks at.


def test_patches_and_fragments_are_left_out(jobwarden: Command) -> None:
    deleted = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\n$patch: delete\n"
    put("patch.yaml", f"{PATCH}---\n{deleted}")
    put("job.yaml", CLEAN)

    done = jobwarden("lint", "--as-admission")

    assert done.stdout.splitlines()[0] == "job.yaml:1: Job report: allowed"
    assert done.stdout.splitlines()[1].startswith("1 allowed; read 2 files: ")


def test_a_patch_alone_is_not_taken_for_nothing(jobwarden: Command) -> None:
    put("patch.yaml", PATCH)

    assert jobwarden("lint", "--as-admission").stdout.startswith("nothing to admit; read 1 file: ")


def test_templates_and_unreadable_files_are_counted(jobwarden: Command) -> None:
    put("broken.yaml", "kind: Job\nmetadata: {name: [}\n")
    put("job.yaml", CLEAN)
    put("template.yaml", TEMPLATE)

    done = jobwarden("lint", "--as-admission")

    assert done.stdout.splitlines()[-1] == (
        "1 allowed; read 3 files: 1 Job, 0 CronJobs, 1 template, 1 unreadable"
    )
    assert done.stderr.startswith("broken.yaml:2: cannot be read: ")
    assert done.returncode == 0


@pytest.mark.parametrize(("name", "text"), [("a.yaml", TEMPLATE), ("a.yaml", "kind: Job\nmetadata: [\n")])
def test_a_strict_run_fails_for_what_it_cannot_foretell(jobwarden: Command, name: str, text: str) -> None:
    put(name, text)
    put("job.yaml", CLEAN)

    assert jobwarden("lint", "--as-admission", "--strict").returncode == 1


def test_a_folder_in_which_nothing_can_be_read_is_wrong_usage(jobwarden: Command) -> None:
    put("a.yaml", "kind: Job\nmetadata: [\n")

    assert jobwarden("lint", "--as-admission").returncode == 2


def test_a_file_without_jobs_is_told(jobwarden: Command) -> None:
    put("map.yaml", "kind: ConfigMap\napiVersion: v1\n")

    done = jobwarden("lint", "--as-admission")

    assert done.stdout == "nothing to admit; read 1 file: 0 Jobs, 0 CronJobs\n"
    assert done.returncode == 0


def test_the_standard_input_is_read(jobwarden: Command) -> None:
    done = jobwarden("lint", "--as-admission", "-", stdin=REJECTED.encode())

    assert done.stdout.splitlines()[0].endswith(":1: Job report: rejected")
    assert done.returncode == 1


def test_json_is_read(jobwarden: Command) -> None:
    put("job.json", json.dumps({"apiVersion": "batch/v1", "kind": "Job", "spec": {"template": {}}}))
    put(
        "cleanup.json",
        '{"apiVersion": "batch/v1", "kind": "Job", "spec": {"template": {"spec": {"containers": []}}}}',
    )

    assert jobwarden("lint", "--as-admission").stdout.splitlines()[0].startswith("cleanup.json:1: Job : ")


def test_files_stay_as_they_are(jobwarden: Command) -> None:
    path = put("job.yaml", JOB)
    jobwarden("lint", "--as-admission")

    assert path.read_text() == JOB


def test_comments_suppress_nothing_for_the_webhook_cannot_see_them(jobwarden: Command) -> None:
    put(
        "job.yaml",
        TOO_MANY.replace("backoffLimit: 50", "backoffLimit: 50  # jobwarden: ignore[backoff-limit] so"),
    )

    assert "Warning: backoff-limit: " in jobwarden("lint", "--as-admission").stdout
    assert jobwarden("lint").returncode == 0


def test_annotations_suppress(jobwarden: Command) -> None:
    ignored = TOO_MANY.replace(
        "  name: report\n", "  name: report\n  annotations: {jobwarden.io/ignore: backoff-limit}\n", 1
    )
    put("job.yaml", ignored)

    assert jobwarden("lint", "--as-admission").stdout.splitlines()[0] == "job.yaml:1: Job report: allowed"
    assert "Warning" not in jobwarden("lint", "--as-admission").stdout


def test_a_key_that_is_written_twice_is_none_of_its_business(jobwarden: Command) -> None:
    put("job.yaml", CLEAN.replace("  backoffLimit: 3\n", "  backoffLimit: 50\n  backoffLimit: 3\n"))

    assert jobwarden("lint", "--as-admission").stdout.splitlines() == [
        "job.yaml:1: Job report: allowed",
        "1 allowed; read 1 file: 1 Job, 0 CronJobs",
    ]


# Options.


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        (["--fix"], "jobwarden: --as-admission changes no file: leave out --fix and --diff\n"),
        (["--diff"], "jobwarden: --as-admission changes no file: leave out --fix and --diff\n"),
        (["--fix", "--diff"], "jobwarden: --as-admission changes no file: leave out --fix and --diff\n"),
        (
            ["--fix", "--unsafe-fixes"],
            "jobwarden: --as-admission changes no file: leave out --fix and --diff\n",
        ),
        (
            ["--unsafe-fixes"],
            "jobwarden: --unsafe-fixes says which fixes --fix or --diff makes: give one of them as well\n",
        ),
    ],
)
def test_it_makes_no_fixes(jobwarden: Command, option: list[str], problem: str) -> None:
    path = put("job.yaml", JOB)

    done = jobwarden("lint", "--as-admission", *option)

    assert (done.returncode, done.stdout, done.stderr) == (2, "", problem)
    assert path.read_text() == JOB


def test_a_missing_path_is_wrong_usage(jobwarden: Command) -> None:
    put("job.yaml", CLEAN)

    done = jobwarden("lint", "--as-admission", "nowhere", "job.yaml")

    assert done.stdout.splitlines()[0] == "job.yaml:1: Job report: allowed"
    assert done.returncode == 2


def test_rules_can_be_chosen(jobwarden: Command) -> None:
    put("job.yaml", JOB)

    chosen = jobwarden("lint", "--as-admission", "--select", "ttl-missing").stdout.splitlines()
    others = jobwarden("lint", "--as-admission", "--ignore", "ttl-missing,backoff-limit").stdout.splitlines()

    assert chosen[1] == "  Warning: jobwarden: set ttlSecondsAfterFinished: 86400"
    assert others[1] == "  Warning: jobwarden: set activeDeadlineSeconds: 86400"


def test_the_minor_can_be_chosen(jobwarden: Command) -> None:
    put("job.yaml", CLEAN.replace("  activeDeadlineSeconds: 3600\n", "  suspend: true\n"))

    before, since = (
        jobwarden("lint", "--as-admission", "--kubernetes-version", minor).stdout.splitlines()[0]
        for minor in ("1.35", "1.36")
    )

    assert before == "job.yaml:1: Job report: allowed"
    assert since == "job.yaml:1: Job report: patched"


@pytest.mark.parametrize(
    ("mode", "lines"),
    [
        (
            "enforce",
            ["job.yaml:1: Job report: patched", "  Warning: jobwarden: set ttlSecondsAfterFinished: 86400"],
        ),
        (
            "warn",
            [
                "job.yaml:1: Job report: allowed",
                "  Warning: jobwarden would: set ttlSecondsAfterFinished: 86400",
            ],
        ),
        ("audit", ["job.yaml:1: Job report: allowed"]),
        ("off", ["job.yaml:1: Job report: allowed"]),
    ],
)
def test_the_mode_of_the_policy_counts(jobwarden: Command, mode: str, lines: list[str]) -> None:
    put("job.yaml", WITHOUT_TTL)
    put("policy.yaml", f"mode: {mode}\n")

    done = jobwarden("lint", "--as-admission", "--policy", "policy.yaml", "job.yaml")

    assert done.stdout.splitlines()[: len(lines)] == lines
    assert done.returncode == 0


def test_statistics_leave_no_empty_line(jobwarden: Command) -> None:
    put("job.yaml", CLEAN)

    assert "" not in jobwarden("lint", "--as-admission", "--stats").stdout.splitlines()


# However many.


def test_the_output_is_the_same_on_every_run_and_in_the_order_of_the_files(jobwarden: Command) -> None:
    texts = (CLEAN, JOB, TOO_MANY, REJECTED)
    for index in range(200):
        put(f"{index % 7}/{index}.yaml", texts[index % 4])

    outputs = {
        (done.stdout, done.stderr, done.returncode)
        for done in (jobwarden("lint", "--as-admission") for _ in range(3))
    }

    ((stdout, _, status),) = outputs
    files = [line.partition(":")[0] for line in stdout.splitlines() if not line.startswith(" ")][:-1]
    assert files == sorted(files)
    assert stdout.splitlines()[-1] == (
        "100 allowed, 50 patched, 50 rejected; read 200 files: 200 Jobs, 0 CronJobs"
    )
    assert status == 1


def test_a_file_of_many_documents_is_told_in_its_order(jobwarden: Command) -> None:
    put(
        "jobs.yaml", "---\n".join(CLEAN.replace("name: report", f"name: n{index}", 1) for index in range(900))
    )

    entries = admissions(jobwarden)

    assert [one["object"]["name"] for one in entries] == [f"n{index}" for index in range(900)]
    assert [one["line"] for one in entries] == [18 * index + 1 for index in range(900)]


def test_real_manifests_are_foretold(jobwarden: Command) -> None:
    corpus = folder_of("JOBWARDEN_CORPUS")

    done = jobwarden("lint", "--as-admission", "--format", "json", str(corpus))

    found = json.loads(done.stdout)
    verdicts = Counter(one["verdict"] for one in found["admissions"])
    assert done.returncode == 1
    assert len(found["admissions"]) == found["summary"]["jobs"] + found["summary"]["cronjobs"] > 250
    assert verdicts.keys() == {"allowed", "patched", "rejected"}
    assert verdicts["rejected"] < len(found["admissions"]) / 3
