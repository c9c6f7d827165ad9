"""What the journal of an engine holds, told again to its shards in this process.

The directory is read and not locked: its engine may be at work. Policies are copied as they are
into workers, and called again for everything. How much its shards kept, and for how long, the
journal says: a plan's own options for that are not heeded.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from openpit.errors import JournalError
from openpit.faces.engine_journal import check_made
from openpit.journal.files import DISK
from openpit.journal.layout import ROUTER, log_folder, shard_log
from openpit.journal.reading import LogReader
from openpit.journal.starts import check_ends, last_starts
from openpit.shards.past import Cut, PastShard, make_shard, time_of
from openpit.shards.shard_journal import JournalPlace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openpit.faces.starting import StartPlan

__all__ = ["Life", "Moment", "Past", "made_as"]

Moment = int | datetime | tuple[int, int]
"""A time of the engine's clock in nanoseconds, one of the day, or a shard and a record of it."""

_MICROSECOND: Final = 1000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Life(NamedTuple):
    """A start of the engine: its number, its time by the engine's clock, and by the day's.

    Both are nanoseconds. ``is_own_clock``: the first is a clock of the program's own.
    """

    epoch: int
    time: int
    wall: int
    is_own_clock: bool
    started: int
    """When the engine was started first."""
    began: int | None
    """From when its broad rates count."""
    made: Mapping[str, Any]
    """The header of its segment: versions, shards, policies."""
    names: dict[int, tuple[str | None, int]]
    """Of a server, whose numbers of sessions are known: the name and the user of each."""
    floors: Sequence[int] = ()
    """Of each shard the last record that was told to an engine that was made otherwise."""
    said: Sequence[str] = ()
    """In what that one differed, where the journal was carried over for this start."""


class Past:
    """Reads the journal that a plan names, and makes its shards, which have been told nothing yet.

    Raises:
        JournalMismatch: it is that of another engine than the plan's; the text has what differs.
        JournalDamaged: the router's log has a hole, or a shard's lacks its end.
        JournalError: there is none.
        OSError: it could not be read.
    """

    def __init__(self, plan: StartPlan) -> None:
        assert plan.options.journal is not None  # noqa: S101 - who asks for none has no past
        assert plan.made is not None  # noqa: S101 - as above
        self.directory: Final = Path(plan.options.journal).absolute()
        self.lives: Final[list[Life]] = _lives_in(self.directory)
        check_made(self.directory, self.lives[-1].made, plan.made)
        last = self.lives[-1]
        place = JournalPlace(
            str(self.directory), "process", 0, {}, last.started, last.began, floors=last.floors
        )
        self.shards: Final = [PastShard(place, number) for number in range(plan.options.shards)]
        # What the shards kept, and how long, was no matter of policies: the journal says it.
        limits = plan.limits._replace(**last.made.get("limits", {}))
        for number, shard in enumerate(self.shards):
            make_shard(number, plan.options.shards, limits, plan.payload, shard)

    @property
    def epoch(self) -> int:
        """An epoch that no record is of."""
        return self.lives[-1].epoch + 1

    def day_of(self, time: int) -> datetime | None:
        """Return the day and time of a time of the engine's clock; None for a program's own."""
        life = next((one for one in reversed(self.lives) if one.time <= time), self.lives[0])
        if life.is_own_clock:
            return None
        wall = life.wall + time - life.time
        return _EPOCH + timedelta(microseconds=wall // _MICROSECOND)

    def session(self, epoch: int, number: int) -> tuple[str | None, int] | None:
        """Return the name and the user of a session of a life, where they are known."""
        life = next((one for one in reversed(self.lives) if one.epoch <= epoch), self.lives[0])
        return life.names.get(number)

    def cut(self, until: Moment | None) -> Cut | None:
        """Return where the logs are cut for a moment.

        Raises:
            ValueError: there is no such shard or record, or the clock was the program's own and the
                moment is one of the day.
            TypeError: it is no moment.
        """
        if until is None:
            return None
        if isinstance(until, tuple):
            return self._cut_at(*until)
        if isinstance(until, datetime):
            return Cut(self._time_of(until))
        if type(until) is not int:
            raise TypeError(
                "until is nanoseconds of the engine's clock, a datetime, or a shard and a record, "
                f"not {until!r:.100}"
            )
        return Cut(until)

    def _cut_at(self, shard: int, number: int) -> Cut:
        if not 0 <= shard < len(self.shards):
            raise ValueError(f"there is no shard {shard}: there are 0 to {len(self.shards) - 1}")
        log = shard_log(shard)
        reader = LogReader(DISK, log_folder(self.directory, log))
        for record in reader:
            if record.number == number:
                return Cut(time_of(record.batch), shard, number)
        raise ValueError(f"the log {log} has no record {number}: its last is {reader.next - 1}")

    def _time_of(self, day: datetime) -> int:
        if day.tzinfo is None:
            raise ValueError(f"{day.isoformat()} has no time zone")
        wall = (day - _EPOCH) // timedelta(microseconds=1) * _MICROSECOND
        life = next((one for one in reversed(self.lives) if one.wall <= wall), self.lives[0])
        if life.is_own_clock:
            raise ValueError(
                "the engine had a clock of the program's own: its times are no times of the day"
            )
        return life.time + wall - life.wall


def made_as(directory: Path) -> Mapping[str, Any]:
    """Return what the last start of an engine on a directory was made of: a segment's header.

    Raises:
        JournalDamaged, JournalError, OSError: as :class:`Past`.
    """
    return _lives_in(directory)[-1].made


def _lives_in(directory: Path) -> list[Life]:
    """Read the starts out of the router's log. It begins a segment with each."""
    reader = LogReader(DISK, log_folder(directory, ROUTER))
    lives: list[Life] = []
    names: dict[int, tuple[str | None, int]] = {}  # as a start of now would find them
    floors: Sequence[int] = ()
    carried: Sequence[str] = ()
    settled = -1
    for record in reader:
        said = json.loads(record.batch)
        settled = said.get("settled", settled)
        for number, name, user in _sessions_in(said):
            names[number] = name, user
            if lives:
                lives[-1].names[number] = name, user
        names.pop(said.get("gone"), None)
        migrated = said.get("migrated") or said.get("summary", {}).get("migrated") or {}
        floors = migrated.get("floors", floors)
        carried = said.get("migrated", {}).get("said", carried)
        told = said.get("summary", {}).get("lives", ()) if not lives else ()
        for life in (*told, *([said["life"]] if "life" in said else ())):
            lives.append(
                Life(
                    life["epoch"],
                    life["time"],
                    life["wall"],
                    bool(life.get("own_clock")),  # a journal of before does not say
                    life["started"],
                    life["began"],
                    reader.headers[-1],
                    dict(names),
                    floors,
                    carried,
                )
            )
            carried = ()
    if lives and floors != lives[-1].floors:  # carried over, and not started since
        lives[-1] = lives[-1]._replace(made=reader.headers[-1], floors=floors)
    if not lives:
        raise JournalError(f"{directory} is no journal: no engine has been started on it")
    check_ends(directory, last_starts(DISK, directory, lives[-1].made["shards"]), settled)
    return lives


def _sessions_in(said: Mapping[str, Any]) -> Sequence[Any]:
    """Return the sessions that a record tells of: number, name, user."""
    if "session" in said:
        return [said["session"]]
    named: Sequence[Any] = said.get("summary", {}).get("names", ())
    return named
