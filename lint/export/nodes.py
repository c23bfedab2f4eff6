"""Where the Pods of a Job run, and when: `lint.rules`, in CEL."""

from collections.abc import Iterator
from typing import Any

from lint.export.check import ERROR, INFO, Check, every, number, pod, said, text, texts
from lint.families import Placement
from lint.rule import Class

_JOB, _POD = "variables.job", "variables.pod"
SELECTOR = "variables.pod.?nodeSelector.orValue({})"
_TERMS = "variables.nodeTerms"
TOLERATIONS = "variables.pod.?tolerations.orValue([])"


def placed(params: Placement) -> str:
    """Tell whether something says already where the Pods run: see lint.rules.batch_placement."""
    pool = [(text(key), text(value)) for key, value in params.selector.items()]
    has_all = " && ".join(f"{SELECTOR}[?{key}].orValue('') == {value}" for key, value in pool) or "true"
    conditions = [
        f"({has_all})",
        *(f"{SELECTOR}[?{key}].orValue({value}) != {value}" for key, value in pool),
        f"{texts(params.equivalent_keys)}.exists(key, key in {SELECTOR})",
        "variables.requiresNodes",
        *(f"{_POD}.?{key}.orValue('') != ''" for key in ("nodeName", "runtimeClassName")),
        f"{_POD}.?resourceClaims.orValue([]).size() > 0",
        "variables.queue",
        (
            "variables.allContainers.exists(it, it.of.?resources.?limits.orValue({}).exists(key,\n"
            "  key.contains('/') && !key.contains('kubernetes.io/')))"
        ),
    ]
    return "(" + "\n|| ".join(conditions) + ")"


def batch_placement(params: Placement, _minor: int) -> Iterator[Check]:
    if params.assign != "require":
        return
    pairs = ", ".join(f"[{text(key)}, {text(f'{key}: {value}')}]" for key, value in params.selector.items())
    labels = f"[{pairs}].filter(pair, !(pair[0] in {SELECTOR})).map(pair, pair[1]).join(', ')"
    yield Check(
        f"!{placed(params)}",
        pod("nodeSelector"),
        said("the Pods may run on any node, nothing selects {}", labels),
    )


def untolerated(params: Placement) -> tuple[str, str]:
    """Return whether Pods that select the batch nodes lack the toleration, and whether others do."""
    ours = params.toleration
    key, effect = text(ours.get("key", "")), ours.get("effect", "")
    same_key = f"t.?key.orValue('') == {key}"
    value = (
        "true"
        if ours.get("operator") == "Exists"
        else f"t.?value.orValue('') == {text(ours.get('value', ''))}"
    )
    covers = (
        f"(t.?operator.orValue('') == 'Exists' ? t.?key.orValue('') in ['', {key}]\n"
        f"  : t.?operator.orValue('') in ['', 'Equal'] && {same_key} && {value})"
    )
    if effect:
        covers = f"t.?effect.orValue('') in ['', {text(effect)}] && {covers}"
    open_ = f"!{TOLERATIONS}.exists(t, {covers})"
    selects = [
        f"({SELECTOR}[?{text(label)}].orValue('') == {text(node)}\n"
        f"  || ({_TERMS}.size() > 0 && {_TERMS}.all(term, term.?matchExpressions.orValue([]).exists(e,\n"
        f"    e.key == {text(label)} && e.operator == 'In' && e.?values.orValue([]) == [{text(node)}]))))"
        for label, node in params.selector.items()
    ]
    selected = "(" + "\n&& ".join(selects) + ")" if selects else "false"
    assigned = "false"
    if params.assign != "selected":
        assigned = f"!variables.queue && {TOLERATIONS}.size() == 0"
        if params.assign == "require":
            assigned = f"!variables.queue && ({TOLERATIONS}.size() == 0 || !{placed(params)})"
    return every(selected, open_), every(f"!{selected}", f"({assigned})", open_)


def taint(toleration: dict[str, str]) -> str:
    """Write a taint as `kubectl taint` takes it."""
    value, effect = toleration.get("value"), toleration.get("effect")
    return toleration.get("key", "*") + (f"={value}" if value else "") + (f":{effect}" if effect else "")


def batch_toleration(params: Placement, _minor: int) -> Iterator[Check]:
    selecting, others = untolerated(params)
    name = taint(params.toleration)
    yield Check(
        selecting,
        pod("tolerations"),
        said(f"the Pods select the batch nodes, which have the taint {name} by the policy: tolerate it"),
    )
    if params.assign != "selected":
        yield Check(
            others,
            pod("tolerations"),
            said(f"the Pods cannot run on the batch nodes: nothing tolerates the taint {name}"),
        )


def spot_resilience(params: Any, _minor: int) -> Iterator[Check]:
    if not params.notice:
        return
    chosen = "(" + "\n+ ".join(_noticed(label, seconds) for label, seconds in params.notice.items()) + ")"
    labels = texts(params.notice)
    tolerated = (
        f"({SELECTOR}.size() == 0 && !variables.requiresNodes\n"
        f"  && {TOLERATIONS}.exists(t, t.?key.orValue('') != '' && t.?operator.orValue('') == 'Exists'\n"
        f"    ? {labels}.exists(label, label.startsWith(t.key + '='))\n"
        f"    : t.?key.orValue('') + '=' + t.?value.orValue('') in {labels}))"
    )
    each = f"[{{'notices': dyn({chosen}), 'tolerated': dyn({tolerated})}}]"  # of one item, to say it once
    yield from _tries(params, each)
    grace = f"{_POD}.?terminationGracePeriodSeconds.orValue(30)"
    yield Check(
        every("!variables.owned && it.notices.size() > 0", f"{grace} > 30 && {grace} > it.notices.min()"),
        pod("terminationGracePeriodSeconds"),
        said(
            "{} s to end, but a spot node gives it {} s: end in less",
            number(grace),
            number("it.notices.min()"),
        ),
        each=each,
        severity=INFO,
    )


def _noticed(label: str, seconds: int) -> str:
    """Return the notice of the nodes with a label, as a list, which is empty where they are not selected."""
    key, _, value = label.partition("=")
    return (
        f"({SELECTOR}[?{text(key)}].orValue('\\n') == {text(value)}\n"
        f"  || ({_TERMS}.size() > 0 && {_TERMS}.all(term, term.?matchExpressions.orValue([]).exists(e,\n"
        f"    e.key == {text(key)} && e.operator == 'In' && e.?values.orValue([]) == [{text(value)}])))\n"
        f"  ? [{seconds}] : [])"
    )


def _tries(params: Any, each: str) -> Iterator[Check]:
    own = f"{_JOB}.backoffLimitPerIndex"
    limit = f"{_JOB}.?backoffLimitPerIndex.orValue({_JOB}.?backoffLimit.orValue(6))"
    pods = f"(has({own}) ? 1 : variables.width)"
    few = every(
        "!variables.owned",
        f"({limit} < {params.backoff_limit} || {limit} < {pods})",
        "!variables.failureRules.exists(r, r.conditions.exists(c, c.startsWith('DisruptionTarget/')))",
    )
    path = f"variables.path + (has({own}) ? '.backoffLimitPerIndex' : '.backoffLimit')"
    most = f"({pods} > {params.backoff_limit} ? {pods} : {params.backoff_limit})"
    message = said(
        "{} lost with a spot node {} {}: {}",
        f"({limit} == 0 ? 'the first Pod that is' : {number(f'{limit} + 1')} + ' Pods that are')",
        f"({limit} == 0 ? 'fails' : 'fail')",
        f"(has({own}) ? 'its index' : 'the Job')",
        "(variables.pod.restartPolicy == 'OnFailure'\n"
        f"  ? 'raise this to ' + {number(most)} : 'ignore DisruptionTarget in podFailurePolicy')",
    )
    yield Check(every(f"it.notices.size() > 0 && {limit} == 0", few), path, message, each=each)
    spared = f"(it.notices.size() > 0 ? {limit} != 0 : it.tolerated)"
    yield Check(every(spared, few), path, message, each=each, severity=INFO)


def eviction_protection(params: Any, _minor: int) -> Iterator[Check]:
    if not params.annotations:
        return
    keys = texts((*params.annotations, "karpenter.sh/do-not-evict", "autoscaling.cast.ai/removal-disabled"))
    deadline, own = f"{_JOB}.activeDeadlineSeconds", f"{_POD}.activeDeadlineSeconds"
    kept = next(iter(params.annotations))
    yield Check(
        every(
            f"has({deadline}) && {deadline} > {params.longer_than}",
            f"(!has({own}) || {own} > {params.longer_than})",
            f"(!has({_JOB}.completions) || {_JOB}.completions <= {_JOB}.?parallelism.orValue(1))",
            "!variables.failureRules.exists(r, r.action == 'Ignore'\n"
            "  && r.conditions.exists(c, c.startsWith('DisruptionTarget/')))",
            f"!{keys}.exists(key, key in variables.podMetadata.?annotations.orValue({{}})\n"
            "  || key in variables.podMetadata.?labels.orValue({}))",
        ),
        "variables.path + '.template.metadata.annotations'",
        said("a Pod that may run {} s is moved off a little used node: set {}", number(deadline), text(kept)),
    )


def priority_or_queue(params: Any, _minor: int) -> Iterator[Check]:
    name = f"{_POD}.?priorityClassName.orValue('')"
    critical = "['system-cluster-critical', 'system-node-critical']"
    path = pod("priorityClassName")
    reserved = f"{name}.startsWith('system-') && !({name} in {critical})"
    yield Check(
        reserved,
        path,
        said("no priority class {} can exist, so every Pod is refused: system-... is reserved", name),
        severity=ERROR,
        class_=Class.HOLE,
    )
    if params.priority_classes:
        found = (
            f"({name} == '' ? 'no priority class, and Jobs need one'\n"
            f"  : {name} + ' is none that Jobs may have')"
        )
        yield Check(
            every(f"!({reserved})", f"!({name} in {texts(params.priority_classes)})"),
            path,
            said("{}: use {}", found, text(", ".join(params.priority_classes[:4]))),
        )
    else:
        yield Check(
            every(f"{name} in {critical}", "variables.metadata.?namespace.orValue('') != 'kube-system'"),
            path,
            said("{} ends Pods of services to make room for this one: use a class for batch work", name),
            severity=INFO,
        )
    yield from _queued(params)


def _queued(params: Any) -> Iterator[Check]:
    key = "kueue.x-k8s.io/queue-name"
    here = f"variables.cronjob && '{key}' in variables.labels"
    yield Check(
        every(
            f"{here} && variables.labels['{key}'] != ''",
            f"!('{key}' in variables.jobMetadata.?labels.orValue({{}}))",
            f"!('{key}' in variables.podMetadata.?labels.orValue({{}}))",
        ),
        f"'metadata.labels[{key}]'",
        said("nothing queues by this label of a CronJob: Kueue reads that of jobTemplate.metadata"),
    )
    if not params.required_namespaces:
        return
    namespace = "variables.metadata.?namespace.orValue('')"
    conditions = [f"!({here})", "!variables.queue && !variables.owned && !variables.fromCronjob"]
    if "*" not in params.required_namespaces:
        conditions.append(f"{namespace} in {texts(params.required_namespaces)}")
    wanted = f"set it to {params.queue}" if params.queue else "name a LocalQueue of the namespace"
    yield Check(
        every(*conditions),
        f"(variables.cronjob ? 'spec.jobTemplate.' : '') + 'metadata.labels[{key}]'",
        said("no queue, and the namespace {} requires one: {}", namespace, text(wanted)),
    )
