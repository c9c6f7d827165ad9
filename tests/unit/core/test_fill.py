from __future__ import annotations

from decimal import Decimal

import pytest

from openpit.core.fill import ExecutionReportFillDetails
from openpit.core.lock import Lock
from openpit.errors import ParamError
from openpit.param.amounts import MonetaryAmount, Trade
from openpit.param.values import Fee, Price, Quantity

TRADE = Trade(price=Price("185.50"), quantity=Quantity(2))
FEE = MonetaryAmount(amount=Fee("1.50"), currency="USD")
LOCK = Lock([(0, "1.50"), (3, 5)])


def a_fill(**changes):
    return ExecutionReportFillDetails(**{"lock": LOCK, **changes})


def test_all_but_the_lock_may_be_absent():
    fill = a_fill()

    assert repr(fill) == (
        "ExecutionReportFillDetails(last_trade=None, fee=None, "
        "remaining_reserved_quantity=None, "
        'lock="Lock([(0, 1.50), (3, 5)])", is_final=None)'
    )
    assert fill.last_trade is fill.fee is fill.remaining_reserved_quantity is None
    assert fill.is_final is None
    assert fill.lock == LOCK


def test_it_shows_what_it_was_given():
    fill = a_fill(last_trade=TRADE, fee=FEE, remaining_reserved_quantity="7.0", is_final=False)

    assert (fill.last_trade.price, fill.last_trade.quantity) == (Price("185.5"), Quantity(2))
    assert fill.fee == FEE
    assert fill.remaining_reserved_quantity == Quantity(7)
    assert fill.is_final is False
    assert repr(fill) == (
        "ExecutionReportFillDetails("
        'last_trade=Some("Trade(price=\\"185.50\\", quantity=\\"2\\")"), '
        'fee=Some(MonetaryAmount { amount: Fee(1.50), currency: Asset("USD") }), '
        'remaining_reserved_quantity=Some("7.0"), '
        'lock="Lock([(0, 1.50), (3, 5)])", is_final=Some(false))'
    )


def test_trade_and_fee_are_fresh_objects():
    fill = a_fill(last_trade=TRADE, fee=FEE)

    assert fill.last_trade is not TRADE
    assert fill.fee is not FEE


def test_a_quantity_may_be_given_as_such():
    fill = a_fill(remaining_reserved_quantity=Quantity("7.0"))

    assert str(fill.remaining_reserved_quantity) == "7.0"


def test_it_has_a_lock_of_its_own():
    lock = Lock([(0, 1)])
    fill = a_fill(lock=lock)

    lock.push(0, 2)
    fill.lock.push(0, 3)

    assert fill.lock == Lock([(0, 1)])
    assert lock == Lock([(0, 1), (0, 2)])
    assert fill.lock is not fill.lock


def test_subclasses_of_what_it_takes_are_taken():
    class Print(Trade):
        pass

    class Prices(Lock):
        pass

    fill = a_fill(last_trade=Print(price=Price(1), quantity=Quantity(2)), lock=Prices([(0, 1)]))

    assert fill.last_trade.quantity == Quantity(2)
    assert type(fill.lock) is Lock


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"fee": Fee(5)}, TypeError, "fee must be openpit.param.MonetaryAmount"),
        ({"last_trade": 5}, TypeError, "'int' object is not an instance of 'Trade'"),
        ({"is_final": 1}, TypeError, "'int' object is not an instance of 'bool'"),
        ({"lock": None}, TypeError, "'None' is not an instance of 'Lock'"),
        ({"lock": [(0, 1)]}, TypeError, "'list' object is not an instance of 'Lock'"),
        (
            {"remaining_reserved_quantity": "-1"},
            ParamError,
            "value must be non-negative for Quantity",
        ),
        (
            {"remaining_reserved_quantity": Price(5)},
            TypeError,
            "Quantity must be a Decimal, str, int, or float",
        ),
    ],
)
def test_other_values_are_refused(changes, error, text):
    with pytest.raises(error) as info:
        a_fill(**changes)
    assert str(info.value) == text


def test_the_first_of_several_refusals_is_fixed():
    broken = {"last_trade": 5, "is_final": 5, "remaining_reserved_quantity": "x", "lock": 5}

    with pytest.raises(TypeError, match="fee must be"):
        a_fill(fee=5, **broken)
    with pytest.raises(TypeError, match="of 'bool'"):
        a_fill(**broken)
    with pytest.raises(TypeError, match="of 'Trade'"):
        a_fill(**{**broken, "is_final": True})
    with pytest.raises(ParamError, match="for Quantity: 'x'"):
        a_fill(**{**broken, "is_final": True, "last_trade": None})


def test_a_trusted_fill_keeps_the_lock_that_it_is_given():
    lock = Lock([(0, 1)])
    fill = ExecutionReportFillDetails._of(
        Decimal("185.50"), Decimal(2), Decimal("1.50"), "USD", Decimal(7), True, lock
    )

    expected = a_fill(
        last_trade=TRADE, fee=FEE, remaining_reserved_quantity=7, is_final=True, lock=lock
    )
    assert repr(fill) == repr(expected)
    assert fill._lock_ is lock
