"""Market data services, followed on behalf of the shards."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Final

from openpit.marketdata.service import follow, instruments_of, restore, unfollow
from openpit.marketdata.store import OF_NO_INSTRUMENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.marketdata.service import MarketDataService
    from openpit.marketdata.store import Operation

__all__ = ["Feed", "FirstFeed"]

_WITH_INSTANT: Final = frozenset({"push", "push_for"})
_INSTANT: Final = 5
"""Where in those changes it stands."""


class Feed:
    """Passes everything that happens in one service on to a face, in order.

    The service may outlive the engine, and does not keep it alive.
    """

    __slots__ = ("_face", "_listener", "_offset", "_place", "_service")

    def __init__(
        self,
        face: Any,
        place: int,
        service: MarketDataService,
        offset: int = 0,
        restored: Sequence[Operation] = (),
    ) -> None:
        """Follow a service, whose clock is so much behind the engine's.

        What was ``restored`` of a journal, the shards have already: the service is given it.
        """
        self._face: Final = weakref.ref(face)
        self._place: Final = place
        self._service: Final = service
        self._offset: Final = offset
        self._listener: Final = self._pass_on  # one object, by which the service knows it
        if restored:
            restore(service, [_moved(one, -offset) for one in restored], self._listener)
        else:
            follow(service, self._listener)

    def _pass_on(self, operation: Any) -> None:
        face = self._face()
        if face is not None:
            face.pass_on(self._place, _moved(operation, self._offset))

    def end(self) -> None:
        """Stop following the service."""
        unfollow(self._service, self._listener)


class FirstFeed(Feed):
    """One of a service whose instruments are registered by a server's sessions, too.

    Which of the numbers they have given out, the object in the server's own process does not know.
    So from the start of the server on it may quote its instruments of then, and no others.
    """

    __slots__ = ("_known",)

    def __init__(
        self,
        face: Any,
        place: int,
        service: MarketDataService,
        offset: int = 0,
        restored: Sequence[Operation] = (),
    ) -> None:
        self._known: frozenset[int] | None = None
        super().__init__(face, place, service, offset, restored)
        self._known = frozenset(instruments_of(service))

    def _pass_on(self, operation: Any) -> None:
        name, *values = operation
        known = self._known
        if name in OF_NO_INSTRUMENT or known is None:
            is_known = True
        else:
            is_known = name != "register" and values[0] in known
        if not is_known:
            raise RuntimeError(
                f"{name} of instrument {values[0]}: once a server has started, its sessions "
                "register instruments (engine.market_data())"
            )
        super()._pass_on(operation)


def _moved(operation: Operation, offset: int) -> Operation:
    """Return a change with the instant that it has by another clock, if it has one."""
    if not offset or operation[0] not in _WITH_INSTANT:
        return operation
    return (*operation[:_INSTANT], operation[_INSTANT] + offset, *operation[_INSTANT + 1 :])
