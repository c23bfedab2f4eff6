"""Quantities are read as the API server reads them."""

import json
import re
import time
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import ceil
from typing import Any

import pytest
from conftest import folder_of
from hypothesis import given
from hypothesis import strategies as st

from lint.quantity import parse

FACTORS = {"": Fraction(1)}
FACTORS |= {suffix: Fraction(1000) ** power for power, suffix in enumerate("num", start=-3)}
FACTORS |= {suffix: Fraction(1000) ** power for power, suffix in enumerate("kMGTPE", start=1)}
FACTORS |= {f"{suffix}i": Fraction(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)}


@pytest.mark.parametrize(("suffix", "factor"), FACTORS.items())
def test_a_suffix_is_a_factor(suffix: str, factor: Fraction) -> None:
    assert parse(f"3{suffix}") == 3 * factor


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("1.5Gi", "1610612736"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1.G", "1e9"),
        ("+0001.500", "1.5"),
        ("-1", "-1"),
        ("1e3", "1000"),
        ("1E-3", "0.001"),
        ("1e+021", "1e21"),
        (" 1 ", "1"),
        ("\u00a01\u3000", "1"),
    ],
)
def test_spellings_of_a_number(written: str, number: str) -> None:
    assert parse(written) == Decimal(number)


@pytest.mark.parametrize(("written", "number"), [(1, "1"), (0.5, "0.5"), (1e21, "1e21"), (-2, "-2")])
def test_json_numbers_are_quantities(written: float, number: str) -> None:
    assert parse(written) == Decimal(number)


@pytest.mark.parametrize("written", "Mi Ti + - . .Gi -.m e5 e-9 0Ei -0 0e-99".split())
def test_a_number_without_digits_is_zero(written: str) -> None:
    assert parse(written) == 0


@pytest.mark.parametrize(
    "written",
    [
        *"1K 1gi 1kib 1GB 1e 1e3Ki 1Ki3 1e1.5 1,5 1_0 0x10 1.2.3 --1 Pi Ei .Ei e-10 inf nan".split(),
        *("", " ", "1 core", "1 Gi", "1\n", "\t1", "\u0661", "1e99999999999999999999"),
        *(None, True, False, [], {}, [1], float("inf"), float("nan")),
    ],
)
def test_what_the_server_refuses_is_no_quantity(written: Any) -> None:
    assert parse(written) is None


def test_what_is_finer_than_a_billionth_is_rounded_away_from_zero() -> None:
    assert parse("1e-99") == Decimal("1e-9")
    assert parse("-0.1n") == Decimal("-1e-9")
    assert parse("1.0000000001") == Decimal("1.000000001")


def test_only_numbers_with_a_binary_suffix_end_at_64_bits() -> None:
    assert parse("8Ei") == parse("99999999999999999999Ki") == (1 << 63) - 1
    assert parse("-9Ei") == 1 - (1 << 63)
    assert parse("10E") == 10**19


def test_exponents_have_32_bits() -> None:
    assert parse("1e4294967299") == parse("1e-4294967293") == 1000


def test_huge_numbers_cost_no_time_and_can_be_calculated_with() -> None:
    exponents = ["1e99999", "-1e999999999", "1e2147483647", "1e-999999999", "1e-2147483648"]
    many = "9" * 10**6
    start = time.perf_counter()
    for written in (*exponents, f"1e{many}", f"{many}Ki", f"0.{many}Ei", f"{many}!", " " * 10**6, 10**20000):
        number = parse(written)
        if number is not None:
            assert number * number / Decimal("1e-9") >= abs(number)

    assert time.perf_counter() - start < 1


def test_huge_numbers_keep_their_order() -> None:
    numbers = [parse(f"{digit}e{exponent}") or 0 for exponent in (9, 99999, 399999) for digit in (1, 2)]

    assert all(small < large for small, large in pairwise(numbers))


@given(st.integers(), st.text("0123456789", max_size=12), st.sampled_from(sorted(FACTORS)))
def test_arithmetic_is_exact(whole: int, fraction: str, suffix: str) -> None:
    exact = Fraction(f"{whole}.{fraction or 0}") * FACTORS[suffix]
    billionths = ceil(abs(exact) * 10**9) * (-1 if exact < 0 else 1)
    largest = (1 << 63) - 1 if suffix.endswith("i") else 10**99

    assert parse(f"{whole}.{fraction}{suffix}") == max(-largest, min(Fraction(billionths, 10**9), largest))


@given(st.text("0123456789.+-eEinumkKMGTP ", max_size=9) | st.text() | st.floats() | st.integers())
def test_everything_is_a_quantity_or_not(written: Any) -> None:
    number = parse(written)

    assert number is None or number.is_finite()


def quantities(value: Any) -> Iterator[Any]:
    """Iterate over the quantities of a tree."""
    if isinstance(value, list):
        for item in value:
            yield from quantities(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in ("requests", "limits", "overhead") and isinstance(item, dict):
                yield from item.values()
            elif key in ("sizeLimit", "divisor"):
                yield item
            else:
                yield from quantities(item)


def test_api_servers_agree() -> None:
    refused = re.compile("quantities must match|quantity's suffix|numeric part of quantity")
    fractional = re.compile('fractional byte value "(.*?)" is invalid, must be an integer')
    for line in (folder_of("JOBWARDEN_VECTORS") / "validation.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        numbers = [parse(written) for written in quantities(row["object"]) if written is not None]
        for verdict in row["verdicts"].values():
            if refused.search(verdict.get("message", "")):
                assert None in numbers, row["id"]
            elif verdict["code"] in (201, 422):  # decoded, at least
                assert None not in numbers, row["id"]
            for number in map(parse, fractional.findall(" ".join(verdict.get("warnings", ())))):
                assert number in numbers, row["id"]
                assert number is not None, row["id"]
                assert number % 1 != 0, row["id"]
