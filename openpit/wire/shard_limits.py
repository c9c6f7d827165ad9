"""What a shard may keep, and for how long: told with its first command."""

from __future__ import annotations

from typing import Final, NamedTuple

from openpit.wire.limits import OPEN_HANDLES

__all__ = ["KEYS", "KEY_BYTES", "KEY_SECONDS", "ShardLimits"]

KEY_BYTES: Final = 128
"""Longest key of a call, in bytes: a text counts in UTF-8. Venues' own order numbers have 64."""

KEYS: Final = 65536
"""Keys that one shard keeps at a time, with an answer of some 300 bytes each: 32 MiB."""

KEY_SECONDS: Final = 600.0
"""For how long a shard knows a key: a program that has died is back long before."""


class ShardLimits(NamedTuple):
    """The limits of one shard, with times in nanoseconds."""

    open_handles: int = OPEN_HANDLES
    """Reservations, requests and drop copies that one session may have open."""
    keys: int = KEYS
    """Keys of calls that are kept at a time."""
    key_window: int = round(KEY_SECONDS * 1e9)
    """For how long each is kept."""
    reservation_ttl: int = 0
    """For how long a reservation or a request may be open; 0: as long as its caller likes."""
