from __future__ import annotations

from decimal import Decimal

import pytest

from openpit.errors import ParamError
from openpit.param.enums import PnlHaltReason
from openpit.param.ids import AccountId
from openpit.param.values import Pnl, PositionSize, Price
from openpit.pretrade.outcomes import (
    AccountAdjustmentOutcome,
    AccountOutcomeEntry,
    AccountPnlOutcome,
    OutcomeAmount,
    PnlOutcome,
    PnlOutcomeAmount,
)

ACCOUNT = AccountId.from_int(5)
HELD_1850 = OutcomeAmount(delta="1850", absolute="1850.00")
LOSS = PnlOutcomeAmount(delta="-3.50", absolute="-4")


def test_an_amount_reads_anything_that_a_position_size_does():
    amount = OutcomeAmount(delta=Decimal("-1.50"), absolute=PositionSize("2"))
    assert amount.delta == PositionSize("-1.5")
    assert amount.absolute == PositionSize(2)
    assert repr(amount) == "OutcomeAmount(delta=-1.50, absolute=2)"


def test_an_amount_refuses_what_a_position_size_refuses():
    with pytest.raises(ParamError, match=r"^invalid format for PositionSize: 'abc'$"):
        OutcomeAmount(delta="abc", absolute=1)
    for wrong in (Price("1"), None, True):
        with pytest.raises((TypeError, ValueError)) as refused:
            OutcomeAmount(delta=1, absolute=wrong)
        assert str(refused.value) == "PositionSize must be a Decimal, str, int, or float"


def test_a_profit_amount_reads_anything_that_a_pnl_does():
    amount = PnlOutcomeAmount(delta=1, absolute=Pnl("2.50"))
    assert (amount.delta, amount.absolute) == (Pnl(1), Pnl("2.5"))
    assert repr(amount) == "PnlOutcomeAmount(delta=1, absolute=2.50)"
    with pytest.raises(TypeError, match=r"^Pnl must be a Decimal, str, int, or float$"):
        PnlOutcomeAmount(delta=PositionSize(1), absolute=1)


def test_a_pnl_outcome_is_an_amount_or_a_reason():
    counted = PnlOutcome(pnl=LOSS)
    halted = PnlOutcome(halt_reason=PnlHaltReason.MISSING_FX)
    assert counted.pnl is not None
    assert (counted.pnl.delta, counted.pnl.absolute) == (Pnl("-3.5"), Pnl("-4"))
    assert counted.halt_reason is None
    assert (halted.pnl, halted.halt_reason) == (None, PnlHaltReason.MISSING_FX)
    assert repr(counted) == (
        "PnlOutcome(pnl=PnlOutcomeAmount(delta=-3.50, absolute=-4), halt_reason=None)"
    )
    assert repr(halted) == "PnlOutcome(pnl=None, halt_reason=PnlHaltReason.MISSING_FX)"


@pytest.mark.parametrize("both", [{}, {"pnl": LOSS, "halt_reason": PnlHaltReason.MISSING_FX}])
def test_a_pnl_outcome_is_not_both_and_not_neither(both):
    with pytest.raises(
        ValueError, match=r"^PnL outcome requires exactly one of pnl or halt_reason$"
    ):
        PnlOutcome(**both)
    with pytest.raises(
        ValueError, match=r"^account PnL outcome requires exactly one of pnl or halt_reason$"
    ):
        AccountPnlOutcome(policy_group_id=0, account_id=ACCOUNT, **both)


def test_pnl_outcomes_refuse_other_classes():
    with pytest.raises(
        TypeError, match=r"^'OutcomeAmount' object is not an instance of 'PnlOutcomeAmount'$"
    ):
        PnlOutcome(pnl=HELD_1850)
    with pytest.raises(TypeError, match=r"^'str' object is not an instance of 'PnlHaltReason'$"):
        PnlOutcome(halt_reason="MissingFx")
    with pytest.raises(TypeError, match=r"^account_id must be openpit.param.AccountId$"):
        AccountPnlOutcome(policy_group_id=0, account_id=5, pnl=LOSS)


def test_an_account_pnl_outcome_shows_and_prints_its_row():
    outcome = AccountPnlOutcome(policy_group_id=7, account_id=ACCOUNT, pnl=LOSS)
    assert (outcome.policy_group_id, outcome.account_id) == (7, ACCOUNT)
    assert outcome.halt_reason is None
    assert repr(outcome) == (
        "AccountPnlOutcome(policy_group_id=7, account_id=5, "
        "pnl=PnlOutcomeAmount(delta=-3.50, absolute=-4), halt_reason=None)"
    )
    assert outcome._row() == (7, 5, Decimal("-3.50"), Decimal(-4), None)
    assert repr(AccountPnlOutcome._from_row(outcome._row())) == repr(outcome)


@pytest.mark.parametrize("wrong", [-1, 65536, "1", 1.0, None])
def test_policy_group_ids_have_16_bits(wrong):
    message = r"^policy_group_id must be an integer in range 0\.\.=65535$"
    entry = AccountOutcomeEntry(asset="USD")
    with pytest.raises(ValueError, match=message):
        AccountPnlOutcome(policy_group_id=wrong, account_id=ACCOUNT, pnl=LOSS)
    with pytest.raises(ValueError, match=message):
        AccountAdjustmentOutcome(policy_group_id=wrong, entry=entry)
    assert AccountAdjustmentOutcome(policy_group_id=65535, entry=entry).policy_group_id == 65535


def test_an_entry_without_changes_is_its_asset_alone():
    entry = AccountOutcomeEntry(asset="USD")
    assert entry.asset == "USD"
    assert (entry.balance, entry.held, entry.incoming) == (None, None, None)
    assert (entry.realized_pnl, entry.average_entry_price) == (None, None)
    assert repr(entry) == (
        'AccountOutcomeEntry(asset="USD", balance=None, held=None, incoming=None, '
        "realized_pnl=None, average_entry_price=None)"
    )


def test_an_entry_shows_and_prints_what_changed():
    entry = AccountOutcomeEntry(
        asset='U"SD',
        balance=OutcomeAmount(delta="-1850", absolute="150"),
        held=HELD_1850,
        incoming=OutcomeAmount(delta=10, absolute=10),
        realized_pnl=PnlOutcome(pnl=LOSS),
        average_entry_price="185.50",
    )
    assert entry.balance is not None
    assert (entry.balance.delta, entry.balance.absolute) == (PositionSize(-1850), PositionSize(150))
    assert entry.realized_pnl is not None
    assert entry.realized_pnl.pnl is not None
    assert entry.realized_pnl.pnl.absolute == Pnl(-4)
    assert entry.average_entry_price == Price("185.5")
    assert repr(entry) == (
        'AccountOutcomeEntry(asset="U\\"SD", '
        'balance=Some("OutcomeAmount(delta=-1850, absolute=150)"), '
        'held=Some("OutcomeAmount(delta=1850, absolute=1850.00)"), '
        'incoming=Some("OutcomeAmount(delta=10, absolute=10)"), '
        'realized_pnl=Some("PnlOutcome(pnl=PnlOutcomeAmount(delta=-3.50, absolute=-4), '
        'halt_reason=None)"), average_entry_price=Some("185.50"))'
    )


def test_an_entry_and_its_row_make_each_other():
    entry = AccountOutcomeEntry(
        asset="AAPL",
        held=HELD_1850,
        realized_pnl=PnlOutcome(halt_reason=PnlHaltReason.MISSING_COST_BASIS),
    )
    row = entry._row()
    assert row[:5] == ("AAPL", None, None, Decimal(1850), Decimal("1850.00"))
    assert row[5:9] == (None, None, None, None)
    assert row[9] is PnlHaltReason.MISSING_COST_BASIS
    assert row[10] is None
    assert repr(AccountOutcomeEntry._from_row(row)) == repr(entry)
    assert entry.realized_pnl is not None
    assert entry.realized_pnl.halt_reason is PnlHaltReason.MISSING_COST_BASIS


def test_an_entry_with_a_zero_amount_keeps_it():
    zero = AccountOutcomeEntry(asset="USD", balance=OutcomeAmount(delta=0, absolute=0))
    assert zero.balance is not None
    assert zero.balance.absolute == PositionSize(0)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"asset": ""}, ValueError, "asset must not be empty"),
        ({"asset": None}, TypeError, "asset must be a str"),
        (
            {"asset": "USD", "held": LOSS},
            TypeError,
            "'PnlOutcomeAmount' object is not an instance of 'OutcomeAmount'",
        ),
        (
            {"asset": "USD", "realized_pnl": LOSS},
            TypeError,
            "'PnlOutcomeAmount' object is not an instance of 'PnlOutcome'",
        ),
        (
            {"asset": "USD", "average_entry_price": Pnl(1)},
            TypeError,
            "Price must be a Decimal, str, int, or float",
        ),
        (
            {"asset": "USD", "average_entry_price": "x"},
            ParamError,
            "invalid format for Price: 'x'",
        ),
    ],
)
def test_an_entry_refuses_other_classes(fields, error, message):
    with pytest.raises(error) as refused:
        AccountOutcomeEntry(**fields)
    assert str(refused.value) == message


def test_an_adjustment_outcome_is_an_entry_with_its_group():
    entry = AccountOutcomeEntry(asset="USD", held=HELD_1850)
    outcome = AccountAdjustmentOutcome(policy_group_id=3, entry=entry)
    assert repr(outcome.entry) == repr(entry)
    assert repr(outcome) == f"AccountAdjustmentOutcome(policy_group_id=3, entry={entry!r})"
    with pytest.raises(TypeError, match=r"^'None' is not an instance of 'AccountOutcomeEntry'$"):
        AccountAdjustmentOutcome(policy_group_id=3, entry=None)


@pytest.mark.parametrize(
    "kind",
    [
        OutcomeAmount,
        PnlOutcomeAmount,
        PnlOutcome,
        AccountPnlOutcome,
        AccountOutcomeEntry,
        AccountAdjustmentOutcome,
    ],
)
def test_outcomes_are_final_and_live_in_pretrade(kind):
    assert kind.__module__ == "openpit.pretrade"
    with pytest.raises(TypeError, match=r"is not an acceptable base type$"):
        type("Mine", (kind,), {})


def test_outcomes_are_compared_by_identity_and_cannot_be_changed():
    assert OutcomeAmount(delta=1, absolute=1) != OutcomeAmount(delta=1, absolute=1)
    with pytest.raises(AttributeError):
        HELD_1850.delta = PositionSize(0)
