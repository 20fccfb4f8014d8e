"""Check digits: the sums by which a number that was made up or mistyped is told from a real one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

_VERHOEFF_D = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_P = (
    "0123456789", "1576283094", "5803796142", "8916043527",
    "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def digits_of(text: str) -> list[int]:
    """Return the digits of a text, other signs left out."""
    return [int(sign) for sign in text if sign in "0123456789"]


def weighted(digits: Sequence[int], weights: Sequence[int]) -> int:
    """Return the sum of digits times weights, as many as there are weights."""
    return sum(a * b for a, b in zip(digits, weights, strict=False))


def luhn(digits: Sequence[int]) -> bool:
    """Check the sum of ISO/IEC 7812, annex B."""
    values = list(reversed(digits))
    doubled = [value * 2 - 9 * (value > 4) for value in values[1::2]]
    return (sum(values[::2]) + sum(doubled)) % 10 == 0


def verhoeff(digits: Sequence[int]) -> bool:
    """Check the sum of Verhoeff, 1969."""
    total = 0
    for at, digit in enumerate(reversed(digits)):
        total = int(_VERHOEFF_D[total][int(_VERHOEFF_P[at % 8][digit])])
    return total == 0


def mod_11_10(digits: Sequence[int]) -> bool:
    """Check the sum of ISO 7064, mod 11, 10."""
    check = 5
    for digit in digits:
        check = ((check or 10) * 2 % 11 + digit) % 10
    return check == 1


def mod_11_2(text: str) -> bool:
    """Check the sum of ISO 7064, mod 11-2; the last sign may be X."""
    check = 0
    for sign in text:
        check = (check * 2 + (10 if sign in "Xx" else int(sign))) % 11
    return check == 1


def is_date(year: int, month: int, day: int) -> bool:
    """Tell whether there is such a day; of two-digit years in any century."""
    years = (year,) if year > 99 else (1900 + year, 2000 + year)
    return any(_exists(each, month, day) for each in years)


def _exists(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
