"""A comparison of two sides as a table."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from openpit.cli.grids import Grid, ReportConsole
from openpit.loadtest.compare import Drift, once_in
from openpit.loadtest.units import milliseconds

if TYPE_CHECKING:
    from openpit.loadtest.compare import Difference

__all__ = ["print_differences"]


def print_differences(
    found: list[Difference], tolerance: float, runs: tuple[int, int]
) -> list[str]:
    """Print a row for each figure on stdout; return the names of those that are regressions.

    ``runs`` are how many each side has.
    """
    are_many = max(runs) > 1
    headings = ["first", "second", "second / first", ""]
    if are_many:
        headings[1:2] = ["first, least to most", "second", "second, least to most"]
    table = Grid("", *headings)
    worse = []
    for difference in found:
        verdict = difference.verdict(tolerance)
        is_worse = verdict is Drift.WORSE
        if is_worse:
            worse.append(difference.name)
        cells = []
        for values in (difference.before, difference.after):
            cells.append(_told(difference, median(values)))
            if are_many:
                least, most = (_told(difference, end(values)) for end in (min, max))
                cells.append(f"{least} to {most}")
        table.add_row(
            difference.name,
            *cells,
            f"{difference.ratio:.2f}",
            verdict.value,
            style="bold red" if is_worse else None,
        )
    console = ReportConsole()
    console.print(table)
    console.print(_rule(tolerance, runs))
    return worse


def _rule(tolerance: float, runs: tuple[int, int]) -> str:
    """Return what makes a figure a regression."""
    if max(runs) == 1:
        return (
            f"worse: by more than {tolerance:.0%}. With one run on each side, what is noise is "
            "not known: --runs 5 on both tells"
        )
    return (
        f"{runs[0]} and {runs[1]} runs; worse: the middle by more than {tolerance:.0%}, and every "
        "run of the second side worse than every run of the first. Without a change that happens "
        f"to one figure in {once_in(*runs):,}"
    )


def _told(difference: Difference, value: float) -> str:
    return f"{milliseconds(value)} ms" if difference.is_time else f"{value:,.1f}"
