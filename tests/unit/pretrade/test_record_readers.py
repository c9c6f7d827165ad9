from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import pytest

from openpit.core.mutation import Mutation
from openpit.errors import ParamError
from openpit.param.enums import PnlHaltReason
from openpit.param.ids import AccountId, Asset
from openpit.param.values import Pnl, Price
from openpit.pretrade.codes import RejectCode, RejectScope
from openpit.pretrade.outcomes import (
    AccountAdjustmentOutcome,
    AccountOutcomeEntry,
    AccountPnlOutcome,
    OutcomeAmount,
    PnlOutcome,
    PnlOutcomeAmount,
)
from openpit.pretrade.policy import PolicyReject
from openpit.pretrade.record_readers import (
    read_account_pnls,
    read_blocks,
    read_group_rows,
    read_lock_prices,
    read_mutations,
    read_rejects,
    read_rows,
)
from openpit.pretrade.rejects import AccountBlock

NOTHING = object()


class Text(str):
    """A text of the policy's own class."""

    __slots__ = ()


def record(fields, **changes):
    """An object of the policy's own with these attributes; NOTHING takes one away."""
    merged = {**fields, **changes}
    return SimpleNamespace(
        **{name: value for name, value in merged.items() if value is not NOTHING}
    )


def a_reject(**changes):
    fields = {"code": "Other", "reason": "r", "details": "d", "scope": "order"}
    return record(fields, **changes)


def a_block(**changes):
    fields = {"policy": "Desk", "code": "Other", "reason": "r", "details": "d", "user_data": 4}
    return record(fields, **changes)


def an_entry(**changes):
    fields = {
        "asset": "USD",
        "balance": None,
        "held": None,
        "incoming": None,
        "realized_pnl": None,
        "average_entry_price": None,
    }
    return record(fields, **changes)


def an_amount(delta="1", absolute="2"):
    return record({"delta": delta, "absolute": absolute})


def an_account_pnl(**changes):
    fields = {
        "policy_group_id": 3,
        "account_id": AccountId.from_int(5),
        "pnl": an_amount("-1", "-2.50"),
        "halt_reason": None,
    }
    return record(fields, **changes)


# --- rejects ----------------------------------------------------------------------------------


def test_the_emitted_policy_is_the_registered_name():
    (reject,) = read_rejects([a_reject(policy="Impostor")], "Desk")
    assert reject.policy == "Desk"


def test_rejects_of_the_policys_own_class_are_read_by_their_attributes():
    (reject,) = read_rejects(
        iter([a_reject(code=Text("Custom"), scope="Account ", user_data=True)]), "Desk"
    )
    assert (reject.code, reject.scope, reject.user_data) == ("Custom", "account", 1)
    assert type(reject.code) is type(reject.scope) is str
    assert type(reject.user_data) is int


def test_policy_rejects_become_rejects_with_plain_strings():
    given = PolicyReject(RejectCode.CUSTOM, "stop", "by hand", RejectScope.ACCOUNT, 9)
    (reject,) = read_rejects((given,), "Desk")
    assert (reject.code, reject.reason, reject.details) == ("Custom", "stop", "by hand")
    assert (reject.scope, reject.user_data) == ("account", 9)
    assert type(reject.code) is type(reject.scope) is str


def test_texts_are_kept_in_any_script():
    (reject,) = read_rejects([a_reject(reason="資金不足", details="é")], "Desk")
    assert (reject.reason, reject.details) == ("資金不足", "é")


def test_without_user_data_it_is_zero():
    (reject,) = read_rejects([a_reject()], "Desk")
    assert reject.user_data == 0


@pytest.mark.parametrize("field", ["code", "reason", "details", "scope"])
def test_a_rejects_texts_are_texts(field):
    for wrong in (None, 5, b"x", "\ud800"):
        with pytest.raises(ValueError, match=f"^reject.{field} must be a string$"):
            read_rejects([a_reject(**{field: wrong})], "Desk")
    with pytest.raises(AttributeError, match=f"no attribute '{field}'$"):
        read_rejects([a_reject(**{field: NOTHING})], "Desk")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"code": "zz"}, 'unsupported reject code "zz"'),
        ({"code": "other"}, 'unsupported reject code "other"'),
        ({"code": 'a"\n'}, 'unsupported reject code "a\\"\\n"'),
        ({"scope": "engine"}, "reject.scope must be either 'order' or 'account'"),
        ({"scope": ""}, "reject.scope must be either 'order' or 'account'"),
        ({"user_data": -1}, "reject.user_data must be an integer token (default 0)"),
        ({"user_data": 2**64}, "reject.user_data must be an integer token (default 0)"),
        ({"user_data": "1"}, "reject.user_data must be an integer token (default 0)"),
        ({"user_data": None}, "reject.user_data must be an integer token (default 0)"),
        ({"code": "zz", "reason": 5}, 'unsupported reject code "zz"'),
    ],
)
def test_a_reject_that_says_nonsense_is_refused(changes, message):
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the whole text is compared
        read_rejects([a_reject(**changes)], "Desk")
    assert str(refused.value) == message


def test_what_is_not_a_list_of_rejects_says_so():
    with pytest.raises(TypeError, match=r"^'int' object is not iterable$"):
        read_rejects(5, "Desk")
    with pytest.raises(TypeError, match=r"^'NoneType' object is not iterable$"):
        read_rejects(None, "Desk")
    with pytest.raises(AttributeError, match=r"^'str' object has no attribute 'code'$"):
        read_rejects("x", "Desk")


# --- mutations and lock prices ------------------------------------------------------------------


def test_a_mutation_is_kept_and_others_are_captured():
    usual = Mutation(print, print)
    own = record({"commit": len, "rollback": max})
    mutations: list = []
    read_mutations((usual, own), mutations)
    own.commit = None
    assert mutations[0] is usual
    assert (mutations[1].commit, mutations[1].rollback) == (len, max)


def test_what_was_read_before_an_unreadable_mutation_stays():
    usual = Mutation(print, print)
    for wrong, missing in ((1, "commit"), (record({"commit": print}), "rollback")):
        mutations: list = []
        with pytest.raises(AttributeError, match=f"no attribute '{missing}'$"):
            read_mutations([usual, wrong], mutations)
        assert mutations == [usual]


def test_lock_prices_are_anything_that_price_accepts():
    assert read_lock_prices((1, "2.50", 2.5, Price(4))) == [
        Decimal(1),
        Decimal("2.5"),
        Decimal("2.5"),
        Decimal(4),
    ]
    with pytest.raises(ParamError, match=r"^invalid format for Price: 'x'$"):
        read_lock_prices(["x"])
    with pytest.raises(ValueError, match=r"^Price must be a Decimal, str, int, or float$"):
        read_lock_prices([None])


# --- blocks -------------------------------------------------------------------------------------


def test_a_block_is_kept_and_others_are_read():
    block = AccountBlock(policy="Desk", code="Custom", reason="r", details="d")
    kept, read = read_blocks([block, a_block()])
    assert kept is block
    assert (read.policy, read.code, read.reason, read.details) == ("Desk", "Other", "r", "d")
    assert read.user_data == 4
    (without,) = read_blocks([a_block(user_data=NOTHING)])
    assert without.user_data == 0


@pytest.mark.parametrize("field", ["policy", "code", "reason", "details"])
def test_a_blocks_texts_are_texts(field):
    with pytest.raises(ValueError, match=f"^account_block.{field} must be a string$"):
        read_blocks([a_block(**{field: 5})])
    with pytest.raises(AttributeError, match=f"no attribute '{field}'$"):
        read_blocks([a_block(**{field: NOTHING})])


@pytest.mark.parametrize("wrong", [-1, 2**64, "1", None])
def test_a_blocks_token_is_a_token(wrong):
    with pytest.raises(ValueError, match=r"^account_block.user_data must be an integer token$"):
        read_blocks([a_block(user_data=wrong)])


def test_a_blocks_code_is_looked_up_when_all_else_is_sound():
    with pytest.raises(ValueError, match=r'^unsupported reject code "zz"$'):
        read_blocks([a_block(code="zz")])
    with pytest.raises(ValueError, match=r"^account_block.reason must be a string$"):
        read_blocks([a_block(code="zz", reason=5)])


# --- outcomes -----------------------------------------------------------------------------------


def test_an_entry_is_its_row():
    entry = AccountOutcomeEntry(asset="USD", balance=OutcomeAmount(delta=1, absolute=2))
    (row,) = read_rows([entry])
    assert row is entry._row()


def test_an_entry_of_the_policys_own_class_becomes_a_row():
    (row,) = read_rows(
        [
            an_entry(
                asset=Asset("EUR"),
                balance=an_amount("-1", "9"),
                held=OutcomeAmount(delta=1, absolute="1.50"),
                realized_pnl=record({"pnl": an_amount("3", "4"), "halt_reason": None}),
                average_entry_price="7.5",
            )
        ]
    )
    assert row == (
        "EUR",
        Decimal(-1),
        Decimal(9),
        Decimal(1),
        Decimal("1.5"),
        None,
        None,
        Decimal(3),
        Decimal(4),
        None,
        Decimal("7.5"),
    )
    assert type(row[0]) is str


def test_a_halted_position_is_read_with_its_reason():
    halted = PnlOutcome(halt_reason=PnlHaltReason.MISSING_FX)
    (row,) = read_rows([an_entry(realized_pnl=halted)])
    assert row[7:10] == (None, None, PnlHaltReason.MISSING_FX)


@pytest.mark.parametrize(
    ("entry", "error", "message"),
    [
        (5, AttributeError, "'int' object has no attribute 'average_entry_price'"),
        (an_entry(asset=""), ValueError, "asset must not be empty"),
        (an_entry(asset=None), TypeError, "asset must be a str"),
        (an_entry(balance=5), AttributeError, "'int' object has no attribute 'delta'"),
        (
            an_entry(held=an_amount("x", "1")),
            ParamError,
            "invalid format for PositionSize: 'x'",
        ),
        (
            an_entry(incoming=an_amount(Pnl(1), Pnl(2))),
            TypeError,
            "PositionSize must be a Decimal, str, int, or float",
        ),
        (
            an_entry(realized_pnl=record({"pnl": None, "halt_reason": None})),
            ValueError,
            "PnL outcome requires exactly one of pnl or halt_reason",
        ),
        (
            an_entry(realized_pnl=record({"pnl": None, "halt_reason": "MissingFx"})),
            TypeError,
            "PnlOutcome.halt_reason must be openpit.pretrade.PnlHaltReason",
        ),
        (an_entry(average_entry_price="x"), ParamError, "invalid format for Price: 'x'"),
        (an_entry(average_entry_price="x", asset=""), ValueError, "asset must not be empty"),
    ],
)
def test_an_entry_that_says_nonsense_is_refused(entry, error, message):
    with pytest.raises(error) as refused:
        read_rows([entry])
    assert str(refused.value) == message


def test_account_pnls_are_their_rows():
    outcome = AccountPnlOutcome(
        policy_group_id=7,
        account_id=AccountId.from_int(5),
        pnl=PnlOutcomeAmount(delta=1, absolute=2),
    )
    own, read, halted = read_account_pnls(
        [
            outcome,
            an_account_pnl(),
            an_account_pnl(pnl=None, halt_reason=PnlHaltReason.MISSING_INITIAL_PNL),
        ]
    )
    assert own is outcome._row()
    assert read == (3, 5, Decimal(-1), Decimal("-2.5"), None)
    assert halted == (3, 5, None, None, PnlHaltReason.MISSING_INITIAL_PNL)


@pytest.mark.parametrize(
    ("pnl", "error", "message"),
    [
        (5, AttributeError, "'int' object has no attribute 'pnl'"),
        (an_account_pnl(pnl=5), AttributeError, "'int' object has no attribute 'delta'"),
        (
            an_account_pnl(pnl=None),
            ValueError,
            "PnL outcome requires exactly one of pnl or halt_reason",
        ),
        (
            an_account_pnl(pnl=None, halt_reason=1),
            TypeError,
            "AccountPnlOutcome.halt_reason must be openpit.pretrade.PnlHaltReason",
        ),
        (
            an_account_pnl(account_id=5, policy_group_id=-1),
            TypeError,
            "account_id must be openpit.param.AccountId",
        ),
        (
            an_account_pnl(policy_group_id=-1),
            ValueError,
            "policy_group_id must be an integer in range 0..=65535",
        ),
    ],
)
def test_an_account_pnl_that_says_nonsense_is_refused(pnl, error, message):
    with pytest.raises(error) as refused:
        read_account_pnls([pnl])
    assert str(refused.value) == message


def test_adjustment_outcomes_keep_the_group_that_they_name():
    entry = AccountOutcomeEntry(asset="USD")
    outcome = AccountAdjustmentOutcome(policy_group_id=9, entry=entry)
    own, read = read_group_rows([outcome, record({"policy_group_id": 3, "entry": an_entry()})])
    assert own == (9, entry._row())
    assert read == (3, ("USD", *[None] * 10))


def test_an_entry_is_no_adjustment_outcome():
    with pytest.raises(AttributeError, match=r"has no attribute 'policy_group_id'$"):
        read_group_rows([AccountOutcomeEntry(asset="USD")])
    with pytest.raises(
        ValueError, match=r"^policy_group_id must be an integer in range 0\.\.=65535$"
    ):
        read_group_rows([record({"policy_group_id": None, "entry": an_entry()})])
