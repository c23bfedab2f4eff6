"""The image is built from the Dockerfile, and serves as nobody in particular, on a root that is read-only."""

import http.client
import json
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lint.version import VERSION

if os.environ.get("JOBWARDEN_BUILD_IMAGE") != "1":
    pytest.skip("building an image takes long: JOBWARDEN_BUILD_IMAGE=1 asks for it", allow_module_level=True)
if (
    os.name != "posix"
    or os.geteuid() != 0
    or not all(map(shutil.which, ("buildah", "mmdebstrap", "nsenter")))
):
    pytest.skip("it takes root, buildah and mmdebstrap to build an image", allow_module_level=True)

ROOT = Path(__file__).parents[1]
PLACE = "opt/jobwarden"
INCLUDED = "python3,python3-venv,ca-certificates"
SETTINGS = ("index-url", "extra-index-url", "find-links", "trusted-host", "proxy", "timeout")
"""What this machine's pip may be told of where packages are."""

CA_FILES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
"""What may name the file that says whom this machine trusts."""

# What chroot isolation cannot do: a root that is read-only, for the user of the image.
READ_ONLY = """
set -e; root=$1 user=$2; shift 2
mount --rbind "$root" "$root"; mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"; mount --bind /dev "$root/dev"
exec chroot --userspec="$user" "$root" "$@"
"""


class Image(NamedTuple):
    """An image, with a container made of it."""

    container: str
    mount: str
    """Where the container's files are, for commands inside."""

    root: Path
    """Where they are for everybody."""

    config: dict[str, Any]
    """What the image says of how to run it."""

    inside: list[str]
    """What begins a command that is to see the mounts."""

    buildah: list[str]
    """The command, with the place of its files."""

    def run(self, *command: str) -> str:
        """Run a command as the image's user."""
        return done([*self.buildah, "run", "--isolation=chroot", self.container, "--", *command])


def done(command: list[str], folder: Path = ROOT) -> str:
    """Run a command, and return what it prints."""
    process = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert process.returncode == 0, f"{command} ends with {process.returncode}\n{process.stderr[-4000:]}"
    return process.stdout


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """Build the image on a bare Debian, with what this machine has: its packages, and its settings of pip."""
    folder = tmp_path_factory.mktemp("image")
    try:
        with own_mounts() as (inside, files):
            buildah, empty = begun(inside, folder)
            place = done([*buildah, "mount", empty]).strip()
            bare = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={INCLUDED}"]
            done([*inside, *bare, "bookworm", place])
            done([*buildah, "commit", "--quiet", "--rm", empty, "base"])
            build = [*buildah, "build", "--quiet", "--isolation=chroot", "--build-arg=BASE=localhost/base"]
            done([*build, *secrets(folder), "--tag=jobwarden", str(ROOT)])
            container = done([*buildah, "from", "jobwarden"]).strip()
            root = done([*buildah, "mount", container]).strip()
            seen = json.loads(done([*buildah, "inspect", "--type=image", "jobwarden"]))
            yield Image(container, root, files / root[1:], seen["OCIv1"]["config"], inside, buildah)
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # a gigabyte


@contextmanager
def own_mounts() -> Iterator[tuple[list[str], Path]]:
    """Hide mounts from everybody else until the block ends, whatever ends it.

    Returns what to begin a command with that is to see them, and where all files are with them.
    """
    holder = ["setpriv", "--pdeathsig=KILL", "unshare", "--mount", "sh", "-c", "echo; exec sleep infinity"]
    with subprocess.Popen(holder, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            process.stdout.readline()
            yield ["nsenter", f"--mount=/proc/{process.pid}/ns/mnt"], Path(f"/proc/{process.pid}/root")
        finally:
            process.kill()


def begun(inside: list[str], folder: Path) -> tuple[list[str], str]:
    """Return a buildah that works here, fast if possible, and an empty container."""
    problem = ""
    for driver in ("overlay", "vfs"):
        storage = [
            f"--root={folder}/{driver}",
            f"--runroot={folder}/run-{driver}",
            f"--storage-driver={driver}",
        ]
        process = subprocess.run(
            [*inside, "buildah", *storage, "from", "scratch"], capture_output=True, text=True, check=False
        )
        if process.returncode == 0:
            return [*inside, "buildah", *storage], process.stdout.strip()
        problem = process.stderr
    raise AssertionError(problem)


def secrets(folder: Path) -> Iterator[str]:
    """Tell the build where packages are, and whom to trust, as this machine's pip knows it."""
    told = done([sys.executable, "-m", "pip", "config", "list"]).splitlines()
    known = dict(line.partition(".")[2].split("=", 1) for line in told)
    lines = [f"{name} = {known[name][1:-1]}" for name in SETTINGS if name in known]
    named = [known.get("cert", "")[1:-1], *(os.getenv(name, "") for name in CA_FILES)]
    for ca in list(filter(os.path.isfile, named))[:1]:
        yield f"--secret=id=ca,src={ca}"
        lines.append("cert = /run/secrets/ca")
    file = folder / "pip.conf"
    file.write_text("\n".join(["[global]", *lines]))
    yield f"--secret=id=pip,src={file}"


def test_the_commands_run(image: Image) -> None:
    assert image.run("jobwarden-webhook", "--version") == f"jobwarden {VERSION}\n"
    assert image.run("jobwarden", "--version") == f"jobwarden {VERSION}\n"


def test_the_webhook_is_what_runs(image: Image) -> None:
    assert image.config["Entrypoint"] == ["jobwarden-webhook"]
    assert "Cmd" not in image.config


def test_the_user_is_a_number_and_not_root(image: Image) -> None:
    assert image.config["User"] == "65532:65532"
    assert image.run("python3", "-c", "import os; print(os.getuid(), os.getgid())") == "65532 65532\n"


def test_the_image_says_what_it_is(image: Image) -> None:
    assert image.config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert image.config["Labels"]["org.opencontainers.image.source"].startswith("https://")


def test_nothing_can_be_imported_from_the_working_directory(image: Image) -> None:
    assert list((image.root / image.config["WorkingDir"].lstrip("/")).iterdir()) == []


def test_the_user_can_write_to_nothing_of_ours(image: Image) -> None:
    found = [
        path
        for path in [image.root / PLACE, *(image.root / PLACE).rglob("*")]
        if not path.is_symlink() and (path.stat().st_uid or path.stat().st_gid or path.stat().st_mode & 0o022)
    ]

    assert found == []


def test_what_builds_stays_behind(image: Image) -> None:
    for name in ("src", "dist", "build", "etc/pip.conf", "run/secrets", "root/.cache", "root/.config"):
        assert not (image.root / name).exists(), name
    installed = {path.name for path in (image.root / PLACE).glob("lib/*/site-packages/*")}
    assert {"lint", "webhook", "uvicorn"} <= installed
    assert not installed & {"pip", "setuptools", "hatchling", "pytest"}


def test_everything_is_byte_code_that_is_not_checked_again(image: Image) -> None:
    sources = list((image.root / PLACE).glob("lib/*/site-packages/[lw]*/*.py"))
    (tag,) = {path.name.split(".")[-2] for path in sources[0].parent.glob("__pycache__/*.pyc")}

    for source in sources:
        compiled = source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"
        assert compiled.read_bytes()[4:8] == b"\1\0\0\0", compiled  # by hash, and unchecked


def test_it_serves_on_a_read_only_root_and_ends_when_told(image: Image) -> None:
    flags = ["--no-cluster", "--tls-self-signed", "--port=0", "--probe-port=0", "--shutdown-delay=0"]
    with running(image, "/opt/jobwarden/bin/jobwarden-webhook", "serve", *flags) as process:
        assert process.stdout
        ports = json.loads(process.stdout.readline())
        ready, _ = ask(ports["probePort"], "/readyz")
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request()}
        status, answer = ask(ports["port"], "/mutate", review)
        process.terminate()

        assert (ready, status) == (200, 200)
        assert json.loads(answer)["response"]["patchType"] == "JSONPatch"
        assert process.wait(15) == 0


def test_the_root_is_read_only_there(image: Image) -> None:
    with running(image, "/usr/bin/touch", "/tmp/file") as process:  # noqa: S108 - that of the container
        assert process.wait(15) == 1


@contextmanager
def running(image: Image, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in the files of an image, as its user, until the block ends."""
    outer = [*image.inside, "unshare", "--mount", "sh", "-c", READ_ONLY]
    outer += ["sh", image.mount, image.config["User"]]
    with subprocess.Popen([*outer, *command], stdout=subprocess.PIPE, env={}) as process:
        try:
            yield process
        finally:
            process.kill()


def ask(port: int, path: str, body: Any = None) -> tuple[int, bytes]:
    """Ask for something, over HTTPS if it is JSON to be judged, and return the status and what comes back."""
    if body is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    else:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # it is made on the spot
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
    with closing(connection):
        if body is None:
            connection.request("GET", path)
        else:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()


def request() -> dict[str, Any]:
    """Return the request to create a Job that says nothing of its time to live."""
    containers = [{"name": "work", "image": "example:1"}]
    spec = {"template": {"spec": {"restartPolicy": "Never", "containers": containers}}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "example"}, "spec": spec}
    return {
        "uid": "example",
        "resource": {"group": "batch", "version": "v1", "resource": "jobs"},
        "operation": "CREATE",
        "namespace": "default",
        "userInfo": {"username": "alice"},
        "object": job,
    }
