"""A shard whose worker ends and is replaced: what the next one is sent, and in which order.

Another worker replays the shard's journal, so it has had some of the batches in flight, and those
it answers from the replay; the rest it is sent again. Nobody who waits is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openpit.router.lifecycle import ShardEvent
from openpit.wire.frames import NAME, FrameReader, Op, command_frame
from openpit.wire.limits import REPLY_BYTES

if TYPE_CHECKING:
    from openpit.router.router import Router
    from openpit.router.shard_link import Entry, ShardLink
    from openpit.wire.frames import Frame

__all__ = ["Replacement"]


class Replacement:
    """What is written to a worker that takes another's place, until its shard is as it was.

    ``has_output`` and ``take()`` are those of a link, which holds back its own meanwhile:
    ``is_over`` says for how long.
    """

    __slots__ = ("_frames", "_greeting", "_link", "_router", "is_over")

    def __init__(self, router: Router, link: ShardLink) -> None:
        self._router: Final = router
        self._link: Final = link
        self._greeting: Entry | None = None  # while it is not answered
        self._frames: list[Frame] = []
        self.is_over = True
        link.keeps = True

    def begin(self, why: str) -> None:
        """Record that the worker has ended: what is under way waits for another one."""
        link, books = self._link, self._router.books
        if link.is_stalled:  # its calls have been told; what it owes goes with the rest
            self._router.revive(link)
            books.news.pop()
        was_up = not link.is_recovering
        link.why = why
        link.happen(ShardEvent.REPLACE)
        link.reader = FrameReader(limit=REPLY_BYTES)
        link.frames = []  # all of them are kept
        link.heard = -1  # its silence counts anew when it has recovered
        self._frames.clear()
        self.is_over = False
        if self._greeting is not None:
            self._take_back_greeting()
        if was_up:
            books.news.append((ShardEvent.REPLACE, link))

    def greet(self, entry: Entry) -> None:
        """Send another worker the command that it starts with.

        It has the number before the first that is not answered: from that one on, answers are
        wanted of what the shard has had already.
        """
        link = self._link
        link.answered -= 1
        link.in_flight += 1
        link.restarts += 1
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

    def recovered(self, number: int) -> None:
        """Send again what a worker lacks that has had all commands before a number."""
        link = self._link
        self._greeting = None
        first = link.answered
        again: list[Frame] = []
        for (_, _, count, _), frame in zip(link.batches, link.kept, strict=True):
            if first >= number:
                again.append(frame)
            first += count
        link.why = None
        link.happen(ShardEvent.RECOVERED)
        link.books.news.append((ShardEvent.RECOVERED, link))
        link.frames = again
        self.is_over = True

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
