"""No sale of more than an account has and has located.

What an account has comes from adjustments of its balances and from fills; what it may sell short,
from the locates that the lender has given for the day.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import openpit
from openpit.param import Side
from openpit.pretrade import (
    Policy,
    PolicyAccountAdjustmentResult,
    PolicyDecision,
    PolicyReject,
    RejectCode,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openpit.param import AccountId
    from openpit.pretrade import Context, PostTradeContext, PostTradeResult

Key = tuple[int, str]
"""An account's number and a symbol."""
ZERO = Decimal(0)


class ShortSaleLocate(Policy):
    """Refuses sales beyond the position and its locates; ``locates`` has the shares of each."""

    name = "ShortSaleLocate"

    def __init__(self, locates: Mapping[Key, str]) -> None:
        self._locates = {key: Decimal(shares) for key, shares in locates.items()}
        self._held: dict[Key, Decimal] = {}
        self._selling: dict[Key, Decimal] = {}

    def perform_pre_trade_check(self, ctx: Context, order: openpit.Order) -> PolicyDecision:
        """Set a sale's shares aside; a refusal, or its end without a trade, gives them back."""
        sale = _sale(order)
        if sale is None:
            return PolicyDecision.accept()
        if isinstance(sale, PolicyReject):
            return PolicyDecision.reject([sale])
        key, shares = sale
        rejects = self._short_of(key, shares)
        _add(self._selling, key, shares)
        mutation = openpit.Mutation(
            commit=lambda: None, rollback=lambda: _add(self._selling, key, -shares)
        )
        return PolicyDecision.reject(rejects, [mutation])

    def perform_pre_trade_check_dry_run(self, ctx: Context, order: openpit.Order) -> PolicyDecision:
        """Answer the same, and set nothing aside."""
        sale = _sale(order)
        if sale is None:
            return PolicyDecision.accept()
        if isinstance(sale, PolicyReject):
            return PolicyDecision.reject([sale])
        return PolicyDecision.reject(self._short_of(*sale))

    def apply_execution_report(
        self, ctx: PostTradeContext, report: openpit.ExecutionReport
    ) -> PostTradeResult | None:
        """Move what was traded into the position; the last report of a sale frees the rest."""
        operation, fill = report.operation, report.fill
        if operation is None or operation.account_id is None or fill is None:
            return None
        key = (operation.account_id.value, str(operation.instrument.underlying_asset))
        traded = ZERO if fill.last_trade is None else fill.last_trade.quantity.decimal
        if operation.side is Side.BUY:
            _add(self._held, key, traded)
        elif operation.side is Side.SELL:
            _add(self._held, key, -traded)
            left = fill.remaining_reserved_quantity
            freed = left.decimal if fill.is_final and left is not None else ZERO
            _add(self._selling, key, -traded - freed)
        return None

    def apply_account_adjustment(
        self,
        ctx: openpit.AccountAdjustmentContext,
        account_id: AccountId,
        adjustment: openpit.AccountAdjustment,
    ) -> PolicyAccountAdjustmentResult:
        """Follow a balance; if the batch is refused as a whole, it is as it was."""
        operation, amount = adjustment.operation, adjustment.amount
        if (
            not isinstance(operation, openpit.AccountAdjustmentBalanceOperation)
            or operation.asset is None
            or amount is None
            or amount.balance is None
        ):
            return PolicyAccountAdjustmentResult()
        key = (account_id.value, str(operation.asset))
        before = self._held.get(key, ZERO)
        if amount.balance.as_delta is not None:
            change = amount.balance.as_delta.decimal
        else:
            assert amount.balance.as_absolute is not None
            change = amount.balance.as_absolute.decimal - before
        _add(self._held, key, change)
        mutation = openpit.Mutation(
            commit=lambda: None, rollback=lambda: _add(self._held, key, -change)
        )
        return PolicyAccountAdjustmentResult(mutations=(mutation,))

    def export_state(self) -> list[Any]:
        """Return positions and what is being sold, for a snapshot."""
        return [
            [[*key, str(shares)] for key, shares in table.items()]
            for table in (self._held, self._selling)
        ]

    def restore_state(self, state: list[Any]) -> None:
        """Take over what another one has exported."""
        self._held, self._selling = (
            {(account, symbol): Decimal(shares) for account, symbol, shares in table}
            for table in state
        )

    def _short_of(self, key: Key, shares: Decimal) -> list[PolicyReject]:
        has = self._held.get(key, ZERO) + self._locates.get(key, ZERO)
        left = has - self._selling.get(key, ZERO)
        if shares <= left:
            return []
        return [
            PolicyReject(
                RejectCode.SHORT_SALE_RESTRICTION,
                "sale needs a locate",
                f"{key[1]}: {shares} of {max(left, ZERO)}",
            )
        ]


def _add(table: dict[Key, Decimal], key: Key, shares: Decimal) -> None:
    left = table.get(key, ZERO) + shares
    if left:
        table[key] = left
    else:
        table.pop(key, None)


def _sale(order: openpit.Order) -> tuple[Key, Decimal] | PolicyReject | None:
    """Return whose shares an order sells, and how many; None for a buy."""
    operation = order.operation
    if operation is None or operation.account_id is None or operation.side is None:
        return PolicyReject(
            RejectCode.MISSING_REQUIRED_FIELD, "sale cannot be told", "account, side"
        )
    if operation.side is Side.BUY:
        return None
    symbol = str(operation.instrument.underlying_asset)
    amount = operation.trade_amount
    if amount is None or amount.as_quantity is None:
        return PolicyReject(
            RejectCode.ORDER_VALUE_CALCULATION_FAILED, "sale takes a quantity", symbol
        )
    return (operation.account_id.value, symbol), amount.as_quantity.decimal
