"""Who asks, and what of the console answers: what every route begins with."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import Depends, Path, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from openpit.console.failures import HttpFailure
from openpit.console.shapes import ACCOUNT_NAME, Failure
from openpit.console.tokens import ANYBODY, Caller
from openpit.limits.reading import loads
from openpit.limits.tables import ConfigError, Table
from openpit.param.ids import AccountId
from openpit.wire.roles import Role, role_name

if TYPE_CHECKING:
    from openpit.console.link import ServerLink
    from openpit.console.notes import Notes
    from openpit.console.past_lines import PastLines
    from openpit.console.tokens import TokenFile
    from openpit.console.watch import Watch
    from openpit.limits.reading import Policies

__all__ = [
    "FAILURES",
    "AccountInPath",
    "Administering",
    "Console",
    "ConsoleInUse",
    "Given",
    "Reading",
    "Trading",
    "account_of",
]


class Console:
    """What the routes answer with."""

    def __init__(
        self,
        link: ServerLink,
        watch: Watch,
        notes: Notes,
        past: PastLines,
        tokens: TokenFile | None,
    ) -> None:
        self.link: Final = link
        self.watch: Final = watch
        self.notes: Final = notes
        self.past: Final = past
        self.tokens: Final = tokens
        self._reading: Final = asyncio.Lock()

    async def policies_in(self, toml: str) -> Policies:
        """Return the policies of a limits file's text: one at a time, while others are answered.

        Raises:
            ConfigError: the text is wrong.
        """
        async with self._reading:
            return await asyncio.to_thread(loads, toml)


def console_in_use(request: Request) -> Console:
    """Return the console of a request's application."""
    found: Console = request.app.state.console
    return found


_BEARER: Final = HTTPBearer(auto_error=False, description="A token of the file --http-tokens.")


Given = Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]


def _caller(console: Annotated[Console, Depends(console_in_use)], given: Given) -> Caller:
    if console.tokens is None:
        return ANYBODY
    caller = None if given is None else console.tokens.caller(given.credentials)
    if caller is None:
        text = (
            "a token is needed: Authorization: Bearer TOKEN" if given is None else "no such token"
        )
        raise HttpFailure(401, "Unauthorized", text)
    return caller


def _with_role(needed: int) -> Any:
    def check(
        caller: Annotated[Caller, Depends(_caller)],
        console: Annotated[Console, Depends(console_in_use)],
    ) -> Caller:
        if caller.role >= needed:
            return caller
        if console.tokens is None:
            text = "the console has no tokens (--http-tokens), so it changes nothing"
        else:
            text = f"{caller.name} is {caller.role_name}: that takes {role_name(needed)}"
        raise HttpFailure(403, "Forbidden", text)

    return check


ConsoleInUse = Annotated[Console, Depends(console_in_use)]
Reading = Annotated[Caller, Depends(_with_role(Role.READER))]
Trading = Annotated[Caller, Depends(_with_role(Role.TRADER))]
Administering = Annotated[Caller, Depends(_with_role(Role.ADMIN))]
AccountInPath = Annotated[
    str,
    Path(
        alias="account",
        max_length=256,
        pattern=ACCOUNT_NAME,
        description="Its number, or a text that it is reckoned from.",
    ),
]

FAILURES: Final[dict[int | str, dict[str, Any]]] = {
    401: {"model": Failure, "description": "A token is needed, or it is nobody's."},
    403: {"model": Failure, "description": "The caller's role does not allow it."},
    404: {"model": Failure, "description": "There is no such thing."},
    409: {"model": Failure, "description": "It does not go with what is there."},
    412: {"model": Failure, "description": "What the caller has looked at is there no more."},
    413: {"model": Failure, "description": "The request is too large."},
    415: {"model": Failure, "description": "The body is not JSON."},
    422: {"model": Failure, "description": "What was sent is wrong; the text says where."},
    503: {"model": Failure, "description": "The server or a shard of it does not answer."},
}
"""What every route may answer but for success."""


def account_of(text: str) -> AccountId:
    """Return the account of a text, as a limits file has it.

    Raises:
        HttpFailure: it is none.
    """
    try:
        value = int(text) if text.isascii() and text.isdecimal() else text
        return Table("request", {"account": value}).account("account")
    except ConfigError as error:
        raise HttpFailure(422, "Account", str(error)) from None
