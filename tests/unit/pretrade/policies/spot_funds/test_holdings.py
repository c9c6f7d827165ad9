"""Slots of accounts: what is kept, what is forgotten, and what that costs."""

from __future__ import annotations

import gc
import tracemalloc

from spot_account import Account

from openpit.param import AccountId
from openpit.pretrade.policies.spot_funds.holdings import AccountFunds

ACCOUNTS = 500
LIMIT = 1536  # bytes per account that holds two assets: the budget of the design


def funds_of(trader):
    (policy,) = trader.engine._core.policies
    return policy._funds


def test_an_asset_that_the_account_has_nothing_of_is_forgotten():
    trader = Account(USD="100")
    trader.buy("10", "4").rollback()
    assert list(funds_of(trader)[1].slots) == ["USD"]
    trader.adjust(balance="0")
    assert funds_of(trader) == {}


def test_a_refused_order_leaves_no_trace():
    trader = Account()
    assert not trader.execute(quantity="1", price="1")
    assert funds_of(trader) == {}


def test_a_pnl_keeps_a_slot_and_an_account():
    trader = Account()
    trader.adjust("AAPL", realized="0")
    assert list(funds_of(trader)[1].slots) == ["AAPL"]


def test_assets_share_their_texts():
    funds = [AccountFunds(), AccountFunds()]
    for one in funds:
        one.slot(b"AAPL".decode())  # a text of its own, as it comes with an order
    first, second = (next(iter(one.slots)) for one in funds)
    assert first is second


def test_an_account_with_two_assets_fits_its_budget():
    trader = Account()

    def trade(number):
        trader.id = AccountId.from_int(number)
        trader.engine.accounts().set_currency(trader.id, "USD")
        trader.adjust(balance="1000000.25")
        trader.buy("10", "185.5", account=number).commit()
        trader.bought("6", "185.25", lock="185.5", fee=("0.25", "USD"), account=number)

    trade(1)  # what is made once is not an account's
    gc.collect()
    tracemalloc.start()
    for number in range(2, ACCOUNTS + 2):
        trade(number)
    gc.collect()
    used = tracemalloc.take_snapshot().filter_traces(
        [tracemalloc.Filter(inclusive=True, filename_pattern="*/openpit/*")]
    )
    tracemalloc.stop()
    assert len(funds_of(trader)) == ACCOUNTS + 1
    size = sum(statistic.size for statistic in used.statistics("filename"))
    assert size / ACCOUNTS < LIMIT
