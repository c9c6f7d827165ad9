"""The enumerations of text values."""

from __future__ import annotations

import pytest

from openpit.param.enums import (
    FillType,
    Kind,
    PositionEffect,
    PositionMode,
    PositionSide,
    RoundingStrategy,
    Side,
)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Side, ["BUY", "SELL"]),
        (PositionSide, ["LONG", "SHORT"]),
        (PositionEffect, ["OPEN", "CLOSE"]),
        (PositionMode, ["netting", "hedged"]),
        (FillType, ["TRADE", "LIQUIDATION", "AUTO_DELEVERAGE", "SETTLEMENT", "FUNDING"]),
        (
            Kind,
            [
                "Quantity",
                "Volume",
                "Notional",
                "Price",
                "Pnl",
                "CashFlow",
                "PositionSize",
                "Fee",
                "Leverage",
            ],
        ),
        (RoundingStrategy, ["MidpointNearestEven", "MidpointAwayFromZero", "Up", "Down"]),
    ],
)
def test_members_are_their_texts(kind, values):
    assert [str(member) for member in kind] == values
    assert [kind(value) for value in values] == values


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Side, "expected 'BUY' or 'SELL'"),
        (PositionSide, "expected 'LONG' or 'SHORT'"),
        (PositionEffect, "expected 'OPEN' or 'CLOSE'"),
        (PositionMode, "expected 'netting' or 'hedged'"),
        (
            FillType,
            "expected 'TRADE', 'LIQUIDATION', 'AUTO_DELEVERAGE', 'SETTLEMENT', or 'FUNDING'",
        ),
        (Kind, "'x' is not a valid Kind"),
        (RoundingStrategy, "'x' is not a valid RoundingStrategy"),
    ],
)
def test_unknown_values(kind, message):
    with pytest.raises(ValueError, match=r"x|expected") as refusal:
        kind("x")
    assert str(refusal.value) == message


def test_side():
    assert Side.BUY.is_buy()
    assert not Side.BUY.is_sell()
    assert Side.SELL.is_sell()
    assert not Side.SELL.is_buy()
    assert Side.BUY.opposite() is Side.SELL
    assert Side.SELL.opposite() is Side.BUY
    assert (Side.BUY.sign(), Side.SELL.sign()) == (1, -1)
    with pytest.raises(ValueError, match="expected 'BUY' or 'SELL'"):
        Side("buy")


def test_position_side():
    assert PositionSide.LONG.is_long()
    assert not PositionSide.LONG.is_short()
    assert PositionSide.SHORT.is_short()
    assert not PositionSide.SHORT.is_long()
    assert PositionSide.LONG.opposite() is PositionSide.SHORT
    assert PositionSide.SHORT.opposite() is PositionSide.LONG


def test_named_strategies_are_not_members():
    assert RoundingStrategy.DEFAULT is RoundingStrategy.MIDPOINT_NEAREST_EVEN
    assert RoundingStrategy.BANKER is RoundingStrategy.MIDPOINT_NEAREST_EVEN
    assert RoundingStrategy.CONSERVATIVE_PROFIT is RoundingStrategy.DOWN
    assert RoundingStrategy.CONSERVATIVE_LOSS is RoundingStrategy.DOWN
    assert RoundingStrategy.UP.DEFAULT is RoundingStrategy.MIDPOINT_NEAREST_EVEN
    assert len(RoundingStrategy.__members__) == 4
