"""The table at the end of a replay."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from openpit.cli.grids import Grid, ReportConsole
from openpit.cli.tally import total

if TYPE_CHECKING:
    from openpit.cli.replay import Replay
    from openpit.cli.tally import Tally

__all__ = ["print_report"]

_HUMPS = re.compile(r"(?<=[a-z])(?=[A-Z])")


def print_report(
    replay: Replay, *, sharded: bool, seconds: float, died: dict[int, str] | None = None
) -> None:
    """Print a replay's counts on stdout: per shard and in total, then what was left out.

    ``seconds`` is how long the replay took, without starting and stopping the engine.
    """
    console = ReportConsole()
    rows: list[tuple[str, Tally]] = []
    if sharded:
        rows = [(f"shard {number}", tally) for number, tally in enumerate(replay.tallies)]
    summed = total(replay.tallies)
    console.print(_figures(rows, summed, seconds, died or {}))
    if summed.rejects:
        console.print(_rejects(rows, summed))
    console.print(f"replayed in {seconds:.2f} s")
    console.print(
        "decision: from handing a batch of orders to the engine until all its decisions are back",
        soft_wrap=True,
    )
    for said in (died or {}).values():
        console.print(f"died: {said}", style="bold red", soft_wrap=True)
    for line in _left_out(replay):
        console.print(line, soft_wrap=True)


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
    codes = [code for code, _ in sorted(summed.rejects.items(), key=lambda item: (-item[1], item))]
    grid = Grid("", *(_HUMPS.sub("\n", code) for code in codes), title="Rejected orders by code")
    for name, tally in rows:
        grid.add_row(name, *(f"{tally.rejects[code]:,}" for code in codes))
    grid.add_section()
    grid.add_row("total", *(f"{summed.rejects[code]:,}" for code in codes), style="bold")
    return grid


def _left_out(replay: Replay) -> list[str]:
    lines = []
    if replay.bad_lines:
        lines.append(f"bad lines: {replay.bad_lines:,} (reported above, left out)")
    lines.extend(
        f"fills and cancels left out, {reason}: {count:,}"
        for reason, count in sorted(replay.skipped.items())
        if count
    )
    lines.extend(
        f"events without an order, {kind}: {count:,}"
        for kind, count in sorted(replay.observations.items())
    )
    return lines


def _time(microseconds: int | None) -> str:
    if microseconds is None:
        return "-"
    if microseconds < 1_000:  # noqa: PLR2004 - a millisecond
        return f"{microseconds} µs"
    return f"{microseconds / 1_000:,.1f} ms"
