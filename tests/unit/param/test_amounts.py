"""Trade amounts, adjustment amounts, leverage, fees with their currency, trades."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from decimal import Decimal

import pytest

from openpit.errors import AssetError, ParamError
from openpit.param.amounts import AdjustmentAmount, Leverage, MonetaryAmount, Trade, TradeAmount
from openpit.param.ids import Asset
from openpit.param.values import Fee, Notional, PositionSize, Price, Quantity, Volume

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


# --- leverage -----------------------------------------------------------------------------------


def test_leverage_constants():
    assert (Leverage.SCALE, Leverage.MIN, Leverage.MAX) == (10, 1, 3000)
    assert Leverage.STEP == 0.10000000149011612
    assert list(inspect.signature(Leverage).parameters) == ["multiplier"]


@pytest.mark.parametrize(
    ("multiplier", "value", "printed"),
    [
        (1, 1.0, "1.0"),
        (3000, 3000.0, "3000.0"),
        (1.1, 1.100000023841858, "1.1"),
        (99.9, 99.9000015258789, "99.9"),
        (1.10000000001, 1.100000023841858, "1.1"),
        (0.99999999999, 1.0, "1.0"),
    ],
)
def test_leverage(multiplier, value, printed):
    leverage = Leverage(multiplier)
    assert leverage.value == value
    assert repr(leverage) == str(leverage) == f"Leverage(value={printed})"
    assert repr(Leverage(leverage)) == repr(leverage)


@pytest.mark.parametrize(
    "multiplier",
    [
        0,
        -1,
        3001,
        6553,
        65536,
        10**30,
        0.95,
        1.15,
        1.1000000001,
        3000.1,
        float("nan"),
        float("inf"),
    ],
)
def test_leverage_outside_its_steps(multiplier):
    with pytest.raises(ValueError, match=r"^invalid leverage value$"):
        Leverage(multiplier)


@pytest.mark.parametrize("multiplier", [6554, 65535])
def test_leverage_outside_sixteen_bits(multiplier):
    with pytest.raises(ValueError, match=r"^arithmetic overflow in Leverage$"):
        Leverage(multiplier)


@pytest.mark.parametrize("multiplier", [True, "1", None, Decimal(1), 10**400])
def test_what_is_no_leverage(multiplier):
    with pytest.raises(ValueError, match=r"^leverage must be openpit.param.Leverage, int,"):
        Leverage(multiplier)


def test_a_value_is_a_leverage_as_any_number_is():
    assert repr(Leverage(Price("2.5"))) == "Leverage(value=2.5)"
    assert repr(Leverage(Quantity(3))) == "Leverage(value=3.0)"
    with pytest.raises(ValueError, match=r"^invalid leverage value$"):
        Leverage(Price("2.55"))


def test_leverage_named_constructors():
    assert repr(Leverage.from_int(True)) == "Leverage(value=1.0)"
    assert repr(Leverage.from_float(Decimal("1.5"))) == "Leverage(value=1.5)"
    with pytest.raises(TypeError, match=r"^'str' object cannot be interpreted as an integer$"):
        Leverage.from_int("1")
    with pytest.raises(TypeError, match=r"^must be real number, not str$"):
        Leverage.from_float("1")
    with pytest.raises(OverflowError, match=r"^Python int too large to convert to C long$"):
        Leverage.from_int(2**63)


def test_margin():
    assert str(Leverage(10).calculate_margin_required(Notional(1000))) == "100"
    assert str(Leverage(10).calculate_margin_required("1000.5")) == "100.050"
    with pytest.raises(TypeError, match=r"^Notional must be a Decimal, str, int, or float$"):
        Leverage(10).calculate_margin_required(Price(1))


def test_leverage_is_closed_and_equal_by_identity():
    leverage = Leverage(2)
    assert leverage != Leverage(2)
    assert hash(leverage) == hash(leverage)
    with pytest.raises(AttributeError):
        leverage.value = 3
    with pytest.raises(TypeError, match="not an acceptable base type"):
        type("Mine", (Leverage,), {})
    assert repr(pickle.loads(pickle.dumps(leverage))) == "Leverage(value=2.0)"


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
