"""Fixed decimals: a sign, a mantissa of 96 bits and a scale of 0 to 28 (spec sections 2.1, 2.2).

They are kept as :class:`decimal.Decimal`, which holds the scale and compares exactly. Every result
here is exact where a fixed decimal can hold it and otherwise rounded half to even at the largest
scale that fits. There is no negative zero. The decimal context of the calling thread is never used:
programs may change it.
"""

from __future__ import annotations

import math
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

from openpit.errors import ParamError

__all__ = [
    "MAX_MANTISSA",
    "MAX_SCALE",
    "NARROW",
    "ZERO",
    "DecimalOverflow",
    "add",
    "divide",
    "from_binary",
    "multiply",
    "negate",
    "parse",
    "parse_decimal",
    "parse_rounded_text",
    "parse_text",
    "plain",
    "read_plain",
    "remainder",
    "round_to_scale",
    "subtract",
    "to_binary",
]

MAX_SCALE = 28
MAX_MANTISSA = 2**96 - 1

ZERO = Decimal(0)

_HALF = 5  # of the ten values that a dropped digit can have

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

# Exact for the sum, product and remainder of any two fixed decimals: at most 58 digits.
_WIDE = Context(
    prec=120,
    rounding=ROUND_HALF_EVEN,
    Emin=-999999,
    Emax=999999,
    capitals=1,
    clamp=0,
    flags=[],
    traps=[DivisionByZero, Inexact, InvalidOperation, Overflow],
)

# As wide, for roundings.
_ROUNDING = Context(
    prec=120,
    rounding=ROUND_HALF_EVEN,
    Emin=-999999,
    Emax=999999,
    capitals=1,
    clamp=0,
    flags=[],
    traps=[InvalidOperation],
)

_STEP = [Decimal((0, (1,), -scale)) for scale in range(MAX_SCALE + 1)]
_LARGEST = [_WIDE.scaleb(Decimal(MAX_MANTISSA), -scale) for scale in range(MAX_SCALE + 1)]


class DecimalOverflow(ArithmeticError):  # noqa: N818 - internal, named for what happened
    """The integer part of a result exceeds the largest fixed decimal."""


def _scale_of(value: Decimal) -> int:
    """Return the number of fractional digits of a fixed decimal."""
    text = str(value)
    if "E" in text:
        exponent = value.as_tuple().exponent
        assert isinstance(exponent, int)  # noqa: S101 - fixed decimals are finite
        return -exponent
    point = text.find(".")
    return 0 if point < 0 else len(text) - point - 1


def _fit(exact: Decimal, scale: int) -> Decimal:
    """Round an exact value of this scale to the largest scale whose mantissa fits."""
    digits_above = exact.adjusted()
    scale = min(scale, MAX_SCALE, MAX_SCALE - digits_above)
    while scale >= 0:
        rounded = exact.quantize(_STEP[scale], ROUND_HALF_EVEN, _ROUNDING)
        if rounded.copy_abs() <= _LARGEST[scale]:
            return rounded or rounded.copy_abs()
        scale -= 1
    raise DecimalOverflow


def add(a: Decimal, b: Decimal) -> Decimal:
    """Return ``a + b``; DecimalOverflow when its integer part does not fit."""
    if not a:
        return b
    if not b:
        return a
    try:
        return NARROW.add(a, b)
    except ArithmeticError:
        return _fit(_WIDE.add(a, b), max(_scale_of(a), _scale_of(b)))


def subtract(a: Decimal, b: Decimal) -> Decimal:
    """Return ``a - b``; DecimalOverflow when its integer part does not fit."""
    if not b:
        return a or b
    if not a:
        return b.copy_negate()
    try:
        return NARROW.subtract(a, b)
    except ArithmeticError:
        return _fit(_WIDE.subtract(a, b), max(_scale_of(a), _scale_of(b)))


def multiply(a: Decimal, b: Decimal) -> Decimal:
    """Return ``a * b``, plain zero when either is; DecimalOverflow as in :func:`add`."""
    if not a or not b:
        return ZERO
    try:
        return NARROW.multiply(a, b)
    except ArithmeticError:
        return _fit(_WIDE.multiply(a, b), _scale_of(a) + _scale_of(b))


def negate(a: Decimal) -> Decimal:
    """Return ``-a``; zero stays as it is."""
    return a.copy_negate() if a else a


def _largest_power(mantissa: int, limit: int) -> int:
    """Return the largest power of ten, up to ``limit``, that keeps the mantissa in 96 bits."""
    power = limit
    while power > 0 and mantissa * 10**power > MAX_MANTISSA:
        power -= 1
    return power


def divide(a: Decimal, b: Decimal) -> Decimal:
    """Return ``a / b``; ZeroDivisionError for a zero ``b``, DecimalOverflow as in :func:`add`.

    The digits are produced nine at a time, and of the zeros that this leaves at the end one run of
    four, one of two and one single are dropped (spec section 2.2): ``1/2`` is ``0.50``.
    """
    if not b:
        raise ZeroDivisionError
    if not a:
        return ZERO
    scale_a, scale_b = _scale_of(a), _scale_of(b)
    divisor = int(_WIDE.scaleb(b.copy_abs(), scale_b))
    quotient, rest = divmod(int(_WIDE.scaleb(a.copy_abs(), scale_a)), divisor)
    scale = scale_a - scale_b
    padded = False
    while rest or scale < 0:
        if rest:
            padded = True
            power = _largest_power(quotient, min(9, MAX_SCALE - scale))
            if power == 0:
                break
        else:
            power = min(9, -scale)
        more, rest = divmod(rest * 10**power, divisor)
        quotient = quotient * 10**power + more
        scale += power
        if quotient > MAX_MANTISSA:
            break
    if scale < 0 or quotient > MAX_MANTISSA:
        raise DecimalOverflow
    if rest and (2 * rest > divisor or (2 * rest == divisor and quotient & 1)):
        quotient += 1
        if quotient > MAX_MANTISSA:
            if scale == 0:
                raise DecimalOverflow
            quotient, scale = quotient // 10, scale - 1
    if not quotient:
        return ZERO
    if padded:
        for run in (4, 2, 1):
            if scale >= run and quotient % 10**run == 0:
                quotient //= 10**run
                scale -= run
    if a.is_signed() != b.is_signed():
        quotient = -quotient
    return _WIDE.scaleb(Decimal(quotient), -scale)


def remainder(a: Decimal, b: Decimal) -> Decimal:
    """Return what truncated division leaves, with the sign of ``a``; ZeroDivisionError for zero."""
    if not b:
        raise ZeroDivisionError
    if not a:
        return ZERO
    rest = _WIDE.remainder(a, b)
    return rest or rest.copy_abs()


def round_to_scale(value: Decimal, scale: int, rounding: str) -> Decimal:
    """Round to ``scale`` fractional digits; a value that has no more than that stays as it is.

    ``rounding`` is one of the values of ``RoundingStrategy``.
    """
    if scale >= _scale_of(value):
        return value
    rounded = value.quantize(_STEP[scale], ROUNDINGS[rounding], _ROUNDING)
    return rounded or rounded.copy_abs()


ROUNDINGS = {
    "MidpointNearestEven": ROUND_HALF_EVEN,
    "MidpointAwayFromZero": ROUND_HALF_UP,
    "Up": ROUND_CEILING,
    "Down": ROUND_FLOOR,
}


# --- reading ------------------------------------------------------------------------------------

_GRAMMAR = re.compile(r"[+-]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)")


def _grammatical(text: str) -> Decimal | None:
    """Return the exact value of a text of the grammar of spec section 2.1, else None."""
    if _GRAMMAR.fullmatch(text) is None:
        return None
    value = Decimal(text.replace("_", ""))
    return value or value.copy_abs()


def _outside(value: Decimal, scale: int) -> bool:
    return scale > MAX_SCALE or value.copy_abs() > _LARGEST[scale]


def _parse_any_text(text: str, type_name: str) -> Decimal:
    value = _grammatical(text)
    if value is None or _outside(value, _scale_of(value)):
        raise ParamError(f"invalid format for {type_name}: '{text}'")
    return value


def read_plain(text: str) -> Decimal | None:
    """Return the value of a number in the usual form, None for what needs a closer look.

    Closer looks are for zeros (no sign may stay), underscores, more digits than 28, and for what
    ``Decimal`` takes but the grammar does not: exponents, other scripts' digits, NaN, infinity.
    """
    try:
        value = NARROW.create_decimal(text)
    except ArithmeticError:
        return None
    if value and text.isascii() and "e" not in text and "E" not in text and value.is_finite():
        return value
    return None


def parse_text(text: str, type_name: str) -> Decimal:
    """Read a decimal text; ParamError when it is not one or cannot be held exactly."""
    return read_plain(text) or _parse_any_text(text, type_name)


def parse_rounded_text(text: str, type_name: str) -> Decimal:
    """Read a text of any precision; what exceeds 28 digits after the point is rounded half up."""
    value = _grammatical(text)
    if value is not None:
        scale = min(_scale_of(value), MAX_SCALE, MAX_SCALE - value.adjusted())
        while scale >= 0:
            rounded = value.quantize(_STEP[scale], ROUND_HALF_UP, _ROUNDING)
            if rounded.copy_abs() <= _LARGEST[scale]:
                return rounded or rounded.copy_abs()
            scale -= 1
    raise ParamError(f"invalid format for {type_name}: '{text}'")


def plain_float(value: float) -> str:
    """Return the shortest text that reads back as ``value``, without an exponent."""
    if math.isnan(value):
        return "NaN"
    text = format(Decimal(repr(value)), "f")
    if text == "Infinity":
        return "inf"
    if text == "-Infinity":
        return "-inf"
    return text.removesuffix(".0")


_I128 = range(-(2**127), 2**127)
_I128_DIGITS = 39
_U32_MAX = 2**32 - 1


def parse_decimal(value: Decimal, type_name: str) -> Decimal:
    """Take a ``decimal.Decimal`` with its scale; ParamError when it cannot be held exactly."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise ParamError(f"{type_name} decimal {value} is not finite")
    if not any(digits) and exponent >= 0:
        return ZERO
    failure = f"{type_name} decimal {value} exceeds the core decimal range"
    if exponent > _I128_DIGITS or -exponent > _U32_MAX or len(digits) > _I128_DIGITS + MAX_SCALE:
        raise ParamError(failure)
    coefficient = int("".join(map(str, digits))) * (-1) ** sign
    if exponent > 0:
        coefficient *= 10**exponent
    if coefficient not in _I128:
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
    return _WIDE.scaleb(Decimal(coefficient), -scale)


def parse(value: object, type_name: str) -> Decimal:
    """Read anything that a value type's constructor takes but another value (spec section 2.1).

    Raises ``ParamError`` for what cannot be held and ``ValueError`` for another class.
    """
    kind = value.__class__
    if kind is str:
        return parse_text(value, type_name)  # type: ignore[arg-type]  # narrowed by class
    if kind is int:
        return _parse_int(value, type_name)  # type: ignore[arg-type]  # narrowed by class
    if isinstance(value, Decimal):
        return parse_decimal(value, type_name)
    if isinstance(value, str):
        return parse_text(str(value), type_name)
    if isinstance(value, float):
        return _parse_any_text(plain_float(value), type_name)
    if isinstance(value, int) and kind is not bool:
        return _parse_int(int(value), type_name)
    raise ValueError(f"{type_name} must be a Decimal, str, int, or float")


def _parse_int(value: int, type_name: str) -> Decimal:
    if -MAX_MANTISSA <= value <= MAX_MANTISSA:
        return Decimal(value)
    if _I128.start <= value < _I128.stop:
        raise ParamError(f"invalid format for {type_name}: '{value}'")
    raise ParamError(f"{type_name} integer is outside the core decimal range")


def from_binary(value: float) -> Decimal:
    """Convert a float to the decimal of about 15 digits that it stands for; ParamError if none.

    This is the conversion of ``from_float`` and of float operands, not that of the constructors
    (spec section 2.1): ``0.1 + 0.2`` becomes ``0.3``. A float that is too small becomes zero.
    """
    if not math.isfinite(value):
        raise ParamError("invalid float value")
    if not value:
        return ZERO
    fraction, exponent2 = math.frexp(abs(value))
    mantissa = int(fraction * 2.0**53)
    exponent2 -= 53
    # mantissa * 2**exponent2 == mantissa * 5**-exponent2 * 10**exponent2: trade the power of two
    # for one of ten, within 96 bits; what does not fit is shifted out.
    exponent10 = exponent2
    fives = -exponent2
    while fives > 0:
        fives -= 1
        if mantissa & 1 == 0 or mantissa * 5 > MAX_MANTISSA:
            mantissa >>= 1
            exponent10 += 1
        else:
            mantissa *= 5
    while fives < 0:
        fives += 1
        if mantissa >> 95:
            mantissa //= 5
        else:
            mantissa <<= 1
            exponent10 -= 1
    while exponent10 > 0:
        mantissa *= 10
        exponent10 -= 1
        if mantissa > MAX_MANTISSA:
            raise ParamError("invalid float value")
    while exponent10 < -MAX_SCALE or (exponent10 < 0 and mantissa >> 52):
        mantissa, dropped = divmod(mantissa, 10)
        exponent10 += 1
        if not mantissa and not dropped:
            return ZERO
        if dropped >= _HALF:
            mantissa += 1
    if not mantissa:
        return ZERO
    while exponent10 < 0 and mantissa % 10 == 0:
        mantissa //= 10
        exponent10 += 1
    return _WIDE.scaleb(Decimal(-mantissa if value < 0 else mantissa), exponent10)


def to_binary(value: Decimal) -> float:
    """Return the nearest float."""
    return float(value)


def plain(value: Decimal) -> str:
    """Return plain notation with the stored scale, never an exponent."""
    text = str(value)
    return format(value, "f") if "E" in text else text
