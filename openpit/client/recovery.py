"""What an engine does before anything else when its shards have come back from a journal.

What one shard knows that all have to know is told to the others; what was begun on some of them is
completed; and what nobody can hold any more is rolled back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from openpit.client.expected import expected, questions_to
from openpit.client.procedures import administration
from openpit.router.own_commands import OwnOp
from openpit.router.procedures import Question
from openpit.wire import kinds
from openpit.wire.frames import EPOCH_COMMANDS, Op, body_of, messages_of, pack
from openpit.wire.possible_replies import ONLY_DONE
from openpit.wire.roles import OF_METHOD, Role

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.client.client import Client
    from openpit.router.procedures import Steps
    from openpit.router.router import Router
    from openpit.wire.axes import CountingAxes
    from openpit.wire.recovered import Recovered

__all__ = ["Told", "WideChange", "begin_again", "changes_in_group", "complete", "left_out"]

Told: TypeAlias = "tuple[CountingAxes, Recovered]"
"""What a worker says when it is up."""


_ASKS: Final = frozenset({"can_register", "can_unregister"})
_OF_MEMBERS: Final = frozenset({"register_group", "unregister_group"})
"""What each shard is told of its own accounts."""

_LIFTS: Final = (None, "unblock_all")
"""Of an administrative command, the account and the method that lift the engine-wide block."""


class WideChange(NamedTuple):
    """A change that spans shards, as it was written down before any of them was told."""

    commands: dict[int, bytes]
    """The packed command of each shard."""
    numbers: dict[int, list[int]]
    """The numbers under which each may have it: it may have been told again."""
    record: int | tuple[int, int]
    """Where it was written down first: the record, and which of those in it if there are more."""


def begin_again(
    client: Client, now: int, told: Sequence[Told], is_kept: Callable[[int], bool]
) -> None:
    """Take up what the shards of a router have come back with, before any call is made.

    The broad rates go on in their windows. What is open of a client that ``is_kept``, by its
    number, stays so, that of the router's own to be asked for; all else is rolled back.
    """
    client.retune(max((axes for axes, _ in told), key=lambda one: one.version))
    for _, recovered in told:
        client.books.rates.restore(recovered.windows)
    for link, (_, recovered) in zip(client.router.links, told, strict=True):
        for number in recovered.clients:
            if not is_kept(number):
                link.stage(OwnOp(now, Op.END, client=number))
            elif not number:
                client.left.before[link.number] = link.epoch * EPOCH_COMMANDS + 1
    client.left.missed.update(client.left.before)


def changes_in_group(
    rows: Sequence[tuple[int, int, bytes]], absent: Sequence[tuple[int, int]], record: int
) -> list[WideChange]:
    """Return the changes that a session has told shards together, of each shard one at a time.

    A row is a shard, the number of the first command there, and the body of its batch; what is
    no change that spans shards, such as an order, is left out. Of what all shards are told alike,
    those that were ``absent`` lack it.
    """
    changes: list[WideChange] = []
    for shard, number, body in rows:
        place = sum(shard in one.commands for one in changes)
        for command in filter(_is_wide, messages_of(body)):
            if place == len(changes):
                changes.append(WideChange({}, {}, (record, place)))
            changes[place].commands[shard] = pack(command)
            changes[place].numbers[shard] = [number]
            place += 1
    for change in changes:
        packed = next(iter(change.commands.values()))
        if _command_in(packed)[2] not in _OF_MEMBERS:
            for shard, number in absent:
                change.commands[shard] = packed
                change.numbers[shard] = [number]
    return changes


def _is_wide(command: Sequence[Any]) -> bool:
    """Tell whether a command is a change that all shards make, or several, each its part."""
    if command[0] == kinds.CONFIGURE:
        return command[1] is None
    if command[0] != kinds.ADMINISTER or command[1] is not None:
        return False
    return OF_METHOD[command[2]] >= Role.ADMIN and command[2] not in _ASKS


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
    told: Sequence[Told],
    changes: Sequence[WideChange],
    begin: Callable[[WideChange], None],
    is_kept: Callable[[int], bool],
) -> Steps:
    """Make each change on the shards that lack it, in order; then block the engine on all or none.

    It is blocked if any shard is, unless that one only lacks the call that lifts the block.
    ``begin`` is called with a change ahead of what is written down of it now.
    """
    links = router.links
    left_open = [
        link
        for link, (_, recovered) in zip(links, told, strict=True)
        if not all(map(is_kept, recovered.clients))
    ]
    if left_open:  # a rollback may block the engine: what is asked behind it waits for that
        yield now, questions_to(left_open, administration("anything_blocked"))
    causes = [recovered.causes for _, recovered in told]
    for change, shards in left_out(changes, told):
        begin(change)
        questions = [_question(router, shard, change.commands[shard]) for shard in shards]
        yield now, questions
        for shard in shards:
            if _command_in(change.commands[shard])[1:3] == _LIFTS:
                causes[shard] = 0
    union = 0
    for each in causes:
        union |= each
    unarmed = [link for link, its in zip(links, causes, strict=True) if union & ~its and link.is_up]
    if unarmed:
        yield now, [Question(link, union, ONLY_DONE) for link in unarmed]


def _question(router: Router, shard: int, packed: bytes) -> Question:
    answers = expected(_command_in(packed))
    return Question(router.links[shard], packed, answers, is_change=True)


def _command_in(packed: bytes) -> tuple[Any, ...]:
    (command,) = messages_of(body_of([packed], 1))
    return command
