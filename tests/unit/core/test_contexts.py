from __future__ import annotations

import inspect

import pytest

from openpit.core.contexts import (
    AccountAdjustmentContext,
    AccountControl,
    Context,
    PostTradeContext,
    new_context,
    order_context,
    twin,
)
from openpit.param.ids import AccountGroupId
from openpit.pretrade.rejects import AccountBlock

HANDLES = [AccountAdjustmentContext, AccountControl, Context, PostTradeContext]


class Call:
    def __init__(self, account=5, group=None, is_drop_copy=False):
        self.account = account
        self.is_drop_copy = is_drop_copy
        self._group = group
        self.blocks = []
        self.mutations = []

    def group(self):
        return self._group

    def block(self, cause):
        self.blocks.append(cause)

    def record_drop_copy_start_mutation(self, mutation):
        self.mutations.append(mutation)


def a_block():
    return AccountBlock(policy="Desk", code="Custom", reason="limit", details="over")


def test_a_context_shows_the_account_the_group_and_the_kind_of_call():
    context = new_context(Call(group=7, is_drop_copy=True), 5)

    assert context.is_drop_copy is True
    assert context.account_group == AccountGroupId.from_int(7)
    assert isinstance(context.account_control, AccountControl)
    assert context.account_control is not context.account_control
    assert context.now == 5


def test_without_an_account_there_is_nothing_to_control():
    context = new_context(Call(account=None), 5)

    assert context.account_control is None
    assert context.account_group is None
    assert context.is_drop_copy is False


def test_a_context_passes_a_start_mutation_on():
    call = Call(is_drop_copy=True)
    mutation = object()

    new_context(call, 5).record_drop_copy_start_mutation(mutation)

    assert call.mutations == [mutation]


def test_a_control_blocks_with_the_cause_that_it_is_given():
    call = Call()
    block = a_block()

    new_context(call, 5).account_control.block(block)

    assert call.blocks == [block]


class Accounts:
    """Whose state of a call is made when it is asked for."""

    def __init__(self, **groups):
        self.groups = {int(name[1:]): group for name, group in groups.items()}
        self.made = []

    def call_of(self, account, group):
        call = Call(account, group)
        self.made.append(call)
        return call


def test_the_state_of_an_orders_call_is_made_once_when_a_policy_asks():
    accounts = Accounts(_5=7)
    context = order_context(accounts, 5)

    accounts.groups.clear()
    assert accounts.made == []
    assert context.account_group == AccountGroupId.from_int(7)  # as the call began
    assert context.is_drop_copy is False
    context.account_control.block(block := a_block())
    (call,) = accounts.made
    assert (call.account, call.blocks) == (5, [block])


def test_each_callback_of_an_order_gets_a_context_of_its_own_that_shows_the_same():
    accounts = Accounts(_5=7)
    call = order_context(accounts, 5)

    first, second, third = call, twin(call, 5), twin(call, 6)

    assert len({id(context) for context in (first, second, third)}) == 3
    accounts.groups.clear()
    assert {context.account_group for context in (first, second, third)} == {
        AccountGroupId.from_int(7)
    }
    assert third.account_control is not None
    assert (second.now, third.now) == (5, 6)


def test_an_order_without_an_account_or_a_group_has_neither():
    nobody, elsewhere = order_context(Accounts(), None), order_context(Accounts(_5=7), 6)

    assert (nobody.account_control, nobody.account_group) == (None, None)
    assert isinstance(elsewhere.account_control, AccountControl)
    assert elsewhere.account_group is None


@pytest.mark.parametrize(
    ("other", "found"), [(5, "'int' object"), (None, "'None'"), (Call(), "'Call' object")]
)
def test_a_control_refuses_what_is_no_block(other, found):
    call = Call()

    with pytest.raises(TypeError, match=f"^{found} is not an instance of 'AccountBlock'$"):
        AccountControl._of(call).block(other)
    assert call.blocks == []


def test_a_report_context_shows_the_group_only():
    assert PostTradeContext._of(Call(group=7), 5).account_group == AccountGroupId.from_int(7)
    assert PostTradeContext._of(Call(account=None), 5).account_group is None
    assert not hasattr(PostTradeContext._of(Call(), 5), "account_control")
    assert PostTradeContext._of(Call(), 5).now == 5


def test_an_adjustment_context_shows_the_account_and_the_group():
    call = Call(group=7)
    context = AccountAdjustmentContext._of(call, 5)

    context.account_control.block(a_block())

    assert context.account_group == AccountGroupId.from_int(7)
    assert len(call.blocks) == 1
    assert context.now == 5


@pytest.mark.parametrize("kind", HANDLES)
def test_programs_cannot_make_or_derive_them(kind):
    name = f"{kind.__module__}.{kind.__name__}"

    with pytest.raises(TypeError, match=f"^cannot create '{name}' instances$"):
        kind()
    with pytest.raises(TypeError, match=f"^type '{name}' is not an acceptable base type$"):
        type("Derived", (kind,), {})
    assert str(inspect.signature(kind)) == "()"


def test_the_classes_live_where_programs_find_them():
    assert {kind.__module__ for kind in (AccountControl, AccountAdjustmentContext)} == {"openpit"}
    assert {kind.__module__ for kind in (Context, PostTradeContext)} == {"openpit.pretrade"}
