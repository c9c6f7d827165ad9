"""A sharded engine without processes: both cores in this thread, bytes handed over by hand.

``link(builder, ...)`` takes a sharded builder and gives a real ``ShardedEngine`` whose pipes are a
loop. Every message that passes is checked against the table of kinds; bytes can be split anywhere,
and a shard can be lost at any moment. Tests that need no process use this. Bodies may be sealed:
see ``sealing.py``.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from openpit.client.handles import BLOCKING
from openpit.faces.blocking.engine import ShardedEngine
from openpit.faces.face import Face
from openpit.faces.market_feeds import Feed
from openpit.shards.setup import read_hello, start_shard
from openpit.wire import kinds
from openpit.wire.frames import (
    FrameReader,
    command_in,
    head_of,
    messages_of,
    name_of,
    pack,
    reply_frame,
    reply_in,
    whose,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from openpit.client.client import Client
    from openpit.faces.embedded import ReadyShardedEngineBuilder
    from openpit.router.router import Router
    from openpit.shards.shard import ShardCore
    from openpit.wire.frames import Frame

    Split = Callable[[bytes], Iterable[bytes]]

__all__ = ["CLEAR", "Clear", "LinkDriver", "ShardStub", "command_body", "link", "reply_body"]


def whole(data: bytes) -> list[bytes]:
    """Hand bytes over as they are."""
    return [data]


def byte_by_byte(data: bytes) -> list[bytes]:
    """Hand bytes over one at a time."""
    return [data[place : place + 1] for place in range(len(data))]


class ShardStub:
    """A shard as its worker runs it: the first command loads the engine."""

    def __init__(self) -> None:
        self.core: ShardCore | None = None
        self._reader = FrameReader()

    def receive(self, data: bytes) -> bytes:
        if self.core is not None:
            return self.core.receive(data)
        arrived = self._reader.feed(data)
        if not arrived:
            return b""
        self.core, ready = start_shard(read_hello(arrived[0]), self._reader)
        return reply_frame(arrived[0], pack((ready,))) + self.core.answer(arrived[1:])


def command_body(frame: bytes) -> bytes:
    """Return the body of a batch of commands; the router's own batches have none."""
    head = head_of(frame)
    return command_in(frame, whose(head.shard, head.epoch))[-1]


def reply_body(frame: bytes) -> bytes:
    """Return the body of a batch of replies."""
    return reply_in(frame, name_of(frame))[-1]


class Clear:
    """How bodies travel between a client and its shards: as they are."""

    def keep_from(self, router: Router) -> None:
        """Have the router's client hand bodies over, and take them, in this way."""

    def shard(self) -> ShardStub:
        """Return a shard that does likewise."""
        return ShardStub()

    def command(self, frame: Frame) -> Frame:
        """Return a batch of commands as its shard reads it."""
        return frame

    def reply(self, frame: Frame) -> Frame:
        """Return a batch of replies as the client reads it."""
        return frame


CLEAR = Clear()


class Conformity:
    """Checks the messages of one direction of one pipe against their table."""

    def __init__(self, table: dict[int, kinds.Layout], read: Callable[[Frame], Frame]) -> None:
        self._table = table
        self._body = command_body if table is kinds.COMMANDS else reply_body
        self._read = read
        self._reader = FrameReader()
        self.seen: set[int] = set()

    def check(self, data: bytes) -> None:
        for frame in self._reader.feed(data):
            body = self._body(self._read(frame))
            for message in messages_of(body) if body else ():
                assert kinds.conforms(message, self._table), message
                self.seen.add(message[0])


class LinkDriver(Face):
    """The loopback: moves bytes until a call is done.

    A shard in ``silent`` gets nothing. Who waits for one waits in the driver's own time, which
    goes on to whatever is due next.
    """

    checks = True  # whether all messages conform to the table

    def __init__(
        self, clock: Callable[[], int], split: Split = whole, bodies: Clear = CLEAR
    ) -> None:
        self.clock = clock
        self.split = split
        self.bodies = bodies
        self.seconds = 0.0
        self.silent: set[int] = set()
        self.shards: list[ShardStub] = []
        self.commands: list[Conformity] = []
        self.replies: list[Conformity] = []
        self.told: list[Any] = []
        self.feeds: list[Feed] = []

    def attach(self, client: Client, payload: bytes) -> None:
        self.client = client
        self.router = client.router
        bodies = self.bodies
        bodies.keep_from(self.router)
        for shard_link in client.router.links:
            self.shards.append(bodies.shard())
            self.commands.append(Conformity(kinds.COMMANDS, bodies.command))
            self.replies.append(Conformity(kinds.REPLIES, bodies.reply))
            self.finish(client.start(shard_link, self.clock(), payload))

    # --- what faces offer ------------------------------------------------------------------------

    def run(self, method: Callable[..., Any], *arguments: Any) -> Any:
        return self.finish(method(self.clock(), *arguments)).result()

    def run_part(self, method: Callable[..., Any], *arguments: Any) -> Any:
        call = method(self.clock(), *arguments)
        while call.feed():
            self.pump()
        return self.finish(call)

    def run_many(self, method: Callable[..., Any], *arguments: Any) -> Any:
        return self.run_part(method, *arguments).result()

    def pass_on(self, service: int, operation: object) -> None:
        if not self.router.books.is_closed:
            self.client.quote(self.clock(), service, operation)

    def poll(self) -> None:
        self.router.let_go()
        self.pump()

    def close(self, *, rollback: bool = False) -> None:
        if not self.router.books.is_closed:
            keeps = self.client.is_kept and not rollback
            self.finish(self.router.close(self.clock(), keeps=keeps))

    # --- moving bytes ----------------------------------------------------------------------------

    def finish(self, call: Any) -> Any:
        self.pump()
        self.client.deadlines.expect([call], self.seconds)
        while not call.done:
            due = self.client.deadlines.next_deadline()
            assert due < inf, "nothing moves any more, and the call is not done"
            self.pass_time(due - self.seconds)
        return call

    def pass_time(self, seconds: float) -> None:
        """Let time go by, and see what is due."""
        self.seconds += seconds
        for shard_link, why in self.client.deadlines.on_time(self.seconds):
            self.router.lose(shard_link, why)
        self.pump()

    def pump(self) -> None:
        moved = True
        while moved:
            moved = any([self.step(number) for number in range(len(self.shards))])  # noqa: C419 - all of them move

    def step(self, number: int) -> bool:
        """Hand over what one shard's link has to send, and the replies to it."""
        shard_link = self.router.links[number]
        data = b"" if number in self.silent else shard_link.take()
        if not data:
            return False
        if self.checks:
            self.commands[number].check(data)
        for portion in self.split(data):
            replies = self.shards[number].receive(portion)
            if self.checks:
                self.replies[number].check(replies)
            for reply in self.split(replies):
                self.router.receive(shard_link, reply)
        return True

    def kill(self, number: int, why: str = "killed by the test") -> None:
        """Lose a shard with everything that is on its way."""
        self.router.lose(self.router.links[number], why)


def link(
    builder: ReadyShardedEngineBuilder, split: Split = whole, bodies: Clear = CLEAR
) -> ShardedEngine:
    """Return the engine that ``builder.build()`` would, without processes."""
    plan = builder._plan()
    driver = LinkDriver(builder._clock, split, bodies)
    driver.attach(plan.client(BLOCKING, driver), plan.payload)
    driver.feeds = [Feed(driver, place, service) for place, service in enumerate(plan.services)]
    return ShardedEngine._of(driver)
