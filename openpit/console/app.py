"""The console as an ASGI application: routes, page, health, metrics, the stream of pictures."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException

from openpit.console import changing, reading
from openpit.console.addresses import HttpNames
from openpit.console.asked import FAILURES, Console, ConsoleInUse, Given, Reading
from openpit.console.failures import HttpFailure, heard
from openpit.console.guard import Guard
from openpit.console.link import ServerLink
from openpit.console.notes import Notes
from openpit.console.past_lines import PastLines
from openpit.console.shapes import Health
from openpit.console.watch import VIEWERS, Watch
from openpit.limits.account_names import NO_NAMES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from openpit.console.past_lines import JournalPlaces
    from openpit.console.tokens import TokenFile
    from openpit.limits.account_names import AccountNames

__all__ = ["make_app", "page", "stream_of"]

METRICS: Final = "openpit.metrics"

DESCRIPTION: Final = """\
What an operator asks of a server of `openpit`, and does to it. Money is decimal text; so are the
numbers of accounts, which may be more than a browser's numbers can hold. A change needs a bearer
token whose role is `admin`, and a reason; it is made in a session called `console:` and the
caller's name."""


def page() -> tuple[bytes, bytes]:
    """Return the page, and the policy by which a browser runs nothing but what stands in it."""
    html = files("openpit.console").joinpath("page.html").read_bytes()
    sources = {"script": [], "style": []}  # type: dict[str, list[str]]
    for kind, found in sources.items():
        for text in re.findall(rf"<{kind}>(.*?)</{kind}>".encode(), html, re.DOTALL):
            digest = base64.b64encode(hashlib.sha256(text).digest()).decode()
            found.append(f"'sha256-{digest}'")
    policy = (
        f"default-src 'none'; script-src {' '.join(sources['script'])}; "
        f"style-src {' '.join(sources['style'])}; connect-src 'self'; img-src data:; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    return html, policy.encode()


def make_app(
    path: str,
    *,
    tokens: TokenFile | None = None,
    names: Sequence[str] = (),
    journal: JournalPlaces | None = None,
    timeout: float = 5.0,
    accounts: AccountNames = NO_NAMES,
) -> Any:
    """Return the console of the server that listens at a path, as an ASGI application.

    Without tokens it changes nothing. ``names`` are those by which it may be called, beside
    addresses and ``localhost``; ``accounts`` what accounts are called.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        link, notes = ServerLink(path, timeout), Notes()
        past = PastLines(journal)
        watch = Watch(link, notes, has_journal=past.has_journal, names=accounts)
        app.state.console = Console(link, watch, notes, past, tokens)
        watch.begin()
        try:
            yield
        finally:
            await watch.end()
            await link.close()

    app = FastAPI(
        title="openpit console",
        version=version("openpit-sharded"),
        description=DESCRIPTION,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.include_router(reading.router)
    app.include_router(changing.router)
    _add_routes(app)
    _add_handlers(app)
    return Guard(app, HttpNames(names))


def _add_routes(app: FastAPI) -> None:
    html, policy = page()

    @app.get("/", include_in_schema=False)
    async def _page() -> Response:
        headers = {"content-security-policy": policy.decode()}
        return Response(html, media_type="text/html; charset=utf-8", headers=headers)

    @app.get("/healthz")
    async def healthz() -> Health:
        """Whether the console answers."""
        return Health(ok=True)

    @app.get("/readyz", responses={503: {"model": Health}})
    async def readyz(console: ConsoleInUse) -> Response:
        """Whether the server answers, and all its shards are up."""
        is_ready, why = await console.link.is_ready()
        health = Health(ok=is_ready, why=why)
        return JSONResponse(health.model_dump(), 200 if is_ready else 503)

    @app.get("/metrics", responses={**FAILURES, 501: FAILURES[503]})
    async def metrics(console: ConsoleInUse, _: Reading) -> Response:
        """The server's metrics, in the text format of OpenMetrics."""
        return await _metrics(console)

    @app.get("/api/v1/events", responses={**FAILURES, 200: _EVENTS})
    async def events(console: ConsoleInUse, _: Reading, given: Given) -> StreamingResponse:
        """What the page shows, once a second, as server-sent events."""
        if console.watch.is_full:
            raise HttpFailure(503, "TooManyViewers", f"{VIEWERS} pages look on already")
        token = "" if given is None else given.credentials
        return StreamingResponse(stream_of(console, token), media_type="text/event-stream")


_EVENTS: Final[dict[str, Any]] = {
    "description": "`event: picture`, its data a JSON object.",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}


async def stream_of(console: Console, token: str) -> AsyncIterator[str]:
    """Yield pictures as events, as long as the token is somebody's, where there are any."""
    async for picture in console.watch.pictures():
        if console.tokens is not None and console.tokens.caller(token) is None:
            return
        yield f"event: picture\ndata: {json.dumps(picture, ensure_ascii=False)}\n\n"


async def _metrics(console: Console) -> Response:
    """Have the metrics' own module tell them, where the package has it and what it needs."""
    try:
        module = import_module(METRICS)
    except ModuleNotFoundError as error:
        text = f"metrics need {error.name}: the extra [metrics] of openpit-sharded"
        raise HttpFailure(501, "NoMetrics", text) from None
    with heard():
        engine = await console.link.engine()
        try:
            collector = module.collector(engine)
        except ImportError as error:
            raise HttpFailure(501, "NoMetrics", str(error)) from None
        text = await collector.text()
    return Response(text, media_type=collector.content_type)


_NAMES: Final = {404: "NotFound", 405: "Method", 408: "TooSlow", 413: "TooLarge"}
"""What the framework refuses, by its status."""


def _add_handlers(app: FastAPI) -> None:
    @app.exception_handler(HttpFailure)
    async def _failed(_: Request, error: HttpFailure) -> JSONResponse:
        headers = {"www-authenticate": "Bearer"} if error.status == 401 else None  # noqa: PLR2004 - as HTTP has it
        return JSONResponse({"error": error.error, "text": error.text}, error.status, headers)

    @app.exception_handler(RequestValidationError)
    async def _wrong(_: Request, error: RequestValidationError) -> JSONResponse:
        texts = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:8]]
        return JSONResponse({"error": "Request", "text": "; ".join(texts)}, 422)

    @app.exception_handler(HTTPException)
    async def _refused(_: Request, error: HTTPException) -> JSONResponse:
        name = _NAMES.get(error.status_code, "Http")
        told = {"error": name, "text": str(error.detail)}
        return JSONResponse(told, error.status_code, error.headers)
