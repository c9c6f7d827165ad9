"""Fixed decimals: a sign, a mantissa of 96 bits and a scale of 0 to 28.

They are kept as :class:`decimal.Decimal`, which holds the scale and compares exactly. Every result
here is exact where a fixed decimal can hold it and otherwise rounded half to even at the largest
scale that fits. There is no negative zero. The decimal context of the calling thread is never used:
programs may change it.
"""

from __future__ import annotations

import re
from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    Clamped,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
    Rounded,
    Underflow,
)
from typing import TYPE_CHECKING

from openpit.param.errors import ParamError
from openpit.param.reals import as_float, as_integer
from openpit.param.remembered import IS_FULL, passing, remember
from openpit.param.words import is_encodable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "FULL",
    "MAX_MANTISSA",
    "MAX_SCALE",
    "NARROW",
    "SHORTER",
    "WIDE",
    "ZERO",
    "DecimalOverflow",
    "add",
    "from_mantissa",
    "mantissa_and_scale",
    "multiply",
    "negate",
    "parse",
    "parse_decimal",
    "parse_int",
    "parse_rounded_text",
    "parse_text",
    "plain",
    "remainder",
    "round_to_scale",
    "scale_of",
    "settle",
    "shortest_text",
    "subtract",
    "to_scale",
]

MAX_SCALE = 28
MAX_MANTISSA = 2**96 - 1

ZERO = Decimal(0)

# 28 digits and an exponent of -28 at least (Etiny = Emin - prec + 1): within that, an operation is
# exact and keeps its natural scale; outside, one of the traps springs and the slow path decides.
NARROW = Context(
    prec=28,
    rounding=ROUND_HALF_EVEN,
    Emin=-1,
    Emax=27,
    capitals=1,
    clamp=0,
    flags=[],
    traps=[Clamped, DivisionByZero, Inexact, InvalidOperation, Overflow, Rounded, Underflow],
)

# Methods bound once: looking one up on a context costs as much as calling it.
_narrow_add = NARROW.add
_narrow_subtract = NARROW.subtract
_narrow_multiply = NARROW.multiply
_narrow_remainder = NARROW.remainder
_narrow_create = NARROW.create_decimal
_text = NARROW.to_sci_string  # str() asks the thread's context whether the exponent is an E or an e

# Exact for the sum, product and remainder of any two fixed decimals: 87 digits at most.
WIDE = Context(
    prec=120,
    rounding=ROUND_HALF_EVEN,
    Emin=-999999,
    Emax=999999,
    capitals=1,
    clamp=0,
    flags=[],
    traps=[DivisionByZero, Inexact, InvalidOperation, Overflow],
)


def _wide_rounding(rounding: str, digits: int = 120) -> Context:
    return Context(
        prec=digits,
        rounding=rounding,
        Emin=-999999,
        Emax=999999,
        capitals=1,
        clamp=0,
        flags=[],
        traps=[InvalidOperation],
    )


_HALF_EVEN = _wide_rounding(ROUND_HALF_EVEN)
_HALF_UP = _wide_rounding(ROUND_HALF_UP)
_FLOAT_HALF_UP = _wide_rounding(ROUND_HALF_UP, digits=400)  # a float has up to 309 before the point

# By value of RoundingStrategy.
_STRATEGIES = {
    "MidpointNearestEven": _HALF_EVEN,
    "MidpointAwayFromZero": _HALF_UP,
    "Up": _wide_rounding(ROUND_CEILING),
    "Down": _wide_rounding(ROUND_FLOOR),
}

_wide_scaleb = WIDE.scaleb


def _rounding_to(digits: int) -> Context:
    """Return a context of so many digits that keeps no exponent below the largest scale's."""
    return Context(
        prec=digits,
        rounding=ROUND_HALF_EVEN,
        Emin=digits - 1 - MAX_SCALE,
        Emax=999999,
        capitals=1,
        clamp=0,
        flags=[],
        traps=[InvalidOperation],
    )


# A mantissa of 96 bits holds any 28 digits, and the smaller ones of 29.
FULL, SHORTER = _rounding_to(29), _rounding_to(28)

_full_add, _shorter_add = FULL.add, SHORTER.add
_full_subtract, _shorter_subtract = FULL.subtract, SHORTER.subtract
_full_multiply, _shorter_multiply = FULL.multiply, SHORTER.multiply

_SHORT = 2**32  # mantissas below are kept in one word by the reference, which at times shows

_STEP = [Decimal((0, (1,), -scale)) for scale in range(MAX_SCALE + 1)]
_LARGEST = [WIDE.scaleb(Decimal(MAX_MANTISSA), -scale) for scale in range(MAX_SCALE + 1)]


class DecimalOverflow(ArithmeticError):  # noqa: N818 - internal, named for what happened
    """The integer part of a result exceeds the largest fixed decimal."""


def from_mantissa(mantissa: int, scale: int) -> Decimal:
    """Return ``mantissa / 10**scale`` with that scale; no negative zero can come of it."""
    return _wide_scaleb(Decimal(mantissa), -scale)


def mantissa_and_scale(value: Decimal) -> tuple[int, int]:
    """Return the digits of a fixed decimal as a number, and how many of them are fractional."""
    whole, _, fraction = plain(value).partition(".")
    return abs(int(whole + fraction)), len(fraction)


def scale_of(value: Decimal) -> int:
    """Return the number of fractional digits of a fixed decimal."""
    text = _text(value)
    if "E" in text:
        text = format(value, "f")
    point = text.find(".")
    return len(text) - point - 1 if point >= 0 else 0


def to_scale(value: Decimal, scale: int) -> Decimal:
    """Return ``value`` with that scale; it has the room, and no digit that is lost."""
    return value.quantize(_STEP[scale], context=_HALF_EVEN)


def _fit(exact: Decimal, scale: int, rounding: Context) -> Decimal:
    """Round an exact value to the largest scale, ``scale`` at most, whose mantissa fits."""
    scale = min(scale, MAX_SCALE, MAX_SCALE - exact.adjusted())
    while scale >= 0:
        rounded = exact.quantize(_STEP[scale], context=rounding)
        if rounded.copy_abs() <= _LARGEST[scale]:
            return rounded or rounded.copy_abs()
        scale -= 1
    raise DecimalOverflow


# --- arithmetic ---------------------------------------------------------------------------------


def settle(
    result: Decimal,
    shorter: Callable[[Decimal, Decimal], Decimal],
    a: Decimal,
    b: Decimal,
) -> Decimal:
    """Return ``result`` if its mantissa fits, else what ``shorter`` makes of ``a`` and ``b``.

    ``result`` is the exact one rounded to 29 digits (:data:`FULL`), and ``shorter`` rounds the same
    to 28, so nothing is rounded twice. Raises ``DecimalOverflow`` when the integer part does not
    fit. There is no negative zero.
    """
    size = result.adjusted()
    if size < 0:
        return result or result.copy_abs()
    if size > MAX_SCALE:
        raise DecimalOverflow
    if result.copy_abs() <= _LARGEST[MAX_SCALE - size]:
        return result
    if size == MAX_SCALE:
        raise DecimalOverflow
    result = shorter(a, b)
    if result.adjusted() > size:  # rounded up to a power of ten, which has room for a digit more
        return result.quantize(_STEP[MAX_SCALE - 1 - size], context=_HALF_EVEN)
    return result


def add(a: Decimal, b: Decimal) -> Decimal:
    """Return ``a + b``; DecimalOverflow when its integer part does not fit.

    A zero adds nothing, not even its scale: ``1 + 0.00`` is ``1``.
    """
    if not a:
        return b
    if not b:
        return a
    try:
        return _narrow_add(a, b)
    except ArithmeticError:
        return settle(_full_add(a, b), _shorter_add, a, b)


def subtract(a: Decimal, b: Decimal) -> Decimal:
    """Return ``a - b``; DecimalOverflow when its integer part does not fit.

    A zero takes nothing away, not even its scale, as in :func:`add`.
    """
    if not b:
        return a or b
    if not a:
        return b.copy_negate()
    try:
        return _narrow_subtract(a, b)
    except ArithmeticError:
        return settle(_full_subtract(a, b), _shorter_subtract, a, b)


def multiply(a: Decimal, b: Decimal) -> Decimal:
    """Return ``a * b``, plain zero when either is; DecimalOverflow as in :func:`add`."""
    if not a or not b:
        return ZERO
    try:
        return _narrow_multiply(a, b)
    except ArithmeticError:
        product = settle(_full_multiply(a, b), _shorter_multiply, a, b)
    # The reference multiplies mantissas of 32 bits apart, and gives up there beyond this scale:
    # nothing is left of them in any case, there not even a scale.
    if not product and scale_of(a) + scale_of(b) > MAX_SCALE + 19 and _is_short(a) and _is_short(b):
        return ZERO
    return product


def _is_short(value: Decimal) -> bool:
    return mantissa_and_scale(value)[0] < _SHORT


def negate(a: Decimal) -> Decimal:
    """Return ``-a``; zero stays as it is."""
    return a.copy_negate() if a else a


def remainder(a: Decimal, b: Decimal) -> Decimal:
    """Return what truncated division leaves, with the sign of ``a``; ZeroDivisionError for zero."""
    if not b:
        raise ZeroDivisionError
    if not a:
        return ZERO
    size_a, size_b = a.copy_abs(), b.copy_abs()
    if size_a <= size_b:
        return a if size_a < size_b else ZERO
    try:
        rest = _narrow_remainder(a, b)
    except ArithmeticError:
        rest = WIDE.remainder(a, b)
    return rest or rest.copy_abs()


def round_to_scale(value: Decimal, scale: int, strategy: str) -> Decimal:
    """Round to ``scale`` fractional digits; a value that has no more than that stays as it is.

    ``strategy`` is one of the values of ``RoundingStrategy``.
    """
    if scale >= scale_of(value):
        return value
    rounded = value.quantize(_STEP[scale], context=_STRATEGIES[strategy])
    return rounded or rounded.copy_abs()


# --- reading and writing ------------------------------------------------------------------------

_GRAMMAR = re.compile(r"[+-]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)")
_EXPONENT = re.compile(r"[eE]([+-]?)0*([0-9]{1,2})")

_SURE_DIGITS = 15  # a float of no more is nearer to its text than to any other

_I128_MIN, _I128_MAX = -(2**127), 2**127 - 1
_I128_DIGITS = 39
_SHOWN_LENGTH = 64  # of a decimal in the text of its error
_U32_MAX = 2**32 - 1


def _fits(value: Decimal, scale: int) -> bool:
    return scale <= MAX_SCALE and value.copy_abs() <= _LARGEST[scale]


def _runs_on(digits: str, scale: int) -> bool:
    """Tell whether an underscore follows the last digit that can be held: nothing may."""
    return scale == MAX_SCALE and digits.endswith("_")


def _invalid_text(text: str, type_name: str) -> ParamError:
    return ParamError(f"invalid format for {type_name}: '{text}'")


def _wrong_class(type_name: str) -> ValueError:
    return ValueError(f"{type_name} must be a Decimal, str, int, or float")


def _parse_grammar(text: str, type_name: str) -> Decimal:
    """Read a text by the grammar of amounts, however long it is: sign, digits, one point."""
    if _GRAMMAR.fullmatch(text) is not None:
        value = Decimal(text.replace("_", ""))
        scale = scale_of(value)
        if _fits(value, scale) and not _runs_on(text, scale):
            return value or value.copy_abs()
    if not is_encodable(text):
        raise _wrong_class(type_name)
    raise _invalid_text(text, type_name)


def parse_text(text: str, type_name: str) -> Decimal:
    """Read a decimal text; ParamError when it is not one or cannot be held exactly."""
    try:
        value = _narrow_create(text)
    except ArithmeticError:
        return _parse_grammar(text, type_name)
    # Decimal takes more than the grammar: exponents, the digits of other scripts, NaN, infinity.
    if text.isascii() and "e" not in text and "E" not in text and value.is_finite():
        value = value or value.copy_abs()
        if not IS_FULL or next(passing):
            remember(text, value)
        return value
    return _parse_grammar(text, type_name)


def parse_rounded_text(text: str, type_name: str) -> Decimal:
    """Read a decimal text of any precision; what cannot be held is rounded half away from zero.

    An exponent of up to 28 is taken here, after digits that need no rounding.
    """
    number = _GRAMMAR.match(text)
    if number is None:
        raise _invalid_text(text, type_name)
    value = Decimal(number[0].replace("_", ""))
    scale = scale_of(value)
    if number.end() < len(text):
        power = _EXPONENT.fullmatch(text, number.end())
        if power is None or not _fits(value, scale) or _runs_on(number[0], scale):
            raise _invalid_text(text, type_name)
        exponent = int(power[1] + power[2])
        if abs(exponent) > MAX_SCALE:
            raise _invalid_text(text, type_name)
        value = WIDE.scaleb(value, exponent)
        scale = max(scale - exponent, 0)
    try:
        return _fit(value, scale, _HALF_UP)
    except DecimalOverflow:
        raise _invalid_text(text, type_name) from None


def parse_int(value: int, type_name: str) -> Decimal:
    """Read an integer; ParamError when it is larger than a mantissa."""
    try:
        return _narrow_create(value)
    except ArithmeticError:
        if -MAX_MANTISSA <= value <= MAX_MANTISSA:
            return Decimal(value)
        if _I128_MIN <= value <= _I128_MAX:
            raise _invalid_text(str(value), type_name) from None
        raise ParamError(f"{type_name} integer is outside the core decimal range") from None


def parse_decimal(value: Decimal, type_name: str) -> Decimal:
    """Read a ``decimal.Decimal`` with its scale; ParamError when it cannot be held exactly."""
    try:
        number = _narrow_create(value)
    except ArithmeticError:
        return _parse_wide_decimal(value, type_name)
    if number and number.is_finite() and "E" not in _text(number):
        return number
    return _parse_wide_decimal(value, type_name)


def _parse_wide_decimal(value: Decimal, type_name: str) -> Decimal:
    """Read a decimal of any size; what does not fit is told apart as the reference does."""
    sign, digits, exponent = value.as_tuple()
    shown = str(value)
    if len(shown) > _SHOWN_LENGTH:
        shown = f"{shown[:_SHOWN_LENGTH]}..."
    if not isinstance(exponent, int):
        raise ParamError(f"{type_name} decimal {shown} is not finite")
    if not value and exponent >= 0:
        return ZERO
    failure = f"{type_name} decimal {shown} exceeds the core decimal range"
    if max(exponent, 0) + len(digits) > _I128_DIGITS or -exponent > _U32_MAX:
        raise ParamError(failure)
    coefficient = int("".join(map(str, digits))) * (-1) ** sign * 10 ** max(exponent, 0)
    if not _I128_MIN <= coefficient <= _I128_MAX:
        raise ParamError(failure)
    scale = max(-exponent, 0)
    if scale > MAX_SCALE:
        raise ParamError(
            f"{failure}: Scale exceeds the maximum precision allowed: {scale} > {MAX_SCALE}"
        )
    if coefficient > MAX_MANTISSA:
        raise ParamError(f"{failure}: Number exceeds maximum value that can be represented.")
    if coefficient < -MAX_MANTISSA:
        raise ParamError(f"{failure}: Number less than minimum value that can be represented.")
    return from_mantissa(coefficient, scale)


def shortest_text(value: float) -> str:
    """Return the shortest text that reads back as ``value``, without an exponent.

    Where two such texts are as near, this is the larger; Python's own ends in an even digit.
    """
    text = repr(value)
    if "n" in text:
        return "NaN" if text == "nan" else text
    if "e" in text or len(text) > _SURE_DIGITS:
        digits = Decimal(text)
        # The constructor would signal FloatOperation in a context that traps it.
        exact = Decimal.from_float(value)  # noqa: FURB164 - as the line above says
        larger = exact.quantize(digits, context=_FLOAT_HALF_UP)
        text = format(larger if float(larger) == value else digits, "f")
    return text.removesuffix(".0")


def parse(value: object, type_name: str) -> Decimal:
    """Read anything that a value type's constructor takes but another value.

    Raises ``ParamError`` for what cannot be held and ``ValueError`` for another class.
    """
    if isinstance(value, str):
        return parse_text(str.__str__(value), type_name)
    if isinstance(value, Decimal):
        return parse_decimal(value, type_name)
    if isinstance(value, float):
        return parse_text(shortest_text(float(value)), type_name)
    if not isinstance(value, bool):
        integer = as_integer(value)
        if integer is not None:
            return parse_int(integer, type_name)
        real = as_float(value)
        if real is not None:
            return parse_text(shortest_text(real), type_name)
    raise _wrong_class(type_name)


def plain(value: Decimal) -> str:
    """Return plain notation with the stored scale, never an exponent."""
    text = _text(value)
    return format(value, "f") if "E" in text else text
