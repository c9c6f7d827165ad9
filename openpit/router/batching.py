"""Which of the commands that are to be sent go together in one frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from openpit.router.rates import go_on
from openpit.wire.frames import TIME_BYTES, Op

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.router.rates import Counted, Window

__all__ = ["batches_of"]


class _Sendable(Protocol):
    """What counts of an entry here."""

    client_number: int
    count: int
    counted: Sequence[Counted]
    ends_batch: bool
    op: int
    packed: bytes


_Entry = TypeVar("_Entry", bound=_Sendable)


def batches_of(entries: Sequence[_Entry], most: int, axis_bytes: int) -> list[list[_Entry]]:
    """Return the fewest batches of entries that fit into a frame each, of so many bytes.

    One head serves all of a batch, so it is of one client, and what is counted in it is so in
    one window with one offset; and an order that does not count leaves the ranks before its own
    as they are, so they rise.
    """
    batches: list[list[_Entry]] = []
    size = most + 1  # the first entry begins a batch
    last: dict[int, tuple[Window, int, int]] = {}
    for entry in entries:
        here = len(entry.packed) + TIME_BYTES * entry.count + axis_bytes * len(entry.counted)
        size += here
        if (
            size > most
            or entry.op != Op.MESSAGES
            or batches[-1][0].op != Op.MESSAGES
            or batches[-1][-1].ends_batch
            or batches[-1][-1].client_number != entry.client_number
            or (last and not go_on(last, entry.counted))
        ):
            batches.append([])
            size = here
            last.clear()
        for number, window, offset, _, _, base in entry.counted:
            last[number] = window, offset, base
        batches[-1].append(entry)
    return batches
