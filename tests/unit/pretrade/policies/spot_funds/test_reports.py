"""Reports against slots: fills, fees, what is given back, and what blocks the account."""

from __future__ import annotations

import pytest
from spot_account import LARGEST, Account, pnl_texts, texts, why

from openpit import ExecutionReport

SMALLEST = f"-{LARGEST}"
OVERFLOW = ("ArithmeticOverflow", "arithmetic overflow")


def overflow(details):
    return [(*OVERFLOW, details)]


# --- required fields ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lacking", "label", "path"),
    [
        ({"account": None}, "account ID", "operation.account_id"),
        ({"side": None}, "side", "operation.side"),
        ({"remaining": None}, "remaining reserved quantity", "fill.remaining_reserved_quantity"),
        ({"final": None}, "order finality", "fill.is_final"),
    ],
)
def test_a_missing_field_blocks_and_nothing_is_applied(lacking, label, path):
    trader = Account(USD="100")
    result = trader.report(**{"trade": ("1", "1"), "lock": "1", **lacking})
    assert why(result.account_blocks) == [
        (
            "MissingRequiredField",
            f"failed to access required field '{label}'",
            f"failed to access field '{path}'",
        )
    ]
    assert trader.state("USD") == ("100", "0", "0")


def test_a_report_without_anything_lacks_its_account_first():
    result = Account().engine.apply_execution_report(ExecutionReport())
    assert why(result.account_blocks)[0][1] == "failed to access required field 'account ID'"


# --- the lock -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prices", "code", "reason"),
    [
        ([], "MissingRequiredField", "pre-trade lock has no price for {}"),
        (
            ["1", "2"],
            "Other",
            "pre-trade lock has multiple prices for {}; two SpotFundsPolicies share a group_id",
        ),
    ],
)
def test_a_fill_and_a_release_need_one_lock_price(prices, code, reason):
    trader = Account(USD="100")
    result = trader.report(
        trade=("1", "1"), remaining="2", final=True, lock=prices, fee=("1", "USD")
    )
    assert why(result.account_blocks) == [
        (code, reason.format("settlement fill"), "group 0"),
        (code, reason.format("settlement release"), "group 0"),
    ]
    assert trader.state("USD") == ("100", "0", "0")  # no fee without its fill


def test_a_report_that_moves_nothing_needs_no_lock():
    result = Account().report(remaining="5", final=False)
    assert result.account_blocks == result.account_adjustments == []


def test_the_lock_price_is_looked_up_under_the_policys_group():
    from openpit.pretrade.policies import build_spot_funds  # noqa: PLC0415 - this test alone

    trader = Account(build_spot_funds().with_policy_group_id(3), USD="100")
    result = trader.report(trade=("1", "1"), lock="1")
    assert why(result.account_blocks)[0][2] == "group 3"


# --- fills --------------------------------------------------------------------------------------


def test_an_overfill_at_a_worse_price_drives_the_figures_below_zero():
    trader = Account(USD="100")
    trader.buy("10", "10").commit()
    result = trader.bought("12", "11", lock="10")
    assert texts(result.account_adjustments) == [
        "AAPL: balance 12 -> 12, incoming -12 -> -2, average 11",
        "USD: balance -12 -> -12, held -120 -> -20",
    ]


def test_a_sell_is_paid_at_the_traded_price():
    trader = Account(AAPL="10")
    trader.sell("4", "20").commit()
    result = trader.sold("4", "25", lock="20", final=True)
    assert texts(result.account_adjustments)[1] == "USD: balance 100 -> 100, incoming -80 -> 0"


def test_a_sell_at_a_negative_price_pays_from_what_is_held():
    trader = Account(AAPL="10", USD="100")
    trader.sell("4", "-20").commit()
    result = trader.sold("1", "-15", lock="-20", remaining="3", final=True)
    assert texts(result.account_adjustments) == [
        "AAPL: balance 3 -> 9, held -4 -> 0, halted MissingCostBasis",
        "USD: balance 65 -> 85, held -80 -> 0",
    ]


def test_a_fill_and_the_release_of_the_rest_come_in_one_row_per_asset():
    trader = Account(USD="1000")
    trader.buy("10", "50").commit()
    result = trader.bought("4", "40", lock="50", remaining="6", final=True)
    assert texts(result.account_adjustments) == [
        "AAPL: balance 4 -> 4, incoming -10 -> 0, average 40",
        "USD: balance 340 -> 840, held -500 -> 0",
    ]


def test_a_report_that_is_not_final_releases_nothing():
    trader = Account(USD="1000")
    trader.buy("10", "50").commit()
    assert trader.report(remaining="10", final=False, lock="50").account_adjustments == []


def test_an_instrument_settled_in_its_own_underlying_has_two_rows():
    trader = Account(USD="1000")
    trader.buy("4", "50", at="USD", of="USD").commit()
    result = trader.bought("1", "40", lock="50", of="USD", remaining="3")
    assert texts(result.account_adjustments) == [
        "USD: balance 1 -> 811, incoming -1 -> 3, halted MissingCostBasis",
        "USD: balance 10 -> 810, held -50 -> 150",
    ]


# --- fees ---------------------------------------------------------------------------------------


def test_a_fee_is_taken_from_what_is_available_of_its_currency():
    trader = Account(USD="100")
    result = trader.report(fee=("1.25", "USD"))
    assert texts(result.account_adjustments) == [
        "AAPL: realized -1.25 -> -1.25",
        "USD: balance -1.25 -> 98.75",
    ]
    assert pnl_texts(result) == ["-1.25 -> -1.25"]


def test_a_rebate_is_added():
    result = Account().report(fee=("-2", "USD"))
    assert texts(result.account_adjustments)[1] == "USD: balance 2 -> 2"


def test_a_fee_in_a_third_currency_has_a_row_of_its_own():
    result = Account(USD="100", EUR="5").bought("1", "1", fee=("1", "EUR"))
    assert [text.split(":")[0] for text in texts(result.account_adjustments)] == [
        "AAPL",
        "USD",
        "EUR",
    ]


def test_a_fee_of_zero_does_nothing():
    result = Account().report(fee=("0", "EUR"))
    assert (result.account_adjustments, result.account_pnls, result.account_blocks) == ([], [], [])


# --- overflows ----------------------------------------------------------------------------------


def test_a_trade_too_large_to_be_valued():
    trader = Account(USD="100")
    result = trader.bought("5", LARGEST, lock="1", remaining="3", final=True)
    assert why(result.account_blocks) == overflow(
        f"fill notional volume overflow: asset USD, px {LARGEST}, qty 5"
    )
    # The release is applied all the same.
    assert trader.state("USD") == ("103", "-3", "0")


def test_a_lock_price_too_large_for_the_quantity():
    result = Account().bought("5", "1", lock=LARGEST)
    assert why(result.account_blocks) == overflow(
        f"settlement notional overflow: asset USD, lock_px {LARGEST}, qty 5"
    )


def test_a_second_leg_that_overflows_leaves_the_first():
    trader = Account(USD="100", AAPL=LARGEST)
    result = trader.bought("5", "2")
    assert why(result.account_blocks) == overflow(
        "fill leg mutation overflow: asset AAPL, consume 0, credit 5"
    )
    assert texts(result.account_adjustments) == ["USD: held -10 -> -10"]


def test_a_credit_that_overflows():
    result = Account(USD=SMALLEST).sold("1", LARGEST, lock="-1")
    assert why(result.account_blocks) == overflow(
        f"fill balance credit overflow: asset USD, consume 1, flow {LARGEST}"
    )


def test_a_fee_that_overflows_leaves_the_fill():
    trader = Account(EUR=SMALLEST)
    result = trader.bought("2", "1", fee=("1", "EUR"))
    assert why(result.account_blocks) == overflow("fee debit overflow: currency EUR, fee 1")
    assert trader.state("AAPL") == ("2", "0", "-2")


def test_a_fee_that_overflows_what_the_report_changed():
    trader = Account(USD="-100", AAPL="10")
    result = trader.sold("1", LARGEST, lock="1", fee=("-1", "USD"))
    assert why(result.account_blocks) == overflow(
        "fee balance delta overflow: currency USD, fee -1"
    )
    assert trader.state("USD")[0] == "79228162514264337593543950236"  # the rebate is in


@pytest.mark.parametrize(
    ("side", "fields", "details"),
    [
        ("BUY", {"incoming": SMALLEST}, "asset AAPL, held 0, incoming 3"),
        ("SELL", {"held": SMALLEST}, "asset AAPL, held 3, incoming 0"),
    ],
)
def test_a_release_that_overflows(side, fields, details):
    trader = Account()
    trader.adjust("AAPL", **fields)
    result = trader.report(side, remaining="3", final=True, lock="1")
    assert why(result.account_blocks) == overflow(f"cancel release overflow: {details}")


def test_a_release_that_overflows_what_the_report_changed_held():
    trader = Account(USD=SMALLEST)
    trader.adjust(held=LARGEST)
    result = trader.bought("1", "0", lock=LARGEST, remaining="1", final=True)
    assert why(result.account_blocks) == overflow(
        f"cancel held delta overflow: asset USD, release {LARGEST}"
    )
    assert (
        texts(result.account_adjustments)[1] == f"USD: balance {LARGEST} -> 0, held {SMALLEST} -> 0"
    )
    assert trader.state("USD") == (LARGEST, SMALLEST, "0")


def test_a_release_that_overflows_what_the_report_changed_available():
    trader = Account(USD=SMALLEST)
    trader.adjust(held="50")
    result = trader.bought("1", "1", lock="1", fee=(SMALLEST, "USD"), remaining="5", final=True)
    assert why(result.account_blocks) == overflow(
        "cancel balance delta overflow: asset USD, release 5"
    )
    # What is held is told with what was released of it, the balance without.
    assert texts(result.account_adjustments)[1] == f"USD: balance {LARGEST} -> 0, held -6 -> 49"
    assert trader.state("USD") == ("5", "44", "0")


def test_a_release_that_overflows_what_the_report_changed_incoming():
    trader = Account()
    trader.adjust(incoming=LARGEST)
    result = trader.sold("1", "0", lock=LARGEST, remaining="1", final=True)
    assert why(result.account_blocks) == overflow(
        f"cancel incoming delta overflow: asset USD, release {LARGEST}"
    )
