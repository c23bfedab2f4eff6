"""Documents that are not read, and where they go wrong; aliases, merge keys and repeated keys."""

from itertools import pairwise
from textwrap import dedent
from typing import Any

import pytest

from lint.compose import MAX_DEPTH, MAX_NODES, DocumentError
from lint.document import MAX_CHARACTERS, parse


def error(text: str) -> tuple[str, str]:
    """Return the message for a broken text, and what stands where it points to."""
    with pytest.raises(DocumentError) as raised:
        parse(text)
    assert str(raised.value) == raised.value.message
    assert 0 <= raised.value.index <= len(text)
    return raised.value.message, text[raised.value.index :]


@pytest.mark.parametrize(
    ("text", "message", "rest"),
    [
        ("a: b: c", "mapping values are not allowed in this context", ": c"),
        ("a: [1, 2\nb: 3\n", "while parsing a flow sequence, did not find expected ',' or ']'", ": 3\n"),
        ("a: 'b\n", "while scanning a quoted scalar, found unexpected end of stream", "'b\n"),
        (
            "a:\n\tb: 1\n",
            "while scanning for the next token, found character that cannot start any token",
            "\tb: 1\n",
        ),
        ("a: 1\n b: 2\n", "mapping values are not allowed in this context", ": 2\n"),
        ("a: @b\n", "while scanning for the next token, found character that cannot start any token", "@b\n"),
        ("name: {{ .Values.name }}\n", "this cannot be a key in JSON", "{ .Values.name }}\n"),
        ("{{- if .x }}\n", "while parsing a flow node, did not find expected node content", "- if .x }}\n"),
        ("a: *b\n", "unknown anchor 'b'", "*b\n"),
        ("a: &b [*b]\n", "anchor 'b' contains itself", "*b]\n"),
        ("~: 1\n", "this cannot be a key in JSON", "~: 1\n"),
        ("? [a]\n: 1\n", "this cannot be a key in JSON", "[a]\n: 1\n"),
        ("a: .inf\n", "JSON has no .inf", ".inf\n"),
        ("a: !!int b\n", "'b' is not what its tag !!int says", "!!int b\n"),
        ("a: [b?]\n", "a question mark needs quotes in flow style", "b?]\n"),
        ("{url: http://x/y?z=1}\n", "a question mark needs quotes in flow style", "http://x/y?z=1}\n"),
        ("a: 1\n\ufeffb: 2\n", "a byte order mark stands here: Kubernetes takes it for text", "\ufeffb: 2\n"),
        ("a: b\x00c\n", "a control character stands here", "\x00c\n"),
        ("a: b\x7fc\n", "a control character stands here", "\x7fc\n"),
        ("a: '\ud800'\n", "this is no character of Unicode", "\ud800'\n"),
        ("<<: 1\n", "a merge key takes a map or a list of maps", "1\n"),
        ("<<: [{a: 1}, 2]\n", "a merge key takes a map or a list of maps", "[{a: 1}, 2]\n"),
        ("a: &a [{b: 1}]\n<<: *a\n", "a merge key takes a map or a list of maps", "*a\n"),
        ("k" * 1025 + ": 1", "mapping values are not allowed in this context", ": 1"),
    ],
)
def test_what_kubernetes_does_not_read_is_an_error_with_its_place(text: str, message: str, rest: str) -> None:
    assert error(text) == (message, rest)


@pytest.mark.parametrize("text", ["", "\n", "# only a comment", "\ufeff", "~", "null"])
def test_a_document_may_be_empty(text: str) -> None:
    assert parse(text).value is None


def test_what_follows_the_end_of_a_document_is_ignored() -> None:
    assert parse("a: 1\n...\n}: [").value == {"a": 1}


def test_a_long_text_is_not_read() -> None:
    parse("a: " + "b" * (MAX_CHARACTERS - 3))

    assert error("a: " + "b" * (MAX_CHARACTERS - 2))[0] == "the document is larger than 8 MiB"


@pytest.mark.parametrize("opening", ["[", "- ", "? ", "{a: ", "- - - ? "])
def test_deep_nesting_is_an_error_at_once(opening: str) -> None:
    assert error(opening * 100_000)[0] in (
        f"nested deeper than {MAX_DEPTH} levels",
        "while increasing flow level, exceeded maximum nesting depth",  # libyaml's own limit
    )


def test_nesting_up_to_the_limit_is_read() -> None:
    assert parse("[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)).value
    assert error("[" * MAX_DEPTH + "]" * MAX_DEPTH)[0] == f"nested deeper than {MAX_DEPTH} levels"


def test_too_many_values_are_an_error() -> None:
    message = f"more than {MAX_NODES} values, those behind aliases included"

    assert error("[" + "1," * MAX_NODES + "]") == (message, "1,]")


def test_an_alias_counts_as_what_it_stands_for() -> None:
    names = "abcdefgh"
    lines = [f"{name}: &{name} [{', '.join([f'*{above}'] * 9)}]\n" for above, name in pairwise(names)]

    assert error("a: &a [0, 1, 2, 3, 4, 5, 6, 7, 8]\n" + "".join(lines))[0].startswith("more than")
    assert len(parse("a: &a [0, 1]\n" + "".join(lines[:4])).value["e"]) == 9


def test_an_alias_is_the_last_anchor_of_its_name() -> None:
    assert parse("[&a 1, *a, &a 2, *a]").value == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("merge", "value"),
    [
        ("<<: *one", {"a": 1, "b": 1}),
        ("<<: *one\n  a: 3", {"a": 3, "b": 1}),
        ("a: 3\n  <<: *one", {"a": 1, "b": 1}),
        ("<<: [*one, *two]", {"a": 1, "b": 1, "c": 2}),
        ("<<: [*two, *one]", {"a": 2, "b": 1, "c": 2}),
        ("<<: *one\n  <<: *two", {"a": 2, "b": 1, "c": 2}),
        ("<<: {c: 3}", {"c": 3}),
        ("<<: {}", {}),
        ("!!merge <<: *one", {"a": 1, "b": 1}),
        ("'<<': 1", {"<<": 1}),
        ("!!str <<: 1", {"<<": 1}),
        ("a: <<", {"a": "<<"}),
    ],
)
def test_merge_keys_are_merged_in_the_order_of_the_text(merge: str, value: Any) -> None:
    document = parse(f"one: &one {{a: 1, b: 1}}\ntwo: &two {{a: 2, c: 2}}\nthree:\n  {merge}\n")

    assert document.value["three"] == value


@pytest.mark.parametrize("text", ["{a: 1, a: 2}", "{1: 1, '1': 2}", "{y: 1, true: 2}", "a: 1\na: 2\n"])
def test_of_a_repeated_key_the_last_one_counts(text: str) -> None:
    document = parse(text)

    assert list(document.value.values()) == [2]
    assert document.repeated() == tuple((key,) for key in document.value)


def test_many_repeated_keys_take_no_time() -> None:
    document = parse("".join(f"k{number}: 1\n" for number in range(20_000)) * 2)

    assert len(document.repeated()) == 20_000


def test_repeated_keys_are_found_wherever_they_are_and_in_order() -> None:
    document = parse(
        dedent("""\
            z: 1
            list:
              - {a: 1, a: 2}
              - b:
                  c: 1
                  c: 2
                  c: 3
            z: 2
            """)
    )

    assert document.repeated() == (("list", 0, "a"), ("list", 1, "b", "c"), ("z",))


def test_a_key_that_a_merge_brings_is_not_repeated() -> None:
    assert parse("a: &a {x: 1}\nb:\n  <<: *a\n  <<: *a\n  x: 2\n").repeated() == ()


@pytest.mark.parametrize(
    "text", ["a: 1\r\nb: |\r\n  c\r\n  d\r\n", "a: 1\nb: |\n  c\n  d", "\ufeffa: 1\nb: |\n  c\n  d\n"]
)
def test_line_ends_and_byte_order_marks_are_not_part_of_values(text: str) -> None:
    assert parse(text).value == {"a": 1, "b": "c\nd\n"}
