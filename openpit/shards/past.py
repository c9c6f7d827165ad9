"""A shard's past: what its log holds, told again in this process, batch by batch, to be looked at.

The log is read and not locked: its engine may be at work. A batch is whole or not there.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from openpit.errors import WireError
from openpit.journal.files import DISK
from openpit.journal.reading import LogReader
from openpit.shards.counted_windows import CountedWindows
from openpit.shards.setup import Hello, start_shard
from openpit.shards.shard_journal import ShardJournal
from openpit.shards.snapshots import Standing
from openpit.shards.watched_scope import WatchedScope
from openpit.wire import kinds
from openpit.wire.frames import (
    EPOCH_COMMANDS,
    FrameReader,
    Op,
    command_in,
    head_of,
    messages_of,
    name_of,
    reply_in,
)
from openpit.wire.frames import whose as whose_of
from openpit.wire.recovered import Recovered
from openpit.wire.runs import each_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from openpit.journal.records import LogRecord
    from openpit.shards.shard import ShardCore
    from openpit.shards.shard_journal import JournalPlace
    from openpit.shards.watched_scope import Done
    from openpit.wire.frames import Frame
    from openpit.wire.shard_limits import ShardLimits

__all__ = ["Cut", "PastBatch", "PastShard", "make_shard", "time_of"]


class Cut(NamedTuple):
    """Up to where a journal is told again: a time, and of one shard a record, with it."""

    time: int
    shard: int = -1
    record: int = 0

    def has(self, shard: int, record: LogRecord) -> bool:
        """Tell whether a record comes before the end."""
        return self.has_number(shard, record.number, time_of(record.batch))

    def has_number(self, shard: int, number: int, time: int) -> bool:
        """Tell whether a shard's record of a number and a time comes before the end."""
        return number <= self.record if shard == self.shard else time <= self.time


class PastBatch(NamedTuple):
    """A batch that a shard has been told again, and what it has answered."""

    record: int
    epoch: int
    first: int
    """The number of its first command."""
    client: int
    """Whose it was: the number of a session, 0 for the program that has the engine."""
    op: int
    time: int
    """The latest that the shard had been told by then: never less than that of the one before."""
    flags: int
    """Of the reply's head."""
    commands: Sequence[Any]
    times: Sequence[int]
    """One for each of the commands."""
    answers: Sequence[Any]
    """As the times."""
    messages: Sequence[tuple[str, Sequence[Done]]] = ()
    """Of each message, in order, the actor that has received it, and what it has done for it."""
    skipped: tuple[int, int | None] | None = None
    """Of a command that was left out since it ends its worker, the kind and the account."""


class PastShard(ShardJournal):
    """The log of one shard, told again from one of its snapshots on, or from its beginning."""

    __slots__ = ("_after", "_core", "_messages", "_told_windows", "batches_told", "record")

    _core: ShardCore
    _told_windows: CountedWindows

    def __init__(self, place: JournalPlace, number: int) -> None:
        super().__init__(place, number, is_read=True)
        self._messages: list[tuple[str, list[Done]]] = []
        self.new_scope = partial(WatchedScope, told=self._messages)
        self._after = 0
        self.batches_told = 0
        self.record = 0  # the last one that was told, or is in the snapshot

    @property
    def core(self) -> ShardCore:
        """The shard as it stands now."""
        return self._core

    @property
    def latest(self) -> int:
        """The latest time that it was told."""
        return max(self._last, self.place.started)

    def recover(self, core: ShardCore, epoch: int, first: int) -> Recovered:
        """Take the shard that is to be told, which has been told nothing; see :meth:`begin`."""
        self._core = core
        core.actors.returns = True
        return Recovered()

    def begin(self, cut: Cut | None = None, *, whole: bool = False) -> None:
        """Bring the shard up from a snapshot of before the cut: the newest.

        ``whole``: from none if the log has its beginning still, else from the oldest.

        Raises:
            JournalError: a custom policy does not take the state that it has exported.
            JournalDamaged: the cut is before a migration, or the snapshot of that is damaged.
        """
        core = self._core
        has_all = LogReader(DISK, self._folder).next <= 1

        def serves(standing: Standing) -> bool:
            return standing.number >= self.floor and (
                cut is None or cut.has_number(self._number, standing.number, standing.last)
            )

        standing = (
            Standing()
            if whole and has_all and not self.place.floors
            else self._snapshots.restore_one(core, serves, oldest=whole)
        )
        self.check_floor(standing)
        self._lives, self._last = dict(standing.lives), standing.last
        self._after = self.record = standing.number
        self._told_windows = CountedWindows(core.intake, core.counts, standing.windows)  # type: ignore[arg-type]  # as in ShardJournal
        core.intake = self._told_windows

    def tell(self, cut: Cut | None = None) -> Iterator[PastBatch]:
        """Tell the shard what its log holds from there on, a batch each time, up to the cut.

        Raises:
            JournalDamaged: the log has a hole, or what it begins with is in no snapshot.
            ReplayDiverged: a batch was answered otherwise.
            OSError: a segment could not be read.
        """
        for record in LogReader(DISK, self._folder, self._after):
            if cut is not None and not cut.has(self._number, record):
                return
            yield self._told(record)

    def _told(self, record: LogRecord) -> PastBatch:
        frame = record.batch
        head = head_of(frame)
        self._replay(self._core, self._told_windows, record, head.epoch, 0)
        reply = self.wanted.pop()
        messages = tuple(self._messages)
        self._messages.clear()
        self._last = max(self._last, time_of(frame))
        self.batches_told += 1
        self.record = record.number
        flags, _, body = reply_in(reply, name_of(reply))
        commands: Sequence[Any] = ()
        times: Sequence[int] = ()
        answers: Sequence[Any] = ()
        if not head.op:
            commands, times = self._told_windows.commands, _times_in(frame)
            answers = tuple(each_of(messages_of(body)))
        return PastBatch(
            record.number,
            head.epoch,
            head.first,
            head.client,
            head.op,
            self.latest,
            flags,
            commands,
            times,
            answers,
            messages,
            _skipped_in(frame) if head.op == Op.SKIP else None,
        )

    def standing(self) -> Standing:
        """Return where the shard stands by what it was told."""
        return Standing(self.record, self._lives, self.latest, self._told_windows.rows)

    def stand(self, epoch: int) -> Recovered:
        """Have the shard take the commands of an epoch; return what it is now."""
        core = self._core
        core.resume(epoch, epoch * EPOCH_COMMANDS + 1)
        return Recovered(
            self.batches_told,
            len(core.open_handles),
            self.latest,
            core.armed.causes,
            tuple(self._lives.items()),
            self._told_windows.rows,
        )


def _skipped_in(frame: Frame) -> tuple[int, int | None] | None:
    """Return kind and account of the command that a shard was told to skip, where that is told.

    It is looked at no further than that: whatever read it last has ended with its process.
    """
    head = head_of(frame)
    try:
        body = command_in(frame, whose_of(head.shard, head.epoch))[10]
        messages: Any = messages_of(body)
        if len(messages) != 1:
            return None
        kind, *fields = messages[0]
        if kind == kinds.KEYED:
            kind, *fields = fields[2]
        account = fields[0]
    except (WireError, TypeError, ValueError, LookupError):
        return None  # of a batch that could not be taken apart, or of a client with keys of its own
    if kind not in kinds.COMMANDS or not (account is None or type(account) is int):
        return None
    return kind, account


def _times_in(frame: Frame) -> Sequence[int]:
    head = head_of(frame)
    times = command_in(frame, whose_of(head.shard, head.epoch))[9]
    return times or (head.time,) * head.commands


def time_of(frame: Frame) -> int:
    """Return the latest time that a batch of commands brings."""
    return max(_times_in(frame))


def make_shard(
    number: int, shards: int, limits: ShardLimits, payload: bytes, shard: PastShard
) -> None:
    """Make a shard's engine in this process, of what a worker would be sent."""
    hello = Hello(number, 0, 1, shards, limits, 0, payload)
    # What a worker lacks of the main module comes with the policies; this process has it.
    main = sys.modules["__main__"].__dict__
    own = dict(main)
    try:
        start_shard(hello, FrameReader(), shard)
    finally:
        main.update(own)
