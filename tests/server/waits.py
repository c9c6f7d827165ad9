"""How long programs have waited for a server, around the kills of others and away from them.

All that is written down is read off the machine's one monotonic clock, in nanoseconds.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from contextlib import contextmanager
from time import monotonic_ns
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["Waited", "Waits", "read_moments", "waited", "write_moments"]

NEAR = 50_000_000
"""What begins within this time of a kill, or is under way at one, is around it."""

_PAIR = struct.Struct(">qq")


class Waits:
    """The round trips of one program: when each began and ended."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, int]] = []

    @contextmanager
    def timed(self) -> Iterator[None]:
        began = monotonic_ns()
        yield
        self._rows.append((began, monotonic_ns()))

    def write(self, path: Path) -> None:
        path.write_bytes(b"".join([_PAIR.pack(*row) for row in self._rows]))


def write_moments(moments: Sequence[int], path: Path) -> None:
    path.write_bytes(struct.pack(f">{len(moments)}q", *moments))


def read_moments(path: Path) -> list[int]:
    data = path.read_bytes()
    return [*struct.unpack(f">{len(data) // 8}q", data)]


class Waited(NamedTuple):
    """Some round trips, in milliseconds."""

    trips: int
    median: float
    p99: float
    longest: float

    def __str__(self) -> str:
        return (
            f"{self.trips} round trips, median {self.median:.1f} ms, 99 % {self.p99:.1f} ms, "
            f"longest {self.longest:.1f} ms"
        )


def waited(path: Path, kills: Sequence[int]) -> tuple[Waited, Waited]:
    """Return a program's round trips around kills, and those away from them.

    These are of the time between the first kill and the last: the machine has as much to do then.
    """
    near: list[int] = []
    away: list[int] = []
    for began, ended in _PAIR.iter_unpack(path.read_bytes()):
        place = bisect_left(kills, began - NEAR)
        if place < len(kills) and kills[place] <= ended:
            near.append(ended - began)
        elif kills and kills[0] < began < kills[-1]:
            away.append(ended - began)
    return _waited(near), _waited(away)


def _waited(durations: list[int]) -> Waited:
    if not durations:
        return Waited(0, 0.0, 0.0, 0.0)
    last = len(durations) - 1
    sorted_ms = [duration / 1e6 for duration in sorted(durations)]
    return Waited(
        len(durations), sorted_ms[last // 2], sorted_ms[last * 99 // 100], sorted_ms[last]
    )
