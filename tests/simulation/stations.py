"""What stands at both ends of the simulated pipes: shards, and the face that callers see.

Nothing here decides when anything happens: the simulation does.
"""

from __future__ import annotations

from collections import defaultdict
from copy import deepcopy
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from link import ShardStub

from openpit.client.handles import Handles
from openpit.faces.aio.handles import (
    AsyncHeldReservation,
    AsyncLocalReservation,
    AsyncOperationProxy,
    AsyncRequestProxy,
)
from openpit.faces.face import Face
from openpit.shards.counts import BatchCounts
from openpit.wire import failures, kinds
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
from openpit.wire.limits import REPLY_BYTES, START_BYTES
from openpit.wire.recovered import Recovered
from openpit.wire.runs import answered_by, told_apart

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = ["HANDLES", "Cancelled", "Register", "Scheduled", "Shard", "Stub", "register"]


class Cancelled(BaseException):
    """A caller goes away in the middle of a call."""


class Register:
    """What shards and handles note of themselves while a simulation runs.

    Where each handle is that a shard has given out, open, dropped, or closing, by shard; and as
    what the orders of each time counted for the broker.
    """

    def __init__(self) -> None:
        self.state: defaultdict[int, dict[int, str]] = defaultdict(dict)
        self.counted: defaultdict[int, list[int]] = defaultdict(list)


class Noting(BatchCounts):
    """Counts that note whose they are."""

    __slots__ = ()

    def count(self, settlement: str | None, now: int) -> tuple[int, int]:
        counts = super().count(settlement, now)
        _register.counted[now].append(counts[0])
        return counts

    def count_broker(self, now: int) -> int:
        count = super().count_broker(now)
        _register.counted[now].append(count)
        return count


_register = Register()


def register() -> Register:
    """Return the register of the simulation that runs."""
    return _register


class _Registered:
    """What all registered handles do."""

    __slots__ = ()

    def _note(self: Any, state: str) -> None:
        _register.state[self._link.number][self._handle] = state

    def reopen(self: Any) -> None:
        super().reopen()  # type: ignore[misc]  # the proxies have it
        self._note("open")

    def __del__(self: Any) -> None:
        if self._open and getattr(self, "_is_held", True):
            self._note("dropped")
        super().__del__()  # type: ignore[misc]  # the proxies have it


_is_open: Any = AsyncHeldReservation._open  # the slot


class HeldReservation(_Registered, AsyncHeldReservation):
    """One that notes when it is opened and closed, by whichever way: not all take a call."""

    __slots__ = ()

    @property
    def _open(self) -> Any:
        return _is_open.__get__(self)

    @_open.setter
    def _open(self, value: bool) -> None:
        _is_open.__set__(self, value)
        if self._is_held_of_a_shard:
            self._note("open" if value else "closing")

    @property
    def _is_held_of_a_shard(self) -> bool:
        """Whether it is whole, and there is something that it holds."""
        return getattr(self, "_is_held", False) and hasattr(self, "_handle")


class Operation(_Registered, AsyncOperationProxy):
    __slots__ = ()

    def close(self) -> bool:
        is_held = super().close()
        if is_held:
            self._note("closing")
        return is_held

    @classmethod
    def _of(cls, *columns: Any, **named: Any) -> Operation:
        self = super()._of(*columns, **named)
        if self._is_held:
            self._note("open")
        return self  # type: ignore[return-value]  # of this class


class Request(_Registered, AsyncRequestProxy):
    __slots__ = ()

    def close(self) -> None:
        super().close()
        self._note("closing")

    @classmethod
    def _of(cls, *columns: Any) -> Request:
        self = super()._of(*columns)
        self._note("open")
        return self  # type: ignore[return-value]  # of this class


HANDLES = Handles(AsyncLocalReservation, HeldReservation, Operation, Request)
"""The handles that callers get: those of the asyncio face, registered."""


class Stub(ShardStub):
    """A shard whose replies are the same wherever it runs.

    A traceback names files and looks different in each Python: the sizes of replies, and so the
    events of a seed, would depend on both.
    """

    def receive(self, data: bytes) -> bytes:
        with patch.object(failures, "format_exception", lambda error: [f"at {error}"]):
            replies = super().receive(data)
        if self.core is not None:
            self.core.counts.__class__ = Noting
        return replies


class Shard:
    """A shard with its two pipes, and what an observer sees pass."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.stub = Stub()
        self.is_dead = False
        self.commands = bytearray()  # on their way to the shard
        self.replies = bytearray()  # on their way to the router
        self.fed: list[bytes] = []
        self.said: list[bytes] = []
        # Commands, in the order in which they were handled; those of the router itself are below 0.
        self.seen: list[tuple[Any, ...]] = []
        self.times: list[int] = []  # of those
        self.counting: list[
            dict[int, tuple[int, int]]
        ] = []  # what their batch's head says, by axis
        self.first_unseen = 0
        self.hello = b""
        self.journal: list[tuple[bytes, bytes]] = []  # batches, and the replies to them
        self._commands_seen = FrameReader()
        self._replies_seen = FrameReader(limit=REPLY_BYTES)
        self._answers_seen = FrameReader(limit=REPLY_BYTES)
        self.answers: dict[int, tuple[Any, ...]] = {}  # that it gave
        self.delivered: dict[int, tuple[Any, ...]] = {}  # that the router got

    @property
    def open_handles(self) -> frozenset[int]:
        core = self.stub.core
        return frozenset() if core is None else core.open_handles

    def work(self, size: int) -> None:
        """Take bytes of commands; the replies wait in the other pipe."""
        portion = bytes(self.commands[:size])
        del self.commands[:size]
        self.fed.append(portion)
        frames = self._commands_seen.feed(portion)
        for frame in frames:
            batch = command_in(frame, whose(self.number))
            _, op, first, count, flags, now, _, _, axes, times, body = batch
            commands = ((-op, None, flags),) if op else messages_of(body)
            self.seen += commands
            self.times += times or [now] * count
            self.counting += [{axis: (began, offset) for axis, began, offset in axes}] * count
            assert first + count == len(self.seen), "commands are numbered one by one"
            for command in commands:
                assert op or kinds.conforms(command, kinds.COMMANDS), command
        replies = self.stub.receive(portion)
        self.said.append(replies)
        self.replies += replies
        self.journal += zip(frames, FrameReader(limit=REPLY_BYTES).feed(replies), strict=True)
        _collect(self._answers_seen, replies, self.answers)

    def note_delivered(self, data: bytes) -> None:
        """Note the replies that the router gets to see."""
        _collect(self._replies_seen, data, self.delivered)

    def die(self, kept: int) -> None:
        """End; of the replies that it has sent, so many bytes will still arrive."""
        self.is_dead = True
        self.commands.clear()
        del self.replies[kept:]

    def die_at_work(self, size: int) -> None:
        """End before what has been answered is in the journal."""
        commands, batches, counted = len(self.seen), len(self.journal), deepcopy(_register.counted)
        before = bytes(self.replies)
        self.work(size)
        for seq in range(commands, len(self.seen)):
            self.answers.pop(seq, None)
        for noted in (self.seen, self.times, self.counting):
            del noted[commands:]
        del self.journal[batches:]
        _register.counted = counted
        self.replies[:] = before
        self.die(len(before))

    def come_back(self, greeting: bytes) -> None:
        """Begin another life, by the journal; say what is wanted of it."""
        (frame,) = FrameReader(START_BYTES).feed(greeting)
        first = head_of(frame).first + 1
        self.stub = Stub()
        self.is_dead = False
        self._commands_seen = FrameReader()
        self._replies_seen = FrameReader(limit=REPLY_BYTES)
        self._answers_seen = FrameReader(limit=REPLY_BYTES)
        counted, _register.counted = _register.counted, defaultdict(list)
        ready = self.stub.receive(self.hello)
        behind = 1
        wanted = []
        for batch, reply in self.journal:
            assert self.stub.receive(batch) == reply, "a replay answers otherwise"
            head = head_of(batch)
            behind = head.first + head.commands
            if head.first >= first:
                wanted.append(reply)
        _register.counted = counted
        assert self.stub.core is not None
        self.stub.core.resume(0, max(behind, first))
        assert max(behind, first) == behind, "an answer was told that is in no journal"
        _, _, body = reply_in(ready, name_of(ready))
        ((_, *row),) = messages_of(body)
        lives = ((0, behind),) if self.journal else ()
        told = (kinds.RECOVERED, *row, *Recovered(len(self.journal), lives=lives))
        self.replies += reply_frame(frame, b"\x91" + pack(told)) + b"".join(wanted)


def _collect(reader: FrameReader, data: bytes, into: dict[int, tuple[Any, ...]]) -> None:
    """Read replies; keep each by the number of its command."""
    for frame in reader.feed(data):
        head = head_of(frame)
        _, _, body = reply_in(frame, name_of(frame))
        seq = head.first
        if body and messages_of(body)[0][0] == kinds.RECOVERED:
            continue  # it answers no command of anybody's
        for reply in messages_of(body) if body else ((kinds.DONE, 1),):
            assert kinds.conforms(reply, kinds.REPLIES), reply
            for one in told_apart((reply,)):
                count = answered_by(one)
                into.update(dict.fromkeys(range(seq, seq + count), tuple(one)))
                seq += count
        assert seq == head.first + head.commands


class Turn:
    """Awaited by a caller who lets others go first."""

    def __await__(self) -> Generator[Turn, None, None]:
        yield self


class Waiting:
    """Awaited by a caller whose call is not done."""

    def __init__(self, call: Any) -> None:
        self.call = call

    def __await__(self) -> Generator[Waiting, None, None]:
        yield self


class Scheduled(Face):
    """The asyncio face without asyncio: what it awaits comes when the simulation says so."""

    def __init__(self, clock: Callable[[], int], seconds: Callable[[], float]) -> None:
        self.clock = clock
        self._seconds = seconds

    async def run(self, method: Callable[..., Any], *arguments: Any) -> Any:
        call = method(self.clock(), *arguments)
        if not call.done:
            await self._wait(call)
        return call.result()

    async def run_many(self, method: Callable[..., Any], *arguments: Any) -> Any:
        return (await self.run_part(method, *arguments)).result()

    async def run_part(self, method: Callable[..., Any], *arguments: Any) -> Any:
        call = method(self.clock(), *arguments)
        try:
            while call.feed():
                await Turn()
        except BaseException:
            call.abandon()
            raise
        if not call.done:
            await self._wait(call)
        return call

    async def _wait(self, call: Any) -> None:
        call.waiter = self  # so that the router says when it is done
        self.client.deadlines.expect([call], self._seconds())
        try:
            await Waiting(call)
        except BaseException:
            call.abandon()
            raise
        finally:
            call.waiter = None

    def pass_on(self, service: int, operation: object) -> None:
        if not self.router.books.is_closed:
            self.client.quote(self.clock(), service, operation)

    def poll(self) -> None:
        self.router.let_go()

    async def close(self, *, rollback: bool = False) -> None:
        if not self.router.books.is_closed:
            call = self.router.close(self.clock(), keeps=self.client.is_kept and not rollback)
            if not call.done:
                await self._wait(call)
