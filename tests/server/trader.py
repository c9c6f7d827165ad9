"""A program that trades: python trader.py blocking|async PATH FIRST_ACCOUNT ORDERS SEED WAITS.

Its accounts are its own: FIRST_ACCOUNT and the 19 after it. Prints how many orders were accepted,
and writes down how long it has waited.
"""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path
from typing import Any

from waits import Waits

import openpit
from openpit import param

__all__ = ["ACCOUNTS", "Desk", "blocking", "buy"]

ACCOUNTS = 20
SYMBOLS = (("AAPL", "USD"), ("SPX", "USD"), ("SAP", "EUR"))
CALLERS = 8


def buy(number: int, quantity: str, price: str, instrument: tuple[str, str]) -> openpit.Order:
    return openpit.Order(
        operation=openpit.OrderOperation(
            instrument=openpit.Instrument(*instrument),
            account_id=param.AccountId.from_int(number),
            side=param.Side.BUY,
            trade_amount=param.TradeAmount.quantity(quantity),
            price=param.Price(price),
        )
    )


class Desk:
    """What a trader does, by a seed."""

    def __init__(self, first: int, seed: str) -> None:
        self._random = random.Random(seed)
        self._first = first

    def order(self) -> openpit.Order:
        pick = self._random
        price = f"{pick.randrange(9000, 11000) / 100:.2f}"
        account = self._first + pick.randrange(ACCOUNTS)
        return buy(account, str(pick.randrange(1, 40)), price, pick.choice(SYMBOLS))

    def orders(self, left: int) -> list[openpit.Order]:
        return [self.order() for _ in range(min(left, self._random.choice((1, 2, 5, 30, 120))))]

    def goes_through(self) -> bool:
        return self._random.random() < 0.1

    def keeps(self) -> bool:
        return self._random.random() < 0.02

    def report(self, order: openpit.Order, reservation: Any) -> openpit.ExecutionReport:
        """The order is cancelled at the venue: what it holds is given back."""
        operation = order.operation
        return openpit.ExecutionReport(
            operation=openpit.ExecutionReportOperation(
                instrument=operation.instrument,
                side=operation.side,
                account_id=operation.account_id,
            ),
            fill=openpit.ExecutionReportFillDetails(
                remaining_reserved_quantity=operation.trade_amount.as_quantity,
                lock=reservation.lock,
                is_final=True,
            ),
        )


def blocking(path: str, desk: Desk, left: int, waits: Waits) -> int:
    accepted = 0
    kept: list[Any] = []
    with openpit.connect(path, timeout=60.0) as engine:
        while left:
            orders = desk.orders(left)
            left -= len(orders)
            with waits.timed():
                if len(orders) == 1:
                    results = [engine.execute_pre_trade(orders[0])]
                else:
                    results = engine.execute_pre_trade_many(orders)
            committed, rolled_back, reports = [], [], []
            for order, result in zip(orders, results, strict=True):
                if not result:
                    continue
                accepted += 1
                if desk.keeps():
                    kept.append(result)
                elif desk.goes_through():
                    committed.append(result.reservation)
                    reports.append(desk.report(order, result.reservation))
                else:
                    rolled_back.append(result.reservation)
            with waits.timed():
                engine.commit_many(committed)
                engine.apply_execution_report_many(reports)
                engine.rollback_many(rolled_back)
            if len(kept) > 40:
                kept.clear()  # dropped: rolled back
    return accepted


async def asynchronous(path: str, desk: Desk, left: int, waits: Waits) -> int:
    accepted = 0

    async with await openpit.connect_async(path, timeout=60.0) as engine:

        async def caller() -> None:
            nonlocal accepted, left
            while left:
                orders = desk.orders(left)
                left -= len(orders)
                with waits.timed():
                    results = await engine.execute_pre_trade_many(orders)
                for order, result in zip(orders, results, strict=True):
                    if not result:
                        continue
                    accepted += 1
                    if desk.goes_through():
                        report = desk.report(order, result.reservation)
                        await result.reservation.commit()
                        await engine.apply_execution_report(report)
                    else:
                        await result.reservation.rollback()

        await asyncio.gather(*[caller() for _ in range(CALLERS)])
    return accepted


def main(face: str, path: str, first: str, orders: str, seed: str, file: str) -> None:
    desk = Desk(int(first), f"{seed} {first}")
    waits = Waits()
    if face == "async":
        accepted = asyncio.run(asynchronous(path, desk, int(orders), waits))
    else:
        accepted = blocking(path, desk, int(orders), waits)
    waits.write(Path(file))
    sys.stdout.write(f"{accepted}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
