"""Settings of a running engine: all of a call or nothing, from the next order."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from makers import (
    Clock,
    Scripted,
    account,
    block_fields,
    deposit,
    engine_with,
    order,
    pnl_report,
    reasons,
)

import openpit
from openpit import ConfigureErrorKind, PolicyConfigureError
from openpit.pretrade import PnlHaltReason, policies

RATE, SIZE, PNL, FUNDS = (
    "RateLimitPolicy",
    "OrderSizeLimitPolicy",
    "PnlBoundsKillSwitchPolicy",
    "SpotFundsPolicy",
)
NO_BOUND = "at least one of lower_bound or upper_bound must be configured for settlement asset USD"
CELL = "openpit::storage::config_cell::ArcSwapConfigCell<openpit::pretrade::policies::"


def rate(orders: int, seconds: float = 3600) -> policies.RateLimit:
    return policies.RateLimit(orders, dt.timedelta(seconds=seconds))


def broker_rate(orders: int) -> policies.RateLimitBrokerBarrier:
    return policies.RateLimitBrokerBarrier(rate(orders))


def bounds(lower: int | None, asset: str = "USD") -> policies.PnlBoundsBrokerBarrier:
    return policies.PnlBoundsBrokerBarrier(asset, lower_bound=lower)


def size(quantity: int | None) -> policies.OrderSizeLimit:
    return policies.OrderSizeLimit(max_quantity=quantity)


@pytest.fixture
def engine() -> openpit.Engine:
    return engine_with(
        policies.build_order_validation(),
        policies.build_rate_limit().broker_barrier(broker_rate(100)),
        policies.build_order_size_limit().broker_barrier(
            policies.OrderSizeBrokerBarrier(size(100))
        ),
        policies.build_pnl_bounds_killswitch().broker_barriers(bounds(-100)),
        Scripted("Desk"),
        clock=Clock(),
    )


def refusal(call: Any) -> tuple[ConfigureErrorKind, str]:
    with pytest.raises(PolicyConfigureError) as caught:
        call()
    return caught.value.kind, str(caught.value)


# --- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nope", "Desk", "OrderValidationPolicy"])
def test_a_name_that_cannot_be_configured_is_unknown(engine: openpit.Engine, name: str) -> None:
    configure = engine.configure()

    for call in (
        lambda: configure.rate_limit(name, clear_broker=True),
        lambda: configure.order_size_limit(name),
        lambda: configure.pnl_bounds_killswitch(name),
        lambda: configure.set_account_pnl(name, account=account(1), settlement_asset="USD", pnl=5),
        lambda: configure.spot_funds(name),
        lambda: configure.spot_funds_pnl_bounds_killswitch(name),
        lambda: configure.set_spot_funds_account_pnl(name, account=account(1), state=5),
    ):
        kind, message = refusal(call)
        assert kind == ConfigureErrorKind.UNKNOWN
        assert message == f"no configurable policy named {name}"


def test_a_policy_of_another_type_is_named_with_both_types(engine: openpit.Engine) -> None:
    kind, message = refusal(lambda: engine.configure().rate_limit(SIZE))

    assert kind == ConfigureErrorKind.TYPE_MISMATCH
    assert message == (
        f"policy OrderSizeLimitPolicy has settings type "
        f"{CELL}order_size_limit::OrderSizeLimitSettings>, "
        f"not {CELL}rate_limit::RateLimitSettings>"
    )


@pytest.mark.parametrize(
    ("name", "call", "text"),
    [
        (
            RATE,
            lambda configure: configure.rate_limit(
                RATE, broker=policies.RateLimitBrokerBarrier(rate(1, 0))
            ),
            "rate limit window must be positive and fit in u64 nanoseconds, got 0ns",
        ),
        (
            SIZE,
            lambda configure: configure.order_size_limit(
                SIZE, broker=policies.OrderSizeBrokerBarrier(size(None))
            ),
            "at least one of max_quantity or max_notional must be configured",
        ),
        (
            SIZE,
            lambda configure: configure.order_size_limit(
                SIZE, asset_barriers=[policies.OrderSizeAssetBarrier(size(1), "AAPL")] * 2
            ),
            "duplicate asset barrier for asset AAPL",
        ),
        (
            PNL,
            lambda configure: configure.pnl_bounds_killswitch(PNL, broker_barriers=[]),
            "at least one broker or account+asset barrier must be configured",
        ),
        (
            PNL,
            lambda configure: configure.pnl_bounds_killswitch(PNL, broker_barriers=[bounds(None)]),
            NO_BOUND,
        ),
    ],
)
def test_settings_that_a_policy_cannot_work_with_are_a_validation_failure(
    engine: openpit.Engine, name: str, call: Any, text: str
) -> None:
    kind, message = refusal(lambda: call(engine.configure()))

    assert kind == ConfigureErrorKind.VALIDATION
    assert message == f"policy {name} rejected the update: {text}"


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda configure: configure.rate_limit(RATE, broker=rate(1)),
            TypeError,
            "expected openpit.pretrade.policies.RateLimitBrokerBarrier",
        ),
        (
            lambda configure: configure.rate_limit(RATE, broker=broker_rate(1), clear_broker=True),
            ValueError,
            "broker and clear_broker cannot both be provided",
        ),
        (
            lambda configure: configure.order_size_limit(
                SIZE, broker=policies.OrderSizeBrokerBarrier(size(1)), clear_broker=True
            ),
            ValueError,
            "broker and clear_broker cannot both be provided",
        ),
        (
            lambda configure: configure.rate_limit(
                RATE, asset_barriers=[policies.RateLimitAssetBarrier(rate(1), "")]
            ),
            ValueError,
            "asset must not be empty",
        ),
        (
            lambda configure: configure.set_account_pnl(
                PNL, account=1, settlement_asset="USD", pnl=5
            ),
            TypeError,
            "account_id must be openpit.param.AccountId",
        ),
        (
            lambda configure: configure.rate_limit(5),
            TypeError,
            "'int' object is not an instance of 'str'",
        ),
    ],
)
def test_arguments_are_read_before_the_policy_is_looked_for(
    engine: openpit.Engine, call: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=f"^{re.escape(text)}$"):
        call(engine.configure())


def test_a_call_that_is_refused_changes_nothing_of_it(engine: openpit.Engine) -> None:
    configure = engine.configure()

    refusal(
        lambda: configure.rate_limit(
            RATE,
            broker=broker_rate(0),
            asset_barriers=[policies.RateLimitAssetBarrier(rate(1, 0), "USD")],
        )
    )
    refusal(
        lambda: configure.order_size_limit(
            SIZE,
            broker=policies.OrderSizeBrokerBarrier(size(1)),
            asset_barriers=[policies.OrderSizeAssetBarrier(size(1), "AAPL")] * 2,
        )
    )

    assert engine.execute_pre_trade(order())


# --- effects -----------------------------------------------------------------------------------


def test_the_next_order_meets_the_new_settings(engine: openpit.Engine) -> None:
    configure = engine.configure()
    assert engine.execute_pre_trade(order(quantity="10"))

    configure.order_size_limit(SIZE, broker=policies.OrderSizeBrokerBarrier(size(9)))
    assert reasons(engine.execute_pre_trade(order(quantity="10"))) == ["order quantity exceeded"]
    configure.order_size_limit(SIZE, clear_broker=True)
    assert engine.execute_pre_trade(order(quantity="1000"))

    configure.rate_limit(RATE, broker=broker_rate(3))
    assert reasons(engine.execute_pre_trade(order())) == ["rate limit exceeded: broker barrier"]
    configure.rate_limit(RATE, clear_broker=True)
    assert engine.execute_pre_trade(order())


def test_a_realized_pnl_is_set_and_the_next_order_decides(engine: openpit.Engine) -> None:
    configure = engine.configure()

    configure.set_account_pnl(PNL, account=account(1), settlement_asset="USD", pnl=-101)
    configure.pnl_bounds_killswitch(PNL, broker_barriers=[bounds(-200)])
    assert engine.execute_pre_trade(order(1))
    configure.pnl_bounds_killswitch(PNL, broker_barriers=[bounds(-100)])

    assert reasons(engine.execute_pre_trade(order(1))) == [
        "pnl kill switch triggered: broker barrier"
    ]
    # The account is blocked by then; a new figure does not free it.
    configure.set_account_pnl(PNL, account=account(1), settlement_asset="USD", pnl=0)
    assert not engine.execute_pre_trade(order(1))
    engine.accounts().unblock(account(1))
    assert engine.execute_pre_trade(order(1))


def test_a_callback_may_change_the_settings() -> None:
    def stop(ctx: Any, report: Any) -> None:
        engine.configure().rate_limit(RATE, broker=broker_rate(0))

    engine = engine_with(
        policies.build_rate_limit().broker_barrier(broker_rate(100)),
        Scripted(report=stop),
        sync="full_sync",
    )
    assert engine.execute_pre_trade(order())

    engine.apply_execution_report(pnl_report())

    assert reasons(engine.execute_pre_trade(order())) == ["rate limit exceeded: broker barrier"]


def test_a_configurator_keeps_its_engine_in_use(engine: openpit.Engine) -> None:
    request = engine.start_pre_trade(order()).request
    assert request is not None
    configure = engine.configure()

    del engine

    assert request.execute()
    configure.rate_limit(RATE, broker=broker_rate(0))


# --- spot funds --------------------------------------------------------------------------------


def test_spot_funds_settings_are_set_one_by_one() -> None:
    engine = engine_with(policies.build_spot_funds())
    engine.apply_account_adjustment(account(1), [deposit("USD", "100")])
    configure = engine.configure()
    assert reasons(engine.execute_pre_trade(order(1, "10", "100"))) == ["spot funds insufficient"]

    configure.spot_funds(
        FUNDS,
        account_limit_modes=[
            policies.SpotFundsLimitModeAccountEntry(
                account(1), policies.SpotFundsLimitMode.TRACK_ONLY
            )
        ],
    )

    assert engine.execute_pre_trade(order(1, "10", "100"))
    assert not engine.execute_pre_trade(order(2, "10", "100"))


def test_new_pnl_barriers_are_looked_at_at_once_and_their_blocks_are_told() -> None:
    engine = engine_with(policies.build_spot_funds())
    for number in (3, 1, 2):
        engine.accounts().set_currency(account(number), "USD")
    engine.accounts().block(account(2), "under review")

    outcomes = engine.configure().spot_funds_pnl_bounds_killswitch(
        FUNDS, global_barrier=policies.SpotFundsPnlBoundsBarrier("USD", lower_bound=1)
    )

    assert [item.account_id for item in outcomes.account_blocks] == [account(1), account(3)]
    assert {item.block.code for item in outcomes.account_blocks} == {"PnlKillSwitchTriggered"}
    assert [engine.execute_pre_trade(order(number)).ok for number in (1, 2, 3)] == [False] * 3


def test_an_account_pnl_is_set_or_halted_and_the_block_that_follows_is_told() -> None:
    engine = engine_with(
        policies.build_spot_funds_pnl_bounds_killswitch().global_barrier(
            policies.SpotFundsPnlBoundsBarrier("USD", lower_bound=-100)
        )
    )
    engine.accounts().set_currency(account(1), "USD")
    configure = engine.configure()

    inside = configure.set_spot_funds_account_pnl(FUNDS, account=account(1), state=-100)
    assert inside.account_blocks == []
    assert engine.execute_pre_trade(order(1))
    halted = configure.set_spot_funds_account_pnl(
        FUNDS, account=account(1), state=PnlHaltReason.MISSING_FX
    )

    assert [block_fields(item)[0] for item in halted.account_blocks] == ["PnlKillSwitchTriggered"]
    assert not engine.execute_pre_trade(order(1))


def test_programs_cannot_make_one(engine: openpit.Engine) -> None:
    with pytest.raises(TypeError, match=r"^cannot create 'openpit.Configurator' instances$"):
        type(engine.configure())()


# --- several changes together ---------------------------------------------------------------------

RATES = ("rate_limit", {"name": RATE, "broker": broker_rate(7)})
SIZES = ("order_size_limit", {"name": SIZE, "broker": policies.OrderSizeBrokerBarrier(size(7))})
NO_BOUNDS = ("pnl_bounds_killswitch", {"name": PNL, "broker_barriers": []})


def test_changes_together_are_all_made(engine: openpit.Engine) -> None:
    assert engine.configure().apply_all([RATES, SIZES]).account_blocks == []
    settings = engine.settings()
    assert settings["rate_limit"]["broker"]["max_orders"] == 7
    assert settings["order_size_limit"]["broker"] == {"max_quantity": "7"}
    assert engine.configure().apply_all([]).account_blocks == []
    assert engine.settings() == settings


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (NO_BOUNDS, PolicyConfigureError),
        (("rate_limit", {"name": "nobody"}), PolicyConfigureError),
        (("spot_funds", {"name": SIZE}), PolicyConfigureError),
        (("rate_limit", {"name": 5}), TypeError),
        (("rate_limit", {}), TypeError),
        (("rate_limit", {"name": "other", "broker": 5}), TypeError),
        (("rate_limit", {"name": RATE}), ValueError),
        (("set_account_pnl", {"name": PNL}), ValueError),
        (("apply_all", {"changes": []}), ValueError),
        ("rate_limit", TypeError),
        (5, TypeError),
    ],
)
def test_one_that_is_wrong_leaves_all_others_unmade(
    engine: openpit.Engine, place: int, wrong: Any, error: type[Exception]
) -> None:
    before = engine.settings()
    changes: list[Any] = [RATES, SIZES]
    changes.insert(place, wrong)
    with pytest.raises(error):
        engine.configure().apply_all(changes)
    assert engine.settings() == before


def test_changes_are_a_list_of_them(engine: openpit.Engine) -> None:
    for wrong in (None, 5, "rate_limit", {"rate_limit": {}}):
        with pytest.raises(TypeError, match="a change is a method's name and its arguments"):
            engine.configure().apply_all(wrong)  # type: ignore[arg-type]  # what is wrong
    engine.configure().apply_all(iter([RATES]))
    assert engine.settings()["rate_limit"]["broker"]["max_orders"] == 7
