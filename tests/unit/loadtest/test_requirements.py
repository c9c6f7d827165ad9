from __future__ import annotations

import pytest
from load_reports import run_of

from openpit.loadtest.requirements import missed, parse_requirement


def lines(*texts: str) -> list[str]:
    run, _ = run_of()  # 1 ms and 3 ms in turn, 10.3 orders per second
    return missed([parse_requirement(text) for text in texts], run.figures)


def test_what_is_met_is_not_told() -> None:
    assert lines("p50<2ms", "p99 < 3500us", "max<1s", "throughput>10", "imbalance<1.1") == []


def test_what_is_missed_is_told_with_what_was_found() -> None:
    assert lines("max<2ms", "throughput>50000", "p99.9>4ms") == [
        "required max<2ms, found 3.000 ms",
        "required throughput>50000, found 10.33",
        "required p99.9>4ms, found 3.000 ms",
    ]


def test_the_limit_itself_is_a_miss() -> None:
    assert lines("max<3ms") == ["required max<3ms, found 3.000 ms"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("p99=2ms", '\'p99=2ms\' is no requirement such as "p99<2ms" or "throughput>50000"'),
        ("p99<2", "'p99<2' lacks a unit: ns, us, ms or s"),
        ("throughput>5s", "'throughput>5s': throughput has no unit"),
        ("p98<2ms", "'p98<2ms' is about 'p98', which is none of p50, p90, p99, p99.9, max,"),
    ],
)
def test_what_is_no_requirement(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"p9|through") as caught:
        parse_requirement(text)

    assert str(caught.value).startswith(message)
