"""A comparison of two reports as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.cli.grids import Grid, ReportConsole
from openpit.loadtest.units import milliseconds

if TYPE_CHECKING:
    from openpit.loadtest.compare import Difference

__all__ = ["print_differences"]


def print_differences(found: list[Difference], tolerance: float) -> list[str]:
    """Print a row for each figure on stdout; return the names of those that are regressions."""
    table = Grid("", "first", "second", "second / first", "")
    worse = []
    for difference in found:
        is_worse = difference.is_regression(tolerance)
        if is_worse:
            worse.append(difference.name)
        table.add_row(
            difference.name,
            _told(difference, difference.before),
            _told(difference, difference.after),
            f"{difference.ratio:.2f}",
            "worse" if is_worse else "",
            style="bold red" if is_worse else None,
        )
    ReportConsole().print(table)
    return worse


def _told(difference: Difference, value: float) -> str:
    return f"{milliseconds(value)} ms" if difference.is_time else f"{value:,.1f}"
