"""The variables that the policies share: what the linter knows of an object, and of who else has a say.

Their names are those of `lint.job` and `lint.guards`, in camel case.
"""

import re
from collections.abc import Iterable

from lint.export.check import chosen

_MOST_RULES = 20
"""Rules of a failure policy, of which the API server takes no more."""


def _names(key: str) -> str:
    return f"variables.pod.?{key}.orValue([]).map(c, c.?name.orValue(''))"


def _items(key: str, kind: str) -> str:
    """List items with their paths and, as `id`, their paths by names, which stay when items are moved."""
    index = f"string(variables.{key}Names.indexOf(c.?name.orValue('')))"
    return (
        f"variables.pod.?{key}.orValue([]).map(c, {{\n"
        f"  'of': dyn(c), 'kind': dyn('{kind}'),\n"
        f"  'at': dyn(variables.podPath + '.{key}[' + {index} + ']'),\n"
        f"  'id': dyn(variables.podPath + '.{key}[' + c.?name.orValue('') + ']')}})"
    )


def _matches(rule: str, code: str) -> str:
    return f"{rule}.operator != '' && {code} != 0 && ({code} in {rule}.codes) == ({rule}.operator == 'In')"


def takes(code: str) -> str:
    """Tell whether a rule gets an exit code, since no rival takes it first."""
    return f"({_matches('it.rule', code)} && !it.rivals.exists(o, {_matches('o', code)}))"


_CONDITIONS_TAKEN = (
    "it.rule.conditions.size() > 0\n    && it.rule.conditions.all(c, it.rivals.exists(o, c in o.conditions))"
)
_OTHERS = "it.rivals.filter(o, o.operator == 'NotIn')"
_IDLE = (
    f"(it.rule.operator == '' ? {_CONDITIONS_TAKEN}\n"
    f"  : it.rule.operator == 'In' ? !it.rule.codes.exists(code, {takes('code')})\n"
    f"  : {_OTHERS}.size() > 0 && !{_OTHERS}[0].codes.exists(code, {takes('code')}))"
)
"""The rivals leave nothing to the rule: see lint.rules.failure_policy_semantics."""

# `dyn` keeps the API server from looking for fields of CronJobs in Jobs, where it would miss them.
SHARED = {
    "cronjob": "dyn(object).kind == 'CronJob'",
    "metadata": "dyn(object).metadata",
    "annotations": "variables.metadata.?annotations.orValue({})",
    "labels": "variables.metadata.?labels.orValue({})",
    "job": "variables.cronjob ? dyn(object).spec.jobTemplate.spec : dyn(object).spec",
    "jobMetadata": (
        "variables.cronjob ? dyn(object).spec.jobTemplate.?metadata.orValue({}) : variables.metadata"
    ),
    "podMetadata": "variables.job.template.?metadata.orValue({})",
    "pod": "variables.job.template.spec",
    "path": "variables.cronjob ? 'spec.jobTemplate.spec' : 'spec'",
    "podPath": "variables.path + '.template.spec'",
    "containersNames": _names("containers"),
    "initContainersNames": _names("initContainers"),
    "containers": _items("containers", "container"),
    "initContainers": _items("initContainers", "init container"),
    "allContainers": "variables.initContainers + variables.containers",
    "securityContexts": (
        "variables.allContainers.filter(c, has(c.of.securityContext)).map(c, {\n"
        "  'of': dyn(c.of.securityContext), 'at': dyn(c.at + '.securityContext'),\n"
        "  'id': dyn(c.id + '.securityContext')})\n"
        "+ (has(variables.pod.securityContext) ? [{'of': dyn(variables.pod.securityContext),\n"
        "  'at': dyn(variables.podPath + '.securityContext'),\n"
        "  'id': dyn(variables.podPath + '.securityContext')}] : [])"
    ),
    "indexed": "variables.job.?completionMode.orValue('') == 'Indexed'",
    "width": (
        "has(variables.job.completions)\n"
        "&& variables.job.completions < variables.job.?parallelism.orValue(1)\n"
        "? variables.job.completions : variables.job.?parallelism.orValue(1)"
    ),
    "lastApplied": "variables.annotations[?'kubectl.kubernetes.io/last-applied-configuration'].orValue('')",
    "applied": (
        "variables.metadata.?managedFields.orValue([]).filter(m, m.operation == 'Apply')\n"
        ".map(m, m.?fieldsV1[?'f:spec'].orValue(dyn({})))\n"
        ".map(f, variables.cronjob ? f[?'f:jobTemplate'][?'f:spec'].orValue(dyn({})) : f)"
    ),
    "backoffLimitChosen": (
        f"variables.cronjob ? has(variables.job.backoffLimit) : {chosen('backoffLimit', '6')}"
    ),
    "backoffLimitNull": "variables.lastApplied.contains('\"backoffLimit\":null')",
    "retries": (
        "variables.pod.restartPolicy != 'Never' ? 0\n"
        ": has(variables.job.backoffLimitPerIndex)\n"
        "  ? (variables.job.backoffLimitPerIndex < variables.job.?backoffLimit.orValue(2147483647)\n"
        "    ? variables.job.backoffLimitPerIndex : variables.job.backoffLimit)\n"
        ": variables.job.?completions.orValue(1) == 1 && variables.job.?parallelism.orValue(1) == 1\n"
        "  ? variables.job.?backoffLimit.orValue(6) : 0"
    ),
    "graceChosen": chosen("terminationGracePeriodSeconds", "30", where="pod", steps=("template", "spec")),
    "byPerson": "!request.userInfo.username.startsWith('system:')",
    "owners": (
        "variables.metadata.?ownerReferences.orValue([])\n"
        ".filter(o, o.?controller.orValue(false)).map(o, o.kind)"
    ),
    "owned": "!variables.byPerson && variables.owners.exists(kind, kind != 'CronJob')",
    "fromCronjob": "'CronJob' in variables.owners",
    "cronChild": (
        "!variables.byPerson && variables.fromCronjob\n"
        "&& variables.annotations[?'cronjob.kubernetes.io/instantiate'].orValue('') != 'manual'"
    ),
    "hook": "['helm.sh/hook', 'argocd.argoproj.io/hook'].exists(key, key in variables.annotations)",
    "gitops": (
        "(variables.labels[?'app.kubernetes.io/managed-by'].orValue('') == 'Helm'\n"
        "  && variables.annotations[?'meta.helm.sh/release-name'].orValue('') != '')\n"
        "|| [variables.annotations, variables.labels].exists(keys, keys.exists(key,\n"
        "  key.startsWith('argocd.argoproj.io/') || key.startsWith('kustomize.toolkit.fluxcd.io/')\n"
        "  || key.startsWith('helm.toolkit.fluxcd.io/')))"
    ),
    "queue": (
        "'kueue.x-k8s.io/queue-name' in variables.labels\n"
        "|| 'kueue.x-k8s.io/queue-name' in variables.jobMetadata.?labels.orValue({})\n"
        "|| variables.job.?managedBy.orValue('') == 'kueue.x-k8s.io/multikueue'\n"
        "|| variables.pod.?schedulingGates.orValue([]).size() > 0"
    ),
    "foreign": ("!(variables.job.?managedBy.orValue('') in ['', 'kubernetes.io/job-controller'])"),
    "ignored": (
        "[variables.metadata, variables.jobMetadata, variables.podMetadata]\n"
        ".map(m, m.?annotations[?'jobwarden.io/ignore'].orValue('')).join(' ')\n"
        ".replace(',', ' ').replace('\\n', ' ').replace('\\t', ' ').split(' ')"
    ),
    "requiresNodes": (
        "variables.pod.?affinity.?nodeAffinity.?requiredDuringSchedulingIgnoredDuringExecution.hasValue()"
    ),
    "nodeTerms": (
        "variables.pod.?affinity.?nodeAffinity.?requiredDuringSchedulingIgnoredDuringExecution"
        ".?nodeSelectorTerms.orValue([])"
    ),
    "idempotent": (
        "[variables.metadata, variables.jobMetadata, variables.podMetadata]\n"
        ".filter(m, m.?annotations[?'jobwarden.io/idempotent'].hasValue())\n"
        ".map(m, m.annotations['jobwarden.io/idempotent'])"
    ),
    "singleWriter": (
        "[variables.metadata, variables.jobMetadata, variables.podMetadata]\n"
        ".filter(m, m.?annotations[?'jobwarden.io/single-writer'].hasValue())\n"
        ".map(m, m.annotations['jobwarden.io/single-writer'])"
    ),
    "failurePolicy": "variables.job.?podFailurePolicy.?rules.orValue([])",
    "failureRules": (
        f"{list(range(_MOST_RULES))}.filter(index, index < variables.failurePolicy.size()).map(index, {{\n"
        "  'index': dyn(index),\n"
        "  'at': dyn(variables.path + '.podFailurePolicy.rules[' + string(index) + ']'),\n"
        "  'id': dyn(variables.path + '.podFailurePolicy.rules[' + variables.failurePolicy[index].action\n"
        "    + '/' + variables.failurePolicy[index].?onExitCodes.?containerName.orValue('')\n"
        "    + '/' + variables.failurePolicy[index].?onExitCodes.?operator.orValue('')\n"
        "    + '/' + variables.failurePolicy[index].?onExitCodes.?values.orValue([])\n"
        "      .map(code, string(code)).join(',')\n"
        "    + '/' + variables.failurePolicy[index].?onPodConditions.orValue([])\n"
        "      .map(c, c.type).join(',') + ']'),\n"
        "  'action': dyn(variables.failurePolicy[index].action),\n"
        "  'container': dyn(variables.failurePolicy[index].?onExitCodes.?containerName.orValue('')),\n"
        "  'operator': dyn(variables.failurePolicy[index].?onExitCodes.?operator.orValue('')),\n"
        "  'codes': dyn(variables.failurePolicy[index].?onExitCodes.?values.orValue([])),\n"
        "  'conditions': dyn(variables.failurePolicy[index].?onPodConditions.orValue([])\n"
        "    .map(c, c.type + '/' + c.?status.orValue('True')))})"
    ),
    "failureRivals": (
        "variables.failureRules.map(r, {\n"
        "  'rule': dyn(r),\n"
        "  'rivals': dyn(variables.failureRules.filter(o,\n"
        "    o.index < r.index && (o.container == '' || o.container == r.container)))})"
    ),
    "failureTurns": (
        "variables.failureRivals.map(it, {\n"
        "  'rule': dyn(it.rule), 'rivals': dyn(it.rivals),\n"
        f"  'idle': dyn({_IDLE}),\n"
        f"  'killed': dyn({takes('137')})}})"
    ),
}

_USE = re.compile(r"variables\.(\w+)")
_OLD = re.compile(r"variables\.(?=\w)")


def before(expression: str) -> str:
    """Write an expression about the object as it is stored, of which this request is an update."""
    return _OLD.sub("variables.old_", expression).replace("dyn(object)", "dyn(oldObject)")


def needed(known: dict[str, str], expressions: Iterable[str]) -> dict[str, str]:
    """Choose the variables that expressions need, and that those need, in the order of all."""
    wanted = set[str]()
    found = {name for expression in expressions for name in _USE.findall(expression)}
    while found:
        wanted |= found
        found = {name for one in found for name in _USE.findall(known[one])} - wanted
    return {name: expression for name, expression in known.items() if name in wanted}
