"""A client's process: makes its share of a load beforehand, then drives a server with it."""

from __future__ import annotations

import gc
import logging
import sys
import threading
import traceback
from importlib import metadata
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final

from openpit.errors import ServerRefused
from openpit.faces.connecting import connect
from openpit.loadtest.driver import GC_THRESHOLDS, GRACE, PROGRESS_SECONDS, SWITCH_SECONDS
from openpit.loadtest.lane import Lane
from openpit.loadtest.library import TimedEngine
from openpit.loadtest.lookout import Lookout
from openpit.loadtest.messages import Driven, Failed, Notice, Progress, Ready, Watched
from openpit.loadtest.plan import KILLED_SHARD, SECOND
from openpit.loadtest.prepared import PreparedObjects, client_of, share_of
from openpit.loadtest.recording import Recording
from openpit.loadtest.targets import outside
from openpit.loadtest.timeline import Timeline
from openpit.loadtest.usage import Usage, collections, own, used_between

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from openpit.loadtest.plan import Plan
    from openpit.loadtest.prepared import Share

__all__ = ["main"]

NOTICING_SECONDS: Final = 0.005
"""How often it is looked whether a shard is down whose worker has been killed."""


def main(control: Connection, _: list[int]) -> None:
    """Play a client; ends early, and silently, if the conductor has gone."""
    # What the library logs of shards is told by the lookout, with the time in the run.
    logging.getLogger("openpit").addHandler(logging.NullHandler())
    try:
        plan, number = control.recv()
        try:
            share = share_of(plan, number)
        except ValueError as error:
            control.send(Failed(str(error)))
            return
        path = control.recv()
        try:
            client = _Client(plan, number, share, path, control)
        except ServerRefused as error:
            control.send(Failed(f"client {number}: {error}", is_config=False))
            return
        try:
            client.fund()
            client.run()
        except (ConnectionError, EOFError):
            raise
        except Exception as error:  # noqa: BLE001 - of the funding: the conductor tells it
            text = f"client {number}: {type(error).__name__}: {error}"
            control.send(Failed(text, is_config=False))
        finally:
            client.close()
    except (ConnectionError, EOFError):
        return


class _Clock:
    """The time of the event that the lane is submitting, as the server is told it."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


class _Client:
    def __init__(
        self, plan: Plan, number: int, share: Share, path: str, control: Connection
    ) -> None:
        self._plan = plan
        self._number = number
        self._control = control
        self._start = 0
        self._noticed: int | None = None
        self._errors: list[str] = []
        clock: Any = _Clock()
        self._engine = connect(
            path, name=f"loadtest-{number}", clock=clock if plan.has_client_time else None
        )
        self._before = own()
        self._timed = TimedEngine(self._engine)
        self._objects = PreparedObjects(plan.workload.currency)
        self._recording = Recording(plan.orders)
        self._lane = Lane(
            0,
            self._timed,
            self._objects,
            clock,
            self._recording,
            in_order=plan.in_order,
            may_be_outside=outside(plan),
            now=self._now,
        )
        self._timeline = Timeline(share, self._lane.take, stall=plan.stall, now=self._now)
        # One of all tells: each of them sees the same.
        tell = (lambda text: control.send(Notice(text))) if not number else lambda _: None
        self._lookout = Lookout(self._engine.stats, self._now, tell)

    def _now(self) -> int:
        return monotonic_ns() - self._start

    def fund(self) -> None:
        """Give the accounts of this client their first funds."""
        plan = self._plan
        own_ones = [
            account
            for account in range(1, plan.workload.accounts + 1)
            if client_of(account, plan.clients) == self._number
        ]
        self._objects.fund(self._engine, own_ones, plan.workload.initial)

    def run(self) -> None:
        control = self._control
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        sys.setswitchinterval(SWITCH_SECONDS)
        collected = collections()
        control.send(Ready())
        self._start = control.recv()
        # A conductor that has gone ends this process at once, and the thread with it.
        thread = threading.Thread(target=self._drive, name="lane", daemon=True)
        thread.start()
        warm, warm_library, warm_orders = self._watch(thread)
        ended = own()
        watched = Watched(
            f"client {self._number}",
            used_between(warm, ended),
            self._decided() - warm_orders,
            self._before.peak,
            ended.peak,
            self._timed.used - warm_library,
        )
        control.send(
            Driven(
                recording=self._recording,
                processes=[watched],
                collected=[n - then for n, then in zip(collections(), collected, strict=True)],
                library=metadata.version("openpit-sharded"),
                noticed_at=self._noticed,
                errors=self._errors,
                lost=self._lookout.lost,
                lags=self._timeline.lags(self._plan.warm_up),
            )
        )

    def _drive(self) -> None:
        plan = self._plan
        try:
            if plan.in_flight is None:
                self._timeline.run()
            else:
                self._timeline.run_closed(max(plan.in_flight * plan.shards // plan.clients, 1))
        except BaseException:  # noqa: BLE001 - the report tells; a thread has nobody to raise to
            self._errors.append(traceback.format_exc())

    def _decided(self) -> int:
        verdicts = self._recording.verdicts
        return len(verdicts) - verdicts.count(0)

    def _watch(self, thread: threading.Thread) -> tuple[Usage, int, int]:
        """Wait for the lane; return what had been used, and decided, when the warm-up was over."""
        plan = self._plan
        warm = own(), self._timed.used, 0
        # A closed loop runs ahead of its timeline, so its warm-up is none of the clock's.
        is_warm = plan.in_flight is not None
        while thread.is_alive():
            now = self._now()
            if not is_warm and now >= plan.warm_up:
                warm = own(), self._timed.used, self._decided()
                is_warm = True
            if self._control.poll(self._seconds(now, is_warm=is_warm)):
                raise EOFError  # the conductor says nothing more: its end of the pipe is closed
            self._control.send(Progress(self._decided()))
            self._look()
        thread.join()
        self._look()
        return warm

    def _seconds(self, now: int, *, is_warm: bool) -> float:
        """Return how long nothing is to be done."""
        plan = self._plan
        wait = PROGRESS_SECONDS
        if not is_warm:
            wait = min(wait, (plan.warm_up - now) / SECOND)
        if plan.kill_at is not None and self._noticed is None:
            due = (plan.kill_at - now) / SECOND
            wait = min(wait, due if due > 0 else NOTICING_SECONDS)
        return max(0.0, wait)

    def _look(self) -> None:
        plan = self._plan
        is_killed = plan.kill_at is not None and self._now() >= plan.kill_at
        self._lookout.look(KILLED_SHARD if is_killed else None)
        if is_killed and self._noticed is None and KILLED_SHARD in self._lookout.gone:
            self._noticed = self._now()
        # Its end is known for an open loop alone.
        is_due = plan.in_flight is not None or (
            self._now() > plan.orders / plan.rate * SECOND + GRACE + plan.stall
        )
        if self._lookout.lost and is_due:
            self._lane.give_up()

    def close(self) -> None:
        self._engine.close()
