"""The snapshots of one shard: which one it begins with, when the next is taken, and by whom.

A shard that trades does not write its state: a copy of its process, forked off between two batches,
has it as it was then, and goes on writing while the shard answers. What a copy needs for that is
its own; it takes nothing from a pipe, and ends with the last byte.
"""

from __future__ import annotations

import gc
import os
import signal
import time
import warnings
from contextlib import suppress
from logging import getLogger
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

import msgpack

from openpit.engine.state import NotExportable
from openpit.errors import JournalDamaged, JournalError
from openpit.journal.files import DISK
from openpit.journal.snapshots import (
    cut_behind,
    drop_unfinished,
    read_snapshot,
    snapshots_of,
    write_snapshot,
)
from openpit.shards.shard_state import LAYOUT, export_shard, restore_shard
from openpit.wire.limits import CREDITS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from openpit.journal.snapshots import SnapshotFile
    from openpit.pretrade.state_values import State
    from openpit.shards.shard import ShardCore
    from openpit.wire.recovered import CountedWindow

__all__ = [
    "LEAST_COMMANDS",
    "WRITING_SECONDS",
    "Snapshots",
    "Standing",
    "packed_state_of",
    "standing_in",
]

_log = getLogger("openpit.journal")

LEAST_COMMANDS: Final = 2 * CREDITS
"""Commands from one snapshot to the next while trading: more than can be in flight. So whatever the
router still lacks answers to, is behind the last snapshot but one, and can be replayed for them."""

WRITING_SECONDS: Final = 300
"""How long a copy may be at work: it is ended then, by the system's alarm."""

TRIES: Final = 16
"""Into how many parts the way to the next snapshot falls where one could not be taken just then."""

_NOT_NOW: Final = 75
"""Exit code of a copy that found something open of which there is no state (EX_TEMPFAIL)."""


class Standing(NamedTuple):
    """Where a shard stood after a record, beside its own state."""

    number: int = 0
    """Of the record; 0: before the first."""
    lives: Mapping[int, int] = {}
    """Each epoch, and the number behind the last command of it."""
    last: int = 0
    """The latest time that the shard had been told."""
    windows: tuple[CountedWindow, ...] = ()
    """Of broad rates, as the shard's batches tell them."""
    answers: tuple[bytes, ...] = ()
    """The latest replies, for callers to whom they were lost."""
    own: tuple[Any, ...] = ()
    """The same by the sessions' own counts, and what clients may have missed: see
    :class:`openpit.shards.kept_answers.KeptAnswers`."""
    is_taken: bool = False
    """Whether it is that of a snapshot."""


class Snapshots:
    """Those of one shard, in the folder of its log.

    ``every`` is after how many bytes of log one is taken, 0 for never; ``keep`` is how many stay,
    and what the log has behind them: None for all of it. ``fields`` go into each file's header.
    """

    __slots__ = (
        "_child",
        "_commands",
        "_due_at",
        "_every",
        "_fields",
        "_folder",
        "_is_told",
        "_keep",
        "_number",
        "_sync",
        "_unusable",
        "_why_not",
        "last",
    )

    def __init__(
        self,
        folder: Path,
        number: int,
        every: int,
        keep: int | None,
        fields: Mapping[str, Any],
    ) -> None:
        self._folder: Final = folder
        self._number: Final = number
        self._every: Final = every
        self._keep: Final = keep
        self._fields: Final = fields
        self._why_not = ""
        self._child: int | None = None  # the copy that is at work
        self._due_at = every  # at how many bytes of log since the start
        self._commands = 0  # the number that came next when the last one was taken
        self._is_told = False  # that there is something open of which there is no state
        self._unusable: list[SnapshotFile] = []
        self._sync: Callable[[], object] = bool  # has the log on the disk
        self.last = 0  # the number of the last record in the newest

    # --- at a start ------------------------------------------------------------------------------

    def restore(self, core: ShardCore, epoch: int, first: int, least: int = 0) -> Standing:
        """Bring a shard up from the newest snapshot that can be used; return where it stands.

        What the shard has had of an epoch from the number ``first`` on has to be replayed for its
        answers, so one that has any of that is not used; nor is one of before the record ``least``.

        Raises:
            JournalError: a custom policy does not take its state.
        """
        drop_unfinished(DISK, self._folder)

        def serves(standing: Standing) -> bool:
            number = standing.lives.get(epoch, 0)
            self._commands = max(self._commands, number)
            return number <= first and standing.number >= least

        standing = self.restore_one(core, serves)
        self.last = standing.number
        return standing

    def restore_one(
        self, core: ShardCore, serves: Callable[[Standing], bool], *, oldest: bool = False
    ) -> Standing:
        """Bring a shard up from the newest snapshot that serves, or the oldest; as above.

        It changes no file. Where none serves, the shard stays as it is.
        """
        files = snapshots_of(DISK, self._folder)
        for file in files if oldest else reversed(files):
            found = self._standing_in(file)
            if found is not None and serves(found[0]):
                standing, packed = found
                _without_collecting(_take_over, core, packed, file)
                return standing
        return Standing()

    def begin(self, replayed: int, sync: Callable[[], object], why_not: str) -> None:
        """Count from here on: so many bytes of log have been replayed, and all of it is open.

        ``why_not`` says why there can be no snapshot, and is empty where there can be one.
        What could not be used is removed: there was something else. ``sync`` is called before a
        snapshot is written, and returns when what is in it is on the disk as log.
        """
        self._sync = sync
        self._why_not = why_not
        self._due_at = self._every - replayed
        for file in self._unusable:
            DISK.remove(file.path)
        self._unusable.clear()

    def _standing_in(self, file: SnapshotFile) -> tuple[Standing, bytes] | None:
        """Read a snapshot; None, and told, where it cannot be believed."""
        try:
            return standing_in(file)
        except JournalDamaged as error:
            self._unusable.append(file)
            self._say(f"a snapshot is not used: {error}")
            return None

    # --- while it trades -------------------------------------------------------------------------

    def look(
        self,
        core: ShardCore,
        written: int,
        behind: Callable[[], int],
        stand: Callable[[], Standing],
    ) -> None:
        """Have a snapshot taken if it is time: ``written`` bytes of log since the start.

        ``behind`` returns the number behind the last command. All answers to what the shard has had
        are in its pipe by now.
        """
        if self._child is not None and not self._has_ended(written):
            return
        if written < self._due_at or not self._every or self._why_not:
            return
        commands = behind()
        if commands - self._commands < LEAST_COMMANDS:
            return
        self._due_at = written + self._every
        self._commands = commands
        self._child = self._fork(core, stand())

    def _has_ended(self, written: int) -> bool:
        """Tell whether the copy has ended, and see how."""
        assert self._child is not None  # noqa: S101 - there is one
        try:
            pid, status = os.waitpid(self._child, os.WNOHANG)
        except ChildProcessError:  # a policy has waited for it
            self._child = None
            return True
        if pid == 0:
            return False
        self._child = None
        code = os.waitstatus_to_exitcode(status)
        if code < 0:  # it was killed
            self._drop_unfinished()
        self._is_told = code == _NOT_NOW
        if self._is_told:
            self._due_at = written + max(1, self._every // TRIES)
        return True

    def _fork(self, core: ShardCore, standing: Standing) -> int:
        router = os.getpid()
        with warnings.catch_warnings():
            # The worker's other thread only waits for the router's end, and holds nothing.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            self._write_and_end(core, standing, router)
        return pid

    def _write_and_end(self, core: ShardCore, standing: Standing, worker: int) -> NoReturn:
        """Write a snapshot in a copy of the worker's process, and end it."""
        code = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(WRITING_SECONDS)
            gc.disable()
            self._write(core, standing, lambda: os.getppid() == worker)
            code = 0
        except NotExportable as error:
            code = _NOT_NOW
            if not self._is_told:
                self._say(f"no snapshot is taken for now: {error}")
        except BaseException as error:  # noqa: BLE001 - its process ends here
            self._say(f"no snapshot was written: {type(error).__name__}: {error}")
        finally:
            os._exit(code)

    def _write(
        self, core: ShardCore, standing: Standing, goes_on: Callable[[], bool] = lambda: True
    ) -> None:
        """Write a snapshot, and cut what is behind those that stay.

        Raises:
            NotExportable: there is no such state now.
            OSError: it could not be written.
        """
        packed = packed_state_of(standing, export_shard(core))
        self._sync()
        if goes_on():
            fields = {**self._fields, "layout": LAYOUT, "wall": time.time_ns()}
            write_snapshot(DISK, self._folder, standing.number, fields, packed)
            cut_behind(DISK, self._folder, self._keep)

    # --- at an end -------------------------------------------------------------------------------

    def end(self, core: ShardCore, standing: Standing) -> None:
        """Take a last snapshot, of a shard that is told nothing more."""
        self.stop()
        if not self._every or standing.number == self.last or self._why_not:
            return
        try:
            self._write(core, standing)
        except (NotExportable, OSError) as error:
            self._say(f"no snapshot was written: {error}")

    def stop(self) -> None:
        """End the copy that is at work, if one is."""
        pid, self._child = self._child, None
        if pid is None:
            return
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ChildProcessError, ProcessLookupError):
            return
        self._drop_unfinished()

    def _drop_unfinished(self) -> None:
        """Remove what a copy that was ended has left."""
        with suppress(OSError):  # the next start does it
            drop_unfinished(DISK, self._folder)

    def _say(self, text: str) -> None:
        _log.warning(
            "openpit: shard %d: %s",
            self._number,
            text,
            extra={"event": "snapshot", "shard": self._number},
        )


def standing_in(file: SnapshotFile) -> tuple[Standing, bytes]:
    """Return where a shard stood by a snapshot, and its state, packed.

    Raises:
        JournalDamaged: it is not whole, or of another layout.
    """
    fields, packed = read_snapshot(DISK, file)
    if fields["layout"] != LAYOUT:
        why = f"its state is of layout {fields['layout']}, where this version reads {LAYOUT}"
        raise JournalDamaged(f"{file.path} at 0: {why}", file.path, 0)
    (lives, last, *rest), state = _unpacked(packed)  # the answers came later than the format
    return Standing(file.number, dict(lives), last, *rest)._replace(is_taken=True), state


def packed_state_of(standing: Standing, state: State) -> bytes:
    """Return what a snapshot holds: where its shard stands, and its state."""
    lives = [*standing.lives.items()]
    stands = lives, standing.last, standing.windows, standing.answers, standing.own
    packed: bytes = msgpack.packb((stands, msgpack.packb(state)))
    return packed


def _unpacked(packed: bytes) -> Any:
    return msgpack.unpackb(packed, use_list=False, strict_map_key=False)


def _without_collecting(call: Callable[..., None], *arguments: Any) -> None:
    """Make a call that makes much and drops nothing: to look for garbage would double it."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        call(*arguments)
    finally:
        if was_enabled:
            gc.enable()


def _take_over(core: ShardCore, packed: bytes, file: SnapshotFile) -> None:
    """Bring a shard up from a state; a program's policy may refuse it.

    Raises:
        JournalError: one does; the text has its name.
    """
    try:
        restore_shard(core, _unpacked(packed))
    except JournalError as error:
        raise JournalError(f"{file.path}: {error}") from error
