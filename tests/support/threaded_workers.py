"""Workers that are threads of this process: their own loop over their own pipes, and no start-up.

For runs of many engines, where starting processes would take nearly all of the time.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress

from openpit.faces import starting
from openpit.shards import worker
from openpit.shards.process import GONE, PIPE_BYTES
from openpit.shards.spawning import widen

__all__ = ["start_workers_as_threads"]


class ThreadedWorker:
    """What the router sees of a worker, see ``openpit.shards.process.Worker``."""

    death_fd = None

    def __init__(self, number: int, seconds: float, place: None) -> None:
        del seconds, place  # a thread starts at once, and these have no journal
        self.number = number
        self.pid = os.getpid()
        command_in, self.command_fd = os.pipe()
        self.reply_fd, reply_out = os.pipe()
        for fd in (self.command_fd, self.reply_fd):
            widen(fd, PIPE_BYTES)
            os.set_blocking(fd, False)
        self._ours = [self.command_fd, self.reply_fd]
        self._thread = threading.Thread(target=self._serve, args=(command_in, reply_out))
        self._thread.start()

    def _serve(self, command_fd: int, reply_fd: int) -> None:
        try:
            with suppress(SystemExit):
                worker.serve(command_fd, reply_fd)
        finally:
            os.close(command_fd)
            os.close(reply_fd)

    def ending(self, seconds: float) -> str:
        self._thread.join(seconds)
        return "" if self._thread.is_alive() else "its thread has ended"

    def kill(self) -> None:
        self.close_pipes()

    def disown(self) -> None:
        self.close_pipes()

    def close_pipes(self) -> None:
        self.command_fd = self.reply_fd = GONE
        while self._ours:
            os.close(self._ours.pop())

    def stop(self, seconds: float) -> None:
        self.close_pipes()
        self.ending(seconds)


def start_workers_as_threads() -> None:
    """Have every engine of this process from now on start its workers so."""
    starting.Worker = ThreadedWorker  # type: ignore[misc,assignment]  # in place of processes
    worker._freeze = lambda: None  # they share a collector
