"""What a journal costs a worker, an order, and what an order costs that is replayed.

Run by :mod:`bench.child`. A shard has answered a batch of 256 orders that count for the broker; a
round writes that batch into a log as a worker does, with the check of its reply. ``bare_power``
writes as many bytes and syncs them, and does no more. ``replayed`` has a shard go through a log.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

import openpit
from bench.running import Running
from bench.workloads import four_policies, registered
from openpit.engine.builder import build_core
from openpit.journal.files import DISK
from openpit.journal.layout import log_folder, shard_log
from openpit.journal.writing import LogWriter
from openpit.shards.clock import ShardClock
from openpit.shards.reply_checks import check_of
from openpit.shards.shard import ShardCore
from openpit.shards.shard_journal import JournalPlace, ShardJournal
from openpit.wire import kinds
from openpit.wire.axes import BROKER
from openpit.wire.frames import EPOCH_COMMANDS, body_of, command_frame, pack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from openpit.journal.writing import Sync
    from openpit.wire.frames import Frame

__all__ = ["BATCH", "NOW", "WORKLOADS", "core_of", "folder_beside", "frame_of", "opened"]

BATCH = 256
NOW = 1_000_000_000
REPLAYED = 400
"""Batches of the log that is replayed: a hundred thousand orders."""


def core_of() -> ShardCore:
    """Return a shard of four simple policies."""
    stage = openpit.Engine.builder().clock(lambda: NOW).full_sync()
    policies: Any = registered(stage, four_policies())._policies  # noqa: SLF001 - not built
    clock = ShardClock(NOW)
    return ShardCore(0, build_core(policies, clock, RLock()), clock)


def frame_of(first: int) -> Frame:
    """Return a batch of orders of 256 accounts."""
    orders = [
        pack((kinds.EXECUTE_COUNTED, number, "AAPL", "USD", "BUY", "10", None, "185.5", number, 0))
        for number in range(1, BATCH + 1)
    ]
    axes = ((BROKER, NOW, first - 1),)
    return command_frame(0, 0, first, BATCH, NOW, body_of(orders, BATCH), axes=axes)


@contextmanager
def folder_beside() -> Iterator[Path]:
    """Make a folder beside the results, not where a disk may be memory."""
    folder = Path(tempfile.mkdtemp(dir=Path.cwd(), prefix=".bench-journal-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def _appending(sync: Sync) -> Iterator[Running]:
    frame = frame_of(1)
    reply = core_of().answer((frame,))
    with folder_beside() as folder:
        writer = LogWriter(DISK, folder, "shard-0000", 1, {}, sync=sync)

        def run(count: int) -> None:
            for _ in range(0, count, BATCH):
                writer.append([(frame, check_of(reply))])

        yield Running(run)


@contextmanager
def _bare() -> Iterator[Running]:
    data = frame_of(1)
    with folder_beside() as folder:
        fd = os.open(folder / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

        def run(count: int) -> None:
            for _ in range(0, count, BATCH):
                os.write(fd, data)
                os.fdatasync(fd)

        yield Running(run)
        os.close(fd)


@contextmanager
def _replaying() -> Iterator[Running]:
    """Replay a log whole, whatever the count: it should be that of its orders."""
    with folder_beside() as folder:
        core = core_of()
        writer = LogWriter(DISK, log_folder(folder, shard_log(0)), shard_log(0), 1, {})
        for place in range(REPLAYED):
            frame = frame_of(1 + place * BATCH)
            writer.append([(frame, check_of(core.answer((frame,))))])
        writer.close()

        def run(count: int) -> None:
            for epoch in range(1, 1 + count // (REPLAYED * BATCH)):
                place = JournalPlace(str(folder), "process", 0, {}, NOW, NOW)
                journal = ShardJournal(place, 0)
                journal.recover(core_of(), epoch, epoch * EPOCH_COMMANDS + 1)
                journal.close()
                assert journal.lock is not None
                journal.lock.release()

        yield Running(run)


WORKLOADS = {
    "append_process": lambda: _appending("process"),
    "append_power": lambda: _appending("power"),
    "bare_power": _bare,
    "replayed": _replaying,
}


def opened(workload: str) -> AbstractContextManager[Running]:
    """Set a workload up, ready for its rounds."""
    return WORKLOADS[workload]()
