"""What API servers reach over HTTPS, and over HTTP the kubelet and Prometheus.

The webhooks are plain ASGI applications: Starlette's requests and responses would cost more than the rest.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from lint.policy import Failed, Mode, Policy
from webhook import envelope, review
from webhook.envelope import VERDICTS, Outcome, Request, ReviewError
from webhook.intake import LARGE, Body, Gone, Refusal, Room, check_head, see_off
from webhook.log import event, stack
from webhook.memory import Memory
from webhook.metrics import Metrics
from webhook.policies import Policies
from webhook.protocol import RECEIVED

Answer = Callable[[Request, Policy, Mode, Failed, Memory[Outcome]], Outcome]
Modes = Callable[[str], Awaitable[Mode | None]]
"""Tells the mode that a namespace is labelled with; None: it has no label."""

FAILED = "jobwarden failed on this object; see its log"

_LOG = logging.getLogger(__name__)
_EVENTS = {"allowed": "admitted"}
_TIMEOUT = re.compile(rb"(?:^|&)timeout=(\d{1,4})s(?:&|$)")
_LONGEST = 512
"""Of a text in the log: no name in Kubernetes is longer."""


class Desk(NamedTuple):
    """What the webhooks have in common."""

    policies: Policies
    modes: Modes
    metrics: Metrics
    room: Room


class Webhook:
    """A webhook as an ASGI application."""

    def __init__(self, name: str, answer: Answer, desk: Desk) -> None:
        self._name, self._answer = name, answer
        self._policies, self._modes, self._metrics, self._room = desk
        self._memory = Memory[Outcome]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        began = scope.get(RECEIVED) or perf_counter()
        body = Body(self._room)
        try:
            check_head(scope)
            content = await body.read(receive)
            if len(content) < LARGE:
                reply = await self._reply(content, scope["query_string"], began)
            else:
                async with self._room.desk:
                    reply = await self._reply(content, scope["query_string"], began)
            length = str(len(reply)).encode()
            headers = [(b"content-type", b"application/json"), (b"content-length", length)]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": reply})
        except Refusal as refusal:
            body.forget()
            self._refused(refusal, scope)
            await send_refusal(refusal, receive, send, more=body.unread)
        except Gone:
            self._metrics.refused("disconnected")
        finally:
            body.forget()

    async def _reply(self, body: bytes, query: bytes, began: float) -> bytes:
        """Decide, and write the decision."""
        waited = perf_counter() - began
        if waited > 0.5 and waited > _patience(query):
            raise Refusal(503, "late", "overloaded: this request waited too long", (b"retry-after", b"1"))
        request = self._read(body)
        try:
            mode = await self._modes(request.namespace)
            policy = self._policies.policy
            if mode is None:
                mode = policy.webhook.mode
            failed = partial(self._rule_failed, request.uid)
            outcome = self._answer(request, policy, mode, failed, self._memory)
            reply = envelope.write(request.uid, outcome)
        except Exception as error:  # noqa: BLE001 - why is said below
            # A bug of ours is no fault of the Job. An error status would leave it to the failurePolicy, under
            # which either every Job like it fails, or all pass and nobody is told.
            self._bug(error, request.uid)
            self._metrics.refused("failed")
            return envelope.write(request.uid, Outcome({"allowed": True, "warnings": [FAILED]}, "allowed"))
        try:
            self._note(request, outcome, perf_counter() - began)
        except Exception as error:  # noqa: BLE001 - a decision stands, whether or not it can be told
            self._bug(error, request.uid)
        return reply

    def _read(self, body: bytes) -> Request:
        try:
            return envelope.read(body)
        except ReviewError as error:
            raise Refusal(400, "malformed", str(error)[:1000]) from None
        except Exception as error:  # noqa: BLE001 - without a uid the only reply is an error status
            self._bug(error, "")
            raise Refusal(400, "failed", "jobwarden failed on this request; see its log") from None

    def _refused(self, refusal: Refusal, scope: Scope) -> None:
        """Count a request that gets no decision, and write it into the log."""
        self._metrics.refused(refusal.reason)
        client = scope.get("client") or ("",)
        fields = {"webhook": self._name, "reason": refusal.reason, "client": client[0]}
        _LOG.warning("refused", extra={"fields": fields})

    def _note(self, request: Request, outcome: Outcome, seconds: float) -> None:
        """Count a decision, and write it into the log."""
        kind = request.kind or "other"
        operation = request.operation if request.operation in ("CREATE", "UPDATE") else "other"
        self._metrics.decided(self._name, kind, operation, outcome, seconds)
        if not _LOG.isEnabledFor(logging.INFO):
            return
        fields: dict[str, Any] = {
            "uid": request.uid[:_LONGEST],
            "user": request.username[:_LONGEST],
            "namespace": request.namespace[:_LONGEST],
            "name": _name(request)[:_LONGEST],
            "kind": kind,
            "operation": request.operation,
            "webhook": self._name,
            "verdict": outcome.verdict,
            "milliseconds": round(seconds * 1000, 2),
        }
        if request.dry_run:
            fields["dryRun"] = True
        if outcome.skipped:
            fields["skipped"] = outcome.skipped
        if outcome.rules:  # of several findings of a rule, the gravest
            fields["rules"] = dict(sorted(outcome.rules, key=lambda found: -VERDICTS.index(found[1])))
        event(_LOG, _EVENTS.get(outcome.verdict, outcome.verdict), fields)

    def _rule_failed(self, uid: str, rule: str, error: Exception) -> None:
        self._metrics.rule_failed(rule)
        fields = {"uid": uid[:_LONGEST], "rule": rule, "webhook": self._name, "stack": stack(error)}
        _LOG.error("a rule failed, which is a bug of Jobwarden", extra={"fields": fields})

    def _bug(self, error: Exception, uid: str) -> None:
        fields = {"uid": uid[:_LONGEST], "webhook": self._name, "stack": stack(error)}
        _LOG.error("no decision, because of a bug of Jobwarden", extra={"fields": fields})


async def send_refusal(refusal: Refusal, receive: Receive, send: Send, *, more: bool) -> None:
    """Say why there is no decision. A client that has more to send is seen off, and has to connect again."""
    text = f"{refusal}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(text))]
    headers += [*refusal.headers, *([(b"connection", b"close")] if more else [])]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": text, "more_body": more})
    if more:
        await see_off(receive)
        await send({"type": "http.response.body"})


def create_app(policies: Policies, modes: Modes, metrics: Metrics) -> ASGIApp:
    """Return the application for API servers."""
    desk = Desk(policies, modes, metrics, Room())
    webhooks = {
        "/mutate": Webhook("mutate", review.mutate, desk),
        "/validate": Webhook("validate", review.validate, desk),
    }
    others = Starlette()  # it would find the way to the webhooks, too, in a tenth of the time of a decision

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await webhooks.get(scope["path"], others)(scope, receive, send)

    return app


def create_probes(metrics: Metrics, obstacles: Callable[[], Iterable[str]]) -> Starlette:
    """Return the application for the kubelet and for Prometheus; it is ready when there are no obstacles."""

    async def healthz(_request: HttpRequest) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_request: HttpRequest) -> Response:
        reasons = [*obstacles()]
        return PlainTextResponse("\n".join(reasons or ["ok"]) + "\n", 503 if reasons else 200)

    async def exposition(request: HttpRequest) -> Response:
        content, media_type = metrics.exposition(request.headers.get("accept", ""))
        return Response(content, headers={"content-type": media_type})

    return Starlette(
        routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", exposition)]
    )


async def unlabelled(_namespace: str) -> None:
    """Tell the mode of a namespace where there is no cluster to ask."""


def _patience(query: bytes) -> float:
    """Return how long a request may have waited: half the time after which the API server gives up.

    What is answered too late is answered in vain, and keeps the requests behind it waiting.
    """
    found = _TIMEOUT.search(query)
    return int(found[1]) / 2 if found else 5.0


def _name(request: Request) -> str:
    """Return the name of an object, or what the API server will begin it with."""
    metadata = request.object.get("metadata") if isinstance(request.object, dict) else None
    prefix = metadata.get("generateName") if isinstance(metadata, dict) else None
    return request.name or (prefix if isinstance(prefix, str) else "")
