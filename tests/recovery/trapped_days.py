"""Days whose processes end at named points: in workers, and in the router amid a change for all.

As a program, many times at each point: ``make points KILLS=50 SEED=1``.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

sys.path[1:1] = [
    str(Path(__file__).parents[1] / "support"),
    str(Path(__file__).parents[1] / "server"),
    str(Path(__file__).parent),
]

from acting_day import ActingDay, with_actor  # noqa: E402 - found there
from killing import OFTEN  # noqa: E402 - found there
from makers import Clock  # noqa: E402 - found there
from procedures import CHECKED, PROCEDURES, change_of, name_of  # noqa: E402 - found there
from processes import wait_until  # noqa: E402 - found there
from recovery_policies import Exported  # noqa: E402 - found there
from trading import Day, with_policies  # noqa: E402 - found there
from trapped_program import (  # noqa: E402 - found there
    ASKED,
    NOT_MADE,
    ROUTER_POINTS,
    SHARDS,
    START_POINTS,
    built,
    state_of,
)
from trapped_servers import SERVER_POINTS, end_servers_at  # noqa: E402 - found there
from traps import (  # noqa: E402 - found there
    FOLDER,
    SNAPSHOT_POINTS,
    STEP_POINTS,
    WORKER_POINTS,
    Fate,
    Trapped,
    is_held,
    let_go_on,
    set_trap,
)

import openpit  # noqa: E402 - found there

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "TrappedDay",
    "end_copies_at",
    "end_routers_at",
    "end_starts_at",
    "end_workers_at",
]

PROGRAM = Path(__file__).parent / "trapped_program.py"

TRIES = 300
"""How often something is done until a process comes to a point by it."""

_CALLS = {
    "anything_blocked": "an order without account",
    "can_register": "register_group",
    "can_unregister": "unregister_group",
}
"""The calls by which a shard is told a step that is not called as the call is."""


class TrappedDay(ActingDay):
    """One whose workers end where a trap is set, and at random moments."""

    def ready(self, stage: Any) -> Any:
        return with_actor(stage.pre_trade(Trapped()))

    def built(self) -> openpit.ShardedEngine:
        # The workers of this one see the traps, that of the engine which is compared does not.
        os.environ[FOLDER] = str(self.journal.parent / "traps")
        return super().built()

    def come_to(self, point: str) -> None:
        """Go on until a worker has ended at a point."""
        trap = set_trap(point)
        for _ in range(TRIES):
            if point in STEP_POINTS:
                self.proceed(point.partition(" ")[2].removeprefix("the check of "))
            elif point.endswith("settings"):
                self.change()
            elif point.endswith("administration"):
                self.administer()
            else:
                self.trade(1)
            if not trap.exists():
                return
        raise AssertionError(f"nothing has come to the point {point}")

    def proceed(self, step: str) -> None:
        """Make the call in which each shard is told a step."""
        number = self.random.randrange(1_000_000)
        procedure = PROCEDURES[_CALLS.get(step, step)]
        self.clock.move(4000)  # out of the windows of all rates
        self.both(procedure.prepare)
        one, other = self.both(lambda engine: procedure.make(engine, number))
        assert repr(one) == repr(other), (step, one, other)
        self.both(lambda engine: engine.accounts().unblock_all())


class SnapshotDay(Day):
    """One whose workers take snapshots all the time, by copies of themselves that end at points."""

    def ready(self, stage: Any) -> Any:
        return with_policies(stage, Exported()).pre_trade(Trapped())

    def built(self) -> openpit.ShardedEngine:
        os.environ[FOLDER] = str(self.journal.parent / "traps")
        return super().built()

    def come_to(self, point: str, fate: Fate) -> None:
        """Go on until a copy has come to a point, and whom the fate names has ended."""
        trap = set_trap(point, fate)
        for _ in range(10 * TRIES):
            while self.open:  # while there is one, there is no state
                self.end_one()
            self.trade(1)
            if not trap.exists():
                break
        else:
            raise AssertionError(f"nothing has come to the point {point}")
        self.compare()
        if fate is Fate.WORKER:
            assert wait_until(lambda: is_held(point))
            self.trade(3)
            self.compare()  # another worker has come back, beside the copy that is held
            let_go_on(point)

    def come_back_at(self, point: str) -> None:
        """End the engine, of whose workers one ends at a point, and build it again."""
        self.trade(2)
        while self.open:
            self.end_one()
        self.clock.move(1)
        self.pay()  # so that there is something to be written on at least one
        trap = set_trap(point)
        self.come_back(kills=False)
        assert not trap.exists(), point
        self.compare()


def _traps_in(folder: Path) -> Path:
    traps = folder / "traps"
    traps.mkdir(exist_ok=True)
    return traps


def end_workers_at(
    points: Sequence[str], folder: Path, seed: int, *, shards: int, times: int = 1
) -> int:
    """End a worker so often at each point; return how many calls were answered as by one engine."""
    _traps_in(folder)
    try:
        day = TrappedDay(folder / "journal", seed, shards=shards, **OFTEN)
        for _ in range(20):
            day.pay()
        for turn in range(times):
            for point in points:
                day.come_to(point)
                day.trade(2)
            if turn % 10 == 9:
                day.come_back(kills=False)
            day.compare()
        assert {shard.state for shard in day.engine.stats()} <= {"up", "recovering"}
        day.close()
    finally:
        os.environ.pop(FOLDER, None)
    return day.calls


def fates(points: Sequence[str], turn: int) -> Iterator[tuple[str, Fate]]:
    """Return each point with the one who ends there at this turn: another one at the next."""
    for place, point in enumerate(points):
        yield point, [*Fate][(place + turn) % len(Fate)]


def end_copies_at(
    points: Sequence[str], folder: Path, seed: int, *, shards: int, times: int = 1
) -> int:
    """End who writes a snapshot, so often at each point; return how many calls were compared.

    While it trades that is a copy of the worker: it ends, or the worker alone, or both. At the end
    of the engine it is the worker itself.
    """
    _traps_in(folder)
    options = {**OFTEN, "snapshot_every": 1500}
    try:
        day = SnapshotDay(folder / "journal", seed, shards=shards, **options)
        for _ in range(20):
            day.pay()
        for turn in range(times):
            for point, fate in fates(points, turn):
                day.come_to(point, fate)
            day.come_back_at(points[(seed + turn) % len(points)])
        day.close()
    finally:
        os.environ.pop(FOLDER, None)
    return day.calls


class _Programs:
    """Programs that end amid a change, and the engine that has made what has to be there then.

    What the next one finds, it says before it makes its own.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._random = Random(seed)
        self._clock = Clock()
        self._oracle = built(openpit.Engine.builder().clock(self._clock).full_sync())
        self._before: tuple[object, ...] = ()

    def end_at(self, point: str) -> int:
        """Have a program make a change, and end at a point of it; return the change's number."""
        change = self._random.randrange(1000, 1_000_000_000)
        while point == ASKED and name_of(change) not in CHECKED:
            change += 1
        found = self._run(point, change)
        assert json.loads(found) == state_of(self._oracle), self._before
        procedure = change_of(change)
        procedure.prepare(self._oracle)
        if point not in NOT_MADE:
            procedure.make(self._oracle, change)
        self._before = point, name_of(change)
        return change

    def end_start_at(self, point: str) -> None:
        """Have a program end amid a change, and the next one amid its completion."""
        self._run(point, self.end_at("when one shard has been told"))
        self._before += (point,)

    def _run(self, point: str, change: int) -> str:
        ended = subprocess.run(
            [sys.executable, str(PROGRAM), str(self._folder), point, str(change)],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ended.returncode == -signal.SIGKILL, (point, name_of(change), ended.stderr)
        return ended.stdout

    def compare(self) -> None:
        """Have the next engine know what the one that never ended knows."""
        stage = openpit.Engine.builder().clock(self._clock)
        with built(stage.sharded(SHARDS, journal=self._folder, spares=0)) as engine:
            assert state_of(engine) == state_of(self._oracle), self._before


def end_routers_at(points: Sequence[str], folder: Path, seed: int, *, times: int = 1) -> int:
    """End a program so often at each point of a change that spans shards; return how many ended.

    The next engine on its journal has made the change on all shards, or on none.
    """
    programs = _Programs(folder, seed)
    for _ in range(times):
        for point in points:
            programs.end_at(point)
    programs.compare()
    return times * len(points)


def end_starts_at(points: Sequence[str], folder: Path, seed: int, *, times: int = 1) -> int:
    """As above; the program that is started then is ended, too, while it completes the change."""
    programs = _Programs(folder, seed)
    for _ in range(times):
        for point in points:
            programs.end_start_at(point)
    programs.compare()
    return times * len(points)


def _in_folders(end: Any, points: Sequence[str], kills: int, seed: int) -> tuple[int, int]:
    """End processes in days of 1, 2 and 3 shards; return how many, and the calls compared."""
    calls = ended = 0
    for shards in (1, 2, 3):
        times = (kills + 3 - shards) // 3
        if times:
            with tempfile.TemporaryDirectory() as folder:
                calls += end(points, Path(folder), seed, shards=shards, times=times)
            ended += times * len(points)
    return ended, calls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="at each point")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    kills, seed = asked.kills, asked.seed
    for end, points, what in (
        (end_routers_at, ROUTER_POINTS, "amid a change: on all shards, or on none"),
        (end_starts_at, START_POINTS, "amid the completion of one: it is made, once"),
        (end_servers_at, SERVER_POINTS, "with sessions: what was answered stands"),
    ):
        with tempfile.TemporaryDirectory() as folder:
            ended = end(points, Path(folder), seed, times=kills)
        print(f"{ended} programs killed {what}", flush=True)  # noqa: T201 - what it is for
    for end, points, who in (
        (end_workers_at, WORKER_POINTS + STEP_POINTS, "workers"),
        (end_copies_at, SNAPSHOT_POINTS, "writers of snapshots"),
    ):
        ended, calls = _in_folders(end, points, kills, seed)
        print(f"{ended} {who} killed, {calls} calls answered as by one engine", flush=True)  # noqa: T201 - as above


if __name__ == "__main__":
    main()
