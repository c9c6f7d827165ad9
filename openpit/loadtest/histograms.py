"""Latencies folded into HdrHistograms: merged without loss, never averaged."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from hdrh.histogram import HdrHistogram

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Latency", "curve", "fold", "hgrm_of", "latency_of", "merged"]

LONGEST: Final = 3_600_000_000_000
"""An hour in nanoseconds: no run has a decision that takes longer."""

DIGITS: Final = 3
"""Figures that are kept of a value: no percentile is off by more than a thousandth."""

_MILLISECOND: Final = 1_000_000

_TICKS: Final = 5
"""Points for every halving of what is left to 100 %, as plotters of .hgrm files expect."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles, in nanoseconds; all 0 where there was nothing."""

    count: int
    p50: int
    p90: int
    p99: int
    p999: int
    max: int


def fold(nanoseconds: Iterable[int]) -> Any:
    """Return a histogram of values."""
    histogram = HdrHistogram(1, LONGEST, DIGITS)
    for value, count in Counter(nanoseconds).items():
        histogram.record_value(min(max(value, 1), LONGEST), count)
    return histogram


def merged(histograms: Iterable[Any]) -> Any:
    """Return a histogram of everything that is in others."""
    whole = HdrHistogram(1, LONGEST, DIGITS)
    most = 0
    for histogram in histograms:
        whole.add(histogram)
        most = max(most, histogram.max_value)
    whole.max_value = most  # add() takes the upper end of its bucket
    return whole


def latency_of(histogram: Any) -> Latency:
    """Return the percentiles that the report shows."""
    if not histogram.get_total_count():
        return Latency(0, 0, 0, 0, 0, 0)
    most = histogram.max_value
    found = _values_at(histogram, [50.0, 90.0, 99.0, 99.9])
    p50, p90, p99, p999 = (min(value, most) for value in found)
    return Latency(histogram.get_total_count(), p50, p90, p99, p999, most)


def curve(histogram: Any) -> list[tuple[float, int]]:
    """Return pairs of a percentile and its value, closer together towards 100."""
    percentiles = []
    left = 100.0
    count = histogram.get_total_count()
    while count and left * count >= 50.0:  # noqa: PLR2004 - half an order is left
        percentiles += [100.0 - left * (1 - step / (2 * _TICKS)) for step in range(_TICKS)]
        left /= 2
    points = list(zip(percentiles, _values_at(histogram, percentiles), strict=True))
    if count:
        points.append((100.0, histogram.max_value))
    return points


def _values_at(histogram: Any, percentiles: list[float]) -> list[int]:
    """Return the values of percentiles, looked for in one go: each alone takes as long as all."""
    found = histogram.get_percentile_to_value_dict(percentiles)
    return [int(found[percentile]) for percentile in percentiles]


def hgrm_of(histogram: Any) -> str:
    """Return a histogram as HdrHistogram's own tools read it, values in milliseconds."""
    file = BytesIO()
    histogram.output_percentile_distribution(file, _MILLISECOND, _TICKS)
    return file.getvalue().decode("ascii")
