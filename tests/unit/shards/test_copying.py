"""What a copy of a policy is made of, and what is refused, by its path."""

from __future__ import annotations

import asyncio
import functools
import importlib
import io
import logging
import multiprocessing
import os
import socket
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing import shared_memory
from types import ModuleType
from typing import TYPE_CHECKING, Any

import multiprocess
import pytest
import uvloop
from link import link
from makers import order

import openpit
from openpit.client.handles import BLOCKING
from openpit.engine.custom import CustomPolicy
from openpit.errors import ShardStartError
from openpit.faces.embedded import Engine
from openpit.pretrade import Policy
from openpit.pretrade.policies import build_order_validation
from openpit.shards import copying
from openpit.shards.copying import PolicyUnpickler, dump_policies

if TYPE_CHECKING:
    from pathlib import Path


class Limits(Policy):
    name = "Limits"

    def __init__(self, held: object) -> None:
        self.held = held


def refusal(held: object) -> str:
    with pytest.raises(ShardStartError) as refused:
        dump_policies([CustomPolicy(Limits(held))])
    return str(refused.value).removeprefix("a policy cannot be copied into a worker: ")


def copied(held: object) -> Any:
    payload, _, _ = dump_policies([CustomPolicy(Limits(held))])
    reader = PolicyUnpickler(io.BytesIO(payload))
    *_, policies = [reader.load() for _ in range(5)]
    return policies[0]._policy.held


def test_a_file_is_refused_and_keeps_what_is_in_it(tmp_path: Path) -> None:
    with (tmp_path / "trail").open("w") as trail:
        trail.write("trade 1\n")
        trail.flush()
        assert refusal({"trail": [0, trail]}).startswith('Limits.held["trail"][1]: TypeError: ')
        assert (tmp_path / "trail").read_text() == "trade 1\n"


def test_what_stays_in_its_process_is_refused_by_its_path() -> None:
    held = threading.Lock()
    with socket.socket() as end, held:
        assert refusal((1, end)).startswith("Limits.held[1]: TypeError: socket.socket")
        assert refusal(Limits(held)).startswith("Limits.held.held: TypeError: a lock that is held")
    book = sqlite3.connect(":memory:")
    assert refusal([[book]]).startswith("Limits.held[0][0]: TypeError: cannot pickle")
    book.close()


def test_engines_their_handles_and_what_is_behind_them_are_refused() -> None:
    one = openpit.Engine.builder().no_sync().builtin(build_order_validation()).build()
    many = link(openpit.Engine.builder().sharded(shards=2).builtin(build_order_validation()))
    reservation = many.execute_pre_trade(order(1)).reservation
    held = (one, many, many.accounts(), many.configure(), reservation, many._router, BLOCKING)
    for thing in (*held, one.execute_pre_trade(order(1)).reservation):
        assert "an engine, its builder and its handles stay in their process" in refusal(
            {"feed": thing}
        ), thing
    for name in ("faces.blocking.driver.BlockingDriver", "faces.aio.driver.AsyncDriver"):
        module, _, kind = f"openpit.{name}".rpartition(".")
        driver = object.__new__(getattr(importlib.import_module(module), kind))
        assert "an engine, its builder and its handles stay in their process" in refusal(driver)


def test_a_module_that_no_worker_can_import_is_refused_by_its_name() -> None:
    assert "a worker cannot import the module 'made_by_hand'" in refusal(ModuleType("made_by_hand"))


def test_streams_loggers_and_modules_are_found_by_name() -> None:
    log = logging.getLogger("desk.limits")
    stream, logger, module = copied([sys.stdout, log, threading])
    assert stream is sys.stdout
    assert logger is log
    assert module is threading


def test_a_free_lock_becomes_a_new_one() -> None:
    lock = threading.Lock()
    other = copied(lock)
    assert other is not lock
    assert other.acquire(blocking=False)
    assert not lock.locked()


def test_a_recursive_lock_and_a_condition_that_nobody_holds_can_be_had() -> None:
    lock, condition = copied((threading.RLock(), threading.Condition()))

    assert lock.acquire(blocking=False)
    assert condition.acquire(blocking=False)


UNSET = object()


class Terms:
    NONE = object()


@functools.lru_cache
def doubled(value: int) -> int:
    return value * 2


def test_what_has_no_state_is_the_one_that_its_module_names() -> None:
    unnamed = object()

    held = copied((UNSET, Terms.NONE, unnamed, [unnamed]))

    assert held[0] is UNSET
    assert held[1] is Terms.NONE
    assert type(held[2]) is object
    assert held[2] is not unnamed
    assert held[3] == [held[2]]


def test_a_function_with_a_cache_and_the_environment_go_by_name() -> None:
    held = copied((doubled, os.environ, sys.modules))

    assert held[0] is doubled
    assert held[1] is os.environ
    assert held[2] is sys.modules


def test_texts_in_memory_are_copied() -> None:
    text, data = copied((io.StringIO("book"), io.BytesIO(b"book")))

    assert (text.getvalue(), data.getvalue()) == ("book", b"book")


def test_descriptors_of_other_processes_and_shared_memory_are_refused() -> None:
    for context in (multiprocessing, multiprocess):
        ends = context.Pipe()
        assert "a connection's descriptor stays in its process" in refusal(ends)
        for end in ends:
            end.close()
    shared = shared_memory.SharedMemory(create=True, size=16)
    try:
        assert refusal(shared).startswith(
            "Limits.held: TypeError: multiprocessing.shared_memory.SharedMemory cannot be copied"
        )
    finally:
        shared.close()
        shared.unlink()


def test_what_is_yet_to_come_and_who_brings_it_are_refused() -> None:
    loops = asyncio.new_event_loop(), uvloop.new_event_loop()
    try:
        held = (
            *loops,
            loops[0].create_future(),
            asyncio.futures._PyFuture(loop=loops[0]),
            Future(),
        )
        with ThreadPoolExecutor() as pool:
            for one in (*held, pool):
                assert "it works in its process alone" in refusal(one)
    finally:
        for loop in loops:
            loop.close()


def test_a_worker_imports_no_event_loop_and_no_openssl() -> None:
    told = "import sys, openpit.shards.worker; print({'asyncio', '_hashlib'} & {*sys.modules})"

    done = subprocess.run([sys.executable, "-c", told], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"


def test_builders_are_refused() -> None:
    assert "Limits.held: TypeError: openpit.EngineBuilder" in refusal(Engine.builder())


def test_closures_and_partials_are_copied() -> None:
    factor = 3
    times, half = copied([lambda number: number * factor, functools.partial(divmod, 7)])
    assert times(2) == 6
    assert half(2) == (3, 1)


def test_a_policy_that_fills_more_than_the_first_frame_is_refused_with_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(copying, "START_BYTES", 1_000_000)
    assert copied(bytes(850_000)) == bytes(850_000)
    text = refusal(bytes(940_000))
    assert text.startswith("Limits takes 940,")
    assert "the limit is 934,464" in text
