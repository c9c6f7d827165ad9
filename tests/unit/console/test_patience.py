"""How long a console waits for who has connected, and sends nothing, or not all."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from openpit.console import guard, patience
from openpit.console.addresses import HttpNames, http_address, listening
from openpit.console.guard import Guard
from openpit.console.running import _Uvicorn, config_of

pytestmark = pytest.mark.one_python

WAITED = 0.2
"""Seconds that a console waits here."""

HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def slow(scope: Any, receive: Any, send: Any) -> None:
    """An application that takes longer to answer than a console waits for a request."""
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
    await receive()
    await asyncio.sleep(2 * WAITED)
    headers = [(b"content-length", b"4")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"done"})


async def said_to(*sent: bytes) -> bytes:
    """What a console says to these bytes until it closes the connection."""
    with listening(http_address("127.0.0.1:0")) as socket:
        server = _Uvicorn(config_of(slow), bool, has_lifeline=False)
        serving = asyncio.create_task(server.serve(sockets=[socket]))
        reader, writer = await asyncio.open_connection(*socket.getsockname())
        for one in sent:
            writer.write(one)
        said = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        server.should_exit = True
        await serving
    return said


@pytest.mark.parametrize("sent", [b"", HEAD[:20]], ids=["nothing", "half a head"])
def test_who_sends_no_request_leaves_its_place(
    monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", WAITED)
    assert asyncio.run(said_to(sent)) == b""


def test_an_answer_may_take_longer_and_half_a_request_after_it_may_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", WAITED)
    said = asyncio.run(said_to(HEAD, HEAD[:20]))
    assert said.startswith(b"HTTP/1.1 200 OK")
    assert said.endswith(b"done")


def test_a_body_has_its_time_and_what_comes_after_it_has_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guard, "BODY_SECONDS", WAITED)
    came: list[object] = []

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        while True:
            try:
                came.append((await receive())["type"])
            except Exception as error:  # noqa: BLE001 - told below
                came.append(error)
                return

    async def ask(*bodies: bytes) -> None:
        messages = [
            {"type": "http.request", "body": body, "more_body": body == b"half"} for body in bodies
        ]

        async def receive() -> Any:
            if messages:
                return messages.pop(0)
            await asyncio.sleep(3 * WAITED)
            raise ConnectionError("gone")

        scope = {"type": "http", "method": "GET", "headers": [(b"host", b"localhost")]}
        await Guard(app, HttpNames())(scope, receive, lambda _: asyncio.sleep(0))

    asyncio.run(ask(b"half"))
    assert came[0] == "http.request"
    assert getattr(came[1], "status_code", None) == 408
    came.clear()
    asyncio.run(ask(b"whole"))
    assert came[0] == "http.request"
    assert isinstance(came[1], ConnectionError)
