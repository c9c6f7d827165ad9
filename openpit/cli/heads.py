"""What has to be known of a line to pass it on: its time, its order, and whose that is.

Whether a line is an event is found out where it goes. What is read here is read as there, from the
same text by the same rules: of a line that is an event, both know the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from msgspec import DecodeError, Struct
from msgspec.json import Decoder

from openpit.cli import flows, lobster
from openpit.cli.events import BadEventError, OrderPlaced

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.cli.events import Cancel, Event, Fill, Observation

    Head: TypeAlias = "OrderHead | FillHead | CancelHead | Fill | Cancel | Observation"

__all__ = ["ODD", "CancelHead", "FillHead", "FlowFormat", "Heads", "OrderHead"]

ODD: Final = (DecodeError, RecursionError, BadEventError, TypeError)
"""What a quick look at a line raises that is not as most are; TypeError, for what is no text."""


class OrderHead(
    Struct, tag_field="event", tag="order", rename={"key": "order"}, gc=False, frozen=True
):
    """Of a new order."""

    key: int | str
    account: int | str
    currency: str
    time: int | None = None


class FillHead(
    Struct, tag_field="event", tag="fill", rename={"key": "order"}, gc=False, frozen=True
):
    """Of a trade of an order."""

    key: int | str
    time: int | None = None


class CancelHead(
    Struct, tag_field="event", tag="cancel", rename={"key": "order"}, gc=False, frozen=True
):
    """Of an order that is taken back."""

    key: int | str
    time: int | None = None


class FlowFormat(NamedTuple):
    """How the lines of a flow are to be read; it travels to workers."""

    symbol: str | None = None
    """Of a LOBSTER file; None: the lines are JSON."""
    accounts: int = 0
    """Of a LOBSTER file: among so many its orders are spread."""

    def event_of(self) -> Callable[[bytes], Event]:
        """Return what makes the event of a line, or raises BadEventError."""
        if self.symbol is None:
            return flows.event_of
        return lobster.reader(symbol=self.symbol, accounts=self.accounts)


class Heads:
    """Reads the heads of a flow's lines.

    ``quick`` raises ODD for lines that have to be looked at by :meth:`of`.
    """

    __slots__ = ("event_of", "quick")

    def __init__(self, format_: FlowFormat) -> None:
        self.event_of = format_.event_of()
        self.quick: Callable[[bytes], Head]
        if format_.symbol is None:
            self.quick = Decoder(OrderHead | FillHead | CancelHead, float_hook=str).decode
        else:
            self.quick = self._of_event

    def of(self, line: bytes) -> Head:
        """Return the head of a line.

        Raises:
            BadEventError: it is no event; the text is the reason.
        """
        try:
            return self.quick(line)
        except (DecodeError, RecursionError):
            return self._of_event(line)

    def _of_event(self, line: bytes) -> Head:
        event = self.event_of(line)
        if isinstance(event, OrderPlaced):
            return OrderHead(event.key, event.account, event.currency, event.time)
        return event
