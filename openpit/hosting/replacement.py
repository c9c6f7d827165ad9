"""A shard whose worker ends and is replaced: what the next one is sent, and in which order.

Another worker replays the shard's journal, so it has had some of the batches in flight, and those
it answers from the replay; the rest it is sent again. Nobody who waits is told.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from openpit.hosting.suspects import is_of_change, skip, take_apart
from openpit.router.lifecycle import ShardEvent
from openpit.wire.frames import NAME, FrameReader, Op, command_frame, head_of
from openpit.wire.limits import REPLY_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.router.router import Router
    from openpit.router.shard_link import Entry, ShardLink
    from openpit.wire.frames import Frame

__all__ = ["CRASHED", "KILLED", "Replacement"]


CRASHED: Final = 2
"""What the end of a worker says against what it had in hand, if its own process brought it about.

Or if it was ended for going on too long.
"""

KILLED: Final = 1
"""What it says if somebody killed it: as a rule for a reason of his own, or of the system's."""

SUSPICIOUS: Final = 2 * CRASHED
"""What there has to be against one batch, before its commands go one at a time."""

CONVICTED: Final = 2 * CRASHED
"""What there has to be against one command that was sent alone, before it is skipped.

A single crash would do if nothing but the command could be its reason.
"""

_NONE: Final = -1
"""In place of a command's number, or of how many there are."""


class Replacement:
    """What is written to a worker that takes another's place, until its shard is as it was.

    ``has_output`` and ``take()`` are those of a link, which holds back its own meanwhile.
    """

    __slots__ = (
        "_alone",
        "_ends",
        "_ends_alone",
        "_frames",
        "_greeting",
        "_line",
        "_link",
        "_passes",
        "_rest",
        "_router",
        "_suspect",
        "_weight",
    )

    def __init__(self, router: Router, link: ShardLink) -> None:
        self._router: Final = router
        self._link: Final = link
        self._greeting: Entry | None = None  # while it is not answered
        self._frames: list[Frame] = []
        self._line: deque[Frame] = deque()  # to go one at a time, each when the last is answered
        self._rest: list[Frame] = []  # behind those
        self._passes: Callable[[], object] = bool
        # The number of the first command that the shard lacked the last time, and what there is
        # against it by the ends since; the same of one that was sent alone.
        self._suspect = self._alone = _NONE
        self._ends = self._ends_alone = 0
        self._weight = CRASHED  # of the last end of a worker that had been sent anything
        link.keeps = link.comes_back = True

    def begin(self, why: str, weight: int = CRASHED) -> None:
        """Record that the worker has ended: what is under way waits for another one.

        ``weight`` is what that says against what it had in hand.
        """
        link, books = self._link, self._router.books
        if link.is_stalled:  # its calls have been told; what it owes goes with the rest
            self._router.revive(link)
            books.news.pop()
        was_up = not link.is_recovering
        if was_up:
            self._weight = weight
        link.why = why
        link.happen(ShardEvent.REPLACE)
        link.reader = FrameReader(limit=REPLY_BYTES)
        link.frames = []  # all of them are kept
        link.heard = -1  # its silence counts anew when it has recovered
        self._frames.clear()
        self._line.clear()
        self._rest.clear()
        if self._greeting is not None:
            self._take_back_greeting()
        if was_up:
            books.news.append((ShardEvent.REPLACE, link, link.pid, why, link.restarts))

    def greet(self, entry: Entry, passes: Callable[[], object]) -> None:
        """Send another worker the command that it starts with.

        ``passes`` is called when it has all that the one before it had: from then on the link
        itself says what is to be sent.

        It has the number before the first that is not answered: from that one on, answers are
        wanted of what the shard has had already.
        """
        link = self._link
        link.answered -= 1
        link.in_flight += 1
        link.restarts += 1
        self._passes = passes
        entry.first = link.answered
        body = link.books.bodies.seal(link, entry.first, 1, (entry,))
        entry.packed = b""
        frame = command_frame(
            link.number, Op.MESSAGES, entry.first, 1, entry.now, body, epoch=link.epoch
        )
        link.pending.appendleft(entry)
        link.batches.appendleft((frame[NAME], Op.MESSAGES, 1, ()))
        link.kept.appendleft(b"")
        self._greeting = entry
        self._frames.append(frame)

    def _take_back_greeting(self) -> None:
        """Forget the command that a worker was to start with: it has ended before it had."""
        link = self._link
        self._greeting = None
        for queue in (link.pending, link.batches, link.kept):
            queue.popleft()
        link.answered += 1
        link.in_flight -= 1

    def recovered(self, number: int) -> str:
        """Send again what a worker lacks that has had all commands before a number.

        Return why the shard cannot go on, if it cannot.
        """
        link = self._link
        self._greeting = None
        place, first = 0, link.answered
        for _, _, count, _ in link.batches:
            if first >= number:
                break
            place, first = place + 1, first + count
        alone = self._alone_at(place, first)
        if alone == _NONE:
            return f"its worker ends each time at a change that spans shards: {link.why}"
        link.why = None
        link.happen(ShardEvent.RECOVERED)
        link.books.news.append((ShardEvent.RECOVERED, link, link.pid, None, link.restarts))
        kept, link.frames = list(link.kept), []
        self._line.extend(kept[place : place + alone])
        self._rest = kept[place + alone :]
        self._go_on()
        return ""

    def _alone_at(self, place: int, first: int) -> int:
        """Return how many batches go one at a time, from the first that the shard lacks.

        None of them may go, where that one has to be skipped, and must not be.
        """
        link = self._link
        if place == len(link.kept):
            self._suspect = _NONE
            return 0
        was_suspect, self._suspect = self._suspect, first
        self._ends = self._weight + (self._ends if first == was_suspect else 0)
        was_alone, self._alone = self._alone, _NONE
        if self._ends < SUSPICIOUS and was_alone == _NONE:
            return 0
        alone = take_apart(link, place, self._answered)
        if alone:
            self._ends_alone = self._ends_alone + self._weight if first == was_alone else 0
            if self._ends_alone >= CONVICTED:
                self._ends_alone = 0
                if is_of_change(link, place):
                    return _NONE
                alone += skip(link, place, first) - 1
            self._alone = first
        return alone

    def _answered(self, number: int) -> None:
        """Go on behind a command that went alone; others are answered from the replay."""
        if number == self._alone:
            self._go_on()

    def _go_on(self) -> None:
        """Send the next of those that go alone, or have the link go on by itself."""
        if self._line:
            frame = self._line.popleft()
            self._alone = head_of(frame).first
            self._frames.append(frame)
            return
        self._alone = _NONE
        link = self._link
        link.frames, self._rest = self._rest + link.frames, []  # behind them, what came meanwhile
        self._passes()

    # --- what a port asks of a link --------------------------------------------------------------

    @property
    def has_output(self) -> bool:
        """Whether :meth:`take` has anything to give."""
        return bool(self._frames)

    def take(self) -> bytes:
        """Return the frames that are to be written."""
        frames, self._frames = self._frames, []
        data = b"".join(frames)
        self._link.bytes_sent += len(data)
        return data
