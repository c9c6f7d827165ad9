"""The keys that calls have had, each with its first answer, for as long as their window is.

By the time of the commands, so that a replay forgets them at the same points.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Keys", "KnownCall"]


class KnownCall(NamedTuple):
    """A call that had a key, and its answer."""

    time: int
    content: bytes
    """What tells the call from others; see :mod:`openpit.shards.keyed_intake`."""
    number: int
    """Of its command, and of the handle that it has made, if it has made one."""
    reply: bytes
    """Packed."""


class Keys:
    """The calls of one shard that had a key, by account and key.

    ``most`` are kept at a time, each for less than ``window`` nanoseconds. For as long again it is
    remembered that there was one: who asks for a later call with the key, which was answered as
    the first, must not hear that there was none.
    """

    __slots__ = ("_calls", "_gone", "_window", "most")

    def __init__(self, most: int, window: int) -> None:
        self.most = most
        self._window = window
        # The oldest first. Not a dict: its beginning takes long to find once much of it has gone.
        self._calls: OrderedDict[tuple[int, bytes], KnownCall] = OrderedDict()
        self._gone: OrderedDict[tuple[int, bytes], int] = OrderedDict()  # their times

    @property
    def window(self) -> int:
        """For how many nanoseconds each is kept."""
        return self._window

    def __len__(self) -> int:
        return len(self._calls)

    def find(self, account: int, key: bytes, now: int) -> KnownCall | None:
        """Return the call that had a key, if there was one within the window up to now."""
        call = self._calls.get((account, key))
        if call is not None and now - call.time >= self._window:
            self._let_go((account, key))
            return None
        return call

    def had(self, account: int, key: bytes, now: int) -> bool:
        """Tell whether there was a call that had a key, not known any more: within two windows."""
        time = self._gone.get((account, key))
        return time is not None and now - time < 2 * self._window

    def _let_go(self, whose: tuple[int, bytes]) -> None:
        self._gone.pop(whose, None)
        self._gone[whose] = self._calls.pop(whose).time

    def is_full(self, now: int) -> bool:
        """Forget what is older than the window; tell whether no key more can be kept."""
        calls = self._calls
        while calls:
            oldest = next(iter(calls))
            if now - calls[oldest].time < self._window:
                break
            self._let_go(oldest)
        gone = self._gone
        while gone:
            oldest = next(iter(gone))
            if now - gone[oldest] < 2 * self._window:
                break
            del gone[oldest]
        return len(calls) >= self.most

    def keep(self, account: int, key: bytes, call: KnownCall) -> None:
        """Keep a call whose key was not found."""
        self._calls[account, key] = call

    def export(self) -> list[tuple[int, bytes, int, bytes, int, bytes]]:
        """Return what is kept, the oldest first: rows of account, key and the call's columns.

        Of a call that is not known any more, its time alone.
        """
        gone = [(*whose, time, b"", 0, b"") for whose, time in self._gone.items()]
        return [*gone, *((*whose, *call) for whose, call in self._calls.items())]

    def restore(self, rows: Iterable[tuple[int, bytes, int, bytes, int, bytes]]) -> None:
        """Keep what another has exported, and nothing else."""
        self._calls.clear()
        self._gone.clear()
        for account, key, *columns in rows:
            call = KnownCall._make(columns)
            if call.reply:
                self._calls[account, key] = call
            else:
                self._gone[account, key] = call.time
