"""What every decimal type of the domain does: build, print, compare, calculate.

The types themselves are in :mod:`openpit.param.values`.
"""

from __future__ import annotations

import operator
from decimal import Decimal
from typing import Any, ClassVar, Never, Self

from openpit.param.classes import is_of
from openpit.param.decimals import (
    DecimalOverflow,
    add,
    multiply,
    negate,
    parse,
    parse_decimal,
    parse_int,
    parse_rounded_text,
    parse_text,
    plain,
    remainder,
    round_to_scale,
    subtract,
)
from openpit.param.division import divide
from openpit.param.enums import RoundingStrategy
from openpit.param.errors import ParamError
from openpit.param.floats import from_float, to_float
from openpit.param.reals import as_float, real_number
from openpit.param.refusals import (
    refuse_final_bases,
    refuse_operands,
    refuse_order,
)
from openpit.param.remembered import known
from openpit.param.words import folded, plain_text, quoted

__all__ = ["FixedDecimal", "SignedDecimal", "UnsignedDecimal", "decimal_of", "negative", "overflow"]

_U32_MAX = 2**32 - 1
_U64_MAX = 2**64 - 1
_I64_MIN, _I64_MAX = -(2**63), 2**63 - 1

_STRATEGIES = {folded(strategy): str(strategy) for strategy in RoundingStrategy}

_new = object.__new__


def negative(type_name: str) -> ParamError:
    """Return the error of a value below zero for a type that has none."""
    return ParamError(f"value must be non-negative for {type_name}")


def overflow(value: FixedDecimal) -> ParamError:
    """Return the error of a result that does not fit."""
    return ParamError(f"arithmetic overflow in {value.__class__.__name__}")


def _division_by_zero(value: FixedDecimal) -> ParamError:
    return ParamError(f"division by zero in {value.__class__.__name__}")


def _scalar(value: object) -> Decimal | None:
    """Convert a plain number that multiplies or divides; None when it is not one."""
    if isinstance(value, int):
        if isinstance(value, bool):
            return None
        if not _I64_MIN <= value <= _U64_MAX:
            raise ParamError("integer operand is out of range for i64/u64")
        return Decimal(value)
    if isinstance(value, (Decimal, FixedDecimal)):
        return None
    real = as_float(value)
    return None if real is None else from_float(real)


def _scale(value: int) -> int:
    """Read a number of fractional digits: an unsigned integer of 32 bits."""
    number = operator.index(value)
    if not _I64_MIN <= number <= _I64_MAX:
        raise OverflowError("Python int too large to convert to C long")
    if not 0 <= number <= _U32_MAX:
        raise OverflowError("out of range integral type conversion attempted")
    return number


def _strategy(name: str) -> str:
    """Return the rounding strategy of this folded name; ValueError when there is none."""
    strategy = _STRATEGIES.get(name)
    if strategy is None:
        raise ValueError(
            f"invalid rounding strategy {quoted(name)}; expected "
            "'MidpointNearestEven', 'MidpointAwayFromZero', 'Up', or 'Down'"
        )
    return strategy


def _parse_plain(value: object, type_name: str) -> Decimal:
    """Read a plain number; TypeError for the value of another decimal type."""
    if is_of(value, FixedDecimal):
        raise TypeError(f"{type_name} must be a Decimal, str, int, or float")
    return parse(value, type_name)


class FixedDecimal:
    """One fixed decimal under the name of what it measures."""

    __slots__ = ("_value",)

    _value: Decimal

    _signed: ClassVar[bool] = True

    def __init__(self, value: Decimal | str | int | float | Self) -> None:
        """Read a number, a text of one, or another value of this type; digits stay as they are.

        Raises:
            ParamError: it is no number or not finite, does not fit into 96 bits and 28 digits
                behind the point, or is negative where the type has no sign.
            ValueError: it is of a class that is no number.
            TypeError: it is an amount of another kind.
        """
        if type(value) is str:
            number = known(value) or parse_text(value, self.__class__.__name__)
        elif type(value) is int:
            number = parse_int(value, self.__class__.__name__)
        elif type(value) is type(self):
            number = value._value
        else:
            number = _parse_plain(value, self.__class__.__name__)
        self._value = number

    @classmethod
    def _of(cls, value: Decimal) -> Self:
        """Return the value of a decimal that is known to be in range for this class."""
        self = _new(cls)
        self._value = value
        return self

    @classmethod
    def _checked(cls, value: Decimal) -> Self:
        """Return the value of a fixed decimal whose sign is not known to suit this class."""
        if value.is_signed() and not cls._signed:
            raise negative(cls.__name__)
        return cls._of(value)

    @classmethod
    def from_decimal(cls, value: Decimal) -> Self:
        """Return the value of a ``decimal.Decimal``, with its scale.

        Raises:
            TypeError: ``value`` is no ``decimal.Decimal``.
            ParamError: it is not finite, does not fit, or is negative where the type has no sign.
        """
        if not isinstance(value, Decimal):
            raise TypeError(f"{cls.__name__}.from_decimal expects decimal.Decimal")
        return cls._checked(parse_decimal(value, cls.__name__))

    @classmethod
    def from_string(cls, value: str) -> Self:
        """Read a text.

        Raises:
            TypeError: ``value`` is no text.
            ParamError: it is no number, does not fit, or is negative where the type has no sign.
        """
        return cls._checked(parse_text(plain_text(value), cls.__name__))

    @classmethod
    def from_int(cls, value: int) -> Self:
        """Return the value of an integer.

        Raises:
            TypeError: ``value`` is no integer.
            ParamError: the number does not fit, or is negative where the type has no sign.
        """
        return cls._checked(parse(int(operator.index(value)), cls.__name__))

    @classmethod
    def from_float(cls, value: float) -> Self:
        """Return about 15 significant digits of a float: ``0.1 + 0.2`` is 0.3 here.

        What is below the smallest step becomes zero.

        Raises:
            TypeError: ``value`` is no number.
            ParamError: it is not finite, too large, or negative where the type has no sign.
        """
        return cls._checked(from_float(real_number(value)))

    @classmethod
    def from_decimal_rounded(
        cls, value: Decimal, scale: int, strategy: RoundingStrategy | str
    ) -> Self:
        """Return a ``decimal.Decimal`` rounded to at most ``scale`` fractional digits.

        The sign is checked after rounding.

        Raises:
            OverflowError: ``scale`` is negative or over 32 bits.
            ValueError: there is no such ``strategy``.
            TypeError: an argument is of another class.
            ParamError: as :meth:`from_decimal`.
        """
        digits, name = _scale(scale), folded(plain_text(strategy))
        if not isinstance(value, Decimal):
            raise TypeError(f"{cls.__name__}.from_decimal expects decimal.Decimal")
        number = parse_decimal(value, cls.__name__)
        return cls._checked(round_to_scale(number, digits, _strategy(name)))

    @classmethod
    def from_string_rounded(cls, value: str, scale: int, strategy: RoundingStrategy | str) -> Self:
        """Read a text of any precision, rounded to at most ``scale`` fractional digits.

        Raises:
            OverflowError: ``scale`` is negative or over 32 bits.
            ValueError: there is no such ``strategy``.
            TypeError: an argument is of another class.
            ParamError: as :meth:`from_string`.
        """
        text = plain_text(value)
        digits, rounding = _scale(scale), _strategy(folded(plain_text(strategy)))
        number = parse_rounded_text(text, cls.__name__)
        return cls._checked(round_to_scale(number, digits, rounding))

    @classmethod
    def from_float_rounded(cls, value: float, scale: int, strategy: RoundingStrategy | str) -> Self:
        """Return a float, read as by :meth:`from_float`, rounded to at most ``scale`` digits.

        Raises:
            OverflowError: ``scale`` is negative or over 32 bits.
            ValueError: there is no such ``strategy``.
            TypeError: an argument is of another class.
            ParamError: as :meth:`from_float`.
        """
        real = real_number(value)
        digits, rounding = _scale(scale), _strategy(folded(plain_text(strategy)))
        return cls._checked(round_to_scale(from_float(real), digits, rounding))

    @property
    def decimal(self) -> Decimal:
        """The value as a ``decimal.Decimal`` of the same scale."""
        return self._value

    def to_json_value(self) -> str:
        """Return plain notation with the stored scale."""
        return plain(self._value)

    def __str__(self) -> str:
        return plain(self._value)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}(Decimal('{plain(self._value)}'))"

    def __float__(self) -> float:
        return to_float(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __eq__(self, other: object) -> bool:
        if type(other) is type(self):
            return self._value == other._value
        return NotImplemented

    def __lt__(self, other: Self) -> bool:
        if type(other) is type(self):
            return self._value < other._value
        refuse_order("<", self, other)
        return NotImplemented

    def __le__(self, other: Self) -> bool:
        if type(other) is type(self):
            return self._value <= other._value
        refuse_order("<=", self, other)
        return NotImplemented

    def __gt__(self, other: Self) -> bool:
        if type(other) is type(self):
            return self._value > other._value
        refuse_order(">", self, other)
        return NotImplemented

    def __ge__(self, other: Self) -> bool:
        if type(other) is type(self):
            return self._value >= other._value
        refuse_order(">=", self, other)
        return NotImplemented

    def __add__(self, other: Self) -> Self:
        if type(other) is not type(self):
            refuse_operands("+", self, other)
            return NotImplemented
        try:
            return self._of(add(self._value, other._value))
        except DecimalOverflow:
            raise overflow(self) from None

    def __radd__(self, other: Never) -> Self:
        refuse_operands("+", other, self)
        return NotImplemented

    def __sub__(self, other: Self) -> Self:
        if type(other) is not type(self):
            refuse_operands("-", self, other)
            return NotImplemented
        try:
            difference = subtract(self._value, other._value)
        except DecimalOverflow:
            raise overflow(self) from None
        if difference.is_signed() and not self._signed:
            raise ParamError(f"arithmetic underflow in {self.__class__.__name__}")
        return self._of(difference)

    def __rsub__(self, other: Never) -> Self:
        refuse_operands("-", other, self)
        return NotImplemented

    def __mul__(self, other: float) -> Self:
        factor = _scalar(other)
        if factor is None:
            refuse_operands("*", self, other)
            return NotImplemented
        return self._product(factor)

    def __rmul__(self, other: float) -> Self:
        factor = _scalar(other)
        if factor is None:
            refuse_operands("*", other, self)
            return NotImplemented
        return self._product(factor)

    def _product(self, factor: Decimal) -> Self:
        self._check_scalar(factor)
        try:
            return self._of(multiply(self._value, factor))
        except DecimalOverflow:
            raise overflow(self) from None

    def __truediv__(self, other: float) -> Self:
        divisor = _scalar(other)
        if divisor is None:
            refuse_operands("/", self, other)
            return NotImplemented
        self._check_scalar(divisor)
        try:
            return self._of(divide(self._value, divisor))
        except ZeroDivisionError:
            raise _division_by_zero(self) from None
        except DecimalOverflow:
            raise overflow(self) from None

    def __rtruediv__(self, other: Never) -> Self:
        refuse_operands("/", other, self)
        return NotImplemented

    def __mod__(self, other: float) -> Self:
        divisor = _scalar(other)
        if divisor is None:
            refuse_operands("%", self, other)
            return NotImplemented
        self._check_scalar(divisor)
        try:
            return self._of(remainder(self._value, divisor))
        except ZeroDivisionError:
            raise _division_by_zero(self) from None

    def __rmod__(self, other: Never) -> Self:
        refuse_operands("%", other, self)
        return NotImplemented

    def _check_scalar(self, scalar: Decimal) -> None:
        if scalar.is_signed() and not self._signed:
            raise negative(self.__class__.__name__)

    def __init_subclass__(cls) -> None:
        refuse_final_bases(cls)

    def __reduce__(self) -> tuple[Any, ...]:
        return self._of, (self._value,)


class SignedDecimal(FixedDecimal):
    """A value of either sign."""

    __slots__ = ()

    def __neg__(self) -> Self:
        return self._of(negate(self._value))


class UnsignedDecimal(FixedDecimal):
    """A value that is zero or more."""

    __slots__ = ()

    _signed = False

    def __init__(self, value: Decimal | str | int | float | Self) -> None:
        """Read a value as :class:`FixedDecimal` does; it is zero or more.

        Raises:
            ParamError: it is no number or not finite, does not fit, or is negative.
            ValueError: it is of a class that is no number.
            TypeError: it is an amount of another kind.
        """
        super().__init__(value)
        if self._value.is_signed():
            raise negative(self.__class__.__name__)


def decimal_of(value: FixedDecimal) -> Decimal:
    """Return the exact decimal of a value, as it is kept: see :attr:`FixedDecimal.decimal`."""
    return value._value
