"""Orders of many: the volume path."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from openpit.client.answers import CHECKS, read_execute
from openpit.client.counted import CountedMany
from openpit.client.expected import EXECUTED
from openpit.client.many import Part
from openpit.client.orders import captured_order
from openpit.client.takes_many import TakesMany
from openpit.core.order import Order
from openpit.errors import OutcomeUnknown, WireError
from openpit.pretrade.alike_rejects import AlikeReject
from openpit.pretrade.results import ExecuteResult
from openpit.wire import kinds
from openpit.wire.axes import BROKER
from openpit.wire.flat_rows import DecodedRejects
from openpit.wire.runs import OneOfAlike

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.router.shard_link import ShardLink
    from openpit.wire.possible_replies import Reply

__all__ = ["ExecuteMany"]

EXECUTE: Final = kinds.EXECUTE
EXECUTE_COUNTED: Final = kinds.EXECUTE_COUNTED
FUNDED: Final = kinds.FUNDED
RESERVED: Final = kinds.RESERVED
_USUAL: Final = frozenset({kinds.FUNDED, kinds.RESERVED, kinds.REJECTED})

_FUNDED: Final = {FUNDED}

_new = object.__new__
_kind = itemgetter(0)


class ExecutePart(Part, TakesMany):
    """Orders of one call in one frame."""

    __slots__ = ()

    answers = EXECUTED
    read = staticmethod(read_execute)

    def replied_run(self, link: ShardLink, kind: int, seq: int, count: int) -> None:
        if kind != kinds.ACCEPTED:
            raise WireError(f"not a reply to an order: {kind}")
        if not self.is_wanted(seq, count):
            return
        call: ExecuteMany = self.call
        results = call.results
        local = link.handles.local
        for index in self.items(seq, count):
            # What accepted() does, spelt out: the hot path of volume.
            reservation = _new(local)
            reservation._link = link
            reservation._open = True
            result = _new(ExecuteResult)
            result._reservation = reservation
            result._rejects = ()
            results[index] = result
        call.settle(count)

    def rejected_alike(self, seq: int, numbers: Sequence[int], reject: Sequence[Any]) -> None:
        count = len(numbers)
        if not self.is_wanted(seq, count):
            return
        call: ExecuteMany = self.call
        results = call.results
        alike = AlikeReject(*reject)
        for index, number in zip(self.items(seq, count), numbers, strict=True):
            # Spelt out, as in replied_run().
            rejects = _new(OneOfAlike)
            rejects._alike = alike
            rejects._said = number
            result = _new(ExecuteResult)
            result._reservation = None
            result._rejects = rejects
            results[index] = result
        call.settle(count)

    def replied_to_all(self, link: ShardLink, replies: Sequence[Reply]) -> bool:
        """Take the replies to all of the orders, if all hold funds; tell whether that is so."""
        call: ExecuteMany = self.call
        if self.answered or self.is_over or call.done or {*map(_kind, replies)} != _FUNDED:
            return False
        inputs, results, held = call.inputs, call.results, link.handles.held
        seq = self.first
        for index, reply in zip(self.indexes, replies, strict=True):
            # As below, spelt out again: a call for each takes as long as the rest.
            reservation = _new(held)
            reservation._open = False
            reservation._is_held = True
            reservation._lock_rows = None
            reservation._outcomes = reply
            reservation._link = link
            reservation._account = inputs[index]._account_
            reservation._handle = seq
            reservation._open = True
            result = _new(ExecuteResult)
            result._rejects = ()
            result._reservation = reservation
            results[index] = result
            seq += 1
        self.answered = len(replies)
        call.settle(len(replies))
        return True

    def replied(self, link: ShardLink, seq: int, reply: Reply) -> None:
        place = seq - self.first
        call: ExecuteMany = self.call
        kind = reply[0]
        if place != self.answered or self.is_over or call.done or kind not in _USUAL:
            super().replied(link, seq, reply)
            return
        # What is_wanted() and take() do, spelt out: the hot path of whatever holds funds.
        self.answered = place + 1
        index = self.indexes[place]
        result = _new(ExecuteResult)
        try:
            if kind == FUNDED or kind == RESERVED:  # noqa: PLR1714, SIM109 - as in check_replies()
                # What _of() does, spelt out as well.
                reservation = _new(link.handles.held)
                reservation._open = False  # until it is whole
                if kind == FUNDED:
                    reservation._is_held = True
                    reservation._lock_rows = None
                    reservation._outcomes = reply
                else:
                    _, reservation._is_held, reservation._lock_rows, reservation._outcomes = reply
                reservation._link = link
                reservation._account = call.inputs[index]._account_
                reservation._handle = seq
                reservation._open = True
                result._rejects = ()
                result._reservation = reservation
            else:
                result._rejects = DecodedRejects(reply[1])
                result._reservation = None
        except BaseException as error:  # noqa: BLE001 - as in take()
            call.put_failure(index, error)
        else:
            call.results[index] = result
            call.settle(1)


class ExecuteMany(CountedMany):
    """``execute_pre_trade`` for many orders; stops at one without account id, too."""

    __slots__ = ()

    method = "execute_pre_trade_many"
    lets_go = True
    part = ExecutePart

    def feed(self) -> bool:
        client = self.client
        self._heed_limits()
        if (
            len(self.inputs) == 1
            or (self._is_timed and not self._counts_nothing)
            or not all(link.is_up for link in client.router.links)
        ):
            return self._feed_slowly()
        inputs = self.inputs
        while self._position < len(inputs):
            # As many as cannot fill more than a frame; all where none of them makes a frame.
            longest = max([len(rows) for rows, _ in self.rows])
            full = self._position + client.rows_per_frame - longest
            end = full if self._position < full <= len(inputs) - client.last_rows else None
            if not self._take_plain(inputs[self._position : end]):
                return self._feed_slowly()
            for number, (rows, _) in enumerate(self.rows):
                if self.makes_frame(rows, self._position):
                    if self._counts_nothing:
                        self.submit(number)
                    else:
                        self.submit_all()
                    return True
        return self.fed()

    def _take_plain(self, orders: Sequence[Any]) -> bool:
        """Make rows of the next orders, up to one that needs more than that; tell if none does."""
        client = self.client
        ranks = client.encoder.ranks
        is_flat = client.encoder.is_flat if client.has_custom else None
        counts_nothing, is_broker_only = self._counts_nothing, ranks.counts_broker_only
        reads_instrument, counts_broker = ranks.reads_instrument, ranks.counts_broker
        numbers, asset_ranks = ranks.numbers, ranks.assets
        owners, parts = client.router.owners, self.rows
        rank = ranks.broker
        # What the order before was settled in, how such orders count, and the last asset's rank.
        settled: Any = ranks  # nothing yet
        counts_for_broker = counts_for_asset = False
        asset = 0
        index = self._position
        for order in orders:
            if type(order) is not Order:
                break
            account = order._account_
            if account is None or not (is_flat is None or is_flat(order)):
                break
            rows, indexes = parts[owners[account]]
            # Rows spelt out, and ranks kept here: two fifths of what it takes to make them.
            if is_broker_only:
                rank += 1
                rows.append((
                    EXECUTE_COUNTED, account, order._underlying_, order._settlement_,
                    order._side_, order._quantity_, order._volume_, order._price_, rank, 0,
                ))  # fmt: skip
            elif counts_nothing:
                rows.append((
                    EXECUTE, account, order._underlying_, order._settlement_,
                    order._side_, order._quantity_, order._volume_, order._price_,
                ))  # fmt: skip
            else:
                settlement = order._settlement_
                if settlement is not settled:
                    if counts_for_asset:
                        asset_ranks[settled] = asset
                    settled = settlement
                    is_read = settlement is not None or not reads_instrument
                    counts_for_broker = is_read and counts_broker
                    counts_for_asset = is_read and settlement in numbers
                    asset = asset_ranks.get(settlement, 0) if counts_for_asset else 0
                if counts_for_broker:
                    rank += 1
                if counts_for_asset:
                    asset += 1
                rows.append((
                    EXECUTE_COUNTED, account, order._underlying_, settlement, order._side_,
                    order._quantity_, order._volume_, order._price_,
                    rank if counts_for_broker else 0, asset,
                ))  # fmt: skip
            indexes.append(index)
            index += 1
        ranks.broker = rank
        if counts_for_asset:
            asset_ranks[settled] = asset
        taken = index - self._position
        self._position = index
        return taken == len(orders)

    def _axes_in(
        self, rows: Sequence[Any], indexes: Sequence[int]
    ) -> dict[int, tuple[int, int, int]]:
        ranks = self.client.encoder.ranks
        times, orders = self._times, self.inputs
        if ranks.counts_broker_only:
            return {BROKER: (len(rows), rows[0][-2], times[indexes[0]])}
        found: dict[int, tuple[int, int, int]] = {}
        brokers = [row[-2] for row in rows]
        if any(brokers):
            found[BROKER] = _counted(brokers, indexes, times)
        assets = [row[-1] for row in rows]
        if any(assets):
            of_assets: dict[int, tuple[list[int], list[int]]] = {}
            settlements = [orders[index]._settlement_ for index in indexes]
            if settlements.count(settlements[0]) == len(settlements):
                of_assets[ranks.numbers[settlements[0]]] = assets, [*indexes]
            else:
                for rank, settlement, index in zip(assets, settlements, indexes, strict=True):
                    if rank:
                        its, at = of_assets.setdefault(ranks.numbers[settlement], ([], []))
                        its.append(rank)
                        at.append(index)
            for axis, (its, at) in of_assets.items():
                found[axis] = _counted(its, at, times)
        return found

    def _feed_slowly(self) -> bool:
        """Continue where an order needs more than its flat row, or is none at all."""
        client = self.client
        encoder = client.encoder
        orders = self.inputs
        is_counted_by_time = self._is_timed and not self._counts_nothing
        while self._position < len(orders):
            index = self._position
            self._position += 1
            try:
                order = captured_order(orders[index])
                account = order._account_
                if account is None:
                    self._position = index
                    return self._stop()
                link = client.router.link_of(account)
                if not link.is_up:  # before it is counted for the rate limit
                    self.missing(index, link.number, link.reason, link.refusal())
                    continue
                if is_counted_by_time and self._leaves_window(
                    self._axes_of(order), self._times[index]
                ):
                    return self._leave(index)
                row = encoder.ranked(order)
            except TypeError as error:
                self.put_failure(index, error)
                continue
            rows, indexes = self.rows[link.number]
            rows.append(row)
            indexes.append(index)
            if self.makes_frame(rows, index + 1):
                if self._counts_nothing:
                    self.submit(link.number)
                else:
                    self.submit_all()
                return True
        return self.fed()

    def _axes_of(self, order: Order) -> list[int]:
        """Return the numbers of the axes that an order may count on."""
        broker, asset = self.client.encoder.ranks.axes_of(order)
        return ([BROKER] if broker else []) + ([] if asset is None else [asset])

    def missing(self, index: int, shard: int, why: str, error: Exception) -> None:
        call = error.call if isinstance(error, OutcomeUnknown) else None
        self.put(index, CHECKS[EXECUTE].denied(shard, why, call))


def _counted(
    ranks: Sequence[int], indexes: Sequence[int], times: Sequence[int]
) -> tuple[int, int, int]:
    """Return how many orders have a rank, which is not 0, and the first of them and its time."""
    first = next(filter(None, ranks))
    return len(ranks) - ranks.count(0), first, times[indexes[ranks.index(first)]]
