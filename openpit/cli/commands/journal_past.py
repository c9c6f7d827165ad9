"""`openpit journal decisions` and `replay`: what a journal's engine was told, told again."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openpit.cli.exits import Exit, ExitError
from openpit.cli.server_options import accounts_option
from openpit.cli.streams import StdoutFile, tell, writing_to_stdout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from openpit.cli.files import OutFile
    from openpit.cli.sheet_files import SheetFile
    from openpit.faces.embedded import ReadyShardedEngineBuilder
    from openpit.faces.past import Moment

__all__ = ["audit_of", "decisions", "replay"]

# What reads the past is an engine; the other commands of the group need none, so it is imported
# where it is used.


def _past_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the directory, and the options that name the policies of its engine."""
    for add in (
        click.option(
            "--actor", "actors", multiple=True, metavar="NAME=MODULE:FACTORY",
            help="An actor of the engine, as `openpit serve` takes it. Repeatable.",
        ),
        click.option(
            "--policy", "custom", multiple=True, metavar="MODULE:NAME",
            help="A policy of the engine, as `openpit serve` takes it. Repeatable.",
        ),
        click.option(
            "--config", type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="Policies and limits (TOML), in front of those of --policy.",
        ),
        click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path)),
    ):  # fmt: skip
        function = add(function)
    return function


def _account_of(text: str) -> int:
    from openpit.cli.named import account_named  # noqa: PLC0415 - see above

    return account_named(text).value


@click.command()
@_past_options
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), default="-", show_default=True,
    help="Where the lines go. JSON lines, or rows by the name: .csv, .parquet, .arrow.",
)  # fmt: skip
@click.option("--account", help="The lines of one account alone.")
@accounts_option
@click.option(
    "--plain", is_flag=True,
    help="Decisions of orders alone, in the very bytes of `openpit replay --out`.",
)  # fmt: skip
def decisions(
    *,
    directory: Path,
    config: Path | None,
    custom: Sequence[str],
    actors: Sequence[str],
    out: Path,
    account: str | None,
    names: Path | None,
    plain: bool,
) -> None:
    """Write who was refused when and why, which limits were in force, and who changed them.

    The policies have to be those of the engine that has written the journal in DIRECTORY: what it
    was told is told to them again, and each answer is checked against the one of then. A line for
    each order, drop copy, adjustment, block, and change of limits, blocks, groups, currencies and
    halts, in the order of their times; docs/cli.md has their keys.
    """
    from openpit.cli.audit_lines import AuditLines  # noqa: PLC0415 - see above
    from openpit.cli.columns import AUDITED, DECISION  # noqa: PLC0415
    from openpit.cli.files import check_place  # noqa: PLC0415
    from openpit.cli.inputs import account_names  # noqa: PLC0415
    from openpit.cli.sheet_files import check_format, opened_lines  # noqa: PLC0415
    from openpit.faces.past import Past  # noqa: PLC0415

    check_place(out)
    check_format(out)
    number = None if account is None else _account_of(account)
    known = account_names(names)
    with _told():
        past = Past(_builder(directory, config, custom, actors)._plan())  # noqa: SLF001 - as `serve` does
        lines = AuditLines(past, is_plain=plain, account=number, names=known)
        with opened_lines(out, DECISION if plain else AUDITED, is_part_kept=True) as file:
            _write(lines, file)
    tell(f"{lines.orders:,} orders, {lines.rejected:,} of them refused")


def audit_of(
    directory: Path,
    config: Path | None,
    custom: Sequence[str],
    actors: Sequence[str],
    account: int | None,
) -> Iterator[str]:
    """Yield the lines of a journal, of one account or of all; arguments as of the command.

    Raises:
        ExitError: the journal or its policies are of no use; the text says why.
    """
    from openpit.cli.audit_lines import AuditLines  # noqa: PLC0415 - see above
    from openpit.faces.past import Past  # noqa: PLC0415

    with _told():
        past = Past(_builder(directory, config, custom, actors)._plan())  # noqa: SLF001 - as `serve` does
        yield from AuditLines(past, account=account)


def _write(lines: Iterator[str] | Any, file: OutFile | SheetFile | StdoutFile) -> None:
    for line in lines:
        file.write(line)
    file.finish()


@click.command()
@_past_options
@click.option(
    "--until", metavar="WHEN",
    help="SHARD:RECORD as `dump` prints them, with that record; a time of the day, as "
    "2026-11-28T16:40:00Z; or nanoseconds of the engine's clock.  [default: all there is]",
)  # fmt: skip
@click.option("--account", "accounts", multiple=True, help="An account to show. Repeatable.")
def replay(
    *,
    directory: Path,
    config: Path | None,
    custom: Sequence[str],
    actors: Sequence[str],
    until: str | None,
    accounts: Sequence[str],
) -> None:
    """Bring up the engine of DIRECTORY as it stood then, and print what it knew, as JSON.

    What it was told is told to its policies again, and each answer is checked against the one of
    then. Nothing is written, and no worker is started.
    """
    from openpit.cli.named import account_named  # noqa: PLC0415 - see above

    moment = None if until is None else _moment(until)
    named = [account_named(text) for text in accounts]
    with _told():
        try:
            engine = _builder(directory, config, custom, actors).build_past(moment)
        except ValueError as error:
            raise click.UsageError(f"--until {until}: {error}") from None
        document = _document(engine, named)
    with writing_to_stdout():
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def _document(engine: Any, accounts: Sequence[Any]) -> dict[str, Any]:
    from openpit.cli.account_document import account_document  # noqa: PLC0415

    day = engine.day
    return {
        "time": engine.time,
        "at": None if day is None else day.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "records": list(engine.records),
        "halted": engine.halted(),
        "settings": engine.settings(),
        "groups": [{**asdict(one), "group": one.group.value} for one in engine.groups()],
        "accounts": [account_document(engine.account_state(one)) for one in accounts],
    }


def _moment(text: str) -> Moment:
    """Return the moment of an argument."""
    shard, colon, record = text.partition(":")
    if shard.isdecimal() and not colon:
        return int(text)
    if shard.isdecimal() and record.isdecimal():
        return int(shard), int(record)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(
            f"--until {text}: SHARD:RECORD, a time with its zone (2026-11-28T16:40:00Z) or "
            "nanoseconds are expected"
        ) from None


def _builder(
    directory: Path, config: Path | None, custom: Sequence[str], actors: Sequence[str]
) -> ReadyShardedEngineBuilder:
    """Return a builder of the engine of a journal, with the policies that the options name."""
    from openpit.cli.inputs import text_of, told  # noqa: PLC0415
    from openpit.cli.named import with_actor, with_policy  # noqa: PLC0415
    from openpit.faces.embedded import Engine  # noqa: PLC0415
    from openpit.faces.past import made_as  # noqa: PLC0415
    from openpit.limits.reading import loads  # noqa: PLC0415 - see above
    from openpit.limits.tables import ConfigError  # noqa: PLC0415

    if config is None and not custom:
        raise click.UsageError(
            "what a journal's engine decides, its policies say: name them by --config and --policy"
            " (of a server without --config: what `openpit config` prints)"
        )
    shards = made_as(directory)["shards"]
    stage: Any = Engine.builder().sharded(shards=shards, journal=directory)
    try:
        if config is not None:
            stage = loads(text_of(config)).add_to(stage)
        for name in custom:
            stage = with_policy(stage, name)
        for named in actors:
            stage = with_actor(stage, named)
    except ConfigError as error:
        raise ExitError(Exit.BAD_CONFIG, f"{told(config or Path('-'))}: {error}") from None
    except ValueError as error:  # two policies of one name or group
        raise click.UsageError(f"--policy: {error}") from None
    return stage  # type: ignore[no-any-return]  # there is a policy


@contextmanager
def _told() -> Iterator[None]:
    """End with the code of what is wrong with a journal, or with the policies for it."""
    from openpit.errors import (  # noqa: PLC0415 - see above
        JournalDamaged,
        JournalError,
        JournalMismatch,
        ReplayDiverged,
        ShardStartError,
    )

    try:
        yield
    except JournalDamaged as error:
        raise ExitError(Exit.DAMAGED, str(error)) from None
    except JournalMismatch as error:
        needed = "--config, --policy and --actor are to be those of the engine that has written it"
        raise ExitError(Exit.MISMATCH, f"{error}; {needed}") from None
    except ReplayDiverged as error:
        raise ExitError(Exit.MISMATCH, str(error)) from None
    except JournalError as error:
        raise click.UsageError(str(error)) from None
    except ShardStartError as error:
        raise ExitError(Exit.NOT_STARTED, str(error)) from error
    except OSError as error:
        raise ExitError(Exit.IO_FAILED, f"cannot read {error.filename}: {error.strerror}") from None
