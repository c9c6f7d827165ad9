"""What a client makes of the answers that its former life has missed."""

from __future__ import annotations

from typing import Any

import pytest
from flow import IN_SHARD_0, buy, report
from played import NOW, JournaledBench

from openpit import MissedAnswer
from openpit.client.missed import taken
from openpit.errors import OutcomeUnknown, SomeItemsFailed, WireError
from openpit.wire import kinds
from openpit.wire.failures import failure_row
from openpit.wire.frames import pack
from openpit.wire.own_numbers import own_batch
from openpit.wire.values import encode

DONE = (kinds.DONE, 1)
LATER = 7 * NOW
FIRST = (kinds.ASK_MISSED, None, 0, 100)
RESERVED = (kinds.RESERVED, True, (), ())


class ReturnedBench(JournaledBench):
    """A client whose former life may have missed answers of the first shard."""

    def __init__(self) -> None:
        super().__init__(begins=100)
        self.client.left.missed[0] = 100

    def told(self, *rows: Any) -> list[Any]:
        """Ask for the answers, of each the command and the reply, with a batch of its own."""
        call = self.client.ask_missed(LATER)
        assert self.sent(0) == [FIRST]
        listed = [
            (number, 0, number, is_open, NOW, pack(asked), pack(reply))
            for number, (asked, reply, is_open) in enumerate(rows, 1)
        ]
        self.reply(0, (kinds.MISSED, 0, True, tuple(listed)))
        return taken(self.client.left, call.result())


def test_a_call_of_each_kind_is_told_by_what_it_was_and_would_have_returned() -> None:
    order = (kinds.EXECUTE, IN_SHARD_0, "AAPL", "USD", "BUY", "10", None, "185.5")
    fill = (kinds.REPORT, IN_SHARD_0, "AAPL", "USD", "BUY", "0", "0", None)
    placed = (kinds.DROP_COPY, IN_SHARD_0, encode(buy(IN_SHARD_0)), 0, 0)
    paid = (kinds.ADJUST, IN_SHARD_0, encode([]))
    block = (kinds.ADMINISTER, IN_SHARD_0, "block", encode((IN_SHARD_0,), bare=True))
    asked = (kinds.ASK_ACTOR, IN_SHARD_0, "gateway", b"35=D", 0, 0, ())
    bench = ReturnedBench()

    found = bench.told(
        (order, (kinds.ACCEPTED, 1), False),
        (order, (kinds.REJECTED, ()), False),
        (fill, DONE, False),
        (placed, (kinds.RECORDED, True, (), (), None, False), True),
        (paid, (kinds.ADJUSTED, None, (), (), ()), False),
        (block, DONE, False),
        (asked, (kinds.ANSWERED, b"39=8"), False),
        ((kinds.EXECUTE_REQUEST, IN_SHARD_0, 1), RESERVED, False),
        (order, (kinds.RAISED, *failure_row(ZeroDivisionError("by zero"))), False),
    )

    assert [one.call for one in found] == [
        *("order", "order", "report", "drop copy", "adjustments", "administration", "message"),
        *("main stage", "order"),
    ]
    assert [(one.shard, one.batch, one.place, one.time) for one in found[:2]] == [
        (0, 1, 0, NOW),
        (0, 2, 0, NOW),
    ]
    assert repr(found[0].asked) == repr(buy(IN_SHARD_0))
    assert (
        repr(found[0]) == f"MissedAnswer(order of account {IN_SHARD_0}: shard 0, batch 1, place 0)"
    )
    assert found[0].result.ok
    assert not found[1].result.ok
    assert repr(found[2].asked) == repr(report(IN_SHARD_0))
    assert found[2].result.account_blocks == []
    assert found[3].result.operation._open
    assert found[4].asked == []
    assert found[4].result.ok
    assert found[5].result is None
    assert (found[6].asked, found[6].result) == (b"35=D", b"39=8")
    assert not found[7].result.reservation._open
    for _ in range(2):  # as often as anybody looks
        with pytest.raises(ZeroDivisionError):
            _ = found[8].result
    with pytest.raises(TypeError):
        MissedAnswer()


def test_a_handle_is_made_when_it_is_looked_at_and_is_the_same_as_what_is_left_open() -> None:
    bench = ReturnedBench()
    order = (kinds.EXECUTE_WHOLE, IN_SHARD_0, encode(buy(IN_SHARD_0)), 0, 0)
    keyed = (kinds.KEYED, IN_SHARD_0, b"key", order)

    one, again = bench.told((order, RESERVED, True), (keyed, (kinds.ONCE, 1, True, RESERVED), True))

    assert not bench.client.left.shown
    assert (one.key, again.key) == (None, b"key")
    assert one.result.reservation is again.result.reservation
    assert bench.client.left.shown[0, 1] is one.result.reservation
    assert one.result.reservation._open


def test_of_a_list_of_handles_those_that_failed_are_told() -> None:
    failures = ((1, *failure_row(RuntimeError("no such handle"))),)

    (one,) = ReturnedBench().told(
        ((kinds.COMMIT_MANY, None, (5, 6, 7)), (kinds.FAILURES, failures), False)
    )

    assert (one.call, one.account_id) == ("commit many", None)
    with pytest.raises(SomeItemsFailed) as failed:
        _ = one.result
    assert failed.value.results == [True, None, True]
    assert [str(error) for error in failed.value.exceptions] == ["no such handle"]


def test_what_is_of_a_class_that_is_not_here_is_told_without_it() -> None:
    strange = (kinds.EXECUTE_WHOLE, IN_SHARD_0, ("o", "nowhere", "Ticket"), 0, 0)

    (one,) = ReturnedBench().told((strange, (kinds.REJECTED, ()), False))

    assert one.asked is None
    assert not one.result.ok


def test_they_are_asked_for_in_parts_and_given_once() -> None:
    bench = ReturnedBench()
    order = (kinds.EXECUTE, IN_SHARD_0, "AAPL", "USD", "BUY", "10", None, "185.5")
    row = (7, 1, 9, False, NOW, pack(order), pack((kinds.ACCEPTED, 1)))
    first, second = bench.client.ask_missed(LATER), bench.client.ask_missed(LATER)
    bench.sent(0)
    for _ in range(2):
        bench.reply(0, (kinds.MISSED, 3, False, (row,)))
    assert bench.sent(0) == [(kinds.ASK_MISSED, None, 8, 100)] * 2
    for _ in range(2):
        bench.reply(0, (kinds.MISSED, 3, True, ()))

    found = taken(bench.client.left, first.result())

    assert [(one.batch, one.place) for one in found] == [(7, 1)]
    assert found.forgotten == 3
    assert taken(bench.client.left, second.result()) == []


ORDER = (kinds.EXECUTE, IN_SHARD_0, "AAPL", "USD", "BUY", "10", None, "185.5")


@pytest.mark.parametrize(
    ("asked", "reply"),
    [
        (ORDER[:-1], (kinds.ACCEPTED, 1)),
        ((kinds.EXECUTE, "seven", *ORDER[2:]), (kinds.ACCEPTED, 1)),
        ((), (kinds.ACCEPTED, 1)),
        ((99, IN_SHARD_0), DONE),
        ((kinds.ASK_LEFT, None, 0, 1), DONE),
        ((kinds.KEYED, IN_SHARD_0, b"key"), (kinds.ACCEPTED, 1)),
        ((kinds.KEYED, IN_SHARD_0, b"key", ORDER[:-1]), (kinds.ACCEPTED, 1)),
        (ORDER, DONE),
        ((kinds.COMMIT, IN_SHARD_0, 1), (kinds.ACCEPTED, 1)),
    ],
)
def test_what_is_no_call_and_its_answer_is_refused(asked: Any, reply: Any) -> None:
    with pytest.raises(WireError):
        ReturnedBench().told((asked, reply, False))


def test_a_shard_that_tells_the_same_again_is_not_asked_for_ever() -> None:
    bench = ReturnedBench()
    bench.client.ask_missed(LATER)
    bench.sent(0)
    row = (7, 1, 9, False, NOW, pack(ORDER), pack((kinds.ACCEPTED, 1)))
    bench.reply(0, (kinds.MISSED, 0, False, (row,)))
    with pytest.raises(WireError, match="begin again: 8 comes behind 8"):
        bench.reply(0, (kinds.MISSED, 0, False, (row,)))


def test_nor_is_one_for_what_is_left_open() -> None:
    bench = ReturnedBench()
    bench.client.left.before[0] = 100
    bench.client.ask_left(LATER)
    bench.sent(0)
    bench.reply(0, (kinds.LEFT, ((7, IN_SHARD_0, b"", b"", b""),)))
    with pytest.raises(WireError, match="begins again: 7 comes behind 7"):
        bench.reply(0, (kinds.LEFT, ((7, IN_SHARD_0, b"", b"", b""),)))


def test_a_shard_that_goes_meanwhile_is_asked_again_later() -> None:
    bench = ReturnedBench()
    call = bench.client.ask_missed(LATER)
    bench.lost()

    assert taken(bench.client.left, call.result()) == []
    assert bench.client.left.missed == {0: 100}


def test_what_a_shard_raises_is_raised() -> None:
    bench = ReturnedBench()
    call = bench.client.ask_missed(LATER)
    bench.sent(0)
    bench.reply(0, (kinds.RAISED, *failure_row(RuntimeError("no"))))
    with pytest.raises(RuntimeError, match="no"):
        call.result()


def test_what_nobody_has_asked_for_is_let_go_of() -> None:
    bench = ReturnedBench()
    bench.client.left.before[0] = 100
    bench.client.left.let_go(bench.router, LATER, 5.0)

    assert bench.sent(0) == [
        (kinds.DROP_LEFT, None, 100),
        (kinds.ASK_MISSED, None, 2**64 - 1, 100),
    ]
    bench.reply(0, DONE, (kinds.MISSED, 0, True, ()))
    assert bench.client.left.missed == {}


def test_each_batch_tells_how_far_the_one_of_an_engine_with_a_journal_has_had_answers() -> None:
    bench = JournaledBench()
    for _ in range(3):
        bench.client.report(NOW, report(IN_SHARD_0))
    bench.sent(0)
    bench.reply(0, DONE, DONE)
    bench.client.report(NOW, report(IN_SHARD_0))
    bench.sent(0)

    waiting, last = map(own_batch, bench.unanswered[0])
    assert waiting is not None
    assert last is not None
    assert (waiting.first, waiting.acknowledged) == (3, 1)
    assert (last.first, last.acknowledged) == (4, 3)


def test_a_session_asks_for_its_own_names_calls_alone() -> None:
    bench = JournaledBench()
    call = bench.client.report(NOW, report(IN_SHARD_0))
    bench.lost()
    with pytest.raises(OutcomeUnknown) as raised:
        call.result()
    error = raised.value
    assert error.call is not None
    error.call = error.call._replace(session=7)

    with pytest.raises(OutcomeUnknown, match="its session has gone for longer than its name"):
        JournaledBench(begins=100).client.outcome(LATER, error)
