"""Shards that stop answering in a run: it is told when it happens, and the test ends in time."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from load_policies import LET_GO

from openpit.loadtest.children import ChildFailedError
from openpit.loadtest.measure import Run, measure
from openpit.loadtest.oracle import find_truth
from openpit.loadtest.plan import SECOND, Plan
from openpit.loadtest.policies import POLICIES
from openpit.loadtest.session import LoadRequest, run_load
from openpit.loadtest.workload import load_workload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WORKLOAD = load_workload('[accounts]\ncount = 200\n[venue]\ndelay_median = "5ms"\n')


def plan_of(policy: str, **changes: Any) -> Plan:
    """A plan of 400 orders in 2 s, on two shards."""
    settings: dict[str, Any] = {
        "workload": WORKLOAD,
        "seed": 11,
        "rate": 200.0,
        "orders": 400,
        "warm_up": 0,
        "shards": 2,
        "policies": POLICIES["simple"],
        "lag_limit": 3_600 * SECOND,
        "custom": (f"load_policies:{policy}",),
    }
    return Plan(**settings | changes)


def run_of(policy: str, **changes: Any) -> tuple[Run, list[str]]:
    """Run a plan; return what came of it, and what was told of shards meanwhile."""
    told: list[str] = []
    begun = time.monotonic()
    run = measure(plan_of(policy, **changes), tell=told.append).run
    assert time.monotonic() - begun < 75  # 2 s, the 15 s of the page, and a slow start
    return run, told


@pytest.mark.one_python
@pytest.mark.parametrize(("policy", "in_flight"), [("SleepsForEver", None), ("SpinsForEver", 16)])
def test_all_shards_are_stuck(policy: str, in_flight: int | None) -> None:
    """The policy would be stuck in the oracle, too, which so is not asked."""
    run, told = run_of(policy, in_flight=in_flight)

    assert set(run.lost) == {0, 1}
    for shard in (0, 1):
        assert run.lost[shard].startswith(f"shard {shard} was stalled ")
        assert run.lost[shard].endswith(" s into the run: no answer within 5 s")
        (line,) = [line for line in told if line.startswith(f"shard {shard} is stalled since ")]
        assert line.endswith(" s into the run: no answer within 5 s; its orders are denied")
    assert len(told) == 2
    assert run.invalid == f"{run.lost[0]}; {run.lost[1]}"
    assert (run.broken, run.judgement.checked, run.judgement.wrong) == (None, 0, 0)
    assert run.judgement.denied >= (340 if in_flight is None else 2)


@pytest.mark.one_python
@pytest.mark.parametrize("policy", ["Stops", "StopsAtOnce"])
def test_one_shard_is_stopped_and_the_other_goes_on(policy: str) -> None:
    run, told = run_of(policy)

    assert list(run.lost) == [0]
    assert [line.split(" since ")[0] for line in told] == ["shard 0 is stalled"]
    stopped, other = run.figures.shards
    assert stopped.denied > 50
    assert other.denied == 0
    assert other.orders > 50


@pytest.mark.one_python
def test_a_worker_dies_that_was_not_to() -> None:
    run, told = run_of("Dies")

    assert list(run.lost) == [0]
    assert run.lost[0].startswith("shard 0 was down ")
    assert run.lost[0].endswith("its worker was killed by signal 9")
    assert [line.split(" since ")[0] for line in told] == ["shard 0 is down"]
    assert run.broken is None
    assert run.figures.shards[1].denied == 0


@pytest.mark.one_python
def test_reports_are_stuck() -> None:
    run, told = run_of("StuckInReports")

    assert set(run.lost) == {0, 1}
    assert len(told) == 2


@pytest.mark.one_python
def test_the_oracle_is_stuck() -> None:
    with pytest.raises(ChildFailedError, match=r"^the oracle, .* no answer to event [\d,]+ within"):
        find_truth(plan_of("StuckElsewhere"), patience=1.0)
    LET_GO.set()


# --- the stages of a test --------------------------------------------------------------------


def run_stages(**wanted: Any) -> tuple[Any, list[str]]:
    stages = []

    @contextmanager
    def stage(name: str, _: int) -> Iterator[Callable[[int], object]]:
        stages.append(name)
        yield lambda _: None

    plan = plan_of("StopsAtOnce", orders=200, rate=200.0)
    report, _ = run_load(LoadRequest(plan, "stops", **wanted), stage)
    return report, stages


@pytest.mark.one_python
def test_a_stuck_shard_ends_the_test_after_its_run() -> None:
    report, stages = run_stages(runs=3)

    assert stages == ["run 1 of 3"]
    assert report.lost == report.run.invalid
    assert report.lost.startswith("shard 0 was stalled ")
    assert report.failure == f"INVALID: {report.lost}"
    assert report.saturation is None


def test_a_stuck_shard_ends_the_ladder_and_its_step_is_reported() -> None:
    report, stages = run_stages(has_ladder=True, step_seconds=1.0)

    assert stages == ["ladder, 200 orders/s"]
    assert report.ladder is None
    assert report.lost.startswith("shard 0 was stalled ")
