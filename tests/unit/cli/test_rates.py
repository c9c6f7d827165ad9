"""Rates over accounts, counted by whoever passes the lines on."""

from __future__ import annotations

from random import Random

import pytest

from openpit.cli.rates import FlowRates, RateAxis
from openpit.limits.broad import BroadLimits
from openpit.limits.reading import loads
from openpit.pretrade.policies.rate_limit import FixedWindows
from openpit.pretrade.policies.rate_limit_settings import Rate, RateLimitSettings

TEN_IN_A_SECOND = Rate(10, 1_000)


def windows_of(rate: Rate) -> FixedWindows:
    settings = RateLimitSettings(broker=rate, assets={}, accounts={}, account_assets={})
    return FixedWindows(settings, 0)


def test_a_window_begins_with_the_first_order_behind_the_one_before() -> None:
    axis = RateAxis(Rate(3, 100))

    counts = [axis.count(now) for now in (90, 95, 100, 199, 200, 450, 549, 550)]

    # The first window began at 0; then come those of 100, 200, 450 and 550.
    assert counts == [1, 2, 1, 2, 1, 1, 2, 1]


@pytest.mark.parametrize("seed", range(30))
def test_what_is_counted_together_is_counted_as_one_by_one(seed: int) -> None:
    draw = Random(seed)
    rate = Rate(draw.randint(1, 5), draw.choice([1, 10, 1_000]))
    axis, windows = RateAxis(rate), windows_of(rate)
    now = 0
    for _ in range(50):
        times = []
        for _ in range(draw.randrange(6)):
            now += draw.choice([0, 0, 1, 3, 9, 10, 999])
            times.append(now)
        axis.counted(times)
        for time in times:
            windows.count(None, time)

        now += draw.choice([0, 1, 10])
        assert axis.count(now) == windows.count(None, now)[0]


@pytest.mark.parametrize(
    ("times", "is_near"),
    [
        ([0] * 10, False),
        ([0] * 11, True),
        ([*range(0, 1_000, 100), 999], True),
        ([*range(0, 1_000, 100), 1_000], False),  # the first and the eleventh are in two windows
        ([], False),
    ],
)
def test_a_limit_may_be_reached_by_more_orders_than_it_within_a_window(
    times: list[int], is_near: bool
) -> None:
    assert RateAxis(TEN_IN_A_SECOND).may_be_reached(times, 0) is is_near


def test_orders_that_came_before_are_counted_with_those_that_come() -> None:
    axis = RateAxis(TEN_IN_A_SECOND)

    assert not axis.may_be_reached([0] * 5, 0)
    assert not axis.may_be_reached([500] * 5, 0)
    assert axis.may_be_reached([999], 500)
    assert not axis.may_be_reached([1_500], 1_000)
    assert axis._recent == [500, 500, 500, 500, 500, 999, 1_500]  # what may matter yet


def test_orders_that_have_turned_out_to_be_none_hide_no_others() -> None:
    axis = RateAxis(TEN_IN_A_SECOND)

    assert not axis.may_be_reached([5] * 5, 0)
    assert not axis.may_be_reached([2**63 - 1] * 10, 5)
    assert not axis.may_be_reached([6] * 5, 5)
    assert axis.may_be_reached([7], 6)


def test_no_order_may_pass_a_limit_of_none() -> None:
    assert RateAxis(Rate(0, 1)).may_be_reached([5], 0)


@pytest.mark.parametrize("seed", range(30))
def test_far_from_a_limit_no_choice_of_orders_reaches_it(seed: int) -> None:
    draw = Random(seed)
    rate = Rate(draw.randint(1, 6), draw.choice([5, 50]))
    axis, windows = RateAxis(rate), windows_of(rate)
    now = far = known = 0
    for _ in range(200):
        times = []
        for _ in range(draw.randint(1, 4)):
            now += draw.choice([0, 1, 4, 5, 20, 60])
            times.append(now)
        is_near = axis.may_be_reached(times, known)
        known = draw.choice([known, now])  # some are on their way still
        # Some of them were bad, or a block had stopped them: they do not count.
        counts = [windows.count(None, time)[0] for time in times if draw.random() < 0.8]
        if not is_near:
            far += 1
            assert max(counts, default=0) <= rate.max_orders
    assert far


def test_an_order_counts_for_all_and_for_its_currency() -> None:
    rates = FlowRates(BroadLimits(Rate(5, 100), {"USD": Rate(2, 1_000)}))

    rates.counted([10, 20, 30], ["USD", "EUR", "USD"])

    assert rates.count(40, "USD") == (4, 3)
    assert rates.count(50, "EUR") == (5, 0)
    assert rates.count(160, "USD") == (1, 4)


def test_the_currency_alone_may_have_a_limit() -> None:
    rates = FlowRates(BroadLimits(None, {"USD": Rate(2, 1_000)}))

    assert not rates.may_be_reached([1, 2, 3], ["EUR", "EUR", "EUR"], 0)
    assert not rates.may_be_reached([4, 5], ["USD", "USD"], 3)
    assert rates.may_be_reached([6, 7], ["EUR", "USD"], 5)
    assert rates.count(8, "USD") == (0, 1)
    assert rates.count(9, "EUR") == (0, 0)


def test_the_limits_are_those_of_the_configuration() -> None:
    text = """
        [rate_limit]
        broker = {max_orders = 7, window = "2s"}
        [[rate_limit.asset]]
        settlement_asset = "EUR"
        max_orders = 3
        window = "30ms"
    """

    assert loads(text).broad_limits == BroadLimits(
        Rate(7, 2_000_000_000), {"EUR": Rate(3, 30_000_000)}
    )
    alone = '[[rate_limit.account]]\naccount = 1\nmax_orders = 5\nwindow = "9ms"'
    assert loads(alone).broad_limits is None
    assert loads("[order_validation]").broad_limits is None
