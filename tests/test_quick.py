"""What `quick` reads it reads as `compose` does, node by node, and it reads nearly all that people write."""

import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from random import Random
from textwrap import dedent
from typing import Any

import pytest
from conftest import CLEAN, JOB, folder_of, put
from hypothesis import given, settings
from hypothesis import strategies as st

import lint.rules
from lint.compose import MAX_NODES, DocumentError, Node, compose
from lint.document import parse
from lint.quick import quick
from lint.source import Piece, pieces
from manifests import OBJECTS, Layout

ROOT = Path(__file__).parents[1]


def nodes(root: Node) -> Iterator[tuple[Any, ...]]:
    """Iterate over all that a tree of nodes says; `repr` tells 1 from True and shows the order of keys."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield (
            *(node.start, node.end, repr(node.value), node.style, node.flow, node.is_map, node.size),
            *(node.merge, node.shared, node.anchor, node.target, len(node.children)),
        )
        stack += reversed(node.children)


def understood(text: str) -> bool:
    """Tell whether `quick` reads a text; if so, assert that `compose` does, and says the same."""
    root = quick(text)
    if root is None:
        return False
    duplicates: list[Node] = []
    assert list(nodes(root)) == list(nodes(compose(text, duplicates))), text
    assert duplicates == []
    return True


def documents(folder: Path) -> list[str]:
    """Return the YAML documents of a folder."""
    return [
        piece.text
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".yaml", ".yml")
        for piece in pieces(path.read_bytes())
        if isinstance(piece, Piece) and not piece.json
    ]


@cache
def examples() -> list[str]:
    """Return the texts of all examples of rules."""
    rules = [
        import_module(f"lint.rules.{module.name}").RULE
        for module in pkgutil.iter_modules(lint.rules.__path__)
    ]
    every = [example for rule in rules for example in (*rule.good, *rule.bad)]
    texts = [(one.text, one.stored, getattr(one, "fixed", None)) for one in every]
    return [dedent(text) for three in texts for text in three if text]


@cache
def real() -> list[str]:
    """Return the documents that this repository has."""
    return [*documents(ROOT / "tests" / "cases"), *documents(ROOT / "manifests"), *examples()]


def test_nearly_all_cases_and_examples_are_understood() -> None:
    texts = [*documents(ROOT / "tests" / "cases"), *examples()]

    assert len(texts) > 100
    assert sum(map(understood, texts)) / len(texts) > 0.9


def test_the_manifests_are_read_as_libyaml_reads_them() -> None:
    assert sum(understood(path.read_text()) for path in (ROOT / "manifests").rglob("*.yaml")) > 1


def test_most_of_the_corpus_is_understood() -> None:
    texts = documents(folder_of("JOBWARDEN_CORPUS") / "visible")

    assert sum(map(understood, texts)) / len(texts) > 0.8


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n \n# a\n",
        "a: b",
        "a: b # c\n",
        "  a: 1\n  b:\n",
        "- a\n-\n- - b\n  -\n",
        "- - - a: b\n      c:\n      - d\n",
        "-   a: b\n    c: d\n",
        "-\n  a: b\n- # c\n  d: e\n",
        "a:\n- b\n\n# c\nd:\n  - e\n # f\ng: h\n  # i",
        "a:\n  b:\n    c:\nd: e\n",
        "a:\n-\n-\nb:\n",
        "a: c\nd : e\n",
        "a: b:c",
        "a: http://b/c?d=e#f\n",
        "-a: -b\n-c: --d\n",
        "a: b c  d\ne: f, [g] {h} & * ! % @\n",
        "a: 'b''c'\n'd': \"e # f\"\n\"g\" : ''\n",
        "a: [b, 'c', \"d\", 1, -e, f g]\nh: {i: j, 'k': [l, {m: n}], }\no: []\np: {}\n",
        "- [[], {}, [a]]\n- {a: {b: c}}\n",
        "a: 1\nb: 0x10\nc: 1e3\nd: yes\ne: ~\nf: null\n",
        "a: |\n  b\n\n    c\n  d \n\ne: |-\n f\n\ng: |+\n  h\n\n",
        "a: >\n  b\n  c\n\n  d\n\n\n  e\nf: >-\n  g\nh: >+\n  i\n\n",
        "a: |\n\n\n  b\n   \nc: d\n",
        "a:\n- |\n b\n- >- # c\n  d\n  # e\n # f\n",
        "a: |\n  b\n  \tc\n",
        "a: é日本😀\n",
        "# \ta\nb: c\n",
    ],
)
def test_what_is_plain_is_understood(text: str) -> None:
    assert understood(text)
    assert parse(text).value == compose(text, []).value


@pytest.mark.parametrize(
    "text",
    [
        *("a", "~", "'a'", "[a]", '{"a": 1}', "|\n a"),
        *("a: b\n c\n", "a: 'b\n  c'\n", "a: [b,\n  c]\n", "a:\n  b\n", "-\n  b\n"),
        *("a: &b c\n", "a: *b\n", "a: !!str b\n", "<<: {a: b}\n", "a: <<\n", "? a\n: b\n", "a: {? b}\n"),
        *("%YAML 1.1\n---\na: b\n", "---\na: b\n", "a: b\n---\n", "a: b\n...\n", "--- a: b\n"),
        *("a:\tb\n", "a: b\t\n", "a: b\t# c\n", "\ta: b\n", "a:\n\t- b\n", "a: |\n\tb\n", "a: 'b\tc'\n"),
        *(
            "a: b\r\n",
            "\ufeffa: b\n",
            "a: b\x00\n",
            "a: b\x85\n",
            "a: b\u2028c\n",
            "a: \ud800\n",
            "a: b\x7f\n",
        ),
        *("a: b\na: c\n", "'a': b\na: c\n", "a: {b: c, b: d}\n", "1: a\n", "yes: a\n", "~: a\n", "{1: a}\n"),
        *("a: [b: c]\n", "a: {b}\n", "a: {b: }\n", "a: {b: , c: d}\n", "a: [b?]\n", "a: [,]\n", "a: [b}\n"),
        *("a: {{ b }}\n", "a: [b c: d]\n", "a: [b] c\n", "a: ['b' 'c']\n", "a: [[b] [c]]\n", "a: [b\n"),
        *("a: b: c\n", "a: - b\n", "a: b:\n", "a: 'b' c\n", 'a: "b"c\n', 'a: "b\\n"\n', "a: @b\n", "a: `b\n"),
        *(
            "a:\n  b: c\n d: e\n",
            "a: b\n  c: d\n",
            "- a\nb: c\n",
            "a: b\n- c\n",
            "- a\n - b\n",
            "  a: b\nc: d\n",
        ),
        *("a: |2\n  b\n", "a: |\nb: c\n", "a: >\n  b\n   c\n", "a: |\n   \n  b\n", "a: | b\n  c\n", "a: |"),
        *("a: .inf\n", "a: .nan\n", "a: [.inf]\n"),
        *("k" * 1025 + ": 1", "a: " + "b" * 1000, "".join("  " * depth + "a:\n" for depth in range(200))),
        "".join(f"{number}: 1\n" for number in range(MAX_NODES // 4)),
    ],
)
def test_what_is_not_foreseen_is_left_to_libyaml(text: str) -> None:
    assert quick(text) is None


def test_what_is_read_twice_is_not_shared() -> None:
    first, second = (parse("a: {b: [c]}\n") for _ in range(2))

    first.value["a"]["b"].append("d")

    assert second.value == parse("a: {b: [c]}\n").value == {"a": {"b": ["c"]}}


def test_much_text_takes_no_time() -> None:
    texts = (
        "# a\n" * 90_000,
        "a: |\n" + "  b\n" * 90_000,
        "- a\n" * 90_000,
        "- " * 499 + "a",
        "a: " + "'" * 990,
    )

    assert [quick(text) is not None for text in texts] == [True, True, True, False, True]


@given(OBJECTS, st.integers(0, 2**32))
@settings(max_examples=300, deadline=None)
def test_every_layout_is_read_as_libyaml_reads_it(tree: dict[str, Any], seed: int) -> None:
    understood(Layout(Random(seed)).text(tree))


SCALAR = st.sampled_from(
    ["a", "b c", "-d", "1", "0x1f", "yes", "", "'e'", "'f''g'", '"h #"', "i#j", "k:l", "http://m/n", "é", "~"]
)
KEY = st.sampled_from(["a", "b", "c", "d.e/f", "'g'", '"h"', "-i", "j k", "1"])


@st.composite
def flows(draw: st.DrawFn, depth: int = 2) -> str:
    """Write a value in flow style, now and then one that is none."""
    if not depth or draw(st.booleans()):
        return draw(SCALAR)
    comma, colon = draw(st.sampled_from([", ", ",", " , "])), draw(st.sampled_from([": ", ":  ", " : ", ":"]))
    values = draw(st.lists(flows(depth - 1), max_size=3))
    if draw(st.booleans()):
        return f"[{comma.join(values)}]"
    return "{" + comma.join(f"{draw(KEY)}{colon}{value}" for value in values) + "}"


@st.composite
def blocks(draw: st.DrawFn, column: int, depth: int = 3) -> list[str]:
    """Write the lines of a block, all of them indented by `column` at least."""
    lines: list[str] = []
    dash = draw(st.sampled_from(["- ", "-   ", "- - "])) if draw(st.booleans()) else ""
    for _ in range(draw(st.integers(1, 3))):
        head = " " * column + (dash or draw(KEY) + draw(st.sampled_from([":", ":", " :"])))
        lines += draw(st.sampled_from([[], [], [""], ["   # no"], ["# no"], ["  "]]))
        inner = column + draw(st.sampled_from([1, 2, 2, 4] if dash else [0, 1, 2, 2, 4]))
        kind = draw(st.integers(0, 4 if depth else 2))
        if kind == 0:
            lines.append(f"{head} {draw(flows())}{draw(st.sampled_from(['', '', ' # yes', '  ', '#']))}")
        elif kind == 1:
            words = draw(st.lists(st.sampled_from(["x", "", "  y", " ", "# z", "- w: ", "\tv"]), max_size=4))
            lines.append(
                f"{head} {draw(st.sampled_from(['|', '>']))}{draw(st.sampled_from(['', '-', '+', ' # c']))}"
            )
            lines += [" " * inner + word if word.strip() else word for word in words]
        elif kind == 2:
            lines.append(head.rstrip() if draw(st.booleans()) else head)
        else:
            below = draw(blocks(len(head) if dash else inner, depth - 1))
            lines += [head + below[0].lstrip(" "), *below[1:]] if dash else [head, *below]
    return lines


@given(blocks(0), st.sampled_from(["", "\n", "\n\n", "\n # end", "\n  \n"]))
@settings(max_examples=500, deadline=None)
def test_what_a_grammar_makes_is_read_as_libyaml_reads_it(lines: list[str], end: str) -> None:
    understood("\n".join(lines) + end)


INSERTED: list[str] = [
    *" \n\t:-#'\"[]{},?|>&*!%@`\\<~.0aY=\r\x85\u2028\ufeff\xa0é😀",
    *(
        "- ",
        "- - ",
        ": ",
        ":\n",
        " #",
        " # c\n",
        "|\n",
        ">-\n",
        "|+\n",
        "\n\n",
        "\n  \n",
        "\n#c\n",
        "\n---\n",
        "\n- x\n",
    ),
    *(
        "\n...\n",
        "<<: ",
        "? ",
        "&a ",
        "*a",
        "!!str ",
        ", ",
        "{a: b}",
        "[a, b]",
        "''",
        '""',
        "null: ",
        "\n  k: v\n",
    ),
]


def mutated(random: Random, text: str) -> str:
    """Return a text with one small mistake, or with other lines."""
    lines, index, other = text.split("\n"), random.randrange(len(text) + 1), random.randrange(len(text) + 1)
    line = random.randrange(len(lines))
    match random.randrange(7):
        case 0:
            return text[:index] + text[index + random.randint(1, 8) :]
        case 1:
            return text[:index] + random.choice(INSERTED) + text[index:]
        case 2:
            return text[:other] + text[index : index + random.randint(1, 40)] + text[other:]
        case 3:
            del lines[line]
        case 4:
            lines.insert(random.randrange(len(lines) + 1), lines[line])
        case 5:
            lines[line] = " " * random.randint(1, 4) + lines[line]
        case _:
            lines[line] = lines[line][random.randint(1, 4) :]
    return "\n".join(lines)


@given(st.integers(0, 2**32))
@settings(max_examples=800, deadline=None)
def test_mistakes_in_real_manifests_are_read_as_libyaml_reads_them(seed: int) -> None:
    random = Random(seed)
    lines = random.choice(real()).split("\n")
    start = random.choice([0, random.randrange(len(lines))])
    text = dedent("\n".join(lines[start : start + random.randint(1, 30)]))
    for _ in range(random.randint(1, 3)):
        text = mutated(random, text)

    understood(text)


def test_where_libyaml_finds_an_error_there_is_one() -> None:
    random = Random(1)
    broken = 0
    for _ in range(500):
        text = mutated(random, mutated(random, CLEAN))
        try:
            compose(text, [])
        except DocumentError:
            broken += 1
            assert quick(text) is None, text

    assert broken > 50


@pytest.mark.parametrize(
    ("text", "imported"), [(JOB, False), (CLEAN, False), ("---\n" + JOB, False), (JOB + "\na: &b c\n", True)]
)
@pytest.mark.usefixtures("folder")
def test_a_run_imports_yaml_only_for_what_is_not_plain(text: str, *, imported: bool) -> None:
    put("job.yaml", text)
    code = (
        "import sys, os; sys.argv = ['jobwarden', 'lint']; os._exit = sys.exit\n"
        "import lint.cli\n"
        "try: lint.cli.main()\n"
        "finally: print('yaml' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip

    assert done.stdout.splitlines()[-1] == str(imported)
