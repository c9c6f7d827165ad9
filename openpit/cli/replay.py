"""Drives an engine with an order flow, and counts what it decides.

Events go to the engine in batches, yet every decision is the one that event after event would have
got, for any batch size and any number of shards:

* Orders are submitted in the flow's order, each at its own event's time (:class:`FlowClock`).
* Everything about one account happens in the flow's order. A batch is its reports first, then its
  orders. A report of an account that has an order in the batch waits for the next one; an order of
  an account that has such a report waiting ends the batch. What other accounts do in between cannot
  change an account's decision, but for the counting of orders, which keeps its order.
* An order of a blocked account ends its call. It does not count for rate limits, which a router
  learns only from the reply: the next order must not be submitted before that. So does an order
  of an account that may start outside its profit and loss bounds, until one in its currency was
  accepted: it is the one kind of order that blocks its account.
"""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Protocol, TypeVar

from openpit.cli.book import REJECTED, Account, BadEventError, Book, Ticket, TicketReport
from openpit.cli.decisions import decision_line
from openpit.cli.events import BadLine, Cancel, Fill, OrderPlaced
from openpit.cli.tally import Tally
from openpit.cli.turnover import Turnover
from openpit.errors import OutcomeUnknown, ShardDown, ShardOverloaded
from openpit.pretrade.codes import RejectCode, RejectScope

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Iterator

    from openpit.cli.events import Event
    from openpit.cli.starts import Starts
    from openpit.core.order import Order
    from openpit.core.report import ExecutionReport
    from openpit.param.ids import AccountId
    from openpit.pretrade.handles import Reservation
    from openpit.pretrade.rejects import Reject
    from openpit.pretrade.results import ExecuteResult, PostTradeResult

__all__ = [
    "BATCH",
    "MAX_TOLD",
    "Drivable",
    "FlowClock",
    "Replay",
    "ShardsDiedError",
    "StrictStopError",
]

_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")

BATCH = 1024
"""Orders, and reports, in one call at most: enough to hide a round trip to the workers."""

STEP = 1_000_000
"""Nanoseconds from one event to the next where the flow tells no time."""

MAX_TOLD = 100
"""Bad lines that are told one by one; the others are counted."""

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


class FlowClock:
    """The engine's clock during a replay: the time of the order that is being submitted."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        """Return the time in nanoseconds."""
        return self.now


class StrictStopError(Exception):
    """A bad line ended a strict replay."""

    def __init__(self, bad: BadLine) -> None:
        super().__init__(f"line {bad.line}: {bad.reason}")


class ShardsDiedError(Exception):
    """Shards stopped answering; ``shards`` maps each one's number to what the router said of it."""

    def __init__(self, shards: dict[int, str]) -> None:
        super().__init__("; ".join(shards.values()))
        self.shards = shards


class Replay:
    """One run of a flow through an engine.

    ``shards`` is 1 for an engine in this process, and then ``shard_of`` always 0. ``decided`` is
    given each decision's line, ``complain`` each of the first MAX_TOLD bad lines; ``strict`` stops
    at the first of those instead. ``starts`` tells which accounts their first order may block.
    """

    def __init__(
        self,
        engine: Drivable,
        clock: FlowClock,
        *,
        shards: int = 1,
        shard_of: Callable[[AccountId], int] = lambda _: 0,
        batch: int = BATCH,
        decided: Callable[[str], object] | None = None,
        complain: Callable[[BadLine], object] = lambda _: None,
        strict: bool = False,
        starts: Starts | None = None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._shard_of = shard_of
        self._book = Book(self._account_opened)
        self._batch = batch
        self._decided = decided
        self._complain = complain
        self.is_strict = strict
        """Whether the first bad line ends it; that line is not complained of."""
        self._starts = starts
        self._inside: set[tuple[int | str, str]] = set()
        self._time = 0
        self._orders: list[tuple[int, OrderPlaced, Ticket]] = []
        self._in_batch: set[Account] = set()
        self._reports: list[TicketReport] = []
        self._later: list[TicketReport] = []
        self._accounts_later: set[Account] = set()
        self.tallies = [Tally() for _ in range(shards)]
        self.events = 0
        """Lines that were read, and made sense."""
        self.bad_lines = 0
        self.first_bad: list[BadLine] = []
        """The bad lines that were told."""
        self.turnover = Turnover()
        self.observations: dict[str, int] = {}

    @property
    def skipped(self) -> Counter[str]:
        """Fills and cancels that were left out, by reason."""
        return self._book.skipped

    def run(self, events: Iterable[Event | BadLine]) -> None:
        """Drive the engine with all events.

        Raises:
            StrictStopError: a bad line, and ``strict``; all before it has been decided.
            ShardsDiedError: a shard does not answer any more; what was decided until then is
                counted and was handed on.
        """
        for event in events:
            if isinstance(event, BadLine):
                bad = event
            else:
                try:
                    self._take(event)
                    self.events += 1
                    continue
                except BadEventError as error:
                    bad = BadLine(event.line, str(error))
            self.bad_lines += 1
            if len(self.first_bad) < MAX_TOLD:
                self.first_bad.append(bad)
            if self.is_strict:
                self._finish()
                raise StrictStopError(bad)
            if self.bad_lines <= MAX_TOLD:
                self._complain(bad)
        self._finish()

    def _finish(self) -> None:
        self._flush()
        self._flush()  # the reports that had to wait for the orders of the first

    def _take(self, event: Event) -> None:
        time = event.time
        if time is None:
            time = self._time + STEP
        elif time < self._time:
            raise BadEventError(f"time {time} is before that of the event before, {self._time}")
        if isinstance(event, OrderPlaced):
            self._take_order(time, event)
        elif isinstance(event, Fill):
            self._take_report(self._book.fill(event))
        elif isinstance(event, Cancel):
            self._take_report(self._book.cancel(event))
        else:
            self.observations[event.kind] = self.observations.get(event.kind, 0) + 1
        self._time = time

    def _take_order(self, time: int, event: OrderPlaced) -> None:
        ticket = self._book.place(event)
        account = ticket.account
        if account in self._accounts_later or len(self._orders) >= self._batch:
            self._flush()
        self._in_batch.add(account)
        self._orders.append((time, event, ticket))

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
        self._accounts_later.clear()
        if reports:
            self._report(reports)
        if orders:
            self._decide(orders)

    def _report(self, reports: list[TicketReport]) -> None:
        wanted = [report for report in reports if report.ticket.accepted]
        self.skipped[REJECTED] += len(reports) - len(wanted)
        if not wanted:
            return
        results = _asked(
            self._engine.apply_execution_report_many,
            [report.execution_report() for report in wanted],
        )
        for report, result in zip(wanted, results, strict=True):
            account = report.ticket.account
            self.tallies[account.shard].reports += 1
            self.turnover.add(report)
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
                self._decided(decision_line(event.key, event.account, rejects))
        if reservations:
            _asked(self._engine.commit_many, reservations)
        if died:
            raise ShardsDiedError(died)

    def _account_opened(self, account_id: AccountId) -> int:
        shard = self._shard_of(account_id)
        self.tallies[shard].accounts += 1
        return shard

    def _submitted(self, orders: list[tuple[int, OrderPlaced, Ticket]]) -> Iterator[Order]:
        """Yield the orders, each when the clock shows its time: the engine reads it at once."""
        for time, _, ticket in orders:
            self._clock.now = time
            yield ticket.order

    def _count(self, shard: int, rejects: list[Reject], microseconds: int) -> None:
        tally = self.tallies[shard]
        tally.orders += 1
        tally.latencies.add(microseconds, 1)
        if rejects:
            first = rejects[0]
            tally.rejects[first.code] += 1
            tally.refusals[first.policy, first.code] += 1
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
            self.tallies[account.shard].blocked += 1


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
