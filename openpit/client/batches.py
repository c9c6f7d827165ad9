"""Orders of many: the volume path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.client.answers import CHECKS, read_execute
from openpit.client.expected import EXECUTED
from openpit.client.many import RowsCall, RowsPart
from openpit.client.orders import captured_order, counted_row, order_row
from openpit.core.order import Order
from openpit.errors import WireError
from openpit.pretrade.results import ExecuteResult
from openpit.slots import SLOT_MASK, SLOT_SHIFT, SPREAD
from openpit.wire import kinds
from openpit.wire.rows import DecodedRejects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.client.submitting import Submitting
    from openpit.pretrade.policies.rate_limit import FixedWindows
    from openpit.router.link import Reply, ShardLink
    from openpit.router.rates import Counted

__all__ = ["ExecuteMany"]

EXECUTE: Final = kinds.EXECUTE
RESERVED: Final = kinds.RESERVED
_USUAL: Final = frozenset({kinds.RESERVED, kinds.REJECTED})

_new = object.__new__


class ExecutePart(RowsPart):
    """Orders of one call in one frame."""

    __slots__ = ()

    expected = EXECUTED

    def replied_run(self, link: ShardLink, kind: int, seq: int, count: int) -> None:
        if kind != kinds.ACCEPTED:
            raise WireError(f"not a reply to an order: {kind}")
        if not self.is_wanted(seq, count):
            return
        call: ExecuteMany = self.call
        results = call.results
        local = link.handles.local
        for index in self.items(seq, count):
            # What _of() of either class does, spelt out: the hot path of volume.
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
                _, is_held, lock, rows = reply
                result._rejects = ()
                result._reservation = link.handles.held._of(
                    link, call.orders[index]._account_, seq, is_held, lock, rows
                )
            else:
                result._rejects = DecodedRejects(reply[1])
                result._reservation = None
        except BaseException as error:  # noqa: BLE001 - as in take()
            call.put_failure(index, error)
        else:
            call.results[index] = result
            call.settle(1)

    def read(self, link: ShardLink, index: int, seq: int, reply: Reply, *, is_wanted: bool) -> Any:
        account = self.call.orders[index]._account_ if is_wanted else None
        return read_execute(link, account, seq, reply)


class ExecuteMany(RowsCall):
    """``execute_pre_trade`` for many orders.

    Stops at an order without account id (``stopped_at``): it can only be judged when everything
    before it is, so the face has it done on its own, tells :meth:`judged` and calls :meth:`resume`.
    """

    __slots__ = ("_counts_nothing", "_is_timed", "_position", "_times", "orders", "stopped_at")

    method = "execute_pre_trade_many"
    lets_go = True
    part = ExecutePart

    def __init__(self, client: Submitting, orders: Sequence[Order], times: Sequence[int]) -> None:
        super().__init__(client, len(orders), times[0] if times else 0)
        self._is_timed = len({*times}) > 1
        self.orders = orders
        self.stopped_at: int | None = None
        self._times = times
        self._position = 0
        self._counts_nothing = client.encoder.counts_nothing

    def feed(self) -> bool:
        client = self.client
        window = client.encoder.broker_window()
        if self._counts_nothing != client.encoder.counts_nothing:
            # The limits have changed since the last part. Rows of both kinds do not mix.
            self.submit_all()
            self._counts_nothing = client.encoder.counts_nothing
        if (
            client.has_custom
            or not (window or client.encoder.counts_nothing)
            or len(self.orders) == 1
        ):
            return self._feed_slowly()
        if not all(link.is_up for link in client.router.links):
            return self._feed_slowly()
        owner = client.router.owner
        times = self._times
        parts = self.rows
        limit = client.rows_per_frame
        position = self._position
        # The broker's count with the order in hand, of a run of orders that have one time; it is
        # written back when the time changes, and before every return.
        broker = 0
        counted: Counted | None = None
        counted_at: int | None = None
        for order in self.orders[position:] if position else self.orders:
            if type(order) is not Order:
                break
            account = order._account_
            if account is None:
                break
            number = owner[account * SPREAD >> SLOT_SHIFT & SLOT_MASK]
            rows, indexes, counts = parts[number]
            now = times[position]
            if window is None:
                rows.append(order_row(order))
            else:
                if now == counted_at:
                    broker += 1
                else:
                    if broker:
                        window.set_broker_count(broker)
                    broker = window.count_broker(now)
                    counted_at = now
                    counted = now, ((window.broker, now, window.broker.opening),)
                counts.append(counted)
                rows.append(counted_row(order, broker, 0))
            indexes.append(position)
            position += 1
            if len(rows) == limit:
                self._leave(position, window, broker)
                self.submit(number)
                return True
        self._leave(position, window, broker)
        if position == len(self.orders):
            return self._finish_feeding()
        return self._feed_slowly()

    def _leave(self, position: int, window: FixedWindows | None, broker: int) -> None:
        """Keep where encoding stands, and what it has counted."""
        self._position = position
        if window is not None and broker:
            window.set_broker_count(broker)

    def _feed_slowly(self) -> bool:
        """Continue where an order needs more than its flat row, or is none at all."""
        client = self.client
        encoder = client.encoder
        orders = self.orders
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
                row, counted = encoder.execute(self._times[index], order)
            except TypeError as error:
                self.put_failure(index, error)
                continue
            rows, indexes, counts = self.rows[link.number]
            rows.append(row)
            indexes.append(index)
            counts.append(counted)
            if len(rows) == client.rows_per_frame:
                self.submit(link.number)
                return True
        return self._finish_feeding()

    def _finish_feeding(self) -> bool:
        self.submit_all()
        self.fed()
        return False

    def _stop(self) -> bool:
        """End here for now: the order in hand names no account."""
        self.stopped_at = self._position
        self.submit_all()
        self.settle(len(self.orders) - self._position + 1)
        return False

    def completed(self) -> None:
        if self.stopped_at is None:
            super().completed()
        else:
            self.finish(None)  # so far: the face goes on with resume()

    @property
    def stopped_order(self) -> tuple[int, Order]:
        """The order at ``stopped_at``, and its time before it."""
        return self._times[self._position], self.orders[self._position]

    def judged(self, result: Any, failure: BaseException | None) -> None:
        """Record the outcome of the order at ``stopped_at``."""
        if failure is None:
            self.results[self._position] = result
        else:
            self.failures[self._position] = failure

    def resume(self, _: int) -> ExecuteMany:
        """Prepare to continue behind the order at ``stopped_at``."""
        self._position += 1
        self.stopped_at = None
        self.done = False
        self._left = len(self.orders) - self._position + 1
        return self

    def times_of(self, indexes: Sequence[int]) -> Sequence[int]:
        times = self._times
        return [times[index] for index in indexes] if self._is_timed else ()

    def missing(self, index: int, shard: int, why: str, error: Exception) -> None:
        self.put(index, CHECKS[EXECUTE].denied(shard, why))
