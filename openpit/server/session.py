"""One client of a router's process, as bytes: takes what it sends, gives what it is to get.

No I/O. A session reads heads and no bodies. What it takes waits in its inbox, shard by shard, until
the switch passes it on; see ``switch.py``.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from openpit.errors import WireError
from openpit.hosting.suspects import Whole
from openpit.server.changes import Changes
from openpit.server.limits import BATCH_BYTES, HELLO_BYTES, ROW_BYTES
from openpit.server.places import Places
from openpit.wire.frames import VERSION, FrameReader, body_of, pack
from openpit.wire.limits import CHANGES_IN_FLIGHT, RESERVE
from openpit.wire.possible_replies import ONLY_DONE
from openpit.wire.roles import Role
from openpit.wire.sessions import (
    NOTE_BYTES,
    OP_AT,
    Bye,
    SessionOp,
    SessionStats,
    answer_frame,
    batch_in,
    bye_frame,
    count_of,
    given_back_in,
    hello_in,
    note_frame,
    op_of,
)

if TYPE_CHECKING:
    from openpit.router.rates import BroadRates
    from openpit.router.shard_link import ShardLink
    from openpit.server.limits import Limits
    from openpit.wire.frames import Frame
    from openpit.wire.possible_replies import Reply
    from openpit.wire.sessions import Batch

__all__ = ["Passed", "Session", "cost_of"]


GROUP_BATCHES: Final = 4096
"""Batches that are passed on together: one question to each shard, and what came in front of it."""


QUESTIONS: Final = 64
"""What one session may ask the server itself in one breath."""


def cost_of(batch: Batch | Changes) -> int:
    """Return how many bytes are free when a batch has had its turn, about."""
    if isinstance(batch, Changes):
        return 0  # it costs until the shards have made it
    return len(batch.rest) + ROW_BYTES * len(batch.rows) + BATCH_BYTES


class Passed(Whole):
    """A batch of a session that is on its way to a shard, or the end of the session there."""

    __slots__ = ("client_number", "name", "op", "session")

    def __init__(self, session: Session, op: int, count: int, name: bytes) -> None:
        # As Entry has it, spelt out: one is made for every batch.
        self.is_sent = True
        self.went_alone = None
        self.count = count
        self.now = 0
        self.times = self.counting = self.counted = ()
        self.packed = b""
        self.expected = ONLY_DONE
        self.session: Final = session
        self.client_number = session.number
        self.op = op
        self.name: Final = name  # what the client calls it; empty: it does not know of it

    @property
    def is_awaited(self) -> bool:  # type: ignore[override]  # the base class says it for all
        """Whether its session waits for the answer."""
        return not self.session.is_over

    def answered(self, link: ShardLink, body: bytes, flags: int = 0) -> None:
        """Give the session the replies."""
        session, name = self.session, self.name
        if name and not session.is_over:
            session.answered(link.number, self.count, answer_frame(name, self.first, body, flags))
        if self.went_alone is not None:
            self.told()

    def confirmed(self, link: ShardLink) -> None:
        """Record that the session has ended there."""
        self.answered(link, b"")

    def skipped(self, link: ShardLink) -> None:
        """Tell the session so, of each command."""
        reply = pack(link.books.bodies.skipped(link))
        self.answered(link, body_of([reply] * self.count, self.count))

    def parts(self) -> list[Whole]:
        """Return its commands, each on its own: the session is told when all are answered."""
        told: list[bytes] = []
        return [PassedPart(self, place, told) for place in range(self.count)]

    def replied(self, link: ShardLink, seq: int, reply: Reply) -> None:
        """Never called: the replies go to the client as they are."""
        raise NotImplementedError

    def lost(self, link: ShardLink, *, sent: bool) -> None:
        """Leave it to the client, who is told of the shard: it knows what it has asked."""

    def stalled(self, link: ShardLink, why: str) -> None:
        """Leave it to the client, as above; the reply may come still."""


class PassedPart(Passed):
    """One command of a batch that goes alone; ``told`` are the replies that have come."""

    __slots__ = ("_told", "_whole")

    is_apart = True

    def __init__(self, whole: Passed, place: int, told: list[bytes]) -> None:
        super().__init__(whole.session, 0, 1, b"")
        self.first = whole.first + place
        self._whole: Final = whole
        self._told: Final = told

    def answered(self, link: ShardLink, body: bytes, flags: int = 0) -> None:
        """Take the reply; with the last one, the session is given them all."""
        told, whole = self._told, self._whole
        told.append(body[_ONE_MESSAGE:])
        if len(told) == whole.count:
            if flags:  # all of them have come back, as they were made by other settings
                link.books.give_back(whole)
                whole.answered(link, b"", flags)
            else:
                whole.answered(link, body_of(told, whole.count))
        if self.went_alone is not None:
            self.told()

    def confirmed(self, link: ShardLink) -> None:
        """Record that the shard has skipped it."""
        self.answered(link, body_of([pack(link.books.bodies.skipped(link))], 1))


_ONE_MESSAGE: Final = len(body_of([b""], 1))
"""Bytes of a body beside its one message."""


class Session:
    """What a client has sent and is to be sent; ``number`` is the client's in the shards' heads.

    ``role`` says what it may, see :mod:`openpit.wire.roles`.
    """

    def __init__(
        self,
        number: int,
        shards: int,
        rates: BroadRates,
        limits: Limits,
        *,
        role: int,
        user: int,
        client_time: bool,
        stirred: list[Session],
    ) -> None:
        self.number = number  # until it has said its name, if that one has one already
        self._stirred: Final = stirred  # those that have something to be written, or a turn ended
        self.role: Final = role
        self.user: Final = user
        self.name: str | None = None
        self.is_known = False  # it has said who it is
        # If its name is to be known when it comes back: the numbers with which its count begins.
        self.begins: tuple[int, ...] = ()
        self._silence = 0  # bytes before that
        self.is_over = False
        self.why: str | None = None  # it was closed
        self.places: Final = Places(rates)
        self.next: Final = [0] * shards  # the number of the next batch's first command
        self.is_at: Final[set[int]] = set()  # the shards that have heard of it
        self.inbox: Final[list[deque[Batch | Changes]]] = [deque() for _ in range(shards)]
        self.inbox_bytes = 0
        # Changes of market data that not all shards have made, and of those that are on their way.
        self._unapplied = 0
        self.changes_passed = 0
        # Batches to be passed on together, and how many of them are still to come.
        self._group: list[Batch] = []
        self._group_left = 0
        # How many batches of each shard's inbox are to be passed on at once, past credit.
        self.pressing: dict[int, int] = {}
        self.is_checked = False  # the shards look at a group of it; nothing else goes meanwhile
        self.wants_turn = False
        self.has_turn = False
        self.turns = 0  # that it has had
        self.asked: list[int] = []  # ops that the server itself has to answer
        self.output: list[bytes] = []
        self.output_bytes = 0
        self._closed: Final[set[int]] = set()  # the shards where it has ended
        self._unanswered: Final = [0] * shards  # commands
        self._limits: Final = limits
        # Beside orders there is a reserve; and what asks several shards goes past credit.
        self._most: Final = 2 * limits.credit + max(limits.credit // RESERVE, 1)
        self._client_time: Final = client_time
        self._reader: Final = FrameReader(limit=limits.frame_bytes)
        self._notes: Final = {
            SessionOp.TURN: self._ask_turn,
            SessionOp.TURN_OVER: self._end_turn,
            SessionOp.GROUP: self._begin_group,
            SessionOp.GIVEN_BACK: self._give_back,
            SessionOp.SESSIONS: self._ask,
            SessionOp.FIGURES: self._ask,
            SessionOp.DRAIN: self._ask,
        }

    # --- in --------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Take bytes.

        Raises:
            WireError: they are none of this protocol, or say what the session may not. It is of no
                use any more; what stood in front of that has been taken.
        """
        frames = self._reader.feed(data)
        if not self.is_known:
            self._silence += len(data)
            if not frames and self._silence > HELLO_BYTES:
                raise WireError(f"a first frame of more than {HELLO_BYTES} bytes")
        for frame in frames:
            op = frame[OP_AT]
            if not self.is_known:
                if frame[_VERSION_AT] != VERSION:
                    self.close(Bye.VERSION, f"this server speaks version {VERSION}")
                    return
                if op != SessionOp.HELLO:
                    raise WireError(f"a session starts with HELLO, not with {frame!r:.100}")
                self.name = hello_in(frame)
                self.is_known = True
            elif op < SessionOp.HELLO:
                self._take(batch_in(frame))
            elif op == SessionOp.MARKET:
                self._take_changes(frame)
            elif op in self._notes:
                if len(frame) > NOTE_BYTES:
                    raise WireError(f"op {op} with {len(frame)} bytes")
                self._notes[op](frame)
            else:
                raise WireError(f"not what a client says: op {op}")

    def _take(self, batch: Batch) -> None:
        shard, op, first, count, flags, _, rows, rest, *_ = batch
        if shard >= len(self.next):
            raise WireError(f"no shard {shard} of {len(self.next)}")
        if shard in self._closed:
            raise WireError(f"a batch for shard {shard}, where the session has ended")
        if op:
            self._closed.add(shard)
        if first != self.next[shard]:
            raise WireError(f"command {first} where {self.next[shard]} was expected")
        if flags and not self._client_time:
            raise WireError("the orders have times of their own, which this server does not take")
        self.next[shard] = first + count
        self._unanswered[shard] += count
        if self._unanswered[shard] > self._most:
            raise WireError(f"more than {self._limits.credit} commands in flight to shard {shard}")
        self.inbox_bytes += len(rest) + ROW_BYTES * len(rows) + BATCH_BYTES  # cost_of(), spelt out
        if not self._group_left:
            self.inbox[shard].append(batch)
            return
        self._group.append(batch)
        self._group_left -= 1
        if not self._group_left:
            for one in self._group:
                self.inbox[one.shard].append(one)
                self.pressing[one.shard] = len(self.inbox[one.shard])
            self._group.clear()

    def _take_changes(self, frame: Frame) -> None:
        self._require(Role.TRADER, "a change of market data")
        if self._group_left or self._closed:
            raise WireError("a change of market data in the midst of a group, or after the end")
        change = Changes(frame, len(self.inbox))
        self._unapplied += change.commands
        if self._unapplied > 2 * CHANGES_IN_FLIGHT:
            raise WireError(f"more than {CHANGES_IN_FLIGHT} changes of market data in flight")
        self.inbox_bytes += change.cost
        for batches in self.inbox:
            batches.append(change)

    def next_of(self, batches: deque[Batch | Changes]) -> Batch | Changes:
        """Take what is next off an inbox."""
        batch = batches.popleft()
        for number in self.pressing:
            if self.inbox[number] is batches:
                self.pressing[number] -= 1
        return batch

    def _ask_turn(self, _: Frame) -> None:
        self._require(Role.ADMIN, "a turn")
        if self.wants_turn or self.has_turn:
            raise WireError("a session asks for its turn once")
        self.wants_turn = True

    def _require(self, role: int, what: str) -> None:
        """Raise WireError unless the session has this role, or one that may more."""
        if self.role < role:
            raise WireError(f"{what} is not for this session's role")

    def _ask(self, frame: Frame) -> None:
        if op_of(frame) == SessionOp.DRAIN:
            self._require(Role.ADMIN, "the server's end")
        if len(self.asked) >= QUESTIONS:
            raise WireError("more questions than it waits for answers")
        self.asked.append(op_of(frame))

    @property
    def stats(self) -> SessionStats:
        """What there is to tell of it."""
        return SessionStats(
            *(self.number, self.name, self.user, self.role),
            *(sum(self._unanswered) + self._unapplied, sum(self.next), self.inbox_bytes),
        )

    def _end_turn(self, _: Frame) -> None:
        if not self.has_turn or self._group_left:
            raise WireError("a session that has no turn ends it, or in the midst of a group")
        self.has_turn = False
        self._stirred.append(self)

    def _begin_group(self, frame: Frame) -> None:
        count = count_of(frame)
        if not self.has_turn or self._group_left or not 0 < count <= GROUP_BATCHES:
            raise WireError(f"a group of {count} batches, or out of turn")
        self._group_left = count

    def _give_back(self, frame: Frame) -> None:
        self.places.give_back(given_back_in(frame))

    @property
    def is_full(self) -> bool:
        """Whether so much waits for its turn that nothing more is to be read."""
        return self.inbox_bytes > self._limits.inbox_bytes

    # --- out -------------------------------------------------------------------------------------

    def say(self, frame: bytes) -> None:
        """Put a frame behind what the client is to get."""
        if not self.is_over:
            if not self.output:
                self._stirred.append(self)
            self.output.append(frame)
            self.output_bytes += len(frame)

    def say_first(self, frame: bytes) -> None:
        """Put a frame ahead of all that the client is to get, a last word as well."""
        self._stirred.append(self)
        self.output.insert(0, frame)
        self.output_bytes += len(frame)

    def take(self) -> bytes:
        """Return what the client is to get, since the last call."""
        output, self.output = self.output, []
        self.output_bytes = 0
        return output[0] if len(output) == 1 else b"".join(output)

    def answered(self, shard: int, count: int, frame: Frame) -> None:
        """Take the replies to so many commands."""
        self._unanswered[shard] -= count
        self.say(frame)

    def applied(self, change: Changes) -> None:
        """Record that the shards have made a change, all that answer."""
        if not self.is_over:
            self._unapplied -= change.commands
            self.changes_passed -= change.commands
            self.inbox_bytes -= change.cost
            self.say(note_frame(SessionOp.MARKET, count=change.commands))

    def lost(self, shard: int) -> None:
        """Record that a shard is gone, with all that was asked of it."""
        self._unanswered[shard] = 0
        for batch in self.inbox[shard]:
            self.inbox_bytes -= cost_of(batch)
        self.inbox[shard].clear()

    def close(self, reason: str, why: str) -> None:
        """End the session: the client is told why, and nothing more is taken from it."""
        if not self.is_over:
            self.say(bye_frame(reason, why))
            self.is_over = True
            self.why = why
            self._discard()

    def end(self) -> None:
        """Let go of everything: the client has gone."""
        self.is_over = True
        self.places.end()
        self._discard()

    def _discard(self) -> None:
        """Let go of all that has not been passed on."""
        self._group.clear()
        self.pressing.clear()
        for batches in self.inbox:
            batches.clear()
        self.inbox_bytes = 0


_VERSION_AT: Final = 4
