"""What travels between a client and a router's process, beside what the shards are asked.

The frames are those of :mod:`openpit.wire.frames`. A batch of a session has rows in its counting
part that say more, since nobody but the client knows which of its ranks are in the batch::

    axis      u32   its number
    lacking   i64   what a rank lacks to be the order's place among all of the session's that may
                    count on this axis, the first of which has place 1
    reach     u64   the last place of the stretch that the batch's orders are in: that one is
                    counted as a whole, when the first batch of it comes
    count     u32   how many of the batch may count; 0 for orders that only ask
    begins    i64   the time of the first of their call, and ...
    now       i64   ... of the batch: looked at where the server lets clients bring times

What is said beside batches has ops of its own: see SessionOp. Each has a body of one msgpack array
(but for those that say all by their op), and nothing else in its head but the number of a shard, or
a count.
"""

from __future__ import annotations

import struct
from math import inf
from operator import itemgetter
from struct import Struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from openpit.errors import WireError
from openpit.slots import MAX_SHARDS, SLOTS
from openpit.wire import kinds
from openpit.wire.axes import CountingAxes
from openpit.wire.frames import HEAD, NAME, PREFIX_BYTES, VERSION, Flag, Op, messages_of, pack
from openpit.wire.limits import CREDITS, FRAME_BYTES
from openpit.wire.replies import check_replies
from openpit.wire.roles import ROLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.wire.frames import Frame

__all__ = [
    "GIVEN_BACK_ROWS",
    "MAX_AXES",
    "NAME_BYTES",
    "NOTE_BYTES",
    "OP_AT",
    "ROW_BYTES",
    "STATS",
    "Batch",
    "Bye",
    "Row",
    "SessionOp",
    "SessionStats",
    "Welcome",
    "answer_frame",
    "axes_frame",
    "axes_in",
    "batch_frame",
    "batch_in",
    "bye_frame",
    "bye_in",
    "changes_frame",
    "count_of",
    "given_back_frame",
    "given_back_in",
    "hello_frame",
    "hello_in",
    "note",
    "note_frame",
    "note_in",
    "op_of",
    "sessions_frame",
    "sessions_in",
    "shard_of",
    "state_frame",
    "state_in",
    "time_of",
    "typed",
    "welcome_frame",
    "welcome_in",
]


class SessionOp:
    """What a frame of a session is, beside a batch."""

    HELLO: Final = 32  # the first frame of either side: who it is, and what the other has to know
    STATE: Final = 33  # the server's: what has become of a shard
    TURN: Final = 34  # the client asks to be the only one that changes what spans shards; granted
    TURN_OVER: Final = 35  # the client's: it is done with that
    GROUP: Final = 36  # the client's: so many batches that follow are passed on together
    AXES: Final = 37  # the server's: on which axes orders are counted from here on
    GIVEN_BACK: Final = 38  # the client's: orders that were counted with others, and never come
    BYE: Final = 39  # the server's last frame: why it ends the session
    SESSIONS: Final = 40  # the client asks who is connected; the server's answer
    DRAIN: Final = 41  # the client asks the server to end in order; it will
    MARKET: Final = 42  # the client's: changes of market data for all shards; they have them
    FIGURES: Final = 43  # the client asks how shards stand and who has gone; the server's answer


class Bye:
    """Why a server ends a session."""

    VERSION: Final = "version"
    FULL: Final = "full"
    USER: Final = "user"
    NAME: Final = "name"
    MALFORMED: Final = "malformed"
    SLOW: Final = "slow"
    TURN: Final = "turn"
    CLOSED: Final = "closed"


NOTE_BYTES: Final = 64 * 1024
"""Largest frame of a client that is no batch: the server reads it. No server's limit is below."""

GIVEN_BACK_ROWS: Final = 1024
"""Rows of orders that are given back in one frame: they fit into one, whatever their numbers."""

MAX_AXES: Final = 4096
"""Axes in the counting part of one batch: its orders are settled in one asset each."""

NAME_BYTES: Final = 64
"""Longest name of a session, in UTF-8 bytes: it is told in lists and logs."""

Row: TypeAlias = tuple[int, int, int, int, int, int]
"""A row of the counting part of a session's batch."""

_ROW: Final = Struct(">IqQIqq")
ROW_BYTES: Final = _ROW.size
_read_head: Final = HEAD.unpack_from
_new: Final = tuple.__new__
_axis_of: Final = itemgetter(0)
OP_AT: Final = 15
"""Where in a frame its op stands."""
_SHARD: Final = Struct(">H")
_SHARD_AT: Final = 5
_OPS: Final = frozenset({Op.MESSAGES, Op.CLOSE})


class Batch(NamedTuple):
    """A batch of a session, as far as it is read; ``rest`` are its times, if any, and its body."""

    shard: int
    op: int
    first: int
    commands: int
    flags: int
    time: int
    rows: tuple[Row, ...]
    rest: bytes
    name: bytes  # what its reply repeats
    settings: int
    unacknowledged: int
    """How many commands before it its client has no answer to."""


def op_of(frame: Frame) -> int:
    """Return what a frame is."""
    return frame[OP_AT]


def shard_of(frame: Frame) -> int:
    """Return the number of the shard in a frame's head."""
    number: int = _SHARD.unpack_from(frame, _SHARD_AT)[0]
    return number


def batch_frame(
    shard: int,
    op: int,
    first: int,
    count: int,
    time: int,
    body: bytes,
    flags: int = 0,
    rows: Sequence[Row] = (),
    times: Sequence[int] = (),
    settings: int = 0,
    unacknowledged: int = 0,
) -> Frame:
    """Return a batch of a session, whose orders are numbered by that version of the settings.

    ``unacknowledged`` tells how many commands before it are not answered, as far as it knows: it is
    where a batch to a shard has the shard's epoch.
    """
    if times:
        body = struct.pack(f">{len(times)}q", *times) + body
        flags |= Flag.TIMES
    if rows:
        body = b"".join([_ROW.pack(*row) for row in rows]) + body
    size = len(body) + HEAD.size - PREFIX_BYTES
    head = HEAD.pack(
        size, VERSION, shard, unacknowledged, 0, op, first, count, flags, 0, settings,
        len(rows), time,
    )  # fmt: skip
    return head + body


def batch_in(frame: Frame) -> Batch:
    """Return what a session's batch says.

    Raises:
        WireError: it is none.
    """
    (_, version, shard, unacknowledged, client, op, first, count, flags, role, settings, axes,
     time) = _read_head(frame)  # fmt: skip
    if (
        version != VERSION
        or unacknowledged > first or client or role
        or op not in _OPS
        or flags & ~Flag.TIMES
    ):  # fmt: skip
        raise WireError(f"not a batch of a session: {frame!r:.100}")
    start = HEAD.size
    rows: tuple[Row, ...] = ()
    if axes:
        end = start + axes * _ROW.size
        if axes > MAX_AXES or end > len(frame):
            raise WireError(f"not a batch of a session: it has no room for {axes} axes")
        rows = tuple(_ROW.iter_unpack(frame[start:end]))
        if axes > 1 and len({*map(_axis_of, rows)}) < axes:
            raise WireError("not a batch of a session: an axis twice")
        start = end
    if not count or (op and (count != 1 or len(frame) > HEAD.size or flags)):
        raise WireError(f"not a batch of a session: {count} commands, op {op}")
    # The name's own way of making one is a function in Python.
    return _new(Batch, (
        shard, op, first, count, flags, time, rows, frame[start:], frame[NAME], settings,
        unacknowledged,
    ))  # fmt: skip


def answer_frame(name: bytes, number: int, body: bytes, flags: int = 0) -> Frame:
    """Return the replies to a session's batch of a name, whose first command has that number."""
    size = len(body) + HEAD.size - PREFIX_BYTES
    return _ANSWER.pack(size, name, flags, number) + body


_ANSWER: Final = Struct(">I24sB9xq")


def time_of(frame: Frame) -> int:
    """Return the time in a frame's head; what replies have there is a number."""
    time: int = _read_head(frame)[12]
    return time


# --- beside batches ------------------------------------------------------------------------------


def note_frame(op: int, body: bytes = b"", shard: int = 0, count: int = 0) -> Frame:
    """Return a frame that is no batch."""
    size = len(body) + HEAD.size - PREFIX_BYTES
    return HEAD.pack(size, VERSION, shard, 0, 0, op, 0, count, 0, 0, 0, 0, 0) + body


def changes_frame(count: int, time: int, body: bytes) -> Frame:
    """Return the frame of changes of market data, which the server passes on to every shard."""
    size = len(body) + HEAD.size - PREFIX_BYTES
    head = (SessionOp.MARKET, 0, count, 0, 0, 0, 0, time)
    return HEAD.pack(size, VERSION, 0, 0, 0, *head) + body


def count_of(frame: Frame) -> int:
    """Return the count in a frame's head."""
    count: int = _read_head(frame)[7]
    return count


def typed(op: int, fields: Any, types: Sequence[type | tuple[type, ...]]) -> tuple[Any, ...]:
    """Return fields of what a frame says, which are of these types.

    Raises:
        WireError: they are not, or are none.
    """
    if type(fields) is not tuple or len(fields) != len(types):
        raise WireError(f"op {op} does not say that: {fields!r:.100}")
    for field, its in zip(fields, types, strict=True):
        if type(field) not in (its if type(its) is tuple else (its,)):
            raise WireError(f"op {op} does not say that: {field!r:.100}")
    return fields


def note_in(frame: Frame, *types: type | tuple[type, ...]) -> tuple[Any, ...]:
    """Return the fields of a frame's body.

    Raises:
        WireError: it has other fields, or none.
    """
    first, *more = messages_of(frame[HEAD.size :])
    return typed(op_of(frame), () if more else first, types)


def note(op: int, *fields: object, shard: int = 0) -> Frame:
    """Return a frame that is no batch, and says these."""
    return note_frame(op, pack((fields,)), shard)


_TEXT: Final = (str, type(None))


def hello_frame(name: str | None) -> Frame:
    """Return the first frame of a client."""
    return note(SessionOp.HELLO, name)


def hello_in(frame: Frame) -> str | None:
    """Return the name of a session, from a client's first frame.

    Raises:
        WireError: it is none.
    """
    name: str | None
    (name,) = note_in(frame, _TEXT)
    if name is not None and not 0 < len(name.encode()) <= NAME_BYTES:
        raise WireError(f"the name of a session has 1 to {NAME_BYTES} bytes, not {len(name)}")
    return name


class Welcome(NamedTuple):
    """What a client has to know, from a server's first frame."""

    session: int
    role: int  # what it may, see openpit.wire.roles
    credit: int  # commands in flight to one shard
    frame_bytes: int  # of a frame of the client's, without its length
    has_custom: bool
    client_time: bool
    owner: tuple[int, ...]  # of each slot
    axes: CountingAxes
    classes: tuple[tuple[str, str], ...]  # of orders and what they hold, that the workers know
    values: tuple[tuple[str, str], ...]  # of what hangs on them
    actors: tuple[str, ...]  # that its workers have
    services: tuple[tuple[str, ...], ...]  # of market data: the policies that read each
    # Of one whose name is known: for how many seconds what it has open is kept when it goes, and
    # for each shard the number with which its own count begins: what is before is of the last
    # session of its name.
    grace: float = 0.0
    begins: tuple[int, ...] = ()
    # For how many seconds a shard may answer nothing before sessions are told that it is stalled,
    # and for how many at most one that is stalled or recovers is away, where another worker answers
    # then what it has been sent: 0 where none does.
    timeout: float = 0.0
    away: float = 0.0


def welcome_frame(welcome: Welcome) -> Frame:
    """Return the first frame of a server."""
    fields = welcome._replace(
        owner=struct.pack(f">{SLOTS}H", *welcome.owner),  # type: ignore[arg-type]  # as it travels
        axes=(kinds.CHECKED, *welcome.axes),  # type: ignore[arg-type]  # as above
    )
    return note(SessionOp.HELLO, *fields)


def welcome_in(frame: Frame) -> Welcome:
    """Return what a server's first frame says.

    Raises:
        WireError: it is none.
    """
    types = (*[int] * 4, bool, bool, bytes, *[tuple] * 5, float, tuple, float, float)
    fields = note_in(frame, *types)
    session, role, credit, frame_bytes, has_custom, client_time, slots, axes, *named = fields
    classes, values, actors, services, grace, begins, timeout, away = named
    if role not in ROLES.values():
        raise WireError(f"not a server's first frame: role {role}")
    if not 0 < credit <= CREDITS or len(slots) != SLOTS * 2:
        raise WireError(f"not a server's first frame: credit {credit}, {len(slots)} bytes of slots")
    if not NOTE_BYTES <= frame_bytes <= FRAME_BYTES:
        raise WireError(f"not a server's first frame: frames of {frame_bytes} bytes")
    owner = struct.unpack(f">{SLOTS}H", slots)
    if max(owner) >= MAX_SHARDS or {*owner} != {*range(max(owner) + 1)}:
        raise WireError("not a server's first frame: slots of no shard")
    for name in (*classes, *values):
        if type(name) is not tuple or [*map(type, name)] != [str, str]:
            raise WireError(f"not a server's first frame: {name!r:.100} is no class's name")
    if not {*map(type, actors)} <= {str}:
        raise WireError(f"not a server's first frame: {actors!r:.100} are no actors")
    for names in services:
        if type(names) is not tuple or not {*map(type, names)} <= {str}:
            raise WireError(f"not a server's first frame: {names!r:.100} are no policies")
    are_numbers = {*map(type, begins)} <= {int} and len(begins) in {0, max(owner) + 1}
    if not 0 <= grace < inf or not are_numbers:
        raise WireError(f"not a server's first frame: {begins!r:.100} for {grace} seconds")
    if not (0 <= timeout < inf and 0 <= away < inf):
        raise WireError(f"not a server's first frame: {away} seconds away after {timeout}")
    return Welcome(
        *(session, role, credit, frame_bytes, has_custom, client_time, owner),
        _axes_of(axes), classes, values, actors, services, grace, begins, timeout, away,
    )  # fmt: skip


def _axes_of(fields: tuple[Any, ...]) -> CountingAxes:
    if not fields or fields[0] != kinds.CHECKED:
        raise WireError(f"not the axes to count on: {fields!r:.100}")
    check_replies((fields,))
    return CountingAxes(*fields[1:])


def axes_frame(axes: CountingAxes) -> Frame:
    """Return the frame that tells on which axes orders are counted from here on."""
    return note_frame(SessionOp.AXES, pack(((kinds.CHECKED, *axes),)))


def axes_in(frame: Frame) -> CountingAxes:
    """Return what such a frame says.

    Raises:
        WireError: it is none.
    """
    (fields,) = messages_of(frame[HEAD.size :])
    return _axes_of(fields)


def state_frame(shard: int, state: str, why: str | None) -> Frame:
    """Return the frame that tells what has become of a shard: "up", "stalled" and so on."""
    return note(SessionOp.STATE, state, why, shard=shard)


def state_in(frame: Frame) -> tuple[int, str, str | None]:
    """Return the number of a shard, its state, and why.

    Raises:
        WireError: the frame is none of these.
    """
    state, why = note_in(frame, str, _TEXT)
    if state not in {"up", "stalled", "recovering", "down"}:
        raise WireError(f"not a state of a shard: {state!r:.100}")
    return shard_of(frame), state, why


def bye_frame(reason: str, text: str) -> Frame:
    """Return the last frame of a server."""
    return note(SessionOp.BYE, reason, text)


def bye_in(frame: Frame) -> tuple[str, str]:
    """Return why a server ends a session: in a word, and in full.

    Raises:
        WireError: the frame is none.
    """
    reason, text = note_in(frame, str, str)
    return reason, text


class SessionStats(NamedTuple):
    """A session as its server sees it at this moment."""

    number: int
    name: str | None
    user: int  # of the process that has connected, by the kernel's word
    role: int  # see openpit.wire.roles
    in_flight: int  # commands that are not answered yet
    commands: int  # that it has sent
    unsent_bytes: int  # of what waits for its turn here


STATS: Final[Sequence[type | tuple[type, ...]]] = (int, _TEXT, *[int] * 5)
"""The types of its fields."""


def sessions_frame(sessions: Sequence[SessionStats]) -> Frame:
    """Return the frame that tells who is connected."""
    return note_frame(SessionOp.SESSIONS, pack(sessions))


def sessions_in(frame: Frame) -> list[SessionStats]:
    """Return what such a frame says.

    Raises:
        WireError: it is none.
    """
    rows = messages_of(frame[HEAD.size :])
    return [SessionStats(*typed(SessionOp.SESSIONS, row, STATS)) for row in rows]


def given_back_frame(rows: Sequence[tuple[int, int, int]]) -> Frame:
    """Return the frame that gives orders back: of each axis the reach, and how many."""
    return note_frame(SessionOp.GIVEN_BACK, pack(rows))


def given_back_in(frame: Frame) -> list[tuple[int, int, int]]:
    """Return what such a frame says.

    Raises:
        WireError: it is none.
    """
    rows = messages_of(frame[HEAD.size :])
    for row in rows:
        if [*map(type, row)] != [int, int, int] or row[0] < 0 or min(row[1:]) < 1:  # type: ignore[type-var,operator]  # numbers
            raise WireError(f"not orders that are given back: {row!r:.100}")
    return rows  # type: ignore[return-value]  # checked
