"""What a program's own object hears, and that it harms nothing when it raises."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest

import openpit
from openpit.faces.observing import METHODS, guarded
from openpit.faces.round_trips import RoundTrips
from openpit.pretrade.policies import build_order_validation


class Heard(openpit.Observer):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.depths: list[tuple[int, int, int]] = []
        self.waits: list[int] = []
        self.runs: list[int] = []

    def depth(self, shard: int, in_flight: int, waiting: int) -> None:
        self.depths.append((shard, in_flight, waiting))

    def waited(self, shard: int, seconds: float) -> None:
        assert seconds >= 0
        self.waits.append(shard)

    def ran(self, shard: int, seconds: float) -> None:
        assert seconds > 0
        self.runs.append(shard)


def link(number: int) -> Any:
    return SimpleNamespace(number=number, answered=0, next_seq=0, in_flight=0, waiting=deque())


def test_one_batch_at_a_time_is_timed_until_all_that_was_sent_is_answered() -> None:
    heard = Heard()
    trips, shard = RoundTrips(2, guarded(heard)), link(1)

    shard.next_seq = shard.in_flight = 8
    trips.sent([shard])
    shard.next_seq = shard.in_flight = 12  # more, while that is on its way
    trips.sent([shard])
    shard.answered, shard.in_flight = 5, 7
    trips.heard([shard])
    assert heard.runs == []
    shard.answered, shard.in_flight = 8, 4
    trips.heard([shard])

    assert heard.runs == [1]
    assert [sum(buckets) for buckets in trips.buckets] == [0, 1]
    assert trips.totals[1] > 0
    assert heard.depths == [(1, 8, 0), (1, 12, 0), (1, 7, 0), (1, 4, 0)]


def test_of_calls_one_at_a_time_every_sixteenth_is_timed() -> None:
    trips, shard = RoundTrips(1), link(0)
    for _ in range(40):
        shard.next_seq += 1
        trips.sent([shard])
        assert trips.hears is (shard.next_seq in {1, 17, 33})
        shard.answered += 1
        trips.heard([shard])
        assert not trips.hears
    assert sum(trips.buckets[0]) == 3


def test_a_call_that_waits_for_credit_is_timed_until_it_is_sent() -> None:
    heard = Heard()
    trips, shard = RoundTrips(1, guarded(heard)), link(0)
    entry = SimpleNamespace(is_sent=False)
    shard.waiting.append(entry)
    trips.sent([shard])
    assert heard.waits == []

    shard.waiting.clear()
    entry.is_sent = True
    trips.heard([shard])

    assert heard.waits == [0]


def test_a_call_that_is_withdrawn_is_not_told() -> None:
    heard = Heard()
    trips, shard = RoundTrips(1, guarded(heard)), link(0)
    shard.waiting.append(SimpleNamespace(is_sent=False))
    trips.sent([shard])
    shard.waiting.clear()
    trips.heard([shard])
    assert heard.waits == []


def test_what_it_raises_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def ran(self, shard: int, seconds: float) -> None:
            raise KeyError(shard)

    observer = guarded(Broken())
    for _ in range(3):
        observer.tell("ran", 4, 0.5)
        observer.tell("depth", 4, 1, 0)  # which it lacks
    (record,) = caplog.records
    assert (record.name, record.__dict__["method"]) == ("openpit.observer", "ran")
    assert "KeyError: 4" in caplog.text


@pytest.mark.parametrize("wrong", [object(), 7, Heard, SimpleNamespace(ran="later")])
def test_what_is_no_observer_is_refused_by_name(wrong: object) -> None:
    stage = openpit.Engine.builder().sharded(2)
    with pytest.raises(TypeError, match=r"observer\(\)"):
        stage.observer(wrong)


def test_the_builder_keeps_it_and_none_takes_it_away() -> None:
    heard = Heard()
    stage = openpit.Engine.builder().sharded(2).observer(heard)
    assert stage.builtin(build_order_validation())._plan().observer is heard
    assert stage.observer(None).builtin(build_order_validation())._plan().observer is None


def test_the_class_has_all_methods_and_each_does_nothing() -> None:
    assert len(METHODS) == 10
    observer = openpit.Observer()
    observer.depth(0, 1, 2)
    observer.session_opened(1, "desk", 1000)
