"""What the options choose: the policy and its file, rules, a minor, and what is in the cluster already."""

import argparse
import os
from typing import TYPE_CHECKING, Any

from lint.arguments import POLICY_NAME, UserError

if TYPE_CHECKING:
    from lint.policy import Identity, Policy
    from lint.rule import Rule, Severity


def policy_of(options: argparse.Namespace) -> "Policy":
    """Put the policy file and the options together."""
    from lint.policy import Policy

    path = options.policy or find_policy(options.paths)
    policy = read_policy(path) if path else Policy()
    selected, ignored = ids(options.select), ids(options.ignore)
    minor = minor_of(options.kubernetes_version) if options.kubernetes_version else policy.minor
    stored = _stored(options.against) if options.against else {}
    return policy.narrowed(selected, ignored, minor, stored, _least(options))


def _least(options: argparse.Namespace) -> "Severity":
    """Say what need not be found: notes, where they are neither shown nor counted, and nothing is changed."""
    from lint.rule import Severity

    formats = {*(options.reports or ())}
    told = (
        options.show == "info"
        or options.stats
        or options.baseline
        or options.add_ignore
        or not formats <= {"text", "concise"}
    )
    return Severity.OFF if told or options.fix or options.diff or options.as_admission else Severity.WARNING


def _stored(path: str) -> "dict[Identity, Any]":
    """Read the objects that others are updates of."""
    from lint.compose import DocumentError
    from lint.document import parse
    from lint.linter import identity, jobs
    from lint.policy import Policy
    from lint.source import Broken, pieces
    from lint.walk import Unreadable, files
    from lint.work import read

    found: dict[Identity, Any] = {}
    for file in files([path]):
        if isinstance(file, Unreadable):
            raise UserError(f"--against {file.path}: {file.reason}")
        try:
            for piece in pieces(read(file)):
                if isinstance(piece, Broken):
                    raise UserError(f"--against {file}:{piece.line}: {piece.message}")
                document = parse(piece.text, json=piece.json)
                found |= {identity(job.object): job.object.value for _, job in jobs(document, Policy())}
        except OSError as error:
            raise UserError(f"--against {file}: {(error.strerror or str(error)).lower()}") from error
        except DocumentError as error:
            raise UserError(f"--against {file}: {error.message}") from error
    if not found:
        raise UserError(f"--against {path}: there is no Job and no CronJob in it")
    return found


def read_policy(path: str) -> "Policy":
    """Read a policy file.

    Raises:
        UserError: it cannot be read, or not be used.
    """
    from lint.policy_file import PolicyError, load

    try:
        with open(path, encoding="utf-8-sig") as file:
            return load(file.read(), path)
    except OSError as error:
        raise UserError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: it is not UTF-8") from error
    except PolicyError as error:
        raise UserError(f"the policy cannot be used\n{error}") from error


def find_policy(paths: list[str]) -> str | None:
    """Look for a policy in the folder that holds all paths, and above it up to the root of its repository."""
    folder = os.path.commonpath([os.path.realpath("." if path == "-" else path) for path in paths])
    while True:
        candidate = os.path.join(folder, POLICY_NAME)
        if os.path.isfile(candidate):
            return os.path.relpath(candidate)
        above = os.path.dirname(folder)
        if above == folder or os.path.lexists(os.path.join(folder, ".git")):
            return None
        folder = above


def ids(texts: list[str] | None) -> frozenset[str]:
    """Return the rule ids of an option."""
    return frozenset(rule_of(name).id for text in texts or () for name in text.replace(",", " ").split())


def rule_of(name: str) -> "Rule[Any]":
    """Find a rule by its id."""
    from lint.rules import HEADS

    for head in HEADS:
        if head.id == name:
            return head.load()
    from difflib import get_close_matches

    close = get_close_matches(name, [head.id for head in HEADS], 1)
    raise UserError(
        f"there is no rule {name!r}" + (f": did you mean {close[0]}?" if close else "; see `jobwarden rules`")
    )


def minor_of(version: str) -> int:
    """Read `1.34`."""
    major, _, minor = version.removeprefix("v").partition(".")
    if major != "1" or not minor.isdecimal():
        raise UserError(f"--kubernetes-version takes a minor such as 1.34, not {version!r}")
    return int(minor)


def policy_or_reason(path: str) -> "Policy | str":
    """Read a policy file, or return why it cannot be used."""
    try:
        return read_policy(path)
    except UserError as error:
        return str(error)
