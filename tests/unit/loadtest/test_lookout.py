from __future__ import annotations

from dataclasses import dataclass

from openpit.loadtest.lookout import Lookout
from openpit.loadtest.plan import SECOND


@dataclass
class Picture:
    shard: int
    state: str = "up"
    why: str | None = None


class Watched:
    """Two shards, a clock, and what was told of them."""

    def __init__(self) -> None:
        self.shards = [Picture(0), Picture(1)]
        self.now = 0.0
        self.told: list[str] = []
        self.lookout = Lookout(
            lambda: self.shards, lambda: int(self.now * SECOND), self.told.append
        )

    def look(
        self, now: float, *states: str, why: str | None = None, killed: int | None = None
    ) -> None:
        self.now = now
        self.shards = [Picture(shard, state, why) for shard, state in enumerate(states)]
        self.lookout.look(killed)


def test_each_change_is_told_once() -> None:
    watched = Watched()

    watched.look(0.5, "up", "up")
    watched.look(6.25, "up", "stalled", why="no answer within 5 s")
    watched.look(6.5, "up", "stalled", why="no answer within 5 s")
    watched.look(9.0, "up", "up")
    watched.look(15.0, "up", "stalled", why="no answer within 5 s")
    watched.look(45.0, "up", "down", why="stalled for 30 s")
    watched.look(46.0, "up", "down", why="stalled for 30 s")
    watched.look(47.0, "closed", "closed")

    assert watched.told == [
        "shard 1 is stalled since 6.2 s into the run: no answer within 5 s; its orders are denied",
        "shard 1 answers again, 9.0 s into the run",
        "shard 1 is stalled since 15.0 s into the run: no answer within 5 s; its orders are denied",
        "shard 1 is down since 45.0 s into the run: stalled for 30 s; its orders are denied",
    ]
    assert watched.lookout.lost == {
        1: "shard 1 was stalled 6.2 s into the run: no answer within 5 s"
    }


def test_a_death_that_was_planned_is_told_and_no_loss() -> None:
    watched = Watched()

    watched.look(2.0, "down", "up", why="killed by signal 9", killed=0)

    assert watched.told == [
        "shard 0 is down since 2.0 s into the run: killed by signal 9; its orders are denied"
    ]
    assert watched.lookout.lost == {}


def test_another_shard_than_the_killed_one_is_lost() -> None:
    watched = Watched()

    watched.look(2.0, "down", "down", why="killed", killed=0)

    assert watched.lookout.lost == {1: "shard 1 was down 2.0 s into the run: killed"}
