"""Programs that close descriptors which are not theirs, or put files of their own in their place.

No order is written into such a file, none is read from it, and nobody closes it: whatever it is,
and whenever that happens. Orders are denied by name, and the workers end.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

STRANGERS = '''
import asyncio, os, socket, sys
import openpit
from openpit.param import AccountId, Price, Quantity, Side, TradeAmount
from openpit.pretrade import Policy, PolicyDecision
from openpit.pretrade.policies import build_order_validation

ENDS = []

def order(number):
    return openpit.Order(
        operation=openpit.OrderOperation(
            instrument=openpit.Instrument("AAPL", "USD"), account_id=AccountId.from_int(number),
            side=Side.BUY, trade_amount=TradeAmount.quantity("1"), price=Price("1"),
        )
    )

def stranger(kind, number):
    """Something of the program's own, at any number, and how to look whether it was touched."""
    if kind == "file":
        fd = os.open(f"file{number}", os.O_RDWR | os.O_CREAT)
        os.write(fd, b"own" * 100_000)
        os.lseek(fd, 3, os.SEEK_SET)
        return fd, lambda at: (os.lseek(at, 0, os.SEEK_CUR), os.fstat(at).st_size)
    if kind == "pipe":
        reading, writing = os.pipe()
        os.write(writing, b"own")
        os.set_blocking(reading, False)
        ENDS.append(reading)
        if number % 2:
            return reading, lambda at: os.read(reading, 100) == b"own"
        ENDS.append(os.dup(writing))
        return writing, lambda at: (os.fstat(at), os.read(reading, 100))[1] == b"own"
    one, other = socket.socketpair()
    other.send(b"own")
    one.setblocking(False)
    other.setblocking(False)
    ENDS.extend((one, other))
    def look(at):
        try:
            other.recv(100)
        except BlockingIOError:
            return one.recv(100) == b"own"
        return "written to"
    return one.fileno(), look

def replaced(kind, numbers):
    """Put a stranger in the place of each; return what tells how they are now."""
    looks = []
    for number in numbers:
        fd, look = stranger(kind, number)
        if fd != number:
            os.dup2(fd, number)
        looks.append((number, look))
    return lambda: [look(number) for number, look in looks]

def pipes(engine):
    ports = engine._driver._ports
    return [fd for port in ports for fd in (port.command_fd, port.reply_fd)]

def said(result):
    return result.ok or [(one.code, one.policy) for one in result.rejects]
'''

UNTOUCHED = {"file": (3, 300_000), "pipe": True, "socket": True}


def run(folder: Path, program: str, *arguments: str) -> str:
    (folder / "strangers.py").write_text(STRANGERS)
    (folder / "program.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "program.py", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        timeout=120,
        check=False,
    )
    return done.stdout + "".join(
        line for line in done.stderr.splitlines(keepends=True) if "Error" in line
    )


DENIED = "[('SystemUnavailable', 'Router')]\n"

IDLE = """
from strangers import *

if __name__ == "__main__":
    kind, moment = sys.argv[1:]
    stage = openpit.Engine.builder().sharded(shards=2, timeout=5.0)
    engine = stage.builtin(build_order_validation()).build()
    results = [engine.execute_pre_trade(order=order(number)) for number in range(1, 5)]
    assert all(results), results
    look = replaced(kind, pipes(engine))
    if moment == "batch":
        for result in engine.execute_pre_trade_many([order(number) for number in range(1, 5)]):
            print(said(result))
    elif moment == "orders":
        for number in range(1, 5):
            print(said(engine.execute_pre_trade(order=order(number))))
    del results
    engine.close()
    print([stats.state for stats in engine.stats()])
    print(look())
"""


@pytest.mark.one_python
@pytest.mark.parametrize("kind", ["file", "pipe", "socket"])
@pytest.mark.parametrize("moment", ["orders", "batch", "close"])
def test_what_stands_in_the_pipes_places_is_not_touched(
    tmp_path: Path, kind: str, moment: str
) -> None:
    denied = "" if moment == "close" else DENIED * 4
    assert run(tmp_path, IDLE, kind, moment) == (
        f"{denied}['closed', 'closed']\n{[UNTOUCHED[kind]] * 4}\n"
    )


ASYNC = """
from strangers import *

async def main(kind):
    down = []
    stage = openpit.Engine.builder().sharded(shards=2, timeout=5.0, on_shard_down=down.append)
    engine = await stage.builtin(build_order_validation()).build_async()
    assert (await engine.execute_pre_trade(order=order(1))).ok
    look = replaced(kind, pipes(engine))
    for number in range(1, 5):
        print(said(await engine.execute_pre_trade(order=order(number))))
    print(sorted(stats.shard for stats in down))
    await engine.close()
    print([stats.state for stats in engine.stats()])
    print(look())

if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.parametrize("kind", ["file", "pipe", "socket"])
def test_the_same_on_asyncio(tmp_path: Path, kind: str) -> None:
    assert run(tmp_path, ASYNC, kind) == (
        f"{DENIED * 4}[0, 1]\n['closed', 'closed']\n{[UNTOUCHED[kind]] * 4}\n"
    )


CLOSED = """
from strangers import *

if __name__ == "__main__":
    stage = openpit.Engine.builder().sharded(shards=2, timeout=5.0)
    engine = stage.builtin(build_order_validation()).build()
    assert engine.execute_pre_trade(order=order(1)).ok
    workers = [stats.pid for stats in engine.stats()]
    os.closerange(3, 200)
    look = [stranger("file", number)[1] for number in range(40)]
    # Another engine, whose pipes get some of the numbers, is not taken for the first one's.
    other = openpit.Engine.builder().sharded(shards=2).builtin(build_order_validation()).build()
    for number in range(1, 5):
        print(said(engine.execute_pre_trade(order=order(number))))
    print([said(other.execute_pre_trade(order=order(number))) for number in range(1, 5)])
    engine.close()
    print([said(other.execute_pre_trade(order=order(number))) for number in range(1, 5)])
    other.close()
    print({look[number](number + 3) for number in range(40)})
"""


def test_after_everything_was_closed_another_engine_works(tmp_path: Path) -> None:
    passed = "[True, True, True, True]\n"
    assert run(tmp_path, CLOSED) == f"{DENIED * 4}{passed}{passed}{{(3, 300000)}}\n"


IN_WORKER = """
from strangers import *

class Daemonising(Policy):
    name = "Daemonising"
    def perform_pre_trade_check(self, ctx, order):
        if order.operation.account_id.value == 1:
            os.closerange(3, 200)
            self.look = [stranger("file", number) for number in range(40)]
        return PolicyDecision.accept()

if __name__ == "__main__":
    stage = openpit.Engine.builder().sharded(shards=1, timeout=5.0)
    told = []
    with stage.pre_trade(policy=Daemonising()).build() as engine:
        print(said(engine.execute_pre_trade(order=order(1))))
        print(engine.stats()[0].why)
    print({os.stat(f"file{number}").st_size for number in range(40)})
"""


def test_a_policy_that_closes_its_worker_s_pipes_ends_it(tmp_path: Path) -> None:
    assert run(tmp_path, IN_WORKER) == (
        f"{DENIED}its worker ended with exit code 74: a policy closed or replaced its pipes\n"
        "{300000}\n"
    )


AT_LOAD = """
from strangers import *

class Closing(Policy):
    name = "Closing"
    def __setstate__(self, state):
        os.closerange(3, 200)
        self.look = [stranger("file", number) for number in range(40)]

if __name__ == "__main__":
    policy = Closing()
    policy.limit = 1
    try:
        openpit.Engine.builder().sharded(shards=1).pre_trade(policy=policy).build()
    except openpit.errors.ShardStartError as error:
        print("exit code 74: a policy closed or replaced its pipes" in str(error))
    print({os.stat(f"file{number}").st_size for number in range(40)})
"""


def test_a_policy_that_closes_them_as_it_is_loaded_ends_the_start(tmp_path: Path) -> None:
    told = run(tmp_path, AT_LOAD)
    assert told == "True\n{300000}\n"
