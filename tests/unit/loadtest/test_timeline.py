from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.loadtest.flow import ORDER, REPORT
from openpit.loadtest.prepared import Share
from openpit.loadtest.timeline import MOST_EVENTS, Timeline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.loadtest.flow import Event


class World:
    """A clock that sleeping and taking move."""

    def __init__(self, *, call: int = 0, late: int = 0) -> None:
        self.now = 0
        self.taken: list[list[int]] = []
        self._call = call
        self._late = late

    def time(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1e9) + self._late

    def take(self, events: Sequence[Event]) -> None:
        self.taken.append([event[1] for event in events])
        self.now += self._call


def share_of(*times: int, kinds: Sequence[int] = ()) -> Share:
    share = Share()
    for number, time in enumerate(times):
        share.events.append((kinds[number] if kinds else ORDER, number, time, 1))
        share.times.append(time)
    return share


def test_what_falls_due_in_a_call_is_taken_after_it_and_is_not_late() -> None:
    world = World(call=25)
    timeline = Timeline(share_of(10, 20, 30, 90), world.take, now=world.time, sleep=world.sleep)

    timeline.run()

    assert world.taken == [[0], [1, 2], [3]]
    assert list(timeline.lags()) == [0, 0, 0, 0]


def test_sleeping_for_too_long_is_late() -> None:
    world = World(late=7)
    timeline = Timeline(share_of(10, 100), world.take, now=world.time, sleep=world.sleep)

    timeline.run()

    assert list(timeline.lags()) == [7, 7]
    assert list(timeline.lags(since=50)) == [7]


def test_no_more_than_the_limit_at_once() -> None:
    world = World()
    count = MOST_EVENTS + 1
    Timeline(share_of(*[0] * count), world.take, now=world.time, sleep=world.sleep).run()

    assert [len(taken) for taken in world.taken] == [MOST_EVENTS, 1]


def test_a_closed_loop_holds_so_many_orders() -> None:
    world = World()
    kinds = (ORDER, REPORT, ORDER, REPORT, ORDER)
    Timeline(share_of(1, 2, 3, 4, 5, kinds=kinds), world.take).run_closed(2)

    assert world.taken == [[0, 1, 2, 3], [4]]


def test_a_turn_ends_at_its_time_and_the_next_one_goes_on() -> None:
    world = World(call=5)
    timeline = Timeline(share_of(10, 20, 30, 90), world.take, now=world.time, sleep=world.sleep)

    turns = [(timeline.run(until), world.now) for until in (5, 20, 40, 60)]

    assert turns == [(False, 5), (False, 20), (False, 40), (False, 60)]
    assert world.taken == [[0], [1], [2]]
    assert (timeline.run(), world.taken[3:]) == (True, [[3]])
    assert timeline.run(0)  # there is nothing more
    assert list(timeline.lags()) == [0, 0, 0, 0]


def test_time_between_turns_is_late() -> None:
    world = World()
    timeline = Timeline(share_of(10, 20), world.take, now=world.time, sleep=world.sleep)

    timeline.run(15)
    world.now = 27
    timeline.run(30)

    assert list(timeline.lags()) == [0, 7]


def test_standing_still_goes_over_several_turns() -> None:
    world = World()
    timeline = Timeline(share_of(10, 20), world.take, stall=100, now=world.time, sleep=world.sleep)

    done = [timeline.run(until) for until in (50, 90, 200)]

    assert done == [False, False, True]
    assert (world.now, list(timeline.lags())) == (110, [0, 90])


def test_a_smaller_lot_and_a_closed_loop_in_turns() -> None:
    world = World(call=10)
    share = share_of(*[0] * 5)
    Timeline(share, world.take, most=2, now=world.time, sleep=world.sleep).run()
    closed = Timeline(share, world.take, now=world.time)
    assert world.taken == [[0, 1], [2, 3], [4]]

    assert [closed.run_closed(2, until=45), closed.run_closed(2, until=90)] == [False, True]

    assert world.taken[3:] == [[0, 1], [2, 3], [4]]
