"""What a snapshot costs: an account that is written, one that is restored, and what a shard waits.

Run by :mod:`bench.child`. The shard has four policies and spot funds, and accounts with two assets,
an open reservation for each tenth, and realized PnL. ``forked`` answers batches of 256 orders, each
after a copy of the process was forked off as for a snapshot; the copy is there until the batch is
answered, so pages that the shard changes are copied. ``answered`` does without.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
from contextlib import contextmanager
from decimal import Decimal
from itertools import count
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

import openpit
from bench.running import Running
from bench.workloads import four_policies, registered
from openpit.engine.builder import build_core
from openpit.pretrade.policies import build_spot_funds
from openpit.pretrade.policies.spot_funds.holdings import open_funds
from openpit.shards.clock import ShardClock
from openpit.shards.shard import ShardCore
from openpit.shards.snapshots import Snapshots, Standing
from openpit.wire import kinds
from openpit.wire.axes import BROKER
from openpit.wire.frames import body_of, command_frame, pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from openpit.wire.frames import Frame

__all__ = ["WORKLOADS", "opened"]

ACCOUNTS = 100_000
BATCH = 256
NOW = 1_000_000_000


def _core() -> ShardCore:
    stage = openpit.Engine.builder().clock(lambda: NOW).full_sync()
    ready = registered(stage, [*four_policies(), build_spot_funds()])
    clock = ShardClock(NOW)
    return ShardCore(0, build_core(ready._policies, clock, RLock()), clock)  # noqa: SLF001 - not built


def _batch(first: int) -> Frame:
    """Return a batch of orders of 256 accounts, from all over."""
    orders = [
        pack(
            (kinds.EXECUTE_COUNTED, (first + number) * 397 % ACCOUNTS, "AAPL", "USD", "BUY",
             "10", None, "185.5", number, 0)
        )
        for number in range(1, BATCH + 1)
    ]  # fmt: skip
    axes = ((BROKER, NOW, first - 1),)
    return command_frame(0, 0, first, BATCH, NOW, body_of(orders, BATCH), axes=axes)


def _full() -> ShardCore:
    """Return a shard of many accounts, as its worker has it."""
    core = _core()
    named: dict[str, Any] = {policy.name: policy for policy in core.engine.policies}
    funds = named["SpotFundsPolicy"]._funds  # noqa: SLF001 - a hundred thousand calls less
    realized = named["PnlBoundsKillSwitchPolicy"]._realized  # noqa: SLF001 - as above
    for number in range(ACCOUNTS):
        its = open_funds(funds, number)
        its.slot("USD").available = Decimal("1000000.25") - number
        its.slot("AAPL").available = Decimal(number)
        realized[number] = {"USD": Decimal(number) / 4}
    for first in range(1, ACCOUNTS // 10, BATCH):
        core.answer((_batch(first),))
    gc.collect()
    gc.freeze()
    return core


def _snapshots(folder: Path) -> Snapshots:
    return Snapshots(folder, 0, 1, None, {})


@contextmanager
def _folder() -> Iterator[Path]:
    """Make a folder beside the results, not where a disk may be memory."""
    folder = Path(tempfile.mkdtemp(dir=Path.cwd(), prefix=".bench-snapshots-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def _writing() -> Iterator[Running]:
    """Write all accounts, as often as their number goes into the count."""
    core = _full()
    with _folder() as folder:

        def run(accounts: int) -> None:
            for number in range(1, 1 + accounts // ACCOUNTS):
                _snapshots(folder).end(core, Standing(number))

        yield Running(run)


@contextmanager
def _restoring() -> Iterator[Running]:
    """Restore all accounts, as often as above."""
    with _folder() as folder:
        _snapshots(folder).end(_full(), Standing(1))

        def run(accounts: int) -> None:
            for _ in range(accounts // ACCOUNTS):
                _snapshots(folder).restore(_core(), 1, 1)

        yield Running(run)


@contextmanager
def _answering(*, forks: bool) -> Iterator[Running]:
    core = _full()
    numbers = count(1 + -(-ACCOUNTS // 10 // BATCH) * BATCH, BATCH)

    def run(orders: int) -> None:
        for _ in range(0, orders, BATCH):
            frame = _batch(next(numbers))
            copy = _fork() if forks else None
            core.answer((frame,))
            if copy is not None:
                os.kill(copy, signal.SIGKILL)
                os.waitpid(copy, 0)

    yield Running(run)


def _fork() -> int:
    copy = os.fork()
    if copy == 0:
        signal.pause()  # until it is killed
        os._exit(0)
    return copy


WORKLOADS: dict[str, Callable[[], AbstractContextManager[Running]]] = {
    "written": _writing,
    "restored": _restoring,
    "answered": lambda: _answering(forks=False),
    "forked": lambda: _answering(forks=True),
}


def opened(workload: str) -> AbstractContextManager[Running]:
    """Set a workload up, ready for its rounds."""
    return WORKLOADS[workload]()
