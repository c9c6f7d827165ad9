"""Giving back what an order has set aside."""

from __future__ import annotations

import gc
import tracemalloc
from decimal import Decimal

from spot_account import LARGEST, Account

from openpit.param import Price
from openpit.pretrade import PnlHaltReason


def test_a_rollback_gives_back_what_the_order_took():
    trader = Account(USD="100")
    trader.buy("10", "4").rollback()
    assert trader.state("USD") == ("100", "0", "0")
    assert trader.state("AAPL") == ("0", "0", "0")


def test_a_reservation_that_is_dropped_gives_back_too():
    trader = Account(USD="100")
    assert trader.execute(quantity="10", price="4")
    assert trader.state("USD") == ("100", "0", "0")


def test_fills_reported_before_a_rollback_stay():
    trader = Account(USD="100")
    reservation = trader.buy("10", "4")
    trader.bought("3", "4", remaining="7")
    reservation.rollback()
    assert trader.state("USD") == ("100", "-12", "0")
    assert trader.state("AAPL") == ("3", "0", "-3")


def test_a_slot_that_cannot_take_it_back_stays_and_blocks_the_account():
    trader = Account(USD="1000")
    reservation = trader.buy("10", "50")
    trader.adjust(balance=LARGEST, held="0", average="2.50", realized="-3.5")

    reservation.rollback()

    assert trader.is_blocked() == [
        (
            "ArithmeticOverflow",
            "rollback overflow: slot left inconsistent",
            (
                "hold rollback overflow: asset USD, held 500, incoming 0, slot Holdings { "
                f"available: PositionSize({LARGEST}), held: PositionSize(0), "
                "incoming: PositionSize(0), avg_entry_price: Some(Price(2.50)), "
                "realized_pnl: Some(Pnl(Pnl(-3.5))) }"
            ),
        )
    ]
    assert trader.state("USD") == (LARGEST, "0", "0")
    assert trader.state("AAPL") == ("0", "0", "0")


def test_the_block_tells_a_halted_position_and_an_expected_amount_too():
    trader = Account(USD="1000")
    smallest = f"-{LARGEST}"
    trader.adjust("AAPL", incoming=smallest, realized=PnlHaltReason.MISSING_FX)
    reservation = trader.buy("10", "50")
    trader.adjust("AAPL", incoming="+-1")

    reservation.rollback()

    ((_, _, details),) = trader.is_blocked()
    assert details == (
        "hold rollback overflow: asset AAPL, held 0, incoming 10, slot Holdings { "
        "available: PositionSize(0), held: PositionSize(0), "
        "incoming: PositionSize(-79228162514264337593543950326), avg_entry_price: None, "
        "realized_pnl: Some(Halted(MissingFx)) }"
    )


def test_what_is_open_tells_its_rows_and_price_as_often_as_it_is_asked():
    trader = Account(USD="100")
    reservation = trader.buy("10", "4")
    trader.bought("10", "4", remaining="0")

    for _ in range(2):
        paid, bought = (outcome.entry for outcome in reservation.account_adjustments)
        assert (paid.asset, paid.incoming, bought.asset) == ("USD", None, "AAPL")
        assert (str(paid.balance.delta), str(paid.balance.absolute)) == ("-40", "60")
        assert (str(paid.held.delta), str(paid.held.absolute)) == ("40", "40")
        assert (bought.balance, bought.held) == (None, None)
        assert (str(bought.incoming.delta), str(bought.incoming.absolute)) == ("10", "10")
        assert reservation.lock.entries() == [(0, Price("4"))]


def test_what_is_given_back_keeps_the_digits_of_both_assets():
    trader = Account(USD="100.00", AAPL="5.0")
    open_one, other = trader.buy("2.50", "4.0"), trader.sell("1", "3.25")
    open_one.rollback()
    assert trader.state("USD") == ("100.000", "0", "3.25")
    assert trader.state("AAPL") == ("4.0", "1", "0")
    other.rollback()
    assert trader.state("USD") == ("100.000", "0", "0")
    assert trader.state("AAPL") == ("5.0", "0", "0")


def test_what_was_spent_meanwhile_is_taken_back_to_nothing():
    trader = Account(USD="40")
    reservation = trader.buy("10", "4")
    trader.adjust(balance="-40")
    reservation.rollback()
    assert trader.state("USD") == ("0", "0", "0")
    assert trader.state("AAPL") == ("0", "0", "0")


def test_an_open_reservation_takes_less_than_a_kibibyte():
    trader = Account(USD="1000000")
    kept: list[object] = [None] * 100
    trader.buy("1.5", "4").rollback()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for index in range(len(kept)):
            kept[index] = trader.buy("1.5", "4")
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (after - before) / len(kept) < 1000


def tracked() -> int:
    """How many objects the collector looks at; newer Pythons have it look at decimals, too."""
    return sum(type(thing) is not Decimal for thing in gc.get_objects())


def test_an_open_reservation_is_nothing_to_the_collector():
    trader = Account(USD="1000000")
    trader.buy("1", "4").rollback()
    gc.collect()
    before = tracked()

    kept = [trader.buy("1", "4") for _ in range(100)]
    gc.collect()

    assert (tracked() - before) / len(kept) < 0.5
