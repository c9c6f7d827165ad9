"""The handles of what an order holds, as an asyncio program holds them.

As those of :mod:`openpit.pretrade.handles`, with methods to be awaited. To a type checker they are
classes of their own: what an :class:`openpit.AsyncShardedEngine` gives out is no ``Reservation``,
whose ``commit()`` would be done when it returns.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from openpit.core.opaque import Opaque

if TYPE_CHECKING:
    from openpit.core.lock import Lock
    from openpit.pretrade.outcomes import AccountAdjustmentOutcome
    from openpit.pretrade.rejects import AccountBlock

__all__ = ["AsyncDropCopyOperation", "AsyncReservation"]


class AsyncReservation(Opaque):
    """What an accepted order reserved; as :class:`openpit.pretrade.Reservation`, to be awaited."""

    __module__ = "openpit.pretrade"
    __slots__ = ()

    @abstractmethod
    async def commit(self) -> None:
        """Keep what was reserved; as :meth:`openpit.pretrade.Reservation.commit`.

        Raises:
            RuntimeError: it was finalised before.
            Exception: the first one of a policy's callback, when all have run; the whole engine is
                blocked then.
            ShardedEngineError: on shards: it has expired, or its shard cannot answer.
        """

    @abstractmethod
    async def rollback(self) -> None:
        """Release what was reserved; as :meth:`openpit.pretrade.Reservation.rollback`.

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


class AsyncDropCopyOperation(Opaque):
    """The record of an order that the venue has already.

    As :class:`openpit.pretrade.DropCopyOperation`, to be awaited.
    """

    __module__ = "openpit.pretrade"
    __slots__ = ()

    @abstractmethod
    async def commit(self) -> None:
        """Keep the record; as :meth:`openpit.pretrade.DropCopyOperation.commit`.

        Raises:
            RuntimeError: it was finalised before.
            Exception: the first one of a policy's callback, when all have run; the whole engine is
                blocked then.
            ShardedEngineError: on shards: it has expired, or its shard cannot answer.
        """

    @abstractmethod
    async def rollback(self) -> None:
        """Undo the record; as :meth:`openpit.pretrade.DropCopyOperation.rollback`.

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
