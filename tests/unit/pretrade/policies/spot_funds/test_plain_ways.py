"""The short ways of plain orders and fills say what the long ones say, to the last digit.

A setting for another account sends an account's orders and reports the long way without changing
what they mean; so two engines, one of them with such settings, must answer alike.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spot_account import Account, pnl_texts, texts, why

from openpit.param import AccountId, Quantity
from openpit.pretrade import PnlHaltReason
from openpit.pretrade.policies import (
    SpotFundsPnlBoundsAccountBarrier,
    SpotFundsPnlBoundsBarrier,
    SpotFundsPositionLimitEntry,
)

pytestmark = pytest.mark.one_python

SOMEBODY_ELSE = AccountId.from_int(99)

quantities = st.sampled_from(
    ["0", "0.00", "1", "2.50", "3", "10", "0.3333333333333333333333333333"]
)
prices = st.sampled_from(["0", "-2", "1", "2.50", "7.00", "19.99", "79228162514264337593543950335"])
sides = st.sampled_from(["BUY", "SELL"])
fees = st.sampled_from([None, ("0.00", "USD"), ("1.25", "USD"), ("-2", "USD"), ("1", "AAPL")])

orders = st.tuples(st.just("order"), sides, quantities, prices, st.booleans())
reports = st.tuples(
    st.just("report"), sides, quantities, prices, prices, fees, quantities, st.booleans()
)


def plain():
    trader = Account(USD="1000.0", AAPL="100")
    trader.adjust("AAPL", average="2")
    return trader


def without_a_currency():
    """The PnL of the position and of the account halt with the first fills."""
    trader = Account(currency=None, USD="1000.0", AAPL="100")
    trader.adjust("AAPL", average="2")
    return trader


def in_another_currency():
    trader = Account(currency="EUR", USD="1000.0", AAPL="100")
    trader.adjust("AAPL", average="2")
    return trader


def with_halted_position():
    """There is no entry price to realize against; from then on there is one, but no PnL."""
    trader = Account(USD="1000.0", AAPL="100")
    trader.report("SELL", trade=("1", "2"), lock="2")
    trader.adjust("AAPL", average="2")
    return trader


def with_halted_account():
    """The account's PnL went with another position; this one's is counted on."""
    trader = plain()
    trader.set_pnl(PnlHaltReason.MISSING_FX)
    return trader


def general(made):
    trader = made()
    configure = trader.engine.configure()
    limit = SpotFundsPositionLimitEntry(SOMEBODY_ELSE, "AAPL", Quantity(1))
    configure.spot_funds("SpotFundsPolicy", position_limits=[limit])
    barrier = SpotFundsPnlBoundsBarrier("USD", lower_bound=-1)
    configure.spot_funds_pnl_bounds_killswitch(
        "SpotFundsPolicy",
        account_barriers=[SpotFundsPnlBoundsAccountBarrier(barrier, SOMEBODY_ELSE)],
    )
    return trader


def play(trader, step):
    if step[0] == "order":
        _, side, quantity, price, keeps = step
        result = trader.execute(side, quantity=quantity, price=price)
        if not result:
            return why(result.rejects)
        answer = texts(result.reservation.account_adjustments), repr(result.reservation.lock)
        if keeps:
            result.reservation.commit()
        else:
            result.reservation.rollback()
        return answer
    _, side, quantity, price, lock, fee, remaining, final = step
    result = trader.report(
        side, trade=(quantity, price), lock=lock, fee=fee, remaining=remaining, final=final
    )
    trader.engine.accounts().unblock(trader.id)
    return why(result.account_blocks), pnl_texts(result), texts(result.account_adjustments)


@pytest.mark.parametrize(
    "made",
    [plain, without_a_currency, in_another_currency, with_halted_position, with_halted_account],
)
@given(steps=st.lists(st.one_of(orders, reports), max_size=12))
def test_the_short_and_the_long_way_agree(made, steps):
    short, long = made(), general(made)
    for step in steps:
        assert play(short, step) == play(long, step)
    for asset in ("USD", "AAPL"):
        assert short.state(asset) == long.state(asset)
