"""The answers that a shard keeps for clients who may have missed them."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from batched import batch, replies_in
from held_shard import end, order, shard

from openpit.shards import kept_answers, unacknowledged
from openpit.shards.kept_answers import KeptAnswers
from openpit.wire import kinds
from openpit.wire.fates import Fate
from openpit.wire.frames import EPOCH_COMMANDS, VERSION, Op, body_of, messages_of
from openpit.wire.own_numbers import OWN, own_batch, own_row
from openpit.wire.values import encode

ME = 5
FIRST, SECOND = 100, 200
"""Where the counts of two lives of a session begin."""

GROUP_OF = (kinds.ADMINISTER, 1, "group_of", encode((1,), bare=True))
RESERVED = (kinds.RESERVED, True, (), ())


class Desk:
    """A shard with a journal, as far as it can tell, and what a session says to it."""

    def __init__(self) -> None:
        self.core = shard()
        self.core.outcomes.kept = KeptAnswers({})
        self.own: dict[int, int] = {}

    def say(
        self, *commands: Any, began: int = FIRST, unacknowledged: int = 0, client: int = ME
    ) -> list[Any]:
        """Have a session say something, in one batch; return the answers."""
        own = self.own.get(began, 0)
        self.own[began] = own + len(commands)
        row = own_row(began, own, unacknowledged)
        frame = batch(3, self.core._next, *commands, client=client, axes=(row,))
        return self._noted(frame)

    def own_client(self, *commands: Any, unacknowledged: int = 0) -> list[Any]:
        """Have the router's own client say something."""
        epoch = self.core._next // EPOCH_COMMANDS
        frame = batch(3, self.core._next, *commands, settings=unacknowledged, epoch=epoch)
        return self._noted(frame)

    def _noted(self, frame: bytes) -> list[Any]:
        reply = self.core.receive(frame)
        assert self.core.outcomes.kept is not None
        self.core.outcomes.kept.note(frame, reply)
        return replies_in(frame, reply)[1]

    def missed(self, after: int = 0, before: int = SECOND, **how: Any) -> Any:
        """Ask in the second life; return how many are forgotten, and the rows."""
        how.setdefault("began", SECOND)
        is_all = how.pop("is_all", True)
        [(kind, forgotten, *told)] = self.say((kinds.ASK_MISSED, None, after, before), **how)
        is_told_all, rows = told
        assert (kind, is_told_all) == (kinds.MISSED, is_all)
        return forgotten, rows

    def outcome(self, number: int, **how: Any) -> Any:
        how.setdefault("began", SECOND)
        [reply] = self.say((kinds.ASK_OUTCOME, 1, number, b"", 0), **how)
        return reply


def message(packed: bytes) -> Any:
    (found,) = messages_of(body_of([packed], 1))
    return found


def numbers(rows: Any) -> list[int]:
    return [row[0] + row[1] for row in rows]


def test_what_was_answered_and_not_acknowledged_is_told_with_what_was_asked() -> None:
    desk = Desk()
    desk.say(order("10"))
    desk.say((kinds.COMMIT, 1, 1), (kinds.COMMIT, 1, 1), unacknowledged=1)
    desk.say(order("20"), unacknowledged=3)

    forgotten, rows = desk.missed()

    assert forgotten == 0
    assert [row[:5] for row in rows] == [
        (100, 0, 1, False, 1_000),
        (101, 0, 2, False, 1_000),
        (101, 1, 3, False, 1_000),
        (103, 0, 4, True, 1_000),
    ]
    assert message(rows[0][5]) == order("10")
    assert [message(row[6])[0] for row in rows] == [
        *(kinds.RESERVED, kinds.DONE, kinds.RAISED, kinds.RESERVED),
    ]


def test_a_later_batch_acknowledges_whole_batches_before_it() -> None:
    desk = Desk()
    desk.say(order())
    desk.say(order(), order(), unacknowledged=1)
    desk.say(order(), unacknowledged=1)  # one answer of the batch of two: there are no halves

    assert numbers(desk.missed()[1]) == [101, 102, 103]


def test_a_new_life_acknowledges_nothing_of_the_one_before() -> None:
    desk = Desk()
    desk.say(order())
    desk.say(order(), began=SECOND)
    desk.say(order(), began=SECOND)

    assert numbers(desk.missed(unacknowledged=1)[1]) == [100]
    assert numbers(desk.missed(before=300, began=300)[1]) == [100, 201]


def test_what_was_told_is_missed_until_that_is_acknowledged() -> None:
    desk = Desk()
    desk.say(order())
    assert numbers(desk.missed()[1]) == [100]
    assert numbers(desk.missed(unacknowledged=1)[1]) == [100]  # the answer is on its way

    desk.say(order(), began=SECOND)

    assert desk.missed()[1] == ()


def test_a_life_that_has_died_over_what_it_was_told_has_not_acknowledged_it() -> None:
    desk = Desk()
    desk.say(order())
    desk.missed()

    assert numbers(desk.missed(before=300, began=300)[1]) == [100]
    desk.say(order(), began=300)
    assert desk.missed(before=300, began=300)[1] == ()


def test_more_than_fits_is_told_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unacknowledged, "LEFT_ROWS", 2)
    desk = Desk()
    desk.say(order(), order(), order())

    assert numbers(desk.missed(is_all=False)[1]) == [100, 101]
    assert numbers(desk.missed(after=101)[1]) == [102]
    assert numbers(desk.missed(unacknowledged=1, is_all=False)[1]) == [100, 101]  # none is let go
    monkeypatch.setattr(unacknowledged, "LEFT_BYTES", 1)
    assert numbers(desk.missed(before=300, began=300, is_all=False)[1]) == [100]


def test_one_who_asks_behind_the_end_lets_go() -> None:
    desk = Desk()
    desk.say(order())
    assert desk.missed(after=2**64 - 1) == (0, ())

    assert desk.missed(before=300, began=300) == (0, ())


def test_questions_and_what_nobody_waits_for_are_not_told() -> None:
    desk = Desk()
    desk.say((kinds.TELL_TALLIES, None))
    desk.say((kinds.DROP, None, ()), unacknowledged=1)
    desk.say(GROUP_OF, order(), unacknowledged=2)
    assert desk.core.outcomes.clients == (ME,)

    _, rows = desk.missed()

    assert [message(row[5])[0] for row in rows] == [kinds.EXECUTE]


def test_a_call_with_a_key_has_the_handle_of_the_first() -> None:
    desk = Desk()
    keyed = (kinds.KEYED, 1, b"key", order())
    desk.say(keyed)
    desk.say(keyed)

    _, [(*_, number, is_open, _, asked, reply)] = desk.missed()

    assert (number, is_open) == (2, True)
    assert message(asked) == keyed
    assert message(reply) == (kinds.ONCE, 1, True, RESERVED)


@pytest.mark.parametrize("batches", [2, 3])
def test_the_oldest_go_at_the_limit_and_how_many_is_told(
    batches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk()
    desk.say(order(), order())
    assert desk.core.outcomes.kept is not None
    (((_, former, current, *_),), _) = (desk.core.outcomes.kept.missed.export(), None)
    assert former == ()
    ((_, _, size, asked, reply),) = current
    assert size == len(asked) + len(reply) + 128
    monkeypatch.setattr(unacknowledged, "MISSED_BYTES", 2 * size)
    for sent in range(1, batches):
        desk.say(order(), order(), unacknowledged=2 * sent)

    forgotten, rows = desk.missed()

    assert forgotten == 2 * (batches - 2)
    assert len(rows) == 4
    assert numbers(rows)[-1] == 100 + 2 * batches - 1


def test_what_had_no_room_and_was_acknowledged_is_not_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unacknowledged, "MISSED_BYTES", 1)
    desk = Desk()
    desk.say(order())
    desk.say(order())

    assert desk.missed() == (1, ())


def test_a_session_asks_by_its_own_count() -> None:
    desk = Desk()
    desk.own_client(order())  # so the shard's count is another
    desk.say(order(), order())
    desk.say((kinds.EXECUTE_REQUEST, 1, 3))

    assert desk.outcome(100) == (kinds.OUTCOME, Fate.APPLIED, 2, True, RESERVED)
    assert desk.outcome(102)[4][0] == kinds.RAISED
    assert desk.outcome(103)[1] == Fate.NEVER
    desk.say(order(), began=SECOND)
    assert desk.outcome(100)[1] == Fate.APPLIED  # also what is acknowledged, if it is not long ago


def test_a_shard_that_has_had_nothing_of_a_life_says_so() -> None:
    assert Desk().outcome(100)[1] == Fate.NEVER


def test_what_is_kept_nowhere_is_too_old_and_never_not_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk()
    desk.say(order())
    desk.say(order())  # acknowledges the first
    monkeypatch.setattr(kept_answers, "ANSWER_BYTES", 1)
    desk.say(order(), unacknowledged=1)

    assert desk.outcome(100)[1] == Fate.TOO_OLD
    assert desk.outcome(101)[1] == Fate.APPLIED  # not acknowledged
    assert desk.outcome(103)[1] == Fate.NEVER  # behind the end of its life
    monkeypatch.setattr(unacknowledged, "LIVES", 2)
    for began in (300, 400, 500):
        desk.say(order(), began=began)
    assert desk.outcome(103, began=500)[1] == Fate.TOO_OLD  # where that life has ended is not known
    assert desk.outcome(450, began=500)[1] == Fate.NEVER


def test_the_end_of_a_session_ends_it() -> None:
    desk = Desk()
    desk.say(order())
    assert desk.core.outcomes.clients == (ME,)
    frame = batch(3, desk.core._next, client=ME, op=Op.END, count=1)
    desk._noted(frame)

    assert desk.core.outcomes.clients == ()
    assert desk.missed() == (0, ())


def test_a_session_without_such_numbers_has_nothing_to_miss() -> None:
    desk = Desk()
    frame = batch(3, desk.core._next, order(), client=ME)
    desk._noted(frame)

    assert own_batch(frame) is None
    assert desk.core.outcomes.clients == (ME,)  # it has something open
    end(desk.core, ME)
    assert desk.core.outcomes.clients == ()


def test_the_routers_own_client_counts_as_the_shard_does() -> None:
    desk = Desk()
    desk.own_client(order())
    desk.own_client(order())
    assert desk.core.outcomes.clients == (0,)
    desk.core.resume(1, EPOCH_COMMANDS + 1)

    [(_, forgotten, _, rows)] = desk.own_client((kinds.ASK_MISSED, None, 0, EPOCH_COMMANDS + 1))

    assert forgotten == 0
    assert [row[:4] for row in rows] == [(2, 0, 2, True)]


def test_a_snapshot_has_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    desk.say(order())
    desk.say(order(), unacknowledged=1)
    desk.missed()
    kept = desk.core.outcomes.kept
    assert kept is not None
    packed = msgpack.packb((kept.export(), kept.export_own()))
    replies, own = msgpack.unpackb(packed, use_list=False)
    again = KeptAnswers({})
    again.restore(replies, own)
    desk.core.outcomes.kept = again

    assert again.export_own() == kept.export_own()
    assert desk.outcome(100, unacknowledged=1)[1] == Fate.APPLIED
    assert numbers(desk.missed(unacknowledged=2)[1]) == [100, 101]
    desk.say(order(), began=SECOND)
    assert desk.missed()[1] == ()


def test_answers_of_another_version_are_gone_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    desk.say(order())
    desk.say(order(), unacknowledged=1)
    kept = desk.core.outcomes.kept
    assert kept is not None
    replies, own = kept.export(), kept.export_own()
    again = KeptAnswers({})
    monkeypatch.setattr(unacknowledged, "VERSION", VERSION + 1)
    again.restore(replies, own)
    monkeypatch.undo()
    desk.core.outcomes.kept = again

    assert replies
    assert again.export() == []
    for number in (100, 101):
        assert desk.outcome(number, unacknowledged=2)[1] == Fate.TOO_OLD
    assert numbers(desk.missed(unacknowledged=3)[1]) == []
    # What comes after a migration is kept as ever.
    desk.say(order(), unacknowledged=4)
    assert again.export()


def test_a_row_of_numbers_is_none_of_an_axis() -> None:
    assert own_row(100, 7, 3) == (OWN + 3, 107, 100)
    assert own_row(100, 2, 3) == (OWN + 2, 102, 100)  # no more than there were
    frame = batch(3, 1, order(), client=ME, axes=(own_row(100, 7, 3),))
    batch_says = own_batch(frame)
    assert batch_says is not None
    assert (batch_says.first, batch_says.began, batch_says.acknowledged) == (107, 100, 104)


def test_what_is_skipped_acknowledges_nothing() -> None:
    desk = Desk()
    desk.own_client(order())
    epoch = desk.core._next // EPOCH_COMMANDS
    head = {"op": Op.SKIP, "count": 1, "settings": Op.MESSAGES, "role": 0}
    skip = batch(3, desk.core._next, **head, epoch=epoch)
    says = own_batch(skip)
    assert says is not None
    assert says.acknowledged == epoch * EPOCH_COMMANDS
    desk._noted(skip)
    kept = desk.core.outcomes.kept
    assert kept is not None
    assert kept.missed.clients == (0,)
