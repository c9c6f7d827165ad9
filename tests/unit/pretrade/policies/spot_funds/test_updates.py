"""Errors of settings: wrong classes first, then what makes no sense; all or nothing."""

from __future__ import annotations

import pytest
from spot_account import Account

from openpit import PolicyConfigureError
from openpit.core import InstrumentId
from openpit.errors import ParamError
from openpit.param import AccountGroupId, AccountId, Price, Quantity
from openpit.pretrade import policies

NAME = "SpotFundsPolicy"
MODULE = "openpit.pretrade.policies"
ONE = AccountId.from_int(1)
FIVE = AccountGroupId.from_int(5)
INSTRUMENT = policies.SpotFundsOverrideTargetInstrument(InstrumentId(1))
ENFORCE = policies.SpotFundsLimitMode.ENFORCE
OUT_OF_RANGE = "slippage 10001 bps is out of range (must be <= 10 000 bps)"
NO_BOUND = "spot-funds P&L bounds must configure at least one bound"


def override(target=INSTRUMENT, bps=1):
    return policies.SpotFundsOverrideEntry(target, policies.SpotFundsOverride(bps))


def barrier(lower=1, currency="USD"):
    return policies.SpotFundsPnlBoundsBarrier(currency, lower)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"global_slippage_bps": -1}, OverflowError, "out of range integral type conversion"),
        ({"global_slippage_bps": 65_536}, OverflowError, "out of range integral type conversion"),
        ({"global_slippage_bps": "5"}, TypeError, "cannot be interpreted as an integer"),
        ({"pricing_source": "Mark"}, TypeError, f"expected {MODULE}.SpotFundsPricingSource"),
        ({"global_limit_mode": "Enforce"}, TypeError, f"expected {MODULE}.SpotFundsLimitMode"),
        ({"overrides": None}, TypeError, "'None' is not an instance of 'Sequence'"),
        ({"overrides": 5}, TypeError, "'int' object is not an instance of 'Sequence'"),
        ({"overrides": [5]}, TypeError, f"expected {MODULE}.SpotFundsOverrideEntry"),
        ({"overrides": [override(5)]}, TypeError, "SpotFundsOverrideEntry.target must be one of"),
        (
            {"overrides": [override(policies.SpotFundsOverrideTargetInstrument(5))]},
            TypeError,
            "spot funds override target instrument must be openpit.core.InstrumentId",
        ),
        (
            {
                "overrides": [
                    override(policies.SpotFundsOverrideTargetInstrumentAccount(InstrumentId(1), 5))
                ]
            },
            TypeError,
            "SpotFundsOverrideTargetInstrumentAccount.account_id must be openpit.param.AccountId",
        ),
        (
            {
                "overrides": [
                    override(
                        policies.SpotFundsOverrideTargetInstrumentAccountGroup(InstrumentId(1), 5)
                    )
                ]
            },
            TypeError,
            (
                "SpotFundsOverrideTargetInstrumentAccountGroup.account_group_id must be "
                "openpit.param.AccountGroupId"
            ),
        ),
        (
            {"account_limit_modes": [policies.SpotFundsLimitModeAccountEntry(5, ENFORCE)]},
            TypeError,
            "SpotFundsLimitModeAccountEntry.account_id must be openpit.param.AccountId",
        ),
        (
            {"account_limit_modes": [policies.SpotFundsLimitModeAccountEntry(ONE, "Enforce")]},
            TypeError,
            f"expected {MODULE}.SpotFundsLimitMode",
        ),
        (
            {
                "account_group_limit_modes": [
                    policies.SpotFundsLimitModeAccountGroupEntry(5, ENFORCE)
                ]
            },
            TypeError,
            (
                "SpotFundsLimitModeAccountGroupEntry.account_group_id must be "
                "openpit.param.AccountGroupId"
            ),
        ),
        (
            {"position_limits": [policies.SpotFundsPositionLimitEntry(ONE, "USD", 5)]},
            TypeError,
            "SpotFundsPositionLimitEntry.limit must be openpit.param.Quantity or None",
        ),
        (
            {"position_limits": [policies.SpotFundsPositionLimitEntry(ONE, "", Quantity(5))]},
            ValueError,
            "asset must not be empty",
        ),
    ],
)
def test_settings_of_a_wrong_class_are_named(settings, error, message):
    with pytest.raises(error) as raised:
        Account().engine.configure().spot_funds(NAME, **settings)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("barriers", "error", "message"),
    [
        ({"global_barrier": 5}, TypeError, f"expected {MODULE}.SpotFundsPnlBoundsBarrier"),
        ({"global_barrier": barrier(currency="")}, ValueError, "asset must not be empty"),
        ({"global_barrier": barrier("x")}, ParamError, "invalid format for Pnl: 'x'"),
        (
            {"global_barrier": barrier(Price(1))},
            TypeError,
            "Pnl must be a Decimal, str, int, or float",
        ),
        (
            {"account_barriers": [barrier()]},
            TypeError,
            f"expected {MODULE}.SpotFundsPnlBoundsAccountBarrier",
        ),
        (
            {"account_barriers": [policies.SpotFundsPnlBoundsAccountBarrier(barrier(), 5)]},
            TypeError,
            "account_id must be openpit.param.AccountId",
        ),
        (
            {
                "account_group_barriers": [
                    policies.SpotFundsPnlBoundsAccountGroupBarrier(barrier(), "x")
                ]
            },
            ValueError,
            "account_group_id must be an AccountGroupId or integer in range 1..=4294967295",
        ),
        (
            {
                "account_group_barriers": [
                    policies.SpotFundsPnlBoundsAccountGroupBarrier(barrier(), 0)
                ]
            },
            ValueError,
            "account group id must not equal the reserved default group",
        ),
    ],
)
def test_barriers_of_a_wrong_class_are_named(barriers, error, message):
    with pytest.raises(error) as raised:
        Account().engine.configure().spot_funds_pnl_bounds_killswitch(NAME, **barriers)
    assert message in str(raised.value)


def test_a_group_of_a_barrier_may_be_a_number():
    entry = policies.SpotFundsPnlBoundsAccountGroupBarrier(barrier(5), 5)
    trader = Account()
    trader.engine.accounts().register_group([trader.id], FIVE)
    outcomes = trader.engine.configure().spot_funds_pnl_bounds_killswitch(
        NAME, account_group_barriers=[entry]
    )
    assert len(outcomes.account_blocks) == 1


@pytest.mark.parametrize(
    "settings", [{"global_slippage_bps": 10_001}, {"overrides": [override(bps=10_001)]}]
)
def test_slippage_above_one_hundred_percent_is_refused_as_a_whole(settings):
    trader = Account()
    modes = {"global_limit_mode": policies.SpotFundsLimitMode.TRACK_ONLY}
    with pytest.raises(PolicyConfigureError) as raised:
        trader.engine.configure().spot_funds(NAME, **settings, **modes)
    assert str(raised.value) == f"policy {NAME} rejected the update: {OUT_OF_RANGE}"
    assert not trader.execute(quantity="1", price="1")  # still enforced


@pytest.mark.parametrize(
    "barriers",
    [
        {"global_barrier": barrier(None)},
        {
            "account_barriers": [
                policies.SpotFundsPnlBoundsAccountBarrier(barrier(None), ONE),
                policies.SpotFundsPnlBoundsAccountBarrier(barrier(), ONE),
            ]
        },
        {
            "account_group_barriers": [
                policies.SpotFundsPnlBoundsAccountGroupBarrier(barrier(None), 5)
            ]
        },
    ],
)
def test_a_barrier_needs_a_bound_even_if_another_replaces_it(barriers):
    with pytest.raises(PolicyConfigureError) as raised:
        Account().engine.configure().spot_funds_pnl_bounds_killswitch(NAME, **barriers)
    assert str(raised.value) == f"policy {NAME} rejected the update: {NO_BOUND}"


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"account": 1, "state": 1}, TypeError, "account_id must be openpit.param.AccountId"),
        ({"account": ONE, "state": "x"}, ParamError, "invalid format for Pnl: 'x'"),
        ({"account": ONE, "state": None}, ValueError, "Pnl must be a Decimal, str, int, or float"),
    ],
)
def test_an_account_pnl_of_a_wrong_class_is_named(values, error, message):
    with pytest.raises(error, match=message):
        Account().engine.configure().set_spot_funds_account_pnl(NAME, **values)
