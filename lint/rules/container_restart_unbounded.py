"""A container that is restarted in place ends some time.

Since Kubernetes 1.35 a container can have a `restartPolicy` of its own, and `restartPolicyRules` on its exit
codes. The kubelet then starts it again in a Pod that goes on running, also under the Pod's `Never`: such
restarts count for neither `backoffLimit` nor `podFailurePolicy`, so a container that always ends in the same
way is started for ever, unless the Job has `activeDeadlineSeconds`.

`restartPolicy: Always` starts a container again after exit code 0, too. A regular container with it never
ends, so the Job never completes; it is right for a sidecar among the init containers.

Spared are Jobs that a controller owns, which decides about retries. Under the Pod's `OnFailure` restarts do
count.
"""

from collections.abc import Iterator

from lint.job import Job, is_sidecar
from lint.rule import Bad, Class, Finding, Good, Rule, Severity
from lint.view import View

_FIELDS = frozenset(("restartPolicy", "restartPolicyRules"))
_SINCE = 35
"""The first minor that has the fields without being asked for them."""


def check(job: Job, _params: None) -> Iterator[Finding]:
    if job.minor < _SINCE or job.guards.partial or job.guards.owned:
        return
    for container in job.containers:
        if _FIELDS.isdisjoint(container.entries):
            continue
        policy = container.at("restartPolicy")
        if policy.value == "Always":
            message = (
                "it is started again also when it succeeds, so the Job never completes: leave this out, "
                "or move a sidecar to initContainers"
            )
            yield Finding(policy.path, message)
        else:
            yield from _uncounted(job, container)
    for container in job.init_containers:
        if not is_sidecar(container):
            yield from _uncounted(job, container)


def _uncounted(job: Job, container: View) -> Iterator[Finding]:
    """Find restarts that nothing counts and nothing ends."""
    policy, rules = container.at("restartPolicy"), container.at("restartPolicyRules")
    if len(rules) == 0 and policy.value != "OnFailure":
        return
    bounded = any(one.at("activeDeadlineSeconds").given for one in (job.spec, job.pod))
    if job.restart_policy == "Never" and not bounded:
        message = (
            "restarts of a container in its Pod are counted by neither backoffLimit nor podFailurePolicy: "
            "set activeDeadlineSeconds in the Job's spec"
        )
        yield Finding((rules if len(rules) else policy).path, message)


def _job(container: str, *fields: str, init: str = "", policy: str = "Never", metadata: str = "") -> str:
    lines = "\n  ".join(("backoffLimit: 2", *fields))
    first = f"      initContainers: [{{{init}}}]\n" if init else ""
    return f"""\
apiVersion: batch/v1
kind: Job
metadata:
  {metadata or "name: train"}
spec:
  {lines}
  template:
    spec:
      restartPolicy: {policy}
{first}      containers:
        - name: train
          image: train:3.2
          {container}
"""


_RULES = "restartPolicyRules: [{action: Restart, exitCodes: {operator: In, values: [42]}}]"
_PLAIN = "args: [--resume]"
_ON_42 = f"restartPolicy: Never\n          {_RULES}"
_FETCH = "name: fetch, image: fetch:1.0, restartPolicy"
_OWNER = "{apiVersion: jobset.x-k8s.io/v1alpha2, kind: JobSet, name: train, uid: 5a0f3a1e, controller: true}"

RULE = Rule(
    id="container-restart-unbounded",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=None,
    check=check,
    good=(
        Good(_job(_PLAIN)),
        Good(_job(_PLAIN, init=f"{_FETCH}: Always")),  # a sidecar
        Good(_job(_ON_42, "activeDeadlineSeconds: 86400"), minor=37),
        Good(_job(_ON_42, policy="OnFailure"), minor=37),
        Good(_job("restartPolicy: Never"), minor=37),
        Good(_job(_PLAIN, init=f"{_FETCH}: Always, {_RULES}"), minor=37),
        Good(_job(_ON_42, metadata=f"ownerReferences: [{_OWNER}]"), minor=37),
        Good(_job("restartPolicy: Always"), minor=34),
        Good(_job(_ON_42), minor=34),
    ),
    bad=(
        Bad(_job(_ON_42), minor=37),
        Bad(_job("restartPolicy: OnFailure"), minor=37),
        Bad(_job(_PLAIN, init=f"{_FETCH}: OnFailure"), minor=37),
        Bad(_job(_PLAIN, init=f"{_FETCH}: Never, {_RULES}"), minor=37),
        Bad(_job("restartPolicy: Always", "activeDeadlineSeconds: 86400"), minor=37),
        Bad(_job("restartPolicy: Always", policy="OnFailure"), minor=37),
        Bad(
            """\
            apiVersion: batch/v1
            kind: CronJob
            metadata:
              name: train
            spec:
              schedule: "7 3 * * *"
              jobTemplate:
                spec:
                  template:
                    spec:
                      restartPolicy: Never
                      containers:
                        - name: train
                          image: train:3.2
                          restartPolicy: Never
                          restartPolicyRules:
                            - action: RestartAllContainers
                              exitCodes:
                                operator: NotIn
                                values: [1]
            """,
            minor=37,
        ),
    ),
)
