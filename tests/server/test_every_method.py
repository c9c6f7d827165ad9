"""Every public method of an engine, called on one that a server gives: blocking and asyncio."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any

import pytest
from custom_policies import Marked
from flow import IN_SHARD_0, IN_SHARD_1, account, buy, fill, operation, report
from server_processes import Server

import openpit
from openpit.account_adjustment import Adjustment, Amount, BalanceOperation
from openpit.errors import (
    EngineClosed,
    OutcomeUnknown,
    PolicyConfigureError,
    SentCall,
    ShardCallbackError,
)
from openpit.faces.aio.accounts import AsyncShardedAccounts
from openpit.faces.aio.engine import AsyncShardedEngine
from openpit.faces.aio.market import AsyncShardedMarketData
from openpit.faces.aio.settings import AsyncShardedConfigurator
from openpit.faces.blocking.accounts import ShardedAccounts
from openpit.faces.blocking.engine import ShardedEngine
from openpit.faces.blocking.market import ShardedMarketData
from openpit.faces.blocking.settings import ShardedConfigurator
from openpit.marketdata import (
    AlreadyRegistered,
    InstrumentId,
    Quote,
    QuoteExpired,
    QuoteResolution,
    QuoteTtl,
    QuoteUnavailable,
    RegistrationError,
    UnknownInstrument,
    UnknownInstrumentId,
)
from openpit.param import AdjustmentAmount
from openpit.pretrade import AccountBlock
from openpit.pretrade.policies import (
    OrderSizeBrokerBarrier,
    OrderSizeLimit,
    PnlBoundsBrokerBarrier,
    RateLimit,
    RateLimitBrokerBarrier,
    SpotFundsPnlBoundsBarrier,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONFIG = """
[order_validation]
[rate_limit]
broker = { max_orders = 100000, window = "1h" }
[order_size_limit]
broker = { max_quantity = "1000" }
[[pnl_bounds_killswitch.broker]]
settlement_asset = "USD"
lower_bound = "-1000"
[spot_funds]
account_currency = "USD"
[[spot_funds.funds]]
first_account = 1
last_account = 99
asset = "USD"
balance = 10000
"""

CASES: dict[str, Any] = {}


async def got(answer: Any) -> Any:
    """Return an answer, awaited where it has to be."""
    return await answer if iscoroutine(answer) else answer


def case(names: str) -> Callable[[Any], Any]:
    """Say which methods a case is about: ``engine.``, ``accounts.`` or ``configure.``."""

    def note(run: Any) -> Any:
        for name in names.split():
            CASES[name] = run
        return run

    return note


def blocked(reported: Any) -> list[str]:
    return [str(block.code) for block in reported.account_blocks]


def codes(result: Any) -> list[str]:
    return [str(reject.code) for reject in result.rejects]


@case("engine.execute_pre_trade engine.commit_many engine.rollback_many")
async def orders_and_their_ends(engine: Any) -> None:
    # 10,000 at 185.5: 53 shares, and no 54th.
    results = [await got(engine.execute_pre_trade(buy(1, each))) for each in ("20", "20", "14")]
    assert [result.ok for result in results] == [True, True, False]
    assert codes(results[2]) == ["InsufficientFunds"]
    await got(engine.rollback_many([results[0].reservation]))
    await got(engine.commit_many([results[1].reservation]))
    assert (await got(engine.execute_pre_trade(buy(1, "33")))).ok


@case("engine.start_pre_trade engine.start_pre_trade_dry_run engine.execute_pre_trade_dry_run")
async def two_stages_and_dry_runs(engine: Any) -> None:
    assert (await got(engine.start_pre_trade_dry_run(buy(2, "0")))).is_pass is False
    assert (await got(engine.execute_pre_trade_dry_run(buy(2, "54")))).is_pass is False
    assert (await got(engine.execute_pre_trade_dry_run(buy(2, "53")))).is_pass is True
    started = await got(engine.start_pre_trade(buy(2, "53")))
    result = await got(started.request.execute())
    assert result.ok
    await got(result.reservation.rollback())


@case("engine.apply_drop_copy engine.apply_execution_report engine.apply_execution_report_many")
async def what_the_venue_says(engine: Any) -> None:
    copied = await got(engine.apply_drop_copy(buy(3, "10")))
    await got(copied.operation.commit())
    filled = await got(engine.apply_execution_report(fill(3, "185.5", "4", "6", final=False)))
    assert len(filled.account_adjustments) == 2
    losses = [report(20, "-600"), report(20, "-600")]  # of 1,000 that account 20 may lose
    reported = await got(engine.apply_execution_report_many(losses))
    assert "PnlKillSwitchTriggered" not in blocked(reported[0])
    assert "PnlKillSwitchTriggered" in blocked(reported[1])


@case("engine.apply_account_adjustment")
async def an_adjustment(engine: Any) -> None:
    more = Adjustment(
        operation=BalanceOperation(asset="USD"),
        amount=Amount(balance=AdjustmentAmount.delta("10000")),
    )
    assert (await got(engine.apply_account_adjustment(account(4), [more]))).ok
    assert (await got(engine.execute_pre_trade(buy(4, "107")))).ok


@case("engine.execute_pre_trade_many")
async def many_orders(engine: Any) -> None:
    results = await got(engine.execute_pre_trade_many([buy(5 + n % 4, "18") for n in range(12)]))
    assert [result.ok for result in results] == [True] * 8 + [False] * 4


@case("engine.shards engine.shard_of engine.stats engine.poll")
async def shards_and_their_figures(engine: Any) -> None:
    assert engine.shards == 2
    assert [engine.shard_of(account(one)) for one in (IN_SHARD_0, IN_SHARD_1)] == [0, 1]
    assert (await got(engine.execute_pre_trade(buy(IN_SHARD_0, "1")))).ok
    await got(engine.poll())
    shards = engine.stats()
    assert [shard.state for shard in shards] == ["up", "up"]
    assert shards[0].answered >= 1


@case("engine.outcome")
async def the_outcome_of_a_call(engine: Any) -> None:
    checked = await got(engine.execute_pre_trade(buy(IN_SHARD_0, "1")))
    with pytest.raises(ValueError, match="the call has its answer"):
        await got(engine.outcome(checked))
    paid = Adjustment(
        operation=BalanceOperation(asset="USD"), amount=Amount(balance=AdjustmentAmount.delta("1"))
    )
    await got(engine.apply_account_adjustment(account(12), [paid], key="the outcome"))
    lost = OutcomeUnknown("shard 0: the server has gone", 0)
    lost.call = SentCall("adjustments", 0, None, 12, b"the outcome", engine._driver.clock())
    outcome = await got(engine.outcome(lost))
    assert outcome.was_applied
    assert len(outcome.result.outcomes) == 1
    lost.call = lost.call._replace(key=b"another one")
    assert not (await got(engine.outcome(lost))).was_applied


@case(
    "engine.close engine.accounts engine.configure engine.open_reservations engine.missed_answers"
)
async def the_end(engine: Any) -> None:
    accounts, settings = engine.accounts(), engine.configure()
    assert await got(engine.open_reservations()) == []
    assert await got(engine.missed_answers()) == []
    await got(engine.close())
    await got(engine.close())
    with pytest.raises(EngineClosed):
        await got(accounts.block(account(1), "late"))
    with pytest.raises(EngineClosed):
        await got(settings.rate_limit("RateLimitPolicy", clear_broker=True))


@case("accounts.block accounts.unblock accounts.block_with_cause accounts.replace_block_reason")
async def blocks(engine: Any) -> None:
    accounts = engine.accounts()
    await got(accounts.block(account(11), "halt"))
    await got(accounts.replace_block_reason(account(11), "still"))
    (reject,) = (await got(engine.execute_pre_trade(buy(11)))).rejects
    assert (str(reject.code), reject.reason) == ("AccountBlocked", "still")
    await got(accounts.unblock(account(11)))
    cause = AccountBlock(policy="Desk", code="Other", reason="desk", details="")
    await got(accounts.block_with_cause(account(11), cause))
    (reject,) = (await got(engine.execute_pre_trade(buy(11)))).rejects
    assert reject.reason == "desk"
    await got(accounts.unblock(account(11)))


@case(
    "accounts.register_group accounts.unregister_group accounts.group_of accounts.block_group"
    " accounts.unblock_group accounts.replace_group_block_reason accounts.unblock_all"
)
async def groups(engine: Any) -> None:
    accounts, members = engine.accounts(), [account(12), account(13), account(14)]
    await got(accounts.register_group(members, 9))
    assert (await got(accounts.group_of(members[2]))).value == 9
    await got(accounts.block_group(9, "all of you"))
    await got(accounts.replace_group_block_reason(9, "still"))
    assert {
        (await got(engine.execute_pre_trade(buy(number)))).rejects[0].reason
        for number in (12, 13, 14)
    } == {"still"}
    await got(accounts.unblock_group(9))
    await got(accounts.unblock_all())
    await got(accounts.unregister_group(members, 9))
    assert await got(accounts.group_of(members[0])) is None


@case(
    "accounts.set_currency accounts.clear_currency accounts.set_group_currency"
    " accounts.clear_group_currency"
)
async def currencies(engine: Any) -> None:
    accounts = engine.accounts()
    await got(accounts.set_currency(account(15), "EUR"))
    await got(accounts.clear_currency(account(15)))
    await got(accounts.set_group_currency(9, "EUR"))
    await got(accounts.clear_group_currency(9))
    assert (await got(engine.execute_pre_trade(buy(15)))).ok


def _at_most(quantity: str) -> OrderSizeBrokerBarrier:
    return OrderSizeBrokerBarrier(OrderSizeLimit(max_quantity=quantity))


@case(
    "configure.rate_limit configure.order_size_limit configure.pnl_bounds_killswitch"
    " configure.set_account_pnl configure.spot_funds"
    " configure.spot_funds_pnl_bounds_killswitch configure.set_spot_funds_account_pnl"
    " configure.apply_all"
)
async def settings(engine: Any) -> None:
    configure = engine.configure()
    rate = RateLimit(200_000, timedelta(hours=1))
    await got(configure.rate_limit("RateLimitPolicy", broker=RateLimitBrokerBarrier(rate)))
    await got(configure.order_size_limit("OrderSizeLimitPolicy", broker=_at_most("900")))
    bounds = [PnlBoundsBrokerBarrier("USD", "-500")]
    kill = "PnlBoundsKillSwitchPolicy"
    await got(configure.pnl_bounds_killswitch(kill, broker_barriers=bounds))
    loss = {"account": account(16), "settlement_asset": "USD", "pnl": "-600"}
    await got(configure.set_account_pnl(kill, **loss))
    (reject, *_) = (await got(engine.execute_pre_trade(buy(16)))).rejects
    assert reject.policy == kill
    await got(configure.spot_funds("SpotFundsPolicy", global_slippage_bps=0))
    barrier = SpotFundsPnlBoundsBarrier("USD", lower_bound="-100")
    told = await got(
        configure.spot_funds_pnl_bounds_killswitch("SpotFundsPolicy", global_barrier=barrier)
    )
    assert told.account_blocks == []
    told = await got(
        configure.set_spot_funds_account_pnl("SpotFundsPolicy", account=account(17), state="-200")
    )
    assert [str(block.code) for block in told.account_blocks] == ["PnlKillSwitchTriggered"]
    before = await got(engine.settings())
    larger = ("order_size_limit", {"name": "OrderSizeLimitPolicy", "broker": _at_most("901")})
    with pytest.raises(PolicyConfigureError):
        await got(configure.apply_all([larger, ("rate_limit", {"name": "nobody"})]))
    assert (await got(engine.settings())) == before
    told = await got(configure.apply_all([larger, ("rate_limit", {"name": "RateLimitPolicy"})]))
    assert told.account_blocks == []
    after = await got(engine.settings())
    assert after["order_size_limit"]["broker"] == {"max_quantity": "901"}


@case("engine.account_state engine.groups engine.settings engine.halt engine.halted engine.resume")
async def what_an_operator_asks(engine: Any) -> None:
    assert (await got(engine.halted())) is None
    await got(engine.halt("fire drill"))
    assert (await got(engine.halted())) == "fire drill"
    (reject,) = (await got(engine.execute_pre_trade(buy(18)))).rejects
    assert (str(reject.code), reject.reason) == ("AccountBlocked", "fire drill")
    await got(engine.resume())
    result = await got(engine.execute_pre_trade(buy(18)))
    assert (await got(engine.account_state(account(18)))).open.reservations == 1
    await got(result.reservation.rollback())
    await got(engine.accounts().register_group([account(18)], 10))
    assert 1 in [group.members for group in await got(engine.groups())]
    await got(engine.accounts().unregister_group([account(18)], 10))
    assert {"rate_limit", "spot_funds"} <= (await got(engine.settings())).keys()


@case("engine.ask engine.ask_many engine.tell")
async def messages_to_an_actor(engine: Any) -> None:
    assert await got(engine.ask("desk", account(19), b"53", orders=1)) is None
    assert await got(engine.ask("desk", account(19), b"1", orders=1)) == b"InsufficientFunds"
    items = [(account(number), b"53") for number in (22, 23, 22)]
    answers = await got(engine.ask_many("desk", items, orders={"USD": 1}))
    assert answers == [None, None, b"InsufficientFunds"]
    assert await got(engine.ask("desk", account(24), b"1")) == b"SystemUnavailable"
    with pytest.raises(ShardCallbackError, match="DeskError: no quantity"):
        await got(engine.ask("desk", account(24), b""))
    before = int(await got(engine.ask("desk", account(24), b"count")))
    await got(engine.tell("desk", account(24), b""))
    assert int(await got(engine.ask("desk", account(24), b"count"))) == before + 2
    assert sum(shard.told_in_vain for shard in engine.stats()) == 1
    with pytest.raises(LookupError, match="no actor is called 'disk'; there are: desk"):
        await got(engine.ask("disk", account(24), b""))


class Member:
    """An account's reader of group 9."""

    account_group = openpit.param.AccountGroupId.from_int(9)


NOW = timedelta(0)
EVERYWHERE = QuoteResolution.ACCOUNT_THEN_GROUP_THEN_DEFAULT


def stock(name: str) -> openpit.Instrument:
    return openpit.Instrument(name, "USD")


async def mark(market: Any, number: InstrumentId, of: int = 1) -> str | None:
    """What an account reads of an instrument."""
    quote = await got(market.get_optional(number, account(of), Member(), EVERYWHERE))
    return None if quote is None else str(quote.mark)


@case(
    "engine.market_data market.register market.register_with_ttl market.register_with_id"
    " market.register_with_id_and_ttl market.resolve market.push_by_instrument"
)
async def instruments(engine: Any) -> None:
    with pytest.raises(LookupError, match="'Desk' reads 0 market data services, not one; those"):
        engine.market_data("Desk")
    market = engine.market_data("Collar")
    known = await got(market.resolve(stock("AAPL")))  # by the server's own module
    assert known == InstrumentId(0)
    with pytest.raises(AlreadyRegistered) as twice:
        await got(market.register(stock("AAPL")))
    assert twice.value.instrument == stock("AAPL")
    face = type(engine).__name__
    names = [f"{face}{letter}" for letter in "ABCDE"]
    assert await got(market.resolve(stock(names[0]))) is None
    first = await got(market.register(stock(names[0])))
    second = await got(market.register_with_ttl(stock(names[1]), QuoteTtl.within(NOW)))
    assert second.value == first.value + 1
    free = InstrumentId(900 + len(face))
    assert await got(market.register_with_id(stock(names[2]), free)) == free
    with pytest.raises(RegistrationError) as taken:
        await got(market.register_with_id(stock(names[3]), free))
    assert (taken.value.instrument, taken.value.instrument_id) == (None, free)
    with pytest.raises(RegistrationError) as taken:
        await got(market.register_with_id(stock(names[2]), InstrumentId(7)))
    assert (taken.value.instrument, taken.value.instrument_id) == (stock(names[2]), None)
    next_free = InstrumentId(free.value + 50)
    ttl = QuoteTtl.within(NOW)
    assert await got(market.register_with_id_and_ttl(stock(names[3]), next_free, ttl)) == next_free
    quote = Quote(mark="7")
    number = await got(market.push_by_instrument(stock(names[4]), quote, NOW))
    assert number.value == second.value + 1
    assert await got(market.push_by_instrument(stock(names[4]), quote, NOW)) == number
    assert await mark(market, number) == "7"
    for immediate in (second, next_free):  # too old as soon as it is there
        await got(market.push(immediate, quote, NOW))
        assert await mark(market, immediate) is None


@case("market.push market.push_for market.clear market.get market.get_optional")
async def quotes(engine: Any) -> None:
    market = engine.market_data()
    number = await got(market.resolve(stock("AAPL")))
    await got(market.push(number, Quote(mark="80"), NOW))
    # In each shard, ahead of the next order; more than twice the mark is refused.
    for one in (IN_SHARD_0, IN_SHARD_1):
        (reject,) = (await got(engine.execute_pre_trade(buy(one, "1")))).rejects
        assert (reject.policy, reject.reason) == ("Collar", "collar")
    await got(market.push_for(number, Quote(mark="100"), NOW, [account(IN_SHARD_1)], []))
    assert (await got(engine.execute_pre_trade(buy(IN_SHARD_1, "1")))).ok
    assert not (await got(engine.execute_pre_trade(buy(IN_SHARD_0, "1")))).ok
    await got(market.push_for(number, Quote(mark="90", bid="89"), NOW, [], [9]))
    asked = (number, account(IN_SHARD_0), Member())
    assert await got(market.get(*asked, EVERYWHERE)) == Quote(mark="90", bid="89")
    with pytest.raises(QuoteUnavailable, match="quote unavailable"):
        await got(market.get(*asked, QuoteResolution.ACCOUNT_ONLY))
    with pytest.raises(UnknownInstrument, match="unknown instrument"):
        await got(market.get(InstrumentId(5000), account(1), Member(), EVERYWHERE))
    with pytest.raises(UnknownInstrumentId) as missing:
        await got(market.push(InstrumentId(5000), Quote(mark="1"), NOW))
    assert missing.value.instrument_id == InstrumentId(5000)
    await got(market.clear(InstrumentId(5000)))
    await got(market.clear(number))
    assert await mark(market, number, IN_SHARD_1) is None
    assert (await got(engine.execute_pre_trade(buy(IN_SHARD_0, "1")))).ok


@case(
    "market.set_account_ttl market.clear_account_ttl market.set_account_group_ttl"
    " market.clear_account_group_ttl market.set_instrument_ttl market.clear_instrument_ttl"
    " market.set_instrument_account_ttl market.clear_instrument_account_ttl"
    " market.set_instrument_account_group_ttl market.clear_instrument_account_group_ttl"
)
async def times_to_live(engine: Any) -> None:
    market = engine.market_data()
    name = stock(f"{type(engine).__name__}T")
    number = await got(market.push_by_instrument(name, Quote(mark="3"), timedelta(hours=1)))
    soon, late = QuoteTtl.within(timedelta(minutes=59)), QuoteTtl.within(timedelta(hours=9))
    for kind, named in (
        ("account", (account(40),)),
        ("account_group", (9,)),
        ("instrument", (number,)),
        ("instrument_account", (number, account(40))),
        ("instrument_account_group", (number, 9)),
    ):
        for ttl, expected in ((late, "3"), (soon, None)):
            await got(getattr(market, f"set_{kind}_ttl")(*named, ttl))
            assert await mark(market, number, 40) == expected, kind
        with pytest.raises(QuoteExpired) as old:
            await got(market.get(number, account(40), Member(), EVERYWHERE))
        assert old.value.quote == Quote(mark="3")
        await got(getattr(market, f"clear_{kind}_ttl")(*named))
        assert await mark(market, number, 40) == "3", kind


METHODS = {
    f"{kind}.{name}"
    for kind, classes in {
        "engine": (ShardedEngine, AsyncShardedEngine),
        "accounts": (ShardedAccounts, AsyncShardedAccounts),
        "configure": (ShardedConfigurator, AsyncShardedConfigurator),
        "market": (ShardedMarketData, AsyncShardedMarketData),
    }.items()
    for one in classes
    for name in dir(one)
    if not name.startswith("_")
}


def test_none_is_missing() -> None:
    assert sorted(METHODS - set(CASES)) == []
    assert sorted(set(CASES) - METHODS) == []


def everything() -> list[Any]:
    return list(dict.fromkeys(CASES.values()))


@pytest.fixture(scope="module", params=["blocking", "asyncio"])
def served(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """A server for the cases of a face, each of which has accounts of its own."""
    policies = ["touchy_policy:Touchy", "serve_policies:Collar"]
    actor = "desk=desk_actor:Desk"
    named = [word for one in policies for word in ("--policy", one)]
    server = Server(CONFIG, *named, "--actor", actor, shards=2)
    yield request.param, server.path
    server.remove()


@pytest.mark.parametrize("run", everything(), ids=lambda run: run.__name__)
def test_a_server_has_it(served: tuple[str, str], run: Any) -> None:
    face, path = served
    if face == "asyncio":

        async def call() -> None:
            async with await openpit.connect_async(path) as engine:
                await run(engine)

        asyncio.run(call())
        return
    with openpit.connect(path) as engine, pytest.raises(StopIteration):
        run(engine).send(None)  # there is nothing to wait for


# --- classes of the program's and of the server's ------------------------------------------------


def test_classes_are_those_that_both_have(served: tuple[str, str]) -> None:
    _, path = served
    sys.modules.pop("touchy_policy", None)
    with openpit.connect(path) as engine:
        with pytest.raises(ShardCallbackError, match="TouchyError: not that") as of:
            engine.execute_pre_trade(buy(21, "13"))
        assert of.value.why == "this process has not imported touchy_policy"
        before = [shard.sent for shard in engine.stats()]
        with pytest.raises(TypeError, match="Marked cannot travel to a shard: the server has not"):
            engine.execute_pre_trade(Marked(1, operation=operation(21)))
        assert [shard.sent for shard in engine.stats()] == before
    with pytest.raises(ModuleNotFoundError):
        openpit.connect(path, modules=["no_such_policy"])
    with pytest.raises(TypeError, match="modules or their names"):
        openpit.connect(path, modules=[7])  # type: ignore[list-item]
    with openpit.connect(path, modules=["touchy_policy"]) as engine:
        given = sys.modules["touchy_policy"]
        with pytest.raises(given.TouchyError, match="not that"):
            engine.execute_pre_trade(buy(21, "13"))
        ticket = given.Ticket(operation=operation(21))
        ticket.desk = "fx"
        with pytest.raises(given.TouchyError):
            engine.execute_pre_trade(ticket)
        ticket.desk = "rates"
        assert engine.execute_pre_trade(ticket).ok
    sys.modules.pop("touchy_policy", None)
