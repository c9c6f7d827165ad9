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
from openpit.engine.state import NotExportable, without_state
from openpit.errors import JournalDamaged, JournalError, WireError
from openpit.faces.old_journal import packed_settings, unpacked_settings
from openpit.journal.files import DISK
from openpit.journal.layout import LOCK_NAME, log_folder, shard_log
from openpit.journal.locks import FileLock
from openpit.journal.migration import Migration, commit, put_aside
from openpit.journal.reading import LogReader
from openpit.journal.snapshots import drop_unfinished, snapshots_of
from openpit.marketdata.service import store_of
from openpit.pretrade.effects import BuiltinFinalizer, Effects
from openpit.pretrade.policies.built_alike import built_alike
from openpit.shards.carrying import Turn, blank_state, carry, settings_in
from openpit.shards.copying import dump_policies
from openpit.shards.left_open import order_of
from openpit.shards.past import PastShard, make_shard
from openpit.shards.shard_journal import LOCK_SECONDS, JournalPlace
from openpit.shards.shard_state import LAYOUT, export_shard, market_row, restore_shard
from openpit.shards.snapshots import Standing, packed_state_of, standing_in
from openpit.wire.axes import NO_AXES
from openpit.wire.frames import EPOCH_COMMANDS, Op, body_of, command_frame
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

_REMEDY: Final = (
    "build the engine once as it was, and close it (if that has been done, something is open that "
    "callbacks of a policy of your own end: commit or roll back what open_reservations() gives "
    "before, or build it with grace=0)"
)

_HELD: Final = (
    "which no snapshot has. Start the engine as it was, without migrate; commit or roll back what "
    "open_reservations() gives, or have all of it rolled back by grace=0 (openpit serve with the "
    "configuration of before, --journal {directory} --grace 0); close it (SIGTERM), and start this "
    "one again"
)

_MOST_NAMED: Final = 10
"""Accounts that a refusal names of each shard."""


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
            self._complete(old, found)
            self._refuse_held(old, found)
            self._write(old, _carried_over(found), differences)

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

    def _complete(self, old: OldJournal, found: list[_Found | list[Effects]]) -> None:
        """Have the shards make the changes that they lack and others have."""
        for number, commands in _half_done(old, found).items():
            needs = f"a change that spans shards is not on shard {number} yet, and to make it"
            found[number] = self._told_again(old, number, needs, commands)

    def _refuse_held(self, old: OldJournal, found: Sequence[_Found | list[Effects]]) -> None:
        """Refuse what callbacks of policies are to end, and say what that is on every shard."""
        held = {number: its for number, its in enumerate(found) if isinstance(its, list)}
        if held:
            whose = ", ".join(one.name for one in self._policies if isinstance(one, CustomPolicy))
            where = "; ".join(f"shard {number}: {_accounts(its)}" for number, its in held.items())
            ended = sorted({name for its in held.values() for one in its for name in _ends(one)})
            text = (
                f"{sum(map(len, held.values()))} reservations or drop copies are open that "
                f"callbacks of a policy end (of {whose or 'none here'}: {', '.join(ended)}), on "
                f"{where}, {_HELD.format(directory=old.directory)}"
            )
            raise _cannot(old, text)

    def _found(self, old: OldJournal, number: int) -> _Found | list[Effects]:
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
        needs = (
            f"shard {number} has more in its log than in its last snapshot, and to tell it again"
        )
        return self._told_again(old, number, needs)

    def _told_again(
        self, old: OldJournal, number: int, needs: str, behind: Sequence[bytes] = ()
    ) -> _Found | list[Effects]:
        """Bring up a shard of the old engine, and tell it what its log has and what is ``behind``.

        Return what is open and cannot be carried over, if anything.
        """
        place = JournalPlace(
            str(old.directory), "process", 0, {}, old.started, old.began, floors=old.floors
        )
        shard = PastShard(place, number)
        payload = self._old_payload(old, needs)
        limits = ShardLimits(**old.header["limits"])
        make_shard(number, self._made.shards, limits, payload, shard)
        try:
            shard.begin()
            for _ in shard.tell():
                pass
            standing = shard.standing()
            _tell(shard, behind, max(old.now, shard.latest))
            packed = msgpack.packb(export_shard(shard.core))
        except NotExportable as error:
            held = [] if without_state(shard.core.engine) else _held_by_callbacks(shard.core)
            if held:
                return held
            raise _cannot(old, f"shard {number}: {error}") from error
        except WireError as error:
            raise _cannot(old, f"shard {number}: its log cannot be told again: {error}") from error
        finally:
            shard.core.actors.close()
        state = msgpack.unpackb(packed, use_list=False, strict_map_key=False)
        return _Found(standing, state)

    def _old_payload(self, old: OldJournal, needs: str) -> bytes:
        """Return the old engine's policies, as a worker is sent them; ``needs`` says what for.

        Raises:
            JournalError: one of them is not there any more, or not as it was.
        """
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


def _half_done(old: OldJournal, found: Sequence[_Found | list[Effects]]) -> dict[int, list[bytes]]:
    """Return the commands of changes that some shards lack, by shard, in order.

    They are made before the shards are the new engine's: with the settings that they are meant for.
    """
    told = [
        (NO_AXES, Recovered(lives=tuple(one.standing.lives.items())))
        for one in found
        if isinstance(one, _Found)
    ]
    lacking: dict[int, list[bytes]] = {}
    if len(told) == len(found):  # else it is refused
        for change, shards in left_out(old.changes, told):
            for shard in shards:
                lacking.setdefault(shard, []).append(change.commands[shard])
    return lacking


def _carried_over(found: Sequence[_Found | list[Effects]]) -> list[_Found]:
    return [one for one in found if isinstance(one, _Found)]


def _tell(shard: PastShard, commands: Sequence[bytes], now: int) -> None:
    """Have a shard of the old engine make changes that it lacks, as a start of that one would."""
    epoch = 1 + max(shard.standing().lives, default=0)
    shard.core.resume(epoch, epoch * EPOCH_COMMANDS + 1)
    for first, packed in enumerate(commands, epoch * EPOCH_COMMANDS + 1):
        body = body_of([packed], 1)
        place = shard.core.number, Op.MESSAGES, first, 1, now, body
        shard.core.receive(command_frame(*place, epoch=epoch))


def _held_by_callbacks(core: ShardCore) -> list[Effects]:
    """Return what is open that callbacks of a custom policy end."""
    return [
        one
        for _, its in core.held.items()
        for one in its.values()
        if isinstance(one, Effects) and _ends(one)
    ]


def _ends(effects: Effects) -> list[str]:
    """Return what the callbacks are named that end something."""
    callbacks = [one for one in effects.mutations if not isinstance(one, BuiltinFinalizer)]
    return [getattr(one.rollback, "__qualname__", repr(one.rollback)) for one in callbacks]


def _accounts(held: Sequence[Effects]) -> str:
    """Return whose reservations these are."""
    found = {order_of(one.origin[0])._account_ for one in held}
    named = [str(one) for one in sorted(found, key=str)]
    more = len(named) - _MOST_NAMED
    text = ", ".join(named[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"{'account' if len(named) == 1 else 'accounts'} {text}"


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
