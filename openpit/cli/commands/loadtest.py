"""`openpit loadtest`: drive the sharded engine with a paced flow, and report."""

from __future__ import annotations

import math
import sys
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openpit.cli.artifacts import check_outputs, write
from openpit.cli.exits import STREAMS, Exit, ExitError, listed
from openpit.cli.extra import loaded
from openpit.cli.inputs import text_of, told
from openpit.cli.interrupts import interrupted
from openpit.cli.invocation import invocation_of
from openpit.cli.progress import progress
from openpit.cli.request import request_of
from openpit.cli.streams import one_stream, tell, writing_to_stdout
from openpit.limits.tables import ConfigError
from openpit.slots import MAX_SHARDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openpit.loadtest.report import Report

__all__ = ["command"]

EPILOG = """\b
Examples:
  openpit loadtest
  openpit loadtest --config spot-funds --shards 4 --rate 20000 --html report.html
  openpit loadtest --ladder --policy mypolicies:Exposure --json after.json
  openpit loadtest --clients 2 --ladder --cores-for 100000
  openpit loadtest --inside --ladder
  openpit loadtest --server /run/user/1000/openpit.sock --rate 2000
  openpit loadtest --runs 5 --json after.json
  openpit loadtest compare before.json after.json --tolerance 0.1
  openpit loadtest --require "p99<2ms" --require "throughput>4900"
  openpit loadtest workload > workload.toml

How to read the report: docs/loadtest.md. A path of - is stdin for what is read, and stdout for one
of --json, --html and --png: then the report for people goes to stderr.

""" + listed(
    *STREAMS[:3],
    Exit.BAD_CONFIG,
    Exit.SHARD_DIED,
    Exit.NOT_STARTED,
    Exit.IO_FAILED,
    Exit.INVALID,
    Exit.WRONG,
    Exit.MISSED,
    Exit.NOT_FOUND,
    Exit.REFUSED,
    Exit.INTERRUPTED,
)

COMPARE_EPILOG = """\b
Examples:
  openpit loadtest --runs 5 --json before.json
  openpit loadtest --runs 5 --json after.json
  openpit loadtest compare before.json after.json --tolerance 0.05

With one run on each side, a figure is a regression if it is worse by more than --tolerance. With
more, the middle of its runs has to be, and every run of SECOND worse than every run of FIRST: what
overlaps is noise.

""" + listed(*STREAMS[:3], Exit.IO_FAILED, Exit.REGRESSED, Exit.NOT_FOUND, Exit.INTERRUPTED)

WORKLOAD_EPILOG = """\b
Examples:
  openpit loadtest workload > workload.toml
  openpit loadtest --workload workload.toml

""" + listed(*STREAMS[:3], Exit.IO_FAILED, Exit.NOT_FOUND, Exit.INTERRUPTED)

SECONDS = 20.0

_OUT = click.Path(dir_okay=False, path_type=Path)
_IN = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


class _Number(click.FloatRange):
    """A number within a range; what is none, and what has no end, is in no range."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


MAX_CLIENTS = 32
"""Processes that drive: each makes the whole flow to find its share of it."""

_POSITIVE = _Number(min=0, min_open=True)


@click.group(invoke_without_command=True, epilog=EPILOG)
@click.option(
    "--shards",
    type=click.IntRange(1, MAX_SHARDS),
    default=2,
    show_default=True,
    help="Worker processes.",
)
@click.option(
    "--config",
    default="simple",
    show_default=True,
    help="Policies: simple (the four simple ones), spot-funds, or a file as of `openpit config`.",
)
@click.option(
    "--policy",
    "custom",
    multiple=True,
    metavar="MODULE:NAME",
    help="A policy of your own, made by calling NAME of MODULE, which may lie in this folder. "
    "May be given more than once.",
)
@click.option(
    "--busy-policy",
    type=_Number(min=0),
    default=0,
    metavar="MICROSECONDS",
    help="A custom policy that accepts every order after so long.",
)
@click.option("--workload", type=_IN, help="The load, as TOML; see `openpit loadtest workload`.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),  # Python draws the same from a number and its negative
    default=1,
    show_default=True,
    help="The same seed, the same load.",
)
@click.option(
    "--accounts",
    type=click.IntRange(1, 1_000_000),
    help="How many accounts, in place of the workload's.  [default: 10000]",
)
@click.option(
    "--account-skew",
    type=_Number(0, 10),
    help="Exponent of Zipf's law among a cohort's accounts, in place of the workload's.",
)
@click.option(
    "--rate",
    type=_POSITIVE,
    help="Orders per second that are offered; --ladder starts from it.  [default: 5000]",
)
@click.option(
    "--duration",
    type=_POSITIVE,
    default=SECONDS,
    show_default=True,
    help="Length of the run, in seconds.",
)
@click.option(
    "--warm-up",
    type=_Number(min=0),
    help="Seconds at the start that do not count.  [default: a fifth of the run]",
)
@click.option(
    "--in-flight",
    type=click.IntRange(min=1, max=100_000),
    metavar="N",
    help="Closed loop: N orders at a time to each shard, the next ones when those are decided.",
)
@click.option(
    "--runs",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="Make the run so often. The report is of the middle one by its p99 and has the figures of "
    "all; every run has to meet --require.",
)
@click.option(
    "--clients",
    type=click.IntRange(1, MAX_CLIENTS),
    metavar="N",
    help="Drive a server of the test's own (as `openpit serve`) with N processes, each a client "
    "with a share of the accounts, in place of one driver.",
)
@click.option(
    "--server",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Drive the server that listens there: accounts 1 to --accounts are funded and trade. Its "
    "policies are its own, so that decisions are not checked.  [clients: 1]",
)
@click.option(
    "--inside",
    is_flag=True,
    help="Make the orders and drive inside the workers, by an actor beside each shard's engine: "
    "the ceiling of the shards alone, without the router and the way to them.",
)
@click.option(
    "--cores-for",
    type=_POSITIVE,
    multiple=True,
    metavar="RATE",
    help="Tell how many cores clients, routers and workers take at so many orders per second. "
    "Repeatable.",
)
@click.option("--ladder", is_flag=True, help="Find the knee first; then run at half of it.")
@click.option(
    "--ladder-seconds", type=_POSITIVE, default=4.0, show_default=True, help="Length of a step."
)
@click.option(
    "--ladder-steps",
    type=click.IntRange(min=1),
    default=14,
    show_default=True,
    help="Steps at most.",
)
@click.option(
    "--saturation/--no-saturation",
    default=True,
    show_default=True,
    help="Follow an open loop with a short closed one: what is the most.",
)
@click.option("--only-shard", type=click.IntRange(min=0), help="Load this shard alone.")
@click.option(
    "--kill-worker-at",
    type=_POSITIVE,
    metavar="SECONDS",
    help="Kill the worker of shard 0 at this time, and report what becomes of the calls.",
)
@click.option(
    "--stall-generator",
    type=_POSITIVE,
    metavar="SECONDS",
    help="Let the generator stand still halfway, to see the run called INVALID.",
)
@click.option(
    "--lag-limit",
    type=_POSITIVE,
    default=10.0,
    show_default=True,
    metavar="MILLISECONDS",
    help="How late one event in a hundred may leave the generator in a run that is valid.",
)
@click.option(
    "--baseline",
    "baselines",
    multiple=True,
    type=click.Choice(["in-process", "reference"]),
    help="Run the same load on one engine without shards, or on the reference library, too.",
)
@click.option(
    "--reference",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the reference library.  [default: $OPENPIT_REFERENCE, else build/reference]",
)
@click.option("--require", "requirements", multiple=True, help='Such as "p99<2ms".')
@click.option("--json", "json_", type=_OUT, help="Write the report as JSON.")
@click.option(
    "--hgrm",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write histograms to this folder: merged.hgrm, shard-0.hgrm and so on.",
)
@click.option("--html", type=_OUT, help="Write the report as one HTML file with charts.")
@click.option("--png", type=_OUT, help="Write the charts as a picture; needs Chromium.")
@click.pass_context
def command(context: click.Context, /, **options: Any) -> None:
    """Drive a sharded engine with a made-up order flow on a timeline, and report.

    Says how late decisions are, per shard, counted from each order's intended arrival; whether each
    of them is right; and what the processes cost. Without options: 2 shards, 10,000 accounts and
    5,000 orders per second for 20 seconds.

    A shard that is stuck or dies is told on stderr at once, and makes its stage the last one. An
    open loop then ends at the latest 15 seconds after its announced length, a closed one 15 seconds
    after the shard got stuck.
    """
    if context.invoked_subcommand is not None:
        return
    session = loaded("openpit.loadtest.session")
    failed = loaded("openpit.loadtest.children").ChildFailedError
    try:
        request = request_of(options, invocation_of(context))
        machine = check_outputs(options)
        with redirect_stdout(sys.stderr):  # what policies print is no part of the report
            report, histograms = session.run_load(request, _stage, tell)
    except ConfigError as error:
        raise ExitError(Exit.BAD_CONFIG, str(error)) from None
    except failed as error:
        raise ExitError(Exit.NOT_STARTED, str(error)) from error
    except KeyboardInterrupt as error:
        raise interrupted(error) from None
    unwritten = None
    try:
        write(report, histograms, options)
    except ExitError as error:
        unwritten = error  # once the report is told
    print_report = loaded("openpit.loadtest.text").print_report
    if machine is None:
        with writing_to_stdout():
            print_report(report)
    else:
        with suppress(OSError):
            print_report(report, to_stderr=True)
    if unwritten is not None:
        raise unwritten
    _judge(report)


@command.command("compare", epilog=COMPARE_EPILOG)
@click.argument("first", type=_IN)
@click.argument("second", type=_IN)
@click.option(
    "--first", "more_first", type=_IN, multiple=True, help="More runs of the first side, a file."
)
@click.option(
    "--second", "more_second", type=_IN, multiple=True, help="More runs of the second side, a file."
)
@click.option(
    "--tolerance",
    type=_Number(0, 100),
    default=0.1,
    show_default=True,
    help="Share by which a figure may be worse.",
)
def compare(
    first: Path,
    second: Path,
    more_first: tuple[Path, ...],
    more_second: tuple[Path, ...],
    tolerance: float,
) -> None:
    """Print how the runs of SECOND differ from those of FIRST; both are files of --json.

    Both may be reports of several runs (--runs), and --first and --second add others, so that runs
    of both sides can be made in turn.
    """
    module = loaded("openpit.loadtest.compare")
    sides = [[first, *more_first], [second, *more_second]]
    named = [path for side in sides for path in side]
    one_stream("stdin", {f"report {n}": path for n, path in enumerate(named, start=1)})
    documents = [[_report_of(path) for path in side] for side in sides]
    for line in module.other_settings([*documents[0], *documents[1]]):
        tell(f"not the same test: {line}")
    found = module.differences(*documents)
    runs = tuple(sum(len(module.runs_of(each)) for each in side) for side in documents)
    with writing_to_stdout():
        text = loaded("openpit.loadtest.difference_text")
        worse = text.print_differences(found, tolerance, runs)
    if worse:
        raise ExitError(Exit.REGRESSED, f"worse by more than {tolerance:.0%}: {', '.join(worse)}")


def _report_of(path: Path) -> dict[str, Any]:
    module = loaded("openpit.loadtest.compare")
    try:
        document: dict[str, Any] = module.parse_report(text_of(path), told(path))
    except (ConfigError, module.NotAReportError) as error:
        said = f"{told(path)}: {error}" if isinstance(error, ConfigError) else str(error)
        raise ExitError(Exit.IO_FAILED, said) from None
    return document


@command.command("workload", epilog=WORKLOAD_EPILOG)
def workload() -> None:
    """Print the default workload, as a file to edit."""
    with writing_to_stdout():
        click.echo(loaded("openpit.loadtest.workload").DEFAULT_WORKLOAD, nl=False)


@contextmanager
def _stage(name: str, orders: int) -> Iterator[Callable[[int], object]]:
    """Tell on stderr what is being done, with a bar where there is a terminal."""
    tell(f"{name}: {orders:,} orders")
    with progress(name, orders) as advance:
        done = 0

        def decided_so_far(decided: int) -> None:
            nonlocal done
            advance(decided - done)
            done = decided

        yield decided_so_far


def _judge(report: Report) -> None:
    """End with the code that the report deserves."""
    if report.lost is not None:
        raise ExitError(Exit.SHARD_DIED, report.lost)
    if report.broken is not None:
        raise ExitError(Exit.WRONG, report.broken)
    if report.run.invalid is not None:
        raise ExitError(Exit.INVALID, report.run.invalid)
    if report.missed:
        raise ExitError(Exit.MISSED, "; ".join(report.missed))
