"""A journal carried over to an engine that is made otherwise, before a worker is started.

Each shard is brought up as it stood, in this process where its log has more than its last snapshot;
its state is carried over, and tried on a shard of the new engine. Only then is anything written
that holds, and all of it at once: see :mod:`openpit.journal.migration`.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from time import time_ns
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgpack

from openpit.client.recovery import left_out
from openpit.engine.custom import CustomPolicy
from openpit.engine.state import NotExportable
from openpit.errors import JournalDamaged, JournalError, WireError
from openpit.faces.old_journal import packed_settings, unpacked_settings
from openpit.journal.files import DISK
from openpit.journal.layout import LOCK_NAME, log_folder, shard_log
from openpit.journal.locks import FileLock
from openpit.journal.migration import Migration, commit, put_aside
from openpit.journal.reading import LogReader
from openpit.journal.snapshots import drop_unfinished, snapshots_of
from openpit.marketdata.service import store_of
from openpit.pretrade.policies.built_alike import built_alike
from openpit.shards.carrying import Turn, blank_state, carry, settings_in
from openpit.shards.copying import dump_policies
from openpit.shards.past import PastShard, make_shard
from openpit.shards.shard_journal import LOCK_SECONDS, JournalPlace
from openpit.shards.shard_state import LAYOUT, export_shard, market_row, restore_shard
from openpit.shards.snapshots import Standing, packed_state_of, standing_in
from openpit.wire.axes import NO_AXES
from openpit.wire.recovered import Recovered
from openpit.wire.shard_limits import ShardLimits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from openpit.faces.old_journal import OldJournal
    from openpit.marketdata.service import MarketDataService
    from openpit.pretrade.policy_contract import BuiltinPolicy
    from openpit.pretrade.state_values import State
    from openpit.shards.fingerprints import Made
    from openpit.shards.shard import ShardCore

__all__ = ["Migrating", "NewEngine"]

RATES: Final = "RateLimitPolicy"
FUNDS: Final = "SpotFundsPolicy"

_REMEDY: Final = "build the engine once as it was, and close it"


class NewEngine(NamedTuple):
    """What an engine is that is about to be started."""

    made: Made
    policies: Sequence[BuiltinPolicy]
    actors: Mapping[str, Any]
    """Their factories, by their names."""
    limits: ShardLimits
    payload: bytes
    """What its workers are sent."""
    services: Sequence[MarketDataService]
    """Of market data, in the order of ``made.markets``."""
    make_engine: str
    """Makes the engine of an actor: see :func:`openpit.shards.copying.dump_policies`."""


class _Found(NamedTuple):
    """What there is of one shard."""

    standing: Standing
    state: State
    """None: it was told nothing, and has no snapshot."""


class Migrating:
    """Carries journals over to an engine."""

    def __init__(self, new: NewEngine) -> None:
        self._new: Final = new
        self._made: Final = new.made
        self._policies: Final = new.policies
        self._actors: Final = new.actors

    def migrate(self, old: OldJournal, differences: Sequence[str]) -> None:
        """Have a journal be the new engine's, as soon as somebody puts it in place.

        Raises:
            JournalError: something cannot be carried over; the text says what. Nothing is changed.
            JournalDamaged, ReplayDiverged: as at a start.
            JournalInUse: a worker of before is at work still.
            OSError: something could not be read, or written. Nothing is changed.
        """
        self._refuse(old)
        shards = range(self._made.shards)
        with ExitStack() as locks:
            for number in shards:
                folder = log_folder(old.directory, shard_log(number))
                DISK.make_folder(folder)
                locks.callback(FileLock(folder / LOCK_NAME, LOCK_SECONDS).release)
                drop_unfinished(DISK, folder)
            found = [self._found(old, number) for number in shards]
            _refuse_half_done(old, found)
            self._write(old, found, differences)

    # --- what cannot be carried over -------------------------------------------------------------

    def _refuse(self, old: OldJournal) -> None:
        if old.header["shards"] != self._made.shards:
            raise _cannot(old, f"shards: it has {old.header['shards']}, not {self._made.shards}")
        had, has = ([*map(tuple, its)] for its in (old.markets, self._made.markets))
        if had and has and had != has and (len(had), len(has)) != (1, 1):
            why = "which of its services of market data is which, is not known: they are read by"
            raise _cannot(old, f"{why} {_readers(had)} there, and by {_readers(has)} here")
        for name, attributes in old.header["policies"]:
            now = next((one for one in self._policies if one.name == name), None)
            if now is None:
                continue
            was_builtin = built_alike(attributes["class"]) is not None
            if was_builtin is isinstance(now, CustomPolicy):
                why = f"policy {name} is {'one of' if was_builtin else 'none of'} the built-in ones"
                raise _cannot(old, f"{why} there, and {'none' if was_builtin else 'one'} here")

    def _found(self, old: OldJournal, number: int) -> _Found:
        """Return what a shard is: by its last snapshot, or by what its log has behind that."""
        folder = log_folder(old.directory, shard_log(number))
        floor = old.floors[number] if old.floors else 0
        standing, state = Standing(), None
        for file in reversed(snapshots_of(DISK, folder)):
            if file.number < floor:
                break
            try:
                standing, packed = standing_in(file)
            except JournalDamaged as error:
                _say(f"shard {number}: a snapshot is not used: {error}")
                continue
            state = msgpack.unpackb(packed, use_list=False, strict_map_key=False)
            break
        reader = LogReader(DISK, folder, standing.number)
        if not any(True for _ in reader):
            if old.floors and not standing.is_taken:
                raise _cannot(old, f"shard {number} has no whole snapshot of the last migration")
            return _Found(standing, state)
        _sync(folder, number, standing.number)
        return self._told_again(old, number)

    def _told_again(self, old: OldJournal, number: int) -> _Found:
        """Bring up a shard of the old engine, and tell it what its log has."""
        place = JournalPlace(
            str(old.directory), "process", 0, {}, old.started, old.began, floors=old.floors
        )
        shard = PastShard(place, number)
        payload = self._old_payload(old, number)
        limits = ShardLimits(**old.header["limits"])
        make_shard(number, self._made.shards, limits, payload, shard)
        try:
            shard.begin()
            for _ in shard.tell():
                pass
            packed = msgpack.packb(export_shard(shard.core))
        except NotExportable as error:
            raise _cannot(old, f"shard {number}: {error}") from error
        except WireError as error:
            raise _cannot(old, f"shard {number}: its log cannot be told again: {error}") from error
        finally:
            shard.core.actors.close()
        state = msgpack.unpackb(packed, use_list=False, strict_map_key=False)
        return _Found(shard.standing(), state)

    def _old_payload(self, old: OldJournal, number: int) -> bytes:
        """Return the old engine's policies, as a worker is sent them.

        Raises:
            JournalError: one of them is not there any more, or not as it was.
        """
        needs = (
            f"shard {number} has more in its log than in its last snapshot, and to tell it again"
        )
        for name in ("openpit", "wire"):
            if old.header[name] != old.new_header[name]:
                raise _cannot(old, f"{needs} takes {name} {old.header[name]}; {_REMEDY}")
        if len(self._new.services) < len(old.markets):
            raise _cannot(old, f"{needs} takes market data that nobody reads here; {_REMEDY}")
        if old.settings is None:
            raise _cannot(old, f"{needs} takes settings that the journal does not have; {_REMEDY}")
        before = unpacked_settings(old.settings)
        own = {one.name: one for one in self._policies if isinstance(one, CustomPolicy)}
        alike = dict(self._made.policies)
        policies: list[BuiltinPolicy] = []
        for name, attributes in old.header["policies"]:
            group_id = int(attributes.get("group_id", 0))
            service = self._service_of(name, old)
            policy = built_alike(attributes["class"], group_id, service)
            if policy is not None:
                policy.restore_state(before[name])
            elif name in own and alike[name] == attributes:
                policy = own[name]
            else:
                raise _cannot(old, f"{needs} takes policy {name} as it was; {_REMEDY}")
            policies.append(policy)
        actors = dict(self._made.actors)
        for name, attributes in old.header.get("actors", ()):
            if actors.get(name) != attributes:
                raise _cannot(old, f"{needs} takes actor {name} as it was; {_REMEDY}")
        named = [(name, self._actors[name]) for name, _ in old.header.get("actors", ())]
        payload, *_ = dump_policies(policies, named, self._new.make_engine)
        return payload

    def _service_of(self, policy: str, old: OldJournal) -> MarketDataService | None:
        """Return the service that stands for the one that a policy read, if it read one."""
        places = (place for place, readers in enumerate(old.markets) if policy in readers)
        place = next(places, None)
        return None if place is None else self._new.services[place]

    # --- what is carried over --------------------------------------------------------------------

    def _turn(self, old: OldJournal, found: Sequence[_Found]) -> Turn:
        was, now = dict(old.header["policies"]), dict(self._made.policies)
        return Turn(
            [one.name for one in self._policies],
            unpacked_settings(old.settings),
            settings_in(self._made.settings),
            frozenset(name for name in now if name in was and now[name] != was[name]),
            any(isinstance(one, CustomPolicy) for one in self._policies),
            frozenset(self._actors),
            bool(old.header["limits"].get("reservation_ttl")),
            bool(self._new.limits.reservation_ttl),
            [
                market_row(0, [("default_ttl", store_of(service).default_ttl)])
                for service in self._new.services
            ],
            max(old.now, *(one.standing.last for one in found)),
        )

    def _write(self, old: OldJournal, found: Sequence[_Found], differences: Sequence[str]) -> None:
        turn = self._turn(old, found)
        carried = [
            None if one.state is None else carry(one.standing, one.state, turn) for one in found
        ]
        numbering = next((one.numbering for one in carried if one is not None), None)
        for number, (one, its) in enumerate(zip(found, carried, strict=True)):
            core = self._new_core(old, number, turn)
            try:
                state = blank_state(core, numbering, turn) if its is None else its.state
                _try_on(old, core, state)
            finally:
                core.actors.close()
            standing = one.standing if its is None else its.standing
            fields = {**old.new_header, "layout": LAYOUT, "wall": time_ns()}
            folder = log_folder(old.directory, shard_log(number))
            put_aside(DISK, folder, standing.number, fields, packed_state_of(standing, state))
        lost = sum(one.lost for one in carried if one is not None)
        said = [*differences, *([f"{lost} open reservations have lost a part"] if lost else [])]
        commit(DISK, old.directory, self._migration(old, found, turn, said))
        for text in said:
            _say(f"{old.directory} is carried over: {text}")

    def _began(self, old: OldJournal, turn: Turn) -> int | None:
        """Return the time from which the new engine's broad rates count."""
        is_new = old.began is None or not any(name == RATES for name, _ in old.header["policies"])
        return turn.time if is_new and RATES in turn.after else old.began

    def _new_core(self, old: OldJournal, number: int, turn: Turn) -> ShardCore:
        place = JournalPlace(
            str(old.directory), "process", 0, {}, old.started, self._began(old, turn)
        )
        shard = PastShard(place, number)
        make_shard(number, self._made.shards, self._new.limits, self._new.payload, shard)
        return shard.core

    def _migration(
        self, old: OldJournal, found: Sequence[_Found], turn: Turn, said: Sequence[str]
    ) -> Migration:
        was = {name for name, _ in old.header["policies"]}
        migrated = {
            "time": turn.time,
            "wall": time_ns(),
            "said": said,
            "floors": [one.standing.number for one in found],
            "began": self._began(old, turn),
            "has_new_funds": FUNDS in turn.after and FUNDS not in was,
        }
        settings = packed_settings(self._made.settings)
        return Migration(old.new_header, {"migrated": migrated, "settings": settings}, old.next)


def _sync(folder: Path, number: int, after: int) -> None:
    """Have what a log has behind a record on the disk: what it is told for is about to be.

    Whoever has written it may have ended in the midst of it.
    """
    reader = LogReader(DISK, folder, after)
    for _ in reader:
        pass
    if reader.torn is not None:
        _say(f"shard {number}: what its journal ends with is removed: {reader.torn}")
    reader.cut()
    names = {*DISK.names(folder)}
    for segment in reader.segments:
        if segment.path.name in names:
            DISK.cut(segment.path, len(DISK.read(segment.path)))


def _refuse_half_done(old: OldJournal, found: Sequence[_Found]) -> None:
    """Refuse a change that some shards lack: it would be made on them with other settings."""
    told = [(NO_AXES, Recovered(lives=tuple(one.standing.lives.items()))) for one in found]
    lacking = left_out(old.changes, told)
    if lacking:
        shards = ", ".join(str(shard) for shard in lacking[0][1])
        raise _cannot(old, f"a change that spans shards is not on shard {shards} yet; {_REMEDY}")


def _try_on(old: OldJournal, core: ShardCore, state: State) -> None:
    """Bring up a shard of the new engine from what there is for it, as its worker will.

    Raises:
        JournalError: a policy or an actor of the program does not take its state.
    """
    packed = msgpack.packb(state)
    try:
        restore_shard(core, msgpack.unpackb(packed, use_list=False, strict_map_key=False))
    except JournalError as error:
        raise _cannot(old, str(error)) from error


def _readers(markets: Sequence[Sequence[str]]) -> str:
    return ", ".join(" and ".join(readers) for readers in markets)


def _cannot(old: OldJournal, why: str) -> JournalError:
    return JournalError(f"{old.directory} cannot be carried over to this engine: {why}")


def _say(text: str) -> None:
    print(f"openpit: {text}", file=sys.stderr, flush=True)  # noqa: T201 - to whoever runs it
