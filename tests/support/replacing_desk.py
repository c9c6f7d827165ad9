"""A bench whose shard 0 has a journal, and whose workers end and are replaced as a test says."""

from __future__ import annotations

from typing import Any

from played import NOW, Bench

from openpit.client.resuming import Resume
from openpit.hosting.replacement import CRASHED, Replacement
from openpit.wire import kinds
from openpit.wire.axes import NO_AXES
from openpit.wire.frames import FrameReader, head_of, pack, reply_frame
from openpit.wire.limits import START_BYTES
from openpit.wire.recovered import Recovered

__all__ = ["Desk", "accepting", "done", "numbers"]


class Desk(Bench):
    """A bench whose shard 0 has a journal, of which the test says what is in it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.link = self.router.links[0]
        self.replacement = Replacement(self.router, self.link)
        self.written: list[bytes] = []  # to the worker of now
        self.refusals: list[str] = []
        self.is_passed = True
        self.why = ""  # the shard cannot go on

    def write(self) -> list[bytes]:
        """Return the batches that the worker of now is sent, since the last look."""
        source = self.link if self.is_passed else self.replacement
        frames = FrameReader(START_BYTES).feed(source.take()) if source.has_output else []
        self.written += frames
        return frames

    def die(self, weight: int = CRASHED) -> None:
        self.is_passed = False
        self.written.clear()
        self.replacement.begin("it was killed", weight)

    def start(self) -> bytes:
        """Start another worker; return what it is greeted with."""

        def passes() -> None:
            self.is_passed = True

        def recovered(number: int) -> None:
            self.why = self.replacement.recovered(number)

        greeting = Resume(NOW, 2, 9, b"", recovered, self.refusals.append)
        self.replacement.greet(greeting, passes)
        (frame,) = self.write()
        return frame

    def recover(self, behind: int, *wanted: bytes) -> None:
        """Start another worker, whose journal ends before a number; it sends what is wanted."""
        frame = self.start()
        told = (kinds.RECOVERED, (), *NO_AXES, *Recovered(lives=((0, behind),)))
        self.say(reply_frame(frame, pack((told,))), *wanted)

    def say(self, *replies: bytes) -> None:
        self.router.receive(self.link, b"".join(replies))


def accepting(frame: bytes) -> bytes:
    return reply_frame(frame, pack(((kinds.ACCEPTED, head_of(frame).commands),)))


def done(frame: bytes) -> bytes:
    return reply_frame(frame, b"")


def numbers(frames: list[bytes]) -> list[int]:
    return [head_of(frame).first for frame in frames]
