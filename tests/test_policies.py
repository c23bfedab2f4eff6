"""The policy changes under a running server, and is never lost."""

import asyncio
import hashlib
import logging
import time
from contextlib import suppress
from pathlib import Path

import pytest

from lint.policy import Mode, Policy
from lint.policy_file import PolicyError
from webhook.metrics import Metrics
from webhook.policies import Policies

GOOD, OTHER, BROKEN = "mode: warn\n", "mode: audit\n", "mode: soon\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the path of a policy that can be used."""
    path = tmp_path / "jobwarden.yaml"
    path.write_text(GOOD)
    return path


def hash_of(text: str) -> str:
    """Return what metrics and the log call a policy by."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def exposition(metrics: Metrics) -> str:
    """Return what Prometheus is told."""
    return metrics.exposition("")[0].decode()


def test_without_a_file_it_is_the_default_policy() -> None:
    metrics = Metrics()
    policies = Policies("", None, metrics)

    assert policies.policy.settings == Policy().settings
    assert 'jobwarden_policy_info{hash="default"} 1.0' in exposition(metrics)


def test_the_policy_is_that_of_the_file(file: Path) -> None:
    metrics = Metrics()

    assert Policies(str(file), None, metrics).policy.webhook.mode == Mode.WARN
    assert f'jobwarden_policy_info{{hash="{hash_of(GOOD)}"}} 1.0' in exposition(metrics)


def test_the_version_of_the_server_takes_the_place_of_that_of_the_file(file: Path) -> None:
    file.write_text('kubernetesVersion: "1.30"\nmode: warn\n')

    assert Policies(str(file), None, Metrics()).policy.minor == 30
    policy = Policies(str(file), 36, Metrics()).policy
    assert (policy.minor, policy.webhook.mode) == (36, Mode.WARN)


@pytest.mark.parametrize("content", [b"mode: soon\n", b"\xff", b"a: [\n"])
def test_there_is_no_start_with_a_broken_policy(file: Path, content: bytes) -> None:
    file.write_bytes(content)

    with pytest.raises(PolicyError, match=r"jobwarden\.yaml"):
        Policies(str(file), None, Metrics())


def test_there_is_no_start_with_a_missing_policy(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Policies(str(tmp_path / "jobwarden.yaml"), None, Metrics())


def test_a_file_that_changes_is_used(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    metrics = Metrics()
    policies = Policies(str(file), None, metrics)
    file.write_text(OTHER)

    policies.look()

    assert policies.policy.webhook.mode == Mode.AUDIT
    assert f'hash="{hash_of(OTHER)}"' in exposition(metrics)
    assert f'hash="{hash_of(GOOD)}"' not in exposition(metrics)
    assert caplog.records[-1].__dict__["fields"] == {"policy": hash_of(OTHER)}


def test_a_file_that_does_not_change_is_left_alone(file: Path) -> None:
    policies = Policies(str(file), None, Metrics())
    before = policies.policy

    policies.look()

    assert policies.policy is before


def test_a_link_that_is_turned_is_followed(tmp_path: Path) -> None:
    for name, text in (("..1", GOOD), ("..2", OTHER)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "jobwarden.yaml").write_text(text)
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "jobwarden.yaml").symlink_to("..data/jobwarden.yaml")
    policies = Policies(str(tmp_path / "jobwarden.yaml"), None, Metrics())
    (tmp_path / "..data_tmp").symlink_to("..2")
    (tmp_path / "..data_tmp").replace(tmp_path / "..data")

    policies.look()

    assert policies.policy.webhook.mode == Mode.AUDIT


def test_a_broken_file_is_told_once_and_the_last_policy_stays(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = Metrics()
    policies = Policies(str(file), None, metrics)
    file.write_text(BROKEN)
    for _ in range(3):
        policies.look()

    assert policies.policy.webhook.mode == Mode.WARN
    assert "jobwarden_policy_reload_failed 1.0" in exposition(metrics)
    (message,) = caplog.messages
    assert "jobwarden.yaml:1: mode: " in message


def test_a_missing_file_is_told_once_and_waited_for(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    policies = Policies(str(file), None, metrics)
    file.unlink()
    policies.look()
    policies.look()
    assert "jobwarden_policy_reload_failed 1.0" in exposition(metrics)
    file.write_text(GOOD)
    policies.look()

    assert "jobwarden_policy_reload_failed 0.0" in exposition(metrics)
    (message,) = caplog.messages
    assert "No such file" in message


def test_a_mended_file_is_used(file: Path) -> None:
    metrics = Metrics()
    policies = Policies(str(file), None, metrics)
    for text in (BROKEN, OTHER):
        file.write_text(text)
        policies.look()

    assert policies.policy.webhook.mode == Mode.AUDIT
    assert "jobwarden_policy_reload_failed 0.0" in exposition(metrics)


def put(path: Path, text: str) -> None:
    """Write a file at once, as the kubelet does: who writes one in place may be met when it is empty."""
    (path.parent / "new").write_text(text)
    (path.parent / "new").replace(path)


def test_the_file_is_looked_at_again_and_again(file: Path) -> None:
    policies = Policies(str(file), None, Metrics())

    async def wait() -> None:
        task = asyncio.create_task(policies.watch(0.01))
        end = time.monotonic() + 120
        for text, mode in ((OTHER, Mode.AUDIT), (BROKEN, Mode.AUDIT), (GOOD, Mode.WARN)):
            await asyncio.to_thread(put, file, text)
            while policies.policy.webhook.mode != mode:
                assert time.monotonic() < end
                await asyncio.sleep(0.01)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(wait())


def test_a_default_mode_stands_above_that_of_the_policy(tmp_path: Path) -> None:
    path = tmp_path / "jobwarden.yaml"
    path.write_text("mode: warn\n")

    assert Policies(str(path), None, Metrics()).policy.webhook.mode == Mode.WARN
    assert Policies(str(path), None, Metrics(), Mode.AUDIT).policy.webhook.mode == Mode.AUDIT
