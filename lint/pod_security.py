"""The controls of the Pod Security Standards, as `pod-security.kubernetes.io/enforce` has them.

Each yields what it refuses in a Pod template. What cannot be read, or is yet to be filled in, passes.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from lint.edit import Edit, Set
from lint.job import Job
from lint.view import View

CAPABILITIES = frozenset(
    "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE"
    " SETFCAP SETGID SETPCAP SETUID SYS_CHROOT".split()
)
_BIND = frozenset(("NET_BIND_SERVICE",))
SELINUX = ("container_t", "container_init_t", "container_kvm_t", "container_engine_t")
SYSCTLS = {
    "kernel.shm_rmid_forced": 0,
    "net.ipv4.ip_local_port_range": 0,
    "net.ipv4.ip_local_reserved_ports": 27,
    "net.ipv4.ip_unprivileged_port_start": 0,
    "net.ipv4.ping_group_range": 0,
    "net.ipv4.tcp_fin_timeout": 29,
    "net.ipv4.tcp_keepalive_intvl": 29,
    "net.ipv4.tcp_keepalive_probes": 29,
    "net.ipv4.tcp_keepalive_time": 29,
    "net.ipv4.tcp_rmem": 32,
    "net.ipv4.tcp_syncookies": 0,
    "net.ipv4.tcp_wmem": 32,
}
"""The sysctls that are allowed, and the minor from which on."""

_PROC_MOUNTS, _PROBED_HOSTS, USER_NAMESPACES = 33, 34, 35
"""The first minors that know `procMount`, refuse hosts of probes, and are milder in user namespaces."""

REFUSED_VOLUMES = (
    *("nfs", "iscsi", "gitRepo", "rbd", "cephfs", "cinder", "fc", "flexVolume", "flocker", "glusterfs"),
    *("awsElasticBlockStore", "azureDisk", "azureFile", "gcePersistentDisk", "photonPersistentDisk"),
    *("portworxVolume", "quobyte", "scaleIO", "storageos", "vsphereVolume"),
)
APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
_SECCOMP = "set seccompProfile: {type: RuntimeDefault}"
_HANDLERS = (
    *(("livenessProbe",), ("readinessProbe",), ("startupProbe",)),
    *(("lifecycle", "postStart"), ("lifecycle", "preStop")),
)
_OF_NODE = ("hostNetwork", "hostPID", "hostIPC")
_OF_POD = (*_OF_NODE, "volumes", "securityContext")
_TELLING = (
    *("seccompProfile", "appArmorProfile", "seLinuxOptions", "privileged", "windowsOptions", "capabilities"),
    "procMount",
)
"""Without any of these in it, baseline has nothing to say of a security context."""

_NETWORKED = ("ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle")
_OF_CONTAINER = ("securityContext", *_NETWORKED)
"""Without any of these, it has nothing to say of a container; nor of a Pod without any of _OF_POD."""


class Offence(NamedTuple):
    """What a control refuses."""

    control: str
    place: View
    found: str
    mend: str = "leave it out"
    edits: tuple[Edit, ...] = ()
    """What would mend it, where that is clear."""


def baseline(job: Job, *, restricted: bool = False) -> Iterator[Offence]:
    """Find what the level baseline refuses, and what of the same fields the level restricted refuses."""
    pod, telling = job.pod, []
    if not pod.entries.keys().isdisjoint(_OF_POD):
        yield from _of_pod(pod, job.minor)
        telling.append(pod)
    every = (*job.init_containers, *job.containers)
    telling += [one for one in every if not one.entries.keys().isdisjoint(_OF_CONTAINER)]
    for context in _contexts(*telling) if telling else ():
        if not context.entries.keys().isdisjoint(_TELLING):
            yield from _profiles(context)
            yield from _host_access(context, _BIND if restricted else CAPABILITIES)
            yield from _unmasked(job, context, restricted=restricted)
    for container in telling:
        if container is not pod:
            yield from _network(container, job.minor)
    metadata = job.template.entries.get("metadata")
    if isinstance(metadata, dict) and "annotations" in metadata:
        yield from _annotations(job.template.at("metadata", "annotations"))


def _unmasked(job: Job, context: View, *, restricted: bool) -> Iterator[Offence]:
    """Find a container that sees all of /proc."""
    mount = context.at("procMount")
    if mount.value != "Unmasked" or job.minor < _PROC_MOUNTS:
        return
    if restricted or not _has_own_users(job):
        yield Offence("procMount", mount, "procMount: Unmasked")


def _has_own_users(job: Job) -> bool:
    """Tell whether the Pods run in a user namespace, for which the levels are milder."""
    return job.minor >= USER_NAMESPACES and job.pod.entries.get("hostUsers") is False


def _annotations(annotations: View) -> Iterator[Offence]:
    """Find profiles where they were written before they had a field."""
    for key, profile in annotations.fields():
        text = profile.as_str() if key.startswith(APPARMOR) and not profile.placeholder else ""
        if text and text != "runtime/default" and not text.startswith("localhost/"):
            yield Offence("appArmorProfile", profile, f"the AppArmor profile {text}")


def _of_pod(pod: View, minor: int) -> Iterator[Offence]:
    """Find what a Pod as a whole may not have."""
    keys = pod.entries.keys()
    for key in _OF_NODE if not keys.isdisjoint(_OF_NODE) else ():
        if pod.entries.get(key) is True:
            yield Offence(key, pod.at(key), f"{key}: true")
    for volume in pod.at("volumes").items() if "volumes" in keys else ():
        if "hostPath" in volume.entries and (path := volume.at("hostPath")).given:
            name = volume.at("name").as_str() or "without a name"
            yield Offence("hostPath", path, f"the hostPath volume {name}", "use emptyDir or a claim")
    for sysctl in pod.at("securityContext", "sysctls").items() if "securityContext" in keys else ():
        named = sysctl.at("name")
        text = named.as_str() or ""
        if text and not named.placeholder and minor < SYSCTLS.get(text, minor + 1):
            yield Offence("sysctls", named, f"the sysctl {text}")


def _contexts(*views: View) -> Iterator[View]:
    """Iterate over the security contexts that are written."""
    for view in views:
        if "securityContext" in view.entries:
            yield view.at("securityContext")


def _profiles(context: View) -> Iterator[Offence]:
    """Find profiles that switch off what the runtime or SELinux confines."""
    for key in ("seccompProfile", "appArmorProfile"):
        kind = context.at(key, "type")
        if kind.value == "Unconfined":
            yield Offence(key, kind, f"{key} Unconfined", "use RuntimeDefault")
    options = context.at("seLinuxOptions")
    for key in ("type", "user", "role") if options.given else ():
        text = options.at(key).as_str()
        if text and not options.at(key).placeholder and not (key == "type" and text in SELINUX):
            yield Offence("seLinuxOptions", options.at(key), f"the SELinux {key} {text}")


def _host_access(context: View, allowed: frozenset[str]) -> Iterator[Offence]:
    """Find what gives a container rights on its node."""
    for place in (context.at("privileged"), context.at("windowsOptions", "hostProcess")):
        if place.value is True:
            yield Offence(str(place.path[-1]), place, f"{place.path[-1]}: true")
    for added in context.at("capabilities", "add").items():
        name = added.as_str()
        if name and name not in allowed and not added.placeholder:
            yield Offence("capabilities", added, f"the capability {name}")


def _network(container: View, minor: int) -> Iterator[Offence]:
    """Find ports of the node, and probes of other hosts."""
    for port in container.at("ports").items():
        number = port.at("hostPort").as_int()
        if number:
            yield Offence("hostPort", port.at("hostPort"), f"hostPort {number}")
    for steps in _HANDLERS if minor >= _PROBED_HOSTS else ():
        for kind in ("httpGet", "tcpSocket"):
            host = container.at(*steps, kind, "host")
            if host.as_str() and not host.placeholder:
                yield Offence("host", host, f"the host {host.value} of a probe or hook")


def restricted(job: Job) -> Iterator[Offence]:
    """Find what the level restricted refuses, besides what `baseline` finds."""
    for volume in job.pod.at("volumes").items():
        for kind in REFUSED_VOLUMES:
            if volume.at(kind).given:
                yield Offence("volumes", volume.at(kind), f"a volume of the type {kind}", "use a claim")
    context = job.pod.at("securityContext")
    if not _has_own_users(job):
        yield from _users(job, context)
    if job.pod.at("os", "name").value == "windows":
        return
    lacking = [one for one in job.all_containers() if one.at("securityContext", "seccompProfile").unset]
    profile = context.at("seccompProfile")
    if lacking and profile.unset and _readable(context, *lacking):
        edit = Set(profile.path, {"type": "RuntimeDefault"})
        yield Offence("seccomp", profile, "having no seccompProfile", _SECCOMP, (edit,))
    for container in job.all_containers():
        if _readable(container.at("securityContext")):
            yield from _unlimited(container.at("securityContext"))


def _readable(*views: View) -> bool:
    """Tell whether nothing here is yet to be filled in, nor of a wrong type."""
    return all(view.unset or isinstance(view.value, dict) for view in views)


def _users(job: Job, context: View) -> Iterator[Offence]:
    """Find what lets processes be root."""
    contexts = list(_contexts(job.pod, *job.all_containers()))
    for one in contexts:
        if one.at("runAsUser").value == 0 and one.at("runAsUser").as_int() == 0:
            yield Offence("runAsUser", one.at("runAsUser"), "runAsUser: 0", "name another user")
    key = "runAsNonRoot"
    refused = [one.at(key) for one in contexts if one.at(key).value is False]
    if refused:
        yield from (Offence(key, view, f"{key}: false", "set it to true") for view in refused)
    elif context.at(key).unset and _readable(context):
        lacking = [one.at("securityContext") for one in job.all_containers()]
        if any(_readable(one) and one.at(key).unset for one in lacking):
            yield Offence(
                key, context.at(key), f"having no {key}: true", "set it, and a user if the image has none"
            )


def _unlimited(context: View) -> Iterator[Offence]:
    """Find a container that may get more rights than it starts with, or starts with some."""
    escalation, dropped = context.at("allowPrivilegeEscalation"), context.at("capabilities", "drop")
    if context.at("privileged").value is not True and (escalation.unset or escalation.value is True):
        edits: tuple[Edit, ...] = (Set(escalation.path, value=False),)
        mend = "set allowPrivilegeEscalation: false"
        yield Offence("allowPrivilegeEscalation", escalation, "getting more rights", mend, edits)
    words: list[Any] = [one.value for one in dropped.items()]
    unknown = any(one.placeholder for one in (context.at("capabilities"), dropped, *dropped.items()))
    if "ALL" not in words and not unknown:
        edits = (Set(dropped.path, ["ALL"]),) if dropped.unset else ()
        yield Offence("drop", dropped, "keeping capabilities", "set drop: [ALL]", edits)


def of_level(job: Job, level: str) -> Iterator[Offence]:
    """Find what a level refuses: `privileged`, `baseline` or `restricted`."""
    if level == "baseline":
        yield from baseline(job)
    elif level == "restricted":
        yield from baseline(job, restricted=True)
        yield from restricted(job)
