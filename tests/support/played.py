"""Shards that a test plays: it sees every command of a client, and makes up every reply."""

from __future__ import annotations

from collections import deque
from typing import Any

from flow import buy

from openpit.client.client import Client
from openpit.client.handles import BLOCKING, Runner
from openpit.wire import kinds
from openpit.wire.axes import BROKER, NO_AXES, CountingAxes
from openpit.wire.frames import FrameReader, command_in, messages_of, pack, reply_frame, whose
from openpit.wire.runs import PLAIN_RUNS, answered_by

__all__ = ["NOW", "READY", "SECOND", "STOPPED", "Bench", "JournaledBench"]

NOW = 1_000
SECOND = 1_000_000_000


STOPPED: tuple[Any, ...] = (kinds.REJECTED, (), "a block stopped it")
"""Stands for the reject of an order that came to no policy, and does not count."""

READY: tuple[Any, ...] = (kinds.READY, (), *NO_AXES)
"""What a worker says that lacks nothing, and limits no rate."""

_RANKED = {kinds.EXECUTE_COUNTED, kinds.EXECUTE_WHOLE, kinds.START, kinds.DROP_COPY}
_PEEKING = {kinds.START_DRY_RUN, kinds.EXECUTE_DRY_RUN}
USD = 1  # the number of the axis of the asset that may have a limit


def _with_counts(command: Any, offsets: dict[int, int]) -> Any:
    """An order's command with its counts in place of its ranks."""
    if command[0] not in _RANKED | _PEEKING:
        return command
    *columns, broker, asset = command
    counts = (broker + offsets[0] if broker else 0, asset + offsets[USD] if asset else 0)
    return (*columns, *counts)


def _uncounted(commands: Any, times: Any, replies: Any) -> list[tuple[int, int, int]]:
    """What the head of the replies says of the orders that do not count."""
    answered = [reply for reply in replies for _ in range(answered_by(reply))]
    axes: dict[int, list[Any]] = {0: [0, None], USD: [0, None]}
    for command, now, reply in zip(commands, times, answered, strict=False):
        if command[0] not in _RANKED:
            continue
        for axis, rank in ((0, command[-2]), (USD, command[-1])):
            if rank and reply is STOPPED:
                axes[axis][0] += 1
            elif rank and axes[axis][1] is None:
                axes[axis][1] = now
    return [(axis, first or 0, count) for axis, (count, first) in axes.items() if count]


class Bench:
    """A client and a router whose shards the test plays."""

    def __init__(
        self,
        shards: int = 2,
        custom: bool = False,
        rate: int = 0,
        assets: bool = False,
        **options: Any,
    ) -> None:
        rows = [(BROKER, None, SECOND), (USD, "USD", SECOND)]
        axes = CountingAxes(0, NOW, assets, False, tuple(rows[: 1 + assets] if rate else ()))
        self._client = Client(
            shards, has_custom=custom, handles=BLOCKING, runner=Runner(), **options
        )
        self.router = self._client.router
        self._readers = [FrameReader() for _ in self.router.links]
        self.unanswered: list[deque[bytes]] = [deque() for _ in self.router.links]
        self._heads: list[deque[tuple[int, int, Any, Any]]] = [deque() for _ in self.router.links]
        self._sent: list[list[tuple[Any, ...]]] = [[] for _ in self.router.links]
        for link in self.router.links:
            call = self._client.start(link, NOW, b"")
            self.sent(link.number)
            self.reply(link.number, (kinds.READY, (), *axes))
            assert call.done

    @property
    def client(self) -> Client:
        """The client; what it was asked for until now is on its way, in batches of its own."""
        for link in self.router.links:
            self._look(link.number)
        return self._client

    def sent(self, number: int) -> list[tuple[Any, ...]]:
        """What the router has sent to a shard since the last look; its own ops as they are."""
        self._look(number)
        sent, self._sent[number] = self._sent[number], []
        return sent

    def _look(self, number: int) -> None:
        for frame in self._readers[number].feed(self.router.links[number].take()):
            self.unanswered[number].append(frame)
            _, op, _, count, flags, now, _, _, axes, times, body = command_in(frame, whose(number))
            messages = messages_of(body) if body else ()
            self._heads[number].append((op, count, messages, times or (now,) * count))
            if op:
                self._sent[number].append((op, flags))
                continue
            assert len(messages) == count
            assert all(kinds.conforms(message, kinds.COMMANDS) for message in messages)
            offsets = {axis: offset for axis, _, offset in axes}
            self._sent[number] += [_with_counts(message, offsets) for message in messages]

    def reply(self, number: int, *replies: tuple[Any, ...], armed: int = 0) -> None:
        """Answer batches that have no answer yet, in their order, with the replies to each.

        STOPPED is the reject of an order that does not count. What the router says of its own
        accord is answered by DONE, which has no body then.
        """
        self._look(number)
        left = deque(replies)
        while left:
            frame = self.unanswered[number].popleft()
            op, count, messages, times = self._heads[number].popleft()
            here: list[tuple[Any, ...]] = []
            while left and count > 0:
                reply = left.popleft()
                count -= (
                    1
                    if reply[0] in PLAIN_RUNS and type(reply[1]) is not int
                    else answered_by(reply)
                )
                here.append(reply)
            is_stopped = any(reply is STOPPED for reply in here)
            uncounted = _uncounted(messages, times, here) if is_stopped else ()
            body = b"" if op else pack([reply[:2] if reply is STOPPED else reply for reply in here])
            data = reply_frame(frame, body, flags=armed, uncounted=uncounted)
            self.router.receive(self.router.links[number], data)

    def many(self, *accounts: int) -> Any:
        orders = [buy(number) for number in accounts]
        return self.client.execute_many(NOW, orders, [NOW] * len(orders))


class JournaledBench(Bench):
    """A bench whose router has a journal, as far as its client can tell; its next number."""

    def __init__(self, begins: int = 1) -> None:
        super().__init__()
        self.router.books.note = lambda _: None
        for one in self.router.links:
            one.answered = one.next_seq = begins

    def lost(self, number: int = 0) -> None:
        """Have a shard end with what it was sent."""
        self.sent(number)
        self.router.lose(self.router.links[number], "killed by the test")
