from __future__ import annotations

from time import thread_time_ns
from typing import TYPE_CHECKING

from openpit.loadtest.lane import TimelineClock
from openpit.loadtest.library import TimedEngine, TimedShardEngine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WORK = 20_000_000
"""Nanoseconds of processor time: far more than a call takes by itself."""


def work() -> None:
    end = thread_time_ns() + WORK
    while thread_time_ns() < end:
        pass


class Recorder:
    """An engine that does nothing but take what it is given, and note the time that it is at."""

    def __init__(self) -> None:
        self.clock = TimelineClock()
        self.taken: list[tuple[int, str]] = []

    def execute_pre_trade_many(self, orders: Iterable[str]) -> str:
        self.taken += [(self.clock.now, order) for order in orders]
        return "results"

    apply_execution_report_many = execute_pre_trade_many

    def commit_many(self, reservations: Iterable[str]) -> None:
        work()


def made(engine: Recorder) -> Iterator[str]:
    """Items as a lane makes them, each at its time."""
    for now, item in ((10, "a"), (20, "b")):
        engine.clock.now = now
        work()
        yield item


def test_a_clients_call_takes_what_it_is_given_and_that_is_in_its_time() -> None:
    engine = Recorder()
    timed = TimedEngine(engine)

    assert timed.execute_pre_trade_many(made(engine)) == "results"

    assert engine.taken == [(10, "a"), (20, "b")]
    assert timed.used >= 2 * WORK


def test_a_workers_call_has_all_made_before_and_each_at_its_time() -> None:
    engine = Recorder()
    timed = TimedShardEngine(engine, engine.clock)

    assert timed.execute_pre_trade_many(made(engine)) == "results"
    assert timed.apply_execution_report_many(made(engine)) == "results"

    assert engine.taken == [(10, "a"), (20, "b")] * 2
    assert timed.used < WORK
    timed.commit_many(["a"])
    assert timed.used >= WORK
