"""An actor that does what its messages say: steps in JSON, one after the other.

A step is a list: its name, then its arguments. The answer is the list of what came of each step, in
JSON; a message without steps is not answered.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

from flow import account, buy, fill, report

from openpit.account_adjustment import Adjustment, Amount, BalanceOperation
from openpit.core import Instrument, Order, OrderOperation
from openpit.param import AccountId, AdjustmentAmount, Price, Side, TradeAmount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import openpit

__all__ = ["Gateway", "answered", "message"]


def message(*steps: list[Any] | tuple[Any, ...]) -> bytes:
    return json.dumps(steps).encode() if steps else b""


def answered(answer: bytes | None) -> Any:
    return None if answer is None else json.loads(answer)


def order(number: int | None, quantity: str, asset: str = "USD") -> Order:
    if asset == "USD":
        return buy(number, quantity)
    return Order(
        operation=OrderOperation(
            instrument=Instrument("AAPL", asset),
            account_id=AccountId.from_int(number),  # type: ignore[arg-type]
            side=Side.BUY,
            trade_amount=TradeAmount.quantity(quantity),
            price=Price("185.5"),
        )
    )


def told(result: Any) -> list[str]:
    return [
        f"{one.policy}: {one.code}: {one.reason}: {one.details}" for one in result.rejects or ()
    ]


class Gateway:
    """One per worker; each account has what it has kept, by a name."""

    def __init__(self, engine: openpit.ActorEngine, shard: int) -> None:
        self.engine = engine
        self.shard = shard
        self.messages = 0
        self.events: list[str] = []
        self.held: dict[str, Any] = {}
        self.steps: dict[str, Callable[..., Any]] = {
            name.removeprefix("do_"): getattr(self, name) for name in dir(self) if name[:3] == "do_"
        }

    def on_start(self) -> None:
        self.events.append("started")

    def on_close(self) -> None:
        self.events.append("closed")

    def receive(self, account_id: AccountId, message: bytes) -> bytes | None:
        self.messages += 1
        self.account = account_id.value
        if not message:
            return None
        return json.dumps([self.steps[name](*more) for name, *more in json.loads(message)]).encode()

    # --- orders ----------------------------------------------------------------------------------

    def do_order(self, quantity: str, number: int | None = -1, asset: str = "USD") -> Any:
        """Leave the reservation open."""
        result = self.engine.execute_pre_trade(order(self._own(number), quantity, asset))
        return told(result) if not result.ok else "open"

    def do_commit(self, quantity: str, asset: str = "USD") -> Any:
        result = self.engine.execute_pre_trade(order(self.account, quantity, asset))
        if not result.ok:
            return told(result)
        result.reservation.commit()
        return "committed"

    def do_hold(self, name: str, quantity: str) -> Any:
        """Have the reservation, and keep it not."""
        result = self.engine.execute_pre_trade(buy(self.account, quantity))
        self.held[name] = result.reservation
        return "held" if result.ok else told(result)

    def do_keep(self, name: str, quantity: str) -> Any:
        result = self.engine.execute_pre_trade(buy(self.account, quantity))
        if not result.ok:
            return told(result)
        self.held[name] = result.reservation
        self.engine.keep(result.reservation)
        return "kept"

    def do_keep_again(self, name: str) -> Any:
        self.engine.keep(self.held[name])
        return "kept"

    def do_end(self, name: str, how: str) -> Any:
        getattr(self.held[name], how)()
        return how

    def do_drop(self, name: str) -> Any:
        del self.held[name]
        return "dropped"

    def do_start(self, quantity: str) -> Any:
        started = self.engine.start_pre_trade(buy(self.account, quantity))
        if not started.ok:
            return told(started)
        result = started.request.execute()
        return told(result) if not result.ok else "open"

    def do_start_only(self, name: str, quantity: str) -> Any:
        started = self.engine.start_pre_trade(buy(self.account, quantity))
        self.held[name] = started.request
        return told(started) if not started.ok else "started"

    def do_execute(self, name: str) -> Any:
        result = self.held[name].execute()
        return told(result) if not result.ok else "open"

    def do_dry(self, quantity: str, number: int | None = -1) -> Any:
        both = self.engine.execute_pre_trade_dry_run(buy(self._own(number), quantity))
        start = self.engine.start_pre_trade_dry_run(buy(self._own(number), quantity))
        return [told(both), told(start)]

    def do_drop_copy(self, quantity: str, how: str = "commit") -> Any:
        result = self.engine.apply_drop_copy(buy(self.account, quantity))
        if not result.ok:
            return told(result)
        if how:
            getattr(result.operation, how)()
        return how

    def do_many(self, *quantities: str) -> Any:
        results = self.engine.execute_pre_trade_many([buy(self.account, one) for one in quantities])
        self.engine.commit_many([one.reservation for one in results if one.ok])
        return [told(result) for result in results]

    # --- what comes back -------------------------------------------------------------------------

    def do_fill(self, quantity: str, remaining: str, number: int = -1) -> Any:
        done = self.engine.apply_execution_report(
            fill(self._own(number) or 0, "185.5", quantity, remaining, final=False)
        )
        return len(done.account_adjustments)

    def do_report(self, pnl: str, number: int | None = -1) -> Any:
        done = self.engine.apply_execution_report(report(self._own(number), pnl))
        return [str(block.code) for block in done.account_blocks]

    def do_deposit(self, amount: str, number: int = -1) -> Any:
        done = self.engine.apply_account_adjustment(
            account(self._own(number) or 0),
            [
                Adjustment(
                    operation=BalanceOperation(asset="USD"),
                    amount=Amount(balance=AdjustmentAmount.delta(amount)),  # type: ignore[arg-type]
                )
            ],
        )
        return done.ok

    # --- administration --------------------------------------------------------------------------

    def do_block(self, reason: str, number: int = -1) -> Any:
        self.engine.accounts().block(account(self._own(number) or 0), reason)

    def do_unblock(self, number: int = -1) -> Any:
        self.engine.accounts().unblock(account(self._own(number) or 0))

    def do_call(self, path: str, *arguments: Any) -> Any:
        """Call a method of the engine, or of its accounts: ``accounts.block_group``."""
        found: Any = self.engine
        *handles, method = path.split(".")
        for handle in handles:
            found = getattr(found, handle)()
        return repr(getattr(found, method)(*arguments))

    def do_state(self, number: int = -1) -> Any:
        state = self.engine.account_state(account(self._own(number) or 0))
        (holding,) = [
            one for policy in state.policies for one in policy.holdings if str(one.asset) == "USD"
        ]
        return [float(holding.available), float(holding.held), state.open.reservations]

    # --- itself ----------------------------------------------------------------------------------

    def do_now(self) -> Any:
        return self.engine.now()

    def do_at(self, now: int) -> Any:
        self.engine.at(now)
        return self.engine.now()

    def do_self(self) -> Any:
        return [self.shard, self.messages, self.events]

    def do_fail(self, kind: str, text: str) -> Any:
        raise getattr(__builtins__, kind, None) or vars(__import__("builtins"))[kind](text)

    def do_answer(self, size: int) -> Any:
        return "x" * size

    def do_kill(self) -> Any:
        os.kill(os.getpid(), 9)

    def do_sleep(self, seconds: float) -> Any:
        time.sleep(seconds)

    def _own(self, number: int | None) -> int | None:
        return self.account if number == -1 else number


def all_answered(answers: Iterable[bytes | None]) -> list[Any]:
    return [answered(one) for one in answers]
