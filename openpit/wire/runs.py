"""Replies of which one answers several consecutive commands: how many, and what each is told."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, final

from openpit.wire import kinds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from openpit.pretrade.alike_rejects import AlikeReject
    from openpit.pretrade.rejects import Reject

__all__ = ["PLAIN_RUNS", "RUNS", "OneOfAlike", "answered_by", "each_of", "told_apart"]

PLAIN_RUNS: Final = frozenset({kinds.ACCEPTED, kinds.DONE})
"""Those that say how many commands they answer, and nothing else."""

RUNS: Final = PLAIN_RUNS | {kinds.REJECTED_ALIKE}


def answered_by(reply: Sequence[Any]) -> int:
    """Return how many commands a reply answers."""
    kind = reply[0]
    if kind in PLAIN_RUNS:
        count: int = reply[1]
        return count
    return len(reply[1]) if kind == kinds.REJECTED_ALIKE else 1


def each_of(replies: Iterable[Sequence[Any]]) -> Iterator[tuple[Any, ...]]:
    """Yield a reply for each command, as it would have been answered alone."""
    for reply in replies:
        kind = reply[0]
        if kind in PLAIN_RUNS:
            yield from repeat((kind, 1), reply[1])
        elif kind == kinds.REJECTED_ALIKE:
            yield from _apart(*reply[1:])
        else:
            yield tuple(reply)


def told_apart(replies: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    """Yield the same replies with each reject on its own, as if none had been found alike."""
    for reply in replies:
        if reply[0] == kinds.REJECTED_ALIKE:
            yield from _apart(*reply[1:])
        else:
            yield reply


def _apart(numbers: Sequence[int], reject: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    code, reason, before, behind, *rest = reject
    for number in numbers:
        yield kinds.REJECTED, ((code, reason, f"{before}{number}{behind}", *rest),)


@final
class OneOfAlike(Sequence["Reject"]):
    """The one reject of an order of a run, made when somebody looks at it."""

    __slots__ = ("_alike", "_said")

    _alike: AlikeReject
    _said: int | list[Reject]
    """Its number; once it is made, the reject."""

    def _made(self) -> list[Reject]:
        said = self._said
        if isinstance(said, int):
            self._said = said = [self._alike.of(said)]
        return said

    def __getitem__(self, index: Any) -> Any:
        return self._made()[index]

    def __iter__(self) -> Iterator[Reject]:
        return iter(self._made())

    def __len__(self) -> int:
        return 1
