"""What a shard has refused and changed last, and why: for consoles, by an asyncio engine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from openpit.faces.aio.engine import AsyncShardedEngine
    from openpit.param.ids import AccountId

__all__ = [
    "BlockedAccount",
    "NotedChange",
    "NotedRefusal",
    "RecentOfShard",
    "recent_of",
    "remark",
]


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


async def recent_of(engine: AsyncShardedEngine, shard: int, seconds: float) -> RecentOfShard:
    """Ask one shard, and wait so long at most, also for one whose worker is being replaced.

    Raises:
        ShardDown: it is down.
        ShardOverloaded: it has no credit, or answers nothing.
        OutcomeUnknown: it has ended meanwhile.
        TimeoutError: it has not answered by then.
    """
    # What no program needs has no public name; this is a part of the face.
    async with asyncio.timeout(seconds):
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


async def remark(engine: AsyncShardedEngine, account: AccountId | None, why: str) -> None:
    """Have the journal, and :func:`recent_of`, say why the session has made its last change.

    ``account`` is whose it is, None where it is of more than one: then any shard says it.

    Raises:
        NotPermitted: the session may change nothing.
        ShardDown, ShardOverloaded, OutcomeUnknown: as :func:`recent_of`.
    """
    driver, client = engine._driver, engine._client  # noqa: SLF001 - as above
    if account is None:
        await driver.run(client.ask, "remark", None, why)
    else:
        await driver.run(client.administer, account.value, "remark_of_account", why)
