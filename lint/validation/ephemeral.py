"""What the server says of ephemeral containers, besides that a Pod template may have none.

The conditions are those of validateEphemeralContainers in pkg/apis/core/validation/validation.go.
"""

from collections.abc import Container, Iterator

from lint.path import Path
from lint.validation.cause import Cause, duplicate, forbidden, invalid, not_found
from lint.validation.containers import Surroundings, every, surroundings
from lint.validation.names import SPACES
from lint.validation.probes import PROBES
from lint.validation.tree import Struct, struct, structs, text

_NEVER = ("ports", "resizePolicy", "restartPolicy", "restartPolicyRules", *PROBES, "lifecycle")
_SUB_PATHS = ("subPath", "subPathExpr")
_DETAIL = "cannot be set for an Ephemeral Container"


def ephemeral_containers(pod: Struct, at: Path, minor: int, refused: Container[int] = ()) -> Iterator[Cause]:
    """Check `ephemeralContainers` of the Pod spec at a path.

    `refused` are the indexes of the volumes that the server refuses.
    """
    around = surroundings(pod, minor, refused)
    others = {text(one, "name") for key in ("containers", "initContainers") for _, one in structs(pod, key)}
    names = set(others)
    for index, container in structs(pod, "ephemeralContainers"):
        here = (*at, "ephemeralContainers", index)
        yield from _container(container, around, here)
        name, target = text(container, "name"), text(container, "targetContainerName")
        if name in names:
            yield duplicate((*here, "name"), name)
        names.add(name)
        if target and target not in others:
            yield not_found((*here, "targetContainerName"), target)


def _container(container: Struct, around: Surroundings, at: Path) -> Iterator[Cause]:
    """Check one container by itself."""
    yield from every(container, around, at)
    image = text(container, "image")
    if image.strip(SPACES) != image:
        yield invalid((*at, "image"), image, "must not have leading or trailing whitespace")
    for key in _NEVER:
        if container.get(key) is not None:
            yield forbidden((*at, key), _DETAIL)
    if any(value is not None for value in struct(container, "resources").values()):
        yield forbidden((*at, "resources"), _DETAIL)
    for index, mount in structs(container, "volumeMounts"):
        for key in _SUB_PATHS:
            if text(mount, key):
                yield forbidden((*at, "volumeMounts", index, key), _DETAIL)
