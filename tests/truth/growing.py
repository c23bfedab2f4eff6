"""Objects at random, field by field, valid as far as one field at a time can tell."""

from collections.abc import Callable
from random import Random
from typing import Any, TypeAlias

import leaves
from schema import Kind, Schema, Tree

_HANDLERS = "exec httpGet tcpSocket"

UNIONS: dict[str, str] = {
    "Probe": f"{_HANDLERS} grpc",
    "LifecycleHandler": f"{_HANDLERS} sleep",
    "EnvVarSource": "configMapKeyRef fieldRef resourceFieldRef secretKeyRef fileKeyRef",
    "EnvFromSource": "configMapRef secretRef",
    "DownwardAPIVolumeFile": "fieldRef resourceFieldRef",
    "VolumeProjection": (
        "configMap downwardAPI secret serviceAccountToken clusterTrustBundle podCertificate"
    ),
    "PodResourceClaim": "resourceClaimName resourceClaimTemplateName",
    "EnvVar": "value valueFrom",
    "PodFailurePolicyRule": "onExitCodes onPodConditions",
    "ClusterTrustBundleProjection": "name signerName",
    "WorkloadPodGroupDisruptionMode": "all single",
    "WorkloadPodGroupSchedulingPolicy": "basic gang",
    "Volume": (
        "configMap emptyDir secret projected persistentVolumeClaim hostPath downwardAPI ephemeral nfs csi"
        " image awsElasticBlockStore azureDisk azureFile cephfs cinder fc flexVolume flocker"
        " gcePersistentDisk gitRepo glusterfs iscsi photonPersistentDisk portworxVolume quobyte"
        " rbd scaleIO storageos vsphereVolume"
    ),
}
"""The fields of a type of which one has to be there; the earlier ones are the more common ones."""

SHARES: dict[str, float] = {
    "PodTemplateSpec.spec": 1000,
    "PodSecurityContext.sysctls": 0.5,
    "*.status": 0.1,
    "ObjectMeta.managedFields": 0.02,
    "ObjectMeta.namespace": 0.3,
    "ObjectMeta.generateName": 0.3,
    "ObjectMeta.resourceVersion": 0.1,
    "PodSpec.ephemeralContainers": 0.03,
    "PodSpec.os": 0.3,
    "PodSpec.priority": 0.3,
    "PodSpec.hostUsers": 0.3,
    "PodSpec.hostnameOverride": 0.2,
    "PodSpec.overhead": 0.3,
    "PodSpec.initContainers": 2,
    "PodSpec.volumes": 2.5,
    "PodSpec.tolerations": 2,
    "PodSpec.affinity": 2,
    "PodSpec.topologySpreadConstraints": 2,
    "PodSpec.securityContext": 2,
    "PodSpec.schedulingGroup": 0.1,
    "PodSpec.evictionResponders": 0.2,
    "Container.restartPolicy": 0.1,
    "Container.restartPolicyRules": 0.1,
    "Container.env": 3,
    "Container.resources": 3,
    "Container.ports": 2,
    "Container.volumeDevices": 0.1,
    "Container.stdinOnce": 0.5,
    "Lifecycle.stopSignal": 0.1,
    "SecurityContext.windowsOptions": 0.1,
    "PodSecurityContext.windowsOptions": 0.1,
    "SecurityContext.procMount": 0.2,
    "PodTemplateSpec.metadata": 2,
    "JobSpec.scheduling": 0.1,
    "VolumeMount.subPathExpr": 0.3,
    "VolumeMount.recursiveReadOnly": 0.2,
    "GRPCAction.mode": 0.2,
    "HTTPGetAction.protocol": 0.2,
}
"""How much more or less often than others a field is set."""

_STARTS = {"PodTemplateSpec": 70, "JobSpec": 20, "CronJobSpec": 5, "ObjectMeta": 5}
"""From where a field is chosen that is looked at closely."""

_LESS = {
    "PodSpec.ephemeralContainers": 0.02,
    "PodSpec.initContainers": 0.3,
    "JobSpec.template": 0.01,
    "CronJobSpec.jobTemplate": 0.01,
    "ObjectMeta.managedFields": 0.1,
    "JobSpec.scheduling": 0.3,
}
"""How much less often than others a field is looked at closely."""

Fix: TypeAlias = Callable[["Grower", Tree], None]


class Grower:
    """Makes values of the types of a schema."""

    def __init__(
        self, random: Random, schema: Schema, fixes: dict[str, Fix], sizes: dict[str, int] | None = None
    ) -> None:
        self.random, self.schema, self.fixes = random, schema, fixes
        self.sizes: dict[str, int] = {} if sizes is None else sizes
        self.density = random.choice((0.01, 0.03, 0.08, 0.15, 0.3))
        """How likely an optional field is."""
        start = random.choices(list(_STARTS), list(_STARTS.values()))[0]
        self.focus = self._walk(start) if random.random() < 0.8 else []
        """Labels on the way to a field that is looked at closely: it is set, as are most fields within."""

    def _walk(self, name: str) -> list[str]:
        """Choose a field of a type, and one within that, and so on."""
        kinds = [innermost(kind) for kind in self.schema.get(name, {}).values()]
        if not kinds or self.random.random() < 0.05:
            return []
        weights = [_LESS.get(kind.label, 1) * self._size(kind.type) ** 0.5 for kind in kinds]
        kind = self.random.choices(kinds, weights)[0]
        return [kind.label, *self._walk(kind.type)]

    def _size(self, name: str) -> int:
        """Count the leaves of a type."""
        if name not in self.sizes:
            self.sizes[name] = 1
            fields = self.schema.get(name, {}).values()
            self.sizes[name] = sum(self._size(innermost(kind).type) for kind in fields) or 1
        return self.sizes[name]

    def chance(self, share: float) -> bool:
        """Say yes to a share of the questions."""
        return self.random.random() < share

    def looks_at(self, *labels: str) -> bool:
        """Tell whether a field is looked at closely whose label begins so."""
        return any(label.startswith(labels) for label in self.focus)

    def value(self, kind: Kind) -> Any:
        """Make a value; where it is looked at closely, with most of its fields."""
        usual = self.density
        if kind.label in self.focus[-2:]:
            self.density = max(usual, 0.4)
        value = self._value(kind)
        self.density = usual
        return value

    def _value(self, kind: Kind) -> Any:
        if kind.base == "object":
            return self.object(kind.type)
        if kind.base == "list" and kind.item:
            return [self.value(kind.item) for _ in range(self.random.choice((1, 1, 1, 2, 2, 3)))]
        if kind.base == "map" and kind.item:
            names = self.random.choices(leaves.keys(kind)[0], k=self.random.choice((1, 1, 2, 3)))
            return {name: self.value(kind.item) for name in names}
        return self.random.choice(leaves.good(kind))

    def object(self, name: str) -> Tree:
        """Make an object of a type."""
        fields = self.schema[name]
        chosen = self._chosen(name)
        tree = {
            field: self.value(kind)
            for field, kind in fields.items()
            if kind.required or field in chosen or (field not in self._union(name) and self._wanted(kind))
        }
        close = any(label.startswith(f"{name}.") for label in self.focus[-1:])
        if name in self.fixes and not self.chance(0.2 if close else 0.01):
            self.fixes[name](self, tree)
        return tree

    def _wanted(self, kind: Kind) -> bool:
        if kind.label in self.focus:
            return True
        share = SHARES.get(kind.label) or SHARES.get("*." + kind.label.rpartition(".")[2], 1)
        return self.chance(self.density * share)

    def _union(self, name: str) -> list[str]:
        return [field for field in UNIONS.get(name, "").split() if field in self.schema[name]]

    def _chosen(self, name: str) -> list[str]:
        """Choose one of the fields that exclude each other; now and then none or two."""
        among = self._union(name)
        if not among or self.chance(0.005):
            return []
        wanted = [field for field in among if f"{name}.{field}" in self.focus]
        common = wanted or among[: self.random.choice((3, 5, len(among)))]
        return self.random.choices(common, k=1 if self.chance(0.99) else 2)


def innermost(kind: Kind) -> Kind:
    """Return the kind of the items, where there are items."""
    while kind.item:
        kind = kind.item
    return kind
