"""Flags and environment variables of `jobwarden-webhook`."""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lint.version import VERSION
from webhook import settings
from webhook.settings import Settings, UserError, add_arguments, from_environment

ALONE = ("--no-cluster", "--tls-self-signed")


def read(*arguments: str, **environment: str) -> Settings:
    """Read settings as the command does."""
    parser = argparse.ArgumentParser(allow_abbrev=False, exit_on_error=False)
    add_arguments(parser)
    return settings.read(parser.parse_args([*from_environment(environment), *arguments]))


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "webhook", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[1],
        env={**os.environ, **environment},
    )


def test_without_flags_it_runs_in_a_pod() -> None:
    assert read() == Settings(
        host="", port=8443, probe_port=8080, shutdown_delay=5, log_level="info", policy="", default_mode="",
        kubeconfig="", no_cluster=False, tls_cert="", tls_key="", tls_self_signed=False,
        namespace="jobwarden",
        service="jobwarden", secret="jobwarden-tls",  # noqa: S106 - its name
        mutating_configuration="jobwarden",
        validating_configuration="jobwarden",
    )  # fmt: skip


def test_the_namespace_is_that_of_the_pod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "namespace").write_text("batch-system")
    monkeypatch.setattr(settings, "_NAMESPACE_FILE", str(tmp_path / "namespace"))

    assert read().namespace == "batch-system"
    assert read("--namespace=other").namespace == "other"


@pytest.mark.parametrize(
    ("variable", "value", "field", "expected"),
    [
        ("HOST", "127.0.0.1", "host", "127.0.0.1"),
        ("PORT", "9443", "port", 9443),
        ("PROBE_PORT", "0", "probe_port", 0),
        ("SHUTDOWN_DELAY", "0.5", "shutdown_delay", 0.5),
        ("LOG_LEVEL", "debug", "log_level", "debug"),
        ("POLICY", "-x", "policy", "-x"),
        ("MUTATING_CONFIGURATION", "a", "mutating_configuration", "a"),
        ("TLS_SELF_SIGNED", "true", "tls_self_signed", True),
        ("TLS_SELF_SIGNED", "0", "tls_self_signed", False),
        ("TLS_SELF_SIGNED", "", "tls_self_signed", False),
        ("PORT", "", "port", 8443),
    ],
)
def test_each_flag_is_read_from_the_environment_too(
    variable: str, value: str, field: str, expected: Any
) -> None:
    assert getattr(read(**{f"JOBWARDEN_{variable}": value}), field) == expected


def test_the_command_line_wins() -> None:
    assert read("--port=1", JOBWARDEN_PORT="2").port == 1


def test_what_kubernetes_sets_beside_a_service_is_no_setting() -> None:
    links = {
        "JOBWARDEN_PORT": "tcp://10.96.0.7:443",
        "JOBWARDEN_PORT_443_TCP": "tcp://10.96.0.7:443",
        "JOBWARDEN_PROBE_PORT": "udp://10.96.0.7:80",
        "JOBWARDEN_SERVICE_HOST": "10.96.0.7",
        "JOBWARDEN_SERVICE_PORT": "443",
    }

    assert read(**links) == read()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tls-cert=a"], "--tls-cert and --tls-key go together: give both"),
        (["--tls-key=a"], "--tls-cert and --tls-key go together: give both"),
        (["--tls-cert=a", "--tls-key=b", "--tls-self-signed"], "give one of them"),
        (["--no-cluster"], "give --tls-self-signed, or --tls-cert and --tls-key"),
        ([*ALONE, "--kubeconfig=a"], "give one of them"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(*arguments)


def test_a_switch_is_on_or_off() -> None:
    with pytest.raises(UserError, match="JOBWARDEN_NO_CLUSTER takes true or false, not 'perhaps'"):
        read(JOBWARDEN_NO_CLUSTER="perhaps")


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--port=http", "argument --port: a port is a number from 0 to 65535, not 'http'"),
        ("--port=65536", "not '65536'"),
        ("--shutdown-delay=-1", "it takes a number of seconds, not '-1'"),
        ("--shutdown-delay=nan", "not 'nan'"),
        ("--log-level=loud", "argument --log-level: invalid choice: 'loud'"),
        ("--kube=x", "unrecognized arguments: --kube=x"),
    ],
)
def test_wrong_values_end_with_status_2(argument: str, message: str) -> None:
    done = run("serve", argument)

    assert done.returncode == 2
    assert message in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--policy=missing.yaml"], "missing.yaml: no such file or directory"),
        (["--policy=pyproject.toml"], "the policy cannot be used\npyproject.toml:1: "),
        (["--host=192.0.2.1"], "cannot listen on 192.0.2.1, port 0: "),
        (["--host=no.such.host.invalid"], "cannot listen on no.such.host.invalid, port 0: "),
    ],
)
def test_what_cannot_be_used_ends_with_status_2_and_one_message(arguments: list[str], message: str) -> None:
    done = run("serve", *ALONE, "--port=0", "--probe-port=0", *arguments)

    assert done.returncode == 2
    assert done.stderr.startswith(f"jobwarden-webhook: {message}")
    assert "Traceback" not in done.stderr


def test_certificates_that_cannot_be_served_end_with_status_2(tmp_path: Path) -> None:
    files = [f"--tls-cert={tmp_path}/tls.crt", f"--tls-key={tmp_path}/tls.key"]
    ports = ("--port=0", "--probe-port=0")
    missing = run("serve", "--no-cluster", *ports, *files)
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).write_text("nothing")
    broken = run("serve", "--no-cluster", *ports, *files)

    assert (missing.returncode, broken.returncode) == (2, 2)
    assert missing.stderr == f"jobwarden-webhook: {tmp_path}/tls.crt: no such file or directory\n"
    assert "the certificate cannot be read" in broken.stderr


def test_without_a_cluster_to_be_found_it_ends_with_status_2() -> None:
    done = run("serve", "--port=0", "--probe-port=0", KUBERNETES_SERVICE_HOST="")

    assert done.returncode == 2
    assert done.stderr.endswith("without a cluster, give --no-cluster\n")


def test_help_names_each_variable() -> None:
    text = run("serve", "--help", COLUMNS="80").stdout

    for field in Settings._fields:
        assert f"[JOBWARDEN_{field.upper()}]" in " ".join(text.split())


def test_the_version_is_told() -> None:
    assert run("--version").stdout == f"jobwarden {VERSION}\n"


@pytest.mark.parametrize("arguments", [[], ["lint"]])
def test_a_command_is_needed(arguments: list[str]) -> None:
    done = run(*arguments)

    assert done.returncode == 2
    assert done.stderr.startswith("usage: jobwarden-webhook")


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"]])
def test_help_loads_nothing_that_it_does_not_need(arguments: list[str]) -> None:
    script = "import sys; from webhook.cli import _run\ntry: _run(sys.argv[1:])\nexcept SystemExit: pass\n"
    script += "print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[1],
    )
    heavy = {"asyncio", "cryptography", "kubernetes", "prometheus_client", "pydantic", "starlette", "uvicorn"}

    assert heavy & set(done.stderr.split()) == set()
