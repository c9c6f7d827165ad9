"""What the head of replies says of reservations that expire: how many have, and when the next may.

In the places of the settings' version and of the time, which replies have no other use for.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from openpit.wire.frames import HEAD, Frame

__all__ = ["expiry_in"]

_TOLD: Final = Struct(">IIq")
_AT: Final = HEAD.size - _TOLD.size


def expiry_in(frame: Frame) -> tuple[int, int]:
    """Return of the replies to a batch how many have expired before it, and when the next may.

    0 for the latter: nothing is open that does.
    """
    expired, _, due = _TOLD.unpack_from(frame, _AT)
    return expired, due
