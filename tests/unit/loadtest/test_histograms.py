from __future__ import annotations

from openpit.loadtest.histograms import (
    Latency,
    curve,
    fold,
    hgrm_of,
    latency_of,
    merged,
)

MS = 1_000_000


def near(value: int, wanted: int) -> bool:
    return abs(value - wanted) <= wanted / 1_000


def test_percentiles() -> None:
    latency = latency_of(fold(range(MS, 1_001 * MS, MS)))

    assert latency.count == 1_000
    for found, wanted in (
        (latency.p50, 500 * MS),
        (latency.p90, 900 * MS),
        (latency.p99, 990 * MS),
        (latency.p999, 999 * MS),
    ):
        assert near(found, wanted)
    assert latency.max == 1_000 * MS  # exact


def test_percentiles_are_those_that_the_library_finds_one_by_one() -> None:
    histogram = fold([3, 70, 70, 800, *range(MS, 90 * MS, MS // 3)])
    at = histogram.get_value_at_percentile

    latency = latency_of(histogram)
    assert [latency.p50, latency.p90, latency.p99, latency.p999] == [
        at(50),
        at(90),
        at(99),
        min(at(99.9), histogram.max_value),
    ]
    *points, _ = curve(histogram)
    assert len(points) > 30
    assert points == [(percentile, at(percentile)) for percentile, _ in points]


def test_no_percentile_is_above_the_largest_value() -> None:
    assert latency_of(fold([10_000_001])) == Latency(1, *[10_000_001] * 5)


def test_nothing_has_no_latency() -> None:
    assert latency_of(fold([])) == Latency(0, 0, 0, 0, 0, 0)
    assert curve(fold([])) == []


def test_merging_is_as_if_all_had_been_folded_together() -> None:
    slow, quick = [700 * MS] * 10, [MS] * 990

    both = latency_of(merged([fold(slow), fold(quick)]))

    assert both == latency_of(fold(slow + quick))
    assert near(both.p99, MS)
    assert near(both.p999, 700 * MS)  # an average of both 99.9th percentiles would be half of it
    assert both.max == 700 * MS


def test_times_out_of_range_are_kept_at_its_ends() -> None:
    latency = latency_of(fold([0, 10**15]))

    assert (latency.p50, latency.max) == (1, 3_600_000_000_000)


def test_the_curve_ends_at_the_maximum_and_never_falls() -> None:
    points = curve(fold(range(MS, 1_001 * MS, MS)))

    percentiles = [percentile for percentile, _ in points]
    values = [value for _, value in points]
    assert percentiles == sorted(percentiles)
    assert values == sorted(values)
    assert points[0][0] == 0
    assert points[-1] == (100.0, 1_000 * MS)
    assert percentiles[-2] > 99.9


def test_hgrm_files_are_what_the_plotters_read() -> None:
    lines = hgrm_of(fold([MS] * 99 + [50 * MS])).splitlines()

    assert lines[0].split() == ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]
    assert lines[2].split()[:2] == ["1.000", "0.000000000000"]
    assert lines[-1].startswith("#[Buckets")
    assert any(line.startswith("#[Max     =       50.0") for line in lines)
