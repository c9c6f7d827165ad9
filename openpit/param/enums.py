"""The enumerations of the public API, but for reject codes and scopes."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Never, final

from openpit.param.native_enum import NativeEnum, define_members

__all__ = [
    "ConfigureErrorKind",
    "FillType",
    "Kind",
    "PnlHaltReason",
    "PositionEffect",
    "PositionMode",
    "PositionSide",
    "QuoteResolution",
    "RoundingStrategy",
    "SettlementUnit",
    "Side",
]


class Side(StrEnum):
    """Which way an order or a fill goes."""

    __module__ = "openpit.param"

    BUY = "BUY"
    SELL = "SELL"

    @classmethod
    def _missing_(cls, _value: object) -> Never:
        raise ValueError("expected 'BUY' or 'SELL'")

    def is_buy(self) -> bool:
        """Tell whether this is the buying side."""
        return self is Side.BUY

    def is_sell(self) -> bool:
        """Tell whether this is the selling side."""
        return self is Side.SELL

    def opposite(self) -> Side:
        """Return the other side."""
        return Side.SELL if self is Side.BUY else Side.BUY

    def sign(self) -> int:
        """Return +1 for a buy, which adds to a position, and -1 for a sell."""
        return 1 if self is Side.BUY else -1


class PositionSide(StrEnum):
    """Which way a position is held, for venues that hold both at once."""

    __module__ = "openpit.param"

    LONG = "LONG"
    SHORT = "SHORT"

    @classmethod
    def _missing_(cls, _value: object) -> Never:
        raise ValueError("expected 'LONG' or 'SHORT'")

    def is_long(self) -> bool:
        """Tell whether this is the long side."""
        return self is PositionSide.LONG

    def is_short(self) -> bool:
        """Tell whether this is the short side."""
        return self is PositionSide.SHORT

    def opposite(self) -> PositionSide:
        """Return the other side."""
        return PositionSide.SHORT if self is PositionSide.LONG else PositionSide.LONG


class PositionEffect(StrEnum):
    """Whether a fill opens or closes a position."""

    __module__ = "openpit.param"

    OPEN = "OPEN"
    CLOSE = "CLOSE"

    @classmethod
    def _missing_(cls, _value: object) -> Never:
        raise ValueError("expected 'OPEN' or 'CLOSE'")


class PositionMode(StrEnum):
    """Whether opposite positions in one instrument net out or stand side by side."""

    __module__ = "openpit.param"

    NETTING = "netting"
    HEDGED = "hedged"

    @classmethod
    def _missing_(cls, _value: object) -> Never:
        raise ValueError("expected 'netting' or 'hedged'")


class FillType(StrEnum):
    """What caused a fill; the engine itself does not read it."""

    __module__ = "openpit.param"

    TRADE = "TRADE"
    LIQUIDATION = "LIQUIDATION"
    AUTO_DELEVERAGE = "AUTO_DELEVERAGE"
    SETTLEMENT = "SETTLEMENT"
    FUNDING = "FUNDING"

    @classmethod
    def _missing_(cls, _value: object) -> Never:
        raise ValueError(
            "expected 'TRADE', 'LIQUIDATION', 'AUTO_DELEVERAGE', 'SETTLEMENT', or 'FUNDING'"
        )


class Kind(StrEnum):
    """The value types by name."""

    __module__ = "openpit.param"

    QUANTITY = "Quantity"
    VOLUME = "Volume"
    NOTIONAL = "Notional"
    PRICE = "Price"
    PNL = "Pnl"
    CASH_FLOW = "CashFlow"
    POSITION_SIZE = "PositionSize"
    FEE = "Fee"
    LEVERAGE = "Leverage"


class _Choice:
    """A strategy under the name of its purpose: readable on the class, but not a member of it."""

    __slots__ = ("_member",)

    def __init__(self, member: str) -> None:
        self._member = member

    def __get__(self, _instance: object, owner: type[RoundingStrategy]) -> RoundingStrategy:
        return owner[self._member]


class RoundingStrategy(StrEnum):
    """Where a value goes that lies between two steps of the wanted scale.

    ``UP`` is toward plus infinity and ``DOWN`` toward minus infinity, whatever the sign.
    ``DEFAULT`` and ``BANKER`` are ``MIDPOINT_NEAREST_EVEN``; ``CONSERVATIVE_PROFIT`` and
    ``CONSERVATIVE_LOSS``, which never flatter a result, are ``DOWN``.
    """

    __module__ = "openpit.param"

    MIDPOINT_NEAREST_EVEN = "MidpointNearestEven"
    MIDPOINT_AWAY_FROM_ZERO = "MidpointAwayFromZero"
    UP = "Up"
    DOWN = "Down"

    DEFAULT = _Choice("MIDPOINT_NEAREST_EVEN")
    BANKER = _Choice("MIDPOINT_NEAREST_EVEN")
    CONSERVATIVE_PROFIT = _Choice("DOWN")
    CONSERVATIVE_LOSS = _Choice("DOWN")


@final
class PnlHaltReason(NativeEnum):
    """Why a profit-and-loss figure cannot be followed any further."""

    __slots__ = ()
    __module__ = "openpit.pretrade"

    MISSING_FX: ClassVar[PnlHaltReason]
    MISSING_ACCOUNT_CURRENCY: ClassVar[PnlHaltReason]
    MISSING_INITIAL_PNL: ClassVar[PnlHaltReason]
    MISSING_COST_BASIS: ClassVar[PnlHaltReason]
    ARITHMETIC_OVERFLOW: ClassVar[PnlHaltReason]


define_members(
    PnlHaltReason,
    {
        "MISSING_FX": 1,
        "MISSING_ACCOUNT_CURRENCY": 2,
        "MISSING_INITIAL_PNL": 3,
        "MISSING_COST_BASIS": 4,
        "ARITHMETIC_OVERFLOW": 5,
    },
)


@final
class QuoteResolution(NativeEnum):
    """How far a quote is looked for beyond the account's own bucket."""

    __slots__ = ()
    __module__ = "openpit.marketdata"

    ACCOUNT_ONLY: ClassVar[QuoteResolution]
    ACCOUNT_THEN_GROUP: ClassVar[QuoteResolution]
    ACCOUNT_THEN_GROUP_THEN_DEFAULT: ClassVar[QuoteResolution]


define_members(
    QuoteResolution,
    {"ACCOUNT_ONLY": 0, "ACCOUNT_THEN_GROUP": 1, "ACCOUNT_THEN_GROUP_THEN_DEFAULT": 2},
)


@final
class SettlementUnit(NativeEnum):
    """What a settlement lag counts."""

    __slots__ = ()
    __module__ = "openpit.core"

    BUSINESS_DAYS: ClassVar[SettlementUnit]
    CALENDAR_DAYS: ClassVar[SettlementUnit]


define_members(SettlementUnit, {"BUSINESS_DAYS": 0, "CALENDAR_DAYS": 1})


@final
class ConfigureErrorKind(NativeEnum):
    """What was wrong with a refused settings update."""

    __slots__ = ()
    __module__ = "openpit"

    UNKNOWN: ClassVar[ConfigureErrorKind]
    TYPE_MISMATCH: ClassVar[ConfigureErrorKind]
    VALIDATION: ClassVar[ConfigureErrorKind]


define_members(ConfigureErrorKind, {"UNKNOWN": 0, "TYPE_MISMATCH": 1, "VALIDATION": 2})
