"""The report as text on a terminal or in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from openpit.cli.grids import Grid, ReportConsole
from openpit.loadtest.costs import (
    CORES,
    ROLES,
    core_rows,
    cores_told,
    role_rows,
    roles_told,
)
from openpit.loadtest.headline import checked, headline, knee, most
from openpit.loadtest.report import NOT_MEASURED
from openpit.loadtest.units import mebibytes, microseconds, milliseconds, rate, ratio

if TYPE_CHECKING:
    from openpit.loadtest.cores import Cores
    from openpit.loadtest.faults import Fault
    from openpit.loadtest.histograms import Latency
    from openpit.loadtest.measure import Run
    from openpit.loadtest.projection import Projection
    from openpit.loadtest.report import Report

__all__ = ["print_report", "small_print"]

PROCESSES = (
    "per order of all shards, after the warm-up (of generator and closed loop: of the whole run)",
    "driver: the router and its caller, who makes orders and reports",
    "bytes per account: what the process grew by, over its accounts that sent orders",
)

CLIENT_PROCESSES = (
    "per order of all shards, after the warm-up (of a closed loop: of the whole run)",
    "bytes per account: what the process grew by, over its accounts that sent orders",
)

INSIDE_PROCESSES = (
    CLIENT_PROCESSES[0],
    "workers: the engine, and the harness beside it; driver: has the workers go on, and no more",
    "bytes per account: what the process grew by once it had its events, over its accounts of them",
)

TIMES = ("p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms")


def print_report(report: Report, *, to_stderr: bool = False) -> None:
    """Print the whole report on stdout, or on stderr where that takes another."""
    console = ReportConsole(stderr=to_stderr)
    _print_top(report, console)

    def section(title: str, table: Grid | None, *below: str) -> None:
        if table is None:
            return
        console.print(Text(title, style="bold"))
        console.print(table)
        for line in below:
            console.print(Text(line))
        if below:
            console.print()

    what = "Decision latency from the intended arrival"
    if report.is_closed:
        what = "Closed loop: service time from the call of the engine"
    if report.setting.inside:
        what += ", in the worker"
    section(what, _shards(report), _imbalance(report))
    section("Runs, each of the same load", _runs(report))
    section("Trajectory", _trajectory(report))
    section("Ladder", _ladder(report))
    section(
        "Baselines: the same load on one engine, no shards",
        _baselines(report),
        *_agreement(report),
    )
    fault = report.run.fault
    if fault is not None:
        at = f"{fault.killed_at / 1e9:.3f} s"
        section(f"Worker of shard {fault.shard} killed at {at}", _fault(report, fault))
    below = CLIENT_PROCESSES if report.setting.clients else PROCESSES
    if report.setting.inside:
        below = INSIDE_PROCESSES
    section("Processes", _processes(report), *below)
    section("Processor time by role", _roles(report), *roles_told(report))
    projection = report.projection
    if projection is not None:
        section(
            "Projection, with a core for each process",
            _projection(projection),
            _router_full(report, projection),
        )
    if report.cores is not None:
        section("Cores that a rate takes", _cores(report.cores), *cores_told(report))
    if report.unprojected is not None:
        console.print(Text(f"no projection: {report.unprojected}"))
        console.print()
    for line in small_print(report):
        console.print(Text(line))


def _print_top(report: Report, console: ReportConsole) -> None:
    is_good = report.failure is None
    console.print(Text(headline(report), style="bold" if is_good else "bold red"))
    if is_good:
        for line in (checked(report), knee(report), most(report)):
            if line is not None:
                console.print(line)
    for line in report.missed:
        console.print(f"MISSED: {line}", style="bold red")
    for example in report.run.judgement.examples:
        console.print(Text(f"wrong: {example}"))
    for error in report.run.errors:
        console.print(Text(error))
    console.print()


def _times(latency: Latency) -> list[str]:
    if not latency.count:
        return ["-"] * len(TIMES)
    values = (latency.p50, latency.p90, latency.p99, latency.p999, latency.max)
    return [milliseconds(value) for value in values]


def _shards(report: Report) -> Grid:
    figures = report.run.figures
    table = Grid("shard", "accounts", "orders", "orders/s", "share", "queue", "most", *TIMES)
    for shard in figures.shards:
        table.add_row(
            str(shard.shard),
            f"{shard.accounts:,}",
            f"{shard.orders:,}",
            rate(shard.per_second),
            f"{shard.share:.1%}",
            f"{shard.depth:,.1f}",
            f"{shard.max_depth:,}",
            *_times(shard.latency),
        )
    table.add_section()
    table.add_row(
        "all",
        f"{sum(shard.accounts for shard in figures.shards):,}",
        f"{figures.orders:,}",
        rate(figures.per_second),
        "",
        f"{sum(shard.depth for shard in figures.shards):,.1f}",
        "",
        *_times(figures.latency),
        style="bold",
    )
    warm_up = figures.warm_up
    table.add_row(
        "warm-up", "", f"{warm_up.count:,}", "", "", "", "", *_times(warm_up), style="dim"
    )
    return table


def _imbalance(report: Report) -> str:
    figures = report.run.figures
    busiest = max(figures.shards, key=lambda shard: shard.orders).shard
    offered = ""
    if not report.is_closed:
        offered = f" (of {figures.offered:,} that arrived then)"
    refused = sum(shard.rejected for shard in figures.shards)
    return (
        "accounts: those that sent orders; "
        f"orders: decided after the warm-up{offered}, {refused:,} of them refused; "
        "queue: orders that had arrived and were not decided, on average and at most; imbalance "
        f"{figures.imbalance:.2f} (busiest shard, {busiest}, over the mean)"
    )


def _runs(report: Report) -> Grid | None:
    if len(report.runs) < 2:  # noqa: PLR2004 - one run is the report
        return None
    table = Grid("run", "orders", "orders/s", *TIMES, "processor µs")
    for number, run in enumerate(report.runs):
        used = [process.processor for process in run.processes[1:] if process.processor is not None]
        table.add_row(
            f"{number + 1}{' (reported)' if number == report.told else ''}",
            f"{run.figures.orders:,}",
            rate(run.figures.per_second),
            *_times(run.figures.latency),
            microseconds(sum(used)) if used else "-",
            style="bold" if number == report.told else None,
        )
    return table


def _trajectory(report: Report) -> Grid:
    table = Grid(
        "seconds", "arrived", "decided", "waiting at its end", "p50 ms", "p99 ms", "max ms", ""
    )
    for window in report.run.figures.windows:
        p50, _, p99, _, most = _times(window.latency)
        table.add_row(
            f"{window.start:g} to {window.end:g}",
            f"{window.arrived:,}",
            f"{window.decided:,}",
            f"{window.backlog:,}",
            p50,
            p99,
            most,
            "warm-up" if window.is_warm_up else "",
            style="dim" if window.is_warm_up else None,
        )
    return table


def _ladder(report: Report) -> Grid | None:
    if report.ladder is None:
        return None
    table = Grid("asked/s", "offered/s", "decided/s", "p50 ms", "p99 ms", "max ms", "late s", "")
    for step in report.ladder.steps:
        p50, _, p99, _, most = _times(step.latency)
        is_knee = step.offered == report.ladder.knee
        table.add_row(
            rate(step.offered),
            rate(step.arrived),
            rate(step.per_second),
            p50,
            p99,
            most,
            f"{step.drain:.2f}",
            f"{step.verdict} (knee)" if is_knee else step.verdict,
            style="bold" if is_knee else None,
        )
    return table


def _baselines(report: Report) -> Grid | None:
    if not report.baselines:
        return None
    table = Grid("", "orders/s", *TIMES, "processor µs", "closed loop/s")
    rows: list[tuple[str, Run, Run | None]] = [("this run", report.run, report.saturation)]
    rows += [
        (f"{each.name} ({each.run.library})", each.run, each.saturation)
        for each in report.baselines
    ]
    for number, (told, run, full) in enumerate(rows):
        name = told if run.invalid is None else f"{told}, INVALID"
        used = [process.processor for process in run.processes[1:] if process.processor is not None]
        table.add_row(
            name,
            rate(run.figures.per_second),
            *_times(run.figures.latency),
            microseconds(sum(used)) if used else "-",
            "-" if full is None else "INVALID" if full.invalid else rate(full.figures.per_second),
        )
        if number:
            ratios = report.baselines[number - 1].ratios
            table.add_row("  over this run", *map(ratio, ratios.values()), style="dim")
    return table


def _agreement(report: Report) -> list[str]:
    """Return a line for each baseline: whether it decided the same."""
    lines = []
    for each in report.baselines:
        checked = each.run.judgement.checked
        verdict = each.run.broken or f"all {checked:,} decisions are the same"
        if each.run.invalid is not None:
            verdict = f"INVALID, {each.run.invalid}"
        lines.append(f"{each.name}: {verdict}")
        if each.saturation is not None and each.saturation.invalid is not None:
            lines.append(f"{each.name}, closed loop: INVALID, {each.saturation.invalid}")
    return lines


def _fault(report: Report, fault: Fault) -> Grid:
    table = Grid("", "")
    told = [
        ("from the kill until the engine said that the shard is down", fault.noticed),
        ("from the kill until the first order was denied", fault.first_denial),
    ]
    for name, time in told:
        table.add_row(name, "never" if time is None else f"{milliseconds(time)} ms")
    table.add_row("orders denied", f"{fault.denied:,}")
    table.add_row("longest wait for a denial", f"{milliseconds(fault.slowest_denial)} ms")
    table.add_row("orders that passed when it was known to be down", f"{fault.passed_after:,}")
    for name, count in sorted(report.run.failures.items()):
        table.add_row(f"other calls that raised {name}", f"{count:,}")
    for name, latency in (("before", fault.others_before), ("after", fault.others_after)):
        times = (
            f"{milliseconds(latency.p50)}, {milliseconds(latency.p99)}" if latency.count else "-"
        )
        table.add_row(f"p50 and p99 of the other shards {name} it, ms", times)
    return table


def _processes(report: Report) -> Grid:
    table = Grid("", "µs of processor per order", "peak MiB", "bytes per account")
    for process in report.run.processes:
        grown = process.per_account
        table.add_row(
            process.name,
            microseconds(process.processor),
            mebibytes(process.peak),
            "-" if grown is None else f"{grown:,.0f}",
        )
    return table


def _roles(report: Report) -> Grid | None:
    rows = role_rows(report)
    if not rows:
        return None
    table = Grid(*ROLES)
    for row in rows:
        table.add_row(*row)
    return table


def _cores(cores: Cores) -> Grid:
    table = Grid(*CORES)
    for row in core_rows(cores):
        table.add_row(*row)
    return table


def _router_full(report: Report, projection: Projection) -> str:
    source = "the run" if report.saturation is None else "the closed loop"
    return (
        f"One router, with its caller, is full at {rate(projection.router_per_second)} orders/s, "
        f"the work of {projection.router_full_at:.1f} shards: an order takes "
        f"{microseconds(projection.driver)} µs of processor there and "
        f"{microseconds(projection.worker)} µs in a worker (from {source})."
    )


def _projection(projection: Projection) -> Grid:
    table = Grid("shards", "orders/s", "limited by")
    for row in projection.rows:
        limit = "router" if row.is_router_full else "workers"
        table.add_row(str(row.shards), rate(row.per_second), limit)
    return table


def small_print(report: Report) -> list[str]:
    """Return what one has to know before one believes the figures, a line for each thing."""
    setting, machine, run = report.setting, report.machine, report.run
    length = f"{setting.orders:,} orders in {setting.seconds:.1f} s"
    told = []
    if report.invocation is not None:
        called = report.invocation
        told.append(f"{called.text}, begun {called.date}, openpit-sharded {called.version}")
    told += [
        f"seed {setting.seed}, config {setting.config[:12]}, workload {setting.workload[:12]}",
        f"decisions {run.judgement.checksum}"
        + (
            ": the same for the same seed and config"
            if run.unchecked is None
            and not run.is_spanned
            and not run.judgement.denied
            and not run.judgement.wrong
            and not run.lost
            else ""
        ),
    ]
    if report.is_closed:
        waited = f"; the driver waited for the generator for {run.starved:.1%} of the time"
        told.append(
            f"closed loop: {length} of timeline, taken as fast as they were decided"
            f"{'' if setting.clients or setting.inside else waited}"
        )
    else:
        who = "clients behind their" if setting.clients else "generator behind its"
        if setting.inside:
            who = "workers behind their"
        told.append(
            f"open loop: {length}, the first {setting.warm_up:g} s as warm-up; "
            f"{who} timeline by p50 {milliseconds(run.lag.p50)}, "
            f"p99 {milliseconds(run.lag.p99)}, max {milliseconds(run.lag.max)} ms"
        )
    lanes = "a lane for each shard"
    if setting.clients:
        lanes = "each client one thread, with the accounts that are its own"
    elif setting.inside:
        lanes = "an actor in each worker, beside its engine, with the accounts of its shard"
    elif setting.lanes < setting.shards:
        lanes = "one lane for all shards, since a limit over all accounts binds"
    told.append(
        f"{lanes}; {run.calls:,} calls for orders, {run.reports:,} reports, "
        f"{run.deposits:,} deposits"
    )
    told.append(
        f"{machine.python} on {machine.platform}, {machine.processor}, {machine.cores} cores for "
        f"{machine.processes} processes ({machine.processes / machine.cores:.1f} for each core)"
    )
    told.append(", ".join(f"{name} {version}" for name, version in machine.versions.items()))
    counts = ", ".join(f"{name} {counted}" for name, counted in run.collected.items())
    told.append(f"garbage collections by generation: {counts}")
    told.append(
        f"checked: nothing, since {run.unchecked or 'a shard was lost'}"
        if run.lost or run.unchecked
        else "checked: acceptance, every reject to the letter, blocks raised by reports"
        + (
            "; of limits over all accounts, how many orders they let pass, not which"
            if run.is_spanned
            else ""
        )
    )
    told.append("not measured: " + "; ".join(NOT_MEASURED))
    return told
