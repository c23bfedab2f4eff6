"""Charts and kustomizations, read as what Helm and Kustomize make of them; nothing else runs programs."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Container, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from lint.walk import STDIN, Entry, Rendered, Unreadable, files

SECONDS = 60.0
"""How long a program may take for a folder."""

_CHART = "Chart.yaml"
_BARE = "Kustomization"
_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", _BARE)
_LIBRARY = rb"^type:[ \t]*[\"']?library\b"
_COMPONENT = rb"^kind:[ \t]*[\"']?Component\b"
_LOGGED = r'err="((?:[^"\\]|\\.)*)"'
"""How kubectl tells an error."""

_LONGEST = 800
"""Characters of an error that are shown."""


class MisuseError(Exception):
    """Something about the options that the user can mend."""


class FailedError(Exception):
    """A program did not do what it should; the message says why."""


class Settings(NamedTuple):
    """What the user has to say on rendering."""

    values: tuple[str, ...] = ()
    """Files with values for charts; the last one wins."""

    version: str = ""
    """The minor of Kubernetes that charts are for, as `1.34`; empty: the one that Helm takes."""

    seconds: float = SECONDS


def settings(values: Sequence[str], version: str) -> Settings:
    """Check the values files before anything runs.

    Raises:
        MisuseError: one of them is no file.
    """
    for path in values:
        if not os.path.isfile(path):
            reason = "not a file" if os.path.exists(path) else "no such file"
            raise MisuseError(f"--values {path}: {reason}")
    return Settings(tuple(map(os.path.abspath, values)), version)


def entries(paths: Sequence[str], given: Settings) -> list[Entry]:
    """Find what to read: what was rendered, and the files that no rendered folder holds; sorted by path."""
    found = list(files(paths, (_BARE,)))
    roots = _roots(found)
    kept = [one for one in found if not _is_bare(one, paths) and not _is_below(_path(one), roots)]
    named = {os.path.normpath(path): path for path in paths}
    return sorted((*kept, *(_rendered(marker, named, given) for marker in roots.values())), key=_path)


def _path(one: Entry) -> str:
    return one if isinstance(one, str) else one.path


def _is_bare(one: str | Unreadable, paths: Container[str]) -> bool:
    """Tell whether only its name, which is not that of a manifest, brought it in."""
    path = _path(one)
    return path.endswith(_BARE) and path not in paths


def _roots(found: Sequence[str | Unreadable]) -> dict[str, str]:
    """Return the folders to render, each with the file that says so; a chart goes before a kustomization."""
    roots: dict[str, str] = {}
    for path in found:
        name = os.path.basename(_path(path))
        if isinstance(path, Unreadable) or name not in (_CHART, *_KUSTOMIZATIONS):
            continue
        folder = os.path.dirname(os.path.abspath(path))
        known = os.path.basename(roots.get(folder, ""))
        if known != _CHART and (name == _CHART or not known) and _stands_alone(path, name):
            roots[folder] = path
    return {folder: path for folder, path in roots.items() if not _is_part(folder, roots)}


def _stands_alone(path: str, name: str) -> bool:
    """Tell whether it can be rendered: library charts and components only ever are parts of others."""
    try:
        with open(path, "rb") as file:
            text = file.read()
    except OSError:  # the program will say so
        return True
    return re.search(_LIBRARY if name == _CHART else _COMPONENT, text, re.MULTILINE) is None


def _above(path: str) -> Iterator[tuple[str, str]]:
    """Iterate over the folders above an absolute path, each with the name of what leads down from it."""
    above, name = os.path.split(path)
    while name:
        yield above, name
        above, name = os.path.split(above)


def _is_part(folder: str, roots: Container[str]) -> bool:
    """Tell whether a folder is rendered with one above it: a chart of a chart, or some of its templates."""
    return any(name in ("charts", "templates") and above in roots for above, name in _above(folder))


def _is_below(path: str, roots: Container[str]) -> bool:
    return path != STDIN and any(above in roots for above, _ in _above(os.path.abspath(path)))


def _rendered(marker: str, named: dict[str, str], given: Settings) -> Rendered | Unreadable:
    """Render the folder of a file; what goes wrong is told of the folder, as the user called it."""
    folder = os.path.dirname(marker) or os.curdir
    try:
        data = _output(_command(marker, given), given.seconds)
    except FailedError as error:
        return Unreadable(named.get(os.path.normpath(folder), folder), str(error))
    return Rendered(f"{folder} (rendered)", data, marker)


def _command(marker: str, given: Settings) -> list[str]:
    """Put the command together; whole paths are neither options nor addresses of repositories."""
    folder = os.path.dirname(os.path.abspath(marker))
    if os.path.basename(marker) == _CHART:
        helm = _program("helm", "helm is not installed: install it, or leave out --render")
        version = [f"--kube-version={given.version}"] if given.version else []
        return [helm, "template", *version, *(f"--values={_as_csv(path)}" for path in given.values), folder]
    if kustomize := shutil.which("kustomize"):
        return [kustomize, "build", folder]
    missing = "neither kustomize nor kubectl is installed: install one of them, or leave out --render"
    return [_program("kubectl", missing), "kustomize", folder]


def _program(name: str, missing: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise FailedError(missing)
    return path


def _as_csv(path: str) -> str:
    """Quote a path that Helm would take for two."""
    return '"' + path.replace('"', '""') + '"' if re.search('[,"\n]', path) else path


def _output(command: list[str], seconds: float) -> bytes:
    """Run a program, and return what it writes; at the end nothing of it runs any more.

    It cannot ask for anything: it has no input, and no terminal.
    """
    name = f"`{os.path.basename(command[0])} {command[1]}`"
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(  # noqa: S603 - no shell, and no path can be an option
            command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, start_new_session=True
        )
    except OSError as error:
        raise FailedError(f"{name} cannot be started: {(error.strerror or str(error)).lower()}") from error
    with process:
        try:
            data, told = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            raise FailedError(f"{name} took longer than {seconds:g} seconds") from error
        finally:
            _end(process)
    if process.returncode:
        raise FailedError(f"{name} failed: {_reason(told, process.returncode)}")
    return data


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a program and those that it started, if it still runs."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _reason(told: bytes, status: int) -> str:
    """Find the error in what a program wrote, below its warnings, and put it on one line."""
    text = told.decode("utf-8", "replace").partition("\nUse --debug flag")[0]
    if logged := re.search(_LOGGED, text):
        text = re.sub(r"\\(.)", r"\1", logged[1])
    elif error := re.search(r"^[Ee]rror: (.*)", text, re.MULTILINE | re.DOTALL):
        text = error[1]
    line = " ".join(text.split())
    if not line:
        return (
            f"signal {-status} ended it"
            if status < 0
            else f"its exit status is {status}, and it said nothing"
        )
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
