"""What a client's calls need of it while their commands are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.client.orders import OrderEncoder
from openpit.pretrade.policies.rate_limit import RateLimitPolicy
from openpit.router.rates import BroadRates
from openpit.router.router import Router
from openpit.wire.frames import pack
from openpit.wire.limits import CREDITS, ROWS_PER_FRAME

if TYPE_CHECKING:
    from openpit.engine.pipeline import EngineCore
    from openpit.router.link import Handles, Runner
    from openpit.router.rates import Counted
    from openpit.wire.classes import Told

__all__ = ["Submitting"]


class Submitting:
    """A router, and the encoder of what is submitted to it.

    ``prototype`` is an engine with the same policies that checks no order: it validates settings.
    """

    def __init__(
        self,
        shards: int,
        prototype: EngineCore,
        *,
        handles: Handles,
        runner: Runner,
        credit: int = CREDITS,
        may_wait: bool = True,
        told: Told | None = None,
    ) -> None:
        rates = [p for p in prototype.policies if isinstance(p, RateLimitPolicy)]
        broad = BroadRates(rates[0]) if rates else None
        self.prototype: Final = prototype
        self.has_custom: Final = prototype.has_custom
        self.encoder: Final = OrderEncoder(broad, has_custom=self.has_custom, told=told)
        self.router: Final = Router(
            shards,
            has_custom=self.has_custom,
            rates=broad,
            ready=self.encoder.share,
            handles=handles,
            runner=runner,
            credit=credit,
            may_wait=may_wait,
        )
        self.books: Final = self.router.books
        self.runner: Final = runner
        self.rows_per_frame: Final = min(ROWS_PER_FRAME, credit)

    def packed(self, command: tuple[Any, ...], counted: Counted | None) -> bytes:
        """Return an order's command as it is sent; one that cannot be sent counts for nothing."""
        try:
            return pack(command)
        except BaseException:
            self.books.give_back(counted)
            raise
