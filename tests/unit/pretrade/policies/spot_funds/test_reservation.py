"""Giving back what an order has set aside."""

from __future__ import annotations

from spot_account import LARGEST, Account

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
