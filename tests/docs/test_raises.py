"""Every public call says what it raises, and raises that; or it cannot raise, and that is seen."""

from __future__ import annotations

import builtins
import inspect
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from link import link
from makers import deposit, order, pnl_report
from public import cannot_raise, public_callables, public_classes, raised_by, said_of

import openpit
from openpit import core, errors, limits, marketdata, param, pretrade
from openpit.core.opaque import Opaque
from openpit.engine.configurator import Configurator
from openpit.faces.blocking.accounts import ShardedAccounts
from openpit.pretrade import policies

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.one_python

EVERY = public_callables()
SEVEN = param.AccountId.from_int(7)
GROUP = param.AccountGroupId.from_int(3)
AAPL = openpit.Instrument("AAPL", "USD")
BUY = param.Side.BUY


def an_engine(*extra: Any) -> openpit.Engine:
    stage = openpit.Engine.builder().no_sync().builtin(policies.build_order_validation())
    stage = stage.builtin(
        policies.build_rate_limit().broker_barrier(
            policies.RateLimitBrokerBarrier(policies.RateLimit(9, timedelta(seconds=1)))
        )
    )
    for policy in extra:
        stage = stage.pre_trade(policy)
    return stage.build()


def a_shard() -> openpit.ShardStats:
    stats: list[openpit.ShardStats] = shards().stats()
    return stats[0]


def shards() -> Any:
    return link(openpit.Engine.builder().sharded(2).builtin(policies.build_order_validation()))


def closed() -> Any:
    engine = shards()
    engine.close()
    return engine


def service() -> marketdata.MarketDataService:
    stage = openpit.Engine.builder().no_sync()
    made = stage.market_data(marketdata.QuoteTtl.infinite()).build()
    made.register(AAPL)
    return made


class Desk:
    """An actor that calls its engine, outside a message or in one, as it is told."""

    def __init__(self, engine: openpit.ActorEngine, shard: int) -> None:
        self.engine = engine

    def receive(self, account_id: param.AccountId, message: bytes) -> None:
        getattr(self.engine, message.decode())(*("x",) if message == b"halt" else ())


def asked_to(method: bytes) -> object:
    builder = openpit.Engine.builder().sharded(1).builtin(policies.build_order_validation())
    return link(builder.actor("desk", Desk)).ask("desk", SEVEN, method)


class Raising(pretrade.Policy):
    """Raises what it is made with, everywhere."""

    name = "Raising"

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        raise LookupError("no")

    def apply_execution_report(self, ctx: Any, report: Any) -> Any:
        raise LookupError("no")

    def apply_account_adjustment(self, ctx: Any, account_id: Any, adjustment: Any) -> Any:
        raise LookupError("no")


class Failing(pretrade.Policy):
    """Cannot commit."""

    name = "Failing"

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        def fail() -> None:
            raise LookupError("no")

        return pretrade.PolicyDecision.accept([openpit.Mutation(fail, lambda: None)])


def reserved(engine: Any) -> Any:
    return engine.execute_pre_trade(order()).reservation


def ended(engine: Any) -> Any:
    handle = reserved(engine)
    handle.rollback()
    return handle


# --- what has to say nothing ----------------------------------------------------------------------

#: What no look at its code shows: it takes no argument that it could refuse. Each is called.
NEVER: dict[str, Callable[[], object]] = {
    "openpit.Accounts.unblock_all": lambda: an_engine().accounts().unblock_all(),
    "openpit.Engine.groups": lambda: an_engine().groups(),
    "openpit.Engine.resume": lambda: an_engine().resume(),
    "openpit.Engine.settings": lambda: an_engine().settings(),
    "openpit.ExecutionReport.financial_impact": lambda: openpit.ExecutionReport().financial_impact,
    "openpit.ExecutionReport.operation": lambda: openpit.ExecutionReport().operation,
    "openpit.ExecutionReportFillDetails.fee": lambda: a_fill().fee,
    "openpit.ExecutionReportFillDetails.last_trade": lambda: a_fill().last_trade,
    "openpit.Leverage.value": lambda: param.Leverage(10).value,
    "openpit.Mutation": lambda: openpit.Mutation(None, None),  # type: ignore[arg-type]
    "openpit.Observer.answered": lambda: openpit.Observer().answered(a_shard()),
    "openpit.Observer.depth": lambda: openpit.Observer().depth(0, 1, 2),
    "openpit.Observer.down": lambda: openpit.Observer().down(a_shard()),
    "openpit.Observer.ran": lambda: openpit.Observer().ran(0, 0.1),
    "openpit.Observer.recovered": lambda: openpit.Observer().recovered(a_shard()),
    "openpit.Observer.recovering": lambda: openpit.Observer().recovering(a_shard()),
    "openpit.Observer.session_closed": lambda: openpit.Observer().session_closed(1, "desk", 0),
    "openpit.Observer.session_opened": lambda: openpit.Observer().session_opened(1, "desk", 0),
    "openpit.Observer.stalled": lambda: openpit.Observer().stalled(a_shard()),
    "openpit.Observer.waited": lambda: openpit.Observer().waited(0, 0.1),
    "openpit.Order.operation": lambda: openpit.Order().operation,
    "openpit.PostTradeResult.account_adjustments": lambda: a_result().account_adjustments,
    "openpit.PostTradeResult.account_pnls": lambda: a_result().account_pnls,
    "openpit.ShardedEngine.close": lambda: (closed().close(), shards().close(rollback=True)),
    "openpit.ShardedEngine.poll": lambda: (closed().poll(), shards().poll()),
    "openpit.ShardedEngine.stats": lambda: (closed().stats(), shards().stats()),
    "openpit.SomeItemsFailed.derive": lambda: some_failed().derive([ValueError()]),
    "openpit.core.SettlementScheme.delivery": lambda: core.SettlementScheme.uniform(2).delivery,
    "openpit.core.SettlementScheme.payment": lambda: core.SettlementScheme.uniform(2).payment,
    "openpit.limits.ConfigError.locate": lambda: limits.ConfigError("no").locate(""),
    "openpit.limits.schema": limits.schema,
    "openpit.marketdata.MarketDataBuilder.build": service,
    "openpit.param.PositionSize.to_close_quantity": lambda: param.PositionSize(
        -1
    ).to_close_quantity(),
    "openpit.param.PositionSize.to_open_quantity": lambda: param.PositionSize(
        -1
    ).to_open_quantity(),
    "openpit.pretrade.AccountAdjustmentBatchResult.outcomes": lambda: (
        an_engine().apply_account_adjustment(SEVEN, [deposit("USD", "1")]).outcomes
    ),
    "openpit.pretrade.DryRunReport.account_adjustments": lambda: (
        an_engine().execute_pre_trade_dry_run(order()).account_adjustments
    ),
    "openpit.pretrade.Lock.entries": lambda: a_lock().entries(),
    "openpit.pretrade.Lock.to_cbor": lambda: a_lock().to_cbor(),
    "openpit.pretrade.Lock.to_json": lambda: a_lock().to_json(),
    "openpit.pretrade.Lock.to_msgpack": lambda: a_lock().to_msgpack(),
    "openpit.pretrade.Policy.apply_account_adjustment": lambda: an_engine(
        Failing()
    ).apply_account_adjustment(SEVEN, [deposit("USD", "1")]),
    "openpit.pretrade.Policy.perform_pre_trade_check": lambda: reserved(an_engine(Plain())),
}

#: Properties of what policies are given: each is read in a callback, of one below.
IN_CALLBACKS = {
    "openpit.AccountAdjustmentContext.account_group",
    "openpit.pretrade.Context.account_control",
    "openpit.pretrade.Context.account_group",
    "openpit.pretrade.Context.is_drop_copy",
    "openpit.pretrade.Context.is_replaying",
    "openpit.pretrade.PostTradeContext.account_group",
}


#: They tell of whatever a shard does, as tests/faults/test_metrics.py has it.
SCRAPES = {
    "openpit.metrics.AsyncEngineCollector.collect",
    "openpit.metrics.AsyncEngineCollector.scrape",
    "openpit.metrics.AsyncEngineCollector.text",
    "openpit.metrics.EngineCollector.collect",
    "openpit.metrics.EngineCollector.text",
}


class Plain(pretrade.Policy):
    """Says nothing of its own."""

    name = "Plain"


class Reading(pretrade.Policy):
    """Reads all that its contexts have."""

    name = "Reading"

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        return read_all(ctx)

    def apply_execution_report(self, ctx: Any, report: Any) -> Any:
        return read_all(ctx)

    def apply_account_adjustment(self, ctx: Any, account_id: Any, adjustment: Any) -> Any:
        read_all(ctx)
        return pretrade.PolicyAccountAdjustmentResult()


def read_all(ctx: Any) -> None:
    for name, value in inspect.getmembers_static(type(ctx)):
        if isinstance(value, property):
            getattr(ctx, name)


def a_fill() -> openpit.ExecutionReportFillDetails:
    return openpit.ExecutionReportFillDetails(lock=pretrade.Lock())


def a_lock() -> pretrade.Lock:
    return pretrade.Lock([(0, param.Price("1.50")), (3, param.Price("-2"))])


def a_result() -> Any:
    return an_engine().apply_execution_report(pnl_report(7, "1"))


def some_failed() -> errors.SomeItemsFailed:
    with pytest.raises(errors.SomeItemsFailed) as caught:
        an_engine().commit_many([object()])  # type: ignore[list-item]
    return caught.value


def is_builder(name: str) -> bool:
    """Whether a policy's builder is called, which keeps what it is given until ``builtin()``."""
    home, _, rest = name.partition("openpit.pretrade.policies.")
    return not home and (rest.partition(".")[0].endswith("Builder") or rest.startswith("build_"))


def test_every_public_call_says_what_it_raises_or_cannot_raise() -> None:
    silent = {
        one.name for one in EVERY if not raised_by(one.said) and not cannot_raise(one.function)
    }
    silent = {name for name in silent if not is_builder(name)}
    told = {
        *NEVER,
        *IN_CALLBACKS,
        *(name.replace("openpit.", "openpit.Async", 1) for name in NEVER),
        *SCRAPES,
    }
    assert sorted(silent - told) == []
    assert sorted({*NEVER, *IN_CALLBACKS, *SCRAPES} - silent) == []
    assert len(EVERY) > 600
    assert sum(bool(raised_by(one.said)) for one in EVERY) > 340


@pytest.mark.parametrize("name", NEVER)
def test_what_says_nothing_raises_nothing(name: str) -> None:
    NEVER[name]()


def test_what_a_policy_reads_of_its_call_raises_nothing() -> None:
    engine = an_engine(Reading())
    assert engine.execute_pre_trade(order())
    assert engine.execute_pre_trade_dry_run(order())
    assert engine.apply_drop_copy(order())
    engine.apply_execution_report(pnl_report(7, "1"))
    assert engine.apply_account_adjustment(SEVEN, [deposit("USD", "1")])


def test_a_policys_builder_keeps_what_it_is_given() -> None:
    called = 0
    for one in EVERY:
        if not is_builder(one.name) or raised_by(one.said):
            continue
        kind = getattr(policies, one.name.split(".")[3])
        taken = list(inspect.signature(one.function).parameters)
        if not isinstance(kind, type) or one.name.count(".") == 3:
            kind()
        else:
            one.function(kind(), *[object() for each in taken if each != "self"])
        called += 1
    assert called > 20


def test_what_only_the_engine_makes_cannot_be_made() -> None:
    opaque = [
        kind
        for kind in public_classes()
        if issubclass(kind, Opaque) and kind.__new__ is Opaque.__new__
    ]
    assert len(opaque) > 30
    for kind in opaque:
        with pytest.raises(TypeError, match=r"^cannot create "):
            kind()


def named(name: str) -> type[BaseException]:
    """Return the class of a name in a docstring."""
    short = name.removeprefix("openpit.")
    for home in (errors, limits, builtins):
        found = getattr(home, short, None)
        if isinstance(found, type) and issubclass(found, BaseException):
            return found
    raise AssertionError(f"there is no exception {name}")


def test_what_is_raised_is_an_exception_that_there_is() -> None:
    for one in EVERY:
        for name in raised_by(one.said):
            named(name)


# --- what is said is so ---------------------------------------------------------------------------


class Case(NamedTuple):
    """A call, and what it raises of what it says."""

    of: Any
    raises: type[BaseException]
    call: Callable[[], object]


E, A, C, L = openpit.Engine, openpit.Accounts, Configurator, pretrade.Lock
S = marketdata.MarketDataService
ANY: Any = object()

CASES = [
    # values
    Case(param.Price, errors.ParamError, lambda: param.Price("1e5")),
    Case(param.Price, ValueError, lambda: param.Price(None)),  # type: ignore[arg-type]
    Case(param.Price, TypeError, lambda: param.Price(param.Fee(1))),  # type: ignore[arg-type]
    Case(param.Quantity, errors.ParamError, lambda: param.Quantity("-1")),
    Case(param.Price.from_decimal, TypeError, lambda: param.Price.from_decimal(ANY)),
    Case(
        param.Price.from_decimal,
        errors.ParamError,
        lambda: param.Price.from_decimal(Decimal("NaN")),
    ),
    Case(param.Price.from_string, errors.ParamError, lambda: param.Price.from_string("x")),
    Case(param.Price.from_string, TypeError, lambda: param.Price.from_string(ANY)),
    Case(param.Price.from_int, TypeError, lambda: param.Price.from_int(ANY)),
    Case(param.Price.from_int, errors.ParamError, lambda: param.Price.from_int(2**200)),
    Case(param.Price.from_float, errors.ParamError, lambda: param.Price.from_float(float("inf"))),
    Case(param.Price.from_float, TypeError, lambda: param.Price.from_float(ANY)),
    Case(
        param.Price.from_string_rounded,
        OverflowError,
        lambda: param.Price.from_string_rounded("1", -1, "Up"),
    ),
    Case(
        param.Price.from_string_rounded,
        ValueError,
        lambda: param.Price.from_string_rounded("1", 1, "x"),
    ),
    Case(param.Price.calculate_volume, TypeError, lambda: param.Price(1).calculate_volume(ANY)),
    Case(
        param.Price.calculate_volume,
        errors.ParamError,
        lambda: param.Price(10**28).calculate_volume(param.Quantity(10**28)),
    ),
    Case(
        param.PositionSize.from_quantity_and_side,
        ValueError,
        lambda: param.PositionSize.from_quantity_and_side(param.Quantity(1), "x"),
    ),
    Case(param.Notional.from_volume, TypeError, lambda: param.Notional.from_volume(ANY)),
    Case(
        param.Notional.calculate_margin_required,
        ValueError,
        lambda: param.Notional(1).calculate_margin_required(0),
    ),
    Case(param.Leverage, ValueError, lambda: param.Leverage(0.05)),
    Case(param.Leverage.from_int, OverflowError, lambda: param.Leverage.from_int(2**70)),
    Case(param.Leverage.from_int, TypeError, lambda: param.Leverage.from_int(ANY)),
    Case(param.Leverage.from_float, ValueError, lambda: param.Leverage.from_float(0.0)),
    Case(param.AccountId, TypeError, param.AccountId),
    Case(param.AccountId.from_int, OverflowError, lambda: param.AccountId.from_int(-1)),
    Case(
        param.AccountId.from_string, errors.AccountIdError, lambda: param.AccountId.from_string(" ")
    ),
    Case(param.AccountId.from_string, TypeError, lambda: param.AccountId.from_string(ANY)),
    Case(param.AccountGroupId.from_int, ValueError, lambda: param.AccountGroupId.from_int(0)),
    Case(
        param.AccountGroupId.from_int, OverflowError, lambda: param.AccountGroupId.from_int(2**32)
    ),
    Case(param.Asset, errors.AssetError, lambda: param.Asset("")),
    Case(param.Asset, TypeError, lambda: param.Asset(ANY)),
    Case(core.InstrumentId, OverflowError, lambda: core.InstrumentId(-1)),
    Case(param.TradeAmount.quantity, errors.ParamError, lambda: param.TradeAmount.quantity("-1")),
    Case(param.TradeAmount.quantity, ValueError, lambda: param.TradeAmount.quantity(ANY)),
    Case(
        param.TradeAmount.quantity, TypeError, lambda: param.TradeAmount.quantity(param.Volume(1))
    ),  # type: ignore[arg-type]
    Case(
        param.AdjustmentAmount.delta, errors.ParamError, lambda: param.AdjustmentAmount.delta("x")
    ),
    Case(param.MonetaryAmount, errors.AssetError, lambda: param.MonetaryAmount(param.Fee(1), "")),
    Case(param.Trade, ValueError, lambda: param.Trade(price=ANY, quantity=ANY)),
    Case(param.Trade, TypeError, lambda: param.Trade(price=1, quantity=param.Quantity(1))),  # type: ignore[arg-type]
    # orders and reports
    Case(openpit.Instrument, ValueError, lambda: openpit.Instrument("", "USD")),
    Case(openpit.Instrument, TypeError, lambda: openpit.Instrument(ANY, "USD")),
    Case(openpit.OrderOperation, TypeError, lambda: an_operation(side="x")),
    Case(openpit.OrderOperation, errors.ParamError, lambda: an_operation(price="x")),
    Case(openpit.OrderOperation, ValueError, lambda: an_operation(price=ANY)),
    Case(openpit.OrderOperation, AttributeError, lambda: an_operation(instrument=None)),
    Case(
        openpit.OrderOperation.underlying_asset,
        ValueError,
        lambda: setattr(an_operation(), "underlying_asset", ""),
    ),
    Case(openpit.Order, TypeError, lambda: openpit.Order(operation=ANY)),
    Case(openpit.OrderPosition, TypeError, lambda: openpit.OrderPosition(reduce_only=ANY)),
    Case(openpit.OrderMargin, ValueError, lambda: openpit.OrderMargin(collateral_asset="")),
    Case(openpit.ExecutionReport, TypeError, lambda: openpit.ExecutionReport(fill=ANY)),
    Case(
        openpit.FinancialImpact, errors.ParamError, lambda: openpit.FinancialImpact(pnl="x", fee=1)
    ),  # type: ignore[arg-type]
    Case(
        openpit.ExecutionReportFillDetails,
        TypeError,
        lambda: openpit.ExecutionReportFillDetails(lock=ANY),
    ),
    Case(
        openpit.AccountAdjustmentAmount,
        TypeError,
        lambda: openpit.AccountAdjustmentAmount(held=ANY),
    ),
    Case(
        openpit.AccountAdjustmentBounds,
        ValueError,
        lambda: openpit.AccountAdjustmentBounds(held_lower=ANY),
    ),
    Case(
        openpit.AccountAdjustmentBalanceOperation,
        ValueError,
        lambda: openpit.AccountAdjustmentBalanceOperation(asset=""),
    ),
    Case(openpit.AccountAdjustment, TypeError, lambda: openpit.AccountAdjustment(amount=ANY)),
    Case(L, ValueError, lambda: L([(-1, param.Price(1))])),
    Case(L, TypeError, lambda: L([ANY])),
    Case(L.merge, RuntimeError, lambda: (lock := a_lock()).merge(lock)),
    Case(L.push, ValueError, lambda: a_lock().push(-1, param.Price(1))),
    Case(L.from_json, ValueError, lambda: L.from_json("{")),
    Case(L.from_cbor, TypeError, lambda: L.from_cbor(ANY)),
    Case(
        core.SettlementLag,
        OverflowError,
        lambda: core.SettlementLag(-1, core.SettlementUnit.BUSINESS_DAYS),
    ),
    Case(
        core.ReferenceBook.register,
        errors.ReferenceBookRegistrationError,
        lambda: [a_book().register(AAPL) for _ in "ab"],
    ),
    Case(
        core.ReferenceBook.settlement_scheme,
        errors.UnknownReferenceBookInstrumentId,
        lambda: a_book().settlement_scheme(core.InstrumentId(9)),
    ),
    # policies
    Case(pretrade.AccountBlock, ValueError, lambda: a_block(code="zzz")),
    Case(pretrade.AccountBlock, OverflowError, lambda: a_block(user_data=-1)),
    Case(
        pretrade.PolicyReject, TypeError, lambda: pretrade.PolicyReject("Custom", "", "", "order")
    ),  # type: ignore[arg-type]
    Case(pretrade.PolicyDecision.accept, TypeError, lambda: pretrade.PolicyDecision.accept(ANY)),
    Case(pretrade.PnlOutcome, ValueError, pretrade.PnlOutcome),
    Case(
        pretrade.AccountAdjustmentOutcome,
        ValueError,
        lambda: pretrade.AccountAdjustmentOutcome(policy_group_id=-1, entry=an_entry()),
    ),
    Case(openpit.PostTradeResult, TypeError, lambda: openpit.PostTradeResult(account_blocks=ANY)),
    Case(
        openpit.PostTradeResult,
        AttributeError,
        lambda: openpit.PostTradeResult(account_blocks=[ANY]),
    ),
    Case(
        policies.SpotFundsReadyBuilder.market_data,
        ValueError,
        lambda: policies.SpotFundsReadyBuilder().market_data(ANY, 1, "x"),
    ),  # type: ignore[arg-type]
    # the engine
    Case(E.execute_pre_trade, TypeError, lambda: an_engine().execute_pre_trade(ANY)),
    Case(E.execute_pre_trade, LookupError, lambda: an_engine(Raising()).execute_pre_trade(order())),
    Case(
        E.execute_pre_trade_dry_run,
        LookupError,
        lambda: an_engine(Raising()).execute_pre_trade_dry_run(order()),
    ),
    Case(E.apply_drop_copy, LookupError, lambda: an_engine(Raising()).apply_drop_copy(order())),
    Case(
        E.apply_execution_report,
        LookupError,
        lambda: an_engine(Raising()).apply_execution_report(pnl_report(7, "1")),
    ),
    Case(
        E.apply_account_adjustment, TypeError, lambda: an_engine().apply_account_adjustment(7, [])
    ),  # type: ignore[arg-type]
    Case(
        E.apply_account_adjustment,
        LookupError,
        lambda: an_engine(Raising()).apply_account_adjustment(SEVEN, [deposit("USD", "1")]),
    ),
    Case(E.halt, TypeError, lambda: an_engine().halt(ANY)),
    Case(E.account_state, TypeError, lambda: an_engine().account_state(ANY)),
    Case(
        E.commit_many, errors.SomeItemsFailed, lambda: an_engine().commit_many([ended(an_engine())])
    ),
    Case(
        openpit.SyncedEngineBuilder.pre_trade,
        ValueError,
        lambda: openpit.Engine.builder().no_sync().pre_trade(type("P", (Plain,), {"name": 5})()),
    ),
    Case(openpit.ReadyEngineBuilder.build, ValueError, lambda: an_engine(Plain(), Plain())),
    Case(pretrade.Reservation.commit, RuntimeError, lambda: ended(an_engine()).commit()),
    Case(pretrade.Reservation.commit, LookupError, lambda: reserved(an_engine(Failing())).commit()),
    Case(pretrade.Reservation.lock, RuntimeError, lambda: ended(an_engine()).lock),
    Case(A.register_group, ValueError, lambda: an_engine().accounts().register_group([SEVEN], -1)),
    Case(
        A.register_group,
        errors.AccountGroupRegistrationError,
        lambda: [
            (a := an_accounts()).register_group([SEVEN], GROUP),
            a.register_group([SEVEN], GROUP),
        ],
    ),
    Case(A.set_currency, ValueError, lambda: an_accounts().set_currency(SEVEN, "")),
    Case(A.block, TypeError, lambda: an_accounts().block(7, "x")),  # type: ignore[arg-type]
    Case(
        A.replace_block_reason,
        errors.AccountBlockError,
        lambda: an_accounts().replace_block_reason(SEVEN, "x"),
    ),
    Case(
        C.rate_limit, errors.PolicyConfigureError, lambda: an_engine().configure().rate_limit("no")
    ),
    Case(
        C.rate_limit,
        TypeError,
        lambda: an_engine().configure().rate_limit("RateLimitPolicy", broker=ANY),
    ),
    Case(C.apply_all, ValueError, lambda: an_engine().configure().apply_all([("no", {})])),
    # market data
    Case(S.register, errors.AlreadyRegistered, lambda: service().register(AAPL)),
    Case(
        S.register_with_id,
        errors.RegistrationError,
        lambda: service().register_with_id(AAPL, core.InstrumentId(9)),
    ),
    Case(
        S.push,
        errors.UnknownInstrumentId,
        lambda: service().push(core.InstrumentId(9), marketdata.Quote(mark=1), timedelta()),
    ),
    Case(S.push, TypeError, lambda: service().push(core.InstrumentId(0), ANY, timedelta())),
    Case(
        S.push_for,
        ValueError,
        lambda: service().push_for(
            core.InstrumentId(0), marketdata.Quote(mark=1), timedelta(), [], []
        ),
    ),
    Case(S.get, errors.UnknownInstrument, lambda: read_quote(9)),
    Case(S.get, errors.QuoteUnavailable, lambda: read_quote(0)),
    Case(
        S.set_account_group_ttl,
        ValueError,
        lambda: service().set_account_group_ttl(-1, marketdata.QuoteTtl.infinite()),
    ),  # type: ignore[arg-type]
    Case(marketdata.Quote, errors.ParamError, lambda: marketdata.Quote(mark="x")),
    Case(marketdata.QuoteTtl.within, ValueError, lambda: marketdata.QuoteTtl.within(timedelta(-1))),
    # shards
    Case(
        openpit.ShardedEngine.execute_pre_trade,
        errors.EngineClosed,
        lambda: closed().execute_pre_trade(order()),
    ),
    Case(
        openpit.ShardedEngine.execute_pre_trade,
        ValueError,
        lambda: shards().execute_pre_trade(order(), key=""),
    ),
    Case(
        openpit.ShardedEngine.apply_execution_report,
        errors.EngineClosed,
        lambda: closed().apply_execution_report(pnl_report(7, "1")),
    ),
    Case(
        openpit.ShardedEngine.account_state,
        errors.EngineClosed,
        lambda: closed().account_state(SEVEN),
    ),
    Case(openpit.ShardedEngine.shard_of, TypeError, lambda: shards().shard_of(7)),
    Case(openpit.ShardedEngine.ask, LookupError, lambda: shards().ask("no", SEVEN, b"")),
    Case(openpit.ShardedEngine.halted, errors.EngineClosed, lambda: closed().halted()),
    Case(ShardedAccounts.block, errors.EngineClosed, lambda: closed().accounts().block(SEVEN, "x")),
    Case(openpit.EngineBuilder.sharded, ValueError, lambda: openpit.Engine.builder().sharded(0)),
    Case(openpit.EngineBuilder.sharded, TypeError, lambda: openpit.Engine.builder().sharded(ANY)),
    Case(openpit.ActorEngine.halt, errors.ActorScopeError, lambda: asked_to(b"halt")),
    Case(openpit.ActorEngine.groups, errors.ActorScopeError, lambda: asked_to(b"groups")),
    Case(openpit.connect, errors.ServerRefused, lambda: openpit.connect("/nowhere/desk.sock")),
    Case(limits.loads, limits.ConfigError, lambda: limits.loads("[no]")),
]


def an_operation(**otherwise: Any) -> openpit.OrderOperation:
    given: dict[str, Any] = {
        "instrument": AAPL,
        "side": BUY,
        "trade_amount": param.TradeAmount.quantity(1),
        "account_id": SEVEN,
    }
    return openpit.OrderOperation(**given | otherwise)


def an_entry() -> pretrade.AccountOutcomeEntry:
    return pretrade.AccountOutcomeEntry(asset="USD")


def an_accounts() -> openpit.Accounts:
    return an_engine().accounts()


BOOK = core.ReferenceBook()


def a_book() -> core.ReferenceBook:
    return BOOK


def a_block(**otherwise: Any) -> pretrade.AccountBlock:
    given: dict[str, Any] = {"policy": "P", "code": "Custom", "reason": "", "details": ""}
    return pretrade.AccountBlock(**given | otherwise)


def read_quote(number: int) -> marketdata.Quote:
    reader = type("Reader", (), {"account_group": None})()
    return service().get(
        core.InstrumentId(number),
        SEVEN,
        reader,
        marketdata.QuoteResolution.ACCOUNT_THEN_GROUP_THEN_DEFAULT,
    )


@pytest.mark.parametrize("number", range(len(CASES)))
def test_a_call_raises_what_it_says(number: int) -> None:
    case = CASES[number]
    with pytest.raises(case.raises) as caught:
        case.call()
    said = [named(name) for name in raised_by(said_of(case.of))]
    assert type(caught.value) in said or any(
        kind in said for kind in type(caught.value).__mro__[1:-2]
    ), (case.of, type(caught.value), said)


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 100
    assert len({case.of for case in CASES}) >= 70
