"""The report's charts, as plotly figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import plotly.graph_objects as go

from openpit.loadtest.ladder import StepOutcome

if TYPE_CHECKING:
    from openpit.loadtest.ladder import Ladder
    from openpit.loadtest.report import Report

__all__ = ["charts"]

MAX_LINES: Final = 16
"""Shards that get a line of their own in the latency chart; more cannot be told apart."""

_PERCENTILES: Final = (50, 90, 99, 99.9, 99.99, 99.999)

_MILLISECOND: Final = 1e6

_TICKS: Final = [digit * 10.0**power for power in range(-3, 6) for digit in (1, 2, 5)]
"""Of a logarithmic axis in milliseconds, each with its own number on it."""

_LOGARITHMIC: Final[dict[str, Any]] = {
    "type": "log",
    "tickvals": _TICKS,
    "ticktext": [f"{tick:g}" for tick in _TICKS],
}

_SYMBOLS: Final = {
    StepOutcome.CARRIED: "circle",
    StepOutcome.BEHIND: "triangle-down",
    StepOutcome.INVALID: "x",
    StepOutcome.WRONG: "x",
}
"""Of the ladder's steps: one that says nothing must not look like one that was carried."""


def charts(report: Report) -> dict[str, go.Figure]:
    """Return the charts by their names, in the order of the page."""
    figures = {
        "latency": _latency(report),
        "throughput": _throughput(report),
        "trajectory": _trajectory(report),
    }
    if report.ladder is not None:
        figures["ladder"] = _ladder(report.ladder)
    return figures


def _figure(title: str, x: dict[str, Any], y: dict[str, Any], **layout: Any) -> go.Figure:
    return go.Figure(
        layout=go.Layout(
            title={"text": title, "font": {"size": 16}},
            template="plotly_white",
            xaxis=x,
            yaxis=y,
            height=380,
            margin={"l": 60, "r": 20, "t": 50, "b": 50},
            legend={"orientation": "h", "y": -0.25},
            hovermode="closest",
            **layout,
        )
    )


def _latency(report: Report) -> go.Figure:
    """Latency by percentile; equal steps to the right are equally many nines more."""
    what = "Service time" if report.is_closed else "Decision latency"
    figure = _figure(
        f"{what} by percentile",
        {
            "type": "log",
            "title": "percentile",
            "tickvals": [_odds(percentile) for percentile in _PERCENTILES],
            "ticktext": [f"{percentile:g} %" for percentile in _PERCENTILES],
        },
        {**_LOGARITHMIC, "title": "ms"},
    )
    for name, curve in report.curves.items():
        if name != "all" and int(name) >= MAX_LINES:
            continue
        # 100 % is infinitely far to the right.
        points = [(percentile, value) for percentile, value in curve if percentile < 100]  # noqa: PLR2004 - as said
        figure.add_scatter(
            x=[_odds(percentile) for percentile, _ in points],
            y=[value / _MILLISECOND for _, value in points],
            customdata=[percentile for percentile, _ in points],
            hovertemplate="%{customdata:.4f} %: %{y:.3f} ms",
            mode="lines",
            name="all shards" if name == "all" else f"shard {name}",
            line={"width": 3 if name == "all" else 1.5},
        )
    return figure


def _odds(percentile: float) -> float:
    return 100.0 / (100.0 - percentile)


def _throughput(report: Report) -> go.Figure:
    shards = report.run.figures.shards
    figure = _figure(
        "Throughput per shard",
        {"title": "shard", "type": "category"},
        {"title": "orders/s", "rangemode": "tozero"},
    )
    figure.add_bar(
        x=[str(shard.shard) for shard in shards],
        y=[shard.per_second for shard in shards],
        name="orders/s",
        hovertemplate="shard %{x}: %{y:,.0f} orders/s",
    )
    return figure


def _trajectory(report: Report) -> go.Figure:
    windows = [window for window in report.run.figures.windows if window.latency.count]
    figure = _figure(
        "Trajectory: latency over the run",
        {"title": "seconds from the start"},
        {**_LOGARITHMIC, "title": "ms"},
    )
    middles = [(window.start + window.end) / 2 for window in windows]
    for name in ("p50", "p99", "max"):
        figure.add_scatter(
            x=middles,
            y=[getattr(window.latency, name) / _MILLISECOND for window in windows],
            mode="lines+markers",
            name=name,
            hovertemplate="%{x:g} s: %{y:.3f} ms",
        )
    warm = [window.end for window in windows if window.is_warm_up]
    if warm:
        figure.add_vrect(
            x0=0,
            x1=max(warm),
            fillcolor="grey",
            opacity=0.12,
            line_width=0,
            annotation_text="warm-up",
            annotation_position="top left",
        )  # fmt: skip - keeps together what belongs together
    return figure


def _ladder(ladder: Ladder) -> go.Figure:
    steps = ladder.steps
    figure = _figure(
        "Ladder: what is decided of what is offered",
        {"title": "orders/s asked for", "rangemode": "tozero"},
        {"title": "decided/s", "rangemode": "tozero"},
        yaxis2={
            **_LOGARITHMIC,
            "title": "p99, ms",
            "overlaying": "y",
            "side": "right",
            "showgrid": False,
        },
    )  # fmt: skip - one axis a line
    figure.update_layout(margin={"r": 60})
    offered = [step.offered for step in steps]
    marker = {"size": 8, "symbol": [_SYMBOLS[StepOutcome(step.verdict)] for step in steps]}
    verdicts = [step.verdict for step in steps]
    figure.add_scatter(
        x=offered,
        y=[step.per_second for step in steps],
        mode="lines+markers",
        name="decided/s",
        marker=marker,
        customdata=verdicts,
        hovertemplate="%{x:,.0f} asked for, %{y:,.0f} decided/s: %{customdata}",
    )
    arrived = [step.arrived for step in steps]
    figure.add_scatter(
        x=offered, y=arrived, mode="lines", name="offered", line={"dash": "dot", "color": "grey"}
    )
    figure.add_scatter(
        x=offered,
        y=[step.latency.p99 / _MILLISECOND for step in steps],
        mode="lines+markers",
        name="p99, ms",
        marker=marker,
        customdata=verdicts,
        hovertemplate="%{x:,.0f} asked for, p99 %{y:.3f} ms: %{customdata}",
        yaxis="y2",
    )
    knee = [step for step in steps if step.offered == ladder.knee]
    if knee:
        figure.add_scatter(
            x=[knee[0].offered],
            y=[knee[0].per_second],
            mode="markers",
            name="knee",
            marker={"size": 14, "symbol": "diamond-open", "line": {"width": 3}},
        )
    return figure
