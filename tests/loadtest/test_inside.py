"""Runs whose workers drive themselves: what is decided, what is noticed, what is left."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import pytest
from load_plans import BINDING_PLAN, plan_of
from processes import children_of

from openpit.limits.tables import ConfigError
from openpit.loadtest.children import ChildFailedError
from openpit.loadtest.conductor import conduct
from openpit.loadtest.generator import shard_finder
from openpit.loadtest.measure import measure
from openpit.loadtest.oracle import checksum, find_truth
from openpit.loadtest.plan import SECOND

pytestmark = pytest.mark.one_python


def test_workers_decide_what_one_engine_does() -> None:
    """Accounts' own rates bind here, at the orders' times."""
    run = measure(replace(BINDING_PLAN, shards=3, inside=True, in_flight=64)).run

    assert (run.judgement.checked, run.judgement.wrong, run.failures) == (3_000, 0, {})
    assert run.judgement.checksum == checksum(find_truth(BINDING_PLAN).recording)
    assert (run.figures.orders, run.deposits, run.broken) == (3_000, 150, None)
    assert [process.name for process in run.processes] == [
        *("driver", "worker 0", "worker 1", "worker 2"),
    ]
    assert [(role.role, role.processes) for role in run.roles] == [("harness", 4), ("engine", 3)]
    assert sum(role.share for role in run.roles) == pytest.approx(1)
    assert all(process.peak for process in run.processes)


def test_latencies_of_an_open_loop_count_from_the_intended_arrival() -> None:
    """All workers stand still for a second, halfway: longer than a turn."""
    run = measure(plan_of(inside=True, stall=SECOND, lag_limit=SECOND // 10)).run

    assert run.invalid is not None
    assert run.invalid.startswith("the workers were ")
    assert run.lag.max >= SECOND * 9 // 10
    assert run.figures.latency.max >= SECOND * 9 // 10
    assert run.judgement.wrong == 0


@pytest.mark.parametrize(("policy", "state"), [("Stops", "stalled"), ("Dies", "down")])
def test_a_shard_that_is_lost_is_told_and_the_other_goes_on(policy: str, state: str) -> None:
    told: list[str] = []

    plan = plan_of(inside=True, custom=(f"load_policies:{policy}",))
    run = measure(plan, tell=told.append).run

    assert list(run.lost) == [0]
    assert run.invalid == run.lost[0]
    assert run.invalid.startswith(f"shard 0 was {state} ")
    assert [line.split(" since ")[0] for line in told] == [f"shard 0 is {state}"]
    assert (run.broken, run.errors, run.roles) == (None, [], [])
    lost, other = run.figures.shards
    assert lost.orders == 0
    assert other.orders > 150


def test_what_a_policy_raises_is_counted() -> None:
    run = measure(plan_of(inside=True, custom=("load_policies:RaisesInWorkers",))).run

    assert sum(run.failures.values()) > 0
    assert run.broken is not None


def test_what_cannot_start_is_told_and_leaves_nothing() -> None:
    with pytest.raises(ChildFailedError, match="ShardStartError"):
        conduct(plan_of(inside=True, custom=("load_policies:CannotTravel",)))
    nobody = replace(plan_of().workload, accounts=1)
    with pytest.raises(ConfigError, match=r"^no account sends orders$"):
        conduct(plan_of(inside=True, workload=nobody, only_shard=1 - shard_finder(2)(1)))


def test_a_driver_that_dies_in_a_run_ends_it() -> None:
    def kill(_: int) -> None:
        for pid in children_of(os.getpid()):
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(ChildFailedError, match="the driver ended early, killed by signal 9"):
        conduct(plan_of(inside=True), progress=kill)
