"""The command line, run as a user runs it."""

import json
import os
import pty
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import CLEAN, JOB, WITHOUT_TTL, Command, put

pytestmark = pytest.mark.usefixtures("folder")

WITH_TTL = CLEAN.replace("  ttlSecondsAfterFinished: 3600\n", "  ttlSecondsAfterFinished: 86400\n")


def test_a_clean_folder_is_told_with_what_was_read(jobwarden: Command) -> None:
    put("job.yaml", CLEAN)
    put("other.yaml", "kind: ConfigMap\n")

    done = jobwarden("lint")

    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        "no findings; read 2 files: 1 Job, 0 CronJobs\n",
        "",
    )


def test_a_finding_points_at_its_line(jobwarden: Command) -> None:
    put("jobs/job.yaml", WITHOUT_TTL)

    done = jobwarden("lint", "jobs")

    assert done.returncode == 1
    assert done.stdout == (
        "jobs/job.yaml:5:1: warning[ttl-missing] spec.ttlSecondsAfterFinished: "
        "the Job and its Pods stay in the cluster for ever after they finish\n"
        "   |\n"
        " 5 | spec:\n"
        "   | ^^^^\n"
        "   = fix: set ttlSecondsAfterFinished: 86400\n"
        "\n"
        "1 finding (1 warning), 1 fixable with --fix; read 1 file: 1 Job, 0 CronJobs\n"
    )


def test_a_fix_changes_its_own_lines_only(jobwarden: Command) -> None:
    path = put("job.yaml", "# by hand\n" + WITHOUT_TTL.replace("\n", "\r\n"))

    done = jobwarden("lint", "--fix")

    assert (done.returncode, done.stdout) == (
        0,
        "fixed 1 finding in 1 file, no findings; read 1 file: 1 Job, 0 CronJobs\n",
    )
    assert path.read_bytes() == ("# by hand\n" + WITH_TTL.replace("\n", "\r\n")).encode()


def test_a_diff_writes_nothing_and_can_be_applied(jobwarden: Command) -> None:
    path = put("job.yaml", WITHOUT_TTL.removesuffix("\n"))

    done = jobwarden("lint", "--diff", "job.yaml")

    assert done.returncode == 1
    assert path.read_text() == WITHOUT_TTL.removesuffix("\n")
    subprocess.run(["git", "apply", "-p0"], input=done.stdout.encode(), check=True)
    assert path.read_text() == WITH_TTL.removesuffix("\n")


def test_the_mode_of_a_file_and_a_link_to_it_stay(jobwarden: Command) -> None:
    path = put("real/job.yaml", WITHOUT_TTL)
    path.chmod(0o640)
    link = Path("link.yaml")
    link.symlink_to("real/job.yaml")

    jobwarden("lint", "--fix", "link.yaml")

    assert link.is_symlink()
    assert path.read_text() == WITH_TTL
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(os.listdir("real")) == ["job.yaml"]


def test_the_standard_input_is_fixed_to_the_standard_output(jobwarden: Command) -> None:
    done = jobwarden("lint", "--fix", "-", stdin=WITHOUT_TTL.encode())

    assert done.stdout == WITH_TTL
    assert done.stderr.startswith("fixed 1 finding")


def test_json_says_everything(jobwarden: Command) -> None:
    put("job.yaml", WITHOUT_TTL)
    put("template.yaml", "kind: Job\nname: {{ .x }}\n")
    put("broken.yaml", "kind: Job\nname: 'x\n")

    done = jobwarden("lint", "--format", "json")

    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["version"] == 1
    assert report["summary"] == {
        "files": 3, "documents": 1, "jobs": 1, "cronjobs": 0, "templates": 1, "unreadable": 1,
        "errors": 0, "warnings": 1, "infos": 0, "fixable": 1,
    }  # fmt: skip
    assert report["templates"] == ["template.yaml"]
    assert [(one["file"], one["line"]) for one in report["unreadable"]] == [("broken.yaml", 2)]
    assert report["findings"] == [
        {
            "file": "job.yaml", "line": 5, "column": 1, "endLine": 5, "endColumn": 5,
            "rule": "ttl-missing", "severity": "warning", "class": "practice",
            "object": {"kind": "Job", "namespace": "", "name": "report"},
            "path": "spec.ttlSecondsAfterFinished",
            "message": "the Job and its Pods stay in the cluster for ever after they finish",
            "fix": {
                "title": "set ttlSecondsAfterFinished: 86400", "safe": True,
                "edits": [{"op": "set", "path": "spec.ttlSecondsAfterFinished", "value": 86400}],
            },
        }
    ]  # fmt: skip


def test_rules_can_be_selected_and_ignored(jobwarden: Command) -> None:
    put("job.yaml", JOB.replace("report:1.4", "report"))

    rules = [
        {
            finding["rule"]
            for finding in json.loads(jobwarden("lint", "--format", "json", *options).stdout)["findings"]
        }
        for options in (
            ("--show", "info"),
            ("--select", "image-tag,ttl-missing"),
            ("--show", "info", "--ignore", "image-tag", "--ignore", "ttl-missing"),
        )
    ]

    assert rules[0] >= {"image-tag", "ttl-missing", "backoff-limit"}
    assert rules[1] == {"image-tag", "ttl-missing"}
    assert rules[2] == rules[0] - rules[1]


def test_warnings_pass_when_only_errors_fail(jobwarden: Command) -> None:
    put("job.yaml", WITHOUT_TTL)

    assert jobwarden("lint", "--fail-on", "error").returncode == 0


def test_stats_count_rules(jobwarden: Command) -> None:
    put("job.yaml", WITHOUT_TTL + "---\n" + WITHOUT_TTL)

    assert "     2  ttl-missing\n" in jobwarden("lint", "--stats", "--format", "concise").stdout


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (b"kind: Job\nname: \xff\n", 2, "byte 0xff is not UTF-8: save the file as UTF-8"),
        ("kind: Job\n".encode("utf-16"), 1, "this is UTF-16: Kubernetes reads UTF-8 only; save it as UTF-8"),
        (
            "kind: Job\n".encode("utf-16-be"),
            1,
            "this is UTF-16: Kubernetes reads UTF-8 only; save it as UTF-8",
        ),
        (b"kind: Job\nspec:\n\tbackoffLimit: 1\n", 3, "found character that cannot start any token"),
        (b"kind: Job\nname: 'open\nspec: {}\n", 2, "found unexpected end of stream"),
        (b"kind: Job\nname: \x01\n", 2, "a control character stands here"),
        (b"kind: Job\nname: *lost\n", 2, "unknown anchor 'lost'"),
        (b"--- {kind: Job}\n", 1, "only a comment may follow"),
        (b"kind: Job\na: " + b"[" * 100_000, 2, "nest"),
        (b"kind: Job\na: [" + b"1," * 5_000_000 + b"]", 1, "the document is larger than 8 MiB"),
        (
            b"kind: Job\na0: &a0 [x]\n"
            + b"".join(
                b"a%d: &a%d [%s]\n" % (i, i, b",".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 20)
            ),
            8,
            "more than 400000 values",
        ),
    ],
    ids="utf-8 utf-16 utf-16-be tab quote control alias separator deep large bomb".split(),
)
def test_what_cannot_be_read_is_told_and_the_rest_goes_on(
    jobwarden: Command, content: bytes, line: int, reason: str
) -> None:
    put("bad.yaml", content)
    put("job.yaml", WITHOUT_TTL)

    done = jobwarden("lint")

    assert done.stderr.startswith(f"bad.yaml:{line}: cannot be read: ")
    assert reason in done.stderr
    assert done.stdout.count("ttl-missing") == 1
    assert done.stdout.endswith("1 unreadable\n")
    assert done.returncode == 1
    assert jobwarden("lint", "bad.yaml").returncode == 2


def test_good_documents_beside_a_broken_one_are_checked(jobwarden: Command) -> None:
    put("job.yaml", b"kind: Job\nname: \xff\n---\n" + WITHOUT_TTL.encode() + b"---\nkind: Job\na: ]\n")

    done = jobwarden("lint")

    assert [line.split(": ")[0] for line in done.stderr.splitlines()] == ["job.yaml:2", "job.yaml:22"]
    assert "job.yaml:8:1: warning[ttl-missing]" in done.stdout


def test_a_duplicate_key_is_a_finding(jobwarden: Command) -> None:
    put("job.yaml", CLEAN.replace("spec:\n  b", "spec:\n  backoffLimit: 2\n  b"))

    done = jobwarden("lint", "--format", "concise")

    assert done.returncode == 1
    assert "duplicate-key" in done.stdout


def test_an_empty_file_holds_nothing(jobwarden: Command) -> None:
    put("empty.yaml", "")

    done = jobwarden("lint", "empty.yaml")

    assert (done.returncode, done.stdout) == (0, "no findings; read 1 file: 0 Jobs, 0 CronJobs\n")


def test_a_folder_without_manifests_is_wrong_usage(jobwarden: Command) -> None:
    put("README.md", "kind: Job")

    done = jobwarden("lint")

    assert done.returncode == 2
    assert "nothing to read" in done.stderr


def test_a_path_that_does_not_exist_is_told_and_the_rest_goes_on(jobwarden: Command) -> None:
    put("job.yaml", WITHOUT_TTL)

    done = jobwarden("lint", "nothing.yaml", "job.yaml")

    assert done.returncode == 2
    assert done.stderr == "nothing.yaml: cannot be read: no such file or directory\n"
    assert "ttl-missing" in done.stdout


@pytest.mark.skipif(
    not Path("/proc/self/mem").exists(), reason="needs a file that cannot be read, whoever reads"
)
def test_a_file_that_cannot_be_read_is_told(jobwarden: Command) -> None:
    Path("secret.yaml").symlink_to("/proc/self/mem")
    put("job.yaml", CLEAN)

    done = jobwarden("lint")

    assert done.returncode == 0
    assert done.stderr == "secret.yaml: cannot be read: input/output error\n"


def test_a_template_is_counted_and_fails_only_a_strict_run(jobwarden: Command) -> None:
    put("job.yaml", "{{- if .Values.job }}\n" + JOB + "{{- end }}\n")

    done, strict = jobwarden("lint"), jobwarden("lint", "--strict")

    assert (done.returncode, done.stdout) == (0, "no findings; read 1 file: 0 Jobs, 0 CronJobs, 1 template\n")
    assert strict.returncode == 1
    assert strict.stderr == "job.yaml: a template: render it first, and lint what comes out\n"


def test_braces_in_a_string_make_no_template(jobwarden: Command) -> None:
    put("job.yaml", WITHOUT_TTL.replace("report:1.4", "report:1.4\n          args: ['{{.Names}}']"))

    assert "ttl-missing" in jobwarden("lint").stdout


def test_a_closed_pipe_ends_the_run_quietly() -> None:
    for number in range(300):
        put(f"{number}.yaml", JOB)
    with Path("told").open("wb") as told:  # a pipe would fill, and nobody end, if all goes wrong
        process = subprocess.Popen(
            [sys.executable, "-m", "lint", "lint"],
            stdout=subprocess.PIPE, stderr=told,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        )  # fmt: skip
    assert process.stdout
    process.stdout.read(10)
    process.stdout.close()

    assert process.wait(60) == 141
    assert Path("told").read_bytes() == b""


def test_an_interrupted_run_ends_quietly_and_leaves_nothing_half_written() -> None:
    for number in range(3000):
        put(f"{number}.yaml", WITHOUT_TTL)
    with subprocess.Popen(
        [sys.executable, "-m", "lint", "lint", "--fix"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    ) as process:  # fmt: skip
        while Path("0.yaml").read_text() == WITHOUT_TTL:
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate()

    texts = [Path(name).read_text() for name in os.listdir()]
    assert (process.returncode, told) == (130, b"")
    assert {*texts} == {WITHOUT_TTL, WITH_TTL}
    assert len(texts) == 3000


DOCUMENTS = [
    WITHOUT_TTL,
    "kind: Job\na: ]\n",
    "a: 1\n",
    CLEAN,
    f"# jobwarden: ignore[ttl-missing]\n{WITHOUT_TTL}",
]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system binds no process to a processor")
@pytest.mark.skipif(os.cpu_count() == 1, reason="there is one processor only")
@pytest.mark.parametrize(
    "texts",
    [
        [DOCUMENTS[number % 5] for number in range(600)],
        ["---\n".join(DOCUMENTS * 30)],
        ["---\n".join([*DOCUMENTS * 30, "kind: Job\na: {{ .b }}\n"])],
    ],
    ids=["files", "documents", "template"],
)
def test_two_processes_say_and_do_what_one_does(tmp_path: Path, jobwarden: Command, texts: list[str]) -> None:
    processors = os.sched_getaffinity(0)
    seen = []
    for number, allowed in enumerate((processors, {min(processors)})):
        folder = tmp_path / str(number)
        for name, text in enumerate(texts):
            put(str(folder / f"{name}.yaml"), text)
        os.chdir(folder)
        os.sched_setaffinity(0, allowed)
        try:
            runs = [
                jobwarden("lint", *options) for options in ((), ("--format", "json"), ("--diff",), ("--fix",))
            ]
        finally:
            os.sched_setaffinity(0, processors)
        told = [(run.returncode, run.stdout, run.stderr) for run in runs]
        seen.append((told, {path.name: path.read_text() for path in folder.iterdir()}))

    assert seen[0] == seen[1]
    assert ("1 template" in seen[0][0][3][1]) or (WITH_TTL in "".join(seen[0][1].values()))


def on_terminal(*arguments: str, **environment: str) -> str:
    """Run the command line on a terminal, and return what it shows."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "TERM": "xterm", **environment}
    process = subprocess.Popen(
        [sys.executable, "-m", "lint", *arguments], stdout=theirs, stderr=theirs, env=env
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 1 << 16):
            shown += part
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(ours)
    process.wait()
    return shown.decode()


def test_colours_are_for_terminals_that_want_them(jobwarden: Command) -> None:
    put("job.yaml", WITHOUT_TTL)

    assert "\x1b[1;33mwarning[ttl-missing]\x1b[0m" in on_terminal("lint", NO_COLOR="")
    assert "\x1b" not in on_terminal("lint", NO_COLOR="1")
    assert "\x1b" not in on_terminal("lint", TERM="dumb")
    assert "\x1b" not in jobwarden("lint").stdout


def test_a_long_run_shows_on_a_terminal_how_far_it_is(jobwarden: Command) -> None:
    for number in range(8000):
        put(f"{number}.yaml", CLEAN)

    assert re.search(r"\r\d+ files read", on_terminal("lint"))
    assert jobwarden("lint").stderr == ""


def test_help_names_every_option_and_no_command_is_wrong_usage(jobwarden: Command) -> None:
    assert jobwarden("lint", "--help").returncode == 0
    assert jobwarden().returncode == 2
    assert jobwarden("lint", "--nonsense").returncode == 2


def test_an_unknown_rule_is_told_with_a_guess(jobwarden: Command) -> None:
    done = jobwarden("explain", "ttl-mising")

    assert (done.returncode, done.stderr) == (
        2,
        "jobwarden: there is no rule 'ttl-mising': did you mean ttl-missing?\n",
    )


def test_rules_and_explain_tell_what_a_rule_is(jobwarden: Command) -> None:
    assert "ttl-missing " in jobwarden("rules").stdout
    assert "ttlSecondsAfterFinished: 86400" in jobwarden("explain", "ttl-missing").stdout


def test_a_policy_is_found_above_the_paths_up_to_the_repository(jobwarden: Command) -> None:
    put("jobwarden.yaml", "rules: {ttl-missing: {severity: off}}\n")
    put("repo/.git/HEAD", "")
    put("repo/jobs/job.yaml", WITHOUT_TTL)

    assert jobwarden("lint", "repo/jobs").returncode == 1

    put("repo/jobwarden.yaml", "rules: {ttl-missing: {severity: off}}\n")

    assert jobwarden("lint", "repo/jobs").returncode == 0


def test_a_plain_run_imports_nothing_heavy() -> None:
    put("job.yaml", JOB)
    code = (
        "import sys, os; sys.argv = ['jobwarden', 'lint']; os._exit = sys.exit\n"
        "import lint.cli\n"
        "try: lint.cli.main()\n"
        "finally: print(sorted(set(sys.modules) & {'pydantic', 'annotated_types', 'kubernetes', 'starlette',"
        " 'difflib', 'asyncio', 'logging', 'zoneinfo',"
        " 'tempfile', 'multiprocessing', 'tomllib', 'importlib.metadata', 'rich'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip

    assert done.stdout.splitlines()[-1] == "[]"
