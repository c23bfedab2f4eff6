"""The shell script of a container, as far as it can be followed without running it.

The grammar is that of POSIX shells (https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html).
Everything here takes time in proportion to the script.
"""

import re
from itertools import dropwhile
from typing import NamedTuple

from lint.view import View

_SHELL = r"(?:/[\w./-]*/)?(?:ba|da|a|k|z)?sh"
_MARK = r"\\.|<<<|<<-?[ \t]*\\?['\"]?(\w+)['\"]?|\$[({]|[\n'\"`()}]|(?<![^\s;&|(])#"
_CLOSES = {"$(": ")", "(": ")", "${": "}", '"': '"', "`": "`"}
_OPERATOR = r"(\|\||&&|(?<!>)\|&?|(?<![<>])&(?!>)|[;\n])"
_OPENING = ("if", "while", "until", "for", "select", "{")
_CLOSING = ("fi", "done", "}")
_BEFORE = r"\w+=|(?:sudo|time|nohup|env|command)\Z"
_WITHIN = ("then", "do", "else", "elif", "!")


Command = tuple[str, ...]
"""The words of a simple command, its name first; quoted is `_` in them, whatever it was."""


class Script(NamedTuple):
    """What a container gives to a shell."""

    word: View
    """The word that it is."""

    options: str
    """What the shell is told before it."""


class Statement(NamedTuple):
    """What stands between two ends of lines or semicolons."""

    compound: bool
    """There are loops, conditions or groups in it: its parts are no pipelines then."""

    operators: tuple[str, ...]
    """`&&` and `||` between its pipelines."""

    pipelines: tuple[tuple[Command, ...], ...]
    """The commands of each pipeline."""


def script_of(container: View) -> Script | None:
    """Return the script that a container's command gives to a shell with `-c`, if there is one."""
    name = container.at("command", 0).as_str()
    if not name or "sh" not in name or not re.fullmatch(_SHELL, name):
        return None
    words = [word for part in ("command", "args") for word in container.at(part).items()]
    for place, word in enumerate(words[1:-1], 2):
        if re.fullmatch(r"-[a-z]*c[a-z]*", word.as_str() or ""):
            options = " ".join(str(before.value) for before in words[1:place])
            return Script(words[place], options)
    return None


def statements(text: str) -> list[Statement] | None:
    """Return the statements of a script, a compound command with all in it as one.

    None where that is not certain, or what they do: with functions, `case` and commands in the background.
    """
    bare = _bare(text.replace("\\\n", " "))
    if bare is None:
        return None
    found: list[Statement] = []
    depth, compound = 0, False
    parts = re.split(_OPERATOR, re.sub(r"(\|\||&&|\|)[ \t]*\n\s*", r"\1", bare))
    operators: list[str] = []
    pipelines: list[list[Command]] = [[]]
    for piece, operator in zip(map(str.strip, parts[::2]), (*parts[1::2], "\n"), strict=True):
        change = _nesting(piece)
        if change is None or operator == "&":
            return None
        depth += change[0]
        compound = compound or change[1]
        if piece:
            pipelines[-1].append(_words(piece))
        if operator in ("&&", "||"):
            operators.append(operator)
            pipelines.append([])
        elif operator in (";", "\n") and not depth and pipelines != [[]]:
            if [] in pipelines:
                return None
            found.append(Statement(compound, tuple(operators), tuple(map(tuple, pipelines))))
            compound, operators, pipelines = False, [], [[]]
    return found if not depth else None


def _words(piece: str) -> Command:
    """Return the words of a simple command, its name without folders, and without what is set for it."""
    words = list(dropwhile(re.compile(_BEFORE).match, piece.split()))
    return (words[0].rpartition("/")[2], *words[1:]) if words else ("",)


def _nesting(piece: str) -> tuple[int, bool] | None:
    """Return how much deeper a piece leads into compound commands, and whether it is one or a part of one."""
    if re.match(r"\w+\s*\(\)|function\s|case\s", piece):
        return None
    change, is_part = 0, piece[:2] == "()"
    for word in piece.split():
        if word not in (*_OPENING, *_CLOSING, *_WITHIN):
            break
        change += (word in _OPENING) - (word in _CLOSING)
        is_part = True
    return change, is_part


def _bare(text: str) -> str | None:
    """Return a script without comments, with `_` for what is quoted or substituted; None if that is open."""
    kept: list[str] = []
    open_: list[str] = []
    documents: list[str] = []
    start = place = 0
    while found := re.compile(_MARK, re.DOTALL).search(text, place):
        sign, inside, place = found[0], open_[-1] if open_ else "", found.end()
        if sign == inside:
            open_.pop()
            start = start if open_ else place
        elif (inside == '"' and sign not in ("$(", "${", "`")) or sign in ("}", "<<<"):
            continue
        elif sign == "\n":
            if documents and not open_:
                kept.append(text[start:place])
                start = place = _after(text, place, documents)
                documents = []
        elif sign == ")" or (found[1] and open_):
            return None
        else:
            if not open_:
                kept += text[start : found.start()], "()" if sign == "(" else " " if sign == "#" else "_"
            documents += [found[1]] if found[1] else []
            open_ += [_CLOSES[sign]] if sign in _CLOSES else []
            place = _end(text, sign, place)
            start = start if open_ else place
        if place < 0:
            return None
    return None if open_ or documents else "".join((*kept, text[start:]))


def _end(text: str, sign: str, place: int) -> int:
    """Return where what a sign begins ends, a comment or what is in single quotes; -1 where it does not."""
    if sign == "#":
        end = text.find("\n", place)
        return end if end >= 0 else len(text)
    if sign == "'":
        return text.find("'", place) + 1 or -1
    return place


def _after(text: str, place: int, documents: list[str]) -> int:
    """Return where the lines end that here-documents take; -1 where they do not."""
    for name in documents:
        line = ""
        while line.lstrip("\t") != name:
            if place > len(text):
                return -1
            end = text.find("\n", place)
            end = end if end >= 0 else len(text)
            line, place = text[place:end], end + 1
        place -= 1
    return place
