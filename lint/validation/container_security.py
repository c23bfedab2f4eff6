"""What the server says of the security context of a container."""

import re
from collections.abc import Iterator
from typing import Any

from lint.path import Path
from lint.validation.cause import Cause, Typed, forbidden, invalid, required, too_long, unsupported
from lint.validation.names import SPACES, dns_subdomain, inside_path, number_in, size
from lint.validation.tree import Struct, number, struct, text

_PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")
_PROCESS_MOUNTS = 33
"""The minor from which on /proc may be mounted in another way; before it, what is said becomes `Default`."""
_LARGEST_ID = (1 << 31) - 1
_LONGEST_PATH = 4095
_NOT_ON_WINDOWS = (
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "capabilities",
    "readOnlyRootFilesystem",
    "privileged",
    "allowPrivilegeEscalation",
    "procMount",
    "runAsUser",
    "runAsGroup",
)
_LONGEST_GMSA = 64 * 1024
_DOMAIN = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_DOMAINS = rf'[^\\/:*?"<>|.][^\\/:*?"<>|]{{0,14}}|{_DOMAIN}(?:\.{_DOMAIN})*'


def security(value: Any, pod: Struct, at: Path, minor: int) -> Iterator[Cause]:
    """Check `securityContext` of a container."""
    if not isinstance(value, dict):
        return
    for field in ("runAsUser", "runAsGroup"):
        identity = number(value, field)
        for wrong in number_in(identity, 0, _LARGEST_ID) if identity is not None else ():
            yield invalid((*at, field), identity, wrong)
    if minor >= _PROCESS_MOUNTS and value.get("procMount") is not None:
        yield from _process_mount(value["procMount"], pod, (*at, "procMount"))
    if value.get("allowPrivilegeEscalation") is False:
        yield from _escalation(value, at)
    if value.get("seccompProfile") is not None:
        yield from seccomp(struct(value, "seccompProfile"), (*at, "seccompProfile"))
    if value.get("appArmorProfile") is not None:
        yield from app_armor(struct(value, "appArmorProfile"), (*at, "appArmorProfile"))
    if value.get("windowsOptions") is not None:
        yield from windows(struct(value, "windowsOptions"), (*at, "windowsOptions"))
        yield from _host_process(value, pod, (*at, "windowsOptions", "hostProcess"))
    if pod.get("os") is not None:
        yield from _system(value, struct(pod, "os").get("name"), at)


def _process_mount(value: Any, pod: Struct, at: Path) -> Iterator[Cause]:
    """Check how /proc is mounted."""
    if value not in ("Default", "Unmasked"):
        yield unsupported(at, value, ("Default", "Unmasked"))
    elif value == "Unmasked" and pod.get("hostUsers") is not False:
        yield invalid(at, value, "`hostUsers` must be false to use `Unmasked`")


def _escalation(value: Struct, at: Path) -> Iterator[Cause]:
    """Check what may not be where a process may not gain privileges."""
    detail = "cannot set `allowPrivilegeEscalation` to false and"
    if value.get("privileged") is True:
        yield invalid(at, _as_go(value), f"{detail} `privileged` to true")
    added = struct(value, "capabilities").get("add")
    if isinstance(added, list) and "CAP_SYS_ADMIN" in added:
        yield invalid(at, _as_go(value), f"{detail} `capabilities.Add` CAP_SYS_ADMIN")


def _as_go(value: Struct) -> Struct:
    """Write a security context as the server shows it: with the names and the order of its own type."""
    fields = (
        *("capabilities", "privileged", "seLinuxOptions", "windowsOptions", "runAsUser", "runAsGroup"),
        *(
            "runAsNonRoot",
            "readOnlyRootFilesystem",
            "allowPrivilegeEscalation",
            "procMount",
            "seccompProfile",
        ),
        "appArmorProfile",
    )
    below: dict[str, tuple[tuple[str, Any], ...]] = {
        "capabilities": (("add", None), ("drop", None)),
        "seLinuxOptions": tuple((field, "") for field in ("user", "role", "type", "level")),
        "windowsOptions": tuple(
            (field, None)
            for field in ("gmsaCredentialSpecName", "gmsaCredentialSpec", "runAsUserName", "hostProcess")
        ),
        "seccompProfile": (("type", ""), ("localhostProfile", None)),
        "appArmorProfile": (("type", ""), ("localhostProfile", None)),
    }
    shown = {}
    for field in fields:
        found = value.get(field)
        if isinstance(found, dict):
            found = {
                _go_name(key): default if found.get(key) is None else found[key]
                for key, default in below.get(field, ())
            }
        shown[_go_name(field)] = found
    return shown


def _go_name(field: str) -> str:
    """Name a field as Go does."""
    for written, named in (("seLinux", "SELinux"), ("gmsa", "GMSA")):
        field = field.replace(written, named)
    return field[0].upper() + field[1:]


def seccomp(profile: Struct, at: Path) -> Iterator[Cause]:
    """Check a seccomp profile."""
    kind, here = text(profile, "type"), (*at, "localhostProfile")
    if not kind:
        yield required((*at, "type"), "type is required when seccompProfile is set")
    elif kind not in _PROFILES:
        yield unsupported((*at, "type"), kind, _PROFILES)
    path = profile.get("localhostProfile")
    if kind == "Localhost":
        if path is None:
            yield required(here, "must be set when seccomp type is Localhost")
        elif isinstance(path, str):
            for wrong in inside_path(path):
                yield invalid(here, path, wrong)
    elif path is not None:
        shown = {"Type": kind, "LocalhostProfile": path}
        yield invalid(here, shown, "can only be set when seccomp type is Localhost")


def app_armor(profile: Struct, at: Path) -> Iterator[Cause]:
    """Check an AppArmor profile."""
    kind, here, path = text(profile, "type"), (*at, "localhostProfile"), profile.get("localhostProfile")
    if not kind:
        yield required((*at, "type"), "type is required when appArmorProfile is set")
    elif kind not in _PROFILES:
        yield unsupported((*at, "type"), kind, _PROFILES)
    elif kind != "Localhost":
        if path is not None:
            yield invalid(
                here,
                Typed(path) if isinstance(path, str) else path,
                "can only be set when AppArmor type is Localhost",
            )
    elif not path:
        yield required(here, "must be set when AppArmor type is Localhost")
    elif isinstance(path, str):
        if path.strip(SPACES) != path:
            yield invalid(here, path, "must not be padded with whitespace")
        if size(path) > _LONGEST_PATH:
            yield too_long(here, _LONGEST_PATH)


def windows(options: Struct, at: Path) -> Iterator[Cause]:
    """Check the options that only Windows has."""
    name = options.get("gmsaCredentialSpecName")
    if isinstance(name, str):
        for wrong in dns_subdomain(name):
            yield invalid((*at, "gmsaCredentialSpecName"), Typed(name), wrong)
    specification, here = options.get("gmsaCredentialSpec"), (*at, "gmsaCredentialSpec")
    if isinstance(specification, str):
        if not specification:
            yield invalid(here, Typed(specification), "gmsaCredentialSpec cannot be an empty string")
        elif size(specification) > _LONGEST_GMSA:
            yield invalid(here, Typed(specification), "gmsaCredentialSpec size must be under 64 KiB")
    user = options.get("runAsUserName")
    if isinstance(user, str):
        for wrong in _user(user):
            yield invalid((*at, "runAsUserName"), Typed(user), f"runAsUserName{wrong}")


def _user(name: str) -> Iterator[str]:
    """Say what is wrong with the name of a user of Windows, which may have a domain in front."""
    if not name:
        yield " cannot be an empty string"
    elif re.search("[\\x00-\\x1f\\x7f]", name):
        yield " cannot contain control characters"
    elif name.count("\\") > 1:
        yield " cannot contain more than one backslash"
    else:
        domain, backslash, user = name.rpartition("\\")
        if size(domain) >= 256:
            yield "'s Domain length must be under 256 characters"
        if backslash and not re.fullmatch(_DOMAINS, domain):
            yield "'s Domain doesn't match the NetBios nor the DNS format"
        if not user:
            yield "'s User cannot be empty"
        elif size(user) > 104:
            yield "'s User length must not be longer than 104 characters"
        if re.fullmatch("[. ]+", user):
            yield "'s User cannot contain only periods or spaces"
        if re.search(r'["/\\:;|=,+*?<>@\[\]]', user):
            yield "'s User cannot contain the following characters: \"/\\:;|=,+*?<>@[]"


def _host_process(value: Struct, pod: Struct, at: Path) -> Iterator[Cause]:
    """Check that a container is a process of the host where its Pod says so."""
    ours = struct(value, "windowsOptions").get("hostProcess")
    pods = struct(struct(pod, "securityContext"), "windowsOptions").get("hostProcess")
    if isinstance(ours, bool) and isinstance(pods, bool) and ours != pods:
        said = "true" if pods else "false"
        yield invalid(at, ours, f"pod hostProcess value must be identical if both are specified, was {said}")


def _system(value: Struct, system: Any, at: Path) -> Iterator[Cause]:
    """Check what the Pod's operating system does not have."""
    if system == "linux" and value.get("windowsOptions") is not None:
        yield forbidden((*at, "windowsOptions"), "windows options cannot be set for a linux pod")
    elif system == "windows":
        for field in _NOT_ON_WINDOWS:
            if value.get(field) is not None:
                yield forbidden((*at, field), "cannot be set for a windows pod")
