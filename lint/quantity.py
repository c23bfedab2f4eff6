"""Resource quantities as Kubernetes reads them: `500m`, `1.5Gi`, `1e3`, or a JSON number.

The grammar is that of apimachinery: pkg/api/resource/quantity.go and suffix.go.
"""

import re
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, ROUND_UP, Context, Decimal
from typing import Any

from lint.memo import remembered

_QUANTITY = re.compile(
    r"(?P<whole>[-+]?[0-9]*)(?:\.(?P<fraction>[0-9]*))?"
    r"(?:(?P<suffix>[numkMGTPE]|[KMGTPE]i)|[eE](?P<exponent>[-+]?[0-9]+))?\Z"
)
_TENS = {suffix: 3 * power for power, suffix in enumerate(("n", "u", "m", None, *"kMGTPE"), start=-3)}
_TWOS = {f"{suffix}i": Decimal(1024**power) for power, suffix in enumerate("KMGTPE", start=1)}
_SPACES = " \u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""What the server trims. It looks at JSON before escapes are resolved: hence no tabs and no line breaks."""

_FINEST = Decimal("1E-9")
_LARGEST_BINARY = Decimal((1 << 63) - 1)
_LARGEST = Decimal("1E+400000")
"""What is larger counts as this, so that not even the product of two overflows the context of `decimal`."""

_EXACT = Context(prec=MAX_PREC, rounding=ROUND_UP, Emin=MIN_EMIN, Emax=MAX_EMAX)


def parse(value: Any) -> Decimal | None:
    """Return the exact number that a quantity stands for, or None where the server refuses to read it.

    As on the server, what is finer than a billionth is rounded away from zero, and a number with a binary
    suffix ends at 2^63-1. Null is left to the caller: it is 0 in `requests` and `limits`, elsewhere unset.
    """
    if isinstance(value, str):
        return _read(value.strip(_SPACES))
    if isinstance(value, float):
        return _read(repr(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return _capped(Decimal(value), _LARGEST)
    return None


@remembered(4096)  # a repository writes the same few again and again
def _read(text: str) -> Decimal | None:
    """Read a quantity without spaces around it."""
    match = _QUANTITY.match(text)
    if match is None or not text:
        return None
    whole, fraction, suffix, exponent = match.groups()
    power = _TENS.get(suffix, 0) if exponent is None else _power(exponent)
    if power is None:
        return None
    fraction = fraction or ""
    if not fraction and whole in ("", "+", "-"):  # zero, unless a unit keeps the server from its short cut
        return None if power < -9 or suffix in ("Pi", "Ei") else Decimal(0)
    number = Decimal(f"{whole}.{fraction}E{power}")
    unit = _TWOS.get(suffix)
    if unit is not None:
        number = _EXACT.multiply(number, unit)
    if power - len(fraction) < -9:
        number = _EXACT.quantize(number, _FINEST)
    return _capped(number, _LARGEST if unit is None else _LARGEST_BINARY)


def _power(exponent: str) -> int | None:
    """Read an exponent as Go does: None beyond 64 bits, then the lower 32 of them."""
    digits = exponent.lstrip("+-0")
    if len(digits) > 19:
        return None
    power = int(digits or "0") * (-1 if exponent[0] == "-" else 1)
    if not -(1 << 63) <= power < 1 << 63:
        return None
    return (power + (1 << 31)) % (1 << 32) - (1 << 31)


def _capped(number: Decimal, largest: Decimal) -> Decimal:
    """Return the number, or the largest with its sign."""
    return largest.copy_sign(number) if number.copy_abs() > largest else number
