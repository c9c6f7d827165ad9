"""Results as type checkers see them: one that is true has what a true one has.

At run time there is one class of each result, in :mod:`openpit.pretrade.results`, for both faces.
To a checker each is a union of two cases, told apart by ``if result:``, so that its handle needs no
second test; no class can promise that by itself, whatever its ``__bool__`` is declared to return.
The classes of the cases have no names at run time: a program annotates with the unions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Generic, Literal, TypeAlias, TypeVar, final

    from openpit.core.lock import Lock
    from openpit.pretrade.async_handles import (
        AsyncDropCopyOperation,
        AsyncReservation,
    )
    from openpit.pretrade.handles import DropCopyOperation, Reservation
    from openpit.pretrade.outcomes import AccountAdjustmentOutcome
    from openpit.pretrade.rejects import AccountBlock, Reject

    _Handle_co = TypeVar("_Handle_co", covariant=True)
else:
    from openpit.pretrade.results import (
        AccountAdjustmentBatchResult,
        DropCopyResult,
        DryRunReport,
        ExecuteResult,
    )

__all__ = [
    "AccountAdjustmentBatchResult",
    "AsyncDropCopyResult",
    "AsyncExecuteResult",
    "DropCopyResult",
    "DryRunReport",
    "ExecuteResult",
]

if TYPE_CHECKING:

    class TrueResult:
        """What all results share that are true."""

        @property
        def ok(self) -> Literal[True]:
            """Whether the order passed, was accepted or recorded: it was."""

        @property
        def rejects(self) -> list[Reject]:
            """Rejects of all policies: there are none."""

        def __bool__(self) -> Literal[True]: ...

    class FalseResult:
        """What all results share that are false."""

        @property
        def ok(self) -> Literal[False]:
            """Whether the order passed, was accepted or recorded: it was not."""

        @property
        def rejects(self) -> list[Reject]:
            """Rejects of all policies in registration order."""

        def __bool__(self) -> Literal[False]: ...

    class _Accepted(TrueResult, Generic[_Handle_co]):
        @property
        def reservation(self) -> _Handle_co:
            """What the order reserved; one that nobody holds is rolled back."""

    class _Recorded(TrueResult, Generic[_Handle_co]):
        @property
        def operation(self) -> _Handle_co:
            """Handle of what was recorded; one that nobody holds is rolled back."""

    @final
    class OrderAccepted(_Accepted[Reservation]):
        """An order was accepted."""

    @final
    class AsyncOrderAccepted(_Accepted[AsyncReservation]):
        """An order was accepted."""

    @final
    class OrderRejected(FalseResult):
        """An order was rejected."""

        @property
        def reservation(self) -> None:
            """What the order reserved: nothing."""

    @final
    class DropCopyRecorded(_Recorded[DropCopyOperation]):
        """An order that the venue has already was recorded."""

    @final
    class AsyncDropCopyRecorded(_Recorded[AsyncDropCopyOperation]):
        """An order that the venue has already was recorded."""

    @final
    class DropCopyRefused(FalseResult):
        """An order that the venue has already could not be evaluated."""

        @property
        def operation(self) -> None:
            """Handle of what was recorded: there is none."""

    class _DryRun:
        """What an order would meet. Nothing is recorded."""

        @property
        def lock(self) -> Lock:
            """Prices that the reservation would lock; a fresh copy."""

        @property
        def account_adjustments(self) -> list[AccountAdjustmentOutcome]:
            """What the order would change, in policy order."""

        @property
        def account_block(self) -> AccountBlock | None:
            """The block that a real call would record, None also when one is in force already."""

    @final
    class DryRunPass(_DryRun):
        """An order would pass."""

        @property
        def is_pass(self) -> Literal[True]:
            """Whether the order would pass: it would."""

        @property
        def rejects(self) -> None:
            """Rejects of all policies: there are none."""

        def __bool__(self) -> Literal[True]: ...

    @final
    class DryRunReject(_DryRun):
        """An order would be rejected."""

        @property
        def is_pass(self) -> Literal[False]:
            """Whether the order would pass: it would not."""

        @property
        def rejects(self) -> list[Reject]:
            """Rejects of all policies in registration order."""

        def __bool__(self) -> Literal[False]: ...

    class _Batch:
        """A batch of adjustments, applied as a whole or not at all."""

        @property
        def outcomes(self) -> list[AccountAdjustmentOutcome]:
            """What the batch changed, adjustment by adjustment and policy by policy."""

        @property
        def account_blocks(self) -> list[AccountBlock]:
            """Blocks that the policies asked for."""

    @final
    class BatchApplied(_Batch, TrueResult):
        """A batch of adjustments was applied."""

        @property
        def failed_index(self) -> None:
            """Position of the refused adjustment: there is none."""

    @final
    class BatchRefused(_Batch, FalseResult):
        """A batch of adjustments was refused."""

        @property
        def failed_index(self) -> int:
            """Position of the refused adjustment in the batch."""

    ExecuteResult: TypeAlias = OrderAccepted | OrderRejected
    DropCopyResult: TypeAlias = DropCopyRecorded | DropCopyRefused
    DryRunReport: TypeAlias = DryRunPass | DryRunReject
    AccountAdjustmentBatchResult: TypeAlias = BatchApplied | BatchRefused
    AsyncExecuteResult: TypeAlias = AsyncOrderAccepted | OrderRejected
    AsyncDropCopyResult: TypeAlias = AsyncDropCopyRecorded | DropCopyRefused
else:
    AsyncExecuteResult = ExecuteResult
    AsyncDropCopyResult = DropCopyResult
