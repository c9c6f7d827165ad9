"""The calls behind the handle on a server's market data.

Arguments are checked before they come here. What is registered, every shard knows alike, and the
first one that is up is asked for it: once, since what is registered stays so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from openpit.client.answers import read_value
from openpit.client.expected import FINISHED
from openpit.client.procedures import ask_one
from openpit.marketdata.refusals import (
    already_registered,
    taken_instrument,
    taken_number,
    unknown_number,
)
from openpit.router.calls import unknown
from openpit.router.procedures import Question
from openpit.wire import kinds
from openpit.wire.values import encode

if TYPE_CHECKING:
    from collections.abc import Generator

    from openpit.client.change_line import Change
    from openpit.client.client import Client, Holder
    from openpit.marketdata.quotes import QuoteValues
    from openpit.marketdata.store import Operation
    from openpit.router.calls import Call
    from openpit.router.procedures import Steps
    from openpit.router.router import Router
    from openpit.router.shard_link import ShardLink

__all__ = ["MarketCalls"]

_EMBEDDED: Final = (
    "the market data of an engine in this program is a service of the program's own: "
    "the one that its policies were given"
)


class MarketCalls:
    """The calls on one service of a server; ``policy`` is the name of one that reads it."""

    __slots__ = ("_client", "_holder", "_instruments", "_numbers", "_place", "_policy")

    def __init__(self, holder: Holder, policy: str | None) -> None:
        self._holder: Final = holder
        self._policy: Final = policy
        self._client: Client | None = None  # for whose session the rest holds
        self._of_now()

    def _of_now(self) -> Client:
        """Return the client of now; what is known of another session's service is forgotten."""
        client = self._holder.client
        if client is not self._client:
            self._place = _place_of(client.services, self._policy)
            self._numbers: set[int] = set()  # that are registered
            self._instruments: dict[tuple[str, str], int] = {}
            self._client = client
        return client

    # --- reads -----------------------------------------------------------------------------------

    def ask(self, now: int, *question: object) -> Call:
        """Ask a shard."""
        return self._of_now().ask_market(now, self._place, *question)

    # --- changes ---------------------------------------------------------------------------------

    def change(self, now: int, operation: Operation) -> Call:
        """Make a change that is of no instrument."""
        return self._submit(now, operation, None)

    def change_instrument(self, now: int, operation: Operation) -> Call:
        """Make a change of an instrument; UnknownInstrumentId if it is none."""
        return self._change_known(now, operation, is_needed=True)

    def clear(self, now: int, number: int) -> Call:
        """Forget an instrument's quotes, if there is one."""
        return self._change_known(now, ("clear", number), is_needed=False)

    def _change_known(self, now: int, operation: Operation, *, is_needed: bool) -> Call:
        client = self._of_now()
        if operation[1] in self._numbers:
            return self.change(now, operation)
        return client.inquiry(now, self._if_known, now, operation, is_needed)

    def _if_known(self, router: Any, now: int, operation: Operation, is_needed: bool) -> Steps:  # noqa: FBT001 - of a procedure
        number = operation[1]
        if (yield from self._asked(router, now, "is_registered", number)):
            self._numbers.add(number)
            self._stage(router, now, operation)
        elif is_needed:
            raise unknown_number(number)

    def quote_instrument(
        self, now: int, assets: tuple[str, str], values: QuoteValues, older: int
    ) -> Call:
        """Quote an instrument and answer its number; None if it has none, and no change."""
        client = self._of_now()
        client.check_open(now)
        number = self._instruments.get(assets)
        if number is None:
            return client.inquiry(now, self._quote_if_known, now, assets, values, older)
        return self._submit(now, ("quote", number, *values, older), number)

    def _submit(self, now: int, operation: Operation, answer: int | None) -> Call:
        """Make a change whose answer is known."""
        client = self._of_now()
        client.check_open(now)
        router: Any = client.router
        change: Change = router.change(now, self._place, operation)
        change.answer = answer
        router.changes.submit(change)
        return change

    def _quote_if_known(
        self, router: Any, now: int, assets: tuple[str, str], values: QuoteValues, older: int
    ) -> Steps:
        number, _ = yield from self._asked(router, now, "instrument", *assets)
        if number is not None:
            self._note(number, assets)
            self._stage(router, now, ("quote", number, *values, older))
        return number

    # --- instruments -----------------------------------------------------------------------------

    def register(
        self, now: int, assets: tuple[str, str], ttl: int | None, wanted: int | None = None
    ) -> Call:
        """Register an instrument, under a number or the next free one; answer its number."""
        return self._of_now().procedure(now, self._register, now, assets, ttl, wanted)

    def register_and_quote(
        self, now: int, assets: tuple[str, str], values: QuoteValues, older: int
    ) -> Call:
        """Register an instrument, unless another session has done so meanwhile, and quote it."""
        client = self._of_now()
        return client.procedure(now, self._register_and_quote, now, assets, values, older)

    def _register(
        self,
        router: Router,
        now: int,
        assets: tuple[str, str],
        ttl: int | None,
        wanted: int | None,
    ) -> Steps:
        number, free = yield from self._asked(router, now, "instrument", *assets)
        if number is not None:
            raise already_registered(*assets) if wanted is None else taken_instrument(*assets)
        if wanted is not None and (yield from self._asked(router, now, "is_registered", wanted)):
            raise taken_number(wanted)
        number = free if wanted is None else wanted
        yield from self._made_everywhere(router, now, ("register", number, *assets, ttl))
        self._note(number, assets)
        return number

    def _register_and_quote(
        self, router: Any, now: int, assets: tuple[str, str], values: QuoteValues, older: int
    ) -> Steps:
        number = yield from self._quote_if_known(router, now, assets, values, older)
        if number is None:
            number = yield from self._register(router, now, assets, None, None)
            self._stage(router, now, ("quote", number, *values, older))
        return number

    def _stage(self, router: Any, now: int, operation: Operation) -> None:
        """Send a change from within a procedure, which is past all limits."""
        router.changes.stage(router.change(now, self._place, operation))

    def _note(self, number: int, assets: tuple[str, str]) -> None:
        self._numbers.add(number)
        self._instruments[assets] = number

    # --- steps -----------------------------------------------------------------------------------

    def _asked(self, router: Router, now: int, *question: object) -> Generator[Any, Any, Any]:
        """Return what a shard answers."""
        command = (kinds.ASK_MARKET, None, self._place, encode(question, bare=True))
        link, answer = yield from ask_one(router, now, command)
        return read_value(link, None, *answer)

    def _made_everywhere(
        self, router: Any, now: int, operation: Operation
    ) -> Generator[Any, Any, None]:
        """Make a change, and wait until all shards have that answer."""
        change = router.change(now, self._place, operation)
        line = cast("ShardLink", router.changes)  # it is seen as one
        (answer,) = yield now, [Question(line, change.packed, FINISHED)]
        if answer is None:
            raise unknown(line, line.reason)


def _place_of(services: tuple[tuple[str, ...], ...] | None, policy: str | None) -> int:
    """Return the place of the service that a policy reads, or of the only one.

    Raises:
        RuntimeError: the engine is in this program.
        LookupError: there is none, or more than one.
    """
    if services is None:
        raise RuntimeError(_EMBEDDED)
    places = [n for n, names in enumerate(services) if policy is None or policy in names]
    if len(places) == 1:
        return places[0]
    readers = ", ".join(sorted({name for names in services for name in names})) or "none"
    if policy is None:
        raise LookupError(
            f"which of {len(services)} market data services? Name a policy that reads it; there "
            f"are: {readers}"
        )
    raise LookupError(
        f"the policy {policy!r} reads {len(places)} market data services, not one; those that read "
        f"some: {readers}"
    )
