"""Runs that clients drive through a server: what is decided, what is noticed, what is left."""

from __future__ import annotations

import os
import signal
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from load_plans import BINDING, BINDING_PLAN, plan_of
from processes import children_of, wait_until

from openpit.loadtest.children import ChildFailedError
from openpit.loadtest.conductor import conduct
from openpit.loadtest.measure import measure
from openpit.loadtest.oracle import checksum, find_truth
from openpit.loadtest.plan import SECOND
from openpit.loadtest.session import settled

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.one_python


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where this process makes temporary folders: those of tests beside this one lie elsewhere."""
    with tempfile.TemporaryDirectory(prefix="openpit-") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


def test_three_clients_decide_what_one_engine_does(temporary: Path) -> None:
    """Accounts' own rates bind here, so the orders' times go along."""
    run = measure(replace(BINDING_PLAN, clients=3, in_flight=64)).run

    assert (run.judgement.checked, run.judgement.wrong, run.failures) == (3_000, 0, {})
    assert run.judgement.checksum == checksum(find_truth(BINDING_PLAN).recording)
    assert (run.figures.orders, run.deposits) == (3_000, 150)
    assert [process.name for process in run.processes] == [
        *("client 0", "client 1", "client 2", "router", "worker 0", "worker 1"),
    ]
    assert [role.role for role in run.roles] == [
        *("harness", "client library", "router", "workers"),
    ]
    assert sum(role.share for role in run.roles) == pytest.approx(1)
    assert all(process.peak for process in run.processes)
    assert set(run.collected) == {"client 0", "client 1", "client 2"}
    assert list(temporary.iterdir()) == []


def test_latencies_of_an_open_loop_count_from_the_intended_arrival() -> None:
    """All clients stand still for a second, halfway."""
    run = measure(plan_of(clients=2, stall=SECOND, lag_limit=SECOND // 10)).run

    assert run.invalid is not None
    assert run.invalid.startswith("the clients were ")
    assert run.lag.max >= SECOND * 9 // 10
    assert run.figures.latency.max >= SECOND * 9 // 10
    assert run.judgement.wrong == 0


SPANNING = """\
[order_validation]
[rate_limit]
broker = {max_orders = 400, window = "1h"}
asset = [{settlement_asset = "USD", max_orders = 300, window = "1h"}]
[order_size_limit]
broker = {max_quantity = "150", max_notional = "100000000"}
[spot_funds]
account_currency = "USD"
"""


def test_where_a_limit_over_all_accounts_binds_the_run_says_which_orders_it_refused() -> None:
    plan = settled(
        replace(BINDING_PLAN, orders=600, policies=SPANNING, clients=2, in_flight=64, warm_up=0)
    )

    measured = measure(plan)

    run, recording = measured.run, measured.truth.recording
    assert not plan.has_client_time
    assert (run.unchecked, run.broken) == (None, None)
    assert (run.judgement.checked, run.judgement.wrong, run.failures) == (600, 0, {})
    reasons = Counter(row[1] for rows in recording.rejects.values() for row in rows)
    assert reasons["rate limit exceeded: asset barrier"] == 100
    assert reasons["rate limit exceeded: broker barrier"] == 200
    several = [rows for rows in recording.rejects.values() if len(rows) > 1]
    assert several  # refused by its size, too
    assert run.judgement.checksum == checksum(recording)


def test_where_limits_over_all_accounts_and_of_single_ones_bind_nothing_is_checked() -> None:
    shared = '[rate_limit]\nbroker = {max_orders = 90, window = "100ms"}'
    policies = BINDING.replace("[rate_limit]", shared)
    plan = settled(replace(BINDING_PLAN, orders=600, policies=policies, clients=2, in_flight=64))

    run = measure(plan).run

    assert not plan.has_client_time
    assert run.unchecked is not None
    assert run.unchecked.startswith("limits over all accounts and of single ones bind")
    assert (run.judgement.checked, run.broken, run.figures.orders) == (0, None, 600)


def test_a_killed_worker_denies_its_orders_and_leaves_the_others_alone() -> None:
    run = measure(plan_of(clients=2, kill_at=SECOND, orders=600)).run

    fault = run.fault
    assert fault is not None
    assert (fault.shard, fault.passed_after, run.broken, run.lost) == (0, 0, None, {})
    assert fault.noticed is not None
    assert fault.noticed > 0
    assert fault.denied > 50
    assert run.figures.shards[1].denied == 0


def test_what_cannot_start_is_told_and_leaves_nothing(temporary: Path) -> None:
    with pytest.raises(ChildFailedError, match="ShardStartError"):
        conduct(plan_of(clients=1, custom=("load_policies:CannotTravel",)))
    with pytest.raises(ChildFailedError, match="the server ended early, exit code 7"):
        conduct(plan_of(clients=1, custom=("load_policies:EndsItsProcess",)))

    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("role", ["client", "served"])
def test_a_process_that_dies_in_a_run_ends_it_and_is_named(role: str) -> None:
    killed: list[int] = []

    def kill(_: int) -> None:
        if not killed:
            for pid in children_of(os.getpid()):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if role.encode() in words:
                    killed.append(pid)
                    os.kill(pid, signal.SIGKILL)
                    return

    name = "client 0" if role == "client" else "server"
    with pytest.raises(ChildFailedError, match=f"the {name} ended early, killed by signal 9"):
        conduct(plan_of(clients=2), progress=kill)


# --- a server that is there already --------------------------------------------------------------


def test_a_running_server_is_driven_and_nothing_is_checked(server: tuple[str, int]) -> None:
    path, pid = server

    run = measure(plan_of(clients=2, server=path, policies="", in_flight=64)).run

    assert run.unchecked is not None
    assert run.unchecked.startswith("the server's policies")
    assert (run.judgement.checked, run.broken, run.figures.orders) == (0, None, 400)
    assert [role.role for role in run.roles][-2:] == ["router", "workers"]
    assert Path(f"/proc/{pid}").exists()  # it is nobody's to end


def test_a_running_server_that_goes_away_loses_its_shards(server: tuple[str, int]) -> None:
    path, pid = server
    told: list[str] = []
    ended: list[int] = []

    def end(decided: int) -> None:
        if not ended:
            ended.append(decided)
            os.kill(pid, signal.SIGTERM)

    run = measure(plan_of(clients=1, server=path, policies=""), progress=end, tell=told.append).run

    assert set(run.lost) == {0, 1}
    assert run.invalid is not None
    assert run.invalid.startswith("shard 0 was down ")
    assert len(told) == 2
    assert run.judgement.denied > 0
    assert wait_until(lambda: not Path(path).exists())
