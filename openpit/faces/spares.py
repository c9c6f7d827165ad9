"""Workers that stand ready to take another's place: started, modules imported, told nothing yet.

What is left to do at a takeover, is to load the engine and to replay the journal. A spare opens no
log before it is told which shard it is.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from openpit.faces.interrupts import undisturbed
from openpit.shards.process import Worker

if TYPE_CHECKING:
    from openpit.shards.shard_journal import JournalPlace
    from openpit.shards.sources import Sources

__all__ = ["Spares"]


class Spares:
    """The spare workers of an engine; they are among its ``workers``, which end with it."""

    __slots__ = ("_count", "_place", "_ready", "_seconds", "_sources", "_workers")

    def __init__(
        self,
        count: int,
        seconds: float,
        place: JournalPlace,
        sources: Sources,
        workers: list[Worker],
    ) -> None:
        self._count: Final = count
        self._seconds: Final = seconds
        self._place: Final = place
        self._sources: Final = sources
        self._workers: Final = workers
        self._ready: Final[deque[Worker]] = deque()

    def take(self, number: int) -> Worker | None:
        """Return one that is to be a shard's worker from now on; None if none is there."""
        while self._ready:
            worker = self._ready.popleft()
            if not worker.ending(0.0):
                worker.number = number
                return worker
            self._workers.remove(worker)
            worker.stop(0.0)
        return None

    def fill(self) -> None:
        """Start as many as there are to be, without waiting for any.

        None where the system lets none start, or a source is another than it was: whoever needs a
        worker then is told.
        """
        while len(self._ready) < self._count and not self._sources.changed():
            if not self._start():
                return

    @undisturbed
    def _start(self) -> bool:
        try:
            worker = Worker(None, self._seconds, self._place, self._sources.modules)
            self._workers.append(worker)
            self._ready.append(worker)
        except OSError:
            return False
        return True
