"""The asyncio face of a session whose server may go: its loop's timer looks for it."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from openpit.faces.aio.driver import AsyncDriver
from openpit.faces.returning import Returning

if TYPE_CHECKING:
    from openpit.faces.pipes import Port

__all__ = ["ReturningAsyncDriver"]


class ReturningAsyncDriver(Returning, AsyncDriver):
    """Runs calls on a server."""

    def _unwatch(self, port: Port) -> None:
        super()._unwatch(port)
        if self._is_away:
            now = monotonic()
            self._set_timer(self._attempts.due(now), now)
