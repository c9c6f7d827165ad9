from __future__ import annotations

import io

import pytest
from rich.console import Console

from openpit.cli.grids import Grid

FIGURES = ("1,000,000", "2,000,000", "3,000,000", "4,000,000")


def printed(width: int) -> list[str]:
    grid = Grid("shard", "orders", "accepted", "rejected", "reports", title="Replay")
    grid.add_row("shard 0", *FIGURES)
    grid.add_section()
    grid.add_row("total", *FIGURES)
    console = Console(file=io.StringIO(), width=width)
    console.print(grid)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert all(len(line.rstrip()) <= width for line in lines)
    return [
        " ".join(line.split())
        for line in lines
        if line.strip() and "\N{BOX DRAWINGS LIGHT HORIZONTAL}" not in line
    ]


def test_a_table_that_fits_is_one() -> None:
    assert printed(80) == [
        "Replay",
        "shard orders accepted rejected reports",
        "shard 0 1,000,000 2,000,000 3,000,000 4,000,000",
        "total 1,000,000 2,000,000 3,000,000 4,000,000",
    ]


def test_a_table_that_is_too_wide_comes_in_parts_with_the_names() -> None:
    assert printed(40) == [
        "Replay",
        "shard orders accepted",
        "shard 0 1,000,000 2,000,000",
        "total 1,000,000 2,000,000",
        "shard rejected reports",
        "shard 0 3,000,000 4,000,000",
        "total 3,000,000 4,000,000",
    ]


@pytest.mark.parametrize("width", [25, 39, 40, 52, 53, 66, 67, 90])
def test_no_figure_is_cut_at_any_width(width: int) -> None:
    whole = " ".join(printed(width))

    assert all(whole.count(figure) == 2 for figure in FIGURES)
