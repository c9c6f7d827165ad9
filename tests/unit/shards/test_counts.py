"""From ranks to counts, and what has not counted."""

from __future__ import annotations

from datetime import timedelta
from threading import RLock
from typing import Any

import pytest
from batched import NOW, batch
from flow import buy

from openpit import Engine
from openpit.engine.builder import build_core
from openpit.errors import WireError
from openpit.param import AccountId, Pnl
from openpit.pretrade import AccountBlock, Policy
from openpit.pretrade.policies import (
    PnlBoundsBrokerBarrier,
    RateLimit,
    RateLimitAccountBarrier,
    RateLimitAssetBarrier,
    RateLimitBrokerBarrier,
    build_pnl_bounds_killswitch,
    build_rate_limit,
)
from openpit.shards.clock import ShardClock
from openpit.shards.shard import ShardCore
from openpit.wire import kinds
from openpit.wire.axes import BROKER, NO_AXES, CountingAxes
from openpit.wire.frames import messages_of, name_of, reply_in
from openpit.wire.values import encode

USD = 1
SECOND = 1_000_000_000
AXES = ((BROKER, 0, 0), (USD, 0, 0))
BLOCKED = 1
FLAT = ("AAPL", "USD", "BUY", "10", None, "185.5")


def shard(limit: int = 3) -> ShardCore:
    rate = RateLimit(limit, timedelta(seconds=1))
    axes = build_rate_limit().broker_barrier(RateLimitBrokerBarrier(rate))
    axes.asset_barriers(RateLimitAssetBarrier(rate, "USD"))
    clock = ShardClock()
    policies = Engine.builder().account_sync().builtin(axes)._policies
    core = ShardCore(0, build_core(policies, clock, RLock()), clock)
    block = AccountBlock(policy="", code="Other", reason="closed", details="")
    asked = (kinds.ADMINISTER, BLOCKED, "block", encode((BLOCKED, block)))
    core.receive(batch(0, 1, asked))
    return core


def order(account: int, broker: int, asset: int = 0) -> Any:
    return (kinds.EXECUTE_COUNTED, account, *FLAT, broker, asset)


def whole(kind: int, account: int, broker: int, asset: int = 0) -> Any:
    return (kind, account, encode(buy(account)), broker, asset)


def sent(core: ShardCore, *commands: Any, axes: Any = AXES, times: Any = ()) -> tuple[Any, Any]:
    """The counting part of the reply's head, and the replies."""
    frame = batch(0, core._next, *commands, axes=axes, times=times)
    _, uncounted, body = reply_in(core.receive(frame), name_of(frame))
    return uncounted, messages_of(body)


def why(reply: Any) -> str:
    return str(reply[1][0][2])


def test_an_order_is_judged_by_its_rank_and_what_the_head_adds() -> None:
    core = shard()
    uncounted, replies = sent(core, order(2, 10), order(2, 11), axes=[(BROKER, 0, -7)])
    assert uncounted == ()
    accepted, rejected = replies
    assert accepted == (kinds.ACCEPTED, 1) != rejected[:1]
    sent_in, (rejected,) = sent(core, order(2, 12, 7), axes=[(BROKER, 0, -11), (USD, 0, -3)])
    assert sent_in == ()
    assert why(rejected) == "submitted 4 orders in 1s window, max allowed: 3"


def test_those_after_one_that_does_not_count_do_without_it() -> None:
    core = shard()
    orders = [
        order(BLOCKED, 1, 1),
        order(2, 2, 2),
        order(2, 3, 0),
        order(BLOCKED, 4),
        order(2, 5, 4),
    ]
    uncounted, replies = sent(core, *orders, times=(5, 6, 7, 8, 9))
    assert uncounted == ((BROKER, 6, 2), (USD, 6, 1))
    assert [reply[0] for reply in replies] == [
        kinds.REJECTED,
        kinds.ACCEPTED,  # two of them
        kinds.REJECTED,
        kinds.ACCEPTED,
    ]
    assert replies[1] == (kinds.ACCEPTED, 2)
    _, (_, rejected) = sent(core, order(2, 3), order(2, 4))
    assert why(rejected) == "submitted 4 orders in 1s window, max allowed: 3"


@pytest.mark.parametrize("kind", [kinds.EXECUTE_WHOLE, kinds.START, kinds.DROP_COPY])
def test_whatever_counts_says_if_it_has_not(kind: int) -> None:
    core = shard()
    commands = [whole(kind, BLOCKED, 1, 1), whole(kind, 2, 2, 2)]
    uncounted, replies = sent(core, *commands)
    if kind == kinds.DROP_COPY:  # recorded, whatever is blocked
        assert uncounted == ()
    else:
        assert uncounted == ((BROKER, NOW, 1), (USD, NOW, 1))
        assert replies[0][0] == kinds.REJECTED


def test_where_none_counts_there_is_no_first() -> None:
    uncounted, _ = sent(shard(), order(BLOCKED, 1), order(BLOCKED, 2))
    assert uncounted == ((BROKER, 0, 2),)


def test_a_dry_run_tells_its_count_and_counts_nothing() -> None:
    core = shard()
    for account, is_blocked in ((2, False), (BLOCKED, True)):
        uncounted, (reply,) = sent(core, whole(kinds.EXECUTE_DRY_RUN, account, 4))
        assert uncounted == ()
        text = reply[1][0][1]
        assert (text == "closed") is is_blocked


@pytest.mark.parametrize(
    ("orders", "axes"),
    [
        ([order(2, 1)], ()),
        ([order(2, 1)], [(USD, 0, 0)]),
        ([order(2, 0, 1)], [(BROKER, 0, 0)]),
        ([order(2, 1)], [(BROKER, 0, -1)]),
        ([order(2, 0, 5)], [(USD, 0, -5)]),
        ([order(2, 2), order(2, 2)], AXES),
        ([order(2, 2), order(3, 1)], AXES),
        ([order(2, 0, 2), order(3, 0, 1)], AXES),
        ([order(2, 0, 2), whole(kinds.START, 3, 0, 2)], AXES),
        ([order(2, 1)], [(2, 0, 0)]),
        ([order(2, 1)] * 9, AXES),
    ],
    ids=str,
)
def test_ranks_that_are_none_spoil_their_batch(orders: Any, axes: Any) -> None:
    core = shard()
    good = order(2, 1)
    with pytest.raises(WireError):
        sent(core, *orders, axes=axes)
    assert sent(core, good) == ((), ((kinds.ACCEPTED, 1),))  # nothing of it has been done


def test_a_head_may_name_an_axis_whose_barrier_is_gone() -> None:
    core = shard(limit=1)
    cleared = {"name": "RateLimitPolicy", "asset_barriers": []}
    sent(core, (kinds.CONFIGURE, None, "rate_limit", encode(cleared)), axes=())
    assert sent(core, order(2, 0, 5), axes=[(USD, 0, 0)]) == ((), ((kinds.ACCEPTED, 1),))


class Raising(Policy):
    """Raises, in front of the policy that counts."""

    name = "Raising"

    def check_pre_trade_start(self, ctx: Any, order: Any) -> Any:
        if order.operation.account_id.value == BLOCKED:
            raise ValueError("not today")
        return []


def test_an_order_at_which_a_policy_raises_counts_as_in_one_engine() -> None:
    rate = RateLimit(1, timedelta(seconds=1))
    axes = build_rate_limit().broker_barrier(RateLimitBrokerBarrier(rate))
    single = Engine.builder().no_sync().pre_trade(Raising()).builtin(axes).build()
    with pytest.raises(ValueError, match="not today"):
        single.execute_pre_trade(buy(BLOCKED))
    assert not single.execute_pre_trade(buy(2))
    clock = ShardClock()
    axes = build_rate_limit().broker_barrier(RateLimitBrokerBarrier(rate))
    policies = Engine.builder().account_sync().pre_trade(Raising()).builtin(axes)._policies
    core = ShardCore(0, build_core(policies, clock, RLock()), clock)
    uncounted, replies = sent(core, order(BLOCKED, 1), order(2, 2), axes=AXES[:1])
    assert [reply[0] for reply in replies] == [kinds.RAISED, kinds.REJECTED]
    assert uncounted == ()


# --- the axes that are told ----------------------------------------------------------------------


def checked(core: ShardCore, **change: Any) -> tuple[Any, ...]:
    """What the shard says of new rates."""
    values = encode({"name": "RateLimitPolicy", **change})
    _, (reply,) = sent(core, (kinds.CHECK_SETTINGS, None, "rate_limit", values), axes=())
    return tuple(reply)


def per_asset(asset: str, seconds: int) -> RateLimitAssetBarrier:
    return RateLimitAssetBarrier(RateLimit(5, timedelta(seconds=seconds)), asset)


def test_a_shard_tells_its_axes() -> None:
    rows = ((USD, "USD", SECOND), (BROKER, None, SECOND))
    core = shard()
    assert core.axes == CountingAxes(0, core.counts.began, True, False, rows)
    clock = ShardClock()
    assert ShardCore(0, build_core([], clock, RLock()), clock).axes == NO_AXES


def test_a_check_tells_what_would_be_and_applies_nothing() -> None:
    core = shard(limit=1)
    for _ in range(2):
        barriers = [per_asset("AAPL", 2), per_asset("USD", 3)]
        assert checked(core, asset_barriers=barriers, clear_broker=True) == (
            kinds.CHECKED, 1, NOW, True, False, ((2, "AAPL", 2 * SECOND), (USD, "USD", 3 * SECOND)),
        )  # fmt: skip
    assert core.axes.rows == shard().axes.rows
    _, replies = sent(core, order(2, 1), order(2, 2))
    assert [reply[0] for reply in replies] == [kinds.ACCEPTED, kinds.REJECTED]


def test_what_has_been_checked_is_what_applies() -> None:
    core = shard()
    change: dict[str, Any] = {"asset_barriers": [per_asset("EUR", 1)], "clear_broker": True}
    _, *told = checked(core, **change)
    values = encode({"name": "RateLimitPolicy", **change})
    sent(core, (kinds.CONFIGURE, None, "rate_limit", values), axes=())
    assert core.axes._replace(since=NOW) == CountingAxes(*told)
    assert core.axes.rows == ((2, "EUR", SECOND),)
    assert checked(core, asset_barriers=[per_asset("USD", 1)])[1::4] == (2, ((1, "USD", SECOND),))


def test_who_reads_an_account_is_told() -> None:
    barrier = RateLimitAccountBarrier(RateLimit(5, timedelta(seconds=1)), AccountId.from_int(2))
    reply = checked(shard(), account_barriers=[barrier], asset_barriers=[])
    assert reply[3:] == (False, True, ((BROKER, None, SECOND),))


def test_a_change_that_is_not_of_rates_leaves_the_axes_as_they_are() -> None:
    core = shard()
    values = encode({"name": "RateLimitPolicy"})
    _, (refused,) = sent(core, (kinds.CHECK_SETTINGS, None, "order_size_limit", values), axes=())
    assert (refused[0], refused[2]) == (kinds.RAISED, "PolicyConfigureError")
    assert checked(core)[5] == core.axes.rows


def test_an_accounts_own_setting_is_no_new_version() -> None:
    builder = Engine.builder().account_sync()
    bounds = PnlBoundsBrokerBarrier("USD", lower_bound=Pnl("-1000"))
    ready = builder.builtin(build_pnl_bounds_killswitch().broker_barriers(bounds))
    clock = ShardClock()
    core = ShardCore(0, build_core(ready._policies, clock, RLock()), clock)
    values = {"account": AccountId.from_int(2), "settlement_asset": "USD", "pnl": Pnl("5")}
    own = encode({"name": "PnlBoundsKillSwitchPolicy", **values})
    every = encode({"name": "PnlBoundsKillSwitchPolicy", "broker_barriers": [bounds]})
    asked = (kinds.CONFIGURE, 2, "set_account_pnl", own)
    assert sent(core, asked, axes=())[1] == ((kinds.DONE, 1),)
    assert core.axes.version == 0
    sent(core, (kinds.CONFIGURE, None, "pnl_bounds_killswitch", every), axes=())
    assert core.axes.version == 1
