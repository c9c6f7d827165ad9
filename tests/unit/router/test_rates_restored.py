"""Broad rates go on in the windows that shards have come back with: never too low."""

from __future__ import annotations

from openpit.router.rates import BroadRates
from openpit.wire.axes import BROKER, CountingAxes

HOUR = 3_600


def rates() -> BroadRates:
    """Return rates of a broker and an asset that are counted from time 100 on."""
    made = BroadRates()
    rows = ((BROKER, None, HOUR), (1, "USD", HOUR))
    made.retune(CountingAxes(0, 100, reads_instrument=True, reads_account=False, rows=rows))
    return made


def count_of_the_next(rates: BroadRates, axis: int, now: int) -> tuple[int, int]:
    """Return when the window of an order began, and as what it counts there."""
    ((_, window, offset, *_),) = rates.stamp([(axis, 0, 0, 1, now, now)])
    return window.began, offset + 1


def test_the_highest_count_of_the_latest_window_is_gone_on_from() -> None:
    restored = rates()

    restored.restore(
        [
            (BROKER, 100, 7, 150, 110),
            (BROKER, 5_000, 2, 5_010, 5_000),
            (BROKER, 5_000, 5, 5_001, None),
        ]
    )

    assert count_of_the_next(restored, BROKER, 6_000) == (5_000, 6)
    assert count_of_the_next(restored, 1, 200) == (100, 1)  # nobody has told of that one


def test_the_first_window_is_gone_on_in() -> None:
    restored = rates()

    restored.restore([(1, 100, 3, 150, 120)])

    assert count_of_the_next(restored, 1, 3_600) == (100, 4)
    assert count_of_the_next(restored, 1, 3_700) == (3_700, 1)  # that had begun when it was made


def test_a_window_ends_a_length_after_the_first_that_is_known_to_have_counted() -> None:
    restored = rates()

    restored.restore([(BROKER, 5_000, 2, 5_400, 5_300), (BROKER, 5_000, 3, 5_500, 5_200)])

    assert count_of_the_next(restored, BROKER, 5_200 + HOUR - 1) == (5_000, 4)
    assert count_of_the_next(restored, BROKER, 5_200 + HOUR) == (5_200 + HOUR, 1)


def test_an_axis_that_is_limited_no_more_is_left_alone() -> None:
    restored = rates()

    restored.restore([(9, 5_000, 2, 5_400, 5_300)])

    assert not restored.is_counted(9)
