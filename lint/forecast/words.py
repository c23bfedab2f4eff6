"""Times and numbers in words."""

from datetime import datetime


def duration(seconds: int) -> str:
    """Write a time exactly: `45s`, `10m30s`, `3d4h`."""
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts) or "0s"


def some(number: int, noun: str) -> str:
    """Write a number with its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def amount(number: float) -> str:
    """Write a number with two decimals, or two digits where it is small."""
    if 0 < number < 0.1:
        return f"{number:.2g}"
    return f"{number:,.2f}".rstrip("0").rstrip(".")


def moment(when: datetime) -> str:
    """Write a time with its distance from UTC."""
    return when.isoformat(" ", "minutes")
