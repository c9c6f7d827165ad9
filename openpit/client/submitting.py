"""What a client's calls need of it while their commands are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from openpit.client.bodies import BODIES
from openpit.client.orders import OrderEncoder, Ranks
from openpit.pretrade.policies.rate_limit import RateLimitPolicy
from openpit.router.rates import BroadRates
from openpit.router.router import Router
from openpit.wire.limits import CREDITS, ROWS_PER_FRAME

if TYPE_CHECKING:
    from openpit.engine.pipeline import EngineCore
    from openpit.pretrade.policies.rate_limit import FixedWindows
    from openpit.router.shard_link import Handles, Runner
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
        broad = ranks = None
        if rates:
            # The prototype checks no order: what it is told of settings is what is counted by here.
            policy = rates[0]
            broad = BroadRates(policy.settings, cast("FixedWindows", policy.windows).began)
            policy.windows = broad
            ranks = Ranks(policy, broad)
        self.prototype: Final = prototype
        self.has_custom: Final = prototype.has_custom
        self.encoder: Final = OrderEncoder(ranks, has_custom=self.has_custom, told=told)
        self.router: Final = Router(
            shards,
            has_custom=self.has_custom,
            rates=broad,
            bodies=BODIES,
            handles=handles,
            runner=runner,
            credit=credit,
            may_wait=may_wait,
        )
        self.books: Final = self.router.books
        self.runner: Final = runner
        self.rows_per_frame: Final = min(ROWS_PER_FRAME, credit)
