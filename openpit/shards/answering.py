"""What the pipeline answers, as replies that travel: rows of rejects, blocks and outcomes."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from openpit.errors import FrameTooLarge
from openpit.pretrade.effects import ITSELF
from openpit.pretrade.rejects import block_row, new_reject, reject_row
from openpit.wire import kinds
from openpit.wire.failures import failure_row
from openpit.wire.flat_rows import lock_row, outcome_row, pnl_row
from openpit.wire.frames import body_of, pack
from openpit.wire.limits import REPLY_BYTES
from openpit.wire.replies import ONE_ACCEPTED, ONE_DONE
from openpit.wire.runs import PLAIN_RUNS, answered_by, told_apart
from openpit.wire.values import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.engine.answers import Adjusted, Applied, DryRun, Recorded
    from openpit.pretrade.effects import Effects
    from openpit.pretrade.rejects import Reject

__all__ = [
    "UNPACKABLE",
    "Reply",
    "adjusted",
    "answer_of",
    "append",
    "denied",
    "dry",
    "packed",
    "recorded",
    "rejected",
    "reported",
    "told",
    "unchecked",
]

Reply: TypeAlias = "Sequence[Any]"

ROUTER: Final = "Router"
"""The policy name in the rejects of what is denied unchecked, as the client's own are."""

_ACCEPTED: Final = [[kinds.ACCEPTED, 1]]
_DONE: Final = [(kinds.DONE, 1)]
"""What is answered to most commands that come alone."""

_NO_TRACES: Final = ((), ())

_HEADROOM: Final = 64
"""Bytes of a frame of replies beside them."""

UNPACKABLE: Final = (FrameTooLarge, ValueError, OverflowError)
"""What packing a reply may raise: too long, a text without UTF-8 form, a number over 64 bits."""


def append(answered: list[Reply], reply: Reply) -> None:
    """Append a reply, or count it into the run that it goes on with."""
    kind = reply[0]
    if kind in PLAIN_RUNS and answered and answered[-1][0] == kind:
        answered[-1] = (kind, answered[-1][1] + 1)
    else:
        answered.append(reply)


def rejected(rejects: Sequence[Reject]) -> Reply:
    """Return the reply to an order that was rejected."""
    return kinds.REJECTED, tuple(map(reject_row, rejects))


def denied(shard: int, most: int) -> Reply:
    """Return the reply to an order of a session that has as much open as it may."""
    details = f"shard {shard}: the session has {most} reservations open, and may have no more"
    return unchecked("too much is open", details)


def unchecked(reason: str, details: str) -> Reply:
    """Return the reply to an order that its shard has not checked."""
    return rejected([new_reject("SystemUnavailable", reason, details, ROUTER, "order")])


def told(effects: Effects) -> tuple[Any, Any]:
    """Return what goes back with an order, lock and outcomes; what stays open need not keep it."""
    traces = _traces(effects)
    effects.forget_traces()
    return traces


def _traces(effects: Effects) -> tuple[Any, Any]:
    prices = effects.own_prices
    if type(prices) is Decimal and (effects.mutations is ITSELF or effects.more is None):
        # One policy's, most often, that locks one price: told without a mapping, in a third less.
        group = effects.group_id
        rows = tuple([outcome_row((group, row)) for row in effects.told_rows()])
        return ((group, str(prices)),), rows
    if not (prices or effects.own_rows or effects.more):
        return _NO_TRACES
    return lock_row(effects.lock_groups), tuple(map(outcome_row, effects.rows))


def dry(answer: DryRun) -> Reply:
    """Return the reply to a dry run."""
    effects, block = answer
    return (
        kinds.DRY,
        tuple(map(reject_row, effects.rejects)) or None,
        *_traces(effects),
        None if block is None else block_row(block),
    )


def recorded(answer: Recorded, *, is_held: bool) -> Reply:
    """Return the reply to a drop copy; ``is_held`` tells whether its fate is open."""
    effects, block, is_blocked = answer
    return (
        kinds.RECORDED,
        is_held,
        *told(effects),
        None if block is None else block_row(block),
        is_blocked,
    )


def answer_of(value: object) -> Reply:
    """Return the reply that gives a value back."""
    return kinds.ANSWER, encode(value)


def reported(answer: Applied) -> Reply | None:
    """Return the reply to a report; None where there is nothing to say."""
    blocks, pnls, rows = answer
    if not (blocks or pnls or rows):
        return None
    return (
        kinds.REPORTED,
        tuple(map(block_row, blocks)),
        tuple(map(pnl_row, pnls)),
        tuple(map(outcome_row, rows)),
    )


def adjusted(answer: Adjusted) -> Reply:
    """Return the reply to an account's adjustments."""
    failed, rejects, rows, blocks = answer
    return (
        kinds.ADJUSTED,
        failed,
        tuple(map(reject_row, rejects)),
        tuple(map(outcome_row, rows)),
        tuple(map(block_row, blocks)),
    )


def packed(first: int, answered: Sequence[Reply], let_go: Callable[[int], None]) -> bytes:
    """Return the body of the replies to a batch.

    ``let_go`` is called with the number of each command whose reply cannot be told: its caller
    cannot know of what it has left open.
    """
    if answered == _ACCEPTED:
        return ONE_ACCEPTED
    if answered == _DONE:
        return ONE_DONE
    try:
        return pack(answered)
    except UNPACKABLE:
        # One of them is at fault: its caller is told, the others get their answers.
        return _packed_apart(first, answered, let_go)


def _packed_apart(first: int, answered: Sequence[Reply], let_go: Callable[[int], None]) -> bytes:
    # What has no room is told so, for which there has to be room whatever comes before it.
    why = FrameTooLarge(f"the replies to a batch are over the limit of {REPLY_BYTES} bytes")
    refusal = pack((kinds.RAISED, *failure_row(why)))
    answered = [*told_apart(answered)]
    room = REPLY_BYTES - _HEADROOM - len(answered) * len(refusal)
    pieces: list[bytes] = []
    seq = first
    for reply in answered:
        try:
            piece, is_lost = pack(reply), False
        except UNPACKABLE as error:
            piece, is_lost = pack((kinds.RAISED, *failure_row(error))), True
        more = max(len(piece) - len(refusal), 0)
        if more > max(room, 0):
            piece, is_lost, more = refusal, True, 0
        room -= more
        if is_lost:
            let_go(seq)
        pieces.append(piece)
        seq += answered_by(reply)
    return body_of(pieces, len(pieces))
