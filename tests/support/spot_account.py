"""An account of an engine with spot funds, in the words of the tests."""

from __future__ import annotations

from datetime import timedelta

from openpit import Engine, ExecutionReport, Instrument, Order, OrderOperation
from openpit import account_adjustment as adjustments
from openpit.core import ExecutionReportFillDetails, ExecutionReportOperation
from openpit.marketdata import Quote, QuoteTtl
from openpit.param import (
    AccountId,
    AdjustmentAmount,
    Fee,
    MonetaryAmount,
    Price,
    Quantity,
    Trade,
    TradeAmount,
)
from openpit.pretrade import Lock
from openpit.pretrade.policies import build_spot_funds

__all__ = ["LARGEST", "Account", "Market", "pnl_texts", "texts", "why"]

ACCOUNT = 1
LARGEST = "79228162514264337593543950335"  # 2**96 - 1: there is no larger figure


def amount(value):
    """``"5"`` sets, ``"+5"`` and ``"+-5"`` add."""
    if value is None:
        return None
    return (
        AdjustmentAmount.delta(value[1:])
        if value.startswith("+")
        else AdjustmentAmount.absolute(value)
    )


def moved(name, outcome):
    return [] if outcome is None else [f"{name} {outcome.delta} -> {outcome.absolute}"]


def texts(outcomes):
    """Outcomes as ``"USD: balance -500 -> 500, held 500 -> 500"``, one per row."""
    lines = []
    for outcome in outcomes:
        entry = outcome.entry
        parts = [
            *moved("balance", entry.balance),
            *moved("held", entry.held),
            *moved("incoming", entry.incoming),
        ]
        if entry.realized_pnl is not None:
            pnl = entry.realized_pnl
            parts += (
                moved("realized", pnl.pnl)
                if pnl.halt_reason is None
                else [f"halted {pnl.halt_reason._label}"]
            )
        if entry.average_entry_price is not None:
            parts.append(f"average {entry.average_entry_price}")
        lines.append(f"{entry.asset}: {', '.join(parts)}")
    return lines


def pnl_texts(result):
    """Account P&L outcomes as ``"-150 -> -150"`` or ``"halted MissingFx"``."""
    return [
        f"{one.pnl.delta} -> {one.pnl.absolute}"
        if one.halt_reason is None
        else f"halted {one.halt_reason._label}"
        for one in result.account_pnls
    ]


def why(rejects_or_blocks):
    """Code, reason and details of each."""
    return [(one.code, one.reason, one.details) for one in rejects_or_blocks]


class Account:
    """One account of an engine: what it does, as short calls."""

    def __init__(self, builder=None, *, currency="USD", sync="no_sync", **balances):
        ready = getattr(Engine.builder(), sync)().builtin(builder or build_spot_funds())
        self.engine = ready.build()
        self.id = AccountId.from_int(ACCOUNT)
        if currency is not None:
            self.engine.accounts().set_currency(self.id, currency)
        for asset, balance in balances.items():
            assert self.adjust(asset, balance=balance)

    def order(
        self, side="BUY", *, of="AAPL", at="USD", quantity=None, volume=None, price=None, account=1
    ):
        traded = None
        if quantity is not None:
            traded = TradeAmount.quantity(quantity)
        elif volume is not None:
            traded = TradeAmount.volume(volume)
        return Order(
            operation=OrderOperation(
                instrument=Instrument(of, at),
                account_id=None if account is None else AccountId.from_int(account),
                side=side,
                trade_amount=traded,
                price=price,
            )
        )

    def execute(self, *args, **kwargs):
        return self.engine.execute_pre_trade(self.order(*args, **kwargs))

    def buy(self, quantity, price, **kwargs):
        result = self.execute("BUY", quantity=quantity, price=price, **kwargs)
        assert result, why(result.rejects)
        return result.reservation

    def sell(self, quantity, price, **kwargs):
        result = self.execute("SELL", quantity=quantity, price=price, **kwargs)
        assert result, why(result.rejects)
        return result.reservation

    def report(
        self,
        side="BUY",
        *,
        of="AAPL",
        at="USD",
        trade=None,
        fee=None,
        remaining="0",
        final=False,
        lock=(),
        account=1,
    ):
        """Report ``trade`` (quantity, price) of an order that was reserved at ``lock``."""
        prices = [lock] if isinstance(lock, str) else lock
        fill = ExecutionReportFillDetails(
            last_trade=trade and Trade(price=Price(trade[1]), quantity=Quantity(trade[0])),
            fee=fee and MonetaryAmount(Fee(fee[0]), fee[1]),
            remaining_reserved_quantity=remaining,
            lock=Lock([(0, price) for price in prices]),
            is_final=final,
        )
        operation = ExecutionReportOperation(
            instrument=Instrument(of, at),
            side=side,
            account_id=None if account is None else AccountId.from_int(account),
        )
        return self.engine.apply_execution_report(ExecutionReport(operation=operation, fill=fill))

    def bought(self, quantity, price, lock=None, **kwargs):
        return self.report("BUY", trade=(quantity, price), lock=lock or price, **kwargs)

    def sold(self, quantity, price, lock=None, **kwargs):
        return self.report("SELL", trade=(quantity, price), lock=lock or price, **kwargs)

    def adjustment(
        self,
        asset="USD",
        *,
        balance=None,
        held=None,
        incoming=None,
        average=None,
        realized=None,
        **bounds,
    ):
        return adjustments.Adjustment(
            operation=adjustments.BalanceOperation(
                asset=asset, average_entry_price=average, realized_pnl=realized
            ),
            amount=adjustments.Amount(
                balance=amount(balance), held=amount(held), incoming=amount(incoming)
            ),
            bounds=adjustments.Bounds(**bounds) if bounds else None,
        )

    def apply(self, *batch):
        return self.engine.apply_account_adjustment(self.id, list(batch))

    def adjust(self, *args, **kwargs):
        return self.apply(self.adjustment(*args, **kwargs))

    def set_pnl(self, state):
        """Set or halt the account's P&L by an adjustment."""
        return self.apply(
            adjustments.Adjustment(operation=adjustments.AccountPnlOperation(state=state))
        )

    def state(self, asset):
        """Available, held and incoming, read by an adjustment that changes nothing."""
        result = self.adjust(asset, balance="+0", held="+0", incoming="+0")
        entry = result.outcomes[0].entry
        figures = (entry.balance.absolute, entry.held.absolute, entry.incoming.absolute)
        return tuple(map(str, figures))

    def is_blocked(self, account=1):
        stopped = self.engine.start_pre_trade(self.order(quantity="1", price="1", account=account))
        return why(stopped.rejects)


class Market:
    """A market-data service; quotes of an hour or more ago have expired."""

    def __init__(self):
        ttl = QuoteTtl.within(timedelta(hours=1))
        self.service = Engine.builder().no_sync().market_data(ttl).build()

    def push(self, of, at, *, mark=None, bid=None, ask=None, hours_ago=0):
        """Push a quote of an instrument; returns the instrument's id."""
        quote = Quote(mark=mark, bid=bid, ask=ask)
        return self.service.push_by_instrument(
            Instrument(of, at), quote, timedelta(hours=hours_ago)
        )
