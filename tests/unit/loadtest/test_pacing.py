"""The generator's pace, on a clock that only sleeping moves."""

from __future__ import annotations

import os
import threading

import pytest

from openpit.loadtest.pacing import Pacer, Schedule, Sinks

MS = 1_000_000


class FakeTime:
    """A clock that moves when somebody sleeps; ``late`` is how much too long each sleep takes."""

    def __init__(self, late: int = 0) -> None:
        self.now = 0
        self.late = late
        self.slept: list[float] = []

    def clock(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += round(seconds * 1e9) + self.late


def schedule_of(*rows: tuple[int, int, bytes]) -> Schedule:
    schedule = Schedule()
    for time, lane, packed in rows:
        schedule.add(time, lane, packed)
    return schedule


@pytest.fixture
def pipes() -> list[tuple[int, int]]:
    return [os.pipe() for _ in range(2)]


def drained(pipes: list[tuple[int, int]]) -> list[bytes]:
    """Return what was written to each pipe; the writing ends are closed already."""
    found = []
    for read_end, _ in pipes:
        parts = []
        while data := os.read(read_end, 65536):
            parts.append(data)
        os.close(read_end)
        found.append(b"".join(parts))
    return found


SCHEDULE = ((MS, 0, b"a"), (2 * MS, 1, b"b"), (2 * MS, 0, b"c"), (9 * MS, 1, b"d"))


def test_events_go_to_their_lanes_when_they_are_due(pipes: list[tuple[int, int]]) -> None:
    time = FakeTime()
    sinks = Sinks([end for _, end in pipes])
    pacer = Pacer(schedule_of(*SCHEDULE), sinks, clock=time.clock, sleep=time.sleep)

    pacer.run(start=0)
    sinks.close()

    assert time.slept == [0.001, 0.001, 0.007]
    assert list(pacer.lags()) == [0, 0, 0, 0]
    assert drained(pipes) == [b"ac", b"bd"]


def test_what_is_late_is_handed_over_at_once_and_counted(pipes: list[tuple[int, int]]) -> None:
    time = FakeTime(late=3 * MS)
    sinks = Sinks([end for _, end in pipes])
    pacer = Pacer(schedule_of(*SCHEDULE), sinks, clock=time.clock, sleep=time.sleep)

    pacer.run(start=0)
    sinks.close()

    assert pacer.handed == [(0, 3, 4 * MS), (3, 4, 12 * MS)]
    assert list(pacer.lags()) == [3 * MS, 2 * MS, 2 * MS, 3 * MS]
    assert list(pacer.lags(since=2 * MS)) == [2 * MS, 2 * MS, 3 * MS]
    assert drained(pipes) == [b"ac", b"bd"]


def test_a_stalled_generator_is_late_for_what_comes_after(pipes: list[tuple[int, int]]) -> None:
    time = FakeTime()
    sinks = Sinks([end for _, end in pipes])
    pacer = Pacer(schedule_of(*SCHEDULE), sinks, stall=50 * MS, clock=time.clock, sleep=time.sleep)

    pacer.run(start=0)
    sinks.close()

    assert list(pacer.lags()) == [0, 0, 0, 43 * MS]
    drained(pipes)


def test_a_full_pipe_delays_nothing_but_itself(pipes: list[tuple[int, int]]) -> None:
    """One lane takes nothing for a while; the other gets its event in time."""
    big = b"x" * 3_000_000
    time = FakeTime()

    class Waiting(Sinks):
        """Waiting for a pipe moves the clock, too."""

        def wait(self, seconds: float | None) -> None:
            if seconds is None:
                super().wait(None)
            else:
                time.sleep(seconds)

    sinks = Waiting([end for _, end in pipes])
    schedule = schedule_of((MS, 0, big), (2 * MS, 1, b"b"))
    pacer = Pacer(schedule, sinks, clock=time.clock, sleep=time.sleep)

    pacer.run(start=0)

    assert sinks.has_kept
    assert list(pacer.lags()) == [0, 0]
    assert os.read(pipes[1][0], 10) == b"b"
    reader: list[bytes] = []
    thread = threading.Thread(target=lambda: reader.extend(drained(pipes)))
    thread.start()
    sinks.close()
    thread.join(20)
    assert reader == [big, b""]


def test_without_a_timeline_everything_goes_out_at_once(pipes: list[tuple[int, int]]) -> None:
    sinks = Sinks([end for _, end in pipes])
    pacer = Pacer(schedule_of(*SCHEDULE), sinks)

    pacer.run_free()
    sinks.close()

    assert len(pacer.lags()) == 0
    assert drained(pipes) == [b"ac", b"bd"]


def test_a_lane_that_has_gone_is_an_error(pipes: list[tuple[int, int]]) -> None:
    sinks = Sinks([end for _, end in pipes])
    for read_end, _ in pipes:
        os.close(read_end)

    with pytest.raises(BrokenPipeError):
        sinks.put(schedule_of(*SCHEDULE), 0, 4)

    for _, end in pipes:
        os.close(end)
