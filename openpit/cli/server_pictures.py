"""What a running server is like at a moment: its shards, sessions, blocks, and last refusals."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Final

from openpit.errors import OutcomeUnknown, ShardDown, ShardOverloaded
from openpit.faces.asking import Asking
from openpit.faces.recent import recent_of
from openpit.wire.figures import figures_in
from openpit.wire.sessions import SessionOp, sessions_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from openpit.faces.aio.engine import AsyncShardedEngine
    from openpit.faces.recent import NotedChange, NotedRefusal, RecentOfShard
    from openpit.wire.sessions import SessionStats
    from openpit.wire.shard_stats import ShardStats

__all__ = ["SILENT", "ServerPicture", "picture_of_server"]

SILENT: Final = (ShardDown, ShardOverloaded, OutcomeUnknown, TimeoutError)
"""What is raised by a question to a shard that does not answer it."""


@dataclass(frozen=True)
class ServerPicture:
    """A server at a moment.

    ``taken`` is seconds of a clock that never goes back. ``recent`` lacks the shards that do not
    answer; ``halted`` is why all orders are halted, None where they are not, or no shard answers.
    """

    taken: float
    shards: Sequence[ShardStats]
    sessions: Sequence[SessionStats]
    gone: Sequence[SessionStats]
    halted: str | None
    recent: dict[int, RecentOfShard]
    names: dict[int, str]
    """Of all sessions that the server knows by name, the one that looks among them."""

    def refusals(self) -> list[tuple[float, int, NotedRefusal]]:
        """Return the last refusals: the seconds since then, and the shard; the newest first."""
        found = [
            ((told.now - one.time) / 1e9, shard, one)
            for shard, told in self.recent.items()
            for one in told.refusals
        ]
        return sorted(found, key=lambda row: (row[0], row[1], -row[2].number))

    def changes(self) -> list[tuple[float, int, NotedChange]]:
        """Return what was changed last, as above; what all shards were told comes from one."""
        found = [
            ((told.now - one.time) / 1e9, shard, one)
            for shard, told in self.recent.items()
            for one in told.changes
            if one.account is not None or shard == min(self.recent)
        ]
        return sorted(found, key=lambda row: (row[0], row[1], -row[2].number))

    def rejects(self) -> dict[tuple[str, str], int]:
        """Return how often orders were refused, by policy and code; the most frequent first."""
        counts: dict[tuple[str, str], int] = {}
        for told in self.recent.values():
            for policy, code, count in told.counts:
                counts[policy, code] = counts.get((policy, code), 0) + count
        return dict(sorted(counts.items(), key=lambda row: (-row[1], row[0])))

    def name_of(self, session: int) -> str:
        """Return what a session is called, by its number."""
        if not session:
            return "the server"
        return self.names.get(session, f"session {session}")


async def picture_of_server(
    engine: AsyncShardedEngine, path: Path, seconds: float, *, leaves_out: str = ""
) -> ServerPicture:
    """Look at the server at a path, to which an engine is connected.

    Each answer may take so many seconds. ``leaves_out`` is the name of a session that is not told:
    the one that looks.

    Raises:
        ServerRefused: it does not answer.
    """

    def ask() -> tuple[
        list[SessionStats], Sequence[ShardStats], list[SessionStats], dict[int, str]
    ]:
        with Asking(path, seconds) as asking:
            mine = asking.session
            found = sessions_in(asking.ask(SessionOp.SESSIONS))
            figures, gone = figures_in(asking.ask(SessionOp.FIGURES))
        others = [one for one in found if one.number != mine and one.name != leaves_out]
        names = {one.number: one.name for one in (*gone, *found) if one.name is not None}
        return others, [one.stats for one in figures], gone, names

    sessions, shards, gone, names = await asyncio.to_thread(ask)
    recent: dict[int, RecentOfShard] = {}
    for one in shards:
        if one.state == "up":
            try:
                recent[one.shard] = await recent_of(engine, one.shard, seconds)
            except SILENT:
                continue
    halted = None
    if recent:
        try:
            async with asyncio.timeout(seconds):
                halted = await engine.halted()
        except SILENT:
            halted = None
    return ServerPicture(monotonic(), shards, sessions, gone, halted, recent, names)
