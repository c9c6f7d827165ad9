"""Looks after the shards of a run: which of them stall, end or answer again, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.loadtest.plan import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Lookout"]

_UP: Final = "up"
_STALLED: Final = "stalled"
_DOWN: Final = "down"


class Lookout:
    """Tells of every change once; ``now`` is the time since the start of the run."""

    def __init__(
        self,
        stats: Callable[[], list[Any]],
        now: Callable[[], int],
        tell: Callable[[str], object],
    ) -> None:
        self._stats = stats
        self._now = now
        self._tell = tell
        self._states: dict[int, str] = {}
        self.lost: dict[int, str] = {}
        """What became of a shard first, by its number; a death that was planned is not in it."""

    @property
    def gone(self) -> set[int]:
        """The shards that were down at the last look."""
        return {shard for shard, state in self._states.items() if state == _DOWN}

    def look(self, killed: int | None = None) -> None:
        """Record the shards' states; ``killed`` is the shard whose worker the plan has killed."""
        for picture in self._stats():
            shard, state = picture.shard, picture.state
            before = self._states.get(shard, _UP)
            if state == before or state not in (_UP, _STALLED, _DOWN):
                continue
            self._states[shard] = state
            at = f"{self._now() / SECOND:.1f} s into the run"
            if state == _UP:
                self._tell(f"shard {shard} answers again, {at}")
                continue
            self._tell(f"shard {shard} is {state} since {at}: {picture.why}; its orders are denied")
            if state == _STALLED or shard != killed:
                self.lost.setdefault(shard, f"shard {shard} was {state} {at}: {picture.why}")
