"""Which files to read: those that were named, and what lies in the folders that were named."""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from lint.gitignore import Gitignore

STDIN = "-"
"""The path that stands for the standard input; it is handed on."""

_SUFFIXES = (".yaml", ".yml", ".json", ".tpl")
_SKIPPED = frozenset(
    (".git", ".hg", ".svn", ".bzr", ".jj", "CVS", "_darcs", ".venv", "node_modules", ".tox", ".terraform")
)
_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class Unreadable(NamedTuple):
    """A path, or a line of it, that cannot be read."""

    path: str
    reason: str
    line: int = 0
    """From 1; 0 speaks of the whole path."""


class Rendered(NamedTuple):
    """What a program made of a folder."""

    path: str
    """As it is shown."""

    data: bytes
    made_from: str
    """The file that says what is to be made."""


Entry: TypeAlias = str | Unreadable | Rendered
"""Something to read, or to tell of."""


def files(paths: Sequence[str], also: tuple[str, ...] = ()) -> Iterator[str | Unreadable]:
    """Find the files to read, each once, in the order of the paths and then of the alphabet.

    A named file is taken whatever it is called and whoever ignores it. A named folder is searched for YAML,
    JSON and templates, and what ends like one of `also`, without what the `.gitignore` files in it, and above
    it in its repository, name.
    Links to files are read, links to folders are followed only where they are named.
    """
    suffixes = _SUFFIXES + also
    found = (entry for path in paths for entry in _at(path, suffixes))
    return found if len(paths) == 1 else _once(found)


def _once(entries: Iterable[str | Unreadable]) -> Iterator[str | Unreadable]:
    seen = set[str | Unreadable]()
    for entry in entries:
        key = os.path.normpath(entry) if isinstance(entry, str) else entry
        if key not in seen:
            seen.add(key)
            yield entry


def _at(path: str, suffixes: tuple[str, ...]) -> Iterator[str | Unreadable]:
    if path == STDIN:
        yield path
    elif (known := _status(path)) == stat.S_IFDIR:
        yield from _below(path, suffixes)
    else:
        yield path if known == stat.S_IFREG else _unreadable(path, known)


def _status(path: str) -> int | OSError:
    """Look up what kind of thing a path leads to."""
    try:
        return stat.S_IFMT(os.stat(path).st_mode)
    except OSError as error:
        return error


def _unreadable(path: str, why: int | OSError) -> Unreadable:
    if isinstance(why, OSError):
        return Unreadable(path, (why.strerror or str(why)).lower())
    return Unreadable(path, f"{_KINDS.get(why, 'something special')}, not a file")


class _Folder(NamedTuple):
    """A folder on the way."""

    path: str
    """As it is shown, empty or with a slash at the end."""

    inner: str
    """The same from the root of the repository, or of the walk where there is none."""

    ignore: "Gitignore | None"


def _below(top: str, suffixes: tuple[str, ...]) -> Iterator[str | Unreadable]:
    """Walk a folder in the order of the paths as strings; deep trees cost no recursion."""
    inner, ignore = _repository(top)
    shown = "" if top == os.curdir else os.path.join(top, "")
    trail = [_entries(_Folder(shown, inner, ignore), suffixes)]
    while trail:
        for entry in trail[-1]:
            if isinstance(entry, _Folder):
                trail.append(_entries(entry, suffixes))
                break
            yield entry
        else:
            trail.pop()


def _entries(folder: _Folder, suffixes: tuple[str, ...]) -> Iterator[str | Unreadable | _Folder]:
    """List the files and folders to look at, in order."""
    try:
        names, links, marks = _scanned(folder.path or os.curdir, suffixes)
    except OSError as error:
        yield _unreadable(folder.path.rstrip("/") or folder.path or os.curdir, error)
        return
    inner, ignore = ("", None) if ".git" in marks else (folder.inner, folder.ignore)
    if ".gitignore" in marks:
        ignore = _gitignore(folder.path, inner, ignore)
    for name in names:
        if ignore is not None and ignore.ignores(inner, name):
            continue
        path = folder.path + name
        if name[-1] == "/":
            yield _Folder(path, inner + name, ignore)
        elif name not in links:
            yield path
        elif (known := _status(path)) != stat.S_IFDIR:
            yield path if known == stat.S_IFREG else _unreadable(path, known)


def _scanned(path: str, suffixes: tuple[str, ...]) -> tuple[list[str], set[str], set[str]]:
    """List what matters in a folder, folders with a slash at the end: so their order is that of whole paths.

    The second value names what is no plain file among it, the third what is there for git.
    """
    names, links, marks = [], set(), set()
    with os.scandir(path) as scan:
        for entry in scan:
            name = entry.name
            if name[:4] == ".git":
                marks.add(name)
            if entry.is_dir(follow_symlinks=False):
                if name not in _SKIPPED:
                    names.append(name + "/")
            elif name.endswith(suffixes):
                names.append(name)
                if not entry.is_file(follow_symlinks=False):
                    links.add(name)
    return sorted(names), links, marks


def _repository(top: str) -> "tuple[str, Gitignore | None]":
    """Find the way from the root of the repository to a folder, and the `.gitignore` files above it."""
    steps: list[str] = []
    folder = os.path.realpath(top)
    while not os.path.lexists(os.path.join(folder, ".git")):
        folder, step = os.path.split(folder)
        if not step:
            return "", None
        steps.append(step)
    inner, ignore = "", None
    for step in reversed(steps):
        ignore = _gitignore(os.path.join(folder, inner), inner, ignore)
        inner += step + "/"
    return inner, ignore


def _gitignore(folder: str, inner: str, above: "Gitignore | None") -> "Gitignore | None":
    """Read the `.gitignore` of a folder (empty or ending in a slash); like git, never through a link."""
    from lint.gitignore import Gitignore  # of no use to a run over a few files

    path = folder + ".gitignore"
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return above
        with open(path, "rb") as file:
            return Gitignore(os.fsdecode(file.read()), inner, above)
    except OSError:  # unreadable for git as well, which then goes on without it
        return above
