"""What every request has to be before the console looks at it, and what every answer says.

No page of another site may ask anything: not by its own name for this machine (the host is
checked), not by a form (a change is JSON, and comes from the console's own page or from no page),
and not in a frame. There are no cookies, so a browser gives nobody's rights away by itself.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from openpit.console.addresses import HttpNames

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

__all__ = ["BODY_BYTES", "Guard"]

BODY_BYTES: Final = 1024 * 1024
"""Largest body of a request: limits of ten thousand accounts."""

BODY_SECONDS: Final = 10.0
"""How long a body may take to come."""

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})

HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"cache-control", b"no-store"),
)

_NOTHING: Final = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")


class Guard:
    """An ASGI application around the console's."""

    def __init__(self, app: App, names: HttpNames) -> None:
        self._app: Final = app
        self._names: Final = names

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def say(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(each for each in (*HEADERS, _NOTHING) if each[0] not in own),
                ]
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await _refuse(say, *refusal)
            return
        await self._app(scope, _limited(receive), say)

    def _refusal(self, scope: MutableMapping[str, Any]) -> tuple[int, str, str] | None:
        headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.lower(), []).append(value)
        hosts = headers.get(b"host", [])
        if len(hosts) != 1 or not self._names.has(host := hosts[0].decode("latin-1")):
            text = (
                "the console is not called that: an address, localhost or a --http-name is expected"
            )
            return 403, "Host", text
        length = headers.get(b"content-length", [b"0"])[0]
        if length.isdigit() and int(length) > BODY_BYTES:
            return _TOO_LARGE
        if scope["method"] in _SAFE:
            return None
        origin = headers.get(b"origin")
        site = headers.get(b"sec-fetch-site", [b"same-origin"])[0]
        is_ours = origin is None or origin[0].decode("latin-1").partition("://")[2] == host
        if not is_ours or site not in {b"same-origin", b"none"}:
            return 403, "Origin", "a page of another site asks for a change"
        kind = headers.get(b"content-type", [b""])[0].partition(b";")[0].strip().lower()
        if kind != b"application/json":
            return 415, "ContentType", "a change is sent as application/json"
        return None


_TOO_LARGE: Final = (413, "TooLarge", f"a request has {BODY_BYTES} bytes at most")

_TOO_SLOW: Final = (408, f"a request takes {BODY_SECONDS:g} s at most to come")


def _limited(receive: Receive) -> Receive:
    read = 0
    due: float | None = asyncio.get_running_loop().time() + BODY_SECONDS

    async def limited() -> Message:
        nonlocal read, due
        try:
            async with asyncio.timeout_at(due):
                message = await receive()
        except TimeoutError:
            raise HTTPException(_TOO_SLOW[0], _TOO_SLOW[1]) from None
        read += len(message.get("body", b""))
        if read > BODY_BYTES:
            raise HTTPException(_TOO_LARGE[0], _TOO_LARGE[2])  # as the framework takes it
        if not message.get("more_body"):
            due = None  # what comes then is that the caller has gone
        return message

    return limited


async def _refuse(send: Send, status: int, error: str, text: str) -> None:
    body = json.dumps({"error": error, "text": text}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
