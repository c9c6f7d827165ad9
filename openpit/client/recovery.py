"""What an engine does before anything else when its shards have come back from a journal.

What one shard knows that all have to know is told to the others; what was begun on some of them is
completed; and what nobody can hold any more is rolled back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from openpit.client.expected import expected
from openpit.router.own_commands import OwnOp
from openpit.router.procedures import Question
from openpit.wire.frames import EPOCH_COMMANDS, Op, body_of, messages_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.client.client import Client
    from openpit.router.procedures import Steps
    from openpit.router.router import Router
    from openpit.wire.axes import CountingAxes
    from openpit.wire.recovered import Recovered

__all__ = ["Told", "WideChange", "begin_again", "complete", "left_out"]

Told: TypeAlias = "tuple[CountingAxes, Recovered]"
"""What a worker says when it is up."""


class WideChange(NamedTuple):
    """A change that spans shards, as it was written down before any of them was told."""

    commands: dict[int, bytes]
    """The packed command of each shard."""
    numbers: dict[int, list[int]]
    """The numbers under which each may have it: it may have been told again."""
    record: int
    """Where it was written down first."""


def begin_again(client: Client, now: int, told: Sequence[Told]) -> None:
    """Take up what the shards of a router have come back with, before any call is made.

    The broad rates go on in their windows, the engine-wide block is armed on all if it is on any,
    and what a program had open that is gone is rolled back.
    """
    axes = max((axes for axes, _ in told), key=lambda one: one.version)
    client.retune(axes)
    rates, links = client.books.rates, client.router.links
    for _, recovered in told:
        rates.restore(recovered.windows)
    causes = 0
    for _, recovered in told:
        causes |= recovered.causes
    for link, (_, recovered) in zip(links, told, strict=True):
        if causes & ~recovered.causes:
            link.stage(OwnOp(now, Op.ARM, causes=causes))
        if recovered.open_handles:
            link.stage(OwnOp(now, Op.END))


def left_out(
    changes: Sequence[WideChange], told: Sequence[Told]
) -> list[tuple[WideChange, list[int]]]:
    """Return the changes that some shards lack, in order, and those shards."""
    ends = [dict(recovered.lives) for _, recovered in told]
    found = []
    for change in changes:
        lacking = [
            shard
            for shard in change.commands
            if not any(_has(ends[shard], number) for number in change.numbers[shard])
        ]
        if lacking:
            found.append((change, lacking))
    return found


def _has(ends: dict[int, int], number: int) -> bool:
    """Tell whether a shard has had a command of a number; ``ends`` are behind those it has had."""
    return number < ends.get(number // EPOCH_COMMANDS, 0)


def complete(
    router: Router,
    now: int,
    lacking: Sequence[tuple[WideChange, list[int]]],
    begin: Callable[[WideChange], None],
) -> Steps:
    """Make each change on the shards that lack it, in order.

    ``begin`` is called with a change ahead of what is written down of it now.
    """
    for change, shards in lacking:
        begin(change)
        yield now, [_question(router, shard, change.commands[shard]) for shard in shards]


def _question(router: Router, shard: int, packed: bytes) -> Question:
    (command,) = messages_of(body_of([packed], 1))
    return Question(router.links[shard], packed, expected(command), is_change=True)
