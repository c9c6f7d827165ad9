"""Helper processes hold copies of what they were given: no death is hidden by that."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from fault_helpers import Helped
from fault_hosts import PROMPT, denial_of, on_every_loop
from fault_programs import ASYNCIO, BLOCKING, Script
from fault_traces import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from fault_hosts import Host


@on_every_loop
@pytest.mark.parametrize("way", ["SYSTEM", "POPEN", "FORK", "HOLDS"])
def test_the_death_of_a_worker_that_started_helpers_is_seen_at_once(
    host: Host, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.build(Helped(), timeout=10.0)
    ours = host.account_of(0)
    assert host.execute(ours, way)
    host.kill(0)

    since = time.monotonic()
    denied = host.execute(ours)
    assert denial_of(denied)[3] == "shard 0: its worker was killed by signal 9"
    host.ask(lambda e: e.close())
    assert time.monotonic() - since < PROMPT


def test_a_death_is_seen_where_no_descriptor_tells_of_it(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("os.pidfd_open")
    host.build(Helped(), timeout=10.0)
    ours = host.account_of(0)
    assert host.execute(ours, "HOLDS")
    host.kill(0)

    since = time.monotonic()
    assert denial_of(host.execute(ours))[3] == "shard 0: its worker was killed by signal 9"
    assert time.monotonic() - since < PROMPT


def test_a_forked_copy_that_comes_back_answers_nothing(host: Host) -> None:
    host.build(Helped())
    ours = host.account_of(0)
    for _ in range(5):
        assert host.execute(ours, "RETURNS")
        assert host.execute(ours)
    assert host.stats(0).state == "up"
    assert host.stats(0).sent == host.stats(0).answered


@pytest.mark.parametrize("body", [BLOCKING, ASYNCIO], ids=["blocking", "asyncio"])
def test_workers_end_with_a_caller_whose_helpers_go_on(tmp_path: Path, body: str) -> None:
    # A helper that the program forked by hand, past Python: it holds the ends of all pipes.
    then = """
        import ctypes
        if ctypes.CDLL(None).fork() == 0:
            ctypes.CDLL(None).sleep(8)
            os._exit(0)
        ready()
        os.kill(os.getpid(), signal.SIGKILL)
    """
    with Script(tmp_path, body, then) as program:
        program.process.wait(20)
        assert eventually(lambda: len(program.others()) <= 1, 6.0), program.others()
        assert program.journal.read_text() == "rollback-1\n"


@pytest.mark.parametrize("body", [BLOCKING, ASYNCIO], ids=["blocking", "asyncio"])
def test_a_hook_that_was_there_before_the_engine_finds_it_closed(tmp_path: Path, body: str) -> None:
    head = """
import atexit, tempfile
from openpit.errors import EngineClosed

held = []

def hook():
    if not held:  # a worker's, which has imported this module, too
        return
    files = [tempfile.TemporaryFile() for _ in range(20)]
    engine, kept = held
    calls = [
        lambda: engine.execute_pre_trade(order=an_order(1)),
        lambda: engine.execute_pre_trade_many([an_order(1)]),
        lambda: engine.accounts().unblock_all(),
        lambda: kept.commit(),
    ]
    for call in calls:
        try:
            answer = call()
            if hasattr(answer, "send"):
                asyncio.run(answer)
            print("answered")
        except EngineClosed:
            pass
    if {{stats.state for stats in engine.stats()}} != {{"closed"}}:
        print("open")
    if any(os.fstat(file.fileno()).st_size for file in files):
        print("written to a stranger's file")

atexit.register(hook)
"""
    with Script(tmp_path, head + body, "held.extend((engine, kept))") as program:
        assert program.end() == (0, "", "")
        program.assert_nothing_is_left()
