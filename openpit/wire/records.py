"""The one table of classes that travel as values: their numbers, their fields, how they are made.

A number once given stays with its class: a journal holds it. Fields are the private slots, so that
a value arrives exactly as it left, unchecked.
"""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from openpit.account_adjustment import (
    AccountPnlOperation,
    Adjustment,
    Amount,
    BalanceOperation,
    Bounds,
    PositionOperation,
)
from openpit.core.instrument import Instrument
from openpit.core.lock import Lock
from openpit.core.order import Order, OrderOperation
from openpit.core.order_terms import OrderMargin, OrderPosition
from openpit.core.report import (
    ExecutionReport,
    ExecutionReportFillDetails,
    ExecutionReportOperation,
    ExecutionReportPositionImpact,
    FinancialImpact,
)
from openpit.marketdata.quotes import Quote
from openpit.param.amounts import AdjustmentAmount, Leverage, MonetaryAmount, Trade, TradeAmount
from openpit.param.enums import (
    ConfigureErrorKind,
    FillType,
    Kind,
    PnlHaltReason,
    PositionEffect,
    PositionMode,
    PositionSide,
    QuoteResolution,
    RoundingStrategy,
    SettlementUnit,
    Side,
)
from openpit.param.ids import AccountGroupId, AccountId, Asset, InstrumentId
from openpit.param.values import (
    CashFlow,
    Fee,
    Notional,
    Pnl,
    PositionSize,
    Price,
    Quantity,
    Volume,
)
from openpit.pretrade import policies
from openpit.pretrade.codes import RejectCode, RejectScope
from openpit.pretrade.rejects import AccountBlock, Reject

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BASES", "MEMBERS", "RECORDS", "Record", "has_attributes", "is_of_users"]


class Record(NamedTuple):
    """A class, how its fields are read from an object, and how an object is made of them."""

    cls: type
    read: Callable[[Any], list[object]]
    make: Callable[[type, list[object]], object]


def _slots(cls: type, *fields: str) -> Record:
    """Return the record of a class with private slots; an empty slot travels as None."""

    def read(value: object) -> list[object]:
        return [getattr(value, field, None) for field in fields]

    def make(kind: type, values: list[object]) -> object:
        made: object = object.__new__(kind)
        for field, value in zip(fields, values, strict=True):
            object.__setattr__(made, field, value)
        return made

    return Record(cls, read, make)


def has_attributes(value: object, base: type) -> bool:
    """Tell whether a user's object holds anything beyond its base class."""
    return type(value) is not base or bool(vars(value))


def is_of_users(group: object, base: type) -> bool:
    """Tell whether a group is there and holds what only a custom policy can see."""
    if group is None:
        return False
    instrument = getattr(group, "_instrument_", None)
    return has_attributes(group, base) or (
        instrument is not None and has_attributes(instrument, Instrument)
    )


def _lazily(record: Record, slot: str, base: type | None = None) -> Record:
    """Return a record with one more slot, which stays empty where it travels as None.

    The class fills such a slot from the others when it is asked. With a ``base``, the slot travels
    only if it holds more than an object of that class can: what a user has made of it.
    """

    def read(value: object) -> list[object]:
        held = getattr(value, slot, None)
        if base is not None and not is_of_users(held, base):
            held = None
        return [*record.read(value), held]

    def make(kind: type, values: list[object]) -> object:
        *others, held = values
        made = record.make(kind, others)
        if held is not None:
            object.__setattr__(made, slot, held)
        return made

    return Record(record.cls, read, make)


def _fields(cls: type) -> Record:
    """Return the record of a data class."""
    return _slots(cls, *(field.name for field in dataclasses.fields(cls)))


def _text(cls: type) -> Record:
    """Return the record of a kind of text."""
    return Record(
        cls, lambda value: [str.__str__(value)], lambda kind, values: str.__new__(kind, *values)
    )


def _span(cls: type) -> Record:
    """Return the record of a length of time."""
    return Record(
        cls,
        lambda value: [value.days, value.seconds, value.microseconds],
        lambda kind, values: kind(*values),
    )


RECORDS: Final[dict[int, Record]] = {
    # values
    1: _slots(Quantity, "_value"),
    2: _slots(Volume, "_value"),
    3: _slots(Notional, "_value"),
    4: _slots(Price, "_value"),
    5: _slots(Pnl, "_value"),
    6: _slots(Fee, "_value"),
    7: _slots(CashFlow, "_value"),
    8: _slots(PositionSize, "_value"),
    9: _slots(AccountId, "_value"),
    10: _slots(AccountGroupId, "_value"),
    11: _slots(InstrumentId, "_value"),
    12: _text(Asset),
    13: _slots(TradeAmount, "_quantity_", "_volume_"),
    14: _slots(AdjustmentAmount, "_value_", "_is_absolute_"),
    15: _slots(Leverage, "_raw"),
    16: _slots(MonetaryAmount, "amount", "currency"),
    17: _slots(Trade, "_price_", "_quantity_"),
    18: _span(timedelta),
    # orders and reports
    20: _slots(Instrument, "_underlying_", "_settlement_"),
    21: _lazily(
        _slots(
            Order,
            "_underlying_",
            "_settlement_",
            "_account_",
            "_side_",
            "_quantity_",
            "_volume_",
            "_price_",
            "_position_",
            "_margin_",
        ),
        "_operation_",
        OrderOperation,
    ),
    22: _slots(OrderPosition, "_position_side_", "_reduce_only_", "_close_position_"),
    23: _slots(OrderMargin, "_leverage_", "_collateral_", "_auto_borrow_"),
    24: _lazily(
        _lazily(
            _slots(
                ExecutionReport,
                "_underlying_",
                "_settlement_",
                "_account_",
                "_side_",
                "_pnl_",
                "_impact_fee_",
                "_fill_",
                "_position_impact_",
            ),
            "_operation_",
            ExecutionReportOperation,
        ),
        "_financial_impact_",
        FinancialImpact,
    ),
    25: _slots(
        ExecutionReportFillDetails,
        "_last_price_",
        "_last_quantity_",
        "_fee_amount_",
        "_fee_currency_",
        "_remaining_",
        "_is_final_",
        "_lock_",
    ),
    26: _slots(ExecutionReportPositionImpact, "_position_effect_", "_position_side_"),
    27: _lazily(
        _slots(
            OrderOperation,
            "_underlying_",
            "_settlement_",
            "_account_",
            "_side_",
            "_quantity_",
            "_volume_",
            "_price_",
        ),
        "_instrument_",
    ),
    28: _lazily(
        _slots(ExecutionReportOperation, "_underlying_", "_settlement_", "_account_", "_side_"),
        "_instrument_",
    ),
    29: _slots(FinancialImpact, "_pnl_", "_fee_"),
    # adjustments
    30: _slots(Adjustment, "_operation_", "_amount_", "_bounds_"),
    31: _slots(Amount, "_balance_", "_held_", "_incoming_"),
    32: _slots(BalanceOperation, "_asset_", "_average_entry_price_", "_realized_pnl_"),
    33: _slots(
        PositionOperation,
        "_instrument_",
        "_underlying_",
        "_settlement_",
        "_collateral_",
        "_average_entry_price_",
        "_mode_",
        "_leverage_",
    ),
    34: _slots(AccountPnlOperation, "_state_"),
    35: _slots(
        Bounds,
        "_balance_upper_",
        "_balance_lower_",
        "_held_upper_",
        "_held_lower_",
        "_incoming_upper_",
        "_incoming_lower_",
    ),
    # results
    40: Record(
        Lock,
        lambda lock: [{group: list(prices) for group, prices in lock._groups_.items()}],
        lambda _, values: Lock._of(*values),  # type: ignore[arg-type]  # what read() gave
    ),
    41: _slots(Reject, "_code", "_reason", "_details", "_policy", "_scope", "_user_data"),
    42: _slots(AccountBlock, "_policy", "_code", "_reason", "_details", "_user_data"),
    43: _slots(Quote, "_values"),
    # settings
    60: _fields(policies.RateLimit),
    61: _fields(policies.RateLimitBrokerBarrier),
    62: _fields(policies.RateLimitAssetBarrier),
    63: _fields(policies.RateLimitAccountBarrier),
    64: _fields(policies.RateLimitAccountAssetBarrier),
    65: _slots(policies.OrderSizeLimit, "_max_quantity", "_max_notional"),
    66: _fields(policies.OrderSizeBrokerBarrier),
    67: _fields(policies.OrderSizeAssetBarrier),
    68: _fields(policies.OrderSizeAccountAssetBarrier),
    69: _fields(policies.PnlBoundsBrokerBarrier),
    70: _fields(policies.PnlBoundsAccountAssetBarrier),
    71: _fields(policies.PnlBoundsAccountAssetBarrierUpdate),
    72: _fields(policies.SpotFundsOverrideTargetInstrument),
    73: _fields(policies.SpotFundsOverrideTargetInstrumentAccount),
    74: _fields(policies.SpotFundsOverrideTargetInstrumentAccountGroup),
    75: _fields(policies.SpotFundsOverride),
    76: _fields(policies.SpotFundsOverrideEntry),
    77: _fields(policies.SpotFundsLimitModeAccountEntry),
    78: _fields(policies.SpotFundsLimitModeAccountGroupEntry),
    79: _fields(policies.SpotFundsPositionLimitEntry),
    80: _fields(policies.SpotFundsPnlBoundsBarrier),
    81: _fields(policies.SpotFundsPnlBoundsAccountGroupBarrier),
    82: _fields(policies.SpotFundsPnlBoundsAccountBarrier),
}
"""Classes by number."""

BASES: Final[dict[type, int]] = {RECORDS[number].cls: number for number in range(20, 36)}
"""Classes that users subclass and decorate, with their numbers."""

MEMBERS: Final[dict[int, type]] = {
    1: Side,
    2: PositionSide,
    3: PositionEffect,
    4: PositionMode,
    5: FillType,
    6: Kind,
    7: RoundingStrategy,
    8: PnlHaltReason,
    9: QuoteResolution,
    10: SettlementUnit,
    11: ConfigureErrorKind,
    12: RejectCode,
    13: RejectScope,
    14: policies.SpotFundsPricingSource,
    15: policies.SpotFundsLimitMode,
}
"""Enumerations by number; a member travels by its name."""
