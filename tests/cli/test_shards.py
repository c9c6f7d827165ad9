"""The commands over worker processes: the same decisions, and what happens when processes die."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from openpit.cli import main
from openpit.cli.events import OrderPlaced
from openpit.cli.exits import Exit
from openpit.cli.flows import dump
from openpit.cli.generate import generate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
MARK = "OPENPIT_TEST_RUN"

# Windows that every account's orders fill up together, so that shards cannot decide on their own.
LIMITS = """
[order_validation]
[rate_limit]
broker = {max_orders = 320, window = "30ms"}
[[rate_limit.asset]]
settlement_asset = "USD"
max_orders = 290
window = "31ms"
[[rate_limit.account]]
account = 1
max_orders = 5
window = "9ms"
[order_size_limit]
broker = {max_quantity = "300", max_notional = "5000000"}
[pnl_bounds_killswitch]
[[pnl_bounds_killswitch.broker]]
settlement_asset = "USD"
lower_bound = "-20"
"""


def decisions(folder: Path, flow: Path, *options: object, limits_toml: str = LIMITS) -> bytes:
    out = folder / "decisions.jsonl"
    limits = folder / "limits.toml"
    limits.write_text(limits_toml)
    result = CliRunner().invoke(
        main, [str(word) for word in ("replay", flow, "--config", limits, "--out", out, *options)]
    )
    assert (result.exit_code, result.stderr) == (Exit.OK, "")
    return out.read_bytes()


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("flow") / "flow.jsonl"
    path.write_text("".join(map(dump, generate(orders=3_000, accounts=60, seed=5))))
    return path


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, flow: Path) -> bytes:
    found = decisions(tmp_path_factory.mktemp("expected"), flow, "--shards", 0)
    for reason in (b"broker barrier", b"asset barrier", b"account barrier", b"kill switch"):
        assert reason in found, reason
    return found


@pytest.mark.one_python
@pytest.mark.parametrize("shards", [1, 2, 3, 5])
@pytest.mark.parametrize("batch", [3, 1024])
def test_decisions_depend_neither_on_shards_nor_on_batches(
    tmp_path: Path, flow: Path, expected: bytes, shards: int, batch: int
) -> None:
    assert decisions(tmp_path, flow, "--shards", shards, "--batch", batch) == expected


# Six orders of all accounts together in a second; accounts 1 and 2, and all that trade in EUR, are
# outside their bounds before they have traded.
OUTSIDE = """
[order_validation]
[rate_limit.broker]
max_orders = 6
window = "1s"
[[pnl_bounds_killswitch.account]]
account = 1
settlement_asset = "USD"
lower_bound = "-500"
initial_pnl = "-600"
[[pnl_bounds_killswitch.account]]
account = 2
settlement_asset = "USD"
lower_bound = "5"
[[pnl_bounds_killswitch.broker]]
settlement_asset = "EUR"
upper_bound = "-1"
[[pnl_bounds_killswitch.broker]]
settlement_asset = "USD"
lower_bound = "-10"
"""


@pytest.mark.parametrize("batch", [1, 1024])
@pytest.mark.parametrize("shards", [0, 2])
def test_accounts_that_start_outside_their_bounds_use_up_no_limit_of_all(
    tmp_path: Path, shards: int, batch: int
) -> None:
    flow = tmp_path / "flow.jsonl"

    rows = [*[(1, "USD", 1)] * 4, (3, "USD", 1), *[(2, "USD", 1)] * 3]
    rows += [*[(4, "EUR", 1)] * 2, (4, "USD", 1), *[(5, "USD", 1)] * 3]
    flow.write_text(
        "".join(
            dump(OrderPlaced(key, account, "X", currency, "BUY", quantity, None, 1))
            for key, (account, currency, quantity) in enumerate(rows, start=1)
        )
    )

    found = decisions(tmp_path, flow, "--shards", shards, "--batch", batch, limits_toml=OUTSIDE)

    codes = [
        [reject["code"] for reject in json.loads(line)["rejects"]] for line in found.splitlines()
    ]
    blocks = ["PnlKillSwitchTriggered"], ["AccountBlocked"], ["AccountBlocked"]
    assert codes == [
        *(*blocks, ["AccountBlocked"]),  # account 1
        [],  # account 3
        *blocks,  # account 2
        *blocks,  # account 4
        # Account 5: of the orders before, only four count.
        *([], [], ["RateLimitExceeded"]),
    ]


# --- processes that die --------------------------------------------------------------------------


class Run:
    """A replay that is fed through its stdin, and the processes that belong to it."""

    def __init__(self) -> None:
        self._mark = uuid.uuid4().hex
        self.process = subprocess.Popen(
            [sys.executable, "-m", "openpit.cli", "replay", "-", "--shards", "2"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {MARK: self._mark, "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )

    def feed(self, lines: list[str]) -> None:
        """Write lines, more than a pipe holds: on return, the engine is up and deciding."""
        assert self.process.stdin is not None
        self.process.stdin.write("".join(lines).encode())
        self.process.stdin.flush()

    def end(self) -> tuple[str, str]:
        out, err = self.process.communicate(timeout=30)
        return out.decode(), err.decode()

    def workers(self) -> list[int]:
        """Return the processes of this run but its main one, whoever is their parent now."""
        wanted = f"{MARK}={self._mark}".encode()
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and int(folder.name) != self.process.pid:
                try:
                    environment = (folder / "environ").read_bytes()
                    command = (folder / "cmdline").read_bytes()
                except OSError:
                    continue  # it has just ended, or is not ours to read
                if wanted in environment.split(b"\0") and b"spawn_main" in command:
                    found.append(int(folder.name))
        return sorted(found)


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Ask until it holds; the time is a limit, not a wait."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture
def run() -> Iterator[Run]:
    started = Run()
    try:
        yield started
    finally:
        started.process.kill()
        started.process.wait()
        for pipe in (started.process.stdin, started.process.stdout, started.process.stderr):
            if pipe is not None and not pipe.closed:
                pipe.close()
        left = started.workers()
        assert eventually(lambda: not started.workers()), f"left behind: {left}"


LINES = [dump(event) for event in generate(orders=4_000, accounts=500, seed=1)]

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds processes in /proc")


def test_a_killed_worker_ends_the_replay_which_names_its_shard(run: Run) -> None:
    run.feed(LINES[:2_000])
    assert eventually(lambda: len(run.workers()) == 2)
    first, _ = run.workers()
    os.kill(first, signal.SIGKILL)
    killed = time.monotonic()
    with contextlib.suppress(BrokenPipeError):  # if it ended before it had read everything
        run.feed(LINES[2_000:])

    out, err = run.end()

    assert time.monotonic() - killed < 10
    assert run.process.returncode == Exit.SHARD_DIED
    assert "died: shard " in out
    assert "(died)" in out
    assert "signal 9" in out
    assert "Error: replay stopped: shard " in err
    assert "Traceback" not in err
    assert run.workers() == []


@pytest.mark.parametrize("count", [1, 2])
def test_stopped_workers_end_the_replay_which_names_their_shards(run: Run, count: int) -> None:
    run.feed(LINES[:2_000])
    assert eventually(lambda: len(run.workers()) == 2)
    for worker in run.workers()[:count]:
        os.kill(worker, signal.SIGSTOP)
    stopped = time.monotonic()
    with contextlib.suppress(BrokenPipeError):  # if it ended before it had read everything
        run.feed(LINES[2_000:])

    out, err = run.end()

    assert time.monotonic() - stopped < 25  # docs/cli.md says 15
    assert run.process.returncode == Exit.SHARD_DIED
    assert "(died)" in out
    assert "Error: replay stopped: shard " in err
    assert err.count(" is stalled: no answer within 5 s") == count
    assert "Traceback" not in err
    assert run.workers() == []


def test_killing_the_replay_leaves_no_worker(run: Run) -> None:
    run.feed(LINES)
    assert eventually(lambda: len(run.workers()) == 2)

    run.process.kill()
    run.process.wait()

    assert eventually(lambda: run.workers() == [])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_end_ends_the_replay_with_its_report(run: Run, number: signal.Signals) -> None:
    run.feed(LINES)
    assert eventually(lambda: len(run.workers()) == 2)

    run.process.send_signal(number)
    out, err = run.end()

    assert run.process.returncode == Exit.INTERRUPTED
    assert "total" in out
    assert f"Error: interrupted by {number.name}" in err
    assert "Traceback" not in err
    assert run.workers() == []


def test_an_interrupt_ends_the_replay_with_its_report(run: Run) -> None:
    run.feed(LINES)
    assert eventually(lambda: len(run.workers()) == 2)

    os.killpg(run.process.pid, signal.SIGINT)  # as the terminal does
    out, err = run.end()

    assert run.process.returncode == Exit.INTERRUPTED
    assert "total" in out
    assert "Error: interrupted" in err
    assert "Traceback" not in err
    assert run.workers() == []
