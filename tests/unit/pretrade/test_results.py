from __future__ import annotations

from decimal import Decimal

import pytest

from openpit.core.lock import Lock
from openpit.param.ids import AccountId
from openpit.param.values import Pnl
from openpit.pretrade.handles import DropCopyOperation, Reservation
from openpit.pretrade.outcomes import (
    AccountAdjustmentOutcome,
    AccountOutcomeEntry,
    AccountPnlOutcome,
    PnlOutcomeAmount,
)
from openpit.pretrade.rejects import AccountBlock, Reject
from openpit.pretrade.results import (
    AccountAdjustmentBatchResult,
    AccountBlockOutcome,
    AccountBlockOutcomes,
    DropCopyResult,
    DryRunReport,
    ExecuteResult,
    PolicyConfigurationResult,
    PostTradeResult,
)

REJECT = Reject._of("RateLimitExceeded", "too fast", "11 of 10", "RateLimitPolicy", "order")
BLOCK = AccountBlock(policy="Desk", code="Custom", reason="stop", details="by hand")
USD_ROW = ("USD", Decimal(-5), Decimal(95), *[None] * 8)


class FakeReservation(Reservation):
    __slots__ = ()


class FakeOperation(DropCopyOperation):
    __slots__ = ()


def made(kind):
    return object.__new__(kind)


@pytest.mark.parametrize(
    ("result", "handle", "attribute"),
    [
        (ExecuteResult, made(FakeReservation), "reservation"),
        (DropCopyResult, made(FakeOperation), "operation"),
    ],
)
def test_an_answer_is_a_handle_or_rejects(result, handle, attribute):
    passed = result._of(handle, ())
    assert passed.ok is True
    assert bool(passed) is True
    assert getattr(passed, attribute) is handle
    assert passed.rejects == []
    assert repr(passed) == f"{result.__name__}(ok=True)"

    refused = result._of(None, [REJECT, REJECT])
    assert refused.ok is False
    assert bool(refused) is False
    assert getattr(refused, attribute) is None
    assert refused.rejects == [REJECT, REJECT]
    assert repr(refused) == f"{result.__name__}(ok=False, rejects=2)"


def test_the_list_of_rejects_is_the_callers_own():
    refused = ExecuteResult._of(None, [REJECT])
    refused.rejects.clear()
    assert refused.rejects == [REJECT]


def test_a_passing_dry_run_has_no_rejects_at_all():
    report = DryRunReport._of(None, Lock._of({0: [Decimal("1.50")]}), [(3, USD_ROW)], None)
    assert report.is_pass is True
    assert bool(report) is True
    assert report.rejects is None
    assert repr(report.lock) == "Lock([(0, 1.50)])"
    assert [outcome.policy_group_id for outcome in report.account_adjustments] == [3]
    assert report.account_block is None
    assert repr(report) == "DryRunReport(pass)"


def test_the_lock_of_a_dry_run_is_a_fresh_copy():
    report = DryRunReport._of(None, Lock._of({}), (), None)
    report.lock.push(0, "1")
    assert len(report.lock) == 0


def test_a_rejected_dry_run_tells_the_block_that_would_be():
    report = DryRunReport._of([REJECT], Lock._of({}), (), BLOCK)
    assert report.is_pass is False
    assert bool(report) is False
    assert report.rejects == [REJECT]
    assert report.account_block is BLOCK
    assert repr(report) == "DryRunReport(reject, rejects=1)"


def test_an_applied_batch_lists_outcomes_and_blocks():
    result = AccountAdjustmentBatchResult._of(None, (), [(0, USD_ROW)], [BLOCK])
    assert result.ok is True
    assert bool(result) is True
    assert result.failed_index is None
    assert result.rejects == []
    assert result.account_blocks == [BLOCK]
    (outcome,) = result.outcomes
    assert outcome.entry.asset == "USD"
    assert repr(result) == "AccountAdjustmentBatchResult(ok=True)"


def test_a_refused_batch_names_the_adjustment():
    result = AccountAdjustmentBatchResult._of(2, [REJECT], (), ())
    assert result.ok is False
    assert bool(result) is False
    assert result.failed_index == 2
    assert result.rejects == [REJECT]
    assert (result.outcomes, result.account_blocks) == ([], [])
    assert repr(result) == "AccountAdjustmentBatchResult(ok=False, failed_index=2, rejects=1)"


def test_blocks_of_many_accounts_come_with_their_accounts():
    result = AccountBlockOutcomes._of([(5, BLOCK)])
    (outcome,) = result.account_blocks
    assert outcome.account_id == AccountId.from_int(5)
    assert outcome.block is BLOCK
    assert repr(outcome) == f"AccountBlockOutcome(account_id=5, block={BLOCK!r})"
    assert repr(result) == "AccountBlockOutcomes(account_blocks=1)"


def test_blocks_of_one_account_come_alone():
    result = PolicyConfigurationResult._of([(5, BLOCK)])
    assert result.account_blocks == [BLOCK]
    assert repr(result) == "PolicyConfigurationResult(account_blocks=1)"


def test_a_post_trade_result_is_empty_or_made_of_iterables():
    assert repr(PostTradeResult()) == (
        "PostTradeResult(account_blocks=0, account_pnls=0, account_adjustments=0)"
    )
    pnl = AccountPnlOutcome(
        policy_group_id=0,
        account_id=AccountId.from_int(5),
        pnl=PnlOutcomeAmount(delta=-5, absolute="-7.5"),
    )
    adjustment = AccountAdjustmentOutcome(policy_group_id=3, entry=AccountOutcomeEntry(asset="USD"))
    result = PostTradeResult(
        account_blocks=(BLOCK,), account_pnls=[pnl], account_adjustments=iter([adjustment])
    )
    assert result.account_blocks == [BLOCK]
    (read_pnl,) = result.account_pnls
    assert read_pnl.pnl is not None
    assert read_pnl.pnl.absolute == Pnl("-7.5")
    assert [outcome.policy_group_id for outcome in result.account_adjustments] == [3]
    assert repr(result) == (
        "PostTradeResult(account_blocks=1, account_pnls=1, account_adjustments=1)"
    )


def test_the_result_of_the_engine_is_made_of_rows():
    row = (0, 5, Decimal(-5), Decimal("-7.5"), None)
    result = PostTradeResult._of([BLOCK], [row], [(3, USD_ROW)])
    assert result.account_blocks == [BLOCK]
    assert [pnl._row() for pnl in result.account_pnls] == [row]
    assert [outcome.entry._row() for outcome in result.account_adjustments] == [USD_ROW]


@pytest.mark.parametrize(
    ("field", "missing"),
    [
        ("account_blocks", "code"),
        ("account_pnls", "pnl"),
        ("account_adjustments", "policy_group_id"),
    ],
)
def test_a_post_trade_result_reads_its_items_by_their_attributes(field, missing):
    with pytest.raises(AttributeError, match=f"^'int' object has no attribute '{missing}'$"):
        PostTradeResult(**{field: [1]})
    with pytest.raises(TypeError, match=r"^'int' object is not iterable$"):
        PostTradeResult(**{field: 5})


@pytest.mark.parametrize(
    "kind",
    [
        ExecuteResult,
        DropCopyResult,
        DryRunReport,
        AccountAdjustmentBatchResult,
        AccountBlockOutcome,
        AccountBlockOutcomes,
        PolicyConfigurationResult,
        Reservation,
        DropCopyOperation,
    ],
)
def test_only_the_engine_makes_results_and_handles(kind):
    for arguments in ((), (1, 2)):
        with pytest.raises(TypeError) as refused:
            kind(*arguments)
        assert str(refused.value) == f"cannot create 'openpit.pretrade.{kind.__name__}' instances"


@pytest.mark.parametrize("kind", [ExecuteResult, DropCopyResult, DryRunReport, PostTradeResult])
def test_results_are_final(kind):
    with pytest.raises(TypeError) as refused:
        type("Mine", (kind,), {})
    assert str(refused.value) == (
        f"type 'openpit.pretrade.{kind.__name__}' is not an acceptable base type"
    )
