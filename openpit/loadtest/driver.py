"""The driver's process: holds the engine, and runs a lane for each pipe from the generator."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
import traceback
from importlib import metadata
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final

from openpit.limits.tables import ConfigError
from openpit.loadtest.engine_objects import EngineObjects
from openpit.loadtest.lane import Lane, TimelineClock
from openpit.loadtest.lookout import Lookout
from openpit.loadtest.messages import Driven, Failed, Notice, Progress, Ready, Watched
from openpit.loadtest.plan import KILLED_SHARD, SECOND, Target
from openpit.loadtest.recording import Recording
from openpit.loadtest.targets import build, outside
from openpit.loadtest.usage import collections, of_process, own, used_between

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from openpit.loadtest.plan import Plan
    from openpit.loadtest.usage import Usage

__all__ = ["GC_THRESHOLDS", "main"]

GC_THRESHOLDS: Final = (50_000, 20, 20)
"""As `openpit replay` sets them: orders are short-lived and make no cycles."""

SWITCH_SECONDS: Final = 0.001
"""How long a lane may keep the interpreter while another wants it; Python's own 5 ms would show up
in the tail of the other lane."""

PROGRESS_SECONDS: Final = 0.25

GRACE: Final = 5 * SECOND
"""How long an open loop that has lost a shard may go on after its last arrival."""

LIBRARIES: Final = {Target.REFERENCE: "openpit"}


def main(control: Connection, lane_fds: list[int]) -> None:
    """Play the driver; ends early, and silently, if the conductor has gone."""
    # What the engine logs of its shards is told by the lookout, with the time in the run.
    logging.getLogger("openpit").addHandler(logging.NullHandler())
    try:
        plan = control.recv()
        try:
            driver = _Driver(plan, control)
        except ConfigError as error:
            control.send(Failed(str(error)))
            return
        except Exception as error:  # noqa: BLE001 - of the engine's start: the conductor tells it
            control.send(Failed(f"{type(error).__name__}: {error}", is_config=False))
            return
        try:
            driver.run(lane_fds)
        finally:
            driver.close()
    except (ConnectionError, EOFError):
        return


class _Driver:
    def __init__(self, plan: Plan, control: Connection) -> None:
        self._plan = plan
        self._control = control
        self._clock = TimelineClock()
        self._start = 0
        self._noticed: int | None = None
        self._errors: list[str] = []
        is_sharded = plan.target is Target.SHARDED
        self._engine = build(
            plan, self._clock, on_shard_down=self._shard_down if is_sharded else None
        )
        self._stats: Callable[[], list[Any]] = self._engine.stats if is_sharded else list
        self._lookout = Lookout(self._stats, self._now, lambda text: control.send(Notice(text)))
        self._pids: list[int] = [stats.pid for stats in self._stats()]
        self._before = self._usages()
        objects = EngineObjects(plan.workload.currency)
        objects.fund(self._engine, range(1, plan.workload.accounts + 1), plan.workload.initial)
        self._recording = Recording(plan.orders, plan.lanes)
        self._lanes = [
            Lane(
                number,
                self._engine,
                objects,
                self._clock,
                self._recording,
                one_by_one=not is_sharded,
                in_order=plan.in_order,
                may_be_outside=outside(plan),
                now=self._now,
            )
            for number in range(plan.lanes)
        ]

    def _now(self) -> int:
        return monotonic_ns() - self._start

    def _shard_down(self, _: Any) -> None:
        self._noticed = self._now()

    def _usages(self) -> list[Usage]:
        return [own(), *map(of_process, self._pids)]

    def run(self, lane_fds: list[int]) -> None:
        plan, control = self._plan, self._control
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        sys.setswitchinterval(SWITCH_SECONDS)
        collected = collections()
        control.send(Ready())
        self._start = control.recv()
        threads = [
            threading.Thread(target=self._run_lane, args=(lane, fd), name=f"lane-{number}")
            for number, (lane, fd) in enumerate(zip(self._lanes, lane_fds, strict=True))
        ]
        for thread in threads:
            thread.daemon = True  # a conductor that has gone ends this process at once
            thread.start()
        warm, warm_orders, killed = self._watch(threads)
        ended = self._usages()
        control.send(
            Driven(
                recording=self._recording,
                processes=self._watched(warm, ended, self._decided() - warm_orders),
                collected=[n - then for n, then in zip(collections(), collected, strict=True)],
                library=metadata.version(LIBRARIES.get(plan.target, "openpit-sharded")),
                killed_at=killed,
                noticed_at=self._noticed,
                errors=self._errors,
                lost=self._lookout.lost,
            )
        )

    def _run_lane(self, lane: Lane, fd: int) -> None:
        try:
            if self._plan.in_flight is None:
                lane.run(fd)
            else:
                lane.run_closed(fd, self._plan.in_flight)
        except BaseException:  # noqa: BLE001 - the report tells; a thread has nobody to raise to
            self._errors.append(traceback.format_exc())
        finally:
            os.close(fd)

    def _decided(self) -> int:
        verdicts = self._recording.verdicts
        return len(verdicts) - verdicts.count(0)

    def _watch(self, threads: list[threading.Thread]) -> tuple[list[Usage], int, int | None]:
        """Wait for the lanes; do what is to be done at certain times, and tell of progress."""
        plan = self._plan
        warm: tuple[list[Usage], int] = self._usages(), 0
        # A closed loop runs ahead of its timeline, so its warm-up is none of the clock's.
        is_warm = plan.in_flight is not None
        killed: int | None = None
        while any(thread.is_alive() for thread in threads):
            now = self._now()
            if not is_warm and now >= plan.warm_up:
                warm = self._usages(), self._decided()
                is_warm = True
            if plan.kill_at is not None and killed is None and now >= plan.kill_at:
                os.kill(self._pids[KILLED_SHARD], signal.SIGKILL)
                killed = self._now()
            due = [
                moment - now
                for moment, is_done in (
                    (plan.warm_up, is_warm),
                    (plan.kill_at, plan.kill_at is None or killed is not None),
                )
                if not is_done and moment is not None
            ]
            wait = max(0.0, min([PROGRESS_SECONDS, *(moment / SECOND for moment in due)]))
            if self._control.poll(wait):
                raise EOFError  # the conductor says nothing more: its end of the pipe is closed
            self._control.send(Progress(self._decided()))
            self._lookout.look(None if killed is None else KILLED_SHARD)
            self._end_if_lost()
        for thread in threads:
            thread.join()
        self._lookout.look(None if killed is None else KILLED_SHARD)
        return *warm, killed

    def _end_if_lost(self) -> None:
        """Bring a run that has lost a shard to its end, which is known for an open loop alone."""
        plan = self._plan
        is_due = plan.in_flight is not None or (
            self._now() > plan.orders / plan.rate * SECOND + GRACE + plan.stall
        )
        if self._lookout.lost and is_due:
            for lane in self._lanes:
                lane.give_up()

    def _watched(self, warm: list[Usage], ended: list[Usage], orders: int) -> list[Watched]:
        names = ["driver", *(f"worker {number}" for number in range(len(self._pids)))]
        return [
            Watched(name, used_between(then, now), orders, before.peak, now.peak)
            for name, before, then, now in zip(names, self._before, warm, ended, strict=True)
        ]

    def close(self) -> None:
        if self._plan.target is Target.SHARDED:
            self._engine.close()
