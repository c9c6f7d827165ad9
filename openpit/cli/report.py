"""The table at the end of a totals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.cli.grids import Grid, ReportConsole
from openpit.cli.tally import total
from openpit.cli.totals import MAX_TOLD
from openpit.pretrade.codes import RejectCode

if TYPE_CHECKING:
    from openpit.cli.tally import Tally
    from openpit.cli.totals import Totals

__all__ = ["notes_of", "print_report"]


def print_report(
    totals: Totals,
    *,
    sharded: bool,
    seconds: float,
    died: dict[int, str] | None = None,
    to_stderr: bool = False,
) -> None:
    """Print a replay's counts: per shard and in total, then what was left out.

    ``seconds`` is how long the replay took, without starting and stopping the engine.
    """
    console = ReportConsole(stderr=to_stderr)
    rows: list[tuple[str, Tally]] = []
    if sharded:
        rows = [(f"shard {number}", tally) for number, tally in enumerate(totals.tallies)]
    summed = total(totals.tallies)
    console.print(_figures(rows, summed, seconds, died or {}))
    if summed.rejects:
        console.print(_rejects(rows, summed))
    console.print(f"replayed in {seconds:.2f} s")
    taken = "handing a batch to the workers" if sharded else "taking a batch of lines"
    console.print(f"decision: from {taken} until all its decisions are back")
    for said in (died or {}).values():
        console.print(f"died: {said}", style="bold red")
    for line in [*_left_out(totals), *notes_of(totals)]:
        console.print(line)


def notes_of(totals: Totals) -> list[str]:
    """Return what a reader may miss in the figures, a line for each thing."""
    summed = total(totals.tallies)
    notes = []
    if not totals.events and not totals.bad_lines:
        notes.append("the flow is empty")
    lacking = summed.rejects[RejectCode.INSUFFICIENT_FUNDS]
    if lacking and not summed.accepted:
        notes.append(
            f"no order was accepted, and {lacking:,} were refused for lack of funds: an account "
            "owns nothing until [[spot_funds.funds]] in the configuration gives it something, for "
            "a flow has no deposits (see `openpit config`)"
        )
    return notes


def _figures(
    rows: list[tuple[str, Tally]], summed: Tally, seconds: float, died: dict[int, str]
) -> Grid:
    counts = ("accounts", "orders", "accepted", "rejected", "reports", "blocked\naccounts")
    grid = Grid("", *counts, "orders/s", "decision\np50", "decision\np99", title="Replay")
    for number, (name, tally) in enumerate(rows):
        grid.add_row(f"{name} (died)" if number in died else name, *_row(tally, seconds))
    grid.add_section()
    grid.add_row("total", *_row(summed, seconds), style="bold")
    return grid


def _row(tally: Tally, seconds: float) -> list[str]:
    counts = (
        tally.accounts,
        tally.orders,
        tally.accepted,
        tally.rejected,
        tally.reports,
        tally.blocked,
    )
    return [
        *(f"{count:,}" for count in counts),
        f"{tally.orders / seconds:,.0f}" if seconds else "-",
        _time(tally.latencies.percentile(0.50)),
        _time(tally.latencies.percentile(0.99)),
    ]


def _rejects(rows: list[tuple[str, Tally]], summed: Tally) -> Grid:
    """Return a row for each code, the commonest first: who searches for one finds its counts."""
    names = [name for name, _ in rows]
    grid = Grid("code", "total", *names, title="Rejected orders by code")
    for code, count in sorted(summed.rejects.items(), key=lambda item: (-item[1], item)):
        grid.add_row(code, f"{count:,}", *(f"{tally.rejects[code]:,}" for _, tally in rows))
    return grid


def _left_out(totals: Totals) -> list[str]:
    lines = []
    if totals.bad_lines:
        told = "reported above, left out"
        if totals.is_strict:
            told = "the replay stopped there"
        elif totals.bad_lines > MAX_TOLD:
            told = f"the first {MAX_TOLD} reported above, all left out"
        lines.append(f"bad lines: {totals.bad_lines:,} ({told})")
    lines.extend(
        f"fills and cancels left out, {reason}: {count:,}"
        for reason, count in sorted(totals.skipped.items())
        if count
    )
    lines.extend(
        f"events without an order, {kind}: {count:,}"
        for kind, count in sorted(totals.observations.items())
    )
    return lines


def _time(microseconds: int | None) -> str:
    if microseconds is None:
        return "-"
    if microseconds < 1_000:  # noqa: PLR2004 - a millisecond
        return f"{microseconds} µs"
    return f"{microseconds / 1_000:,.1f} ms"
