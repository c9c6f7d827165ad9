"""The four worked examples of PnL barriers, figure by figure; account currency USD."""

from __future__ import annotations

from spot_account import Account, pnl_texts, texts


def test_a_buy_is_filled_below_its_limit():
    trader = Account(USD="1000")

    reservation = trader.buy("10", "50")

    assert texts(reservation.account_adjustments) == [
        "USD: balance -500 -> 500, held 500 -> 500",
        "AAPL: incoming 10 -> 10",
    ]
    assert repr(reservation.lock) == "Lock([(0, 50)])"

    result = trader.bought("10", "40", lock="50", final=True)

    assert texts(result.account_adjustments) == [
        "AAPL: balance 10 -> 10, incoming -10 -> 0, average 40",
        "USD: balance 100 -> 600, held -500 -> 0",
    ]
    assert pnl_texts(result) == []
    reservation.commit()
    assert trader.state("USD") == ("600", "0", "0")


def test_a_sell_is_filled_in_part_and_the_rest_cancelled():
    trader = Account(AAPL="10")

    reservation = trader.sell("4", "60")

    assert texts(reservation.account_adjustments) == [
        "AAPL: balance -4 -> 6, held 4 -> 4",
        "USD: incoming 240 -> 240",
    ]

    filled = trader.sold("1", "65", lock="60", remaining="3")
    cancelled = trader.report("SELL", remaining="3", final=True, lock="60")

    halted = "AAPL: held -1 -> 3, halted MissingCostBasis"  # the ten were never priced
    assert texts(filled.account_adjustments) == [
        halted,
        "USD: balance 65 -> 65, incoming -60 -> 180",
    ]
    assert texts(cancelled.account_adjustments) == [
        "AAPL: balance 3 -> 9, held -3 -> 0",
        "USD: incoming -180 -> 0",
    ]
    reservation.commit()


def test_a_buy_for_a_volume_is_filled_in_part_and_the_rest_cancelled():
    trader = Account(USD="1000")

    reservation = trader.execute("BUY", volume="1000", price="100").reservation

    assert texts(reservation.account_adjustments) == [
        "USD: balance -1000 -> 0, held 1000 -> 1000",
        "AAPL: incoming 10 -> 10",
    ]

    filled = trader.bought("6", "90", lock="100", remaining="4")
    cancelled = trader.report("BUY", remaining="4", final=True, lock="100")

    assert texts(filled.account_adjustments) == [
        "AAPL: balance 6 -> 6, incoming -6 -> 4, average 90",
        "USD: balance 60 -> 60, held -600 -> 400",
    ]
    assert texts(cancelled.account_adjustments) == [
        "AAPL: incoming -4 -> 0",
        "USD: balance 400 -> 460, held -400 -> 0",
    ]
    reservation.commit()


def test_a_position_is_built_sold_in_part_and_turned_around():
    trader = Account(USD="5000")

    trader.bought("10", "100")
    second = trader.bought("10", "110")
    third = trader.sold("5", "120")
    last = trader.sold("15", "90")

    assert texts(second.account_adjustments)[0].endswith("average 105")
    assert "realized 75 -> 75, average 105" in texts(third.account_adjustments)[0]
    assert texts(last.account_adjustments)[0].endswith("realized -225 -> -150")
    assert pnl_texts(third) == ["75 -> 75"]
    assert pnl_texts(last) == ["-225 -> -150"]
