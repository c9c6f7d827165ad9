"""The handle on accounts that an actor has: for the account of its message alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openpit.engine.accounts import Accounts, account_value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openpit.param.ids import AccountGroupId, AccountId, Asset
    from openpit.pretrade.rejects import AccountBlock
    from openpit.shards.message_scope import MessageScope

__all__ = ["ActorAccounts", "new_actor_accounts"]


class ActorAccounts(Accounts):
    """The account's block and currency; what is of groups, or of all accounts, raises."""

    __slots__ = ("_scope",)

    _scope: MessageScope

    @classmethod
    def _in(cls, scope: MessageScope) -> ActorAccounts:
        self: ActorAccounts = object.__new__(cls)
        self._core = scope.core
        self._scope = scope
        return self

    def _check(self, what: str, account: AccountId) -> None:
        self._scope.check(f"accounts().{what}()", account_value(account))

    def _refuse(self, what: str) -> Any:
        raise self._scope.refusal(f"accounts().{what}()")

    # --- the account's own ---------------------------------------------------------------------

    def group_of(self, account: AccountId) -> AccountGroupId | None:
        self._check("group_of", account)
        return super().group_of(account)

    def set_currency(self, account: AccountId, asset: Asset | str) -> None:
        self._check("set_currency", account)
        super().set_currency(account, asset)
        self._scope.changed("set_currency", (asset,))

    def clear_currency(self, account: AccountId) -> None:
        self._check("clear_currency", account)
        super().clear_currency(account)
        self._scope.changed("clear_currency", ())

    def block(self, account: AccountId, reason: str) -> None:
        self._check("block", account)
        super().block(account, reason)
        self._scope.changed("block", (reason,))

    def block_with_cause(self, account: AccountId, cause: AccountBlock) -> None:
        self._check("block_with_cause", account)
        super().block_with_cause(account, cause)
        self._scope.changed("block_with_cause", (cause,))

    def unblock(self, account: AccountId) -> None:
        self._check("unblock", account)
        super().unblock(account)
        self._scope.changed("unblock", ())

    def replace_block_reason(self, account: AccountId, reason: str) -> None:
        self._check("replace_block_reason", account)
        super().replace_block_reason(account, reason)
        self._scope.changed("replace_block_reason", (reason,))

    # --- everybody's ---------------------------------------------------------------------------

    def register_group(self, accounts: Iterable[AccountId], group: AccountGroupId | int) -> None:
        self._refuse("register_group")

    def unregister_group(self, accounts: Iterable[AccountId], group: AccountGroupId | int) -> None:
        self._refuse("unregister_group")

    def set_group_currency(self, group: AccountGroupId | int, asset: Asset | str) -> None:
        self._refuse("set_group_currency")

    def clear_group_currency(self, group: AccountGroupId | int) -> None:
        self._refuse("clear_group_currency")

    def unblock_all(self) -> None:
        self._refuse("unblock_all")

    def block_group(self, group: AccountGroupId | int, reason: str) -> None:
        self._refuse("block_group")

    def unblock_group(self, group: AccountGroupId | int) -> None:
        self._refuse("unblock_group")

    def replace_group_block_reason(self, group: AccountGroupId | int, reason: str) -> None:
        self._refuse("replace_group_block_reason")


# Makers for the rest of the package, unchecked: a program is handed what they make.
new_actor_accounts = ActorAccounts._in
