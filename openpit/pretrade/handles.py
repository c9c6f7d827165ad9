"""The handles of what an order holds: reservation, drop-copy operation.

Here is what callers see of them. An engine in this process and the proxies of a sharded engine
fill them in.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Final

from openpit.core.opaque import Opaque

if TYPE_CHECKING:
    from openpit.core.lock import Lock
    from openpit.pretrade.outcomes import AccountAdjustmentOutcome
    from openpit.pretrade.rejects import AccountBlock

__all__ = [
    "OPERATION_USED",
    "REQUEST_USED",
    "RESERVATION_USED",
    "DropCopyOperation",
    "Reservation",
]


REQUEST_USED: Final = "request has already been executed"
RESERVATION_USED: Final = "reservation has already been finalized"
OPERATION_USED: Final = "drop-copy operation has already been finalized"
"""What a handle says that has been used."""


class Reservation(Opaque):
    """What an accepted order reserved.

    Finalised once, by :meth:`commit` or :meth:`rollback`; a reservation that nobody holds is
    rolled back. Every use after that is a ``RuntimeError``.
    """

    __module__ = "openpit.pretrade"
    __slots__ = ()

    @abstractmethod
    def commit(self) -> None:
        """Keep what was reserved: the order goes to the venue.

        Raises:
            RuntimeError: it was finalised before.
            Exception: the first one of a policy's callback, when all have run; the whole engine is
                blocked then.
            ShardedEngineError: on shards: it has expired, or its shard cannot answer.
        """

    @abstractmethod
    def rollback(self) -> None:
        """Release what was reserved: the order does not go to the venue.

        Raises:
            RuntimeError: it was finalised before.
            Exception: the first one of a policy's callback, when all have run; the whole engine is
                blocked then.
            ShardedEngineError: on shards: it has expired, or its shard cannot answer.
        """

    @property
    @abstractmethod
    def lock(self) -> Lock:
        """Prices that the policies locked; a fresh copy, to be sent back with the fills.

        Raises:
            RuntimeError: it was finalised before.
        """

    @property
    @abstractmethod
    def account_adjustments(self) -> list[AccountAdjustmentOutcome]:
        """What the order changed, in policy order.

        Raises:
            RuntimeError: it was finalised before.
        """


class DropCopyOperation(Opaque):
    """What the record of an order that the venue has already changed.

    Finalised once, by :meth:`commit` or :meth:`rollback`; an operation that nobody holds is rolled
    back. Every use after that is a ``RuntimeError``.
    """

    __module__ = "openpit.pretrade"
    __slots__ = ()

    @abstractmethod
    def commit(self) -> None:
        """Keep the record.

        Raises:
            RuntimeError: it was finalised before.
            Exception: the first one of a policy's callback, when all have run; the whole engine is
                blocked then.
            ShardedEngineError: on shards: it has expired, or its shard cannot answer.
        """

    @abstractmethod
    def rollback(self) -> None:
        """Undo the record.

        Raises:
            RuntimeError: it was finalised before.
            Exception: the first one of a policy's callback, when all have run; the whole engine is
                blocked then.
            ShardedEngineError: on shards: it has expired, or its shard cannot answer.
        """

    @property
    @abstractmethod
    def lock(self) -> Lock:
        """Prices that the policies locked; a fresh copy, to be sent back with the fills.

        Raises:
            RuntimeError: it was finalised before.
        """

    @property
    @abstractmethod
    def account_adjustments(self) -> list[AccountAdjustmentOutcome]:
        """What the order changed, in policy order.

        Raises:
            RuntimeError: it was finalised before.
        """

    @property
    @abstractmethod
    def account_block(self) -> AccountBlock | None:
        """The first block that this call asked for, also where another cause was in force.

        Raises:
            RuntimeError: it was finalised before.
        """

    @property
    @abstractmethod
    def is_account_blocked(self) -> bool:
        """Whether the account was blocked, itself, by its group or by the engine, after this.

        Raises:
            RuntimeError: it was finalised before.
        """
