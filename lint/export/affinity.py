"""What selects nodes and what tolerates them go together: `lint.rules.placement_coherence`, in CEL."""

from collections.abc import Iterator

from lint.export.check import ERROR, INFO, Check, every, pod, said, text, texts
from lint.export.nodes import SELECTOR, TOLERATIONS, placed
from lint.families import Placement
from lint.rule import Class

_RENAMED = {
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "node-role.kubernetes.io/master": "node-role.kubernetes.io/control-plane",
}
_STATES = (
    *("node.kubernetes.io/", "node-role.kubernetes.io/", "node.cloudprovider.kubernetes.io/"),
    *("CriticalAddonsOnly", "ToBeDeletedByClusterAutoscaler", "DeletionCandidateOfClusterAutoscaler"),
)
_REQUIRED = "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
_WANTS = (
    f"({SELECTOR}.map(key, {{'key': dyn(key), 'operator': dyn('In'), 'values': dyn([{SELECTOR}[key]])}})\n"
    "  + term.?matchExpressions.orValue([]).map(e,\n"
    "    {'key': dyn(e.key), 'operator': dyn(e.operator), 'values': dyn(e.?values.orValue([]))}))"
)
_CHECKED = 34
"""The first minor in which values of node affinity are values of labels, and no placeholders."""

_OPEN = (
    "term.?matchExpressions.orValue([]).exists(e, e.?values.orValue([]).exists(value,\n"
    "    value.contains('{{') || value.contains('${')))"
)
_EXCLUDES = (
    "a.key == b.key && a.operator in ['In', 'Exists'] && (b.operator == 'DoesNotExist'\n"
    "    || (a.operator == 'In' && a.values.size() > 0 && b.values.size() > 0\n"
    "      && (b.operator == 'In' ? a.values.all(value, !(value in b.values))\n"
    "        : b.operator == 'NotIn' && a.values.all(value, value in b.values))))"
)


def placement_coherence(params: Placement, minor: int) -> Iterator[Check]:
    """Say of a clash that there is one, where the linter names what clashes."""
    terms = "variables.nodeTerms"
    clash = f"[{_WANTS}].exists(wants, wants.exists(a, wants.exists(b, {_EXCLUDES})))"
    if minor < _CHECKED:
        clash = f"!{_OPEN} && {clash}"
    yield Check(
        every(f"{terms}.size() > 0", f"{terms}.all(term, term.size() == 0 || {clash})"),
        pod(f"{_REQUIRED}[0]"),
        said(
            "no node fits, since what nodeSelector and required node affinity want rules each other out: "
            "leave one out"
        ),
        severity=ERROR,
        class_=Class.HOLE,
    )
    renamed = ", ".join(f"{text(old)}: {text(new)}" for old, new in _RENAMED.items())
    expressions = f"{terms}.exists(term, term.?matchExpressions.orValue([]).exists(e, e.key == {{}}))"
    yield Check(
        every(
            f"(it in {SELECTOR} || {expressions.format('it')})",
            f"!({{{renamed}}}[it] in {SELECTOR}) && !{expressions.format(f'{{{renamed}}}[it]')}",
        ),
        f"(it in {SELECTOR} ? {pod('nodeSelector')} + '[' + it + ']' : {pod(_REQUIRED)})",
        said("the label {} is deprecated, write {}", "it", f"{{{renamed}}}[it]"),
        each=texts(_RENAMED),
    )
    if params.assign != "require":
        yield from _tolerations(params)


def _tolerations(params: Placement) -> Iterator[Check]:
    unplaced = every(
        f"{SELECTOR}.size() == 0 && variables.pod.?affinity.orValue({{}}).size() == 0", f"!{placed(params)}"
    )
    blanket = f"{TOLERATIONS}.filter(t, t.?key.orValue('') == '' && t.?operator.orValue('') == 'Exists')"
    ours = ", ".join(f"{text(key)}: {text(value)}" for key, value in params.toleration.items())
    others = f"t.?key.orValue('') != '' && !{texts(_STATES)}.exists(state, t.key.startsWith(state))"
    if params.assign == "tolerate":
        others = f"{others} && t != {{{ours}}}"
    other = f"{TOLERATIONS}.filter(t, {others})"
    path = f"{pod('tolerations')} + '[' + string({TOLERATIONS}.indexOf({{0}}[{{0}}.size() - 1])) + ']'"
    yield Check(
        every(unplaced, f"{blanket}.size() > 0"),
        path.replace("{0}", blanket),
        said("tolerates every taint, that of drained and dead nodes too: name the ones that are meant"),
    )
    yield Check(
        every(unplaced, f"{other}.size() > 0"),
        path.replace("{0}", other),
        said(
            "the taint {} is tolerated, but no node with it is selected: select some, or leave this out",
            f"{other}[{other}.size() - 1].key",
        ),
        severity=INFO,
    )
