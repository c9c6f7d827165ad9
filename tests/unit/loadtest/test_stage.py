from __future__ import annotations

import gc
import pickle
from dataclasses import replace
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

import msgpack
import pytest
from load_plans import BINDING_PLAN, plan_of

from openpit.loadtest import stage
from openpit.loadtest.generator import shard_finder
from openpit.loadtest.lane import TimelineClock
from openpit.loadtest.oracle import checksum, find_truth
from openpit.loadtest.outcome import of_all, recorded
from openpit.loadtest.plan import SECOND, Plan, Target
from openpit.loadtest.targets import build
from openpit.param import AccountId

if TYPE_CHECKING:
    from openpit.loadtest.messages import Driven


class ShardInProcess:
    """What a stage asks of its shard's engine, in this process."""

    def __init__(self, plan: Plan) -> None:
        self.clock = TimelineClock()
        self.counts: list[tuple[int, int]] = []
        engine = build(replace(plan, target=Target.IN_PROCESS), self.clock)
        self.execute_pre_trade_many = engine.execute_pre_trade_many
        self.commit_many = engine.commit_many
        self.apply_execution_report_many = engine.apply_execution_report_many
        self.apply_account_adjustment = engine.apply_account_adjustment

    def count_next(self, broker: int, asset: int) -> None:
        self.counts.append((broker, asset))


@pytest.fixture(autouse=True)
def _thawed() -> Any:
    """A stage freezes what it has made, which outlives its worker's process here."""
    yield
    gc.unfreeze()
    gc.enable()


def stages_of(plan: Plan) -> list[stage.LoadStage]:
    return [stage.LoadStage(ShardInProcess(plan), plan, shard) for shard in range(plan.shards)]


def ask(its: stage.LoadStage, *message: object) -> Any:
    answer = its.receive(AccountId.from_int(1), msgpack.packb(message))
    return answer if message[0] == stage.PIECE else msgpack.unpackb(answer)


def drive(its: stage.LoadStage) -> tuple[Driven, int]:
    """Have a stage do all of its work; return what it has to say, and how many turns it took."""
    turns = 0
    for verb in (stage.PREPARE, stage.FUND):
        while not ask(its, verb):
            turns += 1
    start = monotonic_ns()
    while not ask(its, stage.DRIVE, start)[0]:
        turns += 1
    pieces = b""
    while piece := ask(its, stage.PIECE, len(pieces)):
        pieces += piece
    driven: Driven = pickle.loads(pieces)
    return driven, turns


def test_stages_share_the_orders_and_decide_as_one_engine_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stage, "TURN", 100_000)  # so that there are many
    monkeypatch.setattr(stage, "PIECE_BYTES", 1_000)
    plan = replace(BINDING_PLAN, orders=600, shards=3, inside=True, in_flight=8)

    driven = [drive(its) for its in stages_of(plan)]

    recording, lags = recorded(plan, [said for said, _ in driven])
    assert checksum(recording) == checksum(find_truth(plan).recording)
    assert all(turns > 10 for _, turns in driven)
    assert not lags  # of a closed loop
    processes = of_all([said.processes[0] for said, _ in driven])
    assert [process.name for process in processes] == ["worker 0", "worker 1", "worker 2"]
    assert {process.orders for process in processes} == {600}
    for process in processes:
        assert process.processor is not None
        assert process.library is not None
        assert 0 < process.library < process.processor


def test_what_comes_before_the_end_of_the_warm_up_is_not_in_the_figures() -> None:
    plan = plan_of(shards=1, orders=100, rate=500.0, warm_up=SECOND // 10, inside=True)
    (its,) = stages_of(plan)

    said, turns = drive(its)

    (process,) = said.processes
    # By when they were done: on a busy machine, some that were due before are done after it.
    assert 0 < process.orders < plan.orders
    assert 1 <= turns <= 10
    assert said.lags is not None
    assert 0 < len(said.lags) < 300


def test_a_load_without_orders_is_told() -> None:
    plan = plan_of(only_shard=1 - shard_finder(2)(1), inside=True)
    plan = replace(plan, workload=replace(plan.workload, accounts=1))
    its, _ = stages_of(plan)

    with pytest.raises(ValueError, match="no account sends orders"):
        ask(its, stage.PREPARE)
