"""What plain orders hold is a row each: answers and states of orders that have an object each."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from random import Random
from threading import RLock
from typing import Any

import pytest
from batched import batch

import openpit
from openpit import Engine
from openpit.engine.builder import build_core
from openpit.engine.inspection import account_row
from openpit.pretrade import AccountBlock, Policy
from openpit.pretrade.policies import (
    OrderSizeBrokerBarrier,
    OrderSizeLimit,
    RateLimit,
    RateLimitAssetBarrier,
    RateLimitBrokerBarrier,
    build_order_size_limit,
    build_order_validation,
    build_rate_limit,
    build_spot_funds,
)
from openpit.shards.clock import ShardClock
from openpit.shards.intake import MANY
from openpit.shards.shard import ShardCore
from openpit.shards.shard_state import export_shard, restore_shard
from openpit.wire import kinds
from openpit.wire.axes import BROKER
from openpit.wire.flat_rows import DecodedRows, lock_of
from openpit.wire.frames import messages_of, name_of, reply_in
from openpit.wire.funded import funded_lock, funded_outcomes
from openpit.wire.runs import each_of
from openpit.wire.values import encode

USD = 1
ACCOUNTS = range(2, 7)
ASSETS = ("AAPL", "USD", "EUR")


def shard(policies: list[Any]) -> ShardCore:
    """A shard whose accounts have 5000.00 USD and 40 AAPL each, and nothing else."""
    core = unfunded(policies)
    for account in ACCOUNTS:
        fund(core, account, "USD", "5000.00")
        fund(core, account, "AAPL", "40")
    return core


def unfunded(policies: list[Any]) -> ShardCore:
    stage: Any = Engine.builder().account_sync()
    for policy in policies:
        add = stage.pre_trade if isinstance(policy, Policy) else stage.builtin
        stage = add(policy=policy) if isinstance(policy, Policy) else add(policy)
    clock = ShardClock()
    return ShardCore(0, build_core(stage._policies, clock, RLock()), clock)


def fund(core: ShardCore, account: int, asset: str, amount: str) -> None:
    balance = openpit.AdjustmentAmount.delta(amount)
    adjustment = openpit.AccountAdjustment(
        operation=openpit.AccountAdjustmentBalanceOperation(asset=asset),
        amount=openpit.AccountAdjustmentAmount(balance=balance),
    )
    sent(core, (kinds.ADJUST, account, encode([adjustment], bare=True)))


def sent(core: ShardCore, *commands: Any, at: int = 0) -> tuple[Any, list[Any]]:
    """What has not counted, and the replies, one for each command."""
    axes = [(BROKER, 0, at), (USD, 0, at)] if commands[0][0] == kinds.EXECUTE_COUNTED else ()
    frame = batch(0, core._next, *commands, axes=axes)
    _, uncounted, body = reply_in(core.receive(frame), name_of(frame))
    return uncounted, list(each_of(messages_of(body)))


def order(
    account: int = 2,
    side: Any = "BUY",
    quantity: Any = "10",
    price: Any = "1.50",
    underlying: Any = "AAPL",
    settlement: Any = "USD",
) -> tuple[Any, ...]:
    return (kinds.EXECUTE, account, underlying, settlement, side, quantity, None, price)


def kinds_in(replies: list[Any]) -> list[int]:
    return [reply[0] for reply in replies]


def test_a_row_has_what_the_order_said_and_what_there_is_after_it() -> None:
    core = shard([build_spot_funds()])
    first = core._next
    orders = [order(), order(quantity="2.0"), order(3, "SELL", "40", "2")]
    orders += [order(4)] * (MANY - 3)
    _, replies = sent(core, *orders)
    assert replies[:3] == [
        (kinds.FUNDED, 2, 0, "AAPL", "USD", True, "10", "1.50", "4985.00", "15.00", "10"),
        (kinds.FUNDED, 2, 0, "AAPL", "USD", True, "2.0", "1.50", "4982.000", "18.000", "12.0"),
        (kinds.FUNDED, 3, 0, "AAPL", "USD", False, "40", "2", "0", "40", "80"),
    ]
    assert core.open_handles == set(range(first, first + MANY))
    assert account_row(core.engine, 2)[-1][0] == 2


def test_a_figure_is_told_as_python_writes_it_however_it_came() -> None:
    core = shard([build_spot_funds()])
    (_, alone), (_, many) = (
        sent(core, *[order(price=price, quantity=quantity)] * count)
        for price, quantity, count in (("1e-8", "1E-7", 1), ("1E-8", "1e-7", MANY))
    )
    assert {reply[6:8] for reply in (*alone, *many)} == {("1E-7", "1E-8")}


def test_a_commit_of_many_ends_rows_and_whatever_else_is_open() -> None:
    core = shard([build_spot_funds()])
    first = core._next
    sent(core, *[order()] * MANY)
    by_volume = (*order()[:5], None, "15", "1.50")  # two legs, an object
    sent(core, by_volume)
    handles = (first, first + 1, first + MANY, 9999, first + 2, first)
    _, ((kind, failures),) = sent(core, (kinds.COMMIT_MANY, None, handles))
    assert kind == kinds.FAILURES
    assert [(place, text) for place, _, _, _, text, _ in failures] == [
        (3, "shard 0 knows no handle 9999"),
        (5, f"shard 0 knows no handle {first}"),
    ]
    assert core.open_handles == set(range(first + 3, first + MANY))
    assert account_row(core.engine, 2)[-1][0] == MANY - 3
    assert core.tallies.committed == 4


def test_what_is_rolled_back_is_given_back_whoever_ends_it() -> None:
    core = shard([build_spot_funds()])
    before = core.engine.policies[0].export_state()
    first = core._next
    sent(core, *[order(account) for account in (*ACCOUNTS, *ACCOUNTS)])
    sent(core, (kinds.ROLLBACK, 2, first))
    sent(core, (kinds.ROLLBACK_MANY, None, (first + 1, first + 2)))
    sent(core, (kinds.DROP, None, (first + 3,)))
    core.held.end_all()
    after = core.engine.policies[0].export_state()
    assert amounts_of(after) == amounts_of(before)
    assert core.engine.finisher.opened == {}
    assert core.tallies.committed == 0


def amounts_of(state: Any) -> Any:
    """Of each account and asset what it has, holds and expects, to any digits."""
    return {
        (account, asset): tuple(map(Decimal, figures[:3]))
        for account, _, slots in state[1]
        for asset, *figures in slots
    }


def test_a_request_is_no_reservation_and_a_row_is_no_request() -> None:
    core = shard([build_spot_funds()])
    first = core._next
    sent(core, order())
    _, ((kind, *_, text, _),) = sent(core, (kinds.EXECUTE_REQUEST, 2, first))
    assert (kind, text) == (kinds.RAISED, f"shard 0 knows no handle {first}")
    assert core.open_handles == {first}


def test_the_settings_say_whether_orders_can_be_plain() -> None:
    core = shard([build_spot_funds()])
    core.engine.policies[0]._plain = False  # type: ignore[attr-defined]
    _, replies = sent(core, *[order(3)] * MANY)
    assert kinds_in(replies) == [kinds.RESERVED] * MANY


class Passing(Policy):
    name = "Passing"

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        return None


def test_beside_a_custom_policy_that_may_have_callbacks_orders_have_objects() -> None:
    core = shard([build_spot_funds(), Passing()])
    _, replies = sent(core, *[order(3)] * MANY)
    assert kinds_in(replies) == [kinds.RESERVED] * MANY


def test_a_block_in_between_stops_the_account_and_nobody_else() -> None:
    core = shard([build_spot_funds()])
    cause = AccountBlock(policy="", code="Other", reason="closed", details="")
    sent(core, (kinds.ADMINISTER, 3, "block", encode((3, cause))))
    _, replies = sent(core, *[order(account) for account in (2, 3, 4) * 4])
    assert kinds_in(replies) == [kinds.FUNDED, kinds.REJECTED, kinds.FUNDED] * 4


def test_what_was_refused_last_is_noted_in_the_order_of_the_orders() -> None:
    of_usd = RateLimitAssetBarrier(RateLimit(2, timedelta(seconds=1)), "USD")
    core = shard([build_rate_limit().asset_barriers(of_usd), build_spot_funds()])
    too_much = (kinds.EXECUTE_COUNTED, 3, "AAPL", "EUR", "SELL", "41", None, "1.50", 0, 0)
    orders = [(kinds.EXECUTE_COUNTED, *order(4)[1:8], 0, rank) for rank in range(1, MANY)]
    _, replies = sent(core, *orders[:3], too_much, *orders[3:])
    assert kinds_in(replies) == [kinds.FUNDED] * 2 + [kinds.REJECTED] * (MANY - 2)
    noted = [(account, settlement) for _, _, _, account, _, settlement, _ in core.recent._each()]
    assert noted == [(4, "USD"), (3, "EUR"), *[(4, "USD")] * (MANY - 4)]


# --- the same as one after another ----------------------------------------------------------------


def many_policies(random: Random) -> list[Any]:
    limit = RateLimit(random.choice((20, 60, 10_000)), timedelta(seconds=1))
    of_usd = RateLimit(random.choice((5, 15, 10_000)), timedelta(seconds=1))
    size = OrderSizeLimit(max_quantity=random.choice((None, 30)), max_notional=4000)
    before = [
        build_order_validation(),
        build_rate_limit()
        .broker_barrier(RateLimitBrokerBarrier(limit))
        .asset_barriers(RateLimitAssetBarrier(of_usd, "USD")),
        build_order_size_limit().broker_barrier(OrderSizeBrokerBarrier(size)),
    ]
    funds = build_spot_funds().with_policy_group_id(random.choice((0, 7)))
    return [*(policy for policy in before if random.random() < 0.5), funds]


def some_orders(random: Random) -> list[Any]:
    odd = random.choice((0.0, 0.05, 0.3))
    rows = []
    for place in range(random.randint(MANY, 30)):
        account, side = random.choice(ACCOUNTS), random.choice(("BUY", "SELL"))
        quantity = random.choice(("1", "2.5", "10.0", "0.001", "30"))
        price = random.choice(("1.50", "150", "1E-8", "33.3"))
        pair: Any = random.choice((("AAPL", "USD"), ("AAPL", "USD"), ("AAPL", "EUR")))
        if random.random() < odd:
            account = random.choice((*ACCOUNTS, 9))
            quantity = random.choice((None, "0", "3000", "79228162514264337593543950335"))
            price = random.choice((None, "0", "-2", "79228162514264337593543950335"))
            pair = random.choice(((None, "USD"), ("AAPL", None), ("USD", "USD"), ("EUR", "USD")))
            side = random.choice((None, side))
        row = order(account, side, quantity, price, *pair)
        asset = place + 1 if pair[1] == "USD" else 0
        rows.append((kinds.EXECUTE_COUNTED, *row[1:], place + 1, asset))
    return rows


def state_of(core: ShardCore) -> Any:
    return export_shard(core), core.open_handles, core.engine.finisher.opened


def full(reply: Any) -> Any:
    """A reply with what it says of lock and outcomes as values, exact to the digit."""
    if reply[0] == kinds.FUNDED:
        return "reserved", repr(funded_lock(reply)), repr(funded_outcomes(reply))
    if reply[0] == kinds.RESERVED and reply[2]:
        return "reserved", repr(lock_of(reply[2])), repr([*DecodedRows(reply[3])])
    return reply


@pytest.mark.parametrize("seed", range(60))
def test_they_are_answered_as_one_after_another(seed: int) -> None:
    random = Random(seed)
    policies = many_policies(random)
    at_once, one_by_one, objects = (shard(policies) for _ in range(3))
    one_by_one._all_at_once = objects._all_at_once = None  # type: ignore[misc]
    objects.plain._policy = None  # type: ignore[misc]  # as where several policies hold something
    has_rate = any(policy.name == "RateLimitPolicy" for policy in at_once.engine.policies)
    opened: list[int] = []
    count = 0
    for _ in range(12):
        first, happens = at_once._next, random.random()
        if happens < 0.5 or not opened:
            commands = some_orders(random)
            if random.random() < 0.3 or not has_rate:
                commands = [(kinds.EXECUTE, *row[1:8]) for row in commands]
        elif happens < 0.8:
            kind = random.choice((kinds.COMMIT_MANY, kinds.ROLLBACK_MANY, kinds.DROP))
            ended = [opened.pop(random.randrange(len(opened))) for _ in range(len(opened) // 2)]
            commands = [(kind, None, tuple(ended))]
        else:
            kind = random.choice((kinds.COMMIT, kinds.ROLLBACK))
            commands = [(kind, 2, opened.pop()) for _ in range(min(3, len(opened)))]
        answered = sent(at_once, *commands, at=count)
        assert sent(one_by_one, *commands, at=count) == answered
        uncounted, before = sent(objects, *commands, at=count)
        assert (uncounted, [*map(full, before)]) == (answered[0], [*map(full, answered[1])])
        assert state_of(at_once) == state_of(one_by_one) == state_of(objects)
        opened += [
            first + place
            for place, reply in enumerate(answered[1])
            if reply[0] in {kinds.FUNDED, kinds.RESERVED}
        ]
        count = random.choice((0, count + 9))


@pytest.mark.parametrize("seed", range(8))
def test_a_shard_that_is_brought_up_from_its_state_goes_on_as_the_other(seed: int) -> None:
    random = Random(seed)
    policies = [build_order_validation(), build_spot_funds()]
    one, restored = shard(policies), unfunded(policies)
    one.keeps = restored.keeps = True
    sent(one, *[(kinds.EXECUTE, *row[1:8]) for row in some_orders(random)])
    state = export_shard(one)
    restore_shard(restored, state)
    restored._next = one._next
    assert export_shard(restored) == state
    _, ((_, told),) = sent(one, (kinds.ASK_LEFT, None, 0, one._next))
    assert sent(restored, (kinds.ASK_LEFT, None, 0, restored._next))[1] == [(kinds.LEFT, told)]
    handles = sorted(one.open_handles)
    assert [row[0] for row in told] == handles
    for kind in (kinds.COMMIT_MANY, kinds.ROLLBACK_MANY):
        here, handles = tuple(handles[::2]), handles[1::2]
        assert sent(restored, (kind, None, here)) == sent(one, (kind, None, here))
    assert export_shard(restored) == export_shard(one)
