from __future__ import annotations

from typing import TYPE_CHECKING, Any

from load_reports import MS, SECOND, plan_of, recording_of, truth_of

from openpit.loadtest.faults import Fault, fault_of
from openpit.loadtest.messages import Driven
from openpit.loadtest.recording import DENIED

if TYPE_CHECKING:
    from openpit.loadtest.oracle import Truth


def told(truth: Truth, denied: dict[int, int], **changes: Any) -> Fault:
    """What is told if orders take 3 ms, or as long as they were waiting to be denied."""
    count = len(truth.shards) - 1
    recording = recording_of(truth, [denied.get(n, 3 * MS) for n in range(1, count + 1)])
    for number in denied:
        recording.verdicts[number] = DENIED
    driven = Driven(
        recording=recording,
        processes=[],
        collected=[],
        library="",
        killed_at=3 * SECOND,
        noticed_at=changes.pop("noticed_at", 3 * SECOND + 2 * MS),
    )
    found = fault_of(plan_of(count, kill_at=3 * SECOND), truth, driven)
    assert found is not None
    return found


TRUTH = truth_of([(number * SECOND, number % 2) for number in range(1, 7)])  # 2, 4, 6 of shard 0


def test_a_run_without_a_kill_has_no_fault() -> None:
    driven = Driven(recording_of(TRUTH, [MS] * 6), [], [], 6, "")

    assert fault_of(plan_of(6), TRUTH, driven) is None


def test_what_became_of_the_calls() -> None:
    fault = told(TRUTH, {4: 9 * MS, 6: 6 * MS})

    assert (fault.shard, fault.killed_at, fault.noticed) == (0, 3 * SECOND, 2 * MS)
    assert (fault.denied, fault.slowest_denial) == (2, 9 * MS)
    assert fault.first_denial == SECOND + 9 * MS
    assert fault.passed_after == 0
    assert (fault.others_before.count, fault.others_after.count) == (2, 1)


def test_an_order_that_passes_a_shard_that_is_down_is_told() -> None:
    assert told(TRUTH, {6: MS}).passed_after == 1


def test_a_death_that_nobody_notices() -> None:
    fault = told(TRUTH, {}, noticed_at=None)

    assert (fault.noticed, fault.first_denial, fault.denied) == (None, None, 0)
    assert fault.passed_after == 0
