"""What has become of the stretches of a flow: waited for, counted and told in the flow's order."""

from __future__ import annotations

from collections import Counter, deque
from time import perf_counter_ns
from typing import TYPE_CHECKING, NamedTuple, Protocol

from openpit.cli.decisions import quoted, rejected_line
from openpit.cli.events import BadLine
from openpit.cli.heads import OrderHead
from openpit.cli.line_blocks import read_answer
from openpit.cli.replay import ShardsDiedError
from openpit.cli.stretches import NOWHERE
from openpit.cli.turnover import Turnover
from openpit.client.answers import denial
from openpit.errors import OutcomeUnknown, ShardDown, ShardOverloaded

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.cli.heads import Heads
    from openpit.cli.line_blocks import BlockAnswer, LaneTotals
    from openpit.cli.rates import FlowRates
    from openpit.cli.stretches import Stretch
    from openpit.cli.totals import Totals
    from openpit.pretrade.rejects import Reject
    from openpit.router.calls import Call

__all__ = ["AHEAD", "Settling", "Workers"]

AHEAD = 4
"""Stretches in flight: enough that no worker waits while the next lines are looked at."""


class Workers(Protocol):
    """Where the stages are that take the lines; each shard takes its messages in their order."""

    def send(self, shard: int, message: bytes) -> Call:
        """Send a message; wait for nothing."""

    def answer(self, call: Call) -> bytes:
        """Wait for the answer to a message; ShardDown or the like if there will be none."""

    def loss(self, shard: int, error: Exception) -> str:
        """Return why a shard gave no answer but an error."""


class _DecidedOrders(NamedTuple):
    """The orders of a stretch that were decided."""

    shards: list[int]
    times: list[int]
    currencies: list[str]


class Settling:
    """The stretches in flight, and what is known when they are back.

    ``decided`` is given the lines of each stretch's decisions.
    """

    def __init__(
        self,
        workers: Workers,
        heads: Heads,
        totals: Totals,
        rates: FlowRates | None,
        decided: Callable[[str], object] | None,
    ) -> None:
        self._workers = workers
        self._heads = heads
        self._totals = totals
        self._rates = rates
        self._decided = decided
        self._in_flight: deque[Stretch] = deque()
        self._lanes: dict[int, LaneTotals] = {}
        self._denied: dict[int, tuple[Reject, int]] = {}
        self.latest = 0
        """The time of the last good line of those that are back."""
        self.unplaced: set[int | str] = set()
        """Ids of orders that were passed on and are none: another order may have them."""
        self.blocked: list[str] = []
        """Accounts that are blocked, as the flow names them."""

    def follow(self, stretch: Stretch) -> None:
        """Take note of what was sent; wait until there is not too much in flight."""
        in_flight = self._in_flight
        in_flight.append(stretch)
        while len(in_flight) > AHEAD:
            self._settle(in_flight.popleft())

    def finish(self) -> None:
        """Wait for all that is in flight.

        Raises:
            ShardsDiedError: a shard does not answer any more.
        """
        while self._in_flight:
            self._settle(self._in_flight.popleft())

    def sum_up(self) -> None:
        """Put into the totals what is known of shards and not of stretches; once, at the end."""
        self._totals.turnover = Turnover()
        self._totals.skipped = Counter()
        for shard, lane in self._lanes.items():
            lane.tell(self._totals.tallies[shard])
            lane.add_money(self._totals.turnover)
            self._totals.skipped.update(lane.skipped)
        for shard, (reject, orders) in self._denied.items():
            tally = self._totals.tallies[shard]
            tally.rejects[reject.code] += orders
            tally.refusals[reject.policy, reject.code] += orders

    def _settle(self, stretch: Stretch) -> None:
        """Wait for a stretch; count it, and tell what became of it."""
        answers, died = self._answers(stretch)
        bad = stretch.bad
        for shard, answer in answers.items():
            self._lanes[shard] = answer.totals
            if answer.blocked:
                self.blocked += answer.blocked
            if answer.bad:
                numbers = stretch.numbers_of(shard)
                bad.update((numbers[place], reason) for place, reason in answer.bad)
        orders = _DecidedOrders(stretch.order_shards, stretch.times, stretch.currencies)
        if bad:
            orders = self._good_orders(stretch)
        else:
            self.latest = stretch.time
        if self._rates is not None and not stretch.is_counted:
            self._count(orders, answers)
        self._tell(stretch, answers, died, orders)
        if died:
            said = {shard: denial(shard, why)[0].details for shard, why in died.items()}
            raise ShardsDiedError(said)

    def _answers(self, stretch: Stretch) -> tuple[dict[int, BlockAnswer], dict[int, str]]:
        """Wait for all answers; return them, and why there are no others, by shard."""
        answers: dict[int, BlockAnswer] = {}
        died: dict[int, str] = {}
        for shard, call in stretch.parts:
            try:
                answer = answers[shard] = read_answer(self._workers.answer(call))
            except (OutcomeUnknown, ShardDown, ShardOverloaded) as error:
                died[shard] = self._workers.loss(shard, error)
                continue
            if answer.orders:
                microseconds = (perf_counter_ns() - stretch.begun) // 1000
                self._totals.tallies[shard].latencies.add(microseconds, answer.orders)
        return answers, died

    def _good_orders(self, stretch: Stretch) -> _DecidedOrders:
        """Return the orders that are none of the bad lines; take note of what those leave open."""
        bad, orders = stretch.bad, _DecidedOrders([], [], [])
        for (number, line), shard in zip(stretch.rows, stretch.shards, strict=True):
            if shard == NOWHERE:
                if number not in bad:
                    self.latest = self._heads.of(line).time  # type: ignore[arg-type, assignment]  # an observation
                continue
            head = self._heads.of(line)  # type: ignore[arg-type]  # others go nowhere
            if number in bad:
                if isinstance(head, OrderHead) and number not in stretch.twins:
                    self.unplaced.add(head.key)
                continue
            time = stretch.told_time if head.time is None else head.time
            assert time is not None  # noqa: S101 - one of them is told
            self.latest = time
            if isinstance(head, OrderHead):
                orders.shards.append(shard)
                orders.times.append(time)
                orders.currencies.append(head.currency)
        return orders

    def _count(self, orders: _DecidedOrders, answers: dict[int, BlockAnswer]) -> None:
        """Count the orders on the axes that span accounts, but for those that a block stopped."""
        times, currencies = orders.times, orders.currencies
        stopped: list[int] = []
        for shard, answer in answers.items():
            if answer.stopped:
                places = [place for place, its in enumerate(orders.shards) if its == shard]
                stopped += [places[place] for place in answer.stopped]
        if stopped:
            times, currencies = times.copy(), currencies.copy()
            for place in sorted(stopped, reverse=True):
                del times[place], currencies[place]
        assert self._rates is not None  # noqa: S101 - asked before
        self._rates.counted(times, currencies)

    def _tell(
        self,
        stretch: Stretch,
        answers: dict[int, BlockAnswer],
        died: dict[int, str],
        orders: _DecidedOrders,
    ) -> None:
        totals = self._totals
        decisions = {
            shard: iter(answer.decisions.splitlines(keepends=True))
            for shard, answer in answers.items()
        }
        for shard, reason in died.items():
            decisions[shard] = iter(self._denials(stretch, shard, reason))
        if not died and sum(answer.orders for answer in answers.values()) != len(orders.shards):
            raise RuntimeError(f"orders were decided that are none, from line {stretch.rows[0][0]}")
        if self._decided is not None and orders.shards:
            merged = b"".join(map(next, map(decisions.__getitem__, orders.shards)))
            self._decided(merged.decode())
        totals.events += len(stretch.rows) - len(stretch.bad)
        totals.observations.update(stretch.observed)
        for number in sorted(stretch.bad):
            totals.add_bad(BadLine(number, stretch.bad[number]))

    def _denials(self, stretch: Stretch, shard: int, reason: str) -> list[bytes]:
        """Return the decisions of the orders that a shard did not answer: they are denied."""
        rejects = denial(shard, reason)
        heads = map(self._heads.of, stretch.lines[shard])
        orders = [head for head in heads if type(head) is OrderHead]
        self._denied[shard] = (rejects[0], len(orders))
        return [rejected_line(one.key, quoted(one.account), rejects).encode() for one in orders]
