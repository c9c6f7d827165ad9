"""Callers: each makes one call of the public engine, which may take any time to end."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from makers import account, deposit, fill, order, pnl_report
from sim_policies import BROKER_MAX, BROKER_WINDOW, COMMIT_FAILS, QUANTITIES, ROLLBACK_FAILS
from stations import Turn, Waiting

from openpit import param
from openpit.core import Instrument
from openpit.marketdata import Quote
from openpit.pretrade import Lock, policies

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from simulator import Simulation

    from openpit.client.deadlines import Patience

__all__ = ["ACCOUNTS", "ORDERING", "Caller", "Desk", "Held"]

ACCOUNTS = (1, 2, 3, 4, 5, 6)

ORDERING = ("commit", "keep", "leave")
"""The steps of a message that have an order checked."""


class Caller:
    """One call, from its beginning to its end."""

    def __init__(
        self,
        number: int,
        name: str,
        about: dict[str, Any],
        call: Any,
        seconds: Callable[[], float],
    ) -> None:
        self.number = number
        self.name = name
        self.about = about
        self.began_at = 0  # the time before the call
        self.began_in = 0  # the event
        self.call: Any = None  # the client's, while it is waited for
        self.was_expired = False
        self.was_cancelled = False
        self.is_over = False
        self.result: Any = None
        self.error: BaseException | None = None
        self._coroutine: Coroutine[Any, Any, Any] = call
        self._takes_turn = False
        self._seconds = seconds
        self._waits_since = 0.0
        self._waited_for_credit = False

    @property
    def is_ready(self) -> bool:
        """Whether it can go on."""
        return self._takes_turn or (self.call is not None and self.call.done)

    @property
    def may_be_cancelled(self) -> bool:
        return self._takes_turn or self.call is not None

    def advance(self) -> None:
        """Begin, or go on until the next wait or the end."""
        self.call = None
        self._takes_turn = False
        try:
            waits_for = self._coroutine.send(None)
        except StopIteration as end:
            self.result = end.value
            self.is_over = True
        except Exception as error:  # noqa: BLE001 - what a call raises is its outcome
            self.error = error.with_traceback(None)
            self.is_over = True
        else:
            self._wait(waits_for)

    def _wait(self, waits_for: Any) -> None:
        if isinstance(waits_for, Waiting):
            self.call = waits_for.call
            self._waits_since = self._seconds()
            self._waited_for_credit = not self.call.is_sent
        else:
            assert isinstance(waits_for, Turn)
            self._takes_turn = True

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for a call that is not done."""
        return self.call is not None and not self.call.done

    def is_due(self, now: float, patience: Patience) -> bool:
        """Whether it has waited as long as it may, for credit or for the answer."""
        max_wait = patience.max_wait or patience.timeout
        if not self.call.is_sent:
            limit = max_wait
        elif self._waited_for_credit:
            limit = max(patience.timeout, max_wait)
        else:
            limit = patience.timeout
        return bool(self.call.has_deadline and now >= self._waits_since + limit)

    def cancel(self, error: BaseException) -> None:
        """Go away."""
        self.was_cancelled = True
        self.is_over = True
        self.call = None
        try:
            self._coroutine.throw(error)
        except type(error):
            return
        raise AssertionError("a cancelled caller goes on")

    def summary(self) -> Any:
        """What the trace says of the outcome."""
        if self.error is not None:
            return type(self.error).__name__, str(self.error)
        return _summary(self.result)


def _summary(result: Any) -> Any:
    if isinstance(result, list):
        return [_summary(item) for item in result]
    if isinstance(result, bytes):
        return result
    rejects = getattr(result, "rejects", None)
    if rejects is not None:
        return [(reject.code, reject.details) for reject in rejects]
    return type(result).__name__


class Held:
    """A handle that a caller has been given, and what is known of its order."""

    def __init__(self, handle: Any, number: int | None, quantity: int, shard: int) -> None:
        self.handle = handle
        self.account = number
        self.quantity = quantity
        self.shard = shard


class Desk:
    """Makes callers, and keeps what they were given."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._random = simulation.random
        self._engine = simulation.engine
        self._count = 0
        self.handles: list[Held] = []
        self.is_custom = simulation.engine_name in {"custom", "everything"}
        self._calls = (
            (self._execute, 20),
            (self._start, 5),
            (self._dry_run, 2),
            (self._drop_copy, 4),
            (self._finish, 16),
            (self._batch, 5),
            (self._finish_many, 4),
            (self._report, 5),
            (self._reports, 2),
            (self._adjust, 2),
            (self._administer, 4),
            (self._of_all, 2),
            (self._group, 2),
            (self._configure, 2),
        )
        if simulation.has_actor:
            self._calls += ((self._ask, 10), (self._ask_many, 4), (self._tell, 4))

    def caller(self) -> Caller:
        """Return a new caller."""
        makers, weights = zip(*self._calls, strict=True)
        about: dict[str, Any] = {}
        maker = self._random.choices(makers, weights)[0]
        call = maker(about)
        if call is None:  # there is nothing that it could be about
            maker, call = self._execute, self._execute(about)
        self._count += 1
        return self._made(maker.__name__.lstrip("_"), about, call)

    def _made(self, name: str, about: dict[str, Any], call: Any) -> Caller:
        caller = Caller(self._count, name, about, call, lambda: self._simulation.seconds)
        caller.began_at = self._simulation.now
        caller.began_in = self._simulation.number
        self._simulation.observer.began(caller)
        return caller

    def over(self, caller: Caller) -> None:
        """Take what a caller was given, unless it went away."""
        self._simulation.observer.ended(caller)
        results = caller.result if isinstance(caller.result, list) else [caller.result]
        orders = caller.about.get("orders", ())
        for result, (number, quantity) in zip(results, orders, strict=False):
            for name in ("reservation", "request", "operation"):
                handle = getattr(result, name, None)
                if handle is not None:
                    shard = handle._link.number
                    self.handles.append(Held(handle, number, quantity, shard))
        caller.result = None

    def forget(self) -> None:
        """Let go of a handle."""
        held = self._pop()
        if self.is_custom and held.quantity == ROLLBACK_FAILS and hasattr(held.handle, "commit"):
            self._simulation.observer.will_arm(held)

    def _pop(self) -> Held:
        return self.handles.pop(self._random.randrange(len(self.handles)))

    # --- calls -----------------------------------------------------------------------------------

    def _order(self, about: dict[str, Any], *, everyone: bool = True) -> Any:
        random = self._random
        number = None if everyone and random.random() < 0.06 else random.choice(ACCOUNTS)
        quantity = random.choice(QUANTITIES)
        about.setdefault("orders", []).append((number, quantity))
        settlement = "EUR" if random.random() < 0.3 else "USD"
        price = None if random.random() < 0.2 else "1"
        side = random.choice((param.Side.BUY, param.Side.SELL))
        return order(number, str(quantity), price, side=side, instrument=("AAPL", settlement))

    def _execute(self, about: dict[str, Any]) -> Any:
        return self._engine.execute_pre_trade(self._order(about))

    def _start(self, about: dict[str, Any]) -> Any:
        return self._engine.start_pre_trade(self._order(about))

    def _dry_run(self, about: dict[str, Any]) -> Any:
        method = self._random.choice(("start_pre_trade_dry_run", "execute_pre_trade_dry_run"))
        about["is_dry"] = True
        return getattr(self._engine, method)(self._order(about))

    def _drop_copy(self, about: dict[str, Any]) -> Any:
        about["ignores_blocks"] = True
        return self._engine.apply_drop_copy(self._order(about, everyone=False))

    def _finish(self, about: dict[str, Any]) -> Any:
        if not self.handles:
            return None
        held = self._pop()
        about["held"] = held
        if hasattr(held.handle, "execute"):
            about["orders"] = [(held.account, held.quantity)]
            about["is_request"] = True
            return held.handle.execute()
        commit = self._random.random() < 0.7
        about["commits"] = commit
        return held.handle.commit() if commit else held.handle.rollback()

    def _batch(self, about: dict[str, Any]) -> Any:
        about["orders"] = []
        orders = [self._order(about) for _ in range(self._random.choice((0, 1, 3, 6, 12)))]
        return self._engine.execute_pre_trade_many(orders)

    def _finish_many(self, about: dict[str, Any]) -> Any:
        held = [each for each in self.handles if hasattr(each.handle, "commit")]
        if not held:
            return None
        held = self._random.sample(held, self._random.randint(1, len(held)))
        self.handles = [each for each in self.handles if each not in held]
        commits = self._random.random() < 0.6
        about["commits"] = commits
        about["many"] = held
        method = self._engine.commit_many if commits else self._engine.rollback_many
        return method([each.handle for each in held])

    def _any_report(self) -> Any:
        random = self._random
        form = random.random()
        if form < 0.05:
            return pnl_report(None, "1", random.choice(("0", "5")))
        number = random.choice(ACCOUNTS)
        if form < 0.6:
            pnl = random.choice(("1", "1", "1", "-1", "-60"))
            return pnl_report(number, pnl, random.choice(("0", "0", "0", "5")))
        lock = funds_lock()
        return fill(number, "1", "1", "0", lock=lock)

    def _report(self, about: dict[str, Any]) -> Any:
        report = self._any_report()
        about["arms"] = self._arms(report)
        return self._engine.apply_execution_report(report)

    def _arms(self, report: Any) -> bool:
        """Tell whether a report without account asks for a block."""
        if report.operation is not None and report.operation.account_id is not None:
            return False
        name = self._simulation.engine_name
        return name in {"checks", "funds", "everything"} or (
            name == "custom" and report.financial_impact.fee.decimal == 5
        )

    def _reports(self, about: dict[str, Any]) -> Any:
        reports = [self._any_report() for _ in range(self._random.choice((0, 1, 3, 8)))]
        about["arms"] = any(map(self._arms, reports))
        return self._engine.apply_execution_report_many(reports)

    def _adjust(self, about: dict[str, Any]) -> Any:
        deposits = [deposit(asset, "50") for asset in ("USD", "AAPL", "EUR")]
        return self._engine.apply_account_adjustment(
            account(self._random.choice(ACCOUNTS)), deposits
        )

    def _administer(self, about: dict[str, Any]) -> Any:
        random = self._random
        accounts = self._engine.accounts()
        subject = account(random.choice(ACCOUNTS))
        method = random.choice(("unblock", "unblock", "block", "set_currency", "group_of"))
        if method == "block":
            return accounts.block(subject, "by hand")
        if method == "set_currency":
            return accounts.set_currency(subject, random.choice(("USD", "EUR")))
        return getattr(accounts, method)(subject)

    def _of_all(self, about: dict[str, Any]) -> Any:
        random = self._random
        accounts = self._engine.accounts()
        method = random.choice(
            ("unblock_all", "unblock_all", "block_group", "unblock_group", "set_group_currency")
        )
        if method == "unblock_all":
            about["unblocks_all"] = True
            return accounts.unblock_all()
        group = random.choice((1, 2))
        if method == "unblock_group":
            return accounts.unblock_group(group)
        return getattr(accounts, method)(group, "USD")

    def _group(self, about: dict[str, Any]) -> Any:
        random = self._random
        method = random.choice(("register_group", "register_group", "unregister_group"))
        numbers = random.sample(ACCOUNTS, random.randint(1, 3))
        group = random.choice((1, 2))
        about["group"] = (method, numbers, group)
        return getattr(self._engine.accounts(), method)([account(each) for each in numbers], group)

    def _configure(self, about: dict[str, Any]) -> Any:
        random = self._random
        configure = self._engine.configure()
        form = random.random()
        if form < 0.4:
            pnl = param.Pnl(random.choice(("0", "-200")))
            subject = account(random.choice(ACCOUNTS))
            return configure.set_account_pnl(
                "PnlBoundsKillSwitchPolicy", account=subject, settlement_asset="USD", pnl=pnl
            )
        if form < 0.6:
            mode = random.choice(list(policies.SpotFundsLimitMode))
            return configure.spot_funds("SpotFundsPolicy", global_limit_mode=mode)
        about["retunes"] = True
        limit = policies.RateLimit(BROKER_MAX // 3, timedelta(microseconds=BROKER_WINDOW // 1000))
        if form < 0.8:
            barriers = [policies.RateLimitAssetBarrier(limit, random.choice(("USD", "EUR")))]
            return configure.rate_limit(
                "RateLimitPolicy", asset_barriers=barriers[: random.randint(0, 1)]
            )
        if form < 0.9:
            return configure.rate_limit("RateLimitPolicy", clear_broker=True)
        broker = policies.RateLimitBrokerBarrier(limit)
        return configure.rate_limit("RateLimitPolicy", broker=broker)

    # --- messages to the actor -------------------------------------------------------------------

    def _message(self, about: dict[str, Any]) -> tuple[Any, bytes, dict[str, int]]:
        """Make a message, which may declare fewer orders, or more, than it has."""
        random = self._random
        number = random.choice(ACCOUNTS)
        steps = [self._step() for _ in range(random.choice((0, 1, 1, 2, 4)))]
        declared: dict[str, int] = {}
        for step, *rest in steps:
            if step in ORDERING:
                declared[rest[1]] = declared.get(rest[1], 0) + 1
        if random.random() < 0.3:
            declared["USD"] = random.choice((0, 3))
        about.setdefault("messages", []).append((number, steps))
        return account(number), json.dumps(steps).encode(), declared

    def _step(self) -> list[Any]:
        random = self._random
        form = random.random()
        if form < 0.7:
            quantity = random.choice(QUANTITIES)
            return [random.choice(ORDERING), quantity, random.choice(("USD", "USD", "EUR"))]
        if form < 0.9:
            return ["finish", random.choice(("commit", "commit", "rollback"))]
        if form < 0.95:
            return ["fail"]
        return ["stray", random.choice(ACCOUNTS)] if form < 0.99 else ["large"]

    def _ask(self, about: dict[str, Any]) -> Any:
        subject, message, declared = self._message(about)
        return self._engine.ask("gate", subject, message, orders=declared)

    def _ask_many(self, about: dict[str, Any]) -> Any:
        about["messages"] = []
        messages = [self._message(about) for _ in range(self._random.choice((0, 1, 3, 8)))]
        return self._engine.ask_many("gate", messages)

    def _tell(self, about: dict[str, Any]) -> Any:
        subject, message, declared = self._message(about)
        about["is_told"] = True
        return self._engine.tell("gate", subject, message, orders=declared)

    # --- others ----------------------------------------------------------------------------------

    def quote(self) -> None:
        """Push a quote, which goes to all shards."""
        self._simulation.note("quote")
        service = self._simulation.services[0]
        price = self._random.choice(("1", "2"))
        quote = Quote(mark=param.Price(price))
        service.push_by_instrument(Instrument("AAPL", "USD"), quote, timedelta(0))

    def close(self) -> None:
        """Begin to close the engine."""
        if self._simulation.router.books.is_closed:
            return
        self._count += 1
        self._simulation.end_stalled()
        caller = self._made("close", {}, self._engine.close())
        self._simulation.callers.append(caller)
        self._simulation._advance(caller)


def funds_lock() -> Any:
    """A lock as spot funds write it: one price of the default group."""
    return Lock([(0, "1")])


def failing(held: Held, *, commits: bool) -> bool:
    """Tell whether finalising a custom policy's reservation raises."""
    return held.quantity == (COMMIT_FAILS if commits else ROLLBACK_FAILS)
