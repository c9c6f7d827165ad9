"""From a shard's reply to what the public method returns, and what it returns without a reply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from openpit.client.lost_answers import Unanswered
from openpit.core.lock import new_lock
from openpit.pretrade.rejects import Reject, new_reject
from openpit.pretrade.results import (
    AccountAdjustmentBatchResult,
    DropCopyResult,
    DryRunReport,
    ExecuteResult,
    PostTradeResult,
    new_account_adjustment_batch_result,
    new_drop_copy_result,
    new_dry_run_report,
    new_execute_result,
    new_post_trade_result,
)
from openpit.pretrade.start import StartResult, new_start_result
from openpit.router.calls import Raised
from openpit.wire import kinds
from openpit.wire.axes import CountingAxes
from openpit.wire.failures import read_failure
from openpit.wire.flat_rows import DecodedRejects, DecodedRows, lock_of, pnl_of, read_block
from openpit.wire.possible_replies import Expected
from openpit.wire.tallies import ShardTally
from openpit.wire.values import decode

if TYPE_CHECKING:
    from openpit.errors import SentCall
    from openpit.router.shard_link import ShardLink

__all__ = [
    "CHECKS",
    "EXPECTED",
    "READS",
    "ROUTER",
    "WORDS",
    "Check",
    "denial",
    "read_adjusted",
    "read_axes",
    "read_execute",
    "read_left",
    "read_message",
    "read_reported",
    "read_tally",
    "read_told",
    "read_value",
]

ROUTER: Final = "Router"
"""The policy name in the rejects of orders that could not be checked."""

_new = object.__new__

Reply = tuple[Any, ...]
Read = Callable[["ShardLink", "int | None", int, Reply], Any]
"""Makes a result of a reply: by whom, for which account, to which command, and what it says."""


def denial(shard: int, why: str) -> list[Reject]:
    """Return the reject of an order that its shard could not check."""
    return [
        new_reject(
            "SystemUnavailable", "shard is not available", f"shard {shard}: {why}", ROUTER, "order"
        )
    ]


def _raised(link: ShardLink, reply: Reply) -> Raised:
    """Return what the shard raised: of the replies to a command, the one that is no answer."""
    return Raised(read_failure(reply[1:], link.number))


# --- checks ------------------------------------------------------------------------------------


def accepted(link: ShardLink) -> ExecuteResult:
    """Return the result of an order that passed and changed nothing."""
    # Both objects spelt out: the hot path of one order at a time.
    reservation = _new(link.handles.local)
    reservation._link = link
    reservation._open = True
    result: ExecuteResult = _new(ExecuteResult)
    result._reservation = reservation
    result._rejects = ()
    return result


def read_execute(link: ShardLink, account: int | None, seq: int, reply: Reply) -> ExecuteResult:
    """Return the result of an order's main stage."""
    kind = reply[0]
    if kind == kinds.ACCEPTED:
        return accepted(link)
    if kind == kinds.RESERVED:
        return new_execute_result(link.handles.held._of(link, account, seq, *reply[1:]), ())
    if kind == kinds.FUNDED:
        held = link.handles.held._of(link, account, seq, True, None, reply)
        return new_execute_result(held, ())
    if kind == kinds.REJECTED:
        return new_execute_result(None, DecodedRejects(reply[1]))
    raise _raised(link, reply)


def _read_start(link: ShardLink, account: int | None, seq: int, reply: Reply) -> StartResult:
    if reply[0] == kinds.STARTED:
        return new_start_result(link.handles.request._of(link, account, seq), ())
    if reply[0] == kinds.REJECTED:
        return new_start_result(None, DecodedRejects(reply[1]))
    raise _raised(link, reply)


def _read_dry(link: ShardLink, _account: int | None, _seq: int, reply: Reply) -> DryRunReport:
    if reply[0] != kinds.DRY:
        raise _raised(link, reply)
    _, rejects, lock, rows, block = reply
    return new_dry_run_report(
        None if rejects is None else DecodedRejects(rejects),
        lock_of(lock),
        DecodedRows(rows),
        None if block is None else read_block(block),
    )


def _read_drop_copy(link: ShardLink, account: int | None, seq: int, reply: Reply) -> DropCopyResult:
    if reply[0] == kinds.RECORDED:
        _, is_held, lock, rows, block, is_blocked = reply
        operation = link.handles.operation._of(
            link, account, seq, is_held, lock, rows, block=block, is_blocked=is_blocked
        )
        return new_drop_copy_result(operation, ())
    if reply[0] == kinds.REJECTED:
        return new_drop_copy_result(None, DecodedRejects(reply[1]))
    raise _raised(link, reply)


class Check(NamedTuple):
    """How one kind of check is answered: by its shard, or by the router in its place."""

    read: Read
    deny: Callable[[list[Reject]], Any]

    def denied(self, shard: int, why: str, call: SentCall | None = None) -> Any:
        """Return the result of an order that its shard could not check; ``call``, if it may have.

        Where it was on its way, that is.
        """
        rejects = denial(shard, why)
        if call is not None:
            rejects = Unanswered(rejects)
            rejects.call = call
        return self.deny(rejects)


def _deny_execute(rejects: list[Reject]) -> ExecuteResult:
    return new_execute_result(None, rejects)


def _deny_dry(rejects: list[Reject]) -> DryRunReport:
    return new_dry_run_report(rejects, new_lock({}), (), None)


_EXECUTE: Final = Check(read_execute, _deny_execute)

CHECKS: Final[dict[int, Check]] = {
    kinds.EXECUTE: _EXECUTE,
    kinds.EXECUTE_REQUEST: _EXECUTE,
    kinds.START: Check(_read_start, lambda rejects: new_start_result(None, rejects)),
    kinds.START_DRY_RUN: Check(_read_dry, _deny_dry),
    kinds.EXECUTE_DRY_RUN: Check(_read_dry, _deny_dry),
    kinds.DROP_COPY: Check(_read_drop_copy, lambda rejects: new_drop_copy_result(None, rejects)),
}
"""The checks, by the command that asks for them."""


# --- what has no answer but the shard's ----------------------------------------------------------


def read_reported(
    link: ShardLink, _account: int | None, _seq: int, reply: Reply
) -> PostTradeResult:
    """Return the result of an execution report."""
    if reply[0] == kinds.DONE:
        return new_post_trade_result((), (), ())
    if reply[0] != kinds.REPORTED:
        raise _raised(link, reply)
    _, blocks, pnls, rows = reply
    return new_post_trade_result(
        [read_block(row) for row in blocks] if blocks else [],
        [pnl_of(row) for row in pnls] if pnls else [],
        DecodedRows(rows),
    )


def read_adjusted(
    link: ShardLink, _account: int | None, _seq: int, reply: Reply
) -> AccountAdjustmentBatchResult:
    """Return the result of a batch of adjustments."""
    if reply[0] != kinds.ADJUSTED:
        raise _raised(link, reply)
    _, failed_index, rejects, rows, blocks = reply
    return new_account_adjustment_batch_result(
        failed_index,
        DecodedRejects(rejects),
        DecodedRows(rows),
        [read_block(row) for row in blocks],
    )


def read_value(link: ShardLink, _account: int | None, _seq: int, reply: Reply) -> Any:
    """Return what an administrative command answered, None for a command that only does."""
    if reply[0] == kinds.DONE:
        return None
    if reply[0] == kinds.ANSWER:
        return decode(reply[1])
    raise _raised(link, reply)


def read_left(link: ShardLink, reply: Reply) -> Sequence[tuple[Any, ...]]:
    """Return what a client has left open, as rows."""
    if reply[0] == kinds.LEFT:
        rows: Sequence[tuple[Any, ...]] = reply[1]
        return rows
    raise _raised(link, reply)


def read_tally(link: ShardLink, _account: int | None, _seq: int, reply: Reply) -> ShardTally:
    """Return what a shard has counted."""
    if reply[0] == kinds.TALLIES:
        return ShardTally(*reply[1:])
    raise _raised(link, reply)


def read_axes(link: ShardLink, reply: Reply) -> CountingAxes:
    """Return the axes to count on once settings are applied that a shard has checked."""
    if reply[0] == kinds.CHECKED:
        return CountingAxes(*reply[1:])
    raise _raised(link, reply)


# --- actors --------------------------------------------------------------------------------------


def read_message(link: ShardLink, _account: int | None, _seq: int, reply: Reply) -> bytes | None:
    """Return what an actor has answered, None where it has said nothing."""
    if reply[0] == kinds.ANSWERED:
        answer: bytes = reply[1]
        return answer
    if reply[0] == kinds.DONE:
        return None
    raise _raised(link, reply)


def read_told(link: ShardLink, _account: int | None, _seq: int, reply: Reply) -> None:
    """Count it if an actor has raised at what it was told: nobody waits for that."""
    if reply[0] == kinds.TOLD_IN_VAIN:
        link.told_in_vain += 1


EXPECTED: Final[dict[Read, Expected]] = {
    read: Expected(kinds.ANSWERS[kind])
    for read, kind in (
        (read_execute, kinds.EXECUTE),
        (_read_start, kinds.START),
        (_read_dry, kinds.EXECUTE_DRY_RUN),
        (_read_drop_copy, kinds.DROP_COPY),
        (read_reported, kinds.REPORT),
        (read_adjusted, kinds.ADJUST),
        (read_value, kinds.COMMIT),
        (read_message, kinds.ASK_ACTOR),
        (read_told, kinds.TELL_ACTOR),
        (read_tally, kinds.TELL_TALLIES),
    )
}
"""The replies that each of the readers can read; more is said by the command, where it matters."""


READS: Final[dict[str, Read]] = {
    "order": read_execute,
    "start stage": _read_start,
    "drop copy": _read_drop_copy,
    "report": read_reported,
    "adjustments": read_adjusted,
    "value": read_value,
    "message": read_message,
}
"""What reads the answers that are asked for later, by the word that a lost call has for it."""

WORDS: Final = {read: word for word, read in READS.items()}
