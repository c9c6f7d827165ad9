"""The blocking face: pipes, threads and deadlines around client and router.

Any threads may call. A lock guards both; nobody holds it while waiting. Of those that wait, one
reads the pipes for all, the others sleep until their call is done or the reading is theirs. No
thread is created.

A signal's handler may raise anywhere in here. ^C is held back but while a call waits. Whatever else
raises leaves no lock taken and the reading to others; if the router was being changed, its shards
are given up by the next call.
"""

from __future__ import annotations

import os
import select
from math import inf
from threading import Lock, RLock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from openpit.faces.ends import Ends
from openpit.faces.feeds import Feed
from openpit.faces.forks import let_go_in_copies
from openpit.faces.interrupts import hold, release, through
from openpit.faces.news import tell
from openpit.faces.pipes import Port
from openpit.faces.watch import STALL_SECONDS, Watch
from openpit.router.calls import INTERRUPTED, Call
from openpit.router.link import Runner
from openpit.shards.process import GONE
from openpit.shards.worker import LOOKS, await_ready
from openpit.wire.limits import MARKET_BACKLOG

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.client.client import Client
    from openpit.marketdata.service import MarketDataService
    from openpit.router.core import RouterCore
    from openpit.router.link import Books
    from openpit.router.stats import ShardStats
    from openpit.shards.process import Worker

__all__ = ["BlockingDriver"]

STAGED_QUOTES: Final = 64
"""Quotes that are sent together where no order takes them along earlier."""

LIVENESS_SECONDS: Final = 0.2
"""How often a worker is looked at whose end no descriptor tells."""

LEAVE_SECONDS: Final = 1.0
"""How long the end waits for a thread that polls to take note of it."""

LONGEST_SECONDS: Final = 3600.0
"""How long a thread sleeps before it looks at its time again: the system's waits have limits."""

_MILLISECONDS: Final = 1000.0


class _Bystander(Call):
    """Who waits for something else than a call's end, and looks whenever something has come."""

    __slots__ = ("is_over",)

    def __init__(self, books: Books, is_over: Callable[[], bool]) -> None:
        super().__init__(books)
        self.is_over: Final = is_over


class BlockingDriver(Runner):
    """Runs the core's calls to their end, for whichever threads come."""

    client: Client
    router: RouterCore

    def __init__(
        self,
        clock: Callable[[], int],
        *,
        timeout: float,
        max_wait: float,
        stall_timeout: float = STALL_SECONDS,
        on_shard_down: Callable[[ShardStats], object] | None = None,
    ) -> None:
        self.clock: Final = clock
        self._timeout: Final = timeout
        self._max_wait: Final = max_wait
        self._stall_timeout: Final = stall_timeout
        self._on_shard_down: Final = on_shard_down
        self._lock = RLock()  # taken once only, but it knows its owner; see nested()
        self._ports: list[Port] = []
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
        self._is_retired = False
        # Run at close(), when nobody holds the engine any more, or at the interpreter's end.
        self._ends = Ends(self, timeout)
        self._ends.descriptors.extend((self._wake_in, self._wake_out))

    def attach(self, client: Client, workers: list[Worker]) -> None:
        """Take the router, and a worker for each of its links."""
        self.client = client
        self.router = router = client.router
        self._watch = Watch(router, self._timeout, self._stall_timeout)
        self._is_told = all(worker.death_fd is not None for worker in workers)
        self._look_every = self._timeout if self._is_told else LIVENESS_SECONDS
        for link, worker in zip(router.links, workers, strict=True):
            link.pid = worker.pid
            port = Port(link, worker)
            self._ends.workers.append(worker)
            self._ports.append(port)
            self._by_fd[port.reply_fd] = self._by_fd[port.command_fd] = port
            self._poller.register(port.reply_fd, select.POLLIN)
            if port.death_fd != GONE:
                self._by_fd[port.death_fd] = port
                self._poller.register(port.death_fd, select.POLLIN)
        let_go_in_copies(self)

    # --- calls ---------------------------------------------------------------------------------

    def run(self, method: Callable[..., Call], *arguments: Any) -> Any:
        """Make a call and wait for its end; return its value or raise its error."""
        if self._lock._is_owned():  # type: ignore[attr-defined]  # known to threading.Condition
            raise nested()
        router = self.router
        call: Call | None = None
        try:
            is_held = hold()
            try:
                with self._lock:
                    if router.books.is_torn:
                        self._mend()
                    if router.books.stalled:
                        self._attend()
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
            if router.books.news:
                tell(router, self._on_shard_down)
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
            if self.router.books.news:
                tell(self.router, self._on_shard_down)
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
            if self.router.books.is_torn:
                self._mend()
            is_more: bool = call.feed()
            self._send()
            if is_more and self._reader is None and any(one.waiting for one in self.router.links):
                self._handle(self._poller.poll(0))  # credit may have come
        return is_more

    def _begin(self, method: Callable[..., Any], *arguments: Any) -> Any:
        if self.router.books.is_torn:
            self._mend()
        if self.router.books.stalled:
            self._attend()
        return method(self.clock(), *arguments)

    def finalize(self, proxy: Any, *, commit: bool) -> None:
        """Commit or roll back what a proxy stands for."""
        self.run(self.client.finalize, proxy, commit)

    def execute_request(self, proxy: Any) -> Any:
        """Run the main stage of a proxy's request."""
        return self.run(self.client.execute_request, proxy)

    def _mend(self) -> None:
        """Give up all shards: an exception came between two steps that belong together.

        Bytes may be lost or commands half accounted for, and an order must not pass by mistake.
        """
        self.router.stop_procedures()
        for port in self._ports:
            port.give_up(self.router, INTERRUPTED)
        self.router.books.is_torn = False

    # --- waiting; the lock is not held ------------------------------------------------------------

    def _wait(self, call: Call) -> None:
        now = monotonic()
        credit_by = now + self._max_wait
        answer_by = now + self._timeout
        if not call.has_deadline:
            answer_by = credit_by = inf  # it ends with its shards
        elif not call.is_sent:
            answer_by = max(answer_by, credit_by)
        while not call.done:
            deadline = answer_by if call.is_sent else credit_by
            now = monotonic()
            self._look(now)  # from now on the silence counts of a shard that has been asked since
            if now >= deadline:
                self._expire(call)
                return
            if not call.done:
                self._turn(call, min(deadline, self._watch.due, now + self._look_every) - now)

    def _look(self, now: float) -> None:
        """Find the shards that stand still; give up those that have for too long."""
        with self._lock:
            if self._look_after(now):
                self._send()  # what waited for them
                self._hand_over()

    def _look_after(self, now: float) -> bool:
        """Do so; tell whether there is one that was not known before."""
        before = len(self.router.books.stalled)
        over = self._watch.look(now)
        is_news = bool(over) or len(self.router.books.stalled) != before
        for link, why in over:
            port = self._ports[link.number]
            port.give_up(self.router, why)
            self._unwatch(port)
        return is_news

    def _attend(self) -> None:
        """See whether a stalled shard has answered, or has been so for too long; no call waits."""
        if self._reader is None:
            self._handle(self._poller.poll(0))
        if self._look_after(monotonic()):
            self._wake_done()

    def _expire(self, call: Call) -> None:
        with self._lock:
            if not call.done:
                call.expire(f"no answer within {self._timeout:g} s")
            self._send()  # what waited for this call alone
            self._hand_over()

    def _turn(self, call: Call, seconds: float) -> None:
        """Wait once: for the pipes if nobody else does, else for whoever reads them."""
        # A moment may be over by now, and a negative time would mean for ever.
        seconds = min(max(seconds, 0.0), LONGEST_SECONDS)
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
        woken = self.router.books.woken
        while woken:
            _ring(woken.pop())

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
                port.flush()
                if not port.has_backlog:
                    self._poller.unregister(fd)
            if port is not None and port.is_over:
                self._unwatch(port)
        if not self._is_told:
            for port in self._ports:
                port.look_after(self.router)
        if self.router.books.woken:
            self._wake_done()
        self._send()  # what got its credit just now

    def _send(self) -> None:
        for port in self._ports:
            if port.link.has_output:
                had_backlog = port.has_backlog
                port.send(self.router)
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
                if not os.read(self._wake_in, 64):
                    return  # no pipe any more: the program has put a file in its place
            except OSError:
                return

    def _unwatch(self, port: Port) -> None:
        """Stop polling a port that has nothing more to say."""
        for fd in (port.reply_fd, port.command_fd, port.death_fd):
            self._unregister(fd)

    def _unregister(self, fd: int) -> None:
        try:
            self._poller.unregister(fd)
        except (KeyError, ValueError):
            return

    # --- shards --------------------------------------------------------------------------------

    def start(self, payload: bytes, deadline: float, seconds: float) -> None:
        """Have all workers load their engine, by a moment; raise ShardStartError if one cannot."""
        router = self.router
        with self._lock:
            calls = [router.start(link, self.clock(), payload) for link in router.links]
            self._send()
        for call in calls:
            while not call.done:
                remaining = deadline - monotonic()
                if remaining <= 0:
                    call.expire(f"not up within {seconds:g} s")
                else:
                    self._turn(call, min(remaining, self._look_every))
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
                router = self.router
                if router.books.is_closed:
                    return
                if router.books.is_torn:
                    self._mend()
                self.client.quote(self.clock(), service, operation)
                is_due = any(link.staged >= STAGED_QUOTES for link in router.links)
                if is_due:
                    self._send()
            if is_due:
                self._hold_back_all_quotes()
            if self.router.books.news:
                tell(self.router, self._on_shard_down)
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
        if link.is_stalled:  # what it misses, it misses for ever
            self._give_up(port, f"{link.in_flight} quotes behind, and taking none")
            return
        bystander = _Bystander(
            self.router.books, lambda: not link.is_up or link.in_flight <= MARKET_BACKLOG
        )
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
            port.give_up(self.router, why)
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
                if not self.router.books.is_closed:
                    self._attend()
                    self._send()
                    self._hand_over()
                pictures = [link.stats() for link in self.router.links]
        finally:
            if is_held:
                release()
        if self.router.books.news:
            tell(self.router, self._on_shard_down)
        return pictures

    def close(self) -> None:
        """Roll back what is open, end the workers, close the pipes. Idempotent.

        One that was interrupted is gone on with by the next one.
        """
        if self._lock._is_owned():  # type: ignore[attr-defined]  # as above
            raise nested()
        is_held = hold()
        try:
            with self._lock:
                router = self.router
                if router.books.is_torn:
                    self._mend()
                    router.close(self.clock())
                elif not router.books.is_closed:
                    for link in router.books.stalled:  # it has had its time
                        self._ports[link.number].worker.kill()
                    router.close(self.clock())
                self._send()
            self._wait_for(
                _Bystander(self.router.books, lambda: all(port.is_over for port in self._ports))
            )
            self._give_up_the_rest()
            self._end_feeds()
            self._ends.run()
        finally:
            if is_held:
                release()

    def retire(self) -> bool:
        """Be closed at once, and use no descriptor any more; tell whether no thread polls one.

        A thread may be in a call still: it is told, and leaves.
        """
        with self._lock:
            for link in self.router.books.stalled:
                self._ports[link.number].worker.kill()
            self.router.retire()
            self._is_retired = True
            for port in self._ports:
                self._unwatch(port)
                port.close()
            self._hand_over()
            if self._reader is not None and self._ends.descriptors:
                self._wake_reader()
        gone = _Bystander(self.router.books, lambda: self._reader is None)
        self._wait_for(gone, LEAVE_SECONDS)
        return gone.is_over()

    def _give_up_the_rest(self) -> None:
        for port in self._ports:
            if not port.is_over:
                self._give_up(port, f"no answer within {self._timeout:g} s")

    def _end_feeds(self) -> None:
        for feed in self._feeds:
            feed.end()

    def _wait_for(self, bystander: _Bystander, seconds: float | None = None) -> None:
        deadline = monotonic() + (self._timeout if seconds is None else seconds)
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
        self.router.abandon_shards()
        for worker in self._ends.workers:
            worker.disown()
        self.discard()

    def discard(self) -> None:
        """Close what this face itself has opened; for an engine that was never built."""
        self._ends.forget()
        while self._ends.descriptors:
            os.close(self._ends.descriptors.pop())


def nested() -> RuntimeError:
    """Return the error of a call that would wait for the one that it interrupts, forever."""
    return RuntimeError(
        "the engine was called from within a call of the same thread, "
        "by a signal's handler or a finaliser"
    )


def _ring(call: Call) -> None:
    if call.waiter is not None and call.waiter.locked():
        call.waiter.release()
