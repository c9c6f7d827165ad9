"""How an engine ends that nobody closes: with its last holder, or with the interpreter.

From then on its descriptors are gone: their numbers may be those of the program's own files, and
threads, hooks and finalisers may call the engine still.
"""

from __future__ import annotations

import atexit
import weakref
from threading import RLock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from openpit.shards.descriptors import close_own, identity_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.shards.descriptors import Identity
    from openpit.shards.process import Worker

__all__ = ["LEAVE_SECONDS", "Ends", "end_workers"]

LEAVE_SECONDS: Final = 1.0
"""How long the end waits for a thread that polls, or whose loop does, to take note of it."""


class Ends:
    """What a face has opened; ended once, whoever comes first. It does not keep the face alive.

    The interpreter runs its hooks in the reverse order of their registration. This one is
    registered with each engine, so a hook that was there before the engine finds it closed.
    """

    __slots__ = (
        "__weakref__",
        "_face",
        "_lock",
        "_own",
        "_seconds",
        "is_over",
        "last",
        "unused",
        "workers",
    )

    def __init__(self, face: Any, seconds: float) -> None:
        self._face: Final = weakref.ref(face)
        self._lock: Final = RLock()
        self._seconds: Final = seconds
        self.workers: Final[list[Worker]] = []
        self._own: Final[dict[int, Identity]] = {}  # descriptors, and what they lead to
        self.unused: Callable[[], object] = lambda: None
        """Called when the face has been collected, before its descriptors are closed."""
        self.last: Callable[[], object] = lambda: None
        """Called when everything else has ended, the workers too."""
        self.is_over = False
        weakref.finalize(face, self.run).atexit = False
        atexit.register(self._at_exit)

    def _at_exit(self) -> None:
        self._run()

    def run(self) -> None:
        """End everything, if that has not been done; go on with what was interrupted."""
        if not self.is_over:
            atexit.unregister(self._at_exit)
            self._run()

    def _run(self) -> None:
        if self.is_over:
            return
        with self._lock:
            face = self._face()
            if face is None:
                self.unused()
                is_free = True
            else:
                is_free = face.retire()
            if is_free:
                self.close_descriptors()
                end_workers(self.workers, self._seconds)
                self.last()
            else:
                # A thread hangs in the polling of these descriptors. They end with the process.
                self._kill_workers()
            self.is_over = True

    def own(self, *descriptors: int) -> None:
        """Close these, too, at the end."""
        for fd in descriptors:
            self._own[fd] = identity_of(fd)

    def close(self, *descriptors: int) -> None:
        """Close these before the end, unless they are a stranger's by now."""
        for fd in descriptors:
            identity = self._own.pop(fd, None)
            if identity is not None:
                close_own(fd, identity)

    def is_own(self, fd: int) -> bool:
        """Tell whether a descriptor is open, and no stranger's."""
        try:
            return self._own.get(fd) == identity_of(fd)
        except OSError:
            return False

    def close_descriptors(self) -> None:
        """Close what is the engine's own still."""
        while self._own:
            close_own(*self._own.popitem())

    def _kill_workers(self) -> None:
        for worker in self.workers:
            worker.kill()

    def forget(self) -> None:
        """Leave everything as it is: it was never whole, or is another process's."""
        self.is_over = True
        atexit.unregister(self._at_exit)


def end_workers(workers: Sequence[Worker], seconds: float) -> None:
    """Close all pipes, and wait for the workers to end; end those that do not.

    A worker that has said goodbye, or sees its pipe end, needs no more than it takes to roll back.
    A spare has nothing to roll back, and may be on its way up.
    """
    for worker in workers:
        worker.close_pipes()
        if worker.number is None:
            worker.kill()
    deadline = monotonic() + seconds
    for worker in workers:
        if not worker.ending(max(0.0, deadline - monotonic())):
            worker.kill()
    for worker in workers:
        worker.stop(0.0)
