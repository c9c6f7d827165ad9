"""Times this library against its yardsticks, and against its own code of before, in one run.

``make bench`` calls it; ``make bench BASELINE=REV`` adds a commit of before. Each row runs in fresh
processes, a turn of which has rounds of all sides in alternation; the spread of a ratio is that of
the turns. Work in one process is judged by its processor time, work on shards by the clock and by
the processor time of caller and workers apart. A time is that of one operation in the quickest
round.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.comparing import Compared, compare
from bench.instructions import Counted, NoCounter, count, counter
from bench.libraries import OURS, REFERENCE, BadBaseline, folder_of, revision
from bench.rows import ROWS, Figure, Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.sides import Sides

NOW, BEFORE, YARDSTICK = "now", "before", "yardstick"

RATIO = 24
ALONE = {"row": 56, "now / yardstick": RATIO, "aim": 5, "now": 8, "yardstick": 9}
BESIDE = {
    "row": 56,
    "now / before": RATIO,
    "": 9,
    "now": 8,
    "before": 8,
    "now / yardstick": RATIO,
    "aim": 5,
}


def options_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    before = parser.add_mutually_exclusive_group()
    before.add_argument("--baseline", metavar="REV", help="also run this repository as of REV")
    before.add_argument("--against", metavar="DIR", help="also run the openpit in this folder")
    parser.add_argument("--only", default="", help="only rows whose name contains this text")
    parser.add_argument("--turns", type=int, default=7, help="how often all processes are new")
    parser.add_argument("--rounds", type=int, default=5, help="of each side in a turn")
    parser.add_argument("--scale", type=float, default=1.0, help="makes all rounds longer")
    parser.add_argument(
        "--instructions",
        action="store_true",
        help="count instructions (by perf or valgrind) instead; only rows of one process",
    )
    parser.add_argument("--save", type=Path, help="also write the table to this file")
    options = parser.parse_args(arguments)
    if options.turns < 1 or options.rounds < 1 or options.scale <= 0:
        parser.error("--turns and --rounds are 1 or more, --scale is more than 0")
    if not any(options.only in row.name for row in ROWS):
        parser.error(f"no row's name contains {options.only!r}")
    return options


def before_of(options: argparse.Namespace) -> tuple[Path, str] | None:
    """Return the folder of the code of before, and what it is called; None when not asked for."""
    if options.baseline is not None:
        return revision(options.baseline)
    if options.against is not None:
        return folder_of(options.against), options.against
    return None


def sides_of(row: Row, before: Path | None) -> Sides:
    sides = {NOW: (OURS, row.ours)}
    if before is not None:
        sides[BEFORE] = (before, row.ours)
    sides[YARDSTICK] = (OURS if row.runs_on == "ours" else REFERENCE, row.yardstick)
    return sides


def cells_of(figure: Figure, measured: Compared | Counted, *, beside: bool) -> dict[str, str]:
    """Return what a figure's line says, by the names of the columns."""
    own, of_yardstick = figure.measure, figure.against

    def time(side: str) -> str:
        measure = of_yardstick if side == YARDSTICK else own
        best = None if measure is None else measured.best(side, measure)
        return "-" if best is None else measured.shown(best)

    ratio = None
    if of_yardstick is not None:
        ratio = measured.ratio(NOW, own, YARDSTICK, of_yardstick)
    cells = {
        "row": figure.name,
        "now / yardstick": str(ratio or "-"),
        "aim": "" if figure.aim is None else f"{figure.aim:.2g}",
        **{side: time(side) for side in (NOW, YARDSTICK)},
    }
    if beside:
        change = measured.ratio(NOW, own, BEFORE, own)
        cells |= {
            "now / before": str(change or "-"),
            "": "" if change is None else change.verdict,
            BEFORE: time(BEFORE),
        }
    return cells


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 when ours could not run a row, 2 for what cannot be compared."""
    options = options_of(arguments)
    try:
        before = before_of(options)
        unit = f"instructions by {counter()[0][0]}" if options.instructions else "µs"
    except (BadBaseline, NoCounter) as refused:
        print(f"bench: {refused}", file=sys.stderr)
        return 2
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        print(line, flush=True)

    columns = ALONE if before is None else BESIDE

    def table_row(cells: dict[str, str]) -> None:
        texts = [
            cells[name].ljust(width) if name == "row" else cells[name].rjust(width)
            for name, width in columns.items()
        ]
        say(f"| {' | '.join(texts)} |")

    say(f"Python {platform.python_version()}, {os.cpu_count()} cores; {unit} for one operation.")
    if before is not None:
        say(f"before: {before[1]}")
    say("")
    table_row({name: name for name in columns})
    table_row({name: "-" * (width - 1) + ("-" if name == "row" else ":")
               for name, width in columns.items()})  # fmt: skip
    notes: list[str] = []
    failed = False
    for row in ROWS:
        if options.only not in row.name or (options.instructions and not row.is_alone):
            continue
        sides = sides_of(row, None if before is None else before[0])
        measured: Compared | Counted = (
            count(sides, scale=options.scale)
            if options.instructions
            else compare(sides, turns=options.turns, rounds=options.rounds, scale=options.scale)
        )
        for figure in row.figures:
            table_row(cells_of(figure, measured, beside=before is not None))
        notes += [f"{row.name}: {side} cannot run it: {why}"
                  for side, why in measured.failures.items()]  # fmt: skip
        failed = failed or NOW in measured.failures
    if notes:
        say("")
    for note in notes:
        say(f"* {note}")
    if options.save is not None:
        options.save.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
