"""Named points at which a process ends, once, where a test has set a trap for it.

A trap is a file in the folder that ``OPENPIT_TEST_TRAPS`` names, by the number of its point. Whose
process comes to the point first, removes the file, and is killed there. The points are set into the
workers by the module of a policy, :class:`Trapped`; the package itself knows nothing of them.

What writes a snapshot while its shard trades is a copy of the worker's process. A trap there has a
:class:`Fate`: the copy ends, or its worker, or both. A copy whose worker has ended is held until
the test lets it go on: by then another worker is at work in the same folder.
"""

from __future__ import annotations

import os
import signal
import time
from enum import StrEnum
from pathlib import Path
from typing import Any

import multiprocess

from openpit.core import Mutation
from openpit.journal import snapshots as snapshot_files
from openpit.journal import writing
from openpit.journal.files import SystemDisk, write_all
from openpit.journal.writing import LogWriter
from openpit.pretrade import Policy, PolicyPreTradeResult
from openpit.shards import armed, snapshots, steering, worker

__all__ = [
    "FOLDER",
    "SNAPSHOT_POINTS",
    "STEPS",
    "STEP_POINTS",
    "WORKER_POINTS",
    "Fate",
    "Trapped",
    "comes_to",
    "is_held",
    "let_go_on",
    "set_trap",
]

FOLDER = "OPENPIT_TEST_TRAPS"

WORKER_POINTS = (
    "before an append",
    "within an append",
    "after an append",
    "within a reply",
    "after a reply",
    "before a segment's change",
    "within a segment's header",
    "after a segment's change",
    "before a step of administration",
    "after a step of administration",
    "before the check of settings",
    "after the check of settings",
    "before a change of settings",
    "after a change of settings",
    "in a policy",
)
"""Between two steps of a change that spans shards, a worker has done one of them, or not."""

STEPS = (
    "anything_blocked",
    "block_group",
    "can_register",
    "can_unregister",
    "clear_group_currency",
    "halt",
    "register_group",
    "replace_group_block_reason",
    "resume",
    "set_group_currency",
    "unblock_all",
    "unblock_group",
    "unregister_group",
    "the check of apply_all",
    "the check of order_size_limit",
    "the check of rate_limit",
    "apply_all",
    "order_size_limit",
    "rate_limit",
    "the engine-wide block",
)
"""What a router has each shard do in a procedure that spans shards, step by step."""

STEP_POINTS = tuple(f"{when} {step}" for step in STEPS for when in ("before", "after"))

SNAPSHOT_POINTS = (
    "before a snapshot's state",
    "before a snapshot's writing",
    "within a snapshot's writing",
    "before a snapshot's renaming",
    "after a snapshot's renaming",
    "before a snapshot's cutting",
    "within a snapshot's cutting",
    "after a snapshot's cutting",
)

SEGMENT_BYTES = 2048
"""So that they change often."""

SNAPSHOT_COMMANDS = 40
"""From one snapshot to the next: more than a test has in flight."""

HELD_SECONDS = 60.0
"""How long a copy is held, should the test that held it have ended."""


class Fate(StrEnum):
    """Who ends at a point that the copy of a worker has come to."""

    ITSELF = "itself"
    WORKER = "worker"
    BOTH = "both"


def _trap(point: str) -> Path:
    return Path(os.environ[FOLDER]) / point.replace(" ", "-")


def _hold(point: str) -> Path:
    return _trap(f"held {point}")


def set_trap(point: str, fate: Fate = Fate.ITSELF) -> Path:
    """Have the process end that comes to a point first; the file is there until one has."""
    trap = _trap(point)
    begun = trap.with_suffix(".begun")
    begun.write_text(fate)
    begun.rename(trap)
    return trap


def is_held(point: str) -> bool:
    """Tell whether a copy is held at a point."""
    return _hold(point).exists()


def let_go_on(point: str) -> None:
    """Have the copy go on that is held at a point."""
    _hold(point).unlink()


def comes_to(point: str) -> None:
    """End the process if there is a trap at a point."""
    if FOLDER in os.environ:
        fate = _taken(point)
        if fate is not None:
            _end(point, fate)


def _taken(point: str) -> Fate | None:
    """Take the trap of a point; None if there is none, or another process has it."""
    trap = _trap(point)
    try:
        fate = Fate(trap.read_text())
        trap.rename(trap.with_suffix(".taken"))
    except FileNotFoundError:
        return None
    return fate


_worker = os.getpid()


def _end(point: str, fate: Fate) -> None:
    """End whom the fate names; return in the copy that is to go on, when it may."""
    if os.getpid() == _worker or os.getppid() != _worker or fate is Fate.ITSELF:
        os.kill(os.getpid(), signal.SIGKILL)
    hold = _hold(point)
    if fate is Fate.WORKER:
        hold.touch()
    os.kill(_worker, signal.SIGKILL)
    if fate is Fate.BOTH:
        os.kill(os.getpid(), signal.SIGKILL)
    until = time.monotonic() + HELD_SECONDS
    while hold.exists() and time.monotonic() < until:
        time.sleep(0.005)


def _around(module: Any, name: str, what: str) -> None:
    """Set points before and after a function that a module uses."""
    inner = vars(module)[name]

    def outer(*arguments: Any) -> Any:
        comes_to(f"before {what}")
        answer = inner(*arguments)
        comes_to(f"after {what}")
        return answer

    setattr(module, name, outer)


def _around_steps(module: Any, name: str, check: str = "") -> None:
    """Set points before and after each step that a function takes: its second argument names it."""
    inner = vars(module)[name]

    def outer(core: Any, method: str, arguments: Any) -> Any:
        comes_to(f"before {check}{method}")
        answer = inner(core, method, arguments)
        comes_to(f"after {check}{method}")
        return answer

    setattr(module, name, outer)


def _half(write: Any, to: Any, data: bytes, point: str) -> None:
    """Write half of something where there is a trap, and end; else all of it."""
    fate = _taken(point) if FOLDER in os.environ else None
    if fate is None:
        write(to, data)
        return
    half = len(data) // 2
    write(to, data[:half])
    _end(point, fate)
    write(to, data[half:])


class _TrappedWriter(LogWriter):
    __slots__ = ()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, segment_bytes=SEGMENT_BYTES, **options)

    def append(self, batches: Any) -> None:
        comes_to("before an append")
        super().append(batches)
        comes_to("after an append")

    def _begin_segment(self) -> None:
        comes_to("before a segment's change")
        super()._begin_segment()
        comes_to("after a segment's change")


class _TrappedDisk(SystemDisk):
    """The disk of a worker's snapshots."""

    def rename(self, path: Path, to: Path) -> None:
        comes_to("before a snapshot's renaming")
        super().rename(path, to)
        comes_to("after a snapshot's renaming")

    def remove(self, path: Path) -> None:
        super().remove(path)
        comes_to("within a snapshot's cutting")


def _set_into_worker() -> None:
    from openpit.shards import shard_journal  # noqa: PLC0415 - of a worker that has a journal alone

    def write_part(file: Any, data: bytes) -> None:
        point = "within a segment's header" if data[:8] == b"openpitJ" else "within an append"
        _half(write_all, file, data, point)

    def write_snapshot_part(file: Any, data: bytes) -> None:
        _half(write_all, file, data, "within a snapshot's writing")

    inner = vars(worker)["_write"]

    def reply(fd: int, data: bytes) -> None:
        _half(inner, fd, data, "within a reply")
        comes_to("after a reply")

    vars(shard_journal)["LogWriter"] = _TrappedWriter
    vars(writing)["write_all"] = write_part
    vars(worker)["_write"] = reply
    _around_steps(steering, "administer")
    _around_steps(steering, "rates_after", "the check of ")
    _around_steps(steering, "configure")
    _around(steering, "administer", "a step of administration")
    _around(steering, "rates_after", "the check of settings")
    _around(steering, "configure", "a change of settings")
    _around(armed.Armed, "arm", "the engine-wide block")
    vars(snapshots)["LEAST_COMMANDS"] = SNAPSHOT_COMMANDS
    vars(snapshots)["DISK"] = _TrappedDisk()
    vars(snapshot_files)["write_all"] = write_snapshot_part
    _around(snapshots, "export_shard", "a snapshot's state")
    _around(snapshots, "write_snapshot", "a snapshot's writing")
    _around(snapshots, "cut_behind", "a snapshot's cutting")


def _fail() -> None:
    raise ArithmeticError("17 shares")


class Trapped(Policy):
    """Accepts everything; where it is imported in a worker, there are the points.

    A commit of 17 shares fails.
    """

    name = "Trapped"

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        comes_to("in a policy")
        amount = order.operation.trade_amount
        if amount.is_quantity and amount.as_quantity.decimal == 17:
            return PolicyPreTradeResult.accept(mutations=[Mutation(_fail, bool)])
        return PolicyPreTradeResult.accept()

    def export_state(self) -> None:
        """Return nothing: it knows nothing."""

    def restore_state(self, state: None) -> None:
        """Take nothing."""


if multiprocess.current_process().name.startswith("openpit-"):
    _set_into_worker()
