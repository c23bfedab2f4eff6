"""Baselines: what was there before is not told again, and what is new is."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import CLEAN, WITHOUT_TTL, Command, put

pytestmark = pytest.mark.usefixtures("folder")

TWO = CLEAN.replace(
    "        - name: report\n          image: report:1.4\n",
    "        - name: first\n          image: first\n"
    "          resources:\n            requests: {cpu: 100m, memory: 128Mi}\n"
    "        - name: second\n          image: second\n",
)
"""Two containers, each with an image tag to find, if that is a warning."""


TEXTS = ("rule", "file", "object", "path", "fingerprint")


@pytest.fixture
def tags(folder: Path) -> None:
    """Make a warning of a missing image tag, which no fix can mend."""
    (folder / "jobwarden.yaml").write_text("rules: {image-tag: {severity: warning}}\n")


def rules(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the rules that a run with --format json found."""
    return [one["rule"] for one in json.loads(done.stdout)["findings"]]


def test_what_was_there_before_is_neither_told_nor_fails(jobwarden: Command) -> None:
    put("job.yaml", WITHOUT_TTL)

    written = jobwarden("lint", "--write-baseline", "known.json")

    assert (written.returncode, written.stdout) == (
        0,
        "no findings, 1 in the baseline; read 1 file: 1 Job, 0 CronJobs\n",
    )
    assert written.stderr == ("known.json: written; give it with --baseline, and only what is new is told\n")
    done = jobwarden("lint", "--baseline", "known.json")
    assert (done.returncode, done.stdout, done.stderr) == (0, written.stdout, "")


@pytest.mark.usefixtures("tags")
def test_a_baseline_has_one_line_for_each_entry(jobwarden: Command) -> None:
    put("jobs/b.yaml", TWO)
    put("jobs/a.yaml", f"{WITHOUT_TTL}---\n{WITHOUT_TTL}")

    jobwarden("lint", "jobs", "--write-baseline", "known.json", "--select", "ttl-missing,image-tag")

    text = Path("known.json").read_text()
    findings = json.loads(text)["findings"]
    assert [list(one.values())[:5] for one in findings] == [
        ["ttl-missing", "jobs/a.yaml", "Job/report", "spec.ttlSecondsAfterFinished", 2],
        ["image-tag", "jobs/b.yaml", "Job/report", "spec.template.spec.containers[first].image", 1],
        ["image-tag", "jobs/b.yaml", "Job/report", "spec.template.spec.containers[second].image", 1],
    ]
    lines = text.splitlines()
    assert lines[:3] == ["{", '  "version": 1,', '  "findings": [']
    assert [json.loads(line.strip(" ,")) for line in lines[3:-2]] == findings
    jobwarden("lint", "jobs", "--write-baseline", "known.json", "--select", "ttl-missing,image-tag")
    assert Path("known.json").read_text() == text


def test_an_empty_baseline_is_one(jobwarden: Command) -> None:
    put("job.yaml", CLEAN)

    jobwarden("lint", "--write-baseline", "known.json")

    assert json.loads(Path("known.json").read_text()) == {"version": 1, "findings": []}
    put("job.yaml", WITHOUT_TTL)
    done = jobwarden("lint", "--baseline", "known.json", "--format", "json")
    assert (done.returncode, rules(done)) == (1, ["ttl-missing"])
    assert json.loads(done.stdout)["summary"]["baseline"] == 0


@pytest.mark.parametrize(
    "moved",
    [
        "# above\n\n" + TWO,
        WITHOUT_TTL.replace("report", "other") + "---\n" + TWO,
        TWO.replace("first", "x").replace("second", "first").replace("x", "second"),
        TWO.replace("    spec:\n", "    spec:\n      serviceAccountName: report\n"),
    ],
    ids=["lines", "documents", "containers", "keys"],
)
@pytest.mark.usefixtures("tags")
def test_a_finding_stays_known_when_it_moves(jobwarden: Command, moved: str) -> None:
    put("job.yaml", TWO)
    jobwarden("lint", "--select", "image-tag", "--write-baseline", "known.json")
    put("job.yaml", moved)

    done = jobwarden("lint", "--select", "image-tag", "--baseline", "known.json")

    assert (done.returncode, done.stderr) == (0, "")
    assert "2 in the baseline" in done.stdout


def test_of_equal_findings_those_above_the_count_are_new(jobwarden: Command) -> None:
    put("job.yaml", f"{WITHOUT_TTL}---\n{WITHOUT_TTL}")
    jobwarden("lint", "--write-baseline", "known.json")
    put("job.yaml", f"{WITHOUT_TTL}---\n{WITHOUT_TTL}---\n{WITHOUT_TTL}")

    done = jobwarden("lint", "--baseline", "known.json")

    assert done.returncode == 1
    assert done.stdout.count("ttl-missing") == 1
    assert "1 finding (1 warning), 1 fixable with --fix, 2 in the baseline" in done.stdout


@pytest.mark.parametrize("name", ["text", "concise", "json", "sarif", "github", "gitlab", "junit"])
@pytest.mark.usefixtures("tags")
def test_every_format_leaves_out_what_is_known(jobwarden: Command, name: str) -> None:
    put("job.yaml", TWO)
    jobwarden("lint", "--write-baseline", "known.json")
    put("job.yaml", TWO.replace("  ttlSecondsAfterFinished: 3600\n", ""))

    done = jobwarden("lint", "--baseline", "known.json", "--format", name)

    assert done.returncode == 1
    assert "ttl-missing" in done.stdout
    assert "image-tag" not in done.stdout


def test_what_is_gone_is_told_and_how_to_write_it_again(jobwarden: Command) -> None:
    put("a b.yaml", f"{WITHOUT_TTL}---\n{WITHOUT_TTL}")
    jobwarden("lint", "--write-baseline", "known.json")
    put("a b.yaml", WITHOUT_TTL)

    done = jobwarden("lint", "--baseline", "known.json", "a b.yaml")

    assert done.returncode == 0
    told, _, again = done.stderr.rstrip("\n").partition("; to write it again: jobwarden ")
    assert told == "known.json: 1 of its findings is no longer there"
    assert again == "lint --write-baseline known.json -- 'a b.yaml'"
    jobwarden("lint", "--write-baseline", "known.json", "--", "a b.yaml")
    assert jobwarden("lint", "--baseline", "known.json").stderr == ""


def test_what_a_run_did_not_look_at_is_not_gone(jobwarden: Command) -> None:
    put("a.yaml", WITHOUT_TTL)
    put("b.yaml", TWO)
    put("c.yaml", WITHOUT_TTL)
    jobwarden("lint", "--write-baseline", "known.json", "--show", "info")
    put("c.yaml", "kind: Job\na: ]\n")

    assert jobwarden("lint", "--baseline", "known.json", "a.yaml").stderr == ""
    for options in ((), ("--ignore", "image-tag")):
        done = jobwarden("lint", "--baseline", "known.json", *options)
        assert done.stderr.startswith("c.yaml:2: cannot be read: ")
        assert len(done.stderr.splitlines()) == 1


def test_findings_of_a_file_or_a_rule_that_is_no_more_are_gone(jobwarden: Command) -> None:
    put("a.yaml", WITHOUT_TTL)
    put("b.yaml", WITHOUT_TTL)
    jobwarden("lint", "--write-baseline", "known.json")
    os.unlink("b.yaml")
    text = Path("known.json").read_text()

    assert "1 of its findings is" in jobwarden("lint", "--baseline", "known.json").stderr

    put(
        "known.json",
        text.replace('"ttl-missing"', '"ttl-was"').replace('"fingerprint": "', '"fingerprint": "0'),
    )
    assert "2 of its findings are" in jobwarden("lint", "--baseline", "known.json").stderr


@pytest.mark.usefixtures("tags")
def test_a_fix_also_mends_what_is_known(jobwarden: Command) -> None:
    path = put("job.yaml", TWO.replace("  ttlSecondsAfterFinished: 3600\n", ""))
    jobwarden("lint", "--write-baseline", "known.json")

    done = jobwarden("lint", "--fix", "--baseline", "known.json")

    assert done.returncode == 0
    assert "ttlSecondsAfterFinished: 86400" in path.read_text()
    assert done.stdout.startswith("fixed 1 finding in 1 file, no findings, 2 in the baseline;")
    assert "known.json: 1 of its findings is no longer there" in done.stderr


def test_the_standard_input_has_a_baseline_as_well(jobwarden: Command) -> None:
    jobwarden("lint", "-", "--write-baseline", "known.json", stdin=WITHOUT_TTL.encode())

    done = jobwarden("lint", "-", "--baseline", "known.json", stdin=b"# moved\n" + WITHOUT_TTL.encode())
    clean = jobwarden("lint", "-", "--baseline", "known.json", stdin=CLEAN.encode())

    assert (done.returncode, done.stderr) == (0, "")
    assert (clean.returncode, clean.stderr.count("no longer there")) == (0, 1)


def test_it_does_not_matter_where_a_run_starts(jobwarden: Command, folder: Path) -> None:
    put("jobs/job.yaml", WITHOUT_TTL)
    put("ci/known.json", "")
    jobwarden("lint", "--write-baseline", "ci/known.json")
    assert '"file": "../jobs/job.yaml"' in Path("ci/known.json").read_text()

    os.chdir("jobs")
    for path in (".", "./job.yaml", str(folder)):
        done = jobwarden("lint", path, "--baseline", "../ci/known.json")
        assert (done.returncode, done.stderr) == (0, "")


def test_the_baseline_itself_is_not_linted(jobwarden: Command) -> None:
    put("job.yaml", WITHOUT_TTL)
    jobwarden("lint", "--write-baseline", "known.json")

    assert "read 1 file:" in jobwarden("lint", "--baseline", "known.json").stdout
    assert "read 2 files:" in jobwarden("lint").stdout


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system binds no process to a processor")
@pytest.mark.skipif(os.cpu_count() == 1, reason="there is one processor only")
@pytest.mark.parametrize("many", ["files", "documents"])
@pytest.mark.usefixtures("tags")
def test_two_processes_write_and_know_what_one_does(jobwarden: Command, many: str) -> None:
    texts = [(WITHOUT_TTL, CLEAN, TWO)[number % 3] for number in range(600)]
    for number, text in enumerate(texts if many == "files" else ["---\n".join(texts)]):
        put(f"jobs/{number}.yaml", text)
    processors, seen = os.sched_getaffinity(0), []
    for allowed in (processors, {min(processors)}):
        os.sched_setaffinity(0, allowed)
        try:
            written = jobwarden("lint", "jobs", "--write-baseline", "known.json")
            done = jobwarden("lint", "jobs", "--baseline", "known.json")
        finally:
            os.sched_setaffinity(0, processors)
        seen.append(
            (written.stdout, done.stdout, done.stderr, done.returncode, Path("known.json").read_text())
        )

    assert seen[0] == seen[1]
    assert seen[0][2:4] == ("", 0)
    assert "600 in the baseline" in seen[0][1]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "known.json: no such file or directory; make it with --write-baseline known.json"),
        ('{\n"version": 1,\n<<<<<<< HEAD\n', "known.json:3: it is not JSON; make it with"),
        (b"\xff", "known.json: it is not UTF-8; make it with"),
        ("[]", "known.json: it is no baseline; make it with"),
        ('{"version": 2, "findings": []}', "known.json: its version is 2, not 1; make it with"),
        (
            '{"version": 1, "findings": [{"rule": "x"}]}',
            "known.json: entry 1 has no text 'fingerprint'; make",
        ),
        (
            json.dumps({"version": 1, "findings": [dict.fromkeys(TEXTS, "") | {"count": True}]}),
            "known.json: entry 1 has no 'count' of 1 or more; make it with",
        ),
        ("[" * 100_000, "known.json: it is not JSON; make it with"),
    ],
    ids="missing conflict utf-8 list version entry count deep".split(),
)
def test_a_file_that_is_no_baseline_is_told(
    jobwarden: Command, text: str | bytes | None, reason: str
) -> None:
    put("job.yaml", WITHOUT_TTL)
    if text is not None:
        put("known.json", text)

    done = jobwarden("lint", "job.yaml", "--baseline", "known.json")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"jobwarden: --baseline {reason}")


def test_a_run_that_went_wrong_writes_no_baseline(jobwarden: Command) -> None:
    put("job.yaml", WITHOUT_TTL)

    done = jobwarden("lint", "job.yaml", "nothing.yaml", "--write-baseline", "known.json")
    lost = jobwarden("lint", "job.yaml", "--write-baseline", "no/known.json")

    assert done.returncode == 2
    assert "known.json: not written" in done.stderr
    assert not Path("known.json").exists()
    assert (lost.returncode, lost.stderr) == (
        2,
        "no/known.json: cannot be written: no such file or directory\n",
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--write-baseline", "b", "--baseline", "a"), "leave out --baseline"),
        (("--write-baseline", "b", "--diff"), "leave out --write-baseline"),
        (("--baseline", "a", "--as-admission"), "leave out the baseline"),
    ],
    ids=["both", "diff", "admission"],
)
def test_options_that_do_not_go_together_are_refused(
    jobwarden: Command, options: tuple[str, ...], told: str
) -> None:
    put("job.yaml", CLEAN)

    done = jobwarden("lint", *options)

    assert done.returncode == 2
    assert told in done.stderr


def test_a_baseline_takes_the_place_of_nothing_else(jobwarden: Command) -> None:
    path = put("job.yaml", WITHOUT_TTL)
    put("old.json", '{"version": 1, "findings": [\n<<<<<<< HEAD\n')

    done = jobwarden("lint", "--write-baseline", "job.yaml")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "jobwarden: --write-baseline job.yaml: it is there, and is no baseline: "
        "delete it, or give another name\n"
    )
    assert path.read_text() == WITHOUT_TTL
    assert jobwarden("lint", "--write-baseline", "old.json").returncode == 0
    assert jobwarden("lint", "--baseline", "old.json").returncode == 0


@pytest.mark.skipif(not shutil.which("sh"), reason="Helm is a script here")
def test_what_is_rendered_has_a_baseline_as_well(jobwarden: Command, folder: Path) -> None:
    put("chart/Chart.yaml", "apiVersion: v2\nname: chart\nversion: 1.0.0\n")
    put("bin/helm", f"#!/bin/sh\ncat <<'END'\n{WITHOUT_TTL}END\n").chmod(0o755)
    path = f"{folder}/bin{os.pathsep}{os.environ['PATH']}"

    written = jobwarden("lint", "--render", "--write-baseline", "known.json", PATH=path)
    done = jobwarden("lint", "--render", "--baseline", "known.json", PATH=path)
    without = jobwarden("lint", "--baseline", "known.json")
    put("bin/helm", f"#!/bin/sh\ncat <<'END'\n{CLEAN}END\n")
    clean = jobwarden("lint", "--render", "--baseline", "known.json", PATH=path)

    assert "1 in the baseline" in written.stdout
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 in the baseline" in done.stdout
    assert (without.returncode, without.stderr) == (0, "")
    assert clean.stderr.endswith("jobwarden lint --write-baseline known.json --render -- .\n")


def test_warnings_that_are_not_shown_but_fail_are_put_into_a_baseline(jobwarden: Command) -> None:
    put("job.yaml", WITHOUT_TTL)

    jobwarden("lint", "--show", "error", "--write-baseline", "known.json")

    assert jobwarden("lint", "--show", "error", "--baseline", "known.json").returncode == 0


def test_a_plain_run_knows_nothing_of_baselines() -> None:
    put("job.yaml", WITHOUT_TTL)
    code = (
        "import sys, os; sys.argv = ['jobwarden', 'lint']; os._exit = sys.exit\n"
        "import lint.cli\n"
        "try: lint.cli.main()\n"
        "finally: print(sorted(set(sys.modules) & {'lint.baseline', 'lint.ignoring', 'lint.fingerprint',"
        " 'lint.output', 'hashlib', 'shlex'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip

    assert done.stdout.splitlines()[-1] == "[]"
