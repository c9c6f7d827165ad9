"""A comparison of two reports as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from openpit.loadtest.units import milliseconds

if TYPE_CHECKING:
    from openpit.loadtest.compare import Difference

__all__ = ["print_differences"]

WIDTH = 120


def print_differences(found: list[Difference], tolerance: float) -> list[str]:
    """Print a row for each figure on stdout; return the names of those that are regressions."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    for heading in ("first", "second", "second / first", ""):
        table.add_column(heading, justify="right", no_wrap=True)
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
    console.print(table)
    return worse


def _told(difference: Difference, value: float) -> str:
    return f"{milliseconds(value)} ms" if difference.is_time else f"{value:,.1f}"
