from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from load_reports import report_of

from openpit.loadtest.compare import (
    Difference,
    NotAReportError,
    differences,
    other_settings,
    read_report,
)
from openpit.loadtest.report import as_document

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(as_document(report_of())))
    return found


def test_a_report_is_like_itself(document: dict[str, Any]) -> None:
    found = differences(document, document)

    assert {difference.ratio for difference in found} == {1.0}
    assert not any(difference.is_regression(0.0) for difference in found)
    assert other_settings(document, document) == []
    assert [difference.name for difference in found][:6] == [
        "orders/s",
        "p50",
        "p90",
        "p99",
        "p99.9",
        "max",
    ]


def test_worse_and_better(document: dict[str, Any]) -> None:
    other = deepcopy(document)
    figures = other["run"]["figures"]
    figures["per_second"] *= 0.8
    figures["latency"]["p99"] *= 1.3
    figures["latency"]["max"] *= 0.5
    other["ladder"]["knee"] *= 2

    found = {difference.name: difference for difference in differences(document, other)}

    assert [name for name, each in found.items() if each.is_regression(0.1)] == ["orders/s", "p99"]
    assert [name for name, each in found.items() if each.is_regression(0.25)] == ["p99"]
    assert found["orders/s"].ratio == pytest.approx(0.8)
    assert found["max"].ratio == 0.5
    assert found["knee, orders/s"].ratio == 2


def test_figures_that_only_one_has_are_left_out(document: dict[str, Any]) -> None:
    other = deepcopy(document)
    other["ladder"] = None
    other["run"]["processes"][0]["processor"] = None

    names = {difference.name for difference in differences(document, other)}

    assert "knee, orders/s" not in names
    assert "generator processor time per order" not in names
    assert "driver processor time per order" in names


def test_settings_that_differ_are_told(document: dict[str, Any]) -> None:
    other = deepcopy(document)
    other["setting"]["seed"] = 7
    other["setting"]["rate"] = 99.0

    assert other_settings(document, other) == ["seed: 1 and 7", "rate: 10.0 and 99.0"]


def test_a_closed_loops_service_time_is_not_compared_with_a_latency(
    document: dict[str, Any],
) -> None:
    closed = deepcopy(document)
    closed["setting"]["in_flight"] = 64

    across = [difference.name for difference in differences(document, closed)]
    alike = [difference.name for difference in differences(closed, closed)]

    assert "orders/s" in across
    assert not [name for name in across if name.endswith(("p50", "p90", "p99", "p99.9", "max"))]
    assert {"service time p99", "shard 1 service time p99"} <= set(alike)


def test_ratios_over_nothing() -> None:
    assert Difference("", 0, 0, is_time=True, is_less_better=True).ratio == 1.0
    assert Difference("", 0, 5, is_time=True, is_less_better=True).ratio == float("inf")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "is no report of `openpit loadtest`"),
        ('{"schema": "other"}', "is no report of `openpit loadtest`"),
        (
            '{"schema": "openpit-loadtest", "version": 2}',
            "has version 2, and version 1 is understood",
        ),
        (
            '{"schema": "openpit-loadtest", "version": 1, "valid": false, "failure": "INVALID"}',
            "has no figures to compare: INVALID",
        ),
        (
            '{"schema": "openpit-loadtest", "version": 1}',
            "is not whole: KeyError 'valid'",
        ),
        (
            '{"schema": "openpit-loadtest", "version": 1, "valid": true, "setting": []}',
            "is not whole: TypeError",
        ),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_what_is_no_report(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(text)

    with pytest.raises(NotAReportError) as caught:
        read_report(path)

    assert message in str(caught.value)


def test_a_report_comes_back_from_its_file(tmp_path: Path, document: dict[str, Any]) -> None:
    path = tmp_path / "report.json"
    path.write_text(json.dumps(document))

    assert read_report(path) == document
