"""What the parts of a spot funds policy share: its name, its settings, its state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.pretrade.policies.spot_funds.barriers import breach_of
from openpit.pretrade.policies.spot_funds.holdings import AccountFunds, Holdings
from openpit.pretrade.rejects import AccountBlock, Reject, new_account_block, new_reject

if TYPE_CHECKING:
    from openpit.pretrade.policies.spot_funds.barriers import Breach
    from openpit.pretrade.policies.spot_funds.pricing import MarketPrices
    from openpit.pretrade.policies.spot_funds.settings import Settings
    from openpit.pretrade.policy_contract import AccountsView, PolicyCall

__all__ = ["NAME", "Desk", "overflow_block", "overflow_reject", "stuck_block", "switch_block"]

NAME = "SpotFundsPolicy"

_KILL_SWITCH = "PnlKillSwitchTriggered"
_OVERFLOW = "ArithmeticOverflow"


class Desk:
    """The policy's settings and state, and where it learns of accounts and prices."""

    __slots__ = ("accounts", "adjusting", "funds", "group_id", "holdings", "market", "settings")

    # The engine's accounts; given when the engine is built.
    accounts: AccountsView

    # The batch of adjustments in which an account's PnL was set last.
    adjusting: PolicyCall | None

    def __init__(self, settings: Settings, market: MarketPrices | None, group_id: int) -> None:
        self.settings = settings
        self.market = market
        self.group_id = group_id
        self.funds: dict[int, AccountFunds] = {}
        self.holdings = Holdings(self.funds)
        self.adjusting = None

    def breach(self, account: int, group: int | None) -> Breach | None:
        """Return what is wrong with the account's PnL under its barrier, None when nothing is."""
        if not self.settings.has_barriers:
            return None
        barriers = self.settings.barriers
        currency = self.accounts.currency_of(account)
        funds = self.funds.get(account)
        return breach_of(
            barriers.effective(account, group, currency),
            currency,
            None if funds is None else funds.pnl,
        )


def switch_block(breach: Breach) -> AccountBlock:
    """Return the account block of a PnL outside its barrier."""
    return new_account_block(NAME, _KILL_SWITCH, breach.reason, breach.details)


def switch_reject(breach: Breach) -> Reject:
    """Return the reject of an order whose account's PnL is outside its barrier."""
    return new_reject(_KILL_SWITCH, breach.reason, breach.details, NAME, "account")


def overflow_block(details: str) -> AccountBlock:
    """Return the account block of a report with figures that cannot be kept."""
    return new_account_block(NAME, _OVERFLOW, "arithmetic overflow", details)


def stuck_block(details: str) -> AccountBlock:
    """Return the account block of a slot that cannot take back what is rolled back."""
    return new_account_block(NAME, _OVERFLOW, "rollback overflow: slot left inconsistent", details)


def overflow_reject(details: str, scope: str) -> Reject:
    """Return the reject of an order or adjustment with figures that cannot be kept."""
    return new_reject(_OVERFLOW, "arithmetic overflow", details, NAME, scope)
