"""What a face is: how callers wait for what the cores answer.

Client and router do no I/O and read no clock: they take calls and bytes, and give bytes and calls
that are done. Whoever has them do so is a face. There are two in the package, for threads and for
asyncio; tests have two more, over a loop and under a scheduler.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from openpit.client.handles import Runner
from openpit.faces.pictures import picture_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.client.client import Client
    from openpit.router.calls import Call
    from openpit.router.router import Router
    from openpit.wire.shard_stats import ShardStats

__all__ = ["Face"]


class Face(Runner, ABC):
    """Runs the calls of a client to their end.

    This is what it owes to the cores, one at a time, by whatever means it has:

    * **calls**: :meth:`run` makes one at the clock's time. One that is not ``done`` is waited for:
      ``waiter`` set, so that it comes up in ``books.woken`` when it is; and from then on it is
      among what ``deadlines.expect`` is told. One whose caller goes away is abandoned.
    * **bytes**: what a link has ready (``has_output``, ``take()``) is sent to its shard; what comes
      is given to ``router.receive``. What is no reply, or an end of the shard, is ``router.lose``.
      Calls may be done and links may have something ready after any of them.
    * **time**: it sleeps until ``deadlines.next_deadline()`` at most, while there is one, and then
      tells ``deadlines.on_time``, having given the router what came by then. It ends the shards
      that this returns. Both times are seconds of one clock that never goes back.
    * **handles**: what nobody holds any more is told to the shards by the next call, or by
      ``router.let_go()`` where a face can do so earlier.
    * **news**: ``books.news`` is told to the engine's host.
    * **interrupts**: ``books.is_torn`` after an exception says that bookkeeping was left half done.
      Then all shards are given up.
    """

    clock: Callable[[], int]
    client: Client
    router: Router

    @abstractmethod
    def run(self, method: Callable[..., Call], *arguments: Any) -> Any:
        """Make a call and wait for its end; return its value or raise its error."""

    @abstractmethod
    def run_part(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Make a call over many items, sending the first frames while it encodes the next ones."""

    @abstractmethod
    def run_many(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Make a call over many items; return its value or raise its error."""

    @abstractmethod
    def pass_on(self, service: int, operation: object) -> None:
        """Send a change of market data to every shard, ahead of the next order."""

    @abstractmethod
    def poll(self) -> None:
        """Do at once what would be done with the next call; wait for nothing."""

    @abstractmethod
    def close(self, *, rollback: bool = False) -> Any:
        """Roll back what is open, unless a journal keeps it, and end the shards. Idempotent."""

    # --- the same for all ------------------------------------------------------------------------

    def finalize(self, proxy: Any, *, commit: bool) -> Any:
        """Commit or roll back what a proxy stands for."""
        return self.run(self.client.finalize, proxy, commit)

    def execute_request(self, proxy: Any) -> Any:
        """Run the main stage of a proxy's request."""
        return self.run(self.client.execute_request, proxy)

    def abandon(self, call: Call) -> None:
        """Give up a call whose caller has gone."""
        call.abandon()

    def stats(self) -> list[ShardStats]:
        """Return a picture of every shard."""
        return [*map(picture_of, self.router.links)]
