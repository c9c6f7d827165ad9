"""What a journal costs, in one table: ``python -m bench.recovering``.

One process, the four simple policies, batches of 256 orders that count for the broker. Processor
time where it says so: a million orders that are replayed whole, and 100,000 accounts of a snapshot.
Rates are by the clock, in turns: a shard that answers and writes, unsynced and synced, against a
bare append and ``fdatasync`` of the same batches; the middle one of the turns, with the least and
the most. A worker syncs once for all batches that have come together, so that is done for one batch
at a time, and for groups.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from itertools import count
from typing import TYPE_CHECKING, Any

from bench.journal import BATCH, NOW, core_of, folder_beside, frame_of
from bench.snapshots import ACCOUNTS
from bench.snapshots import opened as opened_snapshots
from openpit.journal.files import DISK
from openpit.journal.layout import log_folder, shard_log
from openpit.journal.writing import LogWriter
from openpit.shards.reply_checks import check_of
from openpit.shards.shard_journal import JournalPlace, ShardJournal
from openpit.wire.frames import EPOCH_COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable

MILLION = 1_000_000
GROUPS = (1, 8)
"""Batches that have come together."""


def replayed(orders: int) -> tuple[float, float]:
    """Return the seconds of processor time that replaying a log takes, and its bytes an order."""
    with folder_beside() as folder:
        core = core_of()
        log = log_folder(folder, shard_log(0))
        writer = LogWriter(DISK, log, shard_log(0), 1, {})
        batches = -(-orders // BATCH)
        for place in range(batches):
            frame = frame_of(1 + place * BATCH)
            writer.append([(frame, check_of(core.answer((frame,))))])
        writer.close()
        size = sum(path.stat().st_size for path in log.iterdir())
        where = JournalPlace(str(folder), "process", 0, {}, NOW, NOW)
        journal, fresh = ShardJournal(where, 0), core_of()
        before = time.process_time()
        told = journal.recover(fresh, 1, EPOCH_COMMANDS + 1)
        seconds = time.process_time() - before
        assert told.batches == batches
        journal.close()
        return seconds, size / (batches * BATCH)


def restored() -> float:
    """Return the seconds of processor time that restoring the accounts of a snapshot takes."""
    with opened_snapshots("restored") as running:
        before = time.process_time()
        running.run(ACCOUNTS)
        return time.process_time() - before


def _rate(run: Callable[[], object], orders: int) -> float:
    before = time.perf_counter()
    run()
    return orders / (time.perf_counter() - before)


def rates(turns: int, group: int) -> dict[str, list[float]]:
    """Return the orders a second of each side, turn by turn."""
    found: dict[str, list[float]] = {"unsynced": [], "synced": [], "bare": []}
    with folder_beside() as folder:
        shards: dict[str, Any] = {}
        for name, sync in (("unsynced", "process"), ("synced", "power")):
            writer = LogWriter(DISK, folder / name, "shard-0000", 1, {}, sync=sync)  # type: ignore[arg-type]  # one of the two
            shards[name] = (core_of(), writer, count(1, BATCH))
        bare = os.open(folder / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        batches = 64

        def answered(name: str) -> None:
            core, writer, firsts = shards[name]
            for _ in range(batches // group):
                frames = [frame_of(next(firsts)) for _ in range(group)]
                writer.append([(frame, check_of(core.answer((frame,)))) for frame in frames])

        def appended() -> None:
            data = frame_of(1)
            for _ in range(batches):
                os.write(bare, data)
                os.fdatasync(bare)

        for _ in range(turns):
            for name in ("unsynced", "synced"):
                found[name].append(_rate(lambda name=name: answered(name), batches * BATCH))  # type: ignore[misc]  # called at once
            found["bare"].append(_rate(appended, batches * BATCH))
        os.close(bare)
    return found


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=MILLION)
    parser.add_argument("--turns", type=int, default=7)
    asked = parser.parse_args()
    seconds, size = replayed(asked.orders)
    print(f"| {asked.orders:,} orders replayed | {seconds:.2f} s of processor time |", flush=True)
    print(f"| an order of a full batch, on disk | {size:.1f} bytes |", flush=True)
    print(f"| {ACCOUNTS:,} accounts restored | {restored():.2f} s of processor time |", flush=True)
    for group in GROUPS:
        found = rates(asked.turns, group)
        lesser = [
            min(one, other) for one, other in zip(found["unsynced"], found["bare"], strict=True)
        ]
        for name, values in found.items():
            print(f"| {name}, {group} together | {_spread(values)} orders/s |")
        ratio = [mine / its for mine, its in zip(found["synced"], lesser, strict=True)]
        print(f"| synced, of the lesser of both, {group} together | {_spread(ratio)} |", flush=True)


if __name__ == "__main__":
    main()
