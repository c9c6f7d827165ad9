"""Account adjustments: all of a batch or nothing of it."""

from __future__ import annotations

from typing import Any

import pytest
from makers import (
    Scripted,
    account,
    deposit,
    engine_with,
    mutation,
    order,
    reasons,
    reject,
    reject_fields,
)

from openpit.param import AccountGroupId
from openpit.pretrade import (
    AccountBlock,
    AccountOutcomeEntry,
    OutcomeAmount,
    PolicyAccountAdjustmentResult,
    policies,
)


class Ledger(Scripted):
    """Undoes by mutation, and plays a script at its ``turn``-th adjustment."""

    def __init__(self, name: str, trace: list[str], script: Any = None, turn: int = 1) -> None:
        super().__init__(name)
        self._trace = trace
        self._script = script
        self._turn = turn
        self._count = 0

    def apply_account_adjustment(self, ctx: Any, account_id: Any, adjustment: Any) -> Any:
        self._count += 1
        mark = f"{self.name}{self._count}"
        self._trace.append(mark)
        if self._count == self._turn and self._script is not None:
            if isinstance(self._script, BaseException):
                raise self._script
            return self._script(mark)
        return PolicyAccountAdjustmentResult(mutations=(mutation(self._trace, mark),))


def block(reason: str) -> AccountBlock:
    return AccountBlock(policy="Watch", code="Custom", reason=reason, details="")


def test_policies_take_each_adjustment_in_turn_and_commit_at_the_end() -> None:
    trace: list[str] = []
    engine = engine_with(Ledger("A", trace), Ledger("B", trace))

    result = engine.apply_account_adjustment(account(1), iter([deposit("USD", "1")] * 2))

    assert result.ok
    assert result.failed_index is None
    assert trace == [
        *["A1", "B1", "A2", "B2"],
        *["commit A1", "commit B1", "commit A2", "commit B2"],
    ]


def test_the_first_reject_ends_the_batch_and_undoes_it() -> None:
    trace: list[str] = []

    def refuse(mark: str) -> PolicyAccountAdjustmentResult:
        return PolicyAccountAdjustmentResult(
            rejects=(reject("too much", scope="account"), reject("too late")),
            mutations=(mutation(trace, mark),),
            account_blocks=(block("never"),),
        )

    engine = engine_with(Ledger("A", trace), Ledger("B", trace, refuse, turn=2), Ledger("C", trace))

    result = engine.apply_account_adjustment(account(1), [deposit("USD", "1")] * 3)

    assert not result
    assert result.failed_index == 1
    assert [(item.policy, item.reason) for item in result.rejects] == [
        ("B", "too much"),
        ("B", "too late"),
    ]
    assert result.outcomes == []
    assert result.account_blocks == []
    assert trace == [
        *["A1", "B1", "C1", "A2", "B2"],
        *["rollback B2", "rollback A2", "rollback C1", "rollback B1", "rollback A1"],
    ]
    # Unlike an order's, an account reject of an adjustment blocks nobody.
    assert engine.execute_pre_trade(order(1))


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt()])
def test_an_exception_ends_the_batch_and_undoes_it(error: BaseException) -> None:
    trace: list[str] = []
    engine = engine_with(Ledger("A", trace), Ledger("B", trace, error), Ledger("C", trace))

    with pytest.raises(type(error)):
        engine.apply_account_adjustment(account(1), [deposit("USD", "1")])

    assert trace == ["A1", "B1", "rollback A1"]


def test_an_answer_that_cannot_be_read_ends_the_batch_and_is_undone_too() -> None:
    trace: list[str] = []

    def malformed(mark: str) -> PolicyAccountAdjustmentResult:
        return PolicyAccountAdjustmentResult(
            mutations=(mutation(trace, mark),),
            account_adjustments=(7,),
        )

    engine = engine_with(Ledger("A", trace), Ledger("B", trace, malformed))

    with pytest.raises(AttributeError, match=r"^'int' object has no attribute"):
        engine.apply_account_adjustment(account(1), [deposit("USD", "1")])

    assert trace == ["A1", "B1", "rollback B1", "rollback A1"]


def test_an_interrupt_in_the_midst_of_an_answer_undoes_what_was_read_of_it() -> None:
    trace: list[str] = []

    def made() -> Any:
        yield mutation(trace, "slow")
        raise KeyboardInterrupt

    engine = engine_with(
        Ledger("A", trace),
        Ledger("B", trace, lambda mark: PolicyAccountAdjustmentResult(mutations=made())),
    )

    with pytest.raises(KeyboardInterrupt):
        engine.apply_account_adjustment(account(1), [deposit("USD", "1")])

    assert trace == ["A1", "B1", "rollback slow", "rollback A1"]


def test_none_is_no_answer_to_an_adjustment() -> None:
    engine = engine_with(Scripted(adjustment=lambda ctx, account_id, adjustment: None))

    with pytest.raises(AttributeError, match=r"^'NoneType' object has no attribute 'rejects'$"):
        engine.apply_account_adjustment(account(1), [deposit("USD", "1")])


def test_outcomes_carry_the_policys_group_and_blocks_are_put_in_force() -> None:
    entry = AccountOutcomeEntry(asset="USD", balance=OutcomeAmount(delta=1, absolute=2))
    answer = PolicyAccountAdjustmentResult(
        account_adjustments=(entry,), account_blocks=(block("first"), block("second"))
    )
    engine = engine_with(Scripted(group_id=9, adjustment=answer))

    result = engine.apply_account_adjustment(account(1), [deposit("USD", "1")] * 2)

    assert [(item.policy_group_id, item.entry.asset) for item in result.outcomes] == [
        (9, "USD"),
        (9, "USD"),
    ]
    assert [item.reason for item in result.account_blocks] == ["first", "second"] * 2
    assert reasons(engine.execute_pre_trade(order(1))) == ["first"]


def test_a_commit_that_fails_is_raised_and_blocks_the_engine_when_all_have_run() -> None:
    trace: list[str] = []

    def commit_fails(mark: str) -> PolicyAccountAdjustmentResult:
        return PolicyAccountAdjustmentResult(
            mutations=(mutation(trace, mark, commit=ValueError("disk")),),
            account_blocks=(block("seen"),),
        )

    engine = engine_with(Ledger("A", trace, commit_fails), Ledger("B", trace))

    with pytest.raises(ValueError, match=r"^disk$"):
        engine.apply_account_adjustment(account(1), [deposit("USD", "1")])

    assert trace == ["A1", "B1", "commit A1", "commit B1"]
    assert reasons(engine.execute_pre_trade(order(1))) == ["seen"]
    assert reasons(engine.execute_pre_trade(order(2))) == ["mutation finalizer failed"]


def test_a_rollback_that_fails_after_a_reject_is_raised_in_its_place() -> None:
    trace: list[str] = []

    def rollback_fails(mark: str) -> PolicyAccountAdjustmentResult:
        return PolicyAccountAdjustmentResult(
            mutations=(mutation(trace, mark, rollback=ValueError("disk")),)
        )

    def refuse(mark: str) -> PolicyAccountAdjustmentResult:
        return PolicyAccountAdjustmentResult(rejects=(reject("no"),))

    engine = engine_with(Ledger("A", trace, rollback_fails), Ledger("B", trace, refuse))

    with pytest.raises(ValueError, match=r"^disk$"):
        engine.apply_account_adjustment(account(1), [deposit("USD", "1")])

    assert reasons(engine.execute_pre_trade(order(2))) == ["mutation finalizer failed"]


def test_the_callbacks_exception_goes_before_that_of_the_rollback() -> None:
    trace: list[str] = []

    def rollback_fails(mark: str) -> PolicyAccountAdjustmentResult:
        return PolicyAccountAdjustmentResult(
            mutations=(mutation(trace, mark, rollback=OSError("disk")),)
        )

    engine = engine_with(
        Ledger("A", trace, rollback_fails), Ledger("B", trace, ValueError("broken"))
    )

    with pytest.raises(ValueError, match=r"^broken$"):
        engine.apply_account_adjustment(account(1), [deposit("USD", "1")])

    assert reasons(engine.execute_pre_trade(order(2))) == ["mutation finalizer failed"]


def test_blocks_do_not_stop_adjustments_and_an_empty_batch_passes() -> None:
    engine = engine_with(policies.build_spot_funds())
    engine.accounts().block(account(1), "under review")

    result = engine.apply_account_adjustment(account(1), [deposit("USD", "25")])

    assert [str(item.entry.balance.absolute) for item in result.outcomes] == ["25"]
    assert engine.apply_account_adjustment(account(1), [])


def test_the_context_controls_the_account_that_is_adjusted() -> None:
    seen: list[object] = []

    def look(ctx: Any, account_id: Any, adjustment: Any) -> PolicyAccountAdjustmentResult:
        seen.extend([ctx.account_group, account_id])
        ctx.account_control.block(block("seen"))
        return PolicyAccountAdjustmentResult()

    engine = engine_with(Scripted(adjustment=look))
    engine.accounts().register_group([account(1)], 5)

    engine.apply_account_adjustment(account(1), [deposit("USD", "1")])

    assert seen == [AccountGroupId.from_int(5), account(1)]
    assert reject_fields(engine.execute_pre_trade(order(1))) == [
        ("Custom", "seen", "", "Watch", "account")
    ]
