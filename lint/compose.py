"""YAML text to nodes with positions, composed as Kubernetes' YAML library does.

PyYAML's parser gives the events. Composing them is done here, without recursion and within limits: the
library's own composer crashes on deep nesting, and hides duplicate keys and the order of merges.
Aliases stay aliases: what they stand for is shared, never copied.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

from lint.scalar import TAG, ScalarError, construct, key_text, resolve

MAX_DEPTH = 512
MAX_NODES = 400_000
_OPEN = -1
"""The end of a collection that is being read."""


_LATE_MARK = "(?<=[\n\r\x85\u2028\u2029])\ufeff"


class DocumentError(Exception):
    """The text is not a document that Kubernetes reads."""

    def __init__(self, message: str, index: int) -> None:
        super().__init__(message)
        self.message = message
        self.index = index
        """Where in the text, in characters."""


class Node:
    """A place in the text and the JSON value that stands there."""

    # What most nodes lack stands in the class: a text has thousands of nodes, and setting a dozen attributes
    # on each takes its time.
    size = 1
    """Values here and below, aliases followed."""
    anchor: str | None = None
    shared = False
    """An alias stands for it elsewhere."""
    flow = False
    style: str | None = None
    """`'`, `"`, `|` or `>`; None for plain scalars and everything else."""
    merge = False
    """It is `<<`, which as a key merges maps."""
    children: "Sequence[Node]" = ()
    """Items of a list; of a map its keys and values in turn."""
    is_map = False
    """It is a map, and not an alias of one."""
    target: "Node | None" = None
    """What an alias stands for."""

    def __init__(self, start: int, end: int, value: Any = None) -> None:
        self.start = start
        """Index of the first character, of the anchor or tag if there is one."""
        self.end = end
        """Index after the last character; for block collections it lies after trailing comments."""
        self.value = value

    @property
    def pairs(self) -> "list[tuple[Node, Node]] | None":
        """Keys and values of a map; None for everything else."""
        return list(zip(self.children[::2], self.children[1::2], strict=True)) if self.is_map else None

    @property
    def is_list(self) -> bool:
        """It is a list, and not an alias of one."""
        return self.target is None and not self.is_map and isinstance(self.value, list)

    def find(self, step: str | int) -> "tuple[Node | None, Node, Node] | None":
        """Return key, value and the collection that holds them: another one when a merge key brings them."""
        node = self.target or self
        if isinstance(step, int):
            return (None, node.children[step], self) if node.is_list and step < len(node.children) else None
        found = None
        for key, value in node.pairs or ():
            if key.merge:
                for source in merge_sources(value):
                    found = source.find(step) or found
            elif key_text(key.value) == step:
                found = (key, value, self)
        return found

    def leaves(self) -> Iterator["Node"]:
        """Iterate over scalars, aliases and empty collections in the order of the text."""
        stack = [self]
        while stack:
            node = stack.pop()
            if node.children:
                stack += reversed(node.children)
            else:
                yield node


def merge_sources(value: Node) -> list[Node]:
    """Return the maps that a merge key brings, the strongest last.

    Raises:
        DocumentError: something else than a map or a list of maps.
    """
    sources = [node.target or node for node in (reversed(value.children) if value.is_list else [value])]
    if not all(source.is_map for source in sources):
        raise DocumentError("a merge key takes a map or a list of maps", value.start)
    return sources


def compose(text: str, duplicates: list[Node]) -> Node:
    """Read the first document of a text; what follows it is ignored, as Kubernetes does.

    A key that the same map has again later goes to `duplicates`: the last one counts.

    Raises:
        DocumentError: it is not YAML as Kubernetes reads it, or over the limits above.
    """
    import yaml  # most texts are read by lint.quick

    try:
        return _compose(_parser()(_readable(text)).get_event, duplicates)
    except yaml.MarkedYAMLError as error:
        mark = error.context_mark if "end of stream" in str(error.problem) else error.problem_mark
        problem = ", ".join(part for part in (error.context, error.problem) if part)
        raise DocumentError(problem, min(mark.index, len(text)) if mark else 0) from error
    except yaml.reader.ReaderError as error:
        match = yaml.reader.Reader.NON_PRINTABLE.search(text)
        raise DocumentError("a control character stands here", match.start() if match else 0) from error
    except (ValueError, OverflowError) as error:
        raise DocumentError("this is no character of Unicode", getattr(error, "start", 0)) from error


def _readable(text: str) -> str:
    """Return the text as Kubernetes reads it: without byte order mark, and every line with its end."""
    if "\ufeff" in text:
        if mark := re.search(_LATE_MARK, text):
            raise DocumentError("a byte order mark stands here: Kubernetes takes it for text", mark.start())
        text = "\n" + text[1:] if text[0] == "\ufeff" else text  # as long as before: indexes stay right
    return text if text.endswith("\n") else text + "\n"


@cache
def _parser() -> Callable[[str], Any]:
    """Return what gives events of a text by and by."""
    try:
        from yaml._yaml import CParser
    except ImportError:  # PyYAML was built without libyaml
        from yaml import parser, reader, scanner
    else:
        return CParser

    class Parser(reader.Reader, scanner.Scanner, parser.Parser):
        """The same events, slower."""

        def __init__(self, text: str) -> None:
            reader.Reader.__init__(self, text)
            scanner.Scanner.__init__(self)
            parser.Parser.__init__(self)

    return Parser


def _compose(next_event: Callable[[], Any], duplicates: list[Node]) -> Node:
    """Build nodes from events until the outermost one is complete."""
    starts, ends, last = _events()
    anchors: dict[str, Node] = {}
    top: list[Node] = []
    siblings, in_flow, total = top, False, 0
    stack: list[tuple[Node, list[Node], bool]] = []  # what is open, and what it stands in
    while True:
        event = next_event()
        kind = type(event)
        if make := starts.get(kind):
            node = make(event, anchors, in_flow)
            total += node.size
            siblings.append(node)
            if node.end == _OPEN:
                node.size = total
                stack.append((node, siblings, in_flow))
                node.children = siblings = []
                in_flow = node.flow
            if total > MAX_NODES or len(stack) >= MAX_DEPTH:
                raise DocumentError(_too_much(total), node.start)
        elif kind in ends:
            node, siblings, in_flow = stack.pop()
            _close(node, event, total, duplicates)
        elif kind in last:
            break
    return top[0] if top else Node(0, 0)


def _too_much(total: int) -> str:
    """Say which limit a document breaks."""
    if total > MAX_NODES:
        return f"more than {MAX_NODES} values, those behind aliases included"
    return f"nested deeper than {MAX_DEPTH} levels"


def _collection(event: Any, anchors: dict[str, Node], _: object) -> Node:
    """Make the node of a map or list that begins."""
    node = Node(event.start_mark.index, _OPEN)
    node.flow = bool(event.flow_style)
    if event.anchor is not None:
        node.anchor = event.anchor
        anchors[event.anchor] = node
    return node


def _map(event: Any, anchors: dict[str, Node], in_flow: object) -> Node:
    """Make the node of a map that begins."""
    node = _collection(event, anchors, in_flow)
    node.is_map = True
    return node


def _scalar(event: Any, anchors: dict[str, Node], in_flow: object) -> Node:
    """Make the node of a scalar."""
    value, style, tag, plain = event.value, event.style, event.tag, event.implicit[0]
    node = Node(event.start_mark.index, event.end_mark.index, value)
    if style:
        node.style = style
    elif in_flow and "?" in value:
        raise DocumentError("a question mark needs quotes in flow style", node.start)
    if value == "<<":
        node.merge = plain or tag == f"{TAG}merge"
    if plain or tag is not None:
        try:
            node.value = resolve(value) if tag is None else construct(value, plain=plain, tag=tag)
        except ScalarError as error:
            raise DocumentError(str(error), node.start) from error
    if event.anchor is not None:
        node.anchor = event.anchor
        anchors[event.anchor] = node
    return node


def _alias(event: Any, anchors: dict[str, Node], _: object) -> Node:
    """Make the node of an alias; its anchor stands before it and is complete."""
    node = Node(event.start_mark.index, event.end_mark.index)
    target = anchors.get(event.anchor)
    if target is None:
        raise DocumentError(f"unknown anchor {event.anchor!r}", node.start)
    if target.end == _OPEN:
        raise DocumentError(f"anchor {event.anchor!r} contains itself", node.start)
    target.shared = True
    node.target = target
    node.value = target.value
    node.size = target.size
    return node


def _close(node: Node, event: Any, total: int, duplicates: list[Node]) -> None:
    """Complete a collection: its value, and the number of values in it."""
    node.end = event.end_mark.index
    node.size = total - node.size + 1
    if not node.is_map:
        node.value = [child.value for child in node.children]
        return
    node.value = entries = {}
    seen: dict[str, Node] = {}
    children = iter(node.children)
    for key, value in zip(children, children, strict=True):
        text = key.value
        if key.merge:
            for source in merge_sources(value):
                entries.update(source.value)
            continue
        if type(text) is not str and (text := key_text(text)) is None:
            raise DocumentError("this cannot be a key in JSON", key.start)
        if text in seen:
            duplicates.append(seen[text])
        seen[text] = key
        entries[text] = value.value


@cache
def _events() -> tuple[dict[type, Callable[..., Node]], tuple[type, ...], tuple[type, ...]]:
    """Return which events begin a node and how it is made, which end a collection, and which a document."""
    from yaml import events

    starts = {
        events.ScalarEvent: _scalar,
        events.MappingStartEvent: _map,
        events.SequenceStartEvent: _collection,
        events.AliasEvent: _alias,
    }
    ends = events.MappingEndEvent, events.SequenceEndEvent
    return starts, ends, (events.DocumentEndEvent, events.StreamEndEvent)
