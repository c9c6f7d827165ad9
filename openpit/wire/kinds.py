"""The one table of what travels on a pipe: every kind of message, its fields and their types.

A message is a msgpack array. Its first element is the kind, then come the fields in the order of
this table. Commands go to a shard, replies come back. A command's sequence number is that of its
batch plus its place in it. The replies to a batch stand in the order of its commands: one for each,
but for two kinds that answer a run of consecutive commands at once.

A decimal travels as the text of :class:`decimal.Decimal`, which keeps its scale.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from openpit.wire.frames import VERSION

__all__ = ["ANSWERS", "COMMANDS", "REPLIES", "VERSION", "Field", "Layout", "Type", "conforms"]


class Type(Enum):
    """What a field may hold, as msgpack decodes it."""

    NUMBER = ("number", int)
    FLAG = ("flag", bool)
    TEXT = ("text", str)
    BYTES = ("bytes", bytes)
    DECIMAL = ("text of a decimal", str)
    LIST = ("an array of what the field's reader says", tuple)
    VALUE = ("see openpit.wire.values", type(None), bool, int, float, str, bytes, tuple)


class Field(NamedTuple):
    """One position of a message."""

    name: str
    type: Type
    optional: bool = False


class Layout(NamedTuple):
    """One kind of message: its name and its fields, kind excluded."""

    name: str
    fields: tuple[Field, ...]


# --- fields that several kinds share -----------------------------------------------------------

_ACCOUNT = Field("account", Type.NUMBER, optional=True)  # None: the command is not of one account
_HANDLE = Field("handle", Type.NUMBER)  # sequence number of the command that made what it names
_ORDER = Field("order", Type.VALUE)
_RANKS = (  # among the client's orders that may count on an axis; 0: it cannot on this one
    Field("broker rank", Type.NUMBER),
    Field("asset rank", Type.NUMBER),
)
_FLAT_ORDER = (
    Field("underlying", Type.TEXT, optional=True),
    Field("settlement", Type.TEXT, optional=True),
    Field("side", Type.TEXT, optional=True),
    Field("quantity", Type.DECIMAL, optional=True),
    Field("volume", Type.DECIMAL, optional=True),
    Field("price", Type.DECIMAL, optional=True),
)
_FLAT_REPORT = (
    Field("underlying", Type.TEXT, optional=True),
    Field("settlement", Type.TEXT, optional=True),
    Field("side", Type.TEXT, optional=True),
    Field("pnl", Type.DECIMAL, optional=True),
    Field("fee", Type.DECIMAL, optional=True),
    Field("fill", Type.LIST, optional=True),
)
_RUN = (Field("count", Type.NUMBER),)  # answers this many commands
_REJECTS = Field("rejects", Type.LIST)
_LOCK = Field("lock", Type.LIST)
_ROWS = Field("rows", Type.LIST)
_BLOCK = Field("block", Type.LIST, optional=True)
_BLOCKS = Field("blocks", Type.LIST)
_COUNTING = (  # see openpit.wire.axes
    Field("settings version", Type.NUMBER),
    Field("since", Type.NUMBER),
    Field("reads instrument", Type.FLAG),
    Field("reads account", Type.FLAG),
    Field("axes", Type.LIST),
)
_HELD = Field("held", Type.FLAG)  # the shard keeps something that waits for commit or rollback

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

_WHOLE_ORDER = (_ACCOUNT, _ORDER, *_RANKS)
_MANY = (_ACCOUNT, Field("handles", Type.LIST))
_METHOD = (_ACCOUNT, Field("method", Type.TEXT), Field("arguments", Type.VALUE))

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
    REPORT_WHOLE: Layout("execution report as a value", (_ACCOUNT, Field("report", Type.VALUE))),
    ADJUST: Layout("account adjustments", (_ACCOUNT, Field("adjustments", Type.VALUE))),
    ADMINISTER: Layout("administration", _METHOD),
    CONFIGURE: Layout("settings", _METHOD),
    CHECK_SETTINGS: Layout("settings, checked and not applied", _METHOD),
    TELL_AXES: Layout("axes to count on", (_ACCOUNT,)),
    QUOTE: Layout(
        "market data",
        (_ACCOUNT, Field("service", Type.NUMBER), Field("operation", Type.VALUE)),
    ),
    HELLO: Layout(
        "start",
        (
            Field("of shards", Type.NUMBER),
            Field("engine, by dill", Type.BYTES),
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

_FAILURE = (
    Field("module", Type.TEXT),
    Field("class", Type.TEXT),
    Field("state", Type.VALUE),
    Field("text", Type.TEXT),
    Field("traceback", Type.TEXT),
)

REPLIES: Final[dict[int, Layout]] = {
    ACCEPTED: Layout("accepted, nothing reserved", _RUN),
    DONE: Layout("done, nothing to say", _RUN),
    RESERVED: Layout("accepted", (_HELD, _LOCK, _ROWS)),
    REJECTED: Layout("rejected", (_REJECTS,)),
    STARTED: Layout("start stage passed", ()),
    DRY: Layout(
        "dry run",
        (Field("rejects", Type.LIST, optional=True), _LOCK, _ROWS, _BLOCK),
    ),
    RECORDED: Layout(
        "drop copy recorded",
        (_HELD, _LOCK, _ROWS, _BLOCK, Field("is blocked", Type.FLAG)),
    ),
    REPORTED: Layout("report applied", (_BLOCKS, Field("pnls", Type.LIST), _ROWS)),
    ADJUSTED: Layout(
        "adjustments applied or refused",
        (
            Field("failed index", Type.NUMBER, optional=True),
            _REJECTS,
            _ROWS,
            _BLOCKS,
        ),
    ),
    ANSWER: Layout("answer of an administrative command", (Field("value", Type.VALUE),)),
    RAISED: Layout("raised", _FAILURE),
    FAILURES: Layout("some failed", (Field("places and failures", Type.LIST),)),
    READY: Layout(
        "worker is up",
        (Field("places of offered classes that it lacks", Type.LIST), *_COUNTING),
    ),
    REFUSED: Layout("worker could not start", (Field("text", Type.TEXT),)),
    CHECKED: Layout("axes to count on, now or with settings that can be applied", _COUNTING),
}

_REJECTIONS: Final = frozenset({REJECTED, RAISED})
_EXECUTED: Final = _REJECTIONS | {ACCEPTED, RESERVED}
_FINISHED: Final = frozenset({DONE, RAISED})
_REPORTS: Final = frozenset({DONE, REPORTED, RAISED})
_ADMINISTERED: Final = frozenset({DONE, ANSWER, RAISED})

ANSWERS: Final[dict[int, frozenset[int]]] = {
    EXECUTE: _EXECUTED,
    EXECUTE_COUNTED: _EXECUTED,
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
    QUOTE: frozenset({DONE}),
    HELLO: frozenset({READY, REFUSED}),
}
"""The kinds of reply that each kind of command may have."""


def conforms(message: tuple[object, ...], table: dict[int, Layout]) -> bool:
    """Tell whether a message has the fields that its kind's row of the table says."""
    layout = table.get(message[0]) if message and type(message[0]) is int else None
    if layout is None or len(message) != len(layout.fields) + 1:
        return False
    return all(
        (value is None and field.optional) or type(value) in field.type.value[1:]
        for value, field in zip(message[1:], layout.fields, strict=True)
    )
