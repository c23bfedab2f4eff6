"""The AdmissionReview of admission.k8s.io/v1, as far as it matters: bytes in, bytes out."""

from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

SKIPS = ("other", "subresource", "operation", "exempt", "off", "deleting", "unchanged")
"""Why a request is not looked at."""

VERDICTS = ("denied", "tolerated", "warned", "noted", "patched")
"""What becomes of a finding; `tolerated`: the object had it before."""


class ReviewError(Exception):
    """The body is no AdmissionReview that can be answered; the message says why."""


# A dict is made in half of the time of a model.


class Resource(TypedDict, total=False):
    """What is asked for, by its group and name."""

    group: str
    version: str
    resource: str


class User(TypedDict, total=False):
    """Who asks."""

    username: str
    groups: list[str]


class Request(BaseModel):
    """The request of an AdmissionReview, as far as it matters."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    uid: Annotated[str, Field(min_length=1)]
    operation: Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]
    resource: Resource
    subresource: str = Field(default="", alias="subResource")
    name: str = ""
    """Empty at the mutation of an object whose name is yet to be generated."""
    namespace: str = ""
    user: User = Field(default=User(), alias="userInfo")
    dry_run: bool | None = Field(default=False, alias="dryRun")
    object: Any = None
    old: Any = Field(default=None, alias="oldObject")

    @property
    def username(self) -> str:
        """Who asks."""
        return self.user.get("username", "")

    @property
    def by_person(self) -> bool:
        """Somebody asks who is no controller: those have names that begin with `system:`."""
        return not self.username.startswith("system:")

    @cached_property
    def kind(self) -> str:
        """`Job`, `CronJob`, or nothing for what else there is."""
        resource = self.resource
        if (resource.get("group"), resource.get("version")) != ("batch", "v1"):
            return ""
        return {"jobs": "Job", "cronjobs": "CronJob"}.get(resource.get("resource", ""), "")


class _Review(TypedDict):
    apiVersion: Literal["admission.k8s.io/v1"]
    kind: Literal["AdmissionReview"]
    request: Request


_REVIEW = TypeAdapter(_Review)


class Outcome(NamedTuple):
    """What is decided, and what logs and metrics want to know of it."""

    response: dict[str, Any]
    """The `response` of the AdmissionReview but for its uid; `write` makes the body of it."""

    verdict: Literal["allowed", "denied", "patched", "skipped"]

    skipped: str = ""
    """Why nothing was looked at: one of SKIPS."""

    rules: tuple[tuple[str, str], ...] = ()
    """Rule ids, each with what became of its finding: one of VERDICTS."""


def read(body: bytes) -> Request:
    """Read an AdmissionReview.

    Raises:
        ReviewError: it is not JSON, or no AdmissionReview v1 with a request.
    """
    try:
        request = _REVIEW.validate_python(orjson.loads(body))["request"]
    except orjson.JSONDecodeError as error:
        raise ReviewError(f"the body is not JSON: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the body"
        raise ReviewError(f"no AdmissionReview of admission.k8s.io/v1: {place}: {first['msg']}") from error
    needed = {"CREATE": (request.object,), "UPDATE": (request.object, request.old)}
    if not all(isinstance(one, dict) for one in needed.get(request.operation, ())):
        raise ReviewError(f"no AdmissionReview of admission.k8s.io/v1: {request.operation} without an object")
    return request


def write(uid: str, outcome: Outcome) -> bytes:
    """Write the body of the reply to a request."""
    response = {"uid": uid, **outcome.response}
    return orjson.dumps(
        {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
    )
