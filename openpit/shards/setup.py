"""A worker's engine on its way there: policies by dill, once, when it starts.

Everything is pickled in one go, so that policies which share an object share its copy as well. A
market data service stays with the router; its place in the router's list stands for it, and becomes
the worker's replica.
"""

from __future__ import annotations

from io import BytesIO
from threading import RLock
from typing import TYPE_CHECKING, Any

import dill

from openpit.engine.builder import build_core
from openpit.errors import WireError
from openpit.marketdata.service import MarketDataService
from openpit.shards.core import ShardClock, ShardCore
from openpit.shards.slots import slot_of, spread_slots
from openpit.wire import kinds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.pretrade.runtime import BuiltinPolicy
    from openpit.wire.frames import FrameReader

__all__ = ["dump_policies", "start_shard"]


class _Pickler(dill.Pickler):  # type: ignore[misc]  # dill ships no types
    """Writes policies, and collects the services that they read."""

    def __init__(self, file: BytesIO, services: list[MarketDataService]) -> None:
        super().__init__(file, recurse=True)
        self._services = services

    def persistent_id(self, value: object) -> int | None:
        """Return a service's place in the list; None for anything that is pickled."""
        if not isinstance(value, MarketDataService):
            return None
        for place, service in enumerate(self._services):
            if service is value:
                return place
        self._services.append(value)
        return len(self._services) - 1


class _Unpickler(dill.Unpickler):  # type: ignore[misc]  # dill ships no types
    """Reads policies, and gives them the worker's services."""

    def __init__(self, file: BytesIO, clock: ShardClock) -> None:
        super().__init__(file)
        self._clock = clock
        self.services: list[MarketDataService] = []

    def persistent_load(self, place: int) -> MarketDataService:
        """Return the replica of the service at a place of the router's list."""
        while len(self.services) <= place:
            self.services.append(MarketDataService._replica((), self._clock))
        return self.services[place]


def dump_policies(policies: Sequence[BuiltinPolicy]) -> tuple[bytes, list[MarketDataService]]:
    """Return policies that no engine has bound yet, pickled, and the services that they read."""
    file = BytesIO()
    services: list[MarketDataService] = []
    _Pickler(file, services).dump(list(policies))
    return file.getvalue(), services


def start_shard(command: tuple[Any, ...], reader: FrameReader) -> ShardCore:
    """Return the core of the shard that the first command of a connection describes.

    Raises:
        WireError: it is another command.
        Exception: whatever loading a policy raised.
    """
    if command[0] != kinds.HELLO or len(command) != len(kinds.COMMANDS[kinds.HELLO].fields) + 1:
        raise WireError(f"a connection starts with HELLO, not with {command!r:.200}")
    _, _, now, number, shards, payload = command
    clock = ShardClock(now)
    unpickler = _Unpickler(BytesIO(payload), clock)
    engine = build_core(unpickler.load(), clock, RLock())
    owner = spread_slots(shards)
    engine.registry.owns = lambda account: owner[slot_of(account)] == number
    return ShardCore(number, engine, clock, unpickler.services, reader)
