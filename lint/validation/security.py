"""The security context of a Pod, and what the operating system allows in it."""

import re
from collections.abc import Iterator

from lint.path import Path, dotted
from lint.validation import names
from lint.validation.cause import Cause, duplicate, forbidden, invalid, required, unsupported
from lint.validation.container_security import app_armor, seccomp, windows
from lint.validation.tree import Struct, number, struct, structs, text, text_if_any

_LARGEST_ID = (1 << 31) - 1
_CHANGES = ("Always", "OnRootMismatch")
_GROUPS = ("Merge", "Strict")
_LABELS_MOUNTED = 37
"""From this minor on, a Pod may have its volumes labelled by mounting them."""
_SYSCTL = r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SYSCTL_LIMIT = 253
_OF_IPC = frozenset(
    "kernel.sem kernel.shmall kernel.shmmax kernel.shmmni kernel.shm_rmid_forced kernel.shm kernel.msgmax"
    " kernel.msgmnb kernel.msgmni kernel.msg".split()
)
_SYSTEMS = ("linux", "windows")
_NOT_ON_WINDOWS = (
    *("appArmorProfile", "seLinuxOptions", "seccompProfile", "fsGroup", "fsGroupChangePolicy", "runAsUser"),
    *("runAsGroup", "supplementalGroups", "supplementalGroupsPolicy", "seLinuxChangePolicy"),
)
_ALL = "If pod contains any hostProcess containers then all containers must be HostProcess containers"
_NETWORK = "hostNetwork must be true if pod contains any hostProcess containers"


def security_context(pod: Struct, at: Path, minor: int) -> Iterator[Cause]:
    """Check the security context of the Pod."""
    context, here = struct(pod, "securityContext"), (*at, "securityContext")
    for key in ("fsGroup", "runAsUser", "runAsGroup"):
        yield from _id(number(context, key), (*here, key))
    groups = context.get("supplementalGroups")
    for index, group in enumerate(groups if isinstance(groups, list) else ()):
        yield from _id(group if isinstance(group, int) else 0, (*here, "supplementalGroups", index))
    if context.get("sysctls"):
        yield from _sysctls(pod, context, (*here, "sysctls"))
    yield from _one_of(context, "fsGroupChangePolicy", _CHANGES, here)
    if context.get("seccompProfile") is not None:
        yield from seccomp(struct(context, "seccompProfile"), (*here, "seccompProfile"))
    if context.get("windowsOptions") is not None:
        yield from windows(struct(context, "windowsOptions"), (*here, "windowsOptions"))
    if context.get("appArmorProfile") is not None:
        yield from app_armor(struct(context, "appArmorProfile"), (*here, "appArmorProfile"))
    yield from _one_of(context, "supplementalGroupsPolicy", _GROUPS, here)
    changes = ("MountOption", "Recursive") if minor >= _LABELS_MOUNTED else ("Recursive",)
    yield from _one_of(context, "seLinuxChangePolicy", changes, here)


def _id(value: int | None, at: Path) -> Iterator[Cause]:
    """Check the id of a user or group."""
    if value is not None and not 0 <= value <= _LARGEST_ID:
        yield invalid(at, value, f"must be between 0 and {_LARGEST_ID}, inclusive")


def _one_of(context: Struct, key: str, words: tuple[str, ...], at: Path) -> Iterator[Cause]:
    word = text_if_any(context, key)
    if word is not None and word not in words:
        yield unsupported((*at, key), word, words)


def _sysctls(pod: Struct, context: Struct, at: Path) -> Iterator[Cause]:
    """Check kernel parameters, which must not be those of the host."""
    seen = set()
    for index, sysctl in structs(context, "sysctls"):
        name, here = text(sysctl, "name"), (*at, index, "name")
        if not name:
            yield required(here)
        elif names.size(name) > _SYSCTL_LIMIT or not re.fullmatch(_SYSCTL, name):
            wrong = f"must have at most {_SYSCTL_LIMIT} characters and match regex ^{_SYSCTL}$"
            yield invalid(here, name, wrong)
        elif name in seen:
            yield duplicate(here, name)
        seen.add(name)
        dotted_name = _with_dots(name).partition("*")[0]
        if pod.get("hostNetwork") is True and dotted_name.startswith("net."):
            yield invalid(here, name, "may not be specified when 'hostNetwork' is true")
        is_ipc = dotted_name in _OF_IPC or dotted_name.startswith("fs.mqueue.")
        if pod.get("hostIPC") is True and is_ipc:
            yield invalid(here, name, "may not be specified when 'hostIPC' is true")


def _with_dots(name: str) -> str:
    """Return a parameter as it is written with dots, which it is unless a slash comes first."""
    first = re.search("[./]", name)
    return name.translate({46: "/", 47: "."}) if first and first[0] == "/" else name


def operating_system(pod: Struct, at: Path, _: int) -> Iterator[Cause]:
    """Check that the Pod has no fields of another operating system than its own."""
    name, options = text(struct(pod, "os"), "name"), struct(pod, "securityContext").get("windowsOptions")
    if not name:
        yield required((*at, "os", "name"))
    elif name not in _SYSTEMS:
        yield unsupported((*at, "os", "name"), name, _SYSTEMS, dotted((*at, "os")))
    elif name == "windows":
        yield from _on_windows(pod, at)
    elif options is not None:
        yield forbidden(
            (*at, "securityContext", "windowsOptions"), "windows options cannot be set for a linux pod"
        )


def _on_windows(pod: Struct, at: Path) -> Iterator[Cause]:
    context, here = struct(pod, "securityContext"), (*at, "securityContext")
    given = [(*here, key) for key in _NOT_ON_WINDOWS if context.get(key) is not None]
    if context.get("sysctls"):
        given.append((*here, "sysctls"))
    given += [(*at, key) for key in ("hostUsers", "shareProcessNamespace") if pod.get(key) is not None]
    given += [(*at, key) for key in ("hostPID", "hostIPC") if pod.get(key) is True]
    for place in given:
        yield forbidden(place, "cannot be set for a windows pod")


def host_processes(pod: Struct, at: Path) -> Iterator[Cause]:
    """Check a Pod with containers that are processes of a Windows host: if one is, all are."""
    of_pod = _host_process(pod) if pod.get("securityContext") else None
    processes: list[bool | None] = []
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        if kind in pod:
            for _, container in structs(pod, kind):
                own = _host_process(container) if "securityContext" in container else None
                processes.append(of_pod if own is None else own)
    if not any(processes):
        return
    if not all(processes):
        yield invalid(at, "", _ALL)
    if pod.get("hostNetwork") is not True:
        yield invalid((*at, "hostNetwork"), value=False, detail=_NETWORK)


def _host_process(owner: Struct) -> bool | None:
    value = struct(struct(owner, "securityContext"), "windowsOptions").get("hostProcess")
    return value if isinstance(value, bool) else None
