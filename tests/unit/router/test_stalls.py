"""A shard is silent, and answers again: what the router says meanwhile, and what it owes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from flow import ALSO_IN_SHARD_0, IN_SHARD_0, IN_SHARD_1, buy, report
from played import NOW, Bench

from openpit.client.procedures import administration, change_group, everywhere
from openpit.errors import EngineClosed, OutcomeUnknown, ShardDown, ShardStalled, SomeItemsFailed
from openpit.router.lifecycle import ShardEvent, ShardState
from openpit.wire import kinds
from openpit.wire.frames import CAUSES, Flag, Op, pack, reply_frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.router.calls import Call

SILENT = "no answer within 5 s"
STALLED = f"shard 0: stalled: {SILENT}"
REPORTED = (kinds.REPORTED, (), (), ())
RESERVED = (kinds.RESERVED, True, ((0, "185.5"),), ())


def stall(bench: Bench, number: int = 0) -> None:
    bench.router.stall(bench.router.links[number], SILENT)


def stalled(**options: Any) -> Bench:
    """Two shards, the first of which owes an answer to a report, its first command."""
    bench = Bench(**options)
    bench.client.report(NOW, report(IN_SHARD_0))
    bench.sent(0)
    stall(bench)
    return bench


def details(call: Any) -> str:
    (reject,) = call.result().rejects
    assert (reject.code, reject.policy, reject.scope) == ("SystemUnavailable", "Router", "order")
    return str(reject.details)


# --- what is under way -------------------------------------------------------------------------


def test_what_is_under_way_ends_for_whoever_waits() -> None:
    bench = Bench()
    order = bench.client.execute(NOW, buy(IN_SHARD_0))
    sent = bench.client.report(NOW, report(IN_SHARD_0))
    other = bench.client.execute(NOW, buy(IN_SHARD_1))

    stall(bench)

    assert details(order) == f"shard 0: {SILENT}"
    with pytest.raises(OutcomeUnknown, match="the call may or may not have been applied"):
        sent.result()
    assert not other.done
    assert [(event, link.number) for event, link, *_ in bench.router.books.news] == [
        (ShardEvent.STALL, 0)
    ]


def test_what_waited_for_credit_was_never_sent() -> None:
    bench = Bench(custom=True, credit=1)
    held = bench.client.execute(NOW, buy(IN_SHARD_0))
    bench.reply(0, RESERVED)
    reservation = held.result().reservation
    bench.client.execute(NOW, buy(IN_SHARD_0))
    order = bench.client.execute(NOW, buy(IN_SHARD_0))
    client = bench.client
    client.report(NOW, report(ALSO_IN_SHARD_0))  # takes the reserve
    commit = client.finalize(NOW, reservation, True)
    sent = [command[0] for command in bench.sent(0)]
    assert sent == [kinds.EXECUTE, kinds.EXECUTE, kinds.REPORT]

    stall(bench)

    assert details(order) == STALLED
    with pytest.raises(ShardStalled) as told:
        commit.result()
    assert told.value.shard == 0
    assert len(reservation.lock) == 1  # open still
    bench.reply(0, (kinds.ACCEPTED, 1), (kinds.DONE, 1))
    assert bench.sent(0) == []
    bench.client.finalize(NOW, reservation, True)
    assert [(command[0], command[2]) for command in bench.sent(0)] == [(kinds.COMMIT, 1)]


def test_an_order_of_a_batch_is_denied_and_the_others_are_answered() -> None:
    bench = Bench()
    batch = bench.many(IN_SHARD_0, IN_SHARD_1)
    while batch.feed():
        pass
    stall(bench)
    bench.reply(1, (kinds.ACCEPTED, 1))

    denied, accepted = batch.result()
    assert (denied.ok, accepted.ok) == (False, True)
    assert denied.rejects[0].details == f"shard 0: {SILENT}"


def test_what_a_batch_gave_hangs_on_no_part_that_is_still_unanswered() -> None:
    bench = Bench(custom=True)
    batch = bench.many(IN_SHARD_0, IN_SHARD_1)
    while batch.feed():
        pass
    bench.reply(1, RESERVED)
    stall(bench)

    results = batch.result()
    assert [result.ok for result in results] == [False, True]
    assert not bench.router.books.dropped
    del results
    assert [(link.number, handle) for link, handle in bench.router.books.dropped] == [(1, 1)]


@pytest.mark.parametrize("late", [[(kinds.ACCEPTED, 2)], [RESERVED, RESERVED]], ids=["run", "each"])
def test_answers_that_are_held_back_and_come_too_late_are_nobodys(late: list[Any]) -> None:
    bench = Bench(custom=True, credit=2)
    before = bench.many(IN_SHARD_1, IN_SHARD_1)
    while before.feed():
        pass
    batch = bench.many(IN_SHARD_0, IN_SHARD_0, IN_SHARD_1)  # the last one waits for credit
    while batch.feed():
        pass
    stall(bench)

    bench.reply(0, *late, armed=Flag.FINALIZER_FAILED)
    bench.reply(0, (kinds.DONE, 1))
    bench.reply(1, (kinds.ACCEPTED, 2), (kinds.DONE, 1))  # all know of the block
    assert (before.done, batch.done) == (True, False)
    bench.reply(1, (kinds.ACCEPTED, 1))

    assert [result.ok for result in batch.result()] == [False, False, True]
    dropped = [(link.number, handle) for link, handle in bench.router.books.dropped]
    assert dropped == ([] if late[0][0] == kinds.ACCEPTED else [(0, 1), (0, 2)])


def test_reports_whose_answers_are_held_back_and_come_too_late_stay_unknown() -> None:
    bench = Bench(custom=True, credit=1)
    bench.client.execute(NOW, buy(IN_SHARD_1))
    bench.client.report(NOW, report(IN_SHARD_1))
    assert len(bench.sent(1)) == 2  # so that the second of these waits
    reports = bench.client.report_many(NOW, [report(n) for n in (IN_SHARD_0, IN_SHARD_1)])
    while reports.feed():
        pass
    stall(bench)

    bench.reply(0, REPORTED, armed=Flag.FINALIZER_FAILED)
    bench.reply(0, (kinds.DONE, 1))
    bench.reply(1, (kinds.ACCEPTED, 1), REPORTED, (kinds.DONE, 1))
    assert not reports.done
    bench.reply(1, REPORTED)

    with pytest.raises(SomeItemsFailed) as told:
        reports.result()
    assert told.value.indexes == (0,)
    assert isinstance(told.value.exceptions[0], OutcomeUnknown)
    assert told.value.results[1] is not None


def test_a_drop_under_way_keeps_nobody_waiting_any_more() -> None:
    bench = Bench(custom=True)
    bench.client.execute(NOW, buy(IN_SHARD_0))
    bench.reply(0, RESERVED)  # nobody has held its result
    other = bench.client.execute(NOW, buy(IN_SHARD_1))
    assert [command[0] for command in bench.sent(0)] == [kinds.EXECUTE, kinds.DROP]
    assert not other.is_sent

    stall(bench)

    assert other.is_sent
    bench.reply(0, (kinds.DONE, 1))  # its rollback comes late, and is counted once
    assert bench.client.execute(NOW, buy(IN_SHARD_0)).is_sent


# --- what comes later --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.execute(NOW, buy(IN_SHARD_0)),
        lambda client: client.start_stage(NOW, buy(IN_SHARD_0)),
        lambda client: client.execute(NOW, buy(None)),
    ],
    ids=["order", "start stage", "order of no account"],
)
def test_orders_are_denied_at_once(ask: Callable[[Any], Call]) -> None:
    bench = stalled()
    assert details(ask(bench.client)) == STALLED
    assert bench.sent(0) == []


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.report(NOW, report(IN_SHARD_0)),
        lambda client: client.administer(NOW, IN_SHARD_0, "unblock"),
        lambda client: client.procedure(NOW, everywhere, NOW, administration("unblock_all")),
        lambda client: client.procedure(NOW, change_group, NOW, "register", [1, 2], 7),
    ],
    ids=["report", "administration", "on all shards", "group"],
)
def test_other_calls_raise_and_send_nothing(ask: Callable[[Any], Call]) -> None:
    bench = stalled()
    with pytest.raises(ShardStalled, match=r"shard 0 is stalled: no answer within 5 s"):
        ask(bench.client).result()
    assert [bench.sent(number) for number in (0, 1)] == [[], []]


def test_an_order_counts_for_no_limit_before_it_is_denied() -> None:
    bench = stalled(rate=1)
    for _ in range(3):
        assert details(bench.client.execute(NOW, buy(IN_SHARD_0))) == STALLED
    bench.client.execute(NOW, buy(IN_SHARD_1))
    ((_, *_, broker, _),) = [command[-3:] for command in bench.sent(1)]
    assert broker == 1


def test_a_procedure_goes_on_without_and_says_that_it_is_not_known() -> None:
    bench = Bench()
    call = bench.client.procedure(NOW, everywhere, NOW, administration("unblock_all"))
    bench.reply(1, (kinds.DONE, 1))
    stall(bench)
    with pytest.raises(OutcomeUnknown) as told:
        call.result()
    assert told.value.shard == 0
    bench.reply(0, (kinds.DONE, 1))
    again = bench.client.procedure(NOW, everywhere, NOW, administration("unblock_all"))
    for number in (0, 1):
        bench.reply(number, (kinds.DONE, 1))
    again.result()


# --- it answers again --------------------------------------------------------------------------


def test_a_group_is_not_changed_when_a_check_came_back_from_a_stall_that_is_over() -> None:
    bench = Bench()
    accounts = [IN_SHARD_0, IN_SHARD_1]
    call = bench.client.procedure(NOW, change_group, NOW, "register", accounts, 7)
    assert [len(bench.sent(number)) for number in (0, 1)] == [1, 1]

    stall(bench)
    bench.reply(0, (kinds.DONE, 1))
    assert bench.router.links[0].is_up
    bench.reply(1, (kinds.DONE, 1))

    with pytest.raises(ShardStalled, match="shard 0: it was stalled, and has answered since"):
        call.result()
    assert [bench.sent(number) for number in (0, 1)] == [[], []]


def test_any_whole_answer_makes_it_one_like_the_others() -> None:
    bench = stalled()
    bench.router.books.news.clear()
    link = bench.router.links[0]
    reply = reply_frame(bench.unanswered[0].popleft(), pack([(kinds.REPORTED, (), (), ())]))

    bench.router.receive(link, reply[:7])
    assert link.is_stalled
    bench.router.receive(link, reply[7:])

    assert (link.state, link.why, bench.router.books.stalled) == (ShardState.UP, None, [])
    assert bench.router.books.news == [(ShardEvent.ANSWER, link, link.pid, None, 0)]
    call = bench.client.execute(NOW, buy(IN_SHARD_0))
    bench.reply(0, (kinds.ACCEPTED, 1))
    assert call.result().ok


def test_a_reservation_that_comes_late_is_rolled_back_ahead_of_the_next_order() -> None:
    bench = Bench(custom=True)
    order = bench.client.execute(NOW, buy(IN_SHARD_0))
    bench.sent(0)
    stall(bench)
    assert details(order) == f"shard 0: {SILENT}"
    bench.reply(0, RESERVED)
    bench.client.execute(NOW, buy(IN_SHARD_1))
    assert [(command[0], command[2]) for command in bench.sent(0)] == [(kinds.DROP, (1,))]


def test_what_is_dropped_meanwhile_is_owed() -> None:
    bench = Bench(custom=True)
    held = bench.client.execute(NOW, buy(IN_SHARD_0))
    bench.reply(0, RESERVED)
    bench.client.report(NOW, report(IN_SHARD_0))
    bench.sent(0)
    stall(bench)

    held.value = None
    assert bench.client.execute(NOW, buy(IN_SHARD_1)).is_sent  # it waits for no rollback there
    assert bench.sent(0) == []
    bench.reply(0, (kinds.REPORTED, (), (), ()))
    bench.client.execute(NOW, buy(IN_SHARD_1))
    assert [(command[0], command[2]) for command in bench.sent(0)] == [(kinds.DROP, (1,))]


def test_an_engine_wide_block_is_not_waited_for_and_is_told_first() -> None:
    bench = stalled()
    reports = [bench.client.report(NOW, report(IN_SHARD_1)) for _ in range(2)]
    reported = (kinds.REPORTED, (), (), ())

    bench.reply(1, reported, armed=Flag.UNATTRIBUTED_REPORT)
    bench.reply(1, reported, armed=Flag.FINALIZER_FAILED)
    bench.reply(1, (kinds.DONE, 1), (kinds.DONE, 1))

    for call in reports:  # told as soon as all shards know of it that can
        assert call.done
    assert bench.sent(0) == []
    bench.reply(0, reported)
    bench.client.execute(NOW, buy(IN_SHARD_0))
    block, order = bench.sent(0)
    assert block == (Op.ARM, CAUSES)  # of both
    assert order[0] == kinds.EXECUTE
    bench.reply(0, (kinds.DONE, 1))
    assert bench.router.books.delaying() == []


def test_one_that_is_being_told_of_a_block_is_not_waited_for_either() -> None:
    bench = Bench()
    call = bench.client.report(NOW, report(IN_SHARD_1))
    bench.reply(1, (kinds.REPORTED, (), (), ()), armed=Flag.UNATTRIBUTED_REPORT)
    bench.reply(1, (kinds.DONE, 1))
    assert not call.done
    stall(bench)
    assert call.done
    assert bench.sent(0) == [(Op.ARM, Flag.UNATTRIBUTED_REPORT)]  # once
    bench.reply(0, (kinds.DONE, 1))
    assert bench.sent(0) == []


def test_it_misses_no_market_data() -> None:
    bench = stalled()
    bench.client.quote(NOW, 0, ("clear", 1))
    assert [[command[0] for command in bench.sent(n)] for n in (0, 1)] == [[kinds.QUOTE]] * 2


def test_a_halt_is_sent_ahead_of_its_first_order_and_not_waited_for() -> None:
    bench = stalled()
    halt = bench.client.halt(NOW, "drill")
    assert [bench.sent(n) for n in (0, 1)] == [[administration("halt", "drill")]] * 2
    bench.reply(1, (kinds.DONE, 1))
    assert halt.done
    assert halt.result() is None

    bench.reply(0, (kinds.DONE, 1))  # the report that it owed an answer to
    bench.client.execute(NOW, buy(IN_SHARD_0))
    assert [command[0] for command in bench.sent(0)] == [kinds.EXECUTE]
    bench.reply(0, (kinds.DONE, 1))  # the halt's
    assert bench.router.links[0].in_flight == 1


def test_a_halt_needs_a_shard_that_can_be_told_or_will_be() -> None:
    bench = Bench()
    for link in bench.router.links:
        bench.router.lose(link, "gone")
    with pytest.raises(ShardDown):
        bench.client.halt(NOW, "drill").result()


def test_a_halt_that_no_shard_has_answered_may_be_done_or_not() -> None:
    bench = Bench()
    halt = bench.client.halt(NOW, "drill")
    for link in bench.router.links:
        bench.router.lose(link, "gone")
    with pytest.raises(OutcomeUnknown):
        halt.result()

    bench = Bench()
    halt = bench.client.halt(NOW, "drill")
    bench.reply(1, (kinds.DONE, 1))
    bench.router.lose(bench.router.links[0], "gone")  # it takes no order any more
    assert halt.result() is None


def test_orders_are_not_let_pass_again_while_it_is_silent() -> None:
    bench = stalled()
    with pytest.raises(ShardStalled):
        bench.client.resume(NOW).result()
    assert bench.sent(1) == []


# --- it ends -----------------------------------------------------------------------------------


def test_one_that_ends_owes_nothing_any_more() -> None:
    bench = stalled(custom=True)
    bench.client.report(NOW, report(IN_SHARD_1))
    bench.reply(1, (kinds.REPORTED, (), (), ()), armed=Flag.UNATTRIBUTED_REPORT)
    link = bench.router.links[0]

    bench.router.lose(link, "its worker was killed by signal 9")

    assert (link.state, bench.router.books.stalled, link.owed_causes) == (ShardState.DOWN, [], 0)
    assert [event for event, *_ in bench.router.books.news] == [ShardEvent.STALL, ShardEvent.LOST]
    order = bench.client.execute(NOW, buy(IN_SHARD_0))
    assert details(order) == "shard 0: its worker was killed by signal 9"


def test_closing_neither_asks_nor_awaits_it() -> None:
    bench = stalled()
    goodbye = bench.router.close(NOW)
    assert [[command[0] for command in bench.sent(n)] for n in (0, 1)] == [[], [Op.CLOSE]]
    bench.reply(1, (kinds.DONE, 1))
    assert goodbye.done
    assert {link.state for link in bench.router.links} == {ShardState.CLOSED}
    with pytest.raises(EngineClosed):
        bench.client.administer(NOW, IN_SHARD_0, "unblock")
