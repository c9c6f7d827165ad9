"""Policies whose callbacks do not fit what they override."""

from __future__ import annotations

import openpit
from openpit.pretrade import (
    AccountBlock,
    Context,
    Policy,
    PolicyDecision,
    PolicyPreTradeResult,
    PolicyReject,
    PostTradeContext,
    RejectScope,
)


class Nameless(Policy):
    pass


class Boolean(Policy):
    @property
    def name(self) -> str:
        return "Boolean"

    def perform_pre_trade_check(self, ctx: Context, order: openpit.Order) -> bool:  # error: override reportIncompatibleMethodOverride
        return True

    def check_pre_trade_start(self, order: openpit.Order) -> list[PolicyReject]:  # error: override reportIncompatibleMethodOverride
        return []

    def apply_execution_report(self, ctx: PostTradeContext, report: openpit.ExecutionReport) -> str:  # error: override reportIncompatibleMethodOverride
        return "done"


class TooMuch(Policy):
    @property
    def name(self) -> str:
        return "TooMuch"

    async def perform_pre_trade_check(self, ctx: Context, order: openpit.Order) -> PolicyDecision:  # error: override reportIncompatibleMethodOverride
        return PolicyDecision.accept()

    def check_pre_trade_start(self, ctx: Context, order: openpit.Order, more: int) -> list[PolicyReject]:  # error: override reportIncompatibleMethodOverride
        return []


class Ticket(openpit.Order):
    number: int = 0


class Asks(Policy):
    @property
    def name(self) -> str:
        return "Asks"

    def perform_pre_trade_check(self, ctx: Context, order: openpit.Order) -> PolicyDecision:
        print(order.number)  # error: attr-defined reportAttributeAccessIssue
        print(order.operation.instrument)  # error: union-attr reportOptionalMemberAccess
        ctx.account_control.block("because")  # error: arg-type union-attr reportArgumentType reportOptionalMemberAccess
        ctx.group()  # error: attr-defined reportAttributeAccessIssue
        print(self.nam)  # error: attr-defined reportAttributeAccessIssue
        if isinstance(order, Ticket):
            print(order.number.venue)  # error: attr-defined reportAttributeAccessIssue
        return PolicyDecision.reject("because")  # error: arg-type reportArgumentType


class SeesTicketsOnly(Policy):
    @property
    def name(self) -> str:
        return "SeesTicketsOnly"

    def perform_pre_trade_check(self, ctx: Context, order: Ticket) -> PolicyDecision:  # error: override reportIncompatibleMethodOverride
        return PolicyDecision.accept()


def parts(control: openpit.AccountControl) -> None:
    Nameless()  # error: abstract reportAbstractUsage
    PolicyReject(code=5, reason="r", details="d")  # error: arg-type reportArgumentType
    PolicyReject("Other", "r", "d", scope="order")  # error: arg-type reportArgumentType
    PolicyReject("Other", "r")  # error: call-arg reportCallIssue
    PolicyDecision.accept([print])  # error: list-item reportArgumentType
    PolicyPreTradeResult.accept(lock_prices=["10"])  # error: list-item reportArgumentType
    openpit.Mutation(commit=None, rollback=print)  # error: arg-type reportArgumentType
    openpit.Mutation(commit=print)  # error: call-arg reportCallIssue
    AccountBlock("Desk", "Other", "shut", "XNAS")  # error: call-arg reportCallIssue
    control.block("shut")  # error: arg-type reportArgumentType
    PolicyReject("Other", "r", "d", RejectScope.ORDER).code = "Else"  # error: misc reportAttributeAccessIssue
