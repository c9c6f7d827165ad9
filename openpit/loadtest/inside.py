"""The process that holds the engine of a test whose workers drive themselves.

It does no more than to ask each worker's stage (:mod:`openpit.loadtest.stage`) for its next turn,
one ahead of the one it is at, and to look after the shards.
"""

from __future__ import annotations

import gc
import logging
import pickle
import threading
import traceback
from collections import deque
from contextlib import suppress
from importlib import metadata
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final

import msgpack

from openpit.errors import OutcomeUnknown, ShardDown, ShardOverloaded
from openpit.faces.blocking.shard_messages import ShardMessages
from openpit.limits.tables import ConfigError
from openpit.loadtest.driver import GRACE, PROGRESS_SECONDS
from openpit.loadtest.lookout import Lookout
from openpit.loadtest.messages import Driven, Failed, Notice, Progress, Ready, Watched
from openpit.loadtest.outcome import of_all, recorded
from openpit.loadtest.plan import SECOND
from openpit.loadtest.stage import DRIVE, FUND, LOAD_STAGE, PIECE, PREPARE, LoadStageFactory
from openpit.loadtest.targets import build
from openpit.loadtest.usage import collections, own, used_between

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from openpit.loadtest.plan import Plan
    from openpit.loadtest.usage import Usage

__all__ = ["main"]

AHEAD: Final = 2
"""Turns that each worker has been asked for: one that it is at, one that it need not wait for."""

_LOST: Final = (OutcomeUnknown, ShardDown, ShardOverloaded)
"""What is raised of a shard that stalls or ends; the lookout tells which one, when and why."""


def main(control: Connection, _: list[int]) -> None:
    """Play the process; ends early, and silently, if the conductor has gone."""
    # What the engine logs of its shards is told by the lookout, with the time in the run.
    logging.getLogger("openpit").addHandler(logging.NullHandler())
    try:
        plan = control.recv()
        try:
            inside = _Inside(plan, control)
        except ConfigError as error:
            control.send(Failed(str(error)))
            return
        except Exception as error:  # noqa: BLE001 - of the engine's start: the conductor tells it
            control.send(Failed(f"{type(error).__name__}: {error}", is_config=False))
            return
        try:
            failed = inside.prepare()
            if failed is not None:
                control.send(failed)
                return
            inside.run()
        finally:
            inside.close()
    except (ConnectionError, EOFError):
        return


def _no_time() -> int:
    """Return the time of every message; an event's own is set beside the engine."""
    return 0


class _Inside:
    def __init__(self, plan: Plan, control: Connection) -> None:
        self._plan = plan
        self._control = control
        self._start = 0
        self._errors: list[str] = []
        self._decided = [0] * plan.shards
        self._driven: dict[int, Driven] = {}
        self._is_given_up = False
        self._engine = build(plan, _no_time, actor=(LOAD_STAGE, LoadStageFactory(plan)))
        self._messages = ShardMessages(self._engine, LOAD_STAGE)
        self._lookout = Lookout(
            self._engine.stats, self._now, lambda text: control.send(Notice(text))
        )
        self._before = own()

    def _now(self) -> int:
        return monotonic_ns() - self._start

    def prepare(self) -> Failed | None:
        """Have every worker make its events and fund its accounts; return why one cannot."""
        failures: list[Failed] = []

        def prepare(shard: int) -> None:
            verb = PREPARE
            try:
                while not self._ask(shard, verb):
                    pass
                verb = FUND
                while not self._ask(shard, verb):
                    pass
            except Exception as error:  # noqa: BLE001 - the conductor tells it
                if verb == PREPARE and isinstance(error, ValueError):
                    failures.append(Failed(str(error)))  # no account sends orders
                else:
                    failures.append(Failed(f"{type(error).__name__}: {error}", is_config=False))

        threads = self._threads(prepare)
        while _are_alive(threads):
            self._listen(PROGRESS_SECONDS)
        return failures[0] if failures else None

    def run(self) -> None:
        plan, control = self._plan, self._control
        gc.collect()
        gc.freeze()
        collected = collections()
        control.send(Ready())
        self._start = control.recv()
        warm = self._watch(self._threads(self._drive_shard))
        ended = own()
        driven = [self._driven[shard] for shard in sorted(self._driven)]
        recording, lags = recorded(plan, driven)
        control.send(
            Driven(
                recording=recording,
                processes=self._watched(warm, ended),
                collected=[n - then for n, then in zip(collections(), collected, strict=True)],
                library=metadata.version("openpit-sharded"),
                errors=self._errors,
                lost=self._lookout.lost,
                lags=lags,
            )
        )

    def _threads(self, target: Callable[[int], None]) -> list[threading.Thread]:
        """Start a thread for each shard; a conductor that has gone ends them with the process."""
        threads = [
            threading.Thread(target=target, args=(shard,), name=f"shard-{shard}", daemon=True)
            for shard in range(self._plan.shards)
        ]
        for thread in threads:
            thread.start()
        return threads

    # --- a worker --------------------------------------------------------------------------------

    def _ask(self, shard: int, *message: object) -> Any:
        call = self._messages.send(shard, msgpack.packb(message))
        return msgpack.unpackb(self._messages.answer(call))

    def _drive_shard(self, shard: int) -> None:
        try:
            self._drive(shard)
            self._driven[shard] = self._said(shard)
        except _LOST:
            pass
        except BaseException:  # noqa: BLE001 - the report tells; a thread has nobody to raise to
            self._errors.append(traceback.format_exc())

    def _drive(self, shard: int) -> None:
        """Ask for turn after turn until all events are taken."""
        messages = self._messages
        turn = msgpack.packb((DRIVE, self._start))
        calls = deque(messages.send(shard, turn) for _ in range(AHEAD))
        try:
            while calls:
                is_done, self._decided[shard] = msgpack.unpackb(messages.answer(calls.popleft()))
                if not is_done and not self._is_given_up:
                    calls.append(messages.send(shard, turn))
        finally:
            for call in calls:
                with suppress(Exception):
                    messages.answer(call)

    def _said(self, shard: int) -> Driven:
        """Return what a stage has to say at the end."""
        pieces = bytearray()
        while piece := self._messages.answer(
            self._messages.send(shard, msgpack.packb((PIECE, len(pieces))))
        ):
            pieces += piece
        driven: Driven = pickle.loads(pieces)  # noqa: S301 - of this test's own worker
        return driven

    # --- meanwhile -------------------------------------------------------------------------------

    def _listen(self, seconds: float) -> None:
        if self._control.poll(seconds):
            raise EOFError  # the conductor says nothing more: its end of the pipe is closed

    def _watch(self, threads: list[threading.Thread]) -> Usage:
        """Wait for the threads; return what this process had used when the warm-up was over."""
        plan = self._plan
        warm = own()
        # A closed loop runs ahead of its timeline, so its warm-up is none of the clock's.
        is_warm = plan.in_flight is not None
        while _are_alive(threads):
            wait = PROGRESS_SECONDS
            if not is_warm:
                due = plan.warm_up - self._now()
                if due <= 0:
                    warm = own()
                    is_warm = True
                else:
                    wait = min(wait, due / SECOND)
            self._listen(wait)
            self._control.send(Progress(sum(self._decided)))
            self._lookout.look()
            self._give_up_if_lost()
        self._lookout.look()
        return warm

    def _give_up_if_lost(self) -> None:
        """End a run that has lost a shard, when its time is over; a closed loop has no such."""
        plan = self._plan
        is_due = plan.in_flight is not None or (
            self._now() > plan.orders / plan.rate * SECOND + GRACE + plan.stall
        )
        if self._lookout.lost and is_due:
            self._is_given_up = True

    def _watched(self, warm: Usage, ended: Usage) -> list[Watched]:
        """Return this process and the workers; of those that were lost, nothing is known."""
        driver = Watched("driver", used_between(warm, ended), 0, self._before.peak, ended.peak)
        workers = [
            self._driven[shard].processes[0]
            if shard in self._driven
            else Watched(f"worker {shard}", None, 0, None, None)
            for shard in range(self._plan.shards)
        ]
        return of_all([driver, *workers])

    def close(self) -> None:
        self._engine.close()


def _are_alive(threads: list[threading.Thread]) -> bool:
    return any(thread.is_alive() for thread in threads)
