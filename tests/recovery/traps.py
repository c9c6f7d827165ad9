"""Named points at which a process ends, once, where a test has set a trap for it.

A trap is a file in the folder that ``OPENPIT_TEST_TRAPS`` names, by the number of its point. Whose
process comes to the point first, removes the file, and is killed there. The points are set into the
workers by the module of a policy, :class:`Trapped`; the package itself knows nothing of them.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import multiprocess

from openpit.journal import writing
from openpit.journal.files import write_all
from openpit.journal.writing import LogWriter
from openpit.pretrade import Policy, PolicyPreTradeResult
from openpit.shards import shard, worker

__all__ = ["FOLDER", "WORKER_POINTS", "Trapped", "comes_to", "set_trap"]

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

SEGMENT_BYTES = 2048
"""So that they change often."""


def _trap(point: str) -> Path:
    return Path(os.environ[FOLDER]) / point.replace(" ", "-")


def set_trap(point: str) -> Path:
    """Have the process end that comes to a point first; the file is there until one has."""
    trap = _trap(point)
    trap.touch()
    return trap


def comes_to(point: str) -> None:
    """End the process if there is a trap at a point."""
    if FOLDER in os.environ and _is_taken(_trap(point)):
        os.kill(os.getpid(), signal.SIGKILL)


def _is_taken(trap: Path) -> bool:
    try:
        trap.unlink()
    except FileNotFoundError:
        return False
    return True


def _around(module: Any, name: str, what: str) -> None:
    """Set points before and after a function that a module uses."""
    inner = vars(module)[name]

    def outer(*arguments: Any) -> Any:
        comes_to(f"before {what}")
        answer = inner(*arguments)
        comes_to(f"after {what}")
        return answer

    vars(module)[name] = outer


def _half(write: Any, to: Any, data: bytes, point: str) -> None:
    """Write half of something where there is a trap, and end; else all of it."""
    if FOLDER in os.environ and _is_taken(_trap(point)):
        write(to, data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    write(to, data)


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


def _set_into_worker() -> None:
    from openpit.shards import shard_journal  # noqa: PLC0415 - of a worker that has a journal alone

    def write_part(file: Any, data: bytes) -> None:
        point = "within a segment's header" if data[:8] == b"openpitJ" else "within an append"
        _half(write_all, file, data, point)

    inner = vars(worker)["_write"]

    def reply(fd: int, data: bytes) -> None:
        _half(inner, fd, data, "within a reply")
        comes_to("after a reply")

    vars(shard_journal)["LogWriter"] = _TrappedWriter
    vars(writing)["write_all"] = write_part
    vars(worker)["_write"] = reply
    _around(shard, "administer", "a step of administration")
    _around(shard, "rates_after", "the check of settings")
    _around(shard, "configure", "a change of settings")


class Trapped(Policy):
    """Accepts everything; where it is imported in a worker, there are the points."""

    name = "Trapped"

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        comes_to("in a policy")
        return PolicyPreTradeResult.accept()


if multiprocess.current_process().name.startswith("openpit-"):
    _set_into_worker()
