"""Days whose workers are killed in the midst of their calls.

As a program, many of them: ``make kills KILLS=200 SEED=1``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import signal
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

sys.path[1:1] = [str(Path(__file__).parents[1] / "support"), str(Path(__file__).parent)]

from makers import account, deposit, order  # noqa: E402 - found there
from trading import ACCOUNTS, Day, said, with_policies  # noqa: E402 - found there

import openpit  # noqa: E402 - found there

__all__ = ["OFTEN", "KilledDay", "killed_after", "killed_many", "pid_of", "stopped_after"]

OFTEN: dict[str, Any] = {"restarts": 10_000, "restart_pause": 0.0, "timeout": 60.0}
"""Options of an engine whose workers are replaced as often as they are killed."""

STOPPED = 0.05
"""How many of the calls come to a worker that is stopped, or are overtaken by that."""


def pid_of(engine: Any, shard: int) -> int:
    pid = engine.stats()[shard].pid
    assert pid is not None
    return int(pid)


def killed_after(engine: Any, shard: int, seconds: float) -> threading.Timer:
    """Kill a worker in so many seconds, whatever it does then."""

    def kill(pid: int) -> None:
        with suppress(ProcessLookupError):  # an earlier kill has ended it just now
            os.kill(pid, signal.SIGKILL)

    timer = threading.Timer(seconds, kill, (pid_of(engine, shard),))
    timer.start()
    return timer


def stopped_after(pid: int, seconds: float, pause: float) -> threading.Timer:
    """Stop a process in so many seconds, whatever it does then, and let it go on after a pause."""

    def stop() -> None:
        with suppress(ProcessLookupError):  # it has been killed just now
            os.kill(pid, signal.SIGSTOP)
            time.sleep(pause)
            os.kill(pid, signal.SIGCONT)

    timer = threading.Timer(seconds, stop)
    timer.start()
    return timer


class KilledDay(Day):
    """A day whose workers are killed in the midst of its calls, and stopped for a while."""

    kills = stops = 0

    def place(self) -> None:
        if self.random.random() < 0.1:
            self.kills += 1
            shard = self.random.randrange(self.options["shards"])
            timer = killed_after(self.engine, shard, self.random.random() * 0.001)
            super().place()
            timer.join()
        if self.random.random() < STOPPED:
            self.stops += 1
            pid = pid_of(self.engine, self.random.randrange(self.options["shards"]))
            timer = stopped_after(pid, self.random.random() * 0.001, self.random.random() * 0.02)
            super().place()
            timer.join()
        super().place()


async def killed_many(directory: Path, seed: int, kills: int) -> tuple[int, int]:
    """Submit many orders at once on asyncio, and kill or stop workers meanwhile.

    Return how many orders, and how often a worker was stopped.
    """
    random = Random(seed)
    one = with_policies(openpit.Engine.builder().full_sync()).build()
    stage = openpit.Engine.builder().sharded(2, journal=directory, **OFTEN)
    calls = stops = 0
    async with await with_policies(stage).build_async() as engine:
        for number in ACCOUNTS:
            paid = [deposit("USD", "2500")]
            one.apply_account_adjustment(account(number), paid)
            await engine.apply_account_adjustment(account(number), paid)
        for turn in range(kills):
            placed = [
                order(random.randrange(3, 9), random.choice(("1", "5", "95")), "10")
                for _ in range(12)
            ]
            timers = [killed_after(engine, random.randrange(2), random.random() * 0.003)]
            if random.random() < 0.3:
                stops += 1
                pid, pause = pid_of(engine, random.randrange(2)), random.random() * 0.02
                timers.append(stopped_after(pid, random.random() * 0.003, pause))
            if turn % 2:
                answers = await asyncio.gather(*map(engine.execute_pre_trade, placed))
            else:
                answers = await engine.execute_pre_trade_many(placed)
            for timer in timers:
                timer.join()
            expected = [one.execute_pre_trade(each) for each in placed]
            assert [said(each) for each in answers] == [said(each) for each in expected]
            calls += len(placed)
            for mine, its in zip(answers, expected, strict=True):
                if mine and random.random() < 0.7:
                    commits = random.random() < 0.3
                    await (mine.reservation.commit() if commits else mine.reservation.rollback())
                    its.reservation.commit() if commits else its.reservation.rollback()
            del answers, expected, mine, its  # what is left is dropped, and rolled back
            for number in ACCOUNTS:
                state = await engine.account_state(account(number))
                assert repr(state) == repr(one.account_state(account(number)))
        # A worker may have been killed before the one that its number was read of had recovered.
        assert all(stat.state in {"up", "recovering"} for stat in engine.stats())
    return calls, stops


def main() -> None:
    from keyed_days import KeyedDay  # noqa: PLC0415 - made of what is here

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    kills = calls = days = 0
    while kills < asked.kills // 2:
        with tempfile.TemporaryDirectory() as directory:
            seed = asked.seed * 1000 + days
            kind = (KilledDay, KeyedDay)[days % 2]
            day = kind(Path(directory), seed, shards=seed % 3 + 1, **OFTEN)
            for _ in range(24):
                day.pay()
            day.trade(120)
            day.compare()
            day.close()
        kills, calls, days = kills + day.kills, calls + day.calls, days + 1
    with tempfile.TemporaryDirectory() as directory:
        calls += asyncio.run(killed_many(Path(directory), asked.seed, asked.kills - kills))[0]
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(  # noqa: T201 - what it is for
        f"{max(kills, asked.kills)} kills, {calls} calls, each answered as by one engine; "
        f"{(used.ru_utime + used.ru_stime) / asked.kills:.2f} s of processor time a replacement"
    )


if __name__ == "__main__":
    main()
