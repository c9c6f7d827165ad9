"""Several clients of one router: each has what it dropped settled, and is ended, on its own."""

from __future__ import annotations

from typing import Any

import pytest
from custom_policies import Reserving
from flow import IN_SHARD_0, IN_SHARD_1, buy
from link import ShardStub
from played import NOW, Bench

from openpit import Engine
from openpit.client.answers import CHECKS, read_execute
from openpit.client.calls import CommandCall
from openpit.client.client import Client
from openpit.client.handles import BLOCKING, Runner
from openpit.client.procedures import administration, everywhere
from openpit.errors import EngineClosed, WireError
from openpit.router.procedures import WideCall
from openpit.shards.copying import dump_policies
from openpit.wire import kinds
from openpit.wire.frames import EPOCH_COMMANDS, Flag, Op, head_of, pack

RESERVED = (kinds.RESERVED, True, (), ())
ACCEPTED = (kinds.ACCEPTED, 1)
DONE = (kinds.DONE, 1)


class Theirs(CommandCall):
    """A call of another client than the one in this process."""

    __slots__ = ()

    client_number = 1


class TheirProcedure(WideCall):
    __slots__ = ()

    client_number = 1


def theirs(bench: Bench, number: int) -> Theirs:
    """An order that the other client has submitted."""
    for link in bench.router.links:
        bench._look(link.number)
    command, _ = bench._client.encoder.execute(NOW, buy(number))
    link = bench.router.link_of(number)
    check = CHECKS[kinds.EXECUTE]
    call = Theirs(link, number, NOW, pack(command), read_execute, check)
    bench.router.submit(link, call)
    return call


def their_procedure(bench: Bench) -> TheirProcedure:
    steps = everywhere(bench.router, NOW, administration("unblock_all"))
    call = TheirProcedure(bench.router.books, bench.router.procedures, steps, is_exclusive=True)
    bench.router.begin(call)
    return call


def clients(bench: Bench, number: int) -> list[tuple[int, int]]:
    """Whose the batches are that a shard has not answered, and what they are."""
    bench._look(number)
    return [(head.client, head.op) for head in map(head_of, bench.unanswered[number])]


def dropping(bench: Bench) -> None:
    """The client of this process lets go of what shard 0 keeps for it."""
    call = bench.client.execute(NOW, buy(IN_SHARD_0))
    bench.reply(0, RESERVED)
    call.value = None
    del call


def test_a_batch_is_of_one_client() -> None:
    bench = Bench()
    link = bench.router.links[0]
    for _ in range(2):
        bench._client.execute(NOW, buy(IN_SHARD_0))
    command, _ = bench._client.encoder.execute(NOW, buy(IN_SHARD_0))
    bench.router.submit(link, Theirs(link, IN_SHARD_0, NOW, pack(command), read_execute))
    bench._client.execute(NOW, buy(IN_SHARD_0))
    assert clients(bench, 0) == [(0, Op.MESSAGES), (1, Op.MESSAGES), (0, Op.MESSAGES)]
    bench.reply(0, (kinds.ACCEPTED, 2), ACCEPTED, ACCEPTED)


def test_a_drop_holds_up_later_calls_of_its_client_and_of_no_other() -> None:
    bench = Bench(custom=True)
    dropping(bench)
    ours = bench.client.execute(NOW, buy(IN_SHARD_1))
    assert not ours.is_sent
    for number in (IN_SHARD_1, IN_SHARD_0):
        assert theirs(bench, number).is_sent
    procedure = their_procedure(bench)
    assert procedure.is_sent
    assert clients(bench, 1) == [(1, Op.MESSAGES), (0, Op.MESSAGES)]
    assert [command[0] for command in bench.sent(1)] == [kinds.EXECUTE, kinds.ADMINISTER]
    assert bench.sent(0)[1][0] == kinds.DROP
    bench.reply(0, DONE)
    assert ours.is_sent


def test_a_procedure_behind_a_drop_of_its_client_lets_another_s_pass() -> None:
    bench = Bench(custom=True)
    dropping(bench)
    ours = bench.client.procedure(NOW, everywhere, NOW, administration("unblock_all"))
    assert not ours.is_sent
    assert their_procedure(bench).is_sent
    bench.reply(0, DONE, DONE)  # to the drop as well
    assert not ours.is_sent  # one at a time
    bench.reply(1, DONE)
    assert ours.is_sent


def test_what_waits_for_its_clients_drop_does_not_keep_others_from_credit() -> None:
    bench = Bench(custom=True, credit=1)
    dropping(bench)
    for _ in range(2):
        assert not bench.client.execute(NOW, buy(IN_SHARD_1)).is_sent
    first, second = theirs(bench, IN_SHARD_1), theirs(bench, IN_SHARD_1)
    assert first.is_sent
    assert not second.is_sent
    bench.reply(1, ACCEPTED)
    assert second.is_sent
    assert [entry.client_number for entry in bench.router.links[1].waiting] == [0, 0]


# --- the end of a client -------------------------------------------------------------------------


def test_a_client_that_ends_is_told_to_every_shard_behind_what_it_has_sent() -> None:
    bench = Bench(credit=1)
    sent, waiting = theirs(bench, IN_SHARD_0), theirs(bench, IN_SHARD_0)
    bench.router.end_client(1, NOW)
    assert clients(bench, 0) == [(1, Op.MESSAGES), (1, Op.END)]
    assert clients(bench, 1) == [(1, Op.END)]
    assert not waiting.result().ok
    assert not bench.router.links[0].waiting
    bench.reply(0, RESERVED)
    assert sent.result().ok  # and rolled back by what comes next
    bench.reply(0, DONE)
    bench.reply(1, DONE)
    assert not any(link.pending for link in bench.router.links)
    assert bench.client.execute(NOW, buy(IN_SHARD_0)).is_sent


def test_what_waits_of_others_is_not_touched() -> None:
    bench = Bench(credit=1)
    calls = [bench.client.execute(NOW, buy(IN_SHARD_0)), theirs(bench, IN_SHARD_0)]
    calls.append(bench.client.execute(NOW, buy(IN_SHARD_0)))
    bench.router.end_client(1, NOW)
    assert [call.done for call in calls] == [False, True, False]
    bench.reply(0, ACCEPTED)
    bench.reply(0, DONE)
    assert calls[2].is_sent


def test_a_procedure_of_a_client_that_ends_is_not_begun_and_one_under_way_goes_on() -> None:
    bench = Bench()
    first, second = their_procedure(bench), their_procedure(bench)
    bench.router.end_client(1, NOW)
    with pytest.raises(EngineClosed):
        second.result()
    bench.reply(0, DONE)
    bench.reply(1, DONE)
    assert first.result() is None
    assert bench.router.procedures.exclusive is None


def test_an_end_that_arms_the_engine_wide_block_arms_every_shard() -> None:
    bench = Bench(custom=True)
    bench.router.end_client(1, NOW)
    assert [bench.sent(number) for number in (0, 1)] == [[(Op.END, 0)]] * 2
    bench.reply(0, DONE, armed=Flag.FINALIZER_FAILED)
    armed = [(Op.ARM, Flag.FINALIZER_FAILED)]
    assert [bench.sent(number) for number in (0, 1)] == [armed, armed]
    bench.reply(1, DONE, DONE)
    bench.reply(0, DONE)
    assert not any(link.pending for link in bench.router.links)


def test_a_close_that_tells_of_a_block_is_none() -> None:
    bench = Bench(shards=1)
    bench.router.close(NOW)
    with pytest.raises(WireError, match="nothing is to be said to that"):
        bench.reply(0, DONE, armed=Flag.FINALIZER_FAILED)


def test_a_stalled_shard_is_told_when_it_answers_again() -> None:
    bench = Bench()
    theirs(bench, IN_SHARD_0)
    bench.router.stall(bench.router.links[0], "silent")
    bench.router.end_client(1, NOW)
    assert clients(bench, 0) == [(1, Op.MESSAGES)]
    bench.reply(0, RESERVED)
    assert clients(bench, 0) == [(1, Op.END)]


def test_a_lost_shard_is_told_nothing() -> None:
    bench = Bench()
    bench.router.lose(bench.router.links[0], "killed")
    bench.router.end_client(1, NOW)
    assert clients(bench, 0) == []


# --- the life of a worker ------------------------------------------------------------------------


def test_the_numbers_of_another_life_are_others() -> None:
    """A router that starts a worker's second life, and a shard that is really there."""
    policies = Engine.builder().account_sync().pre_trade(policy=Reserving())._policies
    payload, _, _ = dump_policies(policies)
    client = Client(1, has_custom=True, handles=BLOCKING, runner=Runner())
    [link] = client.router.links
    stub = ShardStub()

    def answered(call: Any) -> Any:
        client.router.receive(link, stub.receive(link.take()))
        return call.result()

    answered(client.start(link, NOW, payload, epoch=2))
    reservation = answered(client.execute(NOW, buy(IN_SHARD_0))).reservation
    first = 2 * EPOCH_COMMANDS + 1
    assert (link.epoch, reservation._handle) == (2, first)
    assert stub.core is not None
    assert stub.core.open_handles == {first}
    answered(client.finalize(NOW, reservation, True))
    assert link.next_seq % EPOCH_COMMANDS == 3
