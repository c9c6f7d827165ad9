"""Market data services, followed on behalf of the shards."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Final

from openpit.marketdata.service import follow, instruments_of, unfollow
from openpit.marketdata.store import OF_NO_INSTRUMENT

if TYPE_CHECKING:
    from openpit.marketdata.service import MarketDataService

__all__ = ["Feed", "FirstFeed"]


class Feed:
    """Passes everything that happens in one service on to a face, in order.

    The service may outlive the engine, and does not keep it alive.
    """

    __slots__ = ("_face", "_listener", "_place", "_service")

    def __init__(self, face: Any, place: int, service: MarketDataService) -> None:
        self._face: Final = weakref.ref(face)
        self._place: Final = place
        self._service: Final = service
        self._listener: Final = self._pass_on  # one object, by which the service knows it
        follow(service, self._listener)

    def _pass_on(self, operation: object) -> None:
        face = self._face()
        if face is not None:
            face.pass_on(self._place, operation)

    def end(self) -> None:
        """Stop following the service."""
        unfollow(self._service, self._listener)


class FirstFeed(Feed):
    """One of a service whose instruments are registered by a server's sessions, too.

    Which of the numbers they have given out, the object in the server's own process does not know.
    So from the start of the server on it may quote its instruments of then, and no others.
    """

    __slots__ = ("_known",)

    def __init__(self, face: Any, place: int, service: MarketDataService) -> None:
        self._known: frozenset[int] | None = None
        super().__init__(face, place, service)
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
