from __future__ import annotations

from math import inf
from typing import Any

import pytest
from flow import IN_SHARD_0, buy, report
from played import NOW, Bench
from replacing_desk import Desk

from openpit.client.deadlines import Patience
from openpit.client.procedures import administration, everywhere
from openpit.errors import OutcomeUnknown, ShardOverloaded
from openpit.router.lifecycle import ShardEvent
from openpit.wire import kinds

LATE = "no answer within 4 s"
OVERLOADED = "shard 0 has had no credit in time: 1 commands are in flight"


def bench(*, max_wait: float = 4.0, **options: Any) -> Bench:
    return Bench(patience=Patience(timeout=4.0, max_wait=max_wait), **options)


def begin(bench: Bench, now: float, call: Any = None) -> Any:
    """A caller begins to wait, by default for an order of shard 0."""
    if call is None:
        call = bench.client.execute(NOW, buy(IN_SHARD_0))
    bench.client.deadlines.expect([call], now)
    return call


def denied(call: Any) -> str:
    assert call.done
    return str(call.result().rejects[0].details)


def test_a_call_has_its_timeout_and_no_less() -> None:
    desk = bench()
    deadlines = desk.client.deadlines
    first, second = begin(desk, 10.0), begin(desk, 11.0)
    desk.sent(0)
    deadlines.on_time(12.0)
    desk.reply(0, (kinds.ACCEPTED, 1))  # so the shard is not stalled with the second
    third = begin(desk, 12.5)
    assert first.result().ok

    deadlines.on_time(14.9)
    assert not second.done
    assert deadlines.next_deadline() == 15.0
    deadlines.on_time(15.0)
    assert denied(second) == f"shard 0: {LATE}"
    assert not third.done


def test_nothing_is_due_once_all_is_done() -> None:
    desk = bench()
    assert desk.client.deadlines.next_deadline() == inf
    call = begin(desk, 10.0)
    assert (
        desk.client.deadlines.next_deadline() == 13.0
    )  # the shard may be one that others wait for
    desk.sent(0)
    desk.reply(0, (kinds.ACCEPTED, 1))
    assert call.done
    assert desk.client.deadlines.next_deadline() == inf
    assert not desk.router.books.answer_due


def test_what_is_abandoned_is_due_no_more() -> None:
    desk = bench(credit=1)
    calls = [begin(desk, 10.0), begin(desk, 10.0)]
    assert len(desk.router.books.answer_due) == len(desk.router.books.credit_due) == 1
    for call in calls:
        call.abandon()
    assert not desk.router.books.answer_due
    assert not desk.router.books.credit_due


def test_one_that_is_done_when_its_caller_would_wait_is_never_due() -> None:
    desk = bench()
    desk.router.lose(desk.router.links[0], "it ended")
    begin(desk, 10.0)
    assert desk.client.deadlines.next_deadline() == inf


def test_waiting_for_credit_ends_earlier_where_it_may_be_shorter() -> None:
    desk = bench(max_wait=1.0, credit=1)
    sent, waiting = begin(desk, 10.0), begin(desk, 10.0)
    assert desk.client.deadlines.next_deadline() == 11.0
    desk.client.deadlines.on_time(11.0)
    with pytest.raises(ShardOverloaded, match=OVERLOADED):
        waiting.result()
    assert not sent.done


def test_what_got_its_credit_in_time_has_the_rest_of_the_timeout() -> None:
    desk = bench(max_wait=1.0, credit=1)
    begin(desk, 10.0)
    waiting = begin(desk, 10.5)
    desk.sent(0)
    desk.reply(0, (kinds.ACCEPTED, 1))
    desk.client.deadlines.on_time(11.5)
    assert not waiting.done
    desk.client.deadlines.on_time(14.4)
    assert not waiting.done
    desk.client.deadlines.on_time(14.5)
    assert denied(waiting) == f"shard 0: {LATE}"


def test_a_longer_wait_for_credit_counts_for_the_answer_too() -> None:
    desk = bench(max_wait=9.0, credit=1)
    begin(desk, 10.0)
    waiting = begin(desk, 10.0)
    desk.sent(0)
    desk.client.deadlines.on_time(13.9)
    desk.reply(0, (kinds.ACCEPTED, 1))
    desk.client.deadlines.on_time(17.0)  # the silence of its shard counts anew
    assert waiting.is_sent
    desk.client.deadlines.on_time(18.9)
    assert not waiting.done
    assert desk.client.deadlines.next_deadline() == 19.0
    desk.client.deadlines.on_time(19.0)
    assert denied(waiting) == f"shard 0: {LATE}"


def test_a_procedure_in_line_waits_as_for_credit() -> None:
    desk = bench(max_wait=1.0)
    procedures = [
        begin(
            desk, 10.0, desk.client.procedure(NOW, everywhere, NOW, administration("unblock_all"))
        )
        for _ in range(2)
    ]
    desk.client.deadlines.on_time(11.0)
    with pytest.raises(ShardOverloaded):
        procedures[1].result()
    assert not procedures[0].done
    desk.client.deadlines.on_time(14.0)
    with pytest.raises(OutcomeUnknown):
        procedures[0].result()


def test_who_may_not_wait_for_credit_waits_for_a_rollback() -> None:
    # No credit is lacking: the shard is only asked first to roll back what nobody holds.
    desk = bench(max_wait=0, custom=True)
    desk.router.books.dropped.append((desk.router.links[0], 1))
    call = begin(desk, 10.0)
    assert not call.is_sent
    assert desk.client.deadlines.on_time(10.0) == []
    assert not call.done
    desk.sent(0)
    desk.reply(0, (kinds.DONE, 1))
    desk.sent(0)
    desk.reply(0, (kinds.ACCEPTED, 1))
    assert call.result().ok


def test_a_call_over_many_items_goes_on_as_long_as_its_shards_do() -> None:
    desk = bench()
    batch = desk.client.report_many(NOW, [report(IN_SHARD_0)] * 2)
    while batch.feed():
        pass
    begin(desk, 10.0, batch)
    assert desk.client.deadlines.on_time(13.9) == []
    assert not batch.done
    desk.client.deadlines.on_time(14.0)
    with pytest.raises(ExceptionGroup, match="failed at index 0, 1"):
        batch.result()


# --- with a journal: another worker answers what this one never does ------------------------------


def journaled(**patience: Any) -> Bench:
    """Shard 0 comes back."""
    return Desk(patience=Patience(timeout=4.0, max_wait=4.0, **patience))


def test_a_call_does_not_end_before_it_is_known_whether_its_shard_is_stalled() -> None:
    desk = journaled()
    first, second = begin(desk, 10.0), begin(desk, 10.0)
    desk.sent(0)
    desk.reply(0, (kinds.ACCEPTED, 1))
    assert desk.client.deadlines.on_time(12.0) == []  # it is silent from here on
    third = begin(desk, 13.0)
    desk.client.deadlines.on_time(14.0)
    assert (first.done, second.done) == (True, False)
    assert desk.client.deadlines.on_time(15.0) == []
    assert desk.client.deadlines.next_deadline() == 16.0
    desk.client.deadlines.on_time(16.0)
    assert desk.router.links[0].is_stalled
    desk.client.deadlines.on_time(40.0)
    assert (second.done, third.done) == (False, False)


def test_one_that_is_only_slow_is_waited_for_no_longer_than_that() -> None:
    desk = journaled()
    begin(desk, 10.0)
    second = begin(desk, 10.0)
    third, fourth = begin(desk, 12.0), begin(desk, 12.0)
    desk.sent(0)
    desk.reply(0, (kinds.ACCEPTED, 1))
    desk.client.deadlines.on_time(13.0)
    desk.client.deadlines.on_time(14.0)  # the second would be due
    assert desk.router.books.late == {second}
    assert [*desk.router.books.answer_due] == [third, fourth, second]  # as they are due
    desk.client.deadlines.on_time(16.9)
    desk.router.links[0].answered += 1  # it has answered some other
    desk.client.deadlines.on_time(17.0)
    assert [*map(denied, (second, third, fourth))] == [f"shard 0: {LATE}"] * 3
    assert not desk.router.books.late


def test_a_server_that_says_nothing_of_a_stalled_shard_is_not_waited_for_as_one_that_does() -> None:
    desk = journaled(word=3.0)
    link = desk.router.links[0]
    untold = [begin(desk, 10.0), desk.many(IN_SHARD_0)]
    while untold[1].feed():
        pass
    link.is_told = False
    desk.client.deadlines.on_time(14.0)
    assert link.is_stalled
    assert desk.client.deadlines.next_deadline() == 17.0
    desk.client.deadlines.on_time(16.9)
    assert not untold[0].done
    desk.client.deadlines.on_time(17.0)
    assert denied(untold[0]) == "shard 0: no answer within 7 s"
    (result,) = untold[1].result()
    assert result.rejects[0].details == "shard 0: no answer within 7 s"


def test_one_that_says_so_is_waited_for_and_given_up_when_it_says_no_more() -> None:
    desk = journaled(word=3.0, stall_timeout=60.0, recovery_timeout=90.0)
    link = desk.router.links[0]
    call = begin(desk, 10.0)
    desk.client.deadlines.on_time(14.0)
    link.is_told = True
    assert desk.client.deadlines.on_time(73.9) == []
    assert desk.client.deadlines.on_time(74.0) == [(link, "stalled for 60 s")]
    desk.router.revive(link)
    link.happen(ShardEvent.REPLACE)
    assert desk.client.deadlines.on_time(80.0) == []
    assert desk.client.deadlines.next_deadline() <= 170.0
    assert desk.client.deadlines.on_time(169.9) == []
    assert desk.client.deadlines.on_time(170.0) == [(link, "not recovered within 90 s")]
    assert not call.done
