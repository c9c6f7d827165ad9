from __future__ import annotations

from dataclasses import replace

import pytest
from load_reports import MS, SECOND, plan_of, recording_of, truth_of

from openpit.loadtest.figures import figures_of
from openpit.loadtest.recording import DENIED, MISSING, REJECTED


def test_latency_counts_from_the_intended_arrival_and_shows_on_its_own_shard() -> None:
    truth = truth_of([(SECOND, 0), (2 * SECOND, 1), (3 * SECOND, 0), (4 * SECOND, 1)])
    recording = recording_of(truth, [3 * MS, 30 * MS, 6 * MS, 60 * MS])

    figures, histograms = figures_of(plan_of(4), truth, recording)

    assert [shard.latency.max for shard in figures.shards] == [6 * MS, 60 * MS]
    assert [shard.waited.max for shard in figures.shards] == [2 * MS, 20 * MS]
    assert [shard.orders for shard in figures.shards] == [2, 2]
    assert figures.latency.max == 60 * MS
    assert [histogram.get_total_count() for histogram in histograms] == [2, 2]


def test_the_warm_up_is_apart() -> None:
    truth = truth_of([(SECOND // 2, 0), (SECOND, 0), (2 * SECOND, 0)])
    recording = recording_of(truth, [500 * MS, MS, MS])

    figures, _ = figures_of(plan_of(3), truth, recording)

    assert (figures.orders, figures.latency.max) == (2, MS)
    assert (figures.warm_up.count, figures.warm_up.max) == (1, 500 * MS)


def test_throughput_is_what_was_decided_from_the_warm_up_to_the_last_decision() -> None:
    truth = truth_of([(SECOND, 0), (2 * SECOND, 0), (3 * SECOND, 1)])
    recording = recording_of(truth, [MS, MS, SECOND])

    figures, _ = figures_of(plan_of(3), truth, recording)

    assert (figures.seconds, figures.per_second, figures.drain) == (3.0, 1.0, 1.0)
    assert [shard.per_second for shard in figures.shards] == [pytest.approx(2 / 3), 1 / 3]
    assert [shard.share for shard in figures.shards] == [pytest.approx(2 / 3), 1 / 3]
    assert figures.imbalance == pytest.approx(4 / 3)


def test_what_was_decided_is_never_more_than_what_was_offered() -> None:
    """Chance has 5 orders arrive in 2 s, at a rate of 1 in a second; one of them is denied."""
    times = [SECOND // 2, *(SECOND + n * SECOND // 2 for n in range(5))]
    truth = truth_of([(time, 0) for time in times])
    recording = recording_of(truth, [MS] * 6)

    figures, _ = figures_of(plan_of(6, rate=1.0), truth, recording)
    recording.verdicts[6] = DENIED
    with_a_denial, _ = figures_of(plan_of(6, rate=1.0), truth, recording)

    assert (figures.offered, figures.offered_per_second) == (5, 2.5)
    assert (figures.orders, figures.per_second) == (5, pytest.approx(5 / 2.001))
    # The last decision came before the last arrival, and the rate is not the higher for it.
    assert (with_a_denial.offered, with_a_denial.offered_per_second) == (5, 2.5)
    assert (with_a_denial.orders, with_a_denial.per_second) == (4, 2.0)


def test_a_closed_loop_offers_nothing_by_itself() -> None:
    truth = truth_of([(SECOND, 0), (2 * SECOND, 1)])

    figures, _ = figures_of(plan_of(2, in_flight=8), truth, recording_of(truth, [MS, MS]))

    assert figures.offered_per_second is None


def test_queue_depth_on_average_and_at_most() -> None:
    """Three orders of shard 0 arrive a second apart and are all decided at the same moment."""
    truth = truth_of([(SECOND, 0), (2 * SECOND, 0), (3 * SECOND, 0), (5 * SECOND, 1)])
    recording = recording_of(truth, [3 * SECOND, 2 * SECOND, SECOND, 0])

    figures, _ = figures_of(plan_of(4), truth, recording)

    assert [shard.max_depth for shard in figures.shards] == [3, 1]
    assert figures.shards[0].depth == 6 / 4  # six seconds of waiting in four


def test_refusals_and_denials() -> None:
    truth = truth_of([(SECOND, 0), (2 * SECOND, 0), (3 * SECOND, 1), (4 * SECOND, 1)])
    recording = recording_of(truth, [MS, MS, MS, MS])
    recording.verdicts[2] = DENIED
    recording.verdicts[3] = MISSING
    recording.verdicts[4] = REJECTED

    figures, _ = figures_of(plan_of(4), truth, recording)

    assert figures.orders == 2
    assert [shard.denied for shard in figures.shards] == [1, 0]
    assert [shard.rejected for shard in figures.shards] == [0, 1]


def test_the_trajectory_tells_what_came_what_went_and_what_waits() -> None:
    truth = truth_of([(SECOND * number // 4 + 1, 0) for number in range(16)])
    latencies = [MS] * 15 + [SECOND]
    recording = recording_of(truth, latencies)

    figures, _ = figures_of(plan_of(16), truth, recording)

    rows = [(w.start, w.end, w.arrived, w.decided, w.backlog) for w in figures.windows]
    assert len(rows) == 20  # a quarter of a second each
    assert rows[0] == (0.0, 0.25, 1, 1, 0)
    assert rows[15] == (3.75, 4.0, 1, 0, 1)
    assert rows[19] == (4.75, 5.0, 0, 1, 0)
    assert [w.is_warm_up for w in figures.windows] == [True] * 4 + [False] * 16
    assert figures.windows[15].latency.max == SECOND


def test_a_closed_loop_counts_from_the_call() -> None:
    truth = truth_of([(SECOND // 2, 0), (SECOND, 0), (2 * SECOND, 1)])
    recording = recording_of(truth, [0, 0, 0])
    for number, (asked, decided) in enumerate([(0, 5), (5, 9), (9, 15)], start=1):
        recording.asked[number], recording.decided[number] = asked * MS, decided * MS

    figures, _ = figures_of(replace(plan_of(3), in_flight=1), truth, recording)

    assert (figures.orders, figures.warm_up.count) == (2, 1)
    assert figures.latency.max == 6 * MS
    assert figures.per_second == pytest.approx(200)  # two in 10 ms


def test_a_run_without_decisions_has_empty_figures() -> None:
    truth = truth_of([(SECOND, 0)])
    recording = recording_of(truth, [MS])
    recording.verdicts[1] = MISSING

    figures, _ = figures_of(plan_of(1), truth, recording)

    assert (figures.orders, figures.latency.count, figures.imbalance) == (0, 0, 0.0)
    assert figures.windows == []
