"""Corrections of an account from outside: balances, positions, realised profit and loss.

An adjustment names what it changes (its operation), by how much (its amount) and between which
bounds the result must stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from openpit.core import choices
from openpit.core.absent import AbsentFields, EarlyFields
from openpit.core.adjustment_terms import Amount, Bounds
from openpit.core.assets import optional_asset_text
from openpit.core.debug_text import optional, optional_figure, optional_member
from openpit.core.instrument import Instrument, require_instrument
from openpit.core.order_terms import leverage_text, optional_leverage
from openpit.core.signatures import AnyArguments
from openpit.param.classes import is_of
from openpit.param.enums import PnlHaltReason
from openpit.param.fixed_decimal import decimal_of
from openpit.param.guarded import store
from openpit.param.margin import Leverage, new_leverage
from openpit.param.values import Pnl, Price, new_pnl, new_price

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from openpit.param.enums import PositionMode
    from openpit.param.ids import Asset

__all__ = [
    "AccountPnlOperation",
    "Adjustment",
    "Amount",
    "BalanceOperation",
    "Bounds",
    "PositionOperation",
]


def _optional_price(price: Price | None) -> Decimal | None:
    return None if price is None else decimal_of(Price(price))


def _pnl_state(state: Pnl | PnlHaltReason) -> Decimal | PnlHaltReason:
    """Return a figure, or why there is none."""
    return state if isinstance(state, PnlHaltReason) else decimal_of(Pnl(state))


def _pnl_or_halt(state: Decimal | PnlHaltReason) -> Pnl | PnlHaltReason:
    """Return a stored state as programs see it."""
    return state if isinstance(state, PnlHaltReason) else new_pnl(state)


class BalanceOperation(AbsentFields):
    """An adjustment of one asset's balance, and of the cost and the profit recorded with it.

    ``average_entry_price`` may be anything that :class:`Price` takes, ``realized_pnl`` a halt
    reason or anything that :class:`Pnl` takes. An asset that is given must be text that is not
    blank.

    Raises:
        TypeError: a value is of another class.
        ValueError: one is no amount, or the asset is blank.
        ParamError: one is not an amount that its type takes.
    """

    __module__ = "openpit.account_adjustment"
    __slots__ = ("__dict__", "__weakref__", "_asset_", "_average_entry_price_", "_realized_pnl_")
    __signature__: ClassVar[AnyArguments] = AnyArguments("BalanceOperation")
    _ABSENT: ClassVar[Mapping[str, object]] = {
        "_asset_": None,
        "_average_entry_price_": None,
        "_realized_pnl_": None,
    }

    _asset_: str | None
    _average_entry_price_: Decimal | None
    _realized_pnl_: Decimal | PnlHaltReason | None

    def __init__(
        self,
        *,
        asset: Asset | str,
        average_entry_price: Price | None = None,
        realized_pnl: Pnl | PnlHaltReason | None = None,
    ) -> None:
        store(self, "_asset_", optional_asset_text(asset))
        store(self, "_average_entry_price_", _optional_price(average_entry_price))
        store(self, "_realized_pnl_", None if realized_pnl is None else _pnl_state(realized_pnl))

    @property
    def asset(self) -> Asset | None:
        """The asset whose balance changes."""
        return self._asset_  # type: ignore[return-value]  # a plain str, as in the reference

    @property
    def average_entry_price(self) -> Price | None:
        """What a unit of the balance has cost on average, None to leave that as it is."""
        price = self._average_entry_price_
        return None if price is None else new_price(price)

    @property
    def realized_pnl(self) -> Pnl | PnlHaltReason | None:
        """The realised profit (negative: loss), why there is none, or None to leave it."""
        state = self._realized_pnl_
        return None if state is None else _pnl_or_halt(state)

    def __repr__(self) -> str:
        state = self.realized_pnl
        return (
            f"AccountAdjustmentBalanceOperation(asset={optional(self._asset_)}, "
            f"average_entry_price={optional_figure(self._average_entry_price_)}, "
            f"realized_pnl={optional(None if state is None else repr(state))})"
        )


class PositionOperation(AbsentFields):
    """An adjustment of the position in an instrument.

    ``average_entry_price`` may be anything that :class:`Price` takes, ``leverage`` a number that
    :class:`Leverage` takes, ``mode`` its text in any case. All but the instrument may be None.

    Raises:
        TypeError: a value is of another class, or ``mode`` a text that names none.
        ValueError: ``leverage`` is none, an amount no amount, or the asset blank.
        ParamError: ``average_entry_price`` is not one that :class:`Price` takes.
        AttributeError: ``instrument`` is None.
    """

    __module__ = "openpit.account_adjustment"
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_average_entry_price_",
        "_collateral_",
        "_instrument_",
        "_leverage_",
        "_mode_",
        "_settlement_",
        "_underlying_",
    )
    __signature__: ClassVar[AnyArguments] = AnyArguments("PositionOperation")
    _ABSENT: ClassVar[Mapping[str, object]] = {
        "_average_entry_price_": None,
        "_collateral_": None,
        "_instrument_": None,
        "_leverage_": None,
        "_mode_": None,
        "_settlement_": None,
        "_underlying_": None,
    }

    _average_entry_price_: Decimal | None
    _collateral_: str | None
    _instrument_: Instrument | None
    _leverage_: int | None
    _mode_: PositionMode | None
    _settlement_: str | None
    _underlying_: str | None

    def __init__(
        self,
        *,
        instrument: Instrument,
        collateral_asset: Asset | str,
        average_entry_price: Price,
        mode: PositionMode,
        leverage: Leverage | int | float | None = None,
    ) -> None:
        require_instrument(instrument)
        store(self, "_instrument_", instrument)
        store(self, "_underlying_", optional_asset_text(instrument.underlying_asset))
        store(self, "_settlement_", optional_asset_text(instrument.settlement_asset))
        store(self, "_collateral_", optional_asset_text(collateral_asset))
        store(self, "_average_entry_price_", _optional_price(average_entry_price))
        store(self, "_mode_", choices.position_mode(mode))
        store(self, "_leverage_", optional_leverage(leverage))

    @property
    def instrument(self) -> Instrument:
        """The instrument that was given, whatever became of the two assets since.

        Raises:
            KeyError: a subclass has not called its constructor.
        """
        if self._instrument_ is None:
            raise KeyError("instrument")
        return self._instrument_

    @property
    def underlying_asset(self) -> Asset | None:
        """The asset that the position is in; settable.

        Raises:
            TypeError: it is set to what is no text.
            ValueError: it is set to a blank text.
        """
        return self._underlying_  # type: ignore[return-value]  # a plain str, as in the reference

    @underlying_asset.setter
    def underlying_asset(self, asset: Asset | None) -> None:
        self._underlying_ = optional_asset_text(asset)

    @property
    def settlement_asset(self) -> Asset | None:
        """The asset that the position settles in; settable.

        Raises:
            TypeError: it is set to what is no text.
            ValueError: it is set to a blank text.
        """
        return self._settlement_  # type: ignore[return-value]  # a plain str, as in the reference

    @settlement_asset.setter
    def settlement_asset(self, asset: Asset | None) -> None:
        self._settlement_ = optional_asset_text(asset)

    @property
    def collateral_asset(self) -> Asset | None:
        """The asset that backs the position."""
        return self._collateral_  # type: ignore[return-value]  # a plain str, as in the reference

    @property
    def average_entry_price(self) -> Price | None:
        """What a unit of the position has cost on average."""
        price = self._average_entry_price_
        return None if price is None else new_price(price)

    @property
    def mode(self) -> PositionMode | None:
        """Whether opposite positions net out or stand side by side."""
        return self._mode_

    @property
    def leverage(self) -> Leverage | None:
        """The leverage of the position."""
        return None if self._leverage_ is None else new_leverage(self._leverage_)

    def __repr__(self) -> str:
        return (
            f"AccountAdjustmentPositionOperation(underlying_asset={optional(self._underlying_)}, "
            f"settlement_asset={optional(self._settlement_)}, "
            f"collateral_asset={optional(self._collateral_)}, "
            f"average_entry_price={optional_figure(self._average_entry_price_)}, "
            f"mode={optional_member(self._mode_)}, "
            f"leverage={leverage_text(self._leverage_)})"
        )


class AccountPnlOperation(EarlyFields):
    """An adjustment of the account's profit and loss as a whole: a figure, or why there is none.

    ``state`` may be anything that :class:`Pnl` takes.

    Raises:
        TypeError: ``state`` is an amount of another kind.
        ValueError: it is no amount.
        ParamError: it is not an amount that :class:`Pnl` takes.
    """

    __module__ = "openpit.account_adjustment"
    __slots__ = ("__dict__", "__weakref__", "_state_")
    __signature__: ClassVar[AnyArguments] = AnyArguments("AccountPnlOperation")

    _state_: Decimal | PnlHaltReason

    def __init__(self, *, state: Pnl | PnlHaltReason) -> None:
        store(self, "_state_", _pnl_state(state))

    @property
    def state(self) -> Pnl | PnlHaltReason:
        """The profit (negative: loss), or why it cannot be followed."""
        return _pnl_or_halt(self._state_)

    def __repr__(self) -> str:
        return f"AccountAdjustmentAccountPnlOperation(state={self.state!r})"


class Adjustment(AbsentFields):
    """One correction of an account; any group may be absent.

    Policies get this very object, subclass and extra attributes included.

    Raises:
        TypeError: a group is of another class.
    """

    __module__ = "openpit.account_adjustment"
    __slots__ = ("__dict__", "__weakref__", "_amount_", "_bounds_", "_operation_")
    __signature__: ClassVar[AnyArguments] = AnyArguments("Adjustment")
    _ABSENT: ClassVar[Mapping[str, object]] = {
        "_amount_": None,
        "_bounds_": None,
        "_operation_": None,
    }

    _amount_: Amount | None
    _bounds_: Bounds | None
    _operation_: BalanceOperation | PositionOperation | AccountPnlOperation | None

    def __init__(
        self,
        *,
        operation: BalanceOperation | PositionOperation | AccountPnlOperation | None = None,
        amount: Amount | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        if operation is not None and not issubclass(
            type(operation), (BalanceOperation, PositionOperation, AccountPnlOperation)
        ):
            raise TypeError(
                "operation must be openpit.account_adjustment.BalanceOperation, "
                "openpit.account_adjustment.PositionOperation, "
                "or openpit.account_adjustment.AccountPnlOperation"
            )
        store(self, "_operation_", operation)
        if amount is not None and not is_of(amount, Amount):
            raise TypeError("amount must be openpit.account_adjustment.Amount")
        store(self, "_amount_", amount)
        if bounds is not None and not is_of(bounds, Bounds):
            raise TypeError("bounds must be openpit.account_adjustment.Bounds")
        store(self, "_bounds_", bounds)

    @property
    def operation(self) -> BalanceOperation | PositionOperation | AccountPnlOperation | None:
        """What is corrected."""
        return self._operation_

    @property
    def amount(self) -> Amount | None:
        """By or to how much."""
        return self._amount_

    @property
    def bounds(self) -> Bounds | None:
        """Between which figures the result must stay."""
        return self._bounds_

    def __repr__(self) -> str:
        operation, amount, bounds = self._operation_, self._amount_, self._bounds_
        return (
            f"AccountAdjustment(operation={optional(_own_repr(operation))}, "
            f"amount={optional(_own_repr(amount))}, bounds={optional(_own_repr(bounds))})"
        )


def _own_repr(group: object) -> str | None:
    """Return a group's text as this module prints it, whatever a subclass prints."""
    for kind in _GROUPS:
        if isinstance(group, kind):
            return kind.__repr__(group)  # type: ignore[call-arg]  # mypy takes it for type's own
    return None


_GROUPS: tuple[type, ...] = (
    BalanceOperation,
    PositionOperation,
    AccountPnlOperation,
    Amount,
    Bounds,
)
