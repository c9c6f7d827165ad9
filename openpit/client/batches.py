"""Orders of many: the volume path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.client.answers import CHECKS, read_execute
from openpit.client.counted import CountedMany
from openpit.client.expected import EXECUTED
from openpit.client.many import Part
from openpit.client.orders import captured_order, order_row, ranked_row
from openpit.core.order import Order
from openpit.errors import OutcomeUnknown, WireError
from openpit.pretrade.results import ExecuteResult
from openpit.wire import kinds
from openpit.wire.axes import BROKER
from openpit.wire.flat_rows import DecodedRejects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.router.shard_link import Reply, ShardLink

__all__ = ["ExecuteMany"]

EXECUTE: Final = kinds.EXECUTE
RESERVED: Final = kinds.RESERVED
_USUAL: Final = frozenset({kinds.RESERVED, kinds.REJECTED})

_new = object.__new__


class ExecutePart(Part):
    """Orders of one call in one frame."""

    __slots__ = ()

    answers = EXECUTED
    read = staticmethod(read_execute)

    def replied_run(self, link: ShardLink, kind: int, seq: int, count: int) -> None:
        if kind != kinds.ACCEPTED:
            raise WireError(f"not a reply to an order: {kind}")
        if not self.is_wanted(seq, count):
            return
        call: ExecuteMany = self.call
        results = call.results
        local = link.handles.local
        for index in self.items(seq, count):
            # What accepted() does, spelt out: the hot path of volume.
            reservation = _new(local)
            reservation._link = link
            reservation._open = True
            result = _new(ExecuteResult)
            result._reservation = reservation
            result._rejects = ()
            results[index] = result
        call.settle(count)

    def replied(self, link: ShardLink, seq: int, reply: Reply) -> None:
        place = seq - self.first
        call: ExecuteMany = self.call
        kind = reply[0]
        if place != self.answered or self.is_over or call.done or kind not in _USUAL:
            super().replied(link, seq, reply)
            return
        # What is_wanted() and take() do, spelt out: the hot path of whatever holds funds.
        self.answered = place + 1
        index = self.indexes[place]
        result = _new(ExecuteResult)
        try:
            if kind == RESERVED:
                # What _of() does, spelt out as well.
                reservation = _new(link.handles.held)
                reservation._open = False  # until it is whole
                _, reservation._is_held, reservation._lock_rows, reservation._outcomes = reply
                reservation._link = link
                reservation._account = call.inputs[index]._account_
                reservation._handle = seq
                reservation._open = True
                result._rejects = ()
                result._reservation = reservation
            else:
                result._rejects = DecodedRejects(reply[1])
                result._reservation = None
        except BaseException as error:  # noqa: BLE001 - as in take()
            call.put_failure(index, error)
        else:
            call.results[index] = result
            call.settle(1)


class ExecuteMany(CountedMany):
    """``execute_pre_trade`` for many orders; stops at one without account id, too."""

    __slots__ = ()

    method = "execute_pre_trade_many"
    lets_go = True
    part = ExecutePart

    def feed(self) -> bool:
        client = self.client
        encoder = client.encoder
        if self._counts_nothing != encoder.counts_nothing:
            # The limits have changed since the last part. Rows of both kinds do not mix.
            self.submit_all()
            self._counts_nothing = encoder.counts_nothing
        if (
            len(self.inputs) == 1
            or (self._is_timed and not self._counts_nothing)
            or not all(link.is_up for link in client.router.links)
        ):
            return self._feed_slowly()
        ranks = None if self._counts_nothing else encoder.ranks
        is_broker_only = encoder.ranks.counts_broker_only
        is_flat = encoder.is_flat if client.has_custom else None
        owners = client.router.owners
        parts = self.rows
        limit = client.rows_per_frame
        position = self._position
        for order in self.inputs[position:] if position else self.inputs:
            if type(order) is not Order:
                break
            account = order._account_
            if account is None or not (is_flat is None or is_flat(order)):
                break
            number = owners[account]
            rows, indexes = parts[number]
            if ranks is None:
                rows.append(order_row(order))
            elif is_broker_only:
                ranks.broker = rank = ranks.broker + 1
                rows.append(ranked_row(order, rank, 0))
            else:
                rows.append(ranked_row(order, *ranks.next_of(order)))
            indexes.append(position)
            position += 1
            if len(rows) >= limit:
                if not self.makes_frame(rows, position):
                    limit = len(self.inputs)  # nor do any of those that follow
                    continue
                self._position = position
                if ranks is None:
                    self.submit(number)
                else:
                    self.submit_all()
                return True
        self._position = position
        if position == len(self.inputs):
            return self.fed()
        return self._feed_slowly()

    def _axes_in(
        self, rows: Sequence[Any], indexes: Sequence[int]
    ) -> dict[int, tuple[int, int, int]]:
        ranks = self.client.encoder.ranks
        times, orders = self._times, self.inputs
        if ranks.counts_broker_only:
            return {BROKER: (len(rows), rows[0][-2], times[indexes[0]])}
        numbers = ranks.numbers
        found: dict[int, tuple[int, int, int]] = {}
        for row, index in zip(rows, indexes, strict=True):
            broker, asset = row[-2:]
            if broker:
                count, first, now = found.get(BROKER, (0, broker, times[index]))
                found[BROKER] = count + 1, first, now
            if asset:
                axis = numbers[orders[index]._settlement_]
                count, first, now = found.get(axis, (0, asset, times[index]))
                found[axis] = count + 1, first, now
        return found

    def _feed_slowly(self) -> bool:
        """Continue where an order needs more than its flat row, or is none at all."""
        client = self.client
        encoder = client.encoder
        orders = self.inputs
        is_counted_by_time = self._is_timed and not self._counts_nothing
        while self._position < len(orders):
            index = self._position
            self._position += 1
            try:
                order = captured_order(orders[index])
                account = order._account_
                if account is None:
                    self._position = index
                    return self._stop()
                link = client.router.link_of(account)
                if not link.is_up:  # before it is counted for the rate limit
                    self.missing(index, link.number, link.reason, link.refusal())
                    continue
                if is_counted_by_time and self._leaves_window(
                    self._axes_of(order), self._times[index]
                ):
                    self._position = index
                    if not self._has_rows:
                        return self._stop()
                    self.submit_all()
                    return True
                row = encoder.ranked(order)
            except TypeError as error:
                self.put_failure(index, error)
                continue
            rows, indexes = self.rows[link.number]
            rows.append(row)
            indexes.append(index)
            if self.makes_frame(rows, index + 1):
                if self._counts_nothing:
                    self.submit(link.number)
                else:
                    self.submit_all()
                return True
        return self.fed()

    def _axes_of(self, order: Order) -> list[int]:
        """Return the numbers of the axes that an order may count on."""
        broker, asset = self.client.encoder.ranks.axes_of(order)
        return ([BROKER] if broker else []) + ([] if asset is None else [asset])

    @property
    def stopped_order(self) -> tuple[int, Order]:
        """The order at ``stopped_at``, and its time before it."""
        return self._times[self._position], self.inputs[self._position]

    def missing(self, index: int, shard: int, why: str, error: Exception) -> None:
        call = error.call if isinstance(error, OutcomeUnknown) else None
        self.put(index, CHECKS[EXECUTE].denied(shard, why, call))
