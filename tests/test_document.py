"""Documents: what they say, where it stands, and which comments belong to it."""

import json
from random import Random
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lint.document import parse
from lint.edit import same
from lint.path import Path
from manifests import OBJECTS, Layout, as_json, paths

JOB = """\
# the report
apiVersion: batch/v1
kind: Job  # not a CronJob
metadata: {name: report, "labels": {app: a}}
spec:
  # three tries
  #  are enough

  # two lines
  # above it
  "backoffLimit" : 3   # beside it
  template:  # beside the template
    spec:
      containers:
        # the first
        - name: a  # its name
          args: [x, y,
            z]  # beside the last
        # the second
        -
          name: b
        - &c
          # the name of the third
          name: c
          command:
          - |  # a script
            # no comment
            echo "# neither"
          - 'it''s # not'
          - plain#text
        - []
        - {name: d}
        - null
        -
"""
DOCUMENT = parse(JOB)
CONTAINERS = ("spec", "template", "spec", "containers")


def located(path: Path) -> tuple[int, str]:
    """Return the line of a path, and the text that stands for it."""
    start, end = DOCUMENT.locate(path)
    return JOB.count("\n", 0, start) + 1, JOB[start:end]


@pytest.mark.parametrize(
    ("path", "line", "text"),
    [
        ((), 2, "apiVersion: batch/v1"),
        (("kind",), 3, "kind"),
        (("metadata",), 4, "metadata"),
        (("metadata", "name"), 4, "name"),
        (("metadata", "labels"), 4, '"labels"'),
        (("metadata", "labels", "app"), 4, "app"),
        (("spec", "backoffLimit"), 11, '"backoffLimit"'),
        (CONTAINERS, 14, "containers"),
        ((*CONTAINERS, 0), 16, "name: a"),
        ((*CONTAINERS, 0, "name"), 16, "name"),
        ((*CONTAINERS, 0, "args", 1), 17, "y"),
        ((*CONTAINERS, 0, "args", 2), 18, "z"),
        ((*CONTAINERS, 1), 21, "name: b"),
        ((*CONTAINERS, 2), 24, "name: c"),
        ((*CONTAINERS, 2, "command", 0), 26, "|  # a script"),
        ((*CONTAINERS, 2, "command", 1), 29, "'it''s # not'"),
        ((*CONTAINERS, 3), 31, "[]"),
        ((*CONTAINERS, 4), 32, "{name: d"),
        ((*CONTAINERS, 5), 33, "null"),
        ((*CONTAINERS, 6), 34, ""),
    ],
)
def test_a_path_is_located_at_its_key_or_at_the_first_line_of_its_item(
    path: Path, line: int, text: str
) -> None:
    assert located(path) == (line, text)


@pytest.mark.parametrize(
    ("path", "parent"),
    [
        (("spec", "suspend"), ("spec",)),
        (("spec", "backoffLimit", "x", 0), ("spec", "backoffLimit")),
        (("spec", 0), ("spec",)),
        ((*CONTAINERS, 9, "name"), CONTAINERS),
        ((*CONTAINERS, 0, "image"), (*CONTAINERS, 0)),
        (("x",), ()),
    ],
)
def test_a_missing_path_is_located_at_its_nearest_parent(path: Path, parent: Path) -> None:
    assert DOCUMENT.locate(path) == DOCUMENT.locate(parent)


def test_what_a_merge_key_brings_is_located_where_it_stands() -> None:
    text = "base: &base {image: a, name: b}\njob:\n  <<: *base\n  name: c\n"
    document = parse(text)

    assert document.locate(("job", "image"))[0] == text.index("image")
    assert document.locate(("job", "name"))[0] == text.rindex("name")


def test_what_an_alias_stands_for_is_located_at_its_anchor() -> None:
    text = "a: &a {b: 1}\nc: *a\n"

    assert parse(text).locate(("c",))[0] == text.index("c")
    assert parse(text).locate(("c", "b"))[0] == text.index("b")


def test_of_a_repeated_key_the_last_one_is_located() -> None:
    assert parse("a: 1\na: 2\n").locate(("a",)) == (5, 6)


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n"])
def test_an_empty_document_is_located_at_its_start(text: str) -> None:
    assert parse(text).locate(("spec",)) == (0, 0)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_span_ends_before_the_line_break(newline: str) -> None:
    text = newline.join(["- a: |", "    b", "- >-", "  c", ""])
    document = parse(text)

    assert [text[slice(*document.locate((index,)))] for index in (0, 1)] == ["a: |", ">-"]


@pytest.mark.parametrize(
    ("path", "comment"),
    [
        ((), "# the report"),
        (("kind",), "# not a CronJob"),
        (("metadata",), ""),
        (("spec",), ""),
        (("spec", "backoffLimit"), "# two lines\n# above it\n# beside it"),
        (("spec", "template"), "# beside the template"),
        (CONTAINERS, ""),
        ((*CONTAINERS, 0), "# the first\n# its name"),
        ((*CONTAINERS, 0, "name"), "# the first\n# its name"),
        ((*CONTAINERS, 0, "args"), ""),
        ((*CONTAINERS, 0, "args", 2), "# beside the last"),
        ((*CONTAINERS, 1), ""),
        ((*CONTAINERS, 2, "name"), "# the name of the third"),
        ((*CONTAINERS, 2, "command", 0), "# a script"),
        ((*CONTAINERS, 2, "command", 1), ""),
        ((*CONTAINERS, 2, "command", 2), ""),
    ],
)
def test_a_comment_belongs_to_its_line_or_to_the_line_below_it(path: Path, comment: str) -> None:
    assert DOCUMENT.comment(path) == comment


@pytest.mark.parametrize(
    ("text", "comments"),
    [
        ("a: b#c\n", []),
        ("a: 'b #c'\n", []),
        ('a: "b\n  #c"\n', []),
        ("a: b\n  #c\n", ["#c"]),
        ("a: |\n  # b\n# c\n", ["# c"]),
        ("a: >-\n  b\n\n  # c\n # d\ne: 1\n", ["# d"]),
        ("a: | # b\n", ["# b"]),
        ("a: |2- # b", ["# b"]),
        ("a: |+ # b\n  # c\n\n# d\n", ["# b", "# d"]),
        ("a: &x # b\n  c\n", ["# b"]),
        ("a: !!str # b\n  &x # c\n  'd # e'\n", ["# b", "# c"]),
        ("a: &x | # b\n  # c\n", ["# b"]),
        ("a: [ # b\n]\n", ["# b"]),
        ("a: {#b\n#c\n}#d\n", ["#b", "#c", "#d"]),
        ("a: [b,#c\n  d] # e\n", ["#c", "# e"]),
        ("[a, 'b'#c\n, # ]\n]", ["#c", "# ]"]),
        ("a: *b#c".replace("*b", "'b'"), ["#c"]),
        ("? a # b\n: c # d\n", ["# b", "# d"]),
        ("a: 1\n# b\n# c", ["# b", "# c"]),
        ("#\n#a\n# b # c\n", ["#", "#a", "# b # c"]),
        ("a: 1\t# b\r\n# c\r\n", ["# b", "# c"]),
        ("a: b\n...\n# c\n", ["# c"]),
        ("# a", ["# a"]),
        ("\ufeff# a\nb: 1 # c", ["# a", "# c"]),
    ],
)
def test_comments_are_told_from_values(text: str, comments: list[str]) -> None:
    found = parse(text).comments

    assert [comment for _, comment in found.values()] == comments
    assert all(text[index:].startswith(comment) for index, comment in found.values())
    assert all(line == text.rfind("\n", 0, index) + 1 for line, (index, _) in found.items())


def test_a_megabyte_of_comments_takes_no_time() -> None:
    text = "# a\n" * 250_000 + "b: 1\n"

    assert parse(text).comment(("b",)).count("\n") == 249_999


@given(OBJECTS, st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_every_layout_of_a_tree_says_the_same(tree: dict[str, Any], seed: int) -> None:
    layout = Layout(Random(seed))

    document = parse(layout.text(tree))

    assert same(document.value, tree)
    assert len(document.comments) == layout.comments
    for path in paths(tree):
        start, end = document.locate(path)
        assert document.text[start:end] == document.text[start:end].strip(), "no blanks, no line breaks"
        if isinstance(path[-1], str):
            assert parse(document.text[start:end]).value == path[-1]


@given(OBJECTS, st.integers(0, 2**32))
@settings(max_examples=50, deadline=None)
def test_json_says_what_json_says(tree: dict[str, Any], seed: int) -> None:
    text = as_json(Random(seed), tree)

    assert same(parse(text, json=True).value, json.loads(text))


@pytest.mark.parametrize(
    ("escaped", "value"),
    [
        (r"\ud83d\ude00", "😀"),
        (r"\uD83D\uDE00", "😀"),
        (r"\ud83d", "\ufffd"),
        (r"\ude00\ud83d!", "\ufffd\ufffd!"),
        (r"\\ud83d\\ude00", r"\ud83d\ude00"),
        (r"\\ud83d\ude00", "\\ud83d\ufffd"),
        (r"\u00e9\/\"\b\n", 'é/"\b\n'),
        (r"\u0000", "\0"),
    ],
)
def test_escapes_of_json_are_read_as_go_reads_them(escaped: str, value: str) -> None:
    document = parse(f'{{"a": "{escaped}", "b": 1}}', json=True)

    assert document.value == {"a": value, "b": 1}
    assert document.locate(("b",))[0] == document.text.index('"b"')


def test_a_byte_order_mark_does_not_move_positions() -> None:
    document = parse("\ufeffa: 1\nb: 2\n")

    assert document.text[slice(*document.locate(("a",)))] == "a"
    assert document.text[slice(*document.locate(("b",)))] == "b"


def test_tabs_in_json_are_read() -> None:
    text = dedent("""\
        {
        \t"a": [
        \t\t1
        \t]
        }
        """)

    assert parse(text, json=True).value == {"a": [1]}
