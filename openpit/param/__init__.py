"""Values, identifiers and enumerations of the domain."""

from __future__ import annotations

from openpit.param.amounts import AdjustmentAmount, MonetaryAmount, Trade, TradeAmount
from openpit.param.enums import (
    FillType,
    Kind,
    PositionEffect,
    PositionMode,
    PositionSide,
    RoundingStrategy,
    Side,
)
from openpit.param.errors import AccountIdError, AssetError, ParamError
from openpit.param.ids import DEFAULT_ACCOUNT_GROUP, AccountGroupId, AccountId, Asset
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

__all__ = [
    "DEFAULT_ACCOUNT_GROUP",
    "AccountGroupId",
    "AccountId",
    "AccountIdError",
    "AdjustmentAmount",
    "Asset",
    "AssetError",
    "CashFlow",
    "Fee",
    "FillType",
    "Kind",
    "Leverage",
    "MonetaryAmount",
    "Notional",
    "ParamError",
    "Pnl",
    "PositionEffect",
    "PositionMode",
    "PositionSide",
    "PositionSize",
    "Price",
    "Quantity",
    "RoundingStrategy",
    "Side",
    "Trade",
    "TradeAmount",
    "Volume",
]
