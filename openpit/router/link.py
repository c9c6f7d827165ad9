"""One shard as the router sees it: what is in flight, what waits, what is to be sent."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from openpit.errors import EngineClosed, ShardDown, ShardStalled
from openpit.router.lifecycle import ShardEvent, ShardState, after
from openpit.router.stats import ShardStats
from openpit.wire.frames import FrameReader, frames

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.router.rates import BroadRates, Counted

__all__ = ["Books", "Entry", "Expected", "Handles", "Reply", "Runner", "ShardLink"]

Reply = tuple[Any, ...]


class Expected(NamedTuple):
    """The kinds of reply to a command, and the test of one of them beyond its form."""

    kinds: frozenset[int]
    tested: int = 0
    fits: Callable[[Reply], bool] = bool


class Entry:
    """Consecutive commands to one shard."""

    __slots__ = ("count", "expected", "first", "is_sent", "packed")

    holds_up_all = False  # whether calls to all other shards may have to wait for the answer
    is_whole_call = False  # then it is refused at once where nothing may wait for credit

    is_sent: bool  # False while it waits for credit
    count: int  # how many commands
    first: int  # sequence number of the first, once they are on their way
    packed: bytes  # the commands, until they are on their way
    expected: Expected  # what may answer each of the commands

    def replied(self, link: ShardLink, reply: Reply) -> None:
        """Handle the reply to one of the commands."""
        raise NotImplementedError

    def replied_run(self, link: ShardLink, kind: int, seq: int, count: int) -> None:
        """Handle one reply to several of the commands."""
        for number in range(seq, seq + count):
            self.replied(link, (kind, number, 1))

    def hold_back(self, link: ShardLink, seq: int, count: int) -> None:
        """Record that replies to some of the commands have come, and will be delivered later."""

    def lost(self, link: ShardLink, *, sent: bool) -> None:
        """End without the replies that are missing: the shard is down."""
        raise NotImplementedError

    def sent(self) -> None:
        """Record that credit has come and the commands are on their way."""
        self.is_sent = True

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
        "dropped",
        "has_custom",
        "is_closed",
        "is_torn",
        "links",
        "news",
        "now",
        "rates",
        "settling",
        "stalled",
        "woken",
    )

    def __init__(self, *, has_custom: bool, rates: BroadRates | None) -> None:
        self.has_custom: Final = has_custom  # whether a rollback may arm the engine-wide block
        self.rates: Final = rates
        self.links: Final[list[ShardLink]] = []
        self.stalled: Final[list[ShardLink]] = []
        # Handles that nobody holds any more. See client/handles.py.
        self.dropped: Final[deque[tuple[ShardLink, int]]] = deque()
        self.woken: Final[list[Any]] = []  # calls that are done, whose callers wait
        self.news: Final[list[tuple[ShardEvent, ShardLink]]] = []  # for the face to tell
        self.now = 0  # of the last call
        self.is_closed = False
        # True while state is half changed. Still set when a face comes next, it tells that an
        # exception came in between, of a signal's handler.
        self.is_torn = False
        # Drops that have to be over before anything else goes out; see own_commands.let_go().
        self.settling = 0

    def give_back(self, counted: Counted | None) -> None:
        """Take back what was counted for an order that no policy has seen nor will see."""
        rates = self.rates
        if counted is not None and rates is not None:
            rates.give_back(counted, self.now)

    def holding_up(self) -> list[ShardLink]:
        """Return the shards that calls to all others wait for, see ``let_go``."""
        if not self.settling:
            return []
        return [link for link in self.links if link.holds_up_all]


class Handles(NamedTuple):
    """The classes of the handles that a face gives out: the client's, not looked at here."""

    local: Any
    held: Any
    operation: Any
    request: Any


class Runner:
    """What a proxy asks of the face that it came from."""

    __slots__ = ()

    def finalize(self, proxy: Any, *, commit: bool) -> Any:
        """Commit or roll back."""
        raise NotImplementedError

    def execute_request(self, proxy: Any) -> Any:
        """Run the main stage."""
        raise NotImplementedError


class ShardLink:
    """The router's end of one shard. No I/O: :meth:`take` gives the bytes that are to be sent."""

    __slots__ = (
        "_pieces",
        "_staged_from",
        "answered",
        "books",
        "bytes_received",
        "bytes_sent",
        "causes",
        "credits",
        "dropped",
        "handles",
        "in_flight",
        "is_up",
        "next_seq",
        "number",
        "owed_causes",
        "owed_drops",
        "pending",
        "pid",
        "reader",
        "runner",
        "state",
        "waiting",
        "why",
    )

    def __init__(
        self, number: int, credit: int, books: Books, handles: Handles, runner: Runner
    ) -> None:
        self.books: Final = books
        self.number: Final = number
        self.credits: Final = credit
        self.handles: Final = handles
        self.runner: Final = runner
        self.state = ShardState.STARTING
        self.is_up = False  # state is UP, spelt out for the hot path
        self.why: str | None = None
        self.pid: int | None = None
        # Replies come in the order of the commands: the first entry is the one that is answered.
        self.pending: deque[Entry] = deque()
        self.in_flight = 0
        self.waiting: deque[Entry] = deque()
        # A finaliser may run at any moment and in any thread: all it does is to append here.
        self.dropped: Final = books.dropped
        self.next_seq = 0
        self.answered = 0
        # Of the engine-wide block that the reply to come has armed.
        self.causes: tuple[bool, bool] | None = None
        self.reader: Final = FrameReader()
        # What a stalled shard is told first when it answers again: an engine-wide block that was
        # armed meanwhile, and handles that nobody holds any more.
        self.owed_causes: tuple[bool, bool] | None = None
        self.owed_drops: list[int] = []
        self._pieces: list[tuple[bytes, int]] = []
        self._staged_from = 0
        self.bytes_sent = 0
        self.bytes_received = 0

    def stage(self, entry: Entry) -> None:
        """Put an entry's commands into the next frame and wait for their replies."""
        count = entry.count
        entry.first = self.next_seq
        self.next_seq += count
        self.in_flight += count
        self.pending.append(entry)
        self._pieces.append((entry.packed, count))
        entry.packed = b""

    def pump(self) -> None:
        """Stage what waited for credit, as far as it goes."""
        waiting = self.waiting
        while (
            waiting
            and not self.books.settling
            and self.in_flight + waiting[0].count <= self.credits
        ):
            entry = waiting.popleft()
            entry.sent()
            self.stage(entry)

    @property
    def has_output(self) -> bool:
        """Whether :meth:`take` has anything to give."""
        return bool(self._pieces)

    @property
    def staged(self) -> int:
        """How many entries :meth:`take` has to give."""
        return len(self._pieces)

    def take(self) -> bytes:
        """Return the frames of everything staged since the last call."""
        pieces = self._pieces
        if not pieces:
            return b""
        data = frames(self._staged_from, pieces)
        self._pieces = []
        self._staged_from = self.next_seq
        self.bytes_sent += len(data)
        return data

    def happen(self, event: ShardEvent) -> None:
        """Take the next step of the shard's life."""
        self.state = after(self.state, event)
        self.is_up = self.state is ShardState.UP

    @property
    def holds_up_all(self) -> bool:
        """Whether calls to other shards wait for something that this one has to answer."""
        return any(entry.holds_up_all for entry in self.pending)

    def forget(self) -> list[tuple[Entry, bool]]:
        """Give up everything; return the entries, each with whether it was sent."""
        entries = [(entry, True) for entry in self.pending]
        entries += [(entry, False) for entry in self.waiting]
        self.owed_drops.clear()
        self.owed_causes = None
        self.pending.clear()
        self.waiting.clear()
        self._pieces = []
        self.in_flight = 0
        return entries

    @property
    def reason(self) -> str:
        """Why this shard takes nothing."""
        if self.is_up:  # what it was asked while it was stalled came back unasked
            return "it was stalled, and has answered since"
        if self.why is None:
            return "the engine is closed"
        return f"stalled: {self.why}" if self.is_stalled else self.why

    @property
    def is_stalled(self) -> bool:
        """Whether it has answered nothing for so long that it takes nothing until it does."""
        return self.state is ShardState.STALLED

    def refusal(self) -> EngineClosed | ShardDown | ShardStalled:
        """Return the error of a call that this shard cannot take."""
        if self.state in {ShardState.CLOSING, ShardState.CLOSED}:
            return EngineClosed(self.reason)
        if self.is_stalled:
            return ShardStalled(f"shard {self.number} is {self.reason}", self.number)
        if self.is_up:
            return ShardStalled(f"shard {self.number}: {self.reason}", self.number)
        return ShardDown(f"shard {self.number} is down: {self.reason}", self.number)

    def stats(self) -> ShardStats:
        """Return a picture of this moment."""
        return ShardStats(
            shard=self.number,
            state=self.state.value,
            pid=self.pid,
            in_flight=self.in_flight,
            waiting=sum(entry.count for entry in self.waiting),
            credits=self.credits,
            sent=self.next_seq,
            answered=self.answered,
            bytes_sent=self.bytes_sent,
            bytes_received=self.bytes_received,
            why=self.why,
        )
