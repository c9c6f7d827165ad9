"""Amounts that carry a choice: order size, adjustment, fee with currency, last trade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from openpit.param.classes import is_of
from openpit.param.decimals import parse_text
from openpit.param.fixed_decimal import UnsignedDecimal, negative
from openpit.param.guarded import fill_guarded, fill_like
from openpit.param.ids import Asset
from openpit.param.refusals import not_an_instance
from openpit.param.remembered import known
from openpit.param.values import (
    Fee,
    PositionSize,
    Price,
    Quantity,
    Volume,
    new_position_size,
    new_price,
    new_quantity,
    new_volume,
)

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = [
    "AdjustmentAmount",
    "MonetaryAmount",
    "Trade",
    "TradeAmount",
    "new_adjustment_amount",
    "new_trade_amount",
]

_new = object.__new__


def _unsigned(
    value: UnsignedDecimal | Decimal | str | float, kind: type[UnsignedDecimal]
) -> Decimal:
    """Read what ``kind`` takes; a text, which is the usual case, without making an object of it."""
    if type(value) is not str:
        return kind(value)._value
    number = known(value) or parse_text(value, kind.__name__)
    if number.is_signed():
        raise negative(kind.__name__)
    return number


class TradeAmount:
    """How much an order trades: a quantity of the underlying or a volume of the settlement asset.

    Two amounts are equal only when they are the same object.
    """

    __slots__ = ("__dict__", "__weakref__", "_quantity_", "_volume_")
    __module__ = "openpit.param"

    _quantity_: Decimal | None
    _volume_: Decimal | None

    def __init__(self, other: TradeAmount) -> None:
        """Copy ``other``; new amounts come from :meth:`quantity` and :meth:`volume`.

        Raises:
            TypeError: ``other`` is no :class:`TradeAmount`.
        """
        if not is_of(other, TradeAmount):
            raise not_an_instance(other, "TradeAmount")
        fill_like(self, TradeAmount._of(other._quantity_, other._volume_))

    @classmethod
    def _of(cls, quantity: Decimal | None, volume: Decimal | None) -> Self:
        self = _new(cls)
        self._quantity_ = quantity
        self._volume_ = volume
        return self

    @staticmethod
    def quantity(value: Quantity | Decimal | str | float) -> TradeAmount:
        """Return an amount in units of the underlying.

        Raises:
            ParamError: as ``Quantity(value)``.
            ValueError: as ``Quantity(value)``.
            TypeError: ``value`` is an amount of another kind.
        """
        number = known(value) if type(value) is str else None
        if number is None or number.is_signed():  # the usual case is over before this call
            number = _unsigned(value, Quantity)
        self = _new(TradeAmount)
        self._quantity_ = number
        self._volume_ = None
        return self

    @staticmethod
    def volume(value: Volume | Decimal | str | float) -> TradeAmount:
        """Return an amount in the settlement asset.

        Raises:
            ParamError: as ``Volume(value)``.
            ValueError: as ``Volume(value)``.
            TypeError: ``value`` is an amount of another kind.
        """
        self = _new(TradeAmount)
        self._quantity_ = None
        self._volume_ = _unsigned(value, Volume)
        return self

    @property
    def is_quantity(self) -> bool:
        """Whether the amount is a quantity."""
        return self._quantity_ is not None

    @property
    def is_volume(self) -> bool:
        """Whether the amount is a volume."""
        return self._volume_ is not None

    @property
    def as_quantity(self) -> Quantity | None:
        """The quantity, or None for a volume."""
        return None if self._quantity_ is None else new_quantity(self._quantity_)

    @property
    def as_volume(self) -> Volume | None:
        """The volume, or None for a quantity."""
        return None if self._volume_ is None else new_volume(self._volume_)

    def __repr__(self) -> str:
        if self._quantity_ is not None:
            return f"TradeAmount.quantity(value=Quantity({self.as_quantity}))"
        return f"TradeAmount.volume(value=Volume({self.as_volume}))"


class AdjustmentAmount:
    """A change of a balance by so much, or to so much; signed.

    Two amounts are equal only when they are the same object.
    """

    __slots__ = ("__dict__", "__weakref__", "_is_absolute_", "_value_")
    __module__ = "openpit.param"

    _value_: Decimal
    _is_absolute_: bool

    def __init__(self, other: AdjustmentAmount) -> None:
        """Copy ``other``; new amounts come from :meth:`delta` and :meth:`absolute`.

        Raises:
            TypeError: ``other`` is no :class:`AdjustmentAmount`.
        """
        if not is_of(other, AdjustmentAmount):
            raise not_an_instance(other, "AdjustmentAmount")
        fill_like(self, AdjustmentAmount._of(other._value_, other._is_absolute_))

    @classmethod
    def _of(cls, value: Decimal, is_absolute: bool) -> Self:  # noqa: FBT001 - private, hot
        self = _new(cls)
        self._value_ = value
        self._is_absolute_ = is_absolute
        return self

    @staticmethod
    def delta(value: PositionSize | Decimal | str | float) -> AdjustmentAmount:
        """Return a change by ``value``.

        Raises:
            ParamError: as ``PositionSize(value)``.
            ValueError: as ``PositionSize(value)``.
            TypeError: ``value`` is an amount of another kind.
        """
        return AdjustmentAmount._of(PositionSize(value)._value, False)

    @staticmethod
    def absolute(value: PositionSize | Decimal | str | float) -> AdjustmentAmount:
        """Return a change to ``value``.

        Raises:
            ParamError: as ``PositionSize(value)``.
            ValueError: as ``PositionSize(value)``.
            TypeError: ``value`` is an amount of another kind.
        """
        return AdjustmentAmount._of(PositionSize(value)._value, True)

    @property
    def is_delta(self) -> bool:
        """Whether the balance changes by the value."""
        return not self._is_absolute_

    @property
    def is_absolute(self) -> bool:
        """Whether the balance becomes the value."""
        return self._is_absolute_

    @property
    def as_delta(self) -> PositionSize | None:
        """The change, or None for an absolute amount."""
        return None if self._is_absolute_ else new_position_size(self._value_)

    @property
    def as_absolute(self) -> PositionSize | None:
        """The new balance, or None for a delta."""
        return new_position_size(self._value_) if self._is_absolute_ else None

    def __repr__(self) -> str:
        choice = "absolute" if self._is_absolute_ else "delta"
        return f"AdjustmentAmount.{choice}(value=PositionSize({new_position_size(self._value_)}))"


@dataclass(frozen=True)
class MonetaryAmount:
    """A fee and the asset that it is paid in; a positive amount is a cost.

    Raises:
        TypeError: ``amount`` is no :class:`Fee`, or ``currency`` no text.
        AssetError: ``currency`` is blank.
    """

    __module__ = "openpit.param"

    amount: Fee
    currency: Asset

    def __post_init__(self) -> None:
        """Check the amount's class and take the currency as an asset."""
        if not is_of(self.amount, Fee):
            raise TypeError("amount must be openpit.param.Fee")
        object.__setattr__(self, "currency", Asset(self.currency))


def _refusal_of_trade(price: Any, quantity: Any) -> TypeError:
    # What would not even make a price or a quantity is refused as their constructors refuse it.
    Price(price)
    Quantity(quantity)
    wrong = "quantity" if type(price) is Price else "price"
    return TypeError(f"{wrong} must be openpit.param.{wrong.capitalize()}")


class Trade:
    """One execution: at what price, how many units. Equal only to itself."""

    __slots__ = ("__dict__", "__weakref__", "_price_", "_quantity_")
    __module__ = "openpit.param"

    _price_: Decimal
    _quantity_: Decimal

    def __init__(self, *, price: Price, quantity: Quantity) -> None:
        """Make a trade of a price and a quantity.

        Raises:
            TypeError: an argument is of another class, a number too.
            ValueError: it is no amount at all.
            ParamError: it is a text or a number that no amount could be.
        """
        if type(price) is not Price or type(quantity) is not Quantity:
            raise _refusal_of_trade(price, quantity)
        try:
            self._price_ = price._value
        except Exception:  # noqa: BLE001 - whatever a class that guards its attributes raises
            fill_guarded(self, Trade, price=price, quantity=quantity)
            return
        self._quantity_ = quantity._value

    @property
    def price(self) -> Price:
        """The price of the execution."""
        return new_price(self._price_)

    @property
    def quantity(self) -> Quantity:
        """The number of units executed."""
        return new_quantity(self._quantity_)

    def __repr__(self) -> str:
        return f"Trade(price={self.price!r}, quantity={self.quantity!r})"


# Makers for the rest of the package, unchecked: a program is handed what they make.
new_adjustment_amount = AdjustmentAmount._of
new_trade_amount = TradeAmount._of
