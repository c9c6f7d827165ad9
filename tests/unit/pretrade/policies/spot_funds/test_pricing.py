"""What an order without a limit costs: quotes, slippage, and the cascade of its settings."""

from __future__ import annotations

import pytest
from spot_account import LARGEST, Account, Market, why

from openpit.param import AccountGroupId, AccountId
from openpit.pretrade.policies import (
    SpotFundsOverride,
    SpotFundsOverrideEntry,
    SpotFundsOverrideTargetInstrument,
    SpotFundsOverrideTargetInstrumentAccount,
    SpotFundsOverrideTargetInstrumentAccountGroup,
    SpotFundsPricingSource,
    build_spot_funds,
)

UNAVAILABLE = [("MarkPriceUnavailable", "mark price unavailable", "")]
INCALCULABLE = [("OrderValueCalculationFailed", "price calculation failed", "")]
BOOK_TOP = SpotFundsPricingSource.BOOK_TOP
FIVE = AccountGroupId.from_int(5)


def trading(market, bps=0, source=SpotFundsPricingSource.MARK, overrides=()):
    builder = build_spot_funds().market_data(market.service, bps, source, overrides)
    return Account(builder, USD="100000", AAPL="1000")


def price_of(trader, side="BUY"):
    result = trader.execute(side, quantity="1")
    assert result, why(result.rejects)
    return str(result.reservation.lock.entries()[0][1])


def refusal(trader, side="BUY"):
    return why(trader.execute(side, quantity="1").rejects)


def test_without_a_service_every_order_needs_a_limit():
    assert refusal(Account()) == [("UnsupportedOrderType", "market orders not supported", "")]


def test_slippage_makes_a_buy_dearer_and_a_sell_cheaper():
    market = Market()
    market.push("AAPL", "USD", mark="200")
    trader = trading(market, bps=100)
    assert price_of(trader) == "202.00"
    assert price_of(trader, "SELL") == "198.00"


def test_the_top_of_the_book_prices_a_buy_by_ask_and_a_sell_by_bid():
    market = Market()
    market.push("AAPL", "USD", mark="200", bid="199", ask="201")
    trader = trading(market, source=BOOK_TOP)
    assert price_of(trader) == "201"
    assert price_of(trader, "SELL") == "199"


def test_the_mark_does_not_stand_in_for_the_book():
    market = Market()
    market.push("AAPL", "USD", mark="200", bid="199")
    trader = trading(market, source=BOOK_TOP)
    assert refusal(trader) == UNAVAILABLE
    assert price_of(trader, "SELL") == "199"


def test_an_instrument_without_quote_has_no_price():
    market = Market()
    assert refusal(trading(market)) == UNAVAILABLE
    market.push("AAPL", "USD", bid="199")
    assert refusal(trading(market)) == UNAVAILABLE


def test_an_expired_quote_prices_nothing():
    market = Market()
    market.push("AAPL", "USD", mark="200", hours_ago=2)
    assert refusal(trading(market)) == UNAVAILABLE


@pytest.mark.parametrize(
    ("mark", "side", "bps"),
    [("0", "BUY", 0), ("-1", "BUY", 0), ("5", "SELL", 10_000), (LARGEST, "BUY", 10_000)],
)
def test_a_price_has_to_come_out_positive(mark, side, bps):
    market = Market()
    market.push("AAPL", "USD", mark=mark)
    assert refusal(trading(market, bps=bps), side) == INCALCULABLE


def test_a_volume_is_bought_at_the_price_with_slippage():
    market = Market()
    market.push("AAPL", "USD", mark="200")
    result = trading(market, bps=100).execute("BUY", volume="404")
    incoming = result.reservation.account_adjustments[1].entry.incoming
    assert str(incoming.delta) == "2"


def test_the_closest_override_counts():
    market = Market()
    instrument = market.push("AAPL", "USD", mark="100")
    entry = SpotFundsOverrideEntry
    trader = trading(
        market,
        bps=1,
        overrides=[
            entry(SpotFundsOverrideTargetInstrument(instrument), SpotFundsOverride(100)),
            entry(
                SpotFundsOverrideTargetInstrumentAccountGroup(instrument, FIVE),
                SpotFundsOverride(200),
            ),
        ],
    )
    assert price_of(trader) == "101.00"
    trader.engine.accounts().register_group([trader.id], FIVE)
    assert price_of(trader) == "102.00"

    configure = trader.engine.configure().spot_funds
    mine = SpotFundsOverrideTargetInstrumentAccount(instrument, AccountId.from_int(1))
    configure("SpotFundsPolicy", overrides=[entry(mine, SpotFundsOverride(300))])
    assert price_of(trader) == "103.00"
    configure("SpotFundsPolicy", overrides=[entry(mine, SpotFundsOverride(None))])
    assert price_of(trader) == "102.00"


def test_slippage_and_source_can_be_changed_while_the_engine_runs():
    market = Market()
    market.push("AAPL", "USD", mark="100", ask="110")
    trader = trading(market)
    trader.engine.configure().spot_funds(
        "SpotFundsPolicy", global_slippage_bps=1000, pricing_source=BOOK_TOP
    )
    assert price_of(trader) == "121.00"
