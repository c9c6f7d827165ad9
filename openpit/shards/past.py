"""A shard's past: what its log holds, told again in this process, batch by batch, to be looked at.

The log is read and not locked: its engine may be at work. A batch is whole or not there.
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from openpit.errors import JournalError
from openpit.journal.files import DISK
from openpit.journal.reading import LogReader
from openpit.shards.answering import RUNS
from openpit.shards.counted_windows import CountedWindows
from openpit.shards.shard_journal import ShardJournal
from openpit.wire.frames import EPOCH_COMMANDS, command_in, head_of, messages_of, name_of, reply_in
from openpit.wire.frames import whose as whose_of
from openpit.wire.recovered import Recovered

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from openpit.journal.records import LogRecord
    from openpit.shards.shard import ShardCore
    from openpit.shards.shard_journal import JournalPlace
    from openpit.wire.frames import Frame

__all__ = ["Cut", "PastBatch", "PastShard", "time_of"]


class Cut(NamedTuple):
    """Up to where a journal is told again: a time, and of one shard a record, with it."""

    time: int
    shard: int = -1
    record: int = 0

    def has(self, shard: int, record: LogRecord) -> bool:
        """Tell whether a record comes before the end."""
        if shard == self.shard:
            return record.number <= self.record
        return time_of(record.batch) <= self.time


class PastBatch(NamedTuple):
    """A batch that a shard has been told again, and what it has answered."""

    record: int
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


class PastShard(ShardJournal):
    """The log of one shard, read from its beginning."""

    __slots__ = ("_core", "_past", "batches_told", "latest", "record")

    _core: ShardCore
    _past: CountedWindows

    def __init__(self, place: JournalPlace, number: int) -> None:
        super().__init__(place, number, is_read=True)
        self.latest = place.started
        self.batches_told = 0
        self.record = 0  # the last one that was told

    @property
    def core(self) -> ShardCore:
        """The shard as it stands now."""
        return self._core

    def recover(self, core: ShardCore, epoch: int, first: int) -> Recovered:
        """Take the shard that is to be told, which has been told nothing; see :meth:`tell`."""
        self._core = core
        self._past = core.intake = CountedWindows(core.intake, core.counts)  # type: ignore[arg-type]  # as in ShardJournal
        return Recovered()

    def tell(self, cut: Cut | None = None) -> Iterator[PastBatch]:
        """Tell the shard what its log holds, a batch each time, up to where it is cut.

        Raises:
            JournalDamaged: the log has a hole.
            JournalError: its beginning is not there any more.
            ReplayDiverged: a batch was answered otherwise.
            OSError: a segment could not be read.
        """
        reader = LogReader(DISK, self._folder)
        if reader.next > 1:
            raise JournalError(
                f"{self._folder} begins with record {reader.next}: what it began with is gone"
            )
        for record in reader:
            if cut is not None and not cut.has(self._number, record):
                return
            yield self._told(record)

    def _told(self, record: LogRecord) -> PastBatch:
        frame = record.batch
        head = head_of(frame)
        self._replay(self._core, self._past, record, head.epoch, 0)
        reply = self.wanted.pop()
        self.latest = max(self.latest, time_of(frame))
        self.batches_told += 1
        self.record = record.number
        flags, _, body = reply_in(reply, name_of(reply))
        commands: Sequence[Any] = ()
        times: Sequence[int] = ()
        answers: Sequence[Any] = ()
        if not head.op:
            commands, times = self._past.commands, _times_in(frame)
            answers = tuple(_each(messages_of(body)))
        return PastBatch(
            record.number, head.client, head.op, self.latest, flags, commands, times, answers
        )

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
            self._past.rows,
        )


def _each(replies: Sequence[Any]) -> Iterator[Any]:
    """Yield a reply for each command: one kind of them answers several."""
    for reply in replies:
        if reply[0] in RUNS:
            yield from repeat((reply[0], 1), reply[1])
        else:
            yield reply


def _times_in(frame: Frame) -> Sequence[int]:
    head = head_of(frame)
    times = command_in(frame, whose_of(head.shard, head.epoch))[9]
    return times or (head.time,) * head.commands


def time_of(frame: Frame) -> int:
    """Return the latest time that a batch of commands brings."""
    return max(_times_in(frame))
