"""`openpit journal backup`: a copy of a journal, while its engine is at work."""

from __future__ import annotations

import json
from pathlib import Path

import click

from openpit.cli.exits import Exit, ExitError
from openpit.cli.grids import Grid, ReportConsole
from openpit.cli.streams import writing_to_stdout
from openpit.errors import JournalDamaged, JournalError
from openpit.faces.backup import back_up

__all__ = ["backup"]


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
    try:
        copied = back_up(directory, to)
    except FileExistsError:
        raise click.UsageError(f"{to} exists") from None
    except JournalDamaged as error:
        raise ExitError(Exit.DAMAGED, str(error)) from None
    except JournalError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        where = error.filename or to
        raise ExitError(Exit.IO_FAILED, f"cannot copy {where}: {error.strerror}") from None
    grid = Grid("log", "records", "bytes")
    for name, log in copied.items():
        grid.add_row(name, f"{log.records:,}", f"{log.bytes:,}")
    with writing_to_stdout():
        if as_json:
            document = [{"log": name, **log._asdict()} for name, log in copied.items()]
            click.echo(json.dumps(document, indent=2))
        else:
            ReportConsole().print(grid)
