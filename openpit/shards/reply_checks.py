"""The check of a reply: the same when its batch is replayed, whatever process does that.

Left out are the texts and tracebacks of exceptions, addresses in any text, orders that are told
again (what a program hangs on them may be a set), what a worker counts of its process, and answers
that are told again: how far back those are kept depends on where a replay begins.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from openpit.journal.records import crc32c
from openpit.wire import kinds
from openpit.wire.frames import NAME, messages_of, name_of, pack, reply_in
from openpit.wire.tallies import OF_PROCESS

if TYPE_CHECKING:
    from openpit.wire.frames import Frame

__all__ = ["check_of"]

_RAISED: Final = bytes((0x90 | 6, kinds.RAISED))
_FAILURES: Final = bytes((0x90 | 2, kinds.FAILURES))
_LEFT: Final = bytes((0x90 | 2, kinds.LEFT))
_OUTCOME: Final = bytes((0x90 | 5, kinds.OUTCOME))
_MISSED: Final = bytes((0x90 | 4, kinds.MISSED))
_TALLIES: Final = bytes((0xDC, 0, 18, kinds.TALLIES))
_TOLD_AGAIN: Final = frozenset({kinds.OUTCOME, kinds.MISSED})
_ADDRESS: Final = " at 0x"
_ADDRESS_BYTES: Final = _ADDRESS.encode()
_ADDRESSES: Final = re.compile(_ADDRESS + "[0-9a-fA-F]+")


def check_of(reply: Frame) -> int:
    """Return the check of the replies to a batch."""
    if (
        _RAISED in reply
        or _FAILURES in reply
        or _LEFT in reply
        or _OUTCOME in reply
        or _MISSED in reply
        or _TALLIES in reply
        or _ADDRESS_BYTES in reply
    ):
        return _check_of_parts(reply)
    return crc32c(reply[NAME.start :])


def _check_of_parts(reply: Frame) -> int:
    flags, uncounted, body = reply_in(reply, name_of(reply))
    messages = messages_of(body) if body else ()
    rows = tuple(map(_kept, messages))
    return crc32c(pack((name_of(reply), flags, uncounted, rows)))


def _kept(message: Any) -> Any:
    """Return what there is to compare of a message."""
    if message[0] == kinds.RAISED:
        return message[:3]
    if message[0] == kinds.FAILURES:
        return tuple(failure[:3] for failure in message[1])
    if message[0] == kinds.ONCE:
        return (*message[:3], _kept(message[3]))
    if message[0] == kinds.LEFT:
        return tuple(row[:2] for row in message[1])
    if message[0] in _TOLD_AGAIN:
        return message[:1]
    if message[0] == kinds.TALLIES:
        return message[:-OF_PROCESS]
    return _without_addresses(message)


def _without_addresses(value: Any) -> Any:
    if type(value) is str:
        return _ADDRESSES.sub("", value) if _ADDRESS in value else value
    if type(value) is tuple:
        return tuple(map(_without_addresses, value))
    return value
