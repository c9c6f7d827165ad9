"""Orders as they are submitted: an operation and, where a venue has them, position and margin.

An order captures the plain values of its operation when it is made. The engine and the built-in
policies read only those, so what a program does to the groups afterwards does not reach them.

The private names of these classes, and of all others that programs derive from, end in an
underscore: what they hold decides about orders, and no attribute of a subclass may take its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.core import choices
from openpit.core.assets import optional_asset_text
from openpit.core.debug_text import optional, optional_figure, optional_member
from openpit.core.instrument import Instrument, new_instrument, require_instrument
from openpit.core.order_terms import OrderMargin, OrderPosition
from openpit.core.signatures import AnyArguments
from openpit.param.amounts import TradeAmount, new_trade_amount
from openpit.param.classes import is_of
from openpit.param.decimals import parse_text
from openpit.param.enums import Side
from openpit.param.guarded import fill_guarded, fill_like, store
from openpit.param.ids import AccountId, new_account_id
from openpit.param.values import Price, new_price

if TYPE_CHECKING:
    from decimal import Decimal
    from typing import ClassVar, Self

    from openpit.param.ids import Asset

__all__ = ["Order", "OrderOperation", "account_of", "ensure_captured", "new_order"]


class OrderOperation:
    """What to trade, which way, how much, for whom and at what price (None: at the market).

    ``side`` may be its text in any case, ``price`` anything that :class:`Price` takes; side, amount
    and account may be None where a policy does without them.

    Raises:
        TypeError: an argument is of another class, or ``side`` is a text that names no side.
        ValueError: ``price`` is no amount.
        ParamError: ``price`` is not one that :class:`Price` takes.
        AttributeError: ``instrument`` is None.
    """

    __module__ = "openpit.core"
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_account_",
        "_instrument_",
        "_price_",
        "_quantity_",
        "_settlement_",
        "_side_",
        "_underlying_",
        "_volume_",
    )
    __signature__: ClassVar[AnyArguments] = AnyArguments("OrderOperation")

    _account_: int | None
    _instrument_: Instrument
    _price_: Decimal | None
    _quantity_: Decimal | None
    _settlement_: str | None
    _side_: Side | None
    _underlying_: str | None
    _volume_: Decimal | None

    def __init__(
        self,
        *,
        instrument: Instrument,
        side: Side,
        trade_amount: TradeAmount,
        account_id: AccountId,
        price: Price | None = None,
    ) -> None:
        try:
            self._instrument_ = instrument
        except Exception:  # noqa: BLE001 - whatever a class that guards its attributes raises
            fill_guarded(
                self,
                OrderOperation,
                instrument=instrument,
                side=side,
                trade_amount=trade_amount,
                account_id=account_id,
                price=price,
            )
            return
        if type(instrument) is Instrument:
            self._underlying_ = instrument._underlying_
            self._settlement_ = instrument._settlement_
        else:
            require_instrument(instrument)
            self.underlying_asset = instrument.underlying_asset
            self.settlement_asset = instrument.settlement_asset

        self._account_ = (
            account_id._value if type(account_id) is AccountId else no_account(account_id)
        )
        self._side_ = side if type(side) is Side else choices.side(side)

        if type(trade_amount) is TradeAmount:
            self._quantity_ = trade_amount._quantity_
            self._volume_ = trade_amount._volume_
        else:
            self._quantity_, self._volume_ = _optional_amount(trade_amount)

        if type(price) is Price:
            self._price_ = price._value
        else:
            self._price_ = _optional_price(price)

    @property
    def instrument(self) -> Instrument:
        """The instrument that was given, whatever became of the two assets since.

        Raises:
            KeyError: a subclass has not called its constructor.
        """
        try:
            return self._instrument_
        except AttributeError:
            raise KeyError("instrument") from None

    @property
    def underlying_asset(self) -> Asset | None:
        """The asset that is bought or sold; settable, until the operation is part of an order.

        Raises:
            TypeError: it is set to what is no text.
            ValueError: it is set to a blank text.
        """
        return getattr(self, "_underlying_", None)

    @underlying_asset.setter
    def underlying_asset(self, asset: Asset | None) -> None:
        self._underlying_ = optional_asset_text(asset)

    @property
    def settlement_asset(self) -> Asset | None:
        """The asset that pays for it; settable, until the operation is part of an order.

        Raises:
            TypeError: it is set to what is no text.
            ValueError: it is set to a blank text.
        """
        return getattr(self, "_settlement_", None)

    @settlement_asset.setter
    def settlement_asset(self, asset: Asset | None) -> None:
        self._settlement_ = optional_asset_text(asset)

    @property
    def side(self) -> Side | None:
        """Which way the order goes."""
        return getattr(self, "_side_", None)

    @property
    def trade_amount(self) -> TradeAmount | None:
        """How much is traded, as a quantity or as a volume."""
        return _trade_amount(getattr(self, "_quantity_", None), getattr(self, "_volume_", None))

    @property
    def account_id(self) -> AccountId | None:
        """The account that trades."""
        account = getattr(self, "_account_", None)
        return None if account is None else new_account_id(account)

    @property
    def price(self) -> Price | None:
        """The limit price, None for a market order."""
        price = getattr(self, "_price_", None)
        return None if price is None else new_price(price)

    def __repr__(self) -> str:
        return _operation_text(
            getattr(self, "_underlying_", None),
            getattr(self, "_settlement_", None),
            getattr(self, "_side_", None),
            getattr(self, "_quantity_", None),
            getattr(self, "_volume_", None),
            getattr(self, "_price_", None),
        )


def no_account(account_id: object) -> None:
    """Return None for None; TypeError for anything else that is no account."""
    if account_id is not None:
        raise TypeError("account_id must be openpit.param.AccountId")


def _optional_amount(amount: object) -> tuple[Decimal | None, Decimal | None]:
    """Return a quantity or a volume, or neither for None; TypeError for another class."""
    if amount is None:
        return None, None
    if not is_of(amount, TradeAmount):
        raise TypeError("trade_amount must be openpit.param.TradeAmount")
    return amount._quantity_, amount._volume_


def _optional_price(price: object) -> Decimal | None:
    """Return what :class:`Price` makes of its argument, None for None."""
    if price.__class__ is str:
        return parse_text(price, "Price")
    if price is None:
        return None
    return Price(price)._value  # type: ignore[arg-type]  # refuses what it does not take


def _trade_amount(quantity: Decimal | None, volume: Decimal | None) -> TradeAmount | None:
    """Return the amount of which one is given."""
    if quantity is None and volume is None:
        return None
    return new_trade_amount(quantity, volume)


def _operation_text(
    underlying: str | None,
    settlement: str | None,
    side: Side | None,
    quantity: Decimal | None,
    volume: Decimal | None,
    price: Decimal | None,
) -> str:
    """Return an operation's values as its ``repr`` shows them."""
    amount = _trade_amount(quantity, volume)
    return (
        f"OrderOperation(underlying_asset={optional(underlying)}, "
        f"settlement_asset={optional(settlement)}, "
        f"side={optional_member(side)}, "
        f"trade_amount={optional(None if amount is None else repr(amount))}, "
        f"price={optional_figure(price)})"
    )


class Order:
    """An order on its way to the pre-trade checks; any group may be absent.

    Policies get this very object, subclass and extra attributes included.

    Raises:
        TypeError: a group is of another class.
    """

    __module__ = "openpit.core"
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_account_",
        "_margin_",
        "_operation_",
        "_position_",
        "_price_",
        "_quantity_",
        "_settlement_",
        "_side_",
        "_underlying_",
        "_volume_",
    )
    __signature__: ClassVar[AnyArguments] = AnyArguments("Order")

    _account_: int | None
    _margin_: OrderMargin | None
    _operation_: OrderOperation | None
    _position_: OrderPosition | None
    _price_: Decimal | None
    _quantity_: Decimal | None
    _settlement_: str | None
    _side_: Side | None
    _underlying_: str | None
    _volume_: Decimal | None

    def __init__(
        self,
        *,
        operation: OrderOperation | None = None,
        position: OrderPosition | None = None,
        margin: OrderMargin | None = None,
    ) -> None:
        try:
            self._operation_ = operation
        except Exception:  # noqa: BLE001 - whatever a class that guards its attributes raises
            fill_guarded(self, Order, operation=operation, position=position, margin=margin)
            return
        if type(operation) is OrderOperation:
            try:
                self._underlying_ = operation._underlying_
                self._settlement_ = operation._settlement_
                self._account_ = operation._account_
                self._side_ = operation._side_
                self._quantity_ = operation._quantity_
                self._volume_ = operation._volume_
                self._price_ = operation._price_
            except AttributeError:
                _capture(self, operation)
        else:
            _capture(self, operation)
        if position is not None and not is_of(position, OrderPosition):
            raise TypeError("position must be openpit.core.OrderPosition")
        self._position_ = position
        if margin is not None and not is_of(margin, OrderMargin):
            raise TypeError("margin must be openpit.core.OrderMargin")
        self._margin_ = margin

    @classmethod
    def _of(
        cls,
        underlying: str | None,
        settlement: str | None,
        account: int | None,
        side: Side | None,
        quantity: Decimal | None,
        volume: Decimal | None,
        price: Decimal | None,
    ) -> Self:
        """Return an order of known-good values; its operation is made when it is asked for."""
        self = object.__new__(cls)
        self._underlying_ = underlying
        self._settlement_ = settlement
        self._account_ = account
        self._side_ = side
        self._quantity_ = quantity
        self._volume_ = volume
        self._price_ = price
        self._position_ = None
        self._margin_ = None
        return self

    @property
    def operation(self) -> OrderOperation | None:
        """What the order does."""
        try:
            return self._operation_
        except AttributeError:
            ensure_captured(self)
            operation = _operation_of(self)
            store(self, "_operation_", operation)
            return operation

    @property
    def position(self) -> OrderPosition | None:
        """How the order stands to a position."""
        return getattr(self, "_position_", None)

    @property
    def margin(self) -> OrderMargin | None:
        """How the order is margined."""
        return getattr(self, "_margin_", None)

    def __repr__(self) -> str:
        operation = position = margin = None
        if self.operation is not None:
            operation = _operation_text(
                self._underlying_,
                self._settlement_,
                self._side_,
                self._quantity_,
                self._volume_,
                self._price_,
            )
        if self.position is not None:
            position = OrderPosition.__repr__(self.position)
        if self.margin is not None:
            margin = OrderMargin.__repr__(self.margin)
        return (
            f"Order(operation={optional(operation)}, position={optional(position)}, "
            f"margin={optional(margin)})"
        )


def _capture(order: Order, operation: OrderOperation | None) -> None:
    """Capture an absent operation, one of a subclass, or one that was never filled in."""
    if operation is not None and not is_of(operation, OrderOperation):
        raise TypeError("operation must be openpit.core.OrderOperation")
    order._underlying_ = getattr(operation, "_underlying_", None)
    order._settlement_ = getattr(operation, "_settlement_", None)
    order._account_ = getattr(operation, "_account_", None)
    order._side_ = getattr(operation, "_side_", None)
    order._quantity_ = getattr(operation, "_quantity_", None)
    order._volume_ = getattr(operation, "_volume_", None)
    order._price_ = getattr(operation, "_price_", None)


def account_of(order: Order) -> int | None:
    """Return the account that an order captured, None where it has none."""
    try:
        return order._account_
    except AttributeError:
        # A subclass that skips the base constructor has no group at all.
        ensure_captured(order)
        return order._account_


def ensure_captured(order: Order) -> None:
    """Make every group absent in an order whose subclass did not call its constructor."""
    if not hasattr(order, "_underlying_"):
        fill_like(order, Order())


def _operation_of(order: Order) -> OrderOperation | None:
    """Return an operation of the values of an order that was made without one."""
    values = (
        order._underlying_,
        order._settlement_,
        order._account_,
        order._side_,
        order._quantity_,
        order._volume_,
        order._price_,
    )
    if values == (None,) * len(values):
        return None
    operation = object.__new__(OrderOperation)
    (
        operation._underlying_,
        operation._settlement_,
        operation._account_,
        operation._side_,
        operation._quantity_,
        operation._volume_,
        operation._price_,
    ) = values
    if order._underlying_ is not None and order._settlement_ is not None:
        operation._instrument_ = new_instrument(order._underlying_, order._settlement_)
    return operation


# Makers for the rest of the package, unchecked: a program is handed what they make.
new_order = Order._of
