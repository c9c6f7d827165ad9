"""The answers of a shard that their client has not acknowledged, each batch with what was asked.

A program that has died comes back under its name, or on its journal, and asks for those: it has
missed them. What its next batches acknowledge is let go of. Of the router's own client and of
sessions that may come back; in the shard's snapshots, and a replay has them again.
"""

from __future__ import annotations

from collections import deque
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from openpit.wire import kinds
from openpit.wire.fates import Fate
from openpit.wire.frames import (
    AXIS_BYTES,
    FIRST_KIND,
    HEAD,
    NAME,
    PREFIX_BYTES,
    TIME_BYTES,
    VERSION,
    Flag,
    Op,
    command_in,
    head_of,
    messages_of,
    pack,
    reply_in,
)
from openpit.wire.limits import LEFT_BYTES, LEFT_ROWS
from openpit.wire.own_numbers import own_batch
from openpit.wire.roles import OF_METHOD, Role
from openpit.wire.runs import each_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from openpit.wire.frames import Frame
    from openpit.wire.own_numbers import OwnBatch

__all__ = ["MISSED_BYTES", "Unacknowledged", "is_of_before", "replies_in"]

MISSED_BYTES: Final = 8 * 1024 * 1024
"""Of commands and replies that one client has not acknowledged: 9,216, as many as it can have in
flight, with 900 bytes each. The oldest go beyond that, and their number is told."""

LIVES: Final = 64
"""Of a client, of which it is known where each has ended."""

_OVERHEAD: Final = 128
"""Bytes of a batch beside its own and its replies'."""

_WHOSE: Final = slice(NAME.start, NAME.start + 7)
"""Where in a frame its version, shard and epoch stand."""
_FLAGS_AT: Final = NAME.stop
_BODY_AT: Final = HEAD.size + FIRST_KIND  # of what has neither rows nor times
_new: Final = tuple.__new__  # the name's own way of making one is a function in Python

_CALLS: Final = kinds.KEYABLE | {
    *(kinds.DROP_COPY, kinds.EXECUTE_REQUEST, kinds.COMMIT, kinds.ROLLBACK),
    *(kinds.COMMIT_MANY, kinds.ROLLBACK_MANY, kinds.KEYED, kinds.ASK_ACTOR),
}
"""The commands whose answers are told: those of calls that change something of an account's."""

_UNTOLD: Final = kinds.COMMANDS.keys() - _CALLS - {kinds.ADMINISTER, kinds.CONFIGURE}


class Answered(NamedTuple):
    """A batch and its replies; ``first`` is by its client's own count."""

    first: int
    end: int
    """The number behind its last command."""
    size: int
    """How many bytes are counted for it."""
    asked: Frame
    reply: Frame


class _ClientAnswers:
    """What one client has not acknowledged; ``former`` are those of its lives before this one."""

    __slots__ = (
        "_asked",
        "_began",
        "_bytes",
        "_current",
        "_former",
        "_lives",
        "_lost",
        "_since",
        "evicted",
        "forgotten",
        "told",
    )

    def __init__(self) -> None:
        self._former: deque[Answered] = deque()
        self._current: deque[Answered] = deque()
        self._bytes = 0
        self._began = -1
        self._lives: deque[tuple[int, int]] = deque()  # where each began, and has ended so far
        self._since = 0  # lives of before are not known
        self._lost = (0, 0)  # commands of this life that had no room, and behind the last of them
        self.forgotten = 0  # those of former lives that had none
        self.told = 0  # by the batch in hand: all that are below
        self._asked: list[tuple[int, int]] = []  # the same of batches, behind which they are over
        self.evicted = 0  # behind the last command of which no answer is kept at all

    def __bool__(self) -> bool:
        return bool(self._former or self._current or self.forgotten or self._lost[0])

    def note(self, batch: OwnBatch, frame: Frame, reply: Frame) -> None:
        """Let go of what a batch acknowledges; keep its own answers."""
        _, op, first, commands, began, acknowledged, axes = batch
        if began != self._began:
            self._begin(began)
        current = self._current
        while current and current[0][1] <= acknowledged:  # by their places, for speed
            self._bytes -= current.popleft()[2]
        if self._lost[0] and self._lost[1] <= acknowledged:
            self._lost = 0, 0
        while self._asked and self._asked[0][0] <= acknowledged:
            _, end = self._asked.pop(0)
            self.let_go_before(end)
        if op != Op.MESSAGES:
            return
        end = first + commands
        self._lives[-1] = began, end
        if self.told:
            self._asked.append((end, self.told))
            self.told = 0
        if commands == 1 and _is_untold(frame, axes):
            return
        size = len(frame) + len(reply) + _OVERHEAD
        current.append(_new(Answered, (first, end, size, frame, reply)))
        self._bytes += size
        while self._bytes > MISSED_BYTES:
            self._drop_oldest()

    def _begin(self, began: int) -> None:
        """Begin the client's next life: what is not acknowledged, it has missed."""
        self._began = began
        self._former += self._current
        self._current.clear()
        self.forgotten += self._lost[0]
        self._lost = 0, 0
        self._asked.clear()
        self._lives.append((began, began))
        if len(self._lives) > LIVES:
            self._lives.popleft()
            self._since = self._lives[0][0]

    def _drop_oldest(self) -> None:
        if self._former:
            dropped = self._former.popleft()
            self.forgotten += dropped.end - dropped.first
        else:
            dropped = self._current.popleft()
            self._lost = self._lost[0] + dropped.end - dropped.first, dropped.end
        self._bytes -= dropped.size

    def let_go_before(self, number: int) -> None:
        """Let go of the answers to what is below a number, of lives that are over by then."""
        for answers in (self._former, self._current):
            while answers and answers[0].end <= number:
                self._bytes -= answers.popleft().size
        self.forgotten = 0

    def forgotten_before(self, number: int) -> int:
        """Return how many commands of lives that are over there have had no room."""
        lost, end = self._lost
        return self.forgotten + (lost if end <= number else 0)

    def between(self, after: int, before: int) -> Iterator[Answered]:
        """Yield the batches that have commands between two numbers."""
        for one in chain(self._former, self._current):
            if one.first >= before:
                return
            if one.end - 1 > after:
                yield one

    def fate(self, number: int) -> int:
        """Return what has become of a command of the client's whose answer is not kept.

        A life that has ended has said all that it ever will.
        """
        if number < self._since or number < self.evicted:
            for began, end in reversed(self._lives):
                if began <= number:
                    return Fate.NEVER if number >= end else Fate.TOO_OLD
            return Fate.TOO_OLD
        return Fate.NEVER

    def export(self) -> tuple[Any, ...]:
        rows = tuple(map(tuple, self._former)), tuple(map(tuple, self._current))
        lives = tuple(self._lives)
        numbers = self._began, self._since, *self._lost, self.forgotten, self.evicted
        return (*rows, lives, tuple(self._asked), numbers)

    @classmethod
    def restored(cls, row: Sequence[Any]) -> _ClientAnswers:
        self = cls()
        former, current, lives, asked, numbers = row
        self._former.extend(map(Answered._make, former))
        self._current.extend(map(Answered._make, current))
        self._bytes = sum(one.size for one in chain(self._former, self._current))
        self._lives.extend(map(tuple, lives))
        self._asked.extend(map(tuple, asked))
        self._began, self._since, *lost, self.forgotten, self.evicted = numbers
        self._lost = lost[0], lost[1]
        while (oldest := self._former or self._current) and is_of_before(oldest[0].reply):
            self.evicted = max(self.evicted, oldest[0].end)
            self._drop_oldest()
        return self


class Unacknowledged:
    """The answers that clients have not acknowledged, by the clients' numbers."""

    __slots__ = ("_clients",)

    def __init__(self) -> None:
        self._clients: dict[int, _ClientAnswers] = {}

    def note(self, frame: Frame, reply: Frame) -> int:
        """Note a batch that was answered; return its first command's number by its client's count.

        0: it is the router's own, or of a session that does not come back.
        """
        batch = own_batch(frame)
        if batch is None:
            if frame[_OP_AT] == Op.END:
                self._clients.pop(head_of(frame).client, None)
            return 0
        client = batch.client
        if batch.op == Op.END:
            self._clients.pop(client, None)
            return 0
        its = self._clients.get(client)
        if its is None:
            its = self._clients[client] = _ClientAnswers()
        its.note(batch, frame, reply)
        return batch.first if client else 0

    def evict(self, client: int, end: int) -> None:
        """Record that the answers to what is below a number are kept nowhere else."""
        its = self._clients.get(client)
        if its is not None:
            its.evicted = max(its.evicted, end)

    @property
    def clients(self) -> tuple[int, ...]:
        """The sessions that are known, and the router's own client if it has missed anything."""
        return tuple(number for number, its in self._clients.items() if number or its)

    def find(self, client: int, number: int) -> tuple[int, Frame] | None:
        """Return at which place of which replies the answer is to a command of a client's."""
        its = self._clients.get(client)
        if its is not None:
            for one in its.between(number - 1, number + 1):
                return number - one.first, one.reply
        return None

    def fate(self, client: int, number: int) -> int:
        """Return what has become of a command of a session's whose answer is not kept."""
        its = self._clients.get(client)
        return Fate.NEVER if its is None else its.fate(number)

    def told(self, client: int, after: int, before: int, opened: Collection[int]) -> Sequence[Any]:
        """Return the reply that tells the answers to commands between two numbers: the first ones.

        ``opened`` are the handles of what the client has open. If the first number is not below the
        other one, nothing is told, and what is below that one is let go of.
        """
        its = self._clients.get(client)
        if its is None:
            return kinds.MISSED, 0, True, ()
        if after >= before:
            its.let_go_before(before)
            return kinds.MISSED, 0, True, ()
        rows: list[tuple[Any, ...]] = []
        size, is_all = 0, True
        for row in chain.from_iterable(_rows(one, opened) for one in its.between(after, before)):
            number = row[0] + row[1]
            if number <= after:
                continue
            size += len(row[5]) + len(row[6])
            if rows and (size > LEFT_BYTES or len(rows) >= LEFT_ROWS):
                is_all = False
                break
            rows.append(row)
        if is_all:  # who has received this has received all: until then, none is let go of
            its.told = before
        return kinds.MISSED, its.forgotten_before(before), is_all, tuple(rows)

    def export(self) -> tuple[Any, ...]:
        """Return what there is, as a snapshot has it."""
        return tuple((number, *its.export()) for number, its in self._clients.items())

    def restore(self, rows: Iterable[Sequence[Any]]) -> None:
        """Take over what a snapshot has, and nothing else."""
        self._clients = {number: _ClientAnswers.restored(row) for number, *row in rows}


_OP_AT: Final = 15


def is_of_before(frame: Frame) -> bool:
    """Tell whether a frame is of another version: of before a migration, and nobody reads it."""
    return frame[PREFIX_BYTES] != VERSION


def _is_untold(frame: Frame, axes: int) -> bool:
    """Tell whether a batch of one command is a question, or of what nobody waits for."""
    at = _BODY_AT + axes * AXIS_BYTES
    if frame[_FLAGS_AT] & Flag.TIMES:
        at += TIME_BYTES
    return frame[at] in _UNTOLD


def _is_told(command: Sequence[Any]) -> bool:
    kind, account = command[:2]
    if kind == kinds.ADMINISTER:
        return account is not None and OF_METHOD[command[2]] >= Role.ADMIN
    return kind in _CALLS or (kind == kinds.CONFIGURE and account is not None)


def _rows(one: Answered, opened: Collection[int]) -> Iterator[tuple[Any, ...]]:
    """Yield what is told of a batch, command by command."""
    *_, first, commands, _, now, _, _, _, times, body = command_in(one.asked, one.asked[_WHOSE])
    answered = zip(messages_of(body), times or [now] * commands, replies_in(one.reply), strict=True)
    for place, (command, time, reply) in enumerate(answered):
        if _is_told(command):
            number = first + place
            names = reply[1] if reply[0] == kinds.ONCE else number
            is_open = names in opened
            yield one.first, place, number, is_open, time, pack(command), pack(reply)


def replies_in(reply: Frame) -> Iterator[tuple[Any, ...]]:
    """Yield a reply for each command of a batch: some kinds of them answer several."""
    _, _, body = reply_in(reply, reply[NAME])
    yield from each_of(messages_of(body))
