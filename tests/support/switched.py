"""An engine behind a server, without processes or sockets: every core in this thread.

``link_switched(builder)`` gives the ``ShardedEngine`` of a client of a server whose shards are the
builder's. The clock is the client's, as with ``openpit serve --client-time``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from link import LinkDriver

from openpit.client.bodies import BODIES
from openpit.client.handles import BLOCKING
from openpit.client.remote import Greeting, Remote, new_remote
from openpit.faces.blocking.engine import ShardedEngine
from openpit.faces.market_feeds import FirstFeed
from openpit.server.limits import Limits
from openpit.server.switch import Switch, bodies_beside
from openpit.wire.roles import Role

if TYPE_CHECKING:
    from openpit.faces.embedded import ReadyShardedEngineBuilder
    from openpit.server.session import Session

__all__ = ["SwitchedDriver", "SwitchedHost", "link_switched"]


class SwitchedHost:
    """A server: its router, its shards, its switch."""

    def __init__(
        self, builder: ReadyShardedEngineBuilder, *, client_time: bool = True, **limits: int
    ) -> None:
        plan = builder._plan()
        self.clock = builder._clock
        self.driver = LinkDriver(self.clock)
        client = plan.client(BLOCKING, self.driver, bodies_beside(BODIES))
        self.driver.attach(client, plan.payload)
        self.switch = Switch(
            client, plan.told, Limits(**limits), plan.readers, client_time=client_time
        )
        self.feeds = [
            FirstFeed(self.driver, place, service) for place, service in enumerate(plan.services)
        ]
        self.drivers: list[SwitchedDriver] = []

    def pump(self) -> None:
        """Move bytes until nothing moves any more."""
        moves = True
        while moves:
            moves = False
            for event, shard_link, *_ in self.driver.router.books.news:
                self.switch.tell(event, shard_link)
            self.driver.router.books.news.clear()
            for driver in self.drivers:
                moves |= driver.move()
            moves |= self.switch.serve(self.clock())
            moves |= any([self.driver.step(n) for n in range(len(self.driver.shards))])  # noqa: C419 - all of them move


class SwitchedDriver(LinkDriver):
    """The part of a client's face that a test plays."""

    def __init__(
        self, host: SwitchedHost, *, handles: Any = BLOCKING, role: int = Role.ADMIN
    ) -> None:
        super().__init__(host.clock)
        self.host = host
        self.session: Session = host.switch.open(role)
        greeting = Greeting(None)
        host.switch.receive(self.session, greeting.sent)
        assert greeting.receive(self.session.take())
        self.remote: Remote = new_remote(greeting, handles, self)
        self.client = self.remote.client
        self.router = self.remote.router
        host.drivers.append(self)

    def move(self) -> bool:
        """Move what there is between the client and the server; tell whether there was any."""
        sent = self.remote.take()
        if sent:
            self.host.switch.receive(self.session, sent)
        got = self.session.take()
        if got:
            self.remote.receive(got)
        return bool(sent or got)

    def pump(self) -> None:
        self.host.pump()

    def kill(self, number: int, why: str = "killed by the test") -> None:
        self.host.driver.kill(number, why)
        self.host.pump()

    def leave(self) -> None:
        """Go without a word."""
        self.host.drivers.remove(self)
        self.host.switch.leave(self.session, self.clock())
        self.host.pump()


def link_switched(builder: ReadyShardedEngineBuilder) -> ShardedEngine:
    """Return the engine that ``connect()`` would, without processes; the server is its own."""
    return ShardedEngine._of(SwitchedDriver(SwitchedHost(builder)))
