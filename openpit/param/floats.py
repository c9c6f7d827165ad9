"""Between floats and fixed decimals, as the reference converts."""

from __future__ import annotations

import math
from decimal import Decimal

from openpit.param.decimals import (
    MAX_MANTISSA,
    MAX_SCALE,
    ZERO,
    from_mantissa,
    mantissa_and_scale,
)
from openpit.param.errors import ParamError

__all__ = ["from_float", "to_float"]

_SIGNIFICAND_BITS = 53
_DIGIT_HALF = 5
_HALF = 0.5


def from_float(value: float) -> Decimal:
    """Convert a float to the decimal of about 15 digits that it stands for.

    This is the conversion of ``from_float`` and of float operands, not that of the constructors:
    ``0.1 + 0.2`` becomes ``0.3``, and what is too small becomes zero. Raises ``ParamError``
    for what is no number or too large.
    """
    if not abs(value) <= MAX_MANTISSA:  # nor when it is NaN
        raise ParamError("invalid float value")
    if not value:
        return ZERO
    fraction, exponent2 = math.frexp(abs(value))
    mantissa = int(math.ldexp(fraction, _SIGNIFICAND_BITS))
    exponent2 -= _SIGNIFICAND_BITS
    if exponent2 >= 0:
        return Decimal(int(value))
    mantissa, exponent10 = _trade_twos_for_tens(mantissa, -exponent2)
    while exponent10 < -MAX_SCALE or (exponent10 < 0 and mantissa >> (_SIGNIFICAND_BITS - 1)):
        mantissa, dropped = divmod(mantissa, 10)
        exponent10 += 1
        if not mantissa:
            return ZERO
        if dropped >= _DIGIT_HALF:
            mantissa += 1
    while exponent10 < 0 and mantissa % 10 == 0:
        mantissa //= 10
        exponent10 += 1
    return from_mantissa(-mantissa if value < 0 else mantissa, -exponent10)


def _trade_twos_for_tens(mantissa: int, halvings: int) -> tuple[int, int]:
    """Rewrite ``mantissa * 2**-halvings`` as a mantissa of 96 bits and a power of ten.

    ``2**-n`` is ``5**n * 10**-n``: the mantissa takes the fives up, and what then does not fit is
    shifted out.
    """
    exponent10 = -halvings
    for _ in range(halvings):
        if mantissa & 1 == 0 or mantissa * 5 > MAX_MANTISSA:
            mantissa >>= 1
            exponent10 += 1
        else:
            mantissa *= 5
    return mantissa, exponent10


def to_float(value: Decimal) -> float:
    """Return a float next to the value: the nearest one, or a last bit beside it.

    The whole part and the fraction are converted apart, and the sum is rounded to the value's
    scale, all in floats, as the reference does: the same decimal gives the same float.
    """
    mantissa, scale = mantissa_and_scale(value)
    whole, fraction = divmod(mantissa, 10**scale)
    number = float(whole)
    if fraction:
        unit = _power_of_ten(scale)
        number = _rounded((number + float(fraction) / float(10**scale)) * unit) / unit
    return -number if value.is_signed() else number


def _power_of_ten(exponent: int) -> float:
    """Return ``10**exponent`` by repeated squaring in floats, which is inexact from 23 up."""
    result = 1.0
    square = 10.0
    while True:
        if exponent & 1:
            result *= square
        exponent >>= 1
        if not exponent:
            return result
        square *= square


def _rounded(value: float) -> float:
    """Round a float that is not negative to a whole one, half up."""
    whole = math.floor(value)
    return float(whole + 1) if value - whole >= _HALF else float(whole)
