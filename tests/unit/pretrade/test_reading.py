from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import pytest

from openpit.core.mutation import Mutation
from openpit.errors import ParamError
from openpit.pretrade.outcomes import AccountAdjustmentOutcome, AccountOutcomeEntry, OutcomeAmount
from openpit.pretrade.policy import (
    PolicyAccountAdjustmentResult,
    PolicyDecision,
    PolicyPreTradeResult,
    PolicyReject,
)
from openpit.pretrade.reading import (
    read_adjustment_result,
    read_pre_trade_result,
    read_rejects,
    read_report_result,
)
from openpit.pretrade.rejects import AccountBlock
from openpit.pretrade.results import PostTradeResult

REJECT = PolicyReject("Custom", "stop", "by hand")
ENTRY = AccountOutcomeEntry(asset="USD", balance=OutcomeAmount(delta=-5, absolute=95))
BLOCK = AccountBlock(policy="Desk", code="Custom", reason="stop", details="by hand")
MUTATION = Mutation(print, print)


def own(**attributes) -> SimpleNamespace:
    """An object of the policy's own class."""
    return SimpleNamespace(**attributes)


# --- start stage --------------------------------------------------------------------------------


@pytest.mark.parametrize("nothing", [None, (), [], "", iter(())])
def test_no_rejects_pass_the_start_stage(nothing):
    assert read_rejects(nothing, "Desk") == []


def test_rejects_of_the_start_stage_are_the_policys():
    (reject,) = read_rejects(iter([REJECT]), "Desk")
    assert (reject.policy, reject.code, reject.scope) == ("Desk", "Custom", "order")


# --- main stage ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "accepting",
    [
        None,
        PolicyDecision(),
        PolicyDecision.accept(),
        PolicyDecision.reject([]),
        PolicyDecision([], []),
        PolicyPreTradeResult.accept(),
        PolicyAccountAdjustmentResult(),
        own(),
        own(rejects=(), mutations=()),
        5,
        True,
        "x",
        [REJECT],
    ],
    ids=repr,
)
def test_what_says_nothing_accepts(accepting):
    assert read_pre_trade_result(accepting, "Desk") is None


def test_accepting_with_mutations_keeps_them():
    verdict = read_pre_trade_result(PolicyDecision.accept([MUTATION]), "Desk")
    assert verdict is not None
    assert verdict.rejects == ()
    assert list(verdict.mutations) == [MUTATION]
    assert (list(verdict.own_rows), list(verdict.own_prices)) == ([], [])


@pytest.mark.parametrize("gather", [list, tuple, iter])
def test_mutations_come_in_any_iterable_and_of_any_class(gather):
    mine = own(commit=len, rollback=max)
    verdict = read_pre_trade_result(PolicyDecision(mutations=gather([MUTATION, mine])), "Desk")
    assert verdict is not None
    assert verdict.mutations[0] is MUTATION
    assert (verdict.mutations[1].commit, verdict.mutations[1].rollback) == (len, max)


def test_a_rejection_has_the_policys_name_and_its_mutations():
    verdict = read_pre_trade_result(PolicyDecision.reject([REJECT], [MUTATION]), "Desk")
    assert verdict is not None
    assert verdict.rejects is not None
    (reject,) = verdict.rejects
    assert (reject.policy, reject.reason) == ("Desk", "stop")
    assert verdict.mutations == [MUTATION]


def test_a_full_result_has_rows_and_lock_prices():
    result = PolicyPreTradeResult.accept([MUTATION], [ENTRY], ["1.50", 2])
    verdict = read_pre_trade_result(result, "Desk")
    assert verdict is not None
    assert verdict.rejects == ()
    assert verdict.own_rows == [ENTRY._row()]
    assert verdict.own_prices == [Decimal("1.5"), Decimal(2)]


def test_adjustments_and_lock_prices_alone_accept():
    verdict = read_pre_trade_result(own(account_adjustments=[ENTRY]), "Desk")
    assert verdict is not None
    assert verdict.own_rows == [ENTRY._row()]
    verdict = read_pre_trade_result(own(lock_prices=[1]), "Desk")
    assert verdict is not None
    assert verdict.own_prices == [Decimal(1)]


def test_rejects_and_mutations_come_together():
    with pytest.raises(AttributeError, match=r"has no attribute 'mutations'$"):
        read_pre_trade_result(own(rejects=()), "Desk")
    with pytest.raises(AttributeError, match=r"has no attribute 'rejects'$"):
        read_pre_trade_result(own(mutations=()), "Desk")


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (own(rejects=None, mutations=()), TypeError, "'NoneType' object is not iterable"),
        (PolicyDecision(rejects=5), TypeError, "'int' object is not iterable"),
        (PolicyDecision(mutations=None), TypeError, "'NoneType' object is not iterable"),
        (PolicyDecision(rejects=(1,)), AttributeError, "'int' object has no attribute 'code'"),
        (PolicyDecision(mutations=(1,)), AttributeError, "'int' object has no attribute 'commit'"),
        (
            PolicyPreTradeResult(account_adjustments=(1,)),
            AttributeError,
            "'int' object has no attribute 'average_entry_price'",
        ),
        (PolicyPreTradeResult(lock_prices=("x",)), ParamError, "invalid format for Price: 'x'"),
        (
            PolicyDecision.reject([PolicyReject("zz", "r", "d")]),
            ValueError,
            'unsupported reject code "zz"',
        ),
        (
            PolicyPreTradeResult.reject([REJECT], lock_prices=["x"]),
            ParamError,
            "invalid format for Price: 'x'",
        ),
    ],
)
def test_a_verdict_that_cannot_be_read_says_why(wrong, error, message):
    with pytest.raises(error) as refused:
        read_pre_trade_result(wrong, "Desk")
    assert str(refused.value) == message


def test_an_attribute_that_fails_fails_the_check():
    class Failing:
        @property
        def rejects(self) -> None:
            raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        read_pre_trade_result(Failing(), "Desk")


@pytest.mark.parametrize(
    "unreadable",
    [
        PolicyDecision.accept([MUTATION, 1]),
        PolicyPreTradeResult.accept([MUTATION], lock_prices=["x"]),
        PolicyPreTradeResult.accept([MUTATION], [1]),
    ],
    ids=["mutation", "lock price", "entry"],
)
def test_mutations_read_before_something_unreadable_come_with_the_failure(unreadable):
    verdict = read_pre_trade_result(unreadable, "Desk")
    assert isinstance(verdict.failure, (AttributeError, ParamError))
    assert list(verdict.mutations) == [MUTATION]


def test_a_readable_verdict_has_no_failure():
    verdict = read_pre_trade_result(PolicyPreTradeResult.accept([MUTATION]), "Desk")
    assert verdict.failure is None


# --- reports ------------------------------------------------------------------------------------


@pytest.mark.parametrize("nothing", [None, False])
def test_a_report_that_changed_nothing(nothing):
    assert read_report_result(nothing) is None


def test_true_is_no_block_any_more():
    with pytest.raises(TypeError) as refused:
        read_report_result(True)
    assert str(refused.value) == (
        "apply_execution_report must return PostTradeResult or None; "
        "bool True no longer maps to a synthetic account block"
    )


def test_a_post_trade_result_keeps_the_groups_that_it_names():
    outcome = AccountAdjustmentOutcome(policy_group_id=9, entry=ENTRY)
    for result in (
        PostTradeResult(account_blocks=[BLOCK], account_adjustments=[outcome]),
        own(account_blocks=[BLOCK], account_pnls=(), account_adjustments=[outcome]),
    ):
        effect = read_report_result(result)
        assert effect is not None
        assert list(effect.blocks) == [BLOCK]
        assert list(effect.pnls) == []
        assert list(effect.rows) == [(9, ENTRY._row())]


@pytest.mark.parametrize(
    ("wrong", "missing"),
    [
        (5, "account_blocks"),
        ([], "account_blocks"),
        (PolicyDecision(), "account_blocks"),
        (own(account_blocks=()), "account_pnls"),
        (own(account_blocks=(), account_pnls=()), "account_adjustments"),
    ],
)
def test_a_report_result_has_three_lists(wrong, missing):
    with pytest.raises(AttributeError, match=f"has no attribute '{missing}'$"):
        read_report_result(wrong)


# --- adjustments --------------------------------------------------------------------------------


def test_an_adjustment_result_lists_what_it_changed():
    result = PolicyAccountAdjustmentResult((), (MUTATION,), (ENTRY,), (BLOCK,))
    effect = read_adjustment_result(result, "Desk")
    assert effect.rejects is None
    assert list(effect.mutations) == [MUTATION]
    assert list(effect.rows) == [ENTRY._row()]
    assert list(effect.blocks) == [BLOCK]


def test_a_refused_adjustment_is_not_read_further():
    effect = read_adjustment_result(own(rejects=[REJECT], mutations=[MUTATION]), "Desk")
    assert effect.rejects is not None
    assert [reject.policy for reject in effect.rejects] == ["Desk"]
    assert list(effect.mutations) == [MUTATION]
    assert (list(effect.rows), list(effect.blocks)) == ([], [])


@pytest.mark.parametrize(
    ("wrong", "missing"),
    [
        (None, "rejects"),
        (own(rejects=()), "mutations"),
        (PolicyDecision(), "account_adjustments"),
        (PolicyPreTradeResult(), "account_blocks"),
    ],
)
def test_an_adjustment_result_has_four_lists(wrong, missing):
    with pytest.raises(AttributeError, match=f"has no attribute '{missing}'$"):
        read_adjustment_result(wrong, "Desk")


def test_mutations_of_an_unreadable_adjustment_are_left_to_the_caller():
    leftover: list = []
    with pytest.raises(AttributeError):
        read_adjustment_result(own(rejects=(), mutations=[MUTATION, 1]), "Desk", leftover)
    assert leftover == [MUTATION]
