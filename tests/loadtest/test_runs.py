"""Whole runs with real processes: what is decided, what is noticed, what is left behind."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from load_plans import BINDING, BINDING_PLAN, WORKLOAD, plan_of
from load_policies import SleepsOnce

from openpit.loadtest.children import ChildFailedError
from openpit.loadtest.conductor import conduct
from openpit.loadtest.generator import shard_finder
from openpit.loadtest.measure import Run, measure
from openpit.loadtest.oracle import checksum, find_truth
from openpit.loadtest.plan import SECOND
from openpit.loadtest.session import settled

if TYPE_CHECKING:
    from openpit.loadtest.oracle import Truth

# --- the same decisions at any number of shards --------------------------------------------------


@pytest.fixture(scope="module")
def binding_truth() -> Truth:
    truth = find_truth(BINDING_PLAN)
    codes = {row[0] for rows in truth.recording.rejects.values() for row in rows}
    assert codes >= {
        "InvalidFieldValue",
        "RateLimitExceeded",
        "OrderQtyExceedsLimit",
        "InsufficientFunds",
        "PnlKillSwitchTriggered",
    }
    assert truth.recording.blocks
    return truth


@pytest.mark.parametrize("shards", [1, 2, 3, 5])
def test_the_same_decisions_and_checksum_at_any_number_of_shards(
    shards: int, binding_truth: Truth
) -> None:
    plan = replace(BINDING_PLAN, shards=shards, in_flight=64)

    run = measure(plan).run

    assert (run.judgement.checked, run.judgement.wrong, run.failures) == (3_000, 0, {})
    assert run.judgement.checksum == checksum(binding_truth.recording)
    assert plan.digest() == BINDING_PLAN.digest()


@pytest.mark.one_python
def test_an_open_loop_decides_the_same_as_a_closed_one(binding_truth: Truth) -> None:
    run = measure(BINDING_PLAN).run

    assert run.judgement.wrong == 0
    assert run.judgement.checksum == checksum(binding_truth.recording)
    assert run.figures.orders == 3_000
    assert run.reports > 1_000


@pytest.mark.one_python
def test_limits_over_all_accounts_decide_the_same_through_one_lane() -> None:
    """A rate that all accounts share, so that their order matters, and blocks give it back."""
    shared = '[rate_limit]\nbroker = {max_orders = 90, window = "100ms"}'
    policies = BINDING.replace("[rate_limit]", shared)
    plans = [
        settled(replace(BINDING_PLAN, policies=policies, shards=shards, in_flight=64))
        for shards in (1, 3)
    ]
    assert [plan.lanes for plan in plans] == [1, 1]

    runs = [measure(plan).run for plan in plans]

    truth = find_truth(plans[0]).recording
    assert any("broker barrier" in row[1] for rows in truth.rejects.values() for row in rows)
    assert [run.judgement.wrong for run in runs] == [0, 0]
    assert {run.judgement.checksum for run in runs} == {checksum(truth)}


# --- what must be noticed ------------------------------------------------------------------------


@pytest.mark.one_python
def test_a_slow_worker_shows_in_the_tail_of_its_own_shard() -> None:
    """The worker of shard 0 sleeps for two seconds over one order; shard 1 goes on."""
    run = measure(plan_of(orders=600, custom=("load_policies:SleepsOnce",))).run

    slow, other = run.figures.shards
    assert slow.orders > 2 * SleepsOnce.AFTER
    assert run.judgement.wrong == 0
    assert slow.latency.max >= 2 * SECOND
    assert slow.latency.p90 > SECOND  # those that came behind it
    assert slow.max_depth > 20
    assert other.latency.max < slow.latency.max / 2
    assert other.latency.p99 < slow.latency.p90 / 2


@pytest.mark.one_python
def test_a_slow_generator_makes_the_run_invalid() -> None:
    """It stands still for a second, halfway; latencies count from when orders should have come."""
    run = measure(plan_of(stall=SECOND, lag_limit=SECOND // 10)).run

    assert run.invalid is not None
    assert run.invalid.startswith("the generator was ")
    assert run.invalid.endswith(
        "over the limit of 100 ms: the load was not the one that was asked for"
    )
    assert run.lag.max >= SECOND * 9 // 10
    assert run.figures.latency.max >= SECOND * 9 // 10
    assert run.judgement.wrong == 0


@pytest.mark.one_python
def test_a_wrong_decision_fails_the_run() -> None:
    run = measure(plan_of(shards=1, in_flight=16, custom=("load_policies:Liar",))).run

    assert run.judgement.wrong == 1
    assert run.broken == "1 wrong of 400 decisions"
    assert "Other of Liar (refused by a test); right: accepted" in run.judgement.examples[0]


@pytest.mark.one_python
def test_a_policy_that_raises_fails_the_run() -> None:
    run = measure(plan_of(shards=1, in_flight=200, custom=("load_policies:RaisesInWorkers",))).run

    assert run.failures == {"ZeroDivisionError": 393}  # 7 are refused before it
    assert run.judgement.wrong == 400  # their calls answer nothing


# --- a worker that dies --------------------------------------------------------------------------


def killed_run() -> Run:
    return measure(plan_of(kill_at=SECOND, orders=600)).run


def test_a_killed_worker_denies_its_orders_and_leaves_the_others_alone() -> None:
    run = killed_run()

    fault = run.fault
    assert fault is not None
    assert (fault.shard, fault.passed_after) == (0, 0)
    assert fault.killed_at >= SECOND
    assert fault.noticed is not None
    assert fault.noticed > 0
    assert fault.denied > 50
    assert run.judgement.denied == fault.denied
    assert run.judgement.checked == 600 - fault.denied
    assert run.broken is None
    assert run.figures.shards[0].denied == fault.denied
    assert run.figures.shards[1].denied == 0
    assert fault.others_after.count > 50


# --- the shape of runs ---------------------------------------------------------------------------


@pytest.mark.one_python
def test_one_shard_alone() -> None:
    run = measure(plan_of(only_shard=1, in_flight=32)).run

    assert [shard.orders for shard in run.figures.shards] == [0, 400]
    assert [shard.accounts > 0 for shard in run.figures.shards] == [False, True]
    assert run.figures.imbalance == 2.0
    assert run.judgement.wrong == 0


@pytest.mark.one_python
def test_processes_are_accounted_for() -> None:
    run = measure(plan_of(orders=1_000, in_flight=64)).run

    assert [process.name for process in run.processes] == [
        "generator",
        "driver",
        "worker 0",
        "worker 1",
    ]
    for process in run.processes:
        assert process.peak is not None
        assert 2**20 < process.peak < 2**31
    assert run.processes[1].processor
    assert run.processes[1].per_account is not None
    assert run.calls > 0
    assert run.deposits == 50
    assert set(run.collected) == {"generator", "driver"}


@pytest.mark.one_python
def test_progress_is_told() -> None:
    told: list[int] = []

    outcome = conduct(plan_of(), progress=told.append)

    assert told == sorted(told)
    assert told
    assert 0 < told[0] <= told[-1] <= 400
    assert outcome.driven.errors == []


@pytest.mark.one_python
def test_a_load_of_nobody_and_policies_that_cannot_start_leave_nothing() -> None:
    from openpit.limits.tables import ConfigError  # noqa: PLC0415 - beside its use

    nobody = replace(WORKLOAD, accounts=1)
    with pytest.raises(ConfigError, match="no account sends orders"):
        conduct(plan_of(workload=nobody, only_shard=1 - shard_finder(2)(1)))
    with pytest.raises(ConfigError, match="policy nowhere:Policy"):
        conduct(plan_of(custom=("nowhere:Policy",)))


@pytest.mark.one_python
def test_an_engine_that_does_not_come_up_leaves_nothing() -> None:
    with pytest.raises(ChildFailedError, match="ShardStartError"):
        conduct(plan_of(custom=("load_policies:CannotTravel",)))


@pytest.mark.one_python
def test_a_driver_that_dies_is_told_and_leaves_nothing() -> None:
    with pytest.raises(ChildFailedError, match="the driver ended early, exit code 7"):
        conduct(plan_of(custom=("load_policies:EndsItsProcess",)))
