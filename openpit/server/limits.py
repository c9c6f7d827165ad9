"""Every limit of the server, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from openpit.wire.limits import FRAME_BYTES, OPEN_HANDLES

__all__ = ["AWAY", "GONE", "SESSIONS", "SESSION_CREDIT", "Limits"]

SESSIONS: Final = 64
"""Programs at once. Each may fill its buffers; a broker runs a dozen."""

SESSION_CREDIT: Final = 2048
"""Commands in flight of one session to one shard: 10 ms of its work, for one program."""

SILENT: Final = 32
"""Connections that have not said who they are, before the first of them is closed for another.

A program that connects says it at once. So whoever connects and says nothing keeps nobody out.
"""

AWAY: Final = 4096
"""Sessions with a name that have gone, and whose open reservations wait for them; those of one more
are rolled back."""

GONE: Final = 256
"""Sessions that have ended, and are remembered by their names: 50 KB."""

HELLO_BYTES: Final = 4096
"""Bytes of a first frame, while it is incomplete: a name has at most 64."""

ROW_BYTES: Final = 300
"""What a row of a batch's counting part takes as an object: six numbers."""

BATCH_BYTES: Final = 500
"""What a batch takes that waits for its turn, beside its body and rows."""

INBOX_BYTES: Final = 32 * 1024 * 1024
"""Batches of one session that wait for their turn, and market data until all shards have it.

Past that, nothing more is read from it.
"""

CHANGES_PASSED: Final = 512
"""Changes of market data of one session on their way to the shards; its others wait here.

They take no credit of a shard's, for which they would have to wait at all shards at once: that may
be long. So many cost another session's order some 10 ms.
"""

OWED_BYTES: Final = 64 * 1024 * 1024
"""Market data that a stalled shard has before it, from all sessions. Past that it is given up."""

OUTPUT_BYTES: Final = 64 * 1024 * 1024
"""Replies and news that a session has not read. Past that, it is closed: it reads too slowly."""

TURN_SECONDS: Final = 5.0
"""How long a session may be the only one that changes settings and groups."""

HELLO_SECONDS: Final = 5.0
"""How long a connection may take to say who it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a server lets its sessions have."""

    sessions: int = SESSIONS
    silent: int = SILENT
    credit: int = SESSION_CREDIT
    frame_bytes: int = FRAME_BYTES
    open_handles: int = OPEN_HANDLES
    inbox_bytes: int = INBOX_BYTES
    output_bytes: int = OUTPUT_BYTES
    turn_seconds: float = TURN_SECONDS
    hello_seconds: float = HELLO_SECONDS
