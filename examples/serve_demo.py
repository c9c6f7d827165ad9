"""A server with the default limits and two programs that trade on it at once.

Run: python examples/serve_demo.py [SECONDS]          (or: make serve-demo)
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time

import openpit
from openpit.param import AccountId, Price, Quantity, Side, TradeAmount

SYMBOLS = ("AAPL", "KO", "MSFT")
BATCH = 64


def orders(number: int, first: int) -> list[openpit.Order]:
    """Return a batch of limit orders over a thousand accounts of a client's own."""
    return [
        openpit.Order(
            operation=openpit.OrderOperation(
                instrument=openpit.Instrument(SYMBOLS[each % len(SYMBOLS)], "USD"),
                account_id=AccountId.from_int(1000 * number + each % 1000),
                side=Side.BUY if each % 2 else Side.SELL,
                trade_amount=TradeAmount.quantity(Quantity(100 + each % 50)),
                price=Price("185.5"),
            )
        )
        for each in range(first, first + BATCH)
    ]


def trade(path: str, number: int, seconds: float) -> None:
    """Be one of the programs: send orders and commit what was accepted."""
    accepted = sent = 0
    with openpit.connect(path, name=f"demo-{number}") as engine:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            results = engine.execute_pre_trade_many(orders(number, sent))
            reservations = [result.reservation for result in results if result.ok]
            engine.commit_many([each for each in reservations if each is not None])
            accepted += len(reservations)
            sent += BATCH
    print(f"client {number}: {sent} orders, {accepted} accepted", flush=True)


def show_stats(path: str) -> None:
    """Print what the server says of its shards and of who is connected."""
    subprocess.run(  # noqa: S603 - this Python
        [sys.executable, "-m", "openpit", "ctl", "--socket", path, "stats"], check=True
    )


def started(path: str) -> subprocess.Popen[bytes]:
    """Return a server that listens."""
    reading, writing = os.pipe()
    server = subprocess.Popen(  # noqa: S603 - as above
        [sys.executable, "-m", "openpit", "serve", "--socket", path, "--ready-fd", str(writing)],
        pass_fds=[writing],
    )
    os.close(writing)
    with os.fdopen(reading) as ready:
        if not ready.readline():
            raise SystemExit(server.wait())
    return server


def main(seconds: float) -> None:
    """Start a server, have two clients trade, and end it."""
    with tempfile.TemporaryDirectory(prefix="openpit-") as folder:
        path = f"{folder}/desk.sock"
        server = started(path)
        try:
            clients = [
                subprocess.Popen(  # noqa: S603 - as above
                    [sys.executable, __file__, str(seconds), path, str(number)]
                )
                for number in (1, 2)
            ]
            time.sleep(seconds / 2)  # while they trade
            show_stats(path)
            failed = [client for client in clients if client.wait()]
        finally:
            server.send_signal(signal.SIGTERM)
            code = server.wait()
        print(f"the server ended with code {code}")
        if failed or code:
            raise SystemExit(1)


if __name__ == "__main__":
    match sys.argv[1:]:
        case [duration, path, number]:
            trade(path, int(number), float(duration))
        case [duration]:
            main(float(duration))
        case _:
            main(10)
