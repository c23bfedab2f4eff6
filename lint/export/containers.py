"""What containers ask for and run: `lint.rules`, in CEL."""

import re
from collections.abc import Iterator
from typing import Any

from lint.export.check import (
    INFO,
    WARNING,
    Check,
    NotExported,
    every,
    number,
    pattern,
    pod,
    said,
    text,
    texts,
)

_ALL = "variables.allContainers"
_IMAGE_VOLUMES = 35
_JOB = "variables.job"
_IMAGE = "it.of.?image.orValue('')"
_NEVER = "it.of.?imagePullPolicy.orValue('') == 'Never'"
_REFERENCE = r"^([a-z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*(:latest)?$"
_STAND_IN = "replace|placeholder|change-?me|kustomize"


def image_tag(params: Any, _minor: int) -> Iterator[Check]:
    name = f"({_IMAGE}.endsWith(':latest') ? {_IMAGE}.substring(0, {_IMAGE}.size() - 7) : {_IMAGE})"
    allowed = [f"!({name} + '/').startsWith({text(one.rstrip('/') + '/')})" for one in params.allow]
    moves = every(
        f"{_IMAGE}.matches({pattern(_REFERENCE)})",
        f"!{_IMAGE}.matches({pattern(_STAND_IN)})",
        f"!({_NEVER})",
        *allowed,
    )
    message = said(
        "{}: a retry or a later run may run other code; name a version or a digest",
        f"({_IMAGE}.endsWith(':latest') ? 'the tag of ' + {_IMAGE} + ' moves' : {_IMAGE} + ' has no tag')",
    )
    several = f"({_JOB}.?completions.orValue(1) > 1 || {_JOB}.?parallelism.orValue(1) > 1)"
    yield Check(every(several, moves), "it.at + '.image'", message, each=_ALL, severity=WARNING)
    yield Check(every(f"!{several}", moves), "it.at + '.image'", message, each=_ALL)


_HOST = r"(?:\[[0-9a-fA-F:]+\]|[a-zA-Z0-9.-]+)(?::[0-9]+)?/"
_NAMED = rf"^(?:{_HOST})?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*"
_DIGEST = r"@\w+:[0-9a-f]{32,}"
_KNOWN = rf"{_NAMED}(?::[\w.-]+)?(?:{_DIGEST})?$"
_TAG = r":[\w.-]+$"


def _images(minor: int) -> str:
    """List the images that run or are mounted, each with its pull policy."""
    images = (
        f"{_ALL}.map(it, {{\n  'at': dyn(it.at + '.image'), 'image': dyn({_IMAGE}),\n"
        "  'policy': dyn(it.of.imagePullPolicy), 'id': dyn(it.id + '.image')})"
    )
    if minor >= _IMAGE_VOLUMES:
        index = "string(variables.pod.volumes.indexOf(v))"
        images += (
            "\n+ variables.pod.?volumes.orValue([]).filter(v, has(v.image)).map(v, {\n"
            f"  'at': dyn(variables.podPath + '.volumes[' + {index} + '].image.reference'),\n"
            "  'image': dyn(v.image.?reference.orValue('')),\n"
            "  'policy': dyn(v.image.?pullPolicy.orValue('')),\n"
            "  'id': dyn(variables.podPath + '.volumes[' + v.name + '].image.reference')})"
        )
    return f"({images})"


def image_provenance(params: Any, minor: int) -> Iterator[Check]:
    each = _images(minor)
    known = every(
        f"it.image.matches({pattern(_KNOWN)})",
        f"!it.image.find({pattern(_NAMED)}).matches({pattern(rf'^[^/]*(?:{_STAND_IN})[^/]*$')})",
        "it.policy != 'Never'",
    )
    if params.allow:
        full = _full(f"it.image.find({pattern(_NAMED)})")
        from_there = " || ".join(
            f"({full} + '/').startsWith({text(one.rstrip('/') + '/')})" for one in params.allow
        )
        listed = ", ".join(params.allow[:3]) + (", ..." if len(params.allow) > 3 else "")
        yield Check(
            every(known, f"!({from_there})"),
            "it.at",
            said("{} is not from {}, which the policy allows", full, text(listed)),
            each=each,
        )
    yield from _moving(params, each, every(known, f"!it.image.matches({pattern(_DIGEST + '$')})"))


def _moving(params: Any, each: str, tagged: str) -> Iterator[Check]:
    """Find what has no digest, where the policy asks for one, or many Pods ask what it is."""
    if params.require_digest:
        yield Check(
            tagged,
            "it.at",
            said(
                "{} has no digest, and what it names may change: add @sha256:... of what was tested",
                "it.image",
            ),
            each=each,
        )
        return
    total, at_a_time = (f"{_JOB}.?{key}.orValue(1)" for key in ("completions", "parallelism"))
    pods = f"({total} > {at_a_time} ? {total} : {at_a_time})"
    yield Check(
        every(
            f"{pods} > {params.fan_out} && it.policy == 'Always'",
            tagged,
            f"it.image.matches({pattern(_TAG)}) && !it.image.endsWith(':latest')",
        ),
        "it.at + 'PullPolicy'",
        said(
            "{} Pods each ask the registry for {}: name a digest, or write IfNotPresent",
            number(pods),
            "it.image",
        ),
        each=each,
        severity=INFO,
    )


def _full(name: str) -> str:
    """Write out the registry that a name leaves out."""
    registry = pattern(r"^([^/]*[.:][^/]*|localhost)/")
    return (
        f"({name}.matches({registry}) ? {name}\n"
        f"    : ({name}.contains('/') ? 'docker.io/' : 'docker.io/library/') + {name})"
    )


_ENDED = "(?i)quit|kill|shutdown|linkerd-await|scuttle"
_ENDS = (  # RE2 looks at nothing ahead: `exit`, but not `exit-zero`
    r"(?i)exit(?:$|[^-]|-(?:$|[^z]|z(?:$|[^e]|e(?:$|[^r]|r(?:$|[^o])))))"
    r"|terminat|(?:^|\s)timeout\s|\[ |\[\[|validate|dry-run|--version"
)
_TEXT = (
    "(it.of.?command.orValue([]) + it.of.?args.orValue([])\n"
    "  + it.of.?env.orValue([]).map(e, e.name + ' ' + e.?value.orValue(''))).join(' ')"
)


def sidecar_blocks_completion(params: Any, _minor: int) -> Iterator[Check]:
    names = "|".join(map(re.escape, params.names))
    named = pattern(rf"^([^@]*/)?({names})(:[^/@]*)?(@|$)") if names else "'^$'"
    dind = pattern("^([^@]*/)?[^/@:]*:[^/@]*dind")
    helper = (
        f"({{0}}.of.name in {texts(params.names)} || {{0}}.of.?image.orValue('').matches({named})"
        f" || {{0}}.of.?image.orValue('').matches({dind}))"
    )
    remedy = "move it to initContainers, with restartPolicy: Always"
    yield Check(
        every(
            "variables.containers.size() > 1 && !variables.pod.?shareProcessNamespace.orValue(false)",
            helper.replace("{0}", "it"),
            f"!{_TEXT}.matches({pattern(_ENDS)})",
            f"variables.containers.exists(o, !{helper.replace('{0}', 'o')})",
            f"!variables.containers.exists(it, {_TEXT}.matches({pattern(_ENDED)}))",
        ),
        "it.at",
        said("the Job never completes, since {} does not end by itself: {}", "it.of.name", text(remedy)),
        each="variables.containers",
    )


_TOOLS = (
    *("kubectl", "helm", "helmfile", "argocd", "flux", "velero", "oc", "kube-webhook-certgen"),
    "k8s-wait-for",
)
_TRACES = r"kubectl |kubernetes\.default|kubernetes\.io/serviceaccount|KUBERNETES_SERVICE"


def sa_token(_params: None, _minor: int) -> Iterator[Check]:
    account = "variables.pod.?serviceAccountName.orValue('')"
    default = every(
        f"{account} in ['', 'default'] && !has(variables.pod.automountServiceAccountToken)",
        "!('vault.hashicorp.com/agent-inject' in variables.podMetadata.?annotations.orValue({}))",
    )
    words = f"([{_IMAGE}] + it.of.?command.orValue([]) + it.of.?args.orValue([])).join(' ')"
    called = pattern(rf"(?:^|[\s/:])(?:{'|'.join(_TOOLS)})(?:$|[\s/:])|{_TRACES}")
    calls = f"{_ALL}.exists(it, {words}.matches({called}))"
    yield Check(
        every(default, calls),
        pod("serviceAccountName"),
        said("the API is called as default, whose rights every Pod here has: name an account of its own"),
    )
    yield Check(
        every(default, f"!{calls}"),
        pod("automountServiceAccountToken"),
        said("the Pods get a token of the account default: write false, unless they call the Kubernetes API"),
    )


def metrics_labels(params: Any, _minor: int) -> Iterator[Check]:
    if params.required_labels:
        raise NotExported(
            "a Job without labels gets those of its Pods, and CEL does not see which were written"
        )
    deadline = f"{_JOB}.?activeDeadlineSeconds.orValue(0)"
    yield Check(
        every(
            "variables.podMetadata.?annotations[?'prometheus.io/scrape'].orValue('') == 'true'",
            f"({deadline} < {params.long_run} || !has({_JOB}.activeDeadlineSeconds))",
        ),
        "variables.path + '.template.metadata.annotations[prometheus.io/scrape]'",
        said("a Pod that ends between two scrapes leaves no metrics: push them, or use kube-state-metrics"),
        severity=INFO,
    )
