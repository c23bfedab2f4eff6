"""What makes a shell complete our commands, options and their values: `jobwarden completion SHELL`."""

import argparse
from collections.abc import Iterator

import shtab

from lint.rules import RULES

_FILES = {"FILE": shtab.FILE, "PATH": shtab.FILE, "FOLDER": shtab.DIR}


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Write the script of a shell; what an option takes is told by its metavar, as people are told it."""
    names = " ".join(sorted(rule.id for rule in RULES))
    for action in _actions(parser):
        if action.metavar in _FILES:
            _complete(action, _FILES[action.metavar])
        elif action.metavar == "RULE":
            action.choices = names.split()
        elif action.metavar == "RULES":
            _complete(action, _listed(names))
    text = shtab.complete(parser, shell)
    if shell == "zsh":  # shtab 1.13 has it complete only the first of several positional arguments
        text = text.replace('"(*)::', '"*:').replace('"(*):', '"*:')
    return text


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Iterate over the arguments of a parser and of its commands."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no other list of them
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - nor another name for this
            for command in action.choices.values():
                yield from _actions(command)


def _complete(action: argparse.Action, way: shtab.CompleteType) -> None:
    action.complete = way  # type: ignore[attr-defined]  # where shtab looks for it


def _listed(names: str) -> shtab.CompleteType:
    """Complete the last of several names with commas in between."""
    before, last = '"${1%"${1##*,}"}"', '"${1##*,}"'
    return {
        "bash": "_jobwarden_rules",
        "zsh": "_jobwarden_rules",
        "fish": "(__fish_complete_list , __jobwarden_rules)",
        "preamble": {
            "bash": f"_jobwarden_rules() {{\n  compgen -P {before} -W '{names}' -- {last}\n}}",
            "zsh": f"_jobwarden_rules() {{\n  _values -s , rule {names}\n}}",
            "fish": f"function __jobwarden_rules\n  string split ' ' '{names}'\nend",
        },
    }
