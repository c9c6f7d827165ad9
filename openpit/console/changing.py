"""The routes that change something: each in a session of the caller's name, and with a reason."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Path

from openpit.console.asked import (
    FAILURES,
    AccountInPath,
    Administering,
    Console,
    ConsoleInUse,
    Trading,
    account_of,
)
from openpit.console.failures import HttpFailure, heard
from openpit.console.orders import adjustment_of
from openpit.console.shapes import (
    AdjustmentsWanted,
    AssetName,
    Confirmation,
    CurrencyWanted,
    LimitsDifference,
    LimitsWanted,
    Members,
    QuoteWanted,
    Reason,
)
from openpit.console.told import fingerprint_of
from openpit.core import Instrument
from openpit.errors import ShardedEngineError
from openpit.faces.recent import remark
from openpit.limits.changing import changes_between, difference, settings_in
from openpit.marketdata import Quote
from openpit.param.ids import AccountId
from openpit.wire.roles import Role

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from openpit.console.tokens import Caller
    from openpit.faces.aio.engine import AsyncShardedEngine

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", responses=FAILURES)

REMARK_SECONDS: Final = 5.0
"""How long a change waits until its reason is in the journal: a shard may stand still."""

GroupInPath = Annotated[int, Path(ge=1, le=2**32 - 1)]


@asynccontextmanager
async def _acting(
    console: Console, caller: Caller, method: str, account: str | None, reason: str
) -> AsyncIterator[AsyncShardedEngine]:
    """Connect for a caller; what is done is noted with its reason, and looked at at once.

    The reason is told behind the change, which it does not hold up for long.
    """
    with heard():
        async with console.link.acting_for(caller) as engine:
            yield engine
            console.notes.made(caller, method, account, reason)
            if caller.role >= Role.ADMIN:
                try:
                    whose = None if account is None else AccountId.from_int(int(account))
                    async with asyncio.timeout(REMARK_SECONDS):
                        await remark(engine, whose, reason)
                except (ShardedEngineError, OSError) as error:
                    console.notes.not_kept(caller, method, error)
    try:
        await console.watch.look()
    except (ShardedEngineError, OSError):
        return  # it was done; that the server has gone since, the next question tells


def _done(caller: Caller, text: str) -> Confirmation:
    return Confirmation(done=text, by=str(caller.name))


@router.post("/accounts/{account}/block")
async def block(
    console: ConsoleInUse, caller: Administering, name: AccountInPath, wanted: Reason
) -> Confirmation:
    """Reject an account's orders; a cause that it has already stays."""
    number = account_of(name)
    async with _acting(console, caller, "block", str(number.value), wanted.reason) as engine:
        await engine.accounts().block(number, wanted.reason)
        cause = (await engine.account_state(number)).block
    return _done(caller, f"account {number.value} is blocked: {cause.reason if cause else ''}")


@router.post("/accounts/{account}/unblock")
async def unblock(
    console: ConsoleInUse, caller: Administering, name: AccountInPath, wanted: Reason
) -> Confirmation:
    """Remove an account's own block; those of its group and of the engine stay."""
    number = account_of(name)
    async with _acting(console, caller, "unblock", str(number.value), wanted.reason) as engine:
        await engine.accounts().unblock(number)
        cause = (await engine.account_state(number)).cause
    still = "is not blocked" if cause is None else f"is still blocked: {cause.reason}"
    return _done(caller, f"account {number.value} {still}")


@router.put("/accounts/{account}/currency")
async def currency(
    console: ConsoleInUse, caller: Administering, name: AccountInPath, wanted: CurrencyWanted
) -> Confirmation:
    """Set an account's own currency, or take it back."""
    number = account_of(name)
    method = "clear_currency" if wanted.asset is None else "set_currency"
    async with _acting(console, caller, method, str(number.value), wanted.reason) as engine:
        if wanted.asset is None:
            await engine.accounts().clear_currency(number)
        else:
            await engine.accounts().set_currency(number, wanted.asset)
    return _done(caller, f"account {number.value}: currency {wanted.asset or 'of its group'}")


@router.post("/accounts/{account}/adjustments")
async def adjust(
    console: ConsoleInUse, caller: Administering, name: AccountInPath, wanted: AdjustmentsWanted
) -> Confirmation:
    """Correct an account's balances: all of them, or none."""
    number = account_of(name)
    with heard():
        adjustments = [adjustment_of(one) for one in wanted.adjustments]
    async with _acting(console, caller, "adjust", str(number.value), wanted.reason) as engine:
        result = await engine.apply_account_adjustment(number, adjustments, key=wanted.key)
        if not result.ok:
            reasons = "; ".join(f"{one.reason}: {one.details}" for one in result.rejects)
            raise HttpFailure(409, "Rejected", f"adjustment {result.failed_index}: {reasons}")
    return _done(caller, f"account {number.value}: {len(adjustments)} adjustments")


@router.post("/halt")
async def halt(console: ConsoleInUse, caller: Administering, wanted: Reason) -> Confirmation:
    """Reject all orders of all accounts; reports, commits and rollbacks go on."""
    async with _acting(console, caller, "halt", None, wanted.reason) as engine:
        await engine.halt(wanted.reason)
    return _done(caller, f"orders are halted: {wanted.reason}")


@router.post("/resume")
async def resume(console: ConsoleInUse, caller: Administering, wanted: Reason) -> Confirmation:
    """Let orders pass again."""
    async with _acting(console, caller, "resume", None, wanted.reason) as engine:
        await engine.resume()
    return _done(caller, "orders pass")


@router.post("/unblock-all")
async def unblock_all(console: ConsoleInUse, caller: Administering, wanted: Reason) -> Confirmation:
    """Clear the engine-wide block that a policy's failure has armed, and nothing else."""
    async with _acting(console, caller, "unblock_all", None, wanted.reason) as engine:
        await engine.accounts().unblock_all()
    return _done(caller, "the engine is not blocked")


@router.post("/groups/{group}/members")
async def register(
    console: ConsoleInUse, caller: Administering, group: GroupInPath, wanted: Members
) -> Confirmation:
    """Put accounts into a group: all of them, or none."""
    accounts = [account_of(one) for one in wanted.accounts]
    async with _acting(console, caller, "register_group", None, wanted.reason) as engine:
        await engine.accounts().register_group(accounts, group)
    return _done(caller, f"group {group}: {len(accounts)} accounts more")


@router.post("/groups/{group}/members/remove")
async def unregister(
    console: ConsoleInUse, caller: Administering, group: GroupInPath, wanted: Members
) -> Confirmation:
    """Take accounts out of a group: all of them, or none."""
    accounts = [account_of(one) for one in wanted.accounts]
    async with _acting(console, caller, "unregister_group", None, wanted.reason) as engine:
        await engine.accounts().unregister_group(accounts, group)
    return _done(caller, f"group {group}: {len(accounts)} accounts fewer")


@router.post("/groups/{group}/block")
async def block_group(
    console: ConsoleInUse, caller: Administering, group: GroupInPath, wanted: Reason
) -> Confirmation:
    """Reject the orders of a group's members, whoever they are when they come."""
    async with _acting(console, caller, "block_group", None, wanted.reason) as engine:
        await engine.accounts().block_group(group, wanted.reason)
    return _done(caller, f"group {group} is blocked")


@router.post("/groups/{group}/unblock")
async def unblock_group(
    console: ConsoleInUse, caller: Administering, group: GroupInPath, wanted: Reason
) -> Confirmation:
    """Remove a group's block."""
    async with _acting(console, caller, "unblock_group", None, wanted.reason) as engine:
        await engine.accounts().unblock_group(group)
    return _done(caller, f"group {group} is not blocked")


@router.put("/groups/{group}/currency")
async def group_currency(
    console: ConsoleInUse, caller: Administering, group: GroupInPath, wanted: CurrencyWanted
) -> Confirmation:
    """Set a group's currency, or take it back."""
    method = "clear_group_currency" if wanted.asset is None else "set_group_currency"
    async with _acting(console, caller, method, None, wanted.reason) as engine:
        if wanted.asset is None:
            await engine.accounts().clear_group_currency(group)
        else:
            await engine.accounts().set_group_currency(group, wanted.asset)
    return _done(caller, f"group {group}: currency {wanted.asset or 'of the default group'}")


@router.put("/limits")
async def set_limits(
    console: ConsoleInUse, caller: Administering, wanted: LimitsWanted
) -> LimitsDifference:
    """Change the limits to those of a file: all of them, or none, on all shards at one point.

    ``seen`` is the fingerprint that ``/limits/diff`` has given: where the limits are others by now,
    nothing is changed.
    """
    with heard():
        policies = await console.policies_in(wanted.toml)
    async with _acting(console, caller, "apply_all", None, wanted.reason) as engine:
        before = await engine.settings()
        if fingerprint_of(before) != wanted.seen:
            text = "the limits are not those any more that you have looked at: look again"
            raise HttpFailure(412, "LimitsHaveChanged", text)
        after = settings_in(policies, before)
        changes = changes_between(before, after)
        if changes:
            await engine.configure().apply_all(changes.values())
        now = await engine.settings()
    return LimitsDifference(
        difference=difference(before, after),
        tables=list(changes),
        fingerprint=fingerprint_of(now),
    )


@router.put("/quotes/{underlying}/{settlement}")
async def push_quote(
    console: ConsoleInUse,
    caller: Trading,
    underlying: AssetName,
    settlement: AssetName,
    wanted: QuoteWanted,
) -> Confirmation:
    """Replace the prices of an instrument for everybody; it has to be registered."""
    with heard():
        quote = Quote(mark=wanted.mark, bid=wanted.bid, ask=wanted.ask)
        instrument = Instrument(underlying, settlement)
    what = f"{underlying}/{settlement}: {quote!r}"
    async with _acting(console, caller, "quote", None, what) as engine:
        market = engine.market_data()
        number = await market.resolve(instrument)
        if number is None:
            text = f"no instrument {underlying}/{settlement} is registered"
            raise HttpFailure(404, "UnknownInstrument", text)
        await market.push(number, quote, timedelta(0))
    return _done(caller, what)
