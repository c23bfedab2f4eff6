"""The Pods of a Job keep to the level of the Pod Security Standards that the policy names.

A namespace with the label `pod-security.kubernetes.io/enforce` refuses Pods, not the Jobs that make them: the
Job is accepted, its Pods are refused again and again, no failure is counted, and it stays active for ever.
What its Pods may do beyond the level `baseline`, such as `privileged`, files and the network of the node, is
also what turns a hole in a program into the loss of the node.

Every control of the levels is looked at, as of the Kubernetes version that the policy names: what 1.35 and
later spare in a user namespace (`hostUsers: false`) passes. Which level a namespace enforces cannot be seen
in a manifest, and some Jobs are there to look after nodes: hence notes, in the default profile.

A fix sets what `restricted` asks for where nothing is written. It is not safe, since a program may need what
it takes away; which user an image has, nobody can tell, so that is left to its author.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from lint.job import Job
from lint.pod_security import Offence, of_level
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity

_RESTRICTED = ("volumes", "seccomp", "allowPrivilegeEscalation", "drop", "runAsNonRoot", "runAsUser")
"""The controls that the level baseline does not have."""


class Params(NamedTuple):
    """How much Pods may do."""

    level: Literal["privileged", "baseline", "restricted"] = "baseline"
    """The level that is kept to; `privileged` refuses nothing. Set `severity` as well, to be warned."""

    read_only_root: bool = False
    """Containers cannot change the files of their image (`readOnlyRootFilesystem`): no level asks for it."""


def check(job: Job, params: Params) -> Iterator[Finding]:
    offences: dict[str, list[Offence]] = {}
    for offence in of_level(job, params.level):
        offences.setdefault(offence.control, []).append(offence)
    for control, found in offences.items():
        level = "restricted" if control in _RESTRICTED else params.level
        yield _finding(found, level)
    if params.read_only_root:
        yield from _writable(job)


def _finding(offences: list[Offence], level: str) -> Finding:
    """Say at the first place what a control refuses, wherever it is."""
    first = offences[0]
    found = list(dict.fromkeys(one.found for one in offences))
    others = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    fix = None
    if all(one.edits for one in offences):
        fix = Fix(first.mend, tuple(edit for one in offences for edit in one.edits), safe=False)
    message = f"{first.found}{others} is refused by Pod Security at the level {level}: {first.mend}"
    return Finding(first.place.path, message, fix)


def _writable(job: Job) -> Iterator[Finding]:
    """Find a container that can write to the files of its image."""
    for container in job.all_containers():
        place = container.at("securityContext", "readOnlyRootFilesystem")
        if place.unset or place.value is False:
            message = "the files of the image can be changed: set true, and mount an emptyDir to write to"
            yield Finding(place.path, message)
            return


def _job(*fields: str, container: str = "", annotation: str = "team: data") -> str:
    lines = "\n      ".join(("restartPolicy: Never", *fields))
    inner = f"          {container}\n" if container else ""
    return f"""\
apiVersion: batch/v1
kind: Job
metadata:
  name: report
spec:
  template:
    metadata:
      annotations:
        {annotation}
    spec:
      {lines}
      containers:
        - name: report
          image: report:1.4
{inner}"""


def _context(*fields: str) -> str:
    return f"securityContext: {{{', '.join(fields)}}}"


_NO_RISE, _DROPPED = "allowPrivilegeEscalation: false", "capabilities: {drop: [ALL]}"
_OK = _context(_NO_RISE, _DROPPED)
_POD = _context("runAsNonRoot: true", "seccompProfile: {type: RuntimeDefault}")
_LEVEL = Params(level="restricted")
_NFS = "volumes: [{name: data, nfs: {server: files, path: /}}]"
_HOST_PATH = "volumes: [{name: data, hostPath: {path: /var/log}}]"
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/report"
_PROBE = "livenessProbe: {tcpSocket: {port: 80, host: 127.0.0.1}}"
_UNMASKED = _context("procMount: Unmasked")
_SYSCTL = "sysctls: [{{name: {}, value: '1'}}]"
_SECCOMP = "seccompProfile:\n          type: RuntimeDefault"
_SET = """\
          securityContext:
            allowPrivilegeEscalation: false
            capabilities:
              drop:
                - ALL
"""

RULE = Rule(
    id="pod-security",
    doc=__doc__,
    severity=Severity.INFO,
    class_=Class.PRACTICE,
    params=Params(),
    strict=Severity.WARNING,
    check=check,
    good=(
        Good(_job()),
        Good(_job("hostNetwork: false", _context("runAsUser: 0"), _NFS)),
        Good(_job("hostPID: true", container=_context("privileged: true")), params=Params("privileged")),
        Good(_job(container=_context("capabilities: {add: [CHOWN, NET_BIND_SERVICE]}"))),
        Good(_job(container="ports: [{containerPort: 80, hostPort: 0}]")),
        Good(_job(container=_PROBE), minor=33),
        Good(_job("hostUsers: false", container=_UNMASKED)),
        Good(_job(_context("seLinuxOptions: {type: container_t, level: s0}"))),
        Good(_job(_context(_SYSCTL.format("net.ipv4.tcp_rmem")))),
        Good(_job(annotation=f"{_APPARMOR}: runtime/default")),
        Good(_job(_context('seccompProfile: {type: "{{ profile }}"}'))),
        Good(_job(_POD, container=_OK), params=_LEVEL),
        Good(
            _job('securityContext: "{{ context }}"', container='securityContext: "{{ it }}"'), params=_LEVEL
        ),
        Good(
            _job("hostUsers: false", _POD, container=_context(_NO_RISE, _DROPPED, "runAsUser: 0")),
            params=_LEVEL,
        ),
        Good(_job("os: {name: windows}", _context("runAsNonRoot: true")), params=_LEVEL),
        Good(
            "apiVersion: batch/v1\nkind: Job\nspec: {template: {spec: {containers: [{name: a}]}}}\n",
            params=_LEVEL,
        ),
        Good(_job(container=_context("readOnlyRootFilesystem: true")), params=Params(read_only_root=True)),
    ),
    bad=(
        Bad(_job("hostNetwork: true")),
        Bad(_job("hostPID: true", "hostIPC: true")),
        Bad(_job(container=_context("privileged: true"))),
        Bad(
            _job("os: {name: windows}", "hostNetwork: true", _context("windowsOptions: {hostProcess: true}"))
        ),
        Bad(_job(container=_context("capabilities: {add: [SYS_ADMIN, NET_ADMIN]}"))),
        Bad(_job(_HOST_PATH)),
        Bad(_job(container="ports: [{containerPort: 80, hostPort: 80}]")),
        Bad(_job(container=_PROBE)),
        Bad(_job("hostUsers: false", container=_UNMASKED), minor=34),
        Bad(_job(_context("seLinuxOptions: {type: spc_t}"))),
        Bad(_job(_context("seLinuxOptions: {user: root}"))),
        Bad(_job(_context(_SYSCTL.format("net.core.somaxconn")))),
        Bad(_job(_context("seccompProfile: {type: Unconfined}"))),
        Bad(_job(_context("appArmorProfile: {type: Unconfined}"))),
        Bad(_job(annotation=f"{_APPARMOR}: unconfined")),
        Bad(
            """\
            apiVersion: batch/v1
            kind: CronJob
            metadata:
              name: report
            spec:
              schedule: "7 3 * * *"
              jobTemplate:
                spec:
                  template:
                    spec:
                      restartPolicy: Never
                      hostIPC: true
                      containers: [{name: report, image: "report:1.4"}]
            """,
        ),
        Bad(_job(_POD, _NFS, container=_OK), params=_LEVEL),
        Bad(
            _job(
                _context(
                    "runAsUser: 0",
                    "runAsNonRoot: true",
                    "seccompProfile: {type: Localhost, localhostProfile: a}",
                ),
                container=_OK,
            ),
            params=_LEVEL,
        ),
        Bad(_job(_POD, container=_context(_NO_RISE, _DROPPED, "runAsNonRoot: false")), params=_LEVEL),
        Bad(_job(_POD, container=_context(_NO_RISE, "capabilities: {drop: [NET_RAW]}")), params=_LEVEL),
        Bad(
            _job(_POD, container=_context(_NO_RISE, "capabilities: {drop: [ALL], add: [CHOWN]}")),
            params=_LEVEL,
        ),
        Bad(_job(_POD), f"{_job(_POD)}{_SET}", params=_LEVEL),
        Bad(
            _job("securityContext:\n        runAsNonRoot: true", container=_OK),
            _job(f"securityContext:\n        runAsNonRoot: true\n        {_SECCOMP}", container=_OK),
            params=_LEVEL,
        ),
        Bad(_job(), params=Params(read_only_root=True)),
    ),
)
