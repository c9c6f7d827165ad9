"""A real server under attack: it closes the attackers, keeps its workers, and answers as before.

What is sent, and how it is known to be bad, is in ``tests/support/hostile.py``; ten times as many
go through the cores alone, in ``tests/unit/server/test_hostile.py``.
"""

from __future__ import annotations

import os
import random
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from byte_client import HELLO, ByteClient
from flow import buy, report
from hostile import Attack, Target, garbage, lying_head, sure_body
from served import Served
from server_processes import FUNDS

import openpit
from openpit.errors import NotPermitted
from openpit.limits.reading import loads
from openpit.pretrade.policies import build_order_validation
from openpit.wire.axes import CountingAxes

if TYPE_CHECKING:
    from collections.abc import Callable

FRAMES = int(os.environ.get("OPENPIT_HOSTILE", "2000")) // 10
SEED = os.environ.get("OPENPIT_SEED", "1")
EVERY = 4
LIMITED = FUNDS + '[rate_limit]\nbroker = { max_orders = 60, window = "1h" }\n'
ACCOUNTS = (2, 1, 3, 4)


def told(answer: Any) -> Any:
    rejects = getattr(answer, "rejects", None) or ()
    reservation = getattr(answer, "reservation", None)
    outcomes = [] if reservation is None else reservation.account_adjustments
    return [(one.code, one.reason, one.details) for one in rejects], [repr(one) for one in outcomes]


class Honest:
    """A program beside the attackers, and one engine that nobody attacks."""

    def __init__(self, engine: Any) -> None:
        policies = loads(LIMITED)
        alone = policies.add_to(openpit.Engine.builder().account_sync()).build()
        policies.prepare(alone)
        self.engines = (engine, alone)
        self.held: list[Any] = []

    def act(self, rng: random.Random) -> None:
        number = rng.choice(ACCOUNTS)
        quantity = str(rng.randrange(1, 3))
        what = rng.randrange(4)
        if what == 0 and len(self.held) > 4:
            method = rng.choice(["commit", "rollback"])
            for reservation in self.held.pop(rng.randrange(len(self.held)))[1]:
                getattr(reservation, method)()
        elif what == 1:
            results = [engine.apply_execution_report(report(number)) for engine in self.engines]
            assert len({bool(result.account_blocks) for result in results}) == 1
        else:
            results = [engine.execute_pre_trade(buy(number, quantity)) for engine in self.engines]
            assert told(results[0]) == told(results[1])
            if results[0]:
                self.held.append((number, [result.reservation for result in results]))

    def handles(self) -> tuple[int | None, int | None]:
        found: list[int | None] = [None, None]
        for number, (reservation, _) in self.held:
            found[self.engines[0].shard_of(openpit.param.AccountId.from_int(number))] = (
                reservation._handle
            )
        return found[0], found[1]


def strike(path: str, attack: Attack) -> tuple[str, str]:
    """Send it; return why the session was closed."""
    with ByteClient(path) as client:
        client.send(attack.data)
        return client.bye()


def test_attackers_are_closed_and_an_honest_program_notices_nothing(
    serve: Callable[..., Any],
) -> None:
    rng = random.Random(SEED)
    server = serve(
        *(LIMITED, "--role", f"{os.getuid()}=trader"),
        *("--actor", "desk=desk_actor:Desk", "--policy", "serve_policies:Quoted"),
    )
    workers = server.workers
    with openpit.connect(server.path) as engine:
        with pytest.raises(NotPermitted):
            engine.accounts().unblock_all()
        honest = Honest(engine)
        with ByteClient(server.path) as client:
            axes = CountingAxes(*client.axes[1:])
        for number in range(FRAMES):
            target = Target(axes, honest.handles(), "desk")
            attack = rng.choice([garbage, sure_body, lying_head])(rng, target)
            reason, _ = strike(server.path, attack)
            assert reason == "malformed", attack
            if not number % EVERY:
                honest.act(rng)
        assert server.workers == workers
    assert server.stop() == (0, server.line)


def test_a_slow_reader_is_closed_and_its_memory_is_given_back() -> None:
    builder: Any = openpit.Engine.builder().sharded(1).builtin(build_order_validation())
    served = Served(builder, output_bytes=200_000)
    try:
        with ByteClient(served.path) as slow, openpit.connect(served.path) as engine:
            slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            bad = (1, 1, "AAPL", "USD", "BUY", "0", None, "1")  # a reject is long
            switch = served.service.switch
            try:
                for _ in range(2000):
                    slow.send(slow.batch(0, *[bad] * 100))
                    most = max((one.output_bytes for one in switch.sessions.values()), default=0)
                    assert most < 2_000_000
                    if slow.number not in switch.sessions:
                        break
                    assert engine.execute_pre_trade_dry_run(buy(1))
            except (BrokenPipeError, ConnectionResetError):
                pass
            until(lambda: slow.number not in switch.sessions)
            assert engine.execute_pre_trade(buy(1))
    finally:
        served.stop()


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that the server does."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_connections_that_say_nothing_keep_nobody_out(serve: Callable[..., Any]) -> None:
    server = serve()
    silent = [ByteClient(server.path, greets=False) for _ in range(150)]
    try:
        with openpit.connect(server.path) as engine:
            assert engine.execute_pre_trade(buy(1))
        # 32 may be silent for some seconds; the first makes room for each more.
        assert silent[0].bye()[0] == "full"
        silent[-1].send(silent[-1].head(HELLO, b"\x91\x91\xc0"))
        assert silent[-1].read(HELLO).version == 3
        began = time.monotonic()
        assert silent[-2].bye() == ("malformed", "no first frame in time")
        assert time.monotonic() - began < 20
        descriptors = Path(f"/proc/{server.process.pid}/fd")
        until(lambda: len([*descriptors.iterdir()]) < 40)
    finally:
        for client in silent:
            client.close()
    assert server.stop()[0] == 0


def test_a_name_is_one_sessions(serve: Callable[..., Any]) -> None:
    server = serve()
    with (
        ByteClient(server.path, "gateway-1") as first,
        openpit.connect(server.path, name="gateway-1") as engine,
    ):
        assert first.bye() == ("name", "a newer session is called 'gateway-1'")
        assert engine.execute_pre_trade(buy(1))
