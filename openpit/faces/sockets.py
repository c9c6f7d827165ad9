"""The connection to a server, which stands where an embedded engine has a port for each worker."""

from __future__ import annotations

import os
from time import monotonic
from typing import TYPE_CHECKING, Final

from openpit.faces.pipes import Port
from openpit.router.lifecycle import ShardState
from openpit.shards.descriptors import inode_of, is_still_socket
from openpit.shards.process import GONE
from openpit.wire.limits import READ_BYTES

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from openpit.client.remote import Remote
    from openpit.router.router import Router
    from openpit.router.shard_link import ShardLink

__all__ = ["ServerPort", "read_by"]


def read_by(connection: socket.socket, until: float) -> bytes:
    """Return what comes next, empty at the connection's end; ``until`` is of the monotonic clock.

    A deadline of the call, not of the read: who sends byte by byte does not move it.

    Raises:
        TimeoutError: nothing has come until then.
    """
    left = until - monotonic()
    if left <= 0:
        raise TimeoutError
    connection.settimeout(left)
    return connection.recv(READ_BYTES)


class ServerPort(Port):
    """A socket, of which every link of a session's router is a user.

    It has two descriptors, as the pipes of a worker: what polls for reading need not know of what
    polls for writing. The end of the connection is told by the socket itself.
    """

    __slots__ = ("remote",)

    def __init__(self, remote: Remote, reply_fd: int) -> None:
        self.remote: Final = remote
        self.death_fd = GONE
        os.set_blocking(reply_fd, False)
        self._open(os.dup(reply_fd), reply_fd, inode_of, is_still_socket)
        self.source = remote
        self.link = remote.router.links[0]  # type: ignore[misc]  # of all, any
        self._receive = self._take

    def _take(self, _: ShardLink, data: bytes) -> None:
        self.remote.receive(data)
        if self.remote.why:
            self.give_up(self.remote.router, self.remote.why)

    @property
    def links(self) -> Sequence[ShardLink]:
        """The links that write here."""
        return self.remote.router.links

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes from the server: not even of a shard that is down."""
        if self.remote.is_lost:
            return True
        links = self.links
        is_closed = links[0].state is ShardState.CLOSED  # the others are not looked at for nothing
        return is_closed and all(link.state is ShardState.CLOSED for link in links)

    def ended(self, router: Router) -> None:
        """Do nothing: no descriptor tells it."""

    def look_after(self, router: Router) -> None:
        """Do nothing: the connection's end is told."""

    def kill(self) -> None:
        """Do nothing: the workers are the server's."""

    def give_up(self, router: Router, why: str, *, returns: bool = False) -> None:
        """Record that nothing more comes from the server."""
        was_torn, router.books.is_torn = router.books.is_torn, True
        self.remote.lose(why or self.remote.why or "the server has gone")
        self._backlog.clear()
        router.books.is_torn = was_torn
