"""The console's connections to its server: one that reads, and one for each change that is made."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager, suppress
from itertools import count
from secrets import token_hex
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from openpit.errors import ServerRefused
from openpit.faces.asking import Asking
from openpit.faces.connecting import connect_async
from openpit.wire.figures import figures_in
from openpit.wire.sessions import SessionOp, sessions_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from openpit.console.tokens import Caller
    from openpit.faces.aio.engine import AsyncShardedEngine
    from openpit.wire.sessions import SessionStats
    from openpit.wire.shard_stats import ShardStats

__all__ = ["CALLER", "ServerLink", "ServerReport"]

CALLER: Final = "console:"
"""What the sessions in which changes are made are called, before the caller's name; behind it
stands, after a space, what tells consoles of one server apart."""

READING: Final = "console "
"""What a console's own two sessions are called, before its process and number."""

_consoles: Final = count(1)


class ServerReport:
    """What a server says of itself: its shards, who is connected, who was."""

    def __init__(
        self,
        shards: Sequence[ShardStats],
        sessions: list[SessionStats],
        gone: list[SessionStats],
    ) -> None:
        self.shards: Final = shards
        self.sessions: Final = [one for one in sessions if not (one.name or "").startswith(READING)]
        self.names: Final = {one.number: one for one in (*gone, *sessions)}

    def name_of(self, session: int) -> str | None:
        """Return what a session is or was called; None where nobody knows."""
        if not session:
            return "the server"
        found = self.names.get(session)
        if found is None:
            return None
        name = found.name or f"session {session}"
        return name.partition(" ")[0] if name.startswith(CALLER) else name


class ServerLink:
    """Connects to the server at a path when it is first asked for, and again when it has gone."""

    def __init__(self, path: str, timeout: float = 5.0) -> None:
        self.path: Final = path
        self.timeout: Final = timeout
        self.mark: Final = token_hex(3)
        self._name: Final = f"{READING}{os.getpid()}.{next(_consoles)}"
        self._engine: AsyncShardedEngine | None = None
        self._asking: Asking | None = None
        self._opening: Final = asyncio.Lock()
        self._questions: Final = asyncio.Lock()
        self._turns: Final[WeakValueDictionary[str, asyncio.Lock]] = WeakValueDictionary()

    async def engine(self) -> AsyncShardedEngine:
        """Return the engine of the session that reads.

        Raises:
            ServerRefused: nobody listens there, or it does not take this session.
        """
        async with self._opening:
            if self._engine is None:
                self._engine = await connect_async(self.path, name=self._name, timeout=self.timeout)
            return self._engine

    @asynccontextmanager
    async def acting_for(self, caller: Caller) -> AsyncIterator[AsyncShardedEngine]:
        """Connect for a change, in a session that has the caller's name, and end it with that.

        A second change of the same caller's waits for the first: of two sessions of one name the
        server ends the older one, in the midst of its change. Another console has another mark.

        Raises:
            ServerRefused: as above.
        """
        name = f"{CALLER}{caller.name} {self.mark}"
        turn = self._turns.setdefault(name, asyncio.Lock())  # gone with the last who waits for it
        async with (
            turn,
            await connect_async(self.path, name=name, timeout=self.timeout) as engine,
        ):
            yield engine

    async def picture(self) -> ServerReport:
        """Ask the server of itself.

        Raises:
            ServerRefused: it does not answer.
        """
        async with self._questions:
            return await asyncio.to_thread(self._ask)

    def _ask(self) -> ServerReport:
        asking = self._asking
        if asking is None:
            asking = Asking(self.path, self.timeout, f"{self._name} figures").__enter__()
        self._asking = None
        try:
            figures, gone = figures_in(asking.ask(SessionOp.FIGURES))
            sessions = sessions_in(asking.ask(SessionOp.SESSIONS))
        except BaseException:
            asking.__exit__()
            raise
        self._asking = asking
        return ServerReport([one.stats for one in figures], sessions, gone)

    async def is_ready(self) -> tuple[bool, list[str]]:
        """Tell whether the server answers and all its shards are up, and what keeps it."""
        try:
            picture = await self.picture()
        except ServerRefused as error:
            return False, [str(error)]
        why = [f"shard {one.shard} is {one.state}" for one in picture.shards if one.state != "up"]
        return not why, why

    async def close(self) -> None:
        """End the connections."""
        engine, self._engine = self._engine, None
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.__exit__()
        if engine is not None:
            with suppress(ServerRefused):
                await engine.close()
