"""What `kubectl apply` sends: a manifest, and what others have set in the object since the last one.

The merge keys are those that `patchMergeKey` names in the types of Kubernetes; other lists are replaced.
"""

from typing import Any, Final

from lint.validation.tree import Struct, struct

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"

_KEYS: Final = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "imagePullSecrets": "name",
    "resourceClaims": "name",
    "schedulingGates": "name",
    "ports": "containerPort",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
    "ownerReferences": "uid",
}


def applied(stored: Struct, written: Struct, new: Struct) -> Struct:
    """Return what becomes of a stored object.

    Args:
        stored: the object with its defaults.
        written: the manifest that was applied before: what it has and the new one has not is taken away.
        new: the manifest that is applied now.
    """
    merged = _merged(stored, written, new)
    return {**merged, "status": stored["status"]} if "status" in stored else merged


def last_applied(tree: Struct) -> Struct:
    """Return what was applied last: of a manifest itself, of an object without a note of it nothing."""
    noted = struct(struct(tree, "metadata"), "annotations").get(LAST_APPLIED)
    if isinstance(noted, str):
        import json  # few runs need it

        try:
            last = json.loads(noted)
        except ValueError:
            return {}
        return last if isinstance(last, dict) else {}
    return {} if struct(tree, "metadata").get("uid") else tree


def _merged(stored: Struct, written: Struct, new: Struct) -> Struct:
    kept = {key: value for key, value in stored.items() if key not in new and key not in written}
    return {
        **kept,
        **{key: _value(key, stored.get(key), written.get(key), value) for key, value in new.items()},
    }


def _value(field: str, stored: Any, written: Any, new: Any) -> Any:
    if isinstance(stored, dict) and isinstance(new, dict):
        return _merged(stored, written if isinstance(written, dict) else {}, new)
    key = _KEYS.get(field)
    if key and isinstance(stored, list) and isinstance(new, list):
        return _items(key, stored, written if isinstance(written, list) else [], new)
    return new


def _items(key: str, stored: list[Any], written: list[Any], new: list[Any]) -> list[Any]:
    """Merge the items of a list by a key."""
    was, before = ({_of(item, key): item for item in items} for items in (stored, written))
    now = {_of(item, key) for item in new}
    merged = [_value("", was.get(_of(item, key)), before.get(_of(item, key)), item) for item in new]
    return merged + [item for one, item in was.items() if one not in now and one not in before]


def _of(item: Any, key: str) -> str:
    return repr(item.get(key)) if isinstance(item, dict) else repr(item)
