"""Reads a lock's JSON, with its numbers as the reference reads them."""

from __future__ import annotations

import json
import math
import re
from typing import NoReturn

__all__ = ["decode"]

_NUMBER = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?)0*([0-9]+))?")
_SHOWN_LENGTH = 40  # of a number in the text of its error

_I64_MIN = -(2**63)
_U64_MAX = 2**64 - 1
_U64_LENGTH = len(str(_U64_MAX))  # int() refuses thousands of digits

_MAX_POWER = 308  # of ten, in a float
_EXPONENT_LENGTH = 9  # digits that say how far out of range a number is


def decode(text: str) -> object:
    """Return what a JSON text holds; ``ValueError`` or ``RecursionError`` if it cannot be read."""
    return _DECODER.decode(text)


def _integer(text: str) -> int | float:
    """Return an integer of 64 bits as it is, any other as a float."""
    if len(text) <= _U64_LENGTH and _I64_MIN <= (integer := int(text)) <= _U64_MAX:
        return integer
    return _float(text)


def _float(text: str) -> float:
    """Return a number that is no integer of 64 bits; ``ValueError`` beyond the largest float.

    The first 64 bits of its digits are scaled by a power of ten, each of the two rounded: beyond 15
    digits, and for large powers, this is not the nearest float, but it is what the reference reads.
    """
    # Neither the decoder nor _integer() has anything but a number read here.
    whole, fraction, sign, size = _NUMBER.fullmatch(text).groups("")  # type: ignore[union-attr]
    kept = whole[:_U64_LENGTH]
    if int(kept) > _U64_MAX:
        kept = kept[:-1]
    digits, power = int(kept), len(whole) - len(kept)
    for digit in fraction:
        longer = digits * 10 + int(digit)
        if longer > _U64_MAX:
            break
        digits = longer
        power -= 1
    power += int(sign + (size[:_EXPONENT_LENGTH] or "0"))
    number = float(digits)
    while number and power < -_MAX_POWER:
        number /= 1e308
        power += _MAX_POWER
    if number and power < 0:
        number /= float(f"1e{-power}")
    elif number:
        number *= float(f"1e{power}")
        if math.isinf(number):
            raise ValueError(f"number out of range: {text:.{_SHOWN_LENGTH}}")
    return -number if text.startswith("-") else number


def _refuse(word: str) -> NoReturn:
    """Refuse what Python takes for a number."""
    raise ValueError(f"{word} is no number of JSON")


_DECODER = json.JSONDecoder(parse_float=_float, parse_int=_integer, parse_constant=_refuse)
