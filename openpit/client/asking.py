"""Messages to actors: what a call declares, and the calls over many of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from openpit.client.answers import EXPECTED, read_message
from openpit.client.counted import CountedMany
from openpit.client.many import Part
from openpit.core.assets import asset_text
from openpit.engine.accounts import account_value
from openpit.errors import WireError
from openpit.param.ids import AccountId
from openpit.wire import kinds
from openpit.wire.axes import BROKER
from openpit.wire.frames import too_large
from openpit.wire.limits import MESSAGE_BYTES, MESSAGE_ORDERS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from openpit.client.orders import Declared, Ranked
    from openpit.router.shard_link import ShardLink
    from openpit.wire.possible_replies import Reply

__all__ = ["AskMany", "Asked", "all_asked_of", "asked_of", "declared_of"]

ANSWERED: Final = kinds.ANSWERED
ASK_ACTOR: Final = kinds.ASK_ACTOR

_PAIR: Final = 2
_new = tuple.__new__  # of a NamedTuple, whose own takes twice as long

_COLLECTED_BYTES: Final = 1024 * 1024
"""Of messages that wait for others before they are sent: a shard can begin on so many."""


class Asked(NamedTuple):
    """A message to an actor, and for how many orders it may count."""

    actor: str
    account: int
    message: bytes
    orders: int
    assets: Declared

    @property
    def _account_(self) -> int:
        """The account, by the name that orders and reports have for it."""
        return self.account


def declared_of(orders: object) -> tuple[int, Declared]:
    """Return for how many orders a message may count, and how many of each asset among them.

    Raises:
        TypeError: it is neither a number nor such by asset.
        ValueError: it is negative, or over ``MESSAGE_ORDERS``.
    """
    if type(orders) is int:
        return _checked(orders), ()
    if not isinstance(orders, Mapping):
        raise TypeError(
            f"orders must be an int, or ints by settlement asset, not {type(orders).__name__}"
        )
    counts: dict[str, int] = {}
    for asset, count in orders.items():
        if type(count) is not int:
            raise TypeError(f"orders[{asset!r}] must be an int, not {type(count).__name__}")
        name = asset_text(asset)
        counts[name] = counts.get(name, 0) + _checked(count)
    listed = [(asset, count) for asset, count in counts.items() if count]
    return _checked(sum(counts.values())), listed


def _checked(count: int) -> int:
    if not 0 <= count <= MESSAGE_ORDERS:
        raise ValueError(f"orders must be in range 0..={MESSAGE_ORDERS}, not {count}")
    return count


def asked_of(
    actors: Collection[str], actor: str, account_id: object, message: object, orders: object
) -> Asked:
    """Return a message that can be sent.

    Raises:
        LookupError: there is no such actor.
        TypeError: ``account_id`` is no AccountId, or ``message`` is not bytes.
        FrameTooLarge: it is over ``MESSAGE_BYTES``.
        Exception: what :func:`declared_of` raises.
    """
    _check_actor(actors, actor)
    return _asked(actor, account_id, message, declared_of(orders))


def all_asked_of(
    actors: Collection[str], actor: str, items: Iterable[Any], orders: object
) -> list[Asked]:
    """Return messages that can be sent: accounts, messages and, of each that has its own, orders.

    Raises:
        ValueError: one has fewer fields than two, or more than three.
        Exception: what :func:`asked_of` raises of any of them.
    """
    _check_actor(actors, actor)
    declared = declared_of(orders)
    asked: list[Asked] = []
    for item in items:
        if len(item) == _PAIR:  # not (account_id, message, *own): that takes a fifth longer
            account_id, message = item
            asked.append(_asked(actor, account_id, message, declared))
        else:
            account_id, message, own = item
            asked.append(_asked(actor, account_id, message, declared_of(own)))
    return asked


def _asked(
    actor: str, account_id: object, message: object, declared: tuple[int, Declared]
) -> Asked:
    account = account_id.value if type(account_id) is AccountId else account_value(account_id)
    if type(message) is not bytes:
        raise TypeError(f"a message to an actor is bytes, not {type(message).__name__}")
    if len(message) > MESSAGE_BYTES:
        raise too_large(len(message), MESSAGE_BYTES)
    return _new(Asked, (actor, account, message, *declared))


def _check_actor(actors: Collection[str], actor: object) -> None:
    if not isinstance(actor, str) or actor not in actors:
        known = ", ".join(sorted(actors)) or "none"
        raise LookupError(f"no actor is called {actor!r:.100}; there are: {known}")


_NO_RANKS: Final[tuple[int, int, Ranked]] = (0, 0, ())


class AskPart(Part):
    """Messages of one call in one frame."""

    __slots__ = ()

    answers = EXPECTED[read_message]
    read = staticmethod(read_message)

    def replied_run(self, link: ShardLink, kind: int, seq: int, count: int) -> None:
        if kind != kinds.DONE:
            raise WireError(f"not a reply to a message: {kind}")
        if self.is_wanted(seq, count):
            self.call.settle(count)  # with None, as there are

    def replied(self, link: ShardLink, seq: int, reply: Reply) -> None:
        place = seq - self.first
        call: AskMany = self.call
        if reply[0] != ANSWERED or place != self.answered or self.is_over or call.done:
            super().replied(link, seq, reply)
            return
        # What is_wanted() and take() do, spelt out: the hot path of volume.
        self.answered = place + 1
        call.results[self.indexes[place]] = reply[1]
        call.settle(1)


class AskMany(CountedMany):
    """``ask`` for many messages."""

    __slots__ = ("_bytes",)

    method = "ask_many"
    part = AskPart

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._bytes = 0  # collected

    def feed(self) -> bool:
        client = self.client
        encoder = client.encoder
        self._heed_limits()
        counts_by_time = self._is_timed and not self._counts_nothing
        ranks = encoder.ranks
        inputs, times, parts = self.inputs, self._times, self.rows
        owners, links = client.router.owners, client.router.links
        limit = client.rows_per_frame
        position, end, size = self._position, len(inputs), self._bytes
        while position < end:
            actor, account, message, orders, assets = inputs[position]
            number = owners[account]
            link = links[number]
            if not link.is_up:  # before it is counted for the rate limit
                self.missing(position, number, link.reason, link.refusal())
                position += 1
                continue
            ranked = _NO_RANKS
            if orders:
                now = times[position]
                if counts_by_time and self._leaves_window(self._axes_of(assets), now):
                    return self._leave(position)
                if assets:
                    ranked, _ = ranks.of_message(orders, assets, now)
                else:  # what that does, spelt out: the hot path where the broker alone is limited
                    before = ranks.broker
                    if ranks.counts_broker:
                        ranks.broker = before + orders
                        ranked = (before + 1, orders, ())
                    else:
                        ranked = (0, orders, ())
            rows, indexes = parts[number]
            rows.append((ASK_ACTOR, account, actor, message, *ranked))
            indexes.append(position)
            position += 1
            size += len(message)
            if len(rows) == limit or size > _COLLECTED_BYTES:
                self._position = position
                if self._counts_nothing and len(rows) == limit:
                    self._bytes = 0
                    self.submit(number)
                else:
                    self.submit_all()
                return True
        self._position = position
        return self.fed()

    def submit_all(self) -> None:
        self._bytes = 0
        super().submit_all()

    def _axes_of(self, assets: Declared) -> list[int]:
        """Return the numbers of the axes that orders of a message may count on."""
        ranks = self.client.encoder.ranks
        numbers = [
            number for asset, _ in assets if (number := ranks.numbers.get(asset)) is not None
        ]
        return [BROKER, *numbers] if ranks.counts_broker else numbers

    def _axes_in(
        self, rows: Sequence[Any], indexes: Sequence[int]
    ) -> dict[int, tuple[int, int, int]]:
        numbers = self.client.encoder.ranks.numbers
        found: dict[int, tuple[int, int, int]] = {}
        for row, index in zip(rows, indexes, strict=True):
            *_, rank, orders, assets = row
            now = self._times[index]
            if rank:
                _add(found, BROKER, orders, rank, now)
            for asset, first, its in assets:
                if first:
                    _add(found, numbers[asset], its, first, now)
        return found


def _add(
    found: dict[int, tuple[int, int, int]], axis: int, orders: int, rank: int, now: int
) -> None:
    count, first, began = found.get(axis, (0, rank, now))
    found[axis] = count + orders, first, began
