"""Average entry prices, realized PnL, and why they halt."""

from __future__ import annotations

from decimal import Decimal

import pytest
from spot_account import LARGEST, Account, Market, pnl_texts, texts

from openpit.param.enums import PnlHaltReason
from openpit.pretrade.policies import build_spot_funds
from openpit.pretrade.policies.spot_funds.ledger import accumulate, book_fill, gravest


def position(result):
    """The part of the underlying's row that is about cost and PnL."""
    parts = texts(result.account_adjustments)[0].split(": ", 1)[1].split(", ")
    return [part for part in parts if part.startswith(("average", "realized", "halted"))]


def priced(trader, balance="10", average="3", **kwargs):
    trader.adjust("AAPL", balance=balance, average=average, **kwargs)
    return trader


# --- the table of the spec ----------------------------------------------------------------------


def test_an_opening_fill_sets_the_price_and_realizes_nothing():
    result = Account().bought("10", "40")
    assert position(result) == ["average 40"]
    assert pnl_texts(result) == []


def test_a_growing_fill_averages_by_quantity():
    assert position(priced(Account()).bought("2", "9")) == ["average 4"]


def test_a_reducing_fill_realizes_and_keeps_the_price():
    result = priced(Account()).sold("4", "5")
    assert position(result) == ["realized 8 -> 8", "average 3"]
    assert pnl_texts(result) == ["8 -> 8"]


def test_a_reducing_fill_without_profit_is_still_told():
    result = priced(Account()).sold("4", "3")
    assert position(result) == ["realized 0 -> 0", "average 3"]
    assert pnl_texts(result) == ["0 -> 0"]


def test_a_closing_fill_leaves_no_price():
    assert position(priced(Account()).sold("10", "5")) == ["realized 20 -> 20"]


def test_a_fill_beyond_zero_opens_the_rest_at_its_own_price():
    assert position(priced(Account()).sold("12", "5")) == ["realized 20 -> 20", "average 5"]


def test_a_short_position_realizes_when_it_is_bought_back():
    trader = priced(Account(), balance="-10", average="3")
    assert position(trader.bought("4", "2")) == ["realized 4 -> 4", "average 3"]


def test_a_fill_of_nothing_is_no_fill():
    result = priced(Account()).sold("0", "5")
    assert (result.account_adjustments, result.account_pnls) == ([], [])


def test_what_is_held_belongs_to_the_position():
    trader = priced(Account(), balance="5", held="3", average="2")
    assert position(trader.bought("2", "5")) == ["average 2.60"]  # (8*2 + 2*5) / 10


def test_a_fee_counts_for_the_position_and_for_the_account():
    result = priced(Account()).sold("4", "5", fee=("1", "USD"))
    assert position(result) == ["realized 7 -> 7", "average 3"]
    assert pnl_texts(result) == ["7 -> 7"]


# --- halts --------------------------------------------------------------------------------------


def test_without_an_account_currency_a_fill_cannot_be_valued():
    trader = Account(currency=None)
    opening = trader.bought("2", "5")
    selling = trader.sold("1", "5")
    assert (position(opening), pnl_texts(opening)) == (["halted MissingAccountCurrency"], [])
    assert (position(selling), pnl_texts(selling)) == ([], ["halted MissingAccountCurrency"])
    assert pnl_texts(trader.sold("1", "5")) == []  # told once


def test_without_a_quote_another_currency_cannot_be_valued():
    trader = priced(Account(currency="EUR"))
    result = trader.sold("4", "5")
    assert position(result) == ["halted MissingFx"]
    assert pnl_texts(result) == ["halted MissingFx"]
    assert position(trader.sold("1", "5")) == ["average 3"]  # halted, but not without its price


def test_a_position_without_a_price_cannot_realize():
    trader = Account(AAPL="10")
    result = trader.sold("4", "5")
    assert position(result) == ["halted MissingCostBasis"]
    assert pnl_texts(result) == ["halted MissingCostBasis"]


def test_a_position_without_a_price_cannot_grow():
    result = Account(AAPL="10").bought("4", "5")
    assert position(result) == ["halted MissingCostBasis"]
    assert pnl_texts(result) == []


def test_a_fee_without_a_quote_halts_both_and_keeps_the_price():
    trader = priced(Account())
    result = trader.report(fee=("1", "EUR"))
    assert position(result) == ["halted MissingFx"]
    assert pnl_texts(result) == ["halted MissingFx"]
    assert position(trader.bought("2", "9")) == ["average 4"]


def test_the_position_names_its_first_failure_and_the_account_the_gravest():
    result = Account(AAPL="10").sold("4", "5", fee=("1", "EUR"))
    assert position(result) == ["halted MissingCostBasis"]
    assert pnl_texts(result) == ["halted MissingFx"]


def test_a_price_and_a_fee_without_value_are_told_by_the_graver_reason():
    market = Market()
    market.push("EUR", "USD", mark=LARGEST)
    trader = priced(Account(build_spot_funds().market_data(market.service, 0)))
    result = trader.sold("4", "5", at="GBP", fee=("100", "EUR"))
    assert position(result) == ["halted ArithmeticOverflow"]
    assert pnl_texts(result) == ["halted ArithmeticOverflow"]


def test_figures_that_overflow_halt_only_what_they_belong_to():
    trader = priced(Account(), realized=f"-{LARGEST}")
    result = trader.report(fee=("1", "USD"))
    assert position(result) == ["halted ArithmeticOverflow"]
    assert pnl_texts(result) == ["-1 -> -1"]


def test_an_average_that_overflows_halts():
    trader = priced(Account(), average=LARGEST)
    result = trader.bought("2", "6")
    assert position(result) == ["halted ArithmeticOverflow"]
    assert pnl_texts(result) == []


def test_a_realized_amount_that_overflows_halts_both():
    result = priced(Account(), average=LARGEST).sold("4", "-6")
    assert position(result) == ["halted ArithmeticOverflow"]
    assert pnl_texts(result) == ["halted ArithmeticOverflow"]


def test_a_position_too_large_to_be_told_halts_both():
    trader = Account(AAPL=LARGEST)
    trader.adjust("AAPL", held="5")
    result = trader.sold("1", "1")
    assert position(result) == ["halted ArithmeticOverflow"]
    assert pnl_texts(result) == ["halted ArithmeticOverflow"]


def test_position_and_account_are_set_going_again_separately():
    trader = Account(AAPL="10")
    trader.sold("4", "5")
    trader.adjust("AAPL", average="3", realized="0")
    selling = trader.sold("1", "5")
    assert (position(selling), pnl_texts(selling)) == (["realized 2 -> 2", "average 3"], [])
    trader.set_pnl("100")
    assert pnl_texts(trader.sold("1", "5")) == ["2 -> 102"]


# --- conversion ---------------------------------------------------------------------------------


def converting(market, currency="EUR"):
    return Account(build_spot_funds().market_data(market.service, 0), currency=currency)


def test_a_price_is_converted_by_the_mark_however_old():
    market = Market()
    market.push("USD", "EUR", mark="0.9", hours_ago=5)
    assert position(converting(market).bought("1", "100")) == ["average 90.0"]


def test_a_price_is_converted_by_the_inverse_mark():
    market = Market()
    market.push("EUR", "USD", mark="1.25")
    assert position(converting(market).bought("1", "100")) == ["average 80.0"]


def test_an_inverse_mark_of_zero_makes_everything_worth_nothing():
    market = Market()
    market.push("EUR", "USD", mark="0")
    assert position(converting(market).bought("1", "100")) == ["average 0"]


def test_a_quote_without_mark_converts_nothing():
    market = Market()
    market.push("USD", "EUR", bid="0.9", ask="0.91")
    assert position(converting(market).bought("1", "100")) == ["halted MissingFx"]


def test_a_price_is_not_converted_over_a_third_currency():
    market = Market()
    market.push("USD", "GBP", mark="0.8")
    market.push("GBP", "EUR", mark="1.1")
    assert position(converting(market).bought("1", "100")) == ["halted MissingFx"]


def test_a_conversion_that_overflows_halts():
    market = Market()
    market.push("USD", "EUR", mark=LARGEST)
    assert position(converting(market).bought("1", "100")) == ["halted ArithmeticOverflow"]


# --- the functions themselves -------------------------------------------------------------------


def test_the_gravest_reason_counts():
    reasons = PnlHaltReason
    assert gravest(None, None) is None
    assert gravest(reasons.MISSING_COST_BASIS, reasons.MISSING_FX) is reasons.MISSING_FX
    assert gravest(reasons.MISSING_FX, None) is reasons.MISSING_FX
    assert (
        gravest(reasons.ARITHMETIC_OVERFLOW, reasons.MISSING_ACCOUNT_CURRENCY)
        is reasons.ARITHMETIC_OVERFLOW
    )


def test_a_halted_pnl_stays_as_it_is():
    halted = PnlHaltReason.MISSING_FX
    assert accumulate(halted, Decimal(5), Decimal(-1), None) == (halted, Decimal(0))


@pytest.mark.parametrize("is_halted", [True, False])
def test_a_halted_position_keeps_the_price_that_it_cannot_average(is_halted):
    booking = book_fill(
        Decimal(10), Decimal(LARGEST), Decimal(1), Decimal(LARGEST), is_halted=is_halted
    )
    assert booking.average == (Decimal(LARGEST) if is_halted else None)
    assert booking.failure is PnlHaltReason.ARITHMETIC_OVERFLOW
