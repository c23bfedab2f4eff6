"""Which files to read: those that were named, and what lies in the folders that were named."""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import NamedTuple, TypeAlias

from lint.gitignore import FOLDER, Gitignore

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

    ignore: Gitignore | None


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
        with os.scandir(folder.path or os.curdir) as scan:
            entries = {entry.name: entry for entry in scan}
    except OSError as error:
        yield _unreadable(folder.path.rstrip("/") or folder.path or os.curdir, error)
        return
    inner, ignore = ("", None) if ".git" in entries else (folder.inner, folder.ignore)
    if ".gitignore" in entries:
        ignore = _gitignore(folder.path, inner, ignore)
    for name in sorted(filter(None, map(_taken, entries.values(), repeat(suffixes)))):
        is_folder = name[-1] == "/"
        if ignore is not None and ignore.ignores(inner, name[:-1] + FOLDER if is_folder else name):
            continue
        path = folder.path + name
        if is_folder:
            yield _Folder(path, inner + name, ignore)
        elif entries[name].is_file(follow_symlinks=False):
            yield path
        elif (known := _status(path)) != stat.S_IFDIR:
            yield path if known == stat.S_IFREG else _unreadable(path, known)


def _taken(entry: os.DirEntry[str], suffixes: tuple[str, ...]) -> str | None:
    """Name an entry that matters, a folder with a slash at the end: so their order is that of whole paths."""
    if entry.is_dir(follow_symlinks=False):
        return None if entry.name in _SKIPPED else entry.name + "/"
    return entry.name if entry.name.endswith(suffixes) else None


def _repository(top: str) -> tuple[str, Gitignore | None]:
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


def _gitignore(folder: str, inner: str, above: Gitignore | None) -> Gitignore | None:
    """Read the `.gitignore` of a folder (empty or ending in a slash); like git, never through a link."""
    path = folder + ".gitignore"
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return above
        with open(path, "rb") as file:
            return Gitignore(os.fsdecode(file.read()), inner, above)
    except OSError:  # unreadable for git as well, which then goes on without it
        return above
