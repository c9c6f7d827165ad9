from __future__ import annotations

import pytest
from flow import IN_SHARD_0, IN_SHARD_1, buy, report
from played import NOW
from replacing_desk import Desk, accepting, done, numbers

from openpit.client.deadlines import Patience
from openpit.errors import CommandSkipped, OutcomeUnknown, SomeItemsFailed
from openpit.hosting.replacement import KILLED
from openpit.router.lifecycle import ShardEvent, ShardState
from openpit.router.own_commands import OwnOp
from openpit.wire import kinds
from openpit.wire.frames import (
    Flag,
    Op,
    command_in,
    head_of,
    messages_of,
    pack,
    reply_frame,
    whose,
)
from openpit.wire.own_numbers import own_batch


def test_what_was_in_flight_is_sent_again_as_it_was_and_what_came_since_behind_it() -> None:
    desk = Desk()
    first, second = (desk._client.execute(NOW, buy(IN_SHARD_0)) for _ in range(2))
    sent = desk.write()
    desk.die()
    third = desk._client.execute(NOW, buy(IN_SHARD_0))
    assert desk.write() == []
    assert desk.link.state is ShardState.RECOVERING

    desk.recover(1)

    again = desk.write()
    assert again[:-1] == sent
    assert numbers(again[-1:]) == [3]
    desk.say(*map(accepting, again))
    assert [call.result().ok for call in (first, second, third)] == [True] * 3
    assert desk.link.state is ShardState.UP
    assert (desk.link.in_flight, len(desk.link.kept), desk.link.restarts) == (0, 0, 1)
    assert [event for event, *_ in desk.router.books.news] == [
        ShardEvent.REPLACE,
        ShardEvent.RECOVERED,
    ]


def test_what_the_shard_has_is_answered_from_its_replay_and_not_sent_again() -> None:
    desk = Desk()
    first = desk._client.execute(NOW, buy(IN_SHARD_0))
    (had,) = desk.write()
    second = desk._client.execute(NOW, buy(IN_SHARD_0))
    (lacked,) = desk.write()
    desk.die()

    desk.recover(2, accepting(had))

    assert first.result().ok
    assert desk.write() == [lacked]
    desk.say(accepting(lacked))
    assert second.result().ok


def test_a_worker_that_ends_before_it_has_recovered_leaves_no_trace() -> None:
    desk = Desk()
    call = desk._client.execute(NOW, buy(IN_SHARD_0))
    sent = desk.write()
    for _ in range(3):
        desk.die()
        assert numbers([desk.start()]) == [0]  # behind it comes 1, which has no answer

    desk.die()
    desk.recover(1)

    assert desk.write() == sent
    desk.say(*map(accepting, sent))
    assert call.result().ok
    assert desk.link.restarts == 4


def test_half_a_reply_is_forgotten_with_its_worker() -> None:
    desk = Desk()
    call = desk._client.execute(NOW, buy(IN_SHARD_0))
    (sent,) = desk.write()
    desk.say(accepting(sent)[:20])
    desk.die()

    desk.recover(2, accepting(sent))

    assert call.result().ok
    assert desk.write() == []


def test_a_journal_that_lacks_what_was_answered_is_refused() -> None:
    desk = Desk()
    call = desk._client.execute(NOW, buy(IN_SHARD_0))
    desk.say(*map(accepting, desk.write()))
    assert call.result().ok
    desk.die()

    desk.recover(1)

    assert desk.refusals == ["its journal ends before command 1, which it has answered"]
    assert desk.link.state is ShardState.RECOVERING


def test_a_worker_that_cannot_go_on_says_why() -> None:
    desk = Desk()
    desk.die()
    frame = desk.start()
    desk.say(reply_frame(frame, pack(((kinds.REFUSED, "ReplayDiverged: moody\nTraceback"),))))
    assert desk.refusals == ["ReplayDiverged: moody"]


def test_after_two_ends_in_one_batch_its_commands_go_alone_and_the_guilty_one_is_skipped() -> None:
    desk = Desk()
    many = desk._client.execute_many(NOW, [buy(IN_SHARD_0)] * 3, [NOW] * 3)
    assert not many.feed()
    (batch,) = desk.write()
    assert head_of(batch).commands == 3
    behind = desk._client.report(NOW, report(IN_SHARD_0))
    desk.write()

    desk.die()
    desk.recover(1)
    assert [head_of(frame).commands for frame in desk.write()] == [3, 1]

    desk.die()
    desk.recover(1)
    (alone,) = desk.write()
    assert (head_of(alone).first, head_of(alone).commands) == (1, 1)
    assert (
        messages_of(command_in(alone, whose(0))[-1])
        == messages_of(command_in(batch, whose(0))[-1])[:1]
    )
    desk.say(accepting(alone))
    assert numbers(desk.write()) == [2]

    for _ in range(2):  # the second one is the one
        desk.die()
        desk.recover(2)
        (alone,) = desk.write()
        assert head_of(alone).first == 2
    assert head_of(alone).op == Op.SKIP
    desk.say(done(alone))
    (alone,) = desk.write()
    assert head_of(alone).first == 3
    desk.say(accepting(alone))
    (last,) = desk.write()
    assert head_of(last).first == 4
    desk.say(reply_frame(last, pack(((kinds.DONE, 1),))))

    with pytest.raises(SomeItemsFailed) as failed:
        many.result()
    assert [bool(result) for result in failed.value.results if result is not None] == [True, True]
    (skipped,) = failed.value.exceptions
    assert isinstance(skipped, CommandSkipped)
    assert behind.done
    assert desk.link.in_flight == 0
    assert not desk.link.pending
    assert not desk.link.kept


def test_a_command_that_goes_alone_acknowledges_what_its_batch_did() -> None:
    desk = Desk()
    assert desk.router.books.note is None
    desk.router.books.note = lambda _: None
    ahead = desk._client.report(NOW, report(IN_SHARD_0))
    (frame,) = desk.write()
    many = desk._client.execute_many(NOW, [buy(IN_SHARD_0)] * 2, [NOW] * 2)
    assert not many.feed()
    desk.write()
    desk.say(reply_frame(frame, pack(((kinds.DONE, 1),))))
    assert ahead.done
    for _ in range(2):
        desk.die()
        desk.recover(2)
        (alone,) = desk.write()

    found = []
    for _ in range(2):
        found.append(own_batch(alone))
        desk.say(accepting(alone))
        alone = next(iter(desk.write()), b"")
    assert [one and (one.first, one.acknowledged) for one in found] == [(2, 1), (3, 1)]


def test_a_change_that_spans_shards_is_never_skipped_and_stands_on_the_others() -> None:
    desk = Desk()
    halt = desk._client.halt(NOW, "at lunch")
    order = desk._client.execute(NOW, buy(IN_SHARD_0))
    (change, behind) = desk.write()
    assert head_of(behind).first == 2
    for _ in range(3):
        desk.die()
        desk.recover(1)
        assert desk.write()[:1] == [change]

    desk.die()
    desk.recover(1)

    assert desk.why == "its worker ends each time at a change that spans shards: it was killed"
    assert desk.link.is_recovering
    desk.router.lose(desk.link, desk.why)  # as a face does
    assert order.result().rejects[0].details == f"shard 0: {desk.why}"
    desk.sent(1)
    desk.reply(1, (kinds.DONE, 1))
    assert halt.result() is None


def test_a_shard_that_is_given_up_while_it_recovers_ends_its_calls() -> None:
    desk = Desk()
    order = desk._client.execute(NOW, buy(IN_SHARD_0))
    reported = desk._client.report(NOW, report(IN_SHARD_0))
    desk.write()
    desk.die()
    desk.start()

    desk.router.lose(desk.link, "not recovered within 600 s")

    assert not order.result().ok
    with pytest.raises(OutcomeUnknown, match="not recovered within 600 s"):
        reported.result()
    assert not desk.link.kept


def test_calls_are_put_off_while_their_shard_recovers_and_no_others() -> None:
    desk = Desk(patience=Patience(timeout=4.0, max_wait=4.0))
    here = desk._client.execute(NOW, buy(IN_SHARD_0))
    there = desk._client.execute(NOW, buy(IN_SHARD_1))
    deadlines = desk._client.deadlines
    deadlines.expect([here, there], 10.0)
    sent = desk.write()
    desk.sent(1)
    desk.die()

    assert deadlines.on_time(14.0) == []
    assert (here.done, there.done) == (False, True)
    assert deadlines.next_deadline() == 18.0
    desk.recover(1)
    assert desk.write() == sent
    deadlines.on_time(17.9)  # it is up again: the call has its whole time
    deadlines.on_time(21.8)
    assert not desk.link.is_stalled
    deadlines.on_time(21.9)
    # What comes is denied from now on; what it has been sent, another worker answers, if need be.
    assert desk.link.is_stalled
    denied = desk._client.execute(NOW, buy(IN_SHARD_0))
    assert denied.result().rejects[0].details == "shard 0: stalled: no answer within 4 s"
    assert (desk.link, "stalled for 30 s") not in deadlines.on_time(51.8)
    assert (desk.link, "stalled for 30 s") in deadlines.on_time(51.9)
    assert not here.done
    desk.die()
    desk.recover(1)
    assert desk.write() == sent
    desk.say(*map(accepting, sent))
    assert here.result().ok


def test_a_shard_that_was_stalled_and_goes_on_answers_what_it_was_sent() -> None:
    """Of a call over many items, too: nothing ends for a caller while his shard may come back."""
    desk = Desk(patience=Patience(timeout=4.0, max_wait=4.0))
    many = desk._client.execute_many(NOW, [buy(IN_SHARD_0)] * 3, [NOW] * 3)
    many.feed()
    deadlines = desk._client.deadlines
    deadlines.expect([many], 10.0)
    sent = desk.write()
    deadlines.on_time(14.0)
    assert desk.link.is_stalled
    deadlines.on_time(20.0)
    assert not many.done

    desk.say(*map(accepting, sent))

    assert [result.ok for result in many.result()] == [True] * 3
    assert desk.link.state is ShardState.UP


def test_a_shard_that_is_given_up_after_it_was_stalled_ends_its_calls() -> None:
    desk = Desk(patience=Patience(timeout=4.0, max_wait=4.0))
    call = desk._client.report(NOW, report(IN_SHARD_0))
    desk._client.deadlines.expect([call], 10.0)
    desk.write()
    desk._client.deadlines.on_time(14.0)

    desk.router.lose(desk.link, "stalled for 30 s; it has been replaced 8 times")

    with pytest.raises(OutcomeUnknown, match="replaced 8 times"):
        call.result()


def test_those_who_kill_a_worker_from_outside_say_little_of_what_it_had_in_hand() -> None:
    """Four in a row skip nothing; twice as many do, as where memory is short each time."""
    desk = Desk()
    call = desk._client.execute(NOW, buy(IN_SHARD_0))
    desk.write()
    for _ in range(7):
        desk.die(KILLED)
        desk.recover(1)
        (frame,) = desk.write()
        assert head_of(frame).op == Op.MESSAGES
        assert not call.done

    desk.die(KILLED)
    desk.recover(1)

    (frame,) = desk.write()
    assert head_of(frame).op == Op.SKIP


def killed_until_skipped(desk: Desk, behind: int) -> bytes:
    """Have the worker end at a command until it is to be skipped; return what is sent then."""
    for _ in range(4):
        desk.die()
        desk.recover(behind)
        frames = desk.write()
    assert len(frames) == 1  # it goes alone
    return frames[0]


def test_what_skips_a_command_says_what_was_to_end_by_it() -> None:
    desk = Desk()
    desk.link.dropped.append((desk.link, 5))
    desk.router.let_go()
    behind = desk._client.report(NOW, report(IN_SHARD_0))
    (both,) = desk.write()

    skip = killed_until_skipped(desk, 1)

    client, op, first, count, flags, now, _, was, axes, _, body = command_in(skip, whose(0))
    assert (client, op, first, count, flags, axes) == (0, Op.SKIP, 1, 1, 0, ())
    assert (was, now) == (Op.MESSAGES, head_of(both).time)
    assert messages_of(body) == ((kinds.DROP, None, (5,)),)
    assert messages_of(command_in(both, whose(0))[-1])[:1] == messages_of(body)
    desk.say(done(skip))
    (last,) = desk.write()
    desk.say(reply_frame(last, pack(((kinds.DONE, 1),))))
    assert behind.done


@pytest.mark.parametrize("op", [Op.END, Op.TICK])
def test_the_end_of_a_client_and_time_are_skipped_by_name_too(op: int) -> None:
    """Callbacks of policies run at them; a worker that ended there took its shard along."""
    desk = Desk()
    desk.link.stage(OwnOp(NOW, op, client=5))
    behind = desk._client.execute(NOW, buy(IN_SHARD_0))
    desk.write()

    skip = killed_until_skipped(desk, 1)

    assert (head_of(skip).op, head_of(skip).client, head_of(skip).settings) == (Op.SKIP, 5, op)
    desk.say(done(skip))
    (last,) = desk.write()
    desk.say(accepting(last))
    assert behind.result().ok
    assert (desk.link.in_flight, len(desk.link.pending), len(desk.link.kept)) == (0, 0, 0)


def test_one_that_has_its_answer_alone_is_done_as_ever() -> None:
    desk = Desk()
    desk.link.stage(OwnOp(NOW, Op.END, client=5))
    desk.write()
    for _ in range(2):
        desk.die()
        desk.recover(1)
        (alone,) = desk.write()
    assert head_of(alone).op == Op.END
    behind = desk._client.execute(NOW, buy(IN_SHARD_0))
    assert desk.write() == []
    desk.say(done(alone))
    desk.say(*map(accepting, desk.write()))
    assert behind.result().ok


def test_a_block_that_what_is_skipped_arms_is_told_all_shards_before_anybody_goes_on() -> None:
    desk = Desk()
    desk.link.stage(OwnOp(NOW, Op.END, client=5))
    desk.write()
    skip = killed_until_skipped(desk, 1)
    desk.say(reply_frame(skip, b"", flags=Flag.FINALIZER_FAILED))
    # The line behind it goes on: the shard itself is told in it.
    (arm,) = desk.write()
    assert (head_of(arm).op, head_of(arm).flags) == (Op.ARM, Flag.FINALIZER_FAILED)
    assert desk.sent(1) == [(Op.ARM, Flag.FINALIZER_FAILED)]


def test_a_change_of_market_data_is_never_skipped_on_one_shard_alone() -> None:
    desk = Desk()
    desk._client.quote(NOW, 0, ("clear",))
    desk.write()
    for _ in range(4):
        desk.die()
        desk.recover(1)
    assert desk.why == "its worker ends each time at a change that spans shards: it was killed"
