"""What the report says in two lines; nothing else is worth saying if there is no headline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.loadtest.units import milliseconds, rate

if TYPE_CHECKING:
    from openpit.loadtest.report import Report

__all__ = ["checked", "headline", "knee", "most"]


def headline(report: Report) -> str:
    """Return the headline, or why there is none."""
    if report.failure is not None:
        return report.failure
    setting, figures = report.setting, report.run.figures
    shards = "1 shard" if setting.shards == 1 else f"{setting.shards} shards"
    if setting.only_shard is not None:
        shards = f"shard {setting.only_shard} of {setting.shards} alone"
    if setting.clients:
        shards += ", 1 client" if setting.clients == 1 else f", {setting.clients} clients"
    if setting.inside:
        shards += ", driven inside the workers"
    told = f"{shards}, {setting.accounts:,} accounts, {setting.policies}: "
    latency = figures.latency
    times = (
        f"p50 {milliseconds(latency.p50)} ms, p99 {milliseconds(latency.p99)} ms, "
        f"max {milliseconds(latency.max)} ms"
    )
    if report.is_closed:
        return (
            f"{told}at most {rate(figures.per_second)} orders/s in a closed loop "
            f"({setting.in_flight} {_where(report)} each shard); service time {times}"
            f"{_which(report)}"
        )
    offered = rate(figures.offered_per_second or setting.rate)
    asked = rate(setting.rate)
    return (
        f"{told}{rate(figures.per_second)} orders/s decided of {offered} offered"
        f"{'' if asked == offered else f' ({asked} asked for)'}; latency {times}"
        f"{_which(report)}"
    )


def _where(report: Report) -> str:
    return "at a time in" if report.setting.inside else "in flight to"


def _which(report: Report) -> str:
    runs = len(report.runs)
    return f" (run {report.told + 1} of {runs}, the middle one by p99)" if runs > 1 else ""


def checked(report: Report) -> str:
    """Return what the oracle has to say."""
    judgement = report.run.judgement
    if report.run.unchecked is not None:
        return f"decisions are not checked: {report.run.unchecked}"
    if judgement.wrong:
        return f"{judgement.wrong:,} of {judgement.checked:,} decisions are wrong"
    told = f"all {judgement.checked:,} decisions are right"
    if len(report.runs) > 1:
        told += f" in each of {len(report.runs)} runs"
    if judgement.denied:
        told += f"; {judgement.denied:,} were denied for the killed shard"
    return told


def most(report: Report) -> str | None:
    """Return what the closed loop after the run found; None where there was none."""
    run = report.saturation
    if run is None:
        return None
    if run.invalid is not None:
        return f"closed loop: INVALID, {run.invalid}"
    each = _each(report, run.figures.per_second)
    return f"closed loop: at most {rate(run.figures.per_second)} orders/s{each}"


def knee(report: Report) -> str | None:
    """Return what the ladder found; None where there was none."""
    ladder = report.ladder
    if ladder is None:
        return None
    if ladder.knee is None:
        return "knee: no rate of the ladder was carried"
    each = _each(report, ladder.knee)
    if ladder.is_knee_certain:
        return f"knee: {rate(ladder.knee)} orders/s{each}"
    return f"knee: at least {rate(ladder.knee)} orders/s{each}; no step showed the engine behind"


def _each(report: Report, per_second: float) -> str:
    """Return what a rate is for each of the shards that share it."""
    setting = report.setting
    if setting.shards == 1 or setting.only_shard is not None:
        return ""
    return f", {rate(per_second / setting.shards)} for each shard"
