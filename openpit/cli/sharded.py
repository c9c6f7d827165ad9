"""A replay on shards: lines go to the workers as they are, decisions come back.

Each line goes to the shard of its account, and is read, booked and decided there
(:mod:`openpit.cli.stage`). What has to be known for that here is little, and almost always known at
once; stretches of lines are in flight to all shards while the next are looked at. Where it is not,
a line waits for the answers to all before it:

* one that tells no time, or an earlier one than a line in flight: whether that counts as the
  latest, only its shard knows;
* an order whose id has been there before: it is a twin only if the first was one at all;
* orders that may reach a limit over accounts: see :mod:`openpit.cli.rates`. Then a stretch ends
  before an order of an account that may be blocked by then, for that would not count.
"""

from __future__ import annotations

import json
from math import ceil
from time import perf_counter_ns
from typing import TYPE_CHECKING

from openpit.cli.book import Book
from openpit.cli.course import STEP, earlier
from openpit.cli.events import BadEventError, BadLine, Observation, OrderPlaced
from openpit.cli.heads import ODD, Heads, OrderHead
from openpit.cli.line_blocks import LineBlock, write
from openpit.cli.rates import FlowRates
from openpit.cli.settling import Settling
from openpit.cli.stretches import NOWHERE, Stretch
from openpit.cli.strict import TIME_LIMIT
from openpit.param.ids import AccountId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from openpit.cli.events import Event
    from openpit.cli.heads import FlowFormat, Head
    from openpit.cli.lines import Line
    from openpit.cli.settling import Workers
    from openpit.cli.totals import Totals
    from openpit.limits.broad import BroadLimits
    from openpit.limits.starts import Starts

__all__ = ["ShardedReplay"]


class Owner:
    """An account of the flow, as its lines are passed on by it."""

    __slots__ = ("blocked", "id", "shard")

    def __init__(self, account_id: AccountId | None, shard: int) -> None:
        self.id = account_id
        self.shard = shard
        self.blocked = False


class ShardedReplay:
    """One run of a flow through the stages of ``workers``.

    ``shard_of`` tells an account's shard. ``decided`` is given the decisions' lines, those of up to
    ``batch`` lines of the flow for each shard at a time. ``limits`` are the rates that span
    accounts, ``starts`` tells which accounts their first order may block.
    """

    def __init__(
        self,
        workers: Workers,
        format_: FlowFormat,
        totals: Totals,
        *,
        shard_of: Callable[[AccountId], int],
        batch: int,
        limits: BroadLimits | None = None,
        starts: Starts | None = None,
        decided: Callable[[str], object] | None = None,
    ) -> None:
        self._workers = workers
        self._shards = len(totals.tallies)
        self._heads = heads = Heads(format_)
        self._shard_of = shard_of
        self._most = batch * self._shards
        self._rates = rates = None if limits is None else FlowRates(limits)
        self._starts = starts
        self._owners: dict[int | str, Owner] = {}
        self._placed: dict[int | str, Owner] = {}
        self._latest = 0
        """The time of the last line that was passed on, if all in flight are good."""
        self._settling = Settling(workers, heads, totals, rates, decided)

    def run(self, blocks: Iterable[Sequence[Line]]) -> None:
        """Have the workers take all lines.

        Raises:
            ShardsDiedError: a shard does not answer any more; what was decided until then is
                counted and was handed on.
        """
        try:
            for block in blocks:
                for rows in _evenly(block, self._most):
                    self._follow(rows)
            self._settling.finish()
        finally:
            self._settling.sum_up()

    def _follow(self, rows: Sequence[Line]) -> None:
        position = 0
        while position < len(rows):
            stretch = Stretch(self._shards)
            end = self._scan(rows[position:], stretch) + position
            if end > position:
                stretch.rows = [*rows[position:end]]
                stretch.time = self._latest
                self._pass_on(stretch)
            if end < len(rows):
                self._settle()
                self._latest = self._settling.latest
                self._take_alone(rows[end])
                end += 1
            position = end

    # --- where lines go --------------------------------------------------------------------------

    def _scan(self, rows: Sequence[Line], stretch: Stretch) -> int:
        """Take rows into a stretch, up to one that has to wait; return how many those are."""
        quick, placed, owners = self._heads.quick, self._placed, self._owners
        shards, order_shards = stretch.shards, stretch.order_shards
        puts = [lines.append for lines in stretch.lines]
        times, currencies = stretch.times, stretch.currencies
        latest = self._latest
        for number, line in rows:
            try:
                head = quick(line)  # type: ignore[arg-type]  # what is no text is odd
            except ODD:
                odd = self._looked_at(number, line, stretch)
                if odd is None:
                    shards.append(NOWHERE)
                    continue
                head = odd
            time = head.time
            if time is None or time < latest or time > TIME_LIMIT:
                break
            if head.__class__ is OrderHead:
                key = head.key
                if key in placed:
                    break
                account = head.account
                owner = owners.get(account) or self._open(account)
                placed[key] = owner
                shard = owner.shard
                order_shards.append(shard)
                times.append(time)
                currencies.append(head.currency)
            elif head.__class__ is Observation:
                stretch.observed.append(head.kind)
                shards.append(NOWHERE)
                latest = time
                continue
            else:
                found = placed.get(head.key)  # type: ignore[union-attr]  # told by its class
                shard = 0 if found is None else found.shard
            latest = time
            puts[shard](line)  # type: ignore[arg-type]  # it has been read
            shards.append(shard)
        self._latest = latest
        return len(shards)

    def _looked_at(self, number: int, line: bytes | BadLine, stretch: Stretch) -> Head | None:
        """Look closer at an odd line; None, and its reason in the stretch, if it is bad."""
        if isinstance(line, BadLine):
            stretch.bad[number] = line.reason
            return None
        try:
            return self._heads.of(line)
        except BadEventError as error:
            stretch.bad[number] = str(error)
            return None

    def _take_alone(self, row: Line) -> None:
        """Pass on a row, now that everything before it is known."""
        stretch = Stretch(self._shards)
        try:
            event = self._event_of(row)
            time = event.time
            if time is None:
                time = stretch.told_time = self._latest + STEP
            elif time < self._latest:
                raise earlier(time, self._latest)
        except BadEventError as error:
            stretch.bad[row[0]] = str(error)
            stretch.add(row, NOWHERE)
        else:
            self._latest = stretch.time = time
            self._place(row, event, stretch)
        self._pass_on(stretch)

    def _place(self, row: Line, event: Event, stretch: Stretch) -> None:
        """Take a row into a stretch, now that it is known whose it is."""
        if isinstance(event, Observation):
            stretch.observed.append(event.kind)
            stretch.add(row, NOWHERE)
            return
        key = event.key
        owner = self._placed.get(key)
        if isinstance(event, OrderPlaced):
            unplaced = self._settling.unplaced
            if owner is None or key in unplaced:
                unplaced.discard(key)
                owner = self._owners.get(event.account) or self._open(event.account)
                self._placed[key] = owner
            else:
                stretch.twins.add(row[0])
            stretch.add_order(owner.shard, stretch.time, event.currency)
        stretch.add(row, 0 if owner is None else owner.shard)

    def _event_of(self, row: Line) -> Event:
        """Return the event of a row; BadEventError if it is none."""
        _, line = row
        if isinstance(line, BadLine):
            raise BadEventError(line.reason)
        return self._heads.event_of(line)

    def _open(self, name: int | str) -> Owner:
        """Return the account of a name that has not been there before."""
        try:
            account_id = (
                AccountId.from_int(name) if isinstance(name, int) else AccountId.from_string(name)
            )
        except (ValueError, OverflowError):
            owner = Owner(None, 0)  # its stage tells why
        else:
            owner = Owner(account_id, self._shard_of(account_id))
        self._owners[name] = owner
        return owner

    # --- on their way ----------------------------------------------------------------------------

    def _pass_on(self, stretch: Stretch) -> None:
        """Send a stretch; where a limit may be reached, piece by piece."""
        rates = self._rates
        if rates is None or not rates.may_be_reached(
            stretch.times, stretch.currencies, self._settling.latest
        ):
            self._send(stretch)
            return
        self._settle()
        self._count_out(stretch, rates)

    def _count_out(self, stretch: Stretch, rates: FlowRates) -> None:
        """Send a stretch, with what each order counts as; a piece ends where that is not known."""
        piece = Stretch(self._shards, is_counted=True)
        may_be_blocked: set[Owner | None] = set()
        book = Book(lambda _: 0)
        for row, shard in zip(stretch.rows, stretch.shards, strict=True):
            number, _ = row
            event = self._good_event_of(row)
            if isinstance(event, OrderPlaced):
                owner = self._owners.get(event.account) or self._open(event.account)
                if owner in may_be_blocked:
                    self._send(piece)
                    self._settle()
                    piece = Stretch(self._shards, is_counted=True)
                    may_be_blocked.clear()
            piece.add(row, shard)
            if number in stretch.bad:
                piece.bad[number] = stretch.bad[number]
                continue
            if event is None:
                continue  # its stage tells why
            piece.time = time = _time_of(event, stretch)
            if isinstance(event, OrderPlaced):
                piece.add_order(shard, time, event.currency)
                if number in stretch.twins:
                    piece.twins.add(number)
                elif not owner.blocked and _is_order(book, event):
                    piece.counts[shard][-1] = rates.count(time, event.currency)
                if self._may_be_outside(owner, event.currency):
                    may_be_blocked.add(owner)
            elif isinstance(event, Observation):
                piece.observed.append(event.kind)
            else:
                may_be_blocked.add(self._placed.get(event.key))
        piece.told_time = stretch.told_time
        self._send(piece)
        self._settle()

    def _good_event_of(self, row: Line) -> Event | None:
        """Return the event of a row, None if it is none."""
        try:
            return self._event_of(row)
        except BadEventError:
            return None

    def _may_be_outside(self, owner: Owner, currency: str) -> bool:
        """Tell whether an order may block its account."""
        starts = self._starts
        return starts is not None and (
            owner.id is None or starts.may_be_outside(owner.id, currency)
        )

    def _send(self, stretch: Stretch) -> None:
        stretch.begun = perf_counter_ns()
        for shard, lines in enumerate(stretch.lines):
            if lines:
                counts = stretch.counts[shard] if stretch.is_counted else None
                message = write(LineBlock(b"\n".join(lines), stretch.told_time, counts))
                stretch.parts.append((shard, self._workers.send(shard, message)))
        self._settling.follow(stretch)

    def _settle(self) -> None:
        """Wait for all that is in flight, and learn from it."""
        settling = self._settling
        settling.finish()
        for name in settling.blocked:
            self._owners[json.loads(name)].blocked = True
        settling.blocked.clear()


def _evenly(rows: Sequence[Line], most: int) -> Iterator[Sequence[Line]]:
    """Yield rows in as few pieces of at most so many as there can be, all of one size.

    What a piece costs beside its lines, a small one costs, too.
    """
    pieces = ceil(len(rows) / most)
    for piece in range(pieces):
        yield rows[len(rows) * piece // pieces : len(rows) * (piece + 1) // pieces]


def _is_order(book: Book, event: OrderPlaced) -> bool:
    """Tell whether an order can be entered into a book that has none with its id."""
    try:
        book.place(event)
    except BadEventError:
        return False
    return True


def _time_of(event: Event, stretch: Stretch) -> int:
    """Return the time of an event, or what a stretch tells in its place."""
    time = stretch.told_time if event.time is None else event.time
    assert time is not None  # noqa: S101 - one of them is told
    return time
