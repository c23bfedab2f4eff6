"""What makes random volumes, and what refers to other objects, such that the server accepts them."""

from typing import Any

from growing import Fix, Grower
from schema import Tree


def _claim_template(grow: Grower, tree: Tree) -> None:
    tree["metadata"] = {key: tree["metadata"][key] for key in tree.get("metadata", {}) if key == "labels"}
    tree["spec"]["accessModes"] = ["ReadWriteOnce"]
    tree["spec"]["resources"] = {"requests": {"storage": "1Gi"}}
    for field in ("dataSource", "dataSourceRef"):
        if grow.chance(0.7):
            tree["spec"].pop(field, None)


def _ephemeral(grow: Grower, tree: Tree) -> None:
    tree.setdefault("volumeClaimTemplate", grow.object("PersistentVolumeClaimTemplate"))


def _set_default(field: str, value: Any) -> Fix:
    """Make a fix that sets a field where it is not set."""

    def fix(_: Grower, tree: Tree) -> None:
        tree.setdefault(field, value)

    return fix


def _azure(_grow: Grower, tree: Tree) -> None:
    tree["diskURI"] = "/subscriptions/x" if tree.get("kind") == "Managed" else "https://blob/x"


def _flocker(grow: Grower, tree: Tree) -> None:
    tree.clear()
    tree[grow.random.choice(("datasetName", "datasetUUID"))] = "d"


def _fc(grow: Grower, tree: Tree) -> None:
    tree.pop("wwids", None)
    tree |= grow.random.choice(({"targetWWNs": ["w"], "lun": 1}, {"wwids": ["w"]}))
    if "wwids" in tree:
        tree.pop("targetWWNs", None)


def _iscsi(_grow: Grower, tree: Tree) -> None:
    if tree.get("chapAuthDiscovery") or tree.get("chapAuthSession"):
        tree["secretRef"] = {"name": "s"}


def _secret_name(grow: Grower, tree: Tree) -> None:
    tree.setdefault("secretName", "s")
    _items(grow, tree)


def _bundle(_grow: Grower, tree: Tree) -> None:
    if "name" in tree:
        tree.pop("labelSelector", None)


def _config_map(grow: Grower, tree: Tree) -> None:
    tree.setdefault("name", "a")
    _items(grow, tree)


def _items(_grow: Grower, tree: Tree) -> None:
    """Let each file of a volume have another path."""
    for number, item in enumerate(tree.get("items", ())):
        item["path"] = f"f{number}"


def _sources(_grow: Grower, tree: Tree) -> None:
    """Let each source of a projected volume have another path."""
    for number, source in enumerate(tree.get("sources", ())):
        for within in source.values():
            for index, item in enumerate(within.get("items", ())):
                item["path"] = f"{number}/{index}"
            if "path" in within:
                within["path"] = f"s{number}"


def _file(grow: Grower, tree: Tree) -> None:
    """Name a container for a resource, as files have to."""
    if "resourceFieldRef" in tree:
        tree["resourceFieldRef"]["containerName"] = grow.random.choice(("a", "main"))
    if "fieldRef" in tree:
        tree["fieldRef"]["fieldPath"] = grow.random.choice(
            ("metadata.name", "metadata.labels", "metadata.annotations['a']")
        )


VOLUME_FIXES: dict[str, Fix] = {
    "PersistentVolumeClaimTemplate": _claim_template,
    "EphemeralVolumeSource": _ephemeral,
    "ConfigMapVolumeSource": _config_map,
    "SecretVolumeSource": _secret_name,
    "DownwardAPIVolumeSource": _items,
    "DownwardAPIVolumeFile": _file,
    "ProjectedVolumeSource": _sources,
    "ClusterTrustBundleProjection": _bundle,
    "AzureDiskVolumeSource": _azure,
    "FlockerVolumeSource": _flocker,
    "FCVolumeSource": _fc,
    "ISCSIVolumeSource": _iscsi,
    "ImageVolumeSource": _set_default("reference", "a:1"),
    "LocalObjectReference": _set_default("name", "a"),
    "ExecAction": _set_default("command", ["true"]),
    "StorageOSVolumeSource": _set_default("volumeName", "v"),
    "ScaleIOVolumeSource": _set_default("volumeName", "v"),
    "ConfigMapEnvSource": _set_default("name", "a"),
    "SecretEnvSource": _set_default("name", "a"),
    "ConfigMapKeySelector": _set_default("name", "a"),
    "SecretKeySelector": _set_default("name", "a"),
    "ConfigMapProjection": _set_default("name", "a"),
    "SecretProjection": _set_default("name", "a"),
}
