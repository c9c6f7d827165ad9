"""Which changes that span shards are incomplete, by what the shards tell of their journals."""

from __future__ import annotations

from openpit.client.recovery import WideChange, left_out
from openpit.wire.axes import NO_AXES
from openpit.wire.frames import EPOCH_COMMANDS
from openpit.wire.recovered import Recovered

SECOND_LIFE = EPOCH_COMMANDS


def told(*lives: dict[int, int]) -> list[tuple[object, Recovered]]:
    """Return what shards say that have had the commands before these numbers, by epochs."""
    return [(NO_AXES, Recovered(lives=tuple(one.items()))) for one in lives]


def lacking(change: WideChange, *lives: dict[int, int]) -> list[int]:
    found = left_out([change], told(*lives))  # type: ignore[arg-type]  # NO_AXES are axes
    return [shard for _, shards in found for shard in shards]


def test_a_change_is_lacking_where_its_number_was_not_reached() -> None:
    change = WideChange({0: b"a", 1: b"b"}, {0: [7], 1: [9]}, 3)

    assert lacking(change, {0: 8}, {0: 10}) == []
    assert lacking(change, {0: 8}, {0: 9}) == [1]
    assert lacking(change, {0: 7}, {0: 9}) == [0, 1]
    assert lacking(change, {}, {}) == [0, 1]


def test_numbers_of_another_life_do_not_count() -> None:
    change = WideChange({0: b"a"}, {0: [7]}, 3)

    assert lacking(change, {0: 7, 1: SECOND_LIFE + 100}) == [0]


def test_a_shard_that_was_told_again_has_it() -> None:
    change = WideChange({0: b"a", 1: b"b"}, {0: [7], 1: [9, SECOND_LIFE + 1]}, 3)

    assert lacking(change, {0: 8}, {0: 9, 1: SECOND_LIFE + 2}) == []
    assert lacking(change, {0: 8}, {0: 9, 1: SECOND_LIFE + 1}) == [1]


def test_the_order_of_the_changes_is_kept() -> None:
    first = WideChange({0: b"a"}, {0: [7]}, 3)
    second = WideChange({0: b"b"}, {0: [8]}, 4)

    found = left_out([first, second], told({0: 7}))  # type: ignore[arg-type]  # as above

    assert [change.commands[0] for change, _ in found] == [b"a", b"b"]
