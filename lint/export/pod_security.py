"""What the Pod Security Standards refuse: `lint.rules.pod_security`, in CEL.

Each refusal is an item of a list, with its place and what is there; each control has one such list.
"""

from collections.abc import Iterator
from typing import Any

from lint.export.check import Check, pod, said, text, texts
from lint.pod_security import (
    APPARMOR,
    CAPABILITIES,
    REFUSED_VOLUMES,
    SELINUX,
    SYSCTLS,
    USER_NAMESPACES,
)

_OWN_USERS = "!variables.pod.?hostUsers.orValue(true)"
_CONTEXTS = "variables.securityContexts"
_ALL = "variables.allContainers"


def pod_security(params: Any, minor: int) -> Iterator[Check]:
    own_users = _OWN_USERS if minor >= USER_NAMESPACES else "false"
    if params.level != "privileged":
        restricted = params.level == "restricted"
        yield _refusals(
            params.level,
            [*_of_pod(minor), *_of_containers(), *_of_contexts(own_users, restricted=restricted)],
        )
    if params.level == "restricted":
        yield _refusals("restricted", [*_users(own_users), *_limits()])
    if params.read_only_root:
        yield Check(
            f"{_ALL}.exists(it, !it.of.?securityContext.?readOnlyRootFilesystem.orValue(false))",
            pod("containers"),
            said("the files of the image can be changed: set true, and mount an emptyDir to write to"),
        )


def _refusals(level: str, lists: list[str]) -> Check:
    return Check(
        "true",
        "it.at",
        said(f"{{}} is refused by Pod Security at the level {level}", "it.found"),
        each="(" + "\n+ ".join(lists) + ")",
    )


def _each(items: str, name: str, when: str, at: str, found: str) -> str:
    """List what is refused of items."""
    identity = at.replace(".at", ".id")
    return (
        f"{items}.filter({name}, {when})\n"
        f"  .map({name}, {{'at': dyn({at}), 'id': dyn({identity}), 'found': dyn({found})}})"
    )


def _of_pod(minor: int) -> Iterator[str]:
    """List what a Pod as a whole may not have."""
    yield _each(
        texts(("hostNetwork", "hostPID", "hostIPC")),
        "key",
        "variables.pod[?key].orValue(false)",
        "variables.podPath + '.' + key",
        "key + ': true'",
    )
    yield _each(
        "variables.pod.?volumes.orValue([])",
        "v",
        "has(v.hostPath)",
        "variables.podPath + '.volumes[' + v.name + '].hostPath'",
        "'the hostPath volume ' + v.name",
    )
    allowed = texts(name for name, since in SYSCTLS.items() if minor >= since)
    yield _each(
        "variables.pod.?securityContext.?sysctls.orValue([])",
        "s",
        f"!(s.name in {allowed})",
        pod("securityContext.sysctls"),
        "'the sysctl ' + s.name",
    )
    notes = "variables.podMetadata.?annotations.orValue({})"
    yield _each(
        f"{notes}.map(key, key)",
        "key",
        f"key.startsWith('{APPARMOR}') && !({notes}[key] in ['', 'runtime/default'])\n"
        f"    && !{notes}[key].startsWith('localhost/')",
        "variables.path + '.template.metadata.annotations[' + key + ']'",
        f"'the AppArmor profile ' + {notes}[key]",
    )


def _of_containers() -> Iterator[str]:
    """List what containers may not have of the node's network."""
    yield _each(
        _ALL,
        "c",
        "c.of.?ports.orValue([]).exists(p, p.?hostPort.orValue(0) != 0)",
        "c.at + '.ports'",
        "'hostPort'",
    )
    probes = "c.of.?livenessProbe, c.of.?readinessProbe, c.of.?startupProbe"
    hooks = "c.of.?lifecycle.?postStart, c.of.?lifecycle.?preStop"
    host = "(h.?httpGet.?host.orValue('') != '' || h.?tcpSocket.?host.orValue('') != '')"
    when = f"[{probes}, {hooks}].exists(h, {host})"
    yield _each(_ALL, "c", when, "c.at", "'the host of a probe or hook'")


def _of_contexts(own_users: str, *, restricted: bool) -> Iterator[str]:
    """List what security contexts of the Pod and its containers may not have."""
    for key in ("seccompProfile", "appArmorProfile"):
        when = f"c.of.?{key}.?type.orValue('') == 'Unconfined'"
        yield _each(_CONTEXTS, "c", when, f"c.at + '.{key}.type'", text(f"{key} Unconfined"))
    options = "c.of.?seLinuxOptions.?{}.orValue('')"
    selinux = " || ".join(
        [
            f"!({options.format('type')} in {texts(('', *SELINUX))})",
            *(f"{options.format(key)} != ''" for key in ("user", "role")),
        ]
    )
    yield _each(_CONTEXTS, "c", selinux, "c.at + '.seLinuxOptions'", "'an SELinux option'")
    privileged = "c.of.?privileged.orValue(false) || c.of.?windowsOptions.?hostProcess.orValue(false)"
    yield _each(_CONTEXTS, "c", privileged, "c.at", "'privileged: true'")
    allowed = texts(("NET_BIND_SERVICE",) if restricted else sorted(CAPABILITIES))
    added = f"c.of.?capabilities.?add.orValue([]).filter(name, !(name in {allowed}))"
    yield _each(
        _CONTEXTS, "c", f"{added}.size() > 0", "c.at + '.capabilities.add'", f"'the capability ' + {added}[0]"
    )
    unmasked = "c.of.?procMount.orValue('') == 'Unmasked'"
    spared = "" if restricted else f" && !({own_users})"
    yield _each(_CONTEXTS, "c", f"{unmasked}{spared}", "c.at + '.procMount'", "'procMount: Unmasked'")


def _users(own_users: str) -> Iterator[str]:
    """List volumes, and what lets processes be root."""
    kinds = f"{texts(REFUSED_VOLUMES)}.exists(kind, kind in v)"
    yield _each(
        "variables.pod.?volumes.orValue([])",
        "v",
        kinds,
        "variables.podPath + '.volumes[' + v.name + ']'",
        "'the volume ' + v.name",
    )
    root = f"!({own_users}) && c.of.?runAsUser.orValue(1) == 0"
    yield _each(_CONTEXTS, "c", root, "c.at + '.runAsUser'", "'runAsUser: 0'")
    may = f"!({own_users}) && !c.of.?runAsNonRoot.orValue(true)"
    yield _each(_CONTEXTS, "c", may, "c.at + '.runAsNonRoot'", "'runAsNonRoot: false'")
    silent = (
        f"!({own_users}) && !variables.pod.?securityContext.?runAsNonRoot.hasValue()\n"
        f"    && {_ALL}.exists(it, !it.of.?securityContext.?runAsNonRoot.hasValue())\n"
        f"    && {_CONTEXTS}.all(it, it.of.?runAsNonRoot.orValue(true))"
    )
    yield _each(
        "['runAsNonRoot']",
        "key",
        silent,
        pod("securityContext.runAsNonRoot"),
        "'having no runAsNonRoot: true'",
    )


def _limits() -> Iterator[str]:
    """List containers that are not confined, or may get more rights than they start with."""
    linux = "variables.pod.?os.?name.orValue('') != 'windows'"
    context = "c.of.?securityContext"
    confined = (
        f"{linux} && !variables.pod.?securityContext.?seccompProfile.hasValue()"
        f" && !{context}.?seccompProfile.hasValue()"
    )
    yield _each(_ALL, "c", confined, "c.at + '.securityContext'", "'having no seccompProfile'")
    privileged = f"{context}.?privileged.orValue(false)"
    rise = f"{linux} && !{privileged} && {context}.?allowPrivilegeEscalation.orValue(true)"
    yield _each(_ALL, "c", rise, "c.at + '.securityContext'", "'getting more rights'")
    keeps = f"{linux} && !('ALL' in {context}.?capabilities.?drop.orValue([]))"
    yield _each(_ALL, "c", keeps, "c.at + '.securityContext.capabilities'", "'keeping capabilities'")
