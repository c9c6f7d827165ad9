"""The one table of classes that travel as values: their numbers, their fields, how they are made.

A number once given stays with its class: a journal holds it. Fields are the private slots, so that
a value arrives exactly as it left; what no constructor would have stored in them is refused.
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
from openpit.core.lock import Lock, new_lock
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
from openpit.param.amounts import AdjustmentAmount, MonetaryAmount, Trade, TradeAmount
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
from openpit.param.margin import Leverage, Notional
from openpit.param.values import (
    CashFlow,
    Fee,
    Pnl,
    PositionSize,
    Price,
    Quantity,
    Volume,
)
from openpit.pretrade import policies
from openpit.pretrade.codes import RejectCode, RejectScope
from openpit.pretrade.rejects import AccountBlock, Reject
from openpit.wire.checks import (
    U32_MAX,
    U64_MAX,
    exactly,
    is_asset,
    is_code,
    is_fixed,
    is_flag,
    is_leverage,
    is_lock,
    is_pnl_state,
    is_quotes,
    is_scope,
    is_text,
    is_unsigned,
    of,
    optional,
    up_to,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.wire.checks import Check

__all__ = ["BASES", "MEMBERS", "RECORDS", "Record", "has_attributes", "is_of_base", "is_of_users"]


class Record(NamedTuple):
    """A class, how its fields are read from an object, and how an object is made of them."""

    cls: type
    read: Callable[[Any], list[object]]
    make: Callable[[type, list[object]], object]


def _slots(cls: type, **checks: Check) -> Record:
    """Return the record of a class with private slots, each with what it may hold.

    An empty slot travels as None. Where that is no value of its own, it stays empty, which only
    happens to a subclass whose constructor has left it so.
    """

    def read(value: object) -> list[object]:
        return [getattr(value, field, None) for field in checks]

    def make(kind: type, values: list[object]) -> object:
        made: object = object.__new__(kind)
        for (field, check), value in zip(checks.items(), values, strict=True):
            if check(value):
                object.__setattr__(made, field, value)
            elif value is not None or kind is cls:
                raise ValueError(f"{cls.__name__}.{field} cannot be {value!r:.100}")
        return made

    return Record(cls, read, make)


def _together(record: Record, *pairs: tuple[str, str], never: bool = False) -> Record:
    """Return a record whose slots go in pairs: both or none of two; with ``never``, not both."""

    def make(kind: type, values: list[object]) -> object:
        made = record.make(kind, values)
        for one, other in pairs:
            is_there = [getattr(made, field, None) is not None for field in (one, other)]
            if all(is_there) if never else any(is_there) and not all(is_there):
                raise ValueError(f"{record.cls.__name__}.{one} does not go with .{other}")
        return made

    return Record(record.cls, record.read, make)


def has_attributes(value: object, base: type) -> bool:
    """Tell whether a user's object holds anything beyond its base class."""
    return type(value) is not base or bool(vars(value))


def is_of_base(kind: type, base: type, name: str) -> bool:
    """Tell whether an attribute of a user's class is the base class's own, or any object's.

    Those are the slots that the engine reads, and properties that write to them.
    """
    if name in _OF_ANY:
        return True
    stored = [getattr(owner, "__slots__", ()) for owner in base.__mro__]
    if any(name in slots for slots in stored):
        return True
    owner = next((owner for owner in kind.__mro__ if name in vars(owner)), None)
    return owner in base.__mro__ and hasattr(vars(owner)[name], "__set__")


_OF_ANY: Final = frozenset({"__class__", "__dict__", "__weakref__"})


def is_of_users(group: object, base: type) -> bool:
    """Tell whether a group is there and holds what only a custom policy can see."""
    if group is None:
        return False
    instrument = getattr(group, "_instrument_", None)
    return has_attributes(group, base) or (
        instrument is not None and has_attributes(instrument, Instrument)
    )


def _lazily(record: Record, slot: str, base: type, *, only_if_used: bool = True) -> Record:
    """Return a record with one more slot, which stays empty where it travels as None.

    The class fills such a slot from the others when it is asked. With ``only_if_used``, the slot
    travels only if it holds more than an object of that class can: what a user has made of it.
    """

    def read(value: object) -> list[object]:
        held = getattr(value, slot, None)
        if only_if_used and not is_of_users(held, base):
            held = None
        return [*record.read(value), held]

    def make(kind: type, values: list[object]) -> object:
        *others, held = values
        made = record.make(kind, others)
        if held is not None:
            if not issubclass(type(held), base):
                raise ValueError(f"{record.cls.__name__}.{slot} cannot be {held!r:.100}")
            object.__setattr__(made, slot, held)
        return made

    return Record(record.cls, read, make)


def _fields(cls: type) -> Record:
    """Return the record of a data class, which is made by its constructor."""
    names = [field.name for field in dataclasses.fields(cls)]

    def make(kind: type, values: list[object]) -> object:
        return kind(**dict(zip(names, values, strict=True)))

    return Record(cls, lambda value: [getattr(value, name) for name in names], make)


def _asset() -> Record:
    """Return the record of an asset's name."""

    def make(kind: type, values: list[object]) -> object:
        (text,) = values
        if type(text) is not str:
            raise ValueError(f"an asset cannot be {text!r:.100}")
        return kind(text)

    return Record(Asset, lambda value: [str.__str__(value)], make)


def _span() -> Record:
    """Return the record of a length of time: days, seconds and microseconds, each in its range."""

    def read(value: Any) -> list[object]:
        return [value.days, value.seconds, value.microseconds]

    def make(_: type, values: list[object]) -> object:
        days, seconds, microseconds = values
        span = timedelta(days, seconds, microseconds)  # type: ignore[arg-type]  # tells
        if not all(type(part) is int for part in values) or read(span) != values:
            raise ValueError(f"a length of time cannot be {values!r:.100}")
        return span

    return Record(timedelta, read, make)


def _lock() -> Record:
    """Return the record of a lock: its prices by group."""

    def read(value: Any) -> list[object]:
        return [{group: list(prices) for group, prices in value._groups_.items()}]

    def make(_: type, values: list[object]) -> object:
        (groups,) = values
        if not is_lock(groups):
            raise ValueError(f"a lock cannot be {groups!r:.100}")
        return new_lock(groups)  # type: ignore[arg-type]  # checked

    return Record(Lock, read, make)


_ASSETS: Final = {"_underlying_": optional(is_asset), "_settlement_": optional(is_asset)}
_INSTRUMENT: Final = {"_underlying_": is_asset, "_settlement_": is_asset}
_ACCOUNT_AND_SIDE: Final = {
    "_account_": optional(up_to(U64_MAX)),
    "_side_": optional(exactly(Side)),
}
_AMOUNT_AND_PRICE: Final = {
    "_quantity_": optional(is_unsigned),
    "_volume_": optional(is_unsigned),
    "_price_": optional(is_fixed),
}
_ONE_AMOUNT: Final = ("_quantity_", "_volume_")


RECORDS: Final[dict[int, Record]] = {
    # values
    1: _slots(Quantity, _value=is_unsigned),
    2: _slots(Volume, _value=is_unsigned),
    3: _slots(Notional, _value=is_unsigned),
    4: _slots(Price, _value=is_fixed),
    5: _slots(Pnl, _value=is_fixed),
    6: _slots(Fee, _value=is_fixed),
    7: _slots(CashFlow, _value=is_fixed),
    8: _slots(PositionSize, _value=is_fixed),
    9: _slots(AccountId, _value=up_to(U64_MAX)),
    10: _slots(AccountGroupId, _value=up_to(U32_MAX)),
    11: _slots(InstrumentId, _value=up_to(U64_MAX)),
    12: _asset(),
    13: _together(
        _slots(TradeAmount, _quantity_=optional(is_unsigned), _volume_=optional(is_unsigned)),
        _ONE_AMOUNT,
        never=True,
    ),
    14: _slots(AdjustmentAmount, _value_=is_fixed, _is_absolute_=is_flag),
    15: _slots(Leverage, _raw=is_leverage),
    16: _fields(MonetaryAmount),
    17: _slots(Trade, _price_=is_fixed, _quantity_=is_unsigned),
    18: _span(),
    # orders and reports
    20: _slots(Instrument, **_INSTRUMENT),
    21: _lazily(
        _together(
            _slots(
                Order,
                **_ASSETS,
                **_ACCOUNT_AND_SIDE,
                **_AMOUNT_AND_PRICE,
                _position_=optional(of(OrderPosition)),
                _margin_=optional(of(OrderMargin)),
            ),
            _ONE_AMOUNT,
            never=True,
        ),
        "_operation_",
        OrderOperation,
    ),
    22: _slots(
        OrderPosition,
        _position_side_=optional(exactly(PositionSide)),
        _reduce_only_=is_flag,
        _close_position_=is_flag,
    ),
    23: _slots(
        OrderMargin,
        _leverage_=optional(is_leverage),
        _collateral_=optional(is_asset),
        _auto_borrow_=is_flag,
    ),
    24: _lazily(
        _lazily(
            _together(
                _slots(
                    ExecutionReport,
                    **_ASSETS,
                    **_ACCOUNT_AND_SIDE,
                    _pnl_=optional(is_fixed),
                    _impact_fee_=optional(is_fixed),
                    _fill_=optional(of(ExecutionReportFillDetails)),
                    _position_impact_=optional(of(ExecutionReportPositionImpact)),
                ),
                ("_pnl_", "_impact_fee_"),
            ),
            "_operation_",
            ExecutionReportOperation,
        ),
        "_financial_impact_",
        FinancialImpact,
    ),
    25: _together(
        _slots(
            ExecutionReportFillDetails,
            _last_price_=optional(is_fixed),
            _last_quantity_=optional(is_unsigned),
            _fee_amount_=optional(is_fixed),
            _fee_currency_=optional(is_asset),
            _remaining_=optional(is_unsigned),
            _is_final_=optional(is_flag),
            _lock_=of(Lock),
        ),
        ("_last_price_", "_last_quantity_"),
        ("_fee_amount_", "_fee_currency_"),
    ),
    26: _slots(
        ExecutionReportPositionImpact,
        _position_effect_=optional(exactly(PositionEffect)),
        _position_side_=optional(exactly(PositionSide)),
    ),
    27: _lazily(
        _together(
            _slots(OrderOperation, **_ASSETS, **_ACCOUNT_AND_SIDE, **_AMOUNT_AND_PRICE),
            _ONE_AMOUNT,
            never=True,
        ),
        "_instrument_",
        Instrument,
        only_if_used=False,
    ),
    28: _lazily(
        _slots(ExecutionReportOperation, **_ASSETS, **_ACCOUNT_AND_SIDE),
        "_instrument_",
        Instrument,
        only_if_used=False,
    ),
    29: _slots(FinancialImpact, _pnl_=is_fixed, _fee_=is_fixed),
    # adjustments
    30: _slots(
        Adjustment,
        _operation_=optional(of(BalanceOperation, PositionOperation, AccountPnlOperation)),
        _amount_=optional(of(Amount)),
        _bounds_=optional(of(Bounds)),
    ),
    31: _slots(
        Amount,
        _balance_=optional(exactly(AdjustmentAmount)),
        _held_=optional(exactly(AdjustmentAmount)),
        _incoming_=optional(exactly(AdjustmentAmount)),
    ),
    32: _slots(
        BalanceOperation,
        _asset_=optional(is_asset),
        _average_entry_price_=optional(is_fixed),
        _realized_pnl_=optional(is_pnl_state),
    ),
    33: _slots(
        PositionOperation,
        _instrument_=optional(of(Instrument)),
        **_ASSETS,
        _collateral_=optional(is_asset),
        _average_entry_price_=optional(is_fixed),
        _mode_=optional(exactly(PositionMode)),
        _leverage_=optional(is_leverage),
    ),
    34: _slots(AccountPnlOperation, _state_=is_pnl_state),
    35: _slots(
        Bounds,
        _balance_upper_=optional(is_fixed),
        _balance_lower_=optional(is_fixed),
        _held_upper_=optional(is_fixed),
        _held_lower_=optional(is_fixed),
        _incoming_upper_=optional(is_fixed),
        _incoming_lower_=optional(is_fixed),
    ),
    # results
    40: _lock(),
    41: _slots(
        Reject,
        _code=is_code,
        _reason=is_text,
        _details=is_text,
        _policy=is_text,
        _scope=is_scope,
        _user_data=up_to(U64_MAX),
    ),
    42: _slots(
        AccountBlock,
        _policy=is_text,
        _code=is_code,
        _reason=is_text,
        _details=is_text,
        _user_data=up_to(U64_MAX),
    ),
    43: _slots(Quote, _values=is_quotes),
    # settings
    60: _fields(policies.RateLimit),
    61: _fields(policies.RateLimitBrokerBarrier),
    62: _fields(policies.RateLimitAssetBarrier),
    63: _fields(policies.RateLimitAccountBarrier),
    64: _fields(policies.RateLimitAccountAssetBarrier),
    65: _slots(
        policies.OrderSizeLimit,
        _max_quantity=optional(is_unsigned),
        _max_notional=optional(is_unsigned),
    ),
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
