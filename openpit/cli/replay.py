"""Drives an engine with an order flow, and counts what it decides.

Events go to the engine in batches, yet every decision is the one that event after event would have
got, for any batch size and any number of shards:

* Orders are submitted in the flow's order, each at its own event's time (:class:`FlowClock`).
* Everything about one account happens in the flow's order. A batch is its reports first, then its
  orders. A report of an account that has an order in the batch waits for the next one; an order of
  an account that has such a report waiting ends the batch. What other accounts do in between cannot
  change an account's decision, but for the counting of orders, which keeps its order.
* A fill or a cancel that cannot be of an order as it stands ends the batch that the order is in: of
  one that the engine rejects, whatever comes is left out.
* An order of a blocked account ends its call. It does not count for rate limits, which a router
  learns only from the reply: the next order must not be submitted before that. So does an order
  of an account that may start outside its profit and loss bounds, until one in its currency was
  accepted: it is the one kind of order that blocks its account.
"""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Protocol, TypeVar

from openpit.cli.book import REJECTED, Account, Book, Ticket, TicketReport
from openpit.cli.course import Course
from openpit.cli.decisions import accepted_line, rejected_line
from openpit.cli.events import BadEventError, Cancel, Fill, OrderPlaced
from openpit.cli.totals import StrictStopError, Totals
from openpit.errors import OutcomeUnknown, ShardDown, ShardOverloaded
from openpit.pretrade.codes import RejectCode, RejectScope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from openpit.cli.course import EventOf, FlowClock
    from openpit.cli.events import Event
    from openpit.cli.lines import Line
    from openpit.core.order import Order
    from openpit.core.report import ExecutionReport
    from openpit.limits.starts import Starts
    from openpit.param.ids import AccountId
    from openpit.pretrade.handles import Reservation
    from openpit.pretrade.rejects import Reject
    from openpit.pretrade.results import ExecuteResult, PostTradeResult

__all__ = ["BATCH", "Drivable", "Replay", "ShardsDiedError"]

_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")
_Report = TypeVar("_Report", Fill, Cancel)

BATCH = 1024
"""Orders, and reports, in one call at most: enough to hide a round trip to the workers."""

ROUTER = "Router"
"""The policy that an order is denied by when its shard cannot be asked."""


class Drivable(Protocol):
    """What a replay needs of an engine, in one process or sharded."""

    def execute_pre_trade_many(self, orders: Iterable[Order], /) -> list[ExecuteResult]:
        """Decide the orders one after another, taking each when the one before is submitted."""

    def commit_many(self, reservations: Iterable[Reservation], /) -> None:
        """Commit what was reserved for accepted orders."""

    def apply_execution_report_many(
        self, reports: Iterable[ExecutionReport], /
    ) -> list[PostTradeResult]:
        """Apply the reports one after another."""


class ShardsDiedError(Exception):
    """Shards stopped answering; ``shards`` maps each one's number to what the router said of it."""

    def __init__(self, shards: dict[int, str]) -> None:
        super().__init__("; ".join(shards.values()))
        self.shards = shards


class Replay:
    """One run of a flow through an engine of ``shards`` shards whose clock is ``clock``.

    ``event_of`` reads the flow's lines, ``shard_of`` tells an account's shard. ``decided`` is given
    each decision's line. ``starts`` tells which accounts their first order may block.
    """

    def __init__(
        self,
        engine: Drivable,
        clock: FlowClock,
        event_of: EventOf,
        totals: Totals,
        *,
        shard_of: Callable[[AccountId], int] = lambda _: 0,
        batch: int = BATCH,
        decided: Callable[[str], object] | None = None,
        starts: Starts | None = None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._shard_of = shard_of
        self._book = Book(self._account_opened)
        self._batch = batch
        self._decided = decided
        self._starts = starts
        self._inside: set[tuple[int | str, str]] = set()
        self._orders: list[tuple[int, OrderPlaced, Ticket]] = []
        self._in_batch: set[Account] = set()
        self._undecided: set[int | str] = set()
        self._finished: set[int | str] = set()
        self._reports: list[TicketReport] = []
        self._later: list[TicketReport] = []
        self._accounts_later: set[Account] = set()
        self._course = Course(event_of, self._take, totals)
        self._totals = totals
        self._tallies = totals.tallies
        totals.skipped = self._book.skipped

    def run(self, blocks: Iterable[Sequence[Line]]) -> None:
        """Drive the engine with all lines.

        Raises:
            StrictStopError: a line is bad, and the replay is strict; all before it is decided.
            ShardsDiedError: a shard does not answer any more; what was decided until then is
                counted and was handed on.
        """
        try:
            for block in blocks:
                self._course.follow(block)
        except StrictStopError:
            self._finish()
            raise
        self._finish()

    def _finish(self) -> None:
        self._flush()
        self._flush()  # the reports that had to wait for the orders of the first

    def _take(self, time: int, event: Event) -> None:
        if isinstance(event, OrderPlaced):
            self._take_order(time, event)
        elif isinstance(event, Fill):
            self._take_report(self._booked(self._book.fill, event))
        elif isinstance(event, Cancel):
            self._take_report(self._booked(self._book.cancel, event))
        else:
            self._totals.observations[event.kind] += 1

    def _take_order(self, time: int, event: OrderPlaced) -> None:
        ticket = self._book.place(event)
        account = ticket.account
        if account in self._accounts_later or len(self._orders) >= self._batch:
            self._flush()
        self._in_batch.add(account)
        self._undecided.add(event.key)
        self._orders.append((time, event, ticket))

    def _booked(
        self, book: Callable[[_Report], TicketReport | None], event: _Report
    ) -> TicketReport | None:
        """Book a fill or a cancel; if its order is in the batch, as its decision will have it."""
        key = event.key
        if key not in self._undecided:
            return book(event)
        if key in self._finished:
            self._flush()
            return book(event)
        try:
            report = book(event)
        except BadEventError:
            # Of an order that the engine rejects, it would be left out.
            self._flush()
            return book(event)
        if report is not None and report.is_final:
            self._finished.add(key)
        return report

    def _take_report(self, report: TicketReport | None) -> None:
        if report is None:
            return
        account = report.ticket.account
        if account in self._in_batch:
            self._later.append(report)
            self._accounts_later.add(account)
        else:
            self._reports.append(report)
        if len(self._reports) + len(self._later) >= self._batch:
            self._flush()

    def _flush(self) -> None:
        """Apply the batch's reports and decide its orders; reports that waited come next."""
        reports, self._reports, self._later = self._reports, self._later, []
        orders, self._orders = self._orders, []
        self._in_batch.clear()
        self._undecided.clear()
        self._finished.clear()
        self._accounts_later.clear()
        if reports:
            self._report(reports)
        if orders:
            self._decide(orders)

    def _report(self, reports: list[TicketReport]) -> None:
        wanted = [report for report in reports if report.ticket.accepted]
        self._totals.skipped[REJECTED] += len(reports) - len(wanted)
        if not wanted:
            return
        results = _asked(
            self._engine.apply_execution_report_many,
            [report.execution_report() for report in wanted],
        )
        for report, result in zip(wanted, results, strict=True):
            account = report.ticket.account
            self._tallies[account.shard].reports += 1
            self._totals.turnover.add(report)
            if result.account_blocks:
                self._blocked(account)

    def _decide(self, orders: list[tuple[int, OrderPlaced, Ticket]]) -> None:
        start = 0
        while start < len(orders):
            end = start + 1
            while end < len(orders) and not self._ends_its_call(orders[end - 1]):
                end += 1
            self._submit(orders[start:end])
            start = end

    def _ends_its_call(self, order: tuple[int, OrderPlaced, Ticket]) -> bool:
        _, event, ticket = order
        if ticket.account.blocked:
            return True
        return (
            self._starts is not None
            and (event.account, event.currency) not in self._inside
            and self._starts.may_be_outside(ticket.account.id, event.currency)
        )

    def _submit(self, orders: list[tuple[int, OrderPlaced, Ticket]]) -> None:
        started = perf_counter_ns()
        results = _asked(self._engine.execute_pre_trade_many, self._submitted(orders))
        microseconds = (perf_counter_ns() - started) // 1000
        reservations = []
        died: dict[int, str] = {}
        for (_, event, ticket), result in zip(orders, results, strict=True):
            account = ticket.account
            rejects = result.rejects
            reservation = result.reservation
            if reservation is None:
                self._book.decided(ticket, accepted=False)
                self._rejected(account, rejects, died)
            else:
                self._book.decided(ticket, accepted=True)
                if self._starts is not None:
                    self._inside.add((event.account, event.currency))
                ticket.lock = reservation.lock
                reservations.append(reservation)
            self._count(account.shard, rejects, microseconds)
            if self._decided is not None:
                self._decided(
                    rejected_line(event.key, account.name, rejects)
                    if rejects
                    else accepted_line(event.key, account.name)
                )
        if reservations:
            _asked(self._engine.commit_many, reservations)
        if died:
            raise ShardsDiedError(died)

    def _account_opened(self, account_id: AccountId) -> int:
        shard = self._shard_of(account_id)
        self._tallies[shard].accounts += 1
        return shard

    def _submitted(self, orders: list[tuple[int, OrderPlaced, Ticket]]) -> Iterator[Order]:
        """Yield the orders, each when the clock shows its time: the engine reads it at once."""
        for time, _, ticket in orders:
            self._clock.now = time
            yield ticket.order  # type: ignore[misc]  # it is not decided yet

    def _count(self, shard: int, rejects: list[Reject], microseconds: int) -> None:
        tally = self._tallies[shard]
        tally.latencies.add(microseconds, 1)
        if rejects:
            tally.reject(rejects[0])
        else:
            tally.accepted += 1

    def _rejected(self, account: Account, rejects: list[Reject], died: dict[int, str]) -> None:
        for reject in rejects:
            if reject.policy == ROUTER and reject.code == RejectCode.SYSTEM_UNAVAILABLE:
                died[account.shard] = reject.details
            elif reject.scope == RejectScope.ACCOUNT:
                self._blocked(account)

    def _blocked(self, account: Account) -> None:
        if not account.blocked:
            account.blocked = True
            self._tallies[account.shard].blocked += 1


def _asked(method: Callable[[Iterable[_Item]], _Answer], items: Iterable[_Item]) -> _Answer:
    """Call an engine for many items; ShardsDiedError where nothing but dead shards went wrong."""
    try:
        return method(items)
    except ExceptionGroup as group:
        died: dict[int, str] = {}
        for error in group.exceptions:
            if not isinstance(error, (OutcomeUnknown, ShardDown, ShardOverloaded)):
                raise
            died.setdefault(error.shard, str(error))
        raise ShardsDiedError(died) from group
