"""Which changes that span shards are incomplete, by what the shards tell of their journals."""

from __future__ import annotations

from typing import Any

from openpit.client.procedures import administration
from openpit.client.recovery import WideChange, changes_in_group, complete, left_out
from openpit.wire import kinds
from openpit.wire.axes import NO_AXES
from openpit.wire.frames import EPOCH_COMMANDS, Flag, body_of, pack
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


# --- what is told to whom -------------------------------------------------------------------------


class Link:
    def __init__(self, number: int) -> None:
        self.number = number
        self.is_up = True


class Shards:
    """A router of three shards, which only has their links."""

    def __init__(self) -> None:
        self.links = [Link(number) for number in range(3)]


def asked(causes: tuple[int, int, int], *changes: WideChange, open_on: int = -1) -> list[Any]:
    """Return what each step asks: the shards, and the method or the causes."""
    come_back = [
        (NO_AXES, Recovered(causes=its, lives=((0, 10),), clients=(0,) * (place == open_on)))
        for place, its in enumerate(causes)
    ]
    router: Any = Shards()
    begun: list[WideChange] = []
    steps = complete(router, 77, come_back, changes, begun.append, lambda _: False)
    found: list[Any] = []
    try:
        _, questions = next(steps)
        while True:
            found.append(
                (
                    [one.link.number for one in questions],
                    {one.command for one in questions},
                    [one.is_change for one in questions],
                )
            )
            _, questions = steps.send([None] * len(questions))
    except StopIteration:
        assert begun == [one for one in changes if lacking(one, *[{0: 10}] * 3)]
        return found


LIFTED = pack(administration("unblock_all"))
FAILED, UNATTRIBUTED = Flag.FINALIZER_FAILED, Flag.UNATTRIBUTED_REPORT


def test_nothing_is_asked_where_nothing_is_lacking() -> None:
    done = WideChange({0: LIFTED, 1: LIFTED}, {0: [3], 1: [4]}, 1)

    assert asked((0, 0, 0), done) == []
    assert asked((FAILED, FAILED, FAILED)) == []


def test_a_block_of_one_shard_is_told_to_the_others() -> None:
    causes = FAILED | UNATTRIBUTED

    assert asked((FAILED, 0, UNATTRIBUTED)) == [([0, 1, 2], {causes}, [False] * 3)]
    assert asked((FAILED, 0, FAILED)) == [([1], {FAILED}, [False])]


def test_a_block_that_was_being_lifted_is_lifted_on_all() -> None:
    lifting = WideChange(dict.fromkeys(range(3), LIFTED), {0: [9], 1: [10], 2: [11]}, 1)

    assert asked((0, FAILED, FAILED), lifting) == [([1, 2], {LIFTED}, [True, True])]


def test_a_block_that_came_after_it_was_lifted_stays() -> None:
    lifting = WideChange(dict.fromkeys(range(3), LIFTED), {0: [9], 1: [10], 2: [9]}, 1)

    assert asked((FAILED, FAILED, 0), lifting) == [
        ([1], {LIFTED}, [True]),
        ([1, 2], {FAILED}, [False, False]),
    ]


def test_what_a_rollback_blocks_is_waited_for() -> None:
    look = pack(administration("anything_blocked"))

    assert asked((0, 0, 0), open_on=2) == [([2], {look}, [False])]


def test_of_what_a_session_has_told_together_the_changes_are_taken_one_at_a_time() -> None:
    def body(*commands: Any) -> bytes:
        return body_of([*map(pack, commands)], len(commands))

    halt = administration("halt", "lunch")
    asked = administration("can_register", [3], 5)
    mine, its = (administration("register_group", [number], 5) for number in (3, 4))
    changes = changes_in_group(
        [
            (0, 7, body((kinds.COMMIT, 1, 3), halt)),
            (0, 9, body(asked, mine)),
            (2, 4, body(halt)),
            (2, 5, body(its)),
        ],
        [(1, 12)],
        30,
    )
    assert changes == [
        WideChange(
            {0: pack(halt), 2: pack(halt), 1: pack(halt)}, {0: [7], 2: [4], 1: [12]}, (30, 0)
        ),
        WideChange({0: pack(mine), 2: pack(its)}, {0: [9], 2: [5]}, (30, 1)),
    ]
    assert left_out(changes, told({0: 10}, {0: 12}, {0: 5})) == [  # type: ignore[arg-type]  # as above
        (changes[0], [1]),
        (changes[1], [2]),
    ]
