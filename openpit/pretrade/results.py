"""What the engine answers: to orders, dry runs, drop copies, reports, adjustments and settings.

Accepted orders are the rule, so a result keeps what the engine had in hand and makes the public
objects when a caller looks. Lists are fresh on each access.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from openpit.core.lock import copy_lock
from openpit.core.opaque import Closed, Opaque
from openpit.param.ids import AccountId, new_account_id
from openpit.pretrade.outcomes import AccountPnlOutcome, outcomes_of
from openpit.pretrade.record_readers import read_account_pnls, read_blocks, read_group_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from openpit.core.lock import Lock
    from openpit.pretrade.handles import DropCopyOperation, Reservation
    from openpit.pretrade.outcomes import AccountAdjustmentOutcome, AccountPnlRow, GroupRow
    from openpit.pretrade.rejects import AccountBlock, Reject

__all__ = [
    "AccountAdjustmentBatchResult",
    "AccountBlockOutcome",
    "AccountBlockOutcomes",
    "DropCopyResult",
    "DryRunReport",
    "ExecuteResult",
    "PolicyConfigurationResult",
    "PostTradeResult",
    "blocks_with_accounts",
    "new_account_adjustment_batch_result",
    "new_account_block_outcomes",
    "new_drop_copy_result",
    "new_dry_run_report",
    "new_execute_result",
    "new_policy_configuration_result",
    "new_post_trade_result",
    "report_rows",
    "summary",
]

_new = object.__new__


@final
class ExecuteResult(Opaque):
    """Answer to an order; true when it was accepted.

    Keep it, or its reservation: a reservation that nobody holds is rolled back.
    """

    __module__ = "openpit.pretrade"
    __slots__ = ("_rejects", "_reservation")

    _reservation: Reservation | None
    _rejects: Sequence[Reject]

    @staticmethod
    def _of(reservation: Reservation | None, rejects: Sequence[Reject]) -> ExecuteResult:
        self = _new(ExecuteResult)
        self._reservation = reservation
        self._rejects = rejects
        return self

    @property
    def ok(self) -> bool:
        """Whether the order was accepted."""
        return self._reservation is not None

    @property
    def reservation(self) -> Reservation | None:
        """What the order reserved, None when it was rejected."""
        return self._reservation

    @property
    def rejects(self) -> list[Reject]:
        """Rejects of all policies in registration order, empty when the order was accepted."""
        return list(self._rejects)

    def __bool__(self) -> bool:
        return self._reservation is not None

    def __repr__(self) -> str:
        return summary("ExecuteResult", self._reservation is not None, self._rejects)


@final
class DropCopyResult(Opaque):
    """Answer to a drop copy; true when it was recorded."""

    __module__ = "openpit.pretrade"
    __slots__ = ("_operation", "_rejects")

    _operation: DropCopyOperation | None
    _rejects: Sequence[Reject]

    @staticmethod
    def _of(operation: DropCopyOperation | None, rejects: Sequence[Reject]) -> DropCopyResult:
        self = _new(DropCopyResult)
        self._operation = operation
        self._rejects = rejects
        return self

    @property
    def ok(self) -> bool:
        """Whether the order was recorded."""
        return self._operation is not None

    @property
    def operation(self) -> DropCopyOperation | None:
        """Handle of what was recorded, None when the order could not be evaluated."""
        return self._operation

    @property
    def rejects(self) -> list[Reject]:
        """The evaluation failures, empty when the order was recorded."""
        return list(self._rejects)

    def __bool__(self) -> bool:
        return self._operation is not None

    def __repr__(self) -> str:
        return summary("DropCopyResult", self._operation is not None, self._rejects)


@final
class DryRunReport(Opaque):
    """What an order would meet; true when it would pass. Nothing is recorded."""

    __module__ = "openpit.pretrade"
    __slots__ = ("_block", "_lock", "_rejects", "_rows")

    _rejects: Sequence[Reject] | None
    _lock: Lock
    _rows: Sequence[GroupRow]
    _block: AccountBlock | None

    @staticmethod
    def _of(
        rejects: Sequence[Reject] | None,
        lock: Lock,
        rows: Sequence[GroupRow],
        block: AccountBlock | None,
    ) -> DryRunReport:
        self = _new(DryRunReport)
        self._rejects = rejects
        self._lock = lock
        self._rows = rows
        self._block = block
        return self

    @property
    def is_pass(self) -> bool:
        """Whether the order would pass."""
        return self._rejects is None

    @property
    def rejects(self) -> list[Reject] | None:
        """Rejects of all policies in registration order, None when the order would pass."""
        return None if self._rejects is None else list(self._rejects)

    @property
    def lock(self) -> Lock:
        """Prices that the reservation would lock; a fresh copy."""
        return copy_lock(self._lock)

    @property
    def account_adjustments(self) -> list[AccountAdjustmentOutcome]:
        """What the order would change, in policy order."""
        return outcomes_of(self._rows)

    @property
    def account_block(self) -> AccountBlock | None:
        """The block that a real call would record, None also when one is in force already."""
        return self._block

    def __bool__(self) -> bool:
        return self._rejects is None

    def __repr__(self) -> str:
        if self._rejects is None:
            return "DryRunReport(pass)"
        return f"DryRunReport(reject, rejects={len(self._rejects)})"


@final
class AccountAdjustmentBatchResult(Opaque):
    """Answer to a batch of adjustments, applied as a whole or not at all."""

    __module__ = "openpit.pretrade"
    __slots__ = ("_blocks", "_failed_index", "_rejects", "_rows")

    _failed_index: int | None
    _rejects: Sequence[Reject]
    _rows: Sequence[GroupRow]
    _blocks: Sequence[AccountBlock]

    @staticmethod
    def _of(
        failed_index: int | None,
        rejects: Sequence[Reject],
        rows: Sequence[GroupRow],
        blocks: Sequence[AccountBlock],
    ) -> AccountAdjustmentBatchResult:
        self = _new(AccountAdjustmentBatchResult)
        self._failed_index = failed_index
        self._rejects = rejects
        self._rows = rows
        self._blocks = blocks
        return self

    @property
    def ok(self) -> bool:
        """Whether the batch was applied."""
        return self._failed_index is None

    @property
    def failed_index(self) -> int | None:
        """Position of the refused adjustment in the batch, None when all were applied."""
        return self._failed_index

    @property
    def rejects(self) -> list[Reject]:
        """Rejects of the policy that refused, empty when all were applied."""
        return list(self._rejects)

    @property
    def outcomes(self) -> list[AccountAdjustmentOutcome]:
        """What the batch changed, adjustment by adjustment and policy by policy."""
        return outcomes_of(self._rows)

    @property
    def account_blocks(self) -> list[AccountBlock]:
        """Blocks that the policies asked for."""
        return list(self._blocks)

    def __bool__(self) -> bool:
        return self._failed_index is None

    def __repr__(self) -> str:
        if self._failed_index is None:
            return "AccountAdjustmentBatchResult(ok=True)"
        return (
            f"AccountAdjustmentBatchResult(ok=False, failed_index={self._failed_index}, "
            f"rejects={len(self._rejects)})"
        )


@final
class AccountBlockOutcome(Opaque):
    """A block and the account that it was asked for."""

    __module__ = "openpit.pretrade"
    __slots__ = ("_account", "_block")

    _account: int
    _block: AccountBlock

    @staticmethod
    def _of(account: int, block: AccountBlock) -> AccountBlockOutcome:
        self = _new(AccountBlockOutcome)
        self._account = account
        self._block = block
        return self

    @property
    def account_id(self) -> AccountId:
        """The account."""
        return new_account_id(self._account)

    @property
    def block(self) -> AccountBlock:
        """Why it is blocked."""
        return self._block

    def __repr__(self) -> str:
        return f"AccountBlockOutcome(account_id={self._account}, block={self._block!r})"


@final
class AccountBlockOutcomes(Opaque):
    """Blocks that a change of accounts caused."""

    __module__ = "openpit.pretrade"
    __slots__ = ("_blocks",)

    _blocks: Sequence[tuple[int, AccountBlock]]

    @staticmethod
    def _of(blocks: Sequence[tuple[int, AccountBlock]]) -> AccountBlockOutcomes:
        self = _new(AccountBlockOutcomes)
        self._blocks = blocks
        return self

    @property
    def account_blocks(self) -> list[AccountBlockOutcome]:
        """The blocks with their accounts."""
        return _block_outcomes(self._blocks)

    def __repr__(self) -> str:
        return f"AccountBlockOutcomes(account_blocks={len(self._blocks)})"


@final
class PolicyConfigurationResult(Opaque):
    """Blocks that new settings caused."""

    __module__ = "openpit.pretrade"
    __slots__ = ("_blocks",)

    _blocks: Sequence[tuple[int, AccountBlock]]

    @staticmethod
    def _of(blocks: Sequence[tuple[int, AccountBlock]]) -> PolicyConfigurationResult:
        self = _new(PolicyConfigurationResult)
        self._blocks = blocks
        return self

    @property
    def account_blocks(self) -> list[AccountBlock]:
        """The blocks; whose they are, the call has said."""
        return [block for _, block in self._blocks]

    def __repr__(self) -> str:
        return f"PolicyConfigurationResult(account_blocks={len(self._blocks)})"


@final
class PostTradeResult(Closed):
    """What an execution report changed.

    Custom policies build it as well: all arguments are keyword-only iterables, and what stands for
    a block, a P&L or an adjustment is read by its attributes.

    Raises:
        TypeError: an argument cannot be iterated.
        AttributeError: an item lacks what it is read by.
        ValueError: an item has a value that no such object could have.
    """

    __module__ = "openpit.pretrade"
    __slots__ = ("_blocks", "_pnls", "_rows")

    _blocks: Sequence[AccountBlock]
    _pnls: Sequence[AccountPnlRow]
    _rows: Sequence[GroupRow]

    def __init__(
        self,
        *,
        account_blocks: Iterable[AccountBlock] | None = None,
        account_pnls: Iterable[AccountPnlOutcome] | None = None,
        account_adjustments: Iterable[AccountAdjustmentOutcome] | None = None,
    ) -> None:
        self._blocks = () if account_blocks is None else read_blocks(account_blocks)
        self._rows = () if account_adjustments is None else read_group_rows(account_adjustments)
        self._pnls = () if account_pnls is None else read_account_pnls(account_pnls)

    @staticmethod
    def _of(
        blocks: Sequence[AccountBlock], pnls: Sequence[AccountPnlRow], rows: Sequence[GroupRow]
    ) -> PostTradeResult:
        self = _new(PostTradeResult)
        self._blocks = blocks
        self._pnls = pnls
        self._rows = rows
        return self

    @property
    def account_blocks(self) -> list[AccountBlock]:
        """Blocks that the policies asked for; the first one is in force."""
        return list(self._blocks)

    @property
    def account_pnls(self) -> list[AccountPnlOutcome]:
        """P&L of the account, policy by policy."""
        of = AccountPnlOutcome._from_row
        return [of(row) for row in self._pnls]

    @property
    def account_adjustments(self) -> list[AccountAdjustmentOutcome]:
        """What the report changed, policy by policy."""
        return outcomes_of(self._rows)

    def __repr__(self) -> str:
        return (
            f"PostTradeResult(account_blocks={len(self._blocks)}, "
            f"account_pnls={len(self._pnls)}, account_adjustments={len(self._rows)})"
        )


def summary(name: str, ok: bool, rejects: Sequence[Reject]) -> str:  # noqa: FBT001 - of `repr`
    """Return the text of a result that is true, or of one with rejects."""
    return f"{name}(ok=True)" if ok else f"{name}(ok=False, rejects={len(rejects)})"


def _block_outcomes(blocks: Iterable[tuple[int, AccountBlock]]) -> list[AccountBlockOutcome]:
    return [AccountBlockOutcome._of(account, block) for account, block in blocks]


def blocks_with_accounts(result: PolicyConfigurationResult) -> Sequence[tuple[int, AccountBlock]]:
    """Return the blocks that new settings caused, each with its account's number."""
    return result._blocks


def report_rows(
    result: PostTradeResult,
) -> tuple[Sequence[AccountBlock], Sequence[AccountPnlRow], Sequence[GroupRow]]:
    """Return what a policy says of a report: blocks, P&L and outcomes as they are kept."""
    return result._blocks, result._pnls, result._rows


# Makers for the rest of the package, unchecked: a program is handed what they make.
new_account_adjustment_batch_result = AccountAdjustmentBatchResult._of
new_drop_copy_result = DropCopyResult._of
new_dry_run_report = DryRunReport._of
new_execute_result = ExecuteResult._of
new_post_trade_result = PostTradeResult._of


# Makers for the rest of the package, unchecked: a program is handed what they make.
new_account_block_outcomes = AccountBlockOutcomes._of
new_policy_configuration_result = PolicyConfigurationResult._of
