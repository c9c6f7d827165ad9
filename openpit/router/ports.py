"""The descriptors of one shard: whole frames out, whatever comes in.

A port owns its two descriptors. It never blocks: what the pipe does not take now is kept, and the
face flushes it when the pipe is writable, reading replies meanwhile.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from openpit.errors import WireError
from openpit.router.lifecycle import ShardEvent, ShardState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openpit.router.core import RouterCore
    from openpit.router.link import ShardLink
    from openpit.shards.process import Worker

__all__ = ["Port", "end_workers"]

READ_BYTES: Final = 65536
"""At most this much per read: below the size from which the allocator asks the system each time."""

_REAP_SECONDS: Final = 1.0
"""How long a worker whose pipe has ended may take to end itself, before it is made to."""


class Port:
    """A shard's link, its worker and the router's ends of its pipes."""

    __slots__ = ("_backlog", "command_fd", "link", "reply_fd", "worker")

    def __init__(self, link: ShardLink, worker: Worker) -> None:
        self.link: Final = link
        self.worker: Final = worker
        self.command_fd: Final = worker.command_fd
        self.reply_fd: Final = worker.reply_fd
        self._backlog = bytearray()

    @property
    def has_backlog(self) -> bool:
        """Whether bytes wait for the pipe to be writable."""
        return bool(self._backlog)

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes from this shard."""
        return self.link.state in {ShardState.DOWN, ShardState.CLOSED}

    def send(self, core: RouterCore) -> None:
        """Write the frames that the link has ready, as far as the pipe takes them."""
        core.is_torn = True
        data = self.link.take()
        if self._backlog:
            self._backlog += data
        else:
            try:
                written = os.write(self.command_fd, data)
            except BlockingIOError:
                written = 0
            except BrokenPipeError:
                written = len(data)  # the worker has ended: the other pipe says so, and how
            if written < len(data):
                self._backlog += data[written:]
        core.is_torn = False

    def flush(self) -> None:
        """Write what is kept, as far as the pipe takes it."""
        try:
            del self._backlog[: os.write(self.command_fd, self._backlog)]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._backlog.clear()

    def receive(self, core: RouterCore) -> None:
        """Read what is there; a worker that has ended, or sends no frames, is given up."""
        core.is_torn = True
        try:
            data = os.read(self.reply_fd, READ_BYTES)
        except BlockingIOError:
            core.is_torn = False
            return
        except OSError:
            # The interpreter's end has closed the engine, and this thread is in a call still.
            if self.link.state is ShardState.UP:
                self.link.happen(ShardEvent.CLOSE)
            core.lose(self.link, "")
            core.is_torn = False
            return
        if data:
            try:
                core.receive(self.link, data)
            except WireError as error:
                self.give_up(core, f"its worker sent what is no reply: {error}")
        else:
            self.give_up(core, "")
        core.is_torn = False

    def give_up(self, core: RouterCore, why: str) -> None:
        """Take that there will be no more replies; without a reason given, the worker has one."""
        ending = self.worker.ending(0.0 if why else _REAP_SECONDS)
        if not ending or self.link.state is not ShardState.CLOSING:
            self.worker.kill()
        core.lose(self.link, why or ending or "its worker closed its pipe")
        self._backlog.clear()


def end_workers(workers: Iterable[Worker], descriptors: Iterable[int], seconds: float) -> None:
    """Close all pipes, and wait for the workers to end; end those that do not.

    A worker that has said goodbye, or sees its pipe end, needs no more than it takes to roll back.
    """
    for worker in workers:
        worker.close_pipes()
    for worker in workers:
        worker.stop(seconds)
    for descriptor in descriptors:
        os.close(descriptor)
