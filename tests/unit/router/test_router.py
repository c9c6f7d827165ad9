"""The router's core against replies and losses that a test makes up, one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from flow import IN_SHARD_0, IN_SHARD_1, buy, report
from played import NOW, READY, Bench

from openpit.client.client import Client
from openpit.client.deadlines import Patience
from openpit.client.handles import BLOCKING, Runner
from openpit.client.procedures import administration, change_group, everywhere
from openpit.errors import (
    EngineClosed,
    FrameTooLarge,
    OutcomeUnknown,
    ShardDown,
    ShardOverloaded,
    ShardStartError,
    WireError,
)
from openpit.router.lifecycle import SHARD, ShardEvent, ShardState
from openpit.wire import frames as wire
from openpit.wire import kinds
from openpit.wire.axes import NO_AXES
from openpit.wire.classes import Told
from openpit.wire.failures import failure_row
from openpit.wire.frames import CAUSES, Flag, Op, head_of, pack, reply_frame

if TYPE_CHECKING:
    from openpit.router.router import Router
    from openpit.router.shard_link import ShardLink

DONE_WAITING = "no answer within 5 s"


# --- replies -----------------------------------------------------------------------------------


def test_one_reply_answers_a_run_of_calls() -> None:
    bench = Bench()
    client = bench.client
    calls = [client.execute(NOW, buy(IN_SHARD_0)) for _ in range(3)]
    assert [command[0] for command in bench.sent(0)] == [kinds.EXECUTE] * 3
    bench.reply(0, (kinds.ACCEPTED, 2), (kinds.REJECTED, ()))
    assert [call.result().ok for call in calls] == [True, True, False]
    assert bench.router.links[0].in_flight == 0


def test_a_run_may_end_in_the_middle_of_a_batch_and_begin_there() -> None:
    bench = Bench()
    client = bench.client
    batches = [client.execute_many(NOW, [buy(IN_SHARD_0)] * 3, [NOW] * 3) for _ in range(2)]
    for batch in batches:
        assert not batch.feed()
    bench.reply(0, (kinds.ACCEPTED, 2), (kinds.REJECTED, ()), (kinds.ACCEPTED, 3))
    assert [result.ok for result in batches[0].result()] == [True, True, False]
    assert [result.ok for result in batches[1].result()] == [True, True, True]


ROW = ("Other", "r", "d", "p", "order", 0)
WRONG_REPLIES = [
    (kinds.ACCEPTED, 0),
    (kinds.ACCEPTED, 2),
    (kinds.ACCEPTED, "x"),
    (kinds.ACCEPTED, 1, 1),
    (kinds.DONE, 1),
    (kinds.STARTED,),
    (kinds.REJECTED,),
    (kinds.RESERVED, True),
    (99, 1),
    ("x",),
]


@pytest.mark.parametrize("reply", WRONG_REPLIES, ids=repr)
def test_a_reply_that_fits_nothing_ends_the_connection(reply: tuple[Any, ...]) -> None:
    bench = Bench()
    bench.client.execute(NOW, buy(IN_SHARD_0))
    with pytest.raises(WireError):
        bench.reply(0, reply)


@pytest.mark.parametrize("reply", WRONG_REPLIES, ids=repr)
def test_a_reply_that_fits_no_batch_ends_the_connection(reply: tuple[Any, ...]) -> None:
    bench = Bench()
    bench.many(IN_SHARD_0).feed()
    with pytest.raises(WireError):
        bench.reply(0, reply)


def test_every_kind_of_call_takes_only_its_kinds_of_reply() -> None:
    starts: list[Any] = [
        lambda client: client.start_stage(NOW, buy(IN_SHARD_0)),
        lambda client: client.execute_dry_run(NOW, buy(IN_SHARD_0)),
        lambda client: client.drop_copy(NOW, buy(IN_SHARD_0)),
        lambda client: client.report(NOW, report(IN_SHARD_0)),
        lambda client: client.report_many(NOW, [report(IN_SHARD_0)]).feed(),
        lambda client: client.adjust(NOW, IN_SHARD_0, []),
        lambda client: client.administer(NOW, IN_SHARD_0, "unblock"),
        lambda client: client.procedure(NOW, everywhere, NOW, administration("unblock_all")),
        lambda client: client.quote(NOW, 0, ("clear", 1)),
    ]
    for start in starts:
        bench = Bench(shards=1)
        start(bench.client)
        with pytest.raises(WireError):
            bench.reply(0, READY)
    bench = Bench(shards=1, custom=True)
    batch = bench.many(1)
    batch.feed()
    bench.reply(0, (kinds.RESERVED, True, (), ()))
    bench.client.commit_many(NOW, [batch.result()[0].reservation]).feed()
    with pytest.raises(WireError, match="not a reply to this command"):
        bench.reply(0, READY)


def test_what_a_policy_raises_says_nothing_of_the_connection() -> None:
    theirs = failure_row(WireError("theirs"))
    bench = Bench(shards=1, custom=True)
    client = bench.client
    calls: list[Any] = [
        client.execute(NOW, buy(IN_SHARD_0)),
        client.report(NOW, report(IN_SHARD_0)),
        client.procedure(NOW, everywhere, NOW, administration("unblock_all")),
        bench.many(IN_SHARD_0),
        client.report_many(NOW, [report(IN_SHARD_0)]),
    ]
    for batch in calls[3:]:
        batch.feed()
    bench.reply(0, *[(kinds.RAISED, *theirs)] * 5)
    for call in calls:
        with pytest.raises((WireError, ExceptionGroup)) as caught:
            call.result()
        [error] = getattr(caught.value, "exceptions", [caught.value])
        assert (type(error), str(error)) == (WireError, "theirs")
    assert client.router.links[0].is_up
    assert client.procedure(NOW, everywhere, NOW, administration("unblock_all")).is_sent


def test_an_order_of_no_account_raises_what_a_policy_raised() -> None:
    bench = Bench(shards=1)
    for kind in (StopIteration, RuntimeError):
        call = bench.client.execute(NOW, buy(None))
        bench.reply(0, (kinds.ANSWER, False))
        bench.reply(0, (kinds.RAISED, *failure_row(kind(5))))
        with pytest.raises((StopIteration, RuntimeError)) as caught:
            call.result()
        assert (type(caught.value), caught.value.args) == (kind, (5,))


def test_handles_whose_failures_do_not_fit_into_a_frame_are_all_told() -> None:
    bench = Bench(shards=1, custom=True)
    batch = bench.many(1, 2)
    batch.feed()
    bench.reply(0, *[(kinds.RESERVED, True, (), ())] * 2)
    call = bench.client.commit_many(NOW, [result.reservation for result in batch.result()])
    call.feed()  # type: ignore[attr-defined]  # a call over many items
    state = (1, (1, "too many"), None)
    bench.reply(0, (kinds.RAISED, "openpit.errors", "FrameTooLarge", state, "too many", ""))
    with pytest.raises(ExceptionGroup, match="commit_many failed at index 0, 1"):
        call.result()


def test_bytes_of_no_frame_end_the_connection() -> None:
    bench = Bench()
    with pytest.raises(WireError):
        bench.router.receive(bench.router.links[0], b"\xff" * 8)


# --- the start of a shard ----------------------------------------------------------------------


def start_of(number: int = 0) -> tuple[Router, ShardLink, Any]:
    client = Client(1, has_custom=False, handles=BLOCKING, runner=Runner())
    return (
        client.router,
        client.router.links[0],
        client.start(client.router.links[0], NOW, b""),
    )


def test_a_worker_that_lacks_more_than_it_was_offered_is_refused() -> None:
    told = Told(frozenset(), (("enum", "Enum"), ("no.such", "Urgency")))
    for lacking, is_up in (((), True), ((1,), True), ((0, 2), False), ((-1,), False)):
        client = Client(1, has_custom=False, handles=BLOCKING, runner=Runner(), told=told)
        call = client.start(client.router.links[0], NOW, b"")
        start = client.router.links[0].take()
        data = reply_frame(start, pack([(kinds.READY, lacking, *NO_AXES)]))
        if is_up:
            client.router.receive(client.router.links[0], data)
        else:
            with pytest.raises(WireError):
                client.router.receive(client.router.links[0], data)
        assert call.done is is_up


def test_a_worker_that_refuses_says_why() -> None:
    router, link, call = start_of()
    router.receive(link, reply_frame(link.take(), pack([(kinds.REFUSED, "ValueError: no")])))
    with pytest.raises(ShardStartError, match="shard 0: ValueError: no"):
        call.result()


def test_a_worker_that_ends_or_hangs_while_it_starts() -> None:
    router, link, call = start_of()
    router.lose(link, "it ended")
    with pytest.raises(ShardStartError, match="shard 0: it ended"):
        call.result()
    router, link, call = start_of()
    call.expire("not up within 60 s")
    with pytest.raises(ShardStartError, match="shard 0: not up within 60 s"):
        call.result()
    assert router.close(NOW).done
    assert link.state is ShardState.CLOSED


# --- credits -----------------------------------------------------------------------------------


def test_commands_wait_for_credit_in_order() -> None:
    bench = Bench(credit=2)
    calls = [bench.client.execute(NOW, buy(IN_SHARD_0)) for _ in range(4)]
    link = bench.router.links[0]
    assert (link.in_flight, len(link.waiting), len(bench.sent(0))) == (2, 2, 2)
    assert [call.is_sent for call in calls] == [True, True, False, False]
    bench.reply(0, (kinds.ACCEPTED, 1))
    assert [call.is_sent for call in calls] == [True, True, True, False]
    calls[3].expire(DONE_WAITING)
    with pytest.raises(ShardOverloaded, match="shard 0 has had no credit in time: 2 commands"):
        calls[3].result()
    assert len(bench.sent(0)) == 1


def test_what_would_fit_does_not_overtake_what_waits() -> None:
    bench = Bench(credit=3)
    for _ in range(2):
        bench.client.execute(NOW, buy(IN_SHARD_0))
    batch = bench.many(*[IN_SHARD_0] * 2)
    while batch.feed():
        pass
    assert not bench.client.execute(NOW, buy(IN_SHARD_0)).is_sent


def test_a_call_that_gives_up_waiting_is_never_sent() -> None:
    bench = Bench(credit=1)
    bench.client.execute(NOW, buy(IN_SHARD_0))
    call = bench.client.execute(NOW, buy(IN_SHARD_0))
    call.abandon()
    bench.reply(0, (kinds.ACCEPTED, 1))
    assert len(bench.sent(0)) == 1


def test_without_leave_to_wait_the_answer_comes_at_once() -> None:
    bench = Bench(credit=1, patience=Patience(max_wait=0))
    bench.client.execute(NOW, buy(IN_SHARD_0))
    with pytest.raises(ShardOverloaded):
        bench.client.execute(NOW, buy(IN_SHARD_0)).result()
    batch = bench.many(*[IN_SHARD_0] * 2)
    while batch.feed():
        pass
    for _ in range(3):
        bench.reply(0, (kinds.ACCEPTED, 1))
    assert [result.ok for result in batch.result()] == [True, True]


def stall(bench: Bench) -> None:
    for link in bench.router.links:
        if link.pending:
            bench.router.stall(link, DONE_WAITING)


def test_a_batch_whose_shard_answers_nothing_is_denied() -> None:
    bench = Bench(credit=1)
    bench.client.execute(NOW, buy(IN_SHARD_0))
    batch = bench.many(IN_SHARD_0)
    while batch.feed():
        pass
    stall(bench)
    assert batch.result()[0].rejects[0].details == f"shard 0: stalled: {DONE_WAITING}"
    bench.sent(0)
    bench.reply(0, (kinds.ACCEPTED, 1))
    bench.client.execute(NOW, buy(IN_SHARD_0))
    given_up = bench.many(IN_SHARD_0)
    while given_up.feed():
        pass
    given_up.abandon()
    assert not bench.router.links[0].waiting


# --- time is up --------------------------------------------------------------------------------


def test_a_late_answer_is_let_go() -> None:
    bench = Bench(custom=True)
    call = bench.client.execute(NOW, buy(IN_SHARD_0))
    call.expire(DONE_WAITING)
    assert call.result().rejects[0].details == f"shard 0: {DONE_WAITING}"
    bench.sent(0)
    bench.reply(0, (kinds.RESERVED, True, (), ()))
    assert list(bench.router.books.dropped) == [(bench.router.links[0], 1)]
    late = bench.client.execute(NOW, buy(IN_SHARD_0))
    assert [command[0] for command in bench.sent(0)] == [kinds.DROP]
    assert not late.is_sent  # with custom policies, nothing overtakes a rollback
    bench.reply(0, (kinds.DONE, 1))
    assert [command[0] for command in bench.sent(0)] == [kinds.EXECUTE]


@pytest.mark.parametrize("check", [Client.execute, Client.start_stage])
def test_what_nobody_holds_is_rolled_back_at_the_time_of_the_next_call(check: Any) -> None:
    bench = Bench(custom=True)
    call = bench.client.execute(NOW, buy(IN_SHARD_0))
    bench.sent(0)
    bench.reply(0, (kinds.RESERVED, True, (), ()))
    assert call.result().ok
    del call
    check(bench.client, NOW + 5, buy(IN_SHARD_0))
    bench.sent(0)
    assert [head_of(frame).time for frame in bench.unanswered[0]] == [NOW + 5]


def test_a_late_answer_of_a_batch_is_let_go() -> None:
    bench = Bench(custom=True)
    batch = bench.many(*[IN_SHARD_0] * 3)
    batch.feed()
    stall(bench)
    assert [result.ok for result in batch.result()] == [False, False, False]
    bench.reply(0, (kinds.ACCEPTED, 1), (kinds.RESERVED, True, (), ()), (kinds.ACCEPTED, 1))
    assert list(bench.router.books.dropped) == [(bench.router.links[0], 2)]


def test_what_was_sent_and_not_answered_is_unknown() -> None:
    bench = Bench()
    calls = [
        bench.client.report(NOW, report(IN_SHARD_0)),
        bench.client.procedure(NOW, everywhere, NOW, administration("unblock_all")),
    ]
    batch = bench.client.report_many(NOW, [report(IN_SHARD_0)])
    batch.feed()
    for call in calls:
        call.expire(DONE_WAITING)
    stall(bench)
    for call in calls:
        with pytest.raises(OutcomeUnknown, match="may or may not have been applied"):
            call.result()
    with pytest.raises(ExceptionGroup, match="failed at index 0"):
        batch.result()
    bench.reply(0, (kinds.DONE, 1), (kinds.DONE, 1), (kinds.DONE, 1))


def test_procedures_are_done_one_at_a_time() -> None:
    bench = Bench(shards=1)
    procedures = [
        bench.client.procedure(NOW, everywhere, NOW, administration("unblock_all"))
        for _ in range(4)
    ]
    assert len(bench.sent(0)) == 1
    procedures[1].expire(DONE_WAITING)
    with pytest.raises(ShardOverloaded):
        procedures[1].result()
    procedures[2].abandon()
    bench.reply(0, (kinds.DONE, 1))
    assert procedures[0].done
    assert len(bench.sent(0)) == 1
    bench.reply(0, (kinds.DONE, 1))
    assert procedures[3].done


def test_an_order_of_no_account_whose_time_is_up_is_denied() -> None:
    bench = Bench()
    call = bench.client.execute(NOW, buy(None))
    bench.reply(0, (kinds.ANSWER, False))
    call.expire(DONE_WAITING)
    assert call.result().rejects[0].details == f"shard 1: {DONE_WAITING}"
    bench.reply(1, (kinds.ANSWER, False))  # it goes on, and nobody looks
    assert [command[0] for command in bench.sent(0)] == [kinds.ADMINISTER, kinds.EXECUTE]
    bench.reply(0, (kinds.ACCEPTED, 1))


# --- losses ------------------------------------------------------------------------------------


def test_in_flight_at_a_lost_shard() -> None:
    bench = Bench(credit=3, rate=100)
    check = bench.client.execute(NOW, buy(IN_SHARD_0))
    sent = bench.client.report(NOW, report(IN_SHARD_0))
    batch = bench.many(IN_SHARD_0)
    batch.feed()
    bench.client.report(NOW, report(IN_SHARD_0))  # takes the reserve
    waiting = bench.client.report(NOW, report(IN_SHARD_0))
    reports = bench.client.report_many(NOW, [report(IN_SHARD_0)])
    reports.feed()
    bench.router.lose(bench.router.links[0], "it ended")
    bench.router.lose(bench.router.links[0], "again")
    assert check.result().rejects[0].details == "shard 0: it ended"
    assert batch.result()[0].rejects[0].details == "shard 0: it ended"
    with pytest.raises(OutcomeUnknown, match="shard 0: it ended"):
        sent.result()
    with pytest.raises(ShardDown, match="shard 0 is down: it ended"):
        waiting.result()
    with pytest.raises(ExceptionGroup) as group:
        reports.result()
    assert isinstance(group.value.exceptions[0], ShardDown)
    assert [(event, link.number) for event, link, *_ in bench.router.books.news] == [
        (ShardEvent.LOST, 0)
    ]
    assert bench.client.execute(NOW, buy(IN_SHARD_1)).is_sent
    denied = bench.many(IN_SHARD_0)
    denied.feed()
    assert denied.result()[0].rejects[0].details == "shard 0: it ended"


def interrupted(bench: Bench, call: Any) -> KeyboardInterrupt:
    """Give a call up as a face does when ^C comes while it waits."""
    try:
        raise KeyboardInterrupt  # noqa: TRY301 - as a signal's handler does
    except KeyboardInterrupt as interrupt:
        call.abandon()
        return interrupt


def test_an_interrupt_carries_what_the_shards_have_answered() -> None:
    bench = Bench()
    reports = bench.client.report_many(NOW, [report(IN_SHARD_1), report(IN_SHARD_0)])
    reports.feed()
    bench.reply(0, (kinds.DONE, 1))
    stopped: Any = interrupted(bench, reports)
    unanswered, applied = stopped.results
    assert unanswered is None
    assert applied.account_blocks == []
    assert stopped.failures == {}
    bench.reply(1, (kinds.DONE, 1))  # comes too late, and harms nothing

    many = bench.many(IN_SHARD_0, IN_SHARD_1)
    many.feed()
    bench.reply(0, (kinds.ACCEPTED, 1))
    assert not hasattr(interrupted(bench, many), "results")  # nobody holds what was accepted


def test_a_procedure_does_without_a_lost_shard_where_it_can() -> None:
    bench = Bench()
    everyone = bench.client.procedure(NOW, everywhere, NOW, administration("unblock_all"))
    bench.router.lose(bench.router.links[0], "it ended")
    assert not everyone.done
    bench.reply(1, (kinds.DONE, 1))
    assert everyone.result() is None
    last = bench.client.procedure(NOW, everywhere, NOW, administration("unblock_all"))
    bench.router.lose(bench.router.links[1], "it ended, too")
    with pytest.raises(OutcomeUnknown):
        last.result()


def test_a_group_change_whose_shard_is_lost() -> None:
    bench = Bench()
    listed = [IN_SHARD_0, IN_SHARD_1]
    change = bench.client.procedure(NOW, change_group, NOW, "register", listed, 7)
    bench.reply(0, (kinds.DONE, 1))
    bench.router.lose(bench.router.links[1], "it ended")
    with pytest.raises(ShardDown):  # nothing was applied
        change.result()
    bench = Bench()
    change = bench.client.procedure(NOW, change_group, NOW, "register", listed, 7)
    for number in (0, 1):
        bench.reply(number, (kinds.DONE, 1))
    bench.reply(0, (kinds.DONE, 1))
    bench.router.lose(bench.router.links[1], "it ended")
    with pytest.raises(OutcomeUnknown):
        change.result()


def test_orders_of_a_lost_shard_are_denied_whatever_they_ask_for() -> None:
    bench = Bench(rate=1)
    bench.router.lose(bench.router.links[0], "it ended")
    order = buy(IN_SHARD_0)
    client = bench.client
    for start in (client.execute, client.start_stage, client.start_dry_run, client.execute_dry_run):
        assert start(NOW, order).result().rejects[0].details == "shard 0: it ended"
    assert client.drop_copy(NOW, order).result().rejects[0].details == "shard 0: it ended"
    client.execute(NOW, buy(IN_SHARD_1))
    (command,) = bench.sent(1)
    assert command[-2:] == (1, 0)  # no denied order was counted


def test_an_order_of_no_account_whose_shard_is_lost_between_two_steps() -> None:
    bench = Bench()
    call = bench.client.execute(NOW, buy(None))
    bench.reply(0, (kinds.ANSWER, False))
    bench.router.lose(bench.router.links[0], "it ended")
    bench.reply(1, (kinds.ANSWER, False))
    assert call.result().rejects[0].details == "shard 0: it ended"


def test_an_order_of_no_account_whose_reply_is_none() -> None:
    bench = Bench(shards=1)
    call = bench.client.execute(NOW, buy(None))
    bench.reply(0, (kinds.ANSWER, False))
    with pytest.raises(WireError):
        bench.reply(0, (kinds.STARTED,))
    assert not call.done
    bench.router.lose(bench.router.links[0], "its worker sent what is no reply")
    assert "its worker sent what is no reply" in call.result().rejects[0].details


@pytest.mark.parametrize("after_replies", [0, 1])
def test_an_order_of_no_account_whose_shard_is_lost(after_replies: int) -> None:
    bench = Bench()
    call = bench.client.execute(NOW, buy(None))
    if after_replies:
        for number in (0, 1):
            bench.reply(number, (kinds.ANSWER, False))
    bench.router.lose(bench.router.links[0], "it ended")
    bench.router.lose(bench.router.links[1], "it ended")
    assert call.result().rejects[0].details == "shard 0: it ended"


def test_an_engine_wide_block_is_known_to_all_before_its_reply_is_delivered() -> None:
    bench = Bench(shards=3)
    call = bench.client.report(NOW, report(None))
    bench.reply(0, (kinds.DONE, 1), armed=Flag.UNATTRIBUTED_REPORT)
    assert not call.done
    for number in range(3):
        assert bench.sent(number)[-1] == (Op.ARM, Flag.UNATTRIBUTED_REPORT)
    bench.reply(0, (kinds.DONE, 1))
    bench.reply(1, (kinds.DONE, 1))
    assert not call.done
    bench.router.lose(bench.router.links[2], "it ended")  # it passes nothing any more
    assert call.done


def test_replies_wait_for_no_engine_wide_block_but_that_of_their_own_batch() -> None:
    bench = Bench()
    armed, other = (bench.client.report(NOW, report(None)) for _ in range(2))
    bench.reply(0, (kinds.REPORTED, (), (), ()), armed=Flag.UNATTRIBUTED_REPORT)
    bench.reply(0, (kinds.DONE, 1))
    assert (armed.done, other.done) == (False, True)
    assert bench.sent(1) == [(Op.ARM, Flag.UNATTRIBUTED_REPORT)]


def test_a_run_of_orders_that_has_armed_an_engine_wide_block_waits_too() -> None:
    bench = Bench(custom=True)
    batch = bench.many(*[IN_SHARD_0] * 2)
    batch.feed()
    bench.reply(0, (kinds.ACCEPTED, 2), armed=Flag.FINALIZER_FAILED)
    assert not batch.done
    bench.reply(0, (kinds.DONE, 1))
    bench.reply(1, (kinds.DONE, 1))
    assert [result.ok for result in batch.result()] == [True, True]


@pytest.mark.parametrize(
    ("flags", "body"), [(4, b""), (8, b""), (1, b"\xc1"), (1, pack([(kinds.DONE, 1)]))]
)
def test_a_block_is_told_with_the_replies_to_its_batch(flags: int, body: bytes) -> None:
    bench = Bench()
    client = bench.client
    call = client.execute(NOW, buy(IN_SHARD_0))
    data = reply_frame(client.router.links[0].take(), body, flags=flags)
    with pytest.raises(WireError):
        client.router.receive(client.router.links[0], data)
    assert not call.done
    assert bench.sent(1) == []


def test_the_router_is_answered_without_a_word() -> None:
    for body, flags in ((pack([(kinds.DONE, 1)]), 0), (b"", CAUSES)):
        bench = Bench(shards=1)
        bench.router.close(NOW)
        data = reply_frame(bench.router.links[0].take(), body, flags=flags)
        with pytest.raises(WireError, match="nothing is to be said to that"):
            bench.router.receive(bench.router.links[0], data)


def test_what_waited_for_an_engine_wide_block_is_delivered_once() -> None:
    bench = Bench(custom=True, credit=1)
    bench.client.execute(NOW, buy(IN_SHARD_1))
    batch = bench.many(IN_SHARD_0, IN_SHARD_1)
    while batch.feed():
        pass
    bench.reply(0, (kinds.ACCEPTED, 1), armed=Flag.FINALIZER_FAILED)
    bench.reply(0, (kinds.DONE, 1))
    bench.reply(1, (kinds.ACCEPTED, 1), (kinds.DONE, 1))  # the other order is on its way now
    stall(bench)
    assert [result.ok for result in batch.result()] == [True, False]


def test_a_handle_whose_end_was_never_sent_is_open_still() -> None:
    bench = Bench(custom=True, credit=1)
    call = bench.client.execute(NOW, buy(IN_SHARD_0))
    bench.reply(0, (kinds.RESERVED, True, ((0, "185.5"),), ()))
    reservation = call.result().reservation
    bench.client.execute(NOW, buy(IN_SHARD_0))
    bench.client.report(NOW, report(IN_SHARD_0))  # takes the reserve
    ending = bench.client.finalize(NOW, reservation, True)
    bench.router.lose(bench.router.links[0], "killed")
    with pytest.raises(ShardDown):
        ending.result()
    assert len(reservation.lock) == 1


def test_a_list_of_handles_that_was_never_sent_leaves_them_open() -> None:
    bench = Bench(custom=True, credit=1)
    batch = bench.many(IN_SHARD_0)
    while batch.feed():
        pass
    bench.reply(0, (kinds.RESERVED, True, (), ()))
    [reservation] = [result.reservation for result in batch.result()]
    bench.client.execute(NOW, buy(IN_SHARD_0))
    bench.client.report(NOW, report(IN_SHARD_0))  # takes the reserve
    call: Any = bench.client.commit_many(NOW, [reservation])
    call.feed()
    bench.sent(0)
    stall(bench)
    with pytest.raises(ExceptionGroup, match="failed at index 0"):
        call.result()
    bench.reply(0, (kinds.ACCEPTED, 1), (kinds.DONE, 1))
    bench.sent(0)
    bench.client.commit_many(NOW, [reservation]).feed()  # type: ignore[attr-defined]
    assert [command[2] for command in bench.sent(0)] == [(1,)]


def test_a_dropped_handle_of_a_lost_shard_is_forgotten() -> None:
    bench = Bench(custom=True)
    calls = [bench.client.execute(NOW, buy(number)) for number in (IN_SHARD_0, IN_SHARD_1)]
    for number in (0, 1):
        bench.reply(number, (kinds.RESERVED, True, (), ()))
    for call in calls:
        call.value = None
    bench.router.lose(bench.router.links[0], "it ended")
    call = bench.client.execute(NOW, buy(IN_SHARD_1))
    assert not call.is_sent
    bench.router.lose(bench.router.links[1], "it ended")
    assert call.result().rejects[0].policy == "Router"


def test_a_procedure_waits_for_a_rollback_and_for_the_procedure_before_it() -> None:
    bench = Bench(shards=1, custom=True)
    order = bench.client.execute(NOW, buy())
    bench.reply(0, (kinds.RESERVED, True, (), ()))
    first = bench.client.procedure(NOW, everywhere, NOW, administration("unblock_all"))
    order.value = None  # the reservation is dropped
    second = bench.client.procedure(NOW, everywhere, NOW, administration("unblock_all"))
    assert [command[0] for command in bench.sent(0)] == [
        kinds.EXECUTE,
        kinds.ADMINISTER,
        kinds.DROP,
    ]
    bench.reply(0, (kinds.DONE, 1))
    assert first.done
    assert not second.is_sent
    bench.reply(0, (kinds.DONE, 1))
    assert second.is_sent


def test_a_rollback_is_over_before_a_procedure_that_waits_for_another() -> None:
    bench = Bench(shards=2, custom=True)
    order = bench.client.execute(NOW, buy(IN_SHARD_0))
    bench.reply(0, (kinds.RESERVED, True, (), ()))
    first = bench.client.procedure(NOW, everywhere, NOW, administration("unblock_all"))
    order.value = None  # the reservation is dropped
    second = bench.client.procedure(NOW, everywhere, NOW, administration("unblock_all"))
    bench.reply(0, (kinds.DONE, 1), (kinds.DONE, 1))
    assert not first.done
    assert not second.is_sent
    bench.reply(1, (kinds.DONE, 1))
    assert first.done
    assert second.is_sent


# --- limits and the end ------------------------------------------------------------------------


def test_a_message_over_the_limit_is_refused_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench()
    monkeypatch.setattr(wire, "FRAME_BYTES", 60)
    with pytest.raises(FrameTooLarge):
        bench.client.procedure(
            NOW, everywhere, NOW, administration("block_group", 7, "x" * 100)
        ).result()
    with pytest.raises(FrameTooLarge):
        bench.client.administer(NOW, 1, "replace_block_reason", "x" * 100)
    assert [bench.sent(number) for number in (0, 1)] == [[], []]
    assert bench.client.procedure(NOW, everywhere, NOW, administration("unblock_all")).is_sent


def test_closing_ends_what_waits_and_lets_end_what_is_in_flight() -> None:
    bench = Bench(credit=1)
    in_flight = bench.client.execute(NOW, buy(IN_SHARD_0))
    waiting = bench.client.execute(NOW, buy(IN_SHARD_0))
    unsent = bench.client.report(NOW, report(IN_SHARD_0))
    procedures = [
        bench.client.procedure(NOW, everywhere, NOW, administration("unblock_all"))
        for _ in range(2)
    ]
    goodbye = bench.router.close(NOW)
    assert waiting.result().rejects[0].details == "shard 0: the engine is closed"
    for call in (unsent, procedures[1]):
        with pytest.raises(EngineClosed):
            call.result()
    with pytest.raises(EngineClosed):
        bench.client.procedure(NOW, everywhere, NOW, administration("unblock_all"))
    bench.client.quote(NOW, 0, ("clear", 1))
    bench.reply(0, (kinds.ACCEPTED, 1), (kinds.DONE, 1))
    assert in_flight.result().ok
    bench.reply(0, (kinds.DONE, 1))
    assert not goodbye.done
    bench.router.lose(bench.router.links[1], "it ended")
    assert goodbye.done
    assert bench.router.books.news == []
    assert {link.state for link in bench.router.links} == {ShardState.CLOSED}


def test_closing_has_an_end() -> None:
    bench = Bench()
    call = bench.client.execute(NOW, buy(IN_SHARD_0))
    goodbye = bench.router.close(NOW)
    goodbye.expire("no answer")
    assert goodbye.done
    assert not call.result().ok


def test_a_copy_of_the_router_is_closed_without_a_word() -> None:
    bench = Bench()
    bench.client.execute(NOW, buy(IN_SHARD_0))
    bench.router.lose(bench.router.links[1], "it ended")
    bench.router.abandon_shards()
    assert {link.state for link in bench.router.links} == {ShardState.CLOSED}
    assert [bench.sent(number) for number in (0, 1)] == [[], []]
    with pytest.raises(EngineClosed):
        bench.client.execute(NOW, buy(IN_SHARD_0))


def test_the_life_of_a_shard_is_a_table() -> None:
    assert set(SHARD) == set(ShardState)
    assert SHARD[ShardState.STARTING][ShardEvent.READY] is ShardState.UP
    assert SHARD[ShardState.DOWN][ShardEvent.LOST] is ShardState.DOWN
    assert SHARD[ShardState.UP][ShardEvent.STALL] is ShardState.STALLED
    assert SHARD[ShardState.STALLED][ShardEvent.ANSWER] is ShardState.UP
    assert SHARD[ShardState.STALLED][ShardEvent.CLOSE] is ShardState.CLOSED
    with pytest.raises(KeyError):
        SHARD[ShardState.DOWN][ShardEvent.READY]


def test_where_no_rate_is_limited_no_order_can_be_told_not_to_count() -> None:
    bench = Bench()
    call = bench.client.execute(NOW, buy(IN_SHARD_0))
    link = bench.router.links[0]
    frame = reply_frame(link.take(), pack([(kinds.ACCEPTED, 1)]), uncounted=[(0, NOW, 1)])
    with pytest.raises(WireError, match="1 orders that do not count on the axis 0"):
        bench.router.receive(link, frame)
    assert not call.done
