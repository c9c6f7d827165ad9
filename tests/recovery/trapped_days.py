"""Days whose processes end at named points: in workers, and in the router amid a change for all.

As a program, many times at each point: ``make points KILLS=50 SEED=1``.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

sys.path[1:1] = [str(Path(__file__).parents[1] / "support"), str(Path(__file__).parent)]

from acting_day import ActingDay, with_actor  # noqa: E402 - found there
from killing import OFTEN  # noqa: E402 - found there
from makers import Clock  # noqa: E402 - found there
from trapped_program import (  # noqa: E402 - found there
    ROUTER_POINTS,
    SHARDS,
    built,
    changed,
    state_of,
)
from traps import FOLDER, WORKER_POINTS, Trapped, set_trap  # noqa: E402 - found there

import openpit  # noqa: E402 - found there

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TrappedDay", "end_routers_at", "end_workers_at"]

PROGRAM = Path(__file__).parent / "trapped_program.py"


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
        for _ in range(300):
            if point.endswith("settings"):
                self.change()
            elif point.endswith("administration"):
                self.administer()
            else:
                self.trade(1)
            if not trap.exists():
                return
        raise AssertionError(f"nothing has come to the point {point}")


def end_workers_at(
    points: Sequence[str], folder: Path, seed: int, *, shards: int, times: int = 1
) -> int:
    """End a worker so often at each point; return how many calls were answered as by one engine."""
    (folder / "traps").mkdir()
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
        del os.environ[FOLDER]
    return day.calls


def end_routers_at(points: Sequence[str], folder: Path, seed: int, *, times: int = 1) -> int:
    """End a program so often at each point of a change that spans shards; return how many ended.

    The next engine on its journal has made the change on all shards, or on none.
    """
    random, clock = Random(seed), Clock()
    oracle = built(openpit.Engine.builder().clock(clock).full_sync())
    for _ in range(times):
        for point in points:
            change = random.randrange(1000, 1_000_000_000)
            ended = subprocess.run(
                [sys.executable, str(PROGRAM), str(folder), point, str(change)],
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert ended.returncode == -signal.SIGKILL, (point, change, ended.stderr)
            if point not in ROUTER_POINTS[:2]:
                changed(oracle, change)
            stage = openpit.Engine.builder().clock(clock).sharded(SHARDS, journal=folder, spares=0)
            with built(stage) as engine:
                assert state_of(engine) == state_of(oracle), (point, change)
    return times * len(points)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="at each point")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ended = end_routers_at(ROUTER_POINTS, Path(folder), asked.seed, times=asked.kills)
    print(f"{ended} programs killed amid a change: on all shards, or on none")  # noqa: T201 - what it is for
    calls = 0
    for shards in (1, 2, 3):
        times = (asked.kills + 3 - shards) // 3
        with tempfile.TemporaryDirectory() as folder:
            calls += end_workers_at(
                WORKER_POINTS, Path(folder), asked.seed, shards=shards, times=times
            )
    kills = asked.kills * len(WORKER_POINTS)
    print(f"{kills} workers killed, {calls} calls answered as by one engine")  # noqa: T201 - as above


if __name__ == "__main__":
    main()
