"""Several programs trade on one server, and one engine has to explain every decision.

python tests/server/trading_day.py --orders 200000 --seed 1

Two blocking programs, an asyncio one and one in Node.js, where that is there, each with accounts of
its own, share a broker's limit, an asset's and a group of accounts that is blocked and unblocked
meanwhile. How long each has waited around the kills of others is printed.
"""

from __future__ import annotations

import argparse
import itertools
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))

from oracle import Explained, explain
from server_processes import Server, until
from trader import ACCOUNTS, buy
from waits import read_moments, waited

import openpit
from openpit import param
from openpit.faces.asking import sessions_of
from openpit.limits import apply, loads

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FUNDS", "LIMITS", "MAX_ORDERS", "NODE", "Day"]

NODE = shutil.which("node")
"""Without it there are three programs."""

HERE = Path(__file__).parent
NODE_CLIENT = HERE.parents[1] / "examples" / "clients" / "node" / "openpit.js"

VICTIMS = 3001
"""The first account of the programs that are killed."""

FIRSTS = (1, 1001, 2001, 4001)
"""The first accounts of those that trade on: two blocking, one on asyncio, one in Node.js."""

SUPERVISOR = "supervisor"

ALL = [number for first in (*FIRSTS, VICTIMS) for number in range(first, first + ACCOUNTS)]

MAX_ORDERS = 300
SECONDS = 900

PROBED = 1_000_000
"""A quantity that nobody has the funds for."""

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

SIZES = (30, 37)
"""What an order may be at most, one after the other: traders ask for 1 to 39."""


def _size(most: int) -> str:
    return f"[order_size_limit]\nbroker = {{ max_quantity = {most} }}\n"


FUNDS = "[order_validation]\n[spot_funds]\n" + "".join(
    f"[[spot_funds.funds]]\nfirst_account = {first}\nlast_account = {first + ACCOUNTS - 1}\n"
    f'asset = "{asset}"\nbalance = 30000\n'
    for first, asset in itertools.product([*FIRSTS, VICTIMS], ("USD", "EUR"))
)

OTHERS = FUNDS + _size(SIZES[-1])
"""All limits but the rates, as the day begins."""


def _change_size(engine: openpit.ShardedEngine, most: int) -> None:
    """Change the limits to those of a file, on all shards."""
    assert apply(engine, loads(RATES + FUNDS + _size(most))) == ["order_size_limit"]


def _programs() -> list[tuple[str, list[str], int]]:
    """Return what trades: the name of each, how it is started, and its first account."""
    python = [sys.executable, str(HERE / "trader.py")]
    names = ("blocking", "blocking", "async")
    programs = [(name, [*python, name], first) for name, first in zip(names, FIRSTS, strict=False)]
    if NODE is not None:
        command = [NODE, str(HERE / "trader.js"), str(NODE_CLIENT)]
        programs.append(("node", command, FIRSTS[-1]))
    return programs


class Day:
    """A server, the programs that trade on it, and what was written down."""

    def __init__(
        self, orders: int, seed: str, folder: Path, *, shards: int = 2, kills: int = 0
    ) -> None:
        self.accepted: dict[str, int] = {}  # by the programs' own word
        self.changes = 0
        self.open = 0  # reservations, when all programs have gone
        self.kills = kills
        self.record = folder / "record"
        self._folder = folder
        server = Server(RATES + OTHERS, shards=shards, record=self.record)
        try:
            self._trade(server, orders, seed)
            code, text = server.stop()
            assert code == 0, text
        finally:
            server.remove()
        self.explained: Explained = explain(self.record, LIMITS, OTHERS)

    def _trade(self, server: Server, orders: int, seed: str) -> None:
        programs = _programs()
        each = str(orders // len(programs))
        traders = [
            subprocess.Popen(
                [*command, server.path, str(first), each, seed, str(self._folder / str(first))],
                stdout=subprocess.PIPE,
                text=True,
            )
            for _, command, first in programs
        ]
        victims = subprocess.Popen(
            [sys.executable, str(HERE / "victims.py"), server.path, str(VICTIMS),
             str(self.kills), seed, str(self._folder / "kills")]
        )  # fmt: skip
        try:
            self._supervise(server.path, [*traders, victims])
            self._probe(server.path)
        finally:
            victims.kill()
            victims.wait()
            for (name, _, first), trader in zip(programs, traders, strict=True):
                trader.kill()
                text, _ = trader.communicate()
                self.accepted[f"{name} {first}"] = int(text or 0)

    def waits(self) -> Iterator[str]:
        """Tell of each program how long it has waited around kills, and at other moments."""
        kills = read_moments(self._folder / "kills")
        for name in self.accepted:
            near, away = waited(self._folder / name.split()[1], kills)
            yield f"{name} around kills: {near}"
            yield f"{name} around other moments: {away}"
            yield (
                f"{name}: {near.p99 - away.p99:+.1f} ms for 99 %, "
                f"{near.longest - away.longest:+.1f} ms at the longest"
            )

    @staticmethod
    def _probe(path: str) -> None:
        """Ask for more than anybody has: the rejects tell what is left, and the oracle reads them.

        Spread over time, so that no rate is exceeded.
        """
        with openpit.connect(path, name="prober", timeout=60.0) as engine:
            for number, asset in itertools.product(ALL, (("AAPL", "USD"), ("SAP", "EUR"))):
                order = buy(number, str(PROBED), "1", asset)
                while engine.execute_pre_trade(order).rejects[0].code != "InsufficientFunds":
                    time.sleep(0.05)

    def _supervise(self, path: str, traders: list[subprocess.Popen[str]]) -> None:
        """Block a group, unblock it and change a limit until all have traded; ask for states.

        The oracle looks at every state that is told: some while orders are under way, and all when
        every program has gone.
        """
        deadline = time.monotonic() + SECONDS
        pick = random.Random(0)
        group = param.AccountGroupId.from_int(7)
        members = [param.AccountId.from_int(first + 3) for first in FIRSTS]
        with openpit.connect(path, name=SUPERVISOR, timeout=60.0) as engine:
            accounts = engine.accounts()  # a group of which each trader has a member
            accounts.register_group(members, group)
            while any(trader.poll() is None for trader in traders):
                assert time.monotonic() < deadline
                accounts.block_group(group, "looked into")
                engine.account_state(param.AccountId.from_int(pick.choice(ALL)))
                accounts.unblock_group(group)
                _change_size(engine, SIZES[self.changes // 2 % 2])
                self.changes += 2
                time.sleep(0.01)
            assert [trader.returncode for trader in traders] == [0] * len(traders)
            until(lambda: [one.name for one in sessions_of(path)] == [SUPERVISOR])
            _change_size(engine, PROBED)  # what is asked for next is over the funds alone
            states = [engine.account_state(param.AccountId.from_int(number)) for number in ALL]
        self.open = sum(state.open.reservations for state in states)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=200_000)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--kills", type=int, default=0, help="programs that are killed meanwhile")
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        shards, kills = options.shards, options.kills
        day = Day(options.orders, options.seed, Path(folder), shards=shards, kills=kills)
        waits = [*day.waits()]
    explained = day.explained
    for line in explained.stricter[:20]:
        _say(f"stricter: {line}")
    for line in explained.differences[:20]:
        _say(f"DIFFERENCE: {line}")
    for line in waits if kills else ():
        _say(line)
    _say(
        f"{dict(explained.decided)}, {day.changes} blocks and unblocks, {kills} programs killed, "
        f"at most {explained.most_accepted} of {MAX_ORDERS} accepted in a window, "
        f"{len(explained.stricter)} stricter, {len(explained.differences)} differences, "
        f"{day.open} reservations left, {time.monotonic() - started:.0f} s, seed {options.seed}"
    )
    _say(f"accepted by {len(day.accepted)} programs: {day.accepted}, {_node()}")
    return 1 if explained.differences or day.open else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _node() -> str:
    if NODE is None:
        return "node is not there"
    told = subprocess.run([NODE, "--version"], check=True, capture_output=True, text=True)
    return f"node {told.stdout.strip()}"


if __name__ == "__main__":
    sys.exit(main())
