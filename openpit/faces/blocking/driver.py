"""The blocking face: pipes, threads and deadlines around client and router.

Any threads may call; how they wait stands in ``turns.py``.

A signal's handler may raise anywhere in here. ^C is held back but while a call waits. Whatever else
raises leaves no lock taken and the reading to others; if the router was being changed, its shards
are given up by the next call.
"""

from __future__ import annotations

from threading import RLock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from openpit.faces.blocking.turns import Bystander, Turns
from openpit.faces.ends import LEAVE_SECONDS
from openpit.faces.interrupts import release, shield, undisturbed
from openpit.marketdata.service import is_empty
from openpit.shards.worker import LOOKS, await_ready

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.client.recovery import Told
    from openpit.faces.engine_journal import EngineJournal
    from openpit.faces.options import ShardedOptions
    from openpit.faces.pipes import Port
    from openpit.marketdata.service import MarketDataService
    from openpit.router.calls import Call
    from openpit.wire.shard_stats import ShardStats

__all__ = ["BlockingDriver"]

STAGED_QUOTES: Final = 64
"""Quotes that are sent together where no order takes them along earlier."""


class BlockingDriver(Turns):
    """Runs the core's calls to their end, for whichever threads come."""

    # --- calls ---------------------------------------------------------------------------------

    def run(self, method: Callable[..., Call], *arguments: Any) -> Any:
        """Make a call and wait for its end; return its value or raise its error."""
        if self._lock._is_owned():  # type: ignore[attr-defined]  # known to threading.Condition
            raise nested()
        router = self.router
        call: Call | None = None
        try:
            is_shielded = shield()
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
                if is_shielded:
                    release()
            if router.books.news:
                self._tell()
            return call.result()
        except BaseException:
            call = None  # a traceback may keep this frame: not what the caller would have received
            raise

    @undisturbed
    def begin(self, method: Callable[..., Call], *arguments: Any) -> Call:
        """Make a call, send what the pipes take of it, and wait for nothing: see :meth:`end`."""
        self._check_free()
        call: Call | None = None
        try:
            with self._lock:
                self._mend()
                self._attend()
                call = method(self.clock(), *arguments)
                self._send()
        except BaseException:
            if call is not None:
                self.abandon(call)
            raise
        return call

    def end(self, call: Call) -> Any:
        """Wait for the end of a call that has begun; return its value or raise its error."""
        self._await_end(call)
        self._tell()
        return call.result()

    @undisturbed
    def _await_end(self, call: Call) -> None:
        self._check_free()
        try:
            if not call.done:
                self._wait(call)
        except BaseException:
            self.abandon(call)
            raise

    def await_all(self, calls: Sequence[Call], seconds: float) -> None:
        """Wait until calls that have begun are done, for so many seconds at the most."""
        self._check_free()
        over = Bystander(self.router.books, lambda: all(call.done for call in calls))
        undisturbed(self._wait_for)(over, seconds)
        self._tell()

    def run_many(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Make a call over many items; return its value or raise its error."""
        return self.run_part(method, *arguments).result()

    def run_part(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Make a call over many items, sending the first frames while it encodes the next ones."""
        self._check_free()
        try:
            is_shielded = shield()
            try:
                with self._lock:
                    self._mend()
                    if self.router.books.stalled:
                        self._attend()
                    call = method(self.clock(), *arguments)
                try:
                    self._feed_all(call)
                    if not call.done:
                        self._wait(call)
                except BaseException:
                    self.abandon(call)
                    raise
            finally:
                if is_shielded:
                    release()
            self._tell()
        except BaseException:
            call = None  # as above
            raise
        return call

    def _check_free(self) -> None:
        """Raise RuntimeError if this thread is in a call already, which it would wait for."""
        if self._lock._is_owned():  # type: ignore[attr-defined]  # as above
            raise nested()

    def _feed_all(self, call: Any) -> None:
        while self._feed(call):
            pass

    def _feed(self, call: Any) -> bool:
        """Encode and send a frame of a call; tell whether there is more."""
        with self._lock:
            self._mend()
            is_more: bool = call.feed()
            self._send()
            if is_more and self._reader is None and any(one.waiting for one in self.router.links):
                self._handle(self._poller.poll(0))  # credit may have come
        return is_more

    # --- shards --------------------------------------------------------------------------------

    def start(self, payload: bytes, deadline: float, seconds: float, epoch: int = 0) -> list[Told]:
        """Load the engine in all workers, by a moment; raise ShardStartError if one cannot."""
        with self._lock:
            calls = self._begin_start(payload, deadline, seconds, epoch)
            self._send()
        for call in calls:
            self._wait(call)
        return [call.result() for call in calls]

    def recover(
        self, journal: EngineJournal, told: Sequence[Told], options: ShardedOptions, payload: bytes
    ) -> None:
        """Go on from what the shards have come back with."""
        with self._lock:
            self._begin_again(journal, told, options, payload)
        self.run(self._complete, journal, told)
        journal.settle()

    def restore(
        self,
        journal: EngineJournal,
        services: Sequence[MarketDataService],
        readers: Sequence[tuple[str, ...]],
    ) -> None:
        """Take up the market data that the journal has."""
        if services:
            are_empty = [is_empty(service) for service in services]
            self._offset = journal.offset
            self._restored = self.run(self._restore, are_empty, readers)

    @undisturbed
    def pass_on(self, service: int, operation: object) -> None:
        """Send a change of market data to every shard, ahead of the next order."""
        self._check_free()
        with self._lock:
            router = self.router
            if router.books.is_closed:
                return
            self._mend()
            self.client.quote(self.clock(), service, operation)
            is_due = any(link.staged >= STAGED_QUOTES for link in router.links)
            if is_due:
                self._send()
        if is_due:
            self._let_catch_up()
        self._tell()

    def _wait_at(self, port: Port, is_over: Callable[[], bool], seconds: float) -> None:
        self._turn(Bystander(self.router.books, is_over), seconds)

    def stats(self) -> list[ShardStats]:
        """Return a picture of every shard, with what the pipes have to say by now."""
        self._look(lets_go=False)
        self._tell()
        with self._lock:
            return super().stats()

    def poll(self) -> None:
        self._look(lets_go=True)
        self._tell()

    @undisturbed
    def _look(self, *, lets_go: bool) -> None:
        """Take note of what has come and of what is due, though no call waits."""
        self._check_free()
        with self._lock:
            router = self.router
            self._mend()
            if not router.books.is_closed:
                if lets_go:
                    router.let_go()
                self._attend()

    @undisturbed
    def close(self, *, rollback: bool = False) -> None:
        """Roll back what is open, unless it is kept, end the workers, close the pipes. Idempotent.

        One that was interrupted is gone on with by the next one.
        """
        self._check_free()
        with self._lock:
            router = self.router
            if router.books.is_torn:
                self._mend()
                router.close(self.clock())
            elif not router.books.is_closed:
                self._stop_taking()
            self._send()
        self._settle()
        with self._lock:
            if not router.is_ending:
                keeps = self.client.is_kept and not rollback
                self._say_goodbye(keeps=keeps)
            self._send()
        self._tell()
        self._wait_for(
            Bystander(self.router.books, lambda: all(port.is_over for port in self._ports))
        )
        self._give_up_the_rest()
        self._end_feeds()
        self._ends.run()

    def _settle(self) -> None:
        """Wait until no call waits any more for a shard that comes back."""
        while True:
            with self._lock:
                if self._is_settled:
                    return
                seconds = min(self._on_time(), self._settled_by - monotonic())
                self._hand_over()
            self._turn(Bystander(self.router.books, lambda: self._is_settled), seconds)

    def retire(self) -> bool:
        """Close at once, and use no descriptor any more; return whether no thread polls one.

        A thread may be in a call still: it is told, and leaves.
        """
        with self._lock:
            self._kill_stalled()
            self.router.retire()
            self._is_retired = True
            for port in self._ports:
                self._unwatch(port)
                port.close()
            self._hand_over()
            if self._reader is not None:
                self._wake_reader()
        gone = Bystander(self.router.books, lambda: self._reader is None)
        self._wait_for(gone, LEAVE_SECONDS)
        return gone.is_over()

    def _give_up_the_rest(self) -> None:
        for port in self._ports:
            if not port.is_over:
                self._give_up(port, f"no answer within {self._timeout:g} s")

    def disown(self) -> None:
        """Close, in a forked copy of this process."""
        self._lock = RLock()
        self._reader = None
        self._followers.clear()
        self._disown_workers()
        self.discard()

    def discard(self) -> None:
        """Close what this face itself has opened; for an engine that was never built."""
        self._ends.forget()
        self._ends.close_descriptors()


def nested() -> RuntimeError:
    """Return the error of a call that would wait for the one that it interrupts, forever."""
    return RuntimeError(
        "the engine was called from within a call of the same thread, "
        "by a signal's handler or a finaliser"
    )
