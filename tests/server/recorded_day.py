"""What a server has written down, as commands with the replies to them, in the router's order."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from recorded_serve import COMMANDS, STRETCHES, noted_in

from openpit.wire import kinds
from openpit.wire.frames import (
    NOT_APPLIED,
    Flag,
    FrameReader,
    Op,
    command_in,
    head_of,
    messages_of,
    name_of,
    reply_in,
    whose,
)
from openpit.wire.runs import each_of

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["END", "ORDERS", "Day", "Place", "Step", "day_of"]

ORDERS = frozenset({kinds.EXECUTE, kinds.EXECUTE_COUNTED})
END = -Op.END
"""In place of a command's kind: its session has ended."""


@dataclass(slots=True)
class Place:
    """Where an order stands on an axis."""

    reach: int  # the last place of its stretch
    count: int  # what the router has stamped
    counted: int = 0  # the event of the first batch of the stretch


@dataclass(slots=True)
class Step:
    """A command and the reply to it, with what the router said of its batch."""

    shard: int
    client: int
    now: int
    number: int
    command: tuple[Any, ...]
    sent: int  # at which event
    places: dict[int, Place] = field(default_factory=dict)  # by axis
    reply: tuple[Any, ...] = ()
    answered: int = 0  # at which event
    is_blocked: bool = False
    breach: tuple[int, Any] | None = None  # the first limit that it is over: axis and rejects

    @property
    def is_order(self) -> bool:
        return self.command[0] in ORDERS

    @property
    def name(self) -> str:
        return f"{self.shard}/{self.number}"


@dataclass(slots=True)
class Day:
    """All of it, the axes by what is settled on them, and since when they are counted."""

    steps: list[Step]
    axes: dict[str | None, int]
    began: int


def day_of(record: Path) -> Day:
    """Read what a server has written down."""
    day = Day([], {}, 0)
    readers: dict[int, FrameReader] = defaultdict(FrameReader)
    pending: dict[int, deque[tuple[bytes, list[Step]]]] = defaultdict(deque)
    reaches: dict[int, int] = {}
    returned: set[int] = set()
    for event, noted in enumerate(noted_in(record)):
        if noted.what == STRETCHES:
            reaches = dict(noted.stretches)
        elif noted.what == COMMANDS:
            batch = _batch(noted.data, reaches, event)
            reaches = {}
            day.steps += batch
            pending[noted.shard].append((noted.data, batch))
        else:
            for frame in readers[noted.shard].feed(noted.data):
                command, batch = pending[noted.shard].popleft()
                flags, _, body = reply_in(frame, name_of(command))
                if flags & NOT_APPLIED:
                    returned.update(id(step) for step in batch)
                    continue
                replies = messages_of(body) if body else []
                if replies and replies[0][0] == kinds.READY:
                    _, _, _, day.began, _, _, rows = replies[0]
                    day.axes = {asset: axis for axis, asset, _ in rows}
                else:
                    _answer(batch, replies, event)
    day.steps = [step for step in day.steps if id(step) not in returned]
    return day


def _batch(frame: bytes, reaches: dict[int, int], event: int) -> list[Step]:
    head = head_of(frame)
    client, op, first, _, flags, now, _, _, axes, _, body = command_in(
        frame, whose(head.shard, head.epoch)
    )
    if op == Op.END:
        return [Step(head.shard, client, now, first, (END, None), event)]
    # The router's own, the worker's start, and what is only to be checked, change nothing here.
    if op != Op.MESSAGES or first == 0 or flags & Flag.CHECK:
        return []
    offsets = {axis: offset for axis, _, offset in axes}
    (others,) = [axis for axis in reaches if axis] or [None]
    steps = []
    for number, command in enumerate(messages_of(body), first):
        step = Step(head.shard, client, now, number, command, event)
        if command[0] == kinds.EXECUTE_COUNTED:
            broker, asset = command[-2:]
            if broker:
                step.places[0] = Place(reaches[0], broker + offsets[0])
            if asset and others is not None:
                step.places[others] = Place(reaches[others], asset + offsets[others])
        steps.append(step)
    return steps


def _answer(batch: list[Step], replies: list[Any], event: int) -> None:
    if not batch:
        return
    left = deque(batch)
    for reply in each_of(replies):
        step = left.popleft()
        step.reply, step.answered = reply, event
