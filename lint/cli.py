"""The command line: `jobwarden lint`, `jobwarden rules` and `jobwarden explain`."""

import argparse
import gc
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from lint import crash
from lint.version import VERSION

if TYPE_CHECKING:
    from lint.policy import Identity, Policy
    from lint.rule import Rule

POLICY_NAME = "jobwarden.yaml"
_INTERRUPTED, _PIPE_CLOSED, _BUG = 130, 141, 3
"""Exit statuses; the first two are those of a command that a signal ended."""


class UserError(Exception):
    """Something that the user can mend."""


def main() -> NoReturn:
    """Run the command line and leave."""
    gc.disable()  # the trees of a run have no cycles, and looking for some takes longer than linting
    try:
        status = _run(sys.argv[1:])
        sys.stdout.flush()
    except UserError as error:
        print(f"jobwarden: {error}", file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        status = _INTERRUPTED
    except BrokenPipeError:
        status = _PIPE_CLOSED
    except Exception as error:  # noqa: BLE001 - the one place where a bug of ours ends up
        sys.stdout.flush()
        print(crash.text(error, " ".join(sys.argv)), end="", file=sys.stderr)
        status = _BUG
    os._exit(status)  # freeing the trees one by one would take longer than a small run


def _run(arguments: list[str]) -> int:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a name or a line that the terminal cannot show
    parser = _parser()
    try:
        options = parser.parse_args(arguments)
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 2
    commands = {"lint": _lint, "rules": _rules, "explain": _explain}
    if options.command not in commands:
        parser.print_help(sys.stderr)
        return 2
    return commands[options.command](options)


class _Help(argparse.HelpFormatter):
    """Help of a fixed width: each option asks for a formatter, and finding out the width costs an import."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32, width=100)


def _parser() -> argparse.ArgumentParser:
    about = "Finds and fixes what goes wrong with Kubernetes Jobs and CronJobs."
    parser = argparse.ArgumentParser(prog="jobwarden", description=about, formatter_class=_Help)
    parser.add_argument("--version", action="version", version=f"jobwarden {VERSION}")
    commands = parser.add_subparsers(prog=parser.prog, dest="command", metavar="COMMAND")
    _lint_parser(
        commands.add_parser("lint", help="check manifests, and fix them with --fix", formatter_class=_Help)
    )
    commands.add_parser("rules", help="list all rules", formatter_class=_Help)
    explain = commands.add_parser(
        "explain", help="tell what a rule looks for, and why", formatter_class=_Help
    )
    explain.add_argument("rule", metavar="RULE")
    return parser


def _lint_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `jobwarden lint`."""
    add = parser.add_argument
    parser.description = (
        "Exit status: 0 nothing found, 1 findings, 2 wrong usage or nothing readable, 3 a bug of Jobwarden."
    )
    add(
        "paths",
        nargs="*",
        default=["."],
        metavar="PATH",
        help="files, folders, or - for the standard input; default: .",
    )
    add("--fix", action="store_true", help="make the safe fixes; of the standard input, print the result")
    add(
        "--unsafe-fixes",
        action="store_true",
        help="with --fix: make fixes as well that may change what a Job does",
    )
    add("--diff", action="store_true", help="show what --fix would change, and write nothing")
    add(
        "--as-admission",
        action="store_true",
        help="say what the webhook would deny, warn of and patch; only what does not pass fails",
    )
    add("--format", choices=("text", "concise", "json"), default="text", help="default: text")
    add("--select", action="append", metavar="RULES", help="run these rules only, separated by commas")
    add("--ignore", action="append", metavar="RULES", help="leave these rules out")
    severities = ("error", "warning", "info")
    add("--show", choices=severities, default="warning", help="the least severity to show; default: warning")
    add(
        "--fail-on",
        choices=severities[:2],
        default="warning",
        help="the least severity that fails; default: warning",
    )
    add(
        "--policy",
        metavar="FILE",
        help=f"default: {POLICY_NAME} above the paths, up to the root of the repository",
    )
    add("--kubernetes-version", metavar="1.NN", help="the minor that the Jobs are for")
    add(
        "--against",
        metavar="PATH",
        help="objects that are in the cluster, as of `kubectl get -o yaml`: tell what may not change",
    )
    add("--strict", action="store_true", help="templates and what cannot be read fail the run")
    add("--stats", action="store_true", help="count the findings of each rule")


def _lint(options: argparse.Namespace) -> int:
    from lint.file import Fixing, Foretelling, Task
    from lint.rule import Severity
    from lint.run import Options, run

    task: Task = Fixing(unsafe=options.unsafe_fixes) if options.fix or options.diff else None
    if options.as_admission:
        if task is not None:
            raise UserError("--as-admission changes no file: leave out --fix and --diff")
        task = Foretelling()
    if options.unsafe_fixes and not isinstance(task, Fixing):
        raise UserError("--unsafe-fixes says which fixes --fix or --diff makes: give one of them as well")
    return run(
        Options(
            paths=tuple(options.paths),
            policy=_policy(options),
            task=task,
            diff=options.diff,
            format=options.format,
            show=Severity[options.show.upper()],
            fail_on=Severity[options.fail_on.upper()],
            strict=options.strict,
            stats=options.stats,
            colour=sys.stdout.isatty()
            and not os.environ.get("NO_COLOR")
            and os.environ.get("TERM") != "dumb",
        )
    )


def _policy(options: argparse.Namespace) -> "Policy":
    """Put the policy file and the options together."""
    from lint.policy import Policy

    path = options.policy or _find_policy(options.paths)
    policy = _load(path) if path else Policy()
    selected, ignored = _ids(options.select), _ids(options.ignore)
    minor = _minor(options.kubernetes_version) if options.kubernetes_version else policy.minor
    return policy.narrowed(selected, ignored, minor, _stored(options.against) if options.against else {})


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


def _load(path: str) -> "Policy":
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


def _find_policy(paths: list[str]) -> str | None:
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


def _ids(texts: list[str] | None) -> frozenset[str]:
    """Return the rule ids of an option."""
    return frozenset(_rule(name).id for text in texts or () for name in text.replace(",", " ").split())


def _rule(name: str) -> "Rule[Any]":
    """Find a rule by its id."""
    from lint.rules import RULES

    for rule in RULES:
        if rule.id == name:
            return rule
    from difflib import get_close_matches

    close = get_close_matches(name, [rule.id for rule in RULES], 1)
    raise UserError(
        f"there is no rule {name!r}" + (f": did you mean {close[0]}?" if close else "; see `jobwarden rules`")
    )


def _minor(version: str) -> int:
    """Read `1.34`."""
    major, _, minor = version.removeprefix("v").partition(".")
    if major != "1" or not minor.isdecimal():
        raise UserError(f"--kubernetes-version takes a minor such as 1.34, not {version!r}")
    return int(minor)


def _rules(_options: argparse.Namespace) -> int:
    from lint.reference import table

    print(table())
    return 0


def _explain(options: argparse.Namespace) -> int:
    from lint.reference import section

    print(section(_rule(options.rule)))
    return 0
