"""The command line: `jobwarden-webhook serve` and `jobwarden-webhook check`."""

import argparse
import os
import sys

from lint import crash
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
    about = "Lints the Jobs and CronJobs that a cluster is asked for, and sets what they leave out."
    parser = argparse.ArgumentParser("jobwarden-webhook", description=about, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"jobwarden {VERSION}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    serve = commands.add_parser("serve", help="run the webhook", allow_abbrev=False)
    settings.add_arguments(serve)
    check = commands.add_parser("check", help="say what is wrong with an installed webhook")
    if arguments[:1] == ["serve"]:
        arguments = ["serve", *settings.from_environment(os.environ), *arguments[1:]]
    if arguments[:1] == ["check"]:
        from webhook.check import add_arguments

        add_arguments(check)
    options = parser.parse_args(arguments)
    if options.command == "serve":
        from webhook.serve import serve as run_server

        return run_server(settings.read(options))
    from webhook.check import check as run_check

    status: int = run_check(options)
    return status
