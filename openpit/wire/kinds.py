"""The one table of what travels on a pipe: every kind of message, its fields and their types.

A message is a msgpack array. Its first element is the kind, then come the fields in the order of
this table. Commands go to a shard, replies come back. A command's sequence number is that of its
batch plus its place in it. The replies to a batch stand in the order of its commands: one for each,
but for two kinds that answer a run of consecutive commands at once.

A decimal travels as the text of :class:`decimal.Decimal`, which keeps its scale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from openpit.wire.checks import (
    FAILURE,
    all_of,
    are_axes,
    are_numbers,
    are_outcomes,
    exactly,
    is_asset,
    is_block,
    is_code,
    is_decimal,
    is_failure,
    is_flag,
    is_group,
    is_number,
    is_pnl,
    is_reject,
    is_scope,
    is_text,
    is_unsigned_decimal,
    optional,
    row_of,
)
from openpit.wire.flat_rows import is_lock
from openpit.wire.frames import VERSION
from openpit.wire.shard_limits import ShardLimits
from openpit.wire.values import decode

if TYPE_CHECKING:
    from openpit.wire.checks import Check

__all__ = ["ANSWERS", "COMMANDS", "KEYABLE", "REPLIES", "VERSION", "Field", "Layout", "conforms"]


class Field(NamedTuple):
    """One position of a message, and what it may hold."""

    name: str
    check: Check
    optional: bool = False


class Layout(NamedTuple):
    """One kind of message: its name and its fields, kind excluded."""

    name: str
    fields: tuple[Field, ...]


def _is_value(value: object) -> bool:
    decode(value)  # raises
    return True


# Of commands: those who read one know what it has to be.
_ANY_VALUE: Final = exactly(type(None), bool, int, float, str, bytes, tuple)

# --- fields that several kinds share -----------------------------------------------------------

_ACCOUNT = Field("account", is_number, optional=True)  # None: the command is not of one account
_HANDLE = Field("handle", is_number)  # sequence number of the command that made what it names
_ORDER = Field("order", _ANY_VALUE)
_RANKS = (  # among the client's orders that may count on an axis; 0: it cannot on this one
    Field("broker rank", is_number),
    Field("asset rank", is_number),
)
_FLAT_ORDER = (
    Field("underlying", is_text, optional=True),
    Field("settlement", is_text, optional=True),
    Field("side", is_text, optional=True),
    Field("quantity", is_text, optional=True),
    Field("volume", is_text, optional=True),
    Field("price", is_text, optional=True),
)
_FLAT_REPORT = (
    Field("underlying", is_text, optional=True),
    Field("settlement", is_text, optional=True),
    Field("side", is_text, optional=True),
    Field("pnl", is_text, optional=True),
    Field("fee", is_text, optional=True),
    Field("fill", exactly(tuple), optional=True),
)
_is_alike = row_of(is_code, *[is_text] * 4, is_scope, is_number)
_RUN = (Field("count", is_number),)  # answers this many commands
_REJECTS = Field("rejects", all_of(is_reject))
_LOCK = Field("lock", is_lock)
_ROWS = Field("rows", are_outcomes)
_BLOCK = Field("block", is_block, optional=True)
_BLOCKS = Field("blocks", all_of(is_block))
_COUNTING = (  # see openpit.wire.axes
    Field("settings version", is_number),
    Field("since", exactly(int)),
    Field("reads instrument", is_flag),
    Field("reads account", is_flag),
    Field("axes", are_axes),
)


def _is_time(value: object) -> bool:
    """Tell whether a value is a time, or None where it is not known."""
    return value is None or type(value) is int


_is_window = row_of(is_number, exactly(int), is_number, exactly(int), _is_time)
_are_left = all_of(row_of(is_number, optional(is_number), *[exactly(bytes)] * 3))
_are_missed = all_of(row_of(*[is_number] * 3, is_flag, exactly(int), *[exactly(bytes)] * 2))
_HELD = Field("held", is_flag)  # the shard keeps something that waits for commit or rollback

# --- commands ----------------------------------------------------------------------------------

EXECUTE: Final = 1
EXECUTE_COUNTED: Final = 2
EXECUTE_WHOLE: Final = 3
START: Final = 4
START_DRY_RUN: Final = 5
EXECUTE_DRY_RUN: Final = 6
DROP_COPY: Final = 7
EXECUTE_REQUEST: Final = 8
COMMIT: Final = 9
ROLLBACK: Final = 10
COMMIT_MANY: Final = 11
ROLLBACK_MANY: Final = 12
DROP: Final = 13
REPORT: Final = 14
REPORT_WHOLE: Final = 15
ADJUST: Final = 16
ADMINISTER: Final = 17
CONFIGURE: Final = 18
QUOTE: Final = 19
HELLO: Final = 20
CHECK_SETTINGS: Final = 21
TELL_AXES: Final = 22
ASK_ACTOR: Final = 23
TELL_ACTOR: Final = 24
ASK_MARKET: Final = 25
KEYED: Final = 26
ASK_LEFT: Final = 27
DROP_LEFT: Final = 28
ASK_OUTCOME: Final = 29
TELL_TALLIES: Final = 30
ASK_MISSED: Final = 31

_WHOLE_ORDER = (_ACCOUNT, _ORDER, *_RANKS)
_MANY = (_ACCOUNT, Field("handles", all_of(is_number)))
_METHOD = (_ACCOUNT, Field("method", is_text), Field("arguments", _ANY_VALUE))

_MESSAGE = (
    _ACCOUNT,
    Field("actor", is_text),
    Field("message", exactly(bytes)),
    Field("broker rank", is_number),  # of the first order that it may count, 0: they cannot
    Field("orders", is_number),
    Field("assets, first ranks and orders", all_of(row_of(is_text, is_number, is_number))),
)

COMMANDS: Final[dict[int, Layout]] = {
    EXECUTE: Layout("execute", (_ACCOUNT, *_FLAT_ORDER)),
    EXECUTE_COUNTED: Layout("execute, counted", (_ACCOUNT, *_FLAT_ORDER, *_RANKS)),
    EXECUTE_WHOLE: Layout("execute, order as a value", _WHOLE_ORDER),
    START: Layout("start stage", _WHOLE_ORDER),
    START_DRY_RUN: Layout("start stage, dry run", _WHOLE_ORDER),
    EXECUTE_DRY_RUN: Layout("execute, dry run", _WHOLE_ORDER),
    DROP_COPY: Layout("drop copy", _WHOLE_ORDER),
    EXECUTE_REQUEST: Layout("main stage", (_ACCOUNT, _HANDLE)),
    COMMIT: Layout("commit", (_ACCOUNT, _HANDLE)),
    ROLLBACK: Layout("roll back", (_ACCOUNT, _HANDLE)),
    COMMIT_MANY: Layout("commit many", _MANY),
    ROLLBACK_MANY: Layout("roll back many", _MANY),
    DROP: Layout("let go of what nobody holds", _MANY),
    REPORT: Layout("execution report", (_ACCOUNT, *_FLAT_REPORT)),
    REPORT_WHOLE: Layout("execution report as a value", (_ACCOUNT, Field("report", _ANY_VALUE))),
    ADJUST: Layout("account adjustments", (_ACCOUNT, Field("adjustments", _ANY_VALUE))),
    ADMINISTER: Layout("administration", _METHOD),
    CONFIGURE: Layout("settings", _METHOD),
    CHECK_SETTINGS: Layout("settings, checked and not applied", _METHOD),
    TELL_AXES: Layout("axes to count on", (_ACCOUNT,)),
    ASK_ACTOR: Layout("message to an actor", _MESSAGE),
    TELL_ACTOR: Layout("message to an actor, without answer", _MESSAGE),
    QUOTE: Layout(
        "market data",
        (_ACCOUNT, Field("service", is_number), Field("operation", _ANY_VALUE)),
    ),
    ASK_MARKET: Layout(
        "market data, asked",
        (_ACCOUNT, Field("service", is_number), Field("question", _ANY_VALUE)),
    ),
    KEYED: Layout(
        "a call with a key",
        (_ACCOUNT, Field("key", exactly(bytes)), Field("command", exactly(tuple))),
    ),
    ASK_LEFT: Layout(
        "what the client has left open, asked",
        (_ACCOUNT, Field("after the handle", is_number), Field("before the handle", is_number)),
    ),
    DROP_LEFT: Layout(
        "let go of what the client has left open",
        (_ACCOUNT, Field("before the handle", is_number)),
    ),
    ASK_OUTCOME: Layout(
        "what became of a call, asked",
        (
            _ACCOUNT,
            Field("number of its command", is_number),
            Field("key, or nothing", exactly(bytes)),
            Field("nanoseconds since then", is_number),
        ),
    ),
    TELL_TALLIES: Layout("what the shard has counted, asked", (_ACCOUNT,)),
    ASK_MISSED: Layout(
        "answers that the client has missed, asked",
        (_ACCOUNT, Field("after the command", is_number), Field("before the command", is_number)),
    ),
    HELLO: Layout(
        "start",
        (
            Field("of shards", is_number),
            Field("limits", row_of(*[is_number] * len(ShardLimits._fields))),
            Field("engine, by dill", exactly(bytes)),
        ),
    ),
}

# --- replies -----------------------------------------------------------------------------------

ACCEPTED: Final = 1
DONE: Final = 2
RESERVED: Final = 3
REJECTED: Final = 4
STARTED: Final = 5
DRY: Final = 6
RECORDED: Final = 7
REPORTED: Final = 8
ADJUSTED: Final = 9
ANSWER: Final = 10
RAISED: Final = 11
FAILURES: Final = 12
READY: Final = 13
REFUSED: Final = 14
CHECKED: Final = 15
ANSWERED: Final = 16
TOLD_IN_VAIN: Final = 17
RECOVERED: Final = 18
ONCE: Final = 19
LEFT: Final = 20
OUTCOME: Final = 21
TALLIES: Final = 22
MISSED: Final = 23
REJECTED_ALIKE: Final = 24
FUNDED: Final = 25

_ONCE: Final = frozenset({DONE, RESERVED, FUNDED, REJECTED, STARTED, REPORTED, ADJUSTED, RAISED})
_ONE_DONE: Final = (DONE, 1)


def _answers_once(value: Any) -> bool:
    """Tell whether a value is a reply to a command with a key: one, and of this table."""
    return (
        type(value) is tuple
        and bool(value)
        and value[0] in _ONCE
        and (value[0] != DONE or value == _ONE_DONE)
        and conforms(value, REPLIES)
    )


_AGAIN: Final = _ONCE | {ACCEPTED, RECORDED, ANSWER, FAILURES, ANSWERED, DRY, CHECKED}


def _answers_again(value: Any) -> bool:
    """Tell whether a value is a reply that one command has had, and of this table."""
    return (
        type(value) is tuple
        and bool(value)
        and value[0] in _AGAIN
        and (value[0] not in {ACCEPTED, DONE} or value[1:] == (1,))
        and conforms(value, REPLIES)
    )


_FAILURE = tuple(map(Field, ("module", "class", "state", "text", "traceback"), FAILURE))

REPLIES: Final[dict[int, Layout]] = {
    ACCEPTED: Layout("accepted, nothing reserved", _RUN),
    DONE: Layout("done, nothing to say", _RUN),
    RESERVED: Layout("accepted", (_HELD, _LOCK, _ROWS)),
    REJECTED: Layout("rejected", (_REJECTS,)),
    STARTED: Layout("start stage passed", ()),
    DRY: Layout(
        "dry run",
        (_REJECTS._replace(optional=True), _LOCK, _ROWS, _BLOCK),
    ),
    RECORDED: Layout(
        "drop copy recorded",
        (_HELD, _LOCK, _ROWS, _BLOCK, Field("is blocked", is_flag)),
    ),
    REPORTED: Layout("report applied", (_BLOCKS, Field("pnls", all_of(is_pnl)), _ROWS)),
    ADJUSTED: Layout(
        "adjustments applied or refused",
        (
            Field("failed index", is_number, optional=True),
            _REJECTS,
            _ROWS,
            _BLOCKS,
        ),
    ),
    ANSWER: Layout("answer of an administrative command", (Field("value", _is_value),)),
    RAISED: Layout("raised", _FAILURE),
    FAILURES: Layout("some failed", (Field("places and failures", all_of(is_failure)),)),
    READY: Layout(
        "worker is up",
        (Field("places of offered classes that it lacks", all_of(is_number)), *_COUNTING),
    ),
    REFUSED: Layout("worker could not start", (Field("text", is_text),)),
    CHECKED: Layout("axes to count on, now or with settings that can be applied", _COUNTING),
    ANSWERED: Layout("answer of an actor", (Field("message", exactly(bytes)),)),
    TOLD_IN_VAIN: Layout("an actor has raised at what it was told", ()),
    RECOVERED: Layout(  # see openpit.wire.recovered
        "worker is up, and has replayed its journal",
        (
            Field("places of offered classes that it lacks", all_of(is_number)),
            *_COUNTING,
            Field("batches replayed", is_number),
            Field("open handles", is_number),
            Field("last time", exactly(int)),
            Field("causes of the engine-wide block", is_number),
            Field("epochs and the numbers behind them", all_of(row_of(is_number, is_number))),
            Field("windows", all_of(_is_window)),
            Field("clients that have something open", all_of(is_number)),
        ),
    ),
    ONCE: Layout(
        "the first answer to a call with a key",
        (
            Field("number of the first call", is_number),
            Field("is open", is_flag),  # what the first call has left for commit or main stage
            Field("reply", _answers_once),
        ),
    ),
    LEFT: Layout(
        "what the client has left open",
        (Field("handles, accounts, orders with and without their class, replies", _are_left),),
    ),
    OUTCOME: Layout(
        "what became of a call",
        (
            Field("fate", is_number),  # see openpit.wire.fates
            Field("number of the call", is_number),
            Field("is open", is_flag),  # what the call has left for commit or main stage
            Field("reply", _answers_again),  # DONE where there is none
        ),
    ),
    TALLIES: Layout(  # see openpit.wire.tallies
        "what the shard has counted",
        (
            Field("accepted", is_number),
            Field("refused", is_number),
            Field("raised", is_number),
            Field("opened", is_number),
            Field("open", is_number),
            Field("committed", is_number),
            Field("rolled back", is_number),
            Field("expired", is_number),
            Field("blocked accounts", is_number),
            Field("all are stopped", is_flag),
            Field("commands", is_number),
            Field("codes, policies and rejects", all_of(row_of(is_text, is_text, is_number))),
            Field("batches by size", all_of(is_number)),
            Field("turns by length", all_of(is_number)),
            Field("time in turns", is_number),
            Field("journal bytes", is_number),
            Field("journal syncs", is_number),
        ),
    ),
    MISSED: Layout(
        "answers that the client has missed",
        (
            Field("forgotten", is_number),  # commands whose answers are not kept any more
            Field("is all", is_flag),
            Field(
                "batches, places, numbers, whether open, times, commands and replies", _are_missed
            ),
        ),
    ),
    REJECTED_ALIKE: Layout(
        "rejected alike, but for a number in the details",
        (
            Field("numbers", are_numbers),
            Field("code, reason, details before and behind, policy, scope, user data", _is_alike),
        ),
    ),
    FUNDED: Layout(  # see openpit.wire.funded
        "accepted, a plain order whose funds are set aside",
        (
            Field("account", is_number),
            Field("policy group", is_group),
            Field("underlying", is_asset),
            Field("settlement", is_asset),
            Field("buys", is_flag),
            Field("quantity", is_unsigned_decimal),
            Field("price", is_unsigned_decimal),
            Field("balance of the asset paid", is_decimal),
            Field("held of it", is_decimal),
            Field("incoming of the other", is_decimal),
        ),
    ),
}

_REJECTIONS: Final = frozenset({REJECTED, RAISED})
_EXECUTED: Final = _REJECTIONS | {ACCEPTED, RESERVED, FUNDED}
_EXECUTED_FLAT: Final = _EXECUTED | {REJECTED_ALIKE}
_FINISHED: Final = frozenset({DONE, RAISED})
_REPORTS: Final = frozenset({DONE, REPORTED, RAISED})
_ADMINISTERED: Final = frozenset({DONE, ANSWER, RAISED})

ANSWERS: Final[dict[int, frozenset[int]]] = {
    EXECUTE: _EXECUTED_FLAT,
    EXECUTE_COUNTED: _EXECUTED_FLAT,
    EXECUTE_WHOLE: _EXECUTED,
    START: _REJECTIONS | {STARTED},
    START_DRY_RUN: frozenset({DRY, RAISED}),
    EXECUTE_DRY_RUN: frozenset({DRY, RAISED}),
    DROP_COPY: _REJECTIONS | {RECORDED},
    EXECUTE_REQUEST: _EXECUTED,
    COMMIT: _FINISHED,
    ROLLBACK: _FINISHED,
    COMMIT_MANY: _FINISHED | {FAILURES},
    ROLLBACK_MANY: _FINISHED | {FAILURES},
    DROP: frozenset({DONE}),
    REPORT: _REPORTS,
    REPORT_WHOLE: _REPORTS,
    ADJUST: frozenset({ADJUSTED, RAISED}),
    ADMINISTER: _ADMINISTERED,
    CONFIGURE: _ADMINISTERED,
    CHECK_SETTINGS: frozenset({CHECKED, RAISED}),
    TELL_AXES: frozenset({CHECKED}),
    ASK_ACTOR: frozenset({ANSWERED, DONE, RAISED}),
    TELL_ACTOR: frozenset({DONE, TOLD_IN_VAIN}),
    QUOTE: frozenset({DONE}),
    ASK_MARKET: frozenset({ANSWER, RAISED}),
    KEYED: frozenset({ONCE, RAISED}),
    ASK_LEFT: frozenset({LEFT, RAISED}),
    DROP_LEFT: frozenset({DONE}),
    ASK_OUTCOME: frozenset({OUTCOME, RAISED}),
    TELL_TALLIES: frozenset({TALLIES}),
    ASK_MISSED: frozenset({MISSED, RAISED}),
    HELLO: frozenset({READY, RECOVERED, REFUSED}),
}
"""The kinds of reply that each kind of command may have."""

COUNTING: Final = frozenset({EXECUTE_COUNTED, EXECUTE_WHOLE, START, DROP_COPY})
"""The commands whose order may count against a rate that spans accounts."""

PEEKING: Final = frozenset({START_DRY_RUN, EXECUTE_DRY_RUN})
"""The commands whose order only asks what its count would be."""

ASKING: Final = frozenset({ASK_ACTOR, TELL_ACTOR})
"""The commands that declare how many orders of theirs may count."""

KEYABLE: Final = frozenset(
    {EXECUTE, EXECUTE_COUNTED, EXECUTE_WHOLE, START, REPORT, REPORT_WHOLE, ADJUST}
)
"""The kinds of command that may have a key."""


def conforms(message: tuple[object, ...], table: dict[int, Layout]) -> bool:
    """Tell whether a message has the fields that its kind's row of the table says.

    Raises:
        Exception: what its checks raise of what they cannot read.
    """
    layout = table.get(message[0]) if message and type(message[0]) is int else None
    if layout is None or len(message) != len(layout.fields) + 1:
        return False
    return all(
        (value is None and field.optional) or field.check(value)
        for value, field in zip(message[1:], layout.fields, strict=True)
    )
