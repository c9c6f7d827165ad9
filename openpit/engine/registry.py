"""What the engine knows of accounts: block causes, group memberships, currencies.

Ids are plain integers here; the public :class:`~openpit.engine.accounts.Accounts` checks classes.
"""

from __future__ import annotations

from collections import Counter
from heapq import nsmallest
from typing import TYPE_CHECKING, Final, cast

from openpit.engine.call import EngineCall
from openpit.errors import AccountBlockError, AccountGroupRegistrationError
from openpit.pretrade.rejects import AccountBlock, Reject, block_row, new_account_block, new_reject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from openpit.pretrade.state_values import State

__all__ = ["DEFAULT_GROUP", "ENGINE", "AccountRegistry", "admin_block"]

ENGINE: Final = "Engine"
DEFAULT_GROUP: Final = 0

# The two causes of an engine-wide block; the first one listed wins.
_FINALIZER_FAILED: Final = (
    "SystemUnavailable",
    "mutation finalizer failed",
    "a mutation commit or rollback callback failed; engine state may be inconsistent",
)
_UNATTRIBUTED_REPORT: Final = (
    "AccountBlocked",
    "account is blocked due to kill-switch",
    "kill-switch was previously triggered for this account",
)

_RESERVED_GROUP: Final = "the reserved default account group is not a valid target"


def admin_block(reason: str) -> AccountBlock:
    """Return the cause that an operator's block with ``reason`` stores."""
    return new_account_block(ENGINE, "AccountBlocked", reason, reason)


def _is_account(_account: int) -> bool:
    return True


class AccountRegistry:
    """Blocks, groups and currencies of an engine's accounts."""

    __slots__ = (
        "_blocks",
        "_currencies",
        "_group_blocks",
        "_group_currencies",
        "anything_blocked",
        "finalizer_failed",
        "groups",
        "halted",
        "is_replaying",
        "owns",
        "unattributed_report",
    )

    def __init__(self) -> None:
        self._blocks: dict[int, AccountBlock] = {}
        self._group_blocks: dict[int, AccountBlock] = {}
        # By account; read by every call that makes a context.
        self.groups: dict[int | None, int] = {}
        self._currencies: dict[int, str] = {}
        self._group_currencies: dict[int, str] = {}
        # Which accounts are this engine's: all, unless it shares them with other shards.
        self.owns: Callable[[int], bool] = _is_account
        self.is_replaying = False  # what a journal holds is told again, and answered to nobody
        self.finalizer_failed = False
        self.unattributed_report = False
        self.halted: str | None = None  # why an operator has stopped all orders, if one has
        # Read by every check: false means that no account, group or engine cause exists at all.
        self.anything_blocked = False

    def call_of(self, account: int | None, group: int | None) -> EngineCall:
        """Return the state of a call of an account that had this group when it began."""
        return EngineCall.of(self, account, group)

    # --- block check ---------------------------------------------------------------------------

    def check(self, account: int | None) -> Reject | None:
        """Return the reject that stops an order of ``account``, or None."""
        if not self.anything_blocked:
            return None
        if account is None:
            return new_reject(
                "MissingRequiredField",
                "account could not be verified as account ID is missing",
                "unable to check account for blocking",
                ENGINE,
                "order",
            )
        cause = self._blocks.get(account)
        if cause is None and self._group_blocks:
            cause = self._group_cause(account)
        if cause is None:
            cause = self._engine_cause()
            if cause is None:
                return None
        policy, code, reason, details, user_data = block_row(cause)
        return new_reject(code, reason, details, policy, "account", user_data)

    def causes_of(
        self, account: int
    ) -> tuple[AccountBlock | None, AccountBlock | None, AccountBlock | None]:
        """Return why the account is blocked: its own cause, its group's, the engine's."""
        return self._blocks.get(account), self._group_cause(account), self._engine_cause()

    def _group_cause(self, account: int) -> AccountBlock | None:
        group = self.groups.get(account)
        return None if group is None else self._group_blocks.get(group)

    def _engine_cause(self) -> AccountBlock | None:
        if self.finalizer_failed:
            return new_account_block(ENGINE, *_FINALIZER_FAILED)
        if self.unattributed_report:
            return new_account_block(ENGINE, *_UNATTRIBUTED_REPORT)
        return None if self.halted is None else admin_block(self.halted)

    def _recount(self) -> None:
        # Lowered first, raised again last: a block that a dropped handle's rollback makes in
        # between (it may run at any allocation) is never forgotten.
        self.anything_blocked = False
        if self._blocks or self._group_blocks or self._engine_cause() is not None:
            self.anything_blocked = True

    # --- blocks --------------------------------------------------------------------------------

    def has_own_block(self, account: int) -> bool:
        """Tell whether the account itself has a cause."""
        return account in self._blocks

    @property
    def blocked_accounts(self) -> int:
        """How many accounts have a cause of their own."""
        return len(self._blocks)

    def blocks_told(self, most: int) -> list[tuple[int, AccountBlock]]:
        """Return up to so many accounts that have a cause of their own, and it: the lowest."""
        return [(account, self._blocks[account]) for account in nsmallest(most, self._blocks)]

    def stopped(self) -> tuple[int, bool]:
        """Return how many accounts their own cause or their group's stops, and whether all are."""
        blocked = len(self._blocks)
        if self._group_blocks:
            causes, own = self._group_blocks, self._blocks
            blocked += sum(
                group in causes and account not in own for account, group in self.groups.items()
            )
        return blocked, self._engine_cause() is not None

    def block(self, account: int, cause: AccountBlock) -> None:
        """Record a cause; an account that has one keeps it."""
        self._blocks.setdefault(account, cause)
        self.anything_blocked = True

    def unblock(self, account: int) -> None:
        """Remove the account's own cause, if any."""
        self._blocks.pop(account, None)
        self._recount()

    def replace_block_reason(self, account: int, reason: str) -> None:
        """Replace the cause by an operator's; AccountBlockError where there is none."""
        if account not in self._blocks:
            raise AccountBlockError("account is not blocked")
        self._blocks[account] = admin_block(reason)

    def block_group(self, group: int, reason: str) -> None:
        """Block a group's members, as they are at each order; the first reason stays."""
        if group == DEFAULT_GROUP:
            raise AccountBlockError(_RESERVED_GROUP)
        self._group_blocks.setdefault(group, admin_block(reason))
        self.anything_blocked = True

    def unblock_group(self, group: int) -> None:
        """Remove the group's cause, if any."""
        if group == DEFAULT_GROUP:
            raise AccountBlockError(_RESERVED_GROUP)
        self._group_blocks.pop(group, None)
        self._recount()

    def replace_group_block_reason(self, group: int, reason: str) -> None:
        """Replace the group's cause; AccountBlockError where there is none."""
        if group == DEFAULT_GROUP:
            raise AccountBlockError(_RESERVED_GROUP)
        if group not in self._group_blocks:
            raise AccountBlockError("account group is not blocked")
        self._group_blocks[group] = admin_block(reason)

    def arm_finalizer_failure(self) -> None:
        """Block the whole engine: a commit or rollback callback failed."""
        self.finalizer_failed = self.anything_blocked = True

    def arm_unattributed_report(self) -> None:
        """Block the whole engine: a report without account asked for a block."""
        self.unattributed_report = self.anything_blocked = True

    def unblock_all(self) -> None:
        """Clear the engine-wide causes; accounts and groups keep theirs."""
        self.finalizer_failed = self.unattributed_report = False
        self._recount()

    def halt(self, reason: str) -> None:
        """Stop the orders of all accounts until :meth:`resume`; a later reason replaces this."""
        self.halted = reason
        self.anything_blocked = True

    def resume(self) -> None:
        """Take :meth:`halt` back, and nothing else."""
        self.halted = None
        self._recount()

    # --- groups --------------------------------------------------------------------------------

    def group_of(self, account: int) -> int | None:
        """Return the account's group, None for the default group."""
        return self.groups.get(account)

    def groups_told(self) -> dict[int, tuple[int, str | None, str | None]]:
        """Return of each group how many members it has, why it is blocked, its currency."""
        members = Counter(self.groups.values())
        numbers = sorted({*members, *self._group_blocks, *self._group_currencies})
        causes = {number: block_row(cause)[2] for number, cause in self._group_blocks.items()}
        return {
            one: (members[one], causes.get(one), self._group_currencies.get(one)) for one in numbers
        }

    def check_register(self, accounts: Iterable[int], group: int) -> None:
        """Raise what :meth:`register_group` would raise; change nothing."""
        if group == DEFAULT_GROUP:
            raise AccountGroupRegistrationError(_RESERVED_GROUP)
        if any(account in self.groups for account in accounts):
            raise AccountGroupRegistrationError(
                "account is already registered in a different group"
            )

    def check_unregister(self, accounts: Iterable[int], group: int) -> None:
        """Raise what :meth:`unregister_group` would raise; change nothing."""
        if group == DEFAULT_GROUP:
            raise AccountGroupRegistrationError(_RESERVED_GROUP)
        for account in accounts:
            current = self.groups.get(account)
            if current is None:
                raise AccountGroupRegistrationError(
                    "account is not in the requested group; it belongs to no group"
                )
            if current != group:
                raise AccountGroupRegistrationError(
                    "account is not in the requested group; it belongs to a different group"
                )

    def register_group(self, accounts: list[int], group: int) -> None:
        """Put all accounts into ``group``, or none and raise."""
        self.check_register(accounts, group)
        self.groups.update(dict.fromkeys(accounts, group))

    def unregister_group(self, accounts: list[int], group: int) -> None:
        """Take all accounts out of ``group``, or none and raise."""
        self.check_unregister(accounts, group)
        for account in accounts:
            self.groups.pop(account, None)

    # --- currencies ----------------------------------------------------------------------------

    def currency_of(self, account: int) -> str | None:
        """Return the effective currency: account, its group, the default group, or None."""
        currency = self._currencies.get(account)
        if currency is None and self._group_currencies:
            currency = self.currency_in(account, self.groups.get(account))
        return currency

    def currency_in(self, account: int, group: int | None) -> str | None:
        """Return what the effective currency is or was while the account belongs to ``group``."""
        currency = self._currencies.get(account)
        if currency is None and group is not None:
            currency = self._group_currencies.get(group)
        if currency is None:
            currency = self._group_currencies.get(DEFAULT_GROUP)
        return currency

    def set_currency(self, account: int, asset: str) -> None:
        """Give the account a currency of its own."""
        self._currencies[account] = asset

    def clear_currency(self, account: int) -> None:
        """Let the account fall back to its group's currency."""
        self._currencies.pop(account, None)

    def set_group_currency(self, group: int, asset: str) -> None:
        """Give a group a currency; group 0 is the tier below all groups."""
        self._group_currencies[group] = asset

    def clear_group_currency(self, group: int) -> None:
        """Let the group fall back to the default group's currency."""
        self._group_currencies.pop(group, None)

    # --- as a whole ----------------------------------------------------------------------------

    def export(self) -> State:
        """Return all of it as plain values."""
        return (
            [(account, block_row(cause)) for account, cause in self._blocks.items()],
            [(group, block_row(cause)) for group, cause in self._group_blocks.items()],
            [*self.groups.items()],
            [*self._currencies.items()],
            [*self._group_currencies.items()],
            self.finalizer_failed,
            self.unattributed_report,
            self.halted,
        )

    def restore(self, state: State) -> None:
        """Take over what was exported."""
        (blocks, group_blocks, groups, currencies, group_currencies,
         self.finalizer_failed, self.unattributed_report, self.halted) = state  # fmt: skip
        self._blocks = {account: new_account_block(*row) for account, row in blocks}
        self._group_blocks = {group: new_account_block(*row) for group, row in group_blocks}
        self.groups.clear()
        self.groups.update(groups)
        self._currencies = dict(currencies)
        self._group_currencies = dict(group_currencies)
        self._recount()

    def known_accounts(self) -> Iterable[int]:
        """Return the accounts that have an explicit currency or a group membership."""
        return {*self._currencies, *cast("Iterable[int]", self.groups)}
