"""The link of a session to a shard: what goes out, and what comes back unapplied.

A session's batch says by which version of the settings its orders are numbered. Where another one
is in force, the shard returns the batch as it was. Its commands then go out again, numbered anew,
ahead of all that was submitted behind them: nothing new is sent to the shard before it has answered
all that went out by the old version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openpit.client.many import Part
from openpit.client.places import rows_of
from openpit.core.order import new_order
from openpit.errors import WireError
from openpit.router.calls import Call
from openpit.router.shard_link import ShardLink
from openpit.wire import kinds
from openpit.wire.frames import Flag, body_of, messages_of, name_of, pack_rows
from openpit.wire.plain_orders import PLAIN_ORDERS
from openpit.wire.sessions import ROW_BYTES, batch_frame
from openpit.wire.values import decode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.client.orders import Ranks
    from openpit.core.order import Order
    from openpit.router.rates import Counted
    from openpit.router.shard_link import Entry
    from openpit.wire.frames import Message

__all__ = ["RETURNS", "SessionLink", "take_back"]

RETURNS: Final = 64
"""Times in succession that a shard may return all that it is sent; each change of settings is one.
After that it is denied: a server that does not tell of a change would have it sent for ever."""


class SessionLink(ShardLink):
    """A link whose batches are a session's."""

    __slots__ = (
        "_came_back",
        "_credit",
        "_returned",
        "_returns",
        "_to_answer",
        "batch_bytes",
        "began",
        "has_times",
        "may_come_back",
        "message_bytes",
        "ranks",
        "session",
    )

    not_asked = "the session has no name or its server no journal, and the call had no key"
    axis_bytes = ROW_BYTES
    batch_bytes: int
    has_times: bool
    may_come_back: bool  # whether its server puts another worker in the place of one
    message_bytes: int
    ranks: Ranks  # that orders are numbered by

    def __init__(self, number: int, credit: int, *others: object) -> None:
        super().__init__(number, credit, *others)  # type: ignore[arg-type]  # passed on
        self.session = 0  # the session's number, if somebody may come back under its name, and ...
        self.began = 0  # ... what is added to its own count here: no other session has such numbers
        self._credit: Final = (self.credits, self.credits_and_reserve)
        self._returned: list[Entry] = []
        self._to_answer = 0  # batches, before anything new is sent
        self._came_back = False  # what was answered last
        self._returns = 0  # in succession
        self.is_told = False  # by its server

    @property
    def reason(self) -> str:
        """Why this shard takes nothing."""
        if self.is_up and self._returns >= RETURNS:
            return f"it has returned what it was sent {RETURNS} times, for other settings"
        return super().reason

    def framed(
        self,
        entries: Sequence[Entry],
        count: int,
        times: Sequence[int],
        counted: Sequence[Counted],
    ) -> bytes:
        """Return the frame of a batch of the session's."""
        entry = entries[0]
        first, op = entry.first, entry.op
        body = b"" if op else self.books.bodies.seal(self, first, count, entries)
        rows = rows_of(counted) if counted else ()
        if not self.has_times:
            times = ()
        version = self.books.rates.told.version
        data = batch_frame(
            self.number, op, first, count, entry.now, body, 0, rows, times, version,
            first - self.answered,
        )  # fmt: skip
        self.batches.append((name_of(data), op, count, ()))
        return data

    @property
    def lasting(self) -> int | None:
        """What is added to a command's number for who asks for its answer later."""
        return self.began if self.session else None

    def renumber(self, first: int) -> None:
        """Have the commands of the batch that is answered next the numbers that the shard knows."""
        self.answered = first
        if self.batches:
            left = self.batches[0][2]
            for entry in self.pending:
                if left <= 0:
                    return
                left -= entry.count
                entry.first = first
                first += entry.count

    def told(self, *, is_stalled: bool) -> None:
        """Record what the server says of it; as far as that goes, calls wait for it."""
        self.is_told = is_stalled
        self.comes_back = self.may_come_back

    # --- other settings --------------------------------------------------------------------------

    def settle(self) -> None:
        """Send what is staged by the version that is known: another one is about to be."""
        if self._unsealed:
            self.frames.append(self._sealed())
        self._hold_back()

    def number_anew(self) -> None:
        """Give the orders that wait for credit the ranks that they have by now."""
        for entry in self.waiting:
            self.books.give_back(entry)
            self._number(entry)

    def take_back(self, count: int) -> None:
        """Take so many commands back that the shard has not applied."""
        while count > 0:
            entry = self.pending.popleft()
            count -= entry.count
            entry.counted = ()  # what was counted, the server has taken back
            self._returned.append(entry)
        self._came_back = True
        if not self._to_answer:
            self._hold_back()
            self._to_answer += 1  # the one in hand: answered() follows

    def answered_one(self) -> None:
        """Record that a batch has been answered; go on after the last one that had to be."""
        if not self._came_back:
            self._returns = 0
        self._came_back = False
        if self._to_answer:
            self._to_answer -= 1
            if not self._to_answer:
                self._go_on()

    def _hold_back(self) -> None:
        self._to_answer = len(self.batches)
        if self._to_answer:
            self.credits = self.credits_and_reserve = 0

    def _go_on(self) -> None:
        """Send again what has come back, and then what was submitted since."""
        self.credits, self.credits_and_reserve = self._credit
        returned, self._returned = self._returned, []
        again = [entry for entry in returned if not _is_over(entry)]
        self._returns += bool(returned)
        goes_on = self.is_up and self._returns < RETURNS
        for entry in again:
            if goes_on:
                entry.is_sent = False
                self._number(entry)
            else:
                entry.lost(self, sent=False)
        if goes_on:
            self.waiting.extendleft(reversed(again))
        if self.is_up:
            self.pump()

    def _number(self, entry: Entry) -> None:
        number_anew(entry, self.ranks)
        if entry.counting:
            entry.counted = self.books.rates.stamp(entry.counting)

    def forget(self) -> list[tuple[Entry, bool]]:
        """Give up everything, what has come back among it, which was never applied."""
        returned, self._returned = self._returned, []
        self._to_answer = 0
        return [(entry, False) for entry in returned] + super().forget()


def take_back(link: ShardLink, flags: int, count: int, _: bytes) -> None:
    """Take back a batch that a shard has returned.

    Raises:
        WireError: it has refused it; a server would have ended the session.
    """
    if flags != Flag.RETURNED or not isinstance(link, SessionLink):
        raise WireError(f"shard {link.number} refuses {count} commands, flags {flags}")
    link.take_back(count)


def _is_over(entry: Entry) -> bool:
    """Tell whether nobody waits for a command that has not been applied."""
    if isinstance(entry, Part):
        return entry.is_over or bool(entry.call.done)
    return isinstance(entry, Call) and entry.done


_WHOLE: Final = kinds.PEEKING | {kinds.EXECUTE_WHOLE, kinds.START, kinds.DROP_COPY}


def number_anew(entry: Entry, ranks: Ranks) -> None:
    """Give the orders of an entry, if it has any, the ranks that they have by now.

    And so those that its messages to actors declare.
    """
    commands: list[Message] = []
    counting: dict[int, tuple[int, int, int]] = {}  # by axis: rank before the first, orders, time
    for place, sent in enumerate(messages_of(body_of([entry.packed], entry.count))):
        command: Message = sent[3] if sent[0] == kinds.KEYED else sent  # type: ignore[assignment]  # this client's own
        kind = command[0]
        now = entry.times[place] if entry.times else entry.now
        if kind in kinds.ASKING:
            *_, orders, assets = command
            declared = [(asset, count) for asset, _, count in assets]  # type: ignore[attr-defined]  # this client's own
            ranked, axes = ranks.of_message(orders, declared, now)  # type: ignore[arg-type]  # as above
        elif kind in PLAIN_ORDERS or kind in _WHOLE:
            broker, asset, axes = ranks.of_one(
                _order_of(command), now, is_peek=kind in kinds.PEEKING
            )
        else:
            commands.append(sent)
            continue
        for axis, before, _, count, _, _ in axes:
            first, orders, begins = counting.get(axis, (before, 0, now))
            counting[axis] = first, orders + count, begins
        if kind in kinds.ASKING:
            command = (*command[:4], *ranked)
        elif kind in _WHOLE:
            command = (*command[:-2], broker, asset)
        elif ranks.counts_broadly:
            command = (kinds.EXECUTE_COUNTED, *command[1:8], broker, asset)
        else:
            command = (kinds.EXECUTE, *command[1:8])
        commands.append(command if sent[0] != kinds.KEYED else (*sent[:3], command))
    entry.packed = pack_rows(commands)
    entry.counting = [
        (axis, before, 0, orders, now, now) for axis, (before, orders, now) in counting.items()
    ]


def _order_of(command: Message) -> Order:
    """Return an order, as far as its ranks depend on it."""
    if command[0] in _WHOLE:
        return decode(command[2])  # type: ignore[no-any-return]  # this client's own
    order = new_order(None, None, None, None, None, None, None)
    order._account_, order._settlement_ = command[1], command[3]  # type: ignore[assignment]  # as above
    return order
