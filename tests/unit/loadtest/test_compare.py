from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from load_reports import report_of

from openpit.loadtest.compare import (
    Difference,
    Drift,
    NotAReportError,
    differences,
    once_in,
    other_settings,
    parse_report,
)
from openpit.loadtest.report import as_document


@pytest.fixture
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(as_document(report_of())))
    return found


def test_a_report_is_like_itself(document: dict[str, Any]) -> None:
    found = differences([document], [document])

    assert {difference.ratio for difference in found} == {1.0}
    assert {difference.verdict(0.0) for difference in found} == {Drift.SAME}
    assert other_settings([document, document]) == []
    assert [difference.name for difference in found][:6] == [
        "orders/s",
        "p50",
        "p90",
        "p99",
        "p99.9",
        "max",
    ]


def test_a_run_inside_the_workers_has_no_figure_in_common_with_others(
    document: dict[str, Any],
) -> None:
    inside = deepcopy(document)
    inside["setting"]["inside"] = True

    assert differences([document], [inside]) == []
    assert other_settings([document, inside]) == ["inside: False and True"]
    names = [difference.name for difference in differences([inside], [inside])]
    assert names[:3] == ["inside orders/s", "inside p50", "inside p90"]
    assert "inside knee, orders/s" in names
    assert all("inside " in name for name in names)


def test_reports_from_before_there_were_clients_can_be_compared(document: dict[str, Any]) -> None:
    older = deepcopy(document)
    del older["setting"]["clients"], older["setting"]["inside"]
    clients = deepcopy(document)
    clients["setting"]["clients"] = 2

    assert other_settings([older, document]) == []
    assert other_settings([older, clients]) == ["clients: 0 and 2"]
    assert len(differences([older], [document])) == len(differences([document], [document]))


def test_worse_and_better(document: dict[str, Any]) -> None:
    other = deepcopy(document)
    figures = other["run"]["figures"]
    figures["per_second"] *= 0.8
    figures["latency"]["p99"] *= 1.3
    figures["latency"]["max"] *= 0.5
    other["ladder"]["knee"] *= 2

    found = {difference.name: difference for difference in differences([document], [other])}

    def worse(tolerance: float) -> list[str]:
        return [name for name, each in found.items() if each.verdict(tolerance) == Drift.WORSE]

    assert worse(0.1) == ["orders/s", "p99"]
    assert worse(0.25) == ["p99"]
    assert found["max"].verdict(0.1) == Drift.BETTER
    assert found["orders/s"].ratio == pytest.approx(0.8)
    assert found["max"].ratio == 0.5
    assert found["knee, orders/s"].ratio == 2


def test_figures_that_only_one_has_are_left_out(document: dict[str, Any]) -> None:
    other = deepcopy(document)
    other["ladder"] = None
    other["run"]["processes"][0]["processor"] = None

    names = {difference.name for difference in differences([document], [other])}

    assert "knee, orders/s" not in names
    assert "generator processor time per order" not in names
    assert "driver processor time per order" in names


def test_settings_that_differ_are_told(document: dict[str, Any]) -> None:
    other = deepcopy(document)
    other["setting"]["seed"] = 7
    other["setting"]["rate"] = 99.0

    assert other_settings([document, other]) == ["seed: 1 and 7", "rate: 10.0 and 99.0"]


def test_a_closed_loops_service_time_is_not_compared_with_a_latency(
    document: dict[str, Any],
) -> None:
    closed = deepcopy(document)
    closed["setting"]["in_flight"] = 64

    across = [difference.name for difference in differences([document], [closed])]
    alike = [difference.name for difference in differences([closed], [closed])]

    assert "orders/s" in across
    assert not [name for name in across if name.endswith(("p50", "p90", "p99", "p99.9", "max"))]
    assert {"service time p99", "shard 1 service time p99"} <= set(alike)


def difference(before: tuple[float, ...], after: tuple[float, ...]) -> Difference:
    return Difference("p99", before, after, is_time=True, is_less_better=True)


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ((10, 12, 11), (13, 15, 14), Drift.WORSE),  # 14 after 11, and 13 is more than 12
        ((10, 12, 11), (11.9, 15, 14), Drift.NOISE),  # one of them was as good as before
        ((10, 12, 11), (12, 15, 14), Drift.NOISE),
        ((10, 10.2, 10.1), (10.5, 10.6, 10.7), Drift.SAME),  # apart, and within the tolerance
        ((13, 15, 14), (10, 12, 11), Drift.BETTER),
        ((10, 30, 11), (9, 29, 12), Drift.SAME),
        ((10, 11), (12, 14), Drift.WORSE),  # the middle of two is between them
        ((10,), (12, 14, 13), Drift.WORSE),
        ((10,), (9, 14, 13), Drift.NOISE),
        ((10,), (12,), Drift.WORSE),  # one on each side: the tolerance alone
        ((10,), (10.9,), Drift.SAME),
    ],
)
def test_noise_and_change(
    before: tuple[float, ...], after: tuple[float, ...], verdict: Drift
) -> None:
    assert difference(before, after).verdict(0.1) == verdict


def test_how_often_chance_looks_like_a_change() -> None:
    assert [once_in(1, 1), once_in(3, 3), once_in(5, 5), once_in(1, 5)] == [2, 20, 252, 6]


def test_every_run_of_a_report_counts(document: dict[str, Any]) -> None:
    second = deepcopy(document["run"])
    second["figures"]["per_second"] = 7.5
    several = document | {"runs": [document["run"], second]}

    (rate, *_) = differences([several, document], [document])

    per_second = document["run"]["figures"]["per_second"]
    assert (rate.name, rate.before) == ("orders/s", (per_second, 7.5, per_second))
    assert rate.after == (per_second,)


def test_another_machine_is_told(document: dict[str, Any]) -> None:
    other = deepcopy(document)
    other["machine"]["python"] = "CPython 4.0"

    (line,) = other_settings([document, other, document])

    assert line.startswith("python: CPython 3.")
    assert line.endswith(" and CPython 4.0")


def test_ratios_over_nothing() -> None:
    assert Difference("", (0,), (0,), is_time=True, is_less_better=True).ratio == 1.0
    assert Difference("", (0,), (5,), is_time=True, is_less_better=True).ratio == float("inf")


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
def test_what_is_no_report(text: str, message: str) -> None:
    with pytest.raises(NotAReportError) as caught:
        parse_report(text, "report.json")

    assert str(caught.value).startswith(f"report.json {message}")


def test_a_report_comes_back_from_its_text(document: dict[str, Any]) -> None:
    assert parse_report(json.dumps(document), "report.json") == document
