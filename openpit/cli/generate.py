"""A made-up order flow: the same events for the same seed, on any machine and Python version.

Only ``Random.random()`` is drawn from, the one method whose sequence Python promises to keep, and
everything is computed from it in whole numbers: no logarithm or power of a platform's library.

The flow is that of a broker: the busiest tenth of the accounts sends half of the orders, and the
venue answers each after a while with fills, a cancel or both. Planted in it, at fixed places, is
something for every policy of the default configuration to reject: orders of no quantity, orders too
large, market orders (which a notional limit cannot value), bursts of account 1 above its rate, and
accounts that lose money on every fill until the kill switch stops them.
"""

from __future__ import annotations

from bisect import bisect
from heapq import heappop, heappush
from itertools import accumulate
from random import Random
from typing import TYPE_CHECKING

from openpit.cli.events import Cancel, Fill, OrderPlaced

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openpit.cli.events import Event

__all__ = ["generate"]

SYMBOLS = (
    # symbol, currency, weight in the flow, first price in cents
    ("AAPL", "USD", 24, 18_550),
    ("MSFT", "USD", 20, 41_200),
    ("NVDA", "USD", 18, 87_500),
    ("AMZN", "USD", 14, 17_900),
    ("KO", "USD", 8, 6_030),
    ("GE", "USD", 6, 15_720),
    ("SAP", "EUR", 6, 17_840),
    ("SIE", "EUR", 4, 18_010),
)

ORDER_STEP = 100_000
"""Mean time between two orders, nanoseconds: 10,000 orders in a second."""

ANSWER_DELAY = 2_000_000_000
"""Longest time until the venue's next answer to an order, nanoseconds."""

BURST_ACCOUNT = 1
BURST_EVERY = 20_000
BURST_AT = 350
BURST_ORDERS = 250
"""A burst is this many orders of one account in a millisecond, above the default limit for it."""

PLANT_EVERY = 500
NO_QUANTITY_AT = 100
TOO_MANY_AT = 150
TOO_DEAR_AT = 200
MARKET_AT = 300
BY_VOLUME_EVERY = 50

LOSER_EVERY = 100
LOSER_AT = 2
LOSS = -600_000
"""Cents lost on each fill by every hundredth account, from account 2 on: two fills end it."""


class _SampleOrder:
    """An order at the venue, and what is left of it."""

    __slots__ = ("account", "cents", "key", "left")

    def __init__(self, key: int, account: int, left: int, cents: int) -> None:
        self.key = key
        self.account = account
        self.left = left
        self.cents = cents


def generate(*, orders: int, accounts: int, seed: int) -> Iterator[Event]:
    """Yield ``orders`` orders of accounts 1 to ``accounts``, with their fills and cancels.

    Somewhat more fills and cancels than orders: each comes after its order, and together they
    never exceed its quantity. In some thousands of orders every kind of reject comes up; the kill
    switch needs two accounts.
    """
    return _SampleMarket(accounts, seed).events(orders)


class _SampleMarket:
    def __init__(self, accounts: int, seed: int) -> None:
        self._draw = Random(seed).random  # noqa: S311 - a reproducible flow, not a secret
        self._prices = [cents for _, _, _, cents in SYMBOLS]
        self._symbol_bounds = list(accumulate(weight for _, _, weight, _ in SYMBOLS))
        self._account_bounds = _skewed(accounts)
        # Working orders by the time of the venue's next answer; the key decides among equals.
        self._answers: list[tuple[int, int, _SampleOrder]] = []

    def events(self, orders: int) -> Iterator[Event]:
        """Place the orders, and give the venue's answers when they are due."""
        time = 0
        burst = 0
        answers = self._answers
        for key in range(1, orders + 1):
            if key % BURST_EVERY == BURST_AT:
                burst = BURST_ORDERS
            time += self._below(1_000_000 // BURST_ORDERS if burst else 2 * ORDER_STEP)
            while answers and answers[0][0] <= time:
                yield self._answer()
            yield self._place(time, key, BURST_ACCOUNT if burst else self._account())
            burst -= burst > 0
        while answers:
            yield self._answer()

    def _place(self, time: int, key: int, account: int) -> OrderPlaced:
        index = self._weighted(self._symbol_bounds)
        symbol, currency, _, first = SYMBOLS[index]
        # A random walk of at most 4 cents a step, held between half and twice the first price.
        cents = self._prices[index] + self._below(9) - 4
        self._prices[index] = cents = min(max(cents, first // 2), first * 2)
        side = "BUY" if self._below(2) else "SELL"
        quantity = 1 + self._below(20) * self._below(20)
        volume: str | None = None
        price: str | None = _decimal(cents)
        plant = key % PLANT_EVERY
        planted = True
        if plant == NO_QUANTITY_AT:
            quantity = 0
        elif plant == TOO_MANY_AT:
            quantity = 1_000_000
        elif plant == TOO_DEAR_AT:
            quantity, price = 9_000, "50000.00"
        elif plant == MARKET_AT:
            price = None
        else:
            planted = False
            if key % BY_VOLUME_EVERY == 1:
                volume = _decimal(cents * quantity)
            self._schedule(time, _SampleOrder(key, account, quantity, cents))
        return OrderPlaced(
            key,
            account,
            symbol,
            currency,
            side,
            None if volume is not None else str(quantity),
            volume if not planted else None,
            price,
            time,
        )

    def _answer(self) -> Fill | Cancel:
        time, _, order = heappop(self._answers)
        what = self._below(100)
        if what < 30:  # noqa: PLR2004 - three in ten answers take the rest of the order back
            return Cancel(order.key, time=time)
        part = order.left
        if what < 60 and part > 1:  # noqa: PLR2004 - three in ten fill only a part
            part = 1 + self._below(part - 1)
            order.left -= part
            self._schedule(time, order)
        pnl = self._below(2_000) - 900
        if order.account % LOSER_EVERY == LOSER_AT:
            pnl = LOSS
        return Fill(
            order.key,
            str(part),
            _decimal(order.cents),
            _decimal(1 + part // 10),
            _decimal(pnl),
            time,
        )

    def _schedule(self, time: int, order: _SampleOrder) -> None:
        # A tenth of the answers comes within a hundredth of the longest delay.
        share = self._draw()
        delay = int(share * share * ANSWER_DELAY)
        heappush(self._answers, (time + 1 + delay, order.key, order))

    def _account(self) -> int:
        return 1 + self._weighted(self._account_bounds)

    def _below(self, limit: int) -> int:
        return int(self._draw() * limit)

    def _weighted(self, bounds: list[int]) -> int:
        return bisect(bounds, int(self._draw() * bounds[-1]))


def _skewed(accounts: int) -> list[int]:
    """Return running sums of the accounts' weights, which fall like 1/(rank + head).

    That is Zipf's law with a flattened head: of 10,000 accounts the busiest hundred send one order
    in seven, the busiest alone one in five hundred.
    """
    head = accounts // 100 + 1
    return list(accumulate(1_000_000_000 // (rank + head) for rank in range(1, accounts + 1)))


def _decimal(cents: int) -> str:
    whole, part = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole}.{part:02d}"
