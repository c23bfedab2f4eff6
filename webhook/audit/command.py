"""The command `audit`: its flags, and which of its three tasks they ask for."""

import argparse
import os
import re
import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import TypeAlias

from lint.arguments import UserError as LintError
from lint.chosen import find_policy, ids, read_policy
from lint.output import MisuseError, paired
from lint.policy import MODES, Mode, Policy
from lint.rule import Severity
from webhook.audit.cleaning import clean
from webhook.audit.console import STREAMED
from webhook.audit.findings import audit, compare
from webhook.audit.live import items
from webhook.audit.output import AT_END, FORMATS, Output
from webhook.audit.reports import Reports, api_of
from webhook.audit.run import Run
from webhook.cluster import FORBIDDEN, MODE_LABEL, Cluster, ClusterError
from webhook.settings import UserError

_NAMESPACES = "/api/v1/namespaces"
_PIPE_CLOSED = 141
_Outputs: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]
"""The format of the standard output, empty for none, and the others with their files."""

_SEVERITIES = ("error", "warning", "info")
_UNITS = {
    "s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the flags."""
    parser.description = (
        "Says what the policy would say of the Jobs and CronJobs that live in a cluster if made now. "
        "Exit status: 0 nothing found, 1 findings, 2 not all could be read or done, 3 a bug of Jobwarden."
    )
    add = parser.add_argument
    about = "default: $KUBECONFIG, else ~/.kube/config, else the service account of the Pod"
    add("--kubeconfig", metavar="FILE", help=about)
    add("--context", metavar="NAME", help="of the kubeconfig; default: its current one")
    add("-n", "--namespace", action="append", metavar="NAME", help="may be repeated; default: all of them")
    about = "default: text; `summary` is its numbers alone; several, if all but one have an --output"
    add("--format", choices=FORMATS, action="append", dest="formats", help=about)
    about = "where to write the --format that stands before it"
    add("--output", type=lambda file: (file,), action="append", dest="formats", metavar="FILE", help=about)
    about = "keep a Report (openreports.io) or PolicyReport (wgpolicyk8s.io) in each namespace"
    add("--reports", action="store_true", help=about)
    _add_choosing(parser)
    group = parser.add_argument_group("instead of all that")
    group.add_argument("--clean", action="store_true", help="list finished Jobs that nobody else deletes")
    about = "with --clean: since their end, such as 7d or 12h"
    group.add_argument("--older-than", type=_age, metavar="AGE", help=about)
    group.add_argument("--yes", action="store_true", help="with --clean: delete them, and their Pods")


def _add_choosing(parser: argparse.ArgumentParser) -> None:
    """Describe the flags that say what is a finding."""
    add = parser.add_argument
    about = "default: jobwarden.yaml as for `jobwarden lint`, else the default policy"
    add("--policy", metavar="FILE", help=about)
    about = "another policy: tell what --policy newly denies, warns of and patches"
    add("--against", metavar="FILE", help=about)
    add("--select", action="append", metavar="RULES", help="run these rules only, separated by commas")
    add("--ignore", action="append", metavar="RULES", help="leave these rules out")
    add("--show", choices=_SEVERITIES, default="warning", help="the least severity to show; default: warning")
    about = "the least severity that fails; default: warning, and error (what is newly denied) with --against"
    add("--fail-on", choices=_SEVERITIES[:2], help=about)


def run_audit(options: argparse.Namespace) -> int:
    """Do what is asked for, and return the exit status.

    Raises:
        UserError: it cannot be done, or not like this.
    """
    _check(options)
    outputs = _outputs(options)
    try:
        new = _policy(options, options.policy or find_policy(["."]))
        old = _policy(options, options.against) if options.against else None
    except LintError as error:
        raise UserError(str(error)) from error
    try:
        cluster = Cluster.connect(_kubeconfig(options), options.context)
        run = Run(cluster, options.namespace or ())
        status = _run(options, run, new, old, outputs)
        sys.stdout.flush()
    except ClusterError as error:
        raise UserError(str(error)) from error
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is left to be told
        status = _PIPE_CLOSED
    return status


def _check(options: argparse.Namespace) -> None:
    """Refuse what does not go together."""
    if not options.clean:
        if options.older_than is not None or options.yes:
            raise UserError("--older-than and --yes say what --clean does: give it as well")
        if options.reports and options.against:
            raise UserError("--reports tell what is found, and --against what changes: leave one of them out")
        if options.against and (others := [name for name in options.formats or () if name in AT_END]):
            several = " or ".join(STREAMED)
            raise UserError(f"--format {others[0]} has no changes: with --against take {several}")
        return
    names = ("policy", "against", "select", "ignore", "fail_on", "reports")
    if given := [f"--{name.replace('_', '-')}" for name in names if getattr(options, name)]:
        raise UserError(f"--clean asks no policy: leave out {' and '.join(given)}")
    if options.formats not in (None, ["text"]):
        raise UserError("--clean has a table for people alone: leave out --format and --output")
    if options.older_than is None:
        raise UserError("--clean takes an --older-than: how long ago Jobs have ended, such as 7d")


def _policy(options: argparse.Namespace, path: str | None) -> Policy:
    """Read a policy, with the rules that the options leave of it."""
    policy = read_policy(path) if path else Policy()
    selected, ignored = ids(options.select), ids(options.ignore)
    return policy.narrowed(selected, ignored, policy.minor)


def _kubeconfig(options: argparse.Namespace) -> str | None:
    """Choose how to log in, as kubectl does: without a kubeconfig by the service account of the Pod."""
    usual = os.path.expanduser("~/.kube/config")
    in_pod = "KUBERNETES_SERVICE_HOST" in os.environ and not os.path.exists(usual)
    given: str | None = options.kubeconfig or os.environ.get("KUBECONFIG")
    return given or (None if in_pod and not options.context else usual)


def _run(options: argparse.Namespace, run: Run, new: Policy, old: Policy | None, outputs: _Outputs) -> int:
    _look_for(run)
    if options.clean:
        return clean(run, options.older_than, delete=options.yes)
    minor = run.cluster.minor
    output = Output(run, *outputs, "findings" if old is None else "changes")
    if old is None:
        show = Severity[options.show.upper()]
        reports = Reports(run, _api(run.cluster)) if options.reports else None
        policy = new.replaced(minor=minor, least=min(show, Severity.WARNING))
        worst = audit(run, policy, output, show, reports)
    else:
        new, old = new.replaced(minor=minor), old.replaced(minor=minor)
        worst = compare(run, new, old, output, _modes(run))
    fail_on = Severity[(options.fail_on or ("warning" if old is None else "error")).upper()]
    output.write(fail_on)
    if run.bugs:
        return 3
    return 2 if run.problems else int(worst >= fail_on)


def _outputs(options: argparse.Namespace) -> _Outputs:
    """Give each format its file."""
    try:
        return paired(options.formats or ["text"], diff=False, foretelling=False)
    except MisuseError as error:
        raise UserError(str(error)) from error


def _look_for(run: Run) -> None:
    """Make sure that a namespace is there: in one that is not, a list is empty."""
    for name in run.namespaces:
        try:
            if run.cluster.find(f"{_NAMESPACES}/{name}") is None:
                raise UserError(f"there is no namespace {name!r}: `kubectl get namespaces` lists them")
        except ClusterError as error:
            if error.status != FORBIDDEN:  # who may not look may be permitted to read what is in it
                raise


def _api(cluster: Cluster) -> tuple[str, str, str]:
    """Return the kind of report that the cluster knows."""
    api = api_of(cluster)
    if api is None:
        raise UserError(
            "--reports writes objects that the cluster does not know: install the CustomResourceDefinition "
            "of Report (openreports.io/v1alpha1) or PolicyReport (wgpolicyk8s.io/v1alpha2)"
        )
    return api


def _modes(run: Run) -> Mapping[str, Mode]:
    """Return the modes that namespaces are labelled with; a label that is no mode enforces."""
    try:
        labelled = {
            item["metadata"]["name"]: item["metadata"]["labels"][MODE_LABEL]
            for item, _ in items(run.cluster, _NAMESPACES, labelSelector=MODE_LABEL)
        }
    except ClusterError as error:
        run.complain(f"all namespaces are taken for ones without the label {MODE_LABEL}: {error}")
        return {}
    return {name: MODES.get(label, Mode.ENFORCE) for name, label in labelled.items()}


def _age(text: str) -> timedelta:
    """Read an age such as `7d` or `1d12h`."""
    if not re.fullmatch("([0-9]{1,5}[smhdw]){1,5}", text):
        raise argparse.ArgumentTypeError(f"an age is such as 7d, 12h or 1d12h, not {text!r}")
    parts = re.findall("([0-9]+)(.)", text)
    return sum((int(number) * _UNITS[unit] for number, unit in parts), timedelta())
