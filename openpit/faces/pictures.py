"""What the shards of a router are like at this moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.wire.figures import RouterFigures
from openpit.wire.frames import EPOCH_COMMANDS
from openpit.wire.shard_stats import ShardStats

if TYPE_CHECKING:
    from openpit.faces.round_trips import RoundTrips
    from openpit.router.router import Router
    from openpit.router.shard_link import ShardLink

__all__ = ["figures_of", "picture_of"]


def picture_of(link: ShardLink) -> ShardStats:
    """Return a picture of one shard."""
    return ShardStats(
        shard=link.number,
        state=link.state.value,
        pid=link.pid,
        in_flight=link.in_flight,
        waiting=sum(entry.count for entry in link.waiting),
        credits=link.credits,
        sent=link.next_seq % EPOCH_COMMANDS,
        answered=link.answered % EPOCH_COMMANDS,
        bytes_sent=link.bytes_sent,
        bytes_received=link.bytes_received,
        why=link.why,
        told_in_vain=link.told_in_vain,
        restarts=link.restarts,
        expired=link.expired,
    )


def figures_of(router: Router) -> list[RouterFigures]:
    """Return what a router knows of its shards, as it travels."""
    pictures = [*map(picture_of, router.links)]
    trips: RoundTrips | None = router.books.trips
    if trips is None:
        return [*map(RouterFigures, pictures)]
    return [
        RouterFigures(one, tuple(buckets), total)
        for one, buckets, total in zip(pictures, trips.buckets, trips.totals, strict=True)
    ]
