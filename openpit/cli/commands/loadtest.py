"""`openpit loadtest`: drive the sharded engine with a paced flow, and report."""

from __future__ import annotations

import importlib
import json
import math
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openpit.cli.exits import Exit, ExitError
from openpit.cli.files import write_whole
from openpit.cli.progress import progress
from openpit.cli.streams import writing_to_stdout
from openpit.cli.tables import ConfigError
from openpit.shards.slots import MAX_SHARDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openpit.loadtest.report import Report
    from openpit.loadtest.session import Request

__all__ = ["command"]

EPILOG = """\b
Examples:
  openpit loadtest
  openpit loadtest --config spot-funds --shards 4 --rate 20000 --html report.html
  openpit loadtest --ladder --policy mypolicies:Exposure --json after.json
  openpit loadtest compare before.json after.json --tolerance 0.1
  openpit loadtest --require "p99<2ms" --require "throughput>4900"
  openpit loadtest workload > workload.toml

How to read the report: docs/loadtest.md. Exit codes: openpit --help.
"""

COMPARE_EPILOG = """\b
Examples:
  openpit loadtest --json before.json
  openpit loadtest compare before.json after.json --tolerance 0.05
"""

WORKLOAD_EPILOG = """\b
Examples:
  openpit loadtest workload > workload.toml
  openpit loadtest --workload workload.toml
"""

RATE = 5000.0
"""Orders per second: with generator, router and two workers on two cores, each is idle for more
than half of the time, so that the report is about the engine and not about waiting for a core."""

SECONDS = 20.0
WARM_UP = 4.0

NAMED = ("simple", "spot-funds")

_OUT = click.Path(dir_okay=False, path_type=Path)
_IN = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Number(click.FloatRange):
    """A number within a range; what is none, and what has no end, is in no range."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


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
    """
    if context.invoked_subcommand is not None:
        return
    session = _loaded("openpit.loadtest.session")
    failed = _loaded("openpit.loadtest.conductor").ChildFailedError
    try:
        request = _request(options)
        _check_outputs(options)
        report, histograms = session.hold(request, _stage)
    except ConfigError as error:
        raise ExitError(Exit.BAD_CONFIG, str(error)) from None
    except failed as error:
        raise ExitError(Exit.NOT_STARTED, str(error)) from error
    except KeyboardInterrupt:
        raise ExitError(Exit.INTERRUPTED, "interrupted") from None
    unwritten = None
    try:
        _write(report, histograms, options)
    except ExitError as error:
        unwritten = error  # once the report is told
    with writing_to_stdout():
        _loaded("openpit.loadtest.text").print_report(report)
    if unwritten is not None:
        raise unwritten
    _judge(report)


@command.command("compare", epilog=COMPARE_EPILOG)
@click.argument("first", type=_IN)
@click.argument("second", type=_IN)
@click.option(
    "--tolerance",
    type=_Number(0, 100),
    default=0.1,
    show_default=True,
    help="Share by which a figure may be worse.",
)
def compare(first: Path, second: Path, tolerance: float) -> None:
    """Print how the report SECOND differs from FIRST; both are files of --json."""
    module = _loaded("openpit.loadtest.compare")
    try:
        documents = [module.read_report(path) for path in (first, second)]
    except (OSError, module.NotAReportError) as error:
        raise ExitError(Exit.IO_FAILED, str(error)) from None
    for line in module.other_settings(*documents):
        click.echo(f"not the same test: {line}", err=True)
    found = module.differences(*documents)
    with writing_to_stdout():
        worse = _loaded("openpit.loadtest.difference_text").print_differences(found, tolerance)
    if worse:
        raise ExitError(Exit.REGRESSED, f"worse by more than {tolerance:.0%}: {', '.join(worse)}")


@command.command("workload", epilog=WORKLOAD_EPILOG)
def workload() -> None:
    """Print the default workload, as a file to edit."""
    with writing_to_stdout():
        click.echo(_loaded("openpit.loadtest.workload").DEFAULT_WORKLOAD, nl=False)


def _loaded(module: str) -> Any:
    """Import a part of the load test; what it needs is installed apart."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ExitError(
            Exit.NOT_FOUND,
            f"{error.name} is not installed: the load test is an extra of openpit-sharded, "
            "[loadtest]; in a clone, pip install '.[loadtest]' or make dev",
        ) from None


def _request(options: dict[str, Any]) -> Request:
    plans = _loaded("openpit.loadtest.plan")
    rate = options["rate"] or RATE
    duration = options["duration"]
    warm_up = duration / 5 if options["warm_up"] is None else options["warm_up"]
    if not 1 <= round(min(rate * duration, plans.MAX_ORDERS + 1)) <= plans.MAX_ORDERS:
        raise click.UsageError(
            f"{rate:g} orders/s for {duration:g} s: one run has 1 to {plans.MAX_ORDERS:,} orders"
        )
    orders = round(rate * duration)
    if warm_up >= duration:
        raise click.UsageError("--warm-up must be less than --duration")
    only, shards = options["only_shard"], options["shards"]
    if only is not None and only >= shards:
        raise click.UsageError(f"--only-shard {only}: there are shards 0 to {shards - 1}")
    kill = options["kill_worker_at"]
    if options["in_flight"] is not None and (options["ladder"] or kill is not None):
        raise click.UsageError("--in-flight goes with neither --ladder nor --kill-worker-at")
    if kill is not None and kill >= duration:
        raise click.UsageError("--kill-worker-at must be less than --duration")
    name, policies = _policies(options["config"])
    custom = options["custom"]
    if custom and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))  # as for a script: one's policies lie here
    if options["busy_policy"]:
        name += f" and a custom policy of {options['busy_policy']:g} µs"
    if custom:
        name += f" and {', '.join(custom)}"
    plan = plans.Plan(
        workload=_workload(options["workload"], options["accounts"]),
        seed=options["seed"],
        rate=rate,
        orders=orders,
        warm_up=round(warm_up * plans.SECOND),
        shards=shards,
        policies=policies,
        custom=custom,
        busy_microseconds=options["busy_policy"],
        in_flight=options["in_flight"],
        account_skew=options["account_skew"],
        only_shard=only,
        kill_at=None if kill is None else round(kill * plans.SECOND),
        lag_limit=round(options["lag_limit"] * 1_000_000),
        stall=round((options["stall_generator"] or 0) * plans.SECOND),
    )
    baselines = tuple(dict.fromkeys(map(plans.Target, options["baselines"])))
    request: Request = _loaded("openpit.loadtest.session").Request(
        plan=plan,
        policies=name,
        baselines=baselines,
        reference=_reference(options["reference"]) if plans.Target.REFERENCE in baselines else None,
        has_ladder=options["ladder"],
        has_saturation=options["saturation"],
        step_seconds=options["ladder_seconds"],
        max_steps=options["ladder_steps"],
        requirements=_requirements(options["requirements"]),
    )
    return request


def _policies(config: str) -> tuple[str, str]:
    """Return what the report calls the policies, and their TOML text, checked."""
    named: dict[str, str] = _loaded("openpit.loadtest.policies").POLICIES
    if config in named:
        return f"{config} policies", named[config]
    path = Path(config)
    text = _text_of(path, f"--config takes {', '.join(named)} or a file")
    try:
        _loaded("openpit.cli.config").load(text)
    except ConfigError as error:
        raise ConfigError(f"{config}: {error}") from None
    return f"policies of {path.name}", text


def _workload(path: Path | None, accounts: int | None) -> Any:
    module = _loaded("openpit.loadtest.workload")
    try:
        found = module.load_workload("" if path is None else _text_of(path, ""), accounts=accounts)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    return found


def _text_of(path: Path, hint: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        told = f"cannot read {path}: {error.strerror}"
        raise ExitError(Exit.IO_FAILED, f"{told} ({hint})" if hint else told) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8 text") from None


def _requirements(texts: tuple[str, ...]) -> list[Any]:
    parse = _loaded("openpit.loadtest.requirements").parse_requirement
    try:
        return [parse(text) for text in texts]
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--require") from None


def _reference(folder: Path | None) -> Path:
    found = folder or Path(os.environ.get("OPENPIT_REFERENCE") or Path("build", "reference"))
    if not (found / "openpit").is_dir():
        raise ExitError(
            Exit.NOT_FOUND,
            f"there is no reference library in {found}: `make reference` puts it into "
            "build/reference, and --reference names another folder",
        )
    return found.resolve()


@contextmanager
def _stage(name: str, orders: int) -> Iterator[Callable[[int], object]]:
    """Tell on stderr what is being done, with a bar where there is a terminal."""
    click.echo(f"{name}: {orders:,} orders", err=True)
    with progress(name, orders) as advance:
        done = 0

        def told(decided: int) -> None:
            nonlocal done
            advance(decided - done)
            done = decided

        yield told


def _check_outputs(options: dict[str, Any]) -> None:
    """Make the folders of the files to be written: no run is to be lost for the lack of one."""
    for name in ("json_", "html", "png", "hgrm"):
        path: Path | None = options[name]
        if path is None:
            continue
        folder = path if name == "hgrm" else path.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ExitError(Exit.IO_FAILED, f"cannot write {path}: {error.strerror}") from None
        if not os.access(folder, os.W_OK | os.X_OK):
            raise ExitError(Exit.IO_FAILED, f"cannot write {path}: no access to its folder")
    if options["png"] is not None:
        picture = _loaded("openpit.loadtest.picture")
        if picture.find_chromium() is None:
            raise ExitError(Exit.NOT_FOUND, picture.MISSING)


def _write(report: Report, histograms: list[Any], options: dict[str, Any]) -> None:
    """Write the files that were asked for."""
    if path := options["json_"]:
        document = _loaded("openpit.loadtest.report").as_document(report)
        write_whole(path, json.dumps(document, indent=1) + "\n")
    if path := options["hgrm"]:
        _write_histograms(path, histograms)
    if path := options["html"]:
        write_whole(path, _loaded("openpit.loadtest.page").page(report))
    if path := options["png"]:
        _take_picture(path, report)


def _write_histograms(folder: Path, histograms: list[Any]) -> None:
    module = _loaded("openpit.loadtest.histograms")
    named = {"merged": module.merged(histograms)}
    named |= {f"shard-{shard}": histogram for shard, histogram in enumerate(histograms)}
    for name, histogram in named.items():
        write_whole(folder / f"{name}.hgrm", module.hgrm_of(histogram))


def _take_picture(path: Path, report: Report) -> None:
    module = _loaded("openpit.loadtest.picture")
    html = _loaded("openpit.loadtest.page").page(report, is_picture=True)
    try:
        picture = module.take_picture(html)
    except module.NoChromiumError as error:
        raise ExitError(Exit.NOT_FOUND, str(error)) from None
    write_whole(path, picture)


def _judge(report: Report) -> None:
    """End with the code that the report deserves."""
    if report.broken is not None:
        raise ExitError(Exit.WRONG, report.broken)
    if report.run.invalid is not None:
        raise ExitError(Exit.INVALID, report.run.invalid)
    if report.missed:
        raise ExitError(Exit.MISSED, "; ".join(report.missed))
