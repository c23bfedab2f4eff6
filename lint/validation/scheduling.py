"""Where a Pod may run: affinity, tolerations, topology spread constraints, gates."""

from collections.abc import Iterator

from lint.path import Path, dotted
from lint.validation import names
from lint.validation.cause import Cause, Typed, duplicate, forbidden, invalid, required, unsupported
from lint.validation.selectors import label_key, label_selector, labels, node_selector_term
from lint.validation.tree import Struct, entries, number, struct, structs, text, text_if_any, texts

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_COMPARISONS = ("Lt", "Gt")
_ACTIONS = ("DoNotSchedule", "ScheduleAnyway")
_POLICIES = ("Honor", "Ignore")
_NO_SELECTOR = "must not be specified when labelSelector is not set"
_TWICE = "exists in both matchLabelKeys and labelSelector"
_NO_KEY = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
_MERGED_KEYS = 34
"""From this minor on, matchLabelKeys of spread constraints are checked as those of affinity are."""


def affinity(pod: Struct, at: Path, minor: int) -> Iterator[Cause]:
    """Check what the Pod wants of nodes, and of Pods near it."""
    wanted, here = struct(pod, "affinity"), (*at, "affinity")
    if wanted.get("nodeAffinity") is not None:
        yield from _node_affinity(struct(wanted, "nodeAffinity"), (*here, "nodeAffinity"), minor)
    for key in ("podAffinity", "podAntiAffinity"):
        if wanted.get(key) is not None:
            yield from _pod_affinity(struct(wanted, key), (*here, key))


def _node_affinity(wanted: Struct, at: Path, minor: int) -> Iterator[Cause]:
    selector = wanted.get(_REQUIRED)
    if isinstance(selector, dict):
        here = (*at, _REQUIRED, "nodeSelectorTerms")
        if not selector.get("nodeSelectorTerms"):
            yield required(here, "must have at least one node selector term")
        for index, term in structs(selector, "nodeSelectorTerms"):
            yield from node_selector_term(term, (*here, index), values=minor >= _CHECKED_VALUES)
    for index, preferred in structs(wanted, _PREFERRED):
        here = (*at, _PREFERRED, index)
        yield from _weight(preferred, here)
        yield from node_selector_term(struct(preferred, "preference"), (*here, "preference"), values=False)


_CHECKED_VALUES = 33
"""From this minor on, values of required node affinity have to be those of labels."""


def _pod_affinity(wanted: Struct, at: Path) -> Iterator[Cause]:
    for index, term in structs(wanted, _REQUIRED):
        yield from _pod_affinity_term(term, (*at, _REQUIRED, index))
    for index, preferred in structs(wanted, _PREFERRED):
        here = (*at, _PREFERRED, index)
        yield from _weight(preferred, here)
        yield from _pod_affinity_term(struct(preferred, "podAffinityTerm"), (*here, "podAffinityTerm"))


def _weight(preferred: Struct, at: Path) -> Iterator[Cause]:
    weight = number(preferred, "weight") or 0
    if not 1 <= weight <= 100:
        yield invalid((*at, "weight"), weight, "must be in the range 1-100")


def _pod_affinity_term(term: Struct, at: Path) -> Iterator[Cause]:
    yield from label_selector(term, "labelSelector", at)
    yield from label_selector(term, "namespaceSelector", at)
    for index, name in enumerate(texts(term, "namespaces")):
        for wrong in names.dns_label(name):
            yield invalid((*at, "namespaces", index), name, wrong, f"{dotted(at)}.namespace")
    yield from _matched_keys(term, at)
    key = text(term, "topologyKey")
    if not key:
        yield required((*at, "topologyKey"), "can not be empty")
    yield from label_key(key, (*at, "topologyKey"))


def _matched_keys(term: Struct, at: Path) -> Iterator[Cause]:
    """Check labels of the Pod itself, by which other Pods are selected."""
    matched, mismatched = texts(term, "matchLabelKeys"), texts(term, "mismatchLabelKeys")
    selector = term.get("labelSelector")
    for key, keys in (("matchLabelKeys", matched), ("mismatchLabelKeys", mismatched)):
        if keys and selector is None:
            yield forbidden((*at, key), _NO_SELECTOR)
        elif keys:
            for index, name in enumerate(keys):
                yield from label_key(name, (*at, key, index))
    if matched:
        yield from _selected_again(matched, struct(term, "labelSelector"), at)
        for index, name in enumerate(matched):
            if name in mismatched:
                wrong = "exists in both matchLabelKeys and mismatchLabelKeys"
                yield invalid((*at, "matchLabelKeys", index), name, wrong)


def _selected_again(matched: list[str], selector: Struct, at: Path) -> Iterator[Cause]:
    """Find keys for which the selector has two requirements of its own already."""
    places = {key: index for index, key in enumerate(matched)}
    selected = set(entries(selector, "matchLabels"))
    for _, expression in structs(selector, "matchExpressions"):
        key = text(expression, "key")
        if key in places and key in selected:
            index = places[key]
            yield invalid((*at, "matchLabelKeys", index), key, _TWICE, f"{dotted(at)}[{index}]")
        selected.add(key)


def node_selector(pod: Struct, at: Path, _: int) -> Iterator[Cause]:
    """Check the labels that a node must have."""
    yield from labels(pod, "nodeSelector", at)


def tolerations(parent: Struct, at: Path, minor: int) -> Iterator[Cause]:
    """Check the taints that are tolerated."""
    for index, toleration in structs(parent, "tolerations"):
        yield from _toleration(toleration, (*at, "tolerations", index), minor)


def _toleration(toleration: Struct, at: Path, minor: int) -> Iterator[Cause]:
    key, operator, effect = (text(toleration, name) for name in ("key", "operator", "effect"))
    if key:
        yield from label_key(key, (*at, "key"))
    elif operator != "Exists":
        yield invalid((*at, "operator"), Typed(operator), _NO_KEY)
    if effect != "NoExecute" and number(toleration, "tolerationSeconds") is not None:
        yield invalid(
            (*at, "effect"), Typed(effect), "effect must be 'NoExecute' when `tolerationSeconds` is set"
        )
    yield from _tolerated_value(operator, text(toleration, "value"), (*at, "operator"), minor)
    if effect and effect not in _EFFECTS:
        yield unsupported((*at, "effect"), effect, _EFFECTS)


def _tolerated_value(operator: str, value: str, at: Path, minor: int) -> Iterator[Cause]:
    if operator in ("", "Equal"):
        if wrong := names.label_value(value):
            yield invalid(at, value, ";".join(wrong))
    elif operator == "Exists":
        if value:
            yield invalid(at, value, "value must be empty when `operator` is 'Exists'")
    elif operator in _COMPARISONS and minor >= 35:  # known, but off
        yield unsupported(at, operator, ("Equal", "Exists", *_COMPARISONS))
    else:
        yield unsupported(at, operator, ("Equal", "Exists"))


def annotated_tolerations(template: Struct, at: Path, minor: int) -> Iterator[Cause]:
    """Check the tolerations in an annotation of a Pod template, which nobody reads any more."""
    annotations = struct(struct(template, "metadata"), "annotations")
    content = text(annotations, _ANNOTATION)
    if not content:
        return
    from lint.validation.toleration_text import tolerations_in  # few runs need it

    here, field = (*at, "metadata", "annotations", _ANNOTATION), f"{dotted(at)}.annotations"
    tolerated, fault = tolerations_in(content)
    if fault:
        yield invalid(here, _ANNOTATION, fault, field)
    for index, toleration in enumerate(tolerated):
        for cause in _toleration(toleration, (index,), minor):
            name = f"{field}.{_ANNOTATION}{cause.field}"
            yield cause._replace(path=here, renamed=name)


_ANNOTATION = "scheduler.alpha.kubernetes.io/tolerations"


def topology_spread_constraints(pod: Struct, at: Path, minor: int) -> Iterator[Cause]:
    """Check how Pods are spread."""
    constraints = list(structs(pod, "topologySpreadConstraints"))
    for place, (index, constraint) in enumerate(constraints):
        here = (*at, "topologySpreadConstraints", index)
        yield from _spread(constraint, here)
        topology, action = text(constraint, "topologyKey"), text(constraint, "whenUnsatisfiable")
        for _, other in constraints[place + 1 :]:
            if (text(other, "topologyKey"), text(other, "whenUnsatisfiable")) == (topology, action):
                field = f"{dotted(here)}.{{topologyKey, whenUnsatisfiable}}"
                yield duplicate((*here, "topologyKey"), f"{{{topology}, {action}}}", field)
                break
        if minor >= _MERGED_KEYS:
            yield from _matched_keys({**constraint, "mismatchLabelKeys": None}, here)
        else:
            yield from _spread_keys(constraint, here)
        yield from label_selector(constraint, "labelSelector", here)


def _spread(constraint: Struct, at: Path) -> Iterator[Cause]:
    skew, action = number(constraint, "maxSkew") or 0, text(constraint, "whenUnsatisfiable")
    if skew <= 0:
        yield invalid((*at, "maxSkew"), skew, "must be greater than zero")
    if not text(constraint, "topologyKey"):
        yield required((*at, "topologyKey"), "can not be empty")
    if action not in _ACTIONS:
        yield unsupported((*at, "whenUnsatisfiable"), action, _ACTIONS)
    domains = number(constraint, "minDomains")
    if domains is not None:
        if domains <= 0:
            yield invalid((*at, "minDomains"), domains, "must be greater than zero")
        if action != "DoNotSchedule":
            wrong = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
            yield invalid((*at, "minDomains"), domains, wrong)
    for key in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
        policy = text_if_any(constraint, key)
        if policy is not None and policy not in _POLICIES:
            yield unsupported((*at, key), policy, _POLICIES)


def _spread_keys(constraint: Struct, at: Path) -> Iterator[Cause]:
    """Check matchLabelKeys as up to 1.33: no key may be in the selector at all."""
    keys, selector = texts(constraint, "matchLabelKeys"), struct(constraint, "labelSelector")
    if keys and constraint.get("labelSelector") is None:
        yield forbidden((*at, "matchLabelKeys"), _NO_SELECTOR)
    selected = set(entries(selector, "matchLabels"))
    selected.update(text(expression, "key") for _, expression in structs(selector, "matchExpressions"))
    for index, key in enumerate(keys):
        yield from label_key(key, (*at, "matchLabelKeys", index))
        if key in selected:
            yield invalid((*at, "matchLabelKeys", index), key, _TWICE)


def scheduling_gates(pod: Struct, at: Path, _: int) -> Iterator[Cause]:
    """Check what holds the Pod back."""
    seen = set()
    for index, gate in structs(pod, "schedulingGates"):
        name, here = text(gate, "name"), (*at, "schedulingGates", index)
        yield from label_key(name, here)
        if name in seen:
            yield duplicate(here, name)
        seen.add(name)


def readiness_gates(pod: Struct, at: Path, _: int) -> Iterator[Cause]:
    """Check the conditions without which the Pod is not ready."""
    for index, gate in structs(pod, "readinessGates"):
        yield from label_key(text(gate, "conditionType"), (*at, "readinessGates", index, "conditionType"))
