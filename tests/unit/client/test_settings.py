"""Settings of a sharded engine: what one engine takes, all shards take, or none."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any

import pytest
from flow import IN_SHARD_0, IN_SHARD_1, account, buy
from link import link
from played import NOW, Bench
from played import SECOND as SECOND_NS

from openpit import Engine
from openpit.client.settings import SettingCalls
from openpit.errors import ShardDown, ShardStalled
from openpit.param import Pnl
from openpit.pretrade.policies import (
    OrderSizeBrokerBarrier,
    OrderSizeLimit,
    PnlBoundsBrokerBarrier,
    RateLimit,
    RateLimitAssetBarrier,
    RateLimitBrokerBarrier,
    SpotFundsPnlBoundsBarrier,
    build_order_size_limit,
    build_pnl_bounds_killswitch,
    build_rate_limit,
)
from openpit.wire import kinds
from openpit.wire.axes import BROKER
from openpit.wire.failures import failure_row

if TYPE_CHECKING:
    from openpit.faces.blocking.engine import ShardedEngine

SECOND = timedelta(seconds=1)
ONE = account(1)
COUNTED = kinds.EXECUTE_COUNTED


class Currency(StrEnum):
    USD = "USD"


class Orders(IntEnum):
    FEW = 1


class DeskBarrier(RateLimitBrokerBarrier):
    """A barrier as a user may name it."""


class DeskLimit(OrderSizeLimit):
    """A limit as a user may name it."""


def limited(builder: Any) -> Any:
    rate = RateLimitBrokerBarrier(RateLimit(100, SECOND))
    size = OrderSizeBrokerBarrier(OrderSizeLimit(max_quantity="100", max_notional="100000"))
    loss = PnlBoundsBrokerBarrier("USD", lower_bound=Pnl("-1000"))
    ready = builder.builtin(build_rate_limit().broker_barrier(rate))
    ready.builtin(build_order_size_limit().broker_barrier(size))
    return ready.builtin(build_pnl_bounds_killswitch().broker_barriers(loss))


def engine() -> ShardedEngine:
    return link(limited(Engine.builder().clock(lambda: 1).sharded(2)))


def one_engine() -> Any:
    return limited(Engine.builder().clock(lambda: 1).no_sync()).build()


def codes(sharded: Any) -> list[list[str]]:
    results = [sharded.execute_pre_trade(buy(number)) for number in (IN_SHARD_0, IN_SHARD_1)]
    return [[reject.code for reject in result.rejects] for result in results]


@pytest.mark.parametrize(
    "values",
    [
        {"broker": DeskBarrier(RateLimit(1, SECOND))},
        {"broker": RateLimitBrokerBarrier(RateLimit(Orders.FEW, SECOND))},
        {"asset_barriers": deque([RateLimitAssetBarrier(RateLimit(1, SECOND), "USD")])},
        {"asset_barriers": [RateLimitAssetBarrier(RateLimit(1, SECOND), Currency.USD)]},
    ],
    ids=["barrier", "number", "sequence", "text"],
)
def test_settings_of_users_classes_reach_every_shard(values: dict[str, Any]) -> None:
    sharded = engine()
    sharded.configure().rate_limit("RateLimitPolicy", **values)
    assert codes(sharded) == [[], ["RateLimitExceeded"]]


def test_limits_of_users_classes_reach_every_shard() -> None:
    sharded = engine()
    few = OrderSizeBrokerBarrier(DeskLimit(max_quantity="1", max_notional="100000"))
    sharded.configure().order_size_limit("OrderSizeLimitPolicy", broker=few)
    assert codes(sharded) == [["OrderQtyExceedsLimit"]] * 2


def test_an_account_s_setting_may_name_its_asset_by_an_enumeration() -> None:
    sharded = engine()
    sharded.configure().set_account_pnl(
        "PnlBoundsKillSwitchPolicy",
        account=account(IN_SHARD_0),
        settlement_asset=Currency.USD,
        pnl=Pnl("-1001"),
    )
    assert codes(sharded) == [["PnlKillSwitchTriggered"], []]


def test_settings_of_a_wrong_class_reach_nobody() -> None:
    sharded = engine()
    for wrong in (iter([RateLimitAssetBarrier(RateLimit(1, SECOND), "USD")]), {1}, object()):
        with pytest.raises(TypeError, match="is not an instance of 'Sequence'"):
            sharded.configure().rate_limit("RateLimitPolicy", asset_barriers=wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        sharded.configure().set_account_pnl(
            "PnlBoundsKillSwitchPolicy",
            account=account(1),
            settlement_asset={"USD"},  # type: ignore[arg-type]
            pnl=Pnl("-1001"),
        )
    with pytest.raises(TypeError):
        sharded.configure().set_account_pnl(
            "PnlBoundsKillSwitchPolicy",
            account=1,  # type: ignore[arg-type]
            settlement_asset="USD",
            pnl=Pnl("-1001"),
        )
    assert codes(sharded) == [[], []]


# --- the same exceptions as one engine's ---------------------------------------------------------

NAME = "RateLimitPolicy"
LIMIT = RateLimit(1, SECOND)
LONG = RateLimit(1, timedelta.max)
BOUND = {"lower_bound": Pnl("-5")}


def told(configurator: Any, method: str, name: Any, values: dict[str, Any]) -> tuple[Any, ...]:
    """What a change raises."""
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - compared below
        getattr(configurator, method)(name, **values)
    error = caught.value
    return type(error), str(error), getattr(error, "kind", None), error.args


@pytest.mark.parametrize(
    ("method", "name", "values"),
    [
        ("rate_limit", 5, {}),
        ("rate_limit", "NoSuch", {}),
        ("rate_limit", "NoSuch", {"asset_barriers": {1}}),
        ("rate_limit", "OrderSizeLimitPolicy", {}),
        ("rate_limit", NAME, {"broker": LIMIT}),
        ("rate_limit", NAME, {"asset_barriers": Orders.FEW}),
        ("rate_limit", NAME, {"asset_barriers": [RateLimitBrokerBarrier(LIMIT)]}),
        ("rate_limit", NAME, {"asset_barriers": [RateLimitAssetBarrier(LIMIT, "")]}),
        ("rate_limit", NAME, {"broker": RateLimitBrokerBarrier(RateLimit(-1, SECOND))}),
        ("rate_limit", NAME, {"broker": RateLimitBrokerBarrier(RateLimit(2**64, SECOND))}),
        ("rate_limit", NAME, {"broker": RateLimitBrokerBarrier(RateLimit(1, timedelta(0)))}),
        ("rate_limit", NAME, {"broker": RateLimitBrokerBarrier(RateLimit(1, timedelta(-1)))}),
        ("rate_limit", NAME, {"broker": RateLimitBrokerBarrier(LONG)}),
        ("rate_limit", NAME, {"broker": RateLimitBrokerBarrier(LIMIT), "clear_broker": True}),
        ("order_size_limit", "OrderSizeLimitPolicy", {"clear_broker": 1}),
        (
            "order_size_limit",
            "OrderSizeLimitPolicy",
            {"broker": OrderSizeBrokerBarrier(OrderSizeLimit())},
        ),
        ("pnl_bounds_killswitch", "PnlBoundsKillSwitchPolicy", {"broker_barriers": []}),
        (
            "pnl_bounds_killswitch",
            "PnlBoundsKillSwitchPolicy",
            {"broker_barriers": [PnlBoundsBrokerBarrier("USD")]},
        ),
        ("pnl_bounds_killswitch", NAME, {"broker_barriers": []}),
        ("set_account_pnl", NAME, {"account": 1, "settlement_asset": "USD", "pnl": Pnl("1")}),
        ("set_account_pnl", NAME, {"account": ONE, "settlement_asset": "USD", "pnl": "x"}),
        ("set_account_pnl", NAME, {"account": ONE, "settlement_asset": "USD", "pnl": Pnl("1")}),
        ("set_spot_funds_account_pnl", NAME, {"account": ONE, "state": Pnl("1")}),
        ("set_spot_funds_account_pnl", NAME, {"account": ONE, "state": 5}),
        ("spot_funds", "SpotFundsPolicy", {"global_slippage_bps": 20_000}),
        ("spot_funds", "SpotFundsPolicy", {"global_slippage_bps": -1}),
        ("spot_funds", "SpotFundsPolicy", {"overrides": [5]}),
        (
            "spot_funds_pnl_bounds_killswitch",
            "SpotFundsPolicy",
            {"global_barrier": SpotFundsPnlBoundsBarrier("USD")},
        ),
        ("spot_funds_pnl_bounds_killswitch", NAME, {"global_barrier": None}),
    ],
)
def test_what_is_refused_is_refused_as_by_one_engine(
    method: str, name: Any, values: dict[str, Any]
) -> None:
    sharded, single = engine(), one_engine()
    raised = told(single.configure(), method, name, values)
    assert told(sharded.configure(), method, name, values) == raised
    assert codes(sharded) == codes(single) == [[], []]


# --- step by step --------------------------------------------------------------------------------


def configure(bench: Bench, **values: Any) -> Any:
    return SettingCalls(bench).of_all(NOW, "rate_limit", NAME, values)


def axes(*rows: tuple[int, str | None, int]) -> tuple[Any, ...]:
    """The answer of a shard that would take the settings."""
    return kinds.CHECKED, 1, NOW, any(asset for _, asset, _ in rows), False, rows


def kinds_sent(bench: Bench) -> list[list[int]]:
    return [[command[0] for command in bench.sent(link.number)] for link in bench.router.links]


def test_the_first_shard_checks_before_any_applies() -> None:
    bench = Bench(shards=3)
    call = configure(bench, clear_broker=True)
    assert kinds_sent(bench) == [[kinds.CHECK_SETTINGS], [], []]
    bench.reply(0, axes())
    assert kinds_sent(bench) == [[kinds.CONFIGURE]] * 3
    for number in range(3):
        bench.reply(number, (kinds.DONE, 1))
    assert call.result() == []


def test_what_the_first_shard_refuses_reaches_no_other() -> None:
    bench = Bench(rate=5)
    before = bench.router.books.rates.told
    call = configure(bench, clear_broker=True)
    bench.reply(0, (kinds.RAISED, *failure_row(ValueError("no"))))
    with pytest.raises(ValueError, match="no"):
        call.result()
    assert kinds_sent(bench) == [[kinds.CHECK_SETTINGS], []]
    assert bench.router.books.rates.told == before


def test_the_next_shard_checks_where_the_first_is_lost() -> None:
    bench = Bench(shards=3)
    bench.router.lose(bench.router.links[0], "killed")
    call = configure(bench, clear_broker=True)
    assert kinds_sent(bench) == [[], [kinds.CHECK_SETTINGS], []]
    bench.router.lose(bench.router.links[1], "killed")
    assert kinds_sent(bench)[2] == [kinds.CHECK_SETTINGS]
    bench.reply(2, axes())
    bench.reply(2, (kinds.DONE, 1))
    assert call.result() == []


def test_nobody_checks_where_all_are_lost() -> None:
    bench = Bench()
    call = configure(bench, clear_broker=True)
    bench.router.lose(bench.router.links[1], "killed")
    bench.router.lose(bench.router.links[0], "killed too")
    with pytest.raises(ShardDown, match="shard 0 is down: killed too"):
        call.result()


@pytest.mark.parametrize("stalled", [0, 1])
def test_nothing_is_applied_if_a_shard_stalls_during_the_check(stalled: int) -> None:
    bench = Bench()
    call = configure(bench, clear_broker=True)
    bench.router.stall(bench.router.links[stalled], "silent")
    if stalled:
        bench.reply(0, axes())
    with pytest.raises(ShardStalled, match=f"shard {stalled} is stalled"):
        call.result()
    assert kinds_sent(bench) == [[kinds.CHECK_SETTINGS], []]


def test_orders_count_by_the_settings_that_their_shard_will_have() -> None:
    bench = Bench(rate=100)
    now = NOW + SECOND_NS
    bench.client.execute(now, buy(IN_SHARD_1))
    call = configure(bench, asset_barriers=[RateLimitAssetBarrier(LIMIT, "USD")])
    bench.client.execute(now, buy(IN_SHARD_1))  # the check is on its way
    bench.reply(0, axes((BROKER, None, SECOND_NS), (1, "USD", SECOND_NS)))
    bench.client.execute(now, buy(IN_SHARD_1))
    commands = bench.sent(1)
    ranked = [(command[0], *command[-2:]) for command in commands if command[0] == COUNTED]
    assert ranked == [(COUNTED, 1, 0), (COUNTED, 2, 0), (COUNTED, 3, 1)]
    assert [command[0] for command in commands].index(kinds.CONFIGURE) == 2
    for number, done in ((0, 1), (1, 0)):
        bench.reply(number, *[(kinds.DONE, 1)] * done)
    bench.reply(1, (kinds.ACCEPTED, 1), (kinds.ACCEPTED, 1), (kinds.DONE, 1), (kinds.ACCEPTED, 1))
    assert call.result() == []
    assert bench.router.books.rates.told.version == 1


def test_two_changes_are_made_one_after_the_other() -> None:
    bench = Bench()
    configure(bench, clear_broker=True)
    configure(bench, asset_barriers=[])
    bench.reply(0, axes())
    bench.reply(0, (kinds.DONE, 1))
    assert kinds_sent(bench)[0] == [kinds.CHECK_SETTINGS, kinds.CONFIGURE]
    bench.reply(1, (kinds.DONE, 1))
    assert kinds_sent(bench)[0] == [kinds.CHECK_SETTINGS]


def test_reasons_may_be_of_a_users_text_class() -> None:
    sharded = engine()
    sharded.accounts().block(account(IN_SHARD_1), Currency.USD)
    [reject] = sharded.execute_pre_trade(buy(IN_SHARD_1)).rejects
    assert reject.reason == "USD"
