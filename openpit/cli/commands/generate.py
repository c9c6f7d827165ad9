"""`openpit generate`: write a made-up order flow."""

from __future__ import annotations

from pathlib import Path

import click

from openpit.cli.columns import EVENT
from openpit.cli.events import OrderPlaced
from openpit.cli.exits import STREAMS, Exit, listed
from openpit.cli.files import check_place
from openpit.cli.flows import dump
from openpit.cli.generate import generate
from openpit.cli.progress import progress
from openpit.cli.sheet_files import check_format, opened_lines

__all__ = ["command"]

EPILOG = """\b
Examples:
  openpit generate --orders 200000 --accounts 10000 --seed 1 --out flow.jsonl
  openpit generate --orders 5000 --out flow.parquet
  openpit generate --orders 5000 | openpit replay - --shards 2

""" + listed(*STREAMS[:4], Exit.NOT_FOUND, *STREAMS[4:])

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
    help="File to write to; .csv, .parquet and .arrow have rows.  [default: stdout]",
)
def command(orders: int, accounts: int, seed: int, out: Path | None) -> None:
    """Write a made-up order flow: orders of several symbols, with their fills and cancels.

    It is one of JSON lines, or of rows if the name of --out says so: see docs/cli.md.

    Some of its orders are there to be rejected by each policy of the default configuration.
    """
    if out is not None:
        check_place(out)
        check_format(out)
    with opened_lines(out or Path("-"), EVENT) as file, progress("generating", orders) as advance:
        for event in generate(orders=orders, accounts=accounts, seed=seed):
            file.write(dump(event))
            if isinstance(event, OrderPlaced) and event.key % STEP == 0:
                advance(STEP)
        file.finish()
