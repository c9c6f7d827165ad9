"""The eight decimal types of the domain (spec sections 2.1 to 2.3).

Each holds one fixed decimal. Types do not mix in arithmetic or comparison: crossing from one to
another is a named conversion. All are immutable; unlike the reference's they can be copied and
pickled, because policies travel to worker processes with the values that configure them.
"""

from __future__ import annotations

import operator
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Never, Self, final

from openpit.errors import ParamError
from openpit.param.decimals import (
    ZERO,
    DecimalOverflow,
    add,
    divide,
    from_binary,
    multiply,
    negate,
    parse,
    parse_decimal,
    parse_rounded_text,
    parse_text,
    plain,
    read_plain,
    remainder,
    round_to_scale,
    subtract,
    to_binary,
)
from openpit.param.enums import RoundingStrategy, Side
from openpit.param.refusals import (
    not_an_instance,
    refuse_operands,
    refuse_order,
    refuse_subclass,
)

if TYPE_CHECKING:
    from openpit.param.amounts import Leverage

__all__ = [
    "CashFlow",
    "Fee",
    "Notional",
    "Pnl",
    "PositionSize",
    "Price",
    "Quantity",
    "Volume",
]

_U32_MAX = 2**32 - 1
_U64_MAX = 2**64 - 1
_I64_MIN = -(2**63)

_new = object.__new__


def _scalar(value: float) -> Decimal | None:
    """Convert a plain number that multiplies or divides; None when it is not one."""
    kind = value.__class__
    if kind is bool:
        return None
    if isinstance(value, int):
        if not _I64_MIN <= value <= _U64_MAX:
            raise ParamError("integer operand is out of range for i64/u64")
        return Decimal(int(value))
    if isinstance(value, float):
        return from_binary(value)
    return None


def _scale(value: int) -> int:
    """Take a number of fractional digits: an unsigned integer of 32 bits."""
    number = operator.index(value)
    if not -(2**63) <= number < 2**63:
        raise OverflowError("Python int too large to convert to C long")
    if not 0 <= number <= _U32_MAX:
        raise OverflowError("out of range integral type conversion attempted")
    return number


def _rounding(value: RoundingStrategy | str) -> str:
    if not isinstance(value, str):
        raise not_an_instance(value, "str")
    if value not in _STRATEGIES:
        raise ValueError(
            f'invalid rounding strategy "{value}"; expected '
            "'MidpointNearestEven', 'MidpointAwayFromZero', 'Up', or 'Down'"
        )
    return value


_STRATEGIES = frozenset(str(strategy) for strategy in RoundingStrategy)


def _is_buy(side: Side | str) -> bool:
    """Read a side, in any case; ValueError for another text, TypeError for another class."""
    if side is Side.BUY:
        return True
    if side is Side.SELL:
        return False
    if not isinstance(side, str):
        raise not_an_instance(side, "str")
    word = side.strip().lower()
    if word == "buy":
        return True
    if word == "sell":
        return False
    raise ValueError(f"invalid side \"{side}\"; expected 'buy' or 'sell'")


class _Value:
    """One fixed decimal under the name of what it measures."""

    __slots__ = ("_value",)

    _value: Decimal

    ZERO: ClassVar[Self]  # type: ignore[misc]  # one per class, of that class
    _signed: ClassVar[bool] = True

    def __init__(self, value: Decimal | str | float | Self) -> None:
        kind = value.__class__
        if kind is self.__class__:
            self._value = value._value  # type: ignore[union-attr]  # narrowed by class
            return
        if kind is str:
            number = read_plain(value) or parse_text(value, self.__class__.__name__)  # type: ignore[arg-type]  # narrowed by class
        elif isinstance(value, _Value):
            raise TypeError(f"{self.__class__.__name__} must be a Decimal, str, int, or float")
        else:
            number = parse(value, self.__class__.__name__)
        if number.is_signed() and not self._signed:
            raise ParamError(f"value must be non-negative for {self.__class__.__name__}")
        self._value = number

    @classmethod
    def _of(cls, value: Decimal) -> Self:
        """Take a decimal that is known to be in range for this class."""
        self = _new(cls)
        self._value = value
        return self

    @classmethod
    def _checked(cls, value: Decimal) -> Self:
        """Take a fixed decimal whose sign is not known to suit this class."""
        if value.is_signed() and not cls._signed:
            raise ParamError(f"value must be non-negative for {cls.__name__}")
        return cls._of(value)

    @classmethod
    def from_decimal(cls, value: Decimal) -> Self:
        """Take a ``decimal.Decimal`` with its scale.

        Raises ``TypeError`` for another class and ``ParamError`` as the constructor does.
        """
        if not isinstance(value, Decimal):
            raise TypeError(f"{cls.__name__}.from_decimal expects decimal.Decimal")
        return cls._checked(parse_decimal(value, cls.__name__))

    @classmethod
    def from_string(cls, value: str) -> Self:
        """Read a text; TypeError for another class, ParamError as the constructor does."""
        if not isinstance(value, str):
            raise not_an_instance(value, "str")
        return cls._checked(parse_text(value, cls.__name__))

    @classmethod
    def from_int(cls, value: int) -> Self:
        """Take an integer; TypeError for another class, ParamError as the constructor does."""
        return cls._checked(parse(int(operator.index(value)), cls.__name__))

    @classmethod
    def from_float(cls, value: float) -> Self:
        """Take about 15 significant digits of a float: ``0.1 + 0.2`` is 0.3 here.

        What is below the smallest step becomes zero. Raises ``ParamError`` for what is not a number
        or is too large, and ``TypeError`` for another class.
        """
        return cls._checked(from_binary(real_number(value)))

    @classmethod
    def from_decimal_rounded(
        cls, value: Decimal, scale: int, strategy: RoundingStrategy | str
    ) -> Self:
        """Take a ``decimal.Decimal`` rounded to at most ``scale`` fractional digits.

        The sign is checked after rounding. Raises ``OverflowError`` for a scale that is negative
        or over 32 bits, ``ValueError`` for an unknown strategy, and as :meth:`from_decimal`.
        """
        digits, rounding = _scale(scale), _rounding(strategy)
        if not isinstance(value, Decimal):
            raise TypeError(f"{cls.__name__}.from_decimal expects decimal.Decimal")
        number = parse_decimal(value, cls.__name__)
        return cls._checked(round_to_scale(number, digits, rounding))

    @classmethod
    def from_string_rounded(cls, value: str, scale: int, strategy: RoundingStrategy | str) -> Self:
        """Read a text of any precision, rounded to at most ``scale`` fractional digits.

        Raises as :meth:`from_decimal_rounded`, and ``ParamError`` for a text that is no number.
        """
        if not isinstance(value, str):
            raise not_an_instance(value, "str")
        digits, rounding = _scale(scale), _rounding(strategy)
        number = parse_rounded_text(value, cls.__name__)
        return cls._checked(round_to_scale(number, digits, rounding))

    @classmethod
    def from_float_rounded(cls, value: float, scale: int, strategy: RoundingStrategy | str) -> Self:
        """Take a float as :meth:`from_float` does, rounded to at most ``scale`` fractional digits.

        Raises as :meth:`from_decimal_rounded` and :meth:`from_float`.
        """
        real = real_number(value)
        digits, rounding = _scale(scale), _rounding(strategy)
        return cls._checked(round_to_scale(from_binary(real), digits, rounding))

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
        return to_binary(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __eq__(self, other: object) -> bool:
        if other.__class__ is self.__class__:
            return self._value == other._value  # type: ignore[attr-defined]  # narrowed by class
        return NotImplemented

    def __lt__(self, other: Self) -> bool:
        if other.__class__ is self.__class__:
            return self._value < other._value
        return refuse_order("<", self, other)

    def __le__(self, other: Self) -> bool:
        if other.__class__ is self.__class__:
            return self._value <= other._value
        return refuse_order("<=", self, other)

    def __gt__(self, other: Self) -> bool:
        if other.__class__ is self.__class__:
            return self._value > other._value
        return refuse_order(">", self, other)

    def __ge__(self, other: Self) -> bool:
        if other.__class__ is self.__class__:
            return self._value >= other._value
        return refuse_order(">=", self, other)

    def __add__(self, other: Self) -> Self:
        if other.__class__ is not self.__class__:
            return refuse_operands("+", self, other)
        try:
            return self._of(add(self._value, other._value))
        except DecimalOverflow:
            raise _overflow(self) from None

    def __radd__(self, other: Never) -> Never:
        return refuse_operands("+", other, self)

    def __sub__(self, other: Self) -> Self:
        if other.__class__ is not self.__class__:
            return refuse_operands("-", self, other)
        try:
            difference = subtract(self._value, other._value)
        except DecimalOverflow:
            raise _overflow(self) from None
        if difference.is_signed() and not self._signed:
            raise ParamError(f"arithmetic underflow in {self.__class__.__name__}")
        return self._of(difference)

    def __rsub__(self, other: Never) -> Never:
        return refuse_operands("-", other, self)

    def __mul__(self, other: float) -> Self:
        factor = _scalar(other)
        if factor is None:
            return refuse_operands("*", self, other)
        return self._product(factor)

    def __rmul__(self, other: float) -> Self:
        factor = _scalar(other)
        if factor is None:
            return refuse_operands("*", other, self)
        return self._product(factor)

    def _product(self, factor: Decimal) -> Self:
        self._check_scalar(factor)
        try:
            return self._of(multiply(self._value, factor))
        except DecimalOverflow:
            raise _overflow(self) from None

    def __truediv__(self, other: float) -> Self:
        divisor = _scalar(other)
        if divisor is None:
            return refuse_operands("/", self, other)
        self._check_scalar(divisor)
        try:
            return self._of(divide(self._value, divisor))
        except ZeroDivisionError:
            raise _division_by_zero(self) from None
        except DecimalOverflow:
            raise _overflow(self) from None

    def __rtruediv__(self, other: Never) -> Never:
        return refuse_operands("/", other, self)

    def __mod__(self, other: float) -> Self:
        divisor = _scalar(other)
        if divisor is None:
            return refuse_operands("%", self, other)
        self._check_scalar(divisor)
        try:
            return self._of(remainder(self._value, divisor))
        except ZeroDivisionError:
            raise _division_by_zero(self) from None

    def __rmod__(self, other: Never) -> Never:
        return refuse_operands("%", other, self)

    def _check_scalar(self, scalar: Decimal) -> None:
        if scalar.is_signed() and not self._signed:
            raise ParamError(f"value must be non-negative for {self.__class__.__name__}")

    def __reduce__(self) -> tuple[Any, ...]:
        return self._of, (self._value,)


def real_number(value: float) -> float:
    """Take a number as a float; the TypeError of another class is that of ``math``."""
    if isinstance(value, float):
        return float(value)
    if isinstance(value, (str, bytes, bytearray)) or not hasattr(value, "__float__"):
        if hasattr(value, "__index__"):
            return float(operator.index(value))
        raise TypeError(f"must be real number, not {value.__class__.__name__}")
    return float(value)


def _overflow(value: _Value) -> ParamError:
    return ParamError(f"arithmetic overflow in {value.__class__.__name__}")


def _division_by_zero(value: _Value) -> ParamError:
    return ParamError(f"division by zero in {value.__class__.__name__}")


class _Signed(_Value):
    """A value of either sign."""

    __slots__ = ()

    def __neg__(self) -> Self:
        return self._of(negate(self._value))


class _Unsigned(_Value):
    """A value that is zero or more."""

    __slots__ = ()

    _signed = False


@final
class Quantity(_Unsigned):
    """How many units of the underlying; never negative, the side says which way."""

    __slots__ = ()
    __module__ = "openpit.param"

    def __init_subclass__(cls) -> Never:
        refuse_subclass(Quantity)

    def calculate_volume(self, price: Price) -> Volume:
        """Return ``|price| * quantity``; ParamError when it does not fit."""
        if price.__class__ is not Price:
            raise not_an_instance(price, "Price")
        return Volume._of(_turnover(price, self))

    def to_position_size(self) -> PositionSize:
        """Return the same amount as a long position."""
        return PositionSize._of(self._value)


@final
class Volume(_Unsigned):
    """An amount of the settlement asset: price times quantity; never negative."""

    __slots__ = ()
    __module__ = "openpit.param"

    def __init_subclass__(cls) -> Never:
        refuse_subclass(Volume)

    def calculate_quantity(self, price: Price) -> Quantity:
        """Return ``volume / |price|``, zero at a zero price; ParamError when it does not fit."""
        if price.__class__ is not Price:
            raise not_an_instance(price, "Price")
        if not price._value:
            return Quantity._of(ZERO)
        try:
            return Quantity._of(divide(self._value, price._value.copy_abs()))
        except DecimalOverflow:
            raise _overflow(self) from None

    def to_cash_flow_inflow(self) -> CashFlow:
        """Return the volume as money received."""
        return CashFlow._of(self._value)

    def to_cash_flow_outflow(self) -> CashFlow:
        """Return the volume as money paid, which is negative."""
        return CashFlow._of(negate(self._value))

    def to_position_size(self) -> PositionSize:
        """Return the same amount as a long position."""
        return PositionSize._of(self._value)


@final
class Notional(_Unsigned):
    """The value of a position at a price, whatever its side; never negative."""

    __slots__ = ()
    __module__ = "openpit.param"

    def __init_subclass__(cls) -> Never:
        refuse_subclass(Notional)

    @staticmethod
    def from_price_quantity(price: Price, quantity: Quantity) -> Notional:
        """Return ``|price| * quantity``; ParamError when it does not fit."""
        if price.__class__ is not Price:
            raise not_an_instance(price, "Price")
        if quantity.__class__ is not Quantity:
            raise not_an_instance(quantity, "Quantity")
        return Notional._of(_turnover(price, quantity))

    @staticmethod
    def from_volume(volume: Volume) -> Notional:
        """Return the same amount as a notional."""
        if volume.__class__ is not Volume:
            raise not_an_instance(volume, "Volume")
        return Notional._of(volume._value)

    def to_volume(self) -> Volume:
        """Return the same amount as a volume."""
        return Volume._of(self._value)

    def calculate_margin_required(self, leverage: Leverage | float) -> Notional:
        """Return the notional divided by the leverage.

        Raises ``ValueError`` for what is no leverage and ``ParamError`` when ten times the notional
        does not fit.
        """
        try:
            return Notional._of(divide(multiply(self._value, _TEN), Decimal(_leverage(leverage))))
        except DecimalOverflow:
            raise _overflow(self) from None


_TEN = Decimal(10)


def _leverage(value: Leverage | float) -> int:
    from openpit.param.amounts import leverage_steps  # noqa: PLC0415 - each names the other

    return leverage_steps(value)


@final
class Price(_Signed):
    """The settlement asset per unit of the underlying; may be negative."""

    __slots__ = ()
    __module__ = "openpit.param"

    def __init_subclass__(cls) -> Never:
        refuse_subclass(Price)

    def calculate_volume(self, quantity: Quantity) -> Volume:
        """Return ``|price| * quantity``; ParamError when it does not fit."""
        if quantity.__class__ is not Quantity:
            raise not_an_instance(quantity, "Quantity")
        return Volume._of(_turnover(self, quantity))

    def calculate_position_size(self, quantity: Quantity) -> PositionSize:
        """Return ``price * quantity`` with the price's sign; ParamError when it does not fit."""
        if quantity.__class__ is not Quantity:
            raise not_an_instance(quantity, "Quantity")
        try:
            return PositionSize._of(multiply(self._value, quantity._value))
        except DecimalOverflow:
            raise _overflow(self) from None


def _turnover(price: Price, quantity: Quantity) -> Decimal:
    try:
        return multiply(price._value.copy_abs(), quantity._value)
    except DecimalOverflow:
        raise _overflow(price) from None


@final
class Pnl(_Signed):
    """Profit (positive) or loss (negative) in an accounting currency."""

    __slots__ = ()
    __module__ = "openpit.param"

    def __init_subclass__(cls) -> Never:
        refuse_subclass(Pnl)

    @staticmethod
    def from_fee(fee: Fee) -> Pnl:
        """Return what a fee does to profit: a cost is a loss."""
        if fee.__class__ is not Fee:
            raise not_an_instance(fee, "Fee")
        return Pnl._of(negate(fee._value))

    def to_cash_flow(self) -> CashFlow:
        """Return the same amount as a cash flow."""
        return CashFlow._of(self._value)

    def to_position_size(self) -> PositionSize:
        """Return the same amount as a position."""
        return PositionSize._of(self._value)


@final
class Fee(_Signed):
    """What a fill cost: positive is paid, negative is a rebate."""

    __slots__ = ()
    __module__ = "openpit.param"

    def __init_subclass__(cls) -> Never:
        refuse_subclass(Fee)

    def to_pnl(self) -> Pnl:
        """Return the negated amount: a cost is a loss."""
        return Pnl._of(negate(self._value))

    def to_cash_flow(self) -> CashFlow:
        """Return the negated amount: a cost is an outflow."""
        return CashFlow._of(negate(self._value))

    def to_position_size(self) -> PositionSize:
        """Return the negated amount: a cost lessens a holding."""
        return PositionSize._of(negate(self._value))


@final
class CashFlow(_Signed):
    """Money received (positive) or paid (negative)."""

    __slots__ = ()
    __module__ = "openpit.param"

    def __init_subclass__(cls) -> Never:
        refuse_subclass(CashFlow)

    @staticmethod
    def from_pnl(pnl: Pnl) -> CashFlow:
        """Return the same amount as a cash flow."""
        if pnl.__class__ is not Pnl:
            raise not_an_instance(pnl, "Pnl")
        return CashFlow._of(pnl._value)

    @staticmethod
    def from_fee(fee: Fee) -> CashFlow:
        """Return the negated fee: a cost is an outflow."""
        if fee.__class__ is not Fee:
            raise not_an_instance(fee, "Fee")
        return CashFlow._of(negate(fee._value))

    @staticmethod
    def from_volume_inflow(volume: Volume) -> CashFlow:
        """Return the volume as money received."""
        if volume.__class__ is not Volume:
            raise not_an_instance(volume, "Volume")
        return CashFlow._of(volume._value)

    @staticmethod
    def from_volume_outflow(volume: Volume) -> CashFlow:
        """Return the volume as money paid, which is negative."""
        if volume.__class__ is not Volume:
            raise not_an_instance(volume, "Volume")
        return CashFlow._of(negate(volume._value))


@final
class PositionSize(_Signed):
    """How much is held: long is positive, short is negative."""

    __slots__ = ()
    __module__ = "openpit.param"

    def __init_subclass__(cls) -> Never:
        refuse_subclass(PositionSize)

    @staticmethod
    def from_quantity_and_side(quantity: Quantity, side: Side | str) -> PositionSize:
        """Return ``+quantity`` for a buy and ``-quantity`` for a sell.

        ``side`` may be text of any case; ValueError when it names no side.
        """
        if quantity.__class__ is not Quantity:
            raise not_an_instance(quantity, "Quantity")
        return PositionSize._of(quantity._value if _is_buy(side) else negate(quantity._value))

    @staticmethod
    def from_pnl(pnl: Pnl) -> PositionSize:
        """Return the same amount as a position."""
        if pnl.__class__ is not Pnl:
            raise not_an_instance(pnl, "Pnl")
        return PositionSize._of(pnl._value)

    @staticmethod
    def from_fee(fee: Fee) -> PositionSize:
        """Return the negated fee: a cost lessens a holding."""
        if fee.__class__ is not Fee:
            raise not_an_instance(fee, "Fee")
        return PositionSize._of(negate(fee._value))

    def to_open_quantity(self) -> tuple[Quantity, str]:
        """Return the quantity and the side, ``"BUY"`` or ``"SELL"``, that open this position."""
        if self._value.is_signed():
            return Quantity._of(self._value.copy_negate()), "SELL"
        return Quantity._of(self._value), "BUY"

    def to_close_quantity(self) -> tuple[Quantity, str | None]:
        """Return the quantity and the side that close this position; no side for an empty one."""
        if not self._value:
            return Quantity._of(ZERO), None
        if self._value.is_signed():
            return Quantity._of(self._value.copy_negate()), "BUY"
        return Quantity._of(self._value), "SELL"

    def checked_add_quantity(self, qty: Quantity, side: Side | str) -> PositionSize:
        """Return the position after a fill of ``qty``; ParamError when it does not fit."""
        if qty.__class__ is not Quantity:
            raise not_an_instance(qty, "Quantity")
        change = qty._value if _is_buy(side) else negate(qty._value)
        try:
            return PositionSize._of(add(self._value, change))
        except DecimalOverflow:
            raise _overflow(self) from None


for _kind in (Quantity, Volume, Notional, Price, Pnl, Fee, CashFlow, PositionSize):
    _kind.ZERO = _kind._of(ZERO)
