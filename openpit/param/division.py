"""Quotients of fixed decimals, with the zeros that the reference leaves at their end.

Its digits are produced nine at a time, and of the zeros that this leaves at the end one run of
eight, one of four, one of two and one single are dropped: ``1/2`` is ``0.50``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from openpit.param.decimals import (
    FULL,
    MAX_MANTISSA,
    MAX_SCALE,
    SHORTER,
    WIDE,
    ZERO,
    DecimalOverflow,
    from_mantissa,
    mantissa_and_scale,
    plain,
    scale_of,
    settle,
    to_scale,
)

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = ["divide"]

# Methods bound once: looking one up on a context costs as much as calling it.
_full_divide, _shorter_divide = FULL.divide, SHORTER.divide
_wide_multiply = WIDE.multiply
_text = WIDE.to_sci_string

_RUN = 9  # digits at a time
_TEN_TO = [10**power for power in range(_RUN + 1)]
_ROOM = [MAX_MANTISSA // step for step in _TEN_TO]  # the largest that can grow by so many digits

# The reference looks for eight zeros only where the lowest 32 bits are clear.
_EIGHT = 8
_EIGHT_ZEROS = math.lcm(10**_EIGHT, 2**32)
_CLEAR_IF_EIGHT_ZEROS = _EIGHT_ZEROS // 10**_EIGHT

_RUNS = (4, 2, 1)
_ALL_RUNS = sum(_RUNS)


def divide(a: Decimal, b: Decimal) -> Decimal:
    """Return ``a / b``; ZeroDivisionError for a zero ``b``.

    Raises ``DecimalOverflow`` when the integer part of the quotient does not fit.
    """
    if not b:
        raise ZeroDivisionError
    if not a:
        return ZERO
    quotient = settle(_full_divide(a, b), _shorter_divide, a, b)
    text = _text(quotient)
    if "E+" in text:
        return _exact(quotient, None, a, b)
    digits = plain(quotient) if "E" in text else text
    point = digits.find(".") + 1
    scale = len(digits) - point if point else 0
    size = quotient.adjusted()
    if scale < (MAX_SCALE if size < 0 else MAX_SCALE - 1 - size):
        return _exact(quotient, scale, a, b)
    # All the digits that there are: a rounded quotient, of which no more than zeros are dropped.
    if digits[-1] != "0":
        return quotient
    if not quotient:
        return ZERO
    if _wide_multiply(quotient, b) == a:
        return _by_runs(a, b)
    _, kept = _without_padding(*mantissa_and_scale(quotient))
    return to_scale(quotient, kept)


def _exact(quotient: Decimal, scale: int | None, a: Decimal, b: Decimal) -> Decimal:
    """Return an exact quotient of least digits with the zeros that the runs leave behind it.

    Without a ``scale`` it ends before the point.
    """
    product = _wide_multiply(quotient, b)
    if product.same_quantum(a):  # no digit was brought down behind those of the dividend
        return to_scale(quotient, 0) if scale is None else quotient
    scale_a = scale_of(a)
    produced = scale_of(product) - scale_a
    if scale is None:
        scale = scale_a - scale_of(b) + produced
    zeros = -produced % _RUN
    padded = scale + zeros
    if padded > MAX_SCALE or quotient.adjusted() + padded >= MAX_SCALE:
        return _by_runs(a, b)  # there is no room for the last run
    if zeros == _EIGHT <= padded and mantissa_and_scale(quotient)[0] % _CLEAR_IF_EIGHT_ZEROS == 0:
        return _by_runs(a, b)
    if padded >= _ALL_RUNS:
        kept = scale if zeros < _EIGHT else scale + 1
    else:
        kept = max(padded, 0)
        for run in _RUNS:
            if run <= kept and run <= kept - scale:
                kept -= run
    return quotient if kept == scale else to_scale(quotient, kept)


def _by_runs(a: Decimal, b: Decimal) -> Decimal:
    """Divide as the reference does, digit run by digit run."""
    dividend, scale_a = mantissa_and_scale(a)
    divisor, scale_b = mantissa_and_scale(b)
    quotient, rest = divmod(dividend, divisor)
    scale = scale_a - scale_b
    padded = False
    while rest or scale < 0:
        padded = padded or rest != 0
        power = min(_RUN, MAX_SCALE - scale if rest else -scale)
        while power and quotient > _ROOM[power]:
            power -= 1
        if power == 0:
            break
        more, rest = divmod(rest * _TEN_TO[power], divisor)
        quotient = quotient * _TEN_TO[power] + more
        scale += power
    if quotient > MAX_MANTISSA:
        # The last digits brought it over 96 bits: one digit too many.
        quotient, digit = divmod(quotient, 10)
        scale -= 1
        rest += digit * divisor
        divisor *= 10
    if scale < 0:
        raise DecimalOverflow
    if 2 * rest > divisor or (2 * rest == divisor and quotient & 1):
        quotient += 1
        if quotient > MAX_MANTISSA:
            if scale == 0:
                raise DecimalOverflow
            quotient, scale = (quotient + 5) // 10, scale - 1
    if not quotient:
        return ZERO
    if padded:
        quotient, scale = _without_padding(quotient, scale)
    return from_mantissa(quotient if a.is_signed() == b.is_signed() else -quotient, scale)


def _without_padding(quotient: int, scale: int) -> tuple[int, int]:
    """Drop zeros at the end of a quotient as the reference does, which is not all of them."""
    while quotient % _EIGHT_ZEROS == 0 and scale >= _EIGHT:
        quotient //= _TEN_TO[_EIGHT]
        scale -= _EIGHT
    for run in _RUNS:
        if scale >= run and quotient % _TEN_TO[run] == 0:
            quotient //= _TEN_TO[run]
            scale -= run
    return quotient, scale
