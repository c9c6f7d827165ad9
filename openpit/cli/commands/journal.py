"""`openpit journal`: look at the logs of an engine, copy and prune them; also while it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from openpit.cli.commands.journal_copies import backup, prune
from openpit.cli.commands.journal_past import decisions, replay
from openpit.cli.exits import Exit, ExitError, listed
from openpit.cli.found_snapshots import found_snapshots, missing_before, said_of
from openpit.cli.grids import Grid, ReportConsole
from openpit.cli.streams import writing_to_stdout
from openpit.errors import JournalDamaged, WireError
from openpit.journal.files import DISK
from openpit.journal.layout import ROUTER, log_folder, logs_of
from openpit.journal.reading import LogReader
from openpit.journal.starts import check_begun, check_ends, last_starts
from openpit.wire.frames import Op, head_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openpit.cli.found_snapshots import FoundSnapshot
    from openpit.journal.records import LogRecord

__all__ = ["command"]

EPILOG = """\b
Examples:
  openpit journal verify /var/lib/desk
  openpit journal stats /var/lib/desk --json
  openpit journal dump /var/lib/desk --log shard-0000 | tail
  openpit journal backup /var/lib/desk /backup/desk-monday
  openpit journal prune /var/lib/desk --keep-days 365
  openpit journal decisions /var/lib/desk --config limits.toml --out decisions.parquet
  openpit journal replay /var/lib/desk --config limits.toml --until 0:2500 --account 7

""" + listed(
    Exit.OK,
    Exit.FAILED,
    Exit.USAGE,
    Exit.BAD_CONFIG,
    Exit.NOT_STARTED,
    Exit.IO_FAILED,
    Exit.NOT_FOUND,
    Exit.DAMAGED,
    Exit.MISMATCH,
    Exit.INTERRUPTED,
)

_OPS: Final = {
    Op.MESSAGES: "messages",
    Op.ARM: "arm",
    Op.CLOSE: "close",
    Op.END: "end",
    Op.SKIP: "skip",
    Op.TICK: "tick",
}


@click.group(epilog=EPILOG)
def command() -> None:
    """Look at a journal: what `.sharded(journal=DIR)` has written into DIR."""


def _directory(function: Callable[..., None]) -> Callable[..., None]:
    argument = click.argument(
        "directory", type=click.Path(exists=True, file_okay=False, path_type=Path)
    )
    return argument(function)


def _json_option(function: Callable[..., None]) -> Callable[..., None]:
    option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")
    return option(function)


class _Log(NamedTuple):
    """What a log was found to hold."""

    name: str
    reader: LogReader
    records: int
    bytes_of_batches: int
    damage: JournalDamaged | None
    snapshots: list[FoundSnapshot]

    @property
    def why_no_snapshots(self) -> str:
        """Why there are none, as its last segment says."""
        headers = self.reader.headers
        return str(headers[-1].get("no_snapshots", "")) if headers else ""

    @property
    def document(self) -> dict[str, Any]:
        """What there is to say of it to a machine."""
        torn, damage = self.reader.torn, self.damage
        return {
            "log": self.name,
            "records": self.records,
            "next": self.reader.next,
            "segments": len(self.reader.segments),
            "bytes": self.reader.size,
            "bytes_of_batches": self.bytes_of_batches,
            "torn": torn and {"path": str(torn.path), "position": torn.position,
                              "bytes": torn.size, "why": torn.why},
            "damaged": damage and {"path": damage.path, "position": damage.position,
                                   "why": str(damage)},
            "snapshots": [one.document for one in self.snapshots],
        }  # fmt: skip


def _read(directory: Path) -> list[_Log]:
    names = logs_of(DISK, directory)
    if not names:
        raise click.UsageError(f"{directory} has no logs: it is no journal")
    return [_read_one(directory, name) for name in names]


def _lacking(directory: Path) -> str:
    """Return which log lacks its end, as the others know; nothing if none does."""
    folder = log_folder(directory, ROUTER)
    try:
        # An engine may be starting: what the router's log knows is looked at in between.
        logs = sum(name != ROUTER for name in logs_of(DISK, directory))
        before = last_starts(DISK, directory, logs)
        reader = LogReader(DISK, folder)
        settled = [said["settled"] for said in _said(reader) if "settled" in said]
        begun = [int(one.get("epoch", -1)) for one in reader.headers]
        shards = reader.headers[-1].get("shards", 0) if reader.headers else 0
        check_begun(directory, before, max(begun, default=-1))
        check_ends(directory, last_starts(DISK, directory, shards), max(settled, default=-1))
    except JournalDamaged as error:
        return str(error)
    except OSError as error:
        raise _unreadable(error) from None
    return ""


def _said(reader: LogReader) -> Iterator[dict[str, Any]]:
    return (json.loads(record.batch) for record in reader)


def _read_one(directory: Path, name: str) -> _Log:
    """Read a log whole, and count."""
    folder = log_folder(directory, name)
    try:
        snapshots = found_snapshots(folder)
        log = _count(name, LogReader(DISK, folder), snapshots)
        whole = [one.record for one in snapshots if not one.damage]
        if log.damage is not None and whole:
            log = _count(name, LogReader(DISK, folder, whole[-1]), snapshots)  # as a start does
    except OSError as error:
        raise _unreadable(error) from None
    return log


def _count(name: str, reader: LogReader, snapshots: list[FoundSnapshot]) -> _Log:
    records = held = 0
    damage = missing_before(reader, snapshots)
    try:
        for record in reader:
            records += 1
            held += len(record.batch)
            if name == ROUTER and b'"summary":' in record.batch:
                damage = None  # of what was before, this has all that is needed
    except JournalDamaged as error:
        damage = error
    return _Log(name, reader, records, held, damage, snapshots)


def _unreadable(error: OSError) -> ExitError:
    return ExitError(Exit.IO_FAILED, f"cannot read {error.filename}: {error.strerror}")


def _print(document: Any, as_json: bool, *shown: Grid | str) -> None:  # noqa: FBT001 - the option
    with writing_to_stdout():
        if as_json:
            click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        else:
            ReportConsole().print(*shown, sep="\n")


@command.command()
@_directory
@_json_option
def verify(directory: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Read DIRECTORY's logs and snapshots, and tell whether an engine can be built of them.

    A torn tail is told: nobody has been answered by what is missing of it, and the next start
    removes it. (Of an engine that runs, it is what is being written.) A hole ends with code 15.
    """
    logs = _read(directory)
    lines = []
    for log in logs:
        state = f"hole: {log.damage}" if log.damage else "whole"
        if log.reader.torn:
            state = f"torn tail: {log.reader.torn}"
        lines.append(f"{log.name}: {log.records} records, {state}{said_of(log.snapshots)}")
    _print([log.document for log in logs], as_json, "\n".join(lines))
    damaged = ", ".join(log.name for log in logs if log.damage)
    why = f"see {damaged}" if damaged else _lacking(directory)
    if why:
        raise ExitError(Exit.DAMAGED, f"no engine can be built of {directory}: {why}")


@command.command()
@_directory
@_json_option
def stats(directory: Path, as_json: bool) -> None:  # noqa: FBT001 - as above
    """Show how much DIRECTORY's logs hold, what was written last, and what room there is."""
    logs = _read(directory)
    grid = Grid("log", "segments", "records", "bytes", "snapshots")
    for log in logs:
        reader = log.reader
        figures = len(reader.segments), log.records, reader.size, len(log.snapshots)
        grid.add_row(log.name, *(f"{figure:,}" for figure in figures))
    free = DISK.free(directory)
    document = {
        "free": free,
        "logs": [
            {**log.document, "header": log.reader.headers[-1] if log.reader.headers else None}
            for log in logs
        ],
    }
    reasons = sorted({log.why_no_snapshots for log in logs} - {""})
    notes = [f"no snapshots, all is replayed: {why}" for why in reasons]
    _print(document, as_json, grid, *notes, f"free: {free:,} bytes")


@command.command()
@_directory
@click.option("--log", "only", help="The log to print, as `stats` names it.  [default: all]")
@click.option(
    "--from", "first", type=click.IntRange(min=1), default=1, show_default=True,
    help="The number of the first record to print.",
)  # fmt: skip
@_json_option
def dump(directory: Path, only: str | None, first: int, as_json: bool) -> None:  # noqa: FBT001 - as above
    """Print a line for each record of DIRECTORY's logs: where it stands, and its batch's head.

    A snapshot has its line behind that of the last record that is in it: what it holds, or why no
    start can begin with it.
    """
    names = logs_of(DISK, directory)
    if only is not None and only not in names:
        raise click.UsageError(f"{directory} has no log {only!r}: {', '.join(names) or 'none'}")
    for name in names if only is None else [only]:
        try:
            with writing_to_stdout():
                _dump(directory, name, first, as_json=as_json)
        except JournalDamaged as error:
            raise ExitError(Exit.DAMAGED, str(error)) from None
        except OSError as error:
            raise _unreadable(error) from None


def _dump(directory: Path, name: str, first: int, *, as_json: bool) -> None:
    folder = log_folder(directory, name)
    snapshots = found_snapshots(folder)
    for row in _rows(LogReader(DISK, folder), snapshots, name, first):
        line = (
            json.dumps(row, ensure_ascii=False)
            if as_json
            else "  ".join(f"{key} {value}" for key, value in row.items())
        )
        click.echo(line)


def _rows(
    reader: LogReader, snapshots: list[FoundSnapshot], name: str, first: int
) -> Iterator[dict[str, Any]]:
    left = [one for one in snapshots if one.record >= first - 1]
    for record in reader:
        while left and left[0].record < record.number:
            yield {"log": name, **left.pop(0).row}
        if record.number >= first:
            place = {
                "log": name,
                "record": record.number,
                "position": record.position,
                "bytes": len(record.batch),
                "check": f"{record.check:08x}",
            }
            yield {**place, **_head(record, name)}
    yield from ({"log": name, **one.row} for one in left)


def _head(record: LogRecord, name: str) -> dict[str, Any]:
    """Return what the head of a record's batch says."""
    if name == ROUTER:
        return {}
    try:
        head = head_of(record.batch)
    except WireError as error:
        return {"unreadable": str(error)}
    return {
        "epoch": head.epoch,
        "client": head.client,
        "op": _OPS.get(head.op, head.op),
        "first": head.first,
        "commands": head.commands,
        "time": head.time,
    }


command.add_command(backup)
command.add_command(prune)
command.add_command(decisions)
command.add_command(replay)
