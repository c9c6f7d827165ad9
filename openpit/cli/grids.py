"""How reports are printed: figures in tables that are whole in any width."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from rich import box
from rich.console import Console
from rich.table import Table

from openpit.cli.streams import ReaderGoneError, leave_stdout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import ConsoleOptions

__all__ = ["Grid", "ReportConsole"]

WIDTH: Final = 120
"""Columns where stdout is no terminal that could tell."""

_UNBOUNDED: Final = 1_000_000


class ReportConsole(Console):
    """Where reports are printed: stdout, in the width of the terminal or of a page."""

    def __init__(self) -> None:
        super().__init__(highlight=False)
        if not self.is_terminal:
            self.width = WIDTH

    def on_broken_pipe(self) -> NoReturn:
        """End the command with its own code; rich would end it with another."""
        leave_stdout()
        raise ReaderGoneError


class Grid:
    """A table of a column of names and columns of figures.

    No figure is cut: where the table is too wide it comes in parts, each with the names.
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
        unbounded = options.update(width=_UNBOUNDED)
        while first < len(self._headings):
            end = len(self._headings)
            while (
                end > first + 1
                and console.measure(self._part(first, end), options=unbounded).maximum
                > options.max_width
            ):
                end -= 1
            yield self._part(first, end, title)
            first, title = end, None

    def _part(self, first: int, end: int, title: str | None = None) -> Table:
        table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
        table.add_column(self._names)
        for heading in self._headings[first:end]:
            table.add_column(heading, justify="right", vertical="bottom", no_wrap=True)
        for (name, *figures), style, is_section in self._rows:
            if is_section:
                table.add_section()
            table.add_row(name, *figures[first:end], style=style)
        return table
