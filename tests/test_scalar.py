"""Scalars against what sigs.k8s.io/yaml v1.6.0 on go.yaml.in/yaml/v2 v2.4.4 makes of them."""

from typing import Any

import pytest

from lint.edit import same
from lint.scalar import TAG, ScalarError, construct, key_text, resolve

NUMBERS: dict[str, float] = {
    "0": 0,
    "7": 7,
    "-7": -7,
    "+7": 7,
    "-0": 0,
    "010": 8,
    "-010": -8,
    "0o10": 8,
    "0O10": 8,
    "0x1F": 31,
    "0Xff": 255,
    "-0x10": -16,
    "0b11": 3,
    "0B11": 3,
    "-0b1": -1,
    "1_000": 1000,
    "1__0_": 10,
    "0_7": 7,
    "0x_f": 15,
    "08": 8,
    "019": 19,
    "1.5": 1.5,
    "1.": 1,
    ".5": 0.5,
    "-1.5": -1.5,
    "-.5": -0.5,
    "1e3": 1000,
    "1E3": 1000,
    "1e+3": 1000,
    "1.5e-3": 0.0015,
    ".5e1": 5,
    "1_0.5": 10.5,
    "2.0": 2,
    "9223372036854775807": 9223372036854775807,
    "9223372036854775808": 9223372036854775808,
    "18446744073709551615": 18446744073709551615,
    "18446744073709551616": 1.8446744073709552e19,
    "-9223372036854775808": -9223372036854775808,
    "-9223372036854775809": -9.223372036854775809e18,
    "+9223372036854775808": 9.223372036854775808e18,
    "1e-400": 0,
}
TEXTS = (
    "a -- --- -a +a .a ... . - + _ _1 1_a 0x 0b 0o 0xg 0b2 0o8 1e 1e+ e3 1.2.3 1,000 1:30 190:20:30 1e400"
    " -1e400 2001-01-01 2001-12-14T21:59:43Z 0.0.0.0 1.4-alpine 100m 64Mi 1Gi nulL NuLL ~~ yEs tRue oN oFf"
    " yes! nan inf .Nan infinity << = 1_000m \u0661 \u00bd \uff11 0x1p3 1__e 5e-1_0m .5_ ._5 @ é"
).split()


@pytest.mark.parametrize("text", "y Y yes Yes YES true True TRUE on On ON".split())
def test_many_words_are_true(text: str) -> None:
    assert resolve(text) is True


@pytest.mark.parametrize("text", "n N no No NO false False FALSE off Off OFF".split())
def test_many_words_are_false(text: str) -> None:
    assert resolve(text) is False


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_some_words_are_null(text: str) -> None:
    assert resolve(text) is None


@pytest.mark.parametrize("text", NUMBERS)
def test_numbers_are_read_as_go_reads_them(text: str) -> None:
    assert same(resolve(text), NUMBERS[text])


@pytest.mark.parametrize("text", TEXTS)
def test_everything_else_is_text(text: str) -> None:
    assert same(resolve(text), text)


@pytest.mark.parametrize("text", [".inf", "-.inf", "+.INF", ".nan", ".NaN"])
def test_json_has_no_infinity(text: str) -> None:
    with pytest.raises(ScalarError, match="JSON has no"):
        resolve(text)


def test_a_number_of_a_million_digits_is_text_at_once() -> None:
    digits = "1" * 1_000_000

    assert resolve(digits) is digits


@pytest.mark.parametrize(
    ("tag", "text", "value"),
    [
        ("str", "1", "1"),
        ("str", "", ""),
        ("int", "010", 8),
        ("float", "1", 1),
        ("float", "1.5", 1.5),
        ("bool", "y", True),
        ("null", "~", None),
        ("null", "", None),
        ("binary", "Sm9i", "Job"),
        ("binary", "Sm\n9i\r\n", "Job"),
        ("binary", "/w==", "\ufffd"),
        ("binary", "4oI=", "\ufffd\ufffd"),
        ("timestamp", "2001-01-01", "2001-01-01"),
        ("own", "1", "1"),
    ],
)
def test_a_tag_decides(tag: str, text: str, value: Any) -> None:
    assert same(construct(text, plain=True, tag=TAG + tag), value)
    assert same(construct(text, plain=False, tag=TAG + tag), value)


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        *(("int", text) for text in ("a", "1.5", "y", "")),
        *(("float", text) for text in ("a", "y", "~")),
        *(("bool", text) for text in ("1", "a", "")),
        *(("null", text) for text in ("0", "a")),
        *(("binary", text) for text in ("Sm9", "Sm9i=", "Sm9 i", "*", "Sm9i==")),
    ],
)
def test_a_value_that_is_not_what_its_tag_says_is_an_error(tag: str, text: str) -> None:
    with pytest.raises(ScalarError):
        construct(text, plain=True, tag=TAG + tag)


@pytest.mark.parametrize("tag", ["!", "!!int", "int", "tag:example.org,2002:int"])
def test_an_unknown_tag_makes_text(tag: str) -> None:
    assert construct("1", plain=True, tag=tag) == "1"


def test_quotes_make_text() -> None:
    assert construct("1", plain=False, tag=None) == "1"
    assert construct("1", plain=True, tag=None) == 1


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("a", "a"),
        ("", ""),
        (True, "true"),
        (False, "false"),
        (8, "8"),
        (-1, "-1"),
        (1.5, "1.5"),
        (None, None),
        ((1 << 63) - 1, "9223372036854775807"),
        (1 << 63, None),
        ([], None),
        ({}, None),
    ],
)
def test_a_key_becomes_text(value: Any, key: str | None) -> None:
    assert key_text(value) == key
