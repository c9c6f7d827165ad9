"""The face of a server's own engine: the router that its sessions share, on one event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.faces.aio.driver import AsyncDriver
from openpit.faces.market_feeds import FirstFeed
from openpit.faces.pipes import Port

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.server.switch import Switch

__all__ = ["ServerDriver"]


class _OwnPort(Port):
    """A port in a process that runs nothing but the server: nobody else opens or closes files."""

    __slots__ = ()

    looks = False


class ServerDriver(AsyncDriver):
    """An asyncio face that lets the sessions have their turn after each of its own."""

    switch: Switch | None = None
    turn: Callable[[], None]
    say: Callable[[], None]
    feed = FirstFeed
    port = _OwnPort

    def host(self, switch: Switch, turn: Callable[[], None], say: Callable[[], None]) -> None:
        """Tell a switch of the shards; call for its turn, or for what it has to say to be sent."""
        self.switch = switch
        self.turn = turn
        self.say = say

    def _is_kept(self, client: int) -> bool:
        return self._grace > 0 and self.journal is not None and client in self.journal.names

    def end_client(self, number: int) -> None:
        """Roll back what a session has left open that does not come back."""
        if not self.router.books.is_closed:
            self.router.end_client(number, self.clock())
            self._flush()

    def serve(self) -> None:
        """Pass on what the sessions have sent, as far as there is credit."""
        if self.switch is None or self.router.books.is_closed:
            return
        if self.router.books.is_torn:
            self._mend()
        if self.switch.serve(self.clock()) and self._send():
            self._expect()
        if self.switch.changes.owed:
            for link, why in self.switch.changes.behind():
                self._give_up(self._port_of(link), why)

    def _watch(self, port: Port) -> None:
        super()._watch(port)
        # Not by way of a weak reference: a server's engine ends with its loop.
        self._loop.add_reader(port.reply_fd, self._arrived, port)

    def _arrived(self, port: Port) -> None:
        """Read the replies of a shard, and pass them on at once where nothing follows from them."""
        books = self.router.books
        if books.is_torn:
            self._mend()
        port.receive(self.router)
        self._heed_expiry()
        if (
            port.link.is_up
            and self.switch is not None
            and not (self.switch.is_waiting or books.news or books.woken or books.dropped)
            and not self._has_output()
        ):
            self.say()
        else:
            self._after(port)

    def _has_output(self) -> bool:
        for port in self._ports:  # noqa: SIM110 - any() takes two calls more a link
            if port.source.has_output:  # of a link, or of what a worker lacks that took its place
                return True
        return False

    def _after(self, port: Port) -> None:
        super()._after(port)
        if self.switch is not None:
            self.turn()

    def _tell(self) -> None:
        if self.switch is not None and self.router.books.news:
            for event, link, *_ in self.router.books.news:
                self.switch.tell(event, link)
            self.turn()
        super()._tell()
