"""What clients have open in a shard: each its own, until it ends or the shard does."""

from __future__ import annotations

import pytest
from held_shard import end, order, refusal, reserved, sent, shard

from openpit.errors import WireError
from openpit.wire import kinds
from openpit.wire.frames import EPOCH_COMMANDS, Flag


@pytest.mark.parametrize("kind", [kinds.COMMIT, kinds.ROLLBACK, kinds.EXECUTE_REQUEST])
def test_a_handle_of_another_client_spoils_the_batch(kind: int) -> None:
    core = shard()
    sent(core, 1, order())
    assert refusal(core, 2, order(), (kind, 1, 1)) == "a handle that is not this client's: 1"
    assert reserved(core) == 10
    assert sent(core, 1, (kinds.COMMIT, 1, 1)) == (0, [(kinds.DONE, 1)])


@pytest.mark.parametrize("kind", [kinds.COMMIT_MANY, kinds.ROLLBACK_MANY, kinds.DROP])
def test_others_handles_in_a_list_spoil_the_batch(kind: int) -> None:
    core = shard()
    sent(core, 1, order())
    sent(core, 2, order("20"))
    assert refusal(core, 2, (kind, None, (2, 1))) == "a handle that is not this client's: 1"
    assert core.open_handles == {1, 2}
    assert reserved(core) == 30


@pytest.mark.parametrize("handle", [0, 3, 2**48 - 1, 2**48 + 2, 2**48 + 3, 2**63])
def test_a_number_that_no_command_has_had_yet_is_nobodys(handle: int) -> None:
    core = shard(epoch=1)
    sent(core, 2, order("20"), epoch=1)
    assert "not this client's" in refusal(core, 2, (kinds.COMMIT, 1, handle), epoch=1)


def test_what_is_over_is_told_so() -> None:
    core = shard()
    sent(core, 2, order("20"))
    assert sent(core, 2, (kinds.COMMIT, 1, 1)) == (0, [(kinds.DONE, 1)])
    _, (reply,) = sent(core, 2, (kinds.ROLLBACK, 1, 1))
    assert (reply[0], reply[4]) == (kinds.RAISED, "shard 3 knows no handle 1")


def test_the_end_of_a_client_rolls_back_what_it_has_open_and_no_more() -> None:
    core = shard()
    sent(core, 1, order("10"), order("20"))
    sent(core, 2, order("40"))
    assert end(core, 1) == (0, [])
    assert core.open_handles == {3}
    assert reserved(core) == 40
    _, (reply,) = sent(core, 1, (kinds.COMMIT, 1, 1))
    assert reply[0] == kinds.RAISED
    assert end(core, 7) == (0, [])  # of whom it has never heard
    assert sent(core, 2, (kinds.COMMIT, 1, 3)) == (0, [(kinds.DONE, 1)])


def test_an_end_whose_rollback_fails_arms_and_says_so() -> None:
    core = shard()
    sent(core, 1, order("202"))
    assert end(core, 1) == (Flag.FINALIZER_FAILED, [])
    assert core.engine.registry.finalizer_failed
    assert end(core, 1) == (0, [])


def test_a_shard_that_ends_rolls_back_what_all_have_open() -> None:
    core = shard()
    for client in (1, 2, 1):
        sent(core, client, order())
    core.finish()
    assert core.open_handles == frozenset()
    assert reserved(core) == 0


def test_a_handle_of_an_earlier_life_names_nothing() -> None:
    core = shard(epoch=2)
    first = 2 * EPOCH_COMMANDS + 1
    assert sent(core, 0, order(), epoch=2)[1] == [(kinds.RESERVED, True, (), ())]
    assert core.open_handles == {first}
    _, (reply,) = sent(core, 0, (kinds.COMMIT, 1, EPOCH_COMMANDS + 1), epoch=2)
    assert reply[4] == f"shard 3 knows no handle {EPOCH_COMMANDS + 1}"
    assert sent(core, 0, (kinds.COMMIT, 1, first), epoch=2) == (0, [(kinds.DONE, 1)])


def test_a_batch_for_an_earlier_life_is_refused() -> None:
    core = shard(epoch=2)
    with pytest.raises(WireError, match="a batch for another shard, epoch or version"):
        sent(core, 0, order(), epoch=1)
    core = shard(epoch=2)
    with pytest.raises(WireError, match="a batch for another shard, epoch or version"):
        sent(core, 0, order())
