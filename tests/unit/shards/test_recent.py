"""What a shard remembers of refusals and changes: the last ones, counts of all, over a recovery."""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING, Any

import msgpack
from batched import NOW, batch, replies_in
from custom_policies import Remembering
from flow import buy
from makers import deposit

from openpit import Engine
from openpit.engine.builder import build_core
from openpit.pretrade.policies import build_order_validation, build_spot_funds
from openpit.pretrade.rejects import new_account_block, new_reject, reject_row
from openpit.shards.admission import admit
from openpit.shards.clock import ShardClock
from openpit.shards.recent import BLOCKED_TOLD, CAUSES, KEPT, TEXT, Recent
from openpit.shards.shard import ShardCore
from openpit.shards.shard_state import export_shard, restore_shard
from openpit.wire import kinds
from openpit.wire.frames import messages_of, pack
from openpit.wire.roles import Role
from openpit.wire.values import decode, encode

if TYPE_CHECKING:
    from openpit.pretrade import Policy

EXECUTE = (kinds.EXECUTE, 1, "AAPL", "USD", "BUY", "10", None, "185.5")
ASK = (kinds.ADMINISTER, None, "recent", encode((), bare=True))


def shard(*customs: Policy) -> ShardCore:
    builder = Engine.builder().account_sync().builtin(build_order_validation())
    builder = builder.builtin(build_spot_funds())
    for policy in customs:
        builder.pre_trade(policy)
    clock = ShardClock()
    return ShardCore(3, build_core(builder._policies, clock, RLock()), clock)


def answers(core: ShardCore, *commands: tuple[Any, ...], **head: Any) -> list[tuple[Any, ...]]:
    sent = batch(3, core._next, *commands, **head)
    return replies_in(sent, core.receive(sent))[1]


def pay(core: ShardCore) -> None:
    answers(core, (kinds.ADJUST, 1, encode([deposit("USD", "10000")])))


def told(core: Any) -> Any:
    ((kind, value),) = answers(core, ASK)
    assert kind == kinds.ANSWER
    return decode(value)


def poor(quantity: str = "1000", account: int = 1) -> tuple[Any, ...]:
    return (kinds.EXECUTE, account, "AAPL", "USD", "BUY", quantity, None, "185.5")


def test_nothing_is_told_of_orders_that_pass() -> None:
    core = shard()
    pay(core)
    answers(core, EXECUTE, EXECUTE)

    now, refused, counts, refusals, *_ = told(core)

    assert (now, refused, counts, refusals) == (NOW, 0, (), ())


def test_an_order_that_is_refused_is_told_with_its_reasons() -> None:
    core = shard()
    pay(core)
    answers(core, poor(), client=7)
    answers(core, (kinds.EXECUTE_WHOLE, 1, encode(buy(1, "0")), 0, 0))

    _, refused, counts, refusals, *_ = told(core)

    assert refused == 2
    assert counts == (
        ("OrderValidationPolicy", "InvalidFieldValue", 1),
        ("SpotFundsPolicy", "InsufficientFunds", 1),
    )
    first, second = refusals
    assert first[:6] == (1, NOW, 7, 1, "AAPL", "USD")
    ((code, _, _, policy, scope),) = first[6]
    assert (code, policy, scope) == ("InsufficientFunds", "SpotFundsPolicy", "order")
    assert second[:4] == (2, NOW, 0, 1)


def test_what_operators_change_is_told_and_what_they_ask_is_not() -> None:
    core = shard()
    cause = new_account_block("Engine", "AccountBlocked", "hedge first", "hedge first")
    answers(core, (kinds.ADJUST, 1, encode([deposit("USD", "10")])), client=5)
    answers(core, (kinds.ADMINISTER, 1, "block", encode((1, cause))), client=6)
    answers(core, (kinds.ADMINISTER, None, "register_group", encode(([4, 5], 9))))
    answers(core, (kinds.ADMINISTER, None, "can_register", encode(([4], 9))))
    answers(core, (kinds.ADMINISTER, None, "groups", encode((), bare=True)))
    limits = {"name": "SpotFundsPolicy", "global_slippage_bps": 10}
    answers(core, (kinds.CONFIGURE, None, "spot_funds", encode(limits)))

    *_, changed, changes, blocked, accounts = told(core)

    assert (changed, [one[2:] for one in changes]) == (
        4,
        [
            (5, 1, "adjust", "1 adjustments"),
            (6, 1, "block", "hedge first"),
            (0, None, "register_group", "2 accounts, 9"),
            (0, None, "spot_funds", "SpotFundsPolicy"),
        ],
    )
    assert (blocked, accounts) == (
        1,
        ((1, "Engine", "AccountBlocked", "hedge first", "hedge first"),),
    )


def test_a_change_that_raises_is_none() -> None:
    core = shard()
    ((kind, *_),) = answers(core, (kinds.ADMINISTER, None, "register_group", encode(([4], 0))))

    assert kind == kinds.RAISED
    assert told(core)[4] == 0


def test_a_snapshot_has_it() -> None:
    core = shard()
    pay(core)
    answers(core, poor(), client=7)
    answers(core, (kinds.ADMINISTER, None, "halt", encode(("exchange is down",))))

    other = shard()
    packed = msgpack.packb(export_shard(core))
    restore_shard(other, msgpack.unpackb(packed, use_list=False, strict_map_key=False))
    other.resume(0, core._next)
    assert msgpack.packb(export_shard(other)) == packed

    assert told(other) == told(core)
    answers(other, EXECUTE)
    assert told(other)[1] == 2


def test_a_replay_tells_it_again() -> None:
    cores = shard(Remembering()), shard(Remembering())
    sent = batch(3, 1, poor(), poor("7"), ASK)

    first, second = (replies_in(sent, core.receive(sent)) for core in cores)

    assert first == second


def test_so_many_are_kept_and_all_are_counted() -> None:
    recent = Recent()
    row = reject_row(new_reject("Other", "no", "", "Desk", "order"))
    for number in range(KEPT + 1):
        recent.refuse(number, 0, poor(account=number), [row])
        recent.change(number, 0, (kinds.CONFIGURE, None, "rate_limit", {"name": "R"}))

    refused, counts, refusals, changed, changes = recent.export()

    assert (refused, changed) == (KEPT + 1, KEPT + 1)
    assert counts == (("Desk", "Other", KEPT + 1),)
    assert [refusals[0][0], refusals[-1][0], len(refusals)] == [2, KEPT + 1, KEPT]
    assert [changes[0][0], changes[-1][0], len(changes)] == [2, KEPT + 1, KEPT]


def test_a_policy_that_invents_codes_without_end_does_not_fill_the_memory() -> None:
    recent = Recent()
    for number in range(CAUSES + 3):
        recent.refuse(0, 0, poor(), [(f"Code{number}", "no", "", "Desk", "order")])

    counts = recent.export()[1]

    assert len(counts) == CAUSES + 1
    assert counts[0] == ("", "", 3)


def test_texts_are_cut() -> None:
    recent = Recent()
    recent.refuse(0, 0, poor(), [("Other", "r" * 5000, "d" * 5000, "Desk", "order")])
    recent.change(0, 0, (kinds.ADMINISTER, None, "halt", ("x" * 5000,)))
    _, _, ((*_, ((_, reason, details, _, _),)),), _, ((*_, text),) = recent.export()

    assert [len(reason), len(details), len(text)] == [TEXT] * 3


def test_so_many_blocked_accounts_are_told_the_lowest_first() -> None:
    core = shard()
    cause = new_account_block("Engine", "AccountBlocked", "r" * 5000, "")
    for account in range(BLOCKED_TOLD + 2, 0, -1):
        core.engine.registry.block(account, cause)

    *_, blocked, accounts = told(core)

    assert (blocked, len(accounts)) == (BLOCKED_TOLD + 2, BLOCKED_TOLD)
    assert [accounts[0][0], accounts[-1][0], len(accounts[0][3])] == [1, BLOCKED_TOLD, TEXT]


def test_all_that_can_be_told_fits_into_a_reply() -> None:
    recent, core = Recent(), shard()
    cause = new_account_block("p" * 900, "c" * 900, "r" * 900, "d" * 900)
    for account in range(BLOCKED_TOLD):
        core.engine.registry.block(2**64 - 1 - account, cause)
    rows = [(f"{n}", "r" * 900, "d" * 900, "Policy" * 9, "order") for n in range(3)]
    for _ in range(KEPT):
        recent.refuse(2**62, 2**31, poor(account=2**64 - 1), rows)

    packed = pack(((kinds.ANSWER, encode(recent.told(core.engine, 2**62))),))

    assert len(packed) < 2**19
    assert len(messages_of(packed)) == 1
    assert msgpack.packb(recent.export())


def test_a_session_that_only_reads_may_ask_alone() -> None:
    core = shard()
    admit(
        [(kinds.ADMINISTER, None, "recent", ())], 0, Role.READER, core.counts.version, core.counts
    )
