"""Conversions between the decimal types."""

from __future__ import annotations

import inspect
import pickle
from decimal import Decimal

import pytest

from openpit.errors import ParamError
from openpit.param.enums import Side
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

MAX = 2**96 - 1


def text(value):
    return f"{type(value).__name__} {value}"


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (Price("-185.5").calculate_volume(Quantity(10)), "Volume 1855.0"),
        (Quantity(10).calculate_volume(Price("-185.5")), "Volume 1855.0"),
        (Price("-185.5").calculate_position_size(Quantity(10)), "PositionSize -1855.0"),
        (Volume("1855").calculate_quantity(Price("-185.5")), "Quantity 10"),
        (Volume("1855").calculate_quantity(Price("0.00")), "Quantity 0"),
        (Volume("5.0").to_cash_flow_inflow(), "CashFlow 5.0"),
        (Volume("5.0").to_cash_flow_outflow(), "CashFlow -5.0"),
        (Volume("0.00").to_cash_flow_outflow(), "CashFlow 0.00"),
        (Volume("5.0").to_position_size(), "PositionSize 5.0"),
        (Quantity("5.0").to_position_size(), "PositionSize 5.0"),
        (CashFlow.from_volume_inflow(Volume("5.0")), "CashFlow 5.0"),
        (CashFlow.from_volume_outflow(Volume("5.0")), "CashFlow -5.0"),
        (Fee("1.25").to_pnl(), "Pnl -1.25"),
        (Fee("1.25").to_cash_flow(), "CashFlow -1.25"),
        (Fee("-1.25").to_position_size(), "PositionSize 1.25"),
        (Pnl.from_fee(Fee("1.25")), "Pnl -1.25"),
        (CashFlow.from_fee(Fee("1.25")), "CashFlow -1.25"),
        (PositionSize.from_fee(Fee("1.25")), "PositionSize -1.25"),
        (Pnl("-7").to_cash_flow(), "CashFlow -7"),
        (Pnl("-7").to_position_size(), "PositionSize -7"),
        (CashFlow.from_pnl(Pnl("-7")), "CashFlow -7"),
        (PositionSize.from_pnl(Pnl("-7")), "PositionSize -7"),
        (Notional.from_price_quantity(Price("-1.5"), Quantity("2.0")), "Notional 3.00"),
        (Notional.from_volume(Volume("3.00")), "Notional 3.00"),
        (Notional("3.00").to_volume(), "Volume 3.00"),
        (Notional(1000).calculate_margin_required(Leverage(10)), "Notional 100"),
        (Notional(1000).calculate_margin_required(2.5), "Notional 400"),
        (Notional(1000).calculate_margin_required(3), "Notional 333.33333333333333333333333333"),
        (PositionSize.from_quantity_and_side(Quantity(3), Side.BUY), "PositionSize 3"),
        (PositionSize.from_quantity_and_side(Quantity(3), Side.SELL), "PositionSize -3"),
        (PositionSize.from_quantity_and_side(Quantity(3), " sElL\n"), "PositionSize -3"),
        (PositionSize.from_quantity_and_side(Quantity("0.0"), "sell"), "PositionSize 0.0"),
        (PositionSize("-1").checked_add_quantity(Quantity(3), "buy"), "PositionSize 2"),
        (PositionSize("-1").checked_add_quantity(Quantity(3), Side.SELL), "PositionSize -4"),
    ],
)
def test_conversions(result, expected):
    assert text(result) == expected


@pytest.mark.parametrize(
    ("position", "opening", "closing"),
    [
        ("2.50", ("2.50", "BUY"), ("2.50", "SELL")),
        ("-2.50", ("2.50", "SELL"), ("2.50", "BUY")),
        ("0.00", ("0", "BUY"), ("0", None)),
    ],
)
def test_quantities_that_open_and_close_a_position(position, opening, closing):
    quantity, side = PositionSize(position).to_open_quantity()
    assert (str(quantity), side) == opening
    assert type(quantity) is Quantity
    assert type(side) is str
    quantity, side = PositionSize(position).to_close_quantity()
    assert (str(quantity), side) == closing


@pytest.mark.parametrize(
    ("call", "where"),
    [
        (lambda: Price(MAX).calculate_volume(Quantity(2)), "Price"),
        (lambda: Quantity(MAX).calculate_volume(Price(2)), "Price"),
        (lambda: Price(MAX).calculate_position_size(Quantity(2)), "Price"),
        (lambda: Notional.from_price_quantity(Price(MAX), Quantity(2)), "Price"),
        (lambda: Volume(MAX).calculate_quantity(Price("0.1")), "Volume"),
        (lambda: Notional(MAX).calculate_margin_required(3), "Notional"),
        (lambda: PositionSize(MAX).checked_add_quantity(Quantity(1), "buy"), "PositionSize"),
    ],
)
def test_overflow_is_named_after_the_type_that_calculates(call, where):
    with pytest.raises(ParamError, match=rf"^arithmetic overflow in {where}$"):
        call()


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda wrong: Price(1).calculate_volume(wrong), "Quantity"),
        (lambda wrong: Price(1).calculate_position_size(wrong), "Quantity"),
        (lambda wrong: Quantity(1).calculate_volume(wrong), "Price"),
        (lambda wrong: Volume(1).calculate_quantity(wrong), "Price"),
        (lambda wrong: Notional.from_price_quantity(wrong, Quantity(1)), "Price"),
        (lambda wrong: Notional.from_price_quantity(Price(1), wrong), "Quantity"),
        (Notional.from_volume, "Volume"),
        (Pnl.from_fee, "Fee"),
        (CashFlow.from_fee, "Fee"),
        (CashFlow.from_pnl, "Pnl"),
        (CashFlow.from_volume_inflow, "Volume"),
        (CashFlow.from_volume_outflow, "Volume"),
        (PositionSize.from_fee, "Fee"),
        (PositionSize.from_pnl, "Pnl"),
        (lambda wrong: PositionSize.from_quantity_and_side(wrong, "buy"), "Quantity"),
        (lambda wrong: PositionSize(1).checked_add_quantity(wrong, "buy"), "Quantity"),
        (lambda wrong: PositionSize.from_quantity_and_side(Quantity(1), wrong), "str"),
    ],
)
def test_typed_arguments(call, expected):
    for wrong, found in ((1, "'int' object"), (None, "'None'"), (Side, "'EnumType' object")):
        with pytest.raises(TypeError) as refusal:
            call(wrong)
        assert str(refusal.value) == f"{found} is not an instance of '{expected}'"


@pytest.mark.parametrize(
    ("side", "shown"), [("Long", '"long"'), ("", '""'), ("\x1cbuy", r'"\u{1c}buy"')]
)
def test_unknown_sides(side, shown):
    with pytest.raises(ValueError, match="invalid side") as refusal:
        PositionSize.from_quantity_and_side(Quantity(1), side)
    assert str(refusal.value) == f"invalid side {shown}; expected 'buy' or 'sell'"


def test_margin_refuses_what_is_no_leverage():
    for wrong in ("1", None, True):
        with pytest.raises(ValueError, match=r"^leverage must be openpit.param.Leverage, int, or"):
            Notional(1).calculate_margin_required(wrong)
    with pytest.raises(ValueError, match=r"^invalid leverage value$"):
        Notional(MAX).calculate_margin_required(0)


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
