"""Both builders: what they refuse, and that each engine gets its own state."""

from __future__ import annotations

import pickle

import pytest
from spot_account import Account, Market, texts

from openpit import Engine
from openpit.core import InstrumentId
from openpit.pretrade.policies import (
    SpotFundsBuilder,
    SpotFundsOverride,
    SpotFundsOverrideEntry,
    SpotFundsOverrideTargetInstrument,
    SpotFundsPnlBoundsAccountBarrier,
    SpotFundsPnlBoundsAccountGroupBarrier,
    SpotFundsPnlBoundsBarrier,
    SpotFundsPnlBoundsKillswitchBuilder,
    SpotFundsPnlBoundsKillswitchReadyBuilder,
    SpotFundsPricingSource,
    SpotFundsReadyBuilder,
    build_spot_funds,
    build_spot_funds_pnl_bounds_killswitch,
)

BARRIER = SpotFundsPnlBoundsBarrier("USD", lower_bound=-5)


def build(builder, sync="no_sync"):
    return getattr(Engine.builder(), sync)().builtin(builder).build()


def override(bps):
    target = SpotFundsOverrideTargetInstrument(InstrumentId(0))
    return SpotFundsOverrideEntry(target, SpotFundsOverride(bps))


def test_the_stages_of_both_builders():
    service = Market().service
    entry, preset = build_spot_funds(), build_spot_funds_pnl_bounds_killswitch()
    assert type(entry) is SpotFundsBuilder
    assert type(preset) is SpotFundsPnlBoundsKillswitchBuilder
    assert entry.with_policy_group_id(1) is entry
    assert preset.with_policy_group_id(1) is preset
    ready = entry.market_data(service, 0)
    assert type(ready) is SpotFundsReadyBuilder
    assert ready.with_policy_group_id(2) is ready.market_data(service, 5) is ready
    watching = preset.global_barrier(BARRIER)
    assert type(watching) is SpotFundsPnlBoundsKillswitchReadyBuilder
    assert watching.market_data(service) is watching.with_policy_group_id(2) is watching
    assert SpotFundsBuilder.NAME == SpotFundsPnlBoundsKillswitchBuilder.NAME == "SpotFundsPolicy"


def test_outcomes_and_locks_carry_the_group_id():
    trader = Account(build_spot_funds().with_policy_group_id(7), USD="100")
    reservation = trader.buy("1", "5")
    assert {one.policy_group_id for one in reservation.account_adjustments} == {7}
    assert repr(reservation.lock) == "Lock([(7, 5)])"


def test_a_builder_makes_engines_that_share_nothing():
    builder = build_spot_funds()
    rich, poor = Account(builder, USD="100"), Account(builder)
    rich.buy("1", "100").commit()
    assert not poor.execute(quantity="1", price="1")


@pytest.mark.parametrize(
    ("group_id", "error", "message"),
    [
        (-1, OverflowError, "out of range integral type conversion attempted"),
        (65_536, OverflowError, "out of range integral type conversion attempted"),
        ("a", TypeError, "'str' object cannot be interpreted as an integer"),
    ],
)
def test_a_group_id_is_checked_when_the_policy_is_registered(group_id, error, message):
    for builder in (build_spot_funds(), build_spot_funds_pnl_bounds_killswitch()):
        with pytest.raises(error, match=message):
            build(builder.with_policy_group_id(group_id))


def test_the_name_of_a_pricing_source_may_be_given():
    market = Market()
    market.push("AAPL", "USD", ask="7")
    trader = Account(build_spot_funds().market_data(market.service, 0, "BookTop"), USD="10")
    result = trader.execute(quantity="1")
    assert texts(result.reservation.account_adjustments)[0] == ("USD: balance -7 -> 3, held 7 -> 7")


@pytest.mark.parametrize("name", ["mark", None, 5])
def test_another_pricing_source_is_refused_at_once(name):
    with pytest.raises(ValueError, match="is not a valid SpotFundsPricingSource"):
        build_spot_funds().market_data(Market().service, 0, name)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((None,), ValueError, "global_slippage_bps is required when market_data is provided"),
        ((-1,), OverflowError, "out of range integral type conversion attempted"),
        ((1.5,), TypeError, "'float' object cannot be interpreted as an integer"),
        ((10_001,), ValueError, "slippage 10001 bps is out of range"),
        ((1, SpotFundsPricingSource.MARK, [5]), TypeError, "SpotFundsOverrideEntry"),
        ((1, SpotFundsPricingSource.MARK, [override(10_001)]), ValueError, "10001 bps is out of"),
    ],
)
def test_market_data_settings_are_checked_when_the_policy_is_registered(arguments, error, message):
    builder = build_spot_funds().market_data(Market().service, *arguments)
    with pytest.raises(error, match=message):
        build(builder)


def test_a_service_must_be_one():
    message = "'int' object is not an instance of 'MarketDataService'"
    for builder in (
        build_spot_funds().market_data(5, 0),
        build_spot_funds_pnl_bounds_killswitch().market_data(5),
    ):
        with pytest.raises(TypeError, match=message):
            build(builder)


@pytest.mark.parametrize("sync", ["full_sync", "account_sync"])
def test_a_service_for_one_thread_does_not_go_with_an_engine_for_many(sync):
    builder = build_spot_funds().market_data(Market().service, 0)
    with pytest.raises(ValueError, match=r"call \.full_sync\(\) on the market-data builder"):
        build(builder, sync)


def test_the_preset_needs_a_barrier_with_a_bound():
    preset = build_spot_funds_pnl_bounds_killswitch
    for builder in (preset(), preset().account_barriers(), preset().global_barrier(None)):
        with pytest.raises(ValueError, match="spot funds P&L bounds require at least one barrier"):
            build(builder)
    with pytest.raises(ValueError, match="spot-funds P&L bounds must configure at least one bound"):
        build(preset().global_barrier(SpotFundsPnlBoundsBarrier("USD")))


@pytest.mark.parametrize(
    ("axis", "wrong"),
    [
        ("global_barrier", "SpotFundsPnlBoundsBarrier"),
        ("account_group_barriers", "SpotFundsPnlBoundsAccountGroupBarrier"),
        ("account_barriers", "SpotFundsPnlBoundsAccountBarrier"),
    ],
)
def test_a_barrier_of_a_wrong_class_is_named(axis, wrong):
    builder = getattr(build_spot_funds_pnl_bounds_killswitch(), axis)(5)
    with pytest.raises(TypeError, match=f"expected openpit.pretrade.policies.{wrong}$"):
        build(builder)


def test_the_preset_takes_barriers_on_every_axis():
    builder = (
        build_spot_funds_pnl_bounds_killswitch()
        .account_group_barriers(SpotFundsPnlBoundsAccountGroupBarrier(BARRIER, 5))
        .account_barriers(
            SpotFundsPnlBoundsAccountBarrier(BARRIER, Account().id),
            SpotFundsPnlBoundsAccountBarrier(
                SpotFundsPnlBoundsBarrier("USD", lower_bound=1), Account().id
            ),
        )
    )
    rejected = Account(builder).execute(quantity="1", price="1")
    assert "lower bound 1," in rejected.rejects[0].details  # the last one of an account counts


def test_records_travel_and_compare_by_content():
    assert pickle.loads(pickle.dumps(BARRIER)) == BARRIER
    assert SpotFundsPnlBoundsBarrier("USD", -5) == BARRIER
    assert repr(BARRIER) == (
        "SpotFundsPnlBoundsBarrier(currency='USD', lower_bound=-5, upper_bound=None)"
    )
