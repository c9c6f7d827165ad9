"""The handle on accounts of the asyncio face."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openpit.client.accounts import AccountCalls
from openpit.core.assets import asset_text
from openpit.core.opaque import Opaque
from openpit.engine.accounts import group_tier, group_value
from openpit.engine.registry import admin_block
from openpit.param.classes import is_of
from openpit.param.ids import AccountGroupId, new_account_group_id
from openpit.param.refusals import not_an_instance
from openpit.param.words import plain_text
from openpit.pretrade.rejects import AccountBlock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openpit.param.ids import AccountId, Asset

__all__ = ["AsyncShardedAccounts", "new_async_sharded_accounts"]


class AsyncShardedAccounts(Opaque):
    """Groups, blocks and currencies of an engine's accounts; works after the engine is gone.

    The methods are those of :class:`openpit.Accounts`, with the same errors.
    """

    __slots__ = ("_calls", "_driver")
    __module__ = "openpit"

    _calls: AccountCalls
    _driver: Any

    @classmethod
    def _of(cls, driver: Any) -> AsyncShardedAccounts:
        self: AsyncShardedAccounts = object.__new__(cls)
        self._driver = driver
        self._calls = AccountCalls(driver)
        return self

    # --- groups --------------------------------------------------------------------------------

    async def register_group(
        self, accounts: Iterable[AccountId], group: AccountGroupId | int
    ) -> None:
        """Put all listed accounts into a group, or none.

        Raises:
            AccountGroupRegistrationError: an account is in a group already, or the group is the
                default one.
            TypeError: an account is no :class:`openpit.param.AccountId`.
            ValueError: ``group`` is neither a group nor its number.
            ShardedEngineError: a shard cannot answer, or the session may not: see the engine.
        """
        await self._driver.run(self._calls.change_group, "register", accounts, group)

    async def unregister_group(
        self, accounts: Iterable[AccountId], group: AccountGroupId | int
    ) -> None:
        """Take all listed accounts out of a group, or none.

        Raises:
            AccountGroupRegistrationError: an account is not in that group.
            TypeError: an account is no :class:`openpit.param.AccountId`.
            ValueError: ``group`` is neither a group nor its number.
            ShardedEngineError: a shard cannot answer, or the session may not: see the engine.
        """
        await self._driver.run(self._calls.change_group, "unregister", accounts, group)

    async def group_of(self, account: AccountId) -> AccountGroupId | None:
        """Return the account's group; None for the default group.

        Raises:
            TypeError: ``account`` is no :class:`openpit.param.AccountId`.
            ShardedEngineError: a shard cannot answer, or the session may not: see the engine.
        """
        number = await self._driver.run(self._calls.of_account, account, "group_of")
        return None if number is None else new_account_group_id(number)

    # --- currencies ----------------------------------------------------------------------------

    async def set_currency(self, account: AccountId, asset: Asset | str) -> None:
        """Set the account's own currency; nothing is evaluated anew.

        Raises:
            TypeError: ``account`` is no :class:`openpit.param.AccountId`, or ``asset`` no text.
            ValueError: ``asset`` is blank.
            ShardedEngineError: a shard cannot answer, or the session may not: see the engine.
        """
        await self._driver.run(self._calls.of_account, account, "set_currency", asset_text(asset))

    async def clear_currency(self, account: AccountId) -> None:
        """Let the account fall back to its group's currency.

        Raises:
            TypeError: ``account`` is no :class:`openpit.param.AccountId`.
            ShardedEngineError: a shard cannot answer, or the session may not: see the engine.
        """
        await self._driver.run(self._calls.of_account, account, "clear_currency")

    async def set_group_currency(self, group: AccountGroupId | int, asset: Asset | str) -> None:
        """Set a group's currency; group 0 (``AccountGroupId.DEFAULT``) is the tier below all.

        Raises:
            TypeError: ``asset`` is no text.
            ValueError: it is blank, or ``group`` neither a group nor its number.
            ShardedEngineError: a shard cannot answer, or the session may not: see the engine.
        """
        currency = asset_text(asset)
        await self._driver.run(
            self._calls.of_all, "set_group_currency", group_tier(group), currency
        )

    async def clear_group_currency(self, group: AccountGroupId | int) -> None:
        """Let a group fall back to the default group's currency.

        Raises:
            ValueError: ``group`` is neither a group nor its number.
            ShardedEngineError: a shard cannot answer, or the session may not: see the engine.
        """
        await self._driver.run(self._calls.of_all, "clear_group_currency", group_tier(group))

    # --- blocks --------------------------------------------------------------------------------

    async def block(self, account: AccountId, reason: str) -> None:
        """Reject the account's orders from now on; a cause that is there already stays.

        Raises:
            TypeError: ``account`` is no :class:`openpit.param.AccountId`, or ``reason`` no text.
            ShardedEngineError: a shard cannot answer, or the session may not: see the engine.
        """
        cause = admin_block(plain_text(reason))
        await self._driver.run(self._calls.of_account, account, "block", cause)

    async def block_with_cause(self, account: AccountId, cause: AccountBlock) -> None:
        """Block with a given code, policy, reason and details; an existing cause stays.

        Raises:
            TypeError: ``account`` or ``cause`` is of another class.
            ShardedEngineError: a shard cannot answer, or the session may not: see the engine.
        """
        if not is_of(cause, AccountBlock):
            raise not_an_instance(cause, "AccountBlock")
        await self._driver.run(self._calls.of_account, account, "block", cause)

    async def unblock(self, account: AccountId) -> None:
        """Remove the account's own cause; group and engine-wide ones stay. Idempotent.

        Raises:
            TypeError: ``account`` is no :class:`openpit.param.AccountId`.
            ShardedEngineError: a shard cannot answer, or the session may not: see the engine.
        """
        await self._driver.run(self._calls.of_account, account, "unblock")

    async def unblock_all(self) -> None:
        """Clear the engine-wide block and nothing else. Idempotent.

        Raises:
            ShardedEngineError: a shard cannot answer, or the session may not: see the engine.
        """
        await self._driver.run(self._calls.of_all, "unblock_all")

    async def replace_block_reason(self, account: AccountId, reason: str) -> None:
        """Replace the account's cause by an operator's.

        Raises:
            AccountBlockError: the account itself is not blocked.
            TypeError: ``account`` is no :class:`openpit.param.AccountId`, or ``reason`` no text.
            ShardedEngineError: a shard cannot answer, or the session may not: see the engine.
        """
        await self._driver.run(
            self._calls.of_account, account, "replace_block_reason", plain_text(reason)
        )

    async def block_group(self, group: AccountGroupId | int, reason: str) -> None:
        """Reject the orders of a group's members, whoever they are when they come.

        Raises:
            AccountBlockError: the group is the default one.
            TypeError: ``reason`` is no text.
            ValueError: ``group`` is neither a group nor its number.
            ShardedEngineError: a shard cannot answer, or the session may not: see the engine.
        """
        checked = plain_text(reason)
        await self._driver.run(self._calls.of_all, "block_group", group_value(group), checked)

    async def unblock_group(self, group: AccountGroupId | int) -> None:
        """Remove the group's cause. Idempotent.

        Raises:
            AccountBlockError: the group is the default one.
            ValueError: ``group`` is neither a group nor its number.
            ShardedEngineError: a shard cannot answer, or the session may not: see the engine.
        """
        await self._driver.run(self._calls.of_all, "unblock_group", group_value(group))

    async def replace_group_block_reason(self, group: AccountGroupId | int, reason: str) -> None:
        """Replace the group's cause by an operator's.

        Raises:
            AccountBlockError: the group is not blocked, or is the default one.
            TypeError: ``reason`` is no text.
            ValueError: ``group`` is neither a group nor its number.
            ShardedEngineError: a shard cannot answer, or the session may not: see the engine.
        """
        checked = plain_text(reason)
        await self._driver.run(
            self._calls.of_all, "replace_group_block_reason", group_value(group), checked
        )


# Makers for the rest of the package, unchecked: a program is handed what they make.
new_async_sharded_accounts = AsyncShardedAccounts._of
