"""What became of a call whose answer was lost: asked of the engine that has its journal."""

from __future__ import annotations

import asyncio
import os
import pickle
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from crashing import Crashing
from killing import pid_of
from makers import account, deposit, order, pnl_report
from processes import wait_until
from test_engines import balance_of

import openpit
from openpit.errors import OutcomeUnknown
from openpit.pretrade.policies import build_spot_funds

pytestmark = pytest.mark.one_python

GUIDE = Path(__file__).parents[2] / "docs" / "journal.md"
PAID = [deposit("USD", "100")]


class CrashingAtReports(Crashing):
    """Ends its worker once at a report with a PnL of 77, too."""

    def apply_execution_report(self, ctx: Any, report: Any) -> Any:
        if report.financial_impact.pnl.decimal == 77:
            self._crash()


def stage(directory: Path, point: str, **options: Any) -> Any:
    sharded = openpit.Engine.builder().sharded(
        1, journal=directory / "desk", restarts=0, timeout=60.0, **options
    )
    return sharded.pre_trade(CrashingAtReports(point, directory / "crashed"))


def example() -> str:
    """Return the example of the guide."""
    _, _, section = GUIDE.read_text(encoding="utf-8").partition("## What became of a call")
    found = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("point", ["before the append", "after the append"])
def test_the_example_of_the_guide_applies_a_report_once(tmp_path: Path, point: str) -> None:
    outcomes: list[Any] = []

    def build() -> Any:
        engine = stage(tmp_path, point).build()
        given = engine.outcome

        class Seen:
            """The engine, and what it tells."""

            def __getattr__(self, name: str) -> Any:
                return getattr(engine, name)

            def outcome(self, lost: Any) -> Any:
                outcomes.append(given(pickle.loads(pickle.dumps(lost))))
                return outcomes[-1]

        return Seen()

    names: dict[str, Any] = {"build": build, "openpit": openpit, "report": pnl_report(1, "77")}
    exec(example(), names)

    assert names["result"].account_blocks == []
    (outcome,) = outcomes
    assert outcome.was_applied is (point == "after the append")
    names["engine"].close()


def test_an_order_that_was_denied_on_its_way_and_stands_is_told_with_its_reservation(
    tmp_path: Path,
) -> None:
    def build() -> openpit.ShardedEngine:
        return stage(tmp_path, "after the append").builtin(build_spot_funds()).build()

    with build() as engine:
        engine.apply_account_adjustment(account(1), [deposit("USD", "1000")])
        denied = engine.execute_pre_trade(order(1, "77", "10"))
        assert denied.rejects[0].policy == "Router"
        with pytest.raises(OutcomeUnknown, match="down: its worker ended"):
            engine.outcome(denied)

    with build() as again:
        assert again.outcome(denied).result  # asking changes nothing, though nobody holds that
        outcome = again.outcome(denied)
        (left,) = again.open_reservations()
        assert left.handle is outcome.result.reservation
        outcome.result.reservation.commit()
        assert balance_of(again, 1) == 230
        with pytest.raises(RuntimeError):
            again.outcome(denied).result.reservation.commit()


def test_each_report_of_many_is_told_and_on_asyncio(tmp_path: Path) -> None:
    async def lost() -> Any:
        async with await stage(tmp_path, "after the append").build_async() as engine:
            reports = [pnl_report(1, pnl) for pnl in ("1", "77", "2")]
            with pytest.raises(openpit.SomeItemsFailed) as failed:
                await engine.apply_execution_report_many(reports)
            return failed.value.exceptions

    async def found(errors: Any) -> list[bool]:
        async with await stage(tmp_path, "after the append").build_async() as again:
            outcomes = [await again.outcome(error) for error in errors]
            assert [outcome.result.account_blocks for outcome in outcomes] == [[]] * 3
            return [outcome.was_applied for outcome in outcomes]

    errors = asyncio.run(lost())

    assert len(errors) == 3
    assert asyncio.run(found(errors)) == [True] * 3


def test_what_was_answered_too_late_is_known_then_and_after_a_snapshot(tmp_path: Path) -> None:
    options: Any = {"journal": tmp_path, "restarts": 0, "timeout": 0.3, "stall_timeout": 60.0}

    def build() -> Any:
        return openpit.Engine.builder().sharded(1, **options).builtin(build_spot_funds()).build()

    with build() as engine:
        pid = pid_of(engine, 0)
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(OutcomeUnknown) as raised:
            engine.apply_account_adjustment(account(1), PAID)
        error = raised.value
        with pytest.raises(OutcomeUnknown, match="it has no answer yet"):
            engine.outcome(error)
        os.kill(pid, signal.SIGCONT)
        assert wait_until(lambda: engine.stats()[0].state == "up")
        assert engine.outcome(error).was_applied
    assert [*(tmp_path / "shard-0000").glob("*.snap")]

    with build() as again:
        (outcome,) = again.outcome(error).result.outcomes
        assert outcome.entry.balance.absolute.decimal == 100
        assert balance_of(again, 1) == 100
