"""Who waits, and who reads the pipes meanwhile.

A lock guards client and router; nobody holds it while waiting. Of those that wait, one reads the
pipes for all, the others sleep until their call is done or the reading is theirs. No thread is
created.
"""

from __future__ import annotations

import os
import select
from contextlib import suppress
from math import inf
from threading import Lock, RLock
from time import monotonic
from typing import TYPE_CHECKING, Final

from openpit.faces.driver import Driver
from openpit.faces.interrupts import through
from openpit.router.calls import Call
from openpit.shards.process import GONE

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.faces.options import ShardedOptions
    from openpit.faces.pipes import Port
    from openpit.router.shard_link import Books

__all__ = ["Bystander", "Turns"]

LONGEST_SECONDS: Final = 3600.0
"""How long a thread sleeps before it looks at its time again: the system's waits have limits."""

_MILLISECONDS: Final = 1000.0


class Bystander(Call):
    """Who waits for something else than a call's end, and looks whenever something has come."""

    __slots__ = ("is_over",)

    def __init__(self, books: Books, is_over: Callable[[], bool]) -> None:
        super().__init__(books)
        self.is_over: Final = is_over


class Turns(Driver):
    """A driver whose threads take turns at the pipes."""

    def __init__(self, clock: Callable[[], int], options: ShardedOptions) -> None:
        self._lock = RLock()  # taken once only, but it knows its owner
        self._by_fd: dict[int, Port] = {}
        self._poller = select.poll()
        self._reader: Call | None = None  # for whom the pipes are read just now
        self._followers: list[Call] = []
        # Written to when a thread that polls has to look at its descriptors anew.
        self._wake_in, self._wake_out = os.pipe()
        os.set_blocking(self._wake_in, False)
        os.set_blocking(self._wake_out, False)
        self._poller.register(self._wake_in, select.POLLIN)
        self._is_retired = False
        super().__init__(clock, options)
        self._ends.own(self._wake_in, self._wake_out)

    def _watch(self, port: Port) -> None:
        self._by_fd[port.reply_fd] = self._by_fd[port.command_fd] = port
        self._poller.register(port.reply_fd, select.POLLIN)
        if port.death_fd != GONE:
            self._by_fd[port.death_fd] = port
            self._poller.register(port.death_fd, select.POLLIN)

    @property
    def _may_replace(self) -> bool:
        return self._reader is None

    def _on_time(self) -> float:
        seconds = super()._on_time()
        replacing = self._replacing
        if self._reader and replacing is not None and replacing.next_start() < inf:
            self._wake_reader()  # it starts the worker, when that is due, before it polls again
        return seconds

    # --- waiting; the lock is not held ------------------------------------------------------------

    def _wait(self, call: Call) -> None:
        with self._lock:
            self.client.deadlines.expect((call,), monotonic())
        while not call.done:
            with self._lock:
                seconds = self._on_time()
                self._hand_over()
            if not call.done:
                self._turn(call, seconds)

    def _attend(self) -> None:
        """Take note of what has come and of what is due; no call waits, and the lock is held."""
        if self._reader is None:
            self._handle(self._poller.poll(0))
        self._on_time()
        self._hand_over()

    def _give_up(self, port: Port, why: str, *, returns: bool = False) -> None:
        with self._lock:
            port.give_up(self.router, why, returns=True) if returns else port.end(self.router, why)
            self._unwatch(port)
            self._send()  # what waited for this shard
            self._hand_over()

    def _turn(self, call: Call, seconds: float) -> None:
        """Wait once: for the pipes if nobody else does, else for whoever reads them."""
        # A negative time would mean for ever.
        seconds = min(max(seconds, 0.0), LONGEST_SECONDS)
        try:
            with self._lock:
                if call.done or (call.__class__ is Bystander and call.is_over()):
                    return
                if self._reader is None:
                    self._reader = call
                else:
                    bell = call.waiter = Lock()
                    bell.acquire()
                    self._followers.append(call)
            if self._reader is not call:
                through(bell.acquire, True, seconds)
                self._leave(call)
                return
            ready = through(self._poller.poll, seconds * _MILLISECONDS)
            with self._lock:
                self._handle(ready)
                self._reader = None
                if self._followers:
                    self._hand_over()
        except BaseException:
            self._leave(call)
            raise

    def abandon(self, call: Call) -> None:
        """Give up a call whose caller has gone: an exception came that is none of its own."""
        self._leave(call)
        with self._lock:
            if self.router.books.is_torn:
                call.done = True  # its shards are given up, and it with them
            else:
                call.abandon()

    def _leave(self, call: Call) -> None:
        """Wait no more."""
        with self._lock:
            if self._reader is call:
                self._reader = None
            elif call.waiter is not None:
                call.waiter = None
                self._followers.remove(call)
            if self._followers:
                self._hand_over()

    def _hand_over(self) -> None:
        """Wake who is done, and one to read the pipes if nobody does."""
        self._wake()
        for call in self._followers:
            if isinstance(call, Bystander):
                _ring(call)
        if self._reader is None:
            for call in self._followers:
                if not call.done:
                    _ring(call)
                    return

    def _wake(self) -> None:
        woken = self.router.books.woken
        while woken:
            _ring(woken.pop())

    def _wait_for(self, bystander: Bystander, seconds: float | None = None) -> None:
        deadline = monotonic() + (self._timeout if seconds is None else seconds)
        while not bystander.is_over():
            remaining = deadline - monotonic()
            if remaining <= 0:
                return
            self._turn(bystander, remaining)

    # --- the pipes; the lock is held ------------------------------------------------------------

    def _handle(self, ready: list[tuple[int, int]]) -> None:
        """Do what the pipes ask for; the lock is held."""
        if self.router.books.is_torn:
            self._mend()
        if self._is_retired:
            return
        for fd, events in ready:
            port = self._by_fd.get(fd)
            if port is None:
                self._drain_wake_pipe()
            elif fd == port.reply_fd:
                port.receive(self.router)
            elif fd == port.death_fd:
                port.ended(self.router)
            elif events and not port.is_over:
                port.flush(self.router)
                if not port.has_backlog:
                    self._unregister(fd)
            if port is not None and port.is_over:
                self._unwatch(port)
        self._look_after()
        self._send()  # what got its credit just now

    def _await_room(self, port: Port) -> None:
        self._poller.register(port.command_fd, select.POLLOUT)
        if self._reader is not None:
            self._wake_reader()

    def _wake_reader(self) -> None:
        """Wake the thread that polls, so that it looks at its descriptors anew."""
        if self._ends.is_own(self._wake_out):
            with suppress(BlockingIOError):  # it has been told often enough
                os.write(self._wake_out, b"!")

    def _drain_wake_pipe(self) -> None:
        while self._ends.is_own(self._wake_in):
            try:
                if not os.read(self._wake_in, 64):
                    return  # the other end has been closed
            except OSError:
                return

    def _unwatch(self, port: Port) -> None:
        """Stop polling a port that has nothing more to say."""
        for fd in (port.reply_fd, port.command_fd, port.death_fd):
            self._unregister(fd)
            self._by_fd.pop(fd, None)

    def _unregister(self, fd: int) -> None:
        with suppress(KeyError, ValueError):
            self._poller.unregister(fd)


def _ring(call: Call) -> None:
    if call.waiter is not None and call.waiter.locked():
        call.waiter.release()
