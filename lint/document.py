"""One YAML or JSON document: its value, and the place of everything in it."""

import re
from collections import deque
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from lint.compose import DocumentError, Node, compose
from lint.path import Path
from lint.quick import quick
from lint.scalar import key_text

MAX_CHARACTERS = 8 << 20
BLOCK_STYLES = ("|", ">")
_COMMENT = r"(?<![^\s\ufeff,\[\]{}:\"'-])#[^\r\n]*"
_PROPERTY = re.compile(r"[&!]\S*")
_BLANK = re.compile(r"(?:\s+|#[^\r\n]*)*")
_ESCAPE = (
    r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\."
)


class Document:
    """A parsed document."""

    def __init__(self, text: str, root: Node, duplicates: list[Node], *, json: bool) -> None:
        self.text = text
        self.root = root
        self.duplicates = duplicates
        """Keys whose map has the same key again later: what stands here is lost without a word."""
        self.json = json
        self.beside: Callable[[str], list[Any]] = lambda _: []
        """The values of the documents of its file that speak of a kind, where somebody knows the file."""

    @property
    def value(self) -> Any:
        """The JSON value; read-only, since aliases share parts of it."""
        return self.root.value

    def locate(self, path: Path) -> tuple[int, int]:
        """Return the span of the key at `path`, in characters; where it is missing, of the nearest parent."""
        node = self.root
        span = self._head(node)
        for step in path:
            found = node.find(step)
            if found is None:
                break
            key, node, _ = found
            span = (key.start, key.end) if key is not None else self._head(node)
        return span

    def _head(self, node: Node) -> tuple[int, int]:
        """Return the span that stands for a list item or a document: its first line, without comment."""
        first = next(node.leaves())
        start = node.start if node.flow or not node.children else first.start
        end = first.end
        if node.is_map and node.children and not node.children[1].children:
            end = node.children[1].end
        line_end = self.text.find("\n", start, end)
        return start, end if line_end < 0 else start + len(self.text[start:line_end].rstrip())

    def comment(self, path: Path) -> str:
        """Return the comment on the line of `path` and the comment lines directly above it."""
        return "\n".join(self.comments[line][1] for line in self.comment_lines(self.locate(path)[0]))

    def comment_lines(self, index: int) -> list[int]:
        """Return the keys of `comments` that speak of the line of `index`: its own, and whole lines above."""
        if not self.comments:
            return []
        start = line_start(self.text, index)
        lines = [start] if start in self.comments else []
        while start > 0:
            start = line_start(self.text, start - 1)
            if not self.is_comment_line(start):
                break
            lines.append(start)
        return lines[::-1]

    def is_comment_line(self, start: int) -> bool:
        """Tell whether there is nothing but a comment on the line that starts there."""
        return start in self.comments and not self.text[start : self.comments[start][0]].strip("\ufeff \t")

    def repeated(self) -> tuple[Path, ...]:
        """Return the path of each key that its map has again later."""
        lost = set(map(id, self.duplicates))
        paths: dict[Path, int] = {}
        stack: list[tuple[Path, Node]] = [((), self.root)] if lost else []
        while stack:
            path, node = stack.pop()
            if node.is_list:
                stack += [((*path, index), child) for index, child in enumerate(node.children)]
            for key, value in node.pairs or ():
                here = (*path, key_text(key.value) or "")
                if id(key) in lost or here in paths:
                    paths[here] = key.start
                stack.append((here, value))
        return tuple(sorted(paths, key=lambda path: paths[path]))

    @cached_property
    def comments(self) -> dict[int, tuple[int, str]]:
        """Each comment by the index of its line's first character: its own index, and its text with `#`."""
        text, found = self.text, dict[int, tuple[int, str]]()
        for start, end in self._gaps() if "#" in text else ():
            if text.find("#", start, end) >= 0:
                for match in re.compile(_COMMENT).finditer(text, start, end):
                    found[line_start(text, match.start())] = (match.start(), match.group())
        return found

    @cached_property
    def indents(self) -> tuple[int, int]:
        """The columns that the first map and the first list are indented by, against the key above."""
        found: dict[bool, int] = {}
        queue = deque([self.root])
        while queue and len(found) < 2:
            node = queue.popleft()
            for key, value in node.pairs or ():
                if value.children and not value.flow:
                    found.setdefault(value.is_map, indent_below(self.text, key, value))
            queue += [child for child in node.children if child.children and not child.flow]
        return found.get(True, 2), found.get(False, 2)

    def _gaps(self) -> Iterator[tuple[int, int]]:
        """Iterate over the parts of the text that are no values, where comments can stand."""
        position = 0
        for leaf in self.root.leaves():
            yield position, leaf.start
            if self.text.find("#", leaf.start, leaf.end) >= 0:
                yield leaf.start, _head_end(self.text, leaf)
            position = leaf.end
        yield position, len(self.text)


def line_start(text: str, index: int) -> int:
    """Return the index of the first character of the line that holds `index`."""
    return text.rfind("\n", 0, index) + 1


def next_line(text: str, index: int) -> int:
    """Return the index of the first character of the line after the one that holds `index`."""
    newline = text.find("\n", index)
    return len(text) if newline < 0 else newline + 1


def after_blank(text: str, index: int) -> int:
    """Return the index of the next character that is neither blank nor in a comment."""
    match = _BLANK.match(text, index)
    return match.end() if match else index


def content_start(text: str, node: Node) -> int:
    """Return the index where a value itself begins, behind its anchor and its tag."""
    index = node.start
    while match := _PROPERTY.match(text, index, node.end):
        index = min(after_blank(text, match.end()), node.end)
    return index


def _head_end(text: str, leaf: Node) -> int:
    """Return the index where the part of a leaf ends that may hold comments."""
    if leaf.flow:
        return leaf.end
    start = content_start(text, leaf)
    return next_line(text, start) if leaf.style in BLOCK_STYLES else start


def indent_below(text: str, key: Node, value: Node) -> int:
    """Return the columns that a block is indented by, against the key above."""
    start = value.children[0].start if value.is_map else content_start(text, value)
    return start - line_start(text, start) - (key.start - line_start(text, key.start))


def last_leaf(node: Node) -> Node:
    """Return the last scalar, alias or flow collection in a node."""
    while node.children and not node.flow:
        node = node.children[-1]
    return node


def end_of(text: str, node: Node) -> int:
    """Return the index after the last character of a node, without the newlines after a block scalar."""
    leaf = last_leaf(node)
    if leaf.style in BLOCK_STYLES:
        return leaf.start + len(text[leaf.start : leaf.end].rstrip(" \t\r\n"))
    return leaf.end


def parse(text: str, *, json: bool = False) -> Document:
    """Read one document, without separator lines; `json` allows what only JSON does.

    Raises:
        DocumentError: it is not YAML as Kubernetes reads it, or over the limits.
    """
    if len(text) > MAX_CHARACTERS:
        raise DocumentError(f"the document is larger than {MAX_CHARACTERS >> 20} MiB", 0)
    duplicates: list[Node] = []
    root = None if json else quick(text)
    if root is None:
        root = compose(re.sub(_ESCAPE, _in_yaml, text) if json else text, duplicates)
    return Document(text, root, duplicates, json=json)


def _in_yaml(match: re.Match[str]) -> str:
    """Write an escape of JSON as one of YAML, which has no surrogates, in the same length."""
    if match[1] is None:
        return match[0] if len(match[0]) == len("\\n") else "\\ufffd"
    code = 0x10000 + ((int(match[1], 16) - 0xD800) << 10) + int(match[2], 16) - 0xDC00
    return f"\\\n\\U{code:08X}"  # an escaped line break is nothing
