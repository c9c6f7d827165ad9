"""The blocking face: pipes, threads and deadlines around the router core.

Any threads may call. A lock guards the core; nobody holds it while waiting. Of those that wait, one
reads the pipes for all, the others sleep until their call is done or the reading is theirs. No
thread is created.

A signal's handler may raise anywhere in here. ^C is held back but while a call waits. Whatever else
raises leaves no lock taken and the reading to others; if the core was being changed, its shards are
given up by the next call.
"""

from __future__ import annotations

import logging
import os
import select
import weakref
from threading import Lock, RLock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from openpit.router.calls import INTERRUPTED, Call
from openpit.router.feeds import Feed
from openpit.router.forks import let_go_in_copies
from openpit.router.holdups import HoldUps
from openpit.router.interrupts import hold, release, through
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

_MILLISECONDS: Final = 1000.0


class _Bystander(Call):
    """Who waits for something else than a call's end, and looks whenever something has come."""

    __slots__ = ("is_over",)

    def __init__(self, is_over: Callable[[], bool]) -> None:
        super().__init__()
        self.is_over: Final = is_over


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
        self._lock = RLock()  # taken once only, but it knows its owner; see nested()
        self._ports: list[Port] = []
        self._workers: list[Worker] = []
        self._by_fd: dict[int, Port] = {}
        self._poller = select.poll()
        self._reader: Call | None = None  # for whom the pipes are read just now
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
        self._hold_ups = HoldUps(core, self._timeout)
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
        if self._lock._is_owned():  # type: ignore[attr-defined]  # known to threading.Condition
            raise nested()
        core = self.core
        call: Call | None = None
        try:
            is_held = hold()
            try:
                with self._lock:
                    if core.is_torn:
                        self._mend()
                    call = method(self.clock(), *arguments)
                    self._send()
                    if self._reader is None and call.is_sent and not call.done:
                        self._reader = call
                if self._reader is call:
                    # The usual case, spelt out: the answer is there before this thread would sleep.
                    ready = await_ready(self._poller, 0.0, LOOKS)
                    with self._lock:
                        self._handle(ready)
                        self._reader = None
                        if self._followers:
                            self._hand_over()
                if not call.done:
                    self._wait(call)
            except BaseException:
                if call is not None:
                    self.abandon(call)
                raise
            finally:
                if is_held:
                    release()
            if core.lost:
                self._tell_lost()
            return call.result()
        except BaseException:
            call = None  # a traceback may keep this frame: not what the caller would have received
            raise

    def run_many(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Make a call over many items; return its value or raise its error."""
        return self.run_part(method, *arguments).result()

    def run_part(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Make a call over many items, sending the first frames while it encodes the next ones."""
        if self._lock._is_owned():  # type: ignore[attr-defined]  # as above
            raise nested()
        try:
            is_held = hold()
            try:
                with self._lock:
                    call = self._begin(method, *arguments)
                try:
                    self._feed_all(call)
                    if not call.done:
                        self._wait(call)
                except BaseException:
                    self.abandon(call)
                    raise
            finally:
                if is_held:
                    release()
            if self.core.lost:
                self._tell_lost()
        except BaseException:
            call = None  # as above
            raise
        return call

    def _feed_all(self, call: Any) -> None:
        while self._feed(call):
            pass

    def _feed(self, call: Any) -> bool:
        """Encode and send a frame of a call; tell whether there is more."""
        with self._lock:
            if self.core.is_torn:
                self._mend()
            is_more: bool = call.feed(self.core)
            self._send()
            if is_more and self._reader is None and any(one.waiting for one in self.core.links):
                self._handle(self._poller.poll(0))  # credit may have come
        return is_more

    def _begin(self, method: Callable[..., Any], *arguments: Any) -> Any:
        if self.core.is_torn:
            self._mend()
        return method(self.clock(), *arguments)

    def finalize(self, proxy: Any, *, commit: bool) -> None:
        """Commit or roll back what a proxy stands for."""
        self.run(self.core.finalize, proxy, commit)

    def execute_request(self, proxy: Any) -> Any:
        """Run the main stage of a proxy's request."""
        return self.run(self.core.execute_request, proxy)

    def _mend(self) -> None:
        """Give up all shards: an exception came between two steps that belong together.

        Bytes may be lost or commands half accounted for, and an order must not pass by mistake.
        """
        self.core.stop_procedures()
        for port in self._ports:
            port.give_up(self.core, INTERRUPTED)
        self.core.is_torn = False

    # --- waiting; the lock is not held ------------------------------------------------------------

    def _wait(self, call: Call) -> None:
        progress = call.progress
        remaining = self._timeout if call.is_sent else self._max_wait
        deadline = monotonic() + remaining
        while not call.done:
            if self.core.holding_up():
                self._end_hold_ups()  # which may have it sent
            if remaining <= 0:
                if progress == call.progress:
                    self._expire(call)
                    return
                progress = call.progress
                remaining = self._timeout
                deadline = monotonic() + remaining
            self._turn(call, remaining)
            if not call.done:
                remaining = deadline - monotonic()

    def _end_hold_ups(self) -> None:
        """Give up shards that have kept all others waiting for too long."""
        for link in self._hold_ups.overdue(monotonic()):
            self._give_up(
                self._ports[link.number],
                f"it kept all other shards waiting for {self._timeout:g} s",
            )

    def _expire(self, call: Call) -> None:
        with self._lock:
            if not call.done:
                call.expire(self.core, f"no answer within {self._timeout:g} s")
            self._send()  # what waited for this call alone
            self._hand_over()

    def _turn(self, call: Call, seconds: float) -> None:
        """Wait once: for the pipes if nobody else does, else for whoever reads them."""
        try:
            with self._lock:
                if call.done or (call.__class__ is _Bystander and call.is_over()):
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
            if self.core.is_torn:
                call.done = True  # its shards are given up, and it with them
            else:
                call.abandon(self.core)

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
        self._wake_done()
        for call in self._followers:
            if isinstance(call, _Bystander):
                _ring(call)
        if self._reader is None:
            for call in self._followers:
                if not call.done:
                    _ring(call)
                    return

    def _wake_done(self) -> None:
        woken = self.core.woken
        while woken:
            _ring(woken.pop())

    def _handle(self, ready: list[tuple[int, int]]) -> None:
        """Do what the pipes ask for; the lock is held."""
        if self.core.is_torn:
            self._mend()
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
                    if self._reader is not None:
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
        core = self.core
        with self._lock:
            calls = [core.start(link, self.clock(), payload) for link in core.links]
            self._send()
        deadline = monotonic() + seconds
        for call in calls:
            while not call.done:
                remaining = deadline - monotonic()
                if remaining <= 0:
                    call.expire(core, f"not up within {seconds:g} s")
                else:
                    self._turn(call, remaining)
        for call in calls:
            call.result()

    def follow(self, services: Sequence[MarketDataService]) -> None:
        """Pass on all that the services hold, and every change from now on."""
        for place, service in enumerate(services):
            self._feeds.append(Feed(self, place, service))

    def pass_on(self, service: int, operation: object) -> None:
        """Send a change of market data to every shard, ahead of the next order."""
        if self._lock._is_owned():  # type: ignore[attr-defined]  # as above
            raise nested()
        is_held = hold()
        try:
            with self._lock:
                core = self.core
                if core.is_closed:
                    return
                if core.is_torn:
                    self._mend()
                core.quote(self.clock(), service, operation)
                is_due = any(link.staged >= STAGED_QUOTES for link in core.links)
                if is_due:
                    self._send()
            if is_due:
                self._hold_back_all_quotes()
        finally:
            if is_held:
                release()

    def _hold_back_all_quotes(self) -> None:
        for port in self._ports:
            if port.link.in_flight > MARKET_BACKLOG:
                self._hold_back_quotes(port)

    def _hold_back_quotes(self, port: Port) -> None:
        """Wait for a shard that has too many quotes before it; give it up if it takes none."""
        link = port.link
        bystander = _Bystander(lambda: not link.is_up or link.in_flight <= MARKET_BACKLOG)
        answered, deadline = link.answered, monotonic() + self._timeout
        while not bystander.is_over():
            remaining = deadline - monotonic()
            if remaining > 0:
                self._turn(bystander, remaining)
            elif link.answered != answered:
                answered, deadline = link.answered, monotonic() + self._timeout
            else:
                self._give_up(port, f"{link.in_flight} quotes behind, and taking none")

    def _give_up(self, port: Port, why: str) -> None:
        with self._lock:
            port.give_up(self.core, why)
            self._unwatch(port)
            self._send()  # what waited for this shard
            self._hand_over()

    def stats(self) -> list[ShardStats]:
        """Return a picture of every shard, with what the pipes have to say by now."""
        if self._lock._is_owned():  # type: ignore[attr-defined]  # as above
            raise nested()
        is_held = hold()
        try:
            with self._lock:
                if self._reader is None and not self.core.is_closed:
                    self._handle(self._poller.poll(0))
                pictures = [link.stats() for link in self.core.links]
        finally:
            if is_held:
                release()
        if self.core.lost:
            self._tell_lost()
        return pictures

    def _tell_lost(self) -> None:
        lost = self.core.lost
        while lost:
            try:
                picture = lost.pop().stats()
            except IndexError:
                return  # another thread tells it
            _log.error("shard %d is down: %s", picture.shard, picture.why)
            if self._on_shard_down is not None:
                try:
                    self._on_shard_down(picture)
                except Exception:  # noqa: BLE001 - the host's callback; the log has its traceback
                    _log.exception("on_shard_down raised")

    def close(self) -> None:
        """Roll back what is open, end the workers, close the pipes. Idempotent.

        One that was interrupted is gone on with by the next one.
        """
        if self._lock._is_owned():  # type: ignore[attr-defined]  # as above
            raise nested()
        is_held = hold()
        try:
            with self._lock:
                core = self.core
                if core.is_torn:
                    self._mend()
                    core.close(self.clock())
                elif not core.is_closed:
                    core.close(self.clock())
                self._send()
            self._wait_for(_Bystander(lambda: all(port.is_over for port in self._ports)))
            self._give_up_the_rest()
            # A thread whose shard did not answer may still poll: its call has ended, too.
            if self._end.alive:
                self._wake_reader()
            self._wait_for(_Bystander(lambda: self._reader is None))
            self._end_feeds()
            self._end()
        finally:
            if is_held:
                release()

    def _give_up_the_rest(self) -> None:
        for port in self._ports:
            if not port.is_over:
                self._give_up(port, f"no answer within {self._timeout:g} s")

    def _end_feeds(self) -> None:
        for feed in self._feeds:
            feed.end()

    def _wait_for(self, bystander: _Bystander) -> None:
        deadline = monotonic() + self._timeout
        while not bystander.is_over():
            remaining = deadline - monotonic()
            if remaining <= 0:
                return
            self._turn(bystander, remaining)

    def disown(self) -> None:
        """Be closed, in a forked copy of this process."""
        self._lock = RLock()
        self._reader = None
        self._followers.clear()
        self.core.abandon_shards()
        for worker in self._workers:
            worker.disown()
        self.discard()

    def discard(self) -> None:
        """Close what this face itself has opened; for an engine that was never built."""
        self._end.detach()
        os.close(self._wake_in)
        os.close(self._wake_out)


def nested() -> RuntimeError:
    """Return the error of a call that would wait for the one that it interrupts, forever."""
    return RuntimeError(
        "the engine was called from within a call of the same thread, "
        "by a signal's handler or a finaliser"
    )


def _ring(call: Call) -> None:
    if call.waiter is not None and call.waiter.locked():
        call.waiter.release()
