"""A shard that is brought up from another one's state is as that one was."""

from __future__ import annotations

from threading import RLock
from typing import Any

import msgpack
import pytest
from batched import NOW, batch, replies_in
from custom_policies import Marked, Remembering, Reserving
from flow import buy, operation
from makers import deposit

from openpit import Engine
from openpit.engine.builder import build_core
from openpit.engine.state import NotExportable
from openpit.errors import JournalError
from openpit.pretrade import Policy
from openpit.pretrade.policies import build_order_validation, build_spot_funds
from openpit.shards.clock import ShardClock
from openpit.shards.shard import ShardCore
from openpit.shards.shard_state import export_shard, reason_against, restore_shard
from openpit.wire import kinds
from openpit.wire.frames import Op
from openpit.wire.values import encode


def shard(*customs: Policy) -> ShardCore:
    builder = (
        Engine.builder()
        .account_sync()
        .builtin(build_order_validation())
        .builtin(build_spot_funds())
    )
    for policy in customs:
        builder.pre_trade(policy)
    clock = ShardClock()
    return ShardCore(3, build_core(builder._policies, clock, RLock()), clock)


def answers(core: ShardCore, *commands: tuple[Any, ...], **head: Any) -> list[tuple[Any, ...]]:
    sent = batch(3, core._next, *commands, **head)
    return replies_in(sent, core.receive(sent))[1]


def handed_over(core: ShardCore, other: ShardCore) -> ShardCore:
    packed = msgpack.packb(export_shard(core))
    restore_shard(other, msgpack.unpackb(packed, use_list=False, strict_map_key=False))
    other.resume(0, core._next)
    assert msgpack.packb(export_shard(other)) == packed
    return other


def pay(core: ShardCore, amount: str = "10000") -> None:
    answers(core, (kinds.ADJUST, 1, encode([deposit("USD", amount)])))


def whole(kind: int, order: Any) -> tuple[Any, ...]:
    return (kind, order._account_, encode(order), 0, 0)


def figures(core: ShardCore) -> list[tuple[str, ...]]:
    found = core.engine.policies[1].figures_of(1)
    assert found is not None
    return [(asset, *map(str, rest[:3])) for asset, *rest in found.holdings]


EXECUTE = (kinds.EXECUTE, 1, "AAPL", "USD", "BUY", "10", None, "185.5")


def test_what_is_open_is_ended_as_it_would_have_been() -> None:
    core = shard()
    pay(core)
    answers(core, EXECUTE, EXECUTE, whole(kinds.DROP_COPY, buy()))
    assert core.open_handles == {2, 3, 4}

    other = handed_over(core, shard())

    assert other.open_handles == {2, 3, 4}
    assert other.engine.finisher.opened == core.engine.finisher.opened == {1: 2, (1,): 1}
    for one in (core, other):
        answers(one, (kinds.COMMIT, 1, 2), (kinds.ROLLBACK, 1, 3))
        assert figures(one) == [("AAPL", "0", "0", "20"), ("USD", "6290.0", "3710.0", "0")]
        assert one.engine.finisher.opened == {(1,): 1}
    answers(other, (kinds.ROLLBACK, 1, 4))
    assert figures(other) == [("AAPL", "0", "0", "10"), ("USD", "8145.0", "1855.0", "0")]


def test_each_client_has_its_own() -> None:
    core = shard()
    pay(core)
    for client in (0, 7):
        answers(core, EXECUTE, client=client)

    other = handed_over(core, shard())
    ended = batch(3, other._next, op=Op.END, client=7, count=1, role=0)
    other.receive(ended)

    assert other.open_handles == {2}
    assert [client for client, _ in other.held.items()] == [0]


def test_a_request_sees_the_group_that_its_account_was_in() -> None:
    core = shard(Remembering())
    pay(core)
    answers(core, (kinds.ADMINISTER, None, "register_group", encode(([1], 5))))
    (started,) = answers(core, whole(kinds.START, Marked("mine", operation=operation())))
    assert started == (kinds.STARTED,)
    answers(core, (kinds.ADMINISTER, None, "unregister_group", encode(([1], 5))))
    seen = Remembering()

    other = handed_over(core, shard(seen))

    assert len(other.engine.finisher.requests) == 1
    (held,) = other.held.of(0).values()
    assert held.order.mark == "mine"  # type: ignore[union-attr]  # a request
    answers(other, (kinds.EXECUTE_REQUEST, 1, 3))
    assert seen.groups == [5]
    assert not other.engine.finisher.requests


def test_blocks_groups_currencies_and_the_halt_are_there() -> None:
    core = shard()
    for method, *values in (
        ("register_group", [1, 2], 5),
        ("block_group", 5, "closed"),
        ("set_currency", 1, "USD"),
        ("set_group_currency", 5, "EUR"),
        ("halt", "lunch"),
    ):
        answers(core, (kinds.ADMINISTER, None, method, encode(tuple(values))))
    core.engine.registry.arm_finalizer_failure()

    other = handed_over(core, shard()).engine.registry

    assert other.group_of(2) == 5
    assert (other.currency_of(1), other.currency_of(2)) == ("USD", "EUR")
    assert other.halted == "lunch"
    reject = other.check(2)
    assert reject is not None
    assert reject.reason == "closed"
    assert other.check(9) is not None  # the engine-wide block
    other.unblock_all()
    other.resume()
    assert other.check(9) is None


def test_the_time_is_that_of_the_last_command() -> None:
    core = shard()
    pay(core)
    assert handed_over(core, shard()).engine.clock() == NOW


# --- custom policies ------------------------------------------------------------------------------


def test_a_policy_that_has_the_pair_goes_on_with_what_it_knew() -> None:
    first, second = Remembering(), Remembering()
    core = shard(first)
    pay(core)
    answers(core, EXECUTE)

    other = handed_over(core, shard(second))
    answers(other, EXECUTE)

    assert first.seen == {1: ["10"]}
    assert second.seen == {1: ["10", "10"]}


def test_a_policy_without_the_pair_is_named() -> None:
    core = shard(Reserving())
    assert reason_against(core) == "policies without export_state() and restore_state(): Reserving"
    with pytest.raises(NotExportable, match="Reserving"):
        export_shard(core)


def test_a_callback_that_is_open_is_no_state_until_it_has_run() -> None:
    core = shard(Remembering(reserves=True))
    pay(core)
    answers(core, EXECUTE)
    with pytest.raises(NotExportable, match="callbacks of a custom policy"):
        export_shard(core)

    answers(core, (kinds.COMMIT, 1, 2))

    assert export_shard(core)


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (object(), "TypeError: can not serialize 'object' object"),
        ({1: 2**64}, "OverflowError"),
        ([1 + 2j], "TypeError: can not serialize 'complex' object"),
    ],
)
def test_a_state_that_is_no_plain_value_names_its_policy(state: object, why: str) -> None:
    policy = Remembering()
    policy.export_state = lambda: state  # type: ignore[method-assign]
    with pytest.raises(NotExportable, match=r"export_state\(\) of policy Remembering: ") as refused:
        export_shard(shard(policy))
    assert why in str(refused.value)


def test_a_policy_that_fails_to_export_or_to_restore_is_named() -> None:
    def fail(*_: Any) -> Any:
        raise ValueError("not today")

    policy = Remembering()
    core = shard(policy)
    policy.restore_state = fail  # type: ignore[method-assign]
    refusing = shard(policy)
    with pytest.raises(
        JournalError, match=r"restore_state\(\) of policy Remembering: ValueError: not today"
    ):
        handed_over(core, refusing)

    policy.export_state = fail  # type: ignore[method-assign]
    with pytest.raises(NotExportable, match=r"of policy Remembering: ValueError: not today"):
        export_shard(core)


def test_a_policy_that_lost_the_pair_is_named() -> None:
    class Forgetful(Policy):
        name = "Remembering"

    with pytest.raises(JournalError, match="policy Remembering has no export_state"):
        handed_over(shard(Remembering()), shard(Forgetful()))
