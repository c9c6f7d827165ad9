"""The numbers that a batch's commands have by its client's own count, and what it acknowledges.

So a client can ask later for an answer that it has missed. A session has its numbers in the last
row of its batch's counting part, if somebody may come back under its name; the router's own client,
which is the only one of an embedded engine, counts as the shard does.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from openpit.wire.frames import AXIS_BYTES, EPOCH_COMMANDS, HEAD, Op

if TYPE_CHECKING:
    from openpit.wire.frames import Axis, Frame

__all__ = ["OWN", "UNACKNOWLEDGED", "OwnBatch", "own_batch", "own_row"]

OWN: Final = 2**31 + 2**30
"""Numbers of axes are below, also where a router vouches for them. A row from here on has how many
of its client's commands before the batch are not acknowledged (added to this), the number of the
first command by the client's own count, and the number with which that count began."""

UNACKNOWLEDGED: Final = 2**30 - 1
"""So many commands that are not acknowledged can be told: a hundred thousand times the credit."""

_READ: Final = Struct(">11xIBQI2xII").unpack_from
_ROW: Final = Struct(">Iqq").unpack_from


class OwnBatch(NamedTuple):
    """What a batch says of its commands by its client's count."""

    client: int
    op: int
    first: int
    commands: int
    began: int
    """The number with which the client's count began: what is below is of another life."""
    acknowledged: int
    """Behind the last command of this life whose answer the client has received."""
    axes: int
    """How many rows the counting part of its head has."""


_new: Final = tuple.__new__  # the name's own way of making one is a function in Python


def own_row(began: int, first: int, unacknowledged: int) -> Axis:
    """Return the row of a session's batch whose first command is that many behind its first one."""
    return OWN + min(unacknowledged, first, UNACKNOWLEDGED), began + first, began


def own_batch(frame: Frame) -> OwnBatch | None:
    """Return what a batch says; None of a session's whose answers nobody asks for later."""
    client, op, first, commands, unacknowledged, axes = _READ(frame)
    if not client:
        began = first - first % EPOCH_COMMANDS
        # Where a command is skipped, its head says something else in that place.
        acknowledged = began if op == Op.SKIP else first - unacknowledged
        fields = (0, op, first, commands, began, acknowledged, axes)
        return _new(OwnBatch, fields)
    if axes:
        axis, own, began = _ROW(frame, HEAD.size + (axes - 1) * AXIS_BYTES)
        if axis >= OWN:
            fields = (client, op, own, commands, began, own - (axis - OWN), axes)
            return _new(OwnBatch, fields)
    return None
