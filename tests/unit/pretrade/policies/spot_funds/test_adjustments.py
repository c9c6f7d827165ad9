"""Corrections from outside: balances with bounds, costs, PnL; all of a batch or nothing."""

from __future__ import annotations

import pytest
from spot_account import LARGEST, Account, texts, why

from openpit import AccountAdjustment, Instrument
from openpit import account_adjustment as adjustments
from openpit.pretrade import PnlHaltReason
from openpit.pretrade.policies import SpotFundsPnlBoundsBarrier

SMALLEST = f"-{LARGEST}"
BOUNDS = ("AccountAdjustmentBoundsExceeded", "account adjustment bounds exceeded")


def outcome(result):
    assert result, why(result.rejects)
    return texts(result.outcomes)


def overflow(details):
    return [("ArithmeticOverflow", "arithmetic overflow", details)]


# --- amounts and bounds -------------------------------------------------------------------------


def test_absolute_amounts_set_and_deltas_add():
    trader = Account()
    assert outcome(trader.adjust(balance="10", held="+3", incoming="2")) == [
        "USD: balance 10 -> 10, held 3 -> 3, incoming 2 -> 2"
    ]
    assert outcome(trader.adjust(balance="4", held="+-1")) == ["USD: balance -6 -> 4, held -1 -> 2"]


def test_what_is_given_is_told_even_if_it_changes_nothing():
    assert outcome(Account(USD="5").adjust(balance="5")) == ["USD: balance 0 -> 5"]


def test_nothing_given_changes_nothing_and_tells_nothing():
    assert outcome(Account().adjust()) == []


@pytest.mark.parametrize(
    ("amounts", "bounds", "details"),
    [
        (
            {"balance": "10"},
            {"balance_upper": "9"},
            "balance 10, lower None, upper Some(PositionSize(9))",
        ),
        (
            {"held": "1"},
            {"held_lower": "2", "held_upper": "-3.50"},
            "held 1, lower Some(PositionSize(2)), upper Some(PositionSize(-3.50))",
        ),
        (
            {"incoming": "1"},
            {"incoming_lower": "2"},
            "incoming 1, lower Some(PositionSize(2)), upper None",
        ),
    ],
)
def test_a_field_outside_its_bounds_is_refused(amounts, bounds, details):
    trader = Account()
    result = trader.adjust(**amounts, **bounds)
    assert why(result.rejects) == [(*BOUNDS, f"asset USD: {details}")]
    assert result.rejects[0].scope == "account"
    assert trader.state("USD") == ("0", "0", "0")


def test_bounds_are_inclusive_and_bind_only_what_is_adjusted():
    trader = Account()
    assert trader.adjust(balance="10", balance_upper="10", held_lower="5")


def test_a_delta_that_overflows_is_refused():
    result = Account(USD=LARGEST).adjust(balance="+1")
    assert why(result.rejects) == overflow(
        f"account adjustment overflow: asset USD, field balance, current {LARGEST}, "
        "applied delta: 1"
    )


@pytest.mark.parametrize("field", ["balance", "held", "incoming"])
def test_a_change_too_large_to_be_told_is_refused(field):
    trader = Account()
    trader.adjust(**{field: LARGEST})
    result = trader.adjust(**{field: SMALLEST})
    assert why(result.rejects) == overflow(
        f"account adjustment delta overflow: asset USD, field {field}"
    )


def test_a_change_of_pnl_too_large_to_be_told_is_refused():
    trader = Account()
    trader.adjust(realized=LARGEST)
    result = trader.adjust(realized=SMALLEST)
    assert why(result.rejects) == overflow(
        "account adjustment delta overflow: asset USD, field realized pnl"
    )


def test_a_priced_position_too_large_to_be_told_is_refused():
    result = Account(USD=LARGEST).adjust(held="1", average="2")
    assert why(result.rejects) == overflow("account adjustment net-position overflow: asset USD")


@pytest.mark.parametrize(
    "operation",
    [
        None,
        adjustments.BalanceOperation(asset=None),
        adjustments.PositionOperation(
            instrument=Instrument("AAPL", "USD"),
            collateral_asset="USD",
            average_entry_price=None,
            mode="netting",
        ),
    ],
)
def test_an_adjustment_needs_an_asset(operation):
    result = Account().apply(AccountAdjustment(operation=operation))
    assert why(result.rejects) == [
        (
            "MissingRequiredField",
            "failed to access required field 'balance asset'",
            "failed to access field 'operation.balance_asset'",
        )
    ]
    assert result.rejects[0].scope == "account"


# --- cost and PnL -------------------------------------------------------------------------------


def test_a_cost_is_told_with_balance_cost_or_pnl_and_not_otherwise():
    trader = Account()
    assert outcome(trader.adjust(balance="10", average="3")) == ["USD: balance 10 -> 10, average 3"]
    assert outcome(trader.adjust(realized="4")) == ["USD: realized 4 -> 4, average 3"]
    assert outcome(trader.adjust(realized="9")) == ["USD: realized 5 -> 9, average 3"]
    assert outcome(trader.adjust(held="0", incoming="1")) == ["USD: held 0 -> 0, incoming 1 -> 1"]


def test_a_position_of_nothing_has_no_cost():
    trader = Account()
    assert outcome(trader.adjust(average="3")) == ["USD: "]
    trader.adjust(balance="10", average="3")
    assert outcome(trader.adjust(held="-10")) == ["USD: held -10 -> -10"]
    assert outcome(trader.adjust(held="0", balance="10")) == ["USD: balance 0 -> 10, held 10 -> 0"]


def test_a_halt_takes_the_cost_away_and_a_figure_sets_the_pnl_going():
    trader = Account()
    trader.adjust(balance="10", average="3", realized="5")
    assert outcome(trader.adjust(realized=PnlHaltReason.MISSING_FX, average="4")) == [
        "USD: halted MissingFx"
    ]
    assert outcome(trader.adjust(realized="2")) == ["USD: realized 2 -> 2"]


def test_an_account_pnl_is_set_without_an_outcome():
    trader = Account(AAPL="10")
    assert outcome(trader.set_pnl("100")) == []
    trader.adjust("AAPL", average="1")
    (line,) = trader.sold("1", "2").account_pnls
    assert str(line.pnl.absolute) == "101"


# --- batches ------------------------------------------------------------------------------------


def test_a_later_adjustment_sees_the_earlier_ones():
    trader = Account()
    result = trader.apply(trader.adjustment(balance="10"), trader.adjustment(balance="+5"))
    assert outcome(result) == ["USD: balance 10 -> 10", "USD: balance 5 -> 15"]


def test_a_batch_is_applied_as_a_whole_or_not_at_all():
    trader = Account()
    trader.adjust(balance="10", average="3", realized="7")
    result = trader.apply(
        trader.adjustment(balance="+5", held="2", average="4", realized="8"),
        trader.adjustment("EUR", incoming="1"),
        adjustments.Adjustment(operation=adjustments.AccountPnlOperation(state="50")),
        trader.adjustment(balance="1", balance_lower="2"),
    )
    assert (result.ok, result.failed_index) == (False, 3)
    assert outcome(trader.adjust(realized="7")) == ["USD: realized 0 -> 7, average 3"]
    assert trader.state("USD") == ("10", "0", "0")
    assert trader.state("EUR") == ("0", "0", "0")


def test_a_slot_that_cannot_take_an_adjustment_back_stays_and_blocks_the_account():
    """Only a custom policy that calls the engine in the middle of a batch can bring this about."""
    trader = Account(USD="30")
    (policy,) = trader.engine._core.policies
    effect = policy.apply_adjustment(1, trader.adjustment(balance="+-20"), 0, None)
    assert trader.adjust(balance=LARGEST)

    effect.mutations[0].rollback()

    assert trader.state("USD") == (LARGEST, "0", "0")
    ((code, reason, details),) = trader.is_blocked()
    assert (code, reason) == ("ArithmeticOverflow", "rollback overflow: slot left inconsistent")
    assert details.startswith(
        "adjustment rollback overflow: asset USD, available_delta -20, held_delta 0, "
        f"incoming_delta 0, slot Holdings {{ available: PositionSize({LARGEST}), "
    )


@pytest.mark.parametrize(
    ("meanwhile", "average", "state"),
    [
        ({}, "3", ("10", "0", "0")),  # nothing: the slot is what it was
        ({"incoming": "1"}, "4", ("10", "0", "1")),
        ({"average": "7"}, "7", ("10", "0", "0")),
    ],
)
def test_cost_is_put_back_only_if_nothing_happened_in_between(meanwhile, average, state):
    trader = Account()
    trader.adjust(balance="10", average="3")
    (policy,) = trader.engine._core.policies
    effect = policy.apply_adjustment(1, trader.adjustment(balance="20", average="4"), 0, None)
    trader.adjust(**meanwhile)

    effect.mutations[0].rollback()

    assert trader.state("USD") == state
    assert texts(trader.adjust(balance="+0").outcomes) == [
        f"USD: balance 0 -> 10, average {average}"
    ]


def test_an_account_pnl_that_is_put_back_counts_at_once():
    trader = Account()
    trader.set_pnl(PnlHaltReason.MISSING_FX)
    trader.engine.configure().spot_funds_pnl_bounds_killswitch(
        "SpotFundsPolicy", global_barrier=SpotFundsPnlBoundsBarrier("USD", lower_bound=-5)
    )
    trader.engine.accounts().unblock(trader.id)
    assert not trader.apply(
        adjustments.Adjustment(operation=adjustments.AccountPnlOperation(state="0")),
        trader.adjustment(balance="1", balance_lower="2"),
    )
    assert trader.is_blocked() == [
        (
            "PnlKillSwitchTriggered",
            "account pnl calculation halted",
            "halt reason MissingFx",
        )
    ]
