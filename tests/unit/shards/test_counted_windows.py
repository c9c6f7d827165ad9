"""Windows of broad rates as batches tell them, in the short way and in the long one."""

from __future__ import annotations

from typing import Any

import pytest
from batched import batch, replies_to

from openpit.pretrade.policies import rate_limit
from openpit.pretrade.policies.rate_limit_settings import Rate, RateLimitSettings
from openpit.shards.counted_windows import CountedWindows
from openpit.shards.counts import BatchCounts
from openpit.wire import kinds
from openpit.wire.axes import BROKER
from openpit.wire.frames import whose

RATES = RateLimitSettings(Rate(9, 100), {"EUR": Rate(5, 100)}, {}, {})


def order(broker: int, asset: int = 0, kind: int = kinds.EXECUTE_COUNTED) -> tuple[Any, ...]:
    return (kind, 1, "AAPL", "EUR", "BUY", "1", None, "2", broker, asset)


def windows_of(*commands: tuple[Any, ...]) -> CountedWindows:
    counts = BatchCounts([rate_limit.RateLimitPolicy(RATES, 0, 0)])
    windows = CountedWindows(None, counts)  # type: ignore[arg-type]  # nothing is read
    windows.commands = commands
    return windows


@pytest.mark.parametrize("ranks", [(1,), (1, 2, 3), (0, 1, 0, 4), (7, 8, 0)], ids=str)
def test_orders_for_the_broker_alone_are_counted_as_one_by_one(ranks: tuple[int, ...]) -> None:
    windows = windows_of(*map(order, ranks))
    assert windows._brokers_alone(50) == windows._ranks([50] * len(ranks))
    assert windows._brokers_alone(50) == {
        BROKER: (max(ranks), sum(rank > 0 for rank in ranks), 50, 50)
    }


@pytest.mark.parametrize(
    "commands",
    [
        [order(1), order(2, 1)],
        [order(1), order(0, kind=kinds.EXECUTE)],
        [order(1), (kinds.COMMIT, 1, 3)],
    ],
    ids=["an asset", "one that does not count", "a commit"],
)
def test_others_are_gone_through(commands: list[tuple[Any, ...]]) -> None:
    assert windows_of(*commands)._brokers_alone(50) is None


def test_what_was_there_stays_until_a_window_is_newer() -> None:
    before = ((BROKER, 20, 4, 30, 21), (1, 20, 2, 25, 20))
    windows = CountedWindows(None, BatchCounts([]), before)  # type: ignore[arg-type]  # as above
    assert windows.rows == before
    windows._add(BROKER, 20, 1, (5, 2, 31, 35), None)
    windows._add(1, 40, 0, (1, 1, 41, 41), None)
    windows._add(1, 20, 90, (1, 1, 41, 41), None)  # an older one
    assert windows.rows == ((BROKER, 20, 6, 35, 21), (1, 40, 1, 41, 41))


@pytest.mark.parametrize(
    ("missing", "count"), [(0, 4), (1, 3), (3, 1), (4, None)], ids="{} unused".format
)
def test_of_what_a_message_declares_only_what_it_has_not_used_is_left_out(
    missing: int, count: int | None
) -> None:
    windows = windows_of((kinds.ASK_ACTOR, 1, "gateway", b"", 7, 4, (("EUR", 3, 4),)))
    for axis, ranks in windows._ranks([50]).items():
        offset = -6 if axis == BROKER else -2  # so that its first is the first in the window
        windows._add(axis, 50, offset, ranks, (50, missing) if missing else None)
    assert [row[2] for row in windows.rows] == ([] if count is None else [count, count])


def test_an_axis_that_settings_bring_begins_with_the_change_and_again_when_it_comes_back() -> None:
    without = RateLimitSettings(None, RATES.assets, {}, {})
    policy = rate_limit.RateLimitPolicy(without, 0, 0)
    counts = BatchCounts([policy])
    windows = CountedWindows(None, counts)  # type: ignore[arg-type]  # nothing is read
    assert windows.rows == ()

    def noted(now: int, settings: RateLimitSettings) -> tuple[Any, ...]:
        policy.settings = settings
        counts.version += 1
        assert windows.is_behind
        frame = batch(0, 1, (kinds.TELL_AXES, None), time=now)
        windows.note(frame, replies_to(frame, (kinds.DONE, 1)), whose(0, 0))
        assert not windows.is_behind
        return windows.rows

    assert noted(50, RATES) == ((BROKER, 50, 0, 50, 50),)
    windows._add(BROKER, 50, 0, (3, 3, 60, 61), None)
    assert noted(70, without) == ((BROKER, 50, 3, 61, 50),)  # no axis has this number any more
    assert noted(70, without) == ((BROKER, 50, 3, 61, 50),)
    assert noted(90, RATES) == ((BROKER, 90, 0, 90, 90),)
    windows._add(BROKER, 50, 0, (4, 1, 65, 65), None)  # it was in flight
    assert windows.rows == ((BROKER, 90, 0, 90, 90),)
