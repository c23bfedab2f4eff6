"""The style of new text, read off what stands around it."""

from lint.compose import Node
from lint.document import indent_below
from lint.place import Place
from lint.render import Style

_QUOTES = ("'", '"')
_NEIGHBOURS = 100
"""So many entries of a map are asked for its style: it may have thousands, and change in as many places."""


def style_at(place: Place) -> Style:
    """Return the style of a new value at a place, or of a new entry in the collection there."""
    pair = _flow_pair(place)
    tight = pair is not None and place.text[pair[0].end : pair[1].start] == ":"
    step, dash = _indents(place)
    quoted = pair is not None and _is_quoted(*pair)
    return Style(
        newline=newline_at(place.text, place.node.start),
        step=step,
        dash=dash,
        gap=_gap(place),
        quote=_quote(place.node) or ('"' if quoted else ""),
        quoted_keys=quoted,
        colon=":" if tight else ": ",
        comma="," if tight else ", ",
    )


def newline_at(text: str, index: int) -> str:
    """Return the line break before an index, or else the first one behind it."""
    newline = text.rfind("\n", 0, index)
    if newline < 0:
        newline = text.find("\n", index)
    return "\r\n" if newline > 0 and text[newline - 1] == "\r" else "\n"


def _flow_pair(place: Place) -> tuple[Node, Node] | None:
    """Return the first pair of the nearest map in flow style."""
    here: Place | None = place
    while here and (here.flow or here.node.flow):
        if here.node.is_map and here.node.children:
            return here.node.children[0], here.node.children[1]
        here = here.above
    return None


def _is_quoted(key: Node, value: Node) -> bool:
    """Tell whether a pair has quotes as JSON has them."""
    return key.style == '"' and (value.style == '"' or not isinstance(value.value, str))


def _quote(node: Node) -> str:
    """Return the mark around the last string of a list."""
    strings = (child for child in reversed(node.children) if isinstance(child.value, str))
    last = next(strings, None) if node.is_list else None
    return last.style or "" if last and last.style in _QUOTES else ""


def _gap(place: Place) -> int:
    """Return the columns between the dashes of a list and its items."""
    if not (place.node.is_list and place.is_block):
        return 1
    gap = place.text[place.first + 1 : place.node.children[0].start]
    return len(gap) if gap and not gap.strip(" ") else 1


def _indents(place: Place) -> tuple[int, int]:
    """Return the columns that maps and lists are indented by, as the nearest ones show."""
    found: dict[bool, int] = {}
    here: Place | None = place
    while here and len(found) < 2 and not place.flow:
        children = here.node.children[: 2 * _NEIGHBOURS] if here.node.is_map else ()
        for key, value in zip(children[::2], children[1::2], strict=True):
            if value.children and not value.flow and value.is_map not in found:
                found[value.is_map] = indent_below(place.text, key, value)
        here = here.above
    step, dash = place.document.indents if len(found) < 2 and not place.flow else (2, 2)
    return max(1, found.get(True, step)), max(0, found.get(False, dash))
