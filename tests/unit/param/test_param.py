"""The public names of ``openpit.param`` and where they say they live."""

from __future__ import annotations

import pytest

from openpit import param

NAMES = [
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


def test_public_names():
    assert sorted(param.__all__) == sorted(NAMES)


@pytest.mark.parametrize("name", [name for name in NAMES if name[1].islower()])
def test_classes_say_where_they_live(name):
    expected = "openpit" if name == "ParamError" else "openpit.param"
    assert getattr(param, name).__module__ == expected
