"""Programs on a real server, by the public classes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from byte_client import ByteClient
from byte_client import buy as row
from flow import account, buy
from server_processes import FUNDS, RATE

import openpit
from openpit.errors import ServerRefused, ShardDown
from openpit.pretrade.policies import RateLimit, RateLimitBrokerBarrier, build_rate_limit

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 30

BROKER = """
[rate_limit.broker]
max_orders = 3
window = "100ms"
"""


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_order_is_held_committed_and_filled(serve: Callable[..., Any]) -> None:
    server = serve()
    with openpit.connect(server.path, name="gateway-1") as engine:
        result = engine.execute_pre_trade(buy(7))
        assert result.ok
        assert len(result.reservation.account_adjustments) == 2
        result.reservation.commit()
        assert engine.shards == 2
        assert [one.state for one in engine.stats()] == ["up", "up"]
        assert sorted((one.sent, one.answered) for one in engine.stats()) == [(0, 0), (2, 2)]
    with pytest.raises(openpit.EngineClosed):
        engine.execute_pre_trade(buy(7))
    assert server.stop()[0] == 0


def test_two_programs_share_one_limit_and_each_others_blocks(serve: Callable[..., Any]) -> None:
    server = serve(RATE)

    async def other() -> tuple[int, list[str]]:
        async with await openpit.connect_async(server.path) as engine:
            many = await asyncio.gather(*[engine.execute_pre_trade(buy(n)) for n in range(1, 5)])
            blocked = await engine.execute_pre_trade(buy(9))
            return sum(map(bool, many)), [reject.code for reject in blocked.rejects]

    with openpit.connect(server.path) as engine:
        assert sum(map(bool, engine.execute_pre_trade_many([buy(1), buy(2), buy(3)]))) == 3
        engine.accounts().block(account(9), "halt")
        # Of 5 in an hour, 3 are gone.
        assert asyncio.run(other()) == (2, ["AccountBlocked"])


def test_a_change_of_limits_is_every_programs(serve: Callable[..., Any]) -> None:
    server = serve(RATE)
    with openpit.connect(server.path) as one, openpit.connect(server.path) as two:
        assert sum(map(bool, two.execute_pre_trade_many([buy(n) for n in range(8)]))) == 5
        wider = RateLimitBrokerBarrier(RateLimit(20, timedelta(hours=1)))
        one.configure().rate_limit("RateLimitPolicy", broker=wider)
        # 8 have counted.
        assert sum(map(bool, two.execute_pre_trade_many([buy(n) for n in range(20)]))) == 12
        one.configure().rate_limit("RateLimitPolicy", clear_broker=True, asset_barriers=[])
        until(lambda: bool(two.execute_pre_trade(buy(1))))
        assert all(two.execute_pre_trade_many([buy(n) for n in range(40)]))


def test_groups_are_changed_by_one_program_at_a_time(serve: Callable[..., Any]) -> None:
    server = serve()

    async def change(number: int) -> int:
        async with await openpit.connect_async(server.path) as engine:
            changed = 0
            for turn in range(10):
                accounts = [account(1 + turn), account(21 + turn)]  # of both shards
                try:
                    await engine.accounts().register_group(accounts, 100 + number)
                    changed += 1
                except openpit.AccountGroupRegistrationError:
                    continue
            return changed

    async def race() -> list[int]:
        return await asyncio.gather(*map(change, range(3)))

    assert sum(asyncio.run(race())) == 10
    with openpit.connect(server.path) as engine:
        for turn in range(10):
            first, second = account(1 + turn), account(21 + turn)
            group = engine.accounts().group_of(first)
            assert group == engine.accounts().group_of(second)


def test_a_handle_that_nobody_holds_is_rolled_back(serve: Callable[..., Any]) -> None:
    server = serve()
    with openpit.connect(server.path) as engine:
        assert engine.execute_pre_trade(buy(7, "50"))
        assert engine.execute_pre_trade(buy(7, "50"))


CLIENT = """
import os, sys
import openpit
from flow import buy
engine = openpit.connect(sys.argv[1])
kept = []
while True:
    kept += engine.execute_pre_trade_many([buy(1 + n % 40, "1") for n in range(100)])
    print(len(kept), flush=True)
"""


@pytest.mark.parametrize("number", range(3))
def test_a_program_that_is_killed_leaves_no_hold(serve: Callable[..., Any], number: int) -> None:
    server = serve()
    workers = server.workers
    support = Path(__file__).parents[1] / "support"
    with openpit.connect(server.path) as engine:
        for turn in range(3):
            client = subprocess.Popen(
                [sys.executable, "-c", CLIENT, server.path],
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": str(support)},
            )
            assert client.stdout is not None
            for _ in range(1 + (number + turn) % 3):
                assert client.stdout.readline()
            client.kill()
            client.communicate()
            # 10,000 each: 53 shares at 185.5, if nothing is held.
            for one in range(1, 41):
                until(lambda one=one: bool(engine.execute_pre_trade(buy(one, "53"))))  # type: ignore[misc]
    assert server.workers == workers


def test_who_does_not_read_is_closed_at_the_limit(serve: Callable[..., Any]) -> None:
    server = serve()
    with ByteClient(server.path) as slow, openpit.connect(server.path) as engine:
        shard = slow.shard_of(7)
        # Replies of a megabyte each, which stay unread: the reason of a rejected order's block.
        text = "x" * 1_000_000
        engine.accounts().block(account(7), text)
        slow.socket.settimeout(SECONDS)
        sent = 0
        try:
            for _ in range(200):
                slow.send(slow.batch(shard, row(7)))
                sent += 1
        except OSError:
            pass
        until(lambda: _is_closed(slow))
        assert engine.execute_pre_trade(buy(8)).ok
        peak = next(
            int(line.split()[1]) // 1024
            for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
            if line.startswith("VmHWM")
        )
        assert peak < 400, f"{peak} MiB, with replies of 64 unread"


def _is_closed(client: ByteClient) -> bool:
    """Whether the server has closed the connection; nothing is read to see it."""
    try:
        client.send(client.head(34))
    except OSError:
        return True
    return False


def test_a_shard_that_dies_costs_its_own_accounts(serve: Callable[..., Any]) -> None:
    server = serve()
    with openpit.connect(server.path) as engine:
        os.kill(server.workers[0], signal.SIGKILL)
        until(lambda: {one.state for one in engine.stats()} == {"up", "down"})
        (down,) = [one for one in engine.stats() if one.state == "down"]
        assert down.why == "its worker was killed by signal 9"
        mine = next(n for n in range(1, 40) if engine.shard_of(account(n)) == down.shard)
        other = next(n for n in range(1, 40) if engine.shard_of(account(n)) != down.shard)
        (reject,) = engine.execute_pre_trade(buy(mine)).rejects
        assert (reject.code, reject.policy) == ("SystemUnavailable", "Router")
        assert reject.details == f"shard {down.shard}: {down.why}"
        assert engine.execute_pre_trade(buy(other)).ok


def test_a_server_that_stands_still_and_goes_on(serve: Callable[..., Any]) -> None:
    server = serve()
    with openpit.connect(server.path, timeout=1.0) as engine:
        os.kill(server.process.pid, signal.SIGSTOP)
        try:
            (reject,) = engine.execute_pre_trade(buy(7)).rejects
            assert reject.code == "SystemUnavailable"
        finally:
            os.kill(server.process.pid, signal.SIGCONT)
        until(lambda: engine.execute_pre_trade(buy(7)).ok)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_that_ends_is_told_by_name(serve: Callable[..., Any], number: int) -> None:
    server = serve()
    with openpit.connect(server.path) as engine:
        held = engine.execute_pre_trade(buy(7))
        assert held.ok
        server.stop(number)
        why = {
            signal.SIGTERM: "the server has ended the session: the server ends",
            signal.SIGKILL: "the server has gone",
        }[signal.Signals(number)]
        (reject,) = engine.execute_pre_trade(buy(8)).rejects
        assert why in reject.details
        with pytest.raises(ShardDown, match=why):
            held.reservation.commit()


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ServerRefused, match="no server listens at") as found:
        openpit.connect(tmp_path / "none")
    assert found.value.reason == "absent"


def test_a_server_that_is_full_or_has_a_clock_of_its_own(serve: Callable[..., Any]) -> None:
    server = serve(FUNDS, "--sessions", "1")
    with openpit.connect(server.path), pytest.raises(ServerRefused, match="1 sessions") as found:
        openpit.connect(server.path)
    assert found.value.reason == "full"
    until(lambda: _takes_clock(server.path) == "time")


@pytest.mark.parametrize("step", [12, 40])
def test_times_of_a_simulation_are_windows_of_their_own(
    serve: Callable[..., Any], step: int
) -> None:
    limit = build_rate_limit().broker_barrier(
        RateLimitBrokerBarrier(RateLimit(3, timedelta(milliseconds=100)))
    )
    now = 0
    alone = openpit.Engine.builder().clock(lambda: now).no_sync().builtin(limit).build()
    server = serve(BROKER, "--client-time")
    passed = []
    with openpit.connect(server.path, clock=lambda: now) as engine:
        for number in range(1, 31):
            now += step * 10**6
            result = engine.execute_pre_trade(buy(number))
            passed.append(result.ok)
            assert result.ok == alone.execute_pre_trade(buy(number)).ok
    assert (False in passed) is (step == 12)


def _takes_clock(path: str) -> str:
    with pytest.raises(ServerRefused) as found:
        openpit.connect(path, clock=lambda: 5)
    return found.value.reason
