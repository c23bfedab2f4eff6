"""Alerts and dashboard ask for series that exist: real ones of the webhook and of a server that calls it.

The metrics of kube-state-metrics, which does not run here, are those of its documentation.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from reviews import JOB
from test_check import Server
from test_monitoring_alerts import FOLDER, RULES, promtool, quoted

from webhook.metrics import Metrics

if TYPE_CHECKING:
    from apiserver import ApiServer

pytest_plugins = ["webhooks"]

ROOT = FOLDER.parents[2]
DASHBOARD = json.loads((FOLDER / "jobwarden.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
TARGETS = [target["expr"] for panel in PANELS for target in panel["targets"]]
EXPRESSIONS = [*TARGETS, *(rule["expr"] for rule in RULES)]

RUNBOOKS = "https://github.com/jobwarden/jobwarden/blob/main/"

_JOB = {"namespace": "batch", "job_name": "report-1"}
_CRONJOB = {"namespace": "batch", "cronjob": "report"}
_POD = {"namespace": "batch", "pod": "report-1-x"}
KUBE_STATE_METRICS = {
    "kube_job_info": _JOB,
    "kube_job_owner": {
        **_JOB,
        "owner_kind": "CronJob",
        "owner_name": "report",
        "owner_is_controller": "true",
    },
    "kube_job_failed": {**_JOB, "condition": "true"},
    "kube_job_status_active": _JOB,
    "kube_job_status_start_time": _JOB,
    "kube_job_status_suspended": _JOB,  # by its source; the documentation has a label `condition`
    "kube_job_spec_active_deadline_seconds": _JOB,
    "kube_cronjob_created": _CRONJOB,
    "kube_cronjob_next_schedule_time": _CRONJOB,
    "kube_cronjob_spec_suspend": _CRONJOB,
    "kube_cronjob_status_active": _CRONJOB,
    "kube_cronjob_status_last_successful_time": _CRONJOB,
    "kube_pod_owner": {**_POD, "owner_kind": "Job", "owner_name": "report-1", "owner_is_controller": "true"},
    "kube_pod_status_phase": {**_POD, "phase": "Pending"},
}
"""By docs/metrics/workload/{job,cronjob,pod}-metrics.md of kubernetes/kube-state-metrics, not by a scrape."""

SCRAPED = {"namespace": "jobwarden", "pod": "webhook-1"}
"""Labels that Prometheus adds to what it reads from Pods."""

BUG = "jobwarden_rule_errors_total"
"""Its first series comes with a bug, which cannot be had for the asking."""

POLICY = "exempt: {users: [ci]}\nplacement: {assign: tolerate}\n"
CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1"
VARIABLES = {"$namespace": ".*", "$jobs": ".*", "$__rate_interval": "5m", "$__range": "5m"}


class Series(NamedTuple):
    """A series at one moment."""

    name: str
    labels: dict[str, str]
    value: float


@pytest.fixture(scope="module")
def server(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator["ApiServer"]:
    """Run an API server, whose webhooks other tests are not to meet."""
    from apiserver import WITHOUT_ACCOUNTS, serving

    with serving(assets, tmp_path_factory.mktemp("monitoring"), WITHOUT_ACCOUNTS) as server:
        yield server


@pytest.fixture(scope="module")
def scrape(server: "ApiServer", tmp_path_factory: pytest.TempPathFactory) -> list[Series]:
    """Have a webhook judge, and calls fail in every way there is; read what it and the API server count.

    The series of kube-state-metrics beside these are made up.
    """
    from webhooks import installed

    create = ("create", "--dry-run=server", f"--filename={ROOT}/manifests/examples")
    with installed(server, tmp_path_factory.mktemp("webhook"), POLICY) as webhook:
        assert '"validate.jobwarden.io" denied the request' in server.kubectl(*create).stderr
        server.kubectl(*create, "--as=ci", "--as-group=system:masters")
        ours = webhook.page("metrics")
    webhook.install()
    server.wait("a request that passes unseen", lambda: counted(server, "fail_open_count"))
    change(server, "validating", failurePolicy="Fail")
    server.wait(
        "a call that fails", lambda: counted(server, 'rejection_count{error_type="calling_webhook_error"')
    )
    with closing(Server("127.0.0.1")) as broken:
        patch = b64encode(b'[{"op": "add", "path": "/no/such/parent", "value": 1}]').decode()
        broken.response = {"patchType": "JSONPatch", "patch": patch}
        client = {
            "url": f"https://127.0.0.1:{broken.port}/mutate",
            "caBundle": b64encode(broken.bundle.ca).decode(),
        }
        change(server, "mutating", clientConfig=client)
        internal = 'rejection_count{error_type="apiserver_internal_error"'
        server.wait("an answer that is of no use", lambda: counted(server, internal))
    theirs = server.request("GET", "/metrics").body
    made = (Series(name, labels, 1) for name, labels in KUBE_STATE_METRICS.items())
    return [*series(ours, **SCRAPED), *series(theirs), *made]


def test_what_is_asked_for_exists(scrape: list[Series]) -> None:
    for selector in {one for expression in EXPRESSIONS for one in selectors(expression)}:
        assert selector.startswith(BUG) or any(selects(selector, one) for one in scrape), selector


def test_labels_are_those_of_the_metrics(scrape: list[Series]) -> None:
    known = {one.name: set(one.labels) for one in scrape} | {BUG: {"rule", *SCRAPED}}
    for expression in EXPRESSIONS:
        names = {selector.partition("{")[0] for selector in selectors(expression)}
        made = set(re.findall(r'label_replace\((?:.|\n)*?"(\w+)", "\$1"', expression))

        assert grouped(expression) <= made.union(*(known[name] for name in names)), expression


def test_every_panel_shows_something(scrape: list[Series], tmp_path: Path) -> None:
    wanted = {selector.partition("{")[0] for target in TARGETS for selector in selectors(target)}
    told = [
        {
            "series": f"{name}{{{quoted(labels)}}}",
            "values": f"{value!r}{'+0' if name in KUBE_STATE_METRICS else '+1'}x20",
        }
        for name, labels, value in scrape
        if name in wanted
    ]
    questions = [
        {"expr": f"absent({target})", "eval_time": "10m", "exp_samples": []}
        for target in map(filled, TARGETS)
        if BUG not in target
    ]
    case = {"interval": "1m", "input_series": told, "promql_expr_test": questions}
    (tmp_path / "tests.json").write_text(json.dumps({"evaluation_interval": "1m", "tests": [case]}))

    done = promtool("test", "rules", str(tmp_path / "tests.json"))

    assert done.returncode == 0, done.stdout + done.stderr
    assert len(questions) == len(TARGETS) - 1


def test_the_webhook_has_the_metric_of_bugs() -> None:
    metrics = Metrics()
    metrics.rule_failed("image-tag")

    assert f'{BUG}{{rule="image-tag"}} 1.0' in metrics.exposition("")[0].decode()


def test_every_alert_says_what_is_wrong_and_where_to_read_on() -> None:
    for rule in RULES:
        page, _, anchor = rule["annotations"]["runbook_url"].removeprefix(RUNBOOKS).partition("#")

        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert anchor in anchors(ROOT / page), rule["alert"]


def test_the_page_has_every_alert() -> None:
    text = (ROOT / "docs/monitoring.md").read_text()

    for rule in RULES:
        assert re.search(rf"^(\| `{rule['alert']}` \||### {rule['alert']}$)", text, re.MULTILINE), rule[
            "alert"
        ]


def test_the_page_has_every_metric_of_the_webhook(scrape: list[Series]) -> None:
    page = (ROOT / "docs/monitoring.md").read_text()
    told = re.findall(r"^\| `(jobwarden_\w+)` \|([^|]*)\|", page, re.MULTILINE)
    known = {BUG: {"rule"}}
    for name, labels, _ in scrape:
        if name.startswith("jobwarden_"):
            known[re.sub(r"(_seconds)_(bucket|count|sum)$", r"\1", name)] = {*labels} - {*SCRAPED, "le"}

    assert {name: set(re.findall(r"\w+", labels)) for name, labels in told} == known


def test_grafana_knows_every_field_of_the_dashboard() -> None:
    read = json.loads(json.dumps(Dashboard.from_json(DASHBOARD), cls=JSONEncoder))

    assert [*lost(DASHBOARD, read)] == []


def test_panels_stand_beside_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + column, place["y"] + line)
            for column in range(place["w"])
            for line in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert len({panel["title"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_every_panel_asks_the_chosen_source_in_the_chosen_namespaces() -> None:
    variables = {one["name"]: one for one in DASHBOARD["templating"]["list"]}
    for panel in PANELS:
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        for target in panel["targets"]:
            chosen = "apiserver_" in target["expr"] or re.search(
                r'namespace=~"\$(namespace|jobs)"', target["expr"]
            )
            assert chosen, target["expr"]
    assert set(variables) == {"datasource", "namespace", "jobs"}
    asked = {
        label: name
        for name in variables
        for label in re.findall(r"label_values\((\w+)", str(variables[name]))
    }
    assert asked == {"jobwarden_build_info": "namespace", "kube_job_info": "jobs"}


def counted(server: "ApiServer", what: str) -> bool:
    """Have a Job created, though not for good, and tell whether an API server has counted something since."""
    server.dry_run({**JOB, "metadata": {"name": "probe"}})
    return f"apiserver_admission_webhook_{what}" in server.request("GET", "/metrics").body


def change(server: "ApiServer", kind: str, **fields: Any) -> None:
    """Change the webhook of a configuration."""
    path = f"{CONFIGURATIONS}/{kind}webhookconfigurations/jobwarden"
    (webhook,) = server.request("GET", path).body["webhooks"]
    assert server.request("PATCH", path, {"webhooks": [{**webhook, **fields}]}).status == 200


def series(text: str, **labels: str) -> Iterator[Series]:
    """Iterate over the series of a scrape, to which Prometheus adds labels."""
    for name, told, value in re.findall(r"^(\w+)(?:{(.*)})? (\S+)$", text, re.MULTILINE):
        yield Series(name, dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', told)) | labels, float(value))


def filled(expression: str) -> str:
    """Put something in the place of Grafana's variables."""
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return expression


def selectors(expression: str) -> set[str]:
    """Return what an expression selects: the names of metrics, with what stands in braces."""
    return set(re.findall(r"\b(?:jobwarden|apiserver|kube|process)_\w+(?:{[^}]*})?", filled(expression)))


def selects(selector: str, one: Series) -> bool:
    """Tell whether a series is selected."""
    name, _, rest = selector.partition("{")
    matchers = re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', rest)
    return name == one.name and all(
        (
            re.fullmatch(value, one.labels.get(label, "")) is not None
            if "~" in how
            else one.labels.get(label, "") == value
        )
        != how.startswith("!")
        for label, how, value in matchers
    )


def grouped(expression: str) -> set[str]:
    """Return the labels by which an expression groups and joins."""
    groups = re.findall(r"\b(?:by|on|group_left) \(([^)]*)\)", expression)
    return {label for group in groups for label in re.findall(r"\w+", group)} - {"le"}


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page, as its readers make them of headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w-]", "", heading.lower().replace(" ", "-")) for heading in headings}


def lost(written: Any, read: Any, path: str = "") -> Iterator[str]:
    """Iterate over the places where something written was not read."""
    if isinstance(written, dict) and isinstance(read, dict):
        for key, value in written.items():
            yield from lost(value, read.get(key), f"{path}/{key}")
    elif isinstance(written, list) and isinstance(read, list) and len(written) == len(read):
        for index, value in enumerate(written):
            yield from lost(value, read[index], f"{path}/{index}")
    elif written != read:
        yield path
