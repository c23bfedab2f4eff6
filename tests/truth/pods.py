"""What makes a random pod template one that the server accepts: fields that have to fit together."""

from collections.abc import Sequence
from itertools import count
from typing import Any

from growing import Fix, Grower
from schema import Tree
from volumes import VOLUME_FIXES

_EXISTENCE = "Exists", "DoesNotExist"


def _pod(grow: Grower, pod: Tree) -> None:
    """Fit the parts of a pod together."""
    for name in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"):
        if pod.get(name) and grow.chance(0.8):
            del pod[name]
    pod["restartPolicy"] = grow.random.choice(("Never", "OnFailure"))
    if pod.get("dnsPolicy") == "None":
        pod["dnsConfig"] = {"nameservers": ["10.0.0.1"]}
    if pod.get("hostUsers") is False:
        pod.pop("hostNetwork", None)
    _volumes(grow, pod)
    _containers(grow, pod)
    _pod_resources(grow, pod)
    if not grow.looks_at("PodOS", "Windows", "Lifecycle.stop"):
        _windows(pod)
    _unique(pod, "schedulingGates", "name")
    _unique(pod, "resourceClaims", "name")
    _distinct(pod, "topologySpreadConstraints", ("topologyKey", "whenUnsatisfiable"))
    _claims(grow, pod)
    pod.pop("nodeName", None) if "schedulingGates" in pod else None


def _containers(grow: Grower, pod: Tree) -> None:
    names = count()
    for container in (
        *pod.get("initContainers", ()),
        *pod["containers"],
        *pod.get("ephemeralContainers", ()),
    ):
        if (number := next(names)) or grow.chance(0.5):
            container["name"] = f"c{number}"
    for container in pod.get("initContainers", ()):
        container.pop("restartPolicyRules", None)
        if grow.chance(0.3):
            container["restartPolicy"] = "Always"
        else:
            for field in ("restartPolicy", "lifecycle", "livenessProbe", "readinessProbe", "startupProbe"):
                container.pop(field, None)


def _volumes(grow: Grower, pod: Tree) -> None:
    """Name the volumes, and have containers mount those that there are."""
    for number, volume in enumerate(pod.get("volumes", ())):
        volume["name"] = f"v{number}"
    names = [volume["name"] for volume in pod.get("volumes", ())]
    for container in (*pod.get("initContainers", ()), *pod["containers"]):
        container.pop("volumeDevices", None)
        mounts = container.get("volumeMounts", [{}] if names and grow.chance(0.5) else [])
        for number, mount in enumerate(mounts):
            mount["mountPath"] = f"/m/{number}"
            mount["name"] = grow.random.choice(names) if names else ""
        if names and mounts:
            container["volumeMounts"] = mounts
        else:
            container.pop("volumeMounts", None)


def _claims(grow: Grower, pod: Tree) -> None:
    """Have containers use the claims on resources that there are."""
    names = [claim["name"] for claim in pod.get("resourceClaims", ())]
    for container in (*pod.get("initContainers", ()), *pod["containers"], pod):
        resources = container.get("resources", {})
        if resources.pop("claims", None) and names:
            resources["claims"] = [{"name": grow.random.choice(names)}]


def _pod_resources(grow: Grower, pod: Tree) -> None:
    """Keep resources of the pod to what they may have, mostly."""
    if "resources" in pod and grow.chance(0.9):
        pod["resources"] = grow.random.choice(
            (
                {"requests": {"cpu": "64", "memory": "1Ti"}},
                {"limits": {"cpu": "99", "memory": "9Ti"}, "requests": {"cpu": "64"}},
            )
        )


def _windows(pod: Tree) -> None:
    """Make it a pod of Linux, unless that is all there is."""
    for one in (pod, *pod.get("initContainers", ()), *pod["containers"]):
        one.get("securityContext", {}).pop("windowsOptions", None)
        if "os" not in pod:
            one.get("lifecycle", {}).pop("stopSignal", None)
    if "os" in pod and len(pod) > 6:
        pod["os"]["name"] = "linux"


def _unique(tree: Tree, field: str, key: str) -> None:
    """Name items differently."""
    for number, item in enumerate(tree.get(field, ())):
        item[key] = f"a{number}"


def _distinct(tree: Tree, field: str, by: Sequence[str]) -> None:
    """Drop items that are like another one."""
    if field in tree:
        tree[field] = list({tuple(str(item.get(key)) for key in by): item for item in tree[field]}.values())


def _requirement(_grow: Grower, tree: Tree) -> None:
    """Give an operator as many values as it takes."""
    values = tree.pop("values", ["1"])
    if tree["operator"] in ("Gt", "Lt"):
        tree["values"] = ["5"]
    elif tree["operator"] not in _EXISTENCE:
        tree["values"] = values


def _toleration(grow: Grower, tree: Tree) -> None:
    if tree.get("operator") in ("Gt", "Lt") and grow.chance(0.9):
        tree["operator"] = "Equal"
    if "key" not in tree or tree.get("operator") == "Exists":
        tree["operator"] = "Exists"
        tree.pop("value", None)
    if "tolerationSeconds" in tree:
        tree["effect"] = "NoExecute"


def _spread(grow: Grower, tree: Tree) -> None:
    tree["maxSkew"] = grow.random.choice((1, 2, 5))
    if "minDomains" in tree:
        tree["whenUnsatisfiable"] = "DoNotSchedule"
    _label_keys(grow, tree)


def _label_keys(grow: Grower, tree: Tree) -> None:
    if "labelSelector" not in tree or grow.chance(0.5):
        tree.pop("matchLabelKeys", None)
        tree.pop("mismatchLabelKeys", None)
    elif grow.chance(0.5):
        tree.pop("mismatchLabelKeys", None)


def _profile(_grow: Grower, tree: Tree) -> None:
    """Name a file just when the type wants one."""
    tree.pop("localhostProfile", None)
    if tree["type"] == "Localhost":
        tree["localhostProfile"] = "profiles/a.json"


def _resources(grow: Grower, tree: Tree) -> None:
    """Set requests that the limits allow, of resources whose kinds go with each other."""
    amounts: dict[str, list[tuple[Any, Any]]] = {
        "cpu": [("100m", "1"), ("1", 1), (0.5, "1000m"), ("0", "0"), ("250m", "0.25")],
        "memory": [("128Mi", "1Gi"), ("1Gi", "1024Mi"), (1000, "1k"), ("1e3", "2M")],
        "ephemeral-storage": [("1Gi", "2Gi"), ("1", "1")],
        "example.com/gpu": [("1", "1"), (2, "2")],
        "hugepages-2Mi": [("2Mi", "2Mi"), ("4Mi", "4Mi")],
    }
    among = list(amounts)[: grow.random.choice((2, 2, 3, 4, 5))]
    both = {name: grow.random.choice(amounts[name]) for name in {"cpu", *grow.random.sample(among, 2)}}
    whole = [name for name in both if "/" in name or "huge" in name]
    for field, side in (("requests", 0), ("limits", 1)):
        wanted = [name for name in both if name in whole or grow.chance(0.7)]
        if field in tree or whole:
            tree[field] = {name: both[name][side] for name in wanted}


def _port(grow: Grower, tree: Tree) -> None:
    tree["containerPort"] = port = grow.random.randint(1, 65535)
    if "name" in tree:
        tree["name"] = f"p{port}"
    if "hostPort" in tree:
        tree["hostPort"] = port


def _mount(_grow: Grower, tree: Tree) -> None:
    if "subPath" in tree:
        tree.pop("subPathExpr", None)
    if tree.get("recursiveReadOnly", "Disabled") != "Disabled":
        tree["readOnly"] = True
        tree.pop("mountPropagation", None)
    if tree.get("mountPropagation") == "Bidirectional":
        tree["mountPropagation"] = "None"


def _security(grow: Grower, tree: Tree) -> None:
    if tree.get("procMount") and grow.chance(0.8):
        tree["procMount"] = "Default"
    if tree.get("allowPrivilegeEscalation") is False:
        tree.pop("privileged", None)
        tree.pop("capabilities", None)


def _container(grow: Grower, tree: Tree) -> None:
    tree.setdefault("image", "busybox:1")
    tree.get("readinessProbe", {}).pop("terminationGracePeriodSeconds", None)
    if "resizePolicy" in tree:
        tree["resizePolicy"] = [{"resourceName": "cpu", "restartPolicy": "NotRequired"}]
    if "restartPolicyRules" in tree:
        tree["restartPolicy"] = "Never"
        for rule in tree["restartPolicyRules"]:
            rule["exitCodes"] = {"operator": "In", "values": [1]}
    mounted = [mount for mount in tree.get("volumeMounts", ()) if mount.get("mountPropagation")]
    if mounted and grow.chance(0.3):
        tree["securityContext"] = {"privileged": True}


def _selector_term(_grow: Grower, tree: Tree) -> None:
    if "matchFields" in tree:
        tree["matchFields"] = [{"key": "metadata.name", "operator": "In", "values": ["node"]}]


def _context(_grow: Grower, tree: Tree) -> None:
    for number, sysctl in enumerate(tree.get("sysctls", ())):
        sysctl["name"] = f"net.a{number}"


def _environment(_grow: Grower, tree: Tree) -> None:
    """Use what every container may use."""
    if "fileKeyRef" in tree:
        tree.clear()
        tree["fieldRef"] = {"fieldPath": "metadata.name"}


def _name_servers(_grow: Grower, tree: Tree) -> None:
    for option in tree.get("options", ()):
        option.setdefault("name", "ndots")


FIXES: dict[str, Fix] = {
    **VOLUME_FIXES,
    "PodSpec": _pod,
    "Container": _container,
    "ResourceRequirements": _resources,
    "Toleration": _toleration,
    "NodeSelectorRequirement": _requirement,
    "NodeSelectorTerm": _selector_term,
    "LabelSelectorRequirement": _requirement,
    "PodAffinityTerm": _label_keys,
    "TopologySpreadConstraint": _spread,
    "SeccompProfile": _profile,
    "AppArmorProfile": _profile,
    "ContainerPort": _port,
    "VolumeMount": _mount,
    "SecurityContext": _security,
    "PodSecurityContext": _context,
    "EnvVarSource": _environment,
    "PodDNSConfig": _name_servers,
}
