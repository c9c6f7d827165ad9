"""Calls over many items: every item is finished, whatever becomes of the others.

Items go out in parts, one part per frame, so that a shard starts on the first while the client
still encodes the next.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from openpit.client.answers import WORDS
from openpit.client.lost_answers import sent_call
from openpit.engine.batches import failure_of, tell
from openpit.errors import FrameTooLarge, WireError
from openpit.router.calls import Call, Raised, unknown
from openpit.router.shard_link import Entry
from openpit.wire.frames import pack, pack_rows
from openpit.wire.possible_replies import ONLY_DONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.client.answers import Read
    from openpit.client.submitting import Submitting
    from openpit.errors import SentCall
    from openpit.router.rates import Counting
    from openpit.router.shard_link import ShardLink
    from openpit.wire.possible_replies import Reply

__all__ = ["UNPACKABLE", "ManyCall", "Part", "fitting"]

UNPACKABLE: Final = (FrameTooLarge, ValueError, OverflowError)
"""What packing a row may raise: too long, a text without UTF-8 form, a number over 64 bits."""


def fitting(link: ShardLink, packed: bytes) -> bytes:
    """Return packed commands that go to a shard in one frame; raises FrameTooLarge if they do not.

    With what packs them, it raises what is ``UNPACKABLE``.
    """
    link.check_fits(packed)
    return packed


class ManyCall(Call):
    """A call over many items; its value is the list of their results, in input order.

    What its shards are asked of the items, their ``rows``, is collected for each shard until a
    frame is full.
    """

    __slots__ = ("_left", "client", "failures", "inputs", "now", "results", "rows")

    method = ""
    part: type[Part]
    has_deadline = False
    lets_go = False  # whether results are handles, which no exception but the group may keep

    def __init__(self, client: Submitting, inputs: Sequence[Any], now: int) -> None:
        super().__init__(client.books)
        self.client = client
        self.inputs = inputs
        self.now = now
        self.results: list[Any] = [None] * len(inputs)
        self.failures: dict[int, BaseException] = {}
        # Items without a result, and one more while there is something left to encode.
        self._left = len(inputs) + 1
        # By shard, what it is to be asked, and the places of the items.
        self.rows: list[tuple[list[Any], list[int]]] = [([], []) for _ in client.router.links]

    def result(self) -> Any:
        # A stalled shard's part keeps this call until it is answered: what the caller lets go of
        # must not hang on it.
        try:
            return super().result()
        finally:
            self.value = None
            self.results = []

    def fed(self) -> bool:
        """Submit what is left, now that everything is encoded; tell that there is no more."""
        self.submit_all()
        self.settle(1)
        return False

    def settle(self, items: int) -> None:
        """Count items as finished; end with the last one."""
        self._left -= items
        if not self._left:
            self.completed()

    def completed(self) -> None:
        """End with the results, or with the exceptions of the items that failed."""
        if self.failures:
            failure = self._failure()
            # Tracebacks of the exceptions may keep this call: its reservations must not hang on it.
            self.results = []
            self.failures = {}
            self.fail(failure)
        else:
            self.finish(self.results)

    def _failure(self) -> BaseException:
        ordered = dict(sorted(self.failures.items()))
        plain = {place: error for place, error in ordered.items() if isinstance(error, Exception)}
        if len(plain) == len(ordered):
            return failure_of(self.method, self.results, plain)
        # KeyboardInterrupt and its like are never wrapped.
        error = next(error for error in ordered.values() if not isinstance(error, Exception))
        self.tell(error)
        return error

    def tell(self, error: BaseException) -> None:
        """Add what has been done to an exception that ends the call and is no item's failure."""
        if not self.lets_go:
            tell(error, self.results, self.failures)

    def makes_frame(self, rows: Sequence[Any], position: int) -> bool:
        """Tell whether a shard's rows are to be sent, of the items before ``position``."""
        client = self.client
        return (
            len(rows) >= client.rows_per_frame and position <= len(self.inputs) - client.last_rows
        )

    def put(self, index: int, value: Any) -> None:
        """Record an item's result."""
        self.results[index] = value
        self.settle(1)

    def put_failure(self, index: int, error: BaseException) -> None:
        """Record an item's exception."""
        self.failures[index] = error
        self.settle(1)

    def missing(self, index: int, shard: int, why: str, error: Exception) -> None:
        """Record that an item has no answer; ``error`` is what one call would raise."""
        self.put_failure(index, error)

    def feed(self) -> bool:
        """Encode on until a frame is ready; tell whether there is more to encode."""
        raise NotImplementedError

    def submit_all(self) -> None:
        """Submit what has been collected."""
        for number, (rows, _) in enumerate(self.rows):
            if rows:
                self.submit(number)

    def submit(self, number: int) -> None:
        """Submit what has been collected for one shard."""
        rows, indexes = self.rows[number]
        self.rows[number] = ([], [])
        link = self.client.router.links[number]
        try:
            packed = fitting(link, pack_rows(rows))
        except UNPACKABLE:
            # One of them cannot be sent, or they are too much for one frame together.
            for place, row in enumerate(rows):
                try:
                    packed = fitting(link, pack(row))
                except UNPACKABLE as error:
                    self.put_failure(indexes[place], error)
                    continue
                self.submit_part(number, indexes[place : place + 1], packed)
            return
        self.submit_part(number, indexes, packed)

    def submit_part(
        self, number: int, indexes: list[int], packed: bytes, counting: Sequence[Counting] = ()
    ) -> None:
        """Submit the packed rows of some items."""
        part = self.part(self, indexes, packed, counting)
        part.times = self.times_of(indexes)
        router = self.client.router
        router.submit(router.links[number], part)

    def times_of(self, indexes: Sequence[int]) -> Sequence[int]:
        """Return the times of items that have one each."""
        return ()

    def abandon(self) -> None:
        for link in self.books.links:
            for part in [entry for entry in link.waiting if _is_of(entry, self)]:
                link.waiting.remove(part)
                part.withdrawn()  # type: ignore[attr-defined]  # parts have it
        interrupt = sys.exception()  # what made the caller go
        if interrupt is not None and not self.done:
            self.tell(interrupt)
        self.results = []  # replies that are still to come keep this call
        super().abandon()


def _is_of(entry: Entry, call: ManyCall) -> bool:
    return isinstance(entry, Part) and entry.call is call


class Part(Entry):
    """Some items of a call, in one frame to one shard."""

    __slots__ = ("answered", "call", "indexes", "is_over")

    answers = ONLY_DONE
    read: Read

    def __init__(
        self,
        call: ManyCall,
        indexes: Sequence[int],
        packed: bytes,
        counting: Sequence[Counting] = (),
    ) -> None:
        super().__init__(len(indexes), call.now, packed, self.answers, counting)
        self.call: Any = call
        self.indexes = indexes
        # How many of the commands; a reply that is held back counts, unless it comes too late.
        self.answered = 0
        self.is_over = False  # given up: the call may be going on with other items

    def accounts(self) -> set[int | None]:
        inputs = self.call.inputs
        return {inputs[index]._account_ for index in self.indexes}

    @property
    def is_awaited(self) -> bool:  # type: ignore[override]  # the base class says it for all
        return not (self.is_over or self.call.done)

    def lost(self, link: ShardLink, *, sent: bool) -> None:
        if sent:
            self.expire(link, link.reason)
        else:
            self.withdrawn()
            if self._is_given_up():
                error = link.refusal()
                for index in self.indexes[self.answered :]:
                    self.call.missing(index, link.number, link.reason, error)

    def withdrawn(self) -> None:
        """Record that the commands are never sent."""
        self.call.books.give_back(self)

    def stalled(self, link: ShardLink, why: str) -> None:
        if not link.comes_back:  # else another worker answers, if this one never does
            self.expire(link, why)

    def expire(self, link: ShardLink, why: str) -> None:
        """End the items that have no answer yet; one that comes later is let go."""
        if self._is_given_up():
            for place, index in enumerate(self.indexes[self.answered :], self.answered):
                error = unknown(link, why, self.sent(link, place))
                self.call.missing(index, link.number, why, error)

    def _is_given_up(self) -> bool:
        """Give up what has no answer; tell whether somebody waits for that."""
        if self.call.done or self.is_over:
            return False
        self.is_over = True
        return True

    def sent(self, link: ShardLink, place: int) -> SentCall | None:
        """Return which call an item is, for who asks for its answer later."""
        account = self.call.inputs[self.indexes[place]]._account_
        return sent_call(link, self, WORDS[self.read], account, place=place)

    def items(self, seq: int, count: int) -> Sequence[int]:
        """Return the indexes of the items that some of the commands are about."""
        return self.indexes[seq - self.first : seq - self.first + count]

    def defer(self, link: ShardLink, seq: int, count: int) -> None:
        if not self.is_over:
            self.answered = seq + count - self.first

    def is_wanted(self, seq: int, count: int) -> bool:
        """Count commands as answered; tell whether anybody waits for the answers."""
        place = seq - self.first
        if place < self.answered:  # they were held back, and not given up with the rest
            return not self.call.done
        self.answered = place + count
        return not (self.is_over or self.call.done)

    def take(self, place: int, link: ShardLink, seq: int, reply: Reply, *, is_wanted: bool) -> None:
        """Read the reply to one item; its result goes to ``self.call`` if that wants it."""
        call = self.call
        index = self.indexes[place]
        try:
            result = self.read(link, call.inputs[index]._account_, seq, reply)
        except WireError:
            raise
        except BaseException as error:  # noqa: BLE001 - of reading it, as deep in a recursion
            if is_wanted:
                call.put_failure(index, error.error if isinstance(error, Raised) else error)
            return
        if is_wanted:
            call.put(index, result)

    def replied(self, link: ShardLink, seq: int, reply: Reply) -> None:
        place = seq - self.first
        if place == self.answered and not (self.is_over or self.call.done):
            self.answered = place + 1  # what is_wanted() does, spelt out for the hot path
            is_wanted = True
        else:
            is_wanted = self.is_wanted(seq, 1)
        try:
            self.take(place, link, seq, reply, is_wanted=is_wanted)
        except WireError:
            self.answered = place  # it is none: the item is lost with the shard
            raise
