"""Conversions between the decimal types (spec section 2.3)."""

from __future__ import annotations

import pytest

from openpit.errors import ParamError
from openpit.param.amounts import Leverage
from openpit.param.enums import Side
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
