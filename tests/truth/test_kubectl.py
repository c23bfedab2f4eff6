"""What we foretell of manifests is what people see who create them with kubectl: it mends some YAML."""

import re
from typing import TYPE_CHECKING

import pytest

from lint.compose import DocumentError
from lint.document import parse
from lint.linter import check
from lint.policy import Policy
from lint.rule import Class
from lint.validation.server import rejection

if TYPE_CHECKING:
    from apiserver import ApiServer

pytest_plugins = ["apiserver"]

_JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: CASE
spec:
  FIELD: VALUE
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: main
          image: main:1
"""

NUMBERS = (
    *(
        "2",
        "2.0",
        "2.5",
        "1e3",
        "1E3",
        "1e-3",
        "1.5e3",
        "0x10",
        "010",
        "0o10",
        "0b11",
        "1_000",
        "+2",
        "-0",
        "-0.0",
    ),
    *(
        "on",
        "yes",
        "true",
        "null",
        "~",
        "''",
        "'2'",
        '"2"',
        "2147483647",
        "2147483648",
        "-2147483649",
        "1e9",
        "3e9",
    ),
    *(
        "9223372036854775808",
        "18446744073709551616",
        "1e30",
        ".inf",
        ".nan",
        "2 # two",
        "!!int 2",
        "!!str 2",
        "[]",
        "{}",
        "[2]",
    ),
    *("12:30", "2026-01-01", "0b2", "0x", "1.", ".5", "- 1"),
)
TRUTHS = (
    "true",
    "True",
    "TRUE",
    "on",
    "On",
    "yes",
    "y",
    "n",
    "off",
    "no",
    "false",
    "1",
    "0",
    "'true'",
    "null",
    "t",
    "~",
)
TEXTS = (
    *(
        "acme.io/a",
        "1",
        "1.0",
        "true",
        "on",
        "null",
        "~",
        "''",
        "2026-01-01",
        "0x10",
        "[a]",
        "!!str 1",
        "'1'",
        "a/b",
        "y",
    ),
)
WHOLE = {
    "a key twice": _JOB.replace("  FIELD: VALUE\n", "  backoffLimit: 1\n  backoffLimit: 2\n"),
    "a key twice, once of a wrong type": _JOB.replace(
        "  FIELD: VALUE\n", "  backoffLimit: x\n  backoffLimit: 2\n"
    ),
    "a key twice, the second is bad": _JOB.replace(
        "  FIELD: VALUE\n", "  backoffLimit: 1\n  backoffLimit: -2\n"
    ),
    "no value": _JOB.replace(" VALUE", "").replace("FIELD", "backoffLimit"),
    "no spec": "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: CASE\n",
    "spec is null": "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: CASE\nspec:\n",
    "spec is a list": "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: CASE\nspec: []\n",
    "null in a list": _JOB.replace("  FIELD: VALUE\n", "").replace(
        "        - name: main\n          image: main:1\n", "        -\n"
    ),
    "two wrong types": _JOB.replace("  FIELD: VALUE\n", "  parallelism: x\n  backoffLimit: y\n"),
    "two unknown fields": _JOB.replace("  FIELD: VALUE\n", "  zoo: 1\n  foo: 1\n"),
    "unknown field and wrong type": _JOB.replace("  FIELD: VALUE\n", "  foo: 1\n  backoffLimit: y\n"),
    "unknown field and bad value": _JOB.replace("  FIELD: VALUE\n", "  foo: 1\n  backoffLimit: -1\n"),
    "an anchor": _JOB.replace("  FIELD: VALUE\n", "  backoffLimit: &n 2\n  parallelism: *n\n"),
    "a merge": _JOB.replace("  FIELD: VALUE\n", "  <<: {backoffLimit: -1}\n"),
    "a number as a label": _JOB.replace("  FIELD: VALUE\n", "").replace(
        "name: CASE", "name: CASE\n  labels: {a: 1}"
    ),
    "a number as a key": _JOB.replace("  FIELD: VALUE\n", "").replace(
        "name: CASE", "name: CASE\n  labels: {1: a}"
    ),
    "a truth as a key": _JOB.replace("  FIELD: VALUE\n", "").replace(
        "name: CASE", "name: CASE\n  labels: {on: a}"
    ),
}


def manifest(field: str, value: str) -> str:
    """Set a field of the specification."""
    return _JOB.replace("FIELD", field).replace("VALUE", value)


_MANIFESTS = {
    **{f"backoffLimit {value}": manifest("backoffLimit", value) for value in NUMBERS},
    **{f"activeDeadlineSeconds {value}": manifest("activeDeadlineSeconds", value) for value in NUMBERS},
    **{f"suspend {value}": manifest("suspend", value) for value in TRUTHS},
    **{f"managedBy {value}": manifest("managedBy", value) for value in TEXTS},
    **WHOLE,
}
TEXT_OF = {
    name: text.replace("CASE", f"case-{number}") for number, (name, text) in enumerate(_MANIFESTS.items())
}
"""Manifests by what is odd in them; their objects are named by number."""

UNREAD = "kubectl itself cannot read it"


@pytest.fixture(scope="session")
def kubectl_says(apiserver: "ApiServer", tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Create all objects at once, and return what kubectl says of those that it cannot create, by name."""
    folder = tmp_path_factory.mktemp("manifests")
    for number, text in enumerate(TEXT_OF.values()):
        (folder / f"case-{number}.yaml").write_text(text)
    done = apiserver.kubectl("create", "--dry-run=server", "--validate=strict", f"--filename={folder}")
    unread = re.findall(r"(?:unable to decode|error parsing) \S*(case-\d+)\.yaml", done.stderr)
    refused = re.findall(r'error when creating "\S*(case-\d+)\.yaml": (.*)', done.stderr)
    created = re.findall(r"job\.batch/(case-\d+) created", done.stdout)
    assert len({*created, *unread, *dict(refused)}) == len(TEXT_OF), done.stderr
    return dict.fromkeys(unread, UNREAD) | dict(refused)


@pytest.mark.parametrize("name", TEXT_OF)
def test_a_manifest_has_the_verdict_that_kubectl_shows(
    apiserver: "ApiServer", kubectl_says: dict[str, str], name: str
) -> None:
    said = kubectl_says.get(f"case-{list(TEXT_OF).index(name)}", "")

    ours = foretold(TEXT_OF[name], apiserver.minor)
    assert parts(ours) == parts(said) or (said == UNREAD and ours)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("kind: Job", "kind: job", 'no kind "job" is registered for version "batch/v1"'),
        ("kind: Job", "kind: Jobs", 'no matches for kind "Jobs" in version "batch/v1"'),
        ("batch/v1", "v1", 'no matches for kind "Job" in version "v1"'),
        ("batch/v1", "apps/v1", 'no matches for kind "Job" in version "apps/v1"'),
        ("batch/v1", "batch/v1beta1", 'no matches for kind "Job" in version "batch/v1beta1"'),
        ("apiVersion: batch/v1\n", "", "apiVersion not set"),
    ],
)
def test_what_is_no_job_is_sent_nowhere(apiserver: "ApiServer", old: str, new: str, told: str) -> None:
    text = manifest("backoffLimit", "1").replace(old, new, 1).replace("CASE", "example")

    (found,) = (one for one in check(parse(text), Policy()) if one.violation.class_ == Class.SERVER)
    done = apiserver.kubectl("create", "--dry-run=server", "--filename=-", stdin=text)

    assert done.returncode != 0
    assert told in done.stderr
    assert found.violation.message.startswith(f"{told}: ")


def parts(text: str) -> list[str]:
    """Split what is said of an object; causes may come in any order."""
    start, middle, causes = text.partition(" is invalid: ")
    return [start, *sorted(re.split(r", (?=[a-z][\w.]*: )", causes.strip("[]")))] if middle else [text]


def foretold(text: str, minor: int) -> str:
    """Say what kubectl will show; nothing for what it creates."""
    try:
        tree = parse(text).value
    except DocumentError:
        return UNREAD
    refused = rejection(tree, minor)
    if refused is None:
        return ""
    causes = [f"{cause.field}: {cause.message}" for cause in refused.causes]
    causes = causes if len(causes) == 1 else [f"[{', '.join(causes)}]"]
    return refused.message or f'Job.batch "{tree["metadata"]["name"]}" is invalid: {causes[0]}'
