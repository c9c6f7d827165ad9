"""The state of a shard as plain values: what a snapshot holds, and a shard is brought up from.

A shard is a function of what it is told; told the rest from here on, one that was brought up from
its state gives the same answers as the one that it was taken of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgpack

from openpit.core.contexts import account_and_group, order_context_of
from openpit.engine.answers import Started
from openpit.engine.state import (
    NotExportable,
    export_effects,
    export_engine,
    restore_effects,
    restore_engine,
    without_state,
)
from openpit.marketdata.service import apply_operation, store_of
from openpit.pretrade.effects import Effects
from openpit.shards.left_open import order_of, packed_order
from openpit.shards.plain_holds import funded_order
from openpit.wire.frames import body_of, messages_of, pack
from openpit.wire.values import decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from openpit.core.order import Order
    from openpit.engine.pipeline import EngineCore
    from openpit.marketdata.service import MarketDataService
    from openpit.marketdata.store import Operation
    from openpit.pretrade.state_values import State
    from openpit.shards.held import OpenOne
    from openpit.shards.shard import ShardCore

__all__ = [
    "LAYOUT",
    "export_shard",
    "market_row",
    "operations_in",
    "reason_against",
    "restore_shard",
]

LAYOUT: Final = 2
"""Of the state, as docs/snapshots.md has it field by field: a reader reads exactly its own."""

_RESERVED: Final = 0
_STARTED: Final = 1


def reason_against(core: ShardCore) -> str:
    """Return why there can never be a snapshot of a shard; empty where there can be one."""
    for kind, names in (
        ("policies", without_state(core.engine)),
        ("actors", core.actors.without_state()),
    ):
        if names:
            return f"{kind} without export_state() and restore_state(): {', '.join(names)}"
    return ""


def export_shard(core: ShardCore) -> State:
    """Return all that a shard is by the batches that it has had.

    Raises:
        NotExportable: it has no such state now, or never; the text says why.
    """
    why = reason_against(core)
    if why:
        raise NotExportable(why)
    return (
        core.engine.clock(),
        export_engine(core.engine),
        core.counts.export(),
        core.armed.told,
        core.keyed.keys.export(),
        core.expiry.export(),
        [
            (client, [(handle, *_open_row(core, one)) for handle, one in its.items()])
            for client, its in core.held.items()
        ],
        core.held.handed_over,
        core.actors.export(),
        core.recent.export(),
        [_market_row(service) for service in core.services],
        core.tallies.export(),
    )


def restore_shard(core: ShardCore, state: State) -> None:
    """Take over what a shard of the same engine has exported; this one has been told nothing.

    Raises:
        JournalError: a custom policy or an actor does not take its state.
    """
    core.clock.now, engine, counts, core.armed.told, keys, expiry, clients, *rest = state
    handed_over, actors, recent, market, tallies = rest
    for service, row in zip(core.services, market, strict=True):
        apply_operation(service, _read_row(row))
    restore_engine(core.engine, engine)
    core.actors.restore(actors)
    core.recent.restore(recent)
    core.keyed.keys.restore(keys)
    core.expiry.restore(*expiry)
    core.counts.restore(counts)
    core.held.restore(handed_over)
    core.tallies.restore(tallies)
    for client, rows in clients:
        its = core.held.of(client)
        for handle, kind, row in rows:
            its[handle] = (
                _started_in(core.engine, row) if kind == _STARTED else _effects_in(core.engine, row)
            )


def _market_row(service: MarketDataService) -> bytes:
    """Return the change that makes a service what this one is, packed."""
    store = store_of(service)
    return market_row(store.changes, store.snapshot())


def market_row(changes: int, operations: Iterable[Operation]) -> bytes:
    """Return the change by which a service has had so many changes, and is what these make it."""
    row: bytes = msgpack.packb(encode(("restored", changes, tuple(operations)), bare=True))
    return row


def operations_in(row: bytes) -> tuple[int, Sequence[Operation]]:
    """Return what :func:`market_row` was given."""
    _, changes, operations = _read_row(row)
    return changes, operations


def _read_row(row: bytes) -> Operation:
    operation: Operation = decode(msgpack.unpackb(row, use_list=False))
    return operation


def _open_row(core: ShardCore, one: OpenOne) -> tuple[int, State]:
    engine = core.engine
    if type(one) is tuple:
        effects = core.plain.effects_of(one)
        if core.keeps:
            effects.origin = funded_order(one), one
        return _RESERVED, (export_effects(engine, effects), _origin_row(effects))
    if isinstance(one, Effects):
        return _RESERVED, (export_effects(engine, one), _origin_row(one))
    assert isinstance(one, Started)  # noqa: S101 - what is open is one of three
    try:
        order = encode(one.order)
    except (TypeError, ValueError) as error:
        raise NotExportable(f"a request is open whose order cannot travel: {error}") from error
    return _STARTED, (order, None if one.call is None else account_and_group(one.call))


def _origin_row(effects: Effects) -> State:
    """Return what was asked for and answered, packed; None where nobody is told that again."""
    origin = getattr(effects, "origin", None)
    if origin is None:
        return None
    order = order_of(origin[0])
    return packed_order(order, pack((encode(order, bare=True),))), pack(origin[1])


def _effects_in(engine: EngineCore, row: State) -> Effects:
    own, origin = row
    effects = restore_effects(engine, own)
    if origin is not None:
        order, reply = ((*messages_of(body_of([packed], 1)),)[0] for packed in origin)
        effects.origin = decode(order[0]), reply
    return effects


def _started_in(engine: EngineCore, row: State) -> Started:
    packed, seen = row
    order: Order = decode(packed)
    call = None if seen is None else order_context_of(engine.registry, *seen)
    return engine.finisher.waiting(Started(order, call))
