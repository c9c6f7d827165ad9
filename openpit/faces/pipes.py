"""The descriptors of one shard: whole frames out, whatever comes in, and the worker's end.

A port never blocks: what the pipe does not take now is kept, and the
face flushes it when the pipe is writable, reading replies meanwhile.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from openpit.errors import WireError
from openpit.router.lifecycle import ShardState
from openpit.shards.descriptors import REPLACED, is_still, mark_of
from openpit.shards.process import GONE
from openpit.wire.limits import READ_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.router.router import Router
    from openpit.router.shard_link import ShardLink
    from openpit.shards.process import Worker

__all__ = ["Port"]

_REAP_SECONDS: Final = 1.0
"""How long a worker whose pipe has ended may take to end itself, before it is made to."""


class Port:
    """A shard's link, its worker and the router's ends of its pipes."""

    __slots__ = (
        "_backlog",
        "_command_mark",
        "_is_left",
        "_is_still",
        "_receive",
        "_received",
        "_reply_mark",
        "command_fd",
        "death_fd",
        "link",
        "refusal",
        "replace",
        "reply_fd",
        "source",
        "worker",
    )

    looks: bool = True
    """Whether a number is looked at before each use, which a stranger's file may have by then."""

    def __init__(self, link: ShardLink, worker: Worker, router: Router) -> None:
        self.link: Final = link
        self.worker: Final = worker
        # Readable when the worker has ended, whoever else holds its pipes; GONE if there is none.
        self.death_fd = GONE if worker.death_fd is None else worker.death_fd
        self._open(worker.command_fd, worker.reply_fd, mark_of, is_still)
        self.source: Any = link  # of what is to be written: a link, Remote or Replacement
        # Begins to put another worker in the place of one that has ended; a text says why not.
        self.replace: Callable[[ShardLink, Worker, str], str] | None = None
        self.refusal = ""  # why a worker that has taken another's place cannot go on
        self._is_left = False  # its worker has ended, and another one takes its place
        self._receive: Callable[[Any, bytes], None] = router.receive

    def _open(
        self,
        command_fd: int,
        reply_fd: int,
        mark_of: Callable[[int], int],
        is_still: Callable[[int, int], bool],
    ) -> None:
        self.command_fd = command_fd
        self.reply_fd = reply_fd
        self._command_mark = mark_of(command_fd)
        self._reply_mark = mark_of(reply_fd)
        self._is_still = is_still
        self._backlog = bytearray()
        self._received = 0  # bytes

    @property
    def links(self) -> Sequence[ShardLink]:
        """The links that write here."""
        return (self.link,)

    @property
    def has_backlog(self) -> bool:
        """Whether bytes wait for the pipe to be writable."""
        return bool(self._backlog)

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes from this shard."""
        state = self.link.state
        return self._is_left or state is ShardState.DOWN or state is ShardState.CLOSED

    def send(self, router: Router) -> bool:
        """Write the frames that the link has ready, as far as the pipe takes them.

        False says that something follows from it: what is kept from here on, or the worker's end.
        """
        if self.looks and not self._is_still(self.command_fd, self._command_mark):
            self.give_up(router, REPLACED)
            return False
        router.books.is_torn = True
        data = self.source.take()
        is_plain = True
        if self._backlog:
            self._backlog += data
        else:
            try:
                written = os.write(self.command_fd, data)
            except BlockingIOError:
                written = 0
            except OSError:
                written = len(data)  # the worker has ended, which shows elsewhere, and how
            if written < len(data):
                self._backlog += data[written:]
                is_plain = False
        router.books.is_torn = False
        return is_plain

    def flush(self, router: Router) -> None:
        """Write what is kept, as far as the pipe takes it."""
        if self.looks and not self._is_still(self.command_fd, self._command_mark):
            self.give_up(router, REPLACED)
            return
        try:
            del self._backlog[: os.write(self.command_fd, self._backlog)]
        except BlockingIOError:
            return
        except OSError:
            self._backlog.clear()  # as above

    def receive(self, router: Router) -> None:
        """Read what is there; a worker that has ended, or sends no frames, is given up."""
        if not self.link.is_up and self.is_over:
            return
        if self.looks and not self._is_still(self.reply_fd, self._reply_mark):
            self.give_up(router, REPLACED)
            return
        router.books.is_torn = True
        try:
            data = os.read(self.reply_fd, READ_BYTES)
        except BlockingIOError:
            router.books.is_torn = False
            return
        except OSError:  # a socket whose other end has gone, with something unread
            data = b""
        if data:
            self._received += len(data)
            try:
                self._receive(self.link, data)
            except WireError as error:
                self.give_up(router, f"its worker sent what is no reply: {error}")
            trips = router.books.trips
            if trips is not None and trips.hears:
                trips.heard(self.links)
        else:
            self.give_up(router, "", returns=True)
        router.books.is_torn = False

    def drain(self, router: Router) -> None:
        """Read all that is there."""
        before = -1
        while not self.is_over and self._received != before:
            before = self._received
            self.receive(router)

    def ended(self, router: Router) -> None:
        """Read what a worker that has ended left behind, and give it up."""
        self.drain(router)
        if not self.is_over:
            self.give_up(router, "", returns=True)

    def look_after(self, router: Router) -> None:
        """Notice a worker's end where there is no descriptor that tells of it."""
        if self.death_fd == GONE and not self.is_over and self.worker.ending(0.0):
            self.ended(router)

    def kill(self) -> None:
        """End the worker at once."""
        self.worker.kill()

    def close(self) -> None:
        """Use no descriptor any more: whoever owns them closes them."""
        self.command_fd = self.reply_fd = self.death_fd = GONE
        self._backlog.clear()

    def give_up(self, router: Router, why: str, *, returns: bool = False) -> None:
        """Record that there will be no more replies; without a reason given, the worker has one.

        One that ``returns`` is replaced by another, if that may be. Nothing more is read from its
        pipes, nor written to them.
        """
        if self._is_left:
            return
        was_torn, router.books.is_torn = router.books.is_torn, True
        ending = self.worker.ending(0.0 if why else _REAP_SECONDS)
        if not ending or self.link.state is not ShardState.CLOSING:
            self.worker.kill()
            self.worker.ending(_REAP_SECONDS)
        why = self.refusal or why or ending or "its worker closed its pipe"
        if returns and not self.refusal and self.replace is not None:
            why = self.replace(self.link, self.worker, why)
            self._is_left = not why
        if self._is_left:
            self._is_still = _is_left
        else:
            router.lose(self.link, why)
        self._backlog.clear()
        router.books.is_torn = was_torn

    def end(self, router: Router, why: str) -> None:
        """Give the shard up for good, also while another worker is to take its place."""
        self._is_left = False
        self.give_up(router, why)


def _is_left(_fd: int, _mark: int) -> bool:
    """Tell that no number leads to a pipe any more of a worker that was left."""
    return False
