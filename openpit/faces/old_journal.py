"""What a journal says of the engine that has written it, where that was made otherwise."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from openpit.shards.carrying import settings_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from openpit.client.recovery import WideChange
    from openpit.pretrade.state_values import State

__all__ = ["MOST_SETTINGS", "OldJournal", "packed_settings", "unpacked_settings"]

MOST_SETTINGS: Final = 16 * 1024 * 1024
"""Bytes of settings that the router's log keeps: half a record, for they are text there. Where
there are more, a later migration takes a snapshot of everything."""


class OldJournal(NamedTuple):
    """What a journal says of the engine whose it is."""

    directory: Path
    header: Mapping[str, Any]
    """Of the last segment of its router's log."""
    new_header: Mapping[str, Any]
    """What a segment of the new engine says."""
    settings: str | None
    """Of its built-in policies, as :func:`packed_settings` has them; None: it does not say."""
    changes: Sequence[WideChange]
    """Those of which it is not known that all shards have them."""
    floors: Sequence[int]
    started: int
    began: int | None
    now: int
    """The time of the engine's clock."""
    next: int
    """The number of the next record of its router's log."""

    @property
    def markets(self) -> Sequence[Sequence[str]]:
        """Of each service of market data that the old engine read, the policies that did."""
        markets: Sequence[Sequence[str]] = self.header.get("markets", ())
        return markets


def packed_settings(settings: bytes) -> str | None:
    """Return settings as the router's log has them; None where they are too many for it."""
    return None if len(settings) > MOST_SETTINGS else b64encode(settings).decode()


def unpacked_settings(text: str | None) -> dict[str, State]:
    """Return, by their names, what built-in policies export that were told nothing."""
    return {} if text is None else settings_in(b64decode(text))
