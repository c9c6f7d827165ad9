"""Orders of a batch that are judged at once: answers, counts and states of one after another."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from threading import RLock
from typing import Any

import pytest
from batched import batch

from openpit import Engine
from openpit.engine.builder import build_core
from openpit.param import AccountId
from openpit.pretrade import AccountBlock
from openpit.pretrade.policies import (
    OrderSizeBrokerBarrier,
    OrderSizeLimit,
    PnlBoundsAccountAssetBarrier,
    PnlBoundsBrokerBarrier,
    RateLimit,
    RateLimitAccountBarrier,
    RateLimitAssetBarrier,
    RateLimitBrokerBarrier,
    SpotFundsPnlBoundsBarrier,
    build_order_size_limit,
    build_order_validation,
    build_pnl_bounds_killswitch,
    build_rate_limit,
    build_spot_funds_pnl_bounds_killswitch,
)
from openpit.pretrade.policies.rate_limit import RateLimitPolicy
from openpit.shards.clock import ShardClock
from openpit.shards.intake import MANY
from openpit.shards.recent import KEPT
from openpit.shards.shard import ShardCore
from openpit.wire import kinds
from openpit.wire.axes import BROKER
from openpit.wire.frames import messages_of, name_of, reply_in
from openpit.wire.runs import told_apart
from openpit.wire.shard_limits import ShardLimits
from openpit.wire.values import encode

USD = 1
ACCOUNTS = range(2, 7)
LIMIT = 1000


def rate(orders: int) -> RateLimit:
    return RateLimit(orders, timedelta(seconds=1))


def rates(orders: int = LIMIT, of_usd: int = LIMIT) -> Any:
    broker = build_rate_limit().broker_barrier(RateLimitBrokerBarrier(rate(orders)))
    return broker.asset_barriers(RateLimitAssetBarrier(rate(of_usd), "USD"))


def sizes(quantity: Any = 50, notional: Any = 10_000) -> Any:
    limit = OrderSizeLimit(max_quantity=quantity, max_notional=notional)
    return build_order_size_limit().broker_barrier(OrderSizeBrokerBarrier(limit))


def bounds(lower: Any = -100, upper: Any = None) -> Any:
    barrier = PnlBoundsBrokerBarrier("USD", lower_bound=lower, upper_bound=upper)
    return build_pnl_bounds_killswitch().broker_barriers(barrier)


def four() -> list[Any]:
    return [build_order_validation(), rates(), sizes(), bounds()]


def shard(policies: list[Any], limits: ShardLimits | None = None) -> ShardCore:
    """A shard whose policies are these."""
    stage: Any = Engine.builder().account_sync()
    for policy in policies:
        stage = stage.builtin(policy)
    clock = ShardClock()
    return ShardCore(
        0, build_core(stage._policies, clock, RLock()), clock, (), None, 0, limits or ShardLimits()
    )


def order(
    place: int, account: int = 2, quantity: Any = "10", price: Any = "150", settlement: Any = "USD"
) -> tuple[Any, ...]:
    """An order that counts for the broker, and for USD if that settles it."""
    asset = place + 1 if settlement == "USD" else 0
    row = (kinds.EXECUTE_COUNTED, account, "AAPL", settlement, "BUY", quantity, None, price)
    return (*row, place + 1, asset)


def sent(core: ShardCore, *commands: Any, at: int = 0) -> tuple[Any, list[Any]]:
    """What has not counted, and the replies apart; ``at`` is the count before the first."""
    uncounted, replies = sent_at_once(core, *commands, at=at)
    return uncounted, [*told_apart(replies)]


def sent_at_once(core: ShardCore, *commands: Any, at: int = 0) -> tuple[Any, list[Any]]:
    """The same with the replies as they are."""
    axes = [(BROKER, 0, at), (USD, 0, at)]
    frame = batch(0, core._next, *commands, axes=axes if commands[0][0] == 2 else ())
    reply = core.receive(frame)
    _, uncounted, body = reply_in(reply, name_of(frame))
    return uncounted, list(messages_of(body))


def block(core: ShardCore, account: int) -> None:
    cause = AccountBlock(policy="", code="Other", reason="closed", details="")
    core.receive(
        batch(0, core._next, (kinds.ADMINISTER, account, "block", encode((account, cause))))
    )


def asked(core: ShardCore) -> list[int]:
    """The accounts of the orders that the policies are asked of by themselves, from now on."""
    found: list[int] = []
    execute = core._execute

    def noting(order: Any, now: int) -> Any:
        found.append(order._account_)
        return execute(order, now)

    core._execute = noting
    return found


def test_what_all_policies_let_pass_is_judged_at_once() -> None:
    core = shard(four())
    one_by_one = asked(core)
    assert sent(core, *[order(place) for place in range(9)]) == ((), [(kinds.ACCEPTED, 9)])
    plain = [order(place)[:8] for place in range(9)]
    plain = [(kinds.EXECUTE, *row[1:]) for row in plain]
    assert sent(core, *plain) == ((), [(kinds.ACCEPTED, 9)])
    assert one_by_one == []


@pytest.mark.parametrize(
    "bad",
    [
        {"quantity": "0"},
        {"quantity": "51"},
        {"quantity": "49", "price": "300"},
        {"quantity": "49", "price": "-300"},
    ],
    ids=str,
)
def test_only_what_a_policy_may_have_something_against_is_judged_by_itself(bad: Any) -> None:
    core = shard(four())
    one_by_one = asked(core)
    orders = [order(place) for place in range(9)]
    orders[4] = order(4, 5, **bad)
    uncounted, (before, rejected, behind) = sent(core, *orders)
    assert (before, behind) == ((kinds.ACCEPTED, 4),) * 2
    assert rejected[0] == kinds.REJECTED
    assert len(rejected[1]) == 1
    assert (one_by_one, uncounted) == ([5], ())


def test_orders_of_an_account_that_is_blocked_do_not_count() -> None:
    core = shard(four())
    block(core, 6)
    one_by_one = asked(core)
    orders = [order(place, 6 if place in {0, 8} else 2) for place in range(9)]
    uncounted, replies = sent(core, *orders)
    assert [reply[0] for reply in replies] == [kinds.REJECTED, kinds.ACCEPTED, kinds.REJECTED]
    assert replies[1] == (kinds.ACCEPTED, 7)
    assert uncounted == ((BROKER, 1_000, 2), (USD, 1_000, 2))
    assert one_by_one == [6, 6]


def test_what_a_rate_refuses_is_known_by_the_counts() -> None:
    core = shard([rates(orders=20, of_usd=18)])
    one_by_one = asked(core)
    orders = [order(place) for place in range(9)]
    assert sent(core, *orders, at=9) == ((), [(kinds.ACCEPTED, 9)])
    uncounted, (accepted, *rejected) = sent(core, *orders, at=12)
    assert one_by_one == []
    assert uncounted == ()
    assert accepted == (kinds.ACCEPTED, 6)
    assert [reply[1][0][1:3] for reply in rejected] == [
        (
            "rate limit exceeded: asset barrier",
            "submitted 19 orders in 1s window, max allowed: 18",
        ),
        (
            "rate limit exceeded: asset barrier",
            "submitted 20 orders in 1s window, max allowed: 18",
        ),
        (
            "rate limit exceeded: broker barrier",
            "submitted 21 orders in 1s window, max allowed: 20",
        ),
    ]
    assert core.recent.refused == 3


def test_what_a_rate_refuses_is_judged_one_by_one_beside_what_may_not_count() -> None:
    core = shard([rates(orders=20)])
    block(core, 5)
    one_by_one = asked(core)
    orders = [order(place, 5 if place == 2 else 3) for place in range(9)]
    uncounted, replies = sent(core, *orders, at=12)
    assert one_by_one == [5, 3]
    assert uncounted == ((BROKER, 1_000, 1), (USD, 1_000, 1))
    assert [reply[0] for reply in replies] == [kinds.ACCEPTED, kinds.REJECTED, kinds.ACCEPTED]


@pytest.mark.parametrize("beyond", [0, 1])
def test_of_many_that_a_rate_refuses_the_last_are_kept_and_all_counted(beyond: int) -> None:
    at_once, one_by_one = shard([rates(orders=1)]), shard([rates(orders=1)])
    one_by_one._all_at_once = None  # type: ignore[misc]  # as below
    orders = [order(place, 2 + place % 5) for place in range(1 + KEPT + beyond)]
    assert sent(at_once, *orders) == sent(one_by_one, *orders)
    assert at_once.recent.export() == one_by_one.recent.export()
    assert at_once.recent.refused == KEPT + beyond


def test_what_a_rate_refuses_is_told_by_runs_with_the_counts() -> None:
    core = shard([rates(orders=7, of_usd=3)])
    settled = ["USD", "USD", "EUR", "USD", "EUR", "USD", "USD", "USD", "EUR", "USD"]
    rows = []
    for place, settlement in enumerate(settled):
        rank = settled[: place + 1].count("USD") if settlement == "USD" else 0
        rows.append((*order(place, settlement=settlement)[:-1], rank))

    uncounted, replies = sent_at_once(core, *rows)

    assert uncounted == ()
    assert [reply[:2] for reply in replies] == [
        (kinds.ACCEPTED, 5),
        (kinds.REJECTED_ALIKE, (4, 5)),
        (kinds.REJECTED_ALIKE, (8, 9, 10)),
    ]
    assert [reply[2][1] for reply in replies[1:]] == [
        "rate limit exceeded: asset barrier",
        "rate limit exceeded: broker barrier",
    ]
    _, apart = sent(core, *rows, at=0)
    details = "submitted 5 orders in 1s window, max allowed: 3"
    assert apart[2][1][0][2] == details


def test_what_a_rate_refuses_is_told_by_runs_around_what_is_judged_by_itself() -> None:
    core = shard([rates(orders=3), sizes(50)])
    orders = [order(place, quantity="51" if place in {1, 7, 11} else "10") for place in range(12)]
    one_by_one = asked(core)

    uncounted, replies = sent_at_once(core, *orders)

    assert uncounted == ()
    assert [reply[:2] for reply in replies if reply[0] != kinds.REJECTED] == [
        *[(kinds.ACCEPTED, 1)] * 2,
        (kinds.REJECTED_ALIKE, (4, 5, 6, 7)),
        (kinds.REJECTED_ALIKE, (9, 10, 11)),
    ]
    rejected = [reply[1] for reply in replies if reply[0] == kinds.REJECTED]
    assert [[row[0] for row in rows] for rows in rejected] == [
        ["OrderQtyExceedsLimit"],
        *[["RateLimitExceeded", "OrderQtyExceedsLimit"]] * 2,
    ]
    assert len(one_by_one) == 3
    assert [one[3] for one in core.recent.export()[2]] == [2] * 10


def test_behind_an_order_that_did_not_count_each_is_judged() -> None:
    core = shard([rates(orders=3)])
    block(core, 5)
    orders = [order(place, 5 if place == 6 else 2) for place in range(10)]
    one_by_one = asked(core)

    _, replies = sent_at_once(core, *orders)

    assert [reply[0] for reply in replies] == [
        *(kinds.ACCEPTED, kinds.REJECTED_ALIKE),
        *[kinds.REJECTED] * 4,
    ]
    assert replies[1][1] == (4, 5, 6)
    details = [rows[0][2] for _, rows in replies[3:]]
    assert details == [f"submitted {n} orders in 1s window, max allowed: 3" for n in (7, 8, 9)]
    assert one_by_one == [5, 2, 2, 2]


def test_a_shard_that_has_just_come_up_answers_in_the_same_bytes() -> None:
    orders = [order(place, 2 + place % 5) for place in range(9)]
    first, frames = shard([rates(orders=3)]), []
    for _ in range(2):
        frames.append(batch(0, first._next, *orders, axes=[(BROKER, 0, 0), (USD, 0, 0)]))
        told = first.receive(frames[-1])
    replaying = shard([rates(orders=3)])
    replaying.resume(0, 10)

    assert replaying.receive(frames[1]) == told
    assert messages_of(reply_in(told, name_of(frames[1]))[-1])[1][0] == kinds.REJECTED_ALIKE


def test_the_rate_of_an_asset_is_looked_at_for_its_own_orders() -> None:
    core = shard([rates(of_usd=5)])
    settled = [order(place, settlement="USD" if place < 5 else "EUR") for place in range(9)]
    assert sent(core, *settled) == ((), [(kinds.ACCEPTED, 9)])
    settled[8] = (*order(8)[:-1], 6)
    _, (accepted, rejected) = sent(core, *settled)
    assert accepted == (kinds.ACCEPTED, 8)
    assert rejected[1][0][1] == "rate limit exceeded: asset barrier"


def test_an_account_outside_its_bounds_is_blocked_for_the_orders_behind() -> None:
    core = shard(four())
    loss = (kinds.REPORT, 5, "AAPL", "USD", "BUY", "-101", "0", None)
    sent(core, loss)
    assert core.engine.registry.has_own_block(5)
    core.engine.registry.unblock(5)
    orders = [order(place, 5 if place in {1, 7} else 2) for place in range(9)]
    orders[7] = order(7, 5, settlement="EUR")
    _, replies = sent(core, *orders)
    assert [reply[0] for reply in replies] == [kinds.ACCEPTED, kinds.REJECTED] * 2 + [
        kinds.ACCEPTED
    ]


NEVER = {
    "an account's rate": lambda: [
        build_rate_limit().account_barriers(RateLimitAccountBarrier(rate(9), AccountId.from_int(2)))
    ],
    "spot funds with a barrier": lambda: [
        build_order_validation(),
        build_spot_funds_pnl_bounds_killswitch().global_barrier(
            SpotFundsPnlBoundsBarrier("USD", lower_bound=-100)
        ),
    ],
}


@pytest.mark.parametrize("policies", NEVER)
def test_what_keeps_something_of_each_order_is_asked_of_each(policies: str) -> None:
    core = shard(NEVER[policies]())
    one_by_one = asked(core)
    sent(core, *[(kinds.EXECUTE, *order(place)[1:8]) for place in range(9)])
    assert one_by_one == [2] * 9


def test_where_reservations_expire_each_order_has_one() -> None:
    core = shard([build_order_validation()], ShardLimits()._replace(reservation_ttl=10**9))
    _, replies = sent(core, *[(kinds.EXECUTE, *order(place)[1:8]) for place in range(9)])
    assert [reply[0] for reply in replies] == [kinds.RESERVED] * 9


# --- the same as one after another ---------------------------------------------------------------


def many_policies(random: Random) -> list[Any]:
    near = random.choice((12, 40, LIMIT))
    owned = PnlBoundsAccountAssetBarrier(
        PnlBoundsBrokerBarrier("EUR", lower_bound=-5), AccountId.from_int(3), 0
    )
    some = [
        build_order_validation(),
        rates(near, random.choice((6, LIMIT))),
        sizes(random.choice((None, 20)), 3000),
        bounds(-20, random.choice((None, 30))),
    ]
    if random.random() < 0.3:
        some[3] = some[3].account_barriers(owned)
    return [policy for policy in some if random.random() < 0.8] or some


def some_orders(random: Random) -> list[tuple[Any, ...]]:
    odd = random.choice((0.0, 0.03, 0.2))
    rows = []
    for place in range(random.randint(MANY, 30)):
        if random.random() >= odd:
            rows.append(order(place, random.choice(ACCOUNTS), str(random.randint(1, 19))))
            continue
        rows.append(
            order(
                place,
                random.choice(ACCOUNTS),
                random.choice((None, "0", "20", "21", "1.5", "79228162514264337593543950335")),
                random.choice((None, "0", "-150", "150.01", "9999")),
                random.choice((None, "USD", "EUR")),
            )
        )
    return rows


def state_of(core: ShardCore) -> Any:
    told = core.recent.export(), core.tallies.export()
    return told, core.counts.export(), [policy.export_state() for policy in core.engine.policies]


@pytest.mark.parametrize("seed", range(60))
def test_they_are_answered_as_one_after_another(seed: int) -> None:
    random = Random(seed)
    policies = many_policies(random)
    at_once, one_by_one = shard(policies), shard(policies)
    one_by_one._all_at_once = None  # type: ignore[misc]  # what an engine that cannot has
    has_rates = any(isinstance(one, RateLimitPolicy) for one in at_once.engine.policies)
    count = 0
    for _ in range(12):
        happens = random.random()
        account = random.choice(ACCOUNTS)
        if happens < 0.2:
            pnl = str(random.choice((-9, -3, 5, 12)))
            commands = [(kinds.REPORT, account, "AAPL", "USD", "BUY", pnl, "1", None)]
        elif happens < 0.3:
            block(at_once, account)
            block(one_by_one, account)
            continue
        elif happens < 0.4:
            commands = [(kinds.ADMINISTER, account, "unblock", encode((account,)))]
        else:
            commands = some_orders(random)
            if random.random() < 0.2 or not has_rates:
                commands = [(kinds.EXECUTE, *row[1:8]) for row in commands]
        assert sent(at_once, *commands, at=count) == sent(one_by_one, *commands, at=count)
        assert state_of(at_once) == state_of(one_by_one)
        count = random.choice((count, 0, count + 9))
