"""Market data that has come back from a journal: the same on all shards, and told to the program.

A change goes to every shard, so each has had the first so many of the same changes, and whoever
ended first has had fewer. Such a shard is given all that the one has that has had the most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from openpit.client.expected import questions_to
from openpit.client.procedures import values_of
from openpit.errors import JournalError
from openpit.wire import kinds
from openpit.wire.values import encode

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from openpit.marketdata.store import Operation
    from openpit.router.procedures import Steps
    from openpit.router.router import Router
    from openpit.router.shard_link import ShardLink

__all__ = ["Restored", "restore_market"]

Restored: TypeAlias = "dict[int, tuple[Operation, ...]]"
"""Of each service that a journal has anything of, by its place: the changes that build it."""


def restore_market(
    router: Router, now: int, are_empty: Sequence[bool], readers: Sequence[tuple[str, ...]]
) -> Steps:
    """Bring each service to the same state on all shards; return what the journal has of them.

    ``are_empty`` says of the program's own services whether they are: one that is not is for an
    engine whose journal has nothing of it. ``readers`` are the policies that read each.

    Raises:
        JournalError: there are quotes in both.
    """
    restored: Restored = {}
    for place, is_empty in enumerate(are_empty):
        counts = yield from _asked(now, router.links, place, "changes")
        most = max(counts)
        leader = router.links[counts.index(most)]
        ((_, operations),) = yield from _asked(now, [leader], place, "everything")
        if len(operations) > 1:  # anything but the time that quotes live unless told otherwise
            if not is_empty:
                raise JournalError(
                    f"the market data that {', '.join(readers[place])} reads is not empty, and the "
                    "journal has some of its own: build the engine on a new service"
                )
            restored[place] = operations
        lacking = [link for link, count in zip(router.links, counts, strict=True) if count < most]
        command = (kinds.QUOTE, None, place, encode(("restored", most, operations)))
        yield now, questions_to(lacking, command)
    return restored


def _asked(
    now: int, links: Sequence[ShardLink], place: int, question: str
) -> Generator[Any, Any, list[Any]]:
    """Return what shards answer to a question."""
    command = (kinds.ASK_MARKET, None, place, encode((question,), bare=True))
    answers = yield now, questions_to(links, command)
    return values_of(links, answers)
