"""Which way a replay on shards goes: its lines to the workers, or its orders.

Lines are passed on as they are (:class:`~openpit.cli.sharded.ShardedReplay`) where little has to
wait for what is before it. Two kinds of flows are read here, and their orders sent in batches
(:class:`~openpit.cli.replay.Replay`): those that are to end at their first bad line, of which the
workers would have decided more than counts; and those that tell no times, whose events are as late
as there were good ones before. The decisions are the same.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Protocol

from openpit.cli.events import BadEventError, BadLine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from openpit.cli.course import EventOf
    from openpit.cli.lines import Line

__all__ = ["OnShards"]


class Runnable(Protocol):
    """A replay of whichever kind."""

    def run(self, blocks: Iterable[Sequence[Line]]) -> None:
        """Drive the engine with all lines."""


class OnShards:
    """A replay that chooses its way by its first lines; each of the two is made when it is chosen.

    ``event_of`` reads a line.
    """

    def __init__(
        self,
        lines: Callable[[], Runnable],
        orders: Callable[[], Runnable],
        event_of: EventOf,
        *,
        is_strict: bool,
    ) -> None:
        self._lines = lines
        self._orders = orders
        self._event_of = event_of
        self._is_strict = is_strict

    def run(self, blocks: Iterable[Sequence[Line]]) -> None:
        """Drive the engine with all lines; raises what the chosen one does."""
        rest = iter(blocks)
        first = next(rest, ())
        is_passed_on = not self._is_strict and self._tells_times(first)
        replay = self._lines() if is_passed_on else self._orders()
        replay.run(chain((first,), rest))

    def _tells_times(self, lines: Sequence[Line]) -> bool:
        """Tell whether the first event has a time; a flow without an event is passed on, too."""
        for _, line in lines:
            if isinstance(line, BadLine):
                continue
            try:
                return self._event_of(line).time is not None
            except BadEventError:
                continue
        return True
