"""The journal of an engine as its router has it: the lock, the log of what spans shards, the time.

Its log has a record for each life of the engine, for each change that spans shards, written before
any shard is told of it, and one that says that all shards have all of those before it. That sums up
what else was known: nothing before the first of those is needed for a start.

Each start writes one; and so does an engine that runs for long, in a segment of its own, when all
shards have answered what was noted. That says only that they have what was noted before the last
such record: what has been answered just now may not be on the disk.
"""

from __future__ import annotations

import json
import platform
import sys
from base64 import b64decode, b64encode
from importlib import metadata
from operator import itemgetter
from pathlib import Path
from time import monotonic_ns, time_ns
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from openpit.client.recovery import WideChange, changes_in_group
from openpit.errors import JournalDamaged, JournalMismatch
from openpit.faces.old_journal import OldJournal, changed_settings, packed_settings
from openpit.journal.files import DISK, boot_name
from openpit.journal.layout import LOCK_NAME, ROUTER, log_folder, logs_of
from openpit.journal.locks import FileLock
from openpit.journal.migration import finish
from openpit.journal.reading import LogReader
from openpit.journal.retention import began_first, cut_router_log
from openpit.journal.starts import check_begun, check_ends, last_starts
from openpit.journal.writing import LogWriter
from openpit.router.lifecycle import ShardState
from openpit.shards.fingerprints import Made, differences
from openpit.shards.shard_journal import JournalPlace
from openpit.wire.frames import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from openpit.faces.options import ShardedOptions
    from openpit.router.shard_link import ShardLink

__all__ = ["EngineJournal", "check_made"]

Migrate: TypeAlias = "Callable[[OldJournal, list[str]], object]"

SUM_BYTES: Final = 1024 * 1024
"""Bytes that are noted until they are summed up while the engine runs: some thousand changes. At
least four times as much as the last sum, so that names of many sessions do not sum up nothing."""


class EngineJournal:
    """A journal's directory, locked from here to :meth:`close`.

    ``changes`` are those of which it is not known that all shards have them; ``epoch`` is that of
    the life that begins. ``names`` has the name and the user of a server's session by its number;
    ``last_session`` is the highest number of one that had a name.
    ``migrate`` writes aside what carries the journal of an engine that was made otherwise over to
    this one.

    Raises:
        JournalInUse: another engine has the directory.
        JournalMismatch: it is that of another engine, and ``migrate`` is None; the text has what is
            different.
        JournalError: it is that of another engine, and cannot be carried over to this one.
        JournalDamaged: its log has a hole, or a log lacks what another one knows of.
        JournalFailed: its log could not be written.
        OSError: the directory cannot be had.
    """

    __slots__ = (
        "_clock",
        "_life",
        "_life_zero",
        "_links",
        "_lives",
        "_lock",
        "_migrated",
        "_noted",
        "_offset",
        "_settings",
        "_sum_at",
        "_summaries",
        "_told_again",
        "_writer",
        "changes",
        "epoch",
        "is_prepared",
        "last_session",
        "names",
        "place",
        "sources",
    )

    def __init__(
        self,
        options: ShardedOptions,
        made: Made,
        clock: Callable[[], int],
        migrate: Migrate | None = None,
    ) -> None:
        assert options.journal is not None  # noqa: S101 - who asks for none makes none
        directory = Path(options.journal).absolute()
        DISK.make_folder(directory)
        self._clock: Final = clock
        self.sources: Final = made.sources
        self._lives: Final[list[Mapping[str, Any]]] = []
        self._told_again: int | tuple[int, int] | None = None
        self.changes: Final[list[WideChange]] = []
        self.names: Final[dict[int, tuple[str, int]]] = {}
        self.last_session = 0
        self.is_prepared = False
        self._settings: str | None = None
        # Of the records that sum up all of before: the number, the epoch that had begun, and when
        # it was written, 0 of those of a start.
        self._summaries: Final[list[tuple[int, int, int]]] = []
        self._links: Sequence[ShardLink] = ()  # while the engine runs
        self._noted: Final[dict[int, int]] = {}  # by shard, the number of the last change
        self._sum_at = SUM_BYTES  # written
        self._migrated: Mapping[str, Any] | None = None  # the last one that was
        self._lock: Final = FileLock(directory / LOCK_NAME)
        try:
            self._open(directory, options, made, migrate)
        except BaseException:
            self._lock.release()
            raise

    def _open(
        self, directory: Path, options: ShardedOptions, made: Made, migrate: Migrate | None
    ) -> None:
        finish(DISK, directory)  # or drop it, if it does not hold
        reader = self._read(directory)
        if reader.headers and not (migrate and self._migrate(directory, reader, made, migrate)):
            check_made(directory, reader.headers[-1], made, self._settings)
        elif reader.headers:
            finish(DISK, directory)
            reader = self._read(directory)
        # A segment's header is on the disk, also where the power has taken its first record.
        known = (*reader.headers, *self._lives)
        begun = max((int(one.get("epoch", -1)) for one in known), default=-1)
        lasts = last_starts(DISK, directory, made.shards)
        check_begun(directory, lasts, begun)
        check_ends(directory, lasts, max((epoch for _, epoch, _ in self._summaries), default=-1))
        if reader.torn is not None:
            _say(f"what the router's journal ends with is removed: {reader.torn}")
        reader.cut()
        self.epoch = begun + 1
        now, wall = self._clock(), time_ns()
        self._offset = self._offset_at(now)
        started, began = self._first(now, made.began)
        header = _header(made)
        self.place = JournalPlace(
            str(directory),
            options.sync,
            options.min_free,
            header,
            started,
            began,
            options.snapshot_every,
            options.keep,
            () if self._migrated is None else self._migrated["floors"],
        )
        self._writer = LogWriter(
            DISK,
            log_folder(directory, ROUTER),
            ROUTER,
            reader.next,
            {**header, "epoch": self.epoch},
            sync=options.sync,
            min_free=options.min_free,
            warn=_say,
        )
        life = {
            "epoch": self.epoch,
            "started": started,
            "began": began,
            "time": now + self._offset,
            "offset": self._offset,
            "wall": wall,
            "boot": boot_name(),
            "own_clock": self._clock is not monotonic_ns,
        }
        self._life: Mapping[str, Any] = life
        self._life_zero: Mapping[str, Any] = self._lives[0] if self._lives else life
        settings = packed_settings(made.settings)
        is_said = settings == self._settings
        self._settings = settings
        self._write({"life": life} if is_said else {"life": life, "settings": settings})

    def _first(self, now: int, began: int | None) -> tuple[int, int | None]:
        """Return when the engine was started first, and from when its broad rates count."""
        if not self._lives:
            return now, began
        first = self._lives[0]
        return first["started"], (self._migrated or first)["began"]

    def _migrate(self, directory: Path, reader: LogReader, made: Made, migrate: Migrate) -> bool:
        """Carry the journal over to the engine that is made now, if it is another; tell whether."""
        header = reader.headers[-1]
        found = _differences(header, made, self._settings)
        if not found:
            return False
        now = self._clock()
        started, began = self._first(now, made.began)
        old = OldJournal(
            directory,
            header,
            _header(made),
            self._settings,
            self.changes,
            () if self._migrated is None else self._migrated["floors"],
            started,
            began,
            now + self._offset_at(now),
            reader.next,
        )
        migrate(old, found)
        return True

    def _read(self, directory: Path) -> LogReader:
        """Read the router's log: the lives, and the changes that may not be complete."""
        reader = LogReader(DISK, log_folder(directory, ROUTER))
        for known in (self._lives, self.changes, self.names, self._summaries):
            known.clear()
        begins = reader.next
        self.is_prepared = False
        by_record: dict[object, WideChange] = {}
        for record in reader:
            said = json.loads(record.batch)
            self._settings = said.get("settings", self._settings)
            if "life" in said:
                self._lives.append(said["life"])
            elif "settled" in said:
                since = said.get("since", record.number)
                by_record = {of: one for of, one in by_record.items() if _first_of(of) >= since}
                if "summary" in said:
                    self._take(said["summary"])
                    self._summaries.append((record.number, said["settled"], said.get("wall", 0)))
            elif "session" in said:
                number, name, user = said["session"]
                self.names[number] = name, user
                self.last_session = max(self.last_session, number)
            elif "gone" in said:
                self.names.pop(said["gone"], None)
            elif "group" in said:
                for one in changes_in_group(*_group_in(said), record.number):
                    by_record[one.record] = one
            elif "prepared" in said:
                self.is_prepared = True
            elif "migrated" in said:  # of what was noted before, all shards had all
                by_record.clear()
                self._migrated = said["migrated"]
                self.is_prepared &= not self._migrated["has_new_funds"]
            else:
                of = said["of"]
                change = by_record.get(tuple(of) if isinstance(of, list) else of) or WideChange(
                    {}, {}, record.number
                )
                by_record[change.record] = change
                for shard, number, packed in said["change"]:
                    change.commands[shard] = b64decode(packed)
                    change.numbers.setdefault(shard, []).append(number)
        self.changes.extend(by_record.values())
        if begins > 1 and not self._summaries:
            path = reader.segments[0].path
            text = (
                f"{path} at 0: the records before {begins} are not there, and nothing sums them up"
            )
            raise JournalDamaged(text, path, 0)
        return reader

    def _take(self, summary: Mapping[str, Any]) -> None:
        """Take over what a record says of all before it, which may have been cut."""
        known = {life["epoch"] for life in self._lives}
        told = (summary["first"], *summary.get("lives", ()))
        others = {one["epoch"]: one for one in told if one["epoch"] not in known}
        self._lives.extend(others.values())
        self._lives.sort(key=itemgetter("epoch"))
        self.names.update((number, (name, user)) for number, name, user in summary["names"])
        self.last_session = max([summary.get("last_session", 0), self.last_session, *self.names])
        self.is_prepared = summary["prepared"]
        self._migrated = summary["migrated"]

    def _offset_at(self, now: int) -> int:
        """Return what is added to the clock: a monotonic one begins anew with the machine."""
        if not self._lives or self._clock is not monotonic_ns:
            return 0  # a program's own clock is its own affair
        last = self._lives[-1]
        if last["boot"] == boot_name():
            return int(last["offset"])
        return int(last["time"] + max(0, time_ns() - last["wall"]) - now)

    def clock_from(self, last: int) -> Callable[[], int]:
        """Return the engine's clock: monotonic time goes on from the last time, never back."""
        clock = self._clock
        if clock is monotonic_ns:
            self._offset += max(0, last - clock() - self._offset)
        offset = self._offset
        return (lambda: clock() + offset) if offset else clock

    @property
    def offset(self) -> int:
        """By how much the engine's time is ahead of its clock's."""
        return self._offset

    # --- changes that span shards ----------------------------------------------------------------

    def note(self, rows: list[tuple[int, int, bytes]]) -> None:
        """Write down a change: its command for each shard, and the number that it will have there.

        Raises:
            JournalFailed: it could not be written. No shard may be told of it.
        """
        self._sum_up_if_due()
        of, self._told_again = self._told_again, None
        change = [[shard, number, b64encode(packed).decode()] for shard, number, packed in rows]
        self._write({"change": change, "of": of})
        self._noted.update((shard, number) for shard, number, _ in rows)

    def note_group(self, rows: list[tuple[int, int, bytes]], absent: list[tuple[int, int]]) -> None:
        """Write down what a session tells shards together: for each the number, and the body.

        ``absent`` are the shards that are down, with the numbers that they would have there. What
        is said to the only shard that there is, needs not be completed.

        Raises:
            JournalFailed: it could not be written. No shard may be told of it.
        """
        self._sum_up_if_due()
        if rows and self.place.header["shards"] > 1:
            group = [[shard, number, b64encode(body).decode()] for shard, number, body in rows]
            self._write({"group": group, "absent": absent})
            self._noted.update((shard, number) for shard, number, _ in rows)

    def again(self, change: WideChange) -> None:
        """Record that what is noted next is a change that was noted before."""
        self._told_again = change.record

    def settle(self) -> None:
        """Record that all shards have all changes up to here, and what else there is to know.

        So what is before can be removed that no shard's log, nor ``keep`` starts, go back to.

        Raises:
            JournalFailed: it could not be written.
        """
        self.changes.clear()
        summary = self._summary()
        self._write({"settled": self.epoch, "summary": summary, "settings": self._settings})
        self._summaries.append((self._writer.next - 1, self.epoch, 0))
        self._cut()

    def run(self, links: Sequence[ShardLink]) -> None:
        """Sum up from now on what is noted, whenever there is much of it; see the module."""
        self._links = links

    def _sum_up_if_due(self) -> None:
        """Sum up what was noted, if that is much and all shards have answered it.

        Raises:
            JournalFailed: the log takes nothing more.
        """
        if self._writer.written < self._sum_at or not (self._links and self._summaries):
            return
        noted = self._noted
        for link in self._links:  # one that is down lacks changes, and has to be told at a start
            if link.state is not ShardState.UP or link.answered <= noted.get(link.number, -1):
                return
        directory = Path(self.place.directory)
        shards = [log_folder(directory, log) for log in logs_of(DISK, directory) if log != ROUTER]
        try:
            oldest, _ = min((began_first(DISK, folder) for folder in shards), default=(0, 0))
        except OSError as error:
            _say(f"the router's journal was not cut: {error}")
            self._sum_at = self._writer.written + SUM_BYTES
            return
        lives = [life for life in (*self._lives, self._life) if life["epoch"] >= oldest]
        summary = {**self._summary(), "lives": lives}
        since, wall = self._summaries[-1][0], time_ns()
        self._writer.follow()
        before = self._writer.written
        said = {"settled": self.epoch, "since": since, "wall": wall, "summary": summary}
        self._write({**said, "settings": self._settings})
        self._summaries.append((self._writer.next - 1, self.epoch, wall))
        written = self._writer.written
        self._sum_at = written + max(SUM_BYTES, 4 * (written - before))
        self._cut()

    def _summary(self) -> dict[str, Any]:
        return {
            "first": self._life_zero,
            "names": [[number, *whose] for number, whose in self.names.items()],
            "last_session": self.last_session,
            "prepared": self.is_prepared,
            "migrated": self._migrated,
        }

    def _cut(self) -> None:
        """Remove what nobody goes back to; the last record is one that sums up."""
        try:
            self._writer.sync()
            cut_router_log(DISK, Path(self.place.directory), self._summaries, self.place.keep)
        except OSError as error:  # it is done the next time
            _say(f"the router's journal was not cut: {error}")

    # --- of a server ---------------------------------------------------------------------------

    def note_session(self, number: int, name: str, user: int) -> None:
        """Write down whose number one is.

        Raises:
            JournalFailed: it could not be written. No shard may be told of it.
        """
        self._sum_up_if_due()
        self._write({"session": [number, name, user]})
        self.names[number] = name, user

    def forget_session(self, number: int) -> None:
        """Record that nothing is open under a number any more, or is about to be."""
        self._write({"gone": number})
        self.names.pop(number, None)

    def note_prepared(self) -> None:
        """Record that the engine has been told what its configuration says beside policies."""
        self._write({"prepared": self.epoch})
        self.is_prepared = True

    def _write(self, said: object) -> None:
        self._writer.append([(json.dumps(said, separators=(",", ":")).encode(), 0)])

    def close(self) -> None:
        """Close the log, and let go of the directory. Idempotent."""
        try:
            self._writer.close()
        finally:
            self._lock.release()


def _first_of(record: object) -> int:
    """Return the record that a change was first in."""
    number: int = record[0] if isinstance(record, tuple) else record  # type: ignore[assignment]  # as WideChange has it
    return number


def _group_in(said: Any) -> tuple[list[tuple[int, int, bytes]], list[tuple[int, int]]]:
    rows = [(shard, number, b64decode(body)) for shard, number, body in said["group"]]
    return rows, [(shard, number) for shard, number in said["absent"]]


def _header(made: Made) -> dict[str, Any]:
    return {
        "openpit": metadata.version("openpit-sharded"),
        "wire": VERSION,
        "python": platform.python_version(),
        "hash_seed": sys.flags.hash_randomization and "random",
        "shards": made.shards,
        "policies": made.policies,
        "limits": made.limits,
        "actors": made.actors,
        "markets": made.markets,
    }


def check_made(
    directory: Path, header: Mapping[str, Any], made: Made, settings: str | None = None
) -> None:
    """Raise JournalMismatch if a journal was written by another engine, or another version.

    ``settings`` are the old engine's, where its log tells them: for the text.
    """
    found = _differences(header, made, settings)
    if found:
        text = f"{directory} is the journal of another engine: {'; '.join(found)}"
        raise JournalMismatch(text, found)


def _differences(header: Mapping[str, Any], made: Made, settings: str | None) -> list[str]:
    """Return in what the engine of a journal differs from one that is made now."""
    now = _header(made)
    found = [
        f"{name} is {now[name]}, and was {header[name]}"
        for name in ("openpit", "wire")
        if now[name] != header[name]
    ]
    before = Made(
        header["shards"],
        header["policies"],
        None,
        header.get("limits", {}),
        header.get("actors", ()),
    )
    return found + differences(before, made, changed_settings(header, settings, made))


def _say(text: str) -> None:
    print(f"openpit: {text}", file=sys.stderr, flush=True)  # noqa: T201 - to whoever runs it
