"""The times of calls: what a clock may say, and how often it is asked."""

from __future__ import annotations

import time
from itertools import count

import pytest
from flow import IN_SHARD_0, buy

from openpit.client.times import FIRST_TIME, TIME_LIMIT, check_time, timed


@pytest.mark.parametrize("now", [0, FIRST_TIME, TIME_LIMIT - 1, True])
def test_whole_nanoseconds_of_64_bits_are_a_time(now: int) -> None:
    assert check_time(now) is None


@pytest.mark.parametrize(
    ("now", "error", "text"),
    [
        (1.5, TypeError, r"^the clock must return nanoseconds as an int, not 1\.5$"),
        (None, TypeError, "not None"),
        (TIME_LIMIT, OverflowError, "^the clock's time has more than 64 bits: 9223372036854775808"),
        (FIRST_TIME - 1, OverflowError, "more than 64 bits"),
    ],
)
def test_anything_else_is_refused(now: object, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        check_time(now)


def test_a_program_s_clock_is_asked_for_each_order_as_it_is_taken() -> None:
    clock = count(7)
    orders = [buy(IN_SHARD_0) for _ in range(3)]
    assert timed(iter(orders), lambda: next(clock)) == (orders, [7, 8, 9])
    assert next(clock) == 10


def test_by_the_system_s_clock_all_orders_of_a_call_have_one_time() -> None:
    orders = [buy(IN_SHARD_0) for _ in range(3)]
    before = time.monotonic_ns()
    listed, times = timed(orders, time.monotonic_ns)
    assert listed == orders
    assert len(times) == 3
    assert before <= times[0] == times[1] == times[2] <= time.monotonic_ns()


def test_a_clock_that_tells_no_time_is_told_of_with_the_first_order() -> None:
    with pytest.raises(TypeError, match="nanoseconds"):
        timed([buy(IN_SHARD_0)], lambda: "noon")  # type: ignore[arg-type,return-value]  # refused
