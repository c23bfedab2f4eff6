"""Shells complete our commands: real ones, with the scripts that `completion` prints."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from conftest import Command, put

ASKED = {
    "jobwarden expl": ["explain"],
    "jobwarden lint --sel": ["--select"],
    "jobwarden lint --format sar": ["sarif"],
    "jobwarden lint --format text --format jun": ["junit"],
    "jobwarden lint --fail-on err": ["error"],
    "jobwarden explain ttl-m": ["ttl-missing"],
    "jobwarden lint --select backo": ["backoff-limit"],
    "jobwarden lint --ignore ttl-missing,backo": ["ttl-missing,backoff-limit"],
    "jobwarden lint --policy strict.y": ["strict.yaml"],
    "jobwarden lint --strict nigh": ["nightly.yaml"],
    "jobwarden lint nightly.yaml stri": ["strict.yaml"],
    "jobwarden completion fi": ["fish"],
    "jobwarden-webhook ser": ["serve"],
    "jobwarden-webhook serve --tls-c": ["--tls-cert"],
    "jobwarden-webhook serve --log-level warn": ["warning"],
    "jobwarden-webhook serve --tls-key nigh": ["nightly.yaml"],
    "jobwarden-webhook check --kubecon": ["--kubeconfig"],
    "jobwarden-webhook audit --kubecon": ["--kubeconfig"],
}
"""A line, and the only word that its last one can become."""

SEVERAL = {
    "jobwarden explain ttl-": ["ttl-missing", "ttl-on-cron-template", "ttl-too-long", "ttl-too-short"],
    "jobwarden lint --fail-on ": ["error", "warning"],
    "jobwarden-webhook c": ["check", "completion"],
}
"""A line, and all that its last word can become."""

Asking = Callable[[Path, Sequence[str]], list[list[str]]]


def bash(folder: Path, lines: Sequence[str]) -> list[list[str]]:
    """Call the functions that bash calls at a tab."""
    program = """
    source jobwarden; source jobwarden-webhook
    for line; do
        echo "> $line"
        IFS=' ' read -r -a COMP_WORDS <<< "$line"
        [[ $line = *' ' ]] && COMP_WORDS+=('')
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        set -- $(complete -p "${COMP_WORDS[0]}")  # complete -o bashdefault -F NAME COMMAND
        "${@: -2:1}"
        ((${#COMPREPLY[@]})) && printf '%s\n' "${COMPREPLY[@]}"
    done
    """
    return ran(folder, "bash", "--norc", "--noprofile", "-c", program, "bash", *lines)


def fish(folder: Path, lines: Sequence[str]) -> list[list[str]]:
    """Ask fish what it would offer."""
    program = """
    source jobwarden.fish; source jobwarden-webhook.fish
    for line in $argv
        echo "> $line"
        complete -C $line
    end
    """
    return ran(folder, "fish", "--no-config", "-c", program, "--", *lines)


def ran(folder: Path, *command: str) -> list[list[str]]:
    """Run a shell in the folder of the scripts; return what it prints for each line."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    words = [[one.split("\t")[0] for one in part.splitlines()[1:]] for part in done.stdout.split("> ")[1:]]
    return [sorted(one) for one in words]


ZSHRC = """\
PROMPT= RPROMPT=
fpath=($PWD $fpath)
autoload -Uz compinit && compinit -u -D
report() { print -r -- "<$BUFFER>"; BUFFER= }
zle -N report
bindkey '^I' complete-word
bindkey '^G' report
print -r -- "<>"
"""


def zsh(folder: Path, lines: Sequence[str]) -> list[list[str]]:
    """Type into zsh, with a tab at the end of each line: it completes in no other way."""
    (folder / ".zshrc").write_text(ZSHRC)
    terminal, its = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "dumb"}
    command = ("zsh", "-i", "-o", "no_global_rcs")
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=its, stdout=its, stderr=its, start_new_session=True
    ) as process:
        os.close(its)
        try:
            typed(terminal, "")
            texts = [typed(terminal, f"{line}\t\x07") for line in lines]
        finally:
            process.kill()
            os.close(terminal)
    return [[text.rstrip(" ,").split(" ")[-1]] for text in texts]


def typed(terminal: int, keys: str) -> str:
    """Type something, and return what stands between the brackets that come back."""
    os.write(terminal, keys.encode())
    seen, limit = b"", time.monotonic() + 20
    while b">\r\n" not in seen:
        assert select.select([terminal], [], [], limit - time.monotonic())[0], seen
        seen += os.read(terminal, 4096)
    return seen.rpartition(b"<")[2].partition(b">")[0].decode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the scripts, as each shell wants them called, and files to complete."""
    folder = tmp_path_factory.mktemp("completion")
    for shell, name in (("bash", "{}"), ("zsh", "_{}"), ("fish", "{}.fish")):
        for command, module in (("jobwarden", "lint"), ("jobwarden-webhook", "webhook")):
            text = subprocess.check_output([sys.executable, "-m", module, "completion", shell], text=True)
            put(str(folder / name.format(command)), text)
    put(str(folder / "nightly.yaml"), "")
    put(str(folder / "strict.yaml"), "")
    return folder


@pytest.mark.parametrize("shell", [bash, fish, zsh], ids=lambda shell: shell.__name__)
def test_a_shell_completes(shell: Asking, folder: Path) -> None:
    if not shutil.which(shell.__name__):
        pytest.skip(f"{shell.__name__} is not installed")

    asked = ASKED if shell is zsh else {**ASKED, **SEVERAL}
    answers = shell(folder, list(asked))

    assert dict(zip(asked, answers, strict=True)) == asked


def test_nobody_who_lints_waits_for_it(folder: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "lint", "lint", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert " lint.cli\n" in done.stderr
    assert "shtab" not in done.stderr


def test_another_shell_is_told(jobwarden: Command) -> None:
    done = jobwarden("completion", "tcsh")

    assert done.returncode == 2
    assert "invalid choice: 'tcsh' (choose from " in done.stderr
