"""An engine as its journal says it stood, in this process: the client, the router, the shards.

Its links write to the shards themselves, and are answered before the call returns.
"""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from openpit.client.handles import BLOCKING
from openpit.client.reading import ReadingClient
from openpit.faces.blocking.engine import ShardedEngine
from openpit.faces.face import Face
from openpit.faces.past import Past
from openpit.wire import kinds
from openpit.wire.frames import FrameReader, pack, reply_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from openpit.faces.past import Moment
    from openpit.faces.starting import StartPlan
    from openpit.router.calls import Call
    from openpit.router.shard_link import ShardLink
    from openpit.shards.past import Cut, PastShard

__all__ = ["PastEngine", "past_engine"]


class PastEngine(ShardedEngine):
    """An engine as it stood once, to be asked; ``build_past()`` makes it.

    It has the methods of :class:`openpit.ShardedEngine`. Those that tell something answer as they
    would have then: ``account_state()``, ``accounts().group_of()``, ``groups()``, ``settings()``,
    ``halted()``, ``shard_of()``, and dry runs of orders, at that time. All that would change
    something raise :class:`openpit.errors.NotPermitted`.
    """

    __slots__ = ()
    __module__ = "openpit"

    _driver: _PastDriver  # type: ignore[assignment]  # it makes its calls as the blocking one does

    @property
    def time(self) -> int:
        """The latest time that a shard was told, in nanoseconds of the engine's clock."""
        return self._driver.time

    @property
    def day(self) -> datetime | None:
        """The day and time of that, in UTC; None where the engine's clock was a program's own.

        Raises:
            OverflowError: the clock of then has gone beyond the year 9999.
        """
        return self._driver.past.day_of(self._driver.time)

    @property
    def records(self) -> tuple[int, ...]:
        """For each shard the number of the last record that it was told; 0: none."""
        return tuple(shard.record for shard in self._driver.past.shards)


class _PastDriver(Face):
    """Makes calls of shards of this process; its clock stands still."""

    def __init__(self, past: Past, until: Cut | None) -> None:
        self.past: Final = past
        self.time = max(_told(shard, until) for shard in past.shards)
        self.clock = lambda: self.time
        self._lock: Final = RLock()

    def attach(self, plan: StartPlan) -> None:
        """Have a client that asks the shards."""
        self.client = plan.client(BLOCKING, self, kind=ReadingClient)
        self.router = self.client.router
        epoch = self.past.epoch
        windows = []
        axes = []
        for link, shard in zip(self.router.links, self.past.shards, strict=True):
            recovered = shard.stand(epoch)
            started = self.client.start(link, self.time, b"", epoch)
            (hello,) = FrameReader().feed(link.take())
            ready = (kinds.RECOVERED, (), *shard.core.axes, *recovered)
            self.router.receive(link, reply_frame(hello, pack((ready,))))
            axes.append(started.result()[0])
            windows.append(recovered.windows)
        self.client.retune(max(axes, key=lambda one: one.version))
        for one in windows:
            self.client.books.rates.restore(one)

    def run(self, method: Callable[..., Call], *arguments: Any) -> Any:
        with self._lock:
            call = method(self.time, *arguments)
            self._answer()
            return call.result()

    def run_part(self, method: Callable[..., Any], *arguments: Any) -> Any:
        return method(self.time, *arguments)  # raises: these change something

    def run_many(self, method: Callable[..., Any], *arguments: Any) -> Any:
        return self.run(method, *arguments)

    def pass_on(self, service: int, operation: object) -> None:
        """Do nothing: no service is followed."""

    def poll(self) -> None:
        """Do nothing: no handle is held."""

    def close(self, *, rollback: bool = False) -> None:
        """Let go of the shards, which are told nothing: of ``rollback``, too."""
        del rollback
        with self._lock:
            self.router.abandon_shards()

    def _answer(self) -> None:
        """Move bytes to the shards and back until nothing moves."""
        links: Sequence[ShardLink] = self.router.links
        while sending := [link for link in links if link.has_output]:
            for link in sending:
                self.router.receive(link, self.past.shards[link.number].core.receive(link.take()))


_new_past_engine = PastEngine._of


def _told(shard: PastShard, until: Cut | None) -> int:
    """Tell a shard its past; return the latest time of it."""
    shard.begin(until)
    for _ in shard.tell(until):
        pass
    return shard.latest


def past_engine(plan: StartPlan, until: Moment | None) -> PastEngine:
    """Return the engine of a plan as its journal says it stood; see ``build_past()``."""
    past = Past(plan)
    driver = _PastDriver(past, past.cut(until))
    driver.attach(plan)
    return _new_past_engine(driver)  # type: ignore[arg-type, return-value]  # as above
