"""Pods that do not call the Kubernetes API get no token for it.

Unless told otherwise, every Pod finds a token of its service account in its files. Whoever gets into the
program, through what it reads or a library, calls the API server with it. What the account `default` may do,
every other Pod of the namespace may as well, now and after the next role that somebody binds to it.

A Job that calls the API (it runs kubectl, Helm and the like) needs a token, and that of an account of its
own, which may do what the Job does. Which other programs call it cannot be seen: hence a note only, and a fix
that is not safe.

Spared are Jobs with an account of their own, those that say what is to be mounted (`true`, too), and where
Vault's agent, which uses the token, is injected.
"""

from collections.abc import Iterator
from typing import Any

from lint.edit import Set
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity

_TOOLS = frozenset(
    ("kubectl", "helm", "helmfile", "argocd", "flux", "velero", "oc", "kube-webhook-certgen", "k8s-wait-for")
)
"""Programs that call the API, as words of a command or of the path of an image."""

_TRACES = ("kubectl ", "kubernetes.default", "kubernetes.io/serviceaccount", "KUBERNETES_SERVICE")
"""What else shows that it is called."""

_VAULT = "vault.hashicorp.com/agent-inject"


def check(job: Job, _params: None) -> Iterator[Finding]:
    pod = job.pod.entries
    account = pod.get("serviceAccountName") or pod.get("serviceAccount")
    if account not in (None, "", "default") or pod.get("automountServiceAccountToken") is not None:
        return
    metadata = job.template.entries.get("metadata")
    if metadata and _VAULT in job.template.at("metadata", "annotations").entries:
        return
    if job.guards.partial:
        return
    if _calls(job):
        message = "the API is called as default, whose rights every Pod here has: name an account of its own"
        yield Finding(job.pod.at("serviceAccountName").path, message)
        return
    path = job.pod.at("automountServiceAccountToken").path
    fix = None
    if "automountServiceAccountToken" not in pod:
        fix = Fix("set automountServiceAccountToken: false", (Set(path, False),), safe=False)  # noqa: FBT003
    message = "the Pods get a token of the account default: write false, unless they call the Kubernetes API"
    yield Finding(path, message, fix)


def _calls(job: Job) -> bool:
    """Tell whether a container shows that it calls the API."""
    for container in (*job.init_containers, *job.containers):
        entries = container.entries
        words = [entries.get("image"), *_list(entries.get("command")), *_list(entries.get("args"))]
        text = " ".join([word for word in words if isinstance(word, str)])
        if not _TOOLS.isdisjoint(text.replace("/", " ").replace(":", " ").split()):
            return True
        if any(map(text.__contains__, _TRACES)):
            return True
    return False


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _job(*fields: str, command: str = "report", annotation: str = "team: data") -> str:
    lines = "\n      ".join(("restartPolicy: Never", *fields))
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
          command: [{command}]
"""


_CRONJOB = """\
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
          containers:
            - name: report
              image: report:1.4
"""

_OFF = "automountServiceAccountToken: false"

RULE = Rule(
    id="sa-token",
    doc=__doc__,
    severity=Severity.INFO,
    class_=Class.PRACTICE,
    params=None,
    strict=Severity.WARNING,
    check=check,
    good=(
        Good(_job("serviceAccountName: report")),
        Good(_job("serviceAccount: report")),  # its old name
        Good(_job('serviceAccountName: "{{ account }}"')),
        Good(_job(_OFF)),
        Good(_job("automountServiceAccountToken: true")),  # somebody chose it
        Good(_job("serviceAccountName: report", command="kubectl, get, pods")),
        Good(_job(annotation='vault.hashicorp.com/agent-inject: "true"')),
        Good("apiVersion: batch/v1\nkind: Job\nspec: {template: {spec: {containers: [{name: report}]}}}\n"),
    ),
    bad=(
        Bad(
            _job("serviceAccountName: default"),
            _job("serviceAccountName: default", _OFF),
        ),
        Bad(_CRONJOB, _CRONJOB.replace("Never\n", f"Never\n          {_OFF}\n")),
        Bad(_job("automountServiceAccountToken: null")),  # written, hence left alone
        Bad(_job(command="kubectl, get, pods")),
        Bad(_job(command="/usr/local/bin/helm, upgrade, report")),
        Bad(_job(command='sh, -c, "curl https://kubernetes.default.svc/api"')),
    ),
)
