"""Windows over all shards: never too permissive, whatever comes back when."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpit.errors import WireError
from openpit.router.rates import BroadRates, Counted
from openpit.wire.axes import BROKER, CountingAxes

USD, EUR = 1, 2


def axes(since: int, broker: int = 0, usd: int = 0, eur: int = 0) -> CountingAxes:
    """Axes with windows of these lengths."""
    rows = ((BROKER, None, broker), (USD, "USD", usd), (EUR, "EUR", eur))
    is_by_asset = bool(usd or eur)
    return CountingAxes(0, since, is_by_asset, False, tuple(row for row in rows if row[2]))


def counting_on(since: int, **lengths: int) -> BroadRates:
    rates = BroadRates()
    rates.retune(axes(since, **lengths))
    return rates


class Line:
    """A client of one order at a time, on the broker's axis."""

    def __init__(self, length: int = 60) -> None:
        self.rates = counting_on(0, broker=length)
        self.rank = 0

    def submit(self, now: int, orders: int = 1) -> list[Counted]:
        counting = (BROKER, self.rank, 0, orders, now, now)
        self.rank += orders
        return self.rates.stamp([counting])

    def count(self, now: int) -> int:
        """The count of an order that is submitted."""
        ((_, _, offset, *_),) = self.submit(now)
        return self.rank + offset

    def peek(self, now: int) -> int:
        ((_, _, offset, *_),) = self.rates.stamp([(BROKER, self.rank, 0, 0, now, now)])
        return self.rank + 1 + offset

    def counts(self, counted: list[Counted]) -> None:
        """All of a batch have counted."""
        for _, window, _, _, now, _ in counted:
            window.confirm(now)

    def counts_not(self, counted: list[Counted], missing: int = 1, first: int = 0) -> None:
        self.rates.settle(counted, [(BROKER, first, missing)])


def test_a_rank_and_what_the_head_adds_make_the_count() -> None:
    line = Line()
    assert [line.count(now) for now in (5, 6, 7)] == [1, 2, 3]
    assert line.peek(8) == line.peek(59) == 4
    assert line.peek(60) == 1
    assert line.count(59) == 4


def test_the_first_window_begins_without_an_order() -> None:
    line = Line()
    line.counts_not(line.submit(59))
    assert line.peek(59) == 1
    assert line.count(60) == 1


def test_batches_of_one_call_have_one_offset() -> None:
    line = Line()
    line.count(5)
    batches = [
        (BROKER, 1, 0, 2, 6, 6),  # the ranks 2 and 4, say
        (BROKER, 1, 2, 3, 6, 7),
    ]
    assert [counted[2] for batch in batches for counted in line.rates.stamp([batch])] == [0, 0]
    rolled = [(BROKER, 6, 0, 1, 70, 71), (BROKER, 6, 1, 1, 70, 70)]
    offsets = [line.rates.stamp([batch])[0] for batch in rolled]
    assert [(window.began, offset) for _, window, offset, *_ in offsets] == [(70, -6)] * 2


def test_each_axis_has_windows_of_its_own() -> None:
    rates = counting_on(0, usd=10, eur=99)
    ((_, _, offset, *_),) = rates.stamp([(USD, 0, 0, 3, 12, 12)])
    assert offset == 0
    counted = rates.stamp([(USD, 3, 0, 1, 13, 13), (2, 0, 0, 1, 13, 13)])
    assert [(number, window.began) for number, window, *_ in counted] == [(USD, 12), (2, 0)]
    with pytest.raises(WireError, match="no rate is limited on the axis 0"):
        rates.stamp([(BROKER, 0, 0, 1, 13, 13)])


def test_a_window_whose_first_order_does_not_count_begins_with_the_next() -> None:
    line = Line()
    first, second = line.submit(60), line.submit(65)
    line.counts_not(first)
    line.counts(second)
    assert line.peek(124) == 2
    assert line.peek(125) == 1


def test_a_window_nothing_of_which_counts_has_never_begun() -> None:
    line = Line()
    for now in (60, 61):
        line.counts(line.submit(now))
    line.counts_not(line.submit(140))

    assert line.count(115) == 3  # a clock may go back
    assert line.count(120) == 1


def test_what_is_in_flight_may_have_begun_its_window() -> None:
    """As long as nobody knows when a window has begun, it has begun as late as it may."""
    line = Line()
    opener, second = line.submit(60), line.submit(100)
    assert line.peek(120) == 3
    line.counts(second)
    assert line.peek(159) == 3
    assert line.peek(160) == 1
    line.counts(opener)
    assert line.peek(119) == 3
    assert line.peek(120) == 1


def test_who_only_asks_begins_nothing_and_keeps_nothing_open() -> None:
    line = Line()
    line.submit(60)
    line.peek(100)  # in the window that may have begun with the one in flight
    assert line.peek(120) == 1
    assert line.peek(110) == 2


def test_an_order_that_is_lost_neither_begins_its_window_nor_leaves_it() -> None:
    line = Line()
    line.submit(60)  # its shard goes down
    line.counts(line.submit(90))
    assert line.peek(149) == 3
    assert line.peek(150) == 1


def test_of_a_batch_the_first_that_counts_begins_the_window() -> None:
    line = Line()
    batch = line.rates.stamp([(BROKER, 0, 0, 3, 60, 60)])
    line.rank = 3
    line.counts_not(batch, 2, first=70)
    assert line.peek(129) == 2
    assert line.peek(130) == 1


def test_a_client_is_told_until_when_a_window_lasts_or_that_nobody_knows() -> None:
    line = Line()
    assert line.rates.end_of(BROKER, 59) == 60
    assert line.rates.end_of(BROKER, 60) == 120
    opener = line.submit(60)
    assert line.rates.end_of(BROKER, 119) == 120
    line.submit(100)
    assert line.rates.end_of(BROKER, 130) is None
    line.counts(opener)
    assert line.rates.end_of(BROKER, 130) == 190


def test_what_was_never_sent_is_given_back() -> None:
    line = Line()
    line.counts(line.submit(60))
    unsent = line.submit(61, 4)
    line.rates.give_back(unsent)
    assert line.count(62) == 2
    opener = line.submit(130)
    line.rates.give_back(opener)
    assert line.peek(119) == 3


def test_a_barrier_that_stays_keeps_its_count_and_a_new_one_has_none() -> None:
    line = Line()
    line.count(60)
    line.rates.retune(axes(70, broker=80, usd=10))
    assert line.peek(139) == 2
    old = line.submit(100)
    line.rates.retune(axes(110))
    line.counts_not(old)  # nobody counts there any more
    line.rates.retune(axes(120, broker=80))
    assert line.count(130) == 1


@pytest.mark.parametrize(
    ("axis", "missing"), [(BROKER, 3), (BROKER, 0), (BROKER, -1), (USD, 1), (7, 1)]
)
def test_no_more_come_back_than_were_counted(axis: int, missing: int) -> None:
    line = Line()
    counted = line.submit(60, 2)
    with pytest.raises(WireError, match="orders that do not count on the axis"):
        line.rates.settle(counted, [(axis, 0, missing)])
    assert line.count(61) == 3


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.sampled_from(["counts", "not", "lost"]), st.integers(0, 5)),
        max_size=40,
    ),
    st.integers(1, 12),
)
def test_windows_are_a_length_apart_and_hold_what_counts(
    orders: list[tuple[int, str, int]], length: int
) -> None:
    """Each order: how long after the one before, what becomes of it, after how many more."""
    line = Line(length)
    now = 100  # the first window, which begins without an order, is over
    windows: list[list[int]] = []  # the times of those that count or may, by window
    due: list[tuple[int, str, list[Counted], int, list[int]]] = []
    is_exact = True
    for place, (pause, end, delay) in enumerate(orders):
        for late in [one for one in due if one[0] <= place]:
            due.remove(late)
            _, how, counted, at, among = late
            if how == "counts":
                line.counts(counted)
            elif how == "not":
                line.counts_not(counted)
                among.remove(at)
        is_exact = is_exact and not due
        now += pause
        windows = [window for window in windows if window]
        counted = line.submit(now)
        ((_, _, offset, *_),) = counted
        count = line.rank + offset
        if is_exact:  # all that came before has its answer
            inside = windows[-1] if windows and now - windows[-1][0] < length else []
            assert count == len(inside) + 1
        if count == 1:
            windows.append([])
        windows[-1].append(now)
        assert count == len(windows[-1]), "the orders of a window that count, or may"
        due.append((place + 1 + delay, end, counted, now, windows[-1]))
        is_exact = is_exact and end != "lost"
    for _, how, _, at, among in due:
        if how == "not":
            among.remove(at)
    firsts = [window[0] for window in windows if window]
    assert all(later - first >= length for first, later in pairwise(firsts))
