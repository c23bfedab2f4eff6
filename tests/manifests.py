"""Random YAML and JSON texts, laid out as people and tools do it, for property tests."""

import json
from random import Random
from typing import Any

from hypothesis import strategies as st

from lint.edit import Edit, Remove, Set, same
from lint.path import Path

_ONE_WORD = (
    "a name spec x-y yes 010 1e3 null é 日本 it's [ * &a !x % @ ` 😀 {{x}} # ? ?x a?b ... http://x/y?z=1 ="
)
_MORE_WORDS = (
    *("", "a b", "k: v", "# no", "a #b", 'say "hi"', "- x", "tab\there"),
    *("multi\nline", "ends \n", "\n\nlead", "kept\n\n", "a\n  \n"),
)
WORDS = st.sampled_from([*_ONE_WORD.split(), *_MORE_WORDS])
KEYS = st.sampled_from(["a", "name", "spec", "x-y", "b/c.d", "yes", "é", "with space", "1", "it's", "#"])
SCALARS = st.none() | st.booleans() | st.integers(-5, 10**6) | st.sampled_from([0.5, 1e-7]) | WORDS
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)
OBJECTS = st.dictionaries(KEYS, TREES, min_size=1, max_size=4)


def paths(tree: Any, path: Path = ()) -> list[Path]:
    """Return every path in a tree, the root left out."""
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [found for step, value in entries for found in [(*path, step), *paths(value, (*path, step))]]


@st.composite
def edits(draw: st.DrawFn, tree: dict[str, Any]) -> Edit:
    """Draw an edit that fits a tree: one that changes, adds below a map, appends to a list, or removes."""
    path = draw(st.sampled_from(paths(tree)))
    if draw(st.integers(0, 3)) == 0:
        return Remove(path)
    value: Any = tree
    for step in path:
        value = value[step]
    if isinstance(value, dict) and draw(st.booleans()):
        key = draw(KEYS | st.just("new"))
        deeper = () if key in value else draw(st.sampled_from([(), ("new",), ("new", "er")]))
        path = (*path, key, *deeper)
    elif isinstance(value, list) and draw(st.booleans()):
        path = (*path, len(value))
    return Set(path, draw(TREES))


def as_json(random: Random, tree: dict[str, Any]) -> str:
    """Write a tree as tools print JSON."""
    separators = random.choice([None, (",", ":")])
    indent = random.choice([None, 2, 4, "\t"])
    text = json.dumps(tree, ensure_ascii=random.random() < 0.5, indent=indent, separators=separators)
    return text + random.choice(["", "\n"])


_PLAIN_KEYS = frozenset(["a", "name", "spec", "x-y", "b/c.d", "é", "with space"])
_PLAIN_WORDS = frozenset(["a", "name", "spec", "x-y", "é", "日本", "a b", "it's"])
_CONTINUED = "\0"
"""Begins a line behind which no comment and no blank line may come: they would belong to a block scalar."""


class Layout:
    """Writes a tree in a random but legal layout; comments are numbered so that a lost one is noticed."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.step = random.choice([1, 2, 2, 2, 4])
        self.dash = random.choice([0, 0, 2])
        self.oddity = random.choice([0.2, 1, 2])
        self.comments = 0
        self.anchors: dict[str, Any] = {}
        """What they stand for."""

    def text(self, tree: dict[str, Any]) -> str:
        """Write the whole document."""
        lines = [*self._noise(0), *self._map(tree, 0)]
        continued = lines[-1].startswith(_CONTINUED)
        lines += [] if continued else self._noise(0)
        if self._odd(0.03):
            lines += ["...", f"{self._comment()} [ }}"]
        text = "".join(line.removeprefix(_CONTINUED) + "\n" for line in lines)
        if self._odd(0.2) and not continued:
            text = text.rstrip("\n")
        return text.replace("\n", "\r\n") if self._odd(0.2) else text

    def _odd(self, chance: float) -> bool:
        """Decide for something that is not so common."""
        return self.random.random() < chance * self.oddity

    def _comment(self) -> str:
        self.comments += 1
        return f"# c{self.comments}; 'odd\" {{[:"

    def _tail(self) -> str:
        """Write what may follow a value on its line."""
        if not self._odd(0.25):
            return ""
        return self.random.choice([" ", "\t"]) + (self._comment() if self.random.random() < 0.5 else "")

    def _noise(self, indent: int) -> list[str]:
        """Write lines that mean nothing."""
        lines = []
        while self._odd(0.2):
            column = self.random.choice([0, indent, indent, indent + 1, indent + self.step])
            lines.append(" " * column + (self._comment() if self.random.random() < 0.6 else ""))
        return lines

    def _map(self, tree: dict[str, Any], indent: int) -> list[str]:
        anchor = self._mergeable(tree)
        lines = [f"{' ' * indent}<<: *{anchor}{self._tail()}"] if anchor else []
        for key, value in tree.items():
            if anchor and key in self.anchors[anchor] and self.random.random() < 0.9:
                continue
            if self._odd(0.02):
                lines.append(f"{' ' * indent}? {self._key(key)}{self._tail()}")
                lines += self._value(" " * indent + ":", value, indent)
            else:
                head = " " * indent + self._key(key) + (" :" if self._odd(0.03) else ":")
                lines += self._value(head, value, indent, indent + self.step, indent + self.dash)
            if not lines[-1].startswith(_CONTINUED):
                lines += self._noise(indent)
        return lines

    def _mergeable(self, tree: dict[str, Any]) -> str | None:
        """Find the anchor of a map whose entries this one has as well."""
        for name, value in self.anchors.items():
            if (
                isinstance(value, dict)
                and value
                and all(k in tree and same(tree[k], v) for k, v in value.items())
            ):
                return name if self._odd(0.4) else None
        return None

    def _list(self, tree: list[Any], indent: int) -> list[str]:
        lines = []
        for value in tree:
            dash = " " * indent + "-"
            gap = 3 if self._odd(0.05) else 1
            if isinstance(value, dict | list) and value and self.random.random() < 0.7:
                column = indent + 1 + gap
                inner = self._map(value, column) if isinstance(value, dict) else self._list(value, column)
                lines += [dash + " " * gap + inner[0].removeprefix(_CONTINUED).lstrip(" "), *inner[1:]]
                if len(inner) == 1 and inner[0].startswith(_CONTINUED):
                    lines[-1] = _CONTINUED + lines[-1]
            else:
                lines += self._value(dash, value, indent, indent + 2, indent + 2)
            if not lines[-1].startswith(_CONTINUED):
                lines += self._noise(indent)
        return lines

    def _value(self, head: str, value: Any, indent: int, *below: int) -> list[str]:
        """Write a value behind a key or dash; `below` are the columns for maps and lists on the next line."""
        alias = next((name for name, known in self.anchors.items() if same(known, value)), None)
        if alias and self._odd(0.3):
            return [f"{head} *{alias}{self._tail()}"]
        if value is None or not self._odd(0.05):
            return self._bare(head, value, indent, *below)
        name = f"x{len(self.anchors)}"
        self.anchors[name] = object()  # not to be used before it is complete
        lines = self._bare(
            f"{head} &{name}{' !!str' if isinstance(value, str) else ''}", value, indent, *below
        )
        self.anchors[name] = value
        return lines

    def _bare(self, head: str, value: Any, indent: int, *below: int) -> list[str]:
        if isinstance(value, dict | list) and value and below and self.random.random() < 0.8:
            tail = self._tail()
            lines = [head + (tail.replace("\t", " ") if head.endswith("-") else tail)]
            lines += self._noise(below[0]) if self._odd(0.3) else []
            return lines + (
                self._map(value, below[0]) if isinstance(value, dict) else self._list(value, below[1])
            )
        if isinstance(value, str) and "\n" in value and value.strip() and self.random.random() < 0.8:
            return self._literal(head, value, max(self.step, 2), indent)
        if value is None and self.random.random() < 0.5:
            return [head + self._tail().replace("\t", " ")]
        gap = " " * (3 if self._odd(0.1) else 1)
        return (head + gap + self._flow(value, indent + 1) + self._tail()).split("\n")

    def _literal(self, head: str, value: str, step: int, indent: int) -> list[str]:
        """Write a block scalar."""
        body = value.rstrip("\n")
        chomp = {0: "-", 1: ""}.get(len(value) - len(body), "+")
        explicit = body[0] in " \n" or self._odd(0.1)
        tail = f" {self._comment()}" if self._odd(0.1) else ""
        blank = self.random.choice(["", " " * (indent + step)])
        lines = [f"{head} |{step if explicit else ''}{chomp}{tail}"]
        lines += [" " * (indent + step) + line if line else blank for line in body.split("\n")]
        lines += [blank] * (len(value) - len(body) - 1)
        return [*lines[:-1], _CONTINUED + lines[-1]]

    def _key(self, key: str) -> str:
        return key if key in _PLAIN_KEYS and not self._odd(0.05) else json.dumps(key, ensure_ascii=False)

    def _flow(self, value: Any, indent: int) -> str:
        if isinstance(value, dict):
            parts = [f"{self._key(key)}: {self._flow(item, indent + 2)}" for key, item in value.items()]
            return self._brackets("{}", parts, indent)
        if isinstance(value, list):
            return self._brackets("[]", [self._flow(item, indent + 2) for item in value], indent)
        if isinstance(value, str) and value in _PLAIN_WORDS:
            break_ = f"\n{' ' * indent}" if self._odd(0.1) else " "
            quoted = self.random.choice([value, "'" + value.replace("'", "''") + "'", f'"{value}"'])
            return quoted.replace(" ", break_)
        return json.dumps(value, ensure_ascii=False)

    def _brackets(self, ends: str, parts: list[str], indent: int) -> str:
        """Write a collection in flow style, on one line or with lines for its entries."""
        comma = self.random.choice(["", "", ","]) if parts else ""
        if self._odd(0.15):
            commas = [*[","] * (len(parts) - 1), comma]
            lines = [
                f"{' ' * (indent + 2)}{part}{one}{self._tail()}"
                for part, one in zip(parts, commas, strict=False)
            ]
            return "\n".join([ends[0] + self._tail(), *lines, " " * indent + ends[1]])
        gap = self.random.choice(["", "", " ", f"\n{' ' * indent}"])
        separator = f",{gap or ' '}"
        return f"{ends[0]}{gap}{separator.join(parts)}{comma}{gap}{ends[1]}"
