"""What became of a call whose answer was lost: asked for later, and told as the call would have.

A shard that has a journal keeps its latest replies, and those to calls with keys for longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.client.answers import EXPECTED, READS, read_value
from openpit.client.calls import CommandCall
from openpit.core.opaque import Opaque
from openpit.errors import KeyConflict, OutcomeUnknown
from openpit.pretrade.results import new_drop_copy_result, new_execute_result
from openpit.pretrade.start import new_start_result
from openpit.router.calls import Raised
from openpit.wire import kinds
from openpit.wire.failures import read_failure
from openpit.wire.fates import Fate

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.client.answers import Read
    from openpit.errors import SentCall
    from openpit.router.shard_link import ShardLink
    from openpit.wire.possible_replies import Reply

__all__ = ["CallOutcome", "OutcomeCall", "not_kept", "result_of"]

_WHY: Final = {
    Fate.TOO_OLD: "it is too long ago: its answer is not kept any more",
    Fate.NOT_KEPT: "there is no journal, and the call had no key",
}
_MADE: Final[dict[int, Callable[[Any], Any]]] = {
    kinds.FUNDED: lambda proxy: new_execute_result(proxy, ()),
    kinds.RESERVED: lambda proxy: new_execute_result(proxy, ()),
    kinds.STARTED: lambda proxy: new_start_result(proxy, ()),
    kinds.RECORDED: lambda proxy: new_drop_copy_result(proxy, ()),
}
"""Makes a result of the handle that it has."""


class CallOutcome(Opaque):
    """What became of a call whose answer was lost; ``outcome()`` of a sharded engine returns it."""

    __module__ = "openpit"
    __slots__ = ("_error", "_result", "was_applied")

    _error: BaseException | None
    _result: Any
    was_applied: bool
    """Whether the call was made. If not, it never is: it may be made again."""

    @classmethod
    def _of(
        cls, result: Any = None, error: BaseException | None = None, *, was_applied: bool
    ) -> CallOutcome:
        self: CallOutcome = object.__new__(cls)
        self.was_applied = was_applied
        self._result = result
        self._error = error
        return self

    @property
    def result(self) -> Any:
        """What the call would have returned; a reservation in it as it stands by now.

        Raises:
            LookupError: the call was not made.
            Exception: what the call would have raised.
        """
        if not self.was_applied:
            raise LookupError("the call was not made: it has no result")
        if self._error is not None:
            raise self._error
        return self._result

    def __repr__(self) -> str:
        if not self.was_applied:
            return "CallOutcome(not applied)"
        return f"CallOutcome(applied: {self._error or self._result!r})"


_new: Final = CallOutcome._of


class OutcomeCall(CommandCall):
    """The question what became of a call."""

    __slots__ = ("_add", "_asked", "_find")

    _add: Callable[[Any], None]
    _asked: SentCall
    _find: Callable[[ShardLink, int], Any]

    @classmethod
    def about(
        cls,
        link: ShardLink,
        now: int,
        packed: bytes,
        asked: SentCall,
        find: Callable[[ShardLink, int], Any],
        add: Callable[[Any], None],
    ) -> OutcomeCall:
        """Return the question about a call.

        ``find`` returns the handle that there is of a number already, ``add`` is called with one
        that is made.
        """
        self = cls(link, asked.account, now, packed, read_value)
        self._asked = asked
        self._find = find
        self._add = add
        return self

    def replied(self, link: ShardLink, seq: int, reply: Reply) -> None:
        """Make of the answer what became of the call."""
        if reply[0] != kinds.OUTCOME:
            super().replied(link, seq, reply)  # which raises what it says
            return
        _, fate, number, is_open, answer = reply
        if fate == Fate.NEVER:
            self.finish(_new(was_applied=False))
        elif fate != Fate.APPLIED:
            self.fail(not_kept(self._asked, _WHY[fate]))
        else:
            self._tell(link, number, answer, is_open=is_open)

    def _tell(self, link: ShardLink, number: int, answer: Reply, *, is_open: bool) -> None:
        try:
            result = self._result(link, number, answer, is_open=is_open)
        except Raised as raised:
            self.finish(_new(error=raised.error, was_applied=True))
        except (KeyConflict, ValueError) as error:
            self.fail(error)
        else:
            self.finish(_new(result, was_applied=True))

    def _result(self, link: ShardLink, number: int, answer: Reply, *, is_open: bool) -> Any:
        """Return what the call would have; the handle that there is of it already, if there is."""
        asked = self._asked
        read = READS[asked.what]
        if answer[0] == kinds.FAILURES and read is read_value:
            for place, *failure in answer[1]:
                if place == asked.place:
                    raise Raised(read_failure(tuple(failure), link.number))
            return None
        if answer[0] not in EXPECTED[read].kinds and not _is_value(read, answer):
            text = f"shard {link.number}: another call has had the {_named(asked)}"
            raise KeyConflict(text, link.number)
        return result_of(
            link, read, asked.account, number, answer, self._find, self._add, is_open=is_open
        )


def _is_value(read: Read, answer: Reply) -> bool:
    return read is read_value and answer[0] != kinds.RAISED


def result_of(
    link: ShardLink,
    read: Read,
    account: int | None,
    number: int,
    answer: Reply,
    find: Callable[[ShardLink, int], Any],
    add: Callable[[Any], None],
    *,
    is_open: bool,
) -> Any:
    """Return what a call would have, of the answer that it had; of one that only does, None.

    It has the handle that ``find`` knows already, or a new one, which ``add`` is told of.

    Raises:
        Raised: the call has raised that.
    """
    kind = answer[0]
    if _is_value(read, answer):
        return None
    handle = find(link, number) if kind in _MADE else None
    if handle is not None:
        return _MADE[kind](handle)
    result = read(link, account, number, answer)
    if kind in _MADE:
        handle = _handle_of(result)
        handle._open = is_open
        add(handle)
    return result


def _named(asked: SentCall) -> str:
    return f"key {asked.key!r}" if asked.key else f"number {asked.number}"


def _handle_of(result: Any) -> Any:
    for name in ("reservation", "request", "operation"):
        handle = getattr(result, name, None)
        if handle is not None:
            return handle
    raise AssertionError(f"a result without a handle: {result!r}")


def not_kept(asked: SentCall, why: str) -> OutcomeUnknown:
    """Return the error of a question that nobody can answer."""
    error = OutcomeUnknown(f"shard {asked.shard}: {why}", asked.shard)
    error.call = asked
    return error
