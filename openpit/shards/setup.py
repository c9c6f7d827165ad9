"""A worker's engine, made of what its first command holds: policies by dill, once.

Everything is pickled in one go, so that policies which share an object share its copy as well. A
market data service stays with the router; its place in the router's list stands for it, and becomes
the worker's replica.
"""

from __future__ import annotations

import sys
from importlib import import_module
from io import BytesIO
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from msgspec.msgpack import Decoder

from openpit.engine.builder import build_core
from openpit.errors import WireError
from openpit.marketdata.service import MarketDataService, new_replica
from openpit.shards.clock import ShardClock
from openpit.shards.copying import PolicyUnpickler
from openpit.shards.counts import begin_counting
from openpit.shards.shard import ShardCore
from openpit.slots import MAX_SHARDS, slot_of, spread_slots
from openpit.wire import kinds
from openpit.wire.classes import Name, load, share
from openpit.wire.frames import EPOCH_COMMANDS, command_in, head_of, messages_of, whose
from openpit.wire.shard_limits import ShardLimits

if TYPE_CHECKING:
    from openpit.pretrade.policy_contract import BuiltinPolicy
    from openpit.shards.shard_journal import ShardJournal
    from openpit.wire.frames import Frame, FrameReader

__all__ = ["Hello", "read_hello", "start_shard"]

_NAMES: Final = Decoder(tuple[list[Name], tuple[Name, ...]])
"""Reads which classes of objects a worker is told of, and which of values it is offered."""


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


class Hello(NamedTuple):
    """What a connection starts with: which shard this is, of how many, when, and its engine."""

    number: int
    epoch: int
    first: int  # number of the command that comes next, unless the journal has had it
    shards: int
    limits: ShardLimits
    now: int
    payload: bytes


def read_hello(frame: Frame) -> Hello:
    """Return what the first batch of a connection says.

    Raises:
        WireError: it is another batch.
    """
    head = head_of(frame)
    is_first = head.first // EPOCH_COMMANDS == head.epoch and head.commands == 1
    if not is_first or head.op or head.flags or head.client:
        raise WireError(f"a connection starts with a batch of one command, not with {head}")
    *_, body = command_in(frame, whose(head.shard, head.epoch))
    messages = messages_of(body)
    hello = messages[0]
    if len(messages) != 1 or not kinds.conforms(hello, kinds.COMMANDS) or hello[0] != kinds.HELLO:
        raise WireError(f"a connection starts with HELLO, not with {messages!r:.200}")
    _, shards, limits, payload = cast("tuple[Any, ...]", hello)
    if not head.shard < shards <= MAX_SHARDS:
        raise WireError(f"no shard {head.shard} of {shards}")
    first = head.first + 1
    return Hello(head.shard, head.epoch, first, shards, ShardLimits(*limits), head.time, payload)


def _policies(unpickler: PolicyUnpickler) -> list[BuiltinPolicy]:
    policies: list[BuiltinPolicy] = []
    for name in unpickler.load():
        try:
            policies += unpickler.load()
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            raise RuntimeError(f"the copy of policy {name} cannot be made: {why}") from error
    return policies


def _start_actors(unpickler: PolicyUnpickler, core: ShardCore) -> None:
    """Make the actors of which the rest of a first command tells; see dump_policies()."""
    names = unpickler.load()
    if not names:
        return
    module, _, maker = unpickler.load().partition(":")
    make_engine = getattr(import_module(module), maker)
    factories: list[tuple[str, Any]] = []
    for name in names:
        try:
            factories.append((name, *unpickler.load()))
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            raise RuntimeError(f"the copy of actor {name} cannot be made: {why}") from error
    core.actors.start(core.number, factories, make_engine)


def start_shard(
    hello: Hello, reader: FrameReader, journal: ShardJournal | None = None
) -> tuple[ShardCore, tuple[Any, ...]]:
    """Return the core of the shard that the first command of a connection describes, and the reply.

    It has replayed its journal, if it has one; without, it can only begin.

    That has the places of the offered classes that this process lacks, now that it has imported
    what the policies are made of, and the axes to count on.

    Raises:
        WireError: it is to go on, and has nothing to go on from.
        Exception: whatever loading a policy raised.
    """
    number, epoch, first, shards, limits, now, payload = hello
    if journal is None and first != epoch * EPOCH_COMMANDS + 1:
        raise WireError(f"a shard without a journal begins with command 1, not with {first}")
    if journal is not None:
        now = journal.place.started
    clock = ShardClock(now)
    unpickler = _Unpickler(BytesIO(payload), clock)
    told, offered = _NAMES.decode(unpickler.load())
    load(told)
    for _ in ("code", "values"):
        # Where this process has imported no main module of the program's: what is used of it.
        sys.modules["__main__"].__dict__.update(unpickler.load())
    policies = _policies(unpickler)
    if journal is not None:
        begin_counting(policies, journal.place.began)
    engine = build_core(policies, clock, RLock())
    owner = spread_slots(shards)
    engine.registry.owns = lambda account: owner[slot_of(account)] == number
    core = ShardCore(number, engine, clock, unpickler.services, reader, epoch, limits)
    if journal is not None:
        core.actors.new_scope = journal.new_scope
    _start_actors(unpickler, core)
    if journal is None:
        return core, (kinds.READY, tuple(share(offered)), *core.axes)
    core.keeps = True
    recovered = journal.recover(core, epoch, first)
    return core, (kinds.RECOVERED, tuple(share(offered)), *core.axes, *recovered)
