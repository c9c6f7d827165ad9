"""What may answer a command: told with it, and looked at by whoever opens the reply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ONLY_DONE", "Expected", "Reply"]

Reply: TypeAlias = tuple[Any, ...]


class Expected(NamedTuple):
    """The kinds of reply to a command, and the test of one of them beyond its form."""

    kinds: frozenset[int]
    tested: int = 0
    fits: Callable[[Reply], bool] = bool


ONLY_DONE: Final = Expected(frozenset())
"""Of an op, whose reply has no body."""
