"""What the host of an engine is told of its shards: by the log, and by its own callback."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from openpit.faces.observing import OF_EVENT
from openpit.faces.pictures import picture_of
from openpit.router.lifecycle import ShardEvent, ShardState

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.faces.observing import ObserverGuard
    from openpit.router.router import Router
    from openpit.wire.shard_stats import ShardStats

__all__ = ["tell"]

_log = logging.getLogger("openpit.router")

_STATES: Final = {
    ShardEvent.STALL: ShardState.STALLED,
    ShardEvent.ANSWER: ShardState.UP,
    ShardEvent.REPLACE: ShardState.RECOVERING,
    ShardEvent.RECOVERED: ShardState.UP,
    ShardEvent.LOST: ShardState.DOWN,
}
"""What a shard is once that has happened."""


def tell(
    router: Router,
    on_shard_down: Callable[[ShardStats], object] | None,
    told: ObserverGuard | None = None,
) -> None:
    """Tell everything that has happened to shards since the last time."""
    news = router.books.news
    while news:
        try:
            event, link, pid, why, restarts = news.pop(0)
        except IndexError:
            return  # another thread tells it
        # It may have happened long before: a call that waits for a worker tells it at its end.
        state = _STATES[event].value
        picture = replace(picture_of(link), state=state, pid=pid, why=why, restarts=restarts)
        name = OF_EVENT[event]
        more = {
            "event": name,
            "shard": picture.shard,
            "worker": picture.pid,
            "why": picture.why,
            "restarts": picture.restarts,
        }
        if event is ShardEvent.STALL:
            _log.warning(
                "shard %d is stalled: %s; its orders are denied until it answers",
                picture.shard,
                picture.why,
                extra=more,
            )
        elif event is ShardEvent.ANSWER:
            _log.warning("shard %d answers again", picture.shard, extra=more)
        elif event is ShardEvent.REPLACE:
            _log.warning("shard %d is recovering: %s", picture.shard, why, extra=more)
        elif event is ShardEvent.RECOVERED:
            _log.warning(
                "shard %d has recovered: worker %s has taken its place",
                picture.shard,
                picture.pid,
                extra=more,
            )
        else:
            _log.error("shard %d is down: %s", picture.shard, picture.why, extra=more)
            _call(on_shard_down, picture)
        if told is not None:
            told.tell(name, picture)


def _call(on_shard_down: Callable[[ShardStats], object] | None, picture: ShardStats) -> None:
    if on_shard_down is None:
        return
    try:
        on_shard_down(picture)
    except Exception:  # noqa: BLE001 - the host's callback; the log has its traceback
        _log.exception("on_shard_down raised")
