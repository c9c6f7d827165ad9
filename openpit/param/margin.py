"""Notional and leverage: what a position is worth, and what margin that takes."""

from __future__ import annotations

import operator
import struct
from decimal import Decimal
from typing import Any, ClassVar, Self, final

from openpit.param.classes import is_of
from openpit.param.decimals import ZERO, DecimalOverflow, multiply
from openpit.param.division import divide
from openpit.param.fixed_decimal import UnsignedDecimal, overflow
from openpit.param.reals import as_float, as_integer, real_number
from openpit.param.refusals import not_an_instance, refuse_final_bases
from openpit.param.values import Price, Quantity, Volume

__all__ = ["Leverage", "Notional", "leverage_steps", "new_leverage"]


@final
class Notional(UnsignedDecimal):
    """The value of a position at a price, whatever its side; never negative."""

    __slots__ = ()
    __module__ = "openpit.param"

    ZERO: ClassVar[Notional]

    @staticmethod
    def from_price_quantity(price: Price, quantity: Quantity) -> Notional:
        """Return ``|price| * quantity``.

        Raises:
            TypeError: an argument is of another class.
            ParamError: the result does not fit into 96 bits.
        """
        if type(price) is not Price:
            raise not_an_instance(price, "Price")
        if type(quantity) is not Quantity:
            raise not_an_instance(quantity, "Quantity")
        return Notional._of(price.calculate_volume(quantity)._value)

    @staticmethod
    def from_volume(volume: Volume) -> Notional:
        """Return the same amount as a notional.

        Raises:
            TypeError: ``volume`` is no :class:`Volume`.
        """
        if type(volume) is not Volume:
            raise not_an_instance(volume, "Volume")
        return Notional._of(volume._value)

    def to_volume(self) -> Volume:
        """Return the same amount as a volume."""
        return Volume._of(self._value)

    def calculate_margin_required(self, leverage: Leverage | float) -> Notional:
        """Return the notional divided by the leverage.

        Raises:
            ValueError: ``leverage`` is none.
            ParamError: ten times the notional does not fit into 96 bits.
        """
        divisor = Decimal(leverage_steps(leverage))
        try:
            return Notional._of(divide(multiply(self._value, _TEN), divisor))
        except DecimalOverflow:
            raise overflow(self) from None


_TEN = Decimal(10)


_new = object.__new__

_LEVERAGE_SCALE = 10
_LEVERAGE_MAX = 3000
_U16_MAX = 65535
_I64_MIN, _I64_MAX = -(2**63), 2**63 - 1
_STEP_TOLERANCE = 1e-9


@final
class Leverage:
    """How many times its margin a position is worth: 1 to 3000 in steps of 0.1.

    Two leverages are equal only when they are the same object. ``value`` is the nearest number of
    single precision.
    """

    __slots__ = ("_raw",)
    __module__ = "openpit.param"

    _raw: int

    SCALE: ClassVar[int] = _LEVERAGE_SCALE
    MIN: ClassVar[int] = 1
    MAX: ClassVar[int] = _LEVERAGE_MAX
    STEP: ClassVar[float] = 0.10000000149011612

    def __init__(self, multiplier: Leverage | float) -> None:
        """Make a leverage of a number or another.

        Raises:
            ValueError: it is no number, or none of the steps.
        """
        self._raw = leverage_steps(multiplier)

    def __init_subclass__(cls) -> None:
        refuse_final_bases(cls)

    @classmethod
    def _of(cls, raw: int) -> Self:
        self = _new(cls)
        self._raw = raw
        return self

    @staticmethod
    def from_int(multiplier: int) -> Leverage:
        """Return the leverage of a whole number.

        Raises:
            ValueError: the number is out of range.
            OverflowError: it has more than 64 bits.
            TypeError: it is no integer.
        """
        number = operator.index(multiplier)
        if not _I64_MIN <= number <= _I64_MAX:
            raise OverflowError("Python int too large to convert to C long")
        return Leverage._of(_steps_of_int(number))

    @staticmethod
    def from_float(multiplier: float) -> Leverage:
        """Return the leverage of a number.

        ValueError unless it is one of the steps, TypeError for another class.

        Raises:
            ValueError: the number is none of the steps.
            TypeError: it is no number.
        """
        return Leverage._of(_steps_of_float(real_number(multiplier)))

    @property
    def value(self) -> float:
        """The multiplier, widened from single precision."""
        return struct.unpack("f", struct.pack("f", self._raw / _LEVERAGE_SCALE))[0]  # type: ignore[no-any-return]

    def calculate_margin_required(self, notional: Notional | Decimal | str | float) -> Notional:
        """Return the notional divided by this leverage.

        Raises:
            ValueError: ``notional`` is no amount.
            TypeError: it is an amount of another kind.
            ParamError: it is not one that :class:`Notional` takes, or ten times of it do not fit
                into 96 bits.
        """
        return Notional(notional).calculate_margin_required(self)

    def __repr__(self) -> str:
        return f"Leverage(value={self._raw / _LEVERAGE_SCALE})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Leverage._of, (self._raw,)


def leverage_steps(value: Leverage | float) -> int:
    """Return a leverage as its number of tenths; ValueError for what is no leverage."""
    if is_of(value, Leverage):
        return value._raw
    if not isinstance(value, (bool, Decimal)):
        integer = as_integer(value)
        if integer is not None and _I64_MIN <= integer <= _I64_MAX:
            return _steps_of_int(integer)
        real = as_float(value)
        if real is not None:
            return _steps_of_float(real)
    raise ValueError("leverage must be openpit.param.Leverage, int, or float")


def _steps_of_int(value: int) -> int:
    if not 1 <= value <= _LEVERAGE_MAX:
        if _U16_MAX // _LEVERAGE_SCALE < value <= _U16_MAX:
            raise ValueError("arithmetic overflow in Leverage")
        raise ValueError("invalid leverage value")
    return value * _LEVERAGE_SCALE


def _steps_of_float(value: float) -> int:
    steps = value * _LEVERAGE_SCALE
    if not _LEVERAGE_SCALE - 0.5 <= steps <= _LEVERAGE_MAX * _LEVERAGE_SCALE + 0.5:
        raise ValueError("invalid leverage value")
    whole = round(steps)
    if abs(steps - whole) > _STEP_TOLERANCE:
        raise ValueError("invalid leverage value")
    return whole


Notional.ZERO = Notional._of(ZERO)


# A maker for the rest of the package, unchecked: a program is handed what it makes.
new_leverage = Leverage._of
