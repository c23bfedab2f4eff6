"""When the shipped alerts fire, and when they are silent, as Prometheus evaluates them: a sample a minute."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

FOLDER = Path(__file__).parents[1] / "manifests" / "components" / "monitoring"
PROMTOOL = shutil.which("promtool") or "/usr/bin/promtool"
API = "apiserver_admission_webhook_"
RULES = [
    rule
    for file in ("alerts.yaml", "jobs.yaml")
    for group in yaml.safe_load((FOLDER / file).read_text())["spec"]["groups"]
    for rule in group["rules"]
]

WELL = {
    'jobwarden_build_info{pod="a"}': "1x150",
    'jobwarden_build_info{pod="b"}': "1x150",
    'jobwarden_policy_info{pod="a",hash="0123"}': "1x150",
    'jobwarden_policy_info{pod="b",hash="0123"}': "1x150",
    'jobwarden_policy_reload_failed{pod="a"}': "0x150",
    'jobwarden_ca_bundle_verifies{pod="a"}': "1x150",
    'jobwarden_certificate_expiry_timestamp_seconds{certificate="leaf",pod="a"}': "2592000x150",
    'jobwarden_requests_refused_total{reason="failed"}': "0x150",
    'jobwarden_requests_refused_total{reason="late"}': "0x150",
    'jobwarden_admission_reviews_total{webhook="validate",kind="Job",verdict="allowed"}': "0+10x150",
}
"""Two replicas with which nothing is wrong."""

FIRING = 'ALERTS{alertstate="firing"}'
HOUR, DAY = 3600, 86400


class Case(NamedTuple):
    """Series besides those of WELL, and the alerts that fire at some minutes: name, severity and labels."""

    series: dict[str, str]
    firing: dict[int, list[str]]


def quoted(labels: dict[str, str]) -> str:
    """Write labels as Prometheus does."""
    return ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items())


def called(metric: str, **labels: str) -> str:
    """Return a series of an API server about a webhook of ours."""
    return f"{API}{metric}{{{quoted({'name': 'validate.jobwarden.io', **labels})}}}"


def job(metric: str, **labels: str) -> str:
    """Return a series of kube-state-metrics about a Job."""
    return f"kube_job_{metric}{{{quoted({'namespace': 'batch', 'job_name': 'report-1', **labels})}}}"


def cronjob(metric: str) -> str:
    """Return one about a CronJob."""
    return f"kube_cronjob_{metric}{{{quoted({'namespace': 'batch', 'cronjob': 'report'})}}}"


OWNED = {job("owner", owner_kind="CronJob", owner_name="report", owner_is_controller="true"): "1x150"}
FAILED = {job("failed", condition="true"): "1x150", job("failed", condition="false"): "0x150"}

CASES = {
    "all is well, in two replicas": Case({}, {0: [], 5: [], 40: []}),
    "nobody reports": Case(dict.fromkeys(WELL, "_x5"), {9: [], 11: ["JobwardenAbsent critical"]}),
    "one of two replicas goes": Case({'jobwarden_build_info{pod="b"}': "1x20 stale"}, {40: []}),
    "failures of others, and denials": Case(
        {
            called("fail_open_count", name="other.example.com"): "0+1x150",
            called(
                "rejection_count", name="other.example.com", error_type="calling_webhook_error"
            ): "0+1x150",
            called("rejection_count", error_type="no_error"): "0+1x150",
        },
        {20: [], 40: []},
    ),
    "the first request that ever passed unseen": Case(
        {called("fail_open_count"): "_x20 1x150"},
        {19: [], 21: ["JobwardenFailsOpen warning name=validate.jobwarden.io"], 32: []},
    ),
    "one more failure of each kind": Case(
        {
            called("fail_open_count"): "1x20 2x150",
            called("rejection_count", error_type="calling_webhook_error"): "1x20 2x150",
            called("rejection_count", error_type="apiserver_internal_error"): "1x20 2x150",
        },
        {
            19: [],
            21: [
                "JobwardenBreaksRequests critical name=validate.jobwarden.io",
                "JobwardenCallsFail critical name=validate.jobwarden.io",
                "JobwardenFailsOpen warning name=validate.jobwarden.io",
            ],
            32: [],
        },
    ),
    "an API server that starts anew counts from 0": Case(
        {called("fail_open_count"): "7x20 0x150"},
        {19: [], 21: [], 32: []},
    ),
    "a call that failed, for the first time, with failurePolicy Fail": Case(
        {called("rejection_count", error_type="calling_webhook_error"): "_x20 1x150"},
        {19: [], 21: ["JobwardenCallsFail critical name=validate.jobwarden.io"], 32: []},
    ),
    "a patch that cannot be applied": Case(
        {called("rejection_count", error_type="apiserver_internal_error"): "_x20 1x150"},
        {19: [], 21: ["JobwardenBreaksRequests critical name=validate.jobwarden.io"], 32: []},
    ),
    "one call in fifty is slow": Case(
        {
            called("admission_duration_seconds_bucket", le="0.5"): "0+98x150",
            called("admission_duration_seconds_bucket", le="1.0"): "0+98x150",
            called("admission_duration_seconds_bucket", le="2.5"): "0+100x150",
            called("admission_duration_seconds_bucket", le="+Inf"): "0+100x150",
        },
        {10: [], 20: ["JobwardenSlow warning name=validate.jobwarden.io"]},
    ),
    "all calls take a third of a second": Case(
        {
            called("admission_duration_seconds_bucket", le="0.1"): "0x150",
            called("admission_duration_seconds_bucket", le="0.5"): "0+100x150",
            called("admission_duration_seconds_bucket", le="+Inf"): "0+100x150",
        },
        {20: []},
    ),
    "a single slow call": Case(
        {
            called("admission_duration_seconds_bucket", le="1.0"): "0x150",
            called("admission_duration_seconds_bucket", le="2.5"): "0x20 1x150",
            called("admission_duration_seconds_bucket", le="+Inf"): "0x20 1x150",
        },
        {22: [], 26: [], 32: []},
    ),
    "requests wait for too long": Case(
        {'jobwarden_requests_refused_total{reason="late"}': "0x20 1+1x150"},
        {23: [], 30: ["JobwardenOverloaded warning reason=late"]},
    ),
    "a scanner": Case({'jobwarden_requests_refused_total{reason="malformed"}': "0+60x150"}, {20: []}),
    "a bug, at one object": Case(
        {'jobwarden_requests_refused_total{reason="failed"}': "0x5 1x150"},
        {4: [], 6: ["JobwardenDecidesNothing warning"], 70: []},
    ),
    "a bug of a rule": Case(
        {'jobwarden_rule_errors_total{rule="image-tag"}': "_x5 1x150"},
        {4: [], 6: ["JobwardenRuleFails warning rule=image-tag"], 72: []},
    ),
    "one more bug of it": Case(
        {'jobwarden_rule_errors_total{rule="image-tag"}': "1x65 2x150"},
        {64: [], 66: ["JobwardenRuleFails warning rule=image-tag"]},
    ),
    "an edited policy that cannot be read": Case(
        {'jobwarden_policy_reload_failed{pod="a",namespace="jobwarden"}': "0x20 1x20 0x180"},
        {24: [], 27: ["JobwardenPolicyReloadFailed warning namespace=jobwarden pod=a"], 82: []},
    ),
    "one replica does not follow": Case(
        {
            'jobwarden_policy_info{pod="a",hash="0123"}': "1x20 stale",
            'jobwarden_policy_info{pod="a",hash="4567"}': "_x21 1x150",
        },
        {34: [], 38: ["JobwardenPoliciesDiffer warning"]},
    ),
    "both follow, one of them later": Case(
        {
            'jobwarden_policy_info{pod="a",hash="0123"}': "1x20 stale",
            'jobwarden_policy_info{pod="a",hash="4567"}': "_x21 1x150",
            'jobwarden_policy_info{pod="b",hash="0123"}': "1x22 stale",
            'jobwarden_policy_info{pod="b",hash="4567"}': "_x23 1x150",
        },
        {22: [], 38: []},
    ),
    "one in three is denied": Case(
        {'jobwarden_admission_reviews_total{webhook="validate",kind="Job",verdict="denied"}': "0x20 0+5x150"},
        {19: [], 40: [], 60: ["JobwardenDenialsSpike warning kind=Job"]},
    ),
    "one in eleven is denied": Case(
        {'jobwarden_admission_reviews_total{webhook="validate",kind="Job",verdict="denied"}': "0+1x150"},
        {45: []},
    ),
    "all of ten are denied": Case(
        {
            'jobwarden_admission_reviews_total{webhook="validate",kind="Job",verdict="allowed"}': "0x150",
            'jobwarden_admission_reviews_total{webhook="validate",kind="Job",verdict="denied"}': "0x5 0+1x10",
        },
        {25: [], 40: []},
    ),
    "an edit of the policy, and a rule that begins to deny": Case(
        {
            'jobwarden_policy_info{pod="a",hash="0123"}': "1x70 stale",
            'jobwarden_policy_info{pod="a",hash="4567"}': "_x71 1x180",
            'jobwarden_policy_info{pod="b",hash="0123"}': "1x70 stale",
            'jobwarden_policy_info{pod="b",hash="4567"}': "_x71 1x180",
            'jobwarden_findings_total{rule="image-tag",verdict="denied"}': "_x71 0+1x180",
            'jobwarden_findings_total{rule="ttl-missing",verdict="warned"}': "_x71 0+1x180",
            'jobwarden_findings_total{rule="cron-syntax",verdict="denied"}': "0+1x150",
        },
        {69: [], 90: ["JobwardenDenialsAfterEdit warning rule=image-tag"], 140: []},
    ),
    "a rule that begins to deny, under the same policy": Case(
        {'jobwarden_findings_total{rule="image-tag",verdict="denied"}': "0x70 0+1x180"}, {90: [], 110: []}
    ),
    "a certificate that is not renewed": Case(
        {
            'jobwarden_certificate_expiry_timestamp_seconds{certificate="leaf",pod="a"}': "1209500x150",
        },
        {55: [], 65: ["JobwardenCertificateExpires warning certificate=leaf"]},
    ),
    "a certificate that ends tomorrow": Case(
        {'jobwarden_certificate_expiry_timestamp_seconds{certificate="ca",pod="a"}': f"{DAY}x150"},
        {
            1: ["JobwardenCertificateExpires critical certificate=ca"],
            61: [
                "JobwardenCertificateExpires critical certificate=ca",
                "JobwardenCertificateExpires warning certificate=ca",
            ],
        },
    ),
    "a caBundle that does not fit": Case(
        {'jobwarden_ca_bundle_verifies{pod="a"}': "1x20 0x150"},
        {24: [], 27: ["JobwardenCABundleDoesNotVerify critical pod=a"]},
    ),
    "a caBundle that is mended in time": Case(
        {'jobwarden_ca_bundle_verifies{pod="a"}': "1x20 0x3 1x150"}, {23: [], 27: []}
    ),
    "a Job has failed": Case(
        FAILED, {14: [], 16: ["KubeJobFailed warning job_name=report-1 namespace=batch"]}
    ),
    "a Job is complete": Case({job("complete", condition="true"): "1x150"}, {16: [], 40: []}),
    "the last run of a CronJob has failed": Case(
        {
            **FAILED,
            **OWNED,
            job("status_start_time"): "7200x150",
            cronjob("status_last_successful_time"): "3600x150",
            cronjob("created"): "0x150",
        },
        {14: [], 16: ["KubeCronJobFailed warning cronjob=report namespace=batch"]},
    ),
    "no run of a CronJob has ever succeeded": Case(
        {**FAILED, **OWNED, job("status_start_time"): "7200x150", cronjob("created"): "0x150"},
        {14: [], 16: ["KubeCronJobFailed warning cronjob=report namespace=batch"]},
    ),
    "the run after it has succeeded": Case(
        {
            **FAILED,
            **OWNED,
            job("status_start_time"): "7200x150",
            cronjob("status_last_successful_time"): "10800x150",
            cronjob("created"): "0x150",
        },
        {16: [], 40: []},
    ),
    "a Job without a deadline runs on": Case(
        {job("status_start_time"): f"{-12 * HOUR + 600}x150", job("status_active"): "1x150"},
        {9: [], 11: ["KubeJobNotCompleted warning job_name=report-1 namespace=batch"]},
    ),
    "it has ended": Case(
        {job("status_start_time"): f"{-12 * HOUR + 600}x150", job("status_active"): "0x150"}, {11: []}
    ),
    "a Job with a deadline runs on": Case(
        {
            job("status_start_time"): f"{-12 * HOUR + 600}x150",
            job("status_active"): "1x150",
            job("spec_active_deadline_seconds"): f"{DAY}x150",
        },
        {61: []},
    ),
    "a Job nears its deadline": Case(
        {
            job("status_start_time"): "0x150",
            job("status_active"): "1x150",
            job("spec_active_deadline_seconds"): f"{HOUR}x150",
        },
        {47: [], 49: ["KubeJobNearsDeadline warning job_name=report-1 namespace=batch"]},
    ),
    "a short Job nears its deadline": Case(
        {
            job("status_start_time"): "0x150",
            job("status_active"): "1x150",
            job("spec_active_deadline_seconds"): "600x150",
        },
        {9: []},
    ),
    "Pods of a Job wait": Case(
        {
            f'kube_pod_owner{{namespace="batch",pod="{pod}",owner_kind="Job",owner_name="report-1"}}': "1x150"
            for pod in ("a", "b", "c")
        }
        | {f'kube_pod_status_phase{{namespace="batch",pod="{pod}",phase="Pending"}}': "1x150" for pod in "ab"}
        | {'kube_pod_status_phase{namespace="batch",pod="c",phase="Running"}': "1x150"},
        {59: [], 61: ["KubeJobPodsPending warning namespace=batch owner_name=report-1"]},
    ),
    "Pods of somebody else wait": Case(
        {
            'kube_pod_owner{namespace="batch",pod="a",owner_kind="ReplicaSet",owner_name="x"}': "1x150",
            'kube_pod_status_phase{namespace="batch",pod="a",phase="Pending"}': "1x150",
        },
        {61: []},
    ),
    "a run does not start": Case(
        {
            cronjob("next_schedule_time"): "600x150",
            cronjob("status_active"): "0x150",
            cronjob("spec_suspend"): "0x150",
        },
        {29: [], 31: ["KubeCronJobMissesRuns warning cronjob=report namespace=batch"]},
    ),
    "the run before goes on": Case(
        {
            cronjob("next_schedule_time"): "600x150",
            cronjob("status_active"): "1x150",
            cronjob("spec_suspend"): "0x150",
        },
        {32: []},
    ),
    "a CronJob that was suspended waits for its next run": Case(
        {
            cronjob("next_schedule_time"): "_x20 600x150",
            cronjob("status_active"): "0x150",
            cronjob("spec_suspend"): "1x19 0x150",
        },
        {50: []},
    ),
}


def test_prometheus_takes_the_rules(tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text(json.dumps({"groups": [{"name": "all", "rules": RULES}]}))

    done = promtool("check", "rules", str(tmp_path / "rules.json"))

    assert f"SUCCESS: {len(RULES)} rules found" in done.stdout, done.stderr


@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires_in_time(tmp_path: Path, name: str) -> None:
    series, firing = CASES[name]
    jobs = any(key.startswith("kube_") for key in series)
    rules = [rule for rule in RULES if ("kube_" in rule["expr"]) == jobs]  # the others would take their time
    told = [{"series": key, "values": values} for key, values in (series if jobs else WELL | series).items()]
    questions = [
        {"eval_time": f"{minute}m", "expr": FIRING, "exp_samples": [*map(sample, alerts)]}
        for minute, alerts in firing.items()
    ]
    case = {"interval": "1m", "input_series": told, "promql_expr_test": questions}
    tests = {"rule_files": ["rules.json"], "evaluation_interval": "1m", "tests": [case]}
    (tmp_path / "rules.json").write_text(json.dumps({"groups": [{"name": "all", "rules": rules}]}))
    (tmp_path / "tests.json").write_text(json.dumps(tests))

    done = promtool("test", "rules", str(tmp_path / "tests.json"))

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_fires_in_some_case() -> None:
    fired = {alert for case in CASES.values() for alerts in case.firing.values() for alert in alerts}
    shipped = {f"{rule['alert']} {rule['labels']['severity']}" for rule in RULES}

    assert {" ".join(alert.split()[:2]) for alert in fired} == shipped


def sample(alert: str) -> dict[str, Any]:
    """Return what Prometheus says of an alert that fires."""
    name, severity, *labels = alert.split()
    told = {"alertname": name, "alertstate": "firing", "severity": severity}
    return {"labels": f"ALERTS{{{quoted(told | dict(one.split('=') for one in labels))}}}", "value": 1}


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run promtool, where there is one."""
    if not os.access(PROMTOOL, os.X_OK):
        pytest.skip("there is no promtool: it is part of the Debian package prometheus")
    return subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False)
