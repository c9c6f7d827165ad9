"""Accounts that may start outside the bounds of the kill switch, so that an order blocks them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.param.values import Pnl

if TYPE_CHECKING:
    from openpit.limits.tables import Table
    from openpit.param.ids import AccountId

__all__ = ["Starts"]


class Starts:
    """Who may be outside from the start, as a ``[pnl_bounds_killswitch]`` table has it.

    It rather says so of too many than of too few: of every account with bounds of its own, and of
    all in a currency whose bounds leave out zero.
    """

    __slots__ = ("_accounts", "_currencies")

    def __init__(self, table: Table) -> None:
        self._accounts = {
            (row.account("account").value, str(row.asset("settlement_asset")))
            for row in table.tables("account")
        }
        self._currencies = {
            str(row.asset("settlement_asset"))
            for row in table.tables("broker")
            if not _is_zero_inside(row)
        }

    def __bool__(self) -> bool:
        """Whether there may be any."""
        return bool(self._accounts or self._currencies)

    def may_be_outside(self, account: AccountId, currency: str) -> bool:
        """Tell whether an order in a currency may block its account, as long as none passed."""
        return currency in self._currencies or (account.value, currency) in self._accounts


def _is_zero_inside(row: Table) -> bool:
    lower = row.optional_amount("lower_bound", Pnl)
    upper = row.optional_amount("upper_bound", Pnl)
    return (lower is None or lower < Pnl.ZERO) and (upper is None or upper > Pnl.ZERO)
