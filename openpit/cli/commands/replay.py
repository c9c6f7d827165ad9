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

from openpit.cli import lobster
from openpit.cli.config import load
from openpit.cli.course import FlowClock
from openpit.cli.defaults import DEFAULT_CONFIG
from openpit.cli.document import ReplaySetting, as_document
from openpit.cli.exits import STREAMS, Exit, ExitError, listed
from openpit.cli.files import check_place, opened, refuse_overwriting, write_whole
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
from openpit.cli.stage import STAGE, StageFactory
from openpit.cli.streams import is_stream, one_stream, tell, writing_to_stdout
from openpit.cli.strict import TEXT_LIMIT, is_text
from openpit.cli.tables import ConfigError
from openpit.cli.totals import MAX_TOLD, StrictStopError, Totals
from openpit.errors import ShardStartError
from openpit.faces.blocking.shard_messages import ShardMessages
from openpit.faces.embedded import Engine
from openpit.slots import MAX_SHARDS

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from openpit.cli.config import Policies
    from openpit.cli.events import BadLine
    from openpit.cli.files import OutFile
    from openpit.cli.lines import Line
    from openpit.cli.streams import StdoutFile

__all__ = ["command"]

EPILOG = """\b
Examples:
  openpit replay flow.jsonl
  openpit replay flow.jsonl --shards 4 --config limits.toml --out decisions.jsonl
  openpit replay AAPL_2012-06-21_message.csv --accounts 64 --shards 0
  openpit replay flow.jsonl --json report.json
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
    Exit.UNREADABLE,
    Exit.INTERRUPTED,
)

FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "lobster"}
"""Format by the end of the file's name."""

PACKED = {".gz", ".bz2", ".xz", ".zst", ".zip"}
"""Ends of the names of files that have to be unpacked first."""

UNPACK = "; unpack it first, as in: zcat FLOW | openpit replay - --format jsonl"

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
    help="What is decided together at most. Changes the speed, never a decision.",
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

    FLOW is a file of JSON lines (see `openpit generate`), a LOBSTER message file, or - for stdin.
    Every order is checked; an accepted one is committed, and its fills and cancels become execution
    reports. A line that is wrong is told on stderr, counted, and left out. A shard that is stuck or
    dies ends the replay: within 15 seconds of when it was asked something.
    """
    read = _format_of(flow, format_, accounts, symbol)
    event_of = read.event_of()
    machine = _check(flow, config, {"--out": out, "--json": json_})
    begun = ReplaySetting(invocation_of(context), cores() if shards is None else shards, batch)
    gc.set_threshold(*GC_THRESHOLDS)
    shards = begun.shards
    clock = FlowClock()
    with ExitStack() as stack:
        engine, policies, limits = _start(
            stack, clock, shards, config, StageFactory(read, tells=out is not None)
        )
        decisions: OutFile | StdoutFile | None = None
        if out is not None:
            decisions = opened(out, is_part_kept=True)
            stack.enter_context(decisions)
        totals = Totals(max(shards, 1), complain=partial(_complain, told(flow)), strict=strict)
        write = None if decisions is None else decisions.write
        replay: LocalReplay | OnShards
        if shards:
            more: dict[str, Any] = {"batch": batch, "decided": write, "starts": policies.starts}
            more["shard_of"] = engine.shard_of
            replay = OnShards(
                lambda: ShardedReplay(
                    ShardMessages(engine, STAGE), read, totals, limits=policies.broad_limits, **more
                ),
                lambda: Replay(engine, clock, event_of, totals, **more),
                event_of,
                is_strict=strict,
            )
        else:
            replay = LocalReplay(engine, clock, event_of, totals, batch=batch, decided=write)
        blocks = stack.enter_context(closing(_lines_of(flow)))
        started = perf_counter()
        ended, died = _run(replay, blocks, totals, flow)
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
    return machine


def _run(
    replay: LocalReplay | OnShards, blocks: Iterable[list[Line]], totals: Totals, flow: Path
) -> tuple[ExitError | None, dict[int, str]]:
    """Run the replay; return why it came to an early end, and the shards that died."""
    try:
        replay.run(blocks)
    except StrictStopError as error:
        said = f"stopped at the first bad line, --strict: {told(flow)}: {error}"
        return ExitError(Exit.BAD_LINE, said), {}
    except ShardsDiedError as error:
        return ExitError(Exit.SHARD_DIED, f"replay stopped: {error}"), error.shards
    except KeyboardInterrupt as error:
        return interrupted(error), {}
    return _unreadable(totals, flow), {}


def _unreadable(totals: Totals, flow: Path) -> ExitError | None:
    """Return how a replay ends that had nothing to replay, for all of its lines are bad."""
    if totals.events or not totals.bad_lines:
        return None
    first = totals.first_bad[0]
    return ExitError(
        Exit.UNREADABLE,
        f"{told(flow)}: none of its {totals.bad_lines:,} lines could be read; "
        f"line {first.line}: {first.reason}",
    )


def _start(
    stack: ExitStack, clock: FlowClock, shards: int, config: Path | None, factory: StageFactory
) -> tuple[Any, Policies, str]:
    """Build the engine and return it, its policies and their text; the stack closes the engine."""
    builder = Engine.builder().clock(clock)
    try:
        text = DEFAULT_CONFIG if config is None else text_of(config)
        policies = load(text)
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


def _format_of(flow: Path, format_: str | None, accounts: int, symbol: str | None) -> FlowFormat:
    """Return how the lines of the flow are to be read; a usage error if that is not told."""
    format_ = format_ or FORMATS.get(flow.suffix.lower(), "jsonl" if is_stream(flow) else None)
    if format_ is None:
        raise click.UsageError(
            f"the format of {flow.name} is not told by its name: give --format"
            + (UNPACK if flow.suffix.lower() in PACKED else "")
        )
    if format_ == "jsonl":
        return FlowFormat()
    symbol = symbol or lobster.symbol_of_name(flow.name)
    if symbol is None:
        raise click.UsageError(f"the symbol of {flow.name} is not told by its name: give --symbol")
    if not is_text(symbol):
        raise click.UsageError(f"--symbol must be a text of at most {TEXT_LIMIT} bytes")
    return FlowFormat(symbol, accounts)


def _lines_of(flow: Path) -> Generator[list[Line], None, None]:
    """Yield the lines of the flow, with a progress bar over its bytes."""
    if is_stream(flow) and sys.stdin is None:
        raise ExitError(Exit.IO_FAILED, "cannot read stdin: it is closed")
    try:
        size = None if is_stream(flow) else flow.stat().st_size
        with click.open_file(str(flow), "rb") as file, progress("replaying", size) as advance:
            packed = compression_of(file)
            if packed is not None:
                raise ExitError(Exit.UNREADABLE, f"{told(flow)} is compressed ({packed}){UNPACK}")
            yield from numbered_lines(file, advance)
    except OSError as error:
        raise ExitError(Exit.IO_FAILED, f"cannot read {told(flow)}: {error.strerror}") from None


def _complain(flow: str, bad: BadLine) -> None:
    tell(f"{flow}: line {bad.line}: {bad.reason}")
