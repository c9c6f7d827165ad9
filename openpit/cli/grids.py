"""How reports are printed: names and figures in tables that are whole in any width.

A name or figure is never cut nor split over lines: whoever searches a report for a reject code
finds it. On a terminal a table that is too wide comes in parts; elsewhere it is as wide as it has
to be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn

from rich import box
from rich.console import Console
from rich.table import Table

from openpit.cli.streams import ReaderGoneError, leave_stdout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import ConsoleOptions

__all__ = ["Grid", "ReportConsole"]

UNBOUNDED: Final = 1_000_000
"""Columns where there is no terminal: a file or a pipe takes lines of any length."""


class ReportConsole(Console):
    """Where reports are printed: stdout, or stderr where stdout takes something for machines."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, stderr=stderr)
        if not self.is_terminal:
            self.width = UNBOUNDED

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as rich does, but a line that is too long is left to the terminal to wrap."""
        options.setdefault("soft_wrap", not any(isinstance(each, Grid) for each in objects))
        options.setdefault("crop", False)
        super().print(*objects, **options)

    def on_broken_pipe(self) -> NoReturn:
        """End the command with its own code; rich would end it with another."""
        leave_stdout()
        raise ReaderGoneError


class Grid:
    """A table of a column of names and columns of figures.

    Nothing is cut: where the table is too wide it comes in parts, each with the names; where even
    one column is, its lines are as long as they have to be.
    """

    def __init__(self, names: str, *headings: str, title: str | None = None) -> None:
        self._names = names
        self._headings = headings
        self._title = title
        self._rows: list[tuple[tuple[str, ...], str | None, bool]] = []
        self._is_section = False

    def add_row(self, *cells: str, style: str | None = None) -> None:
        """Append a row: the name, then a figure for each heading."""
        self._rows.append((cells, style, self._is_section))
        self._is_section = False

    def add_section(self) -> None:
        """Set the rows that follow apart from those before."""
        self._is_section = bool(self._rows)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table]:
        """Yield as few tables as fit into the width."""
        first, title = 0, self._title
        unbounded = options.update(width=UNBOUNDED)
        while first < len(self._headings):
            end = first + 1
            while (
                end < len(self._headings)
                and console.measure(self._part(first, end + 1), options=unbounded).maximum
                <= options.max_width
            ):
                end += 1
            part = self._part(first, end, title)
            # Rich would rather cut a name or a figure than let a line be too long.
            part.width = console.measure(part, options=unbounded).maximum
            yield part
            first, title = end, None

    def _part(self, first: int, end: int, title: str | None = None) -> Table:
        table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
        table.add_column(self._names, no_wrap=True)
        for heading in self._headings[first:end]:
            table.add_column(heading, justify="right", vertical="bottom", no_wrap=True)
        for (name, *figures), style, is_section in self._rows:
            if is_section:
                table.add_section()
            table.add_row(name, *figures[first:end], style=style)
        return table
