"""``openpit replay`` when its workers die, and when it dies itself."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from typing import TYPE_CHECKING

import pytest
from fault_hosts import PROMPT
from fault_programs import Program
from fault_traces import eventually

from openpit.cli.exits import Exit
from openpit.cli.flows import dump
from openpit.cli.generate import generate

if TYPE_CHECKING:
    from pathlib import Path

ORDERS = 60_000


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("flow") / "flow.jsonl"
    path.write_text("".join(map(dump, generate(orders=ORDERS, accounts=500, seed=1))))
    return path


class Replay(Program):
    """A replay over two shards that has begun to decide."""

    def __init__(self, folder: Path, flow: Path) -> None:
        self.out = folder / "decisions.jsonl.part"  # its name until it is whole
        super().__init__(
            folder,
            *("-m", "openpit.cli", "replay", str(flow)),
            *("--shards", "2", "--out", str(folder / "decisions.jsonl")),
        )

    def deciding(self) -> list[int]:
        """Wait until it decides; return its workers in the order of their shards."""
        assert eventually(lambda: self.out.exists() and self.out.stat().st_size, 20.0), self.end()
        return list(self.others())

    def decisions(self) -> int:
        """How many decisions it wrote; every line is whole."""
        return len([json.loads(line) for line in self.out.read_text().splitlines()])


@pytest.mark.parametrize("killed", [[0], [1], [0, 1]], ids=["shard 0", "shard 1", "both"])
def test_workers_are_killed(tmp_path: Path, flow: Path, killed: list[int]) -> None:
    with Replay(tmp_path, flow) as replay:
        workers = replay.deciding()
        since = time.monotonic()
        for shard in killed:
            os.kill(workers[shard], signal.SIGKILL)

        code, out, err = replay.end()

        # The calls end at once with the death; the report and the interpreter's end follow.
        assert time.monotonic() - since < 2 * PROMPT
        assert code == Exit.SHARD_DIED
        died = [shard for shard in (0, 1) if f"shard {shard} (died)" in out]
        assert died
        assert set(died) <= set(killed)  # the first to be noticed ends the replay
        for shard in died:
            # What was in flight tells of it, or what was to be sent next.
            told = rf"shard {shard}(?: is down)?: its worker was killed by signal 9"
            assert re.search(f"died: {told}", out)
            assert re.search(f"Error: replay stopped: {told}", err) or len(died) > 1
        assert "Error: replay stopped: shard " in err
        assert "Traceback" not in err
        assert 0 < replay.decisions() < ORDERS
        replay.assert_nothing_is_left()


def test_the_replay_is_killed(tmp_path: Path, flow: Path) -> None:
    with Replay(tmp_path, flow) as replay:
        assert len(replay.deciding()) == 2

        replay.process.send_signal(signal.SIGKILL)

        code, _, err = replay.end()
        assert code == -signal.SIGKILL
        assert "Traceback" not in err
        replay.assert_nothing_is_left()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt(tmp_path: Path, flow: Path, number: int) -> None:
    with Replay(tmp_path, flow) as replay:
        replay.deciding()

        replay.process.send_signal(number)

        code, out, err = replay.end()
        assert code == Exit.INTERRUPTED
        assert "died" not in out  # the shards are none the worse for it
        assert "Error: interrupted" in err
        assert "Traceback" not in err
        assert 0 < replay.decisions() < ORDERS
        replay.assert_nothing_is_left()
