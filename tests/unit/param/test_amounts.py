"""Trade amounts, adjustment amounts, fees with their currency, trades."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from decimal import Decimal

import pytest

from openpit.errors import AssetError, ParamError
from openpit.param.amounts import AdjustmentAmount, MonetaryAmount, Trade, TradeAmount
from openpit.param.ids import Asset
from openpit.param.values import Fee, PositionSize, Price, Quantity, Volume

# --- trade amounts ------------------------------------------------------------------------------


def test_trade_amount_of_a_quantity():
    amount = TradeAmount.quantity("10.50")
    assert (amount.is_quantity, amount.is_volume) == (True, False)
    assert str(amount.as_quantity) == "10.50"
    assert type(amount.as_quantity) is Quantity
    assert amount.as_volume is None
    assert repr(amount) == str(amount) == "TradeAmount.quantity(value=Quantity(10.50))"


def test_trade_amount_of_a_volume():
    amount = TradeAmount.volume(value=1000)
    assert (amount.is_quantity, amount.is_volume) == (False, True)
    assert str(amount.as_volume) == "1000"
    assert type(amount.as_volume) is Volume
    assert amount.as_quantity is None
    assert repr(amount) == "TradeAmount.volume(value=Volume(1000))"


def test_trade_amounts_take_what_their_types_take():
    assert TradeAmount.quantity(Quantity("1.50")).as_quantity == Quantity("1.5")
    assert TradeAmount.quantity(Decimal("1.50")).as_quantity == Quantity("1.5")
    assert TradeAmount.quantity("-0.0").as_quantity == Quantity(0)
    assert TradeAmount.volume(1.5).as_volume == Volume("1.5")
    with pytest.raises(ParamError, match=r"^value must be non-negative for Quantity$"):
        TradeAmount.quantity("-1")
    with pytest.raises(ParamError, match=r"^value must be non-negative for Volume$"):
        TradeAmount.volume(-1)
    with pytest.raises(ParamError, match=r"^invalid format for Volume: 'ten'$"):
        TradeAmount.volume("ten")
    with pytest.raises(TypeError, match=r"^Quantity must be a Decimal, str, int, or float$"):
        TradeAmount.quantity(Volume(1))
    with pytest.raises(ValueError, match=r"^Volume must be a Decimal, str, int, or float$"):
        TradeAmount.volume(None)


def test_trade_amounts_of_trusted_values():
    assert repr(TradeAmount._of(Decimal("1.50"), None)) == repr(TradeAmount.quantity("1.50"))
    assert repr(TradeAmount._of(None, Decimal("1.50"))) == repr(TradeAmount.volume("1.50"))


def test_trade_amounts_are_copied_by_their_class_and_equal_by_identity():
    amount = TradeAmount.quantity(5)
    twin = TradeAmount(amount)
    assert repr(twin) == repr(amount)
    assert twin != amount
    assert TradeAmount(other=amount) is not amount
    with pytest.raises(TypeError, match=r"^'int' object is not an instance of 'TradeAmount'$"):
        TradeAmount(5)


@pytest.mark.parametrize(
    "amount",
    [TradeAmount.quantity("1.50"), TradeAmount.volume(3), AdjustmentAmount.delta("-1.50")],
)
def test_amounts_travel_with_their_extra_attributes(amount):
    amount.note = "hedge"
    for twin in (copy.copy(amount), copy.deepcopy(amount), pickle.loads(pickle.dumps(amount))):
        assert repr(twin) == repr(amount)
        assert twin.note == "hedge"


# --- adjustment amounts -------------------------------------------------------------------------


def test_adjustment_by_so_much():
    amount = AdjustmentAmount.delta("-5.0")
    assert (amount.is_delta, amount.is_absolute) == (True, False)
    assert amount.as_delta == PositionSize(-5)
    assert amount.as_absolute is None
    assert repr(amount) == "AdjustmentAmount.delta(value=PositionSize(-5.0))"


def test_adjustment_to_so_much():
    amount = AdjustmentAmount.absolute(value=PositionSize("7.0"))
    assert (amount.is_delta, amount.is_absolute) == (False, True)
    assert amount.as_absolute == PositionSize(7)
    assert amount.as_delta is None
    assert repr(amount) == "AdjustmentAmount.absolute(value=PositionSize(7.0))"


def test_adjustment_amounts_refuse():
    with pytest.raises(TypeError, match=r"^PositionSize must be a Decimal, str, int, or float$"):
        AdjustmentAmount.delta(Price(5))
    with pytest.raises(ValueError, match=r"^PositionSize must be a Decimal, str, int, or float$"):
        AdjustmentAmount.absolute(None)
    with pytest.raises(TypeError, match=r"^'int' object is not an instance of 'AdjustmentAmount'$"):
        AdjustmentAmount(5)


def test_adjustment_amounts_are_copied_by_their_class_and_equal_by_identity():
    amount = AdjustmentAmount.delta(5)
    assert repr(AdjustmentAmount(amount)) == repr(amount)
    assert AdjustmentAmount(amount) != amount


# --- fees with their currency, trades -----------------------------------------------------------


def test_monetary_amount():
    fee = MonetaryAmount(Fee("1.50"), "USD")
    assert type(fee.currency) is Asset
    assert fee == MonetaryAmount(amount=Fee("1.5"), currency=Asset("USD"))
    assert hash(fee) == hash(MonetaryAmount(Fee("1.5"), "USD"))
    assert repr(fee) == "MonetaryAmount(amount=Fee(Decimal('1.50')), currency='USD')"
    assert pickle.loads(pickle.dumps(fee)) == fee
    with pytest.raises(dataclasses.FrozenInstanceError):
        fee.amount = Fee(2)


def test_monetary_amount_refuses():
    with pytest.raises(TypeError, match=r"^amount must be openpit.param.Fee$"):
        MonetaryAmount(1, "USD")
    with pytest.raises(TypeError, match=r"^asset must be str$"):
        MonetaryAmount(Fee(1), 5)
    with pytest.raises(AssetError, match=r"^asset must not be empty$"):
        MonetaryAmount(Fee(1), "")


def test_trade():
    trade = Trade(price=Price("185.50"), quantity=Quantity(10))
    assert trade.price == Price("185.5")
    assert trade.quantity == Quantity(10)
    assert repr(trade) == "Trade(price=Price(Decimal('185.50')), quantity=Quantity(Decimal('10')))"
    assert trade != Trade(price=Price("185.50"), quantity=Quantity(10))
    assert repr(pickle.loads(pickle.dumps(trade))) == repr(trade)


def test_trade_refuses():
    with pytest.raises(TypeError, match=r"^price must be openpit.param.Price$"):
        Trade(price=1, quantity=Quantity(2))
    with pytest.raises(TypeError, match=r"^quantity must be openpit.param.Quantity$"):
        Trade(price=Price(1), quantity=2)
    with pytest.raises(TypeError):
        Trade(Price(1), Quantity(2))
