"""Metrics of running engines, also while a shard stands still or is gone; and who observes it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("prometheus_client")

from flow import IN_SHARD_0, IN_SHARD_1, buy
from makers import account, deposit
from processes import wait_until
from prometheus_client.openmetrics.parser import text_string_to_metric_families

import openpit
from openpit.metrics import collector
from openpit.pretrade.policies import build_order_validation, build_spot_funds

pytestmark = pytest.mark.one_python

BOARD = Path(__file__).parents[2] / "examples" / "deploy" / "grafana.json"
GUIDE = Path(__file__).parents[2] / "docs" / "operating.md"

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: str) -> Samples:
    """Read a text as the client library's own parser does."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"openpit_{name}", frozenset(labels.items())]


def missing(samples: Samples) -> dict[str, str]:
    found = [dict(labels) for name, labels in samples if name == "openpit_shard_missing"]
    return {one["shard"]: one["why"] for one in found}


def stage(**options: Any) -> Any:
    return openpit.Engine.builder().sharded(2, **options)


class Noisy:
    """Hears everything, and raises each time."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def hear(*values: Any) -> None:
            self.heard.append(name)
            raise RuntimeError(name)

        return hear


def test_a_text_has_what_was_decided_and_ends_in_time_whatever_a_shard_does() -> None:
    noisy = Noisy()
    plan = stage(timeout=1.0).observer(noisy)
    plan = plan.builtin(build_order_validation()).builtin(build_spot_funds())
    with plan.build() as engine:
        metrics = collector(engine, timeout=0.5)
        for number in (IN_SHARD_0, IN_SHARD_1):
            engine.apply_account_adjustment(account(number), [deposit("USD", "10000")])
        kept = [engine.execute_pre_trade(buy(IN_SHARD_0, "1")) for _ in range(3)]
        assert not engine.execute_pre_trade(buy(IN_SHARD_1, "9999"))
        kept[0].reservation.commit()
        engine.accounts().block(account(IN_SHARD_1), "by hand")

        told = read(metrics.text())

        assert value(told, "decisions_total", shard="0", outcome="accepted") == 3
        assert value(told, "decisions_total", shard="1", outcome="rejected") == 1
        labels = {"code": "InsufficientFunds", "policy": "SpotFundsPolicy"}
        assert value(told, "rejects_total", shard="1", **labels) == 1
        assert value(told, "reservations_open", shard="0") == 2
        assert value(told, "reservations_ended_total", shard="0", how="committed") == 1
        assert value(told, "accounts_blocked", shard="1") == 1
        assert value(told, "in_flight", shard="0") == 0
        assert value(told, "credits", shard="0") == 8192
        for name in ("round_trip_seconds", "worker_turn_seconds", "batch_commands"):
            assert value(told, f"{name}_count", shard="0") > 0
        assert missing(told) == {}

        os.kill(pid := engine.stats()[0].pid, signal.SIGSTOP)  # type: ignore[arg-type]
        try:
            began = time.monotonic()
            silent = read(metrics.text())
            assert time.monotonic() - began < 20
            assert missing(silent) == {"0": "no answer within 0.5 s"}
            assert value(silent, "decisions_total", shard="1", outcome="rejected") == 1
            assert ("openpit_reservations_open", frozenset({("shard", "0")})) not in silent
            assert engine.execute_pre_trade(buy(IN_SHARD_0, "1")).rejects  # it is stalled now
            stalled = read(metrics.text())
            assert missing(stalled)["0"].startswith("stalled: ")
            assert value(stalled, "shard_up", shard="0") == 0
        finally:
            os.kill(pid, signal.SIGCONT)  # type: ignore[arg-type]
        assert wait_until(lambda: not missing(read(metrics.text())))

        os.kill(pid, signal.SIGKILL)  # type: ignore[arg-type]
        assert wait_until(lambda: engine.stats()[0].state == "down")
        assert missing(read(metrics.text()))["0"].startswith("down: ")
        assert {"depth", "ran", "stalled", "answered", "down"} <= {*noisy.heard}
        del kept
    assert set(missing(read(metrics.text()))) == {"0", "1"}  # closed, and told so


def test_an_engine_of_asyncio_is_looked_at_without_a_thread_or_a_wait() -> None:
    async def look() -> tuple[str, list[Any], list[Any]]:
        engine = await stage().builtin(build_order_validation()).build_async()
        async with engine:
            metrics = collector(engine)
            before = [*metrics.collect()]
            assert await engine.execute_pre_trade(buy(IN_SHARD_0))
            return await metrics.text(), before, [*metrics.collect()]

    text, before, after = asyncio.run(look())
    assert value(read(text), "decisions_total", shard="0", outcome="accepted") == 1
    assert (before, len(after)) == ([], len({family.name for family in after}))


def test_what_cannot_be_collected_is_refused_by_name() -> None:
    one = openpit.Engine.builder().no_sync().builtin(build_order_validation()).build()
    with pytest.raises(TypeError, match="an engine of several processes, not Engine"):
        collector(one)  # type: ignore[call-overload]


def test_the_board_and_the_guide_name_what_there_is(tmp_path: Path) -> None:
    plan = stage(journal=tmp_path).builtin(build_order_validation())
    with plan.build() as engine:
        engine.execute_pre_trade(openpit.Order())  # rejected: so there is a reject
        families = [*collector(engine).collect()]
    there = {sample.name for family in families for sample in family.samples}
    there |= {family.name for family in families}  # histograms, as the guide has them
    there |= {"openpit_shard_missing", "openpit_sessions", "openpit_server_up"}  # not of this one

    board = BOARD.read_text(encoding="utf-8")
    asked = {
        name
        for panel in json.loads(board)["panels"]
        for target in panel.get("targets", ())
        for name in re.findall(r"openpit_\w+", target["expr"])
    }
    assert len(asked) > 15
    assert asked <= there

    told = set(re.findall(r"`(openpit_\w+)`", GUIDE.read_text(encoding="utf-8")))
    assert told <= there
    missing_there = {name for name in there if name not in told}
    parts = ("_bucket", "_count", "_sum")
    families_told = {name.removesuffix("_total") for name in told}
    assert {
        name
        for name in missing_there
        if not name.endswith(parts) and name.removesuffix("_total") not in families_told
    } == set()
