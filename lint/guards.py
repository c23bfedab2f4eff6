"""Who else has a say about a Job: hooks, GitOps tools, queues and owners.

A Job that something else made or manages is judged more mildly: what its owner decided about retries and
cleaning up is not ours to change. Everything here is seen in the object alone.
"""

from typing import Any, NamedTuple

from lint.view import View

_HOOKS = ("helm.sh/hook", "argocd.argoproj.io/hook")
_GITOPS_PREFIXES = ("argocd.argoproj.io/", "kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/")
"""Of keys that a tool writes into the cluster, and of those that people write for it, as a sync wave is."""

_QUEUE_NAME = "kueue.x-k8s.io/queue-name"
_JOB_CONTROLLER = "kubernetes.io/job-controller"
_MULTIKUEUE = "kueue.x-k8s.io/multikueue"


class Guards(NamedTuple):
    """What holds for one object."""

    partial: bool
    """It is a patch or a fragment (`$patch`, no containers, one without image): nothing is missing."""

    deleting: bool
    """It is being deleted."""

    hook: bool
    """Helm or Argo CD runs and deletes it as a hook."""

    gitops: bool
    """Argo CD, Flux or a Helm release manages it, and makes it again when it is gone."""

    queue: bool
    """Kueue, or whoever set scheduling gates, decides when and where its Pods run."""

    owned: bool
    """A controller other than the CronJob controller owns it (JobSet, Workflow, RayJob, ...)."""

    cron_child: bool
    """The CronJob controller made it: the rules were applied to the CronJob."""

    from_cronjob: bool
    """A CronJob owns it, also when a person made it with `kubectl create job --from`."""

    foreign: bool
    """`managedBy` names another controller: back-off and TTL are that controller's."""


def guards_of(metadata: View, spec: View, template_metadata: View, pod: View) -> Guards:
    """Read the guards off an object.

    Args:
        metadata: the object's own metadata.
        spec: the Job's spec, wherever it stands.
        template_metadata: metadata of the Job that a CronJob makes; for a Job, its own.
        pod: the Pod's spec.
    """
    annotations, labels = metadata.at("annotations").entries, metadata.at("labels").entries
    owner = _controller(metadata) if "ownerReferences" in metadata.entries else ""
    manual = annotations.get("cronjob.kubernetes.io/instantiate") == "manual"
    manager = spec.at("managedBy").as_str()
    return Guards(
        partial=_partial(metadata, spec, pod),
        deleting=metadata.at("deletionTimestamp").given,
        hook=any(annotations.get(key) is not None for key in _HOOKS),
        gitops=_gitops(annotations, labels),
        queue=(
            labels.get(_QUEUE_NAME) is not None
            or template_metadata.at("labels").entries.get(_QUEUE_NAME) is not None
            or manager == _MULTIKUEUE
            or len(pod.at("schedulingGates")) > 0
        ),
        owned=owner not in ("", "CronJob"),
        cron_child=owner == "CronJob" and not manual,
        from_cronjob=owner == "CronJob",
        foreign=manager is not None and manager != _JOB_CONTROLLER,
    )


def _controller(metadata: View) -> str:
    """Return the kind of the controlling owner, or an empty string."""
    for owner in metadata.at("ownerReferences").items():
        if owner.at("controller").as_bool():
            return owner.at("kind").as_str() or "?"
    return ""


def _gitops(annotations: dict[str, Any], labels: dict[str, Any]) -> bool:
    """Tell whether a GitOps tool put its mark on the object."""
    if labels.get("app.kubernetes.io/managed-by") == "Helm" and annotations.get("meta.helm.sh/release-name"):
        return True
    return any(key.startswith(_GITOPS_PREFIXES) for key in (*annotations, *labels))


def _partial(metadata: View, spec: View, pod: View) -> bool:
    """Tell whether this is a patch or a fragment, whose other half we do not see.

    Kustomize's strategic merge directives start with `$`; a real Job has containers, each with an image.
    """
    containers = pod.at("containers").value
    if not isinstance(containers, list):
        return True
    if any(key[:1] == "$" for key in (*metadata.entries, *spec.entries, *pod.entries)):
        return True
    return any(
        isinstance(container, dict) and (container.get("image") is None or "$patch" in container)
        for container in containers
    )
