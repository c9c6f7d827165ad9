"""A batch that was in hand when a worker ended, more than once: its commands go one at a time.

So the one that ends its worker is found, and the others have their answers. That one is answered by
name, and the shard is told to skip it: what it was to end is over all the same, see
``shards/skipping.py``. So it is with a batch of another client, as far as ``Bodies.split`` can read
it; one that it cannot stays whole, goes alone, and is skipped alone. And so with what the router
says of its own accord at which callbacks of policies run: the end of a client, and time.

A command of a change that other shards make, too, is never skipped: they would differ from then on.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from openpit.errors import WireError
from openpit.router.shard_link import Entry
from openpit.wire.axes import VOUCHED
from openpit.wire.frames import NAME, Flag, Op, command_frame, command_in, head_of, whose
from openpit.wire.own_numbers import OWN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from openpit.router.rates import Counted
    from openpit.router.shard_link import ShardLink
    from openpit.wire.frames import Axis, Frame
    from openpit.wire.possible_replies import Reply

__all__ = ["Piece", "Whole", "is_of_change", "skip", "take_apart"]

_OF_CHANGES: Final = Flag.TURN | Flag.ALL
"""Of another client's batch: all shards are told what is in it."""

_WITH_CALLBACKS: Final = frozenset({Op.MESSAGES, Op.END, Op.TICK})
"""The ops at which callbacks of policies may run: a client's, and two of the router's own."""

_UNREADABLE: Final = (WireError, ArithmeticError, LookupError, TypeError, ValueError)
"""What reading a batch may raise that nobody but its shard has looked at."""


class Piece(Entry):
    """One command of an entry, in a batch of its own; ``answered`` is called with its number."""

    __slots__ = ("_answered", "_is_answered", "entry")

    def __init__(self, entry: Entry, first: int, now: int, answered: Callable[[int], None]) -> None:
        super().__init__(1, now, b"", entry.expected)
        self.first = first
        self.entry: Final = entry
        self._answered: Final = answered
        self._is_answered = False

    @property
    def client_number(self) -> int:  # type: ignore[override]  # the base class says it for all
        return self.entry.client_number

    @property
    def delays_all(self) -> bool:  # type: ignore[override]  # as above
        return self.entry.delays_all

    @property
    def is_awaited(self) -> bool:  # type: ignore[override]  # as above
        return self.entry.is_awaited

    def _note(self) -> None:
        if not self._is_answered:
            self._is_answered = True
            self._answered(self.first)

    def replied(self, link: ShardLink, seq: int, reply: Reply) -> None:
        self.entry.replied(link, seq, reply)
        self._note()

    def replied_run(self, link: ShardLink, kind: int, seq: int, count: int) -> None:
        self.entry.replied_run(link, kind, seq, count)
        self._note()

    def defer(self, link: ShardLink, seq: int, count: int) -> None:
        self.entry.defer(link, seq, count)
        self._note()

    def confirmed(self, link: ShardLink) -> None:
        """Record that the shard has skipped it, or done it if it is the router's own."""
        if self.entry.op:
            self.entry.confirmed(link)
            self._note()
        else:
            self.replied(link, self.first, link.books.bodies.skipped(link))

    def lost(self, link: ShardLink, *, sent: bool) -> None:
        self.entry.lost(link, sent=sent)

    def stalled(self, link: ShardLink, why: str) -> None:
        self.entry.stalled(link, why)


class Whole(Entry):
    """A batch of another client, or one command of it that goes alone: then it ``is_apart``."""

    __slots__ = ("went_alone",)

    is_apart = False
    went_alone: Callable[[int], None] | None
    """Called with its number when it is answered, where it went alone."""

    def defer(self, link: ShardLink, seq: int, count: int) -> None:
        self.told()

    def told(self) -> None:
        """Record that it has been answered."""
        if self.went_alone is not None:
            went_alone, self.went_alone = self.went_alone, None
            went_alone(self.first)

    def skipped(self, link: ShardLink) -> None:
        """Record that the shard has skipped all of it."""
        raise NotImplementedError

    def parts(self) -> list[Whole]:
        """Return its commands, each on its own; its client is told when all have been answered."""
        raise NotImplementedError


class _Skipped(Entry):
    """One command of a batch that is skipped; the last one tells it."""

    __slots__ = ("_answered", "client_number", "entry")

    op = Op.SKIP

    def __init__(self, entry: Whole, number: int, now: int) -> None:
        super().__init__(1, now)
        self.first = number
        self.entry: Final = entry
        self.client_number = entry.client_number
        self._answered = entry.went_alone

    @property
    def is_awaited(self) -> bool:  # type: ignore[override]  # as above
        return self.entry.is_awaited

    def defer(self, link: ShardLink, seq: int, count: int) -> None:
        self._note()

    def confirmed(self, link: ShardLink) -> None:
        """Record that the shard has skipped it."""
        if self.first == self.entry.first + self.entry.count - 1:
            self.entry.went_alone = None
            if self.entry.op:
                self.entry.confirmed(link)
            else:
                self.entry.skipped(link)
        self._note()

    def _note(self) -> None:
        if self._answered is not None:
            answered, self._answered = self._answered, None
            answered(self.first)

    def lost(self, link: ShardLink, *, sent: bool) -> None:
        self.entry.lost(link, sent=sent)

    def stalled(self, link: ShardLink, why: str) -> None:
        self.entry.stalled(link, why)


def take_apart(link: ShardLink, place: int, answered: Callable[[int], None]) -> int:
    """Put batches of one command in the place of one of those in flight; return how many.

    What the router says of its own accord and runs no callback stays, and goes with the rest. One
    that is apart already stays, too. ``answered`` is called with the number of each command that is
    answered.
    """
    _, op, count, counted = link.batches[place]
    if op not in _WITH_CALLBACKS:
        return 0
    at = _entry_at(link, place)
    entry = link.pending[at]
    if _is_apart(entry):
        return sum(map(_is_apart, islice(link.pending, at, None)))
    if isinstance(entry, Whole):
        if op == Op.MESSAGES and _take_whole_apart(link, place, at, entry, answered):
            return count
        entry.went_alone = answered
        return 1
    if op != Op.MESSAGES:
        link.pending[at] = Piece(entry, entry.first, entry.now, answered)
        return 1
    if entry.client_number:  # looked at on another client's behalf: no command of it is applied
        return 0
    client, _, first, _, _, now, _, unacknowledged, axes, times, body = command_in(
        link.kept[place], whose(link.number, link.epoch)
    )
    parts = link.books.bodies.split(body)
    frames = [
        command_frame(
            *(link.number, op, number, 1, time, alone),
            axes=axes,
            epoch=link.epoch,
            client=client,
            settings=unacknowledged + number - first,
        )
        for number, time, (alone, _) in zip(
            range(first, first + count), times or [now] * count, parts, strict=True
        )
    ]
    assets = {number: asset for number, asset, _ in link.books.rates.told.rows}
    pieces: list[Entry] = []
    while len(pieces) < count:
        entry = link.pending[at]
        del link.pending[at]
        numbers = range(entry.first, entry.first + entry.count)
        pieces += [Piece(entry, number, entry.now, answered) for number in numbers]
    for piece in reversed(pieces):
        link.pending.insert(at, piece)
    del link.batches[place]
    del link.kept[place]
    for frame, (_, orders) in zip(reversed(frames), reversed(parts), strict=True):
        its = _counted_by(orders, counted, assets)
        link.batches.insert(place, (frame[NAME], op, 1, its))
        link.kept.insert(place, frame)
    return count


def _is_apart(entry: Entry) -> bool:
    return isinstance(entry, Piece) or (isinstance(entry, Whole) and entry.is_apart)


def _take_whole_apart(
    link: ShardLink, place: int, at: int, entry: Whole, answered: Callable[[int], None]
) -> bool:
    """Take a batch of another client apart; tell whether that could be done."""
    client, op, first, count, flags, now, role, settings, axes, times, body = command_in(
        link.kept[place], whose(link.number, link.epoch)
    )
    if count == 1 or flags & _OF_CHANGES:
        return False
    try:
        parts = link.books.bodies.split(body)
    except _UNREADABLE:
        return False
    if len(parts) != count:
        return False
    counted = link.batches[place][3]
    assets = {number: asset for number, asset, _ in link.books.rates.told.rows}
    entries = entry.parts()
    for one in entries:
        one.went_alone = answered
    del link.pending[at], link.batches[place], link.kept[place]
    for back in reversed(range(count)):
        alone, orders = parts[back]
        its = _counted_by(orders, counted, assets)
        ours = {row[0]: row[3] for row in its}
        vouched = [_alone(row, ours, back) for row in axes]
        frame: Frame = command_frame(
            *(link.number, op, first + back, 1, times[back] if times else now, alone),
            flags=flags & ~Flag.TIMES,
            axes=vouched,
            epoch=link.epoch,
            client=client,
            role=role,
            settings=settings,
        )
        link.pending.insert(at, entries[back])
        link.batches.insert(place, (frame[NAME], op, 1, its))
        link.kept.insert(place, frame)
    return True


def _alone(row: Axis, ours: Mapping[int, int], back: int) -> Axis:
    """Return a row of the head of a batch for its command at a place, which counts so much."""
    axis, one, other = row
    if axis >= OWN:
        return axis + back, one + back, other
    return (axis, one, ours.get(axis - VOUCHED, 0)) if axis >= VOUCHED else row


def is_of_change(link: ShardLink, place: int) -> bool:
    """Tell whether a batch that went alone is of a change that other shards make, too."""
    entry = link.pending[_entry_at(link, place)]
    if isinstance(entry, Whole):
        return bool(head_of(link.kept[place]).flags & _OF_CHANGES)
    return isinstance(entry, Piece) and entry.entry.is_change


def _counted_by(
    orders: Mapping[str | None, int], counted: Sequence[Counted], assets: Mapping[int, str | None]
) -> list[Counted]:
    """Return what one command counts of a batch; on an axis that is none any more, all of it."""
    rows = [
        (
            *row[:3],
            min(row[3], orders.get(assets[row[0]], 0) if row[0] in assets else row[3]),
            *row[4:],
        )
        for row in counted
    ]
    return [row for row in rows if row[3]]


def skip(link: ShardLink, place: int, number: int) -> int:
    """Have a shard skip a command, in the place of a batch that went alone; return how many it has.

    One that cannot be taken apart is skipped as a whole.
    """
    _, _, count, counted = link.batches[place]
    link.books.rates.give_back(counted)
    at = _entry_at(link, place)
    entry = link.pending[at]
    if isinstance(entry, Whole) and not entry.is_apart:
        _skip_whole(link, place, at, entry)
        return count
    frame = _skipping(link, link.kept[place], number)
    link.batches[place] = frame[NAME], Op.SKIP, 1, ()
    link.kept[place] = frame
    return 1


def _skip_whole(link: ShardLink, place: int, at: int, entry: Whole) -> None:
    entry.counted = ()
    skipped, now = link.kept[place], head_of(link.kept[place]).time
    del link.pending[at], link.batches[place], link.kept[place]
    for number in reversed(range(entry.first, entry.first + entry.count)):
        frame = _skipping(link, skipped, number)
        link.pending.insert(at, _Skipped(entry, number, now))
        link.batches.insert(place, (frame[NAME], Op.SKIP, 1, ()))
        link.kept.insert(place, frame)


def _skipping(link: ShardLink, skipped: Frame, number: int) -> Frame:
    """Return what has a shard skip a command; with the first of a batch, end what all of it would.

    Its head says what was skipped in the place of the settings.
    """
    client, op, first, _, _, now, *_, body = command_in(skipped, whose(link.number, link.epoch))
    frame: Frame = command_frame(
        *(link.number, Op.SKIP, number, 1, now, body if number == first else b""),
        epoch=link.epoch,
        client=client,
        settings=op,
    )
    return frame


def _entry_at(link: ShardLink, place: int) -> int:
    """Return where in the line of entries a batch begins, behind the one that is in hand."""
    before = sum(count for _, _, count, _ in islice(link.batches, place))
    at = 1
    while before > 0:
        before -= link.pending[at].count
        at += 1
    return at
