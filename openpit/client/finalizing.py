"""Commits and rollbacks of many: reservations without effects at once, the others per shard."""

from __future__ import annotations

from inspect import iscoroutine
from typing import TYPE_CHECKING, Any, Final

from openpit.client.expected import failures_of
from openpit.client.handles import HeldReservation, LocalReservation, OperationProxy
from openpit.client.lost_answers import sent_call
from openpit.client.many import ManyCall, Part
from openpit.wire import kinds
from openpit.wire.failures import read_failure
from openpit.wire.frames import pack
from openpit.wire.limits import HANDLES_PER_COMMAND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.client.submitting import Submitting
    from openpit.errors import SentCall
    from openpit.router.shard_link import ShardLink
    from openpit.wire.possible_replies import Reply

__all__ = ["FinalizeMany"]


class FinalizePart(Part):
    """Handles of one call in one command, answered as a whole."""

    __slots__ = ()

    uses_reserve = True

    def __init__(
        self, call: FinalizeMany, indexes: Sequence[int], packed: bytes, _: object
    ) -> None:
        super().__init__(call, indexes, packed)
        self.count = 1
        self.expected = failures_of(len(indexes))

    def accounts(self) -> set[int | None]:
        return set()

    def items(self, seq: int, count: int) -> Sequence[int]:
        return self.indexes

    def sent(self, link: ShardLink, place: int) -> SentCall | None:
        whole = sent_call(link, self, "value", None)  # one command is about all of them
        return whole and whole._replace(place=place)

    def withdrawn(self) -> None:
        for index in self.indexes:
            self.call.inputs[index].reopen()

    def take(self, place: int, link: ShardLink, seq: int, reply: Reply, *, is_wanted: bool) -> None:
        if not is_wanted:
            return
        call, indexes = self.call, self.indexes
        failures: dict[int, BaseException] = {}
        if reply[0] == kinds.FAILURES:
            for failed, *failure in reply[1]:
                failures[indexes[failed]] = read_failure(tuple(failure), link.number)
        elif reply[0] == kinds.RAISED:  # so many failures that they do not fit into a frame
            failures = dict.fromkeys(indexes, read_failure(reply[1:], link.number))
        for index in indexes:
            call.results[index] = None if index in failures else True
        call.failures.update(failures)
        call.settle(len(indexes))


class FinalizeMany(ManyCall):
    """``commit`` or ``rollback`` for many reservations; those without effects end here."""

    __slots__ = ("_commit",)

    part = FinalizePart

    def __init__(
        self, client: Submitting, reservations: Sequence[Any], now: int, *, commit: bool
    ) -> None:
        super().__init__(client, reservations, now)
        self._commit = commit

    @property
    def method(self) -> str:  # type: ignore[override]  # the base class says it for all instances
        """The public method's name."""
        return "commit_many" if self._commit else "rollback_many"

    def feed(self) -> bool:
        finished = 0
        results, rows, runner = self.results, self.rows, self.client.runner
        held = self.client.router.links[0].handles.held
        for index, reservation in enumerate(self.inputs):
            try:
                if (
                    isinstance(reservation, LocalReservation)
                    and reservation._open
                    and reservation._link.is_up
                ):
                    reservation._open = False  # finish(), spelt out: the hot path of volume
                    results[index] = True
                elif (
                    type(reservation) is held
                    and reservation._open
                    and reservation._is_held
                    and (link := reservation._link).is_up
                    and link.runner is runner
                ):
                    reservation._open = False  # close(), spelt out: the hot path of what is held
                    handles, indexes = rows[link.number]
                    indexes.append(index)
                    handles.append(reservation._handle)
                    continue
                elif self._ends_here(reservation):
                    results[index] = True
                else:  # it is closed already
                    handles, indexes = self.rows[reservation._link.number]
                    handles.append(reservation._handle)
                    indexes.append(index)
                    continue
            except Exception as error:  # noqa: BLE001 - told together, when every item is finished
                self.failures[index] = error
            finished += 1
        self.settle(finished)
        return self.fed()

    def _ends_here(self, reservation: Any) -> bool:
        """Finalise what its shard need not hear of; else close it, and return False."""
        if isinstance(reservation, LocalReservation):
            reservation.finish()
            return True
        if isinstance(reservation, _HELD) and reservation._link.runner is self.client.runner:
            return not reservation.close()
        _finalize_foreign(reservation, commit=self._commit)
        return True

    def submit(self, number: int) -> None:
        handles, indexes = self.rows[number]
        kind = kinds.COMMIT_MANY if self._commit else kinds.ROLLBACK_MANY
        for start in range(0, len(handles), HANDLES_PER_COMMAND):
            here = slice(start, start + HANDLES_PER_COMMAND)
            self.submit_part(number, indexes[here], pack((kind, None, handles[here])))
        self.rows[number] = ([], [])

    def abandon(self) -> None:
        for _, indexes in self.rows:  # of which nothing was said to their shards
            for index in indexes:
                self.inputs[index].reopen()
            indexes.clear()
        super().abandon()


def _finalize_foreign(reservation: Any, *, commit: bool) -> None:
    """Finalise the reservation of another engine, which is a mistake but a harmless one."""
    answer = reservation.commit() if commit else reservation.rollback()
    if iscoroutine(answer):
        answer.close()
        raise TypeError("the reservation belongs to another asynchronous engine")


_HELD: Final = (HeldReservation, OperationProxy)
