"""A worker's engine, made of what its first command holds: policies by dill, once.

Everything is pickled in one go, so that policies which share an object share its copy as well. A
market data service stays with the router; its place in the router's list stands for it, and becomes
the worker's replica.
"""

from __future__ import annotations

import sys
from io import BytesIO
from threading import RLock
from typing import TYPE_CHECKING, Any

from openpit.engine.builder import build_core
from openpit.errors import WireError
from openpit.marketdata.service import MarketDataService, new_replica
from openpit.shards.copying import PolicyUnpickler
from openpit.shards.shard import ShardClock, ShardCore
from openpit.slots import MAX_SHARDS, slot_of, spread_slots
from openpit.wire import kinds
from openpit.wire.classes import load, share

if TYPE_CHECKING:
    from openpit.pretrade.policy_contract import BuiltinPolicy
    from openpit.wire.frames import Frame, FrameReader

__all__ = ["first_command", "start_shard"]


class _Unpickler(PolicyUnpickler):
    """Reads policies, and gives them the worker's services."""

    def __init__(self, file: BytesIO, clock: ShardClock) -> None:
        super().__init__(file)
        self._clock = clock
        self.services: list[MarketDataService] = []

    def persistent_load(self, place: int) -> MarketDataService:
        """Return the replica of the service at a place of the router's list."""
        while len(self.services) <= place:
            self.services.append(new_replica((), self._clock))
        return self.services[place]


def first_command(frame: Frame) -> tuple[tuple[Any, ...], tuple[tuple[Any, ...], ...]]:
    """Return the command that a connection starts with, and those behind it in its frame.

    Raises:
        WireError: it is another command, or none.
    """
    first, commands = frame
    if first != 0 or not commands:
        raise WireError(f"a connection starts with command 0, not with {first}")
    hello, *others = commands
    _check_hello(hello)
    return hello, tuple(others)


def _check_hello(command: tuple[Any, ...]) -> None:
    if not kinds.conforms(command, kinds.COMMANDS) or command[0] != kinds.HELLO:
        raise WireError(f"a connection starts with HELLO, not with {command!r:.200}")
    _, account, _, number, shards, _ = command
    if account is not None or not 0 <= number < shards <= MAX_SHARDS:
        raise WireError(f"no shard {number} of {shards}")


def _policies(unpickler: PolicyUnpickler) -> list[BuiltinPolicy]:
    policies: list[BuiltinPolicy] = []
    for name in unpickler.load():
        try:
            policies += unpickler.load()
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            raise RuntimeError(f"the copy of policy {name} cannot be made: {why}") from error
    return policies


def start_shard(command: tuple[Any, ...], reader: FrameReader) -> tuple[ShardCore, tuple[int, ...]]:
    """Return the core of the shard that the first command of a connection describes.

    With it come the places of the offered classes that this process lacks, now that it has imported
    what the policies are made of.

    Raises:
        WireError: it is another command.
        Exception: whatever loading a policy raised.
    """
    _check_hello(command)
    _, _, now, number, shards, payload = command
    clock = ShardClock(now)
    unpickler = _Unpickler(BytesIO(payload), clock)
    told, offered = unpickler.load()
    load(told)
    for _ in ("code", "values"):
        # Where this process has imported no main module of the program's: what is used of it.
        sys.modules["__main__"].__dict__.update(unpickler.load())
    engine = build_core(_policies(unpickler), clock, RLock())
    owner = spread_slots(shards)
    engine.registry.owns = lambda account: owner[slot_of(account)] == number
    core = ShardCore(number, engine, clock, unpickler.services, reader)
    return core, tuple(share(offered))
