"""Scenarios of which half the calls go through an actor: one engine and shards, call by call.

On one engine the actor is in the caller, and what its messages may count is kept by a ledger of its
own. Steps are JSON: ``["execute", name, account, quantity, asset]``, ``["message", account, steps,
orders]`` and so on; those of a message are the steps of ``support/gateways.py``.
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from custom_policies import Touchy
from flow import account, report
from gateways import Gateway, message, order, told
from link import link
from makers import Clock, deposit

import openpit
from openpit.client.asking import declared_of
from openpit.faces.acting import new_actor_engine
from openpit.pretrade import policies
from openpit.pretrade.policies.rate_limit import RateLimitPolicy
from openpit.shards.message_scope import MessageScope
from openpit.shards.tallies import Tallies

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["ActingPair", "Parting", "acting_scenario"]

ACCOUNTS = (1, 2, 3, 4, 5)
_SECOND = 1_000_000_000
_ASSETS = ("USD", "USD", "USD", "EUR")
_QUANTITIES = ("0", "1", "2", "5", "20", "54", "13", "17")
_SCOPES = (
    ["call", "configure"],
    ["call", "halt", "x"],
    ["call", "groups"],
    ["call", "accounts.unblock_all"],
    ["call", "accounts.block_group", 1, "x"],
    ["call", "halted"],
    ["fail", "ZeroDivisionError", "as asked"],
    ["fail", "KeyError", "none"],
    ["order", "1", 2],
    ["order", "1", None],
    ["report", "-5", None],
    ["deposit", "1", 3],
)


# --- one engine, with the actor in the caller ---------------------------------------------------


class _Spy:
    """Windows that tell whether an order has been counted."""

    def __init__(self, windows: Any) -> None:
        self._windows = windows
        self.is_counted = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._windows, name)

    def count(self, settlement: str | None, now: int) -> Any:
        self.is_counted = True
        return self._windows.count(settlement, now)

    def count_broker(self, now: int) -> int:
        self.is_counted = True
        counted: int = self._windows.count_broker(now)
        return counted


class _Ledger:
    """What a message may count, kept without ranks."""

    def __init__(self, core: Any) -> None:
        self._policy = next((p for p in core.policies if isinstance(p, RateLimitPolicy)), None)
        if self._policy is not None:
            self._policy.windows = self.spy = _Spy(self._policy.windows)
        self._all = 0
        self._of: dict[str, int] = {}
        self._counts: list[str | None] = []

    def declare(self, orders: Any) -> None:
        self._all, listed = declared_of(orders)
        self._of = dict(listed)

    def supply(self, _: int, settlement: str | None) -> str | None:
        settings = None if self._policy is None else self._policy.settings
        self._counts = []
        if settings is None:
            return None
        is_asset = settlement in settings.assets
        if settings.broker is None and not is_asset:
            return None
        if not self._all:
            return "its message has declared no order more that may count"
        if is_asset and not self._of.get(str(settlement)):
            return f"its message has declared no order more that is settled in {settlement}"
        self._counts = [None, settlement] if is_asset else [None]
        self.spy.is_counted = False
        return None

    def take(self) -> None:
        if not self._counts or not self.spy.is_counted:
            return
        self._all -= 1
        for asset in self._counts[1:]:
            self._of[str(asset)] -= 1


class _OneEngine:
    """An engine, and beside it the methods that only a sharded one has."""

    def __init__(self, engine: openpit.Engine, clock: Clock) -> None:
        self.engine = engine
        self._clock = clock
        self._ledger = _Ledger(engine._core)
        self._scope = MessageScope("gateway", engine._core, clock, self._ledger, Tallies())  # type: ignore[arg-type]
        self._actor = Gateway(new_actor_engine(self._scope), 0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def ask(self, _: str, account_id: Any, sent: bytes, *, orders: Any = 0) -> bytes | None:
        self._ledger.declare(orders)
        now = self._clock.now
        self._scope.account = account_id.value
        try:
            answer = self._actor.receive(account_id, sent)
        except BaseException:
            self._scope.end(keeps=False)
            raise
        finally:
            self._clock.now = now
        self._scope.end(keeps=True)
        return answer

    def tell(self, name: str, account_id: Any, sent: bytes, *, orders: Any = 0) -> None:
        try:
            self.ask(name, account_id, sent, orders=orders)
        except Exception:  # noqa: BLE001 - nobody waits for it
            return

    def close(self) -> None:
        self._scope.close()


# --- scenarios ----------------------------------------------------------------------------------


def acting_scenario(seed: str) -> list[Any]:
    """Return the steps that belong to a seed: the same ones always."""
    draw = random.Random(seed)
    steps: list[Any] = [["engine", _engine(draw)]]
    names: list[str] = []
    kept: dict[int, list[str]] = {number: [] for number in ACCOUNTS}
    for place in range(draw.randint(40, 90)):
        if draw.random() < 0.5:
            steps.append(_messages(draw, kept, place))
        else:
            steps.append(_direct(draw, names, place))
    steps += [["state", number] for number in ACCOUNTS]
    return steps


def _engine(draw: random.Random) -> dict[str, Any]:
    return {
        "broker": draw.choice((None, 3, 6, 12)),
        "eur": draw.choice((None, 2, 5)),
        "account": draw.choice((None, None, 4)),
        "size": draw.choice((None, "30")),
        "validation": draw.random() < 0.5,
        "touchy": draw.random() < 0.3,
    }


def _orders(draw: random.Random, steps: Sequence[Any]) -> Any:
    """What a message declares: right as a rule, and sometimes less, more or nothing."""
    count = sum(step[0] not in {"report", "deposit", "now", "state"} for step in steps)
    form = draw.random()
    if form < 0.5:
        return {"USD": count, "EUR": count}
    if form < 0.7:
        return count
    return draw.choice((0, 1, 2, 50, {"EUR": 1}, {"USD": 1, "EUR": 1}))


def _messages(draw: random.Random, kept: dict[int, list[str]], place: int) -> list[Any]:
    number = draw.choice(ACCOUNTS)
    if draw.random() < 0.12:
        several = [
            _message(draw, draw.choice(ACCOUNTS), kept, f"{place}.{n}")
            for n in range(draw.randint(0, 6))
        ]
        return ["messages", several, draw.choice((0, 0, 3 * _SECOND))]
    kind = "tell" if draw.random() < 0.1 else "message"
    return [kind, *_message(draw, number, kept, str(place))]


def _message(draw: random.Random, number: int, kept: dict[int, list[str]], place: str) -> list[Any]:
    steps = [
        _inner(draw, number, kept, f"{place}/{n}") for n in range(draw.choice((0, 1, 1, 2, 3, 5)))
    ]
    return [number, steps, _orders(draw, steps)]


def _inner(draw: random.Random, number: int, kept: dict[int, list[str]], name: str) -> list[Any]:
    quantity, asset = draw.choice(_QUANTITIES), draw.choice(_ASSETS)
    form = draw.random()
    if form < 0.2:
        return ["order", quantity, -1, asset]
    if form < 0.4:
        return ["commit", quantity, asset]
    if form < 0.48:
        kept[number].append(name)
        return ["keep", name, quantity]
    if form < 0.6 and kept[number]:
        return ["end", draw.choice(kept[number]), draw.choice(("commit", "rollback"))]
    if form < 0.66:
        return ["start", quantity]
    if form < 0.72:
        return ["dry", quantity]
    if form < 0.77:
        return ["drop_copy", quantity, draw.choice(("commit", "rollback", ""))]
    if form < 0.82:
        return ["report", draw.choice(("-1", "0", "2", "-400"))]
    if form < 0.86:
        return ["deposit", draw.choice(("1000", "5"))]
    if form < 0.9:
        return draw.choice((["block", "by its actor"], ["unblock"], ["unblock"], ["now"]))
    if form < 0.95:
        return ["many", *(draw.choice(_QUANTITIES) for _ in range(3))]
    return list(draw.choice(_SCOPES))


def _direct(draw: random.Random, names: list[str], place: int) -> list[Any]:
    number, quantity = draw.choice(ACCOUNTS), draw.choice(_QUANTITIES)
    form = draw.random()
    if form < 0.35:
        names.append(str(place))
        return ["execute", str(place), number, quantity, draw.choice(_ASSETS)]
    if form < 0.5 and names:
        return ["finish", draw.choice(names), draw.choice(("commit", "rollback", "drop"))]
    if form < 0.58:
        return ["dry", number, quantity]
    if form < 0.64:
        return ["report", draw.choice((number, number, None)), draw.choice(("-1", "1", "-400"))]
    if form < 0.7:
        return ["deposit", number, "2000"]
    if form < 0.8:
        return draw.choice((["block", number], ["unblock", number], ["unblock_all"], ["resume"]))
    if form < 0.83:
        return draw.choice((["halt"], ["resume"], ["group", number], ["block_group"]))
    if form < 0.88:
        return ["unblock_group"]
    if form < 0.93:
        return ["rate", draw.choice((None, 2, 8, 40)), draw.choice((None, 3))]
    return ["tick", draw.choice((1, 4 * _SECOND, 10 * _SECOND - 1, 10 * _SECOND, 25 * _SECOND))]


# --- sides --------------------------------------------------------------------------------------


def _rate(most: int) -> policies.RateLimit:
    return policies.RateLimit(most, timedelta(seconds=10))


class _Side:
    """A scenario's world on one kind of engine; ``shards`` is None for one engine."""

    def __init__(self, shards: int | None, build: Callable[[Any], Any] = link) -> None:
        self.name = "one engine" if shards is None else f"{shards} shards"
        self._shards = shards
        self._build = build
        self._clock = Clock()
        self._held: dict[str, Any] = {}
        self.engine: Any = None
        # Whether orders count against rates that span accounts, or may arm the engine-wide block.
        self._spans = False

    def step(self, step: Sequence[Any]) -> Any:
        try:
            return getattr(self, f"_{step[0]}")(*step[1:])
        except openpit.SomeItemsFailed as failed:
            return [[n, *self._told(one)] for n, one in failed.failures.items()]
        except Exception as error:  # noqa: BLE001 - whatever is raised is the answer
            return self._told(error)

    @staticmethod
    def _told(error: BaseException) -> list[str]:
        return ["raised", type(error).__name__, str(error)]

    def close(self) -> None:
        self._held.clear()
        if self.engine is not None:
            self.engine.close()

    def _engine(self, of: dict[str, Any]) -> None:
        builder = openpit.Engine.builder().clock(self._clock)
        stage: Any = builder.full_sync() if self._shards is None else builder.sharded(self._shards)
        stage = stage.builtin(policies.build_spot_funds())
        rate: Any = policies.build_rate_limit()
        if of["broker"]:
            rate = rate.broker_barrier(policies.RateLimitBrokerBarrier(_rate(of["broker"])))
        if of["eur"]:
            rate = rate.asset_barriers(policies.RateLimitAssetBarrier(_rate(of["eur"]), "EUR"))
        if of["account"]:
            one = policies.RateLimitAccountBarrier(_rate(of["account"]), account(1))
            rate = rate.account_barriers(one)
        if of["broker"] or of["eur"] or of["account"]:
            stage = stage.builtin(rate)
            self._spans = True
        if of["size"]:
            size = policies.OrderSizeBrokerBarrier(policies.OrderSizeLimit(max_quantity=of["size"]))
            stage = stage.builtin(policies.build_order_size_limit().broker_barrier(size))
        if of["validation"]:
            stage = stage.builtin(policies.build_order_validation())
        if of["touchy"]:
            stage = stage.pre_trade(Touchy())
            self._spans = True
        if self._shards is None:
            self.engine = _OneEngine(stage.build(), self._clock)
        else:
            self.engine = self._build(stage.actor("gateway", Gateway))
        for number in ACCOUNTS:
            for asset in ("USD", "EUR"):
                self.engine.apply_account_adjustment(account(number), [deposit(asset, "10000")])

    # --- through the actor -----------------------------------------------------------------------

    def _message(self, number: int, steps: Any, orders: Any) -> Any:
        answer = self.engine.ask("gateway", account(number), message(*steps), orders=orders)
        return None if answer is None else answer.decode()

    def _tell(self, number: int, steps: Any, orders: Any) -> None:
        self.engine.tell("gateway", account(number), message(*steps), orders=orders)

    def _messages(self, several: Any, tick: int) -> Any:
        """As one call where that is exact.

        What is not used of a limit comes back behind it, and a block of the whole engine that one
        shard arms reaches the others then.
        """
        if self._spans or self._shards is None:
            answers = []
            for number, steps, orders in several:
                self._clock.now += tick
                answers.append(self.step(["message", number, steps, orders]))
            return answers
        items = [(account(number), message(*steps), orders) for number, steps, orders in several]
        try:
            answers = self.engine.ask_many("gateway", self._ticking(items, tick))
        except openpit.SomeItemsFailed as failed:
            errors = {n: self._told(one) for n, one in failed.failures.items()}
            answers = [errors.get(n, one) for n, one in enumerate(failed.results)]
        return [one.decode() if isinstance(one, bytes) else one for one in answers]

    def _ticking(self, items: Any, tick: int) -> Any:
        for item in items:
            self._clock.now += tick
            yield item

    # --- beside it -------------------------------------------------------------------------------

    def _execute(self, name: str, number: int, quantity: str, asset: str) -> Any:
        result = self.engine.execute_pre_trade(order(number, quantity, asset))
        if not result.ok:
            return told(result)
        self._held[name] = result.reservation
        return [str(one) for one in result.reservation.account_adjustments]

    def _finish(self, name: str, how: str) -> Any:
        held = self._held.pop(name, None)
        if held is None or how == "drop":
            return None
        return getattr(held, how)()

    def _dry(self, number: int, quantity: str) -> Any:
        return told(self.engine.execute_pre_trade_dry_run(order(number, quantity)))

    def _report(self, number: int | None, pnl: str) -> Any:
        done = self.engine.apply_execution_report(report(number, pnl))
        return [str(block.code) for block in done.account_blocks]

    def _deposit(self, number: int, amount: str) -> Any:
        adjusted = self.engine.apply_account_adjustment(account(number), [deposit("USD", amount)])
        return adjusted.ok

    def _block(self, number: int) -> Any:
        return self.engine.accounts().block(account(number), "by an operator")

    def _unblock(self, number: int) -> Any:
        return self.engine.accounts().unblock(account(number))

    def _unblock_all(self) -> Any:
        return self.engine.accounts().unblock_all()

    def _group(self, number: int) -> Any:
        return self.engine.accounts().register_group([account(number)], 1)

    def _block_group(self) -> Any:
        return self.engine.accounts().block_group(1, "all of them")

    def _unblock_group(self) -> Any:
        return self.engine.accounts().unblock_group(1)

    def _halt(self) -> Any:
        return self.engine.halt("lunch")

    def _resume(self) -> Any:
        return self.engine.resume()

    def _rate(self, broker: int | None, eur: int | None) -> Any:
        self._spans = True
        barrier = None if broker is None else policies.RateLimitBrokerBarrier(_rate(broker))
        return self.engine.configure().rate_limit(
            "RateLimitPolicy",
            broker=barrier,
            clear_broker=False,
            asset_barriers=[policies.RateLimitAssetBarrier(_rate(eur), "EUR")] if eur else None,
        )

    def _tick(self, nanoseconds: int) -> None:
        self._clock.now += nanoseconds

    def _state(self, number: int) -> Any:
        return repr(self.engine.account_state(account(number)))


class Parting:
    """A step that shards answer differently."""

    def __init__(self, scenario: list[Any], index: int, side: str, one: Any, other: Any) -> None:
        self.scenario = scenario
        self.index = index
        self.text = f"{side} at step {index}, {scenario[index]}:\n{one}\n{other}"

    def __str__(self) -> str:
        lines = "\n".join(map(str, self.scenario[: self.index + 1]))
        return f"{lines}\n{self.text}"


class ActingPair:
    """Runs scenarios on one engine and on shards."""

    def __init__(
        self, shards: Sequence[int] = (1, 2, 3, 5), build: Callable[[Any], Any] = link
    ) -> None:
        self._shards = shards
        self._build = build
        self.calls = 0  # in the last scenario; those of a message among them

    def difference(self, scenario: list[Any]) -> Parting | None:
        """Return the first step that shards answer differently, None if all agree."""
        one = _Side(None)
        others = [_Side(number, self._build) for number in self._shards]
        self.calls = 0
        try:
            for index, step in enumerate(scenario):
                expected = one.step(step)
                self.calls += _calls_of(step)
                for side in others:
                    found = side.step(step)
                    if found != expected:
                        return Parting(scenario, index, side.name, expected, found)
        finally:
            for side in (one, *others):
                side.close()
        return None


def _calls_of(step: Sequence[Any]) -> int:
    if step[0] == "messages":
        return len(step[1])
    return 1
