"""The latest replies of a shard, and what it tells of a call whose answer was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from batched import batch, replies_to
from held_shard import end, order, refusal, sent, shard

from openpit.shards import kept_answers
from openpit.shards.kept_answers import KeptAnswers
from openpit.shards.reply_checks import check_of
from openpit.wire import kinds
from openpit.wire.fates import Fate
from openpit.wire.frames import EPOCH_COMMANDS, Op, name_of, pack, reply_frame

if TYPE_CHECKING:
    import pytest

NOTHING = (kinds.OUTCOME, Fate.NEVER, 0, False, (kinds.DONE, 1))
KEY = b"trade 7"


def keeping(ends: Any = None) -> Any:
    """Return a shard that keeps its answers, as one with a journal does."""
    core = shard()
    core.outcomes.kept = KeptAnswers({} if ends is None else ends)
    return core


def told(core: Any, client: int, *commands: Any, **head: Any) -> list[Any]:
    """Send a client's batch, and keep its replies."""
    frame = batch(3, core._next, *commands, client=client, **head)
    core.outcomes.kept.note(frame, core.receive(frame))
    return [frame]


def asked(
    core: Any, number: int = 0, key: bytes = b"", age: int = 0, client: int = 0, **head: Any
) -> Any:
    command = (kinds.ASK_OUTCOME, 1, number, key, age)
    _, [reply] = sent(core, client, command, epoch=core._next // EPOCH_COMMANDS, **head)
    return reply


def test_each_command_of_a_batch_is_told_its_own_answer() -> None:
    core = keeping()
    told(core, 0, order("10"), (kinds.COMMIT, 1, 1), (kinds.COMMIT, 1, 99))

    reserved = (kinds.RESERVED, True, (), ())
    assert asked(core, 1) == (kinds.OUTCOME, Fate.APPLIED, 1, False, reserved)
    assert asked(core, 2) == (kinds.OUTCOME, Fate.APPLIED, 2, False, (kinds.DONE, 1))
    *_, raised = asked(core, 3)
    assert raised[:3] == (kinds.RAISED, "builtins", "RuntimeError")


def test_what_is_open_still_is_told_so_until_it_is_not() -> None:
    core = keeping()
    told(core, 0, order())

    assert asked(core, 1)[3] is True
    told(core, 0, (kinds.ROLLBACK, 1, 1))
    assert asked(core, 1)[3] is False


def test_a_run_of_like_answers_is_taken_apart() -> None:
    core = keeping()
    frame = batch(3, 1, *[order()] * 3)
    core.outcomes.kept.note(
        frame, reply_frame(frame, pack(((kinds.ACCEPTED, 2), (kinds.REJECTED, ()))))
    )

    replies = [core.outcomes.kept.find(number).reply for number in (1, 2, 3)]

    assert replies == [(kinds.ACCEPTED, 1), (kinds.ACCEPTED, 1), (kinds.REJECTED, ())]
    assert core.outcomes.kept.find(4) is None


def test_each_order_of_a_run_of_like_rejects_is_told_its_own() -> None:
    core = keeping()
    frame = batch(3, 1, *[order()] * 3)
    reject = ("Other", "too many", "it is ", " of 5", "Desk", "order", 0)
    alike = (kinds.REJECTED_ALIKE, (6, 8), reject)
    core.outcomes.kept.note(frame, reply_frame(frame, pack(((kinds.ACCEPTED, 1), alike))))

    first, second, third = (core.outcomes.kept.find(number).reply for number in (1, 2, 3))

    assert first == (kinds.ACCEPTED, 1)
    assert second[1][0][2] == "it is 6 of 5"
    assert third == (kinds.REJECTED, (("Other", "too many", "it is 8 of 5", "Desk", "order", 0),))


def test_what_no_command_has_had_is_told_by_where_its_life_has_ended() -> None:
    core = keeping({0: 5, 1: EPOCH_COMMANDS + 3})
    core.resume(2, 2 * EPOCH_COMMANDS + 1)

    assert asked(core, 5) == NOTHING
    assert asked(core, EPOCH_COMMANDS + 3) == NOTHING
    assert asked(core, 4)[1] == Fate.TOO_OLD
    assert asked(core, EPOCH_COMMANDS + 2)[1] == Fate.TOO_OLD
    *_, text, _ = asked(core, core._next)
    assert text == f"shard 3 has had no command {core._next - 1}"


def test_a_command_that_was_skipped_was_never_made() -> None:
    core = keeping()
    told(core, 0, op=Op.SKIP, count=1)

    assert asked(core, 1) == NOTHING


def test_the_oldest_go_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    core = keeping()
    (frame,) = told(core, 0, order())
    (kept,) = core.outcomes.kept.export()
    monkeypatch.setattr(kept_answers, "ANSWER_BYTES", 2 * (len(kept) + 64))
    told(core, 0, order())
    assert asked(core, 1)[1] == Fate.APPLIED

    core.outcomes.kept.note(frame, kept)

    assert asked(core, 2)[1] == Fate.APPLIED
    assert len(core.outcomes.kept.export()) == 2


def test_a_session_is_told_of_its_own_calls_alone() -> None:
    core = keeping()
    told(core, 5, order())
    told(core, 0, order())

    assert asked(core, 1, client=5)[1] == Fate.APPLIED
    assert asked(core, 2, client=5)[4] == "command 2 of shard 3 is another client's"
    assert asked(core, 1)[4] == "command 1 of shard 3 is another client's"


def test_a_key_is_enough_without_a_journal_and_in_another_session() -> None:
    core = shard()
    sent(core, 5, (kinds.KEYED, 1, KEY, order()))

    found = (kinds.RESERVED, True, (), ())
    assert asked(core, key=KEY, client=5) == (kinds.OUTCOME, Fate.APPLIED, 1, True, found)
    end(core, 5)
    assert asked(core, key=KEY, client=6) == (kinds.OUTCOME, Fate.APPLIED, 1, False, found)
    window = core.keyed.keys.window
    assert asked(core, key=b"another", age=window - 1) == NOTHING
    assert asked(core, key=b"another", age=window)[1] == Fate.TOO_OLD
    assert asked(core, 1)[1] == Fate.NOT_KEPT


def test_a_call_made_again_shortly_before_its_key_was_forgotten_was_made() -> None:
    core = shard()
    window = core.keyed.keys.window
    sent(core, 0, (kinds.KEYED, 1, KEY, order()), time=1)
    sent(core, 0, (kinds.KEYED, 1, KEY, order()), time=window)  # whose answer is lost

    assert asked(core, key=KEY, age=1, time=window)[1] == Fate.APPLIED
    assert asked(core, key=KEY, age=2, time=window + 2)[1] == Fate.TOO_OLD
    assert asked(core, key=KEY, age=2, time=2 * window + 1) == NOTHING


def test_what_is_asked_otherwise_is_refused() -> None:
    core = keeping()

    for fields in [(1, -1, b"", 0), (1, 0, "key", 0), (1, 0, b"", -1), (1, 0, bytes(129), 0)]:
        refusal(core, 5, (kinds.ASK_OUTCOME, *fields))
    refusal(core, 5, (kinds.ASK_OUTCOME, None, 0, b"key", 0))


def test_a_replay_need_not_keep_as_many() -> None:
    frame = batch(3, 1, (kinds.ASK_OUTCOME, 1, 7, b"", 0))
    replies = [
        replies_to(frame, (kinds.OUTCOME, fate, 0, False, (kinds.DONE, 1)))
        for fate in (Fate.NEVER, Fate.TOO_OLD)
    ]

    assert check_of(replies[0]) == check_of(replies[1])
    assert name_of(replies[0]) == name_of(frame)
