"""Decimals by their digits: what a program wrote with an exponent, without one.

``json.dumps`` writes 0.00009 as ``9e-05``, and ``str`` of a decimal 0.00000001 as ``1E-8``. Nothing
here passes through binary floating point, and nothing is rounded.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["FRACTION_DIGITS", "WHOLE_DIGITS", "plain", "whole"]

WHOLE_DIGITS: Final = 29
"""Digits before the point that a decimal of the engine may have: its mantissa has 96 bits."""

FRACTION_DIGITS: Final = 28
"""Digits after the point that a decimal of the engine may have."""

_EXPONENT_DIGITS: Final = 6
"""Of more than that only a zero could come back, and nobody means it."""

_NUMBER: Final = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?)0*([0-9]+))?")


def plain(text: str) -> str | None:
    """Return a number without its exponent; None if the engine cannot hold all of its digits.

    The scale stays: ``1.50e1`` is ``15.0``. Only zeros at the end, beyond the digits that the
    engine holds, are left out. A text that is no number comes back as it is.
    """
    found = _NUMBER.fullmatch(text)
    if found is None or not (found[2] or found[3]):
        return text
    sign, before, after, minus, power = found.groups(default="")
    digits = before + after
    if not digits.strip("0"):
        point, digits = len(before), digits[: len(before) + FRACTION_DIGITS]
        return f"{sign}{_pointed(digits, min(point, len(digits)))}"
    if len(power) > _EXPONENT_DIGITS:
        return None
    shift = int(f"{minus}{power or 0}")
    zeros = len(digits) - len(digits.lstrip("0"))
    point = len(before) + shift - zeros
    digits = digits[zeros:]
    if not -FRACTION_DIGITS <= point <= WHOLE_DIGITS:
        return None
    spare = len(digits) - point - FRACTION_DIGITS
    if spare > 0:
        if digits[len(digits) - spare :].strip("0"):
            return None
        digits = digits[: len(digits) - spare]
    return f"{sign}{_pointed(digits, point)}"


def whole(text: str) -> int | None:
    """Return a number that is whole, however it is written; None if it is not, or too large."""
    digits = plain(text)
    if digits is None:
        return None
    before, _, after = digits.partition(".")
    return int(before) if not after.strip("0") else None


def _pointed(digits: str, point: int) -> str:
    """Put the point after so many digits, with the zeros that are lacking on either side."""
    if point <= 0:
        return f"0.{'0' * -point}{digits}"
    before, after = digits[:point].ljust(point, "0").lstrip("0") or "0", digits[point:]
    return f"{before}.{after}" if after else before
