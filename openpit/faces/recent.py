"""What a shard has refused and changed last: for consoles, by an asyncio engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from openpit.faces.aio.engine import AsyncShardedEngine

__all__ = ["BlockedAccount", "NotedChange", "NotedRefusal", "RecentOfShard", "recent_of"]


class NotedRefusal(NamedTuple):
    """An order that was refused; ``session`` 0 is the program that has the engine."""

    number: int
    time: int
    """Nanoseconds of the engine's clock."""
    session: int
    account: int | None
    underlying: str | None
    settlement: str | None
    rejects: tuple[tuple[str, str, str, str, str], ...]
    """Of each: code, reason, details, policy, scope."""


class NotedChange(NamedTuple):
    """What an operator has changed; ``account`` is None where it is everybody's."""

    number: int
    time: int
    session: int
    account: int | None
    method: str
    said: str
    """What the method was called with, as text."""


class BlockedAccount(NamedTuple):
    """An account that has a cause of its own."""

    account: int
    policy: str
    code: str
    reason: str
    details: str


class RecentOfShard(NamedTuple):
    """What a shard has told: see :class:`openpit.shards.recent.Recent`."""

    now: int
    refused: int
    counts: tuple[tuple[str, str, int], ...]
    """Of each policy and code, how often."""
    refusals: tuple[NotedRefusal, ...]
    changed: int
    changes: tuple[NotedChange, ...]
    blocked: int
    accounts: tuple[BlockedAccount, ...]


async def recent_of(engine: AsyncShardedEngine, shard: int) -> RecentOfShard:
    """Ask one shard.

    Raises:
        ShardDown: it is down.
        ShardOverloaded: it has no credit, or answers nothing.
        OutcomeUnknown: it has ended meanwhile.
    """
    # What no program needs has no public name; this is a part of the face.
    told: tuple[Any, ...] = await engine._driver.run(engine._client.ask, "recent", shard)  # noqa: SLF001 - as above
    now, refused, counts, refusals, changed, changes, blocked, accounts = told
    return RecentOfShard(
        now,
        refused,
        counts,
        tuple(NotedRefusal(*one) for one in refusals),
        changed,
        tuple(NotedChange(*one) for one in changes),
        blocked,
        tuple(BlockedAccount(*one) for one in accounts),
    )
