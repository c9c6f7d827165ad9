"""`openpit replay`: run an order flow through an engine and report."""

from __future__ import annotations

import gc
import json
import os
import sys
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from openpit.cli import csv_flows, lobster
from openpit.cli.columns import DECISION
from openpit.cli.course import FlowClock
from openpit.cli.defaults import DEFAULT_CONFIG
from openpit.cli.document import ReplaySetting, as_document
from openpit.cli.exits import STREAMS, Exit, ExitError, listed
from openpit.cli.extra import loaded
from openpit.cli.files import check_place, refuse_overwriting, write_whole
from openpit.cli.formats import BINARY, UNPACK, Format, flow_format
from openpit.cli.heads import FlowFormat
from openpit.cli.inputs import text_of, told
from openpit.cli.interrupts import interrupted
from openpit.cli.invocation import invocation_of
from openpit.cli.lines import compression_of, numbered_lines
from openpit.cli.local import LocalReplay
from openpit.cli.on_shards import OnShards
from openpit.cli.progress import progress
from openpit.cli.replay import BATCH, Replay, ShardsDiedError
from openpit.cli.report import print_report
from openpit.cli.sharded import ShardedReplay
from openpit.cli.sheet_files import check_format, opened_lines
from openpit.cli.stage import STAGE, StageFactory
from openpit.cli.streams import is_stream, one_stream, tell, writing_to_stdout
from openpit.cli.strict import TEXT_LIMIT, is_text
from openpit.cli.totals import MAX_TOLD, StrictStopError, Totals
from openpit.errors import ShardStartError
from openpit.faces.blocking.shard_messages import ShardMessages
from openpit.faces.embedded import Engine
from openpit.limits.reading import loads
from openpit.limits.tables import ConfigError
from openpit.slots import MAX_SHARDS

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from openpit.cli.events import BadLine
    from openpit.cli.files import OutFile
    from openpit.cli.lines import Line
    from openpit.cli.sheet_files import SheetFile
    from openpit.cli.streams import StdoutFile
    from openpit.limits.reading import Policies

__all__ = ["command"]

EPILOG = """\b
Examples:
  openpit replay flow.jsonl
  openpit replay flow.jsonl --shards 4 --config limits.toml --out decisions.jsonl
  openpit replay AAPL_2012-06-21_message.csv --accounts 64 --shards 0
  openpit replay flow.jsonl --json report.json
  openpit replay flow.parquet --out decisions.parquet
  zcat flow.jsonl.gz | openpit replay - --out - | grep RateLimitExceeded

The decisions are the same for any number of shards. A path of - is stdin for FLOW and --config, and
stdout for --out and --json: then the report for people goes to stderr.

""" + listed(
    *STREAMS[:3],
    Exit.BAD_CONFIG,
    Exit.BAD_LINE,
    Exit.SHARD_DIED,
    Exit.NOT_STARTED,
    Exit.IO_FAILED,
    Exit.NOT_FOUND,
    Exit.UNREADABLE,
    Exit.INTERRUPTED,
)

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
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="Policies and limits, as TOML.  [default: what `openpit config` prints]",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice([each.value for each in Format]),
    help="Format of FLOW; csv has a header, lobster none.  [default: by its name]",
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
    help="Write the decisions: one per order, in the flow's order. JSON lines, or rows by the "
    "name: .csv, .parquet, .arrow.",
)
@click.option(
    "--batch",
    type=click.IntRange(1, 65536),
    default=BATCH,
    show_default=True,
    help="Lines that are decided together at most, times the shards. Changes the speed, never a "
    "decision.",
)
@click.option(
    "--json",
    "json_",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the report as JSON, for machines; docs/cli.md has its keys.",
)
@click.option("--strict", is_flag=True, help="Stop at the first line that is wrong.")
@click.pass_context
def command(
    context: click.Context,
    /,
    flow: Path,
    shards: int | None,
    config: Path | None,
    format_: str | None,
    accounts: int,
    symbol: str | None,
    out: Path | None,
    batch: int,
    json_: Path | None,
    strict: bool,  # noqa: FBT001 - click passes options by name
) -> None:
    """Run the order flow FLOW through an engine, and report what it decided.

    FLOW is a file of JSON lines (see `openpit generate`) or of rows with the same columns (CSV with
    a header, Parquet, Arrow), a LOBSTER message file, or - for stdin.
    Every order is checked; an accepted one is committed, and its fills and cancels become execution
    reports. A line that is wrong is told on stderr, counted, and left out. A shard that is stuck or
    dies ends the replay: within 15 seconds of when it was asked something.
    """
    found = flow_format(flow, format_)
    place = f"{told(flow)}: {'row' if found in BINARY else 'line'}"
    read = _reading(flow, found, accounts, symbol)
    machine = _check(flow, config, {"--out": out, "--json": json_})
    begun = ReplaySetting(invocation_of(context), cores() if shards is None else shards, batch)
    gc.set_threshold(*GC_THRESHOLDS)
    shards = begun.shards
    clock = FlowClock()
    with ExitStack() as stack:
        engine, policies, limits = _start(
            stack, clock, shards, config, StageFactory(read, tells=out is not None)
        )
        decisions: OutFile | SheetFile | StdoutFile | None = None
        if out is not None:
            decisions = opened_lines(out, DECISION, is_part_kept=True)
            stack.enter_context(decisions)
        totals = Totals(max(shards, 1), complain=partial(_complain, place), strict=strict)
        replay: LocalReplay | OnShards
        decide: dict[str, Any] = {
            "batch": batch,
            "decided": None if decisions is None else decisions.write,
        }
        if shards:
            replay = _on_shards(engine, policies, clock, read, totals, strict=strict, **decide)
        else:
            replay = LocalReplay(engine, clock, read.event_of(), totals, **decide)
        blocks = stack.enter_context(closing(_lines_of(flow, found)))
        started = perf_counter()
        ended, died = _run(replay, blocks, totals, place)
        seconds = perf_counter() - started
        if decisions is not None and ended is None:
            decisions.finish()
    if totals.bad_lines > MAX_TOLD and ended is None:
        tell(f"{told(flow)}: {totals.bad_lines - MAX_TOLD:,} more bad lines")
    unwritten = None
    if json_ is not None:
        document = as_document(
            totals, begun, ended=ended, config=limits, seconds=seconds, died=died
        )
        try:
            write_whole(json_, json.dumps(document, indent=1) + "\n")
        except ExitError as error:
            unwritten = error  # once the report is told
    report = partial(print_report, totals, sharded=shards > 0, seconds=seconds, died=died)
    if machine is None:
        with writing_to_stdout():
            report()
    else:
        with suppress(OSError):
            report(to_stderr=True)
    if ended is not None and decisions is not None and decisions.part and decisions.part.exists():
        tell(f"the decisions until then are in {decisions.part}")
    if ended or unwritten:
        raise ended or unwritten  # type: ignore[misc]  # one of them is an error


def _check(flow: Path, config: Path | None, outputs: dict[str, Path | None]) -> str | None:
    """Refuse what cannot be read or written before any work; return what is for stdout."""
    one_stream("stdin", {"FLOW": flow, "--config": config})
    machine = one_stream("stdout", outputs)
    refuse_overwriting(outputs, {"the flow": flow, "the configuration": config})
    for path in outputs.values():
        if path is not None:
            check_place(path)
    check_format(outputs["--out"])
    return machine


def _on_shards(
    engine: Any,
    policies: Policies,
    clock: FlowClock,
    read: FlowFormat,
    totals: Totals,
    *,
    strict: bool,
    **decide: Any,
) -> OnShards:
    """Return what replays on shards: in them, or, where that would not be the same, from here."""
    event_of = read.event_of()
    decide |= {"starts": policies.starts, "shard_of": engine.shard_of}
    return OnShards(
        lambda: ShardedReplay(
            ShardMessages(engine, STAGE), read, totals, limits=policies.broad_limits, **decide
        ),
        lambda: Replay(engine, clock, event_of, totals, **decide),
        event_of,
        is_strict=strict,
    )


def _run(
    replay: LocalReplay | OnShards, blocks: Iterable[list[Line]], totals: Totals, place: str
) -> tuple[ExitError | None, dict[int, str]]:
    """Run the replay; return why it came to an early end, and the shards that died.

    ``place`` is what lines are told as, up to their numbers.
    """
    try:
        replay.run(blocks)
    except StrictStopError:
        bad = totals.first_bad[0]
        said = f"stopped at the first bad line, --strict: {place} {bad.line}: {bad.reason}"
        return ExitError(Exit.BAD_LINE, said), {}
    except ShardsDiedError as error:
        return ExitError(Exit.SHARD_DIED, f"replay stopped: {error}"), error.shards
    except KeyboardInterrupt as error:
        return interrupted(error), {}
    return _unreadable(totals, place), {}


def _unreadable(totals: Totals, place: str) -> ExitError | None:
    """Return how a replay ends that had nothing to replay, for all of its lines are bad."""
    if totals.events or not totals.bad_lines:
        return None
    first = totals.first_bad[0]
    flow, _, word = place.rpartition(": ")
    return ExitError(
        Exit.UNREADABLE,
        f"{flow}: none of its {totals.bad_lines:,} {word}s could be read; "
        f"{word} {first.line}: {first.reason}",
    )


def _start(
    stack: ExitStack, clock: FlowClock, shards: int, config: Path | None, factory: StageFactory
) -> tuple[Any, Policies, str]:
    """Build the engine and return it, its policies and their text; the stack closes the engine."""
    builder = Engine.builder().clock(clock)
    try:
        text = DEFAULT_CONFIG if config is None else text_of(config)
        policies = loads(text)
        if shards == 0:
            engine = policies.add_to(builder.no_sync()).build()
        else:
            stage = policies.add_to(builder.sharded(shards=shards))
            engine = stage.actor(STAGE, factory).build()
            stack.enter_context(engine)
        policies.prepare(engine)
    except ConfigError as error:
        name = "default configuration" if config is None else told(config)
        raise ExitError(Exit.BAD_CONFIG, f"{name}: {error}") from None
    except ShardStartError as error:
        raise ExitError(Exit.NOT_STARTED, str(error)) from error
    return engine, policies, text


def _reading(flow: Path, format_: Format, accounts: int, symbol: str | None) -> FlowFormat:
    """Return how the lines of the flow are to be read; a usage error if that is not told."""
    if format_ is not Format.LOBSTER:
        return FlowFormat()  # rows have become JSON lines
    symbol = symbol or lobster.symbol_of_name(flow.name)
    if symbol is None:
        raise click.UsageError(f"the symbol of {flow.name} is not told by its name: give --symbol")
    if not is_text(symbol):
        raise click.UsageError(f"--symbol must be a text of at most {TEXT_LIMIT} bytes")
    return FlowFormat(symbol, accounts)


def _lines_of(flow: Path, format_: Format) -> Generator[list[Line], None, None]:
    """Yield the lines of the flow, with a progress bar over its bytes, or its rows."""
    if format_ in BINARY:
        sheets = loaded("openpit.cli.arrow_flows")
        with progress("replaying", sheets.rows_in(flow, format_)) as advance:
            yield from sheets.json_lines(flow, format_, advance)
        return
    if is_stream(flow) and sys.stdin is None:
        raise ExitError(Exit.IO_FAILED, "cannot read stdin: it is closed")
    try:
        size = None if is_stream(flow) else flow.stat().st_size
        with click.open_file(str(flow), "rb") as file, progress("replaying", size) as advance:
            packed = compression_of(file)
            if packed is not None:
                raise ExitError(Exit.UNREADABLE, f"{told(flow)} is compressed ({packed}){UNPACK}")
            blocks = numbered_lines(file, advance)
            yield from csv_flows.json_lines(told(flow), blocks) if format_ is Format.CSV else blocks
    except OSError as error:
        raise ExitError(Exit.IO_FAILED, f"cannot read {told(flow)}: {error.strerror}") from None


def _complain(place: str, bad: BadLine) -> None:
    tell(f"{place} {bad.line}: {bad.reason}")
