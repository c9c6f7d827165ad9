"""What the pipeline answers, as replies that travel: rows of rejects, blocks and outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from openpit.pretrade.rejects import block_row, reject_row
from openpit.wire import kinds
from openpit.wire.flat_rows import lock_row, outcome_row, pnl_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.engine.answers import Adjusted, Applied, DryRun, Recorded
    from openpit.engine.finalize import Effects
    from openpit.pretrade.rejects import Reject

__all__ = ["RUNS", "Reply", "adjusted", "append", "dry", "recorded", "rejected", "reported", "told"]

Reply: TypeAlias = "Sequence[Any]"

RUNS: Final = frozenset({kinds.ACCEPTED, kinds.DONE})
"""The kinds of reply of which one answers consecutive commands."""


def append(answered: list[Reply], reply: Reply) -> None:
    """Append a reply, or count it into the run that it goes on with."""
    kind = reply[0]
    if kind in RUNS and answered and answered[-1][0] == kind:
        answered[-1] = (kind, answered[-1][1] + 1)
    else:
        answered.append(reply)


def rejected(rejects: Sequence[Reject]) -> Reply:
    """Return the reply to an order that was rejected."""
    return kinds.REJECTED, tuple(map(reject_row, rejects))


def told(effects: Effects) -> tuple[Any, Any]:
    """Return what goes back with an order, lock and outcomes; what stays open need not keep it."""
    traces = _traces(effects)
    effects.forget_traces()
    return traces


def _traces(effects: Effects) -> tuple[Any, Any]:
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
