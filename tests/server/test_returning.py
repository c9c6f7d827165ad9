"""A server that goes away under its clients, and one that comes back at the same path."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import tempfile
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from flow import account, buy, report

import openpit
from openpit.errors import OutcomeUnknown, ServerRefused, ShardDown, SomeItemsFailed
from openpit.wire.frames import FrameReader
from openpit.wire.sessions import bye_frame, hello_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS = 30


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_program_goes_on_with_the_server_that_comes_back(serve: Callable[..., Any]) -> None:
    server = serve(shards=2)
    with openpit.connect(server.path) as engine:
        accounts = engine.accounts()
        held, kept = (engine.execute_pre_trade(buy(7, "1")).reservation for _ in range(2))
        request = engine.start_pre_trade(buy(None, "1")).request
        server.stop(signal.SIGKILL)
        (reject,) = engine.execute_pre_trade(buy(7)).rejects
        assert (reject.code, reject.policy) == ("SystemUnavailable", "Router")
        assert reject.details == f"shard {engine.shard_of(account(7))}: the server has gone"
        with pytest.raises(ShardDown, match="the server has gone"):
            accounts.register_group([account(1), account(2)], 7)
        # What it has tried in vain is said, too.
        until(lambda: "no server listens at" in engine.execute_pre_trade(buy(7)).rejects[0].details)

        serve(shards=1, path=server.path)
        until(lambda: engine.execute_pre_trade(buy(7, "1")).ok)
        assert engine.shards == 1
        assert [one.state for one in engine.stats()] == ["up"]
        # The new server's first orders have the numbers that the old one's had: none is touched.
        mine = [engine.execute_pre_trade(buy(number, "1")).reservation for number in range(1, 4)]
        with pytest.raises(ShardDown, match=r"has gone; this is of the session before$"):
            held.commit()
        with pytest.raises(SomeItemsFailed) as failed:
            engine.rollback_many([kept])
        assert isinstance(failed.value.failures[0], ShardDown)
        (reject,) = request.execute().rejects
        assert "the server has gone" in reject.details
        engine.commit_many(mine)
        accounts.register_group([account(1), account(2)], 7)
        assert engine.accounts().group_of(account(2)).value == 7


def test_a_loop_finds_its_server_without_being_asked(serve: Callable[..., Any]) -> None:
    server = serve(shards=1)

    async def trade() -> tuple[bool, str]:
        async with await openpit.connect_async(server.path, name="loop") as engine:
            held = await engine.execute_pre_trade(buy(7, "1"))
            server.stop()
            while (await engine.execute_pre_trade(buy(7, "1"))).ok:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.01)
            serve(shards=1, path=server.path)
            assert held.reservation is not None
            async with asyncio.timeout(SECONDS):
                while [one.state for one in engine.stats()] != ["up"]:  # noqa: ASYNC110 - no event tells
                    await asyncio.sleep(0.01)
            found = await engine.execute_pre_trade(buy(7, "1"))
            try:
                await held.reservation.commit()
            except ShardDown as error:
                return found.ok, str(error)
            return found.ok, ""

    is_ok, why = asyncio.run(trade())
    assert is_ok
    ended = "shard 0 is down: the server has ended the session: the server ends"
    assert why == f"{ended}; this is of the session before"


def test_what_was_in_flight_is_not_known(serve: Callable[..., Any]) -> None:
    server = serve(shards=1)
    with openpit.connect(server.path) as engine:
        found: list[BaseException | Any] = []

        def fill() -> None:
            try:
                found.append(engine.apply_execution_report(report(7)))
            except OutcomeUnknown as error:
                found.append(error)

        def trade() -> None:
            found.append(engine.execute_pre_trade(buy(8)))

        os.kill(server.process.pid, signal.SIGSTOP)
        threads = [threading.Thread(target=each) for each in (fill, trade)]
        for thread in threads:
            thread.start()
        until(lambda: engine.stats()[0].in_flight == 2)
        server.stop(signal.SIGKILL)
        for thread in threads:
            thread.join(SECONDS)
        unknown, denied = sorted(found, key=lambda one: not isinstance(one, OutcomeUnknown))
        assert str(unknown) == (
            "shard 0: the server has gone; the call may or may not have been applied"
        )
        assert [reject.details for reject in denied.rejects] == ["shard 0: the server has gone"]


def test_an_interrupt_on_the_way_to_a_new_session_is_made_up_for(
    serve: Callable[..., Any],
) -> None:
    server = serve(shards=1)
    with openpit.connect(server.path) as engine:
        server.stop(signal.SIGKILL)
        assert not engine.execute_pre_trade(buy(7)).ok
        serve(shards=1, path=server.path)
        driver: Any = engine._driver
        renew, raised = driver._renew, []

        def interrupted(engine: object) -> None:
            if not raised:
                raised.append(True)
                raise InterruptedError
            renew(engine)

        driver._renew = interrupted
        with pytest.raises(InterruptedError):
            until(lambda: engine.execute_pre_trade(buy(7, "1")).ok)
        until(lambda: engine.execute_pre_trade(buy(7, "1")).ok)
        assert [one.state for one in engine.stats()] == ["up"]


def test_an_engine_that_is_closed_looks_for_nothing(serve: Callable[..., Any]) -> None:
    server = serve(shards=1)
    engine = openpit.connect(server.path)
    server.stop(signal.SIGKILL)
    assert not engine.execute_pre_trade(buy(7)).ok
    engine.close()
    engine.close()
    serve(shards=1, path=server.path)
    with pytest.raises(openpit.EngineClosed):
        engine.execute_pre_trade(buy(7))


# --- servers that say no -------------------------------------------------------------------------


class Refusing:
    """What listens where a server should, and answers every first frame with the same bytes."""

    def __init__(self, listening: socket.socket) -> None:
        self.path = str(listening.getsockname())
        self.answer = b""
        self.names: list[str | None] = []
        self._listening = listening
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            with connection:
                frames = FrameReader().feed(connection.recv(4096))
                if not frames:
                    return
                self.names += map(hello_in, frames)
                connection.sendall(self.answer)

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(self.path)
        self._thread.join(SECONDS)
        self._listening.close()


@pytest.fixture
def refusing() -> Iterator[Refusing]:
    with tempfile.TemporaryDirectory(prefix="openpit-") as folder:
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind(f"{folder}/s")
        listening.listen()
        server = Refusing(listening)
        yield server
        server.close()


NO = [
    ("version", bye_frame("version", "this server speaks version 3"), "speaks version 3"),
    ("user", bye_frame("user", "user 7 may not connect"), "user 7 may not"),
    ("full", bye_frame("full", "there are 64 sessions already"), "64 sessions"),
    ("malformed", b"HTTP/1.1 400 Bad Request\r\n\r\n" * 2, "is no server"),
    ("closed", b"", "has closed the connection"),
]


@pytest.mark.parametrize(("reason", "answer", "text"), NO, ids=[reason for reason, *_ in NO])
def test_a_server_that_does_not_want_it_says_why(
    refusing: Refusing, reason: str, answer: bytes, text: str
) -> None:
    refusing.answer = answer
    with pytest.raises(ServerRefused, match=text) as blocking:
        openpit.connect(refusing.path, name="desk")
    with pytest.raises(ServerRefused, match=text) as looping:
        asyncio.run(openpit.connect_async(refusing.path))
    assert blocking.value.reason == looping.value.reason == reason
    assert refusing.names == ["desk", None]
