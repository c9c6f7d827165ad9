"""How much of a sector an account may have at most, its orders at work included.

Each symbol is valued at a price of the day before, and counts with the larger of what its account
would be long if all buys were filled, and short if all sells were.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import openpit
from openpit.param import Side
from openpit.pretrade import Policy, PolicyDecision, PolicyReject, RejectCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openpit.pretrade import Context, PostTradeContext, PostTradeResult

Key = tuple[int, str]
"""An account's number and a symbol."""


class SectorExposure(Policy):
    """Refuses what would take an account beyond the limit of a sector.

    ``sectors`` has the sector and the price of each symbol, ``limits`` the money of each sector.
    An order that makes the exposure smaller always passes.
    """

    name = "SectorExposure"

    def __init__(self, sectors: Mapping[str, tuple[str, str]], limits: Mapping[str, str]) -> None:
        self._symbols = {symbol: (sector, Decimal(at)) for symbol, (sector, at) in sectors.items()}
        self._limits = {sector: Decimal(limit) for sector, limit in limits.items()}
        self._held: dict[Key, Decimal] = {}
        self._open: dict[tuple[int, str, str], Decimal] = {}

    def perform_pre_trade_check(self, ctx: Context, order: openpit.Order) -> PolicyDecision:
        """Take what the order may add; a refusal, or its end without a trade, gives it back."""
        taken = self._taken_by(order)
        if isinstance(taken, PolicyReject):
            return PolicyDecision.reject([taken])
        account, symbol, side, quantity = taken
        before = self._exposure(account, symbol)
        self._add_open(account, symbol, side, quantity)
        mutation = openpit.Mutation(
            commit=lambda: None,
            rollback=lambda: self._add_open(account, symbol, side, -quantity),
        )
        rejects = self._beyond(symbol, before, self._exposure(account, symbol))
        return PolicyDecision.reject(rejects, [mutation])

    def perform_pre_trade_check_dry_run(self, ctx: Context, order: openpit.Order) -> PolicyDecision:
        """Answer the same, and take nothing."""
        taken = self._taken_by(order)
        if isinstance(taken, PolicyReject):
            return PolicyDecision.reject([taken])
        account, symbol, side, quantity = taken
        before = self._exposure(account, symbol)
        self._add_open(account, symbol, side, quantity)
        after = self._exposure(account, symbol)
        self._add_open(account, symbol, side, -quantity)
        return PolicyDecision.reject(self._beyond(symbol, before, after))

    def apply_execution_report(
        self, ctx: PostTradeContext, report: openpit.ExecutionReport
    ) -> PostTradeResult | None:
        """Move what was traded from the orders to the position; the last report frees the rest."""
        operation, fill = report.operation, report.fill
        if operation is None or fill is None:
            return None
        account, side = operation.account_id, operation.side
        symbol = operation.instrument.underlying_asset
        if account is None or side is None or symbol not in self._symbols:
            return None
        done = Decimal(0)
        if fill.last_trade is not None:
            done = fill.last_trade.quantity.decimal
            key = (account.value, symbol)
            self._held[key] = self._held.get(key, Decimal(0)) + (
                done if side is Side.BUY else -done
            )
        if fill.is_final and fill.remaining_reserved_quantity is not None:
            done += fill.remaining_reserved_quantity.decimal
        self._add_open(account.value, symbol, side.value, -done)
        return None

    def export_state(self) -> list[Any]:
        """Return what is held and what is at work, for a snapshot."""
        return [
            [[*key, str(quantity)] for key, quantity in self._held.items()],
            [[*key, str(quantity)] for key, quantity in self._open.items()],
        ]

    def restore_state(self, state: list[Any]) -> None:
        """Take over what another one has exported."""
        held, at_work = state
        self._held = {(account, symbol): Decimal(text) for account, symbol, text in held}
        self._open = {(acc, symbol, side): Decimal(text) for acc, symbol, side, text in at_work}

    def _taken_by(self, order: openpit.Order) -> tuple[int, str, str, Decimal] | PolicyReject:
        operation = order.operation
        if operation is None or operation.account_id is None or operation.side is None:
            return PolicyReject(
                RejectCode.MISSING_REQUIRED_FIELD, "exposure cannot be counted", "account, side"
            )
        symbol = operation.instrument.underlying_asset
        if symbol not in self._symbols:
            return PolicyReject(
                RejectCode.REFERENCE_DATA_UNAVAILABLE, "symbol has no sector", str(symbol)
            )
        amount = operation.trade_amount
        if amount is None or amount.as_quantity is None:
            return PolicyReject(
                RejectCode.ORDER_VALUE_CALCULATION_FAILED, "exposure takes a quantity", str(symbol)
            )
        return (
            operation.account_id.value, str(symbol), operation.side.value,
            amount.as_quantity.decimal,
        )  # fmt: skip

    def _add_open(self, account: int, symbol: str, side: str, quantity: Decimal) -> None:
        key = (account, symbol, side)
        left = self._open.get(key, Decimal(0)) + quantity
        if left:
            self._open[key] = left
        else:
            self._open.pop(key, None)

    def _exposure(self, account: int, symbol: str) -> Decimal:
        """Return what an account may come to have in the sector of a symbol."""
        sector = self._symbols[symbol][0]
        total = Decimal(0)
        for each, (its_sector, price) in self._symbols.items():
            if its_sector == sector:
                held = self._held.get((account, each), Decimal(0))
                bought = held + self._open.get((account, each, Side.BUY.value), Decimal(0))
                sold = held - self._open.get((account, each, Side.SELL.value), Decimal(0))
                total += price * max(bought, -sold, Decimal(0))
        return total

    def _beyond(self, symbol: str, before: Decimal, after: Decimal) -> list[PolicyReject]:
        sector = self._symbols[symbol][0]
        limit = self._limits.get(sector)
        if limit is None or after <= limit or after <= before:
            return []
        return [
            PolicyReject(
                RejectCode.CONCENTRATION_LIMIT_EXCEEDED,
                "sector exposure exceeded",
                f"{sector}: {after} of {limit}",
            )
        ]
