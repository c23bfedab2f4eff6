"""Suppressions that are written by --add-ignore: nothing else changes, and nothing is found any more."""

import json
import os
import random
import re
from difflib import ndiff
from pathlib import Path

import pytest
from conftest import CLEAN, JOB, WITHOUT_TTL, Command, put

from lint.document import parse
from lint.edit import same
from lint.ignoring import ignore
from lint.linter import check
from lint.policy import Policy
from lint.rule import Severity
from lint.rules import RULES

pytestmark = pytest.mark.usefixtures("folder")

REASON = "legacy, see #12: «soon»"


def ignored(text: str, *, json_: bool = False, least: Severity = Severity.WARNING) -> str:
    """Ignore everything in a text, check that all promises are kept, and return it."""
    before = parse(text, json=json_)
    done = ignore(before, Policy(), REASON, least)
    after = parse(done.document.text, json=json_)
    left = check(after, Policy())
    assert [(one.violation, one.path) for one in left] == [(one.violation, one.path) for one in done.left]
    assert not [one for one in left if one.violation.severity >= least]
    assert ignore(after, Policy(), REASON, least).document.text == after.text
    return after.text


def added(old: str, new: str) -> list[str]:
    """Return the lines that are new or changed; all others are the same."""
    return [line[2:] for line in ndiff(old.splitlines(), new.splitlines()) if line.startswith("+ ")]


def test_a_comment_is_written_at_the_line_of_a_finding() -> None:
    new = ignored(WITHOUT_TTL)

    assert new == WITHOUT_TTL.replace("\nspec:\n", f"\nspec:  # jobwarden: ignore[ttl-missing] {REASON}\n")


def test_all_rules_of_a_line_share_a_comment() -> None:
    text = JOB.replace("apiVersion: batch/v1\n", "").replace("spec:\n", "apiVersion: batch/v1\nspec:\n", 1)

    new = ignored(text)

    (line,) = added(text, new)
    assert re.fullmatch(r"spec:  # jobwarden: ignore\[([a-z,-]+)\] " + re.escape(REASON), line)
    names = line.partition("[")[2].partition("]")[0].split(",")
    assert {"backoff-limit", "ttl-missing", "active-deadline-missing"} <= {*names}
    assert names == sorted(names)


@pytest.mark.parametrize(
    ("there", "then"),
    [
        ("spec:  # jobwarden: ignore[ttl-missing] kept", "ignore[ttl-missing,{}] kept"),
        ("# jobwarden: ignore[ttl-missing, ] kept\nspec:", "ignore[ttl-missing, {}] kept"),
        ("# jobwarden: ignore[ ] kept\nspec:", "ignore[ {}] kept"),
    ],
    ids=["beside", "above", "empty"],
)
def test_a_suppression_that_is_there_gets_the_rules(there: str, then: str) -> None:
    text = JOB.replace("\nspec:", f"\n{there}")

    document = ignore(parse(text), Policy(), REASON, Severity.WARNING).document

    assert document.text.count("jobwarden:") == 1
    pattern = re.escape(then).replace(r"\{\}", r"[a-z, -]*backoff-limit[a-z, -]*")
    assert re.search(pattern, document.text)
    assert len(document.text.splitlines()) == len(text.splitlines())


def test_another_comment_on_the_line_stays_as_it_is() -> None:
    text = WITHOUT_TTL.replace("\nspec:\n", '\nspec: # {"$imagepolicy": "flux-system:app"}\n')

    new = ignored(text)

    assert added(text, new) == [f"# jobwarden: ignore[ttl-missing] {REASON}"]
    assert new.splitlines().index(f"# jobwarden: ignore[ttl-missing] {REASON}") == 4


def test_inside_a_quoted_string_of_several_lines_the_line_above_is_taken() -> None:
    text = CLEAN.replace(
        "backoffLimit: 3",
        '"backoffLimit": "3\n    "',
    )

    new = ignored(text)

    assert any("  # jobwarden: ignore[" in line for line in added(text, new))
    assert same(parse(new).value, parse(text).value)


def test_of_a_flow_map_over_several_lines_the_lines_get_comments() -> None:
    text = (
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: report}\n"
        "spec: {backoffLimit: 300,\n  template: {spec: {containers: [\n    {name: a,\n     image: b}]}}}\n"
    )

    new = ignored(text)

    assert same(parse(new).value, parse(text).value)
    assert "annotations" not in new
    assert [line.partition("  # ")[0] for line in new.splitlines()] == text.splitlines()


def test_in_json_the_object_is_annotated() -> None:
    value = parse(JOB).value
    text = json.dumps(value, indent=2)

    new = ignored(text, json_=True)

    annotations = json.loads(new)["metadata"].pop("annotations")
    assert annotations["jobwarden.io/ignore-reason"] == REASON
    assert "ttl-missing" in annotations["jobwarden.io/ignore"].split(",")
    assert [line for line in ndiff(text.splitlines(), new.splitlines()) if line[0] == "-"] in (
        [],
        ['-     "name": "report"'],
    )


def test_annotations_that_are_there_get_the_rules_and_keep_their_reason() -> None:
    value = parse(WITHOUT_TTL.replace("      image: report:1.4", "      image: report:latest")).value
    value["metadata"]["annotations"] = {
        "jobwarden.io/ignore": "image-tag",
        "jobwarden.io/ignore-reason": "kept",
    }

    new = json.loads(ignored(json.dumps(value), json_=True))["metadata"]["annotations"]

    assert new == {"jobwarden.io/ignore": "image-tag,ttl-missing", "jobwarden.io/ignore-reason": "kept"}


def test_between_strings_of_several_lines_only_the_annotation_is_left() -> None:
    text = (
        'apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: report\nspec: {managedBy: "a\n  b",'
        ' backoffLimit: -1, completionMode: "c\n  d", template: {spec: {restartPolicy: Never,'
        ' containers: [{name: a, image: "b:1"}]}}}\n'
    )

    new = ignored(text)

    lines = added(text, new)
    assert "  annotations:" in lines
    assert any(re.match(r"    jobwarden.io/ignore: .*numeric-bounds", line) for line in lines)
    assert any(line.startswith("    jobwarden.io/ignore-reason: ") for line in lines)


def test_an_annotation_that_is_no_text_is_not_written_over() -> None:
    value = parse(WITHOUT_TTL).value
    value["metadata"]["annotations"] = {"jobwarden.io/ignore": ["image-tag"]}
    document = parse(json.dumps(value), json=True)

    done = ignore(document, Policy(), REASON, Severity.WARNING)

    assert done.document.text == document.text
    assert {one.unignored for one in done.left if one.violation.rule == "ttl-missing"} == {
        "no comment can stand there, and its annotation to ignore rules is no text"
    }


def test_each_item_of_a_list_in_json_gets_its_own() -> None:
    job = parse(WITHOUT_TTL).value
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [job, parse(CLEAN).value, job]})

    items = json.loads(ignored(text, json_=True))["items"]

    assert ["annotations" in item["metadata"] for item in items] == [True, False, True]


@pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])
def test_every_bad_example_can_be_ignored_in_every_style(rule: object) -> None:
    for bad in rule.bad:  # type: ignore[attr-defined]  # a rule; pytest prints it too long otherwise
        for text in (bad.text, bad.text.replace("\n", "\r\n"), bad.text.rstrip("\n")):
            before = parse(text)
            policy = Policy(minor=bad.minor)
            found = check(before, policy)
            done = ignore(before, policy, REASON, Severity.INFO)
            kept = [one for one in found if one.violation.rule == "unused-suppression"]
            assert [one.violation for one in done.left] == [one.violation for one in kept]
            assert done.made == len(found) - len(kept)
            assert same(parse(done.document.text).value, before.value)
            assert without(done.document.text) == without(text)
            assert not re.search(r"\r(?!\n)", done.document.text)


def without(text: str) -> str:
    """Return a text without suppressions."""
    text = re.sub(r"(?m)^ *# jobwarden: ignore\[[^]]*\][^\r\n]*\r?\n", "", text)
    return re.sub(r"  # jobwarden: ignore\[[^]]*\][^\r\n]*", "", text)


def test_a_file_is_written_once_and_then_found_clean(jobwarden: Command) -> None:
    path = put("job.yaml", f"# head\r\n---\r\n{JOB}---\n{CLEAN}---\n{WITHOUT_TTL}".replace("\n", "\r\n"))
    old = path.read_bytes()

    done = jobwarden("lint", "--add-ignore", "legacy")
    new = path.read_bytes()
    again = jobwarden("lint", "--add-ignore", "other")

    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(r"ignored \d+ findings in 1 file, no findings; read 1 file: 3 Jobs", done.stdout)
    assert (again.returncode, again.stdout) == (0, "no findings; read 1 file: 3 Jobs, 0 CronJobs\n")
    assert path.read_bytes() == new
    assert re.sub(rb"  # jobwarden: [^\r\n]*", b"", new) == old.replace(b"\r\r\n", b"\r\r\n")
    assert jobwarden("lint").returncode == 0


def test_a_diff_shows_what_would_be_ignored(jobwarden: Command) -> None:
    path = put("job.yaml", WITHOUT_TTL)

    done = jobwarden("lint", "--add-ignore", "legacy", "--diff")

    assert done.returncode == 1
    assert "\n-spec:\n+spec:  # jobwarden: ignore[ttl-missing] legacy\n" in done.stdout
    assert done.stderr.startswith("to ignore: 1 finding in 1 file, no findings;")
    assert path.read_text() == WITHOUT_TTL


def test_the_standard_input_goes_to_the_standard_output(jobwarden: Command) -> None:
    done = jobwarden("lint", "-", "--add-ignore", "legacy", stdin=WITHOUT_TTL.encode())

    assert done.returncode == 0
    assert done.stdout == WITHOUT_TTL.replace("\nspec:", "\nspec:  # jobwarden: ignore[ttl-missing] legacy")
    assert done.stderr.startswith("ignored 1 finding in 1 file, no findings;")


def test_what_is_not_shown_is_not_ignored(jobwarden: Command) -> None:
    path = put("job.yaml", WITHOUT_TTL.replace("backoffLimit: 3", "backoffLimit: -3"))

    done = jobwarden("lint", "--add-ignore", "legacy", "--show", "error")

    assert done.returncode == 1
    assert "ttl-missing" not in path.read_text()
    assert "ignore[numeric-bounds] legacy" in path.read_text()


def test_why_a_finding_is_not_ignored_is_told(jobwarden: Command) -> None:
    put("jobwarden.yaml", "neverIgnore: [ttl-missing]\n")
    path = put("job.yaml", WITHOUT_TTL + "# jobwarden: ignore[image-tags] no such rule\n")
    old = path.read_text()

    done = jobwarden("lint", "--add-ignore", "legacy")

    assert done.returncode == 1
    assert "= not ignored: the policy does not allow it (neverIgnore)\n" in done.stdout
    assert "= not ignored: take the suppression away instead\n" in done.stdout
    assert path.read_text() == old


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--add-ignore", " "), "takes the reason why"),
        (("--add-ignore", "a\nb"), "a reason of one line"),
        (("--add-ignore", "x # jobwarden: ignore[image-tag]"), "a reason of one line"),
        (("--add-ignore", "x", "--fix"), "leave out --fix"),
        (("--add-ignore", "x", "--render"), "leave out --render"),
        (
            ("--add-ignore", "x", "--baseline", "b", "--as-admission"),
            "leave out --as-admission and --baseline",
        ),
    ],
    ids=["blank", "lines", "directive", "fix", "render", "others"],
)
def test_what_cannot_be_written_or_combined_is_refused(
    jobwarden: Command, options: tuple[str, ...], told: str
) -> None:
    path = put("job.yaml", WITHOUT_TTL)

    done = jobwarden("lint", *options)

    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert path.read_text() == WITHOUT_TTL


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system binds no process to a processor")
@pytest.mark.skipif(os.cpu_count() == 1, reason="there is one processor only")
def test_two_processes_write_what_one_does(jobwarden: Command) -> None:
    text, processors, seen = "---\n".join([WITHOUT_TTL, CLEAN, JOB] * 60), os.sched_getaffinity(0), []
    for allowed in (processors, {min(processors)}):
        path = put("job.yaml", text)
        os.sched_setaffinity(0, allowed)
        try:
            done = jobwarden("lint", "job.yaml", "--add-ignore", "legacy")
        finally:
            os.sched_setaffinity(0, processors)
        seen.append((done.stdout, done.stderr, done.returncode, path.read_text()))

    assert seen[0] == seen[1]
    assert seen[0][1:3] == ("", 0)
    assert seen[0][3].count("# jobwarden: ignore[ttl-missing] legacy") == 60


def test_random_layouts_keep_every_promise() -> None:
    generator = random.Random(7)
    pieces = {
        "backoffLimit": ["50", '"50"', "50  # high", "!!int 50", "-1"],
        "args": [
            "[a,\n            b]",
            "|\n            # no comment\n            x",
            '"a\n\n            b"',
            "a\n            b # c",
            ">-\n            x\n\n",
        ],
        "image": ["report", "'report'", "&image report", "report # bare"],
    }
    for _ in range(150):
        some = {key: generator.choice(values) for key, values in pieces.items()}
        order = generator.sample(["args", "image"], 2)
        text = (
            "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: report\nspec:\n"
            f"  backoffLimit: {some['backoffLimit']}\n  template:\n    spec:\n"
            "      restartPolicy: Never\n      containers:\n  # odd\n      - name: a\n"
            + "".join(f"        {key}: {some[key]}\n" for key in order)
        )
        before = parse(text)
        found = check(before, Policy())
        done = ignore(before, Policy(), REASON, Severity.INFO)
        assert done.left == []
        assert done.made == len(found)
        assert without(done.document.text) == text


def test_no_file_is_left_half_written(jobwarden: Command) -> None:
    put("jobs/job.yaml", WITHOUT_TTL)

    jobwarden("lint", "--add-ignore", "legacy")

    assert os.listdir("jobs") == ["job.yaml"]
    assert Path("jobs/job.yaml").read_text() != WITHOUT_TTL
