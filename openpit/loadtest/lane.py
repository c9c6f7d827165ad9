"""One lane: takes the events that are due and has an engine decide them, in batches.

A sharded engine is driven by one lane per shard, each a thread with a pipe of its own from the
generator, so that a slow shard delays nobody else's decisions. A lane takes whatever the pipe
holds as one batch: batching comes from load alone.

Everything about an account keeps its order. A batch is taken in rounds of reports, then orders,
then deposits, and an event goes into the first round where it comes after those of its account.

Uses public names alone: the same code drives the reference library.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final

import msgpack

from openpit.loadtest.flow import DEPOSIT, ORDER, REPORT
from openpit.loadtest.recording import ACCEPTED
from openpit.param import AccountId
from openpit.pretrade import RejectScope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from openpit.loadtest.engine_objects import EngineObjects
    from openpit.loadtest.flow import Event
    from openpit.loadtest.recording import Recording
    from openpit.pretrade import Lock

__all__ = ["Lane", "TimelineClock", "rounds"]

READ_BYTES: Final = 65536
"""At most this much of the pipe at once, about a thousand events: what one batch can be."""

_RANKS: Final = {REPORT: 0, ORDER: 1, DEPOSIT: 2}
_KINDS: Final = len(_RANKS)


class TimelineClock(threading.local):
    """The engine's clock: the time of the event that a thread's lane is submitting."""

    now = 0

    def __call__(self) -> int:
        """Return the time in nanoseconds."""
        return self.now


def rounds(events: Iterable[Event], *, in_order: bool = False) -> list[list[Event]]:
    """Return lists of reports, orders, deposits, reports and so on, to be taken one by one.

    Every account's events keep their order; with ``in_order``, so do the orders of all accounts.
    """
    steps: list[list[Event]] = []
    places: dict[int, int] = {}
    last_order = 0
    for event in events:
        kind, account = event[0], event[3]
        place = places.get(account, 0)
        place += (_RANKS[kind] - place) % _KINDS
        if in_order and kind == ORDER:
            place = last_order = max(place, last_order)
        places[account] = place
        while len(steps) <= place:
            steps.append([])
        steps[place].append(event)
    return steps


class Lane:
    """Drives an engine with the events of one pipe, and records what it answers.

    ``one_by_one`` decides each order in a call of its own, which suits an engine in the same
    process: there is no round trip to be shared. ``now`` is the time since the start.
    ``may_be_outside`` tells which accounts an order may block, as long as none of theirs passed.
    """

    def __init__(
        self,
        number: int,
        engine: Any,
        objects: EngineObjects,
        clock: TimelineClock,
        recording: Recording,
        *,
        one_by_one: bool = False,
        in_order: bool = False,
        may_be_outside: Callable[[int], bool] | None = None,
        now: Callable[[], int] = monotonic_ns,
    ) -> None:
        self._number = number
        self._engine = engine
        self._objects = objects
        self._clock = clock
        self._recording = recording
        self._in_order = in_order
        self._now = now
        self._locks: dict[int, Lock] = {}
        self._blocked: set[int] = set()
        self._may_be_outside = may_be_outside
        self._inside: set[int] = set()
        report, decide = self._report_many, self._decide_many
        if one_by_one:
            report, decide = self._report_each, self._decide_each
        elif in_order:
            decide = self._decide_in_order
        self._steps = (report, decide, self._deposit)
        self._is_given_up = False

    # --- the pipe --------------------------------------------------------------------------------

    def run(self, fd: int) -> None:
        """Handle events until the pipe ends; as many at once as are there."""
        unpacker = msgpack.Unpacker(use_list=False)
        while data := os.read(fd, READ_BYTES):
            unpacker.feed(data)
            self.take(unpacker)

    def run_closed(self, fd: int, in_flight: int) -> None:
        """Handle events until the pipe ends, always as many as hold that many orders."""
        unpacker = msgpack.Unpacker(use_list=False)
        waiting: deque[Event] = deque()
        batch: list[Event] = []
        orders = 0
        is_open = True
        while is_open or waiting:
            while waiting and orders < in_flight:
                event = waiting.popleft()
                orders += event[0] == ORDER
                batch.append(event)
            if orders < in_flight and is_open:
                is_open = self._fill(fd, unpacker, waiting)
                continue
            self.take(batch)
            batch, orders = [], 0
        self.take(batch)

    def give_up(self) -> None:
        """Give the engine nothing more; what comes through the pipe is let go. Any thread."""
        self._is_given_up = True

    def _fill(self, fd: int, unpacker: Any, waiting: deque[Event]) -> bool:
        started = self._now()
        data = os.read(fd, READ_BYTES)
        if self._recording.calls[self._number]:
            self._recording.starved[self._number] += self._now() - started
        unpacker.feed(data)
        waiting.extend(unpacker)
        return bool(data)

    # --- the engine ------------------------------------------------------------------------------

    def take(self, events: Iterable[Event]) -> None:
        """Give the engine events, in the order of their times."""
        if self._is_given_up:
            for _ in events:
                pass  # out of the pipe, which the generator fills
            return
        for place, step in enumerate(rounds(events, in_order=self._in_order)):
            if step:
                self._steps[place % _KINDS](step)

    def _orders(self, events: list[Event]) -> Iterator[Any]:
        """Yield the orders, each when the clock shows its time: the engine reads it at once."""
        clock, make = self._clock, self._objects.order
        for event in events:
            clock.now = event[2]
            yield make(event)

    def _decide_in_order(self, events: list[Event]) -> None:
        """Decide orders of all accounts; one whose account is or may get blocked ends its call.

        An order of a blocked account does not count for the rate limits of all accounts, which the
        router learns from the reply: the next order must not be submitted before that.
        """
        start = 0
        while start < len(events):
            end = start + 1
            while end < len(events) and not self._ends_its_call(events[end - 1][3]):
                end += 1
            self._decide_many(events[start:end])
            start = end

    def _ends_its_call(self, account: int) -> bool:
        return account in self._blocked or (
            self._may_be_outside is not None
            and account not in self._inside
            and self._may_be_outside(account)
        )

    def _decide_many(self, events: list[Event]) -> None:
        recording = self._recording
        recording.calls[self._number] += 1
        asked = self._now()
        try:
            results = self._engine.execute_pre_trade_many(self._orders(events))
        except Exception as error:  # noqa: BLE001 - a policy's; the report tells what was raised
            recording.fail(error)
            return
        decided = self._now()
        accepted = []
        for event, result in zip(events, results, strict=True):
            number = event[1]
            recording.asked[number] = asked
            recording.decided[number] = decided
            reservation = result.reservation
            if reservation is None:
                rejects = result.rejects
                recording.reject(number, rejects)
                if any(reject.scope == RejectScope.ACCOUNT for reject in rejects):
                    self._blocked.add(event[3])
            else:
                recording.verdicts[number] = ACCEPTED
                self._locks[number] = reservation.lock
                accepted.append(reservation)
                if self._may_be_outside is not None:
                    self._inside.add(event[3])
        if accepted:
            self._attempt(self._engine.commit_many, accepted)

    def _decide_each(self, events: list[Event]) -> None:
        recording, now = self._recording, self._now
        clock, make, execute = self._clock, self._objects.order, self._engine.execute_pre_trade
        recording.calls[self._number] += len(events)
        for event in events:
            number = event[1]
            recording.asked[number] = now()
            clock.now = event[2]
            try:
                result = execute(order=make(event))
            except Exception as error:  # noqa: BLE001 - a policy's; the report tells what was raised
                recording.fail(error)
                continue
            recording.decided[number] = now()
            reservation = result.reservation
            if reservation is None:
                recording.reject(number, result.rejects)
            else:
                recording.verdicts[number] = ACCEPTED
                self._locks[number] = reservation.lock
                self._attempt(reservation.commit)

    def _wanted(self, events: list[Event]) -> list[tuple[Event, Lock]]:
        """Return the reports of accepted orders, each with its order's lock."""
        locks = self._locks
        wanted = []
        for event in events:
            number = event[1]
            lock = locks.pop(number, None) if event[4] else locks.get(number)
            if lock is not None:
                wanted.append((event, lock))
        self._recording.reports[self._number] += len(wanted)
        return wanted

    def _reports(self, wanted: list[tuple[Event, Lock]]) -> Iterator[Any]:
        clock, make = self._clock, self._objects.report
        for event, lock in wanted:
            clock.now = event[2]
            yield make(event, lock)

    def _report_many(self, events: list[Event]) -> None:
        wanted = self._wanted(events)
        if not wanted:
            return
        results = self._attempt(
            self._engine.apply_execution_report_many, self._reports(wanted), default=()
        )
        for (event, _), result in zip(wanted, results, strict=False):
            if result.account_blocks:
                self._recording.block(event[1], event[2], result.account_blocks)
                self._blocked.add(event[3])

    def _report_each(self, events: list[Event]) -> None:
        wanted = self._wanted(events)
        apply = self._engine.apply_execution_report
        for (event, _), report in zip(wanted, self._reports(wanted), strict=True):
            result = self._attempt(apply, report)
            if result is not None and result.account_blocks:
                self._recording.block(event[1], event[2], result.account_blocks)

    def _deposit(self, events: list[Event]) -> None:
        for event in events:
            _, _, self._clock.now, account, amount = event
            self._attempt(
                self._engine.apply_account_adjustment,
                AccountId.from_int(account),
                self._objects.deposit(amount),
            )
        self._recording.deposits[self._number] += len(events)

    def _attempt(self, call: Callable[..., Any], *arguments: Any, default: Any = None) -> Any:
        """Make a call; one that raises is counted, and told in the report."""
        try:
            return call(*arguments)
        except Exception as error:  # noqa: BLE001 - a shard that is gone, or a policy's
            self._recording.fail(error)
            return default
