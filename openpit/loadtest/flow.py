"""The events of a load on their timeline: orders, the venue's answers to them, deposits.

A pure function of workload, seed, rate and length. Which orders are accepted is not its business:
answers come for every order but those that are planted to be refused, and whoever drives an engine
leaves out the answers to orders that it refused.

Events are plain tuples, so that they travel as they are. Their first four columns are kind, number,
time (nanoseconds from the start) and account; a report's number is that of its order::

    (ORDER, number, time, account, symbol, is_buy, quantity, price or None)
    (REPORT, number, time, account, is_final, symbol, is_buy, price, quantity or None, left, pnl,
     fee)
    (DEPOSIT, number, time, account, amount)

A report without a quantity takes its order back. ``left`` is what stays reserved for the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from openpit.loadtest.draws import Draws, zipf_bounds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openpit.loadtest.workload import Cohort, Workload

__all__ = ["DEPOSIT", "ORDER", "REPORT", "Event", "Load", "flow"]

ORDER: Final = 0
REPORT: Final = 1
DEPOSIT: Final = 2

Event = tuple[Any, ...]

_SECOND: Final = 1_000_000_000

_FAR_TOO_MUCH: Final = "1000000000000"
"""Quantity of an order that is planted to be refused: no limit and no purse allows it."""

_SCALE: Final = 1_000_000
"""Steps of a share of activity, so that it can be a whole weight."""


@dataclass(frozen=True, slots=True)
class Load:
    """A workload at a rate, in orders per second, for a number of orders."""

    workload: Workload
    seed: int
    rate: float
    orders: int
    account_skew: float | None = None
    """In place of the workload's own."""


def flow(load: Load, is_loaded: Callable[[int], bool] = lambda _: True) -> Iterator[Event]:
    """Yield the events in the order of their times, until the last order.

    Only accounts that ``is_loaded`` accepts send orders.
    """
    return _Market(load, is_loaded).events()


class _Working:
    """An order at the venue, and what is left of it."""

    __slots__ = ("account", "cents", "is_buy", "left", "number", "symbol")

    def __init__(
        self,
        number: int,
        account: int,
        symbol: int,
        is_buy: bool,  # noqa: FBT001 - a field like the others
        left: int,
        cents: int,
    ) -> None:
        self.number = number
        self.account = account
        self.symbol = symbol
        self.is_buy = is_buy
        self.left = left
        self.cents = cents


class _Position:
    """What an account has of a symbol and is not selling already."""

    __slots__ = ("cents", "free", "symbol")

    def __init__(self, symbol: int, cents: int) -> None:
        self.symbol = symbol
        self.free = 0
        self.cents = cents


class _Crowd:
    """The accounts of a cohort, and whose turn it is."""

    __slots__ = ("_accounts", "_again", "_bounds", "_current", "cohort")

    def __init__(self, cohort: Cohort, accounts: list[int], skew: float) -> None:
        self.cohort = cohort
        self._accounts = accounts
        self._bounds = zipf_bounds(len(accounts), skew)
        self._again = 1 - 1 / cohort.burst
        self._current = 0

    def next(self, draws: Draws) -> int:
        if not self._current or not draws.chance(self._again):
            self._current = self._accounts[draws.rank(self._bounds)]
        return self._current


class _Market:
    def __init__(self, load: Load, is_loaded: Callable[[int], bool]) -> None:
        workload = load.workload
        self._load = load
        self._workload = workload
        self._draws = Draws(load.seed)
        self._symbols = [f"S{number:03d}" for number in range(1, workload.symbols + 1)]
        self._symbol_bounds = zipf_bounds(workload.symbols, workload.symbol_skew)
        self._prices = [self._draws.between(1_000, 50_000) for _ in self._symbols]
        self._crowds = _crowds(load, is_loaded)
        weights = [round(crowd.cohort.activity * _SCALE) for crowd in self._crowds]
        self._crowd_bounds = list(accumulate(weights))
        if not self._crowds or not self._crowd_bounds[-1]:
            raise ValueError("no account sends orders")
        steps = [workload.add, workload.reduce, workload.close]
        self._step_bounds = list(accumulate(round(step * _SCALE) for step in steps))
        self._positions: dict[int, _Position] = {}
        # Working orders by the time of the venue's next answer; the number decides among equals.
        self._answers: list[tuple[int, int, _Working]] = []

    def events(self) -> Iterator[Event]:
        load, draws, answers = self._load, self._draws, self._answers
        is_even, every = self._workload.is_even, self._workload.deposit_every
        mean = _SECOND / load.rate
        time = 0
        for number in range(1, load.orders + 1):
            time = round(number * mean) if is_even else time + draws.exponential(mean)
            while answers and answers[0][0] <= time:
                yield self._answer()
            crowd = self._crowds[draws.rank(self._crowd_bounds)]
            account = crowd.next(draws)
            if every and number % every == 0:
                yield (DEPOSIT, number, time, account, self._workload.deposit)
            yield self._order(number, time, account, crowd.cohort)

    def _order(self, number: int, time: int, account: int, cohort: Cohort) -> Event:
        draws, workload = self._draws, self._workload
        is_planted = draws.chance(workload.rejects)
        position = self._positions.get(account)
        quantity = draws.between(cohort.min_quantity, cohort.max_quantity)
        is_buy = True
        if position is None or not position.free:
            symbol = draws.rank(self._symbol_bounds)
        else:
            symbol = position.symbol
            step = draws.rank(self._step_bounds)
            if step:
                is_buy = False
                quantity = position.free if step > 1 else draws.between(1, position.free)
        # A random walk of at most 4 cents a step, and never below 10.
        cents = self._prices[symbol] = max(self._prices[symbol] + draws.below(9) - 4, 1_000)
        price = None if draws.chance(workload.market) else _decimal(cents)
        if is_planted:
            text = "0" if draws.chance(0.5) else _FAR_TOO_MUCH
            return (ORDER, number, time, account, self._symbols[symbol], is_buy, text, price)
        if not is_buy and position is not None:
            position.free -= quantity
        self._schedule(time, _Working(number, account, symbol, is_buy, quantity, cents))
        name = self._symbols[symbol]
        return (ORDER, number, time, account, name, is_buy, str(quantity), price)

    def _schedule(self, time: int, order: _Working) -> None:
        delay = self._draws.log_normal(self._workload.delay_median, self._workload.delay_sigma)
        heappush(self._answers, (time + 1000 + delay, order.number, order))

    def _answer(self) -> Event:
        time, number, order = heappop(self._answers)
        draws, workload = self._draws, self._workload
        name, price = self._symbols[order.symbol], _decimal(order.cents)
        head = (REPORT, number, time, order.account)
        if draws.chance(workload.cancel):
            if not order.is_buy:
                self._free(order, order.left)
            return (*head, True, name, order.is_buy, price, None, str(order.left), "0", "0")
        part = order.left
        if part > 1 and draws.chance(workload.partial):
            part = draws.between(1, part - 1)
        order.left -= part
        if order.left:
            self._schedule(time, order)
        pnl = 0
        if order.is_buy:
            self._free(order, part)
        else:
            position = self._positions[order.account]
            if position.symbol == order.symbol:
                pnl = (order.cents - position.cents) * part
        fee = 1 + part // 10
        money = (_decimal(pnl), _decimal(fee))
        left = str(order.left)
        return (*head, not order.left, name, order.is_buy, price, str(part), left, *money)

    def _free(self, order: _Working, quantity: int) -> None:
        """Add to what an account may sell; one that held another symbol turns to this one."""
        position = self._positions.get(order.account)
        if position is None or (position.symbol != order.symbol and not position.free):
            position = self._positions[order.account] = _Position(order.symbol, order.cents)
        if position.symbol == order.symbol:
            position.free += quantity


def _crowds(load: Load, is_loaded: Callable[[int], bool]) -> list[_Crowd]:
    """Return the cohorts that have accounts; they take them in turn, from number 1 on."""
    workload = load.workload
    skew = workload.account_skew if load.account_skew is None else load.account_skew
    shares = list(accumulate(cohort.share for cohort in workload.cohorts))
    ends = [round(share / shares[-1] * workload.accounts) for share in shares]
    crowds = []
    first = 1
    for cohort, end in zip(workload.cohorts, ends, strict=True):
        accounts = [account for account in range(first, end + 1) if is_loaded(account)]
        first = end + 1
        if accounts:
            crowds.append(_Crowd(cohort, accounts, skew))
    return crowds


def _decimal(cents: int) -> str:
    whole, part = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole}.{part:02d}"
