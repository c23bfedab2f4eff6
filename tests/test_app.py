"""Requests over HTTP: what is answered, what is refused, and what is told of it."""

import asyncio
import gzip
import json
import logging
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from prometheus_client.parser import text_string_to_metric_families
from reviews import JOB, review
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message

from lint.policy import Failed, Mode, Policy
from webhook import envelope
from webhook import review as reviewing
from webhook.app import FAILED, Answer, Desk, Webhook, create_app, create_probes, unlabelled
from webhook.envelope import Outcome, Request
from webhook.intake import BUDGET, LARGE, LIMIT, Room
from webhook.memory import Memory
from webhook.metrics import Metrics
from webhook.policies import Policies
from webhook.protocol import RECEIVED

JSON = {"content-type": "application/json"}
TEXT = "text/plain; charset=utf-8"


class Reply(NamedTuple):
    """What an application sends."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


class Server:
    """An application with what it keeps beside it."""

    def __init__(self, policy: str = "", free: int = BUDGET) -> None:
        self.metrics = Metrics()
        self.desk = Desk(Policies(policy, None, self.metrics), unlabelled, self.metrics, Room(free))

    @property
    def client(self) -> TestClient:
        """Return a client of the whole application."""
        return TestClient(create_app(self.desk.policies, self.desk.modes, self.metrics))

    def webhook(self, answer: Answer = reviewing.validate) -> Webhook:
        """Return an application that answers in some way."""
        return Webhook("validate", answer, self.desk)

    def value(self, name: str, **labels: str) -> float | None:
        """Return the value of a metric."""
        text = self.metrics.exposition("")[0].decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return float(sample.value)
        return None


@pytest.fixture
def server() -> Server:
    """Return a server with the default policy."""
    return Server()


def ask(app: ASGIApp, *messages: Message, **scope: Any) -> Reply | None:
    """Talk to an application as a server does: after the messages, the client hangs up."""
    incoming: Iterator[Message] = iter([*messages, {"type": "http.disconnect"}])
    sent: list[Message] = []

    async def receive() -> Message:
        return next(incoming)

    async def send(message: Message) -> None:
        sent.append(message)

    head = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
    head["headers"] = [(b"content-type", b"application/json")]
    asyncio.run(app({**head, **scope}, receive, send))  # type: ignore[arg-type]  # applications are coroutines
    if not sent:
        return None
    body = b"".join(message["body"] for message in sent[1:] if "body" in message)
    assert not sent[-1].get("more_body", False)
    return Reply(sent[0]["status"], dict(sent[0]["headers"]), body)


def part(body: bytes, *, more: bool = False) -> Message:
    """Return a part of a body, as a server hands it on."""
    return {"type": "http.request", "body": body, "more_body": more}


def allow(*_: object) -> Outcome:
    """Answer without a look."""
    return Outcome({"allowed": True}, "allowed")


@pytest.mark.parametrize("path", ["/mutate", "/validate"])
def test_a_review_is_answered_with_its_uid(server: Server, path: str) -> None:
    reply = server.client.post(f"{path}?timeout=3s", content=review(uid="abc"), headers=JSON)

    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    value = reply.json()
    assert (value["apiVersion"], value["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    assert value["response"] == {"uid": "abc", "allowed": True}


def test_each_answer_has_the_uid_of_its_question(server: Server) -> None:
    replies = [server.client.post("/validate", content=review(uid=uid), headers=JSON) for uid in ("1", "2")]

    assert [reply.json()["response"]["uid"] for reply in replies] == ["1", "2"]


BARE = {**JOB, "spec": {"template": JOB["spec"]["template"]}}
"""A Job that leaves out what the policy has defaults for."""


def test_only_one_of_the_webhooks_patches(server: Server) -> None:
    mutated, validated = (
        server.client.post(path, content=review(object=BARE), headers=JSON).json()["response"]
        for path in ("/mutate", "/validate")
    )

    assert mutated["patchType"] == "JSONPatch"
    assert "patch" not in validated


def test_other_methods_are_refused(server: Server) -> None:
    reply = server.client.get("/mutate")

    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")
    assert reply.text == "an AdmissionReview comes with POST\n"


def test_other_paths_are_not_found(server: Server) -> None:
    assert server.client.post("/convert", content=review(), headers=JSON).status_code == 404


@pytest.mark.parametrize(
    "media_type", ["application/json; charset=utf-8", "Application/JSON", "application/json ;x=y"]
)
def test_media_types_may_have_parameters(server: Server, media_type: str) -> None:
    reply = server.client.post("/validate", content=review(), headers={"content-type": media_type})

    assert reply.status_code == 200


@pytest.mark.parametrize("headers", [{}, {"content-type": "application/yaml"}, {"content-type": "json"}])
def test_other_media_types_are_refused(server: Server, headers: dict[str, str]) -> None:
    reply = server.client.post("/validate", content=review(), headers=headers)

    assert (reply.status_code, reply.headers["content-type"]) == (415, TEXT)
    assert reply.text == "an AdmissionReview has the content-type application/json\n"


def test_compressed_bodies_are_refused(server: Server) -> None:
    headers = {**JSON, "content-encoding": "gzip"}
    reply = server.client.post("/validate", content=gzip.compress(review()), headers=headers)

    assert reply.status_code == 415


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"NaN",
        b"\xff\xfe",
        b'"\\ud800"',
        b"[" * 10_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        gzip.compress(review()),
        review()[:-1],
        review() + b"{}",
        review().replace(b"admission.k8s.io/v1", b"admission.k8s.io/v1beta1"),
        review().replace(b"AdmissionReview", b"AdmissionResponse"),
        b'{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}',
        b'{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": null}',
        review(uid=None),
        review(uid=""),
        review(operation="PATCH"),
    ],
)
def test_what_is_no_review_is_refused(server: Server, body: bytes) -> None:
    reply = server.client.post("/validate", content=body, headers=JSON)

    assert (reply.status_code, reply.headers["content-type"]) == (400, TEXT)
    assert reply.text.count("\n") == 1
    assert "Traceback" not in reply.text
    assert server.value("jobwarden_requests_refused_total", reason="malformed") == 1


@pytest.mark.parametrize("path", ["/mutate", "/validate"])
@pytest.mark.parametrize(
    "changes",
    [
        {"object": None},
        {"object": []},
        {"object": "Job"},
        {"object": {}},
        {"object": {"kind": "Job", "metadata": [], "spec": 3}},
        {"object": {**JOB, "metadata": {"generateName": ["x"]}}, "name": ""},
        {"operation": "UPDATE"},
        {"operation": "UPDATE", "oldObject": []},
        {"operation": "DELETE", "object": None, "oldObject": JOB},
        {"operation": "CONNECT", "object": None},
        {"subResource": "status"},
        {"resource": {"group": "", "version": "v1", "resource": "pods"}},
        {"uid": "\u0000\n" * 10_000},
    ],
)
def test_odd_reviews_are_answered_or_refused(server: Server, path: str, changes: dict[str, Any]) -> None:
    reply = server.client.post(path, content=review(**changes), headers=JSON)

    assert reply.status_code in (200, 400)
    assert server.value("jobwarden_requests_refused_total", reason="failed") == 0


def test_a_body_in_parts_is_put_together(server: Server) -> None:
    body = review()
    reply = ask(server.webhook(), part(body[:50], more=True), part(b"", more=True), part(body[50:]))

    assert reply
    assert json.loads(reply.body)["response"]["allowed"]


@pytest.mark.parametrize(("size", "status"), [(LIMIT, 400), (LIMIT + 1, 413)])
def test_a_body_has_a_largest_size(server: Server, size: int, status: int) -> None:
    reply = server.client.post("/validate", content=b" " * size, headers=JSON)

    assert reply.status_code == status


def test_a_body_that_is_said_to_be_too_large_is_not_read(server: Server) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % (LIMIT + 1))]
    reply = ask(server.webhook(), headers=headers)

    assert reply
    assert (reply.status, reply.headers[b"connection"]) == (413, b"close")
    assert reply.body == b"an AdmissionReview has up to 7340032 bytes\n"


def test_a_body_that_becomes_too_large_is_refused_at_once(server: Server) -> None:
    parts = [part(b" " * 1024 * 1024, more=True)] * 8
    reply = ask(server.webhook(), *parts)

    assert reply
    assert (reply.status, reply.headers[b"connection"]) == (413, b"close")


def test_there_is_room_for_so_many_bodies_at_once() -> None:
    server = Server(free=1000)
    reply = ask(server.webhook(), part(b" " * 1001))

    assert reply
    assert (reply.status, reply.headers[b"retry-after"]) == (503, b"1")
    assert server.value("jobwarden_requests_refused_total", reason="memory") == 1


@pytest.mark.parametrize(
    "messages",
    [
        [part(b" " * 1001)],
        [part(b" " * 600, more=True), part(b" " * 600, more=True)],
        [part(b" " * 600)],
        [part(b" " * 600, more=True)],
        [part(review(object={}))],
    ],
)
def test_the_room_of_a_body_is_given_back(messages: list[Message]) -> None:
    server = Server(free=1000)
    ask(server.webhook(), *messages)

    assert server.desk.room.free == 1000


def test_large_bodies_are_looked_at_one_at_a_time(server: Server) -> None:
    looking = []
    most = 0

    async def slowly(namespace: str) -> None:
        nonlocal most
        looking.append(namespace)
        most = max(most, looking.count("large"))
        await asyncio.sleep(0.01)
        looking.remove(namespace)

    webhook = Webhook("validate", allow, server.desk._replace(modes=slowly))

    async def request(namespace: str, size: int) -> None:
        async def receive() -> Message:
            return part(review(namespace=namespace) + b" " * size)

        async def send(message: Message) -> None:
            assert message.get("status", 200) == 200

        head = {"method": "POST", "query_string": b"", "headers": [(b"content-type", b"application/json")]}
        await webhook(head, receive, send)

    async def crowd() -> None:
        await asyncio.gather(*(request(*each) for each in (("large", LARGE), ("small", 0)) * 3))

    asyncio.run(crowd())
    assert most == 1


def test_a_client_that_hangs_up_gets_no_answer(server: Server) -> None:
    assert ask(server.webhook(), part(b"{", more=True)) is None
    assert server.value("jobwarden_requests_refused_total", reason="disconnected") == 1


@pytest.mark.parametrize(
    ("query", "waited", "status"),
    [
        (b"timeout=2s", 1.5, 503),
        (b"timeout=30s", 1.5, 200),
        (b"timeout=30s", 16, 503),
        (b"", 4, 200),
        (b"", 6, 503),
        (b"timeout=soon", 4, 200),
        (b"a=b&timeout=2s&c=d", 1.5, 503),
    ],
)
def test_a_request_that_waited_too_long_is_refused(
    server: Server, query: bytes, waited: float, status: int
) -> None:
    scope = {"query_string": query, RECEIVED: time.perf_counter() - waited}
    reply = ask(server.webhook(), part(review()), **scope)

    assert reply
    assert reply.status == status


def broken(request: Request, *_: object) -> Outcome:
    """Fail, quoting what nobody else may see."""
    raise ValueError(f"a bug: {request.object['metadata']['annotations']['note']}")


def unwritable(*_: object) -> Outcome:
    """Answer what JSON cannot express."""
    return Outcome({"allowed": False, "status": object()}, "denied")


@pytest.mark.parametrize("answered", [broken, unwritable])
def test_a_bug_lets_the_object_pass_and_says_so(
    server: Server, answered: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    reply = ask(server.webhook(answered), part(review(uid="abc")))

    assert reply
    assert reply.status == 200
    response = json.loads(reply.body)["response"]
    assert response == {"uid": "abc", "allowed": True, "warnings": [FAILED]}
    assert server.value("jobwarden_requests_refused_total", reason="failed") == 1
    fields = caplog.records[-1].__dict__["fields"]
    assert fields["uid"] == "abc"
    assert "line" in fields["stack"]
    assert "secret" not in str(fields)


def test_a_decision_that_cannot_be_told_stands(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> Outcome:
        return Outcome({"allowed": False}, "denied")

    monkeypatch.setattr(server.metrics, "decided", lambda *_: int("one"))
    reply = ask(server.webhook(denied), part(review(uid="abc")))

    assert reply
    assert json.loads(reply.body)["response"] == {"uid": "abc", "allowed": False}


def test_a_bug_in_reading_is_no_server_error(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelope, "read", lambda _body: int("one"))
    reply = ask(server.webhook(), part(review()))

    assert reply
    assert reply.status == 400
    assert reply.body == b"jobwarden failed on this request; see its log\n"
    assert server.value("jobwarden_requests_refused_total", reason="failed") == 1


def test_a_rule_that_fails_is_counted_and_told(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    def failing(
        _request: Request, _policy: Policy, _mode: Mode, failed: Failed, _memory: Memory[Outcome]
    ) -> Outcome:
        failed("backoff-limit", KeyError("a secret"))
        return allow()

    caplog.set_level(logging.INFO)
    ask(server.webhook(failing), part(review(uid="abc")))

    assert server.value("jobwarden_rule_errors_total", rule="backoff-limit") == 1
    fields = caplog.records[-2].__dict__["fields"]
    assert fields == {"uid": "abc", "rule": "backoff-limit", "webhook": "validate", "stack": "KeyError"}


@pytest.mark.parametrize(("labelled", "seen"), [(Mode.AUDIT, Mode.AUDIT), (None, Mode.WARN)])
def test_without_a_label_on_the_namespace_the_mode_is_that_of_the_policy(
    tmp_path: Path, labelled: Mode | None, seen: Mode
) -> None:
    modes = []

    async def label(namespace: str) -> Mode | None:
        assert namespace == "batch"
        return labelled

    def noting(_request: Request, _policy: Policy, mode: Mode, *_: object) -> Outcome:
        modes.append(mode)
        return allow()

    policy = tmp_path / "jobwarden.yaml"
    policy.write_text("mode: warn\n")
    server = Server(str(policy))
    ask(Webhook("validate", noting, server.desk._replace(modes=label)), part(review()))

    assert modes == [seen]


def logged(caplog: pytest.LogCaptureFixture, **changes: Any) -> dict[str, Any]:
    """Return what is logged of a decision."""
    caplog.set_level(logging.INFO)
    ask(Server().webhook(), part(review(**changes)))
    fields: dict[str, Any] = caplog.records[-1].__dict__["fields"]
    return fields


def test_a_decision_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    fields = logged(caplog)

    assert fields.pop("milliseconds") > 0
    assert fields == {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "user": "jane",
        "namespace": "batch",
        "name": "report",
        "kind": "Job",
        "operation": "CREATE",
        "webhook": "validate",
        "verdict": "allowed",
    }
    assert caplog.messages == ["admitted"]


def test_an_object_without_a_name_is_logged_with_what_its_name_will_begin_with(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tree = {**JOB, "metadata": {"generateName": "report-"}}

    assert logged(caplog, name="", object=tree)["name"] == "report-"


def test_why_nothing_was_looked_at_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    fields = logged(caplog, operation="DELETE", object=None, dryRun=True)

    assert fields["skipped"] == "operation"
    assert fields["dryRun"] is True
    assert caplog.messages == ["skipped"]


def test_findings_are_logged_with_the_gravest_verdict(caplog: pytest.LogCaptureFixture) -> None:
    rules = (("one", "denied"), ("two", "warned"), ("one", "noted"))

    def finding(*_: object) -> Outcome:
        return Outcome({"allowed": False}, "denied", rules=rules)

    caplog.set_level(logging.INFO)
    server = Server()
    ask(server.webhook(finding), part(review()))

    assert caplog.records[-1].__dict__["fields"]["rules"] == {"one": "denied", "two": "warned"}
    assert server.value("jobwarden_findings_total", rule="one", verdict="noted") == 1


def test_names_of_any_length_are_logged_shortened(caplog: pytest.LogCaptureFixture) -> None:
    assert len(logged(caplog, uid="x" * 100_000)["uid"]) == 512


def test_decisions_are_not_logged_at_level_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    ask(Server().webhook(), part(review()))

    assert caplog.messages == []


def test_refusals_are_logged_without_the_body(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    ask(server.webhook(), part(b'{"a secret"'), client=("10.0.0.1", 4711))

    (record,) = caplog.records
    fields = {"webhook": "validate", "reason": "malformed", "client": "10.0.0.1"}
    assert record.__dict__["fields"] == fields


def test_decisions_are_counted(server: Server) -> None:
    for _ in range(2):
        server.client.post("/validate", content=review(), headers=JSON)
    labels = {"webhook": "validate", "kind": "Job", "operation": "CREATE", "verdict": "allowed"}

    assert server.value("jobwarden_admission_reviews_total", **labels) == 2
    assert server.value("jobwarden_admission_duration_seconds_count", webhook="validate") == 2


def test_patches_are_counted(server: Server) -> None:
    server.client.post("/mutate", content=review(object=BARE), headers=JSON)

    assert server.value("jobwarden_patches_total", kind="Job") == 1


def test_clients_cannot_make_series_of_metrics(server: Server) -> None:
    for number in range(3):
        resource = {"group": "batch", "version": "v1", "resource": f"x{number}"}
        odd = review(resource=resource, namespace=f"x{number}", uid=f"x{number}")
        server.client.post("/validate", content=odd, headers=JSON)
    server.client.post("/validate", content=review(operation="CONNECT", object=None), headers=JSON)

    labels = {"webhook": "validate", "kind": "other", "operation": "CREATE", "verdict": "skipped"}
    assert server.value("jobwarden_admission_reviews_total", **labels) == 3
    labels = {"webhook": "validate", "kind": "Job", "operation": "other", "verdict": "skipped"}
    assert server.value("jobwarden_admission_reviews_total", **labels) == 1
    assert server.value("jobwarden_skipped_total", webhook="validate", reason="other") == 3


def test_the_next_request_is_judged_by_the_policy_of_the_moment(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "jobwarden.yaml"
    file.write_text("mode: warn\n")
    other = Policies(str(file), None, server.metrics).policy
    seen = []

    def noting(_request: Request, policy: Policy, *_: object) -> Outcome:
        seen.append(policy)
        return allow()

    first = server.desk.policies.policy
    webhook = server.webhook(noting)
    ask(webhook, part(review()))
    server.desk.policies.policy = other
    ask(webhook, part(review()))

    assert seen == [first, other]


def probes(*reasons: str) -> TestClient:
    """Return a client of the other port."""

    def obstacles() -> Iterable[str]:
        return reasons

    return TestClient(create_probes(Metrics(), obstacles))


def test_who_lives_is_healthy() -> None:
    reply = probes("shutting down").get("/healthz")

    assert (reply.status_code, reply.text) == (200, "ok\n")


def test_who_has_no_obstacles_is_ready() -> None:
    reply = probes().get("/readyz")

    assert (reply.status_code, reply.text) == (200, "ok\n")


def test_obstacles_are_told_line_by_line() -> None:
    reply = probes("shutting down", "the caBundle is of somebody else").get("/readyz")

    assert (reply.status_code, reply.text) == (503, "shutting down\nthe caBundle is of somebody else\n")


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text; version=1.0.0"),
    ],
)
def test_metrics_are_written_as_asked_for(accept: str, media_type: str) -> None:
    reply = probes().get("/metrics", headers={"accept": accept})

    assert reply.headers["content-type"].startswith(media_type)
    assert "jobwarden_build_info" in reply.text


def test_all_refusals_can_be_seen_increasing() -> None:
    assert 'jobwarden_requests_refused_total{reason="failed"} 0.0' in probes().get("/metrics").text
