"""One lane of a replay: books, reports and decides the events of some accounts, one after another.

It knows an engine as :class:`~openpit.faces.at_once.AtOnce` shows it, and no file, clock, batch or
shard: it may stand beside the engine of one process or in the worker of a shard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.cli.book import Account, Book
from openpit.cli.decisions import accepted_line, rejected_line
from openpit.cli.events import Cancel, Fill, OrderPlaced
from openpit.cli.tally import Tally
from openpit.cli.turnover import Turnover
from openpit.core.lock import Lock
from openpit.faces.at_once import AtOnce
from openpit.pretrade.codes import RejectScope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.cli.events import Event
    from openpit.faces.embedded import Engine
    from openpit.pretrade.rejects import Reject

__all__ = ["ReplayLane"]


class ReplayLane:
    """The orders of some accounts, and what became of them.

    ``stopped`` is how many
    orders a block of their account has stopped: no rate counts those. ``blocked`` are the flow's
    names of the accounts that are blocked, as JSON writes them, in the order of their blocks.
    """

    __slots__ = ("_decide", "_report", "blocked", "book", "stopped", "tally", "turnover")

    def __init__(self, engine: Engine) -> None:
        at_once = AtOnce(engine)
        self._decide = at_once.decide
        self._report = at_once.report
        self.book = Book(self._account_opened)
        self.tally = Tally()
        self.turnover = Turnover()
        self.stopped = 0
        self.blocked: list[str] = []

    def take(self, event: Event, now: int) -> str | None:
        """Take the next event, at its time; the line of its decision, if it is an order.

        Raises:
            BadEventError: it cannot be applied, and changed nothing.
        """
        kind = type(event)
        if kind is OrderPlaced:
            return self._placed(event, now)  # type: ignore[arg-type]  # told by its class
        if kind is Fill:
            report = self.book.fill(event)  # type: ignore[arg-type]  # as above
        elif kind is Cancel:
            report = self.book.cancel(event)  # type: ignore[arg-type]  # as above
        else:
            return None
        if report is not None:
            blocks, _, _ = self._report(report.execution_report(), now)
            self.tally.reports += 1
            self.turnover.add(report)
            if blocks:
                self._blocked(report.ticket.account)
        return None

    def _placed(self, event: OrderPlaced, now: int) -> str:
        ticket = self.book.place(event)
        account = ticket.account
        found = self._decide(ticket.order, now)  # type: ignore[arg-type]  # it is not decided yet
        if found is None:
            ticket.accepted = True
            ticket.order = None
        elif isinstance(found, Lock):
            self.book.decided(ticket, accepted=True)
            ticket.lock = found
        else:
            self.book.decided(ticket, accepted=False)
            self.stopped += account.blocked
            self._rejected(account, found)
            return rejected_line(event.key, account.name, found)
        self.tally.accepted += 1
        return accepted_line(event.key, account.name)

    def _rejected(self, account: Account, rejects: Sequence[Reject]) -> None:
        self.tally.reject(rejects[0])
        if any(reject.scope == RejectScope.ACCOUNT for reject in rejects):
            self._blocked(account)

    def _blocked(self, account: Account) -> None:
        if not account.blocked:
            account.blocked = True
            self.blocked.append(account.name)
            self.tally.blocked += 1

    def _account_opened(self, _: object) -> int:
        self.tally.accounts += 1
        return 0
