"""The command line: what each command does."""

import argparse
import gc
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from lint import crash
from lint.arguments import POLICY_NAME, UserError, parser
from lint.chosen import find_policy, minor_of, policy_of, policy_or_reason, read_policy, rule_of

if TYPE_CHECKING:
    from lint.baseline import Known, Recorded
    from lint.file import Task
    from lint.rendering import Settings

_INTERRUPTED, _PIPE_CLOSED, _BUG = 130, 141, 3
"""Exit statuses; the first two are those of a command that a signal ended."""


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
    top = parser()
    try:
        options = top.parse_args(arguments)
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 2
    commands = {
        "lint": _lint,
        "rules": _rules,
        "explain": _explain,
        "schema": _schema,
        "lsp": _lsp,
        "init": _init,
        "forecast": _forecast,
        "completion": _completion,
        "export": _export,
    }
    if options.command not in commands:
        top.print_help(sys.stderr)
        return 2
    return commands[options.command](options)


def _reports(options: argparse.Namespace) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the format of the standard output, empty for none, and the others with their files."""
    if not options.reports or options.reports in (["text"], ["concise"]):
        return (options.reports or ["text"])[0], ()
    from lint.output import MisuseError, paired

    try:
        return paired(options.reports, diff=options.diff, foretelling=options.as_admission)
    except MisuseError as error:
        raise UserError(str(error)) from error


def _task(options: argparse.Namespace) -> "Task":
    """Find out what to do with each Job."""
    from lint.file import Fixing, Foretelling, Proposing

    if options.add_ignore is not None:
        return _ignoring(options)
    fixes = options.fix or options.diff
    if options.unsafe_fixes and not fixes:
        raise UserError("--unsafe-fixes says which fixes --fix or --diff makes: give one of them as well")
    if options.as_admission:
        if fixes:
            raise UserError("--as-admission changes no file: leave out --fix and --diff")
        return Foretelling()
    if fixes:
        return Fixing(unsafe=options.unsafe_fixes)
    return Proposing() if "sarif" in (options.reports or ()) else None


def _ignoring(options: argparse.Namespace) -> "Task":
    """Check what a suppression shall say."""
    from lint.file import Ignoring
    from lint.rule import Severity

    reason = options.add_ignore.strip()
    if not reason:
        raise UserError("--add-ignore takes the reason why these findings may stay, for who reads it later")
    if not reason.isprintable() or "jobwarden:" in reason:
        raise UserError("--add-ignore takes a reason of one line, without control characters or `jobwarden:`")
    names = ("fix", "unsafe_fixes", "as_admission", "render", "baseline", "write_baseline")
    if given := [f"--{name.replace('_', '-')}" for name in names if getattr(options, name)]:
        raise UserError(
            f"--add-ignore goes over all findings that are shown: leave out {' and '.join(given)}"
        )
    return Ignoring(reason, Severity[options.show.upper()])


def _lint(options: argparse.Namespace) -> int:
    from lint.rule import Severity
    from lint.run import Options, run

    options.show = options.show or ("info" if options.select else "warning")
    shown, outputs = _reports(options)
    return run(
        Options(
            paths=tuple(options.paths),
            policy=policy_of(options),
            task=_task(options),
            diff=options.diff,
            format=shown,
            outputs=outputs,
            show=Severity[options.show.upper()],
            fail_on=Severity[options.fail_on.upper()],
            strict=options.strict,
            stats=options.stats,
            colour=sys.stdout.isatty()
            and not os.environ.get("NO_COLOR")
            and os.environ.get("TERM") != "dumb",
            baseline=_baseline(options),
            rendering=_rendering(options),
        )
    )


def _baseline(options: argparse.Namespace) -> "Known | Recorded | None":
    """Read the baseline, or begin one with what would be told or fail."""
    if options.baseline is None and options.write_baseline is None:
        return None
    from lint.baseline import BaselineError, begin, load
    from lint.rule import Severity

    if options.as_admission:
        raise UserError("--as-admission has verdicts, no findings: leave out the baseline")
    if options.write_baseline is not None:
        if options.baseline is not None:
            raise UserError("--write-baseline puts all findings into the file: leave out --baseline")
        if options.diff:
            raise UserError("--diff writes nothing: leave out --write-baseline")
        least = min(Severity[options.show.upper()], Severity[options.fail_on.upper()])
        try:
            return begin(options.write_baseline, least)
        except BaselineError as error:
            raise UserError(f"--write-baseline {error}") from error
    try:
        return load(options.baseline)
    except BaselineError as error:
        raise UserError(f"--baseline {error}") from error


def _rendering(options: argparse.Namespace) -> "Settings | None":
    """Return what there is to say on rendering."""
    if not options.render:
        if options.values:
            raise UserError("--values has values for the charts that --render renders: give it as well")
        return None
    from lint.rendering import MisuseError, settings

    version = options.kubernetes_version
    try:
        return settings(options.values or (), f"1.{minor_of(version)}" if version else "")
    except MisuseError as error:
        raise UserError(str(error)) from error


def _rules(_options: argparse.Namespace) -> int:
    from lint.reference import table

    print(table())
    return 0


def _init(options: argparse.Namespace) -> int:
    from lint.starting import StartError, start

    try:
        print(start(options.folder, POLICY_NAME))
    except StartError as error:
        raise UserError(str(error)) from error
    return 0


def _forecast(options: argparse.Namespace) -> int:
    from lint.forecast.command import run

    return run(options)


def _schema(_options: argparse.Namespace) -> int:
    import json

    from lint.policy_schema import schema

    print(json.dumps(schema(), indent=2))
    return 0


def _completion(options: argparse.Namespace) -> int:
    from lint.completion import script

    print(script(parser(), options.shell))
    return 0


def _export(options: argparse.Namespace) -> int:
    from hashlib import sha256

    from lint.export.check import NotExported
    from lint.export.command import export
    from lint.policy import Policy

    path = options.policy or find_policy(["."])
    policy, source, hash_ = Policy(), "the default policy", "default"
    if path:
        policy, source = read_policy(path), path
        with open(path, "rb") as file:
            hash_ = sha256(file.read()).hexdigest()[:12]  # as the metrics of the webhook have it
    if options.kubernetes_version:
        policy = policy.replaced(minor=minor_of(options.kubernetes_version))
    try:
        text, summary = export(options.what, policy, source, hash_)
    except NotExported as reason:
        raise UserError(f"{reason}; --kubernetes-version names another") from reason
    print(text, end="")
    print(f"jobwarden: {summary}", file=sys.stderr)
    return 0


def _explain(options: argparse.Namespace) -> int:
    from lint.reference import section

    print(section(rule_of(options.rule)))
    return 0


def _lsp(_options: argparse.Namespace) -> int:
    try:
        from lint.lsp.server import serve
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith(("pygls", "lsprotocol")):
            raise
        raise UserError("lsp needs what is not installed: pip install 'jobwarden[lsp]'") from error
    return serve(lambda path: find_policy([path]), policy_or_reason)
