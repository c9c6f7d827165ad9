"""`openpit replay`: run an order flow through an engine and report."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from openpit.cli import flows, lobster
from openpit.cli.config import load
from openpit.cli.defaults import DEFAULT_CONFIG
from openpit.cli.exits import Exit, ExitError
from openpit.cli.files import OutFile
from openpit.cli.lines import numbered_lines
from openpit.cli.progress import progress
from openpit.cli.replay import BATCH, FlowClock, Replay, ShardsDiedError, StrictStopError
from openpit.cli.report import print_report
from openpit.cli.streams import writing_to_stdout
from openpit.cli.tables import ConfigError
from openpit.engine.engine import Engine
from openpit.errors import ShardStartError
from openpit.shards.slots import MAX_SHARDS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from openpit.cli.config import Policies
    from openpit.cli.events import BadLine, Event

    _Reader = Callable[[Iterable[tuple[int, bytes | BadLine]]], Iterator[Event | BadLine]]

__all__ = ["command"]

EPILOG = """\b
Examples:
  openpit replay flow.jsonl
  openpit replay flow.jsonl --shards 4 --config limits.toml --out decisions.jsonl
  openpit replay AAPL_2012-06-21_message.csv --accounts 64 --shards 0

The decisions are the same for any number of shards. Exit codes: openpit --help.
"""

FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "lobster"}
"""Format by the end of the file's name."""

GC_THRESHOLDS = (50_000, 20, 20)
"""A replay makes millions of short-lived objects and no cycles. With Python's own thresholds, half
of its time goes into looking for cycles among the orders that are open."""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@click.command(epilog=EPILOG)
@click.argument(
    "flow", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
)
@click.option(
    "--shards",
    type=click.IntRange(0, MAX_SHARDS),
    help="Worker processes; 0 runs one engine in this process.  [default: the number of cores]",
)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Policies and limits, as TOML.  [default: what `openpit config` prints]",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["jsonl", "lobster"]),
    help="Format of FLOW.  [default: by its name: .jsonl, or .csv for lobster]",
)
@click.option(
    "--accounts",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="LOBSTER knows no accounts: an order belongs to its id modulo this.",
)
@click.option(
    "--symbol", help="Symbol of a LOBSTER file.  [default: the file's name up to the first _]"
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the decisions as JSON lines: one per order, in the flow's order.",
)
@click.option(
    "--batch",
    type=click.IntRange(1, 65536),
    default=BATCH,
    show_default=True,
    help="Orders in one call at most. Changes the speed, never a decision.",
)
@click.option("--strict", is_flag=True, help="Stop at the first line that is wrong.")
def command(
    flow: Path,
    shards: int | None,
    config: Path | None,
    format_: str | None,
    accounts: int,
    symbol: str | None,
    out: Path | None,
    batch: int,
    strict: bool,  # noqa: FBT001 - click passes options by name
) -> None:
    """Run the order flow FLOW through an engine, and report what it decided.

    FLOW is a file of JSON lines (see `openpit generate`), a LOBSTER message file, or - for stdin.
    Every order is checked; an accepted one is committed, and its fills and cancels become execution
    reports. A line that is wrong is told on stderr, counted, and left out.
    """
    read = _reader(flow, format_, accounts, symbol)
    _check_out(out, flow, config)
    gc.set_threshold(*GC_THRESHOLDS)
    shards = cores() if shards is None else shards
    clock = FlowClock()
    ended: ExitError | None = None
    died: dict[int, str] = {}
    with ExitStack() as stack:
        engine, policies = _start(stack, clock, shards, config)
        decisions = None
        if out is not None:
            decisions = stack.enter_context(OutFile(out, is_part_kept=True))
        replay = Replay(
            engine,
            clock,
            shards=max(shards, 1),
            shard_of=engine.shard_of if shards else lambda _: 0,
            batch=batch,
            decided=None if decisions is None else decisions.write,
            complain=_complain,
            strict=strict,
            starts=policies.starts,
        )
        lines = stack.enter_context(closing(_lines_of(flow)))
        started = perf_counter()
        try:
            replay.run(read(lines))
        except StrictStopError as error:
            ended = ExitError(Exit.BAD_LINE, f"stopped at the first bad line, --strict: {error}")
        except ShardsDiedError as error:
            died = error.shards
            ended = ExitError(Exit.SHARD_DIED, f"replay stopped: {error}")
        except KeyboardInterrupt:
            ended = ExitError(Exit.INTERRUPTED, "interrupted")
        seconds = perf_counter() - started
        if decisions is not None and ended is None:
            decisions.finish()
    with writing_to_stdout():
        print_report(replay, sharded=shards > 0, seconds=seconds, died=died)
    if ended is not None and decisions is not None:
        click.echo(f"the decisions until then are in {decisions.part}", err=True)
    if ended is not None:
        raise ended


def _check_out(out: Path | None, flow: Path, config: Path | None) -> None:
    """Refuse to write the decisions over what they are made from."""
    if out is None or not out.exists():
        return
    for path, name in ((flow, "flow"), (config, "configuration")):
        if path is not None and path.exists() and out.samefile(path):
            raise click.UsageError(f"--out would overwrite the {name}")


def _start(
    stack: ExitStack, clock: FlowClock, shards: int, config: Path | None
) -> tuple[Any, Policies]:
    """Build the engine with its policies and return both; the stack closes the engine."""
    builder = Engine.builder().clock(clock)
    try:
        policies = load(DEFAULT_CONFIG if config is None else _text_of(config))
        if shards == 0:
            engine = policies.add_to(builder.no_sync()).build()
        else:
            engine = policies.add_to(builder.sharded(shards=shards)).build()
            stack.enter_context(engine)
        policies.prepare(engine)
    except ConfigError as error:
        raise ExitError(Exit.BAD_CONFIG, f"{config or 'default configuration'}: {error}") from None
    except ShardStartError as error:
        raise ExitError(Exit.NOT_STARTED, str(error)) from error
    return engine, policies


def _reader(flow: Path, format_: str | None, accounts: int, symbol: str | None) -> _Reader:
    """Return what turns the flow's lines into events; a usage error if that is not told."""
    format_ = format_ or FORMATS.get(flow.suffix.lower(), "jsonl" if str(flow) == "-" else None)
    if format_ is None:
        raise click.UsageError(f"the format of {flow.name} is not told by its name: give --format")
    if format_ == "jsonl":
        return flows.read
    symbol = symbol or lobster.symbol_of_name(flow.name)
    if symbol is None:
        raise click.UsageError(f"the symbol of {flow.name} is not told by its name: give --symbol")
    if not flows.is_text(symbol):
        raise click.UsageError(f"--symbol must be a text of at most {flows.TEXT_LIMIT} bytes")
    return partial(lobster.read, symbol=symbol, accounts=accounts)


def _lines_of(flow: Path) -> Generator[tuple[int, bytes | BadLine], None, None]:
    """Yield the lines of the flow, with a progress bar over its bytes."""
    if str(flow) == "-" and sys.stdin is None:
        raise ExitError(Exit.IO_FAILED, "cannot read stdin: it is closed")
    try:
        size = None if str(flow) == "-" else flow.stat().st_size
        with click.open_file(str(flow), "rb") as file, progress("replaying", size) as advance:
            yield from numbered_lines(file, advance)
    except OSError as error:
        raise ExitError(Exit.IO_FAILED, f"cannot read {flow}: {error.strerror}") from None


def _text_of(config: Path) -> str:
    try:
        return config.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ExitError(Exit.IO_FAILED, f"cannot read {config}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError("not UTF-8 text") from None


def _complain(bad: BadLine) -> None:
    click.echo(f"line {bad.line}: {bad.reason}", err=True)
