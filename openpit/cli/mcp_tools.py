"""The tools that a model has of a running server, by the Model Context Protocol.

Most of them read. Those that change something are there only where whoever starts the command has
switched them on, by name. Each is a function whose docstring is what the model is told of it.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import click
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

from openpit import param
from openpit.cli.account_document import account_document, cause_document
from openpit.cli.named import account_named
from openpit.cli.server_pictures import SILENT, picture_of_server
from openpit.core import Instrument, Order, OrderOperation
from openpit.errors import (
    EngineClosed,
    NotPermitted,
    PolicyConfigureError,
    ServerRefused,
)
from openpit.limits.changing import (
    changes_between,
    difference,
    settings_in,
    text_of_tables,
)
from openpit.limits.reading import loads
from openpit.limits.tables import ConfigError
from openpit.wire.roles import role_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path

    from openpit.cli.server_pictures import ServerPicture
    from openpit.faces.aio.engine import AsyncShardedEngine
    from openpit.param import AccountId
    from openpit.pretrade.rejects import Reject

__all__ = ["CHANGING", "MOST_LINES", "Tools", "new_server"]

CHANGING: Final = ("block", "halt", "limits")
"""What may be switched on: blocks of accounts, the halt of all orders, the limits."""

MOST_LINES: Final = 200
"""Lines of the audit that one call returns: a model reads no more at once."""

INSTRUCTIONS: Final = (
    "A pre-trade risk engine, sharded by account. Money and quantities are decimal text. An "
    "account id is a whole number or text, as the engine's configuration has it. To find out why "
    "an order was refused: `last_refusals` has the reasons of then, `check_order` those of now, "
    "`account` what the account has and is blocked for, `limits` what is in force."
)

Account = Annotated[str, Field(description="The account's id, as `7` or a text.")]
Lines = Annotated[int, Field(description="At most so many.", ge=1, le=MOST_LINES)]
_Decimal = Annotated[str, Field(description="A decimal, as `12.5`.")]


class Tools:
    """The tools of one server, whose ``engine`` is connected to it.

    ``audit`` returns the lines of its journal's audit, of one account or of all; it is called in a
    thread. None where nobody has said which journal.
    """

    def __init__(
        self,
        engine: AsyncShardedEngine,
        path: Path,
        timeout: float,
        name: str,
        audit: Callable[[int | None], Iterable[str]] | None = None,
    ) -> None:
        self._engine: Final = engine
        self._path: Final = path
        self._timeout: Final = timeout
        self._name: Final = name
        self._audit: Final = audit

    # --- reading ---------------------------------------------------------------------------------

    async def health(self) -> dict[str, Any]:
        """Tell whether the server is well.

        Its shards and why one is not up, who is connected, whether all orders are halted, and how
        many orders were refused, by policy and code.
        """
        picture = await self._picture()
        return {
            "is_well": all(one.state == "up" for one in picture.shards),
            "halted": picture.halted,
            "shards": [
                {
                    **asdict(one),
                    "refused": told.refused if (told := picture.recent.get(one.shard)) else None,
                    "blocked_accounts": told.blocked if told else None,
                }
                for one in picture.shards
            ],
            "sessions": [
                {**one._asdict(), "role": role_name(one.role)} for one in picture.sessions
            ],
            "refused": [
                {"policy": policy, "code": code, "times": times}
                for (policy, code), times in picture.rejects().items()
            ],
        }

    async def account(self, account: Account) -> dict[str, Any]:
        """Tell what an account has, holds and expects, its PnLs, blocks, and what is open."""
        number = _account(account)
        return account_document(await _told(self._engine.account_state(number)))

    async def groups(self) -> dict[str, Any]:
        """Tell the groups of accounts: their members, why one is blocked, its currency."""
        groups = [
            {
                "group": one.group.value,
                "members": one.members,
                "block_reason": one.block_reason,
                "currency": one.currency,
            }
            for one in await _told(self._engine.groups())
        ]
        return {"groups": groups}

    async def limits(self) -> dict[str, Any]:
        """Tell the limits in force: as tables, and as the TOML file that would set them."""
        tables = await _told(self._engine.settings())
        return {"tables": tables, "toml": text_of_tables(tables)}

    async def last_refusals(
        self, account: Account | None = None, most: Lines = 20
    ) -> dict[str, Any]:
        """Tell the orders that were refused last, of one account or of all, and why.

        The newest first, with the reasons of every policy that refused one. Each shard keeps its
        last 64.
        """
        number = None if account is None else _account(account).value
        picture = await self._picture()
        found = [
            {
                "seconds_ago": round(age, 3),
                "shard": shard,
                "account": one.account,
                "instrument": [one.underlying, one.settlement],
                "session": picture.name_of(one.session),
                "rejects": [
                    dict(zip(("code", "reason", "details", "policy", "scope"), row, strict=True))
                    for row in one.rejects
                ],
            }
            for age, shard, one in picture.refusals()
            if number is None or one.account == number
        ]
        return {"refusals": found[:most], "silent_shards": _silent(picture)}

    async def last_changes(self, most: Lines = 20) -> dict[str, Any]:
        """Tell what was changed last (limits, blocks, groups, funds, halts), and by whom."""
        picture = await self._picture()
        found = [
            {
                "seconds_ago": round(age, 3),
                "what": one.method,
                "account": one.account,
                "to": one.said,
                "session": picture.name_of(one.session),
            }
            for age, _, one in picture.changes()
        ]
        return {"changes": found[:most], "silent_shards": _silent(picture)}

    async def check_order(
        self,
        account: Account,
        underlying: str,
        settlement: str,
        side: Literal["BUY", "SELL"],
        quantity: _Decimal | None = None,
        volume: _Decimal | None = None,
        price: _Decimal | None = None,
    ) -> dict[str, Any]:
        """Tell whether an order would pass now, and if not, every policy's reason.

        A dry run: it reserves nothing and counts for no limit. An order has a quantity (of the
        underlying asset) or a volume (of the settlement asset), and a price if it is a limit order.
        """
        order = _order(account, underlying, settlement, side, quantity, volume, price)
        report = await _told(self._engine.execute_pre_trade_dry_run(order))
        return {
            "would_pass": report.is_pass,
            "rejects": [_reject(one) for one in report.rejects or ()],
            "would_block_the_account": cause_document(report.account_block),
        }

    async def audit(self, account: Account | None = None, most: Lines = 50) -> dict[str, Any]:
        """Tell the last lines of the journal's audit, of one account or of all.

        Decisions with their reasons, the limits in force, and who changed them. The journal is
        told to the policies again for that, so it takes its time.
        """
        assert self._audit is not None  # noqa: S101 - else there is no such tool
        number = None if account is None else _account(account).value
        audit = self._audit

        def read() -> list[Any]:
            return [json.loads(line) for line in deque(audit(number), maxlen=most)]

        try:
            return {"lines": await asyncio.to_thread(read)}
        except click.ClickException as error:
            raise ToolError(str(error)) from None

    async def _picture(self) -> ServerPicture:
        picture: ServerPicture = await _told(
            picture_of_server(self._engine, self._path, self._timeout, leaves_out=self._name)
        )
        return picture

    # --- changing --------------------------------------------------------------------------------

    async def block_account(self, account: Account, reason: str) -> dict[str, Any]:
        """Have all orders of an account refused; a cause that it has already stays."""
        number = _account(account)
        await _told(self._engine.accounts().block(number, reason))
        state = await _told(self._engine.account_state(number))
        return {"account": number.value, "block": cause_document(state.block)}

    async def unblock_account(self, account: Account) -> dict[str, Any]:
        """Remove an account's own block; those of its group and of the engine stay."""
        number = _account(account)
        await _told(self._engine.accounts().unblock(number))
        state = await _told(self._engine.account_state(number))
        return {"account": number.value, "still_blocked_by": cause_document(state.cause)}

    async def halt(self, reason: str) -> dict[str, Any]:
        """Have all orders of all accounts refused, for a reason.

        Reports, commits and rollbacks go on.
        """
        await _told(self._engine.halt(reason))
        return {"halted": reason}

    async def resume(self) -> dict[str, Any]:
        """Let orders pass again after a halt."""
        await _told(self._engine.resume())
        return {"halted": None}

    async def set_limits(
        self,
        toml: Annotated[str, Field(description="All limits, as `limits` gives them in `toml`.")],
        expected_difference: Annotated[
            str | None,
            Field(description="The difference that a call without it has returned, to make it."),
        ] = None,
    ) -> dict[str, Any]:
        """Change the limits: all of them at one point of the order of orders, or none.

        Without `expected_difference` nothing is changed, and the difference is returned: show it to
        whoever decides, and pass it to make the change.
        """
        before = await _told(self._engine.settings())
        try:
            after = settings_in(loads(toml), before)
            shown = difference(before, after)
            if shown != (expected_difference or ""):
                changed = False
            else:
                changes = [*changes_between(before, after).values()]
                if changes:
                    await _told(self._engine.configure().apply_all(changes))
                changed = bool(changes)
        except (ConfigError, PolicyConfigureError) as error:
            raise ToolError(str(error)) from None
        return {"changed": changed, "difference": shown}


_READING: Final = (
    "health", "account", "groups", "limits", "last_refusals", "last_changes", "check_order",
)  # fmt: skip

_CHANGING: Final = {
    "block": ("block_account", "unblock_account"),
    "halt": ("halt", "resume"),
    "limits": ("set_limits",),
}


def new_server(tools: Tools, allowed: Collection[str], *, has_audit: bool) -> MCPServer[Any]:
    """Return what speaks the protocol: the reading tools, and of the others those ``allowed``."""
    server: MCPServer[Any] = MCPServer("openpit", instructions=INSTRUCTIONS, log_level="WARNING")
    reading = [*_READING, "audit"] if has_audit else _READING
    for name in reading:
        server.add_tool(
            getattr(tools, name),
            annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False),
        )
    for kind, names in _CHANGING.items():
        for name in names if kind in allowed else ():
            server.add_tool(
                getattr(tools, name),
                annotations=ToolAnnotations(
                    read_only_hint=False, destructive_hint=True, open_world_hint=False
                ),
            )
    return server


async def _told(call: Any) -> Any:
    """Await a call; what the server refuses, or does not answer, is the tool's error."""
    try:
        return await call
    except (*SILENT, ServerRefused, NotPermitted, EngineClosed) as error:
        raise ToolError(f"{type(error).__name__}: {error}") from None


def _account(text: str) -> AccountId:
    try:
        return account_named(text)
    except click.UsageError as error:
        raise ToolError(f"{text!r} is no account: {error}") from None


def _silent(picture: ServerPicture) -> list[int]:
    """Return the shards whose answers are missing."""
    return [one.shard for one in picture.shards if one.shard not in picture.recent]


def _reject(one: Reject) -> dict[str, Any]:
    return {
        "policy": one.policy,
        "code": str(one.code),
        "reason": one.reason,
        "details": one.details,
        "scope": str(one.scope),
    }


def _order(
    account: str,
    underlying: str,
    settlement: str,
    side: str,
    quantity: str | None,
    volume: str | None,
    price: str | None,
) -> Order:
    if (quantity is None) == (volume is None):
        raise ToolError("an order has a quantity or a volume: one of them")
    number = _account(account)
    try:
        if volume is not None:
            amount = param.TradeAmount.volume(volume)
        else:
            amount = param.TradeAmount.quantity(quantity or "")
        return Order(
            operation=OrderOperation(
                instrument=Instrument(underlying, settlement),
                account_id=number,
                side=param.Side[side],
                trade_amount=amount,
                price=None if price is None else param.Price(price),
            )
        )
    except (ValueError, TypeError, ArithmeticError) as error:
        raise ToolError(f"no such order: {error}") from None
