"""`openpit journal backup` and `prune`: a copy of a journal, and less of one."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from openpit.cli.exits import Exit, ExitError
from openpit.cli.grids import Grid, ReportConsole
from openpit.cli.streams import writing_to_stdout
from openpit.errors import JournalDamaged, JournalError
from openpit.faces.backup import back_up
from openpit.journal.files import DISK
from openpit.journal.layout import ROUTER, log_folder, logs_of
from openpit.journal.retention import prune as remove_old

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["backup", "prune"]

_DAY: Final = 24 * 3600 * 1_000_000_000


@click.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("to", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")
def backup(directory: Path, to: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Copy DIRECTORY's logs to TO, also while the engine runs: an engine can be built of the copy.

    It has what was answered before the command began, and of what came meanwhile a part: of each
    account its first calls. Changes that span shards it has whole, or not. TO must not exist; it
    has its name when it is on the disk and was read again.
    """
    with _told("copy", to):
        copied = back_up(directory, to)
    grid = Grid("log", "records", "bytes")
    for name, log in copied.items():
        grid.add_row(name, f"{log.records:,}", f"{log.bytes:,}")
    with writing_to_stdout():
        if as_json:
            document = [{"log": name, **log._asdict()} for name, log in copied.items()]
            click.echo(json.dumps(document, indent=2))
        else:
            ReportConsole().print(grid)


@click.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--keep-days", type=click.FloatRange(0), required=True,
    help="Keep what is not older than so many days.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")
def prune(directory: Path, keep_days: float, as_json: bool) -> None:  # noqa: FBT001 - as above
    """Remove from DIRECTORY's logs what is older than --keep-days and in snapshots.

    For engines that keep all of their logs (`keep=None`). Whole segments go, and none that a start
    could need: where there are no two snapshots behind them they stay, however old they are. The
    router's log stays. The engine may be at work.
    """
    before = time.time_ns() - round(keep_days * _DAY)
    grid = Grid("log", "removed", "old, and needed")
    document = []
    with _told("prune", directory):
        logs = logs_of(DISK, directory)
        if ROUTER not in logs:
            raise JournalError(f"{directory} is no journal: no engine has been started on it")
        for log in logs:
            if log != ROUTER:
                removed, needed = remove_old(DISK, log_folder(directory, log), before)
                grid.add_row(log, f"{removed:,}", f"{needed:,}")
                document.append({"log": log, "removed": removed, "needed": needed})
    with writing_to_stdout():
        if as_json:
            click.echo(json.dumps(document, indent=2))
        else:
            ReportConsole().print(grid)


@contextmanager
def _told(what: str, path: Path) -> Iterator[None]:
    """End with the code of what is wrong with a journal, or with a place for one."""
    try:
        yield
    except FileExistsError:
        raise click.UsageError(f"{path} exists") from None
    except JournalDamaged as error:
        raise ExitError(Exit.DAMAGED, str(error)) from None
    except JournalError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        where = error.filename or path
        raise ExitError(Exit.IO_FAILED, f"cannot {what} {where}: {error.strerror}") from None
