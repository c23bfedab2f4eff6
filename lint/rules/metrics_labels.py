"""Jobs and their Pods have the labels by which a team finds them.

Metrics (`kube_job_labels`), logs and costs are put down to a team by labels: an alert on a failed Job that
has none reaches nobody. Which labels these are, the policy says (`requiredLabels`); by default none are asked
for. They belong on the object, on the Jobs that a CronJob makes and on the Pods, since none of these passes
its labels on to the next. Only an unsafe fix copies them: a Service that selects Pods by such a label would
send its traffic to those of the Job as well.

What `prometheus.io/scrape` asks for is only noted: Prometheus gets nothing from a Pod that ends between two
scrapes, and never its last values. Push them, or use what kube-state-metrics says of Jobs. Spared are Jobs
that may take long by their deadline. What a controller made has the labels that it gave: Jobs that are owned,
those of CronJobs too, are not asked for any.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, NamedTuple

from lint.edit import Set
from lint.job import Job
from lint.rule import Bad, Class, Finding, Fix, Good, Rule, Severity
from lint.view import View

if TYPE_CHECKING:
    from annotated_types import Ge

_SCRAPE = "prometheus.io/scrape"


class Params(NamedTuple):
    """What is needed to see a Job."""

    required_labels: tuple[str, ...] = ()
    """Labels that every Job and its Pods have, such as `app.kubernetes.io/name`."""

    long_run: "Annotated[int, Ge(0)]" = 3600
    """The deadline in seconds from which on the Pods of a Job may be scraped."""


def check(job: Job, params: Params) -> Iterator[Finding]:
    if params.required_labels:
        guards = job.guards
        if not (guards.partial or guards.owned or guards.cron_child):
            yield from _unlabelled(job, params)
    metadata = job.template.at("metadata")
    if "annotations" not in metadata.entries:
        return
    scrape = metadata.at("annotations", _SCRAPE)
    deadline = job.spec.at("activeDeadlineSeconds").as_int()
    if scrape.value == "true" and (deadline is None or deadline < params.long_run):
        message = (
            "a Pod that ends between two scrapes leaves no metrics: push them, or use kube-state-metrics"
        )
        yield Finding(scrape.path, message, severity=Severity.INFO)


def _unlabelled(job: Job, params: Params) -> Iterator[Finding]:
    """Find the places that lack a label, one after the other."""
    own = job.metadata.at("labels").entries
    places = [(job.metadata, job.kind), (job.template.at("metadata"), "Pods")]
    if job.cronjob:
        places.insert(1, (job.job_metadata, "Jobs of the CronJob"))
    for metadata, what in places:
        labels = metadata.at("labels")
        lacks = [name for name in params.required_labels if not labels.entries.get(name)]
        if lacks:
            place = labels.at(lacks[0]) if labels.given else labels
            message = f"no label {' and '.join(lacks)} on the {what}: the policy wants it on all"
            yield Finding(place.path, message, _copy(labels, lacks, own))


def _copy(labels: View, lacks: list[str], own: dict[str, object]) -> Fix | None:
    """Copy the labels that the object itself has."""
    known = {name: own[name] for name in lacks if own.get(name)}
    if not known or not (labels.unset or isinstance(labels.value, dict)):
        return None
    title = f"set {', '.join(f'{name}: {value}' for name, value in known.items())}"
    return Fix(title, tuple(Set((*labels.path, name), value) for name, value in known.items()), safe=False)


def _job(own: str = "", pod: str = "", spec: str = "backoffLimit: 2") -> str:
    return f"""\
apiVersion: batch/v1
kind: Job
metadata:
  name: report
{own}spec:
  {spec}
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: report
          image: report:1.4
{pod}"""


def _cronjob(jobs: str, pods: str) -> str:
    return f"""\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: report
  labels:
    team: data
spec:
  schedule: "7 3 * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
            - name: report
              image: report:1.4
{pods}{jobs}"""


def _scraped(value: str) -> str:
    return f'    metadata:\n      annotations:\n        prometheus.io/scrape: "{value}"\n'


_OWN = "  labels:\n    team: data\n"
_POD = "    metadata:\n      labels:\n        team: data\n"
_DEEP = "        metadata:\n          labels:\n            team: data\n"
_OWNER = "ownerReferences: [{{apiVersion: {}, kind: {}, name: report, uid: 5a0f3a1e, controller: true}}]"
_TEAM = Params(required_labels=("team",))

RULE = Rule(
    id="metrics-labels",
    doc=__doc__,
    severity=Severity.WARNING,
    class_=Class.PRACTICE,
    params=Params(),
    check=check,
    good=(
        Good(_job()),
        Good(_job(pod=_scraped("false"))),
        Good(_job(pod=_scraped("true"), spec="activeDeadlineSeconds: 3600")),
        Good(_job(_OWN, _POD), params=_TEAM),
        Good(_cronjob(_POD, _DEEP), params=_TEAM),
        Good(_job(f"  {_OWNER.format('a.io/v1', 'Flow')}\n"), params=_TEAM),
        Good(_job(f"  {_OWNER.format('batch/v1', 'CronJob')}\n"), params=_TEAM),
        Good(_job().replace("image:", "command: []  #"), params=_TEAM),  # a patch
    ),
    bad=(
        Bad(_job(pod=_scraped("true"))),  # only noted
        Bad(_job(pod=_scraped("true"), spec="activeDeadlineSeconds: 3599")),
        Bad(_job(_OWN), _job(_OWN, _POD), params=_TEAM),
        Bad(_job(), params=_TEAM),
        Bad(_job(_OWN, _POD), params=Params(required_labels=("team", "app.kubernetes.io/name"))),
        Bad(_cronjob("", ""), _cronjob(_POD, _DEEP), params=_TEAM),
    ),
)
