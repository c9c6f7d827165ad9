"""The journal of one shard in its worker: replayed before anything is answered, then written.

The log has its own lock, beside the directory's: a worker whose router has died may have a policy
at work still, and writes until that returns.
"""

from __future__ import annotations

from logging import getLogger
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from openpit.engine.custom import CustomPolicy
from openpit.errors import JournalDamaged, ReplayDiverged
from openpit.journal.files import DISK
from openpit.journal.layout import LOCK_NAME, log_folder, shard_log
from openpit.journal.locks import FileLock
from openpit.journal.reading import LogReader
from openpit.journal.snapshots import snapshot_path
from openpit.journal.writing import LogWriter
from openpit.shards.counted_windows import CountedWindows
from openpit.shards.descriptors import identity_of
from openpit.shards.kept_answers import KeptAnswers
from openpit.shards.message_scope import MessageScope
from openpit.shards.reply_checks import check_of
from openpit.shards.shard_state import reason_against
from openpit.shards.snapshots import Snapshots, Standing
from openpit.wire.frames import NAME, NOT_APPLIED, head_of
from openpit.wire.recovered import Recovered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openpit.journal.records import LogRecord
    from openpit.journal.writing import Sync
    from openpit.shards.actors import NewScope
    from openpit.shards.shard import ShardCore
    from openpit.wire.frames import Frame

__all__ = ["LOCK_SECONDS", "JournalPlace", "ShardJournal"]

_log = getLogger("openpit.journal")

LOCK_SECONDS: Final = 10.0
"""How long a log is waited for that another worker has: twice what a routerless one may go on."""

_FLAGS: Final = NAME.stop
"""Where in a reply its flags stand."""


class JournalPlace(NamedTuple):
    """Where the journal of an engine is, and how its shards write it."""

    directory: str
    sync: Sync
    min_free: int
    header: Mapping[str, Any]
    """What each segment says of the engine."""
    started: int
    """The time at which the engine was started first."""
    began: int | None
    """The time from which its broad rates count, by the policies of the first start."""
    snapshot_every: int = 0
    """After how many bytes of log a snapshot is taken; 0: there is none."""
    keep: int | None = None
    """How many snapshots stay, with the log behind them; None: all of the log."""
    floors: Sequence[int] = ()
    """Of each shard the number of the record behind which its log is this engine's: what is before
    has been told to another one, and is in a snapshot. None where there was no other."""


class ShardJournal:
    """The log of one shard, locked until the process ends; not where it ``is_read`` alone.

    Raises:
        JournalInUse: another process has it, and does not end.
    """

    __slots__ = (
        "_answers",
        "_folder",
        "_has_actors",
        "_identity",
        "_last",
        "_latest",
        "_lives",
        "_log",
        "_number",
        "_segment",
        "_snapshots",
        "_windows",
        "_writer",
        "lock",
        "new_scope",
        "place",
        "wanted",
    )

    def __init__(self, place: JournalPlace, number: int, *, is_read: bool = False) -> None:
        self.place: Final = place
        self._number: Final = number
        self._log: Final = shard_log(number)
        self._folder: Final = log_folder(Path(place.directory), self._log)
        self.lock: FileLock | None = None
        self.new_scope: NewScope = MessageScope  # of the shard's actors
        if not is_read:
            DISK.make_folder(self._folder)
            self.lock = FileLock(self._folder / LOCK_NAME, LOCK_SECONDS)
        self._writer: LogWriter | None = None  # until the log is replayed
        # Of the segment in hand: its first record, and what its descriptor leads to.
        self._segment = 0
        self._identity = (0, 0)
        # Replies to what the shard has had already, and whose answers the router lacks.
        self.wanted: Final[list[Frame]] = []
        # What a snapshot has of the log: see Standing.
        self._snapshots: Final = Snapshots(
            self._folder, number, place.snapshot_every, place.keep, place.header
        )
        self._lives: dict[int, int] = {}
        self._answers = KeptAnswers(self._lives)
        self._last = 0
        self._latest: Frame | None = None  # the batch that was written last
        self._windows: CountedWindows | None = None
        self._has_actors = False

    def recover(self, core: ShardCore, epoch: int, first: int) -> Recovered:
        """Replay what no snapshot has, and open the log for an epoch; return what the shard is now.

        The epoch goes on where its log ends; of its commands from the number ``first`` on the
        replies are ``wanted``.

        Raises:
            JournalDamaged: it has a hole.
            ReplayDiverged: a batch was answered otherwise.
            JournalFailed: no segment could be made.
            WireError: a batch is none of this version.
            JournalError: a custom policy does not take the state that it has exported.
        """
        standing = self._snapshots.restore(core, epoch, first, self.floor)
        self.check_floor(standing)
        lives = self._lives = dict(standing.lives)
        answers = self._answers = core.outcomes.kept = KeptAnswers(lives)
        answers.restore(standing.answers, standing.own)
        self._last = standing.last
        reader = LogReader(DISK, self._folder, standing.number)
        windows = CountedWindows(core.intake, core.counts, standing.windows)  # type: ignore[arg-type]  # it is the shard's own still
        core.intake = self._windows = windows
        batches = replayed = 0
        core.actors.returns = True
        self._has_actors = bool(core.actors.made)
        for record in reader:
            self._replay(core, windows, record, epoch, first)
            batches += 1
            replayed += len(record.batch)
        if reader.torn is not None:
            _say(self._number, f"what its journal ends with is removed: {reader.torn}")
        reader.cut()
        place = self.place
        why_not = reason_against(core)
        self._writer = LogWriter(
            DISK,
            self._folder,
            self._log,
            reader.next,
            {**place.header, "epoch": epoch, "no_snapshots": why_not},
            sync=place.sync,
            min_free=place.min_free,
            warn=lambda text: _say(self._number, text),
        )
        self._note_segment(self._writer)
        self._snapshots.begin(replayed, self._writer.sync, why_not)
        core.resume(epoch, max(lives.get(epoch, 0), first))
        return Recovered(
            batches,
            len(core.open_handles),
            self._last,
            core.armed.causes,
            tuple(lives.items()),
            windows.rows,
            core.open_clients,
        )

    @property
    def floor(self) -> int:
        """The number of the last record that was told to another engine; 0: there was none."""
        floors = self.place.floors
        return floors[self._number] if floors else 0

    def check_floor(self, standing: Standing) -> None:
        """Check that a log need not be told from before a migration on, to other policies.

        Raises:
            JournalDamaged: it would have to.
        """
        floor = self.floor
        if self.place.floors and not standing.is_taken:
            path = snapshot_path(self._folder, floor)
            text = (
                f"{path} at 0: no snapshot of record {floor} or behind serves and is whole: what "
                "the log has up to there was told to an engine that was made otherwise"
            )
            raise JournalDamaged(text, path, 0)

    def _replay(
        self,
        core: ShardCore,
        windows: CountedWindows,
        record: LogRecord,
        epoch: int,
        first: int,
    ) -> None:
        """Replay one batch."""
        frame = record.batch
        head = head_of(frame)
        core.resume(head.epoch, head.first)
        registry = core.engine.registry
        registry.is_replaying = True
        reply = core.answer((frame,))
        registry.is_replaying = False
        if check_of(reply) != record.check:
            raise self._diverged(core, head.first, head.commands)
        if head.epoch == epoch and head.first >= first:
            self.wanted.append(reply)
        windows.note(frame, reply, core.whose)
        self._answers.note(frame, reply)
        self._lives[head.epoch] = head.first + head.commands
        self._last = max(self._last, core.engine.clock())

    def note(self, core: ShardCore, frame: Frame, reply: Frame) -> None:
        """Note what a batch has counted that was just answered, its time and its answers."""
        self._last = max(self._last, core.engine.clock())
        if reply[_FLAGS] & NOT_APPLIED:
            return
        self._answers.note(frame, reply)
        windows = self._windows
        if windows is not None and (core.counts.is_told or windows.is_behind):
            windows.note(frame, reply, core.whose)

    def _diverged(self, core: ShardCore, first: int, commands: int) -> ReplayDiverged:
        own = [policy.name for policy in core.engine.policies if isinstance(policy, CustomPolicy)]
        users = [
            f"the {kind} {', '.join(names)}"
            for kind, names in (("policies", own), ("actors", [*core.actors.made]))
            if names
        ]
        whose = f"one of {' and '.join(users)}" if users else "the engine"
        return ReplayDiverged(
            f"shard {self._number}: the batch of commands {first} to {first + commands - 1} was "
            f"answered otherwise when it was replayed: {whose} reads more than its input (the "
            "clock, randomness, the order of a set), or is another than it was",
            self._number,
        )

    def append(self, frames: Sequence[Frame], replies: Sequence[Frame]) -> None:
        """Write batches that have been answered; return when they are down.

        Raises:
            JournalFailed: they are not, and none of the replies may be told.
        """
        batches = [
            (frame, check_of(reply))
            for frame, reply in zip(frames, replies, strict=True)
            if not reply[_FLAGS] & NOT_APPLIED
        ]
        writer = self._writer
        if batches and writer is not None:
            writer.append(batches)
            self._latest = batches[-1][0]
            if writer.first != self._segment:
                self._note_segment(writer)

    def look(self, core: ShardCore) -> None:
        """Have a snapshot taken if it is time; all that was answered is in the pipe by now."""
        writer = self._writer
        if writer is not None:
            self._snapshots.look(core, writer.written, self._behind, self._stand)

    def end(self, core: ShardCore) -> None:
        """Take a last snapshot, of a shard that is told nothing more."""
        if self._writer is None or (core.closed and self._has_actors):
            return  # actors have ended by then, and what they know with them
        self._snapshots.end(core, self._stand())

    def _behind(self) -> int:
        """Return the number behind the last command that was written."""
        if self._latest is not None:
            head = head_of(self._latest)
            self._lives[head.epoch] = head.first + head.commands
        return max(self._lives.values(), default=0)

    def _stand(self) -> Standing:
        """Return where the shard stands after what was written last."""
        assert self._writer is not None  # noqa: S101 - that is from when it is replayed on
        assert self._windows is not None  # noqa: S101 - as above
        self._behind()
        return Standing(
            self._writer.next - 1,
            self._lives,
            self._last,
            self._windows.rows,
            tuple(self._answers.export()),
            self._answers.export_own(),
        )

    @property
    def written(self) -> tuple[int, int]:
        """How many bytes were written since the start, and how often the disk was waited for."""
        writer = self._writer
        return (0, 0) if writer is None else (writer.written, writer.syncs)

    def is_still(self) -> bool:
        """Tell whether the log's descriptor is still the one that was opened."""
        if self._writer is None:
            return True
        try:
            return identity_of(self._writer.fileno()) == self._identity
        except OSError:
            return False

    def _note_segment(self, writer: LogWriter) -> None:
        self._segment = writer.first
        self._identity = identity_of(writer.fileno())

    def close(self) -> None:
        """Close the log; all of it is on the disk then."""
        self._snapshots.stop()
        if self._writer is not None:
            self._writer.close()


def _say(shard: int, text: str) -> None:
    _log.warning("openpit: shard %d: %s", shard, text, extra={"event": "journal", "shard": shard})
