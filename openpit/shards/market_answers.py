"""What a session may ask of a shard's market data, and the answers; and the changes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.marketdata.reading import look, look_in_group
from openpit.marketdata.service import apply_operation, store_of
from openpit.param.enums import QuoteResolution
from openpit.shards.market import as_of, fit, named_in
from openpit.wire import kinds
from openpit.wire.checks import U32_MAX, U64_MAX, exactly, is_asset, optional, up_to
from openpit.wire.decimal_texts import malformed
from openpit.wire.values import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.marketdata.quotes import QuoteValues
    from openpit.marketdata.service import MarketDataService
    from openpit.marketdata.store import QuoteStore
    from openpit.wire.checks import Check

__all__ = ["QUESTIONS", "MarketAnswers"]

Answer = tuple[Any, ...] | bool | int | None


def _instrument(
    store: QuoteStore, _now: int, underlying: str, settlement: str
) -> tuple[int | None, int]:
    """Return an instrument's number, if it has one, and the next one that is free."""
    book = store.book_of(underlying, settlement)
    return None if book is None else book.number, store.next_number()


def _changes(store: QuoteStore, _now: int) -> int:
    """Return how many changes have been made."""
    return store.changes


def _everything(store: QuoteStore, _now: int) -> tuple[Any, ...]:
    """Return how many changes have been made, and those that build the same from nothing."""
    return store.changes, tuple(store.snapshot())


def _is_registered(store: QuoteStore, _now: int, number: int) -> bool:
    return number in store.books


def _quote(
    store: QuoteStore, now: int, number: int, account: int, resolution: QuoteResolution
) -> tuple[Any, ...] | None:
    """Return an account's quote and whether it is too old; None if its group matters."""
    found = look(store, number, account, resolution, now)
    return None if found is None else _row(*found)


def _quote_in_group(
    store: QuoteStore,
    now: int,
    number: int,
    account: int,
    resolution: QuoteResolution,
    group: int | None,
) -> tuple[Any, ...]:
    """Return the quote of an account of this group."""
    look(store, number, account, resolution, now)  # the instrument may be none
    return _row(*look_in_group(store, number, account, resolution, now, group))


def _row(values: QuoteValues, is_expired: bool) -> tuple[Any, ...]:  # noqa: FBT001 - a row
    return (*values, is_expired)


_QUESTION: Final = "a question about market data"

_is_id: Final = up_to(U64_MAX)
_READER: Final = (_is_id, _is_id, exactly(QuoteResolution))

QUESTIONS: Final[dict[str, tuple[Callable[..., Answer], tuple[Check, ...]]]] = {
    "changes": (_changes, ()),
    "everything": (_everything, ()),
    "instrument": (_instrument, (is_asset, is_asset)),
    "is_registered": (_is_registered, (_is_id,)),
    "quote": (_quote, _READER),
    "quote_in_group": (_quote_in_group, (*_READER, optional(up_to(U32_MAX)))),
}
"""Each with what answers it, and the checks of its values."""


class MarketAnswers:
    """Answers questions about a shard's services."""

    __slots__ = ("_services",)

    def __init__(self, services: Sequence[MarketDataService]) -> None:
        self._services = services

    def read(self, command: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return a command with its question; WireError if there is no such service or question."""
        name, *values = question = named_in(command, self._services, _QUESTION)
        if name not in QUESTIONS or not fit(QUESTIONS[name][1], values):
            raise malformed(_QUESTION, command)
        return *command[:3], question

    def reply(self, _seq: int, command: tuple[Any, ...], now: int) -> tuple[int, Any]:
        """Return the reply to a question that has been read."""
        return kinds.ANSWER, encode(self.answer(command[2], command[3], now))

    def change(self, _seq: int, command: tuple[Any, ...], now: int) -> None:
        """Make a change of market data that has been read."""
        apply_operation(self._services[command[2]], as_of(command[3], now))

    def answer(self, service: int, question: tuple[Any, ...], now: int) -> Answer:
        """Answer a question; raises what the service's own methods raise."""
        name, *values = question
        ask, _ = QUESTIONS[name]
        return ask(store_of(self._services[service]), now, *values)
