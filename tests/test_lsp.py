"""The server behind an editor, started as an editor starts it, and spoken to in its own words."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import CLEAN, JOB, WITHOUT_TTL, Command, put

from lint.lsp.text import Change, Lines

pytestmark = pytest.mark.usefixtures("folder")

URI = "file:///nowhere/job.yaml"
ROOT = Path(__file__).parents[1]
EDITING = {"workspace": {"workspaceEdit": {"documentChanges": True}}}
ERROR, WARNING, INFORMATION = 1, 2, 3


class Editor:
    """A client: requests wait for their answers, notifications of the server are kept."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(
            command or (sys.executable, "-m", "lint", "lsp", "--stdio"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self.limit = threading.Timer(60, self.process.kill)
        self.limit.start()
        self.heard: list[dict[str, Any]] = []
        self.counted = 0
        self.versions: dict[str, int] = {}

    def limit_again(self) -> None:
        """Give the server another minute: nobody waits for ever."""
        self.limit.cancel()
        self.limit = threading.Timer(60, self.process.kill)
        self.limit.start()

    def kill(self) -> None:
        """Leave nothing behind."""
        self.limit.cancel()
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            with suppress(BrokenPipeError):
                stream.close()  # type: ignore[union-attr]  # all three are pipes

    def send(self, **message: Any) -> None:
        """Send a message."""
        assert self.process.stdin
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        """Wait for the next message; requests of the server are answered."""
        assert self.process.stdout
        length = 0
        while (line := self.process.stdout.readline()) != b"\r\n":
            assert line, "the server has gone"
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        message: dict[str, Any] = json.loads(self.process.stdout.read(length))
        if "method" in message and "id" in message:
            self.send(id=message["id"], result=None)
        return message

    def ask(self, method: str, params: Any = None) -> dict[str, Any]:
        """Send a request, and return the whole answer."""
        self.counted += 1
        self.send(id=self.counted, method=method, params=params)
        while (message := self.receive()).get("id") != self.counted or "method" in message:
            self.heard.append(message)
        return message

    def wait(self, method: str) -> Any:
        """Return what the next notification or request of that name says."""
        while True:
            for index, message in enumerate(self.heard):
                if message.get("method") == method:
                    return self.heard.pop(index)["params"]
            self.heard.append(self.receive())

    def start(self, capabilities: Any = EDITING) -> dict[str, Any]:
        """Begin a session, and return what the server can do."""
        answer = self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": capabilities})
        self.send(method="initialized", params={})
        result: dict[str, Any] = answer["result"]["capabilities"]
        return result

    def open(self, text: str, uri: str = URI) -> list[dict[str, Any]]:
        """Open a document, and return its diagnostics."""
        self.versions[uri] = 1
        item = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self.send(method="textDocument/didOpen", params={"textDocument": item})
        return self.diagnostics(uri)

    def change(self, text: str, uri: str = URI) -> None:
        """Type."""
        self.versions[uri] += 1
        self.send(
            method="textDocument/didChange",
            params={
                "textDocument": {"uri": uri, "version": self.versions[uri]},
                "contentChanges": [{"text": text}],
            },
        )

    def diagnostics(self, uri: str = URI) -> list[dict[str, Any]]:
        """Return the next diagnostics that are no notes; they have to be those of the latest version."""
        return [one for one in self.everything(uri) if one["severity"] != INFORMATION]

    def everything(self, uri: str = URI) -> list[dict[str, Any]]:
        """Return the next diagnostics, which have to be those of the latest version."""
        told = self.wait("textDocument/publishDiagnostics")
        assert (told["uri"], told.get("version")) == (uri, self.versions.get(uri))
        found: list[dict[str, Any]] = told["diagnostics"]
        return found

    def close(self, uri: str = URI) -> None:
        """Close a document."""
        del self.versions[uri]
        self.send(method="textDocument/didClose", params={"textDocument": {"uri": uri}})

    def actions(self, range_: Any, only: list[str] | None = None) -> list[dict[str, Any]]:
        """Ask what can be changed."""
        context = {"diagnostics": [], **({"only": only} if only else {})}
        answer = self.ask(
            "textDocument/codeAction", {"textDocument": {"uri": URI}, "range": range_, "context": context}
        )
        found: list[dict[str, Any]] = answer["result"]
        return found

    def end(self) -> int:
        """End the session, and return the exit status."""
        assert self.ask("shutdown")["result"] is None
        self.send(method="exit")
        return self.process.wait(10)


@pytest.fixture
def editors() -> Iterator[Callable[..., Editor]]:
    """Start servers; each has to be gone afterwards."""
    started: list[Editor] = []

    def start(*command: str) -> Editor:
        started.append(Editor(*command))
        return started[-1]

    yield start
    for one in started:
        one.kill()


@pytest.fixture
def own(editors: Callable[..., Editor]) -> Editor:
    """Start a session that nobody else has."""
    one = editors()
    one.start()
    return one


@pytest.fixture(scope="module")
def session() -> Iterator[Editor]:
    """Start a session with the abilities of most editors."""
    one = Editor()
    one.start()
    yield one
    one.kill()


@pytest.fixture
def editor(session: Editor) -> Iterator[Editor]:
    """Share a session; afterwards no document is open, and nothing is left to be heard."""
    session.limit_again()
    yield session
    for uri in [*session.versions]:
        session.close(uri)
    session.ask("no/such/method")
    session.heard.clear()


def edited(text: str, action: dict[str, Any], units: str = "utf-16-le") -> str:
    """Make an action's edits as an editor does: places are those of the text before."""
    (change,) = action["edit"]["documentChanges"]
    assert change["textDocument"]["uri"] == URI
    edits = [(index_of(text, one["range"], units), one["newText"]) for one in change["edits"]]
    for (start, end), new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def index_of(text: str, range_: Any, units: str = "utf-16-le") -> tuple[int, int]:
    """Turn a range into indexes."""
    width = len("x".encode(units))

    def index(place: Any) -> int:
        lines = text.split("\n")[: place["line"] + 1]
        line = lines.pop().encode(units)
        assert place["character"] * width <= len(line)
        return sum(len(one) + 1 for one in lines) + len(line[: place["character"] * width].decode(units))

    return index(range_["start"]), index(range_["end"])


def text_at(text: str, one: dict[str, Any], units: str = "utf-16-le") -> str:
    """Return what a diagnostic underlines."""
    start, end = index_of(text, one["range"], units)
    return text[start:end]


def fixed(jobwarden: Command, text: str) -> str:
    """Return what the command line makes of a text."""
    return jobwarden("lint", "--fix", "-", stdin=text.encode()).stdout


def test_a_finding_is_told_when_a_document_is_opened(editor: Editor) -> None:
    (one,) = editor.open(WITHOUT_TTL)

    assert text_at(WITHOUT_TTL, one) == "spec"
    assert (one["code"], one["severity"], one["source"]) == ("ttl-missing", WARNING, "jobwarden")
    assert one["message"].startswith("spec.ttlSecondsAfterFinished: the Job and its Pods stay in the cluster")
    assert one["codeDescription"]["href"].endswith("/lint/rules/README.md#ttl-missing")


def test_a_clean_document_has_no_findings(editor: Editor) -> None:
    assert editor.open(CLEAN) == []


def test_severities_are_those_of_the_rules(editor: Editor) -> None:
    grave = editor.open(WITHOUT_TTL.replace("Never", "Always"))
    editor.change(CLEAN.replace("      automountServiceAccountToken: false\n", ""))

    assert {one["code"]: one["severity"] for one in grave} == {
        "restart-policy-required": ERROR,
        "ttl-missing": WARNING,
    }
    assert {one["severity"] for one in editor.everything()} == {INFORMATION}


def test_the_session_ends_as_the_protocol_says(own: Editor) -> None:
    assert own.end() == 0


def test_an_exit_without_shutdown_is_a_failure(own: Editor) -> None:
    own.send(method="exit")

    assert own.process.wait(10) == 1


def test_the_server_goes_with_its_editor(own: Editor) -> None:
    assert own.process.stdin
    own.process.stdin.close()

    assert own.process.wait(10) == 1


def test_fast_typing_is_read_when_it_pauses(editor: Editor) -> None:
    editor.open(WITHOUT_TTL)
    for length in range(100):
        editor.change(WITHOUT_TTL + "#" * length)
    editor.change(CLEAN.replace("      automountServiceAccountToken: false\n", ""))

    told = [editor.wait("textDocument/publishDiagnostics")]
    while told[-1]["version"] != editor.versions[URI]:  # a busy machine may pause by itself
        told.append(editor.wait("textDocument/publishDiagnostics"))

    assert len(told) < 10
    assert {one["severity"] for one in told[-1]["diagnostics"]} == {INFORMATION}


def test_a_closed_document_has_no_findings_left(own: Editor) -> None:
    own.open(WITHOUT_TTL)
    own.change(WITHOUT_TTL + "\n")
    own.close()

    assert own.diagnostics() == []
    time.sleep(0.5)
    assert own.end() == 0
    assert [one for one in own.heard if one["method"] == "textDocument/publishDiagnostics"] == []


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("name", ["ttl-missing", "active-deadline-missing", "container-resources"])
def test_a_quick_fix_gives_what_the_command_line_gives(
    editor: Editor, jobwarden: Command, name: str, newline: str
) -> None:
    text = {
        "ttl-missing": WITHOUT_TTL,
        "active-deadline-missing": CLEAN.replace("  activeDeadlineSeconds: 3600\n", ""),
        "container-resources": CLEAN.partition("          resources:")[0],
    }[name].replace("\n", newline)
    (one,) = (one for one in editor.open(text) if one["code"] == name)

    action = next(one for one in editor.actions(one["range"], ["quickfix"]) if one.get("isPreferred"))

    assert action["title"].endswith(" (safe)")
    assert action["diagnostics"] == [one]
    assert action["edit"]["documentChanges"][0]["textDocument"]["version"] == 1
    assert edited(text, action) == fixed(jobwarden, text) != text


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_all_safe_fixes_give_what_the_command_line_gives(
    editor: Editor, jobwarden: Command, newline: str
) -> None:
    text = f"# 🚀\n{JOB}---\nkind: ConfigMap\n---\n{WITHOUT_TTL}".replace("\n", newline)
    editor.open(text)
    nowhere = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}

    (action,) = editor.actions(nowhere, ["source.fixAll"])

    assert action["kind"] == "source.fixAll.jobwarden"
    assert len(action["edit"]["documentChanges"][0]["edits"]) > 1
    assert edited(text, action) == fixed(jobwarden, text) != text


def test_all_safe_fixes_are_offered_where_one_of_them_is(editor: Editor) -> None:
    (one,) = editor.open(WITHOUT_TTL)
    elsewhere = {"start": {"line": 1, "character": 0}, "end": {"line": 1, "character": 0}}

    kinds = [action["kind"] for action in editor.actions(one["range"])]

    assert kinds == ["quickfix", "quickfix", "source.fixAll.jobwarden"]
    assert editor.actions(elsewhere) == []
    assert editor.actions(one["range"], ["refactor"]) == []


def test_json_is_fixed_as_well(editor: Editor, jobwarden: Command) -> None:
    text = json.dumps(yaml.safe_load(WITHOUT_TTL), indent=2)
    (one,) = editor.open(text)

    (action,) = editor.actions(one["range"], ["quickfix"])

    assert edited(text, action) == fixed(jobwarden, text) != text


@pytest.mark.parametrize(
    "text",
    [WITHOUT_TTL, WITHOUT_TTL.replace("\n", "\r\n"), WITHOUT_TTL.replace("spec:\n", "spec: # why\n", 1)],
    ids=["behind", "crlf", "above"],
)
def test_a_finding_can_be_ignored_in_its_place(editor: Editor, text: str) -> None:
    (one,) = editor.open(text)

    (action,) = (one for one in editor.actions(one["range"]) if one["title"] == "ignore ttl-missing here")
    new = edited(text, action)
    editor.change(new)

    assert "# jobwarden: ignore[ttl-missing]" in new
    assert new.count("\r\n") in (0, new.count("\n"))
    assert editor.diagnostics() == []


def test_what_cannot_be_ignored_is_not_offered_to_be(editor: Editor) -> None:
    text = CLEAN.replace("spec:\n", "spec:  # jobwarden: ignore[ttl-missing]\n", 1)
    (one,) = editor.open(text)

    assert one["code"] == "unused-suppression"
    assert [action for action in editor.actions(one["range"]) if "ignore" in action["title"]] == []


UNITS = [("utf-8", "utf-8"), ("utf-16", "utf-16-le"), ("utf-32", "utf-32-le")]


@pytest.mark.parametrize(("encoding", "units"), UNITS)
def test_columns_are_those_of_the_negotiated_encoding(
    editors: Callable[..., Editor], jobwarden: Command, encoding: str, units: str
) -> None:
    tree = yaml.safe_load(WITHOUT_TTL)
    tree["metadata"]["annotations"] = {"mood": "🚀é"}
    text = json.dumps(tree, ensure_ascii=False)
    editor = editors()
    able = editor.start({**EDITING, "general": {"positionEncodings": [encoding]}})

    (one,) = editor.open(text)
    (action,) = editor.actions(one["range"], ["quickfix"])

    assert able["positionEncoding"] == encoding
    assert text_at(text, one, units) == '"spec"'
    assert edited(text, action, units) == fixed(jobwarden, text) != text


def test_without_a_word_of_it_columns_are_utf_16(editor: Editor) -> None:
    text = CLEAN.replace("cpu: 100m", "'🚀': 1, cpu: 100m, cpu: 200m")

    (one,) = (one for one in editor.open(text) if text_at(text, one) == "cpu")

    line = text.split("\n")[one["range"]["start"]["line"]]
    assert one["range"]["start"]["character"] == line.rindex("cpu") + 1


def test_an_editor_without_versions_gets_plain_changes(editors: Callable[..., Editor]) -> None:
    editor = editors()
    editor.start({})
    (one,) = editor.open(WITHOUT_TTL)

    action = editor.actions(one["range"], ["quickfix"])[0]

    assert [*action["edit"]] == ["changes"]
    assert [*action["edit"]["changes"]] == [URI]


def test_what_cannot_be_read_is_one_error(editor: Editor) -> None:
    text = CLEAN + "  x: [\n"

    (one,) = editor.open(text)

    assert (one["severity"], one["source"], one.get("code")) == (ERROR, "jobwarden", None)
    assert one["range"]["start"] != one["range"]["end"]
    assert editor.actions(one["range"]) == []


def test_only_what_changed_is_read_again_and_the_rest_moves(editor: Editor) -> None:
    editor.open(f"{WITHOUT_TTL}---\n{WITHOUT_TTL}")
    editor.change(text := f"# 🚀\n{CLEAN}---\n{WITHOUT_TTL}")

    (one,) = editor.diagnostics()

    assert one["range"]["start"]["line"] == text.count("\n", 0, text.rindex("\nspec:")) + 1


def test_a_document_is_read_again_when_another_decides_on_it(editor: Editor) -> None:
    job = CLEAN.replace("  template:", "  parallelism: 2\n  template:").rstrip() + (
        "\n      volumes: [{name: results, persistentVolumeClaim: {claimName: results}}]\n"
    )
    spec = "spec: {accessModes: [ReadWriteMany]}"
    claim = f"---\nkind: PersistentVolumeClaim\nmetadata: {{name: results}}\n{spec}\n"
    assert [one for one in editor.open(job + claim) if one["code"] == "shared-volume"] == []

    editor.change(job + claim.replace("Many", "Once"))

    assert [one["code"] for one in editor.diagnostics()] == ["shared-volume"]


def test_of_a_template_nothing_is_told(editor: Editor) -> None:
    assert editor.open(WITHOUT_TTL + "{{- if .Values.x }}\n  [") == []


def test_a_lone_surrogate_is_told_as_what_cannot_be_read(own: Editor) -> None:
    (one,) = own.open(CLEAN + "# \ud83d\n")

    assert "is not UTF-8" in one["message"]
    assert own.end() == 0


def test_the_page_of_a_rule_is_shown_at_its_finding(editor: Editor, jobwarden: Command) -> None:
    (one,) = editor.open(WITHOUT_TTL)

    def hover(place: dict[str, int]) -> Any:
        return editor.ask("textDocument/hover", {"textDocument": {"uri": URI}, "position": place})["result"]

    shown = hover(one["range"]["start"])

    assert shown["range"] == one["range"]
    assert shown["contents"]["kind"] == "markdown"
    assert shown["contents"]["value"] == jobwarden("explain", "ttl-missing").stdout.rstrip("\n")
    assert hover({"line": 0, "character": 0}) is None


def policy_case(editor: Editor, folder: Path) -> str:
    """Open a document with a policy above it, by which it is clean."""
    put("jobs/.keep", "")
    put("jobwarden.yaml", "rules:\n  ttl-missing: {severity: off}\n")
    uri = (folder / "jobs/job.yaml").as_uri()
    assert editor.open(WITHOUT_TTL, uri) == []
    return uri


def test_a_policy_that_changes_is_read_again(editor: Editor, folder: Path) -> None:
    uri = policy_case(editor, folder)
    changed = {"changes": [{"uri": (folder / "jobwarden.yaml").as_uri(), "type": 2}]}

    put("jobwarden.yaml", "rules:\n  ttl-missing: {severity: error}\n")
    editor.send(method="workspace/didChangeWatchedFiles", params=changed)
    assert [one["severity"] for one in editor.diagnostics(uri)] == [ERROR]

    put("jobwarden.yaml", "rules:\n  ttl-missing: {severity: info}\n")
    editor.change(WITHOUT_TTL + "\n", uri)
    severities = {one["code"]: one["severity"] for one in editor.everything(uri)}
    assert severities["ttl-missing"] == INFORMATION

    Path("jobwarden.yaml").unlink()
    editor.send(method="textDocument/didSave", params={"textDocument": {"uri": changed["changes"][0]["uri"]}})
    assert [one["severity"] for one in editor.diagnostics(uri)] == [WARNING]


def test_of_a_broken_policy_the_last_good_one_stays_in_force(editor: Editor, folder: Path) -> None:
    uri = policy_case(editor, folder)

    put("jobwarden.yaml", "rules:\n  ttl-mising: {severity: error}\n")
    for _ in range(3):
        editor.change(WITHOUT_TTL + "\n", uri)
        assert editor.diagnostics(uri) == []

    editor.ask("no/such/method")
    (told,) = (one["params"] for one in editor.heard if one["method"] == "window/showMessage")
    assert told["type"] == ERROR
    assert "jobwarden.yaml:2: rules.ttl-mising: there is no such setting: did you mean" in told["message"]
    assert told["message"].endswith("the one before it stays in force")


def test_an_editor_that_watches_files_is_asked_to(editors: Callable[..., Editor]) -> None:
    editor = editors()
    editor.start({"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": True}}})

    (asked,) = editor.wait("client/registerCapability")["registrations"]

    assert asked["method"] == "workspace/didChangeWatchedFiles"
    assert asked["registerOptions"]["watchers"] == [{"globPattern": "**/jobwarden.yaml"}]


def test_a_request_that_makes_no_sense_ends_nothing(own: Editor) -> None:
    own.send(id="odd", method="textDocument/hover", params={"textDocument": 7})
    assert own.wait("window/showMessage")["type"] == ERROR
    assert "error" in own.ask("no/such/method", {})
    assert (
        own.ask(
            "textDocument/hover",
            {"textDocument": {"uri": "file:///closed"}, "position": {"line": 1, "character": 1}},
        )["result"]
        is None
    )

    assert own.open(CLEAN) == []
    assert own.end() == 0


BROKEN = """
import lint.policy, lint.cli, sys
def check(job, params):
    if job.metadata.at("name").as_str() == "boom":
        raise RuntimeError("a bug")
    return iter(())
first, *others = lint.policy.HEADS
lint.policy.HEADS = (first.load()._replace(check=check, about=None), *others)
sys.argv = ["jobwarden", "lsp"]
lint.cli.main()
"""


def test_a_bug_in_a_rule_is_told_once_and_ends_nothing(editors: Callable[..., Editor]) -> None:
    editor = editors(sys.executable, "-c", BROKEN)
    editor.start()
    boom = CLEAN.replace("name: report", "name: boom", 1)

    assert editor.open(boom) == []
    editor.change(boom + "\n")
    assert editor.diagnostics() == []
    place = {"line": 0, "character": 0}
    assert "a bug" in json.dumps(
        editor.ask("textDocument/hover", {"textDocument": {"uri": URI}, "position": place})["error"]
    )
    editor.change(WITHOUT_TTL)
    assert [one["code"] for one in editor.diagnostics()] == ["ttl-missing"]

    editor.end()
    (told,) = (one["params"] for one in editor.heard if one["method"] == "window/showMessage")
    assert (
        told["message"]
        == "jobwarden: a bug of Jobwarden, met in job.yaml: what to report is in the server's log"
    )
    assert editor.process.stderr
    assert b"RuntimeError: a bug" in editor.process.stderr.read()


WITHOUT_THE_EXTRA = """
import sys
sys.modules["pygls"] = None
sys.argv = ["jobwarden", "lsp"]
from lint.cli import main
main()
"""


def test_without_the_extra_it_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_EXTRA],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "jobwarden: lsp needs what is not installed: pip install 'jobwarden[lsp]'\n"


def test_a_plain_run_imports_nothing_of_it() -> None:
    put("job.yaml", WITHOUT_TTL)
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "lint", "lint"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "lint.linter" in imported
    assert not {name for name in imported if name.startswith(("lint.lsp", "pygls", "lsprotocol", "asyncio"))}


@pytest.mark.parametrize(("encoding", "units"), UNITS)
def test_lines_are_those_of_an_editor(encoding: str, units: str) -> None:
    text = "a🚀\u2028b\x0c\r\nc\rd\n"
    lines = Lines(text, encoding)

    places = [lines.place(index) for index in (text.index("b"), text.index("c"), text.index("d"), len(text))]

    before = len("a🚀\u2028".encode(units)) // len("x".encode(units))
    assert places == [(0, before), (1, 0), (2, 0), (3, 0)]


@pytest.mark.parametrize(("start", "end"), [(start, end) for end in range(7) for start in range(end + 1)])
def test_a_change_never_splits_a_line_break(start: int, end: int) -> None:
    text = "a\r\nb\r\n"

    changed = Lines(text, "utf-8").whole(Change(start, end, "new"))

    assert {changed.start, changed.end}.isdisjoint({2, 5})
    assert text[: changed.start] + changed.text + text[changed.end :] == f"{text[:start]}new{text[end:]}"
