"""What a journal says of the engine that has written it, where that was made otherwise."""

from __future__ import annotations

from base64 import b64decode, b64encode
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from openpit.pretrade.policies.built_alike import built_alike
from openpit.shards.carrying import settings_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from openpit.client.recovery import WideChange
    from openpit.pretrade.state_values import State
    from openpit.shards.fingerprints import Made

__all__ = [
    "MOST_SETTINGS",
    "OldJournal",
    "changed_settings",
    "packed_settings",
    "unpacked_settings",
]

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


def changed_settings(
    header: Mapping[str, Any], settings: str | None, made: Made
) -> dict[str, list[str]]:
    """Return by policy which settings are not what they were, as a limits file has them.

    Of those built-in policies alone of which both are known, and which read no market data.
    """
    if not settings or not made.settings:
        return {}
    was, now = unpacked_settings(settings), settings_in(made.settings)
    found = {}
    for name, attributes in header["policies"]:
        old, new = (built_alike(attributes["class"]) for _ in range(2))
        if old is None or new is None or not old.table_name or name not in was or name not in now:
            continue
        if any(name in readers for readers in (*header.get("markets", ()), *made.markets)):
            continue
        old.restore_state(was[name])
        new.restore_state(now[name])
        told = [*_changed(old.table_name, old.settings_table(), new.settings_table())]
        if told:
            found[name] = told
    return found


def _changed(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is not alike in two tables, and in those within."""
    for key in dict.fromkeys((*old, *new)):
        was, now = old.get(key), new.get(key)
        if was == now:
            continue
        if isinstance(was or now, dict):
            yield from _changed(f"{path}.{key}", was or {}, now or {})
        elif isinstance(was or now, list):
            before, after = was or [], now or []
            rows: Iterable[Any] = zip_longest(before, after, fillvalue={})
            for number, (one, other) in enumerate(rows, 1):
                yield from _changed(f"{path}.{key} #{number}", one, other)
        else:
            yield f"[{path}] {key} is {_said(now)}, and was {_said(was)}"


def _said(value: Any) -> str:
    return "not there" if value is None else str(value)
