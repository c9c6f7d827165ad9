"""What a client's calls need of it while their commands are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openpit.client.bodies import BODIES
from openpit.client.deadlines import Deadlines, Patience
from openpit.client.expiring import Expiring
from openpit.client.left_open import LeftOpen
from openpit.client.orders import OrderEncoder
from openpit.client.times import check_time
from openpit.router.calls import closed
from openpit.router.router import Router
from openpit.wire.limits import CREDITS, ROWS_PER_FRAME
from openpit.wire.shard_limits import ShardLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from openpit.client.handles import Handles, Runner
    from openpit.router.shard_link import Bodies
    from openpit.wire.axes import CountingAxes
    from openpit.wire.classes import Told

__all__ = ["Submitting"]

_USUAL: Final = Patience()
_LIMITS: Final = ShardLimits()


class Submitting:
    """A router, and the encoder of what is submitted to it.

    ``has_custom`` tells whether the engine has policies of a program's own. ``actors`` are the
    names of its workers' actors.
    """

    def __init__(
        self,
        shards: int,
        *,
        has_custom: bool,
        handles: Handles,
        runner: Runner,
        credit: int = CREDITS,
        patience: Patience = _USUAL,
        told: Told | None = None,
        bodies: Bodies = BODIES,
        router: Callable[..., Router] = Router,
        limits: ShardLimits = _LIMITS,
        actors: Collection[str] = (),
    ) -> None:
        self.actors: Final = frozenset(actors)
        self.has_custom: Final = has_custom
        self.encoder: Final = OrderEncoder(has_custom=has_custom, told=told)
        self.router: Final = router(
            shards,
            has_custom=has_custom,
            bodies=bodies,
            handles=handles,
            runner=runner,
            credit=credit,
            may_wait=patience.max_wait != 0,
        )
        self.books: Final = self.router.books
        self.deadlines: Final = Deadlines(self.router, patience)
        self.runner: Final = runner
        self.limits: Final = limits  # of each shard
        self.expiring: Final = Expiring(self.router) if limits.reservation_ttl else None
        self.rows_per_frame: Final = min(self.most_rows, credit)
        # Items at a call's end that make no frame of their own, but go with those before them.
        self.last_rows: Final = self.rows_per_frame if 2 * self.rows_per_frame <= credit else 0
        # Whether somebody holds the engine object: without it, a pending request refuses.
        self.is_held = True
        self.left: Final = LeftOpen()
        self.is_kept = False
        """Whether what it has open when it ends is kept for who comes after it."""

    most_rows: int = ROWS_PER_FRAME

    def check_open(self, now: int) -> None:
        """Raise EngineClosed if the engine is closed, TypeError if this is no time."""
        if self.books.is_closed:
            raise closed()
        check_time(now)
        self.books.now = now

    def retune(self, axes: CountingAxes) -> None:
        """Have orders numbered and counted on other axes from here on."""
        self.encoder.ranks.retune(axes)
        self.books.rates.retune(axes)
