"""The state of a shard, carried over to an engine that is made otherwise.

What both engines have goes on; what the old one alone had is left; what is new begins as it was
made. Nothing is changed in place, and nothing is read but what is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgpack

from openpit.pretrade.policies.rate_limit_settings import RateLimitSettings
from openpit.shards.shard_state import market_row, operations_in
from openpit.wire import kinds
from openpit.wire.axes import BROKER
from openpit.wire.frames import body_of, messages_of
from openpit.wire.values import decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from openpit.pretrade.state_values import State
    from openpit.shards.shard import ShardCore
    from openpit.shards.snapshots import Standing
    from openpit.wire.recovered import CountedWindow

__all__ = ["Carried", "Turn", "blank_state", "carry", "settings_in"]

_RATES: Final = "RateLimitPolicy"
_SIZES: Final = "OrderSizeLimitPolicy"

_STARTED: Final = 1
"""Of a row of what is open, that it is a request; see :mod:`openpit.shards.shard_state`."""

Numbering = tuple[int, "tuple[str, ...]"]
"""The version of the settings, and the assets by the numbers of their axes."""


class Turn(NamedTuple):
    """From which engine to which a state is carried."""

    names: Sequence[str]
    """Of the new engine's policies, in order."""
    before: Mapping[str, State]
    """What each built-in policy of the old engine exported before it was told anything."""
    after: Mapping[str, State]
    """The same of the new one's."""
    changed: frozenset[str]
    """The built-in policies that are made otherwise than they were."""
    has_custom: bool
    """Whether the new engine has a policy of its program's own."""
    actors: frozenset[str]
    """The names of the new engine's."""
    had_ttl: bool
    """Whether the old engine's reservations expired."""
    has_ttl: bool
    """Whether the new one's do."""
    markets: Sequence[bytes]
    """Of each service of market data that the new engine reads, what it is before it is told
    anything, as :func:`openpit.shards.shard_state.market_row` has it."""
    time: int
    """Of the change, by the engine's clock, in nanoseconds."""


class Carried(NamedTuple):
    """What there is of a shard for the new engine."""

    standing: Standing
    state: State
    lost: int
    """How many reservations and drop copies have lost what a policy that is gone had set aside."""
    numbering: Numbering


def settings_in(packed: bytes) -> dict[str, State]:
    """Return the built-in policies' states of :class:`openpit.shards.fingerprints.Made`."""
    return dict(msgpack.unpackb(packed, use_list=False, strict_map_key=False))


def carry(standing: Standing, state: State, turn: Turn) -> Carried:
    """Return what a shard of the new engine begins with, of what one of the old has exported."""
    now, (registry, policies), counts, told, keys, expiry, clients, handed_over, *rest = state
    actors, recent, markets, tallies = rest
    had = dict(policies)
    groups = dict(registry[2])
    opened, known = expiry
    kept, lost = _open_in(clients, turn, groups)
    handles = {handle for _, rows in kept for handle, *_ in rows}
    version, assets, supplied, used = counts
    has = [*_policies_of(had, turn)]
    rates = _rates_in(dict(has))
    assets = tuple(dict.fromkeys((*assets, *(() if rates is None else rates.assets))))
    numbering = version + 1, assets
    if not turn.has_ttl:
        opened = ()
    elif not turn.had_ttl:
        opened = [(handle, turn.time) for handle in sorted(_expiring(kept))]
    carried = (
        now,
        (registry, has),
        (*numbering, supplied, used),
        told,
        keys,
        ([(handle, since) for handle, since in opened if handle in handles], known),
        kept,
        [handle for handle in handed_over if handle in handles],
        [(name, its) for name, its in actors if name in turn.actors],
        recent,
        [*_markets_of(markets, turn)],
        tallies,
    )
    windows = tuple(_windows(standing.windows, _rates_in(had), rates, assets, turn.time))
    standing = standing._replace(windows=windows, last=turn.time)
    return Carried(standing, carried, lost, numbering)


def blank_state(core: ShardCore, numbering: Numbering | None, turn: Turn) -> State:
    """Return the state of a new shard that was told nothing, its axes numbered as others are."""
    policies = [(name, turn.after[name]) for name in turn.names if name in turn.after]
    counts = core.counts.export()
    if numbering is not None:
        counts = (*numbering, *counts[2:])
    registry = core.engine.registry.export()
    empty = (), ((), ()), (), (), ()  # no key, nothing expires or is open, no actor has been told
    remembered = core.recent.export()
    return (
        core.clock.now, (registry, policies), counts, core.armed.told,
        *empty, remembered, turn.markets, core.tallies.export(),
    )  # fmt: skip


# --- policies -------------------------------------------------------------------------------------


def _policies_of(had: Mapping[str, State], turn: Turn) -> Iterator[tuple[str, State]]:
    """Yield the states of the new engine's policies. New custom ones have none."""
    for name in turn.names:
        if name in had:
            yield name, _merged(name, had[name], turn)
        elif name in turn.after:
            yield name, turn.after[name]


def _merged(name: str, current: State, turn: Turn) -> State:
    """Return a policy's state with the settings that it is to have from now on."""
    if name not in turn.changed or name not in turn.after or current is None:
        return current
    before, after = turn.before.get(name), turn.after[name]
    if name == _SIZES:
        return _settings(current, before, after)
    settings, *rest = current
    return (_settings(settings, before and before[0], after[0]), *rest)


def _settings(current: State, before: State, after: State) -> State:
    """Return the new settings, with those parts of the current ones that are built as they were.

    So what was changed at run time stays, where the builder does not say otherwise than before. No
    such mixture takes away the last of what the new settings have.
    """
    if before is None:
        return after
    merged = tuple(
        now if new == old else new for now, old, new in zip(current, before, after, strict=True)
    )
    return merged if any(merged) or not any(after) else after


def _markets_of(markets: Sequence[bytes], turn: Turn) -> Iterator[bytes]:
    """Yield the market data of the new engine: what the old one's service had, or none."""
    for place, new in enumerate(turn.markets):
        if place >= len(markets):
            yield new
            continue
        changes, operations = operations_in(markets[place])
        _, (default_ttl, *_) = operations_in(new)
        yield market_row(changes, (default_ttl, *operations[1:]))


# --- broad rates ----------------------------------------------------------------------------------


def _rates_in(states: Mapping[str, State]) -> RateLimitSettings | None:
    state = states.get(_RATES)
    return None if state is None else RateLimitSettings.restored(state[0])


def _axes_in(rates: RateLimitSettings | None, assets: Sequence[str]) -> set[int]:
    if rates is None:
        return set()
    found = {number for number, asset in enumerate(assets, 1) if asset in rates.assets}
    return found if rates.broker is None else {BROKER, *found}


def _windows(
    rows: Iterable[CountedWindow],
    before: RateLimitSettings | None,
    after: RateLimitSettings | None,
    assets: Sequence[str],
    now: int,
) -> Iterator[CountedWindow]:
    """Yield the windows: rates that stay go on in theirs, that of a new one begins now."""
    had, has = _axes_in(before, assets), _axes_in(after, assets)
    yield from (row for row in rows if row[0] in had & has)
    yield from ((number, now, 0, now, now) for number in sorted(has - had))


# --- what is open ---------------------------------------------------------------------------------


def _open_in(
    clients: Sequence[Any], turn: Turn, groups: Mapping[int, int]
) -> tuple[list[tuple[int, list[Any]]], int]:
    """Return what each client has open, and how many have lost a part of what they hold."""
    names = frozenset(turn.names)
    kept = []
    lost = 0
    for client, rows in clients:
        its = []
        for handle, kind, row in rows:
            if kind == _STARTED:
                its.append((handle, kind, _request(row, turn, groups)))
                continue
            (counted, mutations), origin = row
            left = [one for one in mutations if one[0] in names]
            lost += len(left) < len(mutations)
            if left or not mutations or turn.has_ttl:
                its.append((handle, kind, ((counted, left), origin)))
        kept.append((client, its))
    return kept, lost


def _request(row: State, turn: Turn, groups: Mapping[int, int]) -> State:
    """Return a request that the new engine can go on with: its own policies ask for the account."""
    order, seen = row
    if seen is None and turn.has_custom:
        account = decode(order)._account_
        seen = account, None if account is None else groups.get(account)
    return order, seen


def _expiring(kept: Iterable[tuple[int, Sequence[Any]]]) -> Iterator[int]:
    """Yield the handles of reservations and requests: a drop copy stays open."""
    for _, rows in kept:
        for handle, kind, row in rows:
            if kind == _STARTED or not _is_drop_copy(row):
                yield handle


def _is_drop_copy(row: State) -> bool:
    _, origin = row
    if origin is None:
        return False
    (reply,) = messages_of(body_of([origin[1]], 1))
    return bool(reply[0] == kinds.RECORDED)
