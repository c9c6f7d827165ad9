"""Commits and rollbacks of many: reservations without effects at once, the others per shard."""

from __future__ import annotations

from inspect import iscoroutine
from typing import TYPE_CHECKING, Any, Final

from openpit.client.expected import failures_of
from openpit.client.handles import HeldReservation, LocalReservation, OperationProxy
from openpit.client.many import ManyCall, Part
from openpit.errors import WireError
from openpit.wire import kinds
from openpit.wire.failures import read_failure
from openpit.wire.frames import pack
from openpit.wire.limits import HANDLES_PER_COMMAND

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from openpit.client.submitting import Submitting
    from openpit.router.shard_link import Reply, ShardLink

__all__ = ["FinalizeMany", "finalize_many"]


class FinalizeMany(ManyCall):
    """``commit`` or ``rollback`` for many reservations."""

    __slots__ = ("_commit", "_handles", "_now", "reservations")

    def __init__(
        self, client: Submitting, reservations: Sequence[Any], now: int, *, commit: bool
    ) -> None:
        super().__init__(client, len(reservations))
        # True for those that end here; the others are done when their shard says so.
        self.results = [True] * len(reservations)
        self.reservations = reservations
        self._commit = commit
        self._now = now
        self._handles: list[tuple[list[int], list[int]]] = [([], []) for _ in client.router.links]

    @property
    def method(self) -> str:  # type: ignore[override]  # the base class says it for all instances
        """The public method's name."""
        return "commit_many" if self._commit else "rollback_many"

    def add(self, index: int, proxy: HeldReservation | OperationProxy) -> None:
        """Add a proxy that is closed already."""
        handles, indexes = self._handles[proxy._link.number]
        handles.append(proxy._handle)
        indexes.append(index)
        self.results[index] = None

    def feed(self) -> bool:
        client = self.client
        kind = kinds.COMMIT_MANY if self._commit else kinds.ROLLBACK_MANY
        for number, (handles, indexes) in enumerate(self._handles):
            for start in range(0, len(handles), HANDLES_PER_COMMAND):
                end = start + HANDLES_PER_COMMAND
                packed = pack((kind, None, handles[start:end]))
                part = FinalizePart(self, indexes[start:end], packed, 1, self._now)
                part.expected = failures_of(len(part.indexes))
                client.router.submit(client.router.links[number], part)
            self._handles[number] = ([], [])
        self.fed()
        return False

    def abandon(self) -> None:
        self.reopen()
        super().abandon()

    def reopen(self) -> None:
        """Reopen the proxies of which nothing was said to their shards."""
        for _, indexes in self._handles:
            for index in indexes:
                self.reservations[index].reopen()
            indexes.clear()


class FinalizePart(Part):
    """Handles of one call in one command, answered as a whole."""

    __slots__ = ()

    uses_reserve = True

    def items(self, seq: int, count: int) -> Sequence[int]:
        return self.indexes

    def withdrawn(self) -> None:
        for index in self.indexes:
            self.call.reservations[index].reopen()

    def take(self, place: int, link: ShardLink, seq: int, reply: Reply, *, is_wanted: bool) -> None:
        call: FinalizeMany = self.call
        if not is_wanted:
            return
        failures: dict[int, BaseException] = {}
        if reply[0] == kinds.FAILURES:
            for failed, *failure in reply[1]:
                failures[self.indexes[failed]] = read_failure(tuple(failure), link.number)
        elif reply[0] == kinds.RAISED:  # so many failures that they do not fit into a frame
            error = read_failure(reply[1:], link.number)
            failures = dict.fromkeys(self.indexes, error)
        elif reply[0] != kinds.DONE:
            raise WireError(f"not a reply to a list of handles: {reply!r:.200}")
        results = call.results
        for index in self.indexes:
            results[index] = True
        for index, error in failures.items():
            results[index] = None
            call.failures[index] = error
        call.settle(len(self.indexes))


def finalize_many(
    client: Submitting, reservations: Sequence[Any], now: int, *, commit: bool
) -> FinalizeMany:
    """Return the call that finalises reservations; those without effects are finalised here."""
    call = FinalizeMany(client, reservations, now, commit=commit)
    numbered = enumerate(reservations)
    try:
        finished = _end_here(call, client, numbered, commit=commit)
    except BaseException as error:
        call.reopen()  # none of them has been told to its shard
        ahead = next(numbered, (len(reservations), None))[0]
        for index in range(max(ahead - 1, 0), len(reservations)):
            call.results[index] = None
        call.tell(error)
        raise
    call.settle(finished)
    return call


def _end_here(
    call: FinalizeMany, client: Submitting, numbered: Iterator[tuple[int, Any]], *, commit: bool
) -> int:
    """Finalise what its shard need not hear of, list the others; return how many have ended."""
    finished = 0
    for index, reservation in numbered:
        try:
            if isinstance(reservation, LocalReservation):
                if reservation._open and reservation._link.is_up:
                    reservation._open = False
                else:
                    reservation.finish()  # raises what there is to say
            elif isinstance(reservation, _HELD) and reservation._link.runner is client.runner:
                if reservation.close():
                    call.add(index, reservation)
                    continue
            else:
                _finalize_foreign(reservation, commit=commit)
        except Exception as error:  # noqa: BLE001 - told together, when every item is finished
            call.failures[index] = error
            call.results[index] = None
        finished += 1
    return finished


def _finalize_foreign(reservation: Any, *, commit: bool) -> None:
    """Finalise the reservation of another engine, which is a mistake but a harmless one."""
    answer = reservation.commit() if commit else reservation.rollback()
    if iscoroutine(answer):
        answer.close()
        raise TypeError("the reservation belongs to another asynchronous engine")


_HELD: Final = (HeldReservation, OperationProxy)
