"""The command line: `jobwarden-webhook serve`, `check`, `audit` and `completion`."""

import argparse
import os
import sys

from lint import crash
from lint.arguments import add_completion
from lint.version import VERSION
from webhook import settings
from webhook.settings import UserError

_INTERRUPTED, _BUG = 130, 3


def main() -> int:
    """Run the command line; return the exit status."""
    try:
        return _run(sys.argv[1:])
    except UserError as error:
        print(f"jobwarden-webhook: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the one place where a bug of ours ends up
        print(crash.text(error, " ".join(sys.argv)), end="", file=sys.stderr)
        return _BUG


def _run(arguments: list[str]) -> int:
    if arguments[:1] == ["serve"]:
        arguments = ["serve", *settings.from_environment(os.environ), *arguments[1:]]
    parser = _parser({*arguments[:1]})
    options = parser.parse_args(arguments)
    commands = {"serve": _serve, "check": _check, "audit": _audit}
    if options.command in commands:
        return commands[options.command](options)
    from lint.completion import script

    print(script(parser, options.shell))
    return 0


def _parser(command: set[str]) -> argparse.ArgumentParser:
    """Describe the commands, and the flags of those that are asked for: to know them takes imports."""
    about = "Lints the Jobs and CronJobs that a cluster is asked for, and sets what they leave out."
    parser = argparse.ArgumentParser("jobwarden-webhook", description=about, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"jobwarden {VERSION}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    settings.add_arguments(commands.add_parser("serve", help="run the webhook", allow_abbrev=False))
    check = commands.add_parser("check", help="say what is wrong with an installed webhook")
    about = "say what the policy would say of what lives in a cluster"
    audit = commands.add_parser("audit", help=about, allow_abbrev=False)  # what deletes is written out
    add_completion(commands)
    if command & {"check", "completion"}:
        from webhook.check import add_arguments

        add_arguments(check)
    if command & {"audit", "completion"}:
        from webhook.audit.command import add_arguments as add_audit_arguments

        add_audit_arguments(audit)
    return parser


def _serve(options: argparse.Namespace) -> int:
    from webhook.serve import serve

    return serve(settings.read(options))


def _check(options: argparse.Namespace) -> int:
    from webhook.check import check

    status: int = check(options)
    return status


def _audit(options: argparse.Namespace) -> int:
    from webhook.audit.command import run_audit

    return run_audit(options)
