"""Several programs trade on one server, and one engine has to explain every decision.

python tests/server/trading_day.py --orders 200000 --seed 1

Two blocking programs and an asyncio one, each with accounts of its own, share a broker's limit, an
asset's and a group of accounts that is blocked and unblocked all the while.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))

from oracle import Explained, explain
from server_processes import Server
from trader import ACCOUNTS, buy

import openpit
from openpit import param

__all__ = ["FUNDS", "LIMITS", "MAX_ORDERS", "Day"]

TRADERS = (("blocking", 1), ("blocking", 1001), ("async", 2001))
VICTIMS = 3001
"""The first account of the programs that are killed."""

MAX_ORDERS = 300
SECONDS = 900

WINDOW = "200ms"
BROKER = f'broker = {{ max_orders = {MAX_ORDERS}, window = "{WINDOW}" }}\n'
EURO = f"""
[[rate_limit.asset]]
settlement_asset = "EUR"
max_orders = 80
window = "{WINDOW}"
"""
LIMITS = {None: f"[rate_limit]\n{BROKER}", "EUR": f"[rate_limit]\n{EURO}"}
RATES = f"[rate_limit]\n{BROKER}{EURO}"

FUNDS = "[order_validation]\n[spot_funds]\n" + "".join(
    f"[[spot_funds.funds]]\nfirst_account = {first}\nlast_account = {first + ACCOUNTS - 1}\n"
    f'asset = "{asset}"\nbalance = 30000\n'
    for first, asset in itertools.product(
        [*(first for _, first in TRADERS), VICTIMS], ("USD", "EUR")
    )
)


class Day:
    """A server, the programs that trade on it, and what was written down."""

    def __init__(
        self, orders: int, seed: str, record: Path, *, shards: int = 2, kills: int = 0
    ) -> None:
        self.accepted = 0  # by the programs' own word
        self.changes = 0
        self.kills = kills
        server = Server(RATES + FUNDS, shards=shards, record=record)
        try:
            self._trade(server, orders, seed)
            code, text = server.stop()
            assert code == 0, text
        finally:
            server.remove()
        self.explained: Explained = explain(record, LIMITS, FUNDS)

    def _trade(self, server: Server, orders: int, seed: str) -> None:
        program = str(Path(__file__).with_name("trader.py"))
        traders = [
            subprocess.Popen(
                [sys.executable, program, face, server.path, str(first),
                 str(orders // len(TRADERS)), seed],
                stdout=subprocess.PIPE,
                text=True,
            )
            for face, first in TRADERS
        ]  # fmt: skip
        victims = subprocess.Popen(
            [sys.executable, program.replace("trader", "victims"), server.path, str(VICTIMS),
             str(self.kills), seed]
        )  # fmt: skip
        try:
            self._supervise(server.path, [*traders, victims])
            self._probe(server.path)
        finally:
            victims.kill()
            victims.wait()
            for trader in traders:
                trader.kill()
                text, _ = trader.communicate()
                self.accepted += int(text or 0)

    @staticmethod
    def _probe(path: str) -> None:
        """Ask for more than anybody has: the rejects tell what is left, and the oracle reads them.

        Spread over time, so that no rate is exceeded.
        """
        with openpit.connect(path, name="prober", timeout=60.0) as engine:
            for first in [*(first for _, first in TRADERS), VICTIMS]:
                for number, asset in itertools.product(
                    range(first, first + ACCOUNTS), (("AAPL", "USD"), ("SAP", "EUR"))
                ):
                    order = buy(number, "1000000", "1", asset)
                    while engine.execute_pre_trade(order).rejects[0].code != "InsufficientFunds":
                        time.sleep(0.05)

    def _supervise(self, path: str, traders: list[subprocess.Popen[str]]) -> None:
        """Block a group and unblock it until all have traded."""
        deadline = time.monotonic() + SECONDS
        group = param.AccountGroupId.from_int(7)
        members = [param.AccountId.from_int(first + 3) for _, first in TRADERS]
        with openpit.connect(path, name="supervisor", timeout=60.0) as engine:
            accounts = engine.accounts()  # a group of which each trader has a member
            accounts.register_group(members, group)
            while any(trader.poll() is None for trader in traders):
                assert time.monotonic() < deadline
                accounts.block_group(group, "looked into")
                accounts.unblock_group(group)
                self.changes += 2
                time.sleep(0.01)
        assert [trader.returncode for trader in traders] == [0] * len(traders)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=200_000)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--kills", type=int, default=0, help="programs that are killed meanwhile")
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder, "record")
        shards, kills = options.shards, options.kills
        day = Day(options.orders, options.seed, record, shards=shards, kills=kills)
    explained = day.explained
    for line in explained.stricter[:20]:
        sys.stdout.write(f"stricter: {line}\n")
    for line in explained.differences[:20]:
        sys.stdout.write(f"DIFFERENCE: {line}\n")
    sys.stdout.write(
        f"{dict(explained.decided)}, {day.changes} blocks and unblocks, {kills} programs killed, "
        f"at most {explained.most_accepted} of {MAX_ORDERS} accepted in a window, "
        f"{len(explained.stricter)} stricter, {len(explained.differences)} differences, "
        f"{time.monotonic() - started:.0f} s\n"
    )
    return 1 if explained.differences else 0


if __name__ == "__main__":
    sys.exit(main())
