from __future__ import annotations

from dataclasses import replace

import pytest
from load_reports import plan_of

from openpit.limits.tables import ConfigError
from openpit.loadtest.oracle import Truth, checksum, find_truth, judge
from openpit.loadtest.recording import ACCEPTED, DENIED, MISSING, REJECTED, Recording
from openpit.loadtest.workload import load_workload


@pytest.fixture(scope="module")
def truth() -> Truth:
    return find_truth(plan_of(300, workload=load_workload(accounts=50)))


def copy_of(recording: Recording) -> Recording:
    other = Recording(len(recording.verdicts) - 1)
    other.verdicts[:] = recording.verdicts
    other.rejects = {number: list(rows) for number, rows in recording.rejects.items()}
    other.blocks = dict(recording.blocks)
    return other


def test_the_oracle_decides_every_order_at_its_own_time(truth: Truth) -> None:
    verdicts = truth.recording.verdicts[1:]

    assert (verdicts.count(ACCEPTED), verdicts.count(REJECTED)) == (294, 6)
    assert {rows[0][0] for rows in truth.recording.rejects.values()} == {
        "InvalidFieldValue",
        "OrderExceedsLimit",
    }
    assert len(truth.times) == len(truth.shards) == 301
    assert truth.accounts == [25, 24]


def test_right_decisions(truth: Truth) -> None:
    judgement = judge(truth, copy_of(truth.recording))

    assert (judgement.checked, judgement.wrong, judgement.denied) == (300, 0, 0)
    assert judgement.checksum == checksum(truth.recording)
    assert judgement.examples == []


def test_a_single_wrong_decision_is_found(truth: Truth) -> None:
    recording = copy_of(truth.recording)
    number = recording.verdicts.index(ACCEPTED, 1)
    recording.verdicts[number] = REJECTED
    recording.rejects[number] = [("Other", "why", "so", "Mine", "order")]

    judgement = judge(truth, recording)

    assert judgement.wrong == 1
    assert judgement.examples == [
        f"order {number}, shard {truth.shards[number]}: Other of Mine (so); right: accepted"
    ]
    assert judgement.checksum != checksum(truth.recording)


def test_a_reject_must_be_right_to_the_letter(truth: Truth) -> None:
    recording = copy_of(truth.recording)
    number = next(iter(recording.rejects))
    code, reason, _, policy, scope = recording.rejects[number][0]
    recording.rejects[number] = [(code, reason, "other details", policy, scope)]

    assert judge(truth, recording).wrong == 1


def test_a_decision_that_never_came_is_wrong(truth: Truth) -> None:
    recording = copy_of(truth.recording)
    recording.verdicts[1] = MISSING

    judgement = judge(truth, recording)

    assert judgement.wrong == 1
    assert "no decision; right: accepted" in judgement.examples[0]


def test_a_block_that_is_not_right_is_wrong(truth: Truth) -> None:
    recording = copy_of(truth.recording)
    recording.blocks[1, 5] = [("AccountBlocked", "", "", "Luck")]

    judgement = judge(truth, recording)

    assert judgement.wrong == 1
    assert judgement.examples == ["report on order 1: other blocks than right"]


def test_denials_count_apart_only_for_the_shard_that_was_killed(truth: Truth) -> None:
    recording = copy_of(truth.recording)
    for number in range(1, 301):
        recording.verdicts[number] = DENIED
    of_shard_0 = truth.shards.tolist()[1:].count(0)

    killed = judge(truth, recording, killed_shard=0)

    assert (killed.denied, killed.wrong) == (of_shard_0, 300 - of_shard_0)
    assert killed.checked == 300 - of_shard_0
    assert judge(truth, recording).wrong == 300
    assert len(killed.examples) == 5


def test_only_one_shards_accounts(truth: Truth) -> None:
    plan = plan_of(50, only_shard=1)

    assert set(find_truth(plan).shards[1:]) == {1}


def test_a_policy_that_cannot_be_made() -> None:
    with pytest.raises(ConfigError, match="policy nowhere:Policy: ModuleNotFoundError: No module"):
        find_truth(replace(plan_of(1), custom=("nowhere:Policy",)))


def test_a_custom_policy_decides_too() -> None:
    plan = plan_of(20, custom=("load_policies:RefusesAll",))

    found = find_truth(plan)

    assert found.recording.verdicts.count(REJECTED) == 20
