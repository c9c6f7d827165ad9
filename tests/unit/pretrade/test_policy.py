from __future__ import annotations

import dataclasses
import inspect
import pickle

import pytest

from openpit.core.mutation import Mutation
from openpit.pretrade.codes import RejectCode, RejectScope
from openpit.pretrade.policy import (
    Policy,
    PolicyAccountAdjustmentResult,
    PolicyDecision,
    PolicyPreTradeResult,
    PolicyReject,
)

RESULTS = [PolicyDecision, PolicyPreTradeResult, PolicyAccountAdjustmentResult]


class Named(Policy):
    name = "Named"


def nothing() -> None:
    pass


def test_a_reject_concerns_the_order_unless_it_says_otherwise():
    reject = PolicyReject("Custom", "stop", "by hand")
    assert (reject.code, reject.reason, reject.details) == ("Custom", "stop", "by hand")
    assert reject.scope is RejectScope.ORDER
    assert reject.user_data == 0
    assert repr(reject) == (
        "PolicyReject(code='Custom', reason='stop', details='by hand', "
        "scope=<RejectScope.ORDER: 'order'>, user_data=0)"
    )


def test_a_rejects_scope_must_be_the_enum():
    for scope in ("order", None, 5):
        with pytest.raises(TypeError, match=r"^scope must be openpit.pretrade.RejectScope$"):
            PolicyReject("Custom", "stop", "by hand", scope)


def test_a_rejects_other_fields_are_checked_when_the_engine_reads_them():
    reject = PolicyReject(5, 6, 7, RejectScope.ACCOUNT, user_data="z")
    assert (reject.code, reject.user_data) == (5, "z")


def test_a_reject_needs_a_code_a_reason_and_details():
    with pytest.raises(
        TypeError, match=r"missing 3 required positional arguments: 'code', 'reason', and 'details'"
    ):
        PolicyReject()


def test_results_are_empty_by_default_and_equal_by_content():
    for kind in RESULTS:
        assert kind() == kind()
        assert hash(kind()) == hash(kind())
    assert PolicyDecision() != PolicyPreTradeResult()
    assert PolicyReject("a", "b", "c") == PolicyReject("a", "b", "c")
    assert PolicyReject("a", "b", "c") != PolicyReject("a", "b", "d")
    assert hash(PolicyReject("a", "b", "c")) == hash(PolicyReject("a", "b", "c"))


def test_results_print_as_dataclasses():
    assert repr(PolicyDecision()) == "PolicyDecision(rejects=(), mutations=())"
    assert repr(PolicyPreTradeResult()) == (
        "PolicyPreTradeResult(rejects=(), mutations=(), account_adjustments=(), lock_prices=())"
    )
    assert repr(PolicyAccountAdjustmentResult()) == (
        "PolicyAccountAdjustmentResult(rejects=(), mutations=(), account_adjustments=(), "
        "account_blocks=())"
    )


def test_the_named_constructors_make_tuples_of_iterables():
    assert PolicyDecision.accept(iter("ab")).mutations == ("a", "b")
    assert PolicyDecision.reject([1], "x") == PolicyDecision((1,), ("x",))
    assert PolicyPreTradeResult.accept([1], [2], [3]) == PolicyPreTradeResult((), (1,), (2,), (3,))
    assert PolicyPreTradeResult.reject([0], [1], [2], [3]) == PolicyPreTradeResult(
        (0,), (1,), (2,), (3,)
    )
    for wrong in (5, None):
        with pytest.raises(TypeError, match="object is not iterable"):
            PolicyDecision.accept(wrong)


def test_the_plain_constructor_keeps_what_it_is_given():
    rejects: list[int] = [1]
    assert PolicyDecision(rejects).rejects is rejects


@pytest.mark.parametrize(
    "value", [PolicyReject("a", "b", "c"), *[kind() for kind in RESULTS]], ids=repr
)
def test_policy_values_are_frozen_dataclasses(value):
    kind = type(value)
    name = dataclasses.fields(kind)[0].name
    assert dataclasses.is_dataclass(kind)
    assert kind.__match_args__ == tuple(field.name for field in dataclasses.fields(kind))
    with pytest.raises(
        dataclasses.FrozenInstanceError, match=rf"^cannot assign to field '{name}'$"
    ):
        setattr(value, name, ())
    with pytest.raises(dataclasses.FrozenInstanceError, match=r"^cannot assign to field 'mine'$"):
        value.mine = 1
    with pytest.raises(dataclasses.FrozenInstanceError, match=rf"^cannot delete field '{name}'$"):
        delattr(value, name)
    assert dataclasses.replace(value) == value
    assert pickle.loads(pickle.dumps(value)) == value


def test_the_constructors_take_their_fields_in_order():
    assert list(inspect.signature(PolicyReject).parameters) == [
        "code",
        "reason",
        "details",
        "scope",
        "user_data",
    ]
    assert list(inspect.signature(PolicyPreTradeResult).parameters) == [
        "rejects",
        "mutations",
        "account_adjustments",
        "lock_prices",
    ]


def test_results_may_be_derived_from():
    class Mine(PolicyDecision):
        pass

    assert type(Mine.accept()) is Mine
    assert repr(Mine()) == f"{Mine.__qualname__}(rejects=(), mutations=())"


def test_a_derived_rejects_scope_must_be_the_enum_too():
    @dataclasses.dataclass(frozen=True)
    class Tagged(PolicyReject):
        tag: str = ""

    assert Tagged("Custom", "r", "d", tag="x").scope is RejectScope.ORDER
    with pytest.raises(TypeError, match=r"^scope must be openpit.pretrade.RejectScope$"):
        Tagged("Custom", "r", "d", "order", tag="x")


def test_a_policy_needs_a_name():
    with pytest.raises(TypeError, match=r"abstract method '?name'?$"):
        Policy()


def test_the_name_of_the_base_is_not_implemented():
    with pytest.raises(NotImplementedError, match=r"^name is not implemented$"):
        _ = super(Named, Named()).name


def test_a_policy_accepts_everything_by_default():
    policy = Named()
    assert policy.policy_group_id == 0
    assert policy.check_pre_trade_start(None, None) == ()
    assert policy.perform_pre_trade_check(None, None) == PolicyPreTradeResult()
    assert policy.apply_execution_report(ctx=None, report=None) is None
    assert policy.apply_account_adjustment(None, None, None) == PolicyAccountAdjustmentResult()


def test_a_decision_with_mutations_accepts():
    mutation = Mutation(nothing, nothing)
    assert PolicyDecision.accept([mutation]).mutations == (mutation,)
    assert PolicyDecision.accept([mutation]).rejects == ()


def test_codes_may_be_members_or_texts():
    assert PolicyReject(RejectCode.CUSTOM, "r", "d") == PolicyReject("Custom", "r", "d")


def test_a_derived_reject_may_complete_itself():
    class Worded(PolicyReject):
        def __post_init__(self):
            object.__setattr__(self, "reason", f"{self.reason} ({self.code})")

    assert Worded("Custom", "stop", "by hand").reason == "stop (Custom)"
