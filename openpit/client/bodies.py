"""Bodies of batches: made of commands that go out, read of the replies to them.

A body answers exactly one batch. It is read and looked at whole before any of it is delivered.
What travels in between, the router passes on unread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from openpit.client.takes_many import TakesMany
from openpit.errors import CommandSkipped, WireError
from openpit.router.shard_link import Bodies
from openpit.wire import kinds
from openpit.wire.failures import failure_row
from openpit.wire.frames import body_of, messages_of, pack
from openpit.wire.possible_replies import Expected
from openpit.wire.replies import ONE_ACCEPTED, ONE_DONE, check_replies, is_usual
from openpit.wire.runs import RUNS, each_of
from openpit.wire.values import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from openpit.router.shard_link import Entry, ShardLink
    from openpit.wire.possible_replies import Reply

__all__ = ["BODIES", "defer", "drop", "receive", "refused", "seal", "skipped", "split"]

EXECUTE_COUNTED: Final = kinds.EXECUTE_COUNTED
ACCEPTED: Final = kinds.ACCEPTED
DONE: Final = kinds.DONE
REJECTED_ALIKE: Final = kinds.REJECTED_ALIKE

Part: TypeAlias = "tuple[Entry, Reply, int, int]"
"""An entry, a reply to it, the first of its commands that this answers, and how many it does."""

# What a reply that is not of this protocol makes of the code that reads it.
_MALFORMED: Final = (
    ArithmeticError,
    AttributeError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
)


def seal(_link: ShardLink, _first: int, count: int, entries: Sequence[Entry]) -> bytes:
    """Return the body of a batch: the commands of consecutive entries."""
    if count == 1:
        return b"\x91" + entries[0].packed
    return body_of([entry.packed for entry in entries], count)


def drop(handles: Sequence[int]) -> bytes:
    """Return the command that lets go of handles."""
    return pack((kinds.DROP, None, handles))


def receive(link: ShardLink, first: int, count: int, body: bytes) -> None:
    """Deliver the replies to a batch.

    Raises:
        WireError: they are none. Nothing has been delivered then, or all up to what an entry could
            make no sense of.
    """
    pending = link.pending
    try:
        if count == 1:
            # One reply to one command, spelt out: the hot path of one order at a time.
            entry = pending[0]
            alone = ACCEPTED if body == ONE_ACCEPTED else DONE if body == ONE_DONE else None
            if alone in entry.expected.kinds:
                entry.replied_run(link, alone, first, 1)
                pending.popleft()
                return
            replies = messages_of(body)
            reply = replies[0]
            kind = reply[0]
            may_answer, tested, _ = entry.expected
            if kind in may_answer and kind != tested and len(replies) == 1 and is_usual(reply):
                entry.replied(link, first, reply)
                pending.popleft()
                return
        else:
            replies = messages_of(body)
            if len(replies) == count == pending[0].count and _answer_each(pending[0], replies):
                entry = pending[0]
                if not (isinstance(entry, TakesMany) and entry.replied_to_all(link, replies)):
                    for seq, reply in enumerate(replies, first):
                        entry.replied(link, seq, reply)
                pending.popleft()
                return
        _deliver_all(link, _looked_at(link, first, count, replies))
    except _MALFORMED as error:
        raise WireError(f"not a reply of this protocol: {error!r}") from error


def _answer_each(entry: Entry, replies: Sequence[Reply]) -> bool:
    """Tell whether an entry has a reply to each of its commands, none of which takes a second look.

    As calls of many have whose orders hold something.

    Raises:
        WireError: one of them is no reply of this protocol.
    """
    check_replies(replies)
    may_answer, tested, _ = entry.expected
    found = {reply[0] for reply in replies}
    return found <= may_answer and tested not in found and found.isdisjoint(RUNS)


def _deliver_all(link: ShardLink, parts: Sequence[Part]) -> None:
    for entry, reply, seq, here in parts:
        kind = reply[0]  # _deliver(), spelt out
        if kind == ACCEPTED or kind == DONE:  # noqa: PLR1714, SIM109 - as above
            entry.replied_run(link, kind, seq, here)
        elif kind == REJECTED_ALIKE:
            _reject_alike(link, entry, reply, seq)
        else:
            entry.replied(link, seq, reply)
        # Only now: an entry that cannot make sense of its reply is lost with its shard.
        if seq + here == entry.first + entry.count:
            link.pending.popleft()


def _deliver(link: ShardLink, entry: Entry, reply: Reply, seq: int, count: int) -> None:
    """Hand a reply to the call that waits for it."""
    kind = reply[0]
    if kind == ACCEPTED or kind == DONE:  # noqa: PLR1714, SIM109 - as above
        entry.replied_run(link, kind, seq, count)
    elif kind == REJECTED_ALIKE:
        _reject_alike(link, entry, reply, seq)
    else:
        entry.replied(link, seq, reply)


def _reject_alike(link: ShardLink, entry: Entry, reply: Reply, seq: int) -> None:
    """Hand a reply to several orders to the call of many that waits, or to calls of one each."""
    if isinstance(entry, TakesMany):
        entry.rejected_alike(seq, *reply[1:])
        return
    for number, one in enumerate(each_of((reply,)), seq):
        entry.replied(link, number, one)


def _looked_at(link: ShardLink, first: int, count: int, replies: Sequence[Reply]) -> list[Part]:
    """Return what each entry of a batch is to have of the replies to it.

    Raises:
        WireError: one of them is no reply of this protocol, or none to what it answers.
    """
    check_replies(replies)
    parts: list[Part] = []
    entries = iter(link.pending)
    seq = end = first  # and the number behind the last command of the entry in hand
    left = count
    for reply in replies:
        kind = reply[0]
        here = 1
        if kind == ACCEPTED or kind == DONE:  # noqa: PLR1714, SIM109 - as above
            _, here = reply
            if not (type(kind) is type(here) is int and 0 < here <= left):
                raise WireError(f"an answer to {here!r:.50} of {left} commands")
        elif kind == REJECTED_ALIKE:
            here = len(reply[1])
            if here > left:
                raise WireError(f"an answer to {here} of {left} commands")
        if not left:
            raise WireError(f"more than {count} replies to as many commands")
        left -= here
        while here:
            if seq == end:
                entry = next(entries)
                end = entry.first + entry.count
                may_answer, tested, fits = entry.expected
            if kind not in may_answer or (kind == tested and not fits(reply)):
                raise WireError(f"not a reply to this command: {reply!r:.200}")
            part = min(end - seq, here)
            parts.append((entry, _part_of(reply, here, part), seq, part))
            seq += part
            here -= part
    if left:
        raise WireError(f"no reply to {left} of {count} commands")
    return parts


def _part_of(reply: Reply, left: int, count: int) -> Reply:
    """Return what a reply says to the next so many of the commands that are left of it."""
    if reply[0] != REJECTED_ALIKE:
        return reply
    kind, numbers, reject = reply
    at = len(numbers) - left
    return reply if len(numbers) == count else (kind, numbers[at : at + count], reject)


def defer(link: ShardLink, first: int, count: int, body: bytes) -> Callable[[], None]:
    """Look at the replies to a batch, and return what delivers them when their time has come.

    Raises:
        WireError: they are none.
    """
    try:
        parts = _looked_at(link, first, count, messages_of(body))
    except _MALFORMED as error:
        raise WireError(f"not a reply of this protocol: {error!r}") from error
    for entry, _, seq, here in parts:
        entry.defer(link, seq, here)
        if seq + here == entry.first + entry.count:
            link.pending.popleft()

    def deliver_all() -> None:
        for entry, reply, seq, here in parts:
            _deliver(link, entry, reply, seq, here)

    return deliver_all


def refused(link: ShardLink, flags: int, count: int, body: bytes) -> None:
    """Refuse a refusal: to a batch of the router's own, a shard says nothing of the kind.

    Raises:
        WireError: always.
    """
    raise WireError(f"shard {link.number} refuses {count} commands, flags {flags}: {body!r:.200}")


def split(body: bytes) -> list[tuple[bytes, Mapping[str | None, int]]]:
    """Return a body for each command of one, and for how many orders of which asset it may count.

    Those of the broker go by None.
    """
    return [(body_of([pack(one)], 1), _counted_by(one)) for one in messages_of(body)]


def _counted_by(command: Any) -> Mapping[str | None, int]:
    kind = command[0]
    if kind == kinds.KEYED:
        return _counted_by(command[3])
    found: dict[str | None, int] = {}
    if kind in kinds.ASKING:
        *_, rank, orders, assets = command
        found = {asset: its for asset, first, its in assets if first}
        if rank:
            found[None] = orders
    elif kind in kinds.COUNTING:
        *_, rank, its = command
        if its:
            found[command[3] if kind == EXECUTE_COUNTED else decode(command[2])._settlement_] = 1
        if rank:
            found[None] = 1
    return found


def skipped(link: ShardLink) -> Reply:
    """Return the reply to a command that its shard has skipped: CommandSkipped."""
    text = f"shard {link.number}: its worker has ended each time that it came to this command"
    error = CommandSkipped(f"{text}, which was not applied", link.number)
    return (kinds.RAISED, *failure_row(error))


BODIES: Final = Bodies(
    seal, receive, defer, drop, Expected(kinds.ANSWERS[kinds.DROP]), refused, split, skipped
)
"""What a router asks of its client where a body is to be made or read."""
