"""The random source of the generators: seeded, with a dial for faulty arguments."""

from __future__ import annotations

import contextlib
from random import Random
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

T = TypeVar("T")


class Draw(Random):
    """A seeded source; ``faults`` is the share of arguments that are wrong on purpose.

    Of several faults in one call it is left open which one is reported, so a turn has one at most.
    ``accounts`` are those that take part; the equivalence rung wants one for each shard.
    """

    def __init__(self, seed: str, accounts: Sequence[int] = (1, 2, 3)) -> None:
        super().__init__(seed)
        self.accounts = accounts
        self.faults = 0.04
        self._spent = False

    def chance(self, probability: float) -> bool:
        return self.random() < probability

    def turn(self) -> None:
        """Begin the next call: it may have its own fault."""
        self._spent = False

    def fault(self) -> bool:
        if self._spent:
            return False
        self._spent = self.random() < self.faults
        return self._spent

    def odd(self, good: Sequence[T], bad: Sequence[T]) -> T:
        return self.choice(bad if self.fault() else good)

    @contextlib.contextmanager
    def dialled(self, faults: float) -> Iterator[None]:
        """A stretch with another share of faults."""
        before, self.faults = self.faults, faults
        try:
            yield
        finally:
            self.faults = before
