"""PnL barriers: which one binds, what a breach says, and when it is looked at."""

from __future__ import annotations

import pytest
from spot_account import Account, why

from openpit.param import AccountGroupId, AccountId
from openpit.pretrade import PnlHaltReason
from openpit.pretrade.policies import (
    SpotFundsPnlBoundsAccountBarrier,
    SpotFundsPnlBoundsAccountGroupBarrier,
    SpotFundsPnlBoundsBarrier,
    build_spot_funds_pnl_bounds_killswitch,
)

NAME = "SpotFundsPolicy"
SWITCH = "PnlKillSwitchTriggered"
TRIGGERED = "pnl kill switch triggered"
HALTED = (SWITCH, "account pnl calculation halted", "halt reason MissingFx")
MISMATCH = (
    SWITCH,
    "pnl barrier currency mismatch",
    "account currency USD, barrier currency EUR",
)
FIVE = AccountGroupId.from_int(5)


def barrier(lower=None, upper=None, currency="USD"):
    return SpotFundsPnlBoundsBarrier(currency, lower, upper)


def of_account(wanted, account=1):
    return SpotFundsPnlBoundsAccountBarrier(wanted, AccountId.from_int(account))


def of_group(wanted):
    return SpotFundsPnlBoundsAccountGroupBarrier(wanted, FIVE)


def configure(trader, **barriers):
    """Replace barriers; the accounts that this blocks, and why."""
    outcomes = trader.engine.configure().spot_funds_pnl_bounds_killswitch(NAME, **barriers)
    return [(one.account_id.value, one.block.details) for one in outcomes.account_blocks]


def set_pnl(trader, state):
    result = trader.engine.configure().set_spot_funds_account_pnl(
        NAME, account=trader.id, state=state
    )
    return why(result.account_blocks)


def unblock(trader):
    trader.engine.accounts().unblock(trader.id)


def order(trader):
    return why(trader.execute(quantity="1", price="1").rejects)


# --- the words ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bounds", "pnl", "details"),
    [
        (
            ("-100", "50"),
            "100",
            (
                "upper bound breached: realized pnl 100, lower bound -100, upper bound 50, "
                "currency USD"
            ),
        ),
        (
            ("-100", None),
            "-100.50",
            "lower bound breached: realized pnl -100.50, lower bound -100, currency USD",
        ),
        (
            ("10", "5"),
            "7",
            (
                "lower and upper bound breached: realized pnl 7, lower bound 10, upper bound 5, "
                "currency USD"
            ),
        ),
    ],
)
def test_a_pnl_outside_its_barrier_blocks(bounds, pnl, details):
    trader = Account(USD="100")
    configure(trader, global_barrier=barrier(*bounds))
    unblock(trader)
    assert set_pnl(trader, pnl) == [(SWITCH, TRIGGERED, details)]
    assert trader.is_blocked() == [(SWITCH, TRIGGERED, details)]
    unblock(trader)
    rejected = trader.execute(quantity="1", price="1")
    assert why(rejected.rejects) == [(SWITCH, TRIGGERED, details)]
    assert rejected.rejects[0].scope == "account"
    assert trader.is_blocked() == [("AccountBlocked", TRIGGERED, details)]


def test_bounds_are_inclusive():
    trader = Account(USD="100")
    configure(trader, global_barrier=barrier("-5", "5"))
    assert set_pnl(trader, "5.00") == set_pnl(trader, "-5") == []
    assert order(trader) == []


def test_a_pnl_that_was_never_set_is_zero():
    trader = Account(USD="100")
    assert configure(trader, global_barrier=barrier("5")) == [
        (1, "lower bound breached: realized pnl 0, lower bound 5, currency USD")
    ]


def test_a_halted_pnl_is_a_breach():
    trader = Account(USD="100")
    configure(trader, global_barrier=barrier("-5"))
    assert set_pnl(trader, PnlHaltReason.MISSING_FX) == [HALTED]


def test_an_account_barrier_in_another_currency_is_a_breach():
    trader = Account(USD="100")
    configure(trader, account_barriers=[of_account(barrier("-5", currency="EUR"))])
    unblock(trader)
    assert order(trader) == [MISMATCH]


# --- which barrier ------------------------------------------------------------------------------


def test_the_closest_barrier_binds():
    trader = Account(USD="100")
    trader.engine.accounts().register_group([trader.id], FIVE)
    set_pnl(trader, "10")
    configure(trader, global_barrier=barrier(upper="100"))
    assert order(trader) == []
    assert configure(trader, account_group_barriers=[of_group(barrier(upper="9"))]) != []
    unblock(trader)
    assert configure(trader, account_barriers=[of_account(barrier(upper="50"))]) == []
    assert order(trader) == []


def test_group_and_global_barriers_in_another_currency_are_passed_over():
    trader = Account(USD="100")
    trader.engine.accounts().register_group([trader.id], FIVE)
    configure(
        trader,
        global_barrier=barrier("5", currency="EUR"),
        account_group_barriers=[of_group(barrier("5", currency="EUR"))],
    )
    assert order(trader) == []


def test_without_a_currency_the_first_barrier_binds():
    trader = Account(currency=None, USD="100")
    assert configure(trader, global_barrier=barrier("5", currency="EUR")) == [
        (1, "lower bound breached: realized pnl 0, lower bound 5, currency EUR")
    ]


# --- when ---------------------------------------------------------------------------------------


def bounded(**balances):
    """An account with a PnL of 10 above its upper bound of 5, and not blocked yet."""
    trader = Account(**balances)
    set_pnl(trader, "10")
    configure(trader, global_barrier=barrier(upper="5"))
    unblock(trader)
    return trader


def test_a_report_that_touches_the_pnl_is_compared():
    trader = bounded(USD="100", AAPL="5")
    trader.adjust("AAPL", average="1")
    result = trader.sold("1", "2")
    assert why(result.account_blocks) == [
        (SWITCH, TRIGGERED, "upper bound breached: realized pnl 11, upper bound 5, currency USD")
    ]
    assert trader.is_blocked()[0][0] == SWITCH


def test_an_opening_fill_does_not_touch_the_pnl():
    assert bounded().bought("1", "2").account_blocks == []


def test_a_halted_pnl_is_named_with_every_fill_and_fee():
    trader = bounded()
    set_pnl(trader, PnlHaltReason.MISSING_FX)
    assert why(trader.bought("1", "2").account_blocks) == [HALTED]
    assert why(trader.report(fee=("1", "USD")).account_blocks) == [HALTED]
    assert trader.bought("0", "2").account_blocks == []
    assert trader.report(remaining="1", final=True, lock="2").account_blocks == []


def test_a_mismatch_is_named_even_with_a_fill_of_nothing():
    trader = Account()
    configure(trader, account_barriers=[of_account(barrier("-5", currency="EUR"))])
    assert why(trader.bought("0", "2").account_blocks) == [MISMATCH]
    assert trader.report(remaining="1", final=True, lock="2").account_blocks == []


def test_an_adjustment_of_the_pnl_is_compared():
    trader = bounded()
    assert why(trader.set_pnl("6").account_blocks) == [
        (SWITCH, TRIGGERED, "upper bound breached: realized pnl 6, upper bound 5, currency USD")
    ]


def test_a_drop_copy_is_recorded_and_blocks():
    trader = bounded()
    operation = trader.engine.apply_drop_copy(trader.order(quantity="1", price="1")).operation
    assert operation.account_block.code == "AccountBlocked"
    assert len(operation.account_adjustments) == 2


# --- changes of barriers and groups -------------------------------------------------------------


def test_only_accounts_whose_barrier_changes_are_looked_at():
    trader = bounded()
    assert configure(trader, global_barrier=barrier(upper="5.0")) == []
    assert configure(trader, global_barrier=barrier(upper="4")) == [
        (1, "upper bound breached: realized pnl 10, upper bound 4, currency USD")
    ]


def test_an_account_with_a_cause_of_its_own_is_left_out():
    trader = Account()
    trader.engine.accounts().block(trader.id, "by hand")
    assert configure(trader, global_barrier=barrier("5")) == []


def test_known_accounts_are_looked_at_in_the_order_of_their_ids():
    trader = Account()
    accounts = trader.engine.accounts()
    accounts.register_group([AccountId.from_int(9)], FIVE)
    accounts.set_currency(AccountId.from_int(4), "USD")
    blocks = configure(
        trader, global_barrier=barrier("5"), account_barriers=[of_account(barrier("6"), 7)]
    )
    assert [account for account, _ in blocks] == [1, 4, 7, 9]


def test_what_is_not_given_stays_and_none_clears():
    trader = bounded()
    assert configure(trader, account_barriers=[]) == []
    assert order(trader) != []
    unblock(trader)
    assert configure(trader, global_barrier=None) == []
    assert configure(trader, account_group_barriers=[of_group(barrier("5"))]) == []


def test_joining_a_group_is_looked_at_when_it_changes_the_barrier():
    trader = Account(USD="100")
    configure(trader, account_group_barriers=[of_group(barrier("5"))])
    trader.engine.accounts().register_group([trader.id], FIVE)
    assert trader.is_blocked() != []


def test_joining_a_group_with_the_same_barrier_changes_nothing():
    trader = bounded()
    configure(trader, account_group_barriers=[of_group(barrier(upper="5.00"))])
    trader.engine.accounts().register_group([trader.id], FIVE)
    assert trader.is_blocked() == []


def test_leaving_a_group_may_change_the_currency_and_so_the_barrier():
    trader = Account(currency=None)
    accounts = trader.engine.accounts()
    accounts.set_group_currency(FIVE, "EUR")
    accounts.set_group_currency(AccountGroupId.DEFAULT, "USD")
    accounts.register_group([trader.id], FIVE)
    assert configure(trader, global_barrier=barrier("5")) == []
    accounts.unregister_group([trader.id], FIVE)
    assert trader.is_blocked() != []


def test_without_barriers_groups_do_not_matter():
    trader = Account()
    trader.engine.accounts().register_group([trader.id], FIVE)
    assert trader.is_blocked() == []


# --- the preset ---------------------------------------------------------------------------------


def test_the_preset_follows_orders_and_watches_the_pnl():
    builder = build_spot_funds_pnl_bounds_killswitch().global_barrier(barrier("-50"))
    trader = Account(builder)
    trader.buy("10", "100").commit()  # not covered, recorded all the same
    trader.bought("10", "100")
    result = trader.sold("10", "94")
    assert why(result.account_blocks)[0][2] == (
        "lower bound breached: realized pnl -60, lower bound -50, currency USD"
    )
