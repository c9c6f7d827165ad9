"""What a program can leave behind: child processes, descriptors, threads."""

from __future__ import annotations

import gc
import os
import threading
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Traces", "children", "descriptors", "eventually", "is_alive", "state_of", "warm_up"]

SETTLING_SECONDS = 5.0
"""How long the kernel may take to let go of what was closed or killed, on a machine under load."""


def eventually(condition: Callable[[], object], seconds: float = SETTLING_SECONDS) -> bool:
    """Ask until it holds; the time is a limit, not a wait."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True


def state_of(pid: int) -> str:
    """The letter of a process's state, empty if there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat[stat.rindex(")") + 2]


def is_alive(pid: int) -> bool:
    return state_of(pid) not in {"", "Z", "X"}


def children() -> dict[int, str]:
    """The child processes of this one, ended or not, with their command lines."""
    found = {}
    for task in Path("/proc/self/task").iterdir():
        try:
            listed = (task / "children").read_text().split()
        except OSError:
            continue
        for pid in map(int, listed):
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                command = b""
            found[pid] = command.replace(b"\0", b" ").decode(errors="replace")
    return found


def descriptors() -> dict[int, str]:
    """The open descriptors of this process, each with what it refers to."""
    found = {}
    for number in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208 - fewer descriptors of its own
        try:
            found[number] = os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115 - as above
        except OSError:
            continue  # the one of the listing itself
    return found


@cache
def warm_up() -> None:
    """Have everything opened that is opened once for the life of a process."""
    uvloop.new_event_loop().close()


@dataclass(frozen=True)
class Traces:
    """A picture of what there was before a test."""

    children: frozenset[int]
    descriptors: dict[int, str]
    threads: frozenset[threading.Thread]

    @classmethod
    def now(cls) -> Traces:
        gc.collect()
        return cls(frozenset(children()), descriptors(), frozenset(threading.enumerate()))

    def new_children(self) -> dict[int, str]:
        return {pid: name for pid, name in children().items() if pid not in self.children}

    def new_descriptors(self) -> dict[int, str]:
        return {
            number: target
            for number, target in descriptors().items()
            if self.descriptors.get(number) != target
        }

    def new_threads(self) -> set[threading.Thread]:
        return set(threading.enumerate()) - self.threads

    def assert_all_gone(self) -> None:
        gc.collect()
        eventually(
            lambda: not (self.new_children() or self.new_descriptors() or self.new_threads())
        )
        assert self.new_children() == {}
        assert self.new_descriptors() == {}
        assert self.new_threads() == set()
