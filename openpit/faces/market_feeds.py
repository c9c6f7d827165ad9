"""Market data services, followed on behalf of the shards."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Final

from openpit.marketdata.service import follow, unfollow

if TYPE_CHECKING:
    from openpit.marketdata.service import MarketDataService

__all__ = ["Feed"]


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
