"""Where reports go, and what they call the files that they speak of."""

import os
from collections.abc import Iterable

from lint.formats import Outcome
from lint.work import SHOWN_STDIN, write


class MisuseError(Exception):
    """Formats and files that do not go together; the message says how they would."""


def paired(
    given: Iterable[str | tuple[str]], *, diff: bool, foretelling: bool
) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Give each format its file: an output belongs to the format directly before it.

    Args:
        given: formats, and outputs in tuples, in the order of the command line.
        diff: whether fixes are shown and not made.
        foretelling: whether there are verdicts instead of findings.

    Returns:
        the format of the standard output, empty for none, and the others with their files.
    """
    reports: list[tuple[str, str]] = []
    for one in given:
        if isinstance(one, str):
            reports.append((one, ""))
        elif not reports:
            raise MisuseError(
                f"--output {one[0]} has no --format before it: --format sarif --output {one[0]}"
            )
        elif reports[-1][1] or not one[0]:
            raise MisuseError(f"--format {reports[-1][0]} takes one --output, with the name of a file")
        else:
            reports[-1] = reports[-1][0], "" if one[0] == "-" else one[0]
    _check(reports, diff=diff, foretelling=foretelling)
    shown = [name for name, file in reports if not file]
    return "".join(shown), tuple((name, file) for name, file in reports if file)


def _check(reports: list[tuple[str, str]], *, diff: bool, foretelling: bool) -> None:
    """Refuse what does not go together."""
    shown = [name for name, file in reports if not file]
    if len(shown) > 1:
        both = f"--format {shown[0]} and --format {shown[1]}"
        raise MisuseError(f"{both} both go to the standard output: give one of them an --output FILE")
    files = [os.path.realpath(file) for _, file in reports if file]
    if len({*files}) < len(files):
        raise MisuseError("two reports go to one file: give each --output a name of its own")
    others = [name for name, _ in reports if name not in ("text", "concise", "json")]
    if diff and (others or files):
        what = f"--format {others[0]}" if others else "--output"
        raise MisuseError(f"{what} cannot speak of the files that --diff shows: leave one of them out")
    if foretelling and others:
        raise MisuseError(f"--format {others[0]} has no verdicts: with --as-admission take text or json")


def from_root(outcome: Outcome) -> Outcome:
    """Call files from the root of the repository, or from here if there is none: so CI systems know them."""
    root = _root()
    known: dict[str, str] = {}

    def name(file: str) -> str:
        if file not in known:
            known[file] = _below(file, root)
        return known[file]

    return outcome._replace(
        findings=[found._replace(file=name(found.file)) for found in outcome.findings],
        unreadable=[one._replace(path=name(one.path)) for one in outcome.unreadable],
        templates=[name(file) for file in outcome.templates],
        manifests=[name(file) for file in outcome.manifests],
    )


def _root() -> str:
    """Find the root of the repository."""
    here = folder = os.getcwd()
    while not os.path.lexists(os.path.join(folder, ".git")):
        folder, step = os.path.split(folder)
        if not step:
            return here
    return folder


def _below(file: str, root: str) -> str:
    """Return the path from the root with slashes; of a file elsewhere, the whole path."""
    if file == SHOWN_STDIN:
        return file
    whole = os.path.abspath(file)
    inside = whole.startswith(os.path.join(root, ""))
    return (os.path.relpath(whole, root) if inside else whole).replace(os.sep, "/")


def overwrites(path: str, manifests: Iterable[str]) -> bool:
    """Tell whether a report would be written over one of the manifests that it speaks of."""
    return os.path.realpath(path) in {os.path.realpath(name) for name in manifests}


def save(path: str, text: str) -> None:
    """Write a report to a file at once: nobody sees half of it.

    Raises:
        OSError: it cannot be written.
    """
    data = text.encode("utf-8", "backslashreplace")
    if os.path.exists(path) and not os.path.isfile(path):  # a device or a pipe, which nothing can replace
        with open(path, "wb") as stream:
            stream.write(data)
    else:
        write(path, data)
