"""Files as documents, split as Kubernetes splits them."""

import pytest

from lint.source import Broken, Piece, looks_like_a_template, may_hold_a_job, pieces


def split(data: bytes) -> list[tuple[int, str]]:
    """Return the lines above each document, and its text."""
    return [(piece.line, piece.text) for piece in pieces(data) if isinstance(piece, Piece)]


def test_documents_are_split_at_every_line_that_starts_with_three_dashes() -> None:
    data = b"a: Job\n---\nb: Job\n--- # comment\n---\nc: Job"

    assert split(data) == [(0, "a: Job\n"), (2, "b: Job\n"), (5, "c: Job")]


def test_dashes_inside_a_line_or_indented_split_nothing() -> None:
    data = b"a: |\n  ---\n  Job\nb: x---\n"

    assert split(data) == [(0, data.decode())]


def test_each_document_knows_its_bytes() -> None:
    data = "\ufeffä: Job\r\n---\r\nö: Job\r\n".encode()

    assert [data[piece.start : piece.end].decode() for piece in pieces(data) if isinstance(piece, Piece)] == [
        "ä: Job\r\n",
        "ö: Job\r\n",
    ]


def test_documents_without_a_job_are_left_out() -> None:
    assert split(b"kind: Service\n---\nkind: Job\n---\nkind: Secret\n") == [(2, "kind: Job\n")]


def test_json_values_one_after_the_other_are_documents_each() -> None:
    data = b'{"kind": "Job"}\n{"kind":\n"Job"}\n\n{"kind": "Job"}'

    assert split(data) == [(0, '{"kind": "Job"}\n'), (1, '{"kind":\n"Job"}\n\n'), (4, '{"kind": "Job"}')]
    assert all(isinstance(piece, Piece) and piece.json for piece in pieces(data))


def test_a_flow_map_is_yaml_still() -> None:
    assert [piece.json for piece in pieces(b"{kind: Job}\n") if isinstance(piece, Piece)] == [False]


def test_text_behind_a_separator_is_told() -> None:
    found = list(pieces(b"a: Job\n---b: Job\nc: Job\n"))

    assert [type(one) for one in found] == [Piece, Broken, Piece]
    assert isinstance(found[1], Broken)
    assert found[1].line == 2


def test_bytes_that_are_no_utf_8_are_told_with_their_line_and_the_rest_is_read() -> None:
    found = list(pieces(b"a: Job\n---\nb: Job\nc: \xff\n---\nd: Job\n"))

    assert isinstance(found[1], Broken)
    assert found[1].line == 4
    assert split(b"a: Job\n---\nb: Job\nc: \xff\n---\nd: Job\n") == [(0, "a: Job\n"), (5, "d: Job\n")]


@pytest.mark.parametrize(
    "data",
    [
        b"kind: Job", b"kind: CronJob", b'"kind": "J\\u006fb"', b'"\\x4aob"', b'"J\\\n  ob"',
        b"kind: !!binary Sm9i",
        "kind: Job".encode("utf-16"), "kind: Job".encode("utf-16-le"), "kind: Job".encode("utf-16-be"),
    ],
)  # fmt: skip
def test_whatever_spells_job_is_looked_at(data: bytes) -> None:
    assert may_hold_a_job(data)


@pytest.mark.parametrize("data", [b"", b"kind: Deployment\n", b'a: "\\n\\t"\n', b"jobs: job\n"])
def test_what_cannot_spell_job_is_passed_over(data: bytes) -> None:
    assert not may_hold_a_job(data)


@pytest.mark.parametrize("text", ["{{ .x }}", "{% if x %}"])
def test_braces_of_template_engines_are_recognised(text: str) -> None:
    assert looks_like_a_template(text)
    assert not looks_like_a_template("{a: {b: c}}")
