"""What the console sees of its server, looked at once a second while anybody wants to know.

While nobody does, nothing is asked. Of a shard that is not up nothing is asked, either; its last
words stay.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Any, Final

from openpit.console.limits_met import limits_met
from openpit.console.shapes import (
    BlockedTold,
    CauseTold,
    ChangeTold,
    Count,
    RefusalTold,
    RejectTold,
    Shard,
)
from openpit.errors import ShardedEngineError
from openpit.faces.recent import recent_of
from openpit.limits.account_names import NO_NAMES
from openpit.limits.changing import difference
from openpit.shards.administration import REMARKS
from openpit.wire.roles import role_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from openpit.console.link import ServerLink, ServerReport
    from openpit.console.notes import Notes
    from openpit.faces.aio.engine import AsyncShardedEngine
    from openpit.faces.recent import NotedChange, RecentOfShard
    from openpit.limits.account_names import AccountNames

__all__ = ["PERIOD", "Watch"]

PERIOD: Final = 1.0
"""Seconds from one look to the next."""

HISTORY: Final = 120
"""Looks that are kept for the page's curves."""

WANTED: Final = 10.0
"""How long after the last question it is still looked: seconds."""

VIEWERS: Final = 32
"""Pages at once. One more is told so."""

SHOWN: Final = 100
"""Refusals, changes and blocked accounts of one picture."""

LEAP: Final = 1.0
"""By how many seconds the engine's clock has to be off for it to be another one: the server is."""

REMARK_SECONDS: Final = 60.0
"""How long behind its change a reason comes at most; servers give a session's number again."""

BY_ALL: Final = frozenset({"register_group", "unregister_group"})
"""Changes without an account of which each shard has its own part."""

_SETTINGS: Final = frozenset({"apply_all", "rate_limit", "order_size_limit", "spot_funds"}) | {
    "pnl_bounds_killswitch",
    "spot_funds_pnl_bounds_killswitch",
}


class _Seen:
    """What is known of one shard."""

    def __init__(self) -> None:
        self.recent: RecentOfShard | None = None
        self.offset: float | None = None  # from the engine's clock to the day's, in seconds
        self.answered: tuple[float, int] | None = None
        self.rates: Final[deque[float]] = deque(maxlen=HISTORY)
        self.waits: Final[deque[float]] = deque(maxlen=HISTORY)  # milliseconds
        self.refusals: Final[deque[int]] = deque(maxlen=HISTORY)

    def at(self, time_of_engine: int) -> float:
        """Return when a time of the engine's clock was, in seconds since 1970."""
        return time_of_engine / 1e9 + (self.offset or 0.0)

    def heard(self, recent: RecentOfShard) -> None:
        """Take what the shard has told just now."""
        self.recent = recent
        offset = time.time() - recent.now / 1e9
        if self.offset is None or abs(offset - self.offset) > LEAP:
            self.offset = offset  # else what was told once would move a little each time


def _always() -> bool:
    return True


class Watch:
    """Looks at the server, and has the last picture of it."""

    def __init__(
        self,
        link: ServerLink,
        notes: Notes,
        *,
        has_journal: bool,
        names: AccountNames = NO_NAMES,
    ) -> None:
        self.names: Final = names
        self._link: Final = link
        self._notes: Final = notes
        self._has_journal: Final = has_journal
        self._seen: dict[int, _Seen] = {}
        self._tables: dict[str, dict[str, Any]] | None = None
        self._changed: dict[int, int] = {}
        self._server: ServerReport | None = None
        self._halted: str | None = None
        self._why: str | None = "not looked yet"
        self._begun = -inf  # when it was looked last, and what came in the way
        self._failure: ShardedEngineError | OSError | None = None
        self._wanted = 0.0
        self._looks = 0
        self._viewers = 0
        self._has_looked: Final = asyncio.Condition()
        self._looking: Final = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Look from here on, as long as anybody wants to know."""
        self._task = asyncio.create_task(self._look_on())

    async def end(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def fresh(self) -> None:
        """Look now, unless somebody has within this second.

        Of many who want to know at the same moment, one looks.

        Raises:
            ServerRefused: the server does not answer, or did not within this second.
        """
        self._wanted = time.monotonic()
        await self._look(is_due=self._is_due)

    async def pictures(self) -> AsyncIterator[dict[str, Any]]:
        """Yield a picture after each look; who takes long misses some, and holds up nobody.

        None where there are as many viewers as there may be: of those who came at once, too.
        """
        if self.is_full:
            return
        self._viewers += 1
        seen = -1
        try:
            await self._look_quietly(is_due=self._is_due)  # pages that come again and again, too
            while True:
                self._wanted = time.monotonic()
                async with self._has_looked:
                    await self._has_looked.wait_for(lambda: self._looks != seen)  # noqa: B023 - awaited here
                seen = self._looks
                yield self.picture()
        finally:
            self._viewers -= 1

    @property
    def is_full(self) -> bool:
        """Whether there are as many viewers as there may be."""
        return self._viewers >= VIEWERS

    async def _look_on(self) -> None:
        while True:
            now = time.monotonic()
            if self._is_due() and (self._viewers or now - self._wanted < WANTED):
                await self._look_quietly()
            due = self._begun + PERIOD
            await asyncio.sleep(max(0.05, (due if due > now else now + PERIOD) - time.monotonic()))

    def _is_due(self) -> bool:
        """Tell whether nobody has looked within this second."""
        return time.monotonic() - self._begun >= PERIOD

    async def _look_quietly(self, is_due: Callable[[], bool] = _always) -> None:
        if not is_due():
            return
        try:
            await self._look(is_due=is_due)
        except (ShardedEngineError, OSError) as error:
            self._why = str(error)
            self._server = None
        async with self._has_looked:
            self._looks += 1
            self._has_looked.notify_all()

    async def look(self) -> None:
        """Ask the server, and each of its shards that is up: now, whoever has looked before.

        Raises:
            ServerRefused: the server does not answer.
            ShardedEngineError: it has gone meanwhile.
        """
        await self._look(is_due=_always)

    async def _look(self, *, is_due: Callable[[], bool]) -> None:
        async with self._looking:
            if is_due():
                self._begun, self._failure = time.monotonic(), None
                try:
                    await self._ask_all()
                except (ShardedEngineError, OSError) as error:
                    self._failure = error
            if self._failure is not None:
                raise self._failure

    async def _ask_all(self) -> None:
        server = await self._link.picture()
        engine = await self._link.engine()
        now = time.monotonic()
        up = [one.shard for one in server.shards if one.state == "up"]
        for one in server.shards:
            self._count(self._seen.setdefault(one.shard, _Seen()), now, one.answered)
        await asyncio.gather(*(self._ask(engine, shard) for shard in up))
        if up:
            with suppress(ShardedEngineError, TimeoutError):
                async with asyncio.timeout(self._link.timeout):
                    self._halted = await engine.halted()
                    await self._look_at_limits(engine, server)
        self._server, self._why = server, None

    @staticmethod
    def _count(seen: _Seen, now: float, answered: int) -> None:
        before, seen.answered = seen.answered, (now, answered)
        if before is not None and now > before[0]:
            # A shard that has recovered counts anew.
            seen.rates.append(max(0.0, (answered - before[1]) / (now - before[0])))

    async def _ask(self, engine: AsyncShardedEngine, shard: int) -> None:
        seen = self._seen[shard]
        begun = time.perf_counter()
        try:
            recent = await recent_of(engine, shard, self._link.timeout)
        except (ShardedEngineError, TimeoutError):
            return  # it has gone down meanwhile, or is silent: the server tells so, the next time
        seen.waits.append((time.perf_counter() - begun) * 1000)
        before = seen.recent
        seen.refusals.append(max(0, recent.refused - before.refused) if before is not None else 0)
        seen.heard(recent)

    async def _look_at_limits(self, engine: AsyncShardedEngine, server: ServerReport) -> None:
        """Ask for the limits where somebody has changed some, and note what they were."""
        changed = {
            number: seen.recent.changed
            for number, seen in self._seen.items()
            if seen.recent is not None
        }
        if self._tables is not None and changed == self._changed:
            return
        tables = await engine.settings()
        if self._tables is not None and tables != self._tables:
            by = self._changers(server)
            self._notes.limits_changed(time.time(), by, difference(self._tables, tables))
        self._tables, self._changed = tables, changed

    def _changers(self, server: ServerReport) -> list[str]:
        """Return who has changed settings since the last look."""
        names = [
            server.name_of(one.session) or f"session {one.session}"
            for number, seen in self._seen.items()
            if seen.recent is not None
            for one in seen.recent.changes
            if one.number > self._changed.get(number, 0) and one.method in _SETTINGS
        ]
        return list(dict.fromkeys(names))

    # --- what was seen ---------------------------------------------------------------------------

    def refusals(self) -> list[RefusalTold]:
        """Return the last refusals, the newest first."""
        found = [
            RefusalTold(
                at=seen.at(one.time),
                shard=shard,
                number=one.number,
                session=self._name_of(one.session),
                account=None if one.account is None else str(one.account),
                account_name=self.names.of(one.account),
                underlying=one.underlying,
                settlement=one.settlement,
                rejects=[self._reject(one, row) for row in one.rejects],
            )
            for shard, seen in self._seen.items()
            if seen.recent is not None
            for one in seen.recent.refusals
        ]
        return sorted(found, key=lambda one: (-one.at, one.shard, -one.number))

    def _reject(self, one: Any, row: tuple[str, str, str, str, str]) -> RejectTold:
        code, reason, details, policy, scope = row
        limits = limits_met(
            self._tables or {},
            policy,
            reason,
            account=one.account,
            underlying=one.underlying,
            settlement=one.settlement,
        )
        return RejectTold(
            code=code, reason=reason, details=details, policy=policy, scope=scope, limits=limits
        )

    @property
    def refused(self) -> int:
        """How many orders were refused, of all shards that have told."""
        return sum(seen.recent.refused for seen in self._seen.values() if seen.recent is not None)

    def counts(self) -> list[Count]:
        """Return how often there was a reject, by policy and code, the most frequent first."""
        counts: dict[tuple[str, str], int] = {}
        for seen in self._seen.values():
            for policy, code, count in seen.recent.counts if seen.recent is not None else ():
                counts[policy, code] = counts.get((policy, code), 0) + count
        found = [Count(policy=who, code=code, count=n) for (who, code), n in counts.items()]
        return sorted(found, key=lambda one: (-one.count, one.policy, one.code))

    def blocked(self) -> tuple[int, list[BlockedTold]]:
        """Return how many accounts have a block of their own, and some of them."""
        told = [(number, seen.recent) for number, seen in self._seen.items() if seen.recent]
        found = [
            BlockedTold(
                account=str(one.account),
                account_name=self.names.of(one.account),
                shard=shard,
                cause=CauseTold(
                    policy=one.policy, code=one.code, reason=one.reason, details=one.details
                ),
            )
            for shard, recent in told
            for one in recent.accounts
        ]
        return sum(recent.blocked for _, recent in told), found

    def changes(self) -> list[ChangeTold]:
        """Return the last changes, the newest first: what all shards have made, once."""
        told = [(number, seen) for number, seen in sorted(self._seen.items()) if seen.recent]
        remarks = [
            one
            for _, seen in told
            for one in seen.recent.changes  # type: ignore[union-attr]  # see above
            if one.method in REMARKS
        ]
        found = [
            ChangeTold(
                at=seen.at(one.time),
                shard=shard,
                by=self._name_of(one.session),
                account=None if one.account is None else str(one.account),
                account_name=self.names.of(one.account),
                what=one.method,
                detail=one.said,
                reason=_reason_of(one, remarks),
            )
            for shard, seen in told
            for one in seen.recent.changes  # type: ignore[union-attr]  # see above
            if one.method not in REMARKS
            and (one.account is not None or one.method in BY_ALL or shard == told[0][0])
        ]
        return sorted(found, key=lambda one: -one.at)

    def _name_of(self, session: int) -> str | None:
        return None if self._server is None else self._server.name_of(session)

    def picture(self) -> dict[str, Any]:
        """Return all of it, for the page."""
        server = self._server
        total, blocked = self.blocked()
        return {
            "at": time.time(),
            "why": self._why,
            "halted": self._halted,
            "has_journal": self._has_journal,
            "shards": [] if server is None else [self._shard(one) for one in server.shards],
            "sessions": []
            if server is None
            else [{**one._asdict(), "role": role_name(one.role)} for one in server.sessions],
            "refused": self.refused,
            "counts": [one.model_dump() for one in self.counts()[:SHOWN]],
            "refusals": [one.model_dump() for one in self.refusals()[:SHOWN]],
            "blocked": {
                "total": total,
                "accounts": [one.model_dump() for one in blocked[:SHOWN]],
            },
            "changes": [one.model_dump() for one in self.changes()[:SHOWN]],
            "limits": [one.model_dump() for one in self._notes.limits],
        }

    def _shard(self, figures: Any) -> dict[str, Any]:
        seen = self._seen[figures.shard]
        recent = seen.recent
        return {
            **Shard.model_validate(figures).model_dump(),
            "rates": [round(rate, 1) for rate in seen.rates],
            "waits": [round(wait, 2) for wait in seen.waits],
            "refusals": list(seen.refusals),
            "refused": 0 if recent is None else recent.refused,
            "counts": [] if recent is None else recent.counts,
            "blocked": 0 if recent is None else recent.blocked,
        }


def _reason_of(change: NotedChange, remarks: Sequence[NotedChange]) -> str | None:
    """Return why a change was made: what its session has said behind it. A console's makes one."""
    for one in remarks:
        if one.session == change.session and 0 <= one.time - change.time <= REMARK_SECONDS * 1e9:
            return one.said
    return None
