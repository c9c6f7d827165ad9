"""Orders as they are submitted: an operation and, where a venue has them, position and margin.

An order captures the plain values of its operation when it is made. The engine and the built-in
policies read only those, so what a program does to the groups afterwards does not reach them
(spec section 3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from openpit.core import choices
from openpit.core.absent import AbsentFields
from openpit.core.assets import optional_asset_text
from openpit.core.debug_text import optional, optional_member, truth
from openpit.core.instrument import Instrument, require_instrument
from openpit.core.signatures import AnyArguments
from openpit.param.amounts import Leverage, TradeAmount, leverage_steps
from openpit.param.decimals import parse_text, plain
from openpit.param.enums import Side
from openpit.param.ids import AccountId
from openpit.param.refusals import not_an_instance
from openpit.param.values import Price

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal
    from typing import Self

    from openpit.param.enums import PositionSide
    from openpit.param.ids import Asset

__all__ = ["Order", "OrderMargin", "OrderOperation", "OrderPosition", "ensure_captured"]


class OrderOperation:
    """What to trade, which way, how much, for whom and at what price (None: at the market).

    ``side`` may be its text in any case, ``price`` anything that :class:`Price` takes; side,
    amount and account may be None where a policy does without them. Raises ``TypeError`` for
    other classes, and what :class:`Price` raises (spec section 3).
    """

    __module__ = "openpit.core"
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_account",
        "_instrument",
        "_price",
        "_quantity",
        "_settlement",
        "_side",
        "_underlying",
        "_volume",
    )
    __signature__ = AnyArguments("OrderOperation")

    _account: int | None
    _instrument: Instrument
    _price: Decimal | None
    _quantity: Decimal | None
    _settlement: str | None
    _side: Side | None
    _underlying: str | None
    _volume: Decimal | None

    def __init__(
        self,
        *,
        instrument: Instrument,
        side: Side,
        trade_amount: TradeAmount,
        account_id: AccountId,
        price: Price | None = None,
    ) -> None:
        self._instrument = instrument
        if instrument.__class__ is Instrument:
            self._underlying = instrument._underlying
            self._settlement = instrument._settlement
        else:
            require_instrument(instrument)
            self.underlying_asset = instrument.underlying_asset
            self.settlement_asset = instrument.settlement_asset

        self._account = (
            account_id._value if account_id.__class__ is AccountId else no_account(account_id)
        )
        self._side = side if side.__class__ is Side else choices.side(side)

        if trade_amount.__class__ is TradeAmount:
            self._quantity = trade_amount._quantity
            self._volume = trade_amount._volume
        else:
            self._quantity, self._volume = _optional_amount(trade_amount)

        if price.__class__ is Price:
            self._price = price._value
        else:
            self._price = _optional_price(price)

    @property
    def instrument(self) -> Instrument:
        """The instrument that was given, whatever became of the two assets since."""
        try:
            return self._instrument
        except AttributeError:
            raise KeyError("instrument") from None

    @property
    def underlying_asset(self) -> Asset | None:
        """The asset that is bought or sold; settable, until the operation is part of an order."""
        return getattr(self, "_underlying", None)

    @underlying_asset.setter
    def underlying_asset(self, asset: Asset | None) -> None:
        self._underlying = optional_asset_text(asset)

    @property
    def settlement_asset(self) -> Asset | None:
        """The asset that pays for it; settable, until the operation is part of an order."""
        return getattr(self, "_settlement", None)

    @settlement_asset.setter
    def settlement_asset(self, asset: Asset | None) -> None:
        self._settlement = optional_asset_text(asset)

    @property
    def side(self) -> Side | None:
        """Which way the order goes."""
        return getattr(self, "_side", None)

    @property
    def trade_amount(self) -> TradeAmount | None:
        """How much is traded, as a quantity or as a volume."""
        return _trade_amount(getattr(self, "_quantity", None), getattr(self, "_volume", None))

    @property
    def account_id(self) -> AccountId | None:
        """The account that trades."""
        account = getattr(self, "_account", None)
        return None if account is None else AccountId._of(account)

    @property
    def price(self) -> Price | None:
        """The limit price, None for a market order."""
        price = getattr(self, "_price", None)
        return None if price is None else Price._of(price)

    def __repr__(self) -> str:
        return _operation_text(
            getattr(self, "_underlying", None),
            getattr(self, "_settlement", None),
            getattr(self, "_side", None),
            getattr(self, "_quantity", None),
            getattr(self, "_volume", None),
            getattr(self, "_price", None),
        )


def no_account(account_id: object) -> None:
    """Return None for None; TypeError for anything else that is no account."""
    if account_id is not None:
        raise TypeError("account_id must be openpit.param.AccountId")


def _optional_amount(amount: object) -> tuple[Decimal | None, Decimal | None]:
    """Return a quantity or a volume, or neither for None; TypeError for another class."""
    if amount is None:
        return None, None
    if not isinstance(amount, TradeAmount):
        raise TypeError("trade_amount must be openpit.param.TradeAmount")
    return amount._quantity, amount._volume


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
    return TradeAmount._of(quantity, volume)


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
        f"price={optional(None if price is None else plain(price))})"
    )


class OrderPosition(AbsentFields):
    """How the order stands to a position, on venues that ask for it.

    ``position_side`` may be its text in any case. Raises ``TypeError`` for other classes; the
    two flags must be ``bool`` (spec section 3).
    """

    __module__ = "openpit.core"
    __slots__ = ("__dict__", "__weakref__", "_close_position", "_position_side", "_reduce_only")
    __signature__ = AnyArguments("OrderPosition")
    _ABSENT: ClassVar[Mapping[str, object]] = {
        "_close_position": False,
        "_position_side": None,
        "_reduce_only": False,
    }

    _close_position: bool
    _position_side: PositionSide | None
    _reduce_only: bool

    def __init__(
        self,
        *,
        position_side: PositionSide | None = None,
        reduce_only: bool = False,
        close_position: bool = False,
    ) -> None:
        self._position_side = choices.position_side(position_side)
        self._reduce_only = _flag(reduce_only)
        self._close_position = _flag(close_position)

    @property
    def position_side(self) -> PositionSide | None:
        """The side of the position that the order is for."""
        return self._position_side

    @property
    def reduce_only(self) -> bool:
        """Whether the order may only make the position smaller."""
        return self._reduce_only

    @property
    def close_position(self) -> bool:
        """Whether the order closes the whole position."""
        return self._close_position

    def __repr__(self) -> str:
        return (
            f"OrderPosition(position_side={optional_member(self._position_side)}, "
            f"reduce_only={truth(self._reduce_only)}, "
            f"close_position={truth(self._close_position)})"
        )


class OrderMargin(AbsentFields):
    """How the order is margined, on venues that ask for it.

    ``leverage`` may be a number that :class:`Leverage` takes; what that raises is raised here.
    ``collateral_asset`` is text that is not blank, ``auto_borrow`` a ``bool`` (spec section 3).
    """

    __module__ = "openpit.core"
    __slots__ = ("__dict__", "__weakref__", "_auto_borrow", "_collateral", "_leverage")
    __signature__ = AnyArguments("OrderMargin")
    _ABSENT: ClassVar[Mapping[str, object]] = {
        "_auto_borrow": False,
        "_collateral": None,
        "_leverage": None,
    }

    _auto_borrow: bool
    _collateral: str | None
    _leverage: int | None

    def __init__(
        self,
        *,
        leverage: Leverage | int | float | None = None,
        collateral_asset: Asset | None = None,
        auto_borrow: bool = False,
    ) -> None:
        self._leverage = optional_leverage(leverage)
        self._collateral = optional_asset_text(collateral_asset)
        self._auto_borrow = _flag(auto_borrow)

    @property
    def leverage(self) -> Leverage | None:
        """The leverage that the order asks for."""
        return None if self._leverage is None else Leverage._of(self._leverage)

    @property
    def collateral_asset(self) -> Asset | None:
        """The asset that backs the order."""
        return self._collateral  # type: ignore[return-value]  # a plain str, as in the reference

    @property
    def auto_borrow(self) -> bool:
        """Whether the venue may borrow what is missing."""
        return self._auto_borrow

    def __repr__(self) -> str:
        return (
            f"OrderMargin(leverage={leverage_text(self._leverage)}, "
            f"collateral_asset={optional(self._collateral)}, "
            f"auto_borrow={truth(self._auto_borrow)})"
        )


def _flag(value: object) -> bool:
    """Return a strict truth value; TypeError for anything else."""
    if value is True or value is False:
        return value
    raise not_an_instance(value, "bool")


def optional_leverage(leverage: Leverage | float | None) -> int | None:
    """Return the tenths of a leverage given as such or as a number, None for None."""
    return None if leverage is None else leverage_steps(leverage)


def leverage_text(tenths: int | None) -> str:
    """Return a leverage that may be absent, as ``repr`` shows it."""
    return "None" if tenths is None else f"Some({tenths / Leverage.SCALE})"


class Order:
    """An order on its way to the pre-trade checks; any group may be absent.

    Policies get this very object, subclass and extra attributes included. Raises ``TypeError``
    for a group of another class (spec section 3).
    """

    __module__ = "openpit.core"
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_account",
        "_margin",
        "_operation",
        "_position",
        "_price",
        "_quantity",
        "_settlement",
        "_side",
        "_underlying",
        "_volume",
    )
    __signature__ = AnyArguments("Order")

    _account: int | None
    _margin: OrderMargin | None
    _operation: OrderOperation | None
    _position: OrderPosition | None
    _price: Decimal | None
    _quantity: Decimal | None
    _settlement: str | None
    _side: Side | None
    _underlying: str | None
    _volume: Decimal | None

    def __init__(
        self,
        *,
        operation: OrderOperation | None = None,
        position: OrderPosition | None = None,
        margin: OrderMargin | None = None,
    ) -> None:
        if operation.__class__ is OrderOperation:
            try:
                self._underlying = operation._underlying
                self._settlement = operation._settlement
                self._account = operation._account
                self._side = operation._side
                self._quantity = operation._quantity
                self._volume = operation._volume
                self._price = operation._price
            except AttributeError:
                _capture(self, operation)
        else:
            _capture(self, operation)
        self._operation = operation
        if position is not None and not isinstance(position, OrderPosition):
            raise TypeError("position must be openpit.core.OrderPosition")
        self._position = position
        if margin is not None and not isinstance(margin, OrderMargin):
            raise TypeError("margin must be openpit.core.OrderMargin")
        self._margin = margin

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
        self._underlying = underlying
        self._settlement = settlement
        self._account = account
        self._side = side
        self._quantity = quantity
        self._volume = volume
        self._price = price
        self._position = None
        self._margin = None
        return self

    @property
    def operation(self) -> OrderOperation | None:
        """What the order does."""
        try:
            return self._operation
        except AttributeError:
            ensure_captured(self)
            self._operation = _operation_of(self)
            return self._operation

    @property
    def position(self) -> OrderPosition | None:
        """How the order stands to a position."""
        return getattr(self, "_position", None)

    @property
    def margin(self) -> OrderMargin | None:
        """How the order is margined."""
        return getattr(self, "_margin", None)

    def __repr__(self) -> str:
        operation = position = margin = None
        if self.operation is not None:
            operation = _operation_text(
                self._underlying,
                self._settlement,
                self._side,
                self._quantity,
                self._volume,
                self._price,
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
    if operation is not None and not isinstance(operation, OrderOperation):
        raise TypeError("operation must be openpit.core.OrderOperation")
    order._underlying = getattr(operation, "_underlying", None)
    order._settlement = getattr(operation, "_settlement", None)
    order._account = getattr(operation, "_account", None)
    order._side = getattr(operation, "_side", None)
    order._quantity = getattr(operation, "_quantity", None)
    order._volume = getattr(operation, "_volume", None)
    order._price = getattr(operation, "_price", None)


def ensure_captured(order: Order) -> None:
    """Make every group absent in an order whose subclass did not call its constructor."""
    if not hasattr(order, "_underlying"):
        _capture(order, None)
        order._operation = None
        order._position = None
        order._margin = None


def _operation_of(order: Order) -> OrderOperation | None:
    """Return an operation of the values of an order that was made without one."""
    values = (
        order._underlying,
        order._settlement,
        order._account,
        order._side,
        order._quantity,
        order._volume,
        order._price,
    )
    if values == (None,) * len(values):
        return None
    operation = object.__new__(OrderOperation)
    (
        operation._underlying,
        operation._settlement,
        operation._account,
        operation._side,
        operation._quantity,
        operation._volume,
        operation._price,
    ) = values
    if order._underlying is not None and order._settlement is not None:
        operation._instrument = Instrument._of(order._underlying, order._settlement)
    return operation
