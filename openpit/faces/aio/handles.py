"""The handles of the asyncio face: as those of the blocking one, with methods to be awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from openpit.client.handles import (
    Handles,
    HeldReservation,
    LocalReservation,
    OperationProxy,
    RequestProxy,
)
from openpit.pretrade.async_handles import AsyncDropCopyOperation, AsyncReservation
from openpit.pretrade.start import AsyncRequest

if TYPE_CHECKING:
    from openpit.pretrade.narrowed import AsyncExecuteResult

__all__ = ["ASYNC"]

# Each method below stands in for one of the same name that is not awaited: a handle comes from one
# face only, and the annotations of AsyncShardedEngine say which.


class AsyncLocalReservation(LocalReservation, AsyncReservation):
    """The handle of an accepted order that changed nothing in its shard."""

    __slots__ = ()

    async def commit(self) -> None:  # type: ignore[override]  # see above
        self.finish()

    async def rollback(self) -> None:  # type: ignore[override]  # see above
        self.finish()


class _AsyncHeld:
    """What both kinds of handles with effects share: they are finalised by their shard."""

    __slots__ = ()

    async def commit(self: Any) -> None:
        if self._is_held:
            await self._link.runner.finalize(self, commit=True)
        else:
            self.close()

    async def rollback(self: Any) -> None:
        if self._is_held:
            await self._link.runner.finalize(self, commit=False)
        else:
            self.close()


class AsyncHeldReservation(_AsyncHeld, HeldReservation, AsyncReservation):  # type: ignore[misc]  # see above
    """The handle of an accepted order whose effects its shard keeps."""

    __slots__ = ()


class AsyncOperationProxy(_AsyncHeld, OperationProxy, AsyncDropCopyOperation):  # type: ignore[misc]  # see above
    """The handle of a recorded order that the venue has already."""

    __slots__ = ()


class AsyncRequestProxy(RequestProxy, AsyncRequest):
    """An order that passed the start stage and waits in its shard."""

    __slots__ = ()

    async def execute(self) -> AsyncExecuteResult:  # type: ignore[override]  # see above
        runner: Any = self._link.runner
        return cast("AsyncExecuteResult", await runner.execute_request(self))


ASYNC: Final = Handles(
    AsyncLocalReservation, AsyncHeldReservation, AsyncOperationProxy, AsyncRequestProxy
)
"""The handles of the asyncio face."""
