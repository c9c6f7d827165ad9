"""What each built-in policy exports, field by field as docs/snapshots.md has it, and takes over."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgpack
import pytest
from makers import Clock, account, deposit, engine_with, fill, holding, order, pnl_report, reserved

import openpit
from openpit.param import AccountGroupId, AccountId
from openpit.pretrade import policies
from openpit.pretrade.policies.spot_funds import configuration
from openpit.pretrade.policies.spot_funds.holdings import open_funds

if TYPE_CHECKING:
    from openpit.engine.pipeline import EngineCore

HOUR = 3_600_000_000_000
RATE = policies.RateLimit(5, timedelta(hours=1))


def core_of(engine: openpit.Engine) -> EngineCore:
    core: EngineCore = engine._core
    return core


def state_of(engine: openpit.Engine) -> Any:
    """The state of an engine's first policy, as a reader of a snapshot has it."""
    packed = msgpack.packb(core_of(engine).policies[0].export_state())
    return msgpack.unpackb(packed, strict_map_key=False)


def handed_over(engine: openpit.Engine, other: openpit.Engine) -> None:
    core_of(other).policies[0].restore_state(state_of(engine))
    assert state_of(other) == state_of(engine)


def test_order_validation_has_none() -> None:
    assert state_of(engine_with(policies.build_order_validation())) is None


def test_order_size_limit_has_its_caps() -> None:
    def limit(quantity: Any, notional: Any = None) -> Any:
        return policies.OrderSizeLimit(max_quantity=quantity, max_notional=notional)

    engine = engine_with(
        policies.build_order_size_limit()
        .broker_barrier(policies.OrderSizeBrokerBarrier(limit("90.50", "1000")))
        .asset_barriers(policies.OrderSizeAssetBarrier(limit("80"), "AAPL"))
        .account_asset_barriers(
            policies.OrderSizeAccountAssetBarrier(limit(None, "7"), account(3), "USD")
        )
    )
    assert state_of(engine) == [
        ["90.50", "1000"],
        [["AAPL", ["80", None]]],
        [[3, "USD", [None, "7"]]],
    ]

    other = engine_with(
        policies.build_order_size_limit().broker_barrier(
            policies.OrderSizeBrokerBarrier(limit("1"))
        )
    )
    handed_over(engine, other)
    assert [bool(other.execute_pre_trade(order(1, n))) for n in ("2", "81")] == [True, False]


def killswitch(lower: str) -> Any:
    return policies.build_pnl_bounds_killswitch().broker_barriers(
        policies.PnlBoundsBrokerBarrier("USD", lower, None)
    )


def test_pnl_bounds_have_bounds_and_what_was_realized() -> None:
    engine = engine_with(
        killswitch("-100").account_barriers(
            policies.PnlBoundsAccountAssetBarrier(
                policies.PnlBoundsBrokerBarrier("EUR", None, "5"), account(2), "1.50"
            )
        )
    )
    engine.apply_execution_report(pnl_report(1, "-90", "9.50"))
    assert state_of(engine) == [
        [[["USD", "-100", None]], [[2, "EUR", None, "5"]]],
        [[2, [["EUR", "1.50"]]], [1, [["USD", "-99.50"]]]],
    ]

    other = engine_with(killswitch("-1"))
    handed_over(engine, other)
    assert other.execute_pre_trade(order(1))
    assert other.apply_execution_report(pnl_report(1, "-0.51")).account_blocks


def test_rate_limit_has_rates_and_the_accounts_logs() -> None:
    clock = Clock(7)
    builder = (
        policies.build_rate_limit()
        .broker_barrier(policies.RateLimitBrokerBarrier(RATE))
        .asset_barriers(policies.RateLimitAssetBarrier(RATE, "USD"))
        .account_barriers(policies.RateLimitAccountBarrier(RATE, account(1)))
        .account_asset_barriers(policies.RateLimitAccountAssetBarrier(RATE, account(1), "USD"))
    )
    engine = openpit.Engine.builder().clock(clock).full_sync().builtin(builder).build()
    engine.execute_pre_trade(order(1))
    clock.now = 9
    engine.execute_pre_trade(order(1))
    assert state_of(engine) == [
        [[5, HOUR], [["USD", 5, HOUR]], [[1, 5, HOUR]], [[1, "USD", 5, HOUR]]],
        [[1, [7, 9]]],
        [[1, "USD", [7, 9]]],
    ]

    other = openpit.Engine.builder().clock(clock).full_sync().builtin(builder).build()
    handed_over(engine, other)
    passed = [bool(other.execute_pre_trade(order(1))) for _ in range(4)]
    assert passed == [True, True, True, False]  # 5 an hour


def funded(engine: openpit.Engine) -> openpit.Engine:
    engine.accounts().set_currency(account(1), "USD")
    engine.apply_account_adjustment(account(1), [deposit("USD", "1000.50")])
    return engine


def test_spot_funds_have_slots_and_pnls() -> None:
    engine = funded(engine_with(policies.build_spot_funds()))
    reservation = reserved(engine, order(1, "3", "100"))
    lock = reservation.lock
    reservation.commit()
    engine.apply_execution_report(fill(1, "1", "100", "2", lock=lock))
    settings, funds = state_of(engine)
    assert settings == [
        [0, [], [], []],
        False,
        [False, [], []],
        [],
        [None, [], []],
    ]
    ((number, pnl, slots),) = funds
    assert number == 1
    by_asset = {asset: figures for asset, *figures in slots}
    assert by_asset["USD"] == ["700.50", "200", "0", None, None]
    assert by_asset["AAPL"][:4] == ["1", "0", "2", "100"]
    assert (pnl, by_asset["AAPL"][4]) == (None, None)

    other = engine_with(policies.build_spot_funds())
    handed_over(engine, other)
    assert holding(other, 1, "USD") == (Decimal("700.50"), Decimal(200), Decimal(0))
    assert [bool(other.execute_pre_trade(order(1, n, "100"))) for n in ("8", "7")] == [False, True]


def test_a_pnl_that_is_not_counted_any_more_has_its_reason() -> None:
    engine = engine_with(policies.build_spot_funds())
    for halted, number in (
        (openpit.pretrade.PnlHaltReason.MISSING_FX, 1),
        (openpit.pretrade.PnlHaltReason.ARITHMETIC_OVERFLOW, 5),
    ):
        engine.configure().set_spot_funds_account_pnl(
            "SpotFundsPolicy", account=account(number), state=halted
        )
        assert state_of(engine)[1][-1] == [number, number, []]
    handed_over(engine, engine_with(policies.build_spot_funds()))


def test_spot_funds_have_all_that_can_be_set() -> None:
    engine = engine_with(policies.build_spot_funds())
    core = core_of(engine)
    settings: Any = core.policies[0]._desk.settings  # type: ignore[attr-defined]
    settings.slippage.of_all = 3
    settings.slippage.of_instrument[4] = 5
    settings.slippage.of_group[4, 6] = 7
    settings.slippage.of_account[4, 8] = 9
    settings.book_top = True
    configure = engine.configure()
    configure.spot_funds(
        "SpotFundsPolicy",
        global_limit_mode=configuration.SpotFundsLimitMode.TRACK_ONLY,
        account_limit_modes=[
            configuration.SpotFundsLimitModeAccountEntry(
                AccountId.from_int(1), configuration.SpotFundsLimitMode.ENFORCE
            )
        ],
        account_group_limit_modes=[
            configuration.SpotFundsLimitModeAccountGroupEntry(
                AccountGroupId.from_int(2), configuration.SpotFundsLimitMode.TRACK_ONLY
            )
        ],
        position_limits=[
            configuration.SpotFundsPositionLimitEntry(
                AccountId.from_int(1), "AAPL", openpit.param.Quantity("12.0")
            )
        ],
    )
    barrier = configuration.SpotFundsPnlBoundsBarrier("USD", lower_bound="-5", upper_bound=None)
    configure.spot_funds_pnl_bounds_killswitch(
        "SpotFundsPolicy",
        global_barrier=barrier,
        account_group_barriers=[
            configuration.SpotFundsPnlBoundsAccountGroupBarrier(barrier, AccountGroupId.from_int(2))
        ],
        account_barriers=[
            configuration.SpotFundsPnlBoundsAccountBarrier(barrier, AccountId.from_int(1))
        ],
    )

    assert state_of(engine)[0] == [
        [3, [[4, 5]], [[4, 6, 7]], [[4, 8, 9]]],
        True,
        [True, [[2, True]], [[1, False]]],
        [[1, [["AAPL", "12.0"]]]],
        [["USD", "-5", None], [[2, ["USD", "-5", None]]], [[1, ["USD", "-5", None]]]],
    ]
    other = engine_with(policies.build_spot_funds())
    handed_over(engine, other)
    assert other.settings() == engine.settings()


@pytest.mark.parametrize("digits", ["0", "-0", "0.00", "1.50", "-7E+3", "1E-27"])
def test_the_digits_of_an_amount_stay(digits: str) -> None:
    engine = engine_with(policies.build_spot_funds())
    policy: Any = core_of(engine).policies[0]
    slot = policies_funds(policy).slot("USD")
    slot.available = Decimal(digits)
    slot.average = Decimal(digits)

    other = engine_with(policies.build_spot_funds())
    handed_over(engine, other)

    found = policies_funds(core_of(other).policies[0]).slot("USD")
    assert (str(found.available), str(found.average)) == (digits, digits)


def policies_funds(policy: Any) -> Any:
    return open_funds(policy._funds, 1)
