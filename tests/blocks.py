"""The pages of docs/: their blocks, and a shell to run them in."""

import os
import re
import select
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from conftest import put

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
IN_A_CLUSTER = "in a cluster"
SECONDS = 60
"""The longest that a command may take."""

BLOCK = re.compile(
    r'^```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$', re.MULTILINE | re.DOTALL
)
_EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
STUBS = {
    "pip": rf'echo "$*" | grep -Eqx "install (-[^ ]* )*jobwarden(\[({"|".join(_EXTRAS)})\])?"',
    "helm": 'case "$*" in template*) cat rendered.yaml ;; *) exit 1 ;; esac',
}
"""What pages name and tests do not have: an installer, and Helm, which gives the file `rendered.yaml`."""


class Block(NamedTuple):
    """A block of a page."""

    line: int
    language: str
    title: str
    text: str

    @property
    def file(self) -> str:
        """The name of the file that it is, if it is one."""
        return "" if self.title == IN_A_CLUSTER else self.title


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page."""
    text = page.read_text()
    return [
        Block(text.count("\n", 0, one.start()) + 1, one["language"], one["title"] or "", one["text"])
        for one in BLOCK.finditer(text)
    ]


class Shell:
    """A bash that runs one command after the other."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process, self._output = process, folder.parent / "output"
        self.folder = folder

    def run(self, command: str) -> tuple[int | None, str]:
        """Return the exit status, None if it was that of the shell, and all that was printed."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{{ {command}\n}} > {self._output} 2>&1 < /dev/null\necho $?\n")
        self._process.stdin.flush()
        ready = select.select([self._process.stdout], [], [], SECONDS)[0]
        assert ready, f"this takes longer than {SECONDS} s: {command}"
        status = self._process.stdout.readline()
        return int(status) if status else None, self._output.read_text()


@contextmanager
def shell(folder: Path, **environment: str) -> Iterator[Shell]:
    """Run a shell in a new folder until the block ends; what it started ends with it."""
    for name, text in STUBS.items():
        put(str(folder / "bin" / name), f"#!/bin/sh\n{text}\n").chmod(0o755)
    (folder / "page").mkdir()
    path = (str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"])
    environment = {"PATH": os.pathsep.join(path), "HOME": str(folder), "LANG": "C.UTF-8", **environment}
    environment["PYTHONUNBUFFERED"] = "1"  # so that both streams come in the order of a terminal
    command = ("bash", "--norc", "--noprofile")
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=folder / "page", env=environment, stdin=pipe, stdout=pipe, text=True, process_group=0
    ) as process:
        try:
            yield Shell(process, folder / "page")
        finally:
            os.killpg(process.pid, signal.SIGKILL)
