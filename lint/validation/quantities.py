"""Quantities as the server keeps, writes and counts them."""

import re
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, ROUND_UP, Context, Decimal
from typing import Any

from lint.memo import remembered
from lint.quantity import parse

_THOUSANDTH = Decimal("0.001")
_EXACT = Context(prec=MAX_PREC, rounding=ROUND_UP, Emin=MIN_EMIN, Emax=MAX_EMAX)
_ZERO = Decimal(0)
_KI = 1024
_TENS = {-9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E"}
_TWOS = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_POWERS = {unit: power for power, unit in _TENS.items()}
_GIVEN = r"[-+]?0*([0-9]*)(?:\.([0-9]*))?(?:([KMGTPE]i)|([numkMGTPE]?)|[eE]([-+]?[0-9]+))"
_MULTIPLIED = (0, 1, 2, 3, 6, 9)
"""The powers of ten by which the server multiplies without a look at the overflow."""


def kept(value: Any) -> Decimal | None:
    """Return what the server keeps of a quantity in `requests` or `limits`: whole thousandths, rounded up.

    None if there is no quantity; null is 0 there.
    """
    if value is None:
        return _ZERO
    return _kept(value) if isinstance(value, (str, int, float)) else None


@remembered(1024)
def _kept(value: str | float) -> Decimal | None:
    number = parse(value)
    if number is None or _exponent(number) >= -3:
        return number
    return _EXACT.quantize(number, _THOUSANDTH)


def _exponent(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def written(value: Any, number: Decimal) -> str:
    """Write a number in the way of the server: in units of the kind with which its quantity was written.

    A sum has the quantity whose units it takes; the number is another one then.
    """
    if not number:
        return "0"
    source = repr(value) if isinstance(value, float) else str(value).strip()
    if _is_reused(source) and kept(value) == number:
        return source
    if source.endswith("i") and abs(number) >= _KI and number == number.to_integral_value():
        whole, power = int(number), 0
        while whole % _KI == 0:
            whole, power = whole // _KI, power + 1
        return f"{whole}{_TWOS[power]}"
    sign, digits, _ = number.as_tuple()
    mantissa = "".join(map(str, digits)).rstrip("0")
    power = _exponent(number) + len(digits) - len(mantissa)
    mantissa += "0" * (power % 3)
    power -= power % 3
    unit = f"e{power}" if power else ""
    if not re.search(r"[eE][-+]?[0-9]+\Z", source):
        unit = _TENS.get(power, "")  # beyond E the server writes none
    return f"{'-' * sign}{mantissa}{unit}"


def _is_reused(source: str) -> bool:
    """Tell whether the server shows a quantity as it was given, as it does where it takes it for usual."""
    match = re.fullmatch(_GIVEN, source)
    if match is None:
        return False
    whole, fraction, twos, tens, exponent = match.groups("")
    whole = whole or "0"
    if twos:
        return not fraction and len(whole) <= 14 - 3 * _TWOS.index(twos) and int(whole) % 8 != 0
    digits, power = whole + fraction, int(exponent[:9] or _POWERS[tens]) - len(fraction)
    is_short = len(digits) <= 18 and not digits.startswith("0") and not digits.endswith("000")
    return is_short and power >= -3 and power % 3 == 0


def is_whole(value: Any, number: Decimal) -> bool:
    """Tell whether the server takes a number for a whole one: it counts thousandths."""
    return counted(value, number, 3) % 1000 == 0


def counted(value: Any, number: Decimal, power: int = 0) -> int:
    """Count a number in units of ten to the minus `power`, rounded up: as the server does, in 64 bits."""
    if _exponent(number) > 64:
        return 0  # that is what is left in 64 bits
    count = int(number.scaleb(power, _EXACT).to_integral_value(ROUND_UP, _EXACT))
    if -(1 << 63) <= count < 1 << 63:
        return count
    digits, last = _as_read(value)
    if digits <= 18 and last + power not in _MULTIPLIED:
        return 0  # the overflow is seen
    return (count + (1 << 63)) % (1 << 64) - (1 << 63)


def _as_read(value: Any) -> tuple[int, int]:
    """Return how many digits a decimal quantity was written with, and the power of the last of them."""
    number = parse(value)
    if number is None or str(value).strip().endswith("i"):
        return 99, 0
    return len(number.as_tuple().digits), max(-3, _exponent(number))
