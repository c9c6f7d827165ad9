"""Calls with keys: made once, and answered again as often as they are asked for.

What was not checked at all, since too much was open or too many keys were kept, is not kept: it may
be asked for again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.core.order import Order
from openpit.errors import KeyConflict, ShardOverloaded
from openpit.shards.answering import UNPACKABLE, denied, unchecked
from openpit.shards.counts import settlement_of
from openpit.shards.keys import Keys, KnownCall
from openpit.wire import kinds
from openpit.wire.failures import failure_row
from openpit.wire.frames import body_of, messages_of, pack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from openpit.pretrade.effects import Effects
    from openpit.shards.answering import Reply
    from openpit.shards.counts import BatchCounts
    from openpit.shards.held import Held
    from openpit.shards.raised_log import RaisedLog
    from openpit.wire.shard_limits import ShardLimits

__all__ = ["KeyedCalls"]

Command = tuple[Any, ...]

_PASSED: Final = frozenset({kinds.ACCEPTED, kinds.RESERVED})  # holding nothing, maybe
_NO_TRACES: Final = ((), ())


class KeyedCalls:
    """Answers the commands of one shard that have a key.

    ``handlers`` make the calls, by kind. An order that has passed is kept also where it holds
    nothing, as what ``nothing`` returns: its caller may ask whether it was finalised.
    """

    __slots__ = (
        "_counts",
        "_handlers",
        "_held",
        "_limits",
        "_nothing",
        "_raised",
        "_shard",
        "keys",
    )

    def __init__(
        self,
        shard: int,
        limits: ShardLimits,
        held: Held,
        counts: BatchCounts,
        handlers: Mapping[int, Callable[[int, Command, int], Reply | None]],
        nothing: Callable[[], Effects],
        raised: RaisedLog,
    ) -> None:
        self._shard: Final = shard
        self._limits: Final = limits
        self._held: Final = held
        self._counts: Final = counts
        self._handlers: Final = handlers
        self._nothing: Final = nothing
        self._raised: Final = raised
        self.keys: Final = Keys(limits.keys, limits.key_window)

    def answer(self, seq: int, command: Command, now: int, client: int, *, is_full: bool) -> Reply:
        """Make the call, or return the answer to the first that had its key.

        ``is_full`` says that its client has as much open as it may.

        Raises:
            KeyConflict: another call of the account had the key.
            ShardOverloaded: no key more can be kept, and the call is no order.
        """
        _, account, key, asked, content = command
        is_order = asked[0] in kinds.COUNTING
        known = self.keys.find(account, key, now)
        if is_order:  # it has not counted, as far as is known
            broker, asset = asked[-2:]
            self._counts.rank(broker, asset, settlement_of(asked))
        if known is not None:
            if known.content != content:
                text = f"shard {self._shard}: another call of account {account} had the key {key!r}"
                raise KeyConflict(text, self._shard)
            return self._again(known, client, is_full=is_full)
        if is_order and is_full:
            return _once(seq, denied(self._shard, self._limits.open_handles))
        if self.keys.is_full(now):
            return _once(seq, self._refused(is_order=is_order))
        reply, packed = self._first(seq, asked, now, client)
        self.keys.keep(account, key, KnownCall(now, content, seq, packed))
        return _once(seq, reply, is_open=seq in self._held.of(client))

    def _first(self, seq: int, asked: Command, now: int, client: int) -> tuple[Reply, bytes]:
        """Make a call; return its reply, also as it is kept."""
        try:
            reply = self._handlers[asked[0]](seq, asked, now) or (kinds.DONE, 1)
            if reply[0] in _PASSED:
                reply = self._reserved(seq, asked, reply, client)
        except BaseException as error:  # noqa: BLE001 - a policy's: it is the caller's to handle
            reply = self._raised.reply(error, asked)
        try:
            return reply, pack(reply)
        except UNPACKABLE as error:
            self._held.let_go(client, [seq])  # nobody hears of it
            reply = (kinds.RAISED, *failure_row(error))
            return reply, pack(reply)

    def _reserved(self, seq: int, asked: Command, reply: Reply, client: int) -> Reply:
        """Keep what an order that has passed holds, if it is nothing."""
        traces = reply[2:] if reply[0] == kinds.RESERVED else _NO_TRACES
        kept = kinds.RESERVED, True, *traces
        own = self._held.of(client)
        if seq not in own:
            own[seq] = nothing = self._nothing()
            nothing.origin = asked[2] if isinstance(asked[2], Order) else asked, kept
        return kept

    def _again(self, known: KnownCall, client: int, *, is_full: bool) -> Reply:
        """Answer a call again; what it has left open is the client's from here on."""
        own = self._held.of(client)
        is_open = known.number in own
        if not is_open and self._held.is_anothers(client, known.number):
            if is_full:
                return _once(known.number, denied(self._shard, self._limits.open_handles))
            self._held.hand_over(known.number, client)
            is_open = True
        (reply,) = messages_of(body_of([known.reply], 1))
        return _once(known.number, reply, is_open=is_open)

    def _refused(self, *, is_order: bool) -> Reply:
        why = f"shard {self._shard}: {self.keys.most} keys are kept, and no more can be"
        if not is_order:
            raise ShardOverloaded(why, self._shard)
        return unchecked("too many keys are kept", why)


def _once(number: int, reply: Any, *, is_open: bool = False) -> Reply:
    return kinds.ONCE, number, is_open, tuple(reply)
