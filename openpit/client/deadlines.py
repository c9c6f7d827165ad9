"""Until when callers wait, and shards may be silent.

Times are seconds of a clock that never goes back: whoever waits tells them, none is read here. All
calls of a client have the same patience, so those that began to wait first are due first.

A shard that answers nothing for a whole timeout is *stalled*. It keeps its memory and may go on, so
it is not ended at once; but no call waits for it a second time. One that stays so for the stall
timeout is. Where calls to all shards wait for one (a rollback of what nobody holds any more, an
engine-wide block), it has a little less than the timeout: those calls have it, too, and shall not
end a moment before.

A shard that is recovering is not silent: another worker replays its journal. Calls that may wait
for it are put off for as long as it does, and have their whole time again afterwards. So are those
that a stalled one has been sent, where another worker takes its place in the end; and whether it is
stalled has to be known first, so that no call ends a moment before.

Of a session's shards its server says which are stalled and which recover. One that says nothing for
longer than it would take stands still itself: nobody waits for it as for a shard that comes back.
"""

from __future__ import annotations

from itertools import islice, takewhile
from math import inf
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from openpit.router.calls import Call
    from openpit.router.router import Router
    from openpit.router.shard_link import Books, ShardLink

__all__ = ["Deadlines", "Patience"]

_SHARE: Final = 0.75
"""Of the timeout, for a shard that keeps the calls to all others waiting."""

_STALLED: Final = -1
"""In place of what has been heard of a shard that is stalled."""

_RECOVERS: Final = -3
"""In place of what has been heard of one that is recovering."""


class Patience(NamedTuple):
    """For how many seconds a caller or a shard is waited for."""

    timeout: float = 5.0
    """For an answer. A shard answers within microseconds: one that takes seconds is stuck."""
    max_wait: float = 5.0
    """For credit."""
    stall_timeout: float = 30.0
    """For a shard that is stalled: it will not be of use again, and its owner wants to know."""
    recovery_timeout: float = inf
    """For one that recovers, where nobody else sees to that."""
    word: float = inf
    """For a server's word of a shard that is stalled as far as can be seen here."""


class Deadlines:
    """When something is due to a client's callers, or of the shards that it asks.

    A call's time counts from when its caller began to wait, a shard's from when it was seen to have
    something to answer; neither is over early. A call has its time for the answer, and for credit
    if it waits for that. Where no call may wait for credit, what waits for others (a rollback, a
    procedure) does so for as long as for an answer.
    """

    __slots__ = (
        "_answers",
        "_awaited",
        "_credit",
        "_late",
        "_little",
        "_max_wait",
        "_now",
        "_patience",
        "_router",
    )

    def __init__(self, router: Router, patience: Patience) -> None:
        self._router: Final = router
        self._patience: Final = patience
        self._max_wait: Final = patience.max_wait or patience.timeout
        self._little: Final = patience.timeout * _SHARE
        self._now = -inf  # the last time that was told
        self._awaited: Sequence[ShardLink] = ()  # at that time
        self._answers: Final = router.books.answer_due
        self._credit: Final = router.books.credit_due
        self._late: Final = router.books.late

    @property
    def soonest(self) -> float:
        """For so many seconds after something has begun, nothing of it is due."""
        return min(self._little, self._max_wait)

    def expect(self, calls: Iterable[Call], now: float) -> None:
        """Record that callers begin to wait for these, and that shards may have been asked."""
        for link in self._router.links:
            _heed(link, now)
        timeout, max_wait = self._patience.timeout, self._max_wait
        for call in calls:
            if call.has_deadline and not call.done:
                if not call.is_sent:
                    self._credit[call] = now + max_wait
                if call.is_sent or max_wait < timeout:
                    self._answers[call] = now + timeout

    def expect_by(self, calls: Iterable[Call], due: float) -> None:
        """Record that callers wait for these until a moment, and for nothing else meanwhile."""
        self._answers.update(dict.fromkeys(calls, due))

    def next_deadline(self) -> float:
        """Return when something is due if nothing happens before; infinity if nothing is."""
        due = [*islice(self._answers.values(), 1), *islice(self._credit.values(), 1)]
        for link in self._router.links:
            since = link.silent_since
            if link.is_stalled:
                due.append(since + self._patience.stall_timeout)
                if link.comes_back and not link.is_told:
                    due.append(since + self._patience.word)
            elif link.is_up and link.pending:
                if link.is_recovering:
                    due.append(since + self._patience.recovery_timeout)
                    continue
                end = since + self._little
                due.append(end if self._now < end else since + self._patience.timeout)
        return min(due, default=inf)

    def on_time(self, now: float) -> list[tuple[ShardLink, str]]:
        """End what is due; return the shards that are to be given up, and why."""
        self._now = now
        timeout, _, stall_timeout, recovery_timeout, word = self._patience
        over = []
        for link in self._router.links:
            self._stall_if_silent(link, now)
            since = link.silent_since
            if link.is_stalled and now >= since + stall_timeout:
                over.append((link, f"stalled for {stall_timeout:g} s"))
            elif link.is_recovering and now >= since + recovery_timeout:
                over.append((link, f"not recovered within {recovery_timeout:g} s"))
            elif link.is_stalled and link.comes_back and not link.is_told and now >= since + word:
                _wait_no_more(self._router.books, link, f"no answer within {timeout + word:g} s")
        why = f"no answer within {timeout:g} s"
        late: dict[Call, float] = {}
        awaited = [link for link in self._router.links if _is_awaited(link)]
        self._renew([link for link in self._awaited if not _is_awaited(link)], now)
        self._awaited = awaited
        for call in [*_due_in(self._credit, now), *_due_in(self._answers, now)]:
            if any(call.may_wait_for(link) for link in awaited):
                self._put_off(call, now)
            elif call.is_sent and now < self._answers.get(call, now):
                del self._credit[call]  # it has what it waited for
            elif not call.done:
                known = self._known_at(call)
                if known > now:
                    late[call] = known
                else:
                    call.expire(why)
        if late:
            self._put_off_until(late)
        return over

    def _known_at(self, call: Call) -> float:
        """Return when it is known whether a call may wait on, whose time is up; -inf: it may not.

        Where its shard comes back, whether that is stalled. A call waits for that once.
        """
        if not call.is_sent or call in self._late:
            return -inf
        silent = [
            link.silent_since
            for link in self._router.links
            if link.comes_back and link.is_up and link.pending and call.may_wait_for(link)
        ]
        return max(silent, default=-inf) + self._patience.timeout

    def _put_off_until(self, late: dict[Call, float]) -> None:
        """Give calls until a moment each, once; the first that is due stays the first in line."""
        self._late.update(late)
        in_line = sorted({**self._answers, **late}.items(), key=itemgetter(1))
        self._answers.clear()
        self._answers.update(in_line)

    def _renew(self, back: Sequence[ShardLink], now: float) -> None:
        """Give the calls that waited for shards their whole time, now that those are up again."""
        if back:
            for call in {**self._credit, **self._answers}:
                if any(call.may_wait_for(link) for link in back):
                    self._put_off(call, now)

    def _put_off(self, call: Call, now: float) -> None:
        """Give a call its whole time, from now on."""
        self._late.discard(call)
        if self._credit.pop(call, None) is not None:
            self._credit[call] = now + self._max_wait
        if self._answers.pop(call, None) is not None:
            self._answers[call] = now + self._patience.timeout

    def _stall_if_silent(self, link: ShardLink, now: float) -> None:
        _heed(link, now)  # it may have been asked just now, since another one is stalled
        if link.is_recovering:
            if link.heard != _RECOVERS:
                link.heard, link.silent_since = _RECOVERS, now
            return
        if link.is_up and link.pending and now >= link.silent_since + self._little:
            seconds = self._little if link.delays_all else self._patience.timeout
            if now >= link.silent_since + seconds:
                self._router.stall(link, f"no answer within {seconds:g} s")
        if link.is_stalled and link.heard != _STALLED:
            link.heard, link.silent_since = _STALLED, now


def _heed(link: ShardLink, now: float) -> None:
    """Count a shard's silence from now on, if it has something to answer and it is not counted."""
    if link.heard != link.answered and link.pending and link.is_up and not link.is_recovering:
        link.heard, link.silent_since = link.answered, now


def _is_awaited(link: ShardLink) -> bool:
    """Tell whether callers wait on for a shard: another worker answers, if this one never does."""
    return link.is_recovering or (link.is_stalled and link.comes_back)


def _due_in(queue: dict[Any, float], now: float) -> list[Call]:
    return [call for call, _ in takewhile(lambda item: item[1] <= now, queue.items())]


def _wait_no_more(books: Books, link: ShardLink, why: str) -> None:
    """Tell who waits for a stalled shard that nobody knows of another worker in its place."""
    was_torn, books.is_torn = books.is_torn, True
    link.comes_back = False
    for entry in list(link.pending):
        entry.stalled(link, why)
    books.is_torn = was_torn
