"""How a Pod is named, how it resolves names, and which namespaces of the host it has."""

import re
from collections.abc import Iterator

from lint.path import Path, dotted
from lint.validation import names
from lint.validation.cause import Cause, forbidden, invalid, required, too_long
from lint.validation.tree import Struct, struct, structs, text, text_if_any, texts

_NO_IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
_MAPPED = "must not be an IPv4-mapped IPv6 address"
_STRICT_IP = 36
"""From this minor on, addresses that programs read in different ways are no longer taken."""
_RELAXED_SEARCH = 33
"""From this minor on, search paths may have underscores, and be a dot."""
_OWN_FIELDS = 37
"""Before this minor, the server took namespaces of the host for a part of the security context."""


def dns_config(pod: Struct, at: Path, minor: int) -> Iterator[Cause]:
    """Check how names are looked up; without a nameserver where there must be one, nothing else is."""
    config, here = struct(pod, "dnsConfig"), (*at, "dnsConfig")
    servers, searches = texts(config, "nameservers"), texts(config, "searches")
    if not servers and text(pod, "dnsPolicy") == "None":
        return
    if len(servers) > 3:
        yield invalid((*here, "nameservers"), servers, "must not have more than 3 nameservers")
    for index, server in enumerate(servers):
        for wrong in ip(server, minor):
            yield invalid((*here, "nameservers", index), server, wrong)
    if len(searches) > 32:
        yield invalid((*here, "searches"), searches, "must not have more than 32 search paths")
    if names.size(" ".join(searches)) > 2048:
        wrong = "must not have more than 2048 characters (including spaces) in the search list"
        yield invalid((*here, "searches"), searches, wrong)
    for index, search in enumerate(searches):
        yield from _search(search, (*here, "searches", index), minor)
    for index, option in structs(config, "options"):
        if not text(option, "name"):
            yield required((*here, "options", index), "must not be empty")


def _search(search: str, at: Path, minor: int) -> Iterator[Cause]:
    bare = search.removesuffix(".")
    if minor < _RELAXED_SEARCH:
        wrong = names.dns_subdomain(bare)
    else:
        wrong = [] if search == "." else names.dns_subdomain_with_underscores(bare)
    for each in wrong:
        yield invalid(at, bare, each)


def host_aliases(pod: Struct, at: Path, minor: int) -> Iterator[Cause]:
    """Check further lines of the hosts file."""
    for index, alias in structs(pod, "hostAliases"):
        here, address = (*at, "hostAliases", index), text(alias, "ip")
        for wrong in ip(address, minor):
            yield invalid((*here, "ip"), address, wrong)
        for place, name in enumerate(texts(alias, "hostnames")):
            for wrong in names.dns_subdomain(name):
                yield invalid((*here, "hostnames", place), name, wrong)


def hostname_override(pod: Struct, at: Path, _: int) -> Iterator[Cause]:
    """Check the name that the Pod itself sees as its own."""
    name, here = text_if_any(pod, "hostnameOverride"), (*at, "hostnameOverride")
    if name is None:
        return
    if pod.get("setHostnameAsFQDN") is True:
        yield forbidden(here, "may not be specified when setHostnameAsFQDN is true")
    if pod.get("hostNetwork") is True:
        yield forbidden(here, "may not be specified when hostNetwork is true")
    if names.size(name) > 64:
        yield too_long(here, 64)
    for wrong in names.dns_subdomain(name):
        yield invalid(here, name, wrong)


def share_process_namespace(pod: Struct, at: Path, minor: int) -> Iterator[Cause]:
    """Check that processes are not shared in two ways."""
    if pod.get("shareProcessNamespace") is True and pod.get("hostPID") is True:
        wrong = "ShareProcessNamespace and HostPID cannot both be enabled"
        field = "" if minor >= _OWN_FIELDS else f"{dotted(at)}.securityContext.shareProcessNamespace"
        yield invalid((*at, "shareProcessNamespace"), value=True, detail=wrong, field=field)


def host_users(pod: Struct, at: Path, _: int) -> Iterator[Cause]:
    """Check what a Pod with users of its own may share with the host."""
    if pod.get("hostUsers") is not False:
        return
    wrong = "when `hostUsers` is false"
    if pod.get("hostNetwork") is True:
        yield forbidden((*at, "hostNetwork"), wrong)
    for key, name in (("hostPID", "HostPID"), ("hostIPC", "HostIPC")):
        if pod.get(key) is True:
            yield forbidden((*at, key), wrong, f"{dotted(at)}.{name}")


def ip(address: str, minor: int) -> list[str]:
    """Check an IP address as Go reads one, with more zeros in front than others take."""
    parts = address.split(".") if "." in address.partition(":")[0] else None
    groups = None if parts else _groups(address)
    if not (_is_ipv4(parts) if parts else groups):
        return [_NO_IP]
    if minor < _STRICT_IP:
        return []
    if groups:
        return _strict(address, groups)
    return (
        ["must not have leading 0s"] if any(len(part) > 1 and part[0] == "0" for part in parts or ()) else []
    )


def _is_ipv4(parts: list[str]) -> bool:
    """Tell whether these are the four numbers of an address, with any zeros in front."""
    return len(parts) == 4 and all(
        re.fullmatch("0*[0-9]{1,3}", part) and _octet(part) < 256 for part in parts
    )


def _octet(part: str) -> int:
    return int(part.lstrip("0") or "0")


def _groups(address: str) -> list[int]:
    """Return the eight groups of an IPv6 address; nothing where it is none."""
    head, gap, tail = address.partition("::")
    before, after = _numbers(head, last=not gap), _numbers(tail, last=True)
    if before is None or after is None:
        return []
    missing = 8 - len(before) - len(after)
    if missing < 1 if gap else missing:
        return []
    return before + [0] * missing + after


def _numbers(part: str, *, last: bool) -> list[int] | None:
    """Read groups between colons; the last of an address may be an IPv4 address."""
    numbers: list[int] = []
    pieces = part.split(":") if part else []
    for index, piece in enumerate(pieces):
        if re.fullmatch("0*[0-9a-fA-F]{1,4}", piece):
            numbers.append(int(piece, 16))
        elif last and index == len(pieces) - 1 and _is_ipv4(octets := piece.split(".")):
            first, second, third, fourth = map(_octet, octets)
            numbers += [first << 8 | second, third << 8 | fourth]
        else:
            return None
    return numbers


def _strict(address: str, groups: list[int]) -> list[str]:
    """Find what no longer passes in an IPv6 address."""
    last = address.rpartition(":")[2]
    octets = last.split(".") if "." in last else []
    long = any(len(group) > 4 for group in address.split(":")[: -1 if octets else None])
    if long or any(len(octet) > 1 and octet[0] == "0" for octet in octets):
        return ["must not have leading 0s"]
    return [_MAPPED] if groups[:6] == [0, 0, 0, 0, 0, 0xFFFF] else []
