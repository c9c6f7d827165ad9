"""`openpit generate`: write a made-up order flow."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from openpit.cli.events import OrderPlaced
from openpit.cli.files import OutFile
from openpit.cli.flows import dump
from openpit.cli.generate import generate
from openpit.cli.progress import progress
from openpit.cli.streams import writing_to_stdout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["command"]

EPILOG = """\b
Examples:
  openpit generate --orders 200000 --accounts 10000 --seed 1 --out flow.jsonl
  openpit generate --orders 5000 | openpit replay - --shards 2
"""

STEP = 1000
"""Orders from one move of the progress bar to the next."""


@click.command(epilog=EPILOG)
@click.option(
    "--orders",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    help="How many orders; fills and cancels come on top, somewhat more than that.",
)
@click.option(
    "--accounts",
    type=click.IntRange(min=1, max=10_000_000),
    default=1_000,
    show_default=True,
    help="How many accounts may send them: 1 to this number. A tenth of them sends half.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),  # Python draws the same from a number and its negative
    default=1,
    show_default=True,
    help="The same seed gives the same flow, on every machine.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write to.  [default: stdout]",
)
def command(orders: int, accounts: int, seed: int, out: Path | None) -> None:
    """Write a made-up order flow as JSON lines: orders of several symbols, fills and cancels.

    Some of its orders are there to be rejected by each policy of the default configuration.
    """
    with _written_to(out) as write, progress("generating", orders) as advance:
        for event in generate(orders=orders, accounts=accounts, seed=seed):
            write(dump(event))
            if isinstance(event, OrderPlaced) and event.key % STEP == 0:
                advance(STEP)


@contextmanager
def _written_to(out: Path | None) -> Iterator[Callable[[str], object]]:
    """Yield what writes a text to the file, or to stdout."""
    if out is None or str(out) == "-":
        with writing_to_stdout():
            yield sys.stdout.write
    else:
        with OutFile(out) as file:
            yield file.write
            file.finish()
