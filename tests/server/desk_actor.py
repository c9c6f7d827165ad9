"""An actor of a server's workers: a message is the quantity of an order that it commits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.core import Instrument, Order, OrderOperation
from openpit.param import Price, Side, TradeAmount

if TYPE_CHECKING:
    from openpit import ActorEngine
    from openpit.param import AccountId

__all__ = ["Desk"]


class DeskError(Exception):
    """What the desk says of a message that is no quantity."""


class Desk:
    """Answers with the codes of an order's rejects, and knows how many messages it has had."""

    def __init__(self, engine: ActorEngine, shard: int) -> None:
        self.engine = engine
        self.messages = 0

    def receive(self, account_id: AccountId, message: bytes) -> bytes | None:
        self.messages += 1
        if message == b"count":
            return b"%d" % self.messages
        if not message:
            raise DeskError("no quantity")
        result = self.engine.execute_pre_trade(
            Order(
                operation=OrderOperation(
                    instrument=Instrument("AAPL", "USD"),
                    account_id=account_id,
                    side=Side.BUY,
                    trade_amount=TradeAmount.quantity(message.decode()),
                    price=Price("185.5"),
                )
            )
        )
        if result.reservation is None:
            return " ".join(str(reject.code) for reject in result.rejects).encode()
        result.reservation.commit()
        return None
