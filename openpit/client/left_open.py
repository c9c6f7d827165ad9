"""What a client before this one has left on its shards: asked for, taken, or let go of.

That is what it has left open, and the answers that it has missed.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from weakref import WeakValueDictionary

from openpit.client.answers import CHECKS, read_left
from openpit.client.expected import expected, questions_to
from openpit.errors import WireError
from openpit.param.ids import new_account_id
from openpit.pretrade.open_reservation import OpenReservation
from openpit.router.own_commands import Unattended
from openpit.wire import kinds
from openpit.wire.checks import U64_MAX
from openpit.wire.frames import body_of, messages_of, pack
from openpit.wire.replies import check_replies
from openpit.wire.values import decode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openpit.core.order import Order
    from openpit.router.procedures import Steps
    from openpit.router.router import Router
    from openpit.router.shard_link import ShardLink

__all__ = ["Found", "LeftOpen", "ask_left"]

Found: TypeAlias = "tuple[ShardLink, Sequence[tuple[Any, ...]]]"
"""A shard, and the rows of what is left open there."""

_MISSED: Final = expected((kinds.ASK_MISSED, None, 0, 0))
_AGAIN_SECONDS: Final = 1.0
"""How soon a shard is looked at again that answers nothing as something is to be let go of."""

_READ: Final = {
    kinds.FUNDED: CHECKS[kinds.EXECUTE].read,
    kinds.RESERVED: CHECKS[kinds.EXECUTE].read,
    kinds.RECORDED: CHECKS[kinds.DROP_COPY].read,
    kinds.STARTED: CHECKS[kinds.START].read,
}
"""What makes a result of the reply that the order had."""


class LeftOpen:
    """Where something is left, and until when it may be taken.

    ``before`` has, for each shard on which something may be open, the number before which its
    handles are of a former client; ``missed`` the same of answers. ``due`` is a time of
    ``monotonic()``. ``shown`` has the handles of former clients that somebody
    holds here, by shard and number: a call with a key may ask for one of them, too. ``kept`` has
    those, by shard, that were only told of before what is open there was asked for: nobody has
    them yet, so nobody can lose them.
    """

    __slots__ = ("before", "due", "kept", "missed", "shown")

    def __init__(self) -> None:
        self.shown: Final[WeakValueDictionary[tuple[int, int], Any]] = WeakValueDictionary()
        self.before: Final[dict[int, int]] = {}
        self.missed: Final[dict[int, int]] = {}
        self.kept: Final[dict[int, list[Any]]] = {}
        self.due = inf

    def tell(self, link: ShardLink, handle: int, proxy: Any, *, is_open: bool) -> None:
        """Record the handle that is in an answer which a client was told of later."""
        self.shown[link.number, handle] = proxy
        if is_open and handle < self.before.get(link.number, 0):
            self.kept.setdefault(link.number, []).append(proxy)

    def take(self, found: Sequence[Found]) -> list[OpenReservation[Any]]:
        """Return what was found, as handles: once, whoever else has asked meanwhile."""
        taken = []
        for link, rows in found:
            if self.before.pop(link.number, None) is not None:
                taken += [self._shown(link, row) for row in rows]
                self.kept.pop(link.number, None)  # those that are open are among them
        return taken

    def _shown(self, link: ShardLink, row: tuple[Any, ...]) -> OpenReservation[Any]:
        """Return the handle of a row, with its order.

        Raises:
            WireError: the row is none.
        """
        handle, account, order, bare, told = row
        shown = self.shown.get((link.number, handle))
        if shown is None:
            shown = self.shown[link.number, handle] = _handle_of(link, account, handle, told)
        account_id = None if account is None else new_account_id(account)
        return OpenReservation(account_id, _order_in(order, bare), shown)

    def let_go(self, router: Router, now: int, seconds: float) -> None:
        """Roll back what nobody has taken, ``seconds`` being the time at which that is due."""
        self.due = inf
        for left, message, answers in (
            (self.before, (kinds.DROP_LEFT, None), router.books.bodies.done),
            (self.missed, (kinds.ASK_MISSED, None, U64_MAX), _MISSED),
        ):
            for number, before in [*left.items()]:
                link = router.links[number]
                if link.is_stalled:
                    self.due = seconds + _AGAIN_SECONDS
                    continue
                del left[number]
                if link.is_up:
                    link.stage(Unattended(1, now, pack((*message, before)), answers))
                if left is self.before:
                    self.kept.pop(number, None)


def ask_left(router: Router, now: int, before: Mapping[int, int]) -> Steps:
    """Ask for all that is left open on shards that answer; changes nothing."""
    found: list[Found] = []
    for number, end in before.items():
        link, after = router.links[number], 0
        rows: list[tuple[Any, ...]] = []
        while link.is_up:
            asked = (kinds.ASK_LEFT, None, after, end)
            (answer,) = yield now, questions_to([link], asked)
            if answer is None:
                break
            more = read_left(link, answer[1])
            if not more:
                found.append((link, rows))
                break
            rows += more
            last = more[-1][0]
            if last <= after:
                raise WireError(f"what is left open begins again: {last} comes behind {after}")
            after = last
    return found


def _handle_of(link: ShardLink, account: int | None, handle: int, told: bytes) -> Any:
    (reply,) = messages_of(body_of([told], 1))
    check_replies((reply,))
    if reply[0] not in _READ:
        raise WireError(f"what is open was answered otherwise: {reply!r:.100}")
    result = _READ[reply[0]](link, account, handle, reply)
    return getattr(result, _HELD_AS[reply[0]])


_HELD_AS: Final = {
    kinds.FUNDED: "reservation",
    kinds.RESERVED: "reservation",
    kinds.RECORDED: "operation",
    kinds.STARTED: "request",
}


def _order_in(order: bytes, bare: bytes) -> Order:
    """Return an order, without what its own class has where that is not to be had here."""
    try:
        return _decoded(order)
    except (WireError, TypeError, ValueError, LookupError, AttributeError):
        return _decoded(bare)


def _decoded(packed: bytes) -> Order:
    ((order,),) = messages_of(body_of([packed], 1))
    found: Order = decode(order)
    return found
