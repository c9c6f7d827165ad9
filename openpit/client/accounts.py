"""The calls behind the handles on accounts.

What one account has (block, currency) is its shard's; what a group has is every shard's;
memberships change in two phases, on all the listed accounts' shards or on none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.client.procedures import administration, change_group, everywhere
from openpit.engine.accounts import account_value, group_value
from openpit.engine.registry import AccountRegistry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openpit.client.client import Holder
    from openpit.param.ids import AccountGroupId, AccountId
    from openpit.router.calls import Call

__all__ = ["AccountCalls"]


class AccountCalls:
    """What the methods of the handles call; arguments are checked here."""

    __slots__ = ("_holder",)

    def __init__(self, holder: Holder) -> None:
        self._holder = holder

    def of_account(self, now: int, account: AccountId, method: str, *values: object) -> Call:
        """Call a method of the account's shard."""
        return self._holder.client.administer(now, account_value(account), method, *values)

    def of_all(self, now: int, method: str, *values: object) -> Call:
        """Call a method of every shard."""
        return self._holder.client.procedure(now, everywhere, now, administration(method, *values))

    def change_group(
        self, now: int, method: str, accounts: Iterable[AccountId], group: AccountGroupId | int
    ) -> Call:
        """Register or unregister."""
        number = group_value(group)
        listed = [account_value(account) for account in accounts]
        # The default group is refused before any account is looked at.
        AccountRegistry().check_register((), number)
        return self._holder.client.procedure(now, change_group, now, method, listed, number)
