"""The blocking face: pipes, threads and deadlines around the router core.

Any threads may call. A lock guards the core; nobody holds it while waiting. Of those that wait, one
reads the pipes for all, the others sleep until their call is done or the reading is theirs. No
thread is created.
"""

from __future__ import annotations

import logging
import os
import select
import weakref
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from openpit.router.calls import Call
from openpit.router.feeds import Feed
from openpit.router.forks import let_go_in_copies
from openpit.router.link import Runner
from openpit.router.ports import Port, end_workers
from openpit.shards.worker import LOOKS, await_ready
from openpit.wire.limits import MARKET_BACKLOG

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.marketdata.service import MarketDataService
    from openpit.router.core import RouterCore
    from openpit.router.stats import ShardStats
    from openpit.shards.process import Worker

__all__ = ["BlockingDriver"]

_log = logging.getLogger("openpit")

STAGED_QUOTES: Final = 64
"""Quotes that are sent together where no order takes them along earlier."""


class BlockingDriver(Runner):
    """Runs the core's calls to their end, for whichever threads come."""

    core: RouterCore

    def __init__(
        self,
        clock: Callable[[], int],
        *,
        timeout: float,
        max_wait: float,
        on_shard_down: Callable[[ShardStats], object] | None = None,
    ) -> None:
        self.clock: Final = clock
        self._timeout: Final = timeout
        self._max_wait: Final = max_wait
        self._on_shard_down: Final = on_shard_down
        self._lock = Lock()
        self._ports: list[Port] = []
        self._workers: list[Worker] = []
        self._by_fd: dict[int, Port] = {}
        self._poller = select.poll()
        self._reading = False
        self._followers: list[Call] = []
        # Written to when a thread that polls has to look at its descriptors anew.
        self._wake_in, self._wake_out = os.pipe()
        os.set_blocking(self._wake_in, False)
        os.set_blocking(self._wake_out, False)
        self._poller.register(self._wake_in, select.POLLIN)
        self._feeds: list[Feed] = []
        # Runs once: at close(), when nobody holds the engine any more, or at the interpreter's end.
        # It must hold nothing that holds this object.
        self._end = weakref.finalize(
            self, end_workers, self._workers, (self._wake_in, self._wake_out), timeout
        )

    def attach(self, core: RouterCore, workers: list[Worker]) -> None:
        """Take the core, and a worker for each of its links."""
        self.core = core
        for link, worker in zip(core.links, workers, strict=True):
            link.pid = worker.pid
            port = Port(link, worker)
            self._workers.append(worker)
            self._ports.append(port)
            self._by_fd[port.reply_fd] = self._by_fd[port.command_fd] = port
            self._poller.register(port.reply_fd, select.POLLIN)
        let_go_in_copies(self)

    # --- calls ---------------------------------------------------------------------------------

    def run(self, method: Callable[..., Call], *arguments: Any) -> Any:
        """Make a call and wait for its end; return its value or raise its error."""
        core = self.core
        with self._lock:
            if core.is_torn:
                self._mend()
            call = method(self.clock(), *arguments)
            self._send()
            if not call.done:
                self._wait(call, LOOKS)
        if core.lost:
            self._tell_lost()
        return call.result()

    def run_many(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Make a call over many items; return its value or raise its error."""
        return self.run_part(method, *arguments).result()

    def run_part(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Make a call over many items, sending the first frames while it encodes the next ones."""
        core = self.core
        with self._lock:
            if core.is_torn:
                self._mend()
            call = method(self.clock(), *arguments)
            self._feed(call)
            if not call.done:
                self._wait(call)
        if core.lost:
            self._tell_lost()
        return call

    def _feed(self, call: Any) -> None:
        while call.feed(self.core):
            self._send()
            if not self._reading and any(link.waiting for link in self.core.links):
                self._step(0.0)  # credit may have come
        self._send()

    def finalize(self, proxy: Any, *, commit: bool) -> None:
        """Commit or roll back what a proxy stands for."""
        self.run(self.core.finalize, proxy, commit)

    def execute_request(self, proxy: Any) -> Any:
        """Run the main stage of a proxy's request."""
        return self.run(self.core.execute_request, proxy)

    def _mend(self) -> None:
        """Give up all shards: ^C came between two steps that belong together.

        Bytes may be lost or commands half accounted for, and an order must not pass by mistake.
        """
        for port in self._ports:
            port.give_up(self.core, "a call was interrupted in the middle of its bookkeeping")
        self.core.is_torn = False

    # --- waiting; the lock is held, but while this thread sleeps ---------------------------------

    def _wait(self, call: Call, looks: int = 0) -> None:
        progress = call.progress
        limit = self._timeout if call.is_sent else self._max_wait
        deadline = monotonic() + limit
        remaining = limit
        try:
            while not call.done:
                if remaining <= 0:
                    if progress == call.progress:
                        call.expire(self.core, f"no answer within {self._timeout:g} s")
                        return
                    progress = call.progress
                    remaining = self._timeout
                    deadline = monotonic() + remaining
                if self._reading:
                    self._follow(call, remaining)
                else:
                    self._step(remaining, looks)
                looks = 0
                if not call.done:
                    remaining = deadline - monotonic()
        except BaseException:
            call.abandon(self.core)
            raise
        finally:
            if self._followers:
                self._hand_over()

    def _follow(self, call: Call, seconds: float) -> None:
        """Sleep until the call is done, the reading is this thread's, or time is up."""
        bell = Lock()
        bell.acquire()
        call.waiter = bell
        self._followers.append(call)
        self._lock.release()
        try:
            bell.acquire(timeout=seconds)
        finally:
            self._lock.acquire()
            call.waiter = None
            self._followers.remove(call)

    def _hand_over(self) -> None:
        """Wake a thread to read the pipes, now that this one does not any more."""
        self._wake_done()
        if not self._reading:
            for call in self._followers:
                if not call.done:
                    _ring(call)
                    return

    def _wake_done(self) -> None:
        woken = self.core.woken
        while woken:
            _ring(woken.pop())

    def _step(self, seconds: float, looks: int = 0) -> None:
        """Wait for the pipes, once, and do what they ask for; first look that often."""
        self._reading = True
        self._lock.release()
        try:
            ready = await_ready(self._poller, seconds, looks)
        finally:
            self._lock.acquire()
            self._reading = False
        for fd, events in ready:
            port = self._by_fd.get(fd)
            if port is None:
                self._drain_wake_pipe()
            elif fd == port.reply_fd:
                port.receive(self.core)
                if port.is_over:
                    self._unwatch(port)
            elif events:
                port.flush()
                if not port.has_backlog:
                    self._poller.unregister(fd)
        if self.core.woken:
            self._wake_done()
        self._send()  # what got its credit just now

    def _send(self) -> None:
        for port in self._ports:
            if port.link.has_output:
                had_backlog = port.has_backlog
                port.send(self.core)
                if port.has_backlog and not had_backlog:
                    self._poller.register(port.command_fd, select.POLLOUT)
                    if self._reading:
                        self._wake_reader()

    def _wake_reader(self) -> None:
        """Have the thread that polls look at its descriptors anew."""
        try:
            os.write(self._wake_out, b"!")
        except BlockingIOError:
            return  # it has been told often enough

    def _drain_wake_pipe(self) -> None:
        while True:
            try:
                os.read(self._wake_in, 64)
            except BlockingIOError:
                return

    def _unwatch(self, port: Port) -> None:
        """Stop polling a port that has nothing more to say."""
        for fd in (port.reply_fd, port.command_fd):
            try:
                self._poller.unregister(fd)
            except KeyError:
                continue

    # --- shards --------------------------------------------------------------------------------

    def start(self, payload: bytes, seconds: float) -> None:
        """Have all workers load their engine; raise ShardStartError if one cannot."""
        with self._lock:
            core = self.core
            calls = [core.start(link, self.clock(), payload) for link in core.links]
            self._send()
            deadline = monotonic() + seconds
            for call in calls:
                while not call.done:
                    remaining = deadline - monotonic()
                    if remaining <= 0:
                        call.expire(core, f"not up within {seconds:g} s")
                    else:
                        self._step(remaining)
        for call in calls:
            call.result()

    def follow(self, services: Sequence[MarketDataService]) -> None:
        """Pass on all that the services hold, and every change from now on."""
        for place, service in enumerate(services):
            self._feeds.append(Feed(self, place, service))

    def pass_on(self, service: int, operation: object) -> None:
        """Send a change of market data to every shard, ahead of the next order."""
        with self._lock:
            core = self.core
            if core.is_closed:
                return
            core.quote(self.clock(), service, operation)
            if any(link.staged >= STAGED_QUOTES for link in core.links):
                self._send()
                self._hold_back_quotes()

    def _hold_back_quotes(self) -> None:
        """Wait for shards that have too many quotes before them; give up one that takes none."""
        core = self.core
        for port in self._ports:
            link = port.link
            answered, deadline = link.answered, monotonic() + self._timeout
            while link.is_up and link.in_flight > MARKET_BACKLOG:
                remaining = deadline - monotonic()
                if remaining <= 0 and link.answered == answered:
                    port.give_up(core, f"{link.in_flight} quotes behind, and taking none")
                elif remaining <= 0:
                    answered, deadline = link.answered, monotonic() + self._timeout
                else:
                    self._step(remaining)

    def stats(self) -> list[ShardStats]:
        """Return a picture of every shard, with what the pipes have to say by now."""
        with self._lock:
            if not self._reading and not self.core.is_closed:
                self._step(0.0)
            pictures = [link.stats() for link in self.core.links]
        if self.core.lost:
            self._tell_lost()
        return pictures

    def _tell_lost(self) -> None:
        lost = self.core.lost
        while lost:
            picture = lost.pop().stats()
            _log.error("shard %d is down: %s", picture.shard, picture.why)
            if self._on_shard_down is not None:
                try:
                    self._on_shard_down(picture)
                except Exception:  # noqa: BLE001 - the host's callback; the log has its traceback
                    _log.exception("on_shard_down raised")

    def close(self) -> None:
        """Roll back what is open, end the workers, close the pipes. Idempotent."""
        with self._lock:
            core = self.core
            if core.is_closed:
                return
            call = core.close(self.clock())
            self._send()
            if not call.done:
                self._wait(call)
            bystander = Call()
            while self._reading:  # by a thread whose shard did not answer: its call has ended, too
                self._wake_reader()
                self._follow(bystander, self._timeout)
        for feed in self._feeds:
            feed.end()
        self._end()

    def disown(self) -> None:
        """Be closed, in a forked copy of this process."""
        self._lock = Lock()
        self.core.abandon_shards()
        for worker in self._workers:
            worker.disown()
        self.discard()

    def discard(self) -> None:
        """Close what this face itself has opened; for an engine that was never built."""
        self._end.detach()
        os.close(self._wake_in)
        os.close(self._wake_out)


def _ring(call: Call) -> None:
    if call.waiter is not None and call.waiter.locked():
        call.waiter.release()
