"""The commands and options of `jobwarden`, as argparse takes them, and what is wrong with their values."""

import argparse
from functools import partial

from lint.version import VERSION

POLICY_NAME = "jobwarden.yaml"
SHELLS = ("bash", "zsh", "fish")
FORMATS = ("text", "concise", "json", "sarif", "github", "gitlab", "junit")


class UserError(Exception):
    """Something that the user can mend."""


class _Help(argparse.HelpFormatter):
    """Help of a fixed width: each option asks for a formatter, and finding out the width costs an import."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32, width=100)


def parser() -> argparse.ArgumentParser:
    """Describe the commands and their options."""
    about = "Finds and fixes what goes wrong with Kubernetes Jobs and CronJobs."
    top = argparse.ArgumentParser(prog="jobwarden", description=about, formatter_class=_Help)
    top.add_argument("--version", action="version", version=f"jobwarden {VERSION}")
    commands = top.add_subparsers(prog=top.prog, dest="command", metavar="COMMAND")
    _lint_parser(
        commands.add_parser("lint", help="check manifests, and fix them with --fix", formatter_class=_Help)
    )
    commands.add_parser("rules", help="list all rules", formatter_class=_Help)
    explain = commands.add_parser(
        "explain", help="tell what a rule looks for, and why", formatter_class=_Help
    )
    explain.add_argument("rule", metavar="RULE")
    commands.add_parser(
        "schema", help=f"print the JSON Schema of {POLICY_NAME}, for editors", formatter_class=_Help
    )
    init = commands.add_parser(
        "init", help=f"write a {POLICY_NAME}, and say what to do next", formatter_class=_Help
    )
    init.add_argument(
        "folder", nargs="?", default=".", metavar="FOLDER", help="the root of the repository; default: ."
    )
    _forecast_parser(
        commands.add_parser("forecast", help="tell what Jobs and CronJobs will do", formatter_class=_Help)
    )
    add_completion(commands)
    _export_parser(commands)
    lsp = commands.add_parser("lsp", help="serve an editor, which starts this itself", formatter_class=_Help)
    lsp.add_argument("--stdio", action="store_true", help="speak over the standard streams: the default")
    return top


def add_completion(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command that prints a completion script."""
    completion = commands.add_parser(
        "completion", help="print what makes a shell complete this command", formatter_class=_Help
    )
    completion.add_argument("shell", choices=SHELLS, help="the shell that it is for")


def _forecast_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `jobwarden forecast`."""
    add = parser.add_argument
    parser.description = "Exit status: 0 all were told, 1 some could not be, 2 wrong usage or none at all."
    add("paths", nargs="+", metavar="FILE", help="files, folders, or - for the standard input")
    add("--format", choices=("text", "json", "svg"), default="text", help="default: text")
    add("--run-time", metavar="TIME", help="how long a Pod runs, such as 90s or 1h30m; default: unknown")
    add("--exit-code", type=int, default=1, metavar="N", help="what a Pod that fails fails with; default: 1")
    add("--from", dest="start", metavar="TIME", help="look at CronJobs from then on; default: now")
    add("--runs", type=int, default=5, metavar="N", help="so many runs of each CronJob; default: 5")
    add("--kubernetes-version", metavar="1.NN", help="default: that of the policy file")


def _export_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command that prints admission policies."""
    export = commands.add_parser(
        "export", help="print the policy as admission policies of the API server", formatter_class=_Help
    )
    about = "vap: ValidatingAdmissionPolicies, which find; map: a MutatingAdmissionPolicy, which sets"
    export.add_argument("what", choices=("vap", "map"), help=about)
    export.add_argument("--policy", metavar="FILE", help=f"default: {POLICY_NAME} here or above")
    export.add_argument("--kubernetes-version", metavar="1.NN", help="the minor of the API server")


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
    _doing_options(parser)
    _report_options(parser)
    _choosing_options(parser)
    add("--strict", action="store_true", help="templates and what cannot be read fail the run")
    add("--stats", action="store_true", help="count the findings of each rule")
    _adoption_options(parser)
    add(
        "--render", action="store_true", help="lint what Helm and Kustomize make of charts and kustomizations"
    )
    add("--values", action="append", metavar="FILE", help="with --render: values for all charts")


def _doing_options(parser: argparse.ArgumentParser) -> None:
    """Describe the options that say what to do with findings."""
    add = parser.add_argument
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


def _choosing_options(parser: argparse.ArgumentParser) -> None:
    """Describe the options that say what is a finding."""
    add = parser.add_argument
    add("--select", action="append", metavar="RULES", help="run these rules only, separated by commas")
    add("--ignore", action="append", metavar="RULES", help="leave these rules out")
    severities = ("error", "warning", "info")
    add(
        "--show",
        choices=severities,
        help="the least severity to show; default: warning, and info where --select names the rules",
    )
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


def _adoption_options(parser: argparse.ArgumentParser) -> None:
    """Describe the options for those who begin with many findings."""
    add = parser.add_argument
    add("--baseline", metavar="FILE", help="do not tell the findings that this file has")
    add(
        "--add-ignore",
        metavar="REASON",
        help="write a suppression with this reason for each finding that is shown; with --diff, show them",
    )
    add("--write-baseline", metavar="FILE", help="put all findings into this file instead of telling them")


def _report_options(parser: argparse.ArgumentParser) -> None:
    """Describe the options that say how findings are told; both go to one list, which keeps their order."""
    add = partial(parser.add_argument, action="append", dest="reports")
    about = "default: text; several in one run, if all but one of them have an --output"
    add("--format", choices=FORMATS, help=about)
    about = "where to write the --format that stands before it, instead of the standard output"
    add("--output", type=lambda file: (file,), metavar="FILE", help=about)
