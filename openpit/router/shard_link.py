"""One shard as the router sees it: what is in flight, what waits, what is to be sent."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from openpit.errors import EngineClosed, FrameTooLarge, ShardDown, ShardStalled
from openpit.router.lifecycle import ENDS, SHARD, TAKES, Dropped, ShardEvent, ShardState
from openpit.router.rates import BroadRates, axes_of, go_on
from openpit.wire.frames import (
    AXIS_BYTES,
    EPOCH_COMMANDS,
    NAME,
    TIME_BYTES,
    FrameReader,
    Op,
    command_frame,
)
from openpit.wire.limits import BATCH_BYTES, FRAME_BYTES, REPLY_BYTES, RESERVE
from openpit.wire.possible_replies import ONLY_DONE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from openpit.router.rates import Counted, Counting, Window
    from openpit.wire.frames import Axis, Frame
    from openpit.wire.possible_replies import Expected, Reply

__all__ = ["Bodies", "Books", "Entry", "ShardLink"]


class Entry:
    """Consecutive commands to one shard."""

    __slots__ = (
        "count", "counted", "counting", "expected", "first", "is_sent", "now", "packed", "times",
    )  # fmt: skip

    op: int = Op.MESSAGES  # anything else is the router's own, and a batch of its own
    flags: int = 0
    delays_all = False  # whether calls to all other shards may have to wait for the answer
    ends_batch = False  # the shard checks a batch by the settings before it
    is_awaited: bool = True  # whether anybody waits for the answer
    is_whole_call = False  # then it is refused at once where nothing may wait for credit
    is_change = False  # that other shards make, too
    uses_reserve = False  # whether it may use the credit that orders cannot
    client_number: int = 0  # whose commands they are

    is_sent: bool  # False while it waits for credit
    count: int  # how many commands
    first: int  # sequence number of the first, once they are on their way
    packed: bytes  # the commands, until they are on their way: looked into by their client alone
    now: int  # the time of the commands, in nanoseconds
    times: Sequence[int]  # that of each, where they have one each
    counting: Sequence[Counting]  # those whose rate may be limited, as their client says
    counted: Sequence[Counted]  # and as the router has counted them
    expected: Expected  # what may answer each of the commands

    def __init__(
        self,
        count: int,
        now: int,
        packed: bytes = b"",
        expected: Expected = ONLY_DONE,
        counting: Sequence[Counting] = (),
    ) -> None:
        self.is_sent = True
        self.count = count
        self.now = now
        self.times = ()
        self.packed = packed
        self.expected = expected
        self.counting = counting
        self.counted = ()

    def accounts(self) -> Collection[int | None]:
        """Return the accounts whose commands may not pass each other. A None is as good as all."""
        return ()

    def replied(self, link: ShardLink, seq: int, reply: Reply) -> None:
        """Handle the reply to one of the commands."""
        raise NotImplementedError

    def replied_run(self, link: ShardLink, kind: int, seq: int, count: int) -> None:
        """Handle one reply to several of the commands."""
        for number in range(seq, seq + count):
            self.replied(link, number, (kind, 1))

    def confirmed(self, link: ShardLink) -> None:
        """Record that a batch of the router's own has been carried out."""
        raise NotImplementedError

    def defer(self, link: ShardLink, seq: int, count: int) -> None:
        """Record that replies to some of the commands have come, and will be delivered later."""

    def lost(self, link: ShardLink, *, sent: bool) -> None:
        """End without the replies that are missing: the shard is down."""
        raise NotImplementedError

    def overloaded(self, link: ShardLink) -> None:
        """End unsent: the shard had no credit in time."""
        raise NotImplementedError

    def stalled(self, link: ShardLink, why: str) -> None:
        """End for whoever waits, and hold nobody up: the shard answers nothing at the moment.

        It was sent, and its reply may come still.
        """
        raise NotImplementedError


class Books:
    """What the shards of a router have in common."""

    __slots__ = (
        "answer_due", "bodies", "credit_due", "dropped", "has_custom", "is_closed", "is_torn",
        "late", "links", "news", "note", "now", "rates", "settling", "stalled", "trips", "woken",
    )  # fmt: skip

    def __init__(self, *, has_custom: bool, bodies: Bodies, rates: BroadRates) -> None:
        self.bodies = bodies
        self.has_custom: Final = has_custom  # whether a rollback may arm the engine-wide block
        self.rates: Final = rates  # what is counted over all shards
        self.links: Final[list[ShardLink]] = []
        self.stalled: Final[list[ShardLink]] = []
        self.dropped: Final = Dropped()
        self.woken: Final[list[Any]] = []  # calls that are done, whose callers wait
        # Until when callers wait for answers, and for credit: the first began first.
        self.answer_due: Final[dict[Any, float]] = {}
        self.credit_due: Final[dict[Any, float]] = {}
        self.late: Final[set[Any]] = set()  # calls that wait on though their time is up
        # For the face to tell: event, link, its process, why, and restarts, as they were then.
        self.news: Final[list[tuple[ShardEvent, ShardLink, int | None, str | None, int]]] = []
        # Called before a change goes out that spans shards, with the packed command for each, and
        # the number that it will have there; so that it is completed or never began.
        self.note: Callable[[list[tuple[int, int, bytes]]], None] | None = None
        self.trips: Any = None  # the face's, where round trips are timed
        self.now = 0  # of the last call
        self.is_closed = False
        # True while state is half changed. Still set when a face comes next, it tells that an
        # exception came in between, of a signal's handler.
        self.is_torn = False
        # By client, the drops that have to be over before anything else of it goes out; see
        # own_commands.let_go().
        self.settling: Final[dict[int, int]] = {}

    def close(self) -> None:
        """Take nothing more; whatever is let go of from now on, nobody is told."""
        self.is_closed = True
        self.dropped.tell = None

    def forget(self, call: Entry) -> None:
        """Record that nobody waits for a call any more."""
        self.answer_due.pop(call, None)
        self.credit_due.pop(call, None)
        if self.late:
            self.late.discard(call)

    def give_back(self, entry: Entry) -> None:
        """Take back what was counted for an entry that is never sent."""
        counted, entry.counted = entry.counted, ()
        if counted:
            self.rates.give_back(counted)

    def delaying(self) -> list[ShardLink]:
        """Return the shards that calls to all others wait for, see ``let_go``."""
        if not self.settling:
            return []
        return [link for link in self.links if link.delays_all]


@dataclass(frozen=True, slots=True)
class Bodies:
    """What a client does with bodies, which the router neither makes nor opens.

    The first three take the link, the number of a batch's first command and their count. ``seal``
    returns the one body of the batch's entries. ``receive`` and ``defer`` take the body of the
    replies, and raise WireError where it holds none to these commands: the one delivers them to
    the entries in flight and takes those off that are done, the other keeps them back, and returns
    what delivers them. ``drop`` packs the command that lets go of handles; ``done`` may answer it,
    or any other that only does. ``refused`` takes a reply's flags in place of a number: why the
    shard has not applied the batch, if it never will with a text. ``split`` makes a body of each
    command of one, and tells for how many orders it counts; ``skipped`` the reply to one skipped.
    """

    seal: Callable[[ShardLink, int, int, Sequence[Entry]], bytes]
    receive: Callable[[ShardLink, int, int, bytes], None]
    defer: Callable[[ShardLink, int, int, bytes], Callable[[], None]]
    drop: Callable[[Sequence[int]], bytes]
    done: Expected
    refused: Callable[[ShardLink, int, int, bytes], None]
    split: Callable[[bytes], list[tuple[bytes, Mapping[str | None, int]]]]
    skipped: Callable[[ShardLink], Reply]


class ShardLink:
    """The router's end of one shard. No I/O: :meth:`take` gives the bytes that are to be sent."""

    __slots__ = (
        "_unsealed", "answered", "batches", "books", "bytes_received", "bytes_sent", "comes_back",
        "credits", "credits_and_reserve", "dropped", "epoch", "expired", "frames", "handles",
        "heard", "in_flight", "is_told", "is_up", "keeps", "kept", "next_seq", "number", "owed",
        "owed_causes", "owed_drops", "pending", "pid", "reader", "restarts", "runner",
        "silent_since", "state", "told_in_vain", "waiting", "why",
    )  # fmt: skip

    def __init__(self, number: int, credit: int, books: Books, handles: Any, runner: Any) -> None:
        self.books: Final = books
        self.number: Final = number
        self.credits = credit
        self.credits_and_reserve = credit + max(credit // RESERVE, 1)
        self.handles: Final = handles
        self.runner: Final = runner
        self.state = ShardState.STARTING
        self.is_up = False  # whether it takes commands, spelt out for the hot path
        self.why: str | None = None
        self.pid: int | None = None
        # Replies come in the order of the commands: the first entry is the one that is answered.
        self.pending: deque[Entry] = deque()
        self.in_flight = 0
        self.waiting: deque[Entry] = deque()
        self.dropped: Final = books.dropped
        self.begin(0)
        # How much had been answered when its silence began, and when that was: for its client.
        self.heard, self.silent_since = 0, 0.0
        # What is on its way: name, op and number of commands of each, and what was counted.
        self.batches: deque[tuple[bytes, int, int, Sequence[Counted]]] = deque()
        self.keeps = False  # their frames, since another worker may have to be sent them
        # Whether calls wait on while it is stalled: another worker answers, if this one never does.
        self.comes_back = False
        self.is_told = True  # that it is stalled, by who has its worker: a session is by its server
        self.kept: deque[Frame] = deque()
        self.restarts = 0  # workers that have taken another's place
        self.reader = FrameReader(limit=REPLY_BYTES)
        # What a stalled shard is told first: a block that was armed, handles and clients gone.
        self.owed_causes = 0
        self.owed_drops: list[int] = []
        self.owed: list[Entry] = []
        self._unsealed: list[Entry] = []
        self.frames: list[Frame] = []  # that are sealed, and not yet taken
        self.bytes_sent = self.bytes_received = 0
        self.told_in_vain = 0  # messages without answer at which an actor has raised
        self.expired = 0  # what was open for too long

    message_bytes: int = FRAME_BYTES  # of the commands that stay together in one frame
    batch_bytes: int = BATCH_BYTES  # of those that are put into one
    axis_bytes: int = AXIS_BYTES  # of a row of its counting part

    def check_fits(self, packed: bytes) -> None:
        """Raise FrameTooLarge if packed commands are more than a frame to this shard takes."""
        if len(packed) > self.message_bytes:
            text = f"a message of {len(packed)} bytes: a frame has room for {self.message_bytes}"
            raise FrameTooLarge(text)

    def begin(self, epoch: int) -> None:
        """Begin the numbers of a worker's life."""
        self.epoch = epoch
        self.next_seq = self.answered = epoch * EPOCH_COMMANDS

    def stage(self, entry: Entry) -> None:
        """Put an entry's commands into the next batch and wait for their replies."""
        count = entry.count
        entry.first = self.next_seq
        self.next_seq += count
        self.in_flight += count
        self.pending.append(entry)
        self._unsealed.append(entry)

    def pass_on(self, entry: Entry, frame: Frame) -> None:
        """Put another client's batch, which has the next number, behind all that is staged."""
        if self._unsealed:
            self.frames.append(self._sealed())
        entry.first = self.next_seq
        self.next_seq += entry.count
        self.in_flight += entry.count
        self.pending.append(entry)
        self.frames.append(frame)
        self.batches.append((frame[NAME], entry.op, entry.count, entry.counted))
        if self.keeps:
            self.kept.append(frame)

    def line_up(self, entry: Entry) -> None:
        """Have an entry wait for credit, or for what its client has dropped, if it has to.

        What may use the reserve goes ahead of the orders, but of none of its own account: a report
        must not overtake those. A commit is about an order that has been answered.
        """
        entry.is_sent = False
        waiting, place = self.waiting, len(self.waiting)
        if entry.uses_reserve:
            ours = frozenset(entry.accounts())
            if not ours or (
                None not in ours and all(ours.isdisjoint(other.accounts()) for other in waiting)
            ):
                orders = (at for at, other in enumerate(waiting) if not other.uses_reserve)
                place = next(orders, place)
        waiting.insert(place, entry)
        self.pump()

    def pump(self) -> None:
        """Stage what waited for credit, as far as it goes."""
        waiting, settling = self.waiting, self.books.settling
        passed: list[Entry] = []
        while waiting:
            entry = waiting[0]
            if entry.client_number in settling and not entry.delays_all:
                passed.append(waiting.popleft())
                continue
            credit = self.credits_and_reserve if entry.uses_reserve else self.credits
            if self.in_flight + entry.count > credit:
                break
            waiting.popleft()
            entry.is_sent = True
            self.stage(entry)
        waiting.extendleft(reversed(passed))

    def turn_away(self, client: int | None = None) -> None:
        """End what waits for credit, of one client or of all: it is never sent."""
        waiting, self.waiting = self.waiting, deque()
        if client is not None:
            self.waiting.extend(one for one in waiting if one.client_number != client)
        for entry in waiting:
            if client in {None, entry.client_number}:
                entry.lost(self, sent=False)

    @property
    def has_output(self) -> bool:
        """Whether :meth:`take` has anything to give."""
        return bool(self._unsealed or self.frames)

    @property
    def staged(self) -> int:
        """How many entries :meth:`take` has to give."""
        return len(self._unsealed) + len(self.frames)

    def take(self) -> bytes:
        """Return the frames of everything staged since the last call, in the fewest batches."""
        entries = self._unsealed
        if len(entries) == 1 and not self.frames:
            # One command, as a rule: the hot path of one call at a time.
            (entry,) = entries
            data = self.framed(entries, entry.count, entry.times, entry.counted)
            self._unsealed = []
        else:
            if entries:
                self.frames.append(self._sealed())
            frames, self.frames = self.frames, []
            data = frames[0] if len(frames) == 1 else b"".join(frames)
        self.bytes_sent += len(data)
        return data

    def _sealed(self) -> bytes:
        """Return the frames of what is not sealed yet."""
        entries, self._unsealed = self._unsealed, []
        batches = batches_of(entries, self.batch_bytes, self.axis_bytes)
        return b"".join([self._joined(batch) for batch in batches])

    def framed(
        self,
        entries: Sequence[Entry],
        count: int,
        times: Sequence[int],
        counted: Sequence[Counted],
    ) -> bytes:
        """Return the frame of a batch."""
        entry = entries[0]
        first, op = entry.first, entry.op
        flags = entry.flags if op else 0
        body = b"" if op else self.books.bodies.seal(self, first, count, entries)
        for each in entries:
            each.packed = b""
        axes: Sequence[Axis] = ()
        if len(counted) == 1:
            ((number, window, offset, _, _, _),) = counted
            axes = ((number, window.began, offset),)
        elif counted:
            axes = axes_of(counted)
        # Where there is a journal, what is not answered is not acknowledged: see own_batch().
        unacknowledged = 0 if self.books.note is None else first - self.answered
        data = command_frame(
            self.number, op, first, count, entry.now, body, flags, axes, times,
            self.epoch, entry.client_number, settings=unacknowledged,
        )  # fmt: skip
        self.batches.append((data[NAME], op, count, counted))
        if self.keeps:
            self.kept.append(data)
        return data

    def _joined(self, entries: Sequence[Entry]) -> bytes:
        """Return the frame of several entries."""
        first, last = entries[0], entries[-1]
        count = last.first + last.count - first.first
        times: Sequence[int] = ()
        if any(entry.times or entry.now != first.now for entry in entries):
            times = [time for entry in entries for time in entry.times or [entry.now] * entry.count]
        counted = [each for entry in entries for each in entry.counted]
        return self.framed(entries, count, times, counted)

    def happen(self, event: ShardEvent) -> None:
        """Take the next step of the shard's life."""
        self.state = SHARD[self.state][event]
        self.is_up = self.state in TAKES

    session, not_asked = 0, "there is no journal, and the call had no key"  # see SentCall

    @property
    def lasting(self) -> int | None:
        """What is added to a command's number for who asks for its answer later, if anybody may."""
        return None if self.books.note is None else 0

    @property
    def delays_all(self) -> bool:
        """Whether calls to other shards wait for something that this one has to answer."""
        return any(entry.delays_all for entry in self.pending)

    def forget(self) -> list[tuple[Entry, bool]]:
        """Give up everything; return the entries, each with whether it was sent."""
        entries = [(entry, True) for entry in self.pending]
        entries += [(entry, False) for entry in self.waiting]
        self.owed_drops.clear()
        self.owed.clear()
        self.owed_causes = 0
        for queue in (self.pending, self.waiting, self.batches, self.kept):
            queue.clear()
        self._unsealed, self.frames = [], []
        self.in_flight = 0
        return entries

    @property
    def is_recovering(self) -> bool:
        """Whether another worker is coming to where the last one was."""
        return self.state is ShardState.RECOVERING

    @property
    def is_owed(self) -> bool:
        """Whether calls wait for it, which is away and has a journal to come back from."""
        is_away = self.comes_back and (self.is_recovering or self.is_stalled)
        return is_away and any(entry.is_awaited for entry in self.pending)

    @property
    def reason(self) -> str:
        """Why this shard takes nothing."""
        if self.is_up and not self.books.is_closed:  # what it was asked while it was stalled
            return "it was stalled, and has answered since"
        if self.is_up or self.why is None:
            return "the engine is closed"
        return f"stalled: {self.why}" if self.is_stalled else self.why

    @property
    def is_stalled(self) -> bool:
        """Whether it has answered nothing for so long that it takes nothing until it does."""
        return self.state is ShardState.STALLED

    def refusal(self) -> EngineClosed | ShardDown | ShardStalled:
        """Return the error of a call that this shard cannot take."""
        if self.state in ENDS or (self.is_up and self.books.is_closed):
            return EngineClosed(self.reason)
        if self.is_stalled:
            return ShardStalled(f"shard {self.number} is {self.reason}", self.number)
        if self.is_up:
            return ShardStalled(f"shard {self.number}: {self.reason}", self.number)
        return ShardDown(f"shard {self.number} is down: {self.reason}", self.number)


def batches_of(entries: Sequence[Entry], most: int, axis_bytes: int) -> list[list[Entry]]:
    """Return the fewest batches of entries that fit into a frame each, of so many bytes.

    One head serves all of a batch, so it is of one client, and what is counted in it is so in
    one window with one offset; and an order that does not count leaves the ranks before its own
    as they are, so they rise.
    """
    batches: list[list[Entry]] = []
    size = most + 1  # the first entry begins a batch
    last: dict[int, tuple[Window, int, int]] = {}
    for entry in entries:
        here = len(entry.packed) + TIME_BYTES * entry.count + axis_bytes * len(entry.counted)
        size += here
        if (
            size > most
            or entry.op != Op.MESSAGES
            or batches[-1][0].op != Op.MESSAGES
            or batches[-1][-1].ends_batch
            or batches[-1][-1].client_number != entry.client_number
            or (last and not go_on(last, entry.counted))
        ):
            batches.append([])
            size = here
            last.clear()
        for number, window, offset, _, _, base in entry.counted:
            last[number] = window, offset, base
        batches[-1].append(entry)
    return batches
