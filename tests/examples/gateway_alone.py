"""The FIX gateway on one engine in this process, and messages for it, written with | for SOH."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import openpit
from fix_gateway.actor import Gateway
from fix_gateway.desk import pay_in, size_limit
from fix_gateway.frames import cut, framed
from openpit.param import AccountId
from openpit.pretrade import policies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fix_gateway.desk import Funds

__all__ = ["ACCOUNT", "Desk", "answers_in", "fix", "placed", "reported"]

ACCOUNT = AccountId.from_string("A1")
FUNDS: list[Funds] = [("A1", "USD", "10000"), ("A1", "KO", "100"), ("B2", "USD", "10000")]


class AloneEngine:
    """One engine as an actor sees it: what its message leaves open is rolled back."""

    def __init__(self, engine: openpit.Engine) -> None:
        self.engine = engine
        self.calls = 0
        self._open: list[openpit.pretrade.Reservation] = []

    def execute_pre_trade(self, order: openpit.Order) -> openpit.pretrade.ExecuteResult:
        self.calls += 1
        result = self.engine.execute_pre_trade(order)
        if result.reservation is not None:
            self._open.append(result.reservation)
        return result

    def apply_execution_report(
        self, report: openpit.ExecutionReport
    ) -> openpit.pretrade.PostTradeResult:
        self.calls += 1
        return self.engine.apply_execution_report(report)

    def keep(self, handle: openpit.pretrade.Reservation) -> None:
        self._open.remove(handle)

    def end(self) -> None:
        while self._open:
            self._open.pop().rollback()


class Holding(NamedTuple):
    available: str
    held: str


class Desk:
    """A gateway on one engine with the desk's limits."""

    def __init__(self, funds: Sequence[Funds] = FUNDS) -> None:
        self.engine = (
            openpit.Engine.builder()
            .no_sync()
            .builtin(policies.build_order_validation())
            .builtin(size_limit())
            .builtin(policies.build_spot_funds())
            .build()
        )
        pay_in(self.engine, funds)
        self.alone = AloneEngine(self.engine)
        self.gateway = Gateway(self.alone, 0)

    def receive(self, message: bytes, account_id: AccountId = ACCOUNT) -> bytes | None:
        try:
            return self.gateway.receive(account_id, message)
        finally:
            self.alone.end()

    def ask(self, text: str, account_id: AccountId = ACCOUNT) -> list[dict[int, str]]:
        """Return what the gateway sends for a message."""
        return answers_in(self.receive(fix(text), account_id))

    def ask_many(
        self, name: str, messages: Sequence[tuple[AccountId, bytes, int]]
    ) -> list[bytes | None]:
        """Answer as an engine with the actor does."""
        assert name == "fix"
        return [self.receive(message, account_id) for account_id, message, _ in messages]

    def holding(self, asset: str, account_id: AccountId = ACCOUNT) -> Holding:
        """Return what an account has of an asset: available and held."""
        for policy in self.engine.account_state(account_id).policies:
            for each in policy.holdings:
                if each.asset == asset:
                    return Holding(str(each.available), str(each.held))
        return Holding("0", "0")

    def state(self, account_id: AccountId = ACCOUNT) -> object:
        """Return all that the engine and the gateway know of an account."""
        orders = self.gateway.orders(account_id)
        known = orders and [
            (each.client_id, each.state, each.status, each.filled, each.cancel_id)
            for each in orders.open_orders()
        ]
        return self.engine.account_state(account_id), known


def fix(text: str) -> bytes:
    """Return a message with a header and a frame, from fields like ``35=D|11=C1``.

    It is from client ALPHA, or from the venue if it is a report; a ``49=`` in front says otherwise.
    """
    kind, _, body = text.partition("|")
    sender = "VENUE" if kind in ("35=8", "35=9") else "ALPHA"
    if body.startswith("49="):
        sender, _, body = body.removeprefix("49=").partition("|")
    head = f"{kind}|49={sender}|56=GATEWAY|34=7|52=20261130-09:00:00.000|"
    return framed(f"{head}{body}|".replace("|", "\x01").encode())


def placed(client_id: str = "C1", changed: str = "", left_out: Sequence[int] = ()) -> str:
    """Return an order: buy 50 KO at 60, with some fields changed or left out."""
    fields = {11: client_id, 1: "A1", 55: "KO", 54: "1", 60: "20261130-09:00:00"}
    fields |= {38: "50", 40: "2", 44: "60", 15: "USD"}
    return _text("35=D", fields, changed, left_out)


def reported(kind: str, changed: str = "", left_out: Sequence[int] = ()) -> str:
    """Return the venue's report on order C1: nothing filled, 50 left."""
    fields = {37: "V1", 11: "C1", 17: f"X{kind}", 150: kind, 39: kind, 1: "A1", 55: "KO", 54: "1"}
    fields |= {38: "50", 151: "50", 14: "0", 6: "0"}
    return _text("35=8", fields, changed, left_out)


def _text(kind: str, fields: dict[int, str], changed: str, left_out: Sequence[int]) -> str:
    for field in filter(None, changed.split("|")):
        tag, _, value = field.partition("=")
        fields[int(tag)] = value
    kept = [f"{tag}={value}" for tag, value in fields.items() if tag not in left_out]
    return "|".join([kind, *kept])


def answers_in(answer: bytes | None) -> list[dict[int, str]]:
    """Return the messages of an answer, as their fields."""
    found = []
    for _, message in cut(answer or b"", most=100_000):
        assert isinstance(message, bytes), message
        fields: dict[int, str] = {}
        for field in message.decode("latin-1").split("\x01"):
            tag, is_field, value = field.partition("=")
            if is_field and tag.isdigit():  # and not a part of a data field
                fields.setdefault(int(tag), value)
        found.append(fields)
    return found
