"""Write a sample day of FIX messages: clients that order and cancel, and a venue that reports.

Run: python -m fix_gateway.sample --seed 7 fix_gateway/sample.fix          (in the folder examples/)

Most of it is in order; of each kind of mistake there is some. The venue reports on orders that the
gateway has rejected, too, and is told that it does not know them.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from fix_gateway.actor import VENUE
from fix_gateway.frames import framed
from fix_gateway.replies import GATEWAY

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ACCOUNTS", "day"]

ACCOUNTS = [f"ACC-{number:02}" for number in range(1, 13)]
CLIENTS = ["ALPHA", "BETA", "GAMMA"]
TOO_MANY = 6000
"""A quantity that the desk's limits do not pass."""

PRICES = {"AAPL": 185, "KO": 60, "MSFT": 400}

Line = tuple[str, str, list[tuple[int, object]]]
"""Who sends a message, its MsgType, and its fields."""


class Day:
    """A day's messages so far: numbered for each sender, a millisecond apart."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - a sample, no secret
        self._numbers: Counter[str] = Counter()
        self._time = 0

    def happens(self, share: float) -> bool:
        """Tell whether something happens that does so in a share of all cases."""
        return self.chance.random() < share

    def now(self) -> str:
        """Return the time as FIX writes it."""
        seconds, milliseconds = divmod(self._time, 1000)
        minutes, seconds = divmod(seconds, 60)
        return f"20261130-09:{minutes:02}:{seconds:02}.{milliseconds:03}"

    def message(self, line: Line) -> bytes:
        """Return a message of its sender."""
        sender, kind, fields = line
        self._numbers[sender] += 1
        self._time += 1
        head: list[tuple[int, object]] = [(35, kind), (49, sender), (56, GATEWAY.decode())]
        head += [(34, self._numbers[sender]), (52, self.now())]
        pairs = [f"{tag}={value}\x01" for tag, value in [*head, *fields]]
        return framed("".join(pairs).encode())

    def order(self, number: int) -> Iterator[Line]:
        """Yield the messages about one order, each when the ones before it have been sent."""
        chance = self.chance
        client, account = chance.choice(CLIENTS), chance.choice(ACCOUNTS)
        symbol, side = chance.choice(list(PRICES)), chance.choice("12")
        quantity = chance.choice([10, 50, 100, 300, 400] * 3 + [TOO_MANY])
        price = f"{PRICES[symbol] + chance.randint(-200, 200) / 100:.2f}"
        client_id, venue_id = f"C{number}", f"V{number}"
        about: list[tuple[int, object]] = [(1, account), (55, symbol), (54, side)]
        terms: list[tuple[int, object]] = [(38, quantity), (40, 2), (44, price), (15, "USD")]
        place = [(11, client_id), *about, (60, self.now()), *terms]
        if self.happens(0.06):
            missing = chance.choice([1, 11, 15, 44, 54])
            yield client, "D", [(tag, value) for tag, value in place if tag != missing]
        elif self.happens(0.05):
            yield client, "D", [*place[:-4], (38, "ten"), *terms[1:]]
        yield client, "D", place
        if self.happens(0.05):
            yield client, "D", place  # a ClOrdID that is taken
        filled = 0
        executions = 0

        def report(kind: str, status: str, left: int, *more: tuple[int, object]) -> Line:
            nonlocal executions
            executions += 1
            counts = [(38, quantity), (151, left), (14, filled), (6, price if filled else 0)]
            named = [(37, venue_id), (11, client_id), (17, f"{venue_id}-{executions}")]
            fields = [*named, (150, kind), (39, status), *about, *counts, *more]
            return VENUE.decode(), "8", [*fields, (60, self.now())]

        if self.happens(0.1):
            yield report("8", "8", 0, (58, "market closed"))
            return
        yield report("0", "0", quantity)
        if quantity == TOO_MANY:
            return
        for _ in range(chance.randint(0, 2)):
            traded = (quantity - filled) // 2
            filled += traded
            trade = report("F", "1", quantity - filled, (32, traded), (31, price), (12, 1), (13, 3))
            yield trade
            if self.happens(0.1):
                yield trade  # a report that comes again
        if self.happens(0.4):
            cancel = [(41, client_id), (11, f"{client_id}X"), *about, (60, self.now())]
            yield client, "F", cancel
            if self.happens(0.5):
                ids = [(37, venue_id), (11, f"{client_id}X"), (41, client_id), (1, account)]
                yield VENUE.decode(), "9", [*ids, (39, 0), (434, 1), (102, 0)]
            else:
                yield report("4", "4", 0)
                yield client, "F", [(41, client_id), (11, f"{client_id}Y"), *cancel[2:]]  # too late
                return
        traded, filled = quantity - filled, quantity
        yield report("F", "2", 0, (32, traded), (31, price))
        if self.happens(0.1):
            yield report("F", "2", 0, (32, 5), (31, price))  # more than there was


def day(seed: int, orders: int) -> bytes:
    """Return a day of so many orders: the same one for the same seed."""
    made = Day(seed)
    chance = made.chance
    running: list[Iterator[Line]] = []
    written: list[bytes] = []
    placed = 0
    while running or placed < orders:
        if placed < orders and (not running or made.happens(0.3)):
            placed += 1
            running.append(made.order(placed))
        at = chance.randrange(len(running))
        line = next(running[at], None)
        if line is None:
            del running[at]
            continue
        message = made.message(line)
        if made.happens(0.01):
            message = message.replace(b"\x0154=", b"\x0155=", 1)  # a checksum that is wrong
        written.append(message)
    return b"".join(written)


def main() -> None:
    """Write a day to a file."""
    parser = argparse.ArgumentParser(prog="python -m fix_gateway.sample", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--orders", type=int, default=45)
    said = parser.parse_args()
    said.file.write_bytes(day(said.seed, said.orders))


if __name__ == "__main__":
    main()
