"""The report as one HTML file that needs nothing else: no network, and a phone will do."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from plotly.offline import get_plotlyjs

from openpit.loadtest.charts import charts
from openpit.loadtest.costs import (
    CORES,
    ROLES,
    core_rows,
    cores_told,
    role_rows,
    roles_told,
)
from openpit.loadtest.headline import checked, headline, knee, most
from openpit.loadtest.text import small_print
from openpit.loadtest.units import milliseconds, rate

if TYPE_CHECKING:
    from openpit.loadtest.histograms import Latency
    from openpit.loadtest.report import Report

__all__ = ["page"]

_STYLE: Final = """
body { font: 16px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 76rem; padding: 1rem;
       color: #222; background: #fff; }
h1 { font-size: 1.3rem; }
h2 { font-size: 1.05rem; margin-top: 1.5rem; }
.headline { font-size: 1.1rem; font-weight: 600; }
.bad { color: #b00020; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr));
          gap: 0.5rem; }
.charts > div { min-width: 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.7rem; text-align: right; white-space: nowrap;
         border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; }
code { overflow-wrap: anywhere; }
small { color: #555; overflow-wrap: anywhere; }
.print { margin: 0.3rem 0; }
@media (max-width: 40rem) { table { font-size: 0.85rem; } th, td { padding: 0.2rem 0.35rem; } }
"""

# At the end of the page, when it has its layout: a chart takes the width that there is. What each
# chart says of itself then, the points of its traces, is for whoever checks the page.
_DRAW: Final = """
for (const [name, figure] of Object.entries(FIGURES)) {
  const config = {displaylogo: false, displayModeBar: false, responsive: true};
  Plotly.newPlot(name, figure.data, figure.layout, config).then(function (chart) {
    chart.dataset.drawn = chart.calcdata.map((trace) => trace.length).join(' ');
  });
}
"""

_TIMES: Final = ("p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms")


def page(report: Report, *, is_picture: bool = False) -> str:
    """Return the page; ``is_picture`` leaves out everything but headline and charts."""
    figures = charts(report)
    drawn = "".join(f'<div id="{name}"></div>' for name in figures)
    data = ", ".join(f'"{name}": {figure.to_json()}' for name, figure in figures.items())
    # Nothing in the data may end the script.
    script = f"const FIGURES = {{{data}}};".replace("</", "<\\/") + _DRAW
    said = [f'<p class="headline{_bad(report)}">{escape(headline(report))}</p>']
    if report.failure is None:
        said += [
            f"<p>{escape(line)}</p>"
            for line in (checked(report), knee(report), most(report))
            if line
        ]
    said += [f'<p class="bad">{escape(line)}</p>' for line in report.missed]
    if is_picture:
        parts = [*said[:1], f'<div class="charts">{drawn}</div>']
    else:
        parts = [
            "<h1>openpit loadtest</h1>",
            _called(report),
            *said,
            f'<div class="charts">{drawn}</div>',
        ]
        parts += [_shards(report), _runs(report), _ladder(report)]
        parts += [_roles(report), _cores(report), _settings(report)]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>openpit loadtest</title><style>{_STYLE}</style>"
        f"<script>{get_plotlyjs()}</script></head>\n<body>{''.join(parts)}"
        f"<script>{script}</script></body></html>\n"
    )


def _called(report: Report) -> str:
    called = report.invocation
    if called is None:
        return ""
    return f"<p><code>{escape(called.text)}</code><br><small>{escape(called.date)}</small></p>"


def _bad(report: Report) -> str:
    return "" if report.failure is None else " bad"


def _table(headings: list[str], rows: list[list[str]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in headings)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>" for row in rows
    )
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _times(latency: Latency) -> list[str]:
    values = (latency.p50, latency.p90, latency.p99, latency.p999, latency.max)
    return [milliseconds(value) if latency.count else "-" for value in values]


def _shards(report: Report) -> str:
    figures = report.run.figures
    rows = [
        [
            str(shard.shard),
            f"{shard.accounts:,}",
            f"{shard.orders:,}",
            rate(shard.per_second),
            f"{shard.depth:,.1f}",
            *_times(shard.latency),
        ]
        for shard in figures.shards
    ]
    total = ["all", "", f"{figures.orders:,}", rate(figures.per_second), ""]
    rows.append([*total, *_times(figures.latency)])
    headings = ["shard", "accounts", "orders", "orders/s", "queue", *_TIMES]
    return "<h2>Shards</h2>" + _table(headings, rows)


def _runs(report: Report) -> str:
    if len(report.runs) < 2:  # noqa: PLR2004 - one run is the report
        return ""
    rows = [
        [
            f"{number + 1}{' (reported)' if number == report.told else ''}",
            f"{run.figures.orders:,}",
            rate(run.figures.per_second),
            *_times(run.figures.latency),
        ]
        for number, run in enumerate(report.runs)
    ]
    return "<h2>Runs, each of the same load</h2>" + _table(
        ["run", "orders", "orders/s", *_TIMES], rows
    )


def _ladder(report: Report) -> str:
    if report.ladder is None:
        return "<p><small>There is no ladder in this report: run with --ladder.</small></p>"
    rows = [
        [
            rate(step.offered),
            rate(step.arrived),
            rate(step.per_second),
            milliseconds(step.latency.p50),
            milliseconds(step.latency.p99),
            f"{step.verdict} (knee)" if step.offered == report.ladder.knee else step.verdict,
        ]
        for step in report.ladder.steps
    ]
    headings = ["asked/s", "offered/s", "decided/s", "p50 ms", "p99 ms", ""]
    legend = "In the chart: ● carried, ▼ fell behind, ✕ says nothing about the rate."
    return f"<h2>Ladder</h2>{_table(headings, rows)}<p><small>{legend}</small></p>"


def _roles(report: Report) -> str:
    rows = role_rows(report)
    if not rows:
        return ""
    table = _table(list(ROLES), rows)
    return f"<h2>Processor time by role</h2>{table}{_small(roles_told(report))}"


def _cores(report: Report) -> str:
    if report.cores is None:
        return ""
    table = _table(list(CORES), core_rows(report.cores))
    return f"<h2>Cores that a rate takes</h2>{table}{_small(cores_told(report))}"


def _small(lines: list[str]) -> str:
    return "".join(f'<p class="print"><small>{escape(line)}</small></p>' for line in lines)


def _settings(report: Report) -> str:
    return "<h2>Small print</h2>" + _small(small_print(report))
