"""Commands as they arrive: a whole frame is read before any of it is applied.

What comes out is what applying needs, read once: decimals, assets, sides, orders, reports and
arguments that the public API could have made. What it could not have made is refused here, and with
it the frame and the connection; nothing of the frame has been applied then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.account_adjustment import Adjustment
from openpit.core.order import Order
from openpit.core.report import ExecutionReport
from openpit.errors import WireError
from openpit.pretrade.policy_contract import OrderColumns
from openpit.shards.administration import check_administration, check_configuration
from openpit.shards.alike import AlikeOrders
from openpit.shards.counts import declared_ranks, settlement_of
from openpit.shards.keyed_intake import check_keyed, read_keyed
from openpit.shards.market import QuoteReader
from openpit.shards.market_answers import MarketAnswers
from openpit.wire import kinds
from openpit.wire.decimal_texts import ASSETS, REMEMBERED, SIGNED, UNSIGNED, malformed
from openpit.wire.flat_rows import SIDES, read_report
from openpit.wire.frames import messages_of
from openpit.wire.limits import HANDLES_PER_COMMAND, MESSAGE_BYTES, MESSAGE_ORDERS
from openpit.wire.plain_orders import PLAIN_ORDERS, plain_orders
from openpit.wire.shard_limits import KEY_BYTES
from openpit.wire.values import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from openpit.marketdata.service import MarketDataService
    from openpit.shards.counts import BatchCounts

__all__ = ["Command", "Intake", "read_ending"]

Command = tuple[Any, ...]

EXECUTE: Final = kinds.EXECUTE
KEYED: Final = kinds.KEYED

MANY: Final = 8
"""Commands from which on it pays to read a frame column by column."""

_U64_MAX: Final = 2**64 - 1
_NUMBERS: Final = {int}
_WIDTHS: Final = {kind: len(layout.fields) + 1 for kind, layout in kinds.COMMANDS.items()}
_MALFORMED: Final = (ArithmeticError, LookupError, TypeError, ValueError)


class Intake:
    """Reads the commands of one connection; ``owns`` tells which accounts are this shard's.

    ``actors`` are the names of those that there are.
    """

    __slots__ = ("_actors", "_known", "_owns", "_quotes", "_readers")

    def __init__(
        self,
        owns: Callable[[int], bool],
        services: Sequence[MarketDataService] = (),
        actors: Collection[str] = (),
    ) -> None:
        self._owns = owns
        self._actors = actors
        self._known: set[int] = set()  # accounts that have been found to be this shard's
        self._quotes = QuoteReader(services)
        self._readers: dict[object, Callable[[Command], Command]] = {
            kinds.EXECUTE_WHOLE: self._read_whole,
            kinds.START: self._read_whole,
            kinds.START_DRY_RUN: self._read_whole,
            kinds.EXECUTE_DRY_RUN: self._read_whole,
            kinds.DROP_COPY: self._read_whole,
            **_ENDINGS,
            kinds.ASK_LEFT: _read_numbers,
            kinds.ASK_MISSED: _read_numbers,
            kinds.ASK_OUTCOME: _read_outcome,
            kinds.REPORT: _read_flat_report,
            kinds.REPORT_WHOLE: _read_whole_report,
            kinds.ADJUST: _read_adjustments,
            kinds.ADMINISTER: self._read_administration,
            kinds.CONFIGURE: self._read_configuration,
            kinds.CHECK_SETTINGS: self._read_configuration,
            kinds.TELL_AXES: _read_bare,
            kinds.TELL_TALLIES: _read_bare,
            kinds.QUOTE: self._quotes.read,
            kinds.ASK_ACTOR: self._read_message,
            kinds.TELL_ACTOR: self._read_message,
            kinds.ASK_MARKET: MarketAnswers(services).read,
            kinds.KEYED: check_keyed,
        }

    def read(self, body: bytes, count: int, counts: BatchCounts) -> Sequence[Command]:
        """Return the commands of a batch's body, read; there should be so many.

        An order in a flat row comes with its decimals and its side, and always with ranks.

        Raises:
            WireError: one of them is none of this protocol.
        """
        try:
            orders = plain_orders(body, count)
            if orders is None:
                self._quotes.begin()
                return self._read(messages_of(body), counts)
            if len(orders) >= MANY:
                alike = self._read_alike(orders, counts)
                if alike is not None:
                    return alike
            return self._read(orders, counts, are_orders=True)
        except _MALFORMED as error:
            raise WireError(f"not a command of this protocol: {error!r:.200}") from error

    def _read_alike(self, orders: Sequence[Command], counts: BatchCounts) -> AlikeOrders | None:
        """Read plain orders column by column; None where they are not alike.

        The same checks as one by one, for half the time: all that a caller sends at once, but for
        orders by volume. What was sent decides alone, since a replay has to answer alike.
        """
        columns = zip(*orders, strict=True)
        kinds_of, accounts, underlying, settlement, sides, quantities, volumes, prices, *ranks = (
            columns
        )
        if {*volumes} != {None}:
            return None
        if "e" in "".join(filter(None, (*quantities, *prices))):
            return None  # a text that nobody else writes so: what is told of it is Python's own
        if not self._known.issuperset(accounts):
            if None in accounts:
                return None
            for account in {*accounts} - self._known:
                self._check_account(account)
        brokers, assets = ranks or ((0,) * len(orders),) * 2
        if ranks and not counts.are_right(brokers, assets, settlement):
            counts.check(zip(brokers, assets, settlement, strict=True))
        for asset in {*underlying, *settlement}:
            ASSETS[asset]  # raises
        return AlikeOrders(
            kinds_of[0],
            underlying,
            sides,
            OrderColumns(
                accounts,
                settlement,
                tuple(map(UNSIGNED.__getitem__, quantities)),
                tuple(map(SIGNED.__getitem__, prices)),
            ),
            brokers,
            assets,
            (quantities, prices),
        )

    def _read(
        self, commands: Sequence[Command], counts: BatchCounts, *, are_orders: bool = False
    ) -> list[Command]:
        """Read commands one by one; ``are_orders`` says that all are plain ones, of the table."""
        read: list[Command] = []
        ranked: list[tuple[int, int, str | None]] = []
        for command in commands:
            kind = command[0]
            if not are_orders and kind not in PLAIN_ORDERS:
                other = self._read_other(command)
                if kind in kinds.COUNTING:
                    ranked.append(_ranked(other))
                elif kind == KEYED:
                    (asked,) = self._read([other[3]], counts)
                    other = read_keyed(other, asked)
                    if other[3][0] in kinds.COUNTING:
                        ranked.append(_ranked(other[3]))
                elif kind in kinds.PEEKING:
                    counts.check([_ranked(other)])
                elif kind in kinds.ASKING and other[5]:
                    ranked += declared_ranks(other)
                read.append(other)
                continue
            if kind == EXECUTE:
                _, account, underlying, settlement, side, quantity, volume, price = command
                broker = asset = 0
            else:
                (_, account, underlying, settlement, side, quantity, volume, price,
                 broker, asset) = command  # fmt: skip
                ranked.append((broker, asset, settlement))
            if not are_orders and not (
                type(kind) is type(broker) is type(asset) is int and broker >= 0 <= asset
            ):
                raise malformed("an order with two ranks", command)
            if not (type(account) is int and account in self._known) and account is not None:
                self._check_account(account)
            if quantity is not None is not volume:
                raise malformed("a quantity or a volume", command)
            read.append(
                (
                    kind,
                    account,
                    ASSETS[underlying],
                    ASSETS[settlement],
                    side if are_orders else SIDES[side],
                    None if quantity is None else UNSIGNED[quantity],  # at once, without a miss
                    None if volume is None else UNSIGNED[volume],
                    None if price is None else SIGNED[price],
                    broker,
                    asset,
                )
            )
        if ranked:
            counts.check(ranked)
        return read

    def _read_other(self, command: Command) -> Command:
        kind = command[0]
        reader = self._readers.get(kind) if type(kind) is int else None
        if reader is None or len(command) != _WIDTHS[kind]:
            raise malformed("a command", command)
        account = command[1]
        if not (type(account) is int and account in self._known):
            self._check_routing(command)
        return reader(command)

    def _check_routing(self, command: Command) -> None:
        kind, account = command[:2]
        if type(kind) is not int:
            raise malformed("a kind", command)
        if account is not None:
            self._check_account(account)

    def _check_account(self, account: object) -> None:
        if type(account) is not int or not 0 <= account <= _U64_MAX or not self._owns(account):
            raise malformed("an account of this shard", account)
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known.add(account)

    # --- what carries values ---------------------------------------------------------------------

    def _read_whole(self, command: Command) -> Command:
        kind, account, packed, broker, asset = command
        order = decode(packed)
        if not isinstance(order, Order) or order._account_ != account:
            raise malformed("an order of the command's account", command)
        if not (type(broker) is type(asset) is int and broker >= 0 <= asset):
            raise malformed("two ranks", command)
        return kind, account, order, broker, asset

    def _read_administration(self, command: Command) -> Command:
        kind, account, method, packed = command
        arguments = decode(packed)
        for named in check_administration(method, arguments):
            self._check_account(named)
            if account is not None and named != account:
                raise malformed("the command's account", command)
        return kind, account, method, arguments

    def _read_message(self, command: Command) -> Command:
        _, account, actor, message, rank, orders, assets = command
        if account is None or type(actor) is not str or actor not in self._actors:
            raise malformed("a message to an actor, of an account", command[:3])
        if type(message) is not bytes or len(message) > MESSAGE_BYTES:
            raise malformed("a message of bytes", command)
        if orders == rank == 0 and assets == ():
            return command
        if not (type(rank) is type(orders) is int and rank >= 0 < orders <= MESSAGE_ORDERS):
            raise malformed("a first rank, and how many orders", command[4:])
        _check_declared(assets, orders)
        return command

    def _read_configuration(self, command: Command) -> Command:
        kind, account, method, packed = command
        arguments = decode(packed)
        if check_configuration(method, arguments) != account:
            raise malformed("the command's account", command)
        return kind, account, method, arguments


def _ranked(command: Command) -> tuple[int, int, str | None]:
    """Return an order's ranks, and the asset that it is settled in."""
    broker, asset = command[-2:]
    return broker, asset, settlement_of(command)


def _check_declared(assets: object, orders: int) -> None:
    """Check how many of a message's orders are settled in which asset, and their first ranks."""
    if type(assets) is not tuple:
        raise malformed("a list of assets", assets)
    named = set()
    for asset, rank, its in assets:
        if not (type(rank) is type(its) is int and rank >= 0 < its):
            raise malformed("an asset's first rank, and how many orders", (asset, rank, its))
        named.add(ASSETS[asset])
        orders -= its
    if orders < 0 or len(named) < len(assets) or None in named:
        raise malformed("assets, each once, of no more orders than there are", assets)


def _read_bare(command: Command) -> Command:
    if command[1] is not None:
        raise malformed("a command of no account", command)
    return command


def _read_handle(command: Command) -> Command:
    handle = command[2]
    if type(handle) is not int or handle < 0:
        raise malformed("a handle", command)
    return command


def _read_numbers(command: Command) -> Command:
    if command[1] is not None or {*map(type, command)} != {int, type(None)} or min(command[2:]) < 0:
        raise malformed("numbers of handles, of no account", command)
    return command


def _read_outcome(command: Command) -> Command:
    _, account, number, key, age = command
    if not (type(number) is type(age) is int and number >= 0 <= age and type(key) is bytes):
        raise malformed("a number, a key and a time since", command)
    if len(key) > KEY_BYTES or (key and account is None):
        raise malformed(f"a key of {KEY_BYTES} bytes at most, and its account", command)
    return command


def _read_handles(command: Command) -> Command:
    handles = command[2]
    if type(handles) is not tuple or len(handles) > HANDLES_PER_COMMAND:
        raise malformed("a list of handles", command)
    if handles and ({*map(type, handles)} != _NUMBERS or min(handles) < 0):
        raise malformed("a handle", command)
    return command


_ENDINGS: Final[dict[object, Callable[[Command], Command]]] = {
    kinds.EXECUTE_REQUEST: _read_handle,
    kinds.COMMIT: _read_handle,
    kinds.ROLLBACK: _read_handle,
    kinds.COMMIT_MANY: _read_handles,
    kinds.ROLLBACK_MANY: _read_handles,
    kinds.DROP: _read_handles,
    kinds.DROP_LEFT: _read_numbers,
}
"""What ends something that is open, and how it is read."""


def read_ending(command: Command) -> Command | None:
    """Return a command that ends something that is open, read; None if it is none.

    Raises:
        WireError: it is none of this protocol.
    """
    kind = command[0]
    if type(kind) is not int or kind not in _ENDINGS:
        return None
    if len(command) != _WIDTHS[kind]:
        raise malformed(f"{_WIDTHS[kind]} fields", command)
    return _ENDINGS[kind](command)


def _read_flat_report(command: Command) -> Command:
    return command[0], command[1], read_report(command)


def _read_whole_report(command: Command) -> Command:
    report = decode(command[2])
    if not isinstance(report, ExecutionReport) or report._account_ != command[1]:
        raise malformed("a report of the command's account", command)
    return (*command[:2], report)


def _read_adjustments(command: Command) -> Command:
    adjustments = decode(command[2])
    if command[1] is None or type(adjustments) is not list:
        raise malformed("an account's adjustments", command)
    for adjustment in adjustments:
        if not isinstance(adjustment, Adjustment):
            raise malformed("an adjustment", command)
    return (*command[:2], adjustments)
