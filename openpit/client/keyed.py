"""Calls with a key: a caller that does not know what became of one makes it again.

A handle has one owner, and in one client one object: what an order has come to is the same object,
whichever of the calls with its key asks, as long as anybody holds it or such a call is under way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from openpit.client.answers import WORDS, Check
from openpit.client.calls import CommandCall
from openpit.client.expected import expected
from openpit.client.lost_answers import lost_call, sent_call
from openpit.client.outcome import OutcomeCall, not_kept
from openpit.client.submitting import Submitting
from openpit.pretrade.results import ExecuteResult, new_execute_result
from openpit.pretrade.start import StartResult, new_start_result
from openpit.wire import kinds
from openpit.wire.checks import U64_MAX
from openpit.wire.frames import pack
from openpit.wire.shard_limits import KEY_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.client.answers import Read
    from openpit.client.left_open import LeftOpen
    from openpit.errors import SentCall
    from openpit.router.calls import Call
    from openpit.router.rates import Counting
    from openpit.router.shard_link import ShardLink
    from openpit.wire.possible_replies import Reply

__all__ = ["KeyedCall", "KeyedSubmitting", "key_bytes"]

_Whose = tuple[int, bytes]


def key_bytes(key: object) -> bytes:
    """Return a key as it travels: a text in UTF-8.

    Raises:
        TypeError: it is neither text nor bytes.
        ValueError: it is empty, over ``KEY_BYTES``, or has no UTF-8 form.
    """
    if isinstance(key, str):
        key = key.encode()
    if type(key) is not bytes:
        raise TypeError(f"a key is a str or bytes, not {type(key).__name__}")
    if not 0 < len(key) <= KEY_BYTES:
        raise ValueError(f"a key has 1 to {KEY_BYTES} bytes, not {len(key)}")
    return key


class _Flight:
    """The calls of one key that are under way: what one of them is given, the others get, too."""

    __slots__ = ("__weakref__", "proxy")

    def __init__(self, proxy: Any) -> None:
        self.proxy = proxy  # held, so that it is not let go of in between


class Proxies:
    """The handles of a client's calls with keys, as far as anybody has them."""

    __slots__ = ("_flights", "_left", "_proxies")

    def __init__(self, left: LeftOpen) -> None:
        self._left: Final = left
        self._proxies: Final[WeakValueDictionary[_Whose, Any]] = WeakValueDictionary()
        self._flights: Final[WeakValueDictionary[_Whose, _Flight]] = WeakValueDictionary()

    def begin(self, whose: _Whose) -> _Flight:
        """Return what the calls with a key have in common while they are under way."""
        flight = self._flights.get(whose)
        if flight is None:
            flight = self._flights[whose] = _Flight(self._proxies.get(whose))
        return flight

    def find(self, link: ShardLink, handle: int, flight: _Flight) -> Any:
        """Return the handle that there is of a number already, None if there is none."""
        proxy = flight.proxy
        if proxy is not None and proxy._handle == handle and proxy._link is link:
            return proxy
        return self._left.shown.get((link.number, handle))

    def add(self, whose: _Whose, flight: _Flight, proxy: Any) -> None:
        """Record the handle that a call has made."""
        self._proxies[whose] = flight.proxy = proxy
        handle, link = proxy._handle, proxy._link
        if handle < self._left.before.get(link.number, 0):  # left open, and not yet asked for
            self._left.shown[link.number, handle] = proxy


class KeyedCall(CommandCall):
    """A command that has a key."""

    __slots__ = ("_flight", "_proxies", "_whose")

    _flight: _Flight | None
    _proxies: Proxies
    _whose: _Whose

    def begin(self, proxies: Proxies, whose: _Whose) -> None:
        """Share what calls with this key are given."""
        self._proxies, self._whose = proxies, whose
        self._flight = proxies.begin(whose)

    def replied(self, link: ShardLink, seq: int, reply: Reply) -> None:
        if reply[0] != kinds.ONCE:
            super().replied(link, seq, reply)  # which raises what it says
        else:
            _, handle, is_open, first = reply
            if first[0] in _OPENED:
                self.finish(self._opened(link, handle, first, is_open=is_open))
            else:
                super().replied(link, handle, first)
        self._flight = None

    def _opened(
        self, link: ShardLink, handle: int, first: Reply, *, is_open: bool
    ) -> ExecuteResult | StartResult:
        """Return the result with a handle; the object that there is of it already, if there is."""
        flight = self._flight
        assert flight is not None  # noqa: S101 - one reply ends a call
        is_start = first[0] == kinds.STARTED
        before = self._proxies.find(link, handle, flight)
        if before is not None:
            return new_start_result(before, ()) if is_start else new_execute_result(before, ())
        result: ExecuteResult | StartResult = self.read(link, self.account, handle, first)
        proxy: Any = result.request if isinstance(result, StartResult) else result.reservation
        proxy._open = is_open
        self._proxies.add(self._whose, flight, proxy)
        return result

    def _sent(self) -> SentCall | None:
        account, key = self._whose
        return sent_call(self.link, self, WORDS.get(self.read), account, key=key)

    def lost(self, link: ShardLink, *, sent: bool) -> None:
        self._flight = None
        super().lost(link, sent=sent)


class KeyedSubmitting(Submitting):
    """Makes the calls that have a key: each is applied once, whoever makes it how often."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._proxies: Final = Proxies(self.left)

    def outcome(self, now: int, lost: object) -> Call:
        """Ask what became of a call whose answer was lost, as its error or its denial says.

        Raises:
            TypeError: it is no such thing. ValueError: it has its answer, or was another engine's.
            OutcomeUnknown: nobody here can know, or it has no answer yet.
        """
        self.check_open(now)
        asked = lost_call(lost)
        link = self._link_of(asked)
        age = now - asked.time if now >= asked.time else U64_MAX  # of another clock
        command = (kinds.ASK_OUTCOME, asked.account, asked.number or 0, asked.key, age)
        whose, left = (asked.account or 0, asked.key), self.left
        flight = self._proxies.begin(whose) if asked.key else None

        def find(link: ShardLink, handle: int) -> Any:
            if flight is not None:
                return self._proxies.find(link, handle, flight)
            return left.shown.get((link.number, handle))

        def add(proxy: Any) -> None:
            if flight is not None:
                self._proxies.add(whose, flight, proxy)
            left.tell(proxy._link, proxy._handle, proxy, is_open=proxy._open)

        call = OutcomeCall.about(link, now, pack(command), asked, find, add)
        call.expected = expected(command)
        self.router.submit(link, call)
        return call

    def _link_of(self, asked: SentCall) -> ShardLink:
        if asked.key and asked.account is not None:
            return self.router.link_of(asked.account)
        number, links = asked.number, self.router.links
        link = links[asked.shard] if asked.shard < len(links) else None
        if number is None or links[0].lasting is None:
            raise not_kept(asked, links[0].not_asked)
        if asked.session != links[0].session:
            raise not_kept(asked, _ANOTHERS)
        its = link if asked.account is None else self.router.link_of(asked.account)
        added = 0 if link is None else link.lasting or 0
        if link is None or its is not link or number >= added + link.next_seq:
            raise ValueError(f"a call to shard {asked.shard} of another engine")
        if number >= added + link.answered:
            is_coming = link.is_up or link.is_stalled
            raise not_kept(asked, "it has no answer yet" if is_coming else f"down: {link.reason}")
        return link

    def _keyed(
        self,
        now: int,
        account: int | None,
        key: object,
        make: Callable[[], tuple[tuple[Any, ...], Sequence[Counting]]],
        how: Check | Read,
    ) -> Call:
        """Submit a call with a key; ``make`` makes its command, and tells what of it may count.

        Raises:
            ValueError: it is of no account.
        """
        packed_key = key_bytes(key)
        if account is None:
            raise ValueError("a call with a key is of an account: it has to have its id")
        self.check_open(now)
        link = self.router.link_of(account)
        read, check = (how.read, how) if isinstance(how, Check) else (how, None)
        if not link.is_up:  # before it is counted for the rate limit
            call = CommandCall(link, account, now, b"", read, check)
            call.lost(link, sent=False)
            return call
        asked, counting = make()
        command = (kinds.KEYED, account, packed_key, asked)
        keyed = KeyedCall(link, account, now, pack(command), read, check, counting)
        keyed.expected = expected(command)
        keyed.begin(self._proxies, (account, packed_key))
        self.router.submit(link, keyed)
        return keyed


_ANOTHERS: Final = "its session has gone for longer than its name is waited for"
_OPENED: Final = frozenset({kinds.FUNDED, kinds.RESERVED, kinds.STARTED})
