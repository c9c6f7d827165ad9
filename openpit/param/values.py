"""The decimal types of the domain, and what leads from one to another; see also ``margin.py``.

Types do not mix in arithmetic or comparison: crossing from one to another is a named conversion.
All are immutable; unlike the reference's they can be copied and pickled, because policies travel to
worker processes with the values that configure them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

from openpit.param.decimals import ZERO, DecimalOverflow, add, multiply, negate
from openpit.param.division import divide
from openpit.param.enums import Side
from openpit.param.fixed_decimal import SignedDecimal, UnsignedDecimal, overflow
from openpit.param.refusals import not_an_instance
from openpit.param.words import folded, plain_text, quoted

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = [
    "CashFlow",
    "Fee",
    "Pnl",
    "PositionSize",
    "Price",
    "Quantity",
    "Volume",
    "new_fee",
    "new_pnl",
    "new_position_size",
    "new_price",
    "new_quantity",
    "new_volume",
]


def _is_buy(side: object) -> bool:
    """Read a side, in any case; ValueError for another text, TypeError for another class."""
    if side is Side.BUY:
        return True
    if side is Side.SELL:
        return False
    word = folded(plain_text(side))
    if word == "buy":
        return True
    if word == "sell":
        return False
    raise ValueError(f"invalid side {quoted(word)}; expected 'buy' or 'sell'")


@final
class Quantity(UnsignedDecimal):
    """How many units of the underlying; never negative, the side says which way."""

    __slots__ = ()
    __module__ = "openpit.param"

    ZERO: ClassVar[Quantity]

    def calculate_volume(self, price: Price) -> Volume:
        """Return ``|price| * quantity``.

        Raises:
            TypeError: ``price`` is no :class:`Price`.
            ParamError: the result does not fit into 96 bits.
        """
        if type(price) is not Price:
            raise not_an_instance(price, "Price")
        return Volume._of(_turnover(price, self))

    def to_position_size(self) -> PositionSize:
        """Return the same amount as a long position."""
        return PositionSize._of(self._value)


@final
class Volume(UnsignedDecimal):
    """An amount of the settlement asset: price times quantity; never negative."""

    __slots__ = ()
    __module__ = "openpit.param"

    ZERO: ClassVar[Volume]

    def calculate_quantity(self, price: Price) -> Quantity:
        """Return ``volume / |price|``, zero at a zero price.

        Raises:
            TypeError: ``price`` is no :class:`Price`.
            ParamError: the result does not fit into 96 bits.
        """
        if type(price) is not Price:
            raise not_an_instance(price, "Price")
        if not price._value:
            return Quantity._of(ZERO)
        try:
            return Quantity._of(divide(self._value, price._value.copy_abs()))
        except DecimalOverflow:
            raise overflow(self) from None

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
class Price(SignedDecimal):
    """The settlement asset per unit of the underlying; may be negative."""

    __slots__ = ()
    __module__ = "openpit.param"

    ZERO: ClassVar[Price]

    def calculate_volume(self, quantity: Quantity) -> Volume:
        """Return ``|price| * quantity``.

        Raises:
            TypeError: ``quantity`` is no :class:`Quantity`.
            ParamError: the result does not fit into 96 bits.
        """
        if type(quantity) is not Quantity:
            raise not_an_instance(quantity, "Quantity")
        return Volume._of(_turnover(self, quantity))

    def calculate_position_size(self, quantity: Quantity) -> PositionSize:
        """Return ``price * quantity`` with the price's sign.

        Raises:
            TypeError: ``quantity`` is no :class:`Quantity`.
            ParamError: the result does not fit into 96 bits.
        """
        if type(quantity) is not Quantity:
            raise not_an_instance(quantity, "Quantity")
        try:
            return PositionSize._of(multiply(self._value, quantity._value))
        except DecimalOverflow:
            raise overflow(self) from None


def _turnover(price: Price, quantity: Quantity) -> Decimal:
    try:
        return multiply(price._value.copy_abs(), quantity._value)
    except DecimalOverflow:
        raise overflow(price) from None


@final
class Pnl(SignedDecimal):
    """Profit (positive) or loss (negative) in an accounting currency."""

    __slots__ = ()
    __module__ = "openpit.param"

    ZERO: ClassVar[Pnl]

    @staticmethod
    def from_fee(fee: Fee) -> Pnl:
        """Return what a fee does to profit: a cost is a loss.

        Raises:
            TypeError: ``fee`` is no :class:`Fee`.
        """
        if type(fee) is not Fee:
            raise not_an_instance(fee, "Fee")
        return Pnl._of(negate(fee._value))

    def to_cash_flow(self) -> CashFlow:
        """Return the same amount as a cash flow."""
        return CashFlow._of(self._value)

    def to_position_size(self) -> PositionSize:
        """Return the same amount as a position."""
        return PositionSize._of(self._value)


@final
class Fee(SignedDecimal):
    """What a fill cost: positive is paid, negative is a rebate."""

    __slots__ = ()
    __module__ = "openpit.param"

    ZERO: ClassVar[Fee]

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
class CashFlow(SignedDecimal):
    """Money received (positive) or paid (negative)."""

    __slots__ = ()
    __module__ = "openpit.param"

    ZERO: ClassVar[CashFlow]

    @staticmethod
    def from_pnl(pnl: Pnl) -> CashFlow:
        """Return the same amount as a cash flow.

        Raises:
            TypeError: ``pnl`` is no :class:`Pnl`.
        """
        if type(pnl) is not Pnl:
            raise not_an_instance(pnl, "Pnl")
        return CashFlow._of(pnl._value)

    @staticmethod
    def from_fee(fee: Fee) -> CashFlow:
        """Return the negated fee: a cost is an outflow.

        Raises:
            TypeError: ``fee`` is no :class:`Fee`.
        """
        if type(fee) is not Fee:
            raise not_an_instance(fee, "Fee")
        return CashFlow._of(negate(fee._value))

    @staticmethod
    def from_volume_inflow(volume: Volume) -> CashFlow:
        """Return the volume as money received.

        Raises:
            TypeError: ``volume`` is no :class:`Volume`.
        """
        if type(volume) is not Volume:
            raise not_an_instance(volume, "Volume")
        return CashFlow._of(volume._value)

    @staticmethod
    def from_volume_outflow(volume: Volume) -> CashFlow:
        """Return the volume as money paid, which is negative.

        Raises:
            TypeError: ``volume`` is no :class:`Volume`.
        """
        if type(volume) is not Volume:
            raise not_an_instance(volume, "Volume")
        return CashFlow._of(negate(volume._value))


@final
class PositionSize(SignedDecimal):
    """How much is held: long is positive, short is negative."""

    __slots__ = ()
    __module__ = "openpit.param"

    ZERO: ClassVar[PositionSize]

    @staticmethod
    def from_quantity_and_side(quantity: Quantity, side: Side | str) -> PositionSize:
        """Return ``+quantity`` for a buy and ``-quantity`` for a sell.

        ``side`` may be text of any case; ValueError when it names no side.

        Raises:
            TypeError: ``quantity`` is no :class:`Quantity`, or ``side`` no text.
            ValueError: ``side`` is a text that names no side.
        """
        if type(quantity) is not Quantity:
            raise not_an_instance(quantity, "Quantity")
        return PositionSize._of(quantity._value if _is_buy(side) else negate(quantity._value))

    @staticmethod
    def from_pnl(pnl: Pnl) -> PositionSize:
        """Return the same amount as a position.

        Raises:
            TypeError: ``pnl`` is no :class:`Pnl`.
        """
        if type(pnl) is not Pnl:
            raise not_an_instance(pnl, "Pnl")
        return PositionSize._of(pnl._value)

    @staticmethod
    def from_fee(fee: Fee) -> PositionSize:
        """Return the negated fee: a cost lessens a holding.

        Raises:
            TypeError: ``fee`` is no :class:`Fee`.
        """
        if type(fee) is not Fee:
            raise not_an_instance(fee, "Fee")
        return PositionSize._of(negate(fee._value))

    def to_open_quantity(self) -> tuple[Quantity, str]:
        """Return the quantity and the side, ``"BUY"`` or ``"SELL"``, that open this position."""
        if not self._value:
            return Quantity._of(ZERO), "BUY"
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
        """Return the position after a fill of ``qty``.

        Raises:
            TypeError: ``qty`` is no :class:`Quantity`, or ``side`` no text.
            ValueError: ``side`` is a text that names no side.
            ParamError: the result does not fit into 96 bits.
        """
        if type(qty) is not Quantity:
            raise not_an_instance(qty, "Quantity")
        change = qty._value if _is_buy(side) else negate(qty._value)
        try:
            return PositionSize._of(add(self._value, change))
        except DecimalOverflow:
            raise overflow(self) from None


Quantity.ZERO = Quantity._of(ZERO)
Volume.ZERO = Volume._of(ZERO)
Price.ZERO = Price._of(ZERO)
Pnl.ZERO = Pnl._of(ZERO)
Fee.ZERO = Fee._of(ZERO)
CashFlow.ZERO = CashFlow._of(ZERO)
PositionSize.ZERO = PositionSize._of(ZERO)


# Makers for the rest of the package, unchecked: a program is handed what they make.
new_fee = Fee._of
new_pnl = Pnl._of
new_position_size = PositionSize._of
new_price = Price._of
new_quantity = Quantity._of
new_volume = Volume._of
