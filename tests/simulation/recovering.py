"""A simulation whose shards have journals: one that dies comes back, at any event.

What is in the journal of a shard that dies, is what it had answered, or less by the portion that
it was at work on.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from simulator import Simulation

from openpit.client.resuming import Resume
from openpit.hosting.replacement import Replacement
from openpit.router.lifecycle import ShardState

if TYPE_CHECKING:
    from stations import Shard

    from openpit.router.shard_link import ShardLink

__all__ = ["Recovering"]

_KILLED = (ShardState.UP, ShardState.STALLED, ShardState.RECOVERING)


class Recovering(Simulation):
    """One run."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        links = self.router.links
        self._replacements = [Replacement(self.router, link) for link in links]
        self._sources: list[Any] = [*links]
        self._to_start: set[int] = set()  # shards that wait for another worker
        self._greeted: set[int] = set()  # those whose next worker has not read anything yet
        self.recovered = 0
        self._lets_down = self.random.random() < 0.15  # a budget that is spent at once
        self._faults = True

    def source_of(self, shard: Shard) -> Any:
        return self._sources[shard.number]

    def _possible(self) -> list[tuple[Any, float]]:
        possible = super()._possible()
        for shard in self.shards:
            if shard.commands and not shard.is_dead:
                possible.append((partial(self._kill_at_work, shard), 0.1))
        possible.append((self._kill, 0.15))
        return possible

    def _fault(self) -> None:
        """None but these: a shard that talks nonsense is not brought back."""

    def _kill(self) -> None:
        shard = self.random.choice(self.shards)
        if not shard.is_dead and self.router.links[shard.number].state in _KILLED:
            kept = self.random.randint(0, len(shard.replies))
            self.note("kill", shard.number, kept)
            shard.die(kept)

    def _kill_at_work(self, shard: Shard) -> None:
        if self.router.links[shard.number].state in _KILLED:
            size = self._size(shard.commands)
            self.note("kill at work", shard.number, size)
            shard.die_at_work(size)

    def _given_up(self, link: ShardLink, why: str) -> None:
        shard = self.shards[link.number]
        shard.die(0)
        self._replace(shard, why)

    def _end(self, shard: Shard) -> None:
        """Notice that a shard has died, or start another worker for it."""
        link = self.router.links[shard.number]
        if link.is_recovering and shard.number in self._to_start:
            self._to_start.discard(shard.number)
            self.note("start", shard.number)
            self._greet(shard, link)
        else:
            self.note("end", shard.number)
            self._replace(shard, "it was killed")

    def _replace(self, shard: Shard, why: str) -> None:
        link = self.router.links[shard.number]
        self._greeted.discard(shard.number)
        if link.state not in _KILLED or (self._lets_down and self.random.random() < 0.3):
            self.router.lose(link, why)
            self._sources[shard.number] = link
            return
        self.puts_off = True
        replacement = self._replacements[shard.number]
        replacement.begin(why)
        self._to_start.add(shard.number)
        self._sources[shard.number] = replacement

    def _greet(self, shard: Shard, link: ShardLink) -> None:
        replacement = self._replacements[shard.number]

        def recovered(number: int) -> None:
            self.recovered += 1
            why = replacement.recovered(number)
            if why:
                self.note("given up", shard.number)
                self.router.lose(link, why)
                self._sources[shard.number] = link
                shard.die(0)

        def passes() -> None:
            self._sources[shard.number] = link

        greeting = Resume(
            self.clock(),
            len(self.shards),
            self.client.limits,
            self.payload,
            recovered,
            lambda why: self.note("refused", why),
        )
        replacement.greet(greeting, passes)
        self._greeted.add(shard.number)

    def _write(self, shard: Shard) -> None:
        if shard.number not in self._greeted or not shard.is_dead:
            super()._write(shard)
            return
        self._greeted.discard(shard.number)
        shard.come_back(self.source_of(shard).take())

    def end_stalled(self) -> None:
        super().end_stalled()
        for shard, link in zip(self.shards, self.router.links, strict=True):
            if link.is_recovering:
                self._sources[shard.number] = link
                if not shard.is_dead:
                    shard.die(0)
