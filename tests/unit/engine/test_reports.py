"""Execution reports: every policy applies, nothing is undone, one block is kept (spec 5.8)."""

from __future__ import annotations

from typing import Any

import pytest
from makers import Scripted, account, block_fields, engine_with, order, pnl_report, reject_fields

import openpit
from openpit.param import AccountGroupId
from openpit.pretrade import (
    AccountAdjustmentOutcome,
    AccountBlock,
    AccountOutcomeEntry,
    AccountPnlOutcome,
    OutcomeAmount,
    PnlOutcomeAmount,
    PostTradeResult,
    policies,
)


def block(reason: str) -> AccountBlock:
    return AccountBlock(
        policy="Watch", code="RiskConfigurationMissing", reason=reason, details="seen"
    )


def blocking(*reasons: str) -> PostTradeResult:
    return PostTradeResult(account_blocks=[block(reason) for reason in reasons])


def test_what_the_policies_report_is_joined_in_their_order() -> None:
    balance = OutcomeAmount(delta=-5, absolute=95)
    pnl = PnlOutcomeAmount(delta=2, absolute=7)
    engine = engine_with(
        Scripted(
            "A",
            group_id=3,
            report=PostTradeResult(
                account_blocks=[block("first")],
                account_pnls=[AccountPnlOutcome(policy_group_id=3, account_id=account(1), pnl=pnl)],
                account_adjustments=[
                    # A policy may write another group than its own.
                    AccountAdjustmentOutcome(
                        policy_group_id=8, entry=AccountOutcomeEntry(asset="USD", balance=balance)
                    )
                ],
            ),
        ),
        Scripted("Quiet"),
        Scripted("B", report=blocking("second", "third")),
    )

    result = engine.apply_execution_report(pnl_report())

    assert [item.reason for item in result.account_blocks] == ["first", "second", "third"]
    assert [(item.policy_group_id, str(item.pnl.absolute)) for item in result.account_pnls] == [
        (3, "7")
    ]
    assert [
        (item.policy_group_id, item.entry.asset, str(item.entry.balance.delta))
        for item in result.account_adjustments
    ] == [(8, "USD", "-5")]


def test_the_first_block_is_kept_with_its_own_code() -> None:
    engine = engine_with(
        Scripted("A", report=blocking("first", "second")), Scripted("B", report=blocking("third"))
    )

    engine.apply_execution_report(pnl_report(1))

    assert reject_fields(engine.execute_pre_trade(order(1))) == [
        ("RiskConfigurationMissing", "first", "seen", "Watch", "account")
    ]
    assert engine.execute_pre_trade(order(2))


def test_a_block_for_nobody_stops_everybody() -> None:
    engine = engine_with(Scripted(report=blocking("whose is this")))

    result = engine.apply_execution_report(pnl_report(None))

    assert [block_fields(item) for item in result.account_blocks] == [
        ("RiskConfigurationMissing", "whose is this", "seen", "Watch")
    ]
    stopped = (
        "AccountBlocked",
        "account is blocked due to kill-switch",
        "kill-switch was previously triggered for this account",
        "Engine",
        "account",
    )
    assert reject_fields(engine.execute_pre_trade(order(1))) == [stopped]
    assert reject_fields(engine.execute_pre_trade(order(2))) == [stopped]
    engine.accounts().unblock_all()
    assert engine.execute_pre_trade(order(1))


def test_a_report_without_account_that_asks_for_no_block_stops_nobody() -> None:
    engine = engine_with(Scripted(report=PostTradeResult()))

    engine.apply_execution_report(pnl_report(None))

    assert engine.execute_pre_trade(order(1))


def test_reports_of_a_blocked_account_are_applied() -> None:
    engine = engine_with(
        policies.build_pnl_bounds_killswitch().broker_barriers(
            policies.PnlBoundsBrokerBarrier("USD", lower_bound=-100)
        )
    )
    engine.accounts().block(account(1), "under review")

    engine.apply_execution_report(pnl_report(1, "-60"))
    second = engine.apply_execution_report(pnl_report(1, "-60"))

    assert [item.details for item in second.account_blocks] == [
        "realized pnl -120, settlement asset USD"
    ]
    assert [item.reason for item in engine.execute_pre_trade(order(1)).rejects] == ["under review"]


def test_after_an_exception_the_others_apply_and_their_block_is_kept() -> None:
    engine = engine_with(
        Scripted("A", report=ValueError("first")),
        Scripted("B", report=blocking("seen")),
        Scripted("C", report=KeyError("second")),
    )

    with pytest.raises(ValueError, match=r"^first$"):
        engine.apply_execution_report(pnl_report(1))

    assert [item.reason for item in engine.execute_pre_trade(order(1)).rejects] == ["seen"]


def test_an_answer_that_is_true_is_refused_by_name() -> None:
    engine = engine_with(Scripted(report=True))

    with pytest.raises(TypeError) as refusal:
        engine.apply_execution_report(pnl_report())

    assert str(refusal.value) == (
        "apply_execution_report must return PostTradeResult or None; "
        "bool True no longer maps to a synthetic account block"
    )


def test_the_callback_is_called_by_keyword_and_sees_the_group() -> None:
    class Keywords(Scripted):
        def apply_execution_report(self, *, report: Any, ctx: Any) -> None:
            seen.append((report, ctx.account_group))

    seen: list[Any] = []
    engine = engine_with(Keywords())
    engine.accounts().register_group([account(1)], 5)
    reports = [pnl_report(1), pnl_report(2), pnl_report(None)]

    for report in reports:
        engine.apply_execution_report(report)

    assert [report is given for report, (given, _) in zip(reports, seen, strict=True)] == [True] * 3
    assert [group for _, group in seen] == [AccountGroupId.from_int(5), None, None]


def test_a_report_class_that_skips_the_constructor_has_no_field_at_all() -> None:
    class Bare(openpit.ExecutionReport):
        def __init__(self) -> None:
            pass

    engine = engine_with(
        policies.build_pnl_bounds_killswitch().broker_barriers(
            policies.PnlBoundsBrokerBarrier("USD", lower_bound=-100)
        )
    )

    assert [item.details for item in engine.apply_execution_report(Bare()).account_blocks] == [
        "failed to access field 'operation.instrument'"
    ]
