"""Days whose calls have keys, and are made again: at once, later, and after their workers' ends."""

from __future__ import annotations

from functools import partial
from typing import Any

from killing import KilledDay
from trading import said

__all__ = ["KeyedDay"]

KEYED = frozenset(
    {"execute_pre_trade", "apply_execution_report", "apply_account_adjustment"},
)


class _Again:
    """An engine whose calls are made with keys, some of them more often than once."""

    def __init__(self, day: KeyedDay) -> None:
        self._day = day

    def __getattr__(self, name: str) -> Any:
        if name in KEYED:
            return partial(self._day.make, name)
        return getattr(self._day.engine, name)


class KeyedDay(KilledDay):
    """Such a day: on the other engine each call is made once, without a key."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.made: list[tuple[str, tuple[Any, ...], str, Any]] = []
        self.again = self.keys = 0
        super().__init__(*arguments, key_window=10**7, **options)

    def both(self, call: Any) -> tuple[Any, Any]:
        return super().both(lambda engine: call(engine if engine is self.one else _Again(self)))

    def make(self, name: str, *arguments: Any) -> Any:
        self.keys += 1  # also those of calls that raise, which have been made
        key = f"call {self.keys}"
        listed = tuple([*one] if isinstance(one, list) else one for one in arguments)
        answer = getattr(self.engine, name)(*listed, key=key)
        self.made.append((name, listed, key, _told(answer)))
        for before in (self.made[-1], self.random.choice(self.made)):
            if self.random.random() < 0.5:
                self._repeat(answer, *before)
        return answer

    def _repeat(
        self, last: Any, name: str, arguments: tuple[Any, ...], key: str, expected: Any
    ) -> None:
        answer = getattr(self.engine, name)(*arguments, key=key)
        assert _told(answer) == expected
        if key == self.made[-1][2] and hasattr(answer, "reservation"):
            assert answer.reservation is last.reservation
        self.again += 1


def _told(answer: Any) -> Any:
    return said(answer) if hasattr(answer, "reservation") else repr(answer)
