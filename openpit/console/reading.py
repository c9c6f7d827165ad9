"""The routes that change nothing."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from typing import Annotated

from fastapi import APIRouter, Query

from openpit.console.asked import FAILURES, AccountInPath, ConsoleInUse, Reading, account_of
from openpit.console.failures import HttpFailure, heard
from openpit.console.limits_met import limits_met
from openpit.console.orders import order_of
from openpit.console.past_lines import LINES
from openpit.console.shapes import (
    ACCOUNT_NAME,
    AccountTold,
    AssetName,
    BlockedTogether,
    ChangesTold,
    Decisions,
    DryRunTold,
    Groups,
    GroupTold,
    LimitsDifference,
    LimitsText,
    LimitsTold,
    OrderWanted,
    Prices,
    Refusals,
    RejectTold,
    Sessions,
    SessionTold,
    Shard,
    Shards,
    Status,
)
from openpit.console.told import account_told, cause_told, fingerprint_of, limits_told
from openpit.core import Instrument
from openpit.limits.changing import changes_between, difference, settings_in
from openpit.marketdata.errors import QuoteExpired
from openpit.param.enums import QuoteResolution
from openpit.param.ids import AccountGroupId
from openpit.wire.roles import Role, role_name

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", responses=FAILURES)

AUDITED = frozenset(
    {"order", "drop copy", "adjustment", "report", "block", "change", "remark", "limits", "start"}
    | {"skipped"}
)


@router.get("/status")
async def status(console: ConsoleInUse, caller: Reading) -> Status:
    """Who asks, whom, and whether orders pass."""
    with heard():
        engine = await console.link.engine()
        return Status(
            version=version("openpit-sharded"),
            server=console.link.path,
            caller=caller.name,
            role=caller.role_name,
            may_change=caller.role >= Role.ADMIN,
            has_journal=console.past.has_journal,
            halted=await engine.halted(),
            shards=engine.shards,
        )


@router.get("/shards")
async def shards(console: ConsoleInUse, _: Reading) -> Shards:
    """How the shards stand."""
    with heard():
        picture = await console.link.picture()
    return Shards(shards=[Shard.model_validate(one) for one in picture.shards])


@router.get("/sessions")
async def sessions(console: ConsoleInUse, _: Reading) -> Sessions:
    """Who is connected, beside the console."""
    with heard():
        picture = await console.link.picture()
    return Sessions(
        sessions=[
            SessionTold(
                session=one.number,
                name=one.name,
                user=one.user,
                role=role_name(one.role),
                in_flight=one.in_flight,
                commands=one.commands,
                unsent_bytes=one.unsent_bytes,
            )
            for one in picture.sessions
        ]
    )


@router.get("/accounts/{account}")
async def account(console: ConsoleInUse, _: Reading, name: AccountInPath) -> AccountTold:
    """What an account has, holds and is blocked for."""
    number = account_of(name)
    with heard():
        engine = await console.link.engine()
        state = await engine.account_state(number)
        called = console.watch.names.of(number.value)
        return account_told(state, engine.shard_of(number), called)


@router.get("/blocked")
async def blocked(console: ConsoleInUse, _: Reading) -> BlockedTogether:
    """Which accounts have a block of their own: the first 256 of each shard."""
    with heard():
        await console.watch.fresh()
    total, accounts = console.watch.blocked()
    return BlockedTogether(total=total, accounts=accounts)


@router.get("/groups")
async def groups(console: ConsoleInUse, _: Reading) -> Groups:
    """The groups that have members, a block or a currency."""
    with heard():
        found = await (await console.link.engine()).groups()
    return Groups(groups=[GroupTold(**{**asdict(one), "group": one.group.value}) for one in found])


@router.get("/limits")
async def limits(console: ConsoleInUse, _: Reading) -> LimitsTold:
    """The limits in force."""
    with heard():
        return limits_told(await (await console.link.engine()).settings())


@router.post("/limits/diff")
async def limits_diff(console: ConsoleInUse, _: Reading, wanted: LimitsText) -> LimitsDifference:
    """What a limits file would change; nothing is changed."""
    with heard():
        policies = await console.policies_in(wanted.toml)
        before = await (await console.link.engine()).settings()
        after = settings_in(policies, before)
        return LimitsDifference(
            difference=difference(before, after),
            tables=list(changes_between(before, after)),
            fingerprint=fingerprint_of(before),
        )


@router.post("/dry-run")
async def dry_run(console: ConsoleInUse, _: Reading, wanted: OrderWanted) -> DryRunTold:
    """What an order would meet, with every reason against it; nothing is recorded."""
    number = account_of(wanted.account)
    with heard():
        order = order_of(wanted, number)
        engine = await console.link.engine()
        tables = await engine.settings()
        try:
            report = await engine.execute_pre_trade_dry_run(order)
        except Exception as error:
            if type(error).__module__.startswith("openpit"):
                raise
            text = f"{type(error).__name__}: {error}"
            raise HttpFailure(409, "PolicyRaised", text) from error
    return DryRunTold(
        accepted=report.is_pass,
        block=cause_told(report.account_block),
        rejects=[
            RejectTold(
                code=str(one.code),
                reason=one.reason,
                details=one.details,
                policy=one.policy,
                scope=str(one.scope),
                limits=limits_met(
                    tables,
                    one.policy,
                    one.reason,
                    account=number.value,
                    underlying=wanted.underlying,
                    settlement=wanted.settlement,
                ),
            )
            for one in report.rejects or ()
        ],
    )


@router.get("/quotes/{underlying}/{settlement}")
async def quote(
    console: ConsoleInUse,
    _: Reading,
    underlying: AssetName,
    settlement: AssetName,
    account: Annotated[str, Query(max_length=256, pattern=ACCOUNT_NAME)] = "0",
    policy: Annotated[str | None, Query(max_length=256)] = None,
) -> Prices:
    """The prices that an account reads of an instrument."""
    number = account_of(account)
    with heard():
        engine = await console.link.engine()
        market = engine.market_data(policy)
        group = await engine.accounts().group_of(number)
        instrument = await market.resolve(Instrument(underlying, settlement))
        if instrument is None:
            text = f"no instrument {underlying}/{settlement} is registered"
            raise HttpFailure(404, "UnknownInstrument", text)
        is_expired = False
        try:
            found = await market.get(
                instrument, number, _Reader(group), QuoteResolution.ACCOUNT_THEN_GROUP_THEN_DEFAULT
            )
        except QuoteExpired as error:
            found, is_expired = error.quote, True
    mark, bid, ask = (
        None if one is None else str(one) for one in (found.mark, found.bid, found.ask)
    )
    return Prices(instrument=instrument.value, mark=mark, bid=bid, ask=ask, is_expired=is_expired)


class _Reader:
    """Whose prices are asked for."""

    def __init__(self, group: AccountGroupId | None) -> None:
        self.account_group = group


@router.get("/refusals")
async def refusals(console: ConsoleInUse, _: Reading) -> Refusals:
    """The last 64 refused orders of each shard, with the reasons and the limits that they met."""
    with heard():
        await console.watch.fresh()
    watch = console.watch
    return Refusals(total=watch.refused, counts=watch.counts(), refusals=watch.refusals())


@router.get("/changes")
async def changes(console: ConsoleInUse, _: Reading) -> ChangesTold:
    """The last 64 changes of each shard by operators; what limits were before and after."""
    with heard():
        await console.watch.fresh()
    return ChangesTold(changes=console.watch.changes(), limits=console.notes.limits)


_Account = Annotated[str | None, Query(max_length=256, pattern=ACCOUNT_NAME)]
_Most = Annotated[int, Query(ge=1, le=LINES)]


@router.get("/decisions")
async def decisions(
    console: ConsoleInUse,
    _: Reading,
    account: _Account = None,
    refused: bool = False,  # noqa: FBT001, FBT002 - a query's flag
    most: _Most = 100,
) -> Decisions:
    """Decisions of orders and drop copies, from the journal: the last ones."""
    kinds = frozenset({"order", "drop copy"})
    lines, left_off = await console.past.lines(
        account=account, kinds=kinds, refused=refused, most=most
    )
    return Decisions(lines=lines, left_off=left_off)


@router.get("/audit")
async def audit(
    console: ConsoleInUse, _: Reading, account: _Account = None, most: _Most = 100
) -> Decisions:
    """Who changed what, from the journal: changes and why, limits, blocks; the last ones."""
    kinds = AUDITED - {"order", "drop copy", "report"}
    lines, left_off = await console.past.lines(
        account=account, kinds=kinds, refused=False, most=most
    )
    return Decisions(lines=lines, left_off=left_off)
