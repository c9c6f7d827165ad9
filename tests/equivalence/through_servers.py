"""Scenarios through servers: real workers, real sockets, a server for each engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from served import Served
from sides import Difference, Pair

import openpit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sides import Scenario

    from openpit.faces.embedded import ReadyShardedEngineBuilder

__all__ = ["ConnectedPair"]


class ConnectedPair(Pair):
    """Runs scenarios on one engine and on clients of servers, which end with each scenario."""

    def __init__(self, shards: Sequence[int]) -> None:
        super().__init__(shards, self._connected)
        self._servers: list[Served] = []

    def _connected(self, builder: ReadyShardedEngineBuilder) -> Any:
        served = Served(builder)
        self._servers.append(served)
        return openpit.connect(served.path, clock=served.clock, timeout=60.0)

    def difference(self, scenario: Scenario) -> Difference | None:
        """Return the first step that a client's engine answers differently, None if all agree."""
        try:
            return super().difference(scenario)
        finally:
            servers, self._servers = self._servers, []
            for served in servers:
                served.stop()
