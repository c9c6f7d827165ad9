"""The face of a server's own engine: the router that its sessions share, on one event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.faces.aio.driver import AsyncDriver
from openpit.faces.market_feeds import FirstFeed

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.faces.pipes import Port
    from openpit.server.switch import Switch

__all__ = ["ServerDriver"]


class ServerDriver(AsyncDriver):
    """An asyncio face that lets the sessions have their turn after each of its own."""

    switch: Switch | None = None
    turn: Callable[[], None]
    feed = FirstFeed

    def host(self, switch: Switch, turn: Callable[[], None]) -> None:
        """Tell a switch of the shards, and call for its turn when replies have come."""
        self.switch = switch
        self.turn = turn

    def serve(self) -> None:
        """Pass on what the sessions have sent, as far as there is credit."""
        if self.switch is None or self.router.books.is_closed:
            return
        self._mend()
        if self.switch.serve(self.clock()):
            self._flush()
        for link, why in self.switch.changes.behind():
            self._give_up(self._port_of(link), why)

    def _after(self, port: Port) -> None:
        super()._after(port)
        if self.switch is not None:
            self.turn()

    def _tell(self) -> None:
        if self.switch is not None and self.router.books.news:
            for event, link in self.router.books.news:
                self.switch.tell(event, link)
            self.turn()
        super()._tell()
