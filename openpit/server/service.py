"""The sockets of a router's process: who may connect, what is read and written, and when."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

from openpit.client.bodies import BODIES
from openpit.faces.aio.engine import new_async_sharded_engine
from openpit.faces.starting import start_driver
from openpit.server.address import ANYBODYS, OWN, Address
from openpit.server.driver import ServerDriver
from openpit.server.names import Names
from openpit.server.switch import Switch, bodies_beside
from openpit.wire.roles import role_name
from openpit.wire.sessions import Bye

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from openpit.faces.aio.engine import AsyncShardedEngine
    from openpit.faces.engine_journal import EngineJournal
    from openpit.faces.starting import StartPlan
    from openpit.server.limits import Limits
    from openpit.server.names import Away
    from openpit.server.session import Session

__all__ = ["Service", "start_service"]

LAST_WORDS_SECONDS: Final = 1.0
"""How long a session that was closed has to read why."""

BACKLOG: Final = 1024
"""Connections that the kernel keeps until they are taken: whoever connects is not told to wait."""

_CREDENTIALS: Final = struct.Struct("3i")

_log = logging.getLogger("openpit.server")


def _whose(session: Session) -> dict[str, object]:
    """Return the fields of a record that say who it was."""
    return {
        "session": session.number,
        "name_of_session": session.name,
        "user": session.user,
        "role": role_name(session.role),
    }


class Service:
    """A listening socket, and the sessions that have come by it."""

    def __init__(
        self,
        engine: AsyncShardedEngine,
        driver: ServerDriver,
        switch: Switch,
        limits: Limits,
        users: Mapping[int, int],
    ) -> None:
        self.engine: Final = engine
        self.switch: Final = switch
        self.limits: Final = limits
        self.users: Final = users  # and the role of each
        self.loop: Final = asyncio.get_running_loop()
        self._driver: Final = driver
        self._server: asyncio.AbstractServer | None = None
        self._address: Address | None = None
        self._is_due = False
        self._connected: Final[dict[Session, _Connection]] = {}
        self._paused: Final[set[_Connection]] = set()  # of which nothing is read for now
        driver.host(switch, self.turn_soon, self.say)
        driver.time_round_trips()
        switch.opened, switch.closed = self._opened, self._closed
        self._told: Final[set[Session]] = set()  # that are open, as far as anybody has heard
        switch.names.expire = self._expire
        if driver.journal is not None:
            journal = driver.journal
            switch.names.begin({**journal.names}, driver.open_at, journal.last_session)

    def _opened(self, session: Session) -> None:
        self._told.add(session)
        self._tell_of(session, "opened")

    def _closed(self, session: Session) -> None:
        if session in self._told:
            self._told.remove(session)
            self._tell_of(session, "closed")

    def _tell_of(self, session: Session, what: str) -> None:
        """Tell the log and the observer of a session; one without a name is a short question."""
        name, user = session.name, session.user
        _log.log(
            logging.DEBUG if name is None else logging.INFO,
            "session %d (%s) of user %d is %s%s",
            session.number,
            name,
            user,
            what,
            f": {session.why}" if session.why else "",
            extra={"event": f"session_{what}", **_whose(session), "why": session.why or None},
        )
        if self._driver.observer is not None:
            self._driver.observer.tell(f"session_{what}", session.number, name, user)

    def _expire(self, away: Away) -> None:
        """Give a session that has gone its time to come back."""
        self.loop.call_later(self.switch.names.grace, self._give_up, away)

    def _give_up(self, away: Away) -> None:
        if self.switch.names.over(away):
            self._driver.end_client(away.number)

    @property
    def journal(self) -> EngineJournal | None:
        """The journal of the engine, if it has one."""
        return self._driver.journal

    async def listen(self, path: str) -> None:
        """Take connections from here on.

        Raises:
            AddressInUseError: a living server, or something that is no socket, is there.
            OSError: nothing can be bound there.
        """
        is_own = {*self.users} <= {os.getuid()}
        self._address = address = Address(path, OWN if is_own else ANYBODYS, BACKLOG)
        self._server = await self.loop.create_unix_server(
            lambda: _Connection(self), sock=address.socket, backlog=BACKLOG
        )

    def now(self) -> int:
        """Return the time of the server."""
        return self._driver.clock()

    def turn_soon(self) -> None:
        """Have the sessions' turn come at the end of this one of the loop's: once."""
        if not self._is_due:
            self._is_due = True
            self.loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._is_due = False
        self._driver.serve()
        self.say()

    def say(self) -> None:
        """Write what there is for the clients; read again of those whose batches have gone."""
        stirred = self.switch.stirred
        while stirred:
            connection = self._connected.get(stirred.pop())
            if connection is not None:
                connection.write()
        if self._paused:
            for connection in list(self._paused):
                connection.resume()

    def enter(self, connection: _Connection) -> None:
        """Have what there is for a session written to its connection."""
        self._connected[connection.session] = connection

    def leave(self, connection: _Connection) -> None:
        """Record that a connection has ended."""
        self._paused.discard(connection)
        self._connected.pop(connection.session, None)

    def pause(self, connection: _Connection) -> None:
        """Ask a connection from now on, whenever something has moved, whether it is read again."""
        self._paused.add(connection)

    def resumed(self, connection: _Connection) -> None:
        """Record that a connection is read again."""
        self._paused.discard(connection)

    async def drain(self, seconds: float) -> bool:
        """Take nothing more, and let the shards answer what they have been asked; tell if they did.

        The sessions are then told that the server ends.
        """
        self._stop_listening()
        for connection in self._connected.values():
            connection.pause()
        self._paused.clear()  # for good
        deadline = self.loop.time() + seconds
        while self._is_busy and self.loop.time() < deadline:
            self._driver.serve()
            await asyncio.sleep(_LOOK_SECONDS)
        is_done = not self._is_busy
        self.switch.close_all("the server ends")
        self._turn()
        return is_done

    def _stop_listening(self) -> None:
        if self._server is not None and self._address is not None:
            self._address.remove()  # while it is open nothing else can be taken for it
            self._server.close()
            self._server = None

    @property
    def _is_busy(self) -> bool:
        return self.switch.waits or any(
            any(session.inbox) for session in self.switch.sessions.values()
        )

    async def close(self) -> None:
        """End the connections, the workers and everything else."""
        self._stop_listening()
        for connection in list(self._connected.values()):
            connection.abort()
        await asyncio.sleep(0)
        await self.engine.close()


_LOOK_SECONDS: Final = 0.005


class _Connection(asyncio.Protocol):
    """One client's socket."""

    def __init__(self, service: Service) -> None:
        self._service: Final = service
        self._transport: asyncio.Transport
        self.session: Session
        self._timer: asyncio.TimerHandle | None = None  # of the first frame, then of each turn
        self._timed: int | None = None  # which turn
        self._is_paused = False
        self._is_closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        service, switch = self._service, self._service.switch
        user = _user_of(transport.get_extra_info("socket"))
        role = service.users.get(user)
        if role is None:
            text = f"user {user} may not connect to this server"
            self.session = switch.turn_away(Bye.USER, text)
        else:
            self.session = switch.open(role, user)
        service.enter(self)
        self._timer = service.loop.call_later(service.limits.hello_seconds, self._no_hello)
        service.turn_soon()  # it may have been turned away, or another one to make room for it

    def _no_hello(self) -> None:
        self._timer = None
        if not self.session.is_known:
            self.session.close(Bye.MALFORMED, "no first frame in time")
            self._service.turn_soon()

    def data_received(self, data: bytes) -> None:
        session = self.session
        if self._is_closing:
            return
        self._service.switch.receive(session, data)
        if session.is_full:
            self.pause()
        self._service.turn_soon()

    def pause(self) -> None:
        """Read nothing more for now."""
        if not (self._is_paused or self._is_closing):
            self._is_paused = True
            self._transport.pause_reading()
            self._service.pause(self)

    def resume(self) -> None:
        """Read on, if there is room again."""
        if not (self._is_closing or self.session.is_full):
            self._is_paused = False
            self._transport.resume_reading()
            self._service.resumed(self)

    def write(self) -> None:
        """Write what there is for the client, and close the connection if that is the last."""
        if self._is_closing:
            return
        session, limits = self.session, self._service.limits
        if session.output:
            self._transport.write(session.take())
            if self._transport.get_write_buffer_size() > limits.output_bytes:
                session.close(Bye.SLOW, f"{limits.output_bytes} bytes have not been read")
                self.abort()
                return
        if session.is_over:
            self._is_closing = True
            self._transport.close()
            self._service.loop.call_later(LAST_WORDS_SECONDS, self._transport.abort)
            self._leave()
            return
        if session.is_known:
            self._see_to_turn(session.turns if session.has_turn else None)

    def _see_to_turn(self, turn: int | None) -> None:
        """Give a turn its time; one may have ended and the next begun since the last look."""
        if turn == self._timed:
            return
        self._timed = turn
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if turn is not None:
            seconds = self._service.limits.turn_seconds
            self._timer = self._service.loop.call_later(seconds, self._look_at_turn, turn)

    def _look_at_turn(self, turn: int) -> None:
        self._timer = None
        if self.session.has_turn and self.session.turns == turn:
            seconds = self._service.limits.turn_seconds
            self.session.close(Bye.TURN, f"its turn has taken more than {seconds:g} s")
            self._service.turn_soon()

    def abort(self) -> None:
        """Close at once."""
        self._is_closing = True
        self._transport.abort()
        self._leave()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_closing = True
        self._leave()

    def _leave(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._service.leave(self)
        self._service.switch.leave(self.session, self._service.now())
        self._service.turn_soon()


def _user_of(connection: socket.socket) -> int:
    """Return the user of the process at the other end, by the kernel's word."""
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(data)
    return int(user)


async def start_service(
    plan: StartPlan,
    clock: Callable[[], int],
    limits: Limits,
    *,
    users: Mapping[int, int],
    client_time: bool = False,
) -> Service:
    """Start the workers of an engine, for sessions that are still to come.

    ``users`` are those who may connect, each with the role that its sessions have.

    Raises:
        ShardStartError: a worker did not come up. No process is left.
        ValueError: reservations are to expire, and the times are the clients'.
    """
    if client_time and plan.options.reservation_ttl is not None:
        raise ValueError("reservation_ttl goes by the server's clock, not by its clients'")
    plan = replace(plan, open_handles=limits.open_handles)
    driver = await start_driver(plan, clock, ServerDriver, bodies_beside(BODIES))
    engine = new_async_sharded_engine(driver)
    journal, names = driver.journal, None
    if journal is not None:
        names = Names(plan.options.grace, journal.note_session, journal.forget_session)
    switch = Switch(
        driver.client, plan.told, limits, plan.readers, client_time=client_time, names=names
    )
    if journal is not None:
        switch.note = journal.note_group
    if driver.replaces:
        options = plan.options
        away = max(options.stall_timeout, options.recovery_timeout) + options.timeout
        switch.patience = options.timeout, away
    return Service(engine, driver, switch, limits, users)
