"""The client without its pipes: makes commands of public calls, and results of their replies.

Every public call of the engine has a method here that returns a
:class:`~openpit.router.calls.Call`; its first argument is the time. Where the commands go, and
when, is the router's affair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from openpit.client.answers import (
    CHECKS,
    read_adjusted,
    read_execute,
    read_message,
    read_reported,
    read_tally,
    read_told,
    read_value,
)
from openpit.client.asking import AskMany
from openpit.client.batches import ExecuteMany
from openpit.client.calls import CommandCall, HandleCall, HandleWideCall, Start
from openpit.client.expected import expected
from openpit.client.finalizing import FinalizeMany
from openpit.client.keyed import KeyedSubmitting
from openpit.client.left_open import ask_left
from openpit.client.missed import ask_missed
from openpit.client.orders import captured_order, captured_report
from openpit.client.procedures import (
    administration,
    check_without_account,
    everywhere,
    halt,
    own_turn,
)
from openpit.client.reporting import ReportMany
from openpit.client.times import FIRST_TIME, TIME_LIMIT, check_time
from openpit.core.order import Order
from openpit.engine.answers import engine_gone
from openpit.pretrade.results import new_execute_result
from openpit.router.own_commands import MarketChange
from openpit.router.procedures import WideCall
from openpit.wire import kinds
from openpit.wire.frames import pack, pack_start
from openpit.wire.values import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.account_adjustment import Adjustment
    from openpit.client.asking import Asked
    from openpit.client.handles import HeldReservation, OperationProxy, RequestProxy
    from openpit.core.report import ExecutionReport
    from openpit.router.calls import Call
    from openpit.router.procedures import Steps
    from openpit.router.rates import Counting
    from openpit.router.shard_link import ShardLink

__all__ = ["Client", "Holder"]


class Holder(Protocol):
    """What has a client, for now: a session that is lost is followed by another one's."""

    @property
    def client(self) -> Client:
        """The client of now."""


class Client(KeyedSubmitting):
    """Orders and reports on their way to the shards, and what comes back."""

    # Of a server's market data: the policies that read each service. An embedded engine's is the
    # program's own, and None here.
    services: tuple[tuple[str, ...], ...] | None = None

    def start(
        self, link: ShardLink, now: int, payload: bytes, epoch: int = 0, seconds: float = 60.0
    ) -> Call:
        """Load the engine in a worker; the call ends when the shard is up or has refused.

        It may take so many seconds, of which some may be over: when it is late, its face says.
        """
        check_time(now)
        link.begin(epoch)
        hello = (kinds.HELLO, len(self.router.links), self.limits, payload)
        packed = pack_start(hello)
        call = Start(link, now, packed, self.encoder.share, seconds)
        link.stage(call)
        return call

    # --- orders ----------------------------------------------------------------------------------

    def execute(self, now: int, order: Order, key: object = None) -> Call:
        """Run both stages; once for all calls with a key."""
        # The usual case of _check(), spelt out: the hot path of one order at a time.
        if (
            key is None
            and type(order) is Order
            and type(now) is int
            and FIRST_TIME <= now < TIME_LIMIT
            and not self.books.is_closed
        ):
            account = order._account_
            if account is not None:
                link = self.router.links[self.router.owners[account]]
                if link.is_up:
                    self.books.now = now
                    command, counting = self.encoder.execute(now, order)
                    packed = pack(command)
                    call = CommandCall(link, account, now, packed, read_execute, _EXECUTE, counting)
                    self.router.submit(link, call)
                    return call
        return self._check(kinds.EXECUTE, now, order, key)

    def start_stage(self, now: int, order: Order, key: object = None) -> Call:
        """Run the start stage; once for all calls with a key."""
        return self._check(kinds.START, now, order, key)

    def start_dry_run(self, now: int, order: Order) -> Call:
        """Run the start stage, recording nothing."""
        return self._check(kinds.START_DRY_RUN, now, order)

    def execute_dry_run(self, now: int, order: Order) -> Call:
        """Run both stages, recording nothing."""
        return self._check(kinds.EXECUTE_DRY_RUN, now, order)

    def drop_copy(self, now: int, order: Order) -> Call:
        """Record an order that the venue has already."""
        return self._check(kinds.DROP_COPY, now, order)

    def _check(self, kind: int, now: int, order: Order, key: object = None) -> Call:
        if key is None:
            self.check_open(now)
        if type(order) is not Order:
            order = captured_order(order)
        account = order._account_
        check = CHECKS[kind]
        encoder = self.encoder

        def command() -> tuple[tuple[Any, ...], Sequence[Counting]]:
            if kind == kinds.EXECUTE:
                return encoder.execute(now, order)
            return encoder.whole(kind, now, order, is_peek=kind in kinds.PEEKING)

        if key is not None:
            return self._keyed(now, account, key, command, check)
        if account is not None:
            link = self.router.links[self.router.owners[account]]
        elif kind == kinds.DROP_COPY:
            link = self.router.links[0]  # refused there, whatever is blocked
        else:
            return self.router.begin(
                self._wide(check_without_account(self, now, check, command), deny=check.denied)
            )
        if not link.is_up:
            call = CommandCall(link, account, now, b"", check.read, check)
            call.lost(link, sent=False)
            return call
        asked, counting = command()
        call = CommandCall(link, account, now, pack(asked), check.read, check, counting)
        self.router.submit(link, call)
        return call

    def execute_many(self, now: int, orders: Sequence[Order], times: Sequence[int]) -> ExecuteMany:
        """Begin both stages for many orders, each at its own time."""
        self.check_open(now)
        return ExecuteMany(self, orders, times, self.execute_stopped)

    def execute_stopped(self, now: int, batch: ExecuteMany) -> Call:
        """Run both stages of the order that a batch has stopped at, at that order's time."""
        call = self.execute(*batch.stopped_item)
        self.books.now = now
        return call

    def execute_request(self, now: int, proxy: RequestProxy) -> Call:
        """Run the main stage of a request, which is used up by that."""
        if not proxy._open:
            proxy.close()  # raises what there is to say
        self.check_open(now)
        link, account, handle = proxy._link, proxy._account, proxy._handle
        check = CHECKS[kinds.EXECUTE_REQUEST]
        if not self.is_held:  # its request refuses as one of a single process does
            self.books.dropped.append((link, handle))
            proxy.close()
            call = CommandCall(link, account, now, b"", read_execute, check)
            call.finish(new_execute_result(None, [engine_gone()]))
            return call
        command = (kinds.EXECUTE_REQUEST, account, handle)
        if account is None and link.is_up:
            steps = check_without_account(self, now, check, lambda: (command, ()), handle)
            proxy.close()
            return self.router.begin(HandleWideCall(self.router, steps, proxy, check))
        call = HandleCall(link, account, now, pack(command), read_execute, check)
        call.proxy = proxy
        self.router.submit(link, call)
        if not call.done:  # on its way: what an exception leaves open has not been told either
            proxy.close()
        return call

    def finalize(self, now: int, proxy: HeldReservation | OperationProxy, commit: bool) -> Call:  # noqa: FBT001 - called through the face with positional arguments
        """Commit or roll back what a proxy stands for, which is finalised by that."""
        kind = kinds.COMMIT if commit else kinds.ROLLBACK
        link, account = proxy._link, proxy._account
        if not (proxy._open and link.is_up):
            proxy.close()  # raises what there is to say
        self.check_open(now)
        packed = pack((kind, account, proxy._handle))
        call = HandleCall(link, account, now, packed, read_value)
        call.proxy = proxy
        self.router.submit(link, call)
        if not call.done:  # as above
            proxy.close()
        return call

    def commit_many(self, now: int, reservations: Sequence[Any]) -> Call:
        """Commit many reservations."""
        self.check_open(now)
        return FinalizeMany(self, reservations, now, commit=True)

    def rollback_many(self, now: int, reservations: Sequence[Any]) -> Call:
        """Roll many reservations back."""
        self.check_open(now)
        return FinalizeMany(self, reservations, now, commit=False)

    def ask_left(self, now: int) -> Call:
        """Ask what a client before this one has left open, as far as nobody has taken it."""
        return self.inquiry(now, ask_left, now, {**self.left.before})

    def ask_missed(self, now: int) -> Call:
        """Ask which answers a client before this one has missed, as far as nobody has them."""
        return self.inquiry(now, ask_missed, now, {**self.left.missed})

    # --- actors ----------------------------------------------------------------------------------

    def ask_actor(self, now: int, asked: Asked) -> Call:
        """Have an actor receive a message, and answer it."""
        return self._message(now, kinds.ASK_ACTOR, asked)

    def tell_actor(self, now: int, asked: Asked) -> Call:
        """Have an actor receive a message; the call ends when it is on its way."""
        call = self._message(now, kinds.TELL_ACTOR, asked)
        if call.is_sent and not call.done:
            call.finish(None)
        return call

    def _message(self, now: int, kind: int, asked: Asked) -> Call:
        self.check_open(now)
        account = asked.account
        link = self.router.link_of(account)
        read = read_message if kind == kinds.ASK_ACTOR else read_told
        if not link.is_up:
            call = CommandCall(link, account, now, b"", read)
            call.lost(link, sent=False)
            return call
        ranks, counting = self.encoder.ranks.of_message(asked.orders, asked.assets, now)
        packed = pack((kind, account, asked.actor, asked.message, *ranks))
        call = CommandCall(link, account, now, packed, read, None, counting)
        self.router.submit(link, call)
        return call

    def ask_many(self, now: int, asked: Sequence[Asked], times: Sequence[int]) -> AskMany:
        """Begin many messages to an actor, each at its own time."""
        self.check_open(now)
        return AskMany(self, asked, times, self.ask_stopped)

    def ask_stopped(self, now: int, batch: AskMany) -> Call:
        """Ask what a batch has stopped at, at that message's time."""
        call = self.ask_actor(*batch.stopped_item)
        self.books.now = now
        return call

    # --- what comes back -------------------------------------------------------------------------

    def report(self, now: int, report: ExecutionReport, key: object = None) -> Call:
        """Apply an execution report; shard 0 takes those without account id."""
        report = captured_report(report)
        account = report._account_
        if key is not None:
            return self._keyed(
                now, account, key, lambda: (self.encoder.report(report), ()), read_reported
            )
        link = self.router.links[0] if account is None else self.router.link_of(account)
        return self._command(now, link, account, self.encoder.report(report), read_reported)

    def report_many(self, now: int, reports: Sequence[ExecutionReport]) -> ReportMany:
        """Apply many execution reports."""
        self.check_open(now)
        return ReportMany(self, reports, now)

    def adjust(
        self, now: int, account: int, adjustments: list[Adjustment], key: object = None
    ) -> Call:
        """Apply a batch of account adjustments."""
        command = (kinds.ADJUST, account, self.encoder.value(adjustments))
        if key is not None:
            return self._keyed(now, account, key, lambda: (command, ()), read_adjusted)
        return self._command(now, self.router.link_of(account), account, command, read_adjusted)

    # --- administration --------------------------------------------------------------------------

    def administer(self, now: int, account: int, method: str, *values: object) -> Call:
        """Run an administrative call on an account's shard."""
        command = (kinds.ADMINISTER, account, method, encode((account, *values), bare=True))
        return self._command(now, self.router.link_of(account), account, command, read_value)

    def procedure(self, now: int, steps: Callable[..., Steps], *arguments: Any) -> Call:
        """Run a procedure over several shards, one at a time."""
        self.check_open(now)
        return self.router.begin(self._wide(steps(self.router, *arguments), is_exclusive=True))

    def halt(self, now: int, reason: str) -> Call:
        """Stop all orders."""
        return self.procedure(now, halt, now, reason)

    def own_turn(self, now: int) -> Call:
        """Wait for a turn, and do nothing with it."""
        return self.procedure(now, own_turn, now)

    def resume(self, now: int) -> Call:
        """Let orders pass again."""
        return self.procedure(now, everywhere, now, administration("resume"))

    def ask(self, now: int, method: str, shard: int | None = None, *values: object) -> Call:
        """Ask what all shards have alike: of one that is up, or of this one."""
        links = self.router.links if shard is None else self.router.links[shard : shard + 1]
        link = next((link for link in links if link.is_up), links[0])
        return self._command(now, link, None, administration(method, *values), read_value)

    def tally(self, now: int, shard: int) -> Call:
        """Ask what a shard has counted."""
        return self._command(now, self.router.links[shard], None, _TELL_TALLIES, read_tally)

    def configure(self, now: int, account: int, method: str, arguments: dict[str, object]) -> Call:
        """Change a setting that is an account's own, on its shard."""
        command = (kinds.CONFIGURE, account, method, encode(arguments, bare=True))
        return self._command(now, self.router.link_of(account), account, command, read_value)

    def quote(self, now: int, service: int, operation: object) -> None:
        """Pass a change of market data on to every shard, in order with the orders."""
        check_time(now)
        packed, books = pack((kinds.QUOTE, None, service, encode(operation))), self.books
        books.is_torn = True
        for link in books.links:
            if link.is_up or link.is_stalled:  # one that goes on must not have missed any
                link.stage(MarketChange(1, now, packed, books.bodies.done))
        books.is_torn = False

    def ask_market(self, now: int, service: int, *question: object) -> Call:
        """Ask what a market data service knows, of a shard that is up: all know the same."""
        link = next((link for link in self.router.links if link.is_up), self.router.links[0])
        command = (kinds.ASK_MARKET, None, service, encode(question, bare=True))
        return self._command(now, link, None, command, read_value)

    def inquiry(self, now: int, steps: Callable[..., Steps], *arguments: Any) -> Call:
        """Run a procedure over several shards that keeps no other waiting."""
        self.check_open(now)
        return self.router.begin(self._wide(steps(self.router, *arguments)))

    def _command(
        self, now: int, link: ShardLink, account: int | None, command: tuple[Any, ...], read: Any
    ) -> Call:
        self.check_open(now)
        call = CommandCall(link, account, now, pack(command), read)
        call.expected = expected(command)
        self.router.submit(link, call)
        return call

    def _wide(self, steps: Steps, **options: Any) -> WideCall:
        return WideCall(self.books, self.router.procedures, steps, **options)


_EXECUTE: Final = CHECKS[kinds.EXECUTE]
_TELL_TALLIES: Final = (kinds.TELL_TALLIES, None)
