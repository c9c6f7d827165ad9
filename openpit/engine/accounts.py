"""The public handle on accounts: groups, blocks, currencies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openpit.core.assets import asset_text
from openpit.core.opaque import Opaque
from openpit.engine.registry import DEFAULT_GROUP, admin_block
from openpit.param.classes import is_of
from openpit.param.ids import AccountGroupId, AccountId, new_account_group_id
from openpit.param.refusals import not_an_instance
from openpit.param.words import plain_text
from openpit.pretrade.rejects import AccountBlock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openpit.engine.pipeline import EngineCore
    from openpit.param.ids import Asset

__all__ = ["Accounts", "account_value", "group_tier", "group_value", "new_accounts"]

_MAX_GROUP: Final = 2**32 - 1


def account_value(account: object) -> int:
    """Return the number of an AccountId; TypeError for anything else."""
    if is_of(account, AccountId):
        return account.value
    raise TypeError("account_id must be openpit.param.AccountId")


def group_value(group: object) -> int:
    """Return the number of a group that may hold accounts: an AccountGroupId, or an int from 1.

    The default group passes as an ``AccountGroupId``: the registry refuses it by its own error.
    """
    if is_of(group, AccountGroupId):
        return group.value
    if isinstance(group, int) and 0 <= group <= _MAX_GROUP:
        if group == DEFAULT_GROUP:
            raise ValueError("account group id must not equal the reserved default group")
        return int(group)
    raise ValueError(
        "account_group_id must be an AccountGroupId or integer in range 1..=4294967295"
    )


def group_tier(group: object) -> int:
    """Return the number of a group or of the tier below all groups (0)."""
    if is_of(group, AccountGroupId):
        return group.value
    if isinstance(group, int) and 0 <= group <= _MAX_GROUP:
        return int(group)
    raise ValueError(
        "account_group_id must be an AccountGroupId or integer in range 0..=4294967295"
    )


class Accounts(Opaque):
    """Groups, blocks and currencies of an engine's accounts; works after the engine is gone.

    Every method takes :class:`openpit.param.AccountId` (TypeError otherwise). A group is an
    :class:`openpit.param.AccountGroupId` or its number (ValueError when out of range).
    """

    __slots__ = ("_core",)
    __module__ = "openpit"

    _core: EngineCore

    @classmethod
    def _of(cls, core: EngineCore) -> Accounts:
        self: Accounts = object.__new__(cls)
        self._core = core
        return self

    # --- groups --------------------------------------------------------------------------------

    def register_group(self, accounts: Iterable[AccountId], group: AccountGroupId | int) -> None:
        """Put all listed accounts into a group, or none.

        Each account's spot-funds PnL barrier is looked at again where it changes, and may block it.

        Raises:
            AccountGroupRegistrationError: an account is in a group already, or the group is the
                default one.
            TypeError: an account is no :class:`openpit.param.AccountId`.
            ValueError: ``group`` is neither a group nor its number.
        """
        number = group_value(group)
        listed = [account_value(account) for account in accounts]
        self._core.finisher.alone(self._core.register_group, listed, number)

    def unregister_group(self, accounts: Iterable[AccountId], group: AccountGroupId | int) -> None:
        """Take all listed accounts out of a group, or none.

        Raises:
            AccountGroupRegistrationError: an account is not in that group.
            TypeError: an account is no :class:`openpit.param.AccountId`.
            ValueError: ``group`` is neither a group nor its number.
        """
        number = group_value(group)
        listed = [account_value(account) for account in accounts]
        self._core.finisher.alone(self._core.unregister_group, listed, number)

    def group_of(self, account: AccountId) -> AccountGroupId | None:
        """Return the account's group; None for the default group.

        Raises:
            TypeError: ``account`` is no :class:`openpit.param.AccountId`.
        """
        number = self._core.registry.group_of(account_value(account))
        return None if number is None else new_account_group_id(number)

    # --- currencies ----------------------------------------------------------------------------

    def set_currency(self, account: AccountId, asset: Asset | str) -> None:
        """Set the account's own currency; nothing is evaluated anew.

        Raises:
            TypeError: ``account`` is no :class:`openpit.param.AccountId`, or ``asset`` no text.
            ValueError: ``asset`` is blank.
        """
        number = account_value(account)
        currency = asset_text(asset)
        self._core.finisher.alone(self._core.registry.set_currency, number, currency)

    def clear_currency(self, account: AccountId) -> None:
        """Let the account fall back to its group's currency.

        Raises:
            TypeError: ``account`` is no :class:`openpit.param.AccountId`.
        """
        number = account_value(account)
        self._core.finisher.alone(self._core.registry.clear_currency, number)

    def set_group_currency(self, group: AccountGroupId | int, asset: Asset | str) -> None:
        """Set a group's currency; group 0 (``AccountGroupId.DEFAULT``) is the tier below all.

        Raises:
            TypeError: ``asset`` is no text.
            ValueError: it is blank, or ``group`` neither a group nor its number.
        """
        number = group_tier(group)
        currency = asset_text(asset)
        self._core.finisher.alone(self._core.registry.set_group_currency, number, currency)

    def clear_group_currency(self, group: AccountGroupId | int) -> None:
        """Let a group fall back to the default group's currency.

        Raises:
            ValueError: ``group`` is neither a group nor its number.
        """
        number = group_tier(group)
        self._core.finisher.alone(self._core.registry.clear_group_currency, number)

    # --- blocks --------------------------------------------------------------------------------

    def block(self, account: AccountId, reason: str) -> None:
        """Reject the account's orders from now on; a cause that is there already stays.

        Raises:
            TypeError: ``account`` is no :class:`openpit.param.AccountId`, or ``reason`` no text.
        """
        cause = admin_block(plain_text(reason))
        number = account_value(account)
        self._core.finisher.alone(self._core.registry.block, number, cause)

    def block_with_cause(self, account: AccountId, cause: AccountBlock) -> None:
        """Block with a given code, policy, reason and details; an existing cause stays.

        Raises:
            TypeError: ``account`` or ``cause`` is of another class.
        """
        if not is_of(cause, AccountBlock):
            raise not_an_instance(cause, "AccountBlock")
        number = account_value(account)
        self._core.finisher.alone(self._core.registry.block, number, cause)

    def unblock(self, account: AccountId) -> None:
        """Remove the account's own cause; group and engine-wide ones stay. Idempotent.

        Raises:
            TypeError: ``account`` is no :class:`openpit.param.AccountId`.
        """
        number = account_value(account)
        self._core.finisher.alone(self._core.registry.unblock, number)

    def unblock_all(self) -> None:
        """Clear the engine-wide block and nothing else. Idempotent."""
        self._core.finisher.alone(self._core.registry.unblock_all)

    def replace_block_reason(self, account: AccountId, reason: str) -> None:
        """Replace the account's cause by an operator's.

        Raises:
            AccountBlockError: the account itself is not blocked.
            TypeError: ``account`` is no :class:`openpit.param.AccountId`, or ``reason`` no text.
        """
        checked = plain_text(reason)
        number = account_value(account)
        self._core.finisher.alone(self._core.registry.replace_block_reason, number, checked)

    def block_group(self, group: AccountGroupId | int, reason: str) -> None:
        """Reject the orders of a group's members, whoever they are when they come.

        Raises:
            AccountBlockError: the group is the default one.
            TypeError: ``reason`` is no text.
            ValueError: ``group`` is neither a group nor its number.
        """
        checked = plain_text(reason)
        number = group_value(group)
        self._core.finisher.alone(self._core.registry.block_group, number, checked)

    def unblock_group(self, group: AccountGroupId | int) -> None:
        """Remove the group's cause. Idempotent.

        Raises:
            AccountBlockError: the group is the default one.
            ValueError: ``group`` is neither a group nor its number.
        """
        number = group_value(group)
        self._core.finisher.alone(self._core.registry.unblock_group, number)

    def replace_group_block_reason(self, group: AccountGroupId | int, reason: str) -> None:
        """Replace the group's cause by an operator's.

        Raises:
            AccountBlockError: the group is not blocked, or is the default one.
            TypeError: ``reason`` is no text.
            ValueError: ``group`` is neither a group nor its number.
        """
        checked = plain_text(reason)
        number = group_value(group)
        self._core.finisher.alone(self._core.registry.replace_group_block_reason, number, checked)


# Makers for the rest of the package, unchecked: a program is handed what they make.
new_accounts = Accounts._of
