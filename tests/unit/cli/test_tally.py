from __future__ import annotations

from openpit.cli.tally import Latencies, Tally, total


def test_percentiles_weigh_each_time_by_its_decisions() -> None:
    latencies = Latencies()
    latencies.add(40, 98)
    latencies.add(900, 1)
    latencies.add(5, 1)

    assert latencies.percentile(0.0) == 5
    assert latencies.percentile(0.5) == 40
    assert latencies.percentile(0.99) == 40
    assert latencies.percentile(1.0) == 900


def test_no_decision_has_no_percentile() -> None:
    assert Latencies().percentile(0.5) is None


def test_the_total_is_the_sum_over_the_shards() -> None:
    first, second = Tally(), Tally()
    first.accounts, first.accepted, first.reports, first.blocked = 2, 7, 5, 1
    second.accounts, second.accepted, second.reports = 1, 1, 1
    first.rejects.update({"RateLimitExceeded": 3})
    second.rejects.update({"RateLimitExceeded": 1, "AccountBlocked": 1})
    first.latencies.add(10, 10)
    second.latencies.add(20, 3)

    summed = total([first, second])

    assert (summed.accounts, summed.orders, summed.accepted) == (3, 13, 8)
    assert (summed.reports, summed.blocked, summed.rejected) == (6, 1, 5)
    assert summed.rejects == {"RateLimitExceeded": 4, "AccountBlocked": 1}
    assert summed.latencies.percentile(1.0) == 20
    assert first.rejected == 3
